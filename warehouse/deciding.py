"""Dated decisions of people, and what a replay said: small writes of their own transaction, outside a night's publication."""
from collections.abc import Sequence

import polars as pl

from warehouse import bulk, tables
from warehouse.engine import writing
from warehouse.publication import Write
from warehouse.store import Warehouse


def decide(warehouse: Warehouse, decisions: pl.DataFrame) -> None:
    """Notes decisions (columns of the table `decision`); the same decision again changes nothing."""
    with writing(warehouse.engine) as connection:
        bulk.write(connection, tables.decision, decisions, "ignore")


def keep_replay(warehouse: Warehouse, run_id: str, writes: Sequence[Write]) -> None:
    """Keeps what a replay said in the replay tables, all or nothing; a replay that is kept again takes the place of itself."""
    with writing(warehouse.engine) as connection:
        for write in writes:
            table = tables.metadata.tables[write.table]
            connection.execute(table.delete().where(table.c.run_id == run_id))
            bulk.write(connection, table, write.frame, "insert")
