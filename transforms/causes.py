"""What carries a rise or a fall: exact shares of it down a tree of factors, and how concentrated records are."""
from collections.abc import Sequence
from typing import Any

import polars as pl

#: A value carries part of a change where its own change differs by so many standard deviations from that of all.
Z_CARRIES = 3.0
#: At most so many values of one factor are named, and factors so deep.
VALUES, DEPTH = 3, 3
#: What carries less than this share of the whole change is not followed further, and a change of fewer records is not explained at all.
FOLLOWED, LEAST = 0.2, 3
#: One line of the tree. `before` is on the scale of the later period; `share` is of the whole change; `factor` "rest": what the named values leave.
LINE: dict[str, Any] = {"depth": pl.Int64, "path": pl.String, "factor": pl.String, "value": pl.String, "before": pl.Float64, "now": pl.Float64,
                        "contribution": pl.Float64, "share": pl.Float64}


def causes(rows: pl.DataFrame, factors: Sequence[str], scale: float = 1.0) -> pl.DataFrame:
    """Lines of `LINE` of the change between two periods: the whole (depth 0), then the factor that explains it best, and so on inside.

    rows: a boolean `now`, and a column of strings for each factor; a null is a value of its own. scale: the later period's length over the earlier's.
    At every split the named values and the rest add up exactly to what is split. The factor is the one whose carrying values surprise most, by the
    Jensen-Shannon divergence of their shares (Bhagwan et al. 2014, NSDI, "Adtributor"); a value carries where it changed otherwise than the
    whole by `Z_CARRIES` standard deviations of the hypergeometric law. Ties go to the factor named first and to the smaller value.
    """
    n_now = int(rows["now"].sum())
    before, now = (rows.height - n_now) * scale, float(n_now)
    whole = now - before
    out = [{"depth": 0, "path": "", "factor": "whole", "value": None, "before": before, "now": now, "contribution": whole, "share": 1.0 if whole else None}]
    if abs(whole) >= LEAST:
        out += _inside(rows, list(factors), scale, whole, "", 1)
    return pl.DataFrame(out, schema=LINE).with_columns(pl.col(pl.Float64).round_sig_figs(9))


def _inside(rows: pl.DataFrame, factors: list[str], scale: float, whole: float, path: str, depth: int) -> list[dict]:
    if depth > DEPTH:
        return []
    tables = {f: _carriers(rows, f, scale, whole) for f in factors}
    best = max((f for f in factors if tables[f].height), key=lambda f: (tables[f]["surprise"].sum(), -factors.index(f)), default=None)
    if best is None:
        return []
    out, named = [], tables[best].head(VALUES)
    for row in named.iter_rows(named=True):
        here = f"{path}/{best}={row['value'] if row['value'] is not None else ''}"
        out.append({"depth": depth, "path": here, "factor": best, **{c: row[c] for c in ("value", "before", "now", "contribution")}, "share": row["contribution"] / whole})
        if abs(row["contribution"]) >= max(FOLLOWED * abs(whole), LEAST):
            out += _inside(rows.filter(pl.col(best).eq_missing(pl.lit(row["value"], pl.String))), [f for f in factors if f != best], scale, whole, here, depth + 1)
    now = float(rows["now"].sum())
    before = (rows.height - now) * scale
    left = {"before": before - float(named["before"].sum()), "now": now - float(named["now"].sum())}
    change = left["now"] - left["before"]
    out.append({"depth": depth, "path": f"{path}/{best}", "factor": "rest", "value": best, **left, "contribution": change, "share": change / whole})
    return out


def _carriers(rows: pl.DataFrame, factor: str, scale: float, whole: float) -> pl.DataFrame:
    """(value, before, now, contribution, surprise) of the values of a factor that carry the change, the largest contribution first."""
    n_now = float(rows["now"].sum())
    n_before = rows.height - n_now
    if not n_now and not n_before:
        return pl.DataFrame(schema={"surprise": pl.Float64})
    p = n_now / (n_now + n_before)
    q0, q1 = pl.col("n0") / max(n_before, 1.0), pl.col("now") / max(n_now, 1.0)
    middle = (q0 + q1) / 2
    part = lambda q: pl.when(q > 0).then(q * (q / middle).log(2)).otherwise(0.0)
    n = pl.col("n0") + pl.col("now")
    total = n_now + n_before
    spread = (n * p * (1 - p) * (total - n) / max(total - 1, 1.0)).sqrt()
    told = rows.group_by(pl.col(factor).alias("value")).agg(pl.col("now").sum().cast(pl.Float64), (~pl.col("now")).sum().cast(pl.Float64).alias("n0"))
    # Where nothing was before, or nothing is now, every value has changed like the whole: none carries more than its share.
    z = pl.when(spread > 0).then((pl.col("now") - n * p) / spread).otherwise(0.0)
    sign = 1.0 if whole > 0 else -1.0
    return (told.with_columns(z.alias("z"), (pl.col("n0") * scale).alias("before"), ((part(q0) + part(q1)) / 2).alias("surprise"))
            .with_columns((pl.col("now") - pl.col("before")).alias("contribution"))
            .filter((pl.col("z") * sign >= Z_CARRIES) & (pl.col("contribution") * sign >= LEAST))
            .sort(pl.col("contribution") * sign, "value", descending=[True, False]).select("value", "before", "now", "contribution", "surprise"))


def by_chance(before: int, now: int, scale: float = 1.0) -> bool:
    """Whether two counts differ by less than two standard deviations of two Poisson counts."""
    return abs(now - before * scale) <= 2 * (now + before * scale * scale) ** 0.5


def concentration(keys: pl.Series, shares: Sequence[float] = (0.01, 0.05, 0.2, 0.5)) -> pl.DataFrame:
    """(share_of_keys, n_keys, n_records, share_of_records): how many of the records with a key the busiest keys have, and so the Lorenz curve's points.

    Of `share_of_keys` of the distinct keys, rounded up, the busiest are taken. Empty where no record has a key.
    """
    counts = keys.drop_nulls().value_counts(sort=True, name="n")["n"].sort(descending=True).cum_sum()
    rows = []
    for share in shares if counts.len() else ():
        k = max(1, -int(-share * counts.len() // 1))
        rows.append({"share_of_keys": share, "n_keys": k, "n_records": counts[k - 1], "share_of_records": float(f"{counts[k - 1] / counts[-1]:.9g}")})
    return pl.DataFrame(rows, schema={"share_of_keys": pl.Float64, "n_keys": pl.Int64, "n_records": pl.Int64, "share_of_records": pl.Float64})
