"""The four periodic sheets: 日调度, 周会商, 旬复盘, 月点评. Figures only, each from the published tables."""
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from flows.exports import cell
from flows.lists import day_of_list
from flows.messages import tell
from flows.page import render
from flows.running import House
from policy.catalogue import say
from policy.lifecycle import OPEN
from warehouse.settings import Settings
from warehouse.store import Warehouse

TOP = 10
ZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class Sheet:
    """`sections`: (heading key, rows). A period's counts stand beside those of the one before, a day at a time where lengths differ."""

    period: str
    first: date
    last: date
    before: tuple[date, date]
    sections: list[tuple[str, pl.DataFrame]]


def bounds(period: str, day: date) -> tuple[date, date]:
    """The period that ends with or holds `day`: the day, its Monday to it, its 旬 (1–10, 11–20, 21–end) to it, its month to it."""
    if period == "day":
        return day, day
    if period == "week":
        return day - timedelta(days=day.weekday()), day
    if period == "tenday":
        return day.replace(day=1 if day.day <= 10 else 11 if day.day <= 20 else 21), day
    return day.replace(day=1), day


def period_before(period: str, first: date) -> tuple[date, date]:
    """The whole period before the one that begins on `first`."""
    last = first - timedelta(days=1)
    return bounds(period, last)


def sheet(house: Warehouse, period: str, day: date) -> Sheet:
    """The sheet of the period that holds `day`, as the last run knows it."""
    first, last = bounds(period, day)
    before = period_before(period, first)
    return Sheet(period, first, last, before, [
        ("review.problems", _counted(house, "coalesce(problem_name, problem_code)", first, last, before)),
        ("review.streets", _counted(house, "coalesce(fine_place, coarse_place)", first, last, before)),
        ("review.new", house.read("select level, title, lead_unit, n_records, status from v_warnings where raised_on between :a and :b "
                                  "order by raised_on, warning_id", a=first, b=last)),
        ("review.open", house.select("warning", "status <> 'merged' and raised_on < :a", a=first).filter(pl.col("status").is_in(OPEN))
         .select("level", "title", "lead_unit", "n_records", "status")),
        ("review.due", house.read("select title, lead_unit, due_at, status from v_warnings where due_at is not null and status not in "
                                  "('closed', 'merged', 'expired') order by due_at, warning_id")),
        ("review.verdicts", house.read("select kind, verdict, count(*) as n from warning where verdict is not null and closed_on between :a and :b "
                                       "group by 1, 2 order by 1, 2", a=first, b=last)),
        ("review.notices", house.read("select raised_on, code, summary from v_notices where raised_on between :a and :b order by 1, 2, 3", a=first, b=last)),
        ("review.nights", house.read("select run_date, outcome, rows_read, n_warnings from v_runs where kind = 'nightly' and run_date between :a and :b "
                                     "order by run_date, run_id", a=first, b=last)),
    ])


def _counted(house: Warehouse, what: str, first: date, last: date, before: tuple[date, date]) -> pl.DataFrame:
    """(what, n, per day, per day before): the commonest of the period; ties by name."""
    count = f"select {what} as what, count(*) as n from record where local_date between :a and :b and status <> 'void' group by 1"
    types = pl.Schema({"what": pl.String, "n": pl.Int64})          # of a period without any record too
    now = house.read(count, a=first, b=last).cast(types)
    was = house.read(count, a=before[0], b=before[1]).cast(types).rename({"n": "n_before"})
    days, days_before = (last - first).days + 1, (before[1] - before[0]).days + 1
    return (now.filter(pl.col("what").is_not_null()).join(was, on="what", how="left").sort("n", "what", descending=[True, False]).head(TOP)
            .select("what", "n", (pl.col("n") / days).round(2).alias("per_day"), (pl.col("n_before").fill_null(0) / days_before).round(2).alias("per_day_before")))


def show_review(settings: Settings, period: str, day: date | None, output: Path | None) -> int:
    """Prints the sheet, or writes it as a page."""
    house = House.open(settings)
    try:
        told = sheet(house.warehouse, period, day_of_list(house, day))
        lang = settings.lang
        title = say(f"review.{period}", lang, first=told.first, last=told.last)
        sections = [(say(heading, lang), [say(f"review.col.{c}", lang) for c in rows.columns], [[cell(c, v, lang, ZONE) or "—" for c, v in r.items()] for r in rows.iter_rows(named=True)])
                    for heading, rows in told.sections]
        if output is not None:
            output.write_text(render("sheet.html.j2", lang=lang, title=title, sections=sections, note=say("review.note", lang)), encoding="utf-8")
            tell(say("list.written", lang, path=output, n=len(sections)))
            return 0
        console = Console(highlight=False)
        console.print(title, markup=False)
        for heading, columns, rows in sections:
            table = Table(*columns, title=heading, title_justify="left")
            for r in rows:
                table.add_row(*r)
            console.print(table)
        return 0
    finally:
        house.warehouse.close()
