"""Telling a record's problem from its text: dated rules first, and a learned part for what they leave over.

The rules (see `score_rules`) give points for patterns in the title and in the body; the learned part is a calibrated linear
model over words and characters. Records are polars frames with `title` (may be null) and `content`.
"""
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from models.linear_text import LinearTextModel
from models.pattern_scan import PatternScan

SCORING = {"title_weight": 3, "strong_points": 3, "include_points": 1, "body_chars": 500, "body_hits_max": 2, "min_score": 9,
           "title_fallback_chars": 60}
#: White space as Python's `\s` understands it; the patterns are written for texts without any.
_SPACE = r"[\s\x1c-\x1f]+"


class TaxonomyClassifier(ClassifierMixin, BaseEstimator):
    """Problem codes for records.

    Parameters
    ----------
    rules : sequence of objects or mappings with code, parent, strong, include, exclude and, where not the default, scoring.
        Strings are regular expressions. () switches the rules off.
    min_probability : what the learned part must be sure of to fill in where the rules abstain, in 0…1.

    Attributes
    ----------
    classes_ : array of str, the codes the learned part knows, sorted; without "". Only after `fit`.
    model_ : the learned part. Only after `fit`.

    Examples
    --------
    >>> rules = [{"code": "price.unmarked", "parent": "price", "strong": ["明码标价"], "include": [], "exclude": []}]
    >>> records = pl.DataFrame({"title": ["水果摊没有明码标价", "感谢"], "content": ["", ""]})
    >>> TaxonomyClassifier(rules=rules).predict(records).tolist()
    ['price.unmarked', '']
    """

    def __init__(self, rules: Sequence[Any] = (), min_probability: float = 0.8):
        self.rules = rules
        self.min_probability = min_probability

    def fit(self, records: pl.DataFrame, codes) -> "TaxonomyClassifier":
        """Train the learned part on records and their codes; records with the code "" are left out.

        Raises ValueError where lengths differ, or fewer than two codes remain.
        """
        records = _texts(records)
        codes = np.asarray(codes).astype(str)
        if codes.shape != (records.height,):
            raise ValueError(f"codes: one for each of {records.height} records is wanted, got shape {codes.shape}")
        known = codes != ""
        self.model_ = LinearTextModel().fit(records.filter(pl.Series(known)), codes[known])
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, records: pl.DataFrame) -> np.ndarray:
        """Calibrated probabilities of the learned part, `(n_records, n_classes)` in the order of `classes_`; rows sum to 1.

        Raises NotFittedError before `fit`.
        """
        check_is_fitted(self, "model_")
        return self.model_.predict_proba(_texts(records))

    def predict(self, records: pl.DataFrame) -> np.ndarray:
        """A code for each record, "" where neither the rules nor the learned part (if fitted) will say: array of str.

        Raises ValueError where a column is missing, NotFittedError where there are neither rules nor a learned part.
        """
        if not len(self.rules):
            check_is_fitted(self, "model_")
        said = self.score_rules(records)["code"].fill_null("").to_numpy().astype(object)
        open_ = np.flatnonzero(said == "")
        if hasattr(self, "model_") and open_.size:
            p = self.predict_proba(records[open_])
            best = p.argmax(1)
            sure = p[np.arange(open_.size), best] >= self.min_probability
            said[open_[sure]] = self.classes_[best[sure]]
        return said.astype(str)

    def score_rules(self, records: pl.DataFrame) -> pl.DataFrame:
        """What the rules say: code (null: below the floor), score, runner_up (null: none), margin; one row for each record.

        Text: title and the first 500 characters of the content, in NFKC without white space; a record without a title has
        the first 60 characters of its content as title. A pattern gives its points (strong 3, include 1) three times if it
        is found in the title, plus once for each hit in the body, at most two. A type is out if an exclude pattern is
        found in the title. The highest score wins, ties by the order of the rules; below 9 the record has no code.
        `margin`: score less the runner-up's (0 where there is none). Null texts count as empty.
        """
        texts = _texts(records)
        n = texts.height
        if not len(self.rules):
            return _scores(np.full(n, -1), np.zeros(n, int), np.full(n, -1), np.zeros(n, int), [])
        scan = _scan_of(self.rules)
        # Hotlines repeat themselves: equal texts are judged once.
        lean = _normalised(texts, scan.scoring)
        distinct = lean.with_row_index("row").group_by("title", "body", maintain_order=True).agg("row")
        first, score, second, second_score = scan.best(distinct["title"], distinct["body"])
        back = np.empty(n, np.int64)
        back[distinct["row"].explode().to_numpy()] = np.repeat(np.arange(distinct.height), distinct["row"].list.len().to_numpy())
        return _scores(first[back], score[back], second[back], second_score[back], scan.codes, scan.scoring["min_score"])

    def all_codes(self, record: Mapping[str, Any] | pl.DataFrame) -> list[str]:
        """Every code that the rules find in one record: the primary one, as `predict` gives it, first, then the others by score; those below the floor are none.

        Totals count primary codes only.
        """
        frame = _one(record)
        said = self.score_rules(frame)["code"][0]
        if said is None:
            return []
        scores = _scan_of(self.rules).scores(*_normalised(_texts(frame), _scan_of(self.rules).scoring).select("title", "body").get_columns())[0]
        floor, codes = _scan_of(self.rules).scoring["min_score"], _scan_of(self.rules).codes
        return [said, *(codes[i] for i in np.argsort(-scores, kind="stable") if scores[i] >= floor and codes[i] != said)]

    def explain(self, record: Mapping[str, Any] | pl.DataFrame) -> dict[str, Any]:
        """Why one record has its code: code, score, runner_up, margin and `matched`, the words found by pattern.

        `matched` is a list of (kind, pattern, words found), strong ones first. Words come from the masked text that was given.
        """
        frame = _one(record)
        row = self.score_rules(frame).row(0, named=True)
        rule = next((r for r in map(_as_rule, self.rules) if r["code"] == row["code"]), None)
        if rule is None:
            return {**row, "matched": []}
        lean = _normalised(_texts(frame), rule["scoring"])
        text = f"{lean['title'][0]}\n{lean['body'][0]}"
        matched = [(kind, pattern, words) for kind in ("strong", "include") for pattern in rule[kind]
                   if (words := list(dict.fromkeys(m[0] for m in re.finditer(pattern, text))))]
        return {**row, "matched": matched}


