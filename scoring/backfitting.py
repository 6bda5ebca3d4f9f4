"""Backfitting: the crossed mixed model where there are too many departments for an exact solve (method 2.1).

An exact fit factors a matrix with a row per department. Beyond a few thousand of them the variances are
estimated by moments (Gao and Owen, arXiv 1610.08088) and the effects by clubbed backfitting (Ghosh,
Hastie and Owen, arXiv 2007.10612): fixed effects and voters together given the departments, then
fixed effects and departments together given the voters, until nothing moves. Every step is linear in
the number of voter x department pairs. The limit of the iteration is the exact solution at the same
variances; standard errors would need the inverse that is not formed, so there are none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.crossed import CrossedSums

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-10
"""Points by which the iteration may still be away from its limit when it stops."""

MAX_ROUNDS = 100_000

_COLLINEAR = 1e-10
"""A direction of the fixed effects with less than this share of its sum of squares left is no direction."""


class NotConvergedError(Exception):
    """Backfitting was still moving after ``MAX_ROUNDS`` rounds."""


@dataclass(frozen=True)
class Variances:
    """Variance components in points squared, none of them negative."""

    vs: float
    vd: float
    v: float


@dataclass(frozen=True)
class Backfit:
    """The effects at given variance ratios, up to ``TOLERANCE``; ``beta`` is without the shift of the sums."""

    beta: Floats
    severity: Floats
    effect: Floats
    rounds: int


def moment_variances(sums: CrossedSums, beta: Floats | None = None) -> Variances:
    """Variance components by the method of moments (Gao and Owen, arXiv 1610.08088; method 2.1).

    With residuals ``r = y - X beta``, the weighted sums of squares within voters, within departments and
    around the mean have expectations linear in (vs, vd, v); with ``n_i`` the weight sum of voter i,
    ``N_ij`` that of a pair, ``W`` that of all ``n`` ratings::

        E Ua = vd (W - sum N_ij^2/n_i)                                    + v (n - q)
        E Ub = vs (W - sum N_ij^2/n_j)                                    + v (n - D)
        E Ue = vs (W - sum n_i^2/W)     + vd (W - sum n_j^2/W)            + v (n - 1)

    Unbiased at the true ``beta``. Estimates below zero are set to zero.

    Args:
        sums: See ``crossed.crossed_sums``.
        beta: Fixed effects without the shift; least squares when not given.
    """
    if beta is None:
        beta = least_norm(sums.total[:-1, :-1], sums.total[:-1, -1], np.diag(sums.total)[:-1])
    contrast = np.append(-beta, 1.0)
    by_voter, by_department = sums.by_voter @ contrast, sums.by_department @ contrast
    square, total = float(contrast @ sums.total @ contrast), float(sums.total[0] @ contrast)
    weight = float(sums.total[0, 0])
    n_s, n_d = sums.voter_counts, sums.department_counts
    squared = sums.pairs**2 if isinstance(sums.pairs, np.ndarray) else sums.pairs.power(2)
    q, d, n = len(n_s), len(n_d), sums.n
    within_voters = weight - float((np.asarray(squared.sum(axis=1)) / n_s).sum())
    within_departments = weight - float((np.asarray(squared.sum(axis=0)) / n_d).sum())
    matrix = [
        [0.0, within_voters, n - q],
        [within_departments, 0.0, n - d],
        [weight - float(n_s @ n_s) / weight, weight - float(n_d @ n_d) / weight, n - 1.0],
    ]
    found = [
        square - float((by_voter**2 / n_s).sum()),
        square - float((by_department**2 / n_d).sum()),
        square - total**2 / weight,
    ]
    vs, vd, v = np.maximum(np.linalg.lstsq(np.array(matrix), np.array(found), rcond=None)[0], 0.0)
    return Variances(float(vs), float(vd), float(v))


def backfit(sums: CrossedSums, gs: float, gd: float) -> Backfit:
    """The mixed model's effects at the variance ratios ``gs = vs/v`` and ``gd = vd/v``, by clubbed backfitting.

    An infinite ``gd`` leaves the departments unshrunken: they are fixed effects beside the others, and what
    an effect has in common with the departments is counted as theirs.

    Raises:
        NotConvergedError: The iteration did not come to rest.
    """
    p = sums.p
    x_s, y_s = sums.by_voter[:, :p], sums.by_voter[:, p]
    x_d, y_d = sums.by_department[:, :p], sums.by_department[:, p]
    voters = _Smoother(x_s, gs / (1.0 + gs * sums.voter_counts), sums.total[:p, :p])
    shrunken = 1.0 / sums.department_counts if math.isinf(gd) else gd / (1.0 + gd * sums.department_counts)
    departments = _Smoother(x_d, shrunken, sums.total[:p, :p])
    x_y = sums.total[:p, p]
    beta, severity, effect = np.zeros(p), np.zeros(len(y_s)), np.zeros(len(y_d))
    change = math.inf
    for rounds in range(1, MAX_ROUNDS + 1):
        before = np.concatenate([effect, x_d @ beta / sums.department_counts])
        given = y_s - sums.pairs @ effect
        if math.isinf(gd):
            severity = voters.diagonal * (given - x_s @ beta)
        else:
            severity = voters.fit(given, x_y - x_d.T @ effect)[1]
        beta, effect = departments.fit(y_d - np.asarray(sums.pairs.T @ severity), x_y - x_s.T @ severity)
        after = np.concatenate([effect, x_d @ beta / sums.department_counts])
        moved = float(np.abs(after - before).max())
        # Linear convergence: what is left to go is a geometric series in the rate of the last two steps.
        rate = min(moved / change, 1.0 - 1e-6) if change > 0 else 0.0
        if moved * max(rate, 0.5) <= TOLERANCE * (1.0 - rate):
            return Backfit(beta, severity, effect, rounds)
        change = moved
    raise NotConvergedError(f"backfitting moved {moved:g} points in round {MAX_ROUNDS}")


class _Smoother:
    """Fixed effects and the effects of one factor together, given the effects of the other."""

    def __init__(self, x: Floats, diagonal: Floats, total: Floats) -> None:
        self._x, self.diagonal = x, diagonal
        self._inverse = _least_norm_inverse(total - x.T @ (x * diagonal[:, None]), np.diag(total))

    def fit(self, y: Floats, x_y: Floats) -> tuple[Floats, Floats]:
        """Fixed effects and effects for the sums ``y`` by level and ``x_y`` by fixed effect."""
        beta = self._inverse @ (x_y - self._x.T @ (self.diagonal * y))
        return beta, self.diagonal * (y - self._x @ beta)


def least_norm(matrix: Floats, right: Floats, scale: Floats) -> Floats:
    """The solution of normal equations that gives nothing to directions with nothing left of them.

    ``scale`` is the diagonal of the equations before anything was taken out of them.
    """
    return np.asarray(_least_norm_inverse(matrix, scale) @ right)


def _least_norm_inverse(matrix: Floats, scale: Floats) -> Floats:
    """Pseudo-inverse in units in which ``scale`` is one: directions with nothing left of them get zero."""
    unit = np.sqrt(scale)
    values, vectors = np.linalg.eigh(matrix / np.outer(unit, unit))
    inverse = np.where(values > _COLLINEAR, 1.0 / np.where(values > _COLLINEAR, values, 1.0), 0.0)
    return np.asarray((vectors * inverse) @ vectors.T / np.outer(unit, unit))
