"""Forecasts: no look-ahead, better than the naive where there is a season, intervals that hold, counts too small for intervals uniform in their PIT, streets that add up."""
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest, nbinom

from models.forecasts import SeasonalForecaster, naive

DAYS = 560


def world(seed=1, mean=25.0, series=8, days=DAYS, phi=1.6):
    """Negative binomial counts with a weekday, a yearly wave and a slowly moving level of its own for each series."""
    rng, t = np.random.default_rng(seed), np.arange(days)[:, None]
    week = np.array([1.3, 1.1, 1.1, 1.0, 1.0, .8, .7])[t % 7]
    level = np.exp(np.cumsum(rng.normal(0, .01, (days, series)), axis=0)) * mean * np.exp(.2 * np.sin(2 * np.pi * t / 364))
    mu = level * week
    return rng.poisson(rng.gamma(mu / (phi - 1), phi - 1))


def test_the_median_beats_seasonal_naive_and_eighty_percent_intervals_hold():
    y = world()
    origins = np.arange(28, DAYS - 6, 7)
    told = [(o, f) for o, f in zip(origins, SeasonalForecaster("D", 7).backtest(y, origins)) if o >= 91]
    came = np.array([y[o:o + 7] for o, _ in told])
    ours = np.abs(np.array([f.median for _, f in told]) - came).mean((0, 1))
    theirs = np.abs(np.array([naive(y, o, 7, 7) for o, _ in told]) - came).mean((0, 1))
    assert (ours < .85 * theirs).all()
    held = np.mean([(f.low <= c) & (c <= f.high) for (_, f), c in zip(told, came)])
    assert .75 <= held <= .85


def test_small_counts_have_a_uniform_randomised_pit():
    y = world(7, mean=.6, series=12)
    origins = np.arange(28, DAYS - 6, 7)
    told = [(o, f) for o, f in zip(origins, SeasonalForecaster("D", 7).backtest(y, origins)) if o >= 182]
    rng, pit = np.random.default_rng(3), []
    for o, f in told:
        phi = np.maximum(f.variance / f.mean, 1.0001)
        size, p = f.mean / (phi - 1), 1 / phi
        below, at = nbinom.cdf(y[o:o + 7] - 1, size, p), nbinom.pmf(y[o:o + 7], size, p)
        pit.append(below + rng.random(below.shape) * at)
    values = np.concatenate([x.ravel() for x in pit])
    assert kstest(values, "uniform").statistic < .04


def test_what_is_said_before_a_period_rests_on_the_rows_before_it_alone():
    y = world(4, days=200)
    origins = np.arange(28, 180, 7)
    later = y.copy()
    later[150:] = 999
    a, b = (SeasonalForecaster("D", 7).backtest(x, origins) for x in (y, later))
    for o, f, g in zip(origins, a, b):
        if o <= 150:
            assert all(np.array_equal(getattr(f, c), getattr(g, c)) for c in ("mean", "median", "low", "high", "variance"))


def test_a_storm_is_no_new_level_and_a_sum_has_an_interval_of_its_own():
    y = world(5, days=210, mean=20)
    quiet, _ = SeasonalForecaster("D", 7).predict(y)
    y[-10] *= 40
    stormy, month = SeasonalForecaster("D", 7).predict(y)
    assert (stormy.mean.sum(0) < 1.35 * quiet.mean.sum(0)).all()
    assert (month.low < month.mean).all() and (month.mean < month.high).all() and np.allclose(month.mean, stormy.mean.sum(0))
    with pytest.raises(ValueError, match="eight weeks"):
        SeasonalForecaster("W", 4).predict(np.ones((7, 2), int))


def test_sums_of_four_weeks_are_within_their_interval_as_often_as_it_says():
    y = world(11, mean=8, series=40, days=7 * 120).reshape(120, 7, 40).sum(1)
    held = []
    for end in range(60, 116, 4):
        _, month = SeasonalForecaster("W", 4).predict(y[:end])
        came = y[end:end + 4].sum(0)
        held.append((month.low[0] <= came) & (came <= month.high[0]))
    assert .72 <= np.mean(held) <= .9


def test_the_command_says_how_many_where_last_year_and_who_should_act(tmp_path, monkeypatch, capsys):
    import json

    from flows.cli import run as weisu
    from tests.houses import enter
    from tests.practice_house import house_with, moment, records
    from warehouse.publication import LakeWrite, Publication
    day = date(2026, 6, 30)
    rng = np.random.default_rng(1)
    rows = [{"source_id": "market_supervision", "problem_code": code, "fine_place": street, "coarse_place": "通州区", "date": day - timedelta(days=k), "n": int(rng.poisson(m))}
            for k in range(420) for code, street, m in (("food.expired", "新华街道", 3), ("food.expired", "北苑街道", 1), ("special.elevator_fault", "梨园镇", 1))]
    counts = pl.DataFrame(rows).filter(pl.col("n") > 0).with_columns(pl.lit(moment(day, 20)).alias("known_at").cast(pl.Datetime("us", "UTC")), pl.col("n").cast(pl.Int64))
    house = house_with(tmp_path / "h", records([{"day": day}]), moment(day, 24))
    house.warehouse.publish(Publication({"run_id": "r2", "kind": "nightly", "run_date": day, "as_of": moment(day, 24), "outcome": "ok"}, lake=[LakeWrite("counts", "market_supervision", counts)]))
    house.warehouse.close()
    enter(monkeypatch, house.settings)
    assert weisu(["forecast", "--date", str(day), "--format", "json"]) == 0
    told = {r["problem_code"]: r for r in json.loads(capsys.readouterr().out)}
    food = told["food.expired"]
    assert list(told) == ["", "food.expired", "special.elevator_fault"] and food["week_low"] < 28 < food["week_high"] and food["month_low"] < 112 < food["month_high"]
    assert food["streets"] == ["新华街道", "北苑街道"] and sum(food["street_weeks"]) == pytest.approx(food["week"]) and abs(told[""]["month"] - 140) < 25
    last = counts.filter((pl.col("problem_code") == "food.expired") & pl.col("date").is_between(day - timedelta(days=363), day - timedelta(days=336)))["n"].sum()
    assert food["last_year"] == last
    assert weisu(["forecast", "--date", str(day), "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "新华市场监管所" in said and "特种设备" in said and "80% 区间" in said
