"""The periodic sheets: 日调度, 周会商, 旬复盘, 月点评, and the half-year's. Every line traces to records."""
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType

import polars as pl

from flows import sheet_decisions as decided
from flows import sheet_figures as counted
from flows import sheet_matters as matter
from flows import sheet_sources as source
from flows.figures import figures
from flows.lists import day_of_list
from flows.messages import BadUsage, print_json, tell
from flows.metrics import as_metric_rows
from flows.running import House
from flows.sheet import Known, Section, Sheet, known
from flows.sheet_files import write_sheet
from policy.catalogue import say
from policy.lifecycle import OPEN
from warehouse.deciding import note
from warehouse.settings import Settings

RATES = ("response_rate", "solved_rate", "satisfied_rate")
#: What each sheet counts, and against what.
FIGURES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType({
    "day": (("records", "hard_records", "warnings"), ("previous",)),
    "week": (("records", "hard_records", "repeat_rate", "on_time_acceptance", "first_action_hours", "warnings"), ("previous",)),
    "tenday": (("records", "hard_records", "on_time_acceptance", "warning_precision", "warning_lead", "records_before_warning", "warnings"), ("previous",)),
    "month": (("records", *RATES, "closed_rate", "on_time_acceptance", "on_time_response", "on_time_closure", "closing_days", "first_action_hours", "repeat_rate", "reopen_rate", "hard_records",
               "recovered_loss", "case_share", "open_loops", "warnings", "warning_precision", "warning_lead", "records_before_warning", "owned_share"), ("previous", "year")),
})
_raised = lambda k: pl.col("raised_on").is_between(k.period.first, k.day)
_open = pl.col("status").is_in(OPEN)
_Part = Callable[[Known], Section]
PARTS: Mapping[str, tuple[_Part, ...]] = MappingProxyType({
    "day": (lambda k: decided.points_part(k, True), lambda k: matter.warnings_part(k, "new", _raised(k)),
            lambda k: matter.warnings_part(k, "worse", pl.col("updated_on").is_between(k.period.first, k.day) & ~_raised(k) & _open), matter.hard_part, matter.clocks_part, matter.tracks_part, matter.whistles_part,
            matter.open_loops_part, lambda k: counted.counted_part(k, "problems", "problem", "previous"), decided.notices_part, decided.nights_part),
    "week": (decided.key_work_part, source.outlook_part, lambda k: decided.points_part(k, True), lambda k: counted.counted_part(k, "problems", "problem", "previous", moved=True), counted.cells_part,
             lambda k: counted.counted_part(k, "streets", "street", "previous"), lambda k: matter.warnings_part(k, "new", _raised(k)),
             lambda k: matter.warnings_part(k, "open", _open & ~_raised(k)), matter.hard_part, source.ledgers_part, source.suspects_part, decided.consultations_part, decided.notices_part),
    "tenday": (lambda k: decided.points_part(k, True), matter.verdicts_part, counted.frequent_part, lambda k: counted.counted_part(k, "problems", "problem", "previous", moved=True), counted.cells_part,
               matter.hard_part, lambda k: matter.warnings_part(k, "all_open", _open), source.themes_part, decided.consultations_part, decided.nights_part),
    "month": (lambda k: counted.counted_part(k, "top_five", "focus", "year", 5, moved=True), lambda k: counted.counted_part(k, "problems", "problem", "year", moved=True), counted.frequent_part,
              lambda k: counted.ranking_part(k, "street", RATES, "street_ranking"), lambda k: counted.ranking_part(k, "unit", (*RATES, "on_time_closure"), "unit_ranking"),
              counted.failures_part, counted.closure_part, counted.cases_part, matter.tracks_part,
              source.suspects_part, source.drives_part, source.themes_part, source.ledgers_part, matter.verdicts_part, matter.hard_part,
              lambda k: decided.points_part(k, True), decided.consultations_part, decided.scores_part, source.outlook_part),
})
#: The half-year is looked at as a month is.
_LIKE = MappingProxyType({"half": "month"})


def sheet_of(k: Known) -> Sheet:
    """The sheet of what is known; sections without a row come last."""
    like = _LIKE.get(k.kind, k.kind)
    wanted, compare = FIGURES[like]
    made = (counted.figures_part(k, wanted, compare), *(make(k) for make in PARTS[like]))
    return Sheet(k.kind, k.period, k.asked or k.as_of, tuple(sorted(made, key=lambda s: s.rows.is_empty())), k.house.settings.review_heading)


def published(k: Known) -> pl.DataFrame:
    """Rows of v_metrics for the figures that the sheet shows: of the whole, and of streets, units and problems."""
    wanted = FIGURES[_LIKE.get(k.kind, k.kind)][0]
    from policy.metrics import metric
    told = [figures(k.facts, name, [k.period], by) for name in wanted for by in ("street", "unit", "problem") if metric(name, k.day) is not None]
    return as_metric_rows(pl.concat(told).unique(["metric", "grain", "key"], keep="first", maintain_order=True))


def show_review(settings: Settings, kind: str, day: date | None, so_far: bool, asked: datetime | None, form: str, output: Path | None, trace: str | None, keep: bool) -> int:
    """Prints a sheet, writes it to a file, or says which records stand behind one of its lines."""
    house = House.open(settings)
    lang = settings.lang
    try:
        k = known(house, kind, day_of_list(house, day), so_far, asked, lang)
        if k is None:
            raise BadUsage(say("metrics.none", lang))
        sheet = sheet_of(k)
        if keep:
            note(house.warehouse, "metric", published(k), "upsert")
        if trace is not None:
            found = sheet.trace(trace)
            if found is None:
                raise BadUsage(say("usage.nothing", lang, what=trace))
            print_json(found["record_id"].to_list())
            return 0
        text = write_sheet(sheet, form, output, lang)
        if text is not None:
            print(text, end="")
        if output is not None:
            tell(say("review.written", lang, path=output))
        return 0
    finally:
        house.warehouse.close()
