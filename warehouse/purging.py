"""Forgetting: records before a day, or a person's, out of landing, lake and tables; and kept out when they come again.

What is kept is the audit: when, why, how many, and (for a person) a keyed hash that recognises them and says nobody's name.
Counts by day stay: they name no one.
"""
import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from transforms.privacy_keys import derived_key, keyed, who_called
from warehouse import bulk, tables
from warehouse.keys import forgotten_keys
from warehouse.reading import fetch
from warehouse.rewriting import columns_of, forget_replays, rewrite
from warehouse.store import Warehouse, by_ids

#: The tables whose rows are of one record each.
RECORD_TABLES = tuple(t.name for t in tables.metadata.sorted_tables if "record_id" in t.c)


@dataclass(frozen=True)
class Purged:
    """What must not come in again: (source or None for all, day) pairs, and the hashes of callers."""

    before: tuple[tuple[str | None, date], ...]
    subjects: frozenset[str]

    def admits(self, rows: pl.DataFrame, key: bytes, forgotten: Collection[str] = ()) -> pl.Series:
        """For rows with source_id, local_date and caller_key: whether each may come in (Boolean). forgotten: callers known to be (`Forgotten`)."""
        barred = pl.repeat(False, pl.len())
        for source, day in self.before:
            old = pl.col("local_date") < day
            barred = barred | (old if source is None else old & (pl.col("source_id") == source))
        if self.subjects:
            callers = rows["caller_key"].drop_nulls().unique().to_list()
            barred = barred | pl.col("caller_key").is_in([c for c in callers if c in forgotten or subject(c, key) in self.subjects])
        return rows.select((~barred).fill_null(True).alias("admitted")).to_series()


@dataclass(frozen=True)
class Forgotten:
    """People who were forgotten under earlier keys: what still tells them when they are delivered again (see `keys.forgotten_keys`)."""

    keys: tuple[tuple[bytes, bytes], ...]
    subjects: frozenset[str]

    def among(self, rows: pl.DataFrame, now: pl.Series) -> frozenset[str]:
        """Of the callers' pseudonyms as they are now (one a row of the MAPPED rows), those of forgotten people."""
        said, found = who_called(rows), set()
        for caller, own in self.keys:
            pairs = pl.DataFrame([keyed(said, caller).alias("was"), now.alias("now")]).drop_nulls().unique()
            found |= {n for was, n in pairs.iter_rows() if _subject(was, own) in self.subjects}
        return frozenset(found)


def forgotten(warehouse: Warehouse) -> Forgotten:
    """What tells those whom only an earlier key tells."""
    return Forgotten(tuple(forgotten_keys(warehouse.home)), purged(warehouse).subjects)


def subject(caller_key: str, key: bytes) -> str:
    """The purge list's name for a caller: a keyed hash of the pseudonym, so that the list alone links to nothing."""
    return _subject(caller_key, derived_key(key, "purge"))


def _subject(caller_key: str, own: bytes) -> str:
    return hmac.new(own, caller_key.encode(), hashlib.sha256).hexdigest()


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

    rewrite(warehouse, purge_id, _files_of(warehouse, found, caller_key), _without(ids, caller_key), forget)
    forget_replays(warehouse)
    return {k: audit[k] for k in ("n_records", "n_revisions", "n_files")}  # type: ignore[misc]


def purge_again(warehouse: Warehouse, purges: pl.DataFrame) -> int:
    """Does purges (rows of the table `purge`) once more on a house that was restored from before them; returns how many could be done.

    A caller is told by the purge list's hash among the callers that there are; under another key than the purge's nobody is.
    """
    key = warehouse.settings.key
    callers = warehouse.read("select distinct caller_key from revision where caller_key is not null")["caller_key"]
    by_subject = {subject(c, key): c for c in callers.to_list()}
    done = 0
    for row in purges.sort("known_at", "purge_id").iter_rows(named=True):
        what = {"before": row["before"]} if row["kind"] == "before" else {"caller_key": by_subject.get(row["subject"])}
        if any(v is not None for v in what.values()):
            purge(warehouse, row["purge_id"], row["known_at"], **what, source_id=row["source_id"], reason=row["reason"] or "")
            done += 1
    return done


def _records(warehouse: Warehouse, before: date | None, caller_key: str | None, source_id: str | None) -> pl.DataFrame:
    """Every revision of the records that go: record_id, source_id, local_date."""
    which = ("select x.record_id from revision x where x.caller_key = :caller_key" if before is None else
             "select x.record_id from revision x group by x.record_id having max(x.local_date) < :before")
    given = {"caller_key": caller_key} if before is None else {"before": before}
    with warehouse.engine.connect() as connection:
        found = fetch(connection, f"select record_id, source_id, local_date from revision where record_id in ({which})", given)
    return found if source_id is None else found.filter(pl.col("source_id") == source_id)


