"""The rules as fast as one scan, and exactly what a slow reading of them says; the learned part fills what they leave."""
import pickle
import re
import unicodedata
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from models.linear_text import _calibrated
from models.pattern_scan import PatternScan, literal_of, needed_words
from models.problems import TaxonomyClassifier
from policy import taxonomy

RULES = tuple(taxonomy.rules_on(date(2026, 6, 1)))
EXAMPLES = [(e, p.code) for p in (taxonomy.problem(c) for c in taxonomy.taxonomy().codes()) for e in p.examples]


#: More patterns than `re` keeps ready by itself.
_ready = cache(re.compile)


def slowly(title, content):
    """The rules as domain/taxonomy.md states them, one pattern at a time."""
    s = RULES[0].scoring
    flat = lambda t: re.sub(r"\s", "", unicodedata.normalize("NFKC", t or ""))
    title, body = flat(title), flat(content)[:s["body_chars"]]
    head = title or body[:s["title_fallback_chars"]]
    best, won = 0, ""
    for rule in RULES:
        if any(_ready(p).search(head) for p in rule.exclude):
            continue
        points = 0
        for patterns, worth in ((rule.strong, s["strong_points"]), (rule.include, s["include_points"])):
            for p in patterns:
                points += worth * s["title_weight"] * bool(_ready(p).search(head)) + worth * min(len(_ready(p).findall(body)), s["body_hits_max"])
        if points > best:
            best, won = points, rule.code
    return won if best >= s["min_score"] else ""


def fast(pairs):
    frame = pl.DataFrame(pairs, schema={"title": pl.String, "content": pl.String}, orient="row")
    return TaxonomyClassifier(rules=RULES).predict(frame).tolist()


def test_every_example_gets_its_own_code():
    got = fast([(None, text) for text, _ in EXAMPLES])
    assert [(t, g) for (t, c), g in zip(EXAMPLES, got) if g != c] == [] and len(EXAMPLES) > 90


_PIECES = st.sampled_from([w for text, _ in EXAMPLES for w in (text[:8], text[-8:])] + ["小区", "物业", "电梯", "退费", "超市", "，", "。", "　", "公交车", "没有人管", "投诉"])
_TEXTS = st.lists(_PIECES, max_size=7).map("".join)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.one_of(st.none(), _TEXTS), _TEXTS), min_size=1, max_size=6))
def test_the_fast_scan_says_what_a_slow_reading_says(pairs):
    assert fast(pairs) == [slowly(*p) for p in pairs]


def test_nothing_known_is_nothing_said_and_rules_may_be_switched_off():
    assert fast([(None, "今天天气不错"), (None, None)]) == ["", ""]
    frame = pl.DataFrame({"title": ["电梯坏了"], "content": ["电梯坏了没人修，电梯故障停运"]})
    with pytest.raises(NotFittedError):
        TaxonomyClassifier(rules=()).predict(frame)


@pytest.fixture(scope="module")
def learnt():
    words = {"a": ["噪音", "扰民", "夜里", "施工"], "b": ["退款", "商家", "充值", "会员卡"], "c": ["路灯", "井盖", "坏了", "没人修"]}
    rng = np.random.default_rng(0)
    rows = [(code, "".join(rng.choice(w, 3)) + "请处理" + str(n)) for n in range(40) for code, w in words.items()]
    frame = pl.DataFrame({"title": [t[:6] for _, t in rows], "content": [t for _, t in rows]})
    codes = np.array([c for c, _ in rows])
    return frame, codes, TaxonomyClassifier(rules=()).fit(frame, codes)


def test_the_learned_part_gives_probabilities_in_the_order_of_its_classes(learnt):
    frame, codes, model = learnt
    p = model.predict_proba(frame)
    assert p.shape == (frame.height, 3) and np.allclose(p.sum(1), 1) and list(model.classes_) == ["a", "b", "c"]
    assert (np.asarray(model.classes_)[p.argmax(1)] == codes).mean() > 0.95


