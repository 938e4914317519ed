"""The evidence card of a warning as data: everything that a dispatcher needs to act without opening anything else, in Chinese and English."""
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from flows.wording import do_first, rule_of, says_little
from policy import taxonomy
from policy.alerts import at_once
from policy.calendar import workdays_until
from policy.catalogue import LANGUAGES, say
from policy.clocks import clock_name, due
from policy.levels import reason
from policy.packs import laws_for
from policy.packs import pack as pack_of
from policy.units import units
from transforms.privacy import mask_respondent
from warehouse.store import Warehouse, by_ids

#: How many earlier matters a card tells of, closed within so many days.
PAST, PAST_DAYS = 3, 730
#: How many records a line names by their numbers.
NUMBERS = 3
#: How alike an earlier matter is, the most alike first.
LIKENESS = ("respondent", "place", "problem")
_BEHIND = ("record_id", "source_record_id", "created_at", "local_date", "record_type", "status", "fine_place", "coarse_place", "content", "due_at", "signed_at",
           "first_reply_at")
Said = dict[str, str]


def cards_of(house: Warehouse, warning_ids: Sequence[str] | pl.Series, at: datetime) -> dict[str, dict[str, Any]]:
    """The cards of these warnings by id, as the tables have them; clocks are counted from `at`. Values are those of JSON but for dates and moments.

    Where a record is a report (举报) neither the number of callers nor a reporter's words are in it.
    """
    with house.engine.connect() as connection:
        rows = by_ids(connection, "select w.* from {ids} i join warning w on w.warning_id = i.id", warning_ids)
        behind = by_ids(connection, f"select x.warning_id, x.role, {', '.join('r.' + c for c in _BEHIND)} from {{ids}} i join warning_record x on x.warning_id = i.id "
                                    "join record r on r.record_id = x.record_id", warning_ids)
        problems = rows["problem_code"].drop_nulls().unique()
        past = by_ids(connection, "select w.* from {ids} i join warning w on w.problem_code = i.id where w.verdict is not null and w.closed_on > :since", problems,
                     since=at.date() - timedelta(days=PAST_DAYS))
        ranked = by_ids(connection, "select k.warning_id, k.date, k.rank, k.expected_precision, k.basis from {ids} i join ranking k on k.warning_id = i.id", warning_ids)
    last = {r["warning_id"]: r for r in ranked.sort("date").iter_rows(named=True)}
    of = {w: part for (w,), part in behind.sort("created_at", "record_id").group_by("warning_id", maintain_order=True)}
    ended = [_read(r) for r in past.sort("closed_on", "warning_id", descending=[True, False]).iter_rows(named=True)]
    none = behind.clear()
    return {r["warning_id"]: _card(_read(r), of.get(r["warning_id"], none), ended, last.get(r["warning_id"], {}), at) for r in rows.sort("warning_id").iter_rows(named=True)}


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table `warning` with what it keeps as JSON read."""
    lists = {c: json.loads(row[c]) if isinstance(row[c], str) else list(row[c] or []) for c in ("co_units", "streets", "source_ids")}
    return {**row, **lists, **{c: json.loads(row[c] or "{}") if isinstance(row[c], str | None) else row[c] for c in ("evidence", "parameters")}}


def _card(w: dict[str, Any], own: pl.DataFrame, ended: list[dict], ranked: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    day, pack, problem, told = w["updated_on"], w["pack"], w["problem_code"], w["parameters"]
    secret = bool((own["record_type"] == "report").any())
    rule = rule_of(w["rule"], day) if w["rule"] else None
    advised = rule is not None and not says_little(rule)
    lang = w["lang"] if w["lang"] in LANGUAGES else "en"
    said = told.get("said") or {x: {"title": w["title"], "summary": w["summary"]} for x in LANGUAGES}
    row = told.get("level")
    alert = at_once(w["level"], rule.tell if advised else (), pack, day, w["lead_code"], w["street_code"], problem)  # type: ignore[union-attr]
    return {
        "warning_id": w["warning_id"], "kind": w["kind"], "status": w["status"], "level": w["level"], "lang": lang,
        "level_rule": {"row": row, **both(lambda x: reason(row, x))} if row else None,
        "title": {x: said[x]["title"] for x in LANGUAGES}, "summary": {x: said[x]["summary"] for x in LANGUAGES},
        "what": {x: said[x].get("what") or said[x]["summary"] for x in LANGUAGES},
        "problem": {"code": problem, **both(lambda x: taxonomy.name(problem, x, day) if problem and taxonomy.problem(problem) else w["problem_name"])},
        "place": w["place"], "respondent": _masked(w["respondent"]),
        "figures": {c: w[c] for c in ("observed", "expected", "ratio", "p_value", "q_value", "window_days", "n_records")}
        | {"n_callers": None if secret else w["n_callers"], "callers_hidden": secret},
        "raised_on": w["raised_on"], "updated_on": w["updated_on"], "as_of": w["as_of"], "first_seen": w["first_seen"], "last_seen": w["last_seen"],
        "streets": _streets(own), "quotations": _quotations(own), "records": _records(own),
        "past": _past(w, ended), "lead_unit": _unit(w["lead_code"], pack), "co_units": _co_units(w, own, rule.name if rule is not None else None),
        "tell_at_once": {"hours": alert.hours, "units": [_unit(u.code, pack) for u in alert.units]} if alert else None,
        "law": [{"text": law.text, "valid_from": law.valid_from, "valid_to": law.valid_to, "source": law.source, "note": law.note} for law in laws_for(problem, day, pack)],
        "clock": _clock(w, own, at), "first_action": do_first(rule, problem, day),
        "rank": ranked.get("rank"), "expected_precision": ranked.get("expected_precision"), "precision_by": ranked.get("basis"),
        "work": {c: _post(w[c], pack, day) for c in ("assigned_to", "owner", "escalated_to")} | {c: w[c] for c in ("change_no", "escalation_step", "snoozed_until", "verdict", "measures", "handled_by", "closed_on",
                                   "follows", "merged_into")},
        "rule": w["rule"], "incident_id": w["incident_id"], "series_id": w["series_id"], "run_id": w["run_id"],
    }


def both(text: Any) -> Said:
    """{"zh": …, "en": …}: what a function says in either language."""
    return {x: text(x) for x in LANGUAGES}


def _masked(name: str | None) -> str | None:
    return mask_respondent(pl.Series([name], dtype=pl.String))[0] if name else None


def _streets(own: pl.DataFrame) -> list[dict[str, Any]]:
    """How many of the records lie in each street, most first; null: in none that is known."""
    counts = own.group_by("fine_place").agg(pl.len().cast(pl.Int64).alias("n")).sort(pl.col("fine_place").is_null(), -pl.col("n"), "fine_place")
    return [{"street": s, "n": n} for s, n in counts.select("fine_place", "n").iter_rows()]


def _quotations(own: pl.DataFrame) -> list[dict[str, Any]]:
    """The examples that the night chose for their variety; no report's."""
    shown = own.filter((pl.col("role") == "example") & pl.col("record_type").ne_missing(pl.lit("report")) & (pl.col("content") != ""))
    return [{"record_id": r["record_id"], "created_at": r["created_at"], "text": r["content"]} for r in shown.iter_rows(named=True)]


