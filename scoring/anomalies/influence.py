"""What flagged ballots do to the scores (method 2.9, treatment).

The published score counts every valid ballot, flagged or not; ``counted_ballots`` takes out only what a
signed decision names.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from scoring.anomalies.parameters import AnomalyParameters
from scoring.anomalies.residuals import residuals
from scoring.crossed import crossed_sums, dummy_columns
from scoring.mixed_model import MixedModel, fit

_SIGNED = ("upheld", "partly")


def counted_ballots(ballots: pl.DataFrame, excluded: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ballots the published score counts, and how many each exclusion took out.

    Args:
        ballots: ``sums.RatingSums.ballots``.
        excluded: adjustment_id, adj_kind, decision, decided_by_org_id, rater_org_id (the unit),
            ratee_org_id (null: every department). Adjustments of other kinds and decisions that are not
            upheld take nothing out.

    Returns:
        The ballots left, and adjustment_id with n_ballots, one row per exclusion in force, sorted.

    Raises:
        ValueError: An exclusion is upheld without anybody who decided it, or names no unit.
    """
    in_force = excluded.filter((pl.col("adj_kind") == "exclusion") & pl.col("decision").is_in(_SIGNED))
    unsigned = in_force.filter(pl.col("decided_by_org_id").is_null() | pl.col("rater_org_id").is_null())
    if unsigned.height:
        names = ", ".join(sorted(unsigned["adjustment_id"]))
        raise ValueError(f"an exclusion needs a unit and a signed decision: {names}")
    numbered = ballots.with_row_index("ballot")
    pairs = in_force.select("adjustment_id", "rater_org_id", "ratee_org_id")
    whole = numbered.join(pairs.filter(pl.col("ratee_org_id").is_null()).drop("ratee_org_id"), on="rater_org_id")
    single = numbered.join(pairs, on=["rater_org_id", "ratee_org_id"])
    hit = pl.concat([part.select("ballot", "adjustment_id") for part in (whole, single)])
    counts = hit.group_by("adjustment_id").agg(n_ballots=pl.len().cast(pl.Int64))
    applied = in_force.select("adjustment_id").unique().join(counts, on="adjustment_id", how="left")
    left = numbered.join(hit.select("ballot").unique(), on="ballot", how="anti", maintain_order="left").drop("ballot")
    return left, applied.with_columns(pl.col("n_ballots").fill_null(0)).sort("adjustment_id")


def scores_without(cells: pl.DataFrame, models: Mapping[str, MixedModel]) -> pl.DataFrame:
    """Department scores refitted to other cells, each fit with its own departments.

    Args:
        cells: Voter cells of the ballots that are not flagged; see ``sums.voter_cells``.
        models: The published fits by name.

    Returns:
        ratee_org_id, score (the published one), score_without (null where no ballot is left), score_difference
        (published minus without); sorted.
    """
    return (
        _scores(models, "score")
        .join(_scores(fitted_alike(cells, models), "score_without"), on="ratee_org_id", how="left")
        .with_columns(score_difference=pl.col("score") - pl.col("score_without"))
        .sort("ratee_org_id")
    )


def fitted_alike(cells: pl.DataFrame, models: Mapping[str, MixedModel]) -> dict[str, MixedModel]:
    """Fits to other cells, by the same names, departments, fixed effects and criterion.

    Args:
        cells: See ``sums.voter_cells``, with the columns of the fixed effects.
        models: Fits by name.

    Returns:
        Fits by name; one whose departments have no cell is left out.
    """
    parts = {name: cells.filter(pl.col("ratee_org_id").is_in(model.departments)) for name, model in models.items()}
    return {
        name: fit(crossed_sums(*_with_effects(parts[name], model)), model.criterion)
        for name, model in models.items()
        if parts[name].height
    }


def _with_effects(cells: pl.DataFrame, model: MixedModel) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The cells with the fixed effects of a fit; a level nobody of these cells has is left out."""
    named = dict.fromkeys(name.split("=", maxsplit=1)[0] for name in model.fixed_effects[1:] if "=" in name)
    rows, levels = dummy_columns(cells, tuple(named))
    return rows, (*(name for name in model.fixed_effects[1:] if "=" not in name), *levels)


def _scores(models: Mapping[str, MixedModel], name: str) -> pl.DataFrame:
    schema = {"ratee_org_id": pl.String(), name: pl.Float64()}
    parts = [pl.DataFrame({"ratee_org_id": model.departments, name: model.score}) for model in models.values()]
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def huber_cells(cells: pl.DataFrame, models: Mapping[str, MixedModel], parameters: AnomalyParameters) -> pl.DataFrame:
    """The cells with one-step Huber weights ``w min(1, 2.5 / |r|)``.

    ``r`` is the standardised conditional residual of the published fit; the weights are whole numbers of
    10^-4 again, at least one. Cells of a fit without residual variance keep their weight.

    Args:
        cells: See ``sums.voter_cells``; one row per voter and department.
        models: The published fits by name.
        parameters: ``huber`` is the tuning constant.

    Returns:
        The cells in their order with ``weight`` replaced.
    """
    key = ["voter_id", "ratee_org_id"]
    size = residuals(cells, models).select(*key, size=pl.col("standardised").abs())
    limit = float(parameters.huber)
    factor = pl.when(pl.col("size") > limit).then(limit / pl.col("size")).otherwise(1.0)
    reduced = (pl.col("weight") * factor).round(mode="half_away_from_zero").cast(pl.Int64).clip(lower_bound=1)
    joined = cells.join(size, on=key, how="left", maintain_order="left")
    return joined.with_columns(weight=reduced).select(cells.columns)
