"""Landing: every input as it came, by content hash, with its receipts. Mode 0700: the one place with personal data."""
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse.files import private_folder, sync_folder, write_whole
from warehouse.inbox import Inbox, InboxFile

CHUNK = 1 << 20


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
    """`home/landing/ab/<sha256>` and, beside it, `<sha256>.json` with its receipts."""

    def __init__(self, home: Path, inbox: Path | None = None, settle_seconds: float = 5.0) -> None:
        self.folder = Path(home) / "landing"
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
            with open(path, "rb") as source, open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as kept:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    kept.write(chunk)
                kept.flush()
                os.fsync(kept.fileno())
            sha256 = digest.hexdigest()
            place = private_folder(self.folder / sha256[:2]) / sha256
            if not place.exists() or place.stat().st_size != size:
                aside.replace(place)
                sync_folder(place.parent)
        finally:
            aside.unlink(missing_ok=True)
        return self._receive(place, sha256, name or Path(path).name, source_id, moment, size)

    def _receive(self, place: Path, sha256: str, name: str, source_id: str, moment: datetime, size: int) -> LandedFile:
        receipts = self.receipts(sha256)
        mine = [r for r in receipts if r["source_id"] == source_id]
        if not any(r["name"] == name for r in mine):
            receipts.append({"source_id": source_id, "name": name, "received_at": moment.isoformat(), "size": size})
            said = json.dumps(receipts, ensure_ascii=False, indent=1).encode()
            write_whole(place.with_name(f"{sha256}.json"), said)
        first = min((datetime.fromisoformat(r["received_at"]) for r in mine), default=moment)
        return LandedFile(place, sha256, name, source_id, first, size)

    def receipts(self, sha256: str) -> list[dict]:
        """The receipts of these bytes in the order in which they came; none where they are not in landing."""
        try:
            return json.loads((self.folder / sha256[:2] / f"{sha256}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []

    def find(self, sha256: str, source_id: str) -> LandedFile | None:
        """The landed file of these bytes as this source gave it first, or None where landing no longer has it."""
        place = self.folder / sha256[:2] / sha256
        mine = [r for r in self.receipts(sha256) if r["source_id"] == source_id]
        if not place.exists() or not mine:
            return None
        first = min(mine, key=lambda r: r["received_at"])
        return LandedFile(place, sha256, first["name"], source_id, datetime.fromisoformat(first["received_at"]), first["size"])

    def verify(self, sha256: str) -> bool:
        """Whether landing has these bytes and they are what their name says."""
        place = self.folder / sha256[:2] / sha256
        if not place.exists():
            return False
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def remove(self, sha256: str) -> bool:
        """Takes these bytes and their receipts out of landing (a purge); False where there were none."""
        place = self.folder / sha256[:2] / sha256
        was = place.exists()
        place.unlink(missing_ok=True)
        place.with_name(f"{sha256}.json").unlink(missing_ok=True)
        return was

    def sweep(self) -> int:
        """Removes what a killed process left half copied; only under the night's lock."""
        left = sorted(self.folder.glob(".landing-*.tmp")) if self.folder.exists() else []
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def inbox(self, source_id: str, now: datetime, **how) -> list[InboxFile]:
        """The settled files of `inbox/SOURCE/`, by name: see `Inbox.settled`."""
        return self._inbox.settled(source_id, now, **how)

    def take_away(self, files: Iterable[InboxFile]) -> list[InboxFile]:
        """Removes files whose batch is stored from their inbox: see `Inbox.take_away`."""
        return self._inbox.take_away(files)

    def refuse(self, files: Iterable[InboxFile]) -> list[Path]:
        """Moves files at fault to `inbox/SOURCE/refused/`."""
        return self._inbox.refuse(files)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("received_at needs a time zone")
    return moment.astimezone(UTC)
