"""The bureau's own practice on the command line: metrics, root causes, reviews and what they decide."""
from datetime import date as Date
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flows.messages import BadUsage

Lang = Annotated[Literal["zh", "en"] | None, Parameter(name="--lang", help="Language of what is said; WEISU_LANG by default.")]
Day = Annotated[Date | None, Parameter(name="--date", help="The day it is for; that of the last night by default.")]
PeriodKind = Literal["day", "week", "tenday", "month", "month_19", "quarter", "half", "year"]


review = App(name="review", help="The periodic sheets 日调度, 周会商, 旬复盘, 月点评 (weisu review month), and what they decide.")
score = App(name="score", help="The monthly assessment: as it was published, and what it will be.")
whistle = App(name="whistle", help="吹哨、报到: a station calls a section to a matter.")
case = App(name="case", help="调处并举: cases beside the mediation of a record, each with its own clock.")
ledger = App(name="ledger", help="清单台账: things at risk, what happened to them, and which to inspect next.")
drive = App(name="drive", help="专项检查 and 每月一题: what is planned and what was found.")
Period = Literal["day", "week", "tenday", "month", "half"]
AsOf = Annotated[str | None, Parameter(name="--as-of", help="What counts as known: an ISO moment; the last run's records and all that people did by default.")]


def register(app: App) -> None:
    """Puts the commands on the command line."""
    for command in (metrics, causes, themes, cases, effect, closure, forecast):
        app.command(command)
    for group in (review, drive, ledger, score, whistle, case):
        app.command(group)


def _settings(lang: str | None = None):
    from warehouse.settings import Settings
    return Settings(**({"lang": lang} if lang else {}))


@review.default
def sheet(period: Period, /, *, date: Day = None, so_far: Annotated[bool, Parameter(negative="")] = False, as_of: AsOf = None,
          format: Literal["table", "html", "xlsx", "md"] | None = None, output: Path | None = None, trace: str | None = None,
          keep: Annotated[bool, Parameter(negative="")] = False, lang: Lang = None) -> int:
    """A periodic sheet: the last period of its kind that is over on --date.

    Parameters
    ----------
    so_far: The one that is going on instead, cut at --date.
    format: How it is shown; by the file's name where there is one.
    output: A file; standard output by default.
    trace: A line's number, as 3.2: prints the ids of the records behind it.
    keep: Also writes the sheet's figures into v_metrics.
    """
    from flows.reviews import show_review
    settings = _settings(lang)
    named = {".html": "html", ".xlsx": "xlsx", ".md": "md"}.get(output.suffix.lower(), "html") if output else "table"
    return show_review(settings, period, date, so_far, _moment(as_of, settings.lang), format or named, output, trace, keep)


