"""Which problem each record is about: the taxonomy's, the source's own category, or one that was found."""
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b

import joblib
import numpy as np
import polars as pl

from flows.lineage import lineage_write, problem_events
from flows.places import Place
from flows.problem_decisions import Known
from models.problems import ProblemClusterer, TaxonomyClassifier
from policy import taxonomy
from warehouse.publication import LakeWrite, Write

#: A fit of another version is not taken over: the next night fits anew, and earlier records keep the ids that they have.
STATE = "problem_state_2"
#: Fewer records than this that fit nothing are left alone.
LEAST_LEFT = 50
#: Found problems are fitted anew on this weekday (Monday), in between records are placed among those there are.
REFIT_WEEKDAY = 0
#: A fit looks at this many days of what the taxonomy leaves over.
FIT_DAYS = 180


def known_problems(records: pl.DataFrame, place: Place, decided: Known, learned: TaxonomyClassifier | None = None) -> pl.DataFrame:
    """The records with `problem_code` and `problem_name`; null where neither taxonomy (with what people have promoted) nor source has a word for it.

    learned: the taxonomy's learned part (`flows.teaching`), which is asked where the rules say nothing; without one only rules speak."""
    category = pl.coalesce("source_category_2", "source_category_1", "source_category_3")
    by_source = pl.concat_str(pl.col("source_id"), pl.lit(":"), category)
    uses = [s for s, m in place.mappings.items() if m.problems == "taxonomy"]
    out = records.with_columns(pl.lit(None, pl.String).alias("problem_code"))
    told = out.filter(pl.col("source_id").is_in(uses))
    if told.height:
        codes = [_taxonomy_codes(part, day, decided, learned) for day, part in _by_version(told)]
        found = pl.concat(codes)
        out = out.drop("problem_code").join(found, on="record_id", how="left", maintain_order="left")
    out = out.with_columns(pl.coalesce("problem_code", by_source).alias("problem_code"))
    names = {c: decided.name(c, place.lang) for c in out["problem_code"].drop_nulls().unique().to_list()}
    return out.with_columns(pl.col("problem_code").replace_strict(names, default=None, return_dtype=pl.String).alias("problem_name"))


def _by_version(records: pl.DataFrame) -> list[tuple[date, pl.DataFrame]]:
    """Records by the version of the taxonomy that was valid on the day they were created."""
    days = records["local_date"].unique().sort().to_list()
    version = {d: tuple(r.code for r in taxonomy.rules_on(d)) for d in days}
    first: dict[tuple[str, ...], date] = {}
    for d in days:
        first.setdefault(version[d], d)
    as_if = {d: first[version[d]] for d in days}
    dated = records.with_columns(pl.col("local_date").replace_strict(as_if, return_dtype=pl.Date).alias("_version"))
    return [(d, part.drop("_version")) for (d,), part in dated.group_by("_version", maintain_order=True)]


def _taxonomy_codes(records: pl.DataFrame, day: date, decided: Known, learned: TaxonomyClassifier | None) -> pl.DataFrame:
    rules = tuple(decided.rules_on(day))
    codes = (learned.set_params(rules=rules) if learned is not None else TaxonomyClassifier(rules=rules)).predict(records.select("title", "content"))
    if learned is not None:
        # A type that the taxonomy of that day does not have is none.
        codes = np.where(np.isin(codes, [r.code for r in rules]), codes, "")
    return pl.DataFrame({"record_id": records["record_id"], "problem_code": pl.Series(codes.astype(str), dtype=pl.String)}).with_columns(
        pl.when(pl.col("problem_code") == "").then(None).otherwise(pl.col("problem_code")).alias("problem_code"))


@dataclass(frozen=True)
class Found:
    """`records`: (record_id, problem_id, problem_code, problem_name); `writes` and `lake` keep what was learnt."""

    records: pl.DataFrame
    writes: Sequence[Write]
    lake: Sequence[LakeWrite]


NOTHING_FOUND = pl.DataFrame(schema=dict.fromkeys(("record_id", "problem_id", "problem_code", "problem_name"), pl.String))


