"""The gate: a batch of rows against its expectations, with every row that fails named.

The suite runs through Great Expectations' own validator on the Polars engine. All counts come from one streaming
pass over the lazy frame; the failing rows are then listed from the candidates. Great Expectations is imported
when a batch is validated, not with this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from expectations.declaration import Expectation
from expectations.import_ahead import import_ahead


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation.

    ``evaluated`` counts the rows looked at: those with a value, for an expectation about values. ``unexpected``
    counts those among them that fail. An expectation about the batch as a whole counts all rows and no failures.
    """

    expectation: Expectation
    evaluated: int
    unexpected: int
    success: bool


@dataclass(frozen=True)
class GateResult:
    """What became of a batch.

    ``outcomes`` are in the order of the expectations, ``rows`` is the number of rows of the batch. ``failures``
    has one line per row and failed expectation: the position columns (``_sheet`` String, ``_row`` UInt32),
    ``column`` (stored name, String), ``code``, ``severity`` (String) and ``order`` (index of the expectation,
    UInt32), sorted by ``order`` and then as the rows were.
    """

    outcomes: tuple[Outcome, ...]
    rows: int
    failures: pl.DataFrame


class IncompleteCandidatesError(RuntimeError):
    """The candidates given lack rows that fail, or hold rows that are not in the batch."""


def validate(
    rows: pl.LazyFrame,
    expectations: Sequence[Expectation],
    *,
    suite_name: str,
    candidates: pl.DataFrame | None = None,
    positions: Sequence[str] = ("_sheet", "_row"),
) -> GateResult:
    """Run the expectations over the rows.

    Args:
        rows: The batch, with the stored columns and the position columns. It is read once, and once more for the
            candidates when rows fail and the candidates are not given.
        expectations: What is expected, at most once each.
        suite_name: Name of the suite in Great Expectations.
        candidates: All rows that can fail a row expectation (``suspect_condition`` finds them), with the columns
            of the batch. Rows that repeat a key need not be among them.
        positions: Columns that name a row to people.

    Returns:
        Outcomes, number of rows and the failing rows. Rows of an expectation that succeeds all the same, because
        its ``mostly`` allows for them, are counted and not listed.

    Raises:
        IncompleteCandidatesError: A listing and its count differ.
        great_expectations.exceptions.MetricResolutionError: An expectation cannot be computed on these rows: a
            column is absent, or has a type that cannot be compared as asked.
    """
    # Importing the run imports Great Expectations, which takes seconds that a reader of results need not wait.
    import_ahead().join()
    from expectations.engine.run import SuiteRun

    run = SuiteRun(rows, expectations, suite_name=suite_name, candidates=candidates)
    counts = run.counts()
    known = [count.element_count for count in counts if count.element_count is not None]
    row_count = known[0] if known else run.row_count()
    outcomes = tuple(
        Outcome(expectation, row_count - count.missing_count, count.unexpected_count, count.success)
        for expectation, count in zip(expectations, counts, strict=True)
    )
    failed = [order for order, outcome in enumerate(outcomes) if outcome.unexpected and not outcome.success]
    listed = run.unexpected_rows(failed) if failed else {}
    schema = rows.collect_schema()
    none = pl.DataFrame(schema={name: schema[name] for name in positions} | _FAILURE_COLUMNS)
    lines = [_lines(listed[order], outcomes[order], order, positions) for order in failed]
    return GateResult(outcomes, row_count, pl.concat([none, *lines]))


_FAILURE_COLUMNS = {"column": pl.String(), "code": pl.String(), "severity": pl.String(), "order": pl.UInt32()}


def _lines(unexpected: pl.DataFrame, outcome: Outcome, order: int, positions: Sequence[str]) -> pl.DataFrame:
    expectation = outcome.expectation
    if unexpected.height != outcome.unexpected:
        raise IncompleteCandidatesError(
            f"{outcome.unexpected} rows fail {expectation.kind} ({expectation.code}, {expectation.columns}), "
            f"but the candidates hold {unexpected.height} of them"
        )
    return unexpected.select(
        *positions,
        column=pl.lit(expectation.columns[0]),
        code=pl.lit(expectation.code),
        severity=pl.lit(expectation.severity),
        order=pl.lit(order, dtype=pl.UInt32),
    )
