"""farringtonFlexible exactly as R's `surveillance` computes it, over many series at once.

Noufaily et al. 2013 (Statistics in Medicine 32), Salmon, Schumacher, Höhle 2016 (Journal of Statistical Software 70). Checked against 1.20.3, its
quirks included: they decide cells in the tail. The reference weeks of a period are split into `n_periods` groups, so the regression is one level a
group and a common slope: its normal equations are solved in closed form, for all series together.
"""
import itertools
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy
from scipy.stats import nbinom, norm, poisson
from scipy.stats import t as student

from models.count_tails import upper_tail

EPSILON, STEPS = 1e-8, 25            # R's glm.control
LEAST_MEAN = np.finfo(float).eps     # R's log link never gives less
POWERS = {"none": 1.0, "1/2": 0.5, "2/3": 2 / 3}
CELLS = 4000                         # series times rows fitted together
METHODS = ("delta", "nbPlugin", "muan")


def count_bound(mu, phi, level):
    """Quantile of a count of mean mu and variance phi * mu (Poisson where phi is 1); NaN where mu is not finite."""
    out = np.where(np.isfinite(mu), mu + norm.ppf(level) * np.sqrt(phi * mu), np.nan)      # serves where mu is beyond counting
    sane = np.isfinite(mu) & (mu < 1e10) & np.isfinite(phi)
    flat = sane & (phi <= 1)
    out[flat] = poisson.ppf(level, mu[flat])
    wide = sane & (phi > 1)
    out[wide] = nbinom.ppf(level, mu[wide] / (phi[wide] - 1), 1 / phi[wide])
    return out


@dataclass(frozen=True)
class FarringtonResult:
    """Arrays (len(at), n_series), float64 but for `alarm` and `trend_kept` (bool); NaN where R says NA.

    expected: mean of the period, NaN where there are too few cases; upper: its bound; p_value: P(Y >= observed); score: (observed - fit) over
    (upper - fit), with R's fit; mu0: what R reports under that name; trend_coef: slope per row, NaN where there is no trend.
    """
    expected: np.ndarray
    upper: np.ndarray
    alarm: np.ndarray
    p_value: np.ndarray
    score: np.ndarray
    dispersion: np.ndarray
    mu0: np.ndarray
    trend_kept: np.ndarray
    trend_coef: np.ndarray


@dataclass
class Fit:
    """One quasi-Poisson regression for each of n series; rows are the reference rows."""
    level: np.ndarray        # (n_groups, n)
    slope: np.ndarray        # (n,)
    mu: np.ndarray           # (n_rows, n) fitted means
    working: np.ndarray      # (n_rows, n) working weights of the last step, with the means before it
    centre: np.ndarray       # (n_groups, n) weighted mean time of each group
    weight: np.ndarray       # (n_groups, n) sum of working weights
    square: np.ndarray       # (n,) weighted sum of squared times within groups; inf without trend
    converged: np.ndarray    # (n,) bool

    def take(self, other, where):
        """This fit with the series `where` taken from `other`, a fit of those only."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[..., where] = getattr(other, name)


def deviance(y, mu, prior):
    """(n,) Poisson deviance."""
    return 2 * np.sum(prior * (xlogy(y, np.where(y > 0, y, 1) / mu) - (y - mu)), 0)


def fit_groups(y, time, group, prior, offset, slope):
    """Fit of log mu = level[group] + slope * time + offset by R's iteration.

    y, prior, offset: (n_rows, n); prior 0 takes a row out; time: (n_rows,); group: (n_rows,) ints from 0; slope: bool.
    """
    n_groups, n = int(group.max()) + 1, y.shape[1]
    member = (group[None, :] == np.arange(n_groups)[:, None]).astype(float)
    fit = Fit(np.zeros((n_groups, n)), np.zeros(n), np.zeros(y.shape), np.zeros(y.shape), np.zeros((n_groups, n)), np.zeros((n_groups, n)),
              np.full(n, np.inf), np.zeros(n, bool))
    left = np.arange(n)
    mu = y + .1
    eta = np.log(mu)
    before = deviance(y, mu, prior)
    t = time[:, None]
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            w = prior * mu
            z = eta - offset + (y - mu) / mu
            total = member @ w
            safe = np.where(total > 0, total, 1)
            mean_z = member @ (w * z) / safe
            if slope:
                centre = member @ (w * t) / safe
                d = t - centre[group]
                square = np.sum(w * d * d, 0)
                b = np.sum(w * d * (z - mean_z[group]), 0) / square
                level = mean_z - b * centre
            else:
                centre, square, b, level = np.zeros(total.shape), np.full(len(left), np.inf), np.zeros(len(left)), mean_z
            eta = level[group] + b * t + offset
            mu = np.maximum(np.exp(eta), LEAST_MEAN)
            now = deviance(y, mu, prior)
            done = np.abs(now - before) / (np.abs(now) + .1) < EPSILON
            for name, value in (("level", level), ("slope", b), ("mu", mu), ("working", w), ("centre", centre), ("weight", total), ("square", square)):
                getattr(fit, name)[..., left] = value
            fit.converged[left] = done
            if done.all():
                break
            keep = ~done
            left, before = left[keep], now[keep]
            y, prior, offset, mu, eta = (x[:, keep] for x in (y, prior, offset, mu, eta))
    return fit


def pearson(fit, y, df):
    """Dispersion (n,): the Pearson sum with the last step's working weights."""
    return np.sum(fit.working * ((y - fit.mu) / fit.mu) ** 2, 0) / df


