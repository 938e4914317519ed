"""When a record is due: the earliest of its open statutory clocks (`data/clocks.yaml`), or the limit its own order states."""
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from policy.calendar import add_workdays, day_kind
from policy.dated import load, on
from policy.packs import pack as pack_of

MOMENT = pl.Datetime("us", "UTC")
#: A record in one of these has been accepted: the clock that runs is the mediation's, not the acceptance's.
_ACCEPTED = ("in_hand",)
#: A record that has come to its end.
OVER = ("closed", "withdrawn", "void")
#: Testing stops the clock, and for how long is not in the record.
_STOPPED = ("suspended",)
_NEEDED: dict[str, pl.DataType] = {"record_type": pl.String(), "created_at": MOMENT, "local_date": pl.Date(), "due_at": MOMENT,
                                   "status": pl.String(), "signed_at": MOMENT, "first_reply_at": MOMENT}
#: The clock of a limit that the order itself states.
ORDER = "order"
#: What `due` says of each record.
DUE: dict[str, pl.DataType] = {"due_at": MOMENT, "due_clock": pl.String(), "due_source": pl.String(), "due_provisional": pl.Boolean()}


def clocks_on(track: str, starts: str, day: date) -> list[Mapping]:
    """The rows that give a due date: of a track (complaint, report), started by an event (received, accepted) on a day.

    A row with certainty U is left out until somebody approved it.
    """
    return [row for row in on(load("clocks.yaml")["clocks"], day)
            if row["track"] == track and row["starts"] == starts and (row["certainty"] != "U" or row["approved_by"])]


def due_day(row: Mapping, start: date, region: str = "cn") -> date:
    """The last day of a clock that started on a day, the first day not counted."""
    return add_workdays(start, row["amount"], region) if row["unit"] == "workday" else start + timedelta(days=row["amount"])


def source_of(row: Mapping) -> str:
    """A row's source and article in one line, as every due date prints them."""
    return f"{row['source']} {row['article']}"


def clock_name(clock: str, lang: str = "zh") -> str:
    """What a clock asks for, by its id; the id of one that isn't in the table."""
    row = next((r for r in load("clocks.yaml")["clocks"] if r["id"] == clock), None)
    return row["zh" if lang == "zh" else "en"] if row else clock


@lru_cache(maxsize=100_000)
def _earliest(track: str, starts: str, start: date, region: str) -> tuple[date, str, str, bool] | None:
    """(last day, clock id, source, provisional) of the clock that ends first; ties go to the first row of the file."""
    rows = clocks_on(track, starts, start)
    if not rows:
        return None
    day, _, row = min((due_day(row, start, region), i, row) for i, row in enumerate(rows))
    return day, row["id"], source_of(row), row["unit"] == "workday" and day_kind(day, region).provisional


def due(records: pl.DataFrame, pack: str | None = "tongzhou") -> pl.DataFrame:
    """When each record is due and by which clock; a frame of `DUE`, one row for each record in their order.

    `records`: record_type, local_date, status, and where known due_at (the order's own limit, which wins), signed_at,
    first_reply_at (when it was accepted). Ended and suspended records are null; so is everything where no pack covers the
    place. A statutory day ends at midnight, local time. Raises KeyError for an unknown pack.
    """
    have = records.columns
    frame = records.select((pl.col(c).cast(t, strict=False) if c in have else pl.lit(None, t)).alias(c) for c, t in _NEEDED.items())
    if pack is None:
        return pl.DataFrame({c: pl.Series(c, [None] * frame.height, t) for c, t in DUE.items()})
    row = pack_of(pack)
    zone, region = row["time_zone"], row["holidays"]
    accepted = pl.col("status").is_in(_ACCEPTED)
    accepted_on = pl.coalesce("first_reply_at", "signed_at").dt.convert_time_zone(zone).dt.date()
    runs = ~pl.coalesce("status", pl.lit("open")).is_in(OVER + _STOPPED)
    frame = frame.select(
        "due_at",
        runs.alias("runs"),
        pl.when(pl.col("record_type").is_in(row["clocks"])).then("record_type").alias("track"),
        pl.when(accepted).then(pl.lit("accepted")).otherwise(pl.lit("received")).alias("starts"),
        pl.when(accepted).then(accepted_on).otherwise("local_date").alias("start"),
    )
    keys = ["track", "starts", "start"]
    asked = frame.filter(pl.col("runs") & pl.col("due_at").is_null()).select(keys).drop_nulls().unique(maintain_order=True)
    answers = [(*key, *said) for key in asked.iter_rows() if (said := _earliest(*key, region))]
    table = pl.DataFrame(
        [(t, s, d, _end_of(day, zone), clock, source, provisional) for t, s, d, day, clock, source, provisional in answers],
        schema={"track": pl.String, "starts": pl.String, "start": pl.Date, "at": MOMENT, "due_clock": pl.String,
                "due_source": pl.String, "due_provisional": pl.Boolean}, orient="row",
    )
    own = pl.col("due_at").is_not_null()
    found = frame.join(table, on=keys, how="left", maintain_order="left")
    return found.select(
        pl.when("runs").then(pl.coalesce("due_at", "at")).alias("due_at"),
        pl.when("runs").then(pl.when(own).then(pl.lit(ORDER)).otherwise("due_clock")).alias("due_clock"),
        pl.when(pl.col("runs") & ~own).then("due_source").alias("due_source"),
        pl.when("runs").then(pl.when(own).then(pl.lit(False)).otherwise("due_provisional")).alias("due_provisional"),
    )


def due_dates(records: pl.DataFrame, pack: str | None = "tongzhou") -> pl.Series:
    """When each record is due: the first column of `due`."""
    return due(records, pack)["due_at"]


def _end_of(day: date, zone: str) -> datetime:
    """The last second of a local day."""
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(zone))
