"""The published views: names and columns are a contract (documented in docs/warehouse.md, made by the migrations)."""

VIEWS: dict[str, tuple[str, ...]] = {
    "v_records": (
        "record_id", "source_id", "source_record_id", "revision_no", "known_at", "created_at", "record_type", "street",
        "respondent", "caller_key", "problem_code", "problem_name", "problem_id", "incident_id", "content", "status",
    ),
    "v_warnings": (
        "warning_id", "raised_on", "updated_on", "as_of", "kind", "level", "status", "problem_code", "problem_name", "place",
        "respondent", "observed", "expected", "ratio", "p_value", "q_value", "n_records", "n_callers", "first_seen", "title",
        "summary", "lead_unit", "co_units", "law", "due_at", "verdict", "merged_into", "run_id",
    ),
    "v_warning_records": ("warning_id", "record_id", "role"),
    "v_series": ("series_id", "date", "problem_code", "place", "respondent", "observed", "expected", "p_value", "alarm"),
    "v_quarantine": (
        "source_id", "source_record_id", "codes", "message", "file", "sheet", "row", "first_seen", "replayed_on",
    ),
    "v_runs": (
        "run_id", "kind", "run_date", "as_of", "outcome", "rows_read", "accepted", "quarantined", "unchanged", "n_signals",
        "n_warnings", "expected_false_alarms", "seconds", "version",
    ),
    "v_notices": (
        "notice_id", "raised_on", "as_of", "kind", "code", "source_id", "problem_code", "place", "n_records", "n_callers",
        "summary", "run_id",
    ),
    "v_metrics": (
        "metric", "period_start", "period_end", "grain", "key", "numerator", "denominator", "value", "low", "high", "mature", "as_of",
    ),
    "v_work": (
        "warning_id", "change_no", "status", "assigned_to", "owner", "due_at", "snoozed_until", "escalation_step", "escalated_to", "verdict", "measures",
        "handled_by", "closed_on", "follows", "merged_into", "ranked_on", "rank", "priority", "expected_precision", "basis",
    ),
    "v_warning_events": ("event_id", "warning_id", "known_at", "kind", "done_by", "changes", "note", "run_id"),
    "v_outbox": ("message_id", "created_at", "kind", "warning_id", "level", "lead_unit", "title", "body", "lang", "run_id", "sent_at"),
    "v_review_points": ("point_id", "period", "sheet_day", "known_at", "subject", "what", "unit", "due_on", "decided_by", "done_at", "result", "done_by"),
    "v_consultations": ("consultation_id", "held_on", "known_at", "subject", "participants", "conclusion", "noted_by"),
    "v_drives": ("drive_id", "kind", "level", "title", "problem_code", "streets", "first_day", "last_day", "units", "measures", "target", "origin", "known_at", "noted_by",
                 "n_inspected", "n_found", "n_cases", "result", "result_at", "result_by"),
    "v_ledger_items": ("ledger", "item_id", "valid_from", "valid_to", "place", "street", "used_since", "user_unit", "maintainer", "inspection_due", "last_inspected", "last_maintained",
                       "faults", "risk_grade", "amount", "filed", "stopped", "known_at", "residents"),
    "v_ledger_events": ("event_id", "ledger", "item_id", "kind", "day", "note", "known_at", "noted_by"),
    "v_cases": ("case_id", "record_id", "case_no", "law", "filed_on", "known_at", "noted_by", "closed_on", "result", "closed_at", "closed_by"),
    "v_whistles": ("whistle_id", "subject", "asked_by", "asked_unit", "known_at", "reported_at", "outcome", "reported_by"),
    "v_monthly_scores": ("month_first", "scheme", "score", "full_score", "known_at", "noted_by"),
    "v_problems": ("problem_id", "problem_code", "name", "n_records", "first_seen", "last_seen", "merged_into", "ended_on", "pinned", "promoted_to", "run_id"),
    "v_incidents": ("incident_id", "place", "problem_code", "respondent", "title", "first_seen", "last_seen", "n_records", "n_callers", "merged_into", "run_id"),
    "v_problem_lineage": ("event_id", "kind", "problem_id", "other", "n_records", "reason", "day", "known_at", "run_id"),
    "v_incident_lineage": ("event_id", "kind", "incident_id", "other", "n_records", "reason", "day", "known_at", "run_id"),
}
