"""The Polars engine beside Great Expectations' own pandas engine, on fuzzed batches, and what only ours does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
import polars as pl
import pytest
from great_expectations.core.batch import Batch
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.core.id_dict import IDDict
from great_expectations.exceptions import ExecutionEngineError, MetricResolutionError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.expectations.row_conditions import Column
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.engine import batch_data, metrics
from expectations.engine.conditions import MAP_KINDS, unexpected_condition
from expectations.engine.polars_engine import PolarsExecutionEngine, PolarsValidator, polars_validator

# The pandas engine's way of searching warns about every pattern that has a group.
pytestmark = pytest.mark.filterwarnings("ignore:This pattern is interpreted as a regular expression")

SCHEMA = {
    "text": pl.String(),
    "whole": pl.Int64(),
    "amount": pl.Decimal(18, 6),
    "day": pl.Date(),
    "instant": pl.Datetime("us", "UTC"),
    "flag": pl.Boolean(),
    "key": pl.String(),
}

TEXTS = ["", " ", "A1", "B-2", "村", "é", "e\u0301", "😀", "a\nb", "１２", "A1A1"]
WHOLES = [-3, 0, 1, 2, 2**53 + 1, -(2**63), 2**63 - 1]
AMOUNTS = [Decimal(text) for text in ("-0.000001", "0", "0.5", "1.25", "100", "99999999.999999")]
DAYS = [date(2000, 1, 1), date(2026, 1, 31), date(2026, 2, 1), date(2100, 12, 31)]
INSTANTS = [
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 2, 1, tzinfo=UTC),
]

row = st.fixed_dictionaries(
    {
        "text": st.none() | st.sampled_from(TEXTS),
        "whole": st.none() | st.sampled_from(WHOLES),
        "amount": st.none() | st.sampled_from(AMOUNTS),
        "day": st.none() | st.sampled_from(DAYS),
        "instant": st.none() | st.sampled_from(INSTANTS),
        "flag": st.none() | st.booleans(),
        "key": st.none() | st.sampled_from(["k1", "k2", "k3"]),
    }
)
rows = st.lists(row, max_size=12)
COLUMNS_WITH_BOUNDS: dict[str, Sequence[Any]] = {
    "whole": [-3, 0, 0.5, 2, 1e6],
    "amount": [-1, 0, 0.5, 1.25, 100],
    "day": DAYS,
    "instant": INSTANTS,
}
COLUMNS_WITH_SETS: dict[str, Sequence[Any]] = {
    "text": [*TEXTS, "absent"],
    "whole": [*WHOLES, 7],
    "amount": [*AMOUNTS, 7, 100],
    "day": DAYS,
    "instant": INSTANTS,
    "flag": [True, False],
}
mostly = st.sampled_from([1.0, 0.5, 0.0])


@st.composite
def value_sets(draw: st.DrawFn) -> dict[str, Any]:
    column = draw(st.sampled_from(list(COLUMNS_WITH_SETS)))
    choices = st.sampled_from(COLUMNS_WITH_SETS[column])
    return {"column": column, "value_set": draw(st.lists(choices, max_size=4)), "mostly": draw(mostly)}


@st.composite
def bounds(draw: st.DrawFn, columns: dict[str, Sequence[Any]]) -> dict[str, Any]:
    column = draw(st.sampled_from(list(columns)))
    ends = sorted(draw(st.lists(st.sampled_from(columns[column]), min_size=2, max_size=2)))
    chosen = draw(st.sampled_from(["min_value", "max_value", "both"]))
    arguments: dict[str, Any] = {"column": column, "mostly": draw(mostly)}
    if chosen != "max_value":
        arguments |= {"min_value": ends[0], "strict_min": draw(st.booleans())}
    if chosen != "min_value":
        arguments |= {"max_value": ends[1], "strict_max": draw(st.booleans())}
    return arguments


@st.composite
def suites(draw: st.DrawFn) -> ExpectationSuite:
    """One expectation of every kind about single columns and keys, with arguments at random."""
    column = st.sampled_from(list(SCHEMA))
    keys = draw(st.lists(column, min_size=2, max_size=3, unique=True))
    ignored = draw(st.sampled_from(["all_values_are_missing", "any_value_is_missing", "never"]))
    regex = draw(st.sampled_from(["^A", "^[A-Z0-9-]+$", r"^\d+$", "", "村|é", r"^.$", r"\s", "^(A1)+$"]))
    return ExpectationSuite(
        name="fuzzed",
        expectations=[
            gxe.ExpectColumnValuesToBeNull(column=draw(column), mostly=draw(mostly)),
            gxe.ExpectColumnValuesToNotBeNull(column=draw(column), mostly=draw(mostly)),
            gxe.ExpectColumnValuesToBeInSet(**draw(value_sets())),
            gxe.ExpectColumnValuesToNotBeInSet(**draw(value_sets())),
            gxe.ExpectColumnValuesToMatchRegex(column="text", regex=regex, mostly=draw(mostly)),
            gxe.ExpectColumnValueLengthsToBeBetween(**draw(bounds({"text": [0, 1, 2, 3]}))),
            gxe.ExpectColumnValuesToBeBetween(**draw(bounds(COLUMNS_WITH_BOUNDS))),
            gxe.ExpectColumnValuesToBeUnique(column=draw(column), mostly=draw(mostly)),
            gxe.ExpectCompoundColumnsToBeUnique(column_list=keys, ignore_row_if=ignored, mostly=draw(mostly)),
            gxe.ExpectColumnMinToBeBetween(column="amount", min_value=0),
            gxe.ExpectColumnMaxToBeBetween(column="amount", max_value=1),
            gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=5),
            gxe.ExpectColumnToExist(column="absent"),
            gxe.ExpectTableColumnsToMatchSet(column_set=[*SCHEMA], exact_match=True),
        ],
    )


def pandas_validator(frame: pd.DataFrame, suite: ExpectationSuite) -> PolarsValidator:
    """The same validator, on the library's pandas engine."""
    engine = PandasExecutionEngine()
    batch = Batch(data=PandasBatchData(engine, frame), batch_definition=IDDict({"suite": suite.name}))
    return PolarsValidator(execution_engine=engine, expectation_suite=suite, batches=[batch])


