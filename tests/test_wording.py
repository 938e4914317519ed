"""A warning is told in the words of the records that it is about: never one shop above and another below."""
from datetime import date, timedelta

import polars as pl
import pytest

from flows.wording import Marks, said, speaking
from policy.alerts import at_once
from policy.sentinels import cluster, sentinel, sentinel_rules, words_of
from tests.test_life import SCHEMA, a_matter, a_record

DAY = date(2026, 6, 1)


def rows(*given):
    return pl.DataFrame([a_record(f"r{n}", **{"respondent_key": g.get("respondent_name"), **g}) for n, g in enumerate(given)], schema=SCHEMA)


def matter(ids, **more):
    return {**a_matter(0, ids, "i1")[0], "respondent_key": None, "rule": None, **more}


def told(found, own, rule=None, level="orange_steep", alert=None):
    speaks = speaking(found, own, rule)
    return speaks, said(found, own, speaks, rule, DAY, level, alert, Marks())


def test_the_title_is_that_of_the_respondents_own_records():
    own = rows(*[{"title": "甲记饭店结账多收钱", "respondent_name": "甲记饭店"}] * 3, *[{"title": "乙家超市结账多收钱的投诉", "respondent_name": "乙家超市"}] * 2)
    speaks, words = told(matter(own["record_id"].to_list()), own)
    assert speaks.respondent == "甲记饭店" and "甲记饭店" in words["zh"]["title"] and "乙家" not in words["zh"]["title"]


def test_a_record_of_the_respondent_that_speaks_of_another_shop_gives_no_title():
    own = rows(*[{"title": "隔壁乙家超市门口停车收费", "respondent_name": "甲记饭店"}] * 3, {"title": "乙家超市", "respondent_name": "乙家超市"})
    speaks, words = told(matter(own["record_id"].to_list()), own)
    assert speaks.respondent == "甲记饭店" and words["zh"]["title"].startswith("甲记饭店 未明码标价") and "乙家" not in words["zh"]["title"]


def test_a_matter_of_many_shops_is_nobodys():
    own = rows(*({"title": f"{x}店没有标价", "respondent_name": f"{x}店"} for x in "甲乙丙丁"))
    assert speaking(matter(own["record_id"].to_list()), own, None).respondent is None
    # An incident that names many is told by none of them alone.
    assert told(matter(own["record_id"].to_list()), own)[1]["zh"]["title"] == "未明码标价（涉及丁店、丙店、乙店等4家）：共4件，近3日4件"
    rule = cluster("price_unmarked", DAY)
    several = matter(own["record_id"].to_list(), kind="cluster", subject="fine", rule="price_unmarked", expected=None)
    title = told(several, own, rule, "yellow_rule")[1]
    assert title["zh"]["title"] == "同一街道多店未明码标价：中仓街道，涉及丁店、丙店、乙店等4家，4件" and "4 named, such as" in title["en"]["title"]


def test_a_sentinel_speaks_with_the_words_that_it_heard_and_names_that_records_respondent():
    own = rows(*[{"title": "宅基地纠纷", "content": "宅基地被占", "respondent_name": "某某村委会"}] * 4,
               {"title": "宅基地纠纷", "content": "宅基地的事没人管。昨天在村口饭店聚餐，我们五个人都上吐下泻，请查处", "respondent_name": "村口饭店"})
    rule = sentinel("food_poisoning", DAY)
    alert = at_once("red", rule.tell, "tongzhou", DAY, "SEC-CATER", "110112006", "food.poisoning")
    speaks, words = told(matter(own["record_id"].to_list(), kind="sentinel", subject="record", rule="food_poisoning", problem_code="food.poisoning"), own, rule, "red_danger", alert)
    assert speaks.respondent == "村口饭店"
    assert words["zh"]["title"] == "多人食物中毒：中仓街道，昨天在村口饭店聚餐，我们五个人都上吐下泻"
    # Whom to tell, and by when, before anything else.
    assert words["zh"]["summary"].startswith("请立即告知分管食品药品副局长、餐饮服务监督管理科、区卫生健康委员会，清单发出后2小时内（不分昼夜）答复。先做：立即到场封存留样")
    assert "Tell Deputy director, food and drugs, Catering section, Health commission at once" in words["en"]["summary"]


def test_what_was_heard_of_another_shop_is_not_the_respondents():
    own = rows({"title": "丙商店向未成年人售烟", "content": "丙商店卖烟给学生。另外昨天中午在另一家店就餐，约4人下午出现呕吐", "respondent_name": "丙商店"})
    rule = sentinel("food_poisoning", DAY)
    speaks, words = told(matter(["r0"], kind="sentinel", subject="record", rule="food_poisoning", problem_code="food.poisoning"), own, rule, "red_danger")
    assert speaks.respondent is None and "丙商店" not in words["zh"]["title"] + words["zh"]["summary"]


def test_the_title_is_of_the_matters_problem_and_examples_are_what_the_rule_heard():
    own = rows(*[{"title": "甲健身卡限制使用", "problem_code": "prepaid.fitness"}] * 3, {"title": "甲健身关门跑路", "problem_code": "prepaid.runaway"})
    assert "关门跑路" in told(matter(own["record_id"].to_list(), problem_code="prepaid.runaway"), own)[1]["zh"]["title"]


def test_other_problems_are_named_once_and_only_where_they_weigh():
    own = rows(*[{"problem_code": "price.unmarked"}] * 30, *[{"problem_code": "price.fraud"}] * 5, *[{"problem_code": "food.label"}] * 2)
    words = told(matter(own["record_id"].to_list(), problems=["price.unmarked", "price.fraud", "food.label"]), own)[1]
    assert "其中还涉及：价格欺诈。" in words["zh"]["summary"] and "Also among them: Price fraud" in words["en"]["summary"]


def test_only_red_is_told_at_once_and_without_a_pack_those_in_charge_are():
    assert at_once("orange", (), "tongzhou", DAY, "SEC-CATER", None, None) is None
    nobody = at_once("red", ("DEP-HEALTH",), None, DAY, None, None, None)
    assert nobody is not None and (nobody.hours, nobody.units) == (2, ())


def test_an_incident_counts_its_own_records_and_says_whose_the_cells_are():
    own = rows(*[{"title": "鑫享停车场乱收费", "respondent_name": "鑫享停车场"}] * 5).with_columns(local_date=pl.lit(DAY) - timedelta(days=1))
    words = told(matter(own["record_id"].to_list(), observed=7.0, expected=0.3, window=7), own)[1]
    assert words["zh"]["title"] == "鑫享停车场乱收费：共5件，近7日5件" and "近7日共7件，平常约0.3件" in words["zh"]["summary"]


@pytest.mark.parametrize("rule", sentinel_rules(DAY), ids=lambda r: r.id)
def test_every_rule_says_what_to_do_first_and_whom_to_tell(rule):
    from policy.units import units
    assert rule.advice("zh") and rule.advice("en") and rule.tell and all(units("tongzhou").resolve(u, DAY) for u in rule.tell)


def test_words_are_the_fewest_clauses_that_still_say_it_and_keep_their_punctuation():
    lift = sentinel("lift_trapped", DAY)
    assert words_of(None, "物业不管，3号楼电梯昨晚困人40分钟，请尽快处理", lift) == "3号楼电梯昨晚困人40分钟"
    assert words_of("电梯困人", "别的", lift) == "电梯困人"
    assert words_of("电梯", "如果电梯困人怎么办", lift) is None
    assert len(words_of(None, "小区" + "很大" * 40 + "电梯困人了", lift)) == 40
