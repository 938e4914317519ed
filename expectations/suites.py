"""A source's batch against its Great Expectations suites: every rule is in one of them, natively or as polars judged it.

Great Expectations is imported when it is first needed: that takes seconds. Its results carry counts only.
"""
from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from expectations.codes import counts_by_code
from expectations.native_rules import VIEW, NativeRule, native_rules
from expectations.view import findings_view, plain_values, rows_view
from policy.rules import FLAG, REFUSE, REPAIR, WITHHOLD, Finding, Rule, rules

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite

#: Rules about a file or a whole batch; every other one is about a row.
BATCH_RULES = tuple(code for code in rules() if code[0] in "EHB" or code in
                    ("F02", "F03", "F04", "F05", "F06", "F07", "K04", "R04", "T08", "T10", "D04", "M04"))
ROW_RULES = tuple(code for code in rules() if code not in BATCH_RULES)
#: A rule that quarantines or flags may speak about a twentieth of the rows, which is what B05 allows of a batch.
_TOLERATED = 0.05
_SEVERITY = {"high": "critical", "mid": "warning", "low": "info"}
#: Counts only: the list of unexpected values stays empty, and nothing is looked up a second time (COMPLETE takes 30 times as long).
_RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


class ContractBroken(AssertionError):
    """Great Expectations and polars counted differently: one of the two rules isn't the rule."""


@dataclass(frozen=True)
class ValidationReport:
    """What a validation came to.

    counts: by code, rows (for rules about rows) or findings (about the file or the batch); codes that didn't speak are left out.
    native: by code, the rows that Great Expectations' own expectations found. success: nothing refuses or withholds that isn't
    released, and every expectation holds as far as it must. unmet: codes whose expectation doesn't hold. seconds: wall time,
    without the import of Great Expectations. docs: the page to open, where Data Docs were built.
    """

    counts: dict[str, int]
    native: dict[str, int]
    success: bool
    unmet: tuple[str, ...]
    rows: int
    expectations: int
    seconds: float
    docs: Path | None = None


def suite_for(mapping: Any, received_at: datetime | None = None, box: tuple[float, float, float, float] | None = None) -> ExpectationSuite:
    """The suite that a source's canonical rows must meet. mapping: a `sources.mapping.SourceMapping` (`source`, `id_pattern`)."""
    return _suite(f"{mapping.source} rows", native_rules(getattr(mapping, "id_pattern", None), received_at, box), ROW_RULES)


def batch_suite_for(mapping: Any) -> ExpectationSuite:
    """The suite of the rules about files and batches: what judged them is reported through it, a rule's finding by finding."""
    return _suite(f"{mapping.source} batch", [], BATCH_RULES)


def validate(frame: pl.DataFrame, mapping: Any, findings: Sequence[Finding] = (), docs: Path | None = None,
             received_at: datetime | None = None, box: tuple[float, float, float, float] | None = None) -> ValidationReport:
    """Validates a batch: `frame`, all its rows (SAFE columns, judged, before they are split), and what was found about its files.

    docs: a folder in which Data Docs are built. Raises ContractBroken where a native expectation and its polars rule disagree.
    """
    gx = _great_expectations()
    began = time.perf_counter()
    # What Great Expectations left of the part before refers to itself, the rows with it: of a history's twenty parts that would be half a gigabyte.
    gc.collect()
    native = native_rules(getattr(mapping, "id_pattern", None), received_at, box)
    values = plain_values(frame, VIEW)
    context = _context(gx, docs)
    results = []
    for suite, view in ((suite_for(mapping, received_at, box), rows_view(values, frame, ROW_RULES)),
                        (batch_suite_for(mapping), findings_view(findings, BATCH_RULES))):
        results.append(_run(gx, context, suite, view, keep=docs is not None))
    told = _native_counts(results[0], native, values)
    unmet = {r.expectation_config.meta["code"] for result in results for r in result.results if not r.success}
    unmet -= {f.code for f in findings if f.values.get("released")}
    counts = counts_by_code(frame)
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
    page = None
    if docs is not None:
        pages = context.build_data_docs()
        page = Path(next(iter(pages.values())).removeprefix("file://"))
    return ValidationReport({code: counts[code] for code in rules() if code in counts}, told, not unmet,
                            tuple(code for code in rules() if code in unmet), frame.height,
                            sum(len(r.results) for r in results), time.perf_counter() - began, page)


