"""A night killed at any moment: readers see the tables before it or after it, and the next one starts at once and ends as if nothing had been."""
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calm_nights import TONIGHT, calm_night, heals, runs, shown
from tests.dying import AFTER_COMMIT, BEFORE_COMMIT, counter, dies_at, night
from tests.engines import ENGINES
from warehouse.store import STORED

pytestmark = pytest.mark.long
KILLED = -signal.SIGKILL
#: On PostgreSQL a moment stands for those that differ in nothing that reaches the database.
BOTH = {"land", "lake files in place", "half the tables", "before the commit", "after the commit", "compacted files in place", "taken away"}


def moments(engine: str, of: dict) -> list[str]:
    return [m for m in of if engine == "sqlite" or m in BOTH]


@pytest.mark.parametrize("engine", ENGINES)
def test_nights_killed_one_after_the_other_before_their_commit_were_never_there(engine, tmp_path):
    calm = calm_night(engine)
    house = calm.copy(tmp_path / "home")
    for n, moment in enumerate(moments(engine, BEFORE_COMMIT)):
        assert night(house, dies_at(moment), date=TONIGHT) == KILLED, moment
        assert shown(house) == calm.before and runs(house)[1:] == ["interrupted"] * n + [None], moment
    heals(house, calm)


@pytest.mark.parametrize("engine", ENGINES)
def test_nights_killed_one_after_the_other_after_their_commit_were_whole(engine, tmp_path):
    calm = calm_night(engine)
    house = calm.copy(tmp_path / "home")
    for n, moment in enumerate(moments(engine, AFTER_COMMIT)):
        assert night(house, dies_at(moment), date=TONIGHT) == KILLED, moment
        assert shown(house) == calm.after and len(runs(house)) == n + 2 and {*runs(house)} <= {*STORED}, moment
    heals(house, calm)


@given(engine=st.sampled_from(ENGINES), shares=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=2))
@settings(max_examples=3)
def test_a_night_killed_at_any_of_its_changes_and_once_more_on_what_it_left(engine, shares):
    calm = calm_night(engine)
    with TemporaryDirectory(prefix="weisu-killed-") as folder:
        house = calm.copy(Path(folder) / "home")
        for share in shares:
            assert night(house, counter=counter(), last=1 + int(share * calm.changes.value), date=TONIGHT) in (KILLED, 0)
            assert shown(house) in (calm.before, calm.after)
        heals(house, calm)
