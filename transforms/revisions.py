"""Revisions: which delivered rows are news, in what order, and from when each was known (contract 3)."""
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from transforms.canonical import LATER, LINEAGE, MOMENT, RECORD, STAMPS, STATUSES, add_issues

#: What a stamp brings with it: where the stamp lies after the moment of knowledge, these are blank until it.
CAME_WITH = {
    "dispatched_at": ("dispatched_at",),
    "signed_at": ("signed_at",),
    "first_reply_at": ("first_reply_at", "reply", "returned_unit", "returned_reason"),
    "closed_at": ("closed_at", "outcome", "amount_recovered", "reply"),
    "callback_at": ("callback_at", "responded", "solved", "satisfied"),
}
#: Compared when a row's blanks were filled from what was known: everything a person could have changed.
COMPARED = tuple(c for c in RECORD if c not in ("source_updated_at", "caller_key"))

_STATUS_ORDER = {s: i for i, s in enumerate(STATUSES)}
_ORDER = ("source_updated_at", "_status", "row_hash", "caller_key")


@dataclass(frozen=True)
class Revised:
    """`revisions`: SAFE columns plus `revision_no` (Int32) and `known_at` (UTC), in order of record and knowledge.

    `accepted` and `unchanged` count delivered rows, not revisions.
    """

    revisions: pl.DataFrame
    accepted: int
    unchanged: int


def latest_stamp() -> pl.Expr:
    """The latest time stamp that a row carries (`due_at` and `event_at` are none)."""
    return pl.max_horizontal(*STAMPS)


def carries_later() -> pl.Expr:
    """Whether a row says anything that came after the record was created."""
    return pl.any_horizontal(*(pl.col(c).is_not_null() for c in LATER)) | (pl.col("status") != "open").fill_null(False)


def _status_at(moment: pl.Expr) -> pl.Expr:
    """The status that the remaining stamps tell, for a row whose closing lies after `moment`."""
    before = lambda c: (pl.col(c) <= moment).fill_null(False)
    return (pl.when(before("signed_at")).then(pl.lit("signed"))
            .when(before("dispatched_at")).then(pl.lit("dispatched")).otherwise(pl.lit("open")))


def blank_after(rows: pl.DataFrame, moment: pl.Expr) -> pl.DataFrame:
    """The rows as they stood at `moment`: what a later stamp brought is null, and the status is the one before it.

    A boolean column `_blanked` says whether anything was taken away.
    """
    late = {stamp: (pl.col(stamp) > moment).fill_null(False) for stamp in CAME_WITH}
    closing = late["closed_at"] | (late["callback_at"] & pl.col("closed_at").is_null())
    news = pl.any_horizontal(*late.values())
    blank: dict[str, pl.Expr] = {}
    for stamp, columns in CAME_WITH.items():
        for column in columns:
            blank[column] = blank.get(column, pl.lit(False)) | late[stamp]
    return rows.with_columns(
        *(pl.when(when).then(None).otherwise(pl.col(c)).alias(c) for c, when in blank.items()),
        pl.when(closing).then(_status_at(moment)).otherwise(pl.col("status")).alias("status"),
        news.alias("_blanked"),
    )


