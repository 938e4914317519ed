"""Texts to moments: mixed forms, Excel serials, 12-hour clocks, Unix seconds, clock changes (schema.md, section 3)."""
from dataclasses import dataclass

import polars as pl

from sources.field_missing import is_missing, stripped

#: Reasons why a text is no moment.
MISSING, UNREADABLE, AMBIGUOUS, NARROW, NO_YEAR = "missing", "unreadable", "ambiguous", "column too narrow", "no year"

_YEAR_FIRST = (r"^(?P<year>\d{4})(?:[-/.]|年 ?)(?P<month>\d{1,2})(?:[-/.]|月 ?)(?P<day>\d{1,2})日?"
               r"(?:[t ,]*(?P<half>上午|下午|晚上|凌晨|早上|清晨|早晨|中午|傍晚|夜间|am|pm)? ?(?P<hour>\d{1,2})"
               r"(?: ?[:时点] ?(?:(?P<minute>\d{1,2})(?: ?[:分] ?(?:(?P<second>\d{1,2})(?P<fraction>\.\d+)?秒?)?)?)?)? ?(?P<half2>am|pm)?)?"
               r" ?(?P<offset>z|utc|[+-]\d{2}:?\d{2})?$")
_COMPACT = r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?:[t _-]?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?$"
_SERIAL = r"^[2-7]\d{4}(?:\.\d+)?$"
_NEVER = r"^(?:0000-00-00|1900-01-0[01]|9999-12-31|1970-01-01|1899-12-3[01])(?:[ t]0?[08]?:?00(?::00)?(?:\.0+)?)?$"
_DAMAGED = r"^(?:#+|\d{1,2}:\d{2}\.\d)$"
_DAY_0 = -2_209_161_600_000_000
_1904_DAYS = 1462
_LATE = ("下午", "晚上", "傍晚", "夜间", "pm")


@dataclass(frozen=True)
class TimeForm:
    """How a column's times are written and where they were taken."""

    zone: str
    formats: tuple[str, ...] = ()
    excel_1904: bool = False
    missing: tuple[str, ...] = ()


def parse_times(values: pl.Series, form: TimeForm) -> pl.DataFrame:
    """One row a value: `at` (Datetime us UTC), `precision` (second, minute, day; null without a moment), `serial` (was an Excel
    serial), `shifted` (fell into a clock change), `problem` (null, or one of the reasons above), `swapped` (can only be read with
    day and month swapped). Each distinct text is read once.
    """
    unique = values.alias("text").unique().to_frame()
    read = _read(unique, form)
    return values.alias("text").to_frame().join(read, on="text", how="left", nulls_equal=True, maintain_order="left").drop("text")


def _read(texts: pl.DataFrame, form: TimeForm) -> pl.DataFrame:
    """The ways of reading, tried in turn on what the earlier ones left over."""
    folded = stripped(pl.col("text").str.normalize("NFKC")).str.to_lowercase().str.strip_chars("'\"").str.replace_all(r"\s+", " ")
    left = texts.with_columns(folded.alias("t"))
    lacking = is_missing(pl.col("t"), form.missing) | pl.col("t").str.contains(_NEVER)
    why = pl.when(lacking.fill_null(True)).then(pl.lit(MISSING)).when(pl.col("t").str.contains(_DAMAGED)).then(pl.lit(NARROW))
    left = left.with_columns(why.alias("problem"))
    done = [left.filter(pl.col("problem").is_not_null())]
    left = left.filter(pl.col("problem").is_null())
    for way in (_listed, _year_first, _compact, _serial, _unix):
        if left.is_empty():
            break
        tried = way(left, form)
        done.append(tried.filter(pl.any_horizontal(pl.col("local", "at", "problem").is_not_null())))
        left = left.join(done[-1], on="text", how="anti", nulls_equal=True)
    no_year = pl.col("t").str.contains(r"^\d{1,2}月\d{1,2}日")
    done.append(left.with_columns(pl.when(no_year).then(pl.lit(NO_YEAR)).otherwise(pl.lit(UNREADABLE)).alias("problem"), _swapped(form)))
    empty = pl.DataFrame(schema=_READ)
    return _placed(pl.concat([empty, *done], how="diagonal_relaxed"), form)


