"""A replay's house: begun as the live one stood at a moment, fed with what became known, read back when its days are done."""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from transforms.canonical import LINEAGE, MOMENT, RECORD
from transforms.counts import cell_of
from transforms.revisions import current_view
from warehouse import bulk, tables
from warehouse.engine import writing
from warehouse.journal import worked_writes
from warehouse.lake import REVISIONS
from warehouse.publication import LakeWrite, Publication, Write
from warehouse.store import STORED, Warehouse
from warehouse.warning_work import worked_upon

#: What a replay keeps, table by table: those of the live house, under the replay's run.
KEPT = ("warning", "warning_record", "series", "record", "notice", "metric", "ranking")
#: What staff did is carried over from so many days before: longer than any warning's life or any verdict that nights learn from.
ACTS_DAYS = 800
#: Revisions are fetched for so many days at once.
STRETCH = 31
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Night:
    """A live night of some sources: its date, its as-of, and which sources it withheld."""

    run_date: date
    as_of: datetime
    quiet: tuple[str, ...]


def nights(live: Warehouse, sources: Sequence[str]) -> dict[date, Night]:
    """The stored nights of a place by date; of several of one date the last."""
    runs = live.read("select run_id, run_date, as_of, sources from run where kind = 'nightly' and outcome in ('ok', 'notices', 'withheld') "
                     "order by run_date, as_of, started_at, run_id")
    runs = runs.with_columns(pl.col("sources").str.json_decode(pl.List(pl.String)))
    mine = runs.filter(pl.col("sources").list.set_intersection(list(sources)).list.len() > 0)
    batches = live.read("select source_id, run_date, outcome, as_of, batch_id from batch order by run_date, as_of, batch_id")
    last = batches.filter(pl.col("source_id").is_in(list(sources)) & pl.col("outcome").is_in(STORED)).unique(
        ["source_id", "run_date"], keep="last", maintain_order=True)
    quiet = {d: tuple(s) for d, s in last.filter(pl.col("outcome") == "withheld").group_by("run_date").agg(pl.col("source_id").sort()).iter_rows()}
    return {d: Night(d, as_of, quiet.get(d, ())) for d, as_of in mine.select("run_date", "as_of").iter_rows()}


def begin_at(aside: Warehouse, live: Warehouse, place: str, sources: Sequence[str], moment: datetime, since: date, until: datetime,
             states: Sequence[str] = ()) -> None:
    """Fills an empty house with what the live one's nights had made of a place by `moment` (the as-of of its last night then).

    Records: those of a local date from `since` on, those behind a warning, and those that change up to `until`. Counts, warnings and
    the datasets `states` of the place: all of them. Done once: a house that was begun is left as it is.
    """
    if aside.read("select run_id from run where run_id = 'begin'").height:
        return
    told, behind = live.told(moment, place)
    acts = live.acts(moment - timedelta(days=ACTS_DAYS), moment).filter(pl.col("warning_id").is_in(told["warning_id"].implode()))
    told = worked_upon(told.with_columns(pl.col("change_no").fill_null(1)), acts)
    wanted = pl.concat([
        live.worked(moment, sources, since).select("record_id").collect(), behind.select("record_id"),
        live.dataset("revisions", until, sources).filter(pl.col("known_at") > moment).select("record_id").collect()]).unique()
    worked = live.worked(moment, sources)
    made = worked.join(wanted.lazy(), on="record_id", how="semi").collect()
    own = ["first_known_at", "fine_place", "coarse_place", "problem_code", "problem_name", "problem_id", "incident_id", "worked_revision"]
    stood = current_view(live.revisions(made["record_id"], moment), moment)
    flags = pl.col("issues").list.eval(pl.element().struct.field("code")).list.unique().list.sort()
    rows = stood.join(made.select("record_id", *own), on="record_id", how="inner").with_columns(flags.alias("flags")).select(
        *RECORD, "revision_no", "known_at", *own, "row_hash", "flags", *LINEAGE).sort("record_id")
    counts = cell_of(worked).group_by("source_id", "problem_code", "fine_place", "coarse_place", "date").agg(pl.len().alias("n")).collect()
    counts = counts.with_columns(pl.lit(moment, MOMENT).alias("known_at"))
    lake = [LakeWrite("counts", s, part) for (s,), part in counts.sort("source_id").group_by("source_id", maintain_order=True)]
    lake += worked_writes(made, made.clear(), moment, 0)
    for name in states:
        state = live.dataset(name, moment, [place], newest=True).collect()
        lake += [LakeWrite(name, place, state, "all")] if state.height else []
    run = pl.lit("begin").alias("run_id")
    # In the journal a row is known at its night; what the table keeps is when the record was.
    behind = behind.drop("known_at").join(made.select("record_id", pl.col("first_known_at").alias("known_at")), on="record_id", how="left")
    writes = [Write("record", rows), Write("warning", told.with_columns(run)), Write("warning_record", behind), Write("warning_event", acts),
              Write("decision", _decisions(live, moment))]
    aside.publish(Publication({"run_id": "begin", "kind": "replay", "as_of": moment, "outcome": "ok"}, [w for w in writes if w.frame.height], lake,
                              known_to=moment))


