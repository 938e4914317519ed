"""The attention level is the first row of a table that holds; more people never make it milder."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.dated import load
from policy.levels import LEVELS, level, rank, reason

#: Rows a text gives, not the table.
ROWS = [r for r in load("levels.yaml")["levels"] if r.get("kind") != ["never"]]


@pytest.mark.parametrize(("asked", "expected"), [
    ({"kind": "sentinel", "severity": "red"}, ("red", "red_danger")),
    ({"kind": "cluster", "severity": "red", "n_records": 2, "n_callers": 2}, ("red", "red_danger")),
    ({"kind": "cluster", "severity": "orange", "n_records": 3, "n_callers": 3}, ("orange", "orange_rule")),
    ({"kind": "cluster", "severity": "yellow", "n_records": 3, "n_callers": 3}, ("yellow", "yellow_rule")),
    ({"kind": "surge", "safety_critical": True, "n_records": 12, "n_callers": 10, "ratio": 3.0}, ("red", "red_safety")),
    ({"kind": "surge", "safety_critical": True, "n_records": 12, "n_callers": 9, "ratio": 3.0}, ("orange", "orange_safety")),
    ({"kind": "incident", "safety_critical": True, "n_records": 2, "n_callers": 2, "ratio": 1.0}, ("yellow", "yellow_safety")),
    ({"kind": "surge", "n_records": 60, "n_callers": 30, "ratio": 5.0}, ("red", "red_mass")),
    ({"kind": "surge", "n_records": 60, "n_callers": 30, "ratio": 4.9}, ("orange", "orange_steep")),
    ({"kind": "surge", "n_records": 20, "n_callers": 15, "ratio": 2.0, "n_streets": 3}, ("orange", "orange_wide")),
    ({"kind": "surge", "n_records": 20, "n_callers": 15, "ratio": 2.0, "n_streets": 2}, ("yellow", "yellow_growing")),
    ({"kind": "surge", "n_records": 10, "n_callers": 10, "ratio": 1.5}, ("yellow", "yellow_many")),
    ({"kind": "incident", "n_records": 3, "n_callers": 3, "ratio": 1.2}, ("blue", "blue_rest")),
    # Certainty: the same figures, and how much of a list down to here would be chance.
    ({"kind": "surge", "safety_critical": True, "n_records": 12, "n_callers": 10, "ratio": 3.0, "q_value": 0.05}, ("red", "red_safety")),
    ({"kind": "surge", "safety_critical": True, "n_records": 12, "n_callers": 10, "ratio": 3.0, "q_value": 0.06}, ("orange", "orange_safety")),
    ({"kind": "surge", "n_records": 60, "n_callers": 30, "ratio": 5.0, "q_value": 0.01}, ("red", "red_mass")),
    ({"kind": "surge", "n_records": 60, "n_callers": 30, "ratio": 5.0, "q_value": 0.02}, ("orange", "orange_steep")),
    ({"kind": "surge", "n_records": 60, "n_callers": 30, "ratio": 5.0, "q_value": 0.06}, ("yellow", "yellow_growing")),
    ({"kind": "surge", "n_records": 20, "n_callers": 15, "ratio": 2.0, "n_streets": 3, "q_value": 0.05}, ("orange", "orange_wide")),
    ({"kind": "surge", "n_records": 20, "n_callers": 15, "ratio": 2.0, "n_streets": 3, "q_value": 0.2}, ("yellow", "yellow_growing")),
    ({"kind": "surge", "n_records": 10, "n_callers": 10, "ratio": 1.5, "q_value": 0.2}, ("yellow", "yellow_many")),
    ({"kind": "surge", "n_records": 60, "n_callers": 30, "ratio": 5.0, "q_value": 0.21}, ("blue", "blue_rest")),
    # A rise of what is grave by its rule needs fewer callers, and more certainty than the rule has.
    ({"kind": "incident", "severity": "orange", "n_records": 25, "n_callers": 20, "ratio": 10.0, "q_value": 0.01}, ("red", "red_grave")),
    ({"kind": "incident", "severity": "orange", "n_records": 25, "n_callers": 19, "ratio": 10.0, "q_value": 0.01}, ("orange", "orange_steep")),
    ({"kind": "incident", "severity": "yellow", "n_records": 25, "n_callers": 20, "ratio": 10.0, "q_value": 0.01}, ("orange", "orange_steep")),
    # What took months is never red.
    ({"kind": "slow_rise", "safety_critical": True, "n_records": 40, "n_callers": 35, "ratio": 6.0, "q_value": 0.001}, ("orange", "orange_safety")),
    # What one record is enough for is not made milder by any figure of chance.
    ({"kind": "sentinel", "severity": "red", "q_value": 0.9}, ("red", "red_danger")),
])
def test_each_row_speaks_where_its_conditions_hold(asked, expected):
    assert level(**asked) == expected


def test_one_caller_with_many_records_is_blue_unless_somebody_is_in_danger():
    assert level("incident", n_records=38, n_callers=1, ratio=9.0) == ("blue", "one_caller")
    assert level("incident", n_records=38, n_callers=1, ratio=9.0, safety_critical=True).row != "one_caller"
    assert level("sentinel", severity="red", n_records=2, n_callers=1).level == "red"
    assert level("cluster", severity="orange", n_records=2, n_callers=1).level == "orange"


def test_where_callers_are_not_known_half_the_records_stand_for_them():
    assert level("surge", n_records=24, ratio=3.0) == level("surge", n_records=24, n_callers=12, ratio=3.0) == ("orange", "orange_steep")
    assert level("surge", n_records=22, ratio=3.0).level == "yellow"


def test_a_first_appearance_has_no_ratio_and_passes_for_steep():
    assert level("surge", n_records=12, n_callers=12, ratio=None).row == "orange_steep"


@given(st.sampled_from(["surge", "incident", "cluster", "sentinel"]), st.booleans(), st.integers(2, 60), st.integers(2, 60), st.floats(0, 10), st.integers(1, 6),
       st.sampled_from([None, "red", "orange", "yellow"]), st.integers(0, 40), st.floats(0, 5), st.integers(0, 3), st.floats(0, 1), st.floats(0, 1))
def test_more_callers_a_steeper_rise_more_streets_or_more_certainty_never_make_it_milder(kind, safety, records, callers, ratio, streets, severity, more, steeper, wider, q, surer):
    def rank_of(callers, ratio, streets, safety=safety, q=q):
        return rank(level(kind, safety_critical=safety, n_records=records + more, n_callers=callers, ratio=ratio, n_streets=streets, severity=severity, q_value=q).level)

    assert rank_of(callers + more, ratio + steeper, streets + wider, q=q * surer) <= rank_of(callers, ratio, streets)
    assert rank_of(callers, ratio, streets, q=None) <= rank_of(callers, ratio, streets)
    assert rank_of(callers, ratio, streets, True) <= rank_of(callers, ratio, streets, False)


def test_every_row_is_in_use_says_why_in_both_languages_and_has_a_level():
    said = [(reason(r["id"], "zh"), reason(r["id"], "en")) for r in ROWS]
    assert all(zh and en for zh, en in said) and len({r["id"] for r in ROWS}) == len(ROWS) and {r["level"] for r in ROWS} == set(LEVELS)
    got = {level(kind, safety_critical=s, n_records=n, n_callers=c, ratio=q, n_streets=w, severity=v).row
           for kind, v in (("surge", None), ("surge", "orange"), ("recurrence", None), ("cluster", "red"), ("cluster", "orange"), ("cluster", "yellow")) for s in (True, False)
           for n, c in ((40, 40), (40, 20), (40, 15), (40, 12), (40, 10), (40, 4), (40, 3), (40, 2), (40, 1)) for q in (1.0, 1.5, 2.0, 3.0, 5.0, 10.0) for w in (1, 3)}
    assert got == {r["id"] for r in ROWS}
    with pytest.raises(KeyError):
        reason("no_such_row", "en")


def test_the_gravest_sorts_first():
    assert sorted(["blue", "red", "yellow", "orange"], key=rank) == list(LEVELS)
    with pytest.raises(ValueError):
        rank("purple")
