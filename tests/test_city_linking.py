"""The demo city's records are linked as somebody would who knows the city: the planted matters, and what the stream brings again about one shop and problem."""
from datetime import UTC, date, datetime

import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score

from flows.classify import known_problems
from flows.demo import City
from flows.intake import Delivery, take_in
from flows.link import link
from flows.places import places_of
from flows.problem_decisions import NOTHING_KNOWN
from flows.running import House
from flows.window import with_told_respondents
from tests.engines import ready_house
from transforms.entities import told_respondents

SOURCE = "market_supervision"


def bcubed(truth: pl.Series, found: pl.Series) -> float:
    """B-cubed F1 (Bagga and Baldwin 1998) over all records; null: alone."""
    frame = pl.DataFrame({"t": truth, "p": found}).with_row_index("n").with_columns(pl.coalesce(c, pl.concat_str(pl.lit("alone"), "n")).alias(c) for c in ("t", "p"))
    both, t, p = (pl.len().over(by) for by in (["t", "p"], "t", "p"))
    precision, recall = frame.select((both / p).mean().alias("precision"), (both / t).mean().alias("recall")).row(0)
    return 2 * precision * recall / (precision + recall)


def no_texts(ids):
    return pl.DataFrame(schema={"record_id": pl.String, "title": pl.String, "content": pl.String})


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Two weeks of the city as a night has them, with their truth: `matter`, `planted`, `type_code`."""
    folder = tmp_path_factory.mktemp("city")
    city = City(start=date(2026, 6, 15), months=1, dirt=False, folder=folder)
    house = House.open(ready_house("sqlite", folder / "weisu"))
    files = city.history(date(2026, 6, 28))
    landed = [house.warehouse.landing.land(f, SOURCE, received_at=datetime(2026, 7, 1, tzinfo=UTC)) for f in files]
    sound = take_in(house.mappings[SOURCE], Delivery(SOURCE, tuple(files)), landed, b"test").sound
    (place,) = places_of(house.mappings, [SOURCE])
    rows = known_problems(place.with_places(sound), place, NOTHING_KNOWN).with_columns(pl.lit(None, pl.String).alias("incident_id"))
    house.warehouse.close()
    truth = city.truth.records.select("source_record_id", "matter", pl.col("incident_id").alias("planted"), "type_code")
    return with_told_respondents(rows, rows.clear()).join(truth, on="source_record_id", how="left")


@pytest.fixture(scope="module")
def linked(records):
    """The records with their incidents, all linked at once."""
    links = link(records, records.clear().drop("title", "content"), no_texts)
    return records.drop("incident_id").join(links.records, on="record_id", how="left")


def test_matters_of_the_city_are_found(linked):
    assert linked.height > 3000 and 0.35 < linked["matter"].is_not_null().mean() < 0.6
    assert bcubed(linked["matter"], linked["incident_id"]) >= 0.95


def test_templates_and_streets_alone_link_nobody(linked):
    """Records that name no respondent are alike by their words; what is said of them is theirs alone."""
    nameless = linked.filter(pl.col("respondent_name").is_null() & pl.col("matter").is_null())
    assert nameless.height > 300 and nameless["incident_id"].is_null().mean() > 0.95


def test_copies_of_many_neighbours_are_one_incident(linked):
    mine = linked.filter(pl.col("planted") == "N2")
    assert mine["incident_id"].drop_nulls().value_counts()["count"].max() >= 0.9 * mine.height > 60


def test_another_problem_of_the_same_respondent_is_another_incident(linked):
    """Those of the largest respondents, whose records are of several problems."""
    told = linked.filter(pl.col("incident_id").is_not_null() & pl.col("respondent_name").is_not_null())
    mixed = told.group_by("incident_id").agg(pl.len(), (pl.col("type_code") == pl.col("type_code").mode().sort().first()).mean().alias("of_one"))
    assert mixed.filter(pl.col("len") >= 8).height >= 5 and mixed.filter(pl.col("len") >= 8)["of_one"].mean() > 0.9


def test_night_by_night_comes_out_as_at_once_and_every_id_leads_on(records, linked):
    """Nights after a first load of eight days: the same incidents as one load of everything, and what was merged is told."""
    open_, kept, ever, into = records.clear(), [], set(), {}
    days = [records["local_date"] <= date(2026, 6, 22), *(records["local_date"] == day for day in pl.date_range(date(2026, 6, 23), date(2026, 6, 28), eager=True))]
    texts = records.select("record_id", "title", "content")
    for mine in days:
        new = records.filter(mine)
        links = link(new, open_.drop("title", "content"), lambda ids: texts.filter(pl.col("record_id").is_in(ids.implode())), pl.concat(kept).lazy() if kept else None)
        kept.append(links.texts)
        into |= dict(links.merged.iter_rows())
        now = pl.col("record_id").replace_strict(dict(links.records.iter_rows()), default=None, return_dtype=pl.String)
        open_ = pl.concat([open_, new]).with_columns(pl.coalesce(now, pl.col("incident_id").replace(dict(links.merged.iter_rows()))).alias("incident_id"))
        ever |= set(open_["incident_id"].drop_nulls())
    ended = dict(open_.select("record_id", "incident_id").iter_rows())
    once = linked.select(pl.coalesce("incident_id", "record_id"))["incident_id"].to_list()
    nightly = [ended[r] or r for r in linked["record_id"]]
    assert adjusted_rand_score(once, nightly) >= 0.95
    assert bcubed(linked["matter"], pl.Series([ended[r] for r in linked["record_id"]], dtype=pl.String)) >= 0.945
    living = set(open_["incident_id"].drop_nulls())
    for gone in ever - living:
        while gone in into:
            gone = into[gone]
        assert gone in living


def test_a_respondent_is_read_from_the_title_where_it_names_one_that_is_known():
    known = pl.Series(["悦栖瑜伽馆", "福汇家政", "阿福", None])
    titles = pl.Series(["反映悦栖瑜伽馆退费难", "福汇家政和悦栖瑜伽馆都不退", None, "楼下一家店", "阿福不退钱"])
    contents = pl.Series(["", "福汇家政", "来电人在 福汇家政 预付", "说不清", ""])
    assert told_respondents(titles, contents, known).to_list() == ["悦栖瑜伽馆", None, "福汇家政", None, None]
    assert told_respondents(titles, contents, pl.Series([], dtype=pl.String)).null_count() == 5
