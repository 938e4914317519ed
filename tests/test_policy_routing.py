"""Who leads and who helps: streets, stations, sections, partners, and the days on which they exist."""
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import taxonomy
from policy.dated import load
from policy.packs import covering, in_force, law_for, packs
from policy.routing import WHYS, Route, route
from policy.units import Units, units

DAY = date(2026, 6, 1)
XINHUA, BEIYUAN, YUQIAO, LIYUAN = "110112002", "110112003", "110112004", "110112006"
TABLE = units("tongzhou")
CODES = taxonomy.taxonomy().codes(DAY)


def test_the_station_of_the_street_leads_what_a_station_handles():
    got = route("price.unmarked", LIYUAN, "tongzhou", DAY)
    assert (got.lead_unit, got.lead_name("zh"), got.lead_name("en")) == ("ST-006", "梨园市场监管所", "Liyuan Market Supervision Station")
    assert "SEC-PRICE" in got.co_units and len(got.co_names("zh")) == len(got.co_names("en")) == len(got.co_units)


def test_of_two_streets_the_first_one_leads_and_the_other_helps():
    got = route("price.unmarked", [BEIYUAN, XINHUA, BEIYUAN, None], "tongzhou", DAY)
    assert got.lead_unit == "ST-003" and "ST-002" in got.co_units and "ST-003" not in got.co_units


def test_from_three_stations_on_the_section_leads_and_all_stations_help():
    two, three = (route("price.unmarked", streets, "tongzhou", DAY) for streets in ([XINHUA, BEIYUAN], [XINHUA, BEIYUAN, YUQIAO]))
    assert two.lead_unit == "ST-002"
    assert three.lead_unit == "SEC-PRICE" and {"ST-002", "ST-003", "ST-004"} <= set(three.co_units)


@pytest.mark.parametrize("streets", [None, [], "", [None], "999999999"])
def test_without_a_known_street_the_section_leads(streets):
    assert route("price.unmarked", streets, "tongzhou", DAY).lead_unit == "SEC-PRICE"


def test_every_helper_has_a_duty_that_calls_it_and_of_many_stations_only_those_with_most_records_are_named():
    wide = route("price.unmarked", TABLE.street_codes(), "tongzhou", DAY)
    assert list(wide.co_units) == [TABLE.station_for(s, DAY) for s in TABLE.street_codes()[:TABLE.co_stations_at_most]] and set(wide.whys) == {"station"}
    ill = route("food.poisoning", LIYUAN, "tongzhou", DAY, ("DEP-HEALTH", "DEP-POLICE", "SEC-CATER"))
    assert dict(zip(ill.co_units, ill.whys)) == {"ST-006": "station", "DEP-HEALTH": "partner", "DEP-POLICE": "rule"} and ill.lead_unit == "SEC-CATER"
    assert dict(zip((theirs := route("env.noise_social", LIYUAN, "tongzhou", DAY)).co_units, theirs.whys))["SEC-DISPATCH"] == "dispatch"
    assert dict(zip((own := route("price.unmarked", LIYUAN, "tongzhou", DAY)).co_units, own.whys)) == {"SEC-PRICE": "section"}


def test_a_section_leads_its_own_matters_and_the_station_on_the_ground_knows():
    got = route("special.elevator_trapped", LIYUAN, "tongzhou", DAY)
    assert got.lead_unit == "SEC-SPEC" and {"ST-006", "DEP-HOUSING"} <= set(got.co_units)


def test_a_partners_matter_goes_through_the_dispatch_desk_and_not_to_a_station():
    theirs = [c for c in CODES if taxonomy.problem(c).lead_unit.startswith("DEP-") and taxonomy.problem(c).lead_unit != "DEP-STREET"]
    problem = next(c for c in theirs if taxonomy.problem(c).domain == "other")
    got = route(problem, XINHUA, "tongzhou", DAY)
    assert got.lead_unit == taxonomy.problem(problem).lead_unit and "SEC-DISPATCH" in got.co_units
    assert not [c for c in got.co_units if c.startswith("ST-")]


def test_the_street_office_is_that_of_the_street():
    problem = next(c for c in CODES if taxonomy.problem(c).lead_unit == "DEP-STREET")
    office, township = route(problem, XINHUA, "tongzhou", DAY), route(problem, LIYUAN, "tongzhou", DAY)
    assert office.lead_name("zh") == "新华街道办事处" and township.lead_name("zh") == "梨园镇人民政府" and township.lead_name("en") == "Liyuan Township Government"
    assert route(problem, None, "tongzhou", DAY).lead_unit == "DEP-STREET"


@pytest.mark.parametrize("code", ["found:7", "SOURCE:其他", None])
def test_a_problem_that_is_no_type_of_ours_goes_to_the_station_or_the_dispatch_desk(code):
    assert route(code, XINHUA, "tongzhou", DAY).lead_unit == "ST-002"
    assert route(code, None, "tongzhou", DAY).lead_unit == "SEC-DISPATCH"


@pytest.mark.parametrize("code", [*CODES[:3], None])
def test_without_a_pack_nobody_is_named(code):
    assert route(code, XINHUA, None, DAY) == Route()


@given(st.sampled_from([*CODES, "found:1"]), st.lists(st.sampled_from([*TABLE.street_codes(), None, "x"]), max_size=5))
def test_every_route_names_units_that_exist_once_each_and_the_lead_not_among_the_helpers(code, streets):
    got = route(code, streets, "tongzhou", DAY)
    named = [got.lead_unit, *got.co_units]
    assert len(set(named)) == len(named) and all(TABLE.resolve(u, DAY) for u in named)
    assert len(got.whys) == len(got.co_units) and set(got.whys) <= set(WHYS)
    assert got.lead_name_zh and got.lead_name_en and all(got.co_names_zh) and all(got.co_names_en)


