"""One cause is told once, as large as it is; and tomorrow it is still the same."""
from datetime import date

import polars as pl

from transforms.identity import identify
from transforms.matters import MEMBER, SIGNAL, find_matters

STREETS_NONE = pl.DataFrame(schema={"problem_code": pl.String, "coarse_place": pl.String, "fine_place": pl.String, "excess": pl.Float64})


def signals(*given):
    base = {"kind": "surge", "level": "fine", "problem_code": "p", "fine_place": "S1", "coarse_place": "C", "observed": 10.0, "expected": 1.0, "p_value": 1e-6, "window": 2}
    return pl.DataFrame([{**base, **g} for g in given], schema=SIGNAL)


def members(**given):
    return pl.DataFrame([(s, r) for s, ids in given.items() for r in ids], schema=MEMBER, orient="row")


def records(ids, **columns):
    base = {"problem_code": "p", "fine_place": "S1", "coarse_place": "C", "respondent_key": None, "incident_id": None}
    return pl.DataFrame([{"record_id": r, **base, **{c: v(r) for c, v in columns.items()}} for r in ids],
                        schema={"record_id": pl.String, **dict.fromkeys(base, pl.String)})


def only(found):
    assert found.matters.height == 1
    return found.matters.row(0, named=True)


IDS = [f"r{n:02d}" for n in range(10)]


def test_a_rise_that_one_incident_explains_is_the_incidents():
    found = find_matters(signals({"signal_id": "a"}), members(a=IDS), records(IDS, incident_id=lambda r: "i1" if r < "r07" else None), STREETS_NONE)
    matter = only(found)
    assert (matter["kind"], matter["subject"], matter["incident_id"]) == ("incident", "incident", "i1")
    assert found.records["record_id"].to_list() == IDS[:7]


def test_a_rise_of_one_respondent_over_several_incidents_is_the_respondents():
    found = find_matters(signals({"signal_id": "a"}), members(a=IDS),
                         records(IDS, incident_id=lambda r: "i1" if r < "r04" else "i2", respondent_key=lambda r: "gym" if r < "r08" else None), STREETS_NONE)
    matter = only(found)
    assert (matter["subject"], matter["respondent_key"]) == ("respondent", "gym")


def test_what_a_respondent_had_long_before_is_not_its_rise():
    """Planted: a chain is complained of for expired food all year (twenty records); tonight eight about prices and two about food are its rise."""
    food = [f"f{n:02d}" for n in range(20)]
    found = find_matters(signals({"signal_id": "respondent:chain", "level": "respondent", "respondent_key": "chain"}), members(**{"respondent:chain": [*IDS[:8], *food[-2:]]}),
                         records([*IDS[:9], *food], incident_id=lambda r: "food" if r[0] == "f" else "price", respondent_key=lambda r: "chain"), STREETS_NONE)
    assert (only(found)["subject"], only(found)["incidents"]) == ("respondent", ["price"])
    assert found.records["record_id"].to_list() == [*food[-2:], *IDS[:9]]


def test_streets_that_rise_together_are_one_warning_of_the_whole_place():
    found = find_matters(signals({"signal_id": "a"}, {"signal_id": "b", "fine_place": "S2"}), members(a=IDS[:5], b=IDS[5:]),
                         records(IDS, fine_place=lambda r: "S1" if r < "r05" else "S2"), STREETS_NONE)
    matter = only(found)
    assert (matter["subject"], matter["fine_place"], matter["streets"], matter["observed"]) == ("coarse", None, ["S1", "S2"], 20.0)


def test_a_whole_place_that_rises_because_of_one_street_is_that_streets():
    pair = signals({"signal_id": "a"}, {"signal_id": "c", "level": "coarse", "fine_place": None, "observed": 13.0, "expected": 2.0})
    streets = pl.DataFrame([("p", "C", "S1", 9.0), ("p", "C", "S2", 1.0)], schema=STREETS_NONE.schema, orient="row")
    found = find_matters(pair, members(a=IDS[:8], c=IDS), records(IDS, fine_place=lambda r: "S1" if r < "r08" else "S2"), streets)
    assert (only(found)["subject"], only(found)["fine_place"]) == ("fine", "S1")


def test_two_problems_of_one_shock_are_one_matter_and_of_two_causes_are_two():
    both = signals({"signal_id": "a", "level": "coarse", "fine_place": None, "problem_code": "sewer", "observed": 60.0},
                   {"signal_id": "b", "level": "coarse", "fine_place": None, "problem_code": "leak", "observed": 30.0})
    ids = [f"r{n}" for n in range(20)]
    rec = records(ids, problem_code=lambda r: "sewer" if int(r[1:]) < 10 else "leak")
    mem = members(a=ids[:10], b=ids[10:])
    same = [("sewer", "C", f"S{n}", 10.0 - n) for n in range(6)] + [("leak", "C", f"S{n}", 5.0 - n / 2) for n in range(6)]
    one = find_matters(both, mem, rec, pl.DataFrame(same, schema=STREETS_NONE.schema, orient="row"))
    assert only(one)["problems"] == ["sewer", "leak"] and only(one)["observed"] == 90.0
    other = [("sewer", "C", f"S{n}", 10.0 - n) for n in range(6)] + [("leak", "C", f"S{n}", 1.0 + n) for n in range(6)]
    assert find_matters(both, mem, rec, pl.DataFrame(other, schema=STREETS_NONE.schema, orient="row")).matters.height == 2


