"""Great Expectations suites, built from the declarations of the datasets.

Nothing here states an expectation: a suite is what ``expectations.base`` derives from a dataset, written in the
library's own classes, with our error code in ``meta`` and our severity as the library's. A suite made here runs
on any of the library's engines. Importing this module imports Great Expectations.
"""

from __future__ import annotations

from collections.abc import Sequence

from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.exceptions.exceptions import ExpectationNotFoundError
from great_expectations.expectations.expectation import Expectation as LibraryExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.registry import get_expectation_impl, register_core_expectations

from expectations.base import row_expectations
from expectations.declaration import Dataset, Expectation


def build_suite(dataset: Dataset, *, void: bool = False) -> ExpectationSuite:
    """The suite of a dataset's rows.

    Args:
        dataset: The declaration.
        void: Whether the rows only void others, which asks less of them.

    Returns:
        A suite named after the dataset (``rating_event``, ``rating_event.void``).
    """
    name = f"{dataset.name}.void" if void else dataset.name
    return suite_of(name, row_expectations(dataset, void=void))


def suite_of(name: str, expectations: Sequence[Expectation]) -> ExpectationSuite:
    """The expectations as a suite; ``meta`` of each holds its ``code`` and its place in the sequence (``order``).

    Raises:
        KeyError: Great Expectations has no expectation of that kind.
        ValueError: It has, but does not take these arguments.
    """
    declared = [_library_expectation(expectation, order) for order, expectation in enumerate(expectations)]
    return ExpectationSuite(name=name, expectations=declared)


def _library_expectation(expectation: Expectation, order: int) -> LibraryExpectation:
    register_core_expectations()
    try:
        expectation_class = get_expectation_impl(expectation.kind)
    except ExpectationNotFoundError as error:
        raise KeyError(f"Great Expectations has no {expectation.kind} ({expectation.code})") from error
    return expectation_class(
        **expectation.arguments,
        severity=FailureSeverity(expectation.severity),
        meta={"code": expectation.code, "order": order},
    )
