"""Suites: every declared expectation exists in the pinned Great Expectations and keeps its severity and code."""

from __future__ import annotations

import polars as pl
import pytest

from expectations.base import CELL_PROBLEMS_COLUMN, row_expectations
from expectations.datasets import DATASETS
from expectations.declaration import Column, ColumnType, Dataset, Expectation
from expectations.engine.conditions import MAP_KINDS, unexpected_condition
from expectations.gate import validate
from expectations.suites import build_suite, suite_of

REGISTER = Dataset(
    name="register",
    zh="登记",
    en="register",
    description_zh="测试用。",
    description_en="For tests.",
    columns=(
        Column("key", ColumnType.IDENTIFIER, "编号", "key", "编号。", "The key.", required=True),
        Column("persons", ColumnType.INTEGER, "人数", "persons", "人数。", "Persons.", minimum=0),
    ),
    natural_key=("key",),
    wave=1,
    expectations=(
        Expectation(
            "expect_column_values_to_be_between", {"column": "persons", "max_value": 100_000}, "W316", "warning"
        ),
    ),
)


def test_a_suite_keeps_severity_code_and_order() -> None:
    suite = build_suite(REGISTER)
    declared = row_expectations(REGISTER)
    kept = [(each.expectation_type, each.severity.value, each.meta["code"]) for each in suite.expectations]
    assert suite.name == "register"
    assert kept == [(each.kind, each.severity, each.code) for each in declared]
    assert [each.meta["order"] for each in suite.expectations] == list(range(len(declared)))
    assert ("expect_column_values_to_be_between", "warning", "W316") in kept
    assert ("expect_column_values_to_not_be_null", "critical", "E201") in kept


def test_a_suite_for_voids_has_a_name_of_its_own_and_asks_less() -> None:
    suite = build_suite(REGISTER, void=True)
    assert suite.name == "register.void"
    assert "persons" not in {getattr(each, "column", None) for each in suite.expectations}


def test_a_kind_the_library_does_not_have_is_named() -> None:
    with pytest.raises(KeyError, match="expect_villages_to_be_happy"):
        suite_of("wrong", [Expectation("expect_villages_to_be_happy", {"column": "a"}, "E999")])


@pytest.mark.parametrize("arguments", [{}, {"column": "a", "colour": "red"}])
def test_arguments_the_library_does_not_take_are_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        suite_of("wrong", [Expectation("expect_column_values_to_not_be_null", arguments, "E201")])


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("name", list(DATASETS))
def test_every_suite_of_the_contract_runs_on_an_empty_batch(name: str, void: bool) -> None:
    """The library has each expectation and takes its arguments, and our engine can ask it of the declared types."""
    dataset = DATASETS[name]
    expectations = row_expectations(dataset, void=void)
    assert len(build_suite(dataset, void=void).expectations) == len(expectations)
    schema = {"_sheet": pl.String(), "_row": pl.UInt32(), CELL_PROBLEMS_COLUMN: pl.String()} | dataset.stored_schema
    result = validate(pl.LazyFrame(schema=schema), expectations, suite_name=name)
    assert [outcome.expectation for outcome in result.outcomes] == list(expectations)
    assert all(outcome.success for outcome in result.outcomes)


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_row_expectation_of_the_contract_can_be_a_condition(name: str) -> None:
    """The pipeline's first pass uses the declared arguments as they stand, without the library in between."""
    dataset = DATASETS[name]
    rows = pl.DataFrame(schema={CELL_PROBLEMS_COLUMN: pl.String()} | dataset.stored_schema)
    for expectation in row_expectations(dataset):
        if expectation.kind in MAP_KINDS:
            condition = unexpected_condition(expectation.kind, expectation.arguments, rows.schema)
            assert rows.select(found=condition).schema == {"found": pl.Boolean()}
