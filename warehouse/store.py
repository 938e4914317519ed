"""The warehouse: one database and one lake, written by one run at a time and read as of a moment."""
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from transforms.canonical import MOMENT
from transforms.counts import CELL, small, summed
from transforms.revisions import current_view
from warehouse import bulk, keys, migrate, tables
from warehouse.access import AccessLog
from warehouse.digests import digests
from warehouse.engine import make_engine, snapshot, writing
from warehouse.journal import JOURNAL, WARNING, WARNING_RECORD, WORKED, last_of
from warehouse.lake import COUNTS, REVISIONS, SCHEMAS, Lake, LakeFile
from warehouse.landing import Landing
from warehouse.locks import LockLost, advisory_lock, file_lock, still_held
from warehouse.publication import Publication
from warehouse.published import VIEWS
from warehouse.reading import as_lists, bound, fetch, fetch_table
from warehouse.settings import Settings
from warehouse.warning_work import keep_up

STORED = ("ok", "notices", "withheld")   # also as a list of SQL
#: What a run may end as; a run without one is still going on, or dead.
OUTCOMES = (*STORED, "failed", "interrupted")
LATEST: dict[str, Any] = {
    "record_id": pl.String(), "revision_no": pl.Int32(), "known_at": MOMENT, "row_hash": pl.String(), "caller_key": pl.String(),
    "status": pl.String(), "source_updated_at": MOMENT, "created_at": MOMENT,
}


