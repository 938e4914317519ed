"""A backfill with one worker and with two, one thread each: seconds of work, start-up left out, at a district's and at a city's pace.

    python -m benchmarks backfill            or            python -m benchmarks.bench_backfill [--days 365] [--daily 220,10000]

The days were run live by this version (written as nights leave them, see bench_years), so that stretches of them can be replayed side by side.
"""
import argparse
import os
import re
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks.bench_night import NIGHT, files, measured
from benchmarks.bench_years import base_records, write_history
from flows.running import House
from warehouse.settings import Settings

BEFORE = 60
GOAL = 1.7
CHILD = """
import sys, time
from datetime import date
from flows import runtime
runtime.prepare()
from prefect import task
from flows import backfill
first, last, workers, run_id = date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
flow = backfill.fanned_out(workers, None) if workers > 1 else backfill.backfill
worked = backfill._replayed

@task
def up(n):
    import flows.replay
    time.sleep(2)

def timed(run, *rest):
    # Workers and their servers are up before the clock starts.
    for future in [up.submit(n) for n in range(workers if workers > 1 else 0)]:
        future.wait()
    began = time.monotonic()
    told = worked(run, *rest)
    print("SECONDS", time.monotonic() - began)
    return told

backfill._replayed = timed
flow(first=first, last=last, source="market_supervision", known="then", run_id=run_id, stretch=workers)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--daily", default="220,10000")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _, night = files(folder, new=10**6)
        for daily in (int(d) for d in given.daily.split(",")):
            home = folder / f"pace-{daily}"
            house = House.open(Settings(home=home, database_url="", secret="bench"))
            write_history(house, base_records(house, night), given.days + BEFORE, daily)
            house.warehouse.close()
            env = {**os.environ, "WEISU_HOME": str(home), "WEISU_DATABASE_URL": "", "PREFECT_HOME": str(folder / "prefect"), "WEISU_SECRET": "bench", "WEISU_LANG": "en",
                   "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            took = {}
            for workers in (1, 2):
                command = [sys.executable, "-c", CHILD, str(NIGHT - timedelta(days=given.days)), str(NIGHT - timedelta(days=1)), str(workers), f"w{workers}"]
                _, peak, said = measured(command, env)
                took[workers] = float(re.findall(r"SECONDS ([\d.]+)", said)[-1])
                print(f"{given.days} days at {daily} a day, {workers} worker{'s' if workers > 1 else ''}: {took[workers]:.0f} s, {peak:.0f} MiB", flush=True)
            print(f"ratio {took[1] / took[2]:.2f}   (at least {GOAL}: {took[1] / took[2] >= GOAL})", flush=True)


if __name__ == "__main__":
    main()
