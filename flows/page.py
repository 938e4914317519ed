"""The page of a night: one file, nothing loaded from elsewhere, readable on a phone and on paper."""
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from flows import charts
from flows.card import at_once_line, law_lines, past_line
from flows.exports import Cards, cell, expected_false, for_people, heading, left_out, number, reported, rows_of
from policy.catalogue import catalogue, say
from transforms.matters import BY_RULE

TEMPLATES = Path(__file__).parent / "templates"
QUOTES, QUOTE_LENGTH = 3, 160
#: How many streets and records a card lists; of records the newest.
STREETS, RECORDS = 8, 30
#: A fact of more characters has a line of its own.
LONG = 24


def warning_page(warnings: pl.DataFrame, records: pl.DataFrame | None = None, series: pl.DataFrame | None = None,
                 runs: pl.DataFrame | None = None, lang: str = "zh", score: Any = None, notices: pl.DataFrame | None = None,
                 header: Mapping[str, Any] | None = None, time_zone: str = "Asia/Shanghai", cards: Cards | None = None, translate: bool = False) -> str:
    """The list of warnings as one HTML page.

    `warnings`: columns of v_warnings, in any order; `records`: warning_id, record_id, role, content (masked), record_type, created_at;
    `series`, `notices`, `runs`: rows of those views (of runs the last is the page's); `score`: a `flows.demo.score.Score`.
    `cards`: `flows.card.cards_of` these warnings, for all that a dispatcher needs; with `translate` titles and names are theirs in `lang`.
    What a record says stands in the page as text only, whatever it contains.
    """
    about = _about(runs, header)
    hidden = set(reported(records))
    listed = for_people(warnings, records)
    cards = cards or {}
    rows = rows_of(listed, cards, lang, translate)
    raw = {w["warning_id"]: w for w in warnings.iter_rows(named=True)}
    curves = charts.curves_svg([(charts.points_of(raw[w["warning_id"]], series, records, time_zone), w.get("raised_on")) for w in rows], lang)
    shown = [_card(w, cards.get(w["warning_id"]), svg, records, w["warning_id"] in hidden, lang, time_zone) for w, svg in zip(rows, curves)]
    return _template("page.html.j2").render(
        lang=lang, css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")), fonts=Markup(charts.FONTS), cards=shown,
        t=lambda key, **values: say(key, lang, **values), heading=heading({**about, "expected_false_alarms": None, "left_out": 0}, lang, time_zone)[:1],
        expected_false=expected_false(about, lang), left_out=about.get("left_out") or left_out(notices), withheld=about.get("outcome") == "withheld", about=about,
        rows_line=_rows_line(about, lang), notices=_notices(notices, lang, time_zone), score=score,
        levels=[(level, sum(1 for w in rows if w["level"] == level)) for level in ("red", "orange", "yellow", "blue")],
        score_rows=score.rows(lang) if score is not None else [], score_head=score.header(lang) if score is not None else [])


def _about(runs: pl.DataFrame | None, header: Mapping | None) -> dict:
    about = dict(runs.row(-1, named=True)) if runs is not None and runs.height else {}
    about["run"] = about.get("run_id")
    return {**about, **{k: v for k, v in (header or {}).items() if v is not None}}


def _rows_line(about: Mapping, lang: str) -> str:
    names = {"read": "rows_read", "accepted": "accepted", "quarantined": "quarantined", "unchanged": "unchanged"}
    if any(about.get(v) is None for v in names.values()):
        return ""
    return say("page.rows", lang, **{k: about[v] for k, v in names.items()})


#: Facts that stand under the figures. What a card tells in a place of its own is left out where there is a card.
_FACTS = ("place", "respondent", "problem_name", "lead_unit", "co_units", "law", "due_at", "first_seen", "last_seen", "raised_on", "level_reason", "status", "assigned_to",
          "owner", "verdict", "record_numbers")
_ELSEWHERE = ("lead_unit", "co_units", "law", "due_at")
_FIGURES = ("observed", "expected", "ratio", "n_records", "n_callers")


def _card(warning: Mapping, card: Mapping | None, svg: str, records: pl.DataFrame | None, hidden: bool, lang: str, time_zone: str) -> dict:
    """What one card shows: what to do and who goes, its words, its figures, its facts, what the callers said, how such matters ended."""
    def shown(name: str) -> str:
        return cell(name, warning.get(name), lang, time_zone)

    names = {"observed": say("page.in_days", lang, n=warning.get("window_days") or 1) if card else say("col.observed", lang), "expected": say("page.usual", lang),
             "n_records": say("page.in_all", lang)}
    # Where nothing was expected, what came in some days says no more than what came in all.
    figures = [(number(warning[c]) + ("×" if c == "ratio" else ""), names.get(c) or say(f"col.{c}", lang)) for c in _FIGURES
               if warning.get(c) is not None and not (c == "n_callers" and hidden) and not (c == "observed" and warning.get("expected") is None)]
    facts = [(say(f"col.{c}", lang), shown(c), len(shown(c)) > LONG) for c in _FACTS if shown(c) and not (card and c in _ELSEWHERE)]
    if warning.get("problem_name") is None and warning.get("problem_code"):
        facts.insert(2, (say("col.problem_name", lang), str(warning["problem_code"]), False))
    return {"id": warning["warning_id"], "level": warning["level"], "level_name": shown("level"), "kind": shown("kind"), "rank": warning.get("rank"),
            "title": warning.get("title") or "", "summary": (card["what"][lang] if card and _in(card, lang) else warning.get("summary")) or "",
            "figures": figures, "facts": facts, "certain": _certain(warning, lang),
            "quotes": _quotes_of(card, time_zone) if card else [] if hidden else _quotes(warning["warning_id"], records, time_zone), "hidden": hidden,
            "curve": Markup(svg) if (warning.get("n_records") or 0) > 1 or warning.get("expected") is not None else "", "no_expected": warning.get("expected") is None and warning.get("kind") in BY_RULE,
            "work": _work(warning, card, lang, time_zone) if card else None}


