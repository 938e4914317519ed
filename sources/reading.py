"""A landed file to a raw table: what it is, how it is encoded, where its header stands, which rows are records."""
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePath

import polars as pl

from policy.rules import Finding
from sources import decoding, delimited, structured
from sources.findings import RefusedInput, advise, refuse
from sources.headers import HeaderMatch, index_of, refusals, remarks
from sources.mapping import SourceMapping
from sources.sniffing import Content, contents
from sources.table_shape import HEADER_WITHIN, Shaped, shape
from sources.workbook import read_workbook

#: Names under which a spreadsheet is expected; text in them is believed only where it has the source's headers.
_SHEET_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".ods", ".parquet")
#: A file decoded as GB18030 must have so many of its headers known, or look like words throughout.
KNOWN_HEADERS = 0.95
#: Where no header is known, so much of the first rows must look like words, or the encoding is doubted rather than the header.
_LIKE_WORDS = 0.7


@dataclass(frozen=True)
class RawTable:
    """A file's records as they came. `frame`: String columns named by the file's own headers, `_sheet` (String), `_row` (Int64,
    1-based in the sheet), and `_fields`, `_expected` (Int32, null unless the row's number of fields was wrong).

    `match` says where each header goes; `not_records` counts the blank, summary and repeated-header rows left out.
    """

    name: str
    frame: pl.DataFrame
    findings: list[Finding] = field(default_factory=list)
    not_records: int = 0
    stated_total: int | None = None
    excel_1904: bool = False
    match: HeaderMatch | None = None
    kind: str = "text"
    sha256: str | None = None


@dataclass(frozen=True)
class _Part:
    """One sheet, table or member before its shape is known."""

    sheet: str | None
    cells: pl.DataFrame
    findings: list[Finding]
    hidden_rows: int = 0
    encoding: str | None = None


def read_landed(path: Path, name: str, mapping: SourceMapping) -> RawTable:
    """Reads the bytes at `path` (named `name` by whoever delivered them) as `mapping` says.

    Raises RefusedInput with every X finding: E01, E04–E06, H01, H02. A header without rows is an empty table, not an error.
    """
    path = Path(path)
    digest = path.name if re.fullmatch(r"[0-9a-f]{64}", path.name) else None
    return read_bytes(path.read_bytes(), name, mapping, digest)


def read_bytes(data: bytes, name: str, mapping: SourceMapping, sha256: str | None = None) -> RawTable:
    """As `read_landed`, for bytes in memory."""
    tables, excel_1904, kind = [], False, "text"
    for content in contents(data, name):
        kind = content.kind
        parts, from_1904 = _parts(content, name, mapping)
        excel_1904 |= from_1904
        tables += _shaped(parts, name, mapping, content)
    return _joined(tables, name, mapping, excel_1904, kind, sha256)


def _parts(content: Content, name: str, mapping: SourceMapping) -> tuple[list[_Part], bool]:
    """The tables in one file, and whether its serial dates count from 1904."""
    label = content.member
    if content.kind == "workbook":
        book = read_workbook(content.data, name)
        wanted = [s for s in book.sheets if not mapping.sheets or any(fnmatch(s.name, p) for p in mapping.sheets)]
        return [_Part(f"{label}/{s.name}" if label else s.name, s.cells, [], s.hidden_rows) for s in wanted], book.excel_1904
    if content.kind == "parquet":
        return [_Part(label, _parquet(content.data, name), [])], False
    if content.kind == "spreadsheet_xml":
        return [_Part(sheet or label, cells, []) for sheet, cells in structured.parse_spreadsheet_xml(content.data, name)], False
    text, findings, encoding = _decoded(content, name, mapping)
    if content.kind == "html":
        return [_Part(label, cells, findings, 0, encoding) for cells in structured.parse_html(_without_declaration(text), name)], False
    if content.kind == "jsonl":
        return [_Part(label, structured.json_cells(text), findings, 0, encoding)], False
    return [_delimited(text, findings, encoding, name, label, mapping)], False


def _parquet(data: bytes, name: str) -> pl.DataFrame:
    try:
        return structured.frame_cells(pl.read_parquet(data))
    except pl.exceptions.PolarsError as e:
        raise refuse("E05", name, advise("truncated"), n=len(data)) from e


def _without_declaration(text: str) -> str:
    """The page without an encoding of its own: it is decoded already, and lxml refuses a contradiction."""
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)


def _decoded(content: Content, name: str, mapping: SourceMapping) -> tuple[str, list[Finding], str]:
    found = decoding.decode(content.data, mapping.encodings)
    if found is None:
        raise refuse("E01", name, advise("encoding"), sheet=content.member)
    text, encoding = found
    findings = []
    if encoding != "utf-8":
        findings.append(Finding("E02", {"enc": encoding.upper()}, name, content.member, advice=advise("decoded")))
    joint = re.search(r"[\r\n]\ufeff", text) if "\ufeff" in text else None
    if joint:
        row = len(re.findall(r"\r\n|\r|\n", text[:joint.end()])) + 1
        findings.append(Finding("E03", {"row": row}, name, content.member, row, advice=advise("joined")))
        text = re.sub(r"([\r\n])\ufeff", r"\1", text)
    return text, findings, encoding


