"""Landing keeps every byte and its first receipt; inboxes give only what nobody is writing any more."""
import os
from datetime import UTC, datetime

import pytest

from warehouse.landing import Landing

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.fixture
def landing(tmp_path):
    return Landing(tmp_path / "home", settle_seconds=5)


def mode(path):
    return path.stat().st_mode & 0o777


def drop(landing, name, data=b"x", seconds_ago=60):
    path = landing._inbox.of("s") / name
    path.write_bytes(data)
    os.utime(path, (NOON.timestamp() - seconds_ago,) * 2)
    return path


def names(files):
    return [f.path.name for f in files]


def never(_):
    raise AssertionError("nothing is young: there is nothing to wait for")


def test_bytes_are_kept_whole_by_hash_and_privately(landing, tmp_path):
    data = os.urandom(3_000_000)
    (tmp_path / "a.bin").write_bytes(data)
    landed = landing.land(tmp_path / "a.bin", "s", received_at=NOON)
    assert landed.path.read_bytes() == data and landed.size == len(data) and landed.name == "a.bin"
    assert landed.path == landing.folder / landed.sha256[:2] / landed.sha256
    assert landing.verify(landed.sha256)
    assert (tmp_path / "a.bin").exists()
    assert [mode(p) for p in (landing.folder, landed.path.parent, landed.path)] == [0o700, 0o700, 0o600]


def test_the_first_receipt_of_the_same_bytes_stays(landing, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    first = landing.land(tmp_path / "a", "s", received_at=NOON)
    again = landing.land(tmp_path / "b", "s", received_at=LATER)
    other = landing.land(tmp_path / "b", "t", received_at=LATER)
    assert (again.sha256, again.received_at, again.name) == (first.sha256, NOON, "b")
    assert other.received_at == LATER
    assert landing.find(first.sha256, "s") == first
    assert landing.find(first.sha256, "u") is None
    assert len(list(landing.folder.rglob(first.sha256))) == 1


def test_a_torn_copy_is_replaced_and_leftovers_are_swept(landing, tmp_path):
    (tmp_path / "a").write_bytes(b"whole")
    landed = landing.land(tmp_path / "a", "s", received_at=NOON)
    landed.path.write_bytes(b"who")
    assert not landing.verify(landed.sha256)
    landing.land(tmp_path / "a", "s", received_at=LATER)
    assert landing.verify(landed.sha256)
    (landing.folder / ".landing-1-a.tmp").write_bytes(b"half")
    assert landing.sweep() == 1 and landing.sweep() == 0


def test_what_cannot_land_leaves_nothing(landing, tmp_path):
    with pytest.raises(FileNotFoundError):
        landing.land(tmp_path / "nowhere", "s", received_at=NOON)
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(ValueError, match="time zone"):
        landing.land(tmp_path / "a", "s", received_at=datetime(2026, 6, 1))
    assert not [p for p in landing.folder.rglob("*") if p.is_file()]


def test_only_settled_inputs_are_given(landing):
    for name in ("b.csv", "a.xlsx", "c.csv.part", "~$a.xlsx", ".hidden", "d.csv.done"):
        drop(landing, name)
    assert names(landing.inbox("s", NOON, pause=never)) == ["a.xlsx", "b.csv"]
    assert [mode(p) for p in (landing._inbox.folder, landing._inbox.of("s"))] == [0o700, 0o700]


def test_a_file_still_being_copied_is_left_and_one_that_stands_still_is_taken(landing):
    growing, still = drop(landing, "growing.csv", seconds_ago=1), drop(landing, "still.csv", seconds_ago=1)

    def copy_goes_on(seconds):
        assert seconds == 5
        growing.write_bytes(b"xyz")

    assert names(landing.inbox("s", NOON, pause=copy_goes_on)) == [still.name]


def test_done_says_that_a_file_is_whole(landing):
    drop(landing, "a.csv", seconds_ago=0)
    done = drop(landing, "a.csv.done", seconds_ago=0)
    files = landing.inbox("s", NOON, pause=never)
    assert names(files) == ["a.csv"]
    assert landing.take_away(files) == [] and not files[0].path.exists() and not done.exists()


def test_a_file_replaced_since_it_was_taken_stays(landing):
    path = drop(landing, "a.csv")
    files = landing.inbox("s", NOON, pause=never)
    path.write_bytes(b"a newer export")
    assert names(landing.take_away(files)) == ["a.csv"] and path.exists()


def test_refused_files_are_put_aside_without_overwriting(landing):
    moved = []
    for text in (b"bad", b"worse"):
        drop(landing, "a.csv", text)
        moved += landing.refuse(landing.inbox("s", NOON, pause=never))
    assert [p.name for p in moved] == ["a.csv", "a-2.csv"]
    assert [p.read_bytes() for p in moved] == [b"bad", b"worse"] and mode(moved[0].parent) == 0o700
    assert landing.inbox("s", NOON, pause=never) == []
