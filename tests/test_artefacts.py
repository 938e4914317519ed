"""What only the intake did is a notice, not a risk: new sources and categories, renames, catch-ups, newsletters; and what looks like one but is real is told."""
from datetime import date, timedelta

import numpy as np
import polars as pl

from flows.artefacts import ARTEFACT, NEW_DAYS, artefact_lines, new_sources, without_artefacts
from flows.cells import COUNTED_DAYS
from flows.detect import cells_tonight, find_signals, with_observed
from flows.places import places_of
from policy.newsletters import is_newsletter
from sources.mapping import load_mappings
from transforms.counts import a_day

DAY = date(2026, 6, 17)
PLACE = places_of(load_mappings(), ["nyc_311"])[0]
S = "nyc_311"
RNG = np.random.default_rng(8)


def counts(cells, days=400, source=S):
    """{(problem, street): mean a day, or a function of the day's number, 0 today} → counts as a night knows them."""
    rows = []
    for (problem, street), mean in cells.items():
        for ago in range(days):
            n = int(mean(ago)) if callable(mean) else int(RNG.poisson(mean))
            if n:
                rows.append({"source_id": source, "problem_code": problem, "fine_place": street, "coarse_place": "Queens", "date": DAY - timedelta(days=ago), "n": n})
    return pl.DataFrame(rows, schema_overrides={"n": pl.Int64})


def usual(*problems, mean=3.0):
    return {(p, s): mean for p in problems for s in ("Flushing", "Astoria", "Jamaica")}


def records(told):
    """A record of its own caller for each that was counted in the last sixty days."""
    near = told.filter(pl.col("date") > DAY - timedelta(days=60))
    return near.select(pl.all().repeat_by("n").explode()).with_row_index().select(
        pl.concat_str(pl.lit("r"), "index").alias("record_id"), "source_id", pl.col("date").alias("local_date"), "problem_code", pl.col("problem_code").alias("problem_name"),
        "fine_place", "coarse_place", pl.lit(None, pl.String).alias("respondent_key"), pl.lit(None, pl.String).alias("incident_id"),
        pl.concat_str(pl.lit("c"), "index").alias("caller_key"), pl.lit("complaint").alias("record_type"))


def tonight(told, content="the street light is out again", quiet=()):
    """(kinds and problems that are signals, artefacts) of a night with these counts."""
    seen = records(told)
    found = find_signals(cells_tonight(told, PLACE, DAY, pl.DataFrame(schema={"problem_code": pl.String, "fine_place": pl.String, "coarse_place": pl.String})), seen, DAY, 50.0, 5000, quiet)
    texts = lambda ids: pl.DataFrame({"record_id": ids}).with_columns(pl.lit("").alias("title"), pl.lit(content).alias("content"))
    kept, artefacts = without_artefacts(found, told.filter(pl.col("date") > DAY - timedelta(days=COUNTED_DAYS)), a_day(told, "source_id", "problem_code"), seen, texts, DAY, "none", [S])
    assert set(kept.members["signal_id"]) == set(kept.signals["signal_id"])
    return found.signals, kept.signals, artefacts


def test_a_new_category_is_one_notice_that_names_what_ended_and_no_surge():
    since = 20
    told = counts({**usual(f"{S}:Noise", f"{S}:Sewer"), **{(f"{S}:Old name", s): (lambda ago: 3 if ago > since else 0) for s in ("Flushing", "Astoria", "Jamaica")},
                   **{(f"{S}:New name", s): (lambda ago: 6 if ago <= since else 0) for s in ("Flushing", "Astoria", "Jamaica")}})
    before, after, artefacts = tonight(told)
    assert f"{S}:New name" in before["problem_code"].to_list() and f"{S}:New name" not in after["problem_code"].to_list()
    lines = artefact_lines(artefacts, PLACE)
    assert [(x["kind"], x["problem_code"], x["other"], x["since"], x["n_records"]) for x in lines] == [
        ("new_category", f"{S}:New name", "Old name", DAY - timedelta(days=since), 6 * 3 * (since + 1))]
    assert "New name" in lines[0]["summary"] and "Old name has all but ended" in lines[0]["summary"]


def test_a_category_that_was_there_two_years_ago_is_no_new_one():
    streets = ("Flushing", "Astoria", "Jamaica")
    back = lambda long_ago: {(f"{S}:Flood", s): (lambda ago: 6 if ago < 5 or long_ago < ago < long_ago + 90 else 0) for s in streets}
    told = lambda cells: tonight(counts({**usual(f"{S}:Noise", f"{S}:Sewer"), **cells}, days=900))
    _, after, artefacts = told(back(700))
    assert f"{S}:Flood" in after["problem_code"].to_list() and artefacts.is_empty()
    _, after, artefacts = told(back(900))
    assert f"{S}:Flood" not in after["problem_code"].to_list() and artefacts["kind"].unique().to_list() == ["new_category"]


