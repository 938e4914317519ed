"""When a matter is worth telling by a dated rule although no count of it stands out (`data/matters.yaml`)."""
from dataclasses import dataclass
from typing import Any

from policy.dated import load


@dataclass(frozen=True)
class MatterRule:
    """A rule about one matter: its id, the severity that it has by itself, how many distinct callers it asks for, within how many days."""

    id: str
    level: str
    callers: int
    days: int
    name_zh: str
    name_en: str
    advice_zh: str
    advice_en: str

    def name(self, lang: str = "zh") -> str:
        return self.name_zh if lang == "zh" else self.name_en

    def advice(self, lang: str = "zh") -> str:
        """What is to be done first."""
        return self.advice_zh if lang == "zh" else self.advice_en


@dataclass(frozen=True)
class SeveralCallers(MatterRule):
    """`callers` distinct callers on one incident within `days` days, where they are at least `own_callers_share` of the records and
    `times_usual` times what as many days of the `usual_days` before them brought."""

    own_callers_share: float
    times_usual: float
    usual_days: int


@dataclass(frozen=True)
class BackAfterSolved(MatterRule):
    """`solved` records or more closed as solved and none open, `quiet_days` without a new one after the last closing, then `callers` within `days` days,
    `times_usual` times what as many of the days before brought."""

    solved: int
    quiet_days: int
    times_usual: float


@dataclass(frozen=True)
class AfterInspection(MatterRule):
    """A record of its problem in its area, created within `days` days of the end of a special inspection."""


@dataclass(frozen=True)
class Spread(MatterRule):
    """`streets` streets within `days` days, `were` at the most before them."""

    streets: int
    were: int


@dataclass(frozen=True)
class Novelty(MatterRule):
    """A problem that neither taxonomy nor source has, found lately: `records` records from `callers` callers within `days` days, and none before them."""

    records: int


@dataclass(frozen=True)
class Claimants:
    """Who acts as a professional claimant: `records` records or more against `respondents` respondents or more within `days` days."""

    days: int
    records: int
    respondents: int


def claimant_rule() -> Claimants:
    """From when on a caller's records are a claimant's."""
    return Claimants(**load("matters.yaml")["claimants"])


RULE_ID = "several_callers"
_RULES: dict[str, type[MatterRule]] = {RULE_ID: SeveralCallers, "back_after_solved": BackAfterSolved, "after_inspection": AfterInspection, "spread": Spread, "novelty": Novelty}


def matter_rule(rule_id: str, records_a_day: float = 0.0) -> Any:
    """The rule of that id (`MatterRule`) for a place with so many records a day. Raises KeyError."""
    kind, row = _RULES[rule_id], dict(load("matters.yaml")[rule_id])
    steps = row.pop("callers", [{"up_to": float("inf"), "callers": 1}])
    days = row.pop("days", None) or max(load("themes.yaml")["recurrence_days"])
    return kind(callers=next(step["callers"] for step in steps if records_a_day <= step["up_to"]), days=days, name_zh=row.pop("zh"), name_en=row.pop("en"), **row)


def is_matter_rule(rule_id: str) -> bool:
    return rule_id in _RULES
