"""What a warning says of its matter: title, summary, whose it is. Figures and the records' own words, no sentence that isn't in the catalogue."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from flows.opening import Opening
from models.incident_titles import tidy_title
from models.incidents import incident_title
from policy import taxonomy
from policy.actions import first_action
from policy.alerts import AtOnce
from policy.catalogue import LANGUAGES, say
from policy.levels import reason
from policy.matters import RULE_ID, MatterRule, SeveralCallers, is_matter_rule, matter_rule
from policy.sentinels import ClusterRule, SentinelRule, cluster, elsewhere, meant, sentinel, words_of
from transforms.match_text import match_text
from transforms.matters import BY_RULE, QUIET
from transforms.privacy import mask_respondent

#: How many places or problems a sentence names before it says how many more there are.
NAMED = 6
#: How many shops a title names.
SHOPS = 3
COPIED_LEAST = 5
#: A sentence of so many characters that stands in half of the records is no accident; two of them are a copied text.
COPIED_SENTENCE, COPIED_SENTENCES = 10, 2
#: A matter that names so many and is not one respondent's is told by no one's name alone.
MANY = 3
#: Another problem is named where it has this share of the records, and two at the least.
SHARE = 0.1
#: A matter is one respondent's where more than this share of the records that name one name it.
HIS = 0.5

Rule = SentinelRule | ClusterRule | MatterRule


def shown(x: float) -> str:
    """A count or an expectation as people read it."""
    return f"{x:.0f}" if x >= 10 or x == round(x) else f"{x:.1f}" if x >= 0.1 else "<0.1"


def listed(names: Sequence[str], lang: str) -> str:
    """Names in one line, and how many more there are."""
    head = ("、" if lang == "zh" else ", ").join(names[:NAMED])
    return head if len(names) <= NAMED else f"{head}{'' if lang == 'zh' else ' '}{say('warn.more', lang, n=len(names) - NAMED)}"


def rule_of(rule_id: str | None, day: date) -> Rule | None:
    """The sentinel, cluster or matter rule of that id on a day. Raises KeyError for one that isn't there."""
    if rule_id is None:
        return None
    if is_matter_rule(rule_id):
        return matter_rule(rule_id)
    try:
        return sentinel(rule_id, day)
    except KeyError:
        return cluster(rule_id, day)


def says_little(rule: Rule | None) -> bool:
    """That several call about one matter, or again, is worth a line; how steep it is, only a kind with an expectation can say."""
    return isinstance(rule, MatterRule)


def do_first(rule: Rule | None, problem: str | None, day: date) -> dict[str, str]:
    """What to do first, in both languages: what the rule advises, else what is suggested for the problem."""
    if rule is None or isinstance(rule, SeveralCallers):
        return {lang: first_action(problem, day, lang) for lang in LANGUAGES}
    return {lang: rule.advice(lang) for lang in LANGUAGES}


@dataclass(frozen=True)
class Marks:
    """What else is known of a matter: its `copied_text`; the special inspection (title, first_day, last_day) that it came after; how many records are of
    callers who write against many; where it comes every year, its records of a fortnight now and a year before; its `opening`, where it has come back."""

    copied: tuple[int, int] | None = None
    drive: Mapping[str, Any] | None = None
    of_claimants: int = 0
    yearly: tuple[int, int] | None = None
    opening: Opening | None = None


@dataclass(frozen=True)
class Speaking:
    """Whose words a warning is told in: `records`, those that its rule heard or that are its respondent's; `respondent`, masked, and its
    key, where the matter is one respondent's; `title`, what these records say it is ("" where they say nothing)."""

    records: pl.DataFrame
    respondent: str | None = None
    respondent_key: str | None = None
    title: str = ""
    shops: list[str] = field(default_factory=list)


