"""Facts to points on the ``cms`` scale: whole points for achievement and improvement (method 1.1).

After the US Hospital Value-Based Purchasing programme (42 CFR 412.160-412.165). Everything is exact:
values are whole numbers of 10^-6 and a rounded quotient is one floor division.
"""

from __future__ import annotations

import polars as pl

from scoring.sums import raw_units
from scoring.tables import UNIT_POINTS, join_reasons


def unit_points(
    facts: pl.DataFrame,
    baseline_facts: pl.DataFrame,
    anchors: pl.DataFrame,
    indicators: pl.DataFrame,
    organisations: pl.DataFrame,
    *,
    period_id: str,
    baseline_period: str | None,
) -> pl.DataFrame:
    """Points of every fact of the period.

    With ``p`` the value, ``b`` the unit's own baseline, ``T`` the threshold, ``B`` the benchmark, all
    with their sign turned where lower is better:

    - achievement: 10 if ``p >= B``; 0 if ``p < T``; else ``1 + floor(9 (p - T) / (B - T))``, which is the
      published ``round_half_up(9 (p - T) / (B - T) + 0.5)``;
    - improvement: null without ``b``; 0 if ``p <= b``; 9 if ``p >= B``; else ``floor(10 (p - b) / (B - b))``,
      the published ``round_half_up(10 (p - b) / (B - b) - 0.5)``;
    - points: the better of the two.

    A benchmark that is not beyond the threshold is merged with it at the stricter of the two and
    flagged ``ZERO_SPREAD``.

    Args:
        facts: indicator_id, org_id, value Decimal(18,6) of the period; null values are left out.
        baseline_facts: The same columns of the baseline period.
        anchors: indicator_id, peer_group (null: every group without anchors of its own),
            achievement_threshold, benchmark Decimal(18,6).
        indicators: indicator_id, direction (``higher_better`` or ``lower_better``).
        organisations: org_id, org_name, peer_group; facts of other organisations are left out.
        period_id: Period of the facts.
        baseline_period: Period of the baseline facts; None when there is none.

    Returns:
        ``tables.UNIT_POINTS``.

    Raises:
        ValueError: Two facts have the same indicator and organisation, or a fact names an
            indicator that is not in ``indicators``.
    """
    rows = _gathered(facts, baseline_facts, anchors, indicators, organisations)
    oriented = _oriented(rows)
    result = oriented.with_columns(achievement=_achievement(), improvement=_improvement()).with_columns(
        period_id=pl.lit(period_id),
        baseline_period=pl.when(pl.col("baseline_value").is_not_null()).then(pl.lit(baseline_period)),
        points=pl.max_horizontal("achievement", "improvement"),
        reason_codes=join_reasons(
            {
                "NO_ANCHORS": pl.col("benchmark").is_null(),
                "NO_BASELINE": pl.col("baseline_value").is_null(),
                "ZERO_SPREAD": pl.col("zero_spread"),
            }
        ),
    )
    return UNIT_POINTS.conform(result)


def _gathered(
    facts: pl.DataFrame,
    baseline_facts: pl.DataFrame,
    anchors: pl.DataFrame,
    indicators: pl.DataFrame,
    organisations: pl.DataFrame,
) -> pl.DataFrame:
    """One row per fact with its baseline, anchors, direction and organisation."""
    key = ["indicator_id", "org_id"]
    baseline = baseline_facts.select(*key, baseline_value="value")
    for part, frame in (("facts", facts), ("baseline facts", baseline)):
        if frame.select(key).is_duplicated().any():
            raise ValueError(f"{part}: an indicator has two values for one organisation")
    limits = ["achievement_threshold", "benchmark"]
    general = anchors.filter(pl.col("peer_group").is_null()).select(
        "indicator_id", *(pl.col(name).alias(f"general_{name}") for name in limits)
    )
    own = anchors.filter(pl.col("peer_group").is_not_null()).with_columns(has_own=True)
    rows = (
        facts.select(*key, "value")
        .drop_nulls("value")
        .join(organisations.select("org_id", "org_name", "peer_group"), on="org_id")
        .join(indicators.select("indicator_id", "direction"), on="indicator_id", how="left")
        .join(baseline, on=key, how="left")
        .join(own, on=["indicator_id", "peer_group"], how="left")
        .join(general, on="indicator_id", how="left")
    )
    unknown = rows.filter(pl.col("direction").is_null())["indicator_id"].unique().sort().to_list()
    if unknown:
        raise ValueError(f"facts name indicators without a direction: {', '.join(unknown)}")
    return rows.with_columns(pl.when("has_own").then(name).otherwise(f"general_{name}").alias(name) for name in limits)


def _oriented(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds p, b, T, B as whole numbers of 10^-6 for which higher is better; wide enough to multiply by 10."""
    sign = pl.when(pl.col("direction") == "lower_better").then(-1).otherwise(1).cast(pl.Int128)
    names = {"p": "value", "b": "baseline_value", "T": "achievement_threshold", "B": "benchmark"}
    return (
        rows.with_columns((sign * raw_units(column)).alias(name) for name, column in names.items())
        .with_columns(zero_spread=pl.col("B") <= pl.col("T"))
        .with_columns(pl.max_horizontal("T", "B").alias("B"))
        .with_columns(pl.when("zero_spread").then("B").otherwise("T").alias("T"))
    )


def _achievement() -> pl.Expr:
    p, threshold, benchmark = pl.col("p"), pl.col("T"), pl.col("B")
    between = 1 + _floor_divide(9 * (p - threshold), benchmark - threshold)
    return (
        pl.when(benchmark.is_null())
        .then(None)
        .when(p >= benchmark)
        .then(10)
        .when(p < threshold)
        .then(0)
        .otherwise(between)
    )


def _improvement() -> pl.Expr:
    p, baseline, benchmark = pl.col("p"), pl.col("b"), pl.col("B")
    between = _floor_divide(10 * (p - baseline), benchmark - baseline)
    return (
        pl.when(benchmark.is_null() | baseline.is_null())
        .then(None)
        .when(p <= baseline)
        .then(0)
        .when(p >= benchmark)
        .then(9)
        .otherwise(between)
    )


def _floor_divide(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Floor division where the denominator is positive, null elsewhere (those rows are decided before)."""
    return numerator // pl.when(denominator > 0).then(denominator)
