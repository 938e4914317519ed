"""Each rule about a row speaks where it should and is silent where it shouldn't."""
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.check_digits import fails_check_digit
from expectations.codes import append_issues, counts_by_code
from expectations.pack_places import places_of_pack
from expectations.row_rules import RowContext, judge_mapped, judge_rows
from tests.expectations_frames import CREATED, codes, rows
from transforms.canonical import add_issues

PLACE = RowContext(covers_streets=True, box=(116.5, 39.6, 116.9, 40.0),
                   streets=pl.DataFrame({"name": ["九棵树街道", "宋庄镇"], "street_code": ["110112010", "110112104"]}))
RECEIVED = RowContext(received_at=CREATED + timedelta(hours=1))
CATEGORIES = RowContext(known_categories={"source_category_1": frozenset({"预付费", "价格"})})
HOUR = timedelta(hours=1)

CASES = [
    # code, a row it speaks about, a row like it that is sound, what must be known
    ("K01", {"source_record_id": None}, {}, None),
    ("T01", {"created_at": None}, {}, None),
    ("T02", {"created_at": CREATED + 2 * HOUR}, {"created_at": CREATED + HOUR + timedelta(minutes=9)}, RECEIVED),
    ("T03", {"created_at": datetime(1999, 12, 31, 23, tzinfo=UTC)}, {"created_at": datetime(2000, 1, 1, tzinfo=UTC)}, None),
    ("T04", {"created_precision": "day"}, {"created_precision": "minute"}, None),
    ("T05", {"closed_at": CREATED - HOUR, "status": "closed"}, {"closed_at": CREATED, "status": "closed"}, None),
    ("T09", {"dispatched_at": CREATED + 2 * HOUR, "signed_at": CREATED + HOUR}, {"dispatched_at": CREATED + HOUR, "signed_at": CREATED + HOUR}, None),
    ("T09", {"closed_at": CREATED + HOUR}, {"closed_at": CREATED + HOUR, "status": "closed"}, None),
    ("T09", {"signed_at": CREATED + 3 * HOUR, "closed_at": CREATED + HOUR, "status": "closed"}, {"signed_at": CREATED + 3 * HOUR}, None),
    ("C01", {"content": " \u3000", "title": None}, {"content": None, "title": "健身房关门"}, None),
    ("C02", {"content": "退 费"}, {"content": "退费不成"}, RowContext(shortest_content=4)),
    ("C02", {"content": None, "title": "健身房关门"}, {"content": "噪音", "source_category_3": "噪音"}, None),
    ("C05", {"content": "诉" * 500}, {"content": "诉" * 499 + "。"}, None),
    ("C05", {"content": "诉" * 255}, {"content": "诉" * 254}, None),
    ("D02", {"status": None}, {"status": "void"}, None),
    ("D02", {"status": "已归档"}, {"status": "closed"}, None),
    ("D03", {"source_category_1": "预付费服务"}, {"source_category_1": "价格"}, CATEGORIES),
    ("D03", {"source_category_1": "预付费服务"}, {"source_category_1": None}, CATEGORIES),
    ("G01", {"street": "某某街道", "street_code": None}, {"street": None, "street_code": None}, PLACE),
    ("G02", {"address_masked": "通州区宋庄镇小堡村"}, {"address_masked": "宋庄镇与九棵树街道交界"}, PLACE),
    ("G02", {"address_masked": "通州区宋庄镇小堡村"}, {"address_masked": "宋庄大街某号"}, PLACE),
    ("G03", {"lon": 121.4, "lat": 31.2}, {"lon": 116.66, "lat": 39.9}, PLACE),
    ("N01", {"respondent_uscc": "91350100M000100Y44"}, {"respondent_uscc": "91350100M000100Y43"}, None),
    ("N01", {"respondent_uscc": "123"}, {"respondent_uscc": None}, None),
    ("N02", {"respondent_name": "某便利店"}, {"respondent_name": "好邻居便利店"}, None),
    ("N02", {"respondent_name": None}, {"respondent_name": "张记饭店"}, None),
    ("M03", {"amount_claimed": -1}, {"amount_claimed": 0}, None),
    ("M03", {"amount_recovered": 100_000_001}, {"amount_recovered": 100_000_000}, None),
]


@pytest.mark.parametrize(("code", "bad", "good", "context"), CASES)
def test_a_rule_speaks_about_the_bad_row_only(code, bad, good, context):
    said = codes(judge_rows(rows(bad, good), context))
    assert (code in said[0], code in said[1]) == (True, False)


@pytest.mark.parametrize(("code", "bad", "good", "context"), CASES)
def test_what_was_said_before_is_not_said_again(code, bad, good, context):
    once = judge_rows(rows(bad), context)
    assert codes(judge_rows(once, context)) == codes(once)


def test_a_pack_brings_its_streets_and_its_box():
    context = RowContext(**places_of_pack("tongzhou"))
    said = codes(judge_rows(rows({"address_masked": "宋庄镇小堡村"}, {"lon": 116.4, "lat": 39.9}, {"lon": 116.66, "lat": 39.91}), context))
    assert said == [["G02"], ["G03"], []]
    assert codes(judge_rows(rows({"street_code": None, "lon": 1.0, "lat": 1.0}), RowContext(**places_of_pack(None)))) == [[]]


def test_a_sound_row_has_no_issue():
    assert codes(judge_rows(rows({}), PLACE)) == [[]]


def test_the_mapper_knows_better_why_a_time_is_missing():
    assert codes(judge_rows(rows({"created_at": None, "issues": ["T02"]}))) == [["T02"]]


