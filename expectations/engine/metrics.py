"""The metrics of Great Expectations that the Polars engine knows, and how each is computed.

Great Expectations derives everything it reports from named metrics. For a condition on rows these are
``<name>.condition`` and, built on it, the number of unexpected rows, their values, their positions, the rows
themselves and the number of rows looked at. Counts are aggregates: they depend on nothing, so that all of a
suite fall into one bundle, which the engine collects in one pass. Listings are computed from the candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.core.metric_function_types import MetricFunctionTypes, MetricPartialFunctionTypes
from great_expectations.exceptions.exceptions import InvalidMetricAccessorDomainKwargsKeyError
from great_expectations.expectations.metrics.metric_provider import MetricProvider
from great_expectations.expectations.registry import (
    get_expectation_impl,
    get_metric_kwargs,
    register_core_expectations,
    register_core_metrics,
    register_metric,
)
from great_expectations.validator.metric_configuration import MetricConfiguration

from expectations.engine.batch_data import ROW_INDEX, PolarsBatchData
from expectations.engine.conditions import (
    MAP_KINDS,
    UNIQUENESS_KINDS,
    ignored_condition,
    key_columns,
    key_hash,
    unexpected_condition,
)

if TYPE_CHECKING:
    from expectations.engine.polars_engine import PolarsExecutionEngine

AS_FRAME = "as_frame"
"""Key of ``result_format`` that makes ``<name>.unexpected_rows`` a Polars frame of all rows, not a list of dicts."""

_NOT_ARGUMENTS = frozenset({"batch_id", "table", "row_condition", "condition_parser", "result_format"})

Partial = tuple[Any, dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of a bundle, and what has to be done to its value before it is the metric."""

    expression: pl.Expr
    finish: Callable[[Any], Any] = lambda value: value


class Listing(NamedTuple):
    """What a metric that lists rows is asked: the rows, the columns it concerns and how much to return."""

    rows: pl.DataFrame
    domain: Mapping[str, Any]
    result_format: Mapping[str, Any]

    @property
    def columns(self) -> list[str]:
        """Columns the expectation looks at."""
        if "column_list" in self.domain:
            return [str(name) for name in self.domain["column_list"]]
        return [str(self.domain[key]) for key in ("column", "column_A", "column_B") if key in self.domain]

    @property
    def limit(self) -> int:
        """How many rows are wanted; ``COMPLETE`` wants all."""
        complete = self.result_format["result_format"] == "COMPLETE"
        return self.rows.height if complete else int(self.result_format["partial_unexpected_count"])


class PolarsMetric(MetricProvider):
    """A metric that the Polars engine computes directly or as an aggregate of a bundle."""


class PolarsListing(MetricProvider):
    """A metric that lists rows; it waits for the condition, so that all conditions are known before the first."""

    @classmethod
    def _get_evaluation_dependencies(
        cls, metric: MetricConfiguration, *_: object, **__: object
    ) -> dict[str, MetricConfiguration]:
        values = {key: value for key, value in metric.metric_value_kwargs.items() if key != "result_format"}
        name = metric.metric_name.rpartition(".")[0]
        return {
            "unexpected_condition": MetricConfiguration(
                metric_name=f"{name}.condition",
                metric_domain_kwargs=metric.metric_domain_kwargs,
                metric_value_kwargs=values,
            )
        }


def register_metrics(engine: type[PolarsExecutionEngine]) -> None:
    """Register every metric of this module for an engine class with Great Expectations."""
    register_core_expectations()
    register_core_metrics()
    for kind in MAP_KINDS:
        _register_map_metrics(engine, kind, _map_metric(kind))
    _register(engine, "table.column_types", _column_types)
    _register(engine, "table.columns", _columns)
    _register_aggregate(engine, "table.row_count", lambda _: pl.len())
    _register_aggregate(engine, "column.min", lambda column: column.min())
    _register_aggregate(engine, "column.max", lambda column: column.max())
    _register_aggregate(engine, "column.sum", lambda column: column.sum())


def _map_metric(kind: str) -> str:
    """Name of the metric an expectation about rows is built on, as Great Expectations names it."""
    return str(vars(get_expectation_impl(kind))["map_metric"])


