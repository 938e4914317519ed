"""Real shocks and a real new category, night by night: what would the list have said?

    python -m benchmarks shocks           or        python -m benchmarks.bench_shocks [--data DIR] [--only queens|zurich]

`queens_311`: tropical storms Henri (2021-08-21/22) and Ida (2021-09-01/02), nights of 2021-08-15 to 09-10. `zurich`: the category that began in July 2019,
nights of 2019-07-08 to 08-11. Each night gets the records of its day; what was before is one history. The data are not part of the project.
"""
import argparse
import os
import tempfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl

QUEENS = (date(2021, 8, 15), date(2021, 9, 10))
STORMS = [(date(2021, 8, 21), date(2021, 8, 25)), (date(2021, 9, 1), date(2021, 9, 7))]
ZURICH = (date(2019, 7, 8), date(2019, 8, 11))
ZURICH_MAPPING = """
source: zurich
version: 1
name: {zh: 苏黎世, en: Zürich}
language: en
time_zone: Europe/Zurich
pack: null
problems: category
place: {fine: street, coarse: district, default_city: Zürich}
files: ["zurich*"]
format: auto
encodings: [utf-8]
datum: WGS-84
columns:
  source_record_id: {headers: [id]}
  created_at: {headers: [date], formats: ["%Y-%m-%d"]}
  source_category_1: {headers: [category], required: true}
  content: {from: [source_category_1]}
  street: {headers: [cell]}
  district: {headers: [city]}
delivers: daily
link_window_days: 60
"""


def queens(data: Path) -> pl.DataFrame:
    frame = pl.read_csv(data / "queens_311_2020_2021.csv.gz", infer_schema=False)
    return frame.with_columns(pl.col("Created Date").str.to_datetime("%m/%d/%Y %I:%M:%S %p").dt.date().alias("_day"))


def zurich(data: Path) -> pl.DataFrame:
    frame = pl.read_parquet(data / "zurich_2016_2021.parquet").with_row_index("id", offset=1)
    cell = pl.concat_str((pl.col("e") // 1000).cast(pl.Int64), pl.lit("-"), (pl.col("n") // 1000).cast(pl.Int64))
    return frame.select(pl.col("id").cast(pl.String), pl.col("date").cast(pl.String), pl.col("service_code").alias("category"), cell.alias("cell"),
                        pl.lit("Zürich").alias("city"), pl.col("date").alias("_day"))


def replay(name: str, source: str, frame: pl.DataFrame, first: date, last: date, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Runs the nights; (warnings, notices, runs) as the views have them."""
    from flows.nightly import LAST, ingest, nightly
    from warehouse.settings import Settings
    from warehouse.store import Warehouse

    def file(part: pl.DataFrame, stem: str) -> str:
        path = folder / f"{stem}.csv"
        part.drop("_day").write_csv(path)
        return str(path)

    ingest(inputs={source: [file(frame.filter(pl.col("_day") < first), f"{name}-history")]}, date=first - timedelta(days=1), history=True)
    day = first
    while day <= last:
        nightly(inputs={source: [file(frame.filter(pl.col("_day") == day), f"{name}-{day}")]}, date=day)
        day += timedelta(days=1)
        LAST.clear()
    house = Warehouse(Settings())
    try:
        return tuple(house.read(f"select * from {view}") for view in ("v_warnings", "v_notices", "v_runs"))  # type: ignore[return-value]
    finally:
        house.close()


def told(warnings: pl.DataFrame, notices: pl.DataFrame, runs: pl.DataFrame) -> float:
    for w in warnings.sort("raised_on", "warning_id").iter_rows(named=True):
        print(f"  {w['raised_on']}  {w['kind']:9} {w['level']:7} {w['title']}")
    for n in notices.filter(pl.col("kind") != "data").sort("raised_on", "notice_id").iter_rows(named=True):
        print(f"  {n['raised_on']}  notice    {n['kind']:13} {n['summary']}")
    expected = runs.filter(pl.col("kind") == "nightly")["expected_false_alarms"].sum()
    print(f"  expected false alarms over these nights: {expected:.2f}")
    return float(expected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", choices=["queens", "zurich"])
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"left out: no data in {given.data}")
        return
    for name in [given.only] if given.only else ["queens", "zurich"]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            os.environ.update(WEISU_HOME=str(folder / "weisu"), WEISU_SECRET="bench", WEISU_LANG="en", WEISU_DATABASE_URL="")
            print(f"{name}:")
            if name == "queens":
                warnings, notices, runs = replay(name, "nyc_311", queens(given.data), *QUEENS, folder)
                expected = told(warnings, notices, runs)
                for storm, (a, b) in zip(("Henri", "Ida"), STORMS, strict=True):
                    first = warnings.filter(pl.col("raised_on").is_between(a, b))["raised_on"].min()
                    print(f"  {storm}: {first if first else 'missed'}")
                other = warnings.filter(~pl.any_horizontal(*(pl.col("raised_on").is_between(a, b) for a, b in STORMS)))
                print(f"  alarms on other nights: {other.height}, at most {max(1, 2 * expected):.1f}")
            else:
                (folder / "weisu" / "sources").mkdir(parents=True)
                (folder / "weisu" / "sources" / "zurich.yaml").write_text(ZURICH_MAPPING, encoding="utf-8")
                warnings, notices, runs = replay(name, "zurich", zurich(given.data), *ZURICH, folder)
                told(warnings, notices, runs)
                new = warnings.filter(pl.col("problem_code").str.ends_with("Schädlinge"))
                print(f"  warnings about the new category: {new.height}, all: {warnings.height}")


if __name__ == "__main__":
    main()