def reports(validator: PolarsValidator, result_format: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the library reports on each expectation, without the text of the index query, which names the engine."""
    result = validator.validate(catch_exceptions=False, result_format=result_format)
    found = {}
    for each in result.results:
        report = {key: value for key, value in each.result.items() if key != "unexpected_index_query"}
        found[each.expectation_config.type] = {"success": each.success, **report}
    return found


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rows, suites())
def test_every_report_equals_that_of_the_pandas_engine(records: list[dict[str, Any]], suite: ExpectationSuite) -> None:
    batch = pl.DataFrame(records, schema=SCHEMA)
    # As objects: a whole number beside a missing value would become a float.
    frame = pd.DataFrame({name: pd.Series(batch[name].to_list(), dtype=object) for name in SCHEMA})
    ours = reports(polars_validator(batch, suite), {"result_format": "COMPLETE"})
    theirs = reports(pandas_validator(frame, suite), {"result_format": "COMPLETE"})
    assert ours == theirs


NUMBERS = [None, -1, 0, 1, 2]
pair_rows = st.lists(st.tuples(*[st.sampled_from(NUMBERS)] * 2, *[st.none() | st.sampled_from(DAYS)] * 2), max_size=12)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    pair_rows,
    st.sampled_from(["both_values_are_missing", "either_value_is_missing", "neither"]),
    st.booleans(),
    st.sampled_from([("a", "b"), ("from", "to")]),
)
def test_pairs_equal_those_of_the_pandas_engine(
    records: list[tuple[Any, ...]], ignored: str, or_equal: bool, pair: tuple[str, str]
) -> None:
    names = ["a", "b", "from", "to"]
    types = [pl.Int64(), pl.Int64(), pl.Date(), pl.Date()]
    batch = pl.DataFrame(records, schema=dict(zip(names, types, strict=True)), orient="row")
    # In pandas' own missing values: the pandas engine cannot compare None with a number.
    frame = pd.DataFrame(
        {
            name: pd.Series(batch[name].to_list(), dtype="float64" if name in {"a", "b"} else "datetime64[ns]")
            for name in names
        }
    )
    expectation = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=pair[0], column_B=pair[1], or_equal=or_equal, ignore_row_if=ignored
    )
    suite = ExpectationSuite(name="pairs", expectations=[expectation])
    compared = ["success", "element_count", "missing_count", "unexpected_count", "unexpected_index_list"]
    (ours,) = reports(polars_validator(batch, suite), {"result_format": "COMPLETE"}).values()
    (theirs,) = reports(pandas_validator(frame, suite), {"result_format": "COMPLETE"}).values()
    assert [ours[key] for key in compared] == [theirs[key] for key in compared]


@settings(max_examples=16, deadline=None, derandomize=True)
@given(rows, suites(), st.sampled_from(["BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"]), st.booleans())
def test_reports_with_index_columns_and_rows_equal_those_of_the_pandas_engine(
    records: list[dict[str, Any]], suite: ExpectationSuite, level: str, exclude: bool
) -> None:
    batch = pl.DataFrame(records, schema=SCHEMA)
    frame = pd.DataFrame({name: pd.Series(batch[name].to_list(), dtype=object) for name in SCHEMA})
    asked = {
        "result_format": level,
        "partial_unexpected_count": 3,
        "unexpected_index_column_names": ["key", "whole"],
        "exclude_unexpected_values": exclude and level == "COMPLETE",
        "include_unexpected_rows": level != "BOOLEAN_ONLY",
    }
    ours = reports(polars_validator(batch, suite), dict(asked))
    theirs = reports(pandas_validator(frame, suite), dict(asked))
    for report in theirs.values():
        if isinstance(report.get("unexpected_rows"), pd.DataFrame):
            report["unexpected_rows"] = report["unexpected_rows"].to_dict("records")
    for report in ours.values():
        if "unexpected_rows" in report:
            report["unexpected_rows"] = report["unexpected_rows"][:3]
    assert ours == theirs


def test_the_sum_of_decimals_is_exact_where_the_pandas_engine_goes_through_floats() -> None:
    batch = pl.DataFrame({"amount": [Decimal("999999999999.999999")] * 3}, schema={"amount": pl.Decimal(18, 6)})
    expectation = gxe.ExpectColumnSumToBeBetween(column="amount", min_value=0)
    suite = ExpectationSuite(name="sum", expectations=[expectation])
    (report,) = reports(polars_validator(batch, suite), {"result_format": "COMPLETE"}).values()
    assert report == {"success": True, "observed_value": Decimal("2999999999999.999997")}


def test_a_line_break_at_the_end_is_not_overlooked() -> None:
    """Python's ``$`` also matches before a last line break; that of Polars does not, nor do we want it to."""
    batch = pl.DataFrame({"text": ["A1", "A1\n"]})
    suite = ExpectationSuite(
        name="regex", expectations=[gxe.ExpectColumnValuesToMatchRegex(column="text", regex="^[A-Z0-9]+$")]
    )
    (report,) = reports(polars_validator(batch, suite), {"result_format": "COMPLETE"}).values()
    assert report["unexpected_index_list"] == [1]


MANY = pl.DataFrame({"key": [f"K{place}" for place in range(2_000)], "value": list(range(2_000)), "twin": [7] * 2_000})
MANY_SUITE = ExpectationSuite(
    name="many",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(column="value", min_value=500),
        gxe.ExpectColumnValuesToNotBeNull(column="key"),
        gxe.ExpectColumnValuesToMatchRegex(column="key", regex="^K"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="value", column_B="twin"),
        gxe.ExpectColumnValuesToBeUnique(column="key"),
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnSumToBeBetween(column="value", min_value=1),
    ],
)


