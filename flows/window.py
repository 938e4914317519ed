"""The open window: the records that a night looks at though they are not new. Light by default; texts are read of those that need them."""
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from flows.places import Place
from transforms.entities import normalise_respondent
from warehouse.journal import WORKED
from warehouse.store import Warehouse

#: What the night knows of every record of the window.
LIGHT = tuple(WORKED)
TEXTS = ("title", "content")


@dataclass(frozen=True)
class Window:
    """`house` has the texts of earlier nights' records; `rows`, tonight's, carry their own."""

    house: Warehouse
    rows: pl.DataFrame

    def texts(self, record_ids: Iterable[str] | pl.Series) -> pl.DataFrame:
        """(record_id, title, content) of these records."""
        ids = pl.DataFrame({"record_id": pl.Series(record_ids, dtype=pl.String)}).unique()
        mine = self.rows.select("record_id", *TEXTS).join(ids, on="record_id", how="semi")
        return pl.concat([mine, self.house.texts(ids.join(mine, on="record_id", how="anti")["record_id"])])

    def with_texts(self, light: pl.DataFrame) -> pl.DataFrame:
        """The records with title and content, in their order."""
        return light.join(self.texts(light["record_id"]), on="record_id", how="left", maintain_order="left")


def earlier_records(house: Warehouse, place: Place, since: date, as_of, without: pl.Series) -> pl.DataFrame:
    """What earlier nights made of the records of a local date from `since` on, but for those named: columns `LIGHT`, by record_id."""
    rows = house.worked(as_of, place.sources, since).collect()
    return rows.join(pl.DataFrame({"record_id": without}, schema={"record_id": pl.String}), on="record_id", how="anti").sort("record_id")


def with_respondent_keys(records: pl.DataFrame) -> pl.DataFrame:
    """The records with `respondent_key`, the normal form of the respondent's name; each name is looked at once."""
    names = records.select("respondent_name").unique().drop_nulls().sort("respondent_name")
    keyed = names.with_columns(normalise_respondent(names["respondent_name"]).alias("respondent_key"))
    return records.join(keyed, on="respondent_name", how="left", maintain_order="left")
