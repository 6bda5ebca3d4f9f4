"""Estimates pulled toward the mean of their group by as much as they are uncertain (method 2.4).

Means with known variances: ``theta_g ~ N(x_g'beta, tau2)``, ``y_g ~ N(theta_g, psi_g)`` (Fay and Herriot 1979)::

    gamma_g = tau2 / (tau2 + psi_g),   EB_g = gamma_g y_g + (1 - gamma_g) x_g'beta
    Var(EB_g - theta_g) = gamma_g psi_g + (1 - gamma_g)^2 x_g' Cov(beta) x_g

with ``beta`` by generalised least squares. Rates: beta-binomial and gamma-Poisson with moments of the
group. Arrays have one entry per subject of one group of peers; nothing depends on their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.optimize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]
Tau2Method = Literal["REML", "PM"]

_GRID = 64
"""Points of the logarithmic grid on which the highest mode of the restricted likelihood is looked for."""

_BETWEEN = 17
"""Points between two neighbours of the best one, between which the slope changes its sign."""

_FLAT = 1e-12
"""Relative differences of the likelihood below this are rounding."""


@dataclass(frozen=True)
class FayHerriot:
    """A fitted area model; arrays (k) follow the subjects.

    ``tau2`` is the variance between subjects beyond ``beta`` (p), ``gamma`` the weight of the subject's own
    value, ``prior`` is ``x'beta``, ``estimate`` the shrunken value and ``se`` the root of its mean squared error
    with ``tau2`` taken as known.
    """

    tau2: float
    beta: Floats
    beta_covariance: Floats
    gamma: Floats
    prior: Floats
    estimate: Floats
    se: Floats

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper ends of the normal intervals of ``estimate``."""
        half_width = NormalDist().inv_cdf((1 + level) / 2) * self.se
        return self.estimate - half_width, self.estimate + half_width


def fay_herriot(y: Floats, psi: Floats, x: Floats | None = None, *, method: Tau2Method = "REML") -> FayHerriot:
    """Shrinks means with known variances toward a regression, by default toward their common mean.

    Args:
        y: Direct estimates (k).
        psi: Their sampling variances (k), positive; in the squared unit of ``y``.
        x: Regressors (k x p) such as dummies of peer groups; None for an intercept alone.
        method: ``REML``, or ``PM`` for the Paule-Mandel root.

    Raises:
        ValueError: There are not more subjects than regressors, a number is missing, or a variance is
            not positive.
        numpy.linalg.LinAlgError: The regressors are collinear.
    """
    design = np.ones((len(y), 1)) if x is None else x
    k, p = design.shape
    if k <= p:
        raise ValueError(f"{k} subjects cannot tell {p} means and a variance apart")
    if not (np.isfinite(y).all() and np.isfinite(psi).all() and np.isfinite(design).all() and (psi > 0).all()):
        raise ValueError("values must be present and variances positive")
    with threadpool_limits(limits=1):
        order = np.lexsort((*design.T, psi, y))
        sums = _Area(y[order], psi[order], design[order])
        tau2 = sums.restricted_maximum() if method == "REML" else sums.paule_mandel()
        return _shrunken(y, psi, design, tau2, *sums.regression(tau2)[:2])


def _shrunken(y: Floats, psi: Floats, x: Floats, tau2: float, beta: Floats, covariance: Floats) -> FayHerriot:
    prior = np.asarray((x * beta).sum(axis=1))
    gamma, estimate = empirical_bayes(y, psi, prior, tau2)
    prior_variance = ((x @ covariance) * x).sum(axis=1)
    variance = gamma * psi + (1 - gamma) ** 2 * prior_variance
    return FayHerriot(tau2, beta, covariance, gamma, prior, estimate, np.sqrt(variance))


def empirical_bayes(y: Floats, psi: Floats, prior: Floats, tau2: float) -> tuple[Floats, Floats]:
    """``gamma`` and the shrunken values for a given prior mean (k) and variance ``tau2``.

    ``gamma = tau2 / (tau2 + psi)`` lies in [0, 1]; it is 1 where ``psi`` is 0, also when ``tau2`` is.
    """
    spread = tau2 + psi
    gamma = np.divide(tau2, spread, out=np.ones_like(psi), where=psi > 0)
    # Stepping from the nearer end keeps the estimate between the two in floating point too.
    from_data, from_prior = y - (1 - gamma) * (y - prior), prior + gamma * (y - prior)
    estimate = np.where(gamma > 0.5, from_data, from_prior)
    return gamma, np.clip(estimate, np.minimum(y, prior), np.maximum(y, prior))


