"""Lake and landing in a bucket: what a folder gives, a bucket gives, killed or not."""
import signal
import subprocess
import sys
from datetime import date, datetime

import pytest

from tests.boards import messages, workbook
from tests.buckets import bucket, objects, s3  # noqa: F401
from tests.conftest import ROOT
from tests.lake_rows import at, revisions, store
from tests.test_nights import home, night, tables  # noqa: F401
from warehouse.landing import Landing
from warehouse.objects import kept_at
from warehouse.publication import LakeWrite, Publication
from warehouse.settings import Settings, SettingsError
from warehouse.store import Warehouse

pytestmark = pytest.mark.long

NOON = at("2026-06-01 12:00")


@pytest.fixture
def house(bucket, tmp_path):  # noqa: F811
    """A warehouse whose lake and landing are a bucket."""
    warehouse = Warehouse(Settings(home=tmp_path / "home", database_url="", secret="test-secret", lake_url=f"{bucket}/lake", landing_url=f"{bucket}/landing"))
    warehouse.upgrade()
    yield warehouse
    warehouse.close()


def test_the_lake_is_read_back_from_the_bucket_and_nothing_stays_here(house, bucket):  # noqa: F811
    rows = revisions({"record_id": "s:001", "content": "引号"}, {"record_id": "s:002", "created_at": at("2026-05-03 08:00")})
    store(house, "r1", rows, NOON)
    assert house.as_of(NOON).collect().equals(rows) and house.as_of(NOON, since=date(2026, 6, 1)).collect()["record_id"].to_list() == ["s:001"]
    assert objects(bucket) == sorted(f"lake/{p}" for p in house.read("lake_file")["path"]) and len(objects(bucket)) == 2
    assert not [p for p in house.lake.folder.rglob("*") if p.is_file()]
    for n in range(2, 5):
        store(house, f"r{n}", revisions({"record_id": f"s:01{n}"}), NOON)
    before = house.as_of(NOON).collect()
    with house.lock():
        assert house.compact("c", at_least=3) == 3
    assert house.as_of(NOON).collect().equals(before) and len(objects(bucket)) == 2


def test_a_changed_and_a_missing_object_are_named(house, bucket):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:1"}, {"record_id": "s:2", "created_at": at("2026-05-03 08:00")}), NOON)
    assert house.verify() == []
    first, second = house.read("lake_file")["path"]
    kept = kept_at(f"{bucket}/lake", house.home)
    kept.write(first, b"other")
    kept.remove(second)
    assert sorted(house.verify()) == sorted([(first, "changed"), (second, "missing")])


KILLED = """
import os, signal, sys
from tests.test_object_store import half
from warehouse import objects, store
from warehouse.settings import Settings
kill = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "aside":
    objects.Bucket.take = kill
else:
    store._write_all = kill
half(store.Warehouse(Settings()))
"""


def half(warehouse: Warehouse) -> None:
    """A run that begins and publishes."""
    with warehouse.lock("r2"):
        warehouse.begin({"run_id": "r2", "kind": "nightly", "run_date": date(2026, 6, 2), "as_of": NOON})
        warehouse.publish(Publication({"run_id": "r2", "outcome": "ok"}, lake=[LakeWrite("revisions", "s", revisions({"record_id": "s:9"}))]))


@pytest.mark.parametrize("when", ["aside", "in place"])
def test_what_a_killed_run_left_in_the_bucket_is_unseen_and_then_swept(house, bucket, when, monkeypatch):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:1"}), NOON)
    before = objects(bucket)
    for name, value in {"HOME": str(house.home), "LAKE_URL": f"{bucket}/lake", "LANDING_URL": f"{bucket}/landing", "DATABASE_URL": ""}.items():
        monkeypatch.setenv(f"WEISU_{name}", value)
    died = subprocess.run([sys.executable, "-c", KILLED, when], cwd=ROOT, timeout=300)
    assert died.returncode == -signal.SIGKILL
    assert len(objects(bucket)) == len(before) + (2 if when == "in place" else 1)          # its note, and its file
    assert house.as_of(NOON).collect()["record_id"].to_list() == ["s:1"]
    with house.lock():
        assert house.begin({"run_id": "r3", "kind": "nightly", "run_date": date(2026, 6, 2), "as_of": NOON}) == ["r2"]
    assert objects(bucket) == before and not [p for p in house.lake.folder.rglob("*") if p.is_file()]


