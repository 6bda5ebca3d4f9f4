"""Incentive scores: the differentiated score plus positive adders, and what it means for a post (method 3.6).

``add = min(max_adder, sum of adders)`` and ``I = min(score_cap, D + add)``. There is no way to take
points away here: an adder that is not positive is refused, not clipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from scoring.exact import POINT, points_decimal, weighted_mean
from scoring.tables import join_reasons
from scoring.tables.incentives import INCENTIVE_SCORE

ADDER_COLUMNS = ("adjustment_id", "org_id", "adder_id", "points", "decision_doc_no")
"""Columns of an adder; ``decision_doc_no`` is its evidence, ``points`` are micropoints."""


@dataclass(frozen=True)
class AdderRules:
    """What adders may add, in micropoints.

    ``listed`` is the most each adder of the list may add at a time; an adder that is not listed is
    refused.
    """

    listed: Mapping[str, int] = field(default_factory=dict)
    max_adder: int = 5 * POINT
    score_cap: int = 105 * POINT

    def __post_init__(self) -> None:
        """ValueError when a limit is negative."""
        if self.max_adder < 0 or self.score_cap < 0 or any(points < 0 for points in self.listed.values()):
            raise ValueError("adders and their limits are never negative")


@dataclass(frozen=True)
class IncentiveScores:
    """``units`` are the units given with ``adder`` and ``incentive_score`` (micropoints) added.

    ``steps`` has one row per adder, in the columns ``adjustments.STEP_COLUMNS``; the score after the
    last adder of a unit is its incentive score.
    """

    units: pl.DataFrame
    steps: pl.DataFrame


def incentive_scores(units: pl.DataFrame, adders: pl.DataFrame, rules: AdderRules) -> IncentiveScores:
    """Adds the evidenced adders to the differentiated scores (method 3.6 F1).

    Args:
        units: org_id and differentiated_score (Int64 micropoints, null where there is none), each
            unit once; further columns are kept.
        adders: ``ADDER_COLUMNS``. An adder of more points than listed counts as listed.
        rules: The list and the limits.

    Returns:
        The scores. A unit without a differentiated score has no incentive score either: an adder
        adds to a score and does not make one.

    Raises:
        TypeError: Scores or points are not whole numbers.
        ValueError: An adder is not positive, not listed, without evidence, for a unit that is not
            assessed, or given twice; every such adder is named.
    """
    for frame, column in ((units, "differentiated_score"), (adders, "points")):
        if frame.height and frame.schema[column] != pl.Int64():
            raise TypeError(f"{column} must be whole micropoints, not {frame.schema[column]}")
    _check_adders(adders, units, rules)
    after = _running_scores(units, adders, rules)
    sums = after.group_by("org_id").agg(adder=pl.col("added").max())
    scored = (
        units.join(sums, on="org_id", how="left", maintain_order="left")
        .with_columns(pl.col("adder").fill_null(0))
        .with_columns(incentive_score=_capped(pl.col("adder"), rules))
    )
    return IncentiveScores(scored, _steps(after, rules))


def usable_adders(adders: pl.DataFrame, units: pl.DataFrame, rules: AdderRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Parts the adders that may be added from those that may not, so that one office's slip stops nobody.

    Args:
        adders: ``ADDER_COLUMNS``.
        units: org_id of the assessed units.
        rules: The list and the limits.

    Returns:
        The adders ``incentive_scores`` takes, and a step with ``ADDER_REFUSED`` for each of the others. An adder may
        be earned several times, each with its own decision; what they add together has a limit.
    """
    wrong = pl.any_horizontal(*_wrong_adders(units, rules).values())
    steps = adders.filter(wrong).select(
        "adjustment_id",
        "org_id",
        "decision_doc_no",
        adj_kind=pl.lit("adder"),
        what=pl.concat_str(pl.lit("incentive_score/"), pl.col("adder_id").fill_null("-")),
        before=pl.lit(None, pl.Decimal(18, 6)),
        after=pl.lit(None, pl.Decimal(18, 6)),
        reason_codes=pl.lit("ADDER_REFUSED"),
    )
    return adders.filter(~wrong), steps


def _check_adders(adders: pl.DataFrame, units: pl.DataFrame, rules: AdderRules) -> None:
    problems = [
        f"{adjustment_id} ({adder_id}, {org_id}) {why}"
        for why, condition in _wrong_adders(units, rules).items()
        for adjustment_id, adder_id, org_id in adders.filter(condition)
        .select("adjustment_id", "adder_id", "org_id")
        .unique()
        .sort("adjustment_id", "adder_id", "org_id")
        .iter_rows()
    ]
    if problems:
        raise ValueError("adder " + "; adder ".join(problems))


