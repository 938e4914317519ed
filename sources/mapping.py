"""One source, declared: which header is which column, in what forms its values come, where and when it delivers."""
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from transforms.canonical import CALLER_FLAGS, LANDING_ONLY, LINEAGE, RECORD

#: Columns that the mapper derives; no header may be mapped to them.
DERIVED = frozenset({"source_id", "record_id", "created_precision", "local_date", "record_type_raw", "status_raw", "order_ref_hash",
                     "caller_key", "street_code", "address_masked"})
#: Yes/no columns of their own that set one caller flag each.
FLAG_COLUMNS = tuple(f"caller_flags.{flag}" for flag in CALLER_FLAGS)
#: What a mapping may name, in the order of the canonical record.
MAPPABLE = (*(c for c in (*RECORD, *LANDING_ONLY) if c not in DERIVED and c not in LINEAGE), *FLAG_COLUMNS)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


def _words(value: Any) -> Any:
    """YAML reads yes, no, 1 and 0 as other things than text; a value map means the words."""
    if isinstance(value, dict):
        return {_word(k): _word(v) for k, v in value.items()}
    return [_word(v) for v in value] if isinstance(value, list) else value


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


Words = Annotated[list[str], BeforeValidator(_words)]
WordMap = Annotated[dict[str, str], BeforeValidator(_words)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class HeaderName(Strict):
    """A header that is told apart by its neighbour: only the column right of one of `after`."""

    name: str
    after: list[str] = Field(default_factory=list)


class ColumnMapping(Strict):
    """How one canonical column is found and read."""

    headers: list[str | HeaderName] = Field(default_factory=list)
    required: bool = False
    #: strptime forms for dates where day or month come first; year-first forms need no listing.
    formats: list[str] = Field(default_factory=list)
    unit: Literal["元", "万元"] | None = None
    values: WordMap = Field(default_factory=dict)
    missing: Words = Field(default_factory=list)
    case: Literal["title", "upper", "lower"] | None = None
    #: Taken from other canonical columns instead of a header: the first that has a value, or where `pattern` is found in it.
    taken_from: list[str] = Field(default_factory=list, alias="from")
    pattern: str | None = None

    @field_validator("formats")
    @classmethod
    def _dated(cls, formats: list[str]) -> list[str]:
        for form in formats:
            if not re.search(r"%[dej]|%[FDs]", form):
                raise ValueError(f"a strptime form with a day (%d) expected, found {form!r}")
        return formats

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None and re.compile(pattern).groups != 1:
            raise ValueError("a regular expression with exactly one group expected")
        return pattern

    @model_validator(mode="after")
    def _found_somehow(self) -> "ColumnMapping":
        if bool(self.headers) == bool(self.taken_from):
            raise ValueError("either `headers` or `from` expected")
        return self


class Name(Strict):
    zh: str
    en: str


class Place(Strict):
    """Which canonical columns are a record's fine and coarse place, and what stands there by default."""

    fine: Literal["district", "street", "community"] = "street"
    coarse: Literal["city", "district", "street"] = "district"
    default_city: str | None = None
    default_district: str | None = None


class Damaged(Strict):
    start: date = Field(alias="from")
    end: date | None = Field(default=None, alias="to")


class Repair(Strict):
    #: The dates between which this source's texts are known to arrive damaged: one sign is enough then.
    damaged: Damaged | None = None


class SourceMapping(Strict):
    """One source's mapping; the keys are documented in docs/sources.md."""

    source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    version: int = 1
    name: Name
    language: Literal["zh", "en"] = "zh"
    time_zone: str = "Asia/Shanghai"
    day_starts_at: Annotated[str, Field(pattern=_CLOCK)] = "00:00"
    pack: str | None = None
    problems: Literal["taxonomy", "category"] = "taxonomy"
    place: Place = Field(default_factory=Place)
    files: list[str] = Field(default_factory=list)
    format: Literal["auto", "xlsx", "csv", "jsonl", "parquet", "html", "sql"] = "auto"
    encodings: list[str] = Field(default_factory=lambda: ["utf-8", "gb18030"])
    sheets: list[str] = Field(default_factory=list)
    url: str | None = None
    query: str | None = None
    columns: dict[str, ColumnMapping]
    #: Headers that are known and not wanted: dropped without a word.
    ignored: list[str] = Field(default_factory=list)
    defaults: WordMap = Field(default_factory=dict)
    fill_down: list[str] = Field(default_factory=list)
    raw_text: list[str] = Field(default_factory=list)
    id_pattern: str | None = None
    #: Columns a record number is derived from where the source has none.
    derive: list[str] = Field(default_factory=list)
    datum: Literal["WGS-84", "GCJ-02", "BD-09"] = "WGS-84"
    blank_means: Literal["no_news", "cleared"] = "no_news"
    repair: Repair = Field(default_factory=Repair)
    delivers: Literal["daily", "workdays"] | list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = "daily"
    due_by: Annotated[str, Field(pattern=_CLOCK)] = "07:30"
    full_export: bool = False
    link_window_days: Annotated[int, Field(gt=0)] = 90
    thresholds: dict[str, float] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as e:
            raise ValueError("an IANA time zone such as Asia/Shanghai expected") from e
        return zone

    @field_validator("encodings")
    @classmethod
    def _known_encodings(cls, encodings: list[str]) -> list[str]:
        for encoding in encodings:
            try:
                b"".decode(encoding)
            except LookupError as e:
                raise ValueError(f"an encoding's name expected, found {encoding!r}") from e
        return encodings

    @field_validator("id_pattern")
    @classmethod
    def _pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            re.compile(pattern)
        return pattern

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, ColumnMapping]) -> dict[str, ColumnMapping]:
        unknown = sorted(set(columns) - set(MAPPABLE))
        if unknown:
            raise ValueError(f"columns of the canonical record expected, found {', '.join(unknown)}")
        return columns

    @model_validator(mode="after")
    def _whole(self) -> "SourceMapping":
        if "created_at" not in self.columns:
            raise ValueError("columns: created_at is missing: a record without a time cannot be counted")
        if "source_record_id" not in self.columns and not self.derive:
            raise ValueError("columns: source_record_id is missing, and `derive` does not say what to make one of")
        if not {"content", "title"} & set(self.columns):
            raise ValueError("columns: neither content nor title is mapped")
        for key, names in (("derive", self.derive), ("fill_down", self.fill_down), ("raw_text", self.raw_text)):
            unknown = sorted(set(names) - set(self.columns))
            if unknown:
                raise ValueError(f"{key}: mapped columns expected, found {', '.join(unknown)}")
        personal = sorted(set(self.derive) & set(LANDING_ONLY))
        if personal:
            raise ValueError(f"derive: a record number may not be made of personal columns, found {', '.join(personal)}")
        for name, column in self.columns.items():
            wrong = [c for c in column.taken_from if c not in self.columns or self.columns[c].taken_from]
            if wrong:
                raise ValueError(f"columns.{name}.from: columns with headers expected, found {', '.join(wrong)}")
        unknown = sorted(set(self.defaults) - set(RECORD) | (set(self.defaults) & DERIVED))
        if unknown:
            raise ValueError(f"defaults: columns of the canonical record expected, found {', '.join(unknown)}")
        if (self.format == "sql") != bool(self.url and self.query):
            raise ValueError("format sql and both `url` and `query` belong together")
        return self

    @property
    def required(self) -> tuple[str, ...]:
        """Canonical columns without which a file is refused (H01), in the mapping's order."""
        always = {"created_at", *(() if self.derive else ("source_record_id",))}
        return tuple(c for c, m in self.columns.items() if m.headers and (m.required or c in always))


