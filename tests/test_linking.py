"""Which records are one matter: the same place or respondent and the same problem, whatever else the words share."""
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from models.incident_columns import OTHER_GROUP, SAME_RESPONDENT_ONLY, column_evidence, one_name
from models.incident_corpus import IN_BOTH, LOW, Basis, Corpus, Nodes, Weights, frequencies, light, texts_of
from models.incident_texts import SHIFT
from models.incident_titles import incident_titles, spread_records
from models.incidents import IncidentLinker, incident_title

T0 = datetime(2026, 5, 1, 9, tzinfo=UTC)
EVERYDAY = ["公交{n}路车早高峰等了半小时，班次太少", "办理居住证要跑几趟，材料清单不清楚{n}", "社保缴费记录查询不到，窗口说等{n}天", "公园健身器材损坏{n}处，存在隐患",
            "学校食堂饭菜质量差，第{n}次反映", "路口红绿灯时间太短，行人过不去，{n}路口"]


def frame(*rows, day=0):
    """(title, content, caller, place, respondent, problem_code) → records, one an hour."""
    names = ("title", "content", "caller", "place", "respondent", "problem_code")
    out = pl.DataFrame([dict(zip(names, [*r, None, None, None, None, None, None])) for r in rows], schema=dict.fromkeys(names, pl.String))
    return out.with_columns(pl.Series("created_at", [T0 + timedelta(days=day, hours=i) for i in range(len(rows))]))


ROADS = ("临河路", "东关大街", "玉带路", "新安街", "云景路", "梨园路", "滨江道", "运河街")


def background(n=240):
    return [(None, f"{ROADS[k % 8]}{k}号" + EVERYDAY[k % len(EVERYDAY)].format(n=k), f"b{k}", None, None, None) for k in range(n)]


PLANT = ("望湖家园搅拌站噪音扰民", "望湖家园东门的搅拌站昼夜生产，粉尘和噪音严重扰民")
PARKING = ("望湖家园停车位被高价捆绑销售", "望湖家园开发商捆绑销售停车位，不买车位就不给办入住")
OTHER = ("翠竹新城搅拌站噪音扰民", "翠竹新城东门的搅拌站昼夜生产，粉尘和噪音严重扰民")


def groups(labels, *spans):
    return [set(labels[a:b].tolist()) for a, b in spans]


def test_one_matter_is_found_and_another_at_the_same_estate_and_the_same_words_elsewhere_stay_apart():
    rows = [(PLANT[0], PLANT[1] + f"，第{k}次反映", f"p{k}") for k in range(6)] + [(PARKING[0], PARKING[1] + f"，业主{k}", f"q{k}") for k in range(4)] \
        + [(OTHER[0], OTHER[1] + f"，第{k}次反映", f"r{k}") for k in range(4)]
    labels = IncidentLinker().fit_predict(frame(*rows, *background()))
    plant, parking, other = groups(labels, (0, 6), (6, 10), (10, 14))
    assert len(plant) == len(parking) == len(other) == 1 and -1 not in plant | parking | other
    assert len(plant | parking | other) == 3


def test_a_campaign_of_copied_text_is_one_incident():
    rows = [(PLANT[0], PLANT[1], f"p{k}") for k in range(200)]
    labels = IncidentLinker().fit_predict(frame(*rows, *background()))
    assert len(set(labels[:200].tolist())) == 1 and labels[0] >= 0


def test_a_template_about_two_respondents_is_two_matters_and_one_respondent_over_streets_is_one():
    text = "来电人反映在{who}办理会员卡后要求退款被拒，商家称概不退费，请核实处理，金额{n}元"
    rows = [(f"{who}会员卡不予退款", text.format(who=who, n=900 + k), f"{who}{k}", street, who, "prepaid.fitness")
            for who, streets in (("锐动健身", ("新华街道", "玉桥街道", "北苑街道")), ("蓝海游泳馆", ("梨园镇", "梨园镇", "梨园镇"))) for k, street in enumerate(streets)]
    labels = IncidentLinker().fit_predict(frame(*rows, *background()))
    one, two = groups(labels, (0, 3), (3, 6))
    assert one != two and len(one) == 1 and -1 not in one


FOODS = ("面包", "牛奶", "饼干", "酸奶", "火腿肠", "薯片", "蛋糕")
CHAIN = {"food.expired": "来电人反映，在木汇便利店购买的{food}过期了{n}天，小票都留着，店里没人管",
         "price.fraud": "来电人反映，在木汇便利店购买的{food}多收了{n}元，小票都留着，店里没人管"}


