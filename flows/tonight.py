"""The run that a place is worked in: which day, known when, under which settings."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models.problems import TaxonomyClassifier
from warehouse.settings import Settings


@dataclass(frozen=True)
class Tonight:
    """`quiet`: sources whose batch is withheld; `step` times a stage by name; `night_no` grows from run to run; `learned`: the taxonomy's learned part, as it
    was known then."""

    day: date
    as_of: datetime
    run_id: str
    settings: Settings
    quiet: Sequence[str]
    step: Callable
    night_no: int
    learned: TaxonomyClassifier | None = None
