"""Shrinkage against closed forms, a brute-force likelihood and known truth."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.shrinkage import (
    Tau2Method,
    beta_binomial,
    empirical_bayes,
    fay_herriot,
    gamma_poisson,
    james_stein,
    shrunken_rates,
)

values = st.integers(-1_000_000, 1_000_000).map(lambda n: n / 10_000)
variances = st.floats(1e-6, 1e6)


@given(
    st.lists(st.tuples(values, variances), min_size=2, max_size=15),
    st.sampled_from(["REML", "PM"]),
)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_invariant_06_shrunken_means_lie_between_the_data_and_the_prior(
    means: list[tuple[float, float]], method: Tau2Method
) -> None:
    y, psi = (np.array(column) for column in zip(*means, strict=True))
    fit = fay_herriot(y, psi, method=method)
    assert fit.tau2 >= 0
    assert ((fit.gamma >= 0) & (fit.gamma <= 1)).all()
    assert (fit.estimate >= np.minimum(y, fit.prior)).all()
    assert (fit.estimate <= np.maximum(y, fit.prior)).all()
    assert (np.diff(fit.gamma[np.argsort(psi, kind="stable")]) <= 1e-15).all()
    assert (fit.se >= 0).all()


@given(st.lists(st.tuples(values, values), min_size=1, max_size=10), st.floats(1e-3, 1e3))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_invariant_06_no_error_gives_the_data_and_boundless_error_the_prior(
    pairs: list[tuple[float, float]], tau2: float
) -> None:
    y, prior = (np.array(column) for column in zip(*pairs, strict=True))
    gamma, estimate = empirical_bayes(y, np.zeros(len(y)), prior, tau2)
    assert (gamma == 1).all()
    assert (estimate == y).all()
    _, nearly = empirical_bayes(y, np.full(len(y), 1e-12), prior, tau2)
    assert nearly == pytest.approx(y, abs=1e-6)
    gamma, lost = empirical_bayes(y, np.full(len(y), 1e15), prior, tau2)
    assert (gamma < 1e-9).all()
    assert lost == pytest.approx(prior, abs=1e-6)
    assert (empirical_bayes(y, np.ones(len(y)), prior, 0.0)[1] == prior).all()


def brute_force_reml(y: np.ndarray, psi: np.ndarray, x: np.ndarray) -> float:
    """tau2 that maximises the density of error contrasts ``K'y``, ``K`` an orthonormal basis beside ``x``."""
    contrasts = np.linalg.svd(x)[0][:, x.shape[1] :]

    def loss(tau2: float) -> float:
        covariance = contrasts.T @ np.diag(psi + tau2) @ contrasts
        return -float(scipy.stats.multivariate_normal(cov=covariance).logpdf(contrasts.T @ y))

    grid = np.concatenate([[0.0], np.geomspace(1e-4, 1e5, 400)])
    best = int(np.argmin([loss(tau2) for tau2 in grid]))
    if best == 0:
        return 0.0
    bounds = (grid[best - 1], grid[min(best + 1, len(grid) - 1)])
    return float(scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)


@pytest.mark.parametrize("seed", range(12))
def test_reml_is_the_maximum_of_the_likelihood_of_contrasts(seed: int) -> None:
    generator = np.random.Generator(np.random.PCG64(seed))
    k = 8 + seed
    group = np.arange(k) % 3
    x = np.eye(3)[group] if seed % 2 else np.ones((k, 1))
    psi = generator.uniform(0.5, 30, k)
    y = 60 + 5 * group + generator.normal(0, np.sqrt(psi + 10 * (seed % 3)))
    assert fay_herriot(y, psi, x).tau2 == pytest.approx(brute_force_reml(y, psi, x), rel=1e-4, abs=1e-4)


def test_a_second_lower_mode_of_the_likelihood_is_not_taken() -> None:
    """Two precise means apart and many vague ones: the likelihood has a mode at each scale of variance."""
    y = np.array([0.0, 2.0, 100.0, -100.0, 150.0, -150.0, 120.0, -80.0])
    psi = np.array([0.01, 0.01, 1e4, 1e4, 1e4, 1e4, 1e4, 1e4])
    assert fay_herriot(y, psi).tau2 == pytest.approx(brute_force_reml(y, psi, np.ones((8, 1))), rel=1e-4)


