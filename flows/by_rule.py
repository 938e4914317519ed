"""What one or a few records say by a dated rule, whatever the counts are: sentinels, clusters, several callers, returns, spread and what is new."""
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from flows.places import Place
from flows.tonight import Tonight
from flows.window import Window, those
from policy.clocks import OVER
from policy.matters import RULE_ID, AfterInspection, BackAfterSolved, Novelty, SeveralCallers, Spread, matter_rule
from policy.sentinels import cluster_rules, clusters, match, sentinel_rules
from transforms.matters import MEMBER, SIGNAL, as_signals, problem_group
from warehouse.store import Warehouse

#: The volume of a place is that of so many days.
VOLUME_DAYS = 28
#: Questions, thanks and wishes are no trouble that could come back.
NO_TROUBLE = ("consultation", "praise", "suggestion", "withdrawal")
_AGAIN = "again:"
#: What rules that count look at; of the whole open window every column more is memory.
_COUNTED = ("record_id", "local_date", "created_at", "closed_at", "record_type", "status", "solved", "caller_key", "respondent_key", "incident_id", "problem_code",
            "fine_place", "coarse_place")
Spoken = tuple[pl.DataFrame, pl.DataFrame]


def inspections(house: Warehouse, day: date, as_of: datetime) -> pl.DataFrame:
    """Special inspections that had ended before the day, lately enough for what comes after them to be a return: rows of `drive` known then."""
    longest: AfterInspection = matter_rule("after_inspection")
    rows = house.select("drive", "kind = 'inspection' and last_day < :day and last_day >= :since", day=day, since=day - timedelta(days=longest.days))
    return rows.filter(pl.col("known_at") <= as_of).sort("drive_id")


def inspected_before(signals: Any, drives: pl.DataFrame) -> Mapping[str, Any] | None:
    """The inspection that a matter with these signals came after; of several the last."""
    told = [s.removeprefix(_AGAIN) for s in signals if s.startswith(_AGAIN)]
    mine = drives.filter(pl.col("drive_id").is_in(told)).sort("last_day", "drive_id")
    return mine.row(-1, named=True) if mine.height else None


def by_rules(seen: pl.DataFrame, window: Window, place: Place, tonight: Tonight, more_callers: float, drives: pl.DataFrame,
             claimants: Sequence[str] = ()) -> list[Spoken]:
    """The signals of each rule and their records.

    seen: the open window's records. more_callers: times what the rule of several callers says. drives: `inspections`. claimants: keys of callers
    who write against many; where a rule counts callers, they are not among them.
    """
    heard = those(seen, ~pl.col("source_id").is_in(list(tonight.quiet)))
    a_day = heard.filter(pl.col("local_date") > tonight.day - timedelta(days=VOLUME_DAYS)).height / VOLUME_DAYS
    others = those(heard.select(_COUNTED), ~pl.col("caller_key").is_in(list(claimants)).fill_null(False))
    return [_sentinels(seen, window, place, tonight), _clusters(heard, window, tonight),
            _several_callers(others, tonight.day, matter_rule(RULE_ID, a_day), more_callers),
            back_after_solved(others, tonight.day, matter_rule("back_after_solved", a_day)),
            after_inspection(heard, tonight.day, drives), spreading(others, tonight.day, matter_rule("spread", a_day)),
            novel(others, tonight.day, matter_rule("novelty", a_day))]


def together(told: Sequence[Spoken]) -> Spoken:
    """All signals and all their records, each once."""
    signals, members = pl.concat([as_signals(s) for s, _ in told]), pl.concat([m.select(list(MEMBER)) for _, m in told])
    return signals.sort("signal_id"), members.unique().sort("signal_id", "record_id")


