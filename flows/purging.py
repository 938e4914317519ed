"""Retention and the right to be forgotten, from the command line."""
from datetime import date

import polars as pl

from flows.dates import now
from flows.messages import BadUsage, tell
from flows.running import House
from policy.catalogue import say
from warehouse.purging import purge as forget
from warehouse.settings import Settings


def purge(settings: Settings, before: date | None, caller: str | None, reason: str, yes: bool) -> int:
    """Says what would go, or lets it go; the audit keeps how much, never what."""
    if (before is None) == (caller is None):
        raise BadUsage(say("purge.which", settings.lang))
    house = House.open(settings)
    try:
        where, given = ("local_date < :x", before) if before is not None else ("caller_key = :x", caller)
        found = house.warehouse.read(f"select count(*) as n, min(local_date) as first_seen, max(local_date) as last_seen from record where {where}",
                                     x=given)
        if not yes:
            tell(say("purge.would", settings.lang, what=_told(found)))
            return 0
        with house.warehouse.lock("purge"):
            house.check_key()
            at = now()
            gone = forget(house.warehouse, f"purge-{at:%Y%m%dT%H%M%S%f}", at, before=before, caller_key=caller, reason=reason)
        tell(say("purge.did", settings.lang, what=", ".join(f"{k} {v}" for k, v in gone.items())))
        return 0
    finally:
        house.warehouse.close()


def _told(found: pl.DataFrame) -> str:
    row = found.row(0, named=True)
    return f"n_records {row['n']} ({row['first_seen'] or '—'} … {row['last_seen'] or '—'})"
