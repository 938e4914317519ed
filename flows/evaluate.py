"""How good the warnings were, by what staff found: precision by kind, rule, problem, level and unit, with intervals."""
from datetime import timedelta

import polars as pl
from rich.console import Console
from rich.table import Table

from flows.dates import now
from flows.feedback import verdicts
from flows.running import House
from models.verdicts import precision
from policy.catalogue import say
from warehouse.settings import Settings

#: What warnings are broken down by, and the column of the table `warning`.
BY = {"kind": "kind", "rule": "rule", "problem": "problem_code", "level": "level", "lead_unit": "lead_unit"}


def told_and_judged(warnings: pl.DataFrame, judged: pl.DataFrame, by: str) -> pl.DataFrame:
    """(by, warnings, judged, precision, low, high): how many warnings were told, how many verdicts count, and what these came to (95 % intervals).

    warnings: rows of the table `warning`. judged: `flows.feedback.verdicts`.
    """
    told = warnings.group_by(by).agg(pl.len().alias("warnings"))
    return told.join(precision(judged, by).drop("credit"), on=by, how="left").with_columns(pl.col("judged").fill_null(0)).sort(by, nulls_last=True)


def evaluate(settings: Settings) -> int:
    """Prints the tables: of all warnings, and of the verdicts that nights learn from."""
    house = House.open(settings)
    try:
        warnings = house.warehouse.select("warning", "status <> 'merged'")
        judged = verdicts(house.warehouse.acts(now() - timedelta(days=settings.verdict_days)))
        console = Console()
        for name, by in BY.items():
            table = Table(title=say(f"evaluate.{name}", settings.lang))
            for column in ("what", "warnings", "judged", "precision", "interval"):
                table.add_column(say(f"evaluate.col.{column}", settings.lang), justify="left" if column == "what" else "right")
            for r in told_and_judged(warnings, judged, by).iter_rows(named=True):
                known = r["precision"] is not None
                table.add_row(r[by] or "—", str(r["warnings"]), str(r["judged"]), f"{r['precision']:.2f}" if known else "—",
                              f"{r['low']:.2f}–{r['high']:.2f}" if known else "—")
            console.print(table)
        return 0
    finally:
        house.warehouse.close()
