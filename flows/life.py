"""What a night does to the life of open warnings beside what their records say: waking, expiring, merging, escalating, clocks, and what is to be told."""
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import polars as pl

from flows.places import Place
from flows.warn import Told, event, event_frame, frame, stored
from flows.wording import do_first, rule_of
from policy.clocks import due_dates
from policy.escalation import OWNED_FROM, first_step, goes_up, rung
from policy.levels import rank
from policy.lifecycle import OPEN, WAITING
from warehouse.settings import Settings
from warehouse.store import Warehouse

_OUTBOX: dict[str, Any] = {"message_id": pl.String, "created_at": pl.Datetime("us", "UTC"), "kind": pl.String, "warning_id": pl.String, "level": pl.String,
                           "lead_unit": pl.String, "title": pl.String, "body": pl.String, "lang": pl.String, "run_id": pl.String}
#: What a message carries of its warning. The number of callers is left out: a report's caller must not be found by it.
_BODY = ("summary", "status", "change_no", "place", "respondent", "problem_name", "n_records", "first_seen", "last_seen", "lead_unit", "co_units", "law", "due_at",
         "assigned_to", "owner", "escalated_to", "verdict", "merged_into", "follows")
#: How far a warning has got; of two that prove to be one matter, the further counts.
_REACHED = {s: n for n, s in enumerate(("new", "reopened", "snoozed", "acknowledged", "assigned", "in_progress"))}
#: A trail's line → the message it makes.
_TOLD_OF = {"raised": "raised", "recurred": "reopened", "merged": "merged", "expired": "expired", "escalated": "escalated"}


@dataclass(frozen=True)
class Tended:
    """Rows of the tables `warning`, `warning_event` and `outbox`; `open`: every warning that is open now, as a row."""

    warnings: pl.DataFrame
    events: pl.DataFrame
    outbox: pl.DataFrame
    open: list[dict]


@dataclass
class _Life:
    """One warning at work: as it was, as it is, and the lines of the trail that it gets."""

    was: dict | None
    row: dict
    lines: list[tuple[str, dict, str | None]]

    def does(self, kind: str, note: str | None = None, **sets: Any) -> None:
        """Sets columns and notes why."""
        before = dict(self.row)
        self.row |= sets
        self.lines.append((kind, before, note))


def tend(told: Told, earlier: pl.DataFrame, earlier_records: pl.DataFrame, records: pl.DataFrame, house: Warehouse, place: Place, day: date, as_of: datetime,
         run_id: str, settings: Settings, quiet: tuple[str, ...] = ()) -> Tended:
    """Tonight's rows (`told`) and the open warnings of earlier nights, each a night older.

    earlier, earlier_records, records: as for `flows.warn.tell`. Warnings with a record of a `quiet` source stay as they were.
    """
    was = {w["warning_id"]: w for w in earlier.iter_rows(named=True)}
    tonight = {w["warning_id"]: _Life(was.get(w["warning_id"]), w, []) for w in told.warnings.iter_rows(named=True)}
    silent = set(quiet)
    waiting = {w: _Life(old, stored(old), []) for w, old in was.items()
               if w not in tonight and old["status"] in OPEN and not set(old["source_ids"] or ()) & silent}
    _name_the_old(tonight, house)
    for life in tonight.values():
        if life.row["status"] == "merged":
            into = tonight.get(life.row["merged_into"]) or waiting.get(life.row["merged_into"])
            if into is not None:
                _take_over(into, life.was or life.row)
    due = _due(waiting, earlier_records, records, place)
    for warning_id, life in (*tonight.items(), *waiting.items()):
        if life.row["status"] == "merged":
            continue
        if warning_id in waiting and place.pack and life.row["due_at"] != due.get(warning_id):
            life.does("updated", due_at=due.get(warning_id))
        _grow_older(life, day, as_of, settings)
        if place.pack:
            _climb(life, place.pack, day, as_of)
    changed = {w: life for w, life in waiting.items() if life.lines}
    for life in changed.values():
        life.row |= {"updated_on": day, "as_of": as_of, "run_id": run_id, "change_no": life.row["change_no"] + 1}
    rows = [life.row for life in (*tonight.values(), *changed.values())]
    events = [event(life.row, before, kind, as_of, run_id, note) for life in (*tonight.values(), *changed.values()) for kind, before, note in life.lines]
    lines = pl.concat([told.events, event_frame(events)])
    open_ = [life.row for life in (*tonight.values(), *waiting.values()) if life.row["status"] in OPEN]
    open_ += [stored(old) for w, old in was.items() if w not in tonight and w not in waiting and old["status"] in OPEN]
    return Tended(frame(rows), lines, _messages({**tonight, **waiting}, lines, as_of, run_id), open_)


def _name_the_old(tonight: Mapping[str, _Life], house: Warehouse) -> None:
    """A new warning of a matter that had one, long ago, names it."""
    new = {w: life for w, life in tonight.items() if life.was is None and not life.row["follows"]}
    prints = {w: {life.row["fingerprint"], *(f"incident:{i}" for i in json.loads(life.row["evidence"])["incidents"] or ())} for w, life in new.items()}
    before = house.of_fingerprints(sorted(set().union(*prints.values())) if prints else [])
    for warning_id, life in new.items():
        mine = before.filter(pl.col("fingerprint").is_in(list(prints[warning_id])) & (pl.col("warning_id") != warning_id)
                             & (pl.col("raised_on") < life.row["raised_on"]))
        life.row["follows"] = mine.sort("raised_on", "warning_id")["warning_id"][-1] if mine.height else None


