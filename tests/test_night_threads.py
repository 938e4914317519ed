"""A night on any number of cores: BLAS adds up by one thread, so that no last digit rests on how many there are."""
from contextlib import contextmanager

import polars as pl
from threadpoolctl import threadpool_limits

from flows.night import work_place
from flows.settle import touched_records
from flows.tonight import Tonight
from tests.engines import house  # noqa: F401
from tests.lake_rows import at
from tests.test_by_rule import DAY, PLACE
from tests.test_threads import blas


def test_every_stage_of_a_night_has_one_thread_of_blas_and_afterwards_there_are_as_many_as_before(house):  # noqa: F811
    seen = {}

    @contextmanager
    def step(name):
        yield
        seen[name] = blas()

    as_of = at("2026-06-30 16:00")
    touched, before = touched_records(house, pl.DataFrame(), as_of, PLACE.sources, unworked=True)
    with threadpool_limits(2, user_api="blas"):
        work_place(PLACE, touched, before, house, Tonight(DAY, as_of, "r", house.settings, (), step, 1))
        assert blas() == {2}
    assert {"classify", "link", "detect", "warn"} <= set(seen)
    assert set().union(*seen.values()) == {1}
