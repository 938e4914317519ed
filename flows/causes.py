"""`weisu causes`: what carries the change of a problem between two periods, in a few lines, each adding up."""
from dataclasses import dataclass
from datetime import date

import polars as pl
from rich.console import Console

from flows.drives import campaigns, drives_known
from flows.facts import told_as_of
from flows.figures import Facts
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json
from flows.running import House
from policy import taxonomy
from policy.catalogue import say
from policy.periods import SPAN, Period, holding
from transforms.causes import by_chance, causes, concentration
from transforms.entities import normalise_respondent
from transforms.privacy import mask_respondent
from warehouse.settings import Settings

#: Factors of a change, in the order in which ties are decided.
FACTORS = ("respondent", "problem", "street", "product", "channel", "type", "unit")
COMPARE = ("previous", "year")
ALL = "all"


@dataclass(frozen=True)
class Caused:
    """One comparison. `lines`: of `transforms.causes.LINE`; None where the earlier period's records are missing."""

    compare: str
    period: Period
    other: Period
    lines: pl.DataFrame | None
    chance: bool


def problem_named(text: str, seen: pl.DataFrame) -> tuple[str, pl.Expr] | None:
    """A problem's or group's own name for a code or name, and which records are of it; None for one that no record and no taxonomy knows."""
    if text == ALL:
        return ALL, pl.lit(True)
    tree = taxonomy.taxonomy()
    types = [p for p in map(tree.problem, tree.codes()) if p is not None]
    code = next((p.code for p in types if text in (p.code, p.name_zh, p.name_en)), None)
    if code:
        return code, pl.col("problem_code") == code
    group = next((p.parent for p in types if text in (p.parent, tree.name(p.parent, "zh"), tree.name(p.parent, "en"))), None)
    if group:
        return group, pl.col("group") == group
    known = seen.filter(pl.col("problem_code").is_in([text]) | pl.col("problem_name").is_in([text]))
    return (known["problem_code"][0], pl.col("problem_code") == known["problem_code"][0]) if known.height else None


def with_factors(rows: pl.DataFrame) -> pl.DataFrame:
    """The records with a column for each factor. A respondent is known by its normalised name and shown by its commonest spelling, masked where personal."""
    key = normalise_respondent(rows["respondent_name"]).alias("_key")
    named = rows.with_columns(key)
    spelt = (named.filter(pl.col("_key").is_not_null()).group_by("_key", "respondent_name").len().sort("len", "respondent_name", descending=[True, False])
             .unique("_key", keep="first", maintain_order=True))
    spelt = spelt.with_columns(mask_respondent(spelt["respondent_name"]).alias("respondent"))
    return named.join(spelt.select("_key", "respondent"), on="_key", how="left", maintain_order="left").with_columns(
        pl.coalesce("problem_name", "problem_code").alias("problem"), pl.col("object_category").alias("product"), pl.col("record_type").alias("type"), pl.col("lead_unit").alias("unit"))


def caused(facts: Facts, which: pl.Expr, period: Period, compare: str) -> Caused:
    """The change of the records that `which` chooses, between a period and the one it is compared with."""
    other = period.year_before() if compare == "year" else period.before()
    if not facts.has(other):
        return Caused(compare, period, other, None, False)
    now = facts.within("records", period).filter(which).with_columns(pl.lit(True).alias("now"))
    rows = with_factors(pl.concat([now, facts.within("records", other).filter(which).with_columns(pl.lit(False).alias("now"))]))
    factors = [f for f in FACTORS if rows[f].n_unique() > 1]
    scale = period.days / other.days
    return Caused(compare, period, other, causes(rows.select("now", *factors), factors, scale), by_chance(rows.height - now.height, now.height, scale))


def sentences(found: Caused, name: str, lang: str) -> list[str]:
    """A comparison in words."""
    about = {"problem": name, "first": found.period.first, "last": found.period.last, "first0": found.other.first, "last0": found.other.last}
    against = say(f"causes.{found.compare}", lang)
    if found.lines is None:
        return [say("causes.missing", lang, against=against, **about)]
    whole = found.lines.row(0, named=True)
    change = say("causes.new", lang) if not whole["before"] else f"{whole['contribution'] / whole['before']:+.2%}"
    out = [say("causes.head", lang, against=against, now=f"{whole['now']:.0f}", before=_n(whole["before"]), change=change, **about)]
    if found.chance:
        out.append(say("causes.chance", lang))
    for line in found.lines.slice(1).iter_rows(named=True):
        rest = line["factor"] == "rest"
        factor = line["value"] if rest else line["factor"]
        value = None if rest else say("causes.unnamed", lang) if line["value"] is None else _word(factor, line["value"], lang)
        out.append("  " * line["depth"] + say("causes.others" if rest else "causes.line", lang, factor=say(f"causes.factor.{factor}", lang), value=value, before=_n(line["before"]),
                                               now=f"{line['now']:.0f}", change=_n(line["contribution"], signed=True), share=f"{line['share']:.0%}"))
    if found.lines.height == 1 and not found.chance:
        out.append(say("causes.spread", lang))
    return out


def _word(factor: str, value: str, lang: str) -> str:
    from policy.catalogue import catalogue
    key = f"causes.{factor}.{value}"
    return say(key, lang) if key in catalogue() else value


def _n(value: float, signed: bool = False) -> str:
    text = f"{value:.1f}" if value != int(value) else f"{value:.0f}"
    return f"+{text}" if signed and value > 0 else text


def curve(rows: pl.DataFrame, lang: str) -> list[str]:
    """How concentrated the records of a period are on respondents, in words."""
    key = normalise_respondent(rows["respondent_name"])
    points = concentration(key)
    if points.is_empty():
        return []
    out = [say("causes.curve", lang, named=key.len() - key.null_count(), n=rows.height, keys=key.drop_nulls().n_unique())]
    return out + ["  " + say("causes.point", lang, share=f"{p['share_of_keys']:.0%}", k=p["n_keys"], records=f"{p['share_of_records']:.0%}", n=p["n_records"])
                  for p in points.iter_rows(named=True)]


def show_causes(settings: Settings, problem: str, kind: str, day: date | None, span: tuple[date, date] | None, compare: str | None, form: str) -> int:
    """Prints what carries the change of a problem, against the period before and the year before."""
    house = House.open(settings)
    lang = settings.lang
    try:
        as_of = told_as_of(house)
        period = Period(SPAN, *span) if span else holding(kind, day_of_list(house, day))
        facts = Facts.of(house, [period, period.before(), period.year_before()], as_of, ("records",))
        found = problem_named(problem, facts.records)
        if found is None:
            raise BadUsage(say("usage.nothing", lang, what=problem))
        code, which = found
        told = [caused(facts, which, period, c) for c in ([compare] if compare else COMPARE)]
        name = say("causes.all", lang) if code == ALL else taxonomy.name(code, lang)
        if form == "json":
            print_json([{"compare": t.compare, "first": t.period.first, "last": t.period.last, "before_first": t.other.first, "before_last": t.other.last, "chance": t.chance,
                         "lines": t.lines.to_dicts() if t.lines is not None else None} for t in told])
            return 0
        console = Console(highlight=False, soft_wrap=True)
        for t in told:
            for line in sentences(t, name, lang):
                console.print(line, markup=False)
        for text in campaigns(drives_known(house), [p for t in told for p in (t.period, t.other)], lang):
            console.print(say("review.campaign", lang, text=text), markup=False)
        for line in curve(facts.within("records", period).filter(which), lang):
            console.print(line, markup=False)
        return 0
    finally:
        house.warehouse.close()
