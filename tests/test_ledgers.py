"""A ledger of 162 lifts: loaded, held, refused; joined to records; overdue by the law's clocks; and planted faults found first."""
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from flows.cli import run as weisu
from flows.ledgers import HELD, REFUSED, TAKEN, in_force, load_ledger, note_event, ranked
from policy.ledgers import ledgers
from tests.houses import enter
from tests.practice_house import house_with, moment, records
from transforms.ledgers import joined, scored

DAY = date(2026, 6, 30)
LIFTS = ledgers()["lifts"]
N, FAULTY = 162, 25
COMPOUNDS = [f"{a}{b}" for a in ("华业东方", "京贸国际", "新华联", "潞河", "运河") for b in ("玫瑰", "家园", "花园", "嘉园", "名苑", "小区", "公馆", "新居", "雅苑")]


def lifts(n=N):
    """(the list as a bureau keeps it, the faulty ones): a faulty lift is likelier to be old, to have failed, to be behind with its services, and to be complained of; none of it is sure."""
    rng = np.random.default_rng(162)
    faulty = np.arange(n) < FAULTY
    at = rng.permutation(n)
    back = lambda days: [(DAY - timedelta(days=int(d))).isoformat() for d in days]
    table = pl.DataFrame({
        "设备编号": [f"L{k:03d}" for k in at], "小区名称": [COMPOUNDS[k % len(COMPOUNDS)] for k in at], "街道": ["新华街道"] * n, "投用日期": back(365 * np.where(faulty, rng.uniform(12, 26, n), rng.uniform(8, 20, n))),
        "使用单位": [f"{COMPOUNDS[k % len(COMPOUNDS)]}物业管理有限公司" for k in at], "维保单位": "某维保公司",
        "下次检验日期": back(np.where(faulty & (rng.random(n) < .5), rng.integers(-20, 30, n), -rng.integers(40, 300, n))),
        "最近检查日期": back(rng.integers(1, 50, n)), "最近维保日期": back(np.where(faulty & (rng.random(n) < .7), rng.integers(16, 60, n), rng.integers(0, 17, n))),
        "故障次数": np.where(faulty, rng.poisson(3.5, n), rng.poisson(.7, n)).astype(str), "联系人电话": "13800000000"})
    return table, {f"L{k:03d}" for k in at[faulty]}


def calls():
    """Lift complaints: every compound's now and then, four at 华业东方玫瑰 in the last month."""
    some = [{"number": f"c{k}", "day": DAY - timedelta(days=9 * k), "community": COMPOUNDS[(7 * k) % len(COMPOUNDS)], "problem_code": "special.elevator_fault"} for k in range(40)]
    four = [{"number": f"r{k}", "day": DAY - timedelta(days=5 * k + 1), "title": "华业东方玫瑰3号楼电梯异响", "problem_code": "special.elevator_fault"} for k in range(4)]
    other = [{"number": "o", "day": DAY, "community": "华业东方玫瑰", "problem_code": "food.expired"}]
    return records([*some, *four, *other])


@pytest.fixture
def house(tmp_path):
    made = house_with(tmp_path / "h", calls(), moment(DAY, 24))
    yield made
    made.warehouse.close()


def load(house, path, table, day=date(2026, 6, 1), **more):
    table.write_csv(path)
    return load_ledger(house.settings, "lifts", path, day, more.pop("accept", None), moment(day, 9))


def test_the_same_list_changes_nothing_a_shorter_one_is_held_and_a_doubled_one_refused(house, tmp_path, capsys):
    table, _ = lifts()
    path = tmp_path / "台账.csv"
    assert load(house, path, table) == TAKEN and in_force(house, "lifts", DAY).height == 162
    assert load(house, path, table, date(2026, 6, 2)) == TAKEN and "未变 162" in capsys.readouterr().err
    assert load(house, path, table.head(150), date(2026, 6, 3)) == HELD
    said = capsys.readouterr().err
    assert "12 项消失" in said and all(item in said for item in table["设备编号"].tail(12)) and in_force(house, "lifts", DAY).height == 162
    assert load(house, path, table.head(150), date(2026, 6, 3), accept="已拆除") == TAKEN
    assert (in_force(house, "lifts", DAY).height, in_force(house, "lifts", date(2026, 6, 2)).height) == (150, 162)
    assert load(house, path, pl.concat([table, table]), date(2026, 6, 4)) == REFUSED and "编号重复" in capsys.readouterr().err
    assert "13800000000" not in str(house.warehouse.read("ledger_item").rows())


def test_a_fault_in_the_file_is_named_by_row_and_column_and_a_change_is_a_new_version(house, tmp_path, capsys):
    table, _ = lifts()
    path = tmp_path / "台账.csv"
    bad = table.with_row_index("_n").with_columns(pl.when(pl.col("_n") == 4).then(pl.lit("月底")).otherwise("下次检验日期").alias("下次检验日期")).drop("_n")
    assert load(house, path, bad) == REFUSED and "第 6 行，inspection_due：无法识别" in capsys.readouterr().err and in_force(house, "lifts", DAY).is_empty()
    assert load(house, path, table) == TAKEN
    moved = table.with_columns(pl.when(pl.col("设备编号") == "L007").then(pl.lit("另一家维保")).otherwise("维保单位").alias("维保单位"))
    assert load(house, path, moved, date(2026, 6, 20)) == TAKEN and "变更 1" in capsys.readouterr().err
    who = lambda day: in_force(house, "lifts", day).filter(pl.col("item_id") == "L007")["maintainer"][0]
    assert (who(date(2026, 6, 19)), who(date(2026, 6, 20))) == ("某维保公司", "另一家维保")


