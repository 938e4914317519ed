"""How good the warnings were, by what staff found: precision by kind and by rule, with intervals."""
import polars as pl
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from flows.running import House
from policy.catalogue import say
from warehouse.settings import Settings

#: A verdict's credit: partly right is half a hit; what was known already was no news, but no false alarm either.
CREDIT = {"confirmed": 1.0, "partly": 0.5, "unfounded": 0.0}


def interval(hits: float, n: float, level: float = 0.9) -> tuple[float, float]:
    """Jeffreys' interval of a share (Brown, Cai & DasGupta 2001)."""
    tail = (1 - level) / 2
    return float(beta.ppf(tail, hits + 0.5, n - hits + 0.5)), float(beta.ppf(1 - tail, hits + 0.5, n - hits + 0.5))


def precision(warnings: pl.DataFrame, by: str) -> pl.DataFrame:
    """(by, warnings, judged, precision, low, high): of warnings with a verdict other than already known."""
    judged = warnings.filter(pl.col("verdict").is_in(list(CREDIT))).with_columns(
        pl.col("verdict").replace_strict(CREDIT, return_dtype=pl.Float64).alias("credit"))
    told = warnings.group_by(by).agg(pl.len().alias("warnings")).join(
        judged.group_by(by).agg(pl.len().alias("judged"), pl.col("credit").sum()), on=by, how="left").sort(by, nulls_last=True)
    bounds = [interval(c, n) if n else (None, None) for c, n in told.select(pl.col("credit").fill_null(0), pl.col("judged").fill_null(0)).iter_rows()]
    return told.with_columns((pl.col("credit") / pl.col("judged")).alias("precision"), pl.Series("low", [b[0] for b in bounds], dtype=pl.Float64),
                             pl.Series("high", [b[1] for b in bounds], dtype=pl.Float64)).drop("credit")


def evaluate(settings: Settings) -> int:
    """Prints the tables."""
    house = House.open(settings)
    try:
        warnings = house.warehouse.select("warning", "status <> 'merged'")
        console = Console()
        for by in ("kind", "rule", "level", "lead_unit"):
            table = Table(title=say(f"evaluate.{by}", settings.lang))
            for name in ("what", "warnings", "judged", "precision", "interval"):
                table.add_column(say(f"evaluate.col.{name}", settings.lang), justify="left" if name == "what" else "right")
            for r in precision(warnings, by).iter_rows(named=True):
                known = r["precision"] is not None
                table.add_row(r[by] or "—", str(r["warnings"]), str(r["judged"] or 0), f"{r['precision']:.2f}" if known else "—",
                              f"{r['low']:.2f}–{r['high']:.2f}" if r["low"] is not None else "—")
            console.print(table)
        return 0
    finally:
        house.warehouse.close()
