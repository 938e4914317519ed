"""A night's records beside those of the index: what is read over once for all, and what is looked at for a few.

Whatever is open is only counted and met: nodes, the number of nodes of each feature and value, and the texts that share a new one's rare
features. Weighted texts are made of those few nodes that a new record may belong to.
"""
from functools import cached_property

import numpy as np
import polars as pl

from models.incident_corpus import INFORMATIVE, VALUES, Basis, Corpus, Nodes, Weights, evenly, frequencies, share_named
from models.incident_pairs import nearest_of, same_columns, unique_pairs
from models.incident_texts import Shelf, Texts


class Night:
    """Records of the index, then the new ones; their nodes, the index's in canonical order, then the new ones'.

    n: the number of nodes. of: the node of each record. informative: whether a node's text says anything.
    """

    def __init__(self, open_: pl.DataFrame, new: pl.DataFrame, shelf: Shelf, texts: Texts) -> None:
        """open_, new: records as `light` gives them; shelf, texts: their texts."""
        self.records = pl.concat([open_, new]) if open_.height else new
        self.shelf = shelf.with_(texts)
        known, fresh = Nodes.made_of(open_, shelf), Nodes.made_of(new, texts)
        self.new, self._texts = len(fresh), texts.take(fresh.frame["row"].to_numpy())
        self.nodes = pl.concat([known.frame, fresh.frame.with_columns(pl.col("row") + open_.height)])
        self.of = np.concatenate([known.of, len(known) + fresh.of])
        self.n = self.nodes.height
        self._row = self.nodes["row"].to_numpy()
        self.informative = self.shelf.words[self._row] >= INFORMATIVE

    @property
    def rank(self) -> np.ndarray:
        """A number for each record, by its node and moment."""
        out = np.empty(len(self.of), np.int64)
        out[np.lexsort((self.records["moment"].fill_null(0).to_numpy(), self.of))] = np.arange(len(self.of))
        return out

    def founding_rank(self, records: np.ndarray) -> np.ndarray:
        """A number for each of these records (by their places) by what is known of it, whether it is new or not."""
        node = np.unique(self.of[records])
        order = self.nodes[node].with_columns(pl.Series("node", node)).sort("moment", "text_key", *VALUES, nulls_last=True, maintain_order=True)["node"].to_numpy()
        rank = np.empty(len(node), np.int64)
        rank[np.searchsorted(node, order)] = np.arange(len(node))
        return rank[np.searchsorted(node, self.of[records])]

    @cached_property
    def weights(self) -> Weights:
        """Those of old and new together: a word that only one open record had until tonight is what links its second."""
        return Weights(frequencies(self.shelf.parts(), self._stands_for >= 0), self.n)

    @cached_property
    def _stands_for(self) -> np.ndarray:
        """The node of each text on the shelf, −1 where another record bears the node's text."""
        out = np.full(len(self.of), -1, np.int64)
        out[self._row] = np.arange(self.n)
        return out

    @cached_property
    def _named(self) -> float:
        return share_named(self.nodes)

    @cached_property
    def _basis(self) -> Basis:
        return Basis(self.shelf.take(self._row[evenly(self.n)]), self.weights)

    def candidates(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs i < j of nodes worth scoring, unique and sorted, j a new one."""
        first = self.n - self.new
        near = nearest_of(self._texts, first, self.shelf.parts(), self._stands_for, self.weights)
        return unique_pairs([near, *same_columns(self.nodes, self.new)], self.informative, first)

    def corpus(self, nodes: np.ndarray) -> Corpus:
        """These nodes with their weighted texts."""
        frame = self.nodes[nodes]
        sizes = {name: frame.select(name).join(self.nodes.group_by(name).len(), on=name, how="left", maintain_order="left")["len"].to_numpy()
                 for name in VALUES}
        return Corpus(self.shelf.take(self._row[nodes]), frame, self.weights, self._basis, sizes, self._named)
