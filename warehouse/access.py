"""Who looked at landing: a line for every time that a command opened it for a person. Append-only, mode 0600, nothing of what was seen.

A night that reads the files it just landed looks for nobody and is not noted.
"""
import getpass
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

NAME = "access.log"
#: A command that opened more files than this is noted with their number only.
NAMED = 100


class AccessLog:
    """`home/access.log`: one JSON object a line: at, who (the user of the operating system), command, files (hashes), n_files, why."""

    def __init__(self, home: Path) -> None:
        self.path = Path(home) / NAME

    def note(self, command: str, files: Sequence[str], why: str) -> None:
        """Notes that landed files are opened (or taken away), before it is done. Does nothing where there are none."""
        if not files:
            return
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "who": _who(), "command": command,
                "files": sorted(files) if len(files) <= NAMED else [], "n_files": len(files), "why": why}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, (json.dumps(line, ensure_ascii=False) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def lines(self) -> list[dict]:
        """What was noted, oldest first."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines() if line]


def _who() -> str:
    """The user of the operating system; behind sudo, the one who called it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return f"{behind} as {name}" if behind and behind != name else name
