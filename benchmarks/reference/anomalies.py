"""Residuals and severities the anomaly flags read, against lme4 on InstEval (m0, REML)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.reference.row import Row
from scoring.anomalies.residuals import residuals
from scoring.mixed_model import crossed_sums, fit
from scoring.sums import VALUE_SCALE

_POINTS_PER_STEP = 25.0


def rows(reference: Path) -> Iterator[Row]:
    """Conditional residuals and their penalised sum of squares, in steps of the 1-5 scale."""
    folder = reference / "insteval"
    ratings = pl.read_csv(folder / "insteval.csv.gz", schema_overrides={"s": pl.String, "d": pl.String})
    cells = ratings.select(
        voter_id="s",
        rater_org_id=pl.lit("U"),
        ratee_org_id="d",
        value=((pl.col("y") - 1) * int(_POINTS_PER_STEP * VALUE_SCALE)).cast(pl.Int64),
        weight=pl.lit(VALUE_SCALE, pl.Int64),
    )
    model = fit(crossed_sums(cells))
    mine = residuals(cells, {"all": model}).with_columns(pl.col("residual") / _POINTS_PER_STEP)
    theirs = ratings.join(_effects(folder / "m0_reml_ranef_s.csv.gz", "s"), on="s").join(
        _effects(folder / "m0_reml_ranef_d.csv", "d"), on="d"
    )
    intercept = pl.read_csv(folder / "m0_reml_fixef.csv")["estimate"].item()
    expected = theirs.with_columns(expected=pl.col("y") - intercept - pl.col("effect_s") - pl.col("effect_d"))
    both = mine.join(expected, left_on=["voter_id", "ratee_org_id"], right_on=["s", "d"])
    difference = (both["residual"] - both["expected"]).abs().max()
    yield Row("conditional residuals (steps)", "lme4 InstEval m0", both.height, float(str(difference)), 1e-5)
    penalised = (
        float(np.sum(mine["residual"].to_numpy() ** 2))
        + float(np.sum(model.severity**2)) / _POINTS_PER_STEP**2 * model.v / model.vs
        + float(np.sum(model.effect**2)) / _POINTS_PER_STEP**2 * model.v / model.vd
    )
    published = (
        pl.read_csv(folder / "model_summary.csv").filter(pl.col("model") == "m0_reml")["devcomp_cmp_pwrss"].item()
    )
    yield Row(
        "penalised residual sum of squares, relative", "lme4 InstEval m0", 1, abs(penalised / published - 1.0), 1e-6
    )


def _effects(path: Path, group: str) -> pl.DataFrame:
    table = pl.read_csv(path, schema_overrides={"level": pl.String})
    return table.select(pl.col("level").alias(group), pl.col("blup").alias(f"effect_{group}"))