class MappingError(ValueError):
    """A mapping file that cannot be used: the file, the key, what was found, what was expected, what to do."""

    def __init__(self, file: str, key: str, found: str, expected: str, advice: str):
        self.file, self.key, self.found, self.expected, self.advice = file, key, found, expected, advice
        super().__init__(f"{file}: {key}: found {found}; {expected}. {advice}")


def load_mapping(path: Path) -> SourceMapping:
    """The mapping in one YAML file. Raises MappingError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        mark = getattr(e, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise MappingError(path.name, where, "something that is not YAML", "expected: YAML in UTF-8",
                           "Check the indentation and the quotes around there.") from None
    if not isinstance(data, dict):
        raise MappingError(path.name, "the file", type(data).__name__, "expected: keys and values (source, name, columns …)",
                           "Start from a shipped mapping; docs/sources.md explains every key.")
    try:
        return SourceMapping.model_validate(data)
    except ValidationError as e:
        raise _explained(path.name, e) from None


def _explained(file: str, error: ValidationError) -> MappingError:
    first = error.errors()[0]
    # A union's branches and validators' names are no keys of the file.
    key = ".".join(str(p) for p in first["loc"] if not re.search(r"[\[({-]|^HeaderName$|^str$", str(p))) or "the file"
    kind, found = first["type"], first.get("input")
    shown = "a mapping of keys" if isinstance(found, dict) else "nothing" if found is None else repr(found)[:80]
    more = f" ({error.error_count() - 1} more after it)" if error.error_count() > 1 else ""
    if kind == "extra_forbidden":
        return MappingError(file, key, "a key that is not known", "expected: one of the keys of docs/sources.md",
                            f"Mend the spelling or take the line out{more}.")
    if kind == "missing":
        return MappingError(file, key, "nothing", "expected: this key, it is required",
                            f"Add it; docs/sources.md says what it holds{more}.")
    message = first["msg"].removeprefix("Value error, ")
    return MappingError(file, key, shown, f"expected: {message[0].lower()}{message[1:]}", f"Mend it and load again{more}.")


def shipped() -> Path:
    """The folder of the mappings that come with the project."""
    return Path(__file__).parent


def load_mappings(*folders: Path) -> dict[str, SourceMapping]:
    """All mappings by source id: the shipped ones, then each folder's `*.yaml` (those named `_…` are no mappings); a later
    one of the same source takes the place of an earlier. A folder that is not there is an empty one. Raises MappingError."""
    found: dict[str, SourceMapping] = {}
    for folder in (shipped(), *map(Path, folders)):
        here: dict[str, str] = {}
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            if path.name.startswith("_"):
                continue
            mapping = load_mapping(path)
            if mapping.source in here:
                raise MappingError(path.name, "source", repr(mapping.source), "expected: an id of its own",
                                   f"{here[mapping.source]} has this one: give one of the two another `source`.")
            here[mapping.source] = path.name
            found[mapping.source] = mapping
    return dict(sorted(found.items()))
