"""Incidents of records whose text says nothing (a descriptor of ten words, repeated thousands of times): place, problem and time only.

Records of one problem at one place, or at one respondent, are one matter where so many cannot be expected there anyway:
the chance number of unrelated ones is judged from the place's other records. A borough or a street with records of all
kinds fails this; an address with one recurring problem passes.
"""
import numpy as np
import polars as pl

#: Expected unrelated records of the problem at the place within a window, above which nothing is linked.
CHANCE = 0.5


def sessions(rows: pl.DataFrame, window_days: float) -> np.ndarray:
    """A group number for each row of (`key`, `problem_code`: strings, empty where unknown; `day`: float), −1 where alone.

    Groups are runs of one key and problem with gaps of at most `window_days`, where chance would bring fewer than `CHANCE`
    others into a window. Numbers are the smallest row of the group.
    """
    known = rows.with_row_index("row").filter((pl.col("key") != "") & (pl.col("problem_code") != ""))
    if known.height < 2:
        return np.full(rows.height, -1, np.int64)
    span = max(float(known["day"].max() - known["day"].min()), window_days)  # type: ignore[operator, arg-type]
    share = pl.len().over("problem_code") / known.height
    elsewhere = pl.len().over("key") - pl.len().over("key", "problem_code")
    marked = (known.with_columns(chance=elsewhere * share / (1 - share).clip(0.01) * window_days / span)
              .filter(pl.col("chance") <= CHANCE)
              .sort("key", "problem_code", "day", "row")
              .with_columns(starts=(pl.col("day").diff().over("key", "problem_code") > window_days).fill_null(True).cum_sum())
              .with_columns(first=pl.col("row").min().over("starts"), size=pl.len().over("starts"))
              .filter(pl.col("size") > 1))
    out = np.full(rows.height, -1, np.int64)
    out[marked["row"].to_numpy()] = marked["first"].to_numpy()
    return out
