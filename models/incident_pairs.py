"""Pairs of nodes: which to look at (blocking), what is measured of them, and how sure it is that they are one matter.

The score is a quadratic logistic regression on text evidence, learnt from messages labelled by incident
(`models/incident_training.py`), plus evidence from columns in the manner of Fellegi and Sunter (1969): agreement on a
rare value weighs more, disagreement weighs against.
"""
import json
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from models.incident_corpus import IN_BOTH, LOW, Corpus, Weights, unit
from models.incident_texts import SHIFT, Texts, in_row_sums
from models.similarity import WIDTH, largest, picked, ranked
from models.threads import chunks, side_by_side

#: So many meetings of rows through shared rare features are afforded in all; each row has its share, and at least `BUDGET_A_ROW`.
BUDGET, BUDGET_A_ROW = 250_000_000, 1500
FEATURES_A_ROW = 40
NEIGHBOURS = 30
#: In large sets only the nearest are scored.
LARGE, NEIGHBOURS_LARGE = 20_000, 8
LEAST_COSINE = 0.01
WEIGHT = IN_BOTH.astype(np.float32)
STEPS = {"caller": 12, "respondent": 16, "place": 3}

NAMES = ("cos_title", "cos_content", "cos_text", "contained_min", "contained_max", "rare_titles", "rare_cross", "rare_texts",
         "names_title", "names_title_both", "names", "names_both", "names_in_min", "names_in_max", "names_in_none",
         "problem_title", "problem", "lsa", "lsa_title", "caller", "gap", "length_min", "length_diff", "district_same", "district_diff",
         "relative_min", "relative_max", "margin_min", "margin_max")
#: Products of a value with itself, and of two values, over the features that a pair shares.
INNER = ("title", "content", "text", "names_title", "names", "problem_title", "problem")
OUTER = {"squares": ("squares", "set"), "names_in": ("names_weighted", "set"), "rare_titles": ("title_rare4", "title_set"),
         "rare_cross": ("title_rare4", "set"), "rare_texts": ("rare4", "set")}
#: By name; `_turned`: those of (j, i).
PRODUCTS = (*INNER, *OUTER, *(f"{name}_turned" for name in OUTER))
#: The best and the fifth best cosine of each node.
Scale = tuple[np.ndarray, np.ndarray]
GRAPH = ("best_path", "shared", "shared_relative", "degree", "logit")


def heaviest(x: sparse.csr_matrix, weights: Weights) -> sparse.csr_matrix:
    """Blocking rows with only their heaviest features: within the budget of rows met, at most `FEATURES_A_ROW`."""
    budget = max(BUDGET / max(weights.n, 1), BUDGET_A_ROW)
    met = weights.df[x.indices].astype(float)
    place = ranked(x, -np.round(x.data, 9))
    order = np.lexsort((place, np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))))
    total = np.cumsum(met[order])
    before = np.concatenate([[0], total])[x.indptr[:-1]]
    spent = np.empty(len(met))
    spent[order] = total - np.repeat(before, np.diff(x.indptr))
    return picked(x, (place < FEATURES_A_ROW) & ((spent <= budget) | (place < 3)) & (met <= 4 * budget))


def most_near(n: int) -> int:
    """How many neighbours of each of n nodes are scored."""
    return NEIGHBOURS if n <= LARGE else NEIGHBOURS_LARGE


