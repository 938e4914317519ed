"""Single values: times, amounts, phones, numbers, missing spellings, whatever form they come in."""
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.field_coordinates import is_swapped, to_wgs84
from sources.field_ids import derived_ids, share_cut
from sources.field_missing import blank_missing, shape_of
from sources.field_money import parse_money
from sources.field_phones import parse_phones
from sources.field_times import TimeForm, parse_times

PEKING = TimeForm("Asia/Shanghai")
US = TimeForm("America/New_York", ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "%m/%d/%Y"))


def local(text, form=PEKING):
    """(local time as text, precision) or the problem of one text."""
    read = parse_times(pl.Series([text], dtype=pl.String), form).row(0, named=True)
    if read["at"] is None:
        return read["problem"]
    return read["at"].astimezone(ZoneInfo(form.zone)).strftime("%Y-%m-%d %H:%M:%S"), read["precision"]


@pytest.mark.parametrize(("text", "said"), [
    ("2019/2/28 11:25:05", ("2019-02-28 11:25:05", "second")), ("2019-07-11 09:32:09", ("2019-07-11 09:32:09", "second")),
    ("2026年11月24日9时30分", ("2026-11-24 09:30:00", "minute")), ("2026年11月24日 9时30分15秒", ("2026-11-24 09:30:15", "second")),
    ("2026.11.24", ("2026-11-24 00:00:00", "day")), ("20261124", ("2026-11-24 00:00:00", "day")),
    ("20261124093015", ("2026-11-24 09:30:15", "second")), ("2026-11-24 00:00:00", ("2026-11-24 00:00:00", "second")),
    ("46350", ("2026-11-24 00:00:00", "day")), ("46350.395833333", ("2026-11-24 09:30:00", "second")),
    ("1795483800", ("2026-11-24 09:30:00", "second")), ("1795483800123", ("2026-11-24 09:30:00", "second")),
    ("2026-11-24 下午3:05", ("2026-11-24 15:05:00", "minute")), ("2026-11-24 上午12:40", ("2026-11-24 00:40:00", "minute")),
    ("2026-11-24 下午12:40", ("2026-11-24 12:40:00", "minute")), ("2026年11月24日晚上12点", ("2026-11-25 00:00:00", "minute")),
    ("2026-11-24 9:30 PM", ("2026-11-24 21:30:00", "minute")), ("２０２６－１１－２４　０９：３０", ("2026-11-24 09:30:00", "minute")),
    ("2026-11-24T01:30:00Z", ("2026-11-24 09:30:00", "second")), ("2026-11-24 09:30:00-05:00", ("2026-11-24 22:30:00", "second")),
    ("2026-11-24 09:29:59.999995", ("2026-11-24 09:30:00", "second")), ("'2026-11-24 24:00", ("2026-11-25 00:00:00", "minute")),
    ("11月24日", "no year"), ("#####", "column too narrow"), ("00:00.0", "column too narrow"), ("0000-00-00 00:00:00", "missing"),
    ("1900-01-00", "missing"), ("9999-12-31", "missing"), ("1970-01-01 08:00:00", "missing"), ("", "missing"), ("不详", "missing"),
    ("2026-02-30", "unreadable"), ("2026-11-24 25:00", "unreadable"), ("昨天", "unreadable"), ("2026-13-01", "unreadable"), (None, "missing"),
])
def test_times(text, said):
    assert local(text) == said


@pytest.mark.parametrize(("text", "said"), [
    ("01/01/2020 12:40:00 AM", ("2020-01-01 00:40:00", "second")), ("07/31/2021 12:05:00 PM", ("2021-07-31 12:05:00", "second")),
    ("10/31/2017 8:45", ("2017-10-31 08:45:00", "minute")), ("10/31/2017", ("2017-10-31 00:00:00", "day")), ("31/10/2017", "unreadable"),
])
def test_american_times(text, said):
    assert local(text, US) == said


