"""Special inspections and themes: what is planned, found and measured; what is proposed, and from when complaints point to a case."""
import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from flows.cli import run as weisu
from flows.drives import add_drive, drives_known, found_drive, measure
from policy.themes import rules
from policy.units import units
from tests.houses import enter
from tests.practice_house import house_with, moment, records
from transforms.proposals import PARTS, suspects, themes

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 15)
AS_OF = moment(date(2026, 6, 30), 24)
STREETS = [units("tongzhou").street_name(c) for c in units("tongzhou").street_codes()][:10]


def a_town(fall=.5):
    """Eight unmarked prices a week in each of ten streets from August on; from 16 March on only `fall` of them in the first two."""
    rng = np.random.default_rng(4)
    rows = []
    for n, street in enumerate(STREETS):
        for week in range(48):
            day = date(2025, 8, 4) + timedelta(weeks=week)
            much = 8 * (fall if n < 2 and day > LAST else 1)
            rows += [{"day": day + timedelta(days=int(k) % 7), "street": street, "problem_code": "price.unmarked"} for k in range(rng.poisson(much))]
    return records(rows)


def plan(**more):
    return {"kind": "inspection", "title": "价格执法专项检查", "problem_code": "price.unmarked", "streets": STREETS[:2], "first_day": FIRST, "last_day": LAST, "units": ["新华市场监管所"],
            "target": -.2, **more}


@pytest.fixture
def town(tmp_path):
    house = house_with(tmp_path / "h", a_town(), AS_OF)
    yield house
    house.warehouse.close()


def noted(house, capsys, **more):
    capsys.readouterr()
    assert add_drive(house.settings, plan(**more), True, moment(date(2026, 2, 27))) == 0
    return json.loads(capsys.readouterr().out)["drive_id"]


