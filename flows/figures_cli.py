"""Figures on the command line: metrics, what moves them, what is proposed, forecast and looked at again; scores."""
from datetime import date as Date
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flows.practice_cli import AsOf, Day, Lang, PeriodKind, moment_of, settings_in, span_of

score = App(name="score", help="The monthly assessment: as it was published, and what it will be.")


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
    settings = settings_in(lang)
    known = moment_of(as_of, settings.lang)
    return show_metrics(settings, name, by, period, date, max(last, 1), span_of(from_, to, settings.lang), compare, scheme, known, format, top)


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
    settings = settings_in(lang)
    return show_causes(settings, problem, period, date, span_of(from_, to, settings.lang), compare, format)


def themes(*, date: Day = None, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """Next month's themes (每月一题) as the data propose them: every part of the score is shown; people choose.

    Parameters
    ----------
    format: How it is shown.
    """
    from flows.proposals import show_themes
    return show_themes(settings_in(lang), date, format)


def cases(*, date: Day = None, like: str | None = None, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """诉转案: respondents whose complaints point to a case; or, like one that became a case, the same kind of premises in its street.

    Parameters
    ----------
    like: A record's id: whom to inspect after it.
    format: How it is shown.
    """
    from flows.proposals import show_cases
    return show_cases(settings_in(lang), date, like, format)


def effect(drive: str, /, *, as_of: AsOf = None, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """What a special inspection or theme did: against the streets without it, with an interval, or that nothing can be told.

    Parameters
    ----------
    drive: Its number.
    format: How it is shown.
    """
    from flows.drives import show_effect
    settings = settings_in(lang)
    return show_effect(settings, drive, moment_of(as_of, settings.lang), format)


def closure(*, period: PeriodKind = "month", date: Day = None, per_unit: int = 5, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """Closed records to be looked at again by a person: repeated, unsolved, templated, late …, and a sample by unit.

    Parameters
    ----------
    period: The kind of period; the one that holds --date, cut at it.
    per_unit: So many with a reason and as many by lot, of each unit.
    format: How it is shown.
    """
    from flows.closure import show_closure
    return show_closure(settings_in(lang), period, date, per_unit, format)


def forecast(*, date: Day = None, top: int = 15, format: Literal["table", "json"] = "table", lang: Lang = None) -> int:
    """民情月历: how many records the next week and the next four are likely to bring, by problem and street, and who should act now.

    Parameters
    ----------
    top: So many problems at most.
    format: How it is shown.
    """
    from flows.outlook import show_forecast
    return show_forecast(settings_in(lang), date, top, format)


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
    return keep(settings_in(), month, scheme, score, full, by)


@score.command(name="list")
def list_scores(*, lang: Lang = None) -> int:
    """The published scores, and how many months in a row had full marks."""
    from flows.scores import show_scores
    return show_scores(settings_in(lang))


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
    return show_simulated(settings_in(lang), period, date, scheme, top, format)


#: In the order in which help lists them.
COMMANDS = (metrics, causes, themes, cases, effect, closure, forecast)
