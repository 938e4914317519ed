"""Forecasts against seasonal-naive on the real data sets: MASE and coverage; writes the table of docs/forecast.md.

    python benchmarks/bench_forecasts.py DATA [--write]

DATA: the folder with queens_311_2020_2021.csv.gz, zurich_2016_2021.parquet and message_board_2019_q1_q3.xlsx. --write puts the table into docs/forecast.md.
"""
import argparse
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.forecasts import SeasonalForecaster, naive

ROOT = Path(__file__).resolve().parents[1]

#: Periods ahead, and periods before the first forecast that is judged.
AHEAD, FIRST = {"D": 7, "W": 4}, {"D": 91, "W": 13}
LARGE = 10
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


def matrix(days: pl.Series, codes: pl.Series, top: int = 10) -> tuple[np.ndarray, list[str]]:
    """(n_days, 1 + top) counts: the whole, then the largest problems; and their names."""
    rows = pl.DataFrame({"day": days, "code": codes}).drop_nulls()
    first, last = rows["day"].min(), rows["day"].max()
    names = rows["code"].value_counts(name="n").sort("n", "code", descending=[True, False])["code"].head(top).to_list()
    y = np.zeros(((last - first).days + 1, len(names) + 1), int)
    at = (rows["day"] - first).dt.total_days().to_numpy()
    np.add.at(y[:, 0], at, 1)
    for j, name in enumerate(names, 1):
        np.add.at(y[:, j], at[(rows["code"] == name).to_numpy()], 1)
    return y, ["whole", *names]


def data_sets(folder: Path) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    """(name, counts, series) of each data set."""
    from models.problems import TaxonomyClassifier
    from policy.taxonomy import taxonomy
    from sources.field_times import TimeForm, parse_times
    from sources.mapping import load_mappings
    from sources.reading import read_landed

    queens = pl.read_csv(folder / "queens_311_2020_2021.csv.gz", infer_schema_length=0)
    yield "Queens", *matrix(queens["Created Date"].str.to_datetime("%m/%d/%Y %I:%M:%S %p").dt.date(), queens["Complaint Type"])
    zurich = pl.read_parquet(folder / "zurich_2016_2021.parquet")
    yield "Zürich", *matrix(zurich["date"], zurich["service_code"])
    board = read_landed(folder / "message_board_2019_q1_q3.xlsx", "message_board.xlsx", load_mappings()["message_board"]).frame
    when = parse_times(board["留言时间"], TimeForm("Asia/Shanghai"))["at"].dt.convert_time_zone("Asia/Shanghai").dt.date()
    codes = TaxonomyClassifier(rules=taxonomy().rules_on(date(2019, 6, 1))).predict(board.select(pl.col("留言主题").alias("title"), pl.col("留言详情").alias("content")))
    within = (when >= date(2019, 1, 1)).fill_null(False)
    yield "Message board", *matrix(when.filter(within), pl.Series([c or "unclassified" for c in codes]).filter(within))


def season_of(freq: str, n: int) -> int:
    """The seasonal-naive's: last week's same weekday; 52 weeks back where two years exist, else the week before."""
    return 7 if freq == "D" else 52 if n >= 104 else 1


def judged(y: np.ndarray, freq: str) -> dict[str, np.ndarray | float | int]:
    """MASE of ours and of the naive by series (scaled by the naive's in-sample one-step error), coverage of 80 % intervals where ten or more were expected, and how many such cells."""
    ahead, season, step = AHEAD[freq], season_of(freq, y.shape[0]), 7 if freq == "D" else 1
    origins = np.arange(4 * step, y.shape[0] - ahead + 1, step)
    told = [(o, f) for o, f in zip(origins, SeasonalForecaster(freq, ahead).backtest(y, origins)) if o >= max(FIRST[freq], season)]
    scale = np.abs(y[season:] - y[:-season]).mean(0)
    came = np.array([y[o:o + ahead] for o, _ in told])
    ours = np.abs(np.array([f.median for _, f in told]) - came).mean((0, 1)) / scale
    theirs = np.abs(np.array([naive(y, o, ahead, season) for o, _ in told]) - came).mean((0, 1)) / scale
    large = np.array([f.mean for _, f in told]) >= LARGE
    held = np.array([(f.low <= c) & (c <= f.high) for (_, f), c in zip(told, came)])
    return {"ours": ours, "naive": theirs, "coverage": float(held[large].mean()), "cells": int(large.sum()), "forecasts": len(told)}


def table(folder: Path) -> list[str]:
    """The Markdown table, a row a data set and frequency, then a row a problem."""
    lines = ["| data | ahead | series | MASE | seasonal-naive | 80 % intervals hold | cells |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, y, series in data_sets(folder):
        weeks = y[: y.shape[0] // 7 * 7].reshape(-1, 7, y.shape[1]).sum(1)
        for freq, counts, said in (("D", y, "7 days"), ("W", weeks, "4 weeks")):
            got = judged(counts, freq)
            for j, one in enumerate(series):
                last = f"{got['coverage']:.1%} | {got['cells']}" if j == 0 else "|"
                lines.append(f"| {name} | {said} | {one} | {got['ours'][j]:.3f} | {got['naive'][j]:.3f} | {last} |")  # type: ignore[index]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    text = "\n".join(table(asked.data)) + "\n"
    print(text)
    if asked.write:
        page = ROOT / "docs" / "forecast.md"
        head, rest = page.read_text(encoding="utf-8").split(BEGIN)
        page.write_text(head + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
