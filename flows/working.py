"""Working a warning from the command line."""
from datetime import date
from typing import Any

from flows.dates import now
from flows.messages import BadUsage, print_json, tell
from flows.running import House
from policy.catalogue import say
from policy.lifecycle import EVENT, Illegal, after
from warehouse.settings import Settings
from warehouse.warning_work import Stale, change


def work_warning(settings: Settings, warning_id: str, action: str, by: str | None, to: str | None, verdict: str | None, note: str | None,
                 until: date | None, as_json: bool) -> int:
    """One legal step in a warning's life; exit status 1 where the step is not legal or somebody was quicker."""
    lang = settings.lang
    house = House.open(settings)
    try:
        rows = house.warehouse.select("warning", "warning_id = :w", w=warning_id)
        while rows.height and rows["merged_into"][0]:
            rows = house.warehouse.select("warning", "warning_id = :w", w=rows["merged_into"][0])
        if rows.is_empty():
            raise BadUsage(say("usage.nothing", lang, what=warning_id))
        row = rows.row(0, named=True)
        changes = _changes(row, action, to, verdict, note, until, lang)
        try:
            changes = {**changes, "status": after(row["status"], action)} if action != "note" else {}
            change(house.warehouse.engine, row["warning_id"], {"status": row["status"], "assigned_to": row["assigned_to"]}, changes, EVENT[action],
                   now(), by, note)
        except Illegal as no:
            tell(say("work.illegal", lang, warning=row["warning_id"], status=no.status, action=no.action))
            return 1
        except Stale:
            tell(say("work.stale", lang, warning=row["warning_id"]))
            return 1
        tell(say("work.done", lang, warning=row["warning_id"], old=row["status"], new=changes.get("status", row["status"])))
        if as_json:
            print_json(house.warehouse.read("select * from v_warnings where warning_id = :w", w=row["warning_id"]).row(0, named=True))
        return 0
    finally:
        house.warehouse.close()


def _changes(row: dict[str, Any], action: str, to: str | None, verdict: str | None, note: str | None, until: date | None, lang: str) -> dict[str, Any]:
    """What an action sets, or a clear word about what it lacks."""
    if action == "close":
        if verdict is None:
            raise BadUsage(say("work.verdict", lang))
        return {"verdict": verdict, "closed_on": now().date()}
    if action == "assign":
        if not to:
            raise BadUsage(say("work.unit", lang))
        return {"assigned_to": to}
    if action == "snooze":
        if not note or until is None:
            raise BadUsage(say("work.until", lang))
        return {}
    if action == "reopen":
        return {"verdict": None, "closed_on": None}
    return {}