def _sentinels(seen: pl.DataFrame, window: Window, place: Place, tonight: Tonight) -> Spoken:
    """Records that became known lately and are enough by themselves."""
    age = tonight.settings.sentinel_days
    fresh = window.with_texts(seen.filter(pl.col("created_at") > pl.lit(tonight.as_of) - pl.duration(days=age)))
    rules = sentinel_rules(tonight.day)
    hits = fresh.with_columns(match(fresh.select("title", "content"), rules).alias("rule")).filter(pl.col("rule").is_not_null())
    told = [s for s, m in place.mappings.items() if m.problems == "taxonomy"]
    stands_for = pl.col("rule").replace_strict({r.id: r.problem for r in rules}, default=None, return_dtype=pl.String)
    sentinels = hits.select(
        pl.concat_str(pl.lit("sentinel:"), "record_id").alias("signal_id"), pl.lit("sentinel").alias("kind"), pl.lit("record").alias("level"),
        pl.when(pl.col("source_id").is_in(told)).then(stands_for).otherwise("problem_code").alias("problem_code"), "fine_place", "coarse_place",
        "respondent_key", "incident_id", pl.lit(1.0).alias("observed"), pl.lit(1).alias("window"), "rule")
    single = hits.select(pl.concat_str(pl.lit("sentinel:"), "record_id").alias("signal_id"), "record_id")
    return sentinels, single


def _clusters(seen: pl.DataFrame, window: Window, tonight: Tonight) -> Spoken:
    """What the cluster rules say of records that became known lately, as signals and their records."""
    rules = cluster_rules(tonight.day)
    first = tonight.day - timedelta(days=tonight.settings.sentinel_days + max(r.days for r in rules))
    asked = [p for r in rules for p in r.problems]
    code = pl.col("problem_code")
    near = seen.filter((pl.col("local_date") >= first) & (code.is_in(asked) | code.str.split(".").list.first().is_in(asked)))
    open_ = window.with_texts(near).rename({"respondent_key": "respondent"}).with_columns(pl.col("fine_place").alias("street"))
    hits = clusters(open_, tonight.as_of, rules).filter(
        pl.col("last_at") > pl.lit(tonight.as_of) - pl.duration(days=tonight.settings.sentinel_days))
    named = hits.with_columns(pl.concat_str(pl.lit("cluster:"), "rule", pl.lit(":"), "by", pl.lit(":"), "key").alias("signal_id"))
    members = named.select("signal_id", pl.col("record_ids").alias("record_id")).explode("record_id")
    about = members.join(seen, on="record_id").group_by("signal_id").agg(
        *_modes("fine_place", "coarse_place", "respondent_key"), (pl.col("local_date").max() - pl.col("local_date").min()).alias("_span"))
    signals = named.join(about, on="signal_id").select(
        "signal_id", pl.lit("cluster").alias("kind"), pl.lit("fine").alias("level"), "problem_code", "fine_place", "coarse_place", "respondent_key",
        pl.col("n_records").cast(pl.Float64).alias("observed"), (pl.col("_span").dt.total_days() + 1).alias("window"), "rule")
    return signals, members


def _several_callers(seen: pl.DataFrame, day: date, rule: SeveralCallers, more_callers: float) -> Spoken:
    """Incidents with several callers within a few days, as signals and their records; `more_callers`: times what the rule says."""
    recent = seen.lazy().filter((pl.col("local_date") > day - timedelta(days=rule.days)) & pl.col("incident_id").is_not_null()
                                & pl.col("caller_key").is_not_null())
    start = day - timedelta(days=rule.days)
    before = seen.lazy().filter(pl.col("local_date").is_between(start - timedelta(days=rule.usual_days - 1), start)).group_by("incident_id").agg(
        (pl.coalesce("caller_key", "record_id").n_unique() * rule.days / rule.usual_days).alias("_usual"))
    told = recent.group_by("incident_id").agg(
        pl.len().alias("observed"), pl.col("caller_key").n_unique().alias("_callers"), *_modes("problem_code", "fine_place", "coarse_place", "respondent_key")).join(before, on="incident_id", how="left").filter(
        (pl.col("_callers") >= rule.times_usual * pl.col("_usual").fill_null(0)) & (pl.col("_callers") >= rule.callers * more_callers) & (pl.col("_callers") >= rule.own_callers_share * pl.col("observed"))).collect()
    signals = told.select(pl.concat_str(pl.lit("cluster:"), pl.lit(rule.id), pl.lit(":"), "incident_id").alias("signal_id"),
                          pl.lit("cluster").alias("kind"), pl.lit("incident").alias("level"), "problem_code", "fine_place", "coarse_place",
                          "respondent_key", "incident_id", pl.col("observed").cast(pl.Float64), pl.lit(rule.days).alias("window"),
                          pl.lit(rule.id).alias("rule"))
    members = seen.join(signals.select("incident_id", "signal_id"), on="incident_id").select("signal_id", "record_id")
    return signals, members


