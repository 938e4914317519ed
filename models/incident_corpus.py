"""What the incident linker knows of its records: hashed text matrices and coded columns, in an order of its own, able to grow.

A *node* is one or more records with the same text, place, respondent and problem: a campaign of hundreds of copies is one node.
"""
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy import sparse

from models.similarity import WIDTH, count_matrix, only, plain_text, reweighted, row_sums, unit_rows
from transforms.entities import extract_places, named_things, normalise_respondent

COLUMNS = ("title", "content", "created_at", "caller", "place", "respondent", "problem_code")
#: Only so much of a content is compared; what stands later repeats.
CONTENT_CHARS = 800
#: The start of the content stands for a missing title.
TITLE_CHARS = 40
#: A text with fewer different features (bigrams, words) says nothing that could tell two matters apart.
INFORMATIVE = 12
#: Features in more than this share of the records name no matter.
COMMON = 0.03
COMPONENTS = 64
SVD_SAMPLE = 3000


def wanted_columns(records: pl.DataFrame) -> pl.DataFrame:
    """The columns the linker looks at; a missing one is null. `content` and `created_at` must be there.

    Raises `ValueError` naming what is missing; `TypeError` where `records` is no polars frame.
    """
    if not isinstance(records, pl.DataFrame):
        raise TypeError(f"records: expected a polars DataFrame, got {type(records).__name__}")
    missing = [name for name in ("content", "created_at") if name not in records.columns]
    if missing:
        raise ValueError(f"records: columns {missing} are missing; found {records.columns}")
    made = records.select(
        pl.col(name).cast(pl.String) if name in records.columns and name != "created_at"
        else (pl.col(name) if name == "created_at" else pl.lit(None, pl.String).alias(name)) for name in COLUMNS)
    return made.with_columns(pl.col("created_at").dt.epoch("us").alias("moment")).drop("created_at")