def as_created(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as they stood when the citizen had spoken: everything that came later blank, status open."""
    return rows.with_columns(*(pl.lit(None, dtype=RECORD[c]).alias(c) for c in LATER), pl.lit("open").alias("status"),
                             pl.lit(None, dtype=MOMENT).alias("source_updated_at"))


def ordered(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a batch by record, then in order of revision: source_updated_at, status, row_hash; never the row's number."""
    return (rows.with_columns(pl.col("status").replace_strict(_STATUS_ORDER, default=-1, return_dtype=pl.Int8).alias("_status"))
            .sort("record_id", *_ORDER, nulls_last=False).drop("_status"))


def _derived_hash() -> pl.Expr:
    return pl.concat_str(pl.lit("~"), pl.col("row_hash"))


def revise(rows: pl.DataFrame, latest: pl.DataFrame, current: pl.DataFrame, known_hashes: pl.DataFrame, as_of: datetime,
           is_history: bool, blank_means: str = "no_news") -> Revised:
    """Turns a batch's sound rows into new revisions.

    rows: SAFE columns, one delivered row each. latest: the last stored revision of each of these records (record_id,
    revision_no, known_at, row_hash, caller_key, status, source_updated_at, created_at). current: RECORD columns of the
    same, for filling blanks. known_hashes: (record_id, row_hash) of every stored revision of records that come more than
    once in the batch. as_of: the run's moment, UTC. A batch in any order of rows gives the same revisions.
    """
    if rows.is_empty():
        return Revised(rows.with_columns(pl.lit(None, pl.Int32).alias("revision_no"), pl.lit(None, MOMENT).alias("known_at")), 0, 0)
    same_in_batch = ordered(rows).unique(subset=["record_id", "row_hash", "caller_key"], keep="first", maintain_order=True)
    last = latest.select("record_id", pl.col("revision_no").alias("_no"), pl.col("known_at").alias("_known"),
                         pl.col("row_hash").alias("_hash"), pl.col("caller_key").alias("_caller"),
                         pl.col("status").alias("_status_was"), pl.col("source_updated_at").alias("_updated_was"),
                         pl.col("created_at").alias("_created_was"))
    have = same_in_batch.join(last, on="record_id", how="left", maintain_order="left")
    equal = ((pl.col("row_hash") == pl.col("_hash"))
             & (pl.col("caller_key").eq_missing(pl.col("_caller")))).fill_null(False)
    # A re-sent batch that holds several rows of one record: where its last row is the one stored last, the others are known too.
    ends_known = equal.last().over("record_id")
    have = have.join(known_hashes.select("record_id", "row_hash", pl.lit(True).alias("_seen")).unique(), on=["record_id", "row_hash"],
                     how="left", maintain_order="left")
    news = have.filter(~equal & ~(ends_known & pl.col("_seen").fill_null(False)))
    if blank_means == "no_news" and not current.is_empty() and not news.is_empty():
        news = _fill_blanks(news, current)
    accepted = news.height
    news = _flag(news)
    dated = _history(news) if is_history else _nightly(news, as_of)
    dated = dated.with_columns(
        (pl.col("_no").fill_null(0) + pl.int_range(1, pl.len() + 1).over("record_id")).cast(pl.Int32).alias("revision_no"))
    keep = [*RECORD, *LINEAGE, "row_hash", "issues", "revision_no", "known_at"]
    return Revised(dated.select(keep), accepted, rows.height - accepted)


def _fill_blanks(news: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """Nulls filled with what was known; a row that then says nothing new is dropped."""
    columns = [c for c in COMPARED if c not in ("source_id", "source_record_id", "record_id")]
    was = current.select("record_id", *(pl.col(c).alias(f"_was_{c}") for c in columns), pl.lit(True).alias("_stored"))
    joined = news.join(was, on="record_id", how="left", maintain_order="left")
    filled = pl.any_horizontal(*(pl.col(c).is_null() & pl.col(f"_was_{c}").is_not_null() for c in columns))
    joined = joined.with_columns(filled.alias("_filled"), *(pl.coalesce(c, f"_was_{c}").cast(RECORD[c]).alias(c) for c in columns))
    same = pl.all_horizontal(*(pl.col(c).eq_missing(pl.col(f"_was_{c}").cast(RECORD[c])) for c in columns))
    silent = pl.col("_stored").fill_null(False) & pl.col("_filled") & same
    return joined.filter(~silent).drop([f"_was_{c}" for c in columns] + ["_stored", "_filled"])


def _flag(news: pl.DataFrame) -> pl.DataFrame:
    """K06, R02, R03, R05."""
    order = pl.col("status").replace_strict(_STATUS_ORDER, default=None, return_dtype=pl.Int8)
    was = pl.col("_status_was").replace_strict(_STATUS_ORDER, default=None, return_dtype=pl.Int8)
    moved = (pl.col("created_at") - pl.col("_created_was")).dt.total_minutes().abs()
    return news.with_columns(add_issues([
        (pl.len().over("record_id") > 1, "K06"),
        (pl.col("source_updated_at") < pl.col("_updated_was"), "R02"),
        (order < was, "R03", None, pl.col("status"), pl.col("_status_was")),
        (moved > 0, "R05", None, (moved / 60).round(1)),
    ]))


def _history(news: pl.DataFrame) -> pl.DataFrame:
    """A history load: known at created_at what the citizen said, at the row's latest stamp what came of it."""
    stamp = pl.max_horizontal(latest_stamp(), pl.col("_known"))
    whole = news.with_columns(stamp.alias("known_at")).with_columns(pl.col("known_at").cum_max().over("record_id"))
    first = pl.int_range(pl.len()).over("record_id") == 0
    opens = whole.filter(first & pl.col("_no").is_null() & carries_later() & (pl.col("known_at") > pl.col("created_at")))
    opening = as_created(opens).with_columns(pl.col("created_at").alias("known_at"), _derived_hash().alias("row_hash"))
    out = pl.concat([opening.with_columns(pl.lit(0).alias("_step")), whole.with_columns(
        pl.int_range(1, pl.len() + 1).over("record_id").cast(pl.Int32).alias("_step"))], how="vertical_relaxed")
    return out.sort("record_id", "_step", maintain_order=True).drop("_step")


def _nightly(news: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Any other batch: known at the run's as-of or at created_at where that is later; what lies beyond comes at its own time."""
    known = pl.max_horizontal(pl.lit(as_of, dtype=MOMENT), pl.col("created_at"), pl.col("_known"))
    news = news.with_columns(known.alias("known_at"), (2 * pl.int_range(pl.len()).over("record_id")).alias("_step"))
    now = blank_after(news, pl.col("known_at"))
    beyond = news.filter(now["_blanked"]).with_columns(
        pl.max_horizontal("known_at", latest_stamp()).alias("known_at"), pl.col("_step") + 1)
    now = now.with_columns(pl.when("_blanked").then(_derived_hash()).otherwise("row_hash").alias("row_hash")).drop("_blanked")
    # Several rows of one record: one that is known later than the next is overtaken by it.
    return pl.concat([now, beyond.select(now.columns)]).sort("record_id", "known_at", "_step").drop("_step")


def current_view(revisions: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Of some revisions, the one of each record that is current at `as_of`: the last known, but never one whose
    source_updated_at is older than another's that is known."""
    return (revisions.filter(pl.col("known_at") <= as_of)
            .sort("record_id", pl.col("source_updated_at").fill_null(pl.lit(0).cast(MOMENT)), "known_at", "revision_no")
            .unique("record_id", keep="last", maintain_order=True))
