"""Spare Great Expectations from rebuilding what cannot change.

In 1.24 ``Expectation.configuration`` serialises the expectation anew each time it is asked, some fifty
times per expectation and run, and the graph of metrics that a suite needs is drawn anew for every batch, though
it follows from the suite alone. Together they are most of the fixed cost of validating a small file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.validation_graph import MetricEdge

from expectations import declaration
from expectations.suites import suite_of


@dataclass(frozen=True)
class MetricGraph:
    """What an expectation needs: its configuration as the validator completed it, and the metrics' edges."""

    configuration: ExpectationConfiguration
    edges: tuple[MetricEdge, ...]


@dataclass(frozen=True)
class RememberedSuite:
    """A suite, what it was built from, and the graphs of its metrics by batch id, once they were drawn.

    The graphs hold no engine and no rows, so remembering them keeps no batch alive.
    """

    expectations: tuple[declaration.Expectation, ...]
    suite: ExpectationSuite
    graphs: dict[str, list[MetricGraph]] = field(default_factory=dict)


_suites: dict[str, RememberedSuite] = {}


def remembered_suite(name: str, expectations: Sequence[declaration.Expectation]) -> RememberedSuite:
    """The suite of that name; built anew when it is not made of these expectations."""
    known = _suites.get(name)
    if known is None or known.expectations != tuple(expectations):
        known = _suites[name] = RememberedSuite(tuple(expectations), suite_of(name, expectations))
    return known


@contextmanager
def remembered_configurations() -> Iterator[None]:
    """Within the block each expectation object builds its configuration once.

    Expectations must not be changed inside the block; a suite run never does.
    """
    built: dict[int, tuple[Expectation, ExpectationConfiguration]] = {}
    original = Expectation.configuration

    def configuration(self: Expectation) -> ExpectationConfiguration:
        known = built.get(id(self))
        if known is None:
            # Keeping the object beside its configuration keeps its id from being given to another one.
            known = built[id(self)] = (self, original.__get__(self))
        return known[1]

    Expectation.configuration = property(configuration)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        Expectation.configuration = original  # type: ignore[method-assign]
