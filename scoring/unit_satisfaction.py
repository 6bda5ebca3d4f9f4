"""Satisfaction of units: from answers to one mean per unit with its error (method 3.2, B1 to B5).

A respondent counts once for a unit, with the mean of the own answers about it. Everything read from
answers is a sum of whole numbers (``unit_answer_moments``), enough for the weighted mean of a unit and
its Taylor standard error with strata and respondents as sampling units. Means are then pulled toward
the mean of their peer group (``shrinkage.fay_herriot``), each group by itself, so that no group depends on
another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.exact import POINT, points_decimal
from scoring.shrinkage import Tau2Method, fay_herriot
from scoring.sums import RAW_SCALE, VALUE_SCALE, divide_half_up, item_scales, raw_units, value_units
from scoring.survey_design import LonelyRule
from scoring.tables.reasons import join_reasons
from scoring.tables.satisfaction import UNIT_SATISFACTION

Statistic = Literal["mean", "top_two"]
Floats = npt.NDArray[np.float64]

RESPONDENT_KEY = ("source_system", "survey_id", "submission_id")
"""One completed questionnaire."""

_LEAST_VARIANCE = VALUE_SCALE**-2
"""A sampling variance below this is below the resolution of the values: 0.0001 points, squared."""

_TOP = 100 * VALUE_SCALE

_CONFIDENCE_FACTOR = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class SatisfactionParameters:
    """Numbers of policy for the satisfaction of units.

    ``suppress_below``: fewer respondents are not published; ``flag_below``: fewer are flagged, and their
    variance is taken from the whole peer group; ``shrink``: whether means are pulled toward the group;
    ``lonely_psu``: what a stratum with one respondent adds to the variance (see ``survey_design``).
    """

    suppress_below: int
    flag_below: int
    shrink: bool = True
    lonely_psu: LonelyRule = "adjust"
    tau2_method: Tau2Method = "REML"


def unit_answer_moments(
    responses: pl.LazyFrame,
    items: pl.DataFrame,
    *,
    statistic: Statistic = "mean",
    weights: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Sums over respondents by organisation and stratum, in whole numbers.

    With ``w`` the weight of a respondent (10^-6) and ``y`` the item-weighted mean of the own scale items about
    the organisation (10^-4 of 0-100, rounded half up once). Earlier are the respondents who submitted
    at or before the organisation's (lower) median moment, later the others.

    Args:
        responses: Current rows of survey_response of one period: ``RESPONDENT_KEY``, instrument_id,
            item_id, respondent_org_id, target_org_id, status, score_raw and weight Decimal(18,6), stratum,
            submitted_at. A respondent whose rows differ in weight, stratum or moment counts with the
            greatest.
        items: See ``sums.item_scales``; one version per instrument.
        statistic: ``mean`` of the answers on 0-100, or the share of answers among the two best points
            of their scale (``top_two``), as 0 or 100.
        weights: ``RESPONDENT_KEY`` and weight Decimal(18,6), such as ``calibration.raked_respondents`` gives;
            they replace the weights of the answers. None: the answers' own, missing ones count as 1.

    Returns:
        org_id, stratum (null: none), n, n_early, n_late (Int64) and Int128 sums: sum_w, sum_wy, sum_w2, sum_wy2,
        sum_w2y, sum_w2y2, sum_w_early, sum_wy_early, sum_w_late, sum_wy_late; sorted.

    Raises:
        ValueError: An instrument has more than one version, an answer names an item that is not in
            ``items``, a respondent has no calibrated weight, weights are too large for 128-bit sums, or see
            ``item_scales``.
    """
    respondents = _respondents(responses, items, statistic)
    if weights is not None:
        respondents = respondents.drop("w").join(
            weights.select(*RESPONDENT_KEY, w=raw_units("weight")), on=RESPONDENT_KEY, how="left"
        )
        if respondents["w"].null_count():
            raise ValueError("a respondent has no calibrated weight")
    w, y, early = pl.col("w").cast(pl.Int128), pl.col("y").cast(pl.Int128), pl.col("early")
    moments = (
        respondents.lazy()
        .with_columns(early=pl.col("moment") <= _lower_median("moment").over("org_id"))
        .group_by("org_id", "stratum")
        .agg(
            n=pl.len().cast(pl.Int64),
            n_early=early.sum().cast(pl.Int64),
            n_late=(~early).sum().cast(pl.Int64),
            sum_w=w.sum(),
            sum_wy=(w * y).sum(),
            sum_w2=(w * w).sum(),
            sum_wy2=(w * y * y).sum(),
            sum_w2y=(w * w * y).sum(),
            sum_w2y2=(w * w * y * y).sum(),
            sum_w_early=w.filter(early).sum(),
            sum_wy_early=(w * y).filter(early).sum(),
            sum_w_late=w.filter(~early).sum(),
            sum_wy_late=(w * y).filter(~early).sum(),
            largest=pl.col("w").max(),
        )
        .sort("org_id", "stratum")
        .collect()
    )
    _refuse_overflow(moments)
    return moments.drop("largest")


