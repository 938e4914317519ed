"""The silence gate: rules about a whole batch, judged against the source's own past. What is W withholds the night's warnings.

Silence is not health: a late, empty, short or shape-shifted file must not look like a quiet night.
"""
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from expectations.codes import codes_of
from expectations.profile import RESTED_ON, column_profile
from expectations.usual_days import (
    HISTORY,
    HOURS,
    UsualDays,
    chance_of_none,
    day_history,
    gaps,
    kind_of,
    last_gap,
    steadiness,
    usual_days,
    usual_range,
    value_counts,
)
from policy.calendar import is_workday, region_of
from policy.catalogue import catalogue, say
from policy.rules import REFUSE, WITHHOLD, Finding, rules

#: The rules that need a past of days (schema, section 8).
OF_DAYS = ("B02", "B03", "B04", "B08", "B10")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Limits:
    """Settings of the batch rules; a mapping's `thresholds` overrides them by name. Shares are 0–1."""

    history_days: float = 180
    least_days: float = 28
    most_fresh_days: float = 3
    #: Days of the same kind that are compared, at most and at least.
    days_alike: float = 16
    least_alike: float = 6
    #: The latest working days, or days off, that know of a new level.
    days_lately: float = 12
    #: Robust standard deviations of the logarithm below (B02) and above (B03) the median day.
    below: float = 4.0
    above: float = 5.0
    #: A gap (B04, B08), or a street's or channel's silence (B10), is doubted where a sound source shows it with less than this chance …
    gap_chance: float = 1e-5
    silence_chance: float = 1e-4
    #: … and it is this many times what its days usually show.
    beyond_usual: float = 1.5
    least_gap_hours: float = 3
    least_age_hours: float = 6
    quarantine_share: float = 0.05
    late_share: float = 0.3
    on_hour_share: float = 0.5
    unknown_share: float = 0.2
    vanished_share: float = 0.02
    #: Rises of a column's missing share (B07) and of one value's share.
    missing_rise: float = 0.25
    value_rise: float = 0.4
    #: A column that was filled less than this may vanish without a word.
    filled_share: float = 0.05
    amount_fold: float = 1000
    #: Shares of fewer rows say nothing.
    least_rows: float = 30

    @classmethod
    def of(cls, thresholds: Mapping[str, float] | None) -> "Limits":
        """With a mapping's overrides; names that are no limit belong to others and are passed over."""
        mine = {f.name for f in fields(cls)}
        return cls(**{k: float(v) for k, v in (thresholds or {}).items() if k in mine})


@dataclass(frozen=True)
class BatchContext:
    """All that the batch rules look at, as plain values and frames.

    run_date, as_of (UTC), received_at: the night's. accepted: the sound rows (SAFE columns, judged), the unchanged ones too.
    fresh_days: the calendar days after the source's last stored night up to and including run_date. history: `day_history` of
    the source's records known at the as-of. withheld_days: fresh days of nights that were withheld; left out of it.
    known_ids: record ids that were stored before (B09 looks at the others). before: the pooled profile of the source's earlier
    batches. mapped: the canonical columns that the headers gave. stated_total: the total that a file states (F05).
    open_ids: record ids open at the as-of; a `full_export` must hold them (R04). identical_to: the earlier date for which the
    same bytes were taken (B06). file_missing: a scheduled night found no file by `due_by` (B01).
    findings: what reading and mapping found (F05, F06, K04, T08 pass through). released: code → reason, the dated decisions to
    accept what a W rule withholds.
    """

    source_id: str
    run_date: date
    as_of: datetime
    rows_read: int
    accepted: pl.DataFrame
    quarantined: int = 0
    received_at: datetime | None = None
    time_zone: str = "Asia/Shanghai"
    day_starts_at: str = "00:00"
    delivers: str | Sequence[str] = "daily"
    due_by: str = "07:30"
    full_export: bool = False
    is_history: bool = False
    fresh_days: Sequence[date] = ()
    history: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=HISTORY))
    withheld_days: frozenset[date] = frozenset()
    known_ids: pl.Series | None = None
    before: Mapping[str, Any] | None = None
    mapped: frozenset[str] | None = None
    stated_total: int | None = None
    open_ids: pl.Series | None = None
    delivered_ids: pl.Series | None = None
    identical_to: date | None = None
    file_missing: bool = False
    findings: Sequence[Finding] = ()
    released: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def region(self) -> str:
        return region_of(self.time_zone)


