"""Is one incident growing, or one respondent drawing more complaints than it used to?

Both compare a small count of the last 1, 3 and 7 days with what is usual for its kind: an incident with what incidents of its size and age went on
to bring, a respondent with its own eight weeks, shrunk towards what respondents in general draw.
"""
from datetime import date, timedelta

import numpy as np
import polars as pl

from models.count_tails import mid_tail, upper_tail
from models.log_linear import fit_log_linear
from models.window_minimum import combined

WINDOWS = (1, 3, 7)
USUAL_SHARE = 0.98                # of respondents that say what respondents in general draw
LEAST = 2                         # callers in a window that can be growth: one who comes back late is recurrence, not growth
RIDGE = 0.5                       # prior standard deviation, in logs, of a feature's coefficient
WEEKDAY_PRIOR = 200.0             # records spread evenly over the week before any is seen
STEADY = 20.0                     # records' worth of belief that all the other respondents draw what they used to
FOUND = { "window": pl.Int32, "n_window": pl.Int64, "expected": pl.Float64, "p_value": pl.Float64,
         "n_records": pl.Int64, "n_callers": pl.Int64, "first_date": pl.Date, "last_date": pl.Date}


def dense(frame, key, value, first: date, n_days):
    """(keys sorted, counts float64 (n_days, n_keys)) of a frame with a row for each key and date; dates outside are left out."""
    inside = (frame.with_columns(day=(pl.col("date") - first).dt.total_days())
              .filter(pl.col("day").is_between(0, n_days - 1) & pl.col(key).is_not_null()))
    keys = inside[key].unique().sort()
    out = np.zeros((n_days, len(keys)))
    if not len(inside):
        return keys, out
    column = inside[key].rank("dense").to_numpy().astype(int) - 1
    np.add.at(out, (inside["day"].to_numpy(), column), inside[value].to_numpy())
    return keys, out


def weekday_profile(totals, first: date):
    """Share of each of the days' weekdays over its mean, float64 (n_days,), shrunk to 1 while records are few."""
    weekday = (np.arange(len(totals)) + first.weekday()) % 7
    seen = np.bincount(weekday, weights=totals, minlength=7)
    days = np.maximum(np.bincount(weekday, minlength=7), 1)
    rate = seen.sum() / max(len(totals), 1)
    profile = (seen + WEEKDAY_PRIOR / 7) / (days * rate + WEEKDAY_PRIOR / 7)
    return profile[weekday]


