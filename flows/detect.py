"""From counts to signals: which cells, incidents and respondents have more than was to be expected, held to a budget."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.stats import poisson

from flows.places import Place
from flows.window import those
from models.slow_rise import SlowRise
from models.surge_incidents import IncidentGrowth, RespondentSurge
from models.surges import FIRST, SurgeDetector
from policy.calendar import holidays
from transforms.counts import Matrix, a_day, matrix
from transforms.matters import MEMBER, SIGNAL, as_signals

#: A detector looks back so many days at the most: three years and the weeks on either side of their day, which tell how far seasons differ.
LOOK_BACK = 1150
#: A cell is watched where it had a record within these days.
WATCHED_DAYS = 365
#: Cells of a withheld source, those with a record of it in these days, are not tested.
WITHHELD_DAYS = 28
#: Incidents are looked at while they had a record in these days; respondents likewise.
OPEN_DAYS = 60
#: An incident or respondent is a signal only from so many distinct callers on.
LEAST_CALLERS = 3
#: A rise is the work of a few where no more than this share of its records have callers of their own, and as many records as callers would be no alarm; it
#: takes that most of the callers are known, or that half of the records are known to be claimants'.
OWN_CALLERS, CALLERS_KNOWN, CLAIMED = 0.75, 0.8, 0.5
#: Alarms need at least this many records in the window, whatever the p-value.
LEAST_RECORDS = 3
#: A respondent's rise is one of inquiries where this share of its records are consultations.
ASKED = 2 / 3
#: A slow rise is told from so many times the expected on; its window in days.
SLOW_RATIO = 1.5
SLOW_DAYS = 126
#: A slow rise that chance brings stays: in a year of nights on worlds where nothing rises, a p-value of p is first undercut 20 to 27 times p for each cell,
#: not 365 times. With so many nights of it paid as one, it is newly raised about as often as a surge (`FIRST` of its line).
SLOW_NIGHTS = 7

CELL_RESULT = {"series_id": pl.String, "level": pl.String, "problem_code": pl.String, "fine_place": pl.String, "coarse_place": pl.String,
               "observed_day": pl.Int64, "expected_day": pl.Float64, "observed": pl.Float64, "expected": pl.Float64,
               "p_value": pl.Float64, "window": pl.Int32,
               "slow_p": pl.Float64, "slow_observed": pl.Float64, "slow_expected": pl.Float64, "steady": pl.Boolean}


@dataclass(frozen=True)
class Detection:
    """`cells`: every watched cell tonight, with its p-values (CELL_RESULT, `alarm`). `signals`, `members`: what spoke.
    `streets`: excess by street of the speaking whole-place problems. `campaigns`: signals that rest on a few callers, a problem's once a place.
    `counts`: the counts as known tonight. `expected_false_alarms`: how many of tonight's newly raised alarms chance alone would bring, of all p-values that were
    judged. `threshold`: the line of p, drawn as though every night under it were an alarm: what that leaves unspent is for what real records bring beyond chance."""

    cells: pl.DataFrame
    signals: pl.DataFrame
    members: pl.DataFrame
    streets: pl.DataFrame
    campaigns: pl.DataFrame
    expected_false_alarms: float
    threshold: float
    q_values: dict[str, float]


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """q-values of independent or positively dependent tests (Benjamini & Hochberg 1995)."""
    order = np.argsort(p, kind="stable")
    ranked = p[order] * len(p) / np.arange(1, len(p) + 1)
    out = np.empty_like(p)
    out[order] = np.minimum.accumulate(ranked[::-1])[::-1].clip(max=1)
    return out


#: What is detected where nothing may be: no cell is judged.
NOTHING = Detection(pl.DataFrame(schema={**CELL_RESULT, "alarm": pl.Boolean}), pl.DataFrame(schema=SIGNAL), pl.DataFrame(schema=MEMBER),
                    pl.DataFrame(schema={"problem_code": pl.String, "coarse_place": pl.String, "fine_place": pl.String, "excess": pl.Float64}),
                    pl.DataFrame(schema={**SIGNAL, "n_callers": pl.UInt32, "own": pl.UInt32, "problem_name": pl.String}), 0.0, 0.0, {})


def first_busy_day(counts: pl.DataFrame) -> date | None:
    """The first day from which the place has records on at least half of the next 28 days; stray early records don't count."""
    per_day = a_day(counts).filter(pl.col("n") > 0).sort("date")
    if per_day.is_empty():
        return None
    ahead = per_day.rolling("date", period="28d", offset="-1d").agg(pl.len().alias("busy"))
    busy = ahead.filter(pl.col("busy") >= 14)
    return busy["date"][0] if busy.height else per_day["date"][0]


