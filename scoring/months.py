"""Months as whole millionths, and what a unit merged or created within the year is worth (method 3.8)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scoring.sums import RAW_SCALE, divide_half_up


def month_position(day: pl.Expr) -> pl.Expr:
    """The start of a day as Int64 millionths of a month, counted from year 0.

    Differences of positions add up exactly over any chain of days, so the months of the parts of a year
    are always the months of the year: a calendar year is 12,000,000 and the half from 1 July 6,000,000.
    """
    whole = (day.dt.year().cast(pl.Int64) * 12 + day.dt.month() - 1) * RAW_SCALE
    passed = (day.dt.day().cast(pl.Int64) - 1) * RAW_SCALE
    return whole + divide_half_up(passed, day.dt.days_in_month().cast(pl.Int64))


def months_between(first: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Months from one day to another, the end excluded, in millionths; 0 where the end is not later."""
    return pl.max_horizontal(month_position(end) - month_position(first), pl.lit(0, pl.Int64))


def months_weighted(values: pl.DataFrame, lineage: pl.DataFrame, *, value: str, by: Sequence[str] = ()) -> pl.DataFrame:
    """Values of organisations from the values of what they were made of, weighted by share and months (method 3.8).

    ``v = sum(share_p months_p v_p) / sum(share_p months_p)`` over the parts ``p`` that have a value, rounded
    half up once. An organisation that existed unchanged is its own only part and keeps its value.

    Args:
        values: org_id, the columns ``by`` and ``value`` (Int64, any unit); null values are left out.
        lineage: ``frame.Frame.lineage``: org_id, part_org_id, share and months (Int64 millionths).
        value: Name of the column to weigh.
        by: Further columns the values are separate for, such as ``indicator_id``.

    Returns:
        org_id, ``by``, ``value`` and ``observed_share`` (Int64 millionths: share of the months whose value was
        there), sorted; organisations without any value are left out.

    Raises:
        ValueError: An organisation has two values for the same ``by``.
    """
    key = ["org_id", *by]
    given = values.select(*key, value).drop_nulls(value)
    if given.select(key).is_duplicated().any():
        raise ValueError(f"two values of {value} for the same {', '.join(key)}")
    weight = (pl.col("share").cast(pl.Int128) * pl.col("months")).alias("weight")
    parts = lineage.select("org_id", "part_org_id", weight).with_columns(whole=pl.col("weight").sum().over("org_id"))
    weighed = (
        parts.join(given.rename({"org_id": "part_org_id"}), on="part_org_id")
        .group_by(key)
        .agg(
            total=(pl.col("weight") * pl.col(value)).sum(),
            observed=pl.col("weight").sum(),
            whole=pl.col("whole").first(),
        )
        .filter(pl.col("observed") > 0)
    )
    return weighed.select(
        *key,
        divide_half_up(pl.col("total"), pl.col("observed")).cast(pl.Int64).alias(value),
        observed_share=divide_half_up(pl.col("observed") * RAW_SCALE, pl.col("whole")).cast(pl.Int64),
    ).sort(key)
