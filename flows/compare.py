"""Two runs side by side: what a replay said against what was said live, or against another replay.

Warnings are the same one by id, else by their records: a replay may found a matter on an earlier record, or raise it on another day.
"""
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from flows.messages import BadUsage, print_json
from flows.places import Place, places_of
from flows.running import House
from policy.catalogue import say
from transforms.entities import normalise_respondent
from warehouse.settings import Settings
from warehouse.store import Warehouse

#: What is compared of a warning that both have.
FIGURES = ("raised_on", "kind", "level", "problem_code", "place", "respondent", "observed", "expected", "p_value", "n_records", "n_callers")
#: Two warnings with no id in common are one where they share this much of the smaller one's records.
SHARED = 0.5
CELL = ("series_id", "date", "observed", "expected", "alarm")
WARNINGS: dict[str, Any] = {"change": pl.String, "one": pl.String, "other": pl.String, "title": pl.String, "differs": pl.List(pl.String)}


@dataclass(frozen=True)
class Said:
    """What a run said: its warnings, their records, and the cells watched on its days. `sources`: None for all."""

    run_id: str
    first: date
    last: date
    sources: tuple[str, ...] | None
    warnings: pl.DataFrame
    records: pl.DataFrame
    cells: pl.DataFrame

    def of(self, sources: Sequence[str] | None, house: House) -> "Said":
        """Only the warnings with a record of the sources, and the cells that hold one; all of them for None."""
        if sources is None:
            return self
        mine = pl.col("source_ids").list.set_intersection(list(sources)).list.len() > 0
        cells = self.cells.filter(pl.col("series_id").is_in(series_of(house.warehouse, sources).implode()))
        return replace(self, warnings=self.warnings.filter(mine), cells=cells)


def series_of(warehouse: Warehouse, sources: Sequence[str]) -> pl.Series:
    """The series that hold a record of these sources: cells of its counts, incidents, respondents."""
    counted = warehouse.dataset("counts", sources=sources).select("problem_code", "coarse_place", "fine_place").unique().collect()
    cell = lambda *places: pl.concat_str("problem_code", pl.lit("@"), pl.concat_str(*places, separator="/", ignore_nulls=True))
    slots = {f"s{i}": s for i, s in enumerate(sources)}
    named = warehouse.read(f"select distinct incident_id, respondent_name from record where source_id in ({', '.join(':' + s for s in slots)})", **slots)
    respondents = normalise_respondent(named["respondent_name"].drop_nulls().unique())
    return pl.concat([counted.select(cell("coarse_place", "fine_place").alias("id"))["id"], counted.select(cell("coarse_place").alias("id"))["id"],
                      "incident:" + named["incident_id"].drop_nulls(), ("respondent:" + respondents).rename("id")]).drop_nulls().unique()


def compare(settings: Settings, one: str, other: str, as_json: bool) -> int:
    """Prints what differs between two runs on the days that both worked. Raises BadUsage for runs that can't be compared."""
    house = House.open(settings)
    try:
        a, b = said_by(house, one), said_by(house, other)
        sources = a.sources if a.sources is not None else b.sources
        a, b = a.of(sources, house), b.of(sources, house)
    finally:
        house.warehouse.close()
    first, last = max(a.first, b.first), min(a.last, b.last)
    if first > last:
        raise BadUsage(say("compare.no_days", settings.lang, one=one, other=other))
    days = pl.col("date").is_between(first, last)
    warnings, cells = compared_warnings(a, b, first, last), compared_cells(a.cells.filter(days), b.cells.filter(days))
    if as_json:
        print_json({"one": one, "other": other, "first": first, "last": last, "warnings": warnings.to_dicts(), "cells": dict(cells.iter_rows())})
    else:
        _show(warnings, cells, say("compare.head", settings.lang, one=one, other=other, first=first, last=last), settings.lang)
    return 0


def show_difference(house: House, place: Place, days: Sequence[date], told: Mapping[str, pl.DataFrame]) -> None:
    """Prints how what a replay said (`warehouse.replaying.said`) differs from what the live nights had told of these days."""
    first, last = days[0], days[-1]
    live = _read(house.warehouse, "live", first, last, place.sources, "", "merged_into is null").of(place.sources, house)
    warnings = told["warning"].filter(pl.col("merged_into").is_null())
    replay = Said("replay", first, last, place.sources, warnings, told["warning_record"].select("warning_id", "record_id"), told["series"].select(CELL))
    _show(compared_warnings(live, replay, first, last), compared_cells(live.cells, replay.cells),
          say("backfill.against", house.settings.lang, place=place.key, first=first, last=last), house.settings.lang)


def said_by(house: House, run_id: str) -> Said:
    """What a backfill or a night said; a night's are the live tables as they stand now."""
    rows = house.warehouse.select("run", "run_id = :r", r=run_id)
    if rows.is_empty():
        raise BadUsage(say("usage.nothing", house.settings.lang, what=run_id))
    run = rows.row(0, named=True)
    if run["kind"] == "nightly":
        return _read(house.warehouse, run_id, run["run_date"], run["run_date"], None, "", "merged_into is null")
    if run["kind"] == "backfill":
        asked = json.loads(run["parameters"])
        sources = places_of(house.mappings, [asked["source"]])[0].sources if asked["source"] else None
        return _read(house.warehouse, run_id, date.fromisoformat(asked["first"]), date.fromisoformat(asked["last"]), sources, "replay_",
                     "run_id = :r and merged_into is null")
    raise BadUsage(say("compare.kind", house.settings.lang, run=run_id, kind=run["kind"]))


