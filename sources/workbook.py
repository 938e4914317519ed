"""Workbooks to cells: sheets through fastexcel, and what it does not tell (date system, hidden rows) from the XML."""
import io
import re
import zipfile
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

import fastexcel
import polars as pl
from lxml import etree

from sources.findings import advise, refuse

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_REL_ID = re.compile(r"\}id$")
_HIDDEN = re.compile(rb"<row\b[^>]*?\bhidden=\"(?:1|true)\"[^>]*?>")
_LONG = r"^\d{16,}$"
_DIGITS_KEPT = 15


@dataclass(frozen=True)
class Sheet:
    """One sheet's cells: String columns "0", "1", …, `_row` (1-based in the sheet) and a null `_fields`."""

    name: str
    cells: pl.DataFrame
    hidden_rows: int = 0


@dataclass(frozen=True)
class Workbook:
    sheets: list[Sheet]
    excel_1904: bool = False


def read_workbook(data: bytes, file: str) -> Workbook:
    """Every sheet that has cells. Dates read `YYYY-MM-DD HH:MM:SS`, whole numbers have no decimals; a number of more than
    15 digits ends in zeros, as a spreadsheet keeps no more of it.

    Raises RefusedInput E04 for a workbook that cannot be opened.
    """
    try:
        book = fastexcel.read_excel(data)
        names = list(book.sheet_names)
        # Nothing is skipped: a row's place in the frame is its place in the sheet.
        loaded = [(n, book.load_sheet(n, header_row=None, skip_rows=0, dtypes="string").to_polars()) for n in names]
    except fastexcel.FastExcelError as e:
        raise refuse("E04", file, advise("unreadable_workbook"), kind="workbook that cannot be opened") from e
    parts = _parts(data)
    sheets = []
    for name, frame in loaded:
        if frame.is_empty() or not frame.width:
            continue
        frame = _honest_digits(frame, book, name)
        frame = frame.rename({c: str(i) for i, c in enumerate(frame.columns)})
        sheets.append(Sheet(name, frame.with_columns(
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_row"),
            pl.lit(None, pl.Int32).alias("_fields")), _hidden_rows(parts, name)))
    return Workbook(sheets, parts.dates_from_1904 if parts else False)


def _honest_digits(frame: pl.DataFrame, book: fastexcel.ExcelReader, name: str) -> pl.DataFrame:
    """Number cells of 16 and more digits end in zeros: the rest was lost when they were typed, whatever is shown."""
    for column in frame.columns:
        long = frame[column].str.contains(_LONG)
        if not long.any():
            continue
        # From the first long value on, a column of numbers has a number's type.
        first = int(long.fill_null(False).arg_max() or 0)
        typed = book.load_sheet(name, header_row=None, skip_rows=first, schema_sample_rows=None, use_columns=[column]).to_polars()
        if typed.width and typed.dtypes[0].is_numeric():
            value = pl.col(column)
            zeros = pl.lit("0").repeat_by(value.str.len_chars().cast(pl.Int64) - _DIGITS_KEPT).list.join("")
            kept = value.str.slice(0, _DIGITS_KEPT) + zeros
            frame = frame.with_columns(pl.when(value.str.contains(_LONG)).then(kept).otherwise(value).alias(column))
    return frame


@dataclass(frozen=True)
class _Parts:
    archive: zipfile.ZipFile
    paths: dict[str, str]
    dates_from_1904: bool


def _parts(data: bytes) -> _Parts | None:
    """Where an xlsx's sheets lie, and whether its dates count from 1904; None for other workbooks."""
    if data[:2] != b"PK":
        return None
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        root = _xml(archive.read("xl/workbook.xml"))
        links = _xml(archive.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError, ParseError):
        return None
    targets = {r.get("Id"): r.get("Target", "") for r in links}
    paths = {}
    for sheet in (*root.iter(f"{_MAIN}sheet"), *root.iter(f"{_STRICT}sheet")):
        link = next((v for k, v in sheet.attrib.items() if _REL_ID.search(str(k))), "")
        target = str(targets.get(link, ""))
        paths[str(sheet.get("name"))] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    flags = [p.get("date1904", "0") for p in (*root.iter(f"{_MAIN}workbookPr"), *root.iter(f"{_STRICT}workbookPr"))]
    return _Parts(archive, paths, any(f in ("1", "true") for f in flags))


def _xml(data: bytes) -> etree._Element:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))


def _hidden_rows(parts: _Parts | None, name: str) -> int:
    """Rows of a sheet that are hidden or filtered away."""
    path = parts.paths.get(name) if parts else None
    if parts is None or path is None or path not in parts.archive.namelist():
        return 0
    data = parts.archive.read(path)
    return len(_HIDDEN.findall(data)) if b"hidden=" in data else 0
