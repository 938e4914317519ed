"""Houses whose records are given, not read from files: for tests of what is counted from them."""
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows.running import House
from policy import taxonomy
from sources.mapping import load_mappings
from tests.engines import ready_house
from transforms.canonical import MOMENT, RECORD, conform
from warehouse.journal import WORKED, worked_writes
from warehouse.lake import REVISIONS
from warehouse.publication import LakeWrite, Publication, Write
from warehouse.store import Warehouse

SOURCE = "market_supervision"


def moment(day: date, hour: float = 10) -> datetime:
    """An hour of Beijing on a day, in UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour - 8)


def records(rows: Sequence[dict[str, Any]] | pl.DataFrame) -> pl.DataFrame:
    """Revisions with `problem_code` and `incident_id` from rows that give at least `day`; what is left out is an open complaint of that morning."""
    given = pl.DataFrame(rows, infer_schema_length=None) if not isinstance(rows, pl.DataFrame) else rows
    have = given.columns
    local = pl.col("day").cast(pl.Datetime("us")).dt.offset_by("10h").dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC")
    defaults = {"source_id": pl.lit(SOURCE), "created_at": local, "record_type": pl.lit("complaint"), "status": pl.lit("open"), "street": pl.lit("新华街道"),
                "district": pl.lit("通州区"), "revision_no": pl.lit(1), "problem_code": pl.lit("food.expired"), "incident_id": pl.lit(None, pl.String), "content": pl.lit("内容")}
    frame = given.with_row_index("_n").with_columns((e if c not in have else pl.coalesce(c, e)).alias(c) for c, e in defaults.items())
    number = pl.col("number").cast(pl.String) if "number" in have else (pl.col("_n") + 1).cast(pl.String)
    frame = frame.with_columns(number.alias("source_record_id"), pl.col("day").cast(pl.Date).alias("local_date"))
    frame = frame.with_columns(pl.concat_str(pl.lit(f"{SOURCE}:"), "source_record_id").alias("record_id"))
    known = pl.coalesce("known_at", "created_at") if "known_at" in have else pl.col("created_at")
    frame = frame.with_columns(known.cast(MOMENT).alias("known_at"))
    frame = frame.with_columns(pl.concat_str("record_id", pl.lit("#"), pl.col("revision_no").cast(pl.String)).alias("row_hash"))
    return conform(frame, {**REVISIONS, "problem_code": pl.String, "incident_id": pl.String}).collect()


def keep(house: Warehouse, rows: pl.DataFrame, as_of: datetime, run_id: str = "nightly-1", writes: Sequence[Write] = (), table: bool = True) -> None:
    """Publishes what `records` made as one night's: lake, journal and, unless told otherwise, the table `record`."""
    last = rows.sort("record_id", "revision_no").unique("record_id", keep="last", maintain_order=True)
    names = {c: taxonomy.name(c, "zh") for c in last["problem_code"].unique().drop_nulls()}
    worked = last.with_columns(pl.col("street").alias("fine_place"), pl.col("district").alias("coarse_place"), pl.col("known_at").alias("first_known_at"),
                               pl.col("problem_code").replace_strict(names, default=None, return_dtype=pl.String).alias("problem_name"),
                               pl.lit(None, pl.String).alias("problem_id"), pl.col("revision_no").cast(pl.Int64).alias("worked_revision"))
    rows_now = worked.select(*RECORD, "revision_no", "known_at", "first_known_at", "row_hash", "fine_place", "coarse_place", "problem_code", "problem_name", "problem_id",
                          "incident_id", "worked_revision").with_columns(pl.lit(run_id).alias("run_id"))
    nothing = pl.DataFrame(schema={"record_id": pl.String, "local_date": pl.Date})
    house.publish(Publication({"run_id": run_id, "kind": "nightly", "run_date": as_of.date(), "as_of": as_of, "outcome": "ok", "sources": [SOURCE], "rows_read": last.height,
                               "accepted": last.height, "quarantined": 0, "unchanged": 0, "n_warnings": 0, "n_signals": 0}, known_to=as_of,
                              lake=[LakeWrite("revisions", SOURCE, rows.select(list(REVISIONS))), *worked_writes(worked.select(list(WORKED)), nothing, as_of, 1)],
                              writes=[*([Write("record", rows_now, "upsert")] if table else []), *writes]))


def house_with(folder: Path, rows: pl.DataFrame, as_of: datetime, engine: str = "sqlite", writes: Sequence[Write] = ()) -> House:
    """A house that knows these records as of a moment."""
    settings = ready_house(engine, folder)
    house = House(settings, Warehouse(settings), load_mappings())
    keep(house.warehouse, rows, as_of, writes=writes)
    return house
