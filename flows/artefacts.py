"""What only the intake did: a new source or category, a renamed one, a catch-up after an outage, newsletters, days on which everything brings more. Told as
notices, never as risks."""
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from flows.detect import Detection, first_busy_day
from flows.places import Place
from models.count_tails import upper_tail
from policy import taxonomy
from policy.calendar import holidays
from policy.catalogue import say
from policy.newsletters import is_newsletter
from transforms.counts import a_day, matrix

#: A source or category is new for so many days, where the place's records go back as many more.
NEW_DAYS = 56
#: Another category has ended, or a day is one of an outage, where no more than this share of the usual is left …
GONE, LOW = 0.1, 0.5
#: … the usual of a day being the median of the same weekday in so many weeks, from so many records a day on.
WEEKS, LEAST_DAY = 8, 20
#: What ended is named when a new category has been there for so many days: a week's silence of a rare one says nothing.
ENDED_DAYS = 14
#: A fall accounts for a rise of which it is this share; smaller falls than so many records are none.
ACCOUNTS, LEAST_FALL = 0.6, 5
#: So many days before the day may be an outage's.
OUTAGE_DAYS = 3
#: A rise is of newsletters from this share of its records on.
LETTERS = 0.5
#: Everything brings more where the other problems, so many at the least, together have so many times their usual, none counted for more than twice its own
#: and this share of them (by their usual) rising; …
COMMON, MANY, RISING = 1.2, 10, 0.6
#: … what is more than so many standard deviations of a Poisson count above its share stands out all the same, unless its p-value, raised by what the share
#: makes of it and by no more than this factor, no longer lies under the line.
STANDS_OUT, MOST_RAISED = 3.0, 10.0
#: A common rise is dated back over days with it, so many at the most.
COMMON_DAYS = 14

#: What is told of: `kind` new_source, new_category, renamed, catch_up, newsletter or common_rise; `since`: the first day; `other`: what it came in the place of.
ARTEFACT = {"kind": pl.String, "source_id": pl.String, "problem_code": pl.String, "place": pl.String, "since": pl.Date, "n_records": pl.Int64, "other": pl.String}


NO_ARTEFACTS = pl.DataFrame(schema=ARTEFACT)


def artefact_lines(artefacts: pl.DataFrame, place: Place) -> list[dict[str, Any]]:
    """A notice for each artefact, however many cells it lit; what goes on is told once."""
    each = artefacts.group_by("kind", "source_id", "problem_code", "place", "since", "other", maintain_order=True).agg(pl.col("n_records").max())
    lines = []
    for a in each.iter_rows(named=True):
        code, source = a["problem_code"], a["source_id"]
        problem = taxonomy.name(code, place.lang) if code and taxonomy.problem(code) else (code or "").split(":")[-1]
        named = place.mappings[source].name if source in place.mappings else None
        what = say(f"notice.{a['kind']}", place.lang, place=a["place"] or "", problem=problem, n=a["n_records"], since=a["since"],
                   source=getattr(named, place.lang, None) or source or "", was=say("notice.was", place.lang, other=a["other"]) if a["other"] else "")
        lines.append({**a, "lang": place.lang, "about": a["other"] or "", "summary": what})
    return lines


def new_sources(counts: pl.DataFrame, day: date) -> pl.DataFrame:
    """Sources that joined a place lately, as ARTEFACT rows: their records lift every cell, and say nothing of what is usual yet.

    counts: (source_id, date, n, …) as known tonight. A source that was there from the place's beginning, or brought a history, is not new.
    """
    daily = a_day(counts, "source_id").with_columns(pl.col("source_id").cast(pl.String))
    began = {s: first_busy_day(part) for (s,), part in daily.group_by("source_id")}
    first = min((d for d in began.values() if d), default=None)
    if first is None or first > day - timedelta(days=2 * NEW_DAYS):
        return NO_ARTEFACTS
    fresh = {s: d for s, d in began.items() if d and d > day - timedelta(days=NEW_DAYS)}
    n = dict(daily.group_by("source_id").agg(pl.col("n").sum()).iter_rows())
    return pl.DataFrame([{**dict.fromkeys(ARTEFACT), "kind": "new_source", "source_id": s, "since": d, "n_records": n[s]} for s, d in sorted(fresh.items())], schema=ARTEFACT)


