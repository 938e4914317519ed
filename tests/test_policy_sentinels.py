"""Sentinels hear people in danger and nothing that only sounds like it; clusters hear several callers at one place. All texts are invented."""
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import taxonomy
from policy.sentinels import CLUSTER, _speaks, cluster, cluster_rules, clusters, match, sentinel, sentinel_rules

DAY = date(2026, 6, 1)
RULES = sentinel_rules(DAY)
TEXTS = {"title": pl.String, "content": pl.String}


def heard(title, content):
    return match(pl.DataFrame({"title": [title], "content": [content]}, schema=TEXTS), RULES)[0]


DANGER = [
    ("电梯困人求救", "3号楼的货梯停在两层中间，里面有两个人", "lift_trapped"),
    (None, "我母亲被困在电梯里快半个小时了，按铃没有人应", "lift_trapped"),
    (None, "您好，孩子被关在电梯里出不来，请马上派人，感谢", "lift_trapped"),
    (None, "物业拒绝开门救人，老人被困电梯已经一小时", "lift_trapped"),
    ("坐电梯下楼遇险", "刚才乘坐电梯时突然下坠了四层，膝盖受伤", "lift_trapped"),
    (None, "There are two people trapped in the elevator at 12 Elm Street", "lift_trapped"),
    ("电梯质量差", "这部电梯一个月里多次困人，物业只换了一个按钮", "lift_repeated"),
    (None, "楼道里一股很浓的天然气味，住户都下楼了", "gas_leak"),
    ("燃气泄漏物业拒绝处理", "厨房外的燃气管道正在漏气", "gas_leak"),
    (None, "strong smell of gas in the hallway", "gas_leak"),
    (None, "隔壁一家三口煤气中毒，已经叫了救护车", "gas_poisoning"),
    (None, "昨晚我们八个同事在这家店聚餐，回来后六个人上吐下泻，正在医院输液", "food_poisoning"),
    ("学校食堂疑似集体食物中毒", "午饭后很多学生肚子疼", "food_poisoning"),
    (None, "对面仓库正在冒烟，消防车进不来", "fire_now"),
    (None, "一楼住户在楼道里堆放了十几个煤气罐，居民楼内存放液化气", "explosive_store"),
    ("游乐园过山车停在半空", "游客都在上面，过山车停在半空二十分钟", "ride_accident"),
    (None, "洗浴中心的锅炉爆炸了，窗户都震碎了", "vessel_accident"),
    (None, "高压线断落在路上，旁边就是幼儿园", "electrocuted"),
    (None, "小孩掉进没有盖的窨井，刚刚拉上来", "fell_in"),
    (None, "后山护坡垮塌，严重威胁下面几户居民", "building_fails"),
]
LOOK_ALIKE = [
    ("咨询电梯困人的赔偿", "请问被困电梯后可以要求物业赔偿吗"),
    ("感谢消防员", "上周老人被困电梯，消防员十分钟就到"),
    (None, "感谢消防员把被困电梯里的老人救出来"),
    (None, "建议小区组织电梯困人演练"),
    (None, "如果有人被困在电梯里，谁来负责"),
    (None, "去年有业主被困电梯，法院已经判决物业赔偿"),
    (None, "被停车难的问题困扰多年，电梯口也停满了车"),
    (None, "电梯广告把人困住了双眼，内容低俗"),
    ("反对在小区门口建加油站", "万一爆炸后果不堪设想"),
    (None, "希望加强燃气安全宣传，避免发生燃气泄漏"),
    (None, "燃气公司乱收费，换一块燃气表要三百元"),
    (None, "新闻上说外地有餐馆发生多人食物中毒，我们这里查不查"),
    (None, "这道菜难吃得要吐，要求退款"),
    (None, "昨晚在这家店吃烧烤，同去五个人，只有我一个人拉肚子"),
    (None, "房价爆炸式上涨，年轻人压力很大"),
    (None, "楼道堆放纸箱，容易引发火灾"),
    (None, "商家宣传火爆，排队两小时"),
    (None, "过山车门票涨价，没有公示"),
    (None, "股市像坐过山车，理财产品亏损"),
    (None, "锅炉房噪音太大，晚上睡不着"),
    (None, "前几年有老人触电身亡，家属仍在申请工伤鉴定"),
    (None, "掉进了消费陷阱，办卡容易退卡难"),
    (None, "The elevator in our building has been out of service for a week"),
    ("", ""),
    (None, None),
]


