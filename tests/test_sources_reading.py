"""Reading: the same records out of every kind of file, and every bad file refused by the rule that fits it."""
import gzip
import io
import json
import sqlite3
import zipfile
from datetime import datetime

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from sources import RefusedInput
from sources.check import fit
from sources.mapping import load_mappings
from sources.query import read_query
from sources.reading import read_bytes, read_landed
from tests.conftest import shared

MAPPINGS = load_mappings()
MARKET = MAPPINGS["market_supervision"]
HEADER = ["工单编号", "来电时间", "问题描述", "状态"]
ROWS = [["20261124000001", "2026-11-24 09:30:00", "买到过期面包", "办理中"],
        ["20261124000002", "2026-11-24 10:05:00", "电梯停运，\n老人“上下楼”困难", "办结"]]


def csv_text(rows=ROWS, header=HEADER, sep=","):
    quoted = [[f'"{c}"' if "\n" in c or sep in c else c for c in row] for row in [header, *rows]]
    return "\n".join(sep.join(row) for row in quoted) + "\n"


def workbook(rows, options=None, hidden=(), sheets=("Sheet1",)):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, **(options or {})})
    moment = book.add_format({"num_format": "yyyy/m/d h:mm"})
    for name in sheets:
        sheet = book.add_worksheet(name)
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(i, j, cell, moment)
                elif cell is not None:
                    sheet.write(i, j, cell)
        for i in hidden:
            sheet.set_row(i, None, None, {"hidden": True})
    book.close()
    return out.getvalue()


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def html_page():
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in [HEADER, *ROWS])
    return f"<html><head><meta charset='gbk'></head><body><table>{body}</table></body></html>".encode("gb18030")


def parquet():
    out = io.BytesIO()
    pl.DataFrame(ROWS, schema=HEADER, orient="row").write_parquet(out)
    return out.getvalue()


def xml_2003():
    rows = "".join("<Row>" + "".join(f'<Cell><Data ss:Type="String">{c}</Data></Cell>' for c in row) + "</Row>" for row in [HEADER, *ROWS])
    return ('<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
            'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="a"><Table>' + rows + "</Table></Worksheet></Workbook>").encode()