def test_rules_come_first_and_refit_equals_fit(learnt):
    frame, codes, model = learnt
    again = TaxonomyClassifier(rules=()).fit(frame, codes)
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))
    both = TaxonomyClassifier(rules=RULES).fit(frame, codes)
    lift = pl.DataFrame({"title": ["电梯故障频繁停运"], "content": ["小区电梯故障频繁停运，电梯坏了没人修"]})
    assert both.predict(lift).tolist() == [slowly("电梯故障频繁停运", "小区电梯故障频繁停运，电梯坏了没人修")] != [""]


# The rules in small: ties, floor, excludes, the title.
A = {"code": "g.a", "parent": "g", "strong": ["甲"], "include": ["丁"], "exclude": ["不算"]}
B = {"code": "g.b", "parent": "g", "strong": ["乙"], "include": ["丙"], "exclude": []}


def scored(title, content, rules=(A, B)):
    frame = pl.DataFrame({"title": [title], "content": [content]}, schema={"title": pl.String, "content": pl.String})
    return TaxonomyClassifier(rules=rules).score_rules(frame).row(0)


@pytest.mark.parametrize(("title", "content", "expected"), [
    ("甲", "", ("g.a", 9, None, 0)),                     # strong in the title: 3 × 3
    ("甲", "甲", ("g.a", 12, None, 0)),                  # and once in the body
    ("甲甲甲", "甲甲甲甲", ("g.a", 15, None, 0)),         # at most two hits of the body, the title once
    ("无关", "甲甲", (None, 6, None, 0)),                # below the floor; the score is kept
    ("无关", "甲甲丁丁", (None, 8, None, 0)),
    ("丁", "甲甲", ("g.a", 9, None, 0)),                 # include 3 and body 6: exactly the floor
    ("甲乙", "", ("g.a", 9, "g.b", 0)),                  # a tie goes to the first of the file
    ("甲乙", "乙", ("g.b", 12, "g.a", 3)),               # else the higher one wins
    ("甲不算", "甲", (None, 0, None, 0)),                # an exclude in the title
    ("甲", "不算", ("g.a", 9, None, 0)),                 # in the body it excludes nothing
    ("甲乙不算", "甲", ("g.b", 9, None, 0)),             # who is out is no runner-up either
    (None, "甲", ("g.a", 12, None, 0)),                  # no title: the content counts as title and as body
    ("　 ", "甲", ("g.a", 12, None, 0)),                 # nor is white space a title
    (None, "无" * 59 + "甲", ("g.a", 12, None, 0)),      # the sixtieth character is still title
    (None, "无" * 60 + "甲", (None, 3, None, 0)),
    (None, "无" * 30 + "不算甲", (None, 0, None, 0)),    # an exclude in what stands for the title
    ("甲", "无" * 499 + "甲", ("g.a", 12, None, 0)),     # the five hundredth character is still body
    ("甲", "无" * 500 + "甲", ("g.a", 9, None, 0)),
    ("", "", (None, 0, None, 0)), (None, None, (None, 0, None, 0)),
])
def test_points_floor_ties_excludes_and_the_title(title, content, expected):
    assert scored(title, content) == expected


def test_the_order_of_the_rules_breaks_ties_and_white_space_and_width_do_not_matter():
    assert scored("甲乙", "", (B, A))[0] == "g.b"
    wide = {"code": "g.c", "strong": ["ABC12"], "include": [], "exclude": []}
    assert scored("ＡＢ　Ｃ\n１ 2", "", (wide,)) == ("g.c", 9, None, 0)


