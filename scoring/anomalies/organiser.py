"""Flags about the organiser: turnout and means that jump at a threshold (method 2.9)."""

from __future__ import annotations

import math
from fractions import Fraction

import polars as pl
import scipy.special

from scoring.anomalies.parameters import AnomalyParameters

SCHEMA = {
    "flag": pl.String(),
    "turnout_threshold": pl.Float64(),
    "n_flagged": pl.Int64(),
    "n_examined": pl.Int64(),
    "statistic": pl.Float64(),
    "p_value": pl.Float64(),
}


def turnout_jumps(turnout: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Bunching of turnout just above each threshold, and a jump of the units' mean there.

    Units are placed by the whole number of raters ``m`` they are beyond the least that reaches the
    threshold, so rosters of different sizes line up. With ``N_k`` the units in step ``k`` (``step_raters``
    raters wide, step 0 begins at the threshold) and both sides extrapolated in a straight line to it:

    - ``turnout_bunching``: ``z = (1.5 (N_0 - N_-1) - 0.5 (N_1 - N_-2)) / sqrt(2.25 (N_0 + N_-1) + 0.25 (N_1 +
      N_-2))``, the jump of the density over its Poisson error (after McCrary 2008, J. Econometrics 142); one-sided;
    - ``mean_jump``: difference of the units' means between steps 0, 1 and -1, -2 over its standard error (Welch,
      normal tail), two-sided; null with fewer than five units on a side.

    Args:
        turnout: org_id, n_raters, n_eligible_raters, mean (0-100, null where unknown); one row per unit.
        parameters: Limits.

    Returns:
        flag, turnout_threshold, n_flagged (units in step 0), n_examined (units in the four steps), statistic
        (z) and p_value, one row per threshold and flag, corrected for the number of thresholds (Bonferroni).
    """
    rows = [row for share in parameters.turnout_thresholds for row in _at(turnout, share, parameters)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


Row = tuple[str, float, int, int, float | None, float | None]


def _at(turnout: pl.DataFrame, share: Fraction, parameters: AnomalyParameters) -> list[Row]:
    eligible = pl.col("n_eligible_raters")
    least = -((-eligible * share.numerator) // share.denominator)
    placed = turnout.filter(eligible > 0).select(
        "mean", step=(pl.col("n_raters").cast(pl.Int64) - least) // parameters.step_raters
    )
    near = placed.filter(pl.col("step").is_between(-2, 1))
    counts = {step: near.filter(pl.col("step") == step).height for step in (-2, -1, 0, 1)}
    spread = 2.25 * (counts[0] + counts[-1]) + 0.25 * (counts[1] + counts[-2])
    jump = 1.5 * (counts[0] - counts[-1]) - 0.5 * (counts[1] - counts[-2])
    bunching = jump / math.sqrt(spread) if spread else None
    mean = _mean_jump(near)
    tests = len(parameters.turnout_thresholds)
    upper = None if bunching is None else float(scipy.special.ndtr(-bunching))
    both = None if mean is None else 2.0 * float(scipy.special.ndtr(-abs(mean)))
    return [
        (name, float(share), counts[0], near.height, z, None if p is None else min(1.0, tests * p))
        for name, z, p in (("turnout_bunching", bunching, upper), ("mean_jump", mean, both))
    ]


def _mean_jump(near: pl.DataFrame) -> float | None:
    sides = [
        near.filter(side)["mean"].drop_nulls().sort().to_numpy() for side in (pl.col("step") >= 0, pl.col("step") < 0)
    ]
    if min(len(side) for side in sides) < 5:
        return None
    error = math.sqrt(sum(float(side.var(ddof=1)) / len(side) for side in sides))
    return float(sides[0].mean() - sides[1].mean()) / error if error else None
