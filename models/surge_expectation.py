"""What counts are to be expected: fitted on the past of an anchor, read for the days after it.

A series by itself gets a log-linear regression (surge_calendar). Its recent level may have moved off that line: ladders of ever shorter memory
correct it, each by as much as the series together show that levels do move (empirical Bayes, gamma-Poisson). Sparse series that have groups are not
fitted on their own: each is a share of what its problem, its street … together lead one to expect, and the share climbs the same ladders. Past
outbreaks and outages are down-weighted throughout.
"""
from dataclasses import dataclass

import numpy as np

from models.coefficient_spread import learnt_precision
from models.holiday_doubt import holiday_doubt
from models.level_ladder import believed, believed_alike, ladder, moves
from models.log_linear import fit_log_linear
from models.robust_counts import UNUSUAL, dispersion, read_table, rows_told, sliding_sum, usual_weights, variance_kept
from models.season_doubt import season_doubt
from models.surge_calendar import APART, OWN, PERIOD, Prior, design

BLOCK = {"D": 28, "W": 4}     # rows summed where shares of parents are judged
MEMORIES = {"D": (182.0, 42.0), "W": (52.0, 12.0)}       # half-lives of the ladder, in periods
UNUSUAL_LEAF = 6.0            # residual from which a period of a sparse series is down-weighted: a 2 is unusual there, and makes the dispersion
EVEN = 0.1                    # dispersion: counts more even than this are not believed
CALM_SHARE = .88              # mean weight below which a history is no longer called calm with outbreaks
ROUNDS = 3                    # of re-weighting
PERIODS_OF_SPREAD = {"D": 182, "W": 104}
MOST_CELLS = 1e6
SMOOTH = {"D": 7, "W": 3}     # an outbreak is also looked for in sums of so many periods


@dataclass(frozen=True)
class Part:
    """A fitted set of series: the total, the levels of one factor, or the series themselves."""
    coef: np.ndarray          # (k, n)
    used: tuple               # columns of the design it has
    prior: Prior
    factor: np.ndarray        # (n,) recent level over the regression's
    floor: float              # least mean of a period

    def mean(self, rows, holidays, anchor, years, freq, offset=None):
        """Expected counts (len(rows), n)."""
        X, *_ = design(rows, holidays, anchor, years, freq, self.prior, self.used)
        eta = X @ self.coef
        if offset is not None:
            eta = eta + offset
        return np.maximum(np.exp(np.clip(eta, -30, 30)) * self.factor, self.floor)


@dataclass(frozen=True)
class Expectation:
    """What was learnt at one anchor: reads means for rows near it."""
    freq: str
    anchor: int
    years: float
    origin: int               # first row with records behind it
    parts: tuple              # the series themselves; or the total, then each factor
    index: tuple              # for each factor its level of each series; empty without groups
    share: np.ndarray         # (n_series,) of the parents' product; ones without groups
    spread: np.ndarray        # (n_windows, n_series) dispersion of sums over each window
    doubt: np.ndarray         # (n_series,) relative variance of the mean
    season: tuple             # what is added where seasons differ: (n_series,), and the degrees of freedom with which it is known
    holiday_doubt: np.ndarray # (2, n_series) and what is added on a holiday, and on the day after one

    def mean(self, rows, holidays):
        """Expected counts (len(rows), n_series) of absolute `rows`."""
        when = rows, holidays, self.anchor, self.years, self.freq
        first = self.parts[0].mean(*when)
        if not self.index:
            return first
        offset = np.log(first)
        out = np.broadcast_to(first * self.share, (len(rows), len(self.share))).copy()
        for part, level in zip(self.parts[1:], self.index):
            out *= (part.mean(*when, offset) / first)[:, level]
        return np.maximum(out, .02 / (self.years * PERIOD[self.freq]))


def first_active(total, block):
    """First row from which records came in earnest: sums over `block` rows reach a tenth of their usual height."""
    if len(total) < block:
        return 0
    sums = sliding_sum(total[:, None].astype(float), block)[:, 0]
    live = sums[sums > 0]
    if not len(live):
        return len(total)
    start = int(np.argmax(sums >= .1 * np.median(live)))
    return start + int(np.argmax(total[start:] > 0))


