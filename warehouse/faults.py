"""What an error of the database or of the disk means to whoever runs a night: no room left, database away, or something else."""
import errno
import sqlite3

from polars.exceptions import ComputeError
from sqlalchemy.exc import DBAPIError, OperationalError

#: The operating system's words for a disk, a quota or a file that takes no more.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Errors of a driver that say nothing against the rows: the same may succeed later.
PASSING = ("OperationalError", "AdminShutdown", "ConnectionTimeout", "DiskFull", "SerializationFailure", "InterfaceError")


class WriteFailed(RuntimeError):
    """The database refused rows. Says the table and the kind of error, never a value: drivers quote whole rows in theirs.

    `passing`: whether the same may succeed later (connection lost, database locked, disk full). `full`: whether it was for lack of room.
    """

    def __init__(self, table: str, mode: str, error: Exception) -> None:
        self.passing, self.full = type(error).__name__ in PASSING, is_full(error)
        diagnosis = getattr(error, "diag", None)
        what = [type(error).__name__, *(str(x) for x in (getattr(diagnosis, "constraint_name", None),
                                                        getattr(diagnosis, "column_name", None)) if x)]
        sqlite = str(error) if type(error).__module__ == "sqlite3" else ""      # names tables and columns only
        super().__init__(f"{mode} of table {table} failed: {', '.join(what)}" + (f": {sqlite}" if sqlite else ""))


def is_full(error: BaseException) -> bool:
    """Whether a disk, a quota or the database's own limit left no room."""
    if isinstance(error, WriteFailed):
        return error.full
    if isinstance(error, DBAPIError):
        return error.orig is not None and is_full(error.orig)
    if isinstance(error, OSError):
        return error.errno in FULL
    if isinstance(error, ComputeError):                       # polars tells the system's error in words only
        return any(f"os error {n})" in str(error) for n in FULL)
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or getattr(error, "sqlstate", None) == "53100"


def is_away(error: BaseException) -> bool:
    """Whether the database could not be reached, let go in the middle, or was held by another for too long."""
    if isinstance(error, WriteFailed):
        return error.passing
    return isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated)
