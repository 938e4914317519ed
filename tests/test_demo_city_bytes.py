"""The same city is the same bytes; what a morning brings is what was known by then."""
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from flows.demo import City
from flows.demo.city import MISSING_FILE, OUTAGE, REPEATED_FILE, SILENT_FROM, SILENT_STREET

WINDOW = {"start": date(2026, 4, 15), "months": 5}


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> City:
    return City(**WINDOW, folder=tmp_path_factory.mktemp("city"))


def read(path) -> pl.DataFrame:
    if path.suffix == ".xlsx":
        return pl.read_excel(path, infer_schema_length=0).cast(pl.String)
    return pl.read_csv(path, infer_schema=False, encoding="utf8")


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> City:
    return City(**WINDOW, dirt=False, folder=tmp_path_factory.mktemp("clean"))


def test_same_seed_same_bytes_and_another_seed_another_city(tmp_path):
    days = [date(2026, 6, 18), date(2026, 6, 19)]
    short = {"start": date(2026, 6, 1), "months": 1}
    first, again, other = (City(**short, seed=s, folder=tmp_path / name) for s, name in ((1, "a"), (1, "b"), (2, "c")))
    for make in (lambda c: c.history(date(2026, 6, 10)), lambda c: [p for d in days for p in c.night(d)]):
        one, two, three = make(first), make(again), make(other)
        assert [p.name for p in one] == [p.name for p in two]
        assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
        assert [p.read_bytes() for p in one] != [p.read_bytes() for p in three]


def test_unknown_size_and_dirt_are_refused():
    with pytest.raises(ValueError, match="village"):
        City(size="village")
    with pytest.raises(ValueError, match="mud"):
        City(dirt=["mud"])


def test_nothing_in_a_clean_file_is_from_after_its_day(clean):
    day = date(2026, 6, 23)
    rows = read(clean.night(day)[0])
    end = datetime.combine(day + timedelta(days=1), datetime.min.time())
    for column in ("来电时间", "派单时间", "签收时间", "办结时间", "回访时间", "更新时间"):
        newest = rows[column].drop_nulls().str.to_datetime("%Y-%m-%d %H:%M:%S").max()
        assert newest < end, column
    assert rows.filter(pl.col("办结时间").is_null())["答复内容"].null_count() == rows.filter(pl.col("办结时间").is_null()).height


def test_history_and_nights_bring_every_record_once_as_new(clean):
    first = date(2026, 6, 10)
    seen: set[str] = set()
    for path in clean.history(first):
        seen |= set(read(path)["工单编号"])
    known = clean.truth.records.filter(pl.col("delivered_on") <= first)
    assert seen == set(known["source_record_id"])
    for k in range(1, 5):
        day = first + timedelta(days=k)
        night = set(read(clean.night(day)[0])["工单编号"])
        new = set(clean.truth.records.filter(pl.col("delivered_on") == day)["source_record_id"])
        assert night - seen == new and new
        assert len(night & seen) > len(new)
        seen |= night


def test_accidents_of_delivery(clean):
    assert clean.night(MISSING_FILE) == []
    before, again = clean.night(REPEATED_FILE - timedelta(days=1))[0], clean.night(REPEATED_FILE)[0]
    assert before.read_bytes() == again.read_bytes() and before.name != again.name
    usual = clean.truth.records.filter(pl.col("delivered_on") == OUTAGE - timedelta(days=7)).height
    outage = clean.truth.records.filter((pl.col("delivered_on") == OUTAGE) & (pl.col("created_at").dt.date() == OUTAGE))
    assert outage.height < 0.45 * usual and outage["created_at"].dt.time().max() < datetime(2026, 1, 1, 9, 40).time()
    silent = clean.truth.records.filter((pl.col("delivered_on") == SILENT_FROM + timedelta(days=2)) & (pl.col("street") == SILENT_STREET))
    assert silent.is_empty()


def test_rename_changes_old_records_and_drops_a_column(clean):
    before, after = (read(clean.night(d)[0]) for d in (date(2026, 6, 30), date(2026, 7, 1)))
    assert "统一社会信用代码" in before.columns and "统一社会信用代码" not in after.columns
    both = before.select("工单编号", pl.col("一级分类").alias("old")).join(after.select("工单编号", pl.col("一级分类").alias("new")), on="工单编号")
    pairs = set(both.unique(["old", "new"]).select("old", "new").rows())
    assert ("预付式消费", "预付卡消费") in pairs and ("食品安全", "食品安全") in pairs
    assert {new for old, new in pairs if old == "网络交易"} == {"网络购物", "直播与平台"}


def test_switched_off_dirt_leaves_no_trace_and_each_kind_leaves_its_own(city, clean, tmp_path):
    assert clean.truth.dirt.is_empty()
    found = city.truth.dirt
    rates = dict(found.group_by("kind").len().with_columns(pl.col("len") / city.cards.height).iter_rows())
    assert 0.002 < rates["mojibake"] < 0.006 and 0.006 < rates["day_only"] < 0.014
    only = City(**WINDOW, dirt=["day_only"], folder=tmp_path)
    assert set(only.truth.dirt["kind"].unique()) == {"day_only"}
    rows = read(only.night(date(2026, 6, 18))[0])
    short = set(rows.filter(pl.col("来电时间").str.len_chars() == 10)["工单编号"])
    labelled = set(only.truth.dirt["source_record_id"])
    assert short == set(rows["工单编号"]) & labelled and short


def test_other_system_has_other_headers_and_units(tmp_path):
    short = {"start": date(2026, 6, 1), "months": 1, "dirt": False}
    day = date(2026, 6, 16)
    a, b = (City(**short, export=e, folder=tmp_path / e) for e in "AB")
    left, right = read(a.night(day)[0]), read(b.night(day)[0])
    assert "登记编号" in right.columns and "工单编号" not in right.columns
    both = left.select("工单编号", pl.col("涉及金额(元)").alias("yuan")).join(
        right.select(pl.col("登记编号").alias("工单编号"), pl.col("消费金额（万元）").alias("wan")), on="工单编号").drop_nulls().cast(
        {"yuan": pl.Float64, "wan": pl.Float64})
    assert both.height and ((both["yuan"] - both["wan"] * 10_000).abs() < 1e-6).all()
