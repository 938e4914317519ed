"""Rows of a query as a typed polars frame, the same from both engines."""
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import polars as pl
import sqlalchemy as sa

from transforms.canonical import MOMENT
from warehouse.tables import metadata
from warehouse.types import MOMENT_TEXT, Json, Moment, Texts

#: Columns that a published view names otherwise than its table.
_RENAMED: dict[str, pl.DataType] = {"file": pl.String(), "row": pl.Int64(), "respondent": pl.String(), "ranked_on": pl.Date()}


@cache
def column_types() -> Mapping[str, pl.DataType]:
    """The polars type of every column name; a name has one type in all tables (a test holds them to it)."""
    types: dict[str, pl.DataType] = dict(_RENAMED)
    for table in metadata.sorted_tables:
        for column in table.c:
            types[column.name] = polars_type(column)
    return types


def polars_type(column: sa.Column) -> pl.DataType:
    """The type in which a column is read; JSON is read as its text."""
    kind = column.type
    if isinstance(kind, Moment):
        return MOMENT
    if isinstance(kind, Json):
        return pl.String()
    if isinstance(kind, sa.Date):
        return pl.Date()
    if isinstance(kind, sa.Boolean):
        return pl.Boolean()
    if isinstance(kind, sa.Double):
        return pl.Float64()
    if isinstance(kind, sa.Numeric):
        return pl.Decimal(kind.precision or 14, kind.scale or 2)
    return pl.Int64() if isinstance(kind, sa.Integer) else pl.String()


def bound(value: Any, sqlite: bool) -> Any:
    """A parameter as the driver takes it: moments and dates compare as they are stored."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        utc = value.astimezone(UTC)
        return utc.strftime(MOMENT_TEXT) if sqlite else utc
    if isinstance(value, date):
        return value.isoformat() if sqlite else value
    return value


def fetch(connection: sa.Connection, query: str | sa.Executable, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """The rows of a query with `:named` parameters. Columns are typed by their names; unknown ones by their values."""
    sqlite = connection.dialect.name == "sqlite"
    statement = sa.text(query) if isinstance(query, str) else query
    given = {k: bound(v, sqlite) for k, v in (parameters or {}).items()}
    cursor: Any = connection.execute(statement, given).cursor
    names = [d[0] for d in cursor.description]
    return typed(cursor.fetchall(), names, sqlite)


def typed(rows: Sequence[Any], names: Sequence[str], sqlite: bool) -> pl.DataFrame:
    """Rows as the driver gave them as a frame, each column in the type that its name has."""
    known = {n: t for n, t in column_types().items() if n in names}
    names = list(names)
    if not sqlite:
        return pl.DataFrame(rows, schema=names, schema_overrides=known, orient="row", infer_schema_length=None)
    first = {n: _raw(t) for n, t in known.items()}
    frame = pl.DataFrame(rows, schema=names, schema_overrides=first, orient="row", infer_schema_length=None)
    return frame.with_columns(_cooked(n, t) for n, t in known.items() if first[n] != t)


def fetch_table(connection: sa.Connection, table: sa.Table, where: str = "", parameters: Mapping[str, Any] | None = None,
                without: Collection[str] = ()) -> pl.DataFrame:
    """The rows of a table in the order of its key, but for some columns; lists of texts as lists.

    Sorted here: databases sort texts by different rules, and one asked for an order may leave the index that finds the rows.
    """
    columns = ", ".join(c.name for c in table.c if c.name not in without) if without else "*"
    frame = fetch(connection, f'select {columns} from "{table.name}"' + (f" where {where}" if where else ""), parameters)
    return as_lists(frame, table).sort(c.name for c in table.primary_key)


def as_lists(frame: pl.DataFrame, table: sa.Table) -> pl.DataFrame:
    """The frame with its lists of texts as lists."""
    return frame.with_columns(pl.col(c.name).str.json_decode(pl.List(pl.String)) for c in table.c
                              if isinstance(c.type, Texts) and c.name in frame.columns)


def _raw(dtype: pl.DataType) -> pl.DataType:
    if dtype == MOMENT or dtype == pl.Date:
        return pl.String()
    if dtype == pl.Boolean:
        return pl.Int8()
    return pl.Float64() if isinstance(dtype, pl.Decimal) else dtype


def _cooked(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == MOMENT:
        return column.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_unit="us", time_zone="UTC")
    if dtype == pl.Date:
        return column.str.to_date("%Y-%m-%d")
    if isinstance(dtype, pl.Decimal):
        return column.round(dtype.scale).cast(dtype)
    return column.cast(dtype)
