"""The list of warnings as people take it away: a table on screen, JSON, CSV, a workbook, a page."""
import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from flows.card import flat, json_ready
from policy.catalogue import catalogue, say

Cards = Mapping[str, Mapping[str, Any]]
FORMATS = ("table", "json", "csv", "xlsx", "html")

#: What a person reads first stands first; the figures behind it and the ids come last.
COLUMNS = ("level", "title", "n_records", "place", "first_action", "tell_at_once", "lead_unit", "co_units", "due_at", "workdays_left", "status", "streets", "respondent",
           "problem_name", "summary", "level_reason", "record_numbers", "n_callers", "observed", "expected", "ratio", "window_days", "first_seen", "last_seen", "raised_on", "updated_on",
           "co_units_why", "law", "clock", "clock_source", "past", "quotations", "assigned_to", "owner", "verdict", "expected_precision", "p_value", "q_value", "kind",
           "problem_code", "warning_id", "change_no", "merged_into", "as_of", "run_id")
#: Whose list it is, on every row of a form that has no room above it.
OF_LIST = ("list_run", "list_date", "list_as_of", "expected_false_alarms", "left_out")
LEVELS = ("red", "orange", "yellow", "blue")
#: Of what a card says, that which v_warnings says already, in the house's language.
AS_PUBLISHED = ("title", "summary", "problem_name", "lead_unit", "co_units")
#: A spreadsheet takes a cell that opens with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def export(warnings: pl.DataFrame, fmt: str, path: Path | None = None, lang: str = "zh", header: Mapping[str, Any] | None = None,
           records: pl.DataFrame | None = None, series: pl.DataFrame | None = None, notices: pl.DataFrame | None = None,
           runs: pl.DataFrame | None = None, time_zone: str = "Asia/Shanghai", cards: Cards | None = None, translate: bool = False) -> str | None:
    """The list in one of `FORMATS`, written to `path`, or returned as text where there is none.

    `warnings`: the columns of v_warnings. `records`: warning_id, record_id, role and, of the record, record_type, content (masked),
    created_at. `series`, `notices`, `runs`: rows of those views, for the page. `header`: run, run_date, as_of, expected_false_alarms, left_out (how many
    the list's cap left out). `cards`: of these warnings, by id (`flows.card`); with `translate` titles and names are theirs in `lang`, else as published.
    Raises ValueError for an unknown format, or for a workbook without a path.
    """
    if fmt not in FORMATS:
        raise ValueError(f"unknown format {fmt!r}: one of {', '.join(FORMATS)}")
    if fmt == "xlsx" and path is None:
        raise ValueError("a workbook needs a file to be written to")
    header = {**(header or {}), "left_out": (header or {}).get("left_out") or left_out(notices)}
    listed = for_people(warnings, records)
    rows = rows_of(listed, cards or {}, lang, translate)
    if fmt == "xlsx":
        from flows.workbook import write_workbook
        write_workbook(rows, Path(str(path)), lang, header, time_zone)
        return None
    if fmt == "html":
        from flows.page import warning_page
        text = warning_page(warnings, records, series, runs, lang, notices=notices, header=header, time_zone=time_zone, cards=cards, translate=translate)
    else:
        text = {"table": as_table, "json": as_json, "csv": as_csv}[fmt](rows, lang, header, time_zone, cards or {})
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8-sig" if fmt == "csv" else "utf-8", newline="")
    return None


def left_out(notices: pl.DataFrame | None) -> int:
    """How many warnings the list's cap left out, as the night's notice says."""
    if notices is None or notices.is_empty() or "n_records" not in notices.columns:
        return 0
    return int(notices.filter(pl.col("kind") == "capped")["n_records"].sum() or 0)


def rows_of(listed: pl.DataFrame, cards: Cards, lang: str, translate: bool = False) -> list[dict[str, Any]]:
    """The list with what its cards add, a dict a warning."""
    return [{**row, **of_card(cards[row["warning_id"]], lang, translate)} if row["warning_id"] in cards else row for row in listed.iter_rows(named=True)]


