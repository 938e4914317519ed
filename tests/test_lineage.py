"""What became of incidents and found problems is told, once each, and every id that was ever shown still leads somewhere."""
from datetime import date, timedelta

import polars as pl

from flows.lineage import incident_events, lineage_write, lives_in, merged_into, problem_events, story, tree
from flows.places import Place
from models.problem_clusterer import LINEAGE
from sources.mapping import load_mappings, shipped
from tests.boards import workbook
from tests.engines import house  # noqa: F401
from tests.houses import board, lived, night, opened, tables, upto  # noqa: F401
from tests.lake_rows import at
from warehouse.publication import Publication, Write

PLACE = Place("message_board", {"message_board": load_mappings(shipped())["message_board"]})
SPAN = timedelta(days=90)
INCIDENT = {"incident_id": pl.String, "problem_code": pl.String, "respondent": pl.String, "first_seen": pl.Date, "last_seen": pl.Date, "n_records": pl.Int64, "founded_by": pl.String}


def incidents(*rows):
    """(id, respondent, last day, records) → rows of the table."""
    return pl.DataFrame([(i, "env.noise", who, day, day, n, f"message_board:{i}") for i, who, day, n in rows], schema=INCIDENT, orient="row")


def a_night(into, day, rows, open_=(), merged=()):
    """Publishes a night's incidents with what became of them, and gives its events."""
    gone = pl.DataFrame(list(merged), schema={"incident_id": pl.String, "into": pl.String}, orient="row")
    gone_rows = gone.join(rows.select("incident_id", "n_records"), on="incident_id", how="left")
    events = incident_events(into, PLACE, day, day - SPAN, rows, pl.Series(list(open_), dtype=pl.String), gone_rows.select("incident_id", "into"))
    as_of = at(f"{day} 16:00")
    writes = [Write("incident", rows, "upsert"), Write("incident", gone.rename({"into": "merged_into"}), "upsert"),
              lineage_write("incident", events, PLACE.key, day, as_of, f"r{day}")]
    into.publish(Publication({"run_id": f"r{day}", "kind": "nightly", "run_date": day, "as_of": as_of, "outcome": "ok"}, [w for w in writes if not w.is_empty]))
    return set(events.select("kind", "thing_id", "other").iter_rows())


def test_an_incident_is_born_ends_once_and_what_returns_follows_it(house):  # noqa: F811
    d = [date(2026, 1, 1) + timedelta(days=n) for n in range(300)]
    assert a_night(house, d[0], incidents(("a", "甲店", d[0], 3), ("b", "乙店", d[0], 2))) == {("born", "a", None), ("born", "b", None)}
    assert a_night(house, d[60], incidents(("b", "乙店", d[60], 4)), ["a", "b"]) == set()
    assert a_night(house, d[91], incidents(), ["b"]) == {("died", "a", None)}
    assert a_night(house, d[92], incidents(), ["b"]) == set()
    assert a_night(house, d[100], incidents(("c", "甲店", d[100], 2), ("e", "丙店", d[100], 2)), ["b"]) == {("born", "c", None), ("born", "e", None), ("follows", "c", "a")}
    # A night that was left out is made up for, and what was told is not told again.
    assert a_night(house, d[195], incidents(), ["c", "e"]) == {("died", "b", None), ("died", "c", None), ("died", "e", None)}
    assert house.read("v_incident_lineage")["kind"].value_counts().sort("kind").rows() == [("born", 4), ("died", 4), ("follows", 1)]
    assert story(house, "incident", ["a"], at(f"{d[95]} 16:00"))["kind"].to_list() == ["born", "died"] and story(house, "incident", ["a"]).height == 3


def test_all_ids_of_what_became_one_lead_to_it_and_the_tree_shows_how(house):  # noqa: F811
    d = date(2026, 5, 1)
    a_night(house, d, incidents(("a", None, d, 3), ("b", None, d, 2), ("c", None, d, 2)))
    a_night(house, d + timedelta(days=1), incidents(("b", None, d, 5), ("c", None, d, 2)), ["a", "b", "c"], [("c", "b")])
    a_night(house, d + timedelta(days=2), incidents(("a", None, d, 9)), ["a", "b"], [("b", "a")])
    with house.engine.connect() as connection:
        assert {lives_in(connection, "incident", i) for i in "abc"} == {"a"} and lives_in(connection, "incident", "z") is None
        assert merged_into(connection, "incident", "a") == ["a", "b", "c"]
    lines = tree(house, "incident", "a", "en")
    assert [x.strip().split(" ")[0] for x in lines[1:]] == ["a", "2026-05-01", "b", "2026-05-01", "c", "2026-05-01"]
    indent = {x.strip()[0]: len(x) - len(x.lstrip()) for x in lines[1:] if x.strip()[0] in "abc"}
    assert indent["a"] < indent["b"] < indent["c"] and "merged into a" in lines[3]


def test_a_fit_tells_what_became_of_its_problems_but_not_what_lasts():
    fit = pl.DataFrame([("kept", 0, None, 30, ""), ("merged", 1, 0, 0, ""), ("died", 2, None, 0, ""), ("born", 3, None, 12, ""), ("born", 4, 0, 9, ""), ("split", 0, 4, 9, "")],
                       schema=LINEAGE, orient="row")
    ids = {n: f"p{n}" for n in range(5)}
    events = problem_events(fit, ids, False).select("kind", "thing_id", "other", "reason").rows()
    assert events == [("merged", "p1", "p0", "together"), ("died", "p2", None, "no_records"), ("born", "p3", None, "like_no_other"), ("born", "p4", "p0", "apart"),
                      ("split", "p0", "p4", "apart")]
    assert problem_events(fit[3:4], ids, True)["reason"].to_list() == ["first_found"]


def test_nights_publish_the_lineage_of_what_they_find_and_it_is_explained(lived, board, tmp_path, capsys):  # noqa: F811
    from flows.cli import run as weisu
    views = ("v_incident_lineage", "v_incidents", "v_problems", "v_problem_lineage")
    before = tables(views)
    night(workbook(upto(board, date(2026, 5, 1)), tmp_path / "2.xlsx"), day=date(2026, 5, 1))
    after = tables(views)
    assert set(before["v_incident_lineage"]) <= set(after["v_incident_lineage"])
    born = {i: day for _, kind, i, _, _, _, day, *_ in after["v_incident_lineage"] if kind == "born"}
    assert set(born) == {row[0] for row in after["v_incidents"]} and set(born.values()) <= {date(2026, 4, 29), date(2026, 4, 30), date(2026, 5, 1)}
    largest = max(after["v_incidents"], key=lambda row: row[7])
    capsys.readouterr()
    assert weisu(["explain", largest[0], "--lang", "en"]) == 0
    told = capsys.readouterr().out
    assert largest[4] in told and f"{born[largest[0]]} born with" in told and told.count("message_board:") >= largest[7]
    assert {row[0] for row in after["v_problems"]} == {p for _, kind, p, *_ in after["v_problem_lineage"] if kind == "born"}
    house = opened()                                                         # noqa: F811
    assert house.warehouse.read("lineage")["event_id"].is_unique().all()
    house.warehouse.close()
