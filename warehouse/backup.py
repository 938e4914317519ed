"""A house in a folder, as it was at one moment, and back: the same files whichever database they came from or go to.

Tables are Parquet, read in one snapshot; lake and landing are copied file by file, each checked against its own checksum on the way. All is
written aside and renamed at the end: a killed backup leaves none. A restore is one transaction of the database; files come in before it under
names that nobody reads yet, and what the restored tables don't name goes after it, so that whenever it is killed the house is the old one or the
new one.
"""
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from warehouse import bulk, keys, migrate, tables
from warehouse.access import NAME as ACCESS
from warehouse.engine import snapshot, writing
from warehouse.files import copy_whole, private_folder, sync_folder, write_whole
from warehouse.reading import fetch_table, typed
from warehouse.store import Warehouse

FORMAT = 1
MANIFEST = "manifest.json"
#: What is kept of a home besides tables, lake and landing; the folder with own mappings whole.
SETTINGS = ("weisu.toml", "secret", keys.FORGOTTEN, ACCESS)
OWN_SOURCES = "sources"
#: Rows of a table that are in memory at once.
CHUNK = 50_000


class BackupError(RuntimeError):
    """A backup that cannot be made or used. `reason` is a key of the catalogue's (backup.…), `values` what it says of it."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(f"{reason}: {', '.join(f'{k} {v}' for k, v in values.items())}")
        self.reason, self.values = reason, values


@dataclass(frozen=True)
class _Copied:
    size: int
    sha256: str


def backup(warehouse: Warehouse, to: Path, made_at: datetime, earlier: Path | None = None) -> dict[str, Any]:
    """Writes the house into the new folder `to` (mode 0700) and returns its manifest. To be called under the lock.

    earlier: a backup whose lake and landing files, where they are the same, are linked instead of copied. Raises BackupError where `to`
    is there already, or where a lake file is missing or not as it was written.
    """
    to = Path(to).absolute()
    if to.exists():
        raise BackupError("there", path=to)
    aside = to.with_name(f".{to.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    to.parent.mkdir(parents=True, exist_ok=True)
    private_folder(aside)
    have = _manifest(earlier)["files"] if earlier is not None else {}
    try:
        files: dict[str, _Copied] = {}
        with snapshot(warehouse.engine) as connection:
            schema = migrate.version(connection)
            rows = {t.name: _save_table(connection, t, aside, files) for t in tables.metadata.sorted_tables}
            named = connection.execute(sa.select(tables.lake_file.c.path, tables.lake_file.c.sha256).order_by(tables.lake_file.c.path)).all()
        for path, sha256 in named:
            _keep(warehouse.lake.folder / path, aside, f"lake/{path}", files, earlier, have, sha256)
        landed = sorted(p for p in warehouse.landing.folder.glob("??/*") if p.is_file() and not p.name.startswith("."))
        for source in landed:
            _keep(source, aside, f"landing/{source.parent.name}/{source.name}", files, earlier, have, None if source.suffix else source.name)
        own = sorted(p for p in (warehouse.home / OWN_SOURCES).rglob("*") if p.is_file())
        for source in [*(warehouse.home / n for n in SETTINGS if (warehouse.home / n).exists()), *own]:
            _keep(source, aside, f"home/{source.relative_to(warehouse.home)}", files, None, {}, None)
        manifest = {"format": FORMAT, "made_at": made_at.isoformat(), "schema": schema, "engine": warehouse.engine.dialect.name,
                    "key_id": keys.key_id(warehouse.settings.key), "rows": rows, "files": {n: [f.size, f.sha256] for n, f in sorted(files.items())}}
        write_whole(aside / MANIFEST, json.dumps(manifest, indent=1).encode())
        aside.rename(to)
        sync_folder(to.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return manifest


def _save_table(connection: sa.Connection, table: sa.Table, aside: Path, files: dict[str, _Copied]) -> int:
    names = [c.name for c in table.c]
    query = sa.text(f'select {", ".join(chr(34) + n + chr(34) for n in names)} from "{table.name}"')
    answer = connection.execute(query, execution_options={"stream_results": True})
    n = total = 0
    while part := answer.fetchmany(CHUNK):
        name = f"tables/{table.name}-{n:05}.parquet"
        path = aside / name
        path.parent.mkdir(exist_ok=True)
        typed([tuple(r) for r in part], names, connection.dialect.name == "sqlite").write_parquet(path, compression="zstd")
        files[name] = _Copied(path.stat().st_size, _hash(path))
        n, total = n + 1, total + len(part)
    return total


def _keep(source: Path, aside: Path, name: str, files: dict[str, _Copied], earlier: Path | None, have: Mapping[str, Any], sha256: str | None) -> None:
    """Copies one file, or links the earlier backup's; the bytes must be what `sha256` says, where it says anything."""
    target = aside / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if earlier is not None and sha256 is not None and have.get(name, (0, None))[1] == sha256:
        try:
            os.link(earlier / name, target)
            files[name] = _Copied(have[name][0], sha256)
            return
        except OSError:
            target.unlink(missing_ok=True)
    try:
        copied = _copy(source, target)
    except FileNotFoundError:
        raise BackupError("damaged", path=name) from None
    if sha256 is not None and copied.sha256 != sha256:
        raise BackupError("damaged", path=name)
    files[name] = copied


