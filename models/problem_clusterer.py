"""Problems that no taxonomy has: groups of records about the same kind of trouble, with names and numbers that last."""
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from models.problem_decisions import NOTHING_DECIDED, Decided
from models.problem_groups import groups, together
from models.problem_names import name_groups
from models.problem_profiles import Profiles
from models.problem_succession import Succession, succeed
from models.problem_texts import TextSpace, read
from models.threads import one_blas_thread

#: Few texts may be of as many problems as many texts.
MANY = 60.0

LINEAGE = {"kind": pl.String, "problem": pl.Int64, "other": pl.Int64, "n_records": pl.Int64, "reason": pl.String}


class ProblemClusterer(ClusterMixin, BaseEstimator):
    """Finds recurring problems among records, names them, and keeps their numbers from fit to fit.

    Parameters
    ----------
    random_state : int
        Seed of the clusterings behind the consensus.
    n_problems : int or None
        About so many problems are looked for, or more where there are more from `previous`; None: by the number of texts. It says how fine the
        clusterings behind the consensus are; how many problems there are follows from what is together in most of them.
    min_records : int
        Fewer records of different texts are no new problem.
    max_sample : int
        At most this many different texts are clustered (evenly from their alphabetical order), which takes `8 · max_sample²` bytes or so;
        the other records are told by the result.

    Attributes
    ----------
    labels_ : int array (n_records,), −1: in no problem, or torn between two
    names_ : dict[int, str], the living problems' readable labels
    lineage_ : polars frame (kind: born, merged, split, died, kept; problem, other, n_records, reason)
    """

    #: What people decided, and the spaces and profiles of pinned problems that no record is of at present.
    _decided: Decided = NOTHING_DECIDED
    _asleep: Mapping[int, tuple[TextSpace, Profiles]] = MappingProxyType({})

    def __init__(self, random_state: int | None = 0, n_problems: int | None = None, min_records: int = 6, max_sample: int = 5000):
        self.random_state = random_state
        self.n_problems = n_problems
        self.min_records = min_records
        self.max_sample = max_sample

    def fit(self, records: pl.DataFrame, y: object = None, previous: "ProblemClusterer | None" = None,
            decided: Decided = NOTHING_DECIDED) -> "ProblemClusterer":
        """Finds problems; with `previous`, its problems keep their numbers, and a group unlike all of them is a new one.

        decided: what people said of the problems of `previous`; it holds for this fit and for what `predict` tells by it.

        `records`: polars frame with `content`, and `title` where known. Raises `TypeError` or `ValueError` otherwise. What is kept does not grow
        from fit to fit: words, directions and profiles are learnt anew from these records, numbers and names are carried over.
        """
        all_texts = self._texts(records)
        if previous is not None:
            check_is_fitted(previous, "labels_")
        texts, of = _distinct(all_texts)
        known: dict[int, str] = dict(previous.names_) if previous is not None else {}
        self._next: int = max(previous.next_number if previous is not None else 0, decided.next_number)
        self._decided = decided
        self._asleep = dict(previous._asleep) if previous is not None else {}
        self._space: TextSpace | None = previous._space if previous is not None else None
        self._profiles: Profiles | None = previous._profiles if previous is not None else None
        self.names_: dict[int, str] = dict(known)
        was = self._tell(texts, decided=NOTHING_DECIDED)
        before = decided.over(was, texts)
        change = self._learn(texts, before)
        told = self._tell(texts, before if previous is not None else None)
        self.labels_ = np.where(np.isin(before, list(decided.whole)), before, told)[of]
        self._keep_asleep(previous)
        self._respect(known, change)
        self._close(known, change)
        return self

    def fit_predict(self, records: pl.DataFrame, y: object = None, previous: "ProblemClusterer | None" = None) -> np.ndarray:
        """`fit`, then `labels_`."""
        return self.fit(records, previous=previous).labels_

    def predict(self, records: pl.DataFrame) -> np.ndarray:
        """The problem of each record, −1 for none: int array `(n_records,)`."""
        check_is_fitted(self, "labels_")
        return self._tell(self._texts(records))

    @property
    def next_number(self) -> int:
        """The first number that no problem has had."""
        return self._next

    @property
    def pinned(self) -> frozenset[int]:
        """The problems that people pinned."""
        return self._decided.pinned

    def _texts(self, records: pl.DataFrame) -> pl.DataFrame:
        if not isinstance(records, pl.DataFrame):
            raise TypeError(f"records: expected a polars DataFrame, got {type(records).__name__}")
        if "content" not in records.columns:
            raise ValueError(f"records: column 'content' is missing; found {records.columns}")
        return read(records)

    def _tell(self, texts: pl.DataFrame, before: np.ndarray | None = None, decided: Decided | None = None) -> np.ndarray:
        if self._space is None or self._profiles is None:
            return np.full(texts.height, -1, np.int64)
        number = self._profiles.tell(self._space.place(texts), before)
        for k, (space, profiles) in self._asleep.items():
            number = np.where((number < 0) & (profiles.tell(space.place(texts)) == k), k, number)
        return (decided or self._decided).over(number, texts)

    def _keep_asleep(self, previous: "ProblemClusterer | None") -> None:
        """What tells a pinned problem is kept where no text of this fit is of it, and let go once one is again."""
        told = set() if self._profiles is None else set(self._profiles.numbers.tolist())
        self._asleep = {k: known for k, known in self._asleep.items() if k in self._decided.pinned - told}
        if previous is not None and previous._space is not None and previous._profiles is not None:
            for k in sorted(self._decided.pinned.intersection(previous._profiles.numbers.tolist()) - told - set(self._asleep)):
                self._asleep[k] = (previous._space, previous._profiles)

    def _respect(self, known: dict[int, str], change: Succession) -> None:
        """Puts what people decided beside what the texts said: new numbers, mergers and names."""
        for split in self._decided.splits:
            if split.new not in known and (self.labels_ == split.new).any():
                change.parted[split.new] = split.number if split.number in known else None
                self.names_.setdefault(split.new, "".join(split.words))
        change.merged |= {gone: into for gone, into in self._decided.merged.items() if gone in known}
        self.names_ |= {k: name for k, name in self._decided.names.items() if k in self.names_}

    @one_blas_thread()
    def _learn(self, texts: pl.DataFrame, before: np.ndarray) -> Succession:
        """Clusters the texts anew and carries the numbers over; writes what became of them into `before` (number of each text, −1: none). Sums are added up by one
        thread each: by several the last digit of a direction differs, and with it which of two equally near clusters a text joins."""
        at = np.flatnonzero((texts["title_words"].list.len() + texts["content_words"].list.len() > 0).to_numpy())
        if len(at) > self.max_sample:
            at = at[np.unique(np.linspace(0, len(at) - 1, self.max_sample).astype(int))]
        space = TextSpace.learn(texts[at]) if len(at) >= 2 * self.min_records else None
        if space is None:
            return Succession(before[at])
        x = space.place(texts[at])
        # What shares no term with any other would be together with all that do not, and founds nothing.
        said = x.any(axis=1) | (before[at] >= 0)
        x, at = x[said], at[said]
        # A new problem comes beside those there are.
        wanted = max(self.n_problems or self._expected(len(x)), len(np.unique(before[before >= 0])) + 1)
        near = together(x, wanted, self.random_state)
        change = succeed(near, groups(near, wanted, self.min_records), before[at], self._next, self._decided)
        for gone, into in change.merged.items():
            before[before == gone] = into
        before[at] = change.number
        if (change.number >= 0).any():
            self._space, self._profiles = space, Profiles.learn(x, change.number)
            self._next += len(change.parted)
            parted = {s.new for s in self._decided.splits} - set(self.names_)
            self.names_ |= self._name(space, texts[at], self._surely(x, change.number), [*change.parted, *sorted(parted & set(change.number.tolist()))])
        return change

    def _expected(self, n: int) -> float:
        """About how many problems to look for: as many as there could be of the least size, at most `MANY`, and never fewer than the root of `n`."""
        return max(float(np.sqrt(n)), min(n / self.min_records, MANY))

    def _surely(self, x: np.ndarray, number: np.ndarray) -> np.ndarray:
        """The problem of each text, −1 where it is torn or far from it; of a problem all of whose texts are, they all stay."""
        assert self._profiles is not None
        sure = self._profiles.tell(x) == number
        return np.where(sure | ~np.isin(number, number[sure]), number, -1)

    def _name(self, space: TextSpace, texts: pl.DataFrame, number: np.ndarray, new: list[int]) -> dict[int, str]:
        """Names from the words that weigh most in the problems' texts."""
        x, vocabulary = space.word_weights(texts), space.vocabulary.to_list()
        weight = {}
        for k in new:
            mean = np.asarray(x[np.flatnonzero(number == k)].mean(axis=0)).ravel()
            top = np.lexsort((np.arange(len(mean)), -np.round(mean, 9)))[:15]
            weight[k] = {vocabulary[t]: float(mean[t]) for t in top if mean[t] > 0}
        return name_groups(texts["written"], number, weight)

    def _close(self, known: dict[int, str], change: Succession) -> None:
        """Writes the lineage and forgets the names of what ended."""
        count = {k: int((self.labels_ == k).sum()) for k in self.names_}
        lines: list[tuple[str, int, int | None, int, str]] = []
        for k in sorted(known):
            if k in change.merged:
                reason = "decided" if k in self._decided.merged else "as often together as each of them in itself"
                lines.append(("merged", k, change.merged[k], 0, reason))
            elif not count[k] and k in self._decided.pinned:
                lines.append(("kept", k, None, 0, "pinned"))
            elif not count[k]:
                lines.append(("died", k, None, 0, "no record any more"))
            else:
                lines.append(("kept", k, None, count[k], "records as near as before"))
        split = {s.new for s in self._decided.splits}
        for k, parent in change.parted.items():
            if k in split:
                lines += [("born", k, parent, count[k], "decided"), *([("split", parent, k, count[k], "decided")] if parent is not None else [])]
                continue
            reason = f"{'fits no earlier problem' if known else 'first found'}: {self.names_[k]}"
            lines.append(("born", k, parent, count[k], reason if parent is None else f"keeps to itself within {known[parent]}: {self.names_[k]}"))
            if parent is not None:
                lines.append(("split", parent, k, count[k], f"a part keeps to itself: {self.names_[k]}"))
        ended = {problem for kind, problem, *_ in lines if kind in ("merged", "died")}
        self.names_ = {k: name for k, name in self.names_.items() if k not in ended}
        self.lineage_ = pl.DataFrame(lines, schema=LINEAGE, orient="row")


def _distinct(texts: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    """-> (the different texts in alphabetical order, the row of each text among them): the order of the records is nothing to go by."""
    key = pl.struct("title", "content").rank("dense")
    of = texts.select(key.cast(pl.Int64) - 1).to_series().to_numpy()
    order = texts.select(pl.struct("title", "content", "written").arg_sort()).to_series().to_numpy()
    return texts[order[np.unique(of[order], return_index=True)[1]]], of