def _take_over(into: _Life, gone: dict) -> None:
    """Owner, unit and how far it had got go over to the warning that lives on; its notes stay in the trail under its id, which resolves."""
    row = into.row
    sets = {c: gone[c] for c in ("owner", "assigned_to") if not row[c] and gone[c]}
    if row["status"] in _REACHED and _REACHED.get(gone["status"], -1) > _REACHED[row["status"]]:
        sets |= {"status": gone["status"], "snoozed_until": gone["snoozed_until"]}
    into.does("absorbed", gone["warning_id"], **sets)


def _due(waiting: Mapping[str, _Life], behind: pl.DataFrame, records: pl.DataFrame, place: Place) -> dict[str, datetime | None]:
    """The earliest open clock among each waiting warning's records."""
    if not place.pack or not waiting:
        return {}
    mine = behind.filter(pl.col("warning_id").is_in(list(waiting))).join(records, on="record_id")
    at = mine.select("warning_id", due_dates(mine, place.pack).alias("due_at")).group_by("warning_id").agg(pl.col("due_at").min())
    return dict(at.iter_rows())


def _grow_older(life: _Life, day: date, as_of: datetime, settings: Settings) -> None:
    row, was = life.row, life.was
    if row["status"] == "snoozed":
        graver = was is not None and rank(row["level"]) < rank(was["level"])
        if graver or row["snoozed_until"] is None or (row["snoozed_until"] - day).days <= 1:
            life.does("woke", status="assigned" if row["assigned_to"] else "acknowledged", snoozed_until=None)
    elif row["status"] == "new" and (day - max(row["raised_on"], row["last_seen"] or row["raised_on"])).days >= settings.expire_days:
        life.does("expired", status="expired", closed_on=day, closed_at=as_of)


def _climb(life: _Life, pack: str, day: date, as_of: datetime) -> None:
    """Where the matter stands on the ladder: at its level's first step, or one step above where nobody answered in time."""
    row = life.row
    if row["status"] not in OPEN or row["status"] == "snoozed":
        return
    step, since, first = row["escalation_step"], row["escalated_at"], first_step(pack, day, row["level"])
    if step is None:
        to = first
    else:
        overdue = row["due_at"] is not None and row["due_at"] <= as_of
        to = max(first, step + int(goes_up(pack, day, row["level"], step, since, as_of, row["status"] in WAITING, overdue)))
    if to == step:
        return
    at = rung(pack, day, to, row["lead_code"], row["street_code"], row["problem_code"])
    name = at.unit.name(row["lang"] or "zh") if at else None
    sets = {"escalation_step": to, "escalated_to": name, "escalated_at": as_of, "pack": pack}
    if to >= OWNED_FROM and not row["owner"]:
        sets["owner"] = name
    if life.was is None:
        life.row |= sets
    else:
        life.does("escalated", name, **sets)


def _messages(lives: Mapping[str, _Life], lines: pl.DataFrame, as_of: datetime, run_id: str) -> pl.DataFrame:
    """The outbox's rows: what was raised, rose in level, came back, was merged, expired or went up tonight, and every clock that has run out.

    A message's id says what it is about, so that none is told twice.
    """
    out = []
    by_warning: dict[str, list[str]] = {}
    for warning_id, kind in lines.select("warning_id", "kind").iter_rows():
        by_warning.setdefault(warning_id, []).append(kind)
    for warning_id, life in sorted(lives.items()):
        row, was = life.row, life.was
        kinds = [(_TOLD_OF[k], as_of.isoformat()) for k in by_warning.get(warning_id, ()) if k in _TOLD_OF]
        if was is not None and row["status"] in OPEN and rank(row["level"]) < rank(was["level"]):
            kinds.append(("level_raised", as_of.isoformat()))
        if row["status"] in OPEN and row["due_at"] is not None and row["due_at"] <= as_of:
            kinds.append(("overdue", row["due_at"].isoformat()))
        for kind, about in kinds:
            message_id = "M" + blake2b(f"{kind}|{warning_id}|{about}".encode(), digest_size=8).hexdigest()
            body = json.dumps({c: row[c] for c in _BODY} | _said(row) | {"level_was": was["level"] if was else None}, ensure_ascii=False, sort_keys=True, default=str)
            out.append({"message_id": message_id, "created_at": as_of, "kind": kind, "warning_id": warning_id, "level": row["level"], "lead_unit": row["lead_unit"],
                        "title": row["title"], "body": body, "lang": row["lang"], "run_id": run_id})
    return pl.DataFrame(out, schema=_OUTBOX)


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a message carries in both languages: title and summary where the night kept both, and what to do first."""
    told = json.loads(row["parameters"] or "{}") if isinstance(row["parameters"], str | None) else row["parameters"]
    said = {lang: {c: words[c] for c in ("title", "summary")} for lang, words in told.get("said", {}).items()}
    return {"said": said, "first_action": do_first(rule_of(row["rule"], row["updated_on"]), row["problem_code"], row["updated_on"])}
