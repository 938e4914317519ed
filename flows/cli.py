"""The command line. Nothing heavy is imported before a command needs it: `weisu --help` answers at once."""
import os
import sys
from collections.abc import Sequence
from datetime import date as Date
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from flows import practice_cli, problems_cli
from flows.messages import BAD_USAGE, EXIT, BadUsage, print_json, tell

app = App(name="weisu", help="From a hotline's records to warnings, every night (未诉先办).", version_flags=["--version"],
          version=lambda: __import__("flows.version", fromlist=["weisu_version"]).weisu_version())
db = App(name="db", help="The database.")
sources = App(name="sources", help="Sources and their mappings.")
quarantine = App(name="quarantine", help="Rows that broke the contract.")
alarm = App(name="alarm", help="Telling the person on duty, by WEISU_ALARM_URL.")
secret = App(name="secret", help="The key of the pseudonyms.")
for group in (db, sources, quarantine, alarm, secret):
    app.command(group)
practice_cli.register(app)
problems_cli.register(app)

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the run's row of v_runs as JSON, last on standard output.")]
Done = Annotated[bool, Parameter(name="--json", negative="", help="Print what was done as JSON, last on standard output.")]
Day = Annotated[Date | None, Parameter(name="--date", help="The day the run is for; yesterday in the source's zone by default.")]
AsOf = Annotated[str | None, Parameter(name="--as-of", help="What counts as known: an ISO moment; the end of --date by default.")]
Lang = Annotated[Literal["zh", "en"] | None, Parameter(name="--lang", help="Language of what is said; WEISU_LANG by default.")]


def paired(tokens: Sequence[str]) -> list[str]:
    """`--source A --input x --input y --source B --input z` with each input tied to the source before it: `--input A::x`."""
    out, source, skip = [], None, False
    for token, following in zip(tokens, [*tokens[1:], None]):
        if skip:
            skip = False
        elif token == "--source" and following is not None:
            source, skip = following, True
            out += ["--source", following]
        elif token == "--input" and following is not None and source is not None:
            skip = True
            out += ["--input", f"{source}::{following}"]
        elif token.startswith("--source="):
            source = token.removeprefix("--source=")
            out.append(token)
        elif token.startswith("--input=") and source is not None:
            out.append(f"--input={source}::{token.removeprefix('--input=')}")
        else:
            out.append(token)
    return out


def run(argv: Sequence[str]) -> int:
    """Runs one command; the exit status is as documented: 0 ok and notices, 3 withheld, 1 failed, 2 bad usage."""
    tokens = paired(argv) if argv[:1] == ["nightly"] else list(argv)
    try:
        status = app(tokens, exit_on_error=False, print_error=True, result_action="return_value")
        return int(status or 0)
    except CycloptsError:
        return BAD_USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return failed(error)


def failed(error: Exception) -> int:
    """Tells what went wrong and what to do, without a record's value; the exit status that goes with it."""
    from flows.runtime import Broken, DatabaseAway, NoRoom
    from sources.mapping import MappingError
    from warehouse.faults import is_away, is_full
    from warehouse.locks import LockLost, NightRunning
    from warehouse.settings import SettingsError

    if isinstance(error, BadUsage | SettingsError | MappingError):
        tell(str(error))
        return BAD_USAGE
    if isinstance(error, NightRunning):
        tell(_say("run.other", holder=error.holder))
    elif isinstance(error, LockLost):
        tell(_say("run.lost"))
    elif isinstance(error, NoRoom) or is_full(error):
        tell(_say("run.full", where=str(error if isinstance(error, Broken) else Broken.of(error))))
    elif isinstance(error, DatabaseAway) or is_away(error):
        tell(_say("run.database", url=_settings().shown_url))
    else:
        tell(_say("run.broken", where=str(error if isinstance(error, Broken) else Broken.of(error))))
    return EXIT["failed"]


def _settings(lang: str | None = None) -> Any:
    from warehouse.settings import Settings
    return Settings(**({"lang": lang} if lang else {}))


def _say(key: str, **values: object) -> str:
    from policy.catalogue import say
    return say(key, _settings().lang, **values)


