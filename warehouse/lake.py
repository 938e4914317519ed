"""The record lake: Parquet files that are written once, named by what is in them, and live only while the database says so.

A file lies under `home/lake/DATASET/SOURCE/yyyy-mm/`, or under the same name in a bucket. Only files that the table `lake_file` names
exist for a reader. A run notes the names of its files in `.pending/RUN` before it moves them into place, so that the next run can
remove what a killed one left without looking through the lake.
"""
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from transforms.canonical import ISSUES, LINEAGE, MOMENT, RECORD
from warehouse.files import copy_whole, folder, sync_file
from warehouse.journal import JOURNAL
from warehouse.objects import Folder, Objects, kept_at
from warehouse.publication import LakeWrite

REVISIONS: dict[str, Any] = {**RECORD, **LINEAGE, "row_hash": pl.String, "issues": ISSUES,
                             "revision_no": pl.Int32, "known_at": MOMENT}
COUNTS: dict[str, Any] = {"source_id": pl.String, "problem_code": pl.String, "fine_place": pl.String,
                          "coarse_place": pl.String, "date": pl.Date, "known_at": MOMENT, "n": pl.Int64}
SCHEMAS = {"revisions": REVISIONS, "counts": COUNTS, **JOURNAL}
UNDATED = "all"
PENDING = ".pending"
#: Begins the names of datasets that hold (record_id, …) of what was read from records' texts, by local day.
LINK_TEXTS = "link_texts"
#: Rows are kept in this order: what is read together lies together, and the same rows give the same bytes.
ORDER = {"revisions": ("record_id", "revision_no"), "counts": ("date", "problem_code", "fine_place", "coarse_place", "known_at"),
         "worked": ("record_id", "known_at", "night_no"), "warnings": ("warning_id", "known_at", "night_no"),
         "warning_records": ("warning_id", "known_at", "night_no", "record_id")}


@dataclass(frozen=True)
class LakeFile:
    """A file in place, as the table `lake_file` describes it. `path` is relative to the lake."""

    path: str
    dataset: str
    source_id: str
    month: str
    sha256: str
    n_rows: int
    size: int
    known_from: datetime | None
    known_to: datetime | None


