"""What a night does to the life of its warnings: return, expiry, waking, merging, splitting, clocks, the ladder, and the outbox."""
import json
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from flows.life import tend
from flows.lists import due_list
from flows.night import earlier_warnings
from flows.places import places_of
from flows.running import House
from flows.warn import tell
from policy.catalogue import say
from policy.escalation import first_step, goes_up, rung
from policy.lifecycle import Given
from sources.mapping import load_mappings
from tests.engines import house, ready_house  # noqa: F401
from tests.lake_rows import at, write
from transforms.identity import identify
from transforms.matters import MATTER, Matters
from warehouse.publication import Publication
from warehouse.warning_work import act

DAY = date(2026, 6, 1)
PLACE = places_of(load_mappings(), ["market_supervision"])[0]


def moment(n):
    """The as-of of the n-th night."""
    return at("2026-06-01 16:00") + timedelta(days=n)


def a_record(record_id, n=0, **more):
    created = moment(n) - timedelta(hours=6)
    base = {"record_id": record_id, "source_id": "market_supervision", "title": "某店无明码标价", "content": f"反映某店无明码标价 {record_id}", "created_at": created,
            "local_date": created.date(), "row_hash": record_id, "caller_key": record_id, "street_code": "110112001", "problem_code": "price.unmarked",
            "problem_name": "未明码标价", "respondent_name": None, "first_known_at": created, "record_type": "complaint", "city": "北京市", "district": "通州区",
            "status": "open", "due_at": None, "signed_at": None, "first_reply_at": None, "fine_place": "中仓街道", "coarse_place": "通州区",
            "respondent_key": None, "incident_id": None}
    return {**base, **more}


_MOMENT = pl.Datetime("us", "UTC")
SCHEMA = {**dict.fromkeys(a_record("x"), pl.String), **dict.fromkeys(("created_at", "first_known_at", "due_at", "signed_at", "first_reply_at"), _MOMENT), "local_date": pl.Date}


def a_matter(n, ids, incident, **more):
    row = {"matter": n, "kind": "incident", "subject": "incident", "problem_code": "price.unmarked", "problems": ["price.unmarked"], "fine_place": "中仓街道",
           "coarse_place": "通州区", "incident_id": incident, "incidents": [incident], "streets": ["中仓街道"], "observed": float(len(ids)), "expected": 0.5,
           "p_value": 1e-6, "window": 3, "signals": [f"incident:{incident}"]}
    return {**row, **more}, [(n, r) for r in ids]


class Town:
    """A house whose nights are told their matters."""

    def __init__(self, warehouse, **settings):
        self.house, self.rows = warehouse, {}
        self.settings = warehouse.settings.model_copy(update=settings)

    def night(self, n, *matters, cap=60, **records):
        """Tells what (matter, its records) pairs say on night n; `records`: incident → how many new records come tonight."""
        day, as_of = DAY + timedelta(days=n), moment(n)
        frame = pl.DataFrame(list(self.rows.values()), schema=SCHEMA)
        told = Matters(pl.DataFrame([m for m, _ in matters], schema=MATTER), pl.DataFrame([p for _, pairs in matters for p in pairs], schema={
            "matter": pl.Int32, "record_id": pl.String}, orient="row"))
        earlier, behind = earlier_warnings(self.house, PLACE, day, as_of, self.settings.watch_days)
        said = tell(told, frame, earlier, behind, {}, PLACE, day, as_of, f"r{n}", cap, watch_days=self.settings.watch_days)
        tended = tend(said, earlier, behind, frame, self.house, PLACE, day, as_of, f"r{n}", self.settings)
        self.house.publish(Publication({"run_id": f"r{n}", "kind": "nightly", "run_date": day, "as_of": as_of, "outcome": "ok"}, known_to=as_of, writes=[
            write("warning", tended.warnings, "upsert"), write("warning_record", said.records, "replace", ("warning_id",)),
            write("warning_event", tended.events, "ignore"), write("outbox", tended.outbox, "ignore")]))
        return said

    def come(self, n, incident, *ids, **more):
        """Records of an incident that come on night n; their ids."""
        self.rows |= {r: a_record(r, n, incident_id=incident, **more) for r in ids}
        return list(ids)

    def does(self, warning_id, action, given=None, n=0):
        return act(self.house.engine, warning_id, action, given or Given(), moment(n) + timedelta(hours=9), "desk")

    def row(self, warning_id):
        return self.house.select("warning", "warning_id = :w", w=warning_id).row(0, named=True)

    def only(self):
        return self.house.read("warning").row(0, named=True)

    def kinds(self, warning_id):
        return self.house.select("warning_event", "warning_id = :w", w=warning_id).sort("known_at", "event_id")["kind"].to_list()

    def messages(self):
        return self.house.read("outbox").sort("created_at", "message_id").select("kind", "warning_id").rows()