@pytest.mark.parametrize("method", ["REML", "PM"])
def test_equal_variances_have_the_closed_form(method: Tau2Method) -> None:
    """tau2 = s2 - psi, gamma = 1 - psi/s2, and 0 where the spread is within chance."""
    y = np.array([50.0, 60.0, 70.0, 80.0, 90.0])
    fit = fay_herriot(y, np.full(5, 50.0), method=method)
    assert fit.tau2 == pytest.approx(200.0, rel=1e-12)
    assert fit.gamma == pytest.approx(np.full(5, 0.8), rel=1e-12)
    assert fit.estimate == pytest.approx([54, 62, 70, 78, 86], rel=1e-12)
    assert fit.se == pytest.approx(np.full(5, math.sqrt(0.8 * 50 + 0.04 * 50)), rel=1e-12)
    low, high = fit.interval()
    assert (high - low) / 2 == pytest.approx(1.959963985 * fit.se, rel=1e-8)
    noise = fay_herriot(y, np.full(5, 250.0), method=method)
    assert noise.tau2 == 0.0
    assert (noise.estimate == noise.prior).all()


def test_dummies_of_groups_pull_each_subject_toward_its_own_group() -> None:
    y = np.array([10.0, 20.0, 30.0, 110.0, 120.0, 130.0])
    fit = fay_herriot(y, np.full(6, 40.0), np.eye(2)[[0, 0, 0, 1, 1, 1]])
    assert fit.prior == pytest.approx([20, 20, 20, 120, 120, 120])
    assert fit.tau2 == pytest.approx(60.0)
    assert fit.estimate == pytest.approx([14, 20, 26, 114, 120, 126])


def test_the_order_of_subjects_does_not_matter() -> None:
    y, psi = np.array([3.0, 9.0, 4.0, 40.0]), np.array([1.0, 2.0, 3.0, 4.0])
    plain = fay_herriot(y, psi)
    for order in itertools.permutations(range(4)):
        moved = fay_herriot(y[list(order)], psi[list(order)])
        assert np.array_equal(moved.estimate, plain.estimate[list(order)])


@pytest.mark.parametrize(
    ("y", "psi"),
    [([1.0], [1.0]), ([1.0, 2.0], [1.0, 0.0]), ([1.0, math.nan], [1.0, 1.0]), ([1.0, 2.0], [1.0, math.inf])],
)
def test_data_that_tell_nothing_are_refused(y: list[float], psi: list[float]) -> None:
    with pytest.raises(ValueError, match=r"subjects cannot|must be present"):
        fay_herriot(np.array(y), np.array(psi))


def test_intervals_of_a_large_group_cover_known_truth_with_less_error_than_the_data() -> None:
    """40 groups of 200 with planted means. The error of tau2 is not in the interval, so small groups cover less."""
    generator = np.random.Generator(np.random.PCG64(20_260_101))
    covered, raw_error, shrunken_error = 0, 0.0, 0.0
    for _ in range(40):
        psi = generator.uniform(2, 40, 200)
        truth = generator.normal(70, 4, 200)
        y = truth + generator.normal(0, np.sqrt(psi))
        fit = fay_herriot(y, psi)
        low, high = fit.interval()
        covered += int(((low <= truth) & (truth <= high)).sum())
        raw_error += float(((y - truth) ** 2).sum())
        shrunken_error += float(((fit.estimate - truth) ** 2).sum())
    assert 0.93 <= covered / 8_000 <= 0.97
    assert shrunken_error < 0.6 * raw_error


def test_james_stein_by_hand() -> None:
    found = james_stein(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2.0)
    assert (found.mean, found.factor) == (3.0, pytest.approx(1 - 2 * 2.0 / 10))
    assert found.estimate == pytest.approx([1.8, 2.4, 3.0, 3.6, 4.2])
    assert james_stein(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 50.0).factor == 0.0
    assert james_stein(np.full(5, 7.0), 1.0).estimate.tolist() == [7.0] * 5
    with pytest.raises(ValueError, match="four"):
        james_stein(np.ones(3), 1.0)


def test_beta_binomial_by_hand() -> None:
    """Rates 0.2 and 0.8 of 10: S/(pq) = 7.2, rho = (7.2 - 1)/(20 - 10 - 1) = 31/45, a + b = 14/31."""
    found = beta_binomial(np.array([2.0, 8.0]), np.array([10.0, 10.0]))
    size = 14 / 31
    assert (found.a, found.b) == (pytest.approx(size / 2), pytest.approx(size / 2))
    assert found.estimate == pytest.approx([(2 + size / 2) / (10 + size), (8 + size / 2) / (10 + size)])
    assert found.gamma == pytest.approx([10 / (10 + size)] * 2)


def test_rates_without_spread_beyond_chance_are_the_rate_of_the_group() -> None:
    found = beta_binomial(np.array([5.0, 5.0, 50.0]), np.array([10.0, 10.0, 100.0]))
    assert found.estimate.tolist() == [0.5, 0.5, 0.5]
    assert found.a == math.inf
    counts = gamma_poisson(np.array([2.0, 4.0]), np.array([10.0, 20.0]))
    assert counts.estimate == pytest.approx([0.2, 0.2])
    assert beta_binomial(np.array([0.0, 0.0]), np.array([4.0, 9.0])).estimate.tolist() == [0.0, 0.0]
    assert gamma_poisson(np.zeros(3), np.ones(3)).estimate.tolist() == [0.0] * 3


