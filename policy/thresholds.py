"""The settings that decide what is watched and said (`data/thresholds.yaml`), with a source's own over them."""
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from policy.dated import load


@dataclass(frozen=True)
class Thresholds:
    """See the comments of `data/thresholds.yaml`; days are whole days, shares lie in 0…1."""

    valid_from: date
    false_alarms_per_week: float
    false_alarms_per_series: int
    windows_days: tuple[int, ...]
    history_days_min: int
    new_type_quiet_days: int
    watch_days: int
    withheld_cells_days: int
    surge_records_min: int
    incident_records_min: int
    incident_callers_min: int
    link_window_days: int
    sentinel_age_days: int
    district_streets_min: int
    explains_share: float
    campaign_records_min: int
    campaign_callers_min: int
    warning_quiet_days: int
    list_max: int

    def expected_false_alarms(self, n_series: int, days: float = 1.0) -> float:
        """How many false alarms a list over so many series and days is allowed."""
        return self.false_alarms_per_week * n_series / self.false_alarms_per_series * days / 7


def thresholds(overrides: Mapping[str, Any] | None = None) -> Thresholds:
    """The settings, with some replaced by name. Raises ValueError that names an unknown one."""
    known = {f.name for f in fields(Thresholds)}
    unknown = sorted(set(overrides or ()) - known)
    if unknown:
        raise ValueError(f"thresholds: unknown {', '.join(unknown)}; there are: {', '.join(sorted(known - {'valid_from'}))}")
    values = {**load("thresholds.yaml"), **(overrides or {})}
    return Thresholds(**{**values, "windows_days": tuple(values["windows_days"])})
