"""What we expect of results before anybody may see them: the audit gate's suites."""

from __future__ import annotations

import polars as pl

from expectations.declaration import Expectation

_NOT_NULL = "expect_column_values_to_not_be_null"
_BETWEEN = "expect_column_values_to_be_between"
_AT_LEAST = "expect_column_pair_values_a_to_be_greater_than_b"

_HUNDRED = ("score_raw_mean", "mean_0_100", "mean_weighted_0_100")
_SHARES = ("reliability", "max_unit_share", "dk_share")
_COUNTS = ("n_raters", "n_units", "n_ballots", "n_answered", "n_dont_know", "n_other")
_POINTS = {"achievement": 10, "improvement": 9, "points": 10}


def result_expectations(
    schema: dict[str, pl.DataType], key: tuple[str, ...], filled: tuple[str, ...]
) -> tuple[Expectation, ...]:
    """Expectations of one result table, from its columns.

    Args:
        schema: column names and types.
        key: columns that identify a row.
        filled: columns that may not be empty.
    """
    found = [Expectation(_NOT_NULL, {"column": name}, "A101") for name in filled]
    found.append(Expectation("expect_compound_columns_to_be_unique", {"column_list": list(key)}, "A102"))
    found += [_between(name, 0, 100, "A103") for name in _HUNDRED if name in schema]
    found += [_between(name, 0, 1, "A104") for name in _SHARES if name in schema]
    found += [_between(name, 0, None, "A105") for name in _COUNTS if name in schema]
    found += [_between(name, 0, most, "A106") for name, most in _POINTS.items() if name in schema]
    if {"ci_low", "ci_high", "score_shrunken"} <= set(schema):
        found += [_at_least("ci_high", "score_shrunken"), _at_least("score_shrunken", "ci_low")]
    if "rank" in schema:
        found.append(_between("rank", 1, None, "A108"))
    if "points" in schema:
        found += [_at_least("points", "achievement"), _at_least("points", "improvement")]
    return tuple(found)


def _between(name: str, least: float, most: float | None, code: str) -> Expectation:
    limits = {"min_value": least} if most is None else {"min_value": least, "max_value": most}
    return Expectation(_BETWEEN, {"column": name, **limits}, code)


def _at_least(larger: str, smaller: str) -> Expectation:
    arguments = {"column_A": larger, "column_B": smaller, "or_equal": True, "ignore_row_if": "either_value_is_missing"}
    return Expectation(_AT_LEAST, arguments, "A107")
