"""The key of the house: which one its pseudonyms were made with, and what still recognises the forgotten after it was changed."""
import hmac
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from transforms.privacy_keys import derived_key
from warehouse import migrate, tables
from warehouse.files import write_whole
from warehouse.settings import SettingsError

#: A new key that a rotation has made and not yet put in its place.
NEXT = "secret.next"
#: What recognises people who were forgotten under earlier keys: derived keys, good for telling a caller's old pseudonym and nothing else.
FORGOTTEN = "forgotten.keys"


def key_id(key: bytes) -> str:
    """A name for a key that tells it from others and gives nothing of it away."""
    return hmac.digest(derived_key(key, "key id"), b"", "sha256")[:8].hex()


def current(connection: sa.Connection) -> str | None:
    """The id of the key that the house's pseudonyms are made with; None before the first run."""
    if migrate.version(connection) is None:
        return None
    t = tables.house_key
    return connection.execute(sa.select(t.c.key_id).order_by(t.c.known_at.desc()).limit(1)).scalar()


def settle(warehouse: Any) -> None:
    """Finishes what a killed rotation left: its key takes its place where the tables are of it, else it goes. Only under the lock."""
    path = warehouse.home / NEXT
    if not path.exists():
        return
    with warehouse.engine.connect() as connection:
        done = current(connection) == key_id(path.read_bytes().strip())
    if done:
        path.replace(warehouse.home / "secret")
        warehouse.settings.forget_key()
    else:
        path.unlink()


def check(connection: sa.Connection, key: bytes, now: Any) -> None:
    """Notes the key of a new house. Raises SettingsError where the house's pseudonyms were made with another."""
    known, mine = current(connection), key_id(key)
    if known is None:
        connection.execute(sa.insert(tables.house_key).values(key_id=mine, known_at=now, reason="first run"))
    elif known != mine:
        raise SettingsError("WEISU_SECRET is not the key of this house: nothing would match what is stored. "
                            "After a rotation set it to the new key; after a restore, to the key of the backup")


def forgotten_keys(home: Path) -> list[tuple[bytes, bytes]]:
    """(key of callers' pseudonyms, key of the purge list) of earlier keys under which people were forgotten who can't be told otherwise."""
    path = Path(home) / FORGOTTEN
    if not path.exists():
        return []
    return [(bytes.fromhex(k["caller"]), bytes.fromhex(k["purge"])) for k in json.loads(path.read_text())]


def keep_forgotten(home: Path, keys: list[tuple[bytes, bytes]]) -> None:
    """Writes these keys (mode 0600), or removes the file where there are none."""
    path = Path(home) / FORGOTTEN
    if keys:
        write_whole(path, json.dumps([{"caller": c.hex(), "purge": p.hex()} for c, p in keys]).encode())
    else:
        path.unlink(missing_ok=True)