def test_complete_names_every_failing_row_not_twenty() -> None:
    asked = {"result_format": "COMPLETE", "unexpected_index_column_names": ["key"]}
    report = reports(polars_validator(MANY.lazy(), MANY_SUITE), asked)["expect_column_values_to_be_between"]
    assert report["unexpected_index_list"] == [{"value": place, "key": f"K{place}"} for place in range(500)]
    # The library itself stops at 200 for the list of bare values, on every engine.
    assert report["unexpected_list"] == list(range(200))


def test_the_index_query_is_a_filter_that_finds_the_rows() -> None:
    validator = polars_validator(MANY.lazy(), MANY_SUITE)
    result = validator.validate(catch_exceptions=False, result_format={"result_format": "COMPLETE"})
    (between,) = [
        each for each in result.results if each.expectation_config.type == "expect_column_values_to_be_between"
    ]
    query = between.result["unexpected_index_query"]
    found = eval(query, {"rows": MANY, "unexpected_condition": unexpected_condition})  # noqa: S307
    assert found["value"].to_list() == list(range(500))


COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


def test_one_bundle_is_one_collect() -> None:
    validator = polars_validator(MANY.lazy(), MANY_SUITE)
    reports(validator, COUNTS_ONLY)
    assert validator.polars_engine.collects == 1


