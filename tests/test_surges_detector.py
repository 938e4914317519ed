"""SurgeDetector: calibrated, without look-ahead, the same night by night, and it finds what it should."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.level_ladder import believed, believed_alike
from models.robust_counts import dispersion, rows_told
from models.surges import FIRST, SurgeDetector

GROUPS = np.stack([np.repeat(np.arange(12), 25), np.tile(np.arange(25), 12)], 1)


def sparse_city(seed=3, days=420):
    """Counts of 12 problems x 25 streets, about 60 a day, with a week's shape and dispersion 1.3."""
    rng = np.random.default_rng(seed)
    leaf = np.outer(rng.lognormal(0, .8, 12), rng.lognormal(0, .6, 25)).ravel()
    mu = leaf / leaf.sum() * 60 * np.array([1.2, 1.1, 1, 1, 1, .9, .8])[np.arange(days) % 7][:, None]
    return rng.negative_binomial(mu / .3, 1 / 1.3)


@pytest.fixture(scope="module")
def city():
    return sparse_city()


def test_weekly_p_values_are_uniform_where_nothing_happens():
    rng = np.random.default_rng(5)
    t = np.arange(420)[:, None]
    mu = np.exp(rng.uniform(0, 3.5, 150) + .001 * t + .4 * np.cos(2 * np.pi * t / 52))
    p = SurgeDetector(freq="W").p_values(rng.negative_binomial(mu / .8, 1 / 1.8), np.arange(380, 420))
    for level, room in ((.5, .1), (.1, .25), (.01, .5)):
        assert abs((p < level).mean() / level - 1) < room, level


def test_daily_p_values_of_a_sparse_city_do_not_promise_too_much(city):
    p = SurgeDetector().p_values(city, np.arange(360, 420), groups=GROUPS)
    assert .5 < (p < .01).mean() / .01 < 1.6
    assert (p < .001).mean() / .001 < 2.5


def test_the_far_tail_of_a_sparse_city_means_what_it_says():
    """Leaves of few records take their dispersion from one another; by their own noise it would be too small for half of them, and the tail three times too full."""
    p = np.concatenate([SurgeDetector().p_values(sparse_city(seed, 560), np.arange(500, 560), groups=GROUPS).ravel() for seed in range(20, 26)])
    assert .6 < (p < .001).mean() / .001 < 1.5
    assert (p < .0001).mean() / .0001 < 2


def test_dispersions_are_pooled_where_they_are_alike_and_left_where_they_differ():
    rng = np.random.default_rng(2)
    live = np.full(400, 40.)
    noise = lambda true: true * (1 + np.sqrt(2 / live) * rng.standard_normal(400))
    alike = believed_alike(noise(np.full(400, 1.3)), live, 1.1, 30.)
    assert np.allclose(believed_alike(np.full(400, 1.3), live, 1.1, 30.), 1.3, atol=.001), "the pool itself is drawn to the prior by no more than it was"
    assert alike.std() < .05 < believed(noise(np.full(400, 1.3)), live, 1.1, 30.).std() and abs(alike.mean() - 1.3) < .05
    true = np.where(np.arange(400) % 2, 1.1, 4.)
    apart = believed_alike(noise(true), live, 1.1, 30.)
    assert apart[1::2].mean() < 2 and apart[::2].mean() > 3


@pytest.mark.parametrize(("mu", "phi"), [(.05, 1.3), (.5, 1.0), (.5, 2.5), (6., 3.0)])
def test_a_dispersion_is_as_unsure_as_the_fourth_moment_of_counts_says(mu, phi):
    rng = np.random.default_rng(4)
    y = rng.poisson(mu, (300, 20_000)) if phi == 1 else rng.negative_binomial(mu / (phi - 1), 1 / phi, (300, 20_000))
    told = dispersion(y, np.full(y.shape, mu), np.ones(y.shape), 0)
    assert abs(told.var() / (2 * phi ** 2 / rows_told(300, mu, phi)) - 1) < .1


def test_of_the_days_under_a_line_about_half_are_the_first():
    """A list states newly raised alarms: a series that chance puts under the line stays there while its window holds the same records."""
    p = np.stack([SurgeDetector().p_values(sparse_city(seed, 560), np.arange(440, 560), groups=GROUPS) for seed in range(40, 46)], 2).reshape(120, -1)
    flag = p <= .001
    first = sum(1 + (np.diff(np.flatnonzero(f)) > 7).sum() for f in flag.T if f.any())
    assert flag.sum() > 150 and abs(first / flag.sum() - FIRST["D"]) < .1


def test_a_day_is_judged_the_same_with_and_without_later_days(city):
    detector = SurgeDetector()
    among = detector.p_values(city, np.arange(395, 420), groups=GROUPS)
    alone = detector.p_values(city[:405], [404], groups=GROUPS)
    np.testing.assert_allclose(among[9], alone[0], atol=1e-9)


@given(st.sets(st.integers(300, 330), min_size=1, max_size=4))
@settings(max_examples=6)
def test_other_members_of_at_change_nothing(rows):
    counts = sparse_city(8, 331)[:, :12]
    at = sorted(rows)
    got = SurgeDetector().detect(counts, at)
    last = SurgeDetector().detect(counts, [at[-1]])
    np.testing.assert_allclose(got.p_value[-1], last.p_value[0], atol=1e-9)
    np.testing.assert_allclose(got.expected_day[-1], last.expected_day[0], rtol=1e-9)