def _respondents(responses: pl.LazyFrame, items: pl.DataFrame, statistic: Statistic) -> pl.DataFrame:
    """One row per respondent and organisation: weight w, value y, stratum, moment."""
    scales = item_scales(items)
    if scales.select("instrument_id", "item_id").is_duplicated().any():
        raise ValueError("items hold more than one version of an instrument")
    lookup = scales.select("instrument_id", "item_id", "low", "span", "lower_better", "item_weight", known=True)
    valued = pl.col("value").is_not_null()
    rows = (
        responses.select(
            *RESPONDENT_KEY,
            "instrument_id",
            "item_id",
            "stratum",
            org_id=pl.coalesce("target_org_id", "respondent_org_id"),
            moment=pl.col("submitted_at").to_physical().cast(pl.Int64),
            w=raw_units("weight").fill_null(RAW_SCALE),
            score=pl.when(pl.col("status") == "answered").then(raw_units("score_raw")),
        )
        .join(lookup.lazy(), on=["instrument_id", "item_id"], how="left")
        .with_columns(value=value_units(pl.col("score")) if statistic == "mean" else _top_two(pl.col("score")))
        .group_by(*RESPONDENT_KEY, "org_id")
        .agg(
            pl.col("stratum", "moment", "w").max(),
            item_weight=pl.col("item_weight").filter(valued).sum(),
            weighted=(pl.col("item_weight") * pl.col("value")).sum(),
            unknown=pl.col("known").is_null().any(),
        )
        .collect(engine="streaming")
    )
    if rows["unknown"].any():
        raise ValueError("answers name an item that is not in the instrument table")
    return (
        rows.filter(pl.col("org_id").is_not_null() & (pl.col("item_weight") > 0))
        .with_columns(y=divide_half_up(pl.col("weighted"), pl.col("item_weight")))
        .select(*RESPONDENT_KEY, "org_id", "stratum", "moment", "w", "y")
    )


def _top_two(score: pl.Expr) -> pl.Expr:
    """100 (in 10^-4) for the best point of the scale and the one beside it, 0 below."""
    rise = score - pl.col("low")
    height = pl.when("lower_better").then(pl.col("span") - rise).otherwise(rise)
    return pl.when(height >= pl.col("span") - RAW_SCALE).then(_TOP).when(height.is_not_null()).then(0).cast(pl.Int64)