def test_a_sentinel_inside_a_growing_incident_is_no_second_warning_and_alone_is_one():
    pair = signals({"signal_id": "i", "kind": "incident", "level": "incident", "incident_id": "i1"},
                   {"signal_id": "s", "kind": "sentinel", "level": "record", "incident_id": "i1", "observed": 1.0, "expected": None, "p_value": None, "rule": "gas"})
    rec = records(IDS, incident_id=lambda r: "i1")
    matter = only(find_matters(pair, members(i=IDS, s=IDS[:1]), rec, STREETS_NONE))
    assert (matter["kind"], matter["rule"]) == ("incident", "gas")
    alone = only(find_matters(pair[1:], members(s=IDS[:1]), records(IDS[:1]), STREETS_NONE))
    assert (alone["kind"], alone["subject"]) == ("sentinel", "record")


def test_a_danger_heard_in_one_of_many_records_about_something_else_is_a_matter_of_its_own_today_and_tomorrow():
    land = {"signal_id": "i", "kind": "cluster", "level": "incident", "incident_id": "i1", "problem_code": "demolition.rural_land", "rule": "several_callers", "p_value": None, "expected": None}
    ill = {"signal_id": "s", "kind": "sentinel", "level": "record", "incident_id": "i1", "problem_code": "food.poisoning", "observed": 1.0, "expected": None, "p_value": None, "rule": "food"}
    rec = records(IDS, incident_id=lambda r: "i1", problem_code=lambda r: "demolition.rural_land")
    found = find_matters(signals(land, ill), members(i=IDS, s=IDS[:1]), rec, STREETS_NONE)
    assert found.matters.select("kind", "problem_code").rows() == [("cluster", "demolition.rural_land"), ("sentinel", "food.poisoning")]
    assert found.records.filter(pl.col("matter") == 1)["record_id"].to_list() == ["r00"]
    # Tomorrow each is its own warning again: one record or incident in common does not make them one.
    had = warnings({"warning_id": "land", "subject": "incident", "problem_code": "demolition.rural_land", "incidents": ["i1"]},
                   {"warning_id": "ill", "subject": "record", "problem_code": "food.poisoning", "incidents": ["i1"]})
    again = identify(found.matters, found.records, had, evidence(land=IDS, ill=IDS[:1]), date(2026, 5, 2))
    assert again.known.rows() == [(0, "land"), (1, "ill")] and again.merged.is_empty()
    # Where most of the records tell of the danger, or they are about the same group of problems, it is one matter.
    most = [{**ill, "signal_id": f"s{n}"} for n in range(5)]
    assert only(find_matters(signals(land, *most), members(i=IDS, **{f"s{n}": [IDS[n]] for n in range(5)}), rec, STREETS_NONE))["kind"] == "sentinel"
    kin = {**land, "problem_code": "food.canteen"}
    assert only(find_matters(signals(kin, ill), members(i=IDS, s=IDS[:1]), rec, STREETS_NONE))["rule"] == "food"


def test_signals_that_share_nothing_stay_apart():
    found = find_matters(signals({"signal_id": "a"}, {"signal_id": "b", "problem_code": "q", "fine_place": "S2"}), members(a=IDS[:5], b=IDS[5:]),
                         records(IDS, problem_code=lambda r: "p" if r < "r05" else "q"), STREETS_NONE)
    assert found.matters.height == 2


WARNING = {"warning_id": pl.String, "raised_on": pl.Date, "updated_on": pl.Date, "status": pl.String, "subject": pl.String, "problem_code": pl.String,
           "fine_place": pl.String, "coarse_place": pl.String, "respondent_key": pl.String, "incidents": pl.List(pl.String), "series_id": pl.String, "closed_on": pl.Date}


def warnings(*given):
    base = {"raised_on": date(2026, 5, 1), "updated_on": date(2026, 5, 1), "status": "new", "subject": "fine", "problem_code": "p", "fine_place": "S1",
            "coarse_place": "C", "incidents": []}
    return pl.DataFrame([{**base, **g} for g in given], schema=WARNING)


def evidence(**given):
    return pl.DataFrame([(w, r) for w, ids in given.items() for r in ids], schema={"warning_id": pl.String, "record_id": pl.String}, orient="row")


def matter_of(ids=IDS, **more):
    found = find_matters(signals({"signal_id": "a", **more}), members(a=list(ids)), records(list(ids)), STREETS_NONE)
    return found.matters, found.records


