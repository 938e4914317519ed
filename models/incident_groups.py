"""From pair probabilities to groups: average linkage within components, which one bridge cannot chain together.

Rows stand in canonical order, so that ties fall the same way whatever order the records came in.
"""
from heapq import heappop, heappush

import numpy as np
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

#: Components up to this size are grouped on a dense matrix; a larger one first falls apart at a higher cut.
DENSE = 1500
#: What a pair that was never scored counts for.
UNSCORED = 0.02
BILLION = 10**9


def components(i: np.ndarray, j: np.ndarray, n: int) -> np.ndarray:
    """The connected component of each of n nodes, numbered by their first node."""
    graph = sparse.csr_matrix((np.ones(len(i)), (i, j)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    _, first = np.unique(label, return_index=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[label]


def members(label: np.ndarray, least: int = 2) -> list[np.ndarray]:
    """The nodes of each group of at least `least`, ascending, groups by their first node; negative labels are no group."""
    order = np.argsort(label, kind="stable")
    ends = np.flatnonzero(np.diff(label[order])) + 1
    groups = [g for g in np.split(order, ends) if len(g) >= least and label[g[0]] >= 0]
    return sorted(groups, key=lambda g: g[0])


def unscored_pairs(i: np.ndarray, j: np.ndarray, p: np.ndarray, n: int, cut: float, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs inside components (p ≥ cut) of at most `most` nodes that are not among the pairs given."""
    sure = p >= cut
    label = components(i[sure], j[sure], n)
    groups = [g for g in members(label, 3) if len(g) <= most]
    if not groups:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    a = np.concatenate([g[np.triu_indices(len(g), 1)[0]] for g in groups])
    b = np.concatenate([g[np.triu_indices(len(g), 1)[1]] for g in groups])
    code = np.setdiff1d(a * np.int64(n) + b, i * np.int64(n) + j)
    return code // n, code % n


def group(i: np.ndarray, j: np.ndarray, p: np.ndarray, n: int, cut: float) -> np.ndarray:
    """The group of each node, numbered by first node; alone is a group of one. Mean probability within a merge is at least `cut`."""
    label = np.arange(n)
    near = sparse.csr_matrix((np.maximum(p, 1e-6), (i, j)), shape=(n, n))
    near = (near + near.T).tocsr()
    waiting = [(np.arange(n), cut)]
    while waiting:
        rows, level = waiting.pop()
        part = near[rows][:, rows].tocoo() if len(rows) < n else near.tocoo()
        sure = (part.data >= level) & (part.row < part.col)
        for g in members(components(part.row[sure], part.col[sure], len(rows))):
            nodes = rows[g]
            if len(nodes) > DENSE and level < 0.999:
                waiting.append((nodes, 1 - (1 - level) * 0.8 if level < 0.99 else 1.0))
            elif len(nodes) == 2 or len(nodes) > DENSE:
                label[nodes] = nodes[0]
            else:
                label[nodes] = nodes[average_linkage(near[nodes][:, nodes].toarray(), cut)]
    return label


def average_linkage(p: np.ndarray, cut: float) -> np.ndarray:
    """Groups by average linkage of a dense matrix of probabilities: for each row the first row of its group."""
    distance = 1 - np.where(p > 0, p, UNSCORED)
    np.fill_diagonal(distance, 0)
    flat = fcluster(linkage(squareform(np.round(distance, 9), checks=False), "average"), 1 - cut, "distance")
    _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    return first[inverse]


def merge_groups(size: np.ndarray, a: np.ndarray, b: np.ndarray, p: np.ndarray, cut: float) -> np.ndarray:
    """Average linkage that starts from groups. -> the final group of each start group, which bears the smallest of its start numbers.

    size: members of each start group. a, b: the groups of each scored pair of members, p its probability; pairs within a group don't
    matter, and a pair that was not scored counts `UNSCORED`. Groups without a scored pair are never joined, so that the work is the
    number of scored pairs times the logarithm, not the square of the groups. Ties go to the smallest numbers.
    """
    scored = (a != b) & (p > 0)
    k = np.int64(len(size))
    pair, at = np.unique(np.minimum(a, b)[scored] * k + np.maximum(a, b)[scored], return_inverse=True)
    # What the scored pairs of two groups add to what they would count unscored: it stays additive as groups join.
    excess = np.bincount(at, p[scored] - UNSCORED, minlength=len(pair))
    low, high = pair // k, pair % k
    # Means in billionths, whole numbers, so that ties are ties.
    mean, least = np.rint((UNSCORED + excess / (size[low] * size[high])) * BILLION).astype(np.int64), cut * BILLION
    # A joined group's mean with another lies between its parts' means, so only what hangs together by means of `cut` and more can join.
    close = mean >= least
    piece = components(low[close], high[close], int(k))
    within = piece[low] == piece[high]
    near: dict[int, dict[int, float]] = {}
    for one, two, more in zip(low[within].tolist(), high[within].tolist(), excess[within].tolist()):
        near.setdefault(one, {})[two] = near.setdefault(two, {})[one] = more
    members_of = size.tolist()
    # The nearest pair first, then the smallest numbers: what it lacks of a mean of 1, and both groups, in one number.
    bits = int(k).bit_length()
    code = lambda mean, one, two: (BILLION - mean << bits | one) << bits | two
    heap = sorted(map(code, mean[close].tolist(), low[close].tolist(), high[close].tolist()))
    final = np.arange(k)
    while heap:
        best = heappop(heap)
        one, two = best >> bits & (1 << bits) - 1, best & (1 << bits) - 1
        mine = near.get(one, {})
        if two not in mine or round((UNSCORED + mine[two] / (members_of[one] * members_of[two])) * BILLION) != BILLION - (best >> 2 * bits):
            continue  # one of them has changed since
        for other, more in near.pop(two).items():
            of_other = near[other]
            del of_other[two]
            if other != one:
                of_other[one] = mine[other] = mine.get(other, 0.0) + more
        members_of[one] = n = members_of[one] + members_of[two]
        final[two] = one
        for other, more in mine.items():
            if (m := round((UNSCORED + more / (n * members_of[other])) * BILLION)) >= least:
                heappush(heap, code(m, one, other) if one < other else code(m, other, one))
    while (final[final] != final).any():
        final = final[final]
    return final
