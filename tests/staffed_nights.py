"""Thirty nights of the demo city with staff answering, below the flow: counts and matters from the truth's records, warnings, verdicts and ranking for real."""
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from flows.demo.city import City
from flows.detect import CELL_RESULT, OPEN_DAYS, find_signals
from flows.feedback import Feedback, feedback
from flows.life import tend
from flows.night import earlier_warnings
from flows.places import places_of
from flows.warn import tell
from models.surges import SurgeDetector
from policy.calendar import holidays
from policy.lifecycle import OPEN, Given
from policy.taxonomy import taxonomy
from policy.units import units
from sources.mapping import load_mappings
from transforms.counts import matrix
from transforms.entities import normalise_respondent
from transforms.matters import find_matters
from warehouse.publication import Publication, Write
from warehouse.store import Warehouse
from warehouse.warning_work import act

PLACE = places_of(load_mappings(), ["market_supervision"])[0]
START, FIRST, NIGHTS = date(2026, 4, 1), date(2026, 6, 1), 30
ZONE = ZoneInfo("Asia/Shanghai")
#: False alarms that the list may hold each night: thirty, so that it matters what stands first.
BUDGET = 30.0
#: So many warnings are answered each morning, whichever they are.
ANSWERED = 8
_MOMENT = pl.Datetime("us", "UTC")


def as_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), ZONE).astimezone(ZoneInfo("UTC")) - timedelta(microseconds=1)


@dataclass(frozen=True)
class Town:
    """A city's records as a night works them (incidents as planted), and the p-values of every watched cell on each night."""

    records: pl.DataFrame
    cells: dict[date, pl.DataFrame]

    @property
    def days(self) -> list[date]:
        return [FIRST + timedelta(days=n) for n in range(NIGHTS)]


def town_of(seed: int) -> Town:
    truth = City(seed=seed, start=START, months=3, dirt=False).truth
    table = units("tongzhou")
    codes = {table.street_name(c): c for c in table.street_codes()}
    names = {c: taxonomy().problem(c).name_zh for c in truth.records["type_code"].unique() if taxonomy().problem(c)}
    text = lambda c: pl.lit(None, pl.String).alias(c)
    records = truth.records.filter(pl.col("created_at").dt.date() < FIRST + timedelta(days=NIGHTS)).select(
        pl.concat_str(pl.lit("market_supervision:"), "source_record_id").alias("record_id"), pl.lit("market_supervision").alias("source_id"),
        text("title"), pl.concat_str("type_code", pl.lit(" "), "source_record_id").alias("content"), pl.col("created_at").dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC"),
        pl.col("created_at").dt.date().alias("local_date"), pl.col("source_record_id").alias("row_hash"), pl.col("caller").cast(pl.String).alias("caller_key"),
        pl.col("street").replace_strict(codes, default=None, return_dtype=pl.String).alias("street_code"), pl.col("type_code").alias("problem_code"),
        pl.col("type_code").replace_strict(names, default=None, return_dtype=pl.String).alias("problem_name"), pl.col("respondent").cast(pl.String).alias("respondent_name"),
        pl.col("street").alias("fine_place"), pl.lit("通州区").alias("coarse_place"), pl.lit("complaint").alias("record_type"), pl.lit("open").alias("status"),
        pl.lit("北京市").alias("city"), pl.lit("通州区").alias("district"), "incident_id",
        *(pl.lit(None, _MOMENT).alias(c) for c in ("due_at", "signed_at", "first_reply_at")))
    records = records.with_columns(pl.col("created_at").alias("first_known_at"), normalise_respondent(records["respondent_name"]).alias("respondent_key"))
    return Town(records.sort("created_at", "record_id"), _cells(records))


