"""Two nights at once: the second says so and stops; a lock never outlives its process."""
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.engines import house  # noqa: F401
from tests.lake_rows import at, warning, write
from warehouse.locks import LockLost, NightRunning
from warehouse.publication import Publication
from warehouse.store import Warehouse

ROOT = Path(__file__).resolve().parents[1]
HOLDER = """
import sys
from warehouse import Settings, Warehouse
with Warehouse(Settings()).lock("nightly 2026-06-01"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(house):  # noqa: F811
    """Another process that holds the house's lock."""
    env = {**os.environ, "WEISU_HOME": str(house.home), "WEISU_DATABASE_URL": house.settings.url, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", HOLDER], env=env, cwd=house.home.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """PostgreSQL's lock is asked for only so often in a test."""
    monkeypatch.setattr("warehouse.locks.GRACE_SECONDS", 0.2)


def test_the_second_is_told_who_runs(house, holder):  # noqa: F811
    with pytest.raises(NightRunning, match="nightly 2026-06-01"), house.lock("backfill"):
        pass
    assert house.read("v_runs").is_empty()                   # readers are not kept out


def test_a_killed_holder_lets_go_at_once(house, holder, monkeypatch):  # noqa: F811
    monkeypatch.setattr("warehouse.locks.GRACE_SECONDS", 10)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with house.lock("the next"):
        pass


def test_the_lock_is_free_after_use_even_after_an_error(house):  # noqa: F811
    with pytest.raises(RuntimeError, match="boom"), house.lock("one"):
        raise RuntimeError("boom")
    with house.lock("two"):
        pass


def test_threads_and_other_warehouses_of_one_process_are_kept_out_too(house):  # noqa: F811
    second, told = Warehouse(house.settings), []

    def try_it():
        try:
            with second.lock("second"):
                told.append("had it")
        except NightRunning as running:
            told.append(running.holder)

    with house.lock("first"):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert len(told) == 1 and "first" in told[0]
    second.close()


def test_a_forked_child_does_not_keep_the_lock(house):  # noqa: F811
    if not house.settings.is_sqlite:
        pytest.skip("an advisory lock belongs to the database's session, not to a file")
    ours, theirs = os.pipe()
    with house.lock("parent"):
        child = os.fork()
        if child == 0:                                       # stays alive with a copy of every open file
            os.close(theirs)
            os.read(ours, 1)
            os._exit(0)
    try:
        with house.lock("next"):
            pass
    finally:
        os.close(theirs)
        os.waitpid(child, 0)


def test_a_lost_lock_publishes_nothing(house):  # noqa: F811
    if house.settings.is_sqlite:
        pytest.skip("a file lock cannot be lost while its process lives")
    with house.lock("night"):
        with house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            other.execute(sa.text("select pg_terminate_backend(:p)"), {"p": house._session})
            other.execute(sa.text("select pg_advisory_lock(:n), pg_advisory_unlock(:n)"), {"n": 0x77656973})   # waits until it is free
        with pytest.raises(LockLost):
            house.publish(Publication(run={"run_id": "r1", "kind": "nightly", "as_of": at("2026-06-02 00:00"), "outcome": "ok"},
                                      writes=[write("warning", [warning("w")])]))
    assert house.read("v_warnings").is_empty()
