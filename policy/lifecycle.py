"""The life of a warning: which action is legal in which status, and what it needs."""
from collections.abc import Mapping
from types import MappingProxyType

#: action → (statuses it may start from, status it leads to; None: stays as it is)
ACTIONS: Mapping[str, tuple[tuple[str, ...], str | None]] = MappingProxyType({
    "acknowledge": (("new", "reopened"), "acknowledged"),
    "assign": (("new", "acknowledged", "assigned", "in_progress", "reopened", "snoozed"), "assigned"),
    "start": (("acknowledged", "assigned", "reopened", "snoozed"), "in_progress"),
    "note": (("new", "acknowledged", "assigned", "in_progress", "reopened", "snoozed", "closed", "expired"), None),
    "snooze": (("new", "acknowledged", "assigned", "in_progress", "reopened"), "snoozed"),
    "close": (("new", "acknowledged", "assigned", "in_progress", "reopened", "snoozed"), "closed"),
    "reopen": (("closed", "expired"), "reopened"),
})
VERDICTS = ("confirmed", "partly", "unfounded", "already_known")
#: What the audit trail calls an action.
EVENT = MappingProxyType({"acknowledge": "acknowledged", "assign": "assigned", "start": "started", "note": "noted", "snooze": "snoozed",
                          "close": "closed", "reopen": "reopened"})


class Illegal(ValueError):
    """An action that the warning's status does not allow."""

    def __init__(self, status: str, action: str):
        super().__init__(f"{action} is not possible while {status}")
        self.status, self.action = status, action


def after(status: str, action: str) -> str:
    """The status after an action. Raises Illegal where it may not be taken."""
    allowed, leads = ACTIONS[action]
    if status not in allowed:
        raise Illegal(status, action)
    return leads or status
