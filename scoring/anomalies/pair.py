"""Flags about a unit and a department: retaliation and favour (method 2.9)."""

from __future__ import annotations

import datetime as dt

import polars as pl

from scoring.anomalies.false_discovery import ordered_sums
from scoring.anomalies.parameters import AnomalyParameters
from scoring.sums import VALUE_SCALE

HARMS = ("penalty", "refusal")
"""Kinds of trigger after which a unit might retaliate."""

FAVOURS = ("favour",)
"""Kinds of trigger after which a unit might return a favour."""

_PAIR = ("rater_org_id", "ratee_org_id")


def pair_residuals(residual_cells: pl.DataFrame) -> pl.DataFrame:
    """One standardised residual per unit and department: ``r = sum w e / sqrt(v sum w)``.

    Over the voters of the unit ``sum w e`` has variance ``v sum w``, so this is ``r_ij`` itself where the
    unit is one voter.

    Args:
        residual_cells: See ``residuals.residuals``.

    Returns:
        rater_org_id, ratee_org_id, n_voters, standardised; sorted.
    """
    weight = pl.col("weight") / VALUE_SCALE
    # sqrt(w) r = w e / sqrt(v): sums of it over sqrt(sum w) need no v of their own.
    rows = residual_cells.with_columns(part=pl.col("standardised") * weight.sqrt())
    weights = residual_cells.group_by(_PAIR).agg(pl.col("weight").sum())
    sums = ordered_sums(rows, _PAIR, ["part"])
    return (
        sums.join(weights, on=_PAIR)
        .select(*_PAIR, n_voters="n", standardised=pl.col("part") / weight.sqrt())
        .sort(_PAIR)
    )


def pair_flags(
    residual_cells: pl.DataFrame,
    triggers: pl.DataFrame,
    rated_on: pl.DataFrame,
    parameters: AnomalyParameters,
    *,
    closed_on: dt.date,
) -> pl.DataFrame:
    """``retaliation``: r below -``residual`` and a logged harm before the rating; ``favour``: the mirror image.

    A trigger counts when it lies on the day of the unit's last rating of the department or at most
    ``trigger_days`` before it.

    Args:
        residual_cells: See ``residuals.residuals``.
        triggers: rater_org_id (the unit), ratee_org_id (the department that acted), date, kind
            (``HARMS`` or ``FAVOURS``); from the findings and adjustments.
        rated_on: rater_org_id, ratee_org_id, date of the last rating of the pair; pairs without one
            count as rated on ``closed_on``.
        parameters: Limits.
        closed_on: Last day of the ratings.

    Returns:
        rater_org_id, ratee_org_id, n_voters, standardised, harmed, favoured, retaliation, favour; one row
        per rated pair, sorted. It never leaves the scoring process.

    Raises:
        ValueError: A trigger is of an unknown kind.
    """
    unknown = sorted(set(triggers["kind"].unique()) - {*HARMS, *FAVOURS})
    if unknown:
        raise ValueError(f"unknown kinds of trigger: {', '.join(unknown)}")
    pairs = pair_residuals(residual_cells)
    dated = pairs.select(_PAIR).join(rated_on, on=_PAIR, how="left").with_columns(pl.col("date").fill_null(closed_on))
    days = (pl.col("date") - pl.col("date_trigger")).dt.total_days()
    timely = (
        dated.join(triggers.select(*_PAIR, "kind", date_trigger="date"), on=_PAIR)
        .filter(days.is_between(0, parameters.trigger_days))
        .group_by(_PAIR)
        .agg(harmed=pl.col("kind").is_in(HARMS).any(), favoured=pl.col("kind").is_in(FAVOURS).any())
    )
    limit = float(parameters.residual)
    return (
        pairs.join(timely, on=_PAIR, how="left")
        .with_columns(pl.col("harmed", "favoured").fill_null(value=False))
        .with_columns(
            retaliation=pl.col("harmed") & (pl.col("standardised") < -limit),
            favour=pl.col("favoured") & (pl.col("standardised") > limit),
        )
        .sort(_PAIR)
    )
