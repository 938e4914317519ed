"""The ground the city stands on: estates in streets, respondents, and who is complained of where."""
from dataclasses import dataclass

import numpy as np
import polars as pl

from flows.demo.lexicon import Lexicon
from flows.demo.respondents import Respondents, make_respondents
from flows.demo.streams import stream


@dataclass(frozen=True)
class Ground:
    """`estates`: estate, street, name, road. `first`: first estate of each street, (n_streets + 1,)."""

    lex: Lexicon
    respondents: Respondents
    estates: pl.DataFrame
    first: np.ndarray

    def estate_in(self, street: np.ndarray, u: np.ndarray) -> np.ndarray:
        """An estate of that street. (int64)"""
        low, high = self.first[street], self.first[street + 1]
        return low + (u * (high - low)).astype(np.int64)

    def respondent_for(self, problem: np.ndarray, street: np.ndarray, estate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Who is complained of with such a problem in such a street; −1 where nobody is. A property company goes with its estate."""
        trades = [[self.lex.trade(t) for t in p.trades] for p in self.lex.problems]
        n_of = np.array([len(t) for t in trades])
        table = np.array([(t + [0] * 8)[:8] for t in trades])
        trade = table[problem, (rng.random(len(problem)) * np.maximum(n_of[problem], 1)).astype(np.int64)]
        who = self.respondents.draw(trade, street, rng.random(len(problem)))
        property_trade = self.lex.trade("物业公司")
        low, high = self.respondents.edges[property_trade, street], self.respondents.edges[property_trade, street + 1]
        who = np.where(trade == property_trade, low + (estate - self.first[street]) % (high - low), who)
        return np.where(n_of[problem] == 0, -1, who)


def make_ground(lex: Lexicon, seed: int, n_respondents: int = 9000) -> Ground:
    rng = stream(seed, "estates")
    names = [a + b for b in lex.words["estate_ends"] for a in lex.words["estates"]]
    sizes = np.maximum(4, np.rint(260 * np.array([s.weight for s in lex.streets]))).astype(np.int64)
    street = np.repeat(np.arange(len(sizes)), sizes)
    order = rng.permutation(len(names))[:len(street)] if len(street) <= len(names) else np.arange(len(street)) % len(names)
    roads = lex.words["roads"]
    estates = pl.DataFrame({"estate": np.arange(len(street)), "street": street, "name": pl.Series(names).gather(order),
                            "road": pl.Series(roads).gather((street * 3 + rng.integers(0, 5, len(street))) % len(roads))})
    return Ground(lex, make_respondents(lex, seed, n_respondents), estates, np.concatenate([[0], np.cumsum(sizes)]))
