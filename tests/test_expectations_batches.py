"""The silence gate: each rule about a batch withholds where it should, and a sound night passes."""
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from expectations.batch_rules import BatchContext, Limits, delivers_on, judge_batch, outcome, why_not_judged, withholding
from expectations.profile import column_profile, known_categories, pool
from expectations.usual_days import HISTORY, day_history, summed_history, usual_range
from policy.rules import Finding
from tests.expectations_frames import day_of_records, rows

ZONE = ZoneInfo("Asia/Shanghai")
NIGHT = date(2026, 6, 10)  # a Wednesday
STREETS = ("九棵树街道", "宋庄镇", "永顺镇", "梨园镇")
DAYS = 90


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def day_rows(day: date, n: int = 80, first: float = 7, last: float = 23, streets: tuple[str, ...] = STREETS, **change) -> list[dict]:
    made = day_of_records(midnight(day), n, first, last, **change)
    return [{**r, "street": streets[i % len(streets)]} for i, r in enumerate(made)]


@pytest.fixture(scope="module")
def history() -> pl.DataFrame:
    """Ninety days of about 80 records between 7 and 23 h, fewer at weekends."""
    rng = np.random.default_rng(5)
    past = []
    for back in range(1, DAYS + 1):
        day = NIGHT - timedelta(days=back)
        past += day_rows(day, int(rng.negative_binomial(30, 30 / (30 + (50 if day.weekday() >= 5 else 80)))))
    return day_history(rows(*past), "Asia/Shanghai")


def context(made: list[dict], history: pl.DataFrame | None = None, **settings) -> BatchContext:
    accepted = rows(*made) if made else rows({}).head(0)
    usual = {"source_id": "src", "run_date": NIGHT, "as_of": midnight(NIGHT + timedelta(days=1)).astimezone(UTC), "rows_read": len(made),
             "accepted": accepted, "fresh_days": (NIGHT,), "history": pl.DataFrame(schema=HISTORY) if history is None else history}
    return BatchContext(**{**usual, **settings})


def said(c: BatchContext) -> list[str]:
    return [f.code for f in judge_batch(c)]


def test_a_sound_night_passes(history):
    c = context(day_rows(NIGHT), history, before=column_profile(rows(*day_rows(NIGHT - timedelta(days=1)))))
    assert (judge_batch(c), why_not_judged(c), outcome(judge_batch(c))) == ([], None, "ok")


# Rules that need no past --------------------------------------------------------------------------------------------------

def ids(ending: str) -> list[dict]:
    return [{"source_record_id": f"{10**15 + 977 * i}{ending}"} for i in range(12)]


SIMPLE = [
    # code, settings that it speaks about, settings like them that are sound; "made" are the batch's rows
    ("B01", {"made": [], "file_missing": True}, {"file_missing": False}),
    ("B01", {"made": [], "file_missing": True}, {"made": [], "file_missing": True, "delivers": ["mon"]}),
    ("B02", {"made": []}, {"made": [], "delivers": ["mon"]}),
    ("B05", {"rows_read": 100, "quarantined": 20}, {"rows_read": 100, "quarantined": 5}),
    ("B05", {"rows_read": 3, "quarantined": 3}, {"rows_read": 10, "quarantined": 1}),
    ("B06", {"identical_to": NIGHT - timedelta(days=1)}, {"identical_to": NIGHT}),
    ("F05", {"stated_total": 123}, {"stated_total": 40}),
    ("F05", {"stated_total": 123}, {"stated_total": None}),
    ("F06", {"findings": [Finding("F06")]}, {"findings": [Finding("F07", {"n": 3})]}),
    ("T08", {"findings": [Finding("T08", column="来电时间")]}, {"findings": [Finding("F02", {"n": 1})]}),
    ("K04", {"made": ids("000")}, {"made": ids("123")}),
    ("K04", {"made": ids("000")}, {"made": [{"source_record_id": f"{i}000"} for i in range(12)]}),
    ("T10", {"made": [{"created_at": datetime(2026, 6, 10, i % 12, tzinfo=UTC)} for i in range(40)]},
     {"made": [{"created_at": datetime(2026, 6, 10, i % 12, tzinfo=UTC), "created_precision": "day"} for i in range(40)]}),
    ("T10", {"made": [{"created_at": datetime(2026, 6, 10, i % 12, tzinfo=UTC)} for i in range(40)]},
     {"made": [{"created_at": datetime(2026, 6, 10, i % 12, 7 * (i % 3), tzinfo=UTC)} for i in range(40)]}),
    ("D04", {"made": [{"issues": ["D03"] if i % 2 else []} for i in range(40)]},
     {"made": [{"issues": ["D03"] if i == 1 else []} for i in range(40)]}),
    ("R04", {"full_export": True, "open_ids": pl.Series(["src:A1", "src:gone"])},
     {"full_export": False, "open_ids": pl.Series(["src:A1", "src:gone"])}),
    ("R04", {"full_export": True, "open_ids": pl.Series(["src:A1", "src:gone"])},
     {"full_export": True, "open_ids": pl.Series([f"src:A{i}" for i in range(1, 41)])}),
]


