"""Latent achievement: a window of years instead of one, and credit for those who laid the ground (method 3.3 C5)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import polars as pl

from scoring.anchored_points import with_cases
from scoring.exact import points_decimal, require_whole, wide
from scoring.sums import divide_half_up, raw_units
from scoring.tables import join_reasons

WINDOW_WEIGHTS = (1, 2, 3)
"""Weights of the years of the window, old to new; only their proportions count."""

_KEY = ("indicator_id", "org_id")


def latent_values(
    facts: pl.DataFrame,
    indicators: pl.DataFrame,
    *,
    years: Sequence[str],
    weights: Sequence[int] = WINDOW_WEIGHTS,
    min_observed_weight: Fraction = Fraction(1, 2),
) -> pl.DataFrame:
    """Value of a latent indicator over its window, and the value at the window's start as its baseline.

    ``p = sum_obs w_y v_y / sum_obs w_y`` over the years that have a value, rounded once half up to a
    millionth; missing years are reweighted and named. A year with too few cases is a missing year. The
    years left must carry ``min_observed_weight``: with one half, the newest year of the default window
    suffices and the oldest alone does not.

    Args:
        facts: indicator_id, org_id, period_id, value Decimal(18,6), and optionally denominator; rows of
            other periods are left out.
        indicators: indicator_id, and optionally min_cases.
        years: Periods of the window, old to new.
        weights: Weight of each of them, whole numbers above 0.
        min_observed_weight: Least share of the weight that is observed.

    Returns:
        indicator_id, org_id, value and baseline_value (Decimal(18,6); null when missing), n_years,
        reason_codes (``MISSING_YEAR``, ``TOO_FEW_YEARS``); sorted. ``value`` and ``baseline_value`` go to
        ``anchored_points`` as facts and baseline facts.

    Raises:
        ValueError: Years and weights do not fit, a weight is not above 0, or an organisation has two
            values of an indicator in one year.
    """
    if len(years) != len(weights) or len(set(years)) != len(years) or not years or min(weights) < 1:
        raise ValueError("every year of the window needs one weight above 0")
    window = facts.filter(pl.col("period_id").is_in(list(years))).drop_nulls("value")
    if window.select(*_KEY, "period_id").is_duplicated().any():
        raise ValueError("an organisation has two values of an indicator in one year")
    weight = pl.col("period_id").replace_strict(list(years), list(weights), return_dtype=pl.Int64)
    totals = (
        with_cases(window, indicators)
        .with_columns(weight=weight, units=wide(raw_units("value")))
        .group_by(_KEY)
        .agg(
            total=(pl.col("units") * pl.col("weight")).sum(),
            weight=pl.col("weight").sum(),
            n_years=pl.len().cast(pl.Int64),
            baseline_value=pl.col("value").filter(pl.col("period_id") == years[0]).first(),
        )
    )
    share = min_observed_weight
    enough = pl.col("weight") * share.denominator >= sum(weights) * share.numerator
    mean = divide_half_up(pl.col("total"), wide("weight")).cast(pl.Int64)
    reasons = join_reasons({"MISSING_YEAR": pl.col("n_years") < len(years), "TOO_FEW_YEARS": ~enough})
    value = points_decimal(pl.when(enough).then(mean)).alias("value")
    return totals.select(*_KEY, value, "baseline_value", "n_years", reasons).sort(_KEY)


def credit_shares(
    earned: pl.DataFrame, posts: pl.DataFrame, *, amount: str = "score100", by: Sequence[str] = _KEY
) -> pl.DataFrame:
    """Splits what a unit earned among its successive office holders by months in post.

    Largest remainder: everybody gets the whole part of ``amount * months / all months``, and the units
    left over go to the largest fractions, ties to the longer time in post and then to the smaller id; so
    the parts add up to the amount.

    Args:
        earned: The columns ``by``, which contain org_id, and ``amount`` (Int64, not negative; null is
            passed on as null to every holder); one row each.
        posts: org_id, holder_id, months (whole numbers in any unit, not negative); one row per holder
            and organisation. Months without a holder are not in the frame and earn nobody anything.
        amount: Name of the column to split.
        by: What a credit is identified by.

    Returns:
        The columns ``by``, holder_id, months and credit (Int64), sorted; credits of organisations
        without months in post are left out.

    Raises:
        ValueError: An amount or a number of months is negative, or a holder occurs twice.
        TypeError: Amounts or months are not whole numbers.
    """
    require_whole(earned, amount)
    require_whole(posts, "months")
    if posts.select("org_id", "holder_id").is_duplicated().any():
        raise ValueError("an office holder occurs twice in one organisation")
    if posts.filter(pl.col("months") < 0).height or earned.filter(pl.col(amount) < 0).height:
        raise ValueError("months and amounts are not negative")
    key = [*by]
    served = posts.select("org_id", "holder_id", pl.col("months").cast(pl.Int64)).filter(pl.col("months") > 0)
    rows = (
        earned.select(*key, amount)
        .join(served, on="org_id")
        .with_columns(all_months=wide("months").sum().over(key), product=wide(amount) * wide("months"))
        .with_columns(whole=pl.col("product") // pl.col("all_months"), rest=pl.col("product") % pl.col("all_months"))
        .sort(*key, "rest", "months", "holder_id", descending=[*(False for _ in key), True, True, False])
    )
    left_over = pl.col(amount).first() - pl.col("whole").sum()
    extra = (pl.int_range(pl.len()) < left_over).cast(pl.Int128).over(key)
    return rows.select(*key, "holder_id", "months", credit=(pl.col("whole") + extra).cast(pl.Int64)).sort(
        *key, "holder_id"
    )
