"""Frames into tables on the driver's fast path: COPY in PostgreSQL, one prepared statement in SQLite."""
import io
from collections.abc import Sequence
from itertools import count

import polars as pl
import sqlalchemy as sa

from warehouse.engine import raw
from warehouse.faults import WriteFailed
from warehouse.types import Json, Moment

MODES = ("insert", "ignore", "upsert", "update", "replace", "delete")
_stage = count()


def write(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame, mode: str, key: Sequence[str] = ()) -> int:
    """Writes a frame into a table inside the connection's transaction; returns the number of rows given.

    mode: insert; ignore (rows whose key is there are left as they were); upsert (there: the frame's columns are set);
    update (only rows that are there); replace (rows with one of the frame's keys go, then all are inserted; without a key the
    table is emptied first); delete (rows with one of the frame's keys). key: column names, the primary key by default except
    for replace. Raises ValueError for an unknown mode or column, or a frame that cannot be what the table holds.
    """
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} of {table.name}: expected one of {', '.join(MODES)}")
    unknown = [c for c in frame.columns if c not in table.c]
    if unknown:
        raise ValueError(f"table {table.name} has no column {', '.join(unknown)}")
    by = list(key) or ([] if mode == "replace" else [c.name for c in table.primary_key])
    missing = [c for c in by if c not in frame.columns]
    if missing and mode != "insert":
        raise ValueError(f"{mode} of {table.name} needs the key column {', '.join(missing)}")
    if mode == "replace" and not by:
        connection.execute(sa.delete(table))
    if frame.is_empty():
        return 0
    if mode == "delete":
        frame = frame.select(by).unique(maintain_order=True)
    elif mode in ("upsert", "update", "ignore") and frame.select(by).is_duplicated().any():
        raise ValueError(f"{mode} of {table.name}: {frame.select(by).is_duplicated().sum()} rows share a key ({', '.join(by)})")
    sqlite = connection.dialect.name == "sqlite"
    # A column without a single value need not be carried row by row: that is most of a record's.
    empty = [c for c in frame.columns if c not in by and frame[c].null_count() == frame.height]
    ready = _as_stored(frame.drop(empty), table, sqlite)
    if mode == "replace" and by:
        keys = ready.select(by).unique(maintain_order=True)
        _put(connection, table, keys, "delete", by, [])
    _put(connection, table, ready, "insert" if mode == "replace" else mode, by, empty)
    return frame.height


def _put(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame, mode: str, by: Sequence[str], empty: Sequence[str]) -> None:
    try:
        if connection.dialect.name == "sqlite":
            _sqlite_write(connection, table, frame, mode, by, empty)
        else:
            _postgres_write(connection, table, frame, mode, by, empty)
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("sqlite3", "psycopg", "sqlalchemy"):
            raise WriteFailed(table.name, mode, getattr(error, "orig", None) or error) from None
        raise


def _as_stored(frame: pl.DataFrame, table: sa.Table, sqlite: bool) -> pl.DataFrame:
    """The frame with every column as the driver takes it."""
    schema = frame.schema
    columns = []
    for name, dtype in schema.items():
        kind = table.c[name].type
        column = pl.col(name)
        if isinstance(kind, Moment):
            if dtype != pl.Null and not (isinstance(dtype, pl.Datetime) and dtype.time_zone is not None):
                raise ValueError(f"{table.name}.{name} is a moment: expected an aware Datetime, found {dtype}")
            column = (column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00")
                      if dtype != pl.Null else column.cast(pl.String))
        elif isinstance(kind, sa.Date):
            if dtype not in (pl.Date, pl.Null):
                raise ValueError(f"{table.name}.{name} is a date: expected Date, found {dtype}")
            column = column.cast(pl.Date).dt.strftime("%Y-%m-%d")
        elif isinstance(kind, Json):
            if isinstance(dtype, pl.List | pl.Array | pl.Struct):
                column = _json(name)
            column = column.cast(pl.String)
        elif isinstance(kind, sa.Boolean):
            column = column.cast(pl.Boolean).cast(pl.Int8) if sqlite else column.cast(pl.Boolean)
        elif isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
            column = column.cast(pl.Float64) if sqlite else column.cast(pl.String)
        elif isinstance(kind, sa.Double):
            # Nine digits are published: more would differ between machines.
            column = column.cast(pl.Float64).fill_nan(None).round_sig_figs(9)
        elif isinstance(kind, sa.Integer):
            if dtype.is_float() and frame.filter(column.is_finite() & (column != column.round())).height:
                raise ValueError(f"{table.name}.{name} is a whole number: found fractions")
            column = column.cast(pl.Int64)
        else:
            # NUL is no character for PostgreSQL; so that both engines hold the same, it goes on both.
            column = column.cast(pl.String).str.replace_all("\x00", "", literal=True)
        columns.append(column.alias(name))
    return frame.select(columns)


