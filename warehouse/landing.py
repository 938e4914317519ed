"""Landing: every input as it came, by content hash, with its receipts. Private: the one place with personal data."""
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from warehouse.files import private_folder
from warehouse.inbox import Inbox, InboxFile
from warehouse.objects import Folder, kept_at

CHUNK = 1 << 20
#: Under landing: what is worked on of inputs that lie in a bucket.
COPIES = ".copies"


@dataclass(frozen=True)
class LandedFile:
    """An input in landing. `received_at` (UTC) is the first receipt of these bytes from this source."""

    path: Path
    sha256: str
    name: str
    source_id: str
    received_at: datetime
    size: int


class Landing:
    """`home/landing/ab/<sha256>` and, beside it, `<sha256>.json` with its receipts; or the same names in a bucket.

    What lies in a bucket is worked on as a copy in `home/landing/`, which goes with `close`.
    """

    def __init__(self, home: Path, inbox: Path | None = None, settle_seconds: float = 5.0, url: str | None = None) -> None:
        self._files = kept_at(url, Path(home) / "landing")
        self.folder = self._files.path if isinstance(self._files, Folder) else Path(home) / "landing"
        self._copies: set[Path] = set()
        self._inbox = Inbox(inbox or Path(home) / "inbox", settle_seconds)

    def land(self, path: Path, source_id: str, name: str | None = None, *, received_at: datetime) -> LandedFile:
        """Keeps the file's bytes, then its receipt; the same bytes again keep their first receipt.

        `received_at` is an aware datetime. Raises FileNotFoundError where there is no such file, ValueError for a naive one.
        """
        moment = _aware(received_at)
        private_folder(self.folder)
        aside = self.folder / f".landing-{os.getpid()}-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}.tmp"
        try:
            digest, size = hashlib.sha256(), 0
            with open(path, "rb") as source, _private_file(aside) as kept:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    kept.write(chunk)
                kept.flush()
                os.fsync(kept.fileno())
            sha256 = digest.hexdigest()
            place = self._keep(aside, sha256, size)
        finally:
            aside.unlink(missing_ok=True)
        return self._receive(place, sha256, name or Path(path).name, source_id, moment, size)

    def _keep(self, aside: Path, sha256: str, size: int) -> Path:
        """The bytes under their name, where they are not yet whole; gives where they can be read."""
        have = self._files.size(_name(sha256)) == size
        if isinstance(self._files, Folder):
            if not have:
                private_folder(self.folder / sha256[:2])
                self._files.take([(aside, _name(sha256))])
            return self.folder / _name(sha256)
        copy = self._copy(sha256)
        if not have:
            os.link(aside, sent := aside.with_suffix(".sent.tmp"))
            self._files.take([(sent, _name(sha256))])
        aside.replace(copy)
        return copy

    def _copy(self, sha256: str) -> Path:
        copy = private_folder(private_folder(self.folder) / COPIES) / f"{os.getpid()}-{sha256}"
        self._copies.add(copy)
        return copy

    def _receive(self, place: Path, sha256: str, name: str, source_id: str, moment: datetime, size: int) -> LandedFile:
        receipts = self.receipts(sha256)
        mine = [r for r in receipts if r["source_id"] == source_id]
        if not any(r["name"] == name for r in mine):
            receipts.append({"source_id": source_id, "name": name, "received_at": moment.isoformat(), "size": size})
            said = json.dumps(receipts, ensure_ascii=False, indent=1).encode()
            self._files.write(_receipt(sha256), said)
        first = min((datetime.fromisoformat(r["received_at"]) for r in mine), default=moment)
        return LandedFile(place, sha256, name, source_id, first, size)

    def receipts(self, sha256: str) -> list[dict]:
        """The receipts of these bytes in the order in which they came; none where they are not in landing."""
        try:
            return json.loads(self._files.read(_receipt(sha256)))
        except FileNotFoundError:
            return []

    def find(self, sha256: str, source_id: str) -> LandedFile | None:
        """The landed file of these bytes as this source gave it first, or None where landing no longer has it."""
        mine = [r for r in self.receipts(sha256) if r["source_id"] == source_id]
        if not mine or self._files.size(_name(sha256)) is None:
            return None
        if isinstance(self._files, Folder):
            place = self.folder / _name(sha256)
        else:
            place = self._copy(sha256)
            _private_file(place).close()
            self._files.fetch(_name(sha256), place)
        first = min(mine, key=lambda r: r["received_at"])
        return LandedFile(place, sha256, first["name"], source_id, datetime.fromisoformat(first["received_at"]), first["size"])

    def verify(self, sha256: str) -> bool:
        """Whether landing has these bytes and they are what their name says."""
        try:
            return self._files.sha256(_name(sha256)) == sha256
        except FileNotFoundError:
            return False

    def remove(self, sha256: str) -> bool:
        """Takes these bytes and their receipts out of landing (a purge); False where there were none."""
        was = self._files.size(_name(sha256)) is not None
        self._files.remove(_name(sha256))
        self._files.remove(_receipt(sha256))
        return was

    def sweep(self) -> int:
        """Removes what a killed process left half copied, and copies of what lies in a bucket; only under the night's lock."""
        left = [p for pattern in (".landing-*.tmp", f"{COPIES}/*") for p in sorted(self.folder.glob(pattern)) if p not in self._copies]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def close(self) -> None:
        """Removes this process' copies of what lies in a bucket."""
        for copy in self._copies:
            copy.unlink(missing_ok=True)
        self._copies.clear()

    def inbox(self, source_id: str, now: datetime, **how) -> list[InboxFile]:
        """The settled files of `inbox/SOURCE/`, by name: see `Inbox.settled`."""
        return self._inbox.settled(source_id, now, **how)

    def take_away(self, files: Iterable[InboxFile]) -> list[InboxFile]:
        """Removes files whose batch is stored from their inbox: see `Inbox.take_away`."""
        return self._inbox.take_away(files)

    def refuse(self, files: Iterable[InboxFile]) -> list[Path]:
        """Moves files at fault to `inbox/SOURCE/refused/`."""
        return self._inbox.refuse(files)


def _name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


def _receipt(sha256: str) -> str:
    return f"{_name(sha256)}.json"


def _private_file(path: Path) -> BinaryIO:
    """The file, empty, for its owner only."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("received_at needs a time zone")
    return moment.astimezone(UTC)
