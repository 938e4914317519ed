"""The tables under the published views, as SQLAlchemy Core metadata. They may change; the views of `published` may not."""
from collections.abc import Mapping
from typing import Any

import polars as pl
import sqlalchemy as sa

from transforms.canonical import LINEAGE, MOMENT, RECORD
from warehouse.types import Json, Moment, Texts

metadata = sa.MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
})
Text, Integer, Double, Boolean, Date = sa.Text, sa.BigInteger, sa.Double, sa.Boolean, sa.Date


def columns(of: Mapping[str, object], *required: str) -> list[sa.Column]:
    """SQL columns for a polars schema; `required` ones are NOT NULL."""
    return [sa.Column(name, _type(dtype), nullable=name not in required) for name, dtype in of.items()]


def _type(dtype: object) -> Any:
    if dtype == MOMENT:
        return Moment()
    if isinstance(dtype, pl.Decimal):
        return sa.Numeric(dtype.precision, dtype.scale)
    if isinstance(dtype, pl.List):
        return Texts()
    kinds: dict[Any, Any] = {pl.String: Text(), pl.Date: Date(), pl.Float64: Double(), pl.Boolean: Boolean(), pl.Int16: Integer(),
            pl.Int32: Integer(), pl.Int64: Integer()}
    return kinds[dtype]


def key(name: str, kind: Any = Text) -> sa.Column:
    return sa.Column(name, kind, primary_key=True, nullable=False)


# ---- the run log --------------------------------------------------------------------------------------------------------

run = sa.Table(
    "run", metadata, key("run_id"),
    sa.Column("kind", Text, nullable=False),                 # nightly, ingest, backfill, replay, purge …
    sa.Column("run_date", Date), sa.Column("as_of", Moment),
    sa.Column("outcome", Text),                              # null while it runs
    sa.Column("sources", Texts), sa.Column("parameters", Json),
    sa.Column("rows_read", Integer), sa.Column("accepted", Integer), sa.Column("quarantined", Integer),
    sa.Column("unchanged", Integer), sa.Column("not_records", Integer),
    sa.Column("n_signals", Integer), sa.Column("n_warnings", Integer), sa.Column("expected_false_alarms", Double),
    sa.Column("seconds", Double), sa.Column("stages", Json), sa.Column("reasons", Json), sa.Column("repairs", Json),
    sa.Column("version", Text), sa.Column("started_at", Moment), sa.Column("ended_at", Moment),
    sa.Column("digests", Json),                              # what the run left, view by view: see `warehouse.digests`
    sa.Index(None, "run_date"), sa.Index(None, "outcome"),
)
batch = sa.Table(
    "batch", metadata, key("batch_id"),
    sa.Column("run_id", Text, nullable=False), sa.Column("source_id", Text, nullable=False),
    sa.Column("run_date", Date, nullable=False), sa.Column("as_of", Moment, nullable=False),
    sa.Column("outcome", Text, nullable=False), sa.Column("is_history", Boolean, nullable=False, server_default=sa.false()),
    sa.Column("rows_read", Integer), sa.Column("accepted", Integer), sa.Column("quarantined", Integer),
    sa.Column("unchanged", Integer), sa.Column("not_records", Integer),
    sa.Column("codes", Texts), sa.Column("findings", Json), sa.Column("profile", Json), sa.Column("mapping_version", Text),
    sa.Index(None, "source_id", "run_date"), sa.Index(None, "run_id"),
)
batch_input = sa.Table(
    "batch_input", metadata, key("batch_id"), key("sha256"), key("name"),
    sa.Column("source_id", Text, nullable=False), sa.Column("received_at", Moment), sa.Column("size", Integer),
    sa.Column("rows_read", Integer), sa.Column("first_date", Date), sa.Column("last_date", Date),
    sa.Index(None, "source_id", "sha256"),
)
decision = sa.Table(
    "decision", metadata, key("decision_id"),
    sa.Column("known_at", Moment, nullable=False), sa.Column("kind", Text, nullable=False),   # accept …
    sa.Column("source_id", Text), sa.Column("run_date", Date), sa.Column("codes", Texts),
    sa.Column("from_now_on", Boolean, nullable=False, server_default=sa.false()),
    sa.Column("reason", Text), sa.Column("decided_by", Text), sa.Column("subject", Text), sa.Column("details", Json),
    sa.Index(None, "known_at"),
)

