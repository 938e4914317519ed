"""Mapping rows: every header to its column, every broken rule to its code, no row dropped."""
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from sources.mapping import load_mappings
from sources.mapping_rows import map_rows
from sources.reading import RawTable, read_bytes, read_landed
from tests.conftest import shared
from transforms.canonical import MAPPED

MAPPINGS = load_mappings()
MARKET = MAPPINGS["market_supervision"]
NOW = datetime(2026, 11, 25, tzinfo=UTC)
GOOD = {"工单编号": "20261124000001", "来电时间": "2026-11-24 09:30:00", "问题描述": "买到过期面包", "状态": "办理中"}


def mapped(*rows, mapping=MARKET, received=NOW, **kwargs):
    """Rows given as changes to a good one."""
    frame = pl.DataFrame([{**GOOD, **row} for row in rows], infer_schema_length=None).with_columns(pl.all().cast(pl.String))
    raw = RawTable("a.csv", frame.with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias("_row")), **kwargs)
    return map_rows(raw, mapping, received)


def one(mapping=MARKET, **row):
    return mapped(row, mapping=mapping).frame.row(0, named=True)


def codes(result):
    return [[i["code"] for i in issues] for issues in result.frame["issues"].to_list()]


def test_a_good_row_has_every_column_and_nothing_wrong():
    result = mapped({})
    assert result.frame.schema == pl.Schema(MAPPED)
    assert codes(result) == [[]]
    row = result.frame.row(0, named=True)
    assert row["record_id"] == "market_supervision:20261124000001"
    assert row["created_at"] == datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    assert row["local_date"] == date(2026, 11, 24)
    assert (row["status"], row["status_raw"], row["city"], row["district"]) == ("in_hand", "办理中", "北京市", "通州区")
    assert (row["file_name"], row["row_number"]) == ("a.csv", 2)


@pytest.mark.parametrize(("row", "code"), [
    ({"工单编号": ""}, "K01"), ({"工单编号": "无"}, "K01"), ({"工单编号": "2.02611E+17"}, "K02"), ({"工单编号": "'0102"}, "K03"),
    ({"工单编号": "1001.0"}, "K03"),
    ({"来电时间": ""}, "T01"), ({"来电时间": "#####"}, "T01"), ({"来电时间": "11月24日"}, "T01"), ({"来电时间": "2026-11-25 08:11:00"}, "T02"),
    ({"来电时间": "1999-12-31 23:59:00"}, "T03"), ({"来电时间": "2026-11-24"}, "T04"), ({"办结时间": "2026-11-24 09:00:00"}, "T05"),
    ({"来电时间": "46350.5"}, "T06"), ({"派单时间": "2026-11-24 12:00", "签收时间": "2026-11-24 11:00"}, "T09"), ({"诉求类型": "奇谈"}, "D01"),
    ({"状态": "神秘"}, "D02"), ({"经度": "39.9", "纬度": "116.65"}, "G04"), ({"涉及金额": "很多"}, "M01"), ({"涉及金额": "500-800"}, "M02"),
    ({"涉及金额": "-3"}, "M03"),
])
def test_each_rule_speaks_where_it_is_broken_and_nowhere_else(row, code):
    result = mapped({}, row)
    found = codes(result)
    assert code in found[1]
    assert found[0] == []
    assert result.frame.height == 2


def test_receipt_and_a_clock_ten_minutes_ahead():
    assert codes(mapped({"来电时间": "2026-11-25 08:10:00"})) == [[]]
    late = mapped({"来电时间": "2026-11-25 10:00:00"}).frame["issues"].item()[0]
    assert (late["code"], late["found"], late["column"]) == ("T02", "2.0", "来电时间")


def test_an_issue_never_repeats_what_may_be_personal():
    result = mapped({"来电时间": "张三丰 13912345678", "状态": "13912345678", "涉及金额": "电话13912345678"})
    said = str(result.frame["issues"].to_list())
    assert "T01" in said and "D02" in said and "M01" in said
    assert "1391" not in said and "张三" not in said


