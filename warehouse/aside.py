"""Rows that a run works on while they are too many to hold: the first of them in memory, what comes beyond in files aside.

The files lie in a folder of the run's own under the lake, mode 0700; the run takes it away, or the next run's sweep does.
"""
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from warehouse.files import private_folder

#: Rows that are worked on at once, unless the settings say otherwise.
SLICE = 50_000


class Aside:
    """Keeps frames and gives them back as lazy ones. `hold`: so many rows stay in memory; without a folder all of them do."""

    def __init__(self, folder: Path | None = None, hold: int = SLICE) -> None:
        self.folder, self.hold = folder, hold
        self._rows = self._files = 0

    def put(self, frame: pl.DataFrame) -> pl.LazyFrame:
        """The frame as a lazy one that can be collected for as long as the run goes on."""
        self._rows += frame.height
        if self.folder is None or self._rows <= self.hold:
            return frame.lazy()
        self._files += 1
        path = private_folder(self.folder) / f"{self._files}.parquet"
        frame.write_parquet(path, compression="zstd", compression_level=1, statistics=False)
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def slices(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The rows of the frames in order, so many at a time; the last slice has what is left. Nothing comes of no rows."""
    held: list[pl.DataFrame] = []
    wanted = rows
    for frame in frames:
        left = frame
        while left.height >= wanted:
            yield pl.concat([*held, left.head(wanted)])
            left, held, wanted = left.slice(wanted), [], rows
        if left.height:
            held.append(left)
            wanted -= left.height
    if held:
        yield pl.concat(held)


def by_record(frame: pl.DataFrame, n: int) -> Sequence[pl.DataFrame]:
    """The rows in `n` frames, all rows of one record in the same: which one, the record's id alone decides."""
    if n <= 1:
        return [frame]
    place = frame["record_id"].hash(seed=0) % n
    return [frame.filter(place == k) for k in range(n)]
