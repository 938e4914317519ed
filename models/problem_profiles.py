"""What tells problems apart: a linear discriminant (Fisher 1936) over points of texts, which also knows when a text is torn between two problems or like none."""
from dataclasses import dataclass

import numpy as np

#: Of the covariance within problems so much is shrunk towards a sphere: there are hardly more texts than directions.
SHRINKAGE = 0.3
#: A text is torn where the log odds between its two likeliest problems are less. The model is far too sure of itself (its directions are not
#: independent); on a board of 3,304 messages a fifth is torn at 12, and what is left agrees much better with hand-given types.
TORN = 12.0
#: A text that is likelier by less than this elsewhere stays where it was.
STAYS = 30.0
#: A text belongs to a problem if it is as near to its centre as all but this share of the problem's own texts.
FARTHEST = 0.02


@dataclass(frozen=True)
class Profiles:
    """The problems `numbers` (int, ascending) in a space of texts: discriminant, centres, and how near to a centre a text must be."""

    numbers: np.ndarray
    weights: np.ndarray
    constants: np.ndarray
    centres: np.ndarray
    floors: np.ndarray

    @classmethod
    def learn(cls, x: np.ndarray, number: np.ndarray) -> "Profiles":
        """From points `(n, d)` of unit length and the problem of each (−1: none); every problem counts alike, however many texts it has."""
        inside = number >= 0
        x, number = x[inside], number[inside]
        numbers, group = np.unique(number, return_inverse=True)
        means = np.array([x[group == k].mean(axis=0) for k in range(len(numbers))])
        centres = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        floors = np.array([np.quantile(x[group == k] @ centre, FARTHEST) for k, centre in enumerate(centres)])
        apart = x - means[group]
        within = apart.T @ apart / len(x)
        within = (1 - SHRINKAGE) * within + SHRINKAGE * max(within.trace() / len(within), 1e-6) * np.eye(len(within))
        weights = np.linalg.solve(within, means.T).T
        return cls(numbers, weights, -0.5 * (weights * means).sum(axis=1), centres, floors)

    def tell(self, x: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """The number of each point's problem, −1 where it is torn between two or too far from all: int64 `(n,)`.

        before: the numbers that the texts had (−1: none); one that still exists is kept unless another is much likelier (`STAYS`).
        """
        at = np.arange(len(x))
        odds = np.round(x @ self.weights.T + self.constants, 6)
        best = odds.argmax(axis=1)
        first = odds[at, best]
        rest = odds.copy()
        rest[at, best] = -np.inf
        sure = first - rest.max(axis=1, initial=-np.inf) >= TORN
        near = np.round(np.einsum("ij,ij->i", x, self.centres[best]), 9) >= np.round(self.floors[best], 9)
        number = np.where(sure & near, self.numbers[best], -1).astype(np.int64)
        if before is not None:
            alive = np.isin(before, self.numbers)
            old = np.searchsorted(self.numbers, np.where(alive, before, self.numbers[0]))
            number = np.where(alive & (first - odds[at, old] < STAYS), before, number)
        return number