class _Area:
    """Sums of the model as functions of ``tau2``."""

    def __init__(self, y: Floats, psi: Floats, x: Floats) -> None:
        self.y, self.psi, self.x = y, psi, x

    def regression(self, tau2: float) -> tuple[Floats, Floats, Floats, Floats]:
        """``beta``, its covariance, the weights ``1/(psi + tau2)`` and the residuals."""
        weights = 1.0 / (self.psi + tau2)
        weighted = self.x * weights[:, None]
        covariance = np.asarray(np.linalg.inv(self.x.T @ weighted), dtype=np.float64)
        beta = covariance @ (weighted.T @ self.y)
        return beta, covariance, weights, self.y - self.x @ beta

    def score(self, tau2: float) -> float:
        """Twice the derivative of the restricted log-likelihood: ``y'PPy - tr P``."""
        _, covariance, weights, residuals = self.regression(tau2)
        trace = float(weights.sum()) - float((covariance * (self.x.T @ (self.x * (weights**2)[:, None]))).sum())
        return float((weights**2 * residuals**2).sum()) - trace

    def criterion(self, tau2: float) -> float:
        """Minus twice the restricted log-likelihood, up to a constant."""
        _, covariance, weights, residuals = self.regression(tau2)
        determinant = float(np.linalg.slogdet(covariance)[1])
        return float((weights * residuals**2).sum()) - float(np.log(weights).sum()) - determinant

    def heterogeneity(self, tau2: float) -> float:
        """``sum (y - x'beta)^2 / (psi + tau2)``, which falls in ``tau2``."""
        _, _, weights, residuals = self.regression(tau2)
        return float((weights * residuals**2).sum())

    @property
    def free(self) -> int:
        """Degrees of freedom."""
        k, p = self.x.shape
        return int(k - p)

    @property
    def ceiling(self) -> float:
        """A ``tau2`` at which the score is negative and the heterogeneity small."""
        _, _, _, residuals = self.regression(1e6 * float(self.psi.max()))
        return 10.0 * float((residuals**2).sum()) + 10.0 * float(self.psi.max())

    def restricted_maximum(self) -> float:
        """The highest point of the restricted likelihood; 0 where that is the boundary."""
        top = self.ceiling
        grid = np.concatenate([[0.0], np.geomspace(min(1e-6 * float(self.psi.min()), 1e-9 * top), top, _GRID)])
        height = [self.criterion(tau2) for tau2 in grid]
        best = int(np.argmin(height))
        # Rounding must not lift a flat stretch beside the boundary above the boundary itself.
        if self.score(0.0) <= 0 and height[0] - height[best] <= _FLAT * (1 + abs(height[0])):
            return 0.0
        between = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, _GRID)], _BETWEEN)
        slopes = [self.score(float(tau2)) for tau2 in between]
        modes = [
            _root(self.score, float(between[i]), float(between[i + 1]))
            for i in range(_BETWEEN - 1)
            if slopes[i] > 0 >= slopes[i + 1]
        ]
        return min(modes, key=self.criterion, default=float(grid[best]))

    def paule_mandel(self) -> float:
        """The root of ``heterogeneity = degrees of freedom``; 0 where it is below already."""
        if self.heterogeneity(0.0) <= self.free:
            return 0.0
        return _root(lambda tau2: self.heterogeneity(tau2) - self.free, 0.0, self.ceiling)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(scipy.optimize.brentq(function, low, high, xtol=1e-300, rtol=8.9e-16, maxiter=500))


@dataclass(frozen=True)
class SharedShrinkage:
    """James and Stein's rule: one factor ``c`` for all; ``estimate = c y + (1 - c) mean`` (k)."""

    mean: float
    factor: float
    estimate: Floats


def james_stein(y: Floats, variance: float) -> SharedShrinkage:
    """Shrinks at least four means of one known variance toward their average (Efron and Morris 1977).

    ``c = 1 - (k - 3) variance / sum (y - mean)^2``, not below 0.

    Raises:
        ValueError: There are fewer than four means.
    """
    if len(y) < 4:
        raise ValueError("fewer than four means are not shrunken by this rule")
    average = math.fsum(y) / len(y)
    spread = math.fsum((y - average) ** 2)
    factor = max(0.0, 1.0 - (len(y) - 3) * variance / spread) if spread > 0 else 0.0
    return SharedShrinkage(average, factor, average + factor * (y - average))


@dataclass(frozen=True)
class ShrunkenRates:
    """``estimate`` and its ``se`` (k) given the prior ``Beta(a, b)`` or ``Gamma(a, rate b)`` of the group.

    ``gamma`` is the weight of the subject's own rate. Without spread between subjects beyond chance,
    ``a`` and ``b`` are infinite, every estimate is the group's rate and ``se`` is 0.
    """

    a: float
    b: float
    gamma: Floats
    estimate: Floats
    se: Floats


