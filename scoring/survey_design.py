"""Estimates from a sample with their design-based standard errors (method 2.2).

Every statistic is a smooth function of weighted totals, so its variance is that of a total of linearised
values (Taylor). With ``w`` the weights and ``e_k`` the linearised value of row ``k``, ``u_k = w_k e_k`` is
summed to sampling units ``c`` inside strata ``h``, and::

    V = sum_h (1 - f_h) n_h/(n_h - 1) sum_c (u_hc - ubar_h)^2,    f_h = n_h / N_h

A later stage adds the same sum over the units drawn inside each unit of the stage before, times the
product of the earlier ``f``; without population counts the sample counts as drawn with replacement and
only the first stage counts. A domain keeps every sampling unit of the sample and sets ``e`` to zero
outside. After post-stratification or raking, ``e`` is replaced by its residual on the margins, by
regression with the base weights.

Arrays follow the rows of the sample; NaN in a variable leaves the row out as a domain does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.linalg
import scipy.special
import scipy.stats
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
LonelyRule = Literal["adjust", "remove", "average", "certainty", "fail"]

_RANK_TOLERANCE = 1e-10
"""Margin columns whose part outside the others is smaller than this are combinations of them."""


@dataclass(frozen=True)
class Stage:
    """One stage of sampling, by the names of columns of the sample.

    ``unit``: what was drawn (None: the row itself); ``stratum``: inside what (None: one stratum);
    ``population``: how many units the stratum holds (None: drawn with replacement).
    """

    unit: str | None = None
    stratum: str | None = None
    population: str | None = None


@dataclass(frozen=True)
class _StageUnits:
    """Row to unit, unit to stratum; per stratum the units drawn, the share drawn, the earlier shares' product."""

    unit: Integers
    stratum: Integers
    drawn: Floats
    fraction: Floats
    earlier: Floats


@dataclass(frozen=True)
class SurveyDesign:
    """A sample with its weights and how it was drawn; made by ``survey_design`` and ``calibrated``.

    ``weights`` (n) are final. ``base_weights`` (n) and ``margins`` (n x r, orthonormal after scaling by the
    root of the base weights) are there when the weights were calibrated.
    """

    weights: Floats
    stages: tuple[_StageUnits, ...]
    lonely_psu: LonelyRule
    base_weights: Floats | None = None
    margins: Floats | None = None

    @property
    def df(self) -> int:
        """Degrees of freedom: sampling units of the first stage less strata."""
        return len(self.stages[0].stratum) - len(self.stages[0].drawn)


@dataclass(frozen=True)
class Estimate:
    """An estimate in the unit of its variable, its standard error, design effect and degrees of freedom.

    ``deff`` is the variance over that of a simple random sample of as many rows without replacement; NaN
    where it is not defined.
    """

    estimate: float
    se: float
    deff: float
    df: int


def survey_design(
    sample: pl.DataFrame, *, weight: str, stages: Sequence[Stage] = (Stage(),), lonely_psu: LonelyRule = "adjust"
) -> SurveyDesign:
    """The design of a sample of rows.

    Args:
        sample: One row per respondent with the columns named by the other arguments.
        weight: Column of weights, all positive.
        stages: First stage first.
        lonely_psu: What a stratum with a single unit adds to the variance. ``adjust``: its distance from
            the mean over the units of the whole stage; ``remove`` and ``certainty``: nothing; ``average``:
            as much as the other strata add on average; ``fail``: an error.

    Raises:
        ValueError: A weight is missing or not positive, a stratum has two population counts or fewer
            units than were drawn, or a stratum has a single unit under ``fail``.
    """
    weights = sample[weight].cast(pl.Float64).to_numpy()
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise ValueError("weights must be present and positive")
    coded: list[_StageUnits] = []
    for number in range(len(stages)):
        coded.append(_stage_units(sample, stages[: number + 1], coded[-1] if coded else None))
    design = SurveyDesign(weights, tuple(coded), lonely_psu)
    if lonely_psu == "fail" and any(_lonely(stage).any() for stage in coded):
        raise ValueError("a stratum has a single sampling unit")
    return design


