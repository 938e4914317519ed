"""Reading as of a moment: what was known then, no more and no less, from no more files than needed."""
import itertools
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from tests.engines import house, ready_house  # noqa: F401
from tests.lake_rows import as_records, at, revisions, store, write
from warehouse import rewriting
from warehouse.lake import Lake
from warehouse.publication import LakeWrite, Publication
from warehouse.store import Warehouse

D1, D2, D3 = at("2026-06-02 00:00"), at("2026-06-03 00:00"), at("2026-06-04 00:00")


def ids(rows):
    return rows.select("record_id", "revision_no").rows()


def test_a_moment_sees_the_revision_known_then(house):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:1"}, {"record_id": "s:2"}), D1)
    store(house, "r2", revisions({"record_id": "s:1", "revision_no": 2, "known_at": D2, "status": "closed"}), D2)
    assert ids(house.as_of(D1).collect()) == [("s:1", 1), ("s:2", 1)]
    assert ids(house.as_of(D2).collect()) == [("s:1", 2), ("s:2", 1)]
    assert ids(house.as_of(at("2026-06-01 07:00")).collect()) == []
    assert house.as_of(D2, columns=["status"]).collect()["status"].to_list() == ["closed", "open"]
    assert ids(house.as_of(D2, sources=["t"]).collect()) == []


def test_an_older_version_that_came_later_is_not_current(house):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:1", "source_updated_at": at("2026-06-01 20:00"), "known_at": D1}), D1)
    store(house, "r2", revisions({"record_id": "s:1", "revision_no": 2, "source_updated_at": at("2026-06-01 10:00"), "known_at": D2}), D2)
    assert ids(house.as_of(D3).collect()) == [("s:1", 1)]
    assert house.latest(pl.Series(["s:1"]))["revision_no"].to_list() == [2]


def test_the_latest_revision_of_some_records(house):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:1", "caller_key": "k"}, {"record_id": "s:1", "revision_no": 2, "known_at": D1},
                                 {"record_id": "s:2"}), D1)
    got = house.latest(pl.Series(["s:2", "s:1", "s:1", None, "s:9"]))
    assert ids(got) == [("s:1", 2), ("s:2", 1)]
    assert got.row(0, named=True) | {"caller_key": None} == got.row(0, named=True)
    assert house.known_hashes(pl.Series(["s:1"])).rows() == [("s:1", "s:1#1"), ("s:1", "s:1#2")]
    assert ids(house.latest_rows(pl.Series(["s:1", "s:2"]))) == [("s:1", 2), ("s:2", 1)]
    assert ids(house.revisions(pl.Series(["s:1"]), at("2026-06-01 12:00"))) == [("s:1", 1)]
    assert house.latest(pl.Series([], dtype=pl.String)).is_empty()


def test_since_reads_no_older_month_but_follows_a_record_that_moved(house, monkeypatch):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:old", "created_at": at("2026-03-05 00:00")}, {"record_id": "s:new"},
                                 {"record_id": "s:moved", "created_at": at("2026-06-02 00:00")}), D1)
    store(house, "r2", revisions({"record_id": "t:2", "created_at": at("2026-04-05 00:00")}), D1)
    read, scan = [], Lake.scan

    def watched(self, dataset, paths, *rest):
        read.extend(paths)
        return scan(self, dataset, paths, *rest)

    monkeypatch.setattr(Lake, "scan", watched)
    assert ids(house.as_of(D3, since=date(2026, 6, 1)).collect()) == [("s:moved", 1), ("s:new", 1)]
    assert [p.split("/")[2] for p in read] == ["2026-06"]
    # Its creation time was mended to April: it is no record of June any more, and its stale revision must not come back.
    store(house, "r3", revisions({"record_id": "s:moved", "revision_no": 2, "created_at": at("2026-04-01 00:00"), "known_at": D2}), D2)
    read.clear()
    assert ids(house.as_of(D3, since=date(2026, 6, 1)).collect()) == [("s:new", 1)]
    assert sorted(p.split("/")[1] + p.split("/")[2] for p in read) == ["s2026-04", "s2026-06"]
    assert ids(house.as_of(D1, since=date(2026, 6, 1)).collect()) == [("s:moved", 1), ("s:new", 1)]


def test_rows_beyond_the_as_of_wait_until_it_reaches_them(house):  # noqa: F811
    rows = revisions({"record_id": "s:1"}, {"record_id": "s:1", "revision_no": 2, "known_at": D2}, {"record_id": "s:2", "created_at": D3},
                     {"record_id": "t:3", "known_at": D2})
    store(house, "r1", rows, D1)
    assert house.pending(D1).is_empty()
    assert ids(house.pending(D2)) == [("s:1", 2), ("t:3", 1)]
    assert ids(house.pending(D3, ["s"])) == [("s:1", 2), ("s:2", 1)]
    store(house, "r2", rows.clear(), D2, worked_sources=["s"])
    assert ids(house.pending(D3)) == [("s:2", 1), ("t:3", 1)]
    store(house, "r3", rows.clear(), D3)
    assert house.pending(D3).is_empty()


def test_records_that_no_night_has_worked(house):  # noqa: F811
    rows = as_records(revisions({"record_id": "s:1"}, {"record_id": "s:2"}, {"record_id": "t:3"}))
    done = pl.DataFrame({"record_id": ["s:2"], "worked_revision": [1], "problem_code": ["A01"]})
    house.publish(Publication(run={"run_id": "r", "kind": "ingest", "outcome": "ok"},
                              writes=[write("record", rows, "upsert"), write("record", done, "update")]))
    assert house.unworked()["record_id"].to_list() == ["s:1", "t:3"] and house.unworked(["t"])["record_id"].to_list() == ["t:3"]
    assert house.read("v_records").select("record_id", "problem_code").rows() == [("s:1", None), ("s:2", "A01"), ("t:3", None)]


