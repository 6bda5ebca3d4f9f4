"""Survey estimates, standard errors and calibrated weights beside those of R survey 4.1-1.

Of the 267 published figures, the replicate weights (JK1, JKn), the likelihood and arcsine intervals of a
proportion and weights that are trimmed but not raked again are not part of the method and are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.reference.row import Row
from scoring.calibration import Margin, post_stratify, rake
from scoring.survey_design import (
    Estimate,
    LonelyRule,
    Stage,
    SurveyDesign,
    by_domain,
    calibrated,
    korn_graubard_interval,
    logit_interval,
    mean,
    proportion,
    ratio,
    survey_design,
    t_interval,
    total,
)

TOLERANCE = 1e-9
"""Relative, as is every difference here."""

_ROUNDING = 1e-11
"""A standard error below this share of its estimate is a zero that rounding has blurred."""

_AGAINST = "R survey 4.1-1, California API samples"

Key = tuple[str, str, str, str]
Floats = npt.NDArray[np.float64]


@dataclass
class _Comparison:
    """Figures compared so far, by design, statistic and term; each published one may be used once."""

    published: Mapping[Key, float]
    differences: dict[Key, float] = field(default_factory=dict)

    def add(self, design: str, statistic: str, term: str, figures: Mapping[str, float]) -> None:
        size = abs(self.published[design, statistic, term, "estimate"])
        for name, value in figures.items():
            key = (design, statistic, term, name)
            if key not in self.published:
                continue
            answer = self.published[key]
            blurred = (name == "se" and abs(answer) < _ROUNDING * size) or (name == "deff" and answer < _ROUNDING**2)
            scale = max(size, 1.0) if blurred else abs(answer)
            self.differences[key] = abs(value - answer) / scale

    def row(self, what: str, chosen: Callable[[Key], bool]) -> Row:
        found = [difference for key, difference in self.differences.items() if chosen(key)]
        worst = max(found, default=math.inf)
        return Row(f"{what} (relative)", _AGAINST, len(found), worst if found else math.inf, TOLERANCE)


def _published(folder: Path) -> dict[Key, float]:
    rows = pl.read_csv(folder / "survey_reference_answers.csv", null_values="NA")
    return {
        (row["design"], row["id"], row["term"], name): float(row[name])
        for row in rows.iter_rows(named=True)
        for name in ("estimate", "se", "deff", "df")
        if row[name] is not None
    }


def _sample(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / name, null_values="NA", schema_overrides={"cds": pl.String})


def _numbers(sample: pl.DataFrame, column: str) -> Floats:
    return sample[column].cast(pl.Float64).fill_null(math.nan).to_numpy()


def _figures(estimate: Estimate) -> dict[str, float]:
    return {"estimate": estimate.estimate, "se": estimate.se, "deff": estimate.deff, "df": float(estimate.df)}


def _compare_statistics(found: _Comparison, name: str, design: SurveyDesign, sample: pl.DataFrame) -> None:
    """The twelve terms every design of the reference has."""
    enrolled, schools = _numbers(sample, "enroll"), sample["stype"]
    for variable in ("api00", "api99"):
        found.add(name, "mean", variable, _figures(mean(design, _numbers(sample, variable))))
    for kind in ("E", "H", "M"):
        member = (schools == kind).to_numpy()
        found.add(name, "prop", f"stype{kind}", _figures(proportion(design, member)))
        found.add(name, "count", f"stype{kind}", _figures(total(design, member.astype(np.float64))))
    found.add(name, "total", "enroll", _figures(total(design, enrolled)))
    found.add(name, "ratio", "api.stu/enroll", _figures(ratio(design, _numbers(sample, "api.stu"), enrolled)))
    for kind, estimate in by_domain(mean, design, _numbers(sample, "api00"), schools).items():
        found.add(name, "by", f"api00|{kind}", _figures(estimate))
    for kind, estimate in by_domain(total, design, enrolled, schools).items():
        found.add(name, "by", f"enroll|{kind}", _figures(estimate))


@dataclass(frozen=True)
class _Samples:
    """Samples and designs as drawn, by the names of the reference."""

    samples: Mapping[str, pl.DataFrame]
    designs: Mapping[str, SurveyDesign]


def _drawn(folder: Path) -> _Samples:
    simple, stratified, one, two = (
        _sample(folder, f"{name}.csv.gz") for name in ("apisrs", "apistrat", "apiclus1", "apiclus2")
    )
    plans: dict[str, tuple[pl.DataFrame, list[Stage]]] = {
        "srs": (simple, [Stage(population="fpc")]),
        "strat": (stratified, [Stage(stratum="stype", population="fpc")]),
        "strat_nofpc": (stratified, [Stage(stratum="stype")]),
        "clus1": (one, [Stage(unit="dnum", population="fpc")]),
        "clus1_nofpc": (one, [Stage(unit="dnum")]),
        "clus2": (two, [Stage(unit="dnum", population="fpc1"), Stage(unit="snum", population="fpc2")]),
    }
    return _Samples(
        {name: sample for name, (sample, _) in plans.items()},
        {name: survey_design(sample, weight="pw", stages=stages) for name, (sample, stages) in plans.items()},
    )


def _margins(folder: Path) -> tuple[Margin, Margin]:
    """Margins of the population: type of school, and whether it met its school-wide growth target."""
    population = _sample(folder, "apipop.csv.gz")
    kinds, targets = (dict(population[name].value_counts().iter_rows()) for name in ("stype", "sch.wide"))
    return Margin("stype", kinds), Margin("sch.wide", targets)


def _calibrated(folder: Path, drawn: _Samples) -> dict[str, tuple[SurveyDesign, pl.DataFrame]]:
    """The calibrated designs; weights by GREG and logit calibration are R's, their errors ours."""
    kinds, targets = _margins(folder)
    one, stratified = drawn.samples["clus1"], drawn.samples["strat"]
    cluster = drawn.designs["clus1"]
    raked = rake(one, cluster.weights, [kinds, targets])
    posts = {
        "clus1_poststrat": ("clus1", post_stratify(one, cluster.weights, kinds)),
        "strat_poststrat": ("strat", post_stratify(stratified, drawn.designs["strat"].weights, targets)),
        "clus1_rake": ("clus1", raked),
        "clus1_nofpc_rake": ("clus1_nofpc", raked),
        "clus1_calrake": ("clus1", raked),
    }
    result = {
        name: (calibrated(drawn.designs[base], post.weights, post.margin_columns), drawn.samples[base])
        for name, (base, post) in posts.items()
    }
    auxiliary = np.column_stack([raked.margin_columns[:, :3], _numbers(one, "api99")])
    for name in ("clus1_greg", "clus1_logit"):
        result[name] = (calibrated(cluster, _published_weights(folder, name), auxiliary), one)
    return result


