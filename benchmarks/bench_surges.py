"""Count detectors against simulators whose truth is known: power at equal false-alarm rate, calibration, cost.

    python benchmarks/bench_surges.py [--seed 1] [--per-scenario 20] [--seeds 2] [--output FILE]

weekly: the 42 scenarios of Noufaily et al. 2013 (log-linear, trend, up to two harmonics, negative binomial; four past outbreaks, one current).
sparse: 50 problems x 100 streets, 220 records a day, 200 outbreaks of 5-12 records in the last four weeks. Beside each an oracle that knows every mean
and dispersion. Writes a Markdown table.
"""
import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.count_tails import mid_tail
from models.surges import FarringtonFlexible, SurgeDetector

WEEKS, TESTED = 624, 49
SETS = np.array([[.1, .0025, .6, .6, 1.5], [-2, .005, .1, .3, 2], [1.5, .003, .2, -.4, 1], [.5, .002, .5, .5, 5], [2.5, .001, 1, .1, 3],
                 [3.75, .001, .1, -.1, 1.1], [5, .0001, .05, .01, 1.2]])             # theta, beta, gamma1, gamma2, dispersion


def counts_of(rng, mu, phi):
    return rng.poisson(mu) if phi == 1 else rng.negative_binomial(mu / (phi - 1), 1 / phi)


def outbreak(rng, start, scale, mu, phi):
    """Counts (WEEKS,) of an outbreak: Poisson(scale x standard deviation) cases, at least two, log-normal delays."""
    size = 0
    while size < 2:
        size = rng.poisson(scale * np.sqrt(phi * mu[start]))
    when = start + np.floor(rng.lognormal(0, .5, size)).astype(int)
    out = np.zeros(WEEKS, int)
    np.add.at(out, np.minimum(when, WEEKS - 1), 1)
    return out


def weekly_world(seed, n):
    """(counts without and with the current outbreak, the outbreak, means, dispersions); arrays (WEEKS, series)."""
    rng, t = np.random.default_rng(seed), np.arange(1, WEEKS + 1)
    base, now, means, phis = [], [], [], []
    for theta, beta, g1, g2, phi in SETS:
        for trend in (0, 1):
            for harmonics in (0, 1, 2):
                wave = sum((g1 * np.cos(2 * np.pi * j * t / 52) + g2 * np.sin(2 * np.pi * j * t / 52) for j in range(1, harmonics + 1)), 0 * t)
                mu = np.exp(theta + beta * t * trend + wave)
                for _ in range(n):
                    past = sum(outbreak(rng, s, rng.choice([2, 3, 5, 10]), mu, phi) for s in rng.integers(312, 575, 4))
                    past[-TESTED:] = 0
                    base.append(counts_of(rng, mu, phi) + past)
                    now.append(outbreak(rng, int(rng.integers(WEEKS - TESTED, WEEKS)), rng.integers(1, 11), mu, phi))
                    means.append(mu)
                    phis.append(phi)
    base, now = np.array(base).T, np.array(now).T
    return base, base + now, now, np.array(means).T, np.array(phis)


def weekly(seed, n):
    base, with_, now, mu, phi = weekly_world(seed, n)
    at = np.arange(WEEKS - TESTED, WEEKS)
    window = lambda x, w: sum(x[at - i] for i in range(w))
    oracle = lambda y: np.minimum(*(mid_tail(window(y, w), window(mu, w), phi) for w in (1, 2)))
    farrington = FarringtonFlexible(years_back=5, half_window=3, n_periods=10, recent_excluded=26, threshold_method="nbPlugin", min_cases=(0, 4))
    methods = {"oracle": oracle, "SurgeDetector": lambda y: SurgeDetector(freq="W").p_values(y, at),
               "farringtonFlexible": lambda y: np.nan_to_num(farrington.detect(y, at).p_value, nan=1.)}
    live = now[at] > 0
    for name, f in methods.items():
        began = time.perf_counter()
        p0, p1 = f(base), f(with_)
        cost = (time.perf_counter() - began) / p0.size / 2 * 1e6
        hit = (p1 < np.quantile(p0, .005)) & live
        any_ = live.any(0)
        first = hit[live.argmax(0), np.arange(len(any_))][any_].mean()
        yield "weekly, FPR .005", name, f"POD {hit.any(0)[any_].mean():.3f}, first week {first:.3f}", share(p0), f"{cost:.1f} us a cell"


