"""From matters to warnings: identity, level, words, units, law, due date and evidence."""
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import polars as pl

from flows.by_rule import inspected_before
from flows.opening import Opening, opening_of
from flows.places import Place
from flows.wording import Marks, Rule, Speaking, copied_text, problem_name, rule_of, said, says_little, speaking, told_streets
from models.typical import typical
from policy import taxonomy
from policy.alerts import at_once
from policy.catalogue import say
from policy.clocks import due_dates
from policy.levels import LEVELS, Level, level, rank, reason
from policy.lifecycle import ENDED, OPEN
from policy.matters import MatterRule
from policy.packs import law_for
from policy.remedies import remedy
from policy.routing import route
from policy.sentinels import SentinelRule
from transforms.identity import identify
from transforms.matters import BY_RULE, Matters, series_of

EXAMPLES = 3
#: Of more new matters than so many times the list's cap, only the gravest are written out.
OVER = 10

#: What the column `evidence` of a warning holds, each a column of the frame that `tell` takes.
EVIDENCE: dict[str, Any] = {"subject": pl.String, "respondent_key": pl.String, "incidents": pl.List(pl.String), "problems": pl.List(pl.String),
                            "signals": pl.List(pl.String), "opening": pl.Struct({"no": pl.Int64, "on": pl.String, "since": pl.String, "after": pl.String, "before": pl.Int64})}

#: A change in one of these is an update that people should see.
SHOWN = ("kind", "level", "problem_code", "place", "respondent", "observed", "expected", "p_value", "n_records", "n_callers", "title",
         "summary", "lead_unit", "co_units", "law", "due_at", "merged_into", "status")


@dataclass(frozen=True)
class Told:
    """Rows for the tables `warning`, `warning_record` and `warning_event`; `raised`: how many are new; `capped`: how many were left out."""

    warnings: pl.DataFrame
    records: pl.DataFrame
    events: pl.DataFrame
    metrics: pl.DataFrame
    raised: int
    capped: int


def significant(x: float | None) -> float | None:
    """Nine significant digits, as every published float has."""
    return None if x is None else float(f"{x:.9g}")


