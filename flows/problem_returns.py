"""`weisu problems returns`: how often a problem comes, where and from whom, and how it comes back after it was closed."""
from dataclasses import asdict
from datetime import date, datetime, timedelta

import polars as pl
from rich.console import Console

from flows.causes import ALL, problem_named
from flows.facts import told_as_of
from flows.figures import Facts
from flows.lineage import lives_in, merged_into
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json
from flows.running import House
from flows.sheet import joined
from models.recurrence import Curve, Share, callers_returning, closings, cure_curve
from policy import taxonomy
from policy.catalogue import say
from policy.periods import SPAN, Period
from transforms.entities import normalise_respondent
from transforms.privacy import mask_respondent
from warehouse.settings import Settings

#: So many places and respondents are named.
TOP = 8
#: Whether a problem was cured somewhere is asked after so many days.
CURED_DAYS = 30


def show_returns(settings: Settings, problem: str, days: int, day: date | None, form: str) -> int:
    """Prints a problem's recurrence over so many days; a found problem counts with all that became part of it."""
    house = House.open(settings)
    lang = settings.lang
    try:
        as_of = told_as_of(house)
        last = day_of_list(house, day)
        period = Period(SPAN, last - timedelta(days=days - 1), last)
        rows = Facts.of(house, [period], as_of, ("records",)).within("records", period)
        name, mine = _of(house, problem, rows, lang)
        told = recurrence(rows.filter(mine), period, as_of)
        if form == "json":
            print_json({"problem": problem, "name": name, **told, "callers_returning": asdict(told["callers_returning"]), "curve": asdict(told["curve"]) if told["curve"] else None})
            return 0
        console = Console(highlight=False, soft_wrap=True)
        for line in sentences(told, name, period, lang):
            console.print(line, markup=False)
        return 0
    finally:
        house.warehouse.close()


def _of(house: House, problem: str, rows: pl.DataFrame, lang: str) -> tuple[str, pl.Expr]:
    """A problem's name and which records are of it: a found problem's whole family, or what the taxonomy or a source calls so."""
    with house.warehouse.engine.connect() as connection:
        living = lives_in(connection, "problem", problem.removeprefix("found:"))
        family = merged_into(connection, "problem", living) if living else []
    if living:
        row = house.warehouse.select("problem", "problem_id = :p", p=living).row(0, named=True)
        codes = [f"found:{i}" for i in family] + ([row["promoted_to"]] if row["promoted_to"] else [])
        return row["name"], pl.col("problem_code").is_in(codes)
    found = problem_named(problem, rows)
    if found is None:
        raise BadUsage(say("usage.nothing", lang, what=problem))
    return (say("causes.all", lang) if found[0] == ALL else taxonomy.name(found[0], lang)), found[1]


def recurrence(rows: pl.DataFrame, period: Period, as_of: datetime) -> dict:
    """The figures of a problem's records (as `record_facts` gives them): where is the respondent where one is named, else the exact place, else the street."""
    key = normalise_respondent(rows["respondent_name"]).alias("respondent_key")
    known = rows.with_columns(key).with_columns(pl.coalesce("respondent_key", "address_masked", "community", "street").alias("where"))
    ended = closings(known, as_of)
    places = known.group_by("street").agg(pl.len().alias("n")).drop_nulls("street").sort("n", "street", descending=[True, False]).head(TOP)
    spelt = known.filter(pl.col("respondent_key").is_not_null()).group_by("respondent_key").agg(pl.len().alias("n"), pl.col("respondent_name").mode().sort().first().alias("name"))
    spelt = spelt.sort("n", "respondent_key", descending=[True, False]).head(TOP)
    back = ended.group_by("where").agg(pl.len().alias("closed"), (pl.col("returned") & (pl.col("days") <= CURED_DAYS)).sum().alias("returned"))
    worst = back.filter(pl.col("returned") > 0).sort("returned", "closed", "where", descending=[True, False, False]).head(TOP)
    return {"records": rows.height, "per_week": round(rows.height * 7 / period.days, 2), "where": places.rows(), "respondents": list(zip(mask_respondent(spelt["name"]).to_list(), spelt["n"].to_list())),
            "callers": rows["caller_key"].drop_nulls().n_unique(), "callers_returning": callers_returning(rows), "closed": ended.height,
            "curve": cure_curve(ended["days"].to_numpy(), ended["returned"].to_numpy()), "median_days": ended.filter("returned")["days"].median(),
            "not_cured": [(w, r, c) for w, c, r in worst.with_columns(mask_respondent(worst["where"]).alias("where")).select("where", "closed", "returned").iter_rows()]}


def sentences(told: dict, name: str, period: Period, lang: str) -> list[str]:
    """The figures in words."""
    share: Share = told["callers_returning"]
    listed = lambda pairs: joined([f"{a} {n}" for a, n in pairs], lang) or "–"
    out = [say("returns.head", lang, problem=name, first=period.first, last=period.last, n=told["records"], week=told["per_week"]),
           say("returns.where", lang, places=listed(told["where"])), say("returns.who", lang, respondents=listed(told["respondents"]))]
    if share.value is not None:
        out.append(say("returns.callers", lang, n=share.whole, k=share.part, share=f"{share.value:.0%}", low=f"{share.low:.0%}", high=f"{share.high:.0%}"))
    curve: Curve | None = told["curve"]
    if curve is None:
        return [*out, say("returns.unclosed", lang)]
    out.append(say("returns.closed", lang, n=told["closed"], median="–" if told["median_days"] is None else f"{told['median_days']:.0f}"))
    for d, cured, low, high, n in zip(curve.days, curve.cured, curve.low, curve.high, curve.watched):
        band = "" if low is None or high is None else f" ({low:.0%}–{high:.0%})"
        out.append("  " + say("returns.point", lang, days=d, cured=f"{cured:.0%}", band=band, returned=f"{1 - cured:.0%}", n=n))
    out += ["  " + say("returns.place", lang, where=w, k=r, n=c, days=CURED_DAYS) for w, r, c in told["not_cured"]]
    return out
