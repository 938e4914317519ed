"""Working a warning from the command line, and what a bureau's own screens asked for."""
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from flows.dates import now
from flows.messages import BadUsage, print_json, tell
from flows.running import House
from policy.catalogue import catalogue, say
from policy.lifecycle import Given, Illegal, Lacking, UnknownUnit
from transforms.canonical import MOMENT
from warehouse.deciding import decide
from warehouse.settings import Settings
from warehouse.warning_work import Done, Stale, Unknown, act, apply_requests, family


def work_warning(settings: Settings, warning_id: str, action: str, given: Given, by: str | None, seen: int | None, as_json: bool) -> int:
    """One legal step in a warning's life; exit status 1 where the step is not legal or somebody was quicker."""
    lang = settings.lang
    house = House.open(settings)
    try:
        try:
            done = act(house.warehouse.engine, warning_id, action, given, now(), by, seen)
        except (Illegal, Stale) as no:
            tell(said(no, warning_id, action, lang))
            return 1
        except (Unknown, Lacking, UnknownUnit) as no:
            raise BadUsage(said(no, warning_id, action, lang)) from None
        tell(said(done, warning_id, action, lang))
        if as_json:
            row = house.warehouse.read("select * from v_warnings where warning_id = :w", w=done.warning_id).row(0, named=True)
            life = house.warehouse.read("select * from v_work where warning_id = :w", w=done.warning_id).row(0, named=True)
            print_json({**row, **life})
        return 0
    finally:
        house.warehouse.close()


def said(what: Done | Exception, warning_id: str, action: str, lang: str) -> str:
    """What came of a step, in words."""
    status = lambda s: say(f"status.{s}", lang)
    doing = say(f"action.{action}", lang) if f"action.{action}" in catalogue() else action
    if isinstance(what, Done):
        moved = say("work.done", lang, warning=what.warning_id, action=doing, old=status(what.was), new=status(what.status))
        return moved if what.warning_id == warning_id else f"{say('work.lives', lang, warning=warning_id, into=what.warning_id)} {moved}"
    if isinstance(what, Illegal):
        return say("work.illegal", lang, warning=warning_id, status=status(what.status), action=doing)
    if isinstance(what, Stale):
        return say("work.stale", lang, warning=what.row["warning_id"], seen=what.seen, now=what.row["change_no"], status=status(what.row["status"]))
    if isinstance(what, UnknownUnit):
        return say("work.unknown_unit", lang, unit=what.unit, pack=what.pack)
    if isinstance(what, Lacking):
        return say(f"work.{what.what}", lang)
    return say("usage.nothing" if isinstance(what, Unknown) else "work.no_action", lang, what=warning_id, action=action)


def work_requests(settings: Settings, as_json: bool) -> int:
    """Takes the steps that the table `work_request` asks for; exit status 1 where one was refused."""
    house = House.open(settings)
    try:
        def words(what: Done | Exception, request: Mapping[str, Any]) -> str:
            return said(what, request["warning_id"], request["action"], settings.lang)

        ended = apply_requests(house.warehouse.engine, now(), words)
        for r in ended:
            tell(f"{r['request_id']}: {r['message']}")
        if not ended:
            tell(say("work.no_requests", settings.lang))
        if as_json:
            print_json([{c: r[c] for c in ("request_id", "warning_id", "action", "outcome", "message")} for r in ended])
        return int(any(r["outcome"] == "refused" for r in ended))
    finally:
        house.warehouse.close()


def show_history(settings: Settings, warning_id: str, as_json: bool) -> int:
    """Who did what to a warning and when, nights and refused attempts included; with what was merged into it."""
    house = House.open(settings)
    try:
        rows = history(house, warning_id)
        if not rows:
            raise BadUsage(say("usage.nothing", settings.lang, what=warning_id))
        if as_json:
            print_json(rows)
        else:
            for r in rows:
                moved = "; ".join(f"{c}: {_short(a)} → {_short(b)}" for c, (a, b) in r["changes"].items() if c != "summary")
                tell("  ".join(x for x in (f"{r['known_at']:%Y-%m-%d %H:%M}", r["warning_id"], r["kind"], r["done_by"] or "", r["note"] or "", moved) if x))
        return 0
    finally:
        house.warehouse.close()


def history(house: House, warning_id: str) -> list[dict[str, Any]]:
    """The trail of a warning, or of what it lives on in, and of all that was merged into it, oldest first."""
    with house.warehouse.engine.connect() as connection:
        ids = family(connection, warning_id)
    if not ids:
        return []
    slots = {f"w{n}": w for n, w in enumerate(ids)}
    rows = house.warehouse.select("warning_event", f"warning_id in ({', '.join(':' + s for s in slots)})", **slots).sort("known_at", "event_id")
    pairs = lambda text: {c: v if isinstance(v, list) else [None, v] for c, v in json.loads(text or "{}").items()}
    return [{**{c: r[c] for c in ("event_id", "warning_id", "known_at", "kind", "done_by", "note", "run_id")}, "changes": pairs(r["changes"])}
            for r in rows.iter_rows(named=True)]


def _short(value: Any) -> str:
    text = "—" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def calibrate(settings: Settings, learn: bool, reason: str, by: str | None) -> int:
    """A dated decision: from now on verdicts teach, or do not."""
    house = House.open(settings)
    try:
        at = now()
        row = {"decision_id": f"C{at:%Y%m%d%H%M%S%f}", "known_at": at, "kind": "calibration", "reason": reason, "decided_by": by, "details": f'{{"learn": {str(learn).lower()}}}'}
        decide(house.warehouse, pl.DataFrame([row], schema_overrides={"known_at": MOMENT, "decided_by": pl.String}))
        tell(say("evaluate.learn.on" if learn else "evaluate.learn.off", settings.lang))
        return 0
    finally:
        house.warehouse.close()

