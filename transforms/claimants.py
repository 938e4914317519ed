"""Callers who write against many, known by what they do and never by name: professional claimants (职业索赔人), and whoever acts like one."""
from datetime import date, timedelta

import polars as pl


def claimants(records: pl.DataFrame, day: date, days: int, n_records: int, n_respondents: int) -> list[str]:
    """The `caller_key` of those with `n_records` records or more against `n_respondents` respondents or more within `days` days up to `day`, sorted.

    records: caller_key, respondent_key (null: nobody is named), local_date; those of `days` days at the least.
    """
    near = records.lazy().filter(pl.col("caller_key").is_not_null() & (pl.col("local_date") <= day) & (pl.col("local_date") > day - timedelta(days=days)))
    per = near.group_by("caller_key").agg(pl.len().alias("n"), pl.col("respondent_key").drop_nulls().n_unique().alias("whom"))
    return per.filter((pl.col("n") >= n_records) & (pl.col("whom") >= n_respondents)).collect()["caller_key"].sort().to_list()
