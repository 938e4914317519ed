"""A slow rise: no week stands out, the quarter does; and what the relatives do as well is none."""
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from flows.detect import CELL_RESULT, SLOW_DAYS, SLOW_NIGHTS, find_signals
from models.slow_rise import SlowRise
from models.surges import FIRST

PROBLEMS, STREETS, DAYS = 30, 12, 500
GROUPS = np.stack(np.meshgrid(np.arange(PROBLEMS), np.arange(STREETS), indexing="ij"), -1).reshape(-1, 2)
DAY = date(2026, 6, 1)


def world(seed, growth=0.5, days=DAYS):
    """Problems × streets whose problems grow or fall over the year, each cell with a level that moves."""
    r = np.random.default_rng(seed)
    mean = (r.lognormal(0, 1, PROBLEMS)[:, None] * r.lognormal(0, .5, STREETS)).ravel() * .04
    trend = np.repeat(np.exp(r.normal(0, growth, PROBLEMS)), STREETS) ** (np.arange(days)[:, None] / 365)
    level = r.gamma(20, 1 / 20, (days // 28 + 1, PROBLEMS * STREETS)).repeat(28, 0)[:days]
    return r.poisson(mean * trend * level)


def test_where_nothing_rises_by_itself_p_values_mean_what_they_say():
    p = np.concatenate([SlowRise().detect(world(seed), GROUPS).p_value for seed in range(20)])
    p = p[~np.isnan(p)]
    assert len(p) > 3000
    assert np.mean(p < .1) == pytest.approx(.1, rel=.2)
    assert .004 < np.mean(p < .01) < .014


def test_cells_that_climb_from_one_to_eight_a_month_are_found_and_those_that_follow_their_problem_are_not():
    r, found, followed = np.random.default_rng(1), [], []
    for seed in range(6):
        counts = world(seed, growth=0.0)
        cells = r.choice(len(GROUPS), 5, replace=False)
        counts[:, cells] = r.poisson(1 / 30, (DAYS, 5))
        counts[-150:, cells] += r.poisson(np.linspace(0, 7 / 30, 150)[:, None], (150, 5))
        told = SlowRise().detect(counts, GROUPS)
        found += list((told.p_value[cells] < .01) & (told.observed[cells] > 1.5 * told.expected[cells]))
        whole = world(seed, growth=0.0)
        mine = GROUPS[:, 0] == 3
        whole[-150:, mine] += r.poisson(whole[:-150, mine].mean(0) * np.linspace(0, 2, 150)[:, None])
        followed += list(SlowRise().detect(whole, GROUPS).p_value[mine] < .001)
    assert np.mean(found) >= .7
    assert np.mean(followed) <= .02


def test_a_burst_is_no_slow_rise_and_what_lies_before_the_spans_changes_nothing():
    """Sixty records on one day are one week's; they are among what was observed and say nothing of the months."""
    counts = world(3, days=760)
    calm = SlowRise().detect(counts, GROUPS)
    counts[-80, 9] += 60
    told = SlowRise().detect(counts, GROUPS)
    assert not told.steady[9] and told.p_value[9] > .1 and told.observed[9] == calm.observed[9] + 60
    longer = np.vstack([np.full((50, counts.shape[1]), 9), counts[-728:]])
    again = SlowRise().detect(longer, GROUPS)
    np.testing.assert_array_equal(again.p_value, SlowRise().detect(counts[-728:], GROUPS).p_value)


def test_too_short_a_history_says_nothing_and_wrong_shapes_are_named():
    assert np.isnan(SlowRise().detect(np.ones((200, 4), int)).p_value).all()
    with pytest.raises(ValueError, match="groups: expected"):
        SlowRise().detect(np.ones((500, 4), int), np.zeros((3, 1), int))
    with pytest.raises(ValueError, match="counts: expected"):
        SlowRise().detect(np.ones(5, int))


def cell(**given):
    base = {"series_id": "p@C/S1", "level": "fine", "problem_code": "p", "fine_place": "S1", "coarse_place": "C", "observed_day": 0, "expected_day": .1,
            "observed": 0.0, "expected": .1, "p_value": 0.9, "window": 1, "slow_p": 0.5, "slow_observed": 2.0, "slow_expected": 2.0, "steady": False}
    return pl.DataFrame([{**base, **given}], schema=CELL_RESULT)


def records(n, every, **given):
    base = {"problem_code": "p", "problem_name": "P", "fine_place": "S1", "coarse_place": "C", "respondent_key": None, "incident_id": None,
            "source_id": "s", "record_type": "complaint"}
    return pl.DataFrame([{**base, "record_id": f"{given.get('respondent_key', '')}r{i:02d}", "caller_key": f"c{i}", "local_date": DAY - timedelta(days=i * every), **given}
                         for i in range(n)], schema_overrides={"respondent_key": pl.String, "incident_id": pl.String})


def test_a_cell_that_rises_slowly_is_a_signal_with_the_records_of_its_quarter():
    slow = cell(slow_p=1e-9, slow_observed=12.0, slow_expected=2.5, steady=True)
    found = find_signals(slow, records(21, 7), DAY, 2.0, 5000, [])
    signal = found.signals.row(0, named=True)
    assert (signal["signal_id"], signal["kind"], signal["window"], signal["observed"]) == ("slow:p@C/S1", "slow_rise", SLOW_DAYS, 12.0)
    assert found.members.height == SLOW_DAYS / 7
    assert find_signals(cell(slow_p=1e-9, slow_observed=12.0, slow_expected=2.5, steady=False), records(14, 7), DAY, 2.0, 5000, []).signals.is_empty()
    assert find_signals(slow, records(14, 7, caller_key="one"), DAY, 2.0, 5000, []).signals.is_empty()


def test_a_years_nights_bring_no_more_slow_rises_by_chance_than_are_paid_for():
    """What holds by chance holds for weeks: less than an alarm a week's nights, over worlds in which nothing rises by itself."""
    p, raised, paid = .003, 0, 0.0
    for seed in range(2):
        counts = world(seed, .2, 364 + 490)
        last = np.full(len(GROUPS), -999)
        for night in range(490, len(counts), 3):
            told = SlowRise().detect(counts[:night], GROUPS)
            spoke = np.flatnonzero(told.steady & (told.p_value <= p) & (told.observed >= 1.5 * told.expected))
            raised += int((night - last[spoke] > 60).sum())
            last[spoke] = night
            paid += 3 * p * np.isfinite(told.p_value).sum() / SLOW_NIGHTS
    assert 0.1 * paid < raised < 0.9 * paid


def test_a_slow_rise_speaks_at_the_line_of_its_week():
    line = find_signals(cell(), records(21, 7), DAY, 2.0, 5000, []).threshold * SLOW_NIGHTS
    for slow_p, speaks in ((.9 * line, 1), (1.1 * line, 0)):
        slow = cell(slow_p=slow_p, slow_observed=18.0, slow_expected=8.0, steady=True)
        found = find_signals(slow, records(21, 7), DAY, 2.0, 5000, [])
        assert found.signals.height == speaks and found.q_values["slow:p@C/S1"] == pytest.approx(min(1, 2 * slow_p / SLOW_NIGHTS))


def test_a_list_states_what_chance_newly_raises_of_what_its_budget_allows():
    """Two a week for 5,000 series allow 2/7/5000 a night of one cell, over its two tests; a night under the line is the first of its kind about every other time."""
    found = find_signals(cell(slow_p=.5, slow_observed=9.0, slow_expected=8.0, steady=True), records(21, 7), DAY, 2.0, 5000, [])
    assert found.threshold == pytest.approx(2 / 7 / 5000 / 2)
    assert found.expected_false_alarms == pytest.approx(FIRST["D"] * 2 / 7 / 5000)


def test_a_respondent_that_is_mostly_asked_about_is_an_inquiry_rise_and_one_that_is_complained_of_a_surge():
    others = pl.concat([records(8, 6, respondent_key=f"shop{k}") for k in range(6)])
    for kind, record_type in (("inquiry_rise", "consultation"), ("surge", "complaint")):
        told = find_signals(cell(), pl.concat([others, records(14, 0, respondent_key="gym", record_type=record_type)]), DAY, 50.0, 50, []).signals
        assert told.select("kind", "respondent_key").rows() == [(kind, "gym")]