FORMS = {
    "utf-8": (csv_text().encode(), "a.csv"), "bom": (b"\xef\xbb\xbf" + csv_text().encode(), "a.csv"),
    "gb18030": (csv_text().encode("gb18030"), "a.csv"), "utf-16": (("\ufeff" + csv_text(sep="\t")).encode("utf-16-le"), "a.txt"),
    "utf-16-be": (("\ufeff" + csv_text(sep="\t")).encode("utf-16-be"), "a.txt"),
    "semicolon": (csv_text(sep=";").encode(), "a.csv"), "bar": (csv_text(sep="|").encode(), "a.csv"),
    "gzip": (gzip.compress(csv_text().encode()), "a.csv.gz"), "zip": (zipped(**{"a.csv": csv_text()}), "a.zip"),
    "misread": (csv_text().encode("gb18030").decode("latin-1").encode(), "a.csv"),
    "misread again": (csv_text().encode().decode("latin-1").encode(), "a.csv"),
    "crlf": (csv_text().replace("\n", "\r\n").replace("，\r\n", "，\n").encode(), "a.csv"),
    "xlsx": (workbook([HEADER, *ROWS]), "a.xlsx"), "xlsx named csv": (workbook([HEADER, *ROWS]), "a.csv"),
    "html named xls": (html_page(), "a.xls"), "2003 xml": (xml_2003(), "a.xls"), "parquet": (parquet(), "a.parquet"),
    "jsonl": ("\n".join(json.dumps(dict(zip(HEADER, r)), ensure_ascii=False) for r in ROWS).encode(), "a.jsonl"),
    "json": (json.dumps([dict(zip(HEADER, r)) for r in ROWS]).encode(), "a.json"),
    "columns in another order": (csv_text([r[::-1] for r in ROWS], HEADER[::-1]).encode(), "a.csv"),
    "title above": (workbook([["诉求查询明细结果"], [], HEADER, *ROWS]), "a.xlsx"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_records(form):
    data, name = FORMS[form]
    raw = read_bytes(data, name, MARKET)
    assert raw.frame.select(HEADER).rows() == [tuple(r) for r in ROWS]
    assert all(t == pl.String for t in raw.frame.select(HEADER).dtypes)


BAD = {
    "nothing": (b"", "a.xlsx", "E05"), "white space": (b" \r\n ", "a.csv", "E05"), "pdf": (b"%PDF-1.7 x", "a.xlsx", "E04"),
    "cut workbook": (workbook([HEADER, *ROWS])[:3000], "a.xlsx", "E05"), "cut gzip": (gzip.compress(csv_text().encode())[:40], "a.csv.gz", "E05"),
    "cut parquet": (parquet()[:-6], "a.parquet", "E05"), "no encoding": (bytes(range(128, 256)) * 9, "a.csv", "E01"),
    "bytes": (bytes(range(256)), "a.csv", "E01"), "utf-16 cut": (("\ufeff" + csv_text()).encode("utf-16-le")[:-1], "a.txt", "E01"),
    "text named xlsx": (b"a,b\n1,2\n", "a.xlsx", "E04"),
    "password": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "E06"),
    "old and broken": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000), "a.xls", "E04"),
    "zip in zip": (zipped(**{"b.zip": zipped(**{"a.csv": csv_text()})}), "a.zip", "E06"), "unsafe": (zipped(**{"..__a.csv": csv_text()}), "a.zip", "E06"),
    "absolute": (zipped(**{"__etc__a.csv": csv_text()}), "a.zip", "E06"), "empty zip": (zipped(), "a.zip", "E05"),
    "header gone": (csv_text(header=["工单编号", "某列", "问题描述", "状态"]).encode(), "a.csv", "H01"),
    "no header": (csv_text(header=ROWS[0]).encode(), "a.csv", "H01"),
    "two of one": (csv_text(header=["工单编号", "来电时间", "问题描述", "登记时间"]).encode(), "a.csv", "H02"),
    "one twice": (csv_text(header=["工单编号", "来电时间", "问题描述", "来电时间"]).encode(), "a.csv", "H02"),
    "mojibake beyond repair": (csv_text().encode().decode("gb18030", errors="replace").encode(), "a.csv", "E01"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_its_name_and_what_to_do(case):
    data, name, code = BAD[case]
    with pytest.raises(RefusedInput) as caught:
        read_bytes(data, name, MARKET)
    first = caught.value.findings[0]
    assert first.code == code
    assert first.file == name
    assert first.advice
    assert all(f.effect == "X" for f in caught.value.findings)


def test_a_refusal_repeats_no_cell_of_a_row():
    with pytest.raises(RefusedInput) as caught:
        read_bytes("张三丰,13912345678,住在某处\n李四,13812345678,别处\n".encode(), "a.csv", MARKET)
    assert "13912345678" not in str(caught.value)
    assert "张三丰" not in str(caught.value)


def test_a_header_without_rows_is_an_empty_table():
    for data, name in ((csv_text([]).encode(), "a.csv"), (workbook([HEADER]), "a.xlsx")):
        raw = read_bytes(data, name, MARKET)
        assert raw.frame.height == 0
        assert set(HEADER) <= set(raw.frame.columns)
        assert not [f for f in raw.findings if f.effect in "XW"]


def test_rows_that_are_no_records_are_counted_and_a_stated_total_is_checked():
    rows = [*ROWS, [""] * 4, HEADER, ["20261124000003", "2026-11-24 11:00:00", "合计多收了钱", "办结"], ["合计", "3条", "", ""],
            ["制表人：某某", "", "", ""], ["导出时间", "2026-11-25", "", ""]]
    raw = read_bytes(csv_text(rows).encode(), "a.csv", MARKET)
    assert raw.frame["工单编号"].to_list() == ["20261124000001", "20261124000002", "20261124000003"]
    assert raw.not_records == 5
    assert raw.stated_total == 3
    assert [f.code for f in raw.findings] == ["F04"]
    short = read_bytes(csv_text([*ROWS, ["共 120 条", "", "", ""]]).encode(), "a.csv", MARKET)
    assert {f.code: dict(f.values) for f in short.findings}["F05"] == {"a": 120, "b": 2}


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 0, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]])
def test_a_record_whose_text_begins_like_a_summary_is_kept_wherever_its_columns_stand(order):
    rows = [*ROWS, ["", "2026-11-24 09:30:00", "合计多收了钱", "办结"], ["9", "", "总计不对", "办结"], ["8", "2026-11-24 09:30:00", "共 3 件衣服", "办结"]]
    total = ["合计", "共 5 条", "", ""]
    text = csv_text([*([r[i] for i in order] for r in rows), total], [HEADER[i] for i in order])
    raw = read_bytes(text.encode(), "a.csv", MARKET)
    assert (raw.frame.height, raw.not_records, raw.stated_total) == (5, 1, 5)


