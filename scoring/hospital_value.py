"""From points to a total the way US Hospital Value-Based Purchasing does it (method 1.1).

The programme the ``cms`` scale comes from publishes every figure on the way, so these functions,
with ``points.unit_points`` before them, are the check of the scale against somebody else's answers
(42 CFR 412.160-412.167). Domain scores are whole numbers of 1/27,720 point, in which a mean of up to
twelve measures is exact; totals are rounded once, to the 10^-12 points the programme prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import polars as pl

from scoring.exact import millionths, round_half_up, wide
from scoring.sums import divide_half_up, raw_units

DOMAIN_UNITS = 27_720
"""Units in one point of a domain score: the least number every count of measures up to 12 divides."""

PRINTED_UNITS = 10**12
"""Units in one point of a total score and of a published domain score."""

_MAX_CONSISTENCY = 20
_MAX_POINTS = 10
_MAX_MEASURES = 12


def consistency_points(dimensions: pl.DataFrame) -> pl.DataFrame:
    """0 to 20 points for not neglecting any dimension: the lowest dimension decides.

    ``lo = min_d (p_d - floor_d) / (T_d - floor_d)``; 20 if ``lo >= 1``, 0 if ``lo < 0``, else
    ``round_half_up(20 lo - 0.5) = floor(20 lo)``, which is the least of the dimensions' own floors.

    Args:
        dimensions: org_id, value, floor, achievement_threshold, each Decimal(18,6); one row per
            organisation and dimension, higher is better, and every threshold above its floor.

    Returns:
        org_id, consistency_points (Int64); null where a value is missing.

    Raises:
        ValueError: A threshold is not above its floor.
    """
    height = wide(raw_units("achievement_threshold")) - wide(raw_units("floor"))
    rise = wide(raw_units("value")) - wide(raw_units("floor"))
    if dimensions.filter(height <= 0).height:
        raise ValueError("an achievement threshold is not above its floor")
    points = ((_MAX_CONSISTENCY * rise) // height).clip(0, _MAX_CONSISTENCY).cast(pl.Int64)
    complete = pl.col("points").is_not_null().all()
    return (
        dimensions.select("org_id", points=points)
        .group_by("org_id")
        .agg(consistency_points=pl.when(complete).then(pl.col("points").min()))
        .sort("org_id")
    )


def patient_domain(dimensions: pl.DataFrame, dimension_points: pl.DataFrame) -> pl.DataFrame:
    """Base points, consistency points and their sum, the score of the patient domain.

    Args:
        dimensions: See ``consistency_points``.
        dimension_points: org_id, points (whole, 0 to 10), one row per organisation and dimension.

    Returns:
        org_id, base_points, consistency_points, domain_score (1/27,720 point), sorted; null where a
        dimension has no points or no value.
    """
    complete = pl.col("points").is_not_null().all()
    base = dimension_points.group_by("org_id").agg(base_points=pl.when(complete).then(pl.col("points").sum()))
    return (
        base.join(consistency_points(dimensions), on="org_id", how="left")
        .with_columns(domain_score=(pl.col("base_points") + pl.col("consistency_points")) * DOMAIN_UNITS)
        .sort("org_id")
    )


def domain_scores(points: pl.DataFrame, min_measures: Mapping[str, int]) -> pl.DataFrame:
    """``100 * points / (10 * number of scored measures)`` per organisation and domain.

    Args:
        points: org_id, domain, points (whole, 0 to 10, null when the measure is not scored).
        min_measures: Domain to the fewest scored measures it is scored from.

    Returns:
        org_id, domain, n_measures, domain_score (Int64, 1/27,720 point; null below the minimum), sorted.

    Raises:
        ValueError: A domain has no minimum, or an organisation has more than twelve measures in one.
    """
    unknown = sorted(set(points["domain"].to_list()) - set(min_measures))
    if unknown:
        raise ValueError(f"no minimum number of measures for {', '.join(unknown)}")
    least = pl.col("domain").replace_strict(min_measures, return_dtype=pl.Int64).clip(lower_bound=1)
    sums = points.group_by("org_id", "domain").agg(
        sum_points=pl.col("points").sum(), n_measures=pl.col("points").count().cast(pl.Int64)
    )
    if sums.filter(pl.col("n_measures") > _MAX_MEASURES).height:
        raise ValueError(f"a domain has more than {_MAX_MEASURES} measures")
    scored = pl.when(pl.col("n_measures") >= least).then("n_measures")
    score = 100 * DOMAIN_UNITS * pl.col("sum_points") // (_MAX_POINTS * scored)
    return sums.select("org_id", "domain", "n_measures", domain_score=score).sort("org_id", "domain")


def printed_score(column: str) -> pl.Expr:
    """A domain score (1/27,720 point) as the programme prints it: 10^-12 points, rounded half up."""
    return divide_half_up(wide(column) * PRINTED_UNITS, pl.lit(DOMAIN_UNITS)).cast(pl.Int64).alias(column)


def total_scores(domains: pl.DataFrame, weights: Mapping[str, Fraction], *, min_domains: int = 3) -> pl.DataFrame:
    """Total performance score: the weighted mean of the scored domains, weights divided by their sum.

    Published example: with weights 10, 25 and 40 of 75 observed, the domains weigh 13.3, 33.3 and 53.3.

    Args:
        domains: org_id, domain, domain_score (1/27,720 point, null when not scored).
        weights: Domain to its nominal weight, at most six decimal places.
        min_domains: Fewest scored domains for a total.

    Returns:
        org_id, n_domains, total_score (Int64, 10^-12 points; null below the minimum), sorted.
    """
    whole = {domain: millionths(weight) for domain, weight in weights.items()}
    weight = pl.when(pl.col("domain_score").is_not_null()).then(wide("weight"))
    total = weight.sum()
    weighted = (weight * pl.col("domain_score") * PRINTED_UNITS).sum()
    score = divide_half_up(weighted, pl.when(total > 0).then(total * DOMAIN_UNITS)).cast(pl.Int64)
    return (
        domains.with_columns(weight=pl.col("domain").replace_strict(whole, return_dtype=pl.Int64))
        .group_by("org_id")
        .agg(n_domains=pl.col("domain_score").count().cast(pl.Int64), total_score=score)
        .with_columns(total_score=pl.when(pl.col("n_domains") >= min_domains).then("total_score"))
        .sort("org_id")
    )


def exchange_slope(scores: pl.DataFrame) -> Fraction:
    """The one number that makes the payments equal the pool (42 CFR 412.162).

    ``slope = sum(base) / sum(base * score / 100)``.

    Args:
        scores: base (whole money, not negative), total_score (10^-12 points); no nulls.

    Returns:
        The slope, exactly.

    Raises:
        ValueError: No organisation with a base has a score above 0.
    """
    weighted = scores.select((wide("base") * wide("total_score")).sum()).item()
    if not weighted:
        raise ValueError("all scores are 0, so no slope spends the pool")
    return Fraction(int(scores["base"].sum()) * 100 * PRINTED_UNITS, int(weighted))


def adjustment_factor(total_score: int, slope: Fraction, applicable_share: Fraction) -> int:
    """What a payment is multiplied by: ``1 + applicable * score / 100 * slope - applicable``, in 10^-12."""
    earned = applicable_share * Fraction(total_score, 100 * PRINTED_UNITS) * slope
    return round_half_up((1 + earned - applicable_share) * 10**12)
