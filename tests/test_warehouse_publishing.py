"""Publishing: all of a run or nothing of it, whatever kills it; and what is written reads back the same on both engines."""
import os
import signal
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.engines import house  # noqa: F401
from tests.lake_rows import as_records, at, revisions, store, warning, write
from transforms.canonical import MOMENT
from warehouse.bulk import WriteFailed
from warehouse.publication import Delete, LakeWrite, Publication
from warehouse.published import VIEWS

JUNE = at("2026-06-02 00:00")
ROOT = Path(__file__).resolve().parents[1]


def run(run_id="r1", **more):
    return {"run_id": run_id, "kind": "nightly", "run_date": date(2026, 6, 1), "as_of": JUNE, "outcome": "ok", **more}


def files(house):  # noqa: F811
    return sorted(str(p.relative_to(house.lake.folder)) for p in house.lake.folder.rglob("*") if p.is_file()) if house.lake.folder.exists() else []


def everything(house):  # noqa: F811
    return {v: house.read(v).rows() for v in VIEWS}


def test_records_read_back_as_they_were_written(house):  # noqa: F811
    rows = revisions({"record_id": "s:001", "content": "“引号”,\n逗号\t", "co_units": ["甲", "乙,丙\""], "known_at": at("2026-06-01 08:00:00.123456")},
                     {"record_id": "s:002", "content": "", "co_units": []})
    rows = rows.with_columns(amount_claimed=pl.Series([Decimal("12.30"), None], dtype=pl.Decimal(14, 2)), responded=pl.Series([True, None]),
                             lon=pl.Series([116.65, None]), persons_affected=pl.Series([None, 3], dtype=pl.Int32))
    house.publish(Publication(run=run(), lake=[LakeWrite("revisions", "s", rows)], writes=[write("record", as_records(rows), "upsert")]))
    back = house.read("record")
    same = [c for c in rows.columns if c in back.columns]
    assert back.select(same).rows() == rows.select(same).rows()
    assert back.schema["known_at"] == MOMENT and back.schema["co_units"] == pl.List(pl.String) and back.schema["responded"] == pl.Boolean
    assert house.as_of(JUNE).collect().equals(rows)
    assert house.records(pl.Series(["s:002", "s:404"]))["record_id"].to_list() == ["s:002"]


def test_the_views_speak_plainly(house):  # noqa: F811
    quarantined = {"quarantine_id": "q", "source_id": "s", "codes": ["K01", "T03"], "file_name": "a.csv", "row_number": 7, "sheet": "一",
                   "first_seen": date(2026, 6, 1)}
    house.publish(Publication(run=run(), writes=[write("quarantine", [quarantined], "upsert"),
                                                 write("warning", [warning("w", co_units=["甲所", "乙局"], due_at=JUNE)])]))
    q, w = house.read("v_quarantine").row(0, named=True), house.read("v_warnings").row(0, named=True)
    assert (q["codes"], q["file"], q["row"], q["first_seen"]) == ("K01,T03", "a.csv", 7, date(2026, 6, 1))
    assert (w["co_units"], w["due_at"]) == ("甲所、乙局", JUNE)


def test_only_ended_runs_are_published(house):  # noqa: F811
    house.begin({"run_id": "r1", "kind": "nightly", "run_date": date(2026, 6, 1), "as_of": JUNE})
    assert house.read("v_runs").is_empty()
    house.end({"run_id": "r1", "outcome": "failed", "seconds": 1.5, "reasons": [{"code": "H01"}]})
    assert house.read("v_runs").select("run_id", "outcome", "as_of", "seconds").rows() == [("r1", "failed", JUNE, 1.5)]
    with pytest.raises(ValueError, match="outcome"):
        house.end({"run_id": "r1", "outcome": "fine"})
    house.end({"run_id": "r1", "outcome": "ok"})                # how it ended it has ended
    assert house.read("v_runs")["outcome"].to_list() == ["failed"]


@pytest.mark.parametrize("mode, want", [("upsert", {"a": "new", "b": "old", "c": "new"}), ("ignore", {"a": "old", "b": "old", "c": "new"}),
                                        ("update", {"a": "new", "b": "old"}), ("delete", {"b": "old"})])
