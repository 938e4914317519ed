"""Found problems on the command line: the list, and what people decide of one."""
import json
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from flows.dates import now
from flows.lineage import lives_in
from flows.messages import BadUsage, print_json, tell
from flows.problem_decisions import KIND, Known, new_problem_id
from flows.running import House
from flows.sheet import joined, local
from policy.catalogue import say
from policy.taxonomy import taxonomy
from transforms.canonical import MOMENT
from warehouse.deciding import decide
from warehouse.settings import Settings
from warehouse.store import Warehouse


def show_problems(settings: Settings, everything: bool, format: str) -> int:
    """The problems that were found, the largest first; everything: also those that ended."""
    house = House.open(settings)
    try:
        rows = house.warehouse.read("v_problems").filter(pl.lit(everything) | pl.col("ended_on").is_null()).sort("n_records", "problem_id", descending=[True, False], nulls_last=True)
        _show(rows.drop("run_id"), "problems", settings.lang, format)
        return 0
    finally:
        house.warehouse.close()


def show_incidents(settings: Settings, top: int, format: str) -> int:
    """The incidents with a record in the last thirty days of the house's records, the largest first."""
    house = House.open(settings)
    try:
        newest = house.warehouse.read("select max(last_seen) as day from incident")["day"][0]
        rows = house.warehouse.read("select * from v_incidents where merged_into is null and last_seen > :since order by n_records desc, incident_id limit :top",
                                    since=newest - timedelta(days=30) if newest else date.max, top=top)
        _show(rows.drop("run_id", "merged_into"), "incidents", settings.lang, format)
        return 0
    finally:
        house.warehouse.close()


def _show(rows: pl.DataFrame, what: str, lang: str, format: str) -> None:
    if format == "json":
        return print_json(json.loads(rows.with_columns(pl.selectors.temporal().cast(pl.String)).write_json()))
    if rows.is_empty():
        return tell(say(f"{what}.none", lang))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in rows.columns:
        table.add_column(say(f"{what}.col.{column}", lang), overflow="fold")
    marks = {True: "✓", False: "", None: ""}
    for row in rows.iter_rows():
        table.add_row(*(marks[x] if x is None or isinstance(x, bool) else str(x) for x in row))
    return Console(highlight=False).print(table)


def decide_problem(settings: Settings, problem_id: str, act: str, reason: str | None, by: str | None, as_json: bool, at: datetime | None = None,
                   **given: Any) -> int:
    """Notes a decision; the next night follows it. Raises BadUsage where it can't be: an unknown problem or type, no word, one problem with itself."""
    house = House.open(settings)
    try:
        lang, at = settings.lang, at or now()
        problem = _living(house.warehouse, problem_id, lang)
        details = {"act": act, **{k: v for k, v in given.items() if v is not None}}
        if "words" in details and not (words := tuple(dict.fromkeys(w.strip().lower() for w in details["words"] if len(w.strip()) >= 2))):
            raise BadUsage(say("problems.words", lang))
        elif "words" in details:
            details["words"] = list(words)
        if act == "merge":
            details["into"] = _living(house.warehouse, details["into"], lang)
            if details["into"] == problem:
                raise BadUsage(say("problems.itself", lang, problem=problem))
        if act == "promote":
            _check_code(details, lang)
        decision = "P" + blake2b(f"{problem}|{json.dumps(details, sort_keys=True)}|{at.isoformat()}".encode(), digest_size=6).hexdigest()
        if act == "split":
            details["new"] = new_problem_id(problem, tuple(details["words"]), decision)
        row = {"decision_id": decision, "known_at": at, "kind": KIND, "subject": problem, "reason": reason, "decided_by": by, "details": json.dumps(details, ensure_ascii=False)}
        decide(house.warehouse, pl.DataFrame([row], schema_overrides={"known_at": MOMENT, "decided_by": pl.String, "reason": pl.String}))
        tell(say("problems.decided", lang, problem=problem, act=say(f"problems.act.{act}", lang, **_told(details, lang))))
        if as_json:
            print_json({**row, "details": details})
        return 0
    finally:
        house.warehouse.close()


def show_history(settings: Settings, problem_id: str) -> int:
    """Who decided what of a problem, and when."""
    house = House.open(settings)
    try:
        lines = decided_of(house.warehouse, _living(house.warehouse, problem_id, settings.lang), settings.lang)
        for line in lines or [say("problems.undecided", settings.lang)]:
            print(line)
        return 0
    finally:
        house.warehouse.close()


def decided_of(warehouse: Warehouse, problem_id: str, lang: str) -> list[str]:
    """What was decided of a problem, a line a decision, oldest first."""
    lines = []
    for row in warehouse.select("decision", "kind = :kind and subject = :p", kind=KIND, p=problem_id).sort("known_at", "decision_id").iter_rows(named=True):
        details = json.loads(row["details"])
        said = say(f"problems.act.{details['act']}", lang, **_told(details, lang))
        lines.append(f"  {local(row['known_at'])} {row['decided_by'] or '–'}: {said}" + (f" ({row['reason']})" if row["reason"] else ""))
    return lines


def _told(details: dict[str, Any], lang: str) -> dict[str, str]:
    return {"name": details.get("name") or "–", "into": details.get("into") or "–", "new": details.get("new") or "–", "code": details.get("code") or "–",
            "words": joined(details.get("words") or ["–"], lang)}


def _living(warehouse: Warehouse, problem_id: str, lang: str) -> str:
    """The problem that this id lives on in; a part that people have made and no night has seen yet counts."""
    asked = problem_id.removeprefix("found:")
    with warehouse.engine.connect() as connection:
        found = lives_in(connection, "problem", asked)
    if found is None:
        rows = Known.of(warehouse.select("decision", "kind = :kind", kind=KIND)).rows
        found = asked if any(json.loads(d).get("new") == asked for d in rows["details"].to_list()) else None
    if found is None:
        raise BadUsage(say("usage.nothing", lang, what=problem_id))
    return found


def _check_code(details: dict[str, Any], lang: str) -> None:
    """A type there is; or a new one of a group there is, which needs a name."""
    code = details["code"]
    if taxonomy().problem(code) is not None:
        return
    if "." not in code or taxonomy().group(code.split(".")[0]) is None:
        raise BadUsage(say("problems.group", lang, code=code, known=", ".join(g.code for g in taxonomy().groups())))
    if not details.get("name"):
        raise BadUsage(say("problems.name", lang, code=code))