def test_landing_keeps_bytes_and_receipts_in_the_bucket_and_a_private_copy_until_it_closes(house, bucket, tmp_path):  # noqa: F811
    (tmp_path / "a.csv").write_bytes(b"x" * 70_000)
    landed = house.landing.land(tmp_path / "a.csv", "s", received_at=NOON)
    assert landed.path.read_bytes() == b"x" * 70_000 and (landed.path.stat().st_mode | landed.path.parent.stat().st_mode) & 0o077 == 0
    again = house.landing.land(tmp_path / "a.csv", "s", "b.csv", received_at=datetime(2026, 6, 3, tzinfo=NOON.tzinfo))
    assert again.received_at == NOON and house.landing.verify(landed.sha256)
    assert objects(bucket) == [f"landing/{landed.sha256[:2]}/{landed.sha256}{end}" for end in ("", ".json")]
    house.landing.close()
    assert not [p for p in house.landing.folder.rglob("*") if p.is_file()]
    found = house.landing.find(landed.sha256, "s")
    assert found is not None and found.path.read_bytes() == b"x" * 70_000 and house.landing.find(landed.sha256, "t") is None
    other = Landing(house.home, url=f"{bucket}/landing")
    assert other.sweep() == 1 and not found.path.exists()                                   # as after a kill: another process clears it
    assert house.landing.remove(landed.sha256) and not house.landing.remove(landed.sha256) and objects(bucket) == []


def test_a_torn_object_is_put_anew(house, bucket, tmp_path):  # noqa: F811
    (tmp_path / "a").write_bytes(b"whole")
    landed = house.landing.land(tmp_path / "a", "s", received_at=NOON)
    kept_at(f"{bucket}/landing", tmp_path).write(f"{landed.sha256[:2]}/{landed.sha256}", b"who")
    assert not house.landing.verify(landed.sha256)
    house.landing.land(tmp_path / "a", "s", received_at=NOON)
    assert house.landing.verify(landed.sha256)


def test_nights_on_a_bucket_give_the_tables_of_nights_on_a_folder(home, bucket, tmp_path, monkeypatch):  # noqa: F811
    board = messages(date(2026, 3, 1), 92, matter_from=date(2026, 5, 27), matter_n=3)
    early = workbook(board.head(board.height // 2), tmp_path / "early.xlsx")
    late = workbook(board, tmp_path / "late.xlsx")
    said = {}
    for where in ("folder", "bucket", "file"):
        monkeypatch.setenv("WEISU_HOME", str(tmp_path / where))
        url = {"bucket": bucket, "file": f"file://{tmp_path}/elsewhere"}.get(where)
        for name in ("lake", "landing") if url else ():
            monkeypatch.setenv(f"WEISU_{name.upper()}_URL", f"{url}/{name}")
        assert night(early, day=date(2026, 5, 30)).row["outcome"] != "failed"
        night(late)
        said[where] = tables()
        if url:
            assert not [p for name in ("lake", "landing") for p in (tmp_path / where / name).rglob("*") if p.is_file()]
    assert said["folder"] == said["bucket"] == said["file"] and said["folder"]["v_warnings"]
    assert (tmp_path / "elsewhere" / "landing").stat().st_mode & 0o077 == 0


def test_an_unknown_kind_of_store_is_named(tmp_path):
    with pytest.raises(SettingsError, match="ftp"):
        Warehouse(Settings(home=tmp_path, lake_url="ftp://somewhere/lake"))
