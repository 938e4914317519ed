"""One night at a time: a lock that dies with its process, whatever kills it."""
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from warehouse.engine import raw
from warehouse.files import folder

#: The advisory lock's number in a house's database ("weis").
ADVISORY = 0x77656973
#: A killed client's session ends a moment after it; so long a lock of PostgreSQL is asked for again, seconds.
GRACE_SECONDS = 3.0

_held: set[str] = set()
_guard = threading.Lock()


class NightRunning(RuntimeError):
    """Another run holds the lock; `holder` says who, as it named itself."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"another run is going on: {holder}")
        self.holder = holder


class LockLost(RuntimeError):
    """The database ended the session that held the lock: what was to be published is not."""


@contextmanager
def file_lock(path: Path, who: str) -> Iterator[None]:
    """Holds a lock on the file. The kernel lets go of it when the process ends; forked children do not have it.

    Raises NightRunning where another process, or another thread of this one, holds it.
    """
    folder(path.parent)
    name = str(path.resolve())
    with _guard:
        if name in _held:
            raise NightRunning(_said(path))
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _said(path)
            os.close(handle)
            raise NightRunning(holder) from None
        _held.add(name)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"who": who, "pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        with _guard:
            os.ftruncate(handle, 0)
            _held.discard(name)
            os.close(handle)


def _said(path: Path) -> str:
    try:
        said = json.loads(path.read_text())
        return f"{said['who']} (process {said['pid']} on {said['host']})"
    except (OSError, ValueError, KeyError):
        return f"the holder of {path}"


@contextmanager
def advisory_lock(engine: sa.Engine, who: str) -> Iterator[int]:
    """Holds PostgreSQL's advisory lock on a session of its own; gives that session's process id. Raises NightRunning."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        until = time.monotonic() + GRACE_SECONDS
        while not connection.execute(sa.text("select pg_try_advisory_lock(:n)"), {"n": ADVISORY}).scalar():
            if time.monotonic() > until:
                raise NightRunning(_session(connection))
            time.sleep(0.05)
        connection.execute(sa.text("select set_config('application_name', :who, false)"), {"who": f"weisu {who}"[:63]})
        try:
            yield raw(connection).info.backend_pid
        finally:
            try:
                connection.execute(sa.text("select pg_advisory_unlock(:n)"), {"n": ADVISORY})
            except sa.exc.DBAPIError:
                connection.invalidate()


def _session(connection: sa.Connection) -> str:
    row = connection.execute(sa.text(
        "select a.application_name, a.pid from pg_locks l join pg_stat_activity a using (pid) "
        "where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objid = :n "
        "and l.database = (select oid from pg_database where datname = current_database())"), {"n": ADVISORY}).first()
    return f"{row[0]} (database session {row[1]})" if row else "a session that has just ended"


def still_held(connection: sa.Connection, session: int) -> bool:
    """Whether that session still holds the advisory lock."""
    return bool(connection.execute(sa.text(
        "select 1 from pg_locks where locktype = 'advisory' and granted and classid = 0 and objid = :n and pid = :p "
        "and database = (select oid from pg_database where datname = current_database())"), {"n": ADVISORY, "p": session}).scalar())