def _lower_median(column: str) -> pl.Expr:
    return pl.col(column).sort().get((pl.len() - 1) // 2)


def _refuse_overflow(moments: pl.DataFrame) -> None:
    for n, largest in moments.select("n", "largest").iter_rows():
        if n * largest**2 * _TOP**2 >= 2**127:
            raise ValueError("weights are too large: their squares do not fit the sums; scale them to an average of 1")


def merge_moments(*parts: pl.DataFrame) -> pl.DataFrame:
    """The moments of several periods together, by addition.

    Args:
        parts: Frames of ``unit_answer_moments``; at least one.
    """
    key = ["org_id", "stratum"]
    return pl.concat(parts).group_by(key).agg(pl.exclude(key).sum()).select(parts[0].columns).sort(key)


def unit_satisfaction(
    moments: pl.DataFrame,
    organisations: pl.DataFrame,
    *,
    period_id: str,
    parameters: SatisfactionParameters,
) -> pl.DataFrame:
    """Mean, error, shrunken mean and quality figures of every unit.

    The variance of a unit with fewer than ``flag_below`` respondents, or whose respondents all agree, is
    the pooled variance of its peer group over its own effective sample size (method 2.4). A unit alone
    in its group, or without one, keeps its own mean. Where the means of a group spread no more than
    chance, all of its units have the group's mean (``MEANS_NOT_DISTINGUISHABLE``). Values of units below
    ``suppress_below`` are computed and marked ``SUPPRESSED_SMALL_N``; whoever publishes leaves them out.

    Args:
        moments: See ``unit_answer_moments``; organisations that are not assessed are left out.
        organisations: org_id, org_name, peer_group of the assessed units, each once, and n_eligible (people
            who could have answered; null or absent where not known).
        period_id: Period of the answers.
        parameters: Numbers of policy.

    Returns:
        ``tables.satisfaction.UNIT_SATISFACTION``; a unit without answers has null values and ``NO_ANSWERS``.
    """
    if "n_eligible" not in organisations.columns:
        organisations = organisations.with_columns(n_eligible=pl.lit(None, pl.Int64))
    units = organisations.select("org_id", "org_name", "peer_group", "n_eligible").sort("org_id")
    direct = _direct(moments.join(units.select("org_id"), on="org_id", how="semi"), parameters)
    rows = units.join(direct, on="org_id", how="left").with_columns(pl.col("n_respondents").fill_null(0))
    parts = [
        _shrunken(group, parameters, has_peers=name is not None)
        for (name,), group in rows.partition_by("peer_group", as_dict=True, maintain_order=True).items()
    ]
    shrunken = pl.concat(parts or [_shrunken(rows, parameters, has_peers=False)])
    return UNIT_SATISFACTION.conform(_described(shrunken, period_id, parameters))


def _direct(moments: pl.DataFrame, parameters: SatisfactionParameters) -> pl.DataFrame:
    """Weighted mean, its Taylor standard error and the rest that needs no other unit (method 2.2)."""
    totals = (
        moments.group_by("org_id")
        .agg(pl.exclude("stratum", "sum_w2y", "sum_w2y2").sum())
        .sort("org_id")
        .rename({"n": "n_respondents"})
    )
    strata = moments.join(
        totals.select("org_id", total_w="sum_w", total_wy="sum_wy"), on="org_id", maintain_order="left"
    ).sort("org_id", "stratum")
    variances = _variances(strata, parameters.lonely_psu)
    n, w, wy = pl.col("n_respondents"), pl.col("sum_w").cast(pl.Float64), pl.col("sum_wy").cast(pl.Float64)
    return totals.join(_pooling(totals), on="org_id").join(variances, on="org_id").select(
        "org_id",
        "n_respondents",
        "spread",
        n_eff=w**2 / pl.col("sum_w2").cast(pl.Float64),
        mean_0_100=wy / w / VALUE_SCALE,
        se=pl.when(n > 1).then(pl.col("variance").sqrt()),
        early_late_difference=_mean_of("early") - _mean_of("late"),
    )  # fmt: skip


def _mean_of(half: str) -> pl.Expr:
    count = pl.when(pl.col(f"n_{half}") > 0).then(pl.col(f"sum_w_{half}").cast(pl.Float64))
    return pl.col(f"sum_wy_{half}").cast(pl.Float64) / count / VALUE_SCALE


def _objects(frame: pl.DataFrame, *names: str) -> list[npt.NDArray[np.object_]]:
    """Columns as whole numbers of any size: products of the sums outgrow 128 bits."""
    return [np.array([*frame[name].to_list(), None], dtype=object)[:-1] for name in names]


def _variances(strata: pl.DataFrame, lonely_psu: LonelyRule) -> pl.DataFrame:
    """Variance of the mean of each organisation, in points squared.

    With ``W = sum w`` and ``Y = sum w y`` of the organisation, ``z = w (y W - Y) = W^2 u`` is a whole number, and so
    are the sums of ``z`` and of its square by stratum.
    """
    n, w, wy, w2, w2y, w2y2, total, weighted = _objects(
        strata, "n", "sum_w", "sum_wy", "sum_w2", "sum_w2y", "sum_w2y2", "total_w", "total_wy"
    )
    squares = total**2 * w2y2 - 2 * total * weighted * w2y + weighted**2 * w2
    sums = total * wy - weighted * w
    alone = n == 1
    # A stratum with one respondent is centred at the grand mean of u, which is 0.
    spread = np.where(alone, squares if lonely_psu == "adjust" else 0, n * squares - sums**2)
    scale = np.where(alone, 1, n - 1) * total**4 * VALUE_SCALE**2
    frame = strata.select("org_id").with_columns(
        variance=pl.Series([top / bottom for top, bottom in zip(spread, scale, strict=True)], dtype=pl.Float64),
        alone=pl.Series(alone.astype(bool)),
    )
    # Strata are few and sorted, so that the sum has one order.
    added = frame.group_by("org_id", maintain_order=True).agg("variance", kept=(~pl.col("alone")).sum(), all=pl.len())
    sizes = pl.Series([math.fsum(parts) for parts in added["variance"].to_list()], dtype=pl.Float64)
    result = added.with_columns(variance=sizes)
    if lonely_psu == "average":
        kept = pl.when(pl.col("kept") > 0).then("kept")
        result = result.with_columns(variance=pl.col("variance") * pl.col("all") / kept)
    elif lonely_psu == "fail" and (result["kept"] < result["all"]).any():
        raise ValueError("a stratum has a single respondent")
    return result.select("org_id", "variance")


def _pooling(totals: pl.DataFrame) -> pl.DataFrame:
    """Variance of single respondents of each organisation, in points squared; null for fewer than two."""
    n, w, wy, wy2 = _objects(totals, "n_respondents", "sum_w", "sum_wy", "sum_wy2")
    spread = [
        (count * (weight * squares - first**2)) / ((count - 1) * weight**2 * VALUE_SCALE**2) if count > 1 else None
        for count, weight, first, squares in zip(n, w, wy, wy2, strict=True)
    ]
    return totals.select("org_id", spread=pl.Series(spread, dtype=pl.Float64))


def _shrunken(group: pl.DataFrame, parameters: SatisfactionParameters, *, has_peers: bool) -> pl.DataFrame:
    """Adds gamma, the shrunken mean and its standard error to the units of one peer group, sorted by id."""
    group = group.sort("org_id").with_columns(psi=_sampling_variance(group, parameters.flag_below))
    usable = group.filter(pl.col("psi").is_not_null())
    if not (parameters.shrink and has_peers and usable.height > 1):
        own = pl.col("mean_0_100")
        return group.with_columns(
            gamma=pl.when(own.is_not_null()).then(1.0), eb=own, eb_se=pl.col("psi").sqrt(), shrunken=False
        ).drop("psi")
    y, psi = (usable[name].to_numpy() for name in ("mean_0_100", "psi"))
    fit = fay_herriot(y, psi, method=parameters.tau2_method)
    estimates = usable.select("org_id").with_columns(
        gamma=pl.Series(fit.gamma), eb=pl.Series(fit.estimate), eb_se=pl.Series(fit.se), shrunken=True
    )
    return group.join(estimates, on="org_id", how="left", maintain_order="left").drop("psi")


def _sampling_variance(group: pl.DataFrame, flag_below: int) -> pl.Expr:
    """psi: the own variance of the mean, or the pooled one where the own is noise; null where neither is known."""
    several = group.filter(pl.col("n_respondents") > 1).sort("org_id")
    free = int((several["n_respondents"] - 1).sum())
    own = pl.col("se") ** 2
    if not free:
        return pl.lit(None, pl.Float64)
    pooled = math.fsum(((several["n_respondents"] - 1) * several["spread"]).to_list()) / free
    smooth = (pl.col("n_respondents") < flag_below) | own.is_null() | (own == 0)
    psi = pl.when(smooth).then(pooled / pl.col("n_eff")).otherwise(own)
    return pl.when(pl.col("mean_0_100").is_not_null()).then(pl.max_horizontal(psi, pl.lit(_LEAST_VARIANCE)))


def _described(rows: pl.DataFrame, period_id: str, parameters: SatisfactionParameters) -> pl.DataFrame:
    n, eligible = pl.col("n_respondents"), pl.col("n_eligible")
    half_width = _CONFIDENCE_FACTOR * pl.col("eb_se")
    # The one rounding of this stage: from here on the score is a whole number of millionths.
    micropoints = (pl.col("eb") * POINT + 0.5).floor().cast(pl.Int64)
    answered = n > 0
    return rows.with_columns(
        period_id=pl.lit(period_id),
        response_rate=pl.when((eligible > 0) & (n <= eligible)).then(n / eligible),
        satisfaction_mean=points_decimal(micropoints),
        ci_low=pl.col("eb") - half_width,
        ci_high=pl.col("eb") + half_width,
        reason_codes=join_reasons(
            {
                "NO_ANSWERS": ~answered,
                "SUPPRESSED_SMALL_N": answered & (n < parameters.suppress_below),
                "SMALL_SAMPLE": (n >= parameters.suppress_below) & (n < parameters.flag_below),
                "NO_PEER_GROUP": pl.col("peer_group").is_null(),
                "NOT_SHRUNKEN": answered & ~pl.col("shrunken") & pl.lit(parameters.shrink),
                "MEANS_NOT_DISTINGUISHABLE": pl.col("shrunken") & (pl.col("gamma") == 0),
                "NO_ELIGIBLE_COUNT": eligible.is_null(),
                "MORE_ANSWERS_THAN_ELIGIBLE": n > eligible,
            }
        ),
    )
