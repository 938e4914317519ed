"""What a source's days usually bring: counts, hours, streets and channels, and how far below that a day must fall to be doubted.

Limits come from the source's own days of the same kind, robustly: medians and absolute deviations of the logarithm, so that a
few odd days in the past move nothing.
"""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from policy.calendar import HOLIDAY, MAKEUP, day_kind

#: `day_history`'s columns. grain: day, hour ("00"–"23" since the counting day began), street or channel.
HISTORY = {"local_date": pl.Date, "grain": pl.String, "value": pl.String, "n": pl.Int64}
HOURS = 24
_SATURDAY, _HOLIDAY, _MADE_UP = 5, 7, 8
#: A normal distribution's standard deviation in median absolute deviations.
_MAD = 1.4826
#: Daily totals are never steadier than this (negative binomial size): less is an accident of few days.
_STEADIEST = 30.0


def day_history(records: pl.LazyFrame | pl.DataFrame, zone: str, day_starts_at: str = "00:00") -> pl.DataFrame:
    """Counts per day, and per day and hour, street and channel: HISTORY columns, sorted. Additive: `summed_history`.

    records: created_at (UTC), local_date, street, channel and, if at hand, created_precision; one row a record. Dates
    without a time have no hour.
    """
    lazy = records.lazy()
    names = lazy.collect_schema().names()
    timed = (pl.col("created_precision") != "day").fill_null(True) if "created_precision" in names else pl.lit(True)
    hour, minute = (int(part) for part in day_starts_at.split(":"))
    since = pl.col("created_at").dt.convert_time_zone(zone).dt.offset_by(f"-{60 * hour + minute}m").dt.hour()
    counted = lazy.filter(pl.col("local_date").is_not_null()).select(
        "local_date", pl.when(timed).then(since.cast(pl.String).str.zfill(2)).alias("hour"), "street", "channel")
    grains = [counted.group_by("local_date").agg(pl.len().alias("n")).select(
        "local_date", pl.lit("day").alias("grain"), pl.lit(None, dtype=pl.String).alias("value"), pl.col("n").cast(pl.Int64))]
    for grain in ("hour", "street", "channel"):
        grains.append(counted.filter(pl.col(grain).is_not_null()).group_by("local_date", grain).agg(pl.len().alias("n")).select(
            "local_date", pl.lit(grain).alias("grain"), pl.col(grain).cast(pl.String).alias("value"), pl.col("n").cast(pl.Int64)))
    return pl.concat(pl.collect_all(grains)).sort("local_date", "grain", "value", nulls_last=False)


