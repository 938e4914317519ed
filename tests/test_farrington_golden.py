"""FarringtonFlexible and EARS give R's figures, cell by cell, and refuse what R would silently accept."""
import numpy as np
import polars as pl
import pytest

from models.surges import EARS, FarringtonFlexible
from tests.conftest import shared

BASE = {"half_window": 3, "n_periods": 10, "recent_excluded": 26, "weights_threshold": 2.58, "threshold_method": "nbPlugin", "alpha": .05,
        "trend": True, "trend_p_threshold": .05, "min_cases": (5, 4), "reweight": True, "power": "2/3", "freq": 52}
CONFIGS = {"nb05": {}, "nb005_all": {"alpha": .005, "min_cases": (0, 4)}, "muan005": {"threshold_method": "muan", "alpha": .005},
           "delta05": {"threshold_method": "delta"}, "nb05_notrend": {"trend": False}, "nb05_norew": {"reweight": False},
           "farr96": {"threshold_method": "delta", "n_periods": 1, "weights_threshold": 1., "recent_excluded": 3}}
FIGURES = {"expected": "expected", "upperbound": "upper", "pvalue": "p_value", "phi": "dispersion", "mu0": "mu0", "score": "score"}


@pytest.fixture(scope="module")
def golden():
    return (pl.read_parquet(shared("golden", "farrington_series.parquet")), pl.read_parquet(shared("golden", "farrington_expected.parquet")),
            pl.read_parquet(shared("golden", "ears_expected.parquet")))


def far_off(got, want):
    known = np.isfinite(want)
    off = np.abs(got[known] - want[known]) / np.maximum(np.abs(want[known]), 1e-6)
    return np.max(np.where(np.isfinite(off), off, np.inf), initial=0)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name, years_back", [("s2", 3), ("m2", 3), ("abattoir", 2), ("stsNewport", 5)])
def test_figures_are_those_of_r(golden, name, years_back, config):
    series, expected, _ = golden
    want = expected.filter((pl.col("dataset") == name) & (pl.col("config") == config)).sort("t")
    mine = series.filter(pl.col("dataset") == name).sort("t")
    dates = mine["date"].str.to_date().to_numpy() if name == "stsNewport" else None
    got = FarringtonFlexible(**{**BASE, **CONFIGS[config], "years_back": years_back}).detect(
        mine["observed"].to_numpy()[:, None], want["t"].to_numpy() - 1, dates=dates)
    assert (got.alarm[:, 0] == want["alarm"].cast(pl.Float64).to_numpy()).all()
    for column, attribute in FIGURES.items():
        assert far_off(getattr(got, attribute)[:, 0], want[column].to_numpy().astype(float)) <= 1e-8, column


def test_series_do_not_mind_their_neighbours(golden):
    series, _, _ = golden
    wide = series.filter(pl.col("dataset") == "influMen").pivot(on="unit", index="t", values="observed").sort("t").drop("t").to_numpy()
    at = np.arange(270, 300)
    detector = FarringtonFlexible(years_back=5, **BASE)
    both = detector.detect(wide, at)
    alone = detector.detect(wide[:, 1:], at[::3])
    np.testing.assert_allclose(both.p_value[::3, 1:], alone.p_value, rtol=1e-10)


def test_rows_without_years_behind_them_are_nan():
    got = FarringtonFlexible(years_back=5, **BASE).detect(np.ones((300, 2)), np.array([100, 299]))
    assert np.isnan(got.p_value[0]).all() and not got.alarm[0].any() and np.isfinite(got.p_value[1]).all()


def test_a_misspelt_control_is_an_error():
    with pytest.raises(ValueError, match="threshold_method"):
        FarringtonFlexible(threshold_method="nbplugin").detect(np.ones((300, 1)), [299])
    with pytest.raises(ValueError, match="power"):
        FarringtonFlexible(power="2/5").detect(np.ones((300, 1)), [299])


def test_ears_figures_are_those_of_r(golden):
    series, _, expected = golden
    for (name, unit, config), want in expected.group_by(["dataset", "unit", "config"], maintain_order=True):
        method, baseline, sigma = config.split("_")
        y = series.filter((pl.col("dataset") == name) & (pl.col("unit") == unit)).sort("t")["observed"].to_numpy()[:, None]
        got = EARS(method, int(baseline[1:]), min_sigma=float(sigma[1:])).detect(y, want["t"].to_numpy() - 1)
        assert far_off(got.upper[:, 0], want["upperbound"].to_numpy().astype(float)) <= 1e-8, (name, unit, config)
        assert (got.alarm[:, 0] == (want["alarm"].to_numpy() == 1)).all(), (name, unit, config)
