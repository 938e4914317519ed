"""`weisu score`: the monthly assessment as it was published, and what it will be given what is still open; `weisu whistle`: 吹哨、报到."""
from datetime import date, datetime
from hashlib import blake2b

import polars as pl
from rich.console import Console
from rich.table import Column, Table

from flows.dates import now
from flows.facts import known_as_of, record_facts
from flows.figures import NoScheme, scheme_of
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json, tell
from flows.running import House
from policy import taxonomy
from policy.catalogue import say
from policy.periods import holding
from policy.units import units
from transforms.canonical import MOMENT
from transforms.scores import Part, simulate, streak
from warehouse.deciding import note
from warehouse.settings import Settings

_MOMENTS = {"known_at": MOMENT, "reported_at": MOMENT}


def note_score(settings: Settings, month: date, scheme: str, score: float, full: float, by: str | None, at: datetime | None = None) -> int:
    """Notes a month's published score; a later word takes the place of an earlier one."""
    house = House.open(settings)
    try:
        row = {"month_first": month.replace(day=1), "scheme": scheme, "score": score, "full_score": full, "known_at": at or now(), "noted_by": by}
        note(house.warehouse, "monthly_score", pl.DataFrame([row], schema_overrides={**_MOMENTS, "noted_by": pl.String, "score": pl.Float64, "full_score": pl.Float64}), "upsert")
        tell(say("score.noted", settings.lang, month=f"{month:%Y-%m}", scheme=scheme, score=f"{score:g}", full=f"{full:g}"))
        return 0
    finally:
        house.warehouse.close()


def streaks(house: House, day: date, lang: str) -> list[str]:
    """Of each published scheme: the last month's score by a day, and how many months in a row had full marks."""
    rows = house.warehouse.select("monthly_score", "month_first <= :d", d=day).sort("scheme", "month_first")
    out = []
    for (scheme,), part in rows.group_by("scheme", maintain_order=True):
        last = part.row(-1, named=True)
        out.append(say("score.streak", lang, scheme=scheme, month=f"{last['month_first']:%Y-%m}", score=f"{last['score']:g}", full=f"{last['full_score']:g}", n=streak(part, last["month_first"])))
    return out


def show_scores(settings: Settings) -> int:
    """Prints the published scores and the streaks."""
    house = House.open(settings)
    try:
        for r in house.warehouse.read("monthly_score").sort("scheme", "month_first").iter_rows(named=True):
            print(f"{r['month_first']:%Y-%m}  {r['scheme']}  {r['score']:g}/{r['full_score']:g}")
        for line in streaks(house, date.max, settings.lang):
            print(line)
        return 0
    finally:
        house.warehouse.close()


def show_simulated(settings: Settings, kind: str, day: date | None, scheme: str | None, top: int, form: str) -> int:
    """Prints what a period's score will be given what is still out, and the records that weigh most."""
    house = House.open(settings)
    lang = settings.lang
    try:
        as_of, day = known_as_of(house), day_of_list(house, day)
        if as_of is None:
            raise BadUsage(say("metrics.none", lang))
        period = holding(kind, day)
        try:
            chosen = scheme_of(scheme, period)
        except NoScheme as no:
            raise BadUsage(say("metrics.no_scheme", lang, known=", ".join(no.known))) from None
        rows = record_facts(house, [period], as_of).filter(pl.col("status") != "void")
        told = simulate(rows, [Part(m.id, w, pl.sql_expr(m.part), pl.sql_expr(m.whole), pl.sql_expr(m.waiting)) for w, m in chosen.parts])
        if form == "json":
            print_json({"scheme": chosen.id, "official": chosen.official, "now": told.now, "expected": told.expected, "worst": told.worst, "best": told.best,
                        "weighing": told.weighing.head(top).to_dicts()})
            return 0
        official = say("metrics.official" if chosen.official else "metrics.unofficial", lang)
        print(say("score.title", lang, scheme=chosen.name(lang), official=official, first=period.first, last=period.last))
        if told.now is None:
            print(say("score.nothing", lang))
            return 0
        print(say("score.simulated", lang, now=f"{told.now:.2f}", expected=f"{told.expected:.2f}", worst=f"{told.worst:.2f}", best=f"{told.best:.2f}", n=told.weighing.height))
        table = Table(*(Column(say(f"score.col.{c}", lang), overflow="fold") for c in ("record_id", "unit", "due", "points")))
        for r in told.weighing.head(top).iter_rows(named=True):
            table.add_row(r["record_id"], r["lead_unit"] or "—", f"{r['due']:%Y-%m-%d}" if r["due"] else "—", f"{r['points']:.3f}")
        Console(highlight=False, width=110).print(table)
        return 0
    finally:
        house.warehouse.close()


