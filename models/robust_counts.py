"""Past outbreaks and outages count less: weights by residuals, and what that weighting takes from mean and variance.

Noufaily et al. 2013 weight by the square of a residual over 2.58; that leaves enough of an outbreak in to raise later means by several per cent.
Here the weight falls with the fourth power from 2.3 on for weeks, an outbreak is also looked for in sums of several periods, and the share of the variance
that such weighting takes where nothing is wrong is computed and given back. The mean it takes (counts are skewed) is not: what past outbreaks leave in
has the other sign and about the size.
"""
from functools import lru_cache

import numpy as np
from scipy.stats import norm

from models.count_tails import upper_tail

UNUSUAL = {"D": 2.58, "W": 2.3}      # residual from which a period is down-weighted
FALL = 4                      # … with this power of it: farringtonFlexible's 2 leaves too much of an outbreak in
LEAST = 2                     # a count that may be unusual
SKEWED = 3.0                  # dispersion up to which a count's upper tail is nowhere thinner than a normal law's
GRID_MEAN = np.geomspace(.01, 200, 13)
GRID_PHI = np.array([1.0, 1.4, 2.2, 4.0, 8.0])


def residual(y, mu, phi):
    """The normal quantile of a count's tail P(Y >= y): exact where counts are small and skewed, where Anscombe's residual is not."""
    return norm.isf(np.clip(upper_tail(np.maximum(np.rint(y), 0), mu, phi), 1e-300, 1 - 1e-16))


def down_weight(y, mu, phi, weights, limit):
    """Lowers `weights` in place to (limit / residual)^FALL where a residual is larger than `limit`; one record is never unusual."""
    d, usual = y - mu, phi * mu
    square = d * d
    # Counts are skewed: so far above the mean their tail is wider than a normal law's (up to a dispersion of 3), and no residual reaches the limit.
    above = np.where(phi <= SKEWED, .9 * limit ** 2, 3)
    far = np.flatnonzero(np.where(d < 0, square > 3 * usual, (square > above * usual) & (y >= LEAST)))
    if len(far):
        s = np.abs(residual(y.ravel()[far], mu.ravel()[far], phi[far % y.shape[1]]))
        w = weights.ravel()
        w[far] = np.minimum(w[far], (limit / np.maximum(s, limit)) ** FALL)


def sliding_sum(x, w):
    """Sums over w rows ending at each row; (n - w + 1, n_series)."""
    c = np.cumsum(x, 0)
    out = c[w - 1:].copy()
    out[1:] -= c[:-w]
    return out


def usual_weights(y, mu, phi, smooth, limit):
    """Weights (n_rows, n_series) in 0..1: unusual rows, and rows in the middle of an unusual stretch, count less."""
    out = np.ones(y.shape)
    down_weight(y, mu, phi, out, limit)
    if len(y) > 3 * smooth:
        half = smooth // 2
        middle = np.ones((len(y) - smooth + 1, y.shape[1]))
        down_weight(sliding_sum(y, smooth), sliding_sum(mu, smooth), phi, middle, limit)
        rows = slice(half, half + len(middle))
        out[rows] = np.minimum(out[rows], middle)
    return out


def robust_scatter(seen, due):
    """(n_series,) variance of seen / due around 1 by the 90 % quantile of the absolute deviations, as a normal law has it: a single outbreak lies beyond it.

    seen, due: (n, n_series).
    """
    return (np.quantile(np.abs(seen / due - 1), .9, axis=0) / 1.645) ** 2


def dispersion(y, mu, weights, k):
    """(n_series,) variance over mean, from winsorised residuals; k: coefficients spent, a number or one for each series."""
    n = len(y)
    d = y - mu
    return np.einsum("ij,ij,ij->j", np.broadcast_to(weights, d.shape), d, d) / np.maximum(mu.sum(0), 1e-9) * n / np.maximum(n - k, 1)


def rows_told(n, mu, phi):
    """How many rows of normal residuals tell a dispersion as surely as n rows of negative binomial counts do (by their fourth moment), float64 (n_series,).

    mu: (n_series,) mean of a row; phi: their dispersion. The noise variance of the dispersion is 2 phi ** 2 over it.
    """
    return n * mu / (mu + 3 * phi - 3 + .5 / phi)


@lru_cache(maxsize=4)
def variance_kept(limit):
    """Table (len(GRID_PHI), len(GRID_MEAN)): share of the variance that is left after weighting where nothing is wrong."""
    kept = np.ones((len(GRID_PHI), len(GRID_MEAN)))
    for i, phi in enumerate(GRID_PHI):
        for j, mu in enumerate(GRID_MEAN):
            k = np.arange(int(mu + 12 * np.sqrt(phi * mu) + 25 * phi) + 2)
            tail = upper_tail(k, mu, phi)
            law = tail - np.r_[tail[1:], 0]
            at = mu
            for _ in range(3):                # the mean that the weighted equation settles on
                weight = np.ones((len(k), 1))
                down_weight(k[:, None].astype(float), np.full((len(k), 1), at), np.array([phi]), weight, limit)
                w = law * weight[:, 0]
                at = np.sum(w * k) / np.sum(w)
            kept[i, j] = np.sum(w * (k - at) ** 2) / (phi * at)
    return kept


def read_table(table, mu, phi):
    """A table over GRID_PHI and GRID_MEAN, read at (mu, phi) by interpolation in logs; beyond its ends the end counts."""
    x, gx = np.log(np.clip(mu, GRID_MEAN[0], GRID_MEAN[-1])), np.log(GRID_MEAN)
    y, gy = np.log(np.clip(phi, GRID_PHI[0], GRID_PHI[-1])), np.log(GRID_PHI)
    j = np.clip(np.searchsorted(gx, x, "right") - 1, 0, len(gx) - 2)
    i = np.clip(np.searchsorted(gy, y, "right") - 1, 0, len(gy) - 2)
    b, a = (x - gx[j]) / (gx[j + 1] - gx[j]), (y - gy[i]) / (gy[i + 1] - gy[i])
    return (1 - a) * ((1 - b) * table[i, j] + b * table[i, j + 1]) + a * ((1 - b) * table[i + 1, j] + b * table[i + 1, j + 1])
