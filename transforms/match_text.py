"""The form of a text that machines compare: width folded, traditional characters simplified, white space made one space.

What people read is repaired in `transforms.repair`; this form is never shown. Conversion is by phrase (OpenCC `t2s` over
a segmentation) with our own list of exceptions, `data/traditional_exceptions.txt`.
"""
from functools import cache
from importlib.resources import files

import polars as pl
from opencc_jieba_pyo3 import OpenCC

#: Marks without width that only get in the way; U+200D joins emoji and goes in the match text alone.
ZERO_WIDTH = r"[\u{00AD}\u{180E}\u{200B}\u{200C}\u{200E}\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2064}\u{2066}-\u{2069}\u{FEFF}]"
#: Changed by a character table, yet at home in simplified text too: alone they are no sign of traditional writing.
_BOTH = "著乾吒拚捱榘薹袷醣麴徵瞭藉"


def _in_gb2312(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def exceptions() -> list[tuple[str, str]]:
    """The phrases that are settled by our list: as written, simplified."""
    text = (files("transforms") / "data" / "traditional_exceptions.txt").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return [(a, b) for a, b in rows]


@cache
def _converter() -> OpenCC:
    pairs = exceptions()
    converter = OpenCC.from_dicts("t2s", [{"slot": "TSPhrases", "pairs": pairs}])
    # The segmentation must know the phrases, or the dictionary is never asked for them.
    converter.load_user_dict_entries([{"word": word, "freq": 3_000} for word, _ in pairs])
    return converter


@cache
def changing() -> frozenset[str]:
    """Every character that has another simplified form (about 3,760 of the Basic Multilingual Plane)."""
    convert = _converter().convert
    blocks = (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0xF900, 0xFB00))
    return frozenset(c for c in map(chr, blocks) if convert(c) != c)


@cache
def traditional_only() -> frozenset[str]:
    """Characters that simplified writing does not have: they change, and GB 2312 lacks them."""
    return frozenset(c for c in changing() if not _in_gb2312(c))


def character_class(chars) -> str:
    """A regular expression's class of some characters, in order of code point."""
    return "[" + "".join(sorted(chars)) + "]"


@cache
def traditional_signs() -> str:
    """A class of the characters that say a text is written in traditional characters."""
    return character_class(changing() - frozenset(_BOTH))


def simplify_one(text: str) -> str:
    """One text in simplified characters, by phrase; a second pass changes nothing."""
    convert = _converter().convert
    for _ in range(4):
        again = convert(text)
        if again == text:
            break
        text = again
    return text


def mapped(texts: pl.Series, where: pl.Series, function) -> pl.Series:
    """The texts with `function` applied where `where` holds; equal texts are computed once. Length and nulls stay."""
    where = where.fill_null(False)
    if not where.any():
        return texts
    chosen = texts.filter(where)
    unique = chosen.unique(maintain_order=True)
    new = pl.Series(texts.name, [function(t) for t in unique.to_list()], dtype=pl.String)
    table = pl.DataFrame({"old": unique, "new": new})
    found = chosen.to_frame("old").join(table, on="old", how="left", maintain_order="left")["new"]
    return texts.clone().scatter(where.arg_true(), found)


def simplify(texts: pl.Series) -> pl.Series:
    """Traditional → simplified by phrase, on the texts that hold a character with another simplified form."""
    return mapped(texts, texts.str.contains(character_class(changing())), simplify_one)


def match_text(texts: pl.Series) -> pl.Series:
    """The key of a text: NFKC, simplified, without zero-width marks, white space to one space, lower case.

    texts: String, any length, nulls stay. Each text is judged alone; the result is a fixed point of the function.
    """
    out = texts.cast(pl.String).str.replace_all(ZERO_WIDTH, "").str.replace_all("\u200d", "", literal=True)
    plain = out.str.contains(r"^[\x21-\x7e\u{4e00}-\u{9fff}。、“”‘’《》]*$")
    if not plain.fill_null(True).all():
        out = out.str.normalize("NFKC").str.replace_all(r"[\s\p{Cc}]+", " ").str.strip_chars(" ")
    return simplify(out.str.to_lowercase()).str.normalize("NFKC").alias(texts.name)


def fold_name(names: pl.Series) -> pl.Series:
    """The key of a name (respondent, caller): as `match_text`, and without any white space; empty becomes null.

    Two surnames may fall together (於/于, 鍾/钟): link on this, show what was written.
    """
    out = match_text(names).str.replace_all(r"\s+", "")
    return out.replace("", None).alias(names.name)
