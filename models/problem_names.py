"""A readable name for a problem: the phrase of its titles that says most of what its records share."""
from collections import Counter

import numpy as np
import polars as pl
import rjieba

LONGEST_WORDS = 4
LONGEST_CHARS = 12
#: A shorter name says too little to be read by itself.
SHORT_CHARS, SHORT_WORTH = 3, 0.5
#: A word that weighs less than this share of the heaviest makes a phrase no better.
IDLE = 0.08
#: A single character that stands beside a phrase this often is the rest of its word (共享充电|宝).
BELONGS = 0.6
#: A phrase counts by its words' weights times how many titles have it to this power: at a half, four heavy words of two titles beat one of ten.
COMMON = 2 / 3
PARTICLES = frozenset("的了是在和与及有被将不要求请对等也都就还为又把让使到从以于之该某至")


def name_groups(titles: pl.Series, group: np.ndarray, weight: dict[int, dict[str, float]]) -> dict[int, str]:
    """A phrase for each group in `weight` (group -> its words' weights): words that stand side by side in its titles, best by weight and frequency.

    `titles`: as written, a title that several records have counts once; `group`: each record's group. Names are told apart by a second choice where
    equal.
    """
    names: dict[int, str] = {}
    for k in sorted(weight):
        said = titles.filter(pl.Series(group == k)).unique().sort()
        names[k] = _phrase([list(rjieba.cut(t)) for t in said.to_list()], weight[k], set(names.values()))
    return names


def _phrase(titles: list[list[str]], weight: dict[str, float], taken: set[str]) -> str:
    """The best run of 1..LONGEST_WORDS words, completed; ties by spelling."""
    count: Counter[tuple[str, ...]] = Counter()
    for words in titles:
        runs = {tuple(words[s:s + n]) for n in range(1, LONGEST_WORDS + 1) for s in range(len(words) - n + 1)}
        count.update(r for r in runs if r[0] in weight and r[-1] in weight and len(set(r)) == len(r) and len("".join(r)) <= LONGEST_CHARS and "".join(r).isalnum())
    top = max(weight.values(), default=1.0)
    least = 2 if len(titles) >= 4 else 1

    def worth(item: tuple[tuple[str, ...], int]) -> tuple[float, str]:
        run, n = item
        value = sum(weight.get(w, 0.0) - IDLE * top for w in run) * n ** COMMON * (1.0 if len("".join(run)) > SHORT_CHARS else SHORT_WORTH)
        return round(-value, 9), "".join(run)

    for run, _ in sorted(((r, n) for r, n in count.items() if n >= least), key=worth):
        name = _completed(run, titles)
        if name not in taken:
            return name
    words = sorted(weight, key=lambda w: (-weight[w], w))[:2]
    return "".join(words) or "其他"


def _completed(run: tuple[str, ...], titles: list[list[str]]) -> str:
    """The run with the single characters that mostly stand before and behind it."""
    n = len(run)
    at = [(words, s) for words in titles for s in range(len(words) - n + 1) if tuple(words[s:s + n]) == run]
    before = Counter(words[s - 1] for words, s in at if s > 0)
    behind = Counter(words[s + n] for words, s in at if s + n < len(words))
    ends = [max(((c, w) for w, c in beside.items() if len(w) == 1 and w.isalpha() and w not in PARTICLES), default=(0, "")) for beside in (before, behind)]
    first, last = (w if c >= max(BELONGS * len(at), 2) else "" for c, w in ends)
    return first + "".join(run) + last
