"""The curve of one series as SVG that stands in a page by itself: what came each day, what was expected, where a signal was."""
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from policy.catalogue import say

#: Fonts that hold Chinese, in the order in which phones, Windows, macOS and Linux have them.
FONTS = "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', sans-serif"
LEAST_DAYS = 14
_INK, _GRID, _BAR, _SIGNAL, _EXPECTED = "#33414f", "#e3e8ed", "#8fb1d1", "#c9372c", "#6b7785"


def curves_svg(curves: Sequence[tuple[pl.DataFrame, date | None]], lang: str = "zh", width: int = 560, height: int = 130) -> list[str]:
    """A curve each. A point frame holds date, observed, and where known expected, alarm; days without a row are drawn as zero; "" for no points."""
    import vl_convert

    drawn = []
    for points, raised_on in curves:
        if points.is_empty():
            drawn.append("")
            continue
        spec = curve_spec(every_day(points), lang, raised_on, width, height)
        drawn.append(vl_convert.vegalite_to_svg(spec, vl_version="6.1").strip())
    return drawn


def every_day(points: pl.DataFrame) -> pl.DataFrame:
    """One row a day from the first to the last, a fortnight at least: observed 0 and expected null where there was none. date, observed, expected, alarm."""
    last = points["date"].max()
    days = points.select(pl.date_range(pl.min_horizontal(pl.col("date").min(), pl.col("date").max() - pl.duration(days=LEAST_DAYS - 1)),
                                       pl.lit(last, pl.Date), "1d").alias("date"))
    for name, dtype in (("expected", pl.Float64), ("alarm", pl.Boolean)):
        if name not in points.columns:
            points = points.with_columns(pl.lit(None, dtype=dtype).alias(name))
    return (days.join(points.select("date", "observed", "expected", "alarm").unique("date", keep="last"), on="date", how="left")
            .with_columns(pl.col("observed").fill_null(0), pl.col("alarm").fill_null(False)).sort("date"))


def curve_spec(points: pl.DataFrame, lang: str, raised_on: date | None, width: int, height: int) -> dict:
    """The Vega-Lite specification of a curve: bars for what came, a dashed line for what was expected, red where a signal was."""
    import altair as alt

    seen, wanted, signal = (say(f"page.{k}", lang) for k in ("observed", "expected", "alarm"))
    rows = [{"day": d.isoformat(), "n": float(n), "e": None if e is None else float(e), "of": signal if a else seen}
            for d, n, e, a in points.select("date", "observed", "expected", "alarm").iter_rows()]
    x = alt.X("day:T", title=None, axis=alt.Axis(format="%m-%d", grid=False, tickCount=6, labelFlush=True))
    top = max([r["n"] for r in rows] + [r["e"] or 0 for r in rows] + [1.0])
    y = alt.Y("n:Q", title=None, scale=alt.Scale(domain=[0, top * 1.05], nice=True),
              axis=alt.Axis(tickCount=3, tickMinStep=1, format="d"))
    drawn = [(seen, _BAR, True), (signal, _SIGNAL, any(r["of"] == signal for r in rows)),
             (wanted, _EXPECTED, any(r["e"] is not None for r in rows))]
    colours = alt.Scale(domain=[n for n, _, there in drawn if there], range=[c for _, c, there in drawn if there])
    size = max(1.5, min(14.0, 0.72 * width / max(len(rows), 1)))
    base = alt.Chart(alt.Data(values=rows))
    layers: list = [base.mark_bar(size=size).encode(x=x, y=y, color=alt.Color("of:N", scale=colours, title=None,
                                                                             legend=alt.Legend(orient="top", symbolType="square")))]
    if any(r["e"] is not None for r in rows):
        line = alt.Chart(alt.Data(values=[{"day": r["day"], "n": r["e"], "of": wanted} for r in rows if r["e"] is not None]))
        layers.append(line.mark_line(strokeDash=[4, 3], strokeWidth=1.6).encode(x=x, y=y, color=alt.Color("of:N", scale=colours)))
    if raised_on is not None and points["date"].is_between(raised_on, raised_on + timedelta(days=1)).any():
        rule = alt.Chart(alt.Data(values=[{"day": raised_on.isoformat()}]))
        layers.append(rule.mark_rule(color=_INK, strokeDash=[2, 2]).encode(x="day:T"))
    chart = (alt.layer(*layers).properties(width=width, height=height)
             .configure(font=FONTS, background="transparent", padding=2)
             .configure_axis(labelColor=_INK, gridColor=_GRID, domainColor=_GRID, tickColor=_GRID, labelFontSize=11)
             .configure_legend(labelColor=_INK, labelFontSize=11, offset=2, padding=0).configure_view(stroke=None))
    return chart.to_dict()


def points_of(warning: dict, series: pl.DataFrame | None, records: pl.DataFrame | None, time_zone: str = "Asia/Shanghai") -> pl.DataFrame:
    """The curve behind one warning: its own series, else that of its problem and place, else its records counted by day.

    date, observed, expected, alarm. A series without any record of the warning's matter is no curve of it.
    """
    empty = pl.DataFrame(schema={"date": pl.Date, "observed": pl.Int64, "expected": pl.Float64, "alarm": pl.Boolean})
    if series is not None and series.height:
        same = [pl.col(c).eq_missing(pl.lit(warning.get(c), dtype=pl.String)) for c in ("problem_code", "place", "respondent")]
        for wanted in (same, [*same[:2], pl.col("respondent").is_null()]):
            found = series.filter(*wanted)
            if found.height and found["observed"].sum() >= (warning.get("n_records") or 0) / 2:
                one = found.filter(pl.col("series_id") == found["series_id"].sort()[0]) if "series_id" in found.columns else found
                return one.select("date", "observed", pl.col("expected").cast(pl.Float64), pl.col("alarm").cast(pl.Boolean)).sort("date")
    if records is None or records.is_empty() or "created_at" not in records.columns:
        return empty
    own = records.filter(pl.col("warning_id") == warning["warning_id"]).unique("record_id")
    if own.is_empty():
        return empty
    days = own["created_at"].dt.convert_time_zone(time_zone).dt.date()
    counted = days.value_counts().rename({days.name: "date", "count": "observed"}).sort("date")
    return counted.select("date", pl.col("observed").cast(pl.Int64), pl.lit(None, dtype=pl.Float64).alias("expected"),
                          pl.lit(None, dtype=pl.Boolean).alias("alarm"))
