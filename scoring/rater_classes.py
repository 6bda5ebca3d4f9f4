"""Classes of raters and channels of ballots: fixed effects of the model, and class weights (method 3.1 A4, A5)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scoring.sums import RAW_SCALE, divide_half_up

OTHER = "other"
"""Class of a unit whose kind no class names; it weighs 1."""


def with_rater_class(
    cells: pl.DataFrame, units: pl.DataFrame, classes: Sequence[tuple[str, Sequence[str], int]]
) -> pl.DataFrame:
    """Adds the class of each voter's unit and multiplies the weight by the class weight omega.

    Args:
        cells: See ``sums.voter_cells``.
        units: rater_org_id, org_kind of the units that may rate.
        classes: Name, kinds of organisation (empty: every kind) and weight in millionths; the first that
            fits counts. None at all: every class weighs 1.

    Returns:
        The cells with rater_class, in the same order; cells whose class weighs 0 are left out.
    """
    found = pl.lit(OTHER)
    weight = pl.lit(RAW_SCALE, pl.Int64)
    for name, kinds, omega in reversed(classes):
        fits = pl.col("org_kind").is_in(list(kinds)).fill_null(value=False) if kinds else pl.lit(value=True)
        found = pl.when(fits).then(pl.lit(name)).otherwise(found)
        weight = pl.when(fits).then(pl.lit(omega, pl.Int64)).otherwise(weight)
    kinds_of = units.select("rater_org_id", "org_kind")
    rows = cells.join(kinds_of, on="rater_org_id", how="left", maintain_order="left").with_columns(
        rater_class=found, weight=divide_half_up(pl.col("weight") * weight, pl.lit(RAW_SCALE, pl.Int64))
    )
    return rows.filter(pl.col("weight") > 0).drop("org_kind")


def channel_counts(ratings: pl.LazyFrame) -> pl.DataFrame:
    """How many answers each rater gave through each channel.

    Args:
        ratings: Current rows of rating_event of one period: rater_id, rater_org_id, channel, status.

    Returns:
        rater_id, rater_org_id, channel, n; sorted. Rows without a channel count as ``unknown``.
    """
    key = ["rater_id", "rater_org_id", "channel"]
    return (
        ratings.filter(pl.col("status") == "answered")
        .with_columns(pl.col("channel").fill_null("unknown"))
        .group_by(key)
        .agg(n=pl.len().cast(pl.Int64))
        .sort(key)
        .collect(engine="streaming")
    )


def with_channel(cells: pl.DataFrame, counts: pl.DataFrame, *, voter: str) -> pl.DataFrame:
    """Adds the channel most of a voter's answers came through; of equals the first by name.

    Args:
        cells: See ``sums.voter_cells``.
        counts: See ``channel_counts``.
        voter: The column of ``counts`` that identifies a voter: ``rater_id`` or ``rater_org_id``.

    Returns:
        The cells with ``channel``, in the same order.
    """
    main = (
        counts.group_by(voter, "channel")
        .agg(pl.col("n").sum())
        .sort([voter, "n", "channel"], descending=[False, True, False])
        .unique(voter, keep="first", maintain_order=True)
        .select("channel", voter_id=voter)
    )
    rows = cells.join(main, on="voter_id", how="left", maintain_order="left")
    return rows.with_columns(pl.col("channel").fill_null("unknown"))
