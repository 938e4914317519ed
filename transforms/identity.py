"""Which warning is about which matter: the same matter tomorrow is the same warning."""
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from transforms.matters import OVERLAP, problem_group

#: A surge in the same cell within these days of the last sign is the same matter.
QUIET_DAYS = 28
#: Statuses of a warning whose matter has come to an end; within the watch it is opened again.
ENDED = ("closed", "expired")


@dataclass(frozen=True)
class Identities:
    """`known`: (matter, warning_id) of matters that have a warning; several matters may have the same one. `merged`: (warning_id, into): open
    warnings that proved to be one matter, the one raised first lives on (ties: the smaller id). `split`: (matter, warning_id) of matters that
    were part of a warning and are so no longer: each becomes a new warning that names it."""

    known: pl.DataFrame
    merged: pl.DataFrame
    split: pl.DataFrame


def identify(matters: pl.DataFrame, matter_records: pl.DataFrame, warnings: pl.DataFrame, warning_records: pl.DataFrame, day: date,
             watch_days: int = 60) -> Identities:
    """Matches tonight's matters with earlier warnings.

    matters: `transforms.matters.MATTER`. matter_records: (matter, record_id). warnings: warning_id, raised_on, updated_on, status,
    subject, problem_code, fine_place, coarse_place, respondent_key, incidents (list), series_id, closed_on. warning_records: (warning_id,
    record_id). A closed or expired warning within `watch_days` counts: it will be opened again.
    """
    alive = warnings.filter(~pl.col("status").is_in(["merged"]) & (
        pl.col("closed_on").is_null() | (pl.col("closed_on") >= day - timedelta(days=watch_days))))
    pairs = pl.concat([_by_records(matter_records, alive, warning_records), _by_incident(matters, alive), _by_cell(matters, alive, day), _by_series(matters, alive)])
    pairs = _related(pairs.unique(), matters, alive)
    split = _split(pairs, matters, matter_records, alive)
    pairs = pairs.join(split, on=["matter", "warning_id"], how="anti")
    pairs = pairs.join(alive.select("warning_id", "raised_on", "status"), on="warning_id").sort(
        "matter", pl.col("status").is_in(ENDED), "raised_on", "warning_id")
    known = pairs.group_by("matter", maintain_order=True).agg(pl.col("warning_id").first())
    rest = pairs.join(known.rename({"warning_id": "into"}), on="matter").filter(
        (pl.col("warning_id") != pl.col("into")) & ~pl.col("status").is_in(ENDED)
        & ~pl.col("warning_id").is_in(known["warning_id"].to_list()))
    merged = rest.sort("warning_id", "into").unique("warning_id", keep="first", maintain_order=True).select("warning_id", "into")
    split = split.join(known, on="matter", how="anti").sort("matter", "warning_id").unique("matter", keep="first", maintain_order=True)
    return Identities(known.select("matter", "warning_id"), merged, split)


def _related(pairs: pl.DataFrame, matters: pl.DataFrame, alive: pl.DataFrame) -> pl.DataFrame:
    """Without those of a sentinel's matter and another about another group of problems: that they share a record or an incident is not enough."""
    both = pairs.join(matters.select("matter", pl.col("subject").alias("_ours"), problem_group("problem_code").alias("_a")), on="matter").join(
        alive.select("warning_id", pl.col("subject").alias("_theirs"), problem_group("problem_code").alias("_b")), on="warning_id")
    one_is_a_record = (pl.col("_ours") == "record") != (pl.col("_theirs") == "record")
    return both.filter(~one_is_a_record | pl.col("_a").eq_missing(pl.col("_b"))).select(pairs.columns)


def _split(pairs: pl.DataFrame, matters: pl.DataFrame, matter_records: pl.DataFrame, alive: pl.DataFrame) -> pl.DataFrame:
    """(matter, warning_id) of matters whose records went into incidents that a warning of incidents knows nothing of, while another of tonight's
    matters has the incidents that it stands on: by records they were its part, by lineage they are another matter."""
    of_incidents = alive.filter((pl.col("subject") == "incident") & (pl.col("incidents").list.len() > 0))
    both = (pairs.join(matters.filter((pl.col("subject") == "incident") & (pl.col("incidents").list.len() > 0)).select(
                "matter", pl.col("incidents").alias("_ours")), on="matter")
            .join(of_incidents.select("warning_id", pl.col("incidents").alias("_theirs")), on="warning_id")
            .with_columns((pl.col("_ours").list.set_intersection("_theirs").list.len() > 0).alias("_same")))
    stays = both.filter("_same").select("warning_id", pl.col("matter").alias("_stays")).sort("warning_id", "_stays").unique("warning_id", keep="first", maintain_order=True)
    leaves = both.filter(~pl.col("_same")).join(stays, on="warning_id").select("matter", "warning_id", "_stays")
    held = matter_records.rename({"matter": "_stays"})
    shared = leaves.join(matter_records, on="matter").join(held, on=["_stays", "record_id"], how="semi").select("matter", "warning_id").unique()
    return leaves.select("matter", "warning_id").join(shared, on=["matter", "warning_id"], how="anti")


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


def _by_series(matters: pl.DataFrame, alive: pl.DataFrame) -> pl.DataFrame:
    """An open warning of a cell whose rise has found its cause: tonight the cell speaks, and an incident explains it (a respondent that is complained of
    every day does not: what the cell told of may have been another's)."""
    mine = matters.filter(pl.col("subject") == "incident").select("matter", "problem_code", pl.col("signals").alias("series_id")).explode("series_id")
    theirs = alive.filter(pl.col("subject").is_in(["fine", "coarse"]) & ~pl.col("status").is_in(ENDED)).select("warning_id", "series_id", "problem_code").drop_nulls("series_id")
    return mine.join(theirs, on=["series_id", "problem_code"]).select(_PAIR.keys()).unique()


def _by_cell(matters: pl.DataFrame, alive: pl.DataFrame, day: date) -> pl.DataFrame:
    recent = alive.filter(pl.col("updated_on") >= day - timedelta(days=QUIET_DAYS))
    same = ["subject", "problem_code", "coarse_place", "fine_place", "respondent_key"]
    cells = pl.col("subject").is_in(["fine", "coarse", "respondent"])
    return matters.filter(cells).join(recent.filter(cells), on=same, nulls_equal=True).select(_PAIR.keys())
