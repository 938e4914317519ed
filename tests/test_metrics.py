"""Figures of the registry: each by hand, with its denominator, what is still waiting, and what it is compared with."""
from datetime import date, timedelta
from math import sqrt

import polars as pl
import pytest

from flows.figures import Facts, NoScheme, figures
from flows.metrics import words
from policy.metrics import metric, names, registry, schemes
from policy.periods import KINDS, SPAN, Period, holding, latest, whole
from tests.practice_house import house_with, moment, records
from transforms.figures import Measure, measured

JUNE, MAY = whole("month", date(2026, 6, 1)), whole("month", date(2026, 5, 1))
LATE = moment(date(2026, 12, 1))
D = date(2026, 6, 3)


def told(tmp_path, rows, name, periods=(JUNE,), as_of=LATE, **more):
    house = house_with(tmp_path / "h", records(rows), as_of)
    others = [p.year_before() if more.get("compare") == "year" else p.before() for p in periods] if more.get("compare") else []
    try:
        return figures(Facts.of(house, [*periods, *others], as_of), name, list(periods), **more)
    finally:
        house.warehouse.close()


def one(tmp_path, rows, name, **more):
    return told(tmp_path, rows, name, **more).row(0, named=True)


def test_every_metric_of_the_registry_can_be_counted_and_says_how(tmp_path):
    house = house_with(tmp_path / "h", records([{"day": D}]), LATE)
    facts = Facts.of(house, [JUNE], LATE)
    for m in registry():
        row = figures(facts, m.id, [JUNE]).row(0, named=True)
        assert row["metric"] == m.id and m.formula("zh") and m.formula("en") and m.source and m.certainty in "SNFIU"
    assert names()[-1] == "score" and metric("response_rate", date(2021, 9, 23)) is None
    house.warehouse.close()


def test_the_three_rates_count_answers_only_and_say_how_many_are_waiting(tmp_path):
    answered = [{"day": D, "status": "closed", "responded": True, "solved": n < 3, "satisfied": s} for n, s in enumerate(("very", "basically", "no", "refused"))]
    rows = [*answered, {"day": D}, {"day": D, "status": "withdrawn"}, {"day": D, "status": "void", "solved": False}]
    early = moment(date(2026, 6, 30), 24)
    got = {n: one(tmp_path / n, rows, n, as_of=early) for n in ("response_rate", "solved_rate", "satisfied_rate")}
    assert [(r["numerator"], r["denominator"], r["waiting"]) for r in got.values()] == [(4, 4, 1), (3, 4, 1), (2, 3, 1)]
    assert all(r["mature"] is False and "immature" in r["notes"] for r in got.values())
    assert one(tmp_path / "later", rows, "solved_rate", as_of=LATE)["mature"] is True


def test_a_rate_has_wilsons_interval(tmp_path):
    z = 1.959963985
    rows = [{"day": D, "solved": n < 8, "status": "closed"} for n in range(10)]
    row = one(tmp_path, rows, "solved_rate")
    centre, half = (8 + z * z / 2) / (10 + z * z), z / (10 + z * z) * sqrt(8 * 2 / 10 + z * z / 4)
    assert row["value"] == 0.8 and row["low"] == pytest.approx(centre - half, abs=1e-8) and row["high"] == pytest.approx(centre + half, abs=1e-8)
    assert (round(row["low"], 3), round(row["high"], 3)) == (0.490, 0.943)              # as printed in tables of the interval


def test_a_rate_that_never_moves_asks_for_its_definition(tmp_path):
    rows = [{"day": D, "responded": True, "status": "closed"}] * 30
    assert "constant" in one(tmp_path / "a", rows, "response_rate")["notes"]
    assert "constant" not in one(tmp_path / "b", rows[:29], "response_rate")["notes"]


@pytest.mark.parametrize(("day", "accepted", "in_time"), [
    (date(2026, 4, 10), date(2026, 4, 21), True), (date(2026, 4, 10), date(2026, 4, 22), False),        # seven working days, Order 20
    (date(2026, 4, 30), date(2026, 5, 13), True), (date(2026, 4, 30), date(2026, 5, 14), False)])       # Labour Day off, 9 May worked
