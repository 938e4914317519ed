"""A new key: the same house under other pseudonyms; what is delivered again is known, who was forgotten stays so, the old key opens nothing."""
import json

import pytest

from flows.cli import run as cli
from tests.boards import workbook
from tests.houses import NIGHTS, SHOWN, board, enter, lived, night, opened, tables, upto  # noqa: F401

KEYLESS = ("caller_key",)
NEW = "a new key"


def callers():
    house = opened()
    try:
        return dict(house.warehouse.read("select record_id, caller_key from record").iter_rows())
    finally:
        house.warehouse.close()


def rotate(settings, monkeypatch, capsys):
    monkeypatch.setenv("WEISU_NEW_SECRET", NEW)
    assert cli(["secret", "rotate", "--reason", "yearly", "--yes", "--json"]) == 0
    enter(monkeypatch, settings, NEW)
    return json.loads(capsys.readouterr().out)


def test_a_new_key_changes_pseudonyms_and_nothing_else_and_the_same_file_is_known_again(lived, board, tmp_path, monkeypatch, capsys):  # noqa: F811
    before, old = tables(without=KEYLESS), callers()
    with monkeypatch.context() as patch:
        patch.delenv("WEISU_NEW_SECRET", raising=False)
        assert cli(["secret", "rotate", "--reason", "yearly", "--yes"]) == 2
    done = rotate(lived, monkeypatch, capsys)
    new = callers()
    assert tables(without=KEYLESS) == before
    assert done["n_unlinked"] == 0 and done["n_linked"] == len(set(old.values()) - {None})
    assert not set(old.values()) & set(new.values()) and len(set(zip(old.values(), new.values()))) == len(set(old.values()))
    enter(monkeypatch, lived, "test-secret")
    assert cli(["quarantine", "replay", "--source", "message_board"]) == 2                 # the old key is not this house's
    enter(monkeypatch, lived, NEW)
    again = night(workbook(upto(board, NIGHTS[1]), tmp_path / "again.xlsx"), day=NIGHTS[1])
    assert (again.row["accepted"], again.row["outcome"]) in ((0, "ok"), (0, "notices"))
    assert tables(("v_records",))["v_records"] and callers() == new
    old_values = [v.encode() for v in set(old.values()) - {None}]
    house = opened()
    for path in house.warehouse.lake.folder.rglob("*.parquet"):
        assert not any(v in path.read_bytes() for v in old_values)
    assert house.warehouse.verify() == [] and "secret rotate" in house.warehouse.access.path.read_text()
    house.warehouse.close()


def test_callers_whose_inputs_are_gone_keep_a_pseudonym_and_the_forgotten_stay_forgotten(lived, board, tmp_path, monkeypatch, capsys):  # noqa: F811
    house = opened()
    who = house.warehouse.read("select caller_key from record order by record_id limit 1")["caller_key"][0]
    house.warehouse.close()
    assert cli(["purge", "--caller", who, "--reason", "asked for it", "--yes"]) == 0       # takes the inputs with it
    before = tables(without=KEYLESS)
    done = rotate(lived, monkeypatch, capsys)
    assert done["n_linked"] == 0 and done["n_unlinked"] > 0 and done["n_forgotten"] == 1
    assert tables(without=KEYLESS) == before
    kept = lived.home / "forgotten.keys"
    assert kept.stat().st_mode & 0o777 == 0o600 and b"test-secret" not in kept.read_bytes()
    n = len(before["v_records"])
    night(workbook(upto(board, NIGHTS[1]), tmp_path / "again.xlsx"), day=NIGHTS[1])
    assert len(tables(("v_records",))["v_records"]) == n


@pytest.mark.parametrize("breaks", ["name_files", "forget_replays"])
def test_a_rotation_that_breaks_off_has_happened_or_has_not(lived, monkeypatch, breaks):  # noqa: F811
    from warehouse import keys, rewriting, rotation
    (lived.home / "secret").write_text("test-secret\n")
    enter(monkeypatch, lived, None)
    before, old = tables(), callers()
    with monkeypatch.context() as patch:
        patch.setattr(rewriting if breaks == "name_files" else rotation, breaks, lambda *a: (_ for _ in ()).throw(OSError("power")))
        patch.setattr(keys, "settle", lambda warehouse: None)                               # nor did it come to putting the key in its place
        assert cli(["secret", "rotate", "--reason", "yearly", "--yes"]) == 1
    assert (lived.home / "secret.next").exists()
    assert cli(["quarantine", "replay", "--source", "message_board", "--date", "2026-04-30"]) == 0
    assert not (lived.home / "secret.next").exists()
    if breaks == "name_files":
        assert tables() == before and (lived.home / "secret").read_text() == "test-secret\n"
    else:
        assert not set(callers().values()) & set(old.values()) and (lived.home / "secret").read_text() != "test-secret\n"
    house = opened()
    assert len(list(house.warehouse.lake.folder.rglob("*.parquet"))) == house.warehouse.read("lake_file").height
    house.warehouse.close()
