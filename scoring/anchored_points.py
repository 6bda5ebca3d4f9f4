"""Facts to points on the ``anchored`` scale, 0 to 100 (method 3.3 C3 and C4), and satisfaction on the same scale.

Level is piecewise linear through four stored anchors of the peer group, improvement measures how much
of the own gap to the benchmark was closed, and the better counts. Values are whole millionths of their
unit, points whole millionths of a point, and each is rounded once, half up.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import polars as pl

from scoring.exact import FULL_SCORE, POINT, points_decimal, require_whole, wide
from scoring.sums import divide_half_up, raw_units
from scoring.tables import join_reasons
from scoring.tables.units import UNIT_INDICATOR

ANCHORS = ("minimum", "floor", "achievement_threshold", "benchmark")
"""The anchors of a peer group from the worst value to the best."""

ANCHOR_POINTS = (0, 60 * POINT, 75 * POINT, FULL_SCORE)
"""What each anchor earns."""

_ORIENTED = ("m", "F", "T", "B")
_KEY = ("indicator_id", "org_id")


def anchored_points(
    facts: pl.DataFrame,
    baseline_facts: pl.DataFrame,
    anchors: pl.DataFrame,
    indicators: pl.DataFrame,
    organisations: pl.DataFrame,
) -> pl.DataFrame:
    """Level, improvement and score of every fact of the period.

    With ``p`` the value, ``b`` the unit's own baseline and ``m, F, T, B`` the anchors, all with their
    sign turned where lower is better, and each anchor raised to the one before it where it is lower:

    - level: 0 for ``p < m``, piecewise linear through ``(m, 0), (F, 60), (T, 75), (B, 100)``, 100 for
      ``p >= B``;
    - improvement: with ``u = clip((p - b) / (B - b), 0, 1)``, ``60 min(1, u/.1) + 30 max(0, (u - .1)/.9)``;
      null without ``b``, where ``b >= B`` (nothing left to improve) and for a unit created or merged
      in the period;
    - score100: the better of the two.

    Reasons: ``NO_VALUE``; ``TOO_FEW_CASES`` where the denominator is 0 or below the indicator's
    ``min_cases`` (such a baseline counts as none); ``NO_ANCHORS`` where one of the four is missing;
    ``REPORT_ONLY`` (level and improvement are shown, the score is null); ``ZERO_SPREAD`` where
    ``T <= F`` or ``B <= T``; ``NO_BASELINE``; ``UNIT_CHANGED``; ``NO_DISCRIMINATION`` where every one
    of at least two scored units of the peer group has full points.

    Args:
        facts: indicator_id, org_id, value Decimal(18,6) of the period, and optionally denominator
            (Decimal(18,6), null when the value is not a rate) and se (Float64, standard error of the
            value in its unit, as ``shrinkage`` gives it; null when it was counted without error).
        baseline_facts: The same columns of the baseline period.
        anchors: indicator_id, peer_group (null: every group without anchors of its own), minimum,
            floor, achievement_threshold, benchmark Decimal(18,6), and optionally report_only.
        indicators: indicator_id, direction (``higher_better`` or ``lower_better``), and optionally
            min_cases (whole number, null for none).
        organisations: org_id, org_name, peer_group, and optionally changed (created or merged in the
            period); facts of other organisations are left out.

    Returns:
        indicator_id, org_id, org_name, peer_group, value, baseline_value, the anchors, level,
        improvement, score100, score100_se (Int64 millionths of a point), reason_codes; sorted by
        indicator and organisation. ``score100_se`` is ``se`` times the local slope of whichever of level
        and improvement counts, the steeper where both do; null without ``se``.

    Raises:
        ValueError: Two facts have the same indicator and organisation, or a fact names an indicator
            that is not in ``indicators``.
    """
    rows = _oriented(_gathered(facts, baseline_facts, anchors, indicators, organisations))
    scored = rows.with_columns(
        level=pl.when("usable").then(level_points("p", _ORIENTED)),
        improvement=pl.when(pl.col("usable") & ~pl.col("changed")).then(_improvement()),
    ).with_columns(score100=pl.when(~pl.col("report_only")).then(pl.max_horizontal("level", "improvement")))
    return _with_reasons(scored.with_columns(score100_se=_score_error())).sort(_KEY)


_OPTIONAL: Mapping[str, pl.DataType] = {
    "achievement_kind": pl.String(),
    "track": pl.String(),
    "nature": pl.String(),
    "weight": pl.Int64(),
    "baseline_period": pl.String(),
    "numerator": pl.Decimal(18, 6),
    "denominator": pl.Decimal(18, 6),
}


def unit_indicators(points: pl.DataFrame, *, period_id: str, baseline_period: str | None) -> pl.DataFrame:
    """The rows of ``anchored_points`` as ``tables.units.UNIT_INDICATOR``.

    Args:
        points: See ``anchored_points``; adjusted scores may have replaced ``score100``. Optionally what the
            indicator is (achievement_kind, track, nature), its weight (Int64 millionths), what the value was
            counted from (numerator, denominator), and a baseline_period of its own.
        period_id: Period of the facts.
        baseline_period: Period of the baseline facts; None when there is none.
    """
    absent = [name for name in _OPTIONAL if name not in points.columns]
    rows = points.with_columns(pl.lit(None, _OPTIONAL[name]).alias(name) for name in absent)
    baseline = pl.coalesce("baseline_period", pl.lit(baseline_period, pl.String))
    return UNIT_INDICATOR.conform(
        rows.with_columns(
            *(points_decimal(name) for name in ("level", "improvement", "score100", "weight")),
            period_id=pl.lit(period_id),
            baseline_period=pl.when(pl.col("baseline_value").is_not_null()).then(baseline),
        )
    )


def cms_score100(points: str | pl.Expr = "points") -> pl.Expr:
    """Points of the ``cms`` scale (0 to 10) as ``score100``, ten points for one, in millionths of a point."""
    expression = pl.col(points) if isinstance(points, str) else points
    return (expression * (10 * POINT)).cast(pl.Int64).alias("score100")


def satisfaction_scores(satisfaction: pl.DataFrame, anchors: pl.DataFrame) -> pl.DataFrame:
    """Satisfaction means on the anchors of their peer group, so that they share a scale with results (method B4).

    The standard error is the one of the mean times the local slope of the level; at an anchor the
    steeper of the two sides counts. From the benchmark on and below the minimum the slope is 0.

    Args:
        satisfaction: org_id, peer_group, satisfaction_mean (Int64 millionths of a point, null when
            missing), eb_se (points, null when unknown).
        anchors: peer_group (null: every group without anchors of its own) and the four anchors,
            Decimal(18,6) on the 0-100 scale of the means.

    Returns:
        org_id, satisfaction_score (Int64 millionths of a point), satisfaction_se (points), and
        NO_ANCHORS and ZERO_SPREAD (whether the reason holds), in the order given.

    Raises:
        ValueError: A peer group has two sets of anchors.
        TypeError: The means are not whole numbers.
    """
    require_whole(satisfaction, "satisfaction_mean")
    one = pl.lit("satisfaction").alias("indicator_id")
    rows = _with_anchors(satisfaction.with_columns(one), anchors.with_columns(one))
    rows = _merged(rows.with_columns(wide("satisfaction_mean").alias("p"), lower_better=pl.lit(value=False)))
    rows = rows.with_columns(NO_ANCHORS=_lacks_anchor(), level=level_points("p", _ORIENTED))
    return rows.select(
        "org_id",
        pl.when(~pl.col("NO_ANCHORS")).then("level").alias("satisfaction_score"),
        pl.when(pl.col("level").is_not_null() & ~pl.col("NO_ANCHORS"))
        .then(pl.col("eb_se") * _slope())
        .alias("satisfaction_se"),
        "NO_ANCHORS",
        ZERO_SPREAD=pl.col("zero_spread") & ~pl.col("NO_ANCHORS"),
    )


def level_points(value: str, anchors: tuple[str, str, str, str]) -> pl.Expr:
    """Points for a value on four nondecreasing anchors, rounded once half up; null where the value is null.

    Args:
        value: Column of whole numbers, higher is better.
        anchors: Columns of the minimum, floor, threshold and benchmark in the same units, nondecreasing.
    """
    p = wide(value)
    minimum, floor, threshold, benchmark = (wide(name) for name in anchors)
    zero, pass_mark, good, full = ANCHOR_POINTS
    return (
        pl.when(p.is_null())
        .then(None)
        .when(p >= benchmark)
        .then(full)
        .when(p >= threshold)
        .then(_between(p, threshold, benchmark, good, full))
        .when(p >= floor)
        .then(_between(p, floor, threshold, pass_mark, good))
        .when(p >= minimum)
        .then(_between(p, minimum, floor, zero, pass_mark))
        .otherwise(zero)
        .cast(pl.Int64)
    )


def _between(p: pl.Expr, low: pl.Expr, high: pl.Expr, from_points: int, to_points: int) -> pl.Expr:
    """Straight line from one anchor to the next; empty intervals were decided before and give null."""
    width = pl.when(high > low).then(high - low)
    return from_points + divide_half_up((to_points - from_points) * (p - low), width)


def _improvement() -> pl.Expr:
    """``60 min(1, u/.1) + 30 max(0, (u - .1)/.9)`` with ``u = (p - b)/(B - b)``, null where ``b >= B``."""
    gap = pl.col("B") - pl.col("b")
    closed = pl.min_horizontal(pl.max_horizontal(pl.col("p") - pl.col("b"), wide(pl.lit(0))), gap)
    first_tenth = divide_half_up(600 * POINT * closed, gap)
    # 60 + 30 (u - .1)/.9 is (170 + 100 u)/3.
    beyond = divide_half_up(POINT * (170 * gap + 100 * closed), 3 * gap)
    earned = pl.when(10 * closed <= gap).then(first_tenth).otherwise(beyond)
    return pl.when(gap > 0).then(earned).cast(pl.Int64)


def _slope() -> pl.Expr:
    """Points per point of the value where ``p`` lies; at an anchor the steeper side."""
    p = pl.col("p")
    slopes = []
    for low, high, gain in zip(_ORIENTED, _ORIENTED[1:], _gains(), strict=False):
        width = pl.col(high) - pl.col(low)
        inside = (p >= pl.col(low)) & (p <= pl.col(high)) & (width > 0)
        slopes.append(pl.when(inside).then(gain / width.cast(pl.Float64)).otherwise(0.0))
    return pl.max_horizontal(slopes)


def _improvement_slope() -> pl.Expr:
    """Points of improvement per unit of the value; at a corner the steeper side, 0 beyond both ends."""
    gap, gained = pl.col("B") - pl.col("b"), pl.col("p") - pl.col("b")
    per_gap = pl.when(10 * gained <= gap).then(600 * POINT).otherwise(POINT * 100 / 3)
    inside = (gap > 0) & (gained >= 0) & (gained <= gap)
    return pl.when(inside).then(per_gap / gap.cast(pl.Float64)).otherwise(0.0)


def _score_error() -> pl.Expr:
    """``se`` times the slope of the part that counts, in whole millionths of a point."""
    level = pl.when(pl.col("level") >= pl.col("improvement").fill_null(0)).then(_slope())
    improvement = pl.when(pl.col("improvement") >= pl.col("level")).then(_improvement_slope())
    error = pl.col("se") * pl.max_horizontal(level, improvement) * POINT
    return pl.when(pl.col("score100").is_not_null()).then(error.round().cast(pl.Int64))


def _gains() -> list[int]:
    return [high - low for low, high in pairwise(ANCHOR_POINTS)]


def _gathered(
    facts: pl.DataFrame,
    baseline_facts: pl.DataFrame,
    anchors: pl.DataFrame,
    indicators: pl.DataFrame,
    organisations: pl.DataFrame,
) -> pl.DataFrame:
    """One row per fact with its baseline, anchors, direction and organisation."""
    for part, frame in (("facts", facts), ("baseline facts", baseline_facts)):
        if frame.select(_KEY).is_duplicated().any():
            raise ValueError(f"{part}: an indicator has two values for one organisation")
    optional = {"denominator": pl.Decimal(18, 6), "se": pl.Float64()}
    now = _with_optional(facts, optional).select(*_KEY, "value", "denominator", "se")
    before = _with_optional(baseline_facts, optional).select(
        *_KEY, baseline_value="value", baseline_denominator="denominator"
    )
    about = _with_optional(indicators, {"min_cases": pl.Int64()}).select("indicator_id", "direction", "min_cases")
    units = _with_optional(organisations, {"changed": pl.Boolean()})
    rows = (
        now.join(units.select("org_id", "org_name", "peer_group", "changed"), on="org_id")
        .join(about, on="indicator_id", how="left")
        .join(before, on=list(_KEY), how="left")
    )
    unknown = rows.filter(pl.col("direction").is_null())["indicator_id"].unique().sort().to_list()
    if unknown:
        raise ValueError(f"facts name indicators without a direction: {', '.join(unknown)}")
    return _with_anchors(rows, anchors)


def _with_optional(frame: pl.DataFrame, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The frame with the columns it lacks, empty."""
    return frame.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in frame.columns
    )