def test_modes(house, mode, want):  # noqa: F811
    old = [{"problem_id": i, "name": "old", "words": ["w"]} for i in "ab"]
    new = [{"problem_id": i, "name": "new", "words": None} for i in "ac"]
    house.publish(Publication(run=run(), writes=[write("problem", old), write("problem", pl.DataFrame(new), mode)]))
    have = house.read("problem")
    assert dict(have.select("problem_id", "name").iter_rows()) == want
    # A column that is null all through overwrites; one that is not given leaves what was there.
    assert [w for n, w in have.select("name", "words").iter_rows() if n == "new"] == [None] * list(want.values()).count("new")


def test_replace_takes_all_rows_of_a_key(house):  # noqa: F811
    pairs = [("w1", "s:1"), ("w1", "s:2"), ("w2", "s:1")]
    rows = [{"warning_id": w, "record_id": r, "role": "evidence"} for w, r in pairs]
    house.publish(Publication(run=run(), writes=[
        write("warning_record", rows),
        write("warning_record", [{"warning_id": "w1", "record_id": "s:9", "role": "example"}], "replace", ["warning_id"])]))
    assert house.read("v_warning_records").rows() == [("w1", "s:9", "example"), ("w2", "s:1", "evidence")]
    house.publish(Publication(run=run("r2"), writes=[write("warning_record", house.read("warning_record").clear(), "replace")]))
    assert house.read("v_warning_records").is_empty()


def test_series_past_their_days_go_unless_they_are_kept(house):  # noqa: F811
    cells = [{"series_id": "x", "date": date(2026, 3, d), "kept": d == 2, "alarm": d == 2, "p_value": 1 / 3} for d in (1, 2, 30)]
    house.publish(Publication(run=run(), writes=[write("series", cells)]))
    house.publish(Publication(run=run("r2"), deletes=[Delete("series", "not kept and date < :before", {"before": date(2026, 3, 30)})]))
    left = house.read("v_series")
    assert left["date"].to_list() == [date(2026, 3, 2), date(2026, 3, 30)]
    assert left["p_value"].to_list() == [0.333333333] * 2 and left["alarm"].to_list() == [True, False]


@pytest.mark.parametrize("bad", [
    write("record", [{"record_id": "s:1", "colour": "red"}]),
    write("nowhere", [{"a": 1}]),
    write("problem", [{"problem_id": "a", "name": "secret-text"}], "merge"),
    write("problem", [{"problem_id": "a", "name": "secret-text"}] * 2, "upsert"),
    write("quarantine", [{"quarantine_id": "q", "source_id": "s", "codes": ["K01"], "first_seen": at("2026-06-01 12:00")}]),
    write("decision", pl.DataFrame({"decision_id": ["d"], "kind": ["accept"], "known_at": [at("2026-06-01 12:00").replace(tzinfo=None)]})),
])
def test_rows_that_do_not_fit_publish_nothing(house, bad):  # noqa: F811
    rows = revisions({"record_id": "s:1"})
    before = everything(house)
    with pytest.raises(ValueError) as error:
        house.publish(Publication(run=run(), lake=[LakeWrite("revisions", "s", rows)], writes=[write("record", as_records(rows)), bad]))
    assert "secret-text" not in str(error.value)
    assert everything(house) == before and house.read("lake_file").is_empty() and house.latest(rows["record_id"]).is_empty()
    with house.lock():
        house.begin(run("r2", outcome=None))
    assert files(house) == []


@pytest.mark.parametrize("rows", [
    [{"warning_id": "w", "title": "secret-text", "raised_on": date(2026, 6, 1)}],                   # columns that must be there
    [warning("w", title="secret-text"), warning("w", title="secret-text")],                         # a key twice
])
def test_errors_of_the_database_quote_no_row(house, rows):  # noqa: F811
    with pytest.raises(WriteFailed) as error:
        house.publish(Publication(run=run(), writes=[write("warning", rows)]))
    said = f"{error.value} {error.value.__cause__}"
    assert "secret-text" not in said and "warning" in said and not error.value.passing


def test_a_retry_after_a_lost_answer_publishes_once(house):  # noqa: F811
    rows = revisions({"record_id": "s:1"})
    tonight = Publication(run=run(), lake=[LakeWrite("revisions", "s", rows)], writes=[write("record", as_records(rows))])
    assert house.publish(tonight) and not house.publish(tonight)
    assert house.as_of(JUNE).collect().height == 1 and len(files(house)) == 1 and house.verify() == []