@pytest.fixture
def town(house):  # noqa: F811
    return Town(house)


def test_the_same_matter_grows_closes_and_comes_back_under_its_id(town):
    ids = town.come(0, "i1", "a", "b", "c")
    town.night(0, a_matter(0, ids, "i1"))
    warning_id = town.only()["warning_id"]
    ids += town.come(1, "i1", "d")
    town.night(1, a_matter(0, ids, "i1"))
    assert (town.only()["n_records"], town.only()["change_no"]) == (4, 2)
    town.does(warning_id, "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 1)
    town.night(2, a_matter(0, ids, "i1"))                                                       # its signal still speaks, of nothing new
    assert town.only()["status"] == "closed"
    ids += town.come(50, "i1", "e")
    said = town.night(50, a_matter(0, ids, "i1"))
    row = town.only()
    assert (row["warning_id"], row["status"], row["n_records"], row["closed_on"], row["closed_at"]) == (warning_id, "reopened", 1, None, None)
    # What it had before its end is counted, and no evidence of its return.
    assert town.house.read("v_warning_records")["record_id"].to_list() == ids[-1:]
    told = say("warn.also.again", "zh", n=4, k=1, after=DAY + timedelta(2), since=DAY + timedelta(2))
    assert told in row["summary"]
    lead = dict(said.metrics.select("metric", "numerator").rows())
    assert (lead["records_before_warning"], lead["records_after_warning"]) == (1, 0)
    ids += town.come(51, "i1", "f")
    town.night(51, a_matter(0, ids, "i1"))
    row = town.only()
    assert row["n_records"] == 2 and told in row["summary"]
    assert [k for k in town.kinds(warning_id) if k != "escalated"] == ["raised", "updated", "closed", "recurred", "updated"]
    assert [m for m, _ in town.messages() if m != "escalated" and m != "overdue"] == ["raised", "level_raised", "reopened"]
    town.does(warning_id, "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 52)
    ids += town.come(60, "i1", "g")
    town.night(60, a_matter(0, ids, "i1"))
    assert say("warn.also.again", "zh", n=6, k=2, after=DAY + timedelta(53), since=DAY + timedelta(53)) in town.only()["summary"]


def test_after_its_watch_a_matter_is_a_new_warning_that_names_the_old(town):
    town.night(0, a_matter(0, town.come(0, "i1", "a", "b", "c"), "i1"))
    old = town.only()["warning_id"]
    town.does(old, "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 1)
    town.night(63, a_matter(0, town.come(63, "i1", "d", "e", "f"), "i1"))
    rows = town.house.read("warning").sort("raised_on")
    assert rows["status"].to_list() == ["closed", "new"] and rows["follows"].to_list() == [None, old]


def test_what_nobody_takes_up_expires_after_thirty_days_without_a_record_and_is_opened_again_like_a_closed_one(town):
    ids = town.come(0, "i1", "a", "b", "c")
    town.night(0, a_matter(0, ids, "i1"))
    warning_id = town.only()["warning_id"]
    town.night(29)
    assert town.only()["status"] == "new"
    town.night(30)
    row = town.only()
    assert (row["status"], row["verdict"], row["closed_on"]) == ("expired", None, DAY + timedelta(days=30))
    assert "expired" in town.kinds(warning_id) and ("expired", warning_id) in town.messages()
    ids += town.come(80, "i1", "d")
    town.night(80, a_matter(0, ids, "i1"))
    assert town.only()["status"] == "reopened"


def test_a_snooze_ends_on_its_day_or_when_the_matter_grows_graver(town):
    town.night(0, a_matter(0, town.come(0, "i1", "a", "b", "c"), "i1"), a_matter(1, town.come(0, "i2", "x", "y", "z"), "i2"))
    first, second = (town.house.select("warning", "incident_id = :i", i=i)["warning_id"][0] for i in ("i1", "i2"))
    for w in (first, second):
        town.does(w, "snooze", Given(note="待检测", until=DAY + timedelta(days=10)))
    more = town.come(3, "i2", *(f"m{n}" for n in range(30)))
    town.night(3, a_matter(0, [*"xyz", *more], "i2", observed=33.0))
    assert (town.row(first)["status"], town.row(second)["status"]) == ("snoozed", "acknowledged")
    town.night(8)
    assert town.row(first)["status"] == "snoozed"
    town.night(9)                                                                               # the list that staff read on its day
    assert (town.row(first)["status"], town.row(first)["snoozed_until"]) == ("acknowledged", None) and "woke" in town.kinds(first)


def test_two_that_prove_to_be_one_matter_are_merged_and_owner_and_evidence_move_over(town):
    one, two = town.come(0, "i1", "a", "b", "c"), town.come(1, "i2", "x", "y", "z")
    town.night(0, a_matter(0, one, "i1"))
    town.night(1, a_matter(0, two, "i2"))
    first, second = (town.house.select("warning", "incident_id = :i", i=i)["warning_id"][0] for i in ("i1", "i2"))
    town.does(second, "assign", Given(unit="SEC-PRICE"), 1)
    town.does(second, "own", Given(owner="LDR-MARKET"), 1)
    town.night(2, a_matter(0, one + two, "i1", incidents=["i1", "i2"]))
    lives, gone = town.row(first), town.row(second)
    assert (gone["status"], gone["merged_into"], gone["verdict"]) == ("merged", first, None)
    assert (lives["status"], lives["n_records"]) == ("assigned", 6) and lives["owner"] == "分管市场秩序与消保副局长" and lives["assigned_to"]
    assert "absorbed" in town.kinds(first) and ("merged", second) in town.messages()
    assert town.does(second, "start", n=3).warning_id == first


def test_the_part_that_leaves_is_a_new_warning_that_names_the_old(town):
    ids = town.come(0, "i1", "a", "b", "c", "x", "y", "z")
    town.night(0, a_matter(0, ids, "i1"))
    old = town.only()["warning_id"]
    town.come(0, "i2", "x", "y", "z")                                                          # the linker thinks better of it
    town.night(1, a_matter(0, ["a", "b", "c", *town.come(1, "i1", "d")], "i1"), a_matter(1, ["x", "y", "z"], "i2"))
    new = town.house.select("warning", "warning_id <> :w", w=old).row(0, named=True)
    behind = lambda w: town.house.select("warning_record", "warning_id = :w", w=w)["record_id"].to_list()
    assert new["follows"] == old and behind(old) == ["a", "b", "c", "d"] and behind(new["warning_id"]) == ["x", "y", "z"]
    town.night(2, a_matter(0, ["a", "b", "c", "d"], "i1"), a_matter(1, ["x", "y", "z"], "i2"))
    assert town.house.read("warning").height == 2


def test_incidents_that_a_warning_holds_together_do_not_part_because_they_speak_apart():
    matters = pl.DataFrame([a_matter(0, ["a"], "i1")[0], a_matter(1, ["x"], "i2")[0]], schema=MATTER)
    records = pl.DataFrame([(0, "a"), (1, "x")], schema={"matter": pl.Int32, "record_id": pl.String}, orient="row")
    warning = pl.DataFrame([{"warning_id": "w", "raised_on": DAY, "updated_on": DAY, "status": "new", "subject": "incident", "problem_code": "p", "incidents": ["i1", "i2"]}],
                           schema={"warning_id": pl.String, "raised_on": pl.Date, "updated_on": pl.Date, "status": pl.String, "subject": pl.String, "problem_code": pl.String,
                                   "fine_place": pl.String, "coarse_place": pl.String, "respondent_key": pl.String, "incidents": pl.List(pl.String), "series_id": pl.String, "closed_on": pl.Date})
    found = identify(matters, records, warning, pl.DataFrame([("w", "a"), ("w", "x")], schema={"warning_id": pl.String, "record_id": pl.String}, orient="row"), DAY)
    assert found.split.is_empty() and found.known["warning_id"].to_list() == ["w", "w"]


# ---- clocks and the ladder -----------------------------------------------------------------------------------------------------------


def test_a_warning_is_due_with_its_earliest_open_clock_and_is_told_once_when_it_runs_out(town):
    early, late = at("2026-06-05 08:00"), at("2026-06-09 08:00")
    town.come(0, "i1", "a", due_at=early)
    town.night(0, a_matter(0, ["a", *town.come(0, "i1", "b", "c", due_at=late)], "i1"))
    warning_id = town.only()["warning_id"]
    assert town.only()["due_at"] == early
    assert due_list_of(town, "due_soon", 2, at("2026-06-03 08:00")) == [warning_id] and due_list_of(town, "due_soon", 0, at("2026-06-03 08:00")) == []
    assert due_list_of(town, "overdue", 0, early) == [warning_id]
    town.rows["a"]["status"] = "closed"                                                         # its source says so: that clock has stopped
    town.night(1)
    assert town.only()["due_at"] == late and due_list_of(town, "overdue", 0, early) == []
    for n in (8, 9):
        town.night(n)
    assert [m for m, _ in town.messages()].count("overdue") == 1
    body = json.loads(town.house.read("v_outbox").filter(pl.col("kind") == "overdue")["body"][0])
    assert body["due_at"].startswith("2026-06-09") and "n_callers" not in body


def due_list_of(town, which, days, moment):
    return due_list(House(town.house.settings, town.house, load_mappings()), which, days, moment)["warning_id"].to_list()


def test_without_a_pack_nothing_is_due_and_nothing_climbs(house):  # noqa: F811
    row = {"warning_id": "w", "raised_on": DAY, "updated_on": DAY, "as_of": moment(0), "kind": "surge", "level": "red", "status": "new", "n_records": 1, "title": "x",
           "run_id": "r", "source_ids": ["s"], "evidence": "{}"}
    house.publish(Publication({"run_id": "r", "kind": "nightly", "run_date": DAY, "as_of": moment(0), "outcome": "ok"}, writes=[write("warning", [row])]))
    assert house.read("v_warnings")["due_at"].to_list() == [None] and house.read("v_work")["escalated_to"].to_list() == [None]


def test_what_nobody_takes_up_climbs_a_step_a_night_and_from_the_leader_on_somebody_owns_it(town):
    town.night(0, a_matter(0, town.come(0, "i1", *"abcd"), "i1"))
    row = town.only()
    assert (row["level"], row["escalation_step"], row["escalated_to"], row["owner"]) == ("yellow", 1, "中仓市场监管所", None)
    stood = []
    for n in range(1, 12):
        town.night(n)
        row = town.only()
        stood.append((row["escalation_step"], row["escalated_to"], row["owner"]))
    assert [s for s, _, _ in stood] == [1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3]
    steps = {s: (to, owner) for s, to, owner in stood}
    assert steps[2] == ("价格监督检查和反不正当竞争科", None) and steps[3] == ("分管市场秩序与消保副局长", "分管市场秩序与消保副局长")
    town.does(row["warning_id"], "acknowledge", n=11)
    town.night(12)
    assert town.only()["escalation_step"] == stood[-1][0]                                      # somebody has answered


def test_the_ladder_counts_working_hours_but_for_red_and_is_dated():
    friday, saturday, monday = (datetime(2026, 6, d, 16, tzinfo=moment(0).tzinfo) for d in (5, 6, 8))
    up = lambda level, since, until, waiting=True, overdue=False: goes_up("tongzhou", until.date(), level, 2, since, until, waiting, overdue)
    assert up("red", friday, saturday) and not up("orange", friday, saturday) and up("orange", friday, monday)
    assert not up("red", friday, monday, waiting=False) and up("red", friday, monday, waiting=False, overdue=True)
    assert not goes_up("tongzhou", monday.date(), "red", 4, friday, monday, True, True)
    assert [first_step("tongzhou", DAY, x) for x in ("red", "orange", "yellow", "blue")] == [3, 2, 1, 1]
    posts = [rung("tongzhou", DAY, s, "ST-001", "110112001", "food.hygiene") for s in (1, 2, 3, 4)]
    assert [p.unit.kind for p in posts if p] == ["station", "section", "leader", "leader"] and posts[3].unit.code == "LDR-CHIEF"


# ---- too much ------------------------------------------------------------------------------------------------------------------------------


def test_ten_thousand_matters_in_one_night_make_a_list_that_is_capped_and_says_so(tmp_path):
    from warehouse.store import Warehouse
    warehouse = Warehouse(ready_house("sqlite", tmp_path / "home"))
    town = Town(warehouse)
    town.rows = {f"r{n}": a_record(f"r{n}", incident_id=f"i{n}") for n in range(10_000)}
    said = town.night(0, *(a_matter(n, [f"r{n}"], f"i{n}", p_value=1e-9 if n == 9_999 else 1e-6) for n in range(10_000)), cap=20)
    assert said.raised == 20 and said.capped == 9_980 and warehouse.read("warning").height == 20
    assert warehouse.select("warning", "incident_id = 'i9999'").height == 1
    warehouse.close()


def test_the_level_of_an_open_warning_only_rises_and_keeps_its_reason(town):
    ids = town.come(0, "i1", *(f"r{i}" for i in range(14)))
    town.night(0, a_matter(0, ids, "i1", observed=14.0))
    first = town.only()
    assert (first["level"], first["parameters"] and '"orange_steep"' in first["parameters"]) == ("orange", True)
    ids += town.come(1, "i1", "late")
    town.night(1, a_matter(0, ids, "i1", observed=1.0, expected=0.9))                           # the rise is over; nobody has seen to it
    assert (town.only()["level"], town.only()["reasons"], town.only()["n_records"]) == ("orange", first["reasons"], 15)
    town.does(first["warning_id"], "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 1)
    ids += town.come(20, "i1", "back")
    town.night(20, a_matter(0, ids, "i1", observed=1.0, expected=0.9))
    assert (town.only()["status"], town.only()["level"]) == ("reopened", "blue")


def test_a_slow_rise_is_drawn_by_its_cells_own_series(town):
    ids = town.come(0, None, *"abcde")
    town.night(0, a_matter(0, ids, None, kind="slow_rise", subject="fine", incidents=[], signals=["slow:price.unmarked@通州区/中仓街道"], window=84))
    row = town.only()
    assert (row["kind"], row["series_id"]) == ("slow_rise", "price.unmarked@通州区/中仓街道")
    assert row["title"] == "中仓街道 未明码标价：缓慢上升，近84日5件，按此前约0.5件"


def test_where_a_rise_has_found_its_cause_its_warning_tells_of_it_though_it_had_few_of_the_records(town):
    """The place's rise was told first; tonight the same cell speaks, and an incident explains it. Of a cell that does not speak the incident is another matter."""
    told = {"subject": "coarse", "kind": "surge", "fine_place": None, "incidents": [], "streets": []}
    ids = town.come(0, None, *"abcdefgh")
    town.night(0, a_matter(0, ids, None, signals=["price.unmarked@通州区"], **told))
    was = town.only()["warning_id"]
    new = town.come(1, "i1", *"klmnop")
    town.night(1, a_matter(0, new, "i1", signals=["incident:i1", "price.unmarked@通州区"]))
    assert (town.only()["warning_id"], town.only()["kind"], town.only()["n_records"]) == (was, "incident", 14)
    other = town.come(2, "i2", *"qrstu")
    town.night(2, a_matter(0, other, "i2", signals=["incident:i2", "price.unmarked@通州区/玉桥街道"]))
    assert town.house.read("warning").height == 2


def test_a_surge_speaks_for_its_warning_beside_a_slow_rise_of_more_records(town):
    same = {"subject": "fine", "incidents": [], "window": 84}
    told = lambda n, slow, fast: town.night(n, a_matter(0, slow, None, kind="slow_rise", signals=["slow:a"], **same), *(
        [a_matter(1, fast, None, kind="surge", signals=["a"], **same)] if fast else []))
    ids = town.come(0, None, *"abcde")
    told(0, ids, [])
    town.does(town.only()["warning_id"], "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 1)
    new = town.come(10, None, "f", "g", "h")
    told(10, ids + new, new)
    assert (town.only()["status"], town.only()["kind"]) == ("reopened", "surge")


def test_what_stands_beside_the_matter_that_speaks_may_be_graver(town):
    """An incident of some callers speaks for its warning; the rise of the respondent in the same warning is a steep one of many."""
    ids = town.come(0, "i1", *(f"r{k}" for k in range(6)))
    told = lambda n, *beside: town.night(n, a_matter(0, ids, "i1", kind="cluster", rule="several_callers", expected=None, p_value=None, signals=["cluster:several_callers:i1"]), *beside)
    told(0)
    assert town.only()["level"] == "yellow"
    more = town.come(1, "i1", *(f"s{k}" for k in range(30)))
    told(1, a_matter(1, ids + more, "i1", kind="surge", subject="respondent", expected=2.0, p_value=1e-20, signals=["respondent:gym"]))
    assert (town.only()["kind"], town.only()["level"], town.only()["n_records"]) == ("cluster", "red", 36)
    assert "red_mass" in town.only()["parameters"]


def test_where_all_that_came_back_is_gone_from_its_source_the_warning_stays_as_it_was(town):
    ids = town.come(0, "i1", *"abc")
    town.night(0, a_matter(0, ids, "i1"))
    town.does(town.only()["warning_id"], "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 1)
    new = town.come(30, "i1", "d")
    town.night(30, a_matter(0, ids + new, "i1"))
    was = town.only()
    del town.rows["d"]
    town.night(31, a_matter(0, ids, "i1"))
    assert was["status"] == "reopened" and {c: town.only()[c] for c in ("n_records", "title", "level")} == {c: was[c] for c in ("n_records", "title", "level")}


def test_what_comes_straight_back_keeps_its_level_and_what_comes_back_later_is_judged_anew(town):
    told = lambda n, ids: town.night(n, a_matter(0, ids, "i1", kind="cluster", rule="several_callers", p_value=None, expected=None, window=7))
    ids = town.come(0, "i1", *"abcdefghijklm")
    town.night(0, a_matter(0, ids, "i1"))
    warning_id = town.only()["warning_id"]
    assert town.only()["level"] == "orange"
    town.does(warning_id, "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 1)
    told(3, ids + town.come(3, "i1", "n"))
    assert (town.only()["status"], town.only()["level"]) == ("reopened", "orange")
    town.does(warning_id, "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 4)
    told(40, ids + town.come(40, "i1", "o", "p", "q"))
    assert (town.only()["status"], town.only()["level"]) == ("reopened", "yellow")


def test_a_slow_rise_that_was_closed_is_no_news_until_its_watch_is_over(town):
    """A surge of the same cell is; so is the rise itself if it is still there in the autumn."""
    told = lambda n, ids, kind: town.night(n, a_matter(0, ids, None, kind=kind, subject="fine", incidents=[], signals=["slow:price.unmarked@通州区/中仓街道"], window=84))
    ids = town.come(0, None, *"abcde")
    told(0, ids, "slow_rise")
    old = town.only()["warning_id"]
    town.does(old, "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 1)
    ids += town.come(10, None, "f")
    told(10, ids, "slow_rise")
    assert town.only()["status"] == "closed"
    ids += town.come(20, None, "g")
    told(20, ids, "surge")
    assert town.only()["status"] == "reopened"
    town.does(old, "close", Given(verdict="confirmed", measures="已整改", unit="ST-001"), 21)
    told(90, ids + town.come(90, None, "h"), "slow_rise")
    assert town.house.read("warning").sort("raised_on").select("status", "follows").rows() == [("closed", None), ("new", old)]