def tell(matters: Matters, records: pl.DataFrame, earlier: pl.DataFrame, earlier_records: pl.DataFrame, q_values: Mapping[str, float],
         place: Place, day: date, as_of: datetime, run_id: str, cap: int, quiet: Sequence[str] = (), watch_days: int = 60,
         worth: Callable[[list[dict]], list[float]] | None = None, drives: pl.DataFrame | None = None, claimants: Sequence[str] = (),
         seasonal: Mapping[tuple[str | None, str | None, str | None], tuple[int, int]] | None = None) -> Told:
    """Tonight's warnings, those of earlier nights that changed, and what changed.

    records: every record behind a matter or an open warning, current view. earlier: rows of the table `warning` of this place, with
    the columns of `EVIDENCE` taken out of `evidence`. A warning that nothing changed gets no
    row; nor does one with a record of a `quiet` source, but for sentinels. A warning that comes back stands on what there is since its return
    (`Opening`); what it had before is counted. worth: in what order new warnings beyond the cap are left out
    (the most worth stay); by level and p-value without it. drives: the special inspections that a return may have come after.
    claimants: keys of callers who write against many: how many records are theirs is said.
    seasonal: (problem, place, street or None) of the cells that rise every year at this time, and their records now and then.
    """
    known = identify(matters.matters, matters.records, earlier, earlier_records, day, watch_days)
    was = {w["warning_id"]: w for w in earlier.iter_rows(named=True)}
    had = {k[0]: set(v["record_id"].to_list()) for k, v in earlier_records.group_by("warning_id")}
    of_matter = dict(known.known.iter_rows())
    behind = {m: ids["record_id"].to_list() for (m,), ids in matters.records.group_by("matter")}
    merged = dict(known.merged.iter_rows())
    split = dict(known.split.iter_rows())
    drafts: list[tuple[dict, str | None, set[str]]] = []
    tonights, left_out = _worth_writing(matters.matters, of_matter, cap)
    for matter in tonights.iter_rows(named=True):
        warning_id = of_matter.get(matter["matter"])
        # What proved to be one matter brings its evidence with it.
        joined = {r for w, into in merged.items() if into == warning_id for r in had.get(w, set())}
        ids = set(behind.get(matter["matter"], [])) | had.get(warning_id or "", set()) | joined
        ids -= {r for m, w in split.items() if w == warning_id for r in behind.get(m, [])}
        drafts.append(({**matter, "follows": split.get(matter["matter"])}, warning_id, ids))
    drafts = _one_a_warning(drafts)
    told = {w for _, w, _ in drafts if w} | set(merged)
    records = records.sort("created_at", "row_hash", "record_id")
    records = records.with_columns(due_dates(records, place.pack).alias("_due"))
    drafts += _grown_since(earlier.filter(pl.col("status").is_in(OPEN) & ~pl.col("warning_id").is_in(list(told))), had, records)
    rows, behind_it, events = [], [], []
    for matter, warning_id, ids in drafts:
        old = was.get(warning_id) if warning_id else None
        if old is not None and matter["kind"] != "sentinel" and set(old["source_ids"] or ()) & set(quiet):
            continue
        held = had.get(warning_id or "", set())
        own = records.filter(pl.col("record_id").is_in(list(ids)))
        if own.is_empty() or (old is not None and old["status"] in ENDED and not _comes_back(old, matter, own, held)):
            continue
        opening = _opening(old, matter, held, own, day)
        if opening is not None:
            own = own.filter(pl.col("local_date") >= opening.since)
            ids = set(own["record_id"].to_list())
            if not ids:
                continue  # What it came back with is gone from its source.
        rule = rule_of(matter["rule"], day)
        speaks = speaking(matter, own, rule)
        drive = inspected_before(matter["signals"], drives) if drives is not None else None
        marks = Marks(copied_text(own), drive, own.filter(pl.col("caller_key").is_in(list(claimants))).height, _yearly(matter, rule, seasonal or {}), opening)
        row = _row(matter, own, speaks, rule, old, q_values, place, day, as_of, run_id, marks)
        if old is not None and not _changed(row, old, ids, held):
            continue
        rows.append(row)
        behind_it.append((row["warning_id"], own, speaks.records))
        events.append(_event(row, old, as_of, run_id))
    rows, capped = _held_to(rows, was, cap, worth)
    keep = {r["warning_id"] for r in rows}
    for warning_id, into in merged.items():
        old = was[warning_id]
        rows.append({**stored(old), "status": "merged", "merged_into": into, "updated_on": day, "as_of": as_of, "run_id": run_id,
                     "change_no": old["change_no"] + 1})
        events.append(_event(rows[-1], old, as_of, run_id))
    raised = sum(r["warning_id"] not in was for r in rows)
    kept = [_evidence(*of) for of in behind_it if of[0] in keep]
    return Told(frame(rows), pl.concat(kept) if kept else pl.DataFrame(schema=_EVIDENCE),
                event_frame([e for e in events if e["warning_id"] in keep or e["warning_id"] in merged]),
                _before_the_complaint(rows, kept, records, as_of, run_id), raised, capped + left_out)


def _worth_writing(matters: pl.DataFrame, of_matter: Mapping[int, str], cap: int) -> tuple[pl.DataFrame, int]:
    """Tonight's matters without those new ones that no list could hold: rules first, then the smallest p-values; how many were left out."""
    new = matters.filter(~pl.col("matter").is_in(list(of_matter)))
    if new.height <= OVER * cap:
        return matters, 0
    over = new.sort(pl.col("p_value").fill_null(-1.0), "matter").slice(OVER * cap)
    return matters.join(over.select("matter"), on="matter", how="anti", maintain_order="left"), over.height


def _comes_back(old: dict, matter: dict, own: pl.DataFrame, had: set[str]) -> bool:
    """Whether a matter that had ended has a record that it had not, from after its end. That the same months still show a slow rise is no return: what
    still rises when its watch is over is told anew."""
    if matter["kind"] == "slow_rise":
        return False
    new = own.filter(~pl.col("record_id").is_in(list(had)))
    if old["closed_at"] is not None:
        return new.filter(pl.col("created_at") > old["closed_at"]).height > 0
    return new.filter(pl.col("local_date") > old["closed_on"]).height > 0 if old["closed_on"] else new.height > 0