@pytest.mark.parametrize(("code", "bad", "good"), SIMPLE)
def test_a_rule_speaks_about_the_bad_batch_only(code, bad, good):
    def judged(settings: dict) -> list[str]:
        settings = {"made": [{} for _ in range(40)], **settings}
        return said(context(settings.pop("made"), **settings))

    assert (code in judged(bad), code in judged(good)) == (True, False)


def test_the_missing_file_names_the_hour():
    (finding,) = judge_batch(context([], file_missing=True, due_by="08:15"))
    assert finding.text("en").startswith("B01 File not here by 08:15 — ") and finding.effect == "W"


def test_a_file_rule_that_the_reader_found_is_said_once():
    assert said(context([{}], stated_total=9, findings=[Finding("F05", {"a": 9, "b": 1}, file="x.csv")])) == ["F05"]


def test_who_delivers_when():
    saturday, makeup = date(2026, 6, 13), date(2026, 2, 14)
    assert delivers_on("daily", saturday, "cn") and not delivers_on("workdays", saturday, "cn")
    assert delivers_on("workdays", makeup, "cn") and not delivers_on("workdays", date(2026, 10, 1), "cn")
    assert delivers_on(["sat"], saturday, "cn") and not delivers_on(["sun"], saturday, "cn")


# Against the batches before -----------------------------------------------------------------------------------------------

def before(**change) -> dict:
    return column_profile(rows(*({"channel": "phone" if i % 2 else "web", "amount_claimed": 1200, **change} for i in range(60))))


def against(made: dict, was: dict | None = None, **settings) -> list[Finding]:
    return judge_batch(context([{"channel": "phone" if i % 2 else "web", "amount_claimed": 1200, **made} for i in range(60)],
                               before=before() if was is None else was, **settings))


PROFILED = [
    ("H04", {"street": None}, {}), ("M04", {"amount_claimed": 12_000_000}, {"amount_claimed": 12_000}),
    ("M04", {"amount_claimed": 0.12}, {"amount_claimed": None}), ("B07", {"channel": "web"}, {}),
]


@pytest.mark.parametrize(("code", "bad", "good"), PROFILED)
def test_a_changed_shape_is_seen(code, bad, good):
    assert (code in [f.code for f in against(bad)], code in [f.code for f in against(good)]) == (True, False)


def test_a_missing_share_that_rose_is_seen_and_one_that_fell_is_not():
    half = [{"street": None if i % 2 else "宋庄镇"} for i in range(60)]
    full = [{"street": "宋庄镇" if i % 3 else "永顺镇"} for i in range(60)]
    rise = judge_batch(context(half, before=column_profile(rows(*full))))
    assert [(f.code, f.values["col"], f.values["a"], f.values["b"]) for f in rise] == [("B07", "street", "0", "50")]
    assert judge_batch(context(full, before=column_profile(rows(*half)))) == []


def test_small_batches_prove_no_share():
    assert "B07" not in [f.code for f in judge_batch(context([{"street": None}] * 5 + [{}], before=before()))]


def test_a_header_that_is_gone_is_named_even_for_a_column_filled_now_and_then():
    was = column_profile(rows(*({"platform": "某平台" if i % 10 == 0 else None} for i in range(60))), mapped={"platform", "content"})
    gone = [f for f in judge_batch(context([{}] * 60, before=was, mapped=frozenset({"content"}))) if f.code == "H04"]
    assert [(f.column, f.values["p"]) for f in gone] == [("platform", "10")]
    there = judge_batch(context([{}] * 60, before=was, mapped=frozenset({"content", "platform"})))
    assert "H04" not in [f.code for f in there]


