"""Lake files replaced by others with fewer rows, or by fewer files with the same: aside first, then one transaction."""
from collections.abc import Callable, Iterator, Sequence

import polars as pl
import sqlalchemy as sa

from warehouse import tables
from warehouse.engine import writing
from warehouse.publication import LakeWrite
from warehouse.reading import fetch_table
from warehouse.store import Warehouse, name_files


def rewrite(warehouse: Warehouse, run_id: str, files: pl.DataFrame, keep: pl.Expr | None = None,
            also: Callable[[sa.Connection], None] | None = None) -> int:
    """Replaces these files (rows of the table `lake_file`) by one per dataset, source and month, with the rows that `keep` keeps.

    `also` runs in the same transaction. A crash leaves the old files or the new ones; the next run sweeps the others. To be
    called under the lock. Returns the number of rows that went.
    """
    old = files["path"].to_list()
    made = warehouse.lake.put(run_id, _rewritten(warehouse, files, keep), replaced=old)
    gone = int(files["n_rows"].sum()) - sum(f.n_rows for f in made)
    with writing(warehouse.engine) as connection:
        connection.execute(sa.delete(tables.lake_file).where(tables.lake_file.c.path.in_(old)))
        name_files(connection, made, run_id)
        if also is not None:
            also(connection)
    warehouse.lake.remove(sorted(set(old) - {f.path for f in made}))
    warehouse.lake.settle(run_id)
    return gone


def _rewritten(warehouse: Warehouse, files: pl.DataFrame, keep: pl.Expr | None) -> Iterator[LakeWrite]:
    """A month at a time, so that no more than a month is held."""
    for dataset, source, month in files.select("dataset", "source_id", "month").unique().sort(pl.all()).iter_rows():
        part = files.filter(pl.col("dataset") == dataset, pl.col("source_id") == source, pl.col("month") == month)
        rows = warehouse.lake.scan(dataset, part["path"].to_list()).collect()
        yield LakeWrite(dataset, source, rows if keep is None else rows.filter(keep), month)


def compact(warehouse: Warehouse, run_id: str, at_least: int = 16, datasets: Sequence[str] = ("revisions", "counts")) -> int:
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
