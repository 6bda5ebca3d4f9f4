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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.linalg
import scipy.optimize
import scipy.sparse
import scipy.sparse.csgraph
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from scoring.sums import VALUE_SCALE

Criterion = Literal["REML", "ML"]
Outcome = Literal["fitted", "zero_variance", "perfect_fit"]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

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
class CrossedSums:
    """Sufficient statistics of the model, with ``q`` voters, ``D`` departments, ``p`` fixed effects.

    ``by_voter`` is ``F = [N, X_s, y_s]`` (q x (D+p+1), dense or sparse), ``voter_counts`` the weight
    sums ``n_s``. ``by_department`` is ``[X_d, y_d]`` (D x (p+1)), ``department_counts`` the weight sums
    ``n_d``. ``total`` is ``[X, y]'W[X, y]``.
    Ratings are shifted by ``shift`` (points) to keep sums of squares small; ``constant`` says that
    all of them are equal.
    """

    voters: tuple[str, ...]
    departments: tuple[str, ...]
    fixed_effects: tuple[str, ...]
    by_voter: Floats | scipy.sparse.csr_array
    voter_counts: Floats
    by_department: Floats
    department_counts: Floats
    total: Floats
    log_weights: float
    n: int
    shift: float
    constant: bool
    voter_cells: Integers
    department_cells: Integers
    voter_component: Integers
    department_component: Integers

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return len(self.fixed_effects)

    @property
    def mean_fixed_effects(self) -> Floats:
        """Weighted mean of each fixed-effect column over the ratings (1 for the intercept)."""
        return np.asarray(self.total[0, : self.p] / self.total[0, 0])


