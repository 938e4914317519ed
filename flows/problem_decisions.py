"""What people decide of found problems: dated decisions, and what a night as of a moment makes of those known to it."""
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b
from typing import Any

import polars as pl

from models.problem_decisions import Decided, Split
from policy import taxonomy
from policy.taxonomy import ProblemRule
from transforms.canonical import MOMENT

#: Rows of the table `decision` with this kind: `subject` the problem, `details` what is decided (`act` and what goes with it).
KIND = "problem"


@dataclass(frozen=True)
class Promotion:
    """A found problem that has become one of the taxonomy's: `code` an existing type's or a new one's (then `name` is its name); `words` tell it."""

    problem_id: str
    code: str
    name: str | None
    words: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """Decisions known at a moment. `rows`: of the table `decision`, oldest first; `promoted`: by problem id."""

    rows: pl.DataFrame
    promoted: Mapping[str, Promotion] = field(default_factory=dict)

    @classmethod
    def of(cls, decisions: pl.DataFrame) -> "Known":
        """From all decisions (columns of the table `decision`)."""
        rows = decisions.filter(pl.col("kind") == KIND).sort("known_at", "decision_id")
        promoted = {problem: Promotion(problem, said["code"], said.get("name"), tuple(said["words"])) for problem, said in _said(rows) if said["act"] == "promote"}
        return cls(rows, promoted)

    @property
    def digest(self) -> str:
        """Which decisions these are; "" for none."""
        ids = self.rows["decision_id"].to_list()
        return blake2b("|".join(ids).encode(), digest_size=8).hexdigest() if ids else ""

    def rules_on(self, day: date) -> list[ProblemRule]:
        """The taxonomy's rules of a day and those of promoted problems: the words of a type's own rule and theirs are one rule. A word that people gave
        has the points of both kinds of pattern, and so outweighs one pattern of another type."""
        more: dict[str, list[str]] = {}
        for p in self.promoted.values():
            more.setdefault(p.code, []).extend(re.escape(w) for w in p.words)
        own = [replace(r, strong=(*r.strong, *words), include=(*r.include, *words)) for r in taxonomy.rules_on(day) for words in [more.pop(r.code, ())]]
        scoring = own[0].scoring if own else {}
        # What people added comes first, for the order breaks ties.
        return [ProblemRule(code, code.split(".")[0], tuple(words), tuple(words), (), scoring) for code, words in sorted(more.items())] + own

    def name(self, code: str, lang: str) -> str:
        """The name of a type, those that people added among them."""
        given = taxonomy.name(code, lang)
        return next((p.name for p in self.promoted.values() if p.code == code and p.name), given) if given == code else given

    def by_number(self, ids: Mapping[int, str], following: int) -> tuple[Decided, dict[int, str]]:
        """The decisions on a place's problems (`ids`: number → id) for its next fit, and the ids with those of parts that people made.

        following: the first number that is free. Of what contradicts itself the later word counts; what is said of other places' problems is left out.
        """
        ids = dict(ids)
        number = {i: n for n, i in ids.items()}
        names, pinned, joined, merged = dict[int, str](), set[int](), set[int](), dict[int, int]()
        splits: list[Split] = []
        for problem, said in _said(self.rows):
            n = number.get(problem)
            if n is None:
                continue
            n = merged.get(n, n)
            if said["act"] == "name":
                names[n] = said["name"]
            elif said["act"] == "pin":
                pinned.add(n)
            elif said["act"] == "unpin":
                pinned.discard(n)
            elif said["act"] == "promote":
                pinned.add(n)
            elif said["act"] == "split":
                new = number.setdefault(said["new"], following)
                following = max(following, new + 1)
                ids[new] = said["new"]
                splits.append(Split(n, new, tuple(said["words"])))
                names |= {new: said["name"]} if said.get("name") else {}
            elif said["act"] == "merge" and (into := number.get(said["into"])) is not None and merged.get(into, into) != n:
                into = merged.get(into, into)
                merged = {gone: into if last == n else last for gone, last in merged.items()} | {n: into}
                splits = [s for s in splits if n not in (s.new, s.number)]
                joined.add(into)
                pinned.discard(n)
        return Decided(names, frozenset(pinned), frozenset(pinned | joined), merged, tuple(splits)), ids


NOTHING_KNOWN = Known(pl.DataFrame(schema={"decision_id": pl.String, "known_at": MOMENT, "kind": pl.String, "subject": pl.String, "details": pl.String}))


def _said(rows: pl.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    return [(subject, json.loads(details)) for subject, details in rows.select("subject", "details").iter_rows()]


def new_problem_id(problem_id: str, words: tuple[str, ...], decision_id: str) -> str:
    """The id of a part that people take out of a problem: it derives from what they said."""
    return "p" + blake2b("|".join((problem_id, *words, decision_id)).encode(), digest_size=6).hexdigest()
