"""Ranks and tiers inside the peer group: fixed cut-offs, a quota for tier A and its ties (method 3.6 F2).

Ranks and ties are those of whole micropoints, so nothing that is rounded for a page decides a tier.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import polars as pl

from scoring.exact import POINT

Tier = Literal["A", "B", "C", "D"]

TIERS: tuple[Tier, ...] = ("A", "B", "C", "D")
"""From the best to the last; as text a later tier sorts after a better one."""


@dataclass(frozen=True)
class TierRules:
    """Cut-offs in micropoints, the quota of tier A as a share of the group, and the caps.

    ``without_satisfaction`` is the best tier of a unit whose satisfaction is missing.
    """

    cut_off_a: int = 85 * POINT
    cut_off_b: int = 75 * POINT
    cut_off_c: int = 60 * POINT
    quota: Fraction = Fraction(1, 5)
    min_probability: Fraction = Fraction(1, 2)
    without_satisfaction: Tier = "B"

    def __post_init__(self) -> None:
        """ValueError when the cut-offs do not fall or a share is outside 0 to 1."""
        if not self.cut_off_a >= self.cut_off_b >= self.cut_off_c:
            raise ValueError("the cut-offs of the tiers must not rise from A to C")
        if not (0 <= self.quota <= 1 and 0 <= self.min_probability <= 1):
            raise ValueError("the quota and the probability are shares from 0 to 1")


def tiers(units: pl.DataFrame, rules: TierRules) -> pl.DataFrame:
    """Ranks every unit inside its peer group and puts it in a tier.

    A needs the cut-off, a place within the quota and ``P(true rank within quota) >= min_probability``;
    a unit that misses one of them is B. With ``m`` units at or above a score and ``r`` its rank, the
    score is within the quota if ``m <= places``, or if ``r <= places`` and ``m <= places + 1``: tied units
    share the better tier where that exceeds the quota by one unit at most, otherwise the lower one.
    ``places`` is the whole number in ``quota`` times the units of the group with a score, so that the
    quota is not exceeded, and the same as in ``ranks.rank_summary``, where the probability comes from.

    Args:
        units: org_id, peer_group, incentive_score (Int64 micropoints, nullable), p_within_quota
            (Float64; null where the error of the scores is not known: then the rank alone decides),
            has_satisfaction and pooled_periods (Boolean; the latter says that the probability pools
            the last periods because the unit has few respondents); each unit once.
        rules: Cut-offs, quota and caps.

    Returns:
        ``units`` with rank (min rank; null without a score or a group), tier_uncapped, tier and the
        Boolean reasons NO_SCORE, NO_PEER_GROUP, OUTSIDE_QUOTA, RANK_NOT_CERTAIN,
        RANK_PROBABILITY_UNKNOWN, CAPPED_NO_SATISFACTION and POOLED_PERIODS.

    Raises:
        TypeError: The scores are not whole numbers.
        ValueError: A probability is not between 0 and 1, or a unit occurs twice.
    """
    _check_units(units)
    score, group = pl.col("incentive_score"), pl.col("peer_group")
    scored = pl.when(group.is_not_null()).then(score)
    ranked = units.with_columns(
        rank=scored.rank("min", descending=True).over("peer_group").cast(pl.Int64),
        at_or_above=scored.rank("max", descending=True).over("peer_group").cast(pl.Int64),
        places=(scored.count().over("peer_group").cast(pl.Int64) * rules.quota.numerator) // rules.quota.denominator,
    )
    probability = pl.col("p_within_quota")
    return (
        ranked.with_columns(_within_quota().alias("within_quota"), candidate=scored >= rules.cut_off_a)
        .with_columns(
            NO_SCORE=score.is_null(),
            NO_PEER_GROUP=group.is_null(),
            OUTSIDE_QUOTA=pl.col("candidate") & ~pl.col("within_quota"),
            RANK_NOT_CERTAIN=pl.col("candidate")
            & pl.col("within_quota")
            & (probability < float(rules.min_probability)).fill_null(value=False),
            RANK_PROBABILITY_UNKNOWN=pl.col("candidate") & pl.col("within_quota") & probability.is_null(),
            POOLED_PERIODS=pl.col("pooled_periods").fill_null(value=False),
        )
        .with_columns(_tier(scored, rules).alias("tier_uncapped"))
        .pipe(_capped_without_satisfaction, rules)
        .drop("at_or_above", "places", "within_quota", "candidate")
    )


def _check_units(units: pl.DataFrame) -> None:
    if units.schema["incentive_score"] != pl.Int64():
        raise TypeError(f"incentive_score must be whole micropoints, not {units.schema['incentive_score']}")
    if units["org_id"].is_duplicated().any():
        raise ValueError("a unit occurs twice")
    probability = units["p_within_quota"].drop_nulls()
    if not probability.is_between(0, 1).all():
        raise ValueError("p_within_quota must lie between 0 and 1")


def _within_quota() -> pl.Expr:
    at_or_above, available = pl.col("at_or_above"), pl.col("places")
    shared = (pl.col("rank") <= available) & (at_or_above <= available + 1)
    return (at_or_above <= available) | shared


def _tier(score: pl.Expr, rules: TierRules) -> pl.Expr:
    best = pl.col("candidate") & ~pl.col("OUTSIDE_QUOTA") & ~pl.col("RANK_NOT_CERTAIN")
    return (
        pl.when(score.is_null())
        .then(None)
        .when(best)
        .then(pl.lit("A"))
        .when(score >= rules.cut_off_b)
        .then(pl.lit("B"))
        .when(score >= rules.cut_off_c)
        .then(pl.lit("C"))
        .otherwise(pl.lit("D"))
    )


def capped(tier: str | pl.Expr, cap: Tier) -> pl.Expr:
    """A tier, but not better than ``cap``; null stays null."""
    expression = pl.col(tier) if isinstance(tier, str) else tier
    # The letters of the tiers sort from the best to the last.
    return pl.when(expression < cap).then(pl.lit(cap)).otherwise(expression)


def _capped_without_satisfaction(units: pl.DataFrame, rules: TierRules) -> pl.DataFrame:
    missing = ~pl.col("has_satisfaction").fill_null(value=False)
    lower = pl.when(missing).then(capped("tier_uncapped", rules.without_satisfaction)).otherwise("tier_uncapped")
    return units.with_columns(tier=lower).with_columns(
        CAPPED_NO_SATISFACTION=pl.col("tier").ne_missing(pl.col("tier_uncapped"))
    )


def small_units(units: pl.DataFrame) -> pl.DataFrame:
    """Units whose last periods are pooled, because they have few respondents for their group (method 3.6 F2).

    Few is fewer than the group's lower quartile: the smallest number that at least a quarter of the
    group's units with a survey do not exceed.

    Args:
        units: org_id, peer_group, n_respondents (whole number, null without a survey).

    Returns:
        org_id, pooled_periods (Boolean), in the order given.
    """
    n, group = pl.col("n_respondents"), "peer_group"
    share_at_or_below = n.rank("max").over(group) * 4 >= n.count().over(group)
    quartile = pl.when(share_at_or_below).then(n).min().over(group)
    return units.select("org_id", pooled_periods=(n < quartile).fill_null(value=False))