def test_acceptance_is_on_time_by_the_clock_of_its_day(tmp_path, day, accepted, in_time):
    row = one(tmp_path, [{"day": day, "status": "closed", "signed_at": moment(accepted, 23.5), "closed_at": moment(accepted, 23.9)}], "on_time_acceptance", periods=(whole("month", day),))
    assert (row["numerator"], row["denominator"]) == (float(in_time), 1)


def test_a_clock_that_still_runs_is_waiting_and_one_that_ran_out_unanswered_is_late(tmp_path):
    row = one(tmp_path, [{"day": date(2026, 6, 1)}, {"day": date(2026, 6, 29)}, {"day": D, "record_type": "suggestion"}], "on_time_acceptance", as_of=moment(date(2026, 6, 30), 24))
    assert (row["numerator"], row["denominator"], row["waiting"], row["mature"]) == (0, 1, 1, False)


def test_closing_is_on_time_by_the_orders_own_limit_else_by_mediations_clock(tmp_path):
    own = {"day": D, "due_at": moment(date(2026, 6, 8), 17), "status": "closed", "signed_at": moment(D, 12)}
    rows = [{**own, "closed_at": moment(date(2026, 6, 8), 16)}, {**own, "closed_at": moment(date(2026, 6, 8), 18)},
            {"day": D, "status": "closed", "signed_at": moment(D, 12), "closed_at": moment(date(2026, 8, 2), 12)},     # sixty days from 3 June end on 2 August
            {"day": D, "status": "closed", "signed_at": moment(D, 12), "closed_at": moment(date(2026, 8, 3), 12)}]
    row = one(tmp_path, rows, "on_time_closure")
    assert (row["numerator"], row["denominator"]) == (2, 4)


def test_what_came_back_is_a_repeat_and_what_was_opened_again_is_told_from_its_revisions(tmp_path):
    rows = [{"number": "1", "day": D, "caller_key": "c", "incident_id": "i"}, {"number": "2", "day": D + timedelta(days=5), "caller_key": "c", "incident_id": "i"},
            {"number": "3", "day": D, "caller_key": "d", "incident_id": "i"}, {"number": "4", "day": D, "repeat_of": "1"}]
    row = one(tmp_path / "a", rows, "repeat_rate")
    assert (row["numerator"], row["denominator"]) == (2, 4)
    lives = [{"number": "1", "day": D, "status": s, "revision_no": n, "known_at": moment(D + timedelta(days=n))} for n, s in enumerate(("open", "closed", "in_hand", "closed"), 1)]
    lives += [{"number": "2", "day": D, "status": "closed", "revision_no": 1, "known_at": moment(D)}]
    assert [one(tmp_path / n, lives, "reopen_rate", as_of=t)["numerator"] for n, t in (("b", LATE), ("c", moment(D + timedelta(days=2), 12)))] == [1, 0]


def test_money_is_summed_over_those_who_state_some_and_never_divided_by_all(tmp_path):
    from decimal import Decimal
    rows = [{"day": D, "amount_recovered": Decimal("830000.00")}, {"day": D, "amount_recovered": Decimal("0.50")}, {"day": D, "amount_recovered": None}]
    row = one(tmp_path, rows, "recovered_loss")
    assert (row["value"], row["denominator"]) == (830000.5, 2)


def test_lift_complaints_of_january_to_may_are_19_26_percent_fewer_and_a_leap_day_is_said(tmp_path):
    days = lambda year, n: [{"day": date(year, 1, 1) + timedelta(days=k % 151), "problem_code": "special.elevator_fault"} for k in range(n)]
    rows = [*days(2023, 135), *({"day": date(2023, 1, 1) + timedelta(days=k), "problem_code": "food.expired"} for k in range(151)), *days(2024, 109)]
    got = told(tmp_path, rows, "records", periods=(Period(SPAN, date(2024, 1, 1), date(2024, 5, 31)),), by="problem", compare="year", as_of=moment(date(2024, 7, 1)))
    lift = got.filter(pl.col("key") == "special.elevator_fault").row(0, named=True)
    assert (lift["value"], lift["before"], round(lift["change"], 4), round(lift["change_per_day"], 4)) == (109, 135, -0.1926, -0.1979)
    assert "-19.26%" in words(lift, {}, "zh")["change"] and "-19.79%" in words(lift, {}, "zh")["change"]


