"""A review's sheet before it is written: sections of rows, and which records stand behind each row."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from flows.drives import drives_known
from flows.facts import known_as_of, warnings_known
from flows.figures import Facts
from flows.proposals import Past
from flows.residents import residents
from flows.running import House
from policy import taxonomy
from policy.hard import look_back_days, marks
from policy.lifecycle import OPEN, ZONE
from policy.periods import SPAN, Period, holding, whole
from transforms.hard import marked, matters
from transforms.proposals import WINDOW

PERIODS = ("day", "week", "tenday", "month", "half")
_BEHIND = {"row": pl.Int64, "record_id": pl.String}


@dataclass(frozen=True)
class Section:
    """`rows`: what is shown, in words or values; `behind`: (row, record_id), rows counted from 1. `notes`: sentences under the heading."""

    key: str
    rows: pl.DataFrame
    behind: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_BEHIND))
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A sheet of a period, as known at a moment. `heading`: a line of the bureau's own above it."""

    kind: str
    period: Period
    as_of: datetime
    sections: tuple[Section, ...]
    heading: str | None = None

    @property
    def filled(self) -> tuple[Section, ...]:
        """The sections that have rows, which come first."""
        return tuple(s for s in self.sections if s.rows.height)

    def trace(self, line: str) -> pl.DataFrame | None:
        """(record_id) behind a line "3.2" (the third section's second row); None for a line that is not there."""
        section, _, row = line.partition(".")
        if not (section.isdigit() and row.isdigit() and 0 < int(section) <= len(self.sections) and 0 < int(row) <= self.sections[int(section) - 1].rows.height):
            return None
        return self.sections[int(section) - 1].behind.filter(pl.col("row") == int(row)).select("record_id").sort("record_id")


def behind(rows: pl.DataFrame, ids: str = "record_ids") -> pl.DataFrame:
    """(row, record_id) of rows that carry a list of record ids."""
    return rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), pl.col(ids).alias("record_id")).explode("record_id", empty_as_null=True).drop_nulls("record_id").select(
        pl.col(c).cast(t) for c, t in _BEHIND.items())


def period_of(kind: str, day: date, so_far: bool) -> Period:
    """The period of a sheet: the last one that is over by the end of `day`, or the one that is going on, cut at it."""
    now = holding(kind, day)
    return now if so_far or now.is_whole else whole(kind, now.first).before()


