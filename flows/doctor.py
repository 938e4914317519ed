"""The self-check, and the dead man's check for the night that never ended."""
import json
from datetime import datetime, timedelta
from pathlib import Path

from flows.dates import end_of, now, yesterday
from flows.messages import tell
from flows.running import House
from policy.catalogue import say
from warehouse.digests import differing
from warehouse.settings import Settings
from warehouse.store import STORED


def examine(settings: Settings, mend: bool = False, recompute: bool = False) -> int:
    """Exit status 0 where all is well (`mend`: is well now), else 1."""
    house = House.open(settings)
    try:
        if mend:
            from flows.repairing import repair
            return repair(house)
        return max(_lake(house), _sums(house), _modes(house), _digests(house) if recompute else 0)
    finally:
        house.warehouse.close()


def last_night(settings: Settings, grace_hours: float) -> tuple[bool, list[str]]:
    """Whether the last night that should have ended by now has, and that in words."""
    house = House.open(settings)
    try:
        return ended_in_time(house, now(), timedelta(hours=grace_hours))
    finally:
        house.warehouse.close()


def ended_in_time(house: House, at: datetime, grace: timedelta) -> tuple[bool, list[str]]:
    """The same at a moment: the night of yesterday, or of the day before while its grace is not over, in every time zone that delivers."""
    lang = house.settings.lang
    zones = sorted({(m.time_zone, m.day_starts_at) for m in house.mappings.values()
                    if (house.settings.inboxes / m.source).is_dir()}) or [("Asia/Shanghai", "00:00")]
    ended, said = True, []
    for zone, starts in zones:
        due = yesterday(zone, starts, at)
        if end_of(due, zone, starts) + grace > at:
            due -= timedelta(days=1)
        nights = house.warehouse.read("select run_date, outcome from v_runs where kind = 'nightly' order by run_date, as_of, run_id")
        stored = nights.filter(nights["outcome"].is_in(list(STORED)))
        if stored.height and stored["run_date"][-1] >= due:
            said.append(say("doctor.night.ok", lang, date=stored["run_date"][-1], outcome=stored["outcome"][-1]))
        else:
            last = stored["run_date"][-1] if stored.height else say("doctor.never", lang)
            said.append(say("doctor.night.missing", lang, date=due, last=last))
            ended = False
    return ended, said


def _lake(house: House) -> int:
    lang = house.settings.lang
    bad = house.warehouse.verify()
    for path, what in bad:
        tell(say("doctor.lake.bad", lang, path=path, what=what))
    if not bad:
        tell(say("doctor.lake.ok", lang, n=house.warehouse.read("select count(*) as n from lake_file")["n"][0]))
    return int(bool(bad))


def _sums(house: House) -> int:
    """Contract 1: rows read = accepted + quarantined + unchanged, for every batch."""
    lang = house.settings.lang
    batches = house.warehouse.batches()
    off = batches.filter(batches["rows_read"] != batches["accepted"] + batches["quarantined"] + batches["unchanged"])
    for batch in off["batch_id"].to_list():
        tell(say("doctor.sums.bad", lang, batch=batch))
    if off.is_empty():
        tell(say("doctor.sums.ok", lang, n=batches.height))
    return int(off.height > 0)


def _modes(house: House) -> int:
    """The two restricted places are nobody else's to read."""
    lang = house.settings.lang
    boxes = house.settings.inboxes
    places: list[Path] = [house.warehouse.landing.folder, *(p for p in sorted(boxes.glob("*")) if p.is_dir())]
    wrong = [p for p in places if p.exists() and p.stat().st_mode & 0o077]
    for path in wrong:
        tell(say("doctor.modes.bad", lang, path=path))
    return int(bool(wrong))


def _digests(house: House) -> int:
    """Whether the tables are as the last run left them: see `warehouse.digests`."""
    lang = house.settings.lang
    runs = house.warehouse.read("select run_id, run_date, digests, ended_at from run where digests is not null order by ended_at desc limit 1")
    if runs.is_empty():
        return 0
    run = {**runs.row(0, named=True), "digests": json.loads(runs["digests"][0])}
    with house.warehouse.engine.connect() as connection:
        off = differing(connection, run)
    purged = house.warehouse.read("select count(*) as n from purge where known_at > :ended", ended=run["ended_at"])["n"][0]
    for view in off:
        tell(say("doctor.digest.purged" if purged else "doctor.digest.bad", lang, view=view, run=run["run_id"]))
    if not off:
        tell(say("doctor.digest.ok", lang, run=run["run_id"], date=run["run_date"]))
    return int(bool(off) and not purged)