def cells_tonight(counts: pl.DataFrame, place: Place, day: date, quiet: pl.DataFrame) -> pl.DataFrame:
    """Every watched cell on `day`: what was seen, what was expected, and the p-value (null where it could not be judged).

    counts: (source_id, problem_code, fine_place, coarse_place, date, n) as known tonight. quiet: (problem_code, fine_place,
    coarse_place) of cells not to be tested.
    """
    first = first_busy_day(counts)
    if first is None or first > day:
        return pl.DataFrame(schema=CELL_RESULT)
    first = max(first, day - timedelta(days=LOOK_BACK))
    recent = counts.lazy().filter(pl.col("date").is_between(max(first, day - timedelta(days=WATCHED_DAYS - 1)), day))
    out = []
    for level, by in (("fine", ["problem_code", "fine_place", "coarse_place"]), ("coarse", ["problem_code", "coarse_place"])):
        mine = recent.filter(pl.col("fine_place").is_not_null()) if level == "fine" else recent
        mine = mine.filter(pl.col("coarse_place").is_not_null())
        watched = mine.filter(pl.col("n") > 0).select(by).unique().collect()
        whole = matrix(counts, by, first, day, watched)
        if whole.series.is_empty():
            continue
        out.append(_judged(whole, level, place).select(list(CELL_RESULT)))
    if not out:
        return pl.DataFrame(schema=CELL_RESULT)
    cells = pl.concat(out, how="vertical_relaxed")
    if quiet.height:
        key = ["problem_code", "fine_place", "coarse_place"]
        silent = pl.concat([quiet.select(key), quiet.select("problem_code", pl.lit(None, pl.String).alias("fine_place"), "coarse_place")]).unique()
        cells = cells.join(silent.with_columns(pl.lit(True).alias("_quiet")), on=key, how="left", nulls_equal=True).with_columns(
            pl.when(pl.col("_quiet").fill_null(False)).then(None).otherwise(pl.col(c)).alias(c) for c in ("expected_day", "expected", "p_value", "slow_p")
        ).drop("_quiet")
    return cells.sort("series_id")


def _judged(whole: Matrix, level: str, place: Place) -> pl.DataFrame:
    factors = [whole.series[c].rank("dense").to_numpy().astype(int) - 1 for c in whole.series.columns]
    off = np.asarray(holidays(whole.days, place.region), bool)
    last = len(whole.days) - 1
    found = SurgeDetector().detect(whole.counts, at=np.array([last]), holidays=off, groups=np.stack(factors, 1))
    slow = SlowRise(SLOW_DAYS).detect(whole.counts if level == "fine" else whole.counts[:0], np.stack(factors, 1))
    series = whole.series if "fine_place" in whole.series.columns else whole.series.with_columns(pl.lit(None, pl.String).alias("fine_place"))
    return series.with_columns(
        pl.lit(level).alias("level"),
        pl.Series("observed_day", whole.counts[last].astype(np.int64)),
        pl.Series("expected_day", found.expected_day[0]), pl.Series("observed", found.observed_window[0]),
        pl.Series("expected", found.expected_window[0]), pl.Series("p_value", found.p_value[0]),
        pl.Series("window", found.window[0].astype(np.int32)),
        pl.Series("slow_p", slow.p_value), pl.Series("slow_observed", slow.observed.astype(float)), pl.Series("slow_expected", slow.expected),
        pl.Series("steady", slow.steady),
    ).with_columns(pl.col("expected_day", "expected", "p_value", "slow_p", "slow_expected").fill_nan(None),
                   pl.concat_str("problem_code", pl.lit("@"), pl.concat_str("coarse_place", "fine_place", separator="/", ignore_nulls=True)
                                 ).alias("series_id"))


