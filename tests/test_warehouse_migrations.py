"""Migrations: from nothing to head and back, on both engines; the views are what was promised."""
from datetime import date

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.engines import house, new_house, settings  # noqa: F401
from tests.lake_rows import at
from warehouse import migrate, tables
from warehouse.engine import writing
from warehouse.published import VIEWS
from warehouse.reading import polars_type
from warehouse.store import Warehouse
from warehouse.types import Json, Moment


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


def a_row(table: sa.Table) -> dict:
    """A value of its kind in every column."""
    values: dict = {sa.Boolean: True, sa.Integer: 7, sa.Date: date(2026, 6, 1), sa.DateTime: at("2026-06-01 08:00"), sa.LargeBinary: b"b", sa.Float: 0.5, sa.Numeric: 3}
    row = {}
    for column in table.c:
        known = tables.metadata.tables[table.name].c.get(column.name) if table.name in tables.metadata.tables else None
        kind = column.type if known is None else known.type
        if isinstance(kind, Moment):
            row[column.name] = at("2026-06-01 08:00")
        elif isinstance(kind, Json):
            row[column.name] = ["甲", "乙"]
        else:
            row[column.name] = next((v for t, v in values.items() if isinstance(kind, t)), f"{column.name}-值")
        column.type = kind
    return row


def test_what_is_stored_survives_every_migration_on_the_way_up_and_none_stumbles_over_it_on_the_way_down(settings):  # noqa: F811
    warehouse = Warehouse(settings)
    steps = [s.revision for s in ScriptDirectory.from_config(migrate.config()).walk_revisions()][::-1]
    migrate.upgrade(warehouse.engine, steps[0])
    first = sa.MetaData()
    first.reflect(warehouse.engine)
    filled = [t for t in first.sorted_tables if t.name != "alembic_version"]
    with writing(warehouse.engine) as connection:
        for table in filled:
            connection.execute(sa.insert(table).values(a_row(table)))

    def stored():
        with warehouse.engine.connect() as connection:
            return {t.name: connection.execute(sa.select(t)).mappings().all() for t in filled}

    before = stored()
    assert all(len(rows) == 1 for rows in before.values())
    for step in steps[1:]:
        migrate.upgrade(warehouse.engine, step)
        assert stored() == before, step
    # Nothing was in these, tables of later schemas, before there were any.
    later = {"v_outbox", "v_review_points", "v_consultations", "v_drives", "v_ledger_items", "v_ledger_events", "v_cases", "v_whistles", "v_monthly_scores", "v_problem_lineage", "v_incident_lineage"}
    assert {view: warehouse.read(view).height for view in VIEWS} == {view: int(view not in later) for view in VIEWS}
    for step in [*steps[-2::-1], "base"]:
        migrate.downgrade(warehouse.engine, step)
        if step != "base":
            assert stored() == before, step
    assert things(warehouse.engine) == {"alembic_version"}
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
