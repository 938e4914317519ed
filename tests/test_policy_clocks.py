"""Due dates: which clock runs, in the version of which day, and when none does."""
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import clocks
from policy.clocks import DUE, clocks_on, due, due_dates, due_day, source_of
from policy.dated import load

MOMENT = pl.Datetime("us", "UTC")
SCHEMA = {"record_type": pl.String, "created_at": MOMENT, "local_date": pl.Date, "due_at": MOMENT, "status": pl.String, "signed_at": MOMENT, "first_reply_at": MOMENT}
BEIJING = ZoneInfo("Asia/Shanghai")


def at(day, hour=2):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def record(day, **columns):
    return {"record_type": "complaint", "created_at": at(day), "local_date": day, "due_at": None, "status": "open", "signed_at": None, "first_reply_at": None, **columns}


def frame(*rows):
    return pl.DataFrame(list(rows), schema=SCHEMA)


def one(day, **columns):
    return due(frame(record(day, **columns))).row(0, named=True)


def end_of(text):
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), BEIJING) + timedelta(hours=24, seconds=-1)


@pytest.mark.parametrize(("received", "ends", "source"), [
    (date(2019, 12, 30), "2020-01-09", "消费者权益保护法 第四十六条"), (date(2020, 1, 2), "2020-01-13", "总局令第20号 第十四条"),
    (date(2026, 4, 14), "2026-04-23", "总局令第20号 第十四条"), (date(2026, 4, 15), "2026-04-24", "消费者权益保护法 第四十六条"),
    (date(2026, 9, 30), "2026-10-15", "消费者权益保护法 第四十六条"),
])
def test_a_complaint_is_answered_by_the_rule_of_the_day_it_came_in(received, ends, source):
    got = one(received)
    assert (got["due_at"], got["due_source"], got["due_provisional"]) == (end_of(ends), source, False)


@pytest.mark.parametrize(("accepted", "ends", "source"), [
    (date(2026, 4, 14), "2026-06-18", "总局令第20号 第二十一条第(五)项"), (date(2026, 4, 15), "2026-06-14", "总局令第121号 第二十三条第一款第(五)项"),
])
def test_mediation_ends_by_the_rule_of_the_day_it_was_accepted_not_received(accepted, ends, source):
    got = one(date(2026, 4, 10), status="in_hand", signed_at=at(accepted))
    assert (got["due_at"], got["due_clock"], got["due_source"]) == (end_of(ends), "mediation_end", source)


def test_the_first_reply_is_the_acceptance_before_the_signing_and_both_are_days_of_beijing():
    late = datetime(2026, 4, 14, 17, tzinfo=UTC)  # the fifteenth in Beijing
    assert one(date(2026, 4, 10), status="in_hand", first_reply_at=late)["due_at"] == end_of("2026-06-14")
    assert one(date(2026, 4, 10), status="in_hand", first_reply_at=late, signed_at=at(date(2026, 4, 1)))["due_at"] == end_of("2026-06-14")


def test_a_record_in_hand_of_which_nobody_knows_since_when_has_no_date():
    assert one(date(2026, 4, 10), status="in_hand")["due_at"] is None


def test_the_orders_own_limit_wins_and_says_so():
    own = datetime(2026, 4, 11, 9, tzinfo=UTC)
    for kind in ("complaint", "report", "consultation"):
        assert one(date(2026, 4, 10), record_type=kind, due_at=own) == {"due_at": own, "due_clock": "order", "due_source": None, "due_provisional": False}


@pytest.mark.parametrize("status", ["closed", "withdrawn", "void", "suspended"])
def test_what_is_over_or_stopped_has_no_clock_not_even_its_own(status):
    for own in (None, datetime(2026, 4, 11, tzinfo=UTC)):
        assert set(one(date(2026, 4, 10), status=status, due_at=own).values()) == {None}


def test_a_missing_status_is_an_open_record():
    assert one(date(2026, 4, 10), status=None)["due_at"] == end_of("2026-04-21")


