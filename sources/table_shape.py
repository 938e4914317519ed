"""From the cells of a sheet to a table: where its header is, and which rows below it are records."""
import re
from dataclasses import dataclass, field

import polars as pl

from policy.rules import Finding
from sources.findings import advise
from sources.headers import LEVELS, HeaderIndex, HeaderMatch, index_of, match_headers
from sources.mapping import SourceMapping

#: A header is looked for in so many rows.
HEADER_WITHIN = 10
#: Rows at which programs cut off a table, header included.
ROW_LIMITS = (1_048_576, 65_536)
#: `_fields` of a row that could not be taken apart: it has no cells, and is not blank for that.
BROKEN = -1

_SUMMARY = (r"^[\s\"']*(?:合\s*计|小\s*计|总\s*计|累\s*计|共\s*计|本页|共\s*\d+\s*[条件笔宗行]|制表|填表|审核人|导出|打印|统计时间|"
            r"数据来源|备注[:：]|(?i:grand\s+total|sub-?total|total)\b)")
_STATED = r"(?:合计|总计|共计|共|total)\D{0,4}?([\d,]+)\s*(?:[条件笔宗行]|rows|records)"
#: A number below one of these is a sum of amounts, not a count of records.
_SUMMED = ("amount_claimed", "amount_recovered", "persons_affected", "attachments_n")
_TOTAL = r"^[\s\"']*(?:合\s*计|总\s*计|共\s*计|(?i:grand\s+total|total)\b)"


@dataclass(frozen=True)
class Shaped:
    """A sheet as a table. `frame`: one String column a header, and `_row` (Int64, 1-based in the sheet), `_fields` and
    `_expected` (Int32: found and expected number of fields where they differ, else null). `match` is None where no header
    was found; `header_row` is 1-based."""

    frame: pl.DataFrame
    match: HeaderMatch | None
    header_row: int | None
    findings: list[Finding] = field(default_factory=list)
    not_records: int = 0
    stated_total: int | None = None


def shape(cells: pl.DataFrame, mapping: SourceMapping, file: str, sheet: str | None) -> Shaped:
    """cells: String columns in the sheet's order, then `_row` (Int64, 0 for names that are no row of the file) and `_fields`
    (Int32: the row's number of fields, null where the format has none)."""
    index = index_of(mapping)
    columns = [c for c in cells.columns if not c.startswith("_")]
    found = _find_header(cells, columns, mapping, index)
    if found is None:
        return Shaped(cells.clear(), None, None)
    at, two_rows, headers, match = found
    findings = []
    above = cells.head(at).select(_filled(columns)).to_series().sum() if at else 0
    if above:
        findings.append(Finding("F02", {"n": above}, file, sheet, int(cells["_row"][at])))
    if two_rows:
        findings.append(Finding("F03", {}, file, sheet, int(cells["_row"][at])))
    width = max((i + 1 for i, h in enumerate(headers) if h), default=0)
    body = cells.slice(at + 1 + two_rows)
    last_row = int(cells["_row"].max() or 0)  # type: ignore[arg-type]
    body, not_records = _drop(body, columns, headers)
    body, summaries, stated = _drop_summaries(body, columns, match, mapping)
    if summaries:
        findings.append(Finding("F04", {"n": summaries}, file, sheet))
    if stated is not None and stated != body.height:
        findings.append(Finding("F05", {"a": stated, "b": body.height}, file, sheet, advice=advise("stated_total")))
    if last_row in ROW_LIMITS:
        findings.append(Finding("F06", {"n": last_row}, file, sheet, last_row, advice=advise("row_limit", n=last_row)))
    frame, match = _named(_miscounted(body, columns, width), columns, headers, match)
    frame = _filled_down(frame, match, mapping)
    return Shaped(frame, match, int(cells["_row"][at]) or None, findings, not_records + summaries, stated)


