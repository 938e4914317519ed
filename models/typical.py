"""A few texts that stand for many: the most central one, then each time the one least like those already taken (farthest-point selection;
Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5) by the cosine of their character bigrams."""
import numpy as np
import polars as pl

from models.similarity import count_matrix, plain_text, unit_rows

#: Of more texts than this the first are looked at.
LOOK_AT = 400
#: A text this like one already taken says nothing new.
SAME = 0.95


def typical(texts: pl.Series, k: int) -> list[int]:
    """The rows of at most `k` texts, in the order in which they were taken; ties go to the earlier row. Empty texts and near copies are left out.

    Example: `typical(pl.Series(["电梯坏了", "电梯坏了", "物业不修电梯"]), 2)` → `[0, 2]`
    """
    some = plain_text(texts.head(LOOK_AT))
    if not len(some):
        return []
    x = unit_rows(count_matrix(some))
    like = (x @ x.T).toarray().round(9)
    said = like.diagonal() > 0
    if not said.any():
        return []
    taken = [int(np.argmax(np.where(said, like.sum(axis=1).round(9), -1.0)))]
    while len(taken) < k:
        nearest = np.where(said, like[:, taken].max(axis=1), 2.0)
        nearest[taken] = 2.0
        best = int(np.argmin(nearest))
        if nearest[best] >= SAME:
            break
        taken.append(best)
    return taken
