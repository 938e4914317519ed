"""What a delivery means for what is known: new revisions, the silence gate's verdict, and the rows to store."""
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from expectations.batch_rules import BatchContext, Limits, judge_batch, outcome, why_not_judged, withholding
from expectations.profile import pool
from expectations.quarantine import quarantine_rows
from expectations.usual_days import day_history, summed_history
from flows.intake import Intake
from flows.places import Place
from flows.running import Run
from policy.rules import Finding
from sources.mapping import SourceMapping
from transforms.canonical import LINEAGE, MOMENT, RECORD
from transforms.revisions import Revised, current_view, revise
from warehouse.publication import LakeWrite, Write
from warehouse.purging import purged
from warehouse.store import Warehouse

#: The silence gate learns from so many days before the run.
GATE_DAYS = 180
#: Earlier batches whose column profiles are pooled.
PROFILES = 12


@dataclass
class Settled:
    """One source's batch of this run. `revisions`: the new ones, all of a record in one part. `accepted`, `unchanged`: delivered rows.
    `outcome`: ok, notices or withheld. `skipped`: why the day rules were not judged, if so."""

    intake: Intake
    revisions: list[pl.LazyFrame]
    accepted: int
    unchanged: int
    findings: list[Finding]
    outcome: str
    is_history: bool
    skipped: Mapping[str, str] | None = None
    profile: dict = field(default_factory=dict)
    #: Hashes of files whose every row was purged: landing does not keep them again.
    purged: tuple[str, ...] = ()

    @property
    def source_id(self) -> str:
        return self.intake.source_id


def settle(run: Run, intake: Intake, past: pl.DataFrame, history: bool, file_missing: bool = False) -> Settled:
    """Compares a batch with what is known, and judges it. past: `past_days`. history: whether it is a history load."""
    house, mapping = run.house.warehouse, intake.mapping
    source = mapping.source
    before = house.batches(source)
    is_history = history or before.is_empty()
    with run.step("revise"):
        revisions, accepted, known_ids, wanted = [], 0, [], set()
        for part in intake.sound_parts():
            revised, known, files = _revised(run, part, intake, is_history)
            wanted |= files
            accepted += revised.accepted
            known_ids.append(known)
            if revised.revisions.height:
                revisions.append(run.aside.put(revised.revisions))
        wanted |= {*_admitted(run, intake.quarantined, intake.forgotten)["file_sha256"]}
        unwanted = tuple(sorted({*intake.spans["file_sha256"]} - wanted))
    with run.step("gate"):
        earlier = before.filter(pl.col("run_date") < run.day)
        context = BatchContext(
            source, run.day, run.as_of, intake.rows_read, intake.seen, intake.quarantined.height,
            received_at=max((f.received_at for f in intake.landed), default=None), time_zone=mapping.time_zone,
            day_starts_at=mapping.day_starts_at, delivers=mapping.delivers, due_by=mapping.due_by, full_export=mapping.full_export,
            is_history=is_history, fresh_days=fresh_days(earlier, run.day), history=past,
            withheld_days=_withheld_days(before.filter(pl.col("run_date") < run.day)), known_ids=pl.concat(known_ids),
            before=pool([json.loads(p) for p in house.profiles(source, run.day, PROFILES)]),
            mapped=frozenset(intake.headers.values()),
            open_ids=_open_ids(house, mapping) if mapping.full_export else None,
            delivered_ids=intake.seen["record_id"] if mapping.full_export else None,
            identical_to=_identical(house, intake, run.day), file_missing=file_missing, findings=intake.findings,
            released=_released(house, source, run), limits=Limits.of(mapping.thresholds))
        judged = judge_batch(context)
        findings = [*(f for f in intake.findings if f.effect != "W"), *judged]
    ended = outcome(findings)
    if ended == "ok" and intake.quarantined.height:
        ended = "notices"
    return Settled(intake, revisions, accepted, intake.n_sound - accepted, findings, ended, is_history, why_not_judged(context), intake.profile(), unwanted)


def _admitted(run: Run, rows: pl.DataFrame, forgotten: Collection[str]) -> pl.DataFrame:
    """The rows but for those of what was purged: it stays gone when the same file comes again, and its rows count as known."""
    return rows.filter(purged(run.house.warehouse).admits(rows, run.house.settings.key, forgotten))


