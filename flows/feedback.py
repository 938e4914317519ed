"""What staff's verdicts make of tomorrow: the order of the list, its thresholds, and how precise each kind of warning has been."""
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from flows.places import Place
from models.verdicts import SEEN, VerdictRanking, precision
from policy.levels import rank
from policy.lifecycle import OPEN
from policy.ranking import Factor, factors, table
from warehouse.settings import Settings
from warehouse.store import Warehouse

#: How precision is broken down, and by which fact of a verdict.
GRAINS = {"kind": "kind", "rule": "rule", "problem": "problem_code", "unit": "lead_unit"}
_FACT: dict[str, Any] = {"kind": pl.String, "rule": pl.String, "level": pl.String, "problem_code": pl.String, "lead_unit": pl.String, "observed": pl.Float64,
                         "expected": pl.Float64, "p_value": pl.Float64, "n_records": pl.Int64, "n_callers": pl.Int64, "source_ids": pl.List(pl.String)}
JUDGED: dict[str, Any] = {"warning_id": pl.String, "known_at": pl.Datetime("us", "UTC"), "verdict": pl.String, "credit": pl.Float64, **_FACT}
#: Thresholds and the verdicts behind them.
_BEHIND = {"false_alarms": pl.col("p_value").is_not_null(), "several_callers": pl.col("rule") == "several_callers"}
_RANKING: dict[str, Any] = {"date": pl.Date, "warning_id": pl.String, "place_key": pl.String, "as_of": pl.Datetime("us", "UTC"), "rank": pl.Int64,
                            "priority": pl.Float64, "expected_precision": pl.Float64, "basis": pl.String, "run_id": pl.String}


def verdicts(acts: pl.DataFrame, sources: Sequence[str] | None = None) -> pl.DataFrame:
    """The verdict that stands for each warning (columns `JUDGED`), oldest first; one that staff took back by reopening is none.

    acts: people's events (`Warehouse.acts`). sources: only warnings with a record of one of them.
    """
    last = acts.filter(pl.col("kind").is_in(["closed", "reopened"])).sort("known_at", "event_id").unique("warning_id", keep="last", maintain_order=True)
    rows = []
    credit = table()["credit"]
    for event in last.filter((pl.col("kind") == "closed") & pl.col("facts").is_not_null()).iter_rows(named=True):
        facts, said = json.loads(event["facts"]), json.loads(event["changes"] or "{}").get("verdict")
        verdict = said[1] if isinstance(said, list) else said
        if verdict in credit and (sources is None or set(facts.get("source_ids") or ()) & set(sources)):
            rows.append({"warning_id": event["warning_id"], "known_at": event["known_at"], "verdict": verdict, "credit": credit[verdict],
                         **{c: facts.get(c) for c in _FACT}})
    return pl.DataFrame(rows, schema=JUDGED)


