"""What may be done to the ratings without moving a score, and what may only move it one way (method 3.9, 1 to 5)."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.crossed import crossed_sums
from scoring.mixed_model import fit, model_at
from scoring.sums import rating_sums, voter_cells
from tests.support.crossed_cells import cells_of, random_cells

designs = st.integers(0, 10_000)
ratio = st.sampled_from([0.0, 0.05, 0.3, 1.0, 7.0])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=designs, order=st.integers(0, 1000))
def test_invariant_1_rows_raters_and_departments_in_any_order(seed: int, order: int) -> None:
    cells = random_cells(seed)
    shuffled = cells.sample(fraction=1.0, shuffle=True, seed=order)
    first, second = fit(crossed_sums(cells)), fit(crossed_sums(shuffled))
    for name in ("score", "score_adjusted", "score_covariance", "reliability"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name
    names = {name: f"X-{(index * 7 + order) % 1009:04d}" for index, name in enumerate(first.departments)}
    voters = {name: f"Y-{(index * 11 + order) % 1013:04d}" for index, name in enumerate(first.voters)}
    renamed = fit(
        crossed_sums(
            shuffled.with_columns(
                pl.col("ratee_org_id").replace_strict(names), pl.col("voter_id").replace_strict(voters)
            )
        )
    )
    index = [renamed.departments.index(names[name]) for name in first.departments]
    np.testing.assert_allclose(renamed.score[index], first.score, atol=1e-9, rtol=0)
    np.testing.assert_allclose(renamed.score_adjusted[index], first.score_adjusted, atol=1e-9, rtol=0)
    assert first.score_covariance is not None
    assert renamed.score_covariance is not None
    moved = renamed.score_covariance[np.ix_(index, index)]
    np.testing.assert_allclose(moved, first.score_covariance, atol=1e-7, rtol=1e-7)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=designs, flipped=st.booleans())
def test_invariant_2_five_and_ten_point_scales_give_equal_scores(seed: int, *, flipped: bool) -> None:
    """The same opinions on 1 to 5, and on 1 to 10 mapped linearly (4 steps of 2.25), high or low first."""
    opinions = random_cells(seed).select("voter_id", "ratee_org_id", pl.col("value") // 40_000 % 5)
    five, ten = _cells_on_two_scales(opinions, flipped=flipped)
    first, second = fit(crossed_sums(five)), fit(crossed_sums(ten))
    for name in ("score", "score_adjusted", "reliability", "severity"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name


def _cells_on_two_scales(opinions: pl.DataFrame, *, flipped: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The opinions (0 to 4) through the sums of ratings, once as 1 to 5 and once as 1 to 10 or 10 to 1."""
    items = pl.DataFrame(
        {
            "instrument_id": ["FIVE", "TEN"],
            "instrument_version": "1",
            "item_id": "SOLVE",
            "scale_min": Decimal(1),
            "scale_max": [Decimal(5), Decimal(10)],
            "direction": ["higher_better", "lower_better" if flipped else "higher_better"],
            "weight": None,
        },
        schema_overrides=dict.fromkeys(("scale_min", "scale_max", "weight"), pl.Decimal(18, 6)),
    )
    steps = {"FIVE": pl.col("value") * 100, "TEN": (4 - pl.col("value") if flipped else pl.col("value")) * 225}
    ratings = pl.concat(
        opinions.select(
            instrument_id=pl.lit(instrument),
            instrument_version=pl.lit("1"),
            item_id=pl.lit("SOLVE"),
            status=pl.lit("answered"),
            target_kind=pl.lit(None, pl.String),
            rater_id="voter_id",
            rater_org_id="voter_id",
            target_org_id="ratee_org_id",
            score_raw=((hundredths + 100).cast(pl.Decimal(18, 6)) / 100).cast(pl.Decimal(18, 6)),
        )
        for instrument, hundredths in steps.items()
    )
    ballots = rating_sums(ratings.lazy(), items).ballots
    five, ten = (
        voter_cells(ballots.filter(pl.col("instrument_id") == name), items, rater_level="person") for name in steps
    )
    return five, ten


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=designs, gs=ratio, gd=ratio, constant=st.integers(-20, 20))
def test_invariant_3_a_lenient_rater_of_everybody_changes_no_contrast(
    seed: int, gs: float, gd: float, constant: int
) -> None:
    """Variance ratios held fixed."""
    cells = random_cells(seed, share=1.0).with_columns(weight=pl.lit(10_000))
    lenient = cells.with_columns(
        pl.when(pl.col("voter_id") == "U002").then(pl.col("value") + constant * 10_000).otherwise("value")
    )
    models = [model_at(crossed_sums(part), "REML", gs, gd) for part in (cells, lenient)]
    for first, second in (
        [model.score for model in models],
        [model.score_adjusted for model in models],
    ):
        np.testing.assert_allclose(second - second.mean(), first - first.mean(), atol=1e-9)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=designs, gs=ratio, gd=ratio, row=st.integers(0, 1000))
def test_invariant_4_a_better_rating_never_lowers_its_department(seed: int, gs: float, gd: float, row: int) -> None:
    """Variance ratios held fixed."""
    cells = random_cells(seed, share=0.4).sort("voter_id", "ratee_org_id").with_row_index("row")
    chosen = row % cells.height
    raised = cells.with_columns(pl.when(pl.col("row") == chosen).then(pl.col("value") + 100_000).otherwise("value"))
    before, after = (model_at(crossed_sums(part), "REML", gs, gd) for part in (cells, raised))
    index = before.departments.index(cells["ratee_org_id"][chosen])
    assert after.score[index] >= before.score[index] - 1e-10
    assert after.score_adjusted[index] > before.score_adjusted[index]
    if gd > 0:
        assert after.score[index] > before.score[index]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=designs, gs=ratio, gd=ratio, q=st.integers(2, 9), d=st.integers(2, 7))
def test_invariant_5_balanced_complete_designs_shrink_contrasts_by_rho(
    seed: int, gs: float, gd: float, q: int, d: int
) -> None:
    """d_j = rho (mean_j - mean) with rho = vd / (vd + v/n), variance ratios held fixed; severity cancels."""
    rng = np.random.default_rng(seed)
    values = np.round(60 + rng.normal(0, 8, (q, 1)) + rng.normal(0, 6, d) + rng.normal(0, 5, (q, d)), 4)
    voter, department = np.indices((q, d)).reshape(2, -1)
    model = model_at(crossed_sums(cells_of(voter, department, values.ravel())), "REML", gs, gd)
    contrast = values.mean(axis=0) - values.mean()
    np.testing.assert_allclose(model.effect, gd / (gd + 1 / q) * contrast, atol=1e-9)
    np.testing.assert_allclose(model.score_adjusted, values.mean(axis=0), atol=1e-9)
