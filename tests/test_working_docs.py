"""What the documentation says can be done in SQL is done on both databases, and every column it names is there."""
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.engines import house  # noqa: F401
from tests.lake_rows import write
from tests.test_working import NIGHT, a_warning, publish
from warehouse import tables
from warehouse.engine import writing
from warehouse.publication import Publication
from warehouse.published import VIEWS

ROOT = Path(__file__).resolve().parents[1]
PAGES = {p.name: p.read_text(encoding="utf-8") for p in (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "README.zh-CN.md")}
STATEMENTS = [(name, s) for name, page in PAGES.items() for block in re.findall(r"```sql\n(.*?)```", page, re.S) for s in [block.strip()]]
WARNING = "W20260628-7fe633d8"
#: What a statement gives in a house with one red warning of one record, by its first line: rows, and columns of the first.
GIVES = {"what to do first": 1, "last night's list": {"level": "red", "expected_false_alarms": 0.25}, "a row a unit": {"unit": "餐饮服务监督管理科", "red": 1, "blue": 0},
         "records behind one warning": {"source_record_id": "r1", "role": "example"}, "the curve behind it": {"observed": 3, "expected": 0.5}, "by kind and how they ended": {"raised": 1, "still_open": 1},
         "before the complaint": {"days_of_lead": 4.0, "records_after": 2.0}, "did every night run": {"rows_read": 3, "expected_false_alarms": 0.25}, "overdue, by unit": {"overdue": 1},
         "what else people should know": {"n_records": 7}, "stands at \"assigned\"": 6, "that a screen offers": {"code": "BUR", "name_zh": "区市场监督管理局"}}


def furnish(house):  # noqa: F811
    """One night with a red warning, its record, its curve, its figures and a notice."""
    day = NIGHT.date()
    figures = [{"metric": m, "grain": "warning", "key": WARNING, "period_start": day, "period_end": day, "value": v, "as_of": NIGHT}
               for m, v in (("days_of_lead", 4.0), ("records_before_warning", 1.0), ("records_after_warning", 2.0))]
    house.publish(Publication(run={"run_id": "r1", "kind": "nightly", "run_date": day, "as_of": NIGHT, "outcome": "ok", "rows_read": 3, "accepted": 3, "quarantined": 0, "unchanged": 0,
                                   "n_signals": 1, "n_warnings": 1, "expected_false_alarms": 0.25, "seconds": 1.0}, known_to=NIGHT, writes=[
        write("warning", [a_warning(WARNING, level="red", lead_unit="餐饮服务监督管理科", due_at=NIGHT, problem_code="food.poisoning", place="永顺镇")]),
        write("record", [{"record_id": "s:r1", "source_id": "s", "source_record_id": "r1", "created_at": NIGHT, "local_date": day, "status": "open", "revision_no": 1, "known_at": NIGHT, "row_hash": "h"}]),
        write("warning_record", [{"warning_id": WARNING, "record_id": "s:r1", "role": "example"}]),
        write("series", [{"series_id": "food.poisoning@通州区/永顺镇", "date": day, "problem_code": "food.poisoning", "place": "永顺镇", "observed": 3, "expected": 0.5, "p_value": 0.001, "alarm": True, "kept": True}]),
        write("metric", figures), write("notice", [{"notice_id": "n", "raised_on": day, "as_of": NIGHT, "kind": "capped", "n_records": 7, "summary": "…", "run_id": "r1"}]),
        write("ranking", [{"date": day, "warning_id": WARNING, "place_key": "tongzhou", "as_of": NIGHT, "rank": 1, "priority": 1.0, "basis": "none"}])]))


@pytest.mark.parametrize(("page", "statement"), STATEMENTS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(STATEMENTS)])
def test_a_statement_of_the_docs_runs(page, statement, house):  # noqa: F811
    sqlite = house.engine.dialect.name == "sqlite"
    if sqlite and ("weisu_work" in statement or "create role" in statement):
        pytest.skip("PostgreSQL's own")
    if "create role" in statement:
        pytest.skip("done by weisu db readers: tests/test_warehouse_readers.py")
    furnish(house)
    with writing(house.engine) as connection:
        for one in filter(None, (x.strip() for x in re.sub(r"--.*", "", statement).split(";"))):
            answer = connection.exec_driver_sql(one if sqlite else one.replace("%", "%%"))
            rows = answer.mappings().all() if answer.returns_rows else []
    if "weisu_work" in statement:
        assert rows[0]["reason"] == "stale" and rows[0]["change_no"] == 1
    for about, wanted in GIVES.items():
        if about in statement.splitlines()[0]:
            assert len(rows) == wanted if isinstance(wanted, int) else {c: rows[0][c] for c in wanted} == wanted


def test_every_expected_answer_has_its_statement():
    assert not [about for about in GIVES if not any(about in s.splitlines()[0] for _, s in STATEMENTS)]


def columns_told(section: str) -> tuple[str, ...]:
    rows = section.split("\n\n")[0].splitlines()
    return tuple(c.strip() for line in rows if line.startswith("| ") and not line.startswith("| column") for c in line.split("|")[1].split(","))


@pytest.mark.parametrize("view", list(VIEWS))
def test_every_column_of_a_view_is_described_in_its_order(view):
    page = next(p for p in PAGES.values() if f"### {view}:" in p)
    section = page.split(f"### {view}:")[1]
    assert columns_told(section[section.index("| column"):]) == VIEWS[view]


@pytest.mark.parametrize("table", ["work_request", "work_rule", "unit"])
def test_every_column_of_a_table_that_screens_use_is_described(table):
    page = PAGES["working.md"]
    assert columns_told(page[page.index(f"| column of {table} "):]) == tuple(c.name for c in getattr(tables, table).columns)


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
