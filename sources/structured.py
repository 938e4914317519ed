"""JSON lines, Parquet, HTML tables and 2003 XML spreadsheets to cells."""
import json
import re
from collections.abc import Iterable

import polars as pl
from lxml import etree, html

from sources.findings import advise, refuse
from sources.table_shape import BROKEN


def as_cells(rows: list[list[str | None]], fields: list[int | None] | None = None, first_row: int = 1) -> pl.DataFrame:
    """Rows of any length as String columns "0", "1", … with `_row` and `_fields`."""
    width = max((len(r) for r in rows), default=0)
    columns = [pl.Series(str(i), [r[i] if i < len(r) else None for r in rows], dtype=pl.String) for i in range(width)]
    return pl.DataFrame([*columns, pl.Series("_row", range(first_row, first_row + len(rows)), dtype=pl.Int64),
                         pl.Series("_fields", fields or [None] * len(rows), dtype=pl.Int32)])


def json_cells(text: str) -> pl.DataFrame:
    """JSON lines (or one array of objects): the first row holds the keys, in order of appearance; digits stay as written.

    A line that is no object becomes a row without cells whose `_fields` is BROKEN.
    """
    objects: list[dict | None] = []
    lines: list[int] = []
    if text.lstrip().startswith("["):
        try:
            objects = [o if isinstance(o, dict) else None for o in json.loads(text, parse_float=str, parse_int=str)]
        except ValueError:
            objects = [None]
        lines = list(range(1, len(objects) + 1))
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                objects.append(_object(line))
                lines.append(number)
    keys = list(dict.fromkeys(k for o in objects if o for k in o))
    rows: list[list[str | None]] = [list(keys)]
    rows += [[_cell(o.get(k)) for k in keys] if o is not None else [None] * len(keys) for o in objects]
    frame = as_cells(rows, [None, *(BROKEN if o is None else None for o in objects)])
    return frame.with_columns(pl.Series("_row", [0, *lines], dtype=pl.Int64))


def _object(line: str) -> dict | None:
    try:
        value = json.loads(line, parse_float=str, parse_int=str)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _cell(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return "、".join(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def frame_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """A typed frame (Parquet, a query's rows) as cells, its column names in the first row; moments read as ISO text."""
    texts = frame.select(_as_text(c, t) for c, t in frame.schema.items())
    names = pl.DataFrame([pl.Series(c, [c], dtype=pl.String) for c in texts.columns])
    both = pl.concat([names, texts]).rename({c: str(i) for i, c in enumerate(texts.columns)})
    return both.with_columns(pl.int_range(0, both.height, dtype=pl.Int64).alias("_row"), pl.lit(None, pl.Int32).alias("_fields"))


def _as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    if isinstance(dtype, pl.Datetime):
        return value.dt.strftime("%Y-%m-%d %H:%M:%S%.f%:z" if dtype.time_zone else "%Y-%m-%d %H:%M:%S%.f")
    if isinstance(dtype, pl.List):
        return value.cast(pl.List(pl.String)).list.join("、")
    if isinstance(dtype, pl.Struct):
        return value.struct.json_encode()
    if isinstance(dtype, pl.Binary):
        return pl.lit(None, pl.String).alias(column)
    return value.cast(pl.String)


def parse_html(data: bytes | str, file: str) -> list[pl.DataFrame]:
    """Every table of a page as cells; a merged cell stands in its first place, the others are null."""
    try:
        root = html.document_fromstring(data)
    except (etree.ParserError, ValueError) as e:
        raise refuse("E05", file, advise("empty"), n=len(data)) from e
    return [as_cells(_grid(table)) for table in root.iter("table") if not any(True for _ in table.iterancestors("table"))]


def _grid(table) -> list[list[str | None]]:
    rows: list[list[str | None]] = []
    hanging: dict[int, int] = {}
    for tr in table.iter("tr"):
        row: list[str | None] = []
        for cell in tr.iterchildren("td", "th"):
            while hanging.get(len(row), 0) > 0:
                hanging[len(row)] -= 1
                row.append(None)
            at = len(row)
            wide, high = _span(cell.get("colspan")), _span(cell.get("rowspan"))
            row += [cell.text_content(), *([None] * (wide - 1))]
            for i in range(at, at + wide):
                hanging[i] = high - 1
        while hanging.get(len(row), 0) > 0:
            hanging[len(row)] -= 1
            row.append(None)
        rows.append(row)
    return rows


def _span(value: str | None) -> int:
    return min(max(int(value), 1), 1000) if value and re.fullmatch(r"\d{1,6}", value.strip()) else 1


_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"


def parse_spreadsheet_xml(data: bytes, file: str) -> list[tuple[str, pl.DataFrame]]:
    """Sheets of a 2003 XML spreadsheet (web exports named .xls) as cells."""
    try:
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    except etree.XMLSyntaxError as e:
        raise refuse("E05", file, advise("truncated"), n=len(data)) from e
    return [(str(sheet.get(f"{_SS}Name") or ""), as_cells(list(_xml_rows(sheet)))) for sheet in root.iter(f"{_SS}Worksheet")]


def _xml_rows(sheet) -> Iterable[list[str | None]]:
    for tr in sheet.iter(f"{_SS}Row"):
        row: list[str | None] = []
        for cell in tr.iterchildren(f"{_SS}Cell"):
            at = int(cell.get(f"{_SS}Index") or len(row) + 1)
            row += [None] * (at - 1 - len(row))
            data = cell.find(f"{_SS}Data")
            row += ["".join(data.itertext()) if data is not None else None, *([None] * int(cell.get(f"{_SS}MergeAcross") or 0))]
        yield row
