"""How far a season differs from year to year: what the same weeks of earlier years say of how well the expected curve fits there.

A wave that comes each year, but a fortnight earlier or twice as high, is not known before it comes. Farrington's method meets this by comparing with the
same weeks of the years before, whose scatter holds it; a regression has to be told that it knows less there.
"""
import numpy as np
from scipy.stats import chi2

from models.count_tails import mid_tail
from models.robust_counts import robust_scatter

YEAR = {"D": 365.25, "W": 52.18}
WEEK = {"D": 7, "W": 1}
HALVES = 4, 7                 # weeks on either side: those that are like this one, and the season around it, for that these agreed may have been luck; the larger counts
YEARS = 3                     # fewer say nothing
LEAST = 10.0                  # records a week: below, a week's scatter is its noise
SURE = 2.0                    # standard errors by which the scatter must exceed the noise
MOST = 2.0                    # a mean known to no better than a factor of two and a half
SHARES = np.array([.4, .3, .2, .08, .02])               # of what the scatter may truly be, the likely first


def season_doubt(y, mu, phi, rows, anchor, freq):
    """(variance of the true mean over the expected one, squared, in the period after `anchor`, beyond what `phi` explains, float64 (n_series,); the
    degrees of freedom with which it is known).

    y, mu: (n_rows, n_series) counts and fitted means of the consecutive absolute `rows` before the anchor; phi: (n_series,). From the weeks around the same
    day of each earlier year; of K years the variance is (K + 1) / K of theirs, and each year beyond the first is two degrees: early and late in a season it
    errs in ways of its own.
    """
    years = int((anchor - rows[0] - (HALVES[0] + 1) * WEEK[freq]) // YEAR[freq])
    if years < YEARS:
        return np.zeros(y.shape[1]), 1
    sums = [np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, 0)]) for x in (y, mu)]
    more = np.max([_scatter(*sums, phi, rows, anchor, freq, years, half) for half in HALVES], 0)
    return np.clip(more * (years + 1) / years, 0, MOST), 2 * (years - 1)


def _scatter(seen, due, phi, rows, anchor, freq, years, half):
    """The variance of so many weeks on either side, from the running sums of counts and means."""
    week = WEEK[freq]
    middle = anchor + week // 2 - np.arange(1, years + 1) * YEAR[freq]
    begin = (np.rint(middle)[:, None] + week * np.arange(-half, half + 1)[None, :] - week // 2).astype(int).ravel() - rows[0]
    begin = begin[(begin >= 0) & (begin + week <= len(rows))]
    seen, due = (x[begin + week] - x[begin] for x in (seen, due))
    due = np.maximum(due, 1e-9)
    room = 1 + SURE * 1.3 * np.sqrt(2 / len(begin))
    return np.where(np.median(due, 0) >= LEAST, robust_scatter(seen, due) - phi * np.median(1 / due, 0) * room, 0.)


def doubted_tail(count, mean, dispersion, season, degrees):
    """The mid-p value where the mean's relative variance `season` (n_series,) is known with so many `degrees` of freedom: float64 (…, n_series).

    As Student's t is a normal law of unknown variance, this is `mid_tail` averaged over what the variance may be (`SHARES` of a scaled inverse chi-square).
    """
    out = mid_tail(count, mean, dispersion)
    some = season > 0
    if some.any():
        count, mean, dispersion = count[..., some], mean[..., some], dispersion[..., some]
        times = degrees / chi2.ppf(1 - (np.cumsum(SHARES) - SHARES / 2), degrees)
        out[..., some] = sum(share * mid_tail(count, mean, dispersion + mean * season[some] * x) for share, x in zip(SHARES, times))
    return out
