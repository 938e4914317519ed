"""Lake files replaced by others with fewer or changed rows, or by fewer files with the same: aside first, then one transaction."""
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import polars as pl
import sqlalchemy as sa

from warehouse import tables
from warehouse.engine import writing
from warehouse.lake import SCHEMAS, LakeFile
from warehouse.publication import LakeWrite
from warehouse.reading import fetch_table
from warehouse.store import Warehouse, name_files

#: Files are made one up to so many rows, which are what is in memory at once; a file of half as many is large enough to be left alone.
TOGETHER = 50_000


def rewrite(warehouse: Warehouse, run_id: str, files: pl.DataFrame, change: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
            also: Callable[[sa.Connection], None] | None = None) -> int:
    """Replaces these files (rows of the table `lake_file`) by as few as hold `TOGETHER` rows each, per dataset, source and month, with what `change` makes
    of the rows.

    `change` is given the rows of some of the files at a time. `also` runs in the same transaction. A crash leaves the old files or the new ones; the next
    run sweeps the others. To be called under the lock. Memory: `TOGETHER` rows, or one file's where it has more. Returns the number of rows that went.
    """
    gone = 0
    made: list[LakeFile] = []
    for part in _bundles(files):
        dataset, source, month = part.select("dataset", "source_id", "month").row(0)
        rows = warehouse.lake.scan(dataset, part["path"].to_list()).collect()
        kept = rows if change is None else change(rows)
        gone += rows.height - kept.height
        put = warehouse.lake.put(run_id, [LakeWrite(dataset, source, kept, month)], replaced=part["path"].to_list())
        span = part.select(pl.col("known_from").min(), pl.col("known_to").max()).row(0)
        # Rows that do not say when they were known stay known from the moments that their old files were.
        made += [replace(f, known_from=f.known_from or span[0], known_to=f.known_to or span[1]) for f in put]
    _swap(warehouse, run_id, files["path"].to_list(), made, also)
    return gone


def _bundles(files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The files of each partition in bundles of up to `TOGETHER` rows, the earliest known first; all but a partition's last hold at least half as many."""
    for _, part in files.sort("dataset", "source_id", "month", "known_from", "path").group_by("dataset", "source_id", "month", maintain_order=True):
        begin, held = 0, 0
        for i, n in enumerate(part["n_rows"]):
            if held and (held + n > TOGETHER or 2 * held >= TOGETHER):
                yield part[begin:i]
                begin, held = i, 0
            held += n
        yield part[begin:]


def take_place(warehouse: Warehouse, run_id: str, files: pl.DataFrame, writes: Sequence[LakeWrite]) -> None:
    """Puts rows in the place of files (rows of the table `lake_file`) that can no longer be read. To be called under the lock."""
    old = files["path"].to_list()
    _swap(warehouse, run_id, old, warehouse.lake.put(run_id, writes, replaced=old))


def _swap(warehouse: Warehouse, run_id: str, old: Sequence[str], made: Sequence[LakeFile],
          also: Callable[[sa.Connection], None] | None = None) -> None:
    with writing(warehouse.engine) as connection:
        for start in range(0, len(old), 500):
            connection.execute(sa.delete(tables.lake_file).where(tables.lake_file.c.path.in_(old[start:start + 500])))
        name_files(connection, made, run_id)
        if also is not None:
            also(connection)
    warehouse.lake.remove(sorted(set(old) - {f.path for f in made}))
    warehouse.lake.settle(run_id)


def columns_of(warehouse: Warehouse, dataset: str, path: str) -> list[str]:
    """The columns of a lake file's rows."""
    return list(SCHEMAS[dataset] if dataset in SCHEMAS else pl.read_parquet_schema(warehouse.lake.folder / path))


def forget_replays(warehouse: Warehouse) -> None:
    """Half-done replays work on copies of what is known: where that is rewritten they begin anew."""
    shutil.rmtree(warehouse.home / "replay", ignore_errors=True)


def compact(warehouse: Warehouse, run_id: str, at_least: int = 16, datasets: Sequence[str] = tuple(SCHEMAS)) -> int:
    """Makes fewer files of each partition that has `at_least` small ones (under half of `TOGETHER` rows); returns how many files fewer there are.

    No row changes, so no reader sees a difference; cost is bounded by the small files, memory by `TOGETHER` rows. To be called under the lock.
    """
    with warehouse.engine.connect() as connection:
        files = fetch_table(connection, tables.lake_file).filter(pl.col("dataset").is_in(list(datasets)))
    small = files.filter(2 * pl.col("n_rows") < TOGETHER)
    many = small.filter(pl.len().over("dataset", "source_id", "month") >= at_least)
    if many.is_empty():
        return 0
    rewrite(warehouse, run_id, many)
    return many.height - len(list(_bundles(many)))
