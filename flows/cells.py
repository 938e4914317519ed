"""Tonight's cells: the counts as known tonight, and what each watched cell has beside what was to be expected. They rest on no incident."""
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from flows.artefacts import new_sources
from flows.detect import LOOK_BACK, NOTHING, WITHHELD_DAYS, cells_tonight, with_observed
from flows.places import Place
from flows.tonight import Tonight
from transforms.counts import CELL, a_day, small, summed
from warehouse.store import Warehouse

#: When cells are judged, counts of so many days are asked for at the most: a year before and what led up to it (`transforms.seasonal`).
COUNTED_DAYS = 500


@dataclass(frozen=True)
class Judged:
    """counts: as known tonight, see `counts_tonight`, of the last `COUNTED_DAYS` days, or of those whose series are kept. every_day: (source_id,
    problem_code, date, n) of all days. cells: as `cells_tonight` gives them, those of new sources not tested. fresh: as `new_sources` gives them."""

    counts: pl.DataFrame
    every_day: pl.DataFrame
    cells: pl.DataFrame
    fresh: pl.DataFrame


def judged(house: Warehouse, place: Place, changes: pl.DataFrame, tonight: Tonight, tested: bool = True) -> Judged:
    """Tonight's counts and cells. changes: what tonight's records add (`count_changes`). tested: False where no count can be trusted, then there are no cells."""
    counts = counts_tonight(house, place, changes, tonight)
    every_day = a_day(counts, "source_id", "problem_code")
    fresh = new_sources(every_day, tonight.day)
    cells = _cells(counts, fresh, place, tonight) if tested else NOTHING.cells.drop("alarm")
    # Three years of cells are held no longer than they are asked for.
    counts = counts.filter(pl.col("date") > tonight.day - timedelta(days=max(COUNTED_DAYS, tonight.settings.series_days + 1)))
    return Judged(counts, every_day, cells, fresh)


def _cells(counts: pl.DataFrame, fresh: pl.DataFrame, place: Place, tonight: Tonight) -> pl.DataFrame:
    late = counts.filter(pl.col("date") > tonight.day - timedelta(days=WITHHELD_DAYS)).select(pl.col("source_id", "problem_code", "fine_place", "coarse_place").cast(pl.String))
    quiet = late.filter(pl.col("source_id").is_in(list(tonight.quiet))).drop("source_id").unique()
    of_fresh = pl.col("source_id").cast(pl.String).is_in(fresh["source_id"].implode())
    cells = cells_tonight(counts.filter(~of_fresh) if fresh.height else counts, place, tonight.day, quiet)
    return with_observed(cells, counts.filter(of_fresh & (pl.col("date") == tonight.day))) if fresh.height else cells


def counts_tonight(house: Warehouse, place: Place, changes: pl.DataFrame, tonight: Tonight) -> pl.DataFrame:
    """The counts of the days that detectors look back over, tonight's changes in them: (*CELL, n Int32), in no order, names as categories: of years
    of cells the same few names would be most of the memory."""
    since = tonight.day - timedelta(days=LOOK_BACK)
    new = small(changes.filter((pl.col("known_at") <= tonight.as_of) & (pl.col("date") >= since)).select(*CELL, "n"))
    month = ["source_id", pl.col("date").dt.strftime("%Y-%m").alias("month")]
    mine = dict(iter(new.group_by(month)))
    parts = []
    for stored in house.counts_by_month(tonight.as_of, since, place.sources):
        if stored.height:
            more = mine.pop(stored.select(month).row(0), new.clear())
            parts.append(summed(pl.concat([stored, more])) if more.height else stored)
    return pl.concat([*parts, *map(summed, mine.values())] or [new])