def _cells(records: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """As `flows.detect.cells_tonight` has them, of all nights at once: what is said of a day uses the days before it only."""
    counts = records.group_by("problem_code", "fine_place", "coarse_place", pl.col("local_date").alias("date")).agg(pl.len().cast(pl.Int64).alias("n"))
    days = [FIRST + timedelta(days=n) for n in range(NIGHTS)]
    parts: dict[date, list[pl.DataFrame]] = {d: [] for d in days}
    for level, by in (("fine", ["problem_code", "fine_place", "coarse_place"]), ("coarse", ["problem_code", "coarse_place"])):
        whole = matrix(counts.filter(pl.col("fine_place").is_not_null()), by, START, days[-1])
        factors = [whole.series[c].rank("dense").to_numpy().astype(int) - 1 for c in by]
        at = np.array([(d - START).days for d in days])
        found = SurgeDetector().detect(whole.counts, at=at, holidays=np.asarray(holidays(whole.days, PLACE.region), bool), groups=np.stack(factors, 1))
        series = whole.series if level == "fine" else whole.series.with_columns(pl.lit(None, pl.String).alias("fine_place"))
        for n, day in enumerate(days):
            rows = series.with_columns(
                pl.lit(level).alias("level"), pl.Series("observed_day", whole.counts[at[n]].astype(np.int64)), pl.Series("expected_day", found.expected_day[n]),
                pl.Series("observed", found.observed_window[n]), pl.Series("expected", found.expected_window[n]), pl.Series("p_value", found.p_value[n]),
                pl.Series("window", found.window[n].astype(np.int32)),
                pl.concat_str("problem_code", pl.lit("@"), pl.concat_str("coarse_place", "fine_place", separator="/", ignore_nulls=True)).alias("series_id"))
            # Of two months nothing is to be said of slow rises.
            lacking = {c: t for c, t in CELL_RESULT.items() if c not in rows.columns}
            parts[day].append(rows.with_columns(pl.col("expected_day", "expected", "p_value").fill_nan(None), **{c: pl.lit(None, t) for c, t in lacking.items()})
                              .select(list(CELL_RESULT)))
    return {d: pl.concat(p, how="vertical_relaxed").sort("series_id") for d, p in parts.items()}


@dataclass(frozen=True)
class Night:
    """What a night left: every open warning (a row each), its records, and its order with and without what staff had said."""

    day: date
    open: pl.DataFrame
    behind: pl.DataFrame
    ranking: list[str]
    untaught: list[str]


def nights(town: Town, house: Warehouse, stop_after: int = NIGHTS) -> Iterator[Night]:
    """Plays the nights in a house; each morning staff answer some of the open warnings, whichever a fixed lot says, with what is true."""
    settings = house.settings.model_copy(update={"max_warnings": 500})
    for n, day in enumerate(town.days[:stop_after]):
        moment, run_id = as_of(day), f"r{n}"
        known = feedback(house, PLACE, day, moment, settings)
        seen = town.records.filter((pl.col("local_date") <= day) & (pl.col("local_date") > day - timedelta(days=OPEN_DAYS)))
        cells = town.cells[day]
        found = find_signals(cells, seen, day, BUDGET * 7, cells.filter(pl.col("level") == "fine").height, ())
        earlier, behind = earlier_warnings(house, PLACE, day, moment, settings.watch_days)
        matters = find_matters(found.signals, found.members, seen.select("record_id", "problem_code", "fine_place", "coarse_place", "respondent_key", "incident_id"), found.streets)
        told = tell(matters, seen, earlier, behind, found.q_values, PLACE, day, moment, run_id, settings.max_warnings, (), settings.watch_days, known.worth)
        tended = tend(told, earlier, behind, seen, house, PLACE, day, moment, run_id, settings)
        ranked = known.ranked(tended.open, PLACE, moment, run_id)
        plain = Feedback(known.judged.clear(), day).ranked(tended.open, PLACE, moment, run_id)
        house.publish(Publication({"run_id": run_id, "kind": "nightly", "run_date": day, "as_of": moment, "outcome": "ok"}, known_to=moment, writes=[
            Write("warning", tended.warnings, "upsert"), Write("warning_record", told.records, "replace", ("warning_id",)),
            Write("warning_event", tended.events, "ignore"), Write("outbox", tended.outbox, "ignore"), Write("ranking", ranked, "replace", ("date", "place_key"))]))
        now = house.select("warning", f"status in ({', '.join(repr(s) for s in OPEN)})")
        records = house.read("warning_record").join(now.select("warning_id"), on="warning_id", how="semi")
        yield Night(day, now, records, ranked["warning_id"].to_list(), plain["warning_id"].to_list())
        _answer(house, now, matter_of(town, records), moment + timedelta(hours=9))


def matter_of(town: Town, behind: pl.DataFrame) -> dict[str, str | None]:
    """Which planted matter each warning is about (half of its records, or five of them and three in ten are its): None where it is about none."""
    own = behind.join(town.records.select("record_id", "incident_id"), on="record_id", how="left")
    size = own.group_by("warning_id").agg(pl.len().alias("n"))
    most = own.filter(pl.col("incident_id").is_not_null()).group_by("warning_id", "incident_id").len("k").sort("k", "incident_id", descending=[True, False]).unique(
        "warning_id", keep="first", maintain_order=True).join(size, on="warning_id")
    share = pl.col("k") / pl.col("n")
    about = dict(most.filter((share >= 0.5) | ((pl.col("k") >= 5) & (share >= 0.3))).select("warning_id", "incident_id").iter_rows())
    return {w: about.get(w) for w in size["warning_id"].to_list()}


def _answer(house: Warehouse, now: pl.DataFrame, about: dict[str, str | None], moment: datetime) -> None:
    lot = sorted(now["warning_id"].to_list(), key=lambda w: blake2b(f"{w}{moment}".encode()).hexdigest())
    for n, warning_id in enumerate(sorted(lot[:ANSWERED])):
        verdict = "confirmed" if about.get(warning_id) else "unfounded"
        act(house.engine, warning_id, "close", Given(unit="SEC-DISPATCH", verdict=verdict, measures="已核查"), moment + timedelta(seconds=n), "desk")


def average_precision(order: list[str], right: set[str]) -> float:
    """Mean of the precision at each right one's place in the order."""
    hits = [k for k, w in enumerate(order, 1) if w in right]
    return float(np.mean([(n + 1) / k for n, k in enumerate(hits)])) if hits else float("nan")
