"""What becomes of problems from one fit to the next: which live on, which part, which run into one, and which are new."""
from dataclasses import dataclass, field

import numpy as np

from models.problem_decisions import NOTHING_DECIDED, Decided
from models.problem_groups import company

#: A group is something of its own if it is with every problem's other texts less than this share of how often its own texts are together: where
#: most of its texts were in no problem, and where they were in one.
NEW, APART = 0.6, 0.4
#: Two problems are one if their texts are together at least this share of how often those of the looser one are.
ONE = 0.95


@dataclass
class Succession:
    """`number`: each row's problem now (−1: none). `parted`: new number -> the problem most of it came from, None where it came from none.
    `merged`: number that ended -> the one it went into."""

    number: np.ndarray
    parted: dict[int, int | None] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)


def succeed(near: np.ndarray, group: np.ndarray, before: np.ndarray, following: int, decided: Decided = NOTHING_DECIDED) -> Succession:
    """Carries the problems `before` (number of each row, −1: none) over to a new clustering of the same rows.

    near: how often two rows are together, `(n, n)`; group: the new groups, −1: none; following: the first number that is free; decided: what people
    said, which is in `before` already: pinned problems and those that they parted do not become one, and whole ones let nothing go. A clustering never
    comes out quite the same, so what lasted lasts on: only a group that keeps to itself gets a number of its own, and only problems that are
    together as much as each is in itself become one.
    """
    out = Succession(before.copy())
    _merge(out, near, decided)
    _part(out, near, group, following, decided)
    return out


def _merge(out: Succession, near: np.ndarray, decided: Decided) -> None:
    """The larger of two problems that are one takes in the other, nearest pairs first."""
    while True:
        numbers, at = np.unique(out.number[out.number >= 0], return_inverse=True)
        if len(numbers) < 2:
            return
        own = np.full(len(near), -1)
        own[out.number >= 0] = at
        size = np.bincount(at)
        together = company(near, own)
        between = np.array([together[own == k].mean(axis=0) for k in range(len(numbers))])
        within = between.diagonal()
        share = np.round((between + between.T) / 2 / np.maximum(np.minimum(within[:, None], within[None]), 1e-9), 6)
        share[np.tril_indices(len(numbers))] = 0
        fixed = np.isin(numbers, list(decided.pinned))
        share[fixed[:, None] | fixed[None]] = 0
        for pair in decided.apart:
            both = np.isin(numbers, list(pair))
            share[np.ix_(both, both)] = 0
        if share.max() < ONE:
            return
        a, b = np.unravel_index(share.argmax(), share.shape)
        stays, goes = (a, b) if size[a] >= size[b] else (b, a)
        out.number[own == goes] = numbers[stays]
        out.merged[int(numbers[goes])] = int(numbers[stays])


def _part(out: Succession, near: np.ndarray, group: np.ndarray, following: int, decided: Decided) -> None:
    """Gives numbers of their own to groups that are the bulk of no problem and keep to themselves; beside earlier problems, new groups that do not
    keep apart from each other are born as one."""
    numbers, size = np.unique(out.number[out.number >= 0], return_counts=True)
    before = out.number.copy()
    held_fast = np.isin(before, list(decided.whole))
    born: dict[int, np.ndarray] = {}
    for g in range(group.max() + 1):
        rows = (group == g) & ~held_fast
        if not rows.any():
            continue
        held, counts = np.unique(before[rows], return_counts=True)
        inside = held >= 0
        if (2 * counts[inside] > size[np.searchsorted(numbers, held[inside])]).any():
            continue
        most = int(held[counts.argmax()]) if 2 * counts.max() > rows.sum() else None
        alone = _link(near, rows, rows)
        if any(_link(near, rows, rest) >= (NEW if most == -1 else APART) * alone for k in numbers if (rest := (before == k) & ~rows).any()):
            continue
        sibling = next((k for k, theirs in born.items() if len(numbers) and _link(near, rows, theirs) >= APART * alone), None)
        number = following if sibling is None else sibling
        if sibling is None:
            following += 1
            out.parted[number] = None if most == -1 else most
        out.number[rows] = number
        born[number] = out.number == number


def _link(near: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """How often a row of `a` and another row of `b` (bool masks) are together, on average."""
    both = near[np.ix_(a, b)]
    twins = int((a & b).sum())
    return round(float((both.sum() - twins) / max(both.size - twins, 1)), 6)
