"""What is wrong with single rows: the rules of schema section 8 that look at one row, or at a row among its neighbours' texts.

The mapper, the repair and the masking have already said what only they can see; a code that a row has is not said again.
"""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

import polars as pl

from expectations.check_digits import fails_check_digit
from expectations.codes import append_issues, codes_of
from transforms.canonical import STATUSES

CATEGORIES = ("source_category_1", "source_category_2", "source_category_3")
#: Lengths at which programs cut texts off: varchar columns and a spreadsheet's cell.
CUT_LENGTHS = (255, 500, 1000, 2000, 4000, 32767)
EARLIEST = datetime(2000, 1, 1)
DRIFT = timedelta(minutes=10)
MOST_YUAN = 100_000_000
_ENDS_A_SENTENCE = r"[。！？!?.…”’\"')）】]$"
_MINUTES_AN_HOUR = 60


@dataclass(frozen=True)
class RowContext:
    """What the row rules must know besides the rows. Every default switches its rule off or is a setting of its own.

    mapped: the canonical columns that the source delivers (a rule about a column that a source doesn't have is silent);
    None: every column that holds a value anywhere. received_at: the moment of landing, UTC (T02).
    recent: earlier records' `content` (masked, as stored), `local_date` and, if at hand, `record_id` (C06).
    known_categories: the values seen or registered per category column (D03). covers_streets: the place's policy pack
    knows every street (G01). streets: `name`, `street_code`: full names as they stand in addresses (G02).
    box: west, south, east, north in WGS-84 degrees (G03).
    """

    mapped: frozenset[str] | None = None
    received_at: datetime | None = None
    recent: pl.DataFrame | None = None
    known_categories: Mapping[str, frozenset[str]] | None = None
    covers_streets: bool = False
    streets: pl.DataFrame | None = None
    box: tuple[float, float, float, float] | None = None
    shortest_content: int = 5
    cut_lengths: tuple[int, ...] = CUT_LENGTHS
    copy_days: int = 7
    copy_shortest: int = 15

    def delivers(self, frame: pl.DataFrame, column: str) -> bool:
        if self.mapped is not None:
            return column in self.mapped
        return column in frame.columns and frame[column].null_count() < frame.height


@dataclass(frozen=True)
class Neighbours:
    """What a slice's rows are judged by of their whole batch. longest: characters of its longest content, as masked. copied: per
    row of the slice, as of `copies`."""

    longest: int | None
    copied: pl.Series


def judge_mapped(frame: pl.DataFrame, context: RowContext | None = None, longest: int | None = None) -> pl.DataFrame:
    """C05 on texts as they came, before repair and masks change their length. frame: `content`, `issues`.

    longest: characters of the batch's longest content, where the frame is a slice of it; 0 where they are not known yet: then
    `take_back` is to be called once they are.
    """
    context = context or RowContext()
    return append_issues(frame.with_columns(codes_of().alias("_codes")), [_cut(context, longest)]).drop("_codes")


def take_back(frame: pl.DataFrame, longest: int, phones: bool) -> pl.DataFrame:
    """The frame without what was said before the whole batch was seen and isn't so: C05 of a text that is shorter than the longest
    that came, P03 where no row of the batch has a phone."""
    cut, silent = codes_of().list.contains("C05"), codes_of().list.contains("P03")
    wrong = (pl.element().struct.field("code") == "C05") & (pl.element().struct.field("found") != str(longest))
    if not phones:
        wrong |= pl.element().struct.field("code") == "P03"
    if not frame.select((cut | (silent & pl.lit(not phones))).any()).item():
        return frame
    return frame.with_columns(pl.col("issues").list.filter(~wrong))


def judge_rows(frame: pl.DataFrame, context: RowContext | None = None, neighbours: Neighbours | None = None) -> pl.DataFrame:
    """The frame (SAFE columns) with `issues` grown by K01, T01–T05, T09, C01, C02, C05, C06, D02, D03, G01–G03, N01, N02, M03.

    Where an issue's `found` and `expected` are shown they fill the rule's message; neither ever holds a text or a name.
    neighbours: where the frame is a slice of its batch, what the rules must know of the rest.
    """
    context = context or RowContext()
    if frame.is_empty():
        return frame
    near = neighbours or Neighbours(None, copies(frame, context))
    helped = frame.with_columns(
        codes_of().alias("_codes"),
        fails_check_digit(frame["respondent_uscc"]).alias("_bad_code"),
        is_generic(frame["respondent_name"]).alias("_generic"),
        near.copied.alias("_copies"),
        _elsewhere(frame, context).alias("_elsewhere"),
    ).with_columns(_length("content").alias("_length"))
    said = [*_keys(), *_times(context), *_texts(context, near.longest), *_domains(context), *_places(frame, context), *_names(frame, context),
            *_money(context)]
    return append_issues(helped, said).select(frame.columns)


def _unsaid(*codes: str) -> pl.Expr:
    """Rows that carry none of these codes yet."""
    return ~pl.any_horizontal(*(pl.col("_codes").list.contains(code) for code in codes))


