"""Texts of records as weighted words, without the names of places and firms: what is left is about the problem."""
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from models.similarity import plain_text
from transforms.entities import alternatives, separate

#: Only so much of a content is read.
CONTENT_CHARS = 500
TITLE_WEIGHT = 3
#: Words of a hotline record that say who speaks and what is wished, not what is wrong.
FORMULAS = frozenset("""您好 你好 领导 尊敬 谢谢 感谢 请问 希望 建议 投诉 反映 咨询 举报 关于 问题 解决 相关 部门 政府 有关 我们 你们 他们 自己 一个 这个 那个 什么 怎么 如何
为什么 没有 可以 现在 已经 进行 情况 要求 请求 处理 能否 是否 尽快 但是 因为 所以 如果 就是 还是 不能 不是 以及 目前 市民 居民 来电 来电人 诉求 书记 市长 百忙之中 回复 多次 一直 今年 去年
时候 本人 强烈 严重 影响 造成 导致 对于 根据 通过 由于 其他 之前 之后 今天 昨天 小区 业主 西地省""".split())


def title_of(records: pl.DataFrame) -> pl.Series:
    """The titles, plain; the start of the content where a record has none."""
    content = plain_text(records["content"])
    title = plain_text(records["title"]) if "title" in records.columns else pl.Series([""] * records.height, dtype=pl.String)
    return pl.DataFrame({"t": title, "c": content}).select(
        pl.when(pl.col("t") != "").then("t").otherwise(pl.col("c").str.slice(0, 40)))["t"]


def nameless(texts: pl.Series) -> pl.Series:
    """The texts with names of places and firms cut down to what they are (某某小区 to 小区)."""
    suffixes = alternatives("name_suffixes")
    return pl.DataFrame({"t": texts}).select(
        separate(pl.col("t")).str.replace_all(rf"(?:\p{{Han}}|[0-9a-z]){{2,5}}?({suffixes})", "|${1}|"))["t"]


def words_of(texts: pl.Series) -> pl.Series:
    """Lists of the words of two and more characters, without formulas and numbers."""
    import rjieba
    joined = pl.Series([" ".join(rjieba.cut(text)) for text in texts.to_list()], dtype=pl.String)
    return pl.DataFrame({"t": joined}).select(
        pl.col("t").str.extract_all(r"\p{Han}{2,}|[a-z]{2,}").list.eval(pl.element().filter(~pl.element().is_in(list(FORMULAS)))))["t"]


@dataclass
class Words:
    """A fixed vocabulary with weights: texts become rows of unit length in its columns."""

    vocabulary: pl.Series
    idf: np.ndarray

    @classmethod
    def learn(cls, lists: list[pl.Series], least: int = 3, most: float = 0.2) -> "Words":
        """The words that stand in at least `least` and at most the share `most` of the texts, in alphabetical order."""
        n = len(lists[0])
        both = pl.DataFrame({str(k): column for k, column in enumerate(lists)}).select(
            pl.concat_list(pl.all()).list.unique().alias("w")).explode("w").drop_nulls()
        count = both.group_by("w").len().filter((pl.col("len") >= least) & (pl.col("len") <= max(most * n, least))).sort("w")
        return cls(count["w"], np.log((n + 1) / count["len"].to_numpy()))

    def weigh(self, titles: pl.Series, contents: pl.Series) -> sparse.csr_matrix:
        """TF-IDF rows of unit length, `(n, len(vocabulary))`; a word of the title counts `TITLE_WEIGHT` times."""
        x = self._counts(titles) * TITLE_WEIGHT + self._counts(contents)
        x = x.tocsr()
        x.sort_indices()
        x.data = (1 + np.log(x.data)) * self.idf[x.indices]
        norms = np.sqrt(np.asarray(x.multiply(x).sum(axis=1)).ravel())
        x.data /= np.repeat(np.where(norms > 0, norms, 1), np.diff(x.indptr))
        return x

    def _counts(self, lists: pl.Series) -> sparse.csr_matrix:
        known = pl.DataFrame({"w": self.vocabulary}).with_row_index("column")
        rows = (pl.DataFrame({"w": lists}).with_row_index("row").explode("w").drop_nulls().join(known, on="w")
                .group_by("row", "column").len().sort("row", "column"))
        return sparse.csr_matrix((rows["len"].to_numpy().astype(float), (rows["row"].to_numpy(), rows["column"].to_numpy())),
                                 shape=(len(lists), len(self.vocabulary)))
