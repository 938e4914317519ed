"""What the smallest of several windows' p-values is worth.

A detector looks at the last 1, 2, 3, 5 and 7 days and reports the smallest p-value; under no change that minimum is not uniform. The windows all
end on the same day, so their sums S1 <= S2 <= ... are one random walk seen at times 1, 2, 3, ...: the chance that no window reaches its threshold is
a walk with killing, computed exactly by convolution. It depends on the day's mean, on the dispersion and on the level; it is tabulated once for each
set of windows as a number of looks K (chance = 1 - (1 - s) ** K) and read by interpolation.
"""
from functools import lru_cache

import numpy as np

from models.count_tails import upper_tail

MEANS = np.geomspace(2e-3, 12, 14)                    # a day's mean; beyond the ends the end counts
PHIS = np.array([1.0, 1.4, 2.2, 4.0])
LEVELS = np.array([.7, .5, .3, .15, .05, .01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8])
JITTER = np.geomspace(.75, 1 / .75, 5)                # counts are lumpy: a few means beside each grid point are averaged


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


def combined(smallest, mean, phi, windows, weights=None):
    """The calibrated p-value of the smallest mid-p over weight, over `windows`, float64 of the shape of `smallest`.

    mean: a day's mean; phi: its dispersion; windows: ascending tuple of lengths; weights: what each counts, 1 at the most (all alike).
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
    return -np.expm1(k * np.log1p(-np.minimum(smallest, 1 - 1e-12)))
