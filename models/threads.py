"""Parts of one piece of work side by side: NumPy and SciPy let other threads run while they calculate."""
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar, cast

import polars as pl
from threadpoolctl import threadpool_limits

Part = TypeVar("Part")
Made = TypeVar("Made")


@dataclass
class _Limit:
    """The limit of BLAS, which is the whole process's: set by the first that wants it, lifted by the last."""

    lock: Lock = field(default_factory=Lock)
    inside: int = 0
    held: threadpool_limits | None = None


_BLAS = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS on one thread, as a context or a decorator, also where several threads want it at once.

    It adds up in another order on another number of threads, and its threads wait for each other while parts of a work are done side by side.
    """
    with _BLAS.lock:
        if not _BLAS.inside:
            _BLAS.held = threadpool_limits(1, user_api="blas")
        _BLAS.inside += 1
    try:
        yield
    finally:
        with _BLAS.lock:
            _BLAS.inside -= 1
            if not _BLAS.inside and _BLAS.held is not None:
                _BLAS.held.restore_original_limits()
                _BLAS.held = None


def side_by_side(work: Callable[[Part], Made], parts: Iterable[Part]) -> list[Made]:
    """work(part) of each part, in the parts' order; as many at once as Polars has threads (`POLARS_MAX_THREADS`).

    work: must not depend on which part is done first. An exception of one part is raised, after the others under way have ended.
    """
    parts = list(parts)
    threads = min(len(parts), pl.thread_pool_size())
    if threads < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


def both(one: Callable[[], Part], two: Callable[[], Made]) -> tuple[Part, Made]:
    """What both give, done side by side where Polars has threads; neither may depend on the other."""
    first, second = side_by_side(lambda work: work(), (one, two))
    return cast("tuple[Part, Made]", (first, second))


def chunks(n: int, size: int) -> list[slice]:
    """0 to n in slices of at most `size`."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