def shown(value: pl.Expr) -> pl.Expr:
    """A category's or a street's name as it may be printed: null where it is long or holds a number, as no such name is."""
    return pl.when((value.str.len_chars() <= 40) & ~value.str.contains(r"\d{5,}|@")).then(value)


def _keys() -> list[tuple]:
    return [(pl.col("source_record_id").is_null() & _unsaid("K01", "K02"), "K01")]


def _times(context: RowContext) -> list[tuple]:
    created = pl.col("created_at")
    said: list[tuple] = [
        (created.is_null() & _unsaid("T01", "T02", "T03", "F01"), "T01"),
        ((created < pl.lit(EARLIEST).dt.replace_time_zone("UTC")) & _unsaid("T03"), "T03"),
        ((pl.col("created_precision") == "day") & _unsaid("T04"), "T04", None, None, None),
        ((pl.col("closed_at") < created) & _unsaid("T05"), "T05"),
        (_out_of_order() & _unsaid("T09"), "T09"),
    ]
    if context.received_at is not None:
        ahead = created - pl.lit(context.received_at)
        hours = (ahead.dt.total_minutes() / _MINUTES_AN_HOUR).round(1)
        said.append(((ahead > DRIFT) & _unsaid("T02"), "T02", None, hours))
    return said


def _out_of_order() -> pl.Expr:
    """Dispatch, signing and closing not in this order, or a closing date on a record that is still open."""
    dispatched, signed, closed = (pl.col(c) for c in ("dispatched_at", "signed_at", "closed_at"))
    return pl.any_horizontal((dispatched > signed).fill_null(False), (signed > closed).fill_null(False),
                             (dispatched > closed).fill_null(False), (dispatched < pl.col("created_at")).fill_null(False),
                             (closed.is_not_null() & (pl.col("status") == "open")).fill_null(False))


def _length(column: str) -> pl.Expr:
    """Characters that are not white space; 0 for a missing text."""
    return pl.col(column).str.replace_all(r"\s", "").str.len_chars().fill_null(0)


def _own_words() -> pl.Expr:
    """The content is somebody's words and not the name of its category, as where a source has no text."""
    return pl.all_horizontal(*(~pl.col("content").eq_missing(pl.col(c)) for c in CATEGORIES)) & pl.col("content").is_not_null()


def _texts(context: RowContext, longest: int | None) -> list[tuple]:
    nothing = (pl.col("_length") == 0) & (_length("title") == 0)
    short = (pl.col("_length") < context.shortest_content) & ~nothing & (_own_words() | pl.col("content").is_null())
    return [
        (nothing & _unsaid("C01", "F01"), "C01"),
        (short & _unsaid("C02", "C01", "F01"), "C02", None, str(context.shortest_content)),
        _cut(context, longest),
        ((pl.col("_copies") > 0) & _unsaid("C06"), "C06", None, pl.col("_copies"), str(context.copy_days)),
    ]


def _cut(context: RowContext, longest: int | None = None) -> tuple:
    """C05: exactly as long as a program allows, longer than which none of the batch is, and not at the end of a sentence."""
    length = pl.col("content").str.len_chars()
    most = length.max() if longest is None else pl.lit(longest)
    cut = length.is_in(list(context.cut_lengths)) & (length >= most) & ~pl.col("content").str.contains(_ENDS_A_SENTENCE)
    return (cut & _unsaid("C05"), "C05", None, length)


def copies(frame: pl.DataFrame, context: RowContext) -> pl.Series:
    """UInt32 per row: other records with the same text on the row's day or the `copy_days` before it, in the batch or before it.

    Texts shorter than `copy_shortest` signs and texts that are only their category's name have none. White space doesn't count.
    """
    return copies_among(text_keys(frame, context), context)


#: A text and a record as a number: a batch of millions is looked through by its numbers.
_TEXT = pl.col("content").str.replace_all(r"\s", "").hash(seed=0).alias("_key")
_RECORD = pl.col("record_id").hash(seed=0)


def text_keys(frame: pl.DataFrame, context: RowContext) -> pl.DataFrame:
    """What `copies_among` looks at, a row a row: _key and record_id (UInt64), local_date, _judged."""
    return frame.select(_TEXT, "local_date", _RECORD, (_own_words() & (_length("content") >= context.copy_shortest)).alias("_judged"))


