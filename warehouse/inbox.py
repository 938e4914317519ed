"""Inboxes: `inbox/SOURCE/`, where exports are dropped for the next night. Mode 0700, like landing."""
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.files import private_folder

#: Names that say a file is still being written, or that it is a marker and no input.
UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", ".writing", ".swp")
DONE = ".done"
REFUSED = "refused"


@dataclass(frozen=True)
class InboxFile:
    """A file in an inbox, as it stood when it was found settled."""

    path: Path
    source_id: str
    size: int
    modified_ns: int

    @property
    def unchanged(self) -> bool:
        """Whether the file is still the one that was found."""
        return _look(self.path) == (self.size, self.modified_ns)


class Inbox:
    """The inboxes of a house under one folder."""

    def __init__(self, folder: Path, settle_seconds: float = 5.0) -> None:
        self.folder = Path(folder)
        self.settle_seconds = settle_seconds

    def of(self, source_id: str) -> Path:
        """The source's inbox, made where it is missing."""
        private_folder(self.folder)
        return private_folder(self.folder / source_id)

    def sources(self) -> list[str]:
        """Sources that have an inbox."""
        return sorted(p.name for p in self.folder.iterdir() if p.is_dir()) if self.folder.exists() else []

    def settled(self, source_id: str, now: datetime, pause: Callable[[float], object] = time.sleep) -> list[InboxFile]:
        """Files that nobody is writing any more, by name; the others are left for the next run.

        Settled is a file `x` beside an `x.done`, one not touched for `settle_seconds` before `now` (aware), and one whose size
        and time stand still over a pause of that length. Names of unfinished files (.part, .tmp, …) and hidden ones are left.
        """
        found = {p: seen for p in sorted(self.of(source_id).iterdir()) if _is_input(p) and (seen := _look(p))}
        ready: list[InboxFile] = []
        young: list[InboxFile] = []
        for path, (size, modified) in found.items():
            old = now.timestamp() - modified / 1e9 >= self.settle_seconds
            done = path.with_name(path.name + DONE).exists()
            (ready if old or done else young).append(InboxFile(path, source_id, size, modified))
        if young:
            pause(self.settle_seconds)
            ready += [f for f in young if f.unchanged]
        return sorted(ready, key=lambda f: f.path.name)

    def take_away(self, files: Iterable[InboxFile]) -> list[InboxFile]:
        """Removes stored files and their `.done`; a file that was changed meanwhile stays and is returned."""
        stayed = []
        for file in files:
            if file.unchanged:
                file.path.unlink()
                file.path.with_name(file.path.name + DONE).unlink(missing_ok=True)
            elif file.path.exists():
                stayed.append(file)
        return stayed

    def refuse(self, files: Iterable[InboxFile]) -> list[Path]:
        """Moves files at fault to `refused/`, without overwriting one that is there; returns where they are now."""
        moved = []
        for file in files:
            if not file.path.exists():
                continue
            folder = private_folder(file.path.parent / REFUSED)
            target, n = folder / file.path.name, 1
            while target.exists():
                n += 1
                target = folder / f"{file.path.stem}-{n}{file.path.suffix}"
            file.path.rename(target)
            file.path.with_name(file.path.name + DONE).unlink(missing_ok=True)
            moved.append(target)
        return moved


def _is_input(path: Path) -> bool:
    name = path.name.lower()
    return path.is_file() and not name.startswith((".", "~$")) and not name.endswith((*UNFINISHED, DONE))


def _look(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_size, seen.st_mtime_ns
