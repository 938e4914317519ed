"""Where one record is enough, and where a few from different callers are (`data/sentinels.yaml`)."""
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from unicodedata import normalize

import polars as pl

from policy.dated import load, on

#: How much of the content stands for a title where there is none.
_TITLE_CHARS = 60
_SENTENCE = re.compile(r"[。!！?？;；\n]")
#: What a content without a title opens with: greetings, then the clause that says what kind of message it is.
_GREETING = re.compile(r"(?:(?:您|你|大家)?好|尊敬的[^,。!?:;\n]{0,16}|[^,。!?:;\n]{0,8}(?:领导|书记|市长|区长|县长|同志|先生|女士)(?:您好|你好)?)[,。!:\n]+")
_CLAUSE = re.compile(r"[,，。!?;；:：\n]")
_WHITE, _HAN = re.compile(r"\s"), re.compile(r"[^\x00-\x7f]")
#: Looking ahead, which polars' regular expressions lack; a pattern without it finds the same texts and more.
_AHEAD = re.compile(r"\(\?[!=](?:[^()]|\([^()]*\))*\)")


@dataclass(frozen=True)
class SentinelRule:
    """One sentinel: `level` is red, orange or yellow; `problem` the code it stands for; patterns match one sentence."""

    id: str
    level: str
    problem: str
    name_zh: str
    name_en: str
    any: tuple[re.Pattern, ...]
    unless: tuple[re.Pattern, ...]
    title_unless: tuple[re.Pattern, ...]
    within: int
    tell: tuple[str, ...] = ()
    advice_zh: str = ""
    advice_en: str = ""

    def name(self, lang: str = "zh") -> str:
        """What happened, in a few words."""
        return self.name_zh if lang == "zh" else self.name_en

    def advice(self, lang: str = "zh") -> str:
        """What is to be done first."""
        return self.advice_zh if lang == "zh" else self.advice_en


@dataclass(frozen=True)
class ClusterRule:
    """One cluster rule: `records` records from `callers` callers within `days` days, equal in one of the columns `by`."""

    id: str
    level: str
    problem: str
    problems: tuple[str, ...]
    words: str | None
    by: tuple[str, ...]
    records: int
    callers: int
    days: int
    name_zh: str
    name_en: str
    advice_zh: str
    advice_en: str
    tell: tuple[str, ...] = ()

    def name(self, lang: str = "zh") -> str:
        """What seems to happen, in a few words."""
        return self.name_zh if lang == "zh" else self.name_en

    def advice(self, lang: str = "zh") -> str:
        """Who must be told and what to look at."""
        return self.advice_zh if lang == "zh" else self.advice_en


@cache
def sentinel_rules(day: date) -> tuple[SentinelRule, ...]:
    """The sentinels valid on a day; the first that speaks of a record gives its name."""
    data = load("sentinels.yaml")
    words = {name: tuple(re.compile(p) for p in patterns) for name, patterns in data["words"].items()}
    titles = tuple(re.compile(p) for p in data["title_unless"])
    return tuple(
        SentinelRule(r["id"], r["level"], r["problem"], r["zh"], r["en"], tuple(re.compile(p) for p in r["any"]),
                     tuple(p for name in r.get("unless", ()) for p in words[name]), titles, r.get("within", data["within"]), tuple(r["tell"]), r["advice_zh"], r["advice_en"])
        for r in on(data["sentinels"], day)
    )


@cache
def cluster_rules(day: date) -> tuple[ClusterRule, ...]:
    """The cluster rules valid on a day."""
    return tuple(
        ClusterRule(r["id"], r["level"], r["problem"], tuple(r["problems"]), "|".join(r["words"]) if r.get("words") else None,
                    tuple(r["by"]), r["records"], r["callers"], r["days"], r["zh"], r["en"], r["advice_zh"], r["advice_en"], tuple(r["tell"]))
        for r in on(load("sentinels.yaml")["clusters"], day)
    )


def sentinel(rule_id: str, day: date) -> SentinelRule:
    """A sentinel by its id. Raises KeyError."""
    return _by_id(sentinel_rules(day), rule_id)


def cluster(rule_id: str, day: date) -> ClusterRule:
    """A cluster rule by its id. Raises KeyError."""
    return _by_id(cluster_rules(day), rule_id)


def _by_id(rules, rule_id):
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise KeyError(rule_id)


def match(texts: pl.DataFrame, rules: Sequence[SentinelRule]) -> pl.Series:
    """The id of the sentinel that speaks of each record, else null: a Series of String "sentinel".

    `texts`: title (may be null or missing) and content. Rules as of the record's own date: `sentinel_rules(day)`.
    """
    title = pl.col("title") if "title" in texts.columns else pl.lit(None, pl.String).alias("title")
    lean = texts.select(c.cast(pl.String).fill_null("").str.normalize("NFKC").str.to_lowercase() for c in (title, pl.col("content")))
    lean = lean.select(_dense(c) for c in ("title", "content"))
    # A quick look by polars finds the few texts that are then read sentence by sentence.
    quick = [_AHEAD.sub("", p.pattern) for rule in rules for p in rule.any]
    some = pl.any_horizontal(pl.lit(False), *(pl.col(c).str.contains(q) for q in quick for c in ("title", "content")))
    at = lean.select(some.arg_true()).to_series()
    said = {i: _speaks(row[0], row[1], rules) for i, row in zip(at.to_list(), lean[at].iter_rows())}
    return pl.Series("sentinel", [said.get(i) for i in range(texts.height)], dtype=pl.String)


def elsewhere(words: str) -> bool:
    """Whether these words speak of another place or shop than the record is about."""
    return re.search("|".join(load("sentinels.yaml")["elsewhere"]), words) is not None


