"""Found problems and incidents on the command line."""
from datetime import date as Date
from typing import Annotated, Literal

from cyclopts import App, Parameter

Lang = Annotated[Literal["zh", "en"] | None, Parameter(name="--lang", help="Language of what is said; WEISU_LANG by default.")]
Format = Annotated[Literal["table", "json"], Parameter(help="How it is shown.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the decision as JSON.")]
By = Annotated[str | None, Parameter(help="Who decides (a post, not a name).")]
Why = Annotated[str | None, Parameter(help="Why.")]
Words = Annotated[str, Parameter(help="Words that tell its texts, each of two characters or more: WORD[,WORD].")]

problems = App(name="problems", help="Problems that the taxonomy does not have, as the nights found them, and what people decide of them. The next night follows a decision.")


def register(app: App) -> None:
    """Puts the commands on the command line."""
    app.command(problems)
    app.command(incidents)


def _settings(lang: str | None = None):
    from warehouse.settings import Settings
    return Settings(**({"lang": lang} if lang else {}))


@problems.default
def list_problems(*, all: Annotated[bool, Parameter(negative="")] = False, format: Format = "table", lang: Lang = None) -> int:
    """The problems that were found, the largest first.

    Parameters
    ----------
    all: Also those that ended or became part of another.
    """
    from flows.problem_work import show_problems
    return show_problems(_settings(lang), all, format)


def incidents(*, top: int = 50, format: Format = "table", lang: Lang = None) -> int:
    """The incidents of the last thirty days, the largest first.

    Parameters
    ----------
    top: So many at most.
    """
    from flows.problem_work import show_incidents
    return show_incidents(_settings(lang), top, format)


@problems.command(name="name")
def name_problem(problem: str, name: str, /, *, by: By = None, reason: Why = None, json: Json = False, lang: Lang = None) -> int:
    """Gives a problem a name of people's own."""
    return _decide(lang, problem, "name", reason, by, json, name=name)


@problems.command
def merge(problem: str, into: str, /, *, by: By = None, reason: Why = None, json: Json = False, lang: Lang = None) -> int:
    """Makes a problem part of another; both ids lead to it, and no fit parts them again."""
    return _decide(lang, problem, "merge", reason, by, json, into=into)


@problems.command
def split(problem: str, /, *, words: Words, name: str | None = None, by: By = None, reason: Why = None, json: Json = False, lang: Lang = None) -> int:
    """Takes the texts with certain words out of a problem, as a problem of their own.

    Parameters
    ----------
    name: What it is called.
    """
    return _decide(lang, problem, "split", reason, by, json, words=words.split(","), name=name)


@problems.command
def pin(problem: str, /, *, off: Annotated[bool, Parameter(negative="")] = False, by: By = None, reason: Why = None, json: Json = False, lang: Lang = None) -> int:
    """Holds a problem as it is: no fit takes its members, joins it to another or lets it end.

    Parameters
    ----------
    off: No longer.
    """
    return _decide(lang, problem, "unpin" if off else "pin", reason, by, json)


@problems.command
def promote(problem: str, /, *, to: str, words: Words, name: str | None = None, by: By = None, reason: Why = None, json: Json = False, lang: Lang = None) -> int:
    """Makes a problem one of the taxonomy's: texts with its words, and those like its own, get the code from the next night on.

    Parameters
    ----------
    to: The code of a type there is, or of a new one in a group there is: GROUP.NAME.
    name: What a new type is called.
    """
    return _decide(lang, problem, "promote", reason, by, json, code=to, words=words.split(","), name=name)


@problems.command
def learn(*, dry_run: Annotated[bool, Parameter(name="--dry-run", negative="")] = False, lang: Lang = None) -> int:
    """Teaches the taxonomy's learned part from what rules and staff decided, prints how well each type was learnt, and has the nights from now on ask it
    where the rules say nothing. Never taught, only rules speak.

    Parameters
    ----------
    dry_run: Only the report.
    """
    from flows.teaching import show_learn
    return show_learn(_settings(lang), dry_run)


@problems.command
def returns(problem: str, /, *, days: int = 365, date: Annotated[Date | None, Parameter(name="--date", help="The last day; that of the last night by default.")] = None,
            format: Format = "table", lang: Lang = None) -> int:
    """How often a problem comes, where, from whom, and how it comes back after it was closed: cured and not cured by days, callers who return.

    Parameters
    ----------
    problem: A found problem, or a code or name of the taxonomy or a source.
    days: So many days back.
    """
    from flows.problem_returns import show_returns
    return show_returns(_settings(lang), problem, days, date, format)


@problems.command
def history(problem: str, /, *, lang: Lang = None) -> int:
    """Who decided what of a problem, and when."""
    from flows.problem_work import show_history
    return show_history(_settings(lang), problem)


def _decide(lang: str | None, problem: str, act: str, reason: str | None, by: str | None, as_json: bool, **given) -> int:
    from flows.problem_work import decide_problem
    return decide_problem(_settings(lang), problem, act, reason, by, as_json, **given)
