"""What the incident linker keeps of a text: its features as numbers, weighted by nothing, so that they depend on the text alone.

An *entry* is one feature of one text in 32 bits: its column of the hashed space (20), how often it stands in the title (4) and in
the content (6, capped), and whether it is part of a name there (1 title, 1 anywhere). With the entries of what is open, a night needs
no open text: how rare a feature is, is counted from them.
"""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from os import SEEK_END
from tempfile import TemporaryFile
from typing import IO, Any
from zlib import crc32

import numpy as np
import polars as pl
from scipy import sparse

from models.similarity import BITS, WIDTH, bigrams, plain_text
from transforms.entities import extract_places, named_things

#: Changes with whatever changes the features of a text; those of another version are of no use.
VERSION = 1
#: Only so much of a content is compared; what stands later repeats.
CONTENT_CHARS = 800
#: The start of the content stands for a missing title.
TITLE_CHARS = 40
#: Names are looked for in the title and so much of the content.
NAMES_CHARS = 300
SHIFT = np.uint32(32 - BITS)
#: Bits of an entry below its column: is it a name in the title, is it a name at all, is it in title or content.
NAME_IN_TITLE, NAME, WORD = np.uint32(1), np.uint32(2), np.uint32(0xFFC)
MOST_TITLE, MOST_CONTENT = 15, 63
#: The columns of `Texts.frame`.
STORED: dict[str, Any] = {"text_key": pl.UInt64, "length": pl.UInt16, "district": pl.UInt32, "words": pl.UInt16, "entries": pl.List(pl.UInt32)}


