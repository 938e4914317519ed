"""The read-only role: it sees the published views and nothing under them."""
import pytest
import sqlalchemy as sa

from tests.engines import new_house
from tests.lake_rows import at, warning, write
from warehouse.publication import Publication
from warehouse.published import VIEWS
from warehouse.store import Warehouse


@pytest.fixture
def granted(tmp_path):
    warehouse = Warehouse(new_house("postgresql", tmp_path / "home"))
    warehouse.upgrade()
    warehouse.publish(Publication(run={"run_id": "r", "kind": "nightly", "as_of": at("2026-06-02 00:00"), "outcome": "ok"},
                                  writes=[write("warning", [warning("w")])]))
    said = warehouse.grant_readers("weisu_reader")
    yield warehouse, said
    warehouse.close()


def test_a_reader_sees_the_views_only(granted):
    warehouse, said = granted
    assert warehouse.grant_readers("weisu_reader")           # again is no error
    assert said[-1].startswith("grant select on")
    with warehouse.engine.connect() as connection:
        connection.execute(sa.text("set role weisu_reader"))
        assert connection.execute(sa.text("select count(*) from v_warnings")).scalar() == 1
        for view in VIEWS:
            connection.execute(sa.text(f"select * from {view}"))
        connection.commit()
        for forbidden in ("select * from warning", "select * from record", "update v_warnings set title = ''", "delete from v_runs",
                          "create table mine (x int)"):
            connection.execute(sa.text("set role weisu_reader"))
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.execute(sa.text(forbidden))
            connection.rollback()


def test_sqlite_has_no_roles(tmp_path):
    with pytest.raises(ValueError, match="roles"):
        Warehouse(new_house("sqlite", tmp_path)).grant_readers()
