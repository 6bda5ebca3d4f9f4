"""Satisfaction means by organisation and item, straight from the integer sums of the answers."""

from __future__ import annotations

import polars as pl

from scoring.exact import points_decimal
from scoring.sums import RAW_SCALE, VALUE_SCALE
from scoring.tables import SATISFACTION_MEAN, join_reasons


def satisfaction_means(
    answer_sums: pl.DataFrame, items: pl.DataFrame, organisations: pl.DataFrame, *, period_id: str
) -> pl.DataFrame:
    """Counts and means of every organisation and item; don't-know answers are counted, never averaged.

    Args:
        answer_sums: See ``sums.answer_sums``.
        items: instrument_id, instrument_version, item_id, dimension, scale_min; where an item has
            several versions, the greatest describes it.
        organisations: org_id, org_name, peer_group; answers about others are left out.
        period_id: Period of the answers.

    Returns:
        ``tables.SATISFACTION_MEAN``.
    """
    answered = pl.when(pl.col("n_answered") > 0).then("n_answered")
    has_weight = pl.when(pl.col("sum_weight") > 0).then(pl.col("sum_weight").cast(pl.Float64))
    # A text item is answered without a score, so it has counts and no mean on 0-100.
    valued = pl.col("has_scale")
    described = items.sort("instrument_version").unique(["instrument_id", "item_id"], keep="last")
    rows = (
        answer_sums.join(organisations.select("org_id", "org_name", "peer_group"), on="org_id")
        .join(
            described.select("instrument_id", "item_id", "dimension", has_scale=pl.col("scale_min").is_not_null()),
            on=["instrument_id", "item_id"],
            how="left",
        )
        .with_columns(
            period_id=pl.lit(period_id),
            sum_score=points_decimal("sum_score"),
            mean_score=pl.col("sum_score") / (answered * RAW_SCALE),
            mean_0_100=pl.when(valued).then(pl.col("sum_value") / (answered * VALUE_SCALE)),
            mean_weighted=pl.col("sum_weighted_score").cast(pl.Float64) / has_weight / RAW_SCALE,
            mean_weighted_0_100=pl.when(valued).then(
                pl.col("sum_weighted_value").cast(pl.Float64) / has_weight / VALUE_SCALE
            ),
            reason_codes=join_reasons({"NO_ANSWERS": pl.col("n_answered") == 0}),
        )
    )
    return SATISFACTION_MEAN.conform(rows)
