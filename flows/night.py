"""The night's work on one place: classify, link, count, detect, warn. Everything it needs comes in; everything it says is rows to publish."""
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

import polars as pl

from flows.artefacts import NO_ARTEFACTS, artefact_lines, without_artefacts
from flows.by_rule import by_rules, inspections, together
from flows.cells import Judged, judged
from flows.classify import FIT_DAYS, STATE, found_problems, known_problems
from flows.detect import NOTHING, OPEN_DAYS, Detection, find_signals
from flows.feedback import Feedback, feedback
from flows.life import Tended, tend
from flows.lineage import incident_events, lineage_write
from flows.link import KEPT, link
from flows.places import Place
from flows.problem_decisions import NOTHING_KNOWN, Known
from flows.tonight import Tonight
from flows.warn import EVIDENCE, Told, tell
from flows.window import LIGHT, TEXTS, Window, earlier_records, packed, those, unpacked, with_respondent_keys, with_told_respondents
from flows.wording import shown
from models.incident_titles import incident_titles, spread_records
from models.problems import TaxonomyClassifier
from models.threads import both, one_blas_thread
from policy.calendar import year_before
from policy.catalogue import say
from policy.lifecycle import OPEN
from policy.matters import claimant_rule
from transforms.canonical import LINEAGE, RECORD
from transforms.claimants import claimants
from transforms.counts import count_changes
from transforms.matters import find_matters, series_of
from transforms.seasonal import as_last_year
from warehouse.journal import WORKED, told_writes, worked_writes
from warehouse.publication import Delete, LakeWrite, Write
from warehouse.store import Warehouse
from warehouse.warning_work import as_of as as_of_people

RECORD_ROW = (*RECORD, "revision_no", "known_at", "first_known_at", "row_hash", "fine_place", "coarse_place", "problem_code", "problem_name",
              "problem_id", "incident_id", "worked_revision", "flags", "run_id", *LINEAGE)


@dataclass
class Work:
    """What a night's work on one place came to."""

    writes: list[Write] = field(default_factory=list)
    deletes: list[Delete] = field(default_factory=list)
    lake: list[LakeWrite] = field(default_factory=list)
    n_signals: int = 0
    n_warnings: int = 0
    expected_false_alarms: float = 0.0
    notices: int = 0


