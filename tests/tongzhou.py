"""A half-year shaped like Tongzhou's first of 2024, with every published figure planted: what comes out of it must be those figures, on the sheets where they belong."""
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from flows.running import House
from sources.mapping import load_mappings
from tests.engines import ready_house
from tests.practice_house import keep, moment, records
from warehouse.publication import Write
from warehouse.store import Warehouse

FIRST, LAST = date(2024, 1, 1), date(2024, 6, 30)
AS_OF = moment(date(2024, 10, 1))
MATTERS, HARD, CONSULTATIONS, RECOVERED = 39_867, 6_070, 75, 830_000
LIFTS, LIFTS_BEFORE = 109, 135
#: The five largest, in the article's order, by a problem of each; then the others.
TOP_FIVE = (("order.unlicensed", 10_400), ("quality.goods", 8_300), ("refund.online_goods", 6_900), ("food.expired", 5_600), ("prepaid.runaway", 4_200))
STREETS = ("新华街道", "北苑街道", "梨园镇", "台湖镇", "宋庄镇", "永顺镇")


def half_year() -> pl.DataFrame:
    """Revisions of the half-year, and of the one before as many as a comparison of lifts needs. Same bytes each time."""
    rng = np.random.default_rng(20240630)
    problems = np.repeat([p for p, _ in TOP_FIVE], [n for _, n in TOP_FIVE])
    others = MATTERS - len(problems) - LIFTS
    problems = np.concatenate([problems, rng.choice(["price.unmarked", "advert.false", "drug.pharmacy", "measure.short"], others)])
    days = np.concatenate([rng.integers(0, 182, len(problems)), np.arange(LIFTS) % 152])
    problems = np.concatenate([problems, np.repeat("special.elevator_fault", LIFTS)])
    n = len(problems)
    cents = np.zeros(n, dtype=np.int64)
    paid = rng.choice(n, 4_000, replace=False)
    cents[paid] = rng.multinomial(RECOVERED * 100, np.full(4_000, 1 / 4_000))
    hard = np.zeros(n, bool)
    hard[rng.choice(n, HARD, replace=False)] = True
    now = pl.DataFrame({"day": (np.datetime64(FIRST) + days).astype("datetime64[D]"), "problem_code": problems, "street": rng.choice(STREETS, n, p=[.3, .2, .2, .1, .1, .1]),
                        "cents": cents, "hard": hard, "lead_unit": "新华街道市场监管所", "record_type": rng.choice(["complaint", "report", "consultation"], n, p=[.6, .25, .15])})
    before = pl.DataFrame({"day": (np.datetime64("2023-01-01") + np.concatenate([np.arange(LIFTS_BEFORE) % 151, np.arange(181)])).astype("datetime64[D]"),
                           "problem_code": ["special.elevator_fault"] * LIFTS_BEFORE + ["food.expired"] * 181, "street": STREETS[0], "cents": 0, "hard": False,
                           "lead_unit": "新华街道市场监管所", "record_type": "complaint"}).cast(now.schema)
    all_ = pl.concat([before, now])
    local = pl.col("day").cast(pl.Datetime("us")).dt.offset_by("10h").dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC")
    return records(all_.with_columns(
        local.alias("created_at"), pl.lit("closed").alias("status"), local.dt.offset_by("3d").alias("closed_at"), local.dt.offset_by("1d").alias("signed_at"),
        local.dt.offset_by("5d").alias("callback_at"), pl.lit(True).alias("responded"), (pl.int_range(pl.len()) % 100 < 97).alias("solved"), pl.lit("yes").alias("satisfied"),
        pl.lit("mediated").alias("outcome"), pl.lit("已处理").alias("reply"),
        pl.when(pl.col("cents") > 0).then((pl.col("cents").cast(pl.Decimal(14, 2)) / 100).cast(pl.Decimal(14, 2))).alias("amount_recovered"),
        pl.when("hard").then(pl.lit(["价监竞争科"], pl.List(pl.String))).alias("co_units")))


def house_of_half_year(folder: Path) -> House:
    """The house that knows it, with its consultations."""
    settings = ready_house("sqlite", folder)
    house = House(settings, Warehouse(settings), load_mappings())
    held = pl.DataFrame({"consultation_id": [f"H{n:02d}" for n in range(CONSULTATIONS)], "held_on": [date.fromordinal(FIRST.toordinal() + 2 * n) for n in range(CONSULTATIONS)],
                         "known_at": [AS_OF] * CONSULTATIONS, "subject": ["food.expired"] * CONSULTATIONS, "participants": [["食品流通科", "新华街道市场监管所"]] * CONSULTATIONS},
                        schema_overrides={"known_at": pl.Datetime("us", "UTC")})
    keep(house.warehouse, half_year(), AS_OF, writes=[Write("consultation", held)], table=False)
    return house


def at(day: date) -> datetime:
    """Noon of a day in Beijing."""
    return moment(day, 12)
