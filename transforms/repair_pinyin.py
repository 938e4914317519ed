"""Pinyin that an export put in brackets after a character: `監(jiān)管` → `監管`. Honest glosses stay (see `strip_glosses`)."""
import re
import unicodedata
from functools import cache

from pypinyin.constants import PINYIN_DICT

from transforms.match_text import traditional_only

_LETTERS = "a-zàáâèéêìíòóùúüāēěīńňōūǎǐǒǔǖǘǚǜǹḿếềɑɡ\u0300\u0301\u0304\u0308\u030c"
#: For the regular expressions of polars: a Chinese character and lower-case letters in brackets after it.
GLOSS_SIGN = rf"[\p{{Han}}][(（][{_LETTERS}]{{1,8}}[)）]"
_HAN = "\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_GLOSSES = re.compile(rf"([{_HAN}])((?:\([{_LETTERS}]{{1,8}}\)|（[{_LETTERS}]{{1,8}}）)+)")
_ONE = re.compile(r"[(（]([^()（）]+)[)）]")
_BRACKETS = re.compile(r"[(（][^()（）]*[)）]")
_LOOKS = str.maketrans({"ɑ": "a", "ɡ": "g"})


@cache
def toneless(pinyin: str) -> str:
    """A reading without tone marks, composed or not; `ü` is `v`."""
    letters = unicodedata.normalize("NFD", pinyin.translate(_LOOKS)).replace("u\u0308", "v")
    # A tone may stand between u and its dots when the marks were typed in another order.
    letters = re.sub("u([\u0300-\u0307\u0309-\u036f]+)\u0308", "v", letters)
    return "".join(c for c in letters if not unicodedata.combining(c))


@cache
def readings(char: str) -> frozenset[str]:
    """Every reading of a character, without tones."""
    return frozenset(toneless(r) for r in PINYIN_DICT.get(ord(char), "").split(",") if r)


def _is_gloss(char: str, brackets: str) -> bool:
    known = readings(char)
    return all(toneless(inner) in known for inner in _ONE.findall(brackets))


def count_glosses(text: str) -> int:
    """How many characters carry a valid reading in brackets."""
    return sum(_is_gloss(m[1], m[2]) for m in _GLOSSES.finditer(text))


def strip_glosses(text: str, damaged: bool = False) -> tuple[str, int]:
    """The text without inserted pinyin, and how many glosses went.

    `X(y)` goes where y is a reading of X and X is a form that only traditional writing has, or the text has at least three
    such glosses that make up 60 % of its brackets, or its source is damaged. `X(y)(y)` counts as one.
    """
    valid = [m for m in _GLOSSES.finditer(text) if _is_gloss(m[1], m[2])]
    if not valid:
        return text, 0
    brackets = len(_BRACKETS.findall(text)) - sum(len(_ONE.findall(m[2])) - 1 for m in valid)
    every = damaged or (len(valid) >= 3 and len(valid) >= .6 * brackets)
    gone = [m for m in valid if every or m[1] in traditional_only()]
    out, done = [], 0
    for match in gone:
        out.append(text[done:match.end(1)])
        done = match.end()
    out.append(text[done:])
    return "".join(out), len(gone)
