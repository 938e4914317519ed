"""Reviews on the command line: the periodic sheets, what they decide, consultations."""
from datetime import date as Date
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flows.practice_cli import AsOf, Day, Lang, moment_of, settings_in

review = App(name="review", help="The periodic sheets 日调度, 周会商, 旬复盘, 月点评 (weisu review month), and what they decide.")
Period = Literal["day", "week", "tenday", "month", "half"]


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
    settings = settings_in(lang)
    named = {".html": "html", ".xlsx": "xlsx", ".md": "md"}.get(output.suffix.lower(), "html") if output else "table"
    return show_review(settings, period, date, so_far, moment_of(as_of, settings.lang), format or named, output, trace, keep)


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
    return decide_point(settings_in(), what, period, date, about, to, due, by, json)


@review.command
def done(point: str, /, *, result: str | None = None, by: str | None = None) -> int:
    """Notes that a point is done, and what came of it.

    Parameters
    ----------
    result: What came of it.
    by: Who says so (a post).
    """
    from flows.points import settle_point
    return settle_point(settings_in(), point, result, by)


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
    return hold(settings_in(), subject, with_ or [], conclusion, date, by)
