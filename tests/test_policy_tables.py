"""The dated tables: units, levels, sentinels, matters, lifecycle, texts."""
import re
from datetime import date

import polars as pl
import pytest

from policy import taxonomy
from policy.catalogue import catalogue, say
from policy.levels import level
from policy.lifecycle import Illegal, after
from policy.matters import RULE_ID, matter_rule
from policy.packs import covering, law_for
from policy.routing import route
from policy.rules import Finding, rules, worst
from policy.sentinels import cluster_rules, clusters, match, sentinel_rules
from policy.units import units

DAY = date(2026, 6, 1)


def test_every_sentence_is_there_in_both_languages_with_the_same_slots():
    slots = lambda text: sorted(set(re.findall(r"\{(\w+)", text)))
    assert [k for k, said in catalogue().items() if slots(said["zh"]) != slots(said["en"])] == []
    with pytest.raises(KeyError):
        say("no such key", "en")


def test_seventy_two_rules_with_the_effects_that_are_known():
    assert len(rules()) == 72 and {r.effect for r in rules().values()} == {"Q", "F", "P", "W", "X"}
    assert worst(["F", "W", "P"]) == "W" and worst([]) is None
    assert Finding("H01", {"col": "内容"}, file="a.xlsx").text("zh") == "a.xlsx: H01 缺少必需列：内容"


def test_a_street_is_known_by_its_names():
    found = units("tongzhou").match_street(pl.Series(["新华", "北京市通州区新华街道吉祥路", "新华所", "朝阳区某街道", None]))
    assert found.to_list() == ["110112002", "110112002", "110112002", None, None]


def test_the_station_leads_at_home_the_section_where_many_streets_are_touched_and_nobody_without_a_pack():
    one = route("price.unmarked", "110112002", "tongzhou", DAY)
    assert one.lead_name("zh") == "新华市场监管所"
    many = route("price.unmarked", ["110112002", "110112003", "110112004"], "tongzhou", DAY)
    assert many.lead_unit.startswith("SEC-") and {"新华市场监管所", "北苑市场监管所"} <= set(many.co_names("zh"))
    lift = route("special.elevator_trapped", "110112006", "tongzhou", DAY)
    assert lift.lead_unit == "SEC-SPEC" and "梨园市场监管所" in lift.co_names("zh")
    partner = route("env.noise_social", "110112006", "tongzhou", DAY)
    assert not partner.lead_unit.startswith("ST-") and "投诉举报事务中心" in partner.co_names("zh")
    assert route("price.unmarked", "110112002", None, DAY).lead_unit is None


def test_law_is_quoted_where_a_pack_covers_the_place():
    assert "价格法 第十三条" in law_for("price.unmarked", DAY, "tongzhou") and law_for("price.unmarked", DAY, None) is None
    assert covering("北京市", "通州区") == "tongzhou" and covering(None, "Queens") is None


@pytest.mark.parametrize(("asked", "expected"), [
    ({"kind": "sentinel", "severity": "red"}, "red"), ({"kind": "surge", "n_records": 60, "n_callers": 55, "ratio": 8.0}, "red"),
    ({"kind": "surge", "n_records": 20, "n_callers": 15, "ratio": 4.0}, "orange"), ({"kind": "incident", "n_records": 5, "n_callers": 5, "ratio": 3.0}, "yellow"),
    ({"kind": "incident", "n_records": 20, "n_callers": 1, "ratio": 9.0}, "blue"), ({"kind": "surge", "n_records": 3, "n_callers": 3, "ratio": 1.2}, "blue")])
def test_the_level_is_read_off_the_table(asked, expected):
    assert level(**asked).level == expected


@pytest.mark.parametrize(("title", "content", "rule"), [
    ("电梯困人", "我家老人现在被困在12号楼电梯里出不来，已经二十分钟", "lift_trapped"), (None, "楼道里有很浓的煤气味，怀疑燃气泄漏，快来人", "gas_leak"),
    ("咨询电梯困人怎么办", "请问如果电梯困人应该打哪个电话", None), (None, "希望加强燃气安全宣传，避免发生泄漏", None),
    (None, "去年电梯困人一事法院已经判决，咨询执行问题", None), (None, "物业费太贵，被困扰多年", None)])
def test_a_sentinel_speaks_of_people_in_danger_and_of_nothing_else(title, content, rule):
    got = match(pl.DataFrame({"title": [title], "content": [content]}, schema={"title": pl.String, "content": pl.String}), sentinel_rules(DAY))
    assert got.to_list() == [rule]


def unmarked(callers):
    from datetime import UTC, datetime
    return pl.DataFrame({"record_id": [f"r{i}" for i in range(len(callers))], "created_at": [datetime(2026, 6, 1, 2 + i, tzinfo=UTC) for i in range(len(callers))],
                         "problem_code": "price.unmarked", "title": "未明码标价", "content": "商品没有价签", "caller_key": callers, "street": "新华街道",
                         "respondent": [f"店{i}" for i in range(len(callers))], "incident_id": pl.Series([None] * len(callers), dtype=pl.String)})


def test_three_shops_without_prices_in_one_street_are_a_cluster_and_one_caller_is_none():
    from datetime import UTC, datetime
    at = datetime(2026, 6, 2, tzinfo=UTC)
    three = clusters(unmarked(["a", "b", "c"]), at, cluster_rules(DAY))
    assert three.filter(pl.col("problem_code") == "price.unmarked").height == 1
    assert clusters(unmarked(["a", "a", "a"]), at, cluster_rules(DAY)).is_empty()


def test_more_callers_are_needed_where_more_is_said():
    assert [matter_rule(RULE_ID, n).callers for n in (10, 220, 5000, 60_000)] == sorted({matter_rule(RULE_ID, n).callers for n in (10, 220, 5000, 60_000)})


def test_legal_steps_only():
    assert after("new", "acknowledge") == "acknowledged" and after("closed", "note") == "closed"
    with pytest.raises(Illegal):
        after("new", "start")


def test_each_taxonomy_code_has_names_a_group_and_a_lead():
    t = taxonomy.taxonomy()
    codes = t.codes(DAY)
    assert len(codes) == 150 and all(t.problem(c).name("zh") and t.problem(c).name("en") and t.group(c) and t.problem(c).lead_unit for c in codes)
    assert t.name("nyc_311:Sewer", "en") == "Sewer"
