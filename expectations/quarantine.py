"""Quarantine: which rows may not pass, and what is said about them."""
from datetime import date

import polars as pl

from expectations.codes import codes_of, quarantining
from policy.catalogue import catalogue, say
from policy.rules import rules

SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "row_key": pl.String, "source_id": pl.String, "source_record_id": pl.String, "codes": pl.String, "message": pl.String,
    "file": pl.String, "sheet": pl.String, "row": pl.Int64, "file_sha256": pl.String, "first_seen": pl.Date, "replayed_on": pl.Date,
}
#: An issue's columns are joined by these; the first that is null gives way to the next.
_ISSUE = ("code", "column", "found", "expected")

#: Rules whose sentence says by itself what was expected.
_EXPECTS_ITSELF = frozenset({"T02", "T03"})


def split(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sound, quarantined): a row with any code whose effect is Q is quarantined, with all its codes. Both keep the rows' order."""
    bad = frame.select(pl.any_horizontal(pl.lit(False), *(codes_of().list.contains(code) for code in sorted(quarantining())))
                       .fill_null(False).alias("bad"))["bad"] if frame.height else pl.Series([], dtype=pl.Boolean)
    return frame.filter(~bad), frame.filter(bad)


def quarantine_rows(quarantined: pl.DataFrame, run_date: date) -> pl.DataFrame:
    """What is kept of quarantined rows, one row each, in the columns of SCHEMA, in order of `row_key`.

    codes: all of a row's codes, in the order of the rules, joined by commas. message: “中文 | English” for what quarantined
    it, with column and what was expected where known, and what to do; file and row have columns of their own.
    row_key: stable for the row's content (`row_hash` and, among equal rows, a count), so that a row sent again keeps its key
    however the files were shuffled or split.
    """
    if quarantined.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    rows = quarantined.sort("source_id", "source_record_id", "row_hash", "file_sha256", "sheet", "row_number", nulls_last=True)
    own = pl.coalesce("row_hash", pl.format("{}/{}/{}", "file_sha256", pl.col("sheet").fill_null(""), "row_number"))
    rows = rows.with_columns(pl.format("{}:{}:{}", "source_id", pl.col("source_record_id").fill_null(""), own).alias("_own"))
    rows = rows.with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("_row"),
        pl.format("{}:{}", "_own", pl.int_range(pl.len()).over("_own")).alias("row_key"))
    said = _sentences(rows)
    return (rows.join(said, on="_row", how="left", maintain_order="left")
            .select("row_key", "source_id", "source_record_id", "codes", "message", pl.col("file_name").alias("file"), "sheet",
                    pl.col("row_number").alias("row"), "file_sha256", pl.lit(run_date).alias("first_seen"),
                    pl.lit(None, dtype=pl.Date).alias("replayed_on"))
            .sort("row_key"))


def _sentences(rows: pl.DataFrame) -> pl.DataFrame:
    """_row, codes, message. A sentence is made once for each distinct issue, however many rows have it."""
    order = {code: i for i, code in enumerate(rules())}
    issues = rows.select("_row", "issues").explode("issues", empty_as_null=False).unnest("issues").with_columns(
        pl.col("code").replace_strict(order, default=len(order), return_dtype=pl.Int32).alias("_order"))
    issues = issues.sort("_row", "_order", "column", "found", "expected", nulls_last=True)
    codes = issues.unique(["_row", "code"], keep="first", maintain_order=True).group_by("_row", maintain_order=True).agg(
        pl.col("code").str.join(","))
    grave = issues.filter(pl.col("code").is_in(sorted(quarantining())))
    distinct = grave.select(_ISSUE).unique(maintain_order=True)
    distinct = distinct.with_columns(
        pl.Series(lang, [_sentence(lang, *issue) for issue in distinct.iter_rows()], dtype=pl.String) for lang in ("zh", "en"))
    told = grave.join(distinct, on=list(_ISSUE), how="left", nulls_equal=True, maintain_order="left")
    told = told.group_by("_row", maintain_order=True).agg(pl.col("zh").unique(maintain_order=True).str.join("；"),
                                                         pl.col("en").unique(maintain_order=True).str.join("; "))
    return (codes.rename({"code": "codes"}).join(told, on="_row", how="left")
            .select("_row", "codes", pl.format("{} | {}", "zh", "en").alias("message")))


def _sentence(lang: str, code: str, column: str | None, found: str | None, expected: str | None) -> str:
    """The rule's sentence, the source's own header, what was expected where the sentence has no place for it, and what to do."""
    rule = rules()[code]
    text = rule.message(lang, found=found, expected=expected, column=column)
    if column is not None and column not in text:
        text += say("quarantine_column", lang, column=column)
    if expected is not None and expected not in text and code not in _EXPECTS_ITSELF:
        text += say("quarantine_expected", lang, expected=expected)
    advice = advice_for(code, lang)
    return f"{text}。{advice}" if advice and lang == "zh" else f"{text}. {advice[0].upper()}{advice[1:]}" if advice else text


def advice_for(code: str, lang: str) -> str | None:
    """What to do about a rule that spoke, or None where its sentence says it all."""
    key = f"advice_{code}"
    return say(key, lang) if key in catalogue() else None


