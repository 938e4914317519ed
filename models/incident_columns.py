"""What the columns say of a pair of records: who it is about, where, which problem, who calls; and what follows from what a matter is."""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pypinyin import lazy_pinyin

from models.incident_corpus import COLUMNS, Corpus

#: Two respondents with different names, or two places, are two matters whatever the words are: templates and copies are alike everywhere.
OTHER_RESPONDENT, OTHER_PLACE, OTHER_PROBLEM = -8.0, -6.0, -0.8
#: A matter is one respondent's and one problem, however its records are told; another problem of the same respondent is another matter.
SAME_MATTER, SAME_RESPONDENT_ONLY = 14.0, -5.0
#: And where the problems are not even of one group (price and food at one chain), the likeness of the words is the respondent's.
OTHER_GROUP = -10.0
#: Where records mostly say who it is about, one that does not is alike many by its words; but who calls again is heard again.
NAMELESS, AGAIN = -8.0, 14.0


@dataclass(frozen=True)
class Evidence:
    """Log odds of pairs. `said`: what their columns add to their texts. `meant`: what follows from what a matter is, whatever the texts say."""

    said: np.ndarray
    meant: np.ndarray


def column_evidence(corpus: Corpus, i: np.ndarray, j: np.ndarray) -> Evidence:
    """From the columns respondent, place, problem_code and caller; 0 where one of the pair does not know.

    Agreement on a rare value weighs more. Another place says nothing where the respondent is the same: a chain, a firm with customers all over.
    """
    arrays, nowhere = corpus.arrays, np.zeros(len(i), bool)
    both = {name: (arrays[name][i] != "") & (arrays[name][j] != "") for name in COLUMNS}
    same = {name: both[name] & (arrays[name][i] == arrays[name][j]) for name in COLUMNS}
    # a shop sign is part of the company's name, a wrong character leaves the rest
    other = np.flatnonzero(both["respondent"] & ~same["respondent"])
    close = nowhere.copy()
    close[other[np.array([part_of(x, y) for x, y in zip(arrays["respondent"][i[other]], arrays["respondent"][j[other]])], bool)]] = True
    one_respondent = same["respondent"] | close
    said = np.zeros(len(i))
    for name, most, against, excused in (("respondent", 2.5, OTHER_RESPONDENT, close), ("place", 0.8, OTHER_PLACE, one_respondent), ("problem_code", 0.6, OTHER_PROBLEM, nowhere)):
        said += np.where(same[name], most * corpus.rarity[name][i], 0) + np.where(both[name] & ~same[name] & ~excused, against, 0)
    # Of a respondent that very many records are about, the words must say more.
    rare = np.minimum(1, 2 * np.minimum(corpus.rarity["respondent"][i], corpus.rarity["respondent"][j]))
    codes, of = np.unique(arrays["problem_code"].astype(str), return_inverse=True)
    group = np.array([group_of(c) for c in codes], dtype=str)[of]
    apart = np.where((group[i] != "") & (group[j] != "") & (group[i] != group[j]), OTHER_GROUP, SAME_RESPONDENT_ONLY)
    meant = np.where(one_respondent & same["problem_code"], SAME_MATTER * rare, 0) + np.where(one_respondent & both["problem_code"] & ~same["problem_code"], apart, 0)
    again = np.where(same["caller"], np.where(same["problem_code"] & same["place"], AGAIN, 0), NAMELESS)
    return Evidence(said, meant + corpus.named * np.where(both["respondent"], 0, again))


def group_of(problem_code: str) -> str:
    """The first level of a problem's path: `food` of `food.expired`; empty for what is no path (a found problem) or a source's own category."""
    group, level, _ = problem_code.partition(".")
    return group if level and ":" not in group else ""


def part_of(one: str, two: str) -> bool:
    """Whether two names may be one respondent's: one is part of the other, its characters are turned round, they sound alike (金辰, 金晨: clerks
    write by ear), or they begin alike (瑞享手机专卖店, 瑞享盛新通讯设备: the sign and the company). That the rest is alike (木聚大药房, 嘉聚大药房) only
    says what kind of shop it is.
    """
    return one in two or two in one or one[:2] == two[:2] or sorted(one) == sorted(two) or (len(one) == len(two) and _sound(one) == _sound(two))


@lru_cache(maxsize=65_536)
def _sound(name: str) -> tuple[str, ...]:
    """The syllables without tones."""
    return tuple(lazy_pinyin(name))