def speaking(matter: dict, own: pl.DataFrame, rule: Rule | None) -> Speaking:
    """The title and the respondent come from the same records, so that a warning never names one shop above and another below."""
    kind = matter["kind"]
    heard = _heard(own, rule) if kind in ("sentinel", "cluster") else {}
    told = own.filter(pl.col("record_id").is_in(list(heard))) if heard else own
    key = matter["respondent_key"] if matter["subject"] == "respondent" else None
    if matter["subject"] != "coarse" and key is None and (kind in ("sentinel", "cluster") or matter["subject"] in ("incident", "record")):
        key = _one_respondent(told)
    name = _name(told.filter(pl.col("respondent_key") == key)) if key else None
    if kind == "sentinel" and heard:
        first = _open(told.filter(pl.col("respondent_key").eq_missing(pl.lit(key))) if key else told)
        words = heard[first["record_id"][0]]
        # What happened at another shop than the record is about is not its respondent's.
        return Speaking(told, None if elsewhere(words) else name, None if elsewhere(words) else key, tidy_title(pl.Series([words]))[0])
    # A rule about a street's shops, and a matter of many, are told by their names, any other in the words of its records.
    of_street = isinstance(rule, ClusterRule) and rule.by == ("street",)
    shops = _shops(told) if key is None and matter["subject"] != "coarse" else []
    shops = shops if len(shops) >= (2 if of_street else MANY) and (of_street or not isinstance(rule, ClusterRule)) else []
    others = own.filter(pl.col("respondent_key") != key)["respondent_name"].drop_nulls().unique().sort().to_list() if key is not None else []
    if key is not None:
        told = told.filter(pl.col("respondent_key").eq_missing(pl.lit(key)) | pl.col("respondent_key").is_null())
    about = told.filter(pl.col("problem_code").eq_missing(pl.lit(matter["problem_code"])))
    return Speaking(told, name, key, _title(about, name, others) or _title(told, name, others), shops)


def _heard(own: pl.DataFrame, rule: Rule | None) -> dict[str, str]:
    """The records that a rule heard, and with which words."""
    if isinstance(rule, SentinelRule):
        said = {r: words_of(t, c, rule) for r, t, c in own.select("record_id", "title", "content").iter_rows()}
        return {r: words for r, words in said.items() if words}
    if isinstance(rule, ClusterRule):
        return dict.fromkeys(meant(own, rule)["record_id"].to_list(), "")
    return {}


def _one_respondent(told: pl.DataFrame) -> str | None:
    counts = told.filter(pl.col("respondent_key").is_not_null()).group_by("respondent_key").len("n").sort("n", "respondent_key", descending=[True, False])
    return counts["respondent_key"][0] if counts.height and counts["n"][0] > HIS * int(counts["n"].sum()) else None


def _name(told: pl.DataFrame) -> str | None:
    names = told.filter(pl.col("respondent_name").is_not_null()).group_by("respondent_name").len("n").sort("n", "respondent_name", descending=[True, False])
    return mask_respondent(names["respondent_name"].head(1))[0] if names.height else None


def _shops(told: pl.DataFrame) -> list[str]:
    """The respondents that are named, the one of most records first."""
    by_key = told.filter(pl.col("respondent_name").is_not_null()).group_by("respondent_key").agg(
        pl.len().alias("n"), pl.col("respondent_name").mode().sort().first()).sort("n", "respondent_name", descending=[True, False])
    return mask_respondent(by_key["respondent_name"]).to_list()


def _title(told: pl.DataFrame, name: str | None, others: Sequence[str]) -> str:
    """The most central title: where the matter is one respondent's (`name`), one that names it if there is any, and never one that names `others`."""
    said = pl.coalesce("title", "content").fill_null("")
    mine = told.filter(~pl.any_horizontal(pl.lit(False), *(said.str.contains(o, literal=True) for o in others if len(o) > 1)))
    naming = mine.filter(said.str.contains(name, literal=True)) if name else mine.clear()
    candidates = naming if naming.height else mine
    return incident_title(_open(candidates).select("title", "content", "created_at")) if candidates.height else ""


def _open(told: pl.DataFrame) -> pl.DataFrame:
    """Those that are no reports (举报) where there are any: a reporter's words are used only where there are no others."""
    others = told.filter(pl.col("record_type").ne_missing(pl.lit("report")))
    return others if others.height else told


