"""What comes every day: the plain stream, the small matters in it, copied complaints, and people who call again."""
from datetime import date

import numpy as np
import polars as pl

from flows.demo.drafts import DAY, day_number, drafts, moments
from flows.demo.ground import Ground
from flows.demo.rhythm import HOURS
from flows.demo.streams import stream

#: Over-dispersion (negative binomial sizes) of a whole day and of one cell.
DAY_SIZE, CELL_SIZE = 30.0, 10.0
REPEAT_SHARE, MINOR_A_MONTH, CAMPAIGNS_A_MONTH = 0.09, 40, 2
BUILDINGS = 18


def plain(ground: Ground, lam: np.ndarray, start: date, seed: int) -> pl.DataFrame:
    """The stream of unconnected records. `lam`: (n_days, n_streets, n_problems) expected counts."""
    rng = stream(seed, "stream")
    whole = np.asarray(rng.gamma(DAY_SIZE, 1 / DAY_SIZE, lam.shape[0]))
    counts = np.asarray(rng.poisson(lam * whole[:, None, None] * rng.gamma(CELL_SIZE, 1 / CELL_SIZE, lam.shape)))
    day, street, problem = np.nonzero(counts)
    times = counts[day, street, problem]
    day, street, problem = (np.repeat(x, times) for x in (day, street, problem))
    created = moments(rng, day + day_number(start), HOURS)
    return _against(ground, rng, created, street, problem)


def minor_matters(ground: Ground, lam: np.ndarray, start: date, seed: int, scale: float = 1.0) -> pl.DataFrame:
    """Small matters, some forty a month: two to six people about one respondent or estate within three weeks."""
    rng = stream(seed, "minor matters")
    n = int(rng.poisson(MINOR_A_MONTH * scale * lam.shape[0] / 30.4))
    return _matters(ground, lam, start, rng, n, rng.integers(2, 7, n), rng.uniform(2, 20, n), "minor", False)


def campaigns(ground: Ground, lam: np.ndarray, start: date, seed: int, scale: float = 1.0) -> pl.DataFrame:
    """One to three a month: 15–60 copies of one text within hours or days, from neighbours or from few phones."""
    rng = stream(seed, "campaigns")
    n = int(rng.poisson(CAMPAIGNS_A_MONTH * scale * lam.shape[0] / 30.4))
    found = _matters(ground, lam, start, rng, n, rng.integers(15, 61, n), np.exp(rng.uniform(np.log(0.1), np.log(3), n)), "copied", True)
    return found


def repeats(drafted: pl.DataFrame, seed: int, share: float = REPEAT_SHARE) -> pl.DataFrame:
    """The same caller on the same matter within fifteen days. `drafted`: with row positions in `told_like` where a text is shared."""
    rng = stream(seed, "repeats")
    able = np.flatnonzero(~drafted["is_campaign"].to_numpy() & ~drafted["is_claimant"].to_numpy() & drafted["headline"].not_().to_numpy())
    if not len(able):
        return drafted.clear().drop("headline")
    chosen = rng.choice(able, int(len(able) * share / (1 - share)), replace=False)
    chosen.sort()
    again = drafted.drop("headline")[chosen]
    later = (rng.exponential(4.0, len(chosen)).clip(0.2, 15) * DAY).astype(np.int64)
    created = again["created"].to_numpy() + later
    by_hour = moments(rng, created // DAY, HOURS)
    return again.with_columns(pl.Series("created", np.maximum(by_hour, again["created"].to_numpy() + 3600)),
                              pl.Series("told_like", chosen), pl.lit(True).alias("is_repeat"))


def _matters(ground: Ground, lam: np.ndarray, start: date, rng: np.random.Generator, n: int, sizes: np.ndarray, spans: np.ndarray,
             name: str, copied: bool) -> pl.DataFrame:
    """`n` matters of the city's usual problems, each with a size and a span of days."""
    if n == 0:
        return drafts(np.zeros(0, dtype=np.int64), street=0, problem=0)
    weight = lam.sum(0).ravel()
    weight = weight / weight.sum()
    cell = rng.choice(len(weight), n, p=weight)
    street, problem = cell // lam.shape[2], cell % lam.shape[2]
    first = rng.uniform(0, lam.shape[0], n)
    estate = ground.estate_in(street, rng.random(n))
    who = ground.respondent_for(problem, street, estate, rng)
    of = np.repeat(np.arange(n), sizes)
    days = (first[of] + rng.beta(1.2, 1.6, len(of)) * spans[of]).astype(np.int64)
    created = moments(rng, days + day_number(start), HOURS)
    few = (rng.random(n) < 0.5)[of] & copied
    caller = np.where(few, -2 - (of * 4 + rng.integers(0, 3, len(of))), -1)
    head = np.concatenate([[0], np.cumsum(sizes)[:-1]])[of]
    return drafts(created, street=street[of], problem=problem[of], estate=estate[of], respondent=who[of],
                  building=np.where(copied, rng.integers(1, 5, len(of)), rng.integers(1, BUILDINGS, n)[of]), caller=caller,
                  incident=np.array([f"{name}-{i + 1:04d}" for i in range(n)])[of], is_campaign=copied,
                  told_like=head if copied else -1, copies_all=copied)


def _against(ground: Ground, rng: np.random.Generator, created: np.ndarray, street: np.ndarray, problem: np.ndarray) -> pl.DataFrame:
    estate = ground.estate_in(street, rng.random(len(created)))
    return drafts(created, street=street, problem=problem, estate=estate, building=rng.integers(1, BUILDINGS, len(created)),
                  respondent=ground.respondent_for(problem, street, estate, rng))
