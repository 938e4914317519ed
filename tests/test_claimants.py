"""A professional claimant is known by what he does: his records are kept, and are no evidence of a rise."""
from contextlib import nullcontext
from datetime import timedelta

import polars as pl

from flows.by_rule import by_rules, inspections, together
from flows.detect import find_signals, without_its_parts
from flows.tonight import Tonight
from flows.warn import tell
from flows.window import Window
from policy.matters import RULE_ID, claimant_rule
from tests.engines import house  # noqa: F401
from tests.lake_rows import at
from tests.test_by_rule import DAY as JUNE
from tests.test_by_rule import PLACE, empty, rows
from tests.test_slow_rise import DAY, cell, records
from transforms.claimants import claimants
from transforms.matters import find_matters

RULE = claimant_rule()


def written(who, n, shops, ago=0):
    return records(n, 0).with_columns(pl.lit(who).alias("caller_key"), pl.concat_str(pl.lit(f"{who}-"), "record_id").alias("record_id"),
                                      pl.concat_str(pl.lit("shop"), pl.int_range(n) % shops).alias("respondent_key"), pl.lit(DAY - timedelta(days=ago)).alias("local_date"))


def known(*frames):
    return claimants(pl.concat(frames), DAY, RULE.days, RULE.records, RULE.respondents)


def test_who_writes_against_many_within_the_days_is_one_and_who_reminds_of_one_matter_is_not():
    assert known(written("many", RULE.records, RULE.respondents), written("reminds", 20, 1), written("few", RULE.records - 1, RULE.respondents)) == ["many"]
    assert known(written("many", RULE.records, RULE.respondents, ago=RULE.days)) == []
    assert known(written("many", RULE.records, RULE.respondents, ago=-1)) == []
    assert known(written("many", RULE.records, RULE.respondents).with_columns(pl.lit(None, pl.String).alias("caller_key"))) == []


def kinds(found):
    return found.signals["kind"].to_list(), found.campaigns.select("kind", "n_callers").rows()


def test_a_rise_of_claimants_is_a_campaign_and_the_same_rise_of_as_many_callers_a_surge():
    loud = cell(p_value=1e-9, observed=12.0, expected=.4, window=1)
    three = pl.concat([written(f"k{i}", 4, 4) for i in range(3)]).with_columns(pl.lit(None, pl.String).alias("respondent_key"))
    own = records(12, 0)
    assert kinds(find_signals(loud, own, DAY, 2.0, 5000, [])) == (["surge"], [])
    assert kinds(find_signals(loud, three, DAY, 2.0, 5000, [], ["k0", "k1", "k2"])) == ([], [("surge", 3)])
    some = pl.concat([three, own.head(8).with_columns(pl.concat_str(pl.lit("own-"), "record_id").alias("record_id"))])
    assert kinds(find_signals(cell(p_value=1e-9, observed=20.0, expected=.4, window=1), some, DAY, 2.0, 5000, [], ["k0", "k1", "k2"])) == (["surge"], [])


def test_records_of_unknown_callers_are_callers_of_their_own_beside_claimants():
    """Two of nine: so few would be no alarm. Where nobody is known to write against many, unknown callers say nothing against a rise."""
    three = pl.concat([written("k0", 3, 3), written("k1", 2, 2), written("k2", 2, 2)]).with_columns(pl.lit(None, pl.String).alias("respondent_key"))
    nine = pl.concat([three, records(2, 0).with_columns(pl.lit(None, pl.String).alias("caller_key"), pl.concat_str(pl.lit("x-"), "record_id").alias("record_id"))])
    loud = cell(p_value=1e-9, observed=9.0, expected=.5, window=1)
    assert kinds(find_signals(loud, nine, DAY, 2.0, 5000, [], ["k0", "k1", "k2"])) == ([], [("surge", 5)])
    assert kinds(find_signals(loud, nine, DAY, 2.0, 5000, [])) == (["surge"], [])


