"""The same night after a short and after a long history: seconds of its stages and peak memory, which may differ by a fifth.

    python -m benchmarks years            or            python -m benchmarks.bench_years [--days 60,1095] [--daily 10000]

The histories are written as nights leave them, month by month, straight into the warehouse: revisions in the lake, records worked with
codes and incidents, what linking keeps of their texts, counts, ninety days of series, batches with profiles, closed warnings. The days that both have are the same.
"""
import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.bench_night import NIGHT, files, measured
from expectations.profile import column_profile
from flows.classify import known_problems
from flows.intake import Delivery, take_in
from flows.link import AT_ONCE, Links
from flows.night import RECORD_ROW
from flows.places import places_of
from flows.problem_decisions import NOTHING_KNOWN
from flows.running import House
from flows.version import weisu_version
from models.incident_corpus import texts_of
from transforms.canonical import LATER, MOMENT
from warehouse.journal import WORKED
from warehouse.lake import COUNTS, REVISIONS
from warehouse.publication import LakeWrite, Publication, Write
from warehouse.settings import Settings

SOURCE = "market_supervision"
#: Beside the problems of the taxonomy, so many rare ones; their share of the records.
RARE_PROBLEMS, RARE_SHARE = 150, 0.3
#: Of three records two stand alone; the others are about matters of a place, a problem and a week.
ALONE = 2 / 3
WARNINGS_A_DAY = 9
SERIES_DAYS = 90
#: What is open to linking: the place's window of days.
OPEN_DAYS = 90
LIMIT = 1.2


def base_records(house: House, night: Path) -> pl.DataFrame:
    """A day of a city as `record` has it, to draw from."""
    landed = [house.warehouse.landing.land(night, SOURCE, received_at=datetime(2026, 7, 1, tzinfo=UTC))]
    intake = take_in(house.mappings[SOURCE], Delivery(SOURCE, (night,)), landed, b"bench")
    (place,) = places_of(house.mappings, [SOURCE])
    return known_problems(place.with_places(intake.sound), place, NOTHING_KNOWN).filter(pl.col("problem_code").is_not_null())


def month_of(base: pl.DataFrame, days: Sequence[date], daily: int) -> pl.DataFrame:
    """The records of some days: each day's depend on that day alone."""
    return pl.concat(_day_of(base, day, daily) for day in days)


