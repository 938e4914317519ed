"""Pairs of nodes: which to look at (blocking), what is measured of them, and how sure it is that they are one matter.

The score is a quadratic logistic regression on text evidence, learnt from messages labelled by incident
(`models/incident_training.py`), plus evidence from columns in the manner of Fellegi and Sunter (1969): agreement on a
rare value weighs more, disagreement weighs against.
"""
import json
from functools import cache
from pathlib import Path

import numpy as np
from scipy import sparse

from models.incident_corpus import Corpus
from models.similarity import largest, picked, ranked, row_products

#: So many meetings of rows through shared rare features are afforded in all; each row has its share, and at least `BUDGET_A_ROW`.
BUDGET, BUDGET_A_ROW = 250_000_000, 1500
FEATURES_A_ROW = 40
NEIGHBOURS = 30
#: In large sets only the nearest are scored.
LARGE, NEIGHBOURS_LARGE = 20_000, 8
LEAST_COSINE = 0.01
STEPS = {"caller": 12, "respondent": 4, "place": 3}

NAMES = ("cos_title", "cos_content", "cos_text", "contained_min", "contained_max", "rare_titles", "rare_cross", "rare_texts",
         "names_title", "names_title_both", "names", "names_both", "names_in_min", "names_in_max", "names_in_none",
         "problem_title", "problem", "lsa", "lsa_title", "caller", "gap", "length_min", "length_diff", "district_same", "district_diff",
         "relative_min", "relative_max", "margin_min", "margin_max")
GRAPH = ("best_path", "shared", "shared_relative", "degree", "logit")


def blocking_rows(corpus: Corpus, rows: np.ndarray | None = None) -> sparse.csr_matrix:
    """The blocking features of the rows, only the heaviest: within the budget of rows met, at most `FEATURES_A_ROW`."""
    x = corpus.matrices["blocking"] if rows is None else corpus.matrices["blocking"][rows]
    budget = max(BUDGET / max(corpus.n, 1), BUDGET_A_ROW)
    met = corpus.df[x.indices].astype(float)
    place = ranked(x, -np.round(x.data, 9))
    order = np.lexsort((place, np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))))
    total = np.cumsum(met[order])
    before = np.concatenate([[0], total])[x.indptr[:-1]]
    spent = np.empty(len(met))
    spent[order] = total - np.repeat(before, np.diff(x.indptr))
    return picked(x, (place < FEATURES_A_ROW) & ((spent <= budget) | (place < 3)) & (met <= 4 * budget))


def nearest(corpus: Corpus, rows: np.ndarray, chunk: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (row, neighbour) by shared rare features, the nearest of each row, in sorted order."""
    left, right = blocking_rows(corpus, rows), blocking_rows(corpus).T.tocsr()
    k = NEIGHBOURS if corpus.n <= LARGE else NEIGHBOURS_LARGE
    found_i, found_j = [], []
    for start in range(0, len(rows), chunk):
        near = (left[start:start + chunk] @ right).tocsr()
        at = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        near = picked(near, (near.data >= LEAST_COSINE) & (near.indices != rows[start + at]))
        near = picked(near, largest(near, k))
        found_i.append(rows[start + np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))])
        found_j.append(near.indices.astype(np.int64))
    return np.concatenate(found_i or [np.zeros(0, np.int64)]), np.concatenate(found_j or [np.zeros(0, np.int64)])


def same_value(corpus: Corpus, key: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows with the same non-empty key, each with its `steps` next ones in time."""
    rows = np.flatnonzero(key != "")
    _, code = np.unique(key[rows], return_inverse=True)
    order = np.lexsort((rows, corpus.arrays["first"][rows], code))
    rows, code = rows[order], code[order]
    pairs = [(rows[:-k][code[:-k] == code[k:]], rows[k:][code[:-k] == code[k:]]) for k in range(1, steps + 1) if len(rows) > k]
    return (np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])) if pairs else (rows[:0], rows[:0])


