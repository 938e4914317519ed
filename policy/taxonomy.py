"""The problem taxonomy, dated: groups, types, their names, units and laws, and the rules a classifier takes (`data/taxonomy.yaml`)."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from types import MappingProxyType

from policy.dated import FIRST_DAY, LAST_DAY, load


@dataclass(frozen=True)
class ProblemRule:
    """How one type is told from a text: what a classifier needs, and nothing else.

    Patterns are regular expressions on texts in NFKC without white space. `scoring` is the same mapping for all rules:
    title_weight, strong_points, include_points, body_chars, body_hits_max, min_score, title_fallback_chars.
    """

    code: str
    parent: str
    strong: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    #: A plain dict, never to be changed: a read-only view can be neither copied nor pickled, which estimators must be.
    scoring: Mapping[str, int] = field(compare=False)


@dataclass(frozen=True)
class Group:
    """The first level. `section`: the unit that leads where no single station can; None outside market supervision."""

    code: str
    name_zh: str
    name_en: str
    domain: str
    section: str | None = None


@dataclass(frozen=True)
class Problem:
    """The second level: one type of problem in the version that was asked for.

    `lead_unit` is a code of the units, "station" or "DEP-STREET"; `law` names laws with their articles.
    """

    code: str
    parent: str
    name_zh: str
    name_en: str
    definition: str
    lead_unit: str
    co_units: tuple[str, ...]
    law: tuple[str, ...]
    safety_critical: bool
    domain: str
    season: str | None
    examples: tuple[str, ...]
    valid_from: date
    valid_to: date
    successor: tuple[str, ...]

    def name(self, lang: str = "zh") -> str:
        """The name in "zh" or "en"."""
        return self.name_zh if lang == "zh" else self.name_en


class Taxonomy:
    """All versions of all types; every question may name the day it is asked for, else the newest version answers."""

    def __init__(self, data: Mapping):
        self.version: str = data["version"]
        self.scoring: Mapping[str, int] = dict(data["scoring"])
        self.focus: tuple[Mapping, ...] = tuple(MappingProxyType(f) for f in data["focus"])
        self._groups = {g["code"]: Group(g["code"], g["zh"], g["en"], g["domain"], g.get("section")) for g in data["groups"]}
        self._versions: list[tuple[Problem, ProblemRule]] = [self._type(t) for t in data["types"]]
        self._by_code: dict[str, list[Problem]] = {}
        for problem, _ in self._versions:
            self._by_code.setdefault(problem.code, []).append(problem)

    def _type(self, t: Mapping) -> tuple[Problem, ProblemRule]:
        if t["parent"] not in self._groups:
            raise ValueError(f"taxonomy: type {t['code']!r} names the unknown group {t['parent']!r}")
        problem = Problem(
            t["code"], t["parent"], t["zh"], t["en"], t["definition"], t["lead"], tuple(t.get("co", ())), tuple(t.get("law", ())),
            bool(t.get("safety", False)), self._groups[t["parent"]].domain, t.get("season"), tuple(t.get("examples", ())),
            t.get("valid_from") or FIRST_DAY, t.get("valid_to") or LAST_DAY, tuple(t.get("successor", ())),
        )
        rule = ProblemRule(t["code"], t["parent"], tuple(t.get("strong", ())), tuple(t.get("include", ())),
                           tuple(t.get("exclude", ())), self.scoring)
        return problem, rule

    def rules_on(self, day: date) -> list[ProblemRule]:
        """The rules valid on a day, in the order of the file (which breaks ties)."""
        return [rule for problem, rule in self._versions if problem.valid_from <= day <= problem.valid_to]

    def codes(self, day: date | None = None) -> list[str]:
        """The codes of all types (valid on a day), in the order of the file."""
        return list(dict.fromkeys(p.code for p, _ in self._versions if day is None or p.valid_from <= day <= p.valid_to))

    def problem(self, code: str, day: date | None = None) -> Problem | None:
        """The type as it was on a day, else its newest version; None for a code that is no type of ours."""
        versions = self._by_code.get(code, [])
        if day is not None:
            versions = [p for p in versions if p.valid_from <= day <= p.valid_to] or versions
        return max(versions, key=lambda p: p.valid_from, default=None)

    def name(self, code: str, lang: str = "zh", day: date | None = None) -> str:
        """The name of a type or group. A source's category (`SOURCE:name`) is its own name; any other code names itself."""
        problem = self.problem(code, day)
        if problem:
            return problem.name(lang)
        group = self._groups.get(code)
        if group:
            return group.name_zh if lang == "zh" else group.name_en
        source, colon, category = code.partition(":")
        return category if colon and source != "found" else code

    def group(self, code: str) -> Group | None:
        """The group of a type, or the group of that code; None for a code that is neither."""
        problem = self.problem(code)
        return self._groups.get(problem.parent if problem else code)

    def groups(self) -> list[Group]:
        """All groups in the order of the file."""
        return list(self._groups.values())

    def is_safety_critical(self, code: str) -> bool:
        """Whether people's safety is at stake in this type of problem; false for codes that are no type of ours."""
        problem = self.problem(code)
        return bool(problem and problem.safety_critical)


@cache
def taxonomy() -> Taxonomy:
    """The taxonomy that comes with the project."""
    return Taxonomy(load("taxonomy.yaml"))


def rules_on(day: date) -> list[ProblemRule]:
    """The rules valid on a day; pass them to `TaxonomyClassifier(rules=…)`."""
    return taxonomy().rules_on(day)


def problem(code: str, day: date | None = None) -> Problem | None:
    """See `Taxonomy.problem`."""
    return taxonomy().problem(code, day)


def name(code: str, lang: str = "zh", day: date | None = None) -> str:
    """See `Taxonomy.name`."""
    return taxonomy().name(code, lang, day)


def group(code: str) -> Group | None:
    """See `Taxonomy.group`."""
    return taxonomy().group(code)
