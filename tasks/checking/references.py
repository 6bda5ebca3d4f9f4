"""Checks that need more than one row: references across datasets and rules between columns.

Each check exists once. For the plain lane it gives a condition that is false only where the check
certainly holds; the rows for which it is true are looked at exactly, in memory, and each problem is
reported with its code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from expectations.declaration import Dataset, Reference
from expectations.time_zone import TIME_ZONE
from tasks.normalize import PROBLEM_SCHEMA

ORDER_OF_REFERENCES = 1_000
"""References come after the cell rules and the suite in the order of reasons."""


@dataclass(frozen=True)
class Known:
    """What is known of other datasets: their current views by dataset name.

    A dataset that is not in ``views`` cannot be checked against (a clerk checks one file alone); the
    nightly run knows them all, empty ones included.
    """

    views: Mapping[str, pl.DataFrame]

    def view(self, dataset: str) -> pl.DataFrame | None:
        """Current rows of a dataset, or None when nothing is known of it."""
        return self.views.get(dataset)


@dataclass(frozen=True)
class Span:
    """First and last day of the dates in a file, in the programme's time zone."""

    first: date
    last: date


def on_day(column: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """A date or timestamp column as a day of the programme's time zone."""
    if isinstance(schema[column], pl.Datetime):
        return pl.col(column).dt.convert_time_zone(TIME_ZONE).dt.date()
    return pl.col(column)


def checked_references(dataset: Dataset, known: Known) -> tuple[Reference, ...]:
    """References of the dataset that can be checked."""
    return tuple(ref for ref in dataset.references if known.view(ref.dataset) is not None)


def unknown_datasets(dataset: Dataset, known: Known) -> tuple[str, ...]:
    """Datasets referred to of which nothing is known (W315)."""
    return tuple(dict.fromkeys(ref.dataset for ref in dataset.references if known.view(ref.dataset) is None))


def reference_suspects(
    rows: pl.LazyFrame, dataset: Dataset, known: Known, span: Span | None, checks: Mapping[str, Check]
) -> pl.LazyFrame:
    """Add ``_suspect``: true where a reference by several columns or a check between columns may fail.

    Args:
        rows: typed rows of the plain lane.
        dataset: their declaration.
        known: views of other datasets.
        span: days that occur in the file; None when it has no dates.
        checks: the checks between columns by name.
    """
    conditions: list[pl.Expr] = []
    for number, reference in enumerate(checked_references(dataset, known)):
        if len(reference.columns) == 1:
            continue  # judged by distinct values
        marker = f"_known_{number}"
        keys = throughout(known.views[reference.dataset], reference, span)
        right = keys.with_columns(pl.lit(value=True).alias(marker))
        rows = rows.join(right.lazy(), left_on=reference.columns, right_on=reference.target_columns, how="left")
        present = pl.all_horizontal(pl.col(name).is_not_null() for name in reference.columns)
        conditions.append(present & pl.col(marker).is_null())
    for name in dataset.check_functions:
        rows, condition = checks[name].suspects(rows, known, span)
        conditions.append(condition)
    return rows.with_columns(_suspect=pl.any_horizontal(pl.lit(value=False), *conditions).fill_null(value=True))


def throughout(table: pl.DataFrame, reference: Reference, span: Span | None) -> pl.DataFrame:
    """Distinct target keys in force on every day of the span."""
    if reference.valid_on is not None and span is not None:
        table = table.filter(_in_force(span.first) & _in_force(span.last))
    elif reference.valid_on is not None:
        table = table.clear()
    return table.select(reference.target_columns).drop_nulls().unique()


def _in_force(day: date | pl.Expr) -> pl.Expr:
    return (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))


