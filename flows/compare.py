"""Two runs side by side: what a replay said against what was said live, or against another replay.

Warnings are the same one by id, else by their records: a replay may found a matter on an earlier record, or raise it on another day.
"""
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from flows.messages import BadUsage, print_json
from flows.places import places_of
from flows.running import House
from policy.catalogue import say
from warehouse.settings import Settings
from warehouse.store import Warehouse

#: What is compared of a warning that both have.
FIGURES = ("raised_on", "kind", "level", "problem_code", "place", "respondent", "observed", "expected", "p_value", "n_records", "n_callers")
#: Two warnings with no id in common are one where they share this much of the smaller one's records.
SHARED = 0.5
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

    def of(self, sources: Sequence[str] | None) -> "Said":
        """Only the warnings with a record of the sources."""
        if sources is None:
            return self
        return replace(self, warnings=self.warnings.filter(pl.col("source_ids").list.set_intersection(list(sources)).list.len() > 0))


def compare(settings: Settings, one: str, other: str, as_json: bool) -> int:
    """Prints what differs between two runs on the days that both worked. Raises BadUsage for runs that can't be compared."""
    house = House.open(settings)
    try:
        a, b = said_by(house, one), said_by(house, other)
    finally:
        house.warehouse.close()
    first, last = max(a.first, b.first), min(a.last, b.last)
    if first > last:
        raise BadUsage(say("compare.no_days", settings.lang, one=one, other=other))
    sources = a.sources if a.sources is not None else b.sources
    days = pl.col("date").is_between(first, last)
    warnings, cells = compared_warnings(a.of(sources), b.of(sources), first, last), compared_cells(a.cells.filter(days), b.cells.filter(days))
    if as_json:
        print_json({"one": one, "other": other, "first": first, "last": last, "warnings": warnings.to_dicts(), "cells": dict(cells.iter_rows())})
    else:
        _show(warnings, cells, say("compare.head", settings.lang, one=one, other=other, first=first, last=last), settings.lang)
    return 0


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
    return Said(run_id, first, last, sources, warnings, records, cells.select("series_id", "date", "observed", "expected", "alarm"))


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
