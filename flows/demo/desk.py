"""The demo's dispatch desk: what staff answer each morning. Without it no matter would ever end, and one of January would swallow another of June."""
from datetime import datetime, timedelta
from hashlib import blake2b

import polars as pl

from flows.demo.score import matters_of
from flows.demo.truth import Truth
from policy.catalogue import say
from policy.lifecycle import OPEN, WAITING, Given
from warehouse.store import Warehouse
from warehouse.warning_work import act

#: So many of a hundred warnings are never answered.
UNANSWERED = 15
#: A warning is closed so many days after it was raised, or came back, at the least and at the most.
SOONEST, LATEST = 3, 12
#: Of a hundred warnings about something real, so many prove true in part only.
PARTLY = 35
UNIT = "SEC-DISPATCH"


def morning(house: Warehouse, truth: Truth, as_of: datetime, lang: str) -> None:
    """What the desk does on the morning after a night: it acknowledges what is new and closes what it has had for its days, with the verdict that is true.

    Who is answered, and when, follows from the warning's id, so that the same city is worked in the same way.
    """
    at = as_of + timedelta(hours=9)
    open_ = f"status in ({', '.join(repr(s) for s in OPEN)})"
    rows = house.read(f"select warning_id, raised_on, status, kind, level from warning where {open_}")
    rows = rows.with_columns(pl.Series("_lot", [_lot(w) for w in rows["warning_id"]], dtype=pl.Int64)).filter(pl.col("_lot") % 100 >= UNANSWERED)
    if rows.is_empty():
        return
    theirs = f"warning_id in (select warning_id from warning where {open_})"
    since = house.read(f"select warning_id, max(known_at) as known_at from warning_event where kind in ('reopened', 'recurred') and {theirs} group by warning_id")
    due = pl.coalesce(pl.col("known_at").dt.date(), "raised_on") + pl.duration(days=SOONEST + pl.col("_lot") // 100 % (LATEST - SOONEST + 1))
    rows = rows.join(since, on="warning_id", how="left").with_columns((due <= pl.lit(as_of.date())).alias("_due")).sort("warning_id")
    behind = house.read(f"select warning_id, record_id from warning_record where {theirs}").join(rows, on="warning_id", how="semi")
    about = matters_of(truth, rows.select("warning_id", "raised_on", "kind", "level"), behind)
    real = set(about.filter(pl.col("incident_id").is_not_null() | pl.col("is_safety"))["warning_id"])
    for n, w in enumerate(rows.iter_rows(named=True)):
        moment = at + timedelta(seconds=n)
        if w["_due"]:
            verdict = "unfounded" if w["warning_id"] not in real else "partly" if w["_lot"] // 1000 % 100 < PARTLY else "confirmed"
            act(house.engine, w["warning_id"], "close", Given(unit=UNIT, verdict=verdict, measures=say(f"demo.measures.{verdict}", lang)), moment, "desk")
        elif w["status"] in WAITING:
            act(house.engine, w["warning_id"], "acknowledge", Given(), moment, "desk")


def _lot(warning_id: str) -> int:
    return int.from_bytes(blake2b(warning_id.encode(), digest_size=6).digest())
