"""What the fitted models leave unexplained, cell by cell (method 2.1, 2.9)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from scoring.crossed import level_columns
from scoring.mixed_model import MixedModel
from scoring.sums import VALUE_SCALE

SCHEMA = {
    "fit": pl.String(),
    "voter_id": pl.String(),
    "rater_org_id": pl.String(),
    "ratee_org_id": pl.String(),
    "weight": pl.Int64(),
    "residual": pl.Float64(),
    "standardised": pl.Float64(),
}


def residuals(cells: pl.DataFrame, models: Mapping[str, MixedModel]) -> pl.DataFrame:
    """Conditional residuals ``e_ij = y_ij - x_ij'beta - s_i - d_j`` and ``r_ij = e_ij sqrt(w_ij / v)``.

    Args:
        cells: See ``sums.voter_cells``, with the columns the fixed effects of the models are made of.
        models: Fits by name; a department belongs to at most one of them.

    Returns:
        fit, voter_id, rater_org_id, ratee_org_id, weight (Int64, 10^-4), residual (points, 0-100) and
        standardised; sorted. Cells of departments that no model with a residual variance holds are left
        out.
    """
    parts = [
        _of_model(cells, name, model)
        for name, model in sorted(models.items())
        if model.outcome == "fitted" and model.v > 0.0
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=SCHEMA)


def _of_model(cells: pl.DataFrame, name: str, model: MixedModel) -> pl.DataFrame:
    departments = pl.DataFrame({"ratee_org_id": model.departments, "effect": model.effect})
    voters = pl.DataFrame({"voter_id": model.voters, "severity": model.severity})
    rows = cells.join(departments, on="ratee_org_id").join(voters, on="voter_id").sort("voter_id", "ratee_org_id")
    rows = rows.with_columns(level_columns(model.fixed_effects))
    fixed = np.full(rows.height, model.beta[0])
    for column, coefficient in zip(model.fixed_effects[1:], model.beta[1:], strict=True):
        fixed += coefficient * rows[column].cast(pl.Float64).to_numpy()
    explained = pl.Series(fixed) + rows["effect"] + rows["severity"]
    return rows.with_columns(residual=rows["value"] / VALUE_SCALE - explained).select(
        pl.lit(name).alias("fit"),
        "voter_id",
        "rater_org_id",
        "ratee_org_id",
        "weight",
        "residual",
        standardised=pl.col("residual") * (pl.col("weight") / (VALUE_SCALE * model.v)).sqrt(),
    )
