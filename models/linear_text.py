"""A calibrated linear model over the characters and words of short texts: ridge regression on one-against-rest targets.

Ridge rather than a margin classifier because its out-of-fold scores come in closed form (`K + λW⁻¹` is inverted once), so that the
probabilities are fitted on scores of texts the model has not seen, at the price of one fit.
"""
from collections.abc import Sequence

import numpy as np
import polars as pl
import rjieba
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

_LAMBDA = 0.05
#: The square of the constant column that stands for the intercept.
_CONSTANT = 0.3
_BODY_CHARS = 600
_FOLDS = 10
#: Up to so many texts the dual is solved exactly; beyond, the primal by conjugate gradients, with fewer folds.
_DUAL_MAX = 4_000
_FOLDS_PRIMAL = 3
#: How strongly calibration is held to one scale and no shift.
_EVEN = 1e-3


class LinearTextModel:
    """`fit(texts, codes)`, then `predict_proba(texts)`; `texts` is a polars frame of title and content without nulls.

    Features: TF-IDF of characters 1–3 and of words over title, title and content (first 600 characters), and of characters
    1–3 of the title alone. Rare classes weigh more, by the square root of their rarity.

    Attributes: `classes_`; `unseen_`, the probabilities `(n_texts, n_classes)` of the texts learnt from, each by folds that have not seen it.
    """

    def fit(self, texts: pl.DataFrame, codes: np.ndarray) -> "LinearTextModel":
        """Learn. Raises ValueError for fewer than two classes, or texts without any words."""
        self.classes_, y = np.unique(codes, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"codes: at least two different ones are wanted, got {len(self.classes_)}")
        blocks = _blocks(texts)
        self._vectorizers = [_fitted(v, block) for v, block in zip(_vectorizers(len(y)), blocks)]
        if self._vectorizers[0] is None:
            raise ValueError("records: there is no text to learn from")
        features = self._features(blocks)
        targets = 2.0 * (y[:, None] == np.arange(len(self.classes_))) - 1.0
        weights = np.sqrt(len(y) / len(self.classes_) / np.bincount(y))[y]
        # Copies of one text lie in one fold, or the scores would be those of texts already seen.
        _, text_of = np.unique(np.array(blocks[0]), return_inverse=True)
        solve = _dual if len(y) <= _DUAL_MAX else _primal
        self.coef_, unseen = solve(features, targets, weights, text_of)
        self._mix, self._shift = _calibrated(unseen, y)
        self.unseen_ = softmax(unseen @ self._mix + self._shift, axis=1)
        return self

    def predict_proba(self, texts: pl.DataFrame) -> np.ndarray:
        """Probabilities `(n_texts, n_classes)` in the order of `classes_`; each row sums to 1 and depends on its text alone."""
        scores = np.asarray(self._features(_blocks(texts)) @ self.coef_, dtype=np.float64)
        return softmax(scores @ self._mix + self._shift, axis=1)

    def _features(self, blocks: Sequence[list[str]]) -> sparse.csr_matrix:
        made = [v.transform(block) for v, block in zip(self._vectorizers, blocks) if v is not None]
        share = 1 / np.sqrt(len(made))
        constant = sparse.csr_matrix(np.full((made[0].shape[0], 1), np.sqrt(_CONSTANT)))
        return sparse.hstack([*(m * share for m in made), constant]).tocsr()


def words(text: str) -> list[str]:
    """The words of a text, white space left out."""
    return [w for w in rjieba.cut(text) if not w.isspace()]


def _blocks(texts: pl.DataFrame) -> list[list[str]]:
    """What each vectorizer reads: all, all, the title."""
    clean = [pl.col(c).str.normalize("NFKC").str.replace_all(r"\s+", " ").str.strip_chars().str.to_lowercase() for c in ("title", "content")]
    both = texts.select(clean[0], clean[1].str.slice(0, _BODY_CHARS))
    whole = both.select(pl.col("title") + "。" + pl.col("title") + "。" + pl.col("content")).to_series().to_list()
    return [whole, whole, both["title"].to_list()]


def _vectorizers(n: int) -> list[TfidfVectorizer]:
    common = {"sublinear_tf": True, "lowercase": False, "dtype": np.float32}
    least = 2 if n >= 50 else 1
    return [
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=least, **common),
        TfidfVectorizer(analyzer=words, min_df=least, **common),
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), **common),
    ]


def _fitted(vectorizer: TfidfVectorizer, block: list[str]) -> TfidfVectorizer | None:
    """None where the block has no text at all (records without titles)."""
    return vectorizer.fit(block) if any(text.strip("。 ") for text in block) else None


def _dual(features, targets: np.ndarray, weights: np.ndarray, text_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and the scores each text would have had without its fold (Rasmussen & Williams 2006, 5.12, for blocks)."""
    gram = np.asarray((features @ features.T).todense(), dtype=np.float64)
    inverse = np.linalg.inv(gram + np.diag(_LAMBDA / weights))
    dual = inverse @ targets
    unseen = np.empty_like(targets)
    for fold in range(_FOLDS):
        rows = np.flatnonzero(text_of % _FOLDS == fold)
        if rows.size:
            unseen[rows] = targets[rows] - np.linalg.solve(inverse[np.ix_(rows, rows)], dual[rows])
    return np.asarray(features.T @ dual, dtype=np.float32), unseen


def _primal(features, targets: np.ndarray, weights: np.ndarray, text_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `_dual`, for many texts: one fit for each fold."""
    def solved(rows):
        ridge = Ridge(alpha=_LAMBDA, fit_intercept=False, solver="sparse_cg", tol=1e-3, max_iter=200)
        return ridge.fit(features[rows], targets[rows], sample_weight=weights[rows]).coef_.T

    unseen = np.empty_like(targets)
    for fold in range(_FOLDS_PRIMAL):
        out = text_of % _FOLDS_PRIMAL == fold
        if out.any() and not out.all():
            unseen[out] = features[np.flatnonzero(out)] @ solved(np.flatnonzero(~out))
    return np.asarray(solved(np.arange(len(targets))), dtype=np.float32), unseen


def _calibrated(scores: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mix `(n_classes, n_classes)` and the shift `(n_classes,)` under which softmax(scores @ mix + shift) fits best what the scores turned out to be.

    Matrix scaling (Guo et al. 2017), held near one scale for all classes: a text that scores well in two classes which are often taken for each
    other is less sure than its best score alone says.
    """
    n, k = scores.shape
    one, every = np.eye(k), np.arange(n)

    def loss(q):
        scale, turn, shift = np.exp(q[0]), q[1:1 + k * k].reshape(k, k), q[1 + k * k:]
        said = log_softmax(scores @ (scale * one + turn) + shift, axis=1)
        wrong = np.exp(said)
        wrong[every, y] -= 1
        slope = scores.T @ wrong / n
        value = -said[every, y].mean() + _EVEN * (np.sum(turn ** 2) + np.sum(shift ** 2))
        return value, np.r_[scale * slope.trace(), (slope + 2 * _EVEN * turn).ravel(), wrong.mean(axis=0) + 2 * _EVEN * shift]

    best = minimize(loss, np.r_[1.0, np.zeros(k * k + k)], jac=True, method="L-BFGS-B").x
    return np.exp(best[0]) * one + best[1:1 + k * k].reshape(k, k), best[1 + k * k:]
