"""Forgetting: records before a day, or a person's, out of landing, lake and tables; and kept out when they come again.

What is kept is the audit: when, why, how many, and (for a person) a keyed hash that recognises them and says nobody's name.
Counts by day stay: they name no one.
"""
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from warehouse import bulk, tables
from warehouse.lake import LINK_TEXTS
from warehouse.reading import fetch
from warehouse.rewriting import rewrite
from warehouse.store import Warehouse, by_ids

RECORD_TABLES = ("revision", "record", "warning_record", "replay_warning_record")


@dataclass(frozen=True)
class Purged:
    """What must not come in again: (source or None for all, day) pairs, and the hashes of callers."""

    before: tuple[tuple[str | None, date], ...]
    subjects: frozenset[str]

    def admits(self, rows: pl.DataFrame, key: bytes) -> pl.Series:
        """For rows with source_id, local_date and caller_key: whether each may come in (Boolean)."""
        barred = pl.repeat(False, pl.len())
        for source, day in self.before:
            old = pl.col("local_date") < day
            barred = barred | (old if source is None else old & (pl.col("source_id") == source))
        if self.subjects:
            callers = rows["caller_key"].drop_nulls().unique().to_list()
            barred = barred | pl.col("caller_key").is_in([c for c in callers if subject(c, key) in self.subjects])
        return rows.select((~barred).fill_null(True).alias("admitted")).to_series()


def subject(caller_key: str, key: bytes) -> str:
    """The purge list's name for a caller: a keyed hash of the pseudonym, so that the list alone links to nothing."""
    return hmac.new(key, b"purge:" + caller_key.encode(), hashlib.sha256).hexdigest()


def purged(warehouse: Warehouse) -> Purged:
    """The purge list as it stands."""
    rows = warehouse.read("purge")
    before = rows.filter(pl.col("kind") == "before").select("source_id", "before").iter_rows()
    callers = rows.filter(pl.col("kind") == "caller")["subject"].drop_nulls().to_list()
    return Purged(tuple(before), frozenset(callers))


def purge(warehouse: Warehouse, purge_id: str, at: datetime, *, before: date | None = None, caller_key: str | None = None,
          source_id: str | None = None, reason: str = "") -> dict[str, int]:
    """Purges records with a local date before `before` (of one source or all), or all records of a caller.

    To be called under the lock. Returns n_records, n_revisions and n_files (of landing), as the audit keeps them. Raises
    ValueError unless exactly one of `before` and `caller_key` is given. Landing goes first: a purge that was killed is
    simply done again.
    """
    if (before is None) == (caller_key is None):
        raise ValueError("a purge is either before a day or of one caller")
    found = _records(warehouse, before, caller_key, source_id)
    n_files = _purge_landing(warehouse, found, before, source_id)
    ids = found["record_id"].unique().sort()
    audit = {
        "purge_id": purge_id, "kind": "before" if caller_key is None else "caller", "known_at": at, "source_id": source_id,
        "before": before, "subject": None if caller_key is None else subject(caller_key, warehouse.settings.key),
        "reason": reason, "n_records": ids.len(), "n_revisions": found.height, "n_files": n_files,
    }

    def forget(connection: sa.Connection) -> None:
        _purge_tables(connection, ids, before, source_id)
        connection.execute(sa.insert(tables.purge).values(**audit))

    rewrite(warehouse, purge_id, _files_of(warehouse, found), ~pl.col("record_id").is_in(ids.implode()), forget)
    return {k: audit[k] for k in ("n_records", "n_revisions", "n_files")}  # type: ignore[misc]


def _records(warehouse: Warehouse, before: date | None, caller_key: str | None, source_id: str | None) -> pl.DataFrame:
    """Every revision of the records that go: record_id, source_id, local_date."""
    which = ("select x.record_id from revision x where x.caller_key = :caller_key" if before is None else
             "select x.record_id from revision x group by x.record_id having max(x.local_date) < :before")
    given = {"caller_key": caller_key} if before is None else {"before": before}
    with warehouse.engine.connect() as connection:
        found = fetch(connection, f"select record_id, source_id, local_date from revision where record_id in ({which})", given)
    return found if source_id is None else found.filter(pl.col("source_id") == source_id)