def _published_weights(folder: Path, design: str) -> Floats:
    weights = pl.read_csv(folder / "weights_by_design.csv.gz").filter(pl.col("design") == design)
    return weights.sort("row")["weight"].to_numpy()


def _compare_intervals(found: _Comparison, drawn: _Samples, raked: SurveyDesign) -> None:
    for name, design in {"strat": drawn.designs["strat"], "clus1": drawn.designs["clus1"], "clus1_rake": raked}.items():
        average = mean(design, _numbers(drawn.samples["strat" if name == "strat" else "clus1"], "api00"))
        for kind, df in (("ci_t", average.df), ("ci_z", math.inf)):
            ends = t_interval(Estimate(average.estimate, average.se, math.nan, df))
            _add_ends(found, name, kind, ends)
    sample = drawn.samples["strat"]
    share = proportion(drawn.designs["strat"], (sample["sch.wide"] == "Yes").to_numpy())
    intervals = {
        "logit": logit_interval(share),
        "xlogit": logit_interval(share),
        "beta": korn_graubard_interval(share, sample.height),
        "mean": t_interval(share),
    }
    for method, ends in intervals.items():
        found.add("strat", f"ciprop_{method}", "p", {"estimate": share.estimate})
        _add_ends(found, "strat", f"ciprop_{method}", ends)