def sparse_world(rng, days=730, tested=28):
    day = np.arange(days)
    leaf = np.outer(rng.lognormal(0, 1, 50), rng.lognormal(0, .7, 100)) * rng.lognormal(0, .8, (50, 100))
    week = np.exp(.15 * rng.standard_normal((50, 7)))
    season = 1 + rng.uniform(0, .6, (50, 1)) * np.cos(2 * np.pi * (day - rng.uniform(0, 365, (50, 1))) / 365)
    mu = (leaf[:, :, None] * (season * week[:, day % 7])[:, None, :]).reshape(5000, days).T
    mu *= 220 / mu.sum(1).mean()
    y = rng.negative_binomial(mu / .3, 1 / 1.3)
    new = np.zeros((tested, 5000), int)
    for j in rng.choice(5000, 200, replace=False):
        np.add.at(new, (rng.integers(0, tested - 7) + rng.integers(0, 7, rng.choice([5, 7, 9, 12])), j), 1)
    with_ = y.copy()
    with_[-tested:] += new
    return mu, y, with_, new


def sparse(seed):
    mu, base, with_, new = sparse_world(np.random.default_rng(seed))
    at = np.arange(len(mu) - len(new), len(mu))
    groups = np.stack([np.repeat(np.arange(50), 100), np.tile(np.arange(100), 50)], 1)
    window = lambda x, w: sum(x[at - i] for i in range(w))
    methods = {"oracle": lambda y: np.minimum.reduce([mid_tail(window(y, w), window(mu, w), 1.3) for w in (1, 2, 3, 5, 7)]),
               "SurgeDetector": lambda y: SurgeDetector().p_values(y, at, groups=groups)}
    for name, f in methods.items():
        began = time.perf_counter()
        p0, p1 = f(base), f(with_)
        cost = (time.perf_counter() - began) / 2
        least = np.sort(np.where(window(base, 28) >= 5, p0, 1).min(0))[8]          # eight leaves speak in four weeks: two a week
        hit = (np.where(window(with_, 28) >= 5, p1, 1) < least) & (np.cumsum(new, 0) > 0)
        planted = new.any(0)
        yield "sparse, 2 false alarms a week", name, f"POD {hit.any(0)[planted].mean():.3f}", share(p0), f"{cost:.1f} s for 28 days"


def share(p0):
    return ", ".join(f"{(p0 < level).mean() / level:.2f}" for level in (.01, .001))


def speed(seed):
    rng = np.random.default_rng(seed)
    y = rng.poisson(rng.gamma(.3, .15, 3000), (730, 3000))
    groups = np.stack([np.arange(3000) % 60, np.arange(3000) // 60], 1)
    SurgeDetector().detect(y, [729], groups=groups)
    for name, g in (("with groups", groups), ("without groups", None)):
        began = time.perf_counter()
        SurgeDetector().detect(y, [729], groups=g)
        yield "one night, 3,000 series x 730 days", f"SurgeDetector, {name}", "", "", f"{time.perf_counter() - began:.2f} s"


def main():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--per-scenario", type=int, default=20)
    a.add_argument("--seeds", type=int, default=2, help="of the sparse world")
    a.add_argument("--output", type=Path)
    a = a.parse_args()
    lines = ["| benchmark | method | found | null share below .01, .001 over nominal | cost |", "|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for rows in (weekly(a.seed, a.per_scenario), *(sparse(a.seed + i) for i in range(a.seeds)), speed(a.seed)):
        for row in rows:
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    if a.output:
        a.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
