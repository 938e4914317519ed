"""The open window is most of a night's memory: nothing keeps or copies it in vain, and what is left of the counts reaches as far back as anybody looks."""
import gc
import weakref
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cells import COUNTED_DAYS
from flows.places import places_of
from flows.window import LIGHT, NAMES, OF_FEW, Window, earlier_records, those, unpacked, with_respondent_keys
from models.incident_texts import Shelf, Texts
from policy.calendar import year_before
from sources.mapping import load_mappings
from tests.engines import house  # noqa: F401
from tests.lake_rows import as_records, at, revisions, write
from transforms.seasonal import BEFORE, SPAN, TOLERANCE
from warehouse.journal import WORKED, worked_writes
from warehouse.publication import Publication


def test_what_is_put_on_the_shelf_is_held_by_nobody_and_comes_back_the_same():
    texts = Texts.read(pl.Series(["电梯坏了", "噪音"]), pl.Series(["小区电梯坏了三天没人修", "夜里施工噪音很大"]))
    kept, held = texts.entries.copy(), weakref.ref(texts.entries if texts.entries.base is None else texts.entries.base)
    shelf = Shelf()
    shelf.put_away(texts)
    del texts
    gc.collect()
    assert held() is None
    (back,) = shelf.parts()
    assert (back.entries == kept).all() and len(kept) and len(shelf) == 2


def test_a_condition_that_all_records_meet_copies_none_and_unknown_is_not_met():
    records = pl.DataFrame({"n": [1, 2, None]})
    some = records.head(2)
    assert those(some, pl.col("n") > 0) is some
    assert those(records, pl.col("n") > 0)["n"].to_list() == [1, 2]
    assert those(records.clear(), pl.col("n") > 0).is_empty()


def test_respondents_have_one_key_for_all_spellings_and_none_where_nobody_is_named():
    records = pl.DataFrame({"record_id": ["a", "b", "c"], "respondent_name": ["金辰 超市", "金辰超市", None]})
    keyed = with_respondent_keys(records)
    assert keyed["record_id"].to_list() == ["a", "b", "c"]
    first, second, third = keyed["respondent_key"]
    assert first == second is not None and third is None
    nobody = with_respondent_keys(records.with_columns(pl.lit(None, pl.String).alias("respondent_name")))
    assert nobody["respondent_key"].null_count() == 3 and nobody.schema["respondent_key"] == pl.String


@given(st.dates(date(2019, 1, 1), date(2030, 12, 31)), st.sampled_from(["cn", "us"]))
def test_the_counts_that_are_left_reach_to_the_same_season_of_the_year_before(day, region):
    first = year_before(day, region) - timedelta(days=SPAN + TOLERANCE + BEFORE)
    assert (day - first).days < COUNTED_DAYS


@pytest.mark.parametrize("journal", [True, False])
def test_the_window_holds_names_once_and_few_records_are_read_wholly(house, journal):  # noqa: F811
    """Where no night has kept a journal yet, the table `record` says the same."""
    place, as_of, since = places_of(load_mappings(), ["market_supervision"])[0], at("2026-06-02 16:00"), date(2026, 4, 1)
    rows = as_records(revisions(*({"record_id": f"market_supervision:{i}"} for i in range(5)))).with_columns(
        city=pl.lit("北京市"), address_masked=pl.lit("玉桥街道某号"), problem_code=pl.lit("food.expired"), fine_place=pl.lit("玉桥街道"), worked_revision=1,
        **{c: pl.lit(None, pl.String) for c in ("coarse_place", "problem_name", "problem_id", "incident_id")})
    made = rows.select(pl.col(c).cast(t) for c, t in WORKED.items())
    batch = {"batch_id": "b1", "run_id": "r1", "source_id": "market_supervision", "run_date": as_of.date(), "as_of": as_of, "outcome": "ok"}
    house.publish(Publication({"run_id": "r1", "kind": "nightly", "as_of": as_of, "outcome": "ok"}, [write("record", rows), write("batch", [batch])],
                              worked_writes(made, made.clear(), as_of, 1) if journal else ()))
    window, writes = earlier_records(house, place, since, as_of, pl.Series(["market_supervision:4"]))
    assert window.columns == list(LIGHT) and all(window.schema[c] == pl.Categorical for c in NAMES) and bool(writes) is not journal
    assert unpacked(window).equals(made.head(4).select(LIGHT))
    few = Window(house, rows, place, since, as_of).worked(window["record_id"].tail(2)).sort("record_id")
    assert few.equals(made[2:4]) and few.select(OF_FEW)["city"].to_list() == ["北京市"] * 2