def test_a_rise_beside_the_end_of_another_category_is_a_rename_and_one_beside_nothing_is_a_surge():
    streets = ("Flushing", "Astoria", "Jamaica")
    risen = {(f"{S}:Sewer", s): (lambda ago: 6 if ago < 5 else 1) for s in streets}
    ended = {(f"{S}:Drain", s): (lambda ago: 0 if ago < 7 else 6) for s in streets}
    before, after, artefacts = tonight(counts({**usual(f"{S}:Noise"), **risen, **ended}))
    assert before.height and after.filter(pl.col("problem_code") == f"{S}:Sewer").is_empty()
    assert set(artefacts["kind"]) == {"renamed"} and set(artefacts["other"]) == {"Drain"}
    before, after, artefacts = tonight(counts({**usual(f"{S}:Noise"), **risen, **dict.fromkeys(ended, 6.0)}))
    assert after.filter(pl.col("problem_code") == f"{S}:Sewer").height and artefacts.is_empty()


def test_what_was_lost_in_an_outage_and_comes_on_one_day_is_a_catch_up_and_what_comes_on_top_is_not():
    flat = lambda ago: {0: 12, 1: 0, 2: 0, 3: 4}.get(ago, 4)
    cells = {(f"{S}:{p}", s): flat for p in ("Noise", "Sewer") for s in ("Flushing", "Astoria", "Jamaica")}
    before, after, artefacts = tonight(counts(cells))
    assert before.height and after.is_empty() and set(artefacts["kind"]) == {"catch_up"} and artefacts["since"].unique().to_list() == [DAY - timedelta(days=2)]
    more = {**cells, (f"{S}:Sewer", "Flushing"): lambda ago: 60 if ago == 0 else flat(ago)}
    before, after, artefacts = tonight(counts(more))
    assert after.select("problem_code", "fine_place").unique().filter(pl.col("fine_place").is_not_null()).rows() == [(f"{S}:Sewer", "Flushing")]


def test_days_on_which_everything_brings_more_are_a_notice_and_what_stands_out_by_its_share_is_told():
    media = lambda mean, times: lambda ago: RNG.poisson(mean * (times if ago < 3 else 1))
    cells = {(f"{S}:p{k}", s): media(.6, 1.9) for k in range(16) for s in ("Flushing", "Astoria", "Jamaica")}
    before, after, artefacts = tonight(counts({**cells, (f"{S}:p0", "Flushing"): media(5, 1.9)}))
    assert before.height and after.is_empty() and set(artefacts["kind"]) == {"common_rise"}
    assert artefacts["since"].unique().to_list() == [DAY - timedelta(days=2)]
    before, after, artefacts = tonight(counts({**cells, (f"{S}:p0", "Flushing"): media(5, 6)}))
    assert after.filter((pl.col("problem_code") == f"{S}:p0") & (pl.col("fine_place") == "Flushing")).height == 1
    # One problem that is ten times its usual is no common rise.
    alone = {cell: media(.6, 10 if cell[0] == f"{S}:p1" else 1) for cell in cells}
    assert tonight(counts({**alone, (f"{S}:p0", "Flushing"): media(5, 3)}))[2].is_empty()


def test_a_rise_of_newsletters_is_a_notice():
    told = counts({**usual(f"{S}:Noise"), (f"{S}:Sewer", "Flushing"): lambda ago: 12 if ago == 0 else 1})
    before, after, artefacts = tonight(told, "In this issue: spring sale. To unsubscribe click here")
    assert before.height and after.is_empty() and set(artefacts["kind"]) == {"newsletter"}
    assert not tonight(told, "please unsubscribe me, the pipe in my street burst")[2].height


def test_marks_of_a_newsletter_are_counted_in_both_languages():
    texts = pl.Series(["【社区简报】第12期 本期导读 扫码关注", "反映第三期房屋漏水，物业不处理", None, "View in browser · You are receiving this email because"])
    assert is_newsletter(pl.Series([None] * 4, dtype=pl.String), texts).to_list() == [True, False, False, True]


def test_a_source_that_joins_is_told_once_and_is_tested_after_eight_weeks():
    old, young = counts(usual("price.unmarked")), counts(usual("price.unmarked", mean=9.0), days=30, source="second")
    both = pl.concat([old, young])
    fresh = new_sources(both, DAY)
    assert fresh.schema == ARTEFACT and fresh.select("kind", "source_id").rows() == [("new_source", "second")]
    assert fresh["n_records"][0] == young["n"].sum()
    assert new_sources(pl.concat([old, counts(usual("price.unmarked"), days=NEW_DAYS + 5, source="second")]), DAY).is_empty()
    assert new_sources(young, DAY).is_empty()                              # alone at its beginning: there is nothing that it could lift
    none = pl.DataFrame(schema={"problem_code": pl.String, "fine_place": pl.String, "coarse_place": pl.String})
    cells = cells_tonight(old, PLACE, DAY, none)
    more = with_observed(cells, young.filter(pl.col("date") == DAY))
    assert more.drop("observed_day").equals(cells.drop("observed_day"))
    today = both.filter((pl.col("date") == DAY) & (pl.col("fine_place") == "Flushing"))["n"].sum()
    assert more.filter(pl.col("fine_place") == "Flushing")["observed_day"][0] == today
    assert more.filter(pl.col("level") == "coarse")["observed_day"][0] == both.filter(pl.col("date") == DAY)["n"].sum()
