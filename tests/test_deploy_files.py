"""The files of deploy/: they parse, their commands exist and take these options, their settings are real, and no registry is named."""
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.cli import app, paired
from tests.conftest import ROOT
from warehouse.settings import Settings

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.*"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
BIN = Path(sys.executable).parent


def commands() -> list[str]:
    """Every `weisu …` and `prefect …` that a unit or a container runs."""
    lines = [line.split("=", 1)[1] for u in UNITS for line in u.read_text().splitlines() if line.startswith("ExecStart=")]
    lines += [shlex.join(s["command"]) for s in COMPOSE["services"].values() if "command" in s]
    found = {m for line in lines for part in re.split(r"&&|\|\||[();']", line) if (m := "".join(re.findall(r"\b(?:weisu|prefect) [a-z-].*", part)).strip())}
    return sorted(found)


def test_every_command_of_ours_is_one_that_weisu_takes():
    ours = [c for c in commands() if c.startswith("weisu ")]
    assert [c.split()[1] for c in ours] == ["alarm", "backup", "doctor"]
    for command in ours:
        if command.split()[1] in {name for name in app if not name.startswith("-")}:
            app.parse_args(paired(shlex.split(command)[1:]), exit_on_error=False, print_error=False)


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("prefect ")])
def test_every_command_of_prefects_has_its_options(command, tmp_path):
    words = shlex.split(command)
    verbs = [w for w in words[1:] if re.fullmatch("[a-z-]+", w) and not w.startswith("-")]
    verbs = verbs[:1] if verbs[0] == "deploy" else verbs[:2]
    said = subprocess.run([BIN / "prefect", *verbs, "--help"], env={**os.environ, "PREFECT_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0 and all(w in said.stdout for w in words if w.startswith("--"))


def test_every_setting_named_is_one():
    from prefect.settings.legacy import _get_valid_setting_names
    from prefect.settings.models.root import Settings as Prefects
    named = set(re.findall(r"\b(?:WEISU|PREFECT)_[A-Z_]+", "".join(f.read_text() for f in [*UNITS, DEPLOY / "weisu.env", DEPLOY / "compose.yaml"])))
    real = {f"WEISU_{n.upper()}" for n in Settings.model_fields} | set(_get_valid_setting_names(Prefects))
    assert named <= real and {"WEISU_SECRET", "WEISU_ALARM_URL", "PREFECT_API_URL"} <= named


def test_images_are_short_official_names_and_waiting_is_for_services_that_exist():
    services = COMPOSE["services"]
    assert {s["image"] for s in services.values()} == {"weisu", "postgres:18"}
    assert {d for s in services.values() for d in s.get("depends_on", {})} <= set(services)
    assert {v.split(":")[0] for s in services.values() for v in s["volumes"]} == set(COMPOSE["volumes"])
    assert not re.search(r"FROM \S*[./]\S*/", (DEPLOY / "Dockerfile").read_text())


def test_an_empty_line_of_the_environment_file_is_no_setting(tmp_path, monkeypatch):
    for line in (DEPLOY / "weisu.env").read_text().splitlines():
        name, sep, value = line.partition("=")
        if sep and name.startswith("WEISU_"):
            monkeypatch.setenv(name, value)
    settings = Settings(home=tmp_path)
    assert settings.alarm_url is None and settings.lake_url is None and settings.is_sqlite and settings.key


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not on this machine")
def test_systemd_takes_the_units(tmp_path):
    for unit in UNITS:
        text = unit.read_text().replace("/opt/weisu/.venv/bin/weisu", "/bin/true").replace("/opt/weisu/.venv/bin/prefect", "/bin/true")
        (tmp_path / unit.name).write_text(re.sub(r"^(User|Group)=weisu", r"\1=root", text, flags=re.M), encoding="utf-8")
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(tmp_path / u.name) for u in UNITS)], capture_output=True, text=True, timeout=120)
    assert not [line for line in said.stderr.splitlines() if "weisu" in line], said.stderr
    for unit in UNITS:
        for when in re.findall("^OnCalendar=(.*)$", unit.read_text(), re.M):
            assert subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, timeout=60).returncode == 0
