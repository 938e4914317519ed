"""The journal of the nights: what each made of its records and told, kept in the lake so that any night can be begun again.

Rows are added and never changed. Of a record, or a warning, the last row known at a moment counts; `known_at` is the as-of of the
night, `night_no` orders the nights of one as-of.
"""
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from transforms.canonical import MOMENT, RECORD
from warehouse import tables
from warehouse.publication import LakeWrite
from warehouse.reading import polars_type

_NIGHT: dict[str, Any] = {"known_at": MOMENT, "night_no": pl.Int64}
#: Codes, ids and places of a record, without its texts. `respondent_name`: whom the night took it to be about, from the text where the column says nobody.
#: `gone`: it lies in another month since.
WORKED: dict[str, Any] = {
    **{c: RECORD[c] for c in ("record_id", "source_id", "local_date", "created_at", "record_type", "status", "respondent_name", "caller_key",
                              "address_masked", "community", "city", "district", "street_code", "due_at", "signed_at", "first_reply_at", "closed_at", "solved")},
    "fine_place": pl.String, "coarse_place": pl.String, "problem_code": pl.String, "problem_name": pl.String, "problem_id": pl.String,
    "incident_id": pl.String, "row_hash": pl.String, "first_known_at": MOMENT, "worked_revision": pl.Int64}


def _of(table: sa.Table) -> dict[str, Any]:
    return {c.name: pl.List(pl.String) if isinstance(c.type, tables.Texts) else polars_type(c) for c in table.c if c.name != "run_id"}


WARNING, WARNING_RECORD = _of(tables.warning), _of(tables.warning_record)
JOURNAL: dict[str, dict[str, Any]] = {"worked": {**WORKED, "gone": pl.Boolean, **_NIGHT}, "warnings": {**WARNING, **_NIGHT},
                                      "warning_records": {**WARNING_RECORD, **_NIGHT}}


def worked_writes(rows: pl.DataFrame, before: pl.DataFrame, known_at: Any, night_no: int) -> list[LakeWrite]:
    """Rows of the dataset `worked` for records with the columns of `WORKED`. before: (record_id, local_date) as earlier nights had them."""
    month = lambda c: pl.col(c).dt.strftime("%Y-%m")
    now = rows.select(pl.col(c).cast(t) for c, t in WORKED.items())
    moved = now.join(before.select("record_id", pl.col("local_date").alias("_was")), on="record_id").filter(
        month("_was") != month("local_date")).with_columns(pl.col("_was").alias("local_date")).drop("_was")
    told = pl.concat([now.with_columns(pl.lit(False).alias("gone")), moved.with_columns(pl.lit(True).alias("gone"))])
    return [LakeWrite("worked", s, _dated(part, known_at, night_no)) for (s,), part in told.sort("source_id", "record_id", "gone").group_by(
        "source_id", maintain_order=True)]


def told_writes(place: str, warnings: pl.DataFrame, records: pl.DataFrame, day: date, known_at: Any, night_no: int) -> list[LakeWrite]:
    """Rows of the datasets `warnings` and `warning_records` for what a night told of a place."""
    return [LakeWrite(name, place, _dated(frame.select(pl.col(c).cast(t) for c, t in schema.items()), known_at, night_no), f"{day:%Y-%m}")
            for name, frame, schema in (("warnings", warnings, WARNING), ("warning_records", records, WARNING_RECORD)) if frame.height]


def _dated(frame: pl.DataFrame, known_at: Any, night_no: int) -> pl.DataFrame:
    return frame.with_columns(pl.lit(known_at, MOMENT).alias("known_at"), pl.lit(night_no, pl.Int64).alias("night_no"))


def last_of(rows: pl.LazyFrame, by: str, columns: Iterable[str] | Mapping[str, Any]) -> pl.LazyFrame:
    """The last row of each `by`, in no order. Reads the rows; only keys are sorted, for the rest of a row is many times as wide."""
    found = rows.select(list(dict.fromkeys([*columns, *_NIGHT]))).collect()
    order = found.select(pl.arg_sort_by(*_NIGHT)).to_series()
    last = order.filter(found[by].gather(order).is_last_distinct())
    return (found if last.len() == found.height else found[last]).select(list(columns)).lazy()
