"""From pair probabilities to groups: average linkage within components, which one bridge cannot chain together.

Rows stand in canonical order, so that ties fall the same way whatever order the records came in.
"""
import numpy as np
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

#: Components up to this size are grouped on a dense matrix; a larger one first falls apart at a higher cut.
DENSE = 1500
#: What a pair that was never scored counts for.
UNSCORED = 0.02


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


def merge_groups(start: np.ndarray, p: np.ndarray, cut: float) -> np.ndarray:
    """Average linkage that starts from groups: `start` gives each row's group (0…k−1), `p` is dense. -> the final group of each start group.

    A merged group bears the smallest of its start numbers.
    """
    k = int(start.max()) + 1
    member = np.zeros((k, len(start)))
    member[start, np.arange(len(start))] = 1
    size = member.sum(axis=1)
    sums = member @ np.where(p > 0, p, UNSCORED) @ member.T
    final = np.arange(k)
    alive = np.ones(k, bool)
    np.fill_diagonal(sums, -np.inf)
    while True:
        mean = np.where(alive[:, None] & alive[None, :], sums / np.outer(size, size), -np.inf)
        best = int(np.argmax(np.round(mean, 9)))
        a, b = sorted(divmod(best, k))
        if mean[a, b] < cut or not np.isfinite(mean[a, b]):
            return final
        sums[a] += sums[b]
        sums[:, a] += sums[:, b]
        sums[a, a] = -np.inf
        size[a] += size[b]
        alive[b] = False
        final[final == b] = a