@review.command
def decide(what: str, /, *, period: Period = "week", date: Day = None, about: str | None = None, to: str | None = None, due: Date | None = None, by: str | None = None,
           json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Notes a point that a review decided; it stands on the next sheets until it is done.

    Parameters
    ----------
    what: What is to be done.
    period: At which review.
    about: A warning, matter or problem.
    to: The unit that does it.
    due: By when.
    by: Who decided (a post).
    """
    from flows.points import decide_point
    return decide_point(_settings(), what, period, date, about, to, due, by, json)


@review.command
def done(point: str, /, *, result: str | None = None, by: str | None = None) -> int:
    """Notes that a point is done, and what came of it.

    Parameters
    ----------
    result: What came of it.
    by: Who says so (a post).
    """
    from flows.points import settle_point
    return settle_point(_settings(), point, result, by)


@review.command
def consult(subject: str, /, *, with_: Annotated[list[str] | None, Parameter(name="--with")] = None, conclusion: str | None = None, date: Day = None, by: str | None = None) -> int:
    """Notes a consultation (集中会商研判) on a problem or a matter.

    Parameters
    ----------
    with_: A unit that took part; may be given several times.
    conclusion: What was concluded.
    by: Who notes it (a post).
    """
    from flows.points import consult as hold
    return hold(_settings(), subject, with_ or [], conclusion, date, by)


def _moment(text: str | None, lang: str) -> datetime | None:
    from flows.dates import moment
    from policy.catalogue import say
    try:
        return moment(text, "Asia/Shanghai") if text else None
    except ValueError:
        raise BadUsage(say("usage.moment", lang, text=text)) from None


def metrics(name: str, /, *, by: str | None = None, period: PeriodKind = "month", date: Day = None, last: int = 1,
            from_: Annotated[Date | None, Parameter(name="--from")] = None, to: Date | None = None, compare: Literal["year", "previous"] | None = None,
            scheme: str | None = None, as_of: AsOf = None, format: Literal["table", "json", "csv"] = "table",
            top: int = 20, lang: Lang = None) -> int:
    """A figure of the metric registry, with its denominator, its interval, its as-of, and whether it can still change.

    Parameters
    ----------
    name: The metric: response_rate, solved_rate, satisfied_rate, score, records … (an unknown name lists them).
    by: Broken down by street, unit, problem, group, respondent, channel, type, source (records) or street, unit, problem, kind, level, rule (warnings).
    period: The kind of period; the one that holds --date, cut at it.
    last: So many periods, ending with that one.
    from_: First day of one stretch of days instead.
    to: Its last day.
    compare: With the same days of the year before, or with the period before.
    scheme: Of the score: which scheme.
    format: How it is shown.
    top: So many keys at most on the screen.
    """
    from flows.metrics import show_metrics
    settings = _settings(lang)
    known = _moment(as_of, settings.lang)
    return show_metrics(settings, name, by, period, date, max(last, 1), _span(from_, to, settings.lang), compare, scheme, known, format, top)


def causes(problem: str, /, *, period: PeriodKind = "month", date: Day = None, compare: Literal["year", "previous"] | None = None,
           from_: Annotated[Date | None, Parameter(name="--from")] = None, to: Date | None = None, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """What carries a rise or a fall: its exact shares by respondent, place, product, channel, unit; and how concentrated records are.

    Parameters
    ----------
    problem: A problem or group, by code or name; "all" for everything.
    period: The kind of period; the one that holds --date, cut at it.
    compare: With the year before or the period before; both by default.
    from_: First day of one stretch of days instead.
    to: Its last day.
    format: How it is shown.
    """
    from flows.causes import show_causes
    settings = _settings(lang)
    return show_causes(settings, problem, period, date, _span(from_, to, settings.lang), compare, format)


def _span(first: Date | None, last: Date | None, lang: str) -> tuple[Date, Date] | None:
    """One stretch of days; both ends or none."""
    from policy.catalogue import say
    if (first is None) != (last is None) or (first is not None and last is not None and first > last):
        raise BadUsage(say("usage.days", lang, first=first, last=last))
    return (first, last) if first is not None and last is not None else None


def themes(*, date: Day = None, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """Next month's themes (每月一题) as the data propose them: every part of the score is shown; people choose.

    Parameters
    ----------
    format: How it is shown.
    """
    from flows.proposals import show_themes
    return show_themes(_settings(lang), date, format)


def cases(*, date: Day = None, like: str | None = None, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """诉转案: respondents whose complaints point to a case; or, like one that became a case, the same kind of premises in its street.

    Parameters
    ----------
    like: A record's id: whom to inspect after it.
    format: How it is shown.
    """
    from flows.proposals import show_cases
    return show_cases(_settings(lang), date, like, format)


def effect(drive: str, /, *, as_of: AsOf = None, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """What a special inspection or theme did: against the streets without it, with an interval, or that nothing can be told.

    Parameters
    ----------
    drive: Its number.
    format: How it is shown.
    """
    from flows.drives import show_effect
    settings = _settings(lang)
    return show_effect(settings, drive, _moment(as_of, settings.lang), format)


def closure(*, period: PeriodKind = "month", date: Day = None, per_unit: int = 5, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """Closed records to be looked at again by a person: repeated, unsolved, templated, late …, and a sample by unit.

    Parameters
    ----------
    period: The kind of period; the one that holds --date, cut at it.
    per_unit: So many with a reason and as many by lot, of each unit.
    format: How it is shown.
    """
    from flows.closure import show_closure
    return show_closure(_settings(lang), period, date, per_unit, format)


def forecast(*, date: Day = None, top: int = 15, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """民情月历: how many records the next week and the next four are likely to bring, by problem and street, and who should act now.

    Parameters
    ----------
    top: So many problems at most.
    format: How it is shown.
    """
    from flows.outlook import show_forecast
    return show_forecast(_settings(lang), date, top, format)


@drive.command
def add(title: str, /, *, problem: str | None = None, from_: Annotated[Date, Parameter(name="--from")], to: Date, kind: Literal["inspection", "theme", "campaign"] = "inspection",
        street: list[str] | None = None, unit: list[str] | None = None, measures: str | None = None, target: float | None = None,
        level: Literal["city", "district", "bureau"] | None = None, origin: str | None = None, by: str | None = None,
        json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Notes a special inspection (专项检查), a theme (每月一题), or a campaign that explains shifts and changes no counts.

    Parameters
    ----------
    title: What it is called.
    problem: Code of the problem or group; a campaign needs none.
    from_: Its first day.
    to: Its last day.
    street: Where; may be given several times; the whole place without it.
    unit: Who takes part; may be given several times.
    measures: What is done.
    target: The change aimed at against streets without it: -0.2 is a fifth fewer.
    level: Of a theme.
    origin: The record, case or warning that it began from.
    by: Who notes it (a post).
    """
    from flows.drives import add_drive
    from policy import taxonomy
    from policy.catalogue import say
    settings = _settings()
    problem = problem or ("all" if kind == "campaign" else "")
    if taxonomy.name(problem, "en") == problem and ":" not in problem and not (kind == "campaign" and problem == "all"):
        raise BadUsage(say("usage.nothing", settings.lang, what=problem or "--problem"))
    row = {"kind": kind, "level": level, "title": title, "problem_code": problem, "streets": street, "first_day": from_, "last_day": to, "units": unit, "measures": measures,
           "target": target, "origin": origin, "noted_by": by}
    return add_drive(settings, row, json)


@drive.command
def result(number: str, /, *, inspected: int | None = None, found: int | None = None, cases: int | None = None, result: str | None = None, by: str | None = None) -> int:
    """Notes what a drive found.

    Parameters
    ----------
    number: The drive.
    inspected: Premises inspected.
    found: Of them, with findings.
    cases: Cases filed.
    result: In words.
    by: Who says so (a post).
    """
    from flows.drives import found_drive
    return found_drive(_settings(), number, inspected, found, cases, result, by)


@drive.command(name="list")
def list_all(*, lang: Lang = None) -> int:
    """All special inspections and themes."""
    from flows.drives import list_drives
    return list_drives(_settings(lang))


@ledger.command
def load(kind: str, file: Path, /, *, date: Day = None, accept: str | None = None) -> int:
    """Takes a ledger's file in force from --date (today) on; items that vanish hold it.

    Parameters
    ----------
    kind: lifts, prepaid, markets: a ledger of policy/data/ledgers.yaml.
    file: The list, as it is exported.
    accept: Why items that vanished are gone.
    """
    from flows.ledgers import load_ledger
    return load_ledger(_settings(), kind, file, date, accept)


@ledger.command
def show(kind: str, /, *, date: Day = None, top: int = 20, overdue: Annotated[bool, Parameter(negative="")] = False, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """The items to inspect next, by risk, with the marks that make it.

    Parameters
    ----------
    kind: The ledger.
    top: So many at most.
    overdue: Only those with an overdue check.
    format: How it is shown.
    """
    from flows.ledgers import show_ledger
    return show_ledger(_settings(lang), kind, date, top, overdue, format)


@ledger.command
def event(kind: str, item: str, what: Literal["inspected", "maintained", "fault", "disclosed", "confirmed"], /, *, date: Day = None, note: str | None = None, by: str | None = None) -> int:
    """Notes what happened to an item.

    Parameters
    ----------
    kind: The ledger.
    item: Its id there.
    what: A visit, a service, a fault, its posting (公示), the residents' signature.
    note: In words.
    by: Who notes it (a post).
    """
    from flows.ledgers import note_event
    return note_event(_settings(), kind, item, what, date, note, by)


@case.command(name="open")
def open_case(record: str, /, *, number: str | None = None, law: str | None = None, date: Day = None, by: str | None = None) -> int:
    """Notes that a record became a case (诉转案); its mediation goes on beside it.

    Parameters
    ----------
    record: The record's id.
    number: The case's own number.
    law: Its ground; the law of the record's problem by default.
    by: Who notes it (a post).
    """
    from flows.tracks import open_case as keep
    return keep(_settings(), record, number, law, date, by)


@case.command(name="close")
def close_case(number: str, /, *, result: str | None = None, date: Day = None, by: str | None = None) -> int:
    """Notes that a case is over; the record stays as it is.

    Parameters
    ----------
    number: The case.
    result: How it ended.
    by: Who says so (a post).
    """
    from flows.tracks import close_case as keep
    return keep(_settings(), number, result, date, by)


@case.command(name="list")
def list_cases(*, lang: Lang = None) -> int:
    """All cases: the state and the clock of each, beside those of its record."""
    from flows.tracks import list_cases as show
    return show(_settings(lang))


@score.command(name="note")
def note_score(month: Date, /, *, scheme: str, score: float, full: float = 100.0, by: str | None = None) -> int:
    """Notes a month's score as it was published.

    Parameters
    ----------
    month: Any day of the month.
    scheme: Which assessment.
    score: The score.
    full: Full marks.
    by: Who notes it (a post).
    """
    from flows.scores import note_score as keep
    return keep(_settings(), month, scheme, score, full, by)


@score.command(name="list")
def list_scores(*, lang: Lang = None) -> int:
    """The published scores, and how many months in a row had full marks."""
    from flows.scores import show_scores
    return show_scores(_settings(lang))


@score.command(name="simulate")
def simulate_score(*, scheme: str | None = None, period: PeriodKind = "month", date: Day = None, top: int = 20, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """What a period's score will be given what is still out, and the records that weigh most.

    Parameters
    ----------
    scheme: Which scheme of the registry; the one that is switched on by default.
    period: The kind of period; the one that holds --date.
    top: So many records at most.
    format: How it is shown.
    """
    from flows.scores import show_simulated
    return show_simulated(_settings(lang), period, date, scheme, top, format)


@whistle.command(name="blow")
def blow_whistle(subject: str, /, *, unit: str | None = None, by: str | None = None) -> int:
    """Calls a section to a matter (吹哨).

    Parameters
    ----------
    subject: A warning, record or problem.
    unit: Whom; without it the problem's own sections are named.
    by: Who calls (a station).
    """
    from flows.scores import blow
    return blow(_settings(), subject, unit, by)


@whistle.command(name="report")
def report_whistle(number: str, /, *, outcome: str | None = None, by: str | None = None) -> int:
    """Notes that the section reported for duty (报到).

    Parameters
    ----------
    number: The whistle.
    outcome: What came of it.
    by: Who says so (a post).
    """
    from flows.scores import report
    return report(_settings(), number, outcome, by)