def test_rates_of_few_cases_move_most() -> None:
    """5 of 5 is not better than 960 of 1,000 among units near nine in ten."""
    cases, trials = np.array([5.0, 960.0, 90.0, 86.0, 88.0]), np.array([5.0, 1000.0, 100.0, 100.0, 100.0])
    found = beta_binomial(cases, trials)
    assert found.estimate[0] < found.estimate[1]
    assert (found.gamma[1], found.gamma[0]) == (found.gamma.max(), found.gamma.min())


@pytest.mark.parametrize("seed", range(3))
def test_moments_recover_the_prior_of_many_units(seed: int) -> None:
    generator = np.random.Generator(np.random.PCG64(seed))
    trials = generator.integers(5, 60, 20_000).astype(np.float64)
    truth = generator.beta(8, 2, 20_000)
    found = beta_binomial(generator.binomial(trials.astype(int), truth).astype(np.float64), trials)
    assert (found.a, found.b) == (pytest.approx(8, rel=0.06), pytest.approx(2, rel=0.06))
    assert float(np.mean((found.estimate - truth) ** 2)) == pytest.approx(float(np.mean(found.se**2)), rel=0.05)
    rates = generator.gamma(3, 0.1, 20_000)
    events = generator.poisson(rates * trials).astype(np.float64)
    counted = gamma_poisson(events, trials)
    assert (counted.a, counted.b) == (pytest.approx(3, rel=0.06), pytest.approx(10, rel=0.06))
    assert float(np.mean((counted.estimate - rates) ** 2)) == pytest.approx(float(np.mean(counted.se**2)), rel=0.05)


def test_gamma_poisson_by_hand() -> None:
    """Counts 1 and 9 over 10 each: m = 0.5, S = 3.2, A = (3.2 - 0.5)/(20 - 10) = 0.27."""
    found = gamma_poisson(np.array([1.0, 9.0]), np.array([10.0, 10.0]))
    assert (found.a, found.b) == (pytest.approx(0.25 / 0.27), pytest.approx(0.5 / 0.27))
    assert found.estimate == pytest.approx([(1 + found.a) / (10 + found.b), (9 + found.a) / (10 + found.b)])


@pytest.mark.parametrize(("cases", "trials"), [([3.0], [2.0]), ([-1.0], [2.0]), ([0.0], [0.0])])
def test_impossible_rates_are_refused(cases: list[float], trials: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0"):
        beta_binomial(np.array(cases), np.array(trials))
    if cases[0] < 0 or trials[0] == 0:
        with pytest.raises(ValueError, match="must not be negative"):
            gamma_poisson(np.array(cases), np.array(trials))


def test_rates_of_registers_are_shrunken_inside_their_own_group() -> None:
    facts = pl.DataFrame(
        [
            ("ON_TIME", "V1", "平原", 2, 10),
            ("ON_TIME", "V2", "平原", 8, 10),
            ("ON_TIME", "V3", "山区", 9, 10),
            ("ON_TIME", "V4", "山区", 90, 100),
            ("ON_TIME", "V5", "平原", None, 10),
            ("ON_TIME", "V6", "平原", 0, 0),
            ("ON_TIME", "V7", None, 1, 2),
            ("REPAIRED", "V1", "平原", 3, 4),
        ],
        schema=["indicator_id", "org_id", "peer_group", "numerator", "denominator"],
        orient="row",
    )
    found = shrunken_rates(facts, "beta_binomial")
    size = 14 / 31  # as in the case by hand
    rates = {row[:2]: row[2:] for row in found.select("indicator_id", "org_id", "rate", "shrunken_rate").iter_rows()}
    assert rates["ON_TIME", "V1"] == (0.2, pytest.approx((2 + size / 2) / (10 + size)))
    assert rates["ON_TIME", "V2"] == (0.8, pytest.approx((8 + size / 2) / (10 + size)))
    assert rates["ON_TIME", "V3"] == rates["ON_TIME", "V4"] == (0.9, pytest.approx(0.9))
    assert [rates["ON_TIME", name] for name in ("V5", "V6", "V7")] == [(None, None)] * 3
    # Alone in its group, a unit has nobody to be told apart from.
    assert rates["REPAIRED", "V1"] == (0.75, pytest.approx(0.75))
    counted = shrunken_rates(facts, "gamma_poisson")
    assert counted["shrunken_rate"].is_not_null().to_list() == found["shrunken_rate"].is_not_null().to_list()
    assert shrunken_rates(facts.clear(), "beta_binomial").columns == found.columns