def without_artefacts(found: Detection, counts: pl.DataFrame, every_day: pl.DataFrame, seen: pl.DataFrame, texts: Callable[[pl.Series], pl.DataFrame], day: date,
                      region: str, by_category: Sequence[str]) -> tuple[Detection, pl.DataFrame]:
    """The detection without the signals that the intake made, and what is said instead, as ARTEFACT rows.

    counts: as known tonight, of a year. every_day: (source_id, problem_code, date, n) of all days. seen: the records (record_id, source_id, local_date).
    texts: title and content of record ids. by_category: sources whose problems are their own categories, which can be renamed.
    """
    cells = found.signals.filter(pl.col("level").is_in(["fine", "coarse"]) & pl.col("kind").is_in(["surge", "slow_rise"]))
    if found.signals.is_empty():
        return found, NO_ARTEFACTS
    told = [_new_categories(cells, every_day, day, by_category), _renamed(cells, counts, day, by_category), _catch_up(cells, counts, day, region),
            _newsletters(found, seen, texts), _common_rise(found, counts, day)]
    artefacts = pl.concat(told).unique("signal_id", keep="first", maintain_order=True)
    signals = found.signals.join(artefacts, on="signal_id", how="anti")
    members = found.members.join(signals.select("signal_id"), on="signal_id", how="semi")
    return replace(found, signals=signals, members=members), artefacts.drop("signal_id")


_SIGNED = {"signal_id": pl.String, **ARTEFACT}


def _rows(signals: pl.DataFrame, kind: str, since: pl.Expr, other: pl.Expr | None = None, n: pl.Expr | None = None) -> pl.DataFrame:
    return signals.select(
        "signal_id", pl.lit(kind).alias("kind"), pl.col("problem_code").str.split(":").list.first().alias("source_id") if kind in ("new_category", "renamed")
        else pl.lit(None, pl.String).alias("source_id"), "problem_code", pl.coalesce("fine_place", "coarse_place").alias("place"), since.alias("since"),
        (n if n is not None else pl.col("observed")).cast(pl.Int64).alias("n_records"), (other if other is not None else pl.lit(None, pl.String)).alias("other"))