def _day_of(base: pl.DataFrame, day: date, daily: int) -> pl.DataFrame:
    random = np.random.default_rng(day.toordinal())
    n = random.poisson(daily)
    drawn = base[np.sort(random.integers(base.height, size=n))]
    rare = np.minimum(random.zipf(1.3, size=n), RARE_PROBLEMS)
    code = pl.when(pl.Series(random.random(n) < RARE_SHARE)).then(pl.lit(f"{SOURCE}:rare") + pl.Series(rare).cast(pl.String)).otherwise("problem_code")
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)
    number = pl.lit(f"8{day:%Y%m%d}") + pl.int_range(n).cast(pl.String).str.zfill(10)
    alone = pl.Series(random.random(n) < ALONE)
    matter = pl.concat_str(pl.lit(f"i{day.toordinal() // 7}"), "problem_code", "fine_place", pl.Series(random.integers(daily // 200 + 1, size=n)).cast(pl.String),
                           separator=".")
    later = {c: pl.lit(None, drawn.schema[c]).alias(c) for c in LATER}
    rows = drawn.with_columns(
        **later, source_record_id=number, record_id=pl.lit(f"{SOURCE}:") + number, row_hash=pl.lit("h") + number, status=pl.lit("open"),
        created_at=pl.lit(at, MOMENT) + (pl.col("created_at") - pl.col("created_at").dt.offset_by("8h").dt.truncate("1d").dt.offset_by("-8h")), local_date=pl.lit(day), source_updated_at=pl.lit(None, MOMENT),
        due_at=pl.lit(None, MOMENT), problem_code=code, content=pl.col("content") + pl.lit("编") + number)
    # As the clerk typed it: the texts of one day differ from those of the next.
    rows = rows.with_columns(pl.when(alone).then(None).otherwise(matter).alias("incident_id"), pl.col("caller_key") + pl.lit(str(day.toordinal() % 97)))
    known = pl.lit(datetime(day.year, day.month, day.day, 15, 59, 59, tzinfo=UTC), MOMENT)
    return rows.with_columns(
        known.alias("known_at"), known.alias("first_known_at"), pl.lit(1, pl.Int32).alias("revision_no"), pl.lit(1, pl.Int64).alias("worked_revision"),
        pl.lit(None, pl.String).alias("problem_id"), pl.lit([], pl.List(pl.String)).alias("flags"), pl.lit(f"n{day}").alias("run_id"))


def write_history(house: House, base: pl.DataFrame, days: int, daily: int) -> None:
    """Publishes so many days before NIGHT."""
    first = NIGHT - timedelta(days=days)
    profile = json.dumps(column_profile(base.head(daily)), ensure_ascii=False, sort_keys=True)
    watched = base.select("problem_code", "fine_place", "coarse_place").unique()
    for month in _months([first + timedelta(days=i) for i in range(days)]):
        rows = month_of(base, month, daily)
        counts = rows.group_by("source_id", "problem_code", "fine_place", "coarse_place", pl.col("local_date").alias("date"), "known_at").agg(
            pl.len().cast(pl.Int64).alias("n")).select(list(COUNTS))
        warnings, behind = _warnings(rows, month)
        # The journal as the nights leave it, each day's known at its own as-of.
        worked = rows.select(pl.col(c).cast(t) for c, t in WORKED.items()).with_columns(
            pl.lit(False).alias("gone"), rows["known_at"].dt.offset_by("999999us").alias("known_at"), pl.lit(1, pl.Int64).alias("night_no"))
        lake = [LakeWrite("revisions", SOURCE, rows.select(list(REVISIONS))), LakeWrite("counts", SOURCE, counts), LakeWrite("worked", SOURCE, worked)]
        lake += Links(texts=_texts(rows.filter(pl.col("local_date") >= NIGHT - timedelta(days=OPEN_DAYS)))).writes(first)
        writes = [Write("record", rows.select(RECORD_ROW)), Write("batch", _batches(month, daily, profile)), Write("warning", warnings),
                  Write("warning_record", behind), Write("series", _series(counts, watched, month))]
        nights = [{"run_id": f"n{d}", "kind": "nightly", "run_date": d, "as_of": datetime(d.year, d.month, d.day, 15, 59, 59, 999_999, tzinfo=UTC), "outcome": "ok",
                   "sources": [SOURCE], "version": weisu_version()} for d in month[:-1]]
        if nights:
            writes.append(Write("run", pl.DataFrame(nights, schema_overrides={"as_of": MOMENT})))
        end = datetime(month[-1].year, month[-1].month, month[-1].day, 15, 59, 59, 999_999, tzinfo=UTC)
        house.warehouse.publish(Publication(
            {"run_id": f"n{month[-1]}", "kind": "nightly", "run_date": month[-1], "as_of": end, "outcome": "ok", "sources": [SOURCE],
             "version": weisu_version(), "rows_read": rows.height, "accepted": rows.height, "quarantined": 0, "unchanged": 0}, [w for w in writes if not w.is_empty], lake, known_to=end))


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    """What linking keeps of these records' texts."""
    parts = [pl.concat([part.select("record_id", "row_hash", "source_id", "local_date"), texts_of(part.select("title", "content")).frame()], how="horizontal")
             for part in rows.iter_slices(AT_ONCE)]
    return pl.concat(parts) if parts else pl.DataFrame()


def _months(days: Sequence[date]) -> Iterator[list[date]]:
    for month in sorted({(d.year, d.month) for d in days}):
        yield [d for d in days if (d.year, d.month) == month]


def _batches(days: Sequence[date], daily: int, profile: str) -> pl.DataFrame:
    return pl.DataFrame([{
        "batch_id": f"n{d}/{SOURCE}", "run_id": f"n{d}", "source_id": SOURCE, "run_date": d, "as_of": datetime(d.year, d.month, d.day, 15, 59, 59, 999_999, tzinfo=UTC),
        "outcome": "ok", "is_history": False, "rows_read": daily, "accepted": daily, "quarantined": 0, "unchanged": 0, "not_records": 0, "codes": [],
        "findings": "[]", "profile": profile, "mapping_version": "1"} for d in days], schema_overrides={"as_of": MOMENT, "codes": pl.List(pl.String)})


def _warnings(rows: pl.DataFrame, days: Sequence[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Closed warnings, the largest incidents of each day, and their records."""
    told = rows.filter(pl.col("incident_id").is_not_null()).group_by("incident_id").agg(
        pl.len().cast(pl.Int64).alias("n_records"), pl.col("caller_key").n_unique().cast(pl.Int64).alias("n_callers"), pl.col("local_date").min().alias("first_seen"),
        pl.col("local_date").max().alias("last_seen"), pl.col("problem_code").first(), pl.col("problem_name").first(), pl.col("fine_place").first(),
        pl.col("coarse_place").first(), pl.col("title").first()).sort("n_records", "incident_id", descending=[True, False]).head(WARNINGS_A_DAY * len(days))
    evidence = [json.dumps({"subject": "incident", "respondent_key": None, "incidents": [i], "problems": [p], "signals": [f"incident:{i}"]}) for i, p in
                told.select("incident_id", "problem_code").iter_rows()]
    named = told.with_columns(pl.concat_str(pl.lit(f"W{days[0]:%y%m}"), "incident_id").alias("warning_id"), pl.Series("evidence", evidence, pl.String))
    warnings = named.with_columns(
        pl.col("first_seen").alias("raised_on"), pl.col("last_seen").alias("updated_on"), pl.col("last_seen").cast(MOMENT).alias("as_of"),
        pl.lit("incident").alias("kind"), pl.lit("blue").alias("level"), pl.lit("closed").alias("status"), pl.lit("confirmed").alias("verdict"),
        pl.col("title").fill_null("—"), pl.col("last_seen").alias("closed_on"), pl.lit("zh").alias("lang"), pl.lit("bench").alias("run_id"),
        pl.lit([SOURCE], pl.List(pl.String)).alias("source_ids"), pl.col("fine_place").alias("place"))
    behind = rows.join(named.select("incident_id", "warning_id"), on="incident_id").select(
        "warning_id", "record_id", pl.lit("member").alias("role"), "known_at", pl.col("local_date").alias("since")).unique(["warning_id", "record_id"])
    return warnings, behind


def _series(counts: pl.DataFrame, watched: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Every watched cell on the days that a night still keeps."""
    kept = [d for d in days if d >= NIGHT - timedelta(days=SERIES_DAYS)]
    seen = counts.group_by("problem_code", "fine_place", "coarse_place", "date").agg(pl.col("n").sum())
    return watched.join(pl.DataFrame({"date": kept}, schema={"date": pl.Date}), how="cross").join(
        seen, on=["problem_code", "fine_place", "coarse_place", "date"], how="left", nulls_equal=True).filter(pl.col("fine_place").is_not_null()).select(
        pl.concat_str("problem_code", pl.lit("@"), pl.concat_str("coarse_place", "fine_place", separator="/", ignore_nulls=True)).alias("series_id"), "date",
        "problem_code", pl.col("fine_place").alias("place"), pl.lit("fine").alias("level"), pl.col("n").fill_null(0).alias("observed"),
        pl.lit(0.5).alias("expected"), pl.lit(0.5).alias("p_value"), pl.lit(False).alias("alarm"), pl.lit(False).alias("kept"), pl.lit("bench").alias("run_id"))


def night_after(folder: Path, night: Path, days: int, daily: int) -> tuple[dict[str, float], float]:
    """(seconds by stage, peak MiB) of the night on a house with so many days."""
    home = folder / f"after-{days}"
    house = House.open(Settings(home=home, database_url=os.environ.get("WEISU_DATABASE_URL", ""), secret="bench"))
    write_history(house, base_records(house, night), days, daily)
    house.warehouse.close()
    delivered = home / "night.csv"
    pl.read_csv(night, infer_schema=False).sample(daily, seed=1).sort("来电时间").write_csv(delivered)
    env = {**os.environ, "WEISU_HOME": str(home), "PREFECT_HOME": str(folder / "prefect"), "WEISU_SECRET": "bench", "WEISU_LANG": "en"}
    _, peak, _ = measured([sys.executable, "-m", "flows", "nightly", "--source", SOURCE, "--input", str(delivered), "--date", str(NIGHT)], env)
    house = House.open(Settings(home=home, secret="bench"))
    row = house.warehouse.read("run").filter(pl.col("run_date") == NIGHT).row(-1, named=True)
    house.warehouse.close()
    print(f"after {days} days: {row['outcome']}, {row['rows_read']} rows, {row['n_warnings']} warnings, {row['reasons']}", flush=True)
    return json.loads(row["stages"]) if isinstance(row["stages"], str) else row["stages"], peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", default="30,1095")
    parser.add_argument("--daily", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # All of a day: a file that ends in the afternoon would be withheld.
        _, night = files(folder, new=10**6)
        told = {int(d): night_after(folder, night, int(d), given.daily) for d in given.days.split(",")}
    stages = list(dict.fromkeys(s for taken, _ in told.values() for s in taken))
    print("days".ljust(10) + "".join(s.rjust(10) for s in (*stages, "sum", "MiB")))
    for days, (taken, peak) in told.items():
        print(str(days).ljust(10) + "".join(f"{x:10.2f}" for x in (*(taken.get(s, 0.0) for s in stages), sum(taken.values()))) + f"{peak:10.0f}")
    (short, less), (long, more) = told[min(told)], told[max(told)]
    time, memory = sum(long.values()) / sum(short.values()), more / less
    print(f"ratio (after {max(told)} / after {min(told)} days): time {time:.2f}, memory {memory:.2f}   (at most {LIMIT}: {max(time, memory) <= LIMIT})")


if __name__ == "__main__":
    main()