class _Scan:
    """The rules made ready: one scan for all patterns, and which pattern counts for which type."""

    def __init__(self, rules: Sequence[Mapping[str, Any]]):
        self.codes = [r["code"] for r in rules]
        self.scoring = {**SCORING, **rules[0]["scoring"]}
        self.words = PatternScan(sorted({p for r in rules for kind in ("strong", "include") for p in r[kind]}))
        self.outs = PatternScan(sorted({p for r in rules for p in r["exclude"]}))
        points = {"strong": self.scoring["strong_points"], "include": self.scoring["include_points"]}
        index = {p: i for i, p in enumerate(self.words.patterns)}
        uses = [(index[p], t, points[kind]) for t, r in enumerate(rules) for kind in points for p in r[kind]]
        self.use_pattern, self.use_type, self.use_points = np.array(uses, np.int64).reshape(-1, 3).T
        index = {p: i for i, p in enumerate(self.outs.patterns)}
        outs = [(index[p], t) for t, r in enumerate(rules) for p in r["exclude"]]
        self.out_pattern, self.out_type = np.array(outs, np.int64).reshape(-1, 2).T

    def best(self, titles: pl.Series, bodies: pl.Series, rows_at_once: int = 65_536):
        """Index of the best type and its score, of the runner-up and its score; −1 and 0 where there is none."""
        parts = [self._best(titles[i:i + rows_at_once], bodies[i:i + rows_at_once]) for i in range(0, max(len(titles), 1), rows_at_once)]
        return tuple(np.concatenate(x) for x in zip(*parts))

    def scores(self, titles: pl.Series, bodies: pl.Series) -> np.ndarray:
        """Points of each text for each type, `(n, n_types)`, int32."""
        score = np.zeros((len(titles), len(self.codes)), np.int32)
        in_title = self.words.hits(titles, at_most=1)
        in_body = self.words.hits(bodies, at_most=self.scoring["body_hits_max"])
        # Patterns are shared between types, so their uses are sorted by pattern and added type by type.
        for pattern, kind, points in zip(self.use_pattern, self.use_type, self.use_points):
            rows, _ = in_title[pattern]
            score[rows, kind] += points * self.scoring["title_weight"]
            rows, times = in_body[pattern]
            score[rows, kind] += points * times
        out = self.outs.hits(titles, at_most=1)
        for pattern, kind in zip(self.out_pattern, self.out_type):
            score[out[pattern][0], kind] = 0
        return score

    def _best(self, titles: pl.Series, bodies: pl.Series):
        score = self.scores(titles, bodies)
        n, k = score.shape
        rows = np.arange(n)
        first = score.argmax(1)
        top = score[rows, first].copy()
        score[rows, first] = -1
        second = score.argmax(1) if k > 1 else np.full(n, -1)
        next_ = score[rows, second].clip(0)
        return (np.where(top > 0, first, -1), top, np.where(next_ > 0, second, -1), next_)


