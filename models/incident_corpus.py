"""What the incident linker knows of its records: nodes, the weights of text features, and weighted texts.

A *node* is one or more records with the same text, place, respondent and problem: a campaign of hundreds of copies is one node.
"""
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy import sparse

from models.incident_texts import NAME, NAME_IN_TITLE, SHIFT, WORD, Shelf, Texts, in_row_sums
from models.similarity import WIDTH
from models.threads import chunks, side_by_side
from transforms.entities import normalise_respondent

#: What is known of a record beside its texts.
COLUMNS = ("caller", "place", "respondent", "problem_code")
VALUES = COLUMNS[1:]
#: Those whose names nobody has to spell alike first.
_AS_GIVEN = ("place", "problem_code")
#: A text with fewer different features (bigrams, words) says nothing that could tell two matters apart.
INFORMATIVE = 12
#: Features in more than this share of the records name no matter.
COMMON = 0.03
COMPONENTS = 64
SVD_SAMPLE = 3000
#: What a title's and a content's counts weigh (1 + log count, the title three times), by the lower bits of an entry.
_LOW = np.arange(1 << int(SHIFT))
LOW = np.uint32(len(_LOW) - 1)
IN_TITLE, IN_CONTENT = (((1 + np.log(np.maximum(n, 1))) * (n > 0)).astype(np.float32) for n in (_LOW >> 8 & 15, _LOW >> 2 & 63))
IN_BOTH = 3 * IN_TITLE + IN_CONTENT


def light(records: pl.DataFrame) -> pl.DataFrame:
    """The records without their texts: `moment` (microseconds, null where unknown), `caller` (string) and VALUES (categories), "" where unknown, respondents by one
    spelling.

    Raises `ValueError` where `created_at` is missing; `TypeError` where `records` is no polars frame.
    """
    if not isinstance(records, pl.DataFrame):
        raise TypeError(f"records: expected a polars DataFrame, got {type(records).__name__}")
    if "created_at" not in records.columns:
        raise ValueError(f"records: columns ['created_at'] are missing; found {records.columns}")
    made = records.select(pl.col("created_at").dt.epoch("us").alias("moment"), *(
        pl.col(name).cast(pl.Categorical if name in _AS_GIVEN else pl.String) if name in records.columns else pl.lit(None, pl.String).alias(name) for name in COLUMNS))
    names = made["respondent"].drop_nulls().unique()
    made = made.with_columns(pl.col("respondent").replace_strict(names, normalise_respondent(names), default=None, return_dtype=pl.String))
    # The street that a clerk puts in front of a shop's sign (永顺福汇家政 in 永顺镇) is no part of its name.
    street = pl.col("place").cast(pl.String).str.slice(0, 2)
    ahead = pl.col("respondent").str.starts_with(street) & (pl.col("respondent").str.len_chars() >= 6) & (street.str.len_chars() == 2)
    return made.with_columns(pl.when(ahead).then(pl.col("respondent").str.slice(2)).otherwise("respondent").alias("respondent")).with_columns(
        pl.col("caller").fill_null(""), pl.col(VALUES).cast(pl.Categorical).fill_null(""))


def texts_of(records: pl.DataFrame) -> Texts:
    """The features of the records' `title` and `content`. Raises `ValueError` where there is no `content`."""
    if "content" not in records.columns:
        raise ValueError(f"records: columns ['content'] are missing; found {records.columns}")
    return Texts.read(records["title"] if "title" in records.columns else pl.Series([None] * records.height, dtype=pl.String), records["content"])


@dataclass(frozen=True)
class Nodes:
    """Nodes in an order that their records' values give, never the records' order.

    frame: `moment` (the first), `last`, COLUMNS, `text_key`, `row` (the place of a record that bears the text). of: the node of each record.
    """

    frame: pl.DataFrame
    of: np.ndarray

    @classmethod
    def made_of(cls, records: pl.DataFrame, texts: Texts | Shelf) -> "Nodes":
        """The nodes of records as `light` gives them, and their texts."""
        key = ["text_key", *VALUES]
        rows = records.with_columns(pl.Series("text_key", texts.key)).with_row_index("row")
        alike = rows.filter(pl.col("text_key").is_duplicated()).filter(pl.struct(key).is_duplicated())
        district = pl.Series("district", texts.district[alike["row"].to_numpy()])
        alone = rows.join(alike.select("row"), on="row", how="anti", maintain_order="left") if alike.height else rows
        nodes = pl.concat([
            alone.with_columns(last="moment"),
            alike.with_columns(district).group_by(key).agg(pl.col("moment").min(), pl.col("moment").max().alias("last"), pl.col("caller").min(),
                                                           pl.col("row").sort_by("district", "row").first())
            .select(*alone.columns, "last")])
        # Only where texts are the same do the other values decide: a place for each set of them, for few.
        several = nodes.filter(pl.col("text_key").is_duplicated()).select(VALUES).unique().sort(VALUES).with_row_index("_order")
        nodes = (nodes.join(several, on=VALUES, how="left", maintain_order="left") if several.height else nodes.with_columns(_order=0)) \
            .sort("moment", "text_key", "_order", nulls_last=True).drop("_order")
        of = np.empty(records.height, np.int64)
        of[nodes["row"].to_numpy()] = np.arange(nodes.height)
        if alike.height:
            bears = alike.select(*key, "row").join(nodes.select(*key, pl.col("row").alias("_bears")), on=key, how="left", maintain_order="left")
            of[bears["row"].to_numpy()] = of[bears["_bears"].to_numpy()]
        return cls(nodes, of)

    def __len__(self) -> int:
        return self.frame.height


