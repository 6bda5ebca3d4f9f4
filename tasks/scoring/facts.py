"""Facts of one period out of those that were read."""

from __future__ import annotations

import polars as pl


def facts_of(facts: pl.DataFrame, period_id: str | None) -> pl.DataFrame:
    """indicator_id, org_id, value, denominator of one period; none for None."""
    rows = facts.filter(pl.col("period_id") == (period_id or "")).drop("period_id")
    return rows.select("indicator_id", "org_id", "value", pl.col("denominator").cast(pl.Decimal(18, 6)))
