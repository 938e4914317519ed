"""The bureau's doing on the command line: special inspections and themes, ledgers, cases, whistles."""
from datetime import date as Date
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flows.messages import BadUsage
from flows.practice_cli import Day, Lang, settings_in

case = App(name="case", help="调处并举: cases beside the mediation of a record, each with its own clock.")
ledger = App(name="ledger", help="清单台账: things at risk, what happened to them, and which to inspect next.")
drive = App(name="drive", help="专项检查 and 每月一题: what is planned and what was found.")
whistle = App(name="whistle", help="吹哨、报到: a station calls a section to a matter.")


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
    settings = settings_in()
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
    return found_drive(settings_in(), number, inspected, found, cases, result, by)


@drive.command(name="list")
def list_all(*, lang: Lang = None) -> int:
    """All special inspections and themes."""
    from flows.drives import list_drives
    return list_drives(settings_in(lang))


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
    return load_ledger(settings_in(), kind, file, date, accept)


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
    return show_ledger(settings_in(lang), kind, date, top, overdue, format)


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
    return note_event(settings_in(), kind, item, what, date, note, by)


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
    return keep(settings_in(), record, number, law, date, by)


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
    return keep(settings_in(), number, result, date, by)


@case.command(name="list")
def list_cases(*, lang: Lang = None) -> int:
    """All cases: the state and the clock of each, beside those of its record."""
    from flows.tracks import list_cases as show
    return show(settings_in(lang))


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
    return blow(settings_in(), subject, unit, by)


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
    return report(settings_in(), number, outcome, by)