class Warehouse:
    """Where records, warnings and runs are kept. Opening it connects to nothing; `upgrade` must have been called once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = Path(settings.home)
        self.engine = make_engine(settings)
        self.lake = Lake(self.home, settings.lake_url)
        self.landing = Landing(self.home, settings.inboxes, settings.inbox_settle_seconds, settings.landing_url)
        self.access = AccessLog(self.home)
        self._session: int | None = None
        self._locked = False

    # ---- schema and lock ----------------------------------------------------------------------------------------------

    def upgrade(self) -> bool:
        """Brings the database to the newest schema; False where it was there already."""
        return migrate.upgrade(self.engine)

    def close(self) -> None:
        """Lets go of the database's connections, and of copies of inputs that lie in a bucket."""
        self.engine.dispose()
        self.landing.close()

    @contextmanager
    def lock(self, who: str = "a run") -> Iterator[None]:
        """The guard against two nights at once; it dies with this process. Raises `NightRunning`, which names the holder.

        Beside SQLite it is a lock on `home/weisu.lock`; in PostgreSQL an advisory lock of a session of its own.
        """
        if self.settings.is_sqlite:
            with file_lock(self.home / "weisu.lock", who):
                self._locked = True
                try:
                    keys.settle(self)
                    yield
                finally:
                    self._locked = False
            return
        with advisory_lock(self.engine, who) as session:
            self._session, self._locked = session, True
            try:
                keys.settle(self)
                yield
            finally:
                self._session, self._locked = None, False

    # ---- the run log --------------------------------------------------------------------------------------------------

    def begin(self, run: Mapping[str, Any]) -> list[str]:
        """Notes a run that begins (`run_id`, `kind`, `run_date`, `as_of`, `started_at` …), in a transaction of its own.

        Where this warehouse holds the lock, runs that died are called interrupted first, and what they left is swept;
        returns their ids.
        """
        dead = []
        if self._locked:
            dead = self.bury_dead()
            self.sweep()
        with writing(self.engine) as connection:
            _set_run(connection, {**run, "outcome": None, "ended_at": None})
        return dead

    def end(self, run: Mapping[str, Any]) -> None:
        """Notes how a run ended that publishes nothing (`run_id`, `outcome`, `seconds`, …); how it has ended already stays."""
        _check_run(run)
        with writing(self.engine) as connection:
            ended = sa.select(tables.run.c.outcome).where(tables.run.c.run_id == run["run_id"])
            if connection.execute(ended.with_for_update()).scalar() is None:
                _set_run(connection, run)

    def bury_dead(self) -> list[str]:
        """Calls every run without an outcome interrupted; returns their ids. Only under the lock, else a living one is buried."""
        with writing(self.engine) as connection:
            dead = list(connection.execute(sa.select(tables.run.c.run_id).where(tables.run.c.outcome.is_(None))
                                           .order_by(tables.run.c.run_id)).scalars())
            if dead:
                connection.execute(sa.update(tables.run).where(tables.run.c.run_id.in_(dead), tables.run.c.outcome.is_(None))
                                   .values(outcome="interrupted"))
        return dead

    def sweep(self) -> int:
        """Removes half copied inputs and lake files of killed runs; returns how many. Only under the lock."""
        return self.lake.sweep(self._living) + self.landing.sweep()

    def _living(self, paths: Sequence[str]) -> set[str]:
        with self.engine.connect() as connection:
            return set(by_ids(connection, "select f.path from {ids} i join lake_file f on f.path = i.id", paths)["path"])

    # ---- publishing ---------------------------------------------------------------------------------------------------

    def publish(self, publication: Publication) -> bool:
        """All of a run's results in one transaction: readers see the tables before it or after it.

        False where this run was published before (a retry after a lost answer). Raises `LockLost` where the lock that this
        warehouse held is gone, ValueError for rows that don't fit their table; then nothing is published.
        """
        run = dict(publication.run)
        files = self.lake.put(run["run_id"], publication.lake)
        with writing(self.engine) as connection:
            if self._session is not None and not still_held(connection, self._session):
                raise LockLost("the session that held the night's lock has ended; nothing was published")
            began = connection.execute(sa.select(tables.run.c.outcome, tables.run.c.as_of, tables.run.c.run_date)
                                       .where(tables.run.c.run_id == run["run_id"]).with_for_update()).first()
            if began is not None and began.outcome == "interrupted":
                raise LockLost("another run took this one for dead; nothing was published")
            published_before = began is not None and began.outcome is not None
            if not published_before:
                _write_all(connection, publication, files, began)
        if published_before:
            self.lake.sweep(self._living, run["run_id"])
            return False
        self.lake.settle(run["run_id"])
        return True

    # ---- reading ------------------------------------------------------------------------------------------------------

    def read(self, what: str, **parameters: Any) -> pl.DataFrame:
        """A table, a published view, or an SQL query with `:named` parameters, as a typed frame.

        Tables come in the order of their key with lists of texts as lists; views in the order of their columns.
        """
        with self.engine.connect() as connection:
            return _read(connection, what, **parameters)

    @contextmanager
    def snapshot(self) -> Iterator[Callable[..., pl.DataFrame]]:
        """Several reads of one moment: gives a `read` whose every answer is from before a publication, or every one from after."""
        with snapshot(self.engine) as connection:
            yield partial(_read, connection)

    def select(self, table: str, where: str, **parameters: Any) -> pl.DataFrame:
        """Rows of a table that meet an SQL condition, in the order of its key, lists of texts as lists."""
        with self.engine.connect() as connection:
            return fetch_table(connection, _table(table), where, parameters)

    def latest(self, record_ids: pl.Series) -> pl.DataFrame:
        """The last stored revision of each of these records that has one, in the order of record_id: columns of `LATEST`."""
        with self.engine.connect() as connection:
            found = by_ids(connection, (
                f"select {', '.join('r.' + c for c in LATEST)} from {{ids}} i join revision r on r.record_id = i.id "
                "where r.revision_no = (select max(x.revision_no) from revision x where x.record_id = i.id)"), record_ids)
        return found.select(pl.col(c).cast(t) for c, t in LATEST.items()).sort("record_id")

    def latest_rows(self, record_ids: pl.Series) -> pl.DataFrame:
        """The last stored revisions themselves, as the lake keeps them (`REVISIONS`), in the order of record_id."""
        return (self.revisions(record_ids).sort("record_id", "revision_no").unique("record_id", keep="last", maintain_order=True))

    def known_hashes(self, record_ids: pl.Series) -> pl.DataFrame:
        """(record_id, row_hash) of every stored revision of these records."""
        with self.engine.connect() as connection:
            found = by_ids(connection, "select r.record_id, r.row_hash, r.revision_no from {ids} i "
                                        "join revision r on r.record_id = i.id", record_ids)
        return found.sort("record_id", "revision_no").select("record_id", "row_hash")

    def records(self, record_ids: pl.Series) -> pl.DataFrame:
        """Rows of the table `record` (current revisions as of the last run) of these records, lists as lists."""
        with self.engine.connect() as connection:
            found = by_ids(connection, "select r.* from {ids} i join record r on r.record_id = i.id", record_ids)
        return as_lists(found, tables.record).sort("record_id")

    def texts(self, record_ids: pl.Series) -> pl.DataFrame:
        """(record_id, title, content) of these records as the table `record` has them, in no order."""
        with self.engine.connect() as connection:
            return by_ids(connection, "select r.record_id, r.title, r.content from {ids} i join record r on r.record_id = i.id", record_ids)

    def revisions(self, record_ids: pl.Series, known_to: datetime | None = None) -> pl.DataFrame:
        """Every stored revision of these records from the lake (`REVISIONS`), by record and number.

        Reads the files of the months that these records lie in and no others.
        """
        with self.engine.connect() as connection:
            found = by_ids(connection, "select r.record_id, r.source_id, r.local_date from {ids} i "
                                        "join revision r on r.record_id = i.id", record_ids)
            wanted = found.select("source_id", month=pl.col("local_date").dt.strftime("%Y-%m")).unique()
            files = _files(connection, "revisions", known_to).join(wanted, on=["source_id", "month"], how="semi", maintain_order="left")
        rows = self.lake.scan("revisions", files["path"].to_list()).join(
            found.lazy().select("record_id").unique(), on="record_id", how="semi")
        if known_to is not None:
            rows = rows.filter(pl.col("known_at") <= known_to)
        return rows.sort("record_id", "revision_no").collect()

    def as_of(self, moment: datetime, sources: Sequence[str] | None = None, since: date | None = None,
              columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """One row per record: the revision that was current at `moment`; with `since`, records of that local date on.

        Columns of `REVISIONS`, or `columns` of them, in the order of record_id. Only files that can hold a wanted row are read.
        """
        with self.engine.connect() as connection:
            files = _files(connection, "revisions", moment, sources)
            if since is not None:
                also = _moved(connection, since).select("source_id", "month").unique()
                recent = files.filter(pl.col("month") >= since.strftime("%Y-%m"))
                files = pl.concat([recent, files.join(also, on=["source_id", "month"], how="semi")]).unique("path").sort("path")
        rows = self.lake.scan("revisions", files["path"].to_list())
        current: Any = current_view(rows, moment)  # type: ignore[arg-type]
        if since is not None:
            current = current.filter(pl.col("local_date") >= since)
        return current.select(list(columns)) if columns is not None else current

    def as_of_by_month(self, moment: datetime, sources: Sequence[str], since: date, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The rows of `as_of`, a month of a source at a time and in no order: no more than a month is in memory at once."""
        with self.engine.connect() as connection:
            files = _files(connection, "revisions", moment, sources)
            moved = _moved(connection, since)
        gone = moved["record_id"].unique()
        current = lambda rows: current_view(rows, moment).filter(pl.col("local_date") >= since).select(list(columns)).collect()  # type: ignore[attr-defined]
        for _, month in files.filter(pl.col("month") >= since.strftime("%Y-%m")).group_by("source_id", "month", maintain_order=True):
            yield current(self.lake.scan("revisions", month["path"].to_list()).filter(~pl.col("record_id").is_in(gone.implode())))
        of_moved = files.join(moved, on=["source_id", "month"], how="semi")
        if of_moved.height:
            yield current(self.lake.scan("revisions", of_moved["path"].to_list()).filter(pl.col("record_id").is_in(gone.implode())))

    def pending(self, as_of: datetime, sources: Sequence[str] | None = None) -> pl.DataFrame:
        """Revisions that earlier runs stored, that lay beyond their as-of, and that are known at this one (`REVISIONS`)."""
        with self.engine.connect() as connection:
            known = fetch(connection, "select record_id, revision_no, source_id from revision where waiting and known_at <= :as_of",
                          {"as_of": as_of})
        if sources is not None:
            known = known.filter(pl.col("source_id").is_in(list(sources)))
        if known.is_empty():
            return pl.DataFrame(schema=REVISIONS)
        keys = known.select("record_id", pl.col("revision_no").cast(pl.Int32))
        return self.revisions(known["record_id"].unique(), as_of).join(keys, on=["record_id", "revision_no"], how="semi",
                                                                      maintain_order="left")

    def unworked(self, sources: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows of the table `record` whose current revision no night has given codes and ids yet, lists as lists."""
        found = self.select("record", "worked_revision is null or worked_revision <> revision_no")
        return found if sources is None else found.filter(pl.col("source_id").is_in(list(sources)))

    def counts(self, as_of: datetime, since: date | None = None, sources: Sequence[str] | None = None) -> pl.DataFrame:
        """Records by source, problem, places and local date, as known at `as_of`: source_id, problem_code, fine_place,
        coarse_place, date, n (Int64, never 0), in this order."""
        schema = {c: t for c, t in COUNTS.items() if c in CELL} | {"n": pl.Int64}
        months = [month.cast(schema) for month in self.counts_by_month(as_of, since, sources)]  # type: ignore[arg-type]
        return pl.concat([pl.DataFrame(schema=schema), *months]).sort(CELL)

    def counts_by_month(self, as_of: datetime, since: date | None = None, sources: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """`counts`, a month of a source at a time, `small` and in no order: years of them at once are many times the memory of what they come to."""
        with self.engine.connect() as connection:
            files = _files(connection, "counts", as_of, sources, since)
        for _, month in files.sort("month", "source_id").group_by("month", "source_id", maintain_order=True):
            rows = self.lake.scan("counts", month["path"].to_list()).filter(pl.col("known_at") <= as_of)
            if since is not None:
                rows = rows.filter(pl.col("date") >= since)
            yield summed(small(rows)).collect()

    def worked(self, as_of: datetime, sources: Sequence[str] | None = None, since: date | None = None, columns: Sequence[str] = tuple(WORKED),
               of: pl.Series | None = None) -> pl.LazyFrame:
        """What the nights known at `as_of` made of each record, or of those `of` these ids (`columns` of `journal.WORKED`, record_id and local_date among them), in no
        order; with `since`, of records of that local date on. Reads the months from `since` on and no others."""
        with self.engine.connect() as connection:
            files = _files(connection, "worked", as_of, sources, since)
        kept = {c: t for c, t in JOURNAL["worked"].items() if c in columns or c not in WORKED}
        # A month at a time, for memory. A night says of a record that moves to another month that it has left the one (`gone`), unless an ingest had moved it before.
        months = []
        for _, month in files.group_by("source_id", "month", maintain_order=True):
            rows = self.lake.scan("worked", month["path"].to_list()).filter(pl.col("known_at") <= as_of)
            there = last_of(rows if of is None else rows.filter(pl.col("record_id").is_in(of.implode())), "record_id", kept).collect()
            months.append(there.filter(~pl.col("gone")) if there["gone"].any() else there)
        last = last_of(pl.concat([pl.DataFrame(schema=kept), *months]).lazy(), "record_id", columns)
        return last if since is None else last.filter(pl.col("local_date") >= since)

    def keeps(self, dataset: str, sources: Sequence[str]) -> bool:
        """Whether the lake has a file of a dataset for one of these sources."""
        with self.engine.connect() as connection:
            return bool(connection.execute(sa.select(tables.lake_file.c.path).where(
                tables.lake_file.c.dataset == dataset, tables.lake_file.c.source_id.in_(list(sources))).limit(1)).first())

    def told(self, as_of: datetime, place: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The warnings of a place as the nights known at `as_of` left them, and their records (columns of the tables but run_id)."""
        rows, records = (self.dataset(name, as_of, [place]).filter(pl.col("known_at") <= as_of) for name in ("warnings", "warning_records"))
        last = records.select("warning_id", "known_at", "night_no").unique().sort("known_at", "night_no").group_by("warning_id").last()
        behind = records.join(last, on=["warning_id", "known_at", "night_no"], how="semi").select(list(WARNING_RECORD))
        return last_of(rows, "warning_id", WARNING).sort("warning_id").collect(), behind.sort("warning_id", "record_id").collect()

    def night_no(self) -> int:
        """How many runs have begun here: a number that grows from run to run."""
        return int(self.read("select count(*) as n from run")["n"][0])

    def dataset(self, name: str, as_of: datetime | None = None, sources: Sequence[str] | None = None,
                since: date | None = None, newest: bool = False, known_after: datetime | None = None) -> pl.LazyFrame:
        """The rows of any dataset of the lake, from files whose knowledge begins at `as_of` or earlier, oldest first.

        Rows without a `known_at` count as known at the as-of of the run that wrote them. `newest`: only from the last known
        file of each source and month, for a state of which the last is wanted. `since`: only partitions (months, or days) that may hold rows
        of that day or a later one. `known_after`: only files with knowledge from after that moment. Without any such file: no columns.
        """
        with self.engine.connect() as connection:
            files = _files(connection, name, as_of, sources, since, known_after)
        if newest:
            files = files.unique(["source_id", "month"], keep="last", maintain_order=True)
        return self.lake.scan(name, files["path"].to_list()) if files.height or name in SCHEMAS else pl.LazyFrame()

    def open_warnings(self) -> pl.DataFrame:
        """Warnings that are neither closed nor expired nor merged into another, lists as lists."""
        return self.select("warning", "status not in ('closed', 'expired') and merged_into is null")

    def of_fingerprints(self, fingerprints: Sequence[str]) -> pl.DataFrame:
        """(warning_id, fingerprint, raised_on) of the warnings with these fingerprints."""
        with self.engine.connect() as connection:
            return by_ids(connection, "select w.warning_id, w.fingerprint, w.raised_on from {ids} i join warning w on w.fingerprint = i.id", list(fingerprints))

    def incidents_of(self, respondents: Sequence[str] | pl.Series, before: date) -> pl.DataFrame:
        """(incident_id, respondent, problem_code, last_seen) of the incidents of these respondents without a record from that day on."""
        with self.engine.connect() as connection:
            return by_ids(connection, "select x.incident_id, x.respondent, x.problem_code, x.last_seen from {ids} i join incident x on x.respondent = i.id "
                                       "where x.last_seen < :before and x.merged_into is null", respondents, before=before)

    def behind(self, warning_ids: pl.Series) -> pl.DataFrame:
        """(warning_id, record_id) of the records behind these warnings, sorted."""
        with self.engine.connect() as connection:
            return by_ids(connection, "select r.warning_id, r.record_id from {ids} i join warning_record r on r.warning_id = i.id", warning_ids).sort(
                "warning_id", "record_id")

    def acts(self, after: datetime | None, until: datetime | None = None, kinds: Sequence[str] = ()) -> pl.DataFrame:
        """What people (no run) did to warnings after a moment, up to another, oldest first, of these kinds; attempts that were refused are left out."""
        where = ["run_id is null", f"kind in ({', '.join(repr(k) for k in kinds)})" if kinds else "kind <> 'refused'"]
        given = {k: v for k, v in (("after", after), ("until", until)) if v is not None}
        where += ["known_at > :after"] if after is not None else []
        where += ["known_at <= :until"] if until is not None else []
        return self.select("warning_event", " and ".join(where), **given).sort("known_at", "event_id")

    def last_night(self, sources: Sequence[str] | None = None, before: date | None = None) -> pl.DataFrame:
        """The last stored batch of each source (with an earlier run date than `before`): source_id, run_id, run_date, as_of, outcome."""
        batches = self.batches(before=before).select("source_id", "run_id", "run_date", "as_of", "outcome")
        if sources is not None:
            batches = batches.filter(pl.col("source_id").is_in(list(sources)))
        return batches.sort("source_id", "run_date", "as_of", "run_id").unique("source_id", keep="last", maintain_order=True)

    def inputs_taken(self, source_id: str, sha256s: Sequence[str]) -> pl.DataFrame:
        """Those of these bytes that a stored batch of the source took: sha256, name, run_date, run_id, outcome, oldest first."""
        with self.engine.connect() as connection:
            found = by_ids(connection, (
                "select n.sha256, n.name, b.run_date, b.run_id, b.outcome from {ids} i "
                "join batch_input n on n.sha256 = i.id and n.source_id = :source_id join batch b on b.batch_id = n.batch_id"),
                list(sha256s), source_id=source_id)
        return found.filter(pl.col("outcome").is_in(STORED)).sort("run_date", "run_id", "sha256", "name")

    def batches(self, source_id: str | None = None, before: date | None = None, since: date | None = None) -> pl.DataFrame:
        """Stored batches (outcome ok, notices or withheld) by run date: columns of the table `batch` but for `profile` (`profiles`)."""
        where, given = [f"outcome in {STORED}"], {}
        for condition, name, value in (("source_id = :source_id", "source_id", source_id), ("run_date < :before", "before", before),
                                       ("run_date >= :since", "since", since)):
            if value is not None:
                where.append(condition)
                given[name] = value
        with self.engine.connect() as connection:
            found = fetch_table(connection, tables.batch, " and ".join(where), given, without={"profile"})
        return found.sort("source_id", "run_date", "as_of", "batch_id")

    def profiles(self, source_id: str, before: date, n: int) -> list[str]:
        """The column profiles, as JSON text, of the last `n` stored batches of a source with an earlier run date, the latest last."""
        rows = self.read(f"select profile from batch where outcome in {STORED} and source_id = :source_id and run_date < :before "
                         "order by run_date desc, as_of desc, batch_id desc limit :n", source_id=source_id, before=before, n=n)
        return rows["profile"].drop_nulls().reverse().to_list()

    def decisions(self, as_of: datetime) -> pl.DataFrame:
        """Decisions known at `as_of`, in the order in which they were made."""
        return self.select("decision", "known_at <= :as_of", as_of=as_of).sort("known_at", "decision_id")

    def purge(self, purge_id: str, at: datetime, **what: Any) -> dict[str, int]:
        """Forgets records before a day, or a caller's: see `warehouse.purging.purge`."""
        from warehouse.purging import purge

        return purge(self, purge_id, at, **what)

    def purged(self) -> Any:
        """What must not come in again (`warehouse.purging.Purged`)."""
        from warehouse.purging import purged

        return purged(self)

    def compact(self, run_id: str, at_least: int = 16) -> int:
        """Makes one lake file of many: see `warehouse.rewriting.compact`."""
        from warehouse.rewriting import compact

        return compact(self, run_id, at_least)

    def grant_readers(self, role: str = "weisu_reader", members: Sequence[str] = ()) -> list[str]:
        """A role of PostgreSQL that may read the views only: see `warehouse.readers.grant_readers`."""
        from warehouse.readers import grant_readers

        return grant_readers(self, role, members)

    def verify(self) -> list[tuple[str, str]]:
        """Lake files that are not as they were written: (path, "missing" or "changed"). Reads the whole lake."""
        named = self.read("lake_file")
        return self.lake.damaged(named.select("path", "sha256").iter_rows())


def _read(connection: sa.Connection, what: str, **parameters: Any) -> pl.DataFrame:
    if what in tables.metadata.tables:
        return fetch_table(connection, tables.metadata.tables[what])
    if what in VIEWS:
        return fetch(connection, f"select * from {what}").sort(pl.all())
    return fetch(connection, what, parameters)


def _table(name: str) -> sa.Table:
    if name not in tables.metadata.tables:
        raise ValueError(f"no table {name!r}: expected one of {', '.join(sorted(tables.metadata.tables))}")
    return tables.metadata.tables[name]


def _check_run(run: Mapping[str, Any]) -> None:
    unknown = [c for c in run if c not in tables.run.c]
    if unknown:
        raise ValueError(f"table run has no column {', '.join(unknown)}")
    if run.get("outcome") is not None and run["outcome"] not in OUTCOMES:
        raise ValueError(f"outcome {run['outcome']!r}: expected one of {', '.join(OUTCOMES)}")


def _set_run(connection: sa.Connection, run: Mapping[str, Any]) -> None:
    """Sets the given columns of a run; notes the run where it isn't there."""
    _check_run(run)
    rest = {k: v for k, v in run.items() if k != "run_id"}
    updated = connection.execute(sa.update(tables.run).where(tables.run.c.run_id == run["run_id"]).values(**rest))
    if not updated.rowcount:
        connection.execute(sa.insert(tables.run).values(**run))


def _delete(connection: sa.Connection, table: str, where: str, parameters: Mapping[str, Any]) -> None:
    sqlite = connection.dialect.name == "sqlite"
    connection.execute(sa.text(f'delete from "{_table(table).name}" where {where}'), {k: bound(v, sqlite) for k, v in parameters.items()})


def _write_all(connection: sa.Connection, publication: Publication, files: Sequence[LakeFile], began: Any) -> None:
    """Everything that a publication holds, inside its one transaction; `began` is the run's row as it began, if it did."""
    run = publication.run
    known_to = publication.known_to or run.get("as_of") or (began.as_of if began is not None else None)
    name_files(connection, files, run["run_id"], known_to)
    if known_to is not None:
        _no_longer_waiting(connection, known_to, publication.worked_sources)
    for written in publication.lake:
        if written.dataset == "revisions":
            bulk.write(connection, tables.revision, _revision_rows(connection, written.rows(), known_to), "insert")
    for delete in publication.deletes:
        _delete(connection, delete.table, delete.where, delete.parameters)
    for write in publication.writes:
        bulk.write(connection, _table(write.table), write.rows(), write.mode, write.key)
    told = [w for write in publication.writes if write.table == "warning" for w in write.rows()["warning_id"].to_list()]
    if told and known_to is not None:
        keep_up(connection, told, known_to)
    day = run.get("run_date") or (began.run_date if began is not None else None)
    _set_run(connection, run)
    if day is not None:
        _set_run(connection, {"run_id": run["run_id"], "digests": digests(connection, day)})


def name_files(connection: sa.Connection, files: Sequence[LakeFile], run_id: str, known_to: datetime | None = None) -> None:
    """Makes files that lie in the lake exist for readers, from this transaction's commit on.

    A file whose rows do not say when they were known counts as known at `known_to`.
    """
    if files:
        rows = [{**vars(f), "known_from": f.known_from or known_to, "known_to": f.known_to or known_to, "run_id": run_id} for f in files]
        connection.execute(sa.insert(tables.lake_file), rows)


def _revision_rows(connection: sa.Connection, frame: pl.DataFrame, known_to: datetime | None) -> pl.DataFrame:
    """Rows of the table `revision` for rows of the lake; `moved` where the local date is not that of the revision before."""
    revised = frame.filter(pl.col("revision_no") > 1)["record_id"]
    before = by_ids(connection, (
        "select r.record_id, r.local_date as first_seen from {ids} i join revision r on r.record_id = i.id "
        "where r.revision_no = (select max(x.revision_no) from revision x where x.record_id = i.id)"), revised)
    was = pl.coalesce(pl.col("local_date").shift(1).over("record_id"), "first_seen")
    waiting = pl.lit(False) if known_to is None else pl.col("known_at") > known_to
    return (frame.sort("record_id", "revision_no").join(before, on="record_id", how="left", maintain_order="left")
            .select("record_id", "revision_no", "source_id", "known_at", "row_hash", "caller_key", "status", "source_updated_at",
                    "created_at", "local_date", (pl.col("local_date") != was).fill_null(False).alias("moved"), waiting.alias("waiting")))


def _no_longer_waiting(connection: sa.Connection, known_to: datetime, sources: Sequence[str] | None) -> None:
    # As text: SQLite uses the index of the waiting only where the condition is written as the index has it.
    which = sa.text("update revision set waiting = false where waiting and known_at <= :known_to"
                    + (" and source_id in :sources" if sources is not None else ""))
    given: dict[str, Any] = {"known_to": bound(known_to, connection.dialect.name == "sqlite")}
    if sources is not None:
        which, given["sources"] = which.bindparams(sa.bindparam("sources", expanding=True)), list(sources)
    connection.execute(which, given)


def by_ids(connection: sa.Connection, query: str, ids: Sequence[str] | pl.Series, **more: Any) -> pl.DataFrame:
    """A query over a list of ids, `{ids}` in it, as one parameter: a table `i` with a column `id`. `more`: further parameters."""
    unique = pl.Series(ids, dtype=pl.String).unique().drop_nulls().sort().to_list()
    if connection.dialect.name == "sqlite":
        return fetch(connection, query.format(ids="(select value as id from json_each(:ids))"), {"ids": json.dumps(unique), **more})
    return fetch(connection, query.format(ids="(select unnest(cast(:ids as text[])) as id)"), {"ids": unique, **more})


def _moved(connection: sa.Connection, since: date) -> pl.DataFrame:
    """Where the revisions lie of records that changed their local date and had one from `since` on: record_id, source_id, month."""
    found = fetch(connection, (
        "select distinct r.record_id, r.source_id, r.local_date from revision r where r.record_id in ("
        "select m.record_id from revision m where m.moved) and exists ("
        "select 1 from revision y where y.record_id = r.record_id and y.local_date >= :since)"), {"since": since})
    return found.select("record_id", "source_id", month=pl.col("local_date").dt.strftime("%Y-%m"))


def _files(connection: sa.Connection, dataset: str, known_to: datetime | None, sources: Sequence[str] | None = None,
           since: date | None = None, known_after: datetime | None = None) -> pl.DataFrame:
    """The lake files that can hold rows of these sources known at the moment: path, source_id, month, as they became known."""
    where, given = ["dataset = :dataset"], {"dataset": dataset}
    if known_to is not None:
        where.append("(known_from is null or known_from <= :known_to)")
        given["known_to"] = known_to  # type: ignore[assignment]
    if known_after is not None:
        where.append("(known_to is null or known_to > :known_after)")
        given["known_after"] = known_after  # type: ignore[assignment]
    if since is not None:
        where.append("month >= :month")
        given["month"] = since.strftime("%Y-%m")
    found = fetch(connection, f"select path, source_id, month, known_to from lake_file where {' and '.join(where)}", given)
    if since is not None:  # a partition may be a day
        found = found.filter((pl.col("month").str.len_chars() != 10) | (pl.col("month") >= since.isoformat()))
    found = found.sort("known_to", "path", nulls_last=False).drop("known_to")
    return found if sources is None else found.filter(pl.col("source_id").is_in(list(sources)))
