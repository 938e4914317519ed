"""Cost follows the new, not the old: no query of a night walks through a table that grows with the history."""
from contextlib import contextmanager
from datetime import date

import polars as pl
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.boards import workbook
from tests.engines import ready_house
from tests.houses import NIGHTS, board, lived, night, upto  # noqa: F401
from tests.lake_rows import as_records, at, revisions, store, write
from warehouse.store import Warehouse


@contextmanager
def explained(engine):
    """A list that fills with (query, the database's plan for it)."""
    seen = []

    def explain(connection, cursor, statement, parameters, context, many):
        if connection.dialect.name == "sqlite" and not many and statement.lstrip().lower().startswith(("select", "update", "delete", "with")):
            raw = connection.connection.driver_connection
            seen.append((statement, [row[3] for row in raw.execute(f"explain query plan {statement}", parameters)]))

    event.listen(engine, "before_cursor_execute", explain)
    yield seen
    event.remove(engine, "before_cursor_execute", explain)


@pytest.fixture
def plans(tmp_path):
    """A house on SQLite, and what it is asked."""
    house = Warehouse(ready_house("sqlite", tmp_path))
    with explained(house.engine) as seen:
        yield house, seen
    house.close()


def test_no_query_of_a_night_scans_a_growing_table(plans):
    house, seen = plans
    rows = revisions({"record_id": "s:1"}, {"record_id": "s:1", "revision_no": 2, "known_at": at("2026-06-09 00:00")})
    ids, later = pl.Series(["s:1"]), at("2026-06-10 00:00")
    with house.lock():
        house.begin({"run_id": "r1", "kind": "nightly"})
        store(house, "r1", rows, at("2026-06-02 00:00"), worked_sources=["s"], writes=[write("record", as_records(rows[:1]), "upsert")])
    for ask in (house.latest, house.known_hashes, house.records, house.latest_rows):
        assert ask(ids).height
    assert house.pending(later).height == 1 and house.unworked(["s"]).height == 1
    house.as_of(later, since=date(2026, 6, 1))
    house.counts(later, date(2026, 6, 1))
    house.inputs_taken("s", ["aa"])
    assert len(seen) > 12
    # The index of what waits or moved holds nothing else: walking it is no walk through the history.
    scans = [(q, step) for q, plan in seen for step in plan if step.startswith("SCAN")
             and not step.endswith(("ix_revision_moved", "ix_record_unworked")) and "json_each" not in step]
    assert scans == []


#: What a night may walk through: what it asks about, what grows by a row or two a night or by what people note, and indexes of what waits.
WALKED = {"json_each", "alembic_version", "house_key", "purge", "run", "batch", "lake_file", "drive"}
OF_FEW = ("USING INDEX ix_revision_moved", "USING INDEX ix_record_unworked", "USING INDEX ix_revision_waiting")


@pytest.mark.parametrize("lived", ["sqlite"], indirect=True)
def test_a_night_walks_through_no_table_that_records_or_warnings_make_grow(lived, board, tmp_path):  # noqa: F811
    with explained(Engine) as seen:
        night(workbook(upto(board, NIGHTS[2]), tmp_path / "third.xlsx"), day=NIGHTS[2])
    # By the plan's own names, aliases included: whatever is not known to be small is a scan too many.
    scans = {(q, step) for q, plan in seen for step in plan if step.startswith("SCAN") and step.split()[1] not in WALKED and not step.endswith(OF_FEW)}
    assert len(seen) > 30 and scans == set()


def test_the_watch_would_see_a_scan(plans):
    house, seen = plans
    house.read("select count(*) as n from record where content = :c", c="x")
    assert any(step.startswith("SCAN record") for _, plan in seen for step in plan)