def regress(y, X, precision, kinds, freq, offset=None):
    """Robust fit: (coef, mu, phi, weights, covariance)."""
    k = X.shape[1]

    def mean(coef):
        eta = X @ coef
        if offset is not None:
            eta += offset
        return np.maximum(np.exp(np.clip(eta, -30, 30, out=eta), out=eta), 1e-9)

    coef, covariance = fit_log_linear(y, X, precision, offset)
    mu = mean(coef)
    phi = np.maximum(1., dispersion(y, mu, np.ones(y.shape), k))
    covariance *= phi[:, None, None]
    held = precision[:, None] / phi
    for _ in range(ROUNDS):
        weights = usual_weights(y, mu, phi, SMOOTH[freq], UNUSUAL[freq])
        held = learnt_precision(coef, covariance, held, precision, kinds)
        coef, covariance = fit_log_linear(y, X, held * phi, offset, weights, start=coef, steps=3)
        covariance *= phi[:, None, None]
        mu = mean(coef)
        free = 1 + np.clip(1 - np.einsum("njj->jn", covariance) * held, 0, 1)[1:].sum(0)       # coefficients that follow the counts
        robust = dispersion(y, mu, weights, free) / read_table(variance_kept(UNUSUAL[freq]), mu.mean(0), phi)
        # where much of the history is unusual the mean is wrong there, and the noise is what it looks like
        misfit = np.clip((CALM_SHARE - weights.mean(0)) / .08, 0, 1)
        phi = robust + misfit * np.maximum(dispersion(y, mu, np.ones((1, 1)), free) - robust, 0)
        live = len(y) * mu.mean(0) / (mu.mean(0) + .5)
        own = believed(phi, live, 1.1, 30.)
        phi = np.maximum(own, 1.)
    own = np.maximum(own, EVEN)
    return coef, mu, own, weights, covariance * (own / phi)[:, None, None]


def spreads(y, mu, weights, phi, windows):
    """(n_windows, n_series) dispersion of sums over each window: phi times what neighbouring periods have in common."""
    u = np.sqrt(weights) * (y - mu)
    out = np.empty((len(windows), y.shape[1]))
    base = np.maximum(np.einsum("ij,ij->j", u, u) / mu.sum(0), 1e-9)
    for i, w in enumerate(windows):
        if w == 1 or len(y) < 4 * w:
            out[i] = phi
            continue
        r = sliding_sum(u, w)
        m = np.convolve(np.ones(len(r)), np.ones(w)) @ mu        # of all windows: each row as often as it lies in one
        r -= r.mean(0)
        ratio = np.minimum(np.einsum("ij,ij->j", r, r) / np.maximum(m, 1e-9) / base, 10.)
        live = len(y) / w * mu.mean(0) * w / (mu.mean(0) * w + .5)
        out[i] = phi * np.maximum(believed(ratio, live, 1., 30.), 1.)
    return out


def fit_part(y, rows, holidays, anchor, freq, prior=OWN, offset=None):
    """(Part, mu, phi, weights, doubt) of series by themselves or, with an offset in logs, apart from their parent."""
    years = len(rows) / PERIOD[freq]
    X, precision, used, kinds = design(rows, holidays, anchor, years, freq, prior)
    coef, mu, phi, weights, covariance = regress(y, X, precision, kinds, freq, offset)
    factor, doubt = ladder(weights * y + (1 - weights) * mu, mu, anchor - rows, phi, MEMORIES[freq])
    x, near = X[-BLOCK[freq]:].copy(), mu[-BLOCK[freq]:]
    x[:, 1] = 0
    doubt = doubt + np.einsum("ti,nij,tj,tn->n", x, covariance, x, near, optimize=True) / near.sum(0)       # days that bring nothing raise no doubt
    return Part(coef, used, prior, factor, .5 / len(rows)), mu, phi, weights, np.clip(doubt, 0., 2.)


def fit_alone(y, rows, holidays, anchor, freq, windows):
    """Expectation of series without groups. y: (n_rows, n_series) counts of absolute `rows`, all before the anchor."""
    part, mu, phi, weights, doubt = fit_part(y.astype(float), rows, holidays, anchor, freq)
    spread = spreads(y, mu, weights, phi, windows)
    return Expectation(freq, anchor, len(rows) / PERIOD[freq], int(rows[0]), (part,), (), np.ones(y.shape[1]), spread, doubt,
                       season_doubt(y, mu, phi, rows, anchor, freq), holiday_doubt(y, mu, phi, holidays))


def finest(groups):
    """The levels, from 0, of each column of `groups` that no other column refines (a district says nothing once the street is known), in order."""
    index = [np.unique(column, return_inverse=True)[1].ravel() for column in groups.T]
    levels = [int(level.max()) + 1 for level in index]
    keep = []
    for f, level in enumerate(index):
        # A factor with more levels (of two that are one, the earlier) refines this one where each of its levels lies in one of this one's.
        finer = (o for o in range(len(index)) if (levels[o], -o) > (levels[f], -f))
        if not any(len(np.unique(index[o] * levels[f] + level)) == levels[o] for o in finer):
            keep.append(level)
    return keep


def by_level(y, index):
    """Sums of the columns of y by the levels of each factor, float64 (n_rows, n_levels) each: row by row, of what is not zero, since most of sparse counts is."""
    sums = [np.empty((len(y), int(level.max()) + 1)) for level in index]
    for t, row in enumerate(y):
        some = np.flatnonzero(row != 0)
        counts = row[some].astype(float)
        for out, level in zip(sums, index):
            out[t] = np.bincount(level[some], weights=counts, minlength=out.shape[1])
    return sums


def blocks(n, length):
    """Starts of blocks of `length` rows that end with row n - 1; what is left over at the front joins the first."""
    return np.r_[0, np.arange(n % length + length, n, length)] if n >= 2 * length else np.array([0])


