"""The card of a warning holds what a dispatcher needs: who goes and why, by when and under which law, what was said, and how such matters ended before."""
import csv
import io
import json
from datetime import date, timedelta

import polars as pl
import pytest

from flows.card import cards_of, json_ready
from flows.explain import show_card
from flows.exports import export
from flows.messages import BadUsage
from flows.page import warning_page
from policy.actions import first_action
from policy.lifecycle import Given
from policy.taxonomy import taxonomy
from tests.engines import house  # noqa: F401
from tests.lake_rows import write
from tests.test_exports_list import Words
from tests.test_life import DAY, SCHEMA, Town, a_matter, moment
from warehouse.publication import Publication


class Staffed(Town):
    """A town whose records are in the tables too."""

    def night(self, n, *matters, **more):
        frame = pl.DataFrame(list(self.rows.values()), schema=SCHEMA).with_columns(pl.col("record_id").alias("source_record_id"), pl.lit(1).alias("revision_no"), pl.col(
            "first_known_at").alias("known_at")).drop("respondent_key")
        self.house.publish(Publication({"run_id": f"i{n}", "kind": "ingest", "run_date": DAY + timedelta(days=n), "as_of": moment(n), "outcome": "ok"}, known_to=moment(n),
                                       writes=[write("record", frame, "upsert")]))
        return super().night(n, *matters, **more)

    def card(self, warning_id=None, n=0):
        ids = [warning_id] if warning_id else self.house.read("warning")["warning_id"].to_list()
        return cards_of(self.house, ids, moment(n) - timedelta(microseconds=1))[ids[0]]


@pytest.fixture
def town(house):  # noqa: F811
    return Staffed(house)


def shops(town, n=0, incident="i1", shop="甲记超市", reports=0, **more):
    """Four records of one shop, the last of them reports."""
    said = ("货架没有价签", "结账时价格比标签高两元", "水果摊不标价随口要价", "老板说价格看心情")
    return [r for k, text in enumerate(said) for r in town.come(n, incident, f"{incident}{k}", title=f"{shop}{text}", content=f"来电人反映{shop}{text}，要求查处。", respondent_name=shop,
                                                               respondent_key=shop, record_type="report" if k >= len(said) - reports else "complaint", **more)]


def test_a_card_says_who_goes_and_why_by_when_and_under_which_law(town):
    ids = shops(town) + town.come(0, "i1", "far", fine_place="新华街道", street_code="110112002")
    town.night(0, a_matter(0, ids, "i1", streets=["中仓街道", "新华街道"]))
    card = town.card()
    assert card["lead_unit"] == {"code": "ST-001", "zh": "中仓市场监管所", "en": "Zhongcang Market Supervision Station"}
    assert [(u["code"], u["why"], u["because"]["zh"]) for u in card["co_units"]] == [
        ("ST-002", "station", "属地吹哨：新华街道有1件"), ("SEC-PRICE", "section", "业务报到：按职责指导“未明码标价”")]
    assert card["co_units"][0]["because"]["en"] == "on the ground: 1 in Xinhua"
    assert card["law"][0] == {"text": "价格法 第十三条、第四十二条", "valid_from": date(1998, 5, 1), "valid_to": None, "source": "主席令", "note": card["law"][0]["note"]}
    # Received on 1 June: seven working days are over on the tenth.
    assert card["clock"] | {"record_id": None} == {
        "due_at": moment(9) - timedelta(seconds=1), "clock": "complaint_accept_law", "zh": "投诉处理告知", "en": "handle the complaint and tell",
        "source": "消费者权益保护法 第四十六条", "provisional": False, "record_id": None, "workdays_left": 7}
    assert town.card(n=9)["clock"]["workdays_left"] == 0 and town.card(n=11)["clock"]["workdays_left"] == -2
    assert card["first_action"] == {"zh": first_action("price.unmarked", DAY), "en": first_action("price.unmarked", DAY, "en")} and "检查本所辖区" in card["first_action"]["zh"]
    assert card["level_rule"] == {"row": "yellow_growing", "zh": "多人反映，高于平常", "en": "several callers, above normal"}
    assert card["streets"] == [{"street": "中仓街道", "n": 4}, {"street": "新华街道", "n": 1}] and card["respondent"] == "甲记超市"
    assert (card["figures"]["observed"], card["figures"]["expected"], card["figures"]["window_days"], card["figures"]["n_callers"]) == (5, 0.5, 3, 5)
    assert [r["record_id"] for r in card["records"]] == sorted(ids) and card["tell_at_once"] is None
    assert "甲记超市" in card["title"]["zh"] and "in all" in card["title"]["en"] and card["title"]["zh"] == town.only()["title"]
    assert json.loads(json.dumps(json_ready(card)))["clock"]["due_at"] == "2026-06-10T15:59:59+00:00"


def test_a_report_gives_neither_its_words_nor_the_number_of_callers_to_any_form(town):
    town.night(0, a_matter(0, shops(town, reports=2), "i1"))
    card = town.card()
    assert card["figures"]["n_callers"] is None and card["figures"]["callers_hidden"]
    assert [q["record_id"] for q in card["quotations"]] == ["i10", "i11"] or [q["record_id"] for q in card["quotations"]] == ["i11", "i10"]
    listed, records = town.house.read("v_warnings"), town.house.read(
        "select x.warning_id, x.record_id, x.role, r.record_type, r.content, r.created_at from v_warning_records x join v_records r using (record_id)")
    for form in ("table", "json", "csv", "html"):
        text = export(listed, form, None, "zh", {}, records, cards={card["warning_id"]: card})
        assert "看心情" not in text and "随口要价" not in text and "4名来电人" not in text, form
    assert "货架没有价签" in text


