"""A draft of a record: when, what, where, against whom, by whom, and which matter it belongs to. Texts and dates of handling come later."""
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import polars as pl

#: All a draft holds. `created`: seconds since 1970 in local time. −1: nobody, none, or to be drawn.
COLUMNS: dict[str, Any] = {
    "created": pl.Int64, "problem": pl.Int64, "street": pl.Int64, "estate": pl.Int64, "building": pl.Int64, "respondent": pl.Int64,
    "caller": pl.Int64, "incident": pl.String, "is_repeat": pl.Boolean, "is_campaign": pl.Boolean, "is_claimant": pl.Boolean,
    "told_like": pl.Int64, "copies_all": pl.Boolean, "deliver_on": pl.Int64, "report": pl.Boolean,
}
_DEFAULTS = {"estate": -1, "building": -1, "respondent": -1, "caller": -1, "incident": None, "is_repeat": False, "is_campaign": False,
             "is_claimant": False, "told_like": -1, "copies_all": False, "deliver_on": -1, "report": False}
DAY = 86_400
_EPOCH = date(1970, 1, 1)


def drafts(created: np.ndarray, **columns) -> pl.DataFrame:
    """Drafts with the given columns (arrays or one value for all), the rest as for a record of no matter."""
    n = len(created)
    given: Mapping = {**_DEFAULTS, **columns, "created": created}
    return pl.DataFrame({name: pl.Series(name, np.broadcast_to(given[name], n).copy(), dtype=dtype) if given[name] is not None
                         else pl.Series(name, [None] * n, dtype=dtype) for name, dtype in COLUMNS.items()})


def day_number(day) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def moments(rng: np.random.Generator, days: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """A second of the day for each day number, by the hours' weights. (int64)"""
    edges = np.cumsum(hours / hours.sum())
    hour = np.minimum(np.searchsorted(edges, rng.random(len(days)), side="right"), 23)
    return days.astype(np.int64) * DAY + hour * 3600 + rng.integers(0, 3600, len(days))



