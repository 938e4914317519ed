"""Sparse features of texts by hashed character bigrams and Latin words, and their products, in plain NumPy/SciPy.

Hashing needs no vocabulary, so an index can grow by a night's texts without being built again.
"""
import numpy as np
import polars as pl
from scipy import sparse

#: Columns of the hashed feature space; some 10^5 bigrams are in use, so that collisions are rare and harmless.
BITS = 20
WIDTH = 1 << BITS
#: Anonymised places (A市, A7县) and masks carry no meaning; they part two runs as punctuation does.
CODES = r"[a-z]\d{0,2}[区县市省]|西地省|\[[^\]]{1,6}\]|\*+"
_MIX = np.uint64(0x9E3779B97F4A7C15)


def plain_text(texts: pl.Series) -> pl.Series:
    """The text as machines compare it: NFKC, lower case, anonymised codes and masks replaced by a blank; null is empty."""
    frame = pl.DataFrame({"text": texts.cast(pl.String).fill_null("")})
    return frame.select(pl.col("text").str.normalize("NFKC").str.to_lowercase().str.replace_all(CODES, " ")
                        .str.replace_all(r"[·•・\x00]", ""))["text"]


def column_of(keys: np.ndarray) -> np.ndarray:
    """Keys (uint64) spread over the columns (int64), by Fibonacci hashing."""
    with np.errstate(over="ignore"):
        return ((keys ^ (keys >> np.uint64(29))) * _MIX >> np.uint64(64 - BITS)).astype(np.int64)


def bigrams(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Features of each text: Han character bigrams within runs, and whole Latin words or numbers. -> (rows, columns), with repeats."""
    joined = ("\0".join(texts.to_list()) + "\0").encode("utf-32-le", "replace")
    chars = np.frombuffer(joined, dtype=np.uint32).astype(np.uint64)
    rows = np.concatenate([[0], np.cumsum(chars == 0)[:-1]])
    han = (chars >= 0x4E00) & (chars <= 0x9FFF)
    pair = han[:-1] & han[1:]
    keys = chars[:-1][pair] << np.uint64(21) | chars[1:][pair]
    latin = (pl.DataFrame({"word": texts}).lazy().with_row_index("row").filter(pl.col("word").str.contains(r"[a-z0-9]"))
             .with_columns(pl.col("word").str.extract_all(r"[a-z0-9]+")).explode("word").drop_nulls().collect())
    words = np.unique(latin["word"].to_numpy().astype(str)) if latin.height else np.zeros(0, str)
    code = np.array([_spell(word) for word in words], dtype=np.uint64)
    at = np.searchsorted(words, latin["word"].to_numpy().astype(str)) if latin.height else np.zeros(0, np.int64)
    return (np.concatenate([rows[:-1][pair], latin["row"].to_numpy().astype(np.int64)]),
            column_of(np.concatenate([keys, code[at] if latin.height else np.zeros(0, np.uint64)])))


def _spell(word: str) -> int:
    """A number for a Latin word, the same on every machine."""
    value = 1469598103934665603
    for byte in word.encode():
        value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return value


def count_matrix(texts: pl.Series) -> sparse.csr_matrix:
    """How often each feature stands in each text: `(len(texts), WIDTH)`, float64, indices sorted."""
    rows, columns = bigrams(texts)
    counts = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), WIDTH))
    counts.sum_duplicates()
    return counts


def reweighted(counts: sparse.csr_matrix, weights: np.ndarray, log: bool = False) -> sparse.csr_matrix:
    """Counts as presence (or 1 + log count), each column times its weight."""
    values = (1 + np.log(counts.data)) if log else np.ones(counts.nnz)
    return sparse.csr_matrix((values * weights[counts.indices], counts.indices, counts.indptr), shape=counts.shape)


def row_sums(x: sparse.csr_matrix) -> np.ndarray:
    """The sum of each row, `(n,)`."""
    return np.asarray(x.sum(axis=1)).ravel()


def unit_rows(x: sparse.csr_matrix, keep: np.ndarray | None = None) -> sparse.csr_matrix:
    """Rows scaled to length 1 (empty ones stay empty); then only the columns marked in `keep` (bool) are kept."""
    norms = np.sqrt(row_sums(x.multiply(x).tocsr()))
    scaled = sparse.csr_matrix((x.data / np.repeat(np.where(norms > 0, norms, 1), np.diff(x.indptr)), x.indices, x.indptr), shape=x.shape)
    return scaled if keep is None else only(scaled, keep)


def only(x: sparse.csr_matrix, keep: np.ndarray) -> sparse.csr_matrix:
    """The matrix with the entries of unmarked columns dropped."""
    good = keep[x.indices]
    ends = np.concatenate([[0], np.cumsum(good)])[x.indptr]
    return sparse.csr_matrix((x.data[good], x.indices[good], ends), shape=x.shape)


def ranked(x: sparse.csr_matrix, order_by: np.ndarray) -> np.ndarray:
    """For each entry its place (0, 1, …) within its row by ascending `order_by`, ties by column."""
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    order = np.lexsort((x.indices, order_by, rows))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(x.indptr[:-1], np.diff(x.indptr))
    return place


def largest(x: sparse.csr_matrix, k: int) -> np.ndarray:
    """Which entries are among the k largest of their row (bool, one per entry), to nine digits, ties by column.

    The same as `ranked(x, -np.round(x.data, 9)) < k`, without sorting what is far from the top.
    """
    values = np.round(x.data, 9)
    good = np.ones(len(values), bool)
    for start, end in zip(x.indptr[:-1], x.indptr[1:]):
        if end - start > k:
            row = values[start:end]
            least = np.partition(row, len(row) - k)[len(row) - k]
            above = row > least
            level = np.flatnonzero(row == least)
            level = level[np.argsort(x.indices[start:end][level], kind="stable")[:k - np.count_nonzero(above)]]
            above[level] = True
            good[start:end] = above
    return good


def picked(x: sparse.csr_matrix, good: np.ndarray) -> sparse.csr_matrix:
    """The matrix with only the entries marked in `good` (bool, one per entry)."""
    ends = np.concatenate([[0], np.cumsum(good)])[x.indptr]
    return sparse.csr_matrix((x.data[good], x.indices[good], ends), shape=x.shape)


def row_products(a: sparse.csr_matrix, b: sparse.csr_matrix, i: np.ndarray, j: np.ndarray, chunk: int = 100_000) -> np.ndarray:
    """The inner product of row i[k] of `a` and row j[k] of `b` for every k; memory is bounded by chunks."""
    out = np.empty(len(i))
    for start in range(0, len(i), chunk):
        at = slice(start, start + chunk)
        out[at] = row_sums(a[i[at]].multiply(b[j[at]]).tocsr())
    return out