def _add_ends(found: _Comparison, design: str, statistic: str, ends: Iterable[float]) -> None:
    for term, end in zip(("lo", "hi"), ends, strict=True):
        found.add(design, statistic, term, {"estimate": end})


def _compare_small(found: _Comparison, folder: Path) -> None:
    """Strata with one sampling unit by four rules, a ratio by hand-made clusters, and the census."""
    lonely = _sample(folder, "apistrat_lonely.csv")
    rules: tuple[LonelyRule, ...] = ("remove", "adjust", "average", "certainty")
    for rule in rules:
        design = survey_design(lonely, weight="pw", stages=[Stage(stratum="stype")], lonely_psu=rule)
        found.add("strat_lonely", f"lonely_{rule}", "api00", _figures(mean(design, _numbers(lonely, "api00"))))
    arrests = pl.read_csv(folder / "scd.csv").with_columns(weight=1.0)
    design = survey_design(arrests, weight="weight", stages=[Stage(unit="ambulance", stratum="ESA")])
    quotient = ratio(design, _numbers(arrests, "alive"), _numbers(arrests, "arrests"))
    found.add("scd", "ratio", "alive/arrests", _figures(quotient))
    population = _sample(folder, "apipop.csv.gz").with_columns(weight=1.0, size=pl.len())
    census = survey_design(population, weight="weight", stages=[Stage(population="size")])
    for term, estimate in {
        "mean_api00": mean(census, _numbers(population, "api00")),
        "mean_api99": mean(census, _numbers(population, "api99")),
        "total_enroll": total(census, _numbers(population, "enroll")),
        "N": total(census, np.ones(population.height)),
    }.items():
        found.add("apipop", "truth", term, {"estimate": estimate.estimate})


def _weight_rows(folder: Path, designs: Mapping[str, tuple[SurveyDesign, pl.DataFrame]]) -> Iterator[Row]:
    for name in ("clus1_poststrat", "strat_poststrat", "clus1_rake"):
        answer = _published_weights(folder, name)
        worst = float(np.abs(designs[name][0].weights / answer - 1).max())
        yield Row(f"weights of {name} (relative)", _AGAINST, len(answer), worst, TOLERANCE)


def compared(reference: Path) -> _Comparison:
    """Every published figure the method covers beside its own."""
    folder = reference / "survey_api"
    found = _Comparison(_published(folder))
    drawn = _drawn(folder)
    for name, design in drawn.designs.items():
        _compare_statistics(found, name, design, drawn.samples[name])
    designs = _calibrated(folder, drawn)
    for name, (design, sample) in designs.items():
        _compare_statistics(found, name, design, sample)
    _compare_intervals(found, drawn, designs["clus1_rake"][0])
    _compare_small(found, folder)
    return found


def rows(reference: Path) -> Iterator[Row]:
    """Rows of the comparison.

    Args:
        reference: Folder of the published data and answers.
    """
    found = compared(reference)
    drawn = ("srs", "strat", "strat_nofpc", "clus1", "clus1_nofpc", "clus2")
    names = {
        "mean": "means",
        "total": "totals",
        "ratio": "ratios",
        "prop": "proportions",
        "count": "counts",
        "by": "by domain",
    }
    for statistic, what in names.items():
        yield found.row(
            f"survey {what}: estimate, SE, deff, df", lambda key, s=statistic: key[0] in drawn and key[1] == s
        )
    for name in ("clus1_poststrat", "strat_poststrat", "clus1_rake", "clus1_nofpc_rake", "clus1_calrake"):
        yield found.row(f"survey {name}: all statistics", lambda key, n=name: key[0] == n and key[1] in names)
    yield found.row(
        "survey GREG and logit weights: all statistics", lambda key: key[0] in ("clus1_greg", "clus1_logit")
    )
    yield found.row("survey lonely PSU, four rules", lambda key: key[0] == "strat_lonely")
    yield found.row("survey ratio of clusters in strata", lambda key: key[0] == "scd")
    yield found.row("survey intervals", lambda key: key[1].startswith(("ci_", "ciprop_")))
    yield found.row("survey census", lambda key: key[0] == "apipop")
    folder = reference / "survey_api"
    yield from _weight_rows(folder, _calibrated(folder, _drawn(folder)))
