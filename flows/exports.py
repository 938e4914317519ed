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

from policy.catalogue import catalogue, say

FORMATS = ("table", "json", "csv", "xlsx", "html")

#: What a person reads first stands first; the figures behind it and the ids come last.
COLUMNS = ("level", "title", "summary", "kind", "status", "place", "respondent", "problem_name", "lead_unit", "co_units", "law",
           "due_at", "n_records", "n_callers", "observed", "expected", "ratio", "first_seen", "raised_on", "updated_on", "verdict", "expected_precision",
           "p_value", "q_value", "problem_code", "warning_id", "merged_into", "as_of", "run_id")
_LEVELS = ("red", "orange", "yellow", "blue")
#: A spreadsheet takes a cell that opens with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WIDTHS = {"title": 46, "summary": 60, "law": 30, "respondent": 24, "lead_unit": 20, "co_units": 24, "due_at": 17, "as_of": 17,
           "warning_id": 22, "run_id": 22, "problem_code": 20, "problem_name": 18, "place": 16}


def export(warnings: pl.DataFrame, fmt: str, path: Path | None = None, lang: str = "zh", header: Mapping[str, Any] | None = None,
           records: pl.DataFrame | None = None, series: pl.DataFrame | None = None, notices: pl.DataFrame | None = None,
           runs: pl.DataFrame | None = None, time_zone: str = "Asia/Shanghai") -> str | None:
    """The list in one of `FORMATS`, written to `path`, or returned as text where there is none.

    `warnings`: the columns of v_warnings. `records`: warning_id, record_id, role and, of the record, record_type, content (masked),
    created_at. `series`, `notices`, `runs`: rows of those views, for the page. `header`: run, run_date, as_of, expected_false_alarms.
    Raises ValueError for an unknown format, or for a workbook without a path.
    """
    if fmt not in FORMATS:
        raise ValueError(f"unknown format {fmt!r}: one of {', '.join(FORMATS)}")
    if fmt == "xlsx" and path is None:
        raise ValueError("a workbook needs a file to be written to")
    header = dict(header or {})
    listed = for_people(warnings, records)
    if fmt == "xlsx":
        _write_workbook(listed, Path(str(path)), lang, header, time_zone)
        return None
    if fmt == "html":
        from flows.page import warning_page
        text = warning_page(warnings, records, series, runs, lang, notices=notices, header=header, time_zone=time_zone)
    else:
        text = {"table": as_table, "json": as_json, "csv": as_csv}[fmt](listed, lang, header, time_zone)
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8-sig" if fmt == "csv" else "utf-8", newline="")
    return None


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
    rank = pl.col("level").replace_strict(dict(zip(_LEVELS, range(4))), default=9, return_dtype=pl.Int32)
    order = [pl.col("rank")] if "rank" in frame.columns else []
    return frame.sort(*order, rank, pl.col("p_value").fill_null(-1.0), "warning_id", nulls_last=True)


def reported(records: pl.DataFrame | None) -> list[str]:
    """Warnings with at least one record that is a report (举报)."""
    if records is None or records.is_empty() or "record_type" not in records.columns:
        return []
    return records.filter(pl.col("record_type") == "report")["warning_id"].unique().sort().to_list()


