"""`weisu ledger`: loading a ledger, what happens to its items, and which of them to inspect next."""
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Column, Table

from flows.dates import now
from flows.facts import known_as_of, record_facts
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json, tell, tell_findings
from flows.running import House
from policy.catalogue import say
from policy.ledgers import EVENTS, Ledger, ledgers
from policy.lifecycle import ZONE
from policy.periods import SPAN, Period
from sources.findings import RefusedInput
from sources.ledger import ITEM, read_ledger
from transforms.canonical import MOMENT
from transforms.ledgers import YEAR, compare, joined, scored
from transforms.privacy import mask_respondent
from warehouse.deciding import note
from warehouse.settings import Settings

#: How a load ends: taken, held until a person says that what vanished is gone, refused.
TAKEN, HELD, REFUSED = 0, 3, 1
SHOWN_FAULTS = 10


def kind_of(name: str, lang: str) -> Ledger:
    """A kind of ledger. Raises BadUsage that names those there are."""
    found = ledgers().get(name)
    if found is None:
        raise BadUsage(say("ledger.unknown", lang, name=name, known=", ".join(ledgers())))
    return found


def in_force(house: House, ledger: str, day: date) -> pl.DataFrame:
    """The items in force on a day, as known now: columns of the table, by item_id."""
    return house.warehouse.select("ledger_item", "ledger = :l and valid_from <= :d and (valid_to is null or valid_to > :d)", l=ledger, d=day).sort("item_id")


def load_ledger(settings: Settings, kind: str, path: Path, day: date | None, accept: str | None, at: datetime | None = None) -> int:
    """Takes a ledger's file in force from a day on. Items that vanish hold it (exit 3) until --accept says why; faults in the file refuse it (exit 1), each by row and column."""
    lang = settings.lang
    ledger, moment = kind_of(kind, lang), at or now()
    day = day or moment.astimezone(ZONE).date()
    if not path.is_file():
        raise BadUsage(say("usage.path", lang, path=path))
    try:
        items, wrong = read_ledger(path, ledger)
    except RefusedInput as no:
        tell_findings(no.findings, lang)
        return REFUSED
    if wrong:
        tell(say("ledger.refused", lang, file=path.name, n=len(wrong)))
        for row, column, why in wrong[:SHOWN_FAULTS]:
            tell("  " + say("ledger.wrong", lang, row=row, column=column, why=say(f"ledger.why.{why}", lang)))
        return REFUSED
    house = House.open(settings)
    try:
        later = house.warehouse.read("select max(valid_from) as valid_from from ledger_item where ledger = :l", l=kind)["valid_from"][0]
        if later is not None and later > day:
            raise BadUsage(say("ledger.backwards", lang, day=day, last=later))
        old = in_force(house, kind, day)
        told = compare(items, old.select(list(ITEM)))
        if told.vanished and not accept:
            tell(say("ledger.held", lang, n=len(told.vanished), was=old.height, now=items.height))
            for item in told.vanished:
                tell(f"  {item}")
            return HELD
        gone = old.filter(pl.col("item_id").is_in([*told.vanished, *told.changed["item_id"].to_list()]) & (pl.col("valid_from") < day))
        note(house.warehouse, "ledger_item", gone.select("ledger", "item_id", "valid_from", pl.lit(day).alias("valid_to")), "update")
        fresh = told.changed.with_columns(pl.lit(kind).alias("ledger"), pl.lit(day).alias("valid_from"), pl.lit(None, pl.Date).alias("valid_to"), pl.lit(moment, MOMENT).alias("known_at"))
        note(house.warehouse, "ledger_item", fresh, "upsert")
        if told.vanished and accept:
            same_day = old.filter(pl.col("item_id").is_in(told.vanished) & (pl.col("valid_from") == day))
            note(house.warehouse, "ledger_item", same_day.select("ledger", "item_id", "valid_from", pl.lit(day).alias("valid_to")), "update")
            tell(say("ledger.accepted", lang, n=len(told.vanished), reason=accept))
        tell(say("ledger.taken", lang, name=ledger.name(lang), n=items.height, new=len(told.new), changed=told.changed.height - len(told.new), same=len(told.unchanged)))
        return TAKEN
    finally:
        house.warehouse.close()