def _records(own: pl.DataFrame) -> list[dict[str, Any]]:
    return own.select("record_id", "source_record_id", "created_at", "record_type", pl.col("fine_place").alias("street"), "status", "role").to_dicts()


def _past(w: dict[str, Any], ended: list[dict]) -> list[dict[str, Any]]:
    """Earlier matters of the same problem and how they ended: of the same respondent, then of the same place, then elsewhere; newest first."""
    key = w["evidence"].get("respondent_key")

    def likeness(e: dict) -> str:
        same = (key and e["evidence"].get("respondent_key") == key) or (w["respondent"] and e["respondent"] == w["respondent"])
        return "respondent" if same else "place" if w["place"] and (e["place"], e["coarse_place"]) == (w["place"], w["coarse_place"]) else "problem"

    mine = [(likeness(e), e) for e in ended if e["problem_code"] == w["problem_code"] and e["warning_id"] != w["warning_id"] and e["raised_on"] <= w["raised_on"]
            and e["source_ids"] and set(e["source_ids"]) & set(w["source_ids"])]
    mine.sort(key=lambda x: LIKENESS.index(x[0]))
    said = ("warning_id", "raised_on", "closed_on", "place", "verdict", "measures", "handled_by", "n_records")
    return [{"likeness": how, **{c: e[c] for c in said}, "respondent": _masked(e["respondent"]),
             "title": {x: (e["parameters"].get("said") or {}).get(x, {}).get("title", e["title"]) for x in LANGUAGES}} for how, e in mine[:PAST]]


def _unit(code: str | None, pack: str | None) -> dict[str, Any] | None:
    return {"code": code, **both(lambda x: units(pack).unit_name(code, x))} if code and pack else None


def _post(name: str | None, pack: str | None, day: date) -> Said | None:
    """A unit or post that is kept by its name in the house's language, in both."""
    if not name:
        return None
    unit = units(pack).named(name, day) if pack else None
    return both(lambda x: unit.name(x) if unit else name)


def _co_units(w: dict[str, Any], own: pl.DataFrame, rule: Any) -> list[dict[str, Any]]:
    """The co-units, and the duty rule that calls each."""
    if not w["pack"]:
        return []
    table = units(w["pack"])
    counts = {s: n for s, n in own.group_by("fine_place").len().iter_rows() if s}
    problem = w["problem_code"]
    out: list[dict[str, Any]] = []
    if "co_units" not in w["parameters"]:
        # A warning of a night that did not yet keep why.
        return [{"code": None, **both(lambda x, name=name: name), "why": None, "because": None} for name in w["co_units"]]
    for code, why in w["parameters"]["co_units"]:
        unit = table.unit(code)
        street = table.street_name(unit.street_code) if unit and unit.street_code else ""

        def because(lang: str, why: str = why, unit: Any = unit, street: str = street) -> str:
            name = taxonomy.name(problem, lang) if problem and taxonomy.problem(problem) else w["problem_name"] or ""
            return say(f"why.{why}", lang, problem=name, street=street if lang == "zh" or not unit or not unit.street_code else table.street_name(unit.street_code, lang),
                       n=counts.get(street, 0), rule=rule(lang) if rule else "")

        out.append({"code": code, **both(lambda x, code=code: table.unit_name(code, x)), "why": why, "because": both(because)})
    return out