def reference_problems(rows: pl.DataFrame, dataset: Dataset, known: Known, checks: Mapping[str, Check]) -> pl.DataFrame:
    """Every failed reference and check of rows that may have one, one line each (``PROBLEM_SCHEMA``)."""
    found: list[pl.DataFrame] = []
    for number, reference in enumerate(checked_references(dataset, known)):
        target = known.views[reference.dataset]
        if reference.dataset == dataset.name:
            target = pl.concat([target.select(rows.select(target.columns).columns), rows.select(target.columns)])
        found.append(_failed(rows, reference, target).with_columns(order=pl.lit(ORDER_OF_REFERENCES + number)))
    for number, name in enumerate(dataset.check_functions):
        lines = checks[name].problems(rows, known)
        found.append(lines.with_columns(order=pl.lit(ORDER_OF_REFERENCES + 100 + number)))
    return problem_lines(found)


def problem_lines(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Lines of several checks in the common schema; absent columns are null."""
    given = [part for part in parts if not part.is_empty()]
    if not given:
        return pl.DataFrame(schema=dict(PROBLEM_SCHEMA))
    joined = pl.concat(given, how="diagonal_relaxed")
    absent = [pl.lit(None).alias(name) for name in PROBLEM_SCHEMA if name not in joined.columns]
    return joined.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in PROBLEM_SCHEMA.items())


def _failed(rows: pl.DataFrame, reference: Reference, target: pl.DataFrame) -> pl.DataFrame:
    columns, targets = list(reference.columns), list(reference.target_columns)
    given = rows.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in columns))
    known_keys = target.select(targets).drop_nulls().unique()
    missing = given.join(known_keys, left_on=columns, right_on=targets, how="anti")
    lines = [_line(missing, reference, reference.code)]
    if reference.valid_on is not None and reference.not_in_force_code is not None:
        present = given.join(known_keys, left_on=columns, right_on=targets, how="semi")
        dated = present.filter(pl.col(reference.valid_on).is_not_null()).with_columns(
            _day=on_day(reference.valid_on, rows.schema)
        )
        table = target.select(*targets, "valid_from", "valid_to").rename(
            {"valid_from": "_from", "valid_to": "_to"} | {name: f"_target_{name}" for name in targets}
        )
        joined = dated.join(table, left_on=columns, right_on=[f"_target_{name}" for name in targets], how="inner")
        in_force = joined.filter(
            (pl.col("_from") <= pl.col("_day")) & (pl.col("_to").is_null() | (pl.col("_to") > pl.col("_day")))
        )
        lines.append(_line(dated.join(in_force, on="_index", how="anti"), reference, reference.not_in_force_code))
    return pl.concat(lines)


def _line(rows: pl.DataFrame, reference: Reference, code: str) -> pl.DataFrame:
    value = pl.concat_str([pl.col(name).cast(pl.String) for name in reference.columns], separator=" / ")
    return rows.select("_index", column=pl.lit(reference.columns[-1]), code=pl.lit(code), value=value)


Suspects = Callable[[pl.LazyFrame, Known, "Span | None"], tuple[pl.LazyFrame, pl.Expr]]
Problems = Callable[[pl.DataFrame, Known], pl.DataFrame]


@dataclass(frozen=True)
class Check:
    """A check between columns or datasets: its cheap condition and its exact form."""

    suspects: Suspects
    problems: Problems


def from_condition(
    failing: pl.Expr, column: str, code: str, *, value: pl.Expr | None = None, detail: str | None = None,
    expected: pl.Expr | None = None,
) -> Check:  # fmt: skip
    """A check within one row: the same condition serves both lanes."""
    shown = value if value is not None else pl.col(column).cast(pl.String)
    line = {"column": pl.lit(column), "code": pl.lit(code), "value": shown, "detail": pl.lit(detail, pl.String)}
    if expected is not None:
        line["expected"] = expected

    def suspects(rows: pl.LazyFrame, _known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
        return rows, failing.fill_null(value=False)

    def problems(rows: pl.DataFrame, _known: Known) -> pl.DataFrame:
        return rows.filter(failing.fill_null(value=False)).select("_index", **line)

    return Check(suspects, problems)


def always_exact(problems: Problems) -> Check:
    """A check that looks at every row exactly: for datasets that are never large."""

    def suspects(rows: pl.LazyFrame, _known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
        return rows, pl.lit(value=True)

    return Check(suspects, problems)
