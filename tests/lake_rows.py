"""Small frames of revisions and records for the warehouse's tests."""
from datetime import UTC, datetime
from typing import Any

import polars as pl

from transforms.canonical import MOMENT, conform
from warehouse.lake import REVISIONS
from warehouse.publication import LakeWrite, Publication, Write


def at(text: str) -> datetime:
    """"2026-06-01 12:00" in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def revisions(*rows: dict) -> pl.DataFrame:
    """REVISIONS for rows that give record_id, and what differs from: revision 1 of a record of 1 June 2026, open, known then."""
    base = {"revision_no": 1, "created_at": at("2026-06-01 08:00"), "status": "open", "caller_key": None, "source_updated_at": None}
    full = [{**base, "known_at": r.get("created_at", base["created_at"]), **r} for r in rows]
    schema: dict[str, Any] = {"record_id": pl.String, "revision_no": pl.Int32, "created_at": MOMENT, "known_at": MOMENT, "source_updated_at": MOMENT,
              "status": pl.String, "caller_key": pl.String, "content": pl.String, "co_units": pl.List(pl.String)}
    frame = pl.DataFrame(full, schema=schema)
    frame = frame.with_columns(
        pl.col("record_id").str.split(":").list.first().alias("source_id"),
        pl.col("record_id").str.split(":").list.last().alias("source_record_id"),
        pl.col("created_at").dt.date().alias("local_date"),
        pl.concat_str("record_id", pl.lit("#"), pl.col("revision_no").cast(pl.String)).alias("row_hash"))
    return conform(frame, REVISIONS).collect()


def as_records(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table `record`."""
    return rows.drop("issues").with_columns(pl.col("known_at").alias("first_known_at"))


def store(house, run_id: str, rows: pl.DataFrame, as_of: datetime, **more) -> None:
    """Publishes revisions as one run's, with no tables but those that follow from them."""
    lake = [LakeWrite("revisions", s, rows.filter(pl.col("source_id") == s)) for s in rows["source_id"].unique().sort()]
    house.publish(Publication(run={"run_id": run_id, "kind": "nightly", "as_of": as_of, "run_date": as_of.date(), "outcome": "ok"},
                              lake=lake, **more))


def warning(warning_id: str, **more) -> dict:
    """A row of the table `warning`."""
    day = at("2026-06-02 00:00")
    return {"warning_id": warning_id, "raised_on": day.date(), "updated_on": day.date(), "as_of": day, "kind": "surge", "level": "blue",
            "status": "open", "n_records": 1, "title": "电梯", "run_id": "r1", **more}


def write(table: str, rows: list[dict] | pl.DataFrame, mode: str = "insert", key=()) -> Write:
    return Write(table, rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows), mode, key)