def test_an_incident_that_only_claimants_let_grow_is_a_campaign_however_many_called_before():
    others = pl.concat([records(8, 5).with_columns(pl.lit(f"i{k}").alias("incident_id"), pl.concat_str(pl.lit(f"o{k}-"), "record_id").alias("record_id"),
                                                   pl.concat_str(pl.lit(f"o{k}-"), "caller_key").alias("caller_key")) for k in range(1, 20)])
    before = records(6, 8).filter(pl.col("local_date") < DAY - timedelta(days=7))
    burst = pl.concat([written(f"k{i}", 4, 4) for i in range(3)]).with_columns(pl.lit(None, pl.String).alias("respondent_key"))
    seen = pl.concat([others, pl.concat([before, burst]).with_columns(pl.lit("i0").alias("incident_id"))])
    told = lambda who: find_signals(cell(), seen, DAY, 1000.0, 50, [], who)
    assert told([]).signals["incident_id"].to_list() == ["i0"]
    assert told(["k0", "k1", "k2"]).signals.is_empty() and told(["k0", "k1", "k2"]).campaigns["incident_id"].to_list() == ["i0"]


def test_three_callers_of_their_own_among_many_claimants_are_judged_by_their_number():
    """Twelve records in a day let an incident grow; the three that are nobody's who writes against many would not."""
    others = pl.concat([records(8, 5).with_columns(pl.lit(f"i{k}").alias("incident_id"), pl.concat_str(pl.lit(f"o{k}-"), "record_id").alias("record_id"),
                                                   pl.concat_str(pl.lit(f"o{k}-"), "caller_key").alias("caller_key")) for k in range(1, 40)])
    burst = pl.concat([written(f"k{i}", 3, 3) for i in range(3)] + [records(3, 0)]).with_columns(pl.lit(None, pl.String).alias("respondent_key"), pl.lit("i0").alias("incident_id"))
    many = pl.concat([written(f"k{i}", 3, 3) for i in range(3)] + [records(9, 0)]).with_columns(pl.lit(None, pl.String).alias("respondent_key"), pl.lit("i0").alias("incident_id"))
    told = lambda mine: find_signals(cell(), pl.concat([others, mine]), DAY, 20.0, 50, [], ["k0", "k1", "k2"])
    assert told(burst).signals.is_empty() and told(burst).campaigns.select("incident_id", "own").rows() == [("i0", 3)]
    assert told(many).signals["incident_id"].to_list() == ["i0"]


def test_counted_by_caller_a_rise_of_reminders_is_judged_against_what_was_expected():
    twice = records(14, 0).with_columns(pl.concat_str(pl.lit("c"), pl.int_range(14) // 2).alias("caller_key"))
    told = lambda expected: kinds(find_signals(cell(p_value=1e-9, observed=14.0, expected=expected, window=1), twice, DAY, 2.0, 5000, []))
    assert told(2.0) == ([], [("surge", 7)])
    assert told(.1) == (["surge"], [])


def test_where_a_rule_counts_callers_claimants_are_not_among_them_and_the_warning_says_how_many_records_are_theirs(house):  # noqa: F811
    seen = rows(*((n, {"incident_id": "i1"}) for n in range(6))).with_columns(pl.lit(None, pl.String).alias("community"))
    tonight = Tonight(JUNE, at("2026-06-30 16:00"), "r", house.settings, (), lambda name: nullcontext(), 1)
    window = Window(house, seen.select("record_id", "title", "content"), PLACE, JUNE, tonight.as_of)
    told = lambda who: together(by_rules(seen.drop("title", "content"), window, PLACE, tonight, 1.0, inspections(house, JUNE, tonight.as_of), who))
    several = lambda who: told(who)[0].filter(pl.col("rule") == RULE_ID).height
    assert several(()) == 1 and several([f"c{n}" for n in range(4)]) == 0
    signals, members = told(())
    warning = tell(find_matters(signals, members, seen, pl.DataFrame()), seen, *empty(house), {}, PLACE, JUNE, tonight.as_of, "r", 60, claimants=["c0", "c1"]).warnings.row(0, named=True)
    assert "其中2件的来电人近期投诉举报多家商户" in warning["summary"]


def test_one_campaign_is_one_notice_for_its_place_and_a_street_alone_speaks_for_itself():
    cells = pl.DataFrame([("a", "coarse", "label", "C", None), ("b", "fine", "label", "C", "S1"), ("c", "incident", "label", "C", "S1"), ("d", "fine", "quality", "C", "S2")],
                         schema=["signal_id", "level", "problem_code", "coarse_place", "fine_place"], orient="row")
    assert without_its_parts(cells)["signal_id"].to_list() == ["a", "d"]
    assert without_its_parts(cells.filter(pl.col("level") != "coarse"))["signal_id"].to_list() == ["b", "c", "d"]
