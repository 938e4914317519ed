"""A night of 60,000 new records on top of a year of history, against the obvious script over the same files: time and peak memory.

  make bench            or            python -m benchmarks night
"""
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

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


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        history, night = files(folder)
        env = {**os.environ, "WEISU_HOME": str(folder / "weisu"), "WEISU_DATABASE_URL": "", "PREFECT_HOME": str(folder / "prefect"), "WEISU_SECRET": "bench",
               "WEISU_LANG": "en"}
        ours = [sys.executable, "-m", "flows"]
        t, peak, _ = measured([*ours, "ingest", *map(str, history), "--source", "market_supervision", "--history", "--date", str(NIGHT - timedelta(days=1))], env)
        print(f"history, {len(history)} files: {t:.0f} s, {peak:.0f} MiB")
        quiet = folder / "none.csv"
        quiet.write_text(night.open(encoding="utf-8").readline(), encoding="utf-8")
        t, peak, _ = measured([*ours, "nightly", "--source", "market_supervision", "--input", str(quiet), "--date", str(NIGHT - timedelta(days=1))], env)
        print(f"the night that works the history: {t:.0f} s, {peak:.0f} MiB")
        t, peak, said = measured([*ours, "nightly", "--source", "market_supervision", "--input", str(night), "--date", str(NIGHT)], env)
        print(f"weisu, {NEW} new records: {t:.0f} s, {peak:.0f} MiB")
        print(f"  stages: {stages(said)}")
        t2, peak2, said = measured([sys.executable, "-m", "benchmarks.obvious", *map(str, history), str(night)], env)
        print(f"the obvious script: {t2:.0f} s, {peak2:.0f} MiB   {said.strip()[-60:]}")
        print(f"ratio (obvious / weisu): time {t2 / t:.2f}, memory {peak2 / peak:.2f}   (at least {TIMES_FASTER} in time: {t2 / t >= TIMES_FASTER})")


if __name__ == "__main__":
    main()
