"""How far holidays differ from one another: what past ones say of how well one effect for all of them fits the next."""
import numpy as np

from models.robust_counts import robust_scatter
from models.surge_calendar import after_holiday

LEAST = 12                    # days of a kind; fewer say nothing
RECORDS = 5.0                 # expected on such a day; below, its scatter is its noise
MOST = 1.0


def kinds_of(holidays):
    """Bool (2, n_rows): the holidays, the days after them."""
    return np.stack([holidays, after_holiday(holidays)])


def holiday_doubt(y, mu, phi, holidays):
    """(2, n_series) variance of the true mean over the expected one, squared, on a holiday and on the day after one, beyond what `phi` explains.

    y, mu: (n_rows, n_series) counts and fitted means; phi: (n_series,) dispersion; holidays: bool (n_rows,).
    """
    out = np.zeros((2, y.shape[1]))
    for kind, days in enumerate(kinds_of(holidays)):
        seen, due = y[days], np.maximum(mu[days], 1e-9)
        if len(due) < LEAST:
            continue
        more = robust_scatter(seen, due) - phi * np.median(1 / due, 0)
        out[kind] = np.where(np.median(due, 0) >= RECORDS, np.clip(more, 0, MOST), 0)
    return out
