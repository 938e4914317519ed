"""The metric registry (`data/metrics.yaml`): what each figure is called, how it is made, of what, and on whose word."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from policy.dated import FIRST_DAY, LAST_DAY, load

NOTHING, EVERYTHING = "false", "true"
SCORE = "score"


@dataclass(frozen=True)
class Metric:
    """One version of one figure. `part`, `whole` and `waiting` are SQL expressions over the rows of `over` (records or warnings)."""

    id: str
    zh: str
    en: str
    over: str
    kind: str
    unit: str
    part: str
    formula_zh: str
    formula_en: str
    source: str
    certainty: str
    matures_days: int
    whole: str = EVERYTHING
    waiting: str = NOTHING
    valid_from: date = FIRST_DAY
    valid_to: date = LAST_DAY

    def name(self, lang: str) -> str:
        """The name in "zh" or "en"."""
        return self.zh if lang == "zh" else self.en

    def formula(self, lang: str) -> str:
        """How it is made, in words."""
        return self.formula_zh if lang == "zh" else self.formula_en


@dataclass(frozen=True)
class Scheme:
    """A weighted score: `parts` are (weight, metric) with the scheme's own credits. `shown`: without being asked for by name."""

    id: str
    zh: str
    en: str
    shown: bool
    official: bool
    certainty: str
    source: str
    parts: tuple[tuple[float, Metric], ...]
    valid_from: date = FIRST_DAY
    valid_to: date = LAST_DAY

    def name(self, lang: str) -> str:
        """The name in "zh" or "en"."""
        return self.zh if lang == "zh" else self.en


@cache
def registry() -> tuple[Metric, ...]:
    """All versions of all metrics, in the order of the file. Raises ValueError for two versions of one that overlap."""
    rows = tuple(Metric(**row) for row in load("metrics.yaml")["metrics"])
    for n, row in enumerate(rows):
        for other in rows[:n]:
            if row.id == other.id and row.valid_from <= other.valid_to and other.valid_from <= row.valid_to:
                raise ValueError(f"metrics.yaml: two versions of {row.id!r} hold on {max(row.valid_from, other.valid_from)}")
    return rows


def metric(name: str, day: date) -> Metric | None:
    """The version of a metric for a period that ends on a day; None where there is none then. Raises KeyError for an unknown name."""
    versions = [m for m in registry() if m.id == name]
    if not versions:
        raise KeyError(name)
    return next((m for m in versions if m.valid_from <= day <= m.valid_to), None)


def names() -> list[str]:
    """The names of all metrics, in the order of the file; the score last."""
    return [*dict.fromkeys(m.id for m in registry()), SCORE]


def schemes(day: date) -> Mapping[str, Scheme]:
    """The schemes that hold on a day, by id."""
    out = {}
    for row in load("metrics.yaml")["schemes"]:
        first, last = row.get("valid_from") or FIRST_DAY, row.get("valid_to") or LAST_DAY
        if first <= day <= last:
            parts = []
            for part in row["parts"]:
                base = metric(part["metric"], day)
                if base is not None:
                    parts.append((float(part["weight"]), Metric(**{**base.__dict__, "part": part.get("part", base.part)})))
            out[row["id"]] = Scheme(row["id"], row["zh"], row["en"], row["shown"], row["official"], row["certainty"], row["source"], tuple(parts), first, last)
    return out


def checks() -> Mapping[str, int]:
    """`gap_days` and `constant_from`: when a figure is not to be trusted as it stands."""
    return load("metrics.yaml")["checks"]