def candidates(corpus: Corpus, new: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pairs i < j worth scoring, unique and sorted; with `new` (row indices) only pairs with one of them."""
    rows = np.arange(corpus.n) if new is None else new
    informative = corpus.arrays["informative"]
    found = [nearest(corpus, rows)]
    a = corpus.arrays
    joined = {"caller": a["caller"],
              "respondent": np.where(a["respondent"] != "", np.char.add(np.char.add(a["respondent"], "\x1f"), a["problem_code"]), ""),
              "place": np.where((a["place"] != "") & (a["problem_code"] != ""),
                                np.char.add(np.char.add(a["place"], "\x1f"), a["problem_code"]), "")}
    for name, key in joined.items():
        if (key != "").any():
            found.append(same_value(corpus, key, STEPS[name]))
    i, j = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    low, high = np.minimum(i, j), np.maximum(i, j)
    keep = informative[low] & informative[high] & (low != high)
    if new is not None:
        fresh = np.zeros(corpus.n, bool)
        fresh[new] = True
        keep &= fresh[low] | fresh[high]
    code = np.unique(low[keep] * np.int64(corpus.n) + high[keep])
    return code // corpus.n, code % corpus.n


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


def pair_features(corpus: Corpus, i: np.ndarray, j: np.ndarray, scale: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """What is measured of each pair: `(len(i), len(NAMES))`, in the order of `NAMES`. `scale`: as `local_scale` gives it, else from these pairs."""
    m, a = corpus.matrices, corpus.arrays
    prod = lambda x, y, p, q: row_products(m[x], m[y], p, q)
    text = prod("text", "text", i, j)
    best, fifth = scale if scale is not None else local_scale(i, j, text, corpus.n)
    contained = low_high(prod("title_squares", "set", i, j) / np.maximum(a["title_total"][i], 1e-9),
                         prod("title_squares", "set", j, i) / np.maximum(a["title_total"][j], 1e-9))
    one = np.where(a["names_total"][i] > 0, prod("names_weighted", "set", i, j) / np.maximum(a["names_total"][i], 1e-9), np.nan)
    two = np.where(a["names_total"][j] > 0, prod("names_weighted", "set", j, i) / np.maximum(a["names_total"][j], 1e-9), np.nan)
    inside_min, inside_max = np.fmin(one, two), np.fmax(one, two)
    none = np.isnan(inside_min)
    gap = np.maximum(np.maximum(a["first"][i], a["first"][j]) - np.minimum(a["last"][i], a["last"][j]), 0)
    district = a["district"]
    known = (district[i] != "") & (district[j] != "")
    relative = low_high(text / np.maximum(best[i], 1e-9), text / np.maximum(best[j], 1e-9))
    margin = low_high(text - fifth[i], text - fifth[j])
    columns = [
        prod("title", "title", i, j), prod("content", "content", i, j), text, *contained,
        np.log1p(prod("title_rare4", "title_set", i, j)),
        np.log1p(prod("title_rare4", "set", i, j) + prod("title_rare4", "set", j, i)),
        np.log1p(prod("rare4", "set", i, j)),
        prod("names_title", "names_title", i, j), a["has_names_title"][i] & a["has_names_title"][j],
        prod("names", "names", i, j), a["has_names"][i] & a["has_names"][j],
        np.where(none, 0.5, inside_min), np.where(none, 0.5, inside_max), none,
        prod("problem_title", "problem_title", i, j), prod("problem", "problem", i, j),
        np.einsum("ij,ij->i", a["lsa"][i], a["lsa"][j]), np.einsum("ij,ij->i", a["lsa_title"][i], a["lsa_title"][j]),
        (a["caller"][i] == a["caller"][j]) & (a["caller"][i] != ""), np.log1p(gap),
        np.minimum(a["length"][i], a["length"][j]), np.abs(a["length"][i] - a["length"][j]),
        known & (district[i] == district[j]), known & (district[i] != district[j]),
        *relative, *margin,
    ]
    return np.column_stack([np.asarray(c, float) for c in columns])


#: Two respondents with different names, or two places, are two matters whatever the words are: templates and copies are alike everywhere.
OTHER_RESPONDENT, OTHER_PLACE, OTHER_PROBLEM = -8.0, -6.0, -0.8


def column_evidence(corpus: Corpus, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Log odds from the columns respondent, place and problem_code; 0 where one of the pair does not know.

    Agreement on a rare value weighs more. Another place says nothing where the respondent is the same: a chain, a firm with customers all over.
    """
    total, same_respondent = np.zeros(len(i)), np.zeros(len(i), bool)
    for name, most, against in (("respondent", 2.5, OTHER_RESPONDENT), ("place", 0.8, OTHER_PLACE), ("problem_code", 0.6, OTHER_PROBLEM)):
        value = corpus.arrays[name]
        known = (value[i] != "") & (value[j] != "")
        if not known.any():
            continue
        _, code, size = np.unique(value, return_inverse=True, return_counts=True)
        rarity = np.log(corpus.n / size[code]) / np.log(max(corpus.n, 2))
        same = value[i] == value[j]
        if name == "respondent":  # a shop sign is part of the company's name, a wrong character leaves the rest
            other = np.flatnonzero(known & ~same)
            close = np.array([part_of(x, y) for x, y in zip(value[i[other]], value[j[other]])], bool)
            known = known.copy()
            known[other[close]] = False
            same_respondent = same & known
            same_respondent[other[close]] = True
        total += np.where(known & same, most * rarity[i], 0)
        total += np.where(known & ~same & ~(same_respondent if name == "place" else np.zeros(len(i), bool)), against, 0)
    return total


def part_of(one: str, two: str) -> bool:
    """Whether one name is part of the other or they share most of their characters."""
    return one in two or two in one or 2 * len(set(one) & set(two)) >= 1.4 * max(len(set(one)), len(set(two)))


def graph_features(i: np.ndarray, j: np.ndarray, p: np.ndarray, n: int, chunk: int = 50_000) -> np.ndarray:
    """What a pair's neighbours say: best path of two steps, shared neighbours (absolute and relative), degree, and the pair's own log odds."""
    sure = p >= 0.05
    near = sparse.csr_matrix((p[sure], (i[sure], j[sure])), shape=(n, n))
    near = (near + near.T).tocsr()
    degree = np.asarray(near.sum(axis=1)).ravel()
    best, shared = np.zeros(len(i)), np.zeros(len(i))
    for start in range(0, len(i), chunk):
        at = slice(start, start + chunk)
        one, two = near[i[at]], near[j[at]]
        best[at] = one.minimum(two).max(axis=1).toarray().ravel()
        shared[at] = np.asarray(one.multiply(two).sum(axis=1)).ravel()
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


def log_odds(stage: str, x: np.ndarray, chunk: int = 200_000) -> np.ndarray:
    """The learnt log odds of pairs with features `x` being one matter: intercept + z·w + zᵀQz, z the scaled features."""
    model = learnt()[stage]
    out = np.empty(len(x))
    for start in range(0, len(x), chunk):
        z = np.clip((x[start:start + chunk] - model["mean"]) / model["scale"], -8, 8)
        out[start:start + chunk] = model["intercept"] + z @ model["linear"] + np.einsum("ij,ij->i", z @ model["square"], z)
    return out


def probability(odds: np.ndarray) -> np.ndarray:
    """Log odds to probability."""
    return 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