def as_nodes(records: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    """-> (nodes in canonical order, the node of each record). Nodes depend on the records' values, never on their order."""
    rows = wanted_columns(records).with_columns(
        title=plain_text(pl.Series("title", records["title"] if "title" in records.columns else [None] * records.height)),
        content=plain_text(records["content"]).str.slice(0, CONTENT_CHARS),
        respondent=normalise_respondent(records["respondent"]) if "respondent" in records.columns else pl.lit(None, pl.String),
        raw_title=records["title"].cast(pl.String) if "title" in records.columns else pl.lit(None, pl.String),
        raw_content=records["content"].cast(pl.String).str.slice(0, CONTENT_CHARS))
    key = ["title", "content", "place", "respondent", "problem_code"]
    nodes = (rows.group_by(key).agg(
        first=pl.col("moment").min(), last=pl.col("moment").max(), caller=pl.col("caller").min(), n_records=pl.len(),
        n_callers=pl.col("caller").n_unique(), raw_title=pl.col("raw_title").min(), raw_content=pl.col("raw_content").min())
        .sort("first", "title", "content", "place", "respondent", "problem_code", nulls_last=True))
    numbered = nodes.select(*key).with_row_index("node")
    node = rows.select(*key).join(numbered, on=key, how="left", nulls_equal=True, maintain_order="left")["node"].to_numpy().astype(np.int64)
    return nodes, node


def has_rows(x: sparse.csr_matrix) -> np.ndarray:
    """Which rows hold anything."""
    return np.diff(x.indptr) > 0


@dataclass
class Corpus:
    """The nodes' features. `grow` adds nodes; document frequencies then count them too, older rows keep their weights."""

    nodes: pl.DataFrame = field(default_factory=pl.DataFrame)
    df: np.ndarray = field(default_factory=lambda: np.zeros(WIDTH, np.int64))
    n: int = 0
    basis: np.ndarray | None = None
    matrices: dict[str, sparse.csr_matrix] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def grow(self, nodes: pl.DataFrame) -> "Corpus":
        """Adds nodes (as `as_nodes` gives them) behind those already there."""
        title = nodes.select(pl.when(pl.col("title").str.len_chars() > 0).then("title")
                             .otherwise(pl.col("content").str.slice(0, TITLE_CHARS)))["title"]
        titles, contents = count_matrix(title), count_matrix(nodes["content"])
        both = (titles + contents).tocsr()
        both.sort_indices()
        self.df = self.df + np.bincount(both.indices, minlength=WIDTH)
        self.n += nodes.height
        idf = np.log((self.n + 1) / np.maximum(self.df, 1)) / np.log(self.n + 1)
        shared = self.df > 1
        rare = idf * (self.df <= max(COMMON * self.n, 5))
        ordinary = idf * (self.df > max(0.002 * self.n, 1))
        text = (3 * reweighted(titles, idf, log=True) + reweighted(contents, idf, log=True)).tocsr()
        text.sort_indices()
        names_title = self.names(nodes["raw_title"].fill_null(""), nodes["raw_content"].fill_null("").str.slice(0, TITLE_CHARS), title)
        names_head = count_matrix(named_things(nodes["content"].str.slice(0, 300)).list.join("|").fill_null(""))
        names_all = (names_title + names_head).tocsr()
        names_all.sort_indices()
        title_squares = reweighted(titles, idf**2)
        title_rare4 = reweighted(titles, (idf * shared) ** 4 * 1000)
        names_weighted = reweighted(names_title, rare)
        new = {
            "title": unit_rows(reweighted(titles, idf, log=True), shared),
            "content": unit_rows(reweighted(contents, idf, log=True), shared),
            "text": unit_rows(text, shared),
            "blocking": unit_rows(only(text, (rare > 0) & shared)),
            "title_set": only(reweighted(titles, np.ones(WIDTH)), shared),
            "set": only(reweighted(both, np.ones(WIDTH)), shared),
            "title_squares": only(title_squares, shared),
            "title_rare4": only(title_rare4, shared),
            "rare4": only(reweighted(both, (idf * shared) ** 4 * 1000), shared),
            "names_title": unit_rows(names_weighted, shared),
            "names": unit_rows(reweighted(names_all, rare), shared),
            "names_weighted": only(names_weighted, shared),
            "problem_title": unit_rows(without(reweighted(titles, ordinary), names_all), shared),
            "problem": unit_rows(without(reweighted(both, ordinary), names_all), shared),
        }
        if self.basis is None:
            self.learn_basis(new["text"])
        lsa, lsa_title = self.project(new["text"]), self.project(new["title"])
        places = extract_places(nodes["raw_title"], nodes["raw_content"])
        length = np.log1p(nodes["content"].str.len_chars().to_numpy().astype(float))
        arrays = {
            "title_total": row_sums(title_squares), "names_total": row_sums(names_weighted), "length": length,
            "has_names_title": has_rows(unit_rows(names_weighted)), "has_names": has_rows(names_all),
            "lsa": lsa, "lsa_title": lsa_title, "informative": np.diff(both.indptr) >= INFORMATIVE,
            "first": nodes["first"].fill_null(0).to_numpy() / 86_400e6, "last": nodes["last"].fill_null(0).to_numpy() / 86_400e6,
            "district": places["district"].fill_null("").to_numpy().astype(str),
            **{name: nodes[name].fill_null("").to_numpy().astype(str) for name in ("caller", "place", "respondent", "problem_code")},
        }
        for name, value in new.items():
            self.matrices[name] = sparse.vstack([self.matrices[name], value]).tocsr() if name in self.matrices else value
        for name, array in arrays.items():
            self.arrays[name] = np.concatenate([self.arrays[name], array]) if name in self.arrays else array
        self.nodes = pl.concat([self.nodes, nodes]) if self.nodes.height else nodes
        return self

    @staticmethod
    def names(raw_title: pl.Series, raw_head: pl.Series, title: pl.Series) -> sparse.csr_matrix:
        """Features of the names in the title, or in the start of the content where there is no title."""
        given = pl.DataFrame({"raw": raw_title, "head": raw_head, "title": title})
        source = given.select(pl.when(pl.col("raw") != "").then("raw").otherwise("head").alias("text"))["text"]
        return count_matrix(named_things(plain_text(source)).list.join("|").fill_null(""))

    def learn_basis(self, text: sparse.csr_matrix) -> None:
        """A basis of the texts' main directions from at most `SVD_SAMPLE` rows evenly over the canonical order."""
        at: np.ndarray | list = np.unique(np.linspace(0, text.shape[0] - 1, min(SVD_SAMPLE, text.shape[0])).astype(np.int64)) if text.shape[0] else []
        sample = text[at]
        used = np.bincount(sample.indices, minlength=WIDTH)
        columns = np.flatnonzero((used >= 3) & (used <= max(0.2 * len(at), 3)))
        size = min(COMPONENTS, len(columns) - 1, len(at) - 1)
        self.columns = np.full(WIDTH, -1, np.int64)
        self.columns[columns] = np.arange(len(columns))
        if size < 2:
            self.basis = np.zeros((len(columns), 1))
            return
        from sklearn.utils.extmath import randomized_svd
        self.basis = randomized_svd(sample[:, columns], size, n_iter=3, random_state=0)[2].T.copy()

    def project(self, x: sparse.csr_matrix) -> np.ndarray:
        """Rows in the learnt directions, scaled to length 1, `(n, size)` float32."""
        assert self.basis is not None
        good = self.columns[x.indices] >= 0
        ends = np.concatenate([[0], np.cumsum(good)])[x.indptr]
        part = sparse.csr_matrix((x.data[good], self.columns[x.indices[good]], ends), shape=(x.shape[0], len(self.basis)))
        made = part @ self.basis
        return (made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def without(x: sparse.csr_matrix, names: sparse.csr_matrix) -> sparse.csr_matrix:
    """The features of `x` that are not part of a name in the same row."""
    marks = names.copy()
    marks.data = np.ones(marks.nnz)
    left = (x - x.multiply(marks)).tocsr()
    left.eliminate_zeros()
    left.sort_indices()
    return left
