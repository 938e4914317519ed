"""The demo: makes the city, loads its history, plays its nights through the real pipeline, and holds the warnings against the truth."""
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows import runtime
from flows.demo.city import DEMO_NIGHTS, City
from flows.demo.desk import morning
from flows.demo.openings import openings
from flows.demo.score import Score, score
from flows.messages import EXIT, BadUsage, tell
from policy.catalogue import say

SOURCE = "market_supervision"
#: Fewer days give the silence gate and the detector too little to learn from.
LEAST_HISTORY = 60
#: What comes before the default nights; all nights have the whole first year before them.
HISTORY_DAYS = 150
FIRST_DAY, LAST_DAY, YEAR_TWO = date(2025, 1, 1), date(2026, 12, 31), date(2026, 1, 1)


@dataclass(frozen=True)
class Played:
    """What the nights left: their rows of v_runs, the warnings raised in them, these warnings' records, every opening of a warning and its evidence
    (`flows.demo.openings`), the watched series, notices."""

    runs: pl.DataFrame
    warnings: pl.DataFrame
    records: pl.DataFrame
    alarms: tuple[pl.DataFrame, pl.DataFrame]
    series: pl.DataFrame
    notices: pl.DataFrame
    why: dict[date, str]
    cards: dict[str, dict[str, Any]]


def nights_of(nights: str, lang: str) -> list[date]:
    """The days to be played: that many up to and from the default window, or all of months 13 to 24. Raises BadUsage."""
    if nights == "all":
        return _days(YEAR_TWO, LAST_DAY)
    if not nights.isdigit() or int(nights) < 1:
        raise BadUsage(say("demo.bad_nights", lang, nights=nights))
    first, last = DEMO_NIGHTS
    # More nights than the window reach back, so that its risks stay in; fewer stop before they all come.
    wanted, window = int(nights), (last - first).days + 1
    return _days(max(YEAR_TWO, last - timedelta(days=wanted - 1)), last) if wanted >= window else _days(first, first + timedelta(days=wanted - 1))


def play(settings: Any, nights: str, history_days: int | None, seed: int, output: Path) -> int:
    """Plays the demo in a house of its own under `settings.home`, prints what was caught, writes the page. The exit status."""
    lang = settings.lang
    days = nights_of(nights, lang)
    if history_days is not None and history_days < LEAST_HISTORY:
        raise BadUsage(say("demo.bad_history", lang, least=LEAST_HISTORY, days=history_days))
    until = days[0] - timedelta(days=1)
    if history_days is None and nights != "all":
        history_days = HISTORY_DAYS
    start = FIRST_DAY if history_days is None else max(FIRST_DAY, until - timedelta(days=history_days - 1))
    home = settings.home / "demo"
    shutil.rmtree(home, ignore_errors=True)
    tell(say("demo.start", lang, seed=seed, first=start, until=until, n=len(days), home=home))
    with _own_house(home, lang):
        runtime.announce_server(lang)
        tell(say("demo.make", lang))
        # A month beyond the last night: what came after a warning is part of the truth.
        months = (days[-1].year - start.year) * 12 + days[-1].month - start.month + 2
        city = City(seed=seed, start=start, months=months, folder=home / "city")
        history = city.history(until)
        tell(say("demo.history", lang, n=len(history)))
        row = _run("ingest", inputs={SOURCE: [str(p) for p in history]}, date=until, history=True)
        if row is None or EXIT[row["outcome"]] == EXIT["failed"]:
            tell(say("demo.history_failed", lang, outcome=row["outcome"] if row else "–"))
            return EXIT["failed"]
        why = _play_nights(city, days, home, lang)
        played = _left(days, why)
    return _tell(city, played, days, output, lang)


