"""The truth holds what was planted, and nothing about a planted record gives it away but what it says."""
from datetime import date

import numpy as np
import polars as pl
import pytest

from flows.demo import City
from flows.demo.callers import PHONE_SEGMENT
from flows.demo.lexicon import lexicon
from flows.demo.personal import RATES
from flows.demo.respondents import credit_codes


@pytest.fixture(scope="module")
def city() -> City:
    return City(start=date(2026, 4, 1), months=9)


@pytest.fixture(scope="module")
def null_city() -> City:
    return City(start=date(2026, 4, 1), months=4, planted=False)


def test_headline_matters_have_their_sizes_and_callers(city):
    found = {m["incident_id"]: m for m in city.truth.incidents.filter(pl.col("kind").is_in(["risk", "trap"])).iter_rows(named=True)}
    for name, records, callers in (("R1", 260, 210), ("R2", 19, 17), ("R4", 31, 30), ("R5", 420, 400), ("N1", 140, 3), ("N2", 85, 70)):
        lost = 0.2 if name == "R1" else 0.0          # the outage swallows calls of its day
        assert records * (1 - lost) <= found[name]["n_records"] <= records, name
        assert callers * (1 - lost) <= found[name]["n_callers"] <= callers, name
    assert {"R3", "R7", "N4", "N5"} <= set(found)


def test_the_null_city_has_no_matters(null_city):
    assert null_city.truth.incidents.is_empty() and null_city.truth.batches.is_empty()
    assert not null_city.truth.records["is_campaign"].any()


def test_rates_are_what_the_null_city_draws(null_city):
    cells, records = null_city.truth.cells, null_city.truth.records
    first = records.filter(~pl.col("is_repeat"))
    expected = cells.group_by("type_code").agg(pl.col("rate").sum() * 0.91).sort("rate", descending=True).head(12)
    seen = dict(first.group_by("type_code").len().iter_rows())
    for code, rate in expected.iter_rows():
        assert abs(seen[code] - rate) < 6 * np.sqrt(rate) + 0.12 * rate, code
    assert 0.07 < records["is_repeat"].mean() < 0.11


def test_a_repeat_is_the_same_caller_on_the_same_matter_later(city):
    again = city.truth.records.filter(pl.col("is_repeat"))
    same = again.join(city.truth.records.filter(~pl.col("is_repeat")), on=["caller", "type_code", "street"], suffix="_first")
    assert same.filter(pl.col("created_at") > pl.col("created_at_first"))["source_record_id"].n_unique() > 0.95 * again.height


def test_personal_values_stand_where_the_truth_says(city):
    spans = city.truth.pii.join(city.truth.records.select("source_record_id", "text"), on="source_record_id").with_columns(
        pl.col("text").str.slice(pl.col("start"), pl.col("end") - pl.col("start")).alias("value"))
    patterns = {"mobile": rf"^{PHONE_SEGMENT}\d{{8}}$", "identity": r"^990000\d{11}[\dX]$", "card": r"^\d{16}$", "plate": r"^京Z·D\d{4}$",
                "room": r"^\d+0\d室$", "surname": r"^.(女士|先生)$", "email": r"@example\.com$", "landline": r"^010-\d{8}$"}
    for kind, pattern in patterns.items():
        values = spans.filter(pl.col("kind") == kind)["value"]
        assert len(values) and values.str.contains(pattern).all(), kind
        assert abs(len(values) / city.cards.height - RATES[kind]) < 0.3 * RATES[kind] + 0.001, kind


def test_check_digits_are_right():
    codes = credit_codes(50).to_list()
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    for code in codes:
        assert len(code) == 18 and code[2:8] == "000000"
        total = sum(letters.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
        assert letters.index(code[17]) == (31 - total % 31) % 31
    assert len(set(codes)) == 50


def test_clerks_write_as_short_as_clerks_do(city):
    lengths = city.cards.filter(pl.col("voice") == 0)["content"].str.replace_all(r"\s", "").str.len_chars()
    assert 100 <= lengths.median() <= 140 and lengths.quantile(0.95) <= 380
    citizens = city.cards.filter(pl.col("voice") == 1)["content"].str.len_chars()
    assert citizens.median() > lengths.median()


def test_no_sentence_has_an_empty_slot(city):
    texts = pl.concat([city.cards["title"], city.cards["content"]])
    assert not texts.str.contains(r"[{}|]").any() and texts.null_count() == 0


def test_every_problem_of_the_taxonomy_can_be_told():
    from policy.taxonomy import taxonomy
    assert {p.code for p in lexicon().problems} == set(taxonomy().codes())
    assert all(p.titles and p.cores for p in lexicon().problems)


def test_a_planted_record_has_no_tell_tale(city):
    """A classifier on metadata alone (number, order, white space, hour-free forms, phone) is no better than a coin."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    rows, cards = city._rows(city.cards, date(2026, 12, 31)), city.cards
    planted = cards["incident"].str.contains("^[RN]").fill_null(False).to_numpy()
    text, phone = rows["问题描述"], rows["联系电话"].fill_null("")
    features = np.column_stack([x.to_numpy() for x in (
        rows["工单编号"].str.slice(-2).cast(pl.Int32), rows["工单编号"].str.len_chars(), text.str.count_matches(r"\n"), text.str.count_matches(r"\t"),
        text.str.count_matches("\u3000"), text.str.count_matches("\u200b"), text.str.ends_with("。").cast(pl.Int8),
        rows["来电时间"].str.len_chars(), rows["来电时间"].str.contains("/").cast(pl.Int8), phone.str.len_chars(),
        phone.str.slice(3, 2).cast(pl.Int32, strict=False).fill_null(-1), phone.str.contains(r"\*").cast(pl.Int8),
        rows["诉求人"].is_null().cast(pl.Int8), rows["详细地址"].is_null().cast(pl.Int8), rows["更新时间"].str.slice(17, 2).cast(pl.Int32))])
    rng = np.random.default_rng(0)
    sample = np.sort(np.concatenate([np.flatnonzero(planted), rng.choice(np.flatnonzero(~planted), 5 * int(planted.sum()), replace=False)]))
    # One text copied many times would be recognised by its own white space: one of each stands for all.
    once = pl.Series(np.where(cards["is_campaign"].to_numpy() | cards["is_claimant"].to_numpy(), cards["told_like"].to_numpy(),
                              -1 - np.arange(cards.height))).to_numpy()[sample]
    _, first = np.unique(once, return_index=True)
    sample = sample[np.sort(first)]
    guess = cross_val_predict(HistGradientBoostingClassifier(max_iter=60, random_state=0), features[sample], planted[sample], cv=4,
                              method="predict_proba")[:, 1]
    assert roc_auc_score(planted[sample], guess) <= 0.55


def test_revisions_are_numbered_in_order_of_knowledge(city):
    revisions = city.truth.revisions
    wrong = revisions.with_columns(pl.col("known_at").diff().over("source_record_id").alias("gap")).filter(pl.col("gap") < pl.duration(seconds=0))
    assert wrong.is_empty()
    assert 2.5 < revisions.height / city.cards.height < 6
