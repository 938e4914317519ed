"""Figures from records: counts, sums, rates and medians with their denominators and 95 % intervals, and how two of them differ."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

#: The normal quantile of a two-sided 95 % interval.
Z = 1.959963985
#: How a figure is made.
KINDS = ("count", "sum", "rate", "median")
FIGURE: dict[str, Any] = {"numerator": pl.Float64, "denominator": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "waiting": pl.Int64}


@dataclass(frozen=True)
class Measure:
    """What is counted of each row. `kind`: one of `KINDS`.

    `part`: of a count and a rate the credit a row gives (bool or 0…1), of a sum and a median its value. `whole`: whether the row counts at
    all (bool). `waiting`: whether its answer may still come (bool); such a row counts only where `whole` says so.
    """

    kind: str
    part: pl.Expr
    whole: pl.Expr
    waiting: pl.Expr


def measured(rows: pl.DataFrame, measure: Measure, by: Sequence[str] = ()) -> pl.DataFrame:
    """(*by, `FIGURE`): one row a group, by `by`; one row in all without `by`, also where there are no rows.

    A count's value is its numerator, and so is a sum's, whose denominator is how many rows have a value; a rate has Wilson's interval (1927,
    JASA 22:209), a median that of its order statistics. Rows without a group are left out. Floats have 9 significant digits.
    """
    whole = measure.whole.fill_null(False)
    part = pl.when(whole).then(measure.part.cast(pl.Float64))
    told = rows.with_columns(part.alias("_part"), whole.alias("_whole"), measure.waiting.fill_null(False).alias("_waiting"))
    has = pl.col("_part").is_not_null()
    aggregates = {
        "count": (pl.col("_part").fill_null(0).sum(), pl.lit(None, pl.Float64)),
        "sum": (pl.col("_part").sum(), has.sum()),
        "rate": (pl.col("_part").fill_null(0).sum(), pl.col("_whole").sum()),
        "median": (pl.lit(None, pl.Float64), has.sum()),
    }
    numerator, denominator = aggregates[measure.kind]
    rank = (has.sum().cast(pl.Float64) * 0.5, has.sum().cast(pl.Float64).sqrt() * Z / 2)
    at = lambda where: pl.col("_part").drop_nulls().sort().get(where.floor().cast(pl.Int64).clip(0, (has.sum().cast(pl.Int64) - 1).clip(0)), null_on_oob=True)
    extra = [pl.col("_part").median().alias("_median"), at(rank[0] - rank[1]).alias("_low"), at(rank[0] + rank[1]).alias("_high")] if measure.kind == "median" else []
    wanted = [numerator.cast(pl.Float64).alias("numerator"), denominator.cast(pl.Float64).alias("denominator"), pl.col("_waiting").sum().cast(pl.Int64).alias("waiting"), *extra]
    if by:
        out = told.filter(pl.all_horizontal(pl.col(c).is_not_null() for c in by)).group_by(*by).agg(wanted).sort(*by)
    else:
        out = told.select(wanted)
    return out.with_columns(_values(measure.kind)).select(*by, *(pl.col(c).cast(t).round_sig_figs(9) if t == pl.Float64 else pl.col(c).cast(t) for c, t in FIGURE.items()))


def _values(kind: str) -> list[pl.Expr]:
    none = pl.lit(None, pl.Float64)
    if kind == "rate":
        k, n = pl.col("numerator"), pl.col("denominator")
        low, high = wilson(k, n)
        return [pl.when(n > 0).then(k / n).alias("value"), low.alias("low"), high.alias("high")]
    if kind == "median":
        return [pl.col("_median").alias("value"), pl.col("_low").alias("low"), pl.col("_high").alias("high")]
    value = pl.col("numerator") if kind == "count" else pl.when(pl.col("denominator") > 0).then(pl.col("numerator"))
    return [value.alias("value"), none.alias("low"), none.alias("high")]


def wilson(k: pl.Expr, n: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's score interval of k successes in n; null where n is 0. k may be a sum of credits between 0 and 1."""
    centre, half = (k + Z * Z / 2) / (n + Z * Z), Z / (n + Z * Z) * (k * (n - k) / n + Z * Z / 4).clip(0).sqrt()
    return pl.when(n > 0).then((centre - half).clip(0)), pl.when(n > 0).then((centre + half).clip(None, 1))


