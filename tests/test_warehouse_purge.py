"""Forgetting: out of landing, lake and tables at once, kept out afterwards, and the audit says nobody's name."""
from datetime import date

import polars as pl
import pytest

from tests.engines import house  # noqa: F401
from tests.lake_rows import as_records, at, revisions, store, warning, write
from warehouse import rewriting
from warehouse.publication import LakeWrite, Publication
from warehouse.rotation import LINKS, rotate

D1 = at("2026-06-02 00:00")
WHO = "caller-key-of-a-person"


@pytest.fixture
def full(house, tmp_path):  # noqa: F811
    """Three records, two of one caller; a warning on each side; two inputs in landing."""
    rows = revisions({"record_id": "s:1", "caller_key": WHO}, {"record_id": "s:2", "caller_key": "other"},
                     {"record_id": "s:3", "caller_key": WHO, "created_at": at("2026-03-01 00:00")},
                     {"record_id": "s:3", "caller_key": None, "revision_no": 2, "created_at": at("2026-03-01 00:00"), "known_at": D1})
    landed = {}
    for name in ("march", "june"):
        (tmp_path / name).write_text(name)
        landed[name] = house.landing.land(tmp_path / name, "s", received_at=D1)
    days = {"march": date(2026, 3, 1), "june": date(2026, 6, 1)}
    inputs = [{"batch_id": "b", "sha256": f.sha256, "name": n, "source_id": "s", "first_date": days[n], "last_date": days[n]} for n, f in landed.items()]
    evidence = [("w1", "s:1"), ("w1", "s:2"), ("w2", "s:3")]
    store(house, "r1", rows, D1, writes=[
        write("record", as_records(rows).unique("record_id", keep="last"), "upsert"), write("batch_input", inputs),
        write("warning", [warning("w1", n_records=2), warning("w2")]),
        write("warning_record", [{"warning_id": w, "record_id": r, "role": "evidence"} for w, r in evidence]),
        write("warning_event", [{"event_id": w, "warning_id": w, "known_at": D1, "kind": "raised"} for w in ("w1", "w2")]),
        write("quarantine", [{"quarantine_id": d, "source_id": "s", "codes": ["D02"], "first_seen": date(2026, 6, 1), "local_date": day}
                             for d, day in days.items()])])
    return house, landed


def left(house):  # noqa: F811
    return sorted(house.read("record")["record_id"]), sorted(set(house.as_of(at("2027-01-01 00:00")).collect()["record_id"]))


def test_a_person_is_forgotten_everywhere(full):
    house, landed = full  # noqa: F811
    with house.lock():
        counts = house.purge("p1", D1, caller_key=WHO, reason="asked for it")
    assert counts == {"n_records": 2, "n_revisions": 3, "n_files": 2}
    assert left(house) == (["s:2"], ["s:2"]) and house.latest(pl.Series(["s:1", "s:3"])).is_empty()
    assert house.read("v_warnings").select("warning_id", "n_records").rows() == [("w1", 1)]
    assert house.read("v_warning_records")["record_id"].to_list() == ["s:2"]
    assert not any(f.path.exists() for f in landed.values())
    for path in house.home.rglob("*"):
        assert not path.is_file() or path.name.startswith("weisu.sqlite") or WHO.encode() not in path.read_bytes(), path
    assert WHO not in str(house.read("purge").rows())
    assert len(list(house.lake.folder.rglob("*.parquet"))) == house.read("lake_file").height and house.verify() == []


def test_what_was_read_of_a_text_goes_with_its_record(full):
    house, _ = full  # noqa: F811
    kept = pl.DataFrame({"record_id": ["s:1", "s:2"], "entries": [[1], [2]]})
    house.publish(Publication(run={"run_id": "r2", "kind": "nightly", "as_of": D1, "run_date": D1.date(), "outcome": "ok"},
                              lake=[LakeWrite("link_texts_1", "s", kept, "2026-06-01")]))
    assert house.dataset("link_texts_1", since=date(2026, 6, 2)).collect().is_empty()
    house.purge("p1", D1, caller_key=WHO)
    assert house.dataset("link_texts_1", since=date(2026, 6, 1)).collect()["record_id"].to_list() == ["s:2"]


