"""The doctor: a damaged lake file is named and restored from landing, what can't be is said; tables are held to the digests of the run log."""
import json

import polars as pl
import sqlalchemy as sa

from flows.cli import run as cli
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
    counts = lake_of(house, "counts")["path"][0]
    counted = house.warehouse.counts(house.warehouse.batches()["as_of"].max())
    lake = house.warehouse.lake.folder
    (lake / hurt).write_bytes((lake / hurt).read_bytes()[:-9] + b"damage!!!")
    (lake / gone).unlink()
    (lake / counts).write_bytes(b"")
    assert cli(["doctor"]) == 1 and hurt in capsys.readouterr().err
    assert cli(["doctor", "--repair"]) == 0
    told = capsys.readouterr().err
    assert told.count("逐字节") == 3, told
    assert house.warehouse.verify() == []
    assert house.warehouse.as_of(house.warehouse.batches()["as_of"].max()).collect().drop("issues").equals(then.drop("issues"))
    assert house.warehouse.counts(house.warehouse.batches()["as_of"].max()).equals(counted)
    assert "doctor --repair" in house.warehouse.access.path.read_text()
    house.warehouse.close()
    assert cli(["doctor"]) == 0


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
