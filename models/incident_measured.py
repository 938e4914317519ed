"""What is measured of pairs of nodes by themselves, whatever other pairs there are: so that nothing is measured twice."""
from dataclasses import dataclass

import numpy as np

from models.incident_columns import column_evidence
from models.incident_corpus import Corpus
from models.incident_pairs import products


@dataclass(frozen=True)
class Pairs:
    """n pairs. products: of their texts, `(n, len(PRODUCTS))`. said, meant: `Evidence`, `(n,)`."""

    products: np.ndarray
    said: np.ndarray
    meant: np.ndarray

    @classmethod
    def measured(cls, corpus: Corpus, i: np.ndarray, j: np.ndarray) -> "Pairs":
        """The pairs (i, j)."""
        evidence = column_evidence(corpus, i, j)
        return cls(products(corpus, i, j), evidence.said, evidence.meant)

    def __len__(self) -> int:
        return len(self.said)

    def take(self, which: np.ndarray) -> "Pairs":
        """Those marked (bool) or at these places."""
        return Pairs(self.products[which], self.said[which], self.meant[which])

    def and_(self, more: "Pairs") -> "Pairs":
        """These and then the others."""
        return Pairs(np.vstack([self.products, more.products]), np.concatenate([self.said, more.said]), np.concatenate([self.meant, more.meant]))
