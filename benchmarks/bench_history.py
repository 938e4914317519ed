"""A history of a million records loaded at once: seconds and peak memory, which must stay below 2 GiB.

    python -m benchmarks history            or            python -m benchmarks.bench_history [--records N] [--files N]

One city's day is written again and again, with days, numbers and texts of its own, as monthly CSV files.
"""
import argparse
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks.bench_night import NIGHT, files, measured, stages

LIMIT_MIB = 2048
TIMES = ("来电时间", "派单时间", "签收时间", "办结时间", "回访时间", "更新时间")
FORM = "%Y-%m-%d %H:%M:%S"


def history(folder: Path, records: int, n_files: int) -> list[Path]:
    """CSV files of as many months before NIGHT, the records spread over their days."""
    _, night = files(folder)
    day = pl.read_csv(night, infer_schema=False)
    paths, done = [], 0
    for i in range(n_files):
        wanted = records * (i + 1) // n_files - done
        made = pl.concat([day] * -(-wanted // day.height)).head(wanted)
        made = made.with_columns(pl.int_range(done, done + wanted).alias("n"))
        # A month has 28 days here, the first of which is `back` days before the night.
        back = 28 * (n_files - i)
        shift = pl.duration(days=(pl.col("n") % 28) - back)
        made = made.with_columns(
            *((pl.col(c).str.to_datetime(FORM) + shift).dt.strftime(FORM).alias(c) for c in TIMES),
            (pl.lit("9") + pl.col("n").cast(pl.String).str.zfill(18)).alias("工单编号"),
            (pl.col("问题描述") + "单" + pl.col("n").cast(pl.String)).alias("问题描述")).drop("n")
        paths.append(folder / f"month-{i:02d}.csv")
        made.write_csv(paths[-1])
        done += wanted
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=12)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = history(folder, given.records, given.files)
        env = {**os.environ, "WEISU_HOME": str(folder / "weisu"), "PREFECT_HOME": str(folder / "prefect"), "WEISU_SECRET": "bench", "WEISU_LANG": "en",
               "WEISU_DATABASE_URL": os.environ.get("WEISU_DATABASE_URL", "")}
        until = NIGHT - timedelta(days=1)
        seconds, peak, said = measured([sys.executable, "-m", "flows", "ingest", *map(str, paths), "--source", "market_supervision", "--history",
                                        "--date", str(until)], env)
        print(f"{given.records} records in {len(paths)} files, {sum(p.stat().st_size for p in paths) / 2**20:.0f} MiB: {seconds:.0f} s, peak {peak:.0f} MiB")
        print(f"  stages: {stages(said)}")
        print(f"peak memory {'within' if peak <= LIMIT_MIB else 'ABOVE'} {LIMIT_MIB} MiB")


if __name__ == "__main__":
    main()