def _wrong_adders(units: pl.DataFrame, rules: AdderRules) -> dict[str, pl.Expr]:
    """What may be wrong with an adder, in words, and the rows it is wrong with."""
    return {
        "is not positive": (pl.col("points") <= 0).fill_null(value=True),
        "is not on the list of adders": ~pl.col("adder_id").is_in(list(rules.listed)).fill_null(value=False),
        "has no evidence": pl.col("decision_doc_no").fill_null("").str.strip_chars() == "",
        "is for a unit that is not assessed": ~pl.col("org_id").is_in(units["org_id"].to_list()),
        "is given twice": pl.col("adjustment_id").is_duplicated(),
    }


def _running_scores(units: pl.DataFrame, adders: pl.DataFrame, rules: AdderRules) -> pl.DataFrame:
    """Each adder with what all adders of its unit up to it add together (``added``, ``added_before``)."""
    listed = pl.DataFrame(
        {"adder_id": list(rules.listed), "listed": list(rules.listed.values())},
        schema={"adder_id": pl.String(), "listed": pl.Int64()},
    )
    total = pl.col("counted").cum_sum().over("org_id")
    return (
        adders.select(ADDER_COLUMNS)
        .join(listed, on="adder_id")
        .with_columns(counted=pl.min_horizontal("points", "listed").cast(pl.Int64))
        .sort("org_id", "adjustment_id")
        .with_columns(
            added=pl.min_horizontal(total, pl.lit(rules.max_adder)),
            added_before=pl.min_horizontal(total - pl.col("counted"), pl.lit(rules.max_adder)),
        )
        .join(units.select("org_id", "differentiated_score"), on="org_id", maintain_order="left")
    )


def _capped(added: pl.Expr, rules: AdderRules) -> pl.Expr:
    score = pl.col("differentiated_score")
    # min_horizontal skips nulls, which would turn a missing score into the cap.
    return pl.when(score.is_not_null()).then(pl.min_horizontal(score + added, pl.lit(rules.score_cap)))


def _steps(after: pl.DataFrame, rules: AdderRules) -> pl.DataFrame:
    return after.select(
        "adjustment_id",
        "org_id",
        "decision_doc_no",
        adj_kind=pl.lit("adder"),
        what=pl.format("incentive_score/{}", "adder_id"),
        before=points_decimal(_capped(pl.col("added_before"), rules)),
        after=points_decimal(_capped(pl.col("added"), rules)),
        reason_codes=join_reasons({"NOTHING_TO_ADJUST": pl.col("differentiated_score").is_null()}),
    )


def incentive_rows(units: pl.DataFrame, organisations: pl.DataFrame, *, period_id: str) -> pl.DataFrame:
    """Scores, tiers and red lines as the published table.

    Args:
        units: ``incentive_scores`` after ``tiers.tiers`` and ``red_lines.apply_red_lines``.
        organisations: org_id, org_name.
        period_id: Period of the scores.

    Returns:
        ``tables.incentives.INCENTIVE_SCORE``.
    """
    names = organisations.select("org_id", "org_name")
    return INCENTIVE_SCORE.conform(
        units.drop("org_name", strict=False)
        .join(names, on="org_id", how="left")
        .with_columns(
            *(points_decimal(name) for name in ("differentiated_score", "adder", "incentive_score")),
            join_reasons({code: pl.col(code) for code in _REASON_COLUMNS}),
            period_id=pl.lit(period_id),
        )
    )


_REASON_COLUMNS = (
    "NO_SCORE",
    "NO_PEER_GROUP",
    "OUTSIDE_QUOTA",
    "RANK_NOT_CERTAIN",
    "RANK_PROBABILITY_UNKNOWN",
    "POOLED_PERIODS",
    "CAPPED_NO_SATISFACTION",
    "CAPPED_RED_LINE",
)


def post_holder_scores(posts: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Incentive scores of post holders from the units they served in (method 3.6 F5).

    ``I = sum_u months_u I_u / sum_u months_u`` over the posts whose unit has a score: a month in a unit
    without a score, or in no post, counts neither for nor against its holder. A personal adder goes
    through ``incentive_scores`` like a unit's.

    Args:
        posts: post_holder_id, org_id, months (Int64, positive).
        units: org_id, incentive_score (Int64 micropoints).

    Returns:
        post_holder_id, months (with a score), incentive_score (micropoints, null without any); sorted.

    Raises:
        ValueError: Months are missing or not positive.
    """
    if posts.filter((pl.col("months") <= 0).fill_null(value=True)).height:
        raise ValueError("months in post must be positive")
    scored = posts.join(units.select("org_id", "incentive_score"), on="org_id", how="left")
    known = pl.col("incentive_score").is_not_null()
    return (
        scored.group_by("post_holder_id")
        .agg(
            incentive_score=weighted_mean("incentive_score", "months"),
            months=pl.col("months").filter(known).sum().cast(pl.Int64),
        )
        .select("post_holder_id", "months", "incentive_score")
        .sort("post_holder_id")
    )
