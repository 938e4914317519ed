"""Series that rise slowly: some months against the two years before them, seen beside what else rose. Each week alone is unremarkable.

The test is the score test of a linear rise over the last `ramp` days after an even past (Cox & Lewis 1966, section 3.3: the test of a trend in a series of
events), conditional on how many records the series has in all: each record's score is how far up the ramp its week lies. Where a series' records should lie
is told by its relatives, the others of its problem, of its place, so that a season, a growing city or a new channel is no rise. How much more than
multinomial the scores scatter is learnt from all series; the tail is corrected for skewness (Cornish & Fisher 1938). A week counts for no more than a week
of its kind plausibly has: a campaign of copied text or a shop with twenty customers is another kind of news.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, poisson

#: With fewer records in both spans nothing could be said at any budget; the test is conditional on that sum, so leaving them out costs nothing.
LEAST = 6
#: Relatives are believed as if they had so many records more at the ratio of all.
SHRINK = 100.0
#: Dispersion: never below, and no single series says more than a square this large.
LEAST_RHO, MOST_SQUARE = 0.0005, 9.0
WEEK = 7
#: Days before the ramp, at the least.
LEAST_BEFORE = 35
#: A week counts no more than this quantile of a Poisson week about the series' mean, and one record at the least.
PLAUSIBLE = 0.98
#: What relatives have in a week is the mean of this many weeks around it.
SMOOTH = 13
#: So many series at once: (weeks, series) arrays stay small.
AT_ONCE = 8192


@dataclass(frozen=True)
class SlowRises:
    """Arrays `(n_series,)`. p_value: of the plausible weeks, NaN where there is too little to say. observed: records of the window, all of them.
    expected: of it, by the plausible weeks of the reference and the relatives. steady: it still rises, and no week holds half of it."""

    p_value: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    steady: np.ndarray


class SlowRise:
    """p-values for "it has risen over the last months, more than its relatives have".

    Parameters
    ----------
    window, reference : int
        Days, whole weeks: what is `observed` and `expected` is of the window; window and reference together are what is looked at.
    ramp : int
        Days over which a rise is looked for, whole weeks. With fewer than five weeks before it nothing is said.
    """

    def __init__(self, window: int = 126, reference: int = 602, ramp: int = 273):
        self.window = window
        self.reference = reference
        self.ramp = ramp

    def detect(self, counts: np.ndarray, groups: np.ndarray | None = None) -> SlowRises:
        """The series at the last row.

        counts: int `(n_days, n_series)`, time down. groups: int `(n_series, n_factors)`, for each series its level in each factor (problem, street, …).
        What lies before the spans changes nothing. Raises `ValueError` where the shapes don't fit.
        """
        counts = np.asarray(counts)
        if counts.ndim != 2:
            raise ValueError(f"counts: expected (n_days, n_series), got shape {counts.shape}")
        n = counts.shape[1]
        groups = np.zeros((n, 0), int) if groups is None else np.asarray(groups)
        if groups.shape[:1] != (n,):
            raise ValueError(f"groups: expected ({n}, n_factors), got shape {groups.shape}")
        none = np.full(n, np.nan)
        if len(counts) < self.ramp + LEAST_BEFORE or not n:
            return SlowRises(none, np.zeros(n, int), none, np.zeros(n, bool))
        span = counts[-self.window - self.reference:]
        weeks = span[len(span) % WEEK:].reshape(-1, WEEK, n).sum(1)
        plausible = np.minimum(weeks, np.maximum(poisson.ppf(PLAUSIBLE, weeks.mean(0)), 1)).astype(int)
        late = self.window // WEEK
        observed = weeks[-late:].sum(0)
        expected = plausible[:-late].sum(0) * self._ratio(plausible[-late:].sum(0), plausible[:-late].sum(0), groups)
        steady = (weeks[-(late // 3):].sum(0) > expected / 3) & (2 * weeks[-late:].max(0) < np.maximum(observed, 1))
        return SlowRises(self._p_values(plausible, groups), observed, expected, steady)

    def _p_values(self, weeks: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Of plausible weeks, `(n_weeks, n_series)`."""
        n_weeks, n = weeks.shape
        ramp = self.ramp // WEEK
        score = np.maximum(0.0, np.arange(n_weeks) - (n_weeks - 1 - ramp)) / ramp
        size = weeks.sum(0)
        mean, variance, third = (np.empty(n) for _ in range(3))
        for part, share in shares_by_week(weeks, groups):
            mean[part] = score @ share
            off = score[:, None] - mean[part]
            variance[part], third[part] = (share * off**2).sum(0), (share * off**3).sum(0)
        told = (size >= LEAST) & (variance > 0)
        p = np.full(n, np.nan)
        if told.any():
            k, q, v = size[told], mean[told], variance[told]
            z = ((score @ weeks)[told] - k * q) / np.sqrt(k * v)
            z /= np.sqrt(1 + dispersion(z**2, k) * (k - 1))
            skew = third[told] / v**1.5 / np.sqrt(k)
            p[told] = norm.sf(z - skew / 6 * (z**2 - 1) + skew**2 / 36 * (4 * z**3 - 7 * z))
        return p

    def _ratio(self, now: np.ndarray, before: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """What a series' window is of its reference by its relatives alone, each factor's own ratio beside that of all."""
        total_now, total_before = now.sum(), before.sum()
        whole = (total_now - now + 1) / (total_before - before + self.reference / self.window)
        ratio = whole.copy()
        for factor in groups.T:
            _, level = np.unique(factor, return_inverse=True)
            kin_now, kin_before = np.bincount(level, now)[level] - now, np.bincount(level, before)[level] - before
            ratio *= (kin_now + SHRINK * whole) / (kin_before + SHRINK) / whole
        return ratio


def shares_by_week(weeks: np.ndarray, groups: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Some series at a time, and of each how its records should lie on the weeks by its relatives alone, `(n_weeks, series)`, each column a distribution:
    as those of all others, times what each factor's own share of a week (smoothed) is of its share of all weeks."""
    n = weeks.shape[1]
    total = weeks.sum(1)
    factors = []
    for factor in groups.T:
        names, level = np.unique(factor, return_inverse=True)
        of_level = np.zeros((len(weeks), len(names)))
        np.add.at(of_level.T, level, weeks.T)
        factors.append((level, of_level))
    for part in (slice(i, i + AT_ONCE) for i in range(0, n, AT_ONCE)):
        own = weeks[:, part]
        others = total[:, None] - own + 1 / n
        share, near = others / others.sum(0), smoothed(others)
        for level, of_level in factors:
            kin = of_level[:, level[part]] - own
            whole = kin.sum(0) / others.sum(0)
            believed = SHRINK * near / others.sum(0)
            share = share * (smoothed(kin) + believed) / (whole * near + believed)
        yield part, share / share.sum(0)


def smoothed(x: np.ndarray) -> np.ndarray:
    """The centred mean of `SMOOTH` rows; at the ends the first and the last row stand for what lies beyond."""
    half = SMOOTH // 2
    padded = np.concatenate([np.repeat(x[:1], half, 0), x, np.repeat(x[-1:], half, 0)])
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(padded, 0)])
    return (sums[SMOOTH:] - sums[:-SMOOTH]) / SMOOTH


def dispersion(square: np.ndarray, size: np.ndarray) -> float:
    """The intra-class correlation by moments: how much more than multinomial the scores of series of these sizes scatter, given their standardised squares.
    No series counts for more than a square of `MOST_SQUARE` (what rises must not excuse itself)."""
    more = np.sum(np.minimum(square, MOST_SQUARE) - 1) / max(np.sum(size - 1), 1)
    return float(np.clip(more, LEAST_RHO, 0.5))
