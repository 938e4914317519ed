"""Places and respondents named in Chinese free text, by patterns; vectorised over whole columns.

Patterns only: what is ambiguous stays null. Anonymised codes (A市, A3区, A7县, A9市) are read as city and district, so
that a board that hides its names still has places.
"""
from functools import cache
from pathlib import Path

import polars as pl
import yaml

#: Only so much of a text is searched: a place stands in the title or the first sentences.
HEAD_CHARS = 300
#: A respondent's name of fewer characters is not looked for in texts.
NAME_CHARS = 4
CODED_CITY = r"\b([A-Z]市)"
CODED_DISTRICT = r"([A-Z]\d{1,2}[区县市])"


@cache
def words() -> dict[str, list[str]]:
    """The word lists of data/entities.yaml: cues, suffixes, known cities and districts, company affixes."""
    return yaml.safe_load((Path(__file__).parent / "data" / "entities.yaml").read_text(encoding="utf-8"))


def alternatives(key: str) -> str:
    """A word list as a regex alternation, longer words first."""
    return "|".join(sorted(words()[key], key=lambda w: (-len(w), w)))


def separate(texts: pl.Expr) -> pl.Expr:
    """The text with the words that come before or between names (我住在, 位于, 关于 …) replaced by a bar, so that a name starts after one."""
    cues = sorted(words()["cues"], key=lambda w: (-len(w), w))
    return (texts.str.replace_all(r"[A-Z]\d{0,2}[区县市]|[A-Z]省|西地省", "|")
            .str.replace_all(r"[·・•]", "")
            .str.replace_many(cues, ["|"] * len(cues), leftmost=True))


def name_before(texts: pl.Expr, suffixes: str, least: int, most: int) -> pl.Expr:
    """The first name of `least`..`most` Han characters that ends in one of the suffixes; null where there is none."""
    name = texts.str.extract(rf"((?:\p{{Han}}|[0-9]){{{least},{most}}}?(?:{suffixes}))", 1)
    ordinary = "|".join(sorted(words()["not_places"], key=lambda w: (-len(w), w)))
    return pl.when(name.str.contains(rf"^(?:\p{{Han}}{{0,2}})?(?:{ordinary})$")).then(None).otherwise(name)


def extract_places(title: pl.Series, content: pl.Series) -> pl.DataFrame:
    """Places named in the texts: a frame of `city`, `district`, `street`, `community` (strings, null where none is named).

    The title speaks first, then the first `HEAD_CHARS` characters of the content. One row per text, in the texts' order.
    """
    texts = pl.DataFrame({"title": title.cast(pl.String), "content": content.cast(pl.String).str.slice(0, HEAD_CHARS)})
    found = texts.lazy()
    columns = {}
    for column in ("title", "content"):
        raw = pl.col(column)
        # A larger place in front is no part of the smaller one's name.
        bare = separate(raw.str.replace_all(rf"(?:{alternatives('cities')}|{alternatives('districts')})", "|"))
        inside = bare.str.replace_all(rf"\p{{Han}}{{2,4}}?(?:{alternatives('street_suffixes')})", "|")
        columns[column] = {
            "city": pl.coalesce(raw.str.extract(r"(?:^|[^A-Za-z])([A-Z]市)", 1), raw.str.extract(f"({alternatives('cities')})", 1)),
            "district": pl.coalesce(
                raw.str.extract(CODED_DISTRICT, 1), raw.str.extract(f"({alternatives('districts')})", 1),
                raw.str.extract(r"市(\p{Han}{2,3}?[区县])", 1)),
            "street": name_before(bare, alternatives("street_suffixes"), 2, 5),
            "community": name_before(inside, alternatives("community_suffixes"), 2, 8),
        }
    return found.select(pl.coalesce(columns["title"][name], columns["content"][name]).alias(name)
                        for name in ("city", "district", "street", "community")).collect()


def normalise_respondent(names: pl.Series) -> pl.Series:
    """The name by which spellings of one respondent are compared, same length; null where nothing is left.

    Brackets and what stands in them that is a region, a branch or a legal form; region in front; legal form at the end;
    case, width and white space. What only describes (商家, 某小吃店, 楼下那家理发店) is no name.
    """
    value = pl.col("name").cast(pl.String).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\s\"'“”‘’《》「」·・•,，。.、_*-]+", "")
    value = value.str.replace_all(rf"[(（【\[](?:[^()（）【】\[\]]*?(?:{alternatives('branches')}|{alternatives('legal_forms')})|"
                                  rf"{alternatives('regions')})[)）】\]]", "")
    value = value.str.replace_all(r"[()（）【】\[\]]", "")
    value = value.str.replace(rf"^(?:(?:{alternatives('regions')})(?:省|市|区|县)?)+", "")
    for _ in range(2):
        value = value.str.replace(rf"(?:{alternatives('legal_forms')})$", "")
    generic = rf"^(?:(?:{alternatives('generic_beginnings')}).*|(?:{alternatives('generic_respondents')})?)$"
    value = pl.when(value.str.contains(generic)).then(None).otherwise(value)
    return pl.DataFrame({"name": names}, schema={"name": pl.String}).select(value.alias("name"))["name"].alias(names.name)


def told_respondents(title: pl.Series, content: pl.Series, known: pl.Series) -> pl.Series:
    """The respondent that each text names: strings as in `known`, null where it names none of them, or several.

    The title speaks first, then the first `HEAD_CHARS` characters of the content. known: names as `normalise_respondent` gives them; those shorter than
    `NAME_CHARS` stand in texts for other reasons. One row per text, in the texts' order.
    """
    names = known.drop_nulls().unique().sort().to_list()
    names = [n for n in names if len(n) >= NAME_CHARS]
    texts = pl.DataFrame({"title": title.cast(pl.String), "content": content.cast(pl.String).str.slice(0, HEAD_CHARS)}).with_columns(
        pl.all().fill_null("").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", ""))
    if not names:
        return pl.Series("respondent", [None] * texts.height, dtype=pl.String)
    found = {c: pl.col(c).str.extract_many(names, leftmost=True).list.unique() for c in texts.columns}
    one = {c: pl.when(each.list.len() == 1).then(each.list.first()) for c, each in found.items()}
    # A title that names two is not helped by the content.
    return texts.select(pl.when(found["title"].list.len() > 1).then(None).otherwise(pl.coalesce(one["title"], one["content"])).alias("respondent"))["respondent"]


def named_things(texts: pl.Series) -> pl.Series:
    """The names (estates, roads, schools, firms …) in each text, a list of strings without their generic suffix; the texts' order."""
    suffixes = alternatives("name_suffixes")
    bare = separate(pl.col("text"))
    return pl.DataFrame({"text": texts.cast(pl.String)}).select(
        bare.str.extract_all(rf"(?:\p{{Han}}|[0-9a-zA-Z]){{2,7}}?(?:{suffixes})")
        .list.eval(pl.element().str.replace(rf"(?:{suffixes})$", "").filter(pl.element().str.len_chars() >= 3)))["text"]
