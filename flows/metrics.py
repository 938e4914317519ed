"""`weisu metrics`: figures of the registry on the screen, or as rows of v_metrics with what they were compared with."""
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Column, Table

from flows.facts import known_as_of
from flows.figures import FIGURES, Facts, NoScheme, columns_of, figures, names_of, scheme_of
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json
from flows.running import House
from policy.catalogue import say
from policy.dated import FIRST_DAY, LAST_DAY
from policy.lifecycle import ZONE
from policy.metrics import SCORE, Metric, metric, names
from policy.periods import SPAN, Period, latest
from warehouse.settings import Settings

#: The columns of the table on the screen.
#: A count that has grown by so many times itself is told as a multiple, not in percent.
MANY = 10
COLUMNS = ("key", "period", "value", "interval", "of", "waiting", "before", "change", "notes")


def show_metrics(settings: Settings, name: str, by: str | None, kind: str, day: date | None, last: int, span: tuple[date, date] | None, compare: str | None,
                 scheme: str | None, as_of: datetime | None, form: str, top: int) -> int:
    """Prints a metric: the periods that end with the one that holds a day, or one span of days."""
    house = House.open(settings)
    try:
        moment = as_of or known_as_of(house)
        if moment is None:
            raise BadUsage(say("metrics.none", settings.lang))
        periods = [Period(SPAN, *span)] if span else latest(kind, day_of_list(house, day), last)
        told, facts = ask(house, name, periods, by, compare, scheme, moment)
        if form == "json":
            print_json(told.to_dicts())
        elif form == "csv":
            print(told.with_columns(pl.col("notes").list.join(";")).write_csv(), end="")
        else:
            _print(told, facts, name, by, scheme, periods[-1], settings.lang, top)
        return 0
    finally:
        house.warehouse.close()


def ask(house: House, name: str, periods: list[Period], by: str | None, compare: str | None, scheme: str | None, as_of: datetime) -> tuple[pl.DataFrame, Facts]:
    """The figures (rows of `FIGURES`) and the facts behind them. Raises BadUsage with what there is to ask for."""
    lang = house.settings.lang
    if name not in names():
        raise BadUsage(say("metrics.unknown", lang, name=name, known=", ".join(names())))
    first = None if name == SCORE else metric(name, periods[-1].last)
    over = first.over if first is not None else "records"
    if by is not None and by not in columns_of(over):
        raise BadUsage(say("metrics.by", lang, name=name, by=by, known=", ".join(columns_of(over))))
    others = [p.year_before() if compare == "year" else p.before() for p in periods] if compare else []
    facts = Facts.of(house, [*periods, *others], as_of, (over,))
    try:
        return figures(facts, name, periods, by, compare, scheme), facts
    except NoScheme as no:
        raise BadUsage(say("metrics.no_scheme", lang, known=", ".join(no.known))) from None


def _print(told: pl.DataFrame, facts: Facts, name: str, by: str | None, scheme: str | None, period: Period, lang: str, top: int) -> None:
    console = Console(highlight=False)
    if told.is_empty():
        console.print(say("metrics.empty", lang))
        return
    for line in heading(name, scheme, period, facts.as_of, lang):
        console.print(line, markup=False)
    keys = names_of(facts, by, lang) if by else {}
    n_periods = told["period_start"].n_unique()
    rows = told.sort(pl.col("grain") != "whole", pl.coalesce("denominator", "value"), "key", descending=[False, True, False], maintain_order=True)
    said = [words(row, keys, lang) for row in rows.head(top + n_periods).iter_rows(named=True)]
    # A column that says nothing of any row is left out: a screen is narrow.
    columns = [c for c in COLUMNS if c == "key" or (any(w[c] not in ("", "—", "0") for w in said) and (c != "period" or n_periods > 1))]
    table = Table(*(Column(say(f"metrics.col.{c}", lang), overflow="fold") for c in columns))
    for row in said:
        table.add_row(*(row[c] for c in columns))
    console.print(table)
    if rows.height > len(said):
        console.print(say("metrics.more", lang, n=rows.height - len(said)))


