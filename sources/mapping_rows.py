"""A raw table to canonical rows: every value read as the mapping says, and what was wrong with it noted beside it."""
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from policy.rules import Finding
from sources.field_coordinates import is_swapped, to_wgs84, usable
from sources.field_ids import absent, derived_ids, lost_digits, mend_ids, share_cut, was_mended
from sources.field_missing import blank_missing, shape_of, stripped
from sources.field_money import parse_money
from sources.field_phones import parse_phones
from sources.field_times import NARROW, TimeForm, parse_times
from sources.field_values import flag_words, translate, unknown, yes_or_no
from sources.findings import advise
from sources.headers import HeaderMatch, match_headers
from sources.mapping import ColumnMapping, SourceMapping
from sources.reading import RawTable
from transforms.canonical import CALLER_FLAGS, ISSUES, LANDING_ONLY, MAPPED, MOMENT, RECORD, conform

TIMES = tuple(c for c, t in RECORD.items() if t == MOMENT)
MONEY = ("amount_claimed", "amount_recovered")
#: Kept as written: white space and spelling inside are repair's business.
TEXTS = ("title", "content", "reply", "returned_reason")
CLASSES = ("source_category_1", "source_category_2", "source_category_3", "object_category", "platform", "community", "street", "district")
PHONES = ("caller_phone",)
#: Columns with a way of reading of their own; the others are words.
READ_ELSEWHERE = frozenset({*TIMES, *MONEY, *PHONES, "source_record_id", "record_type", "status", "channel", "outcome", "satisfied",
                            "urgency", "responded", "solved", "caller_flags", "co_units", "lon", "lat", "persons_affected",
                            "attachments_n"})
#: The steps of a record's life whose order T09 looks at.
STEPS = ("dispatched_at", "signed_at", "closed_at")

#: A clock may be so far ahead of ours.
DRIFT = timedelta(minutes=10)
OLDEST = datetime(2000, 1, 1)
#: T08: so many values, and such a share, must be readable with day and month swapped only.
SWAPPED_AT_LEAST, SWAPPED_SHARE = 2, 0.005


@dataclass(frozen=True)
class Mapped:
    """`frame`: MAPPED columns, one row a record read, in the file's order. `findings`: what concerns the file. `headers`:
    header → canonical column. `not_records`: rows left out by the reader."""

    frame: pl.DataFrame
    findings: list[Finding] = field(default_factory=list)
    not_records: int = 0
    headers: dict[str, str] = field(default_factory=dict)


def map_rows(raw: RawTable, mapping: SourceMapping, received_at: datetime) -> Mapped:
    """Maps a raw table. received_at: the moment of landing, aware; a record created more than ten minutes after it is
    quarantined (T02). No row is dropped: what breaks a rule carries the rule's code in `issues`.
    """
    match = raw.match or match_headers([c for c in raw.frame.columns if not c.startswith("_")], mapping)
    headers = match.columns()
    header_of = {c: h for h, c in headers.items()}
    rows = _Rows(raw, mapping, match, header_of)
    rows.lineage()
    for step in (rows.numbers, rows.times, rows.classes, rows.texts, rows.places, rows.callers, rows.amounts, rows.counts):
        step()
    rows.taken()
    rows.defaults()
    rows.derived_numbers()
    rows.life(received_at)
    frame = conform(rows.frame.with_columns(rows.issues().alias("issues")), MAPPED).collect()
    return Mapped(frame, raw.findings + rows.findings, raw.not_records, headers)


