"""The score sheet: what is caught, late, missed, quiet and fooled, and how many records came before and after."""
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from flows.demo.score import score
from flows.demo.truth import Truth
from flows.page import warning_page

NIGHTS = [date(2026, 6, 18) + timedelta(days=i) for i in range(14)]
EMPTY = pl.DataFrame()


def matter(name: str, risk: bool, level: str | None, wanted: date | None, problems=("x",), start=date(2026, 6, 18), end=date(2026, 7, 1)) -> dict:
    return {"incident_id": name, "kind": "risk" if risk else "trap", "zh": f"事项{name}", "en": f"matter {name}", "start": start, "end": end, "is_risk": risk,
            "severity": "major", "wanted_level": level, "wanted_day": wanted, "lead_unit": None, "streets": ["A"], "problems": list(problems)}


def records(name: str | None, n: int, first: date, prefix: str) -> list[dict]:
    return [{"source_record_id": f"{prefix}{i}", "incident_id": name, "type_code": "food.poisoning" if prefix == "s" else "price.fraud",
             "second_type": None, "created_at": datetime.combine(first + timedelta(days=i), datetime.min.time()),
             "closed_at": datetime.combine(first + timedelta(days=i + 3), datetime.min.time())} for i in range(n)]


@pytest.fixture
def truth() -> Truth:
    matters = [matter("R1", True, "red", date(2026, 6, 23)), matter("R2", True, "red", date(2026, 6, 28)), matter("R3", True, "orange", date(2026, 7, 31)),
               matter("N2", False, "incident", None), matter("R6", False, "blue", None), matter("N1", False, None, None)]
    rows = [r for name, prefix in (("R1", "a"), ("R2", "b"), ("R3", "c"), ("N2", "d"), ("R6", "e"), ("N1", "f"))
            for r in records(name, 10, date(2026, 6, 18), prefix)]
    rows += records(None, 10, date(2026, 6, 18), "z") + records(None, 4, date(2026, 6, 18), "s")
    return Truth(pl.DataFrame(rows, schema_overrides={"second_type": pl.String}), pl.DataFrame(matters), EMPTY, EMPTY, EMPTY, EMPTY, EMPTY)


