"""What we expect of results before anybody may see them: the audit gate's suites."""

from __future__ import annotations

import polars as pl

from expectations.declaration import Expectation

_NOT_NULL = "expect_column_values_to_not_be_null"
_BETWEEN = "expect_column_values_to_be_between"
_AT_LEAST = "expect_column_pair_values_a_to_be_greater_than_b"

_HUNDRED = (
    "score_raw_mean", "mean_0_100", "mean_weighted_0_100", "level", "score100", "cell_score", "satisfaction_score",
    "visible_score", "latent_score", "results_score", "list_score", "process_score", "raw_score",
    "differentiated_score", "percentile", "burden_score", "response_score", "composite_score",
)  # fmt: skip
_SHARES = (
    "reliability", "max_unit_share", "dk_share", "p_top", "p_bottom", "p_within_quota", "observed_weight", "gamma",
    "response_rate", "turnout", "p_value",
)  # fmt: skip
_COUNTS = (
    "n_raters", "n_units", "n_ballots", "n_answered", "n_dont_know", "n_other", "n_respondents", "n_ranked", "adder",
    "base_fen", "cap_fen", "paid_fen", "pool_fen", "reserve_fen", "unspent_fen",
)  # fmt: skip
_WHOLE_POINTS = {"achievement": 10, "improvement": 9, "points": 10}
_ORDERED = (
    ("ci_high", "score_shrunken"), ("score_shrunken", "ci_low"), ("ci_high", "satisfaction_mean"),
    ("satisfaction_mean", "ci_low"), ("rank_high", "rank"), ("rank", "rank_low"), ("points", "achievement"),
    ("points", "improvement"), ("score100", "level"), ("score100", "improvement"), ("cap_fen", "paid_fen"),
    ("pool_fen", "paid_fen"), ("pool_fen", "reserve_fen"), ("incentive_score", "differentiated_score"),
)  # fmt: skip
"""Pairs of columns of which the first is never below the second."""


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
    numbers = {name for name, dtype in schema.items() if dtype.is_numeric()}
    found += [_between(name, 0, 100, "A103") for name in _HUNDRED if name in numbers]
    found += [_between(name, 0, 1, "A104") for name in _SHARES if name in numbers]
    found += [_between(name, 0, None, "A105") for name in _COUNTS if name in numbers]
    if "points" in schema:
        found += [_between(name, 0, most, "A106") for name, most in _WHOLE_POINTS.items()]
    found += [_at_least(larger, smaller) for larger, smaller in _ORDERED if {larger, smaller} <= set(schema)]
    if "rank" in schema:
        found.append(_between("rank", 1, None, "A108"))
    return tuple(found)


def _between(name: str, least: float, most: float | None, code: str) -> Expectation:
    limits = {"min_value": least} if most is None else {"min_value": least, "max_value": most}
    return Expectation(_BETWEEN, {"column": name, **limits}, code)


def _at_least(larger: str, smaller: str) -> Expectation:
    arguments = {"column_A": larger, "column_B": smaller, "or_equal": True, "ignore_row_if": "either_value_is_missing"}
    return Expectation(_AT_LEAST, arguments, "A107")
