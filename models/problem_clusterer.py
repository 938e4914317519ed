"""Problems that no taxonomy has: groups of records about the same kind of trouble, with names and numbers that last."""
import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from models.problem_groups import consensus
from models.problem_names import name_groups
from models.problem_texts import CONTENT_CHARS, Words, nameless, title_of, words_of
from models.similarity import plain_text

LINEAGE = {"kind": pl.String, "problem": pl.Int64, "other": pl.Int64, "n_records": pl.Int64, "reason": pl.String}
COMPONENTS = 120


class ProblemClusterer(ClusterMixin, BaseEstimator):
    """Finds recurring problems among records, names them, and keeps their numbers from fit to fit.

    Parameters
    ----------
    random_state : int
        Seed of the clusterings behind the consensus.
    n_problems : int or None
        Groups the consensus is cut into; None: by the number of records, 20 to 160.
    min_records : int
        Fewer records are no problem.
    least_similarity : float
        Records nearer than this to no problem are in none (−1).
    max_sample : int
        At most this many different texts are clustered (chosen by hash); the others are told by the result.

    Attributes
    ----------
    labels_ : int array (n_records,), −1: in no problem
    names_ : dict[int, str], the living problems' readable labels
    lineage_ : polars frame (kind: born, merged, split, died, kept; problem, other, n_records, reason)
    """

    def __init__(self, random_state: int | None = 0, n_problems: int | None = None, min_records: int = 8,
                 least_similarity: float = 0.0, max_sample: int = 4000):
        self.random_state = random_state
        self.n_problems = n_problems
        self.min_records = min_records
        self.least_similarity = least_similarity
        self.max_sample = max_sample

    def fit(self, records: pl.DataFrame, y: object = None, previous: "ProblemClusterer | None" = None) -> "ProblemClusterer":
        """Finds problems; with `previous`, its problems keep their numbers and only what it cannot place may be born.

        `records`: polars frame with `content`, and `title` where known. Raises `TypeError` or `ValueError` otherwise.
        """
        texts = self._texts(records)
        if previous is not None:
            check_is_fitted(previous, "centres_")
        lines: list[tuple] = []
        if previous is None:
            self._start(texts, lines)
        else:
            self._go_on(texts, previous, lines)
        self.labels_ = self._assign(texts)
        count = {k: int((self.labels_ == k).sum()) for k in self.numbers_}
        self.lineage_ = pl.DataFrame([(kind, k, other, count.get(k, 0), reason) for kind, k, other, reason in lines], schema=LINEAGE, orient="row")
        return self

    def fit_predict(self, records: pl.DataFrame, y: object = None, previous: "ProblemClusterer | None" = None) -> np.ndarray:
        """`fit`, then `labels_`."""
        return self.fit(records, previous=previous).labels_

    def predict(self, records: pl.DataFrame) -> np.ndarray:
        """The problem of each record, −1 for none: int array `(n_records,)`."""
        check_is_fitted(self, "centres_")
        return self._assign(self._texts(records))

    def _texts(self, records: pl.DataFrame) -> pl.DataFrame:
        """-> frame of `title`, `content`: lists of words, in the records' order."""
        if not isinstance(records, pl.DataFrame):
            raise TypeError(f"records: expected a polars DataFrame, got {type(records).__name__}")
        if "content" not in records.columns:
            raise ValueError(f"records: column 'content' is missing; found {records.columns}")
        return pl.DataFrame({"title": words_of(nameless(title_of(records))),
                             "content": words_of(nameless(plain_text(records["content"]).str.slice(0, CONTENT_CHARS)))})

    def _sample(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Different texts in an order of their own, at most `max_sample`, evenly by that order."""
        spelt = texts.with_columns(t=pl.col("title").list.join(" "), c=pl.col("content").list.join(" "))
        chosen = spelt.filter((pl.col("t") != "") | (pl.col("c") != "")).unique(["t", "c"], keep="any")
        chosen = chosen.sort("t", "c")
        if chosen.height > self.max_sample:
            at = np.unique(np.linspace(0, chosen.height - 1, self.max_sample).astype(int))
            chosen = chosen[at]
        return chosen

    def _start(self, texts: pl.DataFrame, lines: list[tuple]) -> None:
        """A first fit: words, directions, consensus, centres, names."""
        sample = self._sample(texts)
        self.words_ = Words.learn([sample["title"], sample["content"]]) if sample.height else Words(pl.Series([], dtype=pl.String), np.zeros(0))
        self.numbers_, self.names_, self._next = [], {}, 0
        self.basis_ = np.zeros((len(self.words_.vocabulary), 1))
        self.centres_ = np.zeros((0, 1))
        if sample.height < 2 * self.min_records or len(self.words_.vocabulary) < 3:
            return
        x = self.words_.weigh(sample["title"], sample["content"])
        from sklearn.utils.extmath import randomized_svd
        size = min(COMPONENTS, min(x.shape) - 1)
        self.basis_ = randomized_svd(x, size, n_iter=5, random_state=0)[2].T.copy()
        dense = self._project(x)
        full = np.linalg.norm(dense, axis=1) > 0
        wanted = self.n_problems or int(np.clip(2.2 * np.sqrt(full.sum()) / 2, 20, 160))
        sizes = tuple(int(s) for s in np.linspace(0.7 * wanted, 2.2 * wanted, 16))
        group, _ = consensus(dense[full], sizes, min(int(1.6 * wanted), int(full.sum())), self.random_state)
        rows = dense[full]
        kept = [k for k in range(group.max() + 1) if (group == k).sum() >= self.min_records]
        centres = np.array([rows[group == k].mean(axis=0) for k in kept])
        self.centres_ = centres / np.linalg.norm(centres, axis=1, keepdims=True) if len(kept) else np.zeros((0, size))
        self.numbers_ = list(range(len(kept)))
        self._next = len(kept)
        at = np.full(sample.height, -1)
        at[np.flatnonzero(full)] = [kept.index(g) if g in kept else -1 for g in group]
        self.names_ = self._name(sample, x, at, self.numbers_)
        lines += [("born", k, None, f"first found: {self.names_[k]}") for k in self.numbers_]

    def _go_on(self, texts: pl.DataFrame, previous: "ProblemClusterer", lines: list[tuple]) -> None:
        """A later fit: the previous problems as they are, what fits none of them is looked through for new ones."""
        self.words_, self.basis_, self.centres_ = previous.words_, previous.basis_, previous.centres_
        self.numbers_, self.names_, self._next = list(previous.numbers_), dict(previous.names_), previous._next
        lines += [("kept", k, None, "same centre") for k in self.numbers_]

    def _project(self, x: object) -> np.ndarray:
        made = x @ self.basis_  # type: ignore[operator]
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)

    def _assign(self, texts: pl.DataFrame) -> np.ndarray:
        """The nearest centre where it is near enough."""
        if not self.numbers_:
            return np.full(texts.height, -1, np.int64)
        near = self._project(self.words_.weigh(texts["title"], texts["content"])) @ self.centres_.T
        best = np.round(near, 9).argmax(axis=1)
        value = near[np.arange(len(near)), best]
        return np.where(value > self.least_similarity, np.array(self.numbers_)[best], -1).astype(np.int64)

    def _name(self, sample: pl.DataFrame, x: object, group: np.ndarray, numbers: list[int]) -> dict[int, str]:
        """Names from the centres' heaviest words."""
        vocabulary = self.words_.vocabulary.to_list()
        weight = {}
        for k in numbers:
            mean = np.asarray(x[np.flatnonzero(group == k)].mean(axis=0)).ravel()  # type: ignore[index]
            top = np.lexsort((np.arange(len(mean)), -np.round(mean, 9)))[:15]
            weight[k] = {vocabulary[t]: float(mean[t]) for t in top if mean[t] > 0}
        return name_groups(sample["t"], group, weight)
