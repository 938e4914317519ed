"""A sheet as people take it away: a page, a workbook with every line's records, Markdown, or tables on the screen."""
import math
import re
from pathlib import Path
from typing import Any

from flows.exports import cell, inert
from flows.messages import BadUsage
from flows.page import render
from flows.sheet import Section, Sheet, joined, local, short
from policy.catalogue import catalogue, say
from policy.metrics import registry
from policy.periods import Period

FORMATS = ("table", "html", "xlsx", "md")
ZONE = "Asia/Shanghai"
#: A workbook's page of records holds so many rows at most; more are traced by line.
TRACED = 200_000


def write_sheet(sheet: Sheet, form: str, path: Path | None, lang: str) -> str | None:
    """The sheet in one of `FORMATS`, written to `path` or returned as text. Raises BadUsage for a workbook without a path."""
    if form == "xlsx":
        if path is None:
            raise BadUsage(say("review.needs_file", lang))
        _workbook(sheet, path, lang)
        return None
    text = {"html": _page, "md": _markdown, "table": _screen}[form](sheet, lang)
    if path is None:
        return text
    path.write_text(text, encoding="utf-8")
    return None


def title(sheet: Sheet, lang: str) -> str:
    """The sheet's name and days."""
    return say(f"review.{sheet.kind}", lang, first=sheet.period.first, last=sheet.period.last)


def lines(sheet: Sheet, lang: str) -> list[str]:
    """What is said of the sheet as a whole."""
    period: Period = sheet.period
    out = [say("review.as_of", lang, as_of=local(sheet.as_of), days=period.days, kind=say(f"metrics.kind.{period.kind}", lang))]
    if not period.is_whole:
        out.append(say("metrics.note.to_date", lang))
    return [*([sheet.heading] if sheet.heading else []), *out, say("review.note", lang)]


def cells(section: Section, number: int, lang: str) -> tuple[str, list[str], list[list[str]]]:
    """A section's heading with its number, its columns, and its rows as words; each row begins with the number by which it is traced.

    A column that says nothing of any row is left out.
    """
    head = f"{number}. " + say(f"review.{section.key}", lang)
    columns = telling(section)
    rows = [[f"{number}.{n}", *(_word(c, r[c], lang) for c in columns)] for n, r in enumerate(section.rows.iter_rows(named=True), 1)]
    return head, [say("review.col.line", lang), *(_column(c, lang) for c in columns)], rows


def telling(section: Section) -> list[str]:
    """The columns that say something of a row."""
    silent = {"waiting": (None, "—", "0")}
    return [c for c in section.rows.columns if any(v not in silent.get(c, (None, "—")) for v in section.rows[c].to_list())]


def nothing(sheet: Sheet, lang: str) -> str | None:
    """The sections without a row in one sentence, each with what is said of it; None where all have rows."""
    empty = [say(f"review.{s.key}", lang) + (f"（{'；'.join(s.notes)}）" if lang == "zh" else f" ({'; '.join(s.notes)})" if s.notes else "") if s.notes else say(f"review.{s.key}", lang)
             for s in sheet.sections if s.rows.is_empty()]
    return say("review.nothing", lang, names=joined(empty, lang)) if empty else None


def _column(name: str, lang: str) -> str:
    """A column's heading: the sheet's own word for it, a metric's name, else what lists call it."""
    if f"review.col.{name}" in catalogue():
        return say(f"review.col.{name}", lang)
    found = next((m for m in registry() if m.id == name), None)
    return found.name(lang) if found else say(f"col.{name}", lang)


