"""Lints on results of the last period: what weights and indicators really did (L16, L17)."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from scoring.lints.finding import Finding, Material


def effective_weights(material: Material) -> Iterator[Finding]:
    """L16."""
    rows = (material.results or {}).get("effective_weight")
    if rows is None:
        return
    apart = (pl.col("effective_weight") - pl.col("weight").cast(pl.Float64)).abs() > 0.1
    for row in rows.filter(apart).sort("peer_group", "part").iter_rows(named=True):
        nominal, effective = float(row["weight"]), float(row["effective_weight"])
        yield Finding(
            "L16",
            "warning",
            f"unit_score.{row['part']}",
            f"可比组 {row['peer_group']}：名义权重 {nominal:.2f}，实际权重 {effective:.2f}，相差超过 0.1；"
            "请检查该项是否拉不开差距或差距过大",
            f"peer group {row['peer_group']}: nominal weight {nominal:.2f}, effective {effective:.2f}, more than 0.1 "
            "apart; look at how far the part spreads the units",
        )


def no_discrimination(material: Material) -> Iterator[Finding]:
    """L17."""
    rows = (material.results or {}).get("unit_indicator")
    if rows is None:
        return
    shares = (
        rows.drop_nulls("score100")
        .group_by("indicator_id")
        .agg(n=pl.len(), full=(pl.col("score100") >= 100).sum())
        .sort("indicator_id")
    )
    for row in shares.filter(pl.col("full") * 100 > pl.col("n") * 80).iter_rows(named=True):
        yield Finding(
            "L17",
            "warning",
            f"indicators.entries.{row['indicator_id']}",
            f"上期 {row['n']} 个单位中 {row['full']} 个得满分，超过八成，指标已不能区分；请提高标杆值或更换指标",
            f"{row['full']} of {row['n']} units had full points in the last period, more than 80 %, so the indicator "
            "tells nobody apart; raise the benchmark or replace it",
        )