#: What a way of reading gives: a naive local moment, or a moment in UTC, or a problem.
_READ: dict[str, pl.DataType] = {
    "text": pl.String(), "t": pl.String(), "local": pl.Datetime("us"), "at": pl.Datetime("us", "UTC"), "precision": pl.String(),
    "offset": pl.String(), "serial": pl.Boolean(), "problem": pl.String(), "swapped": pl.Boolean()}


def _listed(texts: pl.DataFrame, form: TimeForm) -> pl.DataFrame:
    """The mapping's own forms, in order; a text that two of them read differently is ambiguous."""
    none = texts.clear().with_columns(local=pl.lit(None, pl.Datetime("us")), precision=pl.lit(None, pl.String), at=_NO_MOMENT)
    done, left = [none], texts
    for f in form.formats:
        tried = left.with_columns(_strptime(f).alias("local"), pl.lit(_precision(f)).alias("precision"), _NO_MOMENT.alias("at"))
        rivals = [g for g in form.formats if g != f and g == swap_day_and_month(f)]
        for rival in rivals:
            conflict = (_strptime(rival) != pl.col("local")).fill_null(False)
            tried = tried.with_columns(pl.when(conflict).then(pl.lit(AMBIGUOUS)).alias("problem"))
        done.append(tried.filter(pl.col("local").is_not_null()))
        left = tried.filter(pl.col("local").is_null()).drop("local", "precision", "at")
    return pl.concat(done, how="diagonal_relaxed")


_NO_MOMENT = pl.lit(None, pl.Datetime("us", "UTC"))


def _strptime(form: str) -> pl.Expr:
    text = pl.col("t").str.to_uppercase()
    if _precision(form) == "day":
        return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    return text.str.to_datetime(form, strict=False, time_unit="us")


def _swapped(form: TimeForm) -> pl.Expr:
    """Whether a text fits one of the listed forms once day and month are swapped."""
    other = [_strptime(swap_day_and_month(f)).is_not_null() for f in form.formats if "%d" in f and "%m" in f and not f.startswith("%Y")]
    return (pl.any_horizontal(*other) if other else pl.lit(False)).alias("swapped")


def _precision(form: str) -> str:
    if any(p in form for p in ("%S", "%T", "%X", "%c", "%s")):
        return "second"
    return "minute" if any(p in form for p in ("%H", "%I", "%M", "%R")) else "day"


def swap_day_and_month(form: str) -> str:
    """The same strptime form with day and month in each other's place."""
    return form.replace("%m", "\0").replace("%d", "%m").replace("\0", "%d")


def _moment(year: str, month: str, day: str, hour: pl.Expr, minute: pl.Expr, second: pl.Expr) -> pl.Expr:
    """A naive moment of six texts, null where the calendar has no such; 24:00 is the next day's midnight."""
    midnight = hour.cast(pl.Int64).eq(24) & minute.cast(pl.Int64).eq(0) & second.cast(pl.Int64).eq(0)
    hour = pl.when(midnight).then(pl.lit("0")).otherwise(hour)
    text = pl.format("{}-{}-{} {}:{}:{}", pl.col(year), pl.col(month), pl.col(day), hour, minute, second)
    at = text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    return pl.when(midnight).then(at.dt.offset_by("1d")).otherwise(at)


def _how_fine(at: pl.Expr, hour: str, second: str) -> pl.Expr:
    return pl.when(at.is_not_null()).then(pl.when(pl.col(second).is_not_null()).then(pl.lit("second"))
                                          .when(pl.col(hour).is_not_null()).then(pl.lit("minute")).otherwise(pl.lit("day")))


