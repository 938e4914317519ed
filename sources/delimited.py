"""Delimited text to cells: csv, tsv and their kin, with embedded newlines, stray quotes and ragged rows."""
import csv
import io
from itertools import islice, zip_longest

import polars as pl

from sources.headers import HeaderIndex, match_headers
from sources.mapping import SourceMapping
from sources.table_shape import HEADER_WITHIN

DELIMITERS = (",", "\t", ";", "|", "，")
#: No hotline text is longer; a stray quote that eats the rest of a file is.
FIELD_LIMIT = 16_000_000
#: Characters in which a header must stand.
_HEAD = 200_000


class _Lines:
    """Physical lines that can be taken back; unlike a generator it goes on after its end was reached."""

    def __init__(self, text: str):
        self.lines = list(io.StringIO(text, newline=""))
        self.at = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.at >= len(self.lines):
            raise StopIteration
        self.at += 1
        return self.lines[self.at - 1]


def split(text: str, delimiter: str) -> list[list[str]]:
    """Rows of fields. A quote that does not pair (5″ screen) is a character of its line, and that line a row of its own."""
    csv.field_size_limit(FIELD_LIMIT)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return _split_mending(text, delimiter)


def _split_mending(text: str, delimiter: str) -> list[list[str]]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows = []
    while True:
        start = lines.at
        try:
            rows.append(next(reader))
        except StopIteration:
            return rows
        except csv.Error:
            lines.at = start + 1
            rows.append(lines.lines[start].rstrip("\r\n").split(delimiter))


def delimiter_of(text: str, mapping: SourceMapping, index: HeaderIndex) -> tuple[str, int]:
    """(delimiter, number of known headers) of the delimiter under which most headers of the mapping are found."""
    head = "".join(islice(io.StringIO(text[:_HEAD], newline=""), HEADER_WITHIN * 5))
    best = (DELIMITERS[0], 0)
    for delimiter in DELIMITERS:
        known = max((match_headers(row, mapping, index).known for row in split(head, delimiter)), default=0)
        if known > best[1]:
            best = (delimiter, known)
    return best


def cells(text: str, delimiter: str) -> pl.DataFrame:
    """String columns "0", "1", …, `_row` (1-based, a quoted line feed makes no new row) and `_fields` (fields of the row)."""
    rows = split(text, delimiter)
    columns = list(zip_longest(*rows))
    frame = pl.DataFrame([pl.Series(str(i), column, dtype=pl.String) for i, column in enumerate(columns)])
    return frame.with_columns(pl.int_range(1, len(rows) + 1, dtype=pl.Int64).alias("_row"),
                              pl.Series("_fields", [len(r) for r in rows], dtype=pl.Int32))