def _opening(old: dict | None, matter: dict, had: set[str], own: pl.DataFrame, day: date) -> Opening | None:
    """Which opening of its warning a matter has come to; None of one that has not come back. What lies in the window that speaks tonight belongs to
    the return though it is older than the end; and of a matter that was solved and is back (recurrence), what was solved."""
    told = opening_of(old)
    if old is None or old["status"] not in ENDED or matter["kind"] == "recurrence":
        return told
    ended = old["closed_on"] or day
    since = min(ended, day - timedelta(days=(matter["window"] or 1) - 1))
    stays = own.filter(pl.col("record_id").is_in(list(had)) & (pl.col("local_date") >= since)).height
    return Opening((told.no if told else 1) + 1, day, since, ended, (told.before if told else 0) + len(had) - stays)


#: Of several of tonight's matters that belong to one warning, the one that says most about the cause speaks for it, a slow rise last.
_SPEAKS = {"incident": 0, "respondent": 1, "coarse": 2, "fine": 3, "record": 4}


def _one_a_warning(drafts: list[tuple[dict, str | None, set[str]]]) -> list[tuple[dict, str | None, set[str]]]:
    """Tonight's matters that have the same warning are one matter: its records, signals, problems and incidents are those of all; what else there is stands
    `beside` the one that speaks, for it may be graver."""
    out: list[tuple[dict, str | None, set[str]]] = [d for d in drafts if d[1] is None]
    for warning_id in dict.fromkeys(d[1] for d in drafts if d[1] is not None):
        mine = sorted((d for d in drafts if d[1] == warning_id), key=lambda d: (d[0]["kind"] == "slow_rise", _SPEAKS[d[0]["subject"]], -len(d[2]), d[0]["matter"]))
        lead = dict(mine[0][0])
        for column in ("signals", "problems", "incidents", "streets"):
            lead[column] = list(dict.fromkeys(x for d in mine for x in d[0][column] or [] if x))
        lead["rule"] = next((d[0]["rule"] for d in mine if d[0]["rule"]), None)
        lead["p_value"] = min((d[0]["p_value"] for d in mine if d[0]["p_value"] is not None), default=None)
        lead["beside"] = [d[0] for d in mine[1:]]
        out.append((lead, warning_id, set().union(*(d[2] for d in mine))))
    return sorted(out, key=lambda d: d[0]["matter"])


def _grown_since(open_: pl.DataFrame, had: Mapping[str, set[str]], records: pl.DataFrame) -> list[tuple[dict, str, set[str]]]:
    """Open warnings of incidents that did not speak tonight but got new records."""
    out = []
    for w in open_.iter_rows(named=True):
        if w["subject"] != "incident" or not w["incidents"]:
            continue
        ids = set(records.filter(pl.col("incident_id").is_in(w["incidents"]))["record_id"].to_list())
        if ids - had.get(w["warning_id"], set()):
            matter = {"kind": w["kind"], "subject": w["subject"], "problem_code": w["problem_code"], "problems": w["problems"],
                      "fine_place": w["fine_place"], "coarse_place": w["coarse_place"], "respondent_key": w["respondent_key"],
                      "incident_id": w["incident_id"], "incidents": w["incidents"], "streets": w["streets"] or [], "observed": w["observed"],
                      "expected": w["expected"], "p_value": w["p_value"], "window": w["window_days"], "rule": w["rule"], "signals": w["signals"]}
            out.append((matter, w["warning_id"], ids | had.get(w["warning_id"], set())))
    return out