def test_rules_about_columns_that_a_source_lacks_are_silent():
    board = rows({"respondent_name": None, "lon": None}, {"respondent_name": None, "lon": None})
    assert "N02" not in counts_by_code(judge_rows(board))
    assert counts_by_code(judge_rows(board, RowContext(mapped=frozenset({"respondent_name"}))))["N02"] == 2


def test_values_that_could_be_personal_are_not_repeated():
    street = {"street": "张三 13900000000", "street_code": None}
    issue = judge_rows(rows(street), PLACE)["issues"][0].to_list()[0]
    assert (issue["code"], issue["found"]) == ("G01", None)


def test_an_unknown_category_is_named_at_its_coarsest_level():
    context = RowContext(known_categories={"source_category_1": frozenset({"甲"}), "source_category_2": frozenset({"乙"})})
    new = rows({"source_category_1": "新", "source_category_2": "新二"}, {"source_category_1": "甲", "source_category_2": "新二"})
    frame = judge_rows(new, context)
    assert [(i[0]["column"], i[0]["found"]) for i in frame["issues"].to_list()] == [("source_category_1", "新"), ("source_category_2", "新二")]


def test_a_length_that_others_exceed_is_nobodys_limit():
    assert codes(judge_rows(rows({"content": "诉" * 255}, {"content": "诉" * 256}))) == [[], []]


def test_cut_texts_are_seen_before_the_repair_changes_their_length():
    raw = rows({"content": "\t" * 100 + "诉" * 155})
    assert codes(judge_mapped(raw)) == [["C05"]]


TEXT = "要求某健身房退还预付卡余额并公开道歉"


def same(*days: int, text: str = TEXT) -> list[dict]:
    return [{"content": text, "created_at": CREATED + timedelta(days=d)} for d in days]


def others(frame: pl.DataFrame) -> list[str | None]:
    return [next((i["found"] for i in issues if i["code"] == "C06"), None) for issues in frame["issues"].to_list()]


def test_copies_are_counted_over_the_days_before():
    assert others(judge_rows(rows(*same(0, 0, 3, 9, 30)), RowContext(copy_days=7))) == ["1", "1", "2", "1", None]


def test_white_space_makes_no_other_text_and_short_texts_no_copies():
    assert others(judge_rows(rows({"content": TEXT}, {"content": TEXT[:5] + " \n" + TEXT[5:]}))) == ["1", "1"]
    assert others(judge_rows(rows(*same(0, 0, text="要求退费")))) == [None, None]


def test_a_record_is_no_copy_of_its_own_revision():
    twice = rows({"content": TEXT, "source_record_id": "B7"}, {"content": TEXT, "source_record_id": "B7", "status": "closed"})
    assert others(judge_rows(twice)) == [None, None]


def test_a_category_as_content_is_no_copied_text():
    plain = {"content": "Noise from a neighbour's party", "source_category_3": "Noise from a neighbour's party"}
    assert others(judge_rows(rows(plain, plain))) == [None, None]


def test_earlier_records_count_as_copies_and_known_ones_only_once():
    recent = pl.DataFrame({"content": [TEXT, TEXT, TEXT], "local_date": [date(2026, 6, 8), date(2026, 6, 9), date(2026, 5, 1)],
                           "record_id": ["src:x", "src:A1", "src:y"]})
    assert others(judge_rows(rows({"content": TEXT}), RowContext(recent=recent))) == ["1"]


@settings(max_examples=20)
@given(st.permutations(range(8)))
def test_the_order_of_rows_changes_nothing(order):
    frame = rows(*same(0, 1, 2), {"status": None}, {"content": None}, {"respondent_name": "超市"}, {"created_precision": "day"}, *same(40))
    straight = judge_rows(frame).sort("record_id")
    assert judge_rows(frame[list(order)]).sort("record_id").equals(straight)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.text(max_size=3)), min_size=1, max_size=9))
def test_appending_issues_is_what_the_expression_does(marks):
    frame = rows(*({"title": text, "issues": ["T04"] if first else []} for first, _, text in marks)).with_columns(
        pl.Series("a", [m[0] for m in marks]), pl.Series("b", [m[1] if m[0] else None for m in marks], dtype=pl.Boolean))
    said = [(pl.col("a"), "C02", None, "5"), (pl.col("b"), "C06", pl.col("title"), None, "7"), (pl.lit(False), "C05")]
    assert append_issues(frame, said)["issues"].to_list() == frame.with_columns(add_issues(said))["issues"].to_list()


@pytest.mark.parametrize(("code", "fails"), [
    ("91350100M000100Y43", False), ("91350100M000100Y34", True), ("91350100m000100y43", False), ("91350100I000100Y43", True),
    ("110108000000016", False), ("110108000000017", True), ("D2143569-X", False), ("D2143569X", False), ("D21435690", True),
    ("9135010０M000100Y4", True), ("", True), (None, None)])
def test_check_digits(code, fails):
    assert fails_check_digit(pl.Series([code, "91350100M000100Y43"], dtype=pl.String)).to_list() == [fails, False]


@settings(max_examples=40)
@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17), st.integers(0, 16), st.integers(1, 30))
def test_one_changed_sign_breaks_a_credit_code(body, at, step):
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    check = (31 - sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body)) % 31) % 31
    wrong = body[:at] + alphabet[(alphabet.index(body[at]) + step) % 31] + body[at + 1:]
    assert fails_check_digit(pl.Series([body + alphabet[check], wrong + alphabet[check]])).to_list() == [False, True]


def test_nothing_of_nothing():
    empty = rows({}).head(0)
    assert judge_rows(empty, PLACE).height == 0 and counts_by_code(empty) == {}
