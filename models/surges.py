"""Count detectors: which series have more than is to be expected, and how sure one is.

`SurgeDetector` is ours; `FarringtonFlexible` and `EARS` are the field's references, exactly as R's `surveillance` computes them.
"""
from dataclasses import dataclass, replace

import numpy as np

from models.ears import EARS, EarsResult
from models.farrington import FarringtonFlexible, FarringtonResult
from models.holiday_doubt import kinds_of
from models.season_doubt import doubted_tail
from models.surge_expectation import Expectation, fit_expectation
from models.window_minimum import combined, looks_share

__all__ = ["EARS", "EarsResult", "FarringtonFlexible", "FarringtonResult", "SurgeDetector", "SurgeResult", "SurgeState"]

REFIT = {"D": 7, "W": 13}          # rows between fits; anchored to absolute rows
LEFT_OUT = {"D": 7, "W": 3}        # rows before an anchor that it does not learn from: a young outbreak must not become normal
HISTORY = {"D": 1826, "W": 780}    # rows a fit looks back over
SHORTEST = {"D": 56, "W": 26}      # rows since the first records, below which nothing is said
WINDOWS = {"D": (1, 2, 3, 5, 7), "W": (1, 2)}
#: Two weeks' sum finds an outbreak a week late: its p-value counts as this much of its own, so that it must be surer than one week's to speak.
LATER = {"D": 1.0, "W": 0.7}
#: Of the rows on which chance puts a series under a far line, this share are the first within seven days (two weeks): a window that spoke today holds most of the same
#: counts tomorrow. What a list holds of newly raised alarms is this share of its line times its tests. Seen where nothing happens: .48 in sparse series whose means and
#: dispersions are known (line .00006), .45 in the daily signals (.001), .87 and .90 in weeks.
FIRST = {"D": 0.47, "W": 0.87}


@dataclass(frozen=True)
class SurgeResult:
    """What was found, as float64 arrays (len(at), n_series); NaN where there is too little history.

    p_value: calibrated, small means unusually many; p_day: mid-p of the period alone; window: int, the window that spoke (1: the period itself);
    observed_day, expected_day: of the period; observed_window, expected_window: of the window that spoke; dispersion: variance over mean of
    that window's sum.
    """
    at: np.ndarray
    p_value: np.ndarray
    p_day: np.ndarray
    window: np.ndarray
    observed_day: np.ndarray
    expected_day: np.ndarray
    observed_window: np.ndarray
    expected_window: np.ndarray
    dispersion: np.ndarray

    @property
    def expected(self):
        return self.expected_day

    @property
    def observed(self):
        return self.observed_day


@dataclass(frozen=True)
class SurgeState:
    """What a night leaves for the next: a bounded window of counts and what was learnt at the last anchor."""
    first_row: int                     # absolute number of counts[0]
    counts: np.ndarray
    holidays: np.ndarray
    groups: np.ndarray | None
    learnt: Expectation | None
    anchor: int | None

    @property
    def next_row(self):
        """Absolute number of the row that comes next."""
        return self.first_row + len(self.counts)


