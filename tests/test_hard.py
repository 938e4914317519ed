"""What makes a matter hard: each mark by itself, at its threshold and just below it."""
from datetime import date, timedelta

import polars as pl
import pytest

from policy.hard import marks
from tests.practice_house import records
from transforms.hard import marked, matters

DAY = date(2026, 6, 30)


def marks_of(*rows):
    frame = records([{"incident_id": "I", "day": DAY, **r} for r in rows]).with_columns(
        pl.Series("reopened", [r.get("reopened", False) for r in rows]), pl.Series("repeated", [r.get("repeated", False) for r in rows]), pl.lit(None, pl.String).alias("problem_name"))
    found = marked(matters(frame, DAY), [(m.id, m.when) for m in marks(DAY)])
    return found.row(0, named=True)["marks"]


@pytest.mark.parametrize(("mark", "meets", "misses"), [
    ("long", [{"day": DAY - timedelta(days=30)}], [{"day": DAY - timedelta(days=29)}]),
    ("long", [{"day": DAY - timedelta(days=90)}], [{"day": DAY - timedelta(days=90), "status": "closed"}]),
    ("fields", [{"lead_unit": "甲所", "returned_unit": "乙科"}], [{"lead_unit": "甲所"}, {"lead_unit": "丙所"}]),       # two stations of one trade are one field
    ("fields", [{"lead_unit": "甲所", "co_units": ["乙科"]}], [{"lead_unit": "甲所", "co_units": ["甲所"]}]),
    ("reopened", [{"reopened": True}], [{}]), ("repeated", [{"repeated": True}] * 3, [{"repeated": True}] * 2),
    ("unsolved", [{"solved": False}, {"solved": False}, {"solved": True}], [{"solved": False}, {"solved": True}, {"solved": True}]),
    ("unsolved", [{"solved": False}] * 3, [{"solved": False}] * 2),
    ("people", [{"persons_affected": 6}, {"persons_affected": 4}], [{"persons_affected": 9}])])
def test_a_mark_is_met_at_its_threshold_and_not_below(mark, meets, misses):
    assert mark in marks_of(*meets) and mark not in marks_of(*misses)


def test_amounts_of_one_matter_add_up_and_matters_are_told_apart():
    from decimal import Decimal
    assert "amount" in marks_of({"amount_claimed": Decimal("30000")}, {"amount_claimed": Decimal("20000")}) and "amount" not in marks_of({"amount_claimed": Decimal("49999.99")})
    alone = records([{"day": DAY, "incident_id": i} for i in ("A", "A", None, None)]).with_columns(
        pl.lit(False).alias("reopened"), pl.lit(False).alias("repeated"), pl.lit(None, pl.String).alias("problem_name"))
    assert sorted(matters(alone, DAY)["n_records"].to_list()) == [1, 1, 2]


def test_the_rules_are_dated():
    assert marks(date(2021, 9, 23)) == [] and len(marks(date(2021, 9, 24))) == 7
    assert marked(matters(records([{"day": DAY}]).with_columns(pl.lit(False).alias("reopened"), pl.lit(False).alias("repeated"), pl.lit(None, pl.String).alias("problem_name")), DAY), [])["marks"].to_list() == [[]]
