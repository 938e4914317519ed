"""Counting: what a night's records add to the cells, and the cells as a matrix of days (time down, series across)."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import numpy as np
import polars as pl

#: Rows that are placed in a matrix, or added up, at once.
SLICE = 500_000
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
#: A cell is a problem in a place; its fine place lies in its coarse one.
CELL = ("source_id", "problem_code", "fine_place", "coarse_place", "date")
#: A record in one of these states stands for no complaint.
NOT_COUNTED = ("void",)


def cell_of(records: Frame) -> Frame:
    """(record_id, *CELL): where a record counts; records without a problem or in a void state count nowhere."""
    return records.filter(pl.col("problem_code").is_not_null() & ~pl.col("status").is_in(NOT_COUNTED)).select(
        "record_id", "source_id", "problem_code", "fine_place", "coarse_place", pl.col("local_date").alias("date"))


def count_changes(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """What changed between two views of the same records, as signed counts (*CELL, known_at, n).

    before: the records as they were last worked; after: as they are now, with `known_at` (when the change was known) and
    `first_known_at`. A record that was not counted before counts from its first moment, one that moved from its latest.
    """
    old = cell_of(before)
    new = cell_of(after)
    times = after.select("record_id", "known_at", "first_known_at")
    both = old.join(new, on="record_id", how="full", suffix="_new", coalesce=True, nulls_equal=False)
    moved = both.filter(~pl.all_horizontal(*(pl.col(c).eq_missing(pl.col(f"{c}_new")) for c in CELL)))
    moved = moved.join(times, on="record_id", how="left")
    # A record that left every cell but is still there (void) goes at its latest revision too.
    fresh = pl.col("date").is_null()
    gone = moved.filter(~fresh).select(*CELL, "known_at", pl.lit(-1, pl.Int32).alias("n"))
    come = moved.filter(pl.col("date_new").is_not_null()).select(
        *(pl.col(f"{c}_new").alias(c) for c in CELL),
        pl.when(fresh).then("first_known_at").otherwise("known_at").alias("known_at"), pl.lit(1, pl.Int32).alias("n"))
    return (pl.concat([gone, come]).group_by(*CELL, "known_at").agg(pl.col("n").sum()).filter(pl.col("n") != 0)
            .sort(*CELL, "known_at"))


def summed(counts: Frame) -> Frame:
    """(*CELL, n): one row a cell, none that came to nothing."""
    return counts.group_by(CELL).agg(pl.col("n").sum()).filter(pl.col("n") != 0)


def small(counts: Frame) -> Frame:
    """The same counts in a third of the memory: names as Categorical, n as Int32."""
    return counts.with_columns(pl.col("source_id", "problem_code", "fine_place", "coarse_place").cast(pl.Categorical), pl.col("n").cast(pl.Int32))


def a_day(counts: pl.DataFrame, *by: str) -> pl.DataFrame:
    """(*by, date, n Int64): what came on each day, in no order; a slice at a time, for years of cells grouped at once are several times their own memory."""
    key, n = [*by, "date"], pl.col("n").cast(pl.Int64).sum()
    parts = [part.group_by(key).agg(n) for part in counts.iter_slices(SLICE)]
    return pl.concat(parts or [counts.select(*key, pl.col("n").cast(pl.Int64))]).group_by(key).agg(n)


@dataclass(frozen=True)
class Matrix:
    """`counts` (n_periods, n_series) int32; `series` one row a series, in the columns' order; `days` the rows' dates."""

    days: list[date]
    series: pl.DataFrame
    counts: np.ndarray


def matrix(counts: pl.DataFrame, by: Sequence[str], first: date, last: date, only: pl.DataFrame | None = None) -> Matrix:
    """Counts (columns `by`, date, n) as a matrix of every day from `first` to `last`, series sorted by `by`.

    only: the series that are wanted (columns `by`, each once); without it, those that have a row within these days.
    """
    n_days = (last - first).days + 1
    days = [first + timedelta(d) for d in range(n_days)]
    within = pl.col("date").is_between(first, last)
    names = [pl.col(c).cast(pl.String) for c in by]
    series = (counts.filter(within).select(*by).unique() if only is None else only).sort(*names)
    placed, out = series.with_row_index("_j").lazy(), np.zeros(n_days * series.height, np.int32)
    for part in counts.iter_slices(SLICE):
        at = part.lazy().filter(within).join(placed, on=list(by), nulls_equal=True).select(
            (pl.col("date") - first).dt.total_days() * series.height + pl.col("_j"), "n").collect()
        np.add.at(out, at.to_series(0).to_numpy(), at["n"].to_numpy())
    return Matrix(days, series.select(names), np.maximum(out, 0).reshape(n_days, series.height))
