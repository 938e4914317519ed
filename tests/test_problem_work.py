"""Decisions on found problems: noted with who, when and what, followed by the nights that know them, and by no other."""
import json
from datetime import date, datetime

import polars as pl
import pytest

from flows.classify import STATE, found_problems, known_problems
from flows.places import Place
from flows.problem_decisions import NOTHING_KNOWN, Known
from flows.problem_work import decide_problem
from sources.mapping import load_mappings, shipped
from tests.engines import house  # noqa: F401
from tests.houses import enter
from tests.lake_rows import at
from tests.test_discovered_problems import THEMES, texts
from warehouse.publication import Publication

PLACE = Place("message_board", {"message_board": load_mappings(shipped())["message_board"]})
MONDAY, NEXT = date(2026, 5, 4), date(2026, 5, 11)


def a_night(into, day, themes=THEMES):
    """A night on which people say the same again, published: the records with their problems, in the same order every night, and their themes."""
    frame, truth = texts(60, 1, themes)
    ids = str(day) + "-" + pl.int_range(frame.height, eager=True).cast(pl.String)
    rows = frame.with_columns(("message_board:" + ids).alias("record_id"), ("h" + ids).alias("row_hash"), pl.col("created_at").dt.date().alias("local_date"))
    as_of = at(f"{day} 16:00")
    kept = into.dataset(STATE, as_of, [PLACE.key], newest=True).collect()
    state = kept["state"][-1] if "state" in kept.columns else None
    found = found_problems(rows, rows.clear(), lambda earlier: earlier, state, PLACE, day, as_of, f"r{day}", Known.of(into.decisions(as_of)))
    into.publish(Publication({"run_id": f"r{day}", "kind": "nightly", "run_date": day, "as_of": as_of, "outcome": "ok"}, [w for w in found.writes if not w.is_empty], found.lake))
    return rows.select("record_id", "title", "content").with_columns(pl.Series("theme", truth)).join(found.records, on="record_id", how="left", maintain_order="left")


def has(word):
    return pl.any_horizontal(pl.col("title", "content").str.contains(word))


@pytest.fixture
def decided(house, monkeypatch):  # noqa: F811
    """A house with the problems that its first Monday found: it, that night's records, the largest problem of each theme, and how people decide at a moment."""
    enter(monkeypatch, house.settings)
    told = a_night(house, MONDAY)
    sizes = told.drop_nulls("problem_id").group_by("theme", "problem_id").len().sort("len", "problem_id")

    def say(moment: str, problem: str, act: str, **given):
        assert decide_problem(house.settings, problem, act, "周会商", "分析岗", False, at=at(moment), **given) == 0
    return house, told, dict(sizes.select("theme", "problem_id").iter_rows()), say


def parting_word(rows, theme):
    """The word of a theme that parts these texts most evenly."""
    return min(THEMES[theme][1], key=lambda w: (abs(rows.select(has(w)).to_series().mean() - 0.5), w))


def test_a_night_follows_what_was_decided_by_its_as_of_and_both_ids_stay(decided):
    house, monday, home, say = decided                                       # noqa: F811
    dogs, dance, bikes, boxes = (home[t] for t in ("流浪狗", "广场舞", "共享单车", "快递柜"))
    of = {p: monday.select((pl.col("problem_id") == p).fill_null(False)).to_series() for p in (dogs, dance, bikes, boxes)}
    word = parting_word(monday.filter(of[bikes]), "共享单车")
    say("2026-05-05 17:00", dogs, "merge", into=dance)
    say("2026-05-05 17:01", dance, "name", name="社区秩序")
    say("2026-05-05 17:02", bikes, "split", words=[word], name="单车押金")
    say("2026-05-05 17:03", boxes, "pin")
    assert a_night(house, date(2026, 5, 5))["problem_id"].to_list() == monday["problem_id"].to_list()
    assert house.read("v_problem_lineage")["kind"].unique().to_list() == ["born"]
    wednesday = a_night(house, date(2026, 5, 6))
    both = wednesday.filter(of[dogs] | of[dance])
    assert both["problem_id"].unique().to_list() == [dance] and both["problem_name"].unique().to_list() == ["社区秩序"]
    rows = {r["problem_id"]: r for r in house.read("v_problems").iter_rows(named=True)}
    new = next(p for p, r in rows.items() if r["name"] == "单车押金")
    was = wednesday.filter(of[bikes])
    assert was.filter(has(word))["problem_id"].unique().to_list() == [new] and was.filter(~has(word))["problem_id"].unique().to_list() == [bikes]
    assert rows[dogs]["merged_into"] == dance and rows[dogs]["ended_on"] == date(2026, 5, 6) and rows[boxes]["pinned"] and rows[dance]["ended_on"] is None
    told = set(house.read("v_problem_lineage").filter(pl.col("day") > MONDAY).select("kind", "problem_id", "other", "reason").rows())
    assert {("merged", dogs, dance, "decided"), ("born", new, bikes, "decided"), ("split", bikes, new, "decided")} <= told
    # The next Monday fits anew, leaves it so, and says none of it again.
    again = a_night(house, NEXT)
    held = again.filter(of[dogs] | of[dance])["problem_id"]
    assert (held == dance).fill_null(False).mean() >= 0.9 and dogs not in held
    assert set(again.filter(of[bikes])["problem_id"].drop_nulls()) == {new, bikes}
    assert house.read("v_problem_lineage").filter((pl.col("day") == NEXT) & (pl.col("reason") == "decided")).is_empty()
    audit = house.read("decision").sort("known_at").select("decided_by", "reason", "details").rows()
    assert [(json.loads(d)["act"], who, why) for who, why, d in audit] == [(a, "分析岗", "周会商") for a in ("merge", "name", "split", "pin")]


