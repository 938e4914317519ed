"""Counting: what a change moves, and the cells as a matrix."""
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from transforms import counts
from transforms.canonical import MOMENT
from transforms.counts import CELL, a_day, count_changes, matrix, small, summed

T1, T2 = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 9, tzinfo=UTC)
SCHEMA = {"record_id": pl.String, "source_id": pl.String, "problem_code": pl.String, "fine_place": pl.String, "coarse_place": pl.String, "local_date": pl.Date,
          "status": pl.String, "known_at": MOMENT, "first_known_at": MOMENT}


def frame(*given):
    base = {"source_id": "s", "problem_code": "p", "fine_place": "S", "coarse_place": "C", "local_date": date(2026, 5, 1), "status": "open", "known_at": T2,
            "first_known_at": T1}
    return pl.DataFrame([{**base, **g} for g in given], schema=SCHEMA)


def said(changes):
    return sorted(changes.select("problem_code", "date", "known_at", "n").rows())


def test_a_new_record_counts_from_its_first_moment():
    assert said(count_changes(frame(), frame({"record_id": "a"}))) == [("p", date(2026, 5, 1), T1, 1)]


def test_a_record_that_moves_leaves_its_cell_when_that_became_known():
    assert said(count_changes(frame({"record_id": "a"}), frame({"record_id": "a", "problem_code": "q"}))) == [
        ("p", date(2026, 5, 1), T2, -1), ("q", date(2026, 5, 1), T2, 1)]


def test_an_unchanged_cell_says_nothing_and_a_void_record_is_gone():
    assert count_changes(frame({"record_id": "a"}), frame({"record_id": "a", "status": "closed"})).is_empty()
    assert said(count_changes(frame({"record_id": "a"}), frame({"record_id": "a", "status": "void"}))) == [("p", date(2026, 5, 1), T2, -1)]


def test_a_record_without_a_street_moves_nothing_when_it_still_has_none():
    assert count_changes(frame({"record_id": "a", "fine_place": None}), frame({"record_id": "a", "fine_place": None})).is_empty()


def test_the_matrix_has_every_day_and_sums_sources():
    counts = pl.DataFrame([("p", "S", date(2026, 5, 1), 2), ("p", "S", date(2026, 5, 3), 1), ("p", "S", date(2026, 5, 1), 1), ("q", None, date(2026, 5, 2), 4)],
                          schema={"problem_code": pl.String, "fine_place": pl.String, "date": pl.Date, "n": pl.Int64}, orient="row")
    whole = matrix(counts, ["problem_code", "fine_place"], date(2026, 5, 1), date(2026, 5, 4))
    assert whole.series.rows() == [("p", "S"), ("q", None)]
    assert np.array_equal(whole.counts, [[3, 0], [0, 4], [1, 0], [0, 0]])


def test_small_counts_of_single_months_make_the_same_matrix():
    rows = [("s", f"p{i % 3}", ["西街", "东街", None][i % 3], "C", date(2026, 4 + i % 2, 1 + i % 5), i % 4 - 1) for i in range(60)]
    counts = pl.DataFrame(rows, schema=[*CELL, "n"], orient="row")
    months = [small(summed(part)) for _, part in counts.group_by(pl.col("date").dt.month())]
    asked = ["problem_code", "fine_place"], date(2026, 4, 1), date(2026, 5, 9)
    a, b = matrix(summed(counts), *asked), matrix(pl.concat(months), *asked)
    assert a.series.equals(b.series) and a.counts.sum() > 20 and np.array_equal(a.counts, b.counts)


def test_a_matrix_of_the_series_that_are_asked_for_has_no_other_and_zeros_where_one_has_no_row():
    counts = pl.DataFrame([("p", None, date(2026, 5, 2), 2), ("q", "S", date(2026, 5, 1), 1), ("r", "S", date(2026, 5, 9), 1)],
                          schema={"problem_code": pl.String, "fine_place": pl.String, "date": pl.Date, "n": pl.Int64}, orient="row")
    only = pl.DataFrame({"problem_code": ["r", "p"], "fine_place": ["S", None]})
    whole = matrix(counts, ["problem_code", "fine_place"], date(2026, 5, 1), date(2026, 5, 2), only)
    assert whole.series.rows() == [("p", None), ("r", "S")] and whole.counts.tolist() == [[0, 0], [2, 0]]


@pytest.mark.parametrize("n", [0, 1, 40])
def test_totals_a_day_are_the_same_however_many_rows_are_added_up_at_once(n, monkeypatch):
    monkeypatch.setattr(counts, "SLICE", 7)
    random = np.random.default_rng(n)
    told = pl.DataFrame({"source_id": random.choice(["a", "b"], n), "date": [date(2026, 5, int(d)) for d in random.integers(1, 5, n)], "n": random.integers(-1, 3, n).astype(np.int32)},
                        schema={"source_id": pl.String, "date": pl.Date, "n": pl.Int32})
    for by in ([], ["source_id"]):
        wanted = {key: sum(told.filter(pl.concat_str(*by, "date") == "".join(map(str, key)))["n"]) for key in told.select(*by, "date").unique().rows()}
        found = a_day(told, *by)
        assert {row[:-1]: row[-1] for row in found.rows()} == wanted and found.schema["n"] == pl.Int64