def problem_name(problem: str | None, own: pl.DataFrame, lang: str) -> str:
    """A problem in words: the taxonomy's name, else what its records call it."""
    if problem and taxonomy.problem(problem):
        return taxonomy.name(problem, lang)
    named = own.filter(pl.col("problem_code") == problem)["problem_name"].drop_nulls() if problem else own["problem_name"].clear()
    return named[0] if named.len() else say("warn.noproblem", lang)


def said(matter: dict, own: pl.DataFrame, speaks: Speaking, rule: Rule | None, day: date, level_row: str, at_once: AtOnce | None,
         marks: Marks) -> dict[str, dict[str, str]]:
    """{"zh": {"title", "summary", "what"}, "en": …}: what a warning says, in both languages; `what` is what happened, without what to do and the level."""
    return {lang: _said(matter, own, speaks, rule, day, level_row, at_once, marks, lang) for lang in LANGUAGES}


def _said(matter: dict, own: pl.DataFrame, speaks: Speaking, rule: Rule | None, day: date, level_row: str, at_once: AtOnce | None,
          marks: Marks, lang: str) -> dict[str, str]:
    kind, problem, window = matter["kind"], matter["problem_code"], matter["window"] or 1
    name = problem_name(problem, own, lang)
    # A shock over a whole place is told by all the problems that its figures sum.
    rose = [p for p in matter["problems"] if p] if matter["subject"] == "coarse" else []
    told_as = listed([problem_name(p, own, lang) for p in rose], lang) if len(rose) > 1 else name
    where = (matter["fine_place"] if matter["subject"] != "coarse" else matter["coarse_place"]) or matter["coarse_place"]
    by_day = kind in ("surge", *QUIET, "spread")
    lately = own.filter(pl.col("local_date") > day - timedelta(days=window)).height
    cell = kind == "incident" and (matter["observed"] or 0) > own.height
    words: dict[str, Any] = {
        "place": where or "", "problem": told_as, "window": window, "observed": shown(matter["observed"] or own.height), "lately": lately,
        "expected": shown(matter["expected"]) if matter["expected"] is not None else "—", "n": own.height,
        "respondent": speaks.respondent or say("warn.nameless", lang), "rule": rule.name(lang) if rule else "",
        "first": day - timedelta(days=window - 1) if by_day else own["local_date"].min(), "last": day if by_day else own["local_date"].max(),
        "title": speaks.title or (f"{speaks.respondent} {name}" if speaks.respondent else name), "shops": "", "spot": ""}
    if speaks.shops:
        words["shops"] = say("warn.shops", lang, shops=("、" if lang == "zh" else ", ").join(speaks.shops[:SHOPS]), n=len(speaks.shops))
        words["title"] = say("warn.many", lang, problem=name, shops=words["shops"])
    several = matter["rule"] == RULE_ID and kind == "cluster"
    template = "several" if several else "respondent" if matter["subject"] == "respondent" and kind == "surge" else kind
    # A title that begins with the place has said it.
    words["spot"] = "" if not where or where in speaks.title else f"{where}，" if lang == "zh" else f"{where}, "
    if kind == "cluster" and speaks.shops and not several:
        template = "shops"
    if kind == "recurrence":
        template = "after_inspection" if marks.drive is not None else kind
        words |= _returned(own, day, window, marks.drive)
    what = "several" if several else "incident_cell" if cell else template if kind == "recurrence" else kind
    join = "" if lang == "zh" else " "
    lines = [say(f"warn.what.{what}", lang, **words), *_besides(matter, own, rule, marks, lang)]
    alone = join.join(lines)
    if at_once is not None:
        units = listed(at_once.names(lang), lang)
        lines.insert(0, say("warn.at_once" if units else "warn.at_once.nobody", lang, hours=at_once.hours, units=units))
    if rule is not None and not isinstance(rule, SeveralCallers):
        lines.insert(1 if at_once is not None else 0, say("warn.advice", lang, advice=rule.advice(lang)))
    lines.append(say("warn.level", lang, row=reason(level_row, lang)))
    title = say(f"warn.title.{template}", lang, **words)
    return {"title": title[:1].upper() + title[1:], "summary": join.join(lines), "what": alone}


