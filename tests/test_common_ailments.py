"""Standing remedies of common ailments (通病), secondary problems of one record, campaigns that explain shifts, and records against population."""
from datetime import date

import polars as pl
import pytest

from flows.cli import run as weisu
from flows.drives import add_drive, campaigns, drives_known
from flows.proposals import past_of
from flows.residents import per_10k, residents
from flows.reviews import sheet_of
from flows.sheet import known
from flows.warn import _level
from models.taxonomy_classifier import TaxonomyClassifier
from policy import remedies, taxonomy
from policy.periods import Period
from tests.houses import enter
from tests.practice_house import house_with, moment, records

DAY = date(2026, 6, 30)
PLAN = {"problem": "special.elevator_fault", "valid_from": date(2026, 1, 1), "valid_to": date(2026, 12, 31), "source": "四部门方案", "zh": "列入清单台账", "en": "keep it in the ledger"}


@pytest.fixture
def house(tmp_path):
    rows = [{"number": n, "day": date(2026, 6, 1 + n % 30), "street": ("新华街道", "北苑街道", "梨园镇")[n % 3]} for n in range(90)]
    made = house_with(tmp_path / "h", records(rows), moment(DAY, 24))
    yield made
    made.warehouse.close()


def section(house, kind, key):
    return next(s for s in sheet_of(known(house, kind, DAY, False, None, "zh")).sections if s.key == key)


def test_a_remedy_holds_within_its_dates_and_only_once_approved(monkeypatch):
    monkeypatch.setattr(remedies, "load", lambda name: {"remedies": [{**PLAN, "approved_by": "分管局长 2026-01-01"}]})
    assert remedies.remedy("special.elevator_fault", DAY).text("zh") == "列入清单台账"
    assert remedies.remedy("special.elevator_fault", date(2027, 1, 1)) is None and remedies.remedy("food.expired", DAY) is None and remedies.remedy(None, DAY) is None
    monkeypatch.setattr(remedies, "load", lambda name: {"remedies": [{**PLAN, "approved_by": None}]})
    assert remedies.remedy("special.elevator_fault", DAY) is None


def test_what_has_a_remedy_ranks_one_level_lower_unless_it_exceeds_its_normal_or_somebody_is_in_danger():
    def given(p=None, problem="prepaid.fitness", remedied=True, kind="incident"):
        return _level({"kind": kind, "problem_code": problem, "p_value": p}, 12, None, 12, None, 1, None, False, remedied)
    plain = given(remedied=False)
    assert given().row == "standing_remedy" and (plain.level, given().level) in [("orange", "yellow"), ("yellow", "blue")]
    assert given(p=1e-6) == plain                                                         # beyond its own normal
    safe = next(r.code for r in taxonomy.rules_on(DAY) if taxonomy.taxonomy().is_safety_critical(r.code))
    assert given(problem=safe) == given(problem=safe, remedied=False)


@pytest.mark.parametrize(("title", "content", "codes"), [
    ("便利店商品没有明码标价，价格偏高", "吉祥路一家便利店没有标价，价格比周边超市高出不少。", ["price.unmarked", "price.high"]),
    ("便利店价格偏高", "价格比周边超市高出不少。", ["price.high"]), ("感谢", "谢谢", [])])
def test_a_record_has_one_primary_problem_and_others_beside_it(title, content, codes):
    model = TaxonomyClassifier(rules=tuple(taxonomy.rules_on(DAY)))
    found = model.all_codes({"title": title, "content": content})
    assert found[:len(codes)] == codes and (found == [] if not codes else found[0] == model.predict(pl.DataFrame({"title": [title], "content": [content]}))[0])


