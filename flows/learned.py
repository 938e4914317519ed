"""The taxonomy's learned part: what it is taught from, how well it was learnt, and which one a night knows."""
import io
from datetime import datetime, timedelta

import joblib
import numpy as np
import polars as pl

from flows.classify import FIT_DAYS
from flows.places import Place
from flows.problem_decisions import Known
from models.problems import TaxonomyClassifier
from warehouse.store import Warehouse

#: A model of another version is not used.
MODEL = "taxonomy_model_1"
#: A code is taught from so many different texts at the least, and at the most: those of every code count alike, and 4,000 are solved exactly.
LEAST, MOST = 20, 40
#: How sure the learned part must be; what the taxonomy has no word for must be left to be found.
SURE = 0.9
REPORT = {"code": pl.String, "texts": pl.Int64, "told": pl.Int64, "right": pl.Int64, "precision": pl.Float64, "recall": pl.Float64}


def taught(house: Warehouse, place: str, as_of: datetime | None) -> TaxonomyClassifier | None:
    """The learned part that was known of a place at a moment (None: now); None where none was taught by then."""
    kept = house.dataset(MODEL, as_of, [place], newest=True).collect()
    return joblib.load(io.BytesIO(kept["model"][-1])) if "model" in kept.columns and kept.height else None


def lessons(house: Warehouse, place: Place, as_of: datetime, decided: Known) -> pl.DataFrame:
    """(record_id, title, content, code): of the last `FIT_DAYS` days of the place's records, up to `MOST` different texts of each code that rules or staff gave
    `LEAST` and more; the newest first."""
    sources = {f"s{n}": s for n, s in enumerate(s for s, m in place.mappings.items() if m.problems == "taxonomy")}
    if not sources:
        return pl.DataFrame(schema=dict.fromkeys(("record_id", "title", "content", "code"), pl.String))
    since = as_of.date() - timedelta(days=FIT_DAYS)
    codes = {r.code for r in decided.rules_on(as_of.date())}
    told = house.read(f"select record_id, problem_code as code from record where source_id in ({', '.join(':' + s for s in sources)}) and local_date > :since and known_at <= :as_of "
                      "order by local_date desc, record_id", since=since, as_of=as_of, **sources).filter(pl.col("code").is_in(list(codes)))
    # Twice as many as are wanted, for copies.
    told = told.filter(pl.int_range(pl.len()).over("code") < 2 * MOST)
    texts = told.join(house.texts(told["record_id"]), on="record_id", how="left", maintain_order="left").unique(["title", "content"], keep="first", maintain_order=True)
    texts = texts.filter(pl.len().over("code") >= LEAST)
    return texts.filter(pl.int_range(pl.len()).over("code") < MOST).select("record_id", "title", "content", "code")


def report(model: TaxonomyClassifier, codes: np.ndarray) -> pl.DataFrame:
    """`REPORT`, a row a code: of its `texts`, each judged by a model that has not seen it, how many are `told` by the code with `SURE`, and how many of these are `right`."""
    p = model.model_.unseen_
    best = model.classes_[p.argmax(axis=1)]
    told = pl.DataFrame({"code": codes.astype(str), "_told": np.where(p.max(axis=1) >= SURE, best, "")})
    texts = told.group_by("code").agg(pl.len().cast(pl.Int64).alias("texts"), (pl.col("_told") == pl.col("code")).sum().cast(pl.Int64).alias("right"))
    by_code = told.filter(pl.col("_told") != "").group_by(pl.col("_told").alias("code")).agg(pl.len().cast(pl.Int64).alias("told"))
    rows = texts.join(by_code, on="code", how="left").with_columns(pl.col("told").fill_null(0))
    return rows.with_columns((pl.col("right") / pl.col("told")).fill_nan(None).alias("precision"), (pl.col("right") / pl.col("texts")).alias("recall")).select(
        pl.col(c).cast(t) for c, t in REPORT.items()).sort("code")
