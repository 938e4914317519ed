"""Text whose bytes were read in the wrong way: a byte lost from a GBK text, or a whole text decoded with the wrong table.

Repairs are strict: a reading is taken only where every byte fits and the result is ordinary Chinese; what was truly lost
is left as it came and marked, never invented.
"""
import re
from functools import cache

from transforms.match_text import character_class, simplify_one

#: `。”` or `。“` in GBK whose first byte became "?": the mark that follows is its second byte and the quote's first.
LOST_BYTE = re.compile(r"\?[！!]([^\x00-\x7f]+)([@-~]?)")
#: The same before a tag, of which only this is left.
LOST_BYTE_TAG = re.compile(r"\?[！!]\?/p>")
#: The same before other ASCII: the quote's second byte is gone as well. (`?!?` in ASCII alone is typed.)
LOST_BYTES = re.compile(r"\?！[?\ufffd](?!/p>)|\?!\ufffd")

_CP1252 = {bytes([b]).decode("cp1252"): chr(b) for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
_AS_BYTES = str.maketrans(_CP1252)
#: A character that a text in Latin letters is made of when its bytes were Chinese.
HIGH_LATIN = "[\\u{80}-\\u{ff}" + "".join(sorted(c for c in _CP1252 if c not in "“”‘’…—–·•")) + "]"


@cache
def common_characters() -> frozenset[str]:
    """The 3,755 common characters: GB 2312, level 1 (lead bytes B0–D7)."""
    return frozenset(c for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF)
                     for c in bytes([lead, trail]).decode("gb2312", "ignore"))


@cache
def _gb2312_marks() -> frozenset[str]:
    return frozenset(c for lead in (0xA1, 0xA3) for trail in range(0xA1, 0xFF)
                     for c in bytes([lead, trail]).decode("gb2312", "ignore"))


@cache
def utf8_as_gbk() -> frozenset[str]:
    """What the first two bytes of a common Chinese character in UTF-8 (E4–E9, 80–BF) look like when read as GBK."""
    return frozenset(c for lead in range(0xE4, 0xEA) for trail in range(0x80, 0xC0) if trail != 0x7F
                     for c in bytes([lead, trail]).decode("gbk", "ignore"))


def repair_lost_byte(text: str) -> tuple[str, int, list[tuple[int, int]]]:
    """Undoes a lost first byte of `。”` or `。“`.

    Returns the text, how many places were repaired, and the spans (start, end) that show the damage and cannot be read.
    Accepted only if the bytes decode whole, begin with `。”` or `。“`, and every other character is a common one.
    """
    out: list[str] = []
    spans: list[tuple[int, int]] = []
    done = length = repaired = 0
    for match in LOST_BYTE.finditer(text):
        before = text[done:match.start()]
        new = _decoded(match[1], match[2])
        piece = match[0] if new is None else new
        out += (before, piece)
        length += len(before) + len(piece)
        if new is not None:
            repaired += 1
        elif _begins_with_quote(match[1]):
            spans.append((length - len(piece), length))
        done = match.end()
    out.append(text[done:])
    return "".join(out), repaired, spans


def _begins_with_quote(run: str) -> bool:
    try:
        return run[0].encode("gbk")[0] in (0xB0, 0xB1)
    except UnicodeEncodeError:
        return False


def _decoded(run: str, trail: str) -> str | None:
    try:
        text = (b"\xa1\xa3\xa1" + run.encode("gbk") + trail.encode("ascii")).decode("gbk")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return None
    if text[:2] not in ("。”", "。“") or not set(simplify_one(text[2:])) <= common_characters():
        return None
    return text


def recode(text: str) -> tuple[str, str | None]:
    """A whole text whose bytes were decoded with the wrong table, read again; the recipe's name, or None where none fits.

    Tried strictly, in this order: Latin-1 that was UTF-8, Latin-1 that was GB 18030, GBK that was UTF-8.
    """
    latin = text.translate(_AS_BYTES)
    for name, string, encoding, decoding in (
            ("latin1→utf-8", latin, "latin-1", "utf-8"),
            ("latin1→gb18030", latin, "latin-1", "gb18030"),
            ("gbk→utf-8", text, "gb18030", "utf-8")):
        try:
            new = string.encode(encoding).decode(decoding)
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        if new != text and _ordinary(new):
            return new, name
    return text, None


def _ordinary(text: str) -> bool:
    """Whether a decoded text is Chinese as people write it: two common characters and four fifths of what is not ASCII."""
    wide = [c for c in text if c > "\x7f"]
    common = sum(c in common_characters() for c in wide)
    marks = sum(c in _gb2312_marks() for c in wide)
    return common >= 2 and common + marks >= .8 * len(wide)


#: Characters and runs that stand where text was lost: the replacement character (also when its bytes were read as GBK),
#: memory never written, question marks for every byte.
_LOST = re.compile(r"\ufffd|(?:锟斤拷)+|锟斤|斤拷|烫{3,}|屯{3,}|\?{4,}")


@cache
def _garbage() -> tuple[re.Pattern, re.Pattern]:
    return re.compile(HIGH_LATIN.replace("\\u{80}", "\x80").replace("\\u{ff}", "\xff")), re.compile(character_class(utf8_as_gbk()))


def beyond_repair(text: str) -> bool:
    """Whether a text that no recipe reads is garbled as a whole, so that nobody can tell what it said."""
    body = re.sub(r"\s+", "", text)
    if len(body) < 4:
        return False
    lost = sum(len(m[0]) for m in _LOST.finditer(body))
    latin, gbk = (len(p.findall(body)) for p in _garbage())
    han = re.search(r"[\u4e00-\u9fff]", body) is not None
    return (lost >= 4 and lost >= .5 * len(body)) or (latin >= 4 and not han and latin >= .4 * len(body)) \
        or (gbk >= 4 and gbk >= .25 * len(body))
