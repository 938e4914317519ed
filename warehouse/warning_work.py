"""What people do to a warning: one step and its line in the audit trail, in one transaction, or a clear no that the trail keeps too.

A night reads warnings as people had left them at its as-of (`as_of`), and what they did since stands over what it publishes (`keep_up`).
"""
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from secrets import token_hex
from typing import Any

import polars as pl
import sqlalchemy as sa

from policy.lifecycle import EVENT, REFUSED, Given, Illegal, changes
from warehouse import tables
from warehouse.engine import writing

#: What a verdict was given on; nights learn from these, whatever becomes of the warning.
FACTS = ("kind", "rule", "level", "problem_code", "lead_unit", "observed", "expected", "p_value", "n_records", "n_callers", "raised_on", "source_ids")
_DATES, _MOMENTS = ("closed_on", "snoozed_until"), ("closed_at",)


class Unknown(LookupError):
    """There is no such warning."""


class Stale(RuntimeError):
    """Somebody else changed the warning since it was read: `seen` is the change that was seen, `row` the warning as it is."""

    def __init__(self, seen: int, row: Mapping[str, Any]):
        super().__init__(f"{row['warning_id']}: saw change {seen}, it is {row['change_no']}")
        self.seen, self.row = seen, row


@dataclass(frozen=True)
class Done:
    """A step that was taken: `warning_id` is the one that lives, where another was named."""

    warning_id: str
    was: str
    status: str
    change_no: int


def act(engine: sa.Engine, warning_id: str, action: str, given: Given, at: datetime, done_by: str | None = None, seen: int | None = None) -> Done:
    """Takes one step of a warning, or of what it was merged into.

    seen: the `change_no` that the actor saw; another one refuses the step. Raises Unknown, Stale, and what `policy.lifecycle.changes` raises;
    a stale or illegal attempt leaves a line in the trail and nothing else.
    """
    with writing(engine) as connection:
        said = _act(connection, warning_id, action, given, at, done_by, seen)
    if isinstance(said, Exception):
        raise said
    return said


def _act(connection: sa.Connection, warning_id: str, action: str, given: Given, at: datetime, done_by: str | None, seen: int | None) -> Done | Exception:
    row = living(connection, warning_id, lock=True)
    if row is None:
        return Unknown(warning_id)
    try:
        if seen is not None and seen != row["change_no"]:
            raise Stale(seen, row)
        sets = changes(action, row, given, at)
    except (Stale, Illegal) as no:
        reason = "stale" if isinstance(no, Stale) else f"illegal while {no.status}"
        _note(connection, row, REFUSED, at, done_by, {}, f"{action}: {reason}", None)
        return no
    except ValueError as no:
        return no
    warning = tables.warning
    connection.execute(sa.update(warning).where(warning.c.warning_id == row["warning_id"]).values(**sets, change_no=row["change_no"] + 1))
    facts = {c: row[c] for c in FACTS} if action == "close" else None
    _note(connection, row, EVENT[action], at, done_by, {c: [row[c], v] for c, v in sets.items()}, given.note, facts)
    return Done(row["warning_id"], row["status"], sets.get("status", row["status"]), row["change_no"] + 1)


def living(connection: sa.Connection, warning_id: str, lock: bool = False) -> dict[str, Any] | None:
    """The warning of that id, or the one that it lives on in; None where there is none."""
    asked: str | None = warning_id
    row, met = None, set()
    while asked and asked not in met:
        met.add(asked)
        query = sa.select(tables.warning).where(tables.warning.c.warning_id == asked)
        found = connection.execute(query.with_for_update() if lock else query).mappings().first()
        row = dict(found) if found else None
        asked = row["merged_into"] if row else None
    return row


def family(connection: sa.Connection, warning_id: str) -> list[str]:
    """The ids of the warning that this one is or lives on in, and of all that were merged into it; none where there is no such warning."""
    root = living(connection, warning_id)
    ids, found = [], [root["warning_id"]] if root else []
    while found:
        ids += found
        found = list(connection.execute(sa.select(tables.warning.c.warning_id).where(tables.warning.c.merged_into.in_(found),
                                                                                    tables.warning.c.warning_id.not_in(ids))).scalars())
    return ids


