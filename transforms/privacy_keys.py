"""Keyed pseudonyms: of callers and order numbers for linking, of whole rows for telling a revision."""
import hashlib
import hmac

import polars as pl

from transforms.canonical import LANDING_ONLY, RECORD
from transforms.match_text import fold_name

#: Not compared between revisions: the source's own stamp, and what is derived with the key or the masks.
_NOT_COMPARED = ("source_updated_at", "caller_key", "order_ref_hash", "address_masked")
#: Landing columns that tell of the matter and not of the caller.
_COMPARED_LANDING = ("address", "order_ref")
#: Numbers of services, not of callers: hotlines, emergency and operators' numbers, 400/800.
_SERVICE = r"^(?:\d{3,6}|(?:0\d{2,3})?(?:123\d\d|9[56]\d{3,4})|[48]00\d{7})$"
_LANDLINE = r"^0(?:10|2\d|[3-9]\d{2})[2-9]\d{6,7}$"


def derived_key(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that pseudonyms of different kinds never meet."""
    return hmac.digest(key, f"weisu:{purpose}".encode(), "sha256")


def pseudonym(values: pl.Series, key: bytes, kind: str) -> pl.Series:
    """HMAC-SHA256 of each value, its first 16 bytes in hexadecimal (32 characters); null stays null.

    Values of different kinds have different pseudonyms. Raises `ValueError` for an empty key.
    """
    if not key:
        raise ValueError("a pseudonym needs a key: set WEISU_SECRET")
    return keyed(values, derived_key(key, kind))


def keyed(values: pl.Series, own: bytes) -> pl.Series:
    """HMAC-SHA256 of each value with a key of its own purpose, as `pseudonym` gives it; null stays null."""
    unique = values.cast(pl.String).drop_nulls().unique(maintain_order=True)
    made = pl.Series([hmac.digest(own, v.encode(), "sha256")[:16].hex() for v in unique.to_list()], dtype=pl.String)
    table = pl.DataFrame({"value": unique, "made": made})
    joined = values.cast(pl.String).to_frame("value").join(table, on="value", how="left", maintain_order="left")
    return joined["made"].alias(values.name)


def e164(phones: pl.Series) -> pl.Series:
    """Phone numbers in E.164, for linking only: `+8613800000000`; a local number without area code is kept as `local:…`.

    Null where there is none: blank, pre-masked (`139****0000`), a service's number (12345, 95…, 400…), equal digits. Of
    several in one cell the first that is one. An extension belongs to the number.
    """
    text = (phones.cast(pl.String).str.normalize("NFKC").str.replace_all(r"[\u{200B}\u{FEFF}]", "")
            .str.replace(r"^\s*'?(\d+)\.0+\s*$", "${1}").str.replace_all(r"[‐–—−]", "-"))
    cells = pl.DataFrame({
        "row": pl.int_range(len(text), eager=True),
        "cell": text.str.replace_all(r"[/、;,，；|\n]|\s{2,}|或", ";").str.split(";"),
    }).explode("cell", empty_as_null=True)
    has_extension = pl.col("cell").str.contains(r"(?:转|分机|ext\.?)\s*\d{1,5}\s*$")
    parts = cells.with_columns(
        pl.when(has_extension).then(pl.concat_str(pl.lit(";ext="), pl.col("cell").str.extract(r"(\d{1,5})\s*$")))
        .otherwise(pl.lit("")).alias("extension"),
        pl.col("cell").str.replace(r"\s*(?:转|分机|ext\.?)\s*\d{1,5}\s*$", "").str.replace_all(r"[^\d+]", "")
        .str.replace(r"^(?:\+|00)?86(1[3-9]\d{9})$", "${1}").str.replace(r"^(?:\+|00)860?(\d{9,11})$", "0${1}")
        .str.replace(r"^01([3-9]\d{9})$", "1${1}").str.replace_all("+", "", literal=True).alias("digits"))
    digits, extension = pl.col("digits"), pl.col("extension")
    abroad = pl.col("cell").str.contains(r"^\s*(?:\+|00)\s*\(?(?:[1-79]|8[0-57-9])\d*")
    none = (pl.col("cell").str.contains(r"[*xX×#?•]{2,}") | digits.str.contains(_SERVICE) | (digits.str.len_chars() < 7)
            | digits.str.contains(r"^(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"))
    abroad = pl.col("cell").str.contains(r"^\s*\+1\D*[2-9]") & (digits.str.len_chars() == 11)
    number = (pl.when(none).then(None)
              .when(abroad).then(pl.concat_str(pl.lit("+"), digits))
              .when(abroad).then(pl.concat_str(pl.lit("+"), digits.str.strip_chars_start("0")))
              .when(digits.str.contains(r"^1[3-9]\d{9}$")).then(pl.concat_str(pl.lit("+86"), digits))
              .when(digits.str.contains(_LANDLINE)).then(pl.concat_str(pl.lit("+86"), digits.str.slice(1), extension))
              # Beijing's 010 whose zero a spreadsheet dropped.
              .when(digits.str.contains(r"^10[2-8]\d{7}$")).then(pl.concat_str(pl.lit("+86"), digits, extension))
              .when(digits.str.contains(r"^1?[2-9]\d{2}[2-9]\d{6}$")).then(pl.concat_str(pl.lit("+1"), digits.str.tail(10)))
              .when(digits.str.contains(r"^[2-9]\d{6,7}$")).then(pl.concat_str(pl.lit("local:"), digits, extension))
              .otherwise(pl.concat_str(pl.lit("+"), digits)))
    found = parts.select("row", number.alias("number")).group_by("row").agg(pl.col("number").drop_nulls().first())
    return found.sort("row")["number"].alias(phones.name)


def caller_keys(frame: pl.DataFrame, key: bytes) -> pl.Series:
    """Who called, as a pseudonym. frame: see `who_called`."""
    return pseudonym(who_called(frame), key, "caller")


def who_called(frame: pl.DataFrame) -> pl.Series:
    """What tells a caller: the phone, else the source's account, else name and address, else null. It never leaves memory.

    frame: source_id, caller_phone, caller_account, caller_name, caller_address, all String.
    """
    phone = e164(frame["caller_phone"])
    name, home = fold_name(frame["caller_name"]), fold_name(frame["caller_address"])
    return frame.select(
        pl.coalesce(
            pl.concat_str(pl.lit("phone\x1f"), phone),
            pl.concat_str(pl.lit("account\x1f"), "source_id", pl.lit("\x1f"), pl.col("caller_account").str.strip_chars()),
            pl.concat_str(pl.lit("name\x1f"), name, pl.lit("\x1f"), home),
        ).alias("caller_key"))["caller_key"]


def row_hashes(frame: pl.DataFrame, key: bytes) -> pl.Series:
    """A keyed BLAKE2b (32 hexadecimal characters) over the compared columns of schema.md, section 2, white space left out.

    frame: MAPPED columns, repaired but not masked, so that a new version of the masks is no revision. Not compared: lineage,
    issues, the source's own stamp, who called.
    """
    columns = [c for c in (*RECORD, *_COMPARED_LANDING) if c not in _NOT_COMPARED]

    def text(name: str) -> pl.Expr:
        dtype = RECORD.get(name, LANDING_ONLY.get(name))
        column = pl.col(name)
        if dtype == pl.String:
            column = column.str.replace_all(r"\s+", "")
        elif isinstance(dtype, pl.List):
            column = column.list.sort().list.join("\x1e")
        elif isinstance(dtype, pl.Datetime):
            column = column.dt.timestamp("us").cast(pl.String)
        elif dtype == pl.Float64:
            column = column.round_sig_figs(9).cast(pl.String)
        else:
            column = column.cast(pl.String)
        return column.replace("", None).fill_null("\x00")

    lines = frame.select(pl.concat_str([text(c) for c in columns], separator="\x1f").alias("line"))["line"]
    own = derived_key(key, "row")
    return pl.Series("row_hash", [hashlib.blake2b(line.encode(), digest_size=16, key=own).hexdigest() for line in lines.to_list()],
                     dtype=pl.String)
