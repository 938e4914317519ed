"""How themes are proposed, cases suspected, effects measured (`data/themes.yaml`)."""
from collections.abc import Mapping

from policy.dated import load


def rules() -> Mapping:
    """The table as it stands in the file: `themes`, `cases`, `effect`, `recurrence_days`."""
    return load("themes.yaml")
