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
from threadpoolctl import threadpool_limits

from scoring.sums import VALUE_SCALE

Criterion = Literal["REML", "ML"]
Outcome = Literal["fitted", "zero_variance", "perfect_fit"]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_RATIO = 1e8
"""Largest variance ratio tried. A fit that reaches it has no residual spread left (``perfect_fit``)."""

_BOUNDARY_INFORMATION = 1e-5
_STRICT = 1e-12


@dataclass(frozen=True)
class CrossedSums:
    """Sufficient statistics of the model, with ``q`` voters, ``D`` departments, ``p`` fixed effects.

    ``by_voter`` is ``F = [N, X_s, y_s]`` (q x (D+p+1), dense or sparse), ``voter_counts`` the weight
    sums ``n_s``. ``by_department`` is ``[diag(n_d), X_d, y_d]``'s last columns ``[X_d, y_d]``
    (D x (p+1)), ``department_counts`` the weight sums ``n_d``. ``total`` is ``[X, y]'W[X, y]``.
    Ratings are shifted by ``shift`` (points) to keep sums of squares small.
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
    rows = cells.select(needed).sort(needed)
    if rows.null_count().sum_horizontal().item() or (rows["weight"] <= 0).any():
        raise ValueError("values must be present and weights positive")
    voters, voter = _codes(rows["voter_id"])
    departments, department = _codes(rows["ratee_org_id"])
    weight = rows["weight"].to_numpy() / VALUE_SCALE
    # A whole-number shift keeps the arithmetic exact and small; beta gets it back at the end.
    shift = int(rows["value"].sum()) // rows.height
    columns = [np.ones(rows.height), *(rows[name].cast(pl.Float64).to_numpy() for name in fixed_effects)]
    design = np.column_stack([*columns, (rows["value"].to_numpy() - shift) / VALUE_SCALE])
    weighted = design * weight[:, None]
    pairs = scipy.sparse.csr_array((weight, (voter, department)), shape=(len(voters), len(departments)))
    pairs.sum_duplicates()
    voter_component, department_component = _components(pairs)
    return CrossedSums(
        voters=voters,
        departments=departments,
        fixed_effects=("intercept", *fixed_effects),
        by_voter=_join(pairs, _group_sums(voter, weighted, len(voters))),
        voter_counts=np.bincount(voter, weight, len(voters)),
        by_department=_group_sums(department, weighted, len(departments)),
        department_counts=np.bincount(department, weight, len(departments)),
        total=design.T @ weighted,
        log_weights=float(np.log(weight).sum()),
        n=rows.height,
        shift=shift / VALUE_SCALE,
        voter_cells=np.bincount(voter, minlength=len(voters)).astype(np.int64),
        department_cells=np.bincount(department, minlength=len(departments)).astype(np.int64),
        voter_component=voter_component,
        department_component=department_component,
    )


def _codes(names: pl.Series) -> tuple[tuple[str, ...], Integers]:
    levels = names.unique().sort()
    codes = names.cast(pl.Enum(levels)).to_physical().to_numpy().astype(np.int64)
    return tuple(levels.to_list()), codes


def _group_sums(codes: Integers, columns: Floats, size: int) -> Floats:
    return np.column_stack([np.bincount(codes, column, size) for column in columns.T])


def _join(pairs: scipy.sparse.csr_array, sums: Floats) -> Floats | scipy.sparse.csr_array:
    """``[N, X_s, y_s]``, dense when a dense product is the cheaper way to ``F'aF``."""
    q, departments = pairs.shape
    sparse_cost = 20.0 * float((np.diff(pairs.indptr).astype(np.float64) + sums.shape[1]) @ (np.diff(pairs.indptr) + 1.0))
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
class _Point:
    """The model solved at fixed variance ratios; ``scaled`` names are in units of ``v``."""

    gs: float
    gd: float
    deviance: float
    gradient: Floats
    v: float
    beta: Floats
    severity: Floats
    effect: Floats
    inverse: Floats
    conditional: Floats


def _weighted_cross(f: Floats | scipy.sparse.csr_array, a: Floats) -> Floats:
    """``F' diag(a) F``."""
    if isinstance(f, np.ndarray):
        return np.asarray(f.T @ (f * a[:, None]))
    scaled = f.copy()
    scaled.data = f.data * np.repeat(a, np.diff(f.indptr))
    return np.asarray((f.T @ scaled).toarray())


def _solve(sums: CrossedSums, criterion: Criterion, gs: float, gd: float) -> _Point:
    """Criterion, its gradient in (gs, gd) and all estimates at given ratios.

    Raises:
        numpy.linalg.LinAlgError: The fixed effects are collinear.
    """
    count, p = len(sums.departments), sums.p
    a = 1.0 / (1.0 + gs * sums.voter_counts)
    # [T, X_d*, y_d*; ., X*, .; ., ., y*]: everything after the voters are swept out.
    swept = np.zeros((count + p + 1, count + p + 1))
    swept[range(count), range(count)] = sums.department_counts
    swept[:count, count:] = sums.by_department
    swept[count:, :count] = sums.by_department.T
    swept[count:, count:] = sums.total
    swept -= gs * _weighted_cross(sums.by_voter, a)
    td = math.sqrt(gd)
    scale = np.concatenate([np.full(count, td), np.ones(p)])
    k = swept[:-1, :-1] * scale[:, None] * scale
    k[range(count), range(count)] += 1.0
    factor = scipy.linalg.cholesky(k, lower=True)
    inverse = scipy.linalg.cho_solve((factor, True), np.eye(count + p))
    solution = inverse @ (scale * swept[:-1, -1])
    spherical, beta = solution[:count], solution[count:]
    rss = float(swept[-1, -1] - solution @ (scale * swept[:-1, -1]))
    effect = td * spherical
    coefficients = np.concatenate([effect, beta, [-1.0]])
    voter_residual = -np.asarray(sums.by_voter @ coefficients) * a  # Zs'We
    severity = gs * voter_residual
    department_residual = _department_residual(sums, effect, beta, severity)
    m = sums.n - p if criterion == "REML" else sums.n
    log_diagonal = 2.0 * np.log(np.diag(factor))
    logdet = log_diagonal.sum() if criterion == "REML" else log_diagonal[:count].sum()
    deviance = logdet - np.log(a).sum() - sums.log_weights + m * (1.0 + math.log(2.0 * math.pi * rss / m)) if rss > 0 else -math.inf
    conditional = scipy.linalg.cho_solve((factor[:count, :count], True), np.eye(count))
    traces = _traces(sums, criterion, gs, gd, a, inverse, conditional, swept)
    with np.errstate(divide="ignore"):
        gradient = traces - m * np.array([voter_residual @ voter_residual, department_residual @ department_residual]) / rss
    return _Point(gs, gd, float(deviance), gradient, rss / m, beta, severity, effect, inverse, conditional)
