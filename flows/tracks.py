"""调处并举: the case beside the mediation of a record, two tracks with a clock each; the end of one never ends the other."""
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import polars as pl

from flows.dates import now
from flows.facts import record_facts
from flows.messages import BadUsage, tell
from flows.running import House
from policy.catalogue import say
from policy.clocks import OVER, clocks_on, due_day, source_of
from policy.lifecycle import ZONE
from policy.packs import law_for
from policy.periods import SPAN, Period
from transforms.canonical import MOMENT
from warehouse.deciding import note
from warehouse.settings import Settings

_CASE: dict[str, Any] = {"case_id": pl.String, "record_id": pl.String, "case_no": pl.String, "law": pl.String, "filed_on": pl.Date, "known_at": MOMENT, "noted_by": pl.String}
_CLOSED: dict[str, Any] = {"case_id": pl.String, "closed_on": pl.Date, "result": pl.String, "closed_at": MOMENT, "closed_by": pl.String}
#: What is told of a case: its own clock (`case_due`, `case_ground`) beside the record's (`status`, `closed_on_record`, `close_due`).
TRACKS: dict[str, Any] = {**_CASE, **_CLOSED, "problem_code": pl.String, "problem_name": pl.String, "street": pl.String, "lead_unit": pl.String, "status": pl.String,
                          "close_due": MOMENT, "case_due": pl.Date, "case_ground": pl.String}


def open_case(settings: Settings, record_id: str, case_no: str | None, law: str | None, day: date | None, by: str | None, at: datetime | None = None) -> int:
    """Notes that a record became a case; the record's own mediation goes on. Without a law the one of its problem is quoted."""
    lang, moment = settings.lang, at or now()
    filed = day or moment.astimezone(ZONE).date()
    house = House.open(settings)
    try:
        rows = house.warehouse.select("record", "record_id = :r", r=record_id)
        if rows.is_empty():
            raise BadUsage(say("usage.nothing", lang, what=record_id))
        pack = house.mappings[rows["source_id"][0]].pack if rows["source_id"][0] in house.mappings else None
        case_id = f"A{filed:%Y%m%d}-{blake2b(f'{record_id}|{case_no}|{moment}'.encode(), digest_size=4).hexdigest()}"
        row = {"case_id": case_id, "record_id": record_id, "case_no": case_no, "law": law or law_for(rows["problem_code"][0], filed, pack), "filed_on": filed, "known_at": moment, "noted_by": by}
        note(house.warehouse, "enforcement_case", pl.DataFrame([row], schema=_CASE))
        tell(say("case.opened", lang, case=case_id, record=record_id))
        return 0
    finally:
        house.warehouse.close()


def close_case(settings: Settings, case_id: str, result: str | None, day: date | None, by: str | None, at: datetime | None = None) -> int:
    """Notes that a case is over and how; exit status 1 where it was before. The record stays as it is."""
    lang, moment = settings.lang, at or now()
    if not result:
        raise BadUsage(say("review.lacks_result", lang))
    house = House.open(settings)
    try:
        found = house.warehouse.select("enforcement_case", "case_id = :c", c=case_id)
        if found.is_empty():
            raise BadUsage(say("usage.nothing", lang, what=case_id))
        if found["closed_on"][0] is not None:
            tell(say("case.closed_before", lang, case=case_id, result=found["result"][0]))
            return 1
        row = {"case_id": case_id, "closed_on": day or moment.astimezone(ZONE).date(), "result": result, "closed_at": moment, "closed_by": by}
        note(house.warehouse, "enforcement_case", pl.DataFrame([row], schema=_CLOSED), "update")
        tell(say("case.closed", lang, case=case_id))
        return 0
    finally:
        house.warehouse.close()


def tracks(house: House, as_of: datetime, asked: datetime | None = None) -> pl.DataFrame:
    """Cases with both their tracks, columns `TRACKS`: records as known at `as_of`, cases as noted by `asked` (all that are noted without it). By clock."""
    rows = house.warehouse.read("enforcement_case")
    if asked is not None:
        late = (pl.col("closed_at") > asked).fill_null(False)
        rows = rows.filter(pl.col("known_at") <= asked).with_columns(pl.when(late).then(None).otherwise(pl.col(c)).alias(c) for c in ("closed_on", "result", "closed_at", "closed_by"))
    if rows.is_empty():
        return pl.DataFrame(schema=TRACKS)
    dues = {d: (due_day(c[0], d), source_of(c[0])) if (c := clocks_on("case", "filed", d)) else (None, None) for d in rows["filed_on"].unique()}
    rows = rows.with_columns(pl.Series("case_due", [dues[d][0] for d in rows["filed_on"]], dtype=pl.Date), pl.Series("case_ground", [dues[d][1] for d in rows["filed_on"]], dtype=pl.String))
    days = house.warehouse.records(rows["record_id"].unique())["local_date"].unique().sort()
    told = record_facts(house, [Period(SPAN, d, d) for d in days], as_of) if days.len() else None
    about = ["problem_code", "problem_name", "street", "lead_unit", "status", "close_due"]
    rows = rows.join(told.select("record_id", *about), on="record_id", how="left") if told is not None else rows.with_columns(pl.lit(None).alias(c) for c in about)
    return rows.select(pl.col(c).cast(t) for c, t in TRACKS.items()).sort("case_due", "case_id", nulls_last=True)


def list_cases(settings: Settings) -> int:
    """Prints all cases: the state and clock of each, beside those of its record."""
    from flows.facts import told_as_of
    house = House.open(settings)
    lang = settings.lang
    try:
        as_of = told_as_of(house)
        for r in tracks(house, as_of).iter_rows(named=True):
            print(say("case.line", lang, case=r["case_id"], number=r["case_no"] or "—", record=r["record_id"], mediation=(both := sides(r, as_of.astimezone(ZONE).date(), lang))["mediation"], case_state=both["case"]))
        return 0
    finally:
        house.warehouse.close()


def sides(row: dict[str, Any], day: date, lang: str) -> dict[str, str]:
    """A case's two tracks in words: `mediation` and `case`, each over or running with its last day."""
    due = row["close_due"].astimezone(ZONE).date() if row["close_due"] else None
    over = row["status"] in OVER
    running = lambda last: say("case.running" if last is None else "case.late" if last < day else "case.due", lang, day=last)
    return {"mediation": say("case.unknown" if row["status"] is None else "case.over", lang) if over or row["status"] is None else running(due),
            "case": say("case.done", lang, day=row["closed_on"], result=row["result"]) if row["closed_on"] else running(row["case_due"])}