def block_sums(x, starts):
    """Sums of the rows of x from each start to the next, float64 (len(starts), n): a reduction a block, three times as fast as `np.add.reduceat` over rows."""
    kind = np.result_type(x.dtype, np.int32)          # counts are added up as they are: four times as fast as one by one turned into float64
    return np.stack([x[a:b].sum(0, dtype=kind) for a, b in zip(starts, (*starts[1:], len(x)))]).astype(float)


def followed(y, mu, phi, weights, starts):
    """mu moved, block by block, to where the counts were, by as much as levels move at all: what a parent's children were shares of."""
    calm, due = block_sums(weights * y + (1 - weights) * mu, starts), block_sums(mu, starts)
    noise = phi / due
    variance = moves((calm / due).ravel(), noise.ravel())
    move = 1 + variance / (variance + noise) * (calm / due - 1)
    return mu * np.repeat(move, np.diff(np.r_[starts, len(y)]), 0)


def fit_shares(y, rows, holidays, anchor, freq, windows, index):
    """Expectation of series as shares of their groups. index: for each factor the level (0…) of each series."""
    n, years = len(rows), len(rows) / PERIOD[freq]
    starts = blocks(n, BLOCK[freq])
    by = by_level(y, index)
    total = by[0].sum(1)[:, None]
    whole, mu, phi, weights, _ = fit_part(total, rows, holidays, anchor, freq)
    of_holidays = np.repeat(holiday_doubt(total, mu, phi, holidays), y.shape[1], 1)
    mu_total = followed(total, mu, phi, weights, starts)
    parts, means = [whole], []
    for sums in by:
        part, mu, phi, weights, _ = fit_part(sums, rows, holidays, anchor, freq, APART, np.log(mu_total))
        parts.append(part)
        means.append(followed(sums, mu, phi, weights, starts))
    seen, due = block_sums(y, starts), block_sums(mu_total, starts)
    expected = np.repeat(1 / due ** (len(index) - 1), y.shape[1], 1)
    for mu, level in zip(means, index):
        expected *= block_sums(mu, starts).take(level, 1)
    ages = anchor - rows[starts] - np.diff(np.r_[starts, n]) / 2
    phi = np.full(y.shape[1], 1.2)
    memories = (np.inf, *MEMORIES[freq])
    usual = expected * ladder(seen, expected, ages, phi, memories)[0]
    most = np.sqrt(phi * usual)               # in place: these are the largest arrays of a night
    most *= 2.58
    most += usual
    most += 1
    np.minimum(seen, np.ceil(most, out=most), out=seen)
    share, doubt = ladder(seen, expected, ages, phi, memories)
    spread = leaf_spread(y, means, mu_total, share, index, freq, windows)
    return Expectation(freq, anchor, years, int(rows[0]), tuple(parts), tuple(index), share, spread, np.minimum(doubt, 2.), (np.zeros(y.shape[1]), 1), of_holidays)


def leaf_spread(y, means, mu_total, share, index, freq, windows):
    """Dispersion of the series over each window, from the last half year and, where they are very many, from a fixed sample of them."""
    recent = slice(max(0, len(y) - PERIODS_OF_SPREAD[freq]), len(y))
    some = np.arange(y.shape[1]) % max(1, round(y.shape[1] * PERIODS_OF_SPREAD[freq] / MOST_CELLS)) == 0
    mu = share[some] / mu_total[recent] ** (len(index) - 1)
    for m, level in zip(means, index):
        mu = mu * m[recent][:, level[some]]
    mu = np.maximum(mu, 1e-9)
    d = y[recent][:, some].astype(float)
    rough = dispersion(d, mu, np.ones(d.shape), 0)
    live = len(d) * mu.mean(0) / (mu.mean(0) + .5)
    first = np.maximum(believed(np.minimum(rough, 5.), live, 1.1, 30.), 1.)
    weights = usual_weights(d, mu, first, SMOOTH[freq], UNUSUAL_LEAF)
    own = dispersion(d, mu, weights, 0)
    phi = np.maximum(believed_alike(own, rows_told(len(d), mu.mean(0), max(own @ live / live.sum(), 1.)), 1.1, 30.), 1.)
    sampled = spreads(d, mu, weights, phi, windows)
    out = np.repeat((sampled @ live / live.sum())[:, None], y.shape[1], 1)
    out[:, some] = sampled
    return out


def fit_expectation(y, first_row, holidays, anchor, freq, windows, groups=None):
    """Expectation at `anchor` from counts y (n_rows, n_series) of rows first_row …, all before it; None where hardly any records came yet."""
    start = first_active(np.einsum("ij->i", y, dtype=np.result_type(y.dtype, np.int32)), SMOOTH[freq])       # a quarter of the time of y.sum(1)
    if len(y) - start < BLOCK[freq]:
        return None
    rows = np.arange(first_row + start, first_row + len(y))
    y, holidays = y[start:], holidays[start:]
    if groups is None:
        return fit_alone(y, rows, holidays, anchor, freq, windows)
    return fit_shares(y, rows, holidays, anchor, freq, windows, finest(groups))