def _play_nights(city: City, days: list[date], home: Path, lang: str) -> dict[date, str]:
    """Each night's files go to the inbox, the night is run, and in the morning the desk answers. Why a night was withheld, by day."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    inbox = home / "inbox" / SOURCE
    inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    inbox.parent.chmod(0o700)
    why: dict[date, str] = {}
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=_console()) as bar:
        task = bar.add_task(say("demo.nights", lang), total=len(days))
        for day in days:
            files = city.night(day)
            for path in files:
                shutil.copyfile(path, inbox / path.name)
            row = _run("nightly", date=day)
            if row is not None and row["outcome"] in ("ok", "notices"):
                _worked_through(city, day, lang)
            said = [] if files else [say("demo.no_file", lang)]
            said += list(dict.fromkeys(r["code"] for r in (row or {}).get("reasons") or ()))
            why[day] = ", ".join(said)
            bar.update(task, advance=1, description=f"{day} {say('demo.outcome.' + (row['outcome'] if row else 'failed'), lang)}")
    return why


def _worked_through(city: City, day: date, lang: str) -> None:
    from flows.running import House

    house = House.open()
    try:
        morning(house.warehouse, city.truth, house.warehouse.read("select max(as_of) as as_of from run where run_date = :d", d=day)["as_of"][0], lang)
    finally:
        house.warehouse.close()


def _run(kind: str, **parameters: Any) -> dict[str, Any] | None:
    """Runs a flow and gives its row of the run log; None where it broke before it had one."""
    from flows import nightly as flows
    from flows.dates import now

    run_id = f"{kind}-{now():%Y%m%dT%H%M%S%f}"
    getattr(flows, kind)(run_id=run_id, **parameters, return_state=True).result(raise_on_failure=False)
    outcome = flows.LAST.get(run_id)
    return outcome.row if outcome else None


@contextmanager
def _own_house(home: Path, lang: str) -> Iterator[None]:
    """The demo's own home, database and inbox: whatever else is set stays untouched."""
    own = {"WEISU_HOME": str(home), "WEISU_DATABASE_URL": f"sqlite:///{home / 'weisu.sqlite'}", "WEISU_INBOX": str(home / "inbox"),
           "WEISU_INBOX_SETTLE_SECONDS": "0", "WEISU_LANG": lang}
    before = {k: os.environ.get(k) for k in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _left(days: list[date], why: dict[date, str]) -> Played:
    from flows.card import cards_of
    from flows.running import House

    house = House.open()
    try:
        read = house.warehouse.read
        first, last = days[0], days[-1]
        warnings = read("select * from v_warnings where raised_on between :a and :b and merged_into is null order by warning_id", a=first, b=last)
        records = read("select w.warning_id, w.record_id, w.role, r.record_type, r.created_at, r.content from v_warning_records w "
                       "join v_records r using (record_id) order by 1, 2").join(warnings.select("warning_id"), on="warning_id", how="semi")
        runs = read("select * from v_runs where kind = 'nightly' order by run_date, as_of, run_id")
        series = read("select * from v_series order by series_id, date")
        alarms, evidence = openings(house.warehouse, runs["as_of"].max())  # type: ignore[arg-type]
        alarms = alarms.filter(pl.col("raised_on").is_between(first, last))
        notices = read("select * from v_notices where raised_on between :a and :b order by raised_on, notice_id", a=first, b=last)
        return Played(runs, warnings, records, (alarms, evidence), series, notices, why, cards_of(house.warehouse, warnings["warning_id"], runs["as_of"].max()))  # type: ignore[arg-type]
    finally:
        house.warehouse.close()


def _tell(city: City, played: Played, days: list[date], output: Path, lang: str) -> int:
    """Nights, list and score on the screen; all of it on the page."""
    from flows.exports import export
    from flows.page import warning_page

    ended = played.runs.filter(pl.col("outcome").is_in(["ok", "notices"]))
    expected = float(ended["expected_false_alarms"].fill_null(0.0).sum())
    sheet = score(city.truth, *played.alarms, played.notices, days, expected)
    console = _console()
    console.print(_nights_table(played, lang))
    header = {"run_date": days[-1], "as_of": played.runs["as_of"].max(), "expected_false_alarms": expected}
    console.print(export(played.warnings, "table", None, lang, header, played.records, cards=played.cards, translate=True), markup=False, highlight=False)
    console.print(sheet.table(lang))
    for line in sheet.sentences(lang):
        tell(line)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(warning_page(played.warnings, played.records, played.series, played.runs, lang, sheet, played.notices, header, cards=played.cards, translate=True), encoding="utf-8")
    tell(say("demo.page", lang, path=output.absolute()))
    return EXIT["failed"] if _broke(played, sheet, days) else 0


def _broke(played: Played, sheet: Score, days: list[date]) -> bool:
    """A demo has failed where a night did; a missed risk is a result."""
    return played.runs.filter(pl.col("outcome") == "failed").height > 0 or played.runs["run_date"].n_unique() < len(days)


def _nights_table(played: Played, lang: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("date", "outcome", "read", "accepted", "quarantined", "raised", "why"):
        table.add_column(say(f"demo.night.{name}", lang), justify="right" if name in ("read", "accepted", "quarantined", "raised") else "left")
    raised = dict(played.warnings.group_by("raised_on").len().iter_rows())
    for r in played.runs.iter_rows(named=True):
        table.add_row(r["run_date"].isoformat(), say(f"demo.outcome.{r['outcome']}", lang), str(r["rows_read"]), str(r["accepted"]),
                      str(r["quarantined"]), str(raised.get(r["run_date"], 0)), played.why.get(r["run_date"], ""))
    return table


def _console() -> Any:
    from rich.console import Console
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=118)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]
