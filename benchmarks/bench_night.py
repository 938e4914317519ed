"""A night of 60,000 new records against the obvious script: time and peak memory.

    python -m benchmarks night            or            python -m benchmarks.bench_night [--own-days 60]

Once on a district's year (86,000 records, which such a city has in a day and a half), and once on so many days of the city's own, 60,000 each: a night reads the new
and what it touches, the script all it has. With sixty days what is open to linking is full, and a night's work grows no more; they take half an hour, most of it
the script's, and 13 GiB of memory for it.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from flows.demo.city import City

NIGHT = date(2026, 6, 16)
NEW = 60_000
CLEAN = {"dirt": False}
TIMES_FASTER = 10


def files(folder: Path, new: int = NEW) -> tuple[list[Path], Path]:
    """A district's year as it would be exported, and one day of a city as the night's file, both in the headers of the first source."""
    history = City(seed=4, start=NIGHT - timedelta(days=365), months=13, folder=folder / "history", **CLEAN).history(NIGHT - timedelta(days=1))
    whole = City(size="burst", seed=5, start=NIGHT, months=1, folder=folder / "night", **CLEAN).night(NIGHT)
    day = pl.concat([pl.read_csv(p, infer_schema=False) for p in whole if p.suffix == ".csv"], how="diagonal").head(new)
    day = day.with_columns((pl.lit("9") + pl.col("工单编号")).alias("工单编号"))
    night = folder / "night.csv"
    day.write_csv(night)
    return list(history), night


def measured(command: list[str], env: dict[str, str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory of the process in MiB, and what it printed."""
    code = ("import os,resource,subprocess,sys;p=subprocess.run(sys.argv[1:],capture_output=True,text=True);"
            "print(p.stdout+p.stderr);print('PEAK',resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);sys.exit(p.returncode)")
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, *command], env=env, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode not in (0, 3):
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    said, _, peak = done.stdout.rpartition("PEAK ")
    return seconds, int(peak) / 1024, said


def stages(said: str) -> str:
    """The line of a command's report that says what its stages took, in seconds; what came before and after the run is not in it."""
    return next((line for line in said.splitlines() if re.match(r"[\d.]+ s: ", line)), "")


def own_days(folder: Path, night: Path, days: int) -> list[Path]:
    """Exports of so many days before NIGHT, each as large as the night: its rows drawn again, with numbers and words of their own."""
    day, made = pl.read_csv(night, infer_schema=False), []
    for back in range(days, 0, -1):
        date_ = NIGHT - timedelta(days=back)
        drawn = day[np.sort(np.random.default_rng(date_.toordinal()).integers(day.height, size=day.height))]
        number = pl.lit(f"8{date_:%Y%m%d}") + pl.int_range(day.height).cast(pl.String).str.zfill(10)
        made.append(folder / f"{date_}.csv")
        drawn.with_columns(number.alias("工单编号"), (pl.lit(str(date_)) + pl.col("来电时间").str.slice(10)).alias("来电时间"),
                           (pl.col("问题描述") + pl.lit("编") + number).alias("问题描述")).write_csv(made[-1])
    return made


def against(what: str, ours: list[str], theirs: list[str], env: dict[str, str]) -> None:
    """Runs both and prints their figures."""
    t, peak, said = measured(ours, env)
    print(f"weisu, {NEW} new records on {what}: {t:.0f} s, {peak:.0f} MiB")
    print(f"  stages: {stages(said)}", flush=True)
    t2, peak2, said = measured(theirs, env)
    print(f"the obvious script: {t2:.0f} s, {peak2:.0f} MiB   {said.strip()[-60:]}")
    print(f"ratio (obvious / weisu): time {t2 / t:.2f}, memory {peak2 / peak:.2f}   (at least {TIMES_FASTER} in time: {t2 / t >= TIMES_FASTER})", flush=True)


def main() -> None:
    from benchmarks.bench_years import base_records, write_history
    from flows.running import House
    from warehouse.settings import Settings
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--own-days", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        history, night = files(folder)
        env = {**os.environ, "WEISU_HOME": str(folder / "weisu"), "WEISU_DATABASE_URL": "", "PREFECT_HOME": str(folder / "prefect"), "WEISU_SECRET": "bench",
               "WEISU_LANG": "en"}
        weisu, script = [sys.executable, "-m", "flows"], [sys.executable, "-m", "benchmarks.obvious"]
        tonight = [*weisu, "nightly", "--source", "market_supervision", "--input", str(night), "--date", str(NIGHT)]
        t, peak, _ = measured([*weisu, "ingest", *map(str, history), "--source", "market_supervision", "--history", "--date", str(NIGHT - timedelta(days=1))], env)
        print(f"history, {len(history)} files: {t:.0f} s, {peak:.0f} MiB")
        quiet = folder / "none.csv"
        quiet.write_text(night.open(encoding="utf-8").readline(), encoding="utf-8")
        t, peak, _ = measured([*weisu, "nightly", "--source", "market_supervision", "--input", str(quiet), "--date", str(NIGHT - timedelta(days=1))], env)
        print(f"the night that works the history: {t:.0f} s, {peak:.0f} MiB")
        against("a district's year", tonight, [*script, *map(str, history), str(night)], env)
        home = folder / "city"
        house = House.open(Settings(home=home, database_url="", secret="bench"))
        write_history(house, base_records(house, night), given.own_days, NEW)
        house.warehouse.close()
        against(f"{given.own_days} days of its own", tonight, [*script, *map(str, own_days(folder, night, given.own_days)), str(night)], {**env, "WEISU_HOME": str(home)})


if __name__ == "__main__":
    main()