def test_a_secondary_problem_is_told_and_counted_in_no_total(tmp_path, monkeypatch, capsys):
    story = {"title": "便利店商品没有明码标价，价格偏高", "content": "吉祥路一家便利店没有标价，价格比周边超市高出不少。", "problem_code": "price.unmarked"}
    made = house_with(tmp_path / "h", records([{**story, "number": "1", "day": DAY}]), moment(DAY, 24))
    enter(monkeypatch, made.settings)
    assert weisu(["explain", "market_supervision:1"]) == 0
    assert "次要问题（不计入总数）：价格偏高" in capsys.readouterr().out
    got = section(made, "day", "problems").rows
    assert got.select("what", "n").rows() == [("未明码标价", 1)]
    made.warehouse.close()


def test_unmarked_prices_point_to_a_case_and_dear_ones_alone_do_not(tmp_path):
    rows = [{"number": f"{code}{n}", "day": DAY, "problem_code": code, "respondent_name": f"{shop}便利店", "caller_key": f"k{n}"}
            for code, shop in (("price.unmarked", "甲乙"), ("price.high", "丙丁")) for n in range(4)]
    made = house_with(tmp_path / "h", records(rows), moment(DAY, 24))
    found = past_of(made, DAY).suspects()
    assert found["problem_code"].to_list() == ["price.unmarked"] and "价格法" in found["law"][0]
    made.warehouse.close()


def test_a_campaign_is_said_where_it_ran_and_changes_no_count(house, monkeypatch, capsys):
    before = section(house, "month", "problems").rows, section(house, "month", "figures").rows
    row = {"kind": "campaign", "title": "行风建设三年攻坚专项行动", "problem_code": "all", "first_day": date(2023, 1, 1), "last_day": date(2026, 12, 31)}
    assert add_drive(house.settings, row, False, moment(date(2026, 1, 5))) == 0
    figures = section(house, "month", "figures")
    assert any("行风建设三年攻坚专项行动（2023-01-01 至 2026-12-31）" in n and "不改件数" in n for n in figures.notes)
    assert section(house, "month", "problems").rows.equals(before[0]) and figures.rows.equals(before[1]) and section(house, "month", "drives").rows.is_empty()
    assert campaigns(drives_known(house), [Period("month", date(2027, 1, 1), date(2027, 1, 31))], "zh") == []
    enter(monkeypatch, house.settings)
    assert weisu(["causes", "all", "--date", "2026-06-30"]) == 0 and "行风建设三年攻坚" in capsys.readouterr().out
    assert weisu(["effect", drives_known(house)["drive_id"][0]]) == 2                                    # no effect of a label
    assert weisu(["drive", "add", "年检行动", "--kind", "campaign", "--from", "2026-06-01", "--to", "2026-06-30"]) == 0
    assert weisu(["drive", "add", "专项", "--from", "2026-06-01", "--to", "2026-06-30"]) == 2            # an inspection needs its problem


def test_records_are_told_per_ten_thousand_residents_where_they_are_known(house, tmp_path, monkeypatch):
    assert section(house, "month", "street_ranking").rows["per_10k"].to_list() == [None] * 3 and per_10k(5, None) is None
    path = tmp_path / "人口.csv"
    path.write_text("街道,常住人口\n新华街道,20000\n北苑街道,60000\n", encoding="utf-8")
    enter(monkeypatch, house.settings)
    assert weisu(["ledger", "load", "residents", str(path), "--date", "2026-06-01"]) == 0
    path.write_text("街道,常住人口\n新华街道,40000\n北苑街道,60000\n", encoding="utf-8")
    assert weisu(["ledger", "load", "residents", str(path), "--date", "2026-07-01"]) == 0               # dated: June keeps June's
    assert residents(house, DAY) == {"新华街道": 20000, "北苑街道": 60000} and residents(house, date(2026, 7, 1))["新华街道"] == 40000
    rows = {r["what"]: r["per_10k"] for r in section(house, "month", "street_ranking").rows.iter_rows(named=True)}
    assert rows == {"新华街道": 15.0, "北苑街道": 5.0, "梨园镇": None}                                    # thirty records of each
    often = section(house, "month", "frequent")
    assert often.rows["per_10k"].to_list() == [7.5] and any("80,000" in n for n in often.notes)         # sixty of eighty thousand
    assert section(house, "month", "ledgers").rows.is_empty()