def test_1904_workbooks_count_from_another_day():
    assert local("44888", TimeForm("Asia/Shanghai", excel_1904=True)) == ("2026-11-24 00:00:00", "day")


def test_a_value_that_two_forms_read_differently_is_not_guessed():
    both = TimeForm("Asia/Shanghai", ("%m/%d/%Y", "%d/%m/%Y"))
    assert local("03/04/2026", both) == "ambiguous"
    assert local("13/04/2026", both)[0] == "2026-04-13 00:00:00"
    assert local("04/04/2026", both)[0] == "2026-04-04 00:00:00"


def test_clock_changes_take_the_first_hour_or_the_next_and_say_so():
    read = parse_times(pl.Series(["11/01/2020 01:30:00 AM", "03/08/2020 02:30:00 AM", "03/08/2020 03:30:00 AM"]), US)
    assert read["at"].dt.strftime("%H:%M").to_list() == ["05:30", "07:30", "07:30"]
    assert read["shifted"].to_list() == [True, True, False]


@settings(max_examples=25)
@given(st.lists(st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)), min_size=1, max_size=20),
       st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y年%m月%d日%H时%M分%S秒", "%Y%m%d%H%M%S", "%Y.%m.%d %H:%M:%S", "serial", "unix"]))
def test_a_written_time_is_read_back_whatever_the_form_and_its_neighbours(moments, form):
    moments = [m.replace(microsecond=0) for m in moments]
    if form == "serial":
        texts = [repr((m - datetime(1899, 12, 30)) / timedelta(days=1)) for m in moments]
    elif form == "unix":
        texts = [str(int(m.replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp())) for m in moments]
        moments = [m if int(t) >= 1_000_000_000 else None for m, t in zip(moments, texts)]
    else:
        texts = [m.strftime(form) for m in moments]
    read = parse_times(pl.Series(texts), PEKING)["at"].dt.convert_time_zone("Asia/Shanghai").dt.replace_time_zone(None).to_list()
    assert [r for r, m in zip(read, moments) if m] == [m for m in moments if m]


@pytest.mark.parametrize(("text", "yuan"), [
    ("1,200", "1200"), ("1.2万", "12000"), ("1万2", "12000"), ("3千八", "3800"), ("五千元", "5000"), ("¥1200", "1200"), ("1200RMB", "1200"),
    ("人民币叁仟元整", "3000"), ("约500", "500"), ("500左右", "500"), ("１２００", "1200"), ("￥１，２００．５０", "1200.50"), ("0", "0"),
    ("十二万五千", "125000"),
    ("一万二", "12000"), ("一万零二", "10002"), ("12元5角", "12.50"), ("1亿", "100000000"), ("3万元", "30000"), ("2000余元", "2000"), ("12块8", "12.80"),
])
def test_amounts(text, yuan):
    assert parse_money(pl.Series([text])).row(0) == (Decimal(yuan).quantize(Decimal("0.01")), False, False, False)


@pytest.mark.parametrize(("text", "row"), [
    ("500-800", (Decimal("500.00"), False, True, False)), ("1-2万", (Decimal("10000.00"), False, True, False)),
    ("500至800元", (Decimal("500.00"), False, True, False)), ("几百块", (None, False, False, False)), ("无", (None, False, False, False)),
    ("98 00", (None, True, False, False)), ("很多", (None, True, False, False)), ("-5", (Decimal("-5.00"), False, False, True)),
    ("100000001", (Decimal("100000001.00"), False, False, True)), ("9" * 15, (None, True, False, True)), (None, (None, False, False, False)),
])
def test_amounts_that_are_flagged(text, row):
    assert parse_money(pl.Series([text], dtype=pl.String)).row(0) == row


def test_a_cells_own_unit_comes_before_the_headers():
    assert parse_money(pl.Series(["1.2", "12000元", "3万"]), "万元")["amount"].to_list() == [Decimal("12000.00"), Decimal("12000.00"), Decimal("30000.00")]