def _clock(w: dict[str, Any], own: pl.DataFrame, at: datetime) -> dict[str, Any] | None:
    """The earliest open clock among the records: its name and source, its last day, and how many working days are left of it."""
    if w["due_at"] is None or not w["pack"]:
        return None
    row = pack_of(w["pack"])
    zone = ZoneInfo(row["time_zone"])
    # A record that has moved on since the night still says which clock it was.
    clocks = [pl.concat([own.select("record_id"), due(of, w["pack"])], how="horizontal") for of in (own, own.with_columns(pl.lit("open").alias("status")))]
    first = pl.concat([c.filter(pl.col("due_at") == w["due_at"]).sort("due_clock", "record_id") for c in clocks])
    its = first.row(0, named=True) if first.height else {"due_clock": None, "due_source": None, "due_provisional": None, "record_id": None}
    today, last = (t.astimezone(zone).date() for t in (at, w["due_at"]))
    return {"due_at": w["due_at"], "clock": its["due_clock"], **both(lambda x: _named(its["due_clock"], x)), "source": its["due_source"],
            "provisional": its["due_provisional"], "record_id": its["record_id"], "workdays_left": workdays_until(today, last, row["holidays"])}


def _named(clock: str | None, lang: str) -> str | None:
    return say("clock.order", lang) if clock == "order" else clock_name(clock, lang) if clock else None


def flat(card: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """A card as the columns of a table: what `v_warnings` has not, each value a number, a moment or one line of text."""
    between = "；" if lang == "zh" else "; "
    clock = card["clock"] or {}
    return {
        "title": card["title"][lang], "summary": card["summary"][lang], "problem_name": card["problem"][lang],
        "level_reason": card["level_rule"][lang] if card["level_rule"] else None, "window_days": card["figures"]["window_days"], "last_seen": card["last_seen"],
        "streets": streets_line(card, lang), "first_action": card["first_action"][lang],
        "tell_at_once": at_once_line(card, lang), "lead_unit": card["lead_unit"][lang] if card["lead_unit"] else None,
        "co_units_why": between.join(f"{u[lang]}（{u['because'][lang]}）" if lang == "zh" else f"{u[lang]} ({u['because'][lang]})" for u in card["co_units"]) or None,
        "co_units": [u[lang] for u in card["co_units"]] or None,
        "law": law_lines(card, lang) or None, "clock": clock.get(lang), "clock_source": clock.get("source"), "workdays_left": clock.get("workdays_left"),
        "past": between.join(past_line(p, lang) for p in card["past"]) or None, "quotations": [q["text"] for q in card["quotations"]] or None,
        **{c: card["work"][c][lang] if card["work"][c] else None for c in ("assigned_to", "owner")}, "change_no": card["work"]["change_no"],
        "record_numbers": numbers_line(card, lang),
    }


def numbers_line(card: Mapping[str, Any], lang: str) -> str | None:
    """The source's own numbers of the newest records, by which they are called up elsewhere."""
    newest = [r["source_record_id"] for r in reversed(card["records"])][:NUMBERS]
    more = len(card["records"]) - len(newest)
    return ("、" if lang == "zh" else ", ").join(newest) + (say("card.more", lang, n=more) if more > 0 else "") or None


def streets_line(card: Mapping[str, Any], lang: str) -> str | None:
    known = [s for s in card["streets"] if s["street"]]
    return ("、" if lang == "zh" else ", ").join(f"{s['street']} {s['n']}" for s in known) or None


def at_once_line(card: Mapping[str, Any], lang: str) -> str | None:
    tell = card["tell_at_once"]
    if not tell:
        return None
    names = ("、" if lang == "zh" else ", ").join(u[lang] for u in tell["units"])
    return say("warn.at_once" if names else "warn.at_once.nobody", lang, hours=tell["hours"], units=names)


def law_lines(card: Mapping[str, Any], lang: str) -> list[str]:
    """Each law with its articles, and since when the text that is quoted holds."""
    return [say("law.since", lang, law=x["text"], day=x["valid_from"]) if x["valid_from"] else x["text"] for x in card["law"]]


def past_line(p: Mapping[str, Any], lang: str) -> str:
    return say("past.line", lang, closed=p["closed_on"], title=p["title"][lang], how=say(f"past.{p['likeness']}", lang), verdict=say(f"verdict.{p['verdict']}", lang),
               measures=p["measures"] or "—")


def json_ready(value: Any) -> Any:
    """Dates and moments in ISO form, all else as it is."""
    if isinstance(value, dict):
        return {k: json_ready(v) for k, v in value.items()}
    if isinstance(value, list):
        return [json_ready(v) for v in value]
    return value.isoformat() if isinstance(value, datetime | date) else value
