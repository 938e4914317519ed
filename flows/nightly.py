"""The nightly run: land, read, judge, work, publish; one transaction at its end. `ingest` is the first half of it."""
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date as Date
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flows import runtime

runtime.prepare()

import polars as pl  # noqa: E402
from prefect import flow, task  # noqa: E402
from prefect.artifacts import create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.states import Completed, Failed, State  # noqa: E402

from expectations.batch_rules import delivers_on, withholding  # noqa: E402
from expectations.profile import known_categories, pool  # noqa: E402
from expectations.suites import validate  # noqa: E402
from flows.dates import end_of, now, yesterday  # noqa: E402
from flows.intake import Delivery, Intake, take_in  # noqa: E402
from flows.learned import taught  # noqa: E402
from flows.messages import BadUsage  # noqa: E402
from flows.night import Work, notice_frame, work_place  # noqa: E402
from flows.places import place_key, places_of  # noqa: E402
from flows.running import House, Run, running  # noqa: E402
from flows.settle import PROFILES, Settled, batch_writes, ingested, past_days, settle, touched_records, withheld  # noqa: E402
from flows.tonight import Tonight  # noqa: E402
from models.threads import both  # noqa: E402
from policy.calendar import region_of  # noqa: E402
from policy.catalogue import say  # noqa: E402
from policy.rules import Finding  # noqa: E402
from sources.query import read_query  # noqa: E402
from transforms.canonical import MOMENT  # noqa: E402
from warehouse.deciding import decide  # noqa: E402
from warehouse.landing import LandedFile  # noqa: E402
from warehouse.publication import Publication, Write  # noqa: E402
from warehouse.purging import forgotten  # noqa: E402
from warehouse.settings import Settings  # noqa: E402
from warehouse.work_rules import rule_writes  # noqa: E402

RANK = {"ok": 0, "notices": 1, "withheld": 2, "failed": 3}
COPY_DAYS = 7
#: From this share of rows on that show inserted pinyin or commas, the mapping's switch is named.
SIGNS_SHARE = 0.2
#: So many findings stand in a flow run's state; all are told at the terminal and kept with the batch.
NAMED = 5
#: Seconds between the tries of a deployed night to reach its database: an hour in all.
PATIENCE = (10, 50, 240, 600, 900, 1800)


