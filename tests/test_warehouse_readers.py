"""The read-only role: it sees the published views and nothing under them."""
import pytest
import sqlalchemy as sa

from tests.engines import new_house
from tests.lake_rows import at, warning, write
from warehouse.engine import writing
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


def test_an_operator_lets_somebody_in_and_they_see_the_eight_views_and_nothing_else(granted, monkeypatch, capsys):
    from flows.cli import run as weisu
    warehouse, _ = granted
    with writing(warehouse.engine) as connection:
        connection.execute(sa.text("drop role if exists bi_tool"))
        connection.execute(sa.text("create role bi_tool login"))
    monkeypatch.setenv("WEISU_HOME", str(warehouse.home))
    monkeypatch.setenv("WEISU_DATABASE_URL", warehouse.settings.database_url)
    assert weisu(["db", "readers", "--role", "weisu_reader", "--member", "bi_tool"]) == 0
    assert 'grant "weisu_reader" to "bi_tool"' in capsys.readouterr().err
    theirs = sa.create_engine(sa.make_url(warehouse.settings.url).set(username="bi_tool"), poolclass=sa.NullPool)
    with theirs.connect() as connection:
        assert connection.execute(sa.text("select current_user")).scalar() == "bi_tool"
        readable = connection.execute(sa.text(
            "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and relkind in ('r', 'v', 'm', 'p') "
            "and has_table_privilege(c.oid, 'select')")).scalars()
        assert set(readable) == set(VIEWS)
        assert connection.execute(sa.text("select count(*) from v_warnings")).scalar() == 1
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), theirs.connect() as connection:
        connection.execute(sa.text("select * from record"))
    assert weisu(["db", "readers", "--member", "nobody_of_that_name"]) == 1
    monkeypatch.setenv("WEISU_DATABASE_URL", "")
    assert weisu(["db", "readers"]) == 2 and "PostgreSQL" in capsys.readouterr().err


def test_sqlite_has_no_roles(tmp_path):
    with pytest.raises(ValueError, match="roles"):
        Warehouse(new_house("sqlite", tmp_path)).grant_readers()
