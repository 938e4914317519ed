"""The sheets: the same matter on all of them, clocks with their grounds, points until they are done, every line traced, and each replayed as it was printed."""
from datetime import date, timedelta
from pathlib import Path

import fastexcel
import polars as pl
import pytest

from flows.cli import run as weisu
from flows.points import decide_point, settle_point
from flows.reviews import published, sheet_of
from flows.sheet import known, period_of
from flows.sheet_files import write_sheet
from policy.periods import Period
from tests import tongzhou
from tests.houses import enter
from tests.practice_house import house_with, keep, moment, records

TUESDAY = date(2026, 6, 30)
KINDS = ("day", "week", "tenday", "month")
HARD = {"number": "hard", "incident_id": "I-1", "lead_unit": "新华市场监管所", "co_units": ["食品流通科"], "status": "in_hand", "problem_code": "prepaid.runaway", "respondent_name": "金色年华健身有限公司"}


def rows():
    usual = [{"number": f"u{n}", "day": date(2026, 5, 1) + timedelta(days=n % 61), "status": "closed", "closed_at": moment(date(2026, 5, 4) + timedelta(days=n % 61)), "reply": "已处理",
              "outcome": "mediated", "callback_at": moment(date(2026, 5, 6) + timedelta(days=n % 61)), "solved": n % 4 > 0, "lead_unit": "新华市场监管所", "known_at": moment(TUESDAY, 20)} for n in range(244)]
    return [*usual, {**HARD, "day": date(2026, 6, 30), "signed_at": moment(TUESDAY, 12)}]


@pytest.fixture
def house(tmp_path):
    made = house_with(tmp_path / "h", records(rows()), moment(TUESDAY, 24))
    yield made
    made.warehouse.close()


def made(house, kind, day=TUESDAY, so_far=False, asked=None):
    return sheet_of(known(house, kind, day, so_far, asked, "zh"))


def part(sheet, key):
    return next(s for s in sheet.sections if s.key == key)


def test_the_same_hard_matter_is_on_all_four_sheets_with_one_id_and_one_count(house):
    seen = [part(made(house, kind, so_far=True), "hard").rows.row(0, named=True) for kind in KINDS]
    assert all(r == seen[0] for r in seen)
    assert (seen[0]["matter"], seen[0]["n_records"], seen[0]["open_days"], seen[0]["why"], seen[0]["owner"]) == ("I-1", 1, 0, "涉及领域多", None)
    assert part(made(house, "day"), "hard").behind["record_id"].to_list() == ["market_supervision:hard"]


@pytest.mark.parametrize(("kind", "day", "period"), [
    ("week", date(2026, 6, 30), Period("week", date(2026, 6, 22), date(2026, 6, 28))), ("week", date(2026, 6, 28), Period("week", date(2026, 6, 22), date(2026, 6, 28))),
    ("tenday", date(2026, 7, 1), Period("tenday", date(2026, 6, 21), date(2026, 6, 30))), ("month", date(2026, 6, 30), Period("month", date(2026, 6, 1), date(2026, 6, 30))),
    ("month", date(2026, 6, 29), Period("month", date(2026, 5, 1), date(2026, 5, 31))), ("day", date(2026, 6, 30), Period("day", date(2026, 6, 30), date(2026, 6, 30)))])
def test_a_sheet_is_of_the_last_period_that_is_over(kind, day, period):
    assert period_of(kind, day, False) == period
    assert period_of(kind, day, True).last == day


def test_every_line_that_counts_records_traces_to_as_many(house):
    for kind in KINDS:
        sheet = made(house, kind)
        for number, section in enumerate(sheet.sections, 1):
            if section.key in ("problems", "streets", "top_five", "frequent", "cells", "failures", "loops", "street_ranking"):
                for n, shown in enumerate(section.rows["n"].to_list(), 1):
                    assert sheet.trace(f"{number}.{n}").height == shown
            if section.key in ("problems", "streets", "top_five"):
                assert section.rows["n"].sum() == section.behind["record_id"].n_unique()     # with 其余 they are all the period's records
        assert sheet.trace("99.1") is None and sheet.trace("x") is None


def test_the_sheet_says_what_has_run_out_what_is_about_to_and_on_what_ground(tmp_path):
    start = date(2026, 4, 10)                          # seven working days from a Friday in April end on Tuesday 21st
    rows = [{"number": "late", "day": start}, {"number": "soon", "day": date(2026, 4, 13)}, {"number": "later", "day": date(2026, 4, 15)},
            {"number": "own", "day": date(2026, 4, 20), "due_at": moment(date(2026, 4, 22), 17)}, {"number": "over", "day": start, "status": "closed"}]
    house = house_with(tmp_path / "h", records(rows), moment(date(2026, 4, 21), 24))
    got = part(made(house, "day", date(2026, 4, 21)), "clocks")
    assert got.rows.select("record_id", "state", "ground", "due_at").rows() == [
        ("market_supervision:late", "逾期", "总局令第20号 第十四条", "2026-04-21 23:59"), ("market_supervision:own", "临期", "工单所载时限", "2026-04-22 17:00"),
        ("market_supervision:soon", "临期", "总局令第20号 第十四条", "2026-04-22 23:59")]
    assert got.notes == ("已逾期 1 件，临期 2 件",)
    house.warehouse.close()