# ---- records --------------------------------------------------------------------------------------------------------------

lake_file = sa.Table(
    "lake_file", metadata, key("path"),                      # relative to home/lake
    sa.Column("dataset", Text, nullable=False), sa.Column("source_id", Text, nullable=False),
    sa.Column("month", Text, nullable=False),                # yyyy-mm of the rows' local date; "all" where they have none
    sa.Column("sha256", Text, nullable=False), sa.Column("n_rows", Integer, nullable=False), sa.Column("size", Integer, nullable=False),
    sa.Column("known_from", Moment), sa.Column("known_to", Moment), sa.Column("run_id", Text, nullable=False),
    sa.Index(None, "dataset", "source_id", "month"), sa.Index(None, "run_id"),
)
revision = sa.Table(
    "revision", metadata, key("record_id"), key("revision_no", Integer),
    sa.Column("source_id", Text, nullable=False), sa.Column("known_at", Moment, nullable=False),
    sa.Column("row_hash", Text, nullable=False), sa.Column("caller_key", Text), sa.Column("status", Text),
    sa.Column("source_updated_at", Moment), sa.Column("created_at", Moment, nullable=False), sa.Column("local_date", Date, nullable=False),
    sa.Column("moved", Boolean, nullable=False, server_default=sa.false()),       # its creation time is not that of the revision before it
    sa.Column("waiting", Boolean, nullable=False, server_default=sa.false()),     # stored, and not yet known at the last as-of
    sqlite_with_rowid=False,
)
sa.Index("ix_revision_waiting", revision.c.known_at, postgresql_where=revision.c.waiting, sqlite_where=revision.c.waiting)
sa.Index("ix_revision_moved", revision.c.record_id, postgresql_where=revision.c.moved, sqlite_where=revision.c.moved)
sa.Index("ix_revision_caller_key", revision.c.caller_key)

record = sa.Table(
    "record", metadata, key("record_id"),
    *columns({c: t for c, t in RECORD.items() if c != "record_id"}, "source_id", "source_record_id", "created_at", "local_date", "status"),
    sa.Column("revision_no", Integer, nullable=False), sa.Column("known_at", Moment, nullable=False),
    sa.Column("first_known_at", Moment), sa.Column("row_hash", Text, nullable=False),
    sa.Column("fine_place", Text), sa.Column("coarse_place", Text),
    sa.Column("problem_code", Text), sa.Column("problem_name", Text), sa.Column("problem_id", Text), sa.Column("incident_id", Text),
    sa.Column("worked_revision", Integer),                   # the revision that codes and ids were given to; null: none yet
    sa.Column("flags", Texts), sa.Column("run_id", Text),
    *columns(LINEAGE),
    sa.Index(None, "source_id", "local_date"), sa.Index(None, "incident_id"), sa.Index(None, "local_date"), sa.Index(None, "run_id"),
)
_UNWORKED = sa.text("worked_revision is null or worked_revision <> revision_no")
sa.Index("ix_record_unworked", record.c.source_id, postgresql_where=_UNWORKED, sqlite_where=_UNWORKED)
quarantine = sa.Table(
    "quarantine", metadata, key("quarantine_id"),
    sa.Column("source_id", Text, nullable=False), sa.Column("source_record_id", Text), sa.Column("codes", Texts, nullable=False),
    sa.Column("message", Text), sa.Column("issues", Json), sa.Column("row_hash", Text), sa.Column("local_date", Date),
    *columns(LINEAGE),
    sa.Column("first_seen", Date, nullable=False), sa.Column("known_at", Moment), sa.Column("replayed_on", Date),
    sa.Column("run_id", Text),
    sa.Index(None, "source_id", "first_seen"), sa.Index(None, "first_seen"),
)

# ---- what the models keep ---------------------------------------------------------------------------------------------------

