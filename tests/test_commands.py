"""What people do after a night, by the command line: on PostgreSQL it says and changes the same as on SQLite."""
import re

from tests.calm_nights import TONIGHT, calm_night, shown
from tests.dying import environment
from tests.engines import ENGINES, copied_house

DAY = str(TONIGHT)
RUN = re.compile(r"nightly-2026-\d\d-\d\d-[\w-]+")
#: What a person does is told with its minute, which may be another one by then.
MINUTE = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b")


def test_every_command_says_and_changes_the_same_on_both_databases(tmp_path, monkeypatch, capsys):
    from flows.cli import run as weisu
    said, left = {}, {}
    for engine in ENGINES:
        house = copied_house(calm_night(engine).ended, tmp_path / engine / "home")
        for name, value in environment(house).items():
            monkeypatch.setenv(name, value)
        warning, record = shown(house)["v_warning_records"][0][:2]
        commands = [["warnings", "--date", DAY, "--format", form] for form in ("table", "json", "csv")]
        commands += [["review", period, "--date", DAY] for period in ("day", "week", "tenday", "month")]
        commands += [["explain", warning], ["explain", record], ["work", warning, "acknowledge", "--by", "desk"], ["work", warning, "close"],
                     ["work", warning, "close", "--verdict", "confirmed", "--note", "已停产"], ["evaluate"], ["explain", warning], ["quarantine", "list"],
                     ["doctor"], ["purge", "--before", "2026-05-08", "--reason", "past its time", "--yes"], ["doctor"]]
        capsys.readouterr()
        said[engine] = []
        for words in commands:
            status = weisu(words)
            told = capsys.readouterr()
            said[engine].append((words, status, MINUTE.sub("MINUTE", RUN.sub("RUN", told.out + told.err)).replace(str(house.home), "HOME")))
        left[engine] = shown(house)
    assert [s for _, s, _ in said["sqlite"]] == [2 if words[-1] == "close" else 0 for words, _, _ in said["sqlite"]]
    for one, other in zip(said["sqlite"], said["postgresql"]):
        assert one == other
    # When a person did something is the wall clock's to say; the line's id and a closing's moment are made of it.
    for seen in left.values():
        seen["v_warning_events"] = sorted((warning, kind, done_by or "", note or "") for _, warning, _, kind, done_by, _, note in seen["v_warning_events"])
    assert left["sqlite"] == left["postgresql"] and any("confirmed" in w for w in left["sqlite"]["v_warnings"])
