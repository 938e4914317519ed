"""Amounts in yuan from what people write: 1,200 · 1.2万 · 1万2 · 3千八 · 人民币叁仟元整 · 500-800 (schema.md, section 6)."""
import re
import unicodedata
from decimal import Decimal, InvalidOperation

import polars as pl

from sources.field_missing import is_missing

#: More than this, or less than nothing, is flagged (M03).
CEILING = Decimal(100_000_000)
_FITS = Decimal(10) ** 12

_DIGITS = dict(zip("零〇一二三四五六七八九壹贰叁肆伍陆柒捌玖两", (0, 0, *range(1, 10), *range(1, 10), 2)))
_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000, "万": 10_000, "萬": 10_000, "亿": 100_000_000}
_NUMERAL = "".join((*_DIGITS, *_UNITS))
_VAGUE = re.compile(r"[几数]\s*[十百千万]|多少|若干|不等")
_DRESS = re.compile(r"人民币|rmb|cny|yuan|¥|￥|[:：]|大约|大概|约|近|共计?|合计|左右|上下|余|多|整|正$|以上|以内", re.IGNORECASE)
_RANGE = re.compile(r"^(.+?)\s*(?:--?|~|～|—+|–|至|到)\s*(.+)$")
_PLAIN = re.compile(r"^-?\d+(?:\.\d+)?(?:e\+?\d{1,2})?$")
_MIXED = re.compile(r"^(-?\d+(?:\.\d+)?)([十百千万亿])([\d零〇一二三四五六七八九两]?)$")
_CURRENCY = re.compile(r"[元块圆]")


def parse_money(values: pl.Series, unit: str = "元", missing: tuple[str, ...] = ()) -> pl.DataFrame:
    """One row a value: `amount` (Decimal(14, 2), yuan, null where there is none), `unreadable` (M01), `ranged` (M02: the low end
    was taken), `absurd` (M03: negative or above 100 million). `unit` is that of a bare number: 元 or 万元.

    Plain numbers are read at once; only the other distinct texts are looked at one by one.
    """
    name = "text"
    unique = values.alias(name).unique().to_frame()
    folded = pl.col(name).str.normalize("NFKC").str.replace_all(r"[,\s]|^[¥￥]", "")
    spaced = pl.col(name).str.normalize("NFKC").str.strip_chars().str.contains(r"\d\s+\d")
    factor = 10_000 if unit == "万元" else 1
    plain = pl.when(folded.str.contains(r"^-?\d{1,15}(\.\d+)?$") & ~spaced).then(folded)
    nothing = is_missing(pl.col(name), missing)
    read = unique.with_columns(nothing.alias("nothing"), plain.alias("plain"))
    odd = [t for t in read.filter(~pl.col("nothing") & pl.col("plain").is_null())[name].to_list() if t is not None]
    parsed = [_one(t, factor) for t in odd]
    read = read.join(pl.DataFrame({name: odd, "odd": [None if a is None else str(a) for a, _, _ in parsed],
                                   "bad": [b for _, b, _ in parsed], "ranged": [r for _, _, r in parsed]},
                                  schema={name: pl.String, "odd": pl.String, "bad": pl.Boolean, "ranged": pl.Boolean}),
                     on=name, how="left", nulls_equal=True)
    number = pl.when(~pl.col("nothing")).then(
        pl.coalesce(pl.col("plain").cast(pl.Float64, strict=False) * factor, pl.col("odd").cast(pl.Float64, strict=False)))
    fits = number.abs() < float(_FITS)
    read = read.select(
        name,
        pl.when(fits).then(number.round(2)).cast(pl.Decimal(14, 2)).alias("amount"),
        (pl.col("bad").fill_null(False) | (number.is_not_null() & ~fits).fill_null(False)).alias("unreadable"),
        pl.col("ranged").fill_null(False),
        ((number < 0) | (number > float(CEILING))).fill_null(False).alias("absurd"),
    )
    return values.alias(name).to_frame().join(read, on=name, how="left", nulls_equal=True, maintain_order="left").drop(name)


def _one(text: str, factor: int) -> tuple[Decimal | None, bool, bool]:
    """(yuan or None, unreadable, was a range) of one text that is no plain number."""
    said = unicodedata.normalize("NFKC", text).strip().lower()
    if _VAGUE.search(said):
        return None, False, False
    if re.search(r"\d\s+\d", said):
        # 98 00 may be 9,800 or 98 yuan and no fen.
        return None, True, False
    bare = re.sub(r"[,\s]", "", _DRESS.sub("", said))
    ranged = _RANGE.match(bare) if not bare.startswith("-") else None
    if ranged:
        low, high = ranged[1], ranged[2]
        # 1-2万 and 500-800元: what stands behind the second end is meant for both.
        tail = re.search(r"(?:[十百千万亿]|万?[元块圆])+$", high)
        if tail and not re.search(r"[十百千万亿元块圆]$", low):
            low += tail[0]
        first, last = _amount(low, factor), _amount(high, factor)
        if first is not None and last is not None:
            return min(first, last), False, True
        return None, True, False
    amount = _amount(bare, factor)
    return amount, amount is None, False


def _amount(text: str, factor: int) -> Decimal | None:
    """Yuan of one amount; a bare number is multiplied by `factor`, one with its own unit is not."""
    whole = text.partition("角")[0]
    own = bool(_CURRENCY.search(whole)) or bool(re.search("[十百千万亿]", whole))
    head, *tail = _CURRENCY.split(whole, maxsplit=1)
    number = _number(head)
    if number is None:
        return None
    if tail and tail[0]:
        jiao = _number(tail[0].removesuffix("分"))
        if jiao is None or jiao >= 100:
            return None
        number += jiao / 10 if jiao < 10 else jiao / 100
    return number if own else number * factor


def _number(text: str) -> Decimal | None:
    if _PLAIN.match(text):
        try:
            return Decimal(text)
        except InvalidOperation:
            return None
    mixed = _MIXED.match(text)
    if mixed:
        unit = _UNITS[mixed[2]]
        after = mixed[3]
        # 1万2 is 12,000: what follows a unit without one of its own is a tenth of it.
        small = Decimal(_DIGITS.get(after, int(after) if after.isdigit() and after.isascii() else 0)) * unit / 10 if after else Decimal(0)
        return Decimal(mixed[1]) * unit + small
    if text and all(c in _NUMERAL for c in text):
        return _numeral(text)
    return None


def _numeral(text: str) -> Decimal | None:
    """Chinese numerals: 五千, 一万二, 叁仟, 十二万五千."""
    total = section = digit = 0
    last_unit = 1
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
            if char in "零〇":
                last_unit = 1
            continue
        unit = _UNITS[char]
        if unit >= 10_000:
            total = (total + section + digit) * unit
            section = 0
        else:
            section += (digit or 1) * unit
        digit, last_unit = 0, unit
    # A digit after a unit is a tenth of it (一万二), unless 零 says otherwise.
    return Decimal(total + section) + Decimal(digit) * (Decimal(last_unit) / 10 if last_unit > 10 else 1)
