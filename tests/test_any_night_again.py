"""Sixty days streamed live, then replayed: as they were known then, the live tables row for row; as they are known now, one history load."""
from datetime import date, timedelta

import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score

from policy.lifecycle import Given
from tests.streams import FIRST, last_rows, night_file

pytestmark = pytest.mark.long
DAYS = [FIRST + timedelta(days=n) for n in range(60)]
#: On this morning the source gives the file of the morning before again, and the night is withheld.
REPEATED = DAYS[25]
#: A warning is taken in hand after the one night, and closed after the other.
TAKEN, CLOSED = DAYS[12], DAYS[30]
#: After these, a warning proves unfounded in the night after the next as-of, before that night has run.
JUDGED = (DAYS[36], DAYS[44])
SOURCE = "market_supervision"


def house_at(home, monkeypatch):
    for name, value in {"WEISU_HOME": str(home), "WEISU_DATABASE_URL": "", "WEISU_INBOX_SETTLE_SECONDS": "0"}.items():
        monkeypatch.setenv(name, value)


def opened():
    from flows.running import House
    return House.open()


def night(path, day, **more):
    from flows import nightly as flows
    flows.nightly(inputs={SOURCE: [str(path)]}, date=day, run_id=f"live-{day}", return_state=True, **more)
    return flows.LAST[f"live-{day}"].row


def staff(day, action, given=None, hours=9, n=1):
    """What staff do to the oldest open warnings on the morning after `day`, or in the night before it has run."""
    from policy.lifecycle import OPEN
    from warehouse.warning_work import act
    house = opened()
    rows = house.warehouse.read("warning").filter(pl.col("status").is_in(OPEN)).sort("raised_on", "warning_id").head(n)
    as_of = house.warehouse.read("select as_of from run where run_id = :r", r=f"live-{day}")["as_of"][0]
    for k, warning_id in enumerate(rows["warning_id"].to_list()):
        act(house.warehouse.engine, warning_id, action, given or Given(), as_of + timedelta(hours=hours, minutes=k), "desk")
    house.warehouse.close()


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """The house after sixty nights, and how each ended."""
    folder = tmp_path_factory.mktemp("stream")
    with pytest.MonkeyPatch.context() as patch:
        house_at(folder / "live", patch)
        ended = {}
        for day in DAYS:
            path = night_file(day if day != REPEATED else day - timedelta(days=1), folder / "files")
            ended[day] = night(path, day)["outcome"]
            if day == TAKEN:
                staff(day, "acknowledge")
            if day == CLOSED:
                staff(day, "close", Given(verdict="confirmed", measures="checked", unit="SEC-DISPATCH"))
            if day in JUDGED:
                staff(day, "close", Given(verdict="unfounded", measures="checked", unit="SEC-DISPATCH"), hours=25)
    return folder, ended


@pytest.fixture
def live(streamed, monkeypatch):
    house_at(streamed[0] / "live", monkeypatch)
    house = opened()
    yield house.warehouse
    house.warehouse.close()


def replayed(known, first, last):
    from flows.backfill import backfill
    run_id = f"{known}-{first}-{last}"
    backfill(first=first, last=last, source=SOURCE, known=known, run_id=run_id)
    return run_id


def differences(house, run_id, first, last):
    """How many rows only the live tables or only the replay's have, by table."""
    out = {}
    for name, of_days in (("warning", "updated_on"), ("series", "date"), ("notice", "raised_on"), ("warning_record", None), ("metric", None), ("record", None),
                             ("ranking", "date")):
        ours = house.select(f"replay_{name}", "run_id = :r", r=run_id).drop("run_id")
        theirs = house.select(name, f"{of_days} between :a and :b", a=first, b=last) if of_days else house.read(name)
        if name == "notice":
            theirs = theirs.filter(pl.col("kind") != "data")
        if name in ("warning_record", "metric", "record"):
            key = {"warning_record": "warning_id", "metric": "key", "record": "record_id"}[name]
            theirs = theirs.join(ours.select(key).unique(), on=key, how="semi")
        if name == "metric":                                                     # thresholds of weeks before are the live house's own
            theirs = theirs.filter(pl.col("period_end") >= first)
        theirs = theirs.select(ours.columns)
        join = {"on": ours.columns, "how": "anti", "nulls_equal": True}
        out[name] = (theirs.join(ours, **join).height, ours.join(theirs, **join).height)
    return out


SAME = dict.fromkeys(("warning", "series", "notice", "warning_record", "metric", "record", "ranking"), (0, 0))


