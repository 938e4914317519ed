"""The journal of the nights: of each record the last word counts, also where it has moved to another month."""
from datetime import date

import polars as pl
import pytest

from tests.engines import house  # noqa: F401
from tests.lake_rows import at
from warehouse.journal import WORKED, worked_writes
from warehouse.publication import Publication

D1, D2 = at("2026-06-02 00:00"), at("2026-06-03 00:00")


def worked(day, **given):
    return pl.DataFrame([{"record_id": f"s:{i}", "source_id": "s", "local_date": day, **given} for i in range(40)],
                        schema_overrides={"local_date": pl.Date}).select(
        (pl.col(c) if c in ("record_id", "source_id", "local_date", *given) else pl.lit(None)).cast(t).alias(c) for c, t in WORKED.items())


def keep(into, run_id, rows, before, known_at, night_no):
    into.publish(Publication({"run_id": run_id, "kind": "nightly", "run_date": known_at.date(), "as_of": known_at, "outcome": "ok"}, known_to=known_at,
                              lake=worked_writes(rows, before, known_at, night_no)))


@pytest.mark.parametrize(("was", "now"), [(date(2026, 6, 1), date(2026, 5, 31)), (date(2026, 5, 31), date(2026, 6, 1))])
def test_a_record_that_moves_to_another_month_is_read_once_and_where_it_lies_now(house, was, now):  # noqa: F811
    first, second = worked(was, problem_code="a"), worked(now, problem_code="b")
    keep(house, "r1", first, first.clear(), D1, 1)
    keep(house, "r2", second, first, D2, 2)
    for since, seen in ((None, 40), (date(2026, 5, 1), 40), (date(2026, 6, 1), 40 if now.month == 6 else 0)):
        rows = house.worked(D2, ["s"], since).collect()
        assert rows.select("local_date", "problem_code").unique().rows() == ([(now, "b")] if seen else []), since
        assert rows.height == seen, since
    then = house.worked(D1, ["s"], date(2026, 5, 1)).collect()
    assert then.select("local_date", "problem_code").unique().rows() == [(was, "a")] and then.height == 40


@pytest.mark.parametrize(("was", "now"), [(date(2026, 6, 1), date(2026, 5, 31)), (date(2026, 5, 31), date(2026, 6, 1))])
def test_a_record_that_an_ingest_moved_before_the_night_is_read_once_too(house, was, now):  # noqa: F811
    """The table has its new date by then, so that the night says nothing of the old one."""
    first, second = worked(was, problem_code="a"), worked(now, problem_code="b")
    keep(house, "r1", first, first.clear(), D1, 1)
    keep(house, "r2", second, second, D2, 2)
    for since in (None, date(2026, 5, 1)):
        rows = house.worked(D2, ["s"], since).collect()
        assert rows.height == 40 and rows.select("local_date", "problem_code").unique().rows() == [(now, "b")]
    assert house.worked(D2, ["s"], date(2026, 5, 31)).collect().height == 40
    assert house.worked(D2, ["s"], date(2026, 6, 2)).collect().is_empty()


def test_of_few_records_and_in_few_columns_it_says_what_it_says_of_all(house):  # noqa: F811
    """A record that moved between months, one that a later night changed, and one of which nothing is known."""
    first, second = worked(date(2026, 5, 31), problem_code="a"), worked(date(2026, 6, 1), problem_code="b").head(2)
    keep(house, "r1", first, first.clear(), D1, 1)
    keep(house, "r2", second, first.head(2), D2, 2)
    few, columns = pl.Series(["s:0", "s:1", "s:7", "s:none"]), ("record_id", "local_date", "problem_code")
    for since in (None, date(2026, 6, 1)):
        whole = house.worked(D2, ["s"], since).collect().sort("record_id")
        assert house.worked(D2, ["s"], since, of=few).collect().sort("record_id").equals(whole.filter(pl.col("record_id").is_in(few.implode())))
        assert house.worked(D2, ["s"], since, columns).collect().sort("record_id").equals(whole.select(columns))
    assert house.worked(D2, ["s"], of=few).collect().sort("record_id")["problem_code"].to_list() == ["b", "b", "a"]
