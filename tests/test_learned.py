"""The taxonomy's learned part: taught from what rules and staff decided, known from its moment on, asked where the rules say nothing."""
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from flows import learned
from flows.explain import explain
from flows.learned import MODEL, SURE, lessons, report, taught
from flows.places import places_of
from flows.problem_decisions import NOTHING_KNOWN
from policy.catalogue import say
from tests.boards import workbook
from tests.houses import NIGHTS, board, lived, night, opened, upto  # noqa: F401

#: Of the buses, in words that no rule has.
UNHEARD = ("A7县翠竹小区上班高峰等半个小时", "我住在A7县翠竹小区，班次太少，上班高峰等半个小时。11栋业主希望有关部门重视。")


def teach(moment, dry_run=False):
    from flows.teaching import teach_house
    house = opened()
    try:
        return teach_house(house, moment, dry_run)
    finally:
        house.warehouse.close()


def of_the_house(read):
    house = opened()
    try:
        return read(house)
    finally:
        house.warehouse.close()


def last_night(house):
    return house.warehouse.read("select as_of from run where kind = 'nightly'")["as_of"].max()


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(learned, "LEAST", 10)


def one_more(rows, path):
    """The next night's export, with a message that no rule has a word for."""
    mine = rows.tail(1).with_columns(pl.lit("299999").alias("留言编号"), pl.lit(UNHEARD[0]).alias("留言主题"), pl.lit(UNHEARD[1]).alias("留言详情"))
    return workbook(pl.concat([rows, mine]), path)


def code_of(house):
    return house.warehouse.read("select problem_code from record where source_record_id = '299999'")["problem_code"][0]


def test_what_the_rules_leave_over_is_told_by_what_they_taught_from_the_moment_of_the_lesson_on(lived, few, board, tmp_path, capsys):  # noqa: F811
    moment = of_the_house(last_night) + timedelta(hours=3)
    rows = teach(moment)
    assert {r["code"] for r in rows} >= {"traffic.bus", "env.noise_construction"} and all(r["texts"] >= 10 for r in rows)
    # A replay of an earlier night, and of one before anything was taught, does not know it.
    assert of_the_house(lambda h: [taught(h.warehouse, rows[0]["place"], at) is None for at in (moment - timedelta(seconds=1), moment, None)]) == [True, False, False]
    assert night(one_more(upto(board, NIGHTS[2]), tmp_path / "more.xlsx"), day=NIGHTS[2]).row["outcome"] in ("ok", "notices")
    assert of_the_house(code_of) == "traffic.bus"
    capsys.readouterr()
    assert explain(lived, "message_board:299999") == 0 and say("explain.learned", lived.lang).strip() in capsys.readouterr().out
    other = of_the_house(lambda h: h.warehouse.read("select record_id from record where title like '%公交车%' limit 1")["record_id"][0])
    assert explain(lived, other) == 0 and "公交" in capsys.readouterr().out.split(say("explain.words", lived.lang, words="").strip())[1]


def test_never_taught_only_rules_speak_and_a_trial_keeps_nothing(lived, few, board, tmp_path):  # noqa: F811
    assert teach(of_the_house(last_night) + timedelta(hours=3), dry_run=True)
    night(one_more(upto(board, NIGHTS[2]), tmp_path / "more.xlsx"), day=NIGHTS[2])
    assert of_the_house(code_of) != "traffic.bus"
    assert of_the_house(lambda h: h.warehouse.dataset(MODEL).collect()).is_empty()
    assert of_the_house(lambda h: h.warehouse.read("select outcome from run where kind = 'learn'")["outcome"].to_list()) == ["ok"]


def test_lessons_are_of_different_texts_of_codes_that_have_enough_and_end_with_the_moment(lived, few):  # noqa: F811
    def asked(house, moment):
        place = places_of(house.mappings, ["message_board"])[0]
        return lessons(house.warehouse, place, moment, NOTHING_KNOWN)
    moment = of_the_house(last_night)
    told = of_the_house(lambda h: asked(h, moment))
    assert told.select("title", "content").is_unique().all() and told.group_by("code").len()["len"].min() >= 10
    # 29 records about the plant and the building sites, 17 of them in words of their own.
    assert told.filter(pl.col("code") == "env.noise_construction").height == 17
    assert of_the_house(lambda h: asked(h, moment - timedelta(days=60))).is_empty()


def test_the_report_counts_what_unseen_texts_are_told_as():
    sure, unsure = SURE + (1 - SURE) / 2, SURE - 0.1
    p = np.array([[sure, 1 - sure], [unsure, 1 - unsure], [1 - sure, sure], [sure, 1 - sure], [1 - sure, sure]])
    model = SimpleNamespace(model_=SimpleNamespace(unseen_=p), classes_=np.array(["a", "b"]))
    rows = report(model, np.array(["a", "a", "a", "b", "b"])).rows()
    assert rows == [("a", 3, 2, 1, 0.5, 1 / 3), ("b", 2, 2, 1, 0.5, 0.5)]