def tail_curve(scores, least=20):
    """Sorted scores of the past, and the slope of log share against log score in their lower tail, for `tail_share`."""
    ordered = np.sort(scores)
    n = len(ordered)
    if n < 200:
        return ordered, 1.0
    ends = np.array([max(least, n // 1000), max(2 * least, n // 50)])
    at = np.maximum(ordered[np.minimum(ends, n - 1)], 1e-300)
    slope = np.log(ends[1] / ends[0]) / max(np.log(at[1] / at[0]), 1e-9) if at[1] > at[0] else 1.0
    return ordered, float(np.clip(slope, .3, 1.0))


def tail_share(scores, ordered, slope, least=20):
    """Which share of the past scored as low or lower; below the `least` lowest by the tail's power law. Few past scores: the scores as they are."""
    n = len(ordered)
    if n < 200:
        return scores
    low, high = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    share = (low + high + 1) / 2 / (n + 1)
    end = max(least, n // 1000)
    edge = max(ordered[end], 1e-300)
    return np.where(scores < edge, np.minimum(share.clip(end / n), end / n) * (np.maximum(scores, 1e-300) / edge) ** slope, share)


class IncidentGrowth:
    """p-values for "as many or more distinct callers in the last 1, 3, 7 days", incident by incident.

    window_days: the longest window; open_days: days without a record after which an incident is no longer watched; history_days: how far back
    `fit` looks; most_incidents: `fit` learns from a fixed sample of so many.

    Model: further callers in a window are negative binomial (mean m, variance m + alpha m^2); log m is linear in the logs of the incident's size,
    age, time since its last record and callers of its last 28 days, by windows, with the week's profile as offset. An incident born inside the window
    counts from its first caller on. The smallest mid-p over the windows is then read against the same figure of all incident-days of the history,
    so that p < .01 means: one in a hundred incident-days of the past looked as much like growth. Fewer than two callers in a window are no growth.
    """

    def __init__(self, window_days=7, open_days=60, history_days=365, most_incidents=4000):
        self.window_days = window_days
        self.open_days = open_days
        self.history_days = history_days
        self.most_incidents = most_incidents

    def fit(self, arrivals, as_of: date, y=None):
        """Learns from arrivals (incident: any, date: Date, n_records: Int, n_callers: Int; one row an incident and day) up to window_days before as_of."""
        self.windows_ = tuple(w for w in WINDOWS if w <= self.window_days) or (self.window_days,)
        last = as_of - timedelta(days=self.window_days)
        known = arrivals.filter(pl.col("date") <= last)
        self.first_ = max(known["date"].min(), last - timedelta(days=self.history_days)) if len(known) else last
        n_days = (last - self.first_).days + 1
        names = known.filter(pl.col("date") >= self.first_)["incident"].unique().sort()
        step = max(1, -(-len(names) // self.most_incidents))
        keys, counts = dense(known.filter(pl.col("incident").is_in(names.gather_every(step).implode())), "incident", "n_callers", self.first_, n_days)
        totals = dense(known.with_columns(all=pl.lit("all")), "all", "n_callers", self.first_, n_days)[1].sum(1)
        self.profile_ = weekday_profile(totals, self.first_)
        self.models_, scores = {}, []
        days = np.arange(min(28, n_days - 1), n_days)
        for w in self.windows_:
            rows = self._rows(counts, days, w)
            self.models_[w] = self._regress(rows) if rows["k"].size else None
            scores.append(self._score(rows, self.models_[w]) if rows["k"].size else np.zeros(0))
        self.ordered_: np.ndarray
        self.slope_: float
        self.ordered_, self.slope_ = tail_curve(np.min(scores, 0)) if scores and scores[0].size else (np.zeros(0), 1.0)
        self.n_incidents_ = len(keys)
        return self

    def p_values(self, arrivals, as_of: date):
        """Frame of the incidents with a record in the last window_days (columns FOUND), sorted by p_value, incident.

        n_window, expected: distinct callers by day, summed over the window that spoke; n_records, n_callers: since the incident's first day.
        """
        last = arrivals.filter(pl.col("date") <= as_of)
        if not hasattr(self, "models_"):
            raise ValueError("IncidentGrowth: fit has not been called")
        live = last.group_by("incident").agg(n_records=pl.col("n_records").cast(pl.Int64).sum(), n_callers=pl.col("n_callers").cast(pl.Int64).sum(),
                                             first_date=pl.col("date").min(), last_date=pl.col("date").max())
        live = live.filter(pl.col("last_date") > as_of - timedelta(days=self.window_days)).sort("incident")
        if not len(live):
            return pl.DataFrame(schema={"incident": arrivals.schema["incident"], **FOUND})
        first = min(as_of - timedelta(days=27 + self.window_days), live["first_date"].min())
        n_days = (as_of - first).days + 1
        keys, counts = dense(last.filter(pl.col("incident").is_in(live["incident"].implode())), "incident", "n_callers", first, n_days)
        best = np.full(len(keys), np.inf)
        window, seen, due = np.ones(len(keys), int), np.zeros(len(keys)), np.zeros(len(keys))
        for w in self.windows_:
            rows = self._rows(counts, np.array([n_days - 1]), w, week=self._week(first, n_days))
            score = self._score(rows, self.models_[w])
            mean = self._mean(rows, self.models_[w])
            at = rows["column"]
            better = score < best[at]
            best[at] = np.where(better, score, best[at])
            window[at] = np.where(better, w, window[at])
            seen[at] = np.where(better, rows["k"] + rows["born"], seen[at])
            due[at] = np.where(better, mean + rows["born"], due[at])
        p = np.minimum(tail_share(np.minimum(best, 1.), self.ordered_, self.slope_), 1.)
        found = pl.DataFrame({"incident": keys, "window": window.astype(np.int32), "n_window": seen.astype(np.int64), "expected": due, "p_value": p})
        return found.join(live, on="incident", how="left", maintain_order="left").sort("p_value", "incident")

    def _week(self, first, n_days):
        """The learnt profile by date, for days from `first` on."""
        weekday = (np.arange(len(self.profile_)) + self.first_.weekday()) % 7
        by = np.ones(7)
        by[weekday] = self.profile_
        return by[(np.arange(n_days) + first.weekday()) % 7]

    def _rows(self, counts, days, w, week=None):
        """Features and response of every incident open on `days` (rows of counts), for the window of w days that ends then."""
        week = self.profile_ if week is None else week
        n_days, n = counts.shape
        total = np.vstack([np.zeros(n), np.cumsum(counts, 0)])
        live = counts > 0
        number = np.arange(n_days)[:, None]
        latest = np.maximum.accumulate(np.where(live, number, -10_000), 0)
        first = np.where(live.any(0), live.argmax(0), 10_000)
        end, start = days[:, None], days[:, None] - w                              # the window is start + 1 … end
        begin = np.maximum(start + 1, 0)
        open_ = (first[None, :] <= end) & (end - latest[days] < self.open_days)
        born = open_ & (first[None, :] > start)
        k = total[days + 1] - total[begin[:, 0]] - born
        before = np.where(born, 1, total[begin[:, 0]])
        age = np.where(born, 0, start - first[None, :])
        quiet = np.where(born, 0, start - latest[np.maximum(start[:, 0], 0)])
        recent = np.where(born, 1, total[begin[:, 0]] - total[np.maximum(begin[:, 0] - 28, 0)])
        sums = np.r_[0, np.cumsum(week)]
        exposed = np.where(born, sums[days + 1][:, None] - sums[np.clip(first, 0, n_days)][None, :], (sums[days + 1] - sums[begin[:, 0]])[:, None])
        at = np.nonzero(open_)
        def pick(x):
            return np.broadcast_to(x, open_.shape)[at].astype(float)
        k, before, age, quiet, recent, exposed, born = map(pick, (k, before, age, quiet, recent, exposed, born))
        old = 1 - born
        X = np.stack([np.ones(len(k)), born, old * np.log(np.maximum(before, 1)), old * np.log1p(age), old * np.log1p(quiet), old * np.log1p(recent)], 1)
        return {"k": k, "X": X, "offset": np.log(np.maximum(exposed, .05)), "born": born, "column": at[1]}

    @staticmethod
    def _regress(rows):
        """(coefficients, alpha for incidents born in the window and for older ones)."""
        X, k = rows["X"], rows["k"][:, None]
        precision = np.full(X.shape[1], 1 / RIDGE ** 2)
        precision[0] = 1e-2
        coef, _ = fit_log_linear(k, X, precision, rows["offset"][:, None], steps=15)
        m = np.exp(np.clip(X @ coef[:, 0] + rows["offset"], -30, 10))
        alpha = []
        for born in (0, 1):
            of = rows["born"] == born
            excess = np.sum((rows["k"][of] - m[of]) ** 2 - m[of]) + .5
            alpha.append(float(np.clip(excess / (np.sum(m[of] ** 2) + .5), .05, 50)))
        return coef[:, 0], np.array(alpha)

    @staticmethod
    def _mean(rows, model):
        if model is None:
            return np.full(len(rows["k"]), .1)
        return np.exp(np.clip(rows["X"] @ model[0] + rows["offset"], -30, 10))

    def _score(self, rows, model):
        m = np.maximum(self._mean(rows, model), 1e-4)
        alpha = np.ones(len(m)) if model is None else model[1][rows["born"].astype(int)]
        return np.where(rows["k"] + rows["born"] >= LEAST, mid_tail(rows["k"], m, 1 + alpha * m), 1.)


class RespondentSurge:
    """p-values for "as many or more records about a respondent in the last 1, 3, 7 days" against its own eight weeks before them.

    reference_days: length of the reference; its rate is gamma-Poisson, shrunk towards the respondents of the reference by moments. A respondent with
    no record in the reference counts from its first record on, at the prior's rate; the p-value of any other is given that it has a record in the longest window.
    Where all the others together draw more than they used to (the week after a television report), as much more is expected of it too.
    """

    def __init__(self, reference_days=56, windows=WINDOWS):
        self.reference_days = reference_days
        self.windows = windows

    def p_values(self, arrivals, as_of: date):
        """Frame (respondent, window, n_window, expected, p_value) of respondents with a record in the longest window, by p_value.

        arrivals: (respondent: any, date: Date, n_records: Int), the last 60 days or more; what is later than as_of is not looked at.
        """
        longest = self.windows[-1]
        n_days = self.reference_days + longest
        first = as_of - timedelta(days=n_days - 1)
        keys, counts = dense(arrivals.filter(pl.col("date") <= as_of), "respondent", "n_records", first, n_days)
        schema = {"respondent": arrivals.schema["respondent"], "window": pl.Int32, "n_window": pl.Int64, "expected": pl.Float64, "p_value": pl.Float64}
        if not len(keys):
            return pl.DataFrame(schema=schema)
        week = weekday_profile(counts[:-longest].sum(1), first) if counts[:-longest].any() else np.ones(self.reference_days)
        by = np.ones(7)
        by[(np.arange(len(week)) + first.weekday()) % 7] = week
        week = by[(np.arange(n_days) + first.weekday()) % 7]
        past, exposure = counts[:-longest].sum(0), week[:-longest].sum()
        active = past > 0
        # moments of the rates of those seen at all; a first sighting is no rate, so one record less
        more = past[active] - 1 if active.any() else np.zeros(1)
        more = np.minimum(more, np.quantile(more, USUAL_SHARE))          # a few giants do not make every shop a possible giant
        rate = max(more.mean() / exposure, .02 / exposure)
        variance = max(more.var() / exposure ** 2 - rate / exposure, (.5 * rate) ** 2)
        shape, scale = rate ** 2 / variance, rate / variance
        newcomer = ~active
        size, weight = shape + np.where(newcomer, 0, past), scale + np.where(newcomer, 0, exposure)
        best = np.full(len(keys), np.inf)
        window, seen, due = np.ones(len(keys), int), np.zeros(len(keys)), np.zeros(len(keys))
        for w in self.windows:
            e = week[n_days - w:].sum()
            k, usual = counts[n_days - w:].sum(0), past / exposure * e
            level = np.maximum((k.sum() - k + STEADY) / (usual.sum() - usual + STEADY), 1.)
            mean = np.maximum(size / weight * e * level, 1e-9)
            given = newcomer & (k > 0)
            score = mid_tail(np.rint(k - given), mean, 1 + e * level / weight)
            better = score < best
            best, window = np.where(better, score, best), np.where(better, w, window)
            seen, due = np.where(better, k, seen), np.where(better, mean + given, due)
        rate_now = np.maximum(size / weight * level, 1e-9)           # the longest window's level
        p = combined(best, rate_now, 1 + level / weight, tuple(self.windows))
        # Only those heard of in the longest window are asked about: without that, the seldom heard of would be unusual for having come at all.
        heard = upper_tail(1, mean, 1 + e * level / weight)          # in the longest window, the last that was looked at
        p = np.where(newcomer, p, np.minimum(p / heard, 1.))
        live = counts[n_days - longest:].any(0)
        found = pl.DataFrame({"respondent": keys, "window": window.astype(np.int32), "n_window": seen.astype(np.int64), "expected": due, "p_value": p})
        return found.filter(pl.Series(live)).sort("p_value", "respondent")
