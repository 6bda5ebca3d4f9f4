"""The rows of ``make reference`` about departments: lme4 and csranks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reference.departments import rows


def test_the_model_and_the_rank_sets_equal_the_published_ones(reference: Path) -> None:
    found = list(rows(reference))
    assert len(found) == 39
    failing = [f"{row.what}: {row.difference:g} > {row.tolerance:g}" for row in found if not row.passes]
    assert not failing