def test_listing_rows_costs_one_collect_more_and_none_when_the_candidates_are_known() -> None:
    row_suite = ExpectationSuite(
        name="rows", expectations=[each for each in MANY_SUITE.expectations if "Unique" not in type(each).__name__]
    )
    complete = {"result_format": "COMPLETE", "unexpected_index_column_names": ["key"]}
    validator = polars_validator(MANY.lazy(), row_suite)
    first = reports(validator, complete)
    assert validator.polars_engine.collects == 2

    knowing = polars_validator(MANY.lazy(), row_suite, MANY.head(600))
    assert reports(knowing, complete) == first
    assert knowing.polars_engine.collects == 1


def test_known_candidates_have_no_place_in_the_batch() -> None:
    """Without index columns there is nothing true to list: the candidates do not tell where they stood."""
    knowing = polars_validator(MANY.lazy(), MANY_SUITE, MANY.head(600))
    report = reports(knowing, {"result_format": "COMPLETE"})["expect_column_values_to_be_between"]
    assert report["unexpected_count"] == 500
    assert "unexpected_index_list" not in report


def test_repetitions_are_confirmed_on_the_values_in_one_collect_more() -> None:
    repeated = pl.concat([MANY, MANY.head(3)])
    suite = ExpectationSuite(name="unique", expectations=[gxe.ExpectColumnValuesToBeUnique(column="key")])
    validator = polars_validator(repeated.lazy(), suite)
    (report,) = reports(validator, COUNTS_ONLY).values()
    assert report["unexpected_count"] == 6
    assert validator.polars_engine.collects == 2


def test_equal_hashes_of_different_values_are_no_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    def weak_hash(columns: Sequence[str]) -> pl.Expr:
        return pl.col(columns[0]).str.len_bytes()

    monkeypatch.setattr(batch_data, "key_hash", weak_hash)
    monkeypatch.setattr(metrics, "key_hash", weak_hash)
    batch = pl.DataFrame({"key": ["aa", "bb", "c", "aa", None, None]})
    suite = ExpectationSuite(name="unique", expectations=[gxe.ExpectColumnValuesToBeUnique(column="key")])
    (report,) = reports(polars_validator(batch, suite), {"result_format": "COMPLETE"}).values()
    assert (report["unexpected_count"], report["unexpected_index_list"]) == (2, [0, 3])


def test_two_sets_on_one_column_keep_their_own_rows() -> None:
    """Expressions that look alike in print are told apart when the candidates are collected."""
    batch = pl.DataFrame({"code": ["a", "b", "c"]})
    first = ExpectationSuite(
        name="first", expectations=[gxe.ExpectColumnValuesToBeInSet(column="code", value_set=["a", "b"])]
    )
    second = ExpectationSuite(
        name="second", expectations=[gxe.ExpectColumnValuesToBeInSet(column="code", value_set=["b", "c"])]
    )
    validator = polars_validator(batch, first)
    complete = {"result_format": "COMPLETE"}
    assert reports(validator, complete)["expect_column_values_to_be_in_set"]["unexpected_list"] == ["c"]
    validator.expectation_suite = second
    assert reports(validator, complete)["expect_column_values_to_be_in_set"]["unexpected_list"] == ["a"]


def test_a_row_condition_is_refused_by_name() -> None:
    expectation = gxe.ExpectColumnValuesToNotBeNull(column="key", row_condition=Column("value") > 5)
    suite = ExpectationSuite(name="conditional", expectations=[expectation])
    with pytest.raises(MetricResolutionError, match="takes no row_condition: filter the lazy frame"):
        reports(polars_validator(MANY.lazy(), suite), {"result_format": "BASIC"})


def test_an_absent_index_column_is_named() -> None:
    asked = {"result_format": "COMPLETE", "unexpected_index_column_names": ["absent"]}
    with pytest.raises(MetricResolutionError, match="absent"):
        reports(polars_validator(MANY.lazy(), MANY_SUITE), asked)


def test_frames_are_taken_and_nothing_else() -> None:
    engine = PolarsExecutionEngine(batch_data_dict={"rows": MANY})
    assert engine.get_domain_records({"batch_id": "rows"}).collect().height == 2_000
    with pytest.raises(ExecutionEngineError, match="reads Polars frames"):
        PolarsExecutionEngine(batch_data_dict={"rows": [1, 2]})
    with pytest.raises(ExecutionEngineError, match="no batch elsewhere"):
        engine.get_domain_records({"batch_id": "elsewhere"})


def test_the_library_has_every_kind_the_conditions_know() -> None:
    assert all(get_expectation_impl(kind).expectation_type == kind for kind in MAP_KINDS)
