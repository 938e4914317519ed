"""The life of a warning: which action is legal in which status, what it needs, and what it sets."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from policy.units import units

OPEN = ("new", "acknowledged", "assigned", "in_progress", "reopened", "snoozed")
#: Open, and nobody has taken it up yet.
WAITING = ("new", "reopened")
ENDED = ("closed", "expired")
#: action → (statuses it may start from, status it leads to; None: stays as it is)
ACTIONS: Mapping[str, tuple[tuple[str, ...], str | None]] = MappingProxyType({
    "acknowledge": (WAITING, "acknowledged"),
    "assign": (OPEN, "assigned"),
    "start": (("acknowledged", "assigned", "reopened", "snoozed"), "in_progress"),
    "own": (OPEN, None),
    "note": ((*OPEN, *ENDED), None),
    "snooze": (("new", "acknowledged", "assigned", "in_progress", "reopened"), "snoozed"),
    "close": (OPEN, "closed"),
    "reopen": (ENDED, "reopened"),
})
VERDICTS = ("confirmed", "partly", "unfounded", "already_known")
#: What the audit trail calls an action. An attempt that lost to another or was not legal is `refused`.
EVENT = MappingProxyType({"acknowledge": "acknowledged", "assign": "assigned", "start": "started", "own": "owned", "note": "noted", "snooze": "snoozed",
                          "close": "closed", "reopen": "reopened"})
REFUSED = "refused"
#: Which day it is for those who work the list.
ZONE = ZoneInfo("Asia/Shanghai")


class Illegal(ValueError):
    """An action that the warning's status does not allow."""

    def __init__(self, status: str, action: str):
        super().__init__(f"{action} is not possible while {status}")
        self.status, self.action = status, action


class Lacking(ValueError):
    """An action without something it needs: `what` is verdict, measures, unit, owner or until."""

    def __init__(self, what: str):
        super().__init__(f"lacking: {what}")
        self.what = what


class UnknownUnit(ValueError):
    """A unit that the place's policy pack does not have on that day."""

    def __init__(self, unit: str, pack: str):
        super().__init__(f"no unit {unit!r} in {pack}")
        self.unit, self.pack = unit, pack


@dataclass(frozen=True)
class Given:
    """What came with an action. unit: assigned to, or who handled it; owner: the post that owns it to its end; until: a snooze's end."""

    unit: str | None = None
    owner: str | None = None
    verdict: str | None = None
    measures: str | None = None
    note: str | None = None
    until: date | None = None


def after(status: str, action: str) -> str:
    """The status after an action. Raises Illegal where it may not be taken."""
    allowed, leads = ACTIONS[action]
    if status not in allowed:
        raise Illegal(status, action)
    return leads or status


def changes(action: str, row: Mapping[str, Any], given: Given, at: datetime) -> dict[str, Any]:
    """What an action sets of a warning (`status`, `pack`, `lang`, `assigned_to` of it are read). Raises Illegal, Lacking, UnknownUnit."""
    status = after(row["status"], action)
    day = at.astimezone(ZONE).date()
    out: dict[str, Any] = {} if status == row["status"] else {"status": status}
    if row["status"] == "snoozed" and "status" in out:
        out["snoozed_until"] = None
    if action == "assign":
        out["assigned_to"] = _unit(given.unit, row, day, "unit")
    elif action == "own":
        out["owner"] = _unit(given.owner or given.unit, row, day, "owner")
    elif action == "snooze":
        if not given.note or given.until is None or given.until <= day:
            raise Lacking("until")
        out["snoozed_until"] = given.until
    elif action == "close":
        if given.verdict not in VERDICTS:
            raise Lacking("verdict")
        if not (given.measures or given.note):
            raise Lacking("measures")
        handled = given.unit or row.get("assigned_to")
        out |= {"verdict": given.verdict, "measures": given.measures or given.note, "closed_on": day, "closed_at": at,
                "handled_by": _unit(handled, row, day, "unit") if handled or row.get("pack") else None}
    elif action == "reopen":
        out |= dict.fromkeys(("verdict", "measures", "handled_by", "closed_on", "closed_at"))
    return out


def _unit(name: str | None, row: Mapping[str, Any], day: date, what: str) -> str:
    """The unit's name as the place says it; where no pack covers the place, whatever it is called."""
    if not name:
        raise Lacking(what)
    if not row.get("pack"):
        return name
    found = units(row["pack"]).named(name, day)
    if found is None:
        raise UnknownUnit(name, row["pack"])
    return found.name(row.get("lang") or "zh")