@dataclass(frozen=True)
class MixedModel:
    """A fitted model on the 0-100 scale; ``vs``, ``vd`` and ``v`` are variances in points squared.

    Arrays by department follow ``departments``, arrays by voter follow ``voters``. ``severity`` and
    everything else by voter must not leave the scoring process. ``reliability`` is NaN where
    ``vd`` is 0. ``deviance`` is the REML or ML criterion lme4 prints, NaN unless ``outcome`` is
    ``fitted``. ``component`` numbers the connected parts of the voter x department graph from 1, in
    the order of their first department.
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
    score_variance: Floats
    reliability: Floats
    component: Integers
    voters: tuple[str, ...]
    severity: Floats
    n_components: int
    evaluations: int


def crossed_sums(cells: pl.DataFrame, fixed_effects: Sequence[str] = ()) -> CrossedSums:
    """Sums by voter, by department and by pair.

    Args:
        cells: voter_id, ratee_org_id, value and weight (Int64, 10^-4), as ``sums.voter_cells`` gives
            them, plus any columns named in ``fixed_effects``. Rows may repeat a pair.
        fixed_effects: Numeric columns beside the intercept, which is always first.

    Raises:
        ValueError: There are no rows, a value is missing or a weight is not positive.
    """
    if cells.is_empty():
        raise ValueError("a mixed model needs at least one rating")
    needed = ["voter_id", "ratee_org_id", "value", "weight", *fixed_effects]
    rows = cells.select(needed)
    if rows.null_count().sum_horizontal().item() or (rows["weight"] <= 0).any():
        raise ValueError("values must be present and weights positive")
    voters, departments = (rows[name].unique().sort() for name in needed[:2])
    # Sums are taken in the order of the names, whatever order the rows come in.
    rows = rows.with_columns(_codes("voter_id", voters), _codes("ratee_org_id", departments)).sort(needed)
    voter, department = rows["voter_id"].to_numpy(), rows["ratee_org_id"].to_numpy()
    weight = rows["weight"].to_numpy() / VALUE_SCALE
    # A whole-number shift keeps the arithmetic exact and small; beta gets it back at the end.
    shift = int(rows["value"].sum()) // rows.height
    columns = [np.ones(rows.height), *(rows[name].cast(pl.Float64).to_numpy() for name in fixed_effects)]
    design = np.column_stack([*columns, (rows["value"].to_numpy() - shift) / VALUE_SCALE])
    weighted = design * weight[:, None]
    with threadpool_limits(limits=1):
        total = design.T @ weighted
    pairs = scipy.sparse.csr_array((weight, (voter, department)), shape=(len(voters), len(departments)))
    pairs.sum_duplicates()
    voter_component, department_component = _components(pairs)
    return CrossedSums(
        voters=tuple(voters),
        departments=tuple(departments),
        fixed_effects=("intercept", *fixed_effects),
        by_voter=_join(pairs, _group_sums(voter, weighted, len(voters))),
        voter_counts=np.bincount(voter, weight, len(voters)).astype(np.float64),
        by_department=_group_sums(department, weighted, len(departments)),
        department_counts=np.bincount(department, weight, len(departments)).astype(np.float64),
        total=total,
        log_weights=float(np.log(weight).sum()),
        n=rows.height,
        shift=shift / VALUE_SCALE,
        constant=rows["value"].n_unique() == 1,
        voter_cells=np.bincount(voter, minlength=len(voters)).astype(np.int64),
        department_cells=np.bincount(department, minlength=len(departments)).astype(np.int64),
        voter_component=voter_component,
        department_component=department_component,
    )


def _codes(name: str, levels: pl.Series) -> pl.Expr:
    return pl.col(name).cast(pl.Enum(levels)).to_physical().cast(pl.Int64)


def _group_sums(codes: Integers, columns: Floats, size: int) -> Floats:
    return np.column_stack([np.bincount(codes, column, size) for column in columns.T])


def _join(pairs: scipy.sparse.csr_array, sums: Floats) -> Floats | scipy.sparse.csr_array:
    """``[N, X_s, y_s]``, dense when a dense product is the cheaper way to ``F'aF``."""
    q, departments = pairs.shape
    sparse_cost = 20.0 * float(
        (np.diff(pairs.indptr).astype(np.float64) + sums.shape[1]) @ (np.diff(pairs.indptr) + 1.0)
    )
    dense_cost = float(q) * (departments + sums.shape[1]) ** 2
    if dense_cost <= sparse_cost:
        return np.hstack([pairs.toarray(), sums])
    return scipy.sparse.csr_array(scipy.sparse.hstack([pairs, scipy.sparse.csr_array(sums)], format="csr"))


def _components(pairs: scipy.sparse.csr_array) -> tuple[Integers, Integers]:
    """Component number (from 1, in the order of the first department) of each voter and department."""
    q, d = pairs.shape
    graph = scipy.sparse.block_array([[None, pairs], [scipy.sparse.csr_array((d, q)), None]], format="csr")
    count, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    first_seen = np.unique(label[q:], return_index=True)[1]
    number = np.empty(count, dtype=np.int64)
    number[label[q:][np.sort(first_seen)]] = np.arange(1, count + 1)
    return number[label[:q]], number[label[q:]]


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
    voter_residual = -np.asarray(sums.by_voter @ np.concatenate([effect, beta, [-1.0]])) * a
    severity = gs * voter_residual
    department_residual = (
        sums.by_department[:, -1]
        - sums.by_department[:, :-1] @ beta
        - sums.department_counts * effect
        - np.asarray(sums.by_voter.T @ severity)[:count]
    )
    logdet = 2.0 * float(np.log(np.diag(factor))[: k.shape[0] if criterion == "REML" else count].sum())
    residual_term = m * (1.0 + math.log(2.0 * math.pi * rss / m))
    squares = np.array([voter_residual @ voter_residual, department_residual @ department_residual])
    squared = _weighted_cross(sums.by_voter, a * a)[:-1, :-1] * scale[:, None] * scale
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
    return swept - gs * _weighted_cross(sums.by_voter, a)