def found_problems(left: pl.DataFrame, earlier: pl.DataFrame, with_texts: Callable[[pl.DataFrame], pl.DataFrame], state: bytes | None, place: Place, day: date, as_of: datetime, run_id: str,
                   decided: Known) -> Found:
    """Problems that the taxonomy does not have, among what it leaves over.

    left: tonight's records without a problem. earlier: those of the last `FIT_DAYS` days that are neither in `left`, without texts, which
    `with_texts` adds. state: what an earlier night kept. decided: what people said by `as_of`; what is new of it makes the night fit anew. A
    problem's id derives from the record that founded it, or from the decision that made it, and stays.
    """
    kept = joblib.load(io.BytesIO(state)) if state else {"model": None, "ids": {}}
    told_more = state is not None and decided.digest != kept.get("decided", "")
    refit = day.weekday() == REFIT_WEEKDAY or state is None or told_more
    if (left.is_empty() and not told_more) or (state is None and earlier.height + left.height < LEAST_LEFT):
        return Found(NOTHING_FOUND, (), ())
    if not refit:
        return Found(_named(left, kept["model"].predict(left), kept, decided, place), (), ())
    columns = ("record_id", "title", "content", "created_at", "row_hash")
    whole = pl.concat([with_texts(earlier).select(columns), left.select(columns)]).sort("created_at", "row_hash", "record_id")
    said, ids = decided.by_number(kept["ids"], kept["model"].next_number if kept["model"] else 0)
    model = ProblemClusterer(random_state=0).fit(whole, previous=kept["model"], decided=said)
    labelled = whole.with_columns(pl.Series("_label", model.labels_, dtype=pl.Int64))
    founders = labelled.filter(pl.col("_label") >= 0).group_by("_label", maintain_order=True).agg(
        pl.col("record_id").first(), pl.len().alias("n"), pl.col("created_at").min().dt.date().alias("first_seen"),
        pl.col("created_at").max().dt.date().alias("last_seen"))
    for label, founder in founders.select("_label", "record_id").iter_rows():
        if label not in ids:
            ids[label] = _unused("p" + blake2b(founder.encode(), digest_size=6).hexdigest(), set(ids.values()))
    before, kept = set(kept["ids"].values()), {"model": model, "ids": ids, "decided": decided.digest}
    # The first fit names everything it saw; a later one leaves earlier records where earlier nights put them.
    mine = labelled if state is None else labelled.join(left.select("record_id"), on="record_id", how="semi")
    placed = _named(mine, mine["_label"].to_numpy(), kept, decided, place)
    out = io.BytesIO()
    joblib.dump(kept, out)
    blob = pl.DataFrame({"state": [out.getvalue()]}, schema={"state": pl.Binary})
    table = founders.with_columns(pl.col("_label").replace_strict(ids, return_dtype=pl.String).alias("problem_id"))
    writes = [*_problem_writes(table, model, ids, before, run_id, day, decided),
              lineage_write("problem", problem_events(model.lineage_, ids, state is None), place.key, day, as_of, run_id)]
    return Found(placed, writes, (LakeWrite(STATE, place.key, blob, "all"),))


def _problem_writes(table: pl.DataFrame, model: ProblemClusterer, ids: dict[int, str], before: set[str], run_id: str, day: date, decided: Known) -> list[Write]:
    """Rows of the table `problem`. table: _label, problem_id, record_id of the first record, n, first_seen, last_seen. before: the ids that there were."""
    living = pl.DataFrame({"_label": list(model.names_), "name": list(model.names_.values())}, schema={"_label": pl.Int64, "name": pl.String}).with_columns(
        pl.col("_label").replace_strict(ids, default=None, return_dtype=pl.String).alias("problem_id")).drop_nulls("problem_id")
    codes = {i: p.code for i, p in decided.promoted.items()}
    rows = living.join(table.drop("problem_id"), on="_label", how="left").sort("problem_id").select(
        "problem_id", "name", pl.concat_str(pl.lit("found:"), "problem_id").alias("problem_code"), pl.col("n").fill_null(0).cast(pl.Int64).alias("n_records"),
        "first_seen", "last_seen", pl.col("record_id").alias("founded_by"), pl.col("_label").is_in(list(model.pinned)).alias("pinned"),
        pl.col("problem_id").replace_strict(codes, default=None, return_dtype=pl.String).alias("promoted_to"), pl.lit(run_id).alias("run_id"))
    ended = problem_events(model.lineage_, ids, False).filter(pl.col("kind").is_in(["merged", "died"])).select(
        pl.col("thing_id").alias("problem_id"), pl.when(pl.col("kind") == "merged").then("other").alias("merged_into"), pl.lit(day).alias("ended_on"), pl.lit(run_id).alias("run_id"))
    was = pl.col("problem_id").is_in(list(before))
    # Who founded a problem, and when, was said once.
    return [Write("problem", rows.filter(~was), "upsert"), Write("problem", rows.filter(was & pl.col("last_seen").is_not_null()).drop("first_seen", "founded_by"), "upsert"),
            Write("problem", rows.filter(was & pl.col("last_seen").is_null()).drop("first_seen", "last_seen", "founded_by"), "upsert"), Write("problem", ended, "upsert")]


def _named(records: pl.DataFrame, labels, kept: dict, decided: Known, place: Place) -> pl.DataFrame:
    """The found problem of each record that has one; of what was promoted, the taxonomy's code and name."""
    frame = records.select("record_id", pl.Series("_label", labels, dtype=pl.Int64)).filter(pl.col("_label") >= 0)
    codes = {i: p.code for i, p in decided.promoted.items()}
    named = frame.select("record_id", pl.col("_label").replace_strict(kept["ids"], default=None, return_dtype=pl.String).alias("problem_id"),
                         pl.col("_label").replace_strict(kept["model"].names_, default=None, return_dtype=pl.String).alias("_name")).drop_nulls("problem_id")
    code = pl.col("problem_id").replace_strict(codes, default=None, return_dtype=pl.String)
    name = code.replace_strict({c: decided.name(c, place.lang) for c in codes.values()}, default=None, return_dtype=pl.String)
    return named.select("record_id", "problem_id", pl.coalesce(code, pl.concat_str(pl.lit("found:"), "problem_id")).alias("problem_code"),
                        pl.coalesce(name, "_name").alias("problem_name"))


def _unused(wanted: str, taken: set[str]) -> str:
    n, name = 1, wanted
    while name in taken:
        n += 1
        name = f"{wanted}-{n}"
    return name
