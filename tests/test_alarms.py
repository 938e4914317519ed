"""Telling the person on duty, with and without Prefect."""
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest
import yaml

from flows.alarm import automation
from flows.cli import run as cli
from policy.catalogue import LANGUAGES
from tests.conftest import ROOT


@contextmanager
def listening():
    """A messenger of our own: its Apprise URL and the queue of what it was sent."""
    got: Queue = Queue()

    class Messenger(BaseHTTPRequestHandler):
        def do_POST(self):
            got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Messenger)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/duty", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def duty(tmp_path, monkeypatch):
    monkeypatch.setenv("WEISU_HOME", str(tmp_path / "weisu"))
    monkeypatch.setenv("WEISU_LANG", "en")
    with listening() as (url, got):
        monkeypatch.setenv("WEISU_ALARM_URL", url)
        yield got


def test_a_night_that_never_came_is_told_without_prefect(duty, capsys):
    assert cli(["doctor", "--last-night", "--notify"]) == 1
    told = duty.get_nowait()
    assert told["title"] == "Weisu: no night has ended" and "the last one was never" in told["message"]
    assert told["message"] in capsys.readouterr().err


def test_a_database_that_is_away_is_an_alarm_too_and_quotes_no_password(duty, monkeypatch):
    monkeypatch.setenv("WEISU_DATABASE_URL", "postgresql://weisu:hunter2@127.0.0.1:1/weisu")
    assert cli(["doctor", "--last-night", "--notify"]) == 1
    told = duty.get_nowait()["message"]
    assert "could not be looked at" in told and "hunter2" not in told


def test_the_way_can_be_tried_and_a_dead_end_is_said_without_its_key(duty, monkeypatch, capfd):
    assert cli(["alarm", "try"]) == 0 and duty.get_nowait()["title"] == "Weisu: a trial"
    monkeypatch.setenv("WEISU_ALARM_URL", "json://127.0.0.1:1/key-of-the-robot")
    assert cli(["alarm", "try"]) == 1
    assert "key-of-the-robot" not in "".join(capfd.readouterr())
    monkeypatch.delenv("WEISU_ALARM_URL")
    assert cli(["alarm", "try"]) == 1 and cli(["alarm", "deploy"]) == 2


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_automation_of_the_file_is_one_that_prefect_takes(lang):
    from prefect.automations import Automation
    given = yaml.safe_load((ROOT / "deploy" / "automations.yaml").read_text(encoding="utf-8"))["automations"]
    made = [Automation.model_validate(automation(g, "a6ba7b48-5a2d-4f4a-9d05-0e3a5f0d4f7c", lang)) for g in given]
    assert {m.trigger.posture.value for m in made} == {"Reactive", "Proactive"}
    assert all("{{" in m.actions[0].body or g["text"] == "missing" for m, g in zip(made, given))