def of_card(card: Mapping[str, Any], lang: str, translate: bool) -> dict[str, Any]:
    """What a card adds to a row of v_warnings, or says in another language than it."""
    return {k: v for k, v in flat(card, lang).items() if translate or k not in AS_PUBLISHED}


def for_people(warnings: pl.DataFrame, records: pl.DataFrame | None = None) -> pl.DataFrame:
    """The list in reading order, fit to leave the bureau's screens: by `rank` where it has one (the order of work), else the gravest first.

    Sole traders' personal names are masked. Where any record of a warning is a report (举报) the number of callers is left out:
    whoever reports must not be found by it.
    """
    from transforms.privacy import mask_respondent

    hidden = reported(records)
    frame = warnings.with_columns(
        pl.when(pl.col("warning_id").is_in(hidden)).then(None).otherwise(pl.col("n_callers")).alias("n_callers"))
    if frame.height and frame["respondent"].dtype == pl.String:
        frame = frame.with_columns(mask_respondent(frame["respondent"]).alias("respondent"))
    rank = pl.col("level").replace_strict(dict(zip(LEVELS, range(4))), default=9, return_dtype=pl.Int32)
    order = [pl.col("rank")] if "rank" in frame.columns else []
    return frame.sort(*order, rank, pl.col("p_value").fill_null(-1.0), "warning_id", nulls_last=True)


def reported(records: pl.DataFrame | None) -> list[str]:
    """Warnings with at least one record that is a report (举报)."""
    if records is None or records.is_empty() or "record_type" not in records.columns:
        return []
    return records.filter(pl.col("record_type") == "report")["warning_id"].unique().sort().to_list()


def as_json(rows: list[dict], lang: str = "zh", header: Mapping | None = None, time_zone: str = "Asia/Shanghai", cards: Cards | None = None) -> str:
    """A JSON list, one object a warning: v_warnings' values as they are, moments in ISO form, `OF_LIST`, and `card`, its whole card."""
    of_list, cards = _of_list(header or {}), cards or {}
    named = [{**json_ready(row), **json_ready(of_list), **({"card": json_ready(cards[row["warning_id"]])} if row["warning_id"] in cards else {})} for row in rows]
    return json.dumps(named, ensure_ascii=False, indent=1) + "\n"


def as_csv(rows: list[dict], lang: str = "zh", header: Mapping | None = None, time_zone: str = "Asia/Shanghai", cards: Cards | None = None) -> str:
    """Comma-separated, one warning a row under one header row, the list's own figures (`OF_LIST`) in its last columns. A cell that a spreadsheet
    would run gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns, of_list = columns_of(rows), _of_list(header or {})
    writer.writerow([label(c, lang) for c in (*columns, *of_list)])
    for row in rows:
        writer.writerow([inert(cell(c, v, lang, time_zone).replace("\r", " ").replace("\n", " ")) for c, v in ({c: row.get(c) for c in columns} | of_list).items()])
    return out.getvalue()


def _of_list(header: Mapping) -> dict[str, Any]:
    return {"list_run": header.get("run"), "list_date": header.get("run_date"), "list_as_of": header.get("as_of"),
            "expected_false_alarms": header.get("expected_false_alarms"), "left_out": header.get("left_out") or 0}


def as_table(rows: list[dict], lang: str = "zh", header: Mapping | None = None, time_zone: str = "Asia/Shanghai", cards: Cards | None = None,
             width: int | None = None) -> str:
    """A table for the terminal, with the run, its as-of and the false alarms to be expected above and below it."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=width or 118, force_terminal=False, highlight=False)
    for line in heading(header or {}, lang, time_zone):
        console.print(Text(line))
    if not rows:
        console.print(Text(say("page.none", lang)))
        return out.getvalue()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_lines=False)
    for name in ("level", "title", "n_records", "expected", "lead_unit", "due_at"):
        number = name in ("n_records", "expected")
        table.add_column(label(name, lang), justify="right" if number else "left", no_wrap=number or name == "level",
                         overflow="fold", ratio=5 if name == "title" else None, max_width={"lead_unit": 18, "due_at": 10}.get(name))
    for row in rows:
        style = {"red": "bold red", "orange": "yellow", "yellow": "bright_yellow", "blue": "blue"}.get(row["level"], "")
        table.add_row(Text(cell("level", row["level"], lang, time_zone), style=style), _told(row),
                      *(Text(cell(c, row[c], lang, time_zone)) for c in ("n_records", "expected", "lead_unit", "due_at")))
    console.print(table)
    console.print(Text(say("page.count", lang, n=len(rows)) + "  " + say("page.internal", lang)))
    return out.getvalue()