def summed_history(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """What `day_history` would say of all records, from what it says of parts of them."""
    whole = pl.concat([pl.DataFrame(schema=HISTORY), *parts])
    return whole.group_by("local_date", "grain", "value").agg(pl.col("n").sum()).sort("local_date", "grain", "value", nulls_last=False)


@dataclass(frozen=True)
class UsualDays:
    """The past, day by day; days with no record count 0.

    days: ascending. kinds: int (n_days,), see `kind_of`. counts: int (n_days,). hours: int (n_days, 24).
    """

    days: tuple[date, ...]
    kinds: np.ndarray
    counts: np.ndarray
    hours: np.ndarray

    @property
    def n_with_records(self) -> int:
        return int((self.counts > 0).sum())

    def alike(self, kind: int, most: int, least: int) -> np.ndarray:
        """Row indices of the latest days to compare a day of `kind` with: its own kind, else workdays or days off, else all."""
        wanted = [self.kinds == kind, self._works(self.kinds) == self._works(np.array([kind]))[0], np.ones(len(self.kinds), dtype=bool)]
        for same in wanted:
            rows = np.flatnonzero(same)
            if len(rows) >= least:
                return rows[-most:]
        return rows[-most:]

    def lately(self, kind: int, most: int) -> np.ndarray:
        """Row indices of the latest working days, or of the latest days off, as `kind` is one or the other."""
        return np.flatnonzero(self._works(self.kinds) == self._works(np.array([kind]))[0])[-most:]

    @staticmethod
    def _works(kinds: np.ndarray) -> np.ndarray:
        return (kinds < _SATURDAY) | (kinds == _MADE_UP)


def kind_of(day: date, region: str) -> int:
    """The weekday, 7 for a holiday, 8 for a make-up workday."""
    return {HOLIDAY: _HOLIDAY, MAKEUP: _MADE_UP}.get(day_kind(day, region).kind, day.weekday())


def usual_days(history: pl.DataFrame, before: date, region: str, n_days: int, left_out: frozenset[date] = frozenset()) -> UsualDays:
    """The last `n_days` days before `before`, from the source's first day with records on, without the days in `left_out`."""
    counts = history.filter((pl.col("grain") == "day") & (pl.col("local_date") < before) & (pl.col("n") > 0))
    known = counts["local_date"].unique().sort().to_list()
    if not known:
        return UsualDays((), np.zeros(0, int), np.zeros(0, int), np.zeros((0, HOURS), int))
    first = max(known[0], before - timedelta(days=n_days))
    days = tuple(d for d in (first + timedelta(days=i) for i in range((before - first).days)) if d not in left_out)
    row = {d: i for i, d in enumerate(days)}
    total, hours = np.zeros(len(days), int), np.zeros((len(days), HOURS), int)
    for d, n in counts.select("local_date", "n").iter_rows():
        if d in row:
            total[row[d]] += n
    for d, h, n in history.filter(pl.col("grain") == "hour").select("local_date", "value", "n").iter_rows():
        if d in row:
            hours[row[d], int(h)] += n
    return UsualDays(days, np.array([kind_of(d, region) for d in days], dtype=int), total, hours)


def usual_range(counts: np.ndarray, below: float, above: float) -> tuple[int, int]:
    """(floor, ceiling) of a day's count: `below` and `above` robust standard deviations of the logarithm from the median.

    The deviation is never taken to be smaller than that of a negative binomial count of the median with size 30.
    """
    logs = np.log1p(counts)
    middle = float(np.median(logs))
    spread = max(_MAD * float(np.median(np.abs(logs - middle))), float(np.sqrt(1 / np.exp(middle) + 1 / _STEADIEST)))
    return int(np.floor(np.exp(middle - below * spread) - 1)), int(np.ceil(np.exp(middle + above * spread) - 1))


def steadiness(counts: np.ndarray) -> float:
    """Negative binomial size of daily counts by moments, between 1 and 30."""
    mean, variance = float(counts.mean()), float(counts.var(ddof=1)) if len(counts) > 1 else 0.0
    return float(np.clip(mean * mean / max(variance - mean, 1e-9), 1.0, _STEADIEST)) if mean else 1.0


def chance_of_none(expected: np.ndarray | float, size: np.ndarray | float) -> np.ndarray:
    """P(no record) of a negative binomial count."""
    return np.power(1 + np.asarray(expected) / size, -np.asarray(size, dtype=float))


def gaps(hours: np.ndarray, usual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each day, the stretch of empty hours in which the most records would be expected: (expected records, hours).

    hours: counts (n_days, n_hours). usual: expected counts (n_hours,).
    """
    best, length = np.zeros(len(hours)), np.zeros(len(hours), dtype=int)
    run, steps = np.zeros(len(hours)), np.zeros(len(hours), dtype=int)
    for h in range(hours.shape[1]):
        empty = hours[:, h] == 0
        run, steps = np.where(empty, run + usual[h], 0.0), np.where(empty, steps + 1, 0)
        better = empty & (run > 0) & (run >= best)
        best, length = np.where(better, run, best), np.where(better, steps, length)
    return best, length


def last_gap(hours: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Of each day, the records expected in the empty hours at its end."""
    empty = np.cumprod((hours == 0)[:, ::-1], axis=1)[:, ::-1]
    return (empty * usual).sum(axis=1)


def value_counts(history: pl.DataFrame, grain: str, days: Sequence[date]) -> tuple[list[str], np.ndarray]:
    """(values, counts int (n_days, n_values)) of a grain, values in order."""
    mine = history.filter(pl.col("grain") == grain)
    values = mine["value"].drop_nulls().unique().sort().to_list()
    row, column = {d: i for i, d in enumerate(days)}, {v: i for i, v in enumerate(values)}
    counts = np.zeros((len(days), len(values)), int)
    for d, v, n in mine.select("local_date", "value", "n").iter_rows():
        if d in row and v is not None:
            counts[row[d], column[v]] += n
    return values, counts
