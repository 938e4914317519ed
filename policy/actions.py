"""What to do first about a problem (`data/first_actions.yaml`)."""
from collections.abc import Mapping
from datetime import date
from functools import cache

from policy.dated import load, on

OTHER = "other"


@cache
def _on(day: date) -> Mapping[str, Mapping]:
    return {row["problem"]: row for row in sorted(on(load("first_actions.yaml")["actions"], day), key=lambda r: r["valid_from"])}


def first_action(problem_code: str | None, day: date, lang: str = "zh") -> str:
    """The suggestion for a type of problem as it was on a day; that for others where the code is no type of the taxonomy."""
    said = _on(day)
    return said.get(problem_code or OTHER, said[OTHER])["zh" if lang == "zh" else "en"]
