"""The demo's dispatch desk: what staff answer each morning. Without it no matter would ever end, and one of January would swallow another of June."""
from datetime import datetime, timedelta
from hashlib import blake2b

import polars as pl

from flows.demo.score import matters_of
from flows.demo.truth import Truth
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


def morning(house: Warehouse, truth: Truth, as_of: datetime) -> None:
    """What the desk does on the morning after a night: it acknowledges what is new and closes what it has had for its days, with the verdict that is true.

    Who is answered, and when, follows from the warning's id, so that the same city is worked in the same way.
    """
    at = as_of + timedelta(hours=9)
    rows = house.read(f"select warning_id, raised_on, status, kind, level from warning where status in ({', '.join(repr(s) for s in OPEN)}) order by warning_id")
    rows = rows.with_columns(pl.Series("_lot", [_lot(w) for w in rows["warning_id"]], dtype=pl.Int64)).filter(pl.col("_lot") % 100 >= UNANSWERED)
    if rows.is_empty():
        return
    since = house.read("select warning_id, max(known_at) as known_at from warning_event where kind in ('reopened', 'recurred') group by warning_id")
    due = pl.coalesce(pl.col("known_at").dt.date(), "raised_on") + pl.duration(days=SOONEST + pl.col("_lot") // 100 % (LATEST - SOONEST + 1))
    rows = rows.join(since, on="warning_id", how="left").with_columns((due <= pl.lit(as_of.date())).alias("_due")).sort("warning_id")
    behind = house.read("select warning_id, record_id from warning_record").join(rows, on="warning_id", how="semi")
    about = matters_of(truth, rows.select("warning_id", "raised_on", "kind", "level"), behind)
    real = set(about.filter(pl.col("incident_id").is_not_null() | pl.col("is_safety"))["warning_id"])
    for n, w in enumerate(rows.iter_rows(named=True)):
        moment = at + timedelta(seconds=n)
        if w["_due"]:
            verdict = "unfounded" if w["warning_id"] not in real else "partly" if w["_lot"] // 1000 % 100 < PARTLY else "confirmed"
            act(house.engine, w["warning_id"], "close", Given(unit=UNIT, verdict=verdict, measures="已核查处理" if verdict != "unfounded" else "经核查不属实"), moment, "desk")
        elif w["status"] in WAITING:
            act(house.engine, w["warning_id"], "acknowledge", Given(), moment, "desk")


def _lot(warning_id: str) -> int:
    return int.from_bytes(blake2b(warning_id.encode(), digest_size=6).digest())
