"""Design-based errors against closed forms and a slow oracle that follows the definition unit by unit."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.survey_design import (
    Estimate,
    LonelyRule,
    Stage,
    by_domain,
    effective_sample_size,
    korn_graubard_interval,
    logit_interval,
    mean,
    proportion,
    ratio,
    survey_design,
    t_interval,
    total,
)

Row = dict[str, Any]


def slow_variance(rows: list[Row], stages: list[Stage], key: str, grand: float | None = None) -> float:
    """The variance of a total of ``row[key]`` by the definition, one stratum and one unit after another.

    ``grand`` is the centre of a stratum with a single unit; None leaves it out.
    """
    stage, later = stages[0], stages[1:]
    strata: dict[Any, dict[Any, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(rows):
        strata[row[stage.stratum] if stage.stratum else 0][row[stage.unit] if stage.unit else number].append(row)
    variance = 0.0
    for units in strata.values():
        n = len(units)
        population = next(iter(units.values()))[0][stage.population] if stage.population else math.inf
        fraction = n / population
        totals = [math.fsum(row[key] for row in members) for members in units.values()]
        if n > 1:
            centre = math.fsum(totals) / n
            squares = math.fsum((size - centre) ** 2 for size in totals)
            variance += (1 - fraction) * n / (n - 1) * squares
        elif grand is not None:
            variance += (1 - fraction) * (totals[0] - grand) ** 2
        if later and fraction > 0:
            variance += fraction * math.fsum(slow_variance(members, later, key) for members in units.values())
    return variance


@st.composite
def samples(draw: st.DrawFn) -> list[Row]:
    """Rows in strata of at least two clusters of at least two rows, with population counts of both stages."""
    rows: list[Row] = []
    for stratum in range(draw(st.integers(1, 3))):
        clusters = draw(st.integers(2, 4))
        many = clusters + draw(st.integers(0, 5))
        for cluster in range(clusters):
            members = draw(st.integers(2, 4))
            size = members + draw(st.integers(0, 3))
            for _ in range(members):
                row = {"h": stratum, "c": cluster, "N": many, "M": size}
                row["w"] = draw(st.integers(1, 9)) / 2
                row["y"] = float(draw(st.integers(0, 100)))
                row["x"] = float(draw(st.integers(1, 50)))
                row["inside"] = draw(st.booleans())
                rows.append(row)
    return rows


TWO_STAGES = [Stage(unit="c", stratum="h", population="N"), Stage(population="M")]


@given(samples())
@settings(max_examples=100, derandomize=True, deadline=None)
def test_two_stage_errors_agree_with_the_definition(rows: list[Row]) -> None:
    frame = pl.DataFrame(rows)
    y, x, w = (frame[name].to_numpy() for name in ("y", "x", "w"))
    inside = frame["inside"].to_numpy()
    for stages in (TWO_STAGES, TWO_STAGES[:1], [Stage(unit="c", stratum="h")]):
        design = survey_design(frame, weight="w", stages=stages)
        centre = (w * y).sum() / w.sum()
        quotient = (w * y).sum() / (w * x).sum()
        domain = (w * y)[inside].sum() / w[inside].sum() if inside.any() else math.nan
        checks = [
            (total(design, y), y, (w * y).sum()),
            (mean(design, y), (y - centre) / w.sum(), centre),
            (ratio(design, y, x), (y - quotient * x) / (w * x).sum(), quotient),
            (total(design, y, inside), y * inside, (w * y * inside).sum()),
        ]
        if inside.any():
            checks.append((mean(design, y, inside), np.where(inside, y - domain, 0) / w[inside].sum(), domain))
        for estimate, linearised, expected in checks:
            weighted = [row | {"u": float(u)} for row, u in zip(rows, w * linearised, strict=True)]
            assert estimate.estimate == pytest.approx(expected, rel=1e-12)
            assert estimate.se**2 == pytest.approx(slow_variance(weighted, stages, "u"), rel=1e-9, abs=1e-12)


def test_simple_random_sample_has_the_textbook_error() -> None:
    frame = pl.DataFrame({"y": [3.0, 5.0, 7.0, 9.0], "w": [2.5] * 4, "N": [10] * 4})
    design = survey_design(frame, weight="w", stages=[Stage(population="N")])
    average = mean(design, frame["y"].to_numpy())
    assert average.estimate == 6.0
    # s2 = 20/3; V = (1 - 4/10) s2/4 = 1.
    assert average.se == pytest.approx(1.0, rel=1e-12)
    assert average.deff == pytest.approx(1.0, rel=1e-12)
    assert (average.df, total(design, frame["y"].to_numpy()).se) == (3, pytest.approx(10.0, rel=1e-12))


def test_a_census_has_no_error() -> None:
    frame = pl.DataFrame({"y": [1.0, 5.0, 9.0], "w": [1.0] * 3, "N": [3] * 3})
    assert mean(survey_design(frame, weight="w", stages=[Stage(population="N")]), frame["y"].to_numpy()).se == 0.0


def test_a_missing_value_leaves_the_row_out_but_not_the_unit() -> None:
    frame = pl.DataFrame({"y": [1.0, 5.0, math.nan, 6.0], "w": [1.0, 2.0, 3.0, 4.0]})
    design = survey_design(frame, weight="w")
    present = ~np.isnan(frame["y"].to_numpy())
    as_domain = mean(design, np.nan_to_num(frame["y"].to_numpy()), present)
    assert mean(design, frame["y"].to_numpy()) == as_domain
    assert mean(design, frame["y"].to_numpy(), np.ones(4, dtype=bool)) == as_domain
    # By hand: mean 35/7 = 5, u = (-4, 0, 0, 4)/7, mean u = 0, V = 4/3 * 32/49.
    assert as_domain.se**2 == pytest.approx(4 / 3 * 32 / 49, rel=1e-12)
    assert as_domain.df == 3


def test_domains_are_named_and_an_empty_one_is_not_a_number() -> None:
    frame = pl.DataFrame({"y": [1.0, 2.0, 4.0, 8.0], "w": [1.0] * 4, "d": ["b", "a", "a", None]})
    design = survey_design(frame, weight="w")
    found = by_domain(mean, design, frame["y"].to_numpy(), frame["d"])
    assert {name: estimate.estimate for name, estimate in found.items()} == {"a": 3.0, "b": 1.0}
    nobody = mean(design, frame["y"].to_numpy(), np.zeros(4, dtype=bool))
    assert math.isnan(nobody.estimate)
    assert math.isnan(nobody.se)


LONELY = pl.DataFrame(
    {"h": ["a", "a", "a", "b", "b", "z"], "y": [1.0, 2.0, 6.0, 4.0, 8.0, 9.0], "w": [1.0, 1.0, 1.0, 2.0, 2.0, 3.0]}
)


@pytest.mark.parametrize("rule", ["adjust", "remove", "certainty", "average"])
def test_a_stratum_with_one_unit_follows_the_rule(rule: LonelyRule) -> None:
    design = survey_design(LONELY, weight="w", stages=[Stage(stratum="h")], lonely_psu=rule)
    y, w = LONELY["y"].to_numpy(), LONELY["w"].to_numpy()
    # mean = (9 + 24 + 27)/10 = 6; u = w (y - 6)/10.
    rows = [{"h": h, "u": float(u)} for h, u in zip(LONELY["h"], w * (y - 6) / 10, strict=True)]
    without = slow_variance(rows, [Stage(stratum="h")], "u")
    expected = {"adjust": without + 0.9**2, "average": without * 3 / 2}.get(rule, without)
    assert mean(design, y).se ** 2 == pytest.approx(expected, rel=1e-12)


def test_a_stratum_with_one_unit_of_one_is_certain() -> None:
    frame = LONELY.with_columns(N=pl.col("h").replace_strict({"a": 9, "b": 9, "z": 1}))
    stages = [Stage(stratum="h", population="N")]
    errors = {
        mean(survey_design(frame, weight="w", stages=stages, lonely_psu=rule), frame["y"].to_numpy()).se
        for rule in ("adjust", "average", "fail")
    }
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w": pl.lit(0.0)}, "positive"),
        ({"w": pl.lit(None, pl.Float64)}, "positive"),
        ({"N": pl.lit(2)}, "fewer units"),
        ({"N": pl.int_range(10, 16)}, "more than one population"),
        ({"N": pl.lit(None, pl.Int64)}, "more than one population"),
    ],
)
def test_a_design_that_contradicts_itself_is_refused(change: dict[str, pl.Expr], message: str) -> None:
    frame = LONELY.with_columns(N=pl.lit(9)).with_columns(**change)
    with pytest.raises(ValueError, match=message):
        survey_design(frame, weight="w", stages=[Stage(stratum="h", population="N")])


def test_a_single_unit_is_an_error_when_the_rule_says_so() -> None:
    with pytest.raises(ValueError, match="single sampling unit"):
        survey_design(LONELY, weight="w", stages=[Stage(stratum="h")], lonely_psu="fail")


def test_the_order_of_rows_does_not_matter() -> None:
    frame = LONELY.with_columns(c=pl.Series([1, 2, 2, 1, 2, 1]))
    shuffled = frame[[5, 3, 0, 4, 2, 1]]
    estimates = [
        mean(survey_design(part, weight="w", stages=[Stage(unit="c", stratum="h")]), part["y"].to_numpy())
        for part in (frame, shuffled)
    ]
    assert estimates[0].estimate == pytest.approx(estimates[1].estimate, abs=1e-12)
    assert estimates[0].se == pytest.approx(estimates[1].se, abs=1e-12)


def test_effective_sample_size() -> None:
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7, rel=1e-12)
    assert effective_sample_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6, rel=1e-12)


def test_intervals_of_a_proportion_stay_inside_and_know_the_edges() -> None:
    # Clopper-Pearson for 0 of 10 ends at 1 - 0.025^(1/10), for 10 of 10 begins at 0.025^(1/10).
    edge = 0.025 ** (1 / 10)
    assert korn_graubard_interval(Estimate(0.0, 0.0, math.nan, 9), 10) == (0.0, pytest.approx(1 - edge, rel=1e-9))
    assert korn_graubard_interval(Estimate(1.0, 0.0, math.nan, 9), 10) == (pytest.approx(edge, rel=1e-9), 1.0)
    assert logit_interval(Estimate(1.0, 0.0, math.nan, 9)) == (1.0, 1.0)
    low, high = logit_interval(Estimate(0.5, 0.1, math.nan, 10**9))
    assert low == pytest.approx(1 - high, rel=1e-9)
    assert math.log(high / (1 - high)) == pytest.approx(1.959964 * 0.4, rel=1e-6)
    assert t_interval(Estimate(50.0, 2.0, math.nan, 4)) == (
        pytest.approx(50 - 2 * 2.776445, abs=1e-5),
        pytest.approx(50 + 2 * 2.776445, abs=1e-5),
    )


def test_a_proportion_is_the_mean_of_its_indicator() -> None:
    frame = pl.DataFrame({"yes": [True, True, False, True], "w": [1.0, 2.0, 3.0, 4.0]})
    assert proportion(survey_design(frame, weight="w"), frame["yes"].to_numpy()).estimate == pytest.approx(0.7)


@given(samples(), st.sampled_from(["adjust", "remove", "average", "certainty"]), st.booleans())
@settings(max_examples=200, derandomize=True, deadline=None)
def test_invariant_07_duplicated_sampling_units_never_raise_an_error(
    rows: list[Row], rule: LonelyRule, finite: bool
) -> None:
    """Every unit again as a new unit, weights halved: more units say the same, so the SE does not rise."""
    stages = TWO_STAGES if finite else [Stage(unit="c", stratum="h")]
    once = pl.DataFrame(rows)
    twice = pl.concat([once, once.with_columns(c=pl.col("c") + 1_000)]).with_columns(
        w=pl.col("w") / 2, N=2 * pl.col("N")
    )
    # One cluster of the first stratum alone makes a stratum with a single unit.
    alone = pl.col("h") == 0
    for cut in (pl.lit(value=True), ~alone | (pl.col("c") % 1_000 == 0)):
        designs = [
            (survey_design(part, weight="w", stages=stages, lonely_psu=rule), part)
            for part in (once.filter(cut), twice.filter(cut))
        ]
        for statistic in (mean, total):
            before, after = (statistic(design, part["y"].to_numpy()) for design, part in designs)
            assert after.estimate == pytest.approx(before.estimate, rel=1e-12)
            if not math.isnan(before.se):
                assert after.se <= before.se * (1 + 1e-9) + 1e-9
