"""Column types that read back the same from SQLite and PostgreSQL."""
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

#: How a moment stands in SQLite: UTC, sorts as text, read by `datetime.fromisoformat`.
MOMENT_TEXT = "%Y-%m-%d %H:%M:%S.%f+00:00"


class Moment(TypeDecorator):
    """An aware moment in UTC: TIMESTAMPTZ in PostgreSQL, ISO text in SQLite. Raises ValueError for a naive one."""

    impl = sa.TIMESTAMP(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        utc = value.astimezone(UTC)
        return utc.strftime(MOMENT_TEXT) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


class Json(TypeDecorator):
    """A list or dictionary as JSON text, keys sorted, on both engines."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


class Texts(Json):
    """A list of texts (codes, units, streets) as JSON text."""

    cache_ok = True
