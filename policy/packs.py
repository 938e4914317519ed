"""Policy packs: which pack covers which place, and what it brings (`data/packs.yaml`, `data/law.yaml`)."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from policy import taxonomy
from policy.dated import holds, load


@cache
def packs() -> Mapping[str, Mapping]:
    """All packs by name: name_zh, name_en, city, district, district_code, time_zone, holidays, clocks."""
    return {p["pack"]: p for p in load("packs.yaml")["packs"]}


def pack(name: str) -> Mapping:
    """One pack. Raises KeyError that names the packs there are."""
    try:
        return packs()[name]
    except KeyError:
        raise KeyError(f"there is no policy pack {name!r}; there are: {', '.join(packs())}") from None


def covering(city: str | None, district: str | None) -> str | None:
    """The name of the pack that covers a district (its name, or its code of six digits), else None."""
    for name, row in packs().items():
        if district in (row["district"], row["district_code"]) and city in (None, row["city"], row["city"].removesuffix("市")):
            return name
    return None


@dataclass(frozen=True)
class Law:
    """A law with the articles that are quoted of it: `text` is both in one line; from when to when the text that is quoted holds, where that is known."""

    name: str
    text: str
    valid_from: date | None
    valid_to: date | None
    source: str | None
    note: str | None


def laws_for(problem_code: str | None, day: date, pack: str | None = None) -> list[Law]:
    """The laws behind a problem that are in force on a day; none where no pack covers the place or none is named."""
    problem = taxonomy.problem(problem_code, day) if problem_code and pack is not None else None
    out = []
    for name, *articles in (text.split(" ") for text in (problem.law if problem else ())):
        if in_force(name, day):
            row: Mapping = next((r for r in load("law.yaml")["laws"] if r["name"] == name and holds(r, day)), {})
            out.append(Law(name, f"{name} {'、'.join(articles)}".strip(), row.get("valid_from"), row.get("valid_to"), row.get("source"), row.get("note")))
    return out


def law_for(problem_code: str | None, day: date, pack: str | None = None) -> str | None:
    """`laws_for` as one line; None where there is none.

    Example: "价格法 第十三条、第四十二条；明码标价和禁止价格欺诈规定".
    """
    return "；".join(law.text for law in laws_for(problem_code, day, pack)) or None


def in_force(law: str, day: date) -> bool:
    """Whether a law is in force on a day: yes for one without dates in `law.yaml`."""
    rows = [row for row in load("law.yaml")["laws"] if row["name"] == law]
    return not rows or any(holds(row, day) for row in rows)
