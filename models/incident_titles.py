"""A title for an incident from its records' own words: the most central title, trimmed of who writes and what is asked."""
import numpy as np
import polars as pl

from models.similarity import WIDTH, count_matrix, plain_text

#: What stands around the matter in a title: who speaks, what is wished, whom it addresses.
LEAD = (r"^(?:再次|第[一二三四五六七八九十\d]+次|强烈|恳请|请求|请问|请|求助|求|关于|反映|投诉|举报|咨询|建议|希望|要求|诉求|来电人|市民|来电|称|我想|想|"
        r"有关部门|领导|书记|市长|关注|重视|解决|一下|尽快|严查|查处|[:：,，!！\s【】])+")
TAIL = r"(?:的)?(?:投诉|咨询|建议|问题|情况|求助|请求)?[?？!！。,，、…~\s]+$|(?:的)(?:投诉|咨询|建议|求助|请求)$"
#: A title that is about something (对某事的建议) stays so but for the word before it.
ABOUT = r"^(?:对于|对|给|就)(.{3,}的.{0,4}(?:建议|意见|看法|疑问|疑惑|质疑|投诉))[?？!！。…~\s]*$"
LONGEST = 40
#: Of so many records an incident's title is chosen, those between its first and its last by turns.
CHOICE = 50


def tidy_title(titles: pl.Series) -> pl.Series:
    """Titles without formulas at either end, at most `LONGEST` characters; one that would be empty stays as it was."""
    led = pl.col("t").str.strip_chars().str.replace(LEAD, "")
    bare = pl.coalesce(led.str.extract(ABOUT, 1), led.str.replace(TAIL, "")).str.strip_chars()
    shown = pl.when(bare.str.len_chars() >= 4).then(bare).otherwise(pl.col("t").str.strip_chars())
    return pl.DataFrame({"t": titles.cast(pl.String)}).select(
        pl.when(shown.str.len_chars() > LONGEST).then(shown.str.slice(0, LONGEST - 1) + "…").otherwise(shown).alias("t"))["t"]


def incident_title(records: pl.DataFrame) -> str:
    """The title of one incident, see `incident_titles`; "" for no records, or none with a word."""
    titles = incident_titles(records.with_columns(incident_id=pl.lit("")))
    return (titles["title"][0] or "") if titles.height else ""


def incident_titles(records: pl.DataFrame) -> pl.DataFrame:
    """(incident_id, title): for each incident the most central of its records' titles (the start of the content where there is none), tidied; by id.

    records: `incident_id`, and `title` and/or `content`, masked. Central is what says most of what the incident's other titles say, and is neither long
    nor very short. The same for any order of the rows.
    """
    texts = [name for name in ("title", "content") if name in records.columns]
    first_clause = pl.col("content").str.strip_chars().str.extract(r"^(?:[^:：]{1,8}[:：])?\s*([^。！？!?；;\n]{4,60})", 1)
    title = pl.coalesce(pl.lit(None, pl.String), *([pl.when(pl.col("title").str.len_chars() > 0).then("title")] if "title" in texts else []),
                        *([first_clause, pl.col("content").str.slice(0, LONGEST)] if "content" in texts else []))
    told = records.select("incident_id", title.alias("t")).drop_nulls().sort("incident_id", "t")
    if told.is_empty():
        return pl.DataFrame(schema={"incident_id": pl.String, "title": pl.String})
    counts = count_matrix(plain_text(told["t"]))
    group = told["incident_id"].rle_id().to_numpy().astype(np.int64)
    row = np.repeat(np.arange(told.height), np.diff(counts.indptr))
    _, feature, spread = np.unique(group[row] * WIDTH + counts.indices, return_inverse=True, return_counts=True)
    n = np.bincount(group)[group]
    weight = (spread[feature] > 1) * np.sqrt(spread[feature] / n[row]) + 1e-9
    weight /= np.sqrt(np.bincount(row, weight**2, told.height))[row]
    central = np.bincount(row, weight * np.bincount(feature, weight)[feature], told.height)
    length = told["t"].str.len_chars().to_numpy().astype(np.int64)
    score = np.round(central / n - 0.004 * np.maximum(length - 24, 0) - 0.02 * np.maximum(10 - length, 0), 9)
    best = told.select("incident_id", tidy_title(told["t"]).alias("title"), pl.Series("score", score))
    return best.group_by("incident_id", maintain_order=True).agg(pl.col("title").get(pl.col("score").arg_max()))


def spread_records(ordered: pl.DataFrame, at_most: int = CHOICE) -> pl.DataFrame:
    """At most so many records of each incident (`incident_id`), from its first to its last by turns, in their order."""
    at, n = pl.int_range(pl.len()).over("incident_id"), pl.len().over("incident_id").cast(pl.Int64)
    return ordered.filter((n <= at_most) | (at == 0) | ((at * at_most) // n != ((at - 1) * at_most) // n))
