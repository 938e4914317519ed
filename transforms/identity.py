"""Which warning is about which matter: the same matter tomorrow is the same warning."""
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from transforms.matters import OVERLAP

#: A surge in the same cell within these days of the last sign is the same matter; a closed one is watched as long.
QUIET_DAYS = 28


@dataclass(frozen=True)
class Identities:
    """`known`: (matter, warning_id) of matters that have a warning; several matters may have the same one. `merged`: (warning_id, into): open warnings that proved to be
    one matter, the one raised first lives on."""

    known: pl.DataFrame
    merged: pl.DataFrame


def identify(matters: pl.DataFrame, matter_records: pl.DataFrame, warnings: pl.DataFrame, warning_records: pl.DataFrame, day: date,
             watch_days: int = 60) -> Identities:
    """Matches tonight's matters with earlier warnings.

    matters: `transforms.matters.MATTER`. matter_records: (matter, record_id). warnings: warning_id, raised_on, updated_on, status,
    subject, problem_code, fine_place, coarse_place, respondent_key, incidents (list), closed_on. warning_records: (warning_id,
    record_id). A closed or expired warning within `watch_days` counts: it will be opened again.
    """
    alive = warnings.filter(~pl.col("status").is_in(["merged"]) & (
        pl.col("closed_on").is_null() | (pl.col("closed_on") >= day - timedelta(days=watch_days))))
    pairs = pl.concat([_by_records(matter_records, alive, warning_records), _by_incident(matters, alive), _by_cell(matters, alive, day)])
    pairs = pairs.unique().join(alive.select("warning_id", "raised_on", "status"), on="warning_id").sort(
        "matter", pl.col("status").is_in(["closed", "expired"]), "raised_on", "warning_id")
    known = pairs.group_by("matter", maintain_order=True).agg(pl.col("warning_id").first())
    rest = pairs.join(known.rename({"warning_id": "into"}), on="matter").filter(
        (pl.col("warning_id") != pl.col("into")) & ~pl.col("status").is_in(["closed", "expired"])
        & ~pl.col("warning_id").is_in(known["warning_id"].to_list()))
    merged = rest.sort("warning_id", "into").unique("warning_id", keep="first", maintain_order=True).select("warning_id", "into")
    return Identities(known.select("matter", "warning_id"), merged)


_PAIR = {"matter": pl.Int32, "warning_id": pl.String}


def _by_records(matter_records: pl.DataFrame, alive: pl.DataFrame, warning_records: pl.DataFrame) -> pl.DataFrame:
    """Shared records, and enough of the smaller one's."""
    ours = warning_records.join(alive.select("warning_id"), on="warning_id", how="semi")
    shared = matter_records.join(ours, on="record_id").group_by("matter", "warning_id").len("both")
    sized = (shared.join(matter_records.group_by("matter").len("n_matter"), on="matter")
             .join(ours.group_by("warning_id").len("n_warning"), on="warning_id"))
    return sized.filter(pl.col("both") >= OVERLAP * pl.min_horizontal("n_matter", "n_warning")).select(_PAIR.keys())


def _by_incident(matters: pl.DataFrame, alive: pl.DataFrame) -> pl.DataFrame:
    mine = matters.filter(pl.col("subject").is_in(["incident", "respondent", "record"])).select("matter", "incidents").explode(
        "incidents").drop_nulls()
    theirs = alive.filter(pl.col("subject").is_in(["incident", "respondent", "record"])).select("warning_id", "incidents").explode(
        "incidents").drop_nulls()
    return mine.join(theirs, on="incidents").select(_PAIR.keys()).unique()


def _by_cell(matters: pl.DataFrame, alive: pl.DataFrame, day: date) -> pl.DataFrame:
    recent = alive.filter(pl.col("updated_on") >= day - timedelta(days=QUIET_DAYS))
    same = ["subject", "problem_code", "coarse_place", "fine_place", "respondent_key"]
    cells = pl.col("subject").is_in(["fine", "coarse", "respondent"])
    return matters.filter(cells).join(recent.filter(cells), on=same, nulls_equal=True).select(_PAIR.keys())
