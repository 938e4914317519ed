"""Whole nights through the flow: the same tables however the files came, nothing twice, withheld where it must be, and nothing personal kept."""
import json
from datetime import date

import polars as pl
import pytest

from tests.boards import messages, workbook
from tests.engines import ENGINES, ready_house

FIRST, LAST = date(2026, 3, 1), date(2026, 5, 31)
NIGHT = date(2026, 5, 31)
SHOWN = ("v_records", "v_warnings", "v_warning_records", "v_series")


@pytest.fixture(scope="module")
def board():
    return messages(FIRST, (LAST - FIRST).days + 1, matter_from=date(2026, 5, 27), matter_n=3)


#: For tests of what is stored, worked and read back; the others say nothing of the database.
on_both_engines = pytest.mark.parametrize("home", ENGINES, indirect=True)


@pytest.fixture
def home(request, tmp_path, monkeypatch):
    """A house of its own, on SQLite unless a test asks for an engine."""
    settings = ready_house(getattr(request, "param", "sqlite"), tmp_path / "weisu")
    monkeypatch.setenv("WEISU_HOME", str(settings.home))
    monkeypatch.setenv("WEISU_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("WEISU_INBOX_SETTLE_SECONDS", "0")
    return settings.home


def run(kind="nightly", **parameters):
    from flows import nightly as flows
    run_id = f"{kind}-test-{len(flows.LAST)}"
    getattr(flows, kind)(run_id=run_id, **parameters, return_state=True)
    return flows.LAST[run_id]


def night(*paths, day=NIGHT, **more):
    return run(inputs={"message_board": [str(p) for p in paths]}, date=day, **more)


def tables(views=SHOWN):
    from flows.running import House
    house = House.open()
    try:
        return {v: house.warehouse.read(v).drop("run_id", strict=False).rows() for v in views}
    finally:
        house.warehouse.close()


def test_a_matter_of_several_citizens_is_one_warning_that_traces_to_its_records(home, board, tmp_path):
    outcome = night(workbook(board, tmp_path / "a.xlsx"))
    assert outcome.row["outcome"] in ("ok", "notices")
    assert outcome.row["rows_read"] == board.height == outcome.row["accepted"] + outcome.row["quarantined"] + outcome.row["unchanged"]
    seen = tables(("v_warnings", "v_warning_records", "v_records"))
    plants = [w for w in outcome.warnings.iter_rows(named=True) if "搅拌站" in w["title"]]
    assert len(plants) == 1 and plants[0]["n_callers"] >= 10
    behind = {r for w, r, _ in seen["v_warning_records"] if w == plants[0]["warning_id"]}
    texts = {r[0]: r[14] for r in seen["v_records"]}
    assert len(behind) == plants[0]["n_records"] == 15 and all("搅拌站" in texts[r] for r in behind)


def test_the_same_file_again_changes_nothing_and_a_day_later_is_withheld(home, board, tmp_path):
    path = workbook(board, tmp_path / "a.xlsx")
    night(path)
    before = tables()
    again = night(path)
    assert again.row["accepted"] == 0 and again.row["unchanged"] == board.height and tables() == before
    later = night(path, day=date(2026, 6, 1))
    assert later.row["outcome"] == "withheld" and "B06" in {r["code"] for r in later.row["reasons"]}
    after = tables()
    assert all(after[v] == before[v] for v in ("v_warnings", "v_warning_records", "v_series"))
    released = night(path, day=date(2026, 6, 1), accept=["B06", "B08"], reason="checked by hand")
    assert released.row["outcome"] in ("ok", "notices")


def test_order_and_split_of_the_files_make_no_difference(home, board, tmp_path, monkeypatch):
    night(workbook(board, tmp_path / "a.xlsx"))
    whole = tables()
    monkeypatch.setenv("WEISU_HOME", str(tmp_path / "other"))
    mixed = board.sample(fraction=1, shuffle=True, seed=5)
    night(*(workbook(mixed[i::3], tmp_path / f"part{i}.xlsx") for i in range(3)))
    assert tables() == whole


def test_nothing_of_the_future_shows(home, board, tmp_path, monkeypatch):
    day = date(2026, 4, 30)
    night(workbook(board, tmp_path / "whole.xlsx"), day=day)
    whole = tables()
    monkeypatch.setenv("WEISU_HOME", str(tmp_path / "other"))
    cut = board.filter(pl.col("留言时间").str.slice(0, 10) <= "2026/04/30")
    night(workbook(cut, tmp_path / "cut.xlsx"), day=day)
    assert tables() == whole and len(whole["v_records"]) == cut.height


@on_both_engines
def test_night_by_night_a_warning_keeps_its_id_and_grows(home, board, tmp_path):
    upto = lambda d: board.filter(pl.col("留言时间").str.slice(0, 10) <= d.strftime("%Y/%m/%d"))
    night(workbook(upto(date(2026, 5, 28)), tmp_path / "1.xlsx"), day=date(2026, 5, 28))
    first = {w[0]: w for w in tables(("v_warnings",))["v_warnings"] if "搅拌站" in w[19]}
    night(workbook(upto(date(2026, 5, 29)), tmp_path / "2.xlsx"), day=date(2026, 5, 29))
    second = {w[0]: w for w in tables(("v_warnings",))["v_warnings"] if "搅拌站" in w[19]}
    assert len(first) == 1 and first.keys() == second.keys()
    (one,), (two,) = first.values(), second.values()
    assert two[16] == one[16] + 3 and (one[1], two[1], two[2]) == (date(2026, 5, 28), date(2026, 5, 28), date(2026, 5, 29))


def test_bad_files_leave_everything_as_it_was_and_are_named(home, board, tmp_path):
    night(workbook(board, tmp_path / "a.xlsx"))
    before = tables()
    (tmp_path / "empty.xlsx").write_bytes(b"")
    workbook(board.drop("留言详情"), tmp_path / "gone.xlsx")
    for name, code in (("empty.xlsx", "E05"), ("gone.xlsx", "H01")):
        outcome = night(tmp_path / "a.xlsx", tmp_path / name)
        assert outcome.row["outcome"] == "failed" and tables() == before
        (files,) = outcome.refused.values()
        assert list(files) == [name] and code in {f.code for f in files[name]}


def test_the_inbox_is_emptied_when_stored_and_a_file_at_fault_is_put_aside(home, board, tmp_path):
    box = home / "inbox" / "message_board"
    box.mkdir(parents=True)
    workbook(board, box / "sound.xlsx")
    (box / "broken.xlsx").write_bytes(b"not a workbook")
    failed = run(date=NIGHT)
    assert failed.row["outcome"] == "failed"
    assert (box / "refused" / "broken.xlsx").exists() and (box / "sound.xlsx").exists()
    stored = run(date=NIGHT)
    assert stored.row["accepted"] == board.height and not (box / "sound.xlsx").exists()


def test_a_scheduled_night_without_a_file_is_withheld(home, board, tmp_path):
    night(workbook(board, tmp_path / "a.xlsx"))
    before = tables()
    (home / "inbox" / "message_board").mkdir(parents=True, exist_ok=True)
    outcome = run(date=date(2026, 6, 1))
    assert outcome.row["outcome"] == "withheld" and "B01" in {r["code"] for r in outcome.row["reasons"]}
    assert tables() == before


@on_both_engines
def test_an_ingest_is_worked_by_the_next_night(home, board, tmp_path):
    path = workbook(board, tmp_path / "a.xlsx")
    run("ingest", inputs={"message_board": [str(path)]}, date=NIGHT)
    ingested = tables(("v_records", "v_warnings"))
    assert len(ingested["v_records"]) == board.height and not ingested["v_warnings"]
    assert all(r[10] is None and r[13] is None for r in ingested["v_records"])
    outcome = night(path)
    assert outcome.row["unchanged"] == board.height
    worked = tables(("v_records", "v_warnings"))
    assert any(r[10] is not None for r in worked["v_records"]) and worked["v_warnings"]


def test_nights_go_forward(home, board, tmp_path):
    path = workbook(board, tmp_path / "a.xlsx")
    night(path)
    from flows.messages import BadUsage
    from flows.nightly import nightly
    more = workbook(messages(FIRST, 20, seed=9), tmp_path / "b.xlsx")
    state = nightly(inputs={"message_board": [str(more)]}, date=date(2026, 5, 1), return_state=True)
    with pytest.raises(BadUsage):
        state.result()


def test_a_house_whose_nights_kept_no_journal_goes_on_as_one_that_did(home, board, tmp_path, monkeypatch):
    import sqlalchemy as sa

    from flows.running import House
    monkeypatch.setenv("WEISU_DATABASE_URL", "")
    more = messages(NIGHT, 2, seed=4, matter_from=NIGHT, matter_n=3).with_columns(("9" + pl.col("留言编号")).alias("留言编号"))
    files = workbook(board, tmp_path / "a.xlsx"), workbook(more, tmp_path / "b.xlsx")
    said = []
    for forgetful in (False, True):
        monkeypatch.setenv("WEISU_HOME", str(tmp_path / f"house{forgetful}"))
        night(files[0])
        house = House.open()
        if forgetful:
            with house.warehouse.engine.begin() as connection:
                connection.execute(sa.text("delete from lake_file where dataset in ('worked', 'warnings', 'warning_records')"))
        night(files[1], day=date(2026, 6, 1))
        as_of = house.warehouse.read("select max(as_of) as as_of from run where kind = 'nightly'")["as_of"][0]
        kept = house.warehouse.worked(as_of).select("record_id", "incident_id", "problem_code").sort("record_id").collect().rows()
        told = house.warehouse.told(as_of, "message_board")
        house.warehouse.close()
        said.append((tables(), kept, [f.rows() for f in told]))
    assert said[0] == said[1] and len(said[0][1]) == board.height + more.height


@on_both_engines
def test_a_backfill_replays_beside_the_live_tables(home, board, tmp_path):
    night(workbook(board, tmp_path / "a.xlsx"))
    before = tables()
    from flows.backfill import backfill
    from flows.running import House
    backfill(first=date(2026, 5, 28), last=date(2026, 5, 29), source="message_board", known="then", run_id="b1")
    assert tables() == before
    house = House.open()
    replayed = house.warehouse.read("select title, raised_on from replay_warning where run_id = 'b1' order by 1")
    dates = house.warehouse.read("select distinct date from replay_series where run_id = 'b1' order by 1")["date"].to_list()
    house.warehouse.close()
    assert replayed.filter(pl.col("title").str.contains("搅拌站")).height == 1
    assert dates == [date(2026, 5, 28), date(2026, 5, 29)]
    assert not any((home / "replay").iterdir())


def test_two_runs_are_compared_on_the_days_that_both_worked(home, board, tmp_path, capsys):
    from flows.backfill import backfill
    from flows.cli import run as cli
    live = night(workbook(board, tmp_path / "a.xlsx")).row["run_id"]
    for run_id, first, last in (("same", NIGHT, NIGHT), ("earlier", date(2026, 5, 29), NIGHT), ("before", date(2026, 5, 28), date(2026, 5, 29))):
        backfill(first=first, last=last, source="message_board", known="then", run_id=run_id)
    capsys.readouterr()

    def compared(one, other):
        assert cli(["compare", one, other, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    same = compared(live, "same")
    assert {w["change"] for w in same["warnings"]} == {"same"} and set(same["cells"]) == {"same"} and same["cells"]["same"] > 10
    earlier = compared(live, "earlier")
    plant = next(w for w in earlier["warnings"] if "搅拌站" in w["title"])
    assert plant["change"] == "changed" and any(d.startswith("raised_on: 2026-05-31 → 2026-05-") for d in plant["differs"])
    assert compared("earlier", "earlier")["first"] == "2026-05-29"
    assert cli(["compare", live, "earlier"]) == 0 and "搅拌站" in capsys.readouterr().out
    assert cli(["compare", live, "before"]) == 2 and cli(["compare", live, "nobody"]) == 2


def test_a_warning_is_worked_to_its_end(home, board, tmp_path, capsys):
    night(workbook(board, tmp_path / "a.xlsx"))
    from flows.cli import run as cli
    warning = next(w[0] for w in tables(("v_warnings",))["v_warnings"] if "搅拌站" in w[19])
    assert cli(["work", warning, "start"]) == 1
    assert cli(["work", warning, "acknowledge", "--by", "desk"]) == 0
    assert cli(["work", warning, "assign", "--to", "desk", "--seen", "1"]) == 1 and "2" in capsys.readouterr().err
    assert cli(["warnings", "--open", "--format", "json"]) == 0
    order = json.loads(capsys.readouterr().out)
    assert warning in {w["warning_id"] for w in order} and [w["rank"] for w in order] == list(range(1, len(order) + 1))
    assert cli(["warnings", "--overdue"]) == 0 and cli(["warnings", "--due-soon", "2"]) == 0 and cli(["requests"]) == 0
    assert cli(["work", warning, "close"]) == 2 and cli(["work", warning, "close", "--verdict", "confirmed"]) == 2
    capsys.readouterr()
    assert cli(["work", warning, "close", "--verdict", "confirmed", "--measures", "plant stopped", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["verdict"], shown["measures"]) == ("closed", "confirmed", "plant stopped")
    assert cli(["work", warning, "history", "--json"]) == 0
    assert [e["kind"] for e in json.loads(capsys.readouterr().out)] == ["raised", "refused", "acknowledged", "refused", "closed"]
    assert cli(["work", warning, "history"]) == 0 and cli(["work", "nobody", "history"]) == 2
    assert cli(["evaluate"]) == 0 and cli(["explain", warning]) == 0
    assert "plant stopped" in capsys.readouterr().out


@on_both_engines
def test_a_mended_mapping_brings_quarantined_rows_back(home, board, tmp_path):
    odd = board.with_columns(pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("May 03 2026 08:00")).otherwise("留言时间").alias("留言时间"))
    outcome = night(workbook(odd, tmp_path / "odd.xlsx"))
    assert outcome.row["quarantined"] == 3 and outcome.row["accepted"] == board.height - 3
    rows = tables(("v_quarantine",))["v_quarantine"]
    assert len(rows) == 3 and all("T01" in r[2] and "留言时间" in r[3] and "May 03" not in r[3] for r in rows)
    from sources.mapping import shipped
    text = (shipped() / "message_board.yaml").read_text(encoding="utf-8")
    (home / "sources").mkdir()
    mended = text.replace("{headers: [留言时间]}", '{headers: [留言时间], formats: ["%b %d %Y %H:%M"]}')
    assert mended != text
    (home / "sources" / "message_board.yaml").write_text(mended, encoding="utf-8")
    from flows.cli import run as cli
    assert cli(["quarantine", "replay", "--source", "message_board", "--date", "2026-06-01"]) == 0
    back = tables(("v_records", "v_quarantine"))
    assert len(back["v_records"]) == board.height and [r[8] for r in back["v_quarantine"]] == [date(2026, 6, 1)] * 3
    assert cli(["quarantine", "replay", "--source", "message_board", "--date", "2026-06-01"]) == 0
    assert tables(("v_records", "v_quarantine")) == back


def test_the_dead_mans_check_says_when_no_night_has_ended(home, board, tmp_path, capsys):
    from datetime import UTC, datetime, timedelta

    from flows.doctor import ended_in_time, examine
    from flows.running import House
    from warehouse.settings import Settings
    (home / "inbox" / "message_board").mkdir(parents=True, mode=0o700)
    night(workbook(board, tmp_path / "a.xlsx"))
    house = House.open()
    after = lambda days, hours: not ended_in_time(house, datetime(2026, 5, 31, 16, tzinfo=UTC) + timedelta(days=days, hours=hours), timedelta(hours=6))[0]
    assert (after(0, 1), after(0, 7), after(1, 5), after(1, 7)) == (0, 0, 0, 1)
    house.warehouse.close()
    capsys.readouterr()
    assert examine(Settings()) == 0


def test_damaged_text_without_the_switch_is_told(home, board, tmp_path):
    garbled = board.with_columns(pl.concat_str(pl.lit("消費(fèi)者對(duì)監(jiān)管聯(lián)動(dòng),、投訴(sù),、處理"), "留言详情").alias("留言详情"))
    night(workbook(garbled, tmp_path / "g.xlsx"))
    told = [n for n in tables(("v_notices",))["v_notices"] if "repair.damaged" in (n[10] or "")]
    assert len(told) == 1


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_a_publication_whose_session_the_server_ended_is_made_again_and_once(home, board, tmp_path, monkeypatch):
    from tests import faults
    from warehouse import bulk
    monkeypatch.setattr(bulk, "write", bulk.write)               # as it was, afterwards
    faults.database_away_while_it_writes()
    outcome = night(workbook(board, tmp_path / "a.xlsx"))
    assert outcome.row["outcome"] in ("ok", "notices") and outcome.row["accepted"] == board.height
    seen = tables(("v_records", "v_runs", "v_warnings"))
    assert len(seen["v_records"]) == board.height and len(seen["v_runs"]) == 1 and seen["v_warnings"]


def test_both_databases_say_the_same(board, tmp_path, monkeypatch):
    from tests.engines import new_house
    said = {}
    for engine in ("sqlite", "postgresql"):
        settings = new_house(engine, tmp_path / engine)
        for name, value in {"WEISU_HOME": str(settings.home), "WEISU_DATABASE_URL": settings.database_url, "WEISU_INBOX_SETTLE_SECONDS": "0"}.items():
            monkeypatch.setenv(name, value)
        path = workbook(board, tmp_path / "a.xlsx")
        night(path, day=date(2026, 5, 30))
        again = night(path, day=date(2026, 5, 30))
        assert again.row["accepted"] == 0
        said[engine] = tables((*SHOWN, "v_notices"))
    assert said["sqlite"] == said["postgresql"] and said["sqlite"]["v_warnings"]
