"""What a special inspection or a theme did: the change where it was, against the change where it was not, with an interval, or that nothing can be told."""
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

#: Fewer records than this before, or expected after, where it was or where it was not: too little to tell.
LEAST = 10


@dataclass(frozen=True)
class Effect:
    """Arrays of the leading shape of `counts`. `ratio`: records after over those expected without it (0.7: 30 % fewer), with a 95 % interval; NaN where
    `too_little`. `expected`, `observed`: records after, where it was. `dispersion`: of weekly counts around street × week; `spread`: standard deviation of
    streets' own changes (log) beyond it."""

    ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray
    expected: np.ndarray
    observed: np.ndarray
    dispersion: np.ndarray
    spread: np.ndarray
    too_little: np.ndarray

    @property
    def told(self) -> np.ndarray:
        """Whether the interval leaves out "nothing": bool."""
        with np.errstate(invalid="ignore"):
            return ~self.too_little & ((self.high < 1) | (self.low > 1))


def effect(counts: np.ndarray, treated: np.ndarray, before: np.ndarray, after: np.ndarray) -> Effect:
    """Difference in differences of counts on the log scale.

    counts: ints `(..., n_streets, n_weeks)`, any number of worlds in front. treated: bool `(n_streets,)`. before, after: bool `(n_weeks,)`; weeks in neither (the
    action itself, and those in which the place was chosen for being high, whose fall back is no effect) are left out.

    The ratio is (a_T/(b_T+1))·(b_C/(a_C+1)), nearly unbiased for Poisson counts. Its variance is the counts', times the dispersion of weekly counts around
    street × week (McCullagh & Nelder 1989, 4.5), and that of the streets' own changes, by DerSimonian and Laird (1986) over the streets without it. The interval is
    Student's with as many degrees of freedom as streets but two. Raises ValueError where shapes do not fit or no street is on one side.
    """
    counts = np.asarray(counts, dtype=float)
    treated, before, after = (np.asarray(x, bool) for x in (treated, before, after))
    if counts.shape[-2:] != (treated.size, before.size) or before.shape != after.shape:
        raise ValueError(f"counts of shape (…, {treated.size}, {before.size}) are wanted, not {counts.shape}")
    if treated.all() or not treated.any():
        raise ValueError("streets with and without the action are wanted")
    b, a = counts[..., before].sum(-1), counts[..., after].sum(-1)
    b_t, a_t, b_c, a_c = (x[..., m].sum(-1) for m in (treated, ~treated) for x in (b, a))
    expected = b_t * a_c / np.maximum(b_c, 1)
    too_little = (b_t < LEAST) | (b_c < LEAST) | (a_c < LEAST) | (expected < LEAST) | (np.sum(~treated) < 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(too_little, np.nan, a_t / (b_t + 1) * b_c / (a_c + 1))
        phi = _dispersion(counts, before, after)
        counted = phi * (1 / np.maximum(a_t, .5) + 1 / np.maximum(b_t, .5) + 1 / np.maximum(a_c, .5) + 1 / np.maximum(b_c, .5))
        tau2 = _spread(b[..., ~treated], a[..., ~treated], phi)
        weight_t = ((b / np.maximum(b_t, 1)[..., None])[..., treated] ** 2).sum(-1)
        weight_c = ((b / np.maximum(b_c, 1)[..., None])[..., ~treated] ** 2).sum(-1)
        half = student.ppf(.975, max(treated.size - 2, 1)) * np.sqrt(counted + tau2 * (weight_t + weight_c))
        centre = np.log(np.where(too_little, np.nan, np.maximum(a_t, .5) / (b_t + 1) * b_c / (a_c + 1)))
    return Effect(ratio, np.exp(centre - half), np.exp(centre + half), expected, a_t, phi, np.sqrt(tau2), too_little)


def _dispersion(counts: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pearson's chi² over its degrees of freedom around street × week, before and after each for itself; never below 1."""
    chi2, free = 0.0, 0
    for weeks in (before, after):
        part = counts[..., weeks]
        n_streets, n_weeks = part.shape[-2:]
        whole = part.sum((-1, -2), keepdims=True)
        fit = part.sum(-1, keepdims=True) * part.sum(-2, keepdims=True) / np.maximum(whole, 1)
        chi2 = chi2 + np.where(fit > 0, (part - fit) ** 2 / np.maximum(fit, 1e-12), 0).sum((-1, -2))
        free += (n_streets - 1) * (n_weeks - 1)
    return np.maximum(np.asarray(chi2) / max(free, 1), 1.0)


def _spread(b: np.ndarray, a: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """The variance of streets' own log changes beyond that of their counts (DerSimonian & Laird); 0 for one street."""
    change = np.log((a + .5) / (b + .5))
    weight = 1 / (phi[..., None] * (1 / (a + .5) + 1 / (b + .5)))
    mean = (weight * change).sum(-1, keepdims=True) / weight.sum(-1, keepdims=True)
    q = (weight * (change - mean) ** 2).sum(-1)
    c = weight.sum(-1) - (weight ** 2).sum(-1) / weight.sum(-1)
    return np.maximum((q - (b.shape[-1] - 1)) / np.maximum(c, 1e-12), 0) if b.shape[-1] > 1 else np.zeros(b.shape[:-1])


def effect_by_week(weeks_before: int, weeks_left_out: int, weeks_after: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks (before, after) of so many weeks, oldest first, with those left out between."""
    n = weeks_before + weeks_left_out + weeks_after
    at = np.arange(n)
    return at < weeks_before, at >= weeks_before + weeks_left_out