def _weighted_cross(f: Floats | scipy.sparse.csr_array, a: Floats) -> Floats:
    """``F' diag(a) F``."""
    if isinstance(f, np.ndarray):
        return np.asarray(f.T @ (f * a[:, None]))
    scaled = f.copy()
    scaled.data = f.data * np.repeat(a, np.diff(f.indptr))
    return np.asarray((f.T @ scaled).toarray())


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


def fit(sums: CrossedSums, criterion: Criterion = "REML") -> MixedModel:
    """The maximum of the (restricted) likelihood, or what is left of the model at a boundary.

    A variance that cannot be told from the residual (every voter has one rating, or every
    department, or there is only one of them) is 0, and so is one whose best estimate is 0. Ratings
    that are all identical give ``zero_variance``; ratings without residual spread ``perfect_fit``.

    Raises:
        numpy.linalg.LinAlgError: The fixed effects are collinear.
    """
    with threadpool_limits(limits=1):
        if sums.constant:
            return _constant_model(sums, criterion)
        objective = _Objective(sums, criterion)
        best = objective.minimum(_start(sums), _identifiable(sums))
        return _model(sums, criterion, best, objective.evaluations)


def model_at(sums: CrossedSums, criterion: Criterion, gs: float, gd: float) -> MixedModel:
    """The model at variance ratios ``gs = vs/v`` and ``gd = vd/v`` that are given, not estimated."""
    with threadpool_limits(limits=1):
        return _model(sums, criterion, solve(sums, criterion, gs, gd), 1)


def _identifiable(sums: CrossedSums) -> tuple[bool, bool]:
    return (
        len(sums.voters) > 1 and int(sums.voter_cells.max()) > 1,
        len(sums.departments) > 1 and int(sums.department_cells.max()) > 1,
    )


def _start(sums: CrossedSums) -> Floats:
    """Moment estimates of (gs, gd) after Gao and Owen (arXiv 1610.08088), kept away from zero."""
    mean_weight = float(sums.total[0, 0]) / sums.n
    n_s, n_d = sums.voter_counts / mean_weight, sums.department_counts / mean_weight
    n, square = float(sums.n), float(sums.total[-1, -1]) / mean_weight
    voter_sums = np.asarray(sums.by_voter @ np.eye(sums.by_voter.shape[1])[-1]) / mean_weight
    department_sums = sums.by_department[:, -1] / mean_weight
    within_voters = square - float((voter_sums**2 / n_s).sum())
    within_departments = square - float((department_sums**2 / n_d).sum())
    spread = n * square - float(department_sums.sum()) ** 2
    q, d = len(n_s), len(n_d)
    matrix = [
        [0.0, n - q, n - q],
        [n - d, 0.0, n - d],
        [n * n - float(n_s @ n_s), n * n - float(n_d @ n_d), n * n - n],
    ]
    moments = np.linalg.lstsq(np.array(matrix), np.array([within_voters, within_departments, spread]), rcond=None)[0]
    vs, vd, v = np.maximum(moments, 0.01 * spread / (n * n))
    return np.asarray(np.array([vs, vd]) / (v * mean_weight))


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
    variance = np.diag(full)[:count] + 2.0 * full[:count, count:] @ mean + mean @ full[count:, count:] @ mean
    vd = point.gd * v
    perfect = v < _NO_SPREAD or max(point.gs, point.gd) >= 0.99 * MAX_RATIO
    beta = point.beta + sums.shift * (np.arange(sums.p) == 0)
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
        score_variance=np.maximum(variance, 0.0),
        reliability=reliability,
        component=sums.department_component,
        voters=sums.voters,
        severity=point.severity,
        n_components=int(sums.department_component.max()),
        evaluations=evaluations,
    )


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
        score_variance=np.zeros(count),
        reliability=np.full(count, np.nan),
        component=sums.department_component,
        voters=sums.voters,
        severity=np.zeros(len(sums.voters)),
        n_components=int(sums.department_component.max()),
        evaluations=0,
    )