def _with_anchors(rows: pl.DataFrame, anchors: pl.DataFrame) -> pl.DataFrame:
    """The rows with the anchors of their peer group, or the general ones where the group has none."""
    stored = _with_optional(anchors, {"report_only": pl.Boolean()})
    if stored.select("indicator_id", "peer_group").is_duplicated().any():
        raise ValueError("a peer group has two sets of anchors for the same indicator")
    names = [*ANCHORS, "report_only"]
    own = stored.filter(pl.col("peer_group").is_not_null()).select("indicator_id", "peer_group", *names, has_own=True)
    general = stored.filter(pl.col("peer_group").is_null()).select(
        "indicator_id", *(pl.col(name).alias(f"general_{name}") for name in names)
    )
    joined = rows.join(own, on=["indicator_id", "peer_group"], how="left").join(general, on="indicator_id", how="left")
    return joined.with_columns(pl.when("has_own").then(name).otherwise(f"general_{name}").alias(name) for name in names)


def _oriented(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds p, b and the anchors as whole numbers for which higher is better, and what the row may be used for."""
    has_cases = _has_cases("denominator")
    baseline = pl.when(_has_cases("baseline_denominator")).then("baseline_value")
    rows = rows.with_columns(
        pl.col("changed", "report_only").fill_null(value=False),
        lower_better=pl.col("direction") == "lower_better",
        baseline_value=baseline,
        TOO_FEW_CASES=~has_cases,
    )
    sign = pl.when("lower_better").then(-1).otherwise(1).cast(pl.Int128)
    rows = rows.with_columns(p=sign * raw_units("value"), b=sign * raw_units("baseline_value"))
    return _merged(rows).with_columns(
        NO_ANCHORS=_lacks_anchor(),
        usable=pl.col("value").is_not_null() & has_cases & ~_lacks_anchor(),
    )


def with_cases(facts: pl.DataFrame, indicators: pl.DataFrame) -> pl.DataFrame:
    """The facts whose denominator is not 0 and not below the indicator's ``min_cases`` (method C1), in order.

    Args:
        facts: indicator_id and optionally denominator; a null denominator is not checked.
        indicators: indicator_id and optionally min_cases.
    """
    least = _with_optional(indicators, {"min_cases": pl.Int64()}).select("indicator_id", "min_cases")
    rows = _with_optional(facts, {"denominator": pl.Decimal(18, 6)})
    return (
        rows.join(least, on="indicator_id", how="left", maintain_order="left")
        .filter(_has_cases("denominator"))
        .select(facts.columns)
    )


def _has_cases(denominator: str) -> pl.Expr:
    cases = raw_units(denominator)
    least = pl.max_horizontal(pl.col("min_cases").cast(pl.Int64).fill_null(0) * POINT, pl.lit(1, pl.Int64))
    return cases.is_null() | (cases >= least)


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds m, F, T and B, each raised to the one before it, and whether two of F, T and B fell together."""
    sign = pl.when("lower_better").then(-1).otherwise(1).cast(pl.Int128)
    given = [(sign * raw_units(column)).alias(name) for name, column in zip(_ORIENTED, ANCHORS, strict=True)]
    rows = rows.with_columns(given).with_columns(
        zero_spread=((pl.col("T") <= pl.col("F")) | (pl.col("B") <= pl.col("T"))).fill_null(value=False)
    )
    for lower, upper in pairwise(_ORIENTED):
        rows = rows.with_columns(pl.max_horizontal(lower, upper).alias(upper))
    return rows


def _lacks_anchor() -> pl.Expr:
    return pl.any_horizontal(pl.col(name).is_null() for name in ANCHORS)


def _with_reasons(scored: pl.DataFrame) -> pl.DataFrame:
    full = pl.col("score100") == FULL_SCORE
    group = ["indicator_id", "peer_group"]
    ceiling = (full.sum().over(group) == pl.col("score100").count().over(group)) & (full.sum().over(group) >= 2)
    no_value = pl.col("value").is_null()
    reasons = join_reasons(
        {
            "NO_VALUE": no_value,
            "TOO_FEW_CASES": pl.col("TOO_FEW_CASES"),
            "NO_ANCHORS": pl.col("NO_ANCHORS"),
            "REPORT_ONLY": pl.col("report_only"),
            "ZERO_SPREAD": pl.col("zero_spread"),
            "NO_BASELINE": pl.col("baseline_value").is_null() & ~pl.col("changed"),
            "UNIT_CHANGED": pl.col("changed"),
            "NO_DISCRIMINATION": ceiling & pl.col("score100").is_not_null(),
        }
    )
    return scored.select(
        *_KEY,
        "org_name",
        "peer_group",
        "value",
        "baseline_value",
        *ANCHORS,
        "level",
        "improvement",
        "score100",
        "score100_se",
        reasons,
    )
