"""Finders of rooms and doors: `3号楼2单元501室` keeps building and entrance, the room goes."""
import re
from collections.abc import Iterator

from transforms.privacy_fold import Span

ROOM = "***"
_NO_COUNT = r"(?!\d|\.\d|[年月日元米平万多余名人个吨亩套车瓦千度分次路mM㎡]|户居|户业|号线|号文)"
#: Each begins with a set of characters, which the search then skips to.
_ROOMS = (
    re.compile(r"[A-Za-z\d](?<![\d.].)((?<=[A-Za-z])-?\d{2,4}|(?<=\d)\d{1,3}(?:-\d{1,4})?) ?室(?![内外温友])"),
    re.compile(rf"[楼栋幢座元](?:(?<=号楼)|(?<=[栋幢座])|(?<=单元)|(?<=\d楼))(?:\d{{1,2}}层)?[ \-]?([A-Za-z]?\d{{3,4}}){_NO_COUNT}"),
    re.compile(r"[栋幢楼座区苑园城府庭湾郡里居邸轩] ?\d{0,3}-(\d{1,2}-\d{3,4})(?!\d|-)"),
    re.compile(r"[一二三四五六七八九十](?<![一二三四五六七八九十].)[一二三四五六七八九十零〇百]{1,4}室(?![内外温友])"),
)
#: For addresses, in polars: the house number of a street, a short room number, an American house number and flat.
DOORS = (
    (r"([路街巷弄道里]|胡同)((?:[东西南北中]段)?) ?[0-9０-９]+(?:-[0-9]+)?号([^楼院线门]|$)", "${1}${2}***号${3}"),
    (r"(^|[^0-9.])[0-9]{1,4} ?室([^内外]|$)", "${1}***室${2}"),
    (r"^ *[0-9][0-9\-]*[A-Za-z]?( +[A-Za-z0-9])", "***${1}"),
    (r"(?i)((?-u:\b)(?:apt|apartment|unit|suite|room|#)\.? ?#?)[0-9]+[A-Za-z]?", "${1}***"),
)


def find_rooms(text: str) -> Iterator[Span]:
    """Room numbers after a building or entrance, or before 室."""
    before_room, after_building, after_dash, in_words = _ROOMS
    for match in before_room.finditer(text):
        yield Span(match.start(), match.end(1), "room", ROOM)
    for pattern in (after_building, after_dash):
        for match in pattern.finditer(text):
            yield Span(*match.span(1), "room", ROOM)
    for match in in_words.finditer(text):
        yield Span(match.start(), match.end() - 1, "room", ROOM)