def test_counts_are_those_known_then(house):  # noqa: F811
    def cells(*rows):
        names = {"problem_code": "A01", "fine_place": "街", "coarse_place": None, "source_id": "s"}
        frame = pl.DataFrame([{**names, "date": d, "known_at": k, "n": n} for d, k, n in rows], schema_overrides={"coarse_place": pl.String})
        return frame.with_columns(pl.col("known_at").dt.cast_time_unit("us"))

    may, june = date(2026, 5, 31), date(2026, 6, 1)
    for run, rows in (("r1", [(may, D1, 3), (june, D1, 5)]), ("r2", [(may, D2, -1), (june, D2, 1)])):
        house.publish(Publication(run={"run_id": run, "kind": "nightly", "outcome": "ok"}, lake=[LakeWrite("counts", "s", cells(*rows))]))
    assert house.counts(D1).select("date", "n").rows() == [(may, 3), (june, 5)]
    assert house.counts(D2).select("date", "n").rows() == [(may, 2), (june, 6)]
    assert house.counts(D2, june).select("date", "n").rows() == [(june, 6)]
    assert house.counts(D2, sources=["t"]).is_empty()


def keep(house, run, as_of, frame):  # noqa: F811
    house.publish(Publication(run={"run_id": run, "kind": "nightly", "outcome": "ok", "as_of": as_of}, lake=[LakeWrite("state", "all", frame)]))


def test_a_state_of_ones_own_is_found_as_it_was_at_a_moment(house):  # noqa: F811
    states = {run: pl.DataFrame({"series_id": ["x"], "level": [n], "blob": [bytes([n])]}) for n, run in enumerate(("r1", "r2", "r3"))}
    for (run, frame), moment in zip(states.items(), (D1, D2, D3), strict=True):
        keep(house, run, moment, frame)
    assert house.dataset("state").collect()["level"].to_list() == [0, 1, 2]
    assert house.dataset("state", D2).collect()["level"].to_list() == [0, 1]
    assert house.dataset("state", D2, ["all"], newest=True).collect().equals(states["r2"])
    assert house.dataset("nothing").collect().is_empty()


def test_revisions_without_a_column_are_refused(house):  # noqa: F811
    with pytest.raises(ValueError, match="revision_no"):
        house.publish(Publication(run={"run_id": "r2", "kind": "x", "outcome": "ok"},
                                  lake=[LakeWrite("revisions", "s", pl.DataFrame({"record_id": ["a"]}))]))


START = at("2026-05-30 00:00")
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 60), st.none() | st.integers(0, 5)), min_size=1, max_size=12)


def history(events):
    """Revisions for (record, days until known, day created, source's own time) tuples, numbered in order of knowledge."""
    rows, known, numbers = [], {}, {}
    for r, wait, created, updated in events:
        known[r] = max(known.get(r, START), START + timedelta(days=wait))
        numbers[r] = numbers.get(r, 0) + 1
        rows.append({"record_id": f"s:{r}", "revision_no": numbers[r], "known_at": known[r], "created_at": START - timedelta(days=created),
                     "source_updated_at": None if updated is None else START + timedelta(days=updated)})
    return rows


def naive(rows, moment, since):
    """The same by the words of the contract, one record at a time."""
    out = []
    for record, own in itertools.groupby(sorted(rows, key=lambda r: r["record_id"]), key=lambda r: r["record_id"]):
        seen = [r for r in own if r["known_at"] <= moment]
        if seen:
            best = max(seen, key=lambda r: (r["source_updated_at"] or at("1970-01-01 00:00"), r["known_at"], r["revision_no"]))
            if since is None or best["created_at"].date() >= since:
                out.append((record, best["revision_no"]))
    return out


@given(EVENTS, st.integers(1, 4), st.integers(0, 41), st.none() | st.integers(0, 60), st.sampled_from([0, 4, 50_000]))
@bounds(max_examples=12, suppress_health_check=list(HealthCheck))
def test_as_of_is_what_the_contract_says_in_however_many_runs_and_files(events, n_runs, day, back, packed):
    rows = history(events)
    home = Path(tempfile.mkdtemp(prefix="weisu-as-of-"))
    try:
        warehouse = Warehouse(ready_house("sqlite", home))
        size = -(-len(rows) // n_runs)
        for i in range(0, len(rows), size):
            store(warehouse, f"r{i}", revisions(*rows[i:i + size]), START)
        if packed:
            with mock.patch.object(rewriting, "TOGETHER", packed):
                warehouse.compact("pack", at_least=2)
                small = warehouse.read("lake_file").filter(2 * pl.col("n_rows") < packed)
                assert not small.select("dataset", "source_id", "month").is_duplicated().any()
            assert len(list(warehouse.lake.folder.rglob("*.parquet"))) == warehouse.read("lake_file").height
        moment, since = START + timedelta(days=day), None if back is None else (START - timedelta(days=back)).date()
        assert ids(warehouse.as_of(moment, since=since).collect()) == naive(rows, moment, since)
        if since is not None:
            months = list(warehouse.as_of_by_month(moment, ["s"], since, ("record_id", "revision_no")))
            assert sorted(itertools.chain.from_iterable(map(ids, months))) == sorted(naive(rows, moment, since))
        assert warehouse.verify() == []
        warehouse.close()
    finally:
        shutil.rmtree(home)
