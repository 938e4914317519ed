"""docs/mechanisms.md names what is there: every command, view, data file, metric and test of it; and every number of the article's is a row."""
import re

from flows.cli import app
from policy.metrics import names
from tests.conftest import ROOT
from warehouse.published import VIEWS

PAGE = (ROOT / "docs" / "mechanisms.md").read_text(encoding="utf-8")
ROWS = [[c.strip() for c in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]


def test_no_cell_of_a_row_is_empty_but_one_said_to_be():
    assert all(len(r) == 6 and all(r) for r in ROWS)
    assert [r[0] for r in ROWS if "–" in (r[2], r[3], r[4])] == ["58", "62"]


def test_every_number_is_a_row():
    assert [int(r[0]) for r in ROWS] == list(range(1, 64))


def test_every_test_command_view_and_data_file_of_the_page_exists():
    tests = {t.strip() for r in ROWS for t in r[5].split(",")}
    assert [t for t in tests if not (ROOT / "tests" / f"{t}.py").is_file()] == []
    known = {name for name in app if not name.startswith("-")}
    assert [c for c in re.findall(r"`weisu ([a-z]+)", PAGE) if c not in known] == []
    assert [v for v in re.findall(r"`(v_[a-z_]+)", PAGE) if v not in VIEWS] == []
    assert [f for f in re.findall(r"`([a-z_]+\.yaml)`", PAGE) if not (ROOT / "policy" / "data" / f).is_file()] == []
    assert [m for m in re.findall(r"`weisu metrics ([a-z_]+)", PAGE) if m not in names()] == []