@dataclass(frozen=True)
class Feedback:
    """What a night learns from verdicts: `judged`, those known at its as-of; `learns`: False where a decision or setting says that none shall teach."""

    judged: pl.DataFrame
    day: date
    learns: bool = True

    @cached_property
    def model(self) -> VerdictRanking:
        rules = table()
        taught = self.judged if self.learns else self.judged.clear()
        return VerdictRanking(rules["least"], rules["pull"], rules["prior"], tuple(rules["chance"])).fit(taught, taught["credit"])

    @cached_property
    def factors(self) -> dict[str, Factor]:
        """The thresholds' factors of this week: from the verdicts known when its Monday began."""
        monday = datetime.combine(self.day - timedelta(days=self.day.weekday()), time(), UTC)
        taught = self.judged.filter(pl.col("known_at") < monday) if self.learns else self.judged.clear()
        mine = {name: taught.filter(which) for name, which in _BEHIND.items()}
        return factors({n: float(f["credit"].sum()) for n, f in mine.items()}, {n: f.height for n, f in mine.items()})

    def chances(self, rows: list[dict]) -> np.ndarray:
        """The chance of each warning to prove right; NaN where nothing was ever judged."""
        return self.model.predict(pl.DataFrame([{c: r[c] for c in SEEN} for r in rows], schema={c: _FACT[c] for c in SEEN}))

    def worth(self, rows: list[dict]) -> list[float]:
        """Priorities: what each warning's level is worth times the chance that it proves right."""
        return _worth(rows, self.chances(rows))

    def ranked(self, rows: list[dict], place: Place, as_of: datetime, run_id: str) -> pl.DataFrame:
        """Rows of the table `ranking` for open warnings: the most worth first; ties by p-value, then by id."""
        live = [r for r in rows if r["status"] in OPEN]
        if not live:
            return pl.DataFrame(schema=_RANKING)
        chance = self.chances(live)
        worth = _worth(live, chance)
        order = sorted(range(len(live)), key=lambda n: (-worth[n], rank(live[n]["level"]), -1.0 if live[n]["p_value"] is None else live[n]["p_value"],
                                                        live[n]["warning_id"]))
        return pl.DataFrame([{"date": self.day, "warning_id": live[n]["warning_id"], "place_key": place.key, "as_of": as_of, "rank": k + 1,
                              "priority": worth[n], "expected_precision": None if np.isnan(chance[n]) else float(f"{chance[n]:.9g}"),
                              "basis": self.model.basis_, "run_id": run_id} for k, n in enumerate(order)], schema=_RANKING)

    def metrics(self, place: Place, as_of: datetime, run_id: str, days: int) -> pl.DataFrame:
        """Rows of the table `metric`: precision of the whole and by kind, rule, problem and unit, with 95 % intervals; and this week's factors.

        `key` begins with the place. Figures stand for the verdicts of the last `days`.
        """
        out = []
        first, monday = self.day - timedelta(days=days - 1), self.day - timedelta(days=self.day.weekday())
        whole = self.judged.with_columns(pl.lit("").alias("whole"))
        for grain, by in {"whole": "whole", **GRAINS}.items():
            for r in precision(whole, by).iter_rows(named=True):
                out.append({"metric": "precision", "period_start": first, "period_end": self.day, "grain": grain, "key": f"{place.key}/{r[by]}".rstrip("/"),
                            "numerator": r["credit"], "denominator": float(r["judged"]), "value": r["precision"], "low": r["low"], "high": r["high"], "mature": True})
        for f in self.factors.values() if self.judged.height else ():
            out.append({"metric": "calibration", "period_start": monday, "period_end": monday + timedelta(days=6), "grain": "threshold", "key": f"{place.key}/{f.name}",
                        "numerator": f.precision, "denominator": float(f.n), "value": f.factor, "low": f.low, "high": f.high, "mature": True})
        schema = {"metric": pl.String, "period_start": pl.Date, "period_end": pl.Date, "grain": pl.String, "key": pl.String, "numerator": pl.Float64,
                  "denominator": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "mature": pl.Boolean}
        return pl.DataFrame(out, schema=schema).with_columns(pl.lit(as_of, pl.Datetime("us", "UTC")).alias("as_of"), pl.lit(run_id).alias("run_id"))


def _worth(rows: list[dict], chance: np.ndarray) -> list[float]:
    rules = table()
    return [float(f"{rules['worth'][r['level']] * p:.9g}") for r, p in zip(rows, np.nan_to_num(chance, nan=rules["prior"]))]


def feedback(house: Warehouse, place: Place, day: date, as_of: datetime, settings: Settings) -> Feedback:
    """What was known at a night's as-of: verdicts of the last days, and whether they shall teach."""
    acts = house.acts(as_of - timedelta(days=settings.verdict_days), as_of, ("closed", "reopened"))
    said = house.decisions(as_of).filter(pl.col("kind") == "calibration")
    on = json.loads(said["details"][-1] or "{}").get("learn", True) if said.height else True
    return Feedback(verdicts(acts, place.sources), day, settings.learn and on)
