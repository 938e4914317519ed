"""Accounting periods: day, week, 旬, month, quarter, half-year, year, and the assessment month from the 19th to the 18th."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from policy.calendar import day_kind

#: The first of the days of Spring Festival by either source of holidays.
_SPRING_FESTIVAL = ("春节", "Spring Festival")


def _tenday(day: date) -> date:
    return day.replace(day=1 if day.day <= 10 else 11 if day.day <= 20 else 21)


def _assessed(day: date) -> date:
    return day.replace(day=19) if day.day >= 19 else (day.replace(day=1) - timedelta(days=1)).replace(day=19)


#: Kind → the first day of the period that holds a day. `month_19` is unverified: ask the bureau which of the months counts.
FIRST: Mapping[str, Callable[[date], date]] = MappingProxyType({
    "day": lambda d: d,
    "week": lambda d: d - timedelta(days=d.weekday()),
    "tenday": _tenday,
    "month": lambda d: d.replace(day=1),
    "month_19": _assessed,
    "quarter": lambda d: d.replace(month=3 * ((d.month - 1) // 3) + 1, day=1),
    "half": lambda d: d.replace(month=1 if d.month <= 6 else 7, day=1),
    "year": lambda d: d.replace(month=1, day=1),
})
KINDS = tuple(FIRST)
#: A stretch of days that somebody named.
SPAN = "span"


@dataclass(frozen=True)
class Period:
    """Days `first` to `last`, both included; `kind` is one of `KINDS` or `SPAN`. One that is going on is cut at the day it is looked at."""

    kind: str
    first: date
    last: date

    @property
    def days(self) -> int:
        """Its length in days."""
        return (self.last - self.first).days + 1

    @property
    def is_whole(self) -> bool:
        """Whether it was not cut before its end."""
        return self.kind == SPAN or self.last == whole(self.kind, self.first).last

    def before(self) -> "Period":
        """The one before it: whole for a whole one, else its first days, as many as this one has (fewer where it is shorter)."""
        if self.kind == SPAN:
            return Period(SPAN, self.first - timedelta(days=self.days), self.first - timedelta(days=1))
        earlier = whole(self.kind, self.first - timedelta(days=1))
        return earlier if self.is_whole else Period(self.kind, earlier.first, min(earlier.last, earlier.first + timedelta(days=self.days - 1)))

    def year_before(self) -> "Period":
        """The same days a year earlier; a week, and a single day, 52 weeks earlier, so that weekdays agree. 29 February goes with the 28th."""
        if self.kind in ("day", "week"):
            return Period(self.kind, self.first - timedelta(weeks=52), self.last - timedelta(weeks=52))
        month_end = (self.last + timedelta(days=1)).day == 1
        last = _year_earlier(self.last)
        if month_end and last.month == 2:
            last = (last.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return Period(self.kind, _year_earlier(self.first), last)

    def spring_festival_days(self) -> int:
        """Days of the Spring Festival holiday in it: where two periods differ in this, the moon explains some of the difference."""
        return sum(day_kind(self.first + timedelta(days=n)).name in _SPRING_FESTIVAL for n in range(self.days))


def whole(kind: str, day: date) -> Period:
    """The whole period of a kind that holds a day. Raises KeyError for an unknown kind."""
    first = FIRST[kind](day)
    # The next period begins within 366 days; steps of less than the shortest one find the last day that still belongs here.
    step = {"day": 1, "week": 7, "tenday": 8, "month": 28, "month_19": 28, "quarter": 90, "half": 181, "year": 365}[kind]
    last = first + timedelta(days=step - 1)
    while FIRST[kind](last + timedelta(days=1)) == first:
        last += timedelta(days=1)
    return Period(kind, first, last)


def holding(kind: str, day: date) -> Period:
    """The period of a kind that holds a day, cut at that day. Raises KeyError for an unknown kind."""
    return Period(kind, FIRST[kind](day), day)


def latest(kind: str, day: date, n: int) -> list[Period]:
    """The `n` periods that end with the one that holds `day`, oldest first; the last is cut at that day."""
    out = [holding(kind, day)]
    while len(out) < n:
        out.append(whole(kind, out[-1].first - timedelta(days=1)))
    return out[::-1]


def _year_earlier(day: date) -> date:
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)