def back_after_solved(seen: pl.DataFrame, day: date, rule: BackAfterSolved) -> Spoken:
    """Matters of one respondent and problem (else of one incident) that were closed as solved, stayed away, and are back."""
    about = seen.filter((pl.col("local_date") <= day) & pl.col("problem_code").is_not_null() & ~pl.col("record_type").is_in(NO_TROUBLE).fill_null(False)).with_columns(
        pl.coalesce("respondent_key", "incident_id").alias("_whose")).filter(pl.col("_whose").is_not_null())
    start = day - timedelta(days=rule.days)
    by = ["_whose", "problem_code"]
    ended = pl.col("status").is_in(OVER).fill_null(False)
    before = about.filter(pl.col("local_date") <= start).group_by(by).agg(
        ended.all().alias("_ended"), (pl.col("solved") & (pl.col("status") == "closed")).sum().alias("_solved"), pl.col("closed_at").max().alias("_closed"),
        pl.col("respondent_key").first(), pl.col("incident_id").drop_nulls().mode().sort().first(),
        (pl.len() * rule.days / ((pl.lit(start) - pl.col("local_date").min()).dt.total_days() + 1)).alias("_usual"))
    quiet = before.filter(pl.col("_ended") & (pl.col("_solved") >= rule.solved) & pl.col("_closed").is_not_null())
    new = about.filter(pl.col("local_date") > start).join(quiet.select(*by, "_closed"), on=by)
    back = new.group_by(by).agg(
        pl.len().cast(pl.Float64).alias("observed"), pl.col("caller_key").drop_nulls().n_unique().alias("_callers"), *_modes("fine_place", "coarse_place"),
        (pl.col("created_at") >= pl.col("_closed") + pl.duration(days=rule.quiet_days)).all().alias("_later")
    ).filter(pl.col("_later") & (pl.col("_callers") >= rule.callers)).join(quiet, on=by).filter(pl.col("_callers") >= rule.times_usual * pl.col("_usual"))
    named = back.with_columns(pl.concat_str(pl.lit(f"{rule.id}:"), "_whose", pl.lit(":"), "problem_code").alias("signal_id"))
    signals = named.select("signal_id", pl.lit("recurrence").alias("kind"), pl.when(pl.col("respondent_key").is_null()).then(pl.lit("incident")).otherwise(
        pl.lit("respondent")).alias("level"), "problem_code", "fine_place", "coarse_place", "respondent_key", "incident_id", "observed",
        pl.lit(rule.days).alias("window"), pl.lit(rule.id).alias("rule"))
    return as_signals(signals), about.join(named.select(*by, "signal_id"), on=by).select("signal_id", "record_id")


def after_inspection(seen: pl.DataFrame, day: date, drives: pl.DataFrame) -> Spoken:
    """What a special inspection was to end, and did not: records of its problem in its area, created after its last day."""
    rule: AfterInspection = matter_rule("after_inspection")
    signals, members = [pl.DataFrame(schema=SIGNAL)], [pl.DataFrame(schema=MEMBER)]
    for drive in drives.iter_rows(named=True):
        last, streets = drive["last_day"], drive["streets"] or []
        of = (pl.col("problem_code") == drive["problem_code"]) | (problem_group("problem_code") == drive["problem_code"])
        again = seen.filter(of & pl.col("local_date").is_between(last + timedelta(days=1), min(day, last + timedelta(days=rule.days))) & (
            pl.col("fine_place").is_in(streets) if streets else pl.lit(True)) & ~pl.col("status").is_in(["withdrawn", "void"]).fill_null(False))
        if again.is_empty():
            continue
        one = streets[0] if len(streets) == 1 else None
        row = {**again.select(*_modes("coarse_place")).row(0, named=True), "signal_id": f"{_AGAIN}{drive['drive_id']}", "kind": "recurrence",
               "level": "fine" if one else "coarse", "problem_code": drive["problem_code"], "fine_place": one, "observed": float(again.height),
               "window": (day - last).days, "rule": rule.id}
        signals.append(pl.DataFrame([{c: row.get(c) for c in SIGNAL}], schema=SIGNAL))
        members.append(again.select(pl.lit(row["signal_id"]).alias("signal_id"), "record_id"))
    return pl.concat(signals), pl.concat(members)