@one_blas_thread()
def work_place(place: Place, touched: pl.DataFrame, before: pl.DataFrame, house: Warehouse, tonight: Tonight, rules_only: bool = False,
               made: pl.DataFrame | None = None) -> Work:
    """Works the records that are new or changed as of tonight and tells what they and the counts say.

    touched: the current revision of each (RECORD, LINEAGE, row_hash, issues, revision_no, known_at, first_known_at).
    before: their rows of the table `record` as an earlier run left them. rules_only: every source of the place is withheld, so that
    nothing that rests on counts is said, and series stay as they were. made: codes and ids of all these records (columns `MADE`), where a
    replay knows them; then none are given here.
    """
    work = Work()
    decided = Known.of(house.decisions(tonight.as_of))
    with tonight.step("classify"):
        placed = place.with_places(touched)
        coded = (lambda: _carried(_classified(placed, before, place, decided, tonight.learned), before)) if made is None else partial(_as_made, placed, before, made)
        since = window_start(place, tonight.day)
        # Records of a source whose texts say nothing are linked by their address.
        asked = (*LIGHT, "address_masked") if place.by_category else LIGHT
        rows, (recent, taken_over) = both(coded, partial(earlier_records, house, place, since, tonight.as_of, touched["record_id"], asked))
        work.lake += taken_over
        rows = with_told_respondents(rows, recent)
        window = Window(house, touched.select("record_id", *TEXTS), place, since, tonight.as_of)
        rows = _found(rows, recent, window, place, tonight, work, decided) if made is None else rows
    with tonight.step("count"):
        changes = count_changes(before.filter(pl.col("worked_revision").is_not_null()), rows)
        work.lake += [LakeWrite("counts", s, part) for (s,), part in changes.sort("source_id").group_by("source_id", maintain_order=True)]
    # What a cell has to expect rests on counts alone, so cells are judged beside linking, which often waits for one thread.
    with tonight.step("link"):
        judging = partial(judged, house, place, changes, tonight, not rules_only)
        if made is None:
            (rows, recent, moved), cells = both(partial(_linked, rows, recent, window, place, tonight, work), judging)
        else:
            recent, cells = unpacked(recent), judging()
            moved = recent.clear()
        moved = _wholly(moved, rows, window)
    # What a text told of the respondent is the night's word and goes into the journal; the record keeps what its source gave.
    delivered = rows.drop("respondent_name").join(touched.select("record_id", "respondent_name"), on="record_id", how="left", maintain_order="left")
    work.writes.append(Write("record", _record_rows(delivered, tonight.run_id), "upsert"))
    work.lake += worked_writes(pl.concat([rows.with_columns(pl.col("revision_no").cast(pl.Int64).alias("worked_revision")).select(list(WORKED)), moved],
                                         how="vertical_relaxed"), before, tonight.as_of, tonight.night_no)
    whole = with_respondent_keys(pl.concat([recent, rows.select(recent.columns)], how="vertical_relaxed"))
    del recent
    known = feedback(house, place, tonight.day, tonight.as_of, tonight.settings)
    with tonight.step("detect"):
        seen = those(whole, pl.col("local_date") <= tonight.day)
        rule = claimant_rule()
        many = claimants(seen, tonight.day, rule.days, rule.records, rule.respondents)
        drives = inspections(house, tonight.day, tonight.as_of)
        rules = partial(by_rules, seen, window, place, tonight, known.factors["several_callers"].factor, drives, many)
        by_counts = partial(_detected, place, cells, seen, window, tonight, known.factors["false_alarms"].factor, many)
        (found, artefacts), told_by_rule = both((lambda: (NOTHING, NO_ARTEFACTS)) if rules_only else by_counts, rules)
        signals, members = together([(found.signals, found.members), *told_by_rule])
    with tonight.step("warn"):
        yearly = as_last_year(cells.counts.filter(pl.col("problem_code").cast(pl.String).is_in(signals["problem_code"].unique().implode())), tonight.day,
                              year_before(tonight.day, place.region))
        told, tended = _told(place, signals, members, found, whole, rows, window, tonight, known, drives, many, yearly)
    work.writes += _work_writes(tended, known, place, tonight)
    _publish_words(work, place, seen, found, artefacts, signals, members, told, changes, cells.counts, tonight)
    work.deletes.append(Delete("ranking", "date < :before", {"before": tonight.day - timedelta(days=tonight.settings.series_days)}))
    return work


#: What a night gives a record.
MADE = ("problem_code", "problem_name", "problem_id", "incident_id")


@one_blas_thread()
def made_at_once(place: Place, records: pl.DataFrame, day: date, learned: TaxonomyClassifier | None = None) -> pl.DataFrame:
    """Codes and ids of records (the columns of `touched`) as a first night would give them, all at once: record_id and `MADE`."""
    rows = known_problems(place.with_places(records), place, NOTHING_KNOWN, learned).with_columns(pl.lit(None, pl.String).alias(c) for c in MADE[2:])
    rows = with_told_respondents(rows, rows.clear())
    left = rows.filter(pl.col("problem_code").is_null())
    rows = _with_found(rows, found_problems(left, left.clear(), lambda frame: frame, None, place, day, datetime(day.year, day.month, day.day, tzinfo=UTC), "", NOTHING_KNOWN).records)
    links = link(rows, rows.clear().drop("title", "content"), lambda ids: rows.clear().select("record_id", *TEXTS), None,
                 place.by_category, place.link_window_days)
    incident = pl.col("record_id").replace_strict(dict(links.records.iter_rows()), default=None, return_dtype=pl.String)
    return rows.with_columns(incident.alias("incident_id")).select("record_id", *MADE)


