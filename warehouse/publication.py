"""What a run publishes: rows of the tables and files of the lake, all in one transaction or not at all."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl


class _Rows:
    """Rows to be written: a polars DataFrame, or a LazyFrame that is collected when its rows are wanted, and let go again."""

    frame: Any

    def rows(self) -> pl.DataFrame:
        return self.frame.collect() if isinstance(self.frame, pl.LazyFrame) else self.frame

    @property
    def is_empty(self) -> bool:
        """Whether there is surely nothing to write."""
        return isinstance(self.frame, pl.DataFrame) and self.frame.is_empty()


@dataclass(frozen=True)
class Write(_Rows):
    """Rows for one table. `mode` and `key`: see `warehouse.bulk.write`."""

    table: str
    frame: Any
    mode: str = "insert"
    key: Sequence[str] = ()


@dataclass(frozen=True)
class Delete:
    """Rows that go: `where` is an SQL condition with named parameters (":before")."""

    table: str
    where: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LakeWrite(_Rows):
    """Rows for the lake: datasets `revisions` (RECORD, LINEAGE, row_hash, issues, revision_no, known_at), `counts`
    (source_id, problem_code, fine_place, coarse_place, date, known_at, n: a signed correction), or one of your own.

    Without a `partition` ("2026-06") the rows are parted by the month of `local_date`, or of `date`. The rows of the table
    `revision` are made from those of the dataset `revisions`, where all new revisions of a record are in one write.
    """

    dataset: str
    source_id: str
    frame: Any
    partition: str | None = None


@dataclass(frozen=True)
class Publication:
    """One run's results. `run` holds columns of the table `run`: `run_id`, and how the run ended (`outcome`, counts, seconds).

    `known_to`: the moment up to which waiting revisions have now been worked (the run's as-of), for `worked_sources`
    (all sources where None). Writes are done in the order: lake, deletes, writes, run.
    """

    run: Mapping[str, Any]
    writes: Sequence[Write] = ()
    lake: Sequence[LakeWrite] = ()
    deletes: Sequence[Delete] = ()
    known_to: Any = None
    worked_sources: Sequence[str] | None = None
