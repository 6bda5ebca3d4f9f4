"""Flags about single raters and voters (method 2.9)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import scipy.special

from scoring.anomalies.false_discovery import ordered_sums, with_q_values
from scoring.anomalies.parameters import AnomalyParameters
from scoring.mixed_model import MixedModel
from scoring.sums import VALUE_SCALE

_TOP = 100 * VALUE_SCALE

_MIN_VOTERS = 20
"""Voters of a fit from which their median severity is trusted."""

_SEVERITY_SCHEMA = {
    "fit": pl.String(),
    "voter_id": pl.String(),
    "severity": pl.Float64(),
    "vs": pl.Float64(),
    "v": pl.Float64(),
}


def rater_flags(raters: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Straight lines, long runs and impossible speed.

    - ``straight_line``: at least ``min_items`` answers in the period, all of them equal on 0-100;
    - ``long_run``: at least ``min_run`` equal answers in a row, making up ``min_run_share`` of all (after
      Curran 2016, J. Exp. Soc. Psychol. 66: half the length of the scale);
    - ``too_fast``: fewer than ``seconds_per_item`` seconds per answer, null where no duration was recorded.

    Args:
        raters: ``AnswerPatterns.raters``.
        parameters: Limits.

    Returns:
        rater_id, rater_org_id and one Boolean column per flag, in the order of ``raters``. It never leaves
        the scoring process.
    """
    share = parameters.min_run_share
    run = pl.col("longest_run")
    long_enough = run * share.denominator >= pl.col("n_answers") * share.numerator
    return raters.select(
        "rater_id",
        "rater_org_id",
        straight_line=(pl.col("n_answers") >= parameters.min_items) & (pl.col("low") == pl.col("high")),
        long_run=(run >= parameters.min_run) & long_enough,
        too_fast=pl.col("seconds_per_item") < float(parameters.seconds_per_item),
    )


def extreme_ballots(ballots: pl.DataFrame) -> pl.DataFrame:
    """Ballots of at least two items that are all at the top or all at the bottom of the scale.

    Args:
        ballots: ``AnswerPatterns.ballots``.

    Returns:
        rater_id, rater_org_id, ratee_org_id, extreme_ballot. It never leaves the scoring process.
    """
    extreme = (pl.col("low") == _TOP) | (pl.col("high") == 0)
    return ballots.select("rater_id", "rater_org_id", "ratee_org_id", extreme_ballot=(pl.col("n_items") >= 2) & extreme)


def voter_flags(
    residual_cells: pl.DataFrame, models: Mapping[str, MixedModel], parameters: AnomalyParameters
) -> pl.DataFrame:
    """Severity beyond chance and residuals too small or too large, by voter and fit.

    - ``severity``: ``z_i = s_i / sd(s_i)`` with ``Var(s_i) = vs gs n_i / (1 + gs n_i)``, ``gs = vs/v``, the
      variance a predicted severity has over voters with weight sum ``n_i`` (departments taken as known);
      taken from their median and, where they spread less than 1, divided by 1.4826 times their median
      absolute deviation, so that many false voters cannot hide behind the mean and variance they cause;
      two-sided normal p-value, flagged where Benjamini and Hochberg's q is at most
      ``false_discovery_rate``;
    - ``misfit``: mean of ``r_ij^2`` over at least ``min_cells`` departments outside ``misfit_low`` to
      ``misfit_high``.

    Args:
        residual_cells: See ``residuals.residuals``.
        models: Fits by name.
        parameters: Limits.

    Returns:
        fit, voter_id, rater_org_id, n_cells, z, p_value, q_value, mean_square, severity, misfit; sorted by
        fit and voter. ``z`` is null in a fit without severity. It never leaves the scoring process.
    """
    weights = residual_cells.group_by("fit", "voter_id").agg(pl.col("weight").sum(), pl.col("rater_org_id").max())
    squares = ordered_sums(
        residual_cells.with_columns(square=pl.col("standardised") ** 2), ["fit", "voter_id"], ["square"]
    )
    severities = [_severities(name, model) for name, model in sorted(models.items())]
    table = pl.concat(severities) if severities else pl.DataFrame(schema=_SEVERITY_SCHEMA)
    n = pl.col("weight") / VALUE_SCALE
    ratio = pl.col("vs") / pl.col("v")
    spread = (pl.col("vs") * ratio * n / (1.0 + ratio * n)).sqrt()
    rows = (
        weights.join(squares, on=["fit", "voter_id"])
        .join(table, on=["fit", "voter_id"])
        .sort("fit", "voter_id")
        .with_columns(z=pl.when(pl.col("vs") > 0.0).then(pl.col("severity") / spread))
        .with_columns(z=_robust(pl.col("z")))
    )
    p_values = 2.0 * scipy.special.ndtr(-np.abs(rows["z"].fill_null(float("nan")).to_numpy()))
    tested = with_q_values(rows.with_columns(p_value=pl.Series(p_values, dtype=pl.Float64).fill_nan(None)))
    mean_square = pl.col("square") / pl.col("n")
    inside = mean_square.is_between(float(parameters.misfit_low), float(parameters.misfit_high))
    return tested.select(
        "fit",
        "voter_id",
        "rater_org_id",
        pl.col("n").alias("n_cells"),
        "z",
        "p_value",
        "q_value",
        mean_square=mean_square,
        severity=(pl.col("q_value") <= float(parameters.false_discovery_rate)).fill_null(value=False),
        misfit=(pl.col("n") >= parameters.min_cells) & ~inside,
    )


def _robust(z: pl.Expr) -> pl.Expr:
    """Distance from the fit's median in robust standard deviations of at most 1; as it is for too few voters."""
    centred = z - z.median().over("fit")
    scale = 1.4826 * centred.abs().median().over("fit")
    robust = pl.when(scale > 0.0).then(centred / pl.min_horizontal(scale, 1.0)).otherwise(centred)
    return pl.when(z.count().over("fit") >= _MIN_VOTERS).then(robust).otherwise(z)


def _severities(name: str, model: MixedModel) -> pl.DataFrame:
    return pl.DataFrame({"voter_id": model.voters, "severity": model.severity}).select(
        pl.lit(name).alias("fit"), "voter_id", "severity", vs=pl.lit(model.vs), v=pl.lit(model.v)
    )