def _ask(inputs: Sequence[str] | None, source: Sequence[str] | None) -> dict[str, list[str]] | None:
    """Inputs by source. One source takes every input; several are paired in the order of the words."""
    if not inputs:
        return None
    out: dict[str, list[str]] = {}
    for text in inputs:
        named, tied, path = text.partition("::")
        if not tied:
            raise BadUsage(_say("usage.nosource", path=text))
        out.setdefault(named, []).append(path)
    unused = [s for s in source or () if s not in out]
    if unused:
        raise BadUsage(_say("usage.noinput", source=unused[0]))
    return out


def _as_of(text: str | None, inputs: dict[str, list[str]] | None) -> Any:
    from flows.dates import moment
    from sources.mapping import load_mappings
    if text is None:
        return None
    mappings = load_mappings(_settings().own_sources)
    zone = mappings[next(iter(inputs))].time_zone if inputs and next(iter(inputs)) in mappings else "Asia/Shanghai"
    try:
        return moment(text, zone)
    except ValueError:
        raise BadUsage(_say("usage.moment", text=text)) from None


def _started(flow: Any, as_json: bool, **parameters: Any) -> int:
    """Runs a flow in this process and tells how it ended."""
    from flows import runtime
    from flows.dates import now
    settings = _settings()
    run_id = f"{flow.name}-{now():%Y%m%dT%H%M%S%f}"
    runtime.announce_server(settings.lang)
    from prefect.exceptions import PrefectException

    from flows.nightly import LAST
    try:
        said = flow(run_id=run_id, **parameters, return_state=True).result(raise_on_failure=False)
    except PrefectException as error:
        raise runtime.Broken.of(error) from None
    if isinstance(said, Exception) and run_id not in LAST:
        raise said
    return _report(run_id, as_json)


def _report(run_id: str, as_json: bool) -> int:
    from flows.nightly import LAST
    from flows.report import tell_outcome
    from flows.running import House
    outcome = LAST.get(run_id)
    house = House.open(_settings())
    try:
        rows = house.warehouse.read("select * from v_runs where run_id = :r", r=run_id)
    finally:
        house.warehouse.close()
    if outcome is not None:
        tell_outcome(outcome, house)
    if rows.is_empty():
        return EXIT["failed"]
    row = rows.row(0, named=True)
    if as_json:
        print_json(row)
    return EXIT[row["outcome"]]


@app.command
def nightly(*, source: list[str] | None = None, input: list[str] | None = None, date: Day = None, as_of: AsOf = None,
            history: Annotated[bool, Parameter(negative="")] = False, accept: str | None = None, reason: str | None = None,
            from_now_on: Annotated[bool, Parameter(negative="")] = False, json: Json = False) -> int:
    """One night, end to end; without --input it takes what lies in the inboxes.

    Parameters
    ----------
    source: Where the inputs that follow come from.
    input: A file; may be given several times.
    history: The inputs are a history load: records were known when they were created.
    accept: W rules to release for this source and date, CODE[,CODE]; needs --reason.
    reason: Why, for the run log.
    from_now_on: Release for good.
    """
    from policy.rules import rules
    codes = [c.strip().upper() for c in accept.split(",")] if accept else None
    wrong = [c for c in codes or () if c not in rules() or rules()[c].effect != "W"]
    if wrong:
        raise BadUsage(_say("usage.accept", code=wrong[0]))
    if codes and not reason:
        raise BadUsage(_say("usage.reason"))
    inputs = _ask(input, source)
    _look(inputs)
    from flows.nightly import nightly as flow
    return _started(flow, json, inputs=inputs, date=date, as_of=_as_of(as_of, inputs), history=history, accept=codes, reason=reason,
                    from_now_on=from_now_on)


@app.command
def ingest(paths: Annotated[list[Path], Parameter(help="Files to take.")], /, *, source: str, history: Annotated[bool, Parameter(negative="")] = False,
           date: Day = None, as_of: AsOf = None, json: Json = False) -> int:
    """Landing to validated records only; warnings and series stay as they are.

    Parameters
    ----------
    source: Where the files come from.
    history: A history load: records were known when they were created.
    """
    inputs = {source: [str(p) for p in paths]}
    _look(inputs)
    from flows.nightly import ingest as flow
    return _started(flow, json, inputs=inputs, date=date, as_of=_as_of(as_of, inputs), history=history)


