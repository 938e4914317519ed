"""What reviews decide, and what becomes of it; consultations. Each is a dated row; who comes later sees it on the next sheets."""
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import polars as pl

from flows.dates import now
from flows.messages import BadUsage, print_json, tell
from flows.running import House
from policy.catalogue import say
from policy.lifecycle import ZONE
from transforms.canonical import MOMENT
from warehouse.deciding import note
from warehouse.settings import Settings

_POINT: dict[str, Any] = {"point_id": pl.String, "period": pl.String, "sheet_day": pl.Date, "known_at": MOMENT, "subject": pl.String, "what": pl.String, "unit": pl.String,
                          "due_on": pl.Date, "decided_by": pl.String}
_CONSULTATION: dict[str, Any] = {"consultation_id": pl.String, "held_on": pl.Date, "known_at": MOMENT, "subject": pl.String, "participants": pl.List(pl.String),
                                 "conclusion": pl.String, "noted_by": pl.String}


def decide_point(settings: Settings, what: str, period: str, day: date | None, subject: str | None, unit: str | None, due: date | None, by: str | None, as_json: bool,
                 at: datetime | None = None) -> int:
    """Notes what a review decided; prints its number. The same words at the same moment are the same point."""
    moment = at or now()
    day = day or moment.astimezone(ZONE).date()
    row = {"point_id": _id("P", day, moment, what, subject), "period": period, "sheet_day": day, "known_at": moment, "subject": subject, "what": what, "unit": unit,
           "due_on": due, "decided_by": by}
    house = House.open(settings)
    try:
        note(house.warehouse, "review_point", pl.DataFrame([row], schema=_POINT))
        tell(say("review.decided", settings.lang, point=row["point_id"]))
        if as_json:
            print_json(row)
        return 0
    finally:
        house.warehouse.close()


def settle_point(settings: Settings, point_id: str, result: str | None, by: str | None, at: datetime | None = None) -> int:
    """Notes that a point is done and what came of it; exit status 1 where it was done before."""
    lang = settings.lang
    if not result:
        raise BadUsage(say("review.lacks_result", lang))
    house = House.open(settings)
    try:
        found = house.warehouse.select("review_point", "point_id = :p", p=point_id)
        if found.is_empty():
            raise BadUsage(say("usage.nothing", lang, what=point_id))
        if found["done_at"][0] is not None:
            tell(say("review.settled_before", lang, point=point_id, result=found["result"][0]))
            return 1
        row = {"point_id": point_id, "done_at": at or now(), "result": result, "done_by": by}
        note(house.warehouse, "review_point", pl.DataFrame([row], schema={"point_id": pl.String, "done_at": MOMENT, "result": pl.String, "done_by": pl.String}), "update")
        tell(say("review.settled", lang, point=point_id))
        return 0
    finally:
        house.warehouse.close()


def consult(settings: Settings, subject: str, participants: list[str], conclusion: str | None, day: date | None, by: str | None, at: datetime | None = None) -> int:
    """Notes a consultation (集中会商研判) on a problem or matter."""
    if not participants:
        raise BadUsage(say("review.lacks_participants", settings.lang))
    moment = at or now()
    held = day or moment.astimezone(ZONE).date()
    row = {"consultation_id": _id("H", held, moment, subject, conclusion), "held_on": held, "known_at": moment, "subject": subject, "participants": participants,
           "conclusion": conclusion, "noted_by": by}
    house = House.open(settings)
    try:
        note(house.warehouse, "consultation", pl.DataFrame([row], schema=_CONSULTATION))
        tell(say("review.consulted", settings.lang, id=row["consultation_id"]))
        return 0
    finally:
        house.warehouse.close()


def _id(letter: str, day: date, *about: object) -> str:
    return f"{letter}{day:%Y%m%d}-{blake2b('|'.join(str(a) for a in about).encode(), digest_size=4).hexdigest()}"