def anscombe(fit, y, phi, time, group):
    """Standardised Anscombe residuals (n_rows, n)."""
    share = fit.working * (1 / fit.weight[group] + (time[:, None] - fit.centre[group]) ** 2 / fit.square)
    share = np.where(share > 1 - 10 * LEAST_MEAN, 1., share)
    return 1.5 * (np.cbrt(y) ** 2 * fit.mu ** (-1 / 6) - np.sqrt(fit.mu)) / np.sqrt(phi * (1 - share))


def assigned_weights(s, threshold, known):
    """Weights (n_rows, n) that fall with the square of a residual above the threshold; known: bool, rows that count."""
    high = (s > threshold) & known
    share = np.where(high, 1 / np.where(high, s, 1) ** 2, 1.)
    gamma = known.sum(0) / np.sum(np.where(known, share, 0.), 0)
    return np.where(known, gamma * share, 0.)


def reference_rows(n_rows, row, years_back, freq, dates=None):
    """Row numbers of the same week in the last years, this one first: by whole periods, or by date the same weekday nearest to the day."""
    if dates is None:
        return row - freq * np.arange(years_back + 1)
    day = dates[row].astype("datetime64[D]")
    months = day.astype("datetime64[M]")
    number = (day - months).astype(int)
    wanted = (months - 12 * np.arange(years_back + 1)).astype("datetime64[D]") + number
    def weekday(d):
        return (d.astype("datetime64[D]").astype(int) + 4) % 7       # Sunday is 0
    first = wanted - (weekday(wanted) - weekday(day))
    second = np.where(first > wanted, first - np.timedelta64(7, "D"), first + np.timedelta64(7, "D"))
    nearest = np.where(np.abs((first - wanted).astype(int)) > np.abs((second - wanted).astype(int)), second, first)
    rows = np.searchsorted(dates, nearest)
    found = (rows < n_rows) & (dates[np.minimum(rows, n_rows - 1)] == nearest)
    return np.where(found, rows, -1)


def period_groups(references, half_window, n_periods):
    """(rows, group) of the reference rows: group n_periods - 1 around the reference weeks, the others in order between two of them."""
    rows, groups = [], []
    now = references[0]
    for newer, row in itertools.pairwise(references):
        rows.append(np.arange(row - half_window, row + half_window + 1))
        groups.append(np.full(2 * half_window + 1, n_periods - 1))
        if n_periods > 1:
            between = newer - 2 * half_window - 1 - row
            if between < n_periods - 2 * half_window - 1:
                raise ValueError(f"n_periods = {n_periods} is too many for {between} rows between two reference windows")
            length, rest = divmod(between, n_periods - 1)
            sizes = np.full(n_periods - 1, length)
            sizes[:rest] += 1
            rows.append(row + half_window + 1 + np.arange(between))
            groups.append(np.repeat(np.arange(n_periods - 1), sizes))
    rows.append(np.arange(now - half_window, now + 1))
    groups.append(np.full(half_window + 1, n_periods - 1))
    rows, groups = np.concatenate(rows), np.concatenate(groups)
    order = np.argsort(rows, kind="stable")
    return rows[order], groups[order]


