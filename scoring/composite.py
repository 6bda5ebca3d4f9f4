"""Parts to one unit score, and where it stands in its peer group (method 2.5, 2.6, 3.4 D4, 3.5).

The score is a weighted mean of the parts that are there, a whole number of millionths of a point rounded
once; ranks, percentiles and ties use it as it is, before any rounding for people. Standard errors, rank
intervals, standard scores and effective weights are floats beside it and decide no payment by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import polars as pl

from scoring.exact import (
    FULL_SCORE,
    POINT,
    mean_of_parts,
    millionths,
    observed_weight,
    points_decimal,
    require_whole,
    round_half_up,
    wide,
)
from scoring.ranks import rank_summary
from scoring.sums import RAW_SCALE, divide_half_up
from scoring.tables import join_reasons
from scoring.tables.units import EFFECTIVE_WEIGHT, UNIT_SCORE

STANDARD_SCORE_LIMIT = 3.0
_PRIOR_UNITS = 5


@dataclass(frozen=True)
class CompositeRules:
    """Weights of the parts by column (at most six decimal places), and how much of them must be there.

    A part with weight 0 counts neither as observed weight nor as a part.
    """

    weights: Mapping[str, Fraction]
    min_observed_weight: Fraction = Fraction(3, 5)
    min_parts: int = 2

    @property
    def whole_weights(self) -> dict[str, int]:
        """Column to weight in millionths, without the parts of weight 0."""
        whole = {name: millionths(weight) for name, weight in self.weights.items()}
        return {name: weight for name, weight in whole.items() if weight}


UNIT_RULES = CompositeRules(
    {
        "satisfaction_score": Fraction(35, 100),
        "results_score": Fraction(50, 100),
        "list_score": Fraction(15, 100),
        "process_score": Fraction(0),
    }
)
"""The default of method D4."""


@dataclass(frozen=True)
class RankRules:
    """Draws and seed of the rank intervals, their level, and the share of the group that may be in tier A."""

    seed: int
    draws: int = 10_000
    level: float = 0.95
    quota: Fraction = Fraction(1, 5)


def composite(parts: pl.DataFrame, rules: CompositeRules, *, name: str = "raw_score") -> pl.DataFrame:
    """Adds the weighted mean of the observed parts (method 2.6).

    ``S = sum_obs w_k S_k / sum_obs w_k`` where the observed weight is at least ``min_observed_weight`` of the
    whole and at least ``min_parts`` parts are there, else null with a reason. Missing is never 0.

    Args:
        parts: Columns of ``rules.weights``, Int64 millionths of a point, null when missing.
        rules: Weights and minima.
        name: Name of the result.

    Returns:
        The frame with ``name`` (Int64), observed_weight (Int64 millionths of the nominal weight), and
        LOW_COVERAGE, TOO_FEW_PARTS, MISSING_PART (whether the reason holds).

    Raises:
        ValueError: No part has a weight, or a weight is negative.
        TypeError: A part is not a column of whole numbers.
    """
    weights = rules.whole_weights
    if not weights or min(weights.values()) < 0:
        raise ValueError("weights are not negative, and at least one is above 0")
    require_whole(parts, *weights)
    whole, share = sum(weights.values()), rules.min_observed_weight
    n_parts = pl.sum_horizontal(pl.col(part).is_not_null().cast(pl.Int64) for part in weights)
    observed = observed_weight(weights)
    return parts.with_columns(
        observed_weight=divide_half_up(wide(observed) * RAW_SCALE, pl.lit(whole)).cast(pl.Int64),
        LOW_COVERAGE=observed * share.denominator < whole * share.numerator,
        TOO_FEW_PARTS=n_parts < rules.min_parts,
        MISSING_PART=n_parts < len(weights),
    ).with_columns(pl.when(~pl.col("LOW_COVERAGE") & ~pl.col("TOO_FEW_PARTS")).then(mean_of_parts(weights)).alias(name))


def composite_se(errors: Mapping[str, str], rules: CompositeRules) -> pl.Expr:
    """Standard error of the composite by the delta method (method E3): ``sqrt(sum_obs (w_k / W)^2 SE_k^2)``.

    Args:
        errors: Column of a part to the column of its standard error (Float64, points). A part without one,
            or with null, is taken as counted without error.
        rules: Weights.

    Returns:
        Float64, points; null where no observed part has a standard error.
    """
    weights = rules.whole_weights
    total = observed_weight(weights).cast(pl.Float64)
    terms = [
        pl.when(pl.col(part).is_not_null()).then((weights[part] / total * pl.col(error)).pow(2))
        for part, error in errors.items()
        if part in weights
    ]
    if not terms:
        return pl.lit(None, pl.Float64)
    return pl.when(pl.any_horizontal(term.is_not_null() for term in terms)).then(pl.sum_horizontal(terms).sqrt())


def list_scores(duty_results: pl.DataFrame) -> pl.DataFrame:
    """``100 * fulfilled / verified`` of the duty items of every organisation (method D4).

    Args:
        duty_results: org_id, duty_id, fulfilled (as verified by outcome; null when not verified, which
            is missing and not unfulfilled).

    Returns:
        org_id, n_verified, n_fulfilled, list_score (Int64 millionths of a point; null without a verified
        item), sorted.

    Raises:
        ValueError: An organisation has two results for a duty item.
    """
    if duty_results.select("org_id", "duty_id").is_duplicated().any():
        raise ValueError("an organisation has two results for one duty item")
    verified = pl.col("n_verified")
    score = divide_half_up(pl.col("n_fulfilled") * FULL_SCORE, pl.when(verified > 0).then(verified))
    return (
        duty_results.group_by("org_id")
        .agg(
            n_verified=pl.col("fulfilled").count().cast(pl.Int64), n_fulfilled=pl.col("fulfilled").sum().cast(pl.Int64)
        )
        .with_columns(list_score=score)
        .sort("org_id")
    )


def standing(rows: pl.DataFrame, score: str) -> pl.DataFrame:
    """Adds rank, number ranked, mean, median and percentile inside the peer group (method E3).

    Rank 1 is the highest score, equal scores share the smaller rank. Percentile is 100 times the share of
    the group below plus half of the share that is equal, the unit itself included. Rows without a score or
    a peer group are in none of the figures and have none of their own; no figure crosses groups.

    Args:
        rows: peer_group and ``score`` (Int64 millionths of a point).
        score: Column to rank by.

    Returns:
        The rows in order with rank and n_ranked (Int64; n_ranked is 0 outside a group), peer_mean,
        peer_median and percentile (Int64 millionths of a point).

    Raises:
        TypeError: The score is not a column of whole numbers.
    """
    require_whole(rows, score)
    value = pl.when(pl.col("peer_group").is_not_null()).then(score)
    below = value.rank("min").over("peer_group").cast(pl.Int64) - 1
    ordered, count = pl.col("ranked_score").sort(), pl.len()
    groups = (
        rows.select("peer_group", ranked_score=value)
        .drop_nulls()
        .group_by("peer_group")
        .agg(
            n_ranked=count.cast(pl.Int64),
            peer_mean=divide_half_up(wide("ranked_score").sum(), count.cast(pl.Int128)).cast(pl.Int64),
            peer_median=divide_half_up(ordered.get((count - 1) // 2) + ordered.get(count // 2), pl.lit(2)),
        )
    )
    ranked = rows.with_columns(
        rank=value.rank("min", descending=True).over("peer_group").cast(pl.Int64),
        below=below,
        equal=value.count().over("peer_group", score).cast(pl.Int64),
    ).join(groups, on="peer_group", how="left", maintain_order="left")
    share = divide_half_up(
        100 * POINT * (2 * pl.col("below") + pl.col("equal")),
        pl.when(pl.col("n_ranked") > 0).then(2 * pl.col("n_ranked")),
    )
    return ranked.with_columns(
        pl.col("n_ranked").fill_null(0), percentile=pl.when(pl.col("rank") > 0).then(share)
    ).drop("below", "equal")


def standard_scores(rows: pl.DataFrame, score: str) -> pl.DataFrame:
    """Adds ``z = (S - m*) / s*``, a secondary output (method 2.5).

    ``m* = (n m + 5 M) / (n + 5)`` and ``s*^2 = (n s^2 + 5 V) / (n + 5)``, with mean ``m`` and variance ``s^2`` of the
    ``n`` units of the group and ``M``, ``V`` of all ranked units (variances divide by the number). Clipped at
    +/-3; 0 with NO_SPREAD where ``s*`` is 0. It is the one figure that looks across groups, through ``M`` and
    ``V`` only, and neither ranks, tiers nor payments read it.

    Args:
        rows: peer_group and ``score``.
        score: Int64 millionths of a point.

    Returns:
        The rows in order with z (Float64) and NO_SPREAD.
    """
    own = pl.col("peer_group").is_not_null() & pl.col(score).is_not_null()
    value = pl.when(own).then(wide(score))

    def moments(over: list[str]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
        count, total, squares = value.count().cast(pl.Int128), value.sum(), (value * value).sum()
        if over:
            count, total, squares = count.over(over), total.over(over), squares.over(over)
        # Exact until here: a sum of squares of floats would depend on the order of the rows.
        number = count.cast(pl.Float64)
        return number, total.cast(pl.Float64) / number, (count * squares - total * total).cast(pl.Float64) / number**2

    n, mean, variance = moments(["peer_group"])
    _, overall_mean, overall_variance = moments([])
    center = (n * mean + _PRIOR_UNITS * overall_mean) / (n + _PRIOR_UNITS)
    spread = ((n * variance + _PRIOR_UNITS * overall_variance) / (n + _PRIOR_UNITS)).sqrt()
    z = ((value.cast(pl.Float64) - center) / spread).clip(-STANDARD_SCORE_LIMIT, STANDARD_SCORE_LIMIT)
    flat = (spread == 0.0) & own
    return rows.with_columns(NO_SPREAD=flat, z=pl.when(flat).then(0.0).when(own).then(z))


def rank_intervals(rows: pl.DataFrame, score: str, rules: RankRules) -> pl.DataFrame:
    """Adds rank_low, rank_high and the chance of a place within the quota, inside each peer group (method 2.7).

    Errors of different units are independent. Every group is drawn from the same seed by itself, so no
    group's interval depends on another's units. A unit without a standard error stands fixed for the
    others and has no interval of its own; a group where nobody has one has no intervals.

    Args:
        rows: org_id, peer_group, ``score`` (Int64 millionths of a point), se (Float64, points).
        score: Column to rank by.
        rules: See ``RankRules``.

    Returns:
        The rows in order with rank_low, rank_high (Int64) and p_within_quota (Float64).
    """
    ranked = rows.filter(pl.col("peer_group").is_not_null() & pl.col(score).is_not_null())
    parts = [
        _intervals_of(group.sort("org_id"), score, rules)
        for _, group in sorted(ranked.partition_by("peer_group", as_dict=True).items())
        if group["se"].count()
    ]
    schema = {"org_id": pl.String(), "rank_low": pl.Int64(), "rank_high": pl.Int64(), "p_within_quota": pl.Float64()}
    intervals = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    return rows.join(intervals, on="org_id", how="left", maintain_order="left")


def _intervals_of(group: pl.DataFrame, score: str, rules: RankRules) -> pl.DataFrame:
    points = group[score].to_numpy() / POINT
    variance = np.square(group["se"].fill_null(0.0).to_numpy())
    summary = rank_summary(
        points, variance, draws=rules.draws, seed=rules.seed, level=rules.level, top_share=rules.quota
    )
    known = group["se"].is_not_null()
    found = pl.DataFrame(
        {
            "org_id": group["org_id"],
            "rank_low": summary.rank_low,
            "rank_high": summary.rank_high,
            "p_within_quota": summary.p_top,
        }
    )
    return found.with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in found.columns[1:])


def unit_scores(parts: pl.DataFrame, rules: CompositeRules, ranks: RankRules) -> pl.DataFrame:
    """Raw and differentiated score of every unit, and where it stands in its peer group (methods D4, E1-E4).

    The score is relative already: anchors, indicators and weights are the group's own, so the
    differentiated score is the raw score (method E2). A process score without a weight is not put out.

    Args:
        parts: org_id, org_name, peer_group, satisfaction_score, visible_score, latent_score, results_score,
            list_score, process_score (Int64 millionths of a point, null when missing), satisfaction_se
            and optionally results_se (points), MISSING_TRACK, MISSING_VISIBLE, MISSING_LATENT,
            n_duties_verified and n_duties_fulfilled; one row per assessed unit.
        rules: Weights of satisfaction_score, results_score, list_score and process_score.
        ranks: See ``RankRules``.

    Returns:
        The parts with raw_score, differentiated_score, observed_weight, peer_mean, peer_median, percentile
        (Int64 millionths), se, rank, rank_low, rank_high, p_within_quota, n_ranked, z and reason_codes; sorted.

    Raises:
        ValueError: A unit occurs twice, or see ``composite``.
    """
    if parts["org_id"].is_duplicated().any():
        raise ValueError("a unit occurs twice")
    errors = {"satisfaction_score": "satisfaction_se", "results_score": "results_se"}
    present = {part: error for part, error in errors.items() if error in parts.columns}
    flags = [name for name in ("MISSING_TRACK", "MISSING_VISIBLE", "MISSING_LATENT") if name in parts.columns]
    weights = rules.whole_weights
    process = pl.when(pl.lit("process_score" in weights)).then("process_score").alias("process_score")
    scored = (
        composite(parts.with_columns(process), rules)
        .with_columns(differentiated_score="raw_score")
        .with_columns(se=pl.when(pl.col("raw_score").is_not_null()).then(composite_se(present, rules)))
        .pipe(standing, "differentiated_score")
        .pipe(standard_scores, "differentiated_score")
        .pipe(rank_intervals, "differentiated_score", ranks)
    )
    reasons = {name: pl.col(name) for name in (*flags, "MISSING_PART", "LOW_COVERAGE", "TOO_FEW_PARTS", "NO_SPREAD")}
    return scored.with_columns(
        join_reasons(
            {
                **reasons,
                "NO_SATISFACTION": pl.col("satisfaction_score").is_null() & pl.lit("satisfaction_score" in weights),
                "NO_PEER_GROUP": pl.col("peer_group").is_null(),
            }
        )
    ).sort("org_id")


def unit_score_table(scores: pl.DataFrame, *, period_id: str) -> pl.DataFrame:
    """The rows of ``unit_scores`` as ``tables.units.UNIT_SCORE``."""
    exact = [name for name, dtype in UNIT_SCORE.schema.items() if dtype == pl.Decimal(18, 6)]
    counts = [name for name in ("n_duties_verified", "n_duties_fulfilled") if name not in scores.columns]
    return UNIT_SCORE.conform(
        scores.with_columns(pl.lit(None, pl.Int64).alias(name) for name in counts).with_columns(
            *(points_decimal(name) for name in exact), period_id=pl.lit(period_id)
        )
    )


def effective_weights(scores: pl.DataFrame, rules: CompositeRules, *, period_id: str) -> pl.DataFrame:
    """Nominal beside effective weight of every part, by peer group (method 2.6).

    ``ew_k = w_k Cov(S_k, S) / Var(S)`` with ``S = sum w_k S_k``, over the units that have every part with a
    weight; they sum to 1. Null where the scores do not vary.

    Args:
        scores: peer_group and the columns of ``rules.weights``, Int64 millionths of a point.
        rules: Weights.
        period_id: Period of the scores.

    Returns:
        ``tables.units.EFFECTIVE_WEIGHT``.
    """
    weights = rules.whole_weights
    whole = sum(weights.values())
    complete = scores.filter(pl.col("peer_group").is_not_null()).drop_nulls(list(weights))
    total = pl.sum_horizontal(wide(name) * weight for name, weight in weights.items())
    rows = complete.select("peer_group", *(wide(name) for name in weights), total=total)
    n = pl.len().cast(pl.Int128)
    variance = n * (pl.col("total") * pl.col("total")).sum() - pl.col("total").sum() * pl.col("total").sum()
    shares = [
        (n * (pl.col(name) * pl.col("total")).sum() - pl.col(name).sum() * pl.col("total").sum()).alias(name)
        for name in weights
    ]
    groups = rows.group_by("peer_group").agg(*shares, variance=variance, n_units=pl.len().cast(pl.Int64))
    spread = pl.when(pl.col("variance") > 0).then(pl.col("variance")).cast(pl.Float64)
    long = [
        groups.select(
            "peer_group",
            "n_units",
            part=pl.lit(name),
            weight=points_decimal(pl.lit(round_half_up(Fraction(weight * RAW_SCALE, whole)), pl.Int64)),
            effective_weight=weight * (pl.col(name).cast(pl.Float64) / spread),
        )
        for name, weight in weights.items()
    ]
    return EFFECTIVE_WEIGHT.conform(pl.concat(long).with_columns(period_id=pl.lit(period_id)))


def data_completeness(applicable_indicators: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """How many of the values that apply a register delivered: it answers for the gaps, not the unit (method 2.6).

    Args:
        applicable_indicators: org_id, indicator_id, source_register; see ``tracks.applicable``.
        facts: org_id, indicator_id, value of the period.

    Returns:
        source_register, n_applicable, n_reported, completeness (Int64 millionths), sorted.
    """
    reported = facts.drop_nulls("value").select("org_id", "indicator_id").unique().with_columns(reported=1)
    share = divide_half_up(pl.col("n_reported") * RAW_SCALE, pl.col("n_applicable"))
    return (
        applicable_indicators.join(reported, on=["org_id", "indicator_id"], how="left")
        .group_by("source_register")
        .agg(n_applicable=pl.len().cast(pl.Int64), n_reported=pl.col("reported").count().cast(pl.Int64))
        .with_columns(completeness=share)
        .sort("source_register")
    )
