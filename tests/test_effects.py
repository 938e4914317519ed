"""Planted effects are found again without bias and their intervals hold; where there is too little nothing is said; a chosen peak that falls back is no effect."""
import numpy as np
import pytest

from models.effects import effect, effect_by_week

WORLDS, STREETS, BEFORE, OUT, AFTER = 200, 14, 26, 4, 13
TREATED = np.arange(STREETS) < 3
MASKS = effect_by_week(BEFORE, OUT, AFTER)


def worlds(ratio, seed, weekly=4.0, dispersion=1.0, own=0.0):
    """Counts (worlds, streets, weeks) with streets of unlike size, a season and a trend common to all, weeks scattered beyond Poisson's law, and changes of streets' own."""
    rng = np.random.default_rng(seed)
    n_weeks = BEFORE + OUT + AFTER
    size = weekly * np.exp(rng.normal(0, .5, (WORLDS, STREETS, 1)))
    season = np.exp(.3 * np.sin(2 * np.pi * (np.arange(n_weeks) + rng.integers(0, 52, (WORLDS, 1))) / 52) + rng.normal(0, .01, (WORLDS, 1)) * np.arange(n_weeks))[:, None, :]
    mean = np.broadcast_to(size * season, (WORLDS, STREETS, n_weeks)).copy()
    mean[..., BEFORE + OUT:] *= np.exp(rng.normal(0, own, (WORLDS, STREETS, 1))) * np.where(TREATED, ratio, 1.0)[:, None]
    if dispersion > 1:
        mean = rng.gamma(mean / (dispersion - 1), dispersion - 1)
    return rng.poisson(mean)


@pytest.mark.parametrize(("ratio", "more"), [(.7, {}), (.8, {"dispersion": 2.0}), (1.0, {}), (1.3, {"own": .2}), (.5, {"dispersion": 1.5, "own": .15, "weekly": 8.0})])
def test_planted_effects_are_recovered_and_their_intervals_hold(ratio, more):
    got = effect(worlds(ratio, 11, **more), TREATED, *MASKS)
    assert not got.too_little.any()
    assert abs(got.ratio.mean() / ratio - 1) < .1
    covered = np.mean((got.low <= ratio) & (ratio <= got.high))
    assert covered >= .9
    assert np.median(got.high / got.low) < 2.6                      # and not by being endless


def test_nothing_is_told_of_nothing_and_a_large_effect_is_told():
    assert effect(worlds(1.0, 5), TREATED, *MASKS).told.mean() <= .1
    assert effect(worlds(.5, 5, weekly=8.0), TREATED, *MASKS).told.mean() > .9


def test_where_there_is_too_little_nothing_is_said():
    got = effect(worlds(.5, 3, weekly=.015), TREATED, *MASKS)
    assert got.too_little.all() and np.isnan(got.ratio).all() and np.isnan(got.low).all() and not got.told.any()
    two = effect(worlds(.5, 3)[:, [0, 5]], np.array([True, False]), *MASKS)
    assert two.too_little.all()                                    # one street to compare with says nothing of how streets differ


def test_a_street_chosen_for_its_peak_falls_back_and_weeks_left_out_keep_that_from_looking_like_an_effect():
    rng = np.random.default_rng(2)
    counts = rng.poisson(rng.gamma(6.0, .5, (WORLDS, STREETS, BEFORE + OUT + AFTER)))
    peak = counts[..., BEFORE:BEFORE + OUT].sum(-1)
    order = np.argsort(-peak, axis=1)
    counts = np.take_along_axis(counts, order[..., None], axis=1)  # the three highest in the weeks of choosing come first
    late = np.arange(BEFORE + OUT + AFTER)
    naive = effect(counts, TREATED, (late >= BEFORE) & (late < BEFORE + OUT), late >= BEFORE + OUT)
    assert naive.ratio.mean() < .85
    assert abs(effect(counts, TREATED, *MASKS).ratio.mean() - 1) < .05


def test_worlds_are_judged_each_for_itself_and_hand_worked_counts_come_out():
    counts = np.zeros((3, 2), int)
    counts[:, 0], counts[:, 1] = (20, 40, 40), (10, 40, 40)
    got = effect(counts, np.array([True, False, False]), np.array([True, False]), np.array([False, True]))
    assert got.expected == 20 and got.observed == 10 and got.ratio == pytest.approx(10 / 21 * 80 / 81)
    many = worlds(.7, 8)
    assert np.array_equal(effect(many, TREATED, *MASKS).ratio[7], effect(many[7], TREATED, *MASKS).ratio)
    with pytest.raises(ValueError, match="streets"):
        effect(many, np.ones(STREETS, bool), *MASKS)
    with pytest.raises(ValueError, match="shape"):
        effect(many[..., 1:], TREATED, *MASKS)
