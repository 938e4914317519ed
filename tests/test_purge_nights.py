"""Purging a house that has seen nights: landing goes by the days that its files were of, and what is gone stays gone."""
from datetime import date

import polars as pl

from flows.cli import run as cli
from tests.boards import workbook
from tests.engines import ready_house
from tests.houses import NIGHTS, board, enter, lived, night, opened, tables, upto  # noqa: F401


def test_files_of_older_days_leave_landing_and_nothing_of_them_comes_back(board, tmp_path, monkeypatch):  # noqa: F811
    settings = ready_house("sqlite", tmp_path / "weisu")
    enter(monkeypatch, settings)
    old = workbook(board.filter(pl.col("留言时间") < "2026/04/20"), tmp_path / "march.xlsx")
    new = workbook(upto(board, NIGHTS[0]).filter(pl.col("留言时间") >= "2026/04/20"), tmp_path / "april.xlsx")
    night(old, kind="ingest", day=date(2026, 4, 19))
    night(new, day=NIGHTS[0])
    landed = lambda: [p.name for p in (settings.home / "landing").glob("??/*") if not p.suffix]
    (both, first) = (len(landed()), min(r[5] for r in tables(("v_records",))["v_records"]))
    assert cli(["purge", "--before", "2026-04-20", "--reason", "retention", "--yes"]) == 0
    assert (both, len(landed())) == (2, 1) and "purge" in (settings.home / "access.log").read_text()
    left = tables(("v_records",))
    assert first < min(r[5] for r in left["v_records"])
    night(old, new, day=NIGHTS[0])
    assert [r[0] for r in tables(("v_records",))["v_records"]] == [r[0] for r in left["v_records"]] and len(landed()) == 1


def test_a_caller_goes_with_the_incidents_that_were_theirs_alone(lived, board, tmp_path):  # noqa: F811
    house = opened()
    who = house.warehouse.read("select caller_key from record where incident_id is not null order by record_id desc limit 1")["caller_key"][0]
    ids = house.warehouse.read("select record_id, incident_id from record where caller_key = :w", w=who)
    kept = house.warehouse.read("select caller_key from record").height - ids.height
    house.warehouse.close()
    assert cli(["purge", "--caller", who, "--reason", "asked for it", "--yes"]) == 0
    night(workbook(upto(board, NIGHTS[2]), tmp_path / "again.xlsx"), day=NIGHTS[2])
    house = opened()
    left = house.warehouse.read("record")
    assert left.filter(pl.col("caller_key") == who).is_empty() and left.height >= kept
    counted = left.filter(pl.col("incident_id").is_not_null()).group_by("incident_id").len("now")
    told = house.warehouse.read("incident").filter(pl.col("merged_into").is_null()).join(counted, on="incident_id", how="left")
    wrong = told.filter(pl.col("incident_id").is_in(ids["incident_id"].drop_nulls().implode()) & (pl.col("n_records") != pl.col("now").fill_null(0)))
    house.warehouse.close()
    assert wrong.is_empty()
