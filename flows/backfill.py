"""Backfill: days replayed as they were known then, or are known now, beside the live tables.

A replay is worked in stretches of days (`flows.replay`), side by side where no night needs what the one before it gave, on Prefect's Dask task
runner: workers of this machine (`--workers`) or of a cluster (`--dask`). What it says is kept in the `replay_*` tables under its run; live
tables are read and never written. A killed replay goes on where it was.
"""
from datetime import date as Date
from datetime import timedelta
from typing import Any, Literal

from flows import runtime

runtime.prepare()

import polars as pl  # noqa: E402
from prefect import flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.states import Completed, State  # noqa: E402

from flows.compare import show_difference  # noqa: E402
from flows.dates import end_of, now  # noqa: E402
from flows.messages import BadUsage, tell  # noqa: E402
from flows.places import Place, places_of  # noqa: E402
from flows.replay import Replay, Stretch, bar, cut, stretches  # noqa: E402
from flows.running import House, Run, running  # noqa: E402
from policy.catalogue import say  # noqa: E402
from warehouse.replaying import joined, keep  # noqa: E402
from warehouse.settings import Settings  # noqa: E402


@flow(name="backfill", flow_run_name="backfill-{first}-{last}-{known}", persist_result=False)
def backfill(first: Date, last: Date, source: str | None = None, known: Literal["then", "now"] = "then", dry_run: bool = False,
             run_id: str | None = None, stretch: int | None = None) -> State:
    """Replays the days from first to last of a source's place, or of all places that have delivered.

    dry_run: says what would be kept, keeps nothing. stretch: how many stretches of days are worked side by side where they can be, on the
    flow's task runner (1: in this process, one after another).
    """
    return runtime.contained(_backfill)(first, last, source, known, dry_run, run_id, stretch or 1)


#: Where the variables stand that workers of this machine are started with.
_STARTED_WITH = "distributed.nanny.pre-spawn-environ"
#: Dask has the workers it starts give every 64 KiB that come free back to the system, and take them again: half as much time again for a night. It also
#: looks at their stacks a hundred times a second, for a page that nobody opens here, and tells of every worker that comes and goes.
_WORKERS = {f"{_STARTED_WITH}.MALLOC_TRIM_THRESHOLD_": None, "distributed.worker.profile.enabled": False, "logging.distributed": "warning"}


def fanned_out(workers: int, address: str | None) -> Any:
    """The flow on Dask: so many workers on this machine, which share its cores, or those of a cluster. Raises BadUsage without the extra `scale`."""
    try:
        import dask
        # Before the rest of it is imported, which is when it sets up its logging.
        dask.config.set({**_WORKERS, f"{_STARTED_WITH}.POLARS_MAX_THREADS": max(1, pl.thread_pool_size() // workers)})
        from prefect_dask import DaskTaskRunner
    except ImportError:
        raise BadUsage(say("usage.scale", Settings().lang)) from None
    runner: Any = DaskTaskRunner(address=address) if address else DaskTaskRunner(
        cluster_kwargs={"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None})
    return backfill.with_options(task_runner=runner)


def _backfill(first: Date, last: Date, source: str | None, known: str, dry_run: bool, run_id: str | None, side_by_side: int) -> State:
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
            told = sum(_replayed(run, place, days, known, dry_run, side_by_side) for place in places)
            house.warehouse.end(run.ended("ok", n_warnings=told))
            run.stored = True
        if dry_run:
            tell(say("backfill.dry", lang, n=len(days), w=told))
        else:
            tell(say("backfill.done", lang, n=len(days), w=told, run=run.run_id))
        return Completed(message=f"{len(days)} days replayed, {told} warnings" + (", nothing kept" if dry_run else ""))
    finally:
        house.warehouse.close()


def _replayed(run: Run, place: Place, days: list[Date], known: str, dry_run: bool, side_by_side: int) -> int:
    """Replays one place and keeps what it said, or says how it differs from what was told; returns the number of warnings."""
    parts = stretches(run.house, place, run.run_id, days, known, side_by_side)
    if len(parts) < (most := len(cut(len(days), len(days), side_by_side))):
        tell(say("backfill.in_order", run.house.settings.lang, place=place.key, n=len(parts), most=most))
    if side_by_side == 1:
        answers = [replay_stretch(place.key, part, True) for part in parts]
    else:
        going = [replay_stretch.submit(place.key, part, False) for part in parts]
        with bar(place.key, True) as track:
            answers = [f.result() for f in track(going, len(going))]
    for _, stages in answers:
        for name, seconds in stages.items():
            run.stages[name] = run.stages.get(name, 0.0) + seconds
    told = joined([said for said, _ in answers], days[-1] - timedelta(days=run.house.settings.series_days))
    if dry_run:
        show_difference(run.house, place, days, told)
    else:
        keep(run.house.warehouse, run.run_id, told)
        for part in parts:
            Replay(run.house, place, part).forget()
    return told["warning"].height


@task(name="replay", task_run_name="replay-{place_key}", cache_policy=NO_CACHE)
@runtime.contained
def replay_stretch(place_key: str, stretch: Stretch, show: bool) -> tuple[dict[str, pl.DataFrame], dict[str, float]]:
    """One worker's part: what a stretch of days said, by table, and the seconds of its stages. The house is read only."""
    house = House.open(Settings())
    try:
        place = next(p for p in places_of(house.mappings, house.mappings) if p.key == place_key)
        replay = Replay(house, place, stretch)
        return replay.work(show), replay.stages
    finally:
        house.warehouse.close()
