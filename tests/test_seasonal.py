"""What rises every year at this time, and no more than last year, is known to do so; the Spring Festival moves, and its season with it."""
from datetime import date, timedelta

import polars as pl
import pytest

from flows.warn import _level, _yearly, tell
from policy.calendar import year_before
from policy.sentinels import cluster
from tests.engines import house  # noqa: F401
from tests.lake_rows import at
from tests.test_by_rule import DAY as JUNE
from tests.test_by_rule import PLACE, empty, rows
from transforms.matters import SIGNAL, find_matters
from transforms.seasonal import as_last_year

DAY, THEN = date(2026, 2, 10), date(2025, 1, 23)


@pytest.mark.parametrize(("day", "then"), [
    (date(2026, 2, 10), date(2025, 1, 23)),                     # five days before the first day off: 15 February 2026, 28 January 2025
    (date(2026, 2, 20), date(2025, 2, 2)),
    (date(2022, 12, 20), date(2021, 12, 30)),                   # an early festival begins its five weeks in December: 21 January 2023, 31 January 2022
    (date(2026, 6, 10), date(2025, 6, 11)),                     # far from it: the same weekday
])
def test_the_day_a_year_before_goes_by_the_spring_festival_where_it_is_near(day, then):
    assert year_before(day, "cn") == then


def test_elsewhere_it_is_the_same_weekday():
    assert year_before(date(2026, 2, 10), "us_ny") == date(2025, 2, 11)


def counts(now, then, usual=1, problem="price.unmarked", street="玉桥街道"):
    """`usual` a day over both years, and in the fortnights up to both days so many a day more."""
    days = [date(2024, 9, 1) + timedelta(days=n) for n in range((DAY - date(2024, 9, 1)).days + 1)]
    more = lambda d: now if DAY - timedelta(days=13) <= d else then if THEN - timedelta(days=13) <= d <= THEN else 0
    return pl.DataFrame([{"problem_code": problem, "coarse_place": "通州区", "fine_place": street, "date": d, "n": usual + more(d)} for d in days])


def cells(frame):
    return as_last_year(frame, DAY, THEN).rows()


def test_a_rise_as_large_as_last_years_is_told_of_its_street_and_of_the_whole_place():
    assert cells(counts(3, 3)) == [("price.unmarked", "通州区", None, 56, 56), ("price.unmarked", "通州区", "玉桥街道", 56, 56)]


def test_some_days_sooner_or_later_are_the_same_season():
    late = counts(3, 3).with_columns(pl.when(pl.col("date") < date(2025, 6, 1)).then(pl.col("date") + pl.duration(days=3)).otherwise("date").alias("date"))
    assert cells(late)[0] == ("price.unmarked", "通州区", None, 56, 56)


@pytest.mark.parametrize("frame", [
    counts(9, 3),                                               # far more than last year
    counts(3, 0),                                               # nothing rose last year
    counts(3, 3).filter(pl.col("date") > date(2025, 6, 1)),     # nobody knows
])
def test_what_did_not_rise_then_or_rises_more_now_is_no_season(frame):
    assert cells(frame) == []


def test_a_rise_in_another_street_does_not_make_this_ones_a_season():
    there = pl.concat([counts(0, 9, street="台湖镇"), counts(9, 0)])
    assert [c[2] for c in cells(there)] == [None, "台湖镇"]


def test_what_comes_every_year_is_blue():
    def given(yearly):
        return _level({"kind": "surge", "problem_code": "price.unmarked", "p_value": 1e-6}, 60, None, 52, 5.0, 5, 1e-4, False, yearly=yearly)
    assert given(False).level == "red" and (given(True).level, given(True).row) == ("blue", "as_last_year")


def test_only_a_cells_rise_a_plain_rule_met_in_a_street_and_a_small_incident_can_be_the_season_and_nothing_where_safety_is_at_stake():
    def told(kind, subject, problem="price.unmarked", rule=None, cells=((5, 6), (50, 60)), observed=8.0):
        seasonal = {(problem, "C", street): n for street, n in zip(("S", None), cells) if n}
        return _yearly({"problem_code": problem, "coarse_place": "C", "fine_place": "S", "kind": kind, "subject": subject, "observed": observed}, rule, seasonal)
    plain, grave = cluster("price_unmarked", DAY), cluster("prepaid_runaway", DAY)
    assert (told("surge", "fine"), told("surge", "coarse"), told("slow_rise", "fine"), told("cluster", "fine", rule=plain)) == ((5, 6), (50, 60), (5, 6), (50, 60))
    assert not any(told(*x) for x in (("incident", "incident"), ("surge", "respondent"), ("cluster", "incident"), ("sentinel", "record"), ("recurrence", "fine")))
    assert told("incident", "incident", observed=7.0) == (50, 60) and told("incident", "incident", "prepaid.runaway", grave, observed=7.0) is None
    assert told("surge", "fine", "food.poisoning") is None and told("cluster", "fine", "prepaid.runaway", grave) is None and told("surge", "fine", cells=(None, (50, 60))) is None


def test_the_warning_says_both_figures(house):  # noqa: F811
    unmarked = {"problem_code": "price.unmarked", "problem_name": "未明码标价", "respondent_name": None, "respondent_key": None}
    seen = rows(*((n % 10, unmarked) for n in range(40)))
    signal = {**dict.fromkeys(SIGNAL), "signal_id": "price.unmarked@通州区/玉桥街道", "kind": "surge", "level": "fine", "problem_code": "price.unmarked", "fine_place": "玉桥街道",
              "coarse_place": "通州区", "observed": 40.0, "expected": 4.0, "p_value": 1e-9, "window": 7}
    signals, members = pl.DataFrame([signal], schema=SIGNAL), seen.select(pl.lit(signal["signal_id"]).alias("signal_id"), "record_id")
    matters = find_matters(signals, members, seen, pl.DataFrame())
    say = lambda seasonal: tell(matters, seen, *empty(house), {}, PLACE, JUNE, at("2026-06-30 16:00"), "r", 60, seasonal=seasonal).warnings.row(0, named=True)
    plain, yearly = say({}), say({("price.unmarked", "通州区", "玉桥街道"): (56, 61)})
    assert plain["level"] != "blue" and yearly["level"] == "blue" and "近14日56件，去年同期61件" in yearly["summary"] and "去年同期" not in plain["summary"]