class FarringtonFlexible:
    """R's farringtonFlexible.

    years_back (b), half_window (w), n_periods, recent_excluded (pastWeeksNotIncluded), weights_threshold, threshold_method ("delta", "nbPlugin",
    "muan"), alpha, trend, trend_p_threshold, min_cases ((cases, weeks), limit54), reweight, power ("none", "1/2", "2/3"; powertrans), freq (rows a
    year) are R's controls under readable names; a name or method that does not exist is an error.
    """

    def __init__(self, years_back=5, half_window=3, n_periods=10, recent_excluded=26, weights_threshold=2.58, threshold_method="delta", alpha=.05,
                 trend=True, trend_p_threshold=.05, min_cases=(5, 4), reweight=True, power="2/3", freq=52):
        self.years_back = years_back
        self.half_window = half_window
        self.n_periods = n_periods
        self.recent_excluded = recent_excluded
        self.weights_threshold = weights_threshold
        self.threshold_method = threshold_method
        self.alpha = alpha
        self.trend = trend
        self.trend_p_threshold = trend_p_threshold
        self.min_cases = min_cases
        self.reweight = reweight
        self.power = power
        self.freq = freq

    def detect(self, counts, at, dates=None, population=None):
        """FarringtonResult for rows `at` of counts (n_periods, n_series); NaN counts of the reference are left out.

        dates: (n_periods,) dates, for R's same-weekday reference weeks; population: as counts, its log an offset. Rows with less than years_back
        years behind them are NaN and no alarm. Raises ValueError for unknown methods and wrong shapes.
        """
        if self.threshold_method not in METHODS:
            raise ValueError(f"threshold_method: wanted one of {', '.join(METHODS)}, got {self.threshold_method!r}")
        if self.power not in POWERS:
            raise ValueError(f"power: wanted one of {', '.join(POWERS)}, got {self.power!r}")
        counts = np.asarray(counts, float)
        if counts.ndim != 2:
            raise ValueError(f"counts: wanted (n_periods, n_series), got shape {counts.shape}")
        dates = None if dates is None else np.asarray(dates).astype("datetime64[D]")
        at = np.asarray(at, int)
        n = counts.shape[1]
        out = {name: np.full((len(at), n), np.nan) for name in FarringtonResult.__dataclass_fields__}
        for picked, pattern in self._patterns(len(counts), at, dates):
            step = max(1, CELLS // max(n, 1))
            for part in np.split(picked, np.arange(step, len(picked), step)):
                for name, value in zip(out, self._cells(counts, at[part], pattern, population)):
                    out[name][part] = value.reshape(len(part), n)
        for name in ("alarm", "trend_kept"):
            out[name] = out[name] == 1
        return FarringtonResult(**out)

    def _patterns(self, n_rows, at, dates):
        """Rows `at` whose reference rows lie alike, seen from them: [(positions in at, (rows before, group))]."""
        found = {}
        for position, row in enumerate(at):
            references = reference_rows(n_rows, int(row), self.years_back, self.freq, dates)
            if references.min() < 0:
                continue
            rows, group = period_groups(references, self.half_window, self.n_periods)
            use = (rows >= 0) & (rows < row - self.recent_excluded)
            pattern = (rows[use] - row, group[use])
            found.setdefault(tuple(x.tobytes() for x in pattern), (pattern, []))[1].append(position)
        return [(np.array(positions), pattern) for pattern, positions in found.values()]

    def _cells(self, counts, at, pattern, population):
        """Arrays (len(at) * n_series,) in the order of FarringtonResult, of rows that share a pattern."""
        before, group = pattern
        n = counts.shape[1]
        _, group = np.unique(np.r_[group, self.n_periods - 1], return_inverse=True)
        target, group = group[-1], group[:-1]
        def reach(x):
            return x[before[:, None] + at[None, :]].reshape(len(before), len(at) * n)
        y = reach(counts)
        known = ~np.isnan(y)
        y = np.where(known, y, 0)
        time = before.astype(float)                       # 0 is now; the slope and its error do not mind the origin
        offset, offset_now = np.zeros(y.shape), np.zeros(len(at) * n)
        if population is not None:
            logs = np.log(np.asarray(population, float))
            offset, offset_now = reach(logs), logs[at].ravel()
        groups_used = np.stack([known[group == g].any(0) for g in range(group.max() + 1)]).sum(0)
        kept = np.full(len(at) * n, bool(self.trend))
        fit, phi, variance = self._fit(y, time, group, known, offset, groups_used, bool(self.trend))
        if self.trend:
            with np.errstate(all="ignore"):
                p = 2 * student.sf(np.abs(fit.slope) / np.sqrt(variance / fit.square), known.sum(0) - groups_used - 1)
                now = np.exp(fit.level[target] + offset_now)
            highest = np.max(np.where(known, y, -np.inf), 0)
            kept = (p < self.trend_p_threshold) & (self.years_back >= 3) & (now <= highest) & fit.converged & np.isfinite(fit.square)
            again = np.flatnonzero(~kept)
            if len(again):
                plain, phi_plain, variance_plain = self._fit(y[:, again], time, group, known[:, again], offset[:, again], groups_used[again], False)
                fit.take(plain, again)
                phi[again], variance[again] = phi_plain, variance_plain
        with np.errstate(all="ignore"):
            link = fit.level[target] + offset_now
            error = np.sqrt(variance * (1 / fit.weight[target] + fit.centre[target] ** 2 / fit.square))
        cases, weeks = self.min_cases
        recent = np.stack([counts[np.maximum(at - i, 0)] * (at >= i)[:, None] for i in range(weeks)]).sum(0).ravel() if weeks else np.zeros(len(link))
        return self._bounds(counts[at].ravel(), recent >= cases, link, error, phi, kept, fit.slope)

    def _fit(self, y, time, group, known, offset, groups_used, slope):
        """(Fit, phi, the dispersion that R's summary takes for standard errors)."""
        df = known.sum(0) - groups_used - slope
        fit = fit_groups(y, time, group, known.astype(float), offset, slope)
        raw = pearson(fit, y, df)
        phi = np.maximum(raw, 1)
        if not self.reweight:
            return fit, phi, raw
        with np.errstate(all="ignore"):
            weights = assigned_weights(anscombe(fit, y, phi, time, group), self.weights_threshold, known)
        first = fit.converged
        fit = fit_groups(y, time, group, weights, offset, slope)
        fit.converged &= first
        phi = np.maximum(pearson(fit, y, df), 1)
        # R's summary sees the prior weights in the place of the working ones
        return fit, phi, np.sum(weights * ((y - fit.mu) / fit.mu) ** 2, 0) / df

    def _bounds(self, y, enough, link, error, phi, kept, slope):
        """What is read off a fit: link, error: linear predictor of the period and its standard error; enough: bool, cases enough to speak."""
        with np.errstate(all="ignore"):
            expected = np.exp(link)
            if self.threshold_method == "delta":
                power = POWERS[self.power]
                expected = np.maximum(expected, LEAST_MEAN)
                tau = phi + error ** 2 * expected
                se = {"none": np.sqrt(expected * tau), "1/2": np.sqrt(tau / 4), "2/3": np.sqrt(4 / 9 * np.cbrt(expected) * tau)}[self.power]
                upper = (expected ** power + norm.ppf(1 - self.alpha) * se) ** (1 / power)
                p = norm.sf(y ** power, expected ** power, se)
                fitted, mu0 = expected, np.exp(expected + norm.ppf(1 - self.alpha) * error * expected)     # R's exp of what is no logarithm
            else:
                mu0 = np.exp(link + norm.ppf(1 - self.alpha) * error) if self.threshold_method == "muan" else expected
                upper, p = count_bound(mu0, phi, 1 - self.alpha), upper_tail(y, mu0, phi)
                fitted = link
            score = (y - fitted) / (upper - fitted)
            alarm = (score > 1) & (y != 0) & enough
        hidden = np.where(enough, 0, np.nan)
        return expected + hidden, upper + hidden, alarm, p, score, phi, mu0, kept, np.where(kept, slope, np.nan)