def test_a_point_comes_back_on_every_sheet_until_it_is_done_and_a_replay_knows_only_what_was_known(house, capsys):
    at = moment(date(2026, 6, 24), 9)
    assert decide_point(house.settings, "约谈金色年华健身", "week", date(2026, 6, 22), "I-1", "新华市场监管所", date(2026, 6, 26), "消费者权益保护科", True, at) == 0
    point = part(made(house, "week"), "points").rows.row(0, named=True)
    assert (point["decision"], point["state"], point["decided"], point["unit"]) == ("约谈金色年华健身", "逾期", "周会商 2026-06-22", "新华市场监管所")
    assert all(part(made(house, kind), "points").rows.height == 1 for kind in KINDS)
    assert part(made(house, "week"), "key_work").rows["subject"][0] == point["point_id"]
    assert settle_point(house.settings, point["point_id"], "已签订退费协议", "新华市场监管所", moment(date(2026, 6, 29), 15)) == 0
    assert settle_point(house.settings, point["point_id"], "再次", None) == 1
    done = part(made(house, "month"), "points").rows.row(0, named=True)
    assert (done["state"], done["result"]) == ("已办结", "已签订退费协议") and part(made(house, "week", date(2026, 7, 5)), "points").rows["state"].to_list() == ["已办结"]
    assert part(made(house, "day"), "points").rows.is_empty()                                  # done the day before: closed for good
    then = part(made(house, "month", asked=moment(date(2026, 6, 28), 12), so_far=True, day=date(2026, 6, 28)), "points").rows.row(0, named=True)
    assert (then["state"], then["result"]) == ("逾期", None)
    assert part(made(house, "month", asked=moment(date(2026, 6, 23), 12), so_far=True, day=date(2026, 6, 23)), "points").rows.is_empty()


def test_a_replay_prints_what_was_printed_whatever_came_later(house):
    asked = moment(TUESDAY, 24)
    before = {kind: write_sheet(made(house, kind, asked=asked), "md", None, "zh") for kind in KINDS}
    late = [{"number": "late", "day": date(2026, 6, 25), "known_at": moment(date(2026, 7, 1))}, {**HARD, "number": "more", "day": date(2026, 7, 1)},
            {"number": "hard", "incident_id": "I-1", "day": TUESDAY, "revision_no": 2, "status": "closed", "known_at": moment(date(2026, 7, 1), 9)}]
    keep(house.warehouse, records(late), moment(date(2026, 7, 1), 24), "nightly-2")
    assert {kind: write_sheet(made(house, kind, asked=asked), "md", None, "zh") for kind in KINDS} == before
    assert write_sheet(made(house, "month"), "md", None, "zh") != before["month"]


def test_the_command_writes_a_page_a_workbook_and_markdown_and_says_what_stands_behind_a_line(house, tmp_path, monkeypatch, capsys):
    import json

    import fastexcel
    enter(monkeypatch, house.settings)
    for name in ("m.html", "m.xlsx", "m.md"):
        assert weisu(["review", "month", "--date", "2026-06-30", "--output", str(tmp_path / name), "--lang", "zh"]) == 0
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "月点评 2026-06-01 至 2026-06-30" in page and "食品安全" in page and "<script" not in page and "http" not in page.replace("http-equiv", "")
    book = fastexcel.read_excel(tmp_path / "m.xlsx")
    assert book.sheet_names[0] == "封面" and book.sheet_names[-1] == "诉求明细"
    behind = book.load_sheet("诉求明细").to_polars()
    capsys.readouterr()
    assert weisu(["review", "month", "--date", "2026-06-30", "--trace", "2.1"]) == 0
    ids = json.loads(capsys.readouterr().out)
    assert ids and ids == behind.filter(pl.col("行号") == "2.1")["诉求编号"].to_list()
    assert weisu(["review", "month", "--date", "2026-06-30", "--trace", "2.99"]) == 2 and weisu(["review", "month", "--format", "xlsx"]) == 2


