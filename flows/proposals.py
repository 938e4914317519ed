"""`weisu themes` and `weisu cases`: what might be next month's theme, which complaints point to a case, and whom to inspect after one."""
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from rich.console import Console
from rich.table import Table

from flows.causes import with_factors
from flows.drives import theme_of
from flows.facts import known_as_of
from flows.figures import Facts
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json
from flows.running import House
from policy import taxonomy
from policy.catalogue import say
from policy.packs import law_for
from policy.periods import SPAN, Period
from policy.themes import rules
from transforms.proposals import MONTH, PARTS, WINDOW, alike, suspects, themes
from warehouse.settings import Settings


@dataclass(frozen=True)
class Past:
    """The records of two years before a day, with `respondent` as it is shown (normalised spellings are one)."""

    facts: Facts
    day: date

    @property
    def records(self) -> pl.DataFrame:
        """All of them."""
        return self.facts.records.filter(pl.col("local_date") <= self.day)

    def proposals(self) -> pl.DataFrame:
        """Themes by score: columns of `transforms.proposals.themes`."""
        plan, back = rules()["themes"], lambda first, last: Period(SPAN, self.day - timedelta(days=first), self.day - timedelta(days=last))
        streets = self.records["street"].drop_nulls().n_unique()
        found = themes(self.records, self.day, streets, plan["weights"], plan["least"], self.facts.has(back(WINDOW - 1 + 364, 364)), self.facts.has(back(363, 363 - MONTH + 1)),
                       self.facts.has(back(2 * WINDOW - 1, WINDOW)))
        return found.head(plan["top"])

    def suspects(self) -> pl.DataFrame:
        """Complaints that point to a case under a law of market supervision: columns of `transforms.proposals.suspects`, and `law`."""
        plan = rules()["cases"]
        seen = with_factors(self.records.filter(pl.col("local_date") > self.day - timedelta(days=plan["days"])))
        found = suspects(seen, plan["records"], plan["callers"], plan["verified"])
        laws = {c: law_for(c, self.day, "tongzhou") for c in found["problem_code"].unique().to_list() if (p := taxonomy.problem(c)) is not None and p.domain == "market"}
        return found.with_columns(pl.col("problem_code").replace_strict(laws, default=None, return_dtype=pl.String).alias("law")).filter(pl.col("law").is_not_null())


def past_of(house: House, day: date) -> Past | None:
    """What proposals are made from; None where nothing was ever stored."""
    as_of = known_as_of(house)
    return None if as_of is None else Past(Facts.of(house, [Period(SPAN, day - timedelta(days=WINDOW + 364), day)], as_of, ("records",)), day)


def show_themes(settings: Settings, day: date | None, form: str) -> int:
    """Prints the proposals for next month with every part of their score."""
    house = House.open(settings)
    lang = settings.lang
    try:
        past = past_of(house, day_of_list(house, day))
        if past is None:
            raise BadUsage(say("metrics.none", lang))
        found = past.proposals()
        if form == "json":
            print_json(found.to_dicts())
            return 0
        running, weights = theme_of(past.day, house.warehouse.read("drive")), rules()["themes"]["weights"]
        heads = [f"{say(f'themes.{p}', lang)} ×{weights[p]}" for p in PARTS]
        table = Table(say("review.col.what", lang), say("review.col.n", lang), *heads, say("themes.score", lang), say("review.col.notes", lang), title=say("themes.title", lang, day=past.day), title_justify="left")
        for r in found.iter_rows(named=True):
            note = say("themes.running", lang, title=running[r["problem_code"]]) if r["problem_code"] in running else ""
            table.add_row(taxonomy.name(r["problem_code"], lang), str(r["n"]), *("—" if r[p] is None else f"{r[p]:.2f}" for p in PARTS), f"{r['score']:.2f}", note)
        Console(highlight=False, width=140).print(table)
        return 0
    finally:
        house.warehouse.close()


def show_cases(settings: Settings, day: date | None, like: str | None, form: str) -> int:
    """Prints complaints that point to a case, or, like one that became a case, the same kind of premises in its street."""
    house = House.open(settings)
    lang = settings.lang
    try:
        past = past_of(house, day_of_list(house, day))
        if past is None:
            raise BadUsage(say("metrics.none", lang))
        if like is not None:
            seen = with_factors(past.records)
            mine = seen.filter(pl.col("record_id") == like)
            if mine.is_empty() or mine["problem_code"][0] is None or mine["street"][0] is None:
                raise BadUsage(say("usage.nothing", lang, what=like))
            found = alike(seen, mine["problem_code"][0], mine["street"][0], [mine["respondent"][0]])
            if form == "json":
                print_json(found.to_dicts())
                return 0
            print(say("cases.alike", lang, problem=taxonomy.name(mine["problem_code"][0], lang), street=mine["street"][0], n=found.height))
            for r in found.iter_rows(named=True):
                print("  " + say("cases.premises", lang, respondent=r["respondent"], n=r["n"], last=r["last"]))
            return 0
        told = past.suspects()
        if form == "json":
            print_json(told.with_columns(pl.when("has_report").then(None).otherwise("n_callers").alias("n_callers")).to_dicts())
            return 0
        print(say("cases.title", lang, day=past.day, days=rules()["cases"]["days"], n=told.height))
        for r in told.iter_rows(named=True):
            print("  " + case_line(r, lang))
        return 0
    finally:
        house.warehouse.close()


def lead(row: dict, lang: str) -> dict[str, object]:
    """One suspicion as the cells of a table; how many callers is not said where a report is among the records. Of several laws the first is named."""
    law = (row["law"] or "").split("；")
    found = say("cases.proved", lang, true=row["n_true"], found=row["n_found"]) if row["n_found"] else say("cases.unverified", lang)
    return {"respondent": row["respondent"], "street": row["street"], "what": taxonomy.name(row["problem_code"], lang), "n": row["n"], "n_callers": None if row["has_report"] else row["n_callers"],
            "found": found + (say("cases.filed", lang) if row["filed"] else ""), "law": law[0] + (say("cases.more_laws", lang, n=len(law)) if len(law) > 1 else "")}


def case_line(row: dict, lang: str) -> str:
    """One suspicion in words; how many callers is not said where a report is among the records."""
    callers = "" if row["has_report"] else say("cases.callers", lang, n=row["n_callers"])
    found = say("cases.verified", lang, true=row["n_true"], found=row["n_found"]) if row["n_found"] else say("cases.unverified", lang)
    return say("cases.line", lang, respondent=row["respondent"], street=row["street"] or "—", problem=taxonomy.name(row["problem_code"], lang), n=row["n"], callers=callers, found=found,
               law=row["law"] or "—", filed=say("cases.filed", lang) if row["filed"] else "")