def test_scoring_of_the_rules_own_and_rules_without_patterns():
    easy = {**A, "scoring": {"title_weight": 1, "strong_points": 2, "include_points": 1, "body_chars": 2, "body_hits_max": 1, "min_score": 2, "title_fallback_chars": 1}}
    assert scored("甲", "无无甲", (easy,)) == ("g.a", 2, None, 0) and scored("无", "甲甲", (easy,)) == ("g.a", 2, None, 0)
    assert scored("甲", "甲", ({"code": "g.z", "strong": [], "include": [], "exclude": []},)) == (None, 0, None, 0)


def slow_scores(title, content):
    """All points of all types by the book, for the score, the runner-up and the margin."""
    s = RULES[0].scoring
    flat = lambda t: re.sub(r"\s", "", unicodedata.normalize("NFKC", t or ""))
    title, body = flat(title), flat(content)
    head, body = title or body[:s["title_fallback_chars"]], body[:s["body_chars"]]
    points = []
    for rule in RULES:
        worth = [(p, s["strong_points"]) for p in rule.strong] + [(p, s["include_points"]) for p in rule.include]
        sum_ = sum(w * (s["title_weight"] * bool(_ready(p).search(head)) + min(sum(1 for _ in _ready(p).finditer(body)), s["body_hits_max"])) for p, w in worth)
        points.append(0 if any(_ready(p).search(head) for p in rule.exclude) else sum_)
    (top, first), (next_, second) = sorted(((v, -i) for i, v in enumerate(points)), reverse=True)[:2]
    return (RULES[-first].code if top >= s["min_score"] else None, top, RULES[-second].code if next_ else None, top - next_ if next_ else 0)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.one_of(st.none(), _TEXTS), _TEXTS), min_size=1, max_size=4))
def test_scores_runners_up_and_margins_are_those_of_a_slow_reading_too(pairs):
    frame = pl.DataFrame(pairs, schema={"title": pl.String, "content": pl.String}, orient="row")
    assert TaxonomyClassifier(rules=RULES).score_rules(frame).rows() == [slow_scores(*p) for p in pairs]


#: Every character that a pattern asks for, so that every pattern can be fulfilled.
_ALPHABET = st.sampled_from(sorted(set("的a1").union(*(p for r in RULES for p in (*r.strong, *r.include, *r.exclude)))))


@settings(max_examples=40)
@given(st.data())
def test_texts_made_of_what_the_patterns_themselves_ask_for(data):
    rule = data.draw(st.sampled_from(RULES))
    pieces = [data.draw(st.from_regex(data.draw(st.sampled_from(rule.strong + rule.include + rule.exclude)), alphabet=_ALPHABET).map(lambda t: t[:40])) for _ in range(2)]
    pairs = [(pieces[0], pieces[1]), (None, "，".join(pieces))]
    assert fast(pairs) == [slowly(*p) for p in pairs]


def test_rows_do_not_depend_on_their_neighbours_nor_on_their_number():
    texts = [t for t, _ in EXAMPLES] * 95  # more than one stretch of the scan
    got = fast([(None, t) for t in texts])
    assert len(texts) > 8_192 and got == [c for _, c in EXAMPLES] * 95


def test_explain_names_the_words_that_were_found():
    said = TaxonomyClassifier(rules=[A, B]).explain({"title": "甲丁", "content": "甲"})
    assert (said["code"], said["score"]) == ("g.a", 15) and said["matched"] == [("strong", "甲", ["甲"]), ("include", "丁", ["丁"])]
    assert TaxonomyClassifier(rules=[A, B]).explain({"content": "无"})["matched"] == []
    text, code = EXAMPLES[0]
    said = TaxonomyClassifier(rules=RULES).explain(pl.DataFrame({"content": [text]}))
    assert said["code"] == code and said["matched"]


# The scan on its own.
_PATTERNS = st.recursive(
    st.sampled_from(["甲", "乙", "甲乙", "丙", "[甲丙]", "[^甲]", ".", "乙?", "(?=丙)", "(?!乙)", "^", "$"]),
    lambda inner: st.one_of(st.lists(inner, min_size=1, max_size=3).map("".join), st.lists(inner, min_size=2, max_size=3).map(lambda p: f"({'|'.join(p)})"),
                            inner.map(lambda p: f"({p}){{0,2}}"), inner.map(lambda p: f"({p})?"), inner.map(lambda p: f"({p})+")), max_leaves=6)