def _row(matter: dict, own: pl.DataFrame, speaks: Speaking, rule: Rule | None, old: dict | None, q_values: Mapping[str, float], place: Place, day: date, as_of: datetime,
         run_id: str, marks: Marks) -> dict:
    lang, pack = place.lang, place.pack
    kind, problem = matter["kind"], matter["problem_code"]
    callers = own["caller_key"].drop_nulls().n_unique() or None
    streets = told_streets(matter)
    codes = own.filter(pl.col("street_code").is_not_null()).group_by("street_code").len("n").sort("n", "street_code", descending=[True, False])
    street_code = codes["street_code"][0] if codes.height else None
    expected, observed, ratio = _figures(matter)
    q_value = significant(min((q_values[s] for s in matter["signals"] if s in q_values), default=None))
    if q_value is None and old is not None and matter["p_value"] is not None and matter["p_value"] == old["p_value"]:
        q_value = old["q_value"]
    known_remedy = remedy(problem, day)
    levels = [_level(m, own.height, r, callers, _figures(m)[2], len(streets), q_value, marks.copied is not None, known_remedy is not None, marks.yearly is not None)
              for m, r in ((matter, rule), *((b, rule_of(b["rule"], day)) for b in matter.get("beside", ())))]
    got = _held(min(levels, key=lambda g: rank(g.level)), old, marks.opening)
    tell_too = () if isinstance(rule, MatterRule) or rule is None else rule.tell
    way = route(problem if problem and taxonomy.problem(problem) else None, codes["street_code"].to_list(), pack, day, tell_too)
    told = said(matter, own, speaks, rule, day, got.row, at_once(got.level, tell_too, pack, day, way.lead_unit, street_code, problem), marks)
    if known_remedy is not None:
        told = {x: {**t, "summary": t["summary"] + say("warn.remedy", x, text=known_remedy.text(x), source=known_remedy.source)} for x, t in told.items()}
    where = (matter["fine_place"] if matter["subject"] != "coarse" else matter["coarse_place"]) or matter["coarse_place"]
    founder = own.row(0, named=True)["record_id"]
    return {
        "warning_id": old["warning_id"] if old else _warning_id(day, founder, matter),
        "raised_on": old["raised_on"] if old else day, "updated_on": day, "as_of": as_of, "kind": kind, "level": got.level,
        "status": ("reopened" if old["status"] in ENDED else old["status"]) if old else "new",
        "problem_code": problem, "problem_name": problem_name(problem, own, lang), "place": where, "respondent": speaks.respondent,
        "observed": observed, "expected": expected, "ratio": ratio, "p_value": significant(matter["p_value"]), "q_value": q_value,
        "n_records": own.height, "n_callers": callers, "first_seen": own["local_date"].min(), "last_seen": own["local_date"].max(),
        **{c: told[lang if lang in told else "en"][c] for c in ("title", "summary")},
        "lead_unit": way.lead_name(lang), "co_units": way.co_names(lang), "law": law_for(problem, day, pack),
        "due_at": own["_due"].min(), "verdict": old["verdict"] if old else None, "merged_into": None,
        "fingerprint": _fingerprint(matter), "city": founder and own["city"][0], "district": own["district"][0],
        "street": matter["fine_place"] if matter["subject"] != "coarse" else None, "street_code": street_code,
        "fine_place": matter["fine_place"], "coarse_place": matter["coarse_place"], "streets": streets,
        "source_ids": own["source_id"].unique().sort().to_list(), "incident_id": matter["incident_id"],
        "series_id": next(filter(None, map(series_of, matter["signals"])), None), "window_days": matter["window"], "rule": matter["rule"],
        "reasons": [reason(got.row, lang)],
        "parameters": {"level": got.row, "said": told, "co_units": [[c, why] for c, why in zip(way.co_units, way.whys)]},
        "lang": lang, "assigned_to": old["assigned_to"] if old else None,
        "closed_on": None, **_life(old, matter, place, way.lead_unit),
        "evidence": {"subject": matter["subject"], "respondent_key": matter["respondent_key"], "incidents": matter["incidents"],
                     "problems": matter["problems"], "signals": matter["signals"], **({"opening": marks.opening.told()} if marks.opening else {})},
        "run_id": run_id,
    }


def _figures(matter: dict) -> tuple[float | None, float | None, float | None]:
    """What was expected and observed, and how many times the one the other is."""
    expected, observed = significant(matter["expected"]), significant(matter["observed"])
    return expected, observed, significant(observed / expected) if expected and observed is not None else None


#: An incident of fewer records in its window may be a part of what comes every year (a market without price tags before the festival).
SMALL_INCIDENT = 8