incident = sa.Table(
    "incident", metadata, key("incident_id"),
    sa.Column("place", Text), sa.Column("problem_code", Text), sa.Column("respondent", Text), sa.Column("title", Text),
    sa.Column("first_seen", Date), sa.Column("last_seen", Date), sa.Column("n_records", Integer), sa.Column("n_callers", Integer),
    sa.Column("merged_into", Text), sa.Column("founded_by", Text), sa.Column("run_id", Text),
    sa.Index(None, "last_seen"), sa.Index(None, "respondent"),
)
problem = sa.Table(
    "problem", metadata, key("problem_id"),
    sa.Column("name", Text), sa.Column("problem_code", Text), sa.Column("words", Texts), sa.Column("n_records", Integer),
    sa.Column("first_seen", Date), sa.Column("last_seen", Date), sa.Column("merged_into", Text), sa.Column("founded_by", Text),
    sa.Column("details", Json), sa.Column("run_id", Text),
    sa.Column("pinned", Boolean), sa.Column("promoted_to", Text), sa.Column("ended_on", Date),     # what people decided; since when no record is of it
)
# What became of found problems and of incidents, night by night; rows are added and never changed.
lineage = sa.Table(
    "lineage", metadata, key("event_id"),
    sa.Column("thing", Text, nullable=False), sa.Column("kind", Text, nullable=False),                # problem, incident; see `flows.lineage`
    sa.Column("thing_id", Text, nullable=False), sa.Column("other", Text),                            # whom it is about; what it went into or came from
    sa.Column("n_records", Integer), sa.Column("reason", Text), sa.Column("place_key", Text, nullable=False),
    sa.Column("day", Date, nullable=False), sa.Column("known_at", Moment, nullable=False), sa.Column("run_id", Text),
    sa.Index(None, "thing_id"), sa.Index(None, "other"), sa.Index(None, "day"), sa.Index(None, "thing", "kind", "place_key", "day"),
)


def _series(*head: sa.Column) -> list:
    return [
        *head, key("series_id"), key("date", Date),
        sa.Column("problem_code", Text), sa.Column("place", Text), sa.Column("respondent", Text), sa.Column("incident_id", Text),
        sa.Column("level", Text),                            # fine, coarse, respondent, incident
        sa.Column("observed", Integer), sa.Column("expected", Double), sa.Column("p_value", Double), sa.Column("alarm", Boolean),
        sa.Column("kept", Boolean, nullable=False, server_default=sa.false()),    # spoke or stands behind a warning: for good
    ]


series = sa.Table("series", metadata, *_series(), sa.Column("run_id", Text), sa.Index(None, "date"))

# ---- what dispatch staff get --------------------------------------------------------------------------------------------------


