"""A consensus of many k-means clusterings: what is grouped together again and again is a group."""
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state


def consensus(x: np.ndarray, sizes: tuple[int, ...], n_groups: int, random_state: int | None) -> tuple[np.ndarray, np.ndarray]:
    """-> (group of each row, how often each row was together with its group's rows, mean over the clusterings in 0..1).

    One k-means a size (Fred and Jain 2005, evidence accumulation), average linkage on how often two rows were together.
    """
    random = check_random_state(random_state)
    together = np.zeros((len(x), len(x)), np.float32)
    for size in sizes:
        k = min(size, len(x))
        label = KMeans(k, n_init=1, max_iter=60, random_state=random.randint(2**31 - 1)).fit_predict(x)
        order = np.argsort(label, kind="stable")
        for block in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
            together[np.ix_(block, block)] += 1
    together /= len(sizes)
    distance = 1 - together
    np.fill_diagonal(distance, 0)
    flat = fcluster(linkage(squareform(distance, checks=False), "average"), n_groups, "maxclust")
    _, group = np.unique(flat, return_inverse=True)
    member = np.zeros((len(x), group.max() + 1), np.float32)
    member[np.arange(len(x)), group] = 1
    count = member.sum(axis=0)
    inside = (together @ member)[np.arange(len(x)), group]
    return group, (inside - 1) / np.maximum(count[group] - 1, 1)
