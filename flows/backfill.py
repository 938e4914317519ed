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

from flows.dates import end_of, now  # noqa: E402
from flows.messages import BadUsage, tell  # noqa: E402
from flows.night import Tonight, work_place  # noqa: E402
from flows.places import Place, places_of  # noqa: E402
from flows.running import House, Run, running, weisu_version  # noqa: E402
from policy.catalogue import say  # noqa: E402
from transforms.canonical import MOMENT  # noqa: E402
from warehouse.deciding import keep_replay  # noqa: E402
from warehouse.lake import REVISIONS  # noqa: E402
from warehouse.publication import Publication, Write  # noqa: E402
from warehouse.settings import Settings  # noqa: E402
from warehouse.store import Warehouse  # noqa: E402

TABLES = {"warning": "replay_warning", "warning_record": "replay_warning_record", "series": "replay_series"}


@flow(name="backfill", flow_run_name="backfill-{first}-{last}-{known}", persist_result=False)
def backfill(first: Date, last: Date, source: str | None = None, known: Literal["then", "now"] = "then", dry_run: bool = False,
             run_id: str | None = None) -> State:
    """Replays the days from first to last of a source's place, or of all places that have delivered."""
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
        if dry_run:
            for place in places:
                live = house.warehouse.read("select distinct run_date from batch where source_id = :s and run_date between :a and :b",
                                            s=place.sources[0], a=first, b=last).height
                tell(say("backfill.plan", lang, place=place.key, first=first, last=last, n=len(days), known=say(f"backfill.{known}", lang), live=live))
            return Completed(message="dry run")
        with running(house, "backfill", last, end_of(last, places[0].first.time_zone) if places else now(), tuple(delivered),
                     {"first": first, "last": last, "known": known, "source": source}, run_id) as run:
            told = sum(replay_place(run, place, days, known) for place in places)
            row = run.ended("ok", n_warnings=told)
            house.warehouse.end(row)
            run.stored = True
        tell(say("backfill.done", lang, n=len(days), w=told, run=run.run_id))
        return Completed(message=f"{len(days)} days replayed, {told} warnings")
    finally:
        house.warehouse.close()


@task(name="replay", task_run_name="replay-{place.key}", cache_policy=NO_CACHE)
@runtime.contained
def replay_place(run: Run, place: Place, days: list[Date], known: str) -> int:
    """Replays one place day by day and keeps what it said; returns the number of warnings."""
    folder = _folder(run, place, days, known)
    aside = Warehouse(Settings(home=folder, database_url="", lake_url=None, landing_url=None))
    aside.upgrade()
    done = set(aside.read("select run_date from run where outcome = 'ok'")["run_date"].to_list())
    for day, since, until in _steps(place, days):
        if day in done:
            continue
        _one_day(run, place, aside, known, day, since, until)
    told = _keep(run, aside, days)
    aside.close()
    shutil.rmtree(folder)
    return told


def _folder(run: Run, place: Place, days: list[Date], known: str) -> Path:
    """A replay's own home: the same question over the same knowledge finds its half-done answer again."""
    stored = run.house.warehouse.read("select count(*) as n from revision")["n"][0] if known == "now" else 0
    about = f"{place.key}|{days[0]}|{days[-1]}|{known}|{stored}|{weisu_version()}"
    return run.house.settings.home / "replay" / blake2b(about.encode(), digest_size=8).hexdigest()


def _steps(place: Place, days: list[Date]) -> Iterator[tuple[Date, datetime | None, datetime]]:
    """(day, what was known before it, its as-of), with a bar where somebody looks."""
    ends = [end_of(d, place.first.time_zone, place.first.day_starts_at) for d in days]
    console = Console(stderr=True)
    with Progress(TextColumn(place.key), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=console,
                  disable=not console.is_terminal) as bar:
        yield from bar.track(list(zip(days, [None, *ends[:-1]], ends)))


def _one_day(run: Run, place: Place, aside: Warehouse, known: str, day: Date, since: datetime | None, until: datetime) -> None:
    touched = _became_known(run.house.warehouse, place, known, since, until)
    stored = aside.records(touched["record_id"])
    earlier = stored.select("record_id", pl.col("first_known_at").alias("_first"))
    touched = touched.join(earlier, on="record_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("_first", "first_known_at").alias("first_known_at")).drop("_first")
    run_id = f"{run.run_id}/{place.key}/{day}"
    aside.begin({"run_id": run_id, "kind": "replay", "run_date": day, "as_of": until, "started_at": now()})
    work = work_place(place, touched, stored, aside, Tonight(day, until, run_id, run.house.settings, (), run.step))
    aside.publish(Publication({"run_id": run_id, "outcome": "ok", "n_signals": work.n_signals, "n_warnings": work.n_warnings},
                              [w for w in work.writes if w.frame.height], [x for x in work.lake if x.frame.height], work.deletes, known_to=until))


def _became_known(house: Warehouse, place: Place, known: str, since: datetime | None, until: datetime) -> pl.DataFrame:
    """The records whose current revision changed between the two moments, as they stood at the later one."""
    moment = until if known == "then" else datetime(9999, 1, 1, tzinfo=until.tzinfo)
    rows = house.as_of(moment, place.sources).collect()
    if known == "now":
        rows = rows.with_columns(pl.col("created_at").alias("known_at"))
    first = house.dataset("revisions", moment, place.sources).group_by("record_id").agg(pl.col("known_at").min().alias("first_known_at")).collect() \
        if known == "then" else rows.select("record_id", pl.col("created_at").alias("first_known_at"))
    rows = rows.filter((pl.col("known_at") <= until) & ((pl.col("known_at") > since) if since is not None else pl.lit(True)))
    return rows.select(list(REVISIONS)).join(first, on="record_id", how="left").with_columns(pl.col("first_known_at").cast(MOMENT)).sort("record_id")


def _keep(run: Run, aside: Warehouse, days: list[Date]) -> int:
    """What the replay said, into the replay tables of the live house, in one transaction."""
    writes = []
    for table, into in TABLES.items():
        rows = aside.read(table)
        if table == "series":
            rows = rows.filter(pl.col("date").is_between(days[0], days[-1]))
        lists = [c for c, t in rows.schema.items() if isinstance(t, pl.List)]
        rows = rows.drop("run_id", strict=False).with_columns(pl.lit(run.run_id).alias("run_id"))
        writes.append(Write(into, rows.select(*(c for c in rows.columns if c not in lists), *lists), "insert"))
    keep_replay(run.house.warehouse, run.run_id, writes)
    return writes[0].frame.height


