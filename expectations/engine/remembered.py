"""Spare Great Expectations from rebuilding what cannot change within one run.

In 1.24 ``Expectation.configuration`` serialises the expectation anew each time it is asked, some fifty
times per expectation and run: half of the fixed cost of validating a small file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration


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
