"""Hard matters: the rules mark what they say, by hand-worked matters."""
from datetime import date

import polars as pl

from policy.hard import marks
from transforms.hard import marked, matters

DAY = date(2026, 6, 30)
TYPES = {"co_units": pl.List(pl.String), "local_date": pl.Date, "solved": pl.Boolean, "reopened": pl.Boolean, "repeated": pl.Boolean,
         "amount_claimed": pl.Float64, "persons_affected": pl.Int64}


def record(record_id, **given):
    base = {"record_id": record_id, "incident_id": None, "local_date": date(2026, 6, 20), "status": "open", "lead_unit": "ST-001", "co_units": None,
            "returned_unit": None, "reopened": False, "repeated": False, "solved": None, "amount_claimed": None, "persons_affected": None,
            "problem_code": "p", "problem_name": "P", "street": "S", "respondent_name": None, "title": "T"}
    return {**base, **given}


def told(*records):
    frame = pl.DataFrame(records, schema={c: TYPES.get(c, pl.String) for c in records[0]})
    return dict(marked(matters(frame, DAY), [(m.id, m.when) for m in marks(DAY)]).select("matter", "marks").iter_rows())


def test_the_stations_of_a_matters_streets_are_one_field_and_a_second_department_is_another():
    streets = [record("a", incident_id="i"), record("b", incident_id="i", lead_unit="ST-002"), record("c", incident_id="i", lead_unit="ST-003")]
    assert told(*streets, record("d", co_units=["EXT-1"]), record("e", returned_unit="ST-009")) == {"i": [], "d": ["fields"], "e": ["fields"]}


def test_long_open_reopened_and_dear_matters_are_marked_and_closed_ones_are_not_long():
    old = date(2026, 5, 1)
    assert told(record("a", local_date=old), record("b", local_date=old, status="closed"), record("c", reopened=True), record("d", amount_claimed=50_000.0)) == {
        "a": ["long"], "b": [], "c": ["reopened"], "d": ["amount"]}