def _copy(source: Path, target: Path) -> _Copied:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as whence, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as kept:
        while chunk := whence.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
            kept.write(chunk)
        kept.flush()
        os.fsync(kept.fileno())
    return _Copied(size, digest.hexdigest())


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] == FORMAT:
            return manifest
    except (OSError, ValueError, KeyError):
        pass
    raise BackupError("none", path=folder)


def check(folder: Path) -> dict[str, Any]:
    """The manifest of a backup whose every file is as it was written. Raises BackupError naming the first that is not."""
    manifest = _manifest(folder)
    for name, (size, sha256) in manifest["files"].items():
        path = Path(folder) / name
        if not path.is_file() or path.stat().st_size != size or _hash(path) != sha256:
            raise BackupError("damaged", path=name)
    return manifest


def is_lived_in(warehouse: Warehouse) -> bool:
    """Whether the house holds anything that a restore would take the place of."""
    with warehouse.engine.connect() as connection:
        if migrate.version(connection) is not None and connection.execute(sa.text("select 1 from run limit 1")).first():
            return True
    return any(warehouse.landing.folder.glob("??/*"))


def restore(warehouse: Warehouse, source: Path, run_id: str, replace: bool = False) -> tuple[dict[str, Any], pl.DataFrame]:
    """Makes the house what it was when the backup was made. To be called under the lock.

    Returns the manifest, and the rows of the table `purge` that the house had and the backup has not: what they let go is back.

    Raises BackupError, with the house as it was: for a folder that is no backup or has a damaged file, one made with another key than this
    house's WEISU_SECRET or by a newer schema, and (unless `replace`) where the house is lived in. Inputs that landing received since stay.
    """
    source = Path(source).absolute()
    manifest = check(source)
    if not replace and is_lived_in(warehouse):
        raise BackupError("lived_in", path=warehouse.home)
    if manifest["schema"] not in migrate.versions():
        raise BackupError("newer", schema=manifest["schema"])
    settings, inside = warehouse.settings, source / "home" / "secret"
    if not settings.secret_is_given and not inside.exists() and not (settings.home / "secret").exists():
        raise BackupError("key")                             # asked for a key, the settings would make a new one
    if keys.key_id(inside.read_bytes().strip() if inside.exists() and not settings.secret_is_given else settings.key) != manifest["key_id"]:
        raise BackupError("key")
    for name in manifest["files"]:
        room, _, path = name.partition("/")
        if room == "landing":
            target = private_folder(warehouse.landing.folder) / path
            private_folder(target.parent)
            if not target.exists() or (not target.suffix and target.stat().st_size != manifest["files"][name][0]):
                copy_whole(source / name, target)
    lake = [n.removeprefix("lake/") for n in manifest["files"] if n.startswith("lake/")]
    with warehouse.engine.connect() as connection:
        old = list(connection.execute(sa.select(tables.lake_file.c.path)).scalars())
        purges = fetch_table(connection, tables.purge)
    warehouse.lake.bring(run_id, {p: source / "lake" / p for p in lake}, old)
    with writing(warehouse.engine) as connection:
        _load(connection, source, manifest)
    warehouse.sweep()
    _settle_home(warehouse, source, manifest)
    return manifest, purges.join(warehouse.read("purge"), on="purge_id", how="anti")


def _load(connection: sa.Connection, source: Path, manifest: Mapping[str, Any]) -> None:
    """Every table as the backup has it, at the newest schema, in the connection's transaction."""
    if migrate.version(connection) != manifest["schema"]:
        migrate.go(connection, "downgrade", "base")
        migrate.go(connection, "upgrade", manifest["schema"])
    else:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(sa.delete(table))
    for name in sorted(n for n in manifest["files"] if n.startswith("tables/")):
        table = tables.metadata.tables[Path(name).stem.rpartition("-")[0]]
        bulk.write(connection, table, pl.read_parquet(source / name), "insert")
    migrate.go(connection, "upgrade", "head")


def _settle_home(warehouse: Warehouse, source: Path, manifest: Mapping[str, Any]) -> None:
    """The settings, secret and mappings of the backup. A `weisu.toml` or access log that is there already stays: the backup's goes beside it."""
    for name in (n for n in manifest["files"] if n.startswith("home/")):
        target = warehouse.home / name.removeprefix("home/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name in ("weisu.toml", ACCESS) and target.parent == warehouse.home and target.exists():
            if target.read_bytes() == (source / name).read_bytes():
                continue
            target = target.with_name(f"{target.name}.restored")
        copy_whole(source / name, target, 0o600 if target.parent == warehouse.home else 0o644)
    warehouse.settings.forget_key()
