"""The smallest of several windows' p-values is re-calibrated to what it is worth."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from models.count_tails import mid_tail, upper_tail
from models.window_minimum import combined, crossing_chance

WINDOWS = (1, 2, 3, 5, 7)


@given(st.integers(0, 60), st.floats(.01, 40), st.floats(1.01, 8))
def test_tails_are_those_of_the_negative_binomial(count, mean, phi):
    assert upper_tail(count, mean, phi) == pytest.approx(nbinom.sf(count - 1, mean / (phi - 1), 1 / phi), rel=1e-6)
    assert upper_tail(count, mean, 1.) == pytest.approx(poisson.sf(count - 1, mean), rel=1e-9)
    assert mid_tail(count, mean, phi) <= upper_tail(count, mean, phi)


@pytest.mark.parametrize("phi", [1., 1.4, 3.])
@pytest.mark.parametrize("mu", [.3, 1., 4.])
def test_the_minimum_is_uniform_after_calibration(mu, phi):
    rng = np.random.default_rng(1)
    shape = (60_000, 7)
    y = rng.poisson(mu, shape) if phi == 1 else rng.negative_binomial(mu / (phi - 1), 1 / phi, shape)
    smallest = np.min([mid_tail(y[:, :w].sum(1), mu * w, phi) for w in WINDOWS], 0)
    p = combined(smallest, np.full(len(y), mu), np.full(len(y), phi), WINDOWS)
    assert (smallest < .01).mean() > .015                     # uncorrected it promises too much
    assert abs((p < .1).mean() / .1 - 1) < .35 and abs((p < .01).mean() / .01 - 1) < .4


def test_the_walk_gives_the_chance_of_a_simulation():
    rng = np.random.default_rng(2)
    y = rng.poisson(.8, (200_000, 7))
    smallest = np.min([mid_tail(y[:, :w].sum(1), .8 * w, 1.) for w in WINDOWS], 0)
    levels = np.array([.1, .01, .001])
    for level, chance in zip(levels, crossing_chance(.8, 1., WINDOWS, levels)):
        assert (smallest <= level).mean() == pytest.approx(chance, rel=.2)


@pytest.mark.parametrize("phi", [1., 3.])
@pytest.mark.parametrize("mu", [6., 20.])        # of smaller means the few counts there are decide
def test_the_minimum_is_uniform_where_a_longer_window_counts_less_and_speaks_less(mu, phi):
    rng, windows, weights = np.random.default_rng(3), (1, 2), (1.0, .5)
    y = rng.poisson(mu, (300_000, 2)) if phi == 1 else rng.negative_binomial(mu / (phi - 1), 1 / phi, (300_000, 2))
    one, two = (mid_tail(y[:, -w:].sum(1), mu * w, phi) for w in windows)
    mean, spread = np.full(len(y), mu), np.full(len(y), phi)
    p, alike = combined(np.minimum(one, two / .5), mean, spread, windows, weights), combined(np.minimum(one, two), mean, spread, windows)
    assert abs((p < .01).mean() / .01 - 1) < .25 and abs((p < .001).mean() / .001 - 1) < .4
    late = one > .02
    assert (p[late] < .01).sum() < (alike[late] < .01).sum()


def test_one_window_needs_no_correction():
    p = np.array([.3, .01, 1e-9])
    np.testing.assert_array_equal(combined(p, np.ones(3), np.ones(3), (1,)), p)


@given(st.lists(st.floats(1e-12, .9), min_size=2, max_size=6), st.floats(.001, 50), st.floats(1, 6))
def test_order_is_kept_and_nothing_becomes_surer_than_half(values, mean, phi):
    s = np.sort(values)
    p = combined(s, np.full(len(s), mean), np.full(len(s), phi), WINDOWS)
    assert (p >= s / 2 * .99).all() and (p <= 1).all()
