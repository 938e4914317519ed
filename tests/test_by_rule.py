"""What is told by rule though no count stands out: what comes back after being solved or inspected, what spreads, and what is new."""
from datetime import date, datetime, time, timedelta

import polars as pl
import pytest

from flows.by_rule import after_inspection, back_after_solved, inspected_before, inspections, novel, spreading
from flows.places import places_of
from flows.warn import tell
from policy.matters import matter_rule
from sources.mapping import load_mappings
from tests.engines import house  # noqa: F401
from tests.lake_rows import at
from transforms.matters import find_matters
from warehouse.deciding import note

DAY = date(2026, 6, 30)
PLACE = places_of(load_mappings(), ["market_supervision"])[0]
BACK, SPREAD = matter_rule("back_after_solved", 40), matter_rule("spread", 40)
NEWS = matter_rule("novelty", 40)
_MOMENT = pl.Datetime("us", "UTC")
SCHEMA = {**dict.fromkeys(("record_id", "source_id", "title", "content", "row_hash", "caller_key", "street_code", "problem_code", "problem_name", "respondent_name",
                           "respondent_key", "incident_id", "record_type", "city", "district", "status", "fine_place", "coarse_place"), pl.String),
          "local_date": pl.Date, "solved": pl.Boolean, **dict.fromkeys(("created_at", "first_known_at", "closed_at", "due_at", "signed_at", "first_reply_at"), _MOMENT)}


def rows(*given):
    """(days before DAY, more) → records of one shop, each of its own caller, open unless said otherwise; `closed`: days before DAY."""
    out = []
    for n, (ago, more) in enumerate(given):
        created = datetime.combine(DAY - timedelta(days=ago), time(3))
        more = dict(more)
        closed = more.pop("closed", None)
        out.append({"record_id": f"r{n}", "source_id": "market_supervision", "title": "锐动健身退卡难", "content": f"反映锐动健身退卡难 {n}", "row_hash": f"r{n}", "caller_key": f"c{n}",
                    "street_code": "110112003", "problem_code": "prepaid.fitness", "problem_name": "健身预付卡", "respondent_name": "锐动健身", "respondent_key": "锐动健身",
                    "incident_id": None, "record_type": "complaint", "city": "北京市", "district": "通州区", "fine_place": "玉桥街道", "coarse_place": "通州区",
                    "created_at": created, "first_known_at": created, "local_date": created.date(), "status": "open" if closed is None else "closed",
                    "solved": None if closed is None else True, "closed_at": None if closed is None else datetime.combine(DAY - timedelta(days=closed), time(9)), **more})
    return pl.DataFrame(out, schema=SCHEMA)


SOLVED = [(60, {"closed": 55}), (58, {"closed": 50})]
NEW = [(9, {}), (5, {}), (1, {})]


def fired(found):
    return found[0]["signal_id"].to_list()


def test_a_matter_that_was_solved_and_stayed_away_is_told_when_it_is_back():
    signals, members = back_after_solved(rows(*SOLVED, *NEW), DAY, BACK)
    assert fired((signals, members)) == ["back_after_solved:锐动健身:prepaid.fitness"]
    assert signals.select("kind", "level", "observed", "window").row(0) == ("recurrence", "respondent", 3.0, 14)
    assert sorted(members["record_id"]) == ["r0", "r1", "r2", "r3", "r4"]


@pytest.mark.parametrize("given", [
    [*SOLVED, (40, {}), *NEW],                                                     # one of the old is still open
    [(60, {"closed": 55}), (58, {"closed": 50, "solved": False}), *NEW],           # only one was solved
    [(60, {"closed": 55}), (40, {"closed": 20}), *NEW],                            # never stayed away: the last was closed eleven days before
    [*((ago, {"closed": ago - 1}) for ago in range(88, 40, -3)), *NEW],            # no more than it always brought
    [*SOLVED, *NEW[:2]],                                                           # too few
    [*SOLVED, *((ago, {"caller_key": "one"}) for ago in (9, 5, 1))],               # one caller
    [*SOLVED, (9, {}), (5, {}), (1, {"problem_code": "price.unmarked"})],          # about something else
    NEW,                                                                           # never solved before
    [(ago, {**more, "record_type": "consultation"}) for ago, more in (*SOLVED, *NEW)],
])
def test_what_was_not_solved_or_has_not_stayed_away_is_no_return(given):
    assert fired(back_after_solved(rows(*given), DAY, BACK)) == []


