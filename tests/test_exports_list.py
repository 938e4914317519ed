"""The list as people take it away: every title in every form, nothing that runs, nobody who reported given away."""
import csv
import html
import io
import json
import re
import zipfile
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import polars as pl
import pytest

from flows.exports import FORMATS, export, for_people
from flows.page import warning_page

AS_OF = datetime(2026, 6, 29, 15, 59, 59, 999999, tzinfo=UTC)
TITLES = ("锐动示例健身：关门失联，会员卡余额不退", '=HYPERLINK("http://x","y") 价格 & <b>标价</b>', "永顺镇：食品标签举报上升", "+1 \"引号\", 逗号；'单引号'")


def warning(k: int, title: str, **more) -> dict:
    return {"warning_id": f"W-{k}", "raised_on": date(2026, 6, 23), "updated_on": date(2026, 6, 29), "as_of": AS_OF, "kind": "incident", "level": "red",
            "status": "new", "problem_code": "prepaid.runaway", "problem_name": "经营者关门失联的预付卡", "place": "九棵树街道", "respondent": "锐动示例健身",
            "observed": 38, "expected": 0.42, "ratio": 90.5, "p_value": 1e-9, "q_value": 1e-7, "n_records": 99, "n_callers": 73,
            "first_seen": date(2026, 6, 2), "title": title, "summary": "同一健身房 7 天 99 件。", "lead_unit": "消费者权益保护科",
            "co_units": '["公安通州分局", "区体育局"]', "law": "消费者权益保护法 第五十三条", "due_at": AS_OF + timedelta(days=3), "verdict": None,
            "merged_into": None, "run_id": "nightly-2026-06-29", **more}


@pytest.fixture
def warnings() -> pl.DataFrame:
    return pl.DataFrame([warning(1, TITLES[0]), warning(2, TITLES[1], level="orange", kind="surge", expected=0.0), warning(3, TITLES[2], level="blue"),
                         warning(4, TITLES[3], level="yellow", kind="sentinel", observed=None, expected=None, ratio=None, p_value=None)],
                        infer_schema_length=None)


@pytest.fixture
def records() -> pl.DataFrame:
    said = {"W-1": ("complaint", "大门紧锁<script>alert(1)</script>，年卡还剩 2000 元"), "W-2": ("complaint", "标价不符"),
            "W-3": ("report", "举报人住在三楼，请保密"), "W-4": ("complaint", "电梯困人")}
    return pl.DataFrame([{"warning_id": w, "record_id": f"market_supervision:{w}{i}", "role": "example" if i == 0 else "evidence", "record_type": kind,
                          "content": text + str(i), "created_at": AS_OF - timedelta(hours=7 * i)} for w, (kind, text) in said.items() for i in range(5)])