class Lake:
    """The files under `home/lake`, or at a URL; what is in the database is its caller's business."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self._files: Objects = kept_at(url, Path(home) / "lake")
        #: Where the files lie; with a bucket only what is being written does.
        self.folder = self._files.path if isinstance(self._files, Folder) else Path(home) / "lake"

    def put(self, run_id: str, writes: Iterable[LakeWrite], replaced: Iterable[str] = ()) -> list[LakeFile]:
        """Writes the rows aside, notes the names, then moves the files into place. Safe to repeat for the same run.

        `replaced`: paths that the database will no longer name once it names these; they are noted too, so that a sweep
        removes whichever lost.
        """
        replaced = list(replaced)
        aside = self.folder / ".aside" / _token(run_id)
        made: list[tuple[Path, LakeFile]] = []
        for write in writes:
            made += [self._write(folder(aside), run_id, len(made) + n, *part) for n, part in enumerate(_parts(write))]
        if not made and not replaced:
            return []
        note = _note(run_id)
        named = self._noted(note)
        self._files.write(note, json.dumps(sorted({*named, *replaced, *(f.path for _, f in made)})).encode())
        self._files.take((temporary, file.path) for temporary, file in made)
        if made:
            _remove_folder(aside)
        return [file for _, file in made]

    def bring(self, run_id: str, files: Mapping[str, Path], replaced: Iterable[str] = ()) -> None:
        """Copies files in under the names they have, noting them and `replaced` first: a sweep removes whichever the database does not name."""
        self._files.write(_note(run_id), json.dumps(sorted({*files, *replaced})).encode())
        aside = folder(self.folder / ".aside" / _token(run_id))
        for path, source in files.items():
            if self._files.size(path) != source.stat().st_size or self._files.sha256(path) != _hash(source):
                copy_whole(source, aside / "brought", 0o644)
                self._files.take([(aside / "brought", path)])
        _remove_folder(aside)

    def aside(self, run_id: str) -> Path:
        """The folder in which a run may keep rows until it ends: see `warehouse.aside`. It need not be there."""
        return self.folder / ".aside" / f"{_token(run_id)}-rows"

    def clear_aside(self, run_id: str) -> None:
        """Takes away what the run kept there."""
        if self.aside(run_id).exists():
            _remove_folder(self.aside(run_id))

    def settle(self, run_id: str) -> None:
        """Forgets the note of a run whose files the database now names."""
        self._files.remove(_note(run_id))

    def sweep(self, living: Callable[[Sequence[str]], set[str]], run_id: str | None = None) -> int:
        """Removes what killed runs (or that one run) left; `living(paths)` says which of these the database names.

        For all runs only under the night's lock.
        """
        removed = 0
        for note in self._files.names(PENDING) if run_id is None else [_note(run_id)]:
            paths = [] if note.startswith(f"{PENDING}/.") else self._noted(note)
            alive = living(paths) if paths else set()
            for path in paths:
                if path not in alive and self._files.size(path) is not None:
                    self._files.remove(path)
                    removed += 1
            self._files.remove(note)
        aside = self.folder / ".aside"
        for left in sorted(aside.iterdir()) if aside.exists() and run_id is None else []:
            removed += _remove_folder(left)
        return removed

    def _noted(self, note: str) -> list[str]:
        try:
            return json.loads(self._files.read(note))
        except FileNotFoundError:
            return []

    def mend(self, path: str, sha256: str, write: LakeWrite) -> bool:
        """Puts a file back that is missing or damaged, where these rows give the very bytes it had; False where they don't."""
        parts = _parts(write)
        if len(parts) != 1:
            return False
        aside = folder(self.folder / ".aside" / "mend")
        try:
            temporary, made = self._write(aside, "mend", 0, *parts[0])
            if made.sha256 != sha256:
                return False
            self._files.take([(temporary, path)])
            return True
        finally:
            _remove_folder(aside)

    def scan(self, dataset: str, paths: Sequence[str], columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """The rows of these files as one lazy frame; a column that an older file lacks is null in it."""
        schema = SCHEMAS.get(dataset)
        if schema is None:
            return pl.scan_parquet(self._files.addresses(paths), glob=False, hive_partitioning=False, **self._files.scanning())
        wanted = list(columns) if columns is not None else list(schema)
        if not paths:
            return pl.LazyFrame(schema={c: schema[c] for c in wanted})
        whole = pl.scan_parquet(self._files.addresses(paths), schema=pl.Schema(schema), glob=False, hive_partitioning=False,
                                missing_columns="insert", extra_columns="ignore", **self._files.scanning())
        return whole.select(wanted)

    def damaged(self, files: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Of (path, sha256) pairs, those that are not as they were written: (path, "missing" or "changed")."""
        bad = []
        for path, sha256 in files:
            try:
                if self._files.sha256(path) != sha256:
                    bad.append((path, "changed"))
            except FileNotFoundError:
                bad.append((path, "missing"))
        return bad

    def remove(self, paths: Iterable[str]) -> None:
        """Removes files that the database no longer names."""
        for path in paths:
            self._files.remove(path)

    def _write(self, aside: Path, run_id: str, n: int, dataset: str, source_id: str, month: str,
               frame: pl.DataFrame) -> tuple[Path, LakeFile]:
        temporary = aside / f"{n}.parquet"
        frame.write_parquet(temporary, compression="zstd", statistics=True)
        sync_file(temporary)
        sha256 = _hash(temporary)
        known = frame["known_at"] if "known_at" in frame.columns else pl.Series([], dtype=MOMENT)
        path = f"{dataset}/{safe(source_id)}/{month}/{sha256[:16]}-{_token(run_id)[:8]}.parquet"
        return temporary, LakeFile(path, dataset, source_id, month, sha256, frame.height, temporary.stat().st_size,
                                   known.min(), known.max())  # type: ignore[arg-type]


def _parts(write: LakeWrite) -> list[tuple[str, str, str, pl.DataFrame]]:
    """A write as (dataset, source, month, rows in order), by month."""
    frame, dataset = write.rows(), write.dataset
    schema = SCHEMAS.get(dataset)
    if schema is not None:
        lacking = [c for c in schema if c not in frame.columns]
        if lacking:
            raise ValueError(f"lake dataset {dataset}: column {', '.join(lacking)} is missing")
        frame = frame.select(pl.col(c).cast(t) for c, t in schema.items())
    if frame.is_empty():
        return []
    frame = frame.sort(ORDER.get(dataset, ()), nulls_last=True, maintain_order=True) if dataset in ORDER else frame
    if write.partition is not None:
        return [(dataset, write.source_id, write.partition, frame)]
    date = next((c for c in ("local_date", "date") if c in frame.columns), None)
    if date is None:
        return [(dataset, write.source_id, UNDATED, frame)]
    month = frame[date].dt.strftime("%Y-%m").fill_null(UNDATED)
    return [(dataset, write.source_id, m, frame.filter(month == m)) for m in month.unique().sort()]


def safe(name: str) -> str:
    """The name as a folder's name."""
    return re.sub(r"[^\w.-]", "_", name).lstrip(".") or "_"


def _note(run_id: str) -> str:
    return f"{PENDING}/{_token(run_id)}"


def _token(run_id: str) -> str:
    return hashlib.sha256(run_id.encode()).hexdigest()[:24]


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_folder(path: Path) -> int:
    inside = sorted(path.iterdir())
    for file in inside:
        os.unlink(file)
    path.rmdir()
    return len(inside)
