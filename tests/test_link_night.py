"""A night's links are a function of what is open and what is new: what is kept of texts changes the cost alone."""
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.link import Links, link
from models.incident_texts import Texts
from models.incidents import IncidentLinker
from tests.test_linking import OTHER, PARKING, PLANT, background

T0 = datetime(2026, 5, 1, 9, tzinfo=UTC)


def records(*rows, first=0, **columns):
    """(title, content, caller, …) → records as a night has them, one an hour."""
    n = range(first, first + len(rows))
    out = pl.DataFrame({"record_id": [f"s:{k:03d}" for k in n], "row_hash": [f"h{k}" for k in n], "source_id": "s",
                        "title": [r[0] for r in rows], "content": [r[1] for r in rows], "caller_key": [r[2] for r in rows]})
    times = pl.Series("created_at", [T0 + timedelta(hours=k) for k in n], dtype=pl.Datetime("us", "UTC"))
    blank = ("respondent_name", "address_masked", "community", "fine_place", "problem_code", "incident_id")
    return out.with_columns(times, times.dt.date().alias("local_date"), *(pl.lit(None, pl.String).alias(c) for c in blank)).with_columns(
        pl.lit(v).alias(k) for k, v in columns.items())


OPEN = records(*[(PLANT[0], PLANT[1] + f"，第{k}次反映", f"p{k}") for k in range(4)], *[(*PARKING, f"q{k}") for k in range(3)],
               ("", "Sewer Backup", None), *background(80))
NEW = records((PLANT[0], PLANT[1] + "，今晚又开工", "z1"), (*PARKING, "z2"), (*OTHER, "z3"), (*OTHER, "z4"), ("", "Sewer Backup", None), first=200)
ASKED: list[str] = []


def texts(ids):
    ASKED.extend(ids.to_list())
    return OPEN.filter(pl.col("record_id").is_in(ids.implode())).select("record_id", "title", "content")


@pytest.fixture(scope="module")
def first():
    """The first night: its links, and the records with them."""
    links = link(OPEN, OPEN.clear(), texts)
    open_ = OPEN.with_columns(pl.col("record_id").replace_strict(dict(links.records.iter_rows()), default=None, return_dtype=pl.String).alias("incident_id"))
    return links, open_.drop("title", "content")


def answer(links):
    return links.records.rows(), links.merged.rows()


def test_a_night_finds_what_is_open_by_what_was_kept_of_it_and_asks_for_no_text(first):
    links, open_ = first
    ASKED.clear()
    found = link(NEW, open_, texts, links.texts.lazy())
    incident = dict(open_.select("record_id", "incident_id").iter_rows())
    now = dict(found.records.iter_rows())
    assert ASKED == []
    assert now["s:200"] == incident["s:000"] and now["s:201"] == incident["s:004"]
    assert now["s:202"] == now["s:203"] not in incident.values() and "s:204" not in now
    assert found.texts["record_id"].to_list() == NEW["record_id"].to_list()


@pytest.mark.parametrize("most", [2, 100])
@pytest.mark.parametrize("by_address", [(), ("s",)])
def test_names_of_what_is_open_may_be_categories_and_what_is_told_of_it_is_strings(first, by_address, most, monkeypatch):
    monkeypatch.setattr("flows.link.MOST", most)
    links, open_ = first
    placed = {"fine_place": pl.lit("玉桥街道"), "community": pl.when(pl.col("caller_key").str.starts_with("q") | (pl.col("caller_key") == "z2")).then(pl.lit("惠兰美居"))}
    open_, new = open_.with_columns(**placed, problem_code=pl.lit("noise")), NEW.with_columns(**placed, problem_code=pl.lit("noise"))
    categories = open_.with_columns(pl.col("source_id", "community", "fine_place", "problem_code").cast(pl.Categorical))
    some = links.texts[:40].lazy()
    as_strings, as_categories = (link(new, x, texts, some, by_address) for x in (open_, categories))
    assert answer(as_strings) == answer(as_categories) and as_strings.records.height > 2
    assert as_strings.texts.equals(as_categories.texts) and as_categories.texts.schema["source_id"] == pl.String


@settings(max_examples=12)
@given(st.permutations(range(len(OPEN))), st.integers(0, len(OPEN)), st.permutations(range(len(NEW))))
def test_kept_partly_kept_and_read_anew_give_the_same_links(first, order, n, new_order):
    links, open_ = first
    whole = answer(link(NEW, open_, texts))
    kept = pl.concat([links.texts.with_columns(row_hash=pl.lit("an earlier revision")), links.texts[list(order)[:n]]])
    ASKED.clear()
    found = link(NEW[list(new_order)], open_[list(order)], texts, kept.lazy())
    assert answer(found) == whole and len(ASKED) == len(OPEN) - n
    assert set(found.texts["record_id"]) == {*ASKED, *NEW["record_id"]}


def test_nights_one_after_another_link_as_records_read_anew_do(first):
    rows = pl.concat([OPEN, NEW])
    known = IncidentLinker().fit_predict(OPEN)
    linker = IncidentLinker().resume(OPEN, known)
    a = linker.partial_fit(NEW[:3]).labels_.tolist()
    joined = known.copy()
    joined[linker.joined_["row"].to_numpy()] = linker.joined_["label"].to_numpy()
    again = IncidentLinker().resume(rows[:len(OPEN) + 3], [*joined.tolist(), *a])
    assert linker.partial_fit(NEW[3:]).labels_.tolist() == again.partial_fit(NEW[3:]).labels_.tolist()


def test_what_is_kept_of_texts_comes_back_from_a_frame():
    made = Texts.read(pl.Series(["", None, "反映A市某店"]), pl.Series([None, "望湖家园东门的搅拌站昼夜生产 abc 12", "x" * 3000]))
    back = Texts.of_frame(made.frame())
    for name in ("key", "length", "district", "words", "start", "entries"):
        assert getattr(back, name).tolist() == getattr(made, name).tolist(), name
    assert made.words[0] == 0 and made.length[2] == 800


def test_a_partition_is_a_local_day_and_none_is_kept_of_days_before_the_window(first):
    links, _ = first
    days = {w.partition for w in links.writes(date(2026, 5, 2))}
    assert "2026-05-02" in days and "2026-05-01" not in days and Links().writes(date(2026, 5, 1)) == []


def test_a_history_is_linked_part_by_part_like_nights(monkeypatch):
    from flows import link as linking
    whole = pl.concat([OPEN, NEW])
    monkeypatch.setattr(linking, "MOST", 25)
    found = link(whole, whole.clear().drop("title", "content"), texts)
    now = dict(found.records.iter_rows())
    assert len({now[f"s:{k:03d}"] for k in (0, 1, 2, 3)} | {now["s:200"]}) == 1 and len({now[f"s:{k:03d}"] for k in (4, 5, 6)} | {now["s:201"]}) == 1
    assert now["s:202"] == now["s:203"] not in (now["s:000"], now["s:004"]) and "s:007" not in now
    assert sorted(found.texts["record_id"].to_list()) == sorted(whole["record_id"].to_list())
    again = link(whole.sample(fraction=1, shuffle=True, seed=3), whole.clear().drop("title", "content"), texts)
    assert again.records.equals(found.records)
