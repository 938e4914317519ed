"""What the warnings of some nights came to, held against the truth: which matters were caught and when, which traps were not fallen into."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import polars as pl

from flows.demo.openings import OPENING
from flows.demo.truth import Truth
from models.surges import FIRST
from policy.catalogue import say
from policy.taxonomy import taxonomy
from transforms.matters import BY_RULE

LEVELS = ("blue", "yellow", "orange", "red")
#: A warning is about a matter if half of its records are the matter's, or five of them and three in ten.
SHARE, SOME, SOME_SHARE = 0.5, 5, 0.3
COLUMNS = ("matter", "what", "wanted", "raised", "level", "lead_days", "before", "after", "after_handled", "verdict")


@dataclass(frozen=True)
class Outcome:
    """One planted matter and what the nights made of it.

    `result`: caught, late, missed, too_early (not due in these nights) for a risk; quiet, fooled for a trap. `before`, `after`: its records
    created up to and after the day of its first warning; `after_handled`: created after the first record of it was closed since then;
    `lead_days`: from the first warning to the day it was wanted (negative: late); `days_from_first`: from its first record to that warning.
    """

    incident_id: str
    zh: str
    en: str
    is_risk: bool
    wanted_day: date | None
    raised_on: date | None
    level: str | None
    n_warnings: int
    lead_days: int | None
    days_from_first: int | None
    before: int | None
    after: int | None
    after_handled: int | None
    result: str


@dataclass(frozen=True)
class Row:
    result: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """The score sheet. Of the warnings that rest on counts, `minor` are about a small background matter or campaign, `others` about nothing
    planted. A warning that comes back is one more. `single` warnings were raised by a rule on one or few records, outside the budget; `right` of them are, in truth, about
    people's safety or a small matter."""

    outcomes: tuple[Outcome, ...]
    minor: int
    others: int
    single: int
    right: int
    expected_false: float | None
    nights: tuple[date, ...]
    about: pl.DataFrame

    def due(self) -> list[Outcome]:
        return [o for o in self.outcomes if o.is_risk and o.result != "too_early"]

    def traps(self) -> list[Outcome]:
        return [o for o in self.outcomes if not o.is_risk]

    def header(self, lang: str) -> list[str]:
        return [say(f"score.{c}", lang) for c in COLUMNS]

    def rows(self, lang: str) -> list[Row]:
        """One row a matter, risks first, as words."""
        return [Row(o.result, (o.incident_id, o.zh if lang == "zh" else o.en, _day(o.wanted_day), _day(o.raised_on),
                               say(f"level.{o.level}", lang) if o.level else "–", _number(o.lead_days), _number(o.before), _number(o.after),
                               _number(o.after_handled), say(f"score.{o.result}", lang))) for o in self.outcomes]

    def sentences(self, lang: str) -> list[str]:
        due, traps = self.due(), self.traps()
        said = [say("score.headline", lang, caught=sum(o.result == "caught" for o in due), due=len(due),
                    quiet=sum(o.result == "quiet" for o in traps), traps=len(traps)) if due or traps else say("score.none", lang)]
        raised = [o for o in due if o.raised_on is not None]
        if raised:
            mean = {k: sum(getattr(o, k) for o in raised) / len(raised) for k in ("before", "after", "lead_days")}
            said.append(say("score.lead", lang, before=f"{mean['before']:.0f}", after=f"{mean['after']:.0f}", days=f"{mean['lead_days']:.1f}"))
            said.append(say("score.median", lang, days=f"{median(o.days_from_first or 0 for o in raised):g}"))
        expected, allowed = ("–", "–") if self.expected_false is None else (f"{self.expected_false:.1f}", f"{self.expected_false / FIRST['D']:.1f}")
        return [*said, say("score.others", lang, minor=self.minor, false=self.others, expected=expected, allowed=allowed),
                say("score.single", lang, n=self.single, right=self.right)]

    def table(self, lang: str):
        """The sheet as a rich table for the terminal."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for i, name in enumerate(self.header(lang)):
            table.add_column(name, justify="right" if 5 <= i <= 8 else "left", overflow="fold", no_wrap=i != 1)
        colours = {"caught": "green", "quiet": "green", "late": "yellow", "missed": "red", "fooled": "red", "too_early": "dim"}
        for row in self.rows(lang):
            table.add_row(*(Text(c, style=colours[row.result] if i == len(row.cells) - 1 else "") for i, c in enumerate(row.cells)))
        return table


def score(truth: Truth, warnings: pl.DataFrame, warning_records: pl.DataFrame, notices: pl.DataFrame | None, nights: Sequence[date],
          expected_false_alarms: float | None = None) -> Score:
    """Holds the warnings of some nights against the truth.

    `warnings`: v_warnings (warning_id, raised_on, kind, level used), or their `openings`, each an alarm, also where it became part of another later; `warning_records`: warning_id,
    record_id, the record's id in its source after the colon, and `opening` where the warnings have it; `expected_false_alarms`: the sum of what the
    nights printed.
    """
    days = tuple(sorted(nights))
    about = matters_of(truth, warnings, warning_records)
    planted = truth.incidents.filter(pl.col("kind").is_in(["risk", "trap"]))
    outcomes = [_outcome(dict(m), truth.records, about, days) for m in planted.iter_rows(named=True)
                if m["start"] <= days[-1] and m["end"] >= days[0] - timedelta(days=1)]
    headline = planted["incident_id"].to_list()
    is_planted = pl.col("incident_id").is_in(headline).fill_null(False)
    by_rule = pl.col("kind").is_in(BY_RULE)
    loose, single = about.filter(~is_planted & ~by_rule), about.filter(~is_planted & by_rule)
    outcomes.sort(key=lambda o: (not o.is_risk, o.incident_id))
    return Score(tuple(outcomes), loose.filter(pl.col("incident_id").is_not_null()).height, loose.filter(pl.col("incident_id").is_null()).height,
                 single.height, single.filter(pl.col("is_safety") | pl.col("incident_id").is_not_null()).height, expected_false_alarms, days, about)


def matters_of(truth: Truth, warnings: pl.DataFrame, warning_records: pl.DataFrame) -> pl.DataFrame:
    """What each warning is about, or each of its openings where the frames tell them apart: warning_id, opening, raised_on, kind, level, incident_id (null:
    nothing planted), n_records, n_of_matter, is_safety (one of its records is, in truth, of a problem where people's safety is at stake)."""
    warnings, warning_records = (frame if "opening" in frame.columns else frame.with_columns(pl.lit(1, pl.Int64).alias("opening")) for frame in (warnings, warning_records))
    own = (warning_records.select(*OPENING, pl.col("record_id").str.split_exact(":", 1).struct.field("field_1").alias("source_record_id"))
           .unique().join(truth.records.select("source_record_id", "incident_id", "type_code", "second_type"), on="source_record_id", how="left"))
    safety = pl.Series([c for c in taxonomy().codes() if taxonomy().is_safety_critical(c)])
    sizes = own.group_by(OPENING).agg(pl.len().alias("n_records"), (pl.col("type_code").is_in(safety.implode())
                                           | pl.col("second_type").is_in(safety.implode())).any().alias("is_safety"))
    most = (own.filter(pl.col("incident_id").is_not_null()).group_by(*OPENING, "incident_id").len("n_of_matter")
            .sort("n_of_matter", "incident_id", descending=[True, False]).unique(OPENING, keep="first", maintain_order=True)
            .join(sizes, on=OPENING))
    share = pl.col("n_of_matter") / pl.col("n_records")
    most = most.filter((share >= SHARE) | ((pl.col("n_of_matter") >= SOME) & (share >= SOME_SHARE)))
    about = warnings.select(*OPENING, "raised_on", "kind", "level").join(most.select(*OPENING, "incident_id", "n_of_matter"), on=OPENING, how="left")
    return about.join(sizes, on=OPENING, how="left").sort(OPENING)


def _outcome(matter: dict, records: pl.DataFrame, about: pl.DataFrame, days: tuple[date, ...]) -> Outcome:
    found = about.filter((pl.col("incident_id") == matter["incident_id"]) & pl.col("raised_on").is_between(days[0], days[-1]))
    raised = min(found["raised_on"].to_list(), default=None)
    level = max(found["level"].to_list(), key=_rank, default=None)
    own = records.filter(pl.col("incident_id") == matter["incident_id"])
    before = after = handled = lead = since = None
    if raised is not None and own.height:
        created = own["created_at"].dt.date()
        before, after = int((created <= raised).sum()), int((created > raised).sum())
        since = (raised - created.min()).days
        closed = own.filter(pl.col("closed_at").dt.date() > raised)["closed_at"].min()
        handled = own.filter(pl.col("created_at") > closed).height if closed is not None else 0
        lead = (matter["wanted_day"] - raised).days if matter["wanted_day"] else None
    return Outcome(matter["incident_id"], matter["zh"], matter["en"], matter["is_risk"], matter["wanted_day"], raised, level, found["warning_id"].n_unique(), lead,
                   since, before, after, handled, _result(matter, found, about, raised, days))


def _result(matter: dict, found: pl.DataFrame, about: pl.DataFrame, raised: date | None, days: tuple[date, ...]) -> str:
    if matter["is_risk"]:
        if raised is not None:
            in_time = found.filter(pl.col("raised_on") <= matter["wanted_day"])
            good = any(_rank(x) >= _rank(matter["wanted_level"]) for x in in_time["level"].to_list())
            return "caught" if good else "late"
        return "missed" if days[0] <= matter["wanted_day"] <= days[-1] else "too_early"
    if matter["wanted_level"] == "incident":
        return "quiet" if found["warning_id"].n_unique() <= 1 and found.filter(pl.col("kind") != "incident").is_empty() else "fooled"
    if matter["wanted_level"] in LEVELS:
        return "quiet" if all(_rank(x) <= _rank(matter["wanted_level"]) for x in found["level"].to_list()) else "fooled"
    if not matter["problems"]:
        # The whole stream changes, or ordinary records come late: only what rests on counts can be fooled. A rule hears what one record says on any day.
        loose = about.filter(pl.col("incident_id").is_null() & pl.col("raised_on").is_between(matter["start"], matter["end"]))
        of_its_records, of_its_days = (frame.filter(~pl.col("kind").is_in(BY_RULE)).height for frame in (found, loose))
        return "quiet" if of_its_records == 0 and of_its_days <= 1 else "fooled"
    return "quiet" if found.is_empty() else "fooled"


def _rank(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else -1


def _day(day: date | None) -> str:
    return day.isoformat() if day else "–"


def _number(n: int | None) -> str:
    return "–" if n is None else str(n)
