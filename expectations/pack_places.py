"""What a policy pack tells the row rules about its place: its box and the streets' full names."""
from functools import cache
from importlib.resources import files
from typing import TypedDict

import polars as pl
import yaml

from policy.units import units


class Places(TypedDict):
    """Arguments of `RowContext`, which see."""

    covers_streets: bool
    streets: pl.DataFrame | None
    box: tuple[float, float, float, float] | None


@cache
def places_of_pack(pack: str | None) -> Places:
    """For `RowContext(**places_of_pack(mapping.pack), …)`; without a pack the rules about places (G01–G03) are off."""
    if pack is None:
        return Places(covers_streets=False, streets=None, box=None)
    table = units(pack)
    codes = table.street_codes()
    streets = pl.DataFrame({"name": [table.street_name(code) for code in codes], "street_code": codes},
                           schema={"name": pl.String, "street_code": pl.String})
    boxes = yaml.safe_load((files("expectations") / "data" / "boxes.yaml").read_text(encoding="utf-8"))
    west, south, east, north = boxes.get(pack, (-180, -90, 180, 90))
    return Places(covers_streets=True, streets=streets, box=(west, south, east, north))
