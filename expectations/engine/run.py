"""One suite over one batch: the counts of every expectation, and the rows that fail where some do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.metric_configuration import MetricConfiguration

from expectations.declaration import Expectation
from expectations.engine.metrics import AS_FRAME
from expectations.engine.polars_engine import PolarsExecutionEngine, polars_validator
from expectations.engine.remembered import remembered_configurations, remembered_suite

_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Asks for no values of failing rows, so that one pass over the batch answers everything."""

_ROWS = {"result_format": "COMPLETE", "include_unexpected_rows": True, AS_FRAME: True}


@dataclass(frozen=True)
class Count:
    """What the library counted for one expectation; the row counts are None for one about the whole batch."""

    success: bool
    element_count: int | None
    missing_count: int
    unexpected_count: int


class SuiteRun:
    """A suite on a batch through the library's own validator."""

    def __init__(
        self,
        rows: pl.LazyFrame,
        expectations: Sequence[Expectation],
        *,
        suite_name: str,
        candidates: pl.DataFrame | None = None,
    ) -> None:
        """Build the suite; nothing is read yet. Arguments as ``expectations.gate.validate`` takes them."""
        known = remembered_suite(suite_name, expectations)
        self._validator = polars_validator(rows, known.suite, candidates, known.graphs)
        self._configurations: dict[int, ExpectationConfiguration] = {}

    @property
    def engine(self) -> PolarsExecutionEngine:
        """The engine the suite runs on."""
        return self._validator.polars_engine

    def counts(self) -> list[Count]:
        """Counts of every expectation, in the order they were given, from one pass over the rows."""
        with remembered_configurations():
            results = self._validator.graph_validate(
                configurations=self._validator.expectation_suite.expectation_configurations,
                runtime_configuration={"catch_exceptions": False, "result_format": _COUNTS_ONLY},
            )
        by_order = {self._remember(result): _count(result.result, success=bool(result.success)) for result in results}
        return [by_order[order] for order in sorted(by_order)]

    def row_count(self) -> int:
        """Number of rows of the batch, for a suite that asks nothing of single rows; one more pass."""
        domain = {"batch_id": self._validator.active_batch_id}
        return int(self._validator.get_metric(MetricConfiguration("table.row_count", metric_domain_kwargs=domain)))

    def unexpected_rows(self, orders: Sequence[int]) -> dict[int, pl.DataFrame]:
        """Failing rows of the expectations at these places, all columns, in the order of the batch.

        Reads the candidates alone, or the batch once when there are none. ``counts`` has to come first.
        """
        metrics = {order: self._unexpected_rows_metric(order) for order in orders}
        listed, _ = self._validator.compute_metrics(list(metrics.values()), {"catch_exceptions": False})
        return {order: listed[metric.id] for order, metric in metrics.items()}

    def _remember(self, result: ExpectationValidationResult) -> int:
        configuration = result.expectation_config
        if configuration is None:
            raise ValueError("a result of Great Expectations names no expectation")
        order = int((configuration.meta or {})["order"])
        self._configurations[order] = configuration
        return order

    def _unexpected_rows_metric(self, order: int) -> MetricConfiguration:
        expectation = self._configurations[order].to_domain_obj()
        dependencies = expectation.get_validation_dependencies(
            execution_engine=self.engine, runtime_configuration={"result_format": dict(_ROWS)}
        )
        metrics = dependencies.metric_configurations
        return next(metric for name, metric in metrics.items() if name.endswith(".unexpected_rows"))


def _count(result: Mapping[str, Any], *, success: bool) -> Count:
    return Count(
        success=success,
        element_count=result.get("element_count"),
        missing_count=result.get("missing_count") or 0,
        unexpected_count=result.get("unexpected_count") or 0,
    )
