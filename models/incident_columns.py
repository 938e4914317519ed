"""What the columns say of a pair of records: who it is about, where, which problem, who calls; and what follows from what a matter is."""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
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
    both = {name: (arrays[name][i] > 0) & (arrays[name][j] > 0) for name in COLUMNS}
    same = {name: both[name] & (arrays[name][i] == arrays[name][j]) for name in COLUMNS}
    # a shop sign is part of the company's name, a wrong character leaves the rest
    other = np.flatnonzero(both["respondent"] & ~same["respondent"])
    names, close = corpus.spelt["respondent"], nowhere.copy()
    pairs, at = np.unique(arrays["respondent"][i[other]] * len(names) + arrays["respondent"][j[other]], return_inverse=True)
    close[other] = one_name(names.gather(pairs // len(names)), names.gather(pairs % len(names)))[at]
    one_respondent = same["respondent"] | close
    said = np.zeros(len(i))
    for name, most, against, excused in (("respondent", 2.5, OTHER_RESPONDENT, close), ("place", 0.8, OTHER_PLACE, one_respondent), ("problem_code", 0.6, OTHER_PROBLEM, nowhere)):
        said += np.where(same[name], most * corpus.rarity[name][i], 0) + np.where(both[name] & ~same[name] & ~excused, against, 0)
    # Of a respondent that very many records are about, the words must say more.
    rare = np.minimum(1, 2 * np.minimum(corpus.rarity["respondent"][i], corpus.rarity["respondent"][j]))
    group = group_of(corpus.spelt["problem_code"])[arrays["problem_code"]]
    apart = np.where((group[i] > 0) & (group[j] > 0) & (group[i] != group[j]), OTHER_GROUP, SAME_RESPONDENT_ONLY)
    meant = np.where(one_respondent & same["problem_code"], SAME_MATTER * rare, 0) + np.where(one_respondent & both["problem_code"] & ~same["problem_code"], apart, 0)
    again = np.where(same["caller"], np.where(same["problem_code"] & same["place"], AGAIN, 0), NAMELESS)
    return Evidence(said, meant + corpus.named * np.where(both["respondent"], 0, again))


def group_of(problem_codes: pl.Series) -> np.ndarray:
    """A number for the first level of each problem's path: `food` of `food.expired`; 0 for what is no path (a found problem) or a source's own category."""
    return problem_codes.str.extract(r"^([^.:]+)\.").rank("dense").fill_null(0).to_numpy()


def one_name(one: pl.Series, two: pl.Series) -> np.ndarray:
    """Which pairs of names may be one respondent's, bool `(n,)`: one is part of the other, its characters are turned round, they sound alike (金辰, 金晨:
    clerks write by ear), or they begin alike (瑞享手机专卖店, 瑞享盛新通讯设备: the sign and the company). That the rest is alike (木聚大药房, 嘉聚大药房) only
    says what kind of shop it is.
    """
    names = pl.DataFrame({"one": one, "two": two})
    a, b = pl.col("one"), pl.col("two")
    turned = lambda name: name.str.split("").list.sort()
    may = names.select(made=a.str.contains(b, literal=True) | b.str.contains(a, literal=True) | (a.str.slice(0, 2) == b.str.slice(0, 2)) | (turned(a) == turned(b)),
                       as_long=a.str.len_chars() == b.str.len_chars())
    made, as_long = (c.to_numpy(writable=True) for c in may)
    left = np.flatnonzero(as_long & ~made)
    made[left] = [_sound(x) == _sound(y) for x, y in zip(one.gather(left), two.gather(left))]
    return made


@lru_cache(maxsize=65_536)
def _sound(name: str) -> tuple[str, ...]:
    """The syllables without tones."""
    return tuple(lazy_pinyin(name))
