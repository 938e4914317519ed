"""The facts that figures are counted from: records as they were known at a moment, with their clocks and their past, and warnings."""
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from flows.messages import BadUsage
from flows.places import places_of
from flows.running import House
from policy import taxonomy
from policy.catalogue import say
from policy.clocks import OVER, due_dates
from policy.hard import marks
from policy.lifecycle import OPEN, ZONE
from policy.periods import Period
from policy.ranking import table
from transforms.canonical import MOMENT
from transforms.hard import marked, matters

#: A record repeats one of these days before it.
REPEAT_DAYS = 90
_COLUMNS = ("record_id", "source_id", "created_at", "local_date", "channel", "record_type", "status", "outcome", "responded", "solved", "satisfied", "callback_at",
            "dispatched_at", "signed_at", "first_reply_at", "closed_at", "due_at", "amount_claimed", "amount_recovered", "repeat_of", "caller_flags", "caller_key",
            "lead_unit", "co_units", "object_category", "respondent_name", "street", "district", "reply", "title", "returned_unit", "persons_affected", "community", "address_masked")
_WORKED = ("record_id", "problem_code", "problem_name", "incident_id", "fine_place", "coarse_place")
#: What figures are broken down by, and the column that says it: of records, and of warnings.
BY = {"street": "street", "district": "district", "unit": "lead_unit", "problem": "problem_code", "group": "group", "focus": "focus", "respondent": "respondent_name", "product": "object_category", "channel": "channel",
      "type": "record_type", "source": "source_id"}
WARNINGS_BY = {"street": "place", "unit": "lead_unit", "problem": "problem_code", "kind": "kind", "level": "level", "rule": "rule"}


def known_as_of(house: House) -> datetime | None:
    """The as-of of the last run that stored something; None before the first."""
    return house.warehouse.read("select max(as_of) as as_of from run where outcome in ('ok', 'notices', 'withheld')")["as_of"][0]


def told_as_of(house: House) -> datetime:
    """As `known_as_of`. Raises BadUsage before the first run."""
    as_of = known_as_of(house)
    if as_of is None:
        raise BadUsage(say("metrics.none", house.settings.lang))
    return as_of


def record_facts(house: House, periods: Sequence[Period], as_of: datetime) -> pl.DataFrame:
    """A row a record of these periods as it was known at `as_of`, void ones included, by record_id.

    Columns of the revision and what the nights made of it (`problem_code`, `incident_id`, places), `group`, `as_of`, and: `accept_due`, `close_due`
    (moments; the order's own limit wins for closing), `accepted_at`, `hours_to_action`, `days_to_close`, `repeated`, `reopened`, `has_reply`, `hard`
    (its matter, as far as it lies in these periods and the days before, meets one of the day's rules).
    Reads the months from the first period's on.
    """
    since = min(p.first for p in periods) - timedelta(days=REPEAT_DAYS)
    wanted = pl.any_horizontal(*(pl.col("local_date").is_between(p.first - timedelta(days=REPEAT_DAYS), p.last) for p in periods))
    store = house.warehouse
    rows = store.as_of(as_of, since=since, columns=_COLUMNS).filter(wanted).with_columns(
        pl.col("reply").is_not_null().alias("has_reply")).drop("reply").collect()
    worked = store.worked(as_of, since=since).select(*_WORKED).collect()
    rows = rows.join(worked, on="record_id", how="left").with_columns(
        pl.coalesce("fine_place", "street").alias("street"), pl.coalesce("coarse_place", "district").alias("district")).drop("fine_place", "coarse_place")
    again = _reopened(house, since, as_of)
    facts = _with_clocks(house, _repeated(rows), as_of).join(again, on="record_id", how="left", maintain_order="left").with_columns(
        pl.col("reopened").fill_null(False), *_group(rows["problem_code"]))
    found = matters(facts.filter(pl.col("status") != "void"), as_of.astimezone(ZONE).date())
    hard = marked(found, [(m.id, m.when) for m in marks(as_of.astimezone(ZONE).date())]).filter(pl.col("marks").list.len() > 0)["matter"]
    facts = facts.with_columns(pl.coalesce("incident_id", "record_id").is_in(hard.implode()).alias("hard"))
    return facts.filter(pl.any_horizontal(*(pl.col("local_date").is_between(p.first, p.last) for p in periods))).sort("record_id")


