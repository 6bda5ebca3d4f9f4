"""What departments are rated, what they load on the grassroots and how they answer: one score (method A6)."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from scoring.composite import CompositeRules, composite, composite_se, standing
from scoring.exact import points_decimal, require_whole, weighted_mean
from scoring.tables import join_reasons
from scoring.tables.units import DEPARTMENT_COMPOSITE, DEPARTMENT_INDICATOR

DEPARTMENT_RULES = CompositeRules(
    {
        "reverse_rating_score": Fraction(50, 100),
        "burden_score": Fraction(25, 100),
        "response_score": Fraction(25, 100),
    }
)
"""The default of method A6."""


def fact_part_scores(indicator_scores: pl.DataFrame, indicator_weights: pl.DataFrame) -> pl.DataFrame:
    """Burden and response score of every department: weighted means of its indicators' scores.

    The scores come from ``anchored_points`` with the departments as organisations: burden indicators are
    lower_better, so one more imposition never earns a point, and improvement is measured on the
    department's own baseline.

    Args:
        indicator_scores: org_id (the department), indicator_id, score100 (Int64 millionths of a point,
            null when missing; missing ones are reweighted).
        indicator_weights: indicator_id, part (``burden`` or ``response``), weight (Int64, not negative).

    Returns:
        ratee_org_id, burden_score, response_score (Int64 millionths of a point), sorted; departments with
        at least one score.

    Raises:
        ValueError: A department has two scores of an indicator, an indicator has two weights, or a weight
            is negative.
        TypeError: The scores are not whole numbers.
    """
    if indicator_scores.select("org_id", "indicator_id").is_duplicated().any():
        raise ValueError("a department has two scores of an indicator")
    if indicator_weights["indicator_id"].is_duplicated().any() or indicator_weights.filter(pl.col("weight") < 0).height:
        raise ValueError("an indicator needs one weight that is not negative")
    require_whole(indicator_scores, "score100")
    rows = indicator_scores.select("indicator_id", "score100", ratee_org_id="org_id").join(
        indicator_weights, on="indicator_id"
    )
    means = rows.group_by("ratee_org_id", "part").agg(score=weighted_mean("score100", "weight"))
    return (
        means.group_by("ratee_org_id")
        .agg(
            pl.col("score").filter(pl.col("part") == part).first().alias(f"{part}_score")
            for part in ("burden", "response")
        )
        .sort("ratee_org_id")
    )


def department_indicators(
    points: pl.DataFrame, indicator_weights: pl.DataFrame, *, period_id: str, baseline_period: str | None
) -> pl.DataFrame:
    """The indicators a department's burden and response scores are made of.

    Args:
        points: See ``anchored_points``, with the departments as organisations, and numerator and denominator
            (Decimal(18,6)) of every value.
        indicator_weights: See ``fact_part_scores``.
        period_id: Period of the values.
        baseline_period: Period of the baseline values; None when there is none.

    Returns:
        ``tables.units.DEPARTMENT_INDICATOR``.
    """
    rows = points.join(indicator_weights, on="indicator_id").with_columns(
        *(points_decimal(name) for name in ("level", "improvement", "score100", "weight")),
        period_id=pl.lit(period_id),
        ratee_org_id="org_id",
        baseline_period=pl.when(pl.col("baseline_value").is_not_null()).then(pl.lit(baseline_period, pl.String)),
    )
    return DEPARTMENT_INDICATOR.conform(rows)


def department_composites(parts: pl.DataFrame, rules: CompositeRules, *, period_id: str) -> pl.DataFrame:
    """Composite of every department and its rank inside the peer group.

    ``.50`` reverse rating, ``.25`` burden and ``.25`` response by default; missing parts as in method 2.6, so
    without the reverse rating there is no composite.

    Args:
        parts: ratee_org_id, org_name, peer_group, reverse_rating_score, burden_score, response_score (Int64
            millionths of a point, null when missing), and optionally reverse_rating_se (points).
        rules: Weights of the three parts.
        period_id: Period of the parts.

    Returns:
        ``tables.units.DEPARTMENT_COMPOSITE``.

    Raises:
        ValueError: See ``composite``.
    """
    errors = {"reverse_rating_score": "reverse_rating_se"} if "reverse_rating_se" in parts.columns else {}
    scored = composite(parts, rules, name="composite_score").pipe(standing, "composite_score")
    exact = [name for name, dtype in DEPARTMENT_COMPOSITE.schema.items() if dtype == pl.Decimal(18, 6)]
    table = scored.with_columns(
        *(points_decimal(name) for name in exact),
        period_id=pl.lit(period_id),
        se=pl.when(pl.col("composite_score").is_not_null()).then(composite_se(errors, rules)),
        reason_codes=join_reasons(
            {
                "MISSING_PART": pl.col("MISSING_PART"),
                "LOW_COVERAGE": pl.col("LOW_COVERAGE"),
                "TOO_FEW_PARTS": pl.col("TOO_FEW_PARTS"),
                "NO_PEER_GROUP": pl.col("peer_group").is_null(),
            }
        ),
    )
    return DEPARTMENT_COMPOSITE.conform(table)
