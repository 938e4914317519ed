"""What is news, in what order, and from when it is known."""
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.canonical import MOMENT, RECORD, SAFE, conform
from transforms.revisions import current_view, revise

T0 = datetime(2026, 3, 1, 8, tzinfo=UTC)
NO_LATEST = pl.DataFrame(schema={"record_id": pl.String, "revision_no": pl.Int32, "known_at": MOMENT, "row_hash": pl.String, "caller_key": pl.String,
                                 "status": pl.String, "source_updated_at": MOMENT, "created_at": MOMENT})
NO_CURRENT = pl.DataFrame(schema=RECORD)
NO_HASHES = pl.DataFrame(schema={"record_id": pl.String, "row_hash": pl.String})


def rows(*given):
    base = {"source_id": "s", "status": "open", "created_at": T0, "caller_key": "c"}
    return conform(pl.DataFrame([{**base, **g} for g in given], schema_overrides={c: t for c, t in RECORD.items() if any(c in g for g in given)}), SAFE).collect()


def first(*given, as_of=T0 + timedelta(days=9), history=False):
    return revise(rows(*given), NO_LATEST, NO_CURRENT, NO_HASHES, as_of, history)


def latest_of(revised):
    return revised.revisions.sort("record_id", "revision_no").unique("record_id", keep="last", maintain_order=True).select(NO_LATEST.columns)


def told(revised):
    return revised.revisions.select("record_id", "revision_no", "known_at", "status").rows()


def test_a_history_load_knows_a_record_when_it_was_created_and_its_end_when_it_ended():
    closed = T0 + timedelta(days=4)
    got = first({"record_id": "a", "row_hash": "1", "status": "closed", "closed_at": closed, "outcome": "mediated"}, {"record_id": "b", "row_hash": "2"}, history=True)
    assert told(got) == [("a", 1, T0, "open"), ("a", 2, closed, "closed"), ("b", 1, T0, "open")]
    assert got.revisions["outcome"].to_list() == [None, "mediated", None] and (got.accepted, got.unchanged) == (2, 0)


def test_a_night_blanks_what_lies_beyond_its_as_of_and_knows_it_in_time():
    as_of, closed = T0 + timedelta(days=1), T0 + timedelta(days=4)
    got = first({"record_id": "a", "row_hash": "1", "status": "closed", "closed_at": closed, "signed_at": T0 + timedelta(hours=2)}, as_of=as_of)
    assert told(got) == [("a", 1, as_of, "signed"), ("a", 2, closed, "closed")]


def test_a_record_from_after_the_as_of_is_known_when_it_is_created():
    got = first({"record_id": "a", "row_hash": "1", "created_at": T0 + timedelta(days=3)}, as_of=T0)
    assert got.revisions["known_at"].to_list() == [T0 + timedelta(days=3)]
    assert current_view(got.revisions, T0).is_empty()


def test_the_same_row_again_is_unchanged_and_a_changed_one_is_the_next_revision():
    one = first({"record_id": "a", "row_hash": "1"})
    again = revise(rows({"record_id": "a", "row_hash": "1"}), latest_of(one), NO_CURRENT, NO_HASHES, T0 + timedelta(days=10), False)
    assert (again.accepted, again.unchanged, again.revisions.height) == (0, 1, 0)
    changed = revise(rows({"record_id": "a", "row_hash": "9", "status": "closed"}), latest_of(one), NO_CURRENT, NO_HASHES, T0 + timedelta(days=10), False)
    assert told(changed) == [("a", 2, T0 + timedelta(days=10), "closed")]


def test_rows_of_one_record_in_a_batch_are_revisions_in_the_order_of_knowledge_and_a_re_run_knows_them_all():
    batch = [{"record_id": "a", "row_hash": h, "status": s} for h, s in (("2", "closed"), ("1", "open"), ("2", "closed"))]
    got = first(*batch)
    assert [(r[1], r[3]) for r in told(got)] == [(1, "open"), (2, "closed")] and (got.accepted, got.unchanged) == (2, 1)
    assert all("K06" in {i["code"] for i in issues} for issues in got.revisions["issues"].to_list())
    hashes = got.revisions.select("record_id", "row_hash")
    again = revise(rows(*batch), latest_of(got), NO_CURRENT, hashes, T0 + timedelta(days=9), False)
    assert (again.accepted, again.unchanged) == (0, 3)


def test_a_blank_is_no_news_unless_the_mapping_says_so():
    one = first({"record_id": "a", "row_hash": "1", "street": "新华街道", "title": "t"})
    current = one.revisions.select(list(RECORD))
    blank = rows({"record_id": "a", "row_hash": "2", "street": None, "title": "t"})
    silent = revise(blank, latest_of(one), current, NO_HASHES, T0 + timedelta(days=10), False)
    assert (silent.accepted, silent.unchanged) == (0, 1)
    cleared = revise(blank, latest_of(one), current, NO_HASHES, T0 + timedelta(days=10), False, "cleared")
    assert cleared.revisions["street"].to_list() == [None]


def test_an_older_version_that_arrives_late_is_kept_but_not_shown():
    new, old = T0 + timedelta(days=5), T0 + timedelta(days=2)
    one = first({"record_id": "a", "row_hash": "1", "status": "closed", "source_updated_at": new})
    late = revise(rows({"record_id": "a", "row_hash": "0", "status": "in_hand", "source_updated_at": old}), latest_of(one), NO_CURRENT, NO_HASHES,
                  T0 + timedelta(days=11), False)
    codes = {i["code"] for i in late.revisions["issues"][0].to_list()} if late.revisions.height else set()
    assert codes == {"R02", "R03"}
    both = pl.concat([one.revisions, late.revisions])
    assert current_view(both, T0 + timedelta(days=20))["status"].to_list() == ["closed"]


_ROWS = st.lists(st.fixed_dictionaries({
    "record_id": st.sampled_from("abc"), "row_hash": st.sampled_from("12345"), "status": st.sampled_from(["open", "signed", "closed"]),
    "closed_at": st.one_of(st.none(), st.integers(0, 20).map(lambda d: T0 + timedelta(days=d)))}), min_size=1, max_size=9,
    unique_by=lambda r: (r["record_id"], r["row_hash"]))


@settings(max_examples=60)
@given(_ROWS, st.randoms(), st.booleans())
def test_the_order_of_the_rows_makes_no_difference_and_nothing_is_lost(given_rows, random, history):
    straight = first(*given_rows, history=history)
    mixed = list(given_rows)
    random.shuffle(mixed)
    shuffled = first(*mixed, history=history)
    keep = [c for c in straight.revisions.columns if c not in ("file_sha256", "file_name", "sheet", "row_number")]
    assert straight.revisions.select(keep).equals(shuffled.revisions.select(keep))
    assert straight.accepted + straight.unchanged == len(given_rows)
    known = straight.revisions.group_by("record_id", maintain_order=True).agg("known_at", "revision_no")
    for times, numbers in known.select("known_at", "revision_no").iter_rows():
        assert times == sorted(times) and numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("days", [0, 3, 9])
def test_what_was_known_is_what_a_cut_file_says(days):
    moment = T0 + timedelta(days=days)
    whole = [{"record_id": str(n), "row_hash": str(n), "created_at": T0 + timedelta(days=n), "status": "closed", "closed_at": T0 + timedelta(days=n + 2)} for n in range(8)]
    cut = [r for r in whole if r["created_at"] <= moment]
    shown = [current_view(first(*g, as_of=moment, history=True).revisions, moment).select("record_id", "status", "closed_at", "known_at") for g in (whole, cut)]
    assert shown[0].equals(shown[1])
