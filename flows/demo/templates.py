"""Sentences with slots, filled for many records at once: `{a|b|c}` draws a word, `{name}` a word of a list or what the record knows."""
import re
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import polars as pl

_SLOT = re.compile(r"\{([^{}]+)\}")
Part = tuple[str, object]


@cache
def parts(template: str) -> tuple[Part, ...]:
    """A template cut up: ("text", literal), ("one of", words) or ("word", name)."""
    out: list[Part] = []
    end = 0
    for slot in _SLOT.finditer(template):
        if slot.start() > end:
            out.append(("text", template[end:slot.start()]))
        out.append(("one of", tuple(slot[1].split("|"))) if "|" in slot[1] else ("word", slot[1]))
        end = slot.end()
    if end < len(template):
        out.append(("text", template[end:]))
    return tuple(out)


def fill(template: str, rows: np.ndarray, draws: np.ndarray, known: Mapping[str, pl.Series], lists: Mapping[str, Sequence[str]]) -> pl.Series:
    """The template for some records. `rows`: their positions in `draws` (uint32, (n, k)) and in the series of `known`."""
    pieces: list[pl.Series | str] = []
    k = 0
    for kind, what in parts(template):
        if kind == "text":
            pieces.append(str(what))
            continue
        if kind == "word" and what in known:
            pieces.append(known[str(what)].gather(rows))
            continue
        words = list(what) if isinstance(what, tuple) else list(lists[str(what)])
        drawn = draws[rows, k % draws.shape[1]] >> np.uint32(k // draws.shape[1] * 3)
        pieces.append(pl.Series(words).gather((drawn % np.uint32(len(words))).astype(np.int64)))
        k += 1
    frame = pl.select(pl.concat_str([pl.lit(p) if isinstance(p, str) else p for p in pieces]).alias("t")) if pieces else None
    filled = frame["t"] if frame is not None else pl.Series("t", [""])
    return filled if len(filled) == len(rows) else pl.Series("t", [filled[0]] * len(rows))


def fill_each(templates: Sequence[str], which: np.ndarray, draws: np.ndarray, known: Mapping[str, pl.Series],
              lists: Mapping[str, Sequence[str]]) -> pl.Series:
    """For each record the template `which[i]` (−1: an empty text)."""
    n = len(which)
    order = np.argsort(which, kind="stable")
    bounds = np.searchsorted(which[order], np.arange(len(templates) + 1))
    texts = [pl.Series("t", [""] * int(bounds[0]), dtype=pl.String)]
    for i, template in enumerate(templates):
        rows = order[bounds[i]:bounds[i + 1]]
        if len(rows):
            texts.append(fill(template, rows, draws, known, lists))
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    return pl.concat(texts).gather(place)
