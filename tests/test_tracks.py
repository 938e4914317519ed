"""调处并举: a case and the mediation of its record are two tracks with a clock each; closing one never closes the other."""
from datetime import date

import pytest

from flows.cli import run as weisu
from flows.reviews import sheet_of
from flows.sheet import known
from flows.tracks import close_case, open_case, tracks
from tests.houses import enter
from tests.practice_house import house_with, keep, moment, records

DAY = date(2026, 6, 30)
RECORD = "market_supervision:1"
ROW = {"number": "1", "day": date(2026, 6, 1), "status": "in_hand", "signed_at": moment(date(2026, 6, 2)), "problem_code": "price.unmarked", "lead_unit": "新华市场监管所"}


@pytest.fixture
def house(tmp_path):
    made = house_with(tmp_path / "h", records([ROW]), moment(DAY, 24))
    assert open_case(made.settings, RECORD, "京通市监价字12号", None, date(2026, 6, 5), "新华市场监管所", moment(date(2026, 6, 5))) == 0
    yield made
    made.warehouse.close()


def on_sheet(house, kind="day", asked=None):
    return next(s for s in sheet_of(known(house, kind, DAY, False, asked, "zh")).sections if s.key == "tracks")


def test_each_track_has_its_own_clock_and_its_own_ground(house):
    row = tracks(house, moment(DAY, 24)).row(0, named=True)
    assert (row["case_due"], row["case_ground"]) == (date(2026, 9, 3), "行政处罚法 第六十条")            # ninety days from 5 June
    assert row["close_due"].date() == date(2026, 8, 1) and "价格法" in row["law"]                        # sixty from 2 June
    shown = on_sheet(house).rows.row(0, named=True)
    assert (shown["mediation"], shown["case"], shown["case_id"]) == ("在办，2026-08-01 到期", "在办，2026-09-03 到期", "京通市监价字12号")
    assert on_sheet(house).behind["record_id"].to_list() == [RECORD]


def test_a_closed_mediation_leaves_the_case_open(house):
    keep(house.warehouse, records([{**ROW, "status": "closed", "revision_no": 2, "closed_at": moment(date(2026, 6, 20)), "known_at": moment(date(2026, 6, 20))}]), moment(DAY, 24), "nightly-2")
    row = tracks(house, moment(DAY, 24)).row(0, named=True)
    assert row["status"] == "closed" and row["closed_on"] is None
    shown = on_sheet(house).rows.row(0, named=True)
    assert (shown["mediation"], shown["case"]) == ("已办结", "在办，2026-09-03 到期")


def test_a_closed_case_leaves_the_mediation_open_and_only_the_periods_sheets_still_tell_it(house, capsys):
    case = tracks(house, moment(DAY, 24))["case_id"][0]
    assert close_case(house.settings, case, "罚款三千元", date(2026, 6, 29), "综合执法科", moment(date(2026, 6, 29), 12)) == 0
    assert close_case(house.settings, case, "again", None, None) == 1
    assert house.warehouse.select("record", "record_id = :r", r=RECORD)["status"][0] == "in_hand"
    assert on_sheet(house).rows.is_empty()                                                                # over the day before
    month = on_sheet(house, "month").rows.row(0, named=True)
    assert (month["mediation"], month["case"]) == ("在办，2026-08-01 到期", "2026-06-29 结案：罚款三千元")
    assert on_sheet(house, "month", moment(date(2026, 6, 28), 12)).rows["case"][0] == "在办，2026-09-03 到期"    # as it was known before


def test_the_command_line_opens_lists_and_closes(house, monkeypatch, capsys):
    enter(monkeypatch, house.settings)
    assert weisu(["case", "open", "no-such-record"]) == 2 and weisu(["case", "close", "A-none", "--result", "x"]) == 2
    assert weisu(["case", "list"]) == 0
    said = capsys.readouterr().out
    assert "京通市监价字12号" in said and "调解在办，2026-08-01 到期" in said and "案件在办，2026-09-03 到期" in said
