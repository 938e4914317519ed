"""A house in a folder and back: as it was at the backup, on either database, and nights run on from there."""
import hashlib
import json
import shutil

import polars as pl
import pytest

from flows.cli import run as cli
from flows.messages import BadUsage
from tests.boards import workbook
from tests.engines import ENGINES, house, ready_house  # noqa: F401
from tests.houses import NIGHTS, board, enter, lived, night, opened, tables, upto  # noqa: F401
from tests.lake_rows import at, revisions, store
from warehouse.backup import BackupError, backup, restore
from warehouse.settings import Settings


@pytest.mark.parametrize("into", ENGINES)
def test_a_restored_house_is_the_one_that_was_backed_up_and_nights_run_on_from_it(lived, board, tmp_path, monkeypatch, capsys, into):  # noqa: F811
    before, kept = tables(), tmp_path / "kept"
    assert cli(["backup", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]["record"] == len(before["v_records"])
    assert kept.stat().st_mode & 0o777 == 0o700 and cli(["backup", str(kept)]) == 2
    third = workbook(upto(board, NIGHTS[2]), tmp_path / "2.xlsx")
    night(third, day=NIGHTS[2])
    after = tables()
    assert after != before
    if into == ("postgresql" if lived.database_url else "sqlite"):
        assert cli(["restore", str(kept)]) == 2 and tables() == after
    else:
        enter(monkeypatch, ready_house(into, tmp_path / "elsewhere"))
    assert cli(["restore", str(kept), "--replace"]) == 0
    assert tables() == before
    now = opened()
    files = {str(p.relative_to(now.warehouse.lake.folder)) for p in now.warehouse.lake.folder.rglob("*.parquet")}
    assert now.warehouse.verify() == [] and files == set(now.warehouse.read("lake_file")["path"])
    now.warehouse.close()
    night(third, day=NIGHTS[2])
    assert tables() == after


def test_a_damaged_backup_or_another_key_is_refused_and_the_house_stays(lived, board, tmp_path, monkeypatch, capsys):  # noqa: F811
    kept, linked = tmp_path / "kept", tmp_path / "linked"
    assert cli(["backup", str(kept)]) == 0 and cli(["backup", str(linked), "--link", str(kept)]) == 0
    landed = next(p for p in (linked / "landing").glob("??/*") if not p.suffix)
    assert landed.stat().st_nlink == 2
    before = tables()
    shutil.copytree(linked, tmp_path / "hurt")
    hurt = next((tmp_path / "hurt" / "lake").rglob("*.parquet"))
    hurt.write_bytes(hurt.read_bytes()[:-1] + b"x")
    capsys.readouterr()
    assert cli(["restore", str(tmp_path / "hurt"), "--replace"]) == 1 and hurt.name in capsys.readouterr().err
    monkeypatch.setenv("WEISU_SECRET", "another")
    assert cli(["restore", str(kept), "--replace"]) == 1
    monkeypatch.setenv("WEISU_SECRET", "test-secret")
    assert cli(["restore", str(tmp_path / "nothing"), "--replace"]) == 2 and tables() == before


def test_a_backup_that_breaks_off_leaves_none_and_a_restore_that_does_leaves_the_house(lived, tmp_path, monkeypatch):  # noqa: F811
    from warehouse import backup as backups
    before = tables()
    with monkeypatch.context() as patch:
        patch.setattr(backups, "write_whole", lambda *a: (_ for _ in ()).throw(OSError("no space left")))
        assert cli(["backup", str(tmp_path / "kept")]) == 1 and not (tmp_path / "kept").exists()
    assert cli(["backup", str(tmp_path / "kept")]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(backups.bulk, "write", lambda *a: (_ for _ in ()).throw(OSError("no space left")))
        assert cli(["restore", str(tmp_path / "kept"), "--replace"]) == 1
    assert tables() == before


def test_what_was_purged_after_the_backup_goes_again_when_it_is_restored(lived, tmp_path):  # noqa: F811
    assert cli(["backup", str(tmp_path / "kept")]) == 0
    who = tables(("v_records",))["v_records"][0][9]
    assert cli(["purge", "--caller", who, "--reason", "asked for it", "--yes"]) == 0
    assert cli(["purge", "--before", "2026-04-20", "--reason", "retention", "--yes"]) == 0
    purged = tables()
    assert cli(["restore", str(tmp_path / "kept"), "--replace"]) == 0
    assert tables() == purged


def test_a_backup_of_an_older_schema_comes_back_at_the_newest(house, tmp_path):  # noqa: F811
    store(house, "r1", revisions({"record_id": "s:1"}), at("2026-06-02 00:00"))
    kept = tmp_path / "kept"
    manifest = backup(house, kept, at("2026-06-02 12:00"))
    run = kept / "tables" / "run-00000.parquet"
    pl.read_parquet(run).drop("digests").write_parquet(run)
    later = ("tables/house_key-", "tables/unit-", "tables/work_rule-")              # tables that the older schema had not
    files = {n: f for n, f in manifest["files"].items() if not n.startswith(later)}
    files["tables/run-00000.parquet"] = [run.stat().st_size, hashlib.sha256(run.read_bytes()).hexdigest()]
    (kept / "manifest.json").write_text(json.dumps({**manifest, "schema": "0001", "files": files}))
    store(house, "r2", revisions({"record_id": "s:2"}), at("2026-06-03 00:00"))
    with house.lock():
        restore(house, kept, "restore-1", replace=True)
    assert house.read("run").select("run_id", "digests").rows() == [("r1", None)] and house.read("revision")["record_id"].to_list() == ["s:1"]
    assert not house.upgrade() and house.verify() == []
    (kept / "manifest.json").write_text(json.dumps({**manifest, "schema": "9999", "files": files}))
    with pytest.raises(BackupError, match="newer"):
        restore(house, kept, "restore-2", replace=True)


def test_a_house_in_a_bucket_is_refused_before_anything_is_written(tmp_path):
    from flows.keeping import back_up, bring_back
    settings = Settings(home=tmp_path / "home", database_url="", secret="s", lake_url="s3://nowhere/lake")
    for act in (lambda: back_up(settings, tmp_path / "to", None, False), lambda: bring_back(settings, tmp_path / "to", False, False)):
        with pytest.raises(BadUsage, match="weisu backup"):
            act()
    assert not list(tmp_path.iterdir())
