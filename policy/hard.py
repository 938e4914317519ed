"""When a matter is hard (疑难) and a problem frequent (高频): dated rules of the bureau's own (`data/hard.yaml`)."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from policy.dated import load, on


@dataclass(frozen=True)
class Mark:
    """One reason for which a matter is hard. `when`: an SQL expression over the columns of a matter (`transforms.hard.matters`)."""

    id: str
    zh: str
    en: str
    when: str

    def name(self, lang: str) -> str:
        """The reason in "zh" or "en"."""
        return self.zh if lang == "zh" else self.en


def marks(day: date) -> list[Mark]:
    """The rules of a day, in the order of the file."""
    return [Mark(row["id"], row["zh"], row["en"], row["when"]) for row in on(load("hard.yaml")["hard"], day)]


def look_back_days() -> int:
    """How far back records are looked for that are still open."""
    return int(load("hard.yaml")["look_back_days"])


def frequent() -> Mapping[str, float]:
    """`top`, `rise` and `least` of a frequent problem."""
    return load("hard.yaml")["frequent"]
