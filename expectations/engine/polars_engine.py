"""An execution engine of Great Expectations that computes on a lazy Polars frame.

Every aggregate that a suite needs is collected in one streaming ``select``; rows are listed from the batch's
candidates. The engine has no batches to read by itself: it is given a frame. ``row_condition`` is refused,
because the rows to look at are chosen more plainly by filtering the lazy frame before it is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl
from great_expectations.core.batch import Batch, BatchMarkers
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.core.id_dict import IDDict
from great_expectations.exceptions.exceptions import ExecutionEngineError
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.validator.validation_graph import ExpectationValidationGraph, ValidationGraph
from great_expectations.validator.validator import Validator

from expectations.engine.batch_data import PolarsBatchData
from expectations.engine.metrics import Aggregate, register_metrics
from expectations.engine.remembered import MetricGraph

if TYPE_CHECKING:
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.execution_engine.execution_engine import MetricComputationConfiguration
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.metric_configuration import MetricConfigurationID

    _Graphs = tuple[list[ExpectationValidationGraph], list[ExpectationValidationResult], list[ExpectationConfiguration]]


@dataclass
class CollectCounter:
    """How many times an engine has run over a batch."""

    collects: int = 0

    def collect(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """Collect a lazy frame in streaming and count it."""
        self.collects += 1
        return rows.collect(engine="streaming")


class PolarsExecutionEngine(ExecutionEngine[pl.Expr]):
    """Computes the metrics of Great Expectations on lazy Polars frames."""

    def __init__(self, name: str | None = None, *, caching: bool = True, **arguments: Any) -> None:
        self.counter = CollectCounter()
        super().__init__(name=name, caching=caching, **arguments)

    @property
    def collects(self) -> int:
        """How many passes over a batch the engine has made."""
        return self.counter.collects

    def load_batch_data(self, batch_id: str, batch_data: Any) -> None:
        """Take a batch under an id; Polars frames, lazy or not, are wrapped."""
        if isinstance(batch_data, (pl.LazyFrame, pl.DataFrame)):
            batch_data = PolarsBatchData(batch_data, execution_engine=self)
        if not isinstance(batch_data, PolarsBatchData):
            raise ExecutionEngineError(f"the Polars engine reads Polars frames, not {type(batch_data).__name__}")
        super().load_batch_data(batch_id=batch_id, batch_data=batch_data)

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[PolarsBatchData, BatchMarkers]:
        """The frame of a ``RuntimeDataBatchSpec`` as a batch; the engine opens no files."""
        if not isinstance(batch_spec, RuntimeDataBatchSpec):
            raise ExecutionEngineError(f"the Polars engine is given frames, not a {type(batch_spec).__name__}")
        batch_data = PolarsBatchData(batch_spec.batch_data, execution_engine=self)
        loaded = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return batch_data, BatchMarkers({"ge_load_time": loaded})

    def batch_data(self, domain_kwargs: dict[str, Any]) -> PolarsBatchData:
        """The batch a metric is asked on.

        Raises:
            ExecutionEngineError: There is no such batch, or the metric carries a ``row_condition``.
        """
        if domain_kwargs.get("row_condition"):
            _refuse_row_condition()
        batch_id = domain_kwargs.get("batch_id") or self.batch_manager.active_batch_data_id
        batch_data = self.batch_manager.batch_data_cache.get(str(batch_id))
        if not isinstance(batch_data, PolarsBatchData):
            raise ExecutionEngineError(f"no batch {batch_id} has been loaded into the Polars engine")
        return batch_data

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> pl.LazyFrame:
        """The rows a metric is asked on."""
        return self.batch_data(domain_kwargs).rows

    def get_compute_domain(
        self,
        domain_kwargs: dict[str, Any],
        domain_type: str | MetricDomainTypes,
        accessor_keys: Iterable[str] | None = None,
    ) -> tuple[pl.LazyFrame, dict[str, Any], dict[str, Any]]:
        """The rows a metric is asked on, and its domain split into what chooses rows and what chooses columns."""
        domain = self._partition_domain_kwargs(domain_kwargs, domain_type, accessor_keys)
        return self.get_domain_records(domain_kwargs), domain.compute, domain.accessor

    def resolve_metric_bundle(
        self, metric_fn_bundle: Iterable[MetricComputationConfiguration]
    ) -> dict[MetricConfigurationID, Any]:
        """All aggregates of the bundle from one streaming pass over each batch; commonly there is one batch."""
        by_batch: dict[PolarsBatchData, list[MetricComputationConfiguration]] = {}
        for configuration in metric_fn_bundle:
            batch = self.batch_data(configuration.compute_domain_kwargs or {})
            by_batch.setdefault(batch, []).append(configuration)
        resolved: dict[MetricConfigurationID, Any] = {}
        for batch, configurations in by_batch.items():
            resolved.update(self._resolve_batch(batch, configurations))
        return resolved

    def _resolve_batch(
        self, batch: PolarsBatchData, configurations: list[MetricComputationConfiguration]
    ) -> dict[MetricConfigurationID, Any]:
        aggregates: list[Aggregate] = [configuration.metric_fn for configuration in configurations]
        selected = [aggregate.expression.alias(str(place)) for place, aggregate in enumerate(aggregates)]
        values = self.counter.collect(batch.rows.select(selected)).row(0)
        return {
            configuration.metric_configuration.id: aggregate.finish(value)
            for configuration, aggregate, value in zip(configurations, aggregates, values, strict=True)
        }

    def _comparison_condition_to_filter_clause(self, condition: object) -> NoReturn:  # noqa: ARG002
        _refuse_row_condition()

    def _nullity_condition_to_filter_clause(self, condition: object) -> NoReturn:  # noqa: ARG002
        _refuse_row_condition()

    def _and_condition_to_filter_clause(self, condition: object) -> NoReturn:  # noqa: ARG002
        _refuse_row_condition()

    def _or_condition_to_filter_clause(self, condition: object) -> NoReturn:  # noqa: ARG002
        _refuse_row_condition()


class PolarsValidator(Validator):
    """Great Expectations' own validator, quiet and without a data context.

    A data context costs a second to set up, and all the validator asks it is whether to draw progress bars and
    whether to render results for the vendor's cloud. Neither is wanted.
    """

    @property
    def polars_engine(self) -> PolarsExecutionEngine:
        """The engine the validator runs on."""
        engine = self.execution_engine
        if not isinstance(engine, PolarsExecutionEngine):
            raise ExecutionEngineError(f"a {type(engine).__name__} is not the Polars engine")
        return engine

    @property
    def _include_rendered_content(self) -> bool:
        return False

    def _determine_progress_bars(self) -> bool:
        return False

    graphs: dict[str, list[MetricGraph]] | None = None
    """Where the graphs of the suite's metrics are remembered between batches; None draws them for each."""

    def _generate_metric_dependency_subgraphs_for_each_expectation_configuration(
        self,
        expectation_configurations: list[ExpectationConfiguration],
        processed_configurations: list[ExpectationConfiguration],
        catch_exceptions: bool,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> _Graphs:
        batch_id = str(self.active_batch_id)
        if self.graphs is None or catch_exceptions:
            return super()._generate_metric_dependency_subgraphs_for_each_expectation_configuration(
                expectation_configurations, processed_configurations, catch_exceptions, runtime_configuration
            )
        if batch_id not in self.graphs:
            drawn, _, _ = super()._generate_metric_dependency_subgraphs_for_each_expectation_configuration(
                expectation_configurations, [], catch_exceptions, runtime_configuration
            )
            self.graphs[batch_id] = [MetricGraph(each.configuration, tuple(each.graph.edges)) for each in drawn]
        known = [
            ExpectationValidationGraph(each.configuration, ValidationGraph(self.execution_engine, list(each.edges)))
            for each in self.graphs[batch_id]
        ]
        return known, [], [*processed_configurations, *(each.configuration for each in self.graphs[batch_id])]


def polars_validator(
    rows: pl.LazyFrame | pl.DataFrame,
    suite: ExpectationSuite,
    candidates: pl.DataFrame | None = None,
    graphs: dict[str, list[MetricGraph]] | None = None,
) -> PolarsValidator:
    """The validator of a suite over a Polars frame.

    Args:
        rows: The batch.
        suite: What to expect of it; ``validator.validate()`` runs it.
        candidates: All rows that can fail, when they are known already (``PolarsBatchData``).
        graphs: Where to remember what the suite's metrics depend on, for the next batch of the same suite.
    """
    engine = PolarsExecutionEngine()
    batch = Batch(
        data=PolarsBatchData(rows, candidates, engine),  # type: ignore[arg-type]
        batch_definition=IDDict({"suite": suite.name}),  # type: ignore[arg-type]
    )
    validator = PolarsValidator(execution_engine=engine, expectation_suite=suite, batches=[batch])
    validator.graphs = graphs
    return validator


def _refuse_row_condition() -> NoReturn:
    raise ExecutionEngineError("the Polars engine takes no row_condition: filter the lazy frame before giving it")


register_metrics(PolarsExecutionEngine)
