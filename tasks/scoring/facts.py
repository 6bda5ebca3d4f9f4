"""Facts of one period out of those that were read, and what their values were counted from."""

from __future__ import annotations

import polars as pl


def facts_of(facts: pl.DataFrame, period_id: str | None) -> pl.DataFrame:
    """indicator_id, org_id, value, denominator of one period; none for None."""
    rows = facts.filter(pl.col("period_id") == (period_id or "")).drop("period_id")
    return rows.select("indicator_id", "org_id", "value", pl.col("denominator").cast(pl.Decimal(18, 6)))


def with_counts(points: pl.DataFrame, facts: pl.DataFrame, period_id: str) -> pl.DataFrame:
    """The points with numerator and denominator of the fact a value was taken from.

    Empty where the value is no single fact's as delivered: a window of years, a unit made of others, a corrected
    value.

    Args:
        points: indicator_id, org_id, value and more.
        facts: indicator_id, org_id, period_id, value, numerator, denominator as delivered.
        period_id: Period of the points.
    """
    key = ["indicator_id", "org_id", "value"]
    exact = pl.Decimal(18, 6)
    counted = facts.filter(pl.col("period_id") == period_id).select(
        *key, pl.col("numerator", "denominator").cast(exact)
    )
    return points.drop("numerator", "denominator", strict=False).join(
        counted, on=key, how="left", maintain_order="left"
    )