def test_what_people_write_is_text_in_every_form_and_no_formula_tag_or_cell(house, tmp_path):
    import fastexcel
    evil = '=HYPERLINK("http://x.example","看")<script>alert(1)</script>|<b>列</b> [链](http://x.example)'
    assert decide_point(house.settings, evil, "week", date(2026, 6, 22), None, "=1+1", date(2026, 7, 26), None, False, moment(date(2026, 6, 24), 9)) == 0
    sheet = made(house, "month")
    page, text = write_sheet(sheet, "html", None, "zh"), write_sheet(sheet, "md", None, "zh")
    assert "<script" not in page and "&lt;script&gt;" in page and "<b>" not in page
    assert "<script" not in text.replace("\\<", "") and "](http" not in text.replace("\\]", "")
    line = next(x for x in text.splitlines() if "HYPERLINK" in x)
    heads = next(x for x in text.splitlines() if "议定内容" in x)
    assert line.replace("\\|", "").count("|") == heads.count("|")
    write_sheet(sheet, "xlsx", tmp_path / "m.xlsx", "zh")
    book = fastexcel.read_excel(tmp_path / "m.xlsx")
    cells = [v for n in book.sheet_names for c in book.load_sheet(n, header_row=None).to_polars().cast(pl.String).get_columns() for v in c.drop_nulls()]
    assert any("HYPERLINK" in v for v in cells) and not any(v.startswith(("=", "+1", "@")) for v in cells)
    import zipfile
    with zipfile.ZipFile(tmp_path / "m.xlsx") as parts:
        assert not any(b"<f>" in parts.read(n) or b"<hyperlink" in parts.read(n) for n in parts.namelist() if n.startswith("xl/worksheets/"))


@pytest.mark.parametrize("kind", [*KINDS, "half"])
def test_a_chinese_sheet_has_no_english_word_no_code_and_no_empty_table(house, kind):
    """Ids and the product's own commands are all that is not Chinese; sections without a row are one sentence at the end."""
    import re

    from flows.points import consult
    consult(house.settings, "prepaid.runaway", ["食品流通科"], None, date(2026, 6, 30), None, moment(TUESDAY, 9))
    sheet = made(house, kind)
    page = write_sheet(sheet, "html", None, "zh")
    body = re.sub(r"<[^>]+>", " ", page.split("<body>")[1])
    words = set(re.findall(r"[A-Za-z_.]{2,}", body))
    assert words <= {"weisu", "closure", "hard", "I", "n"}, words
    assert all(s.rows.is_empty() for s in sheet.sections[len(sheet.filled):]) and ("本期无内容：" in body) == (len(sheet.filled) < len(sheet.sections))
    assert body.index("本期无内容") > body.rindex("</h2>") if "</h2>" in body else True
    for n, section in enumerate(sheet.filled, 1):
        assert sheet.trace(f"{n}.1") is not None and f"{n}. " in body and section.rows.height


def test_a_period_without_last_years_records_is_compared_with_the_one_before(house):
    sheet = part(made(house, "month"), "problems")
    assert sheet.notes == ("去年同期数据不全，改与上期比较",) and sheet.rows["per_day_before"][0] is not None and "per_day_year" not in sheet.rows.columns
    figures = part(made(house, "month"), "figures").rows
    assert set(figures["year"]) == {"数据不全，不比"} and figures["previous"][0] != "数据不全，不比" and "不作比较" not in "".join(figures["notes"])


def test_points_and_consultations_are_noted_from_the_command_line(house, monkeypatch, capsys):
    enter(monkeypatch, house.settings)
    assert weisu(["review", "decide", "专项检查", "--period", "month", "--date", "2026-06-30", "--to", "食品流通科", "--due", "2026-07-10", "--by", "局长"]) == 0
    assert weisu(["review", "consult", "prepaid.runaway", "--with", "消费者权益保护科", "--with", "新华市场监管所", "--conclusion", "约谈", "--date", "2026-06-18"]) == 0
    assert weisu(["review", "consult", "prepaid.runaway"]) == 2 and weisu(["review", "done", "nothing", "--result", "x"]) == 2
    sheet = made(house, "month")
    assert part(sheet, "points").rows.select("decision", "unit", "due_on").row(0) == ("专项检查", "食品流通科", date(2026, 7, 10))
    assert part(sheet, "consultations").rows.row(0) == (date(2026, 6, 18), "预付卡商家关门跑路", "消费者权益保护科、新华市场监管所", "约谈") and part(sheet, "consultations").notes == ("本期 1 次",)


def test_kept_figures_are_in_v_metrics_and_leave_the_nights_digest_alone(house, monkeypatch):
    from warehouse.digests import digests
    enter(monkeypatch, house.settings)
    with house.warehouse.engine.connect() as connection:
        before = digests(connection, TUESDAY)
    assert weisu(["review", "month", "--date", "2026-06-30", "--keep"]) == 0
    kept = house.warehouse.read("v_metrics")
    whole = kept.filter((pl.col("metric") == "solved_rate") & (pl.col("grain") == "whole")).row(0, named=True)
    assert whole["denominator"] == 120 and whole["value"] == whole["numerator"] / whole["denominator"] and kept.height == published(known(house, "month", TUESDAY, False, None, "zh")).height
    with house.warehouse.engine.connect() as connection:
        assert digests(connection, TUESDAY) == before


