"""Backfitting and moment variances against the exact solve and matrices written out from the definitions."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from scoring.backfitting import NotConvergedError, backfit, moment_variances
from scoring.crossed import crossed_sums
from scoring.mixed_model import fit, model_at
from tests.support.crossed_cells import Dense, cells_of, random_cells

RATIOS = [(0.7, 1.3), (0.0, 0.5), (2.0, 0.0), (0.0, 0.0), (30.0, 0.01), (0.2, 9.0)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fixed", [(), ("mode",)])
def test_the_limit_is_the_exact_solution(seed: int, fixed: tuple[str, ...]) -> None:
    sums = crossed_sums(random_cells(seed, q=40, d=25, share=0.1), fixed)
    gs, gd = RATIOS[seed]
    found, exact = backfit(sums, gs, gd), model_at(sums, "REML", gs, gd)
    np.testing.assert_allclose(found.effect, exact.effect, atol=1e-8)
    np.testing.assert_allclose(found.severity, exact.severity, atol=1e-8)
    np.testing.assert_allclose(found.beta[1:], exact.beta[1:], atol=1e-8)
    assert found.beta[0] + sums.shift == pytest.approx(exact.beta[0], abs=1e-8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fixed", [(), ("mode",)])
def test_unshrunken_departments_are_fixed_effects(seed: int, fixed: tuple[str, ...]) -> None:
    cells, gs = random_cells(seed, q=20, d=8, share=0.3), RATIOS[seed][0]
    sums = crossed_sums(cells, fixed)
    found = backfit(sums, gs, math.inf)
    score = sums.shift + found.effect + sums.mean_fixed_effects @ found.beta
    np.testing.assert_allclose(score, Dense.of(cells, fixed).adjusted(gs), atol=1e-8)


def test_dense_sums_serve_as_well_as_sparse_ones() -> None:
    sums = crossed_sums(random_cells(3, share=1.0))
    assert isinstance(sums.pairs, np.ndarray)
    np.testing.assert_allclose(backfit(sums, 0.5, 0.8).effect, model_at(sums, "REML", 0.5, 0.8).effect, atol=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_moments_equate_quadratic_forms_and_their_expectations(seed: int) -> None:
    """E r'Ar = sum of variances times tr(A Z Z'), for the three weighted sums of squares; repeated pairs included."""
    cells = random_cells(seed, q=12, d=6)
    cells = pl.concat([cells, cells.head(9).with_columns(pl.col("value") + 70_000)])
    dense = Dense.of(cells)
    weight = np.diag(dense.weight)
    ones = np.ones((len(dense.y), 1))
    forms = [weight - weight @ z @ np.linalg.inv(z.T @ weight @ z) @ z.T @ weight for z in (dense.zs, dense.zd, ones)]
    parts = (dense.zs @ dense.zs.T, dense.zd @ dense.zd.T, np.diag(1 / dense.weight))
    matrix = [[np.trace(form @ part) for part in parts] for form in forms]
    expected = np.linalg.solve(matrix, [dense.y @ form @ dense.y for form in forms])
    found = moment_variances(crossed_sums(cells))
    np.testing.assert_allclose([found.vs, found.vd, found.v], np.maximum(expected, 0), rtol=1e-9, atol=1e-9)


def test_moments_find_planted_variances() -> None:
    rng = np.random.default_rng(8)
    q, d = 900, 300
    voter, department = np.nonzero(rng.random((q, d)) < 0.08)
    mode = rng.integers(0, 2, len(voter))
    values = 60 + rng.normal(0, 6, q)[voter] + rng.normal(0, 4, d)[department] + rng.normal(0, 8, len(voter)) + 9 * mode
    cells = cells_of(voter, department, values).with_columns(mode=pl.Series(mode))
    model = fit(crossed_sums(cells, ("mode",)), max_exact_departments=100)
    assert model.outcome == "backfitted"
    np.testing.assert_allclose([model.vs, model.vd, model.v], [36, 16, 64], rtol=0.15)
    assert model.beta[1] == pytest.approx(9, abs=0.3)
    exact = fit(crossed_sums(cells, ("mode",)))
    np.testing.assert_allclose(model.score, exact.score, atol=0.3)
    np.testing.assert_allclose(model.score_adjusted, exact.score_adjusted, atol=0.05)


def test_beyond_the_limit_a_fit_states_no_errors() -> None:
    sums = crossed_sums(random_cells(1, q=30, d=6))
    exact, model = fit(sums, max_exact_departments=6), fit(sums, max_exact_departments=5)
    assert (exact.outcome, model.outcome) == ("fitted", "backfitted")
    assert model.score_covariance is None
    for name in ("conditional_sd", "score_variance", "reliability", "beta_se"):
        assert np.isnan(getattr(model, name)).all(), name
    assert math.isnan(model.deviance)
    moments = moment_variances(sums)
    assert model.vs / model.v == pytest.approx(moments.vs / moments.v, rel=0.1)
    np.testing.assert_allclose(
        model.score, model_at(sums, "REML", model.vs / model.v, model.vd / model.v).score, atol=1e-8
    )


def test_a_variance_that_cannot_be_told_from_the_residual_is_part_of_it() -> None:
    """One rating per voter: severity and residual are the same thing."""
    rng = np.random.default_rng(4)
    department = np.arange(120) % 12
    values = 60 + rng.normal(0, 5, 12)[department] + rng.normal(0, 6, 120)
    model = fit(crossed_sums(cells_of(np.arange(120), department, values)), max_exact_departments=1)
    assert model.vs == 0.0
    within = np.mean([values[department == code].var(ddof=1) for code in range(12)])
    assert model.v == pytest.approx(within, rel=1e-5)
    means = [values[department == code].mean() for code in range(12)]
    np.testing.assert_allclose(model.score_adjusted, means, atol=1e-4)


def test_an_iteration_that_does_not_come_to_rest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.backfitting.MAX_ROUNDS", 2)
    with pytest.raises(NotConvergedError, match="in round 2"):
        backfit(crossed_sums(random_cells(2, q=40, d=25, share=0.1)), 5.0, 5.0)