def nearest(corpus: Corpus, chunk: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (node, neighbour) by shared rare features, the nearest of each node, in sorted order."""
    left = heaviest(corpus.blocking(), corpus.weights)
    right = left.T.tocsr()
    found_i, found_j = [], []
    for start in range(0, corpus.n, chunk):
        near = (left[start:start + chunk] @ right).tocsr()
        at = start + np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        near = picked(near, (near.data >= LEAST_COSINE) & (near.indices != at))
        near = picked(near, largest(near, most_near(corpus.n)))
        found_i.append(start + np.repeat(np.arange(near.shape[0]), np.diff(near.indptr)))
        found_j.append(near.indices.astype(np.int64))
    return np.concatenate(found_i or [np.zeros(0, np.int64)]), np.concatenate(found_j or [np.zeros(0, np.int64)])


def nearest_of(new: Texts, first: int, every: Iterable[Texts], node: np.ndarray, weights: Weights,
               chunk: int = 50_000, block: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (new node, node): the nearest of each new node among all, by the new one's heaviest rare features.

    new: texts of the new nodes, numbered from `first` on. every: all texts, in parts; node: of each the node it stands for, −1 where
    another stands for it. What is not shared with a new text is only read over.
    """
    rare = (weights.rare * weights.shared).astype(np.float32)
    weigh = lambda entries: rare[entries >> SHIFT] * WEIGHT[entries & LOW]
    raw = sparse.csr_matrix((unit(weigh(new.entries).astype(float), new.start), (new.entries >> SHIFT).astype(np.int64), new.start), shape=(len(new), WIDTH))
    left = heaviest(picked(raw, raw.data > 0), weights)
    columns, code = np.unique(left.indices, return_inverse=True)
    left = sparse.csr_matrix((left.data.astype(np.float32), code.astype(np.int32), left.indptr.astype(np.int32)), shape=(len(new), len(columns)))
    place = np.full(WIDTH, -1, np.int32)
    place[columns] = np.arange(len(columns))
    blocks = [Nearest(left[begin:begin + block], first + begin, weights.n, most_near(weights.n)) for begin in range(0, len(new), block)]
    read = 0
    for texts in every:
        for begin in range(0, len(texts), chunk):
            start = texts.start[begin:begin + chunk + 1]
            entries = texts.entries[start[0]:start[-1]]
            weight, column = weigh(entries), place[entries >> SHIFT]
            stands_for = node[read + begin:read + begin + len(start) - 1]
            if (stands_for < 0).any():
                weight[np.repeat(stands_for < 0, np.diff(start))] = 0
            norm = np.sqrt(in_row_sums(weight * weight, start - start[0]))
            at = np.flatnonzero((column >= 0) & (weight > 0))
            ends = np.searchsorted(at, start - start[0])
            scale = np.repeat(1 / np.maximum(norm, 1e-9), np.diff(ends)).astype(np.float32)
            right = sparse.csr_matrix((weight[at] * scale, column[at], ends.astype(np.int32)), shape=(len(start) - 1, len(columns))).T.tocsr()
            side_by_side(partial(Nearest.look, right=right, node=stands_for), blocks)
        read += len(texts)
    found = [near.pairs() for near in blocks] or [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])


class Nearest:
    """The `most` nearest of each of some new nodes, numbered from `first` on, among all `nodes`, found part by part; which part comes first makes no difference."""

    def __init__(self, left: sparse.csr_matrix, first: int, nodes: int, most: int) -> None:
        """left: the new nodes' features, a row each."""
        self.left, self.first, self.n, self.most = left, first, left.shape[0], most
        # row, 1 - value (six digits), other in one number each, so that a plain sort ranks them
        self.of_row, self.of_other = np.uint64(20 + int(nodes).bit_length()), np.uint64(int(nodes).bit_length())
        if self.n.bit_length() + int(self.of_row) > 64:
            raise ValueError(f"{self.n} new nodes among {nodes}: too many to link at once; give them in several parts")
        self.kept, self.waiting = np.zeros(0, np.uint64), [np.zeros(0, np.uint64)]
        self.least = np.full(self.n, LEAST_COSINE)

    def look(self, right: sparse.csr_matrix, node: np.ndarray) -> None:
        """Looks at a part: features × others, and which node each of the others is."""
        met = self.left @ right
        row = np.repeat(np.arange(self.n), np.diff(met.indptr))
        good = np.flatnonzero(met.data >= self.least[row] - 1e-6)
        row, other, value = row[good], node[met.indices[good]], np.rint(met.data[good].astype(float) * 1e6)
        near = (value >= LEAST_COSINE * 1e6) & (other != self.first + row)
        row, other, far = (x[near].astype(np.uint64) for x in (row, other, 1_000_001 - np.minimum(value, 1_000_001)))
        self.waiting.append(row << self.of_row | far << self.of_other | other)
        if sum(map(len, self.waiting)) > 20_000 + len(self.kept):
            self._choose()

    def _choose(self) -> None:
        """The nearest of those kept and those waiting; what is farther than the last of them needs no second look."""
        codes = np.sort(np.concatenate([self.kept, *self.waiting]))
        row = (codes >> self.of_row).astype(np.int64)
        place = np.arange(len(row)) - np.searchsorted(row, np.arange(self.n))[row]
        last = codes[place == self.most - 1]
        self.least[(last >> self.of_row).astype(np.int64)] = (1_000_001 - (last >> self.of_other & np.uint64((1 << 20) - 1)).astype(float)) / 1e6
        self.kept, self.waiting = codes[place < self.most], []

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """(new node, node), new nodes ascending, the nearest first."""
        self._choose()
        mask = (np.uint64(1) << self.of_other) - np.uint64(1)
        return self.first + (self.kept >> self.of_row).astype(np.int64), (self.kept & mask).astype(np.int64)


