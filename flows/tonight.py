"""The run that a place is worked in: which day, known when, under which settings."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from warehouse.settings import Settings


@dataclass(frozen=True)
class Tonight:
    """`quiet`: sources whose batch is withheld; `step` times a stage by name; `night_no` grows from run to run."""

    day: date
    as_of: datetime
    run_id: str
    settings: Settings
    quiet: Sequence[str]
    step: Callable
    night_no: int