def _yearly(matter: dict, rule: Rule | None, seasonal: Mapping[tuple[str | None, str | None, str | None], tuple[int, int]]) -> tuple[int, int] | None:
    """The records now and then of the cell in which a matter may be what comes every year: its own; of a rule's, which a few records meet, and of a small
    incident, the whole place's. None where it is none, where it is about somebody or something of its own, where safety is at stake, or the rule is grave every year."""
    if taxonomy.taxonomy().is_safety_critical(matter["problem_code"] or "") or (rule is not None and rule.level not in ("yellow", "blue")):
        return None
    own, whole = ((matter["problem_code"], matter["coarse_place"], street) for street in (matter["fine_place"], None))
    if matter["kind"] in ("surge", "slow_rise") and matter["subject"] in ("fine", "coarse"):
        return seasonal.get(own if matter["subject"] == "fine" else whole)
    small = matter["kind"] == "incident" and (matter["observed"] or 0) < SMALL_INCIDENT
    return seasonal.get(whole) if small or (matter["kind"] == "cluster" and matter["subject"] == "fine") else None


def _level(matter: dict, n_records: int, rule: Rule | None, callers: int | None, ratio: float | None, n_streets: int, q_value: float | None, copied: bool, remedied: bool = False,
           yearly: bool = False) -> Level:
    """The attention level by the table: of the matter's own figures, and of the rule that one of its records meets."""
    kind, problem = matter["kind"], matter["problem_code"]
    critical = bool(problem and taxonomy.taxonomy().is_safety_critical(problem))
    got = level(kind, safety_critical=critical or isinstance(rule, SentinelRule), n_records=n_records, n_callers=callers,
                ratio=0.0 if kind in BY_RULE and says_little(rule) else ratio, n_streets=max(1, n_streets), severity=rule.level if rule else None, q_value=q_value)
    if kind not in ("sentinel", "cluster") and rule is not None and not says_little(rule):
        by_rule = level("sentinel", safety_critical=True, n_records=n_records, n_callers=callers, severity=rule.level)
        got = min(got, by_rule, key=lambda g: rank(g.level))
    if not critical and matter["p_value"] is None and kind != "sentinel" and remedied and rank(got.level) + 1 < len(LEVELS):
        # What has its remedy and stays within its normal needs no new thought.
        got = Level(LEVELS[rank(got.level) + 1], "standing_remedy")
    if not critical and copied:
        # Many hands under one text are one voice: it is heard, it does not shout.
        got = max(got, Level("yellow", "copied_text"), key=lambda g: rank(g.level))
    if yearly:
        # What comes every year, and no more of it than last year, is known.
        got = max(got, Level("blue", "as_last_year"), key=lambda g: rank(g.level))
    return got


def _held(got: Level, old: dict | None, opening: Opening | None) -> Level:
    """While a warning is open its level only rises: that a rise is over says nothing of whether anybody has seen to it. Nor does it fall where a matter comes
    straight back: closing it had not ended what speaks."""
    if old is None or rank(old["level"]) >= rank(got.level) or (old["status"] in ENDED and (opening is None or opening.since >= opening.after)):
        return got
    told = json.loads(old["parameters"]) if isinstance(old["parameters"], str) else old["parameters"] or {}
    return Level(old["level"], told.get("level", got.row))


#: What staff and `flows.life` set, carried from night to night.
LIFE = ("owner", "measures", "handled_by", "snoozed_until", "follows", "escalation_step", "escalated_to", "escalated_at")


def _life(old: dict | None, matter: dict, place: Place, lead_code: str | None) -> dict[str, Any]:
    """Where a warning stands in its life when a night writes it."""
    new = {"change_no": old["change_no"] + 1 if old else 1, "pack": place.pack, "lead_code": lead_code, "closed_at": None}
    return {**new, **({c: old[c] for c in LIFE} if old else {**dict.fromkeys(LIFE), "follows": matter.get("follows")})}


def _fingerprint(matter: dict) -> str:
    about = {"incident": matter["incident_id"], "record": matter["incident_id"] or (matter["signals"] or [""])[0],
             "respondent": matter["respondent_key"]}.get(matter["subject"]) or f"{matter['problem_code']}@{matter['coarse_place']}"
    fine = f"/{matter['fine_place']}" if matter["subject"] == "fine" else ""
    return f"{matter['subject']}:{about}{fine}"


