"""Whom a red warning goes to at once, and by when somebody must answer: the ladder's first post and the units that its rule names."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from policy.escalation import first_step, rules, rung
from policy.levels import answer_hours
from policy.units import Unit, units


@dataclass(frozen=True)
class AtOnce:
    """`hours`: within how many an answer is due, day and night; `units`: who is told, the leader first; none where no pack covers the place."""

    hours: int
    units: tuple[Unit, ...] = ()

    def names(self, lang: str = "zh") -> list[str]:
        return [u.name(lang) for u in self.units]


def at_once(level: str, tell: Sequence[str], pack: str | None, day: date, lead_code: str | None, street_code: str | None, problem_code: str | None) -> AtOnce | None:
    """Of a red warning; None for any other. tell: units that its rule names."""
    if level != "red":
        return None
    if pack is None:
        return AtOnce(answer_hours(level))
    table, said = units(pack), rules(pack, day)
    post = rung(pack, day, first_step(pack, day, level), lead_code, street_code, problem_code)
    told = [post.unit if post else None, *(table.resolve(code, day) for code in (lead_code, *tell) if code)]
    unique = {u.code: u for u in told if u}
    return AtOnce(said["start"][level]["answer_hours"] if said else answer_hours(level), tuple(unique.values()))
