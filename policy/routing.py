"""Who a warning goes to: one lead unit and its co-units, from the problem, the streets and the day."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from policy import taxonomy
from policy.units import DISPATCH, STATION, STREET_OFFICE, Units, units

#: Why a unit helps: the station on whose streets it is, a section that reports for duty (报到) where a station blows the whistle (吹哨), another
#: department whose duty it is, the street's own office, the dispatch desk that sends a partner's matter on, and whom a rule has told at once.
WHYS = ("station", "section", "partner", "street", "dispatch", "rule")


@dataclass(frozen=True)
class Route:
    """Codes and names of who leads and who helps; all empty where no pack covers the place."""

    lead_unit: str | None = None
    lead_name_zh: str | None = None
    lead_name_en: str | None = None
    co_units: tuple[str, ...] = ()
    co_names_zh: tuple[str, ...] = ()
    co_names_en: tuple[str, ...] = ()
    #: For each co-unit the duty rule that calls it (`WHYS`).
    whys: tuple[str, ...] = ()

    def lead_name(self, lang: str = "zh") -> str | None:
        """The lead unit's name."""
        return self.lead_name_zh if lang == "zh" else self.lead_name_en

    def co_names(self, lang: str = "zh") -> list[str]:
        """The co-units' names."""
        return list(self.co_names_zh if lang == "zh" else self.co_names_en)


def route(problem_code: str | None, street_codes: str | Iterable[str | None] | None, pack: str | None, day: date, tell: Sequence[str] = ()) -> Route:
    """The lead unit and the co-units of a matter on a day.

    `street_codes`: of its records, the one with most records first. The taxonomy's `station` is the station of the street,
    and DEP-STREET its street office. From three stations on (a setting of the pack) the section leads and the stations help.
    A partner's matter is sent through the dispatch desk, which is then a co-unit. Of the stations that help, those with most records are
    named, at most as many as the pack says: the section tells the others. `tell`: units that the matter's rule names. Without a pack
    everything is empty.
    """
    if pack is None:
        return Route()
    table = units(pack)
    streets = [street_codes] if isinstance(street_codes, str) else list(street_codes or ())
    known = list(dict.fromkeys(s for s in streets if s and table.station_for(s, day)))
    problem = taxonomy.problem(problem_code, day) if problem_code else None
    wanted = problem.lead_unit if problem else STATION
    helpers = list(problem.co_units) if problem else []
    stations = list(dict.fromkeys(table.station_for(s, day) for s in known))
    many = len(stations) >= table.section_leads_from_stations
    if wanted == STATION:
        lead = stations[0] if stations and not many else _section(problem_code, helpers)
    elif wanted == STREET_OFFICE:
        lead = f"{STREET_OFFICE}:{known[0]}" if known else STREET_OFFICE
    else:
        lead = wanted
    co: list[str] = []
    if wanted != STREET_OFFICE or many:
        # Whoever leads in a matter of market supervision, the stations on the ground know of it.
        market = problem is None or problem.domain == "market"
        co += [s for s in stations if s][:table.co_stations_at_most] if market else []
    office = [f"{STREET_OFFICE}:{s}" for s in known[:1]] or [STREET_OFFICE]
    for helper in helpers:
        co += office if helper == STREET_OFFICE else [] if helper == STATION else [helper]
    by_duty = len(co)
    co += tell
    resolved_lead = table.resolve(lead or DISPATCH, day)
    if resolved_lead and resolved_lead.kind in ("partner", "street"):
        co.append(DISPATCH)
    return _named(table, resolved_lead.code if resolved_lead else DISPATCH, co, by_duty, day)


def _section(problem_code: str | None, helpers: list[str]) -> str:
    """Who leads where no single station can: the first section among the co-units, else the group's, else the dispatch desk."""
    group = taxonomy.group(problem_code) if problem_code else None
    return next((u for u in helpers if u.startswith("SEC-")), (group.section if group else None) or DISPATCH)


def _named(table: Units, lead: str, co: list[str], by_duty: int, day: date) -> Route:
    """The route with names and reasons; of the co-units the first `by_duty` are named by the problem's or the place's duties."""
    helpers: dict[str, str] = {}
    for n, code in enumerate(co):
        unit = table.resolve(code, day)
        if unit and unit.code != lead:
            why = "dispatch" if unit.code == DISPATCH else unit.kind if n < by_duty or unit.kind == "station" else "rule"
            helpers.setdefault(unit.code, why if why in WHYS else "section")
    return Route(lead, table.unit_name(lead, "zh"), table.unit_name(lead, "en"), tuple(helpers),
                 tuple(table.unit_name(c, "zh") for c in helpers), tuple(table.unit_name(c, "en") for c in helpers), tuple(helpers.values()))
