"""A problem that comes back: the days from a closing to the next record there, the share that stays cured, and callers who call again, worked by hand."""
import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from models.recurrence import Share, callers_returning, closings, cure_curve
from tests.houses import enter
from tests.practice_house import house_with, moment, records

D0 = date(2026, 3, 2)
AS_OF = moment(D0 + timedelta(days=100), 24)


def day(n):
    return D0 + timedelta(days=n)


def test_the_curve_counts_a_closing_only_as_long_as_it_was_watched():
    """Six closings: back after 5, 10 and 40 days, watched in vain for 8, 20 and 100. At 7: 5/6. At 14: × (1 − 1/4). At 60: × (1 − 1/2)."""
    days, back = np.array([5, 10, 40, 8, 20, 100.0]), np.array([1, 1, 1, 0, 0, 0], bool)
    curve = cure_curve(days, back, (7, 14, 60, 90, 180))
    assert curve.days == (7, 14, 60, 90) and curve.watched == (5, 3, 1, 1)
    assert curve.cured == pytest.approx((5 / 6, 5 / 6 * 3 / 4, 5 / 16, 5 / 16))
    assert all(low <= cured <= high for low, cured, high in zip(curve.low, curve.cured, curve.high))
    never = cure_curve(np.array([30.0, 40.0]), np.array([False, False]), (7, 30))
    assert never.cured == (1, 1) and never.low == (None, None) and cure_curve(np.zeros(0), np.zeros(0, bool)) is None


def test_only_what_is_created_after_a_closing_at_the_same_place_is_a_return():
    rows = pl.DataFrame({"record_id": list("abcde"), "where": ["甲", "甲", "甲", "乙", None], "created_at": [moment(day(n)) for n in (0, 1, 12, 3, 2)],
                         "closed_at": [moment(day(2)), moment(day(5)), None, moment(day(4)), moment(day(3))]})
    found = {r: (round(d), back) for r, _, _, d, back in closings(rows, moment(day(30))).iter_rows()}
    assert found == {"a": (10, True), "b": (7, True), "d": (26, False)}


def test_a_caller_returns_who_calls_after_one_of_their_own_was_closed():
    rows = pl.DataFrame({"caller_key": ["u", "u", "v", "v", "w", None], "created_at": [moment(day(n)) for n in (0, 9, 0, 3, 1, 2)],
                         "closed_at": [moment(day(4)), None, moment(day(8)), moment(day(9)), None, moment(day(5))]})
    told = callers_returning(rows)
    assert (told.part, told.whole) == (1, 3) and told.low < 1 / 3 < told.high and Share.of(0, 0).value is None


@pytest.fixture
def town(tmp_path, monkeypatch):
    """A shop where expired food came back twice, one where it did not, and a street; other problems beside."""
    told = [(0, "天天便利店", "k1", 3), (13, "天天便利店", "k1", 20), (50, "天天便利店", "k2", None), (5, "北辰超市", "k3", 9), (7, None, "k4", 12)]
    rows = [{"day": day(n), "respondent_name": who, "caller_key": caller, **({"status": "closed", "closed_at": moment(day(closed))} if closed else {})} for n, who, caller, closed in told]
    rows += [{"day": day(4), "problem_code": "price.unmarked", "respondent_name": "天天便利店"}]
    house = house_with(tmp_path / "h", records(rows), AS_OF)
    enter(monkeypatch, house.settings)
    house.warehouse.close()


def test_a_problem_is_told_with_where_who_and_how_it_returns(town, capsys):
    from flows.cli import run as weisu
    assert weisu(["problems", "returns", "food.expired", "--days", "101", "--date", str(day(100)), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["records"] == 5 and told["closed"] == 4 and told["callers"] == 4 and told["callers_returning"]["part"] == 1
    assert told["respondents"][0] == ["天天便利店", 3] and told["where"] == [["新华街道", 5]] and told["not_cured"] == [["天天便利店", 2, 2]]
    # Back after ten and thirty days; the other two watched for ninety and more.
    assert told["median_days"] == pytest.approx(20) and dict(zip(told["curve"]["days"], told["curve"]["cured"]))[14] == pytest.approx(0.75)
    assert dict(zip(told["curve"]["days"], told["curve"]["cured"]))[60] == pytest.approx(0.5)
    assert weisu(["problems", "returns", "food.expired", "--days", "101", "--date", str(day(100)), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "5 records" in out and "60 days after closing: cured 50%" in out and "天天便利店: of 2 closed 2 came back within 30 days" in out
    assert weisu(["problems", "returns", "no.such", "--lang", "en"]) == 2