def test_the_command_line_leads_from_an_old_id_to_the_living_and_shows_who_decided(decided, capsys):
    from flows.cli import run as weisu
    house, _, home, say = decided                                            # noqa: F811
    dogs, dance, bikes = (home[t] for t in ("流浪狗", "广场舞", "共享单车"))
    say("2026-05-05 17:00", dogs, "merge", into=dance)
    say("2026-05-05 17:01", dance, "pin")
    a_night(house, date(2026, 5, 6))
    capsys.readouterr()
    assert weisu(["explain", dogs, "--lang", "en"]) == 0
    told = capsys.readouterr().out
    assert f"{dogs} lives on in {dance}" in told and f"merged into {dance}: decided by people" in told and "2026-05-06 01:01 分析岗: pinned (周会商)" in told
    assert weisu(["problems", "history", "found:" + dogs, "--lang", "en"]) == 0
    assert capsys.readouterr().out.strip() == "2026-05-06 01:01 分析岗: pinned (周会商)"
    assert weisu(["problems", "--format", "json"]) == 0
    assert {p["problem_id"] for p in json.loads(capsys.readouterr().out)} == set(house.read("v_problems").filter(pl.col("ended_on").is_null())["problem_id"]) >= {dance, bikes}
    for wrong in (["merge", dogs, dance], ["split", bikes, "--words", "押"], ["promote", bikes, "--to", "nothing.of_it", "--words", "单车"],
                  ["promote", bikes, "--to", "price.bikes", "--words", "单车"], ["pin", "p000"]):
        assert weisu(["problems", *wrong]) == 2, wrong
    assert house.read("decision").height == 2


def test_what_is_promoted_is_the_taxonomys_by_its_words_and_by_its_likeness(decided):
    house, monday, home, say = decided                                       # noqa: F811
    bikes = home["共享单车"]
    say("2026-05-05 17:00", bikes, "promote", code="env.shared_bikes", words=["共享电单车"], name="共享单车乱停")
    wednesday = a_night(house, date(2026, 5, 6))
    mine = wednesday.filter(monday["problem_id"] == bikes)
    assert mine.select("problem_id", "problem_code", "problem_name").unique().rows() == [(bikes, "env.shared_bikes", "共享单车乱停")] and mine.height >= 8
    rest = wednesday.filter(monday["problem_id"] != bikes)
    assert rest["problem_code"].str.starts_with("found:").all()
    assert house.read("v_problems").filter(pl.col("problem_id") == bikes).select("promoted_to", "pinned").rows() == [("env.shared_bikes", True)]
    said = pl.DataFrame({"record_id": ["message_board:x", "message_board:y"], "source_id": ["message_board"] * 2, "title": ["共享电单车车筐破了", "路灯不亮"],
                         "content": ["共享电单车车筐破了", "路灯坏了"], "local_date": [date(2026, 5, 6)] * 2}).with_columns(pl.lit(None, pl.String).alias(f"source_category_{n}") for n in (1, 2, 3))
    bureau = Place("tongzhou", {"message_board": load_mappings(shipped())["message_board"].model_copy(update={"problems": "taxonomy"})})
    later, before = (known_problems(said, bureau, known)["problem_code"].to_list() for known in (Known.of(house.decisions(at("2026-05-06 16:00"))), NOTHING_KNOWN))
    assert later[0] == "env.shared_bikes" and before[0] != "env.shared_bikes" and later[1] == before[1]
    assert Known.of(house.decisions(at("2026-05-05 16:00"))).digest == ""


def test_the_later_word_counts_and_mergers_in_a_row_lead_to_the_last():
    rows = [("merge", "a", {"into": "b"}), ("merge", "b", {"into": "c"}), ("pin", "d", {}), ("unpin", "d", {}), ("split", "c", {"words": ["x1"], "new": "e"}), ("name", "c", {"name": "一"}), ("name", "c", {"name": "二"}),
            ("merge", "c", {"into": "a"}), ("name", "elsewhere", {"name": "三"})]
    frame = pl.DataFrame([(f"P{n}", datetime(2026, 5, 1, n), "problem", who, json.dumps({"act": act, **more})) for n, (act, who, more) in enumerate(rows)],
                         schema=["decision_id", "known_at", "kind", "subject", "details"], orient="row")
    said, ids = Known.of(frame).by_number({0: "a", 1: "b", 2: "c", 3: "d"}, 7)
    assert dict(said.merged) == {0: 2, 1: 2} and said.pinned == frozenset() and said.names == {2: "二"} and ids[7] == "e"
    assert [(s.number, s.new, s.words) for s in said.splits] == [(2, 7, ("x1",))] and said.next_number == 8
    again, _ = Known.of(frame).by_number(ids, 20)
    assert again == said


def test_a_part_that_no_night_has_seen_yet_can_be_spoken_of(decided):
    house, monday, home, say = decided                                       # noqa: F811
    word = parting_word(monday.filter(pl.col("problem_id") == home["共享单车"]), "共享单车")
    say("2026-05-05 17:00", home["共享单车"], "split", words=[word])
    new = json.loads(house.read("decision")["details"][0])["new"]
    say("2026-05-05 17:01", new, "name", name="单车押金")
    a_night(house, date(2026, 5, 6))
    assert dict(house.read("v_problems").select("problem_id", "name").rows())[new] == "单车押金"
