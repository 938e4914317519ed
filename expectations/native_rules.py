"""The rules for which Great Expectations has an expectation of its own: what it looks at, and the same in polars.

The two must agree in number: one is what is reported, the other what is acted upon.
"""
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from expectations.row_rules import DRIFT, EARLIEST, MOST_YUAN
from transforms.canonical import RECORD_TYPES, STATUSES

#: What the view shows of a batch: nothing in it is a text, a name or a number of a person's.
VIEW: dict[str, pl.Expr] = {
    "number": pl.col("source_record_id"),
    # A record's rank stands for its number, and equal rows are one: only the first of them counts when numbers are compared.
    "distinct_number": pl.when(pl.struct("record_id", "row_hash").is_first_distinct()).then(pl.col("record_id").rank("dense")),
    **{c: pl.col(c) for c in ("created_at", "dispatched_at", "signed_at", "closed_at", "created_precision", "record_type", "status",
                              "lon", "lat", "amount_claimed", "amount_recovered")},
    "text_length": pl.max_horizontal(*(pl.col(c).str.replace_all(r"\s", "").str.len_chars().fill_null(0) for c in ("title", "content"))),
}


@dataclass(frozen=True)
class NativeRule:
    """One use of an expectation. `expectation`: its class in `great_expectations.expectations`; `settings`: its arguments, columns
    of VIEW among them; `broken`: the same over VIEW's columns in polars."""

    code: str
    expectation: str
    settings: Mapping[str, Any]
    broken: pl.Expr


def native_rules(id_pattern: str | None = None, received_at: datetime | None = None,
                 box: tuple[float, float, float, float] | None = None) -> list[NativeRule]:
    """The native rules of a source: with its numbers' pattern (K05), the moment of receipt (T02) and its place's box in degrees (G03)."""
    rules = [
        _given("K01", "number"),
        NativeRule("K06", "ExpectColumnValuesToBeUnique", {"column": "distinct_number"},
                   pl.col("distinct_number").is_not_null() & (pl.len().over("distinct_number") > 1)),
        _given("T01", "created_at"),
        _between("T03", "created_at", _seconds(EARLIEST), None),
        _among("T04", "created_precision", ("second", "minute")),
        _in_order("T05", "created_at", "closed_at"),
        _in_order("T09", "dispatched_at", "signed_at"),
        _in_order("T09", "signed_at", "closed_at"),
        _between("C01", "text_length", 1, None),
        _among("D01", "record_type", RECORD_TYPES),
        _given("D02", "status"),
        _among("D02", "status", STATUSES),
        _between("M03", "amount_claimed", 0, MOST_YUAN),
        _between("M03", "amount_recovered", 0, MOST_YUAN),
    ]
    if received_at is not None:
        rules.append(_between("T02", "created_at", None, (received_at + DRIFT).timestamp()))
    if box is not None:
        west, south, east, north = box
        rules += [_between("G03", "lon", west, east), _between("G03", "lat", south, north)]
    if id_pattern is not None and _same_in_rust(id_pattern):
        rules.append(NativeRule("K05", "ExpectColumnValuesToMatchRegex", {"column": "number", "regex": id_pattern},
                                ~pl.col("number").str.contains(id_pattern)))
    return rules


def _seconds(moment: datetime) -> float:
    return (moment - datetime(1970, 1, 1)).total_seconds()


def _given(code: str, column: str) -> NativeRule:
    return NativeRule(code, "ExpectColumnValuesToNotBeNull", {"column": column}, pl.col(column).is_null())


def _among(code: str, column: str, values: tuple[str, ...]) -> NativeRule:
    return NativeRule(code, "ExpectColumnValuesToBeInSet", {"column": column, "value_set": list(values)},
                      ~pl.col(column).is_in(list(values)))


def _between(code: str, column: str, low: float | None, high: float | None) -> NativeRule:
    value = pl.col(column)
    outside = pl.any_horizontal(*([value < low] if low is not None else []), *([value > high] if high is not None else []))
    return NativeRule(code, "ExpectColumnValuesToBeBetween", {"column": column, "min_value": low, "max_value": high}, outside)


def _in_order(code: str, first: str, second: str) -> NativeRule:
    return NativeRule(code, "ExpectColumnPairValuesAToBeGreaterThanB",
                      {"column_A": second, "column_B": first, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
                      pl.col(second) < pl.col(first))


def _same_in_rust(pattern: str) -> bool:
    """Patterns with look-arounds or back references exist in one engine only and stay with the mapper."""
    try:
        pl.Series([""]).str.contains(pattern)
        re.compile(pattern)
    except (pl.exceptions.ComputeError, re.error):
        return False
    return True