def heading(name: str, scheme: str | None, period: Period, as_of: datetime, lang: str) -> list[str]:
    """What a figure is: its name and days, its formula, and on whose word."""
    stamp = f"{as_of.astimezone(ZONE):%Y-%m-%d %H:%M}"
    day = lambda d: say("metrics.open", lang) if d in (FIRST_DAY, LAST_DAY) else d.isoformat()
    title = say("metrics.title", lang, name=title_of(name, period, lang), first=period.first, last=period.last)
    if name == SCORE:
        s = scheme_of(scheme, period)
        weights = ", ".join(f"{m.name(lang)} {w:g}" for w, m in s.parts)
        return [title, say("metrics.scheme", lang, name=s.name(lang), weights=weights, official=say("metrics.official" if s.official else "metrics.unofficial", lang),
                           source=s.source, certainty=s.certainty, from_=day(s.valid_from), to=day(s.valid_to), as_of=stamp)]
    m = metric(name, period.last)
    assert m is not None
    return [title, say("metrics.formula", lang, formula=m.formula(lang)),
            say("metrics.source", lang, source=m.source, certainty=m.certainty, from_=day(m.valid_from), to=day(m.valid_to), kind=say(f"metrics.kind.{period.kind}", lang), as_of=stamp)]


def title_of(name: str, period: Period, lang: str) -> str:
    """What a metric is called; the score by its own name."""
    m: Metric | None = None if name == SCORE else metric(name, period.last)
    return m.name(lang) if m else say("metrics.score", lang)


def words(row: Mapping[str, Any], keys: Mapping[str, str], lang: str, brief: bool = False) -> dict[str, str]:
    """One row of `FIGURES` as a person reads it, by column of the table. brief: a change within its interval is called chance instead of giving it."""
    unit, is_rate = unit_of(row["metric"], row["period_end"])
    relative = unit not in ("percent", "points", "days", "hours")
    change = row["change"]
    if change is not None:
        many = relative and change >= MANY
        said = (say("metrics.times", lang, n=f"{change + 1:,.0f}") if many else f"{change:+.2%}") if relative else say("metrics.points", lang, n=f"{100 * change:+.2f}") if unit == "percent" else say(
            f"metrics.unit.{unit}", lang, n=f"{change:+.2f}")
        if brief and row["change_low"] is not None and row["change_low"] <= 0 <= row["change_high"]:
            said += say("metrics.chance", lang)
        elif not brief and row["change_low"] is not None:
            low, high = ((f"{row[c]:+.1%}" if relative else f"{row[c] * (100 if unit == 'percent' else 1):+.1f}") for c in ("change_low", "change_high"))
            said += f" ({low}…{high})"
        if row["change_per_day"] is not None and not many:
            said += ("；" if lang == "zh" else "; ") + say("metrics.per_day", lang, n=f"{row['change_per_day']:+.2%}")
    else:
        said = "—"
    of = "—" if row["denominator"] is None else f"{_plain(row['numerator'])}/{_plain(row['denominator'])}" if is_rate else f"n={_plain(row['denominator'])}"
    return {"key": say("metrics.whole", lang) if row["grain"] == "whole" else keys.get(row["key"], row["key"]), "period": f"{row['period_start']}…{row['period_end']}",
            "value": shown(row["value"], unit, lang), "interval": "—" if row["low"] is None else f"{shown(row['low'], unit, lang)}–{shown(row['high'], unit, lang)}",
            "of": of, "waiting": str(row["waiting"]), "before": shown(row["before"], unit, lang), "change": said,
            "notes": "；".join(say(f"metrics.note.{n}", lang) for n in row["notes"]) if lang == "zh" else "; ".join(say(f"metrics.note.{n}", lang) for n in row["notes"])}


def unit_of(name: str, day: date) -> tuple[str, bool]:
    """A metric's unit, and whether it is a rate."""
    m = None if name == SCORE else metric(name, day)
    return (m.unit, m.kind == "rate") if m else ("points", False)


def shown(value: float | None, unit: str, lang: str) -> str:
    """A value in its unit; — for none."""
    if value is None:
        return "—"
    n = f"{100 * value:.2f}" if unit == "percent" else f"{value:,.2f}" if unit in ("yuan", "points") else f"{value:.1f}" if unit in ("days", "hours") else f"{value:,.0f}"
    return say(f"metrics.unit.{unit}", lang, n=n)


def _plain(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def as_metric_rows(told: pl.DataFrame, run_id: str | None = None) -> pl.DataFrame:
    """Rows of the table `metric`, as v_metrics shows them."""
    kept = ("metric", "period_start", "period_end", "grain", "key", "numerator", "denominator", "value", "low", "high", "mature", "as_of")
    return told.select(pl.col(c).cast(FIGURES[c]) for c in kept).with_columns(pl.lit(run_id, pl.String).alias("run_id"))
