"""`weisu forecast`: what the next week and the next four will bring, problem by problem and street by street, and who should act now."""
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Column, Table

from flows.facts import known_as_of
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json
from flows.places import places_of
from flows.running import House
from models.forecasts import SeasonalForecaster
from policy import taxonomy
from policy.catalogue import say
from policy.units import STATION, STREET_OFFICE, units
from transforms.counts import matrix
from warehouse.settings import Settings

WEEKS, LEAST, HALF_YEAR, YEARS, STREETS = 4, 20, 182, 3, 3
_ROW: dict[str, Any] = {"problem_code": pl.String, "week": pl.Float64, "week_low": pl.Float64, "week_high": pl.Float64, "month": pl.Float64, "month_low": pl.Float64, "month_high": pl.Float64,
        "past": pl.Int64, "last_year": pl.Int64, "streets": pl.List(pl.String), "street_weeks": pl.List(pl.Float64)}


@dataclass(frozen=True)
class Outlook:
    """`rows`: a problem each, the most expected first, the whole (`problem_code` "") before all. `week`, `month`: means of the next 7 and 28 days with 80 % intervals; `past`: the last 28
    days; `last_year`: the same 28 days 52 weeks before, null where they are not in the store. `streets`, `street_weeks`: where most of next week's are expected, and how many."""

    day: date
    rows: pl.DataFrame


def outlook(house: House, day: date, as_of: datetime) -> Outlook | None:
    """What is to be expected after a day, from the counts known at a moment; None where there are not eight weeks of them.

    A problem with fewer than `LEAST` records in half a year is told with the whole only. Streets are shares of their problem's forecast by the last half-year.
    """
    counts = house.warehouse.counts(as_of, day - timedelta(days=366 * YEARS)).filter(pl.col("date") <= day)
    if counts.is_empty():
        return None
    n_weeks = min((day - counts["date"].sort()[0]).days + 1, 366 * YEARS) // 7
    if n_weeks < 8:
        return None
    begin = day - timedelta(days=7 * n_weeks - 1)
    recent = counts.filter(pl.col("date") > day - timedelta(days=HALF_YEAR))
    told = recent.group_by("problem_code").agg(pl.col("n").sum()).filter(pl.col("n") >= LEAST)["problem_code"].sort()
    by_day = matrix(counts.select("problem_code", "date", pl.col("n")), ["problem_code"], begin, day)
    names = by_day.series["problem_code"].to_list()
    kept = [names.index(c) for c in told if c in names]
    weeks = by_day.counts.reshape(n_weeks, 7, -1).sum(1)
    y = np.column_stack([weeks.sum(1), weeks[:, kept]])
    ahead, month = SeasonalForecaster("W", WEEKS).predict(y)
    has_year = n_weeks >= 52
    shares = recent.filter(pl.col("fine_place").is_not_null()).group_by("problem_code", "fine_place").agg(pl.col("n").sum()).with_columns(
        (pl.col("n") / pl.col("n").sum().over("problem_code")).alias("share")).sort("share", "fine_place", descending=[True, False])
    rows = []
    for j, code in enumerate(["", *(names[k] for k in kept)]):
        where = shares.filter(pl.col("problem_code") == code).head(STREETS)
        f = lambda x: float(f"{float(x):.9g}")
        rows.append({"problem_code": code, "week": f(ahead.mean[0, j]), "week_low": f(ahead.low[0, j]), "week_high": f(ahead.high[0, j]), "month": f(month.mean[0, j]),
                     "month_low": f(month.low[0, j]), "month_high": f(month.high[0, j]), "past": int(y[-WEEKS:, j].sum()),
                     "last_year": int(y[n_weeks - 52:n_weeks - 52 + WEEKS, j].sum()) if has_year else None, "streets": where["fine_place"].to_list(),
                     "street_weeks": [f(s * ahead.mean[0, j]) for s in where["share"]]})
    frame = pl.DataFrame(rows, schema=_ROW)
    return Outlook(day, frame.sort(pl.col("problem_code") != "", -pl.col("month"), "problem_code"))


def who(house: House, code: str, streets: list[str], day: date, lang: str) -> str:
    """Who should act now: the problem's own section, else the stations of the streets where most is expected; — where no pack knows."""
    problem = taxonomy.problem(code, day) if code else None
    pack = next((p.pack for p in places_of(house.mappings, house.mappings) if p.pack), None)
    if problem is None or pack is None:
        return "—"
    table = units(pack)
    if problem.lead_unit not in (STATION, STREET_OFFICE):
        return table.unit_name(problem.lead_unit, lang)
    codes = {table.street_name(c): c for c in table.street_codes()}
    stations = [s for x in streets if x in codes and (s := table.station_for(codes[x], day))]
    return ("、" if lang == "zh" else ", ").join(table.unit_name(s, lang) for s in stations) or "—"


def words(house: House, row: dict, day: date, lang: str) -> dict[str, str]:
    """One row as a person reads it."""
    span = lambda name: f"{row[name]:.0f}（{row[name + '_low']:.0f}–{row[name + '_high']:.0f}）" if lang == "zh" else f"{row[name]:.0f} ({row[name + '_low']:.0f}–{row[name + '_high']:.0f})"
    return {"what": say("causes.all", lang) if not row["problem_code"] else taxonomy.name(row["problem_code"], lang), "week": span("week"), "month": span("month"), "past": str(row["past"]),
            "last_year": "—" if row["last_year"] is None else str(row["last_year"]), "where": "、".join(f"{s} {n:.0f}" for s, n in zip(row["streets"], row["street_weeks"])) or "—",
            "who": who(house, row["problem_code"], row["streets"], day, lang)}


def show_forecast(settings: Settings, day: date | None, top: int, form: str) -> int:
    """Prints the outlook."""
    house = House.open(settings)
    lang = settings.lang
    try:
        as_of, day = known_as_of(house), day_of_list(house, day)
        told = outlook(house, day, as_of) if as_of is not None else None
        if told is None:
            raise BadUsage(say("outlook.none", lang))
        rows = told.rows.head(top + 1)
        if form == "json":
            print_json(rows.to_dicts())
            return 0
        columns = ("what", "week", "month", "past", "last_year", "where", "who")
        table = Table(*(Column(say(f"outlook.col.{c}", lang), overflow="fold") for c in columns), title=say("outlook.title", lang, day=told.day), title_justify="left")
        for r in rows.iter_rows(named=True):
            table.add_row(*words(house, r, told.day, lang).values())
        Console(highlight=False, width=150).print(table)
        return 0
    finally:
        house.warehouse.close()
