"""A night in a process of its own that is killed at a named moment of it: the flow's code as it is, without a Prefect server around it.

Each is a fork of one process that has imported everything, so that a kill costs a part of a night and no start.
"""
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from prefect import Task

from flows import cli, nightly
from flows.messages import EXIT
from flows.running import Run
from warehouse import bulk, lake, landing, objects, rewriting, store
from warehouse.settings import Settings

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["pytest", "tests.faults", "tests.warm"])

#: Writes of files, as the interpreter tells them.
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, nth: int = 1, when: Callable[..., bool] = lambda *_, **__: True, then: Callable[[], Any] = die) -> None:
    """Dies (or does `then`) as `owner.name` is called for the nth time in which `when` holds."""
    real, calls = getattr(owner, name), []

    def either(*args: Any, **more: Any) -> Any:
        calls.extend([1] * when(*args, **more))
        if len(calls) == nth:
            calls.append(1)
            then()
        return real(*args, **more)
    setattr(owner, name, either)


def after(owner: Any, name: str) -> None:
    """Dies as `owner.name` has done its work."""
    real = getattr(owner, name)
    setattr(owner, name, lambda *args, **more: die(real(*args, **more)))


def entering(stage: str) -> Callable[[], None]:
    """Dies where the stage before this one has ended."""
    def arm() -> None:
        real = Run.step

        @contextmanager
        def step(run: Run, name: str) -> Any:
            if name == stage:
                die()
            with real(run, name):
                yield
        Run.step = step  # type: ignore[method-assign]
    return arm


def _compacts_two() -> None:
    """A month of two files is compacted already, not one of sixteen."""
    store.Warehouse.compact = lambda house, run_id: rewriting.compact(house, run_id, 2)  # type: ignore[method-assign, assignment]


def ends(_: Any, run: Mapping[str, Any]) -> bool:
    return run.get("outcome") is not None


BEFORE_COMMIT: dict[str, Callable[[], None]] = {
    **{stage: entering(stage) for stage in ("land", "read", "validate", "revise", "gate", "known", "classify", "link", "count", "detect", "warn")},
    "publish": lambda: before(store.Warehouse, "publish"),
    "half the lake files written": lambda: before(lake.Lake, "_write", 2),
    "lake files noted": lambda: after(objects.Folder, "write"),
    "lake files in place": lambda: before(store, "name_files"),
    "half the tables": lambda: before(bulk, "write", 4),
    "before the commit": lambda: before(store, "_set_run", when=ends),
}
AFTER_COMMIT: dict[str, Callable[[], None]] = {
    "after the commit": lambda: before(lake.Lake, "settle"),
    "compact": entering("compact"),
    "compacted files in place": lambda: before(rewriting, "name_files"),
    "compacted, old files there": lambda: before(lake.Lake, "remove"),
    "take away": lambda: before(landing.Landing, "take_away"),
    "taken away": lambda: after(landing.Landing, "take_away"),
}


def dies_at(moment: str) -> Callable[[], None]:
    """Arms a night to die at a named moment."""
    return partial(_dies_at, moment)


def _dies_at(moment: str) -> None:
    (BEFORE_COMMIT | AFTER_COMMIT)[moment]()


def _count_changes(counter: Any, last: int) -> None:
    """Counts what a night changes outside itself: files it makes, moves and removes, statements, commits. Dies at number `last`."""
    def tick(*_: Any) -> None:
        counter.value += 1
        if counter.value == last:
            die()

    def heard(event: str, args: tuple) -> None:
        if event in CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
            tick()
    sys.addaudithook(heard)
    sa.event.listen(sa.Engine, "before_cursor_execute", tick)
    sa.event.listen(sa.Engine, "commit", tick)


def bare() -> None:
    """The flow's tasks as the functions that they are: nobody keeps their states."""
    for name, thing in list(vars(nightly).items()):
        if isinstance(thing, Task):
            setattr(nightly, name, thing.fn)
    nightly.create_table_artifact = lambda **_: None  # type: ignore[assignment]


def environment(settings: Settings) -> dict[str, str]:
    """What a process of its own needs to find this house."""
    return {"WEISU_HOME": str(settings.home), "WEISU_DATABASE_URL": settings.database_url, "WEISU_SECRET": "test-secret",
            "WEISU_INBOX_SETTLE_SECONDS": "0", "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _night(env: Mapping[str, str], parameters: Mapping[str, Any], arm: Callable[[], None] | None, counter: Any, last: int) -> None:
    os.environ.update(env)
    os.dup2(os.open(said_at(Path(env["WEISU_HOME"])), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    bare()
    _compacts_two()
    if arm is not None:
        arm()
    if counter is not None:
        _count_changes(counter, last)
    given = {"inputs": None, "date": None, "as_of": None, "history": False, "accept": None, "reason": None, "from_now_on": False, "run_id": None,
             **parameters}
    try:
        nightly._guarded("nightly", *given.values())
        sys.exit(EXIT[next(iter(nightly.LAST.values())).row["outcome"]])
    except Exception as error:
        sys.exit(cli.failed(error))


def said_at(home: Path) -> Path:
    """What the last night of this house said to the person at the terminal."""
    return home.parent / f"{home.name}.said"


def night(settings: Settings, arm: Callable[[], None] | None = None, counter: Any = None, last: int = 0, **parameters: Any) -> int:
    """Runs a night in a process of its own; its exit status, -9 where it was killed.

    arm: called in that process before the night begins (`dies_at`, a fault); with a counter the night dies at its change number `last`.
    """
    process = _forks.Process(target=_night, args=(environment(settings), parameters, arm, counter, last))
    process.start()
    process.join()
    return process.exitcode or 0


def counter() -> Any:
    """A number that a night counts its changes in."""
    return _forks.Value("i", 0, lock=False)