def test_planted_faults_come_first_and_the_score_is_the_sum_of_its_marks(house, tmp_path):
    table, faulty = lifts()
    assert load(house, tmp_path / "台账.csv", table) == TAKEN
    got = ranked(house, LIFTS, DAY, moment(DAY, 24))
    truth = got["item_id"].is_in(list(faulty))
    rank = got["score"].rank()
    assert (rank.filter(truth).sum() - FAULTY * (FAULTY + 1) / 2) / (FAULTY * (N - FAULTY)) > .9      # the area under the curve (Mann-Whitney)
    assert truth.head(FAULTY).sum() >= .7 * FAULTY                    # by chance it would be four of them
    points = {r.id: r.points for r in LIFTS.rules(DAY)}
    assert got["score"].to_list() == [sum(points[m] for m in marks) for marks in got["marks"].to_list()]


def test_records_of_a_compound_belong_to_every_lift_there_and_to_no_other():
    items = pl.DataFrame({"item_id": ["a", "b", "c", "d"], "place": ["东方玫瑰", "东方玫瑰", "东方玫瑰二期", "别处"], "user_unit": ["甲物业有限公司", None, None, "乙物业管理有限公司"]})
    rows = pl.DataFrame({"record_id": ["1", "2", "3", "4"], "local_date": [DAY] * 4, "community": ["东方玫瑰", None, None, None], "address_masked": [None, "东方玫瑰二期5号楼", None, None],
                         "title": [None, None, "电梯坏了", "电梯异响"], "respondent_name": [None, None, "乙物业管理有限公司", "丙"]})
    assert joined(items, rows, ["place", "respondent"]).select("item_id", "record_id").rows() == [("a", "1"), ("b", "1"), ("c", "2"), ("d", "3")]


@pytest.mark.parametrize(("due", "served", "marks"), [
    (date(2026, 7, 31), 15, set()), (date(2026, 7, 30), 15, set()), (date(2026, 7, 29), 15, {"inspection_request"}), (date(2026, 6, 30), 16, {"inspection_request", "maintenance"}),
    (date(2026, 6, 29), 15, {"inspection_request", "inspection_over"})])
def test_overdue_checks_follow_the_laws_clocks_by_the_day(due, served, marks):
    from sources.ledger import ITEM
    item = pl.DataFrame([{"item_id": "a", "place": "x", "inspection_due": due, "last_maintained": DAY - timedelta(days=served), "last_inspected": DAY}], schema=ITEM)
    none = pl.DataFrame(schema={"item_id": pl.String, "kind": pl.String, "day": pl.Date}), pl.DataFrame(schema={"item_id": pl.String, "record_id": pl.String, "local_date": pl.Date})
    assert set(scored(item, *none, DAY, [(r.id, r.when, r.points) for r in LIFTS.rules(DAY)])["marks"][0]) == marks


def test_what_was_noted_of_an_item_counts_from_its_day_and_a_fault_must_be_posted(house, tmp_path, monkeypatch, capsys):
    table, _ = lifts()
    assert load(house, tmp_path / "台账.csv", table) == TAKEN
    of = lambda: ranked(house, LIFTS, DAY, moment(DAY, 24)).filter(pl.col("item_id") == "L000").row(0, named=True)
    before = of()
    for what, day in (("inspected", date(2026, 6, 30)), ("maintained", date(2026, 6, 30)), ("fault", date(2026, 6, 20))):
        assert note_event(house.settings, "lifts", "L000", what, day, None, "特种设备科", moment(DAY, 9)) == 0
    after = of()
    assert after["faults"] == before["faults"] + 1 and not {"maintenance", "unvisited"} & set(after["marks"]) and "undisclosed" in after["marks"]
    assert note_event(house.settings, "lifts", "L000", "disclosed", date(2026, 6, 29), "已公示", None, moment(DAY, 9)) == 0 and "undisclosed" not in of()["marks"]
    enter(monkeypatch, house.settings)
    capsys.readouterr()
    assert weisu(["ledger", "show", "lifts", "--date", str(DAY), "--overdue", "--top", "5", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "162 项" in said and "特种设备安全" in said
    assert weisu(["ledger", "show", "ships"]) == 2 and weisu(["ledger", "event", "lifts", "L999", "fault"]) == 2


def test_the_sheet_of_the_month_lists_what_to_inspect_next_with_its_records(house, tmp_path):
    from flows.reviews import sheet_of
    from flows.sheet import known
    table, _ = lifts()
    assert load(house, tmp_path / "台账.csv", table) == TAKEN
    sheet = sheet_of(known(house, "month", DAY, False, None, "zh"))
    number, got = next((n, s) for n, s in enumerate(sheet.sections, 1) if s.key == "ledgers")
    assert got.rows.height == 10 and got.rows["risk"].is_sorted(descending=True) and "162 项" in got.notes[0]
    rose = ranked(house, LIFTS, DAY, moment(DAY, 24)).filter(pl.col("place") == "华业东方玫瑰")
    assert rose.height >= 3 and all({f"market_supervision:r{k}" for k in range(4)} <= set(ids) and "market_supervision:o" not in ids for ids in rose["record_ids"])
    assert all({"repeated", "now"} <= set(m) for m in rose["marks"]) and sheet.trace(f"{number}.1").height == got.rows["n_year"][0]
