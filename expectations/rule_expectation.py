"""A Great Expectations expectation for rules that polars has judged: their counts, reported through it.

Importing this module imports Great Expectations, which takes seconds: do it late.
"""
from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.view import RULE


class RuleCounts(TableMetricProvider):
    """Rows on which each rule spoke: the sums of the `rule_…` columns, taken once for all rules."""

    metric_name = "table.rule_counts"

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, execution_engine, metric_domain_kwargs, metric_value_kwargs, metrics, runtime_configuration):
        frame, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        return {name.removeprefix(RULE): int(frame[name].to_numpy().sum()) for name in frame.columns if name.startswith(RULE)}


class ExpectRuleToHold(BatchExpectation):
    """Expect a validity rule to hold on at least the share `at_least` of rows. Observed: the number of rows on which it doesn't."""

    code: str
    at_least: float = 1.0

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.rule_counts", "table.row_count")
    success_keys: ClassVar[tuple[str, ...]] = ("code", "at_least")
    args_keys: ClassVar[tuple[str, ...]] = ("code", "at_least")

    def _validate(self, metrics: dict, runtime_configuration: dict | None = None, execution_engine: Any = None) -> dict:
        broken = metrics["table.rule_counts"].get(self.code, 0)
        rows = metrics["table.row_count"]
        return {"success": broken <= (1 - self.at_least) * rows, "result": {"observed_value": broken}}