def test_the_same_correction_in_two_runs_counts_twice(house):  # noqa: F811
    cell = pl.DataFrame({"source_id": ["s"], "problem_code": ["A01"], "fine_place": ["街"], "coarse_place": ["区"], "date": [date(2026, 6, 1)],
                         "known_at": [JUNE], "n": [1]}, schema_overrides={"known_at": MOMENT})
    for r in ("r1", "r2"):
        house.publish(Publication(run=run(r), lake=[LakeWrite("counts", "s", cell)]))
    assert house.counts(JUNE)["n"].to_list() == [2]
    house.publish(Publication(run=run("r3"), lake=[LakeWrite("counts", "s", cell.with_columns(n=pl.lit(-2, pl.Int64)))]))
    assert house.counts(JUNE).is_empty()


def test_readers_see_before_or_after(house):  # noqa: F811
    house.publish(Publication(run=run(), writes=[write("warning", [warning("w1")])]))
    with house.snapshot() as read:
        assert read("v_warnings").height == 1
        house.publish(Publication(run=run("r2"), writes=[write("warning", [warning("w2")])]))
        assert read("v_warnings").height == 1 and read("v_runs").height == 1
    with house.snapshot() as read:
        assert (read("v_warnings").height, read("v_runs").height) == (2, 2)


DYING = """
import os, signal, sys
from datetime import date
from tests.lake_rows import as_records, at, revisions, warning, write
from warehouse import bulk, lake, locks, store
from warehouse.publication import LakeWrite, Publication
from warehouse.settings import Settings
stage = sys.argv[1]
die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
def before(owner, name, nth=1):
    real, calls = getattr(owner, name), []
    def either(*a, **k):
        calls.append(1)
        return die() if len(calls) == nth else real(*a, **k)
    setattr(owner, name, either)
house = store.Warehouse(Settings())
rows = revisions({"record_id": "s:2", "created_at": at("2026-05-01 00:00")}, {"record_id": "s:3"})
with house.lock("the one that dies"):
    house.begin({"run_id": "dead", "kind": "nightly", "run_date": date(2026, 6, 2), "as_of": at("2026-06-03 00:00")})
    {"begun": die, "half the lake": lambda: before(lake.Lake, "_write", 2), "lake in place": lambda: before(store, "name_files"),
     "half the tables": lambda: before(bulk, "write", 3), "before the commit": lambda: before(store, "_set_run"),
     "after the commit": lambda: before(lake.Lake, "settle")}[stage]()
    house.publish(Publication(run={"run_id": "dead", "outcome": "ok"}, lake=[LakeWrite("revisions", "s", rows)],
        writes=[write("record", as_records(rows), "upsert"), write("warning", [warning("w2", run_id="dead")])]))
"""


@pytest.mark.parametrize("stage", ["begun", "half the lake", "lake in place", "half the tables", "before the commit", "after the commit"])
def test_a_killed_night_leaves_all_or_nothing_and_stops_no_one(house, stage):  # noqa: F811
    if not house.settings.is_sqlite and ("lake" in stage or stage == "begun"):
        pytest.skip("what has not reached the database is the same on both engines")
    rows = revisions({"record_id": "s:1"})
    house.publish(Publication(run=run(), lake=[LakeWrite("revisions", "s", rows)], writes=[write("record", as_records(rows)),
                                                                                     write("warning", [warning("w1")])]))
    before, lake = everything(house), files(house)
    env = {**os.environ, "WEISU_HOME": str(house.home), "WEISU_DATABASE_URL": house.settings.url, "PYTHONPATH": str(ROOT)}
    dead = subprocess.run([sys.executable, "-c", DYING, stage], env=env, cwd=house.home.parent, capture_output=True, text=True)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    after = everything(house)
    published = stage == "after the commit"
    assert (after == before) != published
    if published:
        assert [len(after[v]) for v in ("v_records", "v_warnings", "v_runs")] == [3, 2, 2]
    with house.lock("the next"):
        assert house.begin(run("r3", outcome=None)) == ([] if published else ["dead"])
    assert files(house) == (lake if not published else sorted(house.read("lake_file")["path"]))
    outcomes = dict(house.read("v_runs").select("run_id", "outcome").iter_rows())
    assert outcomes == {"r1": "ok", "dead": "ok" if published else "interrupted"}
    assert house.as_of(at("2026-06-03 00:00")).collect()["record_id"].to_list() == (["s:1", "s:2", "s:3"] if published else ["s:1"])


