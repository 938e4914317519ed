"""A title for an incident from its records' own words: the most central title, trimmed of who writes and what is asked."""
import numpy as np
import polars as pl

from models.similarity import WIDTH, count_matrix, plain_text, reweighted, unit_rows

#: What stands around the matter in a title: who speaks, what is wished, whom it addresses.
LEAD = (r"^(?:再次|第[一二三四五六七八九十\d]+次|强烈|恳请|请求|请问|请|求助|求|关于|反映|投诉|举报|咨询|建议|希望|要求|诉求|来电人|市民|来电|称|我想|想|"
        r"有关部门|领导|书记|市长|关注|重视|解决|一下|尽快|严查|查处|[:：,，!！\s【】])+")
TAIL = r"(?:的)?(?:投诉|咨询|建议|问题|情况|求助|请求)?[?？!！。,，、…~\s]+$|(?:的)(?:投诉|咨询|建议|求助|请求)$"
LONGEST = 40


def tidy_title(titles: pl.Series) -> pl.Series:
    """Titles without formulas at either end, at most `LONGEST` characters; one that would be empty stays as it was."""
    bare = pl.col("t").str.strip_chars().str.replace(LEAD, "").str.replace(TAIL, "").str.strip_chars()
    shown = pl.when(bare.str.len_chars() >= 4).then(bare).otherwise(pl.col("t").str.strip_chars())
    return pl.DataFrame({"t": titles.cast(pl.String)}).select(
        pl.when(shown.str.len_chars() > LONGEST).then(shown.str.slice(0, LONGEST - 1) + "…").otherwise(shown).alias("t"))["t"]


def incident_title(records: pl.DataFrame) -> str:
    """The most central of the records' titles (the start of the content where there is none), tidied; "" for no records.

    `records`: frame with `title` and/or `content`, masked. The same for any order of the rows.
    """
    texts = [name for name in ("title", "content") if name in records.columns]
    if not records.height or not texts:
        return ""
    first_clause = pl.col("content").str.strip_chars().str.extract(r"^(?:[^:：]{1,8}[:：])?\s*([^。！？!?；;\n]{4,60})", 1)
    title = pl.coalesce(*([pl.when(pl.col("title").str.len_chars() > 0).then("title")] if "title" in texts else []),
                        *([first_clause, pl.col("content").str.slice(0, LONGEST)] if "content" in texts else []))
    titles = records.select(title.alias("t")).drop_nulls().sort("t")["t"]
    if not len(titles):
        return ""
    counts = count_matrix(plain_text(titles))
    n = len(titles)
    spread = np.bincount(counts.indices, minlength=WIDTH)
    x = unit_rows(reweighted(counts, (spread > 1) * np.sqrt(spread / n) + 1e-9))
    central = np.asarray(x @ np.asarray(x.sum(axis=0)).ravel()).ravel()
    length = titles.str.len_chars().to_numpy().astype(np.int64)
    score = np.round(central / n - 0.004 * np.maximum(length - 24, 0) - 0.02 * np.maximum(10 - length, 0), 9)
    return tidy_title(titles)[int(np.argmax(score))] or ""
