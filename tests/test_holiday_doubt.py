"""Where holidays differ from one another the expected count of the next one is doubted, and nowhere else."""
import numpy as np

from models.holiday_doubt import holiday_doubt
from models.surges import SurgeDetector

DAYS = 5 * 364
HOLIDAYS = np.zeros(DAYS, bool)
HOLIDAYS[40::52] = True
AT = np.flatnonzero(HOLIDAYS)


def counts(times, columns=6, seed=1):
    """Sixty a day; on the k-th holiday `times[k]` as many."""
    mu = np.full(DAYS, 60.)
    mu[AT] *= times
    return np.random.default_rng(seed).poisson(mu[:, None], (DAYS, columns)), mu


def test_holidays_that_differ_are_doubted_and_those_that_are_alike_are_not():
    differ = np.where(np.arange(len(AT)) % 3 == 0, 1.2, .3)
    y, _ = counts(differ)
    fitted = np.full((DAYS, 6), 60.)
    fitted[AT] = 60 * differ.mean()
    on, after = holiday_doubt(y, fitted, np.ones(6), HOLIDAYS)
    assert (on > .2).all() and (after < .02).all()
    y, mu = counts(np.full(len(AT), .4))
    assert (holiday_doubt(y, np.repeat(mu[:, None], 6, 1), np.ones(6), HOLIDAYS) < .03).all()


def test_one_outbreak_on_a_holiday_is_no_doubt_of_the_next():
    times = np.full(len(AT), .5)
    times[7] = 6
    y, _ = counts(times)
    fitted = np.full((DAYS, 6), 60.)
    fitted[AT] = 30
    assert (holiday_doubt(y, fitted, np.ones(6), HOLIDAYS)[0] < .05).all()


def test_few_holidays_or_few_records_say_nothing():
    y, mu = counts(np.ones(len(AT)))
    few = HOLIDAYS & (np.arange(DAYS) < AT[5] + 1)
    assert not holiday_doubt(y * 5, np.repeat(mu[:, None], 6, 1), np.ones(6), few).any()
    assert not holiday_doubt(y * 5, np.full((DAYS, 6), 2.), np.ones(6), HOLIDAYS).any()


def test_a_holiday_like_the_busiest_before_is_no_alarm_where_holidays_differ_and_is_one_where_they_never_did():
    last = AT[-1]
    differ, alike = np.where(np.arange(len(AT)) % 3 == 0, 1.6, .4), np.full(len(AT), .4)
    differ[-1] = alike[-1] = 1.6
    varied, steady = counts(differ)[0], counts(alike)[0]
    p = SurgeDetector(windows=(1,)).p_values(np.concatenate([varied, steady], 1), np.array([last]), HOLIDAYS)[0]
    assert (p[:6] > .005).all() and (p[6:] < 1e-6).all()
