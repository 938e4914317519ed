"""Learns the pair score of `models.incident_pairs` from records labelled by incident, and writes its weights.

    python -m models.incident_training RECORDS.parquet LABELS.csv

RECORDS: id, title, content, created_at, caller; LABELS: id, incident_id. The result is models/data/incident_pairs.json.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from models.incident_corpus import Corpus, Nodes, light, texts_of
from models.incident_pairs import candidates, graph_features, pair_features, probability, products
from models.incident_pairs import log_odds as _log_odds  # noqa: F401  (the form that is learnt here)


def quadratic(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The features and their products: (values, and the two indices of each product)."""
    a, b = np.triu_indices(z.shape[1])
    return np.hstack([z, z[:, a] * z[:, b]]), a, b


def fit_quadratic(x: np.ndarray, y: np.ndarray, c: float = 0.003) -> dict[str, np.ndarray]:
    """A logistic regression on scaled features and their products; -> mean, scale, linear, square, intercept."""
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    wide, a, b = quadratic(np.clip((x - mean) / scale, -8, 8))
    wide_mean, wide_scale = wide.mean(axis=0), np.maximum(wide.std(axis=0), 1e-6)
    model = LogisticRegression(C=c, max_iter=200, solver="newton-cholesky").fit((wide - wide_mean) / wide_scale, y)
    weights = model.coef_[0] / wide_scale
    k = x.shape[1]
    square = np.zeros((k, k))
    square[a, b] = weights[k:]
    return {"mean": mean, "scale": scale, "linear": weights[:k], "square": square,
            "intercept": np.asarray(model.intercept_[0] - weights @ wide_mean)}


def apply_quadratic(model: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """The log odds of a fitted quadratic model."""
    z = np.clip((x - model["mean"]) / model["scale"], -8, 8)
    return model["intercept"] + z @ model["linear"] + np.einsum("ij,ij->i", z @ model["square"], z)


def labelled_pairs(records: pl.DataFrame, incident: np.ndarray) -> tuple[Corpus, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """-> (corpus, i, j, features, whether one incident, incident of each node); `incident` is −1 where alone."""
    texts = texts_of(records)
    nodes = Nodes.made_of(light(records), texts)
    corpus = Corpus.of(nodes, texts)
    of_node = np.full(corpus.n, -1)
    of_node[nodes.of] = incident
    i, j = candidates(corpus, nodes.frame)
    return corpus, i, j, pair_features(corpus, i, j, products(corpus, i, j))[0], (of_node[i] == of_node[j]) & (of_node[i] >= 0), of_node


def train(records: pl.DataFrame, incident: np.ndarray, folds: int = 4) -> dict[str, dict[str, np.ndarray]]:
    """Both stages; the second learns from first-stage scores that never saw the pair's incidents."""
    corpus, i, j, x, y, of_node = labelled_pairs(records, incident)
    group = np.where(of_node < 0, np.arange(corpus.n) + len(records), of_node)
    fold = np.random.default_rng(0).integers(0, folds, 2 * len(records) + corpus.n)[group]
    p = np.zeros(len(y))
    for k in range(folds):
        test, rest = fold[i] == k, (fold[i] != k) & (fold[j] != k)
        p[test] = probability(apply_quadratic(fit_quadratic(x[rest], y[rest]), x[test]))
    second = np.hstack([graph_features(i, j, p, corpus.n), x])
    return {"first": fit_quadratic(x, y), "second": fit_quadratic(second, y)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records")
    parser.add_argument("labels")
    args = parser.parse_args()
    records = pl.read_parquet(args.records)
    labels = pl.read_csv(args.labels, schema_overrides={"id": pl.String}).select("id", "incident_id")
    incident = records.join(labels, on="id", how="left", maintain_order="left")["incident_id"].rank("dense").fill_null(0).to_numpy().astype(int) - 1
    made = train(records, incident)
    text = json.dumps({stage: {name: np.vectorize(lambda v: float(f"{v:.6g}"))(value).tolist() for name, value in part.items()}
                       for stage, part in made.items()})
    (Path(__file__).parent / "data" / "incident_pairs.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
