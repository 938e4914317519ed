"""Reading a ledger's file: the same readers and headers as a source's, each cell in its column's type, each fault by row and column."""
from pathlib import Path
from typing import Any

import polars as pl

from policy.ledgers import Ledger
from sources.field_times import TimeForm, parse_times
from sources.mapping import ColumnMapping, Name, SourceMapping
from sources.reading import read_bytes

#: Columns of an item, whatever its ledger has of them.
ITEM: dict[str, Any] = {"item_id": pl.String, "place": pl.String, "street": pl.String, "used_since": pl.Date, "user_unit": pl.String, "maintainer": pl.String,
                        "inspection_due": pl.Date, "last_inspected": pl.Date, "last_maintained": pl.Date, "faults": pl.Int64, "risk_grade": pl.String,
                        "amount": pl.Float64, "filed": pl.Boolean, "stopped": pl.Boolean, "residents": pl.Int64}
_YES, _NO = ("是", "有", "y", "yes", "true", "1", "已备案", "停用"), ("否", "无", "n", "no", "false", "0", "未备案", "在用")
_ZONE = "Asia/Shanghai"


def read_ledger(path: Path, ledger: Ledger) -> tuple[pl.DataFrame, list[tuple[int, str, str]]]:
    """The items of a file (columns of `ITEM`), and what is wrong: (row of the sheet, column, why: missing, unreadable, doubled).

    Columns of the file that the ledger does not name are not read. Raises RefusedInput where the file or its headers can't be taken.
    """
    columns = {name: ColumnMapping.model_validate({"headers": list(c["headers"]), "required": bool(c.get("required", False))}) for name, c in ledger.columns.items()}
    mapping = SourceMapping.model_construct(source=ledger.id, name=Name(zh=ledger.zh, en=ledger.en), columns=columns)
    table = read_bytes(path.read_bytes(), path.name, mapping)
    assert table.match is not None
    where = {c: h for h, c in table.match.columns().items()}
    texts = {c: table.frame[h].cast(pl.String).str.strip_chars() for c, h in where.items()}
    texts = {c: t.set(t == "", None) for c, t in texts.items()}
    row, wrong, out = table.frame["_row"], [], {}
    for name, kind in ITEM.items():
        text = texts.get(name)
        if text is None:
            out[name] = pl.Series(name, [None] * row.len(), dtype=kind)
            continue
        out[name] = _typed(text, ledger.columns[name]["type"], table.excel_1904).cast(kind).alias(name)
        bad = text.is_not_null() & out[name].is_null()
        wrong += [(r, name, "unreadable") for r in row.filter(bad)]
        if ledger.columns[name].get("required"):
            wrong += [(r, name, "missing") for r in row.filter(text.is_null())]
    items = pl.DataFrame(list(out.values()))
    again = items["item_id"].is_duplicated() & items["item_id"].is_not_null()
    wrong += [(r, "item_id", "doubled") for r in row.filter(again)]
    return items, sorted(set(wrong))


def _typed(text: pl.Series, kind: str, excel_1904: bool) -> pl.Series:
    if kind == "date":
        return parse_times(text, TimeForm(_ZONE, excel_1904=excel_1904))["at"].dt.convert_time_zone(_ZONE).dt.date()
    if kind in ("integer", "number"):
        number = text.str.replace_all(r"[,，\s]", "").cast(pl.Float64, strict=False)
        return number if kind == "number" else number.set(number != number.round(0), None).cast(pl.Int64)
    if kind == "boolean":
        low = text.str.to_lowercase()
        return pl.select(pl.when(low.is_in(_YES)).then(True).when(low.is_in(_NO)).then(False)).to_series()
    return text
