"""Up the ladder: station → section → portfolio leader → director, by dated rule (`escalation` in `data/units_<pack>.yaml`)."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from policy import taxonomy
from policy.calendar import is_workday
from policy.dated import on
from policy.packs import pack as pack_of
from policy.units import DISPATCH, Unit, units

#: From this step on somebody owns the matter to its end (包案).
OWNED_FROM = 3
WORKING_HOURS = 8


@dataclass(frozen=True)
class Rung:
    """Where a matter stands: `step` 1 to 4, the `unit` or post that answers for it there."""

    step: int
    unit: Unit


def rules(pack: str, day: date) -> Mapping | None:
    """The pack's ladder on a day: `start` by attention level, `steps`; None where it has none then."""
    found = on(units(pack).escalation, day)
    return found[0] if found else None


@cache
def rung(pack: str, day: date, step: int, lead_code: str | None, street_code: str | None, problem_code: str | None) -> Rung | None:
    """Who answers at a step for a matter with this lead unit, street and problem; None where the pack has no unit for it that day."""
    table = units(pack)
    lead = table.resolve(lead_code, day) if lead_code else None
    section = lead if lead and lead.kind == "section" else _section(pack, problem_code, day)
    station = lead if lead and lead.kind == "station" else table.resolve(table.station_for(street_code, day) or "", day)
    leaders = [u for u in table.all() if u.kind == "leader" and u.valid_from <= day <= u.valid_to]
    over = next((u for u in leaders if section and section.code in u.sections), None)
    chief = next((u for u in leaders if not u.sections), None)
    at = {1: station or section or lead, 2: section or lead, 3: over or chief, 4: chief or over}[step]
    return Rung(step, at) if at else None


def _section(pack: str, problem_code: str | None, day: date) -> Unit | None:
    problem = taxonomy.problem(problem_code, day) if problem_code else None
    named = [problem.lead_unit, *problem.co_units] if problem else []
    group = taxonomy.group(problem_code) if problem_code and problem else None
    code = next((u for u in named if u.startswith("SEC-")), (group.section if group else None) or DISPATCH)
    return units(pack).resolve(code, day)


def first_step(pack: str, day: date, level: str) -> int:
    """The step at which a warning of this attention level begins."""
    said = rules(pack, day)
    return said["start"][level]["step"] if said else 1


def goes_up(pack: str, day: date, level: str, step: int, since: datetime, at: datetime, waiting: bool, overdue: bool) -> bool:
    """Whether a matter goes one step up: nobody has taken it up, or its clock has run out, and it has stood at this step for the level's hours.

    Red counts all hours, other levels those of working days (eight a day).
    """
    said = rules(pack, day)
    if said is None or step >= len(said["steps"]) or not (waiting or overdue):
        return False
    row = pack_of(pack)
    zone = ZoneInfo(row["time_zone"])
    first, last = (t.astimezone(zone).date() for t in (since, at))
    days = sum(is_workday(first + timedelta(days=n), row["holidays"]) for n in range(1, (last - first).days + 1))
    hours = (at - since) / timedelta(hours=1) if level == "red" else days * WORKING_HOURS
    return hours >= said["start"][level]["up_if_unanswered_hours"]