def _note(connection: sa.Connection, row: Mapping[str, Any], kind: str, at: datetime, done_by: str | None, sets: Mapping[str, Any], note: str | None,
          facts: Mapping[str, Any] | None) -> None:
    about = f"{row['warning_id']}|{kind}|{at.isoformat()}|{done_by}|{note}|{row['change_no']}|{token_hex(4) if kind == REFUSED else ''}"
    plain = lambda x: json.loads(json.dumps(x, default=lambda v: v.isoformat() if isinstance(v, date) else str(v)))
    connection.execute(sa.insert(tables.warning_event).values(
        event_id=blake2b(about.encode(), digest_size=8).hexdigest(), warning_id=row["warning_id"], known_at=at, kind=kind, done_by=done_by,
        changes=plain(dict(sets)), note=note, facts=plain(facts) if facts else None))


# ---- what a bureau's own screens ask for ------------------------------------------------------------------------------------


def apply_requests(engine: sa.Engine, at: datetime, tell: Any) -> list[dict[str, Any]]:
    """Takes the steps that `work_request` asks for and nobody has taken yet, oldest first, each in a transaction of its own.

    tell: turns what came of a step (a Done, or the error) into words. Returns the requests as they ended: outcome done or refused.
    """
    request = tables.work_request
    with engine.connect() as connection:
        waiting = connection.execute(sa.select(request.c.request_id).where(request.c.applied_at.is_(None))
                                     .order_by(request.c.requested_at.nulls_first(), request.c.request_id)).scalars().all()
    ended = []
    for request_id in waiting:
        with writing(engine) as connection:
            query = sa.select(request).where(request.c.request_id == request_id, request.c.applied_at.is_(None)).with_for_update()
            row = connection.execute(query).mappings().first()
            if row is None:
                continue
            given = Given(**{c: row[c] for c in ("unit", "owner", "verdict", "measures", "note", "until")})
            said = (_act(connection, row["warning_id"], row["action"], given, at, row["done_by"], row["seen_no"]) if row["action"] in EVENT
                    else KeyError(row["action"]))
            answer = {"applied_at": at, "outcome": "done" if isinstance(said, Done) else "refused", "message": tell(said, row)}
            connection.execute(sa.update(request).where(request.c.request_id == request_id).values(**answer))
            ended.append({**row, **answer})
    return ended


# ---- people and nights ----------------------------------------------------------------------------------------------------------


def as_of(warnings: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """Warnings (columns of the table, or more) as they were before `later` (people's events after a moment: warning_id, known_at, event_id, changes)."""
    if later.is_empty():
        return warnings
    rows = {w["warning_id"]: w for w in warnings.iter_rows(named=True)}
    for warning_id, changed in later.sort("known_at", "event_id", descending=True).select("warning_id", "changes").iter_rows():
        row = rows.get(warning_id)
        if row is not None:
            row |= {c: value(c, v[0]) for c, v in json.loads(changed or "{}").items() if isinstance(v, list)}
            row["change_no"] -= 1
    return pl.DataFrame(list(rows.values()), schema=warnings.schema)


def worked_upon(warnings: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Warnings (columns of the table) with what people changed of them after the night that wrote them; `events` as for `as_of`."""
    if events.is_empty():
        return warnings
    rows = {w["warning_id"]: w for w in warnings.iter_rows(named=True)}
    for warning_id, known_at, changed in events.sort("known_at", "event_id").select("warning_id", "known_at", "changes").iter_rows():
        row = rows.get(warning_id)
        if row is not None and known_at > row["as_of"] and row["status"] != "merged":
            row |= {c: value(c, v[1] if isinstance(v, list) else v) for c, v in json.loads(changed or "{}").items()}
            row["change_no"] += 1
    return pl.DataFrame(list(rows.values()), schema=warnings.schema)


def keep_up(connection: sa.Connection, written: Sequence[str], moment: datetime) -> None:
    """What people did after a moment stands over what a night as of it has just written of these warnings; inside its transaction."""
    event, warning = tables.warning_event, tables.warning
    later = sa.select(event.c.warning_id, event.c.changes).where(event.c.known_at > moment, event.c.run_id.is_(None), event.c.kind != REFUSED).order_by(
        event.c.known_at, event.c.event_id)
    mine = set(written)
    for warning_id, changed in connection.execute(later).all():
        if warning_id in mine:
            sets = {c: value(c, v[1] if isinstance(v, list) else v) for c, v in (changed or {}).items()}
            connection.execute(sa.update(warning).where(warning.c.warning_id == warning_id, warning.c.status != "merged").values(
                **sets, change_no=warning.c.change_no + 1))


def value(column: str, said: Any) -> Any:
    """A column's value as an event's JSON has it."""
    if said is None or not isinstance(said, str):
        return said
    return date.fromisoformat(said) if column in _DATES else datetime.fromisoformat(said) if column in _MOMENTS else said