def _revised(run: Run, sound: pl.DataFrame, intake: Intake, is_history: bool) -> tuple[Revised, pl.Series, set[str]]:
    """The new revisions of these rows, the ids of those of their records that were known, and the files of the rows that may come in."""
    house = run.house.warehouse
    rows = _admitted(run, sound, intake.forgotten)
    twice = rows.filter(pl.col("record_id").is_duplicated())["record_id"]
    latest = house.latest(sound["record_id"])
    current = house.records(latest["record_id"]).select(list(RECORD)) if latest.height else pl.DataFrame(schema=RECORD)
    revised = revise(rows, latest, current, house.known_hashes(twice), run.as_of, is_history, intake.mapping.blank_means)
    return revised, latest["record_id"], {*rows["file_sha256"]}


def fresh_days(earlier: pl.DataFrame, day: date) -> list[date]:
    """The calendar days after the source's last stored night with an earlier date, up to this run's; of a first night, none."""
    if earlier.is_empty():
        return []
    last = max(earlier["run_date"].to_list())
    return [last + timedelta(days=n) for n in range(1, (day - last).days + 1)]


def _withheld_days(before: pl.DataFrame) -> frozenset[date]:
    """The fresh days of nights that ended withheld."""
    days: set[date] = set()
    last = None
    for run_date, ended in before.sort("run_date", "as_of").select("run_date", "outcome").iter_rows():
        if ended == "withheld":
            days |= {run_date - timedelta(days=n) for n in range((run_date - last).days if last else 1)}
        else:
            days.discard(run_date)
        last = run_date
    return frozenset(days)


def past_days(house: Warehouse, mapping: SourceMapping, run: Run) -> pl.DataFrame:
    """What the source's days brought that the silence gate learns from, as known at the run's as-of: HISTORY columns."""
    since = run.day - timedelta(days=GATE_DAYS)
    months = house.as_of_by_month(run.as_of, [mapping.source], since, ("created_at", "local_date", "street", "channel", "created_precision"))
    return summed_history(day_history(rows, mapping.time_zone, mapping.day_starts_at) for rows in months)


def _open_ids(house: Warehouse, mapping: SourceMapping) -> pl.Series:
    return house.read("select record_id from record where source_id = :s and status not in ('closed', 'withdrawn', 'void')",
                      s=mapping.source)["record_id"]


def _identical(house: Warehouse, intake: Intake, day: date) -> date | None:
    """The earlier date for which the same bytes were taken, where they were not taken for this one."""
    taken = house.inputs_taken(intake.source_id, [f.sha256 for f in intake.landed])
    if taken.is_empty():
        return None
    same = set(taken.filter(pl.col("run_date") == day)["sha256"].to_list())
    other = taken.filter((pl.col("run_date") < day) & ~pl.col("sha256").is_in(list(same)))
    return other["run_date"].max() if other.height else None  # type: ignore[return-value]


def _released(house: Warehouse, source: str, run: Run) -> dict[str, str]:
    """Codes that a dated decision releases for this source and date, with its reason."""
    made = house.decisions(run.as_of).filter((pl.col("kind") == "accept") & (pl.col("source_id") == source) & (
        pl.col("from_now_on") | (pl.col("run_date") == run.day)))
    return {code: reason or "" for codes, reason in made.select("codes", "reason").iter_rows() for code in codes}


