"""What is true of a demo city, to score against: of every record, matter, cell, personal value, dirty cell, revision and file."""
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Truth:
    """Frames keyed by source_record_id, matter or file.

    - `records`: source_record_id, type_code, second_type, street, respondent, place, caller, incident_id (what was planted, for warnings), matter (the records of one
      matter: `flows.demo.one_matter`, for linking), is_repeat, is_campaign,
      is_claimant, event_at, created_at, closed_at, delivered_on (the run date whose file first holds it), text (clean)
    - `incidents`: incident_id, kind (risk, trap, minor, copied), zh, en, start, end, is_risk, severity, wanted_level, wanted_day, lead_unit, streets,
      problems, n_records, n_callers
    - `cells`: date, street, type_code, rate (expected without planted matters), planted (count)
    - `dirt`: source_record_id, column, kind, clean, code, effect
    - `pii`: source_record_id, start, end, kind (characters of the clean content)
    - `revisions`: source_record_id, revision_no, known_at, changed
    - `batches`: date, file, outcome, codes
    Moments are local time without a zone.
    """

    records: pl.DataFrame
    incidents: pl.DataFrame
    cells: pl.DataFrame
    dirt: pl.DataFrame
    pii: pl.DataFrame
    revisions: pl.DataFrame
    batches: pl.DataFrame
