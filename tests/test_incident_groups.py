"""Groups from pair probabilities: the sparse agglomeration says what the dense one, written out, says."""
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.incident_groups import UNSCORED, merge_groups


def slowly(size, a, b, p, cut):
    """Average linkage on the whole matrix: all means again after every merge, the largest first, ties to the smallest numbers."""
    k = len(size)
    sums = np.outer(size, size) * UNSCORED
    for one, two, x in zip(a, b, p):
        if one != two:
            sums[one, two] += x - UNSCORED
            sums[two, one] += x - UNSCORED
    size, final, alive = np.array(size, float), np.arange(k), np.ones(k, bool)
    while True:
        mean = np.where(alive[:, None] & alive[None, :] & ~np.eye(k, dtype=bool), sums / np.outer(size, size), -1.0)
        one, two = sorted(divmod(int(np.argmax(np.round(mean, 9))), k))
        if mean[one, two] < cut:
            return final.tolist()
        sums[one] += sums[two]
        sums[:, one] += sums[:, two]
        size[one] += size[two]
        alive[two] = False
        final[final == two] = one


@st.composite
def scored_pairs(draw):
    """Members of groups and some pairs of members with few different probabilities, so that ties are usual."""
    size = draw(st.lists(st.integers(1, 3), min_size=2, max_size=8))
    group = np.repeat(np.arange(len(size)), size)
    n = len(group)
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda x: x[0] < x[1]), unique=True, max_size=30))
    p = draw(st.lists(st.sampled_from([0.1, 0.3, 0.6, 0.9]), min_size=len(pairs), max_size=len(pairs)))
    i, j = (np.array([x[s] for x in pairs], np.int64) for s in (0, 1))
    return np.array(size), group[i], group[j], np.array(p, float)


@settings(max_examples=300)
@given(scored_pairs())
def test_sparse_and_dense_agglomeration_agree(given_):
    assert merge_groups(*given_, 0.35).tolist() == slowly(*given_, 0.35)


def test_one_bridge_does_not_chain_two_groups():
    size, none = np.array([2, 2]), np.zeros(0)
    assert merge_groups(size, none.astype(int), none.astype(int), none, 0.35).tolist() == [0, 1]
    one, four = (np.array([0]), np.array([1]), np.array([0.9])), (np.zeros(4, int), np.ones(4, int), np.full(4, 0.9))
    assert merge_groups(size, *one, 0.35).tolist() == [0, 1] and merge_groups(size, *four, 0.35).tolist() == [0, 0]


def test_a_chain_of_many_groups_is_joined_pair_by_pair():
    """Thousands of groups in one component: a dense matrix of them would not fit."""
    n = 30_000
    a, b, p = np.arange(n - 1), np.arange(1, n), np.where(np.arange(n - 1) % 2 == 0, 0.9, 0.5)
    assert merge_groups(np.ones(n, int), a, b, p, 0.35).tolist() == [i - i % 2 for i in range(n)]
