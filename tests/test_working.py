"""Working a warning: what each step needs, two people at once, the trail, a bureau's own screens, and what a night makes of what people did meanwhile."""
import json
import threading
from datetime import date, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.working import said
from policy.lifecycle import ACTIONS, OPEN, Given, Illegal, Lacking, UnknownUnit, after, changes
from policy.units import units
from tests.engines import ENGINES, house, ready_house  # noqa: F401
from tests.lake_rows import at, warning, write
from warehouse.engine import writing
from warehouse.publication import Publication
from warehouse.reading import fetch_table
from warehouse.store import Warehouse
from warehouse.tables import metadata
from warehouse.warning_work import Stale, Unknown, act, apply_requests, as_of, family, worked_upon

NIGHT = at("2026-06-02 16:00")
MORNING = NIGHT + timedelta(hours=9)
DONE = Given(verdict="confirmed", measures="已责令整改", unit="ST-001")


def a_warning(warning_id="w1", **more):
    return warning(warning_id, **{"status": "new", "lang": "zh", "pack": "tongzhou", "change_no": 1, "source_ids": ["s"], "as_of": NIGHT, "run_id": "r1", **more})


def publish(house, *rows, run_id="r1", as_of=NIGHT, mode="insert"):  # noqa: F811
    house.publish(Publication(run={"run_id": run_id, "kind": "nightly", "run_date": as_of.date(), "as_of": as_of, "outcome": "ok"},
                              writes=[write("warning", list(rows), mode)], known_to=as_of))


def row_of(house, warning_id="w1"):  # noqa: F811
    return house.select("warning", "warning_id = :w", w=warning_id).row(0, named=True)


def trail(house, warning_id="w1"):  # noqa: F811
    return [(e["kind"], e["done_by"], e["note"]) for e in house.select("warning_event", "warning_id = :w", w=warning_id).sort("known_at", "event_id").iter_rows(named=True)]


def test_a_warning_is_worked_to_its_end_and_the_trail_says_by_whom(house):  # noqa: F811
    publish(house, a_warning())
    steps = [("acknowledge", Given()), ("assign", Given(unit="SEC-CATER")), ("own", Given(owner="LDR-FOOD")), ("start", Given()), ("note", Given(note="去过一次")),
             ("snooze", Given(note="待检测结果", until=date(2026, 6, 20))), ("start", Given()), ("close", Given(verdict="partly", measures="已约谈"))]
    for n, (action, what) in enumerate(steps):
        assert act(house.engine, "w1", action, what, MORNING + timedelta(minutes=n), "desk", seen=n + 1).change_no == n + 2
    row = row_of(house)
    assert (row["status"], row["verdict"], row["measures"], row["snoozed_until"]) == ("closed", "partly", "已约谈", None)
    assert row["assigned_to"] == row["handled_by"] == units("tongzhou").unit_name("SEC-CATER") and row["owner"] == "分管食品药品副局长"
    assert (row["closed_on"], row["closed_at"]) == (date(2026, 6, 3), MORNING + timedelta(minutes=7))
    assert [k for k, _, _ in trail(house)] == ["acknowledged", "assigned", "owned", "started", "noted", "snoozed", "started", "closed"]
    last = house.select("warning_event", "kind = 'closed'").row(0, named=True)
    assert json.loads(last["changes"])["verdict"] == [None, "partly"] and json.loads(last["facts"])["source_ids"] == ["s"]
    act(house.engine, "w1", "reopen", Given(), MORNING + timedelta(hours=1))
    assert {row_of(house)[c] for c in ("verdict", "measures", "handled_by", "closed_on", "closed_at")} == {None}
    assert house.read("v_warning_events").height == 9 and house.read("v_work")["change_no"].to_list() == [10]


@pytest.mark.parametrize(("action", "what", "error"), [
    ("close", Given(measures="x", unit="ST-001"), "verdict"), ("close", Given(verdict="confirmed", unit="ST-001"), "measures"),
    ("close", Given(verdict="confirmed", measures="x"), "unit"), ("close", Given(verdict="perhaps", measures="x", unit="ST-001"), "verdict"),
    ("assign", Given(), "unit"), ("own", Given(), "owner"), ("snooze", Given(until=date(2026, 7, 1)), "until"), ("snooze", Given(note="x"), "until"),
    ("snooze", Given(note="x", until=date(2026, 6, 3)), "until"), ("assign", Given(unit="城管"), UnknownUnit), ("close", Given(verdict="partly", measures="x", unit="ST-999"), UnknownUnit),
])
def test_a_step_without_what_it_needs_says_what_is_missing(action, what, error):
    row = {"status": "new", "pack": "tongzhou", "lang": "zh", "assigned_to": None}
    with pytest.raises(UnknownUnit if error is UnknownUnit else Lacking) as refused:
        changes(action, row, what, MORNING)
    assert error is UnknownUnit or refused.value.what == error
    assert said(refused.value, "w1", action, "zh") and said(refused.value, "w1", action, "en")


