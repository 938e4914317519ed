"""`make bench`: every benchmark in turn, its figures as a table on standard output."""
import runpy
import sys

BENCHES = ("benchmarks.bench_night", "benchmarks.bench_history", "benchmarks.bench_years", "benchmarks.bench_backfill",
           "benchmarks.bench_linking", "benchmarks.bench_surges", "benchmarks.bench_calibration", "benchmarks.bench_shocks")


def main() -> None:
    wanted = sys.argv[1:] or [b.rsplit("_", 1)[1] for b in BENCHES]
    sys.argv = sys.argv[:1]
    for name in BENCHES:
        if name.rsplit("_", 1)[1] in wanted:
            print(f"== {name}", flush=True)
            runpy.run_module(name, run_name="__main__")


if __name__ == "__main__":
    main()
