"""Conditions alone: what is unexpected, by values worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from expectations.declaration import Expectation
from expectations.engine.conditions import (
    MAP_KINDS,
    UNIQUENESS_KINDS,
    ignored_condition,
    key_hash,
    suspect_condition,
    unexpected_condition,
)

ROWS = pl.DataFrame(
    {
        "text": ["A-1", "村", "", None],
        "whole": [0, 1, 2**53 + 1, None],
        "amount": [Decimal("0.1"), Decimal("-0.000001"), Decimal("100"), None],
        "day": [date(2026, 1, 1), date(2025, 12, 31), date(2100, 1, 1), None],
        "instant": [
            datetime(2026, 1, 1, tzinfo=UTC),
            datetime(2025, 12, 31, 16, tzinfo=UTC),
            datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            None,
        ],
        "flag": [True, False, True, None],
        "share": [0.5, float("nan"), 2.0, None],
    },
    schema={
        "text": pl.String,
        "whole": pl.Int64,
        "amount": pl.Decimal(18, 6),
        "day": pl.Date,
        "instant": pl.Datetime("us", "UTC"),
        "flag": pl.Boolean,
        "share": pl.Float64,
    },
)

NULL, NOT_NULL = "expect_column_values_to_be_null", "expect_column_values_to_not_be_null"
IN_SET, NOT_IN_SET = "expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set"
REGEX, LENGTH = "expect_column_values_to_match_regex", "expect_column_value_lengths_to_be_between"
BETWEEN = "expect_column_values_to_be_between"
GREATER = "expect_column_pair_values_a_to_be_greater_than_b"
UNIQUE, COMPOUND = "expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"


def unexpected(kind: str, rows: pl.DataFrame = ROWS, **arguments: Any) -> list[bool]:
    condition = unexpected_condition(kind, arguments, rows.schema)
    return rows.lazy().select(found=condition).collect(engine="streaming")["found"].to_list()


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        (NULL, {"column": "text"}, [True, True, True, False]),
        (NULL, {"column": "share"}, [True, False, True, False]),
        (NOT_NULL, {"column": "text"}, [False, False, False, True]),
        (NOT_NULL, {"column": "share"}, [False, True, False, True]),
        (IN_SET, {"column": "text", "value_set": ["A-1", "", None]}, [False, True, False, False]),
        (IN_SET, {"column": "text", "value_set": []}, [True, True, True, False]),
        (IN_SET, {"column": "whole", "value_set": [0, 2**53]}, [False, True, True, False]),
        (IN_SET, {"column": "amount", "value_set": [0.1, 100]}, [False, True, False, False]),
        (IN_SET, {"column": "day", "value_set": ["2026-01-01"]}, [False, True, True, False]),
        (IN_SET, {"column": "flag", "value_set": [True]}, [False, True, False, False]),
        (IN_SET, {"column": "instant", "value_set": ["2026-01-01T00:00:00+08:00"]}, [True, False, True, False]),
        (NOT_IN_SET, {"column": "text", "value_set": ["A-1", None]}, [True, False, False, False]),
        (REGEX, {"column": "text", "regex": "^[A-Z0-9-]+$"}, [False, True, True, False]),
        (REGEX, {"column": "text", "regex": "1"}, [False, True, True, False]),
        (REGEX, {"column": "whole", "regex": "^[01]$"}, [False, False, True, False]),
        (LENGTH, {"column": "text", "min_value": 1, "max_value": 1}, [True, False, True, False]),
        (LENGTH, {"column": "text", "max_value": 1, "strict_max": True}, [True, True, False, False]),
        (BETWEEN, {"column": "whole", "min_value": 0.5}, [True, False, False, False]),
        (BETWEEN, {"column": "whole", "max_value": 0.5}, [False, True, True, False]),
        (BETWEEN, {"column": "whole", "min_value": 0.5, "strict_min": True}, [True, False, False, False]),
        (BETWEEN, {"column": "whole", "max_value": 0.5, "strict_max": True}, [False, True, True, False]),
        (BETWEEN, {"column": "whole", "max_value": 2**53}, [False, False, True, False]),
        (BETWEEN, {"column": "whole", "min_value": 0, "strict_min": True}, [True, False, False, False]),
        (BETWEEN, {"column": "amount", "min_value": 0}, [False, True, False, False]),
        (BETWEEN, {"column": "amount", "min_value": 0.1}, [False, True, False, False]),
        (BETWEEN, {"column": "amount", "min_value": 0.1, "strict_min": True}, [True, True, False, False]),
        (BETWEEN, {"column": "amount", "min_value": 0.10000001}, [True, True, False, False]),
        (BETWEEN, {"column": "amount", "max_value": 10**15}, [False, False, False, False]),
        (BETWEEN, {"column": "day", "min_value": "2026-01-01"}, [False, True, False, False]),
        (BETWEEN, {"column": "day", "max_value": date(2026, 1, 1), "strict_max": True}, [True, False, True, False]),
        (BETWEEN, {"column": "instant", "min_value": "2026-01-01"}, [False, True, False, False]),
        (BETWEEN, {"column": "instant", "max_value": "2026-01-01T08:00:00+08:00"}, [False, False, True, False]),
        (BETWEEN, {"column": "share", "max_value": 1}, [False, False, True, False]),
    ],
)
def test_a_row_is_unexpected_where_it_should_be(kind: str, arguments: dict[str, Any], expected: list[bool]) -> None:
    assert unexpected(kind, **arguments) == expected


PAIRS = pl.DataFrame({"a": [2, 1, 1, None, None], "b": [1, 1, None, 1, None]}, schema={"a": pl.Int64, "b": pl.Int64})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [False, True, True, True, False]),
        ({"ignore_row_if": "both_values_are_missing", "or_equal": True}, [False, False, True, True, False]),
        ({"ignore_row_if": "either_value_is_missing"}, [False, True, False, False, False]),
        ({"ignore_row_if": "neither", "or_equal": True}, [False, False, True, True, True]),
    ],
)
def test_pairs_with_a_missing_value(arguments: dict[str, Any], expected: list[bool]) -> None:
    assert unexpected(GREATER, PAIRS, column_A="a", column_B="b", **arguments) == expected


REPEATS = pl.DataFrame({"a": ["x", "x", None, None, None, "y"], "b": [1, 1, 1, 1, None, None]})


def test_repeated_values() -> None:
    assert unexpected(UNIQUE, REPEATS, column="a") == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("ignore_row_if", "expected"),
    [
        (None, [True, True, True, True, False, False]),
        ("all_values_are_missing", [True, True, True, True, False, False]),
        ("any_value_is_missing", [True, True, False, False, False, False]),
        ("never", [True, True, True, True, False, False]),
    ],
)
def test_repeated_keys(ignore_row_if: str | None, expected: list[bool]) -> None:
    arguments = {} if ignore_row_if is None else {"ignore_row_if": ignore_row_if}
    assert unexpected(COMPOUND, REPEATS, column_list=["a", "b"], **arguments) == expected


def test_ignored_rows_of_a_pair() -> None:
    condition = ignored_condition(GREATER, {"column_A": "a", "column_B": "b"}, PAIRS.schema)
    assert PAIRS.select(found=condition)["found"].to_list() == [False, False, False, False, True]


def test_equal_keys_have_equal_hashes_and_a_null_is_not_an_empty_text() -> None:
    keys = pl.DataFrame({"a": ["x", "x", "", None], "b": [1, 1, 1, 1]})
    hashes = keys.select(h=key_hash(["a", "b"]))["h"].to_list()
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_suspects_fail_at_least_one_expectation_and_uniqueness_is_left_aside() -> None:
    expectations = [
        Expectation(NOT_NULL, {"column": "text"}, "E201"),
        Expectation(BETWEEN, {"column": "amount", "min_value": 0}, "W316", "warning"),
        Expectation(UNIQUE, {"column": "flag"}, "E231"),
        Expectation("expect_table_row_count_to_be_between", {"min_value": 9}, "E999"),
    ]
    suspects = ROWS.filter(suspect_condition(expectations, ROWS.schema))
    assert suspects["text"].to_list() == ["村", None]
    assert ROWS.filter(suspect_condition([], ROWS.schema)).is_empty()


@pytest.mark.parametrize(
    ("kind", "arguments", "error"),
    [
        ("expect_column_values_to_be_funny", {"column": "text"}, KeyError),
        (NOT_NULL, {"column": "absent"}, pl.exceptions.ColumnNotFoundError),
        (BETWEEN, {"column": "text", "min_value": 0}, TypeError),
        (BETWEEN, {"column": "flag", "min_value": 0}, TypeError),
        (BETWEEN, {"column": "day", "min_value": 20260101}, TypeError),
        (BETWEEN, {"column": "whole"}, ValueError),
        (BETWEEN, {"column": "whole", "min_value": 2, "max_value": 1}, ValueError),
        (BETWEEN, {"column": "whole", "min_value": float("inf")}, ValueError),
        (BETWEEN, {"column": "whole", "min_value": 2**63}, ValueError),
        (IN_SET, {"column": "whole", "value_set": ["1"]}, TypeError),
        (IN_SET, {"column": "whole", "value_set": [1.5]}, ValueError),
        (IN_SET, {"column": "text", "value_set": [1]}, TypeError),
        (REGEX, {"column": "text", "regex": "a(?=b)"}, ValueError),
        (REGEX, {"column": "amount", "regex": "1"}, TypeError),
        (GREATER, {"column_A": "day", "column_B": "whole"}, TypeError),
        (GREATER, {"column_A": "whole", "column_B": "whole", "ignore_row_if": "never"}, ValueError),
    ],
)
def test_what_cannot_be_asked_is_refused(kind: str, arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        unexpected(kind, **arguments)


def test_uniqueness_kinds_are_map_kinds() -> None:
    assert set(MAP_KINDS) > UNIQUENESS_KINDS


def test_conditions_and_the_gate_load_without_great_expectations() -> None:
    program = (
        "import sys, expectations.engine.conditions, expectations.gate;"
        "sys.exit(any(name.startswith('great_expectations') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