@pytest.mark.parametrize("freq, history", [("D", None), ("D", 140), ("W", 80)])
def test_night_by_night_gives_what_the_whole_matrix_gives(city, freq, history):
    detector = SurgeDetector(freq=freq, history=history)
    holidays = np.zeros(len(city), bool)
    holidays[[200, 201, 390]] = True
    whole = detector.p_values(city[:400], np.arange(380, 400), holidays[:400], GROUPS)
    state = detector.start(city[:380], holidays[:380], GROUPS)
    for t in range(380, 400):
        state, result = detector.update(state, city[t], holidays[t])
        np.testing.assert_allclose(result.p_value[0], whole[t - 380], atol=1e-9)
    if history:
        assert len(state.counts) <= history + 30


def test_a_corrected_past_count_enters_the_windows(city):
    detector = SurgeDetector()
    state = detector.start(city[:380], groups=GROUPS)
    late = city[379].copy()
    late[0] += 9
    _, plain = detector.update(state, city[380])
    _, corrected = detector.update(state, city[380], corrections=(np.array([379]), late[None]))
    mended = city[:381].copy()
    mended[379] = late
    assert corrected.p_value[0, 0] < 1e-3 < plain.p_value[0, 0]
    np.testing.assert_allclose(corrected.p_value, detector.p_values(mended, [380], groups=GROUPS), atol=1e-9)


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_a_series_that_was_always_empty_and_brings_six_is_a_surge(city, groups):
    counts = city.copy()
    counts[:, 7] = 0
    counts[-1, 7] = 6
    result = SurgeDetector().detect(counts, [len(counts) - 1], groups=groups)
    # With groups its problem and street lead one to expect a record a week all the same, and its dispersion is that of the others.
    assert result.p_value[0, 7] < (2e-6 if groups is None else 1e-4)
    assert result.window[0, 7] == 1 and result.observed_window[0, 7] == 6 and result.expected_day[0, 7] > 0


def test_a_slow_build_up_speaks_through_a_longer_window(city):
    counts = city.copy()
    j = int(np.argmin(np.abs(counts.mean(0) - .2)))
    counts[-6:, j] = [1, 2, 1, 2, 1, 2]
    result = SurgeDetector().detect(counts, [len(counts) - 1], groups=GROUPS)
    assert result.p_value[0, j] < 1e-3 and result.window[0, j] >= 5
    assert result.p_value[0, j] < result.p_day[0, j]


def test_the_week_and_holidays_are_expected():
    rng = np.random.default_rng(2)
    days, holidays = 500, np.zeros(500, bool)
    holidays[[100, 101, 102, 250, 251, 252, 400, 401, 402, 480]] = True
    mu = np.where(np.arange(days) % 7 == 2, 80., 20.) * np.where(holidays, 2.5, 1.)
    counts = rng.poisson(mu)[:, None]
    result = SurgeDetector().detect(counts, [476, 478, 480], holidays)
    assert abs(result.expected_day[1, 0] / 80 - 1) < .1         # 478 is the busy day of the week
    assert abs(result.expected_day[2, 0] / 50 - 1) < .25 and result.p_value[2, 0] > .01
    assert SurgeDetector().detect(counts, [480]).p_value[0, 0] < 1e-4


def test_a_source_that_starts_late_says_nothing_for_eight_weeks_and_then_does_not_alarm_on_everything(city):
    counts = city.copy()
    counts[:200] = 0
    at = np.arange(200, 300)
    p = SurgeDetector().p_values(counts, at, groups=GROUPS)
    assert np.isnan(p[:50]).all()
    assert np.isfinite(p[70:]).all() and (p[70:] < .001).mean() < .004


def test_too_little_history_is_nan():
    result = SurgeDetector().detect(np.ones((40, 3), int), [39])
    assert np.isnan(result.p_value).all() and (result.observed_day == 1).all()


def test_a_past_outbreak_does_not_become_what_is_expected():
    rng = np.random.default_rng(4)
    counts = rng.poisson(5., (300, 30))
    hit = counts.copy()
    hit[200:212] += 25
    clean, after = (SurgeDetector().detect(x, [299]).expected_day for x in (counts, hit))
    assert np.mean(after / clean) < 1.06


def test_columns_may_come_in_any_order(city):
    order = np.random.default_rng(0).permutation(city.shape[1])
    a = SurgeDetector().p_values(city, [419], groups=GROUPS)
    b = SurgeDetector().p_values(city[:, order], [419], groups=GROUPS[order])
    np.testing.assert_allclose(a[:, order], b, atol=1e-8)


def test_a_coarser_factor_adds_nothing_to_the_finer_one(city):
    coarse = np.stack([GROUPS[:, 0], GROUPS[:, 1] // 5, GROUPS[:, 1]], 1)
    np.testing.assert_allclose(SurgeDetector().p_values(city, [419], groups=coarse), SurgeDetector().p_values(city, [419], groups=GROUPS), atol=1e-9)


def test_wrong_arguments_are_named():
    counts = np.ones((100, 3), int)
    with pytest.raises(ValueError, match="freq"):
        SurgeDetector(freq="M").detect(counts, [99])
    with pytest.raises(ValueError, match="holidays"):
        SurgeDetector().detect(counts, [99], holidays=np.zeros(5, bool))
    with pytest.raises(ValueError, match="groups"):
        SurgeDetector().detect(counts, [99], groups=np.zeros((2, 1), int))
    with pytest.raises(ValueError, match="a column or more"):
        SurgeDetector().detect(counts, [99], groups=np.zeros((3, 0), int))
    with pytest.raises(ValueError, match="negative"):
        SurgeDetector().detect(-counts, [99])
    with pytest.raises(ValueError, match="at:"):
        SurgeDetector().detect(counts, [100])


def test_parameters_are_only_stored():
    detector = SurgeDetector(freq="W", windows=(1, 3))
    before = dict(vars(detector))
    detector.p_values(np.ones((120, 2), int), [119])
    assert vars(detector) == before