_SCANS: dict[tuple, _Scan] = {}


def _scan_of(rules: Sequence[Any]) -> _Scan:
    """The scan of a list of rules; the last few are kept, since a run asks for the same ones again and again."""
    plain = [_as_rule(r) for r in rules]
    key = tuple((r["code"], r["strong"], r["include"], r["exclude"], tuple(sorted(r["scoring"].items()))) for r in plain)
    if key not in _SCANS:
        if len(_SCANS) >= 4:
            _SCANS.pop(next(iter(_SCANS)))
        _SCANS[key] = _Scan(plain)
    return _SCANS[key]


def _as_rule(rule: Any) -> dict[str, Any]:
    get = rule.get if isinstance(rule, Mapping) else lambda name, default=None: getattr(rule, name, default)
    return {"code": get("code"), "strong": tuple(get("strong", ()) or ()), "include": tuple(get("include", ()) or ()),
            "exclude": tuple(get("exclude", ()) or ()), "scoring": dict(get("scoring", None) or SCORING)}


def _one(record: Mapping[str, Any] | pl.DataFrame) -> pl.DataFrame:
    """One record as a frame of its title and content."""
    return record if isinstance(record, pl.DataFrame) else pl.DataFrame([{k: record.get(k) for k in ("title", "content")}], schema={"title": pl.String, "content": pl.String})


def _texts(records: pl.DataFrame) -> pl.DataFrame:
    """title and content as strings without nulls. Raises ValueError where `content` is missing; a missing `title` is empty."""
    if not isinstance(records, pl.DataFrame) or "content" not in records.columns:
        raise ValueError("records: a polars frame with the columns title and content is wanted")
    title = pl.col("title") if "title" in records.columns else pl.lit(None)
    return records.select(title.cast(pl.String).fill_null("").alias("title"), pl.col("content").cast(pl.String).fill_null(""))


def _normalised(texts: pl.DataFrame, scoring: Mapping[str, int]) -> pl.DataFrame:
    """title and body as the rules read them."""
    def clean(column: str) -> pl.Expr:
        return pl.col(column).str.normalize("NFKC").str.replace_all(_SPACE, "")

    lean = texts.select(clean("title").alias("title"), clean("content").alias("content"))
    return lean.select(
        pl.when(pl.col("title") == "").then(pl.col("content").str.slice(0, scoring["title_fallback_chars"])).otherwise("title").alias("title"),
        pl.col("content").str.slice(0, scoring["body_chars"]).alias("body"),
    )


def _scores(first, score, second, second_score, codes: list[str], floor: int = 0) -> pl.DataFrame:
    table = pl.Series("code", [*codes, None], dtype=pl.String)
    known = (first >= 0) & (score >= floor)
    return pl.DataFrame({
        "code": table.gather(np.where(known, first, len(codes))),
        "score": score.astype(np.int32),
        "runner_up": table.gather(np.where(second >= 0, second, len(codes))),
        "margin": np.where(second >= 0, score - second_score, 0).astype(np.int32),
    })