def _text(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars(" \t\r\n\u3000\u00a0\ufeff").replace("", None)


def _filled(columns: list[str]) -> pl.Expr:
    return pl.any_horizontal(*(_text(c).is_not_null() for c in columns))


def _find_header(cells: pl.DataFrame, columns: list[str], mapping: SourceMapping, index: HeaderIndex) -> tuple | None:
    """(position, 1 if two rows, headers, match) of the rows with most known names within the first ten filled ones."""
    head = cells.head(HEADER_WITHIN * 5).select(*(_text(c) for c in columns)).rows()
    filled = [i for i, row in enumerate(head) if any(row)][:HEADER_WITHIN]
    best: tuple | None = None
    for i in filled:
        match = match_headers(head[i], mapping, index)
        if match.known and (best is None or match.known > best[3].known):
            best = (i, 0, head[i], match)
    if best is None:
        return None
    i = best[0]
    for upper in (i, i - 1):
        if upper < 0 or upper + 1 >= len(head):
            continue
        joined = _joined(head[upper], head[upper + 1], mapping, index)
        if joined is None:
            continue
        two = match_headers(joined, mapping, index)
        if two.known > best[3].known:
            best = (upper, 1, joined, two)
    return best


def _joined(upper: tuple, lower: tuple, mapping: SourceMapping, index: HeaderIndex) -> list[str | None] | None:
    """Two rows as one: 上/下 where a merged cell stands over several; None where the lower row is no header row.

    The lower row may only have cells below a merged (so empty) stretch or its first cell: below a known header it is blank.
    """
    alone = match_headers(upper, mapping, index)
    out: list[str | None] = []
    over = None
    for i, (up, low) in enumerate(zip(upper, lower)):
        if up:
            over = up
        if not low:
            out.append(up)
            continue
        spans = i + 1 < len(upper) and not upper[i + 1] and lower[i + 1]
        if up and alone.canonical[i] and not spans:
            return None
        out.append(f"{over}{LEVELS}{low}" if over else low)
    return out


def _drop(body: pl.DataFrame, columns: list[str], headers) -> tuple[pl.DataFrame, int]:
    """Blank rows and repeated headers taken out, and counted."""
    wanted = {c: h for c, h in zip(columns, headers) if h}
    lower = {c: h.rsplit(LEVELS, 1)[-1] for c, h in wanted.items()}
    # Nearly every row has something in its first column, and no header in its first few: only the others are looked at in full.
    hints = list(lower.items())[:4]
    suspect = _text(columns[0]).is_null() | pl.any_horizontal(*(_text(c) == h for c, h in hints)).fill_null(False)
    marked = body.with_columns(suspect.alias("_suspect"))
    candidates = marked.filter("_suspect")
    if candidates.is_empty():
        return body, 0
    blank = ~_filled(columns) & ~pl.col("_fields").eq_missing(BROKEN)
    again = pl.sum_horizontal(*(_text(c).eq_missing(pl.lit(h)).cast(pl.Int32) for c, h in lower.items()))
    gone = candidates.filter(blank | (again * 2 > len(lower)))["_row"]
    keep = body.filter(~pl.col("_row").is_in(gone.implode()))
    return keep, body.height - keep.height


def _drop_summaries(body: pl.DataFrame, columns: list[str], match: HeaderMatch, mapping: SourceMapping):
    """(rows, number of summary rows dropped, the total that they state)."""
    if body.is_empty():
        return body, 0, None
    first = pl.coalesce(*(_text(c) for c in columns))
    ids = [c for c, m in zip(columns, match.canonical) if m == "source_record_id"]
    times = [c for c, m in zip(columns, match.canonical) if m == "created_at"]
    summary = first.str.contains(_SUMMARY).fill_null(False)
    # A record has a number or a time of its own: a text that merely begins with such a word is none.
    key = pl.any_horizontal(pl.lit(False), *(first.eq_missing(_text(c)) for c in (*ids, *times)))
    numbered = pl.any_horizontal(pl.lit(False), *(
        ~_text(c).str.contains(_SUMMARY) & ~_text(c).str.contains(r"^\D*\d+\s*[条件笔宗行]$") for c in ids)).fill_null(False)
    dated = pl.any_horizontal(pl.lit(False), *(_text(c).str.contains(r"^\D{0,3}\d{4}[-/.年]\d") for c in times)).fill_null(False)
    summary &= ~(((numbered | dated) & ~key) | (numbered & dated))
    dropped = body.filter(summary)
    if dropped.is_empty():
        return body, 0, None
    sums = [c for c, m in zip(columns, match.canonical) if m in _SUMMED]
    return body.filter(~summary), dropped.height, _stated_total(dropped.select(*(_text(c) for c in columns if c not in sums)))


def _stated_total(rows: pl.DataFrame) -> int | None:
    """The number of records that summary rows state: 共 123 条, or 合计 and one bare number. None where they state none, or several."""
    said: set[int] = set()
    for row in rows.iter_rows():
        cells = [c for c in row if c]
        words = " ".join(cells)
        found = re.search(_STATED, words, re.IGNORECASE)
        bare = [c for c in cells[1:] if re.fullmatch(r"\d{1,3}(,\d{3})+|\d{1,7}(\.0)?", c)]
        if found:
            said.add(int(found[1].replace(",", "")))
        elif re.search(_TOTAL, cells[0] if cells else "") and len(bare) == 1 and len(cells) == 2:
            said.add(int(float(bare[0].replace(",", ""))))
    return said.pop() if len(said) == 1 else None


def _miscounted(body: pl.DataFrame, columns: list[str], width: int) -> pl.DataFrame:
    """`_fields` null where the number of fields is the header's, or the fields beyond it are empty."""
    beyond = columns[width:]
    spill = pl.any_horizontal(*(_text(c).is_not_null() for c in beyond)) if beyond else pl.lit(False)
    wrong = ((pl.col("_fields") < width) | ((pl.col("_fields") > width) & spill)).fill_null(False)
    return body.with_columns(pl.when(wrong).then(pl.col("_fields").abs()).cast(pl.Int32).alias("_fields"),
                             pl.when(wrong).then(pl.lit(width)).cast(pl.Int32).alias("_expected"))


def _named(body: pl.DataFrame, columns: list[str], headers, match: HeaderMatch) -> tuple[pl.DataFrame, HeaderMatch]:
    """Columns named by their headers: a second one of the same name gets its number, one without a name and without data goes."""
    names: list[str | None] = []
    seen: dict[str, int] = {}
    for i, (column, header) in enumerate(zip(columns, headers)):
        if not header:
            # What spills over in miscounted rows is no column.
            if not body.filter(pl.col("_fields").is_null()).select(_text(column).is_not_null().any()).item():
                names.append(None)
                continue
            header = f"#{i + 1}"
        header = header.lstrip("_") or f"#{i + 1}"
        seen[header] = seen.get(header, 0) + 1
        names.append(header if seen[header] == 1 else f"{header} ({seen[header]})")
    kept = [i for i, n in enumerate(names) if n]
    frame = body.select(*(pl.col(columns[i]).alias(names[i] or "") for i in kept),
                        "_row", "_fields", "_expected")
    return frame, HeaderMatch(tuple(names[i] or "" for i in kept), tuple(match.canonical[i] for i in kept),
                              tuple(match.units[i] for i in kept), match.missing, match.doubled)


def _filled_down(frame: pl.DataFrame, match: HeaderMatch, mapping: SourceMapping) -> pl.DataFrame:
    """Vertically merged cells, in the columns that the mapping names and nowhere else."""
    down = [h for h, c in zip(match.headers, match.canonical) if c in mapping.fill_down]
    return frame.with_columns(*(_text(h).forward_fill().alias(h) for h in down)) if down else frame
