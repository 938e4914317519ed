"""How a morning's rows become a file: comma-separated or a workbook, in the encodings and with the heads and tails exports have."""
import html
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

CSV, GB18030, UTF16, HTML, XLSX = "csv", "gb18030", "utf16", "html", "xlsx"
TITLE = "诉求查询明细结果"


def write_file(rows: pl.DataFrame, folder: Path, stem: str, form: str, head: bool = False) -> Path:
    """Writes the rows (texts) in one of the forms and returns the path. The same rows give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.{({XLSX: 'xlsx', HTML: 'xls'}).get(form, 'csv')}"
    if form == XLSX:
        _workbook(rows, path, head)
    elif form == HTML:
        path.write_text(_table(rows), encoding="utf-8")
    else:
        separator = "\t" if form == UTF16 else ","
        text = rows.write_csv(separator=separator, line_terminator="\r\n")
        if head:
            text = f"{TITLE}\r\n{text}合计{separator}共 {rows.height} 条\r\n"
        path.write_bytes(text.encode({GB18030: "gb18030", UTF16: "utf-16"}.get(form, "utf-8-sig")))
    return path


def _workbook(rows: pl.DataFrame, path: Path, head: bool) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False,
                                         "in_memory": True}) as book:
        book.set_properties({"created": datetime(2026, 1, 1), "title": TITLE})
        sheet = book.add_worksheet("诉求")
        top = 0
        if head:
            sheet.write_string(0, 0, TITLE)
            top = 1
        _row(sheet, top, rows.columns)
        for i, row in enumerate(rows.iter_rows(), top + 1):
            _row(sheet, i, row)
        if head:
            _row(sheet, top + 1 + rows.height, ("合计", f"共 {rows.height} 条"))


def _row(sheet, i: int, values: Sequence[str | None]) -> None:
    for j, value in enumerate(values):
        if value is not None:
            sheet.write_string(i, j, value)


def _table(rows: pl.DataFrame) -> str:
    """What many web systems call an .xls file."""
    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(c or '')}</{tag}>" for c in cells) + "</tr>\n"

    return ('<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta charset="utf-8"></head><body><table>\n'
            + line(rows.columns, "th") + "".join(line(r, "td") for r in rows.iter_rows()) + "</table></body></html>\n")
