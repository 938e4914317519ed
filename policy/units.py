"""Who handles: the units of a policy pack, dated, and how a street's name leads to its station (`data/units_<pack>.yaml`)."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl

from policy.dated import FIRST_DAY, LAST_DAY, load

STATION, STREET_OFFICE, DISPATCH = "station", "DEP-STREET", "SEC-DISPATCH"


@dataclass(frozen=True)
class Unit:
    """One unit. `kind`: bureau, leader, section, station, partner or street. `successor`: who took over after `valid_to`."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    does: str = ""
    street_code: str | None = None
    sections: tuple[str, ...] = ()
    valid_from: date = FIRST_DAY
    valid_to: date = LAST_DAY
    successor: str | None = None

    def name(self, lang: str = "zh") -> str:
        """The name in "zh" or "en"."""
        return self.name_zh if lang == "zh" else self.name_en


class Units:
    """The units of one pack. Raises ValueError on loading where a code is given twice or an alias names two streets."""

    def __init__(self, data: Mapping):
        self.pack: str = data["pack"]
        self.version: str = data["version"]
        self.district: Mapping[str, str] = data["district"]
        self.escalation: Sequence[Mapping] = data["escalation"]
        self.section_leads_from_stations: int = data["section_leads_from_stations"]
        self.co_stations_at_most: int = data["co_stations_at_most"]
        self._units: dict[str, Unit] = {}
        self._streets: dict[str, tuple[str, str]] = {}
        self._stations: dict[str, list[str]] = {}
        aliases: dict[str, str] = {}
        self._add("bureau", data["bureau"])
        for kind, key in (("leader", "leaders"), ("section", "sections"), ("station", "stations"), ("partner", "partners")):
            for row in data[key]:
                self._add(kind, row)
        for row in data["stations"]:
            street = row["street_code"]
            self._streets[street] = (row["street"], row["street_en"])
            self._stations.setdefault(street, []).append(row["code"])
            self._add("street", self._office(street, row))
            for alias in (row["street"], row["zh"], *row["aliases"]):
                if aliases.setdefault(alias, street) != street:
                    raise ValueError(f"units of {self.pack}: alias {alias!r} names two streets")
        #: What may be searched inside a longer text: never a bare name such as 新华, which is also a bookshop's.
        self._full = {alias: street for alias, street in aliases.items() if alias.endswith(("街道", "镇", "乡", "市场监管所"))}
        self._aliases = pl.DataFrame({"text": list(aliases), "street_code": list(aliases.values())})

    def _add(self, kind: str, row: Mapping) -> None:
        code = row["code"]
        if code in self._units and kind != "street":
            raise ValueError(f"units of {self.pack}: code {code!r} is given twice")
        self._units[code] = Unit(
            code, kind, row["zh"], row["en"], row.get("does", ""), row.get("street_code"), tuple(row.get("sections", ())),
            row.get("valid_from") or FIRST_DAY, row.get("valid_to") or LAST_DAY, row.get("successor"),
        )

    @staticmethod
    def _office(street: str, row: Mapping) -> Mapping:
        subdistrict = row["street"].endswith("街道")
        return {"code": f"{STREET_OFFICE}:{street}", "street_code": street,
                "zh": row["street"] + ("办事处" if subdistrict else "人民政府"),
                "en": row["street_en"] + (" Street Office" if subdistrict else " Township Government")}

    def match_street(self, texts: pl.Series) -> pl.Series:
        """The code of the street that each text names, else null: a Series of String, as long as `texts`.

        First the whole text as one of the street's names or aliases (a column "street": 新华, 新华街道, 新华所), then the
        first full name (XX街道, XX镇, XX乡, XX市场监管所) inside it.
        """
        clean = texts.cast(pl.String).str.normalize("NFKC").str.replace_all(r"\s", "")
        clean = clean.str.strip_prefix(self.district["city"]).str.strip_prefix(self.district["zh"])
        exact = pl.DataFrame({"text": clean}).join(self._aliases, on="text", how="left", maintain_order="left")["street_code"]
        if not exact.null_count():
            return exact.alias("street_code")
        # Leftmost, and of those the longest: the order of the extraction is that of the text.
        found = clean.str.extract_many(list(self._full), leftmost=True).list.first()
        return exact.fill_null(found.replace_strict(self._full, default=None, return_dtype=pl.String)).alias("street_code")

    def street_codes(self) -> list[str]:
        """All street codes, in the order of the file."""
        return list(self._streets)

    def street_name(self, street_code: str, lang: str = "zh") -> str:
        """The street's name; an unknown code names itself."""
        zh, en = self._streets.get(street_code, (street_code, street_code))
        return zh if lang == "zh" else en

    def resolve(self, code: str, day: date) -> Unit | None:
        """The unit valid on a day, through its successors; None where there is none."""
        seen = set()
        while code in self._units and code not in seen:
            unit = self._units[code]
            if unit.valid_from <= day <= unit.valid_to:
                return unit
            seen.add(code)
            code = unit.successor or ""
        return None

    def station_for(self, street_code: str | None, day: date) -> str | None:
        """The code of the station that covers a street on a day; None for an unknown street."""
        for code in self._stations.get(street_code or "", ()):
            unit = self.resolve(code, day)
            if unit:
                return unit.code
        return None

    def named(self, text: str, day: date) -> Unit | None:
        """The unit valid on a day that a code or a name in either language means, through its successors; None where there is none."""
        code = text if text in self._units else next((c for c, u in self._units.items() if text in (u.name_zh, u.name_en)), None)
        return self.resolve(code, day) if code else None

    def all(self) -> list[Unit]:
        """All units, in the order of the file."""
        return list(self._units.values())

    def unit(self, code: str) -> Unit | None:
        """The unit of that code, whatever its dates."""
        return self._units.get(code)

    def unit_name(self, code: str, lang: str = "zh") -> str:
        """The unit's name; an unknown code names itself."""
        unit = self._units.get(code)
        return unit.name(lang) if unit else code


@cache
def units(pack: str) -> Units:
    """The units of a pack. Raises FileNotFoundError for a pack without units."""
    return Units(load(f"units_{pack}.yaml"))
