"""The many ways of writing nothing (schema.md, section 7)."""
import polars as pl

#: Compared after NFKC, stripping and lower-casing. `0`, 否 and N are values.
MISSING = frozenset((
    "", "-", "--", "—", "——", "/", "\\", ".", "。", "无", "暂无", "没有", "无。", "无.", "不详", "未知", "未提供", "未填写",
    "不清楚", "待核实", "待补充", "保密", "匿名", "null", "none", "nan", "n/a", "#n/a", "na", "unspecified", "unknown", "undefined",
    "0000-00-00",
    "1900-01-00", "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!", "(null)", "<na>",
))
#: Missing in columns that hold a class, a word like any other elsewhere.
MISSING_CLASSES = MISSING | {"其他", "其它"}

_SPACE = " \t\r\n\u3000\u00a0\ufeff\u200b\u200c\u200d\u2060"


def stripped(value: pl.Expr) -> pl.Expr:
    """Without white space and invisible characters at its ends; empty is null."""
    return value.str.strip_chars(_SPACE).replace("", None)


def folded(value: pl.Expr) -> pl.Expr:
    """What spellings are compared by: NFKC, stripped, lower case."""
    return value.str.normalize("NFKC").str.strip_chars(_SPACE).str.to_lowercase()


def is_missing(value: pl.Expr, more: tuple[str, ...] = (), classes: bool = False) -> pl.Expr:
    """Whether a text says that there is nothing. `more`: a column's own spellings, as written in its mapping."""
    words = {*(MISSING_CLASSES if classes else MISSING), *(m.strip().lower() for m in more)}
    # Spellings are short: a long text need not be folded to be told from them.
    bare = value.str.strip_chars(_SPACE)
    short = pl.when(bare.str.len_bytes() <= 3 * max(map(len, words))).then(bare)
    return value.is_null() | folded(short).is_in(sorted(words)).fill_null(False)


def blank_missing(value: pl.Expr, more: tuple[str, ...] = (), classes: bool = False) -> pl.Expr:
    """The text as it is, null where it says that there is nothing."""
    return pl.when(~is_missing(value, more, classes)).then(value)


def shape_of(value: pl.Expr) -> pl.Expr:
    """What a value looks like without what it says: digits are 9, letters a, other characters 字. For messages."""
    return (value.str.slice(0, 30).str.replace_all(r"\d", "9").str.replace_all(r"[A-Za-z]", "a")
            .str.replace_all(r"[^0-9a\s\-/.:#+,年月日时分秒上下午]", "字"))
