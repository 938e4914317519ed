"""Records about one and the same matter (同源): same place or respondent and same problem, in the records' own words."""
import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClusterMixin

from models.incident_corpus import VALUES, Corpus, Nodes, light, texts_of
from models.incident_groups import components, group, merge_groups, unscored_pairs
from models.incident_measured import Pairs
from models.incident_night import Night
from models.incident_pairs import candidates, distinct, graph_features, log_odds, pair_features, probability
from models.incident_sessions import sessions
from models.incident_texts import Shelf, Texts
from models.incident_titles import incident_title

__all__ = ["IncidentLinker", "incident_title"]

LINEAGE = {"kind": pl.String, "incident": pl.Int64, "other": pl.Int64}


class IncidentLinker(ClusterMixin, BaseEstimator):
    """Links records of one incident.

    Parameters
    ----------
    cut : float
        Mean probability of being one matter that two groups need to be joined (average linkage).
    night_cut : float
        The same for `partial_fit`, which knows of an open record only its likeness to new ones, and so takes it for more of a neighbour than it is:
        a board linked night by night comes out as linked at once (adjusted Rand .96; .95 at the lower cut, with a tenth of the links too many).
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

    def __init__(self, cut: float = 0.35, complete_cut: float = 0.25, complete_most: int = 80, window_days: float = 30.0, night_cut: float = 0.45):
        self.cut = cut
        self.night_cut = night_cut
        self.complete_cut = complete_cut
        self.complete_most = complete_most
        self.window_days = window_days

    def fit(self, records: pl.DataFrame, y: object = None) -> "IncidentLinker":
        """Links all records; see `fit_predict`."""
        rows, texts = light(records), texts_of(records)
        self.n_features_in_, self.texts_ = records.width, texts
        if not rows.height:
            self.labels_ = np.zeros(0, np.int64)
            return self
        nodes = Nodes.made_of(rows, texts)
        corpus = Corpus.of(nodes, texts)
        i, j, p = self._score(corpus, *candidates(corpus, nodes.frame))
        of_node = group(i, j, p, corpus.n, self.cut)
        dull = ~corpus.arrays["informative"][nodes.of]
        of_record = np.where(dull, corpus.n + np.arange(rows.height), of_node[nodes.of])
        at = np.flatnonzero(dull)
        if len(at):
            linked = self._by_columns(rows[at])
            of_record[at] = np.where(linked >= 0, corpus.n + at[np.maximum(linked, 0)], of_record[at])
        self.labels_ = numbered(of_record, nodes.of)
        return self

    def fit_predict(self, records: pl.DataFrame, y: object = None) -> np.ndarray:
        """The incident of each record: int array `(n_records,)`, −1 where it stands alone.

        `records`: polars frame with `content` and `created_at`, and `title`, `caller`, `place`, `respondent`, `problem_code`
        where known (a missing column is the same as nulls). The partition doesn't depend on the order of the rows.
        Raises `TypeError` (no polars frame) or `ValueError` (a column is missing).
        """
        return self.fit(records).labels_

    def resume(self, records: pl.DataFrame, labels: np.ndarray, texts: Texts | Shelf | None = None) -> "IncidentLinker":
        """Indexes records that are already linked: `labels` gives each one's incident, −1 where it stands alone.

        texts: what `texts_` was for these records, in their order; then they need no `title` and `content`.
        """
        labels, rows = np.asarray(labels), light(records)
        if labels.shape != (records.height,):
            raise ValueError(f"labels: expected shape ({records.height},), got {labels.shape}")
        self._shelf = texts if isinstance(texts, Shelf) else Shelf([texts_of(records) if texts is None else texts])
        if len(self._shelf) != records.height:
            raise ValueError(f"texts: expected those of {records.height} records, got {len(self._shelf)}")
        self._records, self._known = rows, labels.astype(np.int64)
        self._next = int(labels.max()) + 1 if len(labels) and labels.max() >= 0 else 0
        self.labels_ = self._known.copy()
        self.joined_, self.lineage_ = pl.DataFrame(schema={"row": pl.Int64, "label": pl.Int64}), pl.DataFrame(schema=LINEAGE)
        return self

    def partial_fit(self, records: pl.DataFrame, y: object = None, texts: Texts | None = None) -> "IncidentLinker":
        """Links a night's records against the index and adds them to it; `labels_` are the new records'.

        texts: what `texts_of` gives for these records, where it is at hand; then they need no `title` and `content`.

        An existing number, a new one (from the next free on, in the records' canonical order), or −1. Two known incidents
        that new records join are merged into the older (smaller) number, and `lineage_` says so; what was linked stays linked.
        """
        if not hasattr(self, "_shelf"):
            self.resume(records.clear(), np.zeros(0, np.int64))
        rows, texts = light(records), texts_of(records) if texts is None else texts
        night = Night(self._records, rows, self._shelf, texts)
        old = len(self._known)
        known = np.concatenate([self._known, np.full(rows.height, -1, np.int64)])
        # A unit is what stays together: a known incident, or a record alone (new copies: their node).
        unit = np.where(known >= 0, known, self._next + night.n + night.rank)
        if rows.height:
            unit[old:] = np.where(night.informative[night.of[old:]], self._next + night.of[old:], unit[old:])
            unit = self._join_columns(night, self._join_texts(night, unit), old)
        self._settle(night, known, unit, old)
        self._records, self._shelf, self.texts_ = night.records, night.shelf, texts
        return self

    def _score(self, corpus: Corpus, i: np.ndarray, j: np.ndarray, known: Pairs | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both stages on the candidates, then on the pairs that are missing inside likely groups. -> (i, j, probability)

        known: the first of the candidates, as far as they are measured already. The corpus is let go of as soon as all is measured.
        """
        if not len(i):
            return i, j, np.zeros(0)
        n, done = corpus.n, 0 if known is None else len(known)
        pairs = Pairs.measured(corpus, i[done:], j[done:])
        pairs = pairs if known is None else known.and_(pairs)
        x, scale = pair_features(corpus, i, j, pairs.products)
        said, meant = pairs.said, pairs.meant
        del pairs, known
        odds = log_odds("first", x) + said + meant
        a, b = unscored_pairs(i, j, probability(odds), n, self.complete_cut, self.complete_most)
        if len(a):
            more = Pairs.measured(corpus, a, b)
            extra = pair_features(corpus, a, b, more.products, scale)[0]
            del corpus
            odds = np.concatenate([odds, log_odds("first", extra) + more.said + more.meant])
            i, j, x = np.concatenate([i, a]), np.concatenate([j, b]), np.vstack([x, extra])
            said, meant = np.concatenate([said, more.said]), np.concatenate([meant, more.meant])
            del more, extra
        # The second stage has seen what speaks for a pair; what speaks against it stands.
        second = log_odds("second", graph_features(i, j, probability(odds), n), x)
        return i, j, probability(second + np.where(said < 0, said, said / 2) + meant)

    def _by_columns(self, records: pl.DataFrame) -> np.ndarray:
        """Sessions of the records by respondent, else by place; -> place within them, −1 alone."""
        records = records.with_columns(pl.col(VALUES).cast(pl.String))
        key = (pl.when(pl.col("respondent") != "").then(pl.concat_str(pl.lit("r:"), "respondent"))
               .when(pl.col("place") != "").then(pl.concat_str(pl.lit("p:"), "place")).otherwise(pl.lit("")))
        return sessions(records.select(key.alias("key"), "problem_code", day=pl.col("moment").fill_null(0) / 86_400e6), self.window_days)

    def _join_texts(self, night: Night, unit: np.ndarray) -> np.ndarray:
        """Units that are one by their texts bear the smallest of their numbers."""
        i, j = night.candidates()
        if not len(i):
            return unit
        met = distinct(np.concatenate([i, j]))
        corpus, (x, y) = night.corpus(met), local_places(met, i, j)
        known = Pairs.measured(corpus, x, y)
        odds = log_odds("first", pair_features(corpus, x, y, known.products)[0]) + known.said + known.meant
        likely = probability(odds) >= self.complete_cut
        del corpus
        # the likely neighbours' fellow members are looked at too, at most `complete_most` of an incident
        unit_of_node = np.full(night.n, np.iinfo(np.int64).max)
        np.minimum.at(unit_of_node, night.of, unit)
        touched = np.unique(unit_of_node[np.concatenate([i[likely], j[likely]])])
        local = np.flatnonzero(np.isin(unit_of_node, touched))
        if not len(local):
            return unit
        order = np.lexsort((-local, unit_of_node[local]))
        place = np.arange(len(local)) - np.searchsorted(unit_of_node[local][order], unit_of_node[local][order])
        local = np.sort(local[order][place < self.complete_most])
        inside = np.isin(i, local) & np.isin(j, local)
        mine, n = unit_of_node[local], np.int64(len(local))
        x, y = local_places(local, i[inside], j[inside])
        fellows = np.setdiff1d(fellow_pairs(mine, unit_of_node[i[likely]], unit_of_node[j[likely]]), x * n + y)
        a, b, p = self._score(night.corpus(local), np.concatenate([x, fellows // n]), np.concatenate([y, fellows % n]), known.take(inside))
        units, code = np.unique(mine, return_inverse=True)
        final = merge_groups(np.bincount(code), code[a], code[b], p, self.night_cut)
        at = np.minimum(np.searchsorted(units, unit), len(units) - 1)
        return np.where(units[at] == unit, units[final][at], unit)

    def _join_columns(self, night: Night, unit: np.ndarray, old: int) -> np.ndarray:
        """Joins units by place, problem and time where the text says nothing; only what touches a new record."""
        dull = np.flatnonzero(~night.informative[night.of])
        if not (dull >= old).any():
            return unit
        session = self._by_columns(night.records[dull])
        reached = (session >= 0) & np.isin(session, session[dull >= old])
        rows, session = dull[reached], session[reached]
        units, code = np.unique(unit[rows], return_inverse=True)
        sessions_of, number = np.unique(session, return_inverse=True)
        joined = components(code, len(units) + number, len(units) + len(sessions_of))[:len(units)]
        least = np.full(len(units), np.iinfo(np.int64).max)
        np.minimum.at(least, joined, units)
        at = np.minimum(np.searchsorted(units, unit), max(len(units) - 1, 0))
        return np.where(units[at] == unit, least[joined][at], unit) if len(units) else unit

    def _settle(self, night: Night, known: np.ndarray, unit: np.ndarray, old: int) -> None:
        """Numbers for units of two and more; sets labels_, joined_, lineage_ and the index's labels."""
        _, code, size = np.unique(unit, return_inverse=True, return_counts=True)
        holder = np.full(len(size), np.iinfo(np.int64).max)
        np.minimum.at(holder, code[known >= 0], known[known >= 0])
        free = holder == np.iinfo(np.int64).max
        born = np.flatnonzero(free & (size > 1))
        of_born = np.flatnonzero(np.isin(code, born))
        founder = np.full(len(size), len(unit))
        np.minimum.at(founder, code[of_born], night.founding_rank(of_born))
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
        moved = (known >= 0) & (known != label)
        lines += [("merged", int(a), int(b)) for a, b in np.unique(np.column_stack([known[moved], label[moved]]), axis=0)]
        alone = np.flatnonzero((known[:old] < 0) & (label[:old] >= 0))
        self.joined_ = pl.DataFrame({"row": alone.astype(np.int64), "label": label[alone].astype(np.int64)})
        self.lineage_ = pl.DataFrame(lines, schema=LINEAGE, orient="row")
        self.labels_ = label[old:]
        self._known = label


def local_places(nodes: np.ndarray, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the nodes i and j stand among `nodes` (ascending)."""
    return np.searchsorted(nodes, i), np.searchsorted(nodes, j)


def fellow_pairs(unit: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """All pairs x < y between the units of each pair (one, two) and within them, as codes x · n + y; unit: of each of the n nodes."""
    nodes = np.argsort(unit, kind="stable")
    units, start, size = np.unique(unit[nodes], return_index=True, return_counts=True)
    linked = np.sort(np.column_stack([np.searchsorted(units, one), np.searchsorted(units, two)]), axis=1)
    used = np.unique(linked)
    a, b = np.unique(np.vstack([linked, np.column_stack([used, used])]), axis=0).T
    pair, at = counted(size[a] * size[b])
    x = nodes[start[a][pair] + at // size[b][pair]]
    y = nodes[start[b][pair] + at % size[b][pair]]
    once = (a != b)[pair] | (x < y)
    return np.minimum(x, y)[once] * np.int64(len(unit)) + np.maximum(x, y)[once]


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