def _groups(texts: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """The rows that fit a pattern, its groups as columns of their own; an empty group is null."""
    found = texts.filter(pl.col("t").str.contains(pattern)).with_columns(pl.col("t").str.extract_groups(pattern).alias("_g")).unnest("_g")
    return found.with_columns(pl.col(c).replace("", None) for c in found.columns if c not in texts.columns)


def _year_first(texts: pl.DataFrame, form: TimeForm) -> pl.DataFrame:
    frame = _groups(texts, _YEAR_FIRST)
    half = pl.coalesce("half", "half2")
    hour = pl.col("hour").cast(pl.Int64, strict=False)
    # 晚上12点 is the midnight at the day's end; 下午12点 and 中午12点 are noon; 上午12:40 is 00:40.
    hour = (pl.when(half.eq("晚上") & hour.eq(12)).then(24)
            .when(half.eq("晚上") & hour.lt(5)).then(None)
            .when(half.is_in(_LATE) & hour.lt(12)).then(hour + 12)
            .when(half.eq("中午") & hour.lt(10)).then(hour + 12)
            .when(half.is_in(["上午", "am", "凌晨"]) & hour.eq(12)).then(0)
            .otherwise(hour))
    text = pl.when(pl.col("hour").is_null()).then(pl.lit("0")).otherwise(hour.cast(pl.String))
    at = _moment("year", "month", "day", text, pl.col("minute").fill_null("0"), pl.col("second").fill_null("0"))
    rounded_up = (pl.col("fraction").cast(pl.Float64, strict=False).fill_null(0.0) >= .5).cast(pl.Int64)
    return frame.select(*texts.columns, "offset", (at + pl.duration(seconds=rounded_up)).alias("local"),
                        _how_fine(at, "hour", "second").alias("precision"), _NO_MOMENT.alias("at"))


def _compact(texts: pl.DataFrame, form: TimeForm) -> pl.DataFrame:
    frame = _groups(texts, _COMPACT)
    at = _moment("year", "month", "day", *(pl.col(c).fill_null("0") for c in ("hour", "minute", "second")))
    return frame.select(*texts.columns, at.alias("local"), _how_fine(at, "hour", "second").alias("precision"), _NO_MOMENT.alias("at"))


def _serial(texts: pl.DataFrame, form: TimeForm) -> pl.DataFrame:
    """Excel's days since 1899-12-30 (its 29 February 1900 allowed for) or 1904-01-01, their fraction to the second."""
    days = pl.col("t").cast(pl.Float64) + (_1904_DAYS if form.excel_1904 else 0)
    seconds = (days * 86_400).round(0).cast(pl.Int64)
    return texts.filter(pl.col("t").str.contains(_SERIAL)).with_columns(
        (seconds * 1_000_000 + _DAY_0).cast(pl.Datetime("us")).alias("local"), pl.lit(True).alias("serial"), _NO_MOMENT.alias("at"),
        pl.when(days == days.floor()).then(pl.lit("day")).otherwise(pl.lit("second")).alias("precision"))


def _unix(texts: pl.DataFrame, form: TimeForm) -> pl.DataFrame:
    """Unix seconds (10 digits) and milliseconds (13)."""
    number = pl.col("t").cast(pl.Int64, strict=False)
    micros = pl.when(number < 10**11).then(number * 1_000_000).otherwise(number // 1_000 * 1_000_000)
    return texts.filter(pl.col("t").str.contains(r"^[1-4]\d{9}(?:\d{3})?$")).with_columns(
        micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("at"), pl.lit("second").alias("precision"),
        pl.lit(None, pl.Datetime("us")).alias("local"))


def _placed(read: pl.DataFrame, form: TimeForm) -> pl.DataFrame:
    """Local moments in UTC. An offset in the text wins over the zone; a doubled hour is its first, a missing one an hour later."""
    local, offset = pl.col("local"), pl.col("offset")
    first = local.dt.replace_time_zone(form.zone, ambiguous="earliest", non_existent="null")
    second = local.dt.replace_time_zone(form.zone, ambiguous="latest", non_existent="null")
    later = local.dt.offset_by("1h").dt.replace_time_zone(form.zone, ambiguous="earliest", non_existent="null")
    part = lambda pattern: offset.str.extract(pattern, 1).cast(pl.Int64, strict=False)
    minutes = part(r"^[+-](\d{2})") * 60 + part(r"(\d{2})$")
    minutes = pl.when(offset.is_in(["z", "utc"])).then(0).when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes)
    shown = (local - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC")
    in_zone = pl.coalesce(first, later).dt.convert_time_zone("UTC")
    shifted = local.is_not_null() & minutes.is_null() & (first.is_null() | (first != second))
    good = pl.col("problem").is_null()
    return read.select(
        "text",
        pl.when(good).then(pl.coalesce(pl.when(minutes.is_not_null()).then(shown), in_zone, "at")).alias("at"),
        pl.when(good).then("precision").alias("precision"),
        (good & pl.col("serial").fill_null(False)).alias("serial"),
        (good & shifted.fill_null(False)).alias("shifted"),
        "problem",
        pl.col("swapped").fill_null(False),
    )
