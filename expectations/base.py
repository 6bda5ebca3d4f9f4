"""The row-level expectations of a dataset: those its columns imply, then those it declares.

Nothing here imports Great Expectations; an expectation is only named as it names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expectations.declaration import Column, ColumnType, Dataset, Expectation

CELL_PROBLEMS_COLUMN = "_cell_problems"
"""Side column of the cell rules: empty for a row every cell of which could be read."""

CELLS_ARE_READABLE = Expectation("expect_column_values_to_be_null", {"column": CELL_PROBLEMS_COLUMN}, "")
"""First of every suite; its code is empty because the cell rules name one for each problem."""


def row_expectations(dataset: Dataset, *, void: bool = False) -> tuple[Expectation, ...]:
    """The expectations every row of ``dataset`` is held against.

    Args:
        dataset: The declaration.
        void: For rows with ``record_op = void``, which only need their natural key: just the
            expectations on the key columns and ``record_op`` themselves.

    Returns:
        That the cells are readable; then, in column order, not null (E201), in the code list
        (E210), of the right form (E214), not too long (E213) and in range (E215); then the declared
        ones. No two are equal. A not-null expectation a dataset declares with a code of its own
        replaces the base one of that column.
    """
    if void:
        columns = [column for column in dataset.all_columns if column.stored_name in _void_columns(dataset)]
        declared = [each for each in dataset.expectations if _concerns_void_row(each, dataset)]
    else:
        columns = list(dataset.all_columns)
        declared = list(dataset.expectations)
    own_not_null = {each.columns[0] for each in declared if each.kind == "expect_column_values_to_not_be_null"}
    base = [
        each
        for column in columns
        for each in _column_expectations(column, void=void)
        if each.kind != "expect_column_values_to_not_be_null" or each.columns[0] not in own_not_null
    ]
    return _without_repeats([CELLS_ARE_READABLE, *base, *declared])


def _void_columns(dataset: Dataset) -> frozenset[str]:
    return frozenset((*dataset.natural_key, "record_op"))


def _concerns_void_row(expectation: Expectation, dataset: Dataset) -> bool:
    not_null = expectation.kind == "expect_column_values_to_not_be_null"
    return not_null and set(expectation.columns) <= _void_columns(dataset)


def _column_expectations(column: Column, *, void: bool) -> Iterable[Expectation]:
    name = column.stored_name
    if column.required or (void and name == "record_op"):
        yield Expectation("expect_column_values_to_not_be_null", {"column": name}, "E201")
    if column.codes:
        yield _code_list(column)
    # What replaces a pseudonymised value has neither its form nor its length.
    if column.pattern and not column.pseudonymised_as:
        yield Expectation("expect_column_values_to_match_regex", {"column": name, "regex": column.pattern}, "E214")
    if column.max_length is not None and not column.pseudonymised_as:
        yield Expectation(
            "expect_column_value_lengths_to_be_between", {"column": name, "max_value": column.max_length}, "E213"
        )
    limits: dict[str, Any] = {"min_value": column.minimum, "max_value": column.maximum}
    given = {key: limit for key, limit in limits.items() if limit is not None}
    if given:
        yield Expectation("expect_column_values_to_be_between", {"column": name} | given, "E215")


def _code_list(column: Column) -> Expectation:
    """A code must be on the list; of a LIST column, every part must."""
    values = [code.value for code in column.codes]
    if column.type is ColumnType.LIST:
        part = "|".join(values)
        regex = f"^({part})(;({part}))*$"
        return Expectation(
            "expect_column_values_to_match_regex", {"column": column.stored_name, "regex": regex}, "E210"
        )
    return Expectation("expect_column_values_to_be_in_set", {"column": column.stored_name, "value_set": values}, "E210")


def _without_repeats(expectations: Iterable[Expectation]) -> tuple[Expectation, ...]:
    kept: list[Expectation] = []
    for expectation in expectations:
        if expectation not in kept:
            kept.append(expectation)
    return tuple(kept)