def _repeated(rows: pl.DataFrame) -> pl.DataFrame:
    """`repeated`: so marked by the source, or the same caller spoke of the same matter in the days before."""
    caller = rows.filter(pl.col("caller_key").is_not_null() & pl.col("incident_id").is_not_null()).sort("created_at", "record_id").select(
        "record_id", (pl.col("local_date") - pl.col("local_date").shift(1).over("caller_key", "incident_id") <= pl.duration(days=REPEAT_DAYS)).alias("_again"))
    marked = pl.col("repeat_of").is_not_null() | pl.col("caller_flags").list.contains("repeat").fill_null(False) | (pl.col("record_type") == "urge").fill_null(False)
    return rows.join(caller, on="record_id", how="left").with_columns((marked | pl.col("_again").fill_null(False)).alias("repeated")).drop("_again", "caller_flags")


def _reopened(house: House, since: date, as_of: datetime) -> pl.DataFrame:
    """(record_id, reopened): records that a later revision shows open again after one that was closed."""
    rows = house.warehouse.dataset("revisions", as_of, since=since).filter(pl.col("known_at") <= as_of).select("record_id", "revision_no", "status")
    closed = pl.col("revision_no").filter(pl.col("status") == "closed").min()
    back = pl.col("revision_no").filter(~pl.col("status").is_in(OVER)).max()
    return rows.group_by("record_id").agg((back > closed).fill_null(False).alias("reopened")).filter("reopened").collect()


