"""What the workers of a backfill are started with."""
import os


def test_workers_keep_the_memory_that_comes_free(monkeypatch):
    from dask.distributed import Client, LocalCluster

    from flows import backfill as flows
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    runner = flows.fanned_out(1, None).task_runner
    with LocalCluster(**runner.cluster_kwargs) as cluster, Client(cluster) as client:
        assert client.submit(lambda: [(name, os.environ.get(name)) for name in ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS")]).result() == [
            ("MALLOC_TRIM_THRESHOLD_", None), ("OMP_NUM_THREADS", "1")]