def _word(column: str, value: Any, lang: str) -> str:
    if column in ("record_id", "matter") and isinstance(value, str):
        return short(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return cell(column, value, lang, ZONE) or "—"


def _width(text: str) -> int:
    """How wide a text stands: a Chinese character takes the room of two letters."""
    return sum(2 if ord(c) > 0x2E7F else 1 for c in text)


def _styles(section: Section, columns: list[str], rows: list[list[str]]) -> list[str]:
    """A class a column of the page: `n` figures, `k` what is never broken, `w` what is not broken on a screen, else nothing."""
    numeric = [False, *(section.rows[c].dtype.is_numeric() for c in telling(section))]
    widest = [max(map(_width, (name, *(r[j] for r in rows)))) for j, name in enumerate(columns)]
    return ["n" if is_number else "k" if wide <= 14 else "w" if wide <= 22 else "" for is_number, wide in zip(numeric, widest)]


def _page(sheet: Sheet, lang: str) -> str:
    sections = []
    for n, s in enumerate(sheet.filled, 1):
        head, columns, rows = cells(s, n, lang)
        sections.append((head, list(zip(columns, _styles(s, columns, rows))), rows, s.notes))
    return render("sheet.html.j2", lang=lang, title=title(sheet, lang), sections=sections, lines=lines(sheet, lang), nothing=nothing(sheet, lang))


def _markdown(sheet: Sheet, lang: str) -> str:
    out = [f"# {title(sheet, lang)}", "", *(f"{line}  " for line in lines(sheet, lang))]
    for n, s in enumerate(sheet.filled, 1):
        head, columns, rows = cells(s, n, lang)
        out += ["", f"## {head}", "", *(f"{_marked(note)}  " for note in s.notes), *([""] if s.notes else []),
                "| " + " | ".join(map(_marked, columns)) + " |", "|" + " --- |" * len(columns), *("| " + " | ".join(map(_marked, r)) + " |" for r in rows)]
    said = nothing(sheet, lang)
    return "\n".join([*out, *(["", _marked(said)] if said else [])]) + "\n"


def _marked(text: str) -> str:
    """A text as Markdown shows it: no cell, tag, link or emphasis comes of it."""
    return re.sub(r"([\\|<>\[\]*_`])", r"\\\1", " ".join(text.split()))


def _screen(sheet: Sheet, lang: str) -> str:
    import io
    import shutil

    from rich.console import Console
    from rich.table import Column, Table

    out = io.StringIO()
    console = Console(file=out, highlight=False, width=max(shutil.get_terminal_size((120, 40)).columns, 100))
    console.print(title(sheet, lang), markup=False)
    for line in lines(sheet, lang):
        console.print(line, markup=False)
    for n, s in enumerate(sheet.filled, 1):
        head, columns, rows = cells(s, n, lang)
        console.print()
        console.print(head, markup=False)
        for note in s.notes:
            console.print(note, markup=False)
        table = Table(*(Column(c, overflow="fold") for c in columns))
        for r in rows:
            table.add_row(*r)
        console.print(table, markup=False)
    said = nothing(sheet, lang)
    if said:
        console.print("\n" + said, markup=False)
    return out.getvalue()


def _workbook(sheet: Sheet, path: Path, lang: str) -> None:
    """A page a section, and one with the records behind every line. Texts are written as texts, never run."""
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as book:
        font = {"font_name": "Microsoft YaHei" if lang == "zh" else "Calibri", "font_size": 10, "valign": "top"}
        plain, head_style = book.add_format({**font, "text_wrap": True}), book.add_format({**font, "bold": True, "bg_color": "#E8EDF3", "bottom": 1})
        whole, single = book.add_format({**font, "num_format": "#,##0"}), book.add_format({**font, "font_color": "#6B7785"})
        big = book.add_format({**font, "bold": True, "font_size": 14})
        front = book.add_worksheet(say("review.front", lang))
        front.set_column(0, 0, 90)
        for i, line in enumerate([title(sheet, lang), *lines(sheet, lang), *filter(None, [nothing(sheet, lang)])]):
            front.write_string(i, 0, inert(line), big if i == 0 else plain)
        for n, s in enumerate(sheet.filled, 1):
            head, columns, rows = cells(s, n, lang)
            page = book.add_worksheet(_tab(head))
            top = len(s.notes)
            for i, note in enumerate(s.notes):
                page.write_string(i, 0, inert(note), single)
            page.freeze_panes(top + 1, 2)
            wide = [min(46.0, 2 + 1.1 * max(_width(name), *(_width(r[j]) for r in rows))) for j, name in enumerate(columns)]
            for j, name in enumerate(columns):
                page.set_column(j, j, wide[j])
                page.write_string(top, j, name, head_style)
            for i, (r, values) in enumerate(zip(rows, s.rows.select(telling(s)).iter_rows())):
                # Not every program finds the height of a wrapped row for itself.
                page.set_row(top + 1 + i, 15 * max(math.ceil(1.1 * _width(text) / room) for text, room in zip(r, wide)))
                for j, text in enumerate(r):
                    value = values[j - 1] if j else None
                    if isinstance(value, int | float) and not isinstance(value, bool):
                        page.write_number(top + 1 + i, j, value, whole if isinstance(value, int) else plain)
                    else:
                        page.write_string(top + 1 + i, j, inert(text) if j else text, plain)
            page.set_landscape()
            page.set_paper(9)
            page.fit_to_pages(1, 0)
            page.repeat_rows(top)
        _records(book, sheet, lang, head_style, plain)


def _records(book: Any, sheet: Sheet, lang: str, head_style: Any, plain: Any) -> None:
    page = book.add_worksheet(say("review.records", lang))
    page.set_column(0, 1, 30)
    for j, name in enumerate(("line", "record_id")):
        page.write_string(0, j, say(f"review.col.{name}", lang), head_style)
    i = 1
    for n, s in enumerate(sheet.sections, 1):
        for row, record in s.behind.sort("row", "record_id").iter_rows():
            if i > TRACED:
                page.write_string(i, 0, say("review.more_records", lang), plain)
                return
            page.write_string(i, 0, f"{n}.{row}", plain)
            page.write_string(i, 1, record, plain)
            i += 1


def _tab(head: str) -> str:
    """A worksheet's name: 31 characters, without what spreadsheets refuse."""
    return "".join(c for c in head if c not in "[]:*?/\\")[:31]
