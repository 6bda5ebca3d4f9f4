"""Hospital Value-Based Purchasing FY2024, row by row, and the anchored scale on the same published rates."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from benchmarks.reference.hospitals import PATIENT, published_hospitals, rows
from scoring.anchored_points import anchored_points
from scoring.anchors import group_anchors


def test_invariant_10_cms_mode_reproduces_the_published_files_without_a_mismatch(reference: Path) -> None:
    found = list(rows(reference))
    assert [row.count for row in found] == [43_688, 42_870, 43_688, 2_467, 9_459, 2_474, 2_474]
    assert [row for row in found if not row.passes] == []


def test_the_anchored_scale_spreads_the_published_rates_over_the_tiers(reference: Path) -> None:
    """Figures of method 3.3 on the eight HCAHPS dimensions: quartiles 63.7, 69.2, 75.0; tiers 6, 19, 62, 13 %."""
    measures = published_hospitals(reference).measures.filter(pl.col("domain") == PATIENT)
    facts = measures.select("indicator_id", "org_id", "value").drop_nulls()
    baseline = measures.select("indicator_id", "org_id", value="baseline_value").drop_nulls()
    orgs = measures.select("org_id").unique().with_columns(org_name="org_id", peer_group=pl.lit("hospitals"))
    decimal = pl.Decimal(18, 6)
    indicators = (
        facts.select("indicator_id")
        .unique()
        .with_columns(
            direction=pl.lit("higher_better"), min=pl.lit(Decimal(0), decimal), max=pl.lit(Decimal(100), decimal)
        )
    )
    anchors = group_anchors(baseline, indicators, orgs, baseline_period="2019", decided_on=dt.date(2021, 1, 1))
    counted = anchors.with_columns(report_only=pl.lit(value=False))
    points = anchored_points(facts, baseline, counted, indicators, orgs)
    means = points.group_by("org_id").agg(score=pl.col("score100").mean() / 1e6)["score"]
    assert len(means) == 2_467
    assert means.mean() == pytest.approx(69.7, abs=0.1)
    assert [means.quantile(share, "linear") for share in (0.25, 0.5, 0.75)] == pytest.approx(
        [63.7, 69.2, 75.0], abs=0.05
    )
    tiers = [(means >= 85).mean(), (means >= 75).mean(), (means >= 60).mean()]
    assert tiers == pytest.approx([0.06, 0.25, 0.87], abs=0.005)