@pytest.mark.parametrize(("text", "street"), [
    ("新华", "110112002"), ("新华所", "110112002"), (" 新华 街道", "110112002"), ("北京市通州区新华街道", "110112002"), ("通州区永顺镇某村3号", "110112005"),
    ("马驹桥市场监管所", "110112109"), ("梨园镇和永顺镇交界处", "110112006"), ("买书在新华书店", None), ("朝阳区三里屯街道", None), ("", None), (None, None),
])
def test_a_street_is_read_from_its_names_but_never_from_a_bare_name_inside_a_text(text, street):
    assert TABLE.match_street(pl.Series([text], dtype=pl.String)).to_list() == [street]


def test_all_names_of_all_streets_lead_home_and_order_and_length_are_kept():
    rows = load("units_tongzhou.yaml")["stations"]
    pairs = [(name, r["street_code"]) for r in rows for name in (r["street"], r["zh"], *r["aliases"])]
    got = TABLE.match_street(pl.Series([n for n, _ in pairs] + [None]))
    assert got.name == "street_code" and got.to_list() == [s for _, s in pairs] + [None]
    assert TABLE.match_street(pl.Series([], dtype=pl.String)).len() == 0


def test_every_street_has_one_station_and_an_unknown_one_has_none():
    assert all(TABLE.station_for(s, DAY) and TABLE.street_name(s, "zh") and TABLE.street_name(s, "en") for s in TABLE.street_codes())
    assert TABLE.street_codes() == [r["street_code"] for r in load("units_tongzhou.yaml")["stations"]]
    assert TABLE.station_for("110105001", DAY) is None and TABLE.station_for(None, DAY) is None and TABLE.street_name("110105001") == "110105001"


def merged():
    """The pack as it would be after one station took over another's street on the first of July."""
    data = load("units_tongzhou.yaml")
    stations = [{**s, "valid_to": date(2026, 6, 30), "successor": "ST-003"} if s["code"] == "ST-002" else s for s in data["stations"]]
    return Units({**data, "stations": stations})


def test_a_merged_station_hands_its_street_to_its_successor_on_the_day():
    table = merged()
    assert [table.station_for(XINHUA, d) for d in (date(2026, 6, 30), date(2026, 7, 1))] == ["ST-002", "ST-003"]
    assert table.resolve("ST-002", date(2026, 7, 1)).code == "ST-003" and table.resolve("ST-999", DAY) is None
    assert table.unit("ST-002").successor == "ST-003" and table.unit_name("ST-999") == "ST-999"


def test_a_circle_of_successors_ends():
    data = load("units_tongzhou.yaml")
    gone = {"valid_to": date(2020, 1, 1)}
    swap = {"ST-002": "ST-003", "ST-003": "ST-002"}
    table = Units({**data, "stations": [{**s, **gone, "successor": swap[s["code"]]} if s["code"] in swap else s for s in data["stations"]]})
    assert table.resolve("ST-002", DAY) is None


def test_a_code_given_twice_or_an_alias_of_two_streets_is_refused():
    data = load("units_tongzhou.yaml")
    with pytest.raises(ValueError, match="given twice"):
        Units({**data, "sections": [*data["sections"], data["sections"][0]]})
    first, *rest = data["stations"]
    with pytest.raises(ValueError, match="two streets"):
        Units({**data, "stations": [{**first, "aliases": [*first["aliases"], "新华"]}, *rest]})


def test_whatever_the_taxonomy_sends_to_exists_in_the_pack():
    wanted = {u for c in CODES for u in (taxonomy.problem(c).lead_unit, *taxonomy.problem(c).co_units)} - {"station"}
    wanted |= {g.section for g in taxonomy.taxonomy().groups() if g.section}
    assert {u for u in wanted if not TABLE.resolve(u, DAY)} == set()


def test_the_pack_covers_its_district_by_name_or_code_and_nothing_else():
    for city, district in (("北京市", "通州区"), ("北京", "通州区"), (None, "110112"), (None, "通州区")):
        assert covering(city, district) == "tongzhou"
    for city, district in (("天津市", "通州区"), ("北京市", "朝阳区"), (None, None), (None, "Queens")):
        assert covering(city, district) is None
    assert packs()["tongzhou"]["holidays"] == "cn"


def test_a_law_is_quoted_only_where_and_while_it_is_in_force():
    before, since = (law_for("price.unmarked", d, "tongzhou") for d in (date(2022, 6, 30), date(2022, 7, 1)))
    assert "价格法 第十三条" in before and "明码标价和禁止价格欺诈规定" not in before and "明码标价和禁止价格欺诈规定" in since
    assert law_for("price.unmarked", DAY, None) is None and law_for("found:1", DAY, "tongzhou") is None and law_for(None, DAY, "tongzhou") is None
    change = [(in_force("市场监督管理投诉举报处理暂行办法", d), in_force("市场监督管理投诉举报处理办法", d)) for d in (date(2026, 4, 14), date(2026, 4, 15))]
    assert change == [(True, False), (False, True)]
    assert in_force("食品安全法", date(2025, 11, 30)) and in_force("食品安全法", date(2025, 12, 1)) and in_force("不在表中的法", date(1950, 1, 1))