def judge_batch(context: BatchContext) -> list[Finding]:
    """What the rules about the batch found, those passed through from its files included, in the order of the rules.

    A finding that was released keeps its code and carries the reason in `values["released"]`. Codes of rows and of refused
    files are not looked at here. See `why_not_judged` for what is left out, and say it.
    """
    found = [f for f in context.findings if f.effect == WITHHOLD]
    have = {f.code for f in found}
    judged = [judge for judge in _JUDGES if context.rows_read or judge in _OF_NO_ROWS]
    for judge in judged:
        found += [f for f in judge(context) if f.code not in have]
    if why_not_judged(context) is None and context.rows_read:
        found += _judge_days(context)
    order = {code: i for i, code in enumerate(rules())}
    return [_released(f, context.released) for f in sorted(found, key=lambda f: order[f.code])]


def withholding(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that withhold the batch's warnings: effect W and not released."""
    return [f for f in findings if f.effect == WITHHOLD and "released" not in f.values]


def outcome(findings: Sequence[Finding]) -> str:
    """"failed", "withheld", "notices" (a person should look: something of middle or high severity) or "ok"."""
    if any(f.effect == REFUSE for f in findings):
        return "failed"
    if withholding(findings):
        return "withheld"
    return "notices" if any(f.rule.severity != "low" for f in findings) else "ok"


def delivers_on(delivers: str | Sequence[str], morning: date, region: str) -> bool:
    """Whether a source delivers on a morning. delivers: "daily", "workdays" or a list of mon … sun."""
    if delivers == "daily":
        return True
    return is_workday(morning, region) if delivers == "workdays" else _WEEKDAYS[morning.weekday()] in delivers


def why_not_judged(context: BatchContext) -> dict[str, str] | None:
    """Why B02, B03, B04, B08 and B10 were not judged, {"zh": …, "en": …}; None where they were."""
    n = _past(context).n_with_records
    if context.is_history:
        said: tuple[str, dict[str, object]] = ("history", {})
    elif len(context.fresh_days) > context.limits.most_fresh_days:
        said = ("gap", {"n": len(context.fresh_days), "most": int(context.limits.most_fresh_days)})
    elif n < context.limits.least_days:
        said = ("young", {"n": n, "least": int(context.limits.least_days)})
    else:
        return None
    return {lang: say(f"batch_not_judged_{said[0]}", lang, **said[1]) for lang in ("zh", "en")}


def _released(finding: Finding, released: Mapping[str, str]) -> Finding:
    if finding.effect != WITHHOLD or finding.code not in released:
        return finding
    return replace(finding, values={**finding.values, "released": released[finding.code]})


def _finding(code: str, column: str | None = None, day: date | None = None, more: str | None = None, **values: object) -> Finding:
    """A finding with what to do in both languages, and the day or the reason it is about before that."""
    advice: dict[str, str] = {}
    for lang in ("zh", "en"):
        about = [str(day)] if day else []
        about += [say(more, lang, **values)] if more else []
        about += [say(f"advice_{code}", lang)] if f"advice_{code}" in catalogue() else []
        if about:
            advice[lang] = ("：" if lang == "zh" else ": ").join(about)
    return Finding(code, values, column=column, advice=advice or None)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if round(share, 3) >= 0.1 or not share else f"{100 * share:.1f}"


# What came, or didn't ------------------------------------------------------------------------------------------------------

def _missing_file(c: BatchContext) -> list[Finding]:
    due = delivers_on(c.delivers, c.run_date + timedelta(days=1), c.region)
    return [_finding("B01", t=c.due_by)] if c.file_missing and due else []


def _no_rows(c: BatchContext) -> list[Finding]:
    due = delivers_on(c.delivers, c.run_date + timedelta(days=1), c.region)
    empty = not c.rows_read and not c.file_missing and due
    return [_finding("B02", more="batch_empty", n=0, lo=1)] if empty else []


def _sent_again(c: BatchContext) -> list[Finding]:
    return [_finding("B06", date=c.identical_to)] if c.identical_to is not None and c.identical_to < c.run_date else []


def _total(c: BatchContext) -> list[Finding]:
    return [_finding("F05", a=c.stated_total, b=c.rows_read)] if c.stated_total not in (None, c.rows_read) else []


def _quarantine(c: BatchContext) -> list[Finding]:
    share, limit = c.quarantined / max(c.rows_read, 1), c.limits.quarantine_share
    # One bad row of ten is no sign of a broken file: the excess must be more than chance.
    surely = c.quarantined - limit * c.rows_read > 3 * np.sqrt(limit * (1 - limit) * c.rows_read)
    doubted = c.quarantined and share > limit and (surely or c.quarantined == c.rows_read)
    return [_finding("B05", p=_percent(share), q=_percent(limit))] if doubted else []


def _cut_numbers(c: BatchContext) -> list[Finding]:
    long = c.accepted["source_record_id"].drop_nulls()
    long = long.filter(long.str.contains(r"^\d{16,}$"))
    least = c.limits.least_rows / 3
    doubted = len(long) >= least and long.str.ends_with("000").mean() > 0.5  # type: ignore[operator]
    return [_finding("K04")] if doubted else []


def _on_the_hour(c: BatchContext) -> list[Finding]:
    now = column_profile(c.accepted)
    limit = max(c.limits.on_hour_share, ((c.before or {}).get("on_hour") or 0.0) + 0.2)
    doubted = now["timed"] >= c.limits.least_rows and now["on_hour"] > limit
    return [_finding("T10", p=_percent(limit))] if doubted else []


def _unknown_categories(c: BatchContext) -> list[Finding]:
    share = c.accepted.select(codes_of().list.contains("D03").mean()).item() if c.accepted.height else 0.0
    doubted = c.accepted.height >= c.limits.least_rows and share > c.limits.unknown_share
    return [_finding("D04", p=_percent(share))] if doubted else []


def _vanished_records(c: BatchContext) -> list[Finding]:
    if not c.full_export or c.open_ids is None or c.open_ids.is_empty():
        return []
    there = c.delivered_ids if c.delivered_ids is not None else c.accepted["record_id"]
    open_ids = c.open_ids.unique()
    share = 1 - len(open_ids.filter(open_ids.is_in(there.drop_nulls().unique().implode()))) / len(open_ids)
    return [_finding("R04", p=_percent(share))] if share > c.limits.vanished_share else []


def _late_entries(c: BatchContext) -> list[Finding]:
    if c.is_history:
        return []
    known = c.known_ids.drop_nulls().unique() if c.known_ids is not None else pl.Series([], dtype=pl.String)
    first = min(c.fresh_days, default=c.run_date)
    new = c.accepted.filter(~pl.col("record_id").is_in(known.implode())).unique("record_id")
    share = new.select((pl.col("local_date") < first).mean()).item() or 0.0
    doubted = new.height >= c.limits.least_rows and share > c.limits.late_share
    # A source's first file is all from before yesterday.
    return [_finding("B09", p=_percent(share))] if doubted and not c.history.is_empty() else []


# What it looks like against the batches before -----------------------------------------------------------------------------

def _vanished_columns(c: BatchContext) -> list[Finding]:
    """H04. A column that warnings rest on is missed in every batch until it is released or its absence is all that is remembered;
    any other in the first batch without it: then it is told, and known."""
    if c.before is None:
        return []
    found = []
    for column, missing in c.before["missing"].items():
        filled = 1 - missing
        if filled < c.limits.filled_share or not _gone(c, column, filled):
            continue
        found.append(_finding("H04", column=column, col=column, p=_percent(filled)))
    return found


def _gone(c: BatchContext, column: str, filled: float) -> bool:
    """The header is gone; where headers aren't known, the column holds nothing though that many rows should hold something."""
    assert c.before is not None
    had = c.before["mapped"] if column in RESTED_ON else c.before.get("mapped_last", c.before["mapped"])
    if c.mapped is not None and had is not None:
        return column in had and column not in c.mapped
    return c.accepted.height * filled >= c.limits.least_rows / 3 and c.accepted[column].null_count() == c.accepted.height


def _told_gone(c: BatchContext, column: str) -> bool:
    """A header that is gone, as H04 says or said: its missing share is no news."""
    assert c.before is not None
    return c.mapped is not None and column not in c.mapped and column in (c.before["mapped"] or ())


def _missing_shares(c: BatchContext) -> list[Finding]:
    """B07: a column's missing share rose, or one value crowded out the others. A share that falls is no reason to doubt."""
    n = c.accepted.height
    if c.before is None or n < c.limits.least_rows or c.before["rows"] < c.limits.least_rows:
        return []
    now, gone = column_profile(c.accepted), {f.column for f in _vanished_columns(c)}
    found = []
    for column, was in c.before["missing"].items():
        share = now["missing"][column]
        if column not in gone and not _told_gone(c, column) and _rose(share, was, n, c.before["rows"], c.limits.missing_rise):
            found.append(_finding("B07", column=column, col=column, a=_percent(was), b=_percent(share)))
    for column, shares in now["values"].items():
        value, share = next(iter(shares.items()), ("", 0.0))
        was = c.before["values"].get(column, {}).get(value, 0.0)
        if share > 0.9 and _rose(share, was, n, c.before["rows"], c.limits.value_rise):
            found.append(_finding("B07", column=column, more="batch_value_share", col=f"{column}≠{value}", a=_percent(was),
                                  b=_percent(share), column_name=column))
    return found


def _rose(share: float, was: float, n: int, n_was: int, rise: float) -> bool:
    """By more than `rise`, and by more than five standard errors of such shares."""
    pooled = (share * n + was * n_was) / (n + n_was)
    return share - was > max(rise, 5 * float(np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n_was))))


