"""From files to validated rows: land, read, map, repair, place, pseudonymise, judge. Nothing is stored here but the landing."""
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from expectations.codes import counts_by_code
from expectations.pack_places import places_of_pack
from expectations.profile import column_profile, glance
from expectations.quarantine import split
from expectations.row_rules import Neighbours, RowContext, copies_among, judge_mapped, judge_rows, take_back, text_keys
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
from warehouse.aside import SLICE, Aside, by_record, slices
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

    `parts`: the sound rows, SAFE columns, all rows of a record in one part. `quarantined`: SAFE columns. `seen`: the sound rows as
    `expectations.profile.glance` shows them. rows_read = sound + quarantined rows. `refused`: the findings of effect X, by file name.
    """

    mapping: SourceMapping
    delivery: Delivery
    landed: list[LandedFile] = field(default_factory=list)
    parts: list[list[pl.LazyFrame]] = field(default_factory=list)
    seen: pl.DataFrame = field(default_factory=lambda: glance(pl.DataFrame(schema=SAFE)))
    quarantined: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SAFE))
    findings: list[Finding] = field(default_factory=list)
    refused: dict[str, list[Finding]] = field(default_factory=dict)
    rows_read: int = 0
    not_records: int = 0
    repairs: Counter = field(default_factory=Counter)
    rows_by_code: Counter = field(default_factory=Counter)
    headers: dict[str, str] = field(default_factory=dict)
    #: (file_sha256, file_name, rows_read, first_date, last_date), a file each.
    spans: pl.DataFrame = field(default_factory=lambda: _spans(pl.DataFrame(schema=SAFE)))
    #: Pseudonyms of callers whom only an earlier key tells as forgotten.
    forgotten: frozenset[str] = frozenset()

    @property
    def source_id(self) -> str:
        return self.mapping.source

    @property
    def n_sound(self) -> int:
        return self.seen.height

    def sound_parts(self) -> Iterator[pl.DataFrame]:
        """The sound rows, a part at a time; one without rows where there are none."""
        for part in self.parts or [[]]:
            yield pl.concat([pl.DataFrame(schema=SAFE), *(f.collect() for f in part)])

    @property
    def sound(self) -> pl.DataFrame:
        """All sound rows at once."""
        return pl.concat(self.sound_parts())

    def profile(self) -> dict:
        return column_profile(self.seen, self.headers.values())

    def codes(self) -> Counter:
        """How many rows carry each code, and the findings of the files and of the batch."""
        return self.rows_by_code + Counter(f.code for f in self.findings)


def take_in(mapping: SourceMapping, delivery: Delivery, landed: Sequence[LandedFile], key: bytes,
            recent: pl.DataFrame | None = None, known_categories: Mapping[str, frozenset[str]] | None = None,
            forgotten: Forgotten | None = None, aside: Aside | None = None, slice_rows: int = SLICE) -> Intake:
    """Reads and judges what was landed of one delivery. Never raises for a bad file: it is in `refused`, named.

    So many rows are worked on at once, masked before the next come; what is too much to hold lies `aside`. Results depend on neither.
    """
    aside = aside or Aside()
    intake = Intake(mapping, delivery, list(landed))
    masked = _Masked(mapping, key, aside, forgotten)
    for rows in slices(_mapped(intake, landed), slice_rows):
        if not intake.refused:
            masked.take(rows)
    if intake.refused or not masked.height:
        return intake
    intake.rows_read = masked.height
    intake.repairs.update(masked.repairs)
    intake.forgotten = frozenset(masked.forgotten)
    context = RowContext(mapped=frozenset(mapped_columns(mapping, intake.headers)), received_at=max(f.received_at for f in landed),
                         recent=recent, known_categories=known_categories, **places_of_pack(mapping.pack))
    n = -(-masked.height // slice_rows)
    intake.parts = [[] for _ in range(n)]
    seen, quarantined, spans = [intake.seen], [intake.quarantined], [intake.spans]
    for rows, near in masked.slices(context):
        judged = judge_rows(place_rows(rows, mapping, masked.places), context, near)
        intake.rows_by_code.update(counts_by_code(judged))
        sound, bad = split(judged)
        quarantined.append(bad)
        seen.append(glance(sound))
        spans.append(_spans(sound, bad))
        for part, frame in zip(intake.parts, by_record(sound, n)):
            part.append(aside.put(frame))
    intake.seen, intake.quarantined = pl.concat(seen), pl.concat(quarantined)
    intake.spans = pl.concat(spans).group_by("file_sha256", "file_name", maintain_order=True).agg(
        pl.col("rows_read").sum(), pl.col("first_date").min(), pl.col("last_date").max())
    return intake


def _spans(*frames: pl.DataFrame) -> pl.DataFrame:
    """How many rows each file gave, and from which days: what a purge knows a landed file by."""
    rows = pl.concat([f.select("file_sha256", "file_name", "local_date") for f in frames])
    return rows.group_by("file_sha256", "file_name", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("rows_read"), pl.col("local_date").min().alias("first_date"), pl.col("local_date").max().alias("last_date"))


def _mapped(intake: Intake, landed: Sequence[LandedFile]) -> Iterator[pl.DataFrame]:
    """Each file's rows, MAPPED columns; what was found is noted in the intake, a bad file in its `refused`."""
    mapping = intake.mapping
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
        frame = mapped.frame.with_columns(pl.lit(file.sha256).alias("file_sha256"), pl.lit(file.name).alias("file_name")).select(list(MAPPED))
        del raw, mapped
        yield frame


