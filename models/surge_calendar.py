"""The columns that explain a count by its time: level, slope, season, day of week, holidays. Rows are absolute (row 0 is the first ever)."""
from dataclasses import dataclass

import numpy as np

PERIOD = {"D": 365.25, "W": 52.0}
YEARS_FOR_SEASON = 1.8        # less shows no season apart from a trend: the recent level follows it instead
YEARS_FOR_DETAIL = 3.5        # from here on the harmonics beyond the second


@dataclass(frozen=True)
class Prior:
    """Prior standard deviations, in logs, of the parts of a regression (mean 0)."""
    level: float = 10.0
    slope: float = 0.5        # a year
    day: float = 0.5
    holiday: float = 0.5
    season: tuple[float, ...] = (0.5, 0.3, 0.2, 0.2)


OWN = Prior()                                                                    # a series by itself
APART = Prior(slope=.25, day=.15, holiday=.15, season=(.3, .15, .1, .1))                # what a level of a factor does apart from the total


def after_holiday(holidays):
    """Bool: a day that is no holiday, and the day before it was."""
    out = np.zeros(len(holidays), bool)
    out[1:] = holidays[:-1] & ~holidays[1:]
    return out


def design(rows, holidays, anchor, years, freq, prior=OWN, used=None):
    """(X (len(rows), k) float64, precision (k,), used, kinds) for absolute `rows`.

    holidays: bool (len(rows),); the slope is counted from `anchor`, so that the first coefficient is today's level; years: length of the history,
    which decides whether there is a season; used: numbers of the columns to give (None: those that are not zero throughout, which is what a fit
    wants); kinds: int (k,), columns of one kind share a prior spread (0: the level, which has none worth learning).
    """
    year = PERIOD[freq]
    columns, spreads = [np.ones(len(rows)), (rows - anchor) / year], [prior.level, prior.slope]
    kinds = [0, 1]
    if years >= YEARS_FOR_SEASON:
        for j, spread in enumerate(prior.season[: None if years >= YEARS_FOR_DETAIL else 2], start=1):
            angle = 2 * np.pi * j * rows / year
            columns += [np.cos(angle), np.sin(angle)]
            spreads += [spread, spread]
            kinds += [3 + j, 3 + j]
    if freq == "D":
        columns += [(rows % 7 == d).astype(float) for d in range(7)]
        spreads += [prior.day] * 7
        kinds += [2] * 7
    columns += [holidays.astype(float), after_holiday(holidays).astype(float)]
    spreads += [prior.holiday] * 2
    kinds += [3] * 2
    if used is None:
        used = tuple(i for i, c in enumerate(columns) if i < 2 or c.any())
    pick = list(used)
    return np.stack([columns[i] for i in pick], 1), 1 / np.square(np.array(spreads)[pick]), used, np.array(kinds)[pick]
