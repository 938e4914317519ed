"""What staff's verdicts say: precision with intervals, and which of tonight's warnings will prove right."""
import numpy as np
import polars as pl
from scipy.stats import beta
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

#: What is known of a warning when it is told: columns of a frame to fit or predict.
SEEN = ("kind", "rule", "level", "problem_code", "observed", "expected", "p_value", "n_records", "n_callers")
_LEVEL = {"red": 3.0, "orange": 2.0, "yellow": 1.0, "blue": 0.0}
#: Features, and which of them can only speak for a warning: a graver level, a steeper rise, more callers, a smaller p-value, a better record.
FEATURES = ("level", "rise", "callers", "surprise", "by_rule", "kind_record", "problem_record")
_FOR = ("level", "rise", "callers", "surprise", "kind_record", "problem_record")


def jeffreys(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Jeffreys' interval of a share (Brown, Cai & DasGupta 2001, Statistical Science 16:101); 0 and 1 are kept where all or none hit."""
    tail = (1 - level) / 2
    return (0.0 if hits <= 0 else float(beta.ppf(tail, hits + 0.5, n - hits + 0.5))), (1.0 if hits >= n else float(beta.ppf(1 - tail, hits + 0.5, n - hits + 0.5)))


def precision(judged: pl.DataFrame, by: str) -> pl.DataFrame:
    """(by, credit, judged, precision, low, high): of verdicts with a `credit` between 0 and 1, with 95 % intervals; in order of `by`."""
    told = judged.filter(pl.col(by).is_not_null()).group_by(by).agg(pl.col("credit").sum(), pl.len().cast(pl.Int64).alias("judged")).sort(by)
    bounds = [jeffreys(c, n) for c, n in told.select("credit", "judged").iter_rows()]
    return told.with_columns((pl.col("credit") / pl.col("judged")).alias("precision"), pl.Series("low", [b[0] for b in bounds], dtype=pl.Float64),
                             pl.Series("high", [b[1] for b in bounds], dtype=pl.Float64))


class VerdictRanking(BaseEstimator):
    """The chance that a warning will be confirmed, learned from verdicts: a logistic regression of few features, monotone where sense demands.

    A feature of `_FOR` whose coefficient comes out negative is left out and the rest is fitted anew, until none does. How a kind (or rule) and a
    problem have done is a feature too; in fitting, each warning's own verdict is left out of it, and few verdicts are pulled towards the whole.
    With fewer than `least` verdicts, or all of them the same, the record of its kind or rule stands for it; without any, `prior`.
    """

    def __init__(self, least: int = 30, pull: float = 4.0, prior: float = 0.5, bounds: tuple[float, float] = (0.05, 0.95), C: float = 0.5):
        self.least, self.pull, self.prior, self.bounds, self.C = least, pull, prior, bounds, C

    def fit(self, warnings: pl.DataFrame, credit: pl.Series | np.ndarray) -> "VerdictRanking":
        """warnings: `SEEN` columns, one row a verdict. credit: between 0 (unfounded) and 1 (confirmed). The rows' order does not matter."""
        seen = warnings.select(SEEN).with_columns(pl.Series("credit", np.asarray(credit, float)))
        seen = seen.sort(pl.all(), nulls_last=False)
        y = seen["credit"].to_numpy()
        self.n_, self.whole_ = seen.height, (float(y.sum()) + self.prior * self.pull) / (seen.height + self.pull)
        group = pl.coalesce("rule", "kind").alias("group")
        self.kinds_ = seen.group_by(group).agg(pl.col("credit").sum(), pl.len().alias("n"))
        self.problems_ = seen.group_by(pl.col("problem_code").alias("group")).agg(pl.col("credit").sum(), pl.len().alias("n"))
        self.basis_ = "verdicts" if self.n_ >= self.least and 0 < y.sum() < self.n_ else "kind" if self.n_ else "none"
        self.features_: list[str] = []
        if self.basis_ != "verdicts":
            return self
        x = self._features(seen, own=y)
        self.mean_, self.scale_ = x.mean(axis=0), np.where(x.std(axis=0) > 1e-9, x.std(axis=0), 1.0)
        z = (x - self.mean_) / self.scale_
        kept = [n for n in range(len(FEATURES)) if x[:, n].std() > 1e-9]
        both, target, weight = np.vstack([z, z]), np.r_[np.ones(len(y)), np.zeros(len(y))], np.r_[y, 1 - y]
        while kept:
            model = LogisticRegression(C=self.C, max_iter=500).fit(both[:, kept][weight > 0], target[weight > 0], weight[weight > 0])
            wrong = [n for n, c in zip(kept, model.coef_[0]) if c < 0 and FEATURES[n] in _FOR]
            if not wrong:
                self.features_, self.coef_, self.intercept_ = [FEATURES[n] for n in kept], model.coef_[0], float(model.intercept_[0])
                return self
            worst = min(wrong, key=lambda n: model.coef_[0][kept.index(n)])
            kept.remove(worst)
        self.basis_ = "kind"
        return self

    def predict(self, warnings: pl.DataFrame) -> np.ndarray:
        """The chance of each warning (`SEEN` columns), float array `(n_warnings,)`; NaN where nothing was ever judged."""
        seen = warnings.select(SEEN)
        if not self.n_:
            return np.full(seen.height, np.nan)
        if self.basis_ == "kind":
            chance = self._record(seen.select(pl.coalesce("rule", "kind").alias("group")), self.kinds_, None)
        else:
            kept = [FEATURES.index(f) for f in self.features_]
            z = ((self._features(seen, None) - self.mean_) / self.scale_)[:, kept]
            chance = 1 / (1 + np.exp(-(z @ self.coef_ + self.intercept_)))
        return np.clip(chance, *self.bounds)

    def _features(self, seen: pl.DataFrame, own: np.ndarray | None) -> np.ndarray:
        rise = ((pl.col("observed") + 1) / (pl.col("expected") + 1)).log(2).fill_null(0).clip(-2, 8)
        simple = seen.select(
            pl.col("level").replace_strict(_LEVEL, default=0.0, return_dtype=pl.Float64), rise.alias("rise"),
            (pl.coalesce("n_callers", "n_records").fill_null(1) + 1).log(2).alias("callers"),
            (-pl.col("p_value").clip(1e-12, 1).log(10)).fill_null(0).alias("surprise"), pl.col("p_value").is_null().cast(pl.Float64).alias("by_rule")).to_numpy()
        logit = lambda p: np.log(p / (1 - p))
        kind = self._record(seen.select(pl.coalesce("rule", "kind").alias("group")), self.kinds_, own)
        problem = self._record(seen.select(pl.col("problem_code").alias("group")), self.problems_, own)
        return np.column_stack([simple, logit(kind), logit(problem)])

    def _record(self, groups: pl.DataFrame, known: pl.DataFrame, own: np.ndarray | None) -> np.ndarray:
        """How each one's group has done, pulled towards the whole; own: its own verdict, left out."""
        found = groups.join(known, on="group", how="left", nulls_equal=True, maintain_order="left")
        credit, n = (found[c].fill_null(0).cast(pl.Float64).to_numpy() for c in ("credit", "n"))
        if own is not None:
            credit, n = credit - own, n - 1
        return (credit + self.pull * self.whole_) / (n + self.pull)