@dataclass(frozen=True)
class Known:
    """All that a sheet is made of, as known at one moment. `day`: the day it is looked at, the period's last or later."""

    house: House
    kind: str
    period: Period
    as_of: datetime
    asked: datetime | None
    lang: str

    @property
    def day(self) -> date:
        """The last day of the period."""
        return self.period.last

    @property
    def other(self) -> Period:
        """The period before."""
        return self.period.before()

    @cached_property
    def facts(self) -> Facts:
        """Records of the period, the one before and the year before, and of the days in which what is open may have come."""
        back = Period(SPAN, date.fromordinal(self.day.toordinal() - look_back_days()), self.day)
        return Facts.of(self.house, [self.period, self.other, self.period.year_before(), back], self.as_of)

    @cached_property
    def records(self) -> pl.DataFrame:
        """The period's records."""
        return self.facts.within("records", self.period)

    @cached_property
    def hard(self) -> pl.DataFrame:
        """Open matters with a mark, the most marks and the oldest first; `owner` and `warning_id` of the warning about each, if there is one."""
        since = date.fromordinal(self.day.toordinal() - look_back_days())
        seen = self.facts.records.filter(pl.col("local_date").is_between(since, self.day))
        found = marked(matters(seen, self.day), [(m.id, m.when) for m in marks(self.day)]).filter((pl.col("n_open") > 0) & (pl.col("marks").list.len() > 0))
        about = self.behind_warnings.join(self.warnings.select("warning_id", "owner", "assigned_to"), on="warning_id")
        ids = found.select("matter", "record_ids").explode("record_ids", empty_as_null=True).join(about, left_on="record_ids", right_on="record_id")
        one = ids.sort("warning_id").unique("matter", keep="first", maintain_order=True).select("matter", "warning_id", "owner", "assigned_to")
        return found.join(one, on="matter", how="left").sort(pl.col("marks").list.len(), "open_days", "matter", descending=[True, True, False], nulls_last=True)

    @cached_property
    def warnings(self) -> pl.DataFrame:
        """Warnings that are open, or were raised, changed or closed in the period, as people had left them; merged ones left out."""
        return warnings_known(self.house, self.period, self.asked)

    @cached_property
    def behind_warnings(self) -> pl.DataFrame:
        """(warning_id, record_id) of those warnings, of records known at the moment."""
        return self.house.warehouse.behind(self.warnings["warning_id"])

    def problem(self, row: Mapping[str, Any]) -> str | None:
        """The name of a row's problem in the sheet's language; as it was stored where the taxonomy has none."""
        code = row["problem_code"]
        return taxonomy.name(code, self.lang) if code and taxonomy.problem(code) else row["problem_name"]

    def subject(self, subject: str | None) -> str | None:
        """What a point, consultation or whistle is about, as a person reads it: a problem by its name, a record by its source's number, all else by its id."""
        return None if subject is None else short(taxonomy.name(subject, self.lang))

    @property
    def open(self) -> pl.DataFrame:
        """The warnings that are open."""
        return self.warnings.filter(pl.col("status").is_in(OPEN))

    @cached_property
    def past(self) -> Past:
        """The records that proposals are made from."""
        first = Period(SPAN, self.day - timedelta(days=WINDOW + 364), self.day)
        return Past(Facts.of(self.house, [first], self.as_of, ("records",)), self.day)

    @cached_property
    def drives(self) -> pl.DataFrame:
        """Special inspections and themes noted by the moment."""
        return drives_known(self.house, self.asked)

    @cached_property
    def residents(self) -> dict[str, int]:
        """Street → residents, where the bureau's list has them."""
        return residents(self.house, self.day, self.asked)

    @cached_property
    def points(self) -> pl.DataFrame:
        """What reviews decided by the moment: rows of `review_point`; what was done later is not done yet."""
        rows = self.house.warehouse.select("review_point", "known_at <= :at", at=self.asked or self.as_of) if self.asked else self.house.warehouse.read("review_point")
        if self.asked:
            late = (pl.col("done_at") > self.asked).fill_null(False)
            rows = rows.with_columns(pl.when(late).then(None).otherwise(pl.col(c)).alias(c) for c in ("done_at", "result", "done_by"))
        return rows.sort("known_at", "point_id")


def known(house: House, kind: str, day: date, so_far: bool, asked: datetime | None, lang: str) -> Known | None:
    """What a sheet is made of; None where nothing was ever stored. asked: what counts as known; by default the last run's records and what people did until now."""
    as_of = asked or known_as_of(house)
    return None if as_of is None else Known(house, kind, period_of(kind, day, so_far), as_of, asked, lang)


def local(moment: datetime) -> str:
    """A moment as people read it."""
    return f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M}"


def short(id_: str) -> str:
    """A record's id without its source: the number by which the source's own system knows it."""
    return id_.rpartition(":")[2] if id_.partition(":")[2] else id_


def joined(names: Sequence[str], lang: str) -> str:
    """Names in one line."""
    return ("、" if lang == "zh" else ", ").join(names)


def traced(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """(row, record_id) of rows with a list of record ids each."""
    return pl.DataFrame(rows, schema={"row": pl.Int64, "record_id": pl.List(pl.String)}).explode("record_id", empty_as_null=True).drop_nulls("record_id")


def frame(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> pl.DataFrame:
    """Rows as a frame with these columns, also where there are none."""
    return pl.DataFrame([{c: r.get(c) for c in columns} for r in rows], schema=dict(columns))
