"""How far a season differs from year to year: what the same weeks of earlier years say of how well the expected curve fits there.

A wave that comes each year, but a fortnight earlier or twice as high, is not known before it comes. Farrington's method meets this by comparing with the
same weeks of the years before, whose scatter holds it; a regression has to be told that it knows less there.
"""
import numpy as np

YEAR = {"D": 365.25, "W": 52.18}
WEEK = {"D": 7, "W": 1}
HALF = 4                      # weeks on either side
YEARS = 3                     # fewer say nothing
LEAST = 10.0                  # records a week: below, a week's scatter is its noise
WIDE = 0.9, 1.645             # this quantile of the absolute deviations, and what it is of a normal law: one year's outbreak of a few weeks lies beyond it
SURE = 2.0                    # standard errors by which the scatter must exceed the noise
MOST = 2.0                    # a mean known to no better than a factor of two and a half


def season_doubt(y, mu, phi, rows, anchor, freq):
    """(n_series,) variance of the true mean over the expected one, squared, in the period after `anchor`, beyond what `phi` explains.

    y, mu: (n_rows, n_series) counts and fitted means of the consecutive absolute `rows` before the anchor; phi: (n_series,). From the weeks around the same
    day of each earlier year; of K years the variance is widened by (K + 1) / (K - 2), as a prediction by Student's t is.
    """
    week, first = WEEK[freq], rows[0]
    years = int((anchor - first - (HALF + 1) * week) // YEAR[freq])
    none = np.zeros(y.shape[1])
    if years < YEARS:
        return none
    middle = anchor + week // 2 - np.arange(1, years + 1) * YEAR[freq]
    begin = (np.rint(middle)[:, None] + week * np.arange(-HALF, HALF + 1)[None, :] - week // 2).astype(int).ravel() - first
    begin = begin[(begin >= 0) & (begin + week <= len(rows))]
    seen, due = (np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, 0)]) for x in (y, mu))
    seen, due = (x[begin + week] - x[begin] for x in (seen, due))
    due = np.maximum(due, 1e-9)
    scatter = (np.quantile(np.abs(seen / due - 1), WIDE[0], axis=0) / WIDE[1]) ** 2
    noise = phi * np.median(1 / due, 0)
    room = 1 + SURE * 1.3 * np.sqrt(2 / len(begin))
    more = (scatter - noise * room) * (years + 1) / (years - 2)
    return np.where(np.median(due, 0) >= LEAST, np.clip(more, 0, MOST), none)