def test_a_return_of_a_matter_without_a_respondent_is_the_incidents():
    nameless = {"respondent_key": None, "respondent_name": None, "incident_id": "i1"}
    signals, _ = back_after_solved(rows(*((ago, {**more, **nameless}) for ago, more in (*SOLVED, *NEW))), DAY, BACK)
    assert signals.select("level", "incident_id", "respondent_key").rows() == [("incident", "i1", None)]


ODD = {"problem_code": "found:p1", "problem_name": "共享充电宝押金", "respondent_name": None, "respondent_key": None}


def test_a_found_problem_that_was_not_there_before_is_told_with_its_name(house):  # noqa: F811
    seen = rows((59, {}), *((n, {**ODD, "fine_place": f"S{n}"}) for n in (20, 9, 6, 3, 1)))
    signals, members = novel(seen, DAY, NEWS)
    assert signals.select("kind", "level", "problem_code", "observed", "window").rows() == [("novelty", "coarse", "found:p1", 5.0, 28)] and members.height == 5
    told = tell(find_matters(signals, members, seen, pl.DataFrame()), seen, *empty(house), {}, PLACE, DAY, at("2026-06-30 16:00"), "r", 60).warnings.row(0, named=True)
    assert told["kind"] == "novelty" and told["level"] == "yellow" and told["title"] == "新问题：共享充电宝押金，28日内5件" and "分类目录之外" in told["summary"]


@pytest.mark.parametrize("given", [
    [(59, {}), *((n, ODD) for n in (35, 9, 6, 3, 1))],                                           # it was there before
    [(59, {}), *((n, ODD) for n in (9, 6, 3, 1))],                                               # too few
    [(59, {}), *((n, {**ODD, "caller_key": "one"}) for n in (20, 9, 6, 3, 1))],                  # of one caller
    [(59, {}), *((n, {}) for n in (20, 9, 6, 3, 1))],                                            # the taxonomy knows it
    [(30, {}), *((n, ODD) for n in (20, 9, 6, 3, 1))],                                           # of a young house everything is new
])
def test_what_is_not_new_is_not_told_as_new(given):
    assert fired(novel(rows(*given), DAY, NEWS)) == []


def test_a_respondent_that_reaches_new_streets_spreads_and_one_that_was_everywhere_does_not():
    wide = [(12, {"fine_place": "梨园镇"}), (6, {"fine_place": "北苑街道"}), (2, {"fine_place": "新华街道"})]
    signals, members = spreading(rows((40, {}), *wide), DAY, SPREAD)
    assert signals.select("kind", "respondent_key", "observed", "window").rows() == [("spread", "锐动健身", 3.0, 14)] and sorted(members["record_id"]) == ["r1", "r2", "r3"]
    assert fired(spreading(rows((40, {}), (41, {"fine_place": "九棵树街道"}), *wide), DAY, SPREAD)) == []
    assert fired(spreading(rows((40, {}), *((ago, {**more, "caller_key": "one"}) for ago, more in wide)), DAY, SPREAD)) == []
    assert fired(spreading(rows((40, {}), *((ago, {"fine_place": "梨园镇"}) for ago, _ in wide)), DAY, SPREAD)) == []


INSPECTED = {"drive_id": "Z20260401-1", "kind": "inspection", "level": "bureau", "title": "价格执法专项检查", "problem_code": "price.unmarked", "streets": ["新华街道"],
             "first_day": date(2026, 4, 1), "last_day": date(2026, 4, 14), "known_at": at("2026-03-30 02:00")}