def test_nothing_is_compared_with_a_january_that_is_missing(tmp_path):
    rows = [{"day": date(2025, 2, 1) + timedelta(days=n)} for n in range(120)] + [{"day": date(2026, 1, 1) + timedelta(days=n)} for n in range(151)]
    row = told(tmp_path, rows, "records", periods=(Period(SPAN, date(2026, 1, 1), date(2026, 5, 31)),), compare="year").row(0, named=True)
    assert row["before"] is None and row["change"] is None and "gap_before" in row["notes"]


def test_a_moved_spring_festival_is_said(tmp_path):
    rows = [{"day": date(y, 1, 1) + timedelta(days=n)} for y in (2025, 2026) for n in range(90)]
    row = told(tmp_path, rows, "records", periods=(whole("month", date(2026, 1, 5)),), compare="year").row(0, named=True)
    assert "spring_festival" in row["notes"] and row["change"] == 0


def test_a_score_is_the_weighted_rates_by_a_scheme_that_must_be_named(tmp_path):
    rows = [{"day": D, "status": "closed", "responded": True, "solved": n < 9, "satisfied": "basically" if n == 0 else "yes" if n < 8 else "no"} for n in range(10)]
    with pytest.raises(NoScheme):
        told(tmp_path / "a", rows, "score")
    row = told(tmp_path / "b", rows, "score", scheme="example_10_40_50").row(0, named=True)
    assert row["value"] == pytest.approx(10 + 40 * .9 + 50 * (7 + .9) / 10) and row["low"] < row["value"] < row["high"] <= 100
    assert not any(s.shown or s.official for s in schemes(D).values())


def test_a_key_absent_before_is_zero_and_keys_add_up_to_the_whole(tmp_path):
    rows = [{"day": d, "street": s} for d in (MAY.first + timedelta(days=3 * n) for n in range(20)) for s in ("新华街道", "北苑街道" if d.month == 6 else "新华街道")]
    got = told(tmp_path, rows, "records", by="street", compare="previous")
    parts, all_ = got.filter(pl.col("grain") == "street"), got.filter(pl.col("grain") == "whole")
    assert parts["value"].sum() == all_["value"][0] and dict(parts.select("key", "before").iter_rows())["北苑街道"] == 0


def test_a_median_stands_between_its_order_statistics():
    rows = pl.DataFrame({"x": [float(n) for n in range(100)]})
    row = measured(rows, Measure("median", pl.col("x"), pl.lit(True), pl.lit(False))).row(0, named=True)
    assert (row["value"], row["low"], row["high"], row["denominator"]) == (49.5, 40, 59, 100)
    assert measured(rows.clear(), Measure("median", pl.col("x"), pl.lit(True), pl.lit(False)))["value"][0] is None


@pytest.mark.parametrize(("kind", "day", "first", "last"), [
    ("tenday", date(2026, 2, 25), date(2026, 2, 21), date(2026, 2, 28)), ("tenday", date(2026, 1, 31), date(2026, 1, 21), date(2026, 1, 31)),
    ("week", date(2026, 6, 30), date(2026, 6, 29), date(2026, 7, 5)), ("month_19", date(2026, 1, 18), date(2025, 12, 19), date(2026, 1, 18)),
    ("month_19", date(2026, 1, 19), date(2026, 1, 19), date(2026, 2, 18)), ("half", date(2024, 6, 30), date(2024, 1, 1), date(2024, 6, 30)),
    ("quarter", date(2026, 11, 2), date(2026, 10, 1), date(2026, 12, 31)), ("year", date(2024, 3, 1), date(2024, 1, 1), date(2024, 12, 31))])
def test_a_period_has_the_days_that_it_is_known_for(kind, day, first, last):
    assert whole(kind, day) == Period(kind, first, last)