def _returned(own: pl.DataFrame, day: date, window: int, drive: Mapping[str, Any] | None) -> dict[str, Any]:
    """What had been done before a matter came back."""
    if drive is not None:
        return {"drive": drive["title"], "first": drive["first_day"], "last": drive["last_day"], "n": own.filter(pl.col("local_date") > drive["last_day"]).height}
    again = own.filter(pl.col("local_date") > day - timedelta(days=window))["created_at"].min()
    done = own.filter((pl.col("status") == "closed") & (pl.col("closed_at") < again))
    closed = done["closed_at"].max()
    return {"solved": done.filter(pl.col("solved").fill_null(False)).height, "closed": closed.date() if isinstance(closed, datetime) else "—"}


def _besides(matter: dict, own: pl.DataFrame, rule: Rule | None, marks: Marks, lang: str) -> list[str]:
    """Streets, other problems, callers, the rule that a rise also meets, copied text, claimants' records, what comes every year."""
    lines = []
    streets = told_streets(matter)
    if len(streets) > 1:
        lines.append(say("warn.also.streets", lang, streets=listed(streets, lang)))
    named = problem_name(matter["problem_code"], own, lang)
    counts = own["problem_code"].drop_nulls().value_counts().sort("count", "problem_code", descending=[True, False])
    others = [problem_name(p, own, lang) for p, n in counts.iter_rows() if n >= max(2, SHARE * own.height)] if matter["subject"] != "coarse" else []
    others = [n for n in dict.fromkeys(others) if n != named]
    if others:
        lines.append(say("warn.also.problems", lang, problems=listed(others, lang)))
    secret = (own["record_type"] == "report").any()
    callers = own["caller_key"].drop_nulls().n_unique()
    if callers and not secret:
        lines.append(say("warn.also.callers", lang, n=callers))
    if rule is not None and matter["kind"] not in BY_RULE:
        lines.append(say("warn.also.sentinel", lang, rule=rule.name(lang)))
    if marks.copied and not secret:
        lines.append(say("warn.also.copied", lang, k=marks.copied[0], n=marks.copied[1]))
    if marks.of_claimants:
        lines.append(say("warn.also.claimants", lang, n=marks.of_claimants))
    if marks.opening is not None:
        lines.append(say("warn.also.again", lang, n=marks.opening.before, k=marks.opening.no - 1, after=marks.opening.after, since=marks.opening.since))
    if marks.yearly is not None:
        lines.append(say("warn.also.as_last_year", lang, n=marks.yearly[0], then=marks.yearly[1]))
    return lines


def told_streets(matter: dict) -> list[str]:
    """The streets that a matter is told with: of one street alone it is the place."""
    return list(matter["streets"] or []) if matter["subject"] in ("coarse", "respondent", "incident") else []


def copied_text(own: pl.DataFrame) -> tuple[int, int] | None:
    """(records with copied text, their callers) where that is half of the matter: two sentences or more that stand in half of the records."""
    text = match_text(own["content"].fill_null("")).str.replace_all(r"[\s\d]", "")
    who = own.select("record_id", pl.coalesce("caller_key", "record_id").alias("who")).with_columns(
        text.str.replace_all("[，。！？；,.!?;]", "|").str.split("|").alias("said"))
    said = who.explode("said").filter(pl.col("said").str.len_chars() >= COPIED_SENTENCE).unique()
    common = said.group_by("said").agg(pl.col("record_id").n_unique().alias("k")).filter(pl.col("k") >= max(COPIED_LEAST, own.height / 2))
    if common.height < COPIED_SENTENCES:
        return None
    copies = said.join(common, on="said", how="semi").group_by("record_id", "who").agg(pl.len().alias("same")).filter(pl.col("same") >= COPIED_SENTENCES)
    return (copies.height, copies["who"].n_unique()) if copies.height >= max(COPIED_LEAST, own.height / 2) else None
