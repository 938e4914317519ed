"""A few texts stand for many: the most central, then those least like it."""
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.typical import SAME, typical

TEXTS = pl.Series(["电梯坏了没人修", "电梯坏了没人来修", "电梯坏了没人修理", "物业乱收停车费", "夜里烧烤店太吵"])


def test_the_first_is_central_and_the_next_unlike_all_taken():
    first, *rest = typical(TEXTS, 3)
    assert first in (0, 1, 2) and sorted(rest) == [3, 4]


def test_copies_and_empty_texts_say_nothing_new():
    assert typical(pl.Series(["无人处理此事", "无人处理此事", None, "", "  "], dtype=pl.String), 3) == [0]
    assert typical(pl.Series([], dtype=pl.String), 3) == typical(pl.Series([""]), 3) == [] and SAME < 1


@given(st.lists(st.sampled_from(TEXTS.to_list()), max_size=8), st.integers(1, 4))
def test_each_is_taken_once_and_no_more_than_asked(texts, k):
    taken = typical(pl.Series(texts, dtype=pl.String), k)
    assert len(taken) == len(set(taken)) == min(k, len(taken)) and len({texts[i] for i in taken}) == len(taken) and (taken or not texts)