def test_known_then_says_again_what_the_nights_said(live, streamed):
    ended = streamed[1]
    assert ended[REPEATED] == "withheld" and list(ended.values()).count("withheld") < 10
    closed = live.select("warning", "verdict = 'confirmed'")
    assert closed.height == 1 and closed["status"][0] in ("closed", "reopened")
    run_id = replayed("then", DAYS[0], DAYS[-1])
    assert live.select("replay_warning", "run_id = :r", r=run_id).height > 3 and live.select("replay_series", "run_id = :r", r=run_id).height > 1000
    assert differences(live, run_id, DAYS[0], DAYS[-1]) == SAME


def test_a_replay_begins_in_the_middle_as_the_nights_before_had_left_it(live):
    before = {v: live.read(v) for v in ("v_warnings", "v_series", "v_records")}
    assert differences(live, replayed("then", DAYS[-8], DAYS[-1]), DAYS[-8], DAYS[-1]) == SAME
    assert all(live.read(v).equals(frame) for v, frame in before.items())


def test_workers_side_by_side_say_what_one_says(live):
    from flows import backfill as flows
    from flows.places import places_of
    from flows.replay import stretches
    first, last = DAYS[20], DAYS[33]
    house = opened()
    place = places_of(house.mappings, [SOURCE])[0]
    days = DAYS[20:34]
    cut = {known: [s.days[0] for s in stretches(house, place, "x", days, known, 2)] for known in ("then", "now")}
    house.warehouse.close()
    assert cut == {"then": [DAYS[20], DAYS[27]], "now": [DAYS[20]]}
    flows.fanned_out(2, None)(first=first, last=last, source=SOURCE, known="then", run_id="two", stretch=2)
    flows.backfill(first=first, last=last, source=SOURCE, known="then", run_id="one")
    for table in SAME:
        one, two = (live.select(f"replay_{table}", "run_id = :r", r=r).drop("run_id") for r in ("one", "two"))
        assert one.equals(two), table


def test_days_that_need_the_night_before_are_said_to_be_replayed_in_order(live, capsys, monkeypatch):
    from flows import backfill as flows
    monkeypatch.setenv("WEISU_LANG", "en")
    flows.backfill(first=DAYS[-2], last=DAYS[-1], source=SOURCE, known="now", run_id="in-order", stretch=2)
    assert "1 of 2 stretches" in capsys.readouterr().err


def test_known_now_is_one_history_load_of_what_each_record_came_to(live, streamed, monkeypatch):
    folder = streamed[0]
    run_id = replayed("now", DAYS[0], DAYS[-1])
    now = live.select("replay_record", "run_id = :r", r=run_id)
    house_at(folder / "history", monkeypatch)
    night(last_rows(DAYS[-1], folder / "files", skipped=REPEATED), DAYS[-1], history=True)
    house = opened()
    once = house.warehouse.read("record")
    house.warehouse.close()
    cell = ["source_id", "problem_code", "fine_place", "coarse_place", "local_date", "status"]
    both = now.join(once, on="record_id", suffix="_once")
    assert both.height == now.height == once.height
    assert now.select("record_id", *cell).sort("record_id").equals(once.select("record_id", *cell).sort("record_id"))
    for what in ("incident_id", "problem_id"):
        ids = both.select(pl.coalesce(what, "record_id").alias("a"), pl.coalesce(f"{what}_once", "record_id").alias("b"))
        assert adjusted_rand_score(ids["a"], ids["b"]) >= 0.95
    delivered = live.read("record").select("record_id", "content", "respondent_name", "amount_claimed").sort("record_id")
    assert delivered.equals(once.select(delivered.columns).sort("record_id"))


def test_a_dry_run_says_what_differs_and_keeps_nothing(live, capsys):
    from flows.backfill import backfill
    said = {"first": DAYS[-3], "last": DAYS[-1], "source": SOURCE, "known": "then"}
    tables = ("replay_warning", "replay_series", "replay_record", "warning")
    before = [live.read(t).height for t in tables]
    backfill(**said, dry_run=True, run_id="dry")
    assert [live.read(t).height for t in tables] == before
    assert str(date(2026, 4, 10)) in capsys.readouterr().out
    folders = list((live.home / "replay").iterdir())
    assert len(folders) == 1
    backfill(**said, run_id="kept")
    assert not any((live.home / "replay").iterdir()) and live.select("replay_series", "run_id = 'kept'").height
