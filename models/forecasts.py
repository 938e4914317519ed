"""How many records to expect in the days or weeks to come, series by series, with intervals: level, weekday and season, combined by how they have done."""
from dataclasses import dataclass

import numpy as np
from scipy.stats import nbinom, poisson

#: Half-lives of the level, in periods, whose forecasts are combined; and that of the memory of their errors.
HALF_LIVES, MEMORY = {"D": (10.0, 28.0, 84.0), "W": (2.0, 6.0, 16.0)}, {"D": 56.0, "W": 12.0}
SEASON = {"D": 7, "W": 1}
YEAR, SMOOTH = {"D": 364, "W": 52}, {"D": 28, "W": 4}
#: Weekday shares are learnt over so many periods and pulled towards the whole's by so many records.
LEARNT, PULL = 182, 60.0
#: A count enters the level as at most so many standard deviations above what was expected: a storm is no new level.
CLIPPED = 4.0
#: Cells by which intervals are widened or narrowed have at least so much expected.
SCALED_FROM = 5.0


@dataclass(frozen=True)
class Forecast:
    """Arrays `(n_horizons, n_series)`: `mean`, `median`, `low`, `high` (80 % interval), and `variance` of the negative binomial law that they are of."""

    mean: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    variance: np.ndarray


class SeasonalForecaster:
    """Counts `(n_periods, n_series)`, time down, one day or week a row (`freq` "D" or "W"); series are taken as they are.

    The mean is a level (exponentially weighted counts without their weekday; several half-lives, combined by their past absolute errors) times the weekday's share
    (the series' own, pulled towards the whole's) times, from two years on, what the season did to the sum of all series from this time of the year on, half believed. Its law is
    negative binomial; the dispersion is that of past forecasts at the same horizon, half the series' own and half of all. Intervals are scaled by how often past ones held, over
    all series of some size (adaptive conformal inference: Gibbs & Candes 2021, NeurIPS). What is said before a period rests on the rows before it.
    """

    def __init__(self, freq: str = "D", horizons: int = 7, coverage: float = 0.8, rate: float = 0.03):
        self.freq, self.horizons, self.coverage, self.rate = freq, horizons, coverage, rate

    def backtest(self, counts: np.ndarray, origins: np.ndarray) -> list[Forecast]:
        """Forecasts made before each of the periods `origins` (row numbers, ascending) for it and those after it; each learns from earlier origins whose periods are over."""
        y = np.asarray(counts, dtype=float)
        phi = np.full((self.horizons, y.shape[1]), 1.3)
        weight = np.zeros((len(HALF_LIVES[self.freq]), y.shape[1]))
        scale, out = np.ones(self.horizons), []
        waiting: list[tuple] = []
        levels = self._levels(y)
        for origin in origins:
            # What earlier origins said of periods that are over by now teaches this one.
            while waiting and waiting[0][0] + self.horizons <= origin:
                phi, weight, scale = self._learn(y, waiting.pop(0), phi, weight, scale)
            means = self._means(y, levels, int(origin))
            share = self._share(weight)
            mean = np.maximum((means * share[:, None, :]).sum(0), 0.01)
            told = self._law(mean, phi, scale)
            waiting.append((int(origin), means, mean, told))
            out.append(told)
        return out

    def predict(self, counts: np.ndarray) -> tuple[Forecast, Forecast]:
        """The periods after the last row, and their sum (one horizon): what a week, and a month of weeks, will bring. Raises ValueError for less than eight weeks of rows.

        It is taught by the origins of two years before, a week apart. The sum's dispersion is that of past sums, half the series' own and half of all.
        """
        y = np.asarray(counts, dtype=float)
        n, step = y.shape[0], SEASON[self.freq]
        if n < 8 * step:
            raise ValueError(f"eight weeks of counts are wanted, not {n} rows")
        origins = np.arange(n - min((n - 4 * step) // step, 104) * step, n + 1, step)
        told = self.backtest(np.vstack([y, np.zeros((self.horizons, y.shape[1]))]), origins)
        over = [(o, f) for o, f in zip(origins, told) if o + self.horizons <= n]
        mean = told[-1].mean.sum(0, keepdims=True)
        chi = np.array([np.minimum((y[o:o + self.horizons].sum(0) - f.mean.sum(0)) ** 2 / f.mean.sum(0), 30.0 * self.horizons) for o, f in over])
        weight = 0.5 ** (np.arange(len(over))[::-1] * step / MEMORY[self.freq] / 2)
        own = (chi * weight[:, None]).sum(0) / weight.sum() if over else np.full(y.shape[1], 1.3)
        return told[-1], self._law(mean, np.maximum(.5 * own + .5 * own.mean(), 1.0)[None], np.ones(1))

    def _levels(self, y: np.ndarray) -> np.ndarray:
        """(n_half_lives, n_periods + 1, n_series): the level before each period, from counts without their weekday and without what stands out far."""
        season = SEASON[self.freq]
        out = np.zeros((len(HALF_LIVES[self.freq]), y.shape[0] + 1, y.shape[1]))
        for k, half in enumerate(HALF_LIVES[self.freq]):
            keep, level, heard = 0.5 ** (1 / half), np.zeros(y.shape[1]), 0.0
            for t in range(y.shape[0]):
                if t % season == 0:
                    factor = self._weekday(y, t) if season > 1 else np.ones((1, y.shape[1]))
                now = y[t] / np.maximum(factor[t % season], 0.05)
                usual = level / heard if heard > 0 else now
                if heard > 1 / (1 - keep) * 0.3:
                    now = np.minimum(now, usual + CLIPPED * np.sqrt(np.maximum(usual, 1.0) * 2))
                level, heard = level * keep + now, heard * keep + 1
                out[k, t + 1] = level / heard
        return out

    def _weekday(self, y: np.ndarray, t: int) -> np.ndarray:
        """(season, n_series): each weekday's factor (mean 1) from the rows before t, pulled towards the whole's."""
        season = SEASON[self.freq]
        rows = y[max(0, t - LEARNT):t]
        phase = np.arange(max(0, t - LEARNT), t) % season
        own = np.array([rows[phase == d].sum(0) for d in range(season)])
        n_days = np.array([max((phase == d).sum(), 1) for d in range(season)])[:, None]
        whole = own.sum(1, keepdims=True) / n_days
        whole = whole / whole.mean() if whole.sum() > 0 else np.ones((season, 1))
        rate = (own + PULL * whole / season) / n_days
        return rate / np.maximum(rate.mean(0), 1e-9)

    def _means(self, y: np.ndarray, levels: np.ndarray, origin: int) -> np.ndarray:
        """(n_half_lives, n_horizons, n_series)."""
        season, ahead = SEASON[self.freq], np.arange(self.horizons)
        factor = self._weekday(y, origin) if season > 1 else np.ones((1, y.shape[1]))
        return levels[:, origin, None, :] * factor[(origin + ahead) % season][None] * self._season(y, origin)[None, :, None]

    def _season(self, y: np.ndarray, origin: int) -> np.ndarray:
        """(n_horizons,): how the whole's smoothed level moved from this time of the year on in the years before, half believed; 1 in the first two years."""
        year, smooth = YEAR[self.freq], SMOOTH[self.freq]
        whole, moved = y.sum(1), []
        for back in range(1, origin // year + 1):
            at = origin - back * year
            if at - smooth < 0 or back * year < smooth + self.horizons or origin < 1.8 * year:
                continue
            was = whole[at - smooth:at].mean()
            moved.append([whole[at + h - smooth // 2:at + h + smooth // 2].mean() / max(was, 1e-9) for h in range(self.horizons)])
        return np.clip(np.sqrt(np.median(moved, axis=0)), .7, 1.4) if moved else np.ones(self.horizons)

    def _share(self, error: np.ndarray) -> np.ndarray:
        """(n_half_lives, n_series): weights by past absolute errors; equal before there are any."""
        inverse = 1 / np.maximum(error, 1e-6) ** 4 if error.any() else np.ones_like(error)
        return inverse / inverse.sum(0)

    def _learn(self, y: np.ndarray, said: tuple, phi: np.ndarray, weight: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Dispersion, errors of the half-lives and the scale of intervals after a forecast whose periods are over."""
        origin, means, mean, told = said
        step, keep = SEASON[self.freq], 0.5 ** (SEASON[self.freq] / MEMORY[self.freq])
        came = y[origin:origin + self.horizons]
        weight = weight * keep + np.abs(means - came).mean(1) * (1 - keep) + 1e-9
        chi = np.minimum((came - mean) ** 2 / mean, 30.0)
        pooled = chi.mean(0, keepdims=True)
        phi = np.maximum(phi * keep + (.5 * chi + .5 * pooled) * (1 - keep), 1.0)
        large = mean >= SCALED_FROM
        for h in range(self.horizons):
            if large[h].any():
                held = np.mean((came[h] >= told.low[h])[large[h]] & (came[h] <= told.high[h])[large[h]])
                scale[h] *= np.exp(self.rate * step ** .5 * (self.coverage - held))
        return phi, weight, np.clip(scale, .5, 3.0)

    def _law(self, mean: np.ndarray, phi: np.ndarray, scale: np.ndarray) -> Forecast:
        """The negative binomial law with these means and dispersions, the spread scaled."""
        spread = np.maximum(phi * scale[:, None] ** 2, 1.0 + 1e-6)
        tail = (1 - self.coverage) / 2
        low, median, high = (_quantile(q, mean, spread) for q in (tail, .5, 1 - tail))
        return Forecast(mean, median, low, high, mean * spread)


def _quantile(q: float, mean: np.ndarray, phi: np.ndarray) -> np.ndarray:
    over = phi > 1.001
    size = mean / np.maximum(phi - 1, 1e-3)
    return np.where(over, nbinom.ppf(q, size, 1 / np.maximum(phi, 1.001)), poisson.ppf(q, mean))


def naive(counts: np.ndarray, origin: int, horizons: int, season: int) -> np.ndarray:
    """Seasonal-naive: the last season's same period, repeated. (n_horizons, n_series)."""
    return np.asarray(counts)[origin - season + np.arange(horizons) % season]
