"""The list of a day, as dispatch staff read it: on the screen or in a file."""
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from flows.card import cards_of
from flows.dates import end_of, now, yesterday
from flows.exports import export
from flows.messages import tell
from flows.running import House
from policy.calendar import add_workdays
from policy.catalogue import say
from policy.levels import LEVELS
from policy.lifecycle import OPEN, ZONE
from warehouse.settings import Settings
from warehouse.store import Warehouse


def day_of_list(house: House, day: date | None) -> date:
    """The day asked for, else that of the last night, else yesterday."""
    if day is not None:
        return day
    last = house.warehouse.read("select max(run_date) as run_date from v_runs where kind = 'nightly' and outcome in ('ok', 'notices')")["run_date"]
    return last[0] if last.len() and last[0] else yesterday("Asia/Shanghai")


def list_of(warehouse: Warehouse, day: date, status: str | None = None) -> pl.DataFrame:
    """v_warnings raised or updated on a day, with its night's `rank` and `expected_precision`: in the order of work, those that are open no more last."""
    rows = warehouse.read("select * from v_warnings where (raised_on = :day or updated_on = :day) and merged_into is null", day=day)
    if status:
        rows = rows.filter(pl.col("status") == status)
    ranked = warehouse.read("select warning_id, rank, expected_precision from ranking where date = :day", day=day)
    return rows.join(ranked, on="warning_id", how="left").sort(
        "rank", pl.col("level").replace_strict({x: i for i, x in enumerate(LEVELS)}, default=9, return_dtype=pl.Int8),
        pl.col("p_value").fill_null(-1.0), "warning_id", nulls_last=True)


def evidence_of(warehouse: Warehouse, warnings: pl.DataFrame) -> pl.DataFrame:
    """(warning_id, record_id, role, record_type, created_at, content) of these warnings' records; texts are masked."""
    rows = warehouse.read("select w.warning_id, w.record_id, w.role, r.record_type, r.created_at, r.content from v_warning_records w "
                          "join v_records r using (record_id) order by 1, 2")
    return rows.join(warnings.select("warning_id"), on="warning_id", how="semi")


def series_of(warehouse: Warehouse, warnings: pl.DataFrame) -> pl.DataFrame:
    """Rows of v_series of the cells that these warnings are about, for their curves; incidents are drawn from their records."""
    rows = warehouse.read("select * from v_series where series_id like '%@%' order by series_id, date")
    return rows.join(warnings.select("problem_code").unique(), on="problem_code", how="semi")


def runs_of(warehouse: Warehouse, day: date) -> pl.DataFrame:
    """The day's nights; the last is the one whose list this is."""
    return warehouse.read("select * from v_runs where kind = 'nightly' and run_date = :day order by as_of, run_id", day=day)


def zone_of(house: House, day: date) -> str:
    """The time zone in which the day's list is told: that of its night's first source."""
    rows = house.warehouse.select("run", "kind = 'nightly' and run_date = :day", day=day)
    sources = rows["sources"].to_list()[-1] if rows.height else []
    return house.mappings[sources[0]].time_zone if sources and sources[0] in house.mappings else "Asia/Shanghai"


def header_of(runs: pl.DataFrame, day: date) -> dict:
    """run, run_date, as_of and expected_false_alarms of the night whose list this is."""
    row = runs.row(-1, named=True) if runs.height else {}
    return {"run": row.get("run_id"), "run_date": day, "as_of": row.get("as_of"), "expected_false_alarms": row.get("expected_false_alarms"),
            "outcome": row.get("outcome")}


def notices_of(warehouse: Warehouse, day: date) -> pl.DataFrame:
    return warehouse.read("select * from v_notices where raised_on = :day order by notice_id", day=day)


#: What a person reads is all in one language; what a program reads says titles as they were published, unless it asks for a language.
FOR_EYES = ("table", "xlsx", "html")


def show_warnings(settings: Settings, day: date | None, status: str | None, form: str, output: Path | None, translate: bool = False) -> int:
    """Prints or writes the list; with `translate`, and in what people read (`FOR_EYES`), all its words in the settings' language, else titles as published."""
    house = House.open(settings)
    try:
        day = day_of_list(house, day)
        rows = list_of(house.warehouse, day, status)
        if rows.is_empty():
            tell(say("list.none", settings.lang, date=day))
        _hand_out(house, rows, day, notices_of(house.warehouse, day), form, output, translate)
        return 0
    finally:
        house.warehouse.close()


def _hand_out(house: House, rows: pl.DataFrame, day: date, notices: pl.DataFrame | None, form: str, output: Path | None, translate: bool,
              at: datetime | None = None) -> None:
    """Prints a list, or writes it to a file, with the runs of its day and the cards of its warnings; clocks are counted from `at`, else the list's as-of."""
    lang, runs = house.settings.lang, runs_of(house.warehouse, day)
    header = header_of(runs, day)
    cards = cards_of(house.warehouse, rows["warning_id"], at or header["as_of"] or now())
    text = export(rows, form, output, lang, header, evidence_of(house.warehouse, rows), series_of(house.warehouse, rows), notices, runs, zone_of(house, day), cards,
                  translate or form in FOR_EYES)
    if text is not None:
        print(text, end="")
    if output is not None:
        tell(say("list.written", lang, path=output, n=rows.height))


def due_list(house: House, which: str, days: int, at: datetime) -> pl.DataFrame:
    """Rows of v_warnings that are open and `overdue` at a moment, or `due_soon` (within so many working days of it, today's end included), by due
    date; or all `open` ones in their order of work."""
    rows = house.warehouse.read(f"select v.*, w.rank, w.expected_precision from v_warnings v join v_work w using (warning_id) "
                                f"where v.status in ({', '.join(repr(s) for s in OPEN)})")
    if which == "open":
        return rows.sort("rank", "warning_id", nulls_last=True)
    rows = rows.drop("rank")
    if which == "overdue":
        return _by_clock(rows.filter(pl.col("due_at") <= at))
    today = at.astimezone(ZONE).date()
    last = (add_workdays(today, days) if days else today) + timedelta(days=1)
    end = datetime.combine(last, time(), ZONE).astimezone(UTC)
    return _by_clock(rows.filter((pl.col("due_at") > at) & (pl.col("due_at") < end)))


def _by_clock(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows by due date, and `rank` their place in it."""
    return rows.sort("due_at", "warning_id").with_row_index("rank", 1)


def show_due(settings: Settings, which: str, days: int, day: date | None, form: str, output: Path | None, translate: bool = False) -> int:
    """Prints or writes open warnings by their clocks, as of now or the end of a day."""
    house = House.open(settings)
    try:
        at = now() if day is None else end_of(day, ZONE.key)
        rows = due_list(house, which, days, at)
        if rows.is_empty():
            tell(say("list.none_due", settings.lang))
        _hand_out(house, rows, day_of_list(house, None), None, form, output, translate, at)
        return 0
    finally:
        house.warehouse.close()
