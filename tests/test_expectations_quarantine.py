"""Quarantine keeps every row that may not pass, with all its reasons and none of its content."""
from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.quarantine import SCHEMA, advice_for, quarantine_rows, split
from policy.catalogue import LANGUAGES
from policy.rules import rules
from tests.expectations_frames import rows

DAY = date(2026, 6, 11)


def test_only_rules_that_quarantine_do():
    frame = rows({"issues": ["C02", "T05"]}, {"issues": ["C02", "D02"]}, {}, {"issues": ["K01"]})
    sound, bad = split(frame)
    assert (sound["source_record_id"].to_list(), bad["source_record_id"].to_list()) == (["A1", "A3"], ["A2", "A4"])


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from(list(rules())), max_size=4), max_size=8))
def test_no_row_is_lost_and_none_is_in_both(issues):
    frame = rows(*({"issues": codes} for codes in issues)) if issues else rows({}).head(0)
    sound, bad = split(frame)
    assert sound.height + bad.height == frame.height
    assert bad["source_record_id"].to_list() == [
        f"A{i}" for i, codes in enumerate(issues, 1) if any(rules()[c].effect == "Q" for c in codes)]


def test_all_codes_are_kept_in_the_order_of_the_rules_and_said_once():
    (row,) = quarantine_rows(rows({"issues": ["P02", "C01", "T01", "P02"]}), DAY).to_dicts()
    assert row["codes"] == "T01,C01,P02"
    zh, en = row["message"].split(" | ")
    assert rules()["T01"].zh in zh and rules()["C01"].zh in zh and rules()["T01"].en in en
    # What merely was flagged is no reason for the quarantine.
    assert rules()["P02"].zh[:4] not in zh


def test_a_message_names_the_column_and_what_was_expected_but_not_file_or_row():
    frame = rows({"file_name": "secret_file.xlsx", "row_number": 98765}).with_columns(
        issues=pl.Series([[{"code": "T01", "column": "来电时间", "found": None, "expected": "%Y-%m-%d %H:%M"}]], dtype=rows({}).schema["issues"]))
    (row,) = quarantine_rows(frame, DAY).to_dicts()
    assert "来电时间" in row["message"] and "%Y-%m-%d %H:%M" in row["message"]
    assert "secret_file" not in row["message"] and "98765" not in row["message"]
    assert (row["file"], row["row"], row["first_seen"], row["replayed_on"]) == ("secret_file.xlsx", 98765, DAY, None)


def test_slots_are_filled_in_both_languages():
    frame = rows({}).with_columns(
        issues=pl.Series([[{"code": "F01", "column": None, "found": "7", "expected": "9"}]], dtype=rows({}).schema["issues"]))
    message = quarantine_rows(frame, DAY)["message"][0]
    assert "应为 9，实为 7" in message and "expected 9, found 7" in message


def test_no_content_gets_into_what_is_kept():
    frame = rows({"content": "我叫王伟芳，电话13900000000", "respondent_name": "王伟芳", "issues": ["D02"]})
    assert not any("王伟芳" in str(v) or "139" in str(v) for v in quarantine_rows(frame, DAY).row(0))


def test_a_row_keeps_its_key_however_it_arrives():
    bad = rows(*({"issues": ["T01"], "row_hash": h} for h in "abbc"))
    key = ["row_key", "source_record_id"]
    one = quarantine_rows(bad, DAY).select(key)
    again = quarantine_rows(bad.reverse().with_columns(pl.lit("other.csv").alias("file_name"), pl.col("row_number") + 40), DAY)
    assert again.select(key).equals(one) and one["row_key"].n_unique() == 4


def test_equal_rows_have_keys_of_their_own():
    twins = rows(*[{"issues": ["K01"], "source_record_id": None, "row_hash": "same"}] * 3)
    assert quarantine_rows(twins, DAY)["row_key"].n_unique() == 3


def test_nothing_quarantined_is_an_empty_table_of_the_same_shape():
    assert dict(quarantine_rows(rows({}).head(0), DAY).schema) == SCHEMA


def test_whoever_has_rows_quarantined_or_withheld_is_told_what_to_do():
    silent = [c for c, r in rules().items() if r.effect in "QW" for lang in LANGUAGES if not advice_for(c, lang)]
    assert silent == []
