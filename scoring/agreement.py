"""Agreement between raters: Krippendorff's alpha, intraclass correlations and r_wg (method 2.3).

A coefficient that the data leave undefined (no variation at all, too few ratings) is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]


def krippendorff_alpha(ratings: pl.DataFrame, level: Level) -> float:
    """Krippendorff's alpha ``1 - Do/De`` of any number of raters with any ratings missing.

    Ratings are counted by unit and value once, so the cost grows with units and values, not with
    pairs of raters. The coincidence of values ``c`` and ``k`` is
    ``o_ck = sum_u n_uc (n_uk - [c = k]) / (m_u - 1)`` over the units with ``m_u >= 2`` ratings.

    Args:
        ratings: unit_id (what was rated) and value (number; null where missing); one row per rating.
        level: Level of measurement, which sets the distance of two values.

    Returns:
        The coefficient; NaN when no unit has two ratings or all ratings are equal.

    Raises:
        ValueError: A value is negative at the ratio level.
    """
    counts = ratings.drop_nulls("value").group_by("unit_id", "value").agg(n=pl.len().cast(pl.Int64))
    paired = counts.filter(pl.col("n").sum().over("unit_id") > 1)
    if paired.is_empty():
        return math.nan
    values = paired["value"].unique().sort()
    if level == "ratio" and float(values[0]) < 0:
        raise ValueError("ratio data cannot be negative")
    coincidence = _coincidence(paired, values)
    margin = coincidence.sum(axis=1)
    distance = _distance(values.cast(pl.Float64).to_numpy(), margin, level)
    expected = float((np.outer(margin, margin) * distance).sum()) / (margin.sum() - 1)
    return float(1.0 - (coincidence * distance).sum() / expected) if expected > 0 else math.nan


def _coincidence(paired: pl.DataFrame, values: pl.Series) -> Floats:
    wide = (
        paired.with_columns(value=pl.col("value").rank("dense").cast(pl.Int64) - 1)
        .sort("unit_id", "value")
        .with_columns(unit=pl.col("unit_id").rank("dense").cast(pl.Int64) - 1)
    )
    units = int(wide["unit"].to_numpy().max()) + 1
    counts = np.zeros((units, len(values)))
    counts[wide["unit"].to_numpy(), wide["value"].to_numpy()] = wide["n"].to_numpy()
    scaled = counts / (counts.sum(axis=1) - 1)[:, None]
    return np.asarray(np.einsum("uc,uk->ck", counts, scaled) - np.diag(scaled.sum(axis=0)))


def _distance(values: Floats, margin: Floats, level: Level) -> Floats:
    """Squared distances of all pairs of values."""
    apart = values[:, None] - values
    if level == "nominal":
        return np.asarray(apart != 0, dtype=np.float64)
    if level == "interval":
        return np.asarray(apart**2)
    if level == "ratio":
        both = values[:, None] + values
        return np.asarray(np.divide(apart, both, out=np.zeros_like(apart), where=both > 0) ** 2)
    # Ordinal: the ratings between two values, both ends counted by half.
    below = np.cumsum(margin) - margin / 2
    return np.asarray((below[:, None] - below) ** 2)


@dataclass(frozen=True)
class IntraclassCorrelations:
    """The six coefficients of Shrout and Fleiss (1979); ``k`` marks the mean of all raters.

    1: each subject has raters of its own; 2: the raters are a sample of raters; 3: they are all there are.
    """

    icc1: float
    icc2: float
    icc3: float
    icc1k: float
    icc2k: float
    icc3k: float


def intraclass_correlations(table: Floats) -> IntraclassCorrelations:
    """Intraclass correlations from the mean squares of a complete table.

    Args:
        table: Subjects x raters (n x k), nothing missing.

    Raises:
        ValueError: There are fewer than two subjects or raters, or a rating is missing.
    """
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("a complete table of at least two subjects and two raters is needed")
    n, k = table.shape
    grand = float(table.mean())
    subjects = k * float(((table.mean(axis=1) - grand) ** 2).sum())
    raters = n * float(((table.mean(axis=0) - grand) ** 2).sum())
    everything = float(((table - grand) ** 2).sum())
    between = subjects / (n - 1)
    within = (everything - subjects) / (n * (k - 1))
    judges = raters / (k - 1)
    error = (everything - subjects - raters) / ((n - 1) * (k - 1))
    return IntraclassCorrelations(
        icc1=_quotient(between - within, between + (k - 1) * within),
        icc2=_quotient(between - error, between + (k - 1) * error + k * (judges - error) / n),
        icc3=_quotient(between - error, between + (k - 1) * error),
        icc1k=_quotient(between - within, between),
        icc2k=_quotient(between - error, between + (judges - error) / n),
        icc3k=_quotient(between - error, between),
    )


def _quotient(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.nan


def r_wg(ratings: pl.DataFrame, options: int) -> pl.DataFrame:
    """Agreement inside each group on one item, r_wg (James, Demaree and Wolf 1984).

    ``r_wg = 1 - s^2 / ((K^2 - 1)/12)``, the variance over that of uniformly random answers, not below 0. Sums
    are of whole numbers, so the result does not depend on the order of rows.

    Args:
        ratings: group_id and value (whole numbers 1 to ``options``, or any other unit steps); nulls do not count.
        options: Answer options ``K`` of the item.

    Returns:
        group_id, n (Int64), r_wg (Float64; null for fewer than two ratings), sorted by group_id.

    Raises:
        ValueError: There are fewer than two options.
    """
    if options < 2:
        raise ValueError("agreement needs at least two answer options")
    value, n = pl.col("value").cast(pl.Int64), pl.col("n")
    squares = n * pl.col("squares") - pl.col("sum") ** 2
    share = 12 * squares / (n * (n - 1) * (options**2 - 1))
    return (
        ratings.drop_nulls("value")
        .group_by("group_id")
        .agg(n=pl.len().cast(pl.Int64), sum=value.sum(), squares=(value * value).sum())
        .sort("group_id")
        .select("group_id", "n", r_wg=pl.when(n > 1).then(pl.max_horizontal(1 - share, pl.lit(0.0))))
    )
