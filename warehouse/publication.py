"""What a run publishes: rows of the tables and files of the lake, all in one transaction or not at all."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Write:
    """Rows for one table. `mode` and `key`: see `warehouse.bulk.write`."""

    table: str
    frame: pl.DataFrame
    mode: str = "insert"
    key: Sequence[str] = ()


@dataclass(frozen=True)
class Delete:
    """Rows that go: `where` is an SQL condition with named parameters (":before")."""

    table: str
    where: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LakeWrite:
    """Rows for the lake: datasets `revisions` (RECORD, LINEAGE, row_hash, issues, revision_no, known_at), `counts`
    (source_id, problem_code, fine_place, coarse_place, date, known_at, n: a signed correction), or one of your own.

    Without a `partition` ("2026-06") the rows are parted by the month of `local_date`, or of `date`. The rows of the table
    `revision` are made from those of the dataset `revisions`.
    """

    dataset: str
    source_id: str
    frame: pl.DataFrame
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
