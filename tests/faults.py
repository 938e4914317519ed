"""What can go wrong around a night, each made real in the process that runs it (`tests.dying.night(house, arm=…)`)."""
import resource
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from flows import dates, nightly, running
from tests.dying import before, ends
from warehouse import bulk, engine, lake, store


def disk_full() -> None:
    """No file of the lake may grow past a few bytes."""
    before(lake.Lake, "put", then=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY)))


def database_full() -> None:
    """SQLite may take no page more than it has."""
    @sa.event.listens_for(sa.Engine, "connect")
    def no_more(connection: Any, _: Any) -> None:
        connection.execute("pragma max_page_count = 1")


def database_held() -> None:
    """Another writer holds SQLite from before the publication on, and longer than a night waits for it."""
    engine.BUSY_SECONDS = 0.05  # type: ignore[assignment]
    real = store.Warehouse.__init__

    def opened(house: store.Warehouse, *given: Any) -> None:
        real(house, *given)
        other = sqlite3.connect(house.home / "weisu.sqlite", isolation_level=None)
        before(store.Warehouse, "publish", then=lambda: other.execute("begin immediate"))
    store.Warehouse.__init__ = opened  # type: ignore[method-assign]


def _ended(which: str) -> None:
    """Ends sessions of this house's database; the server's own doing, like a restart."""
    url = store.Settings().url
    with sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect() as other:
        other.execute(sa.text(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                              f"where datname = current_database() and pid <> pg_backend_pid() and {which}"))


def database_away_in_the_middle() -> None:
    before(nightly.Run, "step", when=lambda _, name: name == "link", then=lambda: _ended("true"))


def database_away_while_it_writes() -> None:
    before(bulk, "write", 4, then=lambda: _ended("state = 'idle in transaction'"))


def database_away_at_the_commit() -> None:
    before(store, "_set_run", when=ends, then=lambda: _ended("state = 'idle in transaction'"))


def clock_back() -> None:
    """The system's clock stands years before the last run."""
    nightly.now = running.now = dates.now = lambda: datetime(2020, 1, 1, tzinfo=UTC)


def answer_lost() -> None:
    """The server commits and is gone before it can say so."""
    def lost() -> None:
        raise sa.exc.OperationalError("commit", {}, Exception("the connection is lost"), connection_invalidated=True)
    before(lake.Lake, "settle", then=lost)


def wrong_bytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