def _great_expectations() -> Any:
    """The package, imported late, its analytics and progress bars off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import logging

    import great_expectations as gx

    # It tells at INFO where its temporary folder lies.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    from expectations import rule_expectation  # noqa: F401 - registers the expectation and its metric

    return gx


def _context(gx: Any, docs: Path | None) -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    if docs is not None:
        docs.mkdir(parents=True, exist_ok=True)
        for name in list(context.get_site_names()):
            context.delete_data_docs_site(name)
        context.add_data_docs_site("weisu", {
            "class_name": "SiteBuilder", "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.resolve())}})
    return context


def _run(gx: Any, context: Any, suite: ExpectationSuite, view: pd.DataFrame, keep: bool) -> Any:
    source = context.data_sources.add_pandas(suite.name.replace(" ", "_"))
    batch = source.add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")
    if keep:
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(suite)))
        return definition.run(batch_parameters={"dataframe": view}, result_format=_RESULT_FORMAT)
    return batch.get_batch(batch_parameters={"dataframe": view}).validate(suite, result_format=_RESULT_FORMAT)


def _suite(name: str, native: Sequence[NativeRule], codes: Sequence[str]) -> ExpectationSuite:
    _great_expectations()
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite

    from expectations.rule_expectation import ExpectRuleToHold

    own = [getattr(gxe, n.expectation)(**n.settings, mostly=_at_least(rules()[n.code]), **_told(rules()[n.code], native=i))
           for i, n in enumerate(native)]
    judged = [ExpectRuleToHold(code=code, at_least=_at_least(rules()[code]), **_told(rules()[code]))
              for code in codes]
    return ExpectationSuite(name=name, expectations=[*own, *judged])


def _at_least(rule: Rule) -> float:
    """The share of rows on which a rule must hold: all where it refuses or withholds, none where it only tells (repairs, what
    was masked, flags of low severity)."""
    if rule.effect in (WITHHOLD, REFUSE):
        return 1.0
    tells = rule.effect == REPAIR or rule.severity == "low" or (rule.code[0] == "P" and rule.effect == FLAG)
    return 0.0 if tells else 1 - _TOLERATED


def _told(rule: Rule, native: int | None = None) -> dict[str, Any]:
    slot = dict.fromkeys(re.findall(r"\{(\w+)\}", rule.zh + rule.en), "…")
    return {"meta": {"code": rule.code, "effect": rule.effect, "native": native}, "severity": _SEVERITY[rule.severity],
            "description": f"{rule.code} {rule.message('zh', values=slot)} | {rule.message('en', values=slot)}"}


def _native_counts(result: Any, native: Sequence[NativeRule], values: pl.DataFrame) -> dict[str, int]:
    """By code the rows that native expectations found, the largest where a code has several. Raises ContractBroken."""
    mine = values.select(n.broken.fill_null(False).sum().alias(str(i)) for i, n in enumerate(native)).row(0) if native else ()
    theirs = [r for r in result.results if r.expectation_config.meta["native"] is not None]
    counts: dict[str, int] = {}
    for r in theirs:
        config = r.expectation_config
        if r.exception_info.get("raised_exception"):
            raise ContractBroken(f"{config.meta['code']}: {config.type} could not be evaluated: {r.exception_info['exception_message']}")
        i = config.meta["native"]
        found = int(r.result.get("unexpected_count", 0))
        if found != mine[i]:
            raise ContractBroken(f"{config.meta['code']}: Great Expectations counts {found} rows, polars {mine[i]} ({config.type})")
        counts[native[i].code] = max(counts.get(native[i].code, 0), found)
    if len(theirs) != len(native):
        raise ContractBroken(f"{len(native)} native rules, {len(theirs)} results")
    return {code: counts[code] for code in rules() if code in counts}