def spreading(seen: pl.DataFrame, day: date, rule: Spread) -> Spoken:
    """Respondents that are written about in several streets and were not before."""
    named = seen.filter((pl.col("local_date") <= day) & pl.col("respondent_key").is_not_null() & pl.col("fine_place").is_not_null())
    start = day - timedelta(days=rule.days)
    were = named.filter(pl.col("local_date") <= start).group_by("respondent_key").agg(pl.col("fine_place").n_unique().alias("_were"))
    late = named.filter(pl.col("local_date") > start)
    are = late.group_by("respondent_key").agg(
        pl.col("fine_place").n_unique().alias("_streets"), pl.col("caller_key").drop_nulls().n_unique().alias("_callers"),
        pl.len().cast(pl.Float64).alias("observed"), *_modes("problem_code", "fine_place", "coarse_place")).filter(
        (pl.col("_streets") >= rule.streets) & (pl.col("_callers") >= rule.callers))
    wider = are.join(were, on="respondent_key", how="left").filter(pl.col("_were").fill_null(0) <= rule.were).with_columns(
        pl.concat_str(pl.lit(f"{rule.id}:"), "respondent_key").alias("signal_id"))
    signals = wider.select("signal_id", pl.lit("spread").alias("kind"), pl.lit("respondent").alias("level"), "problem_code", "fine_place", "coarse_place",
                           "respondent_key", "observed", pl.lit(rule.days).alias("window"), pl.lit(rule.id).alias("rule"))
    return as_signals(signals), late.join(wider.select("respondent_key", "signal_id"), on="respondent_key").select("signal_id", "record_id")


def novel(seen: pl.DataFrame, day: date, rule: Novelty) -> Spoken:
    """Found problems that were not there before: all their records are of the last days, in a place whose records go back twice as far at the least."""
    known = seen.filter(pl.col("local_date") <= day)
    first = known["local_date"].min()
    if not isinstance(first, date) or first > day - timedelta(days=2 * rule.days):
        return pl.DataFrame(schema=SIGNAL), pl.DataFrame(schema=MEMBER)
    found = known.filter(pl.col("problem_code").str.starts_with("found:"))
    new = found.group_by("problem_code").agg(
        pl.col("local_date").min().alias("_first"), pl.len().cast(pl.Float64).alias("observed"), pl.col("caller_key").drop_nulls().n_unique().alias("_callers"),
        *_modes("coarse_place")).filter((pl.col("_first") > day - timedelta(days=rule.days)) & (pl.col("observed") >= rule.records) & (
            pl.col("_callers") >= rule.callers)).with_columns(pl.concat_str(pl.lit(f"{rule.id}:"), "problem_code").alias("signal_id"))
    signals = new.select("signal_id", pl.lit("novelty").alias("kind"), pl.lit("coarse").alias("level"), "problem_code", "coarse_place", "observed",
                         pl.lit(rule.days).alias("window"), pl.lit(rule.id).alias("rule"))
    return as_signals(signals), found.join(new.select("problem_code", "signal_id"), on="problem_code").select("signal_id", "record_id")


def _modes(*columns: str) -> list[pl.Expr]:
    """The commonest value of each column; of equals the first by name."""
    return [pl.col(c).drop_nulls().mode().sort().first().alias(c) for c in columns]