def test_periods_tile_the_calendar_and_know_the_one_before_and_the_year_before():
    for kind in KINDS:
        day = date(2023, 12, 20)
        for _ in range(500):
            p = whole(kind, day)
            assert p.first <= day <= p.last and p.before().last == p.first - timedelta(days=1) and p.before().is_whole
            day += timedelta(days=1)
    assert holding("month", date(2026, 3, 10)).before() == Period("month", date(2026, 2, 1), date(2026, 2, 10))
    assert holding("month", date(2026, 3, 31)).before().days == 28 and not holding("month", date(2026, 3, 30)).is_whole
    assert whole("month", date(2025, 2, 3)).year_before() == Period("month", date(2024, 2, 1), date(2024, 2, 29))
    assert whole("month", date(2024, 2, 3)).year_before() == Period("month", date(2023, 2, 1), date(2023, 2, 28))
    assert holding("week", date(2026, 6, 3)).year_before().first.weekday() == 0
    assert [p.first for p in latest("tenday", date(2026, 3, 2), 3)] == [date(2026, 2, 11), date(2026, 2, 21), date(2026, 3, 1)]


def test_the_command_prints_formula_source_and_as_of_and_refuses_what_there_is_not(tmp_path, monkeypatch, capsys):
    import json

    from flows.cli import run as weisu
    from tests.houses import enter
    rows = [{"day": D, "status": "closed", "solved": n < 3, "street": s} for n in range(4) for s in ("新华街道", "北苑街道")]
    house = house_with(tmp_path / "h", records(rows), LATE)
    house.warehouse.close()
    enter(monkeypatch, house.settings)
    asked = ["metrics", "solved_rate", "--by", "street", "--date", "2026-06-30", "--lang", "zh"]
    assert weisu(asked) == 0
    said = capsys.readouterr().out
    assert "不是办结率" in said and "北京市接诉即办工作条例 第三十二条" in said and "6/8" in said and "75.00%" in said and "截至 2026-12-01" in said
    assert weisu([*asked, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(r["key"], r["numerator"], r["denominator"]) for r in told] == [("", 6, 8), ("北苑街道", 3, 4), ("新华街道", 3, 4)]
    assert weisu(["metrics", "no_such"]) == 2 and "solved_rate" in capsys.readouterr().err
    assert weisu(["metrics", "solved_rate", "--by", "colour"]) == 2 and "street" in capsys.readouterr().err
    assert weisu(["metrics", "score"]) == 2 and "example_10_40_50" in capsys.readouterr().err


def test_warnings_are_counted_by_what_staff_found_and_by_how_early_they_were(tmp_path):
    from tests.lake_rows import warning, write
    rows = [warning(f"w{n}", status=s, verdict=v, kind=k, level=level, owner=o, closed_at=LATE if v else None, closed_on=D if v else None) for n, (s, v, k, level, o) in enumerate([
        ("closed", "confirmed", "surge", "red", "LDR"), ("closed", "partly", "surge", "red", None), ("closed", "unfounded", "incident", "blue", None), ("new", None, "incident", "blue", None),
        ("merged", None, "surge", "red", None)])]
    lead = [{"metric": m, "period_start": date(2026, 6, 2), "period_end": D, "grain": "warning", "key": f"w{n}", "value": float(v), "as_of": LATE}
            for n, days in enumerate((2, 4, 9, 1)) for m, v in (("days_of_lead", days), ("records_before_warning", 3))]
    house = house_with(tmp_path / "h", records([{"day": D}]), LATE, writes=[write("warning", pl.DataFrame(rows, infer_schema_length=None)), write("metric", lead)])
    facts = Facts.of(house, [JUNE], LATE)
    one = lambda name, by=None: figures(facts, name, [JUNE], by)
    precision = one("warning_precision", "kind")
    assert [(r["key"], r["numerator"], r["denominator"]) for r in precision.iter_rows(named=True)] == [("", 1.5, 3), ("incident", 0, 1), ("surge", 1.5, 2)]
    assert precision["waiting"][0] == 1 and one("warnings")["value"].to_list() == [4] and one("warning_lead")["value"].to_list() == [3] and one("records_before_warning")["value"].to_list() == [3]
    owned = one("owned_share").row(0, named=True)
    assert (owned["numerator"], owned["denominator"]) == (1, 2)
    early = Facts.of(house, [JUNE], moment(date(2026, 6, 20)))          # verdicts given later are not known yet
    assert figures(early, "warning_precision", [JUNE])["denominator"].to_list() == [0]
    house.warehouse.close()