def test_an_unverified_rule_gives_no_date_until_somebody_approved_it(monkeypatch):
    day = date(2025, 6, 2)
    assert one(day, record_type="report")["due_at"] is None
    assert [r["id"] for r in clocks_on("complaint", "accepted", day)] == ["mediation_end"]
    approved = {"clocks": [{**row, "approved_by": "legal section 2025-01-01"} for row in load("clocks.yaml")["clocks"]]}
    clocks._earliest.cache_clear()
    monkeypatch.setattr(clocks, "load", lambda name: approved)
    try:
        # Sixty calendar days end before forty-five working days: the earlier one counts.
        got = one(day, status="in_hand", signed_at=at(day))
        assert (got["due_at"], got["due_clock"]) == (end_of("2025-08-01"), "mediation_end_regulation")
        assert one(day, record_type="report")["due_clock"] == "report_check"
    finally:
        clocks._earliest.cache_clear()


def test_without_a_pack_nothing_is_due_and_an_unknown_pack_is_an_error():
    assert due(frame(record(date(2026, 4, 10), due_at=at(date(2026, 4, 12)))), None).rows() == [(None,) * 4]
    with pytest.raises(KeyError, match="atlantis"):
        due(frame(record(date(2026, 4, 10))), "atlantis")


def test_other_kinds_of_record_have_no_statutory_clock():
    assert due_dates(frame(*(record(date(2026, 4, 10), record_type=t) for t in ("consultation", "suggestion", "praise", "other", None)))).to_list() == [None] * 5


def test_a_date_in_a_year_without_a_notice_is_provisional():
    assert one(date(2026, 12, 30))["due_provisional"] is True and one(date(2026, 12, 1))["due_provisional"] is False
    # Calendar days need no notice.
    assert one(date(2026, 12, 30), status="in_hand", signed_at=at(date(2026, 12, 30)))["due_provisional"] is False


def test_columns_may_be_missing_and_an_empty_frame_stays_one():
    lean = pl.DataFrame({"record_type": ["complaint"], "local_date": [date(2026, 4, 15)]})
    assert due(lean)["due_at"].to_list() == [end_of("2026-04-24")]
    assert dict(due(frame()).schema) == DUE and due(frame()).is_empty()


def test_every_row_names_its_source_and_its_kind_of_day():
    for row in load("clocks.yaml")["clocks"]:
        assert row["unit"] in ("workday", "day") and row["certainty"] in "SNFIU" and row["starts"] in ("received", "accepted", "filed") and row["amount"] > 0
        assert row["source"] in source_of(row) and row["article"] in source_of(row) and row["zh"] and row["en"]


_DAYS = st.dates(date(2019, 6, 1), date(2027, 6, 30))
_ROWS = st.builds(record, _DAYS, record_type=st.sampled_from(["complaint", "report", "consultation", None]), status=st.sampled_from(["open", "in_hand", "closed", "suspended", None]),
                  signed_at=st.one_of(st.none(), _DAYS.map(at)), due_at=st.one_of(st.none(), _DAYS.map(at)))


def slowly(row):
    """One record read by the book."""
    if row["status"] in ("closed", "withdrawn", "void", "suspended"):
        return None
    if row["due_at"] is not None:
        return row["due_at"]
    accepted = row["status"] == "in_hand"
    start = (row["signed_at"].astimezone(BEIJING).date() if row["signed_at"] else None) if accepted else row["local_date"]
    rows = clocks_on(row["record_type"], "accepted" if accepted else "received", start) if start and row["record_type"] else []
    return min((end_of(due_day(r, start).isoformat()) for r in rows), default=None)


@settings(max_examples=60)
@given(st.lists(_ROWS, min_size=1, max_size=8))
def test_many_records_at_once_are_what_each_is_alone(rows):
    assert due_dates(frame(*rows)).to_list() == [slowly(r) for r in rows]
