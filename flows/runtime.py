"""Prefect and Great Expectations as this project runs them: no telemetry, one temporary server a process at the most."""
import ctypes
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from policy.catalogue import say

P = ParamSpec("P")
R = TypeVar("R")

_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    # A first start migrates Prefect's own database; its default limit of 20 seconds was seen to be too short.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}


#: The C library gives each thread a heap of its own, and what one has freed no other can use: with one for every thread a night takes a quarter more memory.
#: As `MALLOC_ARENA_MAX` does it; the number is the GNU library's `M_ARENA_MAX`.
_HEAPS, _HEAPS_AT_MOST = -8, 2


def prepare(quiet: bool = True) -> None:
    """Sets the environment before Prefect is imported, and how many heaps there are; what the user has set stays."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if quiet:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)       # other C libraries have none
        if mallopt is not None:
            mallopt(_HEAPS, _HEAPS_AT_MOST)


def has_server() -> bool:
    """Whether a Prefect server of the user's own is configured."""
    prepare()
    from prefect.settings import get_current_settings
    return bool(get_current_settings().api.url)


def announce_server(lang: str) -> None:
    """Says what is being waited for where a temporary server will be started."""
    if not has_server():
        print(say("runtime.server", lang), file=sys.stderr, flush=True)


def where(error: BaseException) -> str:
    """Type and place of an error, without its message: a message may carry a record's values."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename] or frames
    at = f" at {Path(own[-1].filename).parent.name}/{Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name}" if own else ""
    return f"{type(error).__name__}{at}"


def contained(function: Callable[P, R]) -> Callable[P, R]:
    """A task's function whose unexpected errors are told by type and place: Prefect keeps an error's message, which may carry a value."""
    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Told:
            raise
        except Exception as error:
            from sources.mapping import MappingError
            from warehouse.faults import is_away, is_full
            from warehouse.locks import LockLost, NightRunning
            from warehouse.settings import SettingsError
            if isinstance(error, NightRunning | LockLost | SettingsError | MappingError):
                raise
            raise (NoRoom if is_full(error) else DatabaseAway if is_away(error) else Broken).of(error) from None
    return inner


class Told(Exception):
    """An error whose message was written for the person who reads it, and carries no record's value."""


class Broken(Told):
    """Something that should not happen: type and place only. `WEISU_DEBUG=1` prints the whole traceback on the operator's screen."""

    @classmethod
    def of(cls, error: BaseException) -> "Broken":
        """The same error, fit to be shown and kept."""
        if os.environ.get("WEISU_DEBUG"):
            traceback.print_exception(error)
        return cls(where(error))


class DatabaseAway(Broken):
    """The database could not be reached, or let go in the middle."""


class NoRoom(Broken):
    """A disk, a quota or the database took no more."""
