"""Backfill: days replayed as they were known then, or are known now, in a house of their own beside the live one.

The replay works in `$WEISU_HOME/replay/…`: the same nightly work, on the revisions that the lake knows, day after day. What it says
is kept in the `replay_*` tables under its run; live tables are read and never written. A killed replay goes on where it was.
"""
import shutil
from collections.abc import Iterator
from datetime import date as Date
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from flows import runtime

runtime.prepare()

import polars as pl  # noqa: E402
from prefect import flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.states import Completed, State  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: E402

from flows.classify import STATE  # noqa: E402
from flows.compare import show_difference  # noqa: E402
from flows.dates import end_of, now  # noqa: E402
from flows.messages import BadUsage, tell  # noqa: E402
from flows.night import Tonight, made_at_once, window_start, work_place  # noqa: E402
from flows.places import Place, places_of  # noqa: E402
from flows.running import House, Run, running  # noqa: E402
from flows.settle import touched_records  # noqa: E402
from flows.version import weisu_version  # noqa: E402
from policy.catalogue import say  # noqa: E402
from warehouse.publication import Publication  # noqa: E402
from warehouse.replaying import became_known, begin_at, keep, known_now, nights, said, work_upon  # noqa: E402
from warehouse.settings import Settings  # noqa: E402
from warehouse.store import Warehouse  # noqa: E402


@flow(name="backfill", flow_run_name="backfill-{first}-{last}-{known}", persist_result=False)
def backfill(first: Date, last: Date, source: str | None = None, known: Literal["then", "now"] = "then", dry_run: bool = False,
             run_id: str | None = None) -> State:
    """Replays the days from first to last of a source's place, or of all places that have delivered. dry_run: says what would be kept, keeps nothing."""
    return runtime.contained(_backfill)(first, last, source, known, dry_run, run_id)


def _backfill(first: Date, last: Date, source: str | None, known: str, dry_run: bool, run_id: str | None) -> State:
    house = House.open(Settings())
    lang = house.settings.lang
    try:
        if source is not None and source not in house.mappings:
            raise BadUsage(say("usage.source", lang, source=source, known=", ".join(house.mappings)))
        delivered = house.warehouse.batches()["source_id"].unique().sort().to_list()
        places = places_of(house.mappings, [source] if source else delivered)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        asked = {"first": first, "last": last, "known": known, "source": source, "dry_run": dry_run}
        as_of = end_of(last, places[0].first.time_zone) if places else now()
        with running(house, "backfill", last, as_of, tuple(delivered), asked, run_id) as run:
            told = sum(replay_place(run, place, days, known, dry_run) for place in places)
            house.warehouse.end(run.ended("ok", n_warnings=told))
            run.stored = True
        if dry_run:
            tell(say("backfill.dry", lang, n=len(days), w=told))
        else:
            tell(say("backfill.done", lang, n=len(days), w=told, run=run.run_id))
        return Completed(message=f"{len(days)} days replayed, {told} warnings" + (", nothing kept" if dry_run else ""))
    finally:
        house.warehouse.close()


@task(name="replay", task_run_name="replay-{place.key}", cache_policy=NO_CACHE)
@runtime.contained
def replay_place(run: Run, place: Place, days: list[Date], known: str, dry_run: bool = False) -> int:
    """Replays one place day by day and keeps what it said, or says how it differs from what was told; returns the number of warnings."""
    folder = _folder(run, place, days, known)
    aside = Warehouse(Settings(home=folder, database_url="", lake_url=None, landing_url=None))
    aside.upgrade()
    made = _known_now(run, place, days) if known == "now" else None
    for day, moment, quiet, revisions in _days(run, place, aside, days, known):
        _one_day(run, place, aside, Tonight(day, moment, f"{run.run_id}/{place.key}/{day}", run.house.settings, quiet, run.step, aside.night_no()),
                 revisions, made)
    told = said(aside, days)
    aside.close()
    if dry_run:
        show_difference(run.house, place, days, told)
    else:
        keep(run.house.warehouse, run.run_id, told)
        shutil.rmtree(folder)
    return told["warning"].height


