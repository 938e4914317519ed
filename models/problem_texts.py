"""Texts of records as weighted words and characters, without the names of places and firms: what is left is about the problem."""
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from models.similarity import count_matrix, plain_text, unit_rows
from models.threads import chunks
from transforms.entities import alternatives, separate

#: Only so much of a content is read.
CONTENT_CHARS = 1200
TITLE_WEIGHT = 3
DIRECTIONS = 150
#: Texts are turned into rows so many at a time, which bounds the memory.
ROWS_AT_ONCE = 20_000
#: A term of fewer texts, or of more than this share of them, tells nothing.
LEAST, MOST = 3, 0.4
HAN = (0x4E00, 0x9FFF)
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


def read(records: pl.DataFrame) -> pl.DataFrame:
    """-> frame of `title`, `content` (strings without names), `title_words`, `content_words` (lists) and `written` (the title with its names), in the
    records' order."""
    written = title_of(records)
    title, content = nameless(written), nameless(plain_text(records["content"]).str.slice(0, CONTENT_CHARS))
    return pl.DataFrame({"written": written, "title": title, "content": content, "title_words": words_of(title), "content_words": words_of(content)})


def word_counts(lists: pl.Series, vocabulary: pl.Series) -> sparse.csr_matrix:
    """How often each word of the vocabulary stands in each list: `(n, len(vocabulary))`, float64."""
    known = pl.DataFrame({"w": vocabulary}, schema={"w": pl.String}).with_row_index("column")
    rows = (pl.DataFrame({"w": lists}).with_row_index("row").explode("w").drop_nulls().join(known, on="w")
            .group_by("row", "column").len().sort("row", "column"))
    return sparse.csr_matrix((rows["len"].to_numpy().astype(float), (rows["row"].to_numpy(), rows["column"].to_numpy())),
                             shape=(len(lists), len(vocabulary)))


def character_counts(texts: pl.Series) -> sparse.csr_matrix:
    """How often each Han character, and each pair of neighbours (hashed), stands in each text."""
    codes = np.frombuffer(("\0".join(texts.to_list()) + "\0").encode("utf-32-le", "replace"), np.uint32)
    rows = np.concatenate([[0], np.cumsum(codes == 0)[:-1]])
    han = (codes >= HAN[0]) & (codes <= HAN[1])
    single = sparse.csr_matrix((np.ones(han.sum()), (rows[han], codes[han].astype(np.int64) - HAN[0])), shape=(len(texts), HAN[1] - HAN[0] + 1))
    return sparse.hstack([single, count_matrix(texts)], format="csr")


@dataclass(frozen=True)
class Block:
    """One kind of terms: which columns of its counts are used, and their weights."""

    columns: np.ndarray
    idf: np.ndarray

    @classmethod
    def learn(cls, counts: sparse.csr_matrix) -> "Block":
        """The columns that stand in at least `LEAST` and at most the share `MOST` of the texts."""
        n, found = counts.shape[0], np.bincount(counts.indices, minlength=counts.shape[1])
        columns = np.flatnonzero((found >= LEAST) & (found <= max(MOST * n, LEAST)))
        return cls(columns, np.log((n + 1) / found[columns]))

    def weigh(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """TF-IDF rows of unit length (empty ones stay empty), `(n, len(columns))`."""
        x = counts[:, self.columns].tocsr()
        x.sort_indices()
        x.data = (1 + np.log(x.data)) * self.idf[x.indices]
        return unit_rows(x)


@dataclass(frozen=True)
class TextSpace:
    """Texts as points: their words and characters, in the directions in which texts differ most (latent semantic analysis)."""

    vocabulary: pl.Series
    words: Block
    characters: Block
    basis: np.ndarray

    @classmethod
    def learn(cls, texts: pl.DataFrame) -> "TextSpace | None":
        """From texts as `read` gives them; None where they have hardly a word in common."""
        vocabulary = pl.concat([texts["title_words"], texts["content_words"]]).explode().drop_nulls().unique().sort()
        words, characters = _counts(texts, vocabulary)
        chosen = Block.learn(words), Block.learn(characters)
        if min(len(b.columns) for b in chosen) < 3:
            return None
        blocks = Block(np.arange(len(chosen[0].columns)), chosen[0].idf), chosen[1]
        made = cls(vocabulary[chosen[0].columns], *blocks, np.zeros((0, 0), np.float32))
        x = sparse.hstack([made.words.weigh(words[:, chosen[0].columns]), made.characters.weigh(characters)], format="csr")
        basis = randomized_svd(x.astype(np.float32), min(DIRECTIONS, min(x.shape) - 1), n_iter=4, random_state=0)[2].T
        return cls(made.vocabulary, *blocks, np.ascontiguousarray(basis, np.float32))

    def place(self, texts: pl.DataFrame) -> np.ndarray:
        """Points of unit length, float64 `(n, n_directions)`; 0 where a text has no known term."""
        made = [self._place(texts[part]) for part in chunks(texts.height, ROWS_AT_ONCE)]
        return np.concatenate(made) if made else np.zeros((0, self.basis.shape[1]))

    def _place(self, texts: pl.DataFrame) -> np.ndarray:
        words, characters = _counts(texts, self.vocabulary)
        x = np.asarray(sparse.hstack([self.words.weigh(words), self.characters.weigh(characters)], format="csr") @ self.basis, np.float64)
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)

    def word_weights(self, texts: pl.DataFrame) -> sparse.csr_matrix:
        """The weights of `vocabulary`'s words in each text, `(n, len(vocabulary))`, rows of unit length."""
        return self.words.weigh(_word_counts(texts, self.vocabulary))


def _word_counts(texts: pl.DataFrame, vocabulary: pl.Series) -> sparse.csr_matrix:
    return (word_counts(texts["title_words"], vocabulary) * TITLE_WEIGHT + word_counts(texts["content_words"], vocabulary)).tocsr()


def _counts(texts: pl.DataFrame, vocabulary: pl.Series) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    characters = character_counts(texts["title"]) * TITLE_WEIGHT + character_counts(texts["content"])
    return _word_counts(texts, vocabulary), characters.tocsr()