def _look(inputs: dict[str, list[str]] | None) -> None:
    """Bad usage is told before anything is started."""
    from sources.mapping import load_mappings
    known = load_mappings(_settings().own_sources)
    for named, paths in (inputs or {}).items():
        if named not in known:
            raise BadUsage(_say("usage.source", source=named, known=", ".join(known)))
        for path in paths:
            if not Path(path).is_file():
                raise BadUsage(_say("usage.path", path=path))


@app.command
def warnings(*, date: Day = None, status: str | None = None, format: Literal["table", "json", "csv", "xlsx", "html"] = "table",
             output: Path | None = None, overdue: Annotated[bool, Parameter(negative="")] = False, due_soon: int | None = None,
             open: Annotated[bool, Parameter(negative="")] = False, lang: Lang = None) -> int:
    """The list of a day: warnings raised or updated on it; or all open ones, those whose clock has run out, or soon will.

    Parameters
    ----------
    status: Only those with this status.
    format: How it is shown.
    output: A file; standard output by default.
    overdue: Open warnings whose due date has passed, the oldest first.
    due_soon: Open warnings due within so many working days, the first due first.
    open: All open warnings, in the order in which they are to be worked.
    """
    from flows.lists import show_due, show_warnings
    if overdue or due_soon is not None or open:
        return show_due(_settings(lang), "overdue" if overdue else "open" if open else "due_soon", due_soon or 0, date, format, output, lang is not None)
    return show_warnings(_settings(lang), date, status, format, output, lang is not None)


@app.command
def work(warning: str, action: Literal["acknowledge", "assign", "start", "own", "note", "snooze", "close", "reopen", "history"], /, *, by: str | None = None,
         to: str | None = None, verdict: Literal["confirmed", "partly", "unfounded", "already_known"] | None = None, measures: str | None = None,
         note: str | None = None, until: Date | None = None, seen: int | None = None, json: Json = False) -> int:
    """Works a warning: acknowledge, assign, own it to its end (包案), note, snooze, close with a verdict; or shows its history.

    Parameters
    ----------
    by: Who does it (a post, not a name).
    to: The unit it is assigned to, the post that owns it, or the unit that handled it.
    verdict: What staff found; closing needs it.
    measures: What was done; closing needs it.
    note: A remark, or why it is snoozed.
    until: A snooze's end.
    seen: The change_no that was on the screen; where somebody was quicker, nothing is done.
    """
    from flows.working import show_history, work_warning
    from policy.lifecycle import Given
    if action == "history":
        return show_history(_settings(), warning, json)
    given = Given(unit=to, owner=to if action == "own" else None, verdict=verdict, measures=measures, note=note, until=until)
    return work_warning(_settings(), warning, action, given, by, seen, json)


@app.command
def requests(*, json: Done = False) -> int:
    """Takes the steps that a bureau's own screens wrote into the table work_request, with the checks of `weisu work`."""
    from flows.working import work_requests
    return work_requests(_settings(), json)


@app.command
def explain(what: str, /, *, format: Literal["text", "json"] = "text", lang: Lang = None) -> int:
    """Why: a warning's, a record's or a problem's records, series, rule, parameters and run.

    Parameters
    ----------
    format: json gives a warning's whole card as data.
    """
    from flows.explain import explain as show
    from flows.explain import show_card
    return show_card(_settings(lang), what) if format == "json" else show(_settings(lang), what)


@app.command
def evaluate(*, learn: Literal["on", "off"] | None = None, reason: str | None = None, by: str | None = None, lang: Lang = None) -> int:
    """Precision by kind, rule, problem, level and unit from verdicts, with intervals; --learn says whether they bear on ranking and thresholds.

    Parameters
    ----------
    learn: A dated decision, followed by every night from now on.
    reason: Why; --learn needs it.
    by: Who decided (a post).
    """
    if learn is not None:
        if not reason:
            raise BadUsage(_say("usage.reason"))
        from flows.working import calibrate
        return calibrate(_settings(lang), learn == "on", reason, by)
    from flows.evaluate import evaluate as show
    return show(_settings(lang))


