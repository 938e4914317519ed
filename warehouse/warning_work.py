"""What people do to a warning: one change and its line in the audit trail, in one transaction, or a clear no."""
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from warehouse import tables
from warehouse.engine import writing


class Stale(RuntimeError):
    """Somebody else changed the warning since it was read."""


def change(engine: sa.Engine, warning_id: str, seen: Mapping[str, Any], changes: Mapping[str, Any], event: str, known_at: datetime,
           done_by: str | None = None, note: str | None = None) -> None:
    """Sets columns of a warning that is still as it was seen (`status`, `assigned_to`), and writes the event.

    Raises Stale where it is not; then nothing is written.
    """
    warning = tables.warning
    untouched = [warning.c[c] == v if v is not None else warning.c[c].is_(None) for c, v in seen.items()]
    about = f"{warning_id}|{event}|{known_at.isoformat()}|{done_by}|{note}"
    with writing(engine) as connection:
        if changes:
            done = connection.execute(sa.update(warning).where(warning.c.warning_id == warning_id, *untouched).values(**changes))
            if done.rowcount != 1:
                raise Stale(warning_id)
        connection.execute(sa.insert(tables.warning_event).values(
            event_id=blake2b(about.encode(), digest_size=8).hexdigest(), warning_id=warning_id, known_at=known_at, kind=event, done_by=done_by,
            changes=json.loads(json.dumps(dict(changes), default=str)), note=note))
