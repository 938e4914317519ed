"""The validity rules as data (`data/rules.yaml`): a code, how grave it is, what follows from it, and what it says."""
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import yaml

QUARANTINE, FLAG, REPAIR, WITHHOLD, REFUSE = "Q", "F", "P", "W", "X"
#: Placeholders of a message that name what was expected; every other one but {col} names what was found.
_EXPECTED = frozenset({"a", "lo", "hi", "q", "t", "d", "date"})
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Rule:
    """One validity rule. `effect`: Q quarantine, F flag, P repair and flag, W withhold, X refuse."""

    code: str
    severity: str
    effect: str
    zh: str
    en: str

    def message(self, lang: str = "en", found: object = None, expected: object = None, column: object = None,
                values: Mapping[str, object] | None = None) -> str:
        """The rule's sentence in `lang` ("zh" or "en"); a slot that has no value reads "?"."""
        def fill(match: re.Match) -> str:
            name = match[1]
            if values and name in values:
                value = values[name]
            else:
                value = column if name == "col" else expected if name in _EXPECTED else found
            return "?" if value is None else str(value)

        return _SLOT.sub(fill, self.zh if lang == "zh" else self.en)


@dataclass(frozen=True)
class Finding:
    """A rule that spoke about a file or a batch. `values` fill the message's slots by name."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)
    file: str | None = None
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    #: What to do, by language, in the words of the catalogue; filled where the reader can be told more than the rule says.
    advice: Mapping[str, str] | None = None

    @property
    def rule(self) -> Rule:
        return rules()[self.code]

    @property
    def effect(self) -> str:
        return self.rule.effect

    def text(self, lang: str = "en") -> str:
        """File, sheet, row and column, then the rule's sentence, then what to do."""
        where = [str(x) for x in (self.file, self.sheet) if x]
        if self.row is not None:
            where.append(f"第 {self.row} 行" if lang == "zh" else f"row {self.row}")
        if self.column:
            where.append(f"列“{self.column}”" if lang == "zh" else f"column {self.column!r}")
        said = self.rule.message(lang, column=self.column, values=self.values)
        head = f"{', '.join(where)}: " if where else ""
        return f"{head}{self.code} {said}" + (f" — {self.advice[lang if lang in self.advice else 'en']}" if self.advice else "")


@cache
def rules() -> Mapping[str, Rule]:
    """All rules by code, in the order of the file, which is the order in which they are judged."""
    data = yaml.safe_load((files("policy") / "data" / "rules.yaml").read_text(encoding="utf-8"))
    return MappingProxyType({r["code"]: Rule(**r) for r in data["rules"]})


def worst(effects) -> str | None:
    """The gravest of some effects: X before W before Q before F before P; None for none."""
    order = (REFUSE, WITHHOLD, QUARANTINE, FLAG, REPAIR)
    have = set(effects)
    return next((e for e in order if e in have), None)
