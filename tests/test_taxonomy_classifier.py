"""The rules as fast as one scan, and exactly what a slow reading of them says; the learned part fills what they leave."""
import re
import unicodedata
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from models.problems import TaxonomyClassifier
from policy import taxonomy

RULES = tuple(taxonomy.rules_on(date(2026, 6, 1)))
EXAMPLES = [(e, p.code) for p in (taxonomy.problem(c) for c in taxonomy.taxonomy().codes()) for e in p.examples]


def slowly(title, content):
    """The rules as domain/taxonomy.md states them, one pattern at a time."""
    s = RULES[0].scoring
    flat = lambda t: re.sub(r"\s", "", unicodedata.normalize("NFKC", t or ""))
    title, body = flat(title), flat(content)[:s["body_chars"]]
    head = title or body[:s["title_fallback_chars"]]
    best, won = 0, ""
    for rule in RULES:
        if any(re.search(p, head) for p in rule.exclude):
            continue
        points = 0
        for patterns, worth in ((rule.strong, s["strong_points"]), (rule.include, s["include_points"])):
            for p in patterns:
                points += worth * s["title_weight"] * bool(re.search(p, head)) + worth * min(len(re.findall(p, body)), s["body_hits_max"])
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


@settings(max_examples=80, deadline=None)
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
