"""The mixed model beside R's lme4, and rank sets beside R's csranks.

InstEval: 73,421 ratings of 1,128 lecturers by 2,972 students (lme4); m0 has an intercept only, m1 adds
``service``, m2 ``service`` and the section of the university. Penicillin: 24 plates by 6 samples, every
pair once (lme4). PISA 2018 mathematics: means and standard errors of 38 countries (csranks).

The criterion of the Penicillin fit is the one printed with the example of lme4's manual page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.reference.row import Row
from scoring.backfitting import backfit, moment_variances
from scoring.crossed import CrossedSums, crossed_sums, dummy_columns
from scoring.mixed_model import Criterion, MixedModel, fit
from scoring.ranks import rank_confidence_sets, top_set

Floats = npt.NDArray[np.float64]

DRAWS = 100_000
"""Draws of the rank sets, as many as the reference used; the seed cannot be the reference's."""

SEED = 101

_FITS = ("m0_reml", "m0_ml", "m1_reml", "m1_ml", "m2_reml")
_FACTORS = {"m0": (), "m1": ("service",), "m2": ("service", "dept")}
_PENICILLIN_CRITERION = 330.8606
_MOMENTS_ON_INSTEVAL = (0.1021, 0.2843, 1.3920)


def rows(reference: Path) -> Iterator[Row]:
    """One row per figure compared; ``reference`` is the folder of published data."""
    yield from _insteval(reference / "insteval")
    yield from _penicillin(reference / "lme4_small")
    yield from _rank_sets(reference / "pisa_ranks")


def _insteval(folder: Path) -> Iterator[Row]:
    ratings = pl.read_csv(folder / "insteval.csv.gz").select(
        voter_id=pl.col("s").cast(pl.String),
        ratee_org_id=pl.col("d").cast(pl.String),
        value=pl.col("y") * 10_000,
        weight=pl.lit(10_000),
        service=pl.col("service").cast(pl.String),
        # The reference level of the published contrasts comes first among the names.
        dept=pl.when(pl.col("dept") == 15).then(pl.lit("")).otherwise(pl.col("dept").cast(pl.String)),
    )
    sums = {name: crossed_sums(*dummy_columns(ratings, factors)) for name, factors in _FACTORS.items()}
    for name in _FITS:
        criterion: Criterion = "REML" if name.endswith("reml") else "ML"
        model = fit(sums[name[:2]], criterion)
        yield from _fit_rows(folder, name, model)
        if name == "m0_reml":
            yield from _backfitting(sums["m0"], model)


def _fit_rows(folder: Path, name: str, model: MixedModel) -> Iterator[Row]:
    what, against = f"InstEval {name.replace('_', ' ')}", "lme4 1.1-31"
    summary = pl.read_csv(folder / "model_summary.csv").filter(pl.col("model") == name).row(0, named=True)
    yield Row(f"{what}: criterion, absolute", against, 1, abs(model.deviance - summary["criterion"]), 1e-8)
    components = pl.read_csv(folder / f"{name}_varcomp.csv")["vcov"].to_numpy()
    found = np.array([model.vs, model.vd, model.v])
    yield Row(f"{what}: variance components, relative", against, 3, _largest(found / components - 1), 1e-5)
    fixed = pl.read_csv(folder / f"{name}_fixef.csv")
    names = ["intercept", *(_column(term) for term in fixed["term"].to_list()[1:])]
    order = [model.fixed_effects.index(column) for column in names]
    differences = [model.beta[order] - fixed["estimate"].to_numpy(), model.beta_se[order] - fixed["se"].to_numpy()]
    yield Row(f"{what}: fixed effects and their SE", against, 2 * len(order), _largest(*differences), 1e-5)
    if (folder / f"{name}_ranef_d.csv").exists():
        yield from _effect_rows(what, against, model, pl.read_csv(folder / f"{name}_ranef_d.csv"))
        severity = dict(zip(model.voters, model.severity, strict=True))
        published = pl.read_csv(folder / f"{name}_ranef_s.csv.gz")
        got = np.array([severity[str(level)] for level in published["level"]])
        difference = _largest(got - published["blup"].to_numpy())
        yield Row(f"{what}: BLUPs of raters", against, published.height, difference, 1e-5)


def _column(term: str) -> str:
    """R's name of a contrast (service1, dept5) as ours."""
    factor = term.rstrip("0123456789")
    return f"{factor}={term.removeprefix(factor)}"


