"""What the smallest of several windows' p-values is worth.

A detector looks at the last 1, 2, 3, 5 and 7 days and reports the smallest p-value; under no change that minimum is not uniform. The windows all
end on the same day, so their sums S1 <= S2 <= ... are one random walk seen at times 1, 2, 3, ...: the chance that no window reaches its threshold is
a walk with killing, computed exactly by convolution. It depends on the day's mean, on the dispersion and on the level; it is tabulated once for each
set of windows as a number of looks K (chance = 1 - (1 - s) ** K) and read by interpolation.

The table is of days that are alike. Where they are not (a counter closed on Sundays, a holiday) a window may add hardly a record to the one before it,
and where the mean itself is doubted all windows err together: there are fewer looks, by as much as a second look at a correlated normal is worth
less than one (`second_look`).
"""
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from models.count_tails import upper_tail

MEANS = np.geomspace(2e-3, 12, 14)                    # a day's mean; beyond the ends the end counts
PHIS = np.array([1.0, 1.4, 2.2, 4.0])
LEVELS = np.array([.7, .5, .3, .15, .05, .01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8])
JITTER = np.geomspace(.75, 1 / .75, 5)                # counts are lumpy: a few means beside each grid point are averaged
ALIKE = 1 - np.geomspace(1, 1e-4, 25)[::-1]           # correlations of two looks, descending
SHUT = .01                                            # a window with less of the longest one's mean is no look


def crossing_chance(mean, phi, windows, levels, weights=None):
    """P(some window's mid-p <= its weight times the level) for each level, for independent days of that mean and dispersion: float64 (len(levels),)."""
    top = windows[-1]
    size = int(np.ceil(mean * top + 7 * np.sqrt(phi * mean * top) + 12 * phi + 8))
    k = np.arange(size)
    tails = upper_tail(np.arange(size + 1)[None, :], mean * np.arange(1, top + 1)[:, None], phi)
    step = tails[0, :-1] - tails[0, 1:]
    walk = step[np.abs(k[:, None] - k[None, :])] * (k[None, :] >= k[:, None])       # from a sum (row) to the next day's (column)
    alive = np.zeros((len(levels), size))
    alive[:, 0] = 1
    for day in range(1, top + 1):
        alive = alive @ walk
        if day in windows:
            mid = (tails[day - 1, :-1] + tails[day - 1, 1:]) / 2 / (weights[windows.index(day)] if weights else 1)
            alive = np.where(mid[None, :] <= levels[:, None], 0., alive)
    return np.clip(1 - alive.sum(1), 0, 1)


@lru_cache(maxsize=8)
def looks(windows, weights):
    """Table of K, float64 (len(PHIS), len(MEANS), len(LEVELS)), smoothed over neighbouring means, from 1/2 to one look for each window."""
    out = np.ones((len(PHIS), len(MEANS), len(LEVELS)))
    if len(windows) == 1:
        return out
    for i, phi in enumerate(PHIS):
        for j, mean in enumerate(MEANS):
            chance = np.mean([crossing_chance(mean * f, phi, windows, LEVELS, weights) for f in JITTER], 0)
            out[i, j] = np.log1p(-np.minimum(chance, 1 - 1e-12)) / np.log1p(-LEVELS)
    out = np.clip(out, .5, len(windows))
    padded = np.concatenate([out[:, :1], out, out[:, -1:]], 1)
    return (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4


@lru_cache(maxsize=1)
def second_look():
    """What a second look is worth, in looks, at two standard normals of these correlations (ALIKE), at each level: float64 (len(ALIKE), len(LEVELS))."""
    z = -ndtri(LEVELS)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    x = z + 4.5 * (nodes[:, None] + 1)                                              # what the first is where it is beyond z
    rho = ALIKE[:, None, None]
    beyond = ndtr(-(z - rho * x) / np.sqrt(np.maximum(1 - rho ** 2, 1e-12)))
    both = 4.5 * np.einsum("k,akl->al", weights, beyond * np.exp(-x ** 2 / 2) / np.sqrt(2 * np.pi))
    return np.clip(np.log1p(-(2 * LEVELS - both)) / np.log1p(-LEVELS) - 1, 0, 1)


def looks_share(means, phis, doubt, level, windows):
    """How many looks the windows are at these levels, over what they are where days are alike: float64 of the shape of `level`.

    means: of each window's sum, n_windows arrays of that shape; phis: their dispersions without the doubt; doubt: relative variance of the mean, common
    to all windows.
    """
    table = second_look()
    depth, edges = -np.log(LEVELS), -np.log(1 - ALIKE)
    at = np.clip(np.interp(-np.log(np.maximum(level, 1e-300)), depth, np.arange(len(LEVELS))), 0, len(LEVELS) - 1)
    low = np.minimum(at.astype(int), len(LEVELS) - 2)
    part = at - low

    def worth(rho):
        i = np.clip(np.interp(-np.log(np.maximum(1 - rho, 1e-12)), edges[::-1], np.arange(len(ALIKE))[::-1]), 0, len(ALIKE) - 1)
        j = np.minimum(i.astype(int), len(ALIKE) - 2)
        k = i - j
        return sum(np.abs(1 - a - k) * np.abs(1 - b - part) * table[j + a, low + b] for a in (0, 1) for b in (0, 1))

    found = np.minimum(means[0] / (SHUT * means[-1]), 1)
    alike = np.ones_like(found)
    for i in range(len(windows) - 1):
        variance = [phis[k] * means[k] + doubt * means[k] ** 2 for k in (i, i + 1)]
        shared = phis[i] * means[i] + doubt * means[i] * means[i + 1]
        found = found + worth(np.clip(shared / np.sqrt(variance[0] * variance[1]), 0, 1))
        alike = alike + worth(np.sqrt(windows[i] / windows[i + 1]))
    return found / alike


def combined(smallest, mean, phi, windows, weights=None, share=1.0):
    """The calibrated p-value of the smallest mid-p over weight, over `windows`, float64 of the shape of `smallest`.

    mean: a day's mean; phi: its dispersion; windows: ascending tuple of lengths; weights: what each counts, 1 at the most (all alike); share: what share
    of the looks the windows are where days are not alike (`looks_share`).
    """
    table = looks(tuple(windows), tuple(weights or (1.0,) * len(windows)))
    if len(windows) == 1:
        return smallest
    grid = [np.log(PHIS), np.log(MEANS), -np.log(LEVELS)]
    at = [np.log(np.maximum(phi, 1)), np.log(np.maximum(mean, 1e-300)), -np.log(np.maximum(smallest, 1e-300))]
    low, part = [], []
    for g, x in zip(grid, at):
        x = np.clip(x, g[0], g[-1])
        i = np.clip(np.searchsorted(g, x, side="right") - 1, 0, len(g) - 2)
        low.append(i)
        part.append((x - g[i]) / (g[i + 1] - g[i]))
    k = 0.
    for a in (0, 1):
        for b in (0, 1):
            for c in (0, 1):
                weight = np.abs(1 - a - part[0]) * np.abs(1 - b - part[1]) * np.abs(1 - c - part[2])
                k = k + weight * table[low[0] + a, low[1] + b, low[2] + c]
    return -np.expm1(k * share * np.log1p(-np.minimum(smallest, 1 - 1e-12)))
