"""The open window: the records that a night looks at though they are not new. Light by default; texts are read of those that need them."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from flows.places import Place
from transforms.entities import normalise_respondent, told_respondents
from warehouse.journal import WORKED, told_writes, worked_writes
from warehouse.publication import LakeWrite
from warehouse.store import Warehouse

#: What the night asks of few records of the window, those that are told of or have another incident.
OF_FEW = ("address_masked", "city", "district", "street_code", "due_at", "signed_at", "first_reply_at", "first_known_at", "worked_revision")
#: What the night knows of every record of the window.
LIGHT = tuple(c for c in WORKED if c not in OF_FEW)
#: The same few names in very many records.
NAMES = ("source_id", "record_type", "status", "community", "fine_place", "coarse_place", "problem_code", "problem_name", "problem_id")
TEXTS = ("title", "content")


@dataclass(frozen=True)
class Window:
    """The records of a place of a local date from `since` on as known at `as_of`. `house` has what earlier nights made of theirs, and their texts; `rows`,
    tonight's, carry their own."""

    house: Warehouse
    rows: pl.DataFrame
    place: Place
    since: date
    as_of: datetime

    def texts(self, record_ids: Iterable[str] | pl.Series) -> pl.DataFrame:
        """(record_id, title, content) of these records."""
        ids = pl.DataFrame({"record_id": pl.Series(record_ids, dtype=pl.String)}).unique()
        mine = self.rows.select("record_id", *TEXTS).join(ids, on="record_id", how="semi")
        return pl.concat([mine, self.house.texts(ids.join(mine, on="record_id", how="anti")["record_id"])])

    def with_texts(self, light: pl.DataFrame) -> pl.DataFrame:
        """The records with title and content, in their order."""
        return light.join(self.texts(light["record_id"]), on="record_id", how="left", maintain_order="left")

    def worked(self, record_ids: pl.Series) -> pl.DataFrame:
        """All that earlier nights made of these records (`journal.WORKED`), in no order."""
        if record_ids.is_empty():
            return pl.DataFrame(schema=WORKED)
        if not self.house.keeps("worked", self.place.sources):
            return self.house.records(record_ids).select(list(WORKED))
        return self.house.worked(self.as_of, self.place.sources, self.since, of=record_ids).collect()


def packed(records: pl.DataFrame) -> pl.DataFrame:
    """The records with `NAMES` as categories: as strings they would be much of what the open window takes while it is linked."""
    return records.with_columns(pl.col(NAMES).cast(pl.Categorical))


def unpacked(records: pl.DataFrame) -> pl.DataFrame:
    """The records with `NAMES` as strings."""
    return records.with_columns(pl.col(NAMES).cast(pl.String))


def earlier_records(house: Warehouse, place: Place, since: date, as_of: datetime, without: pl.Series,
                    columns: Sequence[str] = LIGHT) -> tuple[pl.DataFrame, list[LakeWrite]]:
    """What earlier nights made of the records of a local date from `since` on, but for those named: `columns`, `packed`, by record_id; and what is to be
    written into the journal where nights before it was kept left none."""
    rows, writes = (house.worked(as_of, place.sources, since, columns).collect(), []) if house.keeps("worked", place.sources) else _taken_over(house, place)
    rows = packed(rows.select(columns))
    # Keys are chosen from and put in order; the rows, many times as wide, are moved once.
    keys = rows.select("record_id", "local_date").with_row_index("_at").filter(pl.col("local_date") >= since)
    kept = keys.join(pl.DataFrame({"record_id": without}, schema={"record_id": pl.String}), on="record_id", how="anti").sort("record_id")
    return rows[kept["_at"]], writes


def _taken_over(house: Warehouse, place: Place) -> tuple[pl.DataFrame, list[LakeWrite]]:
    """A place's records and warnings as its last night left them in the tables, and the same for the journal; nothing of a place without a night."""
    slots = {f"s{i}": s for i, s in enumerate(place.sources)}
    rows = house.read(f"select {', '.join(WORKED)} from record where worked_revision is not null and source_id in ({', '.join(':' + s for s in slots)})", **slots)
    if rows.is_empty():
        return pl.DataFrame(schema=WORKED), []
    last = house.last_night(place.sources).sort("as_of").row(-1, named=True)
    warnings = house.read("warning").filter(pl.col("source_ids").list.set_intersection(list(place.sources)).list.len() > 0)
    behind = house.read("warning_record").join(warnings.select("warning_id"), on="warning_id", how="semi")
    return rows, [*worked_writes(rows, rows.clear(), last["as_of"], 0), *told_writes(place.key, warnings, behind, last["run_date"], last["as_of"], 0)]


def with_told_respondents(rows: pl.DataFrame, recent: pl.DataFrame) -> pl.DataFrame:
    """The records, in their order, with `respondent_name` also where the column says nobody (楼下那家店) and the text names one whom other records' columns name.

    This is the night's word, which rests on the names known then: it goes into the journal, and the table `record` keeps what the source gave."""
    names = pl.concat([rows["respondent_name"], recent["respondent_name"]]).drop_nulls().unique().sort()
    if names.is_empty():
        return rows
    spelt = pl.DataFrame({"respondent_name": names, "_key": normalise_respondent(names)})
    nobody = rows.select("record_id", "respondent_name", *TEXTS).join(spelt, on="respondent_name", how="left", maintain_order="left").filter(pl.col("_key").is_null())
    told = nobody.select("record_id", told_respondents(nobody["title"], nobody["content"], spelt["_key"]).alias("_told")).drop_nulls()
    return rows.join(told, on="record_id", how="left", maintain_order="left").with_columns(pl.coalesce("_told", "respondent_name").alias("respondent_name")).drop("_told")


def with_respondent_keys(records: pl.DataFrame) -> pl.DataFrame:
    """The records with `respondent_key`, the normal form of the respondent's name; each name is looked at once."""
    names = records["respondent_name"].drop_nulls().unique().sort()
    return records.with_columns(pl.col("respondent_name").replace_strict(names, normalise_respondent(names), default=None, return_dtype=pl.String).alias("respondent_key"))


def those(records: pl.DataFrame, where: pl.Expr) -> pl.DataFrame:
    """The records of which something is true; where it is of all, the same frame and no copy, for the open window is most of a night's memory."""
    true = records.select(where.fill_null(False)).to_series()
    return records if true.all() else records.filter(true)
