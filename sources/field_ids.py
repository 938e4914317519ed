"""Record numbers: text for ever, mended where a spreadsheet dressed them up, refused where it lost digits (rules K01–K05)."""
import hashlib

import polars as pl

from sources.field_missing import is_missing, stripped

#: Numbers of so many digits lose their end when they are typed as numbers.
LONG = 16


def mend_ids(raw: pl.Expr) -> pl.Expr:
    """NFKC, without quotes, apostrophes, white space and a decimal ".0"."""
    text = raw.str.normalize("NFKC").str.replace_all(r"[\s\u200b\u200c\u200d\ufeff'\"`‘’“”]", "")
    return stripped(text.str.replace(r"^(\d+)\.0+$", "$1").str.replace(r"^=", ""))


def was_mended(raw: pl.Expr, mended: pl.Expr) -> pl.Expr:
    """K03: more than white space at the ends was taken away."""
    return (stripped(raw.str.normalize("NFKC")) != mended).fill_null(False)


def lost_digits(mended: pl.Expr) -> pl.Expr:
    """K02: scientific notation."""
    return mended.str.contains(r"^[+-]?\d(?:\.\d+)?[eE]\+?\d{1,3}$").fill_null(False)


def absent(raw: pl.Expr, missing: tuple[str, ...]) -> pl.Expr:
    """K01."""
    return is_missing(raw, missing) | (mend_ids(raw).is_null())


def share_cut(ids: pl.Series) -> tuple[float, int]:
    """(share of long numbers that end in 000, how many long ones): K04 where it is more than half."""
    long = ids.filter(ids.str.contains(rf"^\d{{{LONG},}}$").fill_null(False))
    return (float(long.str.ends_with("000").mean() or 0.0), long.len()) if long.len() else (0.0, 0)  # type: ignore[arg-type]


def derived_ids(frame: pl.DataFrame, columns: list[str]) -> pl.Series:
    """Numbers made of what the row says, for a source without any: equal rows have equal numbers, in any file and order."""
    folded = [pl.col(c).cast(pl.String).fill_null("").str.normalize("NFKC").str.strip_chars() for c in columns]
    joined = frame.select(pl.concat_str(folded, separator="\x1f").alias("joined"))
    unique = joined.unique()
    digest = [hashlib.blake2b(t.encode(), digest_size=12).hexdigest() for t in unique["joined"]]
    return joined.join(unique.with_columns(pl.Series("id", digest, dtype=pl.String)), on="joined", how="left", maintain_order="left")["id"]