def _read(warehouse: Warehouse, run_id: str, first: date, last: date, sources: tuple[str, ...] | None, head: str, where: str) -> Said:
    of_run = " where run_id = :r" if head else ""
    more = {"r": run_id} if head else {}
    warnings = warehouse.select(f"{head}warning", where, **more)
    records = warehouse.read(f"select warning_id, record_id from {head}warning_record{of_run}", **more)
    cells = warehouse.select(f"{head}series", "date between :a and :b" + (" and run_id = :r" if head else ""), a=first, b=last, **more)
    return Said(run_id, first, last, sources, warnings, records, cells.select(CELL))


def compared_warnings(a: Said, b: Said, first: date, last: date) -> pl.DataFrame:
    """One row a matter that either raised on these days; a frame of `WARNINGS`, sorted by change and id.

    change: same, changed, only_one, only_other. one, other: its id in either. differs: "level: red → orange".
    """
    of_a, of_b = ({w["warning_id"]: w for w in side.warnings.iter_rows(named=True)} for side in (a, b))
    pairs = _pairs(a, b)
    rows = []
    for one, other in pairs:
        was, now = of_a[one], of_b[other]
        if any(first <= w["raised_on"] <= last for w in (was, now)):
            differs = [f"{f}: {was[f]} → {now[f]}" for f in FIGURES if was[f] != now[f]]
            rows.append(("changed" if differs else "same", one, other, now["title"], differs))
    for change, ours, paired in (("only_one", of_a, {p for p, _ in pairs}), ("only_other", of_b, {p for _, p in pairs})):
        alone = [w for w in ours.values() if w["warning_id"] not in paired and first <= w["raised_on"] <= last]
        rows += [(change, *((w["warning_id"], None) if change == "only_one" else (None, w["warning_id"])), w["title"], []) for w in alone]
    return pl.DataFrame(rows, schema=WARNINGS, orient="row").sort("change", "one", "other")


def _pairs(a: Said, b: Said) -> list[tuple[str, str]]:
    """Which warning of the one is which of the other: by id, then by the largest share of records."""
    same = sorted(set(a.warnings["warning_id"]) & set(b.warnings["warning_id"]))
    left, right = (side.records.join(side.warnings.select("warning_id"), on="warning_id", how="semi").filter(~pl.col("warning_id").is_in(same))
                   for side in (a, b))
    size = [side.group_by("warning_id").len() for side in (left, right)]
    shared = (left.join(right, on="record_id", suffix="_other").group_by("warning_id", "warning_id_other").len("both")
              .join(size[0], on="warning_id").join(size[1], left_on="warning_id_other", right_on="warning_id", suffix="_other")
              .with_columns((pl.col("both") / pl.min_horizontal("len", "len_other")).alias("share")).filter(pl.col("share") >= SHARED)
              .sort("share", "both", "warning_id", "warning_id_other", descending=[True, True, False, False]))
    pairs, taken = [(w, w) for w in same], set()
    for one, other in shared.select("warning_id", "warning_id_other").iter_rows():
        if ("one", one) not in taken and ("other", other) not in taken:
            taken |= {("one", one), ("other", other)}
            pairs.append((one, other))
    return pairs


def compared_cells(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """How many cells and days are the same, differ in observed, expected or alarm, or are watched by one only: (change, n)."""
    both = a.with_columns(pl.lit(True).alias("_a")).join(b.with_columns(pl.lit(True).alias("_b")), on=["series_id", "date"], how="full", coalesce=True,
                                                         suffix="_other")
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(f"{c}_other")) for c in ("observed", "expected", "alarm"))
    change = (pl.when(pl.col("_b").is_null()).then(pl.lit("only_one")).when(pl.col("_a").is_null()).then(pl.lit("only_other"))
              .when(same).then(pl.lit("same")).otherwise(pl.lit("changed")))
    return both.select(change.alias("change")).group_by("change").agg(pl.len().cast(pl.Int64).alias("n")).sort("change")


def _show(warnings: pl.DataFrame, cells: pl.DataFrame, head: str, lang: str) -> None:
    console = Console(highlight=False, markup=False)
    console.print(head)
    table = Table(pad_edge=False)
    for name in ("change", "warning", "title", "differs"):
        table.add_column(say(f"compare.col.{name}", lang), overflow="fold")
    for r in warnings.iter_rows(named=True):
        ids = list(dict.fromkeys(w for w in (r["one"], r["other"]) if w))
        table.add_row(say(f"compare.{r['change']}", lang), "\n".join(ids), r["title"], "\n".join(r["differs"]))
    console.print(table)
    counts = dict(cells.iter_rows())
    console.print(say("compare.cells", lang, **{c: counts.get(c, 0) for c in ("same", "changed", "only_one", "only_other")}))
