"""A readable name for a problem: the phrase of its titles that says most of what its records share."""
import numpy as np
import polars as pl

LONGEST_WORDS = 4


def name_groups(titles: pl.Series, group: np.ndarray, weight: dict[int, dict[str, float]]) -> dict[int, str]:
    """A phrase for each group in `weight` (group -> its words' weights): adjacent words of its titles, best by weight and frequency.

    `titles`: one string of words parted by blanks a record, `group`: each record's group. Names are told apart by a second word where equal.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for k in sorted(weight):
        names[k] = _phrase([t.split(" ") for t in titles.filter(pl.Series(group == k)).to_list()], weight[k], taken)
        taken.add(names[k])
    return names


def _phrase(titles: list[list[str]], weight: dict[str, float], taken: set[str]) -> str:
    """The best run of 1..LONGEST_WORDS adjacent words; ties by spelling."""
    count: dict[tuple[str, ...], int] = {}
    for words in titles:
        seen = {tuple(words[s:s + n]) for n in range(1, LONGEST_WORDS + 1) for s in range(len(words) - n + 1)}
        for run in seen:
            if all(len(w) > 1 or w.isalnum() for w in run) and len("".join(run)) <= 12 and len(set(run)) == len(run):
                count[run] = count.get(run, 0) + 1
    top = max(weight.values(), default=1.0)
    least = 2 if len(titles) >= 4 else 1

    def worth(item: tuple[tuple[str, ...], int]) -> tuple[float, str]:
        run, n = item
        value = sum(weight.get(w, 0.0) - 0.08 * top for w in run) * np.sqrt(n) * (1.0 if len("".join(run)) > 3 else 0.6)
        return round(-value, 9), "".join(run)

    for run, _ in sorted(((r, n) for r, n in count.items() if n >= least), key=worth):
        if "".join(run) not in taken:
            return "".join(run)
    words = sorted(weight, key=lambda w: (-weight[w], w))[:2]
    return "".join(words) or "其他"
