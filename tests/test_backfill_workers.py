"""What the workers of a backfill are started with, and what each is given."""
import os

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from flows.replay import MONTH, cut


def test_workers_keep_the_memory_that_comes_free_and_share_the_cores(monkeypatch):
    from dask.distributed import Client, LocalCluster

    from flows import backfill as flows
    names = ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    runner = flows.fanned_out(2, None).task_runner
    with LocalCluster(**runner.cluster_kwargs) as cluster, Client(cluster) as client:
        assert client.submit(lambda: [os.environ.get(name) for name in names]).result() == [None, "1", str(max(1, pl.thread_pool_size() // 2))]


@given(st.integers(1, 800), st.integers(0, 800), st.integers(1, 9))
def test_days_are_cut_where_a_night_needs_nothing_of_the_one_before_and_into_months_at_the_most(n, free, workers):
    parts = cut(n, free, workers)
    assert [day for part in parts for day in range(n)[part]] == list(range(n))
    assert all(part.start <= free for part in parts)
    if workers == 1:
        assert len(parts) == 1
    elif free >= n:
        assert len(parts) >= min(n, workers) // 2 + 1 and all(len(range(n)[part]) <= MONTH for part in parts)


def test_a_year_for_two_workers_is_many_stretches_so_that_both_end_together():
    assert [len(range(365)[part]) for part in cut(365, 365, 2)] == [31] * 11 + [24]
    assert [len(range(14)[part]) for part in cut(14, 14, 2)] == [7, 7]
