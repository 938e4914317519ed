"""Where things are kept: landing, the record lake, the tables, and reading them as of a moment.

The names below are loaded when they are first used, so that asking for help costs nothing.
"""
from importlib import import_module
from typing import Any

_HOMES = {
    "Settings": "settings",
    "Landing": "landing", "LandedFile": "landing",
    "Inbox": "inbox", "InboxFile": "inbox",
    "Publication": "publication", "Write": "publication", "Delete": "publication", "LakeWrite": "publication",
    "Warehouse": "store",
    "NightRunning": "locks", "LockLost": "locks",
    "VIEWS": "published",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'warehouse' has no attribute {name!r}")
    return getattr(import_module(f"warehouse.{_HOMES[name]}"), name)
