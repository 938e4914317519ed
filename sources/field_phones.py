"""A caller's phone as digits, where there is one to be had (schema.md, section 6)."""
import polars as pl

from sources.field_missing import is_missing

#: Lines that are no caller's: the hotline's own and the emergency numbers.
HOTLINES = ("12345", "12315", "12331", "12365", "12358", "12388", "12320", "12329", "12333", "12366", "12369", "12396", "110", "119",
            "120", "122", "114", "10000", "10010", "10086", "95598", "311", "911")


def parse_phones(values: pl.Series, missing: tuple[str, ...] = ()) -> pl.Series:
    """Digits only (String), without country code and extension: the first phone of the cell, a mobile before a landline.

    Null where there is none, where digits are masked or lost (139****0000, 1.39E+10), for a hotline's own number, and for
    eleven equal digits.
    """
    raw = pl.col("raw").str.normalize("NFKC")
    lost = raw.str.contains(r"[*＊xX×]{2,}|\d\s*[eE]\+?\d")
    text = (raw.str.replace(r"\.0+\s*$", "").str.replace_all(r"(?i)\s*(?:转|分机|ext\.?|#)\s*\d{1,6}", " ")
            .str.replace_all(r"[\s\-–—().·'\u200b]+", " "))
    joined = text.str.replace_all(" ", "")
    whole = r"(?:^|\D)(?:\+|00)?(?:86 ?)?0?(1[3-9]\d{9})(?:\D|$)"
    # As written first: two numbers with only a space between them are not one long one.
    mobile = pl.coalesce(text.str.extract(whole, 1), joined.str.extract(whole, 1))
    landline = joined.str.extract(r"(?:^|[^\d])(?:\+86|0086|86)?(0\d{9,11}|0\d{2}\d{7,8})(?:[^\d]|$)", 1)
    # Some other number: what stands before a separator that parts two phones.
    other = joined.str.split_exact("/", 0).struct.field("field_0").str.extract(r"^\D*(\d{7,15})(?:\D|$)", 1)
    digits = pl.coalesce(mobile, landline, other)
    listed = pl.lit(False) if not missing else digits.is_in(sorted(missing))
    keep = digits.is_not_null() & ~lost & ~is_missing(pl.col("raw"), missing) & ~digits.is_in(HOTLINES) & ~listed & ~_all_equal(digits)
    unique = values.alias("raw").unique().to_frame().select("raw", pl.when(keep).then(digits).alias("phone"))
    return values.alias("raw").to_frame().join(unique, on="raw", how="left", nulls_equal=True, maintain_order="left")["phone"]


def _all_equal(digits: pl.Expr) -> pl.Expr:
    first = digits.str.slice(0, 1)
    return digits.str.count_matches(first, literal=True) == digits.str.len_chars()
