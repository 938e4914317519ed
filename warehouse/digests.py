"""Content digests of what a run left: the same inputs, in any order, split and degree of parallelism, give the same digests.

A view's digest is over its rows of the run's day, whatever run of that day wrote them: records last worked by a run of the day, warnings
updated on it with their records, its series, notices, the nights' own metrics, quarantined rows. Left out are lineage (file, sheet, row), run and wall time,
what people set afterwards (status, verdict, replayed_on), and caller_key, which depends on the house's key. Each row is hashed for itself and
the hashes are added up, so that their order does not matter. The cost is that of the day's rows, not of the history.
"""
import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from policy.metrics import names
from warehouse.published import VIEWS
from warehouse.reading import bound, typed

_LEFT_OUT = frozenset({"run_id", "file", "sheet", "row", "status", "verdict", "replayed_on", "caller_key"})
_OF_DAY = {
    "v_records": "record_id in (select x.record_id from record x where x.run_id in (select run_id from run where run_date = :day))",
    "v_warnings": "updated_on = :day",
    "v_warning_records": "warning_id in (select warning_id from warning where updated_on = :day)",
    "v_series": "date = :day",
    "v_notices": "raised_on = :day",
    "v_metrics": f"as_of in (select as_of from run where run_date = :day) and metric not in ({', '.join(repr(n) for n in names())})",
    "v_quarantine": "first_seen = :day",
    "v_problem_lineage": "day = :day",
    "v_incident_lineage": "day = :day",
}
_CHUNK = 20_000
_BITS = 128


def digests(connection: sa.Connection, day: date) -> dict[str, str]:
    """View → digest (its number of rows, a dash, 32 hexadecimal characters) of what the runs of a day left."""
    return {view: _digest(connection, view, where, day) for view, where in _OF_DAY.items()}


def differing(connection: sa.Connection, run: Mapping[str, Any]) -> list[str]:
    """The views that are not as a run (its `run_date` and `digests`) left them. Holds of the last run: later ones change rows for good reasons."""
    now = digests(connection, run["run_date"])
    return [view for view, told in run["digests"].items() if now.get(view) != told]


def _digest(connection: sa.Connection, view: str, where: str, day: date) -> str:
    columns = [c for c in VIEWS[view] if c not in _LEFT_OUT]
    names = ", ".join(f'"{c}"' for c in columns)
    given = {"day": bound(day, connection.dialect.name == "sqlite")}
    rows = connection.execute(sa.text(f"select {names} from {view} where {where}"), given, execution_options={"stream_results": True})
    n = total = 0
    while part := rows.fetchmany(_CHUNK):
        lines = _lines(typed([tuple(r) for r in part], columns, connection.dialect.name == "sqlite"))
        n += len(lines)
        total += sum(int.from_bytes(hashlib.blake2b(line.encode(), digest_size=_BITS // 8).digest()) for line in lines)
    return f"{n}-{total % (1 << _BITS):032x}"


def _lines(frame: pl.DataFrame) -> list[str]:
    """Each row as one text; a null is not an empty text."""
    texts = [_text(pl.col(c), t).fill_null("\x00").alias(c) for c, t in frame.schema.items()]
    return frame.select(pl.concat_str(texts, separator="\x1f").alias("line"))["line"].to_list()


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return column.dt.timestamp("us").cast(pl.String)
    return (column.round_sig_figs(9) if dtype.is_float() else column).cast(pl.String)
