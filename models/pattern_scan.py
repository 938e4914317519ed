"""Which of many patterns are found in which of many texts, without trying every pattern on every text.

A pattern can only match where certain words stand: `A.{0,9}(B|C)` needs A, and B or C. These words are read off the parsed
pattern, all words of all patterns are looked for in one Aho–Corasick pass, and a pattern is tried on the few texts that hold what it needs.
"""
import re
from collections.abc import Sequence
from itertools import product
from re import _parser  # type: ignore[attr-defined]  # the only parser of Python's own patterns

import numpy as np
import polars as pl

#: A clause: one of these words must stand in the text. A requirement: all of its clauses; () means nothing is known.
Clause = frozenset[str]
_WORDS_MAX = 400
#: An inline flag for any case, under which a pattern's words are not what stands in the text.
_CASELESS = re.compile(r"\(\?[a-zA-Z-]*i")
Hits = tuple[np.ndarray, np.ndarray]
_NONE: Hits = (np.zeros(0, np.int64), np.zeros(0, np.int64))


class PatternScan:
    """Patterns made ready to be looked for. `patterns` keeps the order given. Raises `re.error` for one that is no pattern."""

    def __init__(self, patterns: Sequence[str]):
        self.patterns = list(patterns)
        self._plain = [literal_of(p) for p in self.patterns]
        self._needs = [needed_words(p) for p in self.patterns]
        self._words = sorted({w for need in self._needs for clause in need for w in clause})
        index = {w: i for i, w in enumerate(self._words)}
        self._clauses = [[np.array(sorted(index[w] for w in clause)) for clause in need] for need in self._needs]
        self._python = [re.compile(p) if _only_python(p) else None for p in self.patterns]

    def hits(self, texts: pl.Series, at_most: int) -> list[Hits]:
        """For each pattern, the rows in which it is found and how often (non-overlapping, at most `at_most`), rows ascending.

        `texts`: strings without nulls.
        """
        distinct = texts.len()
        if not distinct or not self.patterns:
            return [_NONE for _ in self.patterns]
        present = self._present(texts)
        everywhere = np.arange(distinct)
        found = []
        for i, pattern in enumerate(self.patterns):
            rows = everywhere if not self._clauses[i] else _rows(present, self._clauses[i], distinct)
            if not rows.size:
                found.append(_NONE)
                continue
            if self._plain[i] is not None and at_most == 1:
                found.append((rows, np.ones(rows.size, np.int64)))
                continue
            times = self._count(i, pattern, texts.gather(rows), at_most)
            keep = times > 0
            found.append((rows[keep], np.minimum(times[keep], at_most)))
        return found

    def _count(self, i: int, pattern: str, texts: pl.Series, at_most: int) -> np.ndarray:
        python = self._python[i]
        if python is not None:
            return np.array([sum(1 for _ in zip(range(at_most), python.finditer(t))) for t in texts], np.int64)
        plain = self._plain[i]
        if at_most == 1 and plain is None:
            return texts.str.contains(pattern).to_numpy().astype(np.int64)
        return texts.str.count_matches(plain if plain is not None else pattern, literal=plain is not None).to_numpy().astype(np.int64)

    def _present(self, texts: pl.Series) -> np.ndarray:
        """Which words stand in which texts: packed bits, `(n_words, ceil(n_texts / 8))`."""
        n = len(texts)
        present = np.zeros((len(self._words), (n + 7) // 8), np.uint8)
        if not self._words:
            return present
        step = 8_192
        words = pl.Enum(self._words)
        for start in range(0, n, step):
            part = texts[start:start + step]
            lists = part.str.extract_many(self._words, overlapping=True)
            rows = np.repeat(np.arange(len(part)), lists.list.len().to_numpy())
            ids = lists.explode(empty_as_null=False).cast(words).to_physical().to_numpy() if rows.size else np.zeros(0, int)
            bits = np.zeros((len(self._words), len(part)), bool)
            bits[ids, rows] = True
            packed = np.packbits(bits, axis=1, bitorder="little")
            present[:, start // 8:start // 8 + packed.shape[1]] = packed
        return present


def _rows(present: np.ndarray, clauses: list[np.ndarray], n: int) -> np.ndarray:
    """The rows that hold a word of every clause."""
    bits = np.bitwise_or.reduce(present[clauses[0]], axis=0)
    for clause in clauses[1:]:
        bits &= np.bitwise_or.reduce(present[clause], axis=0)
    return np.flatnonzero(np.unpackbits(bits, count=n, bitorder="little"))


def _only_python(pattern: str) -> bool:
    """Whether a pattern needs Python's engine: looking around and back-references."""
    return re.search(r"\(\?[=!<]|\\[1-9]|\(\?P=", pattern) is not None


def literal_of(pattern: str) -> str | None:
    """The word that a pattern stands for if it is nothing but a word, else None."""
    if _CASELESS.search(pattern):
        return None
    parsed = _parser.parse(pattern)
    if all(op is _parser.LITERAL for op, _ in parsed) and len(parsed):
        return "".join(chr(value) for _, value in parsed)
    return None


def needed_words(pattern: str) -> list[Clause]:
    """Clauses that every text with a match of the pattern fulfils; [] where nothing can be said.

    Sound, not sharp: a text that fulfils them need not match.
    """
    if _CASELESS.search(pattern):
        return []
    need, words = _walk(_parser.parse(pattern))
    if words is not None:
        need = [*need, words]
    return [c for c in need if "" not in c]


def _walk(parsed) -> tuple[list[Clause], Clause | None]:
    """(clauses, the finite set of all strings this can match, or None if it is not finite or too large)."""
    clauses: list[Clause] = []
    run: Clause | None = frozenset([""])  # all strings that the stretch since the last gap can be
    whole = True

    def close():
        nonlocal run
        if run is not None and "" not in run:
            clauses.append(run)
        run = frozenset([""])

    for op, value in parsed:
        inner, words = _piece(op, value)
        if words is None:
            close()
            whole = False
            clauses.extend(inner)
            continue
        joined = frozenset(a + b for a, b in product(run or (), words)) if len(run or ()) * len(words) <= _WORDS_MAX else None
        if joined is None:
            close()
            whole = False
            joined = words
        run = joined
    if whole:
        return [], run
    close()
    return clauses, None


def _piece(op, value) -> tuple[list[Clause], Clause | None]:
    """As `_walk`, for one element."""
    if op is _parser.LITERAL:
        return [], frozenset([chr(value)])
    if op is _parser.SUBPATTERN:
        return _walk(value[-1])
    if op is _parser.BRANCH:
        return _branch([_walk(b) for b in value[1]])
    if op is _parser.IN and all(o is _parser.LITERAL for o, _ in value):
        return [], frozenset(chr(v) for _, v in value)
    if op in (_parser.MAX_REPEAT, _parser.MIN_REPEAT):
        low, high, body = value
        inner, words = _walk(body)
        if words is not None and (low, high) == (0, 1):
            return [], words | {""}
        if low >= 1:
            return ([*inner, words] if words is not None and "" not in words else inner), None
    return [], None  # any character, classes, anchors, looking around: nothing is needed


def _branch(ways: list[tuple[list[Clause], Clause | None]]) -> tuple[list[Clause], Clause | None]:
    """One of several ways: all their words if each is finite, else one clause with a word of each way."""
    if all(words is not None for _, words in ways):
        union = frozenset().union(*(words for _, words in ways if words is not None))
        return [], union if len(union) <= _WORDS_MAX else None
    picked: set[str] = set()
    for inner, words in ways:
        choices = [c for c in ([*inner, words] if words is not None else inner) if c and "" not in c]
        if not choices:
            return [], None
        picked |= max(choices, key=lambda c: (min(map(len, c)), -len(c), sorted(c)))
    return [frozenset(picked)], None
