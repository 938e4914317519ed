"""专项检查 and 每月一题: what was planned, what was found, and what it did against where it was not."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl

from flows.dates import now
from flows.facts import known_as_of, record_facts
from flows.messages import BadUsage, print_json, tell
from flows.running import House
from models.effects import Effect, effect, effect_by_week
from policy import taxonomy
from policy.catalogue import say
from policy.packs import packs
from policy.periods import SPAN, Period
from policy.themes import rules
from policy.units import units
from transforms.canonical import MOMENT
from warehouse.deciding import note
from warehouse.settings import Settings

#: A campaign (行动) is a label with dates: it explains shifts, and changes no counts.
KINDS, LEVELS = ("inspection", "theme", "campaign"), ("city", "district", "bureau")
_LETTER = {"inspection": "Z", "theme": "T", "campaign": "X"}
_DRIVE: dict[str, Any] = {"drive_id": pl.String, "kind": pl.String, "level": pl.String, "title": pl.String, "problem_code": pl.String, "streets": pl.List(pl.String),
                          "first_day": pl.Date, "last_day": pl.Date, "units": pl.List(pl.String), "measures": pl.String, "target": pl.Float64, "origin": pl.String,
                          "known_at": MOMENT, "noted_by": pl.String}


@dataclass(frozen=True)
class Measured:
    """What a drive did. `effect`: None where no street without it is left to compare with. `weeks`: whole weeks after it. `again`: records in the area by days after its end."""

    drive: dict[str, Any]
    effect: Effect | None
    weeks: int
    again: dict[int, list[str]]
    compared_with: tuple[str, ...]


def add_drive(settings: Settings, row: dict[str, Any], as_json: bool, at: datetime | None = None) -> int:
    """Notes a special inspection or a theme; prints its number. Raises BadUsage for an unknown problem or a last day before the first."""
    lang = settings.lang
    if row["first_day"] > row["last_day"]:
        raise BadUsage(say("usage.days", lang, first=row["first_day"], last=row["last_day"]))
    moment = at or now()
    digest = blake2b(f"{row['title']}|{row['problem_code']}|{moment}".encode(), digest_size=4).hexdigest()
    row = {**row, "drive_id": f"{_LETTER[row['kind']]}{row['first_day']:%Y%m%d}-{digest}", "known_at": moment}
    house = House.open(settings)
    try:
        note(house.warehouse, "drive", pl.DataFrame([{c: row.get(c) for c in _DRIVE}], schema=_DRIVE))
        tell(say("drive.noted", lang, drive=row["drive_id"]))
        if as_json:
            print_json(row)
        return 0
    finally:
        house.warehouse.close()


def found_drive(settings: Settings, drive_id: str, inspected: int | None, found: int | None, cases: int | None, result: str | None, by: str | None, at: datetime | None = None) -> int:
    """Notes what a drive found; a later word takes the place of an earlier one."""
    house = House.open(settings)
    try:
        if house.warehouse.select("drive", "drive_id = :d", d=drive_id).is_empty():
            raise BadUsage(say("usage.nothing", settings.lang, what=drive_id))
        row = {"drive_id": drive_id, "n_inspected": inspected, "n_found": found, "n_cases": cases, "result": result, "result_at": at or now(), "result_by": by}
        said = {c: v for c, v in row.items() if v is not None}
        note(house.warehouse, "drive", pl.DataFrame([said], schema_overrides={"result_at": MOMENT}), "update")
        tell(say("drive.found", settings.lang, drive=drive_id))
        return 0
    finally:
        house.warehouse.close()


def measure(house: House, drive: dict[str, Any], as_of: datetime, others: pl.DataFrame | None = None) -> Measured:
    """The effect of a drive as known at a moment; streets where another drive on its problem ran in the same weeks are compared with nothing.

    others: rows of `drive` known then. Weeks are of seven days, counted back from the day before the weeks of choosing and forward from the day after the end.
    """
    plan = rules()["effect"]
    first, last = drive["first_day"], drive["last_day"]
    weeks_after = min(plan["weeks_after"], max(((as_of + timedelta(hours=8)).date() - last).days // 7, 0))
    begin = first - timedelta(weeks=plan["weeks_before"] + plan["weeks_chosen"])
    end = last + timedelta(weeks=weeks_after)
    spans = [Period(SPAN, begin, max(end, last + timedelta(days=max(rules()["recurrence_days"]))))]
    rows = record_facts(house, spans, as_of).filter((pl.col("status") != "void") & of_problem(drive["problem_code"]) & pl.col("street").is_not_null())
    area = drive["streets"] or []
    inside = pl.col("street").is_in(area) if area else pl.lit(True)
    again = {d: rows.filter(inside & pl.col("local_date").is_between(last + timedelta(days=1), last + timedelta(days=d)))["record_id"].to_list() for d in rules()["recurrence_days"]}
    clash: set[str] = set()
    for other in others.iter_rows(named=True) if others is not None else ():
        if other["drive_id"] != drive["drive_id"] and other["problem_code"] == drive["problem_code"] and other["first_day"] <= end and other["last_day"] >= begin:
            clash |= set(other["streets"] or _streets(area, rows))
    compared = tuple(s for s in _streets(area, rows) if s not in area and s not in clash) if area else ()
    if len(compared) < 2 or not weeks_after:
        return Measured(drive, None, weeks_after, again, compared)
    streets = [*area, *compared]
    before, after = effect_by_week(plan["weeks_before"], 1, weeks_after)
    day = pl.col("local_date")
    week = pl.when(day < first - timedelta(weeks=plan["weeks_chosen"])).then((day - begin).dt.total_days() // 7).when(day > last).then(
        (day - last).dt.total_days().sub(1) // 7 + plan["weeks_before"] + 1).otherwise(plan["weeks_before"])
    cells = rows.filter(day.is_between(begin, end)).with_columns(week.alias("week"), pl.col("street").replace_strict({s: n for n, s in enumerate(streets)}, default=-1).alias("at")).filter(
        pl.col("at") >= 0)
    counts = np.zeros((len(streets), before.size), dtype=np.int64)
    np.add.at(counts, (cells["at"].to_numpy(), cells["week"].to_numpy()), 1)
    return Measured(drive, effect(counts, np.arange(len(streets)) < len(area), before, after), weeks_after, again, compared)


def of_problem(code: str) -> pl.Expr:
    """Records of a problem, or of a group's problems."""
    return (pl.col("problem_code") == code) | (pl.col("group") == code).fill_null(False)


