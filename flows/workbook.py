"""The list as a workbook: an overview, all warnings, and a sheet for each unit with what is its to do."""
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.exports import LEVELS, OF_LIST, about_lines, cell, columns_of, label
from policy.catalogue import say

WIDTHS = {"level": 6, "title": 40, "n_records": 7, "place": 12, "first_action": 36, "tell_at_once": 30, "lead_unit": 18, "co_units": 24, "due_at": 16, "workdays_left": 8, "status": 9,
          "summary": 60, "law": 36, "respondent": 22, "co_units_why": 48, "as_of": 17, "streets": 24, "past": 48, "quotations": 60, "clock_source": 30, "warning_id": 22,
          "run_id": 22, "problem_code": 20, "problem_name": 16, "level_reason": 24, "record_numbers": 24, "owner": 18, "assigned_to": 18}
WRAPPED = ("title", "place", "first_action", "tell_at_once", "lead_unit", "summary", "law", "co_units", "co_units_why", "streets", "past", "quotations", "clock_source",
           "level_reason", "respondent", "record_numbers")
#: Printed on A4: what a person takes along. The rest is to the right of it.
PRINTED = "status"
_FILLS = dict(zip(LEVELS, ("#F4B6B0", "#F8CFA0", "#FBEFA5", "#BCD7F3")))
#: What a sheet's name may not hold.
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
LONGEST_NAME = 31
#: Roughly how tall a line of text stands, in points, and what a width's unit holds of Chinese characters.
_LINE, _HAN = 14.0, 0.55


def write_workbook(rows: list[dict[str, Any]], path: Path, lang: str, header: Mapping[str, Any], time_zone: str) -> None:
    """Writes it. Every sheet has a frozen head and filters, and prints on A4 across; texts are written as texts, never run."""
    import xlsxwriter

    columns = columns_of(rows)
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as book:
        style = _styles(book, lang)
        units = _by_unit(rows, lang)
        names = _sheet_names([say("book.all", lang), *units], say("book.overview", lang))
        _overview(book.add_worksheet(say("book.overview", lang)), rows, units, names, lang, header, time_zone, style)
        for name, of in zip(names, (rows, *units.values())):
            _sheet(book.add_worksheet(name), of, columns, lang, time_zone, style, header)


def _styles(book: Any, lang: str) -> dict[str, Any]:
    font = {"font_name": "Microsoft YaHei" if lang == "zh" else "Calibri", "font_size": 10, "valign": "top", "bottom": 4, "bottom_color": "#C9D2DA"}
    bare = {k: v for k, v in font.items() if not k.startswith("bottom")}
    wrapped = {**font, "text_wrap": True}
    return {"plain": book.add_format(font), "wrapped": book.add_format(wrapped), "number": book.add_format({**font, "align": "center", "num_format": "0.###"}),
            "count": book.add_format({**font, "align": "center", "num_format": '0;-0;"–"'}), "bare": book.add_format(bare),
            "head": book.add_format({**wrapped, "bold": True, "bg_color": "#E8EDF3", "bottom": 1, "valign": "vcenter"}),
            "title": book.add_format({**bare, "bold": True, "font_size": 16}), "note": book.add_format({**bare, "bold": True}),
            "link": book.add_format({**font, "font_color": "#1F5FA8", "underline": 1}),
            **{k: book.add_format({**font, "bold": True, "bg_color": c, "align": "center"}) for k, c in _FILLS.items()}}


def _by_unit(rows: list[dict[str, Any]], lang: str) -> dict[str, list[dict[str, Any]]]:
    """The warnings of each lead unit, units with the gravest first, then with the most; those of none come last."""
    of: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        of.setdefault(row.get("lead_unit") or "", []).append(row)
    order = sorted(of, key=lambda u: (u == "", *(-sum(r["level"] == x for r in of[u]) for x in LEVELS), u))
    return {u or say("book.no_unit", lang): of[u] for u in order}


