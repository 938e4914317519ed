"""Bytes to text, strictly: by byte-order mark, else the first of the mapping's encodings that fits. Nothing is ever ignored."""
import codecs
from collections.abc import Callable, Sequence

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode(data: bytes, encodings: Sequence[str] = ("utf-8", "gb18030")) -> tuple[str, str] | None:
    """(text without its byte-order mark, encoding), or None where no encoding fits.

    GB18030 decodes almost anything: whoever calls must look at the headers before believing it.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark):].decode(encoding), encoding
            except UnicodeDecodeError:
                return None
    for encoding in encodings:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return None


def _through(wrong: str, right: str) -> Callable[[str], str]:
    def recipe(text: str) -> str:
        return text.encode(wrong).decode(right)

    return recipe


#: How a file is misread before it is saved again: (what to say, how to undo it), tried in order.
RECIPES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("GB18030 read as Latin-1", _through("latin-1", "gb18030")),
    ("UTF-8 read as Windows-1252", _through("cp1252", "utf-8")),
    ("UTF-8 read as Latin-1", _through("latin-1", "utf-8")),
    ("UTF-8 read as GB18030", _through("gb18030", "utf-8")),
)


def undo(text: str, recipe: Callable[[str], str]) -> str | None:
    """The text with a misreading undone, or None where it does not go through."""
    try:
        return recipe(text).removeprefix("\ufeff")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return None


def undo_lines(text: str, recipe: Callable[[str], str]) -> str:
    """Line by line: a line in which bytes were lost stays as it is, to be judged as garbled later."""
    return "\n".join(undo(line, recipe) or line for line in text.split("\n"))


def plausible(text: str, share: float = 1.0) -> bool:
    """Whether a header looks like words: at least `share` of its characters are printable ASCII or hanzi and signs of GB2312's first
    level. Misread bytes mostly land outside it."""
    return not text or sum(map(_common, text)) >= share * len(text)


def _common(char: str) -> bool:
    if char.isascii():
        return char.isprintable()
    try:
        row = char.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= row <= 0xA3 or 0xB0 <= row <= 0xD7
