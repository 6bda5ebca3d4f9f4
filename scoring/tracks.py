"""Indicator scores to the results score: cells, the dual track and the latent share (method 3.4 D1-D3).

Scores are whole millionths of a point; cell, track and results score are each rounded once, half up.
Missing is null and never 0: what remains is reweighted, and the row says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.exact import (
    POINT,
    mean_of_parts,
    millionths,
    observed_weight,
    points_decimal,
    require_whole,
    weighted_mean,
    wide,
)
from scoring.sums import RAW_SCALE, divide_half_up
from scoring.tables.units import UNIT_CELL

ACHIEVEMENT_KINDS = ("visible", "latent")
TRACKS = ("quality", "quantity")

_NEAR_HALF = 1e-5
"""Distance from a half within which a root is decided by whole numbers; a float's error is below 1e-6 here."""


@dataclass(frozen=True)
class TrackRules:
    """``quality_share`` is the exponent of the quality track (alpha), ``latent_share`` is lambda.

    A cell counts at least ``cell_floor`` points in the geometric mean, so that no logarithm of 0 is taken;
    a track without its twin counts at most ``missing_track_cap`` points; visible and latent are reweighted
    when the one that is there carries ``min_observed_weight``.
    """

    quality_share: Fraction = Fraction(3, 5)
    latent_share: Fraction = Fraction(7, 20)
    cell_floor: Fraction = Fraction(1)
    missing_track_cap: Fraction = Fraction(80)
    min_observed_weight: Fraction = Fraction(3, 5)


def applicable(organisations: pl.DataFrame, indicator_weights: pl.DataFrame) -> pl.DataFrame:
    """Which indicators count for which organisation, by its peer group.

    Args:
        organisations: org_id, peer_group.
        indicator_weights: indicator_id, peer_group (null: every group without a weight of its own),
            weight (Int64 millionths, not negative), and what the indicator is (achievement_kind, track,
            nature, ...). An indicator without a row for a group does not apply to it.

    Returns:
        org_id, peer_group and the other columns; one row per organisation and indicator that applies.

    Raises:
        ValueError: An indicator has two weights for one peer group, or a weight is negative.
    """
    if indicator_weights.select("indicator_id", "peer_group").is_duplicated().any():
        raise ValueError("an indicator has two weights for one peer group")
    if indicator_weights.filter(pl.col("weight") < 0).height:
        raise ValueError("a weight is negative")
    groups = organisations.select("peer_group").unique()
    own = groups.join(indicator_weights.filter(pl.col("peer_group").is_not_null()), on="peer_group")
    general = groups.join(indicator_weights.filter(pl.col("peer_group").is_null()).drop("peer_group"), how="cross")
    rest = general.join(own, on=["peer_group", "indicator_id"], how="anti", nulls_equal=True)
    by_group = pl.concat([own, rest.select(own.columns)])
    return organisations.select("org_id", "peer_group").join(by_group, on="peer_group", nulls_equal=True)


