"""The bureau's own practice on the command line: metrics, root causes, reviews and what they decide."""
from datetime import date as Date
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flows.messages import BadUsage

Lang = Annotated[Literal["zh", "en"] | None, Parameter(name="--lang", help="Language of what is said; WEISU_LANG by default.")]
Day = Annotated[Date | None, Parameter(name="--date", help="The day it is for; that of the last night by default.")]
PeriodKind = Literal["day", "week", "tenday", "month", "month_19", "quarter", "half", "year"]


def register(app: App) -> None:
    """Puts the commands on the command line."""
    for command in (metrics, causes):
        app.command(command)


def _settings(lang: str | None = None):
    from warehouse.settings import Settings
    return Settings(**({"lang": lang} if lang else {}))


def metrics(name: str, /, *, by: str | None = None, period: PeriodKind = "month", date: Day = None, last: int = 1,
            from_: Annotated[Date | None, Parameter(name="--from")] = None, to: Date | None = None, compare: Literal["year", "previous"] | None = None,
            scheme: str | None = None, as_of: Annotated[str | None, Parameter(name="--as-of")] = None, format: Literal["table", "json", "csv"] = "table",
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
    as_of: What counts as known: an ISO moment; that of the last run by default.
    format: How it is shown.
    top: So many keys at most on the screen.
    """
    from flows.dates import moment
    from flows.metrics import show_metrics
    from policy.catalogue import say
    settings = _settings(lang)
    try:
        known = moment(as_of, "Asia/Shanghai") if as_of else None
    except ValueError:
        raise BadUsage(say("usage.moment", settings.lang, text=as_of)) from None
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
