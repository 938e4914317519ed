"""The attention level of a warning, read off a table that a person can read too (`data/levels.yaml`)."""
from collections.abc import Mapping
from typing import NamedTuple

from policy.dated import load

LEVELS = ("red", "orange", "yellow", "blue")


class Level(NamedTuple):
    """red, orange, yellow or blue, and the id of the row that gave it."""

    level: str
    row: str


def level(kind: str, *, safety_critical: bool = False, n_records: int = 1, n_callers: int | None = None, ratio: float | None = None,
          n_streets: int = 1, severity: str | None = None, q_value: float | None = None) -> Level:
    """The first row of the table whose conditions all hold.

    `kind`: surge, incident, slow_rise, inquiry_rise, sentinel, cluster, recurrence, spread or novelty. `n_callers`: None where callers are not known. `ratio`: observed to expected,
    None where nothing is expected yet. `severity`: of the sentinel's or cluster's rule. `q_value`: how much of a list of warnings as
    doubtful as this one would be chance; None for kinds without. Raises ValueError if no row holds.
    """
    table = load("levels.yaml")
    callers = n_callers if n_callers is not None else n_records * table["unknown_callers_share"]
    seen = {"records": n_records, "callers": callers, "streets": n_streets, "ratio": float("inf") if ratio is None else ratio}
    one_caller = n_callers == 1 and n_records > 1
    for row in table["levels"]:
        if q_value is not None and q_value > row.get("q", q_value):
            continue
        if _holds(row, kind, safety_critical, one_caller, severity, seen):
            return Level(row["level"], row["id"])
    raise ValueError(f"levels.yaml: no row holds for a warning of kind {kind!r}")


def _holds(row: Mapping, kind: str, safety: bool, one_caller: bool, severity: str | None, seen: Mapping[str, float]) -> bool:
    if kind not in row.get("kind", (kind,)) or row.get("safety", safety) != safety or row.get("one_caller", one_caller) != one_caller:
        return False
    if row.get("severity", severity) != severity:
        return False
    return all(seen[name] >= row[name] for name in seen if name in row)


def reason(row: str, lang: str) -> str:
    """Why, in words: the text of a row by its id. Raises KeyError for an unknown one."""
    for r in load("levels.yaml")["levels"]:
        if r["id"] == row:
            return r["zh" if lang == "zh" else "en"]
    raise KeyError(row)


def answer_hours(level: str) -> int:
    """Within how many hours somebody should answer where no pack covers the place and says so."""
    return load("levels.yaml")["answer_hours"][level]


def rank(level: str) -> int:
    """0 for red … 3 for blue: sorts warnings, gravest first. Raises ValueError for a word that is no level."""
    return LEVELS.index(level)
