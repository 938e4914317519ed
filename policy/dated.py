"""Reading the dated tables of `policy/data`: rows with `valid_from` and `valid_to`, both included, open where absent."""
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9999, 12, 31)


@cache
def load(name: str) -> Any:
    """The parsed YAML file `policy/data/<name>`; shared between callers, so never to be changed. Raises FileNotFoundError."""
    return yaml.load((files("policy") / "data" / name).read_text(encoding="utf-8"), Loader=_LOADER)


def read_text(name: str) -> str:
    """The text of `policy/data/<name>`."""
    return (files("policy") / "data" / name).read_text(encoding="utf-8")


def holds(row: Mapping[str, Any], day: date) -> bool:
    """Whether a row is valid on a day."""
    return (row.get("valid_from") or FIRST_DAY) <= day <= (row.get("valid_to") or LAST_DAY)


def on(rows: Iterable[Mapping[str, Any]], day: date) -> list[Mapping[str, Any]]:
    """The rows valid on a day, in the order of the file."""
    return [row for row in rows if holds(row, day)]
