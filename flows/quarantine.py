"""Rows in quarantine: what they are, and reading them again from landing once their mapping is mended."""
from datetime import date

import polars as pl

from flows.dates import end_of, yesterday
from flows.intake import Delivery, take_in
from flows.messages import BadUsage, print_json, tell
from flows.places import places_of
from flows.running import House, Run, running
from flows.settle import ingested_rows, touched_records
from policy.catalogue import say
from sources.mapping import SourceMapping
from transforms.canonical import RECORD
from transforms.revisions import revise
from warehouse.publication import LakeWrite, Publication, Write
from warehouse.purging import forgotten, purged
from warehouse.settings import Settings


def show(settings: Settings, source: str | None) -> int:
    """Counts by source and code, then the rows."""
    house = House.open(settings)
    try:
        rows = house.warehouse.read("select * from v_quarantine where replayed_on is null order by source_id, first_seen, file, row")
        rows = rows.filter(pl.col("source_id") == source) if source else rows
        if rows.is_empty():
            tell(say("quarantine.none", settings.lang))
        for (s, codes), part in rows.group_by("source_id", "codes", maintain_order=True):
            print(f"{s}\t{codes}\t{part.height}\t{part['message'][0]}")
            for r in part.head(10).iter_rows(named=True):
                print(f"  {r['first_seen']}  {r['file']}  {r['sheet'] or ''}  {r['row']}  {r['source_record_id'] or ''}")
        return 0
    finally:
        house.warehouse.close()


def replay(settings: Settings, source: str, day: date | None, as_json: bool) -> int:
    """Reads the waiting rows' files again; rows that are sound now are known at this run's as-of."""
    house = House.open(settings)
    try:
        if source not in house.mappings:
            raise BadUsage(say("usage.source", settings.lang, source=source, known=", ".join(house.mappings)))
        mapping = house.mappings[source]
        day = day or yesterday(mapping.time_zone, mapping.day_starts_at)
        as_of = end_of(day, mapping.time_zone, mapping.day_starts_at)
        with running(house, "replay", day, as_of, (source,), {}) as run:
            row = _replayed(run, mapping)
        if as_json:
            print_json(house.warehouse.read("select * from v_runs where run_id = :r", r=row["run_id"]).row(0, named=True))
        return 0
    finally:
        house.warehouse.close()


def _replayed(run: Run, mapping: SourceMapping) -> dict:
    warehouse, lang = run.house.warehouse, run.house.settings.lang
    waiting = warehouse.select("quarantine", "source_id = :s and replayed_on is null", s=mapping.source)
    found = {h: warehouse.landing.find(h, mapping.source) for h in waiting["file_sha256"].unique().sort().to_list()}
    gone = waiting.filter(pl.col("file_sha256").is_in([h for h, f in found.items() if f is None])).height
    if gone:
        tell(say("quarantine.gone", lang, n=gone))
    landed = [f for f in found.values() if f is not None]
    warehouse.access.note("quarantine replay", [f.sha256 for f in landed], f"quarantined rows of {mapping.source}")
    with run.step("read"):
        intake = take_in(mapping, Delivery(mapping.source, tuple(f.path for f in landed)), landed, run.house.settings.key, forgotten=forgotten(warehouse))
    keys = ["file_sha256", "sheet", "row_number"]
    mine = waiting.select(*keys, "quarantine_id")
    admitted = purged(warehouse).admits(intake.sound, run.house.settings.key, intake.forgotten)
    sound = intake.sound.filter(admitted).join(mine, on=keys, how="semi", nulls_equal=True)
    ids = sound["record_id"]
    latest = warehouse.latest(ids)
    current = warehouse.records(latest["record_id"]).select(list(RECORD)) if latest.height else pl.DataFrame(schema=RECORD)
    revised = revise(sound, latest, current, warehouse.known_hashes(ids), run.as_of, False, mapping.blank_means)
    mended = mine.join(sound.select(keys), on=keys, how="semi", nulls_equal=True)
    writes = [Write("quarantine", mended.select("quarantine_id", pl.lit(run.day).alias("replayed_on")), "update")]
    place = places_of(run.house.mappings, [mapping.source])[0]
    touched, _ = touched_records(warehouse, revised.revisions, run.as_of, [mapping.source], unworked=False)
    if touched.height:
        writes.append(Write("record", ingested_rows(place, touched, run.run_id), "upsert"))
    left = waiting.height - mended.height
    row = run.ended("ok", rows_read=waiting.height, accepted=revised.accepted, quarantined=left, unchanged=mended.height - revised.accepted)
    lake = [LakeWrite("revisions", mapping.source, revised.revisions)] if revised.revisions.height else []
    warehouse.publish(Publication(row, [w for w in writes if not w.is_empty], lake, known_to=run.as_of, worked_sources=[mapping.source]))
    run.stored = True
    tell(say("quarantine.replayed", lang, n=waiting.height, accepted=revised.accepted, left=left))
    return row
