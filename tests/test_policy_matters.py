"""When one matter with several callers is worth telling."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.levels import LEVELS
from policy.matters import RULE_ID, matter_rule


@pytest.mark.parametrize(("records_a_day", "callers"), [(0, 3), (60, 3), (60.1, 5), (219, 5), (600, 5), (601, 8), (6000, 8), (60_000, 15), (60_001, 30)])
def test_more_callers_are_wanted_where_more_records_come_in(records_a_day, callers):
    assert matter_rule(RULE_ID, records_a_day).callers == callers


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_larger_place_never_wants_fewer(a, b):
    low, high = sorted((a, b))
    assert matter_rule(RULE_ID, low).callers <= matter_rule(RULE_ID, high).callers


def test_without_a_volume_the_smallest_place_is_meant_and_the_rule_says_what_it_is():
    rule = matter_rule(RULE_ID)
    assert rule == matter_rule(RULE_ID, 0.0) and rule.id == RULE_ID and rule.level in LEVELS
    assert rule.name("zh") == "多人反映同一事项" and rule.name("en") == "several callers, one matter"
    assert 0 < rule.own_callers_share <= 1 < rule.times_usual and rule.usual_days > rule.days
