"""The opening that a warning stands in once it has come back: since when, after what."""
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Opening:
    """A warning that has come back: its how many-th opening this is, on which day; its evidence is what was created `since`, `after` the day on which
    it had ended; `before`: how many records it had until then."""

    no: int
    on: date
    since: date
    after: date
    before: int

    def told(self) -> dict[str, Any]:
        """As the column `evidence` keeps it."""
        return {c: x.isoformat() if isinstance(x, date) else x for c, x in asdict(self).items()}


def opening_of(warning: Mapping[str, Any] | None) -> Opening | None:
    """The opening that a warning (its column `opening`) stands in; None where it has never come back."""
    told = warning.get("opening") if warning else None
    if not told or not told["no"]:
        return None
    on, since, after = (date.fromisoformat(told[c]) for c in ("on", "since", "after"))
    return Opening(told["no"], on, since, after, told["before"])
