"""Disk full, database away, clock moved, landing gone, a file damaged, two nights at once: nothing lost, nothing twice, and the next night heals."""
import shutil
from datetime import date

import pytest

from tests import faults
from tests.calm_nights import TONIGHT, calm_night, heals, runs, shown
from tests.dying import environment, night, said_at
from tests.engines import ENGINES
from warehouse.settings import Settings
from warehouse.store import Warehouse

pytestmark = pytest.mark.long
FULL, AWAY, LOST = "没有空间了", "无法连接、中途断开，或一直被占用", "持有运行锁的会话"
#: What goes wrong, what is said of it, and how the run log has it: None where the database could not even be told.
FAULTS = {
    "sqlite": [(faults.disk_full, FULL, None), (faults.database_full, FULL, "failed"), (faults.database_held, AWAY, None)],
    "postgresql": [(faults.disk_full, FULL, "failed"), (faults.database_away_in_the_middle, LOST, "failed"),
                   (faults.database_away_while_it_writes, AWAY, "failed"), (faults.database_away_at_the_commit, AWAY, "failed")],
}


@pytest.mark.parametrize("engine", ENGINES)
def test_without_room_or_database_a_night_changes_nothing_and_says_what_to_do(engine, tmp_path):
    calm = calm_night(engine)
    house = calm.copy(tmp_path / "home")
    ended = runs(house)
    for fault, says, outcome in FAULTS[engine]:
        assert night(house, fault, date=TONIGHT) == 1, fault.__name__
        said = said_at(house.home).read_text(encoding="utf-8")
        assert says in said and "Traceback" not in said and "搅拌站" not in said, (fault.__name__, said)
        assert shown(house) == calm.before, fault.__name__
        ended = [o or "interrupted" for o in ended] + [outcome]
        assert runs(house) == ended, fault.__name__
    heals(house, calm)


def test_an_answer_that_was_lost_on_its_way_takes_nothing_back(tmp_path):
    calm = calm_night("postgresql")
    house = calm.copy(tmp_path / "home")
    assert night(house, faults.answer_lost, date=TONIGHT) == 1
    assert shown(house) == calm.after and runs(house)[-1] in ("ok", "notices")
    heals(house, calm)


def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path):
    away = Settings(home=tmp_path / "home", database_url=f"postgresql+psycopg://weisu:geheim@/weisu?host={tmp_path}", secret="test-secret")
    assert night(away, date=TONIGHT, inputs={"message_board": [__file__]}) == 1
    said = said_at(away.home).read_text(encoding="utf-8")
    assert AWAY in said and "geheim" not in said and "Traceback" not in said


def test_a_clock_moved_back_and_a_landing_that_is_gone_make_no_difference(tmp_path):
    calm = calm_night("sqlite")
    house = calm.copy(tmp_path / "home")
    shutil.rmtree(house.home / "landing")
    assert night(house, faults.clock_back) == 2                       # yesterday by that clock lies before what is stored
    assert "backfill" in said_at(house.home).read_text(encoding="utf-8") and shown(house) == calm.before
    assert night(house, faults.clock_back, date=TONIGHT) == 0
    assert shown(house) == calm.after


def test_a_damaged_lake_file_is_named(tmp_path, capsys):
    from flows.doctor import examine
    house = calm_night("sqlite").copy(tmp_path / "home")
    assert examine(house, False, 6) == 0
    victim = sorted((house.home / "lake" / "revisions").rglob("*.parquet"))[0]
    faults.wrong_bytes(victim)
    capsys.readouterr()
    assert examine(house, False, 6) == 1
    assert victim.name in capsys.readouterr().err


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_night_says_who_runs_and_stops(engine, tmp_path, monkeypatch, capsys):
    from flows.cli import run as weisu
    house = calm_night(engine).copy(tmp_path / "home")
    monkeypatch.setattr("warehouse.locks.GRACE_SECONDS", 0.2)
    for name, value in environment(house).items():
        monkeypatch.setenv(name, value)
    before = shown(house)
    first = Warehouse(house)
    with first.lock("nightly of somebody else"):
        assert weisu(["nightly", "--date", str(date(2026, 5, 31)), "--json"]) == 1
    first.close()
    told = capsys.readouterr()
    assert "nightly of somebody else" in told.err and not told.out
    assert shown(house) == before and len(runs(house)) == 1
