"""The taxonomy as data: dated versions, names, groups, and patterns that keep to what taxonomy.md asks of them."""
import copy
import pickle
import re
from datetime import date

import pytest

from policy import taxonomy
from policy.dated import load
from policy.taxonomy import Taxonomy

TABLE = taxonomy.taxonomy()
DAY = date(2026, 6, 1)
PROBLEMS = [taxonomy.problem(c) for c in TABLE.codes()]


def test_twenty_five_groups_of_two_domains_and_a_hundred_and_fifty_types():
    assert (len(TABLE.groups()), sum(g.domain == "market" for g in TABLE.groups())) == (25, 13)
    assert (len(TABLE.codes(DAY)), sum(p.domain == "market" for p in PROBLEMS)) == (150, 81)


def test_every_type_belongs_to_a_group_and_has_names_a_definition_and_a_lead():
    for p in PROBLEMS:
        assert p.code.split(".")[0] == p.parent == taxonomy.group(p.code).code and p.domain == taxonomy.group(p.code).domain
        assert p.name("zh") and p.name("en") and p.definition and p.lead_unit
    for lang in ("zh", "en"):
        assert len({p.name(lang) for p in PROBLEMS}) == len(PROBLEMS)


def test_every_market_type_has_an_invented_example_and_leads_somewhere_where_no_single_station_can():
    assert [p.code for p in PROBLEMS if p.domain == "market" and not p.examples] == []
    assert all(g.section for g in TABLE.groups() if g.domain == "market")


def test_the_reports_own_words_are_made_of_groups_and_types_that_exist():
    assert {f["zh"] for f in TABLE.focus} == {"市场环境秩序", "商品服务质量", "经营期间退费纠纷(线上)", "食品安全", "预付式消费", "电梯安全", "明码标价"}
    groups = {g.code for g in TABLE.groups()}
    for f in TABLE.focus:
        assert set(f.get("types", ())) <= set(TABLE.codes()) and f.get("group") in groups | {None} and (f.get("types") or f.get("group"))


@pytest.mark.parametrize(("code", "safe"), [
    ("food.poisoning", True), ("special.elevator_trapped", True), ("special.amusement", True), ("property.fire_lane", True), ("utility.gas_heat", True),
    ("price.unmarked", False), ("prepaid.runaway", False), ("order.unlicensed", False), ("found:1", False),
])
def test_safety_is_a_fact_of_the_type(code, safe):
    assert TABLE.is_safety_critical(code) is safe


def test_patterns_are_patterns_with_bounded_gaps_and_a_type_has_strong_words():
    for r in taxonomy.rules_on(DAY):
        assert r.strong, r.code
        for p in (*r.strong, *r.include, *r.exclude):
            re.compile(p)
            assert not re.search(r"\.[*+]|\\[1-9]|\{\d+,\}", p), (r.code, p)
            assert not re.search(r"\s", p), (r.code, p)


def test_scoring_is_that_of_the_field():
    assert TABLE.scoring == {"title_weight": 3, "strong_points": 3, "include_points": 1, "body_chars": 500, "body_hits_max": 2, "min_score": 9, "title_fallback_chars": 60}
    assert all(r.scoring == TABLE.scoring for r in taxonomy.rules_on(DAY))


def test_rules_can_be_copied_and_sent_elsewhere_as_estimators_must_be():
    rules = taxonomy.rules_on(DAY)
    assert copy.deepcopy(rules) == rules == pickle.loads(pickle.dumps(rules))


def test_old_days_have_the_first_version():
    assert TABLE.codes(date(1900, 1, 1)) == TABLE.codes(DAY) == [r.code for r in taxonomy.rules_on(date(1999, 1, 1))]


def test_names_of_what_is_no_type_of_ours():
    assert TABLE.name("SOURCE:噪音", "zh") == "噪音" and TABLE.name("nyc_311:Sewer", "en") == "Sewer"
    assert TABLE.name("found:12") == "found:12" and TABLE.name("no_such") == "no_such"
    assert (TABLE.name("food", "zh"), TABLE.name("food", "en")) == ("食品安全", "Food safety")
    assert taxonomy.problem("no_such") is None and taxonomy.group("no_such") is None and taxonomy.group("food").code == "food"


def split():
    """A taxonomy in which a type is renamed at one new year and split into two at the next."""
    data = load("taxonomy.yaml")
    base = {"parent": "food", "definition": "d", "lead": "station"}
    types = [
        {**base, "code": "food.a", "zh": "旧名", "en": "old", "strong": ["甲"], "valid_to": date(2025, 12, 31)},
        {**base, "code": "food.a", "zh": "新名", "en": "new", "strong": ["乙"], "valid_from": date(2026, 1, 1), "valid_to": date(2026, 12, 31), "successor": ["food.b", "food.c"]},
        {**base, "code": "food.b", "zh": "乙类", "en": "b", "strong": ["丙"], "valid_from": date(2027, 1, 1)},
        {**base, "code": "food.c", "zh": "丙类", "en": "c", "strong": ["丁"], "valid_from": date(2027, 1, 1)},
    ]
    return Taxonomy({**data, "types": types})


@pytest.mark.parametrize(("day", "codes", "strong", "name"), [
    (date(2025, 12, 31), ["food.a"], ["甲"], "旧名"), (date(2026, 1, 1), ["food.a"], ["乙"], "新名"), (date(2026, 12, 31), ["food.a"], ["乙"], "新名"),
    (date(2027, 1, 1), ["food.b", "food.c"], ["丙", "丁"], "新名"),
])
def test_a_record_is_read_with_the_version_of_its_day(day, codes, strong, name):
    table = split()
    assert table.codes(day) == codes and [r.strong[0] for r in table.rules_on(day)] == strong
    assert table.name("food.a", "zh", day) == name


def test_a_retired_code_keeps_its_last_name_and_says_who_follows():
    table = split()
    assert table.problem("food.a").name("zh") == "新名" and table.problem("food.a").successor == ("food.b", "food.c")
    assert table.codes() == ["food.a", "food.b", "food.c"]


def test_a_type_of_an_unknown_group_is_refused():
    data = load("taxonomy.yaml")
    with pytest.raises(ValueError, match="unknown group"):
        Taxonomy({**data, "types": [{"code": "x.y", "parent": "x", "zh": "x", "en": "x", "definition": "d", "lead": "station"}]})
