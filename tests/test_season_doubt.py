"""Where a season differs from year to year the expected curve is doubted there, and nowhere else."""
import numpy as np
import pytest
from scipy.stats import t as student

from models.count_tails import mid_tail
from models.season_doubt import doubted_tail, season_doubt
from models.surges import SurgeDetector

DAYS = 2200
T = np.arange(DAYS)
ANCHOR_AT_WAVE, ANCHOR_AWAY = DAYS, DAYS - 180


def wave(shift, height):
    """A flat series of 40 a day with a wave of eight weeks each year, centred on the anchor's day: `shift` days and `height` by year."""
    mu = np.full(DAYS, 40.)
    for k, (s, h) in enumerate(zip(shift, height)):
        mu += 40 * h * np.exp(-.5 * ((T - (DAYS - (k + 1) * 365.25) - s) / 14) ** 2)
    return mu


def doubt(mu, anchor, seed=1, expected=None):
    """The doubt of four series with these means, fitted by the mean of all years (or `expected`)."""
    y = np.random.default_rng(seed).poisson(mu[:, None], (DAYS, 4)).astype(float)
    fitted = wave([0] * 6, [np.mean(HEIGHTS)] * 6) if expected is None else expected
    return season_doubt(y[:anchor], np.repeat(fitted[:anchor, None], 4, 1), np.ones(4), T[:anchor], anchor, "D")[0]


HEIGHTS = [.4, 3., 1., 2.4, .2, 2.]


def test_a_wave_of_another_size_each_year_is_doubted_where_it_comes_and_not_half_a_year_off():
    there = doubt(wave([0] * 6, HEIGHTS), ANCHOR_AT_WAVE)
    assert (there > .05).all() and (doubt(wave([0] * 6, HEIGHTS), ANCHOR_AWAY) < .005).all()


def test_a_wave_that_comes_earlier_or_later_is_doubted_and_one_that_is_always_the_same_is_not():
    assert (doubt(wave([-20, 20, 0, -25, 15, 25], [2] * 6), ANCHOR_AT_WAVE, expected=wave([0] * 6, [2] * 6)) > .05).all()
    assert (doubt(wave([0] * 6, [2] * 6), ANCHOR_AT_WAVE, expected=wave([0] * 6, [2] * 6)) < .005).all()


def test_one_outbreak_is_no_doubt_of_later_years_and_two_years_say_nothing():
    calm = wave([0] * 6, [2] * 6)
    once = calm.copy()
    at = DAYS - 2 * 365
    once[at - 6:at + 8] *= 6
    assert (doubt(once, ANCHOR_AT_WAVE, expected=calm) < .02).all()
    y = np.random.default_rng(1).poisson(calm[-800:, None], (800, 1)).astype(float)
    assert season_doubt(y * 3, np.repeat(calm[-800:, None], 1, 1), np.ones(1), T[-800:], DAYS, "D")[0].tolist() == [0.0]


def test_a_wave_twice_as_high_as_last_year_is_no_alarm_where_waves_differ_and_is_one_where_they_never_did():
    """Planted: seven years, the last wave as high as the highest before; the same in a series whose waves were all alike and low."""
    rng = np.random.default_rng(4)
    days = 7 * 365
    t = np.arange(days)
    varied, steady = (sum(40 * h * np.exp(-.5 * ((t - 180 - 365.25 * k) / 14) ** 2) for k, h in enumerate(heights)) + 40
                      for heights in ([2.6, .5, 2., .4, 2.4, .6, 2.4], [1., 1., 1., 1., 1., 1., 2.4]))
    y = rng.poisson(np.stack([varied, steady], 1).repeat(5, 1))
    p = SurgeDetector().p_values(y, np.arange(6 * 365 + 165, 6 * 365 + 195))
    assert (p[:, 5:] < 1e-3).mean() > .5                      # five years are not sure of more
    assert (p[:, :5] > .02).all()


@pytest.mark.parametrize("degrees", [4, 8])
def test_what_is_known_from_few_years_has_the_tail_of_students_t(degrees):
    """Counts so large that only the doubt counts: ten per cent of the mean, by `degrees` degrees of freedom."""
    mean, season = np.full((4, 1), 1e6), np.array([.01])
    p = doubted_tail(1e6 * (1 + .1 * np.array([[1.], [2.], [3.], [4.5]])), mean, np.ones((4, 1)), season, degrees)[:, 0]
    np.testing.assert_allclose(p, student.sf([1, 2, 3, 4.5], degrees), rtol=.5)
    assert (p[2:] > 3 * mid_tail(1e6 * (1 + .1 * np.array([3., 4.5])), 1e6, 1 + 1e6 * .01)).all()


def test_where_nothing_is_doubted_the_tail_is_that_of_the_counts():
    count, mean = np.arange(12.).reshape(3, 4), np.full((3, 4), 4.)
    np.testing.assert_array_equal(doubted_tail(count, mean, np.full((3, 4), 1.3), np.zeros(4), 8), mid_tail(count, mean, 1.3))
