"""Does the list hold what it states? False alarms in null worlds beside the stated expectation.

    python -m benchmarks calibration       or       python -m benchmarks.bench_calibration [--worlds 200] [--signals FILE]

sparse: 5,000 daily series (problem x street), four weeks, a budget of two false alarms a week; in the second half of the worlds every leaf has a season and a
level shift of its own. weekly: the 42 scenarios of Noufaily 2013, 49 weeks. daily: the 16 signals of Noufaily 2019 with their outbreaks taken out, 343 days; left out
where the file is absent; in these two the line lies at one in a thousand. A false alarm is newly raised: flags of one series within seven days (two weeks) are one. What is
stated is the share `FIRST` of line times tests, as in a night's list.
"""
import argparse
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.bench_surges import TESTED, WEEKS, sparse_world, weekly_world
from models.surges import FIRST, SurgeDetector

GROUPS = np.stack([np.repeat(np.arange(50), 100), np.tile(np.arange(100), 50)], 1)
BUDGET, LEAST = 2 / 7 / 5000, 3
RARE = 1e-3
DAYS = 343


def raised(flag: np.ndarray, apart: int) -> int:
    """How many alarms the flags, bool `(n_rows, n_series)`, are: those of a series no more than `apart` rows after one another are one."""
    return sum(1 + int((np.diff(np.flatnonzero(flag[:, j])) > apart).sum()) for j in np.flatnonzero(flag.any(0)))


def own_ways(rng: np.random.Generator, mu: np.ndarray) -> np.ndarray:
    """The means with a season and a level shift of each leaf's own."""
    day = np.arange(len(mu))[:, None]
    n = mu.shape[1]
    mu = mu * (1 + rng.uniform(0, .7, n) * np.cos(2 * np.pi * (day - rng.uniform(0, 365, n)) / 365))
    return np.where(day >= rng.integers(60, len(mu) - 90, n), mu * np.exp(.6 * rng.standard_normal(n)), mu)


def sparse(seed: int, own: bool) -> tuple[int, int, float]:
    rng = np.random.default_rng(seed)
    mu, y, _, new = sparse_world(rng)
    if own:
        mu = own_ways(rng, mu)
        y = rng.negative_binomial(mu * 220 / mu.sum(1).mean() / .3, 1 / 1.3)
    found = SurgeDetector().detect(y, np.arange(len(y) - len(new), len(y)), groups=GROUPS)
    flag = (found.p_value <= BUDGET) & (found.observed_window >= LEAST)
    return int(flag.sum()), raised(flag, 7), FIRST["D"] * BUDGET * flag.size


def weekly(seed: int) -> tuple[int, int, float]:
    base, *_ = weekly_world(seed, 1)
    flag = SurgeDetector(freq="W").p_values(base, np.arange(WEEKS - TESTED, WEEKS)) <= RARE
    return int(flag.sum()), raised(flag, 2), FIRST["W"] * RARE * flag.size


def daily(path: Path) -> list[tuple[str, tuple[int, int, float]]]:
    d = pl.read_parquet(path).sort("signal", "sim", "day")
    days, names = d["day"].n_unique(), d.select("signal", "sim").unique(maintain_order=True)
    y = (d["total"] - d["outbreak"].clip(upper_bound=d["total"])).to_numpy().reshape(-1, days).T.astype(np.int64)
    closed = path.with_name("daily_bank_holidays.csv")
    off = pl.read_csv(closed)["bankhol"].to_numpy()[:days].astype(bool) if closed.is_file() else np.zeros(days, bool)
    flag = SurgeDetector().p_values(y, np.arange(days - DAYS, days), holidays=off) <= RARE
    apart = np.isin(names["signal"].to_numpy(), (5, 15))
    return [(name, (int(flag[:, k].sum()), raised(flag[:, k], 7), FIRST["D"] * RARE * flag[:, k].size))
            for name, k in (("daily, without signals 5 and 15", ~apart), ("daily, signals 5 and 15", apart))]


def main() -> None:
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--worlds", type=int, default=200)
    a.add_argument("--signals", type=Path, default=Path("../shared/golden/daily_signals.parquet"))
    a = a.parse_args()
    half = a.worlds // 2
    rows = [("sparse", np.sum([sparse(s, False) for s in range(half)], 0)), ("sparse, own ways", np.sum([sparse(s, True) for s in range(half, a.worlds)], 0)),
            ("weekly", np.sum([weekly(s) for s in range(a.worlds)], 0)), *(daily(a.signals) if a.signals.is_file() else [])]
    print("| null worlds | stated | flagged | newly raised | newly raised over stated |\n|---|---|---|---|---|")
    for name, (flagged, new, stated) in rows:
        print(f"| {name} | {stated:.0f} | {flagged:.0f} | {new:.0f} | {new / stated:.2f} |")


if __name__ == "__main__":
    main()