def _folder(run: Run, place: Place, days: list[Date], known: str) -> Path:
    """A replay's own home: the same question over the same knowledge finds its half-done answer again."""
    stored = run.house.warehouse.read("select count(*) as n from revision")["n"][0]
    settings = run.house.settings.model_dump_json(include={"false_alarms_per_week", "per_series", "series_days", "sentinel_days", "max_warnings"})
    rules = "".join(m.model_dump_json() for m in place.mappings.values())
    about = f"{place.key}|{days[0]}|{days[-1]}|{known}|{stored}|{weisu_version()}|{settings}|{rules}"
    return run.house.settings.home / "replay" / blake2b(about.encode(), digest_size=8).hexdigest()


def _days(run: Run, place: Place, aside: Warehouse, days: list[Date],
          known: str) -> Iterator[tuple[Date, datetime, tuple[str, ...], pl.DataFrame]]:
    """(day, its as-of, the sources that were withheld, the revisions that became known) of the days still to be done, with a bar where somebody looks.

    Known-then the replay begins where the last live night before its days had left the place, and a day that had a live night has
    that night's as-of; without such a night, and known-now, the first day takes all that came before it.
    """
    live = run.house.warehouse
    ran = nights(live, place.sources) if known == "then" else {}
    moments = [ran[d].as_of if d in ran else end_of(d, place.first.time_zone, place.first.day_starts_at) for d in days]
    before = max((n for d, n in ran.items() if d < days[0]), key=lambda n: n.as_of, default=None)
    begun = before.as_of if before is not None else None
    if begun is not None:
        with run.step("begin"):
            begin_at(aside, live, place.key, place.sources, begun, window_start(place, days[0]), moments[-1], [STATE])
    done = {d for d in aside.read("select run_date from run where outcome = 'ok'")["run_date"].to_list() if d is not None}
    left = [n for n, d in enumerate(days) if d not in done]
    if not left:
        return
    after = moments[left[0] - 1] if left[0] else begun
    news = (became_known if known == "then" else known_now)(live, place.sources, after, moments[left[0]:])
    console = Console(stderr=True)
    with Progress(TextColumn(place.key), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=console,
                  disable=not console.is_terminal) as bar:
        for n, revisions in zip(left, bar.track(news, total=len(left))):
            last = moments[n - 1] if n else begun
            if known == "then" and last is not None:
                work_upon(aside, live, last, moments[n])
            yield days[n], moments[n], ran[days[n]].quiet if days[n] in ran else (), revisions


def _known_now(run: Run, place: Place, days: list[Date]) -> pl.DataFrame:
    """What is known now of the records up to the last day: which problems and which incidents they are of, found at once and not night by night."""
    with run.step("begin"):
        last = end_of(days[-1], place.first.time_zone, place.first.day_starts_at)
        records = pl.concat(known_now(run.house.warehouse, place.sources, None, [last])).with_columns(pl.col("known_at").alias("first_known_at"))
        return made_at_once(place, records.sort("record_id"), days[-1])


def _one_day(run: Run, place: Place, aside: Warehouse, tonight: Tonight, revisions: pl.DataFrame, made: pl.DataFrame | None) -> None:
    with run.step("known"):
        touched, stored = touched_records(aside, revisions, tonight.as_of, place.sources, unworked=True)
    aside.begin({"run_id": tonight.run_id, "kind": "replay", "run_date": tonight.day, "as_of": tonight.as_of, "started_at": now()})
    delivered = run.house.warehouse.read("select distinct source_id from batch where run_date <= :day", day=tonight.day)["source_id"].to_list()
    speaking = [s for s in place.sources if s in delivered]
    work = work_place(place, touched, stored, aside, tonight, rules_only=bool(speaking) and all(s in tonight.quiet for s in speaking),
                      made=made)
    with run.step("publish"):
        aside.publish(Publication({"run_id": tonight.run_id, "outcome": "ok", "n_signals": work.n_signals, "n_warnings": work.n_warnings},
                                  [w for w in work.writes if w.frame.height], [x for x in work.lake if x.frame.height], work.deletes,
                                  known_to=tonight.as_of))
    with run.step("compact"):
        aside.compact(tonight.run_id)