def of_the_chain(problem, n, first=0):
    return [("木汇便利店的食品", CHAIN[problem].format(food=FOODS[k % 7], n=k + 2), f"{problem}{k}", f"街道{k % 5}", "木汇便利店", problem) for k in range(first, first + n)]


def test_another_problem_of_one_chain_is_another_matter_at_once_and_night_by_night():
    """However alike the words are: they are the chain's, not the matter's."""
    food, price = of_the_chain("food.expired", 24), of_the_chain("price.fraud", 12)
    labels = IncidentLinker().fit_predict(frame(*food, *price, *background()))
    one, two = groups(labels, (0, 24), (24, 36))
    assert len(one) == len(two) == 1 and one != two and -1 not in one | two
    linker = IncidentLinker().resume(frame(*food, *price[:3], *background()), labels[[*range(24), *range(24, 27), *range(36, len(labels))]])
    tonight = linker.partial_fit(frame(*price[3:], *of_the_chain("food.expired", 3, 24), day=2)).labels_
    assert set(tonight[:9].tolist()) == two and set(tonight[9:].tolist()) == one and "merged" not in linker.lineage_["kind"].to_list()


@pytest.mark.parametrize("one, two, apart", [("food.expired", "price.fraud", True), ("price.unmarked", "price.fraud", False),
                                             ("market_supervision:价格争议", "price.fraud", False), ("p3f2a9c", "price.fraud", False)])
def test_what_speaks_against_two_problems_of_one_respondent_is_most_where_they_are_of_two_groups(one, two, apart):
    """A found problem and a source's own category may be of any group."""
    records = frame(*((None, f"在木汇便利店购买的{food}有问题", f"c{k}", "街道", "木汇便利店", problem) for k, (food, problem) in enumerate(zip(FOODS, (one, two)))), *background(20))
    texts = texts_of(records)
    corpus = Corpus.of(Nodes.made_of(light(records), texts), texts)
    number = {spelt: n for n, spelt in enumerate(corpus.spelt["problem_code"])}
    at = [int(np.flatnonzero(corpus.arrays["problem_code"] == number[problem])[0]) for problem in (one, two)]
    meant = column_evidence(corpus, np.array(at[:1]), np.array(at[1:])).meant[0]
    assert meant == (OTHER_GROUP if apart else SAME_RESPONDENT_ONLY) and OTHER_GROUP < SAME_RESPONDENT_ONLY


def test_texts_that_say_nothing_link_by_place_and_problem_only():
    rows = [("", "Sewer Backup", None, f"{n} MAIN STREET" if n < 4 else None, None, "nyc:Sewer") for n in range(12)]
    rows = [(r[0], r[1], r[2], "MAIN STREET" if i < 4 else r[3], None, r[5]) for i, r in enumerate(rows)]
    labels = IncidentLinker().fit_predict(frame(*rows))
    assert (labels[4:] == -1).all()


@settings(max_examples=8)
@given(st.permutations(range(30)))
def test_the_order_of_the_rows_makes_no_difference(order):
    rows = [(PLANT[0], PLANT[1] + f"，第{k}次反映", f"p{k}") for k in range(5)] + [(PARKING[0], PARKING[1] + f"，业主{k}", f"q{k}") for k in range(5)] + background(20)
    whole = frame(*rows)
    straight = IncidentLinker().fit_predict(whole)
    mixed = np.empty(30, int)
    mixed[list(order)] = IncidentLinker().fit_predict(whole[list(order)])
    assert np.array_equal(straight[:, None] == straight, mixed[:, None] == mixed) and np.array_equal(straight == -1, mixed == -1)


def test_a_night_joins_what_is_open_and_keeps_its_number():
    garden = ("金桂花园停车位被高价捆绑销售", "金桂花园开发商捆绑销售停车位，不买车位就不给办入住")
    first = frame(*[(PLANT[0], PLANT[1] + f"，第{k}次反映", f"p{k}") for k in range(4)], (*garden, "q0"), *background())
    linker = IncidentLinker()
    known = linker.fit_predict(first)
    night = frame((PLANT[0], PLANT[1] + "，今晚又开工了", "p9"), (garden[0], garden[1] + "，业主也遇到", "q1"), (None, "今天天气很好感谢工作人员的热情服务", "z"), day=3)
    linker = IncidentLinker().resume(first, known)
    labels = linker.partial_fit(night).labels_
    assert labels[0] == known[0] and labels[2] == -1
    assert labels[1] >= known.max() + 1 and linker.joined_.rows() == [(4, labels[1])], (labels, linker.joined_)
    kinds = {(k, i) for k, i in linker.lineage_.select("kind", "incident").rows()}
    assert ("grown", labels[0]) in kinds and ("born", labels[1]) in kinds


