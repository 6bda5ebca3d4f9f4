"""The gate: outcomes, failing rows and what it costs."""

from __future__ import annotations

import socket
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from great_expectations.exceptions import MetricResolutionError
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.declaration import Expectation
from expectations.engine.conditions import suspect_condition, unexpected_condition
from expectations.engine.run import SuiteRun
from expectations.gate import IncompleteCandidatesError, validate

SCHEMA = {
    "_sheet": pl.String(),
    "_row": pl.UInt32(),
    "org_id": pl.String(),
    "score": pl.Decimal(18, 6),
    "hours": pl.Int64(),
    "limit": pl.Int64(),
}
ROWS = pl.DataFrame(
    {
        "_sheet": ["一季度"] * 4,
        "_row": [2, 3, 4, 7],
        "org_id": ["QS-01", None, "青山村", "QS-01"],
        "score": [Decimal(90), Decimal(-1), None, Decimal(101)],
        "hours": [1, 2, 50, None],
        "limit": [8, 8, 8, 8],
    },
    schema=SCHEMA,
)
EXPECTATIONS = (
    Expectation("expect_column_values_to_not_be_null", {"column": "org_id"}, "E201"),
    Expectation("expect_column_values_to_match_regex", {"column": "org_id", "regex": "^[A-Z0-9-]+$"}, "E214"),
    Expectation("expect_column_values_to_be_between", {"column": "score", "min_value": 0, "max_value": 100}, "E215"),
    Expectation(
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "limit", "column_B": "hours", "ignore_row_if": "either_value_is_missing"},
        "W316",
        "warning",
    ),
    Expectation("expect_column_values_to_be_unique", {"column": "org_id"}, "E231"),
    Expectation("expect_column_values_to_not_be_null", {"column": "limit"}, "E201"),
    Expectation("expect_table_row_count_to_be_between", {"min_value": 5}, "F105"),
)
FAILURES = [
    ("一季度", 3, "org_id", "E201", "critical", 0),
    ("一季度", 4, "org_id", "E214", "critical", 1),
    ("一季度", 3, "score", "E215", "critical", 2),
    ("一季度", 7, "score", "E215", "critical", 2),
    ("一季度", 4, "limit", "W316", "warning", 3),
    ("一季度", 2, "org_id", "E231", "critical", 4),
    ("一季度", 7, "org_id", "E231", "critical", 4),
]


