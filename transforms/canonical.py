"""The canonical hotline record: the columns every source is mapped to, and which of them may leave landing.

One row is one delivered row of one record. Columns in `LANDING_ONLY` exist from mapping to pseudonymising and
nowhere else; `RECORD` is what is kept in the lake; `LINEAGE` says where a row came from and is outside every digest.
"""
from typing import Any

import polars as pl

MOMENT = pl.Datetime("us", "UTC")

#: What is wrong with, or was repaired in, a row: a rule's code, the source's own header, what was found (never the
#: value of a personal column) and what was expected.
ISSUE = pl.Struct({"code": pl.String, "column": pl.String, "found": pl.String, "expected": pl.String})
ISSUES = pl.List(ISSUE)

CHANNELS = ("phone", "app", "wechat", "web", "letter", "visit", "12315", "12345", "transfer", "media", "other")
RECORD_TYPES = ("consultation", "help", "complaint", "report", "suggestion", "praise", "urge", "withdrawal", "other")
#: In the order in which a record passes through them.
STATUSES = ("open", "dispatched", "signed", "in_hand", "suspended", "closed", "withdrawn", "void")
OUTCOMES = ("mediated", "refunded", "refused", "transferred", "filed", "unfounded", "unknown")
SATISFIED = ("very", "yes", "basically", "no", "refused")
URGENCIES = ("normal", "urgent", "critical")
CALLER_FLAGS = ("repeat", "professional", "anonymous", "asks_secrecy")
PRECISIONS = ("second", "minute", "day")

#: Columns that are masked or pseudonymised away before anything leaves landing.
LANDING_ONLY: dict[str, Any] = {
    "caller_phone": pl.String,
    "caller_account": pl.String,
    "caller_name": pl.String,
    "caller_id_no": pl.String,
    "caller_email": pl.String,
    "caller_address": pl.String,
    "order_ref": pl.String,
    "address": pl.String,
}

RECORD: dict[str, Any] = {
    "source_id": pl.String,
    "source_record_id": pl.String,
    "record_id": pl.String,
    "source_updated_at": MOMENT,
    "channel": pl.String,
    "record_type": pl.String,
    "record_type_raw": pl.String,
    "created_at": MOMENT,
    "created_precision": pl.String,
    "event_at": MOMENT,
    "local_date": pl.Date,
    "title": pl.String,
    "content": pl.String,
    "source_category_1": pl.String,
    "source_category_2": pl.String,
    "source_category_3": pl.String,
    "object_category": pl.String,
    "respondent_name": pl.String,
    "respondent_uscc": pl.String,
    "respondent_address": pl.String,
    "platform": pl.String,
    "order_ref_hash": pl.String,
    "caller_key": pl.String,
    "caller_flags": pl.List(pl.String),
    "city": pl.String,
    "district": pl.String,
    "street": pl.String,
    "street_code": pl.String,
    "community": pl.String,
    "address_masked": pl.String,
    "lon": pl.Float64,
    "lat": pl.Float64,
    "lead_unit": pl.String,
    "co_units": pl.List(pl.String),
    "dispatched_at": MOMENT,
    "signed_at": MOMENT,
    "due_at": MOMENT,
    "returned_unit": pl.String,
    "returned_reason": pl.String,
    "first_reply_at": MOMENT,
    "closed_at": MOMENT,
    "status": pl.String,
    "status_raw": pl.String,
    "outcome": pl.String,
    "reply": pl.String,
    "callback_at": MOMENT,
    "responded": pl.Boolean,
    "solved": pl.Boolean,
    "satisfied": pl.String,
    "amount_claimed": pl.Decimal(14, 2),
    "amount_recovered": pl.Decimal(14, 2),
    "persons_affected": pl.Int32,
    "repeat_of": pl.String,
    "urgency": pl.String,
    "attachments_n": pl.Int16,
}

LINEAGE: dict[str, Any] = {
    "file_sha256": pl.String,
    "file_name": pl.String,
    "sheet": pl.String,
    "row_number": pl.Int64,
}

#: What came with a record only after it was created: blank in the first revision of a history load (DESIGN, contract 3).
LATER = (
    "dispatched_at", "signed_at", "returned_unit", "returned_reason", "first_reply_at", "closed_at",
    "outcome", "reply", "callback_at", "responded", "solved", "satisfied", "amount_recovered",
)
#: The time stamps that say when a row's content was known; `due_at` and `event_at` are none.
STAMPS = ("created_at", "dispatched_at", "signed_at", "first_reply_at", "closed_at", "callback_at", "source_updated_at")

#: Texts shown to people and masked: a mask, never a pseudonym.
MASKED_TEXTS = ("title", "content", "reply", "returned_reason")

#: A mapped row, before it is pseudonymised.
MAPPED: dict[str, Any] = {**RECORD, **LANDING_ONLY, **LINEAGE, "issues": ISSUES}
#: A row as it is validated and stored.
SAFE: dict[str, Any] = {**RECORD, **LINEAGE, "row_hash": pl.String, "issues": ISSUES}

NO_ISSUES = pl.lit([], dtype=ISSUES)


def conform(frame: pl.LazyFrame | pl.DataFrame, schema: dict[str, Any]) -> pl.LazyFrame:
    """The frame with exactly the schema's columns, in its order and types; a missing column is null (issues: empty).

    Raises `polars.exceptions.InvalidOperationError` at collect where a value does not fit its type.
    """
    lazy = frame.lazy()
    have = lazy.collect_schema().names()
    return lazy.select(
        pl.col(name).cast(dtype) if name in have
        else (NO_ISSUES if name == "issues" else pl.lit(None, dtype=dtype)).alias(name)
        for name, dtype in schema.items()
    )


def add_issues(findings: list[tuple]) -> pl.Expr:
    """An expression for `issues` with one more entry a tuple (when, code[, column[, found[, expected]]]) on the rows where `when` is true.

    Strings are literals; a null `when` counts as false; entries are appended in the order given.
    """
    def text(x):
        return (pl.lit(x, dtype=pl.String) if x is None or isinstance(x, str) else x.cast(pl.String))

    new = []
    for when, code, *rest in findings:
        column, found, expected = (*rest, None, None, None)[:3]
        entry = pl.struct(pl.lit(code).alias("code"), text(column).alias("column"), text(found).alias("found"),
                          text(expected).alias("expected"))
        new.append(pl.when(when.fill_null(False)).then(pl.concat_list([entry])).otherwise(NO_ISSUES))
    return pl.concat_list([pl.col("issues"), *new]).alias("issues")
