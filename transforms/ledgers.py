"""Ledger items: what a load changes, which records are about each, which marks it has, and what to inspect next."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from transforms.entities import normalise_respondent

YEAR, RECENT = 365, 30


@dataclass(frozen=True)
class Compared:
    """A load against what is in force: rows that are new or changed, ids that are unchanged, ids that are in force and not in the load."""

    changed: pl.DataFrame
    new: list[str]
    unchanged: list[str]
    vanished: list[str]


def compare(load: pl.DataFrame, in_force: pl.DataFrame) -> Compared:
    """Both by `item_id`, with the same columns."""
    both = load.join(in_force, on="item_id", how="left", suffix="_was")
    known = pl.col("item_id").is_in(in_force["item_id"].implode())
    same = known & pl.all_horizontal(pl.col(c).eq_missing(pl.col(f"{c}_was")) for c in load.columns if c != "item_id")
    told = both.select("item_id", same.alias("same"), known.alias("known"))
    return Compared(load.join(told.filter(~pl.col("same")), on="item_id", how="semi"), sorted(told.filter(~pl.col("known"))["item_id"]),
                    sorted(told.filter("same")["item_id"]), sorted(set(in_force["item_id"]) - set(load["item_id"])))


def joined(items: pl.DataFrame, records: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """(item_id, record_id, local_date): records about each item, by its place in their community, address or title, or by its user unit as respondent.

    A record of a place belongs to every item there; the longest name that a text holds is its place.
    """
    parts = [pl.DataFrame(schema={"item_id": pl.String, "record_id": pl.String, "local_date": pl.Date})]
    if "place" in by:
        places = items.filter(pl.col("place").str.len_chars() >= 2).select("item_id", "place")
        names = sorted(places["place"].unique().to_list(), key=lambda n: (-len(n), n))
        text = pl.concat_str("community", "address_masked", "title", separator="|", ignore_nulls=True)
        if names:
            said = records.with_columns(text.str.extract_many(names, leftmost=True).list.unique().alias("place")).select("record_id", "local_date", "place").explode("place", empty_as_null=True)
            parts.append(said.join(places, on="place").select("item_id", "record_id", "local_date"))
    if "respondent" in by:
        units = items.select("item_id", normalise_respondent(items["user_unit"]).alias("key")).drop_nulls()
        said = records.with_columns(normalise_respondent(records["respondent_name"]).alias("key")).drop_nulls("key")
        parts.append(said.join(units, on="key").select("item_id", "record_id", "local_date"))
    return pl.concat(parts).unique(["item_id", "record_id"]).sort("item_id", "record_id")


def scored(items: pl.DataFrame, events: pl.DataFrame, about: pl.DataFrame, day: date, rules: Sequence[tuple[str, str, int]]) -> pl.DataFrame:
    """The items with what is known of them on a day, `marks`, `score` and `record_ids`; the highest score first, then the most records, then by id.

    items: columns of an item. events: (item_id, kind, day). about: `joined`. rules: (id, SQL condition, points). Events and records after the day are not looked at.
    """
    past = events.filter(pl.col("day") <= day)
    last = lambda kind: past.filter(pl.col("kind") == kind).group_by("item_id").agg(pl.col("day").max().alias(f"_{kind}"))
    since = lambda n: pl.col("day") > day - timedelta(days=n)
    faults = past.filter((pl.col("kind") == "fault") & since(YEAR)).group_by("item_id").agg(pl.len().cast(pl.Int64).alias("_faults"))
    seen = about.filter((pl.col("local_date") <= day) & (pl.col("local_date") > day - timedelta(days=YEAR)))
    records = seen.group_by("item_id").agg(pl.len().cast(pl.Int64).alias("n_records"), (pl.col("local_date") > day - timedelta(days=RECENT)).sum().cast(pl.Int64).alias("n_recent"),
                                           pl.col("record_id").sort().alias("record_ids"))
    told = items
    for part in (*(last(k) for k in ("inspected", "maintained", "fault", "disclosed")), faults, records):
        told = told.join(part, on="item_id", how="left", maintain_order="left")
    days = lambda column: (pl.lit(day) - column).dt.total_days()
    told = told.with_columns(
        (days(pl.col("used_since")) / 365.25).alias("age_years"), (pl.col("faults").fill_null(0) + pl.col("_faults").fill_null(0)).alias("faults"),
        pl.col("n_records", "n_recent").fill_null(0), (-days(pl.col("inspection_due"))).alias("days_to_due"), (-days(pl.col("inspection_due").dt.offset_by("-1mo"))).alias("days_to_request"),
        days(pl.max_horizontal("last_inspected", "_inspected")).alias("days_since_inspected"), days(pl.max_horizontal("last_maintained", "_maintained")).alias("days_since_maintained"),
        pl.when(pl.col("_fault") > pl.col("_disclosed").fill_null(date.min)).then(days(pl.col("_fault"))).alias("days_undisclosed"),
        pl.col("record_ids").fill_null(pl.lit([], pl.List(pl.String))))
    met = [pl.sql_expr(when).fill_null(False).alias(f"?{name}") for name, when, _ in rules]
    told = told.with_columns(met)
    return told.with_columns(
        pl.concat_list([pl.when(f"?{name}").then(pl.lit(name)) for name, _, _ in rules]).list.drop_nulls().alias("marks"),
        sum((pl.col(f"?{name}").cast(pl.Int64) * points for name, _, points in rules), pl.lit(0, pl.Int64)).alias("score"),
    ).drop([f"?{name}" for name, _, _ in rules] + [c for c in told.columns if c.startswith("_")]).sort("score", "n_records", "item_id", descending=[True, True, False])
