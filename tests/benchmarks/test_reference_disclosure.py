"""The cell attack on the published example, row by row."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reference import disclosure


def test_every_row_is_within_its_tolerance(reference: Path) -> None:
    found = list(disclosure.rows(reference))
    assert [row.count for row in found] == [6, 10, 10]
    assert [row for row in found if not row.passes] == []