def _json(name: str) -> pl.Expr:
    """A list, array or struct as JSON text: encoded as the one field of a struct, which is then taken off again."""
    whole = pl.struct(pl.col(name).alias("x")).struct.json_encode()
    return pl.when(pl.col(name).is_not_null()).then(whole.str.slice(5, whole.str.len_chars() - 6)).otherwise(None)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _on_conflict(columns: Sequence[str], mode: str, by: Sequence[str], empty: Sequence[str]) -> str:
    if mode == "insert":
        return ""
    sets = [f'"{c}" = excluded."{c}"' for c in columns if c not in by] + [f'"{c}" = null' for c in empty]
    if mode == "ignore" or not sets:
        return f" on conflict ({_names(by)}) do nothing"
    return f" on conflict ({_names(by)}) do update set " + ", ".join(sets)


def _sqlite_write(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame, mode: str, by: Sequence[str],
                  empty: Sequence[str]) -> None:
    columns = frame.columns
    where = " and ".join(f'"{c}" = ?' for c in by)
    if mode == "delete":
        statement = f'delete from "{table.name}" where {where}'
    elif mode == "update":
        rest = [c for c in columns if c not in by]
        sets = [f'"{c}" = ?' for c in rest] + [f'"{c}" = null' for c in empty]
        statement = f'update "{table.name}" set {", ".join(sets)} where {where}'
        frame = frame.select([*rest, *by])
    else:
        slots = ", ".join("?" * len(columns))
        statement = (f'insert into "{table.name}" ({_names(columns)}) values ({slots})'
                     + _on_conflict(columns, mode, by, empty))
    raw(connection).executemany(statement, frame.iter_rows())


def _postgres_write(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame, mode: str, by: Sequence[str],
                    empty: Sequence[str]) -> None:
    columns = frame.columns
    if mode == "insert":
        _copy(connection, table.name, frame)
        return
    aside = f"stage_{next(_stage)}_{table.name}"
    connection.exec_driver_sql(f'create temporary table "{aside}" on commit drop as '
                               f'select {_names(columns)} from "{table.name}" with no data')
    _copy(connection, aside, frame)
    same = " and ".join(f't."{c}" = s."{c}"' for c in by)
    if mode == "delete":
        statement = f'delete from "{table.name}" t using "{aside}" s where {same}'
    elif mode == "update":
        sets = [f'"{c}" = s."{c}"' for c in columns if c not in by] + [f'"{c}" = null' for c in empty]
        statement = f'update "{table.name}" t set {", ".join(sets)} from "{aside}" s where {same}'
    else:
        statement = (f'insert into "{table.name}" ({_names(columns)}) select {_names(columns)} from "{aside}"'
                     + _on_conflict(columns, mode, by, empty))
    connection.exec_driver_sql(statement)


def _copy(connection: sa.Connection, into: str, frame: pl.DataFrame) -> None:
    with raw(connection).cursor() as cursor, cursor.copy(
            f'copy "{into}" ({_names(frame.columns)}) from stdin with (format csv)') as copy:
        for part in frame.iter_slices(20_000):
            text = io.BytesIO()
            part.write_csv(text, include_header=False, quote_style="non_numeric")
            copy.write(text.getbuffer())