def _files_of(warehouse: Warehouse, found: pl.DataFrame) -> pl.DataFrame:
    """The lake files that hold revisions of these records, or what was read from their texts."""
    days = found.select("source_id", "local_date").unique()
    wanted = pl.concat([days.select("source_id", month=pl.col("local_date").dt.strftime(form)) for form in ("%Y-%m", "%Y-%m-%d")]).unique()
    files = warehouse.read("lake_file").filter((pl.col("dataset") == "revisions") | pl.col("dataset").str.starts_with(LINK_TEXTS))
    return files.join(wanted, on=["source_id", "month"], how="semi", maintain_order="left")


def _purge_landing(warehouse: Warehouse, found: pl.DataFrame, before: date | None, source_id: str | None) -> int:
    """Removes inputs that may hold a row that goes: all of it before the day, or delivered over a span that holds the record's.

    Input is kept whole or not at all; what else was in it stays in the lake.
    """
    inputs = warehouse.read("batch_input")
    if before is not None:
        doomed = inputs.filter(pl.col("last_date").is_not_null() & (pl.col("last_date") < before))
        if source_id is not None:
            doomed = doomed.filter(pl.col("source_id") == source_id)
    else:
        days = found.select("source_id", day="local_date").unique()
        within = ((pl.col("first_date").is_null() | (pl.col("day") >= pl.col("first_date")))
                  & (pl.col("last_date").is_null() | (pl.col("day") <= pl.col("last_date"))))
        doomed = inputs.join(days, on="source_id").filter(within)
    return sum(warehouse.landing.remove(sha256) for sha256 in doomed["sha256"].unique().sort())


def _purge_tables(connection: sa.Connection, ids: pl.Series, before: date | None, source_id: str | None) -> None:
    touched = by_ids(connection, "select distinct w.warning_id from {ids} i join warning_record w on w.record_id = i.id", ids)
    keys = pl.DataFrame({"record_id": ids}, schema={"record_id": pl.String})
    for name in RECORD_TABLES:
        bulk.write(connection, tables.metadata.tables[name], keys, "delete", ["record_id"])
    _purge_quarantine(connection, ids, before, source_id)
    _recount(connection, touched["warning_id"].sort().to_list())


def _purge_quarantine(connection: sa.Connection, ids: pl.Series, before: date | None, source_id: str | None) -> None:
    rows = fetch(connection, "select quarantine_id, source_id, source_record_id, local_date from quarantine")
    goes = pl.concat_str("source_id", pl.lit(":"), "source_record_id").is_in(ids.implode()).fill_null(False)
    if before is not None:
        mine = pl.lit(True) if source_id is None else pl.col("source_id") == source_id
        goes = goes | (mine & (pl.col("local_date") < before)).fill_null(False)
    bulk.write(connection, tables.quarantine, rows.filter(goes).select("quarantine_id"), "delete")


def _recount(connection: sa.Connection, warnings: Sequence[str]) -> None:
    """Warnings say how many records are left; one without any goes, and what was said of it."""
    left, warning = tables.warning_record, tables.warning
    n = sa.select(sa.func.count()).where(left.c.warning_id == warning.c.warning_id).scalar_subquery()
    for start in range(0, len(warnings), 500):
        some = list(warnings[start:start + 500])
        connection.execute(sa.update(warning).where(warning.c.warning_id.in_(some)).values(n_records=n))
        empty = sa.select(warning.c.warning_id).where(warning.c.warning_id.in_(some), warning.c.n_records == 0)
        connection.execute(sa.delete(tables.warning_event).where(tables.warning_event.c.warning_id.in_(empty)))
        connection.execute(sa.delete(warning).where(warning.c.warning_id.in_(some), warning.c.n_records == 0))
