"""Cost follows the new, not the old: no query of a night walks through a table that grows with the history."""
from datetime import date

import polars as pl
import pytest
from sqlalchemy import event

from tests.engines import ready_house
from tests.lake_rows import as_records, at, revisions, store, write
from warehouse.store import Warehouse


@pytest.fixture
def plans(tmp_path):
    """A house on SQLite, and a list that fills with (query, the database's plan for it)."""
    house, seen = Warehouse(ready_house("sqlite", tmp_path)), []

    def explain(connection, cursor, statement, parameters, context, many):
        if not many and statement.lstrip().lower().startswith(("select", "update", "delete")):
            raw = connection.connection.driver_connection
            seen.append((statement, [row[3] for row in raw.execute(f"explain query plan {statement}", parameters)]))

    event.listen(house.engine, "before_cursor_execute", explain)
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


def test_the_watch_would_see_a_scan(plans):
    house, seen = plans
    house.read("select count(*) as n from record where content = :c", c="x")
    assert any(step.startswith("SCAN record") for _, plan in seen for step in plan)
