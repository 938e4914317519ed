"""Regressions of many series: what their coefficients are drawn to, and the sums that they are fitted on."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.coefficient_spread import learnt_precision
from models.log_linear import fit_log_linear
from models.robust_counts import FALL, LEAST, down_weight, residual
from models.surge_expectation import by_level, finest

GIVEN = np.array([.01, 4., 4.])          # of a level, and of two columns whose coefficients are believed to lie within .5
KINDS = np.array([0, 1, 2])


def fitted(slopes, seed=1, mean=2.):
    """(true slopes, coefficients and covariance of fits under GIVEN) of 300 rows of Poisson counts with those slopes; the third column says nothing."""
    rng = np.random.default_rng(seed)
    x = np.stack([np.ones(300), np.linspace(-1, 1, 300), rng.normal(0, 1, 300)], 1)
    y = rng.poisson(mean * np.exp(x[:, 1:2] * slopes)).astype(float)
    return y, x, *fit_log_linear(y, x, GIVEN)


def relearnt(y, x, coef, covariance):
    precision = learnt_precision(coef, covariance, np.repeat(GIVEN[:, None], y.shape[1], 1), GIVEN, KINDS)
    return precision, fit_log_linear(y, x, precision)[0]


def test_series_without_a_slope_are_drawn_to_none_and_those_with_one_keep_it():
    slopes = np.where(np.arange(600) % 2, .8, 0.)
    y, x, coef, covariance = fitted(slopes)
    precision, again = relearnt(y, x, coef, covariance)
    off = lambda c, which: np.sqrt(((c[1] - slopes)[which] ** 2).mean())
    flat = slopes == 0
    assert off(again, flat) < .5 * off(coef, flat)
    assert off(again, ~flat) < 1.1 * off(coef, ~flat)
    assert np.median(precision[1][flat]) > 10 * np.median(precision[1][~flat])


def test_a_column_that_tells_nothing_of_any_series_is_drawn_to_none():
    y, x, coef, covariance = fitted(np.zeros(300))
    _, again = relearnt(y, x, coef, covariance)
    assert np.abs(again[2]).mean() < .35 * np.abs(coef[2]).mean()


def test_a_single_series_keeps_about_the_given_belief():
    y, x, coef, covariance = fitted(np.array([.5]))
    precision, _ = relearnt(y, x, coef, covariance)
    assert precision[0, 0] == GIVEN[0]
    assert .5 * GIVEN[1] < precision[1, 0] < 2 * GIVEN[1]


def test_wide_slopes_everywhere_are_held_less_than_was_believed():
    slopes = np.random.default_rng(3).normal(0, 1.2, 400)
    precision, _ = relearnt(*fitted(slopes, mean=5.))
    assert np.median(precision[1]) < .6 * GIVEN[1]


@given(st.integers(1, 12), st.integers(1, 30), st.sampled_from([0., .05, 3.]), st.integers(0, 2 ** 31))
def test_sums_by_level_are_those_of_their_columns(days, series, mean, seed):
    rng = np.random.default_rng(seed)
    y = rng.poisson(mean, (days, series)).astype(np.int32)
    index = [np.unique(rng.integers(0, n, series), return_inverse=True)[1] for n in (1, 4)]
    for sums, level in zip(by_level(y, index), index):
        assert sums == pytest.approx(np.stack([y[:, level == k].sum(1) for k in range(level.max() + 1)], 1))


def test_a_factor_that_another_refines_is_left_out():
    street = np.array([7, 7, 3, 3, 9])
    district, problem = street // 5, np.array([0, 1, 0, 1, 0])
    kept = finest(np.stack([district, street, problem, street + 100], 1))
    assert [k.tolist() for k in kept] == [[1, 1, 0, 0, 2], [0, 1, 0, 1, 0]]


@given(st.floats(.01, 400), st.sampled_from([1., 1.3, 2., 3., 3.1, 8.]), st.sampled_from([2.3, 2.58, 6.]))
def test_no_unusual_count_is_passed_over_for_lying_near_its_mean(mean, phi, limit):
    """Most counts are not asked how unusual they are; those that are asked and those that are not get the weights that all would get."""
    y = np.arange(LEAST, 4 * int(mean + 8 * np.sqrt(phi * mean)) + 9, dtype=float)[:, None]
    mu, weights = np.full(y.shape, mean), np.ones(y.shape)
    down_weight(y, mu, np.array([phi]), weights, limit)
    asked = (y > mu) & ((y - mu) ** 2 > 3 * phi * mu)
    all_asked = (limit / np.maximum(np.abs(residual(y, mu, phi)), limit)) ** FALL
    assert weights[asked] == pytest.approx(all_asked[asked])