def _amounts(c: BatchContext) -> list[Finding]:
    if c.before is None:
        return []
    now, found = column_profile(c.accepted)["amounts"], []
    for column, was in c.before["amounts"].items():
        is_ = now[column]
        if not was["median"] or not is_["median"] or min(was["n"], is_["n"]) < c.limits.least_rows / 3:
            continue
        fold = max(is_["median"] / was["median"], was["median"] / is_["median"])
        if fold >= c.limits.amount_fold:
            found.append(_finding("M04", column=column, n=10 ** round(np.log10(fold))))
    return found


# What the fresh days brought -----------------------------------------------------------------------------------------------

def _past(c: BatchContext) -> UsualDays:
    return usual_days(c.history, min(c.fresh_days, default=c.run_date), c.region, int(c.limits.history_days), c.withheld_days)


def _judge_days(c: BatchContext) -> list[Finding]:
    past, days = _past(c), sorted(c.fresh_days) or [c.run_date]
    seen = c.accepted.filter(pl.col("local_date").is_in(days) & (pl.col("created_at") <= pl.lit(c.as_of))).unique("record_id")
    fresh = usual_days(day_history(seen, c.time_zone, c.day_starts_at), days[-1] + timedelta(days=1), c.region, len(days))
    counts = {d: int(n) for d, n in zip(fresh.days, fresh.counts)}
    hours = dict(zip(fresh.days, fresh.hours))
    found, short = [], set()
    for day in days:
        alike = past.alike(kind_of(day, c.region), int(c.limits.days_alike), int(c.limits.least_alike))
        n = counts.get(day, 0)
        low, high = _range(c, past, alike, day)
        if n < low:
            found.append(_finding("B02", day=day, n=n, lo=low))
            short.add(day)
        elif n > high:
            found.append(_finding("B03", day=day, n=n, hi=high))
        if _timed(past, alike):
            found += _gap(c, past, alike, day, hours.get(day, np.zeros(HOURS, int)))
    found += _frozen(c, past)
    # Where the whole day is short, that streets are silent goes without saying.
    found += _silent(c, past, seen, [d for d in days if d not in short])
    return found