def same_value(key: np.ndarray, moment: np.ndarray, fresh: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of places with the same key, one of them fresh (bool), at most `steps` apart in time."""
    rows = np.lexsort((np.arange(len(key)), moment, key))
    at = np.flatnonzero(fresh[rows])
    one, two = (np.concatenate(x) for x in zip(*((np.minimum(at, at + k), np.maximum(at, at + k)) for k in range(-steps, steps + 1) if k)))
    inside = (one >= 0) & (two < len(rows))
    one, two = rows[one[inside]], rows[two[inside]]
    same = key[one] == key[two]
    return one[same], two[same]


def same_columns(nodes: pl.DataFrame, new: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of nodes with the same caller, or problem and beginning of the respondent's name, or problem and place; only where one of them is among
    the last `new`."""
    found = []
    first = nodes.height - new
    nodes = nodes.with_columns(pl.col("respondent").cast(pl.String).str.slice(0, 2))
    for name, by in (("caller", ["caller"]), ("respondent", ["respondent", "problem_code"]), ("place", ["place", "problem_code"])):
        known = pl.col(name) != "" if name != "place" else (pl.col(name) != "") & (pl.col("problem_code") != "")
        keys = nodes[first:].filter(known).select(by).unique(maintain_order=True).with_row_index("key")
        if keys.is_empty():
            continue
        keyed = nodes.select(*by, pl.col("moment").fill_null(0)).with_row_index("node").join(keys, on=by, how="inner", maintain_order="left")
        node = keyed["node"].to_numpy().astype(np.int64)
        i, j = same_value(keyed["key"].to_numpy(), keyed["moment"].to_numpy(), node >= first, STEPS[name])
        found.append((node[i], node[j]))
    return found


def candidates(corpus: Corpus, nodes: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Pairs i < j of nodes worth scoring, unique and sorted."""
    return unique_pairs([nearest(corpus), *same_columns(nodes, len(nodes))], corpus.arrays["informative"], 0)


def unique_pairs(found: list[tuple[np.ndarray, np.ndarray]], informative: np.ndarray, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs i < j, unique and sorted, of nodes that say something; j is `new` or later."""
    i, j = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    low, high = np.minimum(i, j), np.maximum(i, j)
    keep = informative[low] & informative[high] & (low != high) & (high >= new)
    n = np.int64(len(informative))
    code = distinct(low[keep] * n + high[keep])
    return code // n, code % n


def distinct(codes: np.ndarray) -> np.ndarray:
    """The different numbers, ascending; by sorting, which is several times faster than NumPy's hashing here."""
    codes = np.sort(codes)
    return codes[np.concatenate([[True], codes[1:] != codes[:-1]])] if len(codes) else codes


def local_scale(i: np.ndarray, j: np.ndarray, cosine: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """For each row its best and its fifth best cosine among the pairs given (0 where it has fewer)."""
    rows, value = np.concatenate([i, j]), np.concatenate([cosine, cosine])
    order = np.lexsort((-value, rows))
    rows, value = rows[order], value[order]
    start = np.searchsorted(rows, np.arange(n))
    place = np.arange(len(rows)) - start[rows]
    best, fifth = np.zeros(n), np.zeros(n)
    best[rows[place == 0]] = value[place == 0]
    fifth[rows[place == 4]] = value[place == 4]
    return best, fifth


def low_high(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smaller and the larger of two arrays."""
    return np.minimum(a, b), np.maximum(a, b)


def products(corpus: Corpus, i: np.ndarray, j: np.ndarray, chunk: int = 10_000) -> np.ndarray:
    """Inner products of the nodes' values over the features that both of a pair have: `(len(i), len(PRODUCTS))`."""
    names = list(corpus.values)
    inner, x, y = ([names.index(n) for n in wanted] for wanted in (INNER, *zip(*OUTER.values())))
    left, right = np.array([*inner, *x, *y]), np.array([*inner, *y, *x])
    numbers, start = np.arange(1, len(corpus.column) + 1, dtype=np.int32), corpus.start.astype(np.int32)
    where = sparse.csr_matrix((numbers, corpus.column, start), shape=(corpus.n, WIDTH))
    mark = sparse.csr_matrix((np.ones_like(numbers), corpus.column, start), shape=(corpus.n, WIDTH))
    for matrix in (where, mark):
        matrix.has_canonical_format = True
    made = np.zeros((len(i), len(PRODUCTS)))

    def multiply(at: slice) -> None:
        met = where[i[at]].multiply(mark[j[at]]).tocsr()
        one, two = corpus.table[met.data - 1], corpus.table[mark[i[at]].multiply(where[j[at]]).tocsr().data - 1]
        each = one.take(left, axis=1)
        each *= two.take(right, axis=1)
        made[at] = sparse.csr_matrix((np.ones(len(each), np.float32), np.arange(len(each)), met.indptr), shape=(met.shape[0], len(each))) @ each

    side_by_side(multiply, chunks(len(i), chunk))
    return made


def pair_features(corpus: Corpus, i: np.ndarray, j: np.ndarray, made: np.ndarray, scale: Scale | None = None) -> tuple[np.ndarray, Scale]:
    """What is measured of each pair: `(len(i), len(NAMES))`, in the order of `NAMES`; and the scale, made of these pairs where none is given.

    made: the pairs' `products`.
    """
    a, prod = corpus.arrays, dict(zip(PRODUCTS, made.T))
    text = prod["text"]
    best, fifth = scale = scale if scale is not None else local_scale(i, j, text, corpus.n)
    contained = low_high(prod["squares"] / np.maximum(a["title_total"][i], 1e-9), prod["squares_turned"] / np.maximum(a["title_total"][j], 1e-9))
    one = np.where(a["names_total"][i] > 0, prod["names_in"] / np.maximum(a["names_total"][i], 1e-9), np.nan)
    two = np.where(a["names_total"][j] > 0, prod["names_in_turned"] / np.maximum(a["names_total"][j], 1e-9), np.nan)
    inside_min, inside_max = np.fmin(one, two), np.fmax(one, two)
    none = np.isnan(inside_min)
    gap = np.maximum(np.maximum(a["first"][i], a["first"][j]) - np.minimum(a["last"][i], a["last"][j]), 0)
    district = a["district"]
    known = (district[i] != 0) & (district[j] != 0)
    relative = low_high(text / np.maximum(best[i], 1e-9), text / np.maximum(best[j], 1e-9))
    margin = low_high(text - fifth[i], text - fifth[j])
    columns = [
        prod["title"], prod["content"], text, *contained,
        np.log1p(prod["rare_titles"]), np.log1p(prod["rare_cross"] + prod["rare_cross_turned"]), np.log1p(prod["rare_texts"]),
        prod["names_title"], a["has_names_title"][i] & a["has_names_title"][j], prod["names"], a["has_names"][i] & a["has_names"][j],
        np.where(none, 0.5, inside_min), np.where(none, 0.5, inside_max), none, prod["problem_title"], prod["problem"],
        np.einsum("ij,ij->i", a["lsa"][i], a["lsa"][j]), np.einsum("ij,ij->i", a["lsa_title"][i], a["lsa_title"][j]),
        (a["caller"][i] == a["caller"][j]) & (a["caller"][i] > 0), np.log1p(gap),
        np.minimum(a["length"][i], a["length"][j]), np.abs(a["length"][i] - a["length"][j]),
        known & (district[i] == district[j]), known & (district[i] != district[j]),
        *relative, *margin,
    ]
    return np.column_stack([np.asarray(c, float) for c in columns]), scale


def graph_features(i: np.ndarray, j: np.ndarray, p: np.ndarray, n: int, chunk: int = 50_000) -> np.ndarray:
    """What a pair's neighbours say: best path of two steps, shared neighbours (absolute and relative), degree, and the pair's own log odds."""
    sure = p >= 0.05
    near = sparse.csr_matrix((p[sure], (i[sure], j[sure])), shape=(n, n))
    near = (near + near.T).tocsr()
    degree = np.asarray(near.sum(axis=1)).ravel()
    best, shared = np.zeros(len(i)), np.zeros(len(i))

    def meet(at: slice) -> None:
        one, two = near[i[at]], near[j[at]]
        best[at] = one.minimum(two).max(axis=1).toarray().ravel()
        shared[at] = np.asarray(one.multiply(two).sum(axis=1)).ravel()

    side_by_side(meet, chunks(len(i), chunk))
    return np.column_stack([best, np.log1p(shared), shared / np.sqrt(np.maximum(degree[i] * degree[j], 1e-3)),
                            np.log1p(np.minimum(degree[i], degree[j])), logit(p)])


def logit(p: np.ndarray) -> np.ndarray:
    """Log odds, kept within ±9.2."""
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


@cache
def learnt() -> dict[str, dict[str, np.ndarray]]:
    """The learnt weights of both stages: mean, scale, linear (k,), square (k, k), intercept."""
    raw = json.loads((Path(__file__).parent / "data" / "incident_pairs.json").read_text(encoding="utf-8"))
    return {stage: {name: np.asarray(value, float) for name, value in part.items()} for stage, part in raw.items()}


def log_odds(stage: str, *parts: np.ndarray, chunk: int = 50_000) -> np.ndarray:
    """The learnt log odds of pairs being one matter: intercept + z·w + zᵀQz, z the scaled features. parts: `(n, ·)`, the features side by side."""
    model = learnt()[stage]
    out = np.empty(len(parts[0]))

    def odds(at: slice) -> None:
        z = np.clip((np.hstack([x[at] for x in parts]) - model["mean"]) / model["scale"], -8, 8)
        out[at] = model["intercept"] + z @ model["linear"] + np.einsum("ij,ij->i", z @ model["square"], z)

    side_by_side(odds, chunks(len(out), chunk))
    return out


def probability(odds: np.ndarray) -> np.ndarray:
    """Log odds to probability."""
    return 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