class Words(HTMLParser):
    """The text of a page as it is read, and the tags it is made of."""

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.text, self.tags, self.sources = "", [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [v for k, v in attrs if k in ("src", "href") or k.startswith("on")]

    def handle_data(self, data):
        self.text += data


def flat(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_title_is_in_every_form(form, lang, warnings, records, tmp_path):
    path = tmp_path / f"list.{form}"
    assert export(warnings, form, path, lang, {"run": "r", "as_of": AS_OF, "expected_false_alarms": 0.31}, records) is None
    if form == "xlsx":
        with zipfile.ZipFile(path) as book:
            texts = [html.unescape(book.read("xl/sharedStrings.xml").decode())]
    elif form == "csv":
        texts = [c for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")) for c in row]
    elif form == "json":
        texts = [w["title"] for w in json.loads(path.read_text(encoding="utf-8"))]
    elif form == "html":
        texts = [Words(path.read_text(encoding="utf-8")).text]
    else:
        texts = [re.sub(r"[ \n]+", "", path.read_text(encoding="utf-8"))]
    whole = [flat(t) for t in texts]
    for title in TITLES:
        if form == "table":
            # A long title is folded inside its cell; its beginning stands in one line.
            assert any(flat(title)[:8] in t for t in whole), title
        else:
            assert any(flat(title) in t for t in whole), title


def test_csv_opens_in_a_spreadsheet_and_nothing_in_it_runs(warnings, records, tmp_path):
    path = tmp_path / "list.csv"
    export(warnings, "csv", path, "zh", {}, records)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    assert len(rows) == 5 and len({len(r) for r in rows}) == 1
    assert not any(c.lstrip().startswith(("=", "+", "-", "@")) for r in rows for c in r)


def test_a_workbook_holds_no_formula_and_the_title_as_it_is(warnings, records, tmp_path):
    path = tmp_path / "list.xlsx"
    export(warnings, "xlsx", path, "zh", {"run": "r", "expected_false_alarms": 0.5}, records)
    with zipfile.ZipFile(path) as book:
        sheets = [book.read(n).decode() for n in book.namelist() if n.startswith("xl/worksheets/sheet")]
    assert not any("<f>" in s for s in sheets) and all("pane" in s and "autoFilter" in s for s in sheets[1:])
    assert pl.read_excel(path, sheet_name="全部预警")["标题"].to_list() == [TITLES[0], TITLES[1], TITLES[3], TITLES[2]]
    assert "0.5" in pl.read_excel(path, sheet_id=1, has_header=False)[:, 0].drop_nulls().str.join("").item()


def test_every_unit_has_a_sheet_with_what_is_its_and_the_overview_counts_them(warnings, records, tmp_path):
    path = tmp_path / "list.xlsx"
    units = ["消费者权益保护科", "消费者权益保护科", "", "甲/乙:[科]" + "很长" * 20]
    given = warnings.with_columns(pl.Series("lead_unit", [u or None for u in units]))
    export(given, "xlsx", path, "zh", {"run": "r", "as_of": AS_OF + timedelta(days=9), "expected_false_alarms": 0.5, "left_out": 7}, records)
    sheets = pl.read_excel(path, sheet_id=0)
    assert list(sheets) == ["总览", "全部预警", "消费者权益保护科", ("甲 乙 科 " + "很长" * 20)[:31], "未定承办单位"]
    assert [s.height for s in list(sheets.values())[1:]] == [4, 2, 1, 1]
    overview = pl.read_excel(path, sheet_id=1, has_header=False, infer_schema_length=0)
    rows = {r[0]: r[1:7] for r in overview.iter_rows()}
    assert rows["全部预警"] == ("1", "1", "1", "1", "4", "4") and rows["消费者权益保护科"] == ("1", "1", "0", "0", "2", "2")
    assert any("另有 7 条" in (r or "") for r in rows)


def test_sheets_of_units_that_begin_alike_have_names_of_their_own(warnings, records, tmp_path):
    path = tmp_path / "list.xlsx"
    long = "甲" * 40
    export(warnings.with_columns(pl.Series("lead_unit", [long + "一", long + "二", "总览", "ST"])), "xlsx", path, "zh", {}, records)
    names = list(pl.read_excel(path, sheet_id=0))
    assert len({n.casefold() for n in names}) == 6 and all(len(n) <= 31 for n in names)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_every_row_says_whose_list_it_is_and_how_many_the_cap_left_out(form, warnings, records):
    notices = pl.DataFrame([{"kind": "capped", "n_records": 9941, "raised_on": date(2026, 6, 29)}])
    text = export(warnings, form, None, "en", {"run": "nightly-1", "run_date": date(2026, 6, 29), "as_of": AS_OF, "expected_false_alarms": 0.31}, records, notices=notices)
    rows = json.loads(text) if form == "json" else list(csv.DictReader(io.StringIO(text)))
    named = {"json": ("list_run", "expected_false_alarms", "left_out"), "csv": ("List's run", "List's expected false alarms", "Left out by the cap")}[form]
    assert [[str(r[c]) for c in named] for r in rows] == [["nightly-1", "0.31", "9941"]] * 4
    assert "9941 more new warnings" in Words(export(warnings, "html", None, "en", {}, records, notices=notices)).text
    assert "9941 more new warnings" in " ".join(export(warnings, "table", None, "en", {}, records, notices=notices).split())


def test_where_a_record_is_a_report_nobody_learns_how_many_called(warnings, records, tmp_path):
    shown = for_people(warnings, records)
    assert shown.filter(pl.col("warning_id") == "W-3")["n_callers"].to_list() == [None]
    assert shown.filter(pl.col("warning_id") != "W-3")["n_callers"].to_list() == [73, 73, 73]
    page = Words(warning_page(warnings.filter(pl.col("warning_id") == "W-3"), records, lang="zh")).text
    assert "73" not in page and "举报人住在" not in page and "含举报件" in page


def test_gravest_first_whatever_the_order_of_the_rows(warnings, records):
    ids = [for_people(warnings.sample(fraction=1.0, shuffle=True, seed=s), records)["warning_id"].to_list() for s in range(3)]
    assert ids[0] == ["W-1", "W-2", "W-4", "W-3"] and ids[0] == ids[1] == ids[2]


def test_a_complaint_cannot_script_the_page(warnings, records):
    page = Words(warning_page(warnings, records, lang="zh"))
    assert "script" not in page.tags and "<script>alert(1)</script>" in page.text
    assert not page.sources


def test_the_page_loads_nothing_from_elsewhere(warnings, records):
    text = warning_page(warnings, records, lang="zh")
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)|@import|url\(\s*["']?(?!#)""", text)


def test_the_page_says_what_it_is(warnings, records):
    runs = pl.DataFrame([{"run_id": "nightly-1", "run_date": date(2026, 6, 29), "as_of": AS_OF, "outcome": "withheld", "rows_read": 1204, "accepted": 431,
                          "quarantined": 6, "unchanged": 767, "expected_false_alarms": 0.31, "version": "0.1.0"}])
    notices = pl.DataFrame([{"raised_on": date(2026, 6, 29), "kind": "campaign", "code": "C06", "summary": "集中投诉 <85> 件"}])
    page = Words(warning_page(warnings, records, None, runs, "zh", notices=notices)).text
    for said in ("内部关注等级，不是突发事件预警", "0.31", "2026-06-29 23:59", "nightly-1", "431", "暂缓更新", "集中投诉 <85> 件", "2026-07-02 23:59", "区体育局"):
        assert said in page, said
    assert page.count("大门紧锁") == 3


def test_an_empty_night_says_so(warnings):
    page = Words(warning_page(warnings.clear(), None, lang="en")).text
    assert "No new or changed warnings" in page
    assert "No new or changed warnings" in (export(warnings.clear(), "table", None, "en", {}) or "")
    assert json.loads(export(warnings.clear(), "json") or "null") == []


def test_wrong_format_is_named(warnings):
    with pytest.raises(ValueError, match="pdf"):
        export(warnings, "pdf")
    with pytest.raises(ValueError, match="file"):
        export(warnings, "xlsx")
