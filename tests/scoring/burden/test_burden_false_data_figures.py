"""The power and tail figures that the catalogue prints for too-good data, from exact binomials."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.false_data.binomial import count_needed, power, share_interval, upper_tail
from scoring.burden.false_data.registers import median_interval
from scoring.burden.false_data.repeats import run_needed, run_p_value

ALPHA = 0.001


def slow_tail(found: int, n: int, chance: Fraction) -> Fraction:
    """Exact tail in fractions."""
    return sum((math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(found, n + 1)), start=Fraction(0))


@pytest.mark.parametrize(
    ("n", "share", "printed"),
    [(30, 0.8, ".61"), (50, 0.8, ".89"), (100, 0.8, "1.00"), (30, 0.7, ".16"), (50, 0.7, ".33"), (100, 0.7, ".84")],
)
def test_power_of_bunching(n: int, share: float, printed: str) -> None:
    assert f"{power(n, 0.5, share, ALPHA):.2f}".removeprefix("0") == printed


@pytest.mark.parametrize(
    ("n", "share", "printed"), [(100, 0.4, ".91"), (100, 0.3, ".22"), (50, 0.4, ".55"), (50, 0.3, ".08")]
)
def test_power_of_digit_heaping(n: int, share: float, printed: str) -> None:
    assert f"{power(n, 0.2, share, ALPHA):.2f}".removeprefix("0") == printed


@pytest.mark.parametrize(("repeat_rate", "run"), [(0.1, 4), (0.2, 6), (0.3, 8)])
def test_run_that_is_needed_in_twelve_periods(repeat_rate: float, run: int) -> None:
    assert run_needed(12, repeat_rate, ALPHA) == run


@pytest.mark.parametrize(("hits", "m"), [(4, 6), (5, 12), (6, 24), (10, 60)])
def test_exact_hits_that_are_needed(hits: int, m: int) -> None:
    assert count_needed(m, 0.05, ALPHA) == hits


@pytest.mark.parametrize(("above", "n"), [(10, 10), (18, 20), (24, 30)])
def test_units_above_an_independent_register_that_are_needed(above: int, n: int) -> None:
    assert count_needed(n, 0.5, ALPHA) == above


def test_nine_units_of_nine_are_not_enough() -> None:
    assert count_needed(9, 0.5, ALPHA) is None
    assert power(9, 0.5, 1.0, ALPHA) == 0.0


@pytest.mark.parametrize(("found", "n", "chance"), [(24, 30, "1/2"), (34, 100, "1/5"), (6, 24, "1/20"), (0, 5, "1/2")])
def test_tails_are_exact(found: int, n: int, chance: str) -> None:
    exact = slow_tail(found, n, Fraction(chance))
    assert math.isclose(upper_tail(found, n, float(Fraction(chance))), float(exact), rel_tol=1e-12)


def longest_run(repeats: tuple[int, ...]) -> int:
    return max((len(list(part)) for value, part in itertools.groupby(repeats) if value), default=0)


def exact_run_chance(run: int, changes: int, repeat_rate: float) -> float:
    """Over all sequences of repeats and changes."""
    return sum(
        math.prod(repeat_rate if step else 1 - repeat_rate for step in steps)
        for steps in itertools.product((0, 1), repeat=changes)
        if longest_run(steps) >= run
    )


@pytest.mark.parametrize("repeat_rate", [0.1, 0.2, 0.3])
def test_the_bound_of_a_run_is_never_below_its_exact_chance(repeat_rate: float) -> None:
    for run in range(1, 12):
        assert run_p_value(run, 11, repeat_rate) >= exact_run_chance(run, 11, repeat_rate) - 1e-15
    assert exact_run_chance(4, 11, 0.1) <= ALPHA < exact_run_chance(3, 11, 0.1)
    assert exact_run_chance(6, 11, 0.2) <= ALPHA < exact_run_chance(5, 11, 0.2)
    # At three in ten the bound asks for 8 where 7 would do: .0011 against .0008.
    assert exact_run_chance(7, 11, 0.3) <= ALPHA < run_p_value(7, 11, 0.3)


def test_no_run_has_the_p_value_one() -> None:
    assert run_p_value(0, 11, 0.1) == 1.0
    assert run_needed(3, 0.5, ALPHA) is None


def test_interval_of_a_share_and_of_a_median() -> None:
    """Textbook values: 20 of 20 gives .832 to 1; ten values give the second and the ninth."""
    low, high = share_interval(20, 20)
    assert (round(low, 3), high) == (0.832, 1.0)
    assert share_interval(0, 20) == (0.0, pytest.approx(1 - low))
    assert median_interval(np.arange(1.0, 11.0)) == (2.0, 9.0)
    assert median_interval(np.arange(1.0, 6.0)) == (None, None), "five values cannot reach 95 %"
    with pytest.raises(ValueError, match="nothing was looked at"):
        share_interval(0, 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 0.9))
def test_the_count_needed_is_the_first_that_is_enough(n: int, chance: float) -> None:
    needed = count_needed(n, chance, ALPHA)
    if needed is None:
        assert upper_tail(n, n, chance) > ALPHA
    else:
        assert upper_tail(needed, n, chance) <= ALPHA < upper_tail(needed - 1, n, chance)
