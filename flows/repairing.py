"""Lake files that are missing or damaged, restored: revisions from landing, read again as each batch was read; counts from the records."""
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from expectations.profile import known_categories, pool
from flows.classify import STATE
from flows.dates import now
from flows.intake import Delivery, take_in
from flows.learned import MODEL
from flows.messages import tell
from flows.nightly import COPY_DAYS
from flows.running import House
from flows.settle import PROFILES
from policy.catalogue import say
from transforms.canonical import RECORD
from transforms.counts import cell_of
from transforms.revisions import current_view, revise
from warehouse.lake import COUNTS, LINK_TEXTS, REVISIONS
from warehouse.landing import LandedFile
from warehouse.publication import LakeWrite
from warehouse.rewriting import take_place
from warehouse.store import LATEST

_ROW = ["file_sha256", "sheet", "row_number"]
#: What tells a restored revision from another.
_SAME = ["record_id", "revision_no", "known_at", "row_hash", "status"]


def repair(house: House) -> int:
    """Restores what can be, names what cannot; exit status 0 where the lake is whole afterwards."""
    lang, warehouse = house.settings.lang, house.warehouse
    with warehouse.lock("doctor --repair"):
        house.check_key()
        bad = [path for path, _ in warehouse.verify()]
        if not bad:
            tell(say("doctor.repair.whole", lang))
            return 0
        files = warehouse.read("lake_file")
        hurt = files.filter(pl.col("path").is_in(bad))
        left = 0
        for (dataset, source, month), part in hurt.group_by("dataset", "source_id", "month", maintain_order=True):
            sound = files.filter(pl.col("dataset") == dataset, pl.col("source_id") == source, ~pl.col("path").is_in(bad))
            if dataset == "revisions":
                left += _revisions(house, part, sound, month)
            elif dataset == "counts":
                rows = _counts(house, source, month, sound.filter(pl.col("month") == month)["path"].to_list())
                _put(house, part, rows, "doctor.repair.counts")
            elif dataset in (STATE, MODEL) or dataset.startswith(LINK_TEXTS):
                take_place(warehouse, _run_id(), part, [])
                for path in part["path"]:
                    tell(say("doctor.repair.state" if dataset in (STATE, MODEL) else "doctor.repair.texts", lang, path=path))
            else:
                left += _lost(house, part, int(part["n_rows"].sum()))
        return int(bool(left))


def _run_id() -> str:
    return f"repair-{now():%Y%m%dT%H%M%S%f}"


def _lost(house: House, part: pl.DataFrame, missing: int) -> int:
    for path, n in part.select("path", "n_rows").iter_rows():
        tell(say("doctor.repair.lost", house.settings.lang, path=path, n=n, missing=missing))
    return part.height


def _put(house: House, part: pl.DataFrame, rows: pl.DataFrame, otherwise: str) -> None:
    """The rows in the place of a partition's damaged files: the very file where its bytes come out the same."""
    dataset, source, month = part.select("dataset", "source_id", "month").row(0)
    if part.height == 1 and _mended(house, part, rows):
        return
    take_place(house.warehouse, _run_id(), part, [LakeWrite(dataset, source, rows, month)])
    for path in part["path"]:
        tell(say(otherwise, house.settings.lang, path=path, n=rows.height))


def _mended(house: House, file: pl.DataFrame, rows: pl.DataFrame) -> bool:
    """Puts one file back, and says so, where these rows give its very bytes."""
    dataset, source, month, path, sha256 = file.select("dataset", "source_id", "month", "path", "sha256").row(0)
    done = house.warehouse.lake.mend(path, sha256, LakeWrite(dataset, source, rows, month))
    if done:
        tell(say("doctor.repair.same", house.settings.lang, path=path, n=rows.height))
    return done


def _revisions(house: House, part: pl.DataFrame, sound: pl.DataFrame, month: str) -> int:
    """Restores a partition's damaged files of revisions, or none of it; returns how many stay damaged."""
    source, warehouse = part["source_id"][0], house.warehouse
    there = warehouse.lake.scan("revisions", sound["path"].to_list())
    stored = warehouse.select("revision", "source_id = :s", s=source).filter(pl.col("local_date").dt.strftime("%Y-%m") == month)
    keys = there.filter(pl.col("local_date").dt.strftime("%Y-%m") == month).select("record_id", pl.col("revision_no").cast(pl.Int64)).collect()
    wanted = stored.join(keys, on=["record_id", "revision_no"], how="anti")
    made = _derived(house, source, wanted, there) if source in house.mappings else pl.DataFrame(schema={**REVISIONS, "_run": pl.String})
    rows = made.join(wanted.select(pl.col(c).cast(REVISIONS[c]) for c in _SAME), on=_SAME, how="semi", nulls_equal=True)
    if rows.height < wanted.height:
        return _lost(house, part, wanted.height - rows.height)
    for path, run_id in part.select("path", "run_id").rows() if part.height > 1 else ():
        # Each file as its own run wrote it, where it is still that.
        own = rows.filter(pl.col("_run") == run_id)
        if _mended(house, part.filter(pl.col("path") == path), own):
            part, rows = part.filter(pl.col("path") != path), rows.filter(pl.col("_run") != run_id)
    if part.height:
        _put(house, part, rows, "doctor.repair.rows")
    return 0


@dataclass(frozen=True)
class _Reading:
    """A batch as it was taken in, or a replay of quarantined rows."""

    run_id: str
    as_of: datetime
    day: date
    is_history: bool
    is_replay: bool
    files: list[LandedFile]


