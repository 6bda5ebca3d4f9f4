"""Coefficients of agreement against all pairs of ratings, and by hand."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.agreement import Level, intraclass_correlations, krippendorff_alpha, r_wg


def frame(ratings: list[tuple[str, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(ratings, schema={"unit_id": pl.String, "value": pl.Float64}, orient="row")


def slow_alpha(ratings: list[tuple[str, int]], level: Level) -> float:
    """Observed and expected disagreement over all ordered pairs of ratings."""
    units = defaultdict(list)
    for unit, value in ratings:
        units[unit].append(value)
    kept = {unit: members for unit, members in units.items() if len(members) > 1}
    everything = [value for members in kept.values() for value in members]
    frequency = Counter(everything)

    def distance(c: int, k: int) -> float:
        if level == "nominal":
            return float(c != k)
        if level == "interval":
            return float((c - k) ** 2)
        if level == "ratio":
            return ((c - k) / (c + k)) ** 2 if c + k else 0.0
        low, high = min(c, k), max(c, k)
        between = sum(n for value, n in frequency.items() if low <= value <= high)
        return 0.0 if c == k else (between - (frequency[c] + frequency[k]) / 2) ** 2

    n = len(everything)
    observed = math.fsum(
        distance(a, b) / (len(members) - 1) for members in kept.values() for a, b in itertools.permutations(members, 2)
    )
    expected = math.fsum(distance(a, b) for a, b in itertools.permutations(everything, 2)) / (n - 1)
    return 1 - observed / expected if expected else math.nan


@given(
    st.lists(st.tuples(st.sampled_from("uvwx"), st.integers(0, 4)), min_size=2, max_size=25),
    st.sampled_from(["nominal", "ordinal", "interval", "ratio"]),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_alpha_agrees_with_all_pairs(ratings: list[tuple[str, int]], level: Level) -> None:
    if max(Counter(unit for unit, _ in ratings).values()) < 2:
        assert math.isnan(krippendorff_alpha(frame(ratings), level))
        return
    assert krippendorff_alpha(frame(ratings), level) == pytest.approx(
        slow_alpha(ratings, level), nan_ok=True, abs=1e-12
    )


def test_alpha_of_full_agreement_is_one_and_of_one_answer_undefined() -> None:
    agreed = [("u", 1), ("u", 1), ("v", 3), ("v", 3), ("w", None)]
    assert krippendorff_alpha(frame(agreed), "interval") == 1.0
    assert math.isnan(krippendorff_alpha(frame([("u", 2), ("u", 2), ("v", 2), ("v", 2)]), "nominal"))
    assert math.isnan(krippendorff_alpha(frame([("u", 2), ("v", 3)]), "nominal"))


def test_alpha_of_negative_ratios_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        krippendorff_alpha(frame([("u", -1), ("u", 2)]), "ratio")


def test_raters_who_differ_by_a_constant_are_consistent_but_do_not_agree() -> None:
    subjects = np.array([1.0, 4.0, 2.0, 9.0])
    found = intraclass_correlations(np.column_stack([subjects, subjects + 5]))
    assert (found.icc3, found.icc3k) == (pytest.approx(1.0), pytest.approx(1.0))
    # Subjects' variance 38/3, raters' variance 25/2: ICC(2) = (38/3) / (38/3 + 25/2).
    assert found.icc2 == pytest.approx((38 / 3) / (38 / 3 + 25 / 2))
    same = intraclass_correlations(np.column_stack([subjects, subjects]))
    assert (same.icc1, same.icc2, same.icc3) == (pytest.approx(1.0), pytest.approx(1.0), pytest.approx(1.0))


@pytest.mark.parametrize("table", [np.ones((1, 3)), np.ones((3, 1)), np.array([[1.0, np.nan], [1.0, 2.0]])])
def test_an_incomplete_table_is_refused(table: np.ndarray) -> None:
    with pytest.raises(ValueError, match="complete table"):
        intraclass_correlations(table)


def test_r_wg_by_hand() -> None:
    ratings = pl.DataFrame(
        [("same", 4), ("same", 4), ("same", None), ("split", 1), ("split", 5), ("near", 3), ("near", 4), ("one", 2)],
        schema=["group_id", "value"],
        orient="row",
    )
    # Uniform answers on five options have variance 2: near 1 - 0.5/2, split 1 - 8/2 held at 0.
    assert r_wg(ratings, 5).rows() == [("near", 2, 0.75), ("one", 1, None), ("same", 2, 1.0), ("split", 2, 0.0)]
    with pytest.raises(ValueError, match="two answer options"):
        r_wg(ratings, 1)
