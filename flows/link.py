"""Which records are about one matter: tonight's against what is open. Ids derive from the record that founded the incident."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from hashlib import blake2b

import numpy as np
import polars as pl

from models.incident_corpus import COLUMNS, texts_of
from models.incident_texts import STORED, VERSION, Shelf, Texts
from models.incidents import IncidentLinker
from models.threads import both
from warehouse.lake import LINK_TEXTS
from warehouse.publication import LakeWrite

#: What is kept of the texts of what is open, by source and local day; it is a function of each record's revision alone.
KEPT = f"{LINK_TEXTS}_{VERSION}"
KEY = ["record_id", "row_hash"]
CANONICAL = ["created_at", "row_hash", "record_id"]
#: So many new records are linked at once: a city's night, or a part of a history.
MOST = 75_000
#: So many texts that are not kept are read at once.
AT_ONCE = 50_000
#: What the linker is told of what is open, beside its texts.
KNOWN = ("created_at", *COLUMNS)
LIGHT = ("record_id", "row_hash", "source_id", "local_date", "created_at", "caller", "place", "respondent", "problem_code", "incident_id")


@dataclass(frozen=True)
class Links:
    """What a night's linking came to.

    records: (record_id, incident_id) of every record whose incident is new or another than before. merged: (incident_id, into).
    texts: what is to be kept of the texts that were not kept yet (record_id, row_hash, source_id, local_date and `STORED`).
    """

    records: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"record_id": pl.String, "incident_id": pl.String}))
    merged: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"incident_id": pl.String, "into": pl.String}))
    texts: pl.DataFrame = field(default_factory=pl.DataFrame)

    def writes(self, since: date) -> list[LakeWrite]:
        """The texts for the lake, one partition a local day, none before `since`."""
        if self.texts.is_empty():
            return []
        texts = self.texts.filter(pl.col("local_date") >= since).sort("source_id", "local_date", *KEY)
        parts = texts.group_by("source_id", "local_date", maintain_order=True)
        return [LakeWrite(KEPT, source, part.drop("source_id", "local_date"), day.isoformat()) for (source, day), part in parts]


def for_linking(records: pl.DataFrame, by_address: Sequence[str] = ()) -> pl.DataFrame:
    """Records as the linker takes them; texts where they have some.

    by_address: sources whose texts say nothing (a category's name), so that only the exact place can tell one matter from another.
    """
    text, place = lambda c: pl.col(c).cast(pl.String), pl.col("fine_place")
    if by_address:
        exact = pl.when(text("source_id").is_in(list(by_address))).then(pl.coalesce("address_masked", text("community")))
        place = pl.coalesce(exact, text("fine_place"))
    return records.with_columns(
        pl.col("caller_key").alias("caller"), place.alias("place"), pl.col("respondent_name").alias("respondent")
    ).select(*LIGHT, *(c for c in ("title", "content") if c in records.columns))


def link(new: pl.DataFrame, open_: pl.DataFrame, texts: Callable[[pl.Series], pl.DataFrame], kept: pl.LazyFrame | None = None,
         by_address: Sequence[str] = (), window_days: int = 90) -> Links:
    """Links records that no night has linked with those of the open window, so many at once (`MOST`), the older ones first.

    new, open_, texts, kept: see `link_at_once`. window_days: what lies further back than this is not looked at for a later slice.
    """
    if new.height <= MOST:
        return link_at_once(new, open_, texts, kept, by_address)
    ordered = new.sort(CANONICAL)
    light = [c for c in open_.columns if c not in ("title", "content")]
    mine = ordered.select("record_id", "title", "content")

    def of_any(ids: pl.Series) -> pl.DataFrame:
        own = mine.filter(pl.col("record_id").is_in(ids.implode()))
        return pl.concat([own, texts(ids.filter(~ids.is_in(own["record_id"].implode())))])

    done, merged, told = open_.select(light), [], []
    moved: dict[str, str] = {}
    for part in ordered.iter_slices(MOST):
        first: date = part["local_date"].min()  # type: ignore[assignment]
        near = done.filter(pl.col("local_date") >= first - timedelta(days=window_days))
        links = link_at_once(part, near, of_any, kept, by_address)
        fresh = dict(links.records.iter_rows())
        gone = dict(links.merged.iter_rows())
        moved = {r: gone.get(i, i) for r, i in moved.items()} | fresh
        now = pl.col("record_id").replace_strict(fresh, default=None, return_dtype=pl.String)
        done = pl.concat([done, part.select(light)], how="vertical_relaxed").with_columns(
            pl.coalesce(now, pl.col("incident_id").replace(gone)).alias("incident_id"))
        merged.append(links.merged)
        told.append(links.texts)
    records = pl.DataFrame({"record_id": list(moved), "incident_id": list(moved.values())}, schema=Links().records.schema)
    return Links(records.sort("record_id"), pl.concat(merged), pl.concat(told).unique(KEY, keep="first", maintain_order=True))


def link_at_once(new: pl.DataFrame, open_: pl.DataFrame, texts: Callable[[pl.Series], pl.DataFrame], kept: pl.LazyFrame | None = None,
                 by_address: Sequence[str] = ()) -> Links:
    """Links records that no night has linked with those of the open window.

    new: records with `title` and `content` and the columns that `for_linking` takes. open_: the same without texts, names as strings or categories, with
    their `incident_id` (null: alone). texts: gives (record_id, title, content) for record_ids of `open_`; asked for what is not kept.
    kept: what earlier nights gave as `Links.texts`, whatever of it there is; it changes the cost and not the links.
    """
    fresh, index = for_linking(new, by_address).sort(CANONICAL), for_linking(open_, by_address).select(LIGHT)
    if fresh.is_empty():
        return Links()
    del open_
    # The older an incident, the smaller its number, in an order that does not depend on the file's.
    ids = index.filter(pl.col("incident_id").is_not_null()).select("incident_id", *CANONICAL).sort(CANONICAL)["incident_id"].unique(maintain_order=True)
    linker, read = IncidentLinker(), list[Texts]()
    if index.is_empty():
        labels = np.asarray(linker.fit_predict(fresh))
        joined = pl.DataFrame(schema={"row": pl.Int64, "label": pl.Int64})
        lineage, lacking = pl.DataFrame(schema={"incident": pl.Int64, "other": pl.Int64}), fresh.clear()
    else:
        # Tonight's texts are read while those kept are fetched.
        mine, (shelf, at, lacking) = both(partial(texts_of, fresh), partial(_on_the_shelf, index, kept))
        for part in lacking.iter_slices(AT_ONCE):
            read.append(texts_of(part.select("record_id").join(texts(part["record_id"]), on="record_id", how="left", maintain_order="left")))
            shelf.put_away(read[-1])
        was = index["incident_id"].replace_strict(ids, pl.int_range(len(ids), eager=True), default=-1, return_dtype=pl.Int64).to_numpy()
        linker.resume(index.select(KNOWN)[at], was[at], shelf)
        linker.partial_fit(fresh, texts=mine)
        labels = np.asarray(linker.labels_)
        joined = linker.joined_.with_columns(pl.Series("row", at[linker.joined_["row"].to_numpy()]))
        lineage = linker.lineage_.filter((pl.col("kind") == "merged") & (pl.col("incident") != pl.col("other")))
    whose = ["record_id", "row_hash", "source_id", "local_date"]
    keep = pl.concat([pl.concat([lacking.select(whose), fresh.select(whose)], how="vertical_relaxed"), Texts.join([*read, linker.texts_]).frame()], how="horizontal")
    placed = pl.concat([
        fresh.select("record_id", "created_at").with_columns(pl.Series("_label", labels, dtype=pl.Int64)),
        index.select("record_id", "created_at")[joined["row"].to_list()].with_columns(
            pl.Series("_label", joined["label"].to_numpy(), dtype=pl.Int64)),
    ]).filter(pl.col("_label") >= 0)
    if placed.is_empty():
        return Links(texts=keep)
    founders = placed.group_by("_label", maintain_order=True).agg(pl.col("record_id").sort_by("created_at", "record_id").first())
    born = founders.filter(pl.col("_label") >= len(ids)).sort("_label")["record_id"].to_list()
    name = pl.concat([ids, pl.Series("incident_id", ["i" + blake2b(founder.encode(), digest_size=6).hexdigest() for founder in born], pl.String)])
    merged = pl.DataFrame({"incident_id": name.gather(lineage["incident"]), "into": name.gather(lineage["other"])})
    gone = dict(merged.iter_rows())
    moved = index.filter(pl.col("incident_id").is_in(list(gone))).select("record_id", pl.col("incident_id").replace(gone))
    linked = placed.select("record_id", name.gather(placed["_label"]).replace(gone))
    return Links(pl.concat([linked, moved]).unique("record_id", keep="first", maintain_order=True).sort("record_id"), merged, keep)


def _on_the_shelf(index: pl.DataFrame, kept: pl.LazyFrame | None) -> tuple[Shelf, np.ndarray, pl.DataFrame]:
    """The kept texts of these records, the places of the records in the order of their texts and then the lacking, and the lacking records."""
    if kept is None or "entries" not in kept.collect_schema():
        return Shelf(), np.arange(index.height), index
    keys = kept.select(KEY).collect()
    wanted = index.select("record_id", pl.col("row_hash").alias("_hash")).with_row_index("_at")
    place = (keys.with_row_index("_kept").join(wanted, on="record_id", how="inner").filter(pl.col("row_hash") == pl.col("_hash"))
             .select("_kept", "_at").sort("_kept").unique("_at", keep="first", maintain_order=True))
    alive, missing = np.zeros(keys.height, bool), np.ones(index.height, bool)
    alive[place["_kept"].to_numpy()] = True
    missing[place["_at"].to_numpy()] = False
    shelf, begin = Shelf(), 0
    for batch in kept.select(list(STORED)).collect_batches(chunk_size=AT_ONCE, maintain_order=True):
        shelf.put_away(Texts.of_frame(batch.filter(pl.Series(alive[begin:begin + batch.height]))))
        begin += batch.height
    at = np.concatenate([place["_at"].to_numpy(), np.flatnonzero(missing)])
    return shelf, at, index.filter(pl.Series(missing))
