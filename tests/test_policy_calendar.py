"""The calendar against the State Council's notice of 2026 and against a year that has none yet."""
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.calendar import REGIONS, add_workdays, day_kind, day_kinds, holidays, is_workday, region_of, workdays_until

#: The notice: first and last day off, and the weekend days that are worked for it.
NOTICE_2026 = [
    ("01-01", "01-03", ["01-04"]), ("02-15", "02-23", ["02-14", "02-28"]), ("04-04", "04-06", []), ("05-01", "05-05", ["05-09"]),
    ("06-19", "06-21", []), ("09-25", "09-27", []), ("10-01", "10-07", ["09-20", "10-10"]),
]
DAYS_2026 = [date(2026, 1, 1) + timedelta(days=i) for i in range(365)]


def in_2026(month_day):
    return date.fromisoformat(f"2026-{month_day}")


@pytest.mark.parametrize(("start", "n", "end"), [
    ("2026-09-30", 7, "2026-10-15"), ("2026-02-13", 7, "2026-03-02"), ("2026-04-15", 7, "2026-04-24"), ("2026-04-14", 45, "2026-06-18"),
])
def test_the_nth_working_day_leaves_the_first_day_out_and_steps_over_holidays(start, n, end):
    assert add_workdays(date.fromisoformat(start), n) == date.fromisoformat(end)


def test_every_day_of_2026_is_what_the_notice_says():
    off = {in_2026(first) + timedelta(days=i) for first, last, _ in NOTICE_2026 for i in range((in_2026(last) - in_2026(first)).days + 1)}
    worked = {in_2026(d) for *_, days in NOTICE_2026 for d in days}
    expected = ["holiday" if d in off else "makeup" if d in worked else "weekend" if d.weekday() >= 5 else "workday" for d in DAYS_2026]
    assert day_kinds(DAYS_2026, "cn") == expected
    assert not any(day_kind(d).provisional for d in DAYS_2026)


def test_seven_working_days_of_2026_take_eight_to_eighteen_calendar_days():
    spans = [(add_workdays(d, 7) - d).days for d in DAYS_2026 if is_workday(d)]
    assert (min(spans), max(spans)) == (8, 18)


@given(st.dates(date(2004, 1, 1), date(2030, 12, 31)), st.integers(1, 60))
def test_between_start_and_end_lie_exactly_n_working_days_and_the_end_is_one(start, n):
    end = add_workdays(start, n)
    assert is_workday(end)
    assert sum(is_workday(start + timedelta(days=i)) for i in range(1, (end - start).days + 1)) == n


@pytest.mark.parametrize("n", [0, -1])
def test_no_working_day_is_no_number_of_working_days(n):
    with pytest.raises(ValueError, match="working days"):
        add_workdays(date(2026, 1, 5), n)


@pytest.mark.parametrize(("day", "kind", "name"), [
    (date(2024, 2, 10), "holiday", True), (date(2024, 2, 4), "makeup", True), (date(2024, 2, 24), "weekend", False), (date(2024, 2, 26), "workday", False),
])
def test_a_year_before_the_overlay_is_known_too(day, kind, name):
    got = day_kind(day)
    assert (got.kind, bool(got.name), got.provisional) == (kind, name, False)


def test_2027_is_computed_from_weekends_and_statutory_days_and_marked_provisional():
    days = [date(2027, 1, 1) + timedelta(days=i) for i in range(365)]
    got = {d: day_kind(d) for d in days}
    assert all(k.provisional for d, k in got.items() if k.kind in ("workday", "holiday"))
    assert not any(k.kind == "makeup" for k in got.values())
    off = {d for d, k in got.items() if k.kind == "holiday"}
    # 13 statutory days; New Year's Eve by the moon is the fifth of February.
    assert len(off) == 13 and {date(2027, 1, 1), date(2027, 2, 5), date(2027, 2, 8), date(2027, 5, 2), date(2027, 10, 3)} <= off


def test_a_due_date_that_reaches_into_2027_does_not_raise():
    assert add_workdays(date(2026, 11, 24), 45) == date(2027, 1, 27)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("year", [1, 999, 1900, 2003, 2004, 2026, 2027, 2031, 9999])
def test_no_year_is_an_error(year, region):
    days = [date(year, 1, 1), date(year, 7, 4), date(year, 12, 31)]
    assert set(day_kinds(days, region)) <= {"workday", "weekend", "holiday", "makeup"}


def test_holidays_are_a_mask_that_takes_series_and_lists():
    days = [in_2026(d) for d in ("02-14", "02-15", "02-16", "02-28", "03-01", "03-02")]
    expected = [False, True, True, False, False, False]  # neither a make-up day nor a plain Sunday is a holiday
    for given_days in (days, pl.Series(days)):
        got = holidays(given_days, "cn")
        assert got.dtype == np.bool_ and got.tolist() == expected
    assert holidays([], "cn").shape == (0,) and holidays(days, "none").sum() == 0


@pytest.mark.parametrize(("day", "off"), [
    ("2026-01-19", True), ("2026-02-16", True), ("2026-05-25", True), ("2026-06-19", True), ("2020-06-19", False), ("2026-07-03", True), ("2026-07-04", True),
    ("2026-09-07", True), ("2026-10-12", True), ("2026-11-26", True), ("2026-11-27", False), ("2021-12-31", True), ("2022-01-01", True), ("2023-01-02", True),
    ("2026-12-31", False), ("2026-05-18", False),
])
def test_federal_holidays_of_new_york_with_the_day_they_are_observed(day, off):
    assert holidays([date.fromisoformat(day)], "us_ny").tolist() == [off]


def test_the_region_follows_the_time_zone_and_an_unknown_one_is_refused():
    assert [region_of(z) for z in ("Asia/Shanghai", "America/New_York", "Europe/Zurich")] == ["cn", "us_ny", "none"]
    with pytest.raises(ValueError, match="atlantis"):
        day_kind(date(2026, 1, 1), "atlantis")


def test_working_days_until_a_day_are_those_after_today():
    friday, monday = date(2026, 6, 5), date(2026, 6, 8)
    assert (workdays_until(friday, monday), workdays_until(friday, friday), workdays_until(friday, date(2026, 6, 7))) == (1, 0, 0)
    assert workdays_until(monday, friday) == -1 and workdays_until(date(2026, 9, 30), add_workdays(date(2026, 9, 30), 7)) == 7
