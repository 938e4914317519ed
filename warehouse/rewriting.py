"""Lake files replaced by others with fewer or changed rows, or by fewer files with the same: aside first, then one transaction."""
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl
import sqlalchemy as sa

from warehouse import tables
from warehouse.engine import writing
from warehouse.lake import SCHEMAS, LakeFile
from warehouse.publication import LakeWrite
from warehouse.reading import fetch_table
from warehouse.store import Warehouse, name_files


def rewrite(warehouse: Warehouse, run_id: str, files: pl.DataFrame, change: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
            also: Callable[[sa.Connection], None] | None = None) -> int:
    """Replaces these files (rows of the table `lake_file`) by one per dataset, source and month, with what `change` makes of the rows.

    `also` runs in the same transaction. A crash leaves the old files or the new ones; the next run sweeps the others. To be
    called under the lock. Memory: one partition's rows. Returns the number of rows that went.
    """
    gone = 0
    made: list[LakeFile] = []
    for dataset, source, month in files.select("dataset", "source_id", "month").unique().sort(pl.all()).iter_rows():
        part = files.filter(pl.col("dataset") == dataset, pl.col("source_id") == source, pl.col("month") == month)
        rows = warehouse.lake.scan(dataset, part["path"].to_list()).collect()
        kept = rows if change is None else change(rows)
        gone += rows.height - kept.height
        put = warehouse.lake.put(run_id, [LakeWrite(dataset, source, kept, month)], replaced=part["path"].to_list())
        span = part.select(pl.col("known_from").min(), pl.col("known_to").max()).row(0)
        # Rows that do not say when they were known stay known from the moments that their old files were.
        made += [replace(f, known_from=f.known_from or span[0], known_to=f.known_to or span[1]) for f in put]
    _swap(warehouse, run_id, files["path"].to_list(), made, also)
    return gone


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
    """Makes one file of each partition that has `at_least` files; returns how many files fewer there are.

    No row changes, so no reader sees a difference; cost is bounded by the partitions that grew. To be called under the lock.
    """
    with warehouse.engine.connect() as connection:
        files = fetch_table(connection, tables.lake_file).filter(pl.col("dataset").is_in(list(datasets)))
    many = files.filter(pl.len().over("dataset", "source_id", "month") >= at_least)
    if many.is_empty():
        return 0
    rewrite(warehouse, run_id, many)
    return many.height - many.select("dataset", "source_id", "month").n_unique()
