"""Validating files without storing them: what the contract says of them, and Data Docs on demand."""
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from expectations.suites import validate
from flows.dates import now
from flows.intake import Delivery, Intake, take_in
from flows.messages import BadUsage, tell, tell_findings
from policy.catalogue import say
from sources.mapping import load_mappings
from warehouse.landing import Landing
from warehouse.settings import Settings


def validate_files(settings: Settings, paths: list[Path], source: str, docs: Path | None) -> int:
    """Exit status 0 where the batch meets the contract, 1 where it does not or a file is refused."""
    mappings = load_mappings(settings.own_sources)
    if source not in mappings:
        raise BadUsage(say("usage.source", settings.lang, source=source, known=", ".join(mappings)))
    missing = [p for p in paths if not p.is_file()]
    if missing:
        raise BadUsage(say("usage.path", settings.lang, path=missing[0]))
    intake, received = read_aside(settings, paths, source, mappings)
    for found in intake.refused.values():
        tell_findings(found, settings.lang)
    if intake.refused:
        return 1
    report = validate(pl.concat([intake.sound, intake.quarantined]), intake.mapping, intake.findings, docs, received)
    verdict = say("validate.sound", settings.lang) if report.success else say("validate.unsound", settings.lang, codes=", ".join(report.unmet))
    tell(say("validate.counts", settings.lang, file=", ".join(p.name for p in paths), rows=report.rows, ok=verdict))
    for code, n in report.counts.items():
        tell(f"  {code} {n}")
    if report.docs is not None:
        tell(say("validate.docs", settings.lang, path=report.docs))
    return 0 if report.success else 1


def read_aside(settings: Settings, paths: list[Path], source: str, mappings) -> tuple[Intake, datetime]:
    """The files' rows as a night would see them; their copies are gone when this returns."""
    with TemporaryDirectory() as aside:
        landing, received = Landing(Path(aside)), now()
        landed = [landing.land(p, source, received_at=received) for p in paths]
        return take_in(mappings[source], Delivery(source, tuple(paths)), landed, settings.key), received