def as_json(listed: pl.DataFrame, lang: str = "zh", header: Mapping | None = None, time_zone: str = "Asia/Shanghai") -> str:
    """A JSON list, one object a warning, values as they are in v_warnings; moments in ISO form."""
    rows = [{c: _plain(v) for c, v in row.items()} for row in listed.iter_rows(named=True)]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def as_csv(listed: pl.DataFrame, lang: str = "zh", header: Mapping | None = None, time_zone: str = "Asia/Shanghai") -> str:
    """Comma-separated, one warning a row under one header row. A cell that a spreadsheet would run gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = _columns(listed)
    writer.writerow([label(c, lang) for c in columns])
    for row in listed.select(columns).iter_rows(named=True):
        writer.writerow([inert(cell(c, v, lang, time_zone)) for c, v in row.items()])
    return out.getvalue()


def as_table(listed: pl.DataFrame, lang: str = "zh", header: Mapping | None = None, time_zone: str = "Asia/Shanghai",
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
    if listed.is_empty():
        console.print(Text(say("page.none", lang)))
        return out.getvalue()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_lines=False)
    for name in ("level", "title", "n_records", "expected", "lead_unit", "due_at"):
        number = name in ("n_records", "expected")
        table.add_column(label(name, lang), justify="right" if number else "left", no_wrap=number or name == "level",
                         overflow="fold", ratio=5 if name == "title" else None)
    for row in listed.iter_rows(named=True):
        style = {"red": "bold red", "orange": "yellow", "yellow": "bright_yellow", "blue": "blue"}.get(row["level"], "")
        table.add_row(Text(cell("level", row["level"], lang, time_zone), style=style), Text(row["title"] or ""),
                      *(Text(cell(c, row[c], lang, time_zone)) for c in ("n_records", "expected", "lead_unit", "due_at")))
    console.print(table)
    console.print(Text(say("page.count", lang, n=listed.height) + "  " + say("page.internal", lang)))
    return out.getvalue()


def heading(header: Mapping, lang: str, time_zone: str) -> list[str]:
    """Which run, which date, as of when, and how many of the list are expected to be chance."""
    parts = [f"{say('page.' + key, lang)} {_plain_local(header[name], time_zone)}"
             for key, name in (("run_date", "run_date"), ("as_of", "as_of"), ("run", "run")) if header.get(name) is not None]
    return [line for line in (" · ".join(parts), expected_false(header, lang)) if line]


def expected_false(header: Mapping, lang: str) -> str:
    n = header.get("expected_false_alarms")
    return say("page.expected_false_unknown", lang) if n is None else say("page.expected_false", lang, n=number(n))


def cell(column: str, value: Any, lang: str, time_zone: str) -> str:
    """One value as a person reads it: words of the catalogue, local time, figures without noise, lists joined."""
    if value is None:
        return ""
    if f"{column}.{value}" in catalogue():
        return say(f"{column}.{value}", lang)
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


def _columns(listed: pl.DataFrame) -> list[str]:
    return [c for c in COLUMNS if c in listed.columns]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, pl.Series):
        return value.to_list()
    return value


def _plain_local(value: Any, time_zone: str) -> str:
    if isinstance(value, datetime):
        return (value.astimezone(ZoneInfo(time_zone)) if value.tzinfo else value).strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else str(value)


def _write_workbook(listed: pl.DataFrame, path: Path, lang: str, header: Mapping, time_zone: str) -> None:
    """A list with a frozen head and filters, and a second sheet that says which run it is of. Texts are written as texts, never run."""
    import xlsxwriter

    columns = _columns(listed)
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as book:
        font = {"font_name": "Microsoft YaHei" if lang == "zh" else "Calibri", "font_size": 10, "valign": "top"}
        plain, wrapped = book.add_format(font), book.add_format({**font, "text_wrap": True})
        head = book.add_format({**font, "bold": True, "bg_color": "#E8EDF3", "bottom": 1, "valign": "vcenter"})
        fills = {k: book.add_format({**font, "bold": True, "bg_color": c, "align": "center"})
                 for k, c in zip(_LEVELS, ("#F4B6B0", "#F8CFA0", "#FBEFA5", "#BCD7F3"))}
        sheet = book.add_worksheet(say("page.title", lang))
        sheet.freeze_panes(1, columns.index("title") + 1 if "title" in columns else 0)
        for j, name in enumerate(columns):
            sheet.set_column(j, j, _WIDTHS.get(name, 11))
            sheet.write_string(0, j, label(name, lang), head)
        sheet.set_row(0, 22)
        for i, row in enumerate(listed.select(columns).iter_rows(named=True), 1):
            for j, (name, value) in enumerate(row.items()):
                style = fills.get(row["level"], plain) if name == "level" else wrapped if name in ("title", "summary", "law") else plain
                if isinstance(value, int | float) and not isinstance(value, bool):
                    sheet.write_number(i, j, value, style)
                else:
                    sheet.write_string(i, j, cell(name, value, lang, time_zone), style)
        sheet.autofilter(0, 0, max(listed.height, 1), len(columns) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        about = book.add_worksheet(say("page.run", lang))
        about.set_column(0, 0, 80)
        for i, line in enumerate(about_lines(header, lang, time_zone)):
            about.write_string(i, 0, line, plain)


def about_lines(header: Mapping, lang: str, time_zone: str) -> Iterable[str]:
    """What is said about a list wherever there is room for it."""
    return [*heading(header, lang, time_zone), say("page.internal", lang), say("page.advice", lang)]