@app.command
def backfill(*, from_: Annotated[Date, Parameter(name="--from")], to: Date, source: str | None = None, known: Literal["then", "now"] = "then",
             workers: int = 1, dask: str | None = None, dry_run: Annotated[bool, Parameter(negative="")] = False, json: Json = False) -> int:
    """Replays days as they were known then or are known now; touches nothing outside them, and no live warning.

    Parameters
    ----------
    from_: The first day.
    to: The last day.
    source: A source of the place to be replayed; all places by default.
    known: What counts as known.
    workers: Processes of this machine that replay stretches of days side by side (extra `scale`); only days that were run live, by this version, can
        be, for others each night needs what the one before it gave.
    dask: Address of a Dask scheduler whose workers do it instead; they need the same settings, database and lake.
    dry_run: Replay and say what would be kept and how it differs from what was told, but keep nothing; asked again without it, the days
        are not worked twice.
    """
    from flows import runtime
    from flows.backfill import backfill as flow
    from flows.backfill import fanned_out
    from flows.dates import now
    if workers < 1:
        raise BadUsage(_say("usage.workers"))
    if to < from_:
        raise BadUsage(_say("usage.days", first=from_, last=to))
    runtime.announce_server(_settings().lang)
    run_id = f"backfill-{now():%Y%m%dT%H%M%S%f}"
    if workers > 1 or dask:
        flow = fanned_out(workers, dask)
    flow(first=from_, last=to, source=source, known=known, dry_run=dry_run, run_id=run_id, stretch=workers if not dask else max(workers, 8),
         return_state=True).result(raise_on_failure=True)
    return 0 if dry_run else _report(run_id, json)


@app.command
def compare(one: str, other: str, /, *, json: Json = False, lang: Lang = None) -> int:
    """Two runs side by side on the days that both worked: a replay against a night as it was told live, or against another replay."""
    from flows.compare import compare as show
    return show(_settings(lang), one, other, json)


@app.command
def demo(*, nights: str = "14", history_days: int | None = None, seed: int = 1, output: Path = Path("demo-page.html"), lang: Lang = None) -> int:
    """A synthetic city: history, then nights with planted risks and traps; what was caught, when, and what was not.

    Parameters
    ----------
    nights: How many, or "all" for months 13 to 24.
    history_days: How much history comes before them.
    seed: Another seed is another city.
    output: The page with the warnings and their curves.
    """
    from flows.demo.play import play
    return play(_settings(lang), nights, history_days, seed, output)