class _Masked:
    """The batch's rows, repaired and masked slice by slice, and what single rows are judged by of the whole of it."""

    def __init__(self, mapping: SourceMapping, key: bytes, aside: Aside, forgotten: Forgotten | None) -> None:
        self.mapping, self.key, self.aside, self._forgotten = mapping, key, aside, forgotten
        self.forgotten: set[str] = set()
        self.height = 0
        self.repairs: Counter = Counter()
        self.places = self.phones = False
        self._frames: list[pl.LazyFrame] = []
        self._texts: list[pl.DataFrame] = []
        self._longest = self._longest_given = 0

    def take(self, rows: pl.DataFrame) -> None:
        """rows: MAPPED columns."""
        self.height += rows.height
        self.phones |= rows["caller_phone"].null_count() < rows.height
        self._longest_given = max(self._longest_given, _most(rows["content"]))
        repaired, counts = repair_records(judge_mapped(rows, longest=0), damaged_rows(self.mapping))
        self.repairs.update(counts)
        safe, _ = protect(repaired, self.key, has_phones="caller_phone" in self.mapping.columns)
        if self._forgotten is not None and self._forgotten.keys:
            self.forgotten |= self._forgotten.among(repaired, safe["caller_key"])
        self.places |= any(safe[c].null_count() < safe.height for c in ("street", "district"))
        self._longest = max(self._longest, _most(safe["content"]))
        self._texts.append(text_keys(safe, RowContext()))
        self._frames.append(self.aside.put(safe))

    def slices(self, context: RowContext) -> Iterator[tuple[pl.DataFrame, Neighbours]]:
        """The slices once more (SAFE columns), now that the whole batch was seen; each can be had once."""
        copied = copies_among(pl.concat(self._texts), context)
        self._texts = []
        done = 0
        for i, frame in enumerate(self._frames):
            rows = take_back(frame.collect(), self._longest_given, self.phones)
            self._frames[i] = pl.LazyFrame()
            yield rows, Neighbours(self._longest, copied.slice(done, rows.height))
            done += rows.height


def _most(texts: pl.Series) -> int:
    """Characters of the longest text; 0 of none."""
    return int(texts.str.len_chars().max() or 0)  # type: ignore[arg-type]


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


def place_rows(frame: pl.DataFrame, mapping: SourceMapping, given: bool) -> pl.DataFrame:
    """Places where no column of the batch had them (`given`): from the text, then the mapping's own; streets looked up in the pack."""
    if frame.is_empty():
        return frame
    if not given:
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
