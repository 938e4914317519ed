"""Texts that are nearly the same: groups of them by MinHash of their character bigrams (Broder 1997), figures left out."""
import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from models.similarity import bigrams, plain_text

#: Hash functions, in bands of so many: two texts of Jaccard similarity 0.8 meet in one of the bands with a chance of 98 %.
HASHES, BAND = 32, 4
#: Two texts that met are one where so many of their hashes agree (an estimate of their similarity).
AGREE = 0.75
_MIX = np.uint64(0x9E3779B97F4A7C15)


def near_copies(texts: pl.Series, least: int = 5) -> np.ndarray:
    """For each text the number of the first one of its group, int `(n_texts,)`; −1 where its group has fewer than `least`, or the text says nothing.

    Figures (dates, amounts, order numbers) are left out before comparing. The groups do not depend on the order of the texts.
    """
    plain = plain_text(texts).str.replace_all(r"\d+", "").str.replace_all(r"\s+", "")
    unique = plain.filter(plain.str.len_chars() >= 2).unique().sort()
    if unique.is_empty():
        return np.full(texts.len(), -1)
    sketch = _sketches(unique)
    label = _groups(sketch)
    found = pl.DataFrame({"text": plain}).with_row_index("at").join(pl.DataFrame({"text": unique, "group": label}), on="text", how="left", maintain_order="left")
    found = found.with_columns(pl.col("at").min().over("group").alias("first"), pl.len().over("group").alias("n"))
    keep = pl.col("group").is_not_null() & (pl.col("n") >= least)
    return found.select(pl.when(keep).then(pl.col("first").cast(pl.Int64)).otherwise(-1).alias("first"))["first"].to_numpy()


def _sketches(texts: pl.Series) -> np.ndarray:
    """The smallest hash of each text's bigrams under each hash function, uint64 `(n_texts, HASHES)`; a text without any has a value of its own."""
    rows, columns = bigrams(texts)
    order = np.argsort(rows, kind="stable")
    rows, columns = rows[order], columns[order].astype(np.uint64)
    out = np.repeat(np.arange(texts.len(), dtype=np.uint64)[:, None] + np.uint64(1 << 62), HASHES, axis=1)
    if rows.size:
        begins = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        with np.errstate(over="ignore"):
            for k in range(HASHES):
                mixed = (columns ^ np.uint64(k * 0x51ED27 + 1)) * _MIX
                mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX
                out[rows[begins], k] = np.minimum.reduceat(mixed >> np.uint64(3), begins)
    return out


def _groups(sketch: np.ndarray) -> np.ndarray:
    """Connected texts: those that share a band with its first text and agree with it."""
    n, left, right = sketch.shape[0], [], []
    for k in range(0, HASHES, BAND):
        _, first, inverse = np.unique(sketch[:, k:k + BAND], axis=0, return_index=True, return_inverse=True)
        other = first[inverse.ravel()]
        same = (sketch == sketch[other]).mean(axis=1) >= AGREE
        left.append(np.flatnonzero(same))
        right.append(other[same])
    edges = np.concatenate(left), np.concatenate(right)
    return connected_components(sparse.coo_matrix((np.ones(edges[0].size), edges), shape=(n, n)), directed=False)[1]
