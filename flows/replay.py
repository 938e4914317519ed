"""A stretch of days of one place, replayed in a house of its own under `$WEISU_HOME/replay/`: one worker's part of a backfill."""
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import blake2b
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flows.classify import STATE
from flows.dates import end_of, now
from flows.learned import taught
from flows.night import made_at_once, window_start, work_place
from flows.places import Place
from flows.running import House, timed
from flows.settle import touched_records
from flows.tonight import Tonight
from flows.version import weisu_version
from warehouse.publication import Publication
from warehouse.replaying import Night, became_known, begin_at, known_now, nights, said, work_upon
from warehouse.settings import Settings
from warehouse.store import Warehouse

#: Days of a stretch of several, at the most.
MONTH = 31


@dataclass(frozen=True)
class Stretch:
    """Days in a row of a place. `known`: then or now; `first`: the replay's first day, of which these days may correct counts."""

    run_id: str
    days: tuple[date, ...]
    known: str
    first: date


@dataclass
class Replay:
    """A stretch at work. `stages`: seconds by stage."""

    house: House
    place: Place
    stretch: Stretch
    stages: dict[str, float] = field(default_factory=dict)

    def step(self, name: str) -> AbstractContextManager[None]:
        """Adds what this took to the stage's seconds."""
        return timed(self.stages, name)

    @property
    def folder(self) -> Path:
        """The stretch's own home: the same question over the same knowledge finds its half-done answer again."""
        live, s = self.house, self.stretch
        stored = "|".join(str(live.warehouse.read(f"select count(*) as n from {t}")["n"][0]) for t in ("revision", "decision"))
        settings = live.settings.model_dump_json(include={
            "false_alarms_per_week", "per_series", "series_days", "sentinel_days", "max_warnings", "watch_days", "expire_days", "learn", "verdict_days"})
        rules = "".join(m.model_dump_json() for m in self.place.mappings.values())
        about = f"{self.place.key}|{s.first}|{s.days[0]}|{s.days[-1]}|{s.known}|{stored}|{weisu_version()}|{settings}|{rules}"
        return live.settings.home / "replay" / blake2b(about.encode(), digest_size=8).hexdigest()

    def work(self, show: bool) -> dict[str, pl.DataFrame]:
        """What the stretch said, by table; its folder stays until `forget`. show: a bar where somebody looks."""
        aside = Warehouse(Settings(home=self.folder, database_url="", lake_url=None, landing_url=None))
        try:
            aside.upgrade()
            made = self._made() if self.stretch.known == "now" else None
            for tonight, revisions in self._nights(aside, show):
                self._one_night(aside, tonight, revisions, made)
            return said(aside, self.stretch.days, self.stretch.first)
        finally:
            aside.close()

    def forget(self) -> None:
        """Takes the stretch's house away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _made(self) -> pl.DataFrame:
        """What is known now of the records up to the last day: which problems and which incidents they are of, found at once and not night by night."""
        with self.step("begin"):
            last = self._ends(self.stretch.days[-1])
            records = pl.concat(known_now(self.house.warehouse, self.place.sources, None, [last]))
            return made_at_once(self.place, records.with_columns(pl.col("known_at").alias("first_known_at")).sort("record_id"), self.stretch.days[-1], taught(self.house.warehouse, self.place.key, None))

    def _ends(self, day: date) -> datetime:
        return end_of(day, self.place.first.time_zone, self.place.first.day_starts_at)

    def _nights(self, aside: Warehouse, show: bool) -> Iterator[tuple[Tonight, pl.DataFrame]]:
        """The nights still to be worked, each with the revisions that became known.

        Known-then the stretch begins where the last live night before its days had left the place, and a day that had a live night has
        that night's as-of; without such a night, and known-now, the first day takes all that came before it.
        """
        live, place, days, known = self.house.warehouse, self.place, self.stretch.days, self.stretch.known
        ran = nights(live, place.sources) if known == "then" else {}
        moments = [ran[d].as_of if d in ran else self._ends(d) for d in days]
        begun = last_before(ran, days[0])
        if begun is not None:
            with self.step("begin"):
                begin_at(aside, live, place.key, place.sources, begun, window_start(place, days[0]), moments[-1], [STATE])
        done = {d for d in aside.read("select run_date from run where outcome = 'ok'")["run_date"].to_list() if d is not None}
        left = [n for n, d in enumerate(days) if d not in done]
        if not left:
            return
        after = moments[left[0] - 1] if left[0] else begun
        news = (became_known if known == "then" else known_now)(live, place.sources, after, moments[left[0]:])
        with bar(place.key, show) as track:
            for n, revisions in zip(left, track(news, len(left))):
                last = moments[n - 1] if n else begun
                if known == "then" and last is not None:
                    work_upon(aside, live, last, moments[n])
                quiet = ran[days[n]].quiet if days[n] in ran else ()
                yield Tonight(days[n], moments[n], f"{self.stretch.run_id}/{place.key}/{days[n]}", self.house.settings, quiet, self.step,
                              aside.night_no(), taught(live, place.key, moments[n]) if known == "then" else None), revisions

    def _one_night(self, aside: Warehouse, tonight: Tonight, revisions: pl.DataFrame, made: pl.DataFrame | None) -> None:
        with self.step("known"):
            touched, stored = touched_records(aside, revisions, tonight.as_of, self.place.sources, unworked=True)
        aside.begin({"run_id": tonight.run_id, "kind": "replay", "run_date": tonight.day, "as_of": tonight.as_of, "started_at": now()})
        delivered = self.house.warehouse.read("select distinct source_id from batch where run_date <= :day", day=tonight.day)["source_id"].to_list()
        speaking = [s for s in self.place.sources if s in delivered]
        work = work_place(self.place, touched, stored, aside, tonight, rules_only=bool(speaking) and all(s in tonight.quiet for s in speaking), made=made)
        with self.step("publish"):
            aside.publish(Publication({"run_id": tonight.run_id, "outcome": "ok", "n_signals": work.n_signals, "n_warnings": work.n_warnings},
                                      [w for w in work.writes if w.frame.height], [x for x in work.lake if x.frame.height], work.deletes,
                                      known_to=tonight.as_of))
        with self.step("compact"):
            aside.compact(tonight.run_id)


def last_before(ran: dict[date, Night], day: date) -> datetime | None:
    """The as-of of the last live night before a day."""
    return max((n.as_of for d, n in ran.items() if d < day), default=None)


def stretches(house: House, place: Place, run_id: str, days: list[date], known: str, workers: int) -> list[Stretch]:
    """The days in stretches that so many workers can work side by side, none longer than `MONTH` so that none is left waiting for the last; one where each
    night needs what the night before it gave.

    A night needs nothing of the replayed one before it where all of these were run live, by this very version: that one's outcome is
    in the journal.
    """
    ran = nights(house.warehouse, place.sources) if known == "then" else {}
    versions = dict(house.warehouse.read("select run_date, version from run where kind = 'nightly' and outcome in ('ok', 'notices', 'withheld') "
                                         "order by run_date, as_of, started_at, run_id").iter_rows())
    free = 0
    while free < len(days) and days[free] in ran and versions.get(days[free]) == weisu_version():
        free += 1
    return [Stretch(run_id, tuple(days[part]), known, days[0]) for part in cut(len(days), free, workers)]


def cut(n: int, free: int, workers: int) -> list[slice]:
    """n days in stretches for so many workers, cut no later than before day number `free`."""
    size = min(-(-n // workers), MONTH) if workers > 1 else n
    starts = [0, *range(size, min(n, free + 1), size)]
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], n])]


@contextmanager
def bar(what: str, show: bool) -> Iterator[Callable]:
    """A progress bar with the time left, on a terminal: gives `track(things, total)`."""
    console = Console(stderr=True)
    with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=console,
                  disable=not show or not console.is_terminal) as progress:
        yield lambda things, total: progress.track(things, total=total)