def test_an_estimator_like_any_other():
    linker = IncidentLinker()
    before = linker.get_params()
    rows = frame(*background(20))
    a, b = linker.fit_predict(rows), linker.fit_predict(rows)
    assert np.array_equal(a, b) and linker.get_params() == before and clone(linker).get_params() == before
    with pytest.raises(ValueError, match="content"):
        IncidentLinker().fit_predict(rows.drop("content"))
    assert IncidentLinker().fit_predict(rows.clear()).shape == (0,)


def test_a_title_is_the_most_typical_of_the_records_own():
    rows = frame((PLANT[0], PLANT[1]), ("望湖家园搅拌站粉尘噪音扰民", PLANT[1]), ("望湖家园旁搅拌站噪音很大", PLANT[1]), ("建议增加公交", "公交太少"))
    assert "搅拌站" in incident_title(rows)
    assert incident_title(frame((None, "门口路灯坏了一个月没人修，请尽快处理"))) is not None



def test_many_incidents_have_the_titles_that_each_has_by_itself_in_any_order():
    rows = [("a", "请问金桂花园的人还要不要睡"), ("a", "投诉金桂花园工地夜间施工扰民"), ("a", "工地夜间施工扰民"), ("a", "求助！孩子睡不着"), ("b", "对全市公交线路的几点建议"), ("b", "对全市公交线路的几点建议"),
            ("c", None), ("d", "投诉梧桐苑电梯停运的问题")]
    records = pl.DataFrame(rows, ["incident_id", "title"], orient="row").with_columns(content=pl.lit("领导：翠竹小区自来水发黄。望解决"))
    titles = dict(incident_titles(records).iter_rows())
    assert titles == {"a": "金桂花园工地夜间施工扰民", "b": "全市公交线路的几点建议", "c": "翠竹小区自来水发黄", "d": "梧桐苑电梯停运的问题"}
    assert titles == dict(incident_titles(records.sample(fraction=1, shuffle=True, seed=1)).iter_rows())
    assert all(incident_title(part) == titles[i] for (i,), part in records.group_by("incident_id"))
    assert incident_titles(records.clear()).is_empty() and incident_title(records.clear()) == ""


def test_of_a_large_incident_so_many_records_are_read_from_its_first_to_its_last():
    records = pl.DataFrame({"incident_id": ["a"] * 333 + ["b"] * 7, "n": [*range(333), *range(7)]})
    chosen = spread_records(records, 20)
    a = chosen.filter(pl.col("incident_id") == "a")["n"]
    assert chosen.filter(pl.col("incident_id") == "b")["n"].to_list() == list(range(7))
    assert 20 <= len(a) <= 21 and a[0] == 0 and a[-1] > 310 and a.diff().drop_nulls().max() <= 17


@pytest.mark.parametrize("one, two, may", [("金辰游泳馆", "金晨游泳馆", True), ("富瑞置业", "瑞富置业", True), ("瑞享手机专卖店", "瑞享盛新通讯设备", True), ("梨园惠品游泳馆", "惠品游泳馆", True),
                                           ("木聚大药房", "嘉聚大药房", False), ("天泽瑜伽馆", "恒泽瑜伽馆", False), ("同动装饰", "东动装饰", False)])
def test_the_kind_of_shop_makes_no_two_names_one(one, two, may):
    assert one_name(pl.Series([one, two]), pl.Series([two, one])).tolist() == [may, may]


def test_texts_that_were_read_before_link_as_the_records_do():
    known, new = frame(*background(60)), frame(*background(90)[30:], day=1)
    labels = IncidentLinker().fit_predict(known)
    whole = IncidentLinker().resume(known, labels).partial_fit(new)
    texts = IncidentLinker().resume(known.drop("title", "content"), labels, texts_of(known)).partial_fit(new.drop("title", "content"), texts=texts_of(new))
    assert texts.labels_.tolist() == whole.labels_.tolist() and (whole.labels_ >= 0).any()


def test_the_directions_of_many_texts_are_those_of_each():
    """More than are looked at at once, an empty one among them."""
    few = texts_of(frame(*background(60), (None, "", "c", "街道", "", "")))
    basis = Basis(few, Weights(frequencies([few], np.ones(len(few), bool)), len(few)))
    led = lambda texts: basis.project(texts.entries >> SHIFT, IN_BOTH[texts.entries & LOW], texts.start)
    at = np.arange(23_456) % len(few)
    many = led(few.take(at))
    assert many.shape[1] > 2 and np.array_equal(many, led(few)[at]) and many[len(few) - 1].tolist() == [0] * many.shape[1]
