"""EARS C1, C2 and C3, as R's `surveillance::earsC` computes them: short moving baselines, for series without history.

Hutwagner et al. 2003 (Journal of Urban Health 80), Fricker, Hegler, Dunfee 2008 (Statistics in Medicine 27).
"""
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import norm

METHODS = {"C1": (1, .001), "C2": (3, .001), "C3": (3, .025)}       # rows from the period back to its baseline's last; R's default alpha


@dataclass(frozen=True)
class EarsResult:
    """upper: float64 (len(at), n_series), NaN where the baseline reaches before row 0; alarm: bool, observed above upper."""
    upper: np.ndarray
    alarm: np.ndarray


class EARS:
    """method: "C1" (the rows just before), "C2" (two rows between) or "C3" (C2 over three rows); baseline: rows of the baseline;
    alpha: None for R's default; min_sigma: least standard deviation."""

    def __init__(self, method="C1", baseline=7, alpha=None, min_sigma=0.0):
        self.method = method
        self.baseline = baseline
        self.alpha = alpha
        self.min_sigma = min_sigma

    def detect(self, counts, at):
        """EarsResult for rows `at` of counts (n_periods, n_series). Raises ValueError for an unknown method."""
        if self.method not in METHODS:
            raise ValueError(f"method: wanted one of {', '.join(METHODS)}, got {self.method!r}")
        counts, at = np.asarray(counts, float), np.asarray(at, int)
        lag, alpha = METHODS[self.method]
        z = norm.ppf(1 - (alpha if self.alpha is None else self.alpha))
        mean, sd = self._baseline(counts, lag)
        upper = mean + z * sd
        if self.method == "C3":
            with np.errstate(invalid="ignore", divide="ignore"):
                excess = np.maximum(0, (counts - mean) / sd - 1)
                earlier = np.full(counts.shape, np.nan)
                earlier[2:] = excess[1:-1] + excess[:-2]
                upper = counts + sd * (z - earlier)          # R counts from the period itself, not from the baseline's mean
        upper = np.maximum(upper, 0)
        with np.errstate(invalid="ignore"):
            return EarsResult(upper[at], counts[at] > upper[at])

    def _baseline(self, counts, lag):
        """(mean, standard deviation) of each row's baseline, (n_periods, n_series); NaN where it is not whole."""
        mean, sd = np.full(counts.shape, np.nan), np.full(counts.shape, np.nan)
        first = self.baseline + lag - 1
        if len(counts) > first:
            windows = sliding_window_view(counts, self.baseline, axis=0)[: len(counts) - first]
            mean[first:] = windows.mean(-1)
            sd[first:] = np.maximum(windows.std(-1, ddof=1), self.min_sigma)
        return mean, sd
