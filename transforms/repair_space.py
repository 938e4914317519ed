"""White space and invisible characters, tidied for people: the text stays as written otherwise (no folding of width)."""
import polars as pl

from transforms.match_text import ZERO_WIDTH

_CONTROL = r"[\x00-\x08\x0e-\x1f\x7f\u{80}-\u{84}\u{86}-\u{9f}]"
_UNTIDY = r"[\x00-\x1f\x7f\u{80}-\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}]|  |^ | $|" + ZERO_WIDTH


def tidy(texts: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
    """The texts without control and zero-width characters, white space trimmed and runs made one.

    A run with a line feed becomes one line feed (the writer's paragraphs stay), any other run one space. Returns the texts
    and two Boolean series: where characters without a shape were removed, where white space changed. An empty text
    becomes null.
    """
    untidy = texts.str.contains(_UNTIDY).fill_null(False)
    if not untidy.any():
        return texts.replace("", None), untidy, untidy
    some = texts.filter(untidy)
    seen = some.str.replace_all(ZERO_WIDTH, "").str.replace_all(_CONTROL, "")
    clean = (seen.str.replace_all(r"[\r\u{85}\u{2028}\u{2029}\x0b\x0c]+", "\n")
             .str.replace_all(r"[^\S\n]+", " ").str.replace_all(r" ?\n[ \n]*", "\n").str.strip_chars(" \n"))
    where = untidy.arg_true()
    none = pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True)
    return (texts.clone().scatter(where, clean).replace("", None),
            none.clone().scatter(where, seen != some), none.clone().scatter(where, clean != seen))