@settings(max_examples=150)
@given(_PATTERNS, st.lists(st.text("甲乙丙丁", max_size=6), min_size=1, max_size=6))
def test_a_text_in_which_a_pattern_is_found_holds_the_words_that_it_needs(pattern, texts):
    need = needed_words(pattern)
    for text in texts:
        if re.search(pattern, text):
            assert all(any(word in text for word in clause) for clause in need)
    rows, times = PatternScan([pattern]).hits(pl.Series(texts), at_most=1)[0]
    assert rows.tolist() == [i for i, t in enumerate(texts) if re.search(pattern, t)] and set(times.tolist()) <= {1}


@pytest.mark.parametrize(("pattern", "needs"), [
    ("甲.{0,9}(乙|丙)", [{"甲"}, {"乙", "丙"}]), ("甲(乙|丙)丁?", [{"甲乙", "甲乙丁", "甲丙", "甲丙丁"}]), ("(甲|.)乙", [{"乙"}]), ("[甲乙]丙", [{"甲丙", "乙丙"}]), (".*", []), ("甲?", []), ("(?i)abc", []),
])
def test_words_that_a_pattern_needs(pattern, needs):
    assert sorted(map(sorted, needed_words(pattern))) == sorted(map(sorted, needs))


def test_a_plain_word_is_known_as_one_and_any_case_is_honoured():
    assert [literal_of(p) for p in ("甲乙", r"a\.b", "甲?", "(?i)a", "")] == ["甲乙", "a.b", None, None, None]
    rows, _ = PatternScan(["(?i)wifi"]).hits(pl.Series(["没有WiFi", "没有网"]), at_most=1)[0]
    assert rows.tolist() == [0]
    with pytest.raises(re.error):
        PatternScan(["(甲"])


def test_hits_are_counted_without_overlap_and_up_to_the_limit():
    scan = PatternScan(["甲", "甲甲", "甲.?乙", "(?<!乙)甲"])
    texts = pl.Series(["甲甲甲甲", "乙甲", "甲丙乙甲乙甲乙", ""])
    counted = [dict(zip(rows.tolist(), times.tolist())) for rows, times in scan.hits(texts, at_most=3)]
    assert counted == [{0: 3, 1: 1, 2: 3}, {0: 2}, {2: 3}, {0: 3, 2: 1}]
    assert [r.size for r, _ in scan.hits(pl.Series([], dtype=pl.String), at_most=2)] == [0] * 4


# The learned part.
def test_it_fills_only_what_the_rules_leave_and_only_where_it_is_sure(learnt):
    frame, codes, _ = learnt
    rules = [{"code": "rule.a", "strong": ["扰民"], "include": [], "exclude": []}]
    asked = pl.DataFrame({"title": ["扰民", "商家充值会员卡退款", "天"], "content": ["", "商家充值会员卡退款请处理", "天"]})
    model = TaxonomyClassifier(rules=rules).fit(frame, codes)
    assert model.predict(asked).tolist() == ["rule.a", "b", ""]
    assert TaxonomyClassifier(rules=rules).predict(asked).tolist() == ["rule.a", "", ""]
    assert TaxonomyClassifier(rules=rules, min_probability=1.1).fit(frame, codes).predict(asked).tolist() == ["rule.a", "", ""]
    everything = TaxonomyClassifier(rules=rules, min_probability=0.0).fit(frame, codes).predict(asked)
    assert everything[0] == "rule.a" and "" not in everything