def _sheet_names(wanted: list[str], taken: str) -> list[str]:
    """A workbook's names are of 31 characters at most, without some signs, and unlike each other whatever their case."""
    used, out = {taken.casefold()}, []
    for name in wanted:
        plain = " ".join(name.translate(_NOT_IN_NAMES).strip("'").split()) or "-"
        tried, n = plain[:LONGEST_NAME], 1
        while tried.casefold() in used:
            n += 1
            tried = plain[:LONGEST_NAME - len(str(n)) - 1] + f" {n}"
        used.add(tried.casefold())
        out.append(tried)
    return out


def _overview(sheet: Any, rows: list[dict], units: Mapping[str, list[dict]], names: list[str], lang: str, header: Mapping, time_zone: str, style: Mapping) -> None:
    """Whose list it is, and how many warnings of each level every unit has, with a link to its sheet."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 40)
    sheet.set_column(1, 7, 11)
    sheet.set_row(0, 28)
    sheet.write_string(0, 0, say("page.title", lang), style["title"])
    at = 1
    for line in about_lines(header, lang, time_zone):
        sheet.write_string(at, 0, line, style["note"] if line == say("page.internal", lang) else style["bare"])
        at += 1
    at += 1
    heads = [label("lead_unit", lang), *(cell("level", x, lang, time_zone) for x in LEVELS), say("book.total", lang), say("book.overdue", lang), say("book.next_due", lang)]
    for j, name in enumerate(heads):
        sheet.write_string(at, j, name, style[LEVELS[j - 1]] if 1 <= j <= 4 else style["head"])
    sheet.set_column(7, 7, 17)
    for (unit, of), name in zip(((say("book.all", lang), rows), *units.items()), names):
        at += 1
        sheet.write_url(at, 0, "internal:'{}'!A1".format(name.replace("'", "''")), style["link"], unit)
        dues = sorted(r["due_at"] for r in of if r.get("due_at") is not None)
        late = sum(isinstance(d, datetime) and header.get("as_of") is not None and d <= header["as_of"] for d in dues)
        for j, n in enumerate([*(sum(r["level"] == x for r in of) for x in LEVELS), len(of), late], 1):
            sheet.write_number(at, j, n, style["count"])
        sheet.write_string(at, 7, cell("due_at", dues[0], lang, time_zone) if dues else "", style["plain"])
    _paper(sheet, lang)


def _sheet(sheet: Any, rows: list[dict], columns: list[str], lang: str, time_zone: str, style: Mapping, header: Mapping) -> None:
    sheet.freeze_panes(1, columns.index("title") + 1 if "title" in columns else 0)
    for j, name in enumerate(columns):
        sheet.set_column(j, j, WIDTHS.get(name, 11))
        sheet.write_string(0, j, label(name, lang), style["head"])
    sheet.set_row(0, 30)
    for i, row in enumerate(rows, 1):
        tall = 1
        for j, name in enumerate(columns):
            value = row.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                sheet.write_number(i, j, value, style["number"])
                continue
            text = cell(name, value, lang, time_zone)
            sheet.write_string(i, j, text, style[row["level"]] if name == "level" and row["level"] in _FILLS else style["wrapped" if name in WRAPPED else "plain"])
            if name in WRAPPED and PRINTED in columns and j < columns.index(PRINTED):
                tall = max(tall, _lines(text, WIDTHS[name]))
        sheet.set_row(i, min(tall, 9) * _LINE + 3)
    sheet.autofilter(0, 0, max(len(rows), 1), len(columns) - 1)
    sheet.repeat_rows(0)
    if PRINTED in columns:
        sheet.print_area(0, 0, max(len(rows), 1), columns.index(PRINTED))
    _paper(sheet, lang, "  ".join(f"{label(c, lang)} {cell(c, v, lang, time_zone)}" for c, v in zip(OF_LIST, (header.get(k) for k in ("run", "run_date", "as_of"))) if v))


def _lines(text: str, width: int) -> int:
    """About how many lines a text takes in a column."""
    wide = sum(1 / _HAN if ord(c) > 0x2000 else 1 for c in text)
    return int(wide // (width - 1)) + 1


def _paper(sheet: Any, lang: str, said: str = "") -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer(f"&L&8{say('page.internal', lang)}&C&8{said.replace('&', '&&')}&R&8&P / &N")
