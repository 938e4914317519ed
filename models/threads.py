"""Parts of one piece of work side by side: NumPy and SciPy let other threads run while they calculate."""
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import polars as pl

Part = TypeVar("Part")
Made = TypeVar("Made")


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
