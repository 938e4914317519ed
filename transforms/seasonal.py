"""What rises every year at this time: a fortnight held against the one that corresponds to it a year before, each against what came before it."""
from datetime import date, timedelta

import polars as pl

#: Days that are compared, and those before them that say what was usual.
SPAN, BEFORE = 14, 56
#: The year before, the rise may have come so many days sooner or later.
TOLERANCE = 3
#: It was a rise where it brought so many records, and so many times what was usual.
LEAST, RISE = 5, 1.5
#: How far one year may have grown over the other by itself.
GROWTH = (0.67, 1.5)

_CELL = ["problem_code", "coarse_place", "fine_place"]
AS_LAST_YEAR = {**dict.fromkeys(_CELL, pl.String), "n": pl.Int64, "n_then": pl.Int64}


def as_last_year(counts: pl.DataFrame, day: date, then: date) -> pl.DataFrame:
    """The cells that rose by `then` too, and bring no more now than their growth and chance (two standard deviations of a count) make of that: columns
    `AS_LAST_YEAR`; `fine_place` null: the whole place.

    counts: (problem_code, coarse_place, fine_place, date, n). then: the day that corresponds to `day` a year before.
    """
    span = lambda end: pl.col("date").is_between(end - timedelta(days=SPAN + TOLERANCE + BEFORE), end + timedelta(days=TOLERANCE))
    told = counts.filter(span(day) | span(then)).with_columns(pl.col(_CELL).cast(pl.String))
    daily = pl.concat([told, told.with_columns(pl.lit(None, pl.String).alias("fine_place"))]).group_by(*_CELL, "date").agg(pl.col("n").sum().cast(pl.Int64))
    within = lambda first, last: pl.col("n").filter(pl.col("date").is_between(first, last)).sum()
    ago = lambda end, n: end - timedelta(days=n)
    shifts = [then + timedelta(days=s) for s in range(-TOLERANCE, TOLERANCE + 1)]
    sums = daily.group_by(_CELL).agg(
        within(ago(day, SPAN - 1), day).alias("n"), (within(ago(day, SPAN + BEFORE - 1), ago(day, SPAN)) * SPAN / BEFORE).alias("usual"),
        pl.max_horizontal(within(ago(end, SPAN - 1), end) for end in shifts).alias("n_then"),
        (within(ago(then, SPAN + TOLERANCE + BEFORE - 1), ago(then, SPAN + TOLERANCE)) * SPAN / BEFORE).alias("usual_then"))
    rose = (pl.col("n_then") >= LEAST) & (pl.col("n_then") >= RISE * pl.col("usual_then"))
    due = pl.col("n_then") * ((pl.col("usual") + 1) / (pl.col("usual_then") + 1)).clip(*GROWTH)
    return sums.filter(rose & (pl.col("n") <= due + 2 * due.sqrt())).select(list(AS_LAST_YEAR)).cast(pl.Schema(AS_LAST_YEAR)).sort(_CELL)
