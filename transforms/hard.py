"""Matters with what makes them hard: how long they have been open, how many units, callers and yuan are in them, how often they came back."""
from collections.abc import Sequence
from datetime import date

import polars as pl

_OPEN = ("open", "dispatched", "signed", "in_hand", "suspended")


def matters(records: pl.DataFrame, day: date) -> pl.DataFrame:
    """A row a matter (an incident, or a record that stands alone) of these records as they stand on a day, by `matter`.

    records: record_id, incident_id, local_date, status, lead_unit, co_units, returned_unit, reopened, repeated, solved, amount_claimed,
    persons_affected, problem_code, problem_name, street, respondent_name, title. Gives `matter`, those of the oldest record that describe it, first, last,
    open_days (null where nothing is open), n_records, n_open, n_units (the most that one of its records went to: a matter of many streets is not for that one of many trades),
    n_reopened, n_repeated, n_answered, n_solved, amount, persons, record_ids.
    """
    units = pl.concat_list(pl.concat_list("lead_unit", "returned_unit"), pl.col("co_units").fill_null([]))
    is_open = pl.col("status").is_in(_OPEN)
    described = ("problem_code", "problem_name", "street", "respondent_name", "title")
    return (records.with_columns(pl.coalesce("incident_id", "record_id").alias("matter"), units.alias("_units"), is_open.alias("_open"))
            .sort("local_date", "record_id").group_by("matter")
            .agg(*(pl.col(c).drop_nulls().first() for c in described), pl.col("lead_unit").drop_nulls().last(),
                 pl.col("local_date").min().alias("first"), pl.col("local_date").max().alias("last"),
                 (pl.lit(day) - pl.col("local_date").filter("_open").min()).dt.total_days().alias("open_days"), pl.len().cast(pl.Int64).alias("n_records"),
                 pl.col("_open").sum().cast(pl.Int64).alias("n_open"), pl.col("_units").list.drop_nulls().list.n_unique().max().cast(pl.Int64).alias("n_units"),
                 pl.col("reopened").sum().cast(pl.Int64).alias("n_reopened"), pl.col("repeated").sum().cast(pl.Int64).alias("n_repeated"),
                 pl.col("solved").is_not_null().sum().cast(pl.Int64).alias("n_answered"), pl.col("solved").sum().cast(pl.Int64).alias("n_solved"),
                 pl.col("amount_claimed").sum().cast(pl.Float64).alias("amount"), pl.col("persons_affected").sum().cast(pl.Int64).alias("persons"),
                 pl.col("record_id").sort().alias("record_ids")).sort("matter"))


def marked(found: pl.DataFrame, rules: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """The matters with `marks`: the ids of the rules (id, SQL condition over a matter's columns) that they meet, in the rules' order."""
    if not rules:
        return found.with_columns(pl.lit([], pl.List(pl.String)).alias("marks"))
    met = [pl.when(pl.sql_expr(when).fill_null(False)).then(pl.lit(name)) for name, when in rules]
    return found.with_columns(pl.concat_list(met).list.drop_nulls().alias("marks"))
