"""A consensus of many k-means clusterings: what is grouped together again and again is a group."""
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from models.threads import side_by_side

#: Clusterings behind a consensus; with 16 the agreement with hand-given types swung twice as much from seed to seed.
CLUSTERINGS = 48
#: Numbers of clusters, as multiples of the number of problems that is looked for.
COARSEST, FINEST, CUT = 0.175, 1.05, 1.75
#: Rows are of one group that are together, on average, in at least this share of the clusterings: the majority.
MAJORITY = 0.5


def together(x: np.ndarray, wanted: float, random_state: int | None) -> np.ndarray:
    """How often two rows were in one cluster, 0 to 1: float32 `(n, n)`. Evidence accumulation (Fred and Jain 2005) over `CLUSTERINGS` k-means with
    fewer and more clusters than the `wanted` groups; the same on any number of threads, as each is worked by one,
    where the caller has BLAS on one.
    """
    random = check_random_state(random_state)
    sizes = np.clip(np.linspace(COARSEST * wanted, FINEST * wanted, CLUSTERINGS).astype(int), 2, len(np.unique(np.round(x, 6), axis=0)))
    seeds = random.randint(2**31 - 1, size=CLUSTERINGS)

    def clustered(run: int) -> np.ndarray:
        with threadpool_limits(1, user_api="openmp"):       # this thread's own; the limit of BLAS is everybody's, and the caller's to set
            return KMeans(sizes[run], n_init=1, max_iter=60, random_state=seeds[run]).fit_predict(x)

    counts = np.zeros((len(x), len(x)), np.float32)
    for label in side_by_side(clustered, range(CLUSTERINGS)):
        order = np.argsort(label, kind="stable")
        for block in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
            counts[np.ix_(block, block)] += 1
    return counts / CLUSTERINGS


def groups(near: np.ndarray, wanted: float, least: int) -> np.ndarray:
    """The group of each row, 0, 1, … of `least` rows and more, from how often rows are together; −1 in none.

    Average linkage, cut where rows are no more together than apart, or into `CUT` times the `wanted` where that is finer. What is together with nothing is
    left alone: of 450 odd messages of 62 hand-given types twelve of thirteen groups so found are mostly of one type; of eighteen into which all were put, one
    was.
    """
    distance = 1 - near
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    flat = max((fcluster(tree, 1 - MAJORITY, "distance"), fcluster(tree, max(int(CUT * wanted), 2), "maxclust")), key=np.max)
    _, back, counts = np.unique(flat, return_inverse=True, return_counts=True)
    order = np.full(len(counts), -1)
    order[counts >= least] = np.arange((counts >= least).sum())
    return order[back]


def company(near: np.ndarray, group: np.ndarray) -> np.ndarray:
    """How often each row is with the rows of each group (−1: in none), itself left out: `(n, n_groups)`."""
    member = np.zeros((len(near), group.max() + 1), np.float32)
    inside = np.flatnonzero(group >= 0)
    member[inside, group[inside]] = 1
    return (near @ member - member) / np.maximum(member.sum(axis=0) - member, 1)
