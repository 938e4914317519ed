"""Working days and holidays: China's by the State Council's notices, New York's by rule; never an error for a year without a notice.

China, in this order: our dated overlay (`data/calendar_overlay.csv`), `chinesecalendar` for the years it knows (2004–2026), else
weekends and statutory days (`data/calendar_statutory.yaml`), which is marked provisional.
"""
import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache

import numpy as np
import polars as pl

from policy.dated import load, read_text

WORKDAY, WEEKEND, HOLIDAY, MAKEUP = "workday", "weekend", "holiday", "makeup"
REGIONS = ("cn", "us_ny", "none")
_REGION_OF_ZONE = {"Asia/Shanghai": "cn", "America/New_York": "us_ny"}
_SATURDAY = 5


@dataclass(frozen=True)
class DayKind:
    """What a day is: workday, weekend, holiday (weekend days inside one included) or makeup (a weekend day that is worked).

    `provisional`: no notice for that year was known; make-up workdays and bridges may still come.
    """

    kind: str
    name: str | None = None
    provisional: bool = False

    @property
    def works(self) -> bool:
        return self.kind in (WORKDAY, MAKEUP)


def region_of(time_zone: str) -> str:
    """The holiday region of a source's time zone: "cn", "us_ny" or "none"."""
    return _REGION_OF_ZONE.get(time_zone, "none")


@lru_cache(maxsize=200_000)
def day_kind(day: date, region: str = "cn") -> DayKind:
    """What a day is in a region. Raises ValueError for an unknown region, never for a year."""
    if region not in REGIONS:
        raise ValueError(f"unknown holiday region {region!r}; there are: {', '.join(REGIONS)}")
    if region == "cn":
        return _china(day)
    if region == "us_ny" and day in _new_york(day.year):
        return DayKind(HOLIDAY, _new_york(day.year)[day])
    return DayKind(WEEKEND if day.weekday() >= _SATURDAY else WORKDAY)


def is_workday(day: date, region: str = "cn") -> bool:
    """Whether offices work on a day."""
    return day_kind(day, region).works


def holidays(days: pl.Series | Iterable[date], region: str) -> np.ndarray:
    """Which days are holidays, bool `(n_days,)`: weekend days inside a holiday too, ordinary weekends and make-up workdays not."""
    return np.fromiter((day_kind(day, region).kind == HOLIDAY for day in days), dtype=bool)


def day_kinds(days: pl.Series | Iterable[date], region: str) -> list[str]:
    """The kind of each day: workday, weekend, holiday or makeup."""
    return [day_kind(day, region).kind for day in days]


def add_workdays(day: date, n: int, region: str = "cn") -> date:
    """The n-th working day after `day`, which is itself not counted. Raises ValueError for n < 1."""
    if n < 1:
        raise ValueError(f"a number of working days from 1 on is wanted, not {n}")
    while n:
        day += timedelta(days=1)
        n -= is_workday(day, region)
    return day


def workdays_until(day: date, until: date, region: str = "cn") -> int:
    """How many working days there are after `day` up to and with `until`; below 0 where it has passed: as many as were after it up to and with `day`.

    Example: from Friday 2026-06-05 until Monday 2026-06-08 it is 1.
    """
    first, last = min(day, until), max(day, until)
    between = sum(is_workday(first + timedelta(days=n), region) for n in range(1, (last - first).days + 1))
    return between if until >= day else -between


#: So many days from the Spring Festival on either side the year goes by it.
FESTIVAL_DAYS = 35


def year_before(day: date, region: str = "cn") -> date:
    """The day that corresponds to `day` a year before: in China as far from the Spring Festival's first day off, where that is near; else 52 weeks
    before, the same weekday."""
    if region == "cn":
        for year in (day.year, day.year + 1):
            first, then = _spring_festival(year), _spring_festival(year - 1)
            if first and then and abs((day - first).days) <= FESTIVAL_DAYS:
                return then + (day - first)
    return day - timedelta(weeks=52)


@cache
def _spring_festival(year: int) -> date | None:
    """The first day off of a year's Spring Festival; None where no table has it."""
    days = (date(year, 1, 15) + timedelta(days=n) for n in range(45))
    return next((d for d in days if (kind := _china(d)).kind == HOLIDAY and kind.name in ("春节", "Spring Festival")), None)


def _china(day: date) -> DayKind:
    weekend = day.weekday() >= _SATURDAY
    overlay = _overlay().get(day)
    if overlay:
        kind, name = overlay
        return DayKind(HOLIDAY, name) if kind == "off" else DayKind(MAKEUP if weekend else WORKDAY, name)
    if day.year in _noticed_years():
        return DayKind(WEEKEND if weekend else WORKDAY)
    known = _chinesecalendar(day)
    if known is not None:
        return known
    fixed = _statutory(day.year).get(day)
    if fixed:
        return DayKind(HOLIDAY, fixed, provisional=True)
    return DayKind(WEEKEND if weekend else WORKDAY, provisional=True)


@cache
def _overlay() -> dict[date, tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(read_text("calendar_overlay.csv")))
    return {date.fromisoformat(row["date"]): (row["kind"], row["name"]) for row in rows}


@cache
def _noticed_years() -> frozenset[int]:
    """The years whose whole notice is in the overlay: those with a National Day in it."""
    return frozenset(day.year for day, (kind, _) in _overlay().items() if kind == "off" and (day.month, day.day) == (10, 1))


def _chinesecalendar(day: date) -> DayKind | None:
    import chinese_calendar  # its tables are built on import: late, so that `--help` stays quick

    try:
        off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return None
    weekend = day.weekday() >= _SATURDAY
    if off:
        return DayKind(HOLIDAY, name) if name else DayKind(WEEKEND)
    return DayKind(MAKEUP, name) if weekend else DayKind(WORKDAY)


@cache
def _statutory(year: int) -> dict[date, str]:
    table = load("calendar_statutory.yaml")
    days = {date.fromisoformat(f"{year:04d}-{d}"): row["name"] for row in table["fixed"] for d in row["days"]}
    for row in table["lunar"]:
        first = row["first"].get(year)
        if first:
            days |= {first + timedelta(days=row["offset"] + i): row["name"] for i in range(row["length"])}
    return days


@cache
def _new_york(year: int) -> dict[date, str]:
    """Federal holidays (5 U.S.C. 6103) of a year, with the Friday or Monday on which they are observed."""
    fixed = {date(year, 1, 1): "New Year's Day", date(year, 7, 4): "Independence Day", date(year, 11, 11): "Veterans Day",
             date(year, 12, 25): "Christmas Day"}
    if year < date.max.year:
        fixed[date(year + 1, 1, 1)] = "New Year's Day"  # on a Saturday it is observed in this year
    if year >= 2021:
        fixed[date(year, 6, 19)] = "Juneteenth"
    days = {
        _nth(year, 1, 0, 3): "Martin Luther King Jr. Day", _nth(year, 2, 0, 3): "Washington's Birthday",
        _nth(year, 5, 0, -1): "Memorial Day", _nth(year, 9, 0, 1): "Labor Day", _nth(year, 10, 0, 2): "Columbus Day",
        _nth(year, 11, 3, 4): "Thanksgiving Day",
    }
    for day, name in fixed.items():
        days[day] = name
        shift = {5: -1, 6: 1}.get(day.weekday())
        if shift:
            days.setdefault(day + timedelta(days=shift), f"{name} (observed)")
    return {day: name for day, name in days.items() if day.year == year}


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th weekday (Monday 0) of a month; n = −1 is the last."""
    if n > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - weekday) % 7)
