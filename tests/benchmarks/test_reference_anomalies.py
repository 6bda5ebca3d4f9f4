"""What the anomaly flags read, against lme4, row by row."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reference.anomalies import rows


def test_residuals_are_those_of_lme4(reference: Path) -> None:
    found = list(rows(reference))
    assert [row.count for row in found] == [73_421, 1]
    assert [row for row in found if not row.passes] == []