@app.command
def doctor(*, last_night: Annotated[bool, Parameter(negative="")] = False, grace_hours: float = 6.0,
           notify: Annotated[bool, Parameter(negative="")] = False, repair: Annotated[bool, Parameter(negative="")] = False,
           recompute: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Looks after the house; --last-night is a dead man's check for a timer: status 1 when no night has ended since it should have.

    Parameters
    ----------
    last_night: Only ask whether the last night ended.
    grace_hours: How long after midnight a night may take to end.
    notify: With --last-night, send an alarm to WEISU_ALARM_URL when it has not, or when that cannot be seen.
    repair: Restore lake files that are missing or damaged from landing.
    recompute: Compare the published tables with the digests that the last run left in the run log.
    """
    from flows import doctor as doing
    if notify:
        from flows.alarm import dead_man
        return dead_man(_settings(), grace_hours)
    if last_night:
        ended, said = doing.last_night(_settings(), grace_hours)
        for line in said:
            tell(line)
        return int(not ended)
    return doing.examine(_settings(), repair, recompute)


@app.command
def purge(*, before: Date | None = None, caller: str | None = None, reason: str, yes: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Retention and the right to be forgotten: landing and records go, and stay gone when the same file comes again.

    Parameters
    ----------
    before: Everything of records created before this day.
    caller: A caller's pseudonym (caller_key).
    reason: For the audit.
    yes: Do it; without it, say what would go.
    """
    from flows.purging import purge as do
    return do(_settings(), before, caller, reason, yes)


@app.command
def backup(to: Annotated[Path, Parameter(help="A new folder.")], /, *, link: Path | None = None, json: Done = False) -> int:
    """The whole house at one moment into a folder: tables, lake, landing, mappings and settings, each file with its checksum.

    Parameters
    ----------
    link: An earlier backup whose unchanged lake and landing files are linked instead of copied.
    """
    from flows.keeping import back_up
    return back_up(_settings(), to, link, json)


@app.command
def restore(source: Annotated[Path, Parameter(name="FROM", help="A backup.")], /, *, replace: Annotated[bool, Parameter(negative="")] = False,
            json: Done = False) -> int:
    """The house as it was when a backup was made, on either database; where it can't be, the house stays as it is.

    Parameters
    ----------
    replace: Take the place of a house that is lived in.
    """
    from flows.keeping import bring_back
    return bring_back(_settings(), source, replace, json)


@app.command
def access(*, since: Date | None = None, json: Done = False) -> int:
    """Who opened landing, when, with which command, for which files, and why.

    Parameters
    ----------
    since: Only from this day on.
    """
    from flows.access import show
    return show(_settings(), since, json)


@app.command
def validate(paths: Annotated[list[Path], Parameter(help="Files to validate.")], /, *, source: str, docs: Path | None = None) -> int:
    """Validates files without storing them; --docs builds Great Expectations' Data Docs.

    Parameters
    ----------
    source: Where the files come from.
    docs: A folder for the Data Docs.
    """
    from flows.validating import validate_files
    return validate_files(_settings(), paths, source, docs)


@db.command
def upgrade() -> int:
    """Brings the database to the newest schema."""
    from flows.running import House
    house = House.open(_settings())
    tell(_say("db.upgraded", url=house.settings.shown_url))
    house.warehouse.close()
    return 0


@db.command
def readers(*, role: str = "weisu_reader", member: list[str] | None = None) -> int:
    """Lets a role of PostgreSQL read the published views, and nothing under them.

    Parameters
    ----------
    role: The role; made, without login, where it is missing.
    member: A login role that becomes a member of it; may be given several times.
    """
    from flows.readers import let_read
    return let_read(_settings(), role, member or ())


@sources.command(name="list")
def list_sources() -> int:
    """The sources there are."""
    from sources.mapping import load_mappings
    lang = _settings().lang
    for name, m in load_mappings(_settings().own_sources).items():
        print(f"{name}\t{m.name.zh if lang == 'zh' else m.name.en}\t{m.time_zone}\t{m.pack or '—'}")
    return 0


@sources.command
def check(file: Path, /) -> int:
    """Names the mapping that fits a file, which header went where, and what is missing."""
    if not file.is_file():
        raise BadUsage(_say("usage.path", path=file))
    from flows.source_check import show_fit
    return show_fit(_settings(), file)


@alarm.command(name="try")
def try_alarm() -> int:
    """Sends a trial message."""
    from flows.alarm import trial
    return trial(_settings())


@alarm.command(name="deploy")
def deploy_alarm(file: Path = Path("deploy/automations.yaml"), /) -> int:
    """Puts the automations of a file on the Prefect server: a night that failed, was withheld, or has not ended in time."""
    from flows.alarm import deploy
    return deploy(_settings(), file)


@secret.command
def rotate(*, reason: str, yes: Annotated[bool, Parameter(negative="")] = False, json: Done = False) -> int:
    """A new key: every pseudonym in tables and lake is rewritten, linked through landing; then the old key is gone.

    Parameters
    ----------
    reason: For the audit.
    yes: Do it; without it, say what would be done.
    """
    from flows.rotating import rotate_secret
    return rotate_secret(_settings(), reason, yes, json)


@quarantine.command(name="list")
def list_quarantine(*, source: str | None = None) -> int:
    """Rows in quarantine, by code.

    Parameters
    ----------
    source: Only this source's.
    """
    from flows.quarantine import show
    return show(_settings(), source)


@quarantine.command
def replay(*, source: str, date: Day = None, json: Json = False) -> int:
    """Reads quarantined rows again from landing after their mapping was mended.

    Parameters
    ----------
    source: The source whose rows are read again.
    """
    from flows.quarantine import replay as do
    return do(_settings(), source, date, json)