@pytest.mark.parametrize(("text", "digits"), [
    ("+86 139-1234-5678", "13912345678"), ("0086 13912345678", "13912345678"), ("8613912345678", "13912345678"), ("13912345678.0", "13912345678"),
    ("010-69551234转8012", "01069551234"), ("(010)6955 1234", "01069551234"), ("010-69551234/13912345678", "13912345678"),
    ("13912345678、13812345678", "13912345678"), ("13912345678 13812345678", "13912345678"), ("１３９１２３４５６７８", "13912345678"),
    ("013912345678", "13912345678"), ("(212) 639-9675", "2126399675"), ("139****5678", None), ("1.39E+10", None), ("12345", None),
    ("11111111111", None), ("保密", None), ("无", None), ("110", None), ("", None), (None, None), ("6", None),
])
def test_phones(text, digits):
    assert parse_phones(pl.Series([text], dtype=pl.String)).to_list() == [digits]


def test_missing_spellings_are_null_and_values_stay():
    words = ["　", "--", "—", "/", "无", "N/A", "NULL", "nan", "Unspecified", "不详", "＃Ｎ／Ａ", " 暂无 ", "否", "0", "N", "其他", "无锡小笼包"]
    frame = pl.DataFrame({"w": words})
    assert frame.select(blank_missing(pl.col("w")))["w"].drop_nulls().to_list() == ["否", "0", "N", "其他", "无锡小笼包"]
    assert frame.select(blank_missing(pl.col("w"), classes=True))["w"].drop_nulls().to_list() == ["否", "0", "N", "无锡小笼包"]
    assert frame.select(blank_missing(pl.col("w"), ("0",)))["w"].drop_nulls().to_list() == ["否", "N", "其他", "无锡小笼包"]


@given(st.text(max_size=40))
def test_the_shape_of_a_value_says_nothing_of_it(text):
    shape = pl.DataFrame({"t": [text]}, schema={"t": pl.String}).select(shape_of(pl.col("t")))["t"].item()
    assert not set("012345678") & set(shape)
    assert not [c for c in shape if c.isalpha() and c not in "a字年月日时分秒上下午"]


def test_swapped_coordinates_and_datums():
    frame = pl.DataFrame({"lon": [39.9, 116.65, -73.9, 40.7], "lat": [116.65, 39.9, 40.7, -73.9]})
    assert frame.select(is_swapped(pl.col("lon"), pl.col("lat"))).to_series().to_list() == [True, False, False, False]
    # Tiananmen: GCJ-02 and BD-09 as map services give them, against WGS-84.
    for datum, (lon, lat) in {"GCJ-02": (116.397477, 39.908692), "BD-09": (116.403857, 39.915031)}.items():
        x, y = pl.DataFrame({"lon": [lon], "lat": [lat]}).select(
            *(e.alias(n) for e, n in zip(to_wgs84(pl.col("lon"), pl.col("lat"), datum), ("x", "y")))).row(0)
        assert (x, y) == pytest.approx((116.39123, 39.90729), abs=1e-4)


def test_numbers_cut_by_a_spreadsheet_show_in_their_ends():
    assert share_cut(pl.Series(["202611240000000000", "202611240000001000", "1001", None])) == (1.0, 2)
    assert share_cut(pl.Series(["202611240000000123", "202611240000001000"])) == (0.5, 2)
    assert share_cut(pl.Series(["1000", None])) == (0.0, 0)


def test_derived_numbers_depend_on_the_row_alone():
    frame = pl.DataFrame({"a": ["x", "y", "x", None], "b": ["1", "2", "1", "1"]})
    numbers = derived_ids(frame, ["a", "b"]).to_list()
    assert numbers[0] == numbers[2] != numbers[1]
    assert derived_ids(frame.reverse(), ["a", "b"]).to_list() == numbers[::-1]
    assert parse_times(pl.Series([], dtype=pl.String), PEKING).height == 0
    assert parse_times(pl.Series(["2026-11-24 09:30"]), PEKING)["at"].item() == datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
