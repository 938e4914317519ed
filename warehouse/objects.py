"""Where whole files are kept under names: a folder of this machine, or a bucket of an object store (S3, GCS, Azure …).

A file is put whole or not at all. In a folder that takes a rename; an object store shows an object only once all of it is there.
Credentials and endpoint of a bucket come from the environment as its maker defines them (AWS_…, GOOGLE_…, AZURE_…): obstore writes and
polars reads through the same library, so one environment serves both.
"""
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from warehouse.files import folder, sync_folder, write_whole
from warehouse.settings import SettingsError

SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")
CHUNK = 1 << 20


class Objects(Protocol):
    """What a folder and a bucket have in common. Names are relative, with `/`; FileNotFoundError where nothing has the name."""

    def take(self, files: Iterable[tuple[Path, str]]) -> None: ...
    def write(self, name: str, data: bytes) -> None: ...
    def read(self, name: str) -> bytes: ...
    def size(self, name: str) -> int | None: ...
    def sha256(self, name: str) -> str: ...
    def names(self, under: str) -> list[str]: ...
    def remove(self, name: str) -> None: ...
    def addresses(self, names: Iterable[str]) -> list[Any]: ...
    def scanning(self) -> dict[str, Any]: ...


class Folder:
    """Files of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, files: Iterable[tuple[Path, str]]) -> None:
        """Moves synced files of the same disk under their names, and makes that durable."""
        places = set()
        for temporary, name in files:
            target = self.path / name
            folder(target.parent)
            temporary.replace(target)
            places.add(target.parent)
        for place in sorted(places):
            sync_folder(place)

    def write(self, name: str, data: bytes) -> None:
        folder((self.path / name).parent)
        write_whole(self.path / name, data)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def size(self, name: str) -> int | None:
        try:
            return (self.path / name).stat().st_size
        except FileNotFoundError:
            return None

    def sha256(self, name: str) -> str:
        with (self.path / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def names(self, under: str) -> list[str]:
        place = self.path / under
        return sorted(f"{under}/{p.name}" for p in place.iterdir()) if place.exists() else []

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def addresses(self, names: Iterable[str]) -> list[Any]:
        return [self.path / name for name in names]

    def scanning(self) -> dict[str, Any]:
        return {}


class Bucket:
    """Objects under a URL such as `s3://bucket/prefix`."""

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore.store import from_url
        except ImportError:
            raise SettingsError("an object store needs the extra `scale`: pip install 'weisu[scale]'") from None
        self.url = url.rstrip("/")
        self._do = obstore
        self._store: Any = from_url(self.url)

    def take(self, files: Iterable[tuple[Path, str]]) -> None:
        """Puts the files as objects; each is seen when all of it is there, and is durable then."""
        for temporary, name in files:
            self._do.put(self._store, name, temporary)
            temporary.unlink()

    def write(self, name: str, data: bytes) -> None:
        self._do.put(self._store, name, data)

    def read(self, name: str) -> bytes:
        return bytes(self._do.get(self._store, name).bytes())

    def size(self, name: str) -> int | None:
        try:
            return self._do.head(self._store, name)["size"]
        except FileNotFoundError:
            return None

    def sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._do.get(self._store, name).stream(min_chunk_size=CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def fetch(self, name: str, into: Path) -> None:
        """Copies the object to a file that is there already (and has its mode)."""
        with into.open("wb") as file:
            for chunk in self._do.get(self._store, name).stream(min_chunk_size=CHUNK):
                file.write(chunk)

    def names(self, under: str) -> list[str]:
        return sorted(found["path"] for page in self._do.list(self._store, under) for found in page)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._do.delete(self._store, name)

    def addresses(self, names: Iterable[str]) -> list[Any]:
        return [f"{self.url}/{name}" for name in names]

    def scanning(self) -> dict[str, Any]:
        """polars' own look for credentials would bring in each maker's library: the environment is enough."""
        return {"credential_provider": None}


def kept_at(url: str | None, home: Path) -> Folder | Bucket:
    """The bucket of a URL; a folder where it is `file://…`, or `home` where there is none. Raises SettingsError for any other."""
    if not url:
        return Folder(home)
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Folder(Path(unquote(parts.path)))
    if parts.scheme not in SCHEMES:
        raise SettingsError(f"{parts.scheme or url}: no such object store; known are file, {', '.join(SCHEMES)}")
    return Bucket(url)
