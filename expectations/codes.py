"""The rule codes that a frame's `issues` carry: read, counted, and more of them appended."""
import polars as pl

from policy.rules import QUARANTINE, rules
from transforms.canonical import NO_ISSUES


def codes_of(issues: str | pl.Expr = "issues") -> pl.Expr:
    """List(String): the codes of each row's issues, in their order."""
    column = pl.col(issues) if isinstance(issues, str) else issues
    return column.list.eval(pl.element().struct.field("code"))


def quarantining() -> frozenset[str]:
    """The codes whose effect is to quarantine the row."""
    return frozenset(code for code, rule in rules().items() if rule.effect == QUARANTINE)


def counts_by_code(frame: pl.DataFrame) -> dict[str, int]:
    """Rows that carry each code (a row counts once a code), in the order of the rules; codes without a row are left out."""
    if frame.is_empty():
        return {}
    said = (frame.select(pl.int_range(pl.len()).alias("row"), codes_of().alias("code")).explode("code", empty_as_null=False)
            .unique().group_by("code").len())
    have = dict(said.iter_rows())
    return {code: have[code] for code in rules() if code in have}


def append_issues(frame: pl.DataFrame, findings: list[tuple]) -> pl.DataFrame:
    """The frame with `issues` grown as by `transforms.canonical.add_issues`, at a cost that follows the new issues, not the rows.

    findings: tuples (when, code[, column[, found[, expected]]]); strings are literals, null `when` is false.
    """
    marks = frame.select(when.fill_null(False).alias(str(i)) for i, (when, *_) in enumerate(findings))
    new = []
    for i, (_, code, *rest) in enumerate(findings):
        at = marks[str(i)].arg_true()
        if at.is_empty():
            continue
        parts = dict(zip(("column", "found", "expected"), (*rest, None, None, None)))
        entry = pl.struct(pl.lit(code).alias("code"), *(_text(part).alias(name) for name, part in parts.items()))
        new.append(frame[at].select(at.cast(pl.UInt32).alias("_row"), entry.alias("issues")))
    if not new:
        return frame
    rows = frame.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("_row"))
    old = rows.select("_row", "issues").explode("issues", empty_as_null=False)
    grown = pl.concat([old, *new]).group_by("_row").agg("issues")
    return (rows.drop("issues").join(grown, on="_row", how="left", maintain_order="left")
            .with_columns(pl.col("issues").fill_null(NO_ISSUES)).select(frame.columns))


def _text(part: pl.Expr | str | None) -> pl.Expr:
    return pl.lit(part, dtype=pl.String) if part is None or isinstance(part, str) else part.cast(pl.String)