def _stage_units(sample: pl.DataFrame, stages: Sequence[Stage], before: _StageUnits | None) -> _StageUnits:
    rows = sample.with_row_index("_row")
    stage = stages[-1]
    strata_names = [name for part in stages[:-1] for name in (part.stratum, part.unit) if name is not None]
    strata_names += [stage.stratum] if stage.stratum is not None else []
    row_stratum = _codes(rows, strata_names)
    row_unit = _codes(rows, [*strata_names, stage.unit if stage.unit is not None else "_row"])
    stratum = row_stratum[_first_rows(row_unit)]
    strata = int(stratum.max()) + 1
    drawn = np.bincount(stratum, minlength=strata).astype(np.float64)
    fraction = np.zeros(strata)
    if stage.population is not None:
        population = _population(sample[stage.population], row_stratum)
        if (population < drawn).any():
            raise ValueError("a stratum has fewer units than were drawn from it")
        fraction = drawn / population
    earlier = np.ones(strata)
    if before is not None:
        parent = before.stratum[before.unit[_first_rows(row_stratum)]]
        earlier = before.earlier[parent] * before.fraction[parent]
    return _StageUnits(row_unit, stratum, drawn, fraction, earlier)


def _codes(rows: pl.DataFrame, names: Sequence[str]) -> Integers:
    """Numbers from 0 of the distinct combinations, in the order of the names' values."""
    if not names:
        return np.zeros(rows.height, dtype=np.int64)
    keys = list(dict.fromkeys(names))
    levels = rows.select(keys).unique().sort(keys).with_row_index("_code")
    codes = rows.select(keys).join(levels, on=keys, how="left", nulls_equal=True, maintain_order="left")["_code"]
    return np.asarray(codes.cast(pl.Int64).to_numpy())


def _first_rows(codes: Integers) -> Integers:
    """The first row of each code; codes are consecutive."""
    first = np.unique(codes, return_index=True)[1]
    return np.asarray(first, dtype=np.int64)


def _population(column: pl.Series, row_stratum: Integers) -> Floats:
    counts = column.cast(pl.Float64).to_numpy()
    population = counts[_first_rows(row_stratum)]
    if not np.array_equal(population[row_stratum], counts):
        raise ValueError("a stratum has more than one population count, or none")
    return np.asarray(population)


def calibrated(design: SurveyDesign, weights: Floats, margins: Floats) -> SurveyDesign:
    """The design with weights that were post-stratified, raked or otherwise calibrated to margins.

    Args:
        design: The design with its base weights.
        weights: Calibrated weights (n).
        margins: Auxiliary variables the weights were calibrated to (n x r), such as
            ``calibration.margin_columns``; collinear columns do not matter.

    Raises:
        ValueError: A calibrated weight is not positive.
    """
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise ValueError("calibrated weights must be positive")
    with threadpool_limits(limits=1):
        scaled = margins * np.sqrt(design.weights)[:, None]
        q, r, _ = scipy.linalg.qr(scaled, mode="economic", pivoting=True)
    size = np.abs(np.diag(r))
    rank = int((size > _RANK_TOLERANCE * size[0]).sum())
    return SurveyDesign(weights, design.stages, design.lonely_psu, design.weights, np.asarray(q[:, :rank]))


def variance_of_total(design: SurveyDesign, linearised: Floats) -> float:
    """Design-based variance of ``sum w e`` for linearised values ``e`` (n); see the module."""
    if design.margins is not None and design.base_weights is not None:
        root = np.sqrt(design.base_weights)
        with threadpool_limits(limits=1):
            linearised = linearised - design.margins @ (design.margins.T @ (linearised * root)) / root
    weighted = design.weights * linearised
    return sum(_stage_variance(stage, weighted, design.lonely_psu) for stage in design.stages)


def _lonely(stage: _StageUnits) -> Mask:
    """Strata of which a single unit was drawn although there are more."""
    return np.asarray((stage.drawn == 1) & (stage.fraction < 1) & (stage.earlier > 0))


def _stage_variance(stage: _StageUnits, weighted: Floats, lonely_psu: LonelyRule) -> float:
    totals = np.bincount(stage.unit, weighted, len(stage.stratum))
    strata = len(stage.drawn)
    centre = np.bincount(stage.stratum, totals, strata) / stage.drawn
    lonely = _lonely(stage)
    if lonely_psu == "adjust":
        centre[lonely] = totals.mean()
    spread = np.bincount(stage.stratum, (totals - centre[stage.stratum]) ** 2, strata)
    scale = np.where(stage.drawn > 1, stage.drawn / np.maximum(stage.drawn - 1, 1), 1.0)
    variance = float((stage.earlier * (1 - stage.fraction) * scale * spread).sum())
    if lonely_psu == "average" and lonely.any():
        kept = int((~lonely).sum())
        return variance * strata / kept if kept else math.nan
    return variance


def mean(design: SurveyDesign, y: Floats, domain: Mask | None = None) -> Estimate:
    """Weighted mean ``sum w y / sum w`` (Hajek), over the rows of a domain where one is given."""
    inside, (y,) = _observed(domain, y)
    size = float(design.weights[inside].sum())
    if size == 0:
        return Estimate(math.nan, math.nan, math.nan, design.df)
    average = float((design.weights * y).sum()) / size
    variance = variance_of_total(design, np.where(inside, y - average, 0.0) / size)
    return Estimate(average, math.sqrt(variance), variance / _simple_random(design, y, inside, average), design.df)