def _as_made(rows: pl.DataFrame, before: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    return rows.join(made, on="record_id", how="left", maintain_order="left").join(
        before.select("record_id", "worked_revision"), on="record_id", how="left", maintain_order="left")


def window_start(place: Place, day: date) -> date:
    """The first local date of the records that a night of that day looks at though they are not new."""
    return day - timedelta(days=max(place.link_window_days, OPEN_DAYS))


def _detected(place: Place, known: Judged, seen: pl.DataFrame, window: Window, tonight: Tonight, factor: float, many: list[str]) -> tuple[Detection, pl.DataFrame]:
    """What spoke tonight, and what only the intake did (`flows.artefacts.ARTEFACT`)."""
    budget = tonight.settings
    found = find_signals(known.cells, seen, tonight.day, budget.false_alarms_per_week * factor, budget.per_series, [*tonight.quiet, *known.fresh["source_id"]], many)
    found, artefacts = without_artefacts(found, known.counts, known.every_day, seen, window.texts, tonight.day, place.region, place.by_category)
    return found, pl.concat([known.fresh, artefacts])


#: What a record's problem is read from; where none of it changed, the problem stays what it was.
_TELLS = ("title", "content", "source_category_1", "source_category_2", "source_category_3")


def _classified(rows: pl.DataFrame, before: pl.DataFrame, place: Place, decided: Known, learned: TaxonomyClassifier | None) -> pl.DataFrame:
    """The records with problem_code and problem_name, in their order; only those whose words changed are read."""
    was = before.filter(pl.col("worked_revision").is_not_null() & pl.col("problem_code").is_not_null()
                        & ~pl.col("problem_code").str.starts_with("found:"))
    same = rows.select("record_id", *_TELLS).join(was.select("record_id", "problem_code", "problem_name", *_TELLS), on=["record_id", *_TELLS], how="inner",
                                                  nulls_equal=True).select("record_id", "problem_code", "problem_name")
    kept = rows.join(same, on="record_id", how="inner", maintain_order="left")
    read = known_problems(rows.join(same, on="record_id", how="anti", maintain_order="left"), place, decided, learned)
    return pl.concat([kept, read.select(kept.columns)]).sort("record_id")


def _carried(rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """What earlier nights gave a record stays with it: its incident, and its found problem where nothing better is known."""
    was = before.select("record_id", "incident_id", "problem_id", pl.col("problem_code").alias("_code"), pl.col("problem_name").alias("_name"),
                        "worked_revision")
    rows = rows.join(was, on="record_id", how="left", maintain_order="left")
    keeps = pl.col("problem_code").is_null() & pl.col("_code").str.starts_with("found:").fill_null(False)
    return rows.with_columns(pl.when(keeps).then("_code").otherwise("problem_code").alias("problem_code"),
                             pl.when(keeps).then("_name").otherwise("problem_name").alias("problem_name")).drop("_code", "_name")


def _found(rows: pl.DataFrame, recent: pl.DataFrame, window: Window, place: Place, tonight: Tonight, work: Work, decided: Known) -> pl.DataFrame:
    left = rows.filter(pl.col("problem_code").is_null())
    if left.is_empty() and decided.rows.is_empty():
        return rows
    code, problem = (pl.col(c).cast(pl.String) for c in ("problem_code", "problem_id"))
    earlier = recent.filter((code.is_null() | code.str.starts_with("found:") | problem.is_in(list(decided.promoted)))
                            & (pl.col("local_date") > tonight.day - timedelta(days=FIT_DAYS)))
    kept = window.house.dataset(STATE, tonight.as_of, [place.key], newest=True).collect()
    state = kept["state"][-1] if "state" in kept.columns and kept.height else None
    found = found_problems(left, earlier, window.with_texts, state, place, tonight.day, tonight.as_of, tonight.run_id, decided)
    work.writes += found.writes
    work.lake += found.lake
    return _with_found(rows, found.records)


def _with_found(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The records with the found problems (record_id, problem_id, problem_code, problem_name) of those that have no better."""
    new = found.rename({"problem_id": "_id", "problem_code": "_code", "problem_name": "_name"})
    rows = rows.join(new, on="record_id", how="left", maintain_order="left")
    hit = pl.col("_id").is_not_null() & pl.col("problem_code").is_null()
    return rows.with_columns(
        pl.coalesce("_id", "problem_id").alias("problem_id"),
        pl.when(hit).then("_code").otherwise("problem_code").alias("problem_code"),
        pl.when(hit).then("_name").otherwise("problem_name").alias("problem_name")).drop("_id", "_code", "_name")


def _linked(rows: pl.DataFrame, recent: pl.DataFrame, window: Window, place: Place, tonight: Tonight,
            work: Work) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Tonight's records linked with what is open (`recent`, packed); both frames with their incidents as they are now, and those of the second that have
    another."""
    new = rows.filter(pl.col("worked_revision").is_null())
    old = pl.concat([recent, packed(rows.filter(pl.col("worked_revision").is_not_null()).select(recent.columns))])
    since = window.since
    links = link(new, old, window.texts, window.house.dataset(KEPT, tonight.as_of, place.sources, since),
                 place.by_category, place.link_window_days)
    work.lake += links.writes(since)
    moved = dict(links.records.iter_rows())
    gone = dict(links.merged.iter_rows())
    now = pl.col("record_id").replace_strict(moved, default=None, return_dtype=pl.String)
    rows = rows.with_columns(pl.coalesce(now, pl.col("incident_id").replace(gone)).alias("incident_id"))
    recent = unpacked(recent).with_columns(pl.coalesce(now, pl.col("incident_id").replace(gone)).alias("incident_id"))
    changed = recent.filter(pl.col("record_id").is_in(list(moved)))
    if changed.height:
        work.writes.append(Write("record", changed.select("record_id", "incident_id", pl.lit(tonight.run_id).alias("run_id")), "update"))
    touched = {*moved.values(), *rows["incident_id"].drop_nulls().to_list()}
    whole = pl.concat([recent, rows.select(recent.columns)], how="vertical_relaxed").filter(pl.col("incident_id").is_in(list(touched)))
    touched_rows = _incident_rows(whole, window, tonight.run_id)
    work.writes.append(Write("incident", touched_rows, "upsert"))
    events = incident_events(window.house, place, tonight.day, since, touched_rows, old["incident_id"], links.merged)
    work.writes.append(lineage_write("incident", events, place.key, tonight.day, tonight.as_of, tonight.run_id))
    if links.merged.height:
        work.writes.append(Write("incident", links.merged.select("incident_id", pl.col("into").alias("merged_into"),
                                                                 pl.lit(tonight.run_id).alias("run_id")), "upsert"))
    return rows, recent, changed


def _incident_rows(whole: pl.DataFrame, window: Window, run_id: str) -> pl.DataFrame:
    """What is known of an incident from the records of the open window; its title is in the words that its records share."""
    ordered = whole.sort("created_at", "row_hash", "record_id")
    # A reporter's words (举报) are used only where there are no others.
    report = pl.col("record_type").eq_missing(pl.lit("report"))
    told = ordered.filter(~report | report.all().over("incident_id"))
    titles = incident_titles(window.with_texts(spread_records(told.select("incident_id", "record_id"))))
    return ordered.group_by("incident_id", maintain_order=True).agg(
        pl.coalesce("fine_place", "coarse_place").drop_nulls().first().alias("place"),
        pl.col("problem_code").drop_nulls().mode().sort().first(), pl.col("respondent_name").drop_nulls().mode().sort().first().alias("respondent"),
        pl.col("local_date").min().alias("first_seen"), pl.col("local_date").max().alias("last_seen"), pl.len().cast(pl.Int64).alias("n_records"),
        pl.col("caller_key").drop_nulls().n_unique().cast(pl.Int64).alias("n_callers"), pl.col("record_id").first().alias("founded_by"),
    ).join(titles, on="incident_id", how="left").with_columns(pl.lit(run_id).alias("run_id")).sort("incident_id")


def _record_rows(rows: pl.DataFrame, run_id: str) -> pl.DataFrame:
    flags = pl.col("issues").list.eval(pl.element().struct.field("code")).list.unique().list.sort()
    return rows.with_columns(pl.col("revision_no").cast(pl.Int64).alias("worked_revision"), flags.alias("flags"),
                             pl.lit(run_id).alias("run_id")).select(RECORD_ROW).sort("record_id")


def earlier_warnings(house: Warehouse, place: Place, day: date, as_of: datetime, watch_days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The place's warnings that tonight can still be about, as people had left them by the as-of, and their records: not merged, and open, watched
    since their end, or with a word in the open window."""
    given = {"since": window_start(place, day), "watched": day - timedelta(days=watch_days)}
    alive = f"(status in ({', '.join(repr(s) for s in OPEN)}) or updated_on >= :since or closed_on >= :watched)"
    rows = as_of_people(house.select("warning", alive, **given), house.acts(as_of)).filter(pl.col("status") != "merged")
    rows = rows.filter(pl.col("source_ids").list.eval(pl.element().is_in(list(place.sources))).list.any().fill_null(False))
    told = [json.loads(e or "{}") for e in rows["evidence"].to_list()]
    extra = pl.DataFrame([{c: t.get(c) for c in EVIDENCE} for t in told], schema=EVIDENCE)
    rows = pl.concat([rows, extra], how="horizontal") if rows.height else rows.with_columns(
        pl.lit(None, t).alias(c) for c, t in EVIDENCE.items())
    return rows, house.behind(rows["warning_id"])


def _told(place: Place, signals: pl.DataFrame, members: pl.DataFrame, found: Detection, whole: pl.DataFrame, rows: pl.DataFrame, window: Window, tonight: Tonight,
          known: Feedback, drives: pl.DataFrame, many: list[str], yearly: pl.DataFrame) -> tuple[Told, Tended]:
    """What is told tonight, with what becomes of every open warning beside."""
    settings = tonight.settings
    earlier, earlier_records = earlier_warnings(window.house, place, tonight.day, tonight.as_of, settings.watch_days)
    if signals.is_empty() and earlier.is_empty():
        whole = whole.clear()
    behind = window.with_texts(_all_behind(whole, rows, members, earlier, earlier_records, window))
    seen = behind.filter(pl.col("local_date") <= tonight.day)
    matters = find_matters(signals, members, seen.select("record_id", "problem_code", "fine_place", "coarse_place", "respondent_key", "incident_id"),
                           found.streets)
    told = tell(matters, seen, earlier, earlier_records, found.q_values, place, tonight.day, tonight.as_of, tonight.run_id,
                settings.max_warnings, tonight.quiet, settings.watch_days, known.worth, drives, many, {(p, c, f): (n, then) for p, c, f, n, then in yearly.iter_rows()})
    tended = tend(told, earlier, earlier_records, seen, window.house, place, tonight.day, tonight.as_of, tonight.run_id, settings, tuple(tonight.quiet))
    return replace(told, warnings=tended.warnings, events=tended.events), tended


def _work_writes(tended: Tended, known: Feedback, place: Place, tonight: Tonight) -> list[Write]:
    """The outbox, the order of the open warnings, and what verdicts have taught."""
    figures = known.metrics(place, tonight.as_of, tonight.run_id, tonight.settings.verdict_days)
    dated = pl.col("metric") == "calibration"
    return [Write("outbox", tended.outbox, "ignore"),
            Write("ranking", known.ranked(tended.open, place, tonight.as_of, tonight.run_id), "replace", ("date", "place_key")),
            Write("metric", figures.filter(~dated), "replace", ("metric", "grain", "key")), Write("metric", figures.filter(dated), "upsert")]


def _all_behind(whole: pl.DataFrame, rows: pl.DataFrame, members: pl.DataFrame, earlier: pl.DataFrame, earlier_records: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Every record that a warning of tonight may stand on: those of tonight's signals, of their incidents, and of open warnings."""
    told = whole.join(members.select("record_id").unique(), on="record_id", how="semi")
    open_ = earlier.filter(pl.col("status").is_in(OPEN))
    incidents = {*told["incident_id"].drop_nulls().to_list(), *(i for ids in open_["incidents"].to_list() if ids for i in ids)}
    inside = whole.filter(pl.col("incident_id").is_in(list(incidents)) | pl.col("record_id").is_in(members["record_id"].unique().implode()))
    again = whole.join(earlier_records.select("record_id").unique(), on="record_id", how="semi")
    mine = _wholly(pl.concat([inside, again]).unique("record_id", keep="first", maintain_order=True), rows, window)
    ids = earlier_records["record_id"].unique().sort()
    ids = ids.filter(~ids.is_in(whole["record_id"].implode()))
    outside = [window.house.records(ids).select(list(WORKED))] if len(ids) else []
    return with_respondent_keys(pl.concat([mine, *outside], how="vertical_relaxed"))


def _wholly(records: pl.DataFrame, rows: pl.DataFrame, window: Window) -> pl.DataFrame:
    """The records of the window, in their order, with all that the journal holds of one (`WORKED`). rows: tonight's."""
    tonights = rows.join(records.select("record_id"), on="record_id", how="semi").select(list(WORKED))
    others = window.worked(records.select("record_id").join(tonights.select("record_id"), on="record_id", how="anti")["record_id"])
    more = [c for c in WORKED if c not in records.columns]
    rest = pl.concat([tonights, others], how="vertical_relaxed").select("record_id", *more)
    return records.join(rest, on="record_id", how="left", maintain_order="left").select(list(WORKED))


def _publish_words(work: Work, place: Place, seen: pl.DataFrame, found: Detection, artefacts: pl.DataFrame, signals: pl.DataFrame, members: pl.DataFrame, told: Told,
                   changes: pl.DataFrame, counts: pl.DataFrame, tonight: Tonight) -> None:
    """Rows of series, warnings, notices and metrics."""
    work.n_signals, work.n_warnings = signals.height, told.raised
    work.expected_false_alarms = found.expected_false_alarms
    work.lake += told_writes(place.key, told.warnings, told.records, tonight.day, tonight.as_of, tonight.night_no)
    work.writes += [Write("warning", told.warnings, "upsert"), Write("warning_record", told.records, "replace", ("warning_id",)),
                    Write("warning_event", told.events, "ignore"), Write("metric", told.metrics, "replace", ("metric", "grain", "key"))]
    if found is not NOTHING:
        work.writes += series_writes(seen, found, signals, members, told, changes, counts, tonight)
        work.deletes.append(Delete("series", "date < :before and not kept",
                                   {"before": tonight.day - timedelta(days=tonight.settings.series_days)}))
    notices = _notices(place, found, artefacts, told, tonight)
    work.notices = notices.height
    work.writes.append(Write("notice", notices, "ignore"))


def series_writes(seen: pl.DataFrame, found: Detection, signals: pl.DataFrame, members: pl.DataFrame, told: Told, changes: pl.DataFrame, counts: pl.DataFrame,
                  tonight: Tonight) -> list[Write]:
    """Tonight's row of every watched cell, and `observed` of earlier days wherever tonight's records changed it."""
    rounded = lambda c: pl.col(c).round_sig_figs(9).alias(c)
    behind = [s for r in told.warnings.iter_rows(named=True) for s in json.loads(r["evidence"])["signals"]]
    spoke = {series_of(s) for s in [*signals["signal_id"].to_list(), *behind]} - {None}
    tonights = found.cells.select(
        "series_id", pl.lit(tonight.day).alias("date"), "problem_code", pl.coalesce("fine_place", "coarse_place").alias("place"),
        pl.lit(None, pl.String).alias("respondent"), "level", pl.col("observed_day").alias("observed"),
        pl.col("expected_day").alias("expected"), "p_value", "alarm",
        (pl.col("alarm") | pl.col("series_id").is_in(list(spoke))).alias("kept"), pl.lit(tonight.run_id).alias("run_id")
    ).with_columns(rounded("expected"), rounded("p_value"))
    today = seen.filter(pl.col("local_date") == tonight.day).select("record_id").join(members, on="record_id").group_by("signal_id").len("_today")
    grown = signals.filter(pl.col("level").is_in(["respondent", "incident"]) & pl.col("p_value").is_not_null()).join(today, on="signal_id", how="left")
    special = grown.select(
        pl.col("signal_id").alias("series_id"), pl.lit(tonight.day).alias("date"), "problem_code",
        pl.coalesce("fine_place", "coarse_place").alias("place"), pl.col("respondent_key").alias("respondent"), "level",
        pl.col("_today").fill_null(0).cast(pl.Int64).alias("observed"), (pl.col("expected") / pl.col("window")).alias("expected"), "p_value",
        pl.lit(True).alias("alarm"), pl.lit(True).alias("kept"),
        pl.lit(tonight.run_id).alias("run_id")).with_columns(rounded("expected"), rounded("p_value"))
    past = _past_observed(changes, counts, found.cells, tonight)
    return [Write("series", past, "upsert"), Write("series", pl.concat([tonights, special]).unique(["series_id", "date"], keep="first",
                                                                                                  maintain_order=True), "upsert")]


def _past_observed(changes: pl.DataFrame, counts: pl.DataFrame, cells: pl.DataFrame, tonight: Tonight) -> pl.DataFrame:
    """`observed` of the days before tonight, within the kept window, of the cells and days that tonight's records changed."""
    first = tonight.day - timedelta(days=tonight.settings.series_days)
    moved = changes.filter((pl.col("known_at") <= tonight.as_of) & pl.col("date").is_between(first, tonight.day - timedelta(days=1)))
    out = []
    kept = counts.filter(pl.col("date") >= first).with_columns(pl.col("problem_code", "coarse_place", "fine_place").cast(pl.String))
    for level, by in (("fine", ["problem_code", "coarse_place", "fine_place"]), ("coarse", ["problem_code", "coarse_place"])):
        keyed = [c.filter(pl.col("coarse_place").is_not_null() & (pl.col("fine_place").is_not_null() if level == "fine" else pl.lit(True)))
                 for c in (moved, kept)]
        days = keyed[0].select(*by, "date").unique()
        now = keyed[1].join(days, on=[*by, "date"], how="right").group_by(*by, "date").agg(pl.col("n").sum().fill_null(0).alias("observed"))
        places = ["coarse_place", "fine_place"] if level == "fine" else ["coarse_place"]
        out.append(now.select(
            pl.concat_str("problem_code", pl.lit("@"), pl.concat_str(*places, separator="/")).alias("series_id"), "date", "problem_code",
            pl.col(places[-1]).alias("place"), pl.lit(level).alias("level"), pl.col("observed").cast(pl.Int64)))
    return pl.concat(out).join(cells.select("series_id"), on="series_id", how="semi").sort("series_id", "date")


_NOTICE: dict[str, Any] = {"notice_id": pl.String, "raised_on": pl.Date, "as_of": pl.Datetime("us", "UTC"), "kind": pl.String, "code": pl.String,
           "source_id": pl.String, "problem_code": pl.String, "place": pl.String, "n_records": pl.Int64, "n_callers": pl.Int64,
           "summary": pl.String, "details": pl.String, "lang": pl.String, "run_id": pl.String}


def notice_frame(rows: list[dict], tonight_day: date, as_of: datetime, run_id: str) -> pl.DataFrame:
    """Rows of the table `notice`; an id derives from what the notice is about and the day, or what it is told of since."""
    out = []
    for row in rows:
        about = f"{row['kind']}|{row.get('code')}|{row.get('source_id')}|{row.get('problem_code')}|{row.get('place')}|{row.get('about', '')}"
        notice_id = f"N{row.get('since') or tonight_day:%Y%m%d}-" + blake2b(about.encode(), digest_size=5).hexdigest()
        out.append({**dict.fromkeys(_NOTICE), **{k: v for k, v in row.items() if k in _NOTICE}, "notice_id": notice_id,
                    "raised_on": tonight_day, "as_of": as_of, "run_id": run_id})
    return pl.DataFrame(out, schema=_NOTICE).unique("notice_id", keep="first", maintain_order=True)


def _notices(place: Place, found: Detection, artefacts: pl.DataFrame, told: Told, tonight: Tonight) -> pl.DataFrame:
    rows = artefact_lines(artefacts, place)
    for c in found.campaigns.iter_rows(named=True):
        where = c["fine_place"] or c["coarse_place"] or ""
        rows.append({"kind": "campaign", "problem_code": c["problem_code"], "place": where, "n_records": int(c["observed"]),
                     "n_callers": c["n_callers"], "lang": place.lang, "summary": say(
                         "notice.campaign", place.lang, place=where, problem=c["problem_name"] or c["problem_code"] or "",
                         observed=shown(c["observed"]), n=c["n_callers"], own=c["own"])})
    if told.capped:
        rows.append({"kind": "capped", "n_records": told.capped, "lang": place.lang, "summary": say("notice.capped", place.lang, n=told.capped)})
    return notice_frame(rows, tonight.day, tonight.as_of, tonight.run_id)
