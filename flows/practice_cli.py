"""What the commands of the bureau's own practice share: their options, and putting them on the command line."""
from datetime import date as Date
from datetime import datetime
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flows.messages import BadUsage

Lang = Annotated[Literal["zh", "en"] | None, Parameter(name="--lang", help="Language of what is said; WEISU_LANG by default.")]
Day = Annotated[Date | None, Parameter(name="--date", help="The day it is for; that of the last night by default.")]
AsOf = Annotated[str | None, Parameter(name="--as-of", help="What counts as known: an ISO moment; the last run's records and all that people did by default.")]
PeriodKind = Literal["day", "week", "tenday", "month", "month_19", "quarter", "half", "year"]


def register(app: App) -> None:
    """Puts the commands on the command line."""
    from flows import doing_cli, figures_cli, review_cli
    for command in figures_cli.COMMANDS:
        app.command(command)
    for group in (review_cli.review, doing_cli.drive, doing_cli.ledger, figures_cli.score, doing_cli.whistle, doing_cli.case):
        app.command(group)


def settings_in(lang: str | None = None):
    """The settings, speaking `lang` where one is asked for."""
    from warehouse.settings import Settings
    return Settings(**({"lang": lang} if lang else {}))


def moment_of(text: str | None, lang: str) -> datetime | None:
    """A moment that was typed. Raises BadUsage."""
    from flows.dates import moment
    from policy.catalogue import say
    try:
        return moment(text, "Asia/Shanghai") if text else None
    except ValueError:
        raise BadUsage(say("usage.moment", lang, text=text)) from None


def span_of(first: Date | None, last: Date | None, lang: str) -> tuple[Date, Date] | None:
    """One stretch of days; both ends or none."""
    from policy.catalogue import say
    if (first is None) != (last is None) or (first is not None and last is not None and first > last):
        raise BadUsage(say("usage.days", lang, first=first, last=last))
    return (first, last) if first is not None and last is not None else None