def note_event(settings: Settings, kind: str, item: str, what: str, day: date | None, said: str | None, by: str | None, at: datetime | None = None) -> int:
    """Notes what happened to an item: inspected, maintained, fault, disclosed (公示), confirmed (居民签字)."""
    lang, moment = settings.lang, at or now()
    kind_of(kind, lang)
    day = day or moment.astimezone(ZONE).date()
    house = House.open(settings)
    try:
        if what not in EVENTS or in_force(house, kind, day).filter(pl.col("item_id") == item).is_empty():
            raise BadUsage(say("usage.nothing", lang, what=item))
        row = {"event_id": blake2b(f"{kind}|{item}|{what}|{day}|{moment}".encode(), digest_size=8).hexdigest(), "ledger": kind, "item_id": item, "kind": what, "day": day, "note": said,
               "known_at": moment, "noted_by": by}
        note(house.warehouse, "ledger_event", pl.DataFrame([row], schema_overrides={"known_at": MOMENT, "note": pl.String, "noted_by": pl.String}))
        tell(say("ledger.noted", lang, item=item, what=say(f"ledger.event.{what}", lang)))
        return 0
    finally:
        house.warehouse.close()


def ranked(house: House, ledger: Ledger, day: date, as_of: datetime, asked: datetime | None = None) -> pl.DataFrame:
    """Items in force on a day by risk: `transforms.ledgers.scored`. asked: only versions and events known by then."""
    items = in_force(house, ledger.id, day)
    events = house.warehouse.select("ledger_event", "ledger = :l and day <= :d", l=ledger.id, d=day)
    if asked is not None:
        items, events = items.filter(pl.col("known_at") <= asked), events.filter(pl.col("known_at") <= asked)
    rows = record_facts(house, [Period(SPAN, day - timedelta(days=YEAR - 1), day)], as_of).filter(
        (pl.col("status") != "void") & (pl.col("problem_code").is_in(list(ledger.problems)) | pl.col("group").is_in(list(ledger.problems)).fill_null(False)))
    about = joined(items, rows, ledger.by)
    return scored(items.select(list(ITEM)), events.select("item_id", "kind", "day"), about, day, [(r.id, r.when, r.points) for r in ledger.rules(day)])


def words(row: Mapping[str, Any], ledger: Ledger, day: date, lang: str, brief: bool = False) -> str:
    """An item's marks, each overdue check with its ground unless `brief`."""
    rules = {r.id: r for r in ledger.rules(day)}
    return ("、" if lang == "zh" else ", ").join(rules[m].name(lang) + (f"（{rules[m].source}）" if rules[m].check and not brief else "") for m in row["marks"])


def grounds(rows: pl.DataFrame, ledger: Ledger, day: date, lang: str) -> list[str]:
    """The grounds of the overdue checks among these items, in one sentence; none where there is none."""
    seen = set(rows["marks"].list.explode().drop_nulls())
    told = [f"{r.name(lang)}（{r.source}）" if lang == "zh" else f"{r.name(lang)} ({r.source})" for r in ledger.rules(day) if r.check and r.id in seen]
    return [say("ledger.grounds", lang, text=("；" if lang == "zh" else "; ").join(told))] if told else []


def show_ledger(settings: Settings, kind: str, day: date | None, top: int, overdue: bool, form: str) -> int:
    """Prints the items to inspect next, or those with an overdue check."""
    house = House.open(settings)
    lang = settings.lang
    try:
        ledger = kind_of(kind, lang)
        as_of, day = known_as_of(house), day_of_list(house, day)
        if as_of is None:
            raise BadUsage(say("metrics.none", lang))
        found = ranked(house, ledger, day, as_of)
        checks = [r.id for r in ledger.rules(day) if r.check]
        late = found.filter(pl.col("marks").list.set_intersection(pl.lit(checks, pl.List(pl.String))).list.len() > 0)
        shown = (late if overdue else found).head(top)
        if form == "json":
            print_json(shown.select("item_id", "place", "street", "user_unit", "score", "marks", "n_records", "record_ids").to_dicts())
            return 0
        print(say("ledger.title", lang, name=ledger.name(lang), n=found.height, late=late.height, day=day))
        table = Table(*(Column(say(f"ledger.col.{c}", lang), overflow="fold") for c in ("item", "place", "user_unit", "score", "n_records", "marks")))
        for r, who in zip(shown.iter_rows(named=True), mask_respondent(shown["user_unit"])):
            table.add_row(r["item_id"], r["place"] or "—", who or "—", str(r["score"]), str(r["n_records"]), words(r, ledger, day, lang))
        Console(highlight=False, width=140).print(table)
        return 0
    finally:
        house.warehouse.close()
