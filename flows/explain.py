"""Why: a warning, a record, an incident or a problem with what stands behind it."""
import json

import polars as pl
from rich.console import Console

from flows.card import cards_of, json_ready
from flows.dates import now
from flows.lineage import lives_in, merged_into, tree
from flows.messages import BadUsage, print_json
from flows.problem_work import decided_of
from flows.running import House
from models.taxonomy_classifier import TaxonomyClassifier
from policy.catalogue import say
from policy.rules import rules
from policy.taxonomy import rules_on, taxonomy
from warehouse.settings import Settings
from warehouse.store import Warehouse
from warehouse.warning_work import family


def explain(settings: Settings, what: str) -> int:
    """Prints what is known about a warning, record, incident or problem, by its id."""
    house = House.open(settings)
    try:
        for found in (_warning, _record, _incident, _problem):
            lines = found(house.warehouse, what, settings.lang)
            if lines:
                Console(highlight=False, soft_wrap=True).print("\n".join(lines), markup=False)
                return 0
        raise BadUsage(say("usage.nothing", settings.lang, what=what))
    finally:
        house.warehouse.close()


def show_card(settings: Settings, what: str) -> int:
    """Prints the card of a warning, or of the one that it lives on in, as one JSON object."""
    house = House.open(settings)
    try:
        with house.warehouse.engine.connect() as connection:
            ids = family(connection, what)
        if not ids:
            raise BadUsage(say("usage.nothing", settings.lang, what=what))
        print_json(json_ready(cards_of(house.warehouse, ids[:1], now())[ids[0]]))
        return 0
    finally:
        house.warehouse.close()


def _warning(house: Warehouse, what: str, lang: str) -> list[str]:
    with house.engine.connect() as connection:
        ids = family(connection, what)
    if not ids:
        return []
    asked, what = what, ids[0]
    w = house.select("warning", "warning_id = :w", w=what).row(0, named=True)
    told = json.loads(w["evidence"] or "{}")
    lines = [*([say("work.lives", lang, warning=asked, into=what)] if asked != what else []),
             f"{w['warning_id']}  {w['level']}  {w['kind']}  {w['status']}", w["title"], w["summary"] or ""]
    for name in ("raised_on", "updated_on", "as_of", "problem_code", "place", "respondent", "observed", "expected", "ratio", "window_days", "p_value",
                 "q_value", "rule", "lead_unit", "co_units", "law", "due_at", "change_no", "assigned_to", "owner", "escalated_to", "snoozed_until", "verdict",
                 "measures", "handled_by", "closed_on", "follows", "series_id", "incident_id", "run_id"):
        if w[name] not in (None, []):
            lines.append(f"  {name}: {w[name]}")
    lines += [f"  {name}: {', '.join(told[name])}" for name in ("signals", "problems", "incidents") if told.get(name)]
    lines += [f"  reason: {r}" for r in json.loads(w["reasons"] or "[]")]
    series = house.read("select date, observed, expected, p_value, alarm from v_series where series_id = :s order by date desc limit 14", s=w["series_id"])
    lines += [f"  {r['date']}  observed {r['observed']}  expected {_figure(r['expected'])}  p {_figure(r['p_value'])}{'  alarm' if r['alarm'] else ''}"
              for r in series.iter_rows(named=True)]
    ranked = house.select("ranking", "warning_id = :w", w=what).sort("date").tail(1)
    lines += [f"  rank {r['rank']} on {r['date']}: priority {_figure(r['priority'])}, expected precision {_figure(r['expected_precision'])} (by {r['basis']})"
              for r in ranked.iter_rows(named=True)]
    slots = {f"w{n}": x for n, x in enumerate(ids)}
    events = house.select("warning_event", f"warning_id in ({', '.join(':' + x for x in slots)})", **slots).sort("known_at", "event_id")
    for e in events.iter_rows(named=True):
        lines.append(f"  {e['known_at']:%Y-%m-%d %H:%M} {e['kind']} {e['done_by'] or ''} {e['note'] or ''}".rstrip())
    records = house.read("select x.record_id, x.role, r.created_at, r.street, r.problem_code, r.content from v_warning_records x join v_records r "
                         "using (record_id) where x.warning_id = :w order by r.created_at, x.record_id", w=what)
    lines += [f"  [{r['role']}] {r['record_id']} {r['created_at']:%Y-%m-%d %H:%M} {r['street'] or ''} {r['problem_code'] or ''} {(r['content'] or '')[:80]}"
              for r in records.iter_rows(named=True)]
    return lines