def with_observed(cells: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """The cells with the day's records of sources that are not tested yet among what was observed. more: (problem_code, fine_place, coarse_place, n)."""
    named = more.with_columns(pl.col("problem_code", "fine_place", "coarse_place").cast(pl.String))
    fine = named.filter(pl.col("fine_place").is_not_null())
    whole = pl.concat([fine, named.with_columns(pl.lit(None, pl.String).alias("fine_place"))]).group_by("problem_code", "fine_place", "coarse_place").agg(
        pl.col("n").sum().cast(pl.Int64).alias("_more"))
    return cells.join(whole, on=["problem_code", "fine_place", "coarse_place"], how="left", nulls_equal=True, maintain_order="left").with_columns(
        (pl.col("observed_day") + pl.col("_more").fill_null(0)).alias("observed_day")).drop("_more")


def arrivals(records: pl.DataFrame, by: str) -> pl.DataFrame:
    """(by, date, n_records, n_callers): records and distinct callers a day; a record without a caller is one of its own."""
    who = pl.coalesce("caller_key", "record_id")
    return records.lazy().filter(pl.col(by).is_not_null()).group_by(by, pl.col("local_date").alias("date")).agg(
        pl.len().alias("n_records"), who.n_unique().alias("n_callers")).sort(by, "date").collect()


def find_signals(cells: pl.DataFrame, recent: pl.DataFrame, day: date, budget: float, per_series: int,
                 quiet_sources: Sequence[str], claimants: Sequence[str] = ()) -> Detection:
    """Signals of tonight, held to a budget of false alarms.

    cells: of `cells_tonight`. recent: the records of the last days (at least OPEN_DAYS) with record_id, local_date, problem_code,
    fine_place, coarse_place, respondent_key, incident_id, caller_key. budget: false alarms a week for `per_series` series.
    claimants: keys of callers who write against many; they are no evidence of a rise.
    """
    fine = cells.filter(pl.col("level") == "fine")
    nightly = budget / 7 * fine.height / per_series
    heard = those(recent, ~pl.col("source_id").is_in(list(quiet_sources)))
    grown = _grown(heard, "incident_id", day)
    busy = _grown(heard, "respondent_key", day)
    tested = cells.filter(pl.col("p_value").is_not_null())
    slow = cells.filter(pl.col("slow_p").is_not_null())
    n_tests = tested.height + grown.height + busy.height + slow.height
    threshold = nightly / n_tests if n_tests else 0.0
    spoke = tested.filter((pl.col("p_value") <= threshold) & (pl.col("observed") >= LEAST_RECORDS))
    surges = spoke.select(
        pl.col("series_id").alias("signal_id"), pl.lit("surge").alias("kind"), "level", "problem_code", "fine_place", "coarse_place",
        pl.lit(None, pl.String).alias("respondent_key"), pl.lit(None, pl.String).alias("incident_id"), "observed", "expected", "p_value",
        "window", pl.lit(None, pl.String).alias("rule"))
    more = [_rising(frame, by, kind, level, threshold, heard) for frame, by, kind, level in (
        (grown, "incident_id", "incident", "incident"), (busy, "respondent_key", "surge", "respondent"))]
    more[1] = _asked_about(more[1], heard, day)
    more.append(_slowly(slow, SLOW_NIGHTS * threshold, heard, day))
    signals = pl.concat([surges, *more]).select(pl.col(c).cast(t) for c, t in SIGNAL.items()).sort("signal_id")
    members = _members(signals, recent, day)
    few = _few_callers(signals, members, recent, day, threshold, claimants)
    named = recent.select("problem_code", "problem_name").drop_nulls().unique("problem_code", keep="first", maintain_order=True)
    campaigns = without_its_parts(signals.join(few, on="signal_id")).join(named, on="problem_code", how="left").sort("signal_id")
    signals = signals.join(few, on="signal_id", how="anti")
    members = members.join(signals.select("signal_id"), on="signal_id", how="semi")
    return Detection(cells.with_columns((pl.col("p_value") <= threshold).fill_null(False).alias("alarm")), signals, members,
                     _streets(signals, recent, cells, day), campaigns, FIRST["D"] * threshold * n_tests, threshold, _q_values(
                         tested.select("series_id", "p_value"), grown.select(_named("incident", "incident_id"), "p_value"),
                         busy.select(_named("respondent", "respondent_key"), "p_value"),
                         slow.select(_named("slow", "series_id"), pl.col("slow_p") / SLOW_NIGHTS)))


def _named(signal: str, by: str) -> pl.Expr:
    """The permanent names of signals about these."""
    return pl.concat_str(pl.lit(f"{signal}:"), by)


def _q_values(*tests: pl.DataFrame) -> dict[str, float]:
    """The q-value of each test of tonight, by the signal's name. tests: a name and a p-value, in two columns."""
    names = [name for test in tests for name in test.to_series(0).to_list()]
    p = np.concatenate([test.to_series(1).cast(pl.Float64).to_numpy() for test in tests])
    return dict(zip(names, benjamini_hochberg(np.nan_to_num(p, nan=1.0)).tolist()))


def _grown(recent: pl.DataFrame, by: str, day: date) -> pl.DataFrame:
    """(by, p_value, observed, expected, window, n_callers) of every incident or respondent with a record in the last days."""
    name = by.removesuffix("_id").removesuffix("_key")
    counted = arrivals(recent, by).rename({by: name})
    if counted.is_empty():
        return pl.DataFrame(schema={by: pl.String, "observed": pl.Float64, "expected": pl.Float64, "p_value": pl.Float64, "window": pl.Int32,
                                    "n_callers": pl.UInt32})
    found = IncidentGrowth().fit(counted, day).p_values(counted, day) if name == "incident" else RespondentSurge().p_values(counted, day)
    callers = recent.lazy().filter((pl.col("local_date") > day - timedelta(days=OPEN_DAYS)) & pl.col(by).is_not_null()).group_by(by).agg(
        pl.coalesce("caller_key", "record_id").n_unique().alias("n_callers")).collect()
    return found.select(pl.col(name).alias(by), pl.col("n_window").cast(pl.Float64).alias("observed"), "expected", "p_value", "window").join(
        callers, on=by, how="left").sort(by)


def _slowly(slow: pl.DataFrame, threshold: float, recent: pl.DataFrame, day: date) -> pl.DataFrame:
    """Of the cells, those that rise slowly and steadily, from several callers, as SIGNAL rows."""
    spoke = slow.filter((pl.col("slow_p") <= threshold) & pl.col("steady") & (pl.col("slow_observed") >= SLOW_RATIO * pl.col("slow_expected")))
    by = ["problem_code", "fine_place", "coarse_place"]
    heard = recent.lazy().filter((pl.col("local_date") <= day) & (pl.col("local_date") > day - timedelta(days=SLOW_DAYS))).join(
        spoke.lazy().select(by), on=by, how="semi")
    enough = heard.group_by(by).agg(pl.coalesce("caller_key", "record_id").n_unique().alias("n")).filter(pl.col("n") >= LEAST_CALLERS).collect()
    rows = spoke.join(enough, on=by, how="semi").select(
        _named("slow", "series_id").alias("signal_id"), pl.lit("slow_rise").alias("kind"), "level", *by, pl.col("slow_observed").alias("observed"),
        pl.col("slow_expected").alias("expected"), pl.col("slow_p").alias("p_value"), pl.lit(SLOW_DAYS).alias("window"))
    return as_signals(rows)


def _asked_about(signals: pl.DataFrame, recent: pl.DataFrame, day: date) -> pl.DataFrame:
    """Respondents that rise, told as `inquiry_rise` where most of the window's records only ask: complaints have not followed yet."""
    own = recent.join(signals.select("respondent_key", "window"), on="respondent_key").filter(
        (pl.col("local_date") <= day) & (pl.col("local_date") > pl.lit(day) - pl.duration(days="window")))
    share = own.group_by("respondent_key").agg((pl.col("record_type") == "consultation").fill_null(False).mean().alias("_asked"))
    asks = signals.join(share, on="respondent_key", how="left", maintain_order="left")["_asked"].fill_null(0) >= ASKED
    return signals.with_columns(pl.when(asks).then(pl.lit("inquiry_rise")).otherwise("kind").alias("kind"))


def _rising(frame: pl.DataFrame, by: str, kind: str, level: str, threshold: float, recent: pl.DataFrame) -> pl.DataFrame:
    """Of the incidents or respondents, those that are signals, as SIGNAL rows."""
    spoke = frame.filter((pl.col("p_value") <= threshold) & (pl.col("n_callers") >= LEAST_CALLERS) & (pl.col("observed") >= LEAST_RECORDS))
    mode = lambda c: pl.col(c).drop_nulls().mode().sort().first().alias(c)
    about = recent.lazy().filter(pl.col(by).is_in(spoke[by].to_list())).group_by(by).agg(mode("problem_code"), mode("fine_place"), mode("coarse_place")).collect()
    rows = spoke.join(about, on=by, how="left").with_columns(
        _named(level, by).alias("signal_id"), pl.lit(kind).alias("kind"), pl.lit(level).alias("level"))
    return as_signals(rows)


def _members(signals: pl.DataFrame, recent: pl.DataFrame, day: date) -> pl.DataFrame:
    """The records in each signal's window."""
    out = []
    columns = recent.select("record_id", "local_date", "problem_code", "fine_place", "coarse_place", "respondent_key", "incident_id")
    for level, by in (("fine", ["problem_code", "fine_place", "coarse_place"]), ("coarse", ["problem_code", "coarse_place"]),
                      ("respondent", ["respondent_key"]), ("incident", ["incident_id"])):
        mine = signals.filter(pl.col("level") == level).select("signal_id", "window", *by)
        hit = columns.join(mine, on=by).filter((pl.col("local_date") <= day) & (
            (pl.col("local_date") > pl.lit(day) - pl.duration(days="window")) | (pl.lit(level) == "incident")))
        out.append(hit.select(list(MEMBER)))
    return pl.concat(out).unique().sort("signal_id", "record_id")


def _few_callers(signals: pl.DataFrame, members: pl.DataFrame, recent: pl.DataFrame, day: date, threshold: float,
                 claimants: Sequence[str]) -> pl.DataFrame:
    """(signal_id, n_callers, own) of signals whose rise is the work of a few: counted by the callers that are no claimants (`own`), it is no alarm.

    So many callers are judged as Poisson about what was expected, which is never stricter than the cell's own law; an incident also by what is asked of any.
    """
    # Of an incident, whose records are all its members, those of the window that spoke.
    known = members.join(recent.select("record_id", "caller_key", "local_date"), on="record_id").join(signals.select("signal_id", "window"), on="signal_id").filter(
        pl.col("local_date") > pl.lit(day) - pl.duration(days="window"))
    who = pl.coalesce("caller_key", "record_id")
    theirs = pl.col("caller_key").is_in(list(claimants)).fill_null(False)
    per = known.group_by("signal_id").agg(
        who.n_unique().alias("n_callers"), who.filter(~theirs).n_unique().alias("own"), pl.len().alias("n"),
        pl.col("caller_key").is_not_null().mean().alias("known"), theirs.mean().alias("claimed"))
    judged = signals.join(per, on="signal_id").filter((pl.col("known") >= CALLERS_KNOWN) | (pl.col("claimed") >= CLAIMED))
    tail = poisson.sf(judged["own"].to_numpy() - 1.0, judged["expected"].fill_null(0.0).to_numpy())
    line = pl.when(pl.col("kind") == "slow_rise").then(SLOW_NIGHTS * threshold).otherwise(threshold)
    by_count = (pl.col("own") <= OWN_CALLERS * pl.col("n")) & (pl.Series("tail", tail) > line)
    grown = (pl.col("kind") == "incident") & (pl.col("own") < pl.min_horizontal("n_callers", LEAST_CALLERS))
    return judged.filter(by_count | grown).select("signal_id", "n_callers", "own")


def without_its_parts(campaigns: pl.DataFrame) -> pl.DataFrame:
    """One campaign lights many cells: of a problem the whole place's speaks for its streets and for those written against."""
    whole = campaigns.filter(pl.col("level") == "coarse")
    return pl.concat([whole, campaigns.filter(pl.col("level") != "coarse").join(whole, on=["problem_code", "coarse_place"], how="anti")])


def _streets(signals: pl.DataFrame, recent: pl.DataFrame, cells: pl.DataFrame, day: date) -> pl.DataFrame:
    """Excess by street, in the window of the whole place's signal."""
    coarse = signals.filter((pl.col("kind") == "surge") & (pl.col("level") == "coarse")).select("problem_code", "coarse_place", "window")
    fine = cells.filter(pl.col("level") == "fine").select("problem_code", "coarse_place", "fine_place", "expected_day")
    seen = recent.join(coarse, on=["problem_code", "coarse_place"]).filter(
        (pl.col("local_date") <= day) & (pl.col("local_date") > pl.lit(day) - pl.duration(days="window"))
    ).group_by("problem_code", "coarse_place", "fine_place").agg(pl.len().alias("n"))
    return (coarse.join(fine, on=["problem_code", "coarse_place"])
            .join(seen, on=["problem_code", "coarse_place", "fine_place"], how="left")
            .select("problem_code", "coarse_place", "fine_place",
                    (pl.col("n").fill_null(0) - pl.col("expected_day").fill_null(0) * pl.col("window")).alias("excess")))