def test_the_articles_figures_come_out_of_a_half_year_that_has_them(tmp_path):
    """39,867 matters, 100 % answered and closed, 830,000 yuan, 6,070 hard, 75 consultations, the five largest in their order; lifts 19.26 % fewer."""
    from flows.figures import Facts, figures
    house = tongzhou.house_of_half_year(tmp_path / "h")
    sheet = made(house, "half", tongzhou.LAST)
    said = {r["what"]: r for r in part(sheet, "figures").rows.iter_rows(named=True)}
    assert said["诉求量"]["value"] == "39,867 件" and said["挽回经济损失"]["value"] == "830,000.00 元" and said["疑难诉求"]["value"] == "6,070 件"
    for rate in ("响应率", "办结率"):
        assert said[rate]["value"] == "100.00%" and said[rate]["of"] == "39,867/39,867" and "请核对口径" in said[rate]["notes"]
    top = part(sheet, "top_five").rows
    assert top["what"].to_list() == ["市场环境秩序", "商品服务质量", "经营期间退费纠纷(线上)", "食品安全", "预付式消费", "其余"]
    assert top["n"].sum() == 39_867 and round(top["per_day"].sum()) == 219
    told = part(sheet, "consultations")
    assert told.notes == ("本期 75 次",) and told.rows.select("subject", "times", "last_held").rows() == [("过期变质食品", 75, date(2024, 5, 28))]       # as many as a page would not hold
    span = Period("span", date(2024, 1, 1), date(2024, 5, 31))
    facts = Facts.of(house, [span, span.year_before()], tongzhou.AS_OF, ("records",))
    lifts = figures(facts, "records", [span], "problem", "year").filter(pl.col("key") == "special.elevator_fault").row(0, named=True)
    assert (lifts["value"], lifts["before"], round(lifts["change"], 4)) == (109, 135, -0.1926)
    house.warehouse.close()


def test_the_deployments_are_flows_that_take_their_parameters_at_their_hour_in_beijing():
    import importlib

    import yaml

    from tests.conftest import ROOT
    told = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    reviews = [d for d in told if d["name"].startswith("review-")]
    assert [d["parameters"]["period"] for d in reviews] == list(KINDS)
    for d in reviews:
        path, name = d["entrypoint"].split(":")
        flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
        assert flow.validate_parameters(d["parameters"])["period"] == d["parameters"]["period"] and all(s["timezone"] == "Asia/Shanghai" for s in d["schedules"])


def test_the_flow_leaves_the_sheet_in_three_formats(house, monkeypatch):
    from flows.review_flow import review
    enter(monkeypatch, house.settings)
    paths = review(period="week", date=TUESDAY)
    assert [p.rsplit("/", 1)[1] for p in paths] == ["week-2026-06-28.html", "week-2026-06-28.xlsx", "week-2026-06-28.md"]
    assert "周会商 2026-06-22 至 2026-06-28" in Path(paths[2]).read_text(encoding="utf-8")
    assert house.warehouse.read("v_metrics").height > 0


@pytest.mark.parametrize("view", ["v_review_points", "v_consultations", "v_drives", "v_ledger_items", "v_ledger_events", "v_cases", "v_whistles", "v_monthly_scores"])
def test_every_column_of_a_view_is_described_in_its_order(view):
    from tests.conftest import ROOT
    from warehouse.published import VIEWS
    section = (ROOT / "docs" / "practice.md").read_text(encoding="utf-8").split(f"### {view}:")[1].split("###")[0]
    told = [c.strip() for line in section.splitlines() if line.startswith("| ") and not line.startswith("| column") for c in line.split("|")[1].split(",")]
    assert tuple(told) == VIEWS[view]


@pytest.mark.parametrize("form", ["md", "html", "xlsx"])
def test_the_bureaus_own_line_stands_at_the_head_of_every_sheet(house, tmp_path, form):
    plain = made(house, "week")
    assert plain.heading is None
    house.settings.review_heading = "放心消费环境 & 刚性维权"
    path = tmp_path / f"sheet.{form}"
    write_sheet(made(house, "week"), form, path, "zh")
    if form == "xlsx":
        head = fastexcel.read_excel(path).load_sheet(0, header_row=None).to_polars().head(4)
        assert "放心消费环境 & 刚性维权" in [str(v) for row in head.iter_rows() for v in row]
    else:
        assert ("放心消费环境 &amp; 刚性维权" if form == "html" else "放心消费环境 & 刚性维权") in path.read_text(encoding="utf-8")
