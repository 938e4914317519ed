"""Series that rise slowly: some months against the year before them, seen beside what else rose. Each week alone is unremarkable.

The records of a series in the last `window` days, given those in the `reference` before, follow a beta-binomial distribution (the conditional test of two
rates of Przyborowski & Wilenski 1940, with a dispersion). How the rates should compare is told by the series' relatives: the others of its problem, of its
place, so that a season, a growing city or a new channel is no rise. A week counts for no more than a week of its kind plausibly has: a campaign of copied
text or a shop with twenty customers is another kind of news (the demo city's cells: a quarter to a half of the alarms about nothing at the same p).
"""
from dataclasses import dataclass

import numpy as np
from scipy.stats import betabinom, poisson

#: With fewer records in both spans nothing could be said at any budget; the test is conditional on that sum, so leaving them out costs nothing.
LEAST = 6
#: Relatives are believed as if they had so many records more at the ratio of all.
SHRINK = 20.0
#: Dispersion: never below, and no single series says more than a square this large.
LEAST_RHO, MOST_SQUARE = 0.0005, 9.0
WEEK = 7
#: A week counts no more than this quantile of a Poisson week about the series' mean, and one record at the least.
PLAUSIBLE = 0.95


@dataclass(frozen=True)
class SlowRises:
    """Arrays `(n_series,)`. p_value: mid-p of the plausible weeks, NaN where there is too little to say. observed: records of the window, all of them.
    expected: of it, by the reference and the relatives. steady: it still rises, and no week holds half of it."""

    p_value: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    steady: np.ndarray


class SlowRise:
    """p-values for "more in the last months than the year before them leads to expect".

    Parameters
    ----------
    window, reference : int
        Days of the two spans, whole weeks; with fewer than half of the reference nothing is said.
    """

    def __init__(self, window: int = 126, reference: int = 364):
        self.window = window
        self.reference = reference

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
        if len(counts) < self.window + self.reference // 2 or not n:
            return SlowRises(none, np.zeros(n, int), none, np.zeros(n, bool))
        span = counts[-self.window - self.reference:]
        weeks = span[len(span) % WEEK:].reshape(-1, WEEK, n).sum(1)
        plausible = np.minimum(weeks, np.maximum(poisson.ppf(PLAUSIBLE, weeks.mean(0)), 1)).astype(int)
        late = self.window // WEEK
        now, before = plausible[-late:].sum(0), plausible[:-late].sum(0)
        ratio = self._ratio(now, before, groups)
        both, share = now + before, ratio / (1 + ratio)
        told = both >= LEAST
        p = none.copy()
        if told.any():
            k, size, q = now[told], both[told], share[told]
            rho = dispersion(k, size, q)
            spread = betabinom(size, q * (1 / rho - 1), (1 - q) * (1 / rho - 1))
            p[told] = spread.sf(k) + 0.5 * spread.pmf(k)
        observed, expected = weeks[-late:].sum(0), weeks[:-late].sum(0) * ratio
        steady = (weeks[-(late // 3):].sum(0) > expected / 3) & (2 * weeks[-late:].max(0) < np.maximum(observed, 1))
        return SlowRises(p, observed, expected, steady)

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


def dispersion(k: np.ndarray, size: np.ndarray, share: np.ndarray) -> float:
    """The intra-class correlation of beta-binomial counts by moments: how much more than binomial they scatter, no series counting for more than a square
    of `MOST_SQUARE` (what rises must not excuse itself)."""
    square = np.minimum((k - size * share) ** 2 / np.maximum(size * share * (1 - share), 1e-9), MOST_SQUARE)
    more = np.sum(square - 1) / max(np.sum(size - 1), 1)
    return float(np.clip(more, LEAST_RHO, 0.5))