@pytest.mark.parametrize(("column", "again"), [("platform", []), ("street", ["H04"])])
def test_a_column_that_is_gone_is_missed_once_or_as_long_as_warnings_rest_on_it(column, again):
    full = column_profile(rows(*({column: f"值{i % 3}"} for i in range(60))), mapped={column, "content"})
    without = column_profile(rows(*({column: None} for _ in range(60))), mapped={"content"})
    made, mapped = [{column: None}] * 60, frozenset({"content"})
    assert said(context(made, before=pool([full, full]), mapped=mapped)) == ["H04"]
    assert said(context(made, before=pool([full, full, without]), mapped=mapped)) == again
    assert said(context(made, before=pool([without] * 30), mapped=mapped)) == []


def test_columns_of_later_work_may_be_blank_on_fresh_records():
    was = column_profile(rows(*({"closed_at": datetime(2026, 6, 12, tzinfo=UTC), "reply": "已办结", "status": "closed"} for _ in range(60))))
    assert judge_batch(context([{}] * 60, before=was)) == []


def test_profiles_pool_by_rows_and_remember_categories():
    few = column_profile(rows({"source_category_1": "甲", "street": None}), mapped={"street"})
    many = column_profile(rows(*({"source_category_1": "乙"} for _ in range(3))), mapped={"content"})
    pooled = pool([few, many])
    assert pooled["missing"]["street"] == pytest.approx(0.25) and pooled["mapped"] == ["content", "street"]
    assert known_categories(pooled) == {"source_category_1": frozenset("甲乙")}
    assert pool([]) is None and known_categories(None) is None


def test_a_profile_holds_no_text_and_no_name():
    profile = column_profile(rows({"content": "秘密内容", "respondent_name": "王伟芳", "title": "秘密标题", "caller_key": "k9"}))
    assert not any(s in str(profile) for s in ("秘密", "王伟芳", "k9"))


# The fresh days -----------------------------------------------------------------------------------------------------------

def test_an_outage_is_a_short_day_with_a_gap_and_an_old_newest_record(history):
    findings = {f.code: f for f in judge_batch(context(day_rows(NIGHT, 20, 7, 9.66), history))}
    assert set(findings) == {"B02", "B04", "B08"}
    assert (findings["B02"].values["n"], findings["B04"].values["h"], findings["B08"].values["h"]) == (20, 14, 14)
    assert str(NIGHT) in findings["B02"].text("en") and str(NIGHT) in findings["B02"].text("zh")


def test_a_gap_in_the_middle_of_a_full_day_is_seen(history):
    split = day_rows(NIGHT, 40, 7, 10, prefix="a") + day_rows(NIGHT, 40, 17, 23, prefix="b")
    assert said(context(split, history)) == ["B04"]


def test_quiet_nights_are_no_gap(history):
    assert "B04" not in said(context(day_rows(NIGHT, 60, 8, 22.5), history))


def test_a_doubled_day_is_noticed_and_withholds_nothing(history):
    findings = judge_batch(context(day_rows(NIGHT, 400), history))
    assert [f.code for f in findings] == ["B03"] and outcome(findings) == "notices"


def test_a_weekend_is_measured_by_weekends(history):
    saturday = date(2026, 6, 13)
    c = context(day_rows(saturday, 40), history, run_date=saturday, fresh_days=(saturday,),
                as_of=midnight(date(2026, 6, 14)).astimezone(UTC))
    assert said(c) == []


def test_a_frozen_export_shows_however_many_old_rows_it_brings(history):
    old = day_rows(NIGHT - timedelta(days=1), 90, prefix="o") + day_rows(NIGHT - timedelta(days=2), 90, prefix="p")
    assert {"B02", "B08"} <= set(said(context(old, history, known_ids=rows(*old)["record_id"])))


def test_each_fresh_day_is_judged_with_rows_or_without(history):
    days = (NIGHT, NIGHT + timedelta(days=1), NIGHT + timedelta(days=2))
    c = context(day_rows(days[0], prefix="a") + day_rows(days[2], prefix="b"), history, run_date=days[2], fresh_days=days,
                as_of=midnight(days[2] + timedelta(days=1)).astimezone(UTC))
    assert [(f.code, str(days[1]) in f.text("en")) for f in judge_batch(c)] == [("B02", True), ("B04", True)]


def test_rows_after_the_as_of_are_not_counted(history):
    early = midnight(NIGHT).astimezone(UTC) + timedelta(hours=9)
    assert "B04" not in said(context(day_rows(NIGHT), history, as_of=early))


def test_a_silent_street_is_named(history):
    findings = judge_batch(context(day_rows(NIGHT, streets=STREETS[1:]), history))
    assert [(f.code, f.values["v"]) for f in findings] == [("B10", "九棵树街道")]