def test_the_same_matter_tomorrow_is_the_same_warning_by_its_records_or_its_cell():
    matters, behind = matter_of()
    by_records = identify(matters, behind, warnings({"warning_id": "w", "problem_code": "other"}), evidence(w=IDS[:6]), date(2026, 5, 2))
    by_cell = identify(matters, behind, warnings({"warning_id": "w"}), evidence(w=["z"]), date(2026, 5, 2))
    assert by_records.known.rows() == by_cell.known.rows() == [(0, "w")]


def test_a_cell_that_was_quiet_for_long_is_a_new_matter_and_so_is_one_closed_long_ago():
    matters, behind = matter_of()
    assert identify(matters, behind, warnings({"warning_id": "w"}), evidence(w=["z"]), date(2026, 7, 1)).known.is_empty()
    closed = warnings({"warning_id": "w", "status": "closed", "closed_on": date(2026, 5, 3)})
    assert identify(matters, behind, closed, evidence(w=IDS), date(2026, 5, 20)).known.height == 1
    assert identify(matters, behind, closed, evidence(w=IDS), date(2026, 9, 1)).known.is_empty()


def test_two_open_warnings_that_prove_to_be_one_matter_are_merged_into_the_one_raised_first():
    matters, behind = matter_of()
    two = warnings({"warning_id": "late", "raised_on": date(2026, 5, 3)}, {"warning_id": "early"})
    found = identify(matters, behind, two, evidence(late=IDS[:6], early=IDS[3:]), date(2026, 5, 4))
    assert found.known.rows() == [(0, "early")] and found.merged.rows() == [("late", "early")]


def test_two_incidents_that_explain_one_rise_and_share_no_record_are_two_matters_and_small_ones_stay_with_the_first():
    ids = [f"r{n:02d}" for n in range(40)]
    rise = signals({"signal_id": "c", "level": "coarse", "fine_place": None, "observed": 41.0}, {"signal_id": "i1", "kind": "incident", "level": "incident", "incident_id": "i1"},
                   {"signal_id": "i2", "kind": "incident", "level": "incident", "incident_id": "i2"}, {"signal_id": "i3", "kind": "incident", "level": "incident", "incident_id": "i3"})
    of = lambda r: "i1" if r < "r22" else "i2" if r < "r36" else "i3"
    found = find_matters(rise, members(c=ids, i1=ids[:22], i2=ids[22:36], i3=ids[36:]), records(ids, incident_id=of), STREETS_NONE)
    assert found.matters.select("incident_id", "incidents").rows() == [("i1", ["i1", "i3"]), ("i2", ["i2"])]
    assert found.records.group_by("matter").len().sort("matter")["len"].to_list() == [26, 14]
    # A rise that nothing explains is the place's, however many incidents it has.
    even = find_matters(rise, members(c=ids, i1=ids[:14], i2=ids[14:28], i3=ids[28:]), records(ids, incident_id=lambda r: "i1" if r < "r14" else "i2" if r < "r28" else "i3"), STREETS_NONE)
    assert only(even)["subject"] == "coarse"


def test_a_matter_of_several_callers_says_how_many_came_in_its_days_and_stands_on_all_its_records():
    found = find_matters(signals({"signal_id": "a", "kind": "cluster", "level": "incident", "incident_id": "i1", "rule": "several", "observed": 4.0, "expected": None,
                                  "p_value": None, "window": 7}), members(a=IDS), records(IDS, incident_id=lambda r: "i1"), STREETS_NONE)
    assert (only(found)["observed"], only(found)["window"], found.records.height) == (4.0, 7, 10)


def test_a_slow_rise_stands_beside_what_a_rule_says_and_behind_a_surge():
    slow = {"signal_id": "slow:a", "kind": "slow_rise", "window": 84, "observed": 10.0}
    rule = {"signal_id": "sentinel:r01", "kind": "sentinel", "level": "record", "p_value": None, "rule": "lift", "window": 1}
    apart = find_matters(signals(slow, rule), members(**{"slow:a": IDS, "sentinel:r01": IDS[1:2]}), records(IDS), STREETS_NONE).matters
    assert sorted(apart.select("kind", "subject", "fine_place").rows()) == [("sentinel", "record", "S1"), ("slow_rise", "fine", "S1")]
    behind = find_matters(signals(slow, {"signal_id": "a"}), members(**{"slow:a": IDS, "a": IDS[:6]}), records(IDS), STREETS_NONE)
    assert (only(behind)["kind"], only(behind)["window"], only(behind)["signals"]) == ("surge", 2, ["a", "slow:a"])


def test_inquiries_about_one_respondent_are_the_respondents_matter():
    asked = {"signal_id": "respondent:gym", "kind": "inquiry_rise", "level": "respondent", "respondent_key": "gym", "observed": 10.0}
    found = find_matters(signals(asked), members(**{"respondent:gym": IDS}), records(IDS, respondent_key=lambda r: "gym"), STREETS_NONE)
    assert (only(found)["kind"], only(found)["subject"], only(found)["respondent_key"]) == ("inquiry_rise", "respondent", "gym")