def _warning_id(day: date, founder: str, matter: dict) -> str:
    return f"W{day:%Y%m%d}-" + blake2b(f"{founder}|{_fingerprint(matter)}".encode(), digest_size=4).hexdigest()


def _changed(row: dict, old: dict, ids: set[str], had: set[str]) -> bool:
    return ids != had or any(row[c] != old.get(c) for c in SHOWN)


def _held_to(rows: list[dict], was: Mapping[str, dict], cap: int, worth: Callable[[list[dict]], list[float]] | None) -> tuple[list[dict], int]:
    """The most worth first, no more than the list's cap of new ones; how many were left out."""
    value = dict(zip((r["warning_id"] for r in rows), worth(rows))) if worth and rows else {}
    ordered = sorted(rows, key=lambda r: (-value.get(r["warning_id"], 0.0), rank(r["level"]), r["p_value"] if r["p_value"] is not None else -1.0,
                                          r["warning_id"]))
    new = [r["warning_id"] for r in ordered if r["warning_id"] not in was]
    over = set(new[cap:])
    return [r for r in ordered if r["warning_id"] not in over], len(over)


_EVIDENCE: dict[str, Any] = {"warning_id": pl.String, "record_id": pl.String, "role": pl.String, "known_at": pl.Datetime("us", "UTC"), "since": pl.Date}


def _evidence(warning_id: str, own: pl.DataFrame, spoke: pl.DataFrame) -> pl.DataFrame:
    """Every record behind the warning; a few typical ones of those that `spoke`, of different callers and words, are examples. Reports (举报) are
    examples only where there is nothing else: nobody quotes them."""
    secret = pl.col("record_type").eq_missing(pl.lit("report"))
    open_ = spoke.with_columns(pl.coalesce("caller_key", "record_id").alias("_who"), secret.alias("_secret")).sort("_secret", "created_at", "row_hash", "record_id").unique(
        "_who", keep="first", maintain_order=True)
    some = open_.filter(~pl.col("_secret")) if not open_["_secret"].all() else open_
    examples = some["record_id"].gather(typical(some["content"].fill_null(""), EXAMPLES)).to_list() or some["record_id"].head(1).to_list()
    return own.select(pl.lit(warning_id).alias("warning_id"), "record_id",
                      pl.when(pl.col("record_id").is_in(examples)).then(pl.lit("example")).otherwise(pl.lit("evidence")).alias("role"),
                      pl.col("first_known_at").alias("known_at"), pl.col("local_date").alias("since"))


def stored(old: dict) -> dict:
    """A stored warning as a row to be written again."""
    evidence = {c: old[c] for c in EVIDENCE if c != "opening" or opening_of(old) is not None}
    return {**{k: v for k, v in old.items() if k not in EVIDENCE}, "evidence": evidence}


def _event(row: dict, old: dict | None, as_of: datetime, run_id: str) -> dict:
    kind = "raised" if old is None else "merged" if row["status"] == "merged" else "recurred" if row["status"] != old["status"] else "updated"
    return event(row, old, kind, as_of, run_id, row["follows"] if old is None else row["merged_into"])


def event(row: dict, old: dict | None, kind: str, as_of: datetime, run_id: str, note: str | None = None) -> dict:
    """A line of the trail for what a night did to a warning; its id derives from the warning, the kind and the moment."""
    changes = {c: [old[c], row[c]] for c in (*SHOWN, *LIFE) if c not in ("summary",) and row.get(c) != old.get(c)} if old else {}
    about = f"{row['warning_id']}|{kind}|{as_of.isoformat()}{'|' + (note or '') if kind == 'absorbed' else ''}"
    return {"event_id": blake2b(about.encode(), digest_size=8).hexdigest(), "warning_id": row["warning_id"], "known_at": as_of, "kind": kind, "done_by": None,
            "changes": changes, "note": note, "run_id": run_id}


def event_frame(events: list[dict]) -> pl.DataFrame:
    schema: dict[str, Any] = {"event_id": pl.String, "warning_id": pl.String, "known_at": pl.Datetime("us", "UTC"), "kind": pl.String, "done_by": pl.String,
              "changes": pl.String, "note": pl.String, "run_id": pl.String}
    return pl.DataFrame([{**e, "changes": _json(e["changes"])} for e in events], schema=schema)


