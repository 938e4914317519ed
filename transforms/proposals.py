"""What might be next month's theme, scored part by part, and which respondents' records point to a case."""
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

WINDOW, MONTH, MONTHS, COMMONEST, ANSWERED = 91, 30, 6, 10, 5
PARTS = ("frequent", "growing", "recurring", "broad", "hard", "solvable", "seasonal")
FOUND_TRUE, FOUND = ("mediated", "refunded", "filed"), ("mediated", "refunded", "filed", "unfounded")


def themes(records: pl.DataFrame, day: date, n_streets: int, weights: Mapping[str, float], least: int, has_year: bool, has_season: bool, has_quarter: bool = True) -> pl.DataFrame:
    """(problem_code, n, *PARTS, score, record_ids) of the problems with `least` records in the quarter before a day, the highest score first.

    records: problem_code, local_date, street, solved, hard, record_id of the two years before. has_year, has_season: whether last year's same quarter, and its month to
    come, are in the store; without it growth is against the quarter before, and the season is null and
    left out of the score. has_quarter: whether that quarter is in the store; without either, growth is null and left out as well. Parts lie between 0 and 1.
    """
    back = lambda first, last: pl.col("local_date").is_between(day - timedelta(days=first), day - timedelta(days=last))
    rows = records.filter(pl.col("problem_code").is_not_null())
    count = lambda which: rows.filter(which).group_by("problem_code").agg(pl.len().cast(pl.Float64).alias("c"))
    quarter = back(WINDOW - 1, 0)
    now = rows.filter(quarter).group_by("problem_code").agg(
        pl.len().cast(pl.Int64).alias("n"), pl.col("street").n_unique().alias("_streets"), pl.col("hard").mean().alias("_hard"),
        pl.col("solved").is_not_null().sum().alias("_answered"), pl.col("solved").mean().alias("_solved"), pl.col("record_id").sort().alias("record_ids"))
    before = count(back(WINDOW - 1 + 364, 364)) if has_year else count(back(2 * WINDOW - 1, WINDOW))
    often = [rows.filter(back(MONTH * (k + 1) - 1, MONTH * k)).group_by("problem_code").len("c").sort("c", "problem_code", descending=[True, False]).head(COMMONEST).select("problem_code")
             for k in range(MONTHS)]
    frequent = pl.concat(often).group_by("problem_code").agg((pl.len() / MONTHS).alias("recurring"))
    told = now.join(before.rename({"c": "_before"}), on="problem_code", how="left").join(frequent, on="problem_code", how="left")
    season = count(back(363, 363 - MONTH + 1)).rename({"c": "_season"}).join(count(back(363, 0)).rename({"c": "_year"}), on="problem_code", how="full", coalesce=True)
    told = told.join(season, on="problem_code", how="left")
    change = pl.col("n") - pl.col("_before").fill_null(0)
    beyond = change.abs() > 2 * (pl.col("n") + pl.col("_before").fill_null(0)).sqrt()
    usual = pl.col("_year") * MONTH / 364
    parts = {
        "frequent": pl.col("n") / pl.col("n").max(),
        "growing": pl.when(pl.lit(not (has_year or has_quarter))).then(None).when(~beyond).then(0.0).otherwise((change / pl.col("_before").fill_null(0).clip(1)).clip(0, 1)),
        "recurring": pl.col("recurring").fill_null(0.0),
        "broad": (pl.col("_streets") / max(n_streets, 1)).clip(0, 1),
        "hard": pl.when(pl.col("_hard").max() > 0).then(pl.col("_hard") / pl.col("_hard").max()).otherwise(0.0),
        "solvable": pl.when(pl.col("_answered") >= ANSWERED).then("_solved").otherwise(0.5),
        "seasonal": pl.when(pl.lit(has_season) & (usual > 0)).then((pl.col("_season").fill_null(0) / usual - 1).clip(0, 1)),
    }
    total = sum((pl.when(pl.col(c).is_not_null()).then(pl.lit(float(weights[c]))).otherwise(0.0) for c in PARTS), pl.lit(0.0))
    score = sum((pl.col(c).fill_null(0) * weights[c] for c in PARTS), pl.lit(0.0)) / total
    return (told.with_columns(e.cast(pl.Float64).alias(c) for c, e in parts.items()).with_columns(score.alias("score")).filter(pl.col("n") >= least)
            .select("problem_code", "n", *(pl.col(c).round_sig_figs(9) for c in (*PARTS, "score")), "record_ids").sort("score", "problem_code", descending=[True, False]))


def suspects(records: pl.DataFrame, least: int, callers: int, verified: float) -> pl.DataFrame:
    """(respondent, problem_code, street, n, n_callers, has_report, n_found, n_true, filed, record_ids) of respondents whose complaints and reports of one problem point to a case.

    records: respondent (a key), problem_code, street, caller_key, record_type, outcome, record_id. At least so many records from so many known callers; where anything was
    found of them (mediated, refunded, filed, unfounded), so large a share of it true. The most records first; what is filed already comes last.
    """
    kinds = pl.col("record_type").is_in(["complaint", "report"])
    told = records.filter(kinds & pl.col("respondent").is_not_null() & pl.col("problem_code").is_not_null()).group_by("respondent", "problem_code").agg(
        pl.col("street").drop_nulls().mode().sort().first(), pl.len().cast(pl.Int64).alias("n"), pl.col("caller_key").drop_nulls().n_unique().cast(pl.Int64).alias("n_callers"),
        (pl.col("record_type") == "report").any().alias("has_report"), pl.col("outcome").is_in(FOUND).sum().cast(pl.Int64).alias("n_found"),
        pl.col("outcome").is_in(FOUND_TRUE).sum().cast(pl.Int64).alias("n_true"), (pl.col("outcome") == "filed").any().fill_null(False).alias("filed"),
        pl.col("record_id").sort().alias("record_ids"))
    true = (pl.col("n_found") == 0) | (pl.col("n_true") >= verified * pl.col("n_found"))
    return told.filter((pl.col("n") >= least) & (pl.col("n_callers") >= callers) & true).sort("filed", "n", "respondent", "problem_code", descending=[False, True, False, False])


def alike(records: pl.DataFrame, problem: str, street: str, but: Sequence[str | None]) -> pl.DataFrame:
    """(respondent, n, last, record_ids): others in the street with records of the problem, the most first: 以案促调, whom to inspect next."""
    found = records.filter((pl.col("problem_code") == problem) & (pl.col("street") == street) & pl.col("respondent").is_not_null())
    kept: list[Any] = [b for b in but if b is not None]
    return found.filter(~pl.col("respondent").is_in(kept)).group_by("respondent").agg(
        pl.len().cast(pl.Int64).alias("n"), pl.col("local_date").max().alias("last"), pl.col("record_id").sort().alias("record_ids")).sort("n", "respondent", descending=[True, False])
