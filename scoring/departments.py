"""Cells and organisations to one row per assessed department (method A5, A7, 2.7, 3.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import polars as pl

from scoring.crossed import crossed_sums, dummy_columns
from scoring.mixed_model import MAX_EXACT_DEPARTMENTS, MixedModel, fit
from scoring.ranks import rank_summary
from scoring.scheme import RatingRules, Share
from scoring.sums import VALUE_SCALE
from scoring.tables import DEPARTMENT_ITEM, DEPARTMENT_SCORE, join_reasons

POOLED = "*"
"""Name of the fit that peer groups too small for one of their own share."""

_CONFIDENCE_FACTOR = NormalDist().inv_cdf(0.975)

TOP = "TOP"
BOTTOM = "BOTTOM"
NO_SIGNIFICANT_DIFFERENCE = "NO_SIGNIFICANT_DIFFERENCE"

_UNRANKED = (
    "NO_RATINGS",
    "LOW_CONTACT",
    "ZERO_VARIANCE",
    "NOT_DISTINGUISHABLE",
    "PERFECT_FIT",
    "NO_ERROR_ESTIMATE",
    "INSUFFICIENT_RELIABILITY",
    "NO_PEER_GROUP",
)

_MODEL_REASONS = {
    "ZERO_VARIANCE": "zero_variance",
    "PERFECT_FIT": "perfect_fit",
    "NO_ERROR_ESTIMATE": "backfitted",
}
"""Reason a department carries no rank, by the outcome of its fit."""


@dataclass(frozen=True)
class RankRules:
    """How ranks are drawn, and what a rank may be used for (method 2.3, 2.7, A7).

    ``draws``, ``seed``, ``level``, ``top_share`` and ``bottom_share``: see ``ranks.rank_summary``. Below
    ``min_reliability_shown`` a score is neither shown nor ranked; from ``min_reliability_consequence`` on
    a department is ``TOP`` or ``BOTTOM`` if its probability of such a place is at least
    ``min_probability``. ``max_exact_departments``: see ``mixed_model.fit``.
    """

    draws: int = 10_000
    seed: int = 1
    level: float = 0.95
    top_share: Fraction = Fraction(1, 5)
    bottom_share: Fraction = Fraction(1, 5)
    min_reliability_shown: Fraction = Fraction(1, 2)
    min_reliability_consequence: Fraction = Fraction(7, 10)
    min_probability: Fraction = Fraction(4, 5)
    max_exact_departments: int = MAX_EXACT_DEPARTMENTS


DEFAULT_RANK_RULES = RankRules()


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
    fixed_effects: Sequence[str] = (),
    ranking: RankRules = DEFAULT_RANK_RULES,
) -> DepartmentResults:
    """Scores every assessed department; ratings of other organisations count for nothing.

    One model is fitted per peer group of the rated departments (``rules.fit_by`` = ``peer_group``), so a
    score is shrunken toward the mean of its own group. Groups with fewer rated departments than
    ``rules.min_departments_per_fit``, and departments without a group, share one fit (``POOLED``): from
    a handful of departments the variance between them cannot be estimated. ``fit_by`` = ``all`` fits
    everybody together. Ranks are inside the peer group in either case, by the unrounded score (equal to
    1e-9 is equal), and inside a connected part where the group falls into several. Places, rank
    intervals and probabilities count the ranked departments only; every group draws from the same seed,
    so that no group's intervals depend on another's.

    Args:
        cells: See ``sums.voter_cells``, plus the columns named in ``fixed_effects``.
        item_cells: ``sums.RatingSums.item_cells``.
        items: instrument_id, item_id, dimension.
        organisations: org_id, org_name, peer_group of the assessed departments, each once.
        rules: ``Scheme.rating``.
        period_id: Period of the ratings.
        fixed_effects: Columns of ``cells`` such as ``rater_class`` and ``channel`` whose levels have a
            mean of their own (see ``crossed.dummy_columns``); scores are at the average mixture of them.
        ranking: How ranks are drawn and used.

    Returns:
        The results. A department without a valid ballot has null scores and ``NO_RATINGS``; one that is
        not ranked has no rank interval, probabilities or consequence.
    """
    assessed = organisations.select("org_name", "peer_group", ratee_org_id="org_id")
    rated = cells.join(assessed.select("ratee_org_id", "peer_group"), on="ratee_org_id", maintain_order="left")
    rated = rated.join(_fit_names(rated, rules), on="ratee_org_id", maintain_order="left")
    models = {
        str(name): fit(
            crossed_sums(*dummy_columns(part, fixed_effects)), max_exact_departments=ranking.max_exact_departments
        )
        for (name,), part in sorted(rated.partition_by("fit", as_dict=True).items())
    }
    parts = [_estimates(model) for model in models.values()]
    estimates = pl.concat(parts) if parts else pl.DataFrame(schema=_ESTIMATE_SCHEMA)
    item_rows = item_cells.join(assessed, on="ratee_org_id")
    scores = (
        assessed.join(_counts(rated), on="ratee_org_id", how="left")
        .join(_contact(item_rows, rules.max_dk_share), on="ratee_org_id", how="left")
        .join(estimates, on="ratee_org_id", how="left")
        .with_columns(pl.col("n_raters", "n_units", "n_ballots").fill_null(0), period_id=pl.lit(period_id))
        .pipe(_ranked, models, ranking)
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
    "score_adjusted": pl.Float64(),
    "score_shrunken": pl.Float64(),
    "effect": pl.Float64(),
    "conditional_sd": pl.Float64(),
    "se": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "reliability": pl.Float64(),
    "component": pl.Int64(),
    **dict.fromkeys(_MODEL_REASONS, pl.Boolean()),
    "NOT_DISTINGUISHABLE": pl.Boolean(),
}


def _estimates(model: MixedModel) -> pl.DataFrame:
    """What the model says of each department; no error is stated where the model has none."""
    frame = pl.DataFrame(
        {
            "ratee_org_id": model.departments,
            "score_adjusted": model.score_adjusted,
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
            **{code: pl.lit(model.outcome == outcome) for code, outcome in _MODEL_REASONS.items()},
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


def _ranked(scores: pl.DataFrame, models: Mapping[str, MixedModel], rules: RankRules) -> pl.DataFrame:
    """Adds rank, rank interval, probabilities, consequence and reason codes."""
    flagged = scores.with_columns(
        NO_RATINGS=pl.col("score_shrunken").is_null(),
        NO_PEER_GROUP=pl.col("peer_group").is_null(),
        INSUFFICIENT_RELIABILITY=pl.col("reliability") < float(rules.min_reliability_shown),
        DISCONNECTED=pl.col("component").drop_nulls().n_unique().over("peer_group") > 1,
    )
    unranked = pl.any_horizontal(pl.col(code).fill_null(value=False) for code in _UNRANKED)
    ranks = _group_ranks(flagged.filter(~unranked), models, rules)
    codes = (*_UNRANKED, "DISCONNECTED")
    return flagged.join(ranks, on="ratee_org_id", how="left").with_columns(
        consequence=_consequence(rules), reason_codes=join_reasons({code: pl.col(code) for code in codes})
    )


_RANK_SCHEMA = {
    "ratee_org_id": pl.String(),
    "rank": pl.Int64(),
    "rank_low": pl.Int64(),
    "rank_high": pl.Int64(),
    "p_top": pl.Float64(),
    "p_bottom": pl.Float64(),
}


def _group_ranks(ranked: pl.DataFrame, models: Mapping[str, MixedModel], rules: RankRules) -> pl.DataFrame:
    """Ranks inside each peer group and connected part, from the joint error of its scores."""
    places = {
        department: (model, index) for model in models.values() for index, department in enumerate(model.departments)
    }
    parts = [pl.DataFrame(schema=_RANK_SCHEMA)]
    for group in ranked.sort("ratee_org_id").partition_by("peer_group", "component", maintain_order=True):
        departments = group["ratee_org_id"]
        model = places[departments[0]][0]
        index = np.array([places[department][1] for department in departments])
        if model.score_covariance is None:
            raise ValueError("departments without an error estimate cannot be ranked")
        summary = rank_summary(
            model.score[index],
            model.score_covariance[np.ix_(index, index)],
            draws=rules.draws,
            seed=rules.seed,
            level=rules.level,
            top_share=rules.top_share,
            bottom_share=rules.bottom_share,
        )
        columns = {name: getattr(summary, name) for name in list(_RANK_SCHEMA)[1:]}
        parts.append(pl.DataFrame({"ratee_org_id": departments, **columns}, schema=_RANK_SCHEMA))
    return pl.concat(parts)


def _consequence(rules: RankRules) -> pl.Expr:
    """What may follow from the rank (method A7)."""
    reliable = pl.col("reliability") >= float(rules.min_reliability_consequence)
    top, bottom = (reliable & (pl.col(name) >= float(rules.min_probability)) for name in ("p_top", "p_bottom"))
    return (
        pl.when(pl.col("rank").is_null())
        .then(None)
        .when(top & ~bottom)
        .then(pl.lit(TOP))
        .when(bottom & ~top)
        .then(pl.lit(BOTTOM))
        .otherwise(pl.lit(NO_SIGNIFICANT_DIFFERENCE))
    )


def _item_means(item_rows: pl.DataFrame, items: pl.DataFrame, period_id: str) -> pl.DataFrame:
    # Versions of an instrument in one period may name a dimension differently; one of them is shown.
    dimensions = items.group_by("instrument_id", "item_id").agg(pl.col("dimension").max())
    answered = pl.when(pl.col("n_answered") > 0).then("n_answered")
    return item_rows.join(dimensions, on=["instrument_id", "item_id"], how="left").with_columns(
        period_id=pl.lit(period_id), score_raw_mean=pl.col("sum_value") / (answered * VALUE_SCALE)
    )