def _streets(area: list[str], rows: pl.DataFrame) -> list[str]:
    """The streets of the place: those of the policy pack that knows the area, else those that records name."""
    for name in packs():
        told = [units(name).street_name(c) for c in units(name).street_codes()]
        if area and area[0] in told:
            return told
    return sorted(rows["street"].unique().to_list())


def sentences(told: Measured, lang: str) -> list[str]:
    """A drive's effect in words: what was planned and found, what came after, against what, or that nothing can be told and why."""
    d, e = told.drive, told.effect
    where = "、".join(d["streets"]) if d["streets"] else say("drive.everywhere", lang)
    out = [say("effect.head", lang, title=d["title"], problem=taxonomy.name(d["problem_code"], lang), where=where, first=d["first_day"], last=d["last_day"])]
    if d["n_inspected"] is not None:
        out.append(say("effect.found", lang, inspected=d["n_inspected"], found=_of(d["n_found"]), cases=_of(d["n_cases"])))
    if told.weeks == 0:
        out.append(say("effect.young", lang))
    elif e is None:
        out.append(say("effect.no_control", lang))
    elif bool(e.too_little):
        out.append(say("effect.too_little", lang, observed=int(e.observed), expected=f"{float(e.expected):.0f}"))
    else:
        figures = {"weeks": told.weeks, "observed": int(e.observed), "expected": f"{float(e.expected):.0f}", "change": f"{float(e.ratio) - 1:+.1%}",
                   "low": f"{float(e.low) - 1:+.1%}", "high": f"{float(e.high) - 1:+.1%}", "n": len(told.compared_with)}
        out.append(say("effect.told" if bool(e.told) else "effect.cannot_tell", lang, **figures))
        if d["target"] is not None:
            key = "effect.target.met" if float(e.high) - 1 <= d["target"] else "effect.target.missed" if float(e.low) - 1 > d["target"] else "effect.target.open"
            out.append(say(key, lang, target=f"{d['target']:+.0%}"))
    if e is not None:
        out.append(say("effect.mean", lang, weeks=rules()["effect"]["weeks_chosen"]))
    out.append(say("effect.again", lang, text="、".join(say("effect.within", lang, days=n, n=len(ids)) for n, ids in told.again.items())))
    return out


