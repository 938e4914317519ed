"""What docs/working.md says can be done in SQL is done, and every column it names is there."""
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.engines import house  # noqa: F401
from tests.test_working import a_warning, publish
from warehouse.engine import writing
from warehouse.published import VIEWS

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "working.md").read_text(encoding="utf-8")
STATEMENTS = [s for block in re.findall(r"```sql\n(.*?)```", PAGE, re.S) for s in [block.strip().rstrip(";")]]


@pytest.mark.parametrize("statement", STATEMENTS, ids=range(len(STATEMENTS)))
def test_a_statement_of_the_page_runs(statement, house):  # noqa: F811
    if "weisu_work" in statement and house.engine.dialect.name == "sqlite":
        pytest.skip("PostgreSQL's own function")
    publish(house, a_warning("W20260628-7fe633d8"))
    with writing(house.engine) as connection:
        answer = connection.exec_driver_sql(statement.replace("%", "%%") if house.engine.dialect.name != "sqlite" else statement)
        rows = answer.mappings().all() if answer.returns_rows else []
    if "weisu_work" in statement:
        assert rows[0]["reason"] == "stale" and rows[0]["change_no"] == 1
    if "what to do first" in statement:
        assert len(rows) == 1


@pytest.mark.parametrize("view", ["v_work", "v_warning_events", "v_outbox"])
def test_every_column_of_a_view_is_described_in_its_order(view):
    section = PAGE.split(f"### {view}:")[1].split("###")[0].split("\n## ")[0]
    told = [c.strip() for line in section.splitlines() if line.startswith("| ") and not line.startswith("| column") for c in line.split("|")[1].split(",")]
    assert tuple(told) == VIEWS[view]


def test_the_function_may_be_granted(tmp_path):
    from tests.engines import ready_house
    from warehouse.store import Warehouse
    warehouse = Warehouse(ready_house("postgresql", tmp_path / "home"))
    with writing(warehouse.engine) as connection:
        connection.execute(sa.text("drop role if exists screens"))
        connection.execute(sa.text("create role screens"))
        connection.execute(sa.text("grant usage on schema public to screens"))
    publish(warehouse, a_warning())
    ask = sa.text("select done from weisu_work('w1', 'acknowledge')")
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), writing(warehouse.engine) as connection:
        connection.execute(sa.text("set role screens"))
        connection.execute(ask)
    with writing(warehouse.engine) as connection:
        connection.execute(sa.text("grant execute on function weisu_work to screens"))
        connection.execute(sa.text("set local role screens"))
        assert connection.execute(ask).scalar()
    warehouse.close()