def _in(card: Mapping, lang: str) -> bool:
    """Whether the card's account of what happened is in the page's language, or may be shown in it."""
    return bool(card["what"].get(lang))


def _certain(warning: Mapping, lang: str) -> str:
    """How sure: the q-value and the share of such warnings that proved right, where they are known."""
    said = []
    if warning.get("q_value") is not None:
        said.append(say("page.q", lang, q=number(warning["q_value"]) if warning["q_value"] >= 0.001 else "<0.001"))
    if warning.get("expected_precision") is not None:
        said.append(say("page.precision", lang, p=f"{100 * warning['expected_precision']:.0f}"))
    return (" · ").join(said)


def _work(warning: Mapping, card: Mapping, lang: str, time_zone: str) -> dict[str, Any]:
    """Who goes, whom to tell, by when, under which law, where, and how it ended before."""
    clock = card["clock"]
    left = clock["workdays_left"] if clock else None
    most = max((s["n"] for s in card["streets"]), default=1)
    return {"first_action": card["first_action"][lang], "at_once": at_once_line(card, lang), "lead": cell("lead_unit", warning.get("lead_unit"), lang, time_zone),
            "co_units": [(u[lang], u["because"][lang]) for u in card["co_units"]],
            "due": cell("due_at", clock["due_at"], lang, time_zone) if clock else "", "overdue": left is not None and left < 0,
            "left": "" if left is None else say("page.days_over" if left < 0 else "page.days_left", lang, n=abs(left)),
            "clock": " · ".join(x for x in (clock[lang], clock["source"], say("page.provisional", lang) if clock["provisional"] else None) if x) if clock else "",
            "law": law_lines(card, lang), "past": [past_line(p, lang) for p in card["past"]],
            "streets": [(s["street"] or say("page.no_street", lang), s["n"], round(100 * s["n"] / most)) for s in (card["streets"][:STREETS] if len(card["streets"]) > 1 else [])],
            "more_streets": max(0, len(card["streets"]) - STREETS),
            "records": [(r["source_record_id"], cell("created_at", r["created_at"], lang, time_zone), r["street"] or "", cell("record_type", r["record_type"], lang, time_zone),
                         cell("record_status", r["status"], lang, time_zone)) for r in card["records"][-RECORDS:][::-1]],
            "n_records": say("page.records_newest" if len(card["records"]) > RECORDS else "page.records", lang, n=len(card["records"]), k=RECORDS)}


def _quotes_of(card: Mapping, time_zone: str) -> list[dict]:
    return [{"when": cell("created_at", q["created_at"], "zh", time_zone), "text": _short(q["text"])} for q in card["quotations"]]


def _quotes(warning_id: str, records: pl.DataFrame | None, time_zone: str) -> list[dict]:
    """Up to three masked texts: those named as examples first, then the newest; the same words once."""
    if records is None or records.is_empty() or "content" not in records.columns:
        return []
    own = (records.filter((pl.col("warning_id") == warning_id) & pl.col("content").is_not_null())
           .with_columns((pl.col("role") == "example").alias("_first"))
           .sort(["_first", "created_at", "record_id"], descending=[True, True, False])
           .unique("content", keep="first", maintain_order=True).head(QUOTES))
    return [{"when": cell("created_at", r["created_at"], "zh", time_zone), "text": _short(r["content"])} for r in own.iter_rows(named=True)]


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTE_LENGTH else flat[:QUOTE_LENGTH - 1] + "…"


def _notices(notices: pl.DataFrame | None, lang: str, time_zone: str) -> list[dict]:
    if notices is None or notices.is_empty():
        return []
    return [{"kind": f"{n.get('code') or n.get('kind') or ''}", "when": _day(n.get("raised_on")), "summary": n.get("summary") or ""}
            for n in notices.iter_rows(named=True)]


def _day(day: Any) -> str:
    return day.isoformat() if isinstance(day, date) else str(day or "")


@cache
def _template(name: str):
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.globals["known"] = lambda key: key in catalogue()
    return env.get_template(name)


def render(template: str, **values: Any) -> str:
    """Another of our pages, with the fonts that hold Chinese."""
    return _template(template).render(fonts=Markup(charts.FONTS), **values)
