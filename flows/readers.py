"""Who may read the published views, from the command line."""
from collections.abc import Sequence

from sqlalchemy.exc import ProgrammingError

from flows.messages import BadUsage, tell
from flows.running import House
from policy.catalogue import say
from warehouse.settings import Settings


def let_read(settings: Settings, role: str, members: Sequence[str]) -> int:
    """Makes the role that reads the views only, and these its members; exit status 1 where this database user may not."""
    lang = settings.lang
    if settings.is_sqlite:
        raise BadUsage(say("db.roles", lang))
    house = House.open(settings)
    try:
        done = house.warehouse.grant_readers(role, members)
    except ProgrammingError:
        tell(say("db.readers.refused", lang, role=role))
        return 1
    finally:
        house.warehouse.close()
    for statement in done:
        tell(f"  {statement};")
    tell(say("db.readers", lang, role=role, url=settings.shown_url))
    return 0