class SurgeDetector:
    """Unusually high counts in many series, with calibrated p-values.

    freq: "D" daily or "W" weekly rows; windows: lengths that are looked at, ascending (default 1, 2, 3, 5, 7 days; 1, 2 weeks); refit: rows
    between fits; history: rows a fit looks back over; shortest: rows since the first records below which p-values are NaN.

    Means: models/surge_expectation.py. Each window's sum is compared with a negative binomial of its own dispersion (the mean's uncertainty
    included) by mid-p; the smallest over the windows is re-calibrated by models/window_minimum.py. Mid-p values of sparse series are uniform on
    average over series, not in each.
    """

    def __init__(self, freq="D", windows=None, refit=None, history=None, shortest=None):
        self.freq = freq
        self.windows = windows
        self.refit = refit
        self.history = history
        self.shortest = shortest

    def detect(self, counts, at, holidays=None, groups=None):
        """SurgeResult for rows `at` (ascending) of counts (n_periods, n_series), integers >= 0.

        holidays: bool (n_periods,); groups: int (n_series, n_factors), each series' level in each factor. What is said of row t rests on rows 0…t.
        Raises ValueError for arguments of the wrong shape or negative counts.
        """
        counts, holidays, groups = self._checked(counts, holidays, groups)
        at = np.asarray(at, int)
        if at.ndim != 1 or (len(at) and (at.min() < 0 or at.max() >= len(counts))):
            raise ValueError(f"at: wanted row numbers from 0 to {len(counts) - 1} in one dimension")
        anchors = at - at % self._refit
        results = []
        for anchor in np.unique(anchors):
            learnt = self._learn(counts, 0, holidays, groups, int(anchor))
            results.append(self._judge(counts, 0, holidays, learnt, at[anchors == anchor]))
        return _stacked(results) if results else self._judge(counts, 0, holidays, None, at)

    def p_values(self, counts, at, holidays=None, groups=None):
        """The p-values alone, float64 (len(at), n_series)."""
        return self.detect(counts, at, holidays, groups).p_value

    def start(self, counts, holidays=None, groups=None):
        """State after the rows of counts (n_periods, n_series), which begin with row 0."""
        counts, holidays, groups = self._checked(counts, holidays, groups)
        return self._cut(SurgeState(0, counts, holidays, groups, None, None))

    def update(self, state, counts_of_the_day, holiday=False, corrections=None):
        """(state with one row more, SurgeResult of that row).

        corrections: None or (absolute rows, counts (len(rows), n_series)): past counts as they are known now; rows older than the state's window
        are ignored. They enter windows at once and the expectation with its next fit.
        """
        day = np.asarray(counts_of_the_day)
        if day.shape != state.counts.shape[1:]:
            raise ValueError(f"counts of the day: wanted {state.counts.shape[1]} series, got shape {day.shape}")
        counts = np.concatenate([state.counts, day[None].astype(state.counts.dtype)])
        if corrections is not None:
            rows = np.asarray(corrections[0], int) - state.first_row
            inside = (rows >= 0) & (rows < len(counts) - 1)
            counts[rows[inside]] = np.asarray(corrections[1])[inside]
        holidays = np.append(state.holidays, bool(holiday))
        t = state.next_row
        anchor = t - t % self._refit
        learnt = state.learnt if state.anchor == anchor else self._learn(counts, state.first_row, holidays, state.groups, anchor)
        result = self._judge(counts, state.first_row, holidays, learnt, np.array([t]))
        return self._cut(replace(state, counts=counts, holidays=holidays, learnt=learnt, anchor=anchor)), result

    @property
    def _windows(self):
        return tuple(self.windows or WINDOWS[self.freq])

    @property
    def _weights(self):
        return tuple(1.0 if w == 1 else LATER[self.freq] for w in self._windows)

    @property
    def _refit(self):
        return self.refit or REFIT[self.freq]

    @property
    def _history(self):
        return self.history or HISTORY[self.freq]

    def _checked(self, counts, holidays, groups):
        if self.freq not in REFIT:
            raise ValueError(f"freq: wanted one of {', '.join(REFIT)}, got {self.freq!r}")
        if list(self._windows) != sorted(set(self._windows)) or min(self._windows) < 1:
            raise ValueError(f"windows: wanted ascending lengths from 1, got {self._windows}")
        counts = np.asarray(counts)
        if counts.ndim != 2:
            raise ValueError(f"counts: wanted (n_periods, n_series), got shape {counts.shape}")
        if counts.size and counts.min() < 0:
            raise ValueError("counts: negative counts are not possible")
        holidays = np.zeros(len(counts), bool) if holidays is None else np.asarray(holidays, bool)
        if holidays.shape != (len(counts),):
            raise ValueError(f"holidays: wanted one value for each of {len(counts)} rows, got shape {holidays.shape}")
        if groups is not None:
            groups = np.asarray(groups)
            groups = groups[:, None] if groups.ndim == 1 else groups
            if groups.ndim != 2 or len(groups) != counts.shape[1] or not groups.shape[1]:
                raise ValueError(f"groups: wanted one row for each of {counts.shape[1]} series and a column or more, got shape {groups.shape}")
        return counts, holidays, groups

    def _cut(self, state):
        """Drops the rows that no later fit or window can ask for."""
        anchor = state.next_row - state.next_row % self._refit
        drop = min(anchor - self._history - state.first_row, len(state.counts) - self._windows[-1] - 1)
        if drop <= 0:
            return state
        return replace(state, first_row=state.first_row + drop, counts=state.counts[drop:].copy(), holidays=state.holidays[drop:].copy())

    def _learn(self, counts, first_row, holidays, groups, anchor):
        """Expectation from the rows an anchor may use; counts[0] is absolute row first_row."""
        low, high = max(0, anchor - self._history), anchor - LEFT_OUT[self.freq]
        if high - low < 1 or counts.shape[1] == 0:
            return None
        part = slice(low - first_row, high - first_row)
        return fit_expectation(counts[part], low, holidays[part], anchor, self.freq, self._windows, groups)

    def _judge(self, counts, first_row, holidays, learnt, at):
        shape = (len(at), counts.shape[1])
        nothing = np.full(shape, np.nan)
        today = counts[at - first_row].astype(float)
        known = np.zeros(len(at), bool) if learnt is None else at - learnt.origin >= (self.shortest or SHORTEST[self.freq])
        if not known.any():
            return SurgeResult(at, nothing, nothing, np.ones(shape, int), today, nothing, today, nothing, nothing)
        low = max(int(at.min()) - self._windows[-1] + 1, first_row)
        rows = np.arange(max(low - 1, first_row), int(at.max()) + 1)               # the day before tells whether a day follows a holiday
        when = holidays[rows - first_row]
        means = learnt.mean(rows, when)
        doubted = np.einsum("kt,kn,tn->tn", kinds_of(when), learnt.holiday_doubt, means ** 2)[low - rows[0]:]
        means = means[low - rows[0]:]
        rows = rows[low - rows[0]:]
        sums = [np.concatenate([np.zeros((1, shape[1])), np.cumsum(x, 0)]) for x in (counts[rows - first_row], means, doubted)]
        smallest = np.full(shape, np.inf)
        window, seen, due, spread = np.ones(shape, int), today.copy(), nothing.copy(), nothing.copy()
        p_day = nothing
        dues, bases = [], []
        season, degrees = learnt.season
        for i, w in enumerate(self._windows):
            end = at - low + 1
            begin = np.maximum(end - w, 0)
            k, mu, more = (s[end] - s[begin] for s in sums)
            mu = np.maximum(mu, 1e-12)
            phi = learnt.spread[i] + mu * learnt.doubt + more / mu
            dues.append(mu)
            bases.append(learnt.spread[i])
            p = doubted_tail(np.rint(k), mu, phi, season, degrees)
            phi = phi + mu * season
            if i == 0:
                p_day = p
            p = p / self._weights[i]
            better = p < smallest
            smallest = np.where(better, p, smallest)
            window = np.where(better, w, window)
            seen, due, spread = (np.where(better, new, old) for new, old in ((k, seen), (mu, due), (phi, spread)))
        longest = np.maximum(sums[1][at - low + 1] - sums[1][np.maximum(at - low + 1 - self._windows[-1], 0)], 1e-12)
        share = looks_share(dues, bases, learnt.doubt + season, smallest, self._windows)
        p = combined(smallest, longest / self._windows[-1], learnt.spread[0] + 0 * longest, self._windows, self._weights, share)
        out = np.where(known[:, None], 0., np.nan)
        return SurgeResult(at, p + out, p_day + out, window, today, means[at - low] + out, seen, due + out, spread + out)


def _stacked(results):
    """Results of ascending anchors as one."""
    if len(results) == 1:
        return results[0]
    return SurgeResult(*(np.concatenate([getattr(r, name) for r in results]) for name in SurgeResult.__dataclass_fields__))