def words_of(title: str | None, content: str | None, rule: SentinelRule, longest: int = 40) -> str | None:
    """What a record says that made a sentinel speak: the fewest clauses of its own text that still do, at most `longest` characters; None where
    it speaks of none. The title counts first."""
    for text in (title, content):
        for sentence in _SENTENCE.split(text or ""):
            clauses = [c for c in _CLAUSE.split(sentence) if c.strip()]
            for size in range(1, len(clauses) + 1):
                for start in range(len(clauses) - size + 1):
                    said = "，".join(clauses[start:start + size]).strip()
                    lean = _WHITE.sub("", normalize("NFKC", said)).lower() if _HAN.search(said) else normalize("NFKC", said).lower()
                    if any(p.search(lean) for p in rule.any) and not any(p.search(lean) for p in rule.unless):
                        return said if len(said) <= longest else said[:longest - 1] + "…"
    return None


def _speaks(title: str, content: str, rules: Iterable[SentinelRule]) -> str | None:
    """The first rule that finds a sentence of its own."""
    head = title or content[:_TITLE_CHARS]
    kind = title or _opening(head)
    for rule in rules:
        if any(p.search(kind) for p in rule.title_unless):
            continue
        for sentence in (*_sentences(head, len(head)), *_sentences(content, rule.within)):
            if any(p.search(sentence) for p in rule.any) and not any(p.search(sentence) for p in rule.unless):
                return rule.id
    return None


def _opening(text: str) -> str:
    """The first clause after the greetings."""
    start = 0
    while greeting := _GREETING.match(text, start):
        start = greeting.end()
    return _CLAUSE.split(text[start:], maxsplit=1)[0]


def _dense(column: str) -> pl.Expr:
    """Without white space beside a Chinese character; English keeps its spaces."""
    return pl.col(column).str.replace_all(r"([^\x00-\x7f])\s+", "$1").str.replace_all(r"\s+([^\x00-\x7f])", "$1").str.strip_chars()


def _sentences(text: str, within: int) -> list[str]:
    """The sentences that begin in the first `within` characters."""
    found, start = [], 0
    while start < min(within, len(text)):
        end = _SENTENCE.search(text, start)
        stop = end.start() if end else len(text)
        found.append(text[start:stop])
        start = stop + 1
    return found


#: What `clusters` gives.
CLUSTER: dict[str, pl.DataType] = {
    "rule": pl.String(), "level": pl.String(), "problem_code": pl.String(), "by": pl.String(), "key": pl.String(),
    "n_records": pl.UInt32(), "n_callers": pl.UInt32(), "record_ids": pl.List(pl.String()),
    "first_at": pl.Datetime("us", "UTC"), "last_at": pl.Datetime("us", "UTC"),
}


def clusters(records: pl.DataFrame, as_of: datetime, rules: Sequence[ClusterRule]) -> pl.DataFrame:
    """What the cluster rules find among the records known at the as-of; a frame of `CLUSTER`, sorted by rule and key.

    `records`: record_id, created_at, problem_code, title, content, caller_key and those of respondent (or respondent_name),
    community, street, incident_id that are known (a missing column is null). For each key, the window of `days` days that ends with its last record counts. A
    record counts once for a rule, under the first of the rule's `by` columns that gives a cluster.
    """
    if "respondent" not in records.columns and "respondent_name" in records.columns:
        records = records.rename({"respondent_name": "respondent"})
    frames = [_cluster(records, as_of, rule) for rule in rules]
    return pl.concat([pl.DataFrame(schema=CLUSTER), *frames]).sort("rule", "by", "key")


def meant(records: pl.DataFrame, rule: ClusterRule) -> pl.DataFrame:
    """Those of the records (problem_code, content and, where known, title) that a cluster rule would count."""
    code = pl.col("problem_code")
    open_ = records.filter(code.is_in(rule.problems) | code.str.split(".").list.first().is_in(rule.problems))
    if rule.words:
        title = pl.col("title").fill_null("") if "title" in records.columns else pl.lit("")
        open_ = open_.filter((title + "。" + pl.col("content").fill_null("")).str.contains(rule.words))
    return open_


def _cluster(records: pl.DataFrame, as_of: datetime, rule: ClusterRule) -> pl.DataFrame:
    open_ = meant(records.filter((pl.col("created_at") <= as_of) & pl.col("caller_key").is_not_null()), rule)
    found = []
    for by in rule.by:
        if by not in records.columns:
            continue
        known = open_.filter(pl.col(by).is_not_null() & (pl.col(by) != ""))
        last = pl.col("created_at").max().over(by)
        group = (
            known.filter(pl.col("created_at") > last - timedelta(days=rule.days)).sort("created_at", "record_id").group_by(by)
            .agg(pl.col("record_id").n_unique().alias("n_records"), pl.col("caller_key").n_unique().alias("n_callers"),
                 pl.col("record_id").unique(maintain_order=True).alias("record_ids"), pl.col("created_at").min().alias("first_at"),
                 pl.col("created_at").max().alias("last_at"))
            .filter((pl.col("n_records") >= rule.records) & (pl.col("n_callers") >= rule.callers))
        )
        found.append(group.select(
            pl.lit(rule.id).alias("rule"), pl.lit(rule.level).alias("level"), pl.lit(rule.problem).alias("problem_code"),
            pl.lit(by).alias("by"), pl.col(by).cast(pl.String).alias("key"), "n_records", "n_callers", "record_ids", "first_at", "last_at",
        ).cast(CLUSTER))  # type: ignore[arg-type]
        taken = group.select(pl.col("record_ids").list.explode(empty_as_null=False)).to_series()
        open_ = open_.filter(~pl.col("record_id").is_in(taken.implode()))
    return pl.concat([pl.DataFrame(schema=CLUSTER), *found])
