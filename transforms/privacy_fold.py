"""A text as the finders of personal data see it: same length as the original, so that a span of one is a span of the other."""
import re
import unicodedata
from dataclasses import dataclass

#: Marks that may stand between the digits of one number.
SEPARATOR = r"[ \-._·\u200b]"


def _table() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    for code in range(0x110000):
        char = chr(code)
        if code > 0x7F and unicodedata.category(char) == "Nd":
            table[code] = str(unicodedata.digit(char))
    table |= {0x2460 + i: str(i + 1) for i in range(9)} | {0x24EA: "0"}
    table |= dict.fromkeys((0x3000, 0xA0, 0x2002, 0x2003, 0x2009, 0x202F, 0x09), " ")
    table |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFF0D, 0x2500, 0x30FC, 0x2043), "-")
    table |= dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD, 0x200E, 0x200F), "\u200b")
    return table


_FOLD = _table()


#: Full-width punctuation alone needs no folding: the finders know both forms.
_PUNCTUATION = frozenset("！＂＃＄％＆＇（）＊，／：；＜＝＞？［］＼＾｀｛｜｝～—―")
_NEEDED = frozenset(map(chr, _FOLD)) - _PUNCTUATION
#: A first, quick look: a class of characters is searched quickly only where it lists none beyond the first plane one by one.
_MAYBE = re.compile("[" + "".join(re.escape(c) for c in sorted(_NEEDED) if c <= "\uffff") + "\U00010000-\U0010ffff]")
_BESIDE_DIGITS = re.compile("[（）—](?:(?<=[0-9].)|(?=[0-9+]))")


def fold(text: str) -> str:
    """Digits, Latin letters and the marks around them in their ASCII form; as many characters as before."""
    if text.isascii() or not ((_MAYBE.search(text) and not _NEEDED.isdisjoint(text)) or _BESIDE_DIGITS.search(text)):
        return text
    return text.translate(_FOLD)


@dataclass(frozen=True, order=True)
class Span:
    """Where something personal stands (characters from start to end), what kind it is and what is shown instead."""

    start: int
    end: int
    kind: str
    mask: str
