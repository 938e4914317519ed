"""What becomes of found problems and of incidents: births, mergers, splits and ends, as rows that nights publish and as a family tree."""
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import polars as pl
import sqlalchemy as sa

from flows.places import Place
from policy.catalogue import say
from transforms.canonical import MOMENT
from warehouse import tables
from warehouse.publication import Write
from warehouse.store import Warehouse

#: What is said of a thing: `thing_id` was born, went into `other` (merged), let `other` go (split), died; or it follows `other`, which had ended.
EVENT: dict[str, Any] = {"kind": pl.String, "thing_id": pl.String, "other": pl.String, "n_records": pl.Int64, "reason": pl.String}
#: The table that a thing's own row is in.
TABLE = {"problem": tables.problem, "incident": tables.incident}


def lineage_write(thing: str, events: pl.DataFrame, place: str, day: date, as_of: datetime, run_id: str) -> Write:
    """Rows of the table `lineage` for a night's events (`EVENT`). An event's id derives from what it says and the day, so that it is there once."""
    about = [blake2b("|".join((thing, kind, who, other or "", day.isoformat())).encode(), digest_size=8).hexdigest()
             for kind, who, other in events.select("kind", "thing_id", "other").iter_rows()]
    rows = events.select(pl.Series("event_id", about, dtype=pl.String), pl.lit(thing).alias("thing"), *EVENT, pl.lit(place).alias("place_key"),
                         pl.lit(day).alias("day"), pl.lit(as_of, MOMENT).alias("known_at"), pl.lit(run_id).alias("run_id"))
    return Write("lineage", rows.unique("event_id", keep="first", maintain_order=True).sort("event_id"), "ignore")


def incident_events(house: Warehouse, place: Place, day: date, since: date, rows: pl.DataFrame, open_: pl.Series, merged: pl.DataFrame) -> pl.DataFrame:
    """A night's events of incidents (`EVENT`).

    rows: those that tonight's records touched, as the table `incident` will have them. open_: the ids that were open before. merged: (incident_id,
    into). since: the window's first day; what has no record from then on has ended. Costs what the night brought and what aged out since the last.
    """
    born = rows.filter(~pl.col("incident_id").is_in(open_.drop_nulls().unique().implode()))
    sizes = rows.select(pl.col("incident_id").alias("into"), "n_records")
    before = house.read("select max(day) as day from lineage where thing = 'incident' and kind = 'died' and place_key = :p", p=place.key)["day"][0]
    known = date.min if before is None else before - (day - since)
    past = house.select("incident", "last_seen < :since and last_seen >= :known and merged_into is null", since=since, known=known).filter(
        pl.col("founded_by").str.split(":").list.first().is_in(list(place.sources)))
    past = pl.concat([past.select("incident_id", "n_records"), born.filter(pl.col("last_seen") < since).select("incident_id", "n_records")]).unique("incident_id", keep="last")
    earlier = house.incidents_of(born["respondent"].drop_nulls(), since).filter(~pl.col("incident_id").is_in(born["incident_id"].implode()))
    follows = born.join(earlier.select("respondent", "problem_code", pl.col("incident_id").alias("before"), "last_seen").sort("last_seen", "before").unique(
        ["respondent", "problem_code"], keep="last"), on=["respondent", "problem_code"], how="inner")
    return pl.concat([_events(born, "born", "linked"), _events(merged.join(sizes, on="into", how="left"), "merged", "joined", "into"),
                      _events(follows, "follows", "returned", "before"), _events(past, "died", "aged_out")])


def _events(rows: pl.DataFrame, kind: str, reason: str, other: str | None = None) -> pl.DataFrame:
    return rows.select(pl.lit(kind).alias("kind"), pl.col("incident_id").alias("thing_id"), (pl.col(other) if other else pl.lit(None, pl.String)).alias("other"),
                       pl.col("n_records").cast(pl.Int64), pl.lit(reason).alias("reason"))


