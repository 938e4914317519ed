"""How a run is told to the person at the terminal."""
import json
import sys
from collections.abc import Iterable, Mapping

from flows.runtime import Told
from policy.rules import Finding

EXIT = {"ok": 0, "notices": 0, "withheld": 3, "failed": 1, "interrupted": 1}
BAD_USAGE = 2


class BadUsage(Told):
    """Wrong words on the command line: a path that isn't there, an unknown source or option. Exit status 2."""


def tell(line: str = "") -> None:
    """To the person: standard error, so that `--json` on standard output stays one object."""
    print(line, file=sys.stderr, flush=True)


def tell_findings(findings: Iterable[Finding], lang: str) -> None:
    for finding in findings:
        tell("  " + finding.text(lang))


def print_json(row: Mapping | list) -> None:
    """The run's row as one JSON object, last on standard output."""
    print(json.dumps(row, ensure_ascii=False, indent=2, default=str), flush=True)
