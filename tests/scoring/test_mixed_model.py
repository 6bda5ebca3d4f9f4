"""The mixed model against a dense likelihood, closed forms and its own invariants; lme4 is in the rows of reference."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.optimize

from scoring.crossed import crossed_sums
from scoring.mixed_model import Criterion, _Objective, fit, model_at, solve
from tests.support.crossed_cells import Dense, cells_of, random_cells

CRITERIA: tuple[Criterion, ...] = ("REML", "ML")


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fixed", [(), ("mode",)])
def test_everything_at_given_ratios_equals_the_dense_model(
    seed: int, criterion: Criterion, fixed: tuple[str, ...]
) -> None:
    cells, (gs, gd) = (
        random_cells(seed),
        [(0.7, 1.3), (0.0, 0.5), (2.0, 0.0), (0.0, 0.0), (30.0, 0.01), (0.2, 9.0)][seed],
    )
    dense = Dense.of(cells, fixed)
    model = model_at(crossed_sums(cells, fixed), criterion, gs, gd)
    scores, severities = dense.score_maps(gs, gd)
    assert model.deviance == pytest.approx(dense.deviance(gs, gd, criterion), abs=1e-8)
    np.testing.assert_allclose(model.score, scores @ dense.y, atol=1e-9)
    np.testing.assert_allclose(model.severity, severities @ dense.y, atol=1e-9)
    # Error of the linear prediction L y of mean + d: v (L V L' - 2 L C + gd I), C = Cov(y, d).
    covariance, across = dense.covariance(gs, gd), gd * dense.zd
    error = scores @ covariance @ scores.T - scores @ across - (scores @ across).T + gd * np.eye(across.shape[1])
    assert model.score_covariance is not None
    np.testing.assert_allclose(model.score_covariance, model.v * error, atol=1e-9)
    np.testing.assert_allclose(model.score_variance, model.v * np.diag(error), atol=1e-9)
    np.testing.assert_allclose(model.score_adjusted, dense.adjusted(gs), atol=1e-9)
    known_mean = gd * np.eye(across.shape[1]) - across.T @ np.linalg.inv(covariance) @ across
    np.testing.assert_allclose(model.conditional_sd**2, model.v * np.diag(known_mean), atol=1e-9)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("ratios", [(0.7, 1.3), (0.0, 0.5), (2.0, 0.0), (0.0, 0.0), (1e-7, 1e-7)])
def test_gradient_equals_finite_differences(criterion: Criterion, ratios: tuple[float, float]) -> None:
    dense, sums = Dense.of(random_cells(3), ("mode",)), crossed_sums(random_cells(3), ("mode",))
    gradient = solve(sums, criterion, *ratios).gradient
    for index in range(2):
        step = np.eye(2)[index] * 1e-4
        # Second-order one-sided differences of the dense criterion: defined at zero as well.
        here, near, far = (dense.deviance(*(np.array(ratios) + k * step), criterion) for k in (0, 1, 2))
        assert gradient[index] == pytest.approx((-3 * here + 4 * near - far) / 2e-4, rel=1e-4, abs=1e-4)


def hard_cells(seed: int) -> pl.DataFrame:
    """A small design, sparse, weighted, often with one of the variances at or near zero."""
    rng = np.random.default_rng(seed)
    q, d = int(rng.integers(2, 14)), int(rng.integers(2, 8))
    present = rng.random((q, d)) < rng.uniform(0.3, 1)
    present[np.arange(q), np.arange(q) % d] = True
    present[0] = True
    voter, department = np.nonzero(present)
    severity, effect, noise = rng.choice([0.0, 0.5, 3.0, 10.0], 3)
    values = 60 + severity * rng.normal(size=q)[voter] + effect * rng.normal(size=d)[department]
    values += max(noise, 0.5) * rng.normal(size=len(voter))
    return cells_of(voter, department, values, rng.integers(3, 10, len(voter)) / 10)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("seed", range(40))
def test_the_minimum_is_found_at_the_boundary_too(seed: int, criterion: Criterion) -> None:
    """Against a derivative-free search of the dense criterion from four starts."""
    cells = hard_cells(seed)
    dense, model = Dense.of(cells), fit(crossed_sums(cells), criterion)
    searches = (
        scipy.optimize.minimize(
            lambda theta: dense.deviance(*(np.clip(np.abs(theta), 0, 1e3) ** 2), criterion),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-7, "fatol": 1e-10},
        )
        for start in ([1.0, 1.0], [0.1, 1.0], [1.0, 0.1], [3.0, 3.0])
    )
    found = min(searches, key=lambda result: float(result.fun))
    assert model.outcome == "fitted"
    assert model.deviance == pytest.approx(found.fun, abs=1e-6)
    for ours, theirs in zip((model.vs / model.v, model.vd / model.v), found.x**2, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-8)
        assert ours > 0 or theirs < 1e-8
        assert theirs > 1e-8 or ours == 0.0, "a variance at the boundary is exactly zero"


@pytest.mark.parametrize("seed", range(5))
def test_a_search_stuck_beside_zero_starts_again(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = crossed_sums(random_cells(seed, q=12, d=6))
    model = fit(sums)
    assert min(model.vs, model.vd) > 0
    objective = _Objective(sums, "REML")
    search, stuck = objective._inside, [objective.at(np.array([1e-9, 1e-9]))]
    monkeypatch.setattr(objective, "_inside", lambda *arguments: stuck.pop() if stuck else search(*arguments))
    found = objective.minimum(np.array([1.0, 1.0]), (True, True))
    assert found.deviance == pytest.approx(model.deviance, abs=1e-8)


def test_balanced_complete_design_has_the_closed_form() -> None:
    """d_j = rho (mean_j - mean) with rho = vd / (vd + v/n), and the REML variances are the ANOVA ones."""
    rng = np.random.default_rng(11)
    q, d = 14, 6
    values = np.rint((60 + rng.normal(0, 8, (q, 1)) + rng.normal(0, 6, (1, d)) + rng.normal(0, 5, (q, d))) * 100) / 100
    voter, department = np.indices((q, d)).reshape(2, -1)
    model = fit(crossed_sums(cells_of(voter, department, values.ravel())))
    column, row, mean = values.mean(0), values.mean(1), values.mean()
    residual = ((values - column - row[:, None] + mean) ** 2).sum() / ((q - 1) * (d - 1))
    vd = (q * ((column - mean) ** 2).sum() / (d - 1) - residual) / q
    vs = (d * ((row - mean) ** 2).sum() / (q - 1) - residual) / d
    np.testing.assert_allclose([model.vs, model.vd, model.v], [vs, vd, residual], rtol=1e-7)
    rho = vd / (vd + residual / q)
    np.testing.assert_allclose(model.effect, rho * (column - mean), atol=1e-6)
    # S = a I - b 11' here; the level that departments share with the raters' severity is uncertain too.
    a, b = q + residual / vd, q / (d + residual / vs)
    variance = residual * (1 / a + b / (a * (a - b * d)))
    np.testing.assert_allclose(model.conditional_sd, np.full(d, math.sqrt(variance)), atol=1e-6)
    np.testing.assert_allclose(model.reliability, np.full(d, 1 - variance / vd), atol=1e-7)
    np.testing.assert_allclose(model.score, mean + rho * (column - mean), atol=1e-6)


def test_repeated_pairs_and_dense_or_sparse_sums_agree() -> None:
    cells = random_cells(5, q=60, d=30, share=0.05)
    doubled = pl.concat([cells, cells.head(20).with_columns(pl.col("value") + 30_000)])
    sums, dense = crossed_sums(doubled), Dense.of(doubled)
    assert not isinstance(sums.pairs, np.ndarray), "this design should take the sparse way"
    assert isinstance(crossed_sums(random_cells(5)).pairs, np.ndarray)
    model = model_at(sums, "REML", 0.4, 0.9)
    assert model.deviance == pytest.approx(dense.deviance(0.4, 0.9, "REML"), abs=1e-8)
    np.testing.assert_allclose(model.score, dense.score_maps(0.4, 0.9)[0] @ dense.y, atol=1e-9)


def boundary_cells(*, severe: bool, different: bool) -> pl.DataFrame:
    """A complete design in which one of the variances is exactly zero by construction of the residuals."""
    q, d = 8, 6
    voter, department = np.indices((q, d))
    checkerboard = 5.0 * np.where((voter + department) % 2 == 0, 1, -1)
    values = 60 + checkerboard + severe * 4.0 * (voter - 3.5) + different * 3.0 * (department - 2.5)
    return cells_of(voter.ravel(), department.ravel(), values.ravel())


def test_no_severity_is_exactly_zero() -> None:
    model = fit(crossed_sums(boundary_cells(severe=False, different=True)))
    assert model.vs == 0.0
    assert model.vd > 1.0
    assert not model.severity.any()


def test_indistinguishable_departments_are_exactly_that() -> None:
    model = fit(crossed_sums(boundary_cells(severe=True, different=False)))
    assert model.vd == 0.0
    assert model.vs > 1.0
    assert np.isnan(model.reliability).all()
    np.testing.assert_allclose(model.score, 60.0, atol=1e-9)


def test_both_variances_can_be_zero() -> None:
    model = fit(crossed_sums(boundary_cells(severe=False, different=False)))
    assert (model.vs, model.vd) == (0.0, 0.0)
    assert model.v == pytest.approx(25 * 48 / 47)


def test_identical_ratings_leave_nothing_to_estimate() -> None:
    cells = boundary_cells(severe=True, different=True).with_columns(value=pl.lit(733_333, pl.Int64))
    model = fit(crossed_sums(cells))
    assert model.outcome == "zero_variance"
    np.testing.assert_allclose(model.score, 73.3333, atol=1e-9)
    assert np.isnan(model.reliability).all()
    assert math.isnan(model.deviance)


def test_ratings_without_residual_spread_are_a_perfect_fit() -> None:
    voter, department = np.indices((5, 4)).reshape(2, -1)
    model = fit(crossed_sums(cells_of(voter, department, 50.0 + 3 * department)))
    assert model.outcome == "perfect_fit"
    assert np.isnan(model.reliability).all()
    np.testing.assert_allclose(model.score, 50.0 + 3 * np.arange(4), atol=1e-3)
    stopped_early = model_at(crossed_sums(cells_of(voter, department, 50.0 + 3 * department)), "REML", 0.0, 3e7)
    assert stopped_early.outcome == "perfect_fit", "a residual variance of a rounding error is none"


def test_one_department_has_its_severity_free_mean_and_no_department_variance() -> None:
    rng = np.random.default_rng(2)
    values = np.rint(rng.normal(60, 9, 12) * 100) / 100
    model = fit(crossed_sums(cells_of(np.arange(12), np.zeros(12, dtype=int), values)))
    assert (model.vs, model.vd) == (0.0, 0.0)
    assert model.score[0] == pytest.approx(values.mean())
    assert model.score_variance[0] == pytest.approx(values.var(ddof=1) / 12)


def test_one_rating_is_its_own_score() -> None:
    model = fit(crossed_sums(cells_of(np.array([0]), np.array([0]), np.array([70.0]))))
    assert model.outcome == "zero_variance"
    assert model.score.tolist() == [70.0]


def test_an_effect_that_departments_determine_is_counted_as_theirs() -> None:
    """A section is constant within departments: the severity-adjusted mean is the same with and without it."""
    cells = random_cells(4, q=14, d=6).with_columns(
        section=pl.col("ratee_org_id").is_in(["CG-001", "CG-004"]).cast(pl.Int64)
    )
    plain, sectioned = (model_at(crossed_sums(cells, fixed), "REML", 0.8, 0.4) for fixed in ((), ("section",)))
    np.testing.assert_allclose(sectioned.score_adjusted, plain.score_adjusted, atol=1e-9)
    assert np.abs(sectioned.score - plain.score).max() > 0.01, "the shrunken score goes to the section's own mean"


def test_components_are_numbered_by_their_first_department() -> None:
    voter, department = np.array([0, 0, 1, 1, 2, 2, 3]), np.array([3, 1, 1, 3, 2, 4, 0])
    model = fit(crossed_sums(cells_of(voter, department, np.array([60.0, 70, 65, 50, 40, 62, 71]))))
    assert model.n_components == 3
    assert dict(zip(model.departments, model.component.tolist(), strict=True)) == {
        "CG-000": 1,
        "CG-001": 2,
        "CG-002": 3,
        "CG-003": 2,
        "CG-004": 3,
    }


@pytest.mark.parametrize(
    "change", [{"weight": 0}, {"weight": -1}, {"value": None}], ids=["no weight", "negative weight", "missing value"]
)
def test_unusable_cells_are_refused(change: dict[str, int | None]) -> None:
    cells = random_cells(1)
    bad = cells.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value, pl.Int64)).otherwise(name).alias(name)
        for name, value in change.items()
    )
    with pytest.raises(ValueError, match="present and weights positive"):
        crossed_sums(bad)
    with pytest.raises(ValueError, match="at least one rating"):
        crossed_sums(cells.clear())


def test_penicillin_has_the_printed_standard_deviations(reference: Path) -> None:
    """Bates, lme4: Mixed-effects modeling with R (2010), section 2.1.1: .8467, 1.9316, .5499, intercept 22.9722."""
    data = pl.read_csv(reference / "lme4_small" / "penicillin.csv")
    cells = data.select(
        voter_id="plate", ratee_org_id="sample", value=pl.col("diameter") * 10_000, weight=pl.lit(10_000)
    )
    model = fit(crossed_sums(cells))
    deviations = np.sqrt([model.vs, model.vd, model.v])
    np.testing.assert_allclose(deviations, [0.8467, 1.9316, 0.5499], atol=5e-5)
    assert model.beta[0] == pytest.approx(22.9722, abs=5e-5)
    published = pl.read_csv(reference / "lme4_small" / "penicillin_ranef_sample.csv")
    np.testing.assert_allclose(model.effect, published["blup"], atol=1e-5)
    np.testing.assert_allclose(model.conditional_sd, published["condSD"], atol=1e-5)
