"""A source that is a database: one SELECT, read-only, to a frame that the flow lands as Parquet."""
import os
import re

import polars as pl

from sources.findings import advise, refuse
from sources.mapping import SourceMapping

_SELECT = re.compile(r"^\s*(?:--[^\n]*\n\s*)*(select|with|values|table)\b", re.IGNORECASE)


def read_query(url: str, query: str, mapping: SourceMapping) -> pl.DataFrame:
    """The query's rows, columns named as it names them. `${NAME}` in the address is taken from the environment, so that a
    password need not stand in the mapping. The transaction is read-only where the engine knows such a thing, and
    is rolled back anywhere.

    Raises RefusedInput E04 where the query is no SELECT or does not run; the message names no address.
    """
    import sqlalchemy as sa

    if not _SELECT.match(query):
        raise refuse("E04", mapping.source, advise("query"), kind="query that is not a SELECT")
    try:
        engine = sa.create_engine(os.path.expandvars(url), poolclass=sa.NullPool)
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("pragma query_only = on")
            elif engine.dialect.name in ("postgresql", "mysql", "mariadb"):
                connection.exec_driver_sql("set transaction read only")
            result = connection.execute(sa.text(query))
            names, rows = list(result.keys()), [tuple(r) for r in result]
            connection.rollback()
    except Exception as e:
        # A driver's own words, whatever their kind, may repeat the address with its password: only the kind is passed on.
        raise refuse("E04", mapping.source, advise("query"), kind=f"query that fails ({type(e).__name__})") from None
    return pl.DataFrame({n: _series(n, [r[i] for r in rows]) for i, n in enumerate(names)})


def _series(name: str, values: list) -> pl.Series:
    try:
        return pl.Series(name, values, strict=True) if any(v is not None for v in values) else pl.Series(name, values, dtype=pl.String)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)
