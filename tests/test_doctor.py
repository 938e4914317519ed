"""The doctor: a damaged lake file is named and restored from landing, what can't be is said; tables are held to the digests of the run log."""
import json
from datetime import date

import polars as pl
import sqlalchemy as sa

from flows.cli import run as cli
from flows.link import KEPT
from sources.mapping import shipped
from tests.boards import workbook
from tests.engines import ready_house
from tests.houses import NIGHTS, board, enter, lived, night, opened, tables, upto  # noqa: F401
from warehouse.engine import writing


def lake_of(house, dataset):
    return house.warehouse.read("lake_file").filter(pl.col("dataset") == dataset).sort("n_rows", descending=True)


def test_damaged_and_missing_files_are_restored_from_landing(lived, capsys):  # noqa: F811
    house = opened()
    then = house.warehouse.as_of(house.warehouse.batches()["as_of"].max()).collect()
    hurt, gone = lake_of(house, "revisions")["path"][:2].to_list()
    counts, kept = lake_of(house, "counts")["path"][0], lake_of(house, KEPT)["path"][0]
    counted = house.warehouse.counts(house.warehouse.batches()["as_of"].max())
    lake = house.warehouse.lake.folder
    (lake / hurt).write_bytes((lake / hurt).read_bytes()[:-9] + b"damage!!!")
    (lake / gone).unlink()
    (lake / counts).write_bytes(b"")
    (lake / kept).write_bytes(b"")
    assert cli(["doctor"]) == 1 and hurt in capsys.readouterr().err
    assert cli(["doctor", "--repair"]) == 0
    told = capsys.readouterr().err
    assert told.count("逐字节") == 3, told
    assert kept in told and kept not in lake_of(house, KEPT)["path"], "what linking had read is left to the next night to read again"
    assert house.warehouse.verify() == []
    assert house.warehouse.as_of(house.warehouse.batches()["as_of"].max()).collect().drop("issues").equals(then.drop("issues"))
    assert house.warehouse.counts(house.warehouse.batches()["as_of"].max()).equals(counted)
    assert "doctor --repair" in house.warehouse.access.path.read_text()
    assert house.warehouse.compact("c1", at_least=2) > 0
    (lake / lake_of(house, "revisions")["path"][0]).unlink()
    assert cli(["doctor", "--repair"]) == 0 and "逐字节" in capsys.readouterr().err and house.warehouse.verify() == []
    house.warehouse.close()
    assert cli(["doctor"]) == 0


def test_changed_quarantined_and_replayed_rows_are_made_again_too(lived, board, tmp_path):  # noqa: F811
    day, last = NIGHTS[2], pl.col("留言时间") >= "2026/05/01"
    rows = upto(board, day).with_columns(
        pl.when(pl.int_range(pl.len()) < 5).then(pl.concat_str("留言详情", pl.lit("补充：问题仍未解决，请尽快答复。"))).otherwise("留言详情").alias("留言详情"),
        pl.when(pl.int_range(pl.len()).is_between(5, 7)).then(None).otherwise("留言主题").alias("留言主题"),
        pl.when(last & (pl.int_range(pl.len()).over(last) < 2)).then(pl.lit("May 01 2026 08:00")).otherwise("留言时间").alias("留言时间"))
    assert night(workbook(rows, tmp_path / "3.xlsx"), day=day).row["quarantined"] == 2
    text = (shipped() / "message_board.yaml").read_text(encoding="utf-8")
    (lived.home / "sources").mkdir()
    (lived.home / "sources" / "message_board.yaml").write_text(text.replace("{headers: [留言时间]}", '{headers: [留言时间], formats: ["%b %d %Y %H:%M"]}'))
    assert cli(["quarantine", "replay", "--source", "message_board", "--date", "2026-05-02"]) == 0
    house = opened()
    ids = house.warehouse.read("record")["record_id"]
    stored = house.warehouse.revisions(ids)
    assert stored.filter(pl.col("revision_no") > 1).height >= 5 and set(tables(("v_quarantine",))["v_quarantine"][0]) >= {date(2026, 5, 2)}
    for path in lake_of(house, "revisions")["path"]:
        (house.warehouse.lake.folder / path).write_bytes(b"")
    assert cli(["doctor", "--repair"]) == 0 and house.warehouse.verify() == []
    assert house.warehouse.revisions(ids).drop("issues").equals(stored.drop("issues"))
    house.warehouse.close()


def test_where_landing_was_purged_the_file_is_named_and_stays(lived, capsys):  # noqa: F811
    house = opened()
    hurt = lake_of(house, "revisions")["path"][0]
    for sha256 in house.warehouse.read("batch_input")["sha256"].to_list():
        house.warehouse.landing.remove(sha256)
    (house.warehouse.lake.folder / hurt).write_bytes(b"")
    assert cli(["doctor", "--repair"]) == 1
    assert hurt in capsys.readouterr().err and (house.warehouse.lake.folder / hurt).exists()
    assert [p for p, _ in house.warehouse.verify()] == [hurt]
    house.warehouse.close()


def test_tables_are_held_to_what_the_last_run_left(lived, capsys):  # noqa: F811
    assert cli(["doctor", "--recompute"]) == 0
    warning = tables(("v_warnings",))["v_warnings"][0][0]
    assert cli(["work", warning, "acknowledge", "--by", "desk"]) == 0 and cli(["doctor", "--recompute"]) == 0
    house = opened()
    with writing(house.warehouse.engine) as connection:
        connection.execute(sa.text("update series set observed = observed + 1 where date = '2026-04-30'"))
    house.warehouse.close()
    capsys.readouterr()
    assert cli(["doctor", "--recompute"]) == 1 and "v_series" in capsys.readouterr().err


def test_the_same_inputs_in_another_order_and_split_leave_the_same_digests(lived, board, tmp_path, monkeypatch):  # noqa: F811
    def told():
        house = opened()
        try:
            return {d: json.loads(t) for d, t in house.warehouse.read("select run_date, digests from run where outcome is not null").iter_rows()}
        finally:
            house.warehouse.close()

    one = told()
    enter(monkeypatch, ready_house("sqlite", tmp_path / "other"))
    for day in NIGHTS[:2]:
        mixed = upto(board, day).sample(fraction=1, shuffle=True, seed=5)
        night(*(workbook(mixed[i::3], tmp_path / f"{day}-{i}.xlsx") for i in range(3)), day=day)
    assert told() == one and all(not d["v_records"].startswith("0-") and not d["v_series"].startswith("0-") for d in one.values())
