"""The kinds of ledgers (清单台账): their columns, which records they are joined to, and what makes an item risky (`data/ledgers.yaml`)."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from policy.dated import load, on

#: What happens to an item, noted by hand: a visit, a service, a fault, its posting, the residents' signature.
EVENTS = ("inspected", "maintained", "fault", "disclosed", "confirmed")


@dataclass(frozen=True)
class ItemRule:
    """A mark of an item. `when`: an SQL expression; `check`: whether it is an overdue check."""

    id: str
    zh: str
    en: str
    when: str
    points: int
    source: str
    check: bool

    def name(self, lang: str) -> str:
        """The mark in "zh" or "en"."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Ledger:
    """One kind. `columns`: name → type (text, date, integer, number, boolean), headers, required; `by`: place, respondent."""

    id: str
    zh: str
    en: str
    problems: tuple[str, ...]
    by: tuple[str, ...]
    columns: Mapping[str, Mapping]
    rows: tuple[Mapping, ...]

    def name(self, lang: str) -> str:
        """The name in "zh" or "en"."""
        return self.zh if lang == "zh" else self.en

    def rules(self, day: date) -> list[ItemRule]:
        """The rules of a day, in the order of the file."""
        return [ItemRule(r["id"], r["zh"], r["en"], r["when"], r["points"], r["source"], r.get("check", False)) for r in on(self.rows, day)]


@cache
def ledgers() -> Mapping[str, Ledger]:
    """All kinds by id."""
    return {r["id"]: Ledger(r["id"], r["zh"], r["en"], tuple(r["problems"]), tuple(r["by"]), r["columns"], tuple(r["rules"])) for r in load("ledgers.yaml")["ledgers"]}