def _register_map_metrics(engine: type[PolarsExecutionEngine], kind: str, name: str) -> None:
    _register(engine, f"{name}.condition", partial(_condition, kind), MetricPartialFunctionTypes.MAP_CONDITION_FN)
    _register_bundled(engine, f"{name}.unexpected_count", partial(_unexpected_count, kind))
    if "column" not in _keys(f"{name}.condition")[0]:
        _register_bundled(engine, f"{name}.filtered_row_count", partial(_filtered_row_count, kind))
    for suffix, build in _LISTINGS.items():
        _register(engine, f"{name}.{suffix}", partial(_listing, kind, build), metric_class=PolarsListing)
    _register(engine, f"{name}.unexpected_index_query", partial(_index_query, kind), metric_class=PolarsListing)


def _condition(
    kind: str,
    *,
    execution_engine: PolarsExecutionEngine,
    metric_domain_kwargs: dict[str, Any],
    metric_value_kwargs: dict[str, Any],
    **_: object,
) -> Partial:
    batch = execution_engine.batch_data(metric_domain_kwargs)
    expression = unexpected_condition(kind, metric_domain_kwargs | metric_value_kwargs, batch.schema)
    if kind not in UNIQUENESS_KINDS:
        batch.register(expression)
    return expression, metric_domain_kwargs, {}


def _unexpected_count(
    kind: str,
    *,
    execution_engine: PolarsExecutionEngine,
    metric_domain_kwargs: dict[str, Any],
    metric_value_kwargs: dict[str, Any],
    **_: object,
) -> Partial:
    batch = execution_engine.batch_data(metric_domain_kwargs)
    arguments = metric_domain_kwargs | metric_value_kwargs
    if kind in UNIQUENESS_KINDS:
        return _repetition_count(execution_engine, batch, kind, arguments), metric_domain_kwargs, {}
    return Aggregate(unexpected_condition(kind, arguments, batch.schema).sum()), metric_domain_kwargs, {}


def _filtered_row_count(
    kind: str, *, execution_engine: PolarsExecutionEngine, metric_domain_kwargs: dict[str, Any], **_: object
) -> Partial:
    schema = execution_engine.batch_data(metric_domain_kwargs).schema
    ignored = ignored_condition(kind, metric_domain_kwargs, schema)
    return Aggregate(pl.len() - ignored.sum()), metric_domain_kwargs, {}


def _index_query(
    kind: str, *, metric_domain_kwargs: dict[str, Any], metric_value_kwargs: dict[str, Any], **_: object
) -> str | None:
    if metric_value_kwargs["result_format"].get("return_unexpected_index_query") is False:
        return None
    given = metric_domain_kwargs | metric_value_kwargs
    arguments = {key: given[key] for key in given if key not in _NOT_ARGUMENTS and given[key] is not None}
    return f"rows.filter(unexpected_condition({kind!r}, {arguments!r}, rows.collect_schema()))"


def _listing(
    kind: str,
    build: Callable[[Listing], Any],
    *,
    execution_engine: PolarsExecutionEngine,
    metric_domain_kwargs: dict[str, Any],
    metric_value_kwargs: dict[str, Any],
    metrics: dict[str, Any],
    **_: object,
) -> Any:
    result_format = metric_value_kwargs["result_format"]
    condition = metrics["unexpected_condition"][0]
    rows = _unexpected_rows(execution_engine, kind, metric_domain_kwargs, condition, result_format)
    return build(Listing(rows, metric_domain_kwargs, result_format))


def _repetition_count(
    engine: PolarsExecutionEngine, batch: PolarsBatchData, kind: str, arguments: dict[str, Any]
) -> Aggregate:
    """Rows that repeat another: none when all hashes differ, otherwise counted on the values."""
    columns, ignored = key_columns(arguments), ignored_condition(kind, arguments, batch.schema)
    hashes = key_hash(columns).filter(~ignored)

    def confirm(surplus: int) -> int:
        return batch.repeating(columns, ignored, engine.counter.collect).height if surplus else 0

    return Aggregate(hashes.len() - hashes.n_unique(), confirm)


def _unexpected_rows(
    engine: PolarsExecutionEngine,
    kind: str,
    domain: dict[str, Any],
    condition: pl.Expr,
    result_format: Mapping[str, Any],
) -> pl.DataFrame:
    batch = engine.batch_data(domain)
    if result_format["result_format"] != "COMPLETE" and not result_format["partial_unexpected_count"]:
        return batch.no_rows
    if kind in UNIQUENESS_KINDS:
        ignored = ignored_condition(kind, domain, batch.schema)
        return batch.repeating(key_columns(domain), ignored, engine.counter.collect)
    return batch.failing(condition, engine.counter.collect)


