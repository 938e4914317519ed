"""Migrations: from nothing to head and back, on both engines; the views are what was promised."""
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.engines import house, new_house, settings  # noqa: F401
from warehouse import migrate, tables
from warehouse.published import VIEWS
from warehouse.reading import polars_type
from warehouse.store import Warehouse


def things(engine):
    found = sa.inspect(engine)
    return set(found.get_table_names()) | set(found.get_view_names())


def test_head_is_the_newest_migration():
    assert ScriptDirectory.from_config(migrate.config()).get_heads() == [migrate.HEAD]


def test_up_and_back_down_and_up_again(settings):  # noqa: F811
    warehouse = Warehouse(settings)
    assert warehouse.upgrade() and not warehouse.upgrade()
    full = things(warehouse.engine)
    assert set(VIEWS) < full
    migrate.downgrade(warehouse.engine)
    assert things(warehouse.engine) == {"alembic_version"}
    assert warehouse.upgrade() and things(warehouse.engine) == full
    warehouse.close()


def test_a_migrated_database_is_what_the_tables_say(house):  # noqa: F811
    with house.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": False}), tables.metadata)
    assert differences == []


def test_the_views_have_the_promised_columns_in_order(house):  # noqa: F811
    for view, columns in VIEWS.items():
        assert tuple(c["name"] for c in sa.inspect(house.engine).get_columns(view)) == columns, view
        assert house.read(view).columns == list(columns)


def test_a_failed_migration_leaves_the_old_schema(settings, monkeypatch):  # noqa: F811
    warehouse = Warehouse(settings)
    with monkeypatch.context() as patch:
        from alembic import op

        drawn = op.create_table

        def breaks(name, *args, **kw):
            if name == "warning":
                raise RuntimeError("the disk is full")
            return drawn(name, *args, **kw)

        patch.setattr(op, "create_table", breaks)
        with pytest.raises(RuntimeError, match="disk"):
            warehouse.upgrade()
    assert things(warehouse.engine) == set()
    assert warehouse.upgrade()
    warehouse.close()


def test_a_home_may_be_called_anything(tmp_path):
    warehouse = Warehouse(new_house("sqlite", tmp_path / "夜 50% ?#x"))
    warehouse.upgrade()
    assert (tmp_path / "夜 50% ?#x" / "weisu.sqlite").exists()
    warehouse.close()


def test_a_column_name_has_one_type_in_all_tables():
    types = {}
    for table in tables.metadata.sorted_tables:
        for column in table.c:
            types.setdefault(column.name, set()).add(polars_type(column))
    assert {n: t for n, t in types.items() if len(t) > 1} == {}
