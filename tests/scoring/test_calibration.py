"""Weights hit their margins or there are none."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calibration import (
    CalibrationError,
    Margin,
    post_stratify,
    rake,
    rake_and_trim,
    raked_respondents,
    trim,
)

SAMPLE = pl.DataFrame({"sex": ["f", "f", "m", "m", "m"], "age": ["old", "young", "old", "young", "young"]})


@st.composite
def feasible(draw: st.DrawFn) -> tuple[pl.DataFrame, np.ndarray, list[Margin]]:
    """A sample with base weights and margins that some positive weights of the same sample have."""
    rows = draw(st.lists(st.tuples(*[st.sampled_from("abc")] * 3), min_size=4, max_size=30))
    sample = pl.DataFrame(rows, schema=["p", "q", "r"], orient="row")
    weights = st.lists(st.integers(5, 50), min_size=len(rows), max_size=len(rows))
    base = np.array(draw(weights), dtype=np.float64)
    truth = pl.Series(draw(weights), dtype=pl.Float64)
    margins = [
        Margin(name, dict(sample.select(name, w=truth).group_by(name).agg(pl.col("w").sum()).iter_rows()))
        for name in ("p", "q", "r")
    ]
    return sample, base, margins


@given(feasible())
@settings(max_examples=200, derandomize=True, deadline=None)
def test_invariant_08_raked_weights_hit_every_margin_and_raking_again_changes_nothing(
    case: tuple[pl.DataFrame, np.ndarray, list[Margin]],
) -> None:
    sample, base, margins = case
    raked = rake(sample, base, margins)
    assert (raked.weights > 0).all()
    for margin in margins:
        for category, size in margin.totals.items():
            hit = raked.weights[(sample[margin.column] == category).to_numpy()].sum()
            assert hit == pytest.approx(size, rel=1e-10)
    again = rake(sample, raked.weights, margins)
    assert again.passes == 0
    assert np.array_equal(again.weights, raked.weights)


def test_raked_weights_are_the_base_weights_times_a_factor_per_category() -> None:
    """The 2 x 2 table with unit base weights: odds ratio of the fitted cells stays that of the sample."""
    raked = rake(SAMPLE, np.ones(5), [Margin("sex", {"f": 6, "m": 4}), Margin("age", {"old": 7, "young": 3})]).weights
    cells = {
        (sex, age): raked[((SAMPLE["sex"] == sex) & (SAMPLE["age"] == age)).to_numpy()].sum()
        for sex in "fm"
        for age in ("old", "young")
    }
    assert cells["f", "old"] * cells["m", "young"] / (cells["f", "young"] * cells["m", "old"]) == pytest.approx(2.0)
    assert cells["f", "old"] + cells["f", "young"] == pytest.approx(6, rel=1e-10)
    # With x the weight of (f, old): x (x - 3) = 2 (6 - x)(7 - x), so x^2 - 23 x + 84 = 0.
    assert cells["f", "old"] == pytest.approx((23 - 193**0.5) / 2, rel=1e-9)


def test_post_stratification_scales_each_cell() -> None:
    found = post_stratify(SAMPLE, np.array([1.0, 3.0, 1.0, 1.0, 2.0]), Margin("sex", {"f": 10, "m": 6}))
    assert found.weights.tolist() == [2.5, 7.5, 1.5, 1.5, 3.0]
    assert found.margin_columns.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]


def test_an_empty_category_is_joined_by_the_declared_order() -> None:
    margin = Margin(
        "age",
        {"child": 1, "teen": 2, "young": 3, "old": 4},
        collapse=[("child", "teen"), ("teen", "young"), ("old", "young")],
    )
    found = post_stratify(SAMPLE, np.ones(5), margin)
    # Children go to teens, both to the young; the old have respondents and stay.
    assert found.weights.tolist() == [2.0, 2.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ([Margin("age", {"old": 4, "young": 3, "child": 1})], "no respondents in child"),
        ([Margin("age", {"old": 4})], "no population total for young"),
        ([Margin("age", {"old": 4, "young": 0})], "not positive for young"),
        ([Margin("sex", {"f": 5, "m": 5}), Margin("age", {"old": 4, "young": 7})], "adds up to 10"),
        ([], "no margin"),
    ],
)
def test_margins_that_cannot_hold_are_named(margins: list[Margin], message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        rake(SAMPLE, np.ones(5), margins)


def test_a_missing_category_is_refused() -> None:
    sample = pl.DataFrame({"sex": ["f", None]})
    with pytest.raises(CalibrationError, match=r"no population total for \(none\)"):
        rake(sample, np.ones(2), [Margin("sex", {"f": 1, "m": 1}, collapse=[("m", "f")])])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_base_weights_must_be_positive(bad: float) -> None:
    with pytest.raises(CalibrationError, match="base weights"):
        rake(SAMPLE, np.array([1.0, 1.0, 1.0, 1.0, bad]), [Margin("sex", {"f": 1, "m": 1})])


def test_raking_that_does_not_converge_fails_and_gives_no_weights() -> None:
    """Every woman is old and every man young, so six women and seven old people cannot both be."""
    sample = pl.DataFrame({"sex": ["f", "m"], "age": ["old", "young"]})
    with pytest.raises(CalibrationError, match="has not converged after 50 passes"):
        rake(
            sample,
            np.ones(2),
            [Margin("sex", {"f": 6, "m": 4}), Margin("age", {"old": 7, "young": 3})],
            max_passes=50,
        )


def test_trimming_holds_weights_around_the_median() -> None:
    weights = np.array([0.1, 1.0, 2.0, 4.0, 50.0])
    assert trim(weights).tolist() == [0.6, 1.0, 2.0, 4.0, 10.0]
    assert trim(weights, low=0.5, high=1.5).tolist() == [1.0, 1.0, 2.0, 3.0, 3.0]
    with pytest.raises(CalibrationError, match="around 1"):
        trim(weights, low=2.0)


def test_weights_trimmed_and_raked_again_hit_the_margins() -> None:
    base = np.array([1.0, 1.0, 1.0, 1.0, 60.0])
    margins = [Margin("sex", {"f": 6, "m": 4}), Margin("age", {"old": 7, "young": 3})]
    plain, trimmed = rake(SAMPLE, base, margins).weights, rake_and_trim(SAMPLE, base, margins, high=1.5)
    assert trimmed.weights[(SAMPLE["sex"] == "f").to_numpy()].sum() == pytest.approx(6, rel=1e-10)
    assert trimmed.weights[(SAMPLE["age"] == "old").to_numpy()].sum() == pytest.approx(7, rel=1e-10)
    assert trimmed.weights.max() / np.median(trimmed.weights) < plain.max() / np.median(plain)


def test_respondents_get_one_exact_weight_each() -> None:
    rows = SAMPLE.with_columns(id=pl.Series(list("abcde")), weight=pl.lit("1").cast(pl.Decimal(18, 6)))
    answers = pl.concat([rows, rows.with_columns(weight=pl.lit(None, pl.Decimal(18, 6)))]).lazy()
    found = raked_respondents(answers, ["id"], [Margin("sex", {"f": 1, "m": 2})])
    assert found.rows() == [
        ("a", Decimal("0.5")),
        ("b", Decimal("0.5")),
        *[(name, Decimal("0.666667")) for name in "cde"],
    ]
