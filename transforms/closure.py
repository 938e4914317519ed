"""Closed records that a person should look at again: why each, and a sample of them by unit. Never a judgement."""
from datetime import timedelta
from hashlib import blake2b

import polars as pl

#: A record of the same caller in the same matter within so many days of a closing says that it was not over.
AGAIN_DAYS = 30
#: Reasons, in the order in which they are told.
REASONS = ("again", "reopened", "unsolved", "unsatisfied", "template", "late", "no_reply")


def doubtful(records: pl.DataFrame, template: pl.Series) -> pl.DataFrame:
    """The closed records with `reasons` (of `REASONS`), by record_id; those without any have an empty list.

    records: record_id, incident_id, caller_key, status, created_at, closed_at, close_due, reopened, solved, satisfied, has_reply. template: ids of records whose reply is
    one of many nearly the same.
    """
    closed = records.filter((pl.col("status") == "closed") & pl.col("closed_at").is_not_null())
    later = records.filter(pl.col("incident_id").is_not_null() & pl.col("caller_key").is_not_null()).select("incident_id", "caller_key", pl.col("created_at").alias("_came"))
    came = closed.select("record_id", "incident_id", "caller_key", "closed_at").join(later, on=["incident_id", "caller_key"]).filter(
        (pl.col("_came") > pl.col("closed_at")) & (pl.col("_came") <= pl.col("closed_at") + timedelta(days=AGAIN_DAYS)))["record_id"].unique()
    met = {"again": pl.col("record_id").is_in(came.implode()), "reopened": pl.col("reopened"), "unsolved": ~pl.col("solved"), "unsatisfied": pl.col("satisfied") == "no",
           "template": pl.col("record_id").is_in(template.implode()), "late": pl.col("closed_at") > pl.col("close_due"), "no_reply": ~pl.col("has_reply")}
    return closed.with_columns(pl.concat_list([pl.when(met[r].fill_null(False)).then(pl.lit(r)) for r in REASONS]).list.drop_nulls().alias("reasons")).sort("record_id")


def sample(closed: pl.DataFrame, per_unit: int, salt: str) -> pl.DataFrame:
    """Of each unit `per_unit` of the records with a reason, those with the most first, and as many of all its others by lot (`drawn`: reason, lot).

    The lot is a hash of the record's id and `salt` (the period): the same sample whoever asks, another one next month.
    """
    lot = [blake2b(f"{salt}|{r}".encode(), digest_size=8).hexdigest() for r in closed["record_id"]]
    rows = closed.with_columns(pl.Series("_lot", lot, dtype=pl.String), (pl.col("reasons").list.len() > 0).alias("_why"), pl.col("lead_unit").fill_null("").alias("_unit"))
    first = rows.filter("_why").sort(pl.col("reasons").list.len(), "_lot", "record_id", descending=[True, False, False]).group_by("_unit", maintain_order=True).head(per_unit)
    rest = rows.filter(~pl.col("_why")).sort("_lot", "record_id").group_by("_unit", maintain_order=True).head(per_unit)
    return pl.concat([first.with_columns(pl.lit("reason").alias("drawn")), rest.select(first.columns).with_columns(pl.lit("lot").alias("drawn"))]).sort(
        "_unit", pl.col("drawn") == "lot", "record_id").drop("_lot", "_why", "_unit")
