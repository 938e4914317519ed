"""What verdicts teach: precision with intervals, a ranking that is monotone and has something to fall back on, thresholds within bounds."""
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from flows.feedback import Feedback, feedback, verdicts
from models.verdicts import SEEN, VerdictRanking, jeffreys, precision
from policy.lifecycle import Given
from policy.ranking import factors, table
from tests.engines import house  # noqa: F401
from tests.test_life import PLACE
from tests.test_working import NIGHT, a_warning, publish
from warehouse.warning_work import act

SCHEMA = {"kind": pl.String, "rule": pl.String, "level": pl.String, "problem_code": pl.String, "observed": pl.Float64, "expected": pl.Float64, "p_value": pl.Float64,
          "n_records": pl.Int64, "n_callers": pl.Int64}


def told(n, seed=0):
    """Warnings of which those of problem `good` and with small p-values tend to be right; the level says nothing."""
    rng = np.random.default_rng(seed)
    problem, p = rng.choice(["good", "bad"], n), 10 ** -rng.uniform(2, 9, n)
    chance = 1 / (1 + np.exp(-(1.5 * (problem == "good") - 0.75 + 0.5 * (-np.log10(p) - 5.5))))
    frame = pl.DataFrame({"kind": ["surge"] * n, "rule": [None] * n, "level": rng.choice(["blue", "yellow"], n), "problem_code": problem, "observed": rng.poisson(8, n) + 3.0,
                          "expected": rng.uniform(1, 3, n), "p_value": p, "n_records": rng.poisson(8, n) + 3, "n_callers": rng.poisson(6, n) + 1}, schema=SCHEMA)
    return frame, (rng.random(n) < chance).astype(float)


def test_jeffreys_interval_is_that_of_the_paper():
    # Brown, Cai & DasGupta 2001, table 5 (n = 7 and 12), 95 %.
    assert jeffreys(0, 7) == (0.0, pytest.approx(0.292, abs=6e-4)) and jeffreys(3, 7) == (pytest.approx(0.139, abs=6e-4), pytest.approx(0.766, abs=6e-4))
    low, high = jeffreys(12, 12)
    assert (low, high) == (pytest.approx(1 - 0.185, abs=6e-4), 1.0)


def test_precision_is_credit_over_verdicts_by_whatever_is_asked():
    judged = pl.DataFrame({"kind": ["surge", "surge", "sentinel"], "rule": [None, None, "gas"], "credit": [1.0, 0.5, 0.0]})
    rows = precision(judged, "kind").select("kind", "credit", "judged", "precision").rows()
    assert rows == [("sentinel", 0.0, 1, 0.0), ("surge", 1.5, 2, 0.75)] and precision(judged, "rule")["rule"].to_list() == ["gas"]
    assert precision(judged, "kind").select((pl.col("low") <= pl.col("precision")) & (pl.col("precision") <= pl.col("high"))).to_series().all()


def test_the_ranking_learns_what_proves_right():
    frame, credit = told(300)
    model = VerdictRanking().fit(frame, credit)
    fresh, truth = told(2000, seed=1)
    chance = model.predict(fresh)
    right, wrong = chance[truth == 1], chance[truth == 0]
    assert model.basis_ == "verdicts" and (right[:, None] > wrong[None, :]).mean() > 0.72
    tops = [truth[np.argsort(chance)[k * 500:(k + 1) * 500]].mean() - np.sort(chance)[k * 500:(k + 1) * 500].mean() for k in range(4)]
    assert np.abs(tops).max() < 0.12                                                           # what it says is about what comes


def test_without_verdicts_or_with_few_there_is_something_to_fall_back_on():
    frame, _ = told(300)
    assert np.isnan(VerdictRanking().fit(frame.clear(), []).predict(frame)).all()
    few = VerdictRanking().fit(frame.head(5), [1, 1, 1, 1, 0])
    other = frame.head(1).with_columns(pl.lit("sentinel").alias("kind"))
    assert few.basis_ == "kind" and few.predict(frame.head(1))[0] == pytest.approx((4 + 4 * 6 / 9) / 9) and few.predict(other)[0] == pytest.approx(6 / 9)
    assert VerdictRanking().fit(frame, np.ones(300)).basis_ == "kind"


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from(["level", "p_value", "n_callers", "observed"]))
def test_more_of_what_speaks_for_a_warning_never_lowers_it(seed, column):
    frame, credit = told(60, seed)
    # Verdicts that say the opposite of sense.
    model = VerdictRanking().fit(frame, np.where(frame["p_value"] < 1e-5, 0.0, credit))
    more = {"level": pl.lit("red"), "p_value": pl.col("p_value") / 100, "n_callers": pl.col("n_callers") + 20, "observed": pl.col("observed") + 20}[column]
    assert (model.predict(frame.with_columns(more.alias(column))) >= model.predict(frame) - 1e-12).all()


def test_the_ranking_does_not_depend_on_the_order_of_verdicts_and_is_cloned_as_estimators_are():
    frame, credit = told(200)
    turn = np.random.default_rng(3).permutation(200)
    model = VerdictRanking(least=20, pull=2)
    assert clone(model).get_params() == model.get_params()
    one, two = (VerdictRanking().fit(frame[i], credit[i]).predict(frame) for i in (np.arange(200), turn))
    assert (one == two).all() and ((one >= 0.05) & (one <= 0.95)).all()