def _with_clocks(house: House, rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Clocks by each source's own pack, whatever has become of the record since."""
    out = []
    accepted = pl.coalesce("first_reply_at", "signed_at")
    for (source,), part in rows.group_by("source_id", maintain_order=True):
        pack = house.mappings[source].pack if source in house.mappings else None
        bare = part.with_columns(pl.lit(None, MOMENT).alias("due_at"))
        out.append(part.with_columns(due_dates(bare.with_columns(pl.lit("open").alias("status")), pack).alias("accept_due"),
                                     pl.coalesce("due_at", due_dates(bare.with_columns(pl.lit("in_hand").alias("status")), pack)).alias("close_due")))
    clocked = pl.concat(out) if out else rows.with_columns(pl.lit(None, MOMENT).alias("accept_due"), pl.lit(None, MOMENT).alias("close_due"))
    hours = (pl.min_horizontal("signed_at", "first_reply_at") - pl.col("dispatched_at")).dt.total_seconds() / 3600
    days = (pl.col("closed_at") - pl.col("created_at")).dt.total_seconds() / 86400
    return clocked.with_columns(accepted.alias("accepted_at"), pl.when(hours >= 0).then(hours).alias("hours_to_action"), pl.when(days >= 0).then(days).alias("days_to_close"),
                                pl.lit(as_of, MOMENT).alias("as_of"))


def _group(codes: pl.Series) -> list[pl.Expr]:
    """`group`, the taxonomy group of each problem (null for a problem that is none of ours), and `focus`, the class of yearly reports that it is counted in
    (taxonomy.yaml), else its group."""
    known = {c: p.parent for c in codes.unique().drop_nulls() if (p := taxonomy.problem(c)) is not None}
    classes = taxonomy.taxonomy().focus
    named = {t: f["zh"] for f in classes for t in f.get("types", ())}
    whole = {f["group"]: f["zh"] for f in classes if "group" in f}
    focus = {c: named.get(c) or whole.get(g) or taxonomy.name(g, "zh") for c, g in known.items()}
    return [pl.col("problem_code").replace_strict(m, default=None, return_dtype=pl.String).alias(n) for n, m in (("group", known), ("focus", focus))]


def warning_facts(house: House, periods: Sequence[Period], as_of: datetime) -> pl.DataFrame:
    """A row a warning raised in these periods, merged ones left out: columns of the table `warning`, `credit` (of its verdict, where it was given by
    `as_of`), `lead_days` and `records_before` as its last night counted them."""
    first, last = min(p.first for p in periods), max(p.last for p in periods)
    rows = house.warehouse.select("warning", "raised_on between :a and :b and as_of <= :at and status <> 'merged'", a=first, b=last, at=as_of)
    figures = house.warehouse.read("select key as warning_id, metric, value from metric where grain = 'warning' and metric in ('days_of_lead', 'records_before_warning') "
                                   "and period_start between :a and :b", a=first, b=last)
    for name, metric in (("lead_days", "days_of_lead"), ("records_before", "records_before_warning")):
        rows = rows.join(figures.filter(pl.col("metric") == metric).select("warning_id", pl.col("value").cast(pl.Float64).alias(name)), on="warning_id", how="left")
    credit = pl.col("verdict").replace_strict(dict(table()["credit"]), default=None, return_dtype=pl.Float64)
    return rows.with_columns(pl.when((pl.col("closed_at") <= as_of).fill_null(False)).then(credit).alias("credit"), pl.col("raised_on").alias("local_date"))


def warnings_known(house: House, period: Period, asked: datetime | None) -> pl.DataFrame:
    """Warnings that are open, or were raised, changed or closed in a period; merged ones left out, by warning_id.

    asked: None for how they stand, else as nights and people had left them by that moment: the last night known then, and what people did since.
    """
    store = house.warehouse
    within = (pl.col("status").is_in(OPEN) & (pl.col("raised_on") <= period.last)) | pl.any_horizontal(
        *(pl.col(c).is_between(period.first, period.last).fill_null(False) for c in ("raised_on", "updated_on", "closed_on")))
    if asked is None:
        where = f"status in ({', '.join(repr(s) for s in OPEN)}) or raised_on between :a and :b or updated_on between :a and :b or closed_on between :a and :b"
        rows = store.select("warning", where, a=period.first, b=period.last)
    else:
        told = [store.told(asked, p.key)[0] for p in places_of(house.mappings, house.mappings)]
        rows = pl.concat([t for t in told if t.height] or told[:1], how="diagonal_relaxed")
        rows = _with_acts(rows, store.acts(None, asked))
    return rows.filter(within & (pl.col("status") != "merged")).sort("warning_id")


def _with_acts(rows: pl.DataFrame, acts: pl.DataFrame) -> pl.DataFrame:
    """Rows as nights told them with what people did since each was told."""
    since = dict(rows.select("warning_id", "as_of").iter_rows())
    sets: dict[str, dict[str, Any]] = {}
    for act in acts.sort("known_at", "event_id").iter_rows(named=True):
        if act["warning_id"] in since and act["known_at"] > since[act["warning_id"]]:
            sets.setdefault(act["warning_id"], {}).update({c: v[1] if isinstance(v, list) else v for c, v in json.loads(act["changes"] or "{}").items()})
    for name in sorted({c for s in sets.values() for c in s} & set(rows.columns)):
        new = {w: s[name] for w, s in sets.items() if name in s}
        said = pl.DataFrame({"warning_id": list(new), "_new": [None if v is None else str(v) for v in new.values()], "_set": [True] * len(new)},
                            schema={"warning_id": pl.String, "_new": pl.String, "_set": pl.Boolean})
        kind = rows.schema[name]
        value = pl.col("_new").str.to_date(strict=False) if kind == pl.Date else pl.col("_new").str.to_datetime(time_zone="UTC", strict=False) if kind == MOMENT else pl.col("_new").cast(
            kind, strict=False)
        rows = rows.join(said, on="warning_id", how="left").with_columns(pl.when("_set").then(value).otherwise(pl.col(name)).alias(name)).drop("_new", "_set")
    return rows
