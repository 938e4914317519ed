"""Sources of one place: their records make the same series, incidents and matters."""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from policy.calendar import region_of
from policy.packs import pack as pack_of
from sources.mapping import SourceMapping


@dataclass(frozen=True)
class Place:
    """`key`: the policy pack, or the source itself where no pack covers it."""

    key: str
    mappings: Mapping[str, SourceMapping]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted(self.mappings))

    @property
    def first(self) -> SourceMapping:
        return self.mappings[self.sources[0]]

    @property
    def pack(self) -> str | None:
        return self.first.pack

    @property
    def lang(self) -> str:
        return self.first.language

    @property
    def region(self) -> str:
        """Whose public holidays count."""
        return pack_of(self.pack)["holidays"] if self.pack else region_of(self.first.time_zone)

    @property
    def by_category(self) -> list[str]:
        """Its sources whose problems are their own categories: their texts say nothing."""
        return [s for s, m in self.mappings.items() if m.problems == "category"]

    @property
    def link_window_days(self) -> int:
        return max(m.link_window_days for m in self.mappings.values())

    def with_places(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records with `fine_place` and `coarse_place`, each source's own columns."""
        def pick(level: str) -> pl.Expr:
            chosen = pl.lit(None, pl.String)
            for source, mapping in self.mappings.items():
                chosen = pl.when(pl.col("source_id") == source).then(pl.col(getattr(mapping.place, level))).otherwise(chosen)
            return chosen.alias(f"{level}_place")

        return records.with_columns(pick("fine"), pick("coarse"))


def place_key(mapping: SourceMapping) -> str:
    return mapping.pack or mapping.source


def places_of(mappings: Mapping[str, SourceMapping], sources: Iterable[str]) -> list[Place]:
    """The places of these sources, each with all its sources, in order of key."""
    keys = sorted({place_key(mappings[s]) for s in sources})
    return [Place(k, {s: m for s, m in sorted(mappings.items()) if place_key(m) == k}) for k in keys]
