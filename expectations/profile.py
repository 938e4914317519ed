"""What a batch looks like, column by column, in a page of numbers that can be stored and compared with the next one's."""
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

#: Columns that are there when a record arrives; what comes later is rightly blank on a fresh one and isn't profiled.
INTAKE = ("channel", "record_type", "title", "content", "source_category_1", "source_category_2", "source_category_3", "object_category",
          "respondent_name", "respondent_uscc", "respondent_address", "platform", "caller_key", "district", "street", "community",
          "address_masked", "lon", "lat", "amount_claimed", "persons_affected", "urgency")
#: Columns that counts, links and warnings rest on.
RESTED_ON = frozenset({"title", "content", "source_category_1", "source_category_2", "source_category_3", "respondent_name", "caller_key",
                       "district", "street", "community"})
CATEGORIES = ("source_category_1", "source_category_2", "source_category_3")
#: Columns of few values, in which one value may crowd out the others.
CLASSES = ("channel", "record_type", "district", "street", "source_category_1")
AMOUNTS = ("amount_claimed", "amount_recovered")
_TOP = 20
#: A category tree larger than this is free text; its values are not kept.
_MOST_CATEGORIES = 5_000
#: No batch weighs more than this many rows when several are pooled: a history load shouldn't drown the nights.
_WEIGHT = 10_000


def column_profile(frame: pl.DataFrame, mapped: Iterable[str] | None = None) -> dict[str, Any]:
    """The profile of a batch's accepted rows (SAFE columns), a JSON-able dict without a personal value.

    rows; mapped: the canonical columns that its headers gave (null: unknown); missing: share of nulls per intake column;
    values: the commonest values' shares per class column; categories: all values seen per category column; on_hour: share of
    times exactly on the hour among those with a time, and `timed`, how many these are; amounts: n and median per money column.
    """
    n = frame.height
    timed = frame.filter(pl.col("created_at").is_not_null() & (pl.col("created_precision") != "day").fill_null(True))
    on_hour = timed.select(((pl.col("created_at").dt.minute() == 0) & (pl.col("created_at").dt.second() == 0)).mean()).item()
    return {
        "rows": n,
        "mapped": sorted(mapped) if mapped is not None else None,
        "missing": {c: frame[c].null_count() / n for c in INTAKE} if n else {},
        "values": {c: _shares(frame[c]) for c in CLASSES} if n else {},
        "categories": {c: _seen(frame[c]) for c in CATEGORIES},
        "timed": timed.height,
        "on_hour": on_hour,
        "amounts": {c: {"n": int(frame[c].count()), "median": _median(frame[c])} for c in AMOUNTS},
    }


def glance(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows as profiles and rules about the batch look at them: texts only as there or not there, of the issues only D03."""
    kept = {*CLASSES, *CATEGORIES, *AMOUNTS}
    return frame.select(
        "source_record_id", "record_id", "created_at", "created_precision", "local_date",
        *(pl.col(c) if c in kept else pl.when(pl.col(c).is_not_null()).then(True).alias(c) for c in INTAKE),
        *(c for c in AMOUNTS if c not in INTAKE),
        pl.col("issues").list.filter(pl.element().struct.field("code") == "D03"))


def _shares(values: pl.Series) -> dict[str, float]:
    counts = values.drop_nulls().value_counts(name="n").sort("n", values.name, descending=[True, False]).head(_TOP)
    return {str(value): n / len(values) for value, n in counts.iter_rows()}


def _seen(values: pl.Series) -> list[str]:
    seen = values.drop_nulls().unique().sort()
    return seen.to_list() if len(seen) <= _MOST_CATEGORIES else []


def _median(values: pl.Series) -> float | None:
    """Of amounts that are neither missing nor the 0 that forms pre-fill."""
    median = values.cast(pl.Float64).filter(values.cast(pl.Float64) > 0).median()
    return None if median is None else float(median)  # type: ignore[arg-type]


def pool(profiles: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Several batches' profiles, the oldest first, as one, weighed by rows; None of none.

    `mapped` is what any of them had, `mapped_last` what the last of them had; medians are the weighed middle.
    """
    profiles = [p for p in profiles if p["rows"]]
    if not profiles:
        return None
    weights = [min(p["rows"], _WEIGHT) for p in profiles]
    maps = [p["mapped"] for p in profiles if p["mapped"] is not None]
    return {
        "rows": sum(p["rows"] for p in profiles),
        "mapped": sorted(set().union(*maps)) if maps else None,
        "mapped_last": maps[-1] if maps else None,
        "missing": _mean([p["missing"] for p in profiles], weights, 1.0),
        "values": {c: _mean([p["values"].get(c, {}) for p in profiles], weights, 0.0) for c in CLASSES},
        "categories": {c: sorted(set().union(*(p["categories"].get(c, ()) for p in profiles))) for c in CATEGORIES},
        "timed": sum(p["timed"] for p in profiles),
        "on_hour": _mean([{"": p["on_hour"]} for p in profiles if p["on_hour"] is not None],
                         [w for p, w in zip(profiles, weights) if p["on_hour"] is not None], 0.0).get(""),
        "amounts": {c: _middle([p["amounts"][c] for p in profiles]) for c in AMOUNTS},
    }


def _mean(shares: Sequence[Mapping[str, float]], weights: Sequence[int], absent: float) -> dict[str, float]:
    keys = sorted(set().union(*shares)) if shares else []
    return {k: sum(w * s.get(k, absent) for s, w in zip(shares, weights)) / sum(weights) for k in keys}


def _middle(amounts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    have = sorted((a["median"], a["n"]) for a in amounts if a["median"] is not None)
    half, run = sum(n for _, n in have) / 2, 0
    for median, n in have:
        run += n
        if run >= half:
            return {"n": int(2 * half), "median": median}
    return {"n": 0, "median": None}


def known_categories(profile: Mapping[str, Any] | None) -> dict[str, frozenset[str]] | None:
    """For `RowContext.known_categories`: the values seen so far per category column; None where nothing was seen."""
    seen = {c: frozenset(v) for c, v in (profile or {}).get("categories", {}).items() if v}
    return seen or None
