"""The demo's desk: what it answers each morning is true, comes in its days, and is the same for the same city."""
from datetime import timedelta

import polars as pl

from flows.demo.desk import LATEST, SOONEST, UNANSWERED, morning
from flows.demo.truth import Truth
from tests.engines import house  # noqa: F401
from tests.lake_rows import write
from tests.test_working import NIGHT, a_warning, publish
from warehouse.publication import Publication

REAL, MANY = "r-real", 40
TRUTH = Truth(pl.DataFrame([{"source_record_id": REAL, "incident_id": "R1", "type_code": "price.fraud", "second_type": None},
                            {"source_record_id": "r-other", "incident_id": None, "type_code": "price.fraud", "second_type": None}],
                           schema_overrides={"second_type": pl.String}), *[pl.DataFrame()] * 6)


def furnish(house):  # noqa: F811
    """Forty warnings of one night, every other about something planted."""
    publish(house, *(a_warning(f"w{n:02d}", raised_on=NIGHT.date()) for n in range(MANY)))
    house.publish(Publication(run={"run_id": "r2", "kind": "nightly", "run_date": NIGHT.date(), "as_of": NIGHT, "outcome": "ok"}, known_to=NIGHT, writes=[
        write("warning_record", [{"warning_id": f"w{n:02d}", "record_id": f"market_supervision:{'r-other' if n % 2 else REAL}", "role": "evidence"} for n in range(MANY)])]))


def mornings(house, first, last):  # noqa: F811
    """Those after the nights so many days after the first."""
    for n in range(first, last + 1):
        morning(house, TRUTH, NIGHT + timedelta(days=n), "zh")


def test_most_are_taken_up_at_once_and_closed_in_their_days_with_what_is_true(house):  # noqa: F811
    furnish(house)
    mornings(house, 0, 0)
    taken = set(house.select("warning", "status = 'acknowledged'")["warning_id"])
    assert house.select("warning", "status = 'new'").height == MANY - len(taken) and 0 < MANY - len(taken) <= 3 * MANY * UNANSWERED / 100
    mornings(house, 1, SOONEST - 1)
    assert house.select("warning", "status = 'closed'").is_empty()
    mornings(house, SOONEST, LATEST)
    closed = house.select("warning", "status = 'closed'")
    real = pl.col("warning_id").str.slice(1).cast(pl.Int64) % 2 == 0
    assert set(closed["warning_id"]) == taken and closed["handled_by"].null_count() == 0 and closed["closed_on"].n_unique() > 3
    assert set(closed.filter(real)["verdict"]) == {"confirmed", "partly"} and set(closed.filter(~real)["verdict"]) == {"unfounded"}
