"""Which records of the city are of one matter, as somebody would say who reads them all: the truth that linking is held against."""
from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from flows.demo.drafts import DAY

#: Planted stories that are many matters: a claimant's sixty shops, every market of the season, every shop of a township.
MANY = ("N1", "R6", "R8")
#: What comes later than this is another matter: as long as linking looks back.
GAP_DAYS = 45


def matters_of_records(cards: pl.DataFrame, codes: pl.Series) -> pl.Series:
    """The matter of each card: the number of its first record, null where it stands alone.

    A matter is one respondent or estate and one problem (`codes`). Records are of one, at most `GAP_DAYS` apart, that name the same company and problem; that are
    of one planted matter and its company (or estate, where there is none) and problem; or with which the same caller calls again about the same. A record that
    nobody can tell the respondent of (`is_named` false: 楼下一家便利店) is only of a matter by the latter two. A backlog keyed in late is no matter.
    """
    planted = pl.when(~pl.col("incident").str.split("-").list.first().is_in(MANY)).then("incident")
    where = pl.when(pl.col("respondent") >= 0).then("company").otherwise(pl.concat_str(pl.lit("estate"), "estate"))
    told = cards.with_columns(codes.alias("code"))
    keys = told.select(
        pl.when("is_named").then(pl.concat_str("company", "code", separator="|")).alias("respondent"),
        pl.concat_str(planted, where, "code", separator="|").alias("planted"),
        pl.concat_str("caller", "code", "street", "estate", "building", "respondent", separator="|").alias("caller"), day=pl.col("created") // DAY)
    pairs = [_neighbours(keys[name], keys["day"]) for name in ("respondent", "planted", "caller")]
    i, j = (np.concatenate(x) for x in zip(*pairs))
    _, label = connected_components(sparse.csr_matrix((np.ones(len(i)), (i, j)), shape=(cards.height, cards.height)), directed=False)
    frame = cards.select("number", "created").with_columns(label=label)
    first = pl.col("number").sort_by("created", "number").first().over("label")
    return frame.select(pl.when(pl.len().over("label") > 1).then(first).alias("matter")).to_series()


def _neighbours(keys: pl.Series, day: pl.Series) -> Sequence[np.ndarray]:
    """Pairs of rows with the same key that follow each other, at most `GAP_DAYS` apart."""
    rows = pl.DataFrame({"key": keys, "day": day}).with_row_index("row").drop_nulls("key").sort("key", "day", "row").with_columns(
        pl.col("row", "day").shift(1).over("key").name.suffix("_before"))
    met = rows.filter((pl.col("day") - pl.col("day_before")) <= GAP_DAYS)
    return met["row_before"].to_numpy().astype(np.int64), met["row"].to_numpy().astype(np.int64)
