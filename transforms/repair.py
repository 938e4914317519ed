"""Repair of garbled text, in the order in which the damage must be undone.

Bytes read with the wrong table · a lost byte (`?！蓖ㄖ輩^` → `。”通州區`) · remains of tags · pinyin in brackets · inserted
commas · traditional characters, where they are damage · page furniture at the end. Whether a text is repaired depends on
that text and its source's switch alone, and repairing twice is repairing once. Numbers are never touched, full-width
forms stay, and what was truly lost is left as it is and counted.
"""
import html as html_entities
import re
from collections.abc import Iterable
from functools import cache

import polars as pl

from transforms.canonical import add_issues
from transforms.match_text import changing, character_class, simplify_one, traditional_signs
from transforms.mojibake import HIGH_LATIN, LOST_BYTE_TAG, LOST_BYTES, beyond_repair, recode, repair_lost_byte, utf8_as_gbk
from transforms.repair_commas import COMMA_SIGN, count_commas, drop_commas
from transforms.repair_pinyin import GLOSS_SIGN, count_glosses, strip_glosses
from transforms.repair_space import tidy

#: What is repaired or found, in the order of the steps. The last three are marks: the text stays as it is.
KINDS = ("bytes", "lost_byte", "tags", "pinyin", "commas", "traditional", "furniture", "irreparable", "noise", "garbled")
#: Kinds that mean a text was garbled and is not any more: they are named in rule C04.
RECIPES = ("bytes", "lost_byte", "tags", "pinyin", "commas", "traditional", "furniture")
#: Texts that are repaired; names and categories are not.
REPAIRED = ("title", "content", "reply")

_FURNITURE = ("官方微信公众号", "官方微信公眾號", "官方微信", "官方微博")
_FURNITURE_SIGN = r"\n\s*(?:" + "|".join(_FURNITURE) + r")\s*$"
_TAG = re.compile(r"</?(?:p|br|div|span|b|i|u|em|strong|font|a|img|table|tbody|tr|td|th|ul|ol|li|h[1-6]|hr|o:p)"
                  r"(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAK = re.compile(r"</?(?:p|br|div|tr|li|h[1-6]|hr)(?:\s[^<>]*)?/?>", re.IGNORECASE)
#: Random ASCII at a line's end, with brackets or slashes that no order number has.
_NOISE = re.compile(r"[\u4e00-\u9fff:：] *(?=[!-~]*[A-Za-z])(?=[!-~]*[{}|\\^\]\[])[!-~]{4,}$", re.MULTILINE)
_NOISE_SIGN = r"[{}|\\^\[\]]"
_LOST_SIGN = "\ufffd|锟斤拷|烫烫烫|屯屯屯|[?]{4}"
#: Stands for a span that is left alone; no text may hold it.
_HOLD = "\ufdd0"
_Counts = dict[str, int]


@cache
def _signs() -> str:
    """A text without any of these is sound; one pass finds the others."""
    return "|".join((r"\?[！!]", GLOSS_SIGN, COMMA_SIGN, HIGH_LATIN + "{2}", character_class(utf8_as_gbk()) + "[^\\x00-\\x7f]",
                     _LOST_SIGN, _NOISE_SIGN, _FURNITURE_SIGN))


def _simplify_around(text: str, spans: list[str]) -> tuple[str, int]:
    """Traditional → simplified but for the spans, and how many characters that touched."""
    held = text
    if _HOLD not in text:
        for span in spans:
            held = held.replace(span, _HOLD, 1)
    traditional = sum(c in changing() for c in held)
    if not traditional:
        return text, 0
    new = simplify_one(held)
    touched = sum(a != b for a, b in zip(held, new, strict=False))
    if _HOLD not in text:
        for span in spans:
            new = new.replace(_HOLD, span, 1)
    return new, touched


def _strip_furniture(text: str) -> tuple[str, int]:
    lines, gone = text.split("\n"), 0
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].strip() in _FURNITURE):
        if lines[-1].strip():
            gone += 1
        elif not any(line.strip() in _FURNITURE for line in lines[-2:]):
            break
        lines.pop()
    return ("\n".join(lines), gone) if gone else (text, 0)


def _strip_tags(text: str) -> tuple[str, int]:
    tags = len(_TAG.findall(text))
    new = html_entities.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    return new, tags or int(new != text)


def _once(text: str, damaged: bool, html: bool) -> tuple[str, _Counts]:
    counts: _Counts = {}
    text, recipe = recode(text)
    counts["bytes"] = int(recipe is not None)
    text, counts["lost_byte"], spans = repair_lost_byte(text)
    lost = [text[a:b] for a, b in spans]
    text, tags = LOST_BYTE_TAG.subn("。”", text)
    counts["lost_byte"] += tags
    counts["tags"] = tags
    if html:
        text, more = _strip_tags(text)
        counts["tags"] += more
    text, counts["pinyin"] = strip_glosses(text, damaged)
    text, counts["commas"] = drop_commas(text, damaged)
    counts["traditional"] = 0
    if counts["pinyin"] or (damaged and re.search(traditional_signs(), text)):
        text, counts["traditional"] = _simplify_around(text, lost)
    text, counts["furniture"] = _strip_furniture(text)
    counts["irreparable"] = len(lost) + len(LOST_BYTES.findall(text))
    return text, counts


def _repair_one(text: str, damaged: bool, html: bool) -> tuple[str, _Counts]:
    """One text repaired until nothing changes, and what was done to it by kind."""
    total = dict.fromkeys(KINDS, 0)
    for _ in range(4):
        new, counts = _once(text, damaged, html)
        for kind in RECIPES:
            total[kind] += counts[kind]
        total["irreparable"] = counts["irreparable"]
        if new == text:
            break
        text = new
    total["noise"] = len(_NOISE.findall(text))
    total["garbled"] = int(beyond_repair(text))
    return text, total