def test_quotations_are_chosen_for_variety_of_different_callers(town):
    ids = [r for k in range(6) for r in town.come(0, "i1", f"a{k}", content="甲记超市货架没有价签")] + town.come(0, "i1", "b", content="结账比标签贵两元") + town.come(
        0, "i1", "c", content="结账比标签贵两元，同一人又说", caller_key="b")
    town.night(0, a_matter(0, ids, "i1"))
    said = [q["text"] for q in town.card()["quotations"]]
    assert sorted(said) == ["甲记超市货架没有价签", "结账比标签贵两元"]


def test_earlier_matters_of_the_same_respondent_come_first_then_of_the_place_then_of_the_problem(town):
    def past(k, shop, place, code):
        town.night(k, a_matter(0, shops(town, k, f"p{k}", shop, fine_place=place, street_code=code), f"p{k}", fine_place=place, streets=[place]))
        warning_id = town.house.select("warning", "incident_id = :i", i=f"p{k}")["warning_id"][0]
        town.does(warning_id, "close", Given(verdict="confirmed" if k % 2 else "partly", measures=f"措施{k}", unit="SEC-PRICE"), k)

    for k, (shop, place, code) in enumerate([("甲记超市", "玉桥街道", "110112004"), ("乙", "中仓街道", "110112001"), ("丙", "玉桥街道", "110112004"), ("丁", "玉桥街道", "110112004")]):
        past(k, shop, place, code)
    town.night(5, a_matter(0, shops(town, 5, "now"), "now"))
    card = town.card(town.house.select("warning", "incident_id = 'now'")["warning_id"][0], 5)
    assert [(p["likeness"], p["measures"], p["verdict"]) for p in card["past"]] == [("respondent", "措施0", "partly"), ("place", "措施1", "confirmed"), ("problem", "措施3", "confirmed")]
    page = Words(warning_page(town.house.read("v_warnings"), cards={card["warning_id"]: card}, lang="zh")).text
    assert "同一主体" in page and "核查部分属实；措施0" in page


def test_the_page_and_the_table_say_what_the_card_says_in_either_language(town):
    town.night(0, a_matter(0, shops(town), "i1", problem_code="special.elevator_trapped", problems=["special.elevator_trapped"], kind="sentinel", subject="record", rule="lift_trapped",
                           expected=None, p_value=None))
    card, listed = town.card(), town.house.read("v_warnings")
    assert card["level"] == "red" and card["tell_at_once"]["hours"] == 2
    assert [u["code"] for u in card["tell_at_once"]["units"]] == ["LDR-SAFE", "SEC-SPEC", "DEP-FIRE", "DEP-HOUSING"]
    for lang in ("zh", "en"):
        told = {"page": Words(warning_page(listed, cards={card["warning_id"]: card}, lang=lang, translate=True)).text,
                "csv": export(listed, "csv", None, lang, {}, cards={card["warning_id"]: card}, translate=True)}
        for form, text in told.items():
            for wanted in (card["title"][lang], card["first_action"][lang], card["lead_unit"][lang], *(u["because"][lang] for u in card["co_units"]), card["clock"]["source"]):
                assert wanted in text.replace('""', '"'), (form, wanted)
            assert ("请立即告知分管质量与特种设备副局长" if lang == "zh" else "Tell Deputy director, quality and special equipment") in text.replace('""', '"')
    rows = list(csv.DictReader(io.StringIO(told["csv"])))
    assert rows[0]["Working days left"] == "7" and rows[0]["Clock's source"] == card["clock"]["source"]


def test_either_id_of_a_merged_warning_gives_the_card_of_the_one_that_lives_and_an_unknown_one_is_told(town, capsys):
    town.night(0, a_matter(0, shops(town), "i1"))
    living = town.only()["warning_id"]
    town.house.publish(Publication({"run_id": "m", "kind": "nightly", "run_date": DAY, "as_of": moment(0), "outcome": "ok"}, known_to=moment(0), writes=[
        write("warning", pl.DataFrame([{**town.only(), "warning_id": "gone", "status": "merged", "merged_into": living}], infer_schema_length=None).cast(
            {c: pl.String for c, v in town.only().items() if v is None}), "insert")]))
    capsys.readouterr()
    assert show_card(town.house.settings, "gone") == 0
    assert json.loads(capsys.readouterr().out)["warning_id"] == living
    with pytest.raises(BadUsage):
        show_card(town.house.settings, "nobody")


@pytest.mark.parametrize("day", [date(2000, 1, 1), DAY])
def test_every_type_of_problem_has_a_first_action_of_its_own_in_both_languages(day):
    said = {c: (first_action(c, day), first_action(c, day, "en")) for c in taxonomy().codes()}
    assert all(zh and en and not any("一" <= x <= "鿿" for x in en) for zh, en in said.values())
    assert not [c for c, (zh, _) in said.items() if zh == first_action(None, day)] and first_action("found:7", day) == first_action(None, day)