def _record(house: Warehouse, what: str, lang: str) -> list[str]:
    rows = house.records(pl.Series([what]))
    if rows.is_empty():
        return []
    r = rows.row(0, named=True)
    lines = [f"{r['record_id']}  revision {r['revision_no']}  known {r['known_at']:%Y-%m-%d %H:%M}", r["title"] or "", r["content"] or ""]
    for name in ("created_at", "local_date", "record_type", "status", "fine_place", "coarse_place", "problem_code", "problem_name", "problem_id",
                 "incident_id", "file_name", "sheet", "row_number"):
        if r[name] is not None:
            lines.append(f"  {name}: {r[name]}")
    lines += _why(r, lang)
    lines += [say("explain.also", lang, names="、".join(also) if lang == "zh" else ", ".join(also))] if (also := _also(r, lang)) else []
    lines += [f"  {code}: {rules()[code].message(lang)}" for code in r["flags"] or [] if code in rules()]
    for v in house.revisions(pl.Series([what])).iter_rows(named=True):
        lines.append(f"  revision {v['revision_no']}: known {v['known_at']:%Y-%m-%d %H:%M}, status {v['status']}")
    for x in house.read("select warning_id, role from v_warning_records where record_id = :r order by 1", r=what).iter_rows(named=True):
        lines.append(f"  warning {x['warning_id']} ({x['role']})")
    return lines


def _incident(house: Warehouse, what: str, lang: str) -> list[str]:
    with house.engine.connect() as connection:
        into = lives_in(connection, "incident", what)
    if into is None:
        return []
    i = house.select("incident", "incident_id = :i", i=into).row(0, named=True)
    lines = [*([say("lineage.lives", lang, asked=what, into=into)] if into != what else []), f"{into}  {i['title'] or ''}"]
    lines += [f"  {name}: {i[name]}" for name in ("place", "respondent", "problem_code", "first_seen", "last_seen", "n_records", "n_callers", "founded_by") if i[name] is not None]
    lines += tree(house, "incident", into, lang)
    records = house.read("select record_id, created_at, street, status, content from v_records where incident_id = :i order by created_at, record_id", i=into)
    return lines + [f"  {r['record_id']} {r['created_at']:%Y-%m-%d %H:%M} {r['street'] or ''} {r['status']} {(r['content'] or '')[:80]}" for r in records.iter_rows(named=True)]


def _why(r: dict, lang: str) -> list[str]:
    """By which words the taxonomy told a record, or that no rule did."""
    if taxonomy().problem(r["problem_code"]) is None:
        return []
    said = TaxonomyClassifier(rules=tuple(rules_on(r["local_date"]))).explain(r)
    if said["code"] != r["problem_code"]:
        return [say("explain.learned", lang)]
    words = dict.fromkeys(w for _, _, found in said["matched"] for w in found)
    return [say("explain.words", lang, words="、".join(words) if lang == "zh" else ", ".join(words))]


def _also(r: dict, lang: str) -> list[str]:
    """A record's secondary problems: what the taxonomy's rules find in it besides its own, which alone is counted."""
    if taxonomy().problem(r["problem_code"]) is None:
        return []
    codes = TaxonomyClassifier(rules=tuple(rules_on(r["local_date"]))).all_codes(r)
    return [p.name(lang) for c in codes if (p := taxonomy().problem(c)) is not None and c != r["problem_code"]]


def _problem(house: Warehouse, what: str, lang: str) -> list[str]:
    lines, ids = [], [what.removeprefix("found:")]
    problem = taxonomy().problem(what)
    if problem is not None:
        lines = [f"{problem.code}  {problem.name(lang)}", problem.definition, f"  lead: {problem.lead_unit}; co: {', '.join(problem.co_units)}",
                 f"  law: {'; '.join(problem.law)}"]
    with house.engine.connect() as connection:
        into = lives_in(connection, "problem", ids[0])
        if into is not None:
            ids = merged_into(connection, "problem", into)
    if into is not None:
        p = house.select("problem", "problem_id = :p", p=into).row(0, named=True)
        lines = [*([say("lineage.lives", lang, asked=what, into=into)] if into != what.removeprefix("found:") else []), f"{into}  {p['name']}",
                 f"  records {p['n_records']}, {p['first_seen']} to {p['last_seen']}, founded by {p['founded_by']}", *tree(house, "problem", into, lang), *decided_of(house, into, lang)]
    slots = {f"p{n}": i for n, i in enumerate(ids)}
    counted = house.read(f"select coalesce(fine_place, coarse_place) as place, count(*) as n from record where problem_code = :code or problem_id in "
                         f"({', '.join(':' + s for s in slots)}) group by 1 order by 2 desc, 1 limit 10", code=what, **slots)
    if not lines and counted.is_empty():
        return []
    return [*(lines or [what]), *(f"  {r['place'] or '—'}: {r['n']}" for r in counted.iter_rows(named=True))]


def _figure(x: float | None) -> str:
    return "—" if x is None else f"{x:.3g}"
