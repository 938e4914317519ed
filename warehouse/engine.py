"""The database's engine: one way to open SQLite and PostgreSQL so that both behave alike."""
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from warehouse.files import folder
from warehouse.settings import Settings

#: How long SQLite waits for another's transaction, seconds.
BUSY_SECONDS = 30


def make_engine(settings: Settings) -> sa.Engine:
    """An engine for the settings' database; the folder of an SQLite file is made. Nothing is connected yet."""
    # A path may hold what a URL may not.
    url = sa.make_url(settings.url) if settings.database_url else sa.URL.create("sqlite", database=str(settings.home / "weisu.sqlite"))
    if url.get_backend_name() == "sqlite":
        folder(settings.home)
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
                                  hide_parameters=True)
        event.listen(engine, "connect", _sqlite_connects)
        event.listen(engine, "begin", _sqlite_begins)
        return engine
    # A killed client's statement ends within seconds, so that its locks do not outlive it.
    args: dict[str, Any] = {"options": "-c client_connection_check_interval=1000 -c timezone=UTC", "connect_timeout": 10,
                            "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "application_name": "weisu"}
    return sa.create_engine(url, connect_args=args, pool_pre_ping=True, hide_parameters=True)


def _sqlite_connects(connection: Any, _: Any) -> None:
    # The driver must not begin transactions of its own: ours cover schema changes too.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("pragma journal_mode=wal")        # readers see the last commit while a night writes
    cursor.execute("pragma synchronous=full")        # inputs are removed from inboxes once they are stored: stored means on disk
    cursor.execute("pragma cache_size=-65536")
    cursor.execute("pragma temp_store=memory")
    cursor.close()


def _sqlite_begins(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("begin immediate" if writes else "begin")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that writes: it waits its turn at the start rather than failing at the end."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that reads: all its queries see the tables as they were at the first."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection, connection.begin():
        yield connection


def raw(connection: sa.Connection) -> Any:
    """The driver's own connection (sqlite3 or psycopg), inside the same transaction."""
    return connection.connection.driver_connection
