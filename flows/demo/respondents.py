"""Who is complained of: shops, restaurants, sellers, property companies, with a sign, a registered name, an address, a credit code."""
from dataclasses import dataclass

import numpy as np
import polars as pl

from flows.demo.lexicon import Lexicon
from flows.demo.streams import stream

KIND_SHARES = {"shop": 0.45, "restaurant": 0.22, "online": 0.10, "membership": 0.09, "property": 0.05, "platform": 0.02, "other": 0.07}
N_CHAINS = 30
_CODE_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@dataclass(frozen=True)
class Respondents:
    """`table`: one row a respondent, sorted by trade and street: respondent, trade, street, sign, company, short, branch, address,
    uscc, chain. `edges`: first row of each (trade, street) pool, `(n_trades, n_streets + 1)`. `mass`: cumulative weight, `(n + 1,)`."""

    table: pl.DataFrame
    edges: np.ndarray
    mass: np.ndarray

    def draw(self, trade: np.ndarray, street: np.ndarray, u: np.ndarray) -> np.ndarray:
        """A respondent of that trade in that street, the big ones more often. `u` in [0, 1). (int64)"""
        first, last = self.edges[trade, street], self.edges[trade, street + 1]
        low, high = self.mass[first], self.mass[last]
        return np.clip(np.searchsorted(self.mass, low + u * (high - low), side="right") - 1, first, last - 1)

    def pool(self, trade: int, street: int) -> range:
        return range(int(self.edges[trade, street]), int(self.edges[trade, street + 1]))


def make_respondents(lex: Lexicon, seed: int, total: int = 9000) -> Respondents:
    """Some `total` respondents over trades and streets; sizes are Pareto, so that few are named often."""
    rng = stream(seed, "respondents")
    n_of = _pool_sizes(lex, total)
    trade, street = (np.repeat(ids.ravel(), n_of.ravel()) for ids in np.indices(n_of.shape))
    n = len(trade)
    edges = np.zeros((len(lex.trades), len(lex.streets) + 1), dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(n_of.ravel())])
    edges[:, :-1] = starts[:-1].reshape(n_of.shape)
    edges[:, -1] = starts[len(lex.streets)::len(lex.streets)]
    weight = np.minimum((1 - rng.random(n)) ** (-1 / 1.3), 60.0)
    brands = np.array([a + b for a in lex.words["brand_heads"] for b in lex.words["brand_tails"]])
    brand = _brand_a_row(rng, trade, len(brands))
    chain = _chains(rng, lex, trade, street, brand, weight)
    where = pl.Series([s.short for s in lex.streets]).gather(street)
    sign = pl.Series(brands).gather(brand) + pl.Series([t.sign for t in lex.trades]).gather(trade)
    middle = pl.Series([a + b for a in "诚盛信隆聚宜合众" for b in "业通发达恒远立新"]).gather(brand % 64)
    company = "北京" + pl.Series(brands).gather(brand) + middle + pl.Series([t.company for t in lex.trades]).gather(trade) + "有限公司"
    road = pl.Series(lex.words["roads"]).gather((street * 3 + rng.integers(0, 5, n)) % len(lex.words["roads"]))
    address = road + pl.Series(rng.integers(1, 300, n)).cast(pl.String) + "号"
    table = pl.DataFrame({
        "respondent": np.arange(n), "trade": trade, "street": street, "sign": sign, "company": company,
        "short": company.str.strip_suffix("有限公司"), "branch": pl.select(pl.when(pl.Series(chain) >= 0).then(
            sign + "（" + where + "店）").otherwise(sign)).to_series(),
        "road": road, "address": address, "uscc": credit_codes(n), "chain": chain})
    return Respondents(table, edges, np.concatenate([[0.0], np.cumsum(weight)]))


def _pool_sizes(lex: Lexicon, total: int) -> np.ndarray:
    """How many of each trade there are in each street, at least one. (n_trades, n_streets)"""
    kinds = [t.kind for t in lex.trades]
    of_trade = np.array([total * KIND_SHARES[k] / kinds.count(k) for k in kinds])
    weights = np.array([s.weight for s in lex.streets])
    return np.maximum(1, np.rint(of_trade[:, None] * weights / weights.sum())).astype(np.int64)


def _brand_a_row(rng: np.random.Generator, trade: np.ndarray, n_brands: int) -> np.ndarray:
    """A brand for each respondent, none twice in a trade while the brands last."""
    brand = np.empty(len(trade), dtype=np.int64)
    for t in np.unique(trade):
        rows = np.flatnonzero(trade == t)
        order = np.concatenate([rng.permutation(n_brands) for _ in range(-(-len(rows) // n_brands))])
        brand[rows] = order[:len(rows)]
    return brand


def _chains(rng: np.random.Generator, lex: Lexicon, trade: np.ndarray, street: np.ndarray, brand: np.ndarray,
            weight: np.ndarray) -> np.ndarray:
    """Chains of 3–25 branches: their members take one brand. Returns the chain of each respondent, −1 for none; alters `brand`."""
    chain = np.full(len(trade), -1)
    in_chains = [lex.trade(t) for t in ("便利店", "超市", "奶茶店", "药店", "理发店", "健身房", "培训机构", "房产中介", "水果店", "洗车店")]
    for k in range(N_CHAINS):
        t = in_chains[k % len(in_chains)]
        free = np.flatnonzero((trade == t) & (chain < 0))
        size = int(rng.integers(3, 26)) if k else 17
        members = rng.permutation(free)[:min(size, len(free) // 2)]
        if k == 0:
            members = _first_chain(rng, free, street)
        brand[members] = brand[members[0]]
        chain[members] = k
    return chain


def _first_chain(rng: np.random.Generator, free: np.ndarray, street: np.ndarray) -> np.ndarray:
    """Seventeen branches in nine streets: at most two a street, spread wide."""
    chosen: list[int] = []
    streets = [s for s in np.unique(street[free]) if (street[free] == s).sum() >= 3]
    for s in rng.permutation(streets)[:9]:
        chosen += rng.permutation(free[street[free] == s])[:2].tolist()
    return np.array(chosen[:17])


def credit_codes(n: int) -> pl.Series:
    """Unified credit codes with a right check digit (GB 32100) and a region that does not exist (000000)."""
    body = np.zeros((n, 17), dtype=np.int64)
    body[:, 0], body[:, 1] = 9, 1
    number = np.arange(n) * 7919 + 104729
    for k in range(9):
        body[:, 8 + k] = number // 10 ** (8 - k) % 10
    weight = np.array([pow(3, i, 31) for i in range(17)])
    check = (31 - (body * weight).sum(1) % 31) % 31
    letters = np.array(list(_CODE_DIGITS))
    return pl.Series(["".join(row) for row in letters[np.column_stack([body, check])]])
