"""Commas that an export put before punctuation: `接诉,、受理` → `接诉、受理`."""
import re

#: For the regular expressions of polars: where there may be one.
COMMA_SIGN = r",[,、。;]"
#: One inserted comma: the first of exactly two, or one (or two) before a mark that is not itself a run of three.
_INSERTED = re.compile(r"(?<!,),(?=,(?!,))(?!,[、。;])|(?<!,),,?(?=([、。;])(?!\1\1))")


def count_commas(text: str) -> int:
    """How many separate places have an inserted comma; runs of three equal marks are typed emphasis and none."""
    return sum(1 for _ in _INSERTED.finditer(text))


def drop_commas(text: str, damaged: bool = False) -> tuple[str, int]:
    """The text without inserted commas, and how many places went.

    Only where the text shows the habit (two places) or its source is damaged; a comma between digits has no such mark
    after it and is never touched.
    """
    places = count_commas(text)
    if places < (1 if damaged else 2):
        return text, 0
    return _INSERTED.sub("", text), places