def _delimited(text: str, findings: list[Finding], encoding: str, name: str, label: str | None, mapping: SourceMapping) -> _Part:
    index = index_of(mapping)
    delimiter, known = delimited.delimiter_of(text, mapping, index)
    # Headers that nobody knows may be known ones, misread and saved again.
    for said, recipe in decoding.RECIPES if not known else ():
        head = decoding.undo_lines(text[:20_000], recipe)
        again, known = delimited.delimiter_of(head, mapping, index)
        if known >= min(2, len(mapping.required)):
            text, delimiter = decoding.undo(text, recipe) or decoding.undo_lines(text, recipe), again
            findings = [f for f in findings if f.code != "E02"] + [
                Finding("E02", {"enc": said}, name, label, advice=advise("decoded"))]
            break
    return _Part(label, delimited.cells(text, delimiter), findings, 0, encoding)


def header_matches(data: bytes, name: str, mapping: SourceMapping) -> list[HeaderMatch]:
    """How the headers of each table in a file go with a mapping, refused or not. Raises RefusedInput E01, E04–E06."""
    found = []
    for content in contents(data, name):
        parts, _ = _parts(content, name, mapping)
        found += [shape(part.cells, mapping, name, part.sheet).match for part in parts if part.cells.height]
    return [match for match in found if match is not None]


def _shaped(parts: list[_Part], name: str, mapping: SourceMapping, content: Content) -> list[tuple[_Part, Shaped]]:
    """The parts that have a header of this source, shaped; raises where none has, or one lacks or doubles a column."""
    shaped = [(part, shape(part.cells, mapping, name, part.sheet)) for part in parts if part.cells.height]
    tables = [(part, table) for part, table in shaped if table.match is not None]
    whole = [(part, table) for part, table in tables if table.match and not table.match.missing]
    if not tables:
        raise RefusedInput(_no_header(parts, name, mapping, content))
    # A sheet of notes may hold a known word or two: it is a table of this source only if no better one is there.
    tables = whole or tables
    refused = [f for part, table in tables if table.match for f in refusals(table.match, mapping, name, part.sheet, table.header_row)]
    if refused:
        mis_named = PurePath(name).suffix.lower() in _SHEET_SUFFIXES and content.kind == "text"
        raise RefusedInput([*(_mis_named(name, mapping) if mis_named else ()), *refused])
    for part, table in tables:
        if part.encoding == "gb18030" and table.match and not _believable(table.match):
            raise refuse("E01", name, advise("encoding"), sheet=part.sheet)
    return tables


def _believable(match: HeaderMatch) -> bool:
    named = [h for h in match.headers if h]
    return match.known >= KNOWN_HEADERS * len(named) or all(decoding.plausible(h) for h in match.unregistered)


def _mis_named(name: str, mapping: SourceMapping) -> list[Finding]:
    suffix = PurePath(name).suffix
    return [Finding("E04", {"kind": "text"}, name, advice=advise("mis_named", suffix=suffix, source=mapping.source))]


def _no_header(parts: list[_Part], name: str, mapping: SourceMapping, content: Content) -> list[Finding]:
    """H01 for every required column: nothing of what was found is repeated, a first row may be a record."""
    if content.kind == "text":
        for part in parts:
            head = "".join(x or "" for row in part.cells.head(HEADER_WITHIN).drop("_row", "_fields").rows() for x in row)
            if not decoding.plausible(re.sub(r"\s", "", head)[:400], _LIKE_WORDS):
                return [Finding("E01", {}, name, part.sheet, advice=advise("encoding"))]
    mis_named = PurePath(name).suffix.lower() in _SHEET_SUFFIXES and content.kind == "text"
    sheet = parts[0].sheet if len(parts) == 1 else None
    return [*(_mis_named(name, mapping) if mis_named else ()),
            *(Finding("H01", {"col": c}, name, sheet, advice=advise("no_header", n=HEADER_WITHIN, source=mapping.source))
              for c in mapping.required)]


def _joined(tables: list[tuple[_Part, Shaped]], name: str, mapping: SourceMapping, excel_1904: bool, kind: str,
            sha256: str | None) -> RawTable:
    """Sheets and members as one table; a header that only one of them has is null in the others."""
    findings: list[Finding] = []
    frames = []
    columns: dict[str, tuple[str | None, str | None]] = {}
    for part, table in tables:
        findings += part.findings + table.findings
        if part.hidden_rows:
            findings.append(Finding("F07", {"n": part.hidden_rows}, name, part.sheet, advice=advise("hidden")))
        assert table.match is not None
        findings += remarks(table.match, mapping, name, part.sheet, table.header_row)
        # Two sheets may give one header different meanings (by neighbour) or units: each keeps its own name then.
        names = {}
        for header, canonical, unit in zip(table.match.headers, table.match.canonical, table.match.units):
            alias = header
            while alias in columns and columns[alias] != (canonical, unit):
                alias += "'"
            columns[alias] = (canonical, unit)
            names[header] = alias
        frames.append(table.frame.rename(names).with_columns(pl.lit(part.sheet, pl.String).alias("_sheet")))
    frame = pl.concat(frames, how="diagonal")
    ordered = [*columns, "_sheet", "_row", "_fields", "_expected"]
    totals = [t.stated_total for _, t in tables if t.stated_total is not None]
    match = HeaderMatch(tuple(columns), tuple(c for c, _ in columns.values()), tuple(u for _, u in columns.values()))
    unique = list({(f.code, f.sheet, f.column, f.row): f for f in findings}.values())
    return RawTable(name, frame.select(ordered), unique, sum(t.not_records for _, t in tables), sum(totals) if totals else None,
                    excel_1904, match, kind, sha256)