def test_thresholds_move_with_precision_within_their_bounds_and_only_on_enough_verdicts():
    still = factors({"false_alarms": 2.0}, {"false_alarms": 29})
    assert [f.factor for f in still.values()] == [1.0, 1.0] and still["false_alarms"].precision is None
    bad, good = (factors(dict.fromkeys(still, x), dict.fromkeys(still, 100)) for x in (1.0, 99.0))
    assert (bad["false_alarms"].factor, bad["several_callers"].factor) == (0.5, 1.5)
    assert 1.9 < good["false_alarms"].factor <= 2.0 and good["several_callers"].factor == 1.0
    rules = table()["calibration"]
    assert all(rules[n]["bounds"][0] <= f.factor <= rules[n]["bounds"][1] for fs in (still, bad, good) for n, f in fs.items())


# ---- what a night knows ----------------------------------------------------------------------------------------------------------------


def judge(house, day, verdicts_of_day, start=0):  # noqa: F811
    """Warnings closed on a day, with these verdicts."""
    rows = [a_warning(f"w{start + n}", kind="surge", problem_code="food.hygiene", lead_unit="中仓市场监管所", p_value=1e-4, observed=9, expected=1.0, n_callers=4,
                      source_ids=["market_supervision"]) for n in range(len(verdicts_of_day))]
    publish(house, *rows, run_id=f"r{start}")
    for n, verdict in enumerate(verdicts_of_day):
        act(house.engine, f"w{start + n}", "close", Given(verdict=verdict, measures="x", unit="ST-001"), NIGHT + timedelta(days=day, seconds=n))


def known(house, day, **more):  # noqa: F811
    return feedback(house, PLACE, NIGHT.date() + timedelta(days=day), NIGHT + timedelta(days=day, hours=1), house.settings.model_copy(update=more))


def test_a_night_sees_the_verdicts_known_at_its_as_of_and_no_others(house):  # noqa: F811
    judge(house, 1, ["confirmed", "partly", "unfounded", "already_known"])
    judge(house, 5, ["unfounded"] * 2, start=10)
    assert known(house, 0).judged.is_empty()
    assert sorted(known(house, 1).judged["credit"]) == [0.0, 0.5, 1.0] and known(house, 5).judged.height == 5
    assert known(house, 400).judged.is_empty() and known(house, 2, verdict_days=1).judged.is_empty()
    act(house.engine, "w0", "reopen", Given(), NIGHT + timedelta(days=6))                      # staff take a verdict back
    assert known(house, 7).judged.height == 4 and known(house, 5).judged.height == 5
    rows = known(house, 5).metrics(PLACE, NIGHT, "r", 365).filter(pl.col("metric") == "precision")
    assert set(rows.select("grain", "key").rows()) == {("whole", "tongzhou"), ("kind", "tongzhou/surge"), ("problem", "tongzhou/food.hygiene"), ("unit", "tongzhou/中仓市场监管所")}
    assert rows.select((pl.col("value") == 0.3) & (pl.col("low") < 0.3) & (pl.col("high") > 0.3)).to_series().all()


def test_thresholds_are_those_of_the_weeks_monday_and_can_be_switched_off_and_on(house, monkeypatch, capsys):  # noqa: F811
    judge(house, 1, ["unfounded"] * 40)                                                        # a Wednesday
    factor = lambda feedback: feedback.factors["false_alarms"].factor
    assert [factor(known(house, day)) for day in (3, 5)] == [1.0, 1.0] and factor(known(house, 6)) == 0.5
    assert factor(known(house, 6, learn=False)) == 1.0 and known(house, 6, learn=False).model.basis_ == "none"
    from flows.cli import run as cli
    for name, value in {"WEISU_HOME": str(house.settings.home), "WEISU_DATABASE_URL": house.settings.database_url}.items():
        monkeypatch.setenv(name, value)
    assert cli(["evaluate", "--learn", "off"]) == 2 and cli(["evaluate", "--learn", "off", "--reason", "doubtful verdicts"]) == 0
    away = (datetime.now(UTC) - NIGHT).days + 1
    assert not known(house, away, verdict_days=730).learns and known(house, 6).learns
    assert cli(["evaluate", "--learn", "on", "--reason", "mended"]) == 0 and known(house, away, verdict_days=730).learns
    assert cli(["evaluate"]) == 0 and "0.00" in capsys.readouterr().out


def test_red_stays_on_top_and_ties_go_by_p_value_then_id():
    rows = [{**dict.fromkeys(SEEN), "kind": "surge", "level": level, "status": "new", "p_value": p, "warning_id": w} for w, level, p in (
        ("b", "blue", 1e-3), ("a", "blue", 1e-3), ("c", "blue", 1e-5), ("o", "orange", 1e-2), ("r", "red", None), ("s", "orange", None))]
    nothing = verdicts(pl.DataFrame(schema={"warning_id": pl.String, "known_at": pl.Datetime("us", "UTC"), "event_id": pl.String, "kind": pl.String, "changes": pl.String,
                                            "facts": pl.String}))
    ranked = Feedback(nothing, date(2026, 6, 1)).ranked([*rows, {**rows[0], "warning_id": "x", "status": "closed"}], PLACE, NIGHT, "r")
    assert ranked["warning_id"].to_list() == ["r", "s", "o", "c", "a", "b"] and ranked["expected_precision"].null_count() == 6
    worth, (low, high) = table()["worth"], table()["chance"]
    assert worth["red"] * low > worth["orange"] * high