def _named(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.with_columns(pl.col("source_id", "problem_code", "fine_place", "coarse_place").cast(pl.String))


def _of_categories(frame: pl.DataFrame, by_category: Sequence[str]) -> pl.DataFrame:
    return frame.filter(pl.col("problem_code").str.split(":").list.first().is_in(list(by_category)))


def _new_categories(cells: pl.DataFrame, every_day: pl.DataFrame, day: date, by_category: Sequence[str]) -> pl.DataFrame:
    """A category that began lately, with those that ended when it began: one line for all its cells."""
    mine = _of_categories(cells, by_category)
    first = first_busy_day(every_day) if mine.height else None
    if first is None or first > day - timedelta(days=2 * NEW_DAYS):
        return pl.DataFrame(schema=_SIGNED)
    own = _of_categories(a_day(every_day.filter(pl.col("n") > 0), "problem_code").with_columns(pl.col("problem_code").cast(pl.String)), by_category)
    began = own.group_by("problem_code").agg(pl.col("date").min().alias("since"), pl.col("n").sum().alias("_n")).filter(pl.col("since") > day - timedelta(days=NEW_DAYS))
    mine = mine.join(began, on="problem_code")
    gone = {code: _ended(own, code, since, day) for code, since in mine.select("problem_code", "since").unique().sort("problem_code").iter_rows()}
    other = pl.col("problem_code").replace_strict(gone, default=None, return_dtype=pl.String)
    return _rows(mine, "new_category", pl.col("since"), other, pl.col("_n")).with_columns(pl.lit(None, pl.String).alias("place"))


def _ended(own: pl.DataFrame, code: str, since: date, day: date) -> str | None:
    """The categories of the same source that brought no more than a tenth of what they had since another began; None where there are none."""
    span = min((day - since).days + 1, NEW_DAYS)
    if span < ENDED_DAYS:
        return None
    same = own.filter((pl.col("problem_code") != code) & (pl.col("problem_code").str.split(":").list.first() == code.split(":")[0]))
    was = same.filter(pl.col("date").is_between(since - timedelta(days=span), since - timedelta(days=1))).group_by("problem_code").agg(pl.col("n").sum().alias("was"))
    now = same.filter(pl.col("date") >= since).group_by("problem_code").agg(pl.col("n").sum().alias("now"))
    ended = was.join(now, on="problem_code", how="left").filter((pl.col("was") >= LEAST_FALL) & (pl.col("now").fill_null(0) <= GONE * pl.col("was")))
    names = ended.sort("was", "problem_code", descending=[True, False])["problem_code"].str.split(":").list.last().to_list()
    return " / ".join(names[:3]) or None


def _renamed(cells: pl.DataFrame, counts: pl.DataFrame, day: date, by_category: Sequence[str]) -> pl.DataFrame:
    """A category's rise beside the end of another of its source at the same place: what was called the one is now called the other."""
    mine = _of_categories(cells, by_category).filter(pl.col("kind") == "surge")
    if mine.is_empty():
        return pl.DataFrame(schema=_SIGNED)
    since = day - timedelta(days=6)
    own = _of_categories(_named(counts.filter(pl.col("date") >= day - timedelta(days=7 * (WEEKS + 1)))), by_category)
    out = [pl.DataFrame(schema=_SIGNED)]
    for level, by in (("fine", ["coarse_place", "fine_place"]), ("coarse", ["coarse_place"])):
        per = own.group_by("problem_code", *by).agg(pl.col("n").filter(pl.col("date") >= since).sum().alias("now"),
                                                    (pl.col("n").filter(pl.col("date") < since).sum() / WEEKS).alias("was"))
        fell = per.filter((pl.col("was") - pl.col("now") >= LEAST_FALL) & (pl.col("now") <= GONE * pl.col("was"))).select(
            *by, pl.col("problem_code").alias("_other"), (pl.col("was") - pl.col("now")).alias("_fall"))
        rose = mine.filter(pl.col("level") == level).with_columns((pl.col("observed") - pl.col("expected")).alias("_rise"))
        both = rose.join(fell, on=by, nulls_equal=True).filter(
            (pl.col("_other").str.split(":").list.first() == pl.col("problem_code").str.split(":").list.first()) & (pl.col("_fall") * pl.col("window") / 7 >= ACCOUNTS * pl.col("_rise")))
        one = both.sort("signal_id", "_fall", "_other", descending=[False, True, False]).unique("signal_id", keep="first", maintain_order=True)
        out.append(_rows(one, "renamed", pl.lit(since), pl.col("_other").str.split(":").list.last()))
    return pl.concat(out)


def _catch_up(cells: pl.DataFrame, counts: pl.DataFrame, day: date, region: str) -> pl.DataFrame:
    """After days on which next to nothing came in, a rise that is gone once they are counted with it."""
    surges = cells.filter((pl.col("kind") == "surge") & pl.col("expected").is_not_null())
    days = [day - timedelta(days=i) for i in range(7 * WEEKS + OUTAGE_DAYS, -1, -1)]
    totals = counts.filter(pl.col("date") >= days[0]).group_by("date").agg(pl.col("n").sum().cast(pl.Int64))
    per = pl.DataFrame({"date": days}).join(totals, on="date", how="left")["n"].fill_null(0).to_list()
    off = holidays(days, region)
    out = 0
    for back in range(1, OUTAGE_DAYS + 1):
        at = len(days) - 1 - back
        usual = pl.Series(per[at % 7:at:7][-WEEKS:]).median() or 0
        if off[at] or usual < LEAST_DAY or per[at] >= LOW * usual:          # type: ignore[operator]
            break
        out = back
    if not out or surges.is_empty():
        return pl.DataFrame(schema=_SIGNED)
    span = pl.max_horizontal(pl.col("window"), pl.lit(out + 1))
    near = _named(counts.filter(pl.col("date") > day - timedelta(days=7 + OUTAGE_DAYS)))
    said = []
    for level, by in (("fine", ["problem_code", "coarse_place", "fine_place"]), ("coarse", ["problem_code", "coarse_place"])):
        mine = surges.filter(pl.col("level") == level).with_columns(span.alias("_span"))
        got = mine.join(near.select(*by, "date", "n"), on=by, nulls_equal=True).filter(pl.col("date") > pl.lit(day) - pl.duration(days="_span")).group_by("signal_id").agg(
            pl.col("n").sum().alias("_got"))
        due = pl.col("expected") / pl.col("window") * pl.col("_span")
        said.append(_rows(mine.join(got, on="signal_id").filter(pl.col("_got") <= due + 2 * due.sqrt() + 1), "catch_up", pl.lit(day - timedelta(days=out))))
    return pl.concat(said).with_columns(pl.lit(None, pl.String).alias("problem_code"), pl.lit(None, pl.String).alias("place"))


def _newsletters(found: Detection, seen: pl.DataFrame, texts: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Rises of which half or more are newsletters and advertisements that were sent to the hotline."""
    if found.members.is_empty():
        return pl.DataFrame(schema=_SIGNED)
    words = texts(found.members["record_id"].unique())
    letters = words.select("record_id", is_newsletter(words["title"], words["content"]).alias("_letter"))
    share = found.members.join(letters, on="record_id", how="left").group_by("signal_id").agg(pl.col("_letter").fill_null(False).mean())
    mine = found.signals.join(share.filter(pl.col("_letter") >= LETTERS), on="signal_id")
    first = found.members.join(seen.select("record_id", "local_date"), on="record_id").group_by("signal_id").agg(pl.col("local_date").min().alias("_first"))
    return _rows(mine.join(first, on="signal_id", how="left"), "newsletter", pl.col("_first"))


def _common_rise(found: Detection, counts: pl.DataFrame, day: date) -> pl.DataFrame:
    """Surges on days on which everything brings more (a television report, a campaign week of the hotline): by its share the cell, or the respondent, does not
    stand out."""
    surges = found.signals.filter((pl.col("kind") == "surge") & pl.col("level").is_in(["fine", "coarse", "respondent"]) & (pl.col("expected") > 0))
    if surges.is_empty():
        return pl.DataFrame(schema=_SIGNED)
    first = day - timedelta(days=7 * (WEEKS + 1) + COMMON_DAYS)
    daily = matrix(counts.filter(pl.col("date") >= first), ["problem_code"], first, day)
    place = {code: i for i, code in enumerate(daily.series["problem_code"].to_list())}
    common = np.array([_common(daily.counts, w, place.get(code)) for code, w in surges.select("problem_code", "window").iter_rows()])
    seen, expected = surges["observed"].to_numpy(), surges["expected"].to_numpy()
    due = expected * common
    raised = surges["p_value"].to_numpy() * np.minimum(upper_tail(np.rint(seen), due, 1.0) / np.maximum(upper_tail(np.rint(seen), expected, 1.0), 1e-300), MOST_RAISED)
    mine = surges.filter(pl.Series((common >= COMMON) & ((seen <= due + STANDS_OUT * np.sqrt(due)) | (raised > found.threshold))))
    return _rows(mine, "common_rise", pl.lit(day - timedelta(days=_days_since(daily.counts))), n=pl.lit(int(daily.counts[-1].sum()))).with_columns(
        pl.lit(None, pl.String).alias("problem_code"), pl.lit(None, pl.String).alias("place"))


def _days_since(daily: np.ndarray) -> int:
    """How many days ago the latest of the common rises began; 0 where no day by itself shows one. daily: int (n_days, n_problems)."""
    risen = [_common(daily[:len(daily) - back], 1, None) >= COMMON for back in range(COMMON_DAYS)]
    if True not in risen:
        return 0
    first = risen.index(True)
    while first + 1 < len(risen) and risen[first + 1]:
        first += 1
    return first


def _common(daily: np.ndarray, window: int, own: int | None) -> float:
    """What the problems but `own` had in the last days, over the mean of the same weekdays of the weeks before; 1.0 where not most of them rise.

    daily: int (n_days, n_problems).
    """
    seen = daily[-window:].sum(0)
    usual = np.mean([daily[len(daily) - 7 * k - window:len(daily) - 7 * k].sum(0) for k in range(1, WEEKS + 1)], axis=0)
    others = (usual > 0) & (np.arange(len(usual)) != (-1 if own is None else own))
    seen, usual = seen[others], usual[others]
    if len(usual) < MANY or usual.sum() < LEAST_DAY * window or usual[seen > usual].sum() < RISING * usual.sum():
        return 1.0
    return float(np.minimum(seen, 2 * usual + 3).sum() / usual.sum())
