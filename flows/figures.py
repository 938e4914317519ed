"""Figures of the metric registry by period and key, compared with the period before or the year before, with what must be said of them."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flows.facts import BY, WARNINGS_BY, record_facts, warning_facts
from flows.running import House
from policy.metrics import NOTHING, SCORE, Metric, Scheme, checks, metric, schemes
from policy.periods import Period
from transforms.figures import FIGURE, Measure, compared, measured, weighted

#: What stands beside a figure where it is compared.
COMPARED: dict[str, Any] = dict.fromkeys(("before", "change", "change_low", "change_high", "change_per_day"), pl.Float64)
FIGURES: dict[str, Any] = {"metric": pl.String, "period_start": pl.Date, "period_end": pl.Date, "grain": pl.String, "key": pl.String, **FIGURE, "mature": pl.Boolean,
                           "as_of": pl.Datetime("us", "UTC"), **COMPARED, "notes": pl.List(pl.String)}


class NoScheme(ValueError):
    """A score was asked for and no scheme is switched on, or none of that name holds then. `known`: those that do."""

    def __init__(self, known: Sequence[str]):
        super().__init__("no scheme")
        self.known = tuple(known)


@dataclass(frozen=True)
class Facts:
    """What figures are counted from: rows of records and of warnings (void and merged ones left out), and how many records each day has."""

    records: pl.DataFrame
    warnings: pl.DataFrame
    days: pl.DataFrame
    as_of: datetime

    @classmethod
    def of(cls, house: House, periods: Sequence[Period], as_of: datetime, over: Sequence[str] = ("records", "warnings")) -> "Facts":
        """The facts of these periods as known at a moment. `over`: which rows are wanted."""
        rows = record_facts(house, periods, as_of)
        told = warning_facts(house, periods, as_of) if "warnings" in over else pl.DataFrame()
        return cls(rows.filter(pl.col("status") != "void"), told, rows.group_by("local_date").len("n").sort("local_date"), as_of)

    def within(self, over: str, period: Period) -> pl.DataFrame:
        """The rows of a period."""
        rows = self.records if over == "records" else self.warnings
        return rows.filter(pl.col("local_date").is_between(period.first, period.last))

    def has(self, period: Period) -> bool:
        """Whether the store holds a period: no stretch of days in it as long as `gap_days`, or as the whole of it, without any record."""
        longest = min(checks()["gap_days"], period.days)
        seen = self.days.filter(pl.col("local_date").is_between(period.first, period.last))["local_date"].sort().to_list()
        edges = [period.first - timedelta(days=1), *seen, period.last + timedelta(days=1)]
        return all((b - a).days - 1 < longest for a, b in zip(edges, edges[1:]))


def _measure(m: Metric) -> Measure:
    return Measure(m.kind, pl.sql_expr(m.part), pl.sql_expr(m.whole), pl.sql_expr(m.waiting))


def columns_of(over: str) -> dict[str, str]:
    """What figures over records or warnings can be broken down by, and the column."""
    return BY if over == "records" else WARNINGS_BY


def scheme_of(name: str | None, period: Period) -> Scheme:
    """The scheme of that name, else the one that is switched on. Raises NoScheme."""
    known = schemes(period.last)
    found = known.get(name) if name else next((s for s in known.values() if s.shown), None)
    if found is None:
        raise NoScheme(list(known))
    return found


def figures(facts: Facts, name: str, periods: Sequence[Period], by: str | None = None, compare: str | None = None, scheme: str | None = None) -> pl.DataFrame:
    """Rows of `FIGURES`, period by period: the whole (`key` ""), then each key of `by`.

    compare: "year" or "previous". Raises KeyError for an unknown metric or one that can't be broken down so, NoScheme.
    """
    out = []
    for period in periods:
        for grain in dict.fromkeys([None, by]):
            out.append(_one(facts, name, period, grain, compare, scheme))
    return pl.concat(out) if out else pl.DataFrame(schema=FIGURES)


def _one(facts: Facts, name: str, period: Period, grain: str | None, compare: str | None, scheme: str | None) -> pl.DataFrame:
    parts = scheme_of(scheme, period).parts if name == SCORE else ((1.0, metric(name, period.last)),)
    wanted = [(w, m) for w, m in parts if m is not None]
    if not wanted:
        return pl.DataFrame(schema=FIGURES)
    over, kind = wanted[0][1].over, "rate" if name == SCORE else wanted[0][1].kind
    by = [columns_of(over)[grain]] if grain else []

    def of(p: Period) -> pl.DataFrame:
        told = [(w, measured(facts.within(over, p), _measure(m), by)) for w, m in wanted]
        return weighted(told, by) if name == SCORE else told[0][1]

    now, notes = of(period), []
    other = {"year": period.year_before, "previous": period.before}[compare]() if compare else None
    if other is not None and facts.has(other):
        now = compared(now, of(other), kind, by, (period.days, other.days))
        if period.spring_festival_days() != other.spring_festival_days():
            notes.append("spring_festival")
    elif other is not None:
        notes.append("gap_before")
    if not facts.has(period):
        notes.append("gap")
    if not period.is_whole:
        notes.append("to_date")
    grown = facts.as_of.date() >= period.last + timedelta(days=max(m.matures_days for _, m in wanted))
    mature = (pl.col("waiting") == 0) | pl.lit(grown) if all(m.waiting != NOTHING for _, m in wanted) else pl.lit(grown)
    constant = (pl.col("value") == (100 if name == SCORE else 1)) & (pl.col("denominator") >= checks()["constant_from"]) & pl.lit(kind == "rate")
    told = now.with_columns(mature.alias("mature")).with_columns(
        pl.lit(name).alias("metric"), pl.lit(period.first).alias("period_start"), pl.lit(period.last).alias("period_end"), pl.lit(grain or "whole").alias("grain"),
        (pl.col(by[0]).cast(pl.String) if by else pl.lit("")).alias("key"), pl.lit(facts.as_of, pl.Datetime("us", "UTC")).alias("as_of"),
        pl.concat_list(pl.lit(notes, dtype=pl.List(pl.String)), pl.when(pl.col("mature")).then(pl.lit([], dtype=pl.List(pl.String))).otherwise(pl.lit(["immature"])),
                       pl.when(constant).then(pl.lit(["constant"])).otherwise(pl.lit([], dtype=pl.List(pl.String)))).alias("notes"))
    return told.select(pl.col(c).cast(t) if c in told.columns else pl.lit(None, t).alias(c) for c, t in FIGURES.items())


def names_of(facts: Facts, grain: str, lang: str) -> dict[str, str]:
    """What keys are called where they are codes: problems and groups."""
    from policy import taxonomy
    if grain == "problem":
        found = facts.records.select("problem_code", "problem_name").drop_nulls().unique("problem_code", keep="first", maintain_order=True)
        return {c: taxonomy.name(c, lang) if taxonomy.problem(c) else n for c, n in found.iter_rows()}
    if grain == "group":
        return {c: taxonomy.name(c, lang) for c in facts.records["group"].unique().drop_nulls()}
    return {}