@dataclass(frozen=True)
class Weights:
    """How much a feature says, by the number of nodes it stands in. df: int `(WIDTH,)`; n: the number of nodes."""

    df: np.ndarray
    n: int
    idf: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "idf", np.log((self.n + 1) / np.maximum(self.df, 1)) / np.log(self.n + 1) if self.n else np.zeros(WIDTH))

    @property
    def shared(self) -> np.ndarray:
        """Which features stand in more than one node, `(WIDTH,)`."""
        return self.df > 1

    @property
    def rare(self) -> np.ndarray:
        """The idf of features that may name a matter, else 0."""
        return self.idf * (self.df <= max(COMMON * self.n, 5))

    @property
    def ordinary(self) -> np.ndarray:
        """The idf of features that name a kind of matter rather than one, else 0."""
        return self.idf * (self.df > max(0.002 * self.n, 1))


def frequencies(parts: Iterable[Texts], counted: np.ndarray, chunk: int = 50_000) -> np.ndarray:
    """In how many of the texts that are counted (bool, one for each) each feature stands: int `(WIDTH,)`."""
    df, read = np.zeros(WIDTH, np.int64), 0
    for texts in parts:
        for begin in range(0, len(texts), chunk):
            start = texts.start[begin:begin + chunk + 1]
            mine = counted[read + begin:read + begin + len(start) - 1]
            entries = texts.entries[start[0]:start[-1]]
            if not mine.all():
                entries = entries[np.repeat(mine, np.diff(start))]
            df += np.bincount(entries[entries & WORD != 0] >> SHIFT, minlength=WIDTH)
        read += len(texts)
    return df


