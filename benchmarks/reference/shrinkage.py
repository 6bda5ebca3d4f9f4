"""Shrunken means beside those of R metafor 3.8-1 and of Efron and Morris (1977)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.reference.row import Row
from scoring.shrinkage import FayHerriot, Tau2Method, fay_herriot, james_stein

DATA = ("bcg", "eight_schools", "pisa2018_math")

_METAFOR = "R metafor 3.8-1"


def rows(reference: Path) -> Iterator[Row]:
    """Rows of the comparison.

    Args:
        reference: Folder of the published data and answers.
    """
    folder = reference / "meta_shrinkage"
    yield from _fits(folder, "REML", "REML", 1e-8)
    yield from _fits(folder, "PM", "EB", 1e-8)
    # metafor stops its Paule-Mandel iterations at 1e-4; the root itself is checked without it.
    yield from _fits(folder, "PM", "PM", 1e-4)
    yield _paule_mandel_root(folder)
    yield from _efron_morris(reference / "efron_morris")


def _fits(folder: Path, method: Tau2Method, published: str, tolerance: float) -> Iterator[Row]:
    """tau2, mean, its standard error, and where published the shrunken values, errors and intervals."""
    totals = pl.read_csv(folder / "tau2_mu_answers.csv").filter(pl.col("method") == published)
    subjects = pl.read_csv(folder / "blup_answers.csv", schema_overrides={"id": pl.String}).filter(
        pl.col("method") == published
    )
    for name in DATA:
        y, psi = _data(folder, name)
        fit = fay_herriot(y, psi, method=method)
        answer = totals.row(by_predicate=pl.col("data") == name, named=True)
        got = [fit.tau2, float(fit.beta[0]), math.sqrt(fit.beta_covariance[0, 0])]
        wanted = [float(answer[column]) for column in ("tau2", "mu", "se_mu")]
        shrunken = subjects.filter(pl.col("data") == name)
        if not shrunken.is_empty():
            low, high = fit.interval()
            got += np.concatenate([fit.estimate, fit.se, low, high]).tolist()
            wanted += [value for column in ("blup", "se", "pi_lb", "pi_ub") for value in shrunken[column].to_list()]
        # Relative above 1: tau2 of the PISA means is a thousand points squared.
        worst = max(abs(a - b) / max(abs(b), 1.0) for a, b in zip(got, wanted, strict=True))
        yield Row(f"{method} shrinkage of {name}", f"{_METAFOR}, method {published}", len(got), worst, tolerance)


def _data(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    table = pl.read_csv(folder / f"{name}.csv", schema_overrides={"id": pl.String, "yi": pl.Float64, "vi": pl.Float64})
    return table["yi"].to_numpy(), table["vi"].to_numpy()


def _paule_mandel_root(folder: Path) -> Row:
    """``sum (y - mu)^2 / (psi + tau2)`` is the degrees of freedom, or below them at 0."""
    worst = 0.0
    for name in DATA:
        y, psi = _data(folder, name)
        fit: FayHerriot = fay_herriot(y, psi, method="PM")
        excess = float(((y - fit.beta[0]) ** 2 / (psi + fit.tau2)).sum()) / (len(y) - 1) - 1
        worst = max(worst, abs(excess) if fit.tau2 > 0 else excess)
    return Row("Paule-Mandel equation (relative)", "its own definition", len(DATA), worst, 1e-12)


def _efron_morris(folder: Path) -> Iterator[Row]:
    batters = pl.read_csv(folder / "efron-morris-75-data.tsv", separator="\t")
    averages = batters["BattingAverage"].to_numpy()
    centre = float(averages.mean())
    shrunken = james_stein(averages, centre * (1 - centre) / 45)
    against = "Efron and Morris 1977, 18 batters"
    yield Row("James-Stein grand mean", against, 1, abs(shrunken.mean - 0.265), 5e-4)
    yield Row("James-Stein factor c", against, 1, abs(shrunken.factor - 0.212), 5e-4)
    published = 0.212 * averages + 0.788 * 0.265
    yield Row("James-Stein estimates", against, 18, float(np.abs(shrunken.estimate - published).max()), 5e-4)
