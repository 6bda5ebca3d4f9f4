"""Shrunken means against metafor and Efron and Morris, row by row."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reference import shrinkage


def test_every_row_is_within_its_tolerance(reference: Path) -> None:
    found = list(shrinkage.rows(reference))
    assert len(found) == 13
    assert [row for row in found if not row.passes] == []