def _without(ids: pl.Series, caller_key: str | None) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What stays of a lake file's rows, whatever its dataset."""
    def stays(rows: pl.DataFrame) -> pl.DataFrame:
        if "record_id" in rows.columns:
            rows = rows.filter(~pl.col("record_id").is_in(ids.implode()).fill_null(False))
        if "caller_key" in rows.columns and caller_key is not None:
            rows = rows.filter(pl.col("caller_key").ne_missing(caller_key))
        return rows

    return stays


def _files_of(warehouse: Warehouse, found: pl.DataFrame, caller_key: str | None) -> pl.DataFrame:
    """The lake files that hold a row that goes: of every dataset whose rows name records or callers."""
    wanted = found.select("source_id", month=pl.col("local_date").dt.strftime("%Y-%m")).unique()
    files = warehouse.read("lake_file")
    of_revisions = files.filter(pl.col("dataset") == "revisions").join(wanted, on=["source_id", "month"], how="semi", maintain_order="left")
    stays = _without(found["record_id"].unique(), caller_key)
    also = []
    for dataset, path in files.filter(pl.col("dataset") != "revisions").select("dataset", "path").iter_rows():
        names = [c for c in ("record_id", "caller_key") if c in columns_of(warehouse, dataset, path)]
        rows = warehouse.lake.scan(dataset, [path], names).collect() if names else pl.DataFrame()
        if stays(rows).height < rows.height:
            also.append(path)
    return pl.concat([of_revisions, files.filter(pl.col("path").is_in(also))])


def _purge_landing(warehouse: Warehouse, found: pl.DataFrame, before: date | None, source_id: str | None) -> int:
    """Removes inputs that may hold a row that goes: all of it before the day, or delivered over a span that holds the record's.

    Input is kept whole or not at all; what else was in it stays in the lake. Where none of an input's rows has a date, the day of
    its receipt stands for it.
    """
    inputs = warehouse.read("batch_input").with_columns(pl.coalesce("last_date", pl.col("received_at").dt.date()).alias("_last"))
    if before is not None:
        doomed = inputs.filter(pl.col("_last").is_not_null() & (pl.col("_last") < before))
        if source_id is not None:
            doomed = doomed.filter(pl.col("source_id") == source_id)
        # The same bytes may also have come as another source's, or later.
        doomed = doomed.join(inputs.filter(~pl.col("_last").lt(before).fill_null(False)), on="sha256", how="anti")
    else:
        days = found.select("source_id", day="local_date").unique()
        within = ((pl.col("first_date").is_null() | (pl.col("day") >= pl.col("first_date")))
                  & (pl.col("last_date").is_null() | (pl.col("day") <= pl.col("last_date"))))
        doomed = inputs.join(days, on="source_id").filter(within)
    hashes = doomed["sha256"].unique().sort().to_list()
    warehouse.access.note("purge", hashes, "removed")
    return sum(warehouse.landing.remove(sha256) for sha256 in hashes)


def _purge_tables(connection: sa.Connection, ids: pl.Series, before: date | None, source_id: str | None) -> None:
    touched = by_ids(connection, "select distinct w.warning_id from {ids} i join warning_record w on w.record_id = i.id", ids)
    left_behind = by_ids(connection, "select distinct r.incident_id from {ids} i join record r on r.record_id = i.id", ids)["incident_id"].drop_nulls()
    keys = pl.DataFrame({"record_id": ids}, schema={"record_id": pl.String})
    for name in RECORD_TABLES:
        bulk.write(connection, tables.metadata.tables[name], keys, "delete", ["record_id"])
    _purge_quarantine(connection, ids, before, source_id)
    _recount(connection, touched["warning_id"].sort().to_list())
    _purge_incidents(connection, left_behind)


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
        for told in (tables.warning_event, tables.outbox, tables.ranking, tables.work_request):
            connection.execute(sa.delete(told).where(told.c.warning_id.in_(empty)))
        connection.execute(sa.delete(warning).where(warning.c.warning_id.in_(some), warning.c.n_records == 0))


def _purge_incidents(connection: sa.Connection, incidents: pl.Series) -> None:
    """An incident says how many records are left; one without any goes. Its title may be a purged record's: it is taken anew."""
    query = ("select r.incident_id, r.record_id, r.created_at, r.row_hash, r.caller_key, r.local_date, r.title, r.content "
             "from {ids} i join record r on r.incident_id = i.id")
    rest = by_ids(connection, query, incidents).sort("created_at", "row_hash", "record_id").group_by("incident_id", maintain_order=True).agg(
        pl.coalesce("title", pl.col("content").str.slice(0, 40)).first().alias("title"), pl.col("local_date").min().alias("first_seen"),
        pl.col("local_date").max().alias("last_seen"), pl.len().cast(pl.Int64).alias("n_records"),
        pl.col("caller_key").drop_nulls().n_unique().cast(pl.Int64).alias("n_callers"))
    gone = pl.DataFrame({"incident_id": incidents.unique()}, schema={"incident_id": pl.String}).join(rest, on="incident_id", how="anti")
    bulk.write(connection, tables.incident, rest, "update")
    bulk.write(connection, tables.incident, gone, "delete")