def blow(settings: Settings, subject: str, unit: str | None, by: str | None, at: datetime | None = None) -> int:
    """Notes that a station asks a section to report for duty. Only staff blow; without a unit the problem's own section is proposed (exit 2)."""
    lang, moment = settings.lang, at or now()
    house = House.open(settings)
    try:
        if unit is None:
            raise BadUsage(say("whistle.propose", lang, units=proposed(house, subject, moment.date(), lang)))
        row = {"whistle_id": f"S{moment:%Y%m%d}-{blake2b(f'{subject}|{unit}|{moment}'.encode(), digest_size=4).hexdigest()}", "subject": subject, "asked_by": by, "asked_unit": unit, "known_at": moment}
        note(house.warehouse, "whistle", pl.DataFrame([row], schema_overrides={"asked_by": pl.String, "known_at": MOMENT}))
        tell(say("whistle.blown", lang, whistle=row["whistle_id"], unit=unit))
        return 0
    finally:
        house.warehouse.close()


def proposed(house: House, subject: str, day: date, lang: str) -> str:
    """The sections that the subject's problem names: of a warning, a record, or a problem itself; — where none does."""
    found = [house.warehouse.select("warning", "warning_id = :s", s=subject), house.warehouse.select("record", "record_id = :s", s=subject)]
    code = next((f["problem_code"][0] for f in found if f.height), subject)
    problem = taxonomy.problem(code, day) if code else None
    if problem is None:
        return "—"
    group = taxonomy.group(code)
    sections = dict.fromkeys(u for u in (problem.lead_unit, *problem.co_units, group.section if group else None) if u and u.startswith("SEC-"))
    return "、".join(units("tongzhou").unit_name(u, lang) for u in sections) or "—"


def report(settings: Settings, whistle_id: str, outcome: str | None, by: str | None, at: datetime | None = None) -> int:
    """Notes that a section reported; exit status 1 where one did before."""
    lang = settings.lang
    house = House.open(settings)
    try:
        found = house.warehouse.select("whistle", "whistle_id = :w", w=whistle_id)
        if found.is_empty():
            raise BadUsage(say("usage.nothing", lang, what=whistle_id))
        if found["reported_at"][0] is not None:
            tell(say("whistle.before", lang, whistle=whistle_id))
            return 1
        row = {"whistle_id": whistle_id, "reported_at": at or now(), "outcome": outcome, "reported_by": by}
        note(house.warehouse, "whistle", pl.DataFrame([row], schema_overrides={"reported_at": MOMENT, "outcome": pl.String, "reported_by": pl.String}), "update")
        tell(say("whistle.reported", lang, whistle=whistle_id))
        return 0
    finally:
        house.warehouse.close()


def whistles_known(house: House, asked: datetime | None) -> pl.DataFrame:
    """Whistles blown by a moment, oldest first; what was reported later is not reported yet. `hours`: from blowing to reporting."""
    rows = house.warehouse.read("whistle").sort("known_at", "whistle_id")
    if asked is not None:
        late = (pl.col("reported_at") > asked).fill_null(False)
        rows = rows.filter(pl.col("known_at") <= asked).with_columns(pl.when(late).then(None).otherwise(pl.col(c)).alias(c) for c in ("reported_at", "outcome", "reported_by"))
    return rows.with_columns(((pl.col("reported_at") - pl.col("known_at")).dt.total_seconds() / 3600).alias("hours"))
