"""通病: problems that have a standing remedy, with its dates (`data/remedies.yaml`)."""
from dataclasses import dataclass
from datetime import date

from policy.dated import load, on


@dataclass(frozen=True)
class Remedy:
    """How a common problem is dealt with, and on whose word."""

    problem: str
    zh: str
    en: str
    source: str

    def text(self, lang: str) -> str:
        """The remedy in "zh" or "en"."""
        return self.zh if lang == "zh" else self.en


def remedy(problem: str | None, day: date) -> Remedy | None:
    """The remedy of a problem on a day; only an approved one counts."""
    return next((Remedy(r["problem"], r["zh"], r["en"], r["source"]) for r in on(load("remedies.yaml")["remedies"], day) if r["problem"] == problem and r["approved_by"]), None)