def _json(value: object) -> str:
    import json
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


_ROW: dict[str, Any] = {
    "warning_id": pl.String, "raised_on": pl.Date, "updated_on": pl.Date, "as_of": pl.Datetime("us", "UTC"), "kind": pl.String, "level": pl.String,
    "status": pl.String, "problem_code": pl.String, "problem_name": pl.String, "place": pl.String, "respondent": pl.String,
    "observed": pl.Float64, "expected": pl.Float64, "ratio": pl.Float64, "p_value": pl.Float64, "q_value": pl.Float64, "n_records": pl.Int64,
    "n_callers": pl.Int64, "first_seen": pl.Date, "last_seen": pl.Date, "title": pl.String, "summary": pl.String, "lead_unit": pl.String,
    "co_units": pl.List(pl.String), "law": pl.String, "due_at": pl.Datetime("us", "UTC"), "verdict": pl.String, "merged_into": pl.String,
    "fingerprint": pl.String, "city": pl.String, "district": pl.String, "street": pl.String, "street_code": pl.String, "fine_place": pl.String,
    "coarse_place": pl.String, "streets": pl.List(pl.String), "source_ids": pl.List(pl.String), "incident_id": pl.String, "series_id": pl.String,
    "window_days": pl.Int64, "rule": pl.String, "reasons": pl.String, "evidence": pl.String, "parameters": pl.String, "lang": pl.String,
    "assigned_to": pl.String, "closed_on": pl.Date, "change_no": pl.Int64, "pack": pl.String, "lead_code": pl.String, "owner": pl.String,
    "measures": pl.String, "handled_by": pl.String, "closed_at": pl.Datetime("us", "UTC"), "snoozed_until": pl.Date, "follows": pl.String,
    "escalation_step": pl.Int64, "escalated_to": pl.String, "escalated_at": pl.Datetime("us", "UTC"), "run_id": pl.String,
}


def frame(rows: list[dict]) -> pl.DataFrame:
    flat = [{**r, **{c: r[c] if isinstance(r[c], str) else _json(r[c]) for c in ("reasons", "evidence", "parameters")}} for r in rows]
    return pl.DataFrame([{c: r.get(c) for c in _ROW} for r in flat], schema=_ROW)


def _before_the_complaint(rows: list[dict], evidence: list[pl.DataFrame], records: pl.DataFrame, as_of: datetime, run_id: str) -> pl.DataFrame:
    """What "before the complaint" came to, warning by warning: records before it, days of lead, records after it and after handling."""
    by_id = {r["warning_id"]: r for r in rows}
    out = []
    for part in evidence:
        row = by_id[part["warning_id"][0]]
        seen = records.filter(pl.col("record_id").is_in(part["record_id"].to_list()))
        opening = opening_of(row["evidence"])
        total, raised, closed = seen.height, opening.on if opening else row["raised_on"], row["closed_on"]
        before = int((seen["local_date"] <= raised).sum())
        last: date = seen["local_date"].max()  # type: ignore[assignment]
        figures = {"records_before_warning": (before, total), "records_after_warning": (total - before, total),
                   "days_of_lead": (max(0, (last - raised).days), None),
                   "records_after_handled": (int((seen["local_date"] > closed).sum()) if closed else None, total)}
        for metric, (value, of) in figures.items():
            out.append({"metric": metric, "period_start": raised, "period_end": row["updated_on"], "grain": "warning", "key": row["warning_id"],
                        "numerator": None if value is None else float(value), "denominator": None if of is None else float(of),
                        "value": None if value is None else float(value), "low": None, "high": None, "mature": row["status"] in ("closed", "merged"),
                        "as_of": as_of, "run_id": run_id})
    schema: dict[str, Any] = {"metric": pl.String, "period_start": pl.Date, "period_end": pl.Date, "grain": pl.String, "key": pl.String, "numerator": pl.Float64,
              "denominator": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "mature": pl.Boolean,
              "as_of": pl.Datetime("us", "UTC"), "run_id": pl.String}
    return pl.DataFrame(out, schema=schema)
