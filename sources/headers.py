"""Which header of a file is which canonical column: by normalised name (and, where a mapping says so, neighbour), never by position."""
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from policy.rules import Finding
from sources.findings import advise
from sources.mapping import HeaderName, SourceMapping

#: Between the two levels of a joined header.
LEVELS = "/"
_STRIPPED = re.compile(r"[\s\ufeff\u200b-\u200d\u2060:*\"'“”‘’「」`]+")
_UNIT = re.compile(r"^(.+?)[(\[【〔]([^()\[\]【】〔〕]{1,8})[)\]】〕]$")
_UNITS = frozenset((
    "元", "万元", "千元", "亿元", "%", "小时", "分钟", "分", "秒", "天", "日", "工作日", "件", "条", "个", "人", "人次", "次", "起", "笔",
    "家", "米", "公里", "km", "m", "h", "min", "s", "yuan", "rmb", "cny", "usd", "$"))


@dataclass(frozen=True)
class HeaderMatch:
    """Headers of one table against a mapping. `canonical` has one entry for each header: a canonical column, "" for one that
    is known and ignored, None for one that is not registered; `units` the unit in each header's brackets, or None."""

    headers: tuple[str, ...]
    canonical: tuple[str | None, ...]
    units: tuple[str | None, ...]
    missing: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        return sum(c is not None for c in self.canonical)

    @property
    def unregistered(self) -> tuple[str, ...]:
        return tuple(h for h, c in zip(self.headers, self.canonical) if c is None and h)

    def columns(self) -> dict[str, str]:
        """Header → canonical, for the headers that went somewhere."""
        return {h: c for h, c in zip(self.headers, self.canonical) if c}


@dataclass(frozen=True)
class HeaderIndex:
    """A mapping's names, normalised once."""

    plain: dict[str, str]
    by_neighbour: dict[str, list[tuple[frozenset[str], str]]] = field(default_factory=dict)


def normalise(header: str | None) -> tuple[str, str | None]:
    """(name, unit): NFKC, without white space, BOM, colons, asterisks and quotes, lower case, a trailing bracket's unit taken out.

    >>> normalise("挽回损失（万元）")
    ('挽回损失', '万元')
    """
    name = _STRIPPED.sub("", unicodedata.normalize("NFKC", header or "")).lower()
    bracket = _UNIT.match(name)
    if bracket and bracket[2] in _UNITS:
        return bracket[1], bracket[2]
    return name, None


def index_of(mapping: SourceMapping) -> HeaderIndex:
    """The look-up of a mapping: canonical columns by normalised header; "" for ignored ones."""
    plain = {normalise(h)[0]: "" for h in mapping.ignored}
    beside: dict[str, list[tuple[frozenset[str], str]]] = {}
    for canonical, column in mapping.columns.items():
        for header in column.headers:
            if isinstance(header, HeaderName):
                rule = (frozenset(normalise(a)[0] for a in header.after), canonical)
                beside.setdefault(normalise(header.name)[0], []).append(rule)
            else:
                plain[normalise(header)[0]] = canonical
    return HeaderIndex(plain, beside)


def _look_up(index: HeaderIndex, name: str, left: str) -> str | None:
    for after, canonical in index.by_neighbour.get(name, ()):
        if left in after:
            return canonical
    return index.plain.get(name)


def match_headers(headers: Sequence[str | None], mapping: SourceMapping, index: HeaderIndex | None = None) -> HeaderMatch:
    """Matches a table's headers. A joined header (上/下) is looked up whole, then by its lower part."""
    index = index or index_of(mapping)
    found: list[str | None] = []
    units: list[str | None] = []
    left = ""
    for header in headers:
        name, unit = normalise(header)
        canonical = _look_up(index, name, left)
        if canonical is None and header and LEVELS in header:
            name, unit = normalise(header.rsplit(LEVELS, 1)[1])
            canonical = _look_up(index, name, left)
        found.append(canonical if name else None)
        units.append(unit)
        left = name
    taken = [c for c in found if c]
    doubled = tuple(c for c in mapping.columns if taken.count(c) > 1)
    missing = tuple(c for c in mapping.required if c not in taken)
    return HeaderMatch(tuple((h or "").strip() for h in headers), tuple(found), tuple(units), missing, doubled)


def refusals(match: HeaderMatch, mapping: SourceMapping, file: str, sheet: str | None, row: int | None) -> list[Finding]:
    """H01 for each required column without a header, H02 for each column with several."""
    out = []
    for canonical in match.missing:
        wanted = [h.name if isinstance(h, HeaderName) else h for h in mapping.columns[canonical].headers]
        out.append(Finding("H01", {"col": canonical}, file, sheet, row, None,
                           advise("header_missing", col=canonical, names="、".join(wanted[:8]), source=mapping.source)))
    for canonical in match.doubled:
        several = [h for h, c in zip(match.headers, match.canonical) if c == canonical]
        out.append(Finding("H02", {"col": canonical, "v": "、".join(several)}, file, sheet, row, "、".join(several),
                           advise("header_doubled", col=canonical, names="、".join(several))))
    return out


def remarks(match: HeaderMatch, mapping: SourceMapping, file: str, sheet: str | None, row: int | None) -> list[Finding]:
    """H03 for each header that is not registered, H05 for each whose unit is not the mapping's."""
    out = [Finding("H03", {"col": h}, file, sheet, row, h, advise("header_unregistered", col=h, source=mapping.source))
           for h in match.unregistered]
    for header, canonical, unit in zip(match.headers, match.canonical, match.units):
        declared = mapping.columns[canonical].unit if canonical else None
        if declared and unit in ("元", "万元") and unit != declared:
            out.append(Finding("H05", {"col": header, "a": declared, "b": unit}, file, sheet, row, header,
                               advise("unit_changed", a=declared, b=unit)))
    return out