def _told(row: Mapping[str, Any]) -> Any:
    """The title, and under it what to do first."""
    from rich.text import Text
    text = Text(row["title"] or "")
    return text.append(f"\n→{row['first_action']}", style="dim") if row.get("first_action") else text


def heading(header: Mapping, lang: str, time_zone: str) -> list[str]:
    """Which run, which date, as of when, and how many of the list are expected to be chance."""
    parts = [f"{say('page.' + key, lang)} {_plain_local(header[name], time_zone)}"
             for key, name in (("run_date", "run_date"), ("as_of", "as_of"), ("run", "run")) if header.get(name) is not None]
    capped = say("page.left_out", lang, n=header["left_out"]) if header.get("left_out") else ""
    return [line for line in (" · ".join(parts), expected_false(header, lang), capped) if line]


def expected_false(header: Mapping, lang: str) -> str:
    n = header.get("expected_false_alarms")
    return say("page.expected_false_unknown", lang) if n is None else say("page.expected_false", lang, n=number(n))


def cell(column: str, value: Any, lang: str, time_zone: str) -> str:
    """One value as a person reads it: words of the catalogue, local time, figures without noise, lists joined."""
    if value is None:
        return ""
    if f"{column}.{value}" in catalogue():
        return say(f"{column}.{value}", lang)
    if column == "quotations":
        return " | ".join(" ".join(str(x).split()) for x in as_list(value))
    if column == "co_units":
        return "、".join(as_list(value)) if lang == "zh" else ", ".join(as_list(value))
    if column == "law":
        return "；".join(as_list(value)) if lang == "zh" else "; ".join(as_list(value))
    if isinstance(value, datetime | date):
        return _plain_local(value, time_zone)
    if isinstance(value, float):
        return number(value)
    return str(value)


def number(value: float) -> str:
    """At most three significant figures below a hundred, whole numbers above."""
    value = float(value)
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def as_list(value: Any) -> list[str]:
    """A list as it is, a JSON list read, any other text as the one member."""
    if value is None:
        return []
    if isinstance(value, str):
        if value.startswith("["):
            return [str(x) for x in json.loads(value)]
        return [value] if value else []
    return [str(x) for x in value]


def label(column: str, lang: str) -> str:
    return say(f"col.{column}", lang) if f"col.{column}" in catalogue() else column


def inert(text: str) -> str:
    """A text that no spreadsheet runs as a formula."""
    return "'" + text if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text


def columns_of(rows: list[dict]) -> list[str]:
    """The columns of `COLUMNS` that the rows have; all that v_warnings has where there is none."""
    have = rows[0].keys() if rows else {*COLUMNS}
    return [c for c in COLUMNS if c in have]


def _plain_local(value: Any, time_zone: str) -> str:
    if isinstance(value, datetime):
        return (value.astimezone(ZoneInfo(time_zone)) if value.tzinfo else value).strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else str(value)


def about_lines(header: Mapping, lang: str, time_zone: str) -> Iterable[str]:
    """What is said about a list wherever there is room for it."""
    return [*heading(header, lang, time_zone), say("page.internal", lang), say("page.advice", lang)]