@pytest.mark.parametrize(("title", "content", "rule"), DANGER)
def test_people_in_danger_are_heard(title, content, rule):
    assert heard(title, content) == rule


@pytest.mark.parametrize(("title", "content"), LOOK_ALIKE)
def test_what_only_sounds_like_danger_is_not(title, content):
    assert heard(title, content) is None


def test_every_sentinel_is_heard_by_an_example_here_and_names_a_known_problem():
    assert {r.id for r in RULES} == {rule for *_, rule in DANGER}
    for r in RULES:
        assert taxonomy.problem(r.problem) and r.level in ("red", "orange") and r.name("zh") and r.name("en") and sentinel(r.id, DAY) == r
    with pytest.raises(KeyError):
        sentinel("no_such_rule", DAY)


def test_a_negation_counts_for_its_own_sentence_only():
    assert heard(None, "如果再没有人管我就投诉。我父亲被困在电梯里") == "lift_trapped"
    assert heard(None, "如果父亲被困在电梯里，再没有人管我就投诉") is None


def test_thanks_or_a_refusal_later_in_an_untitled_text_unsay_nothing_but_a_title_does():
    cry = "老人被困在电梯里"
    assert heard(None, f"{cry}，请马上来人，感谢") == heard(None, f"{cry}，物业拒绝救援") == heard(f"{cry}物业拒绝救援", "快来") == "lift_trapped"
    assert heard(f"感谢消防员，{cry}", "十分钟就到了") is None and heard("业主拒绝加装", f"{cry}") is None
    assert heard(None, f"您好，感谢消防员，{cry}已救出") is None


def test_what_stands_far_down_a_long_text_is_not_heard():
    filler = "小区物业费收得高而服务差。" * 30
    assert heard(None, filler + "我父亲被困在电梯里。") is None
    assert heard(None, "我父亲被困在电梯里。" + filler) == "lift_trapped"


def test_full_width_upper_case_and_white_space_do_not_matter():
    assert heard(None, "老人 被困 在 电梯 里") == heard(None, "老人被困在\n电梯里") == "lift_trapped"
    assert heard(None, "ＧＡＳ　ＬＥＡＫ in the basement") == heard(None, "Gas leak in the basement") == "gas_leak"


def test_a_frame_without_titles_or_rows_or_rules_is_answered_in_kind():
    assert match(pl.DataFrame({"content": ["老人被困在电梯里", None]}), RULES).to_list() == ["lift_trapped", None]
    assert match(pl.DataFrame(schema=TEXTS), RULES).to_list() == []
    assert match(pl.DataFrame({"content": ["老人被困在电梯里"]}), ()).to_list() == [None]


_PIECES = st.sampled_from([s for t, c, *_ in [*DANGER, *LOOK_ALIKE] for s in (t, c) if s] + ["感谢", "您好，", "。", "，", "\n", "如果", "去年", "物业拒绝"])
_TEXTS = st.lists(_PIECES, max_size=4).map("".join)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.one_of(st.none(), _TEXTS), _TEXTS), min_size=1, max_size=5))
def test_the_quick_look_over_many_records_misses_none_that_reading_each_finds(pairs):
    got = match(pl.DataFrame(pairs, schema=TEXTS, orient="row"), RULES).to_list()
    assert got == [heard(*p) for p in pairs]
    lean = lambda t: pl.select(pl.lit(t or "").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"([^\x00-\x7f])\s+", "$1").str.replace_all(r"\s+([^\x00-\x7f])", "$1").str.strip_chars()).item()
    assert got == [_speaks(lean(t), lean(c), RULES) for t, c in pairs]


# Clusters.
AS_OF = datetime(2026, 6, 10, tzinfo=UTC)
CLUSTERS = cluster_rules(DAY)


def records(n, callers=None, hours=1.0, **columns):
    base = {"record_id": [f"r{i}" for i in range(n)], "created_at": [datetime(2026, 6, 8, tzinfo=UTC) + timedelta(hours=hours * i) for i in range(n)],
            "caller_key": callers or [f"c{i}" for i in range(n)], "title": [None] * n, "content": ["吃完后上吐下泻"] * n, "problem_code": ["food.poisoning"] * n,
            "respondent": ["某餐馆"] * n, "community": [None] * n, "street": ["新华街道"] * n, "incident_id": [None] * n}
    text = ("record_id", "caller_key", "title", "content", "problem_code", "respondent", "community", "street", "incident_id")
    return pl.DataFrame({**base, **{k: v if isinstance(v, list) else [v] * n for k, v in columns.items()}}, schema_overrides=dict.fromkeys(text, pl.String) | {"created_at": pl.Datetime("us", "UTC")})