def test_records_without_a_code_teach_nothing(learnt):
    frame, codes, model = learnt
    unknown = pl.DataFrame({"title": ["扰民"] * 30, "content": ["夜里施工噪音"] * 30})
    again = TaxonomyClassifier(rules=()).fit(pl.concat([frame, unknown]), np.r_[codes, np.full(30, "")])
    assert again.classes_.tolist() == ["a", "b", "c"] and np.allclose(again.predict_proba(frame), model.predict_proba(frame))


def test_probabilities_of_a_record_depend_on_its_text_alone(learnt):
    frame, _, model = learnt
    assert np.allclose(model.predict_proba(frame)[7:9], model.predict_proba(frame[7:9]), atol=1e-6)
    p = model.predict_proba(pl.DataFrame({"title": [None], "content": [""]}, schema={"title": pl.String, "content": pl.String}))
    assert p.shape == (1, 3) and np.isclose(p.sum(), 1) and (p >= 0).all()


def test_records_without_titles_can_be_learnt_from(learnt):
    frame, codes, _ = learnt
    model = TaxonomyClassifier(rules=()).fit(frame.select("content"), codes)
    assert (model.predict_proba(frame.select("content")).argmax(1) == np.searchsorted(["a", "b", "c"], codes)).mean() > 0.95


@pytest.mark.parametrize(("codes", "said"), [(["a", "b"], "one for each"), (["a", "a", "a"], "two different"), (["a", "", ""], "two different")])
def test_what_cannot_be_learnt_from_is_refused(codes, said):
    frame = pl.DataFrame({"title": ["甲", "乙", "丙"], "content": ["甲", "乙", "丙"]})
    with pytest.raises(ValueError, match=said):
        TaxonomyClassifier(rules=()).fit(frame, codes)


def test_empty_frames_missing_columns_and_what_is_not_fitted():
    model = TaxonomyClassifier(rules=RULES)
    empty = pl.DataFrame(schema={"title": pl.String, "content": pl.String})
    assert model.predict(empty).shape == (0,) and model.score_rules(empty).columns == ["code", "score", "runner_up", "margin"]
    with pytest.raises(ValueError, match="content"):
        model.predict(pl.DataFrame({"title": ["x"]}))
    with pytest.raises(NotFittedError):
        model.predict_proba(empty)


def test_it_is_an_estimator_that_can_be_cloned_and_kept(learnt):
    frame, codes, _ = learnt
    model = TaxonomyClassifier(rules=RULES, min_probability=0.5).fit(frame, codes)
    twin = clone(model)
    assert twin.get_params()["min_probability"] == 0.5 and twin.rules == RULES and not hasattr(twin, "classes_")
    kept = pickle.loads(pickle.dumps(model))
    assert np.array_equal(kept.predict_proba(frame), model.predict_proba(frame)) and np.array_equal(kept.predict(frame), model.predict(frame))


def test_classes_that_are_taken_for_each_other_are_less_sure_at_the_same_best_score():
    """Classes 0 and 1 are mixed up half the time although the better score is as good as that of class 2, which is always right."""
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1, 2], 400)
    best = np.where(y == 2, 2, rng.integers(0, 2, len(y)))
    scores = np.where(best[:, None] == np.arange(3), 1.0, -1.0) + rng.normal(0, 0.1, (len(y), 3))
    mix, shift = _calibrated(scores, y)
    said = softmax(scores @ mix + shift, axis=1)
    assert said[best == 2].max(axis=1).mean() > 0.95 and 0.45 < said[best < 2].max(axis=1).mean() < 0.6


def test_even_scores_are_left_to_one_scale():
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 1, (3000, 3))
    y = np.array([rng.choice(3, p=row) for row in softmax(2 * scores, axis=1)])
    mix, shift = _calibrated(scores, y)
    spread = mix - mix.mean(axis=1, keepdims=True)
    assert np.allclose(spread, 2 * (np.eye(3) - 1 / 3), atol=0.25) and np.abs(shift - shift.mean()).max() < 0.15
