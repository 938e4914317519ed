"""Working days, clocks and due dates as the field counts them."""
from datetime import UTC, date, datetime

import polars as pl
import pytest

from policy.calendar import add_workdays, day_kind, holidays, is_workday
from policy.clocks import due

MOMENT = pl.Datetime("us", "UTC")


@pytest.mark.parametrize(("start", "n", "end"), [
    (date(2026, 9, 30), 7, date(2026, 10, 15)), (date(2026, 2, 13), 7, date(2026, 3, 2)), (date(2026, 4, 15), 7, date(2026, 4, 24)),
    (date(2026, 4, 14), 45, date(2026, 6, 18))])
def test_working_days_are_counted_without_the_first_day_and_over_holidays(start, n, end):
    assert add_workdays(start, n) == end


def test_a_year_without_a_notice_is_provisional_and_never_an_error():
    assert add_workdays(date(2026, 11, 20), 45) > date(2027, 1, 1)
    assert day_kind(date(2027, 3, 3)).provisional and not day_kind(date(2026, 3, 3)).provisional
    assert not is_workday(date(2027, 1, 1))


def test_make_up_days_work_and_holidays_rest():
    assert is_workday(date(2026, 2, 14)) and is_workday(date(2026, 10, 10)) and not is_workday(date(2026, 2, 16))
    assert list(holidays([date(2026, 6, 18), date(2026, 6, 19)], "cn")) == [False, True]
    assert list(holidays([date(2021, 7, 4), date(2021, 7, 7)], "us_ny")) == [True, False]
    with pytest.raises(ValueError, match="region"):
        day_kind(date(2026, 1, 1), "moon")


def records(**columns):
    base = {"record_type": "complaint", "created_at": datetime(2026, 4, 10, 2, tzinfo=UTC), "local_date": date(2026, 4, 10), "due_at": None, "status": "open"}
    return pl.DataFrame([{**base, **columns}], schema={"record_type": pl.String, "created_at": MOMENT, "local_date": pl.Date, "due_at": MOMENT, "status": pl.String,
                                                       **({"signed_at": MOMENT, "first_reply_at": MOMENT} if "first_reply_at" in columns else {})})


def one(**columns):
    return due(records(**columns)).row(0, named=True)


def test_a_complaint_is_due_in_seven_working_days_of_the_law_of_its_day():
    old = one()
    assert old["due_at"].date() == date(2026, 4, 21) and "总局令第20号" in old["due_source"]
    new = one(local_date=date(2026, 4, 15))
    assert new["due_at"].date() == date(2026, 4, 24) and "消费者权益保护法" in new["due_source"]


def test_mediation_ends_by_the_order_that_was_in_force_when_it_was_accepted():
    accepted = lambda d: one(status="in_hand", first_reply_at=datetime(d.year, d.month, d.day, 2, tzinfo=UTC), signed_at=None)
    assert accepted(date(2026, 4, 14))["due_at"].date() == date(2026, 6, 18)
    assert accepted(date(2026, 4, 15))["due_at"].date() == date(2026, 6, 14)


def test_the_orders_own_limit_wins_and_what_has_ended_or_is_unverified_has_none():
    assert one(due_at=datetime(2026, 4, 12, 1, tzinfo=UTC))["due_at"] == datetime(2026, 4, 12, 1, tzinfo=UTC)
    assert one(status="closed")["due_at"] is None and one(status="suspended")["due_at"] is None
    assert one(record_type="report")["due_at"] is None
    assert due(records(), None)["due_at"].to_list() == [None]
