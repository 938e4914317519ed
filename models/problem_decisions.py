"""What people decided of found problems, as a fit respects it."""
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Split:
    """Of the texts of problem `number` and of `new`, those with one of the words are `new`'s, the others `number`'s."""

    number: int
    new: int
    words: tuple[str, ...]

    def over(self, number: np.ndarray, texts: pl.DataFrame) -> np.ndarray:
        """The numbers of texts (`title`, `content`), parted."""
        rows = np.flatnonzero((number == self.number) | (number == self.new))
        if not len(rows):
            return number
        part = texts[rows]
        has = pl.any_horizontal(pl.col(c).str.contains_any(list(self.words)) for c in ("title", "content"))
        out = number.copy()
        out[rows] = np.where(part.select(has.fill_null(False)).to_series().to_numpy(), self.new, self.number)
        return out


@dataclass(frozen=True)
class Decided:
    """Decisions on problems, by number.

    names: what people call them. pinned: keep their number, name and members, and live on without records. whole: nothing leaves them (pinned,
    or made one by people). merged: number that ends → the one that it goes into. splits: in the order in which they were decided.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    pinned: frozenset[int] = frozenset()
    whole: frozenset[int] = frozenset()
    merged: Mapping[int, int] = field(default_factory=dict)
    splits: tuple[Split, ...] = ()

    def over(self, number: np.ndarray, texts: pl.DataFrame) -> np.ndarray:
        """The numbers of texts (−1: none) once decisions are applied: int64, a new array."""
        out = number.copy()
        for gone, into in self.merged.items():
            out[out == gone] = into
        for split in self.splits:
            out = split.over(out, texts)
        return out

    @property
    def apart(self) -> frozenset[frozenset[int]]:
        """Pairs that people parted, which never become one again."""
        return frozenset(frozenset((s.number, s.new)) for s in self.splits)

    @property
    def next_number(self) -> int:
        """The first number beyond those that splits have made."""
        return max((s.new + 1 for s in self.splits), default=0)


NOTHING_DECIDED = Decided()
