"""The open window is most of a night's memory: nothing keeps or copies it in vain."""
import gc
import weakref

import polars as pl

from flows.window import those, with_respondent_keys
from models.incident_texts import Shelf, Texts


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
