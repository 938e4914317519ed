"""A small city's nights: late records, corrections, closings, and records that the source deletes."""
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from flows.demo import files
from flows.demo.city import City, day_number

START = date(2026, 1, 1)
#: The first night's file holds everything before it.
FIRST = date(2026, 2, 10)


@cache
def cards(one_in: int = 16) -> tuple[City, pl.DataFrame]:
    """The city, its planted matters and one in so many of the other cards; a few are deleted at the source some days after they came (`deleted`)."""
    city = City(seed=3, start=START, months=4, dirt=False)
    some = city.cards.filter(pl.col("incident").is_not_null() | (pl.col("number").hash(1) % one_in == 0))
    return city, some.with_columns(pl.when(pl.col("number").hash(2) % 50 == 0).then(pl.col("delivered") + 3).otherwise(10**9).alias("deleted"))


def night_file(day: date, folder: Path, seed: int | None = None) -> Path:
    """What the source gives on the morning after `day`: all until then on the first night, later what is new, changed, or of the last days."""
    city, some = cards()
    number = day_number(day)
    known = some if day == FIRST else some.join(city.delivered_on(day).select("number"), on="number", how="semi")
    return _written(city, known.filter((pl.col("delivered") <= number) & (pl.col("deleted") > number)), day, folder, seed)


def last_rows(day: date, folder: Path, skipped: date | None = None) -> Path:
    """Each record as a file up to `day` gave it last, the deleted ones included; the file of `skipped` never came."""
    city, some = cards()
    rows: dict[str, pl.DataFrame] = {}
    at = FIRST
    while at <= day:
        if at == skipped:
            at += timedelta(days=1)
            continue
        number = day_number(at)
        known = some if at == FIRST else some.join(city.delivered_on(at).select("number"), on="number", how="semi")
        told = city._rows(known.filter((pl.col("delivered") <= number) & (pl.col("deleted") > number)), at)
        rows |= dict(zip(told["工单编号"].to_list(), told.iter_slices(1)))
        at += timedelta(days=1)
    return files.write_file(pl.concat(list(rows.values())), folder, f"last_{day}", files.CSV)


def _written(city: City, some: pl.DataFrame, day: date, folder: Path, seed: int | None) -> Path:
    rows = city._rows(some, day)
    return files.write_file(rows if seed is None else rows.sample(fraction=1, shuffle=True, seed=seed), folder, f"night_{day}", files.CSV)
