"""A new key for the pseudonyms, from the command line: landing is read once with both keys, which tells every new value of an old one."""
import os
import secrets
from collections.abc import Iterator

import polars as pl

from flows.dates import now
from flows.intake import Delivery, take_in
from flows.messages import BadUsage, print_json, tell
from flows.running import House
from policy.catalogue import say
from warehouse import keys
from warehouse.files import write_whole
from warehouse.landing import LandedFile
from warehouse.rotation import KEYED, linked, rotate
from warehouse.settings import Settings

#: Where the new key is given; without it, one is made where the old one lies in `home/secret`.
GIVEN = "WEISU_NEW_SECRET"
_ROW = ["file_sha256", "sheet", "row_number"]


def rotate_secret(settings: Settings, reason: str, yes: bool, as_json: bool) -> int:
    """Says what would be done, or does it: afterwards the old key opens nothing."""
    lang = settings.lang
    given = os.environ.get(GIVEN, "").strip()
    if settings.secret_is_given and not given:
        raise BadUsage(say("rotate.give", lang, name=GIVEN))
    house = House.open(settings)
    try:
        with house.warehouse.lock("secret rotate"):
            house.check_key()
            new = (given or secrets.token_hex(32)).encode()
            if house.warehouse.select("house_key", "key_id = :k", k=keys.key_id(new)).height:
                raise BadUsage(say("rotate.used", lang))
            landed, gone = _landed(house)
            if not yes:
                tell(say("rotate.would", lang, n=len(landed), gone=gone))
                return 0
            house.warehouse.access.note("secret rotate", [f.sha256 for f in landed], reason)
            links = linked(_links(house, landed, settings.key, new))
            if not settings.secret_is_given:
                write_whole(settings.home / keys.NEXT, new + b"\n")
            at = now()
            done = rotate(house.warehouse, f"rotate-{at:%Y%m%dT%H%M%S%f}", at, new, links,
                          {"reason": reason, "n_files": len(landed), "n_files_gone": gone})
        tell(say("rotate.done", lang, **done))
        if done["n_forgotten"]:
            tell(say("rotate.forgotten", lang, n=done["n_forgotten"], path=settings.home / keys.FORGOTTEN))
        tell(say("rotate.set" if settings.secret_is_given else "rotate.written", lang, name=GIVEN, path=settings.home / "secret"))
        if as_json:
            print_json({**done, "n_files": len(landed), "n_files_gone": gone})
        return 0
    finally:
        house.warehouse.close()


def _landed(house: House) -> tuple[list[LandedFile], int]:
    """Every input of the stored batches that landing still has, and how many it no longer has."""
    inputs = house.warehouse.read("select distinct sha256, source_id from batch_input order by sha256, source_id")
    found = [house.warehouse.landing.find(h, s) for h, s in inputs.iter_rows() if s in house.mappings]
    return [f for f in found if f is not None], inputs.height - sum(f is not None for f in found)


def _links(house: House, landed: list[LandedFile], old: bytes, new: bytes) -> Iterator[pl.DataFrame]:
    """For one input after the other: kind, old, new of every keyed value in it."""
    for file in landed:
        mapping = house.mappings[file.source_id]
        rows = [_keyed(take_in(mapping, Delivery(file.source_id, (file.path,)), [file], key)) for key in (old, new)]
        both = rows[0].join(rows[1], on=_ROW, how="inner", suffix="_new", nulls_equal=True)
        yield pl.concat([both.select(pl.lit(kind).alias("kind"), pl.col(c).alias("old"), pl.col(f"{c}_new").alias("new"))
                         for c, kind in KEYED.items()]).drop_nulls().unique()


def _keyed(intake) -> pl.DataFrame:
    return pl.concat([f.select(*_ROW, *KEYED) for f in (intake.sound, intake.quarantined)])