def test_who_was_purged_does_not_come_in_again(full):
    house, _ = full  # noqa: F811
    again = revisions({"record_id": "s:1", "caller_key": WHO}, {"record_id": "s:2", "caller_key": "other"}, {"record_id": "s:9"})
    key = house.settings.key
    assert house.purged().admits(again, key).to_list() == [True] * 3
    house.purge("p1", D1, caller_key=WHO)
    house.purge("p2", D1, before=date(2026, 4, 1), source_id="t")
    assert house.purged().admits(again, key).to_list() == [False, True, True]
    assert house.purged().admits(again, b"another key").to_list() == [True] * 3


def test_records_before_a_day_go_and_later_ones_stay(full):
    house, landed = full  # noqa: F811
    counts = house.purge("p1", D1, before=date(2026, 4, 1))
    assert counts == {"n_records": 1, "n_revisions": 2, "n_files": 1}
    assert left(house) == (["s:1", "s:2"], ["s:1", "s:2"])
    assert (landed["march"].path.exists(), landed["june"].path.exists()) == (False, True)
    assert house.read("quarantine")["quarantine_id"].to_list() == ["june"]
    old = revisions({"record_id": "s:3", "created_at": at("2026-03-31 00:00")}, {"record_id": "s:4", "created_at": at("2026-04-01 00:00")})
    assert house.purged().admits(old, house.settings.key).to_list() == [False, True]


def test_a_purge_that_breaks_off_has_purged_nothing_from_the_tables_and_can_be_done_again(full, monkeypatch):
    house, _ = full  # noqa: F811
    before = left(house)
    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "name_files", lambda *a: (_ for _ in ()).throw(OSError("power")))
        with pytest.raises(OSError, match="power"):
            house.purge("p1", D1, caller_key=WHO)
    assert left(house) == before and house.read("purge").is_empty()
    with house.lock():
        house.begin({"run_id": "r2", "kind": "purge"})
    assert len(list(house.lake.folder.rglob("*.parquet"))) == house.read("lake_file").height
    house.purge("p1", D1, caller_key=WHO)
    assert left(house) == (["s:2"], ["s:2"])


def test_a_purge_is_of_one_thing(full):
    with pytest.raises(ValueError, match="either"):
        full[0].purge("p", D1)


def test_any_dataset_of_records_and_callers_is_purged_and_given_the_new_key(full):
    house, _ = full  # noqa: F811
    worked = pl.DataFrame({"record_id": ["s:1", "s:2", "s:4"], "caller_key": [WHO, "other", None], "incident_id": ["i", "i", "j"],
                           "local_date": [date(2026, 6, 1)] * 3})
    house.publish(Publication({"run_id": "r2", "kind": "nightly", "outcome": "ok"}, lake=[LakeWrite("any", "place", worked)]))
    house.purge("p1", D1, caller_key=WHO)
    assert house.dataset("any").collect().rows() == worked.rows()[1:]
    links = pl.DataFrame([("caller", "other", "another")], schema=LINKS, orient="row")
    counts = rotate(house, "k1", D1, b"a new key", links, {"reason": "", "n_files": 0, "n_files_gone": 0})
    assert counts == {"n_linked": 1, "n_unlinked": 0, "n_forgotten": 1}
    assert house.dataset("any").collect()["caller_key"].to_list() == ["another", None]
    assert house.read("record")["caller_key"].to_list() == ["another"] == house.latest(pl.Series(["s:2"]))["caller_key"].to_list()
    assert house.read("record")["row_hash"][0] != "s:2#1" and house.verify() == []