def touched_records(house: Warehouse, revisions: pl.DataFrame, as_of: datetime, sources: Sequence[str],
                    unworked: bool, pending: pl.DataFrame | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(current revision of every record that is new, changed, became known or was not worked yet; their rows as they were).

    The first: RECORD, LINEAGE, row_hash, issues, revision_no, known_at, first_known_at. pending: the waiting revisions that are to be
    looked at, all of these sources if not given.
    """
    pending = house.pending(as_of, sources) if pending is None else pending
    pool_ = pl.concat([revisions.select(pending.columns), pending]) if revisions.height else pending
    known = pool_.filter(pl.col("known_at") <= as_of)
    first = known.group_by("record_id").agg(pl.col("known_at").min().alias("_first"))
    stored = house.records(known["record_id"].unique()) if known.height else house.records(pl.Series([], dtype=pl.String))
    current = current_view(known, as_of)
    # A revision that arrived late and is older than what is shown stays a revision; the view keeps the newer one (R02).
    was = stored.select("record_id", pl.col("source_updated_at").alias("_was"), pl.col("first_known_at").alias("_known"))
    current = current.join(was, on="record_id", how="left", maintain_order="left").filter(
        ~(pl.col("source_updated_at") < pl.col("_was")).fill_null(False))
    current = current.join(first, on="record_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("_known", "_first").alias("first_known_at")).drop("_was", "_known", "_first")
    if unworked:
        idle = house.unworked(sources).sort("record_id").filter(~pl.col("record_id").is_in(current["record_id"].implode()))
        if idle.height:
            stored = pl.concat([stored, idle]).unique("record_id", keep="first", maintain_order=True)
            again = idle.with_columns(pl.col("flags").list.eval(pl.struct(
                pl.element().alias("code"), pl.lit(None, pl.String).alias("column"), pl.lit(None, pl.String).alias("found"),
                pl.lit(None, pl.String).alias("expected"))).alias("issues"))
            current = pl.concat([current, again.select(pl.col(c).cast(t) for c, t in current.schema.items())])
    return current.sort("record_id"), stored


def ingested(run: Run, settled: Sequence[Settled], place: Place) -> Iterator[pl.DataFrame]:
    """Rows of `record` after an ingest, a part of the new revisions at a time."""
    house = run.house.warehouse
    waiting = house.pending(run.as_of, place.sources)
    for part in [f for s in settled if s.source_id in place.sources for f in s.revisions]:
        new = part.collect()
        mine = waiting.join(new, on="record_id", how="semi")
        waiting = waiting.join(new, on="record_id", how="anti")
        yield ingested_rows(place, touched_records(house, new, run.as_of, place.sources, False, mine)[0], run.run_id)
    if waiting.height:
        yield ingested_rows(place, touched_records(house, waiting.clear(), run.as_of, place.sources, False, waiting)[0], run.run_id)


def ingested_rows(place: Place, touched: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """Rows of `record` for records that no night has worked yet: codes and ids stay as a night left them, null where none did."""
    flags = pl.col("issues").list.eval(pl.element().struct.field("code")).list.unique().list.sort()
    rows = place.with_places(touched).with_columns(flags.alias("flags"), pl.lit(run_id).alias("run_id"))
    return rows.select(*RECORD, "revision_no", "known_at", "first_known_at", "row_hash", "fine_place", "coarse_place", "flags", "run_id", *LINEAGE)


def batch_writes(run: Run, settled: Settled) -> tuple[list[Write], list[LakeWrite]]:
    """Rows of batch, batch_input and quarantine, and the revisions for the lake."""
    intake = settled.intake
    batch_id = f"{run.run_id}/{settled.source_id}"
    row = pl.DataFrame([{
        "batch_id": batch_id, "run_id": run.run_id, "source_id": settled.source_id, "run_date": run.day, "as_of": run.as_of,
        "outcome": settled.outcome, "is_history": settled.is_history, "rows_read": intake.rows_read, "accepted": settled.accepted,
        "quarantined": intake.quarantined.height, "unchanged": settled.unchanged, "not_records": intake.not_records,
        "codes": sorted(intake.codes()),
        "findings": json.dumps([{"code": f.code, "file": f.file, "sheet": f.sheet, "row": f.row, "column": f.column,
                                 "values": {k: str(v) for k, v in f.values.items()}} for f in settled.findings], ensure_ascii=False),
        "profile": json.dumps(settled.profile, ensure_ascii=False, sort_keys=True), "mapping_version": str(intake.mapping.version),
    }], schema_overrides={"as_of": MOMENT, "codes": pl.List(pl.String)})
    inputs = pl.DataFrame([{"batch_id": batch_id, "sha256": f.sha256, "name": f.name, "source_id": f.source_id, "received_at": f.received_at,
                            "size": f.size} for f in intake.landed],
                          schema={"batch_id": pl.String, "sha256": pl.String, "name": pl.String, "source_id": pl.String, "received_at": MOMENT,
                                  "size": pl.Int64}).unique(["batch_id", "sha256", "name"], maintain_order=True)
    inputs = inputs.join(intake.spans, left_on=["sha256", "name"], right_on=["file_sha256", "file_name"], how="left", maintain_order="left")
    writes = [Write("batch", row), Write("batch_input", inputs), Write("quarantine", _quarantine(run, settled), "ignore")]
    return writes, [LakeWrite("revisions", settled.source_id, part) for part in settled.revisions]


def _quarantine(run: Run, settled: Settled) -> pl.DataFrame:
    quarantined = settled.intake.quarantined
    where = ["file_sha256", "sheet", "row_number"]
    dates = quarantined.select(*where, "local_date").unique(where, maintain_order=True)
    rows = quarantine_rows(quarantined, run.day).join(dates, left_on=["file_sha256", "sheet", "row"], right_on=where, how="left", nulls_equal=True,
                                                      maintain_order="left")
    return rows.select(pl.col("row_key").alias("quarantine_id"), "source_id", "source_record_id", pl.col("codes").str.split(",").alias("codes"),
                       "message", "file_sha256", pl.col("file").alias("file_name"), "sheet", pl.col("row").alias("row_number"), "local_date", "first_seen",
                       pl.lit(run.as_of, MOMENT).alias("known_at"), "replayed_on", pl.lit(run.run_id).alias("run_id"))


def withheld(settled: Settled) -> bool:
    return bool(withholding(settled.findings))