@dataclass
class Outcome:
    """How a run ended: its row of the run log, what it found, and where each source stands."""

    row: dict[str, Any]
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    refused: dict[str, dict[str, list[Finding]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=dict)
    warnings: pl.DataFrame | None = None
    repairs: dict[str, int] = field(default_factory=dict)


def resolve_dates(house: House, sources: Sequence[str], day: Date | None, as_of: datetime | None) -> tuple[Date, datetime]:
    """The run's date (default: yesterday in the first source's zone) and as-of (default: the latest end of it among the sources')."""
    mappings = [house.mappings[s] for s in sources]
    first = mappings[0]
    day = day or yesterday(first.time_zone, first.day_starts_at)
    return day, as_of or max(end_of(day, m.time_zone, m.day_starts_at) for m in mappings)


def deliveries(house: House, inputs: Mapping[str, Sequence[str]] | None) -> list[Delivery]:
    """What is to be taken: the given inputs, else what lies settled in the inboxes. Raises BadUsage for what isn't there."""
    lang = house.settings.lang
    if inputs:
        out = []
        for source, paths in sorted(inputs.items()):
            if source not in house.mappings:
                raise BadUsage(say("usage.source", lang, source=source, known=", ".join(house.mappings)))
            missing = [p for p in paths if not Path(p).is_file()]
            if missing:
                raise BadUsage(say("usage.path", lang, path=missing[0]))
            out.append(Delivery(source, tuple(Path(p) for p in paths)))
        return out
    boxes = house.settings.inboxes
    configured = [s for s in house.mappings if (boxes / s).is_dir() or house.mappings[s].format == "sql"]
    if not configured:
        raise BadUsage(say("usage.inbox", lang, inbox=str(boxes)))
    settled = {s: tuple(house.warehouse.landing.inbox(s, now())) for s in configured}
    return [Delivery(s, tuple(f.path for f in seen), from_inbox=True, seen=seen) for s, seen in settled.items()]


def _database_away(task: Any, run: Any, state: State) -> bool:
    return isinstance(state.result(raise_on_failure=False), runtime.DatabaseAway)


def _deployed_and_away(task: Any, run: Any, state: State) -> bool:
    """A deployed run waits for its database; at a terminal a person is told at once."""
    from prefect.runtime import deployment
    return deployment.id is not None and _database_away(task, run, state)


@task(name="open", retries=len(PATIENCE), retry_delay_seconds=list(PATIENCE), retry_condition_fn=_deployed_and_away, cache_policy=NO_CACHE)
@runtime.contained
def opened() -> House:
    """The house, with its database at the newest schema."""
    return House.open(Settings())


@task(name="land", retries=2, retry_delay_seconds=1, cache_policy=NO_CACHE)
@runtime.contained
def land(run: Run, delivery: Delivery) -> list[LandedFile]:
    """Keeps every input untouched before anything reads it."""
    landing = run.house.warehouse.landing
    mapping = run.house.mappings[delivery.source_id]
    with run.step("land"):
        if mapping.format == "sql" and not delivery.files:
            aside = run.house.settings.home / "landing" / f".query-{mapping.source}-{run.run_id}.parquet"
            aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                read_query(mapping.url or "", mapping.query or "", mapping).write_parquet(aside)
                return [landing.land(aside, mapping.source, f"{mapping.source}.parquet", received_at=now())]
            finally:
                aside.unlink(missing_ok=True)
        landed = [landing.land(path, mapping.source, received_at=now()) for path in delivery.files]
        # What a run takes was there by its as-of: a clock that was set back makes no row one from the future.
        return [replace(file, received_at=max(file.received_at, run.as_of)) for file in landed]


@task(name="take in", cache_policy=NO_CACHE)
@runtime.contained
def read_and_judge(run: Run, delivery: Delivery, landed: list[LandedFile]) -> tuple[Intake, pl.DataFrame]:
    """Reads, maps, repairs, pseudonymises and judges the rows of one delivery; and the days that the silence gate will compare it with."""
    house = run.house.warehouse
    mapping = run.house.mappings[delivery.source_id]
    with run.step("read"):
        recent = house.read("select record_id, content, local_date from record where source_id = :s and local_date > :since",
                            s=mapping.source, since=run.day - timedelta(days=COPY_DAYS))
        known = known_categories(pool([json.loads(p) for p in house.profiles(mapping.source, run.day, PROFILES)]))
        take = partial(take_in, mapping, delivery, landed, run.house.settings.key, recent, known, forgotten(house), run.aside, run.house.settings.slice_rows)
        intake, past = both(take, partial(past_days, house, mapping, run))
    if not intake.refused and landed:
        with run.step("validate"):
            received = max(f.received_at for f in landed)
            for i, part in enumerate(intake.sound_parts()):
                rest = (intake.quarantined, intake.findings) if i == 0 else (intake.quarantined.clear(), [])
                validate(pl.concat([part, rest[0]]), mapping, rest[1], received_at=received)
    return intake, past


@task(name="settle", cache_policy=NO_CACHE)
@runtime.contained
def compare(run: Run, intake: Intake, past: pl.DataFrame, history: bool, file_missing: bool) -> Settled:
    """Compares a batch with what is known and asks the silence gate."""
    return settle(run, intake, past, history, file_missing)


@task(name="work", cache_policy=NO_CACHE)
@runtime.contained
def work(run: Run, settled: list[Settled], quiet: list[str]) -> list[Work]:
    """Classifies, links, counts, detects and warns, place by place."""
    house = run.house.warehouse
    out = []
    for place in places_of(run.house.mappings, run.sources):
        mine = [s for s in settled if s.source_id in place.sources]
        with run.step("known"):
            frames = [f.collect() for s in mine for f in s.revisions]
            new = pl.concat(frames) if frames else pl.DataFrame()
            touched, before = touched_records(house, new, run.as_of, place.sources, unworked=True)
        silent = [s for s in quiet if s in place.sources]
        tonight = Tonight(run.day, run.as_of, run.run_id, run.house.settings, silent, run.step, house.night_no(), taught(house, place.key, run.as_of))
        out.append(work_place(place, touched, before, house, tonight, rules_only=all(s in silent for s in _speaking(run, place.sources))))
    return out


def _speaking(run: Run, sources: Sequence[str]) -> list[str]:
    """The place's sources that have ever delivered, or do tonight."""
    known = set(run.house.warehouse.read("select distinct source_id from batch")["source_id"].to_list())
    return [s for s in sources if s in known or s in run.sources]


@task(name="publish", retries=3, retry_delay_seconds=2, cache_policy=NO_CACHE, retry_condition_fn=_database_away)
@runtime.contained
def publish(run: Run, publication: Publication) -> None:
    """Everything in one transaction."""
    run.house.warehouse.publish(publication)


def _run_name() -> str:
    from prefect.runtime import flow_run
    given = flow_run.parameters
    return f"{flow_run.flow_name}-{given.get('date') or 'yesterday'}"


@flow(name="nightly", flow_run_name=_run_name, persist_result=False)
def nightly(inputs: dict[str, list[str]] | None = None, date: Date | None = None, as_of: datetime | None = None, history: bool = False,
            accept: list[str] | None = None, reason: str | None = None, from_now_on: bool = False, run_id: str | None = None) -> State:
    """One night, end to end.

    inputs: source → paths; without it, what lies in the inboxes. date: the run's day (yesterday). as_of: what counts as known (end of
    date). history: the batch is a history load. accept: W codes that a person releases, with the reason; from_now_on: for good.
    """
    return _guarded("nightly", inputs, date, as_of, history, accept, reason, from_now_on, run_id)


@flow(name="ingest", flow_run_name=_run_name, persist_result=False)
def ingest(inputs: dict[str, list[str]], date: Date | None = None, as_of: datetime | None = None, history: bool = False,
           run_id: str | None = None) -> State:
    """Landing to validated records only; warnings and series stay as they are."""
    return _guarded("ingest", inputs, date, as_of, history, None, None, False, run_id)


def _guarded(kind: str, *args: Any) -> State:
    """Runs and turns the outcome into a state. An unexpected error is told by type and place: its message may carry a value."""
    outcome = runtime.contained(_run)(kind, *args)
    LAST[outcome.row["run_id"]] = outcome
    said = [f.text("en") for files in outcome.refused.values() for found in files.values() for f in found]
    said += [f"{source}: {f.text('en')}" for source, found in outcome.findings.items() for f in withholding(found)]
    message = f"{outcome.row['outcome']}: {outcome.row['rows_read']} rows read, {outcome.row['n_warnings']} warnings" + "".join(f"; {x}" for x in said[:NAMED])
    if outcome.row["outcome"] == "failed":
        return Failed(message=message, data=None)
    return Completed(message=message, name=outcome.row["outcome"].capitalize(), data=None)


#: The outcomes of this process' runs, for the command line that started them.
LAST: dict[str, Outcome] = {}


def _run(kind: str, inputs: Mapping[str, Sequence[str]] | None, day: Date | None, as_of: datetime | None, history: bool,
         accept: Sequence[str] | None, reason: str | None, from_now_on: bool, run_id: str | None) -> Outcome:
    house = opened()
    try:
        given = deliveries(house, inputs)
        sources = tuple(d.source_id for d in given)
        day, as_of = resolve_dates(house, sources, day, as_of)
        parameters = {"inputs": {d.source_id: [p.name for p in d.files] for d in given}, "history": history, "accept": list(accept or [])}
        with running(house, kind, day, as_of, sources, parameters, run_id) as run:
            return _one_run(run, given, history, accept, reason, from_now_on)
    finally:
        house.warehouse.close()


def _one_run(run: Run, given: list[Delivery], history: bool, accept: Sequence[str] | None, reason: str | None, from_now_on: bool) -> Outcome:
    house = run.house.warehouse
    landed = {d.source_id: land(run, d) for d in given}
    earlier = _rerun_of_an_earlier_night(run, landed)
    if earlier is not None:
        return Outcome(earlier, notes=[say("run.again_earlier", run.house.settings.lang, date=run.day)])
    decided = _decisions(run, given, accept, reason, from_now_on)
    if decided.height:
        decide(house, decided)
    expected = [d for d in given if d.files or _expects(run, d.source_id)]
    read = [read_and_judge(run, d, landed[d.source_id]) for d in expected]
    intakes = [intake for intake, _ in read]
    refused = {i.source_id: i.refused for i in intakes if i.refused}
    if refused:
        return _failed(run, intakes, refused)
    settled = [compare(run, i, past, history, file_missing=i.delivery.from_inbox and not i.landed) for i, past in read]
    if any(i.rows_read != i.n_sound + i.quarantined.height or s.accepted + s.unchanged != i.n_sound
           for i, s in zip(intakes, settled)):
        raise ArithmeticError("rows read, accepted, quarantined and unchanged don't add up")
    quiet = sorted({s.source_id for s in settled if withheld(s)} | set(_withheld_today(run, settled)))
    works = work(run, settled, quiet) if run.kind == "nightly" else []
    publication, row = _publication(run, settled, works, quiet)
    publish(run, publication)
    run.stored = True
    with run.step("compact"):
        house.compact(run.run_id)
    for delivery in given:
        house.landing.take_away(delivery.seen)
    for sha256 in {h for s in settled for h in s.purged}:
        house.landing.remove(sha256)
    repairs: dict[str, int] = {}
    for i in intakes:
        for kind, n in i.repairs.items():
            repairs[kind] = repairs.get(kind, 0) + n
    told = house.select("warning", "updated_on = :day", day=run.day) if run.kind == "nightly" else None
    if told is not None:
        _artifact(run, told, row)
    return Outcome(row, {s.source_id: s.findings for s in settled}, {}, _notes(run, settled),
                   {s.source_id: [f.name for f in s.intake.landed] for s in settled}, told, repairs)


def _expects(run: Run, source: str) -> bool:
    """Whether a night without a file of this source is a missing file: it delivers on the next morning and has not for this day."""
    mapping = run.house.mappings[source]
    if mapping.format == "sql":
        return True
    have = run.house.warehouse.batches(source, since=run.day)
    if have.filter(pl.col("run_date") == run.day).height:
        return False
    return delivers_on(mapping.delivers, run.day + timedelta(days=1), region_of(mapping.time_zone))


def _withheld_today(run: Run, settled: Sequence[Settled]) -> list[str]:
    """Sources that delivered for this day in an earlier run that was withheld, and not again in this one."""
    batches = run.house.warehouse.batches(since=run.day).filter(pl.col("run_date") == run.day)
    last = batches.unique("source_id", keep="last", maintain_order=True)
    again = {s.source_id for s in settled}
    return [s for s, ended in last.select("source_id", "outcome").iter_rows() if ended == "withheld" and s not in again]


def _decisions(run: Run, given: Sequence[Delivery], accept: Sequence[str] | None, reason: str | None, from_now_on: bool) -> pl.DataFrame:
    """`--accept`: a dated decision a source, known at the run's as-of."""
    rows = []
    for d in given if accept else ():
        about = f"{d.source_id}|{run.day}|{','.join(sorted(accept or ()))}|{from_now_on}"
        rows.append({"decision_id": "D" + blake2b(about.encode(), digest_size=6).hexdigest(), "known_at": run.as_of, "kind": "accept",
                     "source_id": d.source_id, "run_date": run.day, "codes": sorted(accept or ()), "from_now_on": from_now_on, "reason": reason})
    return pl.DataFrame(rows, schema={"decision_id": pl.String, "known_at": MOMENT, "kind": pl.String, "source_id": pl.String,
                                      "run_date": pl.Date, "codes": pl.List(pl.String), "from_now_on": pl.Boolean, "reason": pl.String})


def _rerun_of_an_earlier_night(run: Run, landed: Mapping[str, list[LandedFile]]) -> dict[str, Any] | None:
    """Nights go forward. The same files of an earlier night again are that night's outcome again; anything else is refused."""
    house = run.house.warehouse
    keys = {place_key(run.house.mappings[s]) for s in run.sources}
    mine = [s for s, m in run.house.mappings.items() if place_key(m) in keys]
    later = house.batches().filter(pl.col("source_id").is_in(mine) & (pl.col("as_of") > run.as_of) & (pl.col("run_date") > run.day))
    if later.is_empty():
        return None
    first = []
    for source, files in landed.items():
        batches = house.batches(source, since=run.day).filter(pl.col("run_date") == run.day)
        taken = house.inputs_taken(source, [f.sha256 for f in files]).filter(pl.col("run_date") == run.day)
        if batches.is_empty() or not files or {f.sha256 for f in files} - set(taken["sha256"].to_list()):
            raise BadUsage(say("usage.backwards", run.house.settings.lang, date=run.day, last=later["run_date"].max()))
        first.append(batches.row(0, named=True))
    total = lambda c: sum(b[c] or 0 for b in first)
    worst = max((b["outcome"] for b in first), key=RANK.__getitem__)
    row = run.ended(worst, rows_read=total("rows_read"), accepted=0, quarantined=total("quarantined"),
                    unchanged=total("rows_read") - total("quarantined"))
    house.end(row)
    run.stored = True
    return row


def _failed(run: Run, intakes: Sequence[Intake], refused: Mapping[str, Mapping[str, list[Finding]]]) -> Outcome:
    """Nothing is stored; files at fault leave their inbox, the sound ones wait there."""
    landing = run.house.warehouse.landing
    for intake in intakes:
        if intake.delivery.from_inbox and intake.refused:
            files = landing.inbox(intake.source_id, now())
            landing.refuse([f for f in files if f.path.name in intake.refused])
    reasons = [{"code": f.code, "file": name} for files in refused.values() for name, found in files.items() for f in found]
    run.fail(reasons=reasons)
    return Outcome(run.row, {}, {s: dict(r) for s, r in refused.items()})


def _publication(run: Run, settled: Sequence[Settled], works: Sequence[Work], quiet: Sequence[str]) -> tuple[Publication, dict[str, Any]]:
    writes, lake, deletes, notices = [], [], [], []
    for s in settled:
        rows, files = batch_writes(run, s)
        writes += rows
        lake += files
        notices += _finding_notices(run, s)
    for w in works:
        writes += w.writes
        lake += w.lake
        deletes += w.deletes
    if run.kind == "ingest":
        for place in places_of(run.house.mappings, run.sources):
            writes += [Write("record", run.aside.put(rows), "upsert") for rows in ingested(run, settled, place)]
    writes += rule_writes() if run.kind == "nightly" else []
    found = notice_frame(notices, run.day, run.as_of, run.run_id)
    writes.append(Write("notice", found, "ignore"))
    worst = max([s.outcome for s in settled] + (["withheld"] if quiet else []) + ["ok"], key=RANK.__getitem__)
    if worst == "ok" and (found.height or any(w.notices for w in works)):
        worst = "notices"
    total = lambda f: sum(f(s) for s in settled)
    repairs: dict[str, int] = {}
    for s in settled:
        for kind, n in s.intake.repairs.items():
            repairs[kind] = repairs.get(kind, 0) + n
    row = run.ended(
        worst, rows_read=total(lambda s: s.intake.rows_read), accepted=total(lambda s: s.accepted),
        quarantined=total(lambda s: s.intake.quarantined.height), unchanged=total(lambda s: s.unchanged),
        not_records=total(lambda s: s.intake.not_records), n_signals=sum(w.n_signals for w in works),
        n_warnings=sum(w.n_warnings for w in works), expected_false_alarms=sum(w.expected_false_alarms for w in works),
        reasons=[{"source": s.source_id, "code": f.code} for s in settled for f in s.findings if f.effect == "W"], repairs=repairs)
    lake = [x for x in lake if not x.is_empty]
    places = places_of(run.house.mappings, run.sources)
    sources = [s for p in places for s in p.sources]
    return Publication(row, [w for w in writes if not w.is_empty], lake, deletes, known_to=run.as_of, worked_sources=sources), row


def _finding_notices(run: Run, settled: Settled) -> list[dict[str, Any]]:
    """What a person should know about the batch: findings of middle and high severity, told once a code."""
    lang, rows = run.house.mappings[settled.source_id].language, {}
    for f in settled.findings:
        if f.rule.severity != "low" and f.code not in rows:
            rows[f.code] = {"kind": "data", "code": f.code, "source_id": settled.source_id, "lang": lang, "n_records": settled.intake.rows_read,
                            "summary": say("notice.finding", lang, source=run.house.mappings[settled.source_id].name.zh if lang == "zh"
                                           else run.house.mappings[settled.source_id].name.en, text=f.text(lang))}
    signs, switch = settled.intake.repairs["rows_with_signs"], run.house.mappings[settled.source_id].repair.damaged
    if switch is None and signs >= SIGNS_SHARE * max(settled.intake.rows_read, 1):
        name = run.house.mappings[settled.source_id].name
        rows["damaged"] = {"kind": "data", "source_id": settled.source_id, "lang": lang, "n_records": signs, "about": "damaged", "summary": say(
            "notice.damaged", lang, source=name.zh if lang == "zh" else name.en, p=round(100 * signs / settled.intake.rows_read))}
    return list(rows.values())


def _notes(run: Run, settled: Sequence[Settled]) -> list[str]:
    lang = run.house.settings.lang
    out = [say("run.interrupted", lang, run=r) for r in run.interrupted]
    for s in settled:
        for why in dict.fromkeys((s.skipped or {}).values()) if not s.is_history else ():
            out.append(f"{s.source_id}: {why}")
    if run.house.settings.secret_was_generated:
        out.append(say("run.secret", lang, path=str(run.house.settings.home / "secret")))
    return out


def _artifact(run: Run, told: pl.DataFrame, row: Mapping[str, Any]) -> None:
    """The night's list beside the run in Prefect: ids, levels, units and titles, which are masked."""
    columns = ("warning_id", "level", "kind", "title", "place", "lead_unit", "n_records")
    rows = [{c: w[c] for c in columns} for w in told.sort("level", "warning_id").iter_rows(named=True)]
    create_table_artifact(table=rows or [{"warning_id": "—"}], key=f"nightly-{run.day}",
                          description=f"{row['outcome']}: {row['n_warnings']} warnings; expected false alarms {row['expected_false_alarms']:.2f}")