def test_an_inspection_that_halved_its_problem_is_told_so_against_the_streets_without_it(town, monkeypatch, capsys):
    number = noted(town, capsys)
    enter(monkeypatch, town.settings)
    assert weisu(["drive", "result", number, "--inspected", "41", "--found", "12", "--cases", "1", "--by", "价监竞争科"]) == 0
    capsys.readouterr()
    assert weisu(["effect", number, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["can_tell"] and told["low"] < .5 < told["high"] and abs(told["ratio"] - .5) < .1 and told["weeks"] == 13
    assert set(told["compared_with"]) == {units("tongzhou").street_name(c) for c in units("tongzhou").street_codes()} - set(STREETS[:2])
    assert len(told["again"]["30"]) < len(told["again"]["90"])
    assert weisu(["effect", number, "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "检查 41 家，发现问题 12 家，立案 1 件" in said and "回落不算成效" in said and "目标 -20%：达到" in said
    assert weisu(["drive", "list"]) == 0 and weisu(["effect", "Z-nothing"]) == 2


def test_where_nothing_changed_or_nothing_can_be_compared_it_can_not_be_told(town, tmp_path, capsys):
    still = house_with(tmp_path / "still", a_town(1.0), AS_OF)
    calm = measure(still, {**plan(), "drive_id": "Z1"}, AS_OF)
    assert not bool(calm.effect.told) and float(calm.effect.low) < 1 < float(calm.effect.high)
    still.warehouse.close()
    whole = measure(town, {**plan(streets=None), "drive_id": "Z1"}, AS_OF)
    assert whole.effect is None and whole.compared_with == ()
    young = measure(town, {**plan(), "drive_id": "Z1"}, moment(LAST, 24))
    assert young.weeks == 0 and young.effect is None
    rare = measure(town, {**plan(problem_code="special.elevator_fault"), "drive_id": "Z1"}, AS_OF)
    assert bool(rare.effect.too_little)


def test_a_street_with_an_inspection_of_its_own_is_no_control(town, capsys):
    mine, other = noted(town, capsys), noted(town, capsys, title="再查", streets=[STREETS[5]], first_day=date(2026, 4, 1), last_day=date(2026, 4, 10))
    rows = drives_known(town)
    told = measure(town, rows.filter(pl.col("drive_id") == mine).row(0, named=True), AS_OF, rows)
    assert STREETS[5] not in told.compared_with and STREETS[6] in told.compared_with and other != mine


def test_results_are_known_from_when_they_were_noted(town, capsys):
    number = noted(town, capsys)
    found_drive(town.settings, number, 41, 12, 0, None, None, moment(date(2026, 3, 20)))
    assert drives_known(town, moment(date(2026, 3, 19)))["n_inspected"].to_list() == [None]
    assert drives_known(town, moment(date(2026, 3, 21)))["n_inspected"].to_list() == [41] and drives_known(town, moment(date(2026, 2, 1))).is_empty()


def test_every_part_of_a_themes_score_is_what_it_says():
    day, weights = date(2026, 6, 30), rules()["themes"]["weights"]
    of = lambda code, n, back, **more: [{"problem_code": code, "local_date": day - timedelta(days=back + k % 28), "street": f"s{k % 4}", "solved": k % 2 == 0, "hard": k % 10 == 0,
                                         "record_id": f"{code}{back}{k}", **more} for k in range(n)]
    rows = pl.DataFrame([*of("rising", 80, 0), *of("rising", 20, 364), *of("steady", 40, 0), *of("steady", 38, 364), *of("one.street", 30, 0, street="s0", solved=None, hard=True), *of("rare", 10, 0),
                         *of("steady", 40, 340)], infer_schema_length=None)
    got = themes(rows, day, 8, weights, 20, True, True)
    by = {r["problem_code"]: r for r in got.iter_rows(named=True)}
    assert next(iter(by)) == "rising" and "rare" not in by
    assert (by["rising"]["frequent"], by["steady"]["frequent"], by["rising"]["growing"], by["steady"]["growing"]) == (1, .5, 1, 0)
    assert (by["rising"]["broad"], by["one.street"]["broad"], by["one.street"]["solvable"], by["rising"]["solvable"], by["one.street"]["hard"]) == (.5, .125, .5, .5, 1)
    assert by["steady"]["seasonal"] == 1 and by["one.street"]["seasonal"] == 0 and all(r["recurring"] == pytest.approx(1 / 6) for r in by.values())
    for r in by.values():
        have = [p for p in PARTS if r[p] is not None]
        assert r["score"] == pytest.approx(sum(weights[p] * r[p] for p in have) / sum(weights[p] for p in have))
        assert all(0 <= r[p] <= 1 for p in have)
    assert themes(rows, day, 8, weights, 20, False, False)["seasonal"].null_count() == got.height


def complaints(callers, **more):
    return pl.DataFrame([{"respondent": "惠民便利店", "problem_code": "price.unmarked", "street": "新华街道", "caller_key": c, "record_type": "complaint", "outcome": None, "record_id": f"r{n}",
                          **more} for n, c in enumerate(callers)], schema_overrides={"outcome": pl.String, "caller_key": pl.String})


def test_complaints_of_several_callers_that_prove_true_point_to_a_case_and_one_callers_do_not():
    assert suspects(complaints(["a", "b", "c"]), 3, 3, .5)["n"].to_list() == [3]
    for rows in (complaints(["a", "a", "a"]), complaints(["a", "b"]), complaints(["a", "b", None]), complaints(["a", "b", "c"], record_type="consultation"),
                 complaints(["a", "b", "c"], outcome="unfounded"), complaints(["a", "b", "c"], respondent=None)):
        assert suspects(rows.with_columns(pl.col("respondent").cast(pl.String)), 3, 3, .5).is_empty()
    both = suspects(pl.concat([complaints(["a", "b", "c", "d"], outcome="filed"), complaints(["a", "b", "c"], respondent="另一家", outcome="mediated")]), 3, 3, .5)
    assert both["respondent"].to_list() == ["另一家", "惠民便利店"] and both["filed"].to_list() == [False, True]      # what is a case already comes last


def test_the_commands_name_the_law_hide_who_reported_and_list_whom_to_inspect_next(tmp_path, monkeypatch, capsys):
    day = date(2026, 6, 20)
    shop = lambda name, kind, n: [{"number": f"{name}{k}", "day": day - timedelta(days=k), "problem_code": "price.unmarked", "respondent_name": name, "caller_key": f"c{k}", "record_type": kind,
                                   "outcome": "filed" if name == "惠民便利店" else "mediated", "status": "closed"} for k in range(n)]
    rows = [*shop("惠民便利店", "complaint", 4), *shop("好邻居超市", "report", 3), *shop("利源商店", "complaint", 1),
            *({"number": f"u{k}", "day": date(2025, 3, 1) + timedelta(days=k), "problem_code": "food.expired"} for k in range(480))]
    house = house_with(tmp_path / "h", records(rows), AS_OF)
    house.warehouse.close()
    enter(monkeypatch, house.settings)
    assert weisu(["cases", "--date", "2026-06-30", "--lang", "zh"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "好邻居超市" in said[1] and "价格法 第十三条" in said[1] and "名来电人" not in said[1] and "3 件中 3 件属实" in said[1]
    assert "惠民便利店" in said[2] and "4 名来电人" in said[2] and "已立案" in said[2]
    assert weisu(["cases", "--date", "2026-06-30", "--like", "market_supervision:惠民便利店0", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "好邻居超市：3 件" in said and "利源商店：1 件" in said and "惠民便利店" not in said
    assert weisu(["themes", "--date", "2026-06-30", "--lang", "zh"]) == 0 and "过期变质食品" in capsys.readouterr().out
    assert weisu(["drive", "add", "专项", "--problem", "no.such", "--from", "2026-07-01", "--to", "2026-07-10"]) == 2
    assert weisu(["drive", "add", "专项", "--problem", "price.unmarked", "--from", "2026-07-11", "--to", "2026-07-10"]) == 2