def _range(c: BatchContext, past: UsualDays, alike: np.ndarray, day: date) -> tuple[int, int]:
    """A day's floor and ceiling: the wider of what such weekdays brought and of what the last weeks did, which know of a new level."""
    lately = past.lately(kind_of(day, c.region), int(c.limits.days_lately))
    ranges = [usual_range(past.counts[rows], c.limits.below, c.limits.above)
              for rows in (alike, lately) if len(rows) >= c.limits.least_alike] or [usual_range(past.counts, c.limits.below, c.limits.above)]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _timed(past: UsualDays, alike: np.ndarray) -> bool:
    """Most of the source's records have a time of day."""
    return past.hours[alike].sum() > 0.5 * past.counts[alike].sum()


def _gap(c: BatchContext, past: UsualDays, alike: np.ndarray, day: date, hours: np.ndarray) -> list[Finding]:
    """B04: an empty stretch in which a sound source would have brought records, and brought them on such days before."""
    usual = past.hours[alike].mean(axis=0)
    over = _hours_over(c, day)
    expected, length = gaps(hours[None, :over], usual[:over])
    before, _ = gaps(past.hours[alike], usual)
    surprising = chance_of_none(expected[0], steadiness(past.counts[alike])) < c.limits.gap_chance
    unusual = expected[0] > c.limits.beyond_usual * np.quantile(before, 0.9)
    doubted = surprising and unusual and length[0] >= c.limits.least_gap_hours
    return [_finding("B04", day=day, h=int(length[0]))] if doubted else []


def _day_start(c: BatchContext, day: date) -> datetime:
    hour, minute = (int(part) for part in c.day_starts_at.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(c.time_zone))