def unit(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The values with each row scaled to length 1 (an empty one stays empty)."""
    norms = np.sqrt(in_row_sums(values * values, start))
    return values / np.repeat(np.where(norms > 0, norms, 1).astype(values.dtype), np.diff(start))


class Basis:
    """The main directions of weighted texts, learnt from a sample."""

    def __init__(self, sample: Texts, weights: Weights) -> None:
        column = sample.entries >> SHIFT
        values = unit(IN_BOTH[sample.entries & LOW] * weights.idf[column], sample.start) * weights.shared[column]
        at = np.flatnonzero(values)
        used = np.bincount(column[at], minlength=WIDTH)
        columns = np.flatnonzero((used >= 3) & (used <= max(0.2 * len(sample), 3)))
        size = min(COMPONENTS, len(columns) - 1, len(sample) - 1)
        self.place = np.full(WIDTH, -1, np.int64)
        self.place[columns] = np.arange(len(columns))
        self.directions = np.zeros((len(columns), 1))
        if size >= 2:
            from sklearn.utils.extmath import randomized_svd
            text = sparse.csr_matrix((values[at], column[at].astype(np.int64), np.searchsorted(at, sample.start)), shape=(len(sample), WIDTH))
            self.directions = randomized_svd(text[:, columns], size, n_iter=3, random_state=0)[2].T.copy()

    def project(self, column: np.ndarray, values: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Texts (the feature and value of each entry, where each text begins) in these directions, scaled to length 1, `(n, size)` float32."""
        n = len(start) - 1
        made = np.empty((n, self.directions.shape[1]), np.float32)

        def part(rows: slice) -> None:
            begin, end = start[rows.start], start[rows.stop]
            place, inside = self.place[column[begin:end]], values[begin:end]
            at = np.flatnonzero((place >= 0) & (inside != 0))
            text = sparse.csr_matrix((inside[at].astype(float), place[at], np.searchsorted(at, start[rows.start:rows.stop + 1] - begin)), shape=(rows.stop - rows.start, len(self.directions)))
            led = text @ self.directions
            made[rows] = led / np.maximum(np.linalg.norm(led, axis=1, keepdims=True), 1e-9)

        side_by_side(part, chunks(n, 10_000))
        return made


class Corpus:
    """Nodes at hand with their weighted texts.

    n: how many. start, column: where each node's entries begin, and the feature of each. table: float32 `(entries, values)`; values: its columns by
    name. arrays: name -> one for each node, COLUMNS as numbers, 0 where unknown. spelt: what each of these numbers stands for, by column. rarity: name
    of a column -> the rarity of each node's value among all nodes, 0 to 1. named: the share of all nodes that say who they are about.
    """

    def __init__(self, texts: Texts, frame: pl.DataFrame, weights: Weights, basis: Basis, sizes: dict[str, np.ndarray], share: float) -> None:
        """texts, frame: of the nodes at hand. weights, basis, sizes, share: by all nodes; sizes: how many of them share each node's value, by column; share: `named`."""
        self.named = share
        self.n, self.start, self.weights = len(texts), texts.start, weights
        self.column = (texts.entries >> SHIFT).astype(np.int32)
        low = texts.entries & LOW
        shared = weights.shared[self.column]
        idf, rare, ordinary = (w.astype(np.float32)[self.column] for w in (weights.idf, weights.rare, weights.ordinary))
        title, word, named, name = low >> 8 > 0, low & WORD > 0, low & NAME_IN_TITLE > 0, low & NAME > 0
        scaled = lambda values: unit(values, self.start) * shared
        values: dict[str, Callable[[], np.ndarray]] = {
            "title": lambda: scaled(IN_TITLE[low] * idf), "content": lambda: scaled(IN_CONTENT[low] * idf), "text": lambda: scaled(IN_BOTH[low] * idf),
            "names_title": lambda: scaled(named * rare), "names": lambda: scaled(name * rare),
            "problem_title": lambda: scaled(title * ordinary * ~name), "problem": lambda: scaled(word * ordinary * ~name),
            "title_set": lambda: title & shared, "set": lambda: word & shared, "squares": lambda: title * idf**2 * shared,
            "title_rare4": lambda: title * (idf * shared) ** 4 * 1000, "rare4": lambda: word * (idf * shared) ** 4 * 1000,
            "names_weighted": lambda: named * rare * shared,
        }
        # Side by side, for a pair's products need all of an entry's values.
        self.table = np.empty((len(self.column), len(values)), np.float32)
        self.values = {key: self.table[:, k] for k, key in enumerate(values)}

        def fill(key: str) -> None:
            self.values[key][:] = values[key]()

        side_by_side(fill, values)
        project = lambda name: basis.project(self.column, self.values[name], self.start)
        self.arrays: dict[str, np.ndarray] = {
            "title_total": in_row_sums(title * idf**2, self.start), "names_total": in_row_sums(named * rare, self.start),
            "has_names_title": in_row_sums(named, self.start) > 0, "has_names": in_row_sums(name, self.start) > 0,
            "length": np.log1p(texts.length.astype(float)), "informative": texts.words >= INFORMATIVE, "district": texts.district,
            "lsa": project("text"), "lsa_title": project("title"),
            "first": frame["moment"].fill_null(0).to_numpy() / 86_400e6, "last": frame["last"].fill_null(0).to_numpy() / 86_400e6,
            **{name: frame[name].replace("", None).rank("dense").fill_null(0).to_numpy().astype(np.int64) for name in COLUMNS},
        }
        self.spelt = {name: pl.concat([pl.Series([""]), frame[name].filter(frame[name] != "").unique().cast(pl.String).sort()]) for name in COLUMNS}
        self.rarity = {name: np.log(weights.n / np.maximum(size, 1)) / np.log(max(weights.n, 2)) for name, size in sizes.items()}

    @classmethod
    def of(cls, nodes: Nodes, texts: Texts) -> "Corpus":
        """All nodes at hand; texts: of the records they were made of."""
        mine = texts.take(nodes.frame["row"].to_numpy())
        sizes = {name: nodes.frame.select(pl.len().over(name))["len"].to_numpy() for name in VALUES}
        weights = Weights(frequencies([mine], np.ones(len(mine), bool)), len(mine))
        return cls(mine, nodes.frame, weights, Basis(mine.take(evenly(len(mine))), weights), sizes, share_named(nodes.frame))

    def blocking(self) -> sparse.csr_matrix:
        """Texts by their rare shared features alone, rows of length 1."""
        values = unit(self.values["text"].astype(float) * (self.weights.rare[self.column] > 0), self.start)
        at = np.flatnonzero(values)
        return sparse.csr_matrix((values[at], self.column[at], np.searchsorted(at, self.start)), shape=(self.n, WIDTH))


def share_named(nodes: pl.DataFrame) -> float:
    """The share of nodes that say who they are about."""
    return float((nodes["respondent"] != "").mean() or 0.0)  # type: ignore[arg-type]


def evenly(n: int) -> np.ndarray:
    """At most `SVD_SAMPLE` places evenly over n."""
    return np.unique(np.linspace(0, n - 1, min(SVD_SAMPLE, n)).astype(np.int64)) if n else np.zeros(0, np.int64)