def _of(value: int | None) -> str:
    return "—" if value is None else str(value)


def drives_known(house: House, at: datetime | None = None) -> pl.DataFrame:
    """Drives noted by a moment, by day and number; results that came later are blank."""
    rows = house.warehouse.read("drive").sort("first_day", "drive_id")
    if at is None:
        return rows
    late = (pl.col("result_at") > at).fill_null(False)
    return rows.filter(pl.col("known_at") <= at).with_columns(pl.when(late).then(None).otherwise(pl.col(c)).alias(c)
                                                              for c in ("n_inspected", "n_found", "n_cases", "result", "result_at", "result_by"))


def show_effect(settings: Settings, drive_id: str, as_of: datetime | None, form: str) -> int:
    """Prints what a drive did."""
    house = House.open(settings)
    lang = settings.lang
    try:
        all_ = drives_known(house, as_of)
        mine = all_.filter(pl.col("drive_id") == drive_id)
        moment = as_of or known_as_of(house)
        if mine.is_empty() or moment is None:
            raise BadUsage(say("usage.nothing", lang, what=drive_id))
        if mine["kind"][0] == "campaign":
            raise BadUsage(say("effect.campaign", lang))
        told = measure(house, mine.row(0, named=True), moment, all_)
        if form == "json":
            e = told.effect
            figures = {} if e is None or bool(e.too_little) else {c: float(f"{float(getattr(e, c)):.9g}") for c in ("ratio", "low", "high", "expected", "observed", "dispersion", "spread")}
            print_json({"drive_id": drive_id, "weeks": told.weeks, "can_tell": bool(e is not None and e.told), **figures, "compared_with": list(told.compared_with),
                        "again": {str(n): ids for n, ids in told.again.items()}})
        else:
            print("\n".join(sentences(told, lang)))
        return 0
    finally:
        house.warehouse.close()


def list_drives(settings: Settings) -> int:
    """Prints all drives with their days and what was found."""
    house = House.open(settings)
    try:
        for d in drives_known(house).iter_rows(named=True):
            where = "、".join(d["streets"]) if d["streets"] else say("drive.everywhere", settings.lang)
            found = "" if d["n_inspected"] is None else say("effect.found", settings.lang, inspected=d["n_inspected"], found=_of(d["n_found"]), cases=_of(d["n_cases"]))
            print(f"{d['drive_id']}  {say('drive.kind.' + d['kind'], settings.lang)}  {d['first_day']}…{d['last_day']}  {d['title']}  {where}  {found}".rstrip())
        return 0
    finally:
        house.warehouse.close()


def campaigns(drives: pl.DataFrame, periods: Sequence[Period], lang: str) -> list[str]:
    """The campaigns that run in any of these periods, with their days: what may explain a shift between them."""
    on = pl.any_horizontal((pl.col("first_day") <= p.last) & (pl.col("last_day") >= p.first) for p in periods)
    return [say("drive.campaign", lang, title=d["title"], first=d["first_day"], last=d["last_day"]) for d in drives.filter((pl.col("kind") == "campaign") & on).iter_rows(named=True)]


def theme_of(day: date, drives: pl.DataFrame) -> dict[str, str]:
    """Problem → title of the theme that runs on a day."""
    on = drives.filter((pl.col("kind") == "theme") & (pl.col("first_day") <= day) & (pl.col("last_day") >= day))
    return dict(on.select("problem_code", "title").iter_rows())
