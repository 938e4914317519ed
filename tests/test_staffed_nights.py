"""Thirty nights of twenty cities with staff answering: what identities and the ranking come to, against what was planted."""
import numpy as np
import polars as pl
import pytest

from flows.feedback import feedback
from tests.engines import ready_house
from tests.staffed_nights import PLACE, as_of, average_precision, matter_of, nights, town_of
from warehouse.store import Warehouse

pytestmark = pytest.mark.long
SEEDS = range(1, 21)
#: The ranking is judged from here on: two weeks of verdicts are known then.
JUDGED_FROM = 15


def test_identities_hold_and_verdicts_make_the_ranking_better_and_a_later_look_sees_only_what_was_known(tmp_path):
    gains, broken = [], []
    for seed in SEEDS:
        town = town_of(seed)
        house = Warehouse(ready_house("sqlite", tmp_path / str(seed)))
        taught, untaught, played = [], [], []
        for n, night in enumerate(nights(town, house)):
            about = matter_of(town, night.behind)
            matters = [m for m in about.values() if m]
            broken += [(seed, night.day, "two open warnings", m) for m in sorted(set(matters)) if matters.count(m) > 1]
            broken += [(seed, night.day, "two matters", w) for w in several_matters(town, night.behind)]
            right = {w for w, m in about.items() if m}
            if n >= JUDGED_FROM and right:
                taught.append(average_precision(night.ranking, right))
                untaught.append(average_precision(night.untaught, right))
            played.append(night)
        for night in played[::7]:
            again = feedback(house, PLACE, night.day, as_of(night.day), house.settings).ranked(night.open.to_dicts(), PLACE, as_of(night.day), "again")
            assert again["warning_id"].to_list() == night.ranking, (seed, night.day)
            told = house.select("ranking", "date = :d", d=night.day).sort("rank")
            assert told.drop("run_id").equals(again.drop("run_id").select(told.drop("run_id").columns))
        gains.append(np.mean(taught) - np.mean(untaught))
        house.close()
        print(seed, f"{np.mean(taught):.3f} with verdicts, {np.mean(untaught):.3f} without", broken, flush=True)
    error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    print(f"mean gain {np.mean(gains):.3f} ± {2.093 * error:.3f}")
    assert broken == []
    assert np.mean(gains) - 2.093 * error > 0                                                  # t with 19 degrees of freedom, 95 %


def several_matters(town, behind):
    """Warnings in which two planted matters have five records and three in ten each."""
    own = behind.join(town.records.select("record_id", "incident_id"), on="record_id", how="left")
    size = own.group_by("warning_id").agg(pl.len().alias("n"))
    large = own.filter(pl.col("incident_id").is_not_null()).group_by("warning_id", "incident_id").len("k").join(size, on="warning_id").filter(
        (pl.col("k") >= 5) & (pl.col("k") / pl.col("n") >= 0.3))
    return large.group_by("warning_id").len().filter(pl.col("len") > 1)["warning_id"].to_list()