def work_upon(aside: Warehouse, live: Warehouse, after: datetime, until: datetime) -> None:
    """What staff did to the live house's warnings between two moments, done to the same warnings of the replay, and their decisions on ranking and on found problems."""
    told, acts = aside.read("warning"), live.acts(after, until)
    mine = acts.filter(pl.col("warning_id").is_in(told["warning_id"].implode()))
    changed = worked_upon(told.join(mine.select("warning_id").unique(), on="warning_id", how="semi"), mine)
    with writing(aside.engine) as connection:
        bulk.write(connection, tables.warning, changed, "upsert")
        bulk.write(connection, tables.warning_event, mine, "ignore")
        bulk.write(connection, tables.decision, _decisions(live, until), "ignore")


def _decisions(live: Warehouse, until: datetime) -> pl.DataFrame:
    return live.decisions(until).filter(pl.col("kind").is_in(["calibration", "problem"]))


def became_known(live: Warehouse, sources: Sequence[str], after: datetime | None, moments: Sequence[datetime]) -> Iterator[pl.DataFrame]:
    """For each moment in turn the revisions (`REVISIONS`) that became known after the one before it; everything before, for the first."""
    for start in range(0, len(moments), STRETCH):
        ends = moments[start:start + STRETCH]
        files = live.dataset("revisions", ends[-1], sources, known_after=after)
        rows = files.filter((pl.col("known_at") <= ends[-1]) & ((pl.col("known_at") > after) if after is not None else pl.lit(True))).collect()
        for end in ends:
            yield rows.filter((pl.col("known_at") <= end) & ((pl.col("known_at") > after) if after is not None else pl.lit(True)))
            after = end


def known_now(live: Warehouse, sources: Sequence[str], after: datetime | None, moments: Sequence[datetime]) -> Iterator[pl.DataFrame]:
    """For each moment in turn the records created after the one before it, as they stand now; known when they were created."""
    for start in range(0, len(moments), STRETCH):
        ends = moments[start:start + STRETCH]
        since = None if after is None else after.date() - timedelta(days=1)
        made = pl.col("created_at")
        rows = live.as_of(END_OF_TIME, sources, since, list(REVISIONS)).filter(
            (made <= ends[-1]) & ((made > after) if after is not None else pl.lit(True))).with_columns(made.alias("known_at")).collect()
        for end in ends:
            yield rows.filter((made <= end) & ((made > after) if after is not None else pl.lit(True)))
            after = end


def said(aside: Warehouse, days: Sequence[date], first: date) -> dict[str, pl.DataFrame]:
    """What a replay said on its days, by table (`KEPT`), without run ids; lists of texts as lists. Series from `first` on: counts of days before
    are corrected too."""
    given = {"a": days[0], "b": days[-1]}
    within = "between :a and :b"
    out = {"warning": aside.select("warning", f"updated_on {within}", **given), "series": aside.select("series", f"date {within}", a=first, b=days[-1]),
           "notice": aside.select("notice", f"raised_on {within}", **given), "metric": aside.read("metric"),
           "ranking": aside.select("ranking", f"date {within}", **given),
           "record": aside.read("select record_id, source_id, local_date, status, fine_place, coarse_place, problem_code, problem_id, incident_id "
                                "from record where run_id is not null order by record_id")}
    out["warning_record"] = aside.read("warning_record").join(out["warning"].select("warning_id"), on="warning_id", how="semi")
    return {name: frame.drop("run_id", strict=False) for name, frame in out.items()}


def joined(parts: Sequence[dict[str, pl.DataFrame]], series_from: date) -> dict[str, pl.DataFrame]:
    """What stretches of days in a row said, as one replay of all of them would have: the later word counts.

    series_from: cells of earlier days stay only where they are kept for good.
    """
    out = {}
    for name, by in (("warning", ["warning_id"]), ("record", ["record_id"]), ("notice", ["notice_id"]), ("ranking", ["date", "warning_id"])):
        out[name] = pl.concat([p[name] for p in parts]).unique(by, keep="last", maintain_order=True).sort(by)
    numbered = [p["warning_record"].with_columns(pl.lit(n).alias("_n")) for n, p in enumerate(parts)]
    records = pl.concat(numbered)
    out["warning_record"] = records.filter(pl.col("_n") == pl.col("_n").max().over("warning_id")).drop("_n").sort("warning_id", "record_id")
    metrics = pl.concat([p["metric"].with_columns(pl.lit(n).alias("_n")) for n, p in enumerate(parts)])
    week = pl.when(pl.col("metric") == "calibration").then("period_start")
    out["metric"] = metrics.filter(pl.col("_n") == pl.col("_n").max().over("metric", "grain", "key", week)).drop("_n")
    series = pl.concat([p["series"] for p in parts])
    key = ["series_id", "date"]
    # A day's own night says what was expected; of its count the last that learnt of a change.
    own = series.unique(key, keep="first", maintain_order=True).drop("observed")
    counted = series.unique(key, keep="last", maintain_order=True).select(*key, "observed")
    whole = own.join(counted, on=key).select(series.columns).filter(pl.col("kept") | (pl.col("date") >= series_from))
    out["series"] = whole.sort(key)
    return out


def keep(live: Warehouse, run_id: str, tables_said: dict[str, pl.DataFrame]) -> None:
    """Keeps what a replay said in the replay tables, all or nothing; a replay that is kept again takes the place of itself."""
    with writing(live.engine) as connection:
        for name in KEPT:
            table: Any = tables.metadata.tables[f"replay_{name}"]
            connection.execute(sa.delete(table).where(table.c.run_id == run_id))
            bulk.write(connection, table, tables_said[name].with_columns(pl.lit(run_id).alias("run_id")), "insert")
