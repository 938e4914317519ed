"""Which records are about one matter: tonight's against what is open. Ids derive from the record that founded the incident."""
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl

from models.incidents import IncidentLinker

LINKED = ("record_id", "title", "content", "created_at", "caller", "place", "respondent", "problem_code")


@dataclass(frozen=True)
class Links:
    """`records`: (record_id, incident_id) of every record whose incident is new or another than before; `merged`: (incident_id, into)."""

    records: pl.DataFrame
    merged: pl.DataFrame


NO_LINKS = Links(pl.DataFrame(schema={"record_id": pl.String, "incident_id": pl.String}), pl.DataFrame(schema={"incident_id": pl.String, "into": pl.String}))


def for_linking(records: pl.DataFrame, by_address: Sequence[str] = ()) -> pl.DataFrame:
    """Records as the linker takes them, in an order that does not depend on the file's.

    by_address: sources whose texts say nothing (a category's name), so that only the exact place can tell one matter from another.
    """
    exact = pl.when(pl.col("source_id").is_in(list(by_address))).then(pl.coalesce("address_masked", "community"))
    return records.sort("created_at", "row_hash", "record_id").select(
        "record_id", "title", "content", "created_at", pl.col("caller_key").alias("caller"),
        pl.coalesce(exact, "fine_place").alias("place"), pl.col("respondent_name").alias("respondent"), "problem_code", "incident_id")


def link(new: pl.DataFrame, open_: pl.DataFrame, by_address: Sequence[str] = ()) -> Links:
    """Links records that no night has linked with those of the open window.

    new, open_: records with the columns of `for_linking` and `row_hash`; `open_` carries its `incident_id` (null: alone).
    """
    fresh, index = for_linking(new, by_address), for_linking(open_, by_address)
    if fresh.is_empty():
        return NO_LINKS
    ids = index["incident_id"].drop_nulls().unique(maintain_order=True).to_list()
    number = {i: n for n, i in enumerate(ids)}
    linker = IncidentLinker()
    if index.is_empty():
        labels = np.asarray(linker.fit_predict(fresh.drop("record_id", "incident_id")))
        joined = pl.DataFrame(schema={"row": pl.Int64, "label": pl.Int64})
        lineage = []
    else:
        was = index["incident_id"].replace_strict(number, default=-1, return_dtype=pl.Int64).to_numpy()
        linker.resume(index.drop("record_id", "incident_id"), was)
        linker.partial_fit(fresh.drop("record_id", "incident_id"))
        labels = np.asarray(linker.labels_)
        joined = linker.joined_
        lineage = [(a, b) for kind, a, b in linker.lineage_.select("kind", "incident", "other").iter_rows() if kind == "merged"]
    placed = pl.concat([
        fresh.select("record_id", "created_at").with_columns(pl.Series("_label", labels, dtype=pl.Int64)),
        index.select("record_id", "created_at")[joined["row"].to_list()].with_columns(
            pl.Series("_label", joined["label"].to_numpy(), dtype=pl.Int64)),
    ]).filter(pl.col("_label") >= 0)
    if placed.is_empty():
        return NO_LINKS
    founders = placed.group_by("_label", maintain_order=True).agg(pl.col("record_id").sort_by("created_at", "record_id").first())
    name = dict(enumerate(ids))
    for label, founder in founders.sort("_label").iter_rows():
        name.setdefault(label, "i" + blake2b(founder.encode(), digest_size=6).hexdigest())
    merged = pl.DataFrame([(name[a], name[b]) for a, b in lineage if a in name and b in name and a != b],
                          schema={"incident_id": pl.String, "into": pl.String}, orient="row")
    gone = dict(merged.iter_rows())
    moved = index.filter(pl.col("incident_id").is_in(list(gone))).select("record_id", pl.col("incident_id").replace(gone))
    linked = placed.select("record_id", pl.col("_label").replace_strict(name, return_dtype=pl.String).replace(gone).alias("incident_id"))
    return Links(pl.concat([linked, moved]).unique("record_id", keep="first", maintain_order=True), merged)
