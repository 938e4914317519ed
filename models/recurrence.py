"""How a problem comes back after it was closed: the time from each closing to the next record at the same place, and who calls again."""
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from scipy.stats import CensoredData, binomtest, ecdf

#: The curve is told at so many days after a closing.
DAYS = (7, 14, 30, 60, 90, 180)


@dataclass(frozen=True)
class Curve:
    """Share of closings after which nothing has come at the same place within so many days ("cured"), by Kaplan and Meier (1958), which counts a closing only as long
    as it was watched; `low`, `high`: 95 % interval (log-log), None where it can't be said. `watched`: closings watched so long without a return."""

    days: tuple[int, ...]
    cured: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    watched: tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """`part` of `whole`, with Wilson's 95 % interval; None of nothing."""

    part: int
    whole: int
    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, part: int, whole: int) -> "Share":
        if not whole:
            return cls(0, 0, None, None, None)
        told = binomtest(part, whole).proportion_ci(method="wilson")
        return cls(part, whole, part / whole, float(told.low), float(told.high))


def closings(records: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """The closings of a problem's records, and what came after: record_id, where, closed_at, `days` until the next record there or until the end, `returned`.

    records: record_id, where (string, null: unknown, left out), created_at, closed_at (null: open). A record that was there before a closing is no return; one
    that is created after it is. until: the moment up to which records are known.
    """
    known = records.filter(pl.col("where").is_not_null())
    closed = known.filter(pl.col("closed_at").is_not_null() & (pl.col("closed_at") <= until)).select("record_id", "where", "closed_at").sort("closed_at", "record_id")
    later = known.select("where", pl.col("created_at").alias("next_at")).sort("next_at")
    met = closed.join_asof(later, left_on="closed_at", right_on="next_at", by="where", strategy="forward", allow_exact_matches=False, check_sortedness=False)
    end = pl.coalesce("next_at", pl.lit(until))
    return met.select("record_id", "where", "closed_at", ((end - pl.col("closed_at")).dt.total_seconds() / 86400).alias("days"), pl.col("next_at").is_not_null().alias("returned"))


def cure_curve(days: np.ndarray, returned: np.ndarray, at: tuple[int, ...] = DAYS) -> Curve | None:
    """The curve of closings (`days` watched, float; `returned`, bool); None without any. Days beyond the longest watch are left out."""
    days, returned = np.asarray(days, float), np.asarray(returned, bool)
    if not len(days):
        return None
    at = tuple(d for d in at if d <= days.max())
    survival = ecdf(CensoredData(uncensored=days[returned], right=days[~returned])).sf
    band = survival.confidence_interval(method="log-log") if returned.any() else None
    said = lambda edge: tuple(None if np.isnan(x) else float(x) for x in edge.evaluate(at)) if band is not None else (None,) * len(at)
    return Curve(at, tuple(float(x) for x in survival.evaluate(at)), said(band.low) if band else said(None), said(band.high) if band else said(None),
                 tuple(int((days >= d).sum()) for d in at))


def callers_returning(records: pl.DataFrame) -> Share:
    """Of the callers of a problem, those who called again after one of their own records was closed: caller_key, created_at, closed_at."""
    known = records.filter(pl.col("caller_key").is_not_null())
    first_closed = known.group_by("caller_key").agg(pl.col("closed_at").min().alias("first_closed"), pl.col("created_at").max().alias("last_created"))
    return Share.of(first_closed.filter(pl.col("last_created") > pl.col("first_closed")).height, first_closed.height)