class _Rows:
    """The table while it is being mapped: canonical columns are added to `frame` beside the raw ones, named `raw:…`."""

    def __init__(self, raw: RawTable, mapping: SourceMapping, match: HeaderMatch, header_of: dict[str, str]):
        self.raw, self.mapping, self.match, self.header_of = raw, mapping, match, header_of
        used = {h: f"raw:{c}" for h, c in match.columns().items()}
        marks = [c for c in ("_sheet", "_row", "_fields", "_expected") if c in raw.frame.columns]
        self.frame = raw.frame.select(*used, *marks).rename(used)
        if "_fields" not in marks:
            self.frame = self.frame.with_columns(pl.lit(None, pl.Int32).alias("_fields"), pl.lit(None, pl.Int32).alias("_expected"))
        self.broken = pl.col("_fields").is_not_null()
        self._keep_only_the_number_of_broken_rows(used)
        self.findings: list[Finding] = []
        self.found: list[str] = []

    def _keep_only_the_number_of_broken_rows(self, used: dict[str, str]) -> None:
        """A row with the wrong number of fields says nothing certain but what stands in its first."""
        first = next(iter(self.raw.match.headers if self.raw.match else used), None)
        doubtful = [n for h, n in used.items() if not (h == first and n == "raw:source_record_id")]
        if self.frame["_fields"].is_not_null().any():
            self.frame = self.frame.with_columns(pl.when(~self.broken).then(pl.col(n)).alias(n) for n in doubtful)

    def has(self, canonical: str) -> bool:
        return canonical in self.header_of

    def column(self, canonical: str) -> ColumnMapping:
        return self.mapping.columns[canonical]

    def missing(self, canonical: str) -> tuple[str, ...]:
        return tuple(self.column(canonical).missing)

    def note(self, code: str, when: pl.Expr, canonical: str | None = None, found: pl.Expr | None = None,
             expected: pl.Expr | str | None = None) -> None:
        """An issue on the rows where `when` holds, evaluated at once: later columns may go by the same names."""
        name = f"issue:{len(self.found)}"
        sure = when.fill_null(False) & (~self.broken if code != "F01" else pl.lit(True))
        mask = self.frame.select(sure.alias(name)).to_series()
        if not mask.any():
            return
        text = lambda x: pl.lit(x, pl.String) if x is None or isinstance(x, str) else x.cast(pl.String)
        entry = pl.struct(pl.lit(code).alias("code"), pl.lit(self.header_of.get(canonical or "", canonical), pl.String).alias("column"),
                          text(found).alias("found"), text(expected).alias("expected"))
        self.frame = self.frame.with_columns(mask).with_columns(pl.when(name).then(entry).alias(name))
        self.found.append(name)

    def issues(self) -> pl.Series:
        """The notes as a list of structs, in the order in which they were taken."""
        if not self.found:
            return pl.repeat([], self.frame.height, dtype=ISSUES, eager=True)
        noted = self.frame.select(pl.int_range(pl.len()).alias("i"), *self.found)
        # Lists of structs are slow to build: most rows have nothing to note.
        some = noted.filter(pl.any_horizontal(pl.col(self.found).is_not_null()))
        lists = some.select("i", pl.concat_list(self.found).list.drop_nulls().alias("issues"))
        whole = noted.select("i").join(lists, on="i", how="left", maintain_order="left")
        return whole.select(pl.col("issues").fill_null(pl.lit([], dtype=ISSUES)))["issues"]

    # The steps, in the order in which rules are judged: F, K, T, D, G, M.

    def lineage(self) -> None:
        sheet = pl.col("_sheet") if "_sheet" in self.frame.columns else pl.lit(None, pl.String)
        row = pl.col("_row").cast(pl.Int64) if "_row" in self.frame.columns else pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
        self.frame = self.frame.with_columns(
            pl.lit(self.mapping.source).alias("source_id"), pl.lit(self.raw.name).alias("file_name"),
            pl.lit(self.raw.sha256, pl.String).alias("file_sha256"), sheet.alias("sheet"), row.alias("row_number"))
        self.note("F01", self.broken, None, pl.col("_fields"), pl.col("_expected"))

    def numbers(self) -> None:
        if not self.has("source_record_id"):
            return
        raw, name = pl.col("raw:source_record_id"), "source_record_id"
        lacking = absent(raw, self.missing(name))
        self.frame = self.frame.with_columns(pl.when(~lacking).then(mend_ids(raw)).alias(name))
        number = pl.col(name)
        self.note("K01", lacking, name)
        self.note("K02", lost_digits(number), name, number, "text")
        self.note("K03", was_mended(raw, number) & ~lost_digits(number), name)
        if self.mapping.id_pattern:
            strange = ~number.str.contains(self.mapping.id_pattern) & ~lost_digits(number)
            self.note("K05", strange, name, shape_of(number), self.mapping.id_pattern)
        share, long = share_cut(self.frame[name])
        limit = self.mapping.thresholds.get("cut_number_share", 0.5)
        if share > limit:
            self.findings.append(Finding("K04", {"p": round(100 * share), "n": long}, self.raw.name, None, None, self.header_of[name],
                                         advise("text_cells")))

    def times(self) -> None:
        names = [c for c in TIMES if self.has(c)]
        for name in sorted(names, key=lambda c: c != "created_at"):
            column = self.column(name)
            form = TimeForm(self.mapping.time_zone, tuple(column.formats), self.raw.excel_1904, self.missing(name))
            read = parse_times(self.frame[f"raw:{name}"], form)
            self.frame = self.frame.with_columns(read["at"].alias(name), read["problem"].alias(f"{name}:problem"),
                                                 read["serial"].alias(f"{name}:serial"), read["shifted"].alias(f"{name}:shifted"))
            if name == "created_at":
                self._created(read, form)
            self.note("T06", pl.col(f"{name}:serial"), name)
            self.note("T07", pl.col(f"{name}:shifted"), name)
            self._swapped(name, read)

    def _created(self, read: pl.DataFrame, form: TimeForm) -> None:
        name = "created_at"
        precision = read["precision"]
        # A workbook shows a date as midnight: a column of nothing but midnights has no hours.
        midnights = self.frame[f"raw:{name}"].drop_nulls().str.strip_chars().str.contains(r"^\d{4}-\d{2}-\d{2} 00:00:00$")
        if self.raw.kind == "workbook" and midnights.len() and midnights.all():
            precision = pl.select(pl.when(precision.is_not_null()).then(pl.lit("day"))).to_series()
        local = pl.col(name).dt.convert_time_zone(form.zone).dt.replace_time_zone(None)
        hours, minutes = map(int, self.mapping.day_starts_at.split(":"))
        self.frame = self.frame.with_columns(
            precision.alias("created_precision"), (local - timedelta(hours=hours, minutes=minutes)).dt.date().alias("local_date"),
            local.alias("created:local"))
        problem = pl.col(f"{name}:problem")
        damaged = pl.when(problem == NARROW).then(problem).otherwise(pl.concat_str(
            problem, pl.when(problem != "missing").then(shape_of(pl.col(f"raw:{name}"))), separator=": ", ignore_nulls=True))
        self.note("T01", problem.is_not_null(), name, damaged, "、".join(form.formats) or "YYYY-MM-DD HH:MM[:SS]")

    def _swapped(self, name: str, read: pl.DataFrame) -> None:
        number = int(read["swapped"].sum())
        share = self.mapping.thresholds.get("swapped_date_share", SWAPPED_SHARE)
        if number >= SWAPPED_AT_LEAST and number > share * read.height:
            self.findings.append(Finding("T08", {"n": number}, self.raw.name, None, None, self.header_of[name],
                                         advise("date_conflict", n=number, formats="、".join(self.column(name).formats))))

    def classes(self) -> None:
        for name in ("record_type", "status"):
            if not self.has(name):
                continue
            raw, value = f"raw:{name}", translate(f"raw:{name}", name, self.column(name))
            strange = unknown(raw, value, self.column(name))
            given = pl.col(f"{name}_raw")
            self.frame = self.frame.with_columns(value.alias(name), stripped(pl.col(raw)).alias(f"{name}_raw"),
                                                 strange.alias(f"{name}:strange"))
            # A shifted row may have a text or a phone where the class should be: only what can be a class's name is repeated.
            said = pl.when((given.str.len_chars() <= 20) & ~given.str.contains(r"\d{5}")).then(given).otherwise(shape_of(given))
            self.note("D01" if name == "record_type" else "D02", pl.col(f"{name}:strange"), name, said)
        if self.has("record_type"):
            self.frame = self.frame.with_columns(
                pl.when(pl.col("record_type:strange")).then(pl.lit("other")).otherwise(pl.col("record_type")).alias("record_type"))
        for name, otherwise in (("channel", "other"), ("outcome", "unknown"), ("satisfied", None), ("urgency", None)):
            if self.has(name):
                value = translate(f"raw:{name}", name, self.column(name))
                strange = unknown(f"raw:{name}", value, self.column(name))
                self.frame = self.frame.with_columns(
                    pl.when(strange).then(pl.lit(otherwise, pl.String)).otherwise(value).alias(name))
        for name in ("responded", "solved"):
            if self.has(name):
                self.frame = self.frame.with_columns(yes_or_no(f"raw:{name}", self.column(name)).alias(name))

    def texts(self) -> None:
        kept = set(self.mapping.raw_text)
        for name in (c for c in (*RECORD, *LANDING_ONLY) if c not in READ_ELSEWHERE and self.has(c)):
            value = pl.col(f"raw:{name}")
            if name not in kept:
                value = blank_missing(value, self.missing(name), name in CLASSES)
                if name not in TEXTS:
                    value = stripped(value)
            case = self.column(name).case
            if case == "title":
                value = value.str.to_lowercase().str.to_titlecase()
            elif case:
                value = value.str.to_uppercase() if case == "upper" else value.str.to_lowercase()
            values = self.column(name).values
            if values:
                value = value.replace(values)
            self.frame = self.frame.with_columns(value.alias(name))
        if self.has("respondent_uscc"):
            self.frame = self.frame.with_columns(
                pl.col("respondent_uscc").str.normalize("NFKC").str.replace_all(r"[\s\-]", "").str.to_uppercase())

    def places(self) -> None:
        for name in ("lon", "lat"):
            if self.has(name):
                number = blank_missing(pl.col(f"raw:{name}"), self.missing(name)).str.normalize("NFKC").str.strip_chars(" °")
                self.frame = self.frame.with_columns(number.cast(pl.Float64, strict=False).alias(name))
        if not (self.has("lon") and self.has("lat")):
            return
        lon, lat = pl.col("lon"), pl.col("lat")
        self.frame = self.frame.with_columns(is_swapped(lon, lat).alias("swapped"))
        self.note("G04", pl.col("swapped"), "lon")
        swapped = pl.col("swapped")
        self.frame = self.frame.with_columns(pl.when(swapped).then(lat).otherwise(lon).alias("lon"),
                                             pl.when(swapped).then(lon).otherwise(lat).alias("lat"))
        good = usable(lon, lat)
        x, y = to_wgs84(lon, lat, self.mapping.datum)
        self.frame = self.frame.with_columns(pl.when(good).then(x).alias("lon"), pl.when(good).then(y).alias("lat"))

    def callers(self) -> None:
        if self.has("caller_phone"):
            phones = parse_phones(self.frame["raw:caller_phone"], self.missing("caller_phone"))
            self.frame = self.frame.with_columns(phones.alias("caller_phone"))
        self.frame = self.frame.with_columns(self._flags().alias("caller_flags"))
        if self.has("co_units"):
            units = blank_missing(pl.col("raw:co_units"), self.missing("co_units"))
            parts = units.str.replace_all(r"[,，、;；/|\n]+", "\x1f").str.split("\x1f")
            parts = parts.list.eval(pl.element().str.strip_chars().replace("", None).drop_nulls())
            self.frame = self.frame.with_columns(parts.alias("co_units"))

    def _flags(self) -> pl.Expr:
        """caller_flags: what the source says of the caller, in the order of CALLER_FLAGS."""
        flags: list[pl.Expr] = []
        for flag in CALLER_FLAGS:
            signs: list[pl.Expr] = []
            if self.has(f"caller_flags.{flag}"):
                signs.append(yes_or_no(f"raw:caller_flags.{flag}", self.column(f"caller_flags.{flag}")))
            if self.has("caller_flags"):
                own = {w for w, v in self.column("caller_flags").values.items() if v == flag}
                words = sorted({*flag_words(flag), *own})
                signs.append(pl.col("raw:caller_flags").str.normalize("NFKC").str.contains_any(words))
            said = {"anonymous": "匿名", "asks_secrecy": "保密"}.get(flag)
            signs += [stripped(pl.col(f"raw:{c}")) == said for c in ("caller_name", "caller_phone") if said and self.has(c)]
            if signs:
                flags.append(pl.when(pl.any_horizontal(*(s.fill_null(False) for s in signs))).then(pl.lit(flag)))
        return pl.concat_list(flags).list.drop_nulls() if flags else pl.lit([], dtype=pl.List(pl.String))

    def amounts(self) -> None:
        units = dict(zip(self.match.headers, self.match.units))
        for name in MONEY:
            if not self.has(name):
                continue
            header = self.header_of[name]
            unit = units.get(header) if units.get(header) in ("元", "万元") else self.column(name).unit
            read = parse_money(self.frame[f"raw:{name}"], unit or "元", self.missing(name))
            marks = [read[c].alias(f"{name}:{c}") for c in ("unreadable", "ranged", "absurd")]
            self.frame = self.frame.with_columns(read["amount"].alias(name), *marks)
            self.note("M01", pl.col(f"{name}:unreadable"), name, shape_of(pl.col(f"raw:{name}")))
            self.note("M02", pl.col(f"{name}:ranged"), name)
            self.note("M03", pl.col(f"{name}:absurd"), name, pl.col(name))

    def counts(self) -> None:
        for name, lowest, highest in (("persons_affected", 1, 100_000), ("attachments_n", 0, 10_000)):
            if self.has(name):
                said = blank_missing(pl.col(f"raw:{name}"), self.missing(name)).str.normalize("NFKC").str.replace_all(r"\s", "")
                number = said.str.extract(r"^(\d{1,7})(?:\.0+)?[人个件]?$", 1).cast(pl.Int64, strict=False)
                sane = pl.when(number.is_between(lowest, highest)).then(number)
                self.frame = self.frame.with_columns(sane.cast(RECORD[name]).alias(name))

    def taken(self) -> None:
        """Columns that are read out of others."""
        for name, column in self.mapping.columns.items():
            sources = [c for c in column.taken_from if c in self.frame.columns]
            if not sources:
                continue
            found = [pl.col(c).str.extract(column.pattern, 1) if column.pattern else pl.col(c) for c in sources]
            value = pl.coalesce(*found)
            if column.values:
                value = value.replace(column.values)
            self.frame = self.frame.with_columns(value.alias(name))

    def defaults(self) -> None:
        place = self.mapping.place
        stands = {"city": place.default_city, "district": place.default_district, **self.mapping.defaults}
        for name, value in stands.items():
            if value is None:
                continue
            given = pl.col(name) if name in self.frame.columns else pl.lit(None, RECORD[name])
            self.frame = self.frame.with_columns(pl.coalesce(given, pl.lit(value).cast(RECORD[name])).alias(name))

    def derived_numbers(self) -> None:
        if self.mapping.derive and not self.has("source_record_id"):
            columns = [c for c in self.mapping.derive if c in self.frame.columns]
            self.frame = self.frame.with_columns(derived_ids(self.frame, columns).alias("source_record_id"))
        self.frame = self.frame.with_columns((pl.col("source_id") + ":" + pl.col("source_record_id")).alias("record_id"))

    def life(self, received_at: datetime) -> None:
        """The status where none is given, and the order of a record's times: T02–T05, T09."""
        closed = pl.col("closed_at").is_not_null() if "closed_at" in self.frame.columns else pl.lit(False)
        given = pl.col("status") if "status" in self.frame.columns else pl.lit(None, pl.String)
        strange = pl.col("status:strange") if "status:strange" in self.frame.columns else pl.lit(False)
        by_dates = pl.when(strange).then(None).when(closed).then(pl.lit("closed")).otherwise(pl.lit("open"))
        self.frame = self.frame.with_columns(pl.coalesce(given, by_dates).alias("status"))
        if not self.has("created_at"):
            return
        created = pl.col("created_at")
        late = created - pl.lit(received_at, dtype=MOMENT)
        self.note("T02", late > DRIFT, "created_at", (late.dt.total_seconds() / 3600).round(1), "received")
        self.note("T03", pl.col("created:local") < OLDEST, "created_at", pl.col("created:local").dt.year(), "2000")
        self.note("T04", pl.col("created_precision") == "day", "created_at")
        if self.has("closed_at"):
            self.note("T05", pl.col("closed_at") < created, "closed_at")
        steps = [c for c in STEPS if self.has(c)]
        turned = [pl.col(a) > pl.col(b) for i, a in enumerate(steps) for b in steps[i + 1:]]
        if turned:
            self.note("T09", pl.any_horizontal(*turned), steps[0])