def said(*warnings: tuple[str, date, str, str, str, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(id, raised on, kind, level, prefix of its records, how many) → warnings and their records."""
    rows = pl.DataFrame([{"warning_id": w, "raised_on": d, "kind": k, "level": level, "merged_into": None} for w, d, k, level, _, _ in warnings])
    own = pl.DataFrame([{"warning_id": w, "record_id": f"market_supervision:{p}{i}", "role": "evidence"} for w, *_, p, n in warnings for i in range(n)])
    return rows, own


def results(sheet) -> dict[str, str]:
    return {o.incident_id: o.result for o in sheet.outcomes}


def test_caught_in_time_late_and_missed(truth):
    sheet = score(truth, *said(("W1", date(2026, 6, 22), "incident", "red", "a", 5)), None, NIGHTS)
    assert results(sheet) == {"R1": "caught", "R2": "missed", "R3": "too_early", "N2": "quiet", "R6": "quiet", "N1": "quiet"}
    r1 = sheet.outcomes[0]
    assert (r1.before, r1.after, r1.lead_days, r1.days_from_first) == (5, 5, 1, 4)
    assert "4 days in the median" in " ".join(sheet.sentences("en"))
    # Its first record closed after the warning is of 23 June at midnight: those of 24–27 June came after it was handled.
    assert r1.after_handled == 4
    late = score(truth, *said(("W1", date(2026, 6, 25), "incident", "red", "a", 5)), None, NIGHTS)
    low = score(truth, *said(("W1", date(2026, 6, 22), "incident", "yellow", "a", 5)), None, NIGHTS)
    assert results(late)["R1"] == results(low)["R1"] == "late"


def test_traps(truth):
    one = said(("W1", date(2026, 6, 27), "incident", "yellow", "d", 10), ("W2", date(2026, 6, 27), "surge", "blue", "e", 10))
    assert {k: v for k, v in results(score(truth, *one, None, NIGHTS)).items() if k in ("N2", "R6", "N1")} == {"N2": "quiet", "R6": "quiet", "N1": "quiet"}
    two = said(("W1", date(2026, 6, 27), "incident", "yellow", "d", 5), ("W2", date(2026, 6, 27), "surge", "blue", "d", 10),
               ("W3", date(2026, 6, 27), "surge", "yellow", "e", 10), ("W4", date(2026, 6, 27), "surge", "blue", "f", 10))
    assert {k: v for k, v in results(score(truth, *two, None, NIGHTS)).items() if k in ("N2", "R6", "N1")} == {
        "N2": "fooled", "R6": "fooled", "N1": "fooled"}


def test_a_warning_about_nothing_is_a_false_alarm(truth):
    sheet = score(truth, *said(("W1", date(2026, 6, 22), "surge", "blue", "z", 6)), None, NIGHTS, expected_false_alarms=1.4)
    assert (sheet.minor, sheet.others) == (0, 1)
    assert "by chance: 1.4; allowed by the budget: 3.0" in " ".join(sheet.sentences("en"))


def test_a_warning_that_comes_back_is_an_alarm_of_what_came_back(truth):
    """Raised about nothing, closed, and back with the records of R1: both are counted, and N2's one warning stays one however often it is opened."""
    twice = said(("W1", date(2026, 6, 18), "surge", "blue", "z", 6), ("W1", date(2026, 6, 22), "surge", "red", "a", 5),
                 ("W2", date(2026, 6, 20), "incident", "yellow", "d", 5), ("W2", date(2026, 6, 27), "incident", "yellow", "d", 5))
    alarms = twice[0].with_columns(pl.Series("opening", [1, 2, 1, 2]))
    own = twice[1].with_columns(pl.Series("opening", [1] * 6 + [2] * 5 + [1] * 5 + [2] * 5))
    sheet = score(truth, alarms, own, None, NIGHTS)
    assert results(sheet)["R1"] == "caught" and results(sheet)["N2"] == "quiet" and sheet.others == 1
    assert sheet.outcomes[0].raised_on == date(2026, 6, 22)


def test_rules_on_single_records_are_counted_apart(truth):
    sheet = score(truth, *said(("W1", date(2026, 6, 22), "sentinel", "red", "s", 1), ("W2", date(2026, 6, 22), "sentinel", "red", "z", 1)), None, NIGHTS)
    assert (sheet.others, sheet.single, sheet.right) == (0, 2, 1)


def test_a_trap_without_records_of_its_own_is_fallen_into_by_what_rests_on_counts(truth):
    stream = pl.DataFrame([matter("N3", False, None, None, problems=(), start=date(2026, 6, 20), end=date(2026, 6, 23))])
    only = Truth(truth.records, stream, *[EMPTY] * 5)
    rules = said(*((f"W{i}", date(2026, 6, 21), "cluster", "yellow", "z", 3) for i in range(3)))
    assert results(score(only, *rules, None, NIGHTS)) == {"N3": "quiet"}
    rises = said(*((f"W{i}", date(2026, 6, 21), "surge", "yellow", "z", 3) for i in range(2)))
    assert results(score(only, *rises, None, NIGHTS)) == {"N3": "fooled"}


def test_the_sheet_is_told_in_both_languages_and_stands_on_the_page(truth):
    warnings, own = said(("W1", date(2026, 6, 22), "incident", "red", "a", 5))
    sheet = score(truth, warnings, own, None, NIGHTS)
    assert [r.cells[0] for r in sheet.rows("zh")] == ["R1", "R2", "R3", "N1", "N2", "R6"]
    assert sheet.rows("zh")[0].cells[1] == "事项R1" and sheet.rows("en")[0].cells[1] == "matter R1"
    assert sheet.table("zh").row_count == 6
    empty = pl.DataFrame(schema={"warning_id": pl.String, "level": pl.String, "n_callers": pl.Int64, "respondent": pl.String, "p_value": pl.Float64})
    page = warning_page(empty, lang="zh", score=sheet)
    assert "事项R1" in page and "未发现" in page and "诉前" in page
