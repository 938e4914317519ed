"""Records about one and the same matter (同源): same place or respondent and same problem, in the records' own words."""
import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClusterMixin

from models.incident_corpus import Corpus, as_nodes
from models.incident_groups import group, members, merge_groups, unscored_pairs
from models.incident_pairs import (
    candidates,
    column_evidence,
    graph_features,
    local_scale,
    log_odds,
    pair_features,
    probability,
)
from models.incident_sessions import sessions
from models.incident_titles import incident_title
from models.similarity import row_products

__all__ = ["IncidentLinker", "incident_title"]

LINEAGE = {"kind": pl.String, "incident": pl.Int64, "other": pl.Int64}


class IncidentLinker(ClusterMixin, BaseEstimator):
    """Links records of one incident.

    Parameters
    ----------
    cut : float
        Mean probability of being one matter that two groups need to be joined (average linkage).
    complete_cut, complete_most : float, int
        In components at `complete_cut` of at most `complete_most` nodes all pairs are scored, not only candidates.
    window_days : float
        Longest gap between records that are linked by place, problem and time alone.

    Attributes
    ----------
    labels_ : int array (n_records,)
        The same number for one incident, −1 where a record stands alone. After `partial_fit`: of the new records.
    joined_ : polars frame (row: int, label: int)
        After `partial_fit`: records of the index that stood alone and are now in an incident, by their position in the index.
    lineage_ : polars frame (kind, incident, other)
        After `partial_fit`: born (incident), grown (incident), merged (incident went into other).

    Examples
    --------
    >>> labels = IncidentLinker().fit_predict(records)                  # doctest: +SKIP
    >>> night = IncidentLinker().resume(known, labels).partial_fit(new)  # doctest: +SKIP
    """

    def __init__(self, cut: float = 0.35, complete_cut: float = 0.25, complete_most: int = 80, window_days: float = 30.0):
        self.cut = cut
        self.complete_cut = complete_cut
        self.complete_most = complete_most
        self.window_days = window_days

    def fit(self, records: pl.DataFrame, y: object = None) -> "IncidentLinker":
        """Links all records; see `fit_predict`."""
        nodes, node = as_nodes(records)
        self.n_features_in_ = records.width
        if not len(node):
            self.labels_ = np.zeros(0, np.int64)
            return self
        corpus = Corpus().grow(nodes)
        i, j, p = self._score(corpus, *candidates(corpus))
        of_node = group(i, j, p, corpus.n, self.cut)
        dull = ~corpus.arrays["informative"]
        of_record = np.where(dull[node], corpus.n + np.arange(len(node)), of_node[node])
        rows = np.flatnonzero(dull[node])
        if len(rows):
            linked = self._by_columns(records, corpus, node, rows)
            of_record[rows] = np.where(linked >= 0, corpus.n + rows[np.maximum(linked, 0)], of_record[rows])
        self.labels_ = numbered(of_record, node)
        return self

    def fit_predict(self, records: pl.DataFrame, y: object = None) -> np.ndarray:
        """The incident of each record: int array `(n_records,)`, −1 where it stands alone.

        `records`: polars frame with `content` and `created_at`, and `title`, `caller`, `place`, `respondent`, `problem_code`
        where known (a missing column is the same as nulls). The partition doesn't depend on the order of the rows.
        Raises `TypeError` (no polars frame) or `ValueError` (a column is missing).
        """
        return self.fit(records).labels_

    def resume(self, records: pl.DataFrame, labels: np.ndarray) -> "IncidentLinker":
        """Indexes records that are already linked: `labels` gives each one's incident, −1 where it stands alone."""
        labels = np.asarray(labels)
        if labels.shape != (records.height,):
            raise ValueError(f"labels: expected shape ({records.height},), got {labels.shape}")
        nodes, node = as_nodes(records)
        self._nodes = nodes
        self._records = frame_of(records)
        self._node, self._known = node, labels.astype(np.int64)
        self._next = int(labels.max()) + 1 if len(labels) and labels.max() >= 0 else 0
        self.labels_ = self._known.copy()
        self.joined_, self.lineage_ = pl.DataFrame(schema={"row": pl.Int64, "label": pl.Int64}), pl.DataFrame(schema=LINEAGE)
        return self

    def partial_fit(self, records: pl.DataFrame, y: object = None) -> "IncidentLinker":
        """Links a night's records against the index and adds them to it; `labels_` are the new records'.

        An existing number, a new one (from the next free on, in the records' canonical order), or −1. Two known incidents
        that new records join are merged into the older (smaller) number, and `lineage_` says so; what was linked stays linked.
        """
        if not hasattr(self, "_nodes"):
            self.resume(records.clear(), np.zeros(0, np.int64))
        nodes, node = as_nodes(records)
        old, start = len(self._known), self._nodes.height
        every = pl.concat([self._records, frame_of(records)])
        known = np.concatenate([self._known, np.full(len(node), -1, np.int64)])
        of_node = np.concatenate([self._node, start + node])
        # Weights are those of old and new together: a word that only one open record had until tonight is what links its second.
        self._nodes = pl.concat([self._nodes, nodes])
        self._corpus = Corpus().grow(self._nodes) if self._nodes.height else Corpus()
        # A unit is what stays together: a known incident, or a record alone (new copies: their node).
        unit = np.where(known >= 0, known, self._next + self._corpus.n + np.arange(len(known)))
        unit[old:] = np.where(self._corpus.arrays["informative"][of_node[old:]], self._next + of_node[old:], unit[old:]) if len(node) else unit[old:]
        merged = self._join_texts(unit, of_node, start) if nodes.height else {}
        final = np.array([merged.get(u, u) for u in unit.tolist()], np.int64) if merged else unit
        final = self._join_columns(every, final, of_node, old)
        self._settle(every, known, final, of_node, old)
        self._records, self._node = every, of_node
        return self

    def _score(self, corpus: Corpus, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both stages on the candidates, then on the pairs that are missing inside likely groups. -> (i, j, probability)"""
        if not len(i):
            return i, j, np.zeros(0)
        text = corpus.matrices["text"]
        scale = local_scale(i, j, row_products(text, text, i, j), corpus.n)
        x = pair_features(corpus, i, j, scale)
        more = column_evidence(corpus, i, j)
        odds = log_odds("first", x) + more
        a, b = unscored_pairs(i, j, probability(odds), corpus.n, self.complete_cut, self.complete_most)
        if len(a):
            extra, extra_more = pair_features(corpus, a, b, scale), column_evidence(corpus, a, b)
            i, j, x, more = np.concatenate([i, a]), np.concatenate([j, b]), np.vstack([x, extra]), np.concatenate([more, extra_more])
            odds = np.concatenate([odds, log_odds("first", extra) + extra_more])
        second = np.hstack([graph_features(i, j, probability(odds), corpus.n), x])
        # The second stage has seen what speaks for a pair; what speaks against it stands.
        return i, j, probability(log_odds("second", second) + np.where(more < 0, more, more / 2))

    def _by_columns(self, records: pl.DataFrame, corpus: Corpus, node: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Sessions by respondent, else by place, of the records given (positions); -> position within `rows`, −1 alone."""
        a = corpus.arrays
        day = records["created_at"].dt.epoch("us").fill_null(0).to_numpy()[rows] / 86_400e6
        who, where = a["respondent"][node[rows]], a["place"][node[rows]]
        frame = pl.DataFrame({"key": np.where(who != "", np.char.add("r:", who), np.where(where != "", np.char.add("p:", where), "")),
                              "problem_code": a["problem_code"][node[rows]], "day": day})
        return sessions(frame, self.window_days)

    def _join_texts(self, unit: np.ndarray, of_node: np.ndarray, start: int) -> dict[int, int]:
        """Which units become one by their texts: unit -> the unit it goes into."""
        corpus = self._corpus
        i, j = candidates(corpus, np.arange(start, corpus.n))
        if not len(i):
            return {}
        text = corpus.matrices["text"]
        scale = local_scale(i, j, row_products(text, text, i, j), corpus.n)
        odds = log_odds("first", pair_features(corpus, i, j, scale)) + column_evidence(corpus, i, j)
        likely = probability(odds) >= self.complete_cut
        # the likely neighbours' fellow members are looked at too, at most `complete_most` of an incident
        unit_of_node = np.zeros(corpus.n, np.int64)
        unit_of_node[of_node[::-1]] = unit[::-1]
        touched = np.unique(unit_of_node[np.concatenate([i[likely], j[likely]])])
        local = np.flatnonzero(np.isin(unit_of_node, touched))
        if not len(local):
            return {}
        order = np.lexsort((-local, unit_of_node[local]))
        place = np.arange(len(local)) - np.searchsorted(unit_of_node[local][order], unit_of_node[local][order])
        local = np.sort(local[order][place < self.complete_most])
        inside = np.isin(i, local) & np.isin(j, local)
        pairs = np.unique(np.concatenate([i[inside] * np.int64(corpus.n) + j[inside], self._fellow_pairs(unit_of_node, local, i[likely], j[likely])]))
        a, b = pairs // corpus.n, pairs % corpus.n
        a, b, p = self._score(corpus, a, b)
        units, code = np.unique(unit_of_node[local], return_inverse=True)
        inside = np.isin(a, local) & np.isin(b, local)
        x, y = (code[np.searchsorted(local, of[inside])] for of in (a, b))
        final = merge_groups(np.bincount(code), x, y, p[inside], self.cut)
        return {int(units[u]): int(units[final[u]]) for u in np.flatnonzero(final != np.arange(len(units)))}

    def _fellow_pairs(self, unit_of_node: np.ndarray, local: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Codes of all pairs between the units of likely pairs and within them; only nodes of `local`."""
        order = np.argsort(unit_of_node[local], kind="stable")
        nodes = local[order]
        units, start, size = np.unique(unit_of_node[nodes], return_index=True, return_counts=True)
        one, two = np.sort(np.column_stack([unit_of_node[i], unit_of_node[j]]), axis=1).T
        here = np.isin(one, units) & np.isin(two, units)
        linked = np.column_stack([np.searchsorted(units, one[here]), np.searchsorted(units, two[here])])
        used = np.unique(linked)
        a, b = np.unique(np.vstack([linked, np.column_stack([used, used])]), axis=0).T
        pair, at = counted(size[a] * size[b])
        x = nodes[start[a][pair] + at // size[b][pair]]
        y = nodes[start[b][pair] + at % size[b][pair]]
        once = (a != b)[pair] | (x < y)
        return np.minimum(x, y)[once] * np.int64(self._corpus.n) + np.maximum(x, y)[once]

    def _join_columns(self, records: pl.DataFrame, unit: np.ndarray, of_node: np.ndarray, old: int) -> np.ndarray:
        """Joins units by place, problem and time where the text says nothing; only what touches a new record."""
        if not self._corpus.n:
            return unit
        dull = np.flatnonzero(~self._corpus.arrays["informative"][of_node])
        if not (dull >= old).any():
            return unit
        linked = self._by_columns(records, self._corpus, of_node, dull)
        unit = unit.copy()
        for g in members(linked):
            rows = dull[g]
            if (rows >= old).any():
                recent = np.unique(unit[rows])
                unit = np.where(np.isin(unit, recent), recent.min(), unit)
        return unit

    def _settle(self, records: pl.DataFrame, known: np.ndarray, unit: np.ndarray, of_node: np.ndarray, old: int) -> None:
        """Numbers for units of two and more; sets labels_, joined_, lineage_ and the index's labels."""
        _, code, size = np.unique(unit, return_inverse=True, return_counts=True)
        holder = np.full(len(size), np.iinfo(np.int64).max)
        np.minimum.at(holder, code[known >= 0], known[known >= 0])
        free = holder == np.iinfo(np.int64).max
        born = np.flatnonzero(free & (size > 1))
        founder = np.full(len(size), len(unit))
        rank = canonical_rank(self._corpus, of_node)
        np.minimum.at(founder, code, rank)
        born = born[np.argsort(founder[born], kind="stable")]
        holder[born] = self._next + np.arange(len(born))
        holder[free & (size == 1)] = -1
        label = holder[code]
        self._next += len(born)
        lines: list[tuple[str, int, int | None]] = [("born", int(holder[b]), None) for b in born]
        fresh = np.zeros(len(size), bool)
        fresh[code[old:]] = True
        changed = fresh.copy()
        changed[code[:old][(known[:old] < 0) & (label[:old] >= 0)]] = True
        lines += [("grown", int(k), None) for k in np.unique(holder[changed & ~free])]
        gone = np.unique(np.column_stack([known[known >= 0], label[known >= 0]]), axis=0)
        lines += [("merged", int(a), int(b)) for a, b in gone if a != b]
        alone = np.flatnonzero((known[:old] < 0) & (label[:old] >= 0))
        self.joined_ = pl.DataFrame({"row": alone.astype(np.int64), "label": label[alone].astype(np.int64)})
        self.lineage_ = pl.DataFrame(lines, schema=LINEAGE, orient="row")
        self.labels_ = label[old:]
        self._known = label


def frame_of(records: pl.DataFrame) -> pl.DataFrame:
    """What is kept of indexed records: their moment."""
    return records.select(pl.col("created_at").cast(pl.Datetime("us")) if records["created_at"].dtype.time_zone is None  # type: ignore[attr-defined]
                          else pl.col("created_at").dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us")))


def canonical_rank(corpus: Corpus, of_node: np.ndarray) -> np.ndarray:
    """A place for each record that depends on values only: its node's moment and text (equal nodes share a place)."""
    order = corpus.nodes.with_row_index("node").sort("first", "title", "content", "place", "respondent", "problem_code", nulls_last=True)["node"]
    rank = np.empty(corpus.n, np.int64)
    rank[order.to_numpy()] = np.arange(corpus.n)
    return rank[of_node]


def counted(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each place repeated as often as `n` says, and the counter 0, 1, … within it: [2, 1] → ([0, 0, 1], [0, 1, 0])."""
    place = np.repeat(np.arange(len(n)), n)
    return place, np.arange(len(place)) - np.repeat(np.cumsum(n) - n, n)


def numbered(of_record: np.ndarray, node: np.ndarray) -> np.ndarray:
    """Groups of two and more numbered 0, 1, … by their first node, −1 for the rest."""
    _, code, size = np.unique(of_record, return_inverse=True, return_counts=True)
    first = np.full(len(size), np.iinfo(np.int64).max)
    np.minimum.at(first, code, node)
    big = np.flatnonzero(size > 1)
    big = big[np.argsort(first[big], kind="stable")]
    number = np.full(len(size), -1, np.int64)
    number[big] = np.arange(len(big))
    return number[code]
