"""From files to validated rows: land, read, map, repair, place, pseudonymise, judge. Nothing is stored here but the landing."""
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from expectations.codes import counts_by_code
from expectations.pack_places import places_of_pack
from expectations.profile import column_profile
from expectations.quarantine import split
from expectations.row_rules import RowContext, judge_mapped, judge_rows
from policy.rules import Finding
from policy.units import units
from sources import RefusedInput
from sources.mapping import SourceMapping
from sources.mapping_rows import map_rows
from sources.reading import read_landed
from transforms.canonical import MAPPED, SAFE
from transforms.entities import extract_places
from transforms.privacy import protect
from transforms.repair import repair_records
from warehouse.inbox import InboxFile
from warehouse.landing import LandedFile
from warehouse.purging import Forgotten


@dataclass(frozen=True)
class Delivery:
    """All inputs of one source in one run."""

    source_id: str
    files: tuple[Path, ...]
    from_inbox: bool = False
    #: The same files as they stood in the inbox: what has changed since is not taken away.
    seen: tuple[InboxFile, ...] = ()


@dataclass
class Intake:
    """What one delivery came to, before anything is compared with what is known.

    `sound` and `quarantined`: SAFE columns. rows_read = sound + quarantined rows. `refused`: the findings of effect X, by file name.
    """

    mapping: SourceMapping
    delivery: Delivery
    landed: list[LandedFile] = field(default_factory=list)
    sound: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SAFE))
    quarantined: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SAFE))
    findings: list[Finding] = field(default_factory=list)
    refused: dict[str, list[Finding]] = field(default_factory=dict)
    rows_read: int = 0
    not_records: int = 0
    repairs: Counter = field(default_factory=Counter)
    headers: dict[str, str] = field(default_factory=dict)
    #: Pseudonyms of callers whom only an earlier key tells as forgotten.
    forgotten: frozenset[str] = frozenset()

    @property
    def source_id(self) -> str:
        return self.mapping.source

    def profile(self) -> dict:
        return column_profile(self.sound, self.headers.values())

    def codes(self) -> Counter:
        """How many rows carry each code, and the findings of the files and of the batch."""
        rows = pl.concat([self.sound.select("issues"), self.quarantined.select("issues")])
        return Counter(counts_by_code(rows)) + Counter(f.code for f in self.findings)


def take_in(mapping: SourceMapping, delivery: Delivery, landed: Sequence[LandedFile], key: bytes,
            recent: pl.DataFrame | None = None, known_categories: Mapping[str, frozenset[str]] | None = None,
            forgotten: Forgotten | None = None) -> Intake:
    """Reads and judges what was landed of one delivery. Never raises for a bad file: it is in `refused`, named."""
    intake = Intake(mapping, delivery, list(landed))
    frames = []
    for file in landed:
        try:
            raw = read_landed(file.path, file.name, mapping)
            mapped = map_rows(raw, mapping, file.received_at)
        except RefusedInput as refusal:
            intake.refused[file.name] = list(refusal.findings)
            continue
        said = [*raw.findings, *mapped.findings]
        if any(f.effect == "X" for f in said):
            intake.refused[file.name] = [f for f in said if f.effect == "X"]
            continue
        intake.findings += [f for f in said if f not in intake.findings]
        intake.not_records += raw.not_records
        intake.headers |= mapped.headers
        frames.append(mapped.frame.with_columns(pl.lit(file.sha256).alias("file_sha256"), pl.lit(file.name).alias("file_name")))
    if intake.refused or not frames:
        return intake
    frame = pl.concat(frames).select(list(MAPPED))
    intake.rows_read = frame.height
    context = RowContext(mapped=frozenset(mapped_columns(mapping, intake.headers)), received_at=max(f.received_at for f in landed),
                         recent=recent, known_categories=known_categories, **places_of_pack(mapping.pack))
    repaired, counts = repair_records(judge_mapped(frame, context), damaged_rows(mapping))
    intake.repairs.update(counts)
    safe, _ = protect(repaired, key)
    if forgotten is not None and forgotten.keys:
        intake.forgotten = forgotten.among(repaired, safe["caller_key"])
    judged = judge_rows(place_rows(safe, mapping), context)
    intake.sound, intake.quarantined = split(judged)
    return intake


def mapped_columns(mapping: SourceMapping, headers: Mapping[str, str]) -> set[str]:
    """The canonical columns that this delivery gave, the derived ones of what it gave included."""
    given = set(headers.values())
    if {"caller_phone", "caller_account"} & given:
        given.add("caller_key")
    return given


def damaged_rows(mapping: SourceMapping) -> bool | pl.Expr:
    """Which rows the source's dated switch `repair: damaged` covers, by the day they were created."""
    switch = mapping.repair.damaged
    if switch is None:
        return False
    day = pl.col("local_date")
    inside = day >= switch.start
    return (inside & (day <= switch.end)) if switch.end else inside


def place_rows(frame: pl.DataFrame, mapping: SourceMapping) -> pl.DataFrame:
    """Places where no column had them: from the text, then the mapping's own; streets looked up in the policy pack."""
    if frame.is_empty():
        return frame
    if not (frame["street"].is_not_null().any() or frame["district"].is_not_null().any()):
        found = extract_places(frame["title"], frame["content"])
        frame = frame.with_columns(
            pl.coalesce(pl.col(c), found[c]).alias(c) for c in ("city", "district", "street", "community") if c in found.columns)
    place = mapping.place
    frame = frame.with_columns(pl.col("city").fill_null(place.default_city) if place.default_city else pl.col("city"),
                               pl.col("district").fill_null(place.default_district) if place.default_district else pl.col("district"))
    if mapping.pack is not None:
        table = units(mapping.pack)
        frame = frame.with_columns(table.match_street(frame["street"]).alias("street_code"))
        names = {c: table.street_name(c) for c in frame["street_code"].drop_nulls().unique().to_list()}
        frame = frame.with_columns(pl.coalesce(pl.col("street_code").replace_strict(names, default=None, return_dtype=pl.String),
                                               pl.col("street")).alias("street"))
    return frame