def test_a_run_that_was_taken_for_dead_cannot_publish(house):  # noqa: F811
    from warehouse.locks import LockLost

    house.begin(run("r1", outcome=None))
    assert house.bury_dead() == ["r1"]
    with pytest.raises(LockLost):
        house.publish(Publication(run=run(), writes=[write("warning", [warning("w1")])]))
    assert house.read("v_warnings").is_empty()


def test_inputs_are_taken_once_their_batch_is_stored(house):  # noqa: F811
    def batch(n, outcome, sha):
        return [write("batch", [{"batch_id": n, "run_id": n, "source_id": "s", "run_date": date(2026, 6, int(n)), "as_of": JUNE, "outcome": outcome,
                                 "codes": ["B06"], "profile": '{"rows": 3}'}]),
                write("batch_input", [{"batch_id": n, "sha256": sha, "name": "a.csv", "source_id": "s"}])]
    for n, outcome, sha in (("1", "ok", "aa"), ("2", "failed", "bb"), ("3", "withheld", "cc")):
        house.publish(Publication(run=run(n), writes=batch(n, outcome, sha)))
    assert house.inputs_taken("s", ["aa", "bb", "cc", "dd"])["sha256"].to_list() == ["aa", "cc"]
    assert house.inputs_taken("t", ["aa"]).is_empty()
    assert house.last_night(["s"])["run_date"].to_list() == [date(2026, 6, 3)]
    assert house.last_night(before=date(2026, 6, 3))["run_date"].to_list() == [date(2026, 6, 1)]
    assert house.batches("s")["codes"].to_list() == [["B06"], ["B06"]]


def test_the_last_profiles_before_a_day_are_those_of_stored_batches_the_latest_last(house):  # noqa: F811
    def batch(n, outcome, profile):
        return write("batch", [{"batch_id": n, "run_id": n, "source_id": "s", "run_date": date(2026, 6, int(n)), "as_of": JUNE, "outcome": outcome, "profile": profile}])
    for n, outcome, profile in (("1", "ok", '{"rows": 1}'), ("2", "failed", '{"rows": 2}'), ("3", "withheld", '{"rows": 3}'), ("4", "ok", None), ("5", "ok", '{"rows": 5}')):
        house.publish(Publication(run=run(n), writes=[batch(n, outcome, profile)]))
    assert house.profiles("s", date(2026, 6, 5), 12) == ['{"rows": 1}', '{"rows": 3}']
    assert house.profiles("s", date(2026, 6, 9), 3) == ['{"rows": 3}', '{"rows": 5}']
    assert house.profiles("t", date(2026, 6, 9), 3) == []
    assert "profile" not in house.batches("s").columns


def test_open_warnings_and_decisions_known_then(house):  # noqa: F811
    warnings = [warning("w1", streets=["甲街", "乙街"]), warning("w2", status="closed"), warning("w3", merged_into="w1")]
    decided = [{"decision_id": d, "kind": "accept", "known_at": at(f"2026-06-0{d} 00:00"), "codes": ["B02"], "source_id": "s"} for d in "12"]
    house.publish(Publication(run=run(), writes=[write("warning", warnings), write("decision", decided)]))
    assert house.open_warnings().select("warning_id", "streets").rows() == [("w1", ["甲街", "乙街"])]
    assert house.decisions(at("2026-06-01 12:00"))["decision_id"].to_list() == ["1"]


def test_stored_means_that_a_later_run_does_not_find_it_changed(house):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:1"}, {"record_id": "s:2", "created_at": at("2026-05-01 00:00")}), JUNE)
    first, second = (house.lake.folder / p for p in house.read("lake_file")["path"])
    first.write_bytes(first.read_bytes()[:-1] + b"\0")
    second.unlink()
    assert sorted(what for _, what in house.verify()) == ["changed", "missing"]