def problem_events(lineage: pl.DataFrame, ids: Mapping[int, str], first: bool) -> pl.DataFrame:
    """The events (`EVENT`) of a fit: its `lineage_`, numbers as ids. What only lasts on is no event. first: there was no fit before."""
    reason = {"merged": "together", "died": "no_records", "split": "apart"}
    named = lineage.filter(pl.col("kind") != "kept").with_columns(pl.col("problem", "other").replace_strict(ids, default=None, return_dtype=pl.String))
    born = pl.when(pl.col("other").is_not_null()).then(pl.lit("apart")).otherwise(pl.lit("first_found" if first else "like_no_other"))
    told = pl.when(pl.col("reason") == "decided").then(pl.lit("decided")).when(pl.col("kind") == "born").then(born).otherwise(pl.col("kind").replace_strict(reason, default=None, return_dtype=pl.String))
    return named.select("kind", pl.col("problem").alias("thing_id"), "other", "n_records", told.alias("reason")).drop_nulls("thing_id")


def lives_in(connection: sa.Connection, thing: str, thing_id: str) -> str | None:
    """The id that a problem or incident lives on under: its own, or that of what it was merged into; None where there is none."""
    table = TABLE[thing]
    own = table.c[f"{thing}_id"]
    asked: str | None = thing_id
    root, met = None, set[str]()
    while asked and asked not in met:
        met.add(asked)
        found = connection.execute(sa.select(own, table.c.merged_into).where(own == asked)).first()
        root, asked = (found[0], found[1]) if found else (root, None)
    return root


def merged_into(connection: sa.Connection, thing: str, thing_id: str) -> list[str]:
    """The id itself and those of all that became part of it, each after what it went into."""
    table = TABLE[thing]
    own, into = table.c[f"{thing}_id"], table.c.merged_into
    ids, found = [thing_id], [thing_id]
    while found:
        found = list(connection.execute(sa.select(own).where(into.in_(found), own.not_in(ids)).order_by(own)).scalars())
        ids += found
    return ids


def story(house: Warehouse, thing: str, ids: Sequence[str], as_of: datetime | None = None) -> pl.DataFrame:
    """All events of these things, and those that name them as the other, oldest first; as known at a moment."""
    slots = {f"i{n}": i for n, i in enumerate(ids)}
    mine = ", ".join(":" + s for s in slots)
    when, given = (" and known_at <= :as_of", {"as_of": as_of}) if as_of else ("", {})
    return house.select("lineage", f"thing = :thing and (thing_id in ({mine}) or other in ({mine})){when}", thing=thing, **slots, **given).sort("known_at", "event_id")


def tree(house: Warehouse, thing: str, thing_id: str, lang: str) -> list[str]:
    """The family of a problem or incident that lives, as lines: itself, what became part of it and what left it, and what came of each; empty where nothing is told."""
    with house.engine.connect() as connection:
        ids = merged_into(connection, thing, thing_id)
    events = story(house, thing, ids)
    if events.is_empty():
        return []
    return [say("lineage.title", lang), *_branch(events, thing_id, None, 1, lang, set())]


def _branch(events: pl.DataFrame, thing_id: str, said: str | None, depth: int, lang: str, met: set[str]) -> Iterator[str]:
    """One thing's line, its own events below it, and the branches of what became part of it, once each."""
    met.add(thing_id)
    yield "  " * depth + thing_id + (f"  {said}" if said else "")
    for e in events.filter((pl.col("thing_id") == thing_id) & (pl.col("kind") != "merged")).iter_rows(named=True):
        yield "  " * (depth + 1) + _words(e, lang)
    for e in events.filter((pl.col("kind") == "merged") & (pl.col("other") == thing_id)).iter_rows(named=True):
        if e["thing_id"] not in met:
            yield from _branch(events, e["thing_id"], _words(e, lang), depth + 1, lang, met)


def _words(event: Mapping[str, Any], lang: str) -> str:
    return say(f"lineage.{event['kind']}", lang, day=event["day"], other=event["other"] or "–", n=event["n_records"] or 0,
               reason=say(f"lineage.reason.{event['reason']}", lang))