def _suspects(texts: pl.Series, damaged: pl.Series, html: bool) -> pl.Series:
    signs = texts.str.contains(_signs())
    if damaged.any():
        signs = signs | (damaged & texts.str.contains(traditional_signs()))
    if html:
        signs = signs | texts.str.contains(r"<[a-zA-Z/][^<>]*>|&[a-z#0-9]{2,8};")
    return signs.fill_null(False)


def _examined(texts: pl.Series, damaged: pl.Series, html: bool) -> tuple[pl.Series, pl.DataFrame]:
    """The repaired texts, and for the suspects a frame: row (u32) and one Int64 column per kind. Equal texts are done once."""
    where = _suspects(texts, damaged, html)
    pairs = pl.DataFrame({"row": where.arg_true(), "text": texts.filter(where), "damaged": damaged.filter(where)})
    unique = pairs.select("text", "damaged").unique(maintain_order=True)
    done = [_repair_one(text, switch, html) for text, switch in unique.iter_rows()]
    table = unique.with_columns(pl.Series("new", [new for new, _ in done], dtype=pl.String),
                                *(pl.Series(kind, [counts[kind] for _, counts in done], dtype=pl.Int64) for kind in KINDS))
    found = pairs.join(table, on=["text", "damaged"], how="left", maintain_order="left")
    out = texts.clone().scatter(found["row"], found["new"]) if len(found) else texts
    return out.alias(texts.name), found.select("row", *KINDS)


def repair_text(texts: pl.Series, damaged: bool = False, html: bool = False) -> pl.Series:
    """The repaired texts: same length and name, nulls stay, each text judged alone; a second pass changes nothing.

    damaged: the source is known to insert pinyin and commas, so that one sign is enough and traditional forms are damage.
    html: the column is HTML, so that known tags and entities are removed.
    """
    texts = pl.Series(texts.name, texts, dtype=pl.String)
    switch = pl.repeat(damaged, len(texts), dtype=pl.Boolean, eager=True)
    return _examined(texts, switch, html)[0]


def shows_signs(texts: pl.Series) -> pl.Series:
    """Boolean: where a text has inserted pinyin, an inserted comma or a lost byte, whether or not it may be repaired."""
    maybe = texts.str.contains("|".join((r"\?[！!]", GLOSS_SIGN, COMMA_SIGN))).fill_null(False)
    some = texts.filter(maybe).to_list()
    shown = [count_glosses(t) > 0 or count_commas(t) > 0 or repair_lost_byte(t)[1] > 0 for t in some]
    none = pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True)
    return none.scatter(maybe.arg_true(), pl.Series(shown, dtype=pl.Boolean)) if shown else none


def _recipe(found: pl.DataFrame, height: int) -> pl.Series:
    """For every row the kinds repaired in it, joined by "+"; null where none was."""
    named = found.select("row", pl.concat_str(
        *(pl.when(pl.col(k) > 0).then(pl.lit(k)) for k in RECIPES), separator="+", ignore_nulls=True).alias("recipe"),
    ).with_columns(pl.col("recipe").replace("", None))
    out = pl.repeat(None, height, dtype=pl.String, eager=True)
    return out.scatter(named["row"], named["recipe"]) if named.height else out


def repair_records(frame: pl.DataFrame, damaged: bool | pl.Expr = False, html: Iterable[str] = ()) -> tuple[pl.DataFrame, _Counts]:
    """Title, content and reply repaired and their white space tidied; names and everything else stay.

    frame: MAPPED columns. damaged: the source's switch, or an expression of it by row. html: columns that hold HTML.
    Adds C04 (found: the kinds, joined by "+") where a text was repaired and C03 where the content is garbled as a whole.
    Returns the frame and what was done in the batch: a count of edits per kind (KINDS, "controls", "spaces"), of "rows",
    and of "rows_with_signs": where the switch is off and these are a fifth of the rows, the source is damaged.
    """
    switch = (frame.select(damaged.fill_null(False).alias("damaged"))["damaged"] if isinstance(damaged, pl.Expr)
              else pl.repeat(damaged, frame.height, dtype=pl.Boolean, eager=True))
    if len(switch) != frame.height:
        switch = pl.repeat(bool(switch[0]), frame.height, dtype=pl.Boolean, eager=True)
    counts = dict.fromkeys((*KINDS, "controls", "spaces"), 0)
    signs = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
    columns: list[pl.Series] = []
    findings: list[tuple] = []
    marks: list[pl.Series] = []

    def mark(series: pl.Series, column: str) -> pl.Expr:
        marks.append(series.alias(column))
        return pl.col(column)

    for name in (c for c in REPAIRED if c in frame.columns):
        signs = signs | shows_signs(frame[name])
        text, found = _examined(frame[name], switch, name in set(html))
        clean, invisible, spaces = tidy(text)
        for kind in KINDS:
            counts[kind] += int(found[kind].sum())
        counts["controls"] += int(invisible.sum())
        counts["spaces"] += int(spaces.sum())
        columns.append(clean.alias(name))
        recipe = mark(_recipe(found, frame.height), f"_recipe_{name}")
        findings.append((recipe.is_not_null(), "C04", name, recipe))
        if name == "content":
            lost = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
            rows = found.filter(pl.col("garbled") > 0)["row"]
            lost = lost.scatter(rows, True) if len(rows) else lost
            findings.insert(0, (mark(lost, "_lost"), "C03", name))
    out = frame.with_columns(columns)
    if "issues" in frame.columns and findings:
        out = out.with_columns(marks).with_columns(add_issues(findings)).drop([s.name for s in marks])
    return out, {**counts, "rows": frame.height, "rows_with_signs": int(signs.sum())}