def _values(listing: Listing) -> list[Any]:
    found = listing.rows.select(listing.columns).head(min(listing.limit, MAX_RESULT_RECORDS))
    if "column" in listing.domain:
        return found.to_series().to_list()
    return found.rows() if "column_A" in listing.domain else found.to_dicts()


def _index_list(listing: Listing) -> list[Any] | None:
    names = listing.result_format.get("unexpected_index_column_names")
    if not names:
        known = ROW_INDEX in listing.rows.columns
        return listing.rows[ROW_INDEX].head(listing.limit).to_list() if known else None
    absent = [name for name in names if name not in listing.rows.columns]
    if absent:
        raise InvalidMetricAccessorDomainKwargsKeyError(
            message=f"the unexpected_index_column_names {absent} are not columns of the rows"
        )
    if listing.result_format.get("exclude_unexpected_values"):
        keys = listing.rows.select(names).head(listing.limit)
        return [] if keys.is_empty() else [keys.to_dict(as_series=False)]
    wanted = list(dict.fromkeys([*listing.columns, *names]))
    return listing.rows.select(wanted).head(listing.limit).to_dicts()


def _rows(listing: Listing) -> pl.DataFrame | list[dict[str, Any]]:
    rows = listing.rows.drop(ROW_INDEX, strict=False)
    if listing.result_format.get(AS_FRAME):
        return rows
    return rows.head(min(listing.limit, MAX_RESULT_RECORDS)).to_dicts()


def _column_types(
    execution_engine: PolarsExecutionEngine, metric_domain_kwargs: dict[str, Any], **_: object
) -> list[dict[str, Any]]:
    schema = execution_engine.batch_data(metric_domain_kwargs).schema
    return [{"name": name, "type": column_type} for name, column_type in schema.items()]


def _columns(execution_engine: PolarsExecutionEngine, metric_domain_kwargs: dict[str, Any], **_: object) -> list[str]:
    return list(execution_engine.batch_data(metric_domain_kwargs).schema)


_LISTINGS: Mapping[str, Callable[[Listing], Any]] = {
    "unexpected_values": _values,
    "unexpected_index_list": _index_list,
    "unexpected_rows": _rows,
}


def _register_aggregate(
    engine: type[PolarsExecutionEngine], name: str, expression: Callable[[pl.Expr], pl.Expr]
) -> None:
    def aggregate(
        execution_engine: PolarsExecutionEngine, metric_domain_kwargs: dict[str, Any], **_: object
    ) -> Partial:
        schema = execution_engine.batch_data(metric_domain_kwargs).schema
        column = pl.lit(None)
        if "column" in metric_domain_kwargs:
            named = metric_domain_kwargs["column"]
            column = pl.col(named).fill_nan(None) if schema[named].is_float() else pl.col(named)
        return Aggregate(expression(column)), metric_domain_kwargs, {}

    _register_bundled(engine, name, aggregate)


def _register_bundled(engine: type[PolarsExecutionEngine], name: str, provider: Callable[..., Partial]) -> None:
    """Register a metric of a bundle: its aggregate, and the name itself with no function of its own."""
    aggregate = MetricPartialFunctionTypes.AGGREGATE_FN
    _register(engine, f"{name}.{aggregate.metric_suffix}", provider, aggregate, keys_of=name)
    _register(engine, name, None, aggregate)


def _register(
    engine: type[PolarsExecutionEngine],
    name: str,
    provider: Callable[..., Any] | None,
    function_type: MetricFunctionTypes | MetricPartialFunctionTypes = MetricFunctionTypes.VALUE,
    *,
    metric_class: type[MetricProvider] = PolarsMetric,
    keys_of: str | None = None,
) -> None:
    domain_keys, value_keys = _keys(keys_of or name)
    register_metric(
        metric_name=name,
        metric_domain_keys=domain_keys,
        metric_value_keys=value_keys,
        execution_engine=engine,
        metric_class=metric_class,
        metric_provider=provider,
        metric_fn_type=function_type,
    )


def _keys(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Keys under which Great Expectations itself registered a metric; other engines depend on them."""
    keys = get_metric_kwargs(name)
    return keys["metric_domain_keys"], keys["metric_value_keys"]
