"""What a verdict counts for, what a level is worth, and how far verdicts may move thresholds (`data/ranking.yaml`)."""
from collections.abc import Mapping
from dataclasses import dataclass

from policy.dated import load


def table() -> Mapping:
    """The table as it stands in the file."""
    return load("ranking.yaml")


@dataclass(frozen=True)
class Factor:
    """By how much a setting is multiplied, within `low` and `high`; `precision` of the `n` verdicts that it rests on (None: too few)."""

    name: str
    factor: float
    low: float
    high: float
    precision: float | None
    n: int


def factors(credit: Mapping[str, float], judged: Mapping[str, int]) -> dict[str, Factor]:
    """Each threshold's factor by the verdicts behind it: their summed credit and their number, by threshold."""
    rules, out = table()["calibration"], {}
    for name in ("false_alarms", "several_callers"):
        low, high = rules[name]["bounds"]
        n = judged.get(name, 0)
        if n < rules["least"]:
            out[name] = Factor(name, 1.0, low, high, None, n)
            continue
        precision = (credit.get(name, 0.0) + 0.5) / (n + 1)
        moved = precision / rules[name]["target"] if name == "false_alarms" else rules[name]["target"] / precision
        out[name] = Factor(name, float(f"{min(max(moved, low), high):.6g}"), low, high, precision, n)
    return out
