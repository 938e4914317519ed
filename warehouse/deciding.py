"""Dated decisions of people: small writes of their own transaction, outside a night's publication."""
import polars as pl

from warehouse import bulk, tables
from warehouse.engine import writing
from warehouse.store import Warehouse


def decide(warehouse: Warehouse, decisions: pl.DataFrame) -> None:
    """Notes decisions (columns of the table `decision`); the same decision again changes nothing."""
    with writing(warehouse.engine) as connection:
        bulk.write(connection, tables.decision, decisions, "ignore")


def note(warehouse: Warehouse, table: str, rows: pl.DataFrame, mode: str = "ignore") -> None:
    """Writes rows of a table in a transaction of its own: what people say beside the nights, and what is counted for them. `mode`: see `bulk.write`."""
    with writing(warehouse.engine) as connection:
        bulk.write(connection, tables.metadata.tables[table], rows, mode)
