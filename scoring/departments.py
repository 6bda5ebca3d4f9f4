"""Cells and organisations to one row per assessed department (method A5, 3.8)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import polars as pl

from scoring.mixed_model import MixedModel, crossed_sums, fit
from scoring.scheme import RatingRules, Share
from scoring.sums import VALUE_SCALE
from scoring.tables import DEPARTMENT_ITEM, DEPARTMENT_SCORE, join_reasons

POOLED = "*"
"""Name of the fit that peer groups too small for one of their own share."""

_CONFIDENCE_FACTOR = NormalDist().inv_cdf(0.975)

_UNRANKED = ("LOW_CONTACT", "ZERO_VARIANCE", "NOT_DISTINGUISHABLE", "PERFECT_FIT", "NO_PEER_GROUP")


@dataclass(frozen=True)
class DepartmentResults:
    """``scores`` is ``tables.DEPARTMENT_SCORE``, ``items`` is ``tables.DEPARTMENT_ITEM``.

    ``models`` holds each fit by its name (a peer group or ``POOLED``). It contains the severity of
    single voters and never leaves the scoring process.
    """

    scores: pl.DataFrame
    items: pl.DataFrame
    models: dict[str, MixedModel]


def department_results(
    cells: pl.DataFrame,
    item_cells: pl.DataFrame,
    items: pl.DataFrame,
    organisations: pl.DataFrame,
    rules: RatingRules,
    *,
    period_id: str,
) -> DepartmentResults:
    """Scores every assessed department; ratings of other organisations count for nothing.

    One model is fitted per peer group of the rated departments (``rules.fit_by`` = ``peer_group``), so a
    score is shrunken toward the mean of its own group. Groups with fewer rated departments than
    ``rules.min_departments_per_fit``, and departments without a group, share one fit (``POOLED``): from
    a handful of departments the variance between them cannot be estimated. ``fit_by`` = ``all`` fits
    everybody together. Ranks are inside the peer group in either case, by the unrounded score (equal to
    1e-9 is equal), and inside a connected part where the group falls into several.

    Args:
        cells: See ``sums.voter_cells``.
        item_cells: ``sums.RatingSums.item_cells``.
        items: instrument_id, item_id, dimension.
        organisations: org_id, org_name, peer_group of the assessed departments, each once.
        rules: ``Scheme.rating``.
        period_id: Period of the ratings.

    Returns:
        The results. A department without a valid ballot has null scores and ``NO_RATINGS``.
    """
    assessed = organisations.select("org_name", "peer_group", ratee_org_id="org_id")
    rated = cells.join(assessed.select("ratee_org_id", "peer_group"), on="ratee_org_id", maintain_order="left")
    rated = rated.join(_fit_names(rated, rules), on="ratee_org_id", maintain_order="left")
    models = {
        str(name): fit(crossed_sums(part)) for (name,), part in sorted(rated.partition_by("fit", as_dict=True).items())
    }
    parts = [_estimates(model) for model in models.values()]
    estimates = pl.concat(parts) if parts else pl.DataFrame(schema=_ESTIMATE_SCHEMA)
    item_rows = item_cells.join(assessed, on="ratee_org_id")
    scores = (
        assessed.join(_counts(rated), on="ratee_org_id", how="left")
        .join(_contact(item_rows, rules.max_dk_share), on="ratee_org_id", how="left")
        .join(estimates, on="ratee_org_id", how="left")
        .with_columns(pl.col("n_raters", "n_units", "n_ballots").fill_null(0), period_id=pl.lit(period_id))
        .pipe(_ranked)
    )
    return DepartmentResults(
        DEPARTMENT_SCORE.conform(scores), DEPARTMENT_ITEM.conform(_item_means(item_rows, items, period_id)), models
    )


def _fit_names(rated: pl.DataFrame, rules: RatingRules) -> pl.DataFrame:
    """Which fit each rated department belongs to: ratee_org_id, fit."""
    departments = rated.select("ratee_org_id", "peer_group").unique()
    if rules.fit_by.value == "all":
        return departments.select("ratee_org_id", fit=pl.lit(POOLED))
    size = pl.len().over("peer_group")
    own = pl.col("peer_group").is_not_null() & (size >= rules.min_departments_per_fit.number)
    return departments.select("ratee_org_id", fit=pl.when(own).then("peer_group").otherwise(pl.lit(POOLED)))


_ESTIMATE_SCHEMA = {
    "ratee_org_id": pl.String(),
    "score_shrunken": pl.Float64(),
    "effect": pl.Float64(),
    "conditional_sd": pl.Float64(),
    "se": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "reliability": pl.Float64(),
    "component": pl.Int64(),
    "ZERO_VARIANCE": pl.Boolean(),
    "PERFECT_FIT": pl.Boolean(),
    "NOT_DISTINGUISHABLE": pl.Boolean(),
}


def _estimates(model: MixedModel) -> pl.DataFrame:
    """What the model says of each department; no error is stated where the model has none."""
    frame = pl.DataFrame(
        {
            "ratee_org_id": model.departments,
            "score_shrunken": model.score,
            "effect": model.effect,
            "conditional_sd": model.conditional_sd,
            "se": model.score_variance,
            "reliability": model.reliability,
            "component": model.component,
        }
    )
    uncertain = model.outcome == "fitted"
    half_width = _CONFIDENCE_FACTOR * pl.col("se")
    return (
        frame.with_columns(pl.col("se").sqrt(), pl.col("reliability").fill_nan(None))
        .with_columns(pl.when(pl.lit(uncertain)).then(pl.col(name)).alias(name) for name in ("se", "conditional_sd"))
        .with_columns(
            ci_low=pl.col("score_shrunken") - half_width,
            ci_high=pl.col("score_shrunken") + half_width,
            ZERO_VARIANCE=pl.lit(model.outcome == "zero_variance"),
            PERFECT_FIT=pl.lit(model.outcome == "perfect_fit"),
            NOT_DISTINGUISHABLE=pl.lit(uncertain and model.vd == 0.0),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in _ESTIMATE_SCHEMA.items())
    )


def _counts(rated: pl.DataFrame) -> pl.DataFrame:
    """Raw mean, counts of raters, units and ballots, and the largest unit's share of the weight."""
    by_unit = rated.group_by("ratee_org_id", "rater_org_id").agg(
        pl.col("weight", "n_raters", "n_ballots").sum(), weighted=(pl.col("weight") * pl.col("value")).sum()
    )
    return by_unit.group_by("ratee_org_id").agg(
        score_raw_mean=pl.col("weighted").sum() / (pl.col("weight").sum() * VALUE_SCALE),
        n_raters=pl.col("n_raters").sum(),
        n_units=pl.len().cast(pl.Int64),
        n_ballots=pl.col("n_ballots").sum(),
        max_unit_share=pl.col("weight").max() / pl.col("weight").sum(),
    )


