"""The smallest of several windows' p-values is re-calibrated to what it is worth."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, nbinom, poisson

from models.count_tails import mid_tail, upper_tail
from models.window_minimum import combined, crossing_chance, looks_share

WINDOWS = (1, 2, 3, 5, 7)


@given(st.integers(0, 60), st.floats(.01, 40), st.floats(1.01, 8))
def test_tails_are_those_of_the_negative_binomial(count, mean, phi):
    assert upper_tail(count, mean, phi) == pytest.approx(nbinom.sf(count - 1, mean / (phi - 1), 1 / phi), rel=1e-6)
    assert upper_tail(count, mean, 1.) == pytest.approx(poisson.sf(count - 1, mean), rel=1e-9)
    assert mid_tail(count, mean, phi) <= upper_tail(count, mean, phi)


@given(st.integers(0, 60), st.integers(1, 60), st.floats(.01, .95))
def test_tails_of_counts_more_even_than_poisson_are_the_binomials(count, size, share):
    assert upper_tail(count, size * share, 1 - share) == pytest.approx(binom.sf(count - 1, size, share), rel=1e-5, abs=1e-12)


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


def uneven(means, doubt=0.0, n=300_000):
    """(uncorrected minimum, its calibrated p-value, the p-value as if days were alike) of days with these means, and one error of the mean for all of them."""
    rng = np.random.default_rng(5)
    error = rng.gamma(1 / doubt, doubt, (n, 1)) if doubt else 1.0
    y = rng.poisson(np.array(means) * error, (n, 7))
    due = [np.full(n, max(sum(means[-w:]), 1e-12)) for w in WINDOWS]
    smallest = np.min([mid_tail(y[:, -w:].sum(1), mu, 1 + mu * doubt) for w, mu in zip(WINDOWS, due)], 0)
    share = looks_share(due, [1.0] * len(WINDOWS), doubt, smallest, WINDOWS)
    return smallest, *(combined(smallest, np.full(n, sum(means) / 7), np.ones(n), WINDOWS, share=s) for s in (share, 1.0))


@pytest.mark.parametrize("means", [[20, 20, 20, 20, 20, 0, 0], [20, 20, 0, 0, 0, 0, 20]])
def test_where_days_are_closed_there_are_fewer_looks(means):
    _, p, alike = uneven(means)
    assert abs((p < .01).mean() / .01 - 1) < .15 and abs((p < .001).mean() / .001 - 1) < .25
    assert (alike < .01).mean() < .9 * (p < .01).mean()


def test_where_the_mean_is_doubted_all_windows_err_together():
    _, p, alike = uneven([20.] * 7, doubt=.1)
    assert abs((p < .01).mean() / .01 - 1) < .25
    assert (alike < .01).mean() < .75 * (p < .01).mean()


def test_days_that_are_alike_are_the_looks_of_the_table():
    due = [np.full(3, 5. * w) for w in WINDOWS]
    np.testing.assert_allclose(looks_share(due, [1.3] * 5, 0.0, np.array([.2, 1e-3, 1e-9]), WINDOWS), 1, rtol=1e-6)


def test_one_window_needs_no_correction():
    p = np.array([.3, .01, 1e-9])
    np.testing.assert_array_equal(combined(p, np.ones(3), np.ones(3), (1,)), p)


@given(st.lists(st.floats(1e-12, .9), min_size=2, max_size=6), st.floats(.001, 50), st.floats(1, 6))
def test_order_is_kept_and_nothing_becomes_surer_than_half(values, mean, phi):
    s = np.sort(values)
    p = combined(s, np.full(len(s), mean), np.full(len(s), phi), WINDOWS)
    assert (p >= s / 2 * .99).all() and (p <= 1).all()