def found(frame, as_of=AS_OF):
    return clusters(frame, as_of, CLUSTERS)


def test_two_callers_ill_after_one_place_are_a_red_cluster_that_tells_who_must_know():
    got = found(records(2)).row(0, named=True)
    assert (got["rule"], got["level"], got["by"], got["key"], got["n_records"], got["n_callers"], got["record_ids"]) == ("illness_one_place", "red", "respondent", "某餐馆", 2, 2, ["r0", "r1"])
    assert "卫生健康" in cluster("illness_one_place", DAY).advice("zh") and "health" in cluster("illness_one_place", DAY).advice("en")
    with pytest.raises(KeyError):
        cluster("no_such_rule", DAY)


@pytest.mark.parametrize("changed", [
    {"n": 1}, {"n": 2, "callers": ["c0", "c0"]}, {"n": 2, "callers": ["c0", None]}, {"n": 2, "hours": 48.0}, {"n": 2, "content": "菜里有头发"}, {"n": 2, "problem_code": "price.unmarked"},
    {"n": 2, "problem_code": None}, {"n": 2, "respondent": ["甲店", "乙店"]}, {"n": 2, "respondent": None}, {"n": 2, "respondent": ""},
])
def test_what_is_short_of_a_cluster_is_none(changed):
    assert found(records(**changed)).is_empty()


def test_just_inside_the_window_is_inside_and_what_is_not_known_yet_does_not_count():
    assert found(records(2, hours=47.9)).height == 1
    assert found(records(2, hours=12.0), datetime(2026, 6, 8, 11, tzinfo=UTC)).is_empty()


def test_one_community_is_a_place_too_but_a_record_counts_once():
    apart = records(2, respondent=["甲店", "乙店"], community="某小区")
    assert found(apart).select("by", "key").rows() == [("community", "某小区")]
    assert found(records(2, community="某小区", incident_id="i1")).select("by").rows() == [("respondent",)]


def test_three_who_paid_ahead_and_cannot_reach_the_shop_are_an_orange_cluster_of_a_week():
    gone = {"problem_code": ["prepaid.fitness", "refund.offline_goods", "order.closed_shop"], "content": "门店关门，老板失联，卡里的钱退不了", "respondent": "某健身馆"}
    assert found(records(3, hours=24.0, **gone)).select("rule", "level", "problem_code").rows() == [("prepaid_runaway", "orange", "prepaid.runaway")]
    assert found(records(3, hours=90.0, **gone)).is_empty()
    assert found(records(3, **{**gone, "content": "办卡后不想去了，商家不退"})).is_empty()


def test_three_shops_without_prices_in_one_street_and_three_lift_faults_of_one_estate():
    prices = records(3, problem_code="price.unmarked", content="没有价签", respondent=["甲店", "乙店", "丙店"])
    assert found(prices).select("rule", "by", "key").rows() == [("price_unmarked", "street", "新华街道")]
    lifts = records(3, hours=10.0, problem_code="special.elevator_fault", content="电梯停运", respondent=None, community="某小区")
    assert found(lifts).select("rule", "by", "key").rows() == [("lift_one_estate", "community", "某小区")]


def test_the_same_record_twice_is_one_record():
    one = records(1)
    assert found(pl.concat([one, one.with_columns(caller_key=pl.lit("c9"))])).is_empty()


@given(st.permutations(range(6)))
def test_clusters_do_not_depend_on_the_order_of_rows(order):
    frame = records(6, respondent=["甲店", "乙店", "甲店", "乙店", "丙店", "丙店"], community=[None, "某小区"] * 3)
    assert found(frame[list(order)]).equals(found(frame))


def test_missing_columns_are_unknown_and_the_frame_keeps_its_shape():
    lean = records(2).drop("community", "street", "incident_id", "title").rename({"respondent": "respondent_name"})
    assert found(lean).height == 1
    assert dict(found(records(1)).schema) == CLUSTER


def test_every_cluster_rule_names_known_problems_and_says_what_to_do():
    known = set(taxonomy.taxonomy().codes()) | {g.code for g in taxonomy.taxonomy().groups()}
    for r in CLUSTERS:
        assert {r.problem, *r.problems} <= known and r.level in ("red", "orange", "yellow") and r.callers <= r.records
        assert all(r.name(lang) and r.advice(lang) for lang in ("zh", "en"))
