"""Problems that no taxonomy has: groups of records about the same kind of trouble, with names and numbers that last."""
from dataclasses import dataclass

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
#: A later record belongs to a problem where it is as near to it as all but this share of the problem's own records were.
FARTHEST = 0.03


@dataclass(frozen=True)
class Generation:
    """Problems that were found together: the words and directions they are told by, their centres, and how near a record must be."""

    words: Words
    basis: np.ndarray
    centres: np.ndarray
    numbers: tuple[int, ...]
    floors: np.ndarray

    def nearest(self, texts: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """-> (number of the nearest problem, similarity to it, whether that is near enough), each `(n,)`."""
        near = projected(self.words.weigh(texts["title"], texts["content"]), self.basis) @ self.centres.T
        best = np.round(near, 9).argmax(axis=1)
        value = near[np.arange(len(near)), best]
        return np.array(self.numbers)[best], value, value >= self.floors[best]


def projected(x, basis: np.ndarray) -> np.ndarray:
    """Rows in the directions of a basis, scaled to length 1."""
    made = x @ basis
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)


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
        """Finds problems; with `previous`, its problems keep their numbers and what fits none of them is looked through for new ones.

        `records`: polars frame with `content`, and `title` where known. Raises `TypeError` or `ValueError` otherwise.
        """
        texts = self._texts(records)
        if previous is not None:
            check_is_fitted(previous, "generations_")
        self.generations_: list[Generation] = list(previous.generations_) if previous is not None else []
        self.names_: dict[int, str] = dict(previous.names_) if previous is not None else {}
        self._next: int = previous._next if previous is not None else 0
        self.labels_ = self._assign(texts)
        known = set(self.names_)
        left = np.flatnonzero(self.labels_ < 0)
        born = self._find(texts[left], self.n_problems if previous is None else None, first=previous is None)
        if born is not None:
            number, near, enough = born.nearest(texts[left])
            # The first fit places everything that is nearer to a problem than to none; a later one what is near enough.
            self.labels_[left] = np.where(near > self.least_similarity if previous is None else enough, number, -1)
        count = {k: int((self.labels_ == k).sum()) for k in self.names_}
        died = sorted(k for k in known if not count[k])
        lines = [("kept", k, None, count[k], "records as near as before") for k in sorted(known) if count[k]]
        lines += [("died", k, None, 0, "no record any more") for k in died]
        lines += [("born", k, None, count[k], f"{'first found' if previous is None else 'fits no earlier problem'}: {self.names_[k]}")
                  for k in sorted(set(self.names_) - known)]
        self.names_ = {k: name for k, name in self.names_.items() if k not in died}
        self.lineage_ = pl.DataFrame(lines, schema=LINEAGE, orient="row")
        return self

    def fit_predict(self, records: pl.DataFrame, y: object = None, previous: "ProblemClusterer | None" = None) -> np.ndarray:
        """`fit`, then `labels_`."""
        return self.fit(records, previous=previous).labels_

    def predict(self, records: pl.DataFrame) -> np.ndarray:
        """The problem of each record, −1 for none: int array `(n_records,)`."""
        check_is_fitted(self, "generations_")
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

    def _assign(self, texts: pl.DataFrame) -> np.ndarray:
        """The nearest problem that is near enough, of the oldest generation that has one."""
        labels = np.full(texts.height, -1, np.int64)
        for generation in self.generations_:
            left = np.flatnonzero(labels < 0)
            if len(left):
                number, _, enough = generation.nearest(texts[left])
                labels[left] = np.where(enough, number, -1)
        return labels

    def _find(self, texts: pl.DataFrame, wanted: int | None, first: bool) -> Generation | None:
        """New problems among the texts: words, directions, consensus, centres, names; None where there are none."""
        sample = self._sample(texts)
        if sample.height < 2 * self.min_records:
            return None
        words = Words.learn([sample["title"], sample["content"]])
        if len(words.vocabulary) < 3:
            return None
        x = words.weigh(sample["title"], sample["content"])
        from sklearn.utils.extmath import randomized_svd
        basis = randomized_svd(x, min(COMPONENTS, min(x.shape) - 1), n_iter=5, random_state=0)[2].T.copy()
        dense = projected(x, basis)
        full = np.linalg.norm(dense, axis=1) > 0
        rows = dense[full]
        different = len(np.unique(np.round(rows, 6), axis=0))
        wanted = min(wanted or int(np.clip(2.2 * np.sqrt(len(rows)) / 2, 20 if first else 2, 160)), max(different // 2, 1))
        sizes = tuple(min(int(s), different) for s in np.linspace(max(0.7 * wanted, 1), 2.2 * wanted, 16))
        group, _ = consensus(rows, sizes, min(int(1.6 * wanted), different), self.random_state)
        kept = [k for k in range(group.max() + 1) if (group == k).sum() >= self.min_records]
        if not kept:
            return None
        centres = np.array([rows[group == k].mean(axis=0) for k in kept])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        floors = np.array([np.quantile(rows[group == k] @ c, FARTHEST) for k, c in zip(kept, centres)])
        numbers = tuple(range(self._next, self._next + len(kept)))
        self._next += len(kept)
        at = np.full(sample.height, -1)
        at[np.flatnonzero(full)] = [numbers[kept.index(g)] if g in kept else -1 for g in group]
        self.names_ |= self._name(sample, x, at, list(numbers), words)
        self.generations_ = [*self.generations_, Generation(words, basis, centres, numbers, floors)]
        return self.generations_[-1]

    def _name(self, sample: pl.DataFrame, x: object, group: np.ndarray, numbers: list[int], words: Words) -> dict[int, str]:
        """Names from the centres' heaviest words."""
        vocabulary = words.vocabulary.to_list()
        weight = {}
        for k in numbers:
            mean = np.asarray(x[np.flatnonzero(group == k)].mean(axis=0)).ravel()  # type: ignore[index]
            top = np.lexsort((np.arange(len(mean)), -np.round(mean, 9)))[:15]
            weight[k] = {vocabulary[t]: float(mean[t]) for t in top if mean[t] > 0}
        return name_groups(sample["t"], group, weight)