def test_a_street_that_is_often_silent_is_not(history):
    rare = day_history(rows(*(r for back in range(1, DAYS, 9) for r in day_rows(NIGHT - timedelta(days=back), 1, streets=("西集镇",), prefix="r"))),
                       "Asia/Shanghai").filter(pl.col("grain") == "street")
    assert said(context(day_rows(NIGHT), pl.concat([history, rare]))) == []


def test_a_small_street_is_doubted_after_days_of_silence(history):
    def past(until: int) -> pl.DataFrame:
        made = (r for back in range(until, DAYS) for r in day_rows(NIGHT - timedelta(days=back), 3, streets=("西集镇",), prefix="r"))
        return pl.concat([history, day_history(rows(*made), "Asia/Shanghai").filter(pl.col("grain") == "street")])

    assert (said(context(day_rows(NIGHT), past(1))), said(context(day_rows(NIGHT), past(12)))) == ([], ["B10"])


@pytest.mark.parametrize(("settings", "word"), [
    ({"is_history": True}, "history load"), ({"history": None}, "only 0"),
    ({"fresh_days": tuple(NIGHT - timedelta(days=i) for i in range(4))}, "4 days")])
def test_where_no_past_can_judge_it_is_said(history, settings, word):
    c = context(day_rows(NIGHT, 5), **{"history": history, **settings})
    assert not {"B02", "B03", "B04", "B08", "B10"} & set(said(c))
    assert word in why_not_judged(c)["en"] and why_not_judged(c)["zh"]


def test_a_withheld_days_rows_teach_nothing(history):
    days = history["local_date"].unique().to_list()
    c = context(day_rows(NIGHT), history)
    assert why_not_judged(c) is None
    assert "only 20" in why_not_judged(replace(c, withheld_days=frozenset(sorted(days)[:-20])))["en"]


def test_backlog_keyed_in_late_is_flagged_and_overlap_is_not(history):
    late = [r for back in range(1, 10) for r in day_rows(NIGHT - timedelta(days=back), 33, prefix="late")]
    c = context(day_rows(NIGHT) + late, history)
    findings = judge_batch(c)
    assert [f.code for f in findings] == ["B09"] and not withholding(findings)
    assert said(replace(c, known_ids=rows(*late)["record_id"])) == []


# What follows -------------------------------------------------------------------------------------------------------------

def test_a_released_rule_is_kept_with_its_reason_and_withholds_nothing(history):
    c = context(day_rows(NIGHT, 20, 7, 9.66), history, released={"B02": "停电检修", "B04": "停电检修", "B03": "无关"})
    findings = judge_batch(c)
    assert {f.code: f.values.get("released") for f in findings} == {"B02": "停电检修", "B04": "停电检修", "B08": None}
    assert [f.code for f in withholding(findings)] == ["B08"]
    assert outcome(findings) == "withheld" and outcome(judge_batch(replace(c, released={**c.released, "B08": "x"}))) == "notices"


def test_thresholds_of_a_mapping_override_by_name():
    limits = Limits.of({"quarantine_share": 0.5, "budget": 3})
    assert limits == replace(Limits(), quarantine_share=0.5)
    assert said(context([{}] * 40, rows_read=100, quarantined=20, limits=limits)) == []


def test_findings_do_not_depend_on_the_order_of_rows(history):
    made = day_rows(NIGHT, 20, 7, 9.66)
    assert judge_batch(context(made, history)) == judge_batch(context(made[::-1], history.reverse()))


def test_histories_add_up():
    one, two = day_rows(NIGHT, 11), day_rows(NIGHT, 7, prefix="x")
    summed = summed_history(day_history(rows(*part), "Asia/Shanghai") for part in (one, two))
    assert summed.equals(day_history(rows(*one, *two), "Asia/Shanghai"))


def test_hours_count_from_where_the_counting_day_begins():
    eight = {"created_at": datetime(2026, 6, 10, 8, 59, tzinfo=ZONE).astimezone(UTC)}
    hour = day_history(rows(eight, {**eight, "created_precision": "day"}), "Asia/Shanghai", "08:00").filter(pl.col("grain") == "hour")
    assert hour.select("value", "n").rows() == [("00", 1)]


def test_the_floor_is_robust_against_odd_days():
    steady = np.array([80, 85, 78, 82, 90, 77, 84, 88, 79, 81])
    odd = np.append(steady, [0, 1000])
    assert 25 < usual_range(steady, 4, 5)[0] < 60 and abs(usual_range(odd, 4, 5)[0] - usual_range(steady, 4, 5)[0]) < 10
