"""Growing incidents and respondents: what is new stands out, what is usual does not."""
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from models.surge_incidents import IncidentGrowth, RespondentSurge
from tests.conftest import shared

FIRST, TODAY = date(2024, 1, 1), date(2024, 10, 1)


def arrivals(seed=1, n=600, key="incident"):
    """Incidents that bring a few callers over some weeks, 274 days."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, start in enumerate(rng.integers(0, 270, n)):
        days = start + np.floor(rng.exponential(18, 1 + rng.negative_binomial(.7, .35))).astype(int)
        rows += [(f"I{i:04d}", d) for d in days if d <= 274]
    return (pl.DataFrame(rows, schema=[key, "day"], orient="row").group_by(key, "day").agg(n_records=pl.len(), n_callers=pl.len())
            .with_columns(date=FIRST + pl.duration(days=pl.col("day"))).sort(key, "date"))


def burst(frame, name, counts, until=TODAY, key="incident"):
    days = [until - timedelta(days=len(counts) - 1 - i) for i in range(len(counts))]
    new = pl.DataFrame({key: [name] * len(counts), "day": [(d - FIRST).days for d in days], "n_records": counts, "n_callers": counts, "date": days},
                       schema_overrides={"n_records": pl.UInt32, "n_callers": pl.UInt32})
    return pl.concat([frame.filter(pl.col(key) != name), new.filter(pl.col("n_records") > 0).select(frame.columns)])


def test_an_incident_that_takes_off_is_first_on_the_list():
    frame = burst(arrivals(), "I9999", [1, 0, 1, 2, 4, 6])
    found = IncidentGrowth().fit(frame, TODAY).p_values(frame, TODAY)
    top = found.row(0, named=True)
    assert top["incident"] == "I9999" and top["p_value"] < 2e-3
    assert top["n_callers"] == 14 and top["n_window"] >= 6 and top["expected"] < top["n_window"]


def test_one_caller_who_comes_back_late_is_no_growth():
    frame = burst(burst(arrivals(), "I9999", [3] + [0] * 40 + [1]), "I9998", [2])
    found = IncidentGrowth().fit(frame, TODAY).p_values(frame, TODAY)
    p = dict(zip(found["incident"], found["p_value"]))
    assert p["I9999"] > .2 and p["I9998"] < .2


def test_order_of_rows_and_later_rows_change_nothing():
    frame = arrivals()
    before = TODAY - timedelta(days=20)
    model = IncidentGrowth().fit(frame, before)
    a = model.p_values(frame, before)
    known = frame.filter(pl.col("date") <= before).sample(fraction=1, shuffle=True, seed=3)
    b = IncidentGrowth().fit(known, before).p_values(known, before)
    assert a.equals(b)


def test_shares_of_the_past_hold_on_new_days():
    frame = arrivals(seed=5, n=1500)
    low = n = 0
    model = IncidentGrowth().fit(frame, FIRST + timedelta(days=180))
    for day in range(200, 270, 5):
        as_of = FIRST + timedelta(days=day)
        low += (model.p_values(frame, as_of)["p_value"] < .01).sum()
        seen = frame.filter(pl.col("date") <= as_of).group_by("incident").agg(pl.col("date").max())
        n += (seen["date"] > as_of - timedelta(days=60)).sum()
    assert .4 < low / n / .01 < 2


def test_the_board_has_about_as_many_low_values_as_they_claim():
    gold = pl.read_csv(shared("gold", "incidents.csv"))
    board = pl.read_excel(shared("data", "message_board_2019_q1_q3.xlsx"), engine="calamine")
    board = board.with_columns(id=pl.col("留言编号").cast(pl.Float64).cast(pl.Int64), text=pl.col("留言时间").cast(pl.String).str.strip_chars())
    board = board.with_columns(date=pl.col("text").str.split(" ").list.first().str.replace_all("-", "/").str.to_date("%Y/%m/%d", strict=False))
    frame = (board.join(gold, on="id").filter(pl.col("date").is_between(date(2019, 1, 1), date(2019, 9, 30)))
             .group_by(pl.col("incident_id").alias("incident"), "date").agg(n_records=pl.len(), n_callers=pl.col("留言用户").n_unique()))
    low = n = 0
    for day in range(130, 270, 4):
        as_of = date(2019, 1, 1) + timedelta(days=day)
        if (day - 130) % 20 == 0:
            model = IncidentGrowth().fit(frame, as_of)
        low += (model.p_values(frame, as_of)["p_value"] < .01).sum()
        seen = frame.filter(pl.col("date") <= as_of).group_by("incident").agg(pl.col("date").max())
        n += (seen["date"] > as_of - timedelta(days=60)).sum()
    assert n > 3000 and .5 < low / n / .01 < 2


def test_no_arrivals_give_an_empty_frame():
    empty = arrivals().clear()
    found = IncidentGrowth().fit(empty, TODAY).p_values(empty, TODAY)
    assert len(found) == 0 and "p_value" in found.columns
    assert len(RespondentSurge().p_values(empty.rename({"incident": "respondent"}), TODAY)) == 0


def test_p_values_before_fit_is_a_clear_error():
    with pytest.raises(ValueError, match="fit"):
        IncidentGrowth().p_values(arrivals(), TODAY)


def test_a_respondent_is_judged_by_its_own_eight_weeks():
    rng = np.random.default_rng(3)
    rates = np.r_[rng.gamma(.4, .1, 500), 3., .05]
    counts = rng.poisson(rates, (70, 502))
    counts[-3:, -2] = 3                            # a supermarket that always has three a day
    counts[-3:, -1] = [2, 2, 3]                    # a small shop that never had
    i, j = np.nonzero(counts)
    frame = pl.DataFrame({"respondent": [f"r{k:03d}" for k in j], "date": [TODAY - timedelta(days=69 - int(d)) for d in i], "n_records": counts[i, j]})
    found = RespondentSurge().p_values(frame, TODAY)
    p = dict(zip(found["respondent"], found["p_value"]))
    assert found["respondent"][0] == "r501" and p["r501"] < 1e-4
    assert p["r500"] > .05
    assert (found["p_value"] < .001).sum() <= 4


def test_a_respondent_that_is_seldom_heard_of_is_not_unusual_for_having_come_at_all():
    """Asked about are those with a record in the last seven days: among them, too, no more than a thousandth has p < .001."""
    found = []
    for seed in range(6):
        counts = np.random.default_rng(seed).poisson(np.random.default_rng(99 + seed).gamma(.4, .05, 6000), (63, 6000))
        i, j = np.nonzero(counts)
        frame = pl.DataFrame({"respondent": j, "date": [TODAY - timedelta(days=62 - int(d)) for d in i], "n_records": counts[i, j]})
        found.append(RespondentSurge().p_values(frame, TODAY)["p_value"])
    p = pl.concat(found).to_numpy()
    assert len(p) > 3000
    for level, most in ((.1, 1.2), (.01, 1.5), (.001, 2.0)):
        assert .3 < (p < level).mean() / level < most, level


def test_where_all_respondents_rise_together_only_the_one_that_rises_more_stands_out():
    """Four days after a television report everybody draws 1.8 times as much; one shop ten times."""
    rates = np.r_[np.random.default_rng(7).gamma(.4, .25, 3000), .3]
    below = []
    for seed in range(4):
        times = np.where(np.arange(63) >= 59, 1.8, 1.)
        counts = np.random.default_rng(seed).poisson(rates * times[:, None])
        counts[-4:, -1] = 3
        i, j = np.nonzero(counts)
        frame = pl.DataFrame({"respondent": j, "date": [TODAY - timedelta(days=62 - int(d)) for d in i], "n_records": counts[i, j]})
        p = RespondentSurge().p_values(frame, TODAY)
        assert p.filter(pl.col("respondent") == 3000)["p_value"].item() < 1e-3
        below.append(p.filter(pl.col("respondent") < 3000).select((pl.col("p_value") < .01).mean()).item() / .01)
    assert np.mean(below) < 1.5