def test_a_sum_of_amounts_is_no_count_of_records_and_rows_after_a_total_are_read():
    header = [*HEADER, "涉及金额"]
    rows = [[*ROWS[0], "10"], ["合计", "", "", "", "10"], ["20261124000009", "2026-11-24 12:00:00", "在合计之后", "办结", "3"]]
    raw = read_bytes(csv_text(rows, header).encode(), "a.csv", MARKET)
    assert raw.frame.height == 2
    assert raw.stated_total is None


def test_two_header_rows_are_joined():
    cells = [["工单编号", "问题描述", "办理情况", None, "状态"], [None, None, "派单时间", "办结时间", None],
             ["1001", "内容", "2026-11-24 08:00", "2026-11-24 09:00", "办结"]]
    mapping = MARKET.model_copy(update={"columns": {k: v for k, v in MARKET.columns.items() if k != "created_at"} | {
        "created_at": MARKET.columns["created_at"].model_copy(update={"headers": ["派单时间"]}),
        "dispatched_at": MARKET.columns["dispatched_at"].model_copy(update={"headers": ["分派时间"]})}})
    raw = read_bytes(workbook(cells), "a.xlsx", mapping)
    assert raw.match.columns()["办理情况/派单时间"] == "created_at"
    assert raw.match.columns()["办理情况/办结时间"] == "closed_at"
    assert "F03" in [f.code for f in raw.findings]
    assert raw.frame["_row"].to_list() == [3]


def test_rows_with_the_wrong_number_of_fields_are_kept_and_marked():
    text = csv_text() + "3,2026-11-24\n" + "4,2026-11-24 10:00,内容,办结,多余\n" + "5,2026-11-24 10:00,内容,办结,,\n"
    raw = read_bytes(text.encode(), "a.csv", MARKET)
    assert raw.frame["_fields"].to_list() == [None, None, 2, 5, None]
    assert raw.frame["_expected"].drop_nulls().to_list() == [4, 4]
    assert not [f for f in raw.findings if f.code == "H03"]


def test_a_stray_quote_does_not_swallow_the_rows_after_it():
    text = csv_text() + '3,2026-11-24 10:00,"5寸屏坏了,办结\n4,2026-11-24 10:00,好,"办结"\n5,2026-11-24 10:00,他说"好"的,办结\n'
    raw = read_bytes(text.encode(), "a.csv", MARKET)
    assert raw.frame["工单编号"].to_list()[2:] == ["3", "4", "5"]
    assert raw.frame["问题描述"].to_list()[2:] == ['"5寸屏坏了', "好", '他说"好"的']


@settings(max_examples=60)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=("Cs",)), max_size=12),
                         min_size=2, max_size=2), min_size=1, max_size=8))
def test_no_record_is_lost_whatever_its_text(texts):
    rows = [[f"1{i:03}", "2026-11-24 09:30:00", t, s] for i, (t, s) in enumerate(texts)]
    out = io.StringIO(newline="")
    import csv
    csv.writer(out).writerows([HEADER, *rows])
    raw = read_bytes(out.getvalue().encode(), "a.csv", MARKET)
    assert raw.frame["工单编号"].to_list() == [r[0] for r in rows]
    assert raw.frame["_row"].is_sorted()


def test_workbooks_keep_row_numbers_dates_and_digits():
    rows = [[None], [None, *HEADER], [None, "00123", datetime(2026, 11, 24, 9, 30), "内容", "办结"],
            [None, 13900000000, datetime(2026, 11, 24, 9, 31), "内容", "办结"]]
    raw = read_bytes(workbook(rows, hidden=[3]), "a.xlsx", MARKET)
    assert raw.frame["_row"].to_list() == [3, 4]
    assert raw.frame["工单编号"].to_list() == ["00123", "13900000000"]
    assert raw.frame["来电时间"].to_list() == ["2026-11-24 09:30:00", "2026-11-24 09:31:00"]
    assert {f.code: dict(f.values) for f in raw.findings} == {"F07": {"n": 1}}
    assert not raw.excel_1904
    assert read_bytes(workbook(rows, {"date_1904": True}), "a.xlsx", MARKET).excel_1904


def test_long_numbers_in_number_cells_do_not_pretend_to_digits_that_are_lost():
    rows = [HEADER, *([202611240000000123 + i, datetime(2026, 11, 24, 9, 30), "内容", "办结"] for i in range(3))]
    raw = read_bytes(workbook(rows), "a.xlsx", MARKET)
    assert set(raw.frame["工单编号"].to_list()) == {"202611240000000000"}
    kept = read_bytes(workbook([HEADER, ["202611240000000123", datetime(2026, 11, 24, 9, 30), "内容", "办结"]]), "a.xlsx", MARKET)
    assert kept.frame["工单编号"].to_list() == ["202611240000000123"]


