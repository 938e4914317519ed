"""A delivery worked slice by slice comes to the same as one worked whole, and leaves nothing aside."""
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.intake import Delivery, take_in
from sources.mapping import load_mappings
from warehouse.aside import Aside, by_record, slices
from warehouse.landing import Landing
from warehouse.settings import Settings
from warehouse.store import Warehouse

SOURCE = "market_supervision"
RECEIVED = datetime(2026, 6, 20, tzinfo=UTC)
COPIED = "市民反映该店长期占道经营，多次反映未果，希望有关部门尽快处理此事。"


def delivered(n: int = 40, phones: bool = True, streets: bool = True, cut: bool = True) -> pl.DataFrame:
    """Rows as the source exports them: copied texts far apart, a number that comes twice, one without, cut and masked texts."""
    day = datetime(2026, 6, 1, 9)
    rows = [{"工单编号": f"90112{i % (n - 3):014d}" if i != 5 else None, "诉求来源": "电话", "诉求类型": "投诉",
             "来电时间": f"{day + timedelta(hours=5 * i):%Y-%m-%d %H:%M:%S}", "标题": f"第{i}件",
             "问题描述": COPIED if i % 6 == 0 else f"我叫王伟芳，电话1390000{i:04d}，第{i}次反映电梯停运，地点在新华街道。", "一级分类": "公共服务",
             "联系电话": f"1380000{i:04d}" if phones and i % 4 else None, "街道": "新华街道" if streets and i % 3 else None,
             "状态": "已办结" if i % 2 else "办理中", "办结时间": f"{day + timedelta(days=20):%Y-%m-%d %H:%M:%S}" if i % 2 else None,
             "答复内容": "已处理" if i % 2 else None} for i in range(n)]
    rows[2]["问题描述"] = "长" * 255
    if cut:
        rows[n - 2]["问题描述"] = "长" * 500
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(rows[0], pl.String))


def written(frame: pl.DataFrame, folder: Path, *ends: int) -> list[Path]:
    """The rows as CSV files that end at these rows."""
    paths = []
    for i, (start, end) in enumerate(zip((0, *ends), (*ends, frame.height), strict=True)):
        paths.append(folder / f"part{i}.csv")
        frame.slice(start, end - start).write_csv(paths[-1])
    return paths


def intake(paths: list[Path], home: Path, slice_rows: int, aside: Aside | None = None):
    landing = Landing(home)
    landed = [landing.land(p, SOURCE, received_at=RECEIVED) for p in paths]
    return take_in(load_mappings()[SOURCE], Delivery(SOURCE, tuple(paths)), landed, b"key", aside=aside, slice_rows=slice_rows)


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort("file_name", "row_number")


@pytest.mark.parametrize("shape", [{}, {"phones": False, "cut": False}, {"streets": False}], ids=["whole", "no phones", "no streets"])
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 50), hold=st.integers(0, 60))
def test_any_size_of_slice_gives_the_same_intake(tmp_path, shape, size, hold):
    paths = written(delivered(**shape), tmp_path, 13, 15)
    whole, sliced = intake(paths, tmp_path / "home", 1000), intake(paths, tmp_path / "home", size, Aside(tmp_path / "aside", hold))
    assert_frame_equal(in_order(whole.sound), in_order(sliced.sound))
    assert_frame_equal(in_order(whole.quarantined), in_order(sliced.quarantined))
    for what in ("rows_read", "n_sound", "not_records", "repairs", "headers", "findings", "codes", "profile"):
        a, b = getattr(whole, what), getattr(sliced, what)
        assert (a() if callable(a) else a) == (b() if callable(b) else b), what
    ids = [set(part["record_id"]) for part in sliced.sound_parts()]
    assert sum(map(len, ids)) == len(set().union(*ids))


def test_the_rules_that_look_across_the_batch_speak_in_slices_too(tmp_path):
    found = intake(written(delivered(), tmp_path), tmp_path / "home", 4).codes()
    assert found["C06"] == 6 and found["C05"] == 1 and found["P03"] > 5 and found["K01"] == 1


def test_slices_keep_every_row_in_order_and_a_record_has_one_place():
    frames = [pl.DataFrame({"record_id": [f"r{i % 7}" for i in range(a, b)], "n": range(a, b)}) for a, b in ((0, 3), (3, 3), (3, 20), (20, 22))]
    whole = pl.concat(frames)
    for size in (1, 4, 5, 22, 100):
        made = list(slices(frames, size))
        assert pl.concat(made).equals(whole) and {f.height for f in made[:-1]} <= {size}
    parts = by_record(whole, 3)
    assert pl.concat(parts).sort("n").equals(whole)
    assert sum(p["record_id"].n_unique() for p in parts) == 7


def test_what_a_killed_run_kept_aside_is_swept_by_the_next(tmp_path):
    house = Warehouse(Settings(home=tmp_path, database_url=""))
    folder = house.lake.aside("killed")
    kept = Aside(folder, hold=0).put(delivered())
    assert kept.collect().equals(delivered()) and folder.stat().st_mode & 0o077 == 0
    house.lake.sweep(lambda paths: set(paths))
    assert not folder.exists()


def test_a_history_load_in_slices_publishes_the_same_tables_and_leaves_nothing_aside(tmp_path, monkeypatch):
    from flows.running import House
    from tests.test_nights import run, tables
    monkeypatch.setenv("WEISU_DATABASE_URL", "")
    monkeypatch.setenv("WEISU_SECRET", "secret")
    first = delivered()
    later = first.with_columns(pl.lit("已办结").alias("状态"), pl.lit("2026-06-18 09:00:00").alias("办结时间"))
    told = []
    for size in ("7", "1000"):
        home = tmp_path / size
        home.mkdir()
        monkeypatch.setenv("WEISU_HOME", str(home))
        monkeypatch.setenv("WEISU_SLICE_ROWS", size)
        day = datetime(2026, 6, 10).date()
        assert run("ingest", inputs={SOURCE: [str(p) for p in written(first, home, 20)]}, date=day, history=True).row["rows_read"] == 40
        run("ingest", inputs={SOURCE: [str(p) for p in written(later, home, 11)]}, date=day + timedelta(days=9))
        house = House.open()
        told.append((tables(("v_records", "v_quarantine")), house.warehouse.read("revision").rows(),
                     house.warehouse.read("batch").drop("batch_id", "run_id").rows(),
                     house.warehouse.as_of(datetime(2027, 1, 1, tzinfo=UTC)).collect().rows()))
        house.warehouse.close()
        assert not list((home / "lake").glob(".aside/*-rows"))
    assert told[0] == told[1]