def _effect_rows(what: str, against: str, model: MixedModel, published: pl.DataFrame) -> Iterator[Row]:
    position = {name: index for index, name in enumerate(model.departments)}
    order = [position[str(level)] for level in published["level"]]
    effect = _largest(model.effect[order] - published["blup"].to_numpy())
    deviation = _largest(model.conditional_sd[order] - published["condSD"].to_numpy())
    yield Row(f"{what}: BLUPs of departments", against, published.height, effect, 1e-5)
    yield Row(f"{what}: conditional SDs", against, published.height, deviation, 1e-5)


def _backfitting(sums: CrossedSums, exact: MixedModel) -> Iterator[Row]:
    found = backfit(sums, exact.vs / exact.v, exact.vd / exact.v)
    difference = _largest(found.effect - exact.effect, found.severity - exact.severity)
    count = len(found.effect) + len(found.severity)
    yield Row("InstEval m0: backfitting at the REML variances", "the exact solution", count, difference, 1e-8)
    moments = moment_variances(sums)
    difference = _largest(np.array([moments.vs, moments.vd, moments.v]) - _MOMENTS_ON_INSTEVAL)
    yield Row("InstEval m0: variances by moments", "method 2.1, four decimals", 3, difference, 5e-5)


def _penicillin(folder: Path) -> Iterator[Row]:
    data = pl.read_csv(folder / "penicillin.csv")
    value = (pl.col("diameter") * 10_000).cast(pl.Int64)
    cells = data.select(voter_id="plate", ratee_org_id="sample", value=value, weight=pl.lit(10_000))
    model, against = fit(crossed_sums(cells)), "lme4 1.1-31"
    printed = abs(model.deviance - _PENICILLIN_CRITERION)
    yield Row("Penicillin: criterion, absolute", "lme4 manual, four decimals", 1, printed, 5e-5)
    components = pl.read_csv(folder / "penicillin_varcomp.csv")["vcov"].cast(pl.Float64).to_numpy()
    found = np.array([model.vs, model.vd, model.v])
    yield Row("Penicillin: variance components, relative", against, 3, _largest(found / components - 1), 1e-5)
    fixed = pl.read_csv(folder / "penicillin_fixef.csv").cast(pl.Float64)
    differences = np.array([model.beta[0] - fixed["est"][0], model.beta_se[0] - fixed["se"][0]])
    yield Row("Penicillin: intercept and its SE", against, 2, _largest(differences), 1e-5)
    yield from _effect_rows("Penicillin", against, model, _effects(folder / "penicillin_ranef_sample.csv"))
    plates = _effects(folder / "penicillin_ranef_plate.csv")
    severity = dict(zip(model.voters, model.severity, strict=True))
    difference = _largest(np.array([severity[level] for level in plates["level"]]) - plates["blup"].to_numpy())
    yield Row("Penicillin: BLUPs of plates", against, plates.height, difference, 1e-5)


def _effects(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False).with_columns(pl.col("blup", "condSD").cast(pl.Float64))


def _rank_sets(folder: Path) -> Iterator[Row]:
    table = pl.read_csv(folder / "pisa2018_math_rank_confidence_sets.csv", infer_schema=False)
    score = table["math_score"].cast(pl.Float64).to_numpy()
    variance = table["math_se"].cast(pl.Float64).to_numpy() ** 2
    against = "csranks, R=100,000"
    for name, simultaneous, stepdown in (
        ("simul_step", True, True),
        ("simul_single", True, False),
        ("marg_single", False, False),
    ):
        sets = rank_confidence_sets(
            score, variance, draws=DRAWS, seed=SEED, simultaneous=simultaneous, stepdown=stepdown
        )
        published = [table[f"{end}_{name}_R100000"].cast(pl.Int64).to_numpy() for end in "LU"]
        unequal = int((sets.low != published[0]).sum() + (sets.high != published[1]).sum())
        words = f"{'simultaneous' if simultaneous else 'marginal'}, {'step-down' if stepdown else 'single step'}"
        yield Row(f"PISA 2018 rank sets, {words}: unequal ends", against, 2 * table.height, unequal, 0)
    top = dict(zip(table["jurisdiction"], top_set(score, variance, places=5, draws=DRAWS, seed=SEED), strict=True))
    published_top = pl.read_csv(folder / "pisa2018_math_top5_set.csv").rows()
    unequal = sum(bool(top[country]) != member for country, member in published_top)
    yield Row("PISA 2018 top-5 set: unequal members", "csranks", len(published_top), unequal, 0)


def _largest(*differences: Floats) -> float:
    return max(float(np.abs(difference).max()) for difference in differences)