def _contact(item_rows: pl.DataFrame, limit: Share) -> pl.DataFrame:
    """Share of don't know and no contact, and whether it is above the limit (exactly)."""
    dont_know, answered = pl.col("n_dont_know"), pl.col("n_answered")
    asked = dont_know + answered
    share = limit.fraction
    return (
        item_rows.group_by("ratee_org_id")
        .agg(pl.col("n_dont_know", "n_answered").sum())
        .select(
            "ratee_org_id",
            dk_share=pl.when(asked > 0).then(dont_know / asked),
            LOW_CONTACT=dont_know * share.denominator > asked * share.numerator,
        )
    )


def _ranked(scores: pl.DataFrame) -> pl.DataFrame:
    """Adds rank and reason codes."""
    group = pl.col("peer_group")
    flagged = scores.with_columns(
        NO_RATINGS=pl.col("score_shrunken").is_null(),
        NO_PEER_GROUP=group.is_null(),
        DISCONNECTED=pl.col("component").drop_nulls().n_unique().over("peer_group") > 1,
    )
    unranked = pl.any_horizontal(pl.col(code).fill_null(value=False) for code in (*_UNRANKED, "NO_RATINGS"))
    # Whole billionths, so that equal to 1e-9 is equal whatever the last bits say.
    order = pl.when(~unranked).then((pl.col("score_shrunken") * 1e9).round().cast(pl.Int64))
    codes = ("NO_RATINGS", *_UNRANKED, "DISCONNECTED")
    return flagged.with_columns(
        rank=order.rank("min", descending=True).over("peer_group", "component").cast(pl.Int64),
        reason_codes=join_reasons({code: pl.col(code) for code in codes}),
    )


def _item_means(item_rows: pl.DataFrame, items: pl.DataFrame, period_id: str) -> pl.DataFrame:
    # Versions of an instrument in one period may name a dimension differently; one of them is shown.
    dimensions = items.group_by("instrument_id", "item_id").agg(pl.col("dimension").max())
    answered = pl.when(pl.col("n_answered") > 0).then("n_answered")
    return item_rows.join(dimensions, on=["instrument_id", "item_id"], how="left").with_columns(
        period_id=pl.lit(period_id), score_raw_mean=pl.col("sum_value") / (answered * VALUE_SCALE)
    )
