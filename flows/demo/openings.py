"""Every opening of every warning as its nights told it: a warning that comes back is an alarm again, with evidence of its own."""
from datetime import datetime

import polars as pl

from policy.levels import LEVELS
from warehouse.store import Warehouse

#: One opening of one warning.
OPENING = ["warning_id", "opening"]


def openings(house: Warehouse, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(warning_id, opening, raised_on, kind, level) of every opening, as the last night in it told it, its highest level; and (warning_id,
    opening, record_id) of its evidence then. An opening is 1 where the warning was raised, 2 where it came back for the first time."""
    told, behind = (house.dataset(name, as_of).filter(pl.col("known_at") <= as_of) for name in ("warnings", "warning_records"))
    about = pl.col("evidence")
    rows = told.select("warning_id", "known_at", "night_no", "kind", "level",
                       about.str.json_path_match("$.opening.no").cast(pl.Int64).fill_null(1).alias("opening"),
                       about.str.json_path_match("$.opening.on").str.to_date().fill_null(pl.col("raised_on")).alias("raised_on")).collect()
    rows = rows.sort("known_at", "night_no")
    levels = pl.Enum(LEVELS[::-1])
    alarms = rows.group_by(OPENING, maintain_order=True).agg(pl.col("raised_on", "kind").last(), pl.col("level").cast(levels).max().cast(pl.String))
    night = ["warning_id", "known_at", "night_no"]
    nights = behind.select(night).unique().collect().join(rows.select(*night, "opening"), on=night).sort("known_at", "night_no")
    last = nights.unique(OPENING, keep="last", maintain_order=True)
    records = behind.join(last.lazy(), on=night).select(*OPENING, "record_id").collect()
    return alarms.sort(OPENING), records.sort(*OPENING, "record_id")
