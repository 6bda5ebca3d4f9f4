"""Severity-adjusted scores: the crossed mixed model, fitted exactly by REML or ML (method 2.1).

Model: ``y_ij = x_ij'beta + s_i + d_j + e_ij`` with voter severity ``s_i ~ N(0, vs)``, department
effect ``d_j ~ N(0, vd)`` and ``e_ij ~ N(0, v / w_ij)``.

The criterion is written in the ratios ``gs = vs/v`` and ``gd = vd/v`` (squares of lme4's theta), so
that nothing becomes infinite when a variance is zero. With ``a_i = 1 / (1 + gs n_i)``, ``N`` the
weighted voter x department counts, ``T = diag(n_d) - gs N'aN`` and ``X`` cleared of voters in the same
way (``X_d* = X_d - gs N'a X_s``, ``X* = X'WX - gs X_s'a X_s``)::

    K    = [[I + gd T, td X_d*], [., X*]]                     (td = sqrt gd)
    crit = -sum log a + logdet K - sum log w + m (1 + log(2 pi rss/m)),  m = n - p     (REML)

ML leaves out the determinant of the fixed effects and has ``m = n``. ``S = I + gd T`` is the first block.
By the envelope theorem ``d rss/d gs = -|Zs'We|^2`` and ``d rss/d gd = -|Zd'We|^2`` with ``e`` the
conditional residual; the derivatives of the determinants are traces of ``K^-1`` (see ``_traces``).

Everything is a function of ``F'aF`` and ``F'a^2F`` for ``F = [N, X_s, y_s]``, the sums by voter.
Linear algebra runs on one thread, so a result does not depend on the machine's load.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize

from scoring.backfitting import Variances, backfit, least_norm, moment_variances
from scoring.crossed import CrossedSums, crossed_sums
from scoring.threads import one_thread

__all__ = ["Criterion", "CrossedSums", "MixedModel", "Outcome", "Point", "crossed_sums", "fit", "model_at", "solve"]

Criterion = Literal["REML", "ML"]
Outcome = Literal["fitted", "backfitted", "zero_variance", "perfect_fit"]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_EXACT_DEPARTMENTS = 5_000
"""Up to this many departments a fit is exact; beyond them it is ``backfitted``."""

MAX_RATIO = 1e8
"""Largest variance ratio tried."""

_NO_SPREAD = 1e-6
"""A residual variance below this (0.001 points squared) is rounding: the fit is ``perfect_fit``."""

_LEAST_VARIANCE = 1e-14
"""Keeps the criterion finite when rounding makes the residual sum of squares zero or less."""

_NEGLIGIBLE = 1e-4
"""A ratio times the largest count below this is compared with a ratio of exactly zero."""

_NEWTON_STEPS = 4
_NEWTON_PROBE = 1e-5


@dataclass(frozen=True)
class MixedModel:
    """A fitted model on the 0-100 scale; ``vs``, ``vd`` and ``v`` are variances in points squared.

    Arrays by department follow ``departments``, arrays by voter follow ``voters``. ``severity`` and
    everything else by voter must not leave the scoring process.

    ``score`` is the shrunken score and ``score_adjusted`` the severity-adjusted mean: the department as
    a fixed effect, not shrunken, at the mean of the other fixed effects (method A5). What an effect
    has in common with the departments is counted as theirs in ``score_adjusted``.
    ``score_covariance`` is the joint error covariance of ``score`` (D x D), ``score_variance`` its diagonal.
    ``reliability`` is NaN where ``vd`` is 0. ``deviance`` is the REML or ML criterion lme4 prints, NaN
    unless ``outcome`` is ``fitted``. A ``backfitted`` model has variances by moments, whatever the
    ``criterion`` asked for, and no errors: NaN, and no ``score_covariance``. ``component`` numbers
    the connected parts of the voter x department graph from 1, in the order of their first department.
    """

    criterion: Criterion
    outcome: Outcome
    deviance: float
    n: int
    fixed_effects: tuple[str, ...]
    beta: Floats
    beta_se: Floats
    vs: float
    vd: float
    v: float
    departments: tuple[str, ...]
    effect: Floats
    conditional_sd: Floats
    score: Floats
    score_adjusted: Floats
    score_variance: Floats
    score_covariance: Floats | None
    reliability: Floats
    component: Integers
    voters: tuple[str, ...]
    severity: Floats
    n_components: int
    evaluations: int


@dataclass(frozen=True)
class Point:
    """The model solved at the variance ratios ``gs`` and ``gd``.

    ``gradient`` is the derivative of ``deviance`` in (gs, gd). ``inverse`` is ``K^-1`` and ``scale``
    (sqrt gd for departments, 1 for fixed effects) brings it to the scale of the effects:
    ``v * inverse * scale * scale'`` is their joint error covariance.
    """

    gs: float
    gd: float
    deviance: float
    gradient: Floats
    v: float
    beta: Floats
    severity: Floats
    effect: Floats
    inverse: Floats
    scale: Floats


def solve(sums: CrossedSums, criterion: Criterion, gs: float, gd: float) -> Point:
    """Criterion, its gradient and all estimates at given variance ratios.

    Raises:
        numpy.linalg.LinAlgError: The fixed effects are collinear.
    """
    count, p = len(sums.departments), sums.p
    m = sums.n - p if criterion == "REML" else sums.n
    a = 1.0 / (1.0 + gs * sums.voter_counts)
    swept = _sweep_voters(sums, gs, a)
    scale = np.concatenate([np.full(count, math.sqrt(gd)), np.ones(p)])
    k = swept[:-1, :-1] * scale[:, None] * scale
    k[range(count), range(count)] += 1.0
    factor = scipy.linalg.cholesky(k, lower=True)
    inverse = _inverse_from_factor(factor)
    right = scale * swept[:-1, -1]
    solution = inverse @ right
    rss = max(float(swept[-1, -1] - solution @ right), m * _LEAST_VARIANCE)
    # The effects follow from the spherical ones, the residual sums from the normal equations.
    effect, beta = math.sqrt(gd) * solution[:count], solution[count:]
    voter_residual = -np.asarray(sums.pairs @ effect + sums.by_voter @ np.append(beta, -1.0)) * a
    severity = gs * voter_residual
    department_residual = (
        sums.by_department[:, -1]
        - sums.by_department[:, :-1] @ beta
        - sums.department_counts * effect
        - np.asarray(sums.pairs.T @ severity)
    )
    logdet = 2.0 * float(np.log(np.diag(factor))[: k.shape[0] if criterion == "REML" else count].sum())
    residual_term = m * (1.0 + math.log(2.0 * math.pi * rss / m))
    squares = np.array([voter_residual @ voter_residual, department_residual @ department_residual])
    squared = sums.weighted_cross(a * a)[:-1, :-1] * scale[:, None] * scale
    voter_trace, department_trace = _traces(criterion, count, squared, inverse, swept)
    traces = np.array([float(sums.voter_counts @ a) - voter_trace, department_trace])
    return Point(
        gs=gs,
        gd=gd,
        deviance=logdet - float(np.log(a).sum()) - sums.log_weights + residual_term,
        gradient=traces - m * squares / rss,
        v=rss / m,
        beta=beta,
        severity=severity,
        effect=effect,
        inverse=inverse,
        scale=scale,
    )


def _sweep_voters(sums: CrossedSums, gs: float, a: Floats) -> Floats:
    """``[[T, X_d*, y_d*], [., X*, .], [., ., y*]]``: the normal equations with the voters swept out."""
    count = len(sums.departments)
    swept = np.zeros((count + sums.p + 1, count + sums.p + 1))
    swept[range(count), range(count)] = sums.department_counts
    swept[:count, count:] = sums.by_department
    swept[count:, :count] = sums.by_department.T
    swept[count:, count:] = sums.total
    return swept - gs * sums.weighted_cross(a)


def _inverse_from_factor(factor: Floats) -> Floats:
    inverse, info = scipy.linalg.lapack.dpotri(factor, lower=1)
    if info:
        raise np.linalg.LinAlgError("the fixed effects are collinear")
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(lower, -1).T)


def _without_beta(inverse: Floats, count: int) -> Floats:
    """``S^-1`` from ``K^-1``: the inverse with the fixed effects held at their estimate."""
    across = inverse[:count, count:]
    return np.asarray(inverse[:count, :count] - across @ np.linalg.solve(inverse[count:, count:], across.T))


def _traces(criterion: Criterion, count: int, squared: Floats, inverse: Floats, swept: Floats) -> tuple[float, float]:
    """Parts of the derivatives of the determinants in gs and gd that need ``K^-1``.

    ``tr(Zs'PZs) = sum n_s a - tr(K^-1 B'a^2 B)`` with ``B = [td N, X_s]`` (``squared`` is ``B'a^2 B``), and
    ``tr(Zd'PZd) = tr((K^-1)_dd U)`` with ``U = T - X_d* X*^-1 X_d*'``; both hold at zero ratios too.
    For ML, ``V^-1`` takes the place of ``P``: only the first block counts and ``U = T``.
    """
    within = swept[:count, :count]
    if criterion == "ML":
        conditional = _without_beta(inverse, count)
        return float((conditional * squared[:count, :count]).sum()), float((conditional * within).sum())
    fixed = swept[:count, count:-1]
    cleared = within - fixed @ np.linalg.solve(swept[count:-1, count:-1], fixed.T)
    return float((inverse * squared).sum()), float((inverse[:count, :count] * cleared).sum())


def fit(
    sums: CrossedSums, criterion: Criterion = "REML", *, max_exact_departments: int = MAX_EXACT_DEPARTMENTS
) -> MixedModel:
    """The maximum of the (restricted) likelihood, or what is left of the model at a boundary.

    A variance that cannot be told from the residual (every voter has one rating, or every
    department, or there is only one of them) is 0, and so is one whose best estimate is 0. Ratings
    that are all identical give ``zero_variance``; ratings without residual spread ``perfect_fit``.
    More than ``max_exact_departments`` departments are ``backfitted`` (see ``scoring.backfitting``).

    Raises:
        numpy.linalg.LinAlgError: The fixed effects are collinear.
        scoring.backfitting.NotConvergedError: Backfitting did not come to rest.
    """
    with one_thread():
        if sums.constant:
            return _constant_model(sums, criterion)
        if len(sums.departments) > max_exact_departments:
            return _backfitted_model(sums, criterion)
        objective = _Objective(sums, criterion)
        best = objective.minimum(_start(sums), _identifiable(sums))
        return _model(sums, criterion, best, objective.evaluations)


def model_at(sums: CrossedSums, criterion: Criterion, gs: float, gd: float) -> MixedModel:
    """The model at variance ratios ``gs = vs/v`` and ``gd = vd/v`` that are given, not estimated."""
    with one_thread():
        return _model(sums, criterion, solve(sums, criterion, gs, gd), 1)


def _identifiable(sums: CrossedSums) -> tuple[bool, bool]:
    return (
        len(sums.voters) > 1 and int(sums.voter_cells.max()) > 1,
        len(sums.departments) > 1 and int(sums.department_cells.max()) > 1,
    )


def _start(sums: CrossedSums) -> Floats:
    """Moment estimates of (gs, gd), kept away from zero."""
    moments = moment_variances(sums)
    floor = 0.01 * max(moments.vs + moments.vd + moments.v, _LEAST_VARIANCE)
    vs, vd, v = (max(variance, floor) for variance in (moments.vs, moments.vd, moments.v))
    return np.array([vs / v, vd / v])


class _Objective:
    """The criterion as a function of the two variance ratios, and the search for its minimum.

    The search moves in the logarithms of the ratios, where the criterion is close to quadratic and
    no step can leave the domain. The boundary, a ratio of exactly zero, is looked at by itself.
    """

    def __init__(self, sums: CrossedSums, criterion: Criterion) -> None:
        self._sums = sums
        self._criterion = criterion
        largest_counts = np.array([sums.voter_counts.max(), sums.department_counts.max()])
        self._floor = np.log(0.1 * _NEGLIGIBLE / largest_counts)
        self._ceiling = math.log(MAX_RATIO)
        self.evaluations = 0

    def at(self, ratios: Floats) -> Point:
        """The model at the ratios (gs, gd)."""
        self.evaluations += 1
        return solve(self._sums, self._criterion, float(ratios[0]), float(ratios[1]))

    def minimum(self, start: Floats, free: tuple[bool, bool]) -> Point:
        """The best point of the interior and of the boundaries it runs into; fixed ratios are zero.

        Where the criterion still falls on leaving the boundary, the boundary is not the answer and
        the search starts again from beside it.
        """
        best = self._inside(start, free)
        for index in range(2):
            negligible = free[index] and (best.gs, best.gd)[index] < 10.0 * math.exp(self._floor[index])
            if not negligible:
                continue
            remaining = (free[0] and index != 0, free[1] and index != 1)
            boundary = self.minimum(start, remaining)
            if boundary.gradient[index] >= 0.0:
                return boundary
            beside = np.maximum([boundary.gs, boundary.gd], 1e3 * np.exp(self._floor))
            best = self._inside(beside, free)
        return best

    def _inside(self, start: Floats, free: tuple[bool, bool]) -> Point:
        index = np.flatnonzero(free)
        if not index.size:
            return self.at(np.zeros(2))
        bounds = [(self._floor[k], self._ceiling) for k in index]
        ratios = np.zeros(2)

        def value_and_gradient(logarithms: Floats) -> tuple[float, Floats]:
            ratios[index] = np.exp(logarithms)
            point = self.at(ratios)
            return point.deviance, (ratios * point.gradient)[index]

        found = scipy.optimize.minimize(
            value_and_gradient,
            np.clip(np.log(start[index]), [low for low, _ in bounds], [high for _, high in bounds]),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 200, "ftol": 1e-12, "gtol": 1e-6},
        )
        ratios[index] = np.exp(found.x)
        inner = [k for k, x in zip(index, found.x, strict=True) if self._floor[k] < x < self._ceiling]
        return self._polished(ratios, np.array(inner, dtype=np.intp))

    def _polished(self, ratios: Floats, index: npt.NDArray[np.intp]) -> Point:
        """Newton steps on the gradient: the last digits, which the noise of the criterion hides."""
        best = self.at(ratios)
        if not index.size:
            return best
        slope = (ratios * best.gradient)[index]
        jacobian = np.empty((index.size, index.size))
        for column, position in enumerate(index):
            moved = ratios.copy()
            moved[position] *= math.exp(_NEWTON_PROBE)
            jacobian[:, column] = ((moved * self.at(moved).gradient)[index] - slope) / _NEWTON_PROBE
        for _ in range(_NEWTON_STEPS):
            move = -np.linalg.lstsq(jacobian, slope, rcond=None)[0]
            if np.abs(move).max() > 0.01:
                break
            candidate = ratios.copy()
            candidate[index] *= np.exp(move)
            point = self.at(candidate)
            new_slope = (candidate * point.gradient)[index]
            if np.abs(new_slope).max() >= np.abs(slope).max():
                break
            ratios, best, slope = candidate, point, new_slope
        return best


def _model(sums: CrossedSums, criterion: Criterion, point: Point, evaluations: int) -> MixedModel:
    count, v = len(sums.departments), point.v
    full = v * point.inverse * point.scale[:, None] * point.scale
    conditional = v * point.gd * np.diag(_without_beta(point.inverse, count))
    mean = sums.mean_fixed_effects
    across = full[:count, count:] @ mean
    covariance = full[:count, :count] + across[:, None] + across + mean @ full[count:, count:] @ mean
    vd = point.gd * v
    perfect = v < _NO_SPREAD or max(point.gs, point.gd) >= 0.99 * MAX_RATIO
    beta = _unshifted(sums, point.beta)
    with np.errstate(divide="ignore", invalid="ignore"):
        reliability = 1.0 - conditional / vd if vd > 0 and not perfect else np.full(count, np.nan)
    return MixedModel(
        criterion=criterion,
        outcome="perfect_fit" if perfect else "fitted",
        deviance=math.nan if perfect else point.deviance,
        n=sums.n,
        fixed_effects=sums.fixed_effects,
        beta=beta,
        beta_se=np.sqrt(np.diag(full)[count:]),
        vs=point.gs * v,
        vd=vd,
        v=v,
        departments=sums.departments,
        effect=point.effect,
        conditional_sd=np.sqrt(np.maximum(conditional, 0.0)),
        score=mean @ beta + point.effect,
        score_adjusted=sums.shift + _adjusted(sums, point.gs),
        score_variance=np.maximum(np.diag(covariance), 0.0),
        score_covariance=covariance,
        reliability=reliability,
        component=sums.department_component,
        voters=sums.voters,
        severity=point.severity,
        n_components=int(sums.department_component.max()),
        evaluations=evaluations,
    )


def _unshifted(sums: CrossedSums, beta: Floats) -> Floats:
    """The fixed effects with the shift of the ratings given back to the intercept."""
    return np.asarray(beta + sums.shift * (np.arange(sums.p) == 0))


def _adjusted(sums: CrossedSums, gs: float) -> Floats:
    """Department means with severity removed: generalised least squares with a column per department.

    The normal equations are those of ``solve`` without the penalty on departments. The intercept, and
    any effect that is constant within departments, is a combination of the columns of departments.
    """
    count = len(sums.departments)
    swept = _sweep_voters(sums, gs, 1.0 / (1.0 + gs * sums.voter_counts))
    factor = scipy.linalg.cho_factor(swept[:count, :count], lower=True)
    cleared = scipy.linalg.cho_solve(factor, swept[:count, count:])
    remaining = swept[count:, count:] - swept[count:, :count] @ cleared
    beta = least_norm(remaining[:-1, :-1], remaining[:-1, -1], np.diag(swept)[count:-1])
    return np.asarray(cleared @ np.append(-beta, 1.0) + sums.mean_fixed_effects @ beta)


def _backfitted_model(sums: CrossedSums, criterion: Criterion) -> MixedModel:
    """Moment variances around least squares, then around the fixed effects they lead to (Gao and Owen)."""
    first = _moment_ratios(sums, moment_variances(sums))
    variances = moment_variances(sums, backfit(sums, first[0], first[1]).beta)
    gs, gd, v = _moment_ratios(sums, variances)
    found = backfit(sums, gs, gd)
    fixed = backfit(sums, gs, math.inf)
    mean, count = sums.mean_fixed_effects, len(sums.departments)
    beta = _unshifted(sums, found.beta)
    unknown = np.full(count, np.nan)
    return MixedModel(
        criterion=criterion,
        outcome="perfect_fit" if v < _NO_SPREAD else "backfitted",
        deviance=math.nan,
        n=sums.n,
        fixed_effects=sums.fixed_effects,
        beta=beta,
        beta_se=np.full(sums.p, np.nan),
        vs=gs * v,
        vd=gd * v,
        v=v,
        departments=sums.departments,
        effect=found.effect,
        conditional_sd=unknown,
        score=mean @ beta + found.effect,
        score_adjusted=sums.shift + fixed.effect + mean @ fixed.beta,
        score_variance=unknown,
        score_covariance=None,
        reliability=unknown,
        component=sums.department_component,
        voters=sums.voters,
        severity=found.severity,
        n_components=int(sums.department_component.max()),
        evaluations=found.rounds,
    )


def _moment_ratios(sums: CrossedSums, moments: Variances) -> tuple[float, float, float]:
    """(gs, gd, v); a variance that cannot be told from the residual is part of it."""
    named = [part if told else 0.0 for part, told in zip((moments.vs, moments.vd), _identifiable(sums), strict=True)]
    v = max(moments.v + moments.vs + moments.vd - sum(named), _LEAST_VARIANCE)
    gs, gd = (min(part / v, MAX_RATIO) for part in named)
    return gs, gd, v


def _constant_model(sums: CrossedSums, criterion: Criterion) -> MixedModel:
    count = len(sums.departments)
    level = float(sums.total[0, -1] / sums.total[0, 0]) + sums.shift
    return MixedModel(
        criterion=criterion,
        outcome="zero_variance",
        deviance=math.nan,
        n=sums.n,
        fixed_effects=sums.fixed_effects,
        beta=np.array([level] + [0.0] * (sums.p - 1)),
        beta_se=np.zeros(sums.p),
        vs=0.0,
        vd=0.0,
        v=0.0,
        departments=sums.departments,
        effect=np.zeros(count),
        conditional_sd=np.zeros(count),
        score=np.full(count, level),
        score_adjusted=np.full(count, level),
        score_variance=np.zeros(count),
        score_covariance=np.zeros((count, count)),
        reliability=np.full(count, np.nan),
        component=sums.department_component,
        voters=sums.voters,
        severity=np.zeros(len(sums.voters)),
        n_components=int(sums.department_component.max()),
        evaluations=0,
    )