def _simple_random(design: SurveyDesign, y: Floats, inside: Mask, average: float) -> float:
    """Variance of the mean had as many rows been drawn at random without replacement."""
    weights, n = design.weights[inside], int(inside.sum())
    size = float(weights.sum())
    if n < 2 or size <= n:
        return math.nan
    spread = float((weights * (y[inside] - average) ** 2).sum()) / size * n / (n - 1)
    variance = spread * (1 - n / size) / n
    return variance if variance > 0 else math.nan


def proportion(design: SurveyDesign, member: Mask, domain: Mask | None = None) -> Estimate:
    """Share of the population that is a member: the mean of an indicator."""
    return mean(design, member.astype(np.float64), domain)


def total(design: SurveyDesign, y: Floats, domain: Mask | None = None) -> Estimate:
    """Population total ``sum w y`` (Horvitz-Thompson), over the rows of a domain where one is given."""
    inside, (y,) = _observed(domain, y)
    linearised = np.where(inside, y, 0.0)
    variance = variance_of_total(design, linearised)
    return Estimate(float((design.weights * linearised).sum()), math.sqrt(variance), math.nan, design.df)


def ratio(design: SurveyDesign, numerator: Floats, denominator: Floats, domain: Mask | None = None) -> Estimate:
    """Ratio of two totals."""
    inside, (top, bottom) = _observed(domain, numerator, denominator)
    size = float((design.weights * bottom).sum())
    if size == 0:
        return Estimate(math.nan, math.nan, math.nan, design.df)
    quotient = float((design.weights * top).sum()) / size
    variance = variance_of_total(design, np.where(inside, top - quotient * bottom, 0.0) / size)
    return Estimate(quotient, math.sqrt(variance), math.nan, design.df)


def by_domain(
    statistic: Callable[[SurveyDesign, Floats, Mask | None], Estimate],
    design: SurveyDesign,
    y: Floats,
    domains: pl.Series,
) -> dict[str, Estimate]:
    """A statistic (``mean`` or ``total``) in every domain, by the domain's name."""
    return {
        str(name): statistic(design, y, np.asarray(domains.eq_missing(name).to_numpy()))
        for name in domains.drop_nulls().unique().sort()
    }


def _observed(domain: Mask | None, *variables: Floats) -> tuple[Mask, list[Floats]]:
    """Rows of the domain with every variable present, and the variables with zero elsewhere."""
    present = ~np.any([np.isnan(variable) for variable in variables], axis=0)
    inside = present if domain is None else present & domain
    return inside, [np.where(inside, variable, 0.0) for variable in variables]


def effective_sample_size(weights: Floats) -> float:
    """Kish's effective sample size ``(sum w)^2 / sum w^2``."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def t_interval(estimate: Estimate, level: float = 0.95) -> tuple[float, float]:
    """Symmetric interval with the t quantile of the design's degrees of freedom."""
    half_width = float(scipy.stats.t.ppf((1 + level) / 2, estimate.df)) * estimate.se
    return estimate.estimate - half_width, estimate.estimate + half_width


def logit_interval(estimate: Estimate, level: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion, symmetric on the logit scale; the point itself at 0 and 1."""
    p = estimate.estimate
    if p <= 0 or p >= 1:
        return p, p
    half_width = float(scipy.stats.t.ppf((1 + level) / 2, estimate.df)) * estimate.se / (p * (1 - p))
    centre = math.log(p / (1 - p))
    return float(scipy.special.expit(centre - half_width)), float(scipy.special.expit(centre + half_width))


def korn_graubard_interval(estimate: Estimate, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a proportion at the effective sample size (Korn and Graubard 1998).

    ``n_eff = p (1-p) / V`` times the squared ratio of the t quantiles at ``n - 1`` and at the design's degrees
    of freedom; ``n`` itself where the variance is zero.
    """
    p, tail = estimate.estimate, (1 - level) / 2
    effective = float(n)
    if estimate.se > 0:
        quantiles = scipy.stats.t.ppf(tail, n - 1) / scipy.stats.t.ppf(tail, estimate.df)
        effective = p * (1 - p) / estimate.se**2 * float(quantiles) ** 2
    members, others = effective * p, effective * (1 - p)
    low = float(scipy.stats.beta.ppf(tail, members, others + 1)) if members > 0 else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, members + 1, others)) if others > 0 else 1.0
    return low, high
