"""Cells of small crossed designs, and the mixed model written out with n x n matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.mixed_model import Criterion

Floats = npt.NDArray[np.float64]


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

    def adjusted(self, gs: float) -> Floats:
        """Generalised least squares with a column per department, at the mean of the other columns."""
        design = np.column_stack([self.zd, self.x[:, 1:]])
        inverse = np.linalg.inv(np.diag(1 / self.weight) + gs * self.zs @ self.zs.T)
        coefficients = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ self.y)
        count = self.zd.shape[1]
        mean = (self.weight @ self.x[:, 1:]) / self.weight.sum()
        return np.asarray(coefficients[:count] + mean @ coefficients[count:])
