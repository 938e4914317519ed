"""The monthly score given what is out, by hand; streaks of full marks; whistles and who answered them."""
from datetime import date

import polars as pl
import pytest

from flows.cli import run as weisu
from flows.reviews import sheet_of
from flows.scores import blow, note_score, report, whistles_known
from flows.sheet import known
from tests.houses import enter
from tests.practice_house import house_with, moment, records
from transforms.scores import PULL, Part, simulate, streak

DAY = date(2026, 6, 30)
SOLVED = Part("solved_rate", 40, pl.col("solved"), pl.col("solved").is_not_null(), pl.col("solved").is_null())


def rows(*answers):
    return pl.DataFrame([{"record_id": f"r{n:02d}", "lead_unit": unit, "solved": said, "close_due": moment(DAY)} for n, (unit, said) in enumerate(answers)],
                        schema={"record_id": pl.String, "lead_unit": pl.String, "solved": pl.Boolean, "close_due": pl.Datetime("us", "UTC")})


def test_the_score_to_come_lies_between_the_worst_and_the_best_and_units_answer_as_they_have():
    told = simulate(rows(*[("甲", True)] * 8, *[("甲", False)] * 2, *[("乙", False)] * 10, ("甲", None), ("乙", None)), [SOLVED])
    a, b = (8 + PULL * .4) / (10 + PULL), (0 + PULL * .4) / (10 + PULL)
    assert (told.now, told.worst, told.best) == (pytest.approx(40), pytest.approx(100 * 8 / 22), pytest.approx(100 * 10 / 22)) and told.expected == pytest.approx(100 * (8 + a + b) / 22)
    assert told.weighing["record_id"].to_list() == ["r21", "r20"]                      # the unit that seldom solves has more at stake
    assert told.weighing["points"].to_list() == [pytest.approx(100 * (1 - b) / 22), pytest.approx(100 * (1 - a) / 22)]
    assert told.best - told.expected == pytest.approx(told.weighing["points"].sum())    # what is at stake is what is missing to the best


def test_two_rates_weigh_by_their_weights_and_without_any_answer_nothing_is_said():
    again = Part("again", 60, pl.col("solved").cast(pl.Float64) * .5, pl.col("solved").is_not_null(), pl.col("solved").is_null())
    told = simulate(rows(("甲", True), ("甲", None)), [SOLVED, again])
    assert told.now == pytest.approx(40 + 30) and told.best == pytest.approx(40 + 60 * .75)
    none = simulate(rows(("甲", None)), [SOLVED])
    assert none.now is None and none.weighing.is_empty()


def test_a_missing_month_or_a_lost_point_ends_a_streak():
    scores = pl.DataFrame({"month_first": [date(2024, m, 1) for m in (1, 2, 3, 4, 5)], "score": [100.0] * 5, "full_score": [100.0] * 5})
    assert streak(scores, date(2024, 5, 31)) == 5 and streak(scores, date(2024, 6, 1)) == 0
    assert streak(scores.filter(pl.col("month_first") != date(2024, 3, 1)), date(2024, 5, 1)) == 2
    assert streak(scores.with_columns(pl.when(pl.col("month_first") == date(2024, 4, 1)).then(99.9).otherwise("score").alias("score")), date(2024, 5, 1)) == 1


@pytest.fixture
def house(tmp_path):
    made = house_with(tmp_path / "h", records([{"number": "a", "day": DAY, "status": "closed", "responded": True, "solved": True, "satisfied": "yes"}, {"number": "b", "day": DAY, "problem_code": "food.expired"}]),
                      moment(DAY, 24))
    yield made
    made.warehouse.close()


def test_five_months_of_full_marks_stand_on_the_months_sheet(house, monkeypatch, capsys):
    for month in (2, 3, 4, 5, 6):
        assert note_score(house.settings, date(2026, month, 9), "市级行风考评", 100, 100, "投诉举报事务中心", moment(date(2026, month, 28))) == 0
    sheet = sheet_of(known(house, "month", DAY, False, None, "zh"))
    assert next(s for s in sheet.sections if s.key == "scores").rows["what"].to_list() == ["市级行风考评：2026-06 为 100/100，连续满分 5 个月"]
    enter(monkeypatch, house.settings)
    assert weisu(["score", "simulate", "--date", str(DAY)]) == 2
    capsys.readouterr()
    assert weisu(["score", "simulate", "--scheme", "example_10_40_50", "--date", str(DAY), "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "非官方" in said and "现为 100.00 分" in said and "market_supervision:b" in said


def test_a_whistle_waits_on_the_daily_sheet_until_the_section_reports(house, monkeypatch, capsys):
    enter(monkeypatch, house.settings)
    assert weisu(["whistle", "blow", "market_supervision:b"]) == 2 and "科" in capsys.readouterr().err           # the problem's own sections are proposed, people blow
    assert blow(house.settings, "market_supervision:b", "食品流通科", "新华市场监管所", moment(DAY, 10)) == 0
    part = lambda: next(s for s in sheet_of(known(house, "day", DAY, False, None, "zh")).sections if s.key == "whistles")
    row = part().rows.row(0, named=True)
    assert (row["asked_unit"], row["asked_by"], row["hours"]) == ("食品流通科", "新华市场监管所", 14.0)
    assert report(house.settings, row["whistle_id"], "联合检查", None, moment(DAY, 13)) == 0 and report(house.settings, row["whistle_id"], None, None) == 1
    assert part().rows.is_empty() and "报到用时中位 3.0 小时" in part().notes[0]
    assert whistles_known(house, moment(DAY, 12))["reported_at"].to_list() == [None] and whistles_known(house, moment(DAY, 9)).is_empty()