def test_a_return_after_a_special_inspection_names_it_and_its_dates(house):  # noqa: F811
    """Story 1 of the article: any shop of the area, within ninety days of the end."""
    note(house, "drive", pl.DataFrame([INSPECTED], schema_overrides={"known_at": _MOMENT}))
    drives = inspections(house, DAY, at("2026-06-30 16:00"))
    price = {"problem_code": "price.unmarked", "problem_name": "未明码标价", "fine_place": "新华街道", "title": "便利店没有明码标价", "respondent_name": None, "respondent_key": None}
    end = (DAY - INSPECTED["last_day"]).days
    # Before the end and known only later; of another street; of another problem; and the two that count.
    seen = rows((end + 3, {**price, "first_known_at": datetime(2026, 6, 29)}), (20, {**price, "fine_place": "梨园镇"}), (20, {**price, "problem_code": "price.fraud"}),
                (30, price), (3, price))
    signals, members = after_inspection(seen, DAY, drives)
    assert signals.select("signal_id", "kind", "level", "fine_place", "observed").rows() == [("again:Z20260401-1", "recurrence", "fine", "新华街道", 2.0)]
    assert sorted(members["record_id"]) == ["r3", "r4"]
    matters = find_matters(signals, members, seen, pl.DataFrame())
    told = tell(matters, seen, *empty(house), {}, PLACE, DAY, at("2026-06-30 16:00"), "r", 60, drives=drives).warnings.row(0, named=True)
    assert (told["kind"], told["rule"], told["level"], told["n_records"]) == ("recurrence", "after_inspection", "blue", 2)
    assert "专项检查后再次发生" in told["title"]
    assert "“价格执法专项检查”（2026-04-01至2026-04-14）结束后，范围内又有2件“未明码标价”诉求" in told["summary"]
    assert inspected_before(["again:Z20260401-1"], drives)["title"] == "价格执法专项检查"


def test_an_inspection_that_ended_long_ago_or_was_noted_later_calls_nothing_back(house):  # noqa: F811
    old = {**INSPECTED, "drive_id": "old", "last_day": date(2026, 3, 31)}
    later = {**INSPECTED, "drive_id": "later", "known_at": at("2026-07-02 02:00")}
    running = {**INSPECTED, "drive_id": "running", "last_day": DAY}
    theme = {**INSPECTED, "drive_id": "theme", "kind": "theme"}
    note(house, "drive", pl.DataFrame([old, later, running, theme, INSPECTED], schema_overrides={"known_at": _MOMENT}))
    assert inspections(house, DAY, at("2026-06-30 16:00"))["drive_id"].to_list() == [INSPECTED["drive_id"]]


def test_a_return_is_told_with_what_had_been_done_and_a_surge_of_the_same_records_speaks_for_it():
    seen = rows(*SOLVED, *NEW)
    signals, members = back_after_solved(seen, DAY, BACK)
    matter = find_matters(signals, members, seen, pl.DataFrame()).matters.row(0, named=True)
    assert (matter["kind"], matter["subject"], matter["respondent_key"], matter["rule"]) == ("recurrence", "respondent", "锐动健身", "back_after_solved")
    earlier = earlier_none()
    told = tell(find_matters(signals, members, seen, pl.DataFrame()), seen, *earlier, {}, PLACE, DAY, at("2026-06-30 16:00"), "r", 60).warnings.row(0, named=True)
    assert "此前有2件按已解决办结，最近一次办结于2026-05-11" in told["summary"] and told["level"] == "yellow" and told["n_records"] == 5
    surge = signals.with_columns(pl.lit("surge").alias("kind"), pl.lit("respondent:锐动健身").alias("signal_id"), pl.lit(.2).alias("expected"), pl.lit(1e-7).alias("p_value"),
                                 pl.lit(None, pl.String).alias("rule"))
    both = pl.concat([signals, surge])
    behind = pl.concat([members, members.with_columns(pl.lit("respondent:锐动健身").alias("signal_id"))])
    matters = find_matters(both, behind, seen, pl.DataFrame()).matters
    assert matters.select("kind", "rule", "p_value").rows() == [("surge", "back_after_solved", 1e-7)]


def empty(warehouse):
    from flows.night import earlier_warnings
    return earlier_warnings(warehouse, PLACE, DAY, at("2026-06-30 16:00"), 60)


def earlier_none():
    from flows.warn import frame
    from warehouse.journal import WARNING_RECORD
    none = frame([]).with_columns(pl.lit(None, t).alias(c) for c, t in {"subject": pl.String, "respondent_key": pl.String, "incidents": pl.List(pl.String), "problems": pl.List(pl.String),
                                                                        "signals": pl.List(pl.String)}.items())
    return none, pl.DataFrame(schema=WARNING_RECORD)
