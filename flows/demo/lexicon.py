"""The words the city is made of (`words.yaml`, `problems.yaml`): trades, streets, problems and how they are told."""
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


@dataclass(frozen=True)
class Street:
    name: str
    weight: float
    character: str

    @property
    def short(self) -> str:
        """As people say it: 九棵树 for 九棵树街道."""
        for end in ("回族乡", "街道", "镇", "乡"):
            if self.name.endswith(end):
                return self.name.removesuffix(end)
        return self.name


@dataclass(frozen=True)
class Trade:
    name: str
    sign: str
    company: str
    kind: str


@dataclass(frozen=True)
class Problem:
    code: str
    group: str
    trades: tuple[str, ...]
    titles: tuple[str, ...]
    cores: tuple[str, ...]
    rare: float = 1.0


@dataclass(frozen=True)
class Lexicon:
    words: dict
    streets: tuple[Street, ...]
    trades: tuple[Trade, ...]
    problems: tuple[Problem, ...]

    def street(self, name: str) -> int:
        return next(i for i, s in enumerate(self.streets) if s.name == name)

    def trade(self, name: str) -> int:
        return next(i for i, t in enumerate(self.trades) if t.name == name)

    def problem(self, code: str) -> int:
        return next(i for i, p in enumerate(self.problems) if p.code == code)


@cache
def lexicon() -> Lexicon:
    """Everything, in the order of the files."""
    words = _read("words.yaml")
    problems = tuple(Problem(code, code.split(".")[0], tuple(p["trades"]), tuple(p["titles"]), tuple(p["cores"]), p.get("rare", 1.0))
                     for code, p in _read("problems.yaml").items())
    return Lexicon(words, tuple(Street(*s) for s in words["streets"]),
                   tuple(Trade(name, *rest) for name, rest in words["trades"].items()), problems)


def _read(name: str) -> dict:
    return yaml.load((files("flows.demo") / name).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
