"""Records against population: residents of streets as the bureau's own list has them on a day."""
from datetime import date, datetime

import polars as pl

from flows.ledgers import in_force
from flows.running import House

LEDGER = "residents"
PER = 10_000


def residents(house: House, day: date, asked: datetime | None = None) -> dict[str, int]:
    """Street → residents in force on a day; asked: only what was loaded by then. Streets that are not on the list are not known."""
    rows = in_force(house, LEDGER, day).filter(pl.col("residents") > 0)
    rows = rows.filter(pl.col("known_at") <= asked) if asked is not None else rows
    return dict(rows.select("item_id", "residents").iter_rows())


def per_10k(n: int, people: int | None) -> float | None:
    """Records for each 10,000 residents, two decimals; None where their number is not known."""
    return round(n * PER / people, 2) if people else None


def rates(rows: pl.DataFrame, people: dict[str, int]) -> float | None:
    """Records of the streets whose residents are known for each 10,000 of all of them; None where none is known. rows: `street`."""
    return per_10k(rows.filter(pl.col("street").is_in(list(people))).height, sum(people.values()))
