"""Which mapping fits a file, and what is missing from it: for `weisu sources check FILE`."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from policy.rules import Finding
from sources.findings import RefusedInput
from sources.mapping import SourceMapping
from sources.reading import header_matches, read_bytes


@dataclass(frozen=True)
class Fit:
    """How well one mapping fits one file. `score`: the mean of the share of required columns that are there and the share of the
    file's headers that are known, 0 to 1. `accepted`: it would be read. `headers`: header → canonical column ("" is known and
    ignored). `findings`: what reading it would say. `rows`: records read, 0 where it is refused."""

    source: str
    score: float
    accepted: bool
    headers: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unregistered: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    rows: int = 0


def fit(path: Path, mappings: Mapping[str, SourceMapping], name: str | None = None) -> list[Fit]:
    """Every mapping tried on a file, the best first. Raises OSError where there is no such file."""
    data, name = Path(path).read_bytes(), name or Path(path).name
    fits = [_fit(data, name, m) for m in mappings.values()]
    # Of two that fit alike, the one that expects less besides is meant.
    return sorted(fits, key=lambda f: (-f.score, not f.accepted, len(mappings[f.source].columns), f.source))


def _fit(data: bytes, name: str, mapping: SourceMapping) -> Fit:
    try:
        matches = header_matches(data, name, mapping)
    except RefusedInput as refusal:
        return Fit(mapping.source, 0.0, False, missing=mapping.required, findings=tuple(refusal.findings))
    if not matches:
        return Fit(mapping.source, 0.0, False, missing=mapping.required, findings=tuple(_findings(data, name, mapping)[1]))
    best = max(matches, key=lambda m: (len(mapping.required) - len(m.missing), m.known))
    named = [h for h in best.headers if h]
    required = 1 - len(best.missing) / max(len(mapping.required), 1)
    rows, findings = _findings(data, name, mapping)
    return Fit(mapping.source, round((required + best.known / max(len(named), 1)) / 2, 3), not any(f.effect == "X" for f in findings),
               {h: c for h, c in zip(best.headers, best.canonical) if c is not None and h}, best.missing, best.unregistered,
               tuple(findings), rows)


def _findings(data: bytes, name: str, mapping: SourceMapping) -> tuple[int, list[Finding]]:
    try:
        raw = read_bytes(data, name, mapping)
    except RefusedInput as refusal:
        return 0, refusal.findings
    return raw.frame.height, raw.findings