def copies_among(rows: pl.DataFrame, context: RowContext) -> pl.Series:
    """As `copies`, of the rows' keys."""
    texts = rows.filter(pl.col("_judged") & pl.col("local_date").is_not_null()).drop("_judged")
    if context.recent is not None and not context.recent.is_empty():
        recent = context.recent.with_columns(_TEXT)
        if "record_id" not in recent.columns:
            recent = recent.with_columns(pl.format("recent:{}", pl.int_range(pl.len())).alias("record_id"))
        # Only texts that this batch has; a record that comes again is one record.
        again = recent.with_columns(_RECORD).select(texts.columns).join(texts.select("_key").unique(), on="_key", how="semi")
        texts = pl.concat([texts, again])
    # A record is one record however many of its revisions come; its first day counts.
    texts = texts.group_by("_key", "record_id").agg(pl.col("local_date").min())
    often = texts.filter(pl.len().over("_key") > 1).group_by("_key", "local_date").len("n").sort("_key", "local_date")
    if often.is_empty():
        return pl.zeros(rows.height, dtype=pl.UInt32, eager=True)
    within = often.rolling("local_date", period=f"{context.copy_days + 1}d", group_by="_key").agg(pl.col("n").sum().cast(pl.UInt32))
    found = (rows.join(texts.select("_key", "record_id", pl.col("local_date").alias("_day")), on=["_key", "record_id"], how="left",
                       maintain_order="left")
             .join(within.rename({"local_date": "_day"}), on=["_key", "_day"], how="left", maintain_order="left"))
    return found.select(pl.when("_judged").then(pl.col("n") - 1).fill_null(0).cast(pl.UInt32)).to_series()


def _domains(context: RowContext) -> list[tuple]:
    unknown = ~pl.col("status").is_in(list(STATUSES)) | pl.col("status").is_null()
    said: list[tuple] = [(unknown & _unsaid("D02", "F01"), "D02", None, shown(pl.col("status_raw")))]
    known = context.known_categories or {}
    strange = {c: pl.col(c).is_not_null() & ~pl.col(c).is_in(sorted(known[c])) for c in CATEGORIES if known.get(c)}
    if strange:
        # One issue a row: the coarsest level that is unknown, which explains those below it.
        column = pl.coalesce(*(pl.when(when).then(pl.lit(c)) for c, when in strange.items()))
        value = pl.coalesce(*(pl.when(when).then(pl.col(c)) for c, when in strange.items()))
        said.append((pl.any_horizontal(*strange.values()) & _unsaid("D03"), "D03", column, shown(value)))
    return said


def _elsewhere(frame: pl.DataFrame, context: RowContext) -> pl.Series:
    """Boolean per row: the address names another street of the district, and not the row's own."""
    if context.streets is None or context.streets.is_empty():
        return pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
    names = context.streets.select("name", pl.col("street_code").cast(pl.String)).unique("name", keep="first", maintain_order=True)
    rows = frame.select(pl.int_range(pl.len()).alias("row"), "street_code", pl.col("address_masked").alias("address"))
    rows = rows.filter(pl.col("street_code").is_not_null() & pl.col("address").is_not_null())
    named = (rows.with_columns(pl.col("address").str.extract_many(names["name"].to_list(), leftmost=True).alias("name"))
             .explode("name", empty_as_null=False).join(names.rename({"street_code": "_code"}), on="name", how="inner"))
    other = named.group_by("row").agg((pl.col("_code") == pl.col("street_code")).any().alias("own")).filter(~pl.col("own"))
    return pl.int_range(frame.height, eager=True).is_in(other["row"].sort().implode())


def _places(frame: pl.DataFrame, context: RowContext) -> list[tuple]:
    said: list[tuple] = [(pl.col("_elsewhere") & _unsaid("G02"), "G02")]
    if context.covers_streets:
        unmatched = pl.col("street").is_not_null() & pl.col("street_code").is_null()
        said.insert(0, (unmatched & _unsaid("G01"), "G01", None, shown(pl.col("street"))))
    if context.box is not None and context.delivers(frame, "lon"):
        west, south, east, north = context.box
        inside = pl.col("lon").is_between(west, east) & pl.col("lat").is_between(south, north)
        said.append((~inside & _unsaid("G03"), "G03"))
    return said


@cache
def generic_names() -> frozenset[str]:
    """Respondents' names that name nobody (`data/generic_respondents.txt`)."""
    text = (files("expectations") / "data" / "generic_respondents.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def is_generic(names: pl.Series) -> pl.Series:
    """Boolean: missing, or a name such as 便利店 that says what kind of place it is and not which."""
    known = names.drop_nulls().unique().sort()
    plain = (known.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\s()\[\]“”\"'《》]+", " ").str.strip_chars()
             .str.replace(r"^(某某|某|一家|一个|该|这家|那家|附近的?|楼下的?|小区内?的?|本市|网上|路边的?|一)", ""))
    joined = plain.str.replace_all(" ", "")
    generic = pl.Series(sorted(generic_names())).implode()
    return names.replace_strict(known, plain.is_in(generic) | joined.is_in(generic) | (joined == ""), default=True,
                                return_dtype=pl.Boolean)


def _names(frame: pl.DataFrame, context: RowContext) -> list[tuple]:
    said: list[tuple] = [(pl.col("_bad_code") & _unsaid("N01"), "N01")]
    if context.delivers(frame, "respondent_name"):
        said.append((pl.col("_generic") & _unsaid("N02"), "N02"))
    return said


def _money(context: RowContext) -> list[tuple]:
    absurd = pl.any_horizontal(*((pl.col(c) < 0) | (pl.col(c) > MOST_YUAN) for c in ("amount_claimed", "amount_recovered")))
    return [(absurd & _unsaid("M03"), "M03")]