def _warning(*head: sa.Column) -> list:
    return [
        *head, key("warning_id"),
        sa.Column("raised_on", Date, nullable=False), sa.Column("updated_on", Date, nullable=False),
        sa.Column("as_of", Moment, nullable=False), sa.Column("kind", Text, nullable=False), sa.Column("level", Text, nullable=False),
        sa.Column("status", Text, nullable=False), sa.Column("problem_code", Text), sa.Column("problem_name", Text),
        sa.Column("place", Text), sa.Column("respondent", Text),
        sa.Column("observed", Integer), sa.Column("expected", Double), sa.Column("ratio", Double),
        sa.Column("p_value", Double), sa.Column("q_value", Double),
        sa.Column("n_records", Integer, nullable=False), sa.Column("n_callers", Integer), sa.Column("first_seen", Date),
        sa.Column("title", Text, nullable=False), sa.Column("summary", Text),
        sa.Column("lead_unit", Text), sa.Column("co_units", Texts), sa.Column("law", Text), sa.Column("due_at", Moment),
        sa.Column("verdict", Text), sa.Column("merged_into", Text),
        # Not published as columns of v_warnings, but what it stands on.
        sa.Column("fingerprint", Text),                      # what makes tomorrow's matter the same one
        sa.Column("city", Text), sa.Column("district", Text), sa.Column("street", Text), sa.Column("street_code", Text),
        sa.Column("fine_place", Text), sa.Column("coarse_place", Text), sa.Column("streets", Texts), sa.Column("source_ids", Texts),
        sa.Column("incident_id", Text), sa.Column("series_id", Text), sa.Column("window_days", Integer), sa.Column("last_seen", Date),
        sa.Column("rule", Text), sa.Column("reasons", Json), sa.Column("evidence", Json), sa.Column("parameters", Json),
        sa.Column("lang", Text), sa.Column("assigned_to", Text), sa.Column("closed_on", Date),
        # Its life: what staff and the nights' rules set. `change_no` grows with every change; who acts says which one they saw.
        sa.Column("change_no", Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("pack", Text), sa.Column("lead_code", Text),                    # the policy pack that covers the place; the lead unit's code
        sa.Column("owner", Text),                                                 # 包案: the post that owns the matter to its end
        sa.Column("measures", Text), sa.Column("handled_by", Text), sa.Column("closed_at", Moment), sa.Column("snoozed_until", Date),
        sa.Column("follows", Text),                                               # the earlier warning that this one comes after, or was split from
        sa.Column("escalation_step", Integer), sa.Column("escalated_to", Text), sa.Column("escalated_at", Moment),
    ]


warning = sa.Table("warning", metadata, *_warning(), sa.Column("run_id", Text, nullable=False),
                   sa.Index(None, "status"), sa.Index(None, "updated_on"), sa.Index(None, "fingerprint"), sa.Index(None, "closed_on"),
                   sa.Index(None, "due_at"))
warning_record = sa.Table("warning_record", metadata, key("warning_id"), key("record_id"),
                          sa.Column("role", Text, nullable=False), sa.Column("known_at", Moment), sa.Column("since", Date),
                          sa.Index(None, "record_id"))
warning_event = sa.Table(
    "warning_event", metadata, key("event_id"),
    sa.Column("warning_id", Text, nullable=False), sa.Column("known_at", Moment, nullable=False),
    sa.Column("kind", Text, nullable=False),                 # of nights: `flows.life`; of people: `policy.lifecycle.EVENT`, and refused
    sa.Column("done_by", Text), sa.Column("changes", Json),  # column: [before, after]
    sa.Column("note", Text), sa.Column("run_id", Text),      # null: a person's
    sa.Column("facts", Json),                                # of a closing: what the warning looked like to those who gave the verdict
    sa.Index(None, "warning_id"), sa.Index(None, "known_at"),
)
# What a bureau's own screens want done; `weisu requests` does it with the same checks as `weisu work`.
work_request = sa.Table(
    "work_request", metadata, key("request_id"),
    sa.Column("warning_id", Text, nullable=False), sa.Column("action", Text, nullable=False), sa.Column("seen_no", Integer),
    sa.Column("done_by", Text), sa.Column("unit", Text), sa.Column("owner", Text), sa.Column("verdict", Text), sa.Column("measures", Text),
    sa.Column("note", Text), sa.Column("until", Date), sa.Column("requested_at", Moment),
    sa.Column("applied_at", Moment), sa.Column("outcome", Text), sa.Column("message", Text),
    sa.Index(None, "applied_at"),
)
# The life cycle and the units as rows, for those who work in SQL; written by migrations and nights from `policy`.
work_rule = sa.Table("work_rule", metadata, key("action"), key("status"), sa.Column("leads", Text, nullable=False), sa.Column("event", Text, nullable=False))
unit = sa.Table("unit", metadata, key("pack"), key("code"), sa.Column("name_zh", Text, nullable=False), sa.Column("name_en", Text, nullable=False),
                sa.Column("kind", Text, nullable=False), sa.Column("valid_from", Date, nullable=False), sa.Column("valid_to", Date, nullable=False))
# What channels have to tell, filled in the transaction that publishes; `sent_at` is the channel's.
outbox = sa.Table(
    "outbox", metadata, key("message_id"),
    sa.Column("created_at", Moment, nullable=False), sa.Column("kind", Text, nullable=False), sa.Column("warning_id", Text, nullable=False),
    sa.Column("level", Text), sa.Column("lead_unit", Text), sa.Column("title", Text), sa.Column("body", Json), sa.Column("lang", Text),
    sa.Column("run_id", Text), sa.Column("sent_at", Moment),
    sa.Index(None, "sent_at"), sa.Index(None, "created_at"), sa.Index(None, "warning_id"),
)


def _ranking(*head: sa.Column) -> list:
    return [
        *head, key("date", Date), key("warning_id"),
        sa.Column("place_key", Text, nullable=False), sa.Column("as_of", Moment, nullable=False), sa.Column("rank", Integer, nullable=False),
        sa.Column("priority", Double, nullable=False), sa.Column("expected_precision", Double), sa.Column("basis", Text, nullable=False),
    ]


# In which order a night would have the open warnings worked; kept as long as watched cells are.
ranking = sa.Table("ranking", metadata, *_ranking(), sa.Column("run_id", Text), sa.Index(None, "warning_id"))


def _notice(*head: sa.Column) -> list:
    return [
        *head, key("notice_id"),
        sa.Column("raised_on", Date, nullable=False), sa.Column("as_of", Moment, nullable=False), sa.Column("kind", Text, nullable=False),
        sa.Column("code", Text), sa.Column("source_id", Text), sa.Column("problem_code", Text), sa.Column("place", Text),
        sa.Column("n_records", Integer), sa.Column("n_callers", Integer), sa.Column("summary", Text),
        sa.Column("details", Json), sa.Column("lang", Text),
    ]


def _metric(*head: sa.Column) -> list:
    return [
        *head, key("metric"), key("period_start", Date), key("period_end", Date), key("grain"), key("key"),
        sa.Column("numerator", Double), sa.Column("denominator", Double), sa.Column("value", Double), sa.Column("low", Double),
        sa.Column("high", Double), sa.Column("mature", Boolean), sa.Column("as_of", Moment, nullable=False),
    ]


notice = sa.Table("notice", metadata, *_notice(), sa.Column("run_id", Text, nullable=False), sa.Index(None, "raised_on"))
metric = sa.Table("metric", metadata, *_metric(), sa.Column("run_id", Text), sa.Index(None, "as_of"))

# ---- the bureau's reviews --------------------------------------------------------------------------------------------------------

# What a review decided; on the sheets until it is done (闭环).
review_point = sa.Table(
    "review_point", metadata, key("point_id"),
    sa.Column("period", Text, nullable=False), sa.Column("sheet_day", Date, nullable=False),          # of which sheet: day, week, tenday, month; its last day
    sa.Column("known_at", Moment, nullable=False),
    sa.Column("subject", Text), sa.Column("what", Text, nullable=False),                              # a warning, matter or problem, if any; what is to be done
    sa.Column("unit", Text), sa.Column("due_on", Date), sa.Column("decided_by", Text),
    sa.Column("done_at", Moment), sa.Column("result", Text), sa.Column("done_by", Text),
    sa.Index(None, "done_at"),
)
# 集中会商研判: counted from rows.
consultation = sa.Table(
    "consultation", metadata, key("consultation_id"),
    sa.Column("held_on", Date, nullable=False), sa.Column("known_at", Moment, nullable=False), sa.Column("subject", Text, nullable=False),
    sa.Column("participants", Texts, nullable=False), sa.Column("conclusion", Text), sa.Column("noted_by", Text),
    sa.Index(None, "held_on"),
)

# 专项检查 and 每月一题: one problem, in an area, for a time; what was found, and later what it did.
drive = sa.Table(
    "drive", metadata, key("drive_id"),
    sa.Column("kind", Text, nullable=False), sa.Column("level", Text),                                # inspection, theme; of a theme: city, district, bureau
    sa.Column("title", Text, nullable=False), sa.Column("problem_code", Text, nullable=False), sa.Column("streets", Texts),   # null: the whole place
    sa.Column("first_day", Date, nullable=False), sa.Column("last_day", Date, nullable=False),
    sa.Column("units", Texts), sa.Column("measures", Text), sa.Column("target", Double),              # −0.2: a fifth fewer records than without it
    sa.Column("origin", Text),                                                                        # the record, case or warning that it began from
    sa.Column("known_at", Moment, nullable=False), sa.Column("noted_by", Text),
    sa.Column("n_inspected", Integer), sa.Column("n_found", Integer), sa.Column("n_cases", Integer),
    sa.Column("result", Text), sa.Column("result_at", Moment), sa.Column("result_by", Text),
    sa.Index(None, "problem_code"),
)

# 清单台账: things at risk, each version of an item with the days for which it held; what happened to them.
ledger_item = sa.Table(
    "ledger_item", metadata, key("ledger"), key("item_id"), key("valid_from", Date),
    sa.Column("valid_to", Date),                             # the day on which another version, or none, took its place; null: in force
    sa.Column("place", Text), sa.Column("street", Text), sa.Column("used_since", Date), sa.Column("user_unit", Text), sa.Column("maintainer", Text),
    sa.Column("inspection_due", Date), sa.Column("last_inspected", Date), sa.Column("last_maintained", Date), sa.Column("faults", Integer),
    sa.Column("risk_grade", Text), sa.Column("amount", Double), sa.Column("filed", Boolean), sa.Column("stopped", Boolean),
    sa.Column("known_at", Moment, nullable=False), sa.Column("residents", Integer),
)
ledger_event = sa.Table(
    "ledger_event", metadata, key("event_id"),
    sa.Column("ledger", Text, nullable=False), sa.Column("item_id", Text, nullable=False), sa.Column("kind", Text, nullable=False), sa.Column("day", Date, nullable=False),
    sa.Column("note", Text), sa.Column("known_at", Moment, nullable=False), sa.Column("noted_by", Text),
    sa.Index(None, "ledger", "item_id"),
)

# 调处并举: what became a case beside its mediation. A track of its own: neither's end ends the other.
enforcement_case = sa.Table(
    "enforcement_case", metadata, key("case_id"),
    sa.Column("record_id", Text, nullable=False), sa.Column("case_no", Text), sa.Column("law", Text), sa.Column("filed_on", Date, nullable=False),
    sa.Column("known_at", Moment, nullable=False), sa.Column("noted_by", Text),
    sa.Column("closed_on", Date), sa.Column("result", Text), sa.Column("closed_at", Moment), sa.Column("closed_by", Text),     # null until the case is over
    sa.Index(None, "record_id"),
)

# 吹哨、报到: a station asks a section to report for duty on a matter.
whistle = sa.Table(
    "whistle", metadata, key("whistle_id"),
    sa.Column("subject", Text, nullable=False), sa.Column("asked_by", Text), sa.Column("asked_unit", Text, nullable=False), sa.Column("known_at", Moment, nullable=False),
    sa.Column("reported_at", Moment), sa.Column("outcome", Text), sa.Column("reported_by", Text),
    sa.Index(None, "known_at"),
)
# The monthly assessment as it was published; a month without a row is not known, and breaks a streak.
monthly_score = sa.Table(
    "monthly_score", metadata, key("month_first", Date), key("scheme"),
    sa.Column("score", Double, nullable=False), sa.Column("full_score", Double, nullable=False), sa.Column("known_at", Moment, nullable=False), sa.Column("noted_by", Text),
)

# ---- replays: what a backfill would have said, beside what was said -------------------------------------------------------------

replay_warning = sa.Table("replay_warning", metadata, *_warning(key("run_id")))
replay_warning_record = sa.Table("replay_warning_record", metadata, key("run_id"), key("warning_id"), key("record_id"),
                                 sa.Column("role", Text, nullable=False), sa.Column("known_at", Moment), sa.Column("since", Date))
replay_series = sa.Table("replay_series", metadata, *_series(key("run_id")))
replay_record = sa.Table(
    "replay_record", metadata, key("run_id"), key("record_id"),
    sa.Column("source_id", Text, nullable=False), sa.Column("local_date", Date, nullable=False), sa.Column("status", Text, nullable=False),
    sa.Column("fine_place", Text), sa.Column("coarse_place", Text),
    sa.Column("problem_code", Text), sa.Column("problem_id", Text), sa.Column("incident_id", Text),
)
replay_notice = sa.Table("replay_notice", metadata, *_notice(key("run_id")))
replay_metric = sa.Table("replay_metric", metadata, *_metric(key("run_id")))
replay_ranking = sa.Table("replay_ranking", metadata, *_ranking(key("run_id")))

# ---- what was purged -----------------------------------------------------------------------------------------------------------

purge = sa.Table(
    "purge", metadata, key("purge_id"),
    sa.Column("kind", Text, nullable=False),                 # before, caller
    sa.Column("known_at", Moment, nullable=False), sa.Column("source_id", Text), sa.Column("before", Date),
    sa.Column("subject", Text),                              # a keyed hash of the caller's key: says nobody's name
    sa.Column("reason", Text), sa.Column("n_records", Integer), sa.Column("n_revisions", Integer), sa.Column("n_files", Integer),
)

# ---- what pseudonyms are made with -----------------------------------------------------------------------------------------------

house_key = sa.Table(
    "house_key", metadata, key("key_id"),                    # a keyed hash that tells keys apart and gives none away
    sa.Column("known_at", Moment, nullable=False), sa.Column("reason", Text),
    sa.Column("n_linked", Integer), sa.Column("n_unlinked", Integer),             # callers that keep their history, and those that can't be met again
    sa.Column("n_files", Integer), sa.Column("n_files_gone", Integer),            # landed inputs read, and those no longer in landing
)
