"""What people decide of found problems holds at the next fit and all later ones, and is known from when it was said."""
import numpy as np
import polars as pl
import pytest

from models.problem_clusterer import ProblemClusterer
from models.problem_decisions import Decided, Split
from models.problem_succession import succeed
from tests.test_discovered_problems import DRONES, THEMES, home_of, texts


@pytest.fixture(scope="module")
def first():
    frame, truth = texts(60, 1)
    model = ProblemClusterer(random_state=0, n_problems=4).fit(frame)
    return model, {theme: home_of(model.labels_, truth, theme)[0] for theme in THEMES}


def refits(model, decided, seeds=(2, 3, 4), themes=THEMES):
    for seed in seeds:
        frame, truth = texts(60, seed, themes)
        model = ProblemClusterer(random_state=0, n_problems=4).fit(frame, previous=model, decided=decided)
        yield model, frame, truth


def test_two_problems_that_people_made_one_stay_one(first):
    model, home = first
    gone, into = home["流浪狗"], home["广场舞"]
    decided = Decided(merged={gone: into}, whole=frozenset({into}), names={into: "社区秩序"})
    told = []
    for fit, _, truth in refits(model, decided, themes=THEMES | DRONES):
        told.append(set(fit.lineage_.select("kind", "problem", "other").rows()))
        assert gone not in fit.names_ and fit.names_[into] == "社区秩序"
        assert home_of(fit.labels_, truth, "流浪狗")[0] == home_of(fit.labels_, truth, "广场舞")[0] == into
    assert ("merged", gone, into) in told[0] and not any(("merged", gone, into) in later for later in told[1:])


def test_a_part_that_people_took_out_by_its_words_stays_out_and_the_rest_stays_in(first):
    model, home = first
    old, new = home["共享单车"], model.next_number
    decided = Decided(splits=(Split(old, new, ("押金不退",)),), names={new: "单车押金"})
    for n, (fit, frame, _) in enumerate(refits(model, decided)):
        words = frame.select(pl.any_horizontal(pl.col("title", "content").str.contains("押金不退"))).to_series().to_numpy()
        inside = np.isin(fit.labels_, [old, new])
        assert (fit.labels_[inside & words] == new).all() and (fit.labels_[inside & ~words] == old).all() and (inside & words).sum() >= 5
        assert ({("born", new, old), ("split", old, new)} <= set(fit.lineage_.select("kind", "problem", "other").rows())) == (n == 0)
        assert fit.names_[new] == "单车押金" and old in fit.names_
        later, _ = texts(20, 9)
        told, has = fit.predict(later), later.select(pl.any_horizontal(pl.col("title", "content").str.contains("押金不退"))).to_series().to_numpy()
        assert not (has & (told == old)).any() and not (~has & (told == new)).any()


def test_a_pinned_problem_outlives_a_time_without_records_and_takes_them_in_again(first):
    model, home = first
    pinned = home["流浪狗"]
    decided = Decided(pinned=frozenset({pinned}), whole=frozenset({pinned}))
    others = {theme: said for theme, said in THEMES.items() if theme != "流浪狗"}
    for fit, _, _ in refits(model, decided, themes=others):
        assert fit.names_[pinned] == model.names_[pinned] and not (fit.labels_ == pinned).mean() > 0.1
        assert ("died", pinned) not in set(fit.lineage_.select("kind", "problem").rows())
    frame, truth = texts(60, 8)
    again = ProblemClusterer(random_state=0, n_problems=4).fit(frame, previous=fit, decided=decided)
    assert home_of(again.labels_, truth, "流浪狗")[0] == pinned and (truth[again.labels_ == pinned] == "流浪狗").mean() >= 0.9
    unpinned = ProblemClusterer(random_state=0, n_problems=4).fit(texts(60, 2, others)[0], previous=model)
    assert pinned not in unpinned.names_


def test_what_is_pinned_neither_parts_nor_joins():
    near = np.full((40, 40), 0.1)
    near[:20, :20] = near[20:, 20:] = 0.9
    np.fill_diagonal(near, 1)
    twins = np.repeat([2, 5, 6], (8, 12, 20))
    assert succeed(near, np.repeat([0, 1], 20), twins, 9).merged == {2: 5}
    for decided in (Decided(pinned=frozenset({2})), Decided(pinned=frozenset({5})), Decided(splits=(Split(5, 2, ("x",)),))):
        assert not succeed(near, np.repeat([0, 1], 20), twins, 9, decided).merged
    near[:12, 12:20] = near[12:20, :12] = 0.1
    one = np.repeat([3, 7], 20)
    groups = np.repeat([0, 1, 2], (12, 8, 20))
    assert succeed(near, groups, one, 9).parted == {9: 3}
    assert not succeed(near, groups, one, 9, Decided(whole=frozenset({3}))).parted
