"""Coefficients of agreement against published values, row by row."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reference import agreement


def test_every_row_is_within_its_tolerance(reference: Path) -> None:
    found = list(agreement.rows(reference))
    assert len(found) == 6
    assert [row for row in found if not row.passes] == []