def test_ids_keep_their_zeros_and_are_text_for_ever():
    assert one(工单编号="000102")["source_record_id"] == "000102"
    assert one(工单编号="　'０１０２\t")["source_record_id"] == "0102"
    assert one(工单编号="1001.0")["record_id"] == "market_supervision:1001"


def test_a_status_follows_from_the_dates_where_the_source_gives_none():
    rows = mapped({"状态": "", "办结时间": "2026-11-24 12:00"}, {"状态": None, "办结时间": ""}, {"状态": "待签收", "办结时间": "2026-11-24 12:00"})
    assert rows.frame["status"].to_list() == ["closed", "open", "dispatched"]


def test_three_valued_answers_lists_and_flags():
    row = one(是否解决="是", 是否响应="未回访", 满意度="非常满意", 协办单位="城管局、公安分局；街道办", 是否匿名="是", 是否职投="否", 来电人标签="重复来电",
              诉求人="保密", 紧急程度="特急", 诉求来源="微信小程序", 诉求类型="投诉件")
    assert (row["solved"], row["responded"], row["satisfied"]) == (True, None, "very")
    assert row["co_units"] == ["城管局", "公安分局", "街道办"]
    assert row["caller_flags"] == ["repeat", "anonymous", "asks_secrecy"]
    assert (row["urgency"], row["channel"], row["record_type"], row["record_type_raw"]) == ("critical", "wechat", "complaint", "投诉件")
    assert row["caller_name"] is None
    assert one(是否解决="否")["solved"] is False


def test_amounts_take_the_unit_of_their_header():
    text = "工单编号,来电时间,问题描述,涉及金额（万元）,挽回损失(元)\n1,2026-11-24 09:30,x,1.2,300\n"
    result = map_rows(read_bytes(text.encode(), "a.csv", MARKET), MARKET, NOW)
    assert result.frame.select("amount_claimed", "amount_recovered").row(0) == (Decimal("12000.00"), Decimal("300.00"))
    assert [f.code for f in result.findings] == ["H05"]
    assert one(涉及金额="0")["amount_claimed"] == Decimal("0.00")
    assert one(涉及金额="")["amount_claimed"] is None


def test_texts_stay_as_written_but_for_missing_spellings():
    text = "　第一行\t\n“第二行”ＡＢＣ １３９ "
    row = one(问题描述=text, 标题="无", 答复内容="--")
    assert (row["content"], row["title"], row["reply"]) == (text, None, None)


def test_a_day_may_begin_at_another_hour():
    early = MARKET.model_copy(update={"day_starts_at": "08:00"})
    dates = [one(mapping=early, 来电时间=t)["local_date"] for t in ("2026-11-24 07:59:00", "2026-11-24 08:00:00")]
    assert dates == [date(2026, 11, 23), date(2026, 11, 24)]


def test_a_row_with_the_wrong_number_of_fields_says_only_that():
    raw = read_bytes("工单编号,来电时间,问题描述\n7,2026-11-24 09:30\n8,2026-11-24 09:30,x\n".encode(), "a.csv", MARKET)
    result = map_rows(raw, MARKET, NOW)
    assert codes(result) == [["F01"], []]
    issue = result.frame["issues"].to_list()[0][0]
    assert (issue["found"], issue["expected"]) == ("2", "3")
    assert result.frame.select("source_record_id", "created_at").row(0) == ("7", None)


def test_numbers_that_lost_their_end_withhold_the_batch():
    cut = mapped(*({"工单编号": f"2026112400000{i}000"} for i in range(3)))
    assert [(f.code, f.effect, f.column) for f in cut.findings] == [("K04", "W", "工单编号")]
    assert mapped(*({"工单编号": f"20261124000000{i}12"} for i in range(3))).findings == []


def test_day_and_month_in_conflict_withhold_the_batch():
    nyc = MAPPINGS["nyc_311"]
    head = "Unique Key,Created Date,Complaint Type,Status\n"
    rows = "".join(f"{i},{d}/03/2021 10:00:00 AM,Noise,Open\n" for i, d in enumerate((1, 2, 13, 14), 100_000))
    swapped = map_rows(read_bytes((head + rows).encode(), "a.csv", nyc), nyc, NOW)
    assert [f.code for f in swapped.findings] == ["T08"]
    assert codes(swapped)[2] == ["T01"]
    once = map_rows(read_bytes((head + rows.replace("14/03", "03/14")).encode(), "a.csv", nyc), nyc, NOW)
    assert once.findings == []