@dataclass(frozen=True)
class Texts:
    """The features of n texts.

    key: uint64 `(n,)`, equal for texts that differ in masks, codes and width only; all but their district is then equal too. length: characters of the content. district: a number of the district that is named,
    0 for none. words: how many different features stand in the text. start: `(n + 1,)`, where each text's entries begin.
    entries: uint32, ascending within a text.
    """

    key: np.ndarray
    length: np.ndarray
    district: np.ndarray
    words: np.ndarray
    start: np.ndarray
    entries: np.ndarray

    @classmethod
    def read(cls, titles: pl.Series, contents: pl.Series) -> "Texts":
        """The features of these texts (null is empty)."""
        raw = pl.DataFrame({"title": titles.cast(pl.String).fill_null(""), "content": contents.cast(pl.String).fill_null("").str.slice(0, 2 * CONTENT_CHARS)})
        once = raw.unique(maintain_order=True)
        at = raw.join(once.with_row_index("at"), on=["title", "content"], how="left", maintain_order="left")["at"].to_numpy() \
            if once.height < raw.height else None
        title, content = plain_text(once["title"]), plain_text(once["content"]).str.slice(0, CONTENT_CHARS)
        head = pl.DataFrame({"title": title, "content": content}).select(
            pl.when(pl.col("title").str.len_chars() > 0).then("title").otherwise(pl.col("content").str.slice(0, TITLE_CHARS)))["title"]
        entries = _entries(_counts(head), _counts(content), _counts(_names(head)), _counts(_names(content.str.slice(0, NAMES_CHARS))))
        districts = extract_places(once["title"], once["content"])["district"]
        number = {d: crc32(d.encode()) or 1 for d in districts.drop_nulls().unique().to_list()}
        words = entries.copy()
        words.data = ((words.data & int(WORD)) > 0).astype(np.int64)
        made = cls(np.array([_key(*text) for text in zip(title, content)], np.uint64), content.str.len_chars().to_numpy().astype(np.uint16),
                   districts.replace_strict(number, default=0, return_dtype=pl.UInt32).to_numpy(),
                   np.asarray(words.sum(axis=1)).ravel().astype(np.uint16), entries.indptr.astype(np.int64),
                   entries.indices.astype(np.uint32) << SHIFT | entries.data.astype(np.uint32))
        return made if at is None else made.take(at)

    @classmethod
    def join(cls, parts: Sequence["Texts"]) -> "Texts":
        """All texts of these, one after another."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of_frame(pl.DataFrame(schema=STORED))
        ends = np.cumsum([0, *(len(p.entries) for p in parts)])
        start = np.concatenate([[0], *(p.start[1:] + end for p, end in zip(parts, ends))])
        both = lambda name: np.concatenate([getattr(p, name) for p in parts])
        return cls(both("key"), both("length"), both("district"), both("words"), start, both("entries"))

    @classmethod
    def of_frame(cls, frame: pl.DataFrame) -> "Texts":
        """Texts as `frame` made them."""
        size, of = frame["entries"].list.len(), lambda name: frame[name].to_numpy()
        return cls(of("text_key"), of("length"), of("district"), of("words"), np.concatenate([[0], np.cumsum(size.to_numpy(), dtype=np.int64)]),
                   frame["entries"].filter(size > 0).explode().to_numpy())

    def frame(self) -> pl.DataFrame:
        """One row a text, in columns (`STORED`) that can be kept."""
        offsets = pl.DataFrame({"row": np.repeat(np.arange(len(self), dtype=np.uint32), np.diff(self.start)), "entries": self.entries})
        lists = offsets.group_by("row", maintain_order=True).agg("entries")
        empty = pl.DataFrame({"row": np.arange(len(self), dtype=np.uint32)}).join(lists, on="row", how="left", maintain_order="left")["entries"]
        return pl.DataFrame({"text_key": self.key, "length": self.length, "district": self.district, "words": self.words,
                             "entries": empty.fill_null([])}, schema=STORED)

    def take(self, rows: np.ndarray) -> "Texts":
        """The texts at these places."""
        size = np.diff(self.start)[rows]
        start = np.concatenate([[0], np.cumsum(size)])
        entries = self.entries[np.repeat(self.start[rows] - start[:-1], size) + np.arange(start[-1])]
        return Texts(self.key[rows], self.length[rows], self.district[rows], self.words[rows], start, entries)

    def __len__(self) -> int:
        return len(self.key)


class Shelf:
    """The texts of many records in parts; what is put away waits in a file until it is looked at, so that memory does not grow with what is open.

    The file has no name and is gone with its process. It holds entries alone: numbers of hashed features of masked texts.
    """

    def __init__(self, parts: Sequence[Texts] = ()) -> None:
        self._parts: list[tuple[Texts, int | None]] = [(p, None) for p in parts if len(p)]
        self._file: IO[bytes] | None = None

    def put_away(self, texts: Texts) -> None:
        """Adds texts behind; their entries go to the file."""
        if not len(texts):
            return
        if self._file is None:
            self._file = TemporaryFile(buffering=0)  # noqa: SIM115  # open as long as the shelf is
        at = self._file.seek(0, SEEK_END)
        texts.entries.tofile(self._file)
        self._parts.append((replace(texts, entries=np.zeros(0, np.uint32)), at))  # no slice: it would keep all that it was taken from

    def with_(self, texts: Texts) -> "Shelf":
        """A shelf with these behind."""
        more = Shelf()
        more._parts, more._file = [*self._parts, *([(texts, None)] if len(texts) else [])], self._file
        return more

    def __len__(self) -> int:
        return sum(len(p) for p, _ in self._parts)

    def parts(self) -> Iterator[Texts]:
        """The texts part by part, one part in memory at a time."""
        yield from map(self._read, range(len(self._parts)))

    @property
    def key(self) -> np.ndarray:
        """The key of each text, uint64 `(n,)`."""
        return np.concatenate([np.zeros(0, np.uint64), *(p.key for p, _ in self._parts)])

    @property
    def district(self) -> np.ndarray:
        """The district of each text, `(n,)`."""
        return np.concatenate([np.zeros(0, np.uint32), *(p.district for p, _ in self._parts)])

    @property
    def words(self) -> np.ndarray:
        """How many different features stand in each text, `(n,)`."""
        return np.concatenate([np.zeros(0, np.uint16), *(p.words for p, _ in self._parts)])

    def take(self, rows: np.ndarray) -> Texts:
        """The texts at these places."""
        ends = np.cumsum([0, *(len(p) for p, _ in self._parts)])
        part = np.searchsorted(ends, rows, side="right") - 1
        picked = [self._read(k).take(rows[part == k] - ends[k]) for k in np.unique(part)]
        order = np.argsort(np.argsort(part, kind="stable"), kind="stable")
        return Texts.join(picked).take(order) if (np.diff(part) < 0).any() else Texts.join(picked)

    def _read(self, k: int) -> Texts:
        texts, at = self._parts[k]
        if at is None or self._file is None:
            return texts
        self._file.seek(at)
        return replace(texts, entries=np.fromfile(self._file, np.uint32, int(texts.start[-1])))


def in_row_sums(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The sum of each row's values, rows beginning at `start` `(n + 1,)`; an empty row's is 0."""
    some = start[1:] > start[:-1]
    out = np.zeros(len(start) - 1)
    if some.any():
        out[some] = np.add.reduceat(values, start[:-1][some], dtype=np.float64)
    return out


def _key(title: str, content: str) -> int:
    return int.from_bytes(blake2b(f"{title}\0{content}".encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _names(texts: pl.Series) -> pl.Series:
    return named_things(texts).list.join("|").fill_null("")


def _counts(texts: pl.Series) -> sparse.csr_matrix:
    rows, columns = bigrams(texts)
    counts = sparse.csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=(len(texts), WIDTH))
    counts.sum_duplicates()
    return counts


def _entries(title: sparse.csr_matrix, content: sparse.csr_matrix, names_title: sparse.csr_matrix, names_head: sparse.csr_matrix) -> sparse.csr_matrix:
    """The lower bits of each entry, as a matrix of texts × columns, indices sorted."""
    def bits(x: sparse.csr_matrix, most: int, shift: int) -> sparse.csr_matrix:
        return sparse.csr_matrix((np.minimum(x.data, most) << shift, x.indices, x.indptr), shape=x.shape)
    names = (names_title + names_head).tocsr()
    made = (bits(title, MOST_TITLE, 8) + bits(content, MOST_CONTENT, 2) + bits(names, 1, 1) + bits(names_title, 1, 0)).tocsr()
    made.sort_indices()
    return made