def _hours_over(c: BatchContext, day: date) -> int:
    """Whole hours of a day that lie before the as-of."""
    return int(np.clip((c.as_of - _day_start(c, day)).total_seconds() // 3600, 0, HOURS))


def _frozen(c: BatchContext, past: UsualDays) -> list[Finding]:
    """B08: the newest record is older than this source's newest ever is."""
    alike = past.alike(kind_of(c.run_date, c.region), int(c.limits.days_alike), int(c.limits.least_alike))
    newest = c.accepted.filter(pl.col("created_at") <= pl.lit(c.as_of))["created_at"].max()
    if not isinstance(newest, datetime) or not _timed(past, alike):
        return []
    age = (c.as_of - newest).total_seconds() / 3600
    usual = past.hours[alike].mean(axis=0)
    local = c.as_of.astimezone(ZoneInfo(c.time_zone)) - timedelta(minutes=_minutes(c.day_starts_at))
    # Whole hours back from the as-of to the newest record.
    back = np.arange(int(age))
    expected = usual[(local.hour - 1 - back) % HOURS].sum()
    before = last_gap(past.hours[alike], usual)
    surprising = chance_of_none(expected, steadiness(past.counts[alike])) < c.limits.gap_chance
    unusual = expected > c.limits.beyond_usual * np.quantile(before, 0.9)
    return [_finding("B08", h=round(age))] if surprising and unusual and age >= c.limits.least_age_hours else []


def _minutes(clock: str) -> int:
    hour, minute = (int(part) for part in clock.split(":"))
    return 60 * hour + minute


def _silent(c: BatchContext, past: UsualDays, seen: pl.DataFrame, days: Sequence[date]) -> list[Finding]:
    """B10: a street or channel without a record on a fresh day, where such a silence has less than its chance.

    A silence is counted from its beginning: a street of two records a day must be still for days before it is doubted.
    """
    found = []
    for grain in ("street", "channel"):
        values, was = value_counts(c.history, grain, past.days)
        if not values:
            continue
        mine = day_history(seen, c.time_zone, c.day_starts_at).filter((pl.col("grain") == grain) & pl.col("value").is_in(values))
        for day in days:
            on_day = mine.filter(pl.col("local_date") == day)
            if on_day.is_empty():
                # The column as a whole is empty: that is B07's or H04's to say.
                continue
            quiet = _quiet(c, past, was, day)
            spoke = set(on_day["value"].to_list())
            still = [v for v, q in zip(values, quiet) if q and v not in spoke]
            if still:
                named = "、".join(v if len(v) <= 20 else "…" for v in still[:5]) + ("…" if len(still) > 5 else "")
                found.append(_finding("B10", column=grain, day=day, v=named))
    return found


def _quiet(c: BatchContext, past: UsualDays, was: np.ndarray, day: date) -> np.ndarray:
    """bool (n_values,): whether no record of this value on `day` would be a wonder, silent days just before it counted in."""
    size = np.array([steadiness(column) for column in was.T])
    still, longest = _stretches(was == 0)
    surprise: dict[int, np.ndarray] = {}

    def log_chance(kind: int) -> np.ndarray:
        if kind not in surprise:
            alike = past.alike(kind, int(c.limits.days_alike), int(c.limits.least_alike))
            surprise[kind] = np.log(chance_of_none(was[alike].mean(axis=0), size))
        return surprise[kind]

    chance = log_chance(kind_of(day, c.region)).copy()
    for back in range(1, int(still.max(initial=0)) + 1):
        chance += np.where(still >= back, log_chance(int(past.kinds[-back])), 0.0)
    # Silent for a month in a past that was accepted: it is gone, and known to be.
    return (chance < np.log(c.limits.silence_chance)) & (1 + still > c.limits.beyond_usual * longest) & (still < c.limits.least_days)


def _stretches(empty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(days of silence up to the last row, longest silence before that), int (n_values,), of bool (n_days, n_values)."""
    last = np.cumprod(empty[::-1], axis=0).sum(axis=0) if len(empty) else np.zeros(empty.shape[1], int)
    run, longest = np.zeros(empty.shape[1], int), np.zeros(empty.shape[1], int)
    for i, row in enumerate(empty):
        run = np.where(row, run + 1, 0)
        longest = np.where(i < len(empty) - last, np.maximum(longest, run), longest)
    return last, longest


_JUDGES: tuple[Callable[[BatchContext], list[Finding]], ...] = (
    _missing_file, _no_rows, _sent_again, _total, _quarantine, _cut_numbers, _on_the_hour, _unknown_categories, _vanished_records,
    _late_entries, _vanished_columns, _missing_shares, _amounts)
_OF_NO_ROWS = (_missing_file, _no_rows, _sent_again)
