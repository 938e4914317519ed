"""What is said to people: every key in both languages, with the same slots, and no slot left open."""
from string import Formatter

import pytest

from policy import catalogue as module
from policy.catalogue import LANGUAGES, catalogue, say
from policy.rules import rules

KEYS = sorted(catalogue())


def slots(text):
    return sorted({(name, spec) for _, name, spec, _ in Formatter().parse(text) if name is not None})


#: The heading over the row names of a table stays empty.
EMPTY = {"evaluate.col.what"}


def test_every_key_has_words_in_both_languages_and_only_in_them():
    assert [k for k in KEYS if list(catalogue()[k]) != list(LANGUAGES) or not all(isinstance(t, str) for t in catalogue()[k].values())] == []
    assert {k for k in KEYS for t in catalogue()[k].values() if not t.strip()} == EMPTY


def test_slots_are_the_same_in_both_languages_and_have_names():
    assert [k for k in KEYS if {n for n, _ in slots(catalogue()[k]["zh"])} != {n for n, _ in slots(catalogue()[k]["en"])}] == []
    assert [k for k in KEYS for lang in LANGUAGES for name, _ in slots(catalogue()[k][lang]) if not name.isidentifier()] == []


def test_chinese_is_chinese_and_english_is_not():
    chinese = lambda text: any("\u4e00" <= c <= "\u9fff" for c in text)
    # Names of products and formats are the same in both, and so are slots with nothing but punctuation between them.
    words = lambda text: "".join(literal for literal, *_ in Formatter().parse(text)).translate(dict.fromkeys(map(ord, "：（）: ()"))).replace("→", "")
    assert [k for k in KEYS if chinese(catalogue()[k]["en"])] == []
    assert [k for k in KEYS if words(catalogue()[k]["zh"]) != words(catalogue()[k]["en"]) and not chinese(catalogue()[k]["zh"])] == []


class Ones(dict):
    """A value for every slot, fit for text and for numbers."""

    def __missing__(self, key):
        return 1


def test_every_sentence_can_be_filled_and_leaves_no_brace():
    for key in KEYS:
        for lang in LANGUAGES:
            values = Ones()
            text = catalogue()[key][lang]
            filled = say(key, lang, **{name.split(".")[0].split("[")[0]: values[name] for name, _ in slots(text)})
            assert "{" not in filled and "}" not in filled, key


def test_an_unknown_key_and_a_slot_without_a_value_are_errors():
    with pytest.raises(KeyError):
        say("no.such.key", "zh")
    key = next(k for k in KEYS if slots(catalogue()[k]["en"]))
    for values in ({}, {"nothing_of_the_kind": 1}):
        with pytest.raises(KeyError):
            say(key, "en", **values)


def test_a_language_we_do_not_speak_gets_english():
    key = next(k for k in KEYS if not slots(catalogue()[k]["en"]))
    assert say(key, "fr") == say(key, "en")


@pytest.mark.parametrize("files", [
    {"catalogue.yaml": 'a: {zh: "甲", en: "a"}', "text_x.yaml": 'a: {zh: "乙", en: "b"}'}, {"catalogue.yaml": 'a: {zh: "甲"}'}, {"catalogue.yaml": 'a: {zh: "甲", en: "a", de: "a"}'},
])
def test_a_key_given_twice_or_a_language_left_out_is_refused_by_name(files, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    for name, text in files.items():
        (tmp_path / "data" / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="'a'"):
        catalogue.__wrapped__()


def test_the_catalogue_cannot_be_changed_by_who_reads_it():
    with pytest.raises(TypeError):
        catalogue()[KEYS[0]]["zh"] = "x"


def test_every_validity_rule_speaks_both_languages_with_the_same_slots():
    assert [c for c, r in rules().items() if not r.zh or not r.en or {n for n, _ in slots(r.zh)} != {n for n, _ in slots(r.en)}] == []