def compared(now: pl.DataFrame, then: pl.DataFrame, kind: str, by: Sequence[str], days: tuple[int, int]) -> pl.DataFrame:
    """`now` with `before`, `change`, `change_low`, `change_high`, `change_per_day`, by `by`.

    Counts and sums: the relative change (−0.1926 is 19.26 % less); of counts with the interval of a ratio of two Poisson counts, and day by day where
    the periods' lengths (`days`: now, then) differ. A group that is absent then counted nothing. Rates and medians: the difference; of rates with
    Newcombe's interval of two Wilson's (1998, Statistics in Medicine 17:873). Null where nothing can be said.
    """
    old = then.select(*by, *(pl.col(c).alias(f"_{c}") for c in ("numerator", "denominator", "value", "low", "high")))
    both = now.join(old, on=list(by), how="left", maintain_order="left") if by else pl.concat([now, old], how="horizontal")
    none = pl.lit(None, pl.Float64)
    if kind in ("count", "sum"):
        before = pl.col("_value").fill_null(0.0) if kind == "count" else pl.col("_value")
        ratio = pl.when(before > 0).then(pl.col("value") / before)
        per_day = ratio * days[1] / days[0] - 1 if days[0] != days[1] else none
        spread = (Z * (1 / pl.col("value") + 1 / before).sqrt()).exp()
        told = pl.when((before > 0) & (pl.col("value") > 0))
        low, high = (told.then(ratio / spread - 1), told.then(ratio * spread - 1)) if kind == "count" else (none, none)
        change = ratio - 1
    else:
        before, change, per_day = pl.col("_value"), pl.col("value") - pl.col("_value"), none
        if kind == "rate":
            low = change - ((pl.col("value") - pl.col("low")) ** 2 + (pl.col("_high") - pl.col("_value")) ** 2).sqrt()
            high = change + ((pl.col("high") - pl.col("value")) ** 2 + (pl.col("_value") - pl.col("_low")) ** 2).sqrt()
        else:
            low = high = none
    named = {"before": before, "change": change, "change_low": low, "change_high": high, "change_per_day": per_day}
    return both.with_columns(e.cast(pl.Float64).round_sig_figs(9).alias(c) for c, e in named.items()).drop(c for c in both.columns if c.startswith("_"))


def weighted(parts: Sequence[tuple[float, pl.DataFrame]], by: Sequence[str]) -> pl.DataFrame:
    """(*by, `FIGURE`) of a score: the weighted sum of rates times 100 over the sum of weights; null for a group that lacks one of them.

    Its interval is made of the parts' (MOVER: Zou & Donner 2008, Statistics in Medicine 27:1693). `denominator` is the smallest of theirs.
    """
    total = sum(w for w, _ in parts)
    frames = [f.select(*by, *(pl.col(c).alias(f"{c}_{n}") for c in FIGURE)) for n, (_, f) in enumerate(parts)]
    both = frames[0]
    for f in frames[1:]:
        both = both.join(f, on=list(by), how="inner", maintain_order="left") if by else pl.concat([both, f], how="horizontal")
    shares: Mapping[int, float] = {n: 100 * w / total for n, (w, _) in enumerate(parts)}
    value = sum((pl.col(f"value_{n}") * s for n, s in shares.items()), pl.lit(0.0))
    down = sum(((s * (pl.col(f"value_{n}") - pl.col(f"low_{n}"))) ** 2 for n, s in shares.items()), pl.lit(0.0)).sqrt()
    up = sum(((s * (pl.col(f"high_{n}") - pl.col(f"value_{n}"))) ** 2 for n, s in shares.items()), pl.lit(0.0)).sqrt()
    named = {"numerator": value, "denominator": pl.min_horizontal(*(pl.col(f"denominator_{n}") for n in shares)), "value": value, "low": (value - down).clip(0),
             "high": (value + up).clip(None, 100), "waiting": pl.max_horizontal(*(pl.col(f"waiting_{n}") for n in shares))}
    return both.select(*by, *(named[c].cast(t).round_sig_figs(9).alias(c) if t == pl.Float64 else named[c].cast(t).alias(c) for c, t in FIGURE.items()))