def suspects(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(suspect_condition(EXPECTATIONS, rows.schema))


@pytest.mark.parametrize("candidates", [None, suspects(ROWS), ROWS])
def test_outcomes_and_failing_rows(candidates: pl.DataFrame | None) -> None:
    result = validate(ROWS.lazy(), EXPECTATIONS, suite_name="register", candidates=candidates)
    assert result.rows == 4
    assert [outcome.expectation for outcome in result.outcomes] == list(EXPECTATIONS)
    counted = [(outcome.evaluated, outcome.unexpected, outcome.success) for outcome in result.outcomes]
    assert counted == [
        (4, 1, False),
        (3, 1, False),
        (3, 2, False),
        (3, 1, False),
        (3, 2, False),
        (4, 0, True),
        (4, 0, False),
    ]
    assert result.failures.rows() == FAILURES
    assert result.failures.schema == {
        "_sheet": pl.String(),
        "_row": pl.UInt32(),
        "column": pl.String(),
        "code": pl.String(),
        "severity": pl.String(),
        "order": pl.UInt32(),
    }


def test_other_position_columns() -> None:
    result = validate(ROWS.lazy(), EXPECTATIONS[:1], suite_name="register", positions=("hours",))
    assert result.failures.columns == ["hours", "column", "code", "severity", "order"]
    assert result.failures["hours"].to_list() == [2]


def test_a_share_of_failing_rows_can_be_allowed() -> None:
    arguments = {"column": "org_id", "mostly": 0.75}
    allowed = Expectation("expect_column_values_to_not_be_null", arguments, "W316", "warning")
    result = validate(ROWS.lazy(), [allowed], suite_name="register")
    assert (result.outcomes[0].unexpected, result.outcomes[0].success) == (1, True)
    assert result.failures.is_empty()


def test_without_expectations_rows_are_counted() -> None:
    result = validate(ROWS.lazy(), [], suite_name="register")
    assert (result.rows, result.outcomes, result.failures.height) == (4, (), 0)


def test_candidates_that_lack_a_failing_row_are_found_out() -> None:
    with pytest.raises(IncompleteCandidatesError, match=r"2 rows fail .*E215.* hold 1"):
        validate(ROWS.lazy(), EXPECTATIONS, suite_name="register", candidates=ROWS.head(3))


def test_an_absent_column_is_named() -> None:
    wrong = Expectation("expect_column_values_to_not_be_null", {"column": "absent"}, "E201")
    with pytest.raises(MetricResolutionError, match="no column absent"):
        validate(ROWS.lazy(), [wrong], suite_name="register")


def test_counts_of_thirty_expectations_are_one_pass_and_a_clean_batch_needs_no_other() -> None:
    between = [
        Expectation("expect_column_values_to_be_between", {"column": "hours", "min_value": -place}, "E215")
        for place in range(30)
    ]
    run = SuiteRun(ROWS.lazy(), between, suite_name="register")
    assert all(count.success for count in run.counts())
    assert run.engine.collects == 1


def test_failing_rows_come_from_known_candidates_without_a_pass() -> None:
    run = SuiteRun(ROWS.lazy(), EXPECTATIONS[:4], suite_name="register", candidates=suspects(ROWS))
    run.counts()
    listed = run.unexpected_rows([2, 3])
    assert [frame["_row"].to_list() for frame in listed.values()] == [[3, 7], [4]]
    assert run.engine.collects == 1


def test_the_network_is_not_touched_and_nothing_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    validate(ROWS.lazy(), EXPECTATIONS, suite_name="register")
    assert capfd.readouterr() == ("", "")


record = st.fixed_dictionaries(
    {
        "org_id": st.none() | st.sampled_from(["QS-01", "QS-02", "青山村", ""]),
        "score": st.none() | st.sampled_from([Decimal(-1), Decimal(0), Decimal("99.5"), Decimal(101)]),
        "hours": st.none() | st.integers(0, 12),
        "limit": st.none() | st.just(8),
    }
)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(record, max_size=15))
def test_failures_are_the_rows_on_which_the_conditions_hold(records: list[dict[str, Any]]) -> None:
    numbered = [each | {"_sheet": "s", "_row": place} for place, each in enumerate(records, start=2)]
    rows = pl.DataFrame(numbered, schema=SCHEMA)
    expected = [
        (number, order)
        for order, each in enumerate(EXPECTATIONS[:-1])
        for number in rows.filter(unexpected_condition(each.kind, each.arguments, rows.schema))["_row"]
    ]
    known = validate(rows.lazy(), EXPECTATIONS, suite_name="register", candidates=suspects(rows))
    collected = validate(rows.lazy(), EXPECTATIONS, suite_name="register")
    assert known.failures.select("_row", "order").rows() == expected
    assert collected.failures.equals(known.failures)
    assert known.outcomes == collected.outcomes


def test_expectations_of_a_million_rows_leave_a_small_trace() -> None:
    """Failures stay frames: as many as the rows that fail, however many there are."""
    rows = pl.select(
        _sheet=pl.repeat("s", 1_000_000),
        _row=pl.int_range(1_000_000, dtype=pl.UInt32),
        hours=pl.int_range(1_000_000),
    )
    few = Expectation("expect_column_values_to_be_between", {"column": "hours", "max_value": 989_999}, "E215")
    result = validate(rows.lazy(), [few], suite_name="large")
    assert result.failures.height == 10_000
    assert result.failures["_row"].min() == 990_000
