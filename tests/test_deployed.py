"""The night as it is meant to be run: a Prefect server, the deployments on it, a worker, and runs triggered from them (`make e2e`)."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import date
from pathlib import Path

import pytest

from tests.boards import messages, workbook
from tests.conftest import ROOT

pytestmark = pytest.mark.e2e
PREFECT = str(Path(sys.executable).parent / "prefect")
SECRET_PHONE = "13912345678"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A server, a work pool, the deployments of prefect.yaml and a worker, all in a folder of their own."""
    folder, port = tmp_path_factory.mktemp("deployed"), free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "WEISU_"))} | {
        "HOME": str(folder), "PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1", "WEISU_HOME": str(folder / "weisu"), "WEISU_SECRET": "deployed", "WEISU_INBOX_SETTLE_SECONDS": "0", "WEISU_LANG": "en"}
    started = [subprocess.Popen([PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)], env={**env, "PREFECT_API_URL": ""},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)]
    try:
        healthy(f"{env['PREFECT_API_URL']}/health")
        for words in (["work-pool", "create", "--type", "process", "--overwrite", "weisu"], ["--no-prompt", "deploy", "--all"]):
            subprocess.run([PREFECT, *words], env=env, cwd=ROOT, check=True, capture_output=True, timeout=180)
        started.append(subprocess.Popen([PREFECT, "worker", "start", "--pool", "weisu"], env=env, cwd=ROOT, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True))
        yield folder, env
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)


def healthy(url: str) -> None:
    """Waits until the server answers, two minutes at the most."""
    pause = threading.Event()
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pause.wait(0.5)
    pytest.fail("the Prefect server did not answer")


def triggered(env, name, **parameters):
    """Runs a deployment to its end; what the command said."""
    given = [x for k, v in parameters.items() for x in ("-p", f"{k}={json.dumps(v)}")]
    done = subprocess.run([PREFECT, "deployment", "run", name, *given, "--watch"], env=env, cwd=ROOT, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr


def asked(env, path, **body):
    request = urllib.request.Request(f"{env['PREFECT_API_URL']}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def weisu(env, sql):
    code = ("import json,sys;from flows.running import House;h=House.open();print(json.dumps(h.warehouse.read(sys.argv[1]).to_dicts(),default=str));h.warehouse.close()")
    return json.loads(subprocess.run([sys.executable, "-c", code, sql], env=env, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def test_a_night_from_the_deployment_a_failed_one_and_a_backfill(deployed):
    folder, env = deployed
    inbox = folder / "weisu" / "inbox" / "message_board"
    inbox.mkdir(parents=True)
    board = messages(date(2026, 3, 1), 92, matter_from=date(2026, 5, 27), matter_n=3)
    workbook(board, inbox / "board.xlsx")
    said = triggered(env, "nightly/nightly", date="2026-05-31")
    assert "finished successfully" in said
    runs = weisu(env, "select kind, outcome, accepted from v_runs")
    assert [(r["kind"], r["accepted"]) for r in runs] == [("nightly", board.height)] and runs[0]["outcome"] in ("ok", "notices")
    assert any("搅拌站" in w["title"] for w in weisu(env, "select title from v_warnings"))
    assert not list(inbox.glob("*.xlsx"))
    artifacts = asked(env, "/artifacts/filter", limit=10)
    listed = next(json.loads(a["data"]) for a in artifacts if a["key"] == "nightly-2026-05-31")
    assert any("搅拌站" in row["title"] for row in listed)

    (inbox / "bad.xlsx").write_text(f"not a workbook {SECRET_PHONE}", encoding="utf-8")
    said = triggered(env, "nightly/nightly", date="2026-06-01")
    assert "Failed" in said and (inbox / "refused" / "bad.xlsx").exists()
    states = [r["state"] for r in asked(env, "/flow_runs/filter", limit=20)]
    failed = next(s for s in states if s["type"] == "FAILED")
    assert "bad.xlsx" in failed["message"] and SECRET_PHONE not in json.dumps(states) and "Traceback" not in failed["message"]

    said = triggered(env, "backfill/backfill", first="2026-05-28", last="2026-05-29")
    assert "finished successfully" in said
    assert weisu(env, "select distinct date from replay_series order by 1") == [{"date": "2026-05-28"}, {"date": "2026-05-29"}]