def cell_scores(indicator_scores: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """``C_at``: weighted mean of the scores over the indicators of a kind of achievement and a track (D1).

    Process indicators are left out; they have a part of their own (``process_scores``). Indicators
    without a score are reweighted.

    Args:
        indicator_scores: org_id, indicator_id, score100 (Int64 millionths of a point, null when missing),
            and optionally score100_se (the same; null when the fact was counted without error).
        weights: See ``applicable``; with achievement_kind, track and nature.

    Returns:
        org_id, peer_group, achievement_kind, track, n_indicators, n_scored, observed_weight (Int64
        millionths), cell_score (Int64, null without an observed weight), cell_se (Float64, points:
        ``sqrt(sum w^2 SE^2) / sum w``; null where no score has a standard error); sorted, one row per
        organisation and cell with an applicable indicator.

    Raises:
        ValueError: An organisation has two scores of an indicator.
        TypeError: The scores are not whole numbers.
    """
    rows = _weighed(indicator_scores, weights).filter(pl.col("nature").ne_missing("process"))
    return _means(rows, ["org_id", "peer_group", "achievement_kind", "track"], "cell_score")


def process_scores(indicator_scores: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """Weighted mean of the process indicators of every organisation, missing ones reweighted (D4).

    Args:
        indicator_scores: See ``cell_scores``.
        weights: See ``cell_scores``.

    Returns:
        org_id, process_score (Int64 millionths of a point); organisations with process indicators only.
    """
    rows = _weighed(indicator_scores, weights).filter(pl.col("nature").eq_missing("process"))
    return _means(rows, ["org_id"], "process_score").select("org_id", "process_score")


def _weighed(indicator_scores: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    if indicator_scores.select("org_id", "indicator_id").is_duplicated().any():
        raise ValueError("an organisation has two scores of an indicator")
    require_whole(indicator_scores, "score100")
    errors = [pl.lit(None, pl.Int64).alias("score100_se")] if "score100_se" not in indicator_scores.columns else []
    return weights.join(
        indicator_scores.with_columns(errors).select("org_id", "indicator_id", "score100", "score100_se"),
        on=["org_id", "indicator_id"],
        how="left",
    )


def _means(rows: pl.DataFrame, key: list[str], name: str) -> pl.DataFrame:
    scored = pl.col("score100").is_not_null()
    whole = pl.col("weight").sum()
    share = divide_half_up(
        pl.col("weight").filter(scored).sum().cast(pl.Int128) * RAW_SCALE, pl.when(whole > 0).then(whole)
    )
    return (
        rows.group_by(key)
        .agg(
            n_indicators=pl.len().cast(pl.Int64),
            n_scored=scored.sum().cast(pl.Int64),
            observed_weight=share.cast(pl.Int64).fill_null(0),
            score=weighted_mean("score100", "weight"),
            cell_se=_cell_error(),
        )
        .rename({"score": name})
        .sort(key)
    )


def _cell_error() -> pl.Expr:
    """Standard error of a cell in points; the sum of squares is whole, so no order of rows can change it."""
    scored = pl.col("score100").is_not_null()
    weight = wide(pl.col("weight").filter(scored))
    weighted = weight * pl.col("score100_se").filter(scored)
    total = weight.sum().cast(pl.Float64)
    known = weighted.count() > 0
    return pl.when(known & (total > 0)).then((weighted * weighted).sum().cast(pl.Float64).sqrt() / total / POINT)


def results_scores(cells: pl.DataFrame, rules: TrackRules) -> pl.DataFrame:
    """Track scores and results score of every organisation that has a cell (D2, D3).

    ``T_a = max(C_a,quality, 1)^alpha * max(C_a,quantity, 1)^(1 - alpha)``; with one track missing the other,
    at most ``missing_track_cap``; null without any. ``Res = (1 - lambda) T_visible + lambda T_latent``; with
    one missing the other where its share of the weight reaches ``min_observed_weight``, else null.

    Args:
        cells: See ``cell_scores``; cell_se may be absent.
        rules: Shares, floor and cap.

    Returns:
        org_id, visible_score, latent_score, results_score (Int64 millionths of a point),
        MISSING_TRACK, MISSING_VISIBLE, MISSING_LATENT (whether the reason holds), and results_se (Float64,
        points, by the delta method; null where no cell has a standard error); sorted.
    """
    wide_cells = _one_row_each(cells)
    tracks = wide_cells.with_columns(
        dual_track(wide_cells[f"{kind}_quality"], wide_cells[f"{kind}_quantity"], rules).alias(f"{kind}_score")
        for kind in ACHIEVEMENT_KINDS
    )
    latent = millionths(rules.latent_share)
    parts = {"visible_score": RAW_SCALE - latent, "latent_score": latent}
    least = millionths(rules.min_observed_weight)
    single = [pl.col(f"{kind}_quality").is_null() ^ pl.col(f"{kind}_quantity").is_null() for kind in ACHIEVEMENT_KINDS]
    return tracks.select(
        "org_id",
        "visible_score",
        "latent_score",
        results_score=pl.when(observed_weight(parts) >= least).then(mean_of_parts(parts)),
        MISSING_TRACK=pl.any_horizontal(single),
        MISSING_VISIBLE=pl.col("visible_score").is_null(),
        MISSING_LATENT=pl.col("latent_score").is_null(),
        results_se=_results_error(rules, parts),
    ).sort("org_id")


def _results_error(rules: TrackRules, parts: dict[str, int]) -> pl.Expr:
    """``sqrt(sum_a (w_a / W)^2 SE_a^2)`` over the kinds that are there, points."""
    total = observed_weight(parts).cast(pl.Float64)
    errors = [_track_error(kind, rules) * (parts[f"{kind}_score"] / total) for kind in ACHIEVEMENT_KINDS]
    squares = pl.sum_horizontal(error.pow(2) for error in errors)
    return pl.when(pl.any_horizontal(error.is_not_null() for error in errors)).then(squares.sqrt())


def _track_error(kind: str, rules: TrackRules) -> pl.Expr:
    """Standard error of a track score in points: ``T`` times the errors of the logarithms, weighed by alpha.

    A cell below the floor and a lone track above the cap do not move the score. A cell without a standard
    error counts as without error where its twin has one.
    """
    shares = {"quality": float(rules.quality_share), "quantity": 1.0 - float(rules.quality_share)}
    floor, cap = millionths(rules.cell_floor), millionths(rules.missing_track_cap)
    both, alone = [], []
    for track, share in shares.items():
        cell, error = pl.col(f"{kind}_{track}"), pl.col(f"{kind}_{track}_se")
        both.append(pl.when(cell >= floor).then(share * error * pl.col(f"{kind}_score") / cell).otherwise(error * 0.0))
        alone.append(pl.when(cell <= cap).then(error).otherwise(error * 0.0))
    twins = pl.col(f"{kind}_quality").is_not_null() & pl.col(f"{kind}_quantity").is_not_null()
    known = pl.any_horizontal(pl.col(f"{kind}_{track}_se").is_not_null() for track in shares)
    squares = pl.sum_horizontal(term.pow(2) for term in both)
    return pl.when(known).then(pl.when(twins).then(squares.sqrt()).otherwise(pl.coalesce(alone)))


def _one_row_each(cells: pl.DataFrame) -> pl.DataFrame:
    """org_id and two columns per cell, its score and its standard error, null where there is none."""
    if "cell_se" not in cells.columns:
        cells = cells.with_columns(cell_se=pl.lit(None, pl.Float64))
    named = {
        f"{kind}_{track}": (pl.col("achievement_kind") == kind) & (pl.col("track") == track)
        for kind in ACHIEVEMENT_KINDS
        for track in TRACKS
    }
    return cells.group_by("org_id").agg(
        pl.col(column).filter(where).first().alias(f"{name}{suffix}")
        for name, where in named.items()
        for column, suffix in (("cell_score", ""), ("cell_se", "_se"))
    )


def dual_track(quality: pl.Series, quantity: pl.Series, rules: TrackRules) -> pl.Series:
    """The track score ``T`` of two columns of cell scores (D2), each rounded once half up.

    The root is taken in floating point and decided by whole numbers where it lies near a half, so the
    result is the correctly rounded one: with ``alpha = p/q``, ``T`` rounds to ``k`` exactly when
    ``(2k - 1)^q <= 2^q C_quality^p C_quantity^(q - p) < (2k + 1)^q``.

    Args:
        quality: Int64 millionths of a point, null when missing, not negative.
        quantity: The same of the other track, same length.
        rules: ``quality_share``, ``cell_floor`` and ``missing_track_cap``.

    Raises:
        ValueError: ``quality_share`` is not between 0 and 1, or the floor is not above 0.
    """
    if not 0 < rules.quality_share < 1 or rules.cell_floor <= 0:
        raise ValueError("the quality share lies between 0 and 1 and the cell floor above 0")
    floor, cap = millionths(rules.cell_floor), millionths(rules.missing_track_cap)
    cells = pl.DataFrame({"quality": quality.cast(pl.Int64), "quantity": quantity.cast(pl.Int64)})
    both = cells.filter(pl.all_horizontal(pl.all().is_not_null())).select(pl.all().clip(lower_bound=floor)).unique()
    roots = _rounded_roots(both["quality"].to_numpy(), both["quantity"].to_numpy(), rules.quality_share)
    joined = cells.with_columns(pl.all().clip(lower_bound=floor).name.suffix("_floored")).join(
        both.with_columns(root=pl.Series(roots, dtype=pl.Int64)),
        left_on=["quality_floored", "quantity_floored"],
        right_on=["quality", "quantity"],
        how="left",
        maintain_order="left",
    )
    alone = pl.coalesce("quality", "quantity").clip(upper_bound=cap)
    return joined.select(track_score=pl.coalesce("root", alone))["track_score"]


def _rounded_roots(
    quality: npt.NDArray[np.int64], quantity: npt.NDArray[np.int64], share: Fraction
) -> npt.NDArray[np.int64]:
    """``quality^share * quantity^(1 - share)`` rounded half up, exactly."""
    alpha = float(share)
    root = np.exp(alpha * np.log(quality) + (1.0 - alpha) * np.log(quantity))
    whole: npt.NDArray[np.int64] = np.floor(root + 0.5).astype(np.int64)
    doubtful = np.flatnonzero(np.abs(root - np.floor(root) - 0.5) < _NEAR_HALF)
    for place in doubtful:
        whole[place] = rounded_root(int(quality[place]), int(quantity[place]), share, int(np.floor(root[place])))
    return whole


def rounded_root(quality: int, quantity: int, share: Fraction, below: int) -> int:
    """``below`` or ``below + 1``, whichever ``quality^share * quantity^(1 - share)`` rounds to half up."""
    p, q = share.numerator, share.denominator
    product: int = 2**q * quality**p * quantity ** (q - p)
    return below if product < (2 * below + 1) ** q else below + 1


def unit_cells(cells: pl.DataFrame, organisations: pl.DataFrame, *, period_id: str) -> pl.DataFrame:
    """The rows of ``cell_scores`` as ``tables.units.UNIT_CELL``.

    Args:
        cells: See ``cell_scores``.
        organisations: org_id, org_name.
        period_id: Period of the facts.
    """
    named = cells.join(organisations.select("org_id", "org_name"), on="org_id", how="left")
    return UNIT_CELL.conform(
        named.with_columns(points_decimal("cell_score"), points_decimal("observed_weight"), period_id=pl.lit(period_id))
    )