def test_where_no_pack_covers_the_place_a_unit_is_whatever_it_is_called_and_closing_needs_none():
    row = {"status": "new", "pack": None, "lang": "zh", "assigned_to": None}
    assert changes("close", row, Given(verdict="unfounded", measures="核实无此事"), MORNING)["handled_by"] is None
    assert changes("assign", row, Given(unit="三科"), MORNING)["assigned_to"] == "三科"


def test_a_unit_is_known_by_its_code_or_its_name_in_either_language():
    row = {"status": "new", "pack": "tongzhou", "lang": "en", "assigned_to": None}
    names = {changes("assign", row, Given(unit=name), MORNING)["assigned_to"] for name in ("SEC-CATER", "餐饮服务监督管理科", "Catering section")}
    assert names == {"Catering section"}


def at_once(*doings):
    """Runs them in threads that start together; what each returned or raised."""
    gate, out = threading.Barrier(len(doings)), [None] * len(doings)

    def go(n, doing):
        gate.wait()
        try:
            out[n] = doing()
        except Exception as error:
            out[n] = error

    threads = [threading.Thread(target=go, args=pair) for pair in enumerate(doings)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return out


def test_of_two_dispatchers_at_once_one_wins_and_the_other_is_told(house):  # noqa: F811
    publish(house, a_warning())
    for turn in range(5):
        seen = row_of(house)["change_no"]
        ended = at_once(*(lambda who=who, at=MORNING + timedelta(seconds=turn), seen=seen: act(house.engine, "w1", "assign", Given(unit=who), at, who, seen) for who in ("ST-001", "ST-002")))
        lost = [e for e in ended if isinstance(e, Stale)]
        assert len(lost) == 1 and lost[0].seen == seen and lost[0].row["change_no"] == seen + 1
        assert "看" in said(lost[0], "w1", "assign", "zh") and "someone else" in said(lost[0], "w1", "assign", "en")
        assert row_of(house)["change_no"] == seen + 1
    kinds = [(k, who) for k, who, _ in trail(house)]
    assert len(kinds) == 10 and [k for k, _ in kinds].count("refused") == 5 and {who for _, who in kinds} == {"ST-001", "ST-002"}


def test_an_illegal_step_leaves_a_line_and_nothing_else(house):  # noqa: F811
    publish(house, a_warning())
    with pytest.raises(Illegal):
        act(house.engine, "w1", "start", Given(), MORNING, "desk")
    assert row_of(house)["change_no"] == 1 and trail(house) == [("refused", "desk", "start: illegal while new")]
    with pytest.raises(Unknown):
        act(house.engine, "nobody", "note", Given(note="x"), MORNING)


def test_both_ids_of_a_merged_warning_resolve(house):  # noqa: F811
    publish(house, a_warning(), a_warning("w2", status="merged", merged_into="w1"), a_warning("w3", status="merged", merged_into="w2"))
    done = act(house.engine, "w3", "acknowledge", Given(), MORNING, "desk")
    assert done.warning_id == "w1" and row_of(house)["status"] == "acknowledged" and row_of(house, "w3")["status"] == "merged"
    assert "w1" in said(done, "w3", "acknowledge", "zh")
    with house.engine.connect() as connection:
        assert [family(connection, w) for w in ("w1", "w3", "x")] == [["w1", "w2", "w3"], ["w1", "w2", "w3"], []]


def test_what_own_screens_ask_for_is_done_once_with_the_same_checks(house):  # noqa: F811
    publish(house, a_warning(), a_warning("w2"))
    asked = [{"request_id": "1", "warning_id": "w1", "action": "acknowledge", "done_by": "大屏", "seen_no": 1},
             {"request_id": "2", "warning_id": "w1", "action": "close", "verdict": "confirmed", "measures": "已整改"},
             {"request_id": "3", "warning_id": "w1", "action": "assign", "unit": "ST-001", "seen_no": 1},
             {"request_id": "4", "warning_id": "w2", "action": "explode"}, {"request_id": "5", "warning_id": "w9", "action": "note", "note": "x"},
             {"request_id": "6", "warning_id": "w1", "action": "assign", "unit": "ST-001", "seen_no": 2}]
    with writing(house.engine) as connection:
        for row in asked:
            connection.execute(sa.insert(metadata.tables["work_request"]).values(**row))
    ended = apply_requests(house.engine, MORNING, lambda what, request: said(what, request["warning_id"], request["action"], "zh"))
    assert [r["outcome"] for r in ended] == ["done", "refused", "refused", "refused", "refused", "done"] and all(r["message"] for r in ended)
    assert (row_of(house)["status"], row_of(house)["change_no"]) == ("assigned", 3)
    assert apply_requests(house.engine, MORNING, str) == []
    with house.engine.connect() as connection:
        assert fetch_table(connection, metadata.tables["work_request"])["applied_at"].to_list() == [MORNING] * 6


# ---- PostgreSQL's own function --------------------------------------------------------------------------------------------------


@pytest.fixture
def postgres(tmp_path):
    warehouse = Warehouse(ready_house("postgresql", tmp_path / "home"))
    yield warehouse
    warehouse.close()


def call(house, warning_id, action, **more):  # noqa: F811
    names = "".join(f", in_{c} => :{c}" for c in more)
    with writing(house.engine) as connection:
        return connection.execute(sa.text(f"select * from weisu_work(:w, :a{names})"), {"w": warning_id, "a": action, **more}).mappings().one()


def test_the_function_takes_the_steps_that_policy_allows_and_no_others(postgres):
    given = {"unit": "ST-001", "owner": "LDR-FOOD", "verdict": "confirmed", "measures": "x", "note": "x", "until": date(2999, 1, 1)}
    publish(postgres, *(a_warning(f"{status}-{action}", status=status) for status in (*OPEN, "closed", "expired") for action in ACTIONS))
    for status in (*OPEN, "closed", "expired"):
        for action in ACTIONS:
            answer = call(postgres, f"{status}-{action}", action, by="screen", **given)
            try:
                leads = after(status, action)
            except Illegal:
                assert (answer["done"], answer["reason"], answer["status"]) == (False, "illegal", status)
                continue
            assert answer["done"] and answer["status"] == leads == row_of(postgres, f"{status}-{action}")["status"]
    assert trail(postgres, "new-start") == [("refused", "screen", "start: illegal")]


def test_the_function_sets_what_the_command_sets(postgres):
    publish(postgres, a_warning("a"), a_warning("b"))
    steps = [("assign", {"unit": "SEC-CATER"}), ("own", {"owner": "LDR-FOOD"}), ("snooze", {"note": "x", "until": date(2999, 1, 1)}), ("start", {}),
             ("close", {"verdict": "confirmed", "measures": "已整改", "unit": "ST-001"}), ("reopen", {}), ("close", {"verdict": "unfounded", "note": "无此事"})]
    for n, (action, what) in enumerate(steps):
        assert call(postgres, "a", action, seen=n + 1, by="desk", **what)["change_no"] == n + 2
        act(postgres.engine, "b", action, Given(**what), datetime.now(MORNING.tzinfo), "desk", n + 1)
    one, two = ({c: v for c, v in row_of(postgres, w).items() if c not in ("warning_id", "closed_at")} for w in "ab")
    assert one == two and row_of(postgres, "a")["closed_at"] is not None
    events = [[(e["kind"], e["done_by"], e["note"], sorted(json.loads(e["changes"])), sorted(json.loads(e["facts"] or "{}")))
               for e in postgres.select("warning_event", "warning_id = :w", w=w).sort("known_at").iter_rows(named=True)] for w in "ab"]
    assert events[0] == events[1]


def test_the_function_says_what_is_missing_and_who_was_quicker(postgres):
    publish(postgres, a_warning("w1"), a_warning("w2", status="merged", merged_into="w1"))
    asked = [("close", {"measures": "x", "unit": "ST-001"}, "verdict"), ("close", {"verdict": "partly", "unit": "ST-001"}, "measures"),
             ("close", {"verdict": "partly", "measures": "x"}, "unit"), ("assign", {"unit": "城管"}, "unknown_unit"), ("assign", {}, "unit"), ("own", {}, "owner"),
             ("snooze", {"note": "x", "until": date(2020, 1, 1)}, "until"), ("acknowledge", {"seen": 7}, "stale"), ("explode", {}, "illegal")]
    for action, what, reason in asked:
        answer = call(postgres, "w2", action, **what)
        assert (answer["done"], answer["reason"], answer["warning_id"], answer["change_no"]) == (False, reason, "w1", 1) and answer["message"]
    assert call(postgres, "w9", "note", note="x")["reason"] == "unknown"
    ended = at_once(*(lambda who=who: call(postgres, "w1", "acknowledge", seen=1, by=who) for who in "ab"))
    assert sorted((e["done"], e["reason"] or "") for e in ended) == [(False, "stale"), (True, "")]


# ---- people and nights -------------------------------------------------------------------------------------------------------------


def test_what_people_did_after_the_as_of_stands_over_what_the_night_writes_and_the_night_does_not_see_it(house):  # noqa: F811
    publish(house, a_warning(title="一", n_records=1))
    act(house.engine, "w1", "assign", Given(unit="ST-001"), NIGHT + timedelta(hours=9), "desk")
    later = NIGHT + timedelta(days=1)
    act(house.engine, "w1", "close", DONE, later + timedelta(hours=1), "desk")        # after midnight, before the night has run
    stood = as_of(house.select("warning", "warning_id = 'w1'"), house.acts(later)).row(0, named=True)
    assert (stood["status"], stood["verdict"], stood["closed_on"], stood["closed_at"], stood["change_no"]) == ("assigned", None, None, None, 2)
    told = {**stood, "title": "二", "n_records": 2, "as_of": later, "change_no": 3}
    publish(house, {c: v for c, v in told.items() if v is not None}, run_id="r2", as_of=later, mode="upsert")
    row = row_of(house)
    assert (row["title"], row["n_records"], row["status"], row["verdict"], row["closed_at"], row["change_no"]) == (
        "二", 2, "closed", "confirmed", later + timedelta(hours=1), 4)
    with pytest.raises(Stale):
        act(house.engine, "w1", "note", Given(note="x"), later + timedelta(hours=9), "desk", seen=3)


STEPS = st.lists(st.sampled_from(sorted(ACTIONS)), max_size=8)


@settings(max_examples=40)
@given(STEPS, STEPS)
def test_undoing_what_people_did_is_the_opposite_of_doing_it(before, since):
    row = dict.fromkeys(c.name for c in metadata.tables["warning"].c) | a_warning()
    start, events = row, []
    what = Given(unit="ST-001", owner="LDR-FOOD", verdict="confirmed", measures="m", note="n", until=date(2999, 1, 1))
    for n, action in enumerate([*before, *since]):
        moment = NIGHT + timedelta(hours=n - len(before), minutes=30)
        try:
            sets = changes(action, row, what, moment)
        except Illegal:
            continue
        if n >= len(before):
            events.append({"warning_id": "w1", "known_at": moment, "event_id": f"{n:02d}", "changes": json.dumps({c: [row[c], v] for c, v in sets.items()}, default=str)})
        row = row | sets | {"change_no": row["change_no"] + 1}
        start = row if n < len(before) else start
    schema = {"warning_id": pl.String, "status": pl.String, "as_of": pl.Datetime("us", "UTC"), "change_no": pl.Int64, "assigned_to": pl.String, "owner": pl.String,
              "snoozed_until": pl.Date, "verdict": pl.String, "measures": pl.String, "handled_by": pl.String, "closed_on": pl.Date, "closed_at": pl.Datetime("us", "UTC")}
    frame = lambda r: pl.DataFrame([{c: r[c] for c in schema}], schema=schema)
    told = pl.DataFrame(events, schema={"warning_id": pl.String, "known_at": pl.Datetime("us", "UTC"), "event_id": pl.String, "changes": pl.String})
    assert as_of(frame(row), told).equals(frame(start)) and worked_upon(frame(start), told).equals(frame(row))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_rules_and_units_are_there_for_sql(engine, tmp_path):
    warehouse = Warehouse(ready_house(engine, tmp_path / "home"))
    legal = {(r["action"], r["status"], r["leads"]) for r in warehouse.read("work_rule").iter_rows(named=True)}
    assert legal == {(a, s, leads or s) for a, (allowed, leads) in ACTIONS.items() for s in allowed}
    assert {"ST-001", "SEC-CATER", "LDR-CHIEF", "SEC-DISPATCH"} <= set(warehouse.read("unit").filter(pl.col("pack") == "tongzhou")["code"])
    warehouse.close()
