"""The mixed model against lme4, a dense likelihood, closed forms and its own invariants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.mixed_model import Criterion, CrossedSums, MixedModel, _Objective, crossed_sums, fit, model_at, solve

Floats = npt.NDArray[np.float64]
CRITERIA: tuple[Criterion, ...] = ("REML", "ML")


def cells_of(voters: Floats, departments: Floats, values: Floats, weights: Floats | None = None) -> pl.DataFrame:
    """Cells from codes, values in points and weights."""
    weights = np.ones(len(values)) if weights is None else weights
    return pl.DataFrame(
        {
            "voter_id": [f"U{code:03d}" for code in voters],
            "ratee_org_id": [f"CG-{code:03d}" for code in departments],
            "value": np.rint(values * 10_000).astype(np.int64),
            "weight": np.rint(weights * 10_000).astype(np.int64),
        }
    )


def random_cells(seed: int, q: int = 9, d: int = 5, share: float = 0.7) -> pl.DataFrame:
    """An unbalanced, weighted design with real severity and department effects."""
    rng = np.random.default_rng(seed)
    present = rng.random((q, d)) < share
    present[np.arange(q), np.arange(q) % d] = True
    present[0] = True
    voter, department = np.nonzero(present)
    values = 60 + rng.normal(0, 8, q)[voter] + rng.normal(0, 6, d)[department] + rng.normal(0, 7, len(voter))
    return cells_of(voter, department, values, rng.integers(3, 10, len(voter)) / 10).with_columns(
        mode=pl.Series(rng.integers(0, 2, len(voter)))
    )


@dataclass(frozen=True)
class Dense:
    """The model written out with n x n matrices, straight from its definition; no sums, no shortcuts."""

    y: Floats
    x: Floats
    zs: Floats
    zd: Floats
    weight: Floats

    @classmethod
    def of(cls, cells: pl.DataFrame, fixed_effects: tuple[str, ...] = ()) -> Dense:
        voters, departments = sorted(cells["voter_id"].unique()), sorted(cells["ratee_org_id"].unique())
        return cls(
            y=cells["value"].to_numpy() / 10_000,
            x=np.column_stack([np.ones(cells.height), *(cells[name].to_numpy() for name in fixed_effects)]),
            zs=np.array([[float(v == level) for level in voters] for v in cells["voter_id"]]),
            zd=np.array([[float(r == level) for level in departments] for r in cells["ratee_org_id"]]),
            weight=cells["weight"].to_numpy() / 10_000,
        )

    def covariance(self, gs: float, gd: float) -> Floats:
        return np.diag(1 / self.weight) + gs * self.zs @ self.zs.T + gd * self.zd @ self.zd.T

    def deviance(self, gs: float, gd: float, criterion: Criterion) -> float:
        """-2 log (restricted) likelihood of N(X beta, v V), maximised over beta and v."""
        inverse = np.linalg.inv(self.covariance(gs, gd))
        information = self.x.T @ inverse @ self.x
        residual = self.y - self.x @ np.linalg.solve(information, self.x.T @ inverse @ self.y)
        m = len(self.y) - (self.x.shape[1] if criterion == "REML" else 0)
        v = residual @ inverse @ residual / m
        result = m * math.log(2 * math.pi * v) + np.linalg.slogdet(self.covariance(gs, gd))[1] + m
        return float(result + (np.linalg.slogdet(information)[1] if criterion == "REML" else 0.0))

    def score_maps(self, gs: float, gd: float) -> tuple[Floats, Floats]:
        """Matrices that take y to the scores and to the severities (best linear unbiased prediction)."""
        inverse = np.linalg.inv(self.covariance(gs, gd))
        beta = np.linalg.solve(self.x.T @ inverse @ self.x, self.x.T @ inverse)
        clear = inverse @ (np.eye(len(self.y)) - self.x @ beta)
        mean = (self.weight @ self.x) / self.weight.sum()
        return mean @ beta + gd * self.zd.T @ clear, gs * self.zs.T @ clear


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
    np.testing.assert_allclose(model.score_variance, model.v * np.diag(error), atol=1e-9)
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
    """Invariant 5: d_j = rho (mean_j - mean), rho = vd / (vd + v/n); and the REML variances are the ANOVA ones."""
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


designs = st.integers(0, 10_000)
ratio = st.sampled_from([0.0, 0.05, 0.3, 1.0, 7.0])


@settings(max_examples=40, deadline=None)
@given(seed=designs, order=st.integers(0, 1000))
def test_row_order_and_names_change_nothing(seed: int, order: int) -> None:
    """Invariant 1."""
    cells = random_cells(seed)
    shuffled = cells.sample(fraction=1.0, shuffle=True, seed=order)
    first, second = fit(crossed_sums(cells)), fit(crossed_sums(shuffled))
    assert first.score.tobytes() == second.score.tobytes()
    names = {name: f"X-{(index * 7 + order) % 1009:04d}" for index, name in enumerate(first.departments)}
    renamed = fit(crossed_sums(shuffled.with_columns(pl.col("ratee_org_id").replace_strict(names))))
    scores = dict(zip(renamed.departments, renamed.score, strict=True))
    np.testing.assert_allclose([scores[names[name]] for name in first.departments], first.score, atol=1e-9, rtol=0)


@settings(max_examples=40, deadline=None)
@given(seed=designs, gs=ratio, gd=ratio, constant=st.integers(-20, 20))
def test_a_lenient_rater_of_everybody_changes_no_contrast(seed: int, gs: float, gd: float, constant: int) -> None:
    """Invariant 3, variance ratios held fixed."""
    cells = random_cells(seed, share=1.0).with_columns(weight=pl.lit(10_000))
    lenient = cells.with_columns(
        pl.when(pl.col("voter_id") == "U002").then(pl.col("value") + constant * 10_000).otherwise("value")
    )
    first, second = (model_at(crossed_sums(part), "REML", gs, gd).score for part in (cells, lenient))
    np.testing.assert_allclose(second - second.mean(), first - first.mean(), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=designs, gs=ratio, gd=ratio, row=st.integers(0, 1000))
def test_a_better_rating_never_lowers_its_department(seed: int, gs: float, gd: float, row: int) -> None:
    """Invariant 4, variance ratios held fixed."""
    cells = random_cells(seed, share=0.4).sort("voter_id", "ratee_org_id").with_row_index("row")
    chosen = row % cells.height
    raised = cells.with_columns(pl.when(pl.col("row") == chosen).then(pl.col("value") + 100_000).otherwise("value"))
    before, after = (model_at(crossed_sums(part), "REML", gs, gd) for part in (cells, raised))
    index = before.departments.index(cells["ratee_org_id"][chosen])
    assert after.score[index] >= before.score[index] - 1e-10
    if gd > 0:
        assert after.score[index] > before.score[index]


def test_repeated_pairs_and_dense_or_sparse_sums_agree() -> None:
    cells = random_cells(5, q=60, d=30, share=0.05)
    doubled = pl.concat([cells, cells.head(20).with_columns(pl.col("value") + 30_000)])
    sums, dense = crossed_sums(doubled), Dense.of(doubled)
    assert not isinstance(sums.by_voter, np.ndarray), "this design should take the sparse way"
    assert isinstance(crossed_sums(random_cells(5)).by_voter, np.ndarray)
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


SECTIONS = (5, 10, 12, 6, 7, 4, 8, 9, 14, 1, 3, 11, 2)
"""Sections of the university, lme4's treatment contrasts against section 15."""