def test_a_sheet_of_notes_is_left_and_sheets_of_one_form_are_put_together():
    raw = read_bytes(workbook([HEADER, *ROWS], sheets=("一月", "二月")), "a.xlsx", MARKET)
    assert raw.frame["_sheet"].to_list() == ["一月", "一月", "二月", "二月"]
    only = read_bytes(workbook([HEADER, *ROWS], sheets=("一月", "二月")), "a.xlsx", MARKET.model_copy(update={"sheets": ["二*"]}))
    assert only.frame["_sheet"].unique().to_list() == ["二月"]


def test_a_table_that_ends_at_a_programs_limit_is_doubted():
    rows = "\n".join(f"{i},2026-11-24 09:30:00,内容,办结" for i in range(65_535))
    raw = read_bytes((",".join(HEADER) + "\n" + rows).encode(), "a.csv", MARKET)
    assert [(f.code, f.row) for f in raw.findings] == [("F06", 65_536)]


def test_files_joined_end_to_end_are_noticed_and_their_second_header_dropped():
    raw = read_bytes((csv_text() + "\ufeff" + csv_text()).encode(), "a.csv", MARKET)
    assert raw.frame.height == 4
    assert [f.code for f in raw.findings] == ["E03"]
    assert raw.not_records == 1


def test_merged_cells_are_filled_down_only_where_the_mapping_says_so():
    rows = [HEADER, ["1", "2026-11-24 09:30:00", "甲", "办结"], ["2", None, "乙", None]]
    plain = read_bytes(workbook(rows), "a.xlsx", MARKET)
    assert plain.frame["状态"].to_list() == ["办结", None]
    down = read_bytes(workbook(rows), "a.xlsx", MARKET.model_copy(update={"fill_down": ["created_at"]}))
    assert down.frame["来电时间"].to_list() == ["2026-11-24 09:30:00"] * 2
    assert down.frame["状态"].to_list() == ["办结", None]


def test_broken_json_lines_are_rows_and_digits_stay_exact():
    text = '{"工单编号": 202611240000000012, "来电时间": "2026-11-24 09:30", "问题描述": "x"}\n\n{"工单编号": \n'
    raw = read_bytes(text.encode(), "a.jsonl", MARKET)
    assert raw.frame["工单编号"].to_list() == ["202611240000000012", None]
    assert raw.frame["_fields"].is_not_null().to_list() == [False, True]
    assert raw.frame["_row"].to_list() == [1, 3]


def test_the_fitting_mapping_comes_first_with_what_is_missing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("留言编号,留言用户,留言主题,留言时间,心情\n1,a,b,2019/1/1 10:00:00,c\n", encoding="utf-8")
    fits = fit(path, MAPPINGS)
    assert fits[0].source == "message_board"
    assert fits[0].missing == ("content",)
    assert fits[0].unregistered == ("心情",)
    assert not fits[0].accepted
    assert fits[0].headers["留言时间"] == "created_at"
    assert fits[-1].score == 0


def test_a_query_is_read_only_and_its_errors_name_no_address(tmp_path):
    base = tmp_path / "x.sqlite"
    with sqlite3.connect(base) as connection:
        connection.execute("create table t (id integer, at text, what text)")
        connection.executemany("insert into t values (?, ?, ?)", [(1, "2026-11-24 09:30:00", "a"), (2, None, "b")])
    frame = read_query(f"sqlite:///{base}", "select id as 工单编号, at as 来电时间, what as 问题描述 from t order by id", MARKET)
    out = io.BytesIO()
    frame.write_parquet(out)
    assert read_bytes(out.getvalue(), "q.parquet", MARKET).frame["工单编号"].to_list() == ["1", "2"]
    writing = ("delete from t", "with x as (select 1) insert into t select 3, null, 'c'")
    for query, extra in (*((q, "") for q in writing), ("select nothing from nowhere", ""), ("select 1", "?cached_statements=hunter2")):
        with pytest.raises(RefusedInput) as caught:
            read_query(f"sqlite:///{base}{extra}", query, MARKET)
        assert "hunter2" not in str(caught.value)
        assert str(base) not in str(caught.value)
    with sqlite3.connect(base) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (2,)


def test_a_real_workbook_is_read_whole():
    board = read_landed(shared("data", "message_board_2019_q1_q3.xlsx"), "board.xlsx", MAPPINGS["message_board"])
    assert (board.frame.height, board.not_records, board.findings) == (3304, 0, [])
