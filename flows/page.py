"""The page of a night: one file, nothing loaded from elsewhere, readable on a phone and on paper."""
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from flows import charts
from flows.exports import cell, expected_false, for_people, heading, number, reported
from policy.catalogue import catalogue, say

TEMPLATES = Path(__file__).parent / "templates"
QUOTES, QUOTE_LENGTH = 3, 160


def warning_page(warnings: pl.DataFrame, records: pl.DataFrame | None = None, series: pl.DataFrame | None = None,
                 runs: pl.DataFrame | None = None, lang: str = "zh", score: Any = None, notices: pl.DataFrame | None = None,
                 header: Mapping[str, Any] | None = None, time_zone: str = "Asia/Shanghai") -> str:
    """The list of warnings as one HTML page.

    `warnings`: columns of v_warnings, in any order; `records`: warning_id, record_id, role, content (masked), record_type, created_at;
    `series`, `notices`, `runs`: rows of those views (of runs the last is the page's); `score`: a `flows.demo.score.Score`.
    What a record says stands in the page as text only, whatever it contains.
    """
    about = _about(runs, header)
    hidden = set(reported(records))
    listed = for_people(warnings, records)
    rows = list(listed.iter_rows(named=True))
    raw = {w["warning_id"]: w for w in warnings.iter_rows(named=True)}
    curves = charts.curves_svg([(charts.points_of(raw[w["warning_id"]], series, records, time_zone), w.get("raised_on")) for w in rows], lang)
    cards = [_card(w, svg, records, w["warning_id"] in hidden, lang, time_zone) for w, svg in zip(rows, curves)]
    return _template("page.html.j2").render(
        lang=lang, css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")), fonts=Markup(charts.FONTS), cards=cards,
        t=lambda key, **values: say(key, lang, **values), heading=heading({**about, "expected_false_alarms": None}, lang, time_zone)[:1],
        expected_false=expected_false(about, lang), withheld=about.get("outcome") == "withheld", about=about,
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


def _card(warning: Mapping, svg: str, records: pl.DataFrame | None, hidden: bool, lang: str, time_zone: str) -> dict:
    """What one card shows: its words, its figures, its facts, what the callers said."""
    def shown(name: str) -> str:
        return cell(name, warning.get(name), lang, time_zone)

    figures = []
    if warning.get("observed") is not None:
        figures.append((shown("observed"), say("col.observed", lang)))
    if warning.get("expected") is not None:
        figures.append((number(warning["expected"]), say("col.expected", lang)))
    if warning.get("ratio") is not None:
        figures.append((number(warning["ratio"]) + "×", say("col.ratio", lang)))
    if warning.get("n_records") is not None:
        figures.append((shown("n_records"), say("col.n_records", lang)))
    if warning.get("n_callers") is not None and not hidden:
        figures.append((shown("n_callers"), say("col.n_callers", lang)))
    facts = [(say(f"col.{c}", lang), shown(c)) for c in
             ("place", "respondent", "problem_name", "lead_unit", "co_units", "law", "due_at", "first_seen", "raised_on", "status", "verdict")
             if shown(c)]
    if warning.get("problem_name") is None and warning.get("problem_code"):
        facts.insert(2, (say("col.problem_name", lang), str(warning["problem_code"])))
    return {"id": warning["warning_id"], "level": warning["level"], "level_name": shown("level"), "kind": shown("kind"),
            "title": warning.get("title") or "", "summary": warning.get("summary") or "", "figures": figures, "facts": facts,
            "quotes": [] if hidden else _quotes(warning["warning_id"], records, time_zone), "hidden": hidden, "curve": Markup(svg),
            "no_expected": warning.get("expected") is None and warning.get("kind") in ("sentinel", "cluster")}


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