@pytest.fixture(scope="module")
def insteval(reference: Path) -> pl.DataFrame:
    """lme4's InstEval: 73,421 ratings of 1,128 lecturers by 2,972 students, on its own 1-5 scale."""
    return pl.read_csv(reference / "insteval" / "insteval.csv.gz").select(
        voter_id=pl.col("s").cast(pl.String),
        ratee_org_id=pl.col("d").cast(pl.String),
        value=pl.col("y") * 10_000,
        weight=pl.lit(10_000),
        service=pl.col("service"),
        **{f"dept{level}": (pl.col("dept") == level).cast(pl.Int64) for level in SECTIONS},
    )


@pytest.fixture(scope="module")
def insteval_sums(insteval: pl.DataFrame) -> dict[str, CrossedSums]:
    sections = tuple(f"dept{level}" for level in SECTIONS)
    return {
        "m0": crossed_sums(insteval),
        "m1": crossed_sums(insteval, ("service",)),
        "m2": crossed_sums(insteval, ("service", *sections)),
    }


@pytest.mark.parametrize("name", ["m0_reml", "m0_ml", "m1_reml", "m1_ml", "m2_reml"])
def test_insteval_equals_lme4(name: str, insteval_sums: dict[str, CrossedSums], reference: Path) -> None:
    folder = reference / "insteval"
    criterion: Criterion = "REML" if name.endswith("reml") else "ML"
    model = fit(insteval_sums[name[:2]], criterion)
    summary = pl.read_csv(folder / "model_summary.csv").filter(pl.col("model") == name).row(0, named=True)
    assert model.n == summary["nobs"] == 73_421
    assert model.deviance == pytest.approx(summary["criterion"], abs=1e-8)
    assert model.v == pytest.approx(summary["sigma"] ** 2, rel=1e-6)
    components = pl.read_csv(folder / f"{name}_varcomp.csv")["vcov"].to_list()
    np.testing.assert_allclose([model.vs, model.vd, model.v], components, rtol=1e-5)
    fixed = pl.read_csv(folder / f"{name}_fixef.csv")
    np.testing.assert_allclose(model.beta, fixed["estimate"], atol=1e-6)
    np.testing.assert_allclose(model.beta_se, fixed["se"], atol=1e-6)
    if (folder / f"{name}_ranef_d.csv").exists():
        _effects_equal(model, pl.read_csv(folder / f"{name}_ranef_d.csv"))
    if (folder / f"{name}_ranef_s.csv.gz").exists():
        severity = dict(zip(model.voters, model.severity, strict=True))
        published = pl.read_csv(folder / f"{name}_ranef_s.csv.gz")
        assert published.height == 2_972
        got = [severity[str(level)] for level in published["level"]]
        np.testing.assert_allclose(got, published["blup"], atol=1e-5)


def _effects_equal(model: MixedModel, published: pl.DataFrame) -> None:
    assert published.height == 1_128
    position = {name: index for index, name in enumerate(model.departments)}
    order = [position[str(level)] for level in published["level"]]
    np.testing.assert_allclose(model.effect[order], published["blup"], atol=1e-5)
    np.testing.assert_allclose(model.conditional_sd[order], published["condSD"], atol=1e-5)


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
