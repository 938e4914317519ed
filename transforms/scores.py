"""The monthly score: what it will be once the answers that are still out are in, which of them weigh most, and how long full marks have lasted."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

#: A unit's own rate is pulled towards the whole's by so many answers.
PULL = 10.0


@dataclass(frozen=True)
class Part:
    """One rate of a scheme: its name, weight, and over the rows `part` (credit 0…1), `whole` (counts) and `waiting` (its answer may still come)."""

    name: str
    weight: float
    part: pl.Expr
    whole: pl.Expr
    waiting: pl.Expr


@dataclass(frozen=True)
class Simulated:
    """`now`: the score of the answers there are; `expected`: with those that are out answered as their units' have been; `worst`, `best`: all of them badly, all well. NaN-free: None
    where a part has no answer at all. `weighing`: (record_id, lead_unit, due, chance, points) of records that are out, the most points to be lost first."""

    now: float | None
    expected: float | None
    worst: float | None
    best: float | None
    weighing: pl.DataFrame


def simulate(rows: pl.DataFrame, parts: Sequence[Part]) -> Simulated:
    """rows: record_id, lead_unit, close_due and what the parts' expressions need.

    A record's `points` are what the score is expected to lose by it: Σ share of weight × 100 × (1 − its unit's rate) ÷ all answers that there will be.
    """
    total = sum(p.weight for p in parts)
    score = dict.fromkeys(("now", "expected", "worst", "best"), 0.0)
    lost = rows.select("record_id", "lead_unit", pl.col("close_due").alias("due"), pl.lit(1.0).alias("chance"), pl.lit(0.0).alias("points"), pl.lit(False).alias("out"))
    for p in parts:
        told = rows.with_columns(p.part.cast(pl.Float64).fill_null(0).alias("_part"), p.whole.fill_null(False).alias("_whole"), p.waiting.fill_null(False).alias("_out")).with_columns(
            (pl.col("_out") & ~pl.col("_whole")).alias("_out"))
        n, k, out = float(told["_whole"].sum()), float(told.filter("_whole")["_part"].sum()), float(told["_out"].sum())
        if n == 0:
            return Simulated(None, None, None, None, lost.clear().drop("out"))
        units = told.filter("_whole").group_by("lead_unit").agg(pl.col("_part").sum().alias("_k"), pl.len().alias("_n"))
        chance = told.select("record_id", "lead_unit", "_out").join(units, on="lead_unit", how="left", nulls_equal=True, maintain_order="left").select(
            "_out", ((pl.col("_k").fill_null(0) + PULL * k / n) / (pl.col("_n").fill_null(0) + PULL)).alias("_chance"))
        share = 100 * p.weight / total
        came = float(chance.filter("_out")["_chance"].sum())
        for name, value in (("now", k / n), ("expected", (k + came) / (n + out)), ("worst", k / (n + out)), ("best", (k + out) / (n + out))):
            score[name] += share * value
        lost = lost.with_columns(
            pl.when(chance["_out"]).then(pl.col("points") + share * (1 - chance["_chance"]) / (n + out)).otherwise("points").alias("points"),
            pl.when(chance["_out"]).then(pl.col("chance") * chance["_chance"]).otherwise("chance").alias("chance"), (pl.col("out") | chance["_out"]).alias("out"))
    weighing = lost.filter("out").drop("out").with_columns(pl.col("points", "chance").round_sig_figs(9)).sort("points", "due", "record_id", descending=[True, False, False], nulls_last=True)
    now, expected, worst, best = (float(f"{score[c]:.9g}") for c in ("now", "expected", "worst", "best"))
    return Simulated(now, expected, worst, best, weighing)


def streak(scores: pl.DataFrame, month: date) -> int:
    """How many months in a row, to this one, had full marks: a missing month ends it. scores: month_first, score, full_score of one scheme."""
    full = set(scores.filter(pl.col("score") >= pl.col("full_score"))["month_first"].to_list())
    n, at = 0, month.replace(day=1)
    while at in full:
        n, at = n + 1, (at - timedelta(days=1)).replace(day=1)
    return n