def test_a_workbooks_column_of_midnights_has_no_hours():
    rows = [{"来电时间": f"2026-11-{d} 00:00:00"} for d in (20, 21)]
    assert mapped(*rows, kind="workbook").frame["created_precision"].to_list() == ["day", "day"]
    assert mapped(*rows).frame["created_precision"].to_list() == ["second", "second"]
    assert mapped(*rows, {}, kind="workbook").frame["created_precision"].to_list() == ["second"] * 3


def test_order_of_rows_and_columns_changes_nothing_but_their_place():
    rows = [{"工单编号": f"{i:014}", "来电时间": f"2026-11-{i % 20 + 1} 10:0{i % 10}", "涉及金额": f"{i}00", "状态": "办结"} for i in range(1, 30)]
    first = mapped(*rows).frame.drop("row_number").sort("record_id")
    again = mapped(*({k: r[k] for k in reversed(r)} for r in reversed(rows))).frame.drop("row_number").sort("record_id")
    assert first.equals(again)


def test_a_source_without_numbers_derives_them_and_a_users_own_values_come_first():
    own = MARKET.model_copy(update={"derive": ["created_at", "content"],
                                    "columns": {k: v for k, v in MARKET.columns.items() if k != "source_record_id"} | {
                                        "status": MARKET.columns["status"].model_copy(update={"values": {"神秘": "suspended"}})}})
    rows = mapped({"状态": "神秘"}, {"状态": "神秘"}, {"问题描述": "别的"}, mapping=own).frame
    assert rows["source_record_id"].null_count() == 0
    assert rows["record_id"].n_unique() == 2
    assert rows["status"].to_list() == ["suspended", "suspended", "in_hand"]


def test_empty_tables_map_to_empty_frames():
    raw = read_bytes("工单编号,来电时间,问题描述\n".encode(), "a.csv", MARKET)
    result = map_rows(raw, MARKET, NOW)
    assert result.frame.is_empty()
    assert result.frame.schema == pl.Schema(MAPPED)


def test_no_dates_at_all_quarantine_every_row():
    assert codes(mapped({"来电时间": ""}, {"来电时间": None})) == [["T01"], ["T01"]]


def test_the_message_board_as_it_is():
    board = MAPPINGS["message_board"]
    result = map_rows(read_landed(shared("data", "message_board_2019_q1_q3.xlsx"), "b.xlsx", board), board, NOW)
    assert result.frame.height == 3304
    assert result.frame["issues"].list.len().sum() == 0
    assert result.frame["created_at"].null_count() == 0
    assert result.frame["caller_account"].null_count() == 0
    places = set(result.frame["district"].drop_nulls())
    assert {"A3区", "A7县", "A9市"} <= places
    assert set(result.frame["city"]) == {"A市"}


def test_queens_as_it_is():
    nyc = MAPPINGS["nyc_311"]
    raw = read_landed(shared("data", "queens_311_2020_2021.csv.gz"), "q.csv.gz", nyc)
    assert (raw.frame.height, raw.not_records, raw.findings) == (67_729, 0, [])
    result = map_rows(raw, nyc, NOW)
    frame = result.frame
    assert frame.height == 67_729
    found = frame["issues"].explode().struct.field("code").drop_nulls().value_counts()
    assert dict(found.rows()) == {"T05": 24, "T07": 2}
    assert set(frame["status"]) == {"closed", "in_hand", "open", "dispatched"}
    assert frame["street"].str.contains("^[A-Z]+$").sum() == 0
    assert frame["content"].null_count() == 0
    assert frame.select(pl.col("content").eq(pl.col("reply")).any()).item() is False
    assert (frame["closed_at"] - frame["created_at"]).min() < timedelta(0)
    assert sum(v is None for v in (f.column for f in result.findings)) == 0
