"""The house: the run log, records, warnings, and the views that are published."""

import sqlalchemy as sa
from alembic import op

from warehouse import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: What each engine says in its own way: the texts of a JSON list, joined.
PIECES = {
    "sqlite": {
        "codes": "(select group_concat(value, ',') from json_each(codes))",
        "co_units": "(select group_concat(value, '、') from json_each(co_units))",
    },
    "postgresql": {
        "codes": "(select string_agg(x, ',' order by n) from json_array_elements_text(codes::json) with ordinality as t(x, n))",
        "co_units": "(select string_agg(x, '、' order by n) from json_array_elements_text(co_units::json) with ordinality as t(x, n))",
    },
}
VIEWS = {
    "v_records": """
        select record_id, source_id, source_record_id, revision_no, known_at, created_at, record_type, street,
               respondent_name as respondent, caller_key, problem_code, problem_name, problem_id, incident_id, content, status
        from record""",
    "v_warnings": """
        select warning_id, raised_on, updated_on, as_of, kind, level, status, problem_code, problem_name, place, respondent,
               observed, expected, ratio, p_value, q_value, n_records, n_callers, first_seen, title, summary, lead_unit,
               {co_units} as co_units, law, due_at, verdict, merged_into, run_id
        from warning""",
    "v_warning_records": "select warning_id, record_id, role from warning_record",
    "v_series": """
        select series_id, date, problem_code, place, respondent, observed, expected, p_value, alarm
        from series""",
    "v_quarantine": """
        select source_id, source_record_id, {codes} as codes, message, file_name as "file", sheet, row_number as "row",
               first_seen, replayed_on
        from quarantine""",
    "v_runs": """
        select run_id, kind, run_date, as_of, outcome, rows_read, accepted, quarantined, unchanged, n_signals, n_warnings,
               expected_false_alarms, seconds, version
        from run where outcome is not null""",
    "v_notices": """
        select notice_id, raised_on, as_of, kind, code, source_id, problem_code, place, n_records, n_callers, summary, run_id
        from notice""",
    "v_metrics": """
        select metric, period_start, period_end, grain, key, numerator, denominator, value, low, high, mature, as_of
        from metric""",
}


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("run_date", sa.Date(), nullable=False),
        sa.Column("as_of", types.Moment(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("is_history", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("accepted", sa.BigInteger(), nullable=True),
        sa.Column("quarantined", sa.BigInteger(), nullable=True),
        sa.Column("unchanged", sa.BigInteger(), nullable=True),
        sa.Column("not_records", sa.BigInteger(), nullable=True),
        sa.Column("codes", types.Texts(), nullable=True),
        sa.Column("findings", types.Json(), nullable=True),
        sa.Column("profile", types.Json(), nullable=True),
        sa.Column("mapping_version", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_run_id"), "batch", ["run_id"], unique=False)
    op.create_index(op.f("ix_batch_source_id_run_date"), "batch", ["source_id", "run_date"], unique=False)
    op.create_table(
        "batch_input",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("received_at", types.Moment(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("first_date", sa.Date(), nullable=True),
        sa.Column("last_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("batch_id", "sha256", "name", name=op.f("pk_batch_input")),
    )
    op.create_index(op.f("ix_batch_input_source_id_sha256"), "batch_input", ["source_id", "sha256"], unique=False)
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("run_date", sa.Date(), nullable=True),
        sa.Column("codes", types.Texts(), nullable=True),
        sa.Column("from_now_on", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("details", types.Json(), nullable=True),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_known_at"), "decision", ["known_at"], unique=False)
    op.create_table(
        "incident",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("respondent", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("n_records", sa.BigInteger(), nullable=True),
        sa.Column("n_callers", sa.BigInteger(), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("founded_by", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incident")),
    )
    op.create_index(op.f("ix_incident_last_seen"), "incident", ["last_seen"], unique=False)
    op.create_table(
        "lake_file",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("n_rows", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("known_from", types.Moment(), nullable=True),
        sa.Column("known_to", types.Moment(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_lake_file")),
    )
    op.create_index(op.f("ix_lake_file_dataset_source_id_month"), "lake_file", ["dataset", "source_id", "month"], unique=False)
    op.create_index(op.f("ix_lake_file_run_id"), "lake_file", ["run_id"], unique=False)
    op.create_table(
        "metric",
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("numerator", sa.Double(), nullable=True),
        sa.Column("denominator", sa.Double(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("mature", sa.Boolean(), nullable=True),
        sa.Column("as_of", types.Moment(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("metric", "period_start", "period_end", "grain", "key", name=op.f("pk_metric")),
    )
    op.create_table(
        "notice",
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("as_of", types.Moment(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("n_records", sa.BigInteger(), nullable=True),
        sa.Column("n_callers", sa.BigInteger(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("details", types.Json(), nullable=True),
        sa.Column("lang", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_raised_on"), "notice", ["raised_on"], unique=False)
    op.create_table(
        "problem",
        sa.Column("problem_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("words", types.Texts(), nullable=True),
        sa.Column("n_records", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("founded_by", sa.Text(), nullable=True),
        sa.Column("details", types.Json(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("problem_id", name=op.f("pk_problem")),
    )
    op.create_table(
        "purge",
        sa.Column("purge_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("before", sa.Date(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("n_records", sa.BigInteger(), nullable=True),
        sa.Column("n_revisions", sa.BigInteger(), nullable=True),
        sa.Column("n_files", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("purge_id", name=op.f("pk_purge")),
    )
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("source_record_id", sa.Text(), nullable=True),
        sa.Column("codes", types.Texts(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("issues", types.Json(), nullable=True),
        sa.Column("row_hash", sa.Text(), nullable=True),
        sa.Column("local_date", sa.Date(), nullable=True),
        sa.Column("file_sha256", sa.Text(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("row_number", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=True),
        sa.Column("replayed_on", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_source_id_first_seen"), "quarantine", ["source_id", "first_seen"], unique=False)
    op.create_table(
        "record",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("source_record_id", sa.Text(), nullable=False),
        sa.Column("source_updated_at", types.Moment(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("record_type", sa.Text(), nullable=True),
        sa.Column("record_type_raw", sa.Text(), nullable=True),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("created_precision", sa.Text(), nullable=True),
        sa.Column("event_at", types.Moment(), nullable=True),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("source_category_1", sa.Text(), nullable=True),
        sa.Column("source_category_2", sa.Text(), nullable=True),
        sa.Column("source_category_3", sa.Text(), nullable=True),
        sa.Column("object_category", sa.Text(), nullable=True),
        sa.Column("respondent_name", sa.Text(), nullable=True),
        sa.Column("respondent_uscc", sa.Text(), nullable=True),
        sa.Column("respondent_address", sa.Text(), nullable=True),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("order_ref_hash", sa.Text(), nullable=True),
        sa.Column("caller_key", sa.Text(), nullable=True),
        sa.Column("caller_flags", types.Texts(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("street_code", sa.Text(), nullable=True),
        sa.Column("community", sa.Text(), nullable=True),
        sa.Column("address_masked", sa.Text(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lead_unit", sa.Text(), nullable=True),
        sa.Column("co_units", types.Texts(), nullable=True),
        sa.Column("dispatched_at", types.Moment(), nullable=True),
        sa.Column("signed_at", types.Moment(), nullable=True),
        sa.Column("due_at", types.Moment(), nullable=True),
        sa.Column("returned_unit", sa.Text(), nullable=True),
        sa.Column("returned_reason", sa.Text(), nullable=True),
        sa.Column("first_reply_at", types.Moment(), nullable=True),
        sa.Column("closed_at", types.Moment(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_raw", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("callback_at", types.Moment(), nullable=True),
        sa.Column("responded", sa.Boolean(), nullable=True),
        sa.Column("solved", sa.Boolean(), nullable=True),
        sa.Column("satisfied", sa.Text(), nullable=True),
        sa.Column("amount_claimed", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("amount_recovered", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("persons_affected", sa.BigInteger(), nullable=True),
        sa.Column("repeat_of", sa.Text(), nullable=True),
        sa.Column("urgency", sa.Text(), nullable=True),
        sa.Column("attachments_n", sa.BigInteger(), nullable=True),
        sa.Column("revision_no", sa.BigInteger(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("first_known_at", types.Moment(), nullable=True),
        sa.Column("row_hash", sa.Text(), nullable=False),
        sa.Column("fine_place", sa.Text(), nullable=True),
        sa.Column("coarse_place", sa.Text(), nullable=True),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem_name", sa.Text(), nullable=True),
        sa.Column("problem_id", sa.Text(), nullable=True),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("worked_revision", sa.BigInteger(), nullable=True),
        sa.Column("flags", types.Texts(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("file_sha256", sa.Text(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("row_number", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_record")),
    )
    op.create_index(op.f("ix_record_incident_id"), "record", ["incident_id"], unique=False)
    op.create_index(op.f("ix_record_local_date"), "record", ["local_date"], unique=False)
    op.create_index(op.f("ix_record_source_id_local_date"), "record", ["source_id", "local_date"], unique=False)
    op.create_index(
        "ix_record_unworked",
        "record",
        ["source_id"],
        unique=False,
        postgresql_where=sa.text("worked_revision is null or worked_revision <> revision_no"),
        sqlite_where=sa.text("worked_revision is null or worked_revision <> revision_no"),
    )
    op.create_table(
        "replay_series",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("respondent", sa.Text(), nullable=True),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("observed", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("alarm", sa.Boolean(), nullable=True),
        sa.Column("kept", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "series_id", "date", name=op.f("pk_replay_series")),
    )
    op.create_table(
        "replay_warning",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("warning_id", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("updated_on", sa.Date(), nullable=False),
        sa.Column("as_of", types.Moment(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem_name", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("respondent", sa.Text(), nullable=True),
        sa.Column("observed", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("ratio", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("q_value", sa.Double(), nullable=True),
        sa.Column("n_records", sa.BigInteger(), nullable=False),
        sa.Column("n_callers", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("lead_unit", sa.Text(), nullable=True),
        sa.Column("co_units", types.Texts(), nullable=True),
        sa.Column("law", sa.Text(), nullable=True),
        sa.Column("due_at", types.Moment(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("street_code", sa.Text(), nullable=True),
        sa.Column("fine_place", sa.Text(), nullable=True),
        sa.Column("coarse_place", sa.Text(), nullable=True),
        sa.Column("streets", types.Texts(), nullable=True),
        sa.Column("source_ids", types.Texts(), nullable=True),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("series_id", sa.Text(), nullable=True),
        sa.Column("window_days", sa.BigInteger(), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("reasons", types.Json(), nullable=True),
        sa.Column("evidence", types.Json(), nullable=True),
        sa.Column("parameters", types.Json(), nullable=True),
        sa.Column("lang", sa.Text(), nullable=True),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "warning_id", name=op.f("pk_replay_warning")),
    )
    op.create_table(
        "replay_warning_record",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("warning_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "warning_id", "record_id", name=op.f("pk_replay_warning_record")),
    )
    op.create_table(
        "revision",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("revision_no", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("row_hash", sa.Text(), nullable=False),
        sa.Column("caller_key", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("source_updated_at", types.Moment(), nullable=True),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("moved", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("waiting", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "revision_no", name=op.f("pk_revision")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_revision_caller_key", "revision", ["caller_key"], unique=False)
    op.create_index(
        "ix_revision_moved",
        "revision",
        ["record_id"],
        unique=False,
        postgresql_where=sa.text("moved"),
        sqlite_where=sa.text("moved"),
    )
    op.create_index(
        "ix_revision_waiting",
        "revision",
        ["known_at"],
        unique=False,
        postgresql_where=sa.text("waiting"),
        sqlite_where=sa.text("waiting"),
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_date", sa.Date(), nullable=True),
        sa.Column("as_of", types.Moment(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("sources", types.Texts(), nullable=True),
        sa.Column("parameters", types.Json(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("accepted", sa.BigInteger(), nullable=True),
        sa.Column("quarantined", sa.BigInteger(), nullable=True),
        sa.Column("unchanged", sa.BigInteger(), nullable=True),
        sa.Column("not_records", sa.BigInteger(), nullable=True),
        sa.Column("n_signals", sa.BigInteger(), nullable=True),
        sa.Column("n_warnings", sa.BigInteger(), nullable=True),
        sa.Column("expected_false_alarms", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("stages", types.Json(), nullable=True),
        sa.Column("reasons", types.Json(), nullable=True),
        sa.Column("repairs", types.Json(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("started_at", types.Moment(), nullable=True),
        sa.Column("ended_at", types.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_outcome"), "run", ["outcome"], unique=False)
    op.create_index(op.f("ix_run_run_date"), "run", ["run_date"], unique=False)
    op.create_table(
        "series",
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("respondent", sa.Text(), nullable=True),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("observed", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("alarm", sa.Boolean(), nullable=True),
        sa.Column("kept", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("series_id", "date", name=op.f("pk_series")),
    )
    op.create_index(op.f("ix_series_date"), "series", ["date"], unique=False)
    op.create_table(
        "warning",
        sa.Column("warning_id", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("updated_on", sa.Date(), nullable=False),
        sa.Column("as_of", types.Moment(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem_name", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("respondent", sa.Text(), nullable=True),
        sa.Column("observed", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("ratio", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("q_value", sa.Double(), nullable=True),
        sa.Column("n_records", sa.BigInteger(), nullable=False),
        sa.Column("n_callers", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("lead_unit", sa.Text(), nullable=True),
        sa.Column("co_units", types.Texts(), nullable=True),
        sa.Column("law", sa.Text(), nullable=True),
        sa.Column("due_at", types.Moment(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("street_code", sa.Text(), nullable=True),
        sa.Column("fine_place", sa.Text(), nullable=True),
        sa.Column("coarse_place", sa.Text(), nullable=True),
        sa.Column("streets", types.Texts(), nullable=True),
        sa.Column("source_ids", types.Texts(), nullable=True),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("series_id", sa.Text(), nullable=True),
        sa.Column("window_days", sa.BigInteger(), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("reasons", types.Json(), nullable=True),
        sa.Column("evidence", types.Json(), nullable=True),
        sa.Column("parameters", types.Json(), nullable=True),
        sa.Column("lang", sa.Text(), nullable=True),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("warning_id", name=op.f("pk_warning")),
    )
    op.create_index(op.f("ix_warning_fingerprint"), "warning", ["fingerprint"], unique=False)
    op.create_index(op.f("ix_warning_status"), "warning", ["status"], unique=False)
    op.create_index(op.f("ix_warning_updated_on"), "warning", ["updated_on"], unique=False)
    op.create_table(
        "warning_event",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("warning_id", sa.Text(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("changes", types.Json(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_warning_event")),
    )
    op.create_index(op.f("ix_warning_event_warning_id"), "warning_event", ["warning_id"], unique=False)
    op.create_table(
        "warning_record",
        sa.Column("warning_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("known_at", types.Moment(), nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("warning_id", "record_id", name=op.f("pk_warning_record")),
    )
    op.create_index(op.f("ix_warning_record_record_id"), "warning_record", ["record_id"], unique=False)
    # ### end Alembic commands ###
    engine = op.get_bind().dialect.name
    for name, query in VIEWS.items():
        op.execute(f"create view {name} as {query.format(**PIECES[engine])}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"drop view if exists {name}")
    op.drop_index(op.f("ix_warning_record_record_id"), table_name="warning_record")
    op.drop_table("warning_record")
    op.drop_index(op.f("ix_warning_event_warning_id"), table_name="warning_event")
    op.drop_table("warning_event")
    op.drop_index(op.f("ix_warning_updated_on"), table_name="warning")
    op.drop_index(op.f("ix_warning_status"), table_name="warning")
    op.drop_index(op.f("ix_warning_fingerprint"), table_name="warning")
    op.drop_table("warning")
    op.drop_index(op.f("ix_series_date"), table_name="series")
    op.drop_table("series")
    op.drop_index(op.f("ix_run_run_date"), table_name="run")
    op.drop_index(op.f("ix_run_outcome"), table_name="run")
    op.drop_table("run")
    op.drop_index(
        "ix_revision_waiting", table_name="revision", postgresql_where=sa.text("waiting"), sqlite_where=sa.text("waiting")
    )
    op.drop_index("ix_revision_moved", table_name="revision", postgresql_where=sa.text("moved"), sqlite_where=sa.text("moved"))
    op.drop_index("ix_revision_caller_key", table_name="revision")
    op.drop_table("revision")
    op.drop_table("replay_warning_record")
    op.drop_table("replay_warning")
    op.drop_table("replay_series")
    op.drop_index(
        "ix_record_unworked",
        table_name="record",
        postgresql_where=sa.text("worked_revision is null or worked_revision <> revision_no"),
        sqlite_where=sa.text("worked_revision is null or worked_revision <> revision_no"),
    )
    op.drop_index(op.f("ix_record_source_id_local_date"), table_name="record")
    op.drop_index(op.f("ix_record_local_date"), table_name="record")
    op.drop_index(op.f("ix_record_incident_id"), table_name="record")
    op.drop_table("record")
    op.drop_index(op.f("ix_quarantine_source_id_first_seen"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("purge")
    op.drop_table("problem")
    op.drop_index(op.f("ix_notice_raised_on"), table_name="notice")
    op.drop_table("notice")
    op.drop_table("metric")
    op.drop_index(op.f("ix_lake_file_run_id"), table_name="lake_file")
    op.drop_index(op.f("ix_lake_file_dataset_source_id_month"), table_name="lake_file")
    op.drop_table("lake_file")
    op.drop_index(op.f("ix_incident_last_seen"), table_name="incident")
    op.drop_table("incident")
    op.drop_index(op.f("ix_decision_known_at"), table_name="decision")
    op.drop_table("decision")
    op.drop_index(op.f("ix_batch_input_source_id_sha256"), table_name="batch_input")
    op.drop_table("batch_input")
    op.drop_index(op.f("ix_batch_source_id_run_date"), table_name="batch")
    op.drop_index(op.f("ix_batch_run_id"), table_name="batch")
    op.drop_table("batch")
    # ### end Alembic commands ###
