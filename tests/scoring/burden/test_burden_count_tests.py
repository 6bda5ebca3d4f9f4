"""Tests of counts against hand-made figures, whole-number binomials and the table of the burden catalogue, part 7."""

from __future__ import annotations

from fractions import Fraction
from math import comb, erf, log, sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.burden.count_tests import (
    benjamini_hochberg,
    binomial_at_least,
    binomial_at_most,
    exact_fall,
    exact_rise,
    normal_fall,
    normal_rise,
    pair_tests,
    pearson_dispersion,
)

counts = st.integers(min_value=0, max_value=60)
chances = st.integers(min_value=1, max_value=9)


def tail(low: int, high: int, trials: int, chance: Fraction) -> float:
    """``P(low <= X <= high)`` in fractions."""
    return float(sum(comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(low, high + 1)))


def above(z: float) -> float:
    """Upper tail of the normal distribution."""
    return 0.5 - 0.5 * erf(z / sqrt(2))


@pytest.mark.parametrize(
    ("official", "informal", "published"),
    [
        ((60, 40), (10, 30), ("0.028", "0.080", "0.126")),
        ((120, 80), (20, 40), ("0.007", "0.037", "0.072")),
        ((120, 60), (20, 60), ("0.000", "0.001", "0.007")),
    ],
)
def test_the_table_of_what_counts_can_show(
    official: tuple[int, int], informal: tuple[int, int], published: tuple[str, str, str]
) -> None:
    three = pair_tests(
        ([official[0]] * 3, [official[1]] * 3), ([informal[0]] * 3, [informal[1]] * 3), 1, 1, [1.0, 2.0, 3.0]
    )
    assert tuple(f"{p:.3f}" for p in three.both) == published


def test_the_smallest_figure_of_the_table_is_below_a_thousandth_but_not_nought() -> None:
    (p,) = pair_tests(([120], [60]), ([20], [60]), 1, 1, 1.0).both
    assert 0 < p < 0.001
    assert p == pytest.approx(max(tail(0, 60, 180, Fraction(1, 2)), tail(60, 80, 80, Fraction(1, 2))), rel=1e-9)


@given(counts, counts, chances)
def test_binomial_tails_are_those_of_fractions(successes: int, failures: int, tenths: int) -> None:
    trials, chance = successes + failures, Fraction(tenths, 10)
    at_most = binomial_at_most(successes, trials, float(chance))
    at_least = binomial_at_least(successes, trials, float(chance))
    assert float(at_most) == pytest.approx(tail(0, successes, trials, chance), rel=1e-9)
    assert float(at_least) == pytest.approx(tail(successes, trials, trials, chance), rel=1e-9)


def test_more_exposure_now_makes_the_same_count_a_fall() -> None:
    """20 then, 20 now in twice the unit-months: Binomial(40, 2/3) at most 20, and no rise at all."""
    assert float(exact_fall(20, 20, 600, 1200)) == pytest.approx(tail(0, 20, 40, Fraction(2, 3)), rel=1e-9)
    assert float(exact_rise(20, 20, 600, 1200)) == pytest.approx(tail(20, 40, 40, Fraction(2, 3)), rel=1e-9)


def test_the_normal_test_is_the_log_ratio_of_rates_over_its_error() -> None:
    """60 to 40 in equal exposures, dispersion 2: ln 1.5 / sqrt(2 (1/60 + 1/40)) = 1.4046."""
    assert float(normal_fall(60, 40, 1, 1, 2.0)) == pytest.approx(log(1.5) / sqrt(2 * (1 / 60 + 1 / 40)), rel=1e-12)
    assert float(normal_fall(60, 40, 1, 1, 2.0)) == pytest.approx(1.4046, abs=5e-5)
    assert float(normal_rise(10, 30, 100, 200, 2.0)) == pytest.approx(log(1.5) / sqrt(2 * (1 / 10 + 1 / 30)), rel=1e-12)


def test_half_is_added_to_all_four_counts_when_one_is_nought() -> None:
    """40 to 20 and 0 to 16 at dispersion 2: ln(40.5/20.5) and ln(16.5/.5)."""
    tests = pair_tests(([40], [20]), ([0], [16]), 1, 1, 2.0)
    fall = above(log(40.5 / 20.5) / sqrt(2 * (1 / 40.5 + 1 / 20.5)))
    rise = above(log(16.5 / 0.5) / sqrt(2 * (1 / 0.5 + 1 / 16.5)))
    assert tests.fall[0] == pytest.approx(fall, rel=1e-9)
    assert tests.rise[0] == pytest.approx(rise, rel=1e-9)
    for falling, rising in (((0, 20), (9, 16)), ((40, 0), (9, 16)), ((40, 20), (9, 0))):
        found = pair_tests(([falling[0]], [falling[1]]), ([rising[0]], [rising[1]]), 1, 1, 2.0)
        (a, b), (c, d) = (tuple(n + 0.5 for n in arm) for arm in (falling, rising))
        assert found.fall[0] == pytest.approx(above(log(a / b) / sqrt(2 * (1 / a + 1 / b))), rel=1e-9)
        assert found.rise[0] == pytest.approx(above(log(d / c) / sqrt(2 * (1 / c + 1 / d))), rel=1e-9)
    without = pair_tests(([40], [20]), ([1], [16]), 1, 1, 2.0)
    assert without.fall[0] == pytest.approx(above(log(2) / sqrt(2 * (1 / 40 + 1 / 20))), rel=1e-9)