def _readings(house: House, source: str, days: tuple[date, date]) -> Iterator[_Reading]:
    """What may have brought records of these days, in the order in which it was stored; inputs that landing no longer has are left out."""
    warehouse = house.warehouse
    runs = warehouse.read("select run_id, kind, run_date, as_of, started_at, sources from run where outcome in ('ok', 'notices', 'withheld')")
    batches = warehouse.batches(source).select("batch_id", "run_id", "is_history").join(runs, on="run_id", how="right")
    batches = batches.filter(pl.col("batch_id").is_not_null() | ((pl.col("kind") == "replay") & pl.col("sources").str.contains(f'"{source}"', literal=True)))
    inputs = warehouse.select("batch_input", "source_id = :s", s=source)
    overlaps = (pl.col("first_date").is_null() | (pl.col("first_date") <= days[1])) & (pl.col("last_date").is_null() | (pl.col("last_date") >= days[0]))
    for b in batches.sort("started_at", "as_of", "run_id").iter_rows(named=True):
        mine = inputs.filter(pl.col("batch_id") == b["batch_id"]) if b["batch_id"] else _quarantined_inputs(house, source, b["run_date"])
        if b["batch_id"] and mine.filter(overlaps).is_empty():
            continue
        files = []
        for sha256, name, received_at in mine.select("sha256", "name", "received_at").iter_rows():
            found = warehouse.landing.find(sha256, source)
            if found is not None and warehouse.landing.verify(sha256):
                files.append(LandedFile(found.path, sha256, name, source, received_at or found.received_at, found.size))
        yield _Reading(b["run_id"], b["as_of"], b["run_date"], bool(b["is_history"]), not b["batch_id"], files)


def _quarantined_inputs(house: House, source: str, day: date) -> pl.DataFrame:
    rows = house.warehouse.select("quarantine", "source_id = :s and replayed_on = :d", s=source, d=day)
    return rows.select(pl.col("file_sha256").alias("sha256"), pl.col("file_name").alias("name")).unique(maintain_order=True).with_columns(
        pl.lit(None, pl.Datetime("us", "UTC")).alias("received_at"))


def _derived(house: House, source: str, wanted: pl.DataFrame, sound: pl.LazyFrame) -> pl.DataFrame:
    """Every revision of the wanted rows' records, made again from landing, batch by batch, as each run made them (`REVISIONS`, and `_run`)."""
    mapping, warehouse, key = house.mappings[source], house.warehouse, house.settings.key
    ids = wanted["record_id"].unique()
    done = pl.DataFrame(schema={**REVISIONS, "_run": pl.String})
    if wanted.is_empty():
        return done
    late = warehouse.select("quarantine", "source_id = :s", s=source).select(*_ROW, "replayed_on")
    looked: set[str] = set()
    last: datetime | None = None
    for reading in _readings(house, source, (wanted["local_date"].min(), wanted["local_date"].max())):  # type: ignore[arg-type]
        looked |= {f.sha256 for f in reading.files}
        if not reading.files:
            continue
        earlier = warehouse.profiles(source, reading.day, PROFILES)
        intake = take_in(mapping, Delivery(source, tuple(f.path for f in reading.files)), reading.files, key,
                         _recent(sound, done, last, reading.day), known_categories(pool([json.loads(p) for p in earlier])))
        mine = late.filter(pl.col("replayed_on") == reading.day) if reading.is_replay else late
        rows = intake.sound.filter(pl.col("record_id").is_in(ids.implode())).join(
            mine.select(_ROW), on=_ROW, how="semi" if reading.is_replay else "anti", nulls_equal=True)
        known = done.filter(pl.col("record_id").is_in(rows["record_id"].implode())).sort("record_id", "revision_no")
        latest = known.unique("record_id", keep="last", maintain_order=True).select(list(LATEST))
        current = current_view(known, last or reading.as_of).select(list(RECORD))
        twice = rows if reading.is_replay else rows.filter(pl.col("record_id").is_duplicated())
        hashes = known.filter(pl.col("record_id").is_in(twice["record_id"].implode())).select("record_id", "row_hash")
        revised = revise(rows, latest, current, hashes, reading.as_of, reading.is_history, mapping.blank_means)
        done = pl.concat([done, revised.revisions.select(
            *(pl.col(c).cast(t) for c, t in REVISIONS.items()), pl.lit(reading.run_id).alias("_run"))])
        last = reading.as_of
    warehouse.access.note("doctor --repair", sorted(looked), f"lake files of {source}")
    return done


def _recent(sound: pl.LazyFrame, done: pl.DataFrame, last: datetime | None, day: date) -> pl.DataFrame:
    """Texts of the days before a batch as they were known to it: what a copy is told by."""
    names = ["record_id", "content", "local_date"]
    if last is None:
        return pl.DataFrame(schema={c: REVISIONS[c] for c in names})
    since = day - timedelta(days=COPY_DAYS)
    both = pl.concat([sound.filter(pl.col("local_date") > since).collect(), done.drop("_run").filter(pl.col("local_date") > since)])
    return current_view(both, last).select(names)


def _counts(house: House, source: str, month: str, sound: list[str]) -> pl.DataFrame:
    """What the sound files of a month lack of the counts that its records make (`COUNTS`)."""
    records = house.warehouse.select("record", "source_id = :s and worked_revision is not null", s=source)
    cells = cell_of(records).join(records.select("record_id", pl.col("first_known_at").alias("known_at")), on="record_id", how="left")
    due = cells.filter(pl.col("date").dt.strftime("%Y-%m") == month).with_columns(pl.lit(1, pl.Int64).alias("n"))
    have = house.warehouse.lake.scan("counts", sound).with_columns(-pl.col("n")).collect()
    both = pl.concat([due.select(list(COUNTS)), have.select(list(COUNTS))])
    return both.group_by([c for c in COUNTS if c != "n"]).agg(pl.col("n").sum()).filter(pl.col("n") != 0)