def beta_binomial(cases: Floats, trials: Floats) -> ShrunkenRates:
    """Rates ``(x + a) / (n + a + b)`` with ``a``, ``b`` by moments of the group (Kleinman 1973).

    ``rho = (S / (p (1-p)) - (k-1)) / (n - sum n_i^2 / n - (k-1))`` with ``S = sum n_i (p_i - p)^2``, held in
    [0, 1); ``a + b = 1/rho - 1``.

    Args:
        cases: Successes (k), whole numbers.
        trials: Denominators (k), positive whole numbers.

    Raises:
        ValueError: A denominator is not positive or the cases are not between 0 and it.
    """
    if not ((trials > 0).all() and (cases >= 0).all() and (cases <= trials).all()):
        raise ValueError("cases must lie between 0 and a positive denominator")
    n, k = math.fsum(trials), len(trials)
    p = math.fsum(cases) / n
    room = n - math.fsum(trials**2) / n - (k - 1)
    rho = 0.0
    if 0 < p < 1 and room > 0:
        spread = math.fsum(trials * (cases / trials - p) ** 2)
        rho = min(max((spread / (p * (1 - p)) - (k - 1)) / room, 0.0), 1 - 1e-9)
    if rho == 0.0:
        return _pooled(p, k)
    size = 1 / rho - 1
    a, b = p * size, (1 - p) * size
    estimate = (cases + a) / (trials + size)
    variance = estimate * (1 - estimate) / (trials + size + 1)
    return ShrunkenRates(a, b, trials / (trials + size), estimate, np.sqrt(variance))


def gamma_poisson(counts: Floats, exposure: Floats) -> ShrunkenRates:
    """Rates of rare events ``(x + a) / (e + b)`` with ``a``, ``b`` by moments of the group (Marshall 1991).

    ``A = (S - m (k-1)) / (E - sum e_i^2 / E)`` with ``m`` the group's rate and ``S = sum e_i (r_i - m)^2``, not below
    0; ``a = m^2 / A`` and ``b = m / A``.

    Args:
        counts: Events (k), whole numbers.
        exposure: What they are counted over (k), positive: persons, cases, days.

    Raises:
        ValueError: An exposure is not positive or a count is negative.
    """
    if not ((exposure > 0).all() and (counts >= 0).all()):
        raise ValueError("counts must not be negative and exposures must be positive")
    size, k = math.fsum(exposure), len(exposure)
    rate = math.fsum(counts) / size
    room = size - math.fsum(exposure**2) / size
    between = 0.0
    if rate > 0 and room > 0:
        spread = math.fsum(exposure * (counts / exposure - rate) ** 2)
        between = max((spread - rate * (k - 1)) / room, 0.0)
    if between == 0.0:
        return _pooled(rate, k)
    a, b = rate**2 / between, rate / between
    estimate = (counts + a) / (exposure + b)
    return ShrunkenRates(a, b, exposure / (exposure + b), estimate, np.sqrt(estimate / (exposure + b)))


def _pooled(rate: float, k: int) -> ShrunkenRates:
    return ShrunkenRates(math.inf, math.inf, np.zeros(k), np.full(k, rate), np.zeros(k))


_RATE_COLUMNS = ("rate", "shrunken_rate", "gamma", "se")


def shrunken_rates(facts: pl.DataFrame, model: Literal["beta_binomial", "gamma_poisson"]) -> pl.DataFrame:
    """Rates of registers pulled toward the rate of their peer group, indicator by indicator (method 2.4, C1).

    Args:
        facts: indicator_id, org_id, peer_group, numerator and denominator (numbers); rows without a
            numerator, a positive denominator or a peer group get no rate.
        model: ``beta_binomial`` for cases out of cases, ``gamma_poisson`` for events over an exposure.

    Returns:
        indicator_id, org_id, rate, shrunken_rate, gamma, se (Float64), sorted.

    Raises:
        ValueError: See ``beta_binomial`` and ``gamma_poisson``.
    """
    key = ["indicator_id", "peer_group", "org_id"]
    known = facts.filter(pl.col("numerator").is_not_null() & (pl.col("denominator") > 0)).drop_nulls("peer_group")
    numbers = known.sort(key).select(*key, pl.col("numerator", "denominator").cast(pl.Float64))
    parts = [_group_rates(group, model) for group in numbers.partition_by(key[:2], maintain_order=True)]
    rates = pl.concat(parts) if parts else numbers.select("indicator_id", "org_id").clear()
    every = facts.select("indicator_id", "org_id").join(rates, on=["indicator_id", "org_id"], how="left")
    empty = [pl.lit(None, pl.Float64).alias(name) for name in _RATE_COLUMNS if name not in every.columns]
    return every.with_columns(empty).sort("indicator_id", "org_id")


def _group_rates(group: pl.DataFrame, model: Literal["beta_binomial", "gamma_poisson"]) -> pl.DataFrame:
    over = beta_binomial if model == "beta_binomial" else gamma_poisson
    cases, size = group["numerator"].to_numpy(), group["denominator"].to_numpy()
    found = over(cases, size)
    columns = dict(zip(_RATE_COLUMNS, (cases / size, found.estimate, found.gamma, found.se), strict=True))
    return group.select("indicator_id", "org_id").with_columns(**{k: pl.Series(v) for k, v in columns.items()})