def test_both_arms_have_to_hold_and_either_direction_is_told() -> None:
    """Documents fall clearly, reminders do not rise: the larger p-value decides."""
    tests = pair_tests(([120], [60]), ([20], [20]), 1, 1, 1.0)
    rise = tail(20, 40, 40, Fraction(1, 2))
    assert tests.both[0] == tests.rise[0] == pytest.approx(rise, rel=1e-9)
    assert tests.rise_two_sided[0] == 1.0
    assert tests.fall_two_sided[0] == pytest.approx(2 * tail(0, 60, 180, Fraction(1, 2)), rel=1e-9)


def test_a_rise_of_official_counts_is_no_fall_but_shows_two_sided() -> None:
    tests = pair_tests(([40], [60]), ([30], [10]), 1, 1, 1.0)
    assert tests.fall[0] == pytest.approx(tail(0, 60, 100, Fraction(1, 2)), rel=1e-9)
    assert tests.fall_two_sided[0] == pytest.approx(2 * tail(60, 100, 100, Fraction(1, 2)), rel=1e-9)


@given(counts, counts, counts, counts, st.sampled_from([1.0, 1.4, 2.0, 5.0]))
def test_exchanging_arms_and_years_gives_the_same_test(a: int, b: int, c: int, d: int, phi: float) -> None:
    """A fall of one arm seen backwards in time is a rise of it."""
    there = pair_tests(([a], [b]), ([c], [d]), 1, 1, phi)
    back = pair_tests(([d], [c]), ([b], [a]), 1, 1, phi)
    assert there.fall[0] == pytest.approx(back.rise[0], rel=1e-9)
    assert there.rise[0] == pytest.approx(back.fall[0], rel=1e-9)
    assert there.both[0] == pytest.approx(back.both[0], rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((([-1], [4]), ([1], [2]), 1, 1, 1.0), "count is not positive"),
        ((([3], [4]), ([1], [2]), 0, 1, 1.0), "unit-months of both periods"),
        ((([3], [4]), ([1], [2]), 1, 1, 0.5), "dispersion is below 1"),
    ],
)
def test_unusable_counts_are_refused(arguments: tuple[object, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        pair_tests(*arguments)  # type: ignore[arg-type]


def test_successes_above_trials_and_per_cents_are_refused() -> None:
    with pytest.raises(ValueError, match="above the trials"):
        binomial_at_most(3, 2, 0.5)
    with pytest.raises(ValueError, match="not per cents"):
        binomial_at_least(1, 2, 50)


def test_benjamini_and_hochberg_by_hand() -> None:
    """.01 x 4/1, min(.02 x 4/2, .03 x 4/3), .03 x 4/3, .5 x 4/4; the untested one stays out."""
    q = benjamini_hochberg(np.array([0.03, 0.01, np.nan, 0.5, 0.02]))
    assert q[[1, 4, 0, 3]] == pytest.approx([0.04, 0.04, 0.04, 0.5])
    assert np.isnan(q[2])


def observations(rows: list[tuple[str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["group", "cell", "n"], orient="row")


def test_dispersion_by_hand() -> None:
    """Cells 9, 1 (mean 5: 16/5 + 16/5 = 6.4) and 4, 4 (0) and 0, 0 (left out): 6.4 / 2 = 3.2."""
    frame = observations([("g", "x", 9), ("g", "x", 1), ("g", "y", 4), ("g", "y", 4), ("g", "z", 0), ("g", "z", 0)])
    found = pearson_dispersion(frame, group=["group"], cell=["cell"])
    assert found.rows() == [("g", pytest.approx(3.2), 2)]


def test_dispersion_is_at_least_one_and_one_without_events() -> None:
    frame = observations([("calm", "x", 5), ("calm", "x", 5), ("empty", "x", 0), ("empty", "x", 0)])
    found = pearson_dispersion(frame, group=["group"], cell=["cell"])
    assert found.rows() == [("calm", 1.0, 1), ("empty", 1.0, 0)]


def test_dispersion_counts_months_without_events() -> None:
    """8, 0, 0, 0 about 2: 36/2 + 3 x 4/2 = 24 over 3 degrees of freedom."""
    frame = observations([("g", "x", 8), ("g", "x", 0), ("g", "x", 0), ("g", "x", 0)])
    assert pearson_dispersion(frame, group=["group"], cell=["cell"]).rows() == [("g", pytest.approx(8.0), 3)]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), counts), max_size=30), st.randoms())
def test_dispersion_does_not_depend_on_row_order(rows: list[tuple[str, str, int]], random: object) -> None:
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    schema = {"group": pl.String, "cell": pl.String, "n": pl.Int64}
    one, other = (pl.DataFrame(given, schema=schema, orient="row") for given in (rows, mixed))
    found = pearson_dispersion(one, group=["group"], cell=["cell"])
    assert found.equals(pearson_dispersion(other, group=["group"], cell=["cell"]))
    assert (found["dispersion"] >= 1).all()


def test_negative_numbers_of_events_are_refused() -> None:
    with pytest.raises(ValueError, match="negative count"):
        pearson_dispersion(observations([("g", "x", -1)]), group=["group"], cell=["cell"])
