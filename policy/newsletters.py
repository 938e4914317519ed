"""Which texts are newsletters or advertisements (`data/newsletters.yaml`)."""
import polars as pl

from policy.dated import load


def is_newsletter(title: pl.Series, content: pl.Series) -> pl.Series:
    """Whether each text has enough different marks of one: Boolean, false for a null text."""
    table = load("newsletters.yaml")
    text = pl.DataFrame({"t": title, "c": content}, schema={"t": pl.String, "c": pl.String}).select(
        pl.concat_str(pl.col("t").fill_null(""), pl.lit("\n"), pl.col("c").fill_null("")).str.normalize("NFKC").str.to_lowercase().alias("text"))
    marks = pl.sum_horizontal(pl.col("text").str.contains(words).cast(pl.Int32) for words in table["words"])
    return text.select((marks >= table["marks"]).alias("newsletter")).to_series()
