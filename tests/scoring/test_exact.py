"""Whole-number arithmetic against fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.exact import (
    mean_of_parts,
    millionths,
    observed_weight,
    points_decimal,
    require_whole,
    round_half_up,
    weighted_mean,
)
from scoring.sums import raw_units

score = st.one_of(st.none(), st.integers(0, 105_000_000))
weight = st.integers(0, 1_000_000)


def mean(pairs: list[tuple[int | None, int]]) -> int | None:
    observed = [(value, part) for value, part in pairs if value is not None]
    total = sum(part for _, part in observed)
    return floor(Fraction(sum(v * w for v, w in observed), total) + Fraction(1, 2)) if total else None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(score, weight), min_size=1, max_size=12))
def test_means_by_group_and_by_row_equal_fractions(pairs: list[tuple[int | None, int]]) -> None:
    rows = pl.DataFrame(pairs, schema={"score": pl.Int64, "weight": pl.Int64}, orient="row").with_columns(group=1)
    by_group = rows.group_by("group").agg(mean=weighted_mean("score", "weight"))["mean"]
    columns = {f"part_{number}": part for number, (_, part) in enumerate(pairs)}
    wide_row = pl.DataFrame(
        [[value for value, _ in pairs]], schema=dict.fromkeys(columns, pl.Int64), orient="row"
    ).select(mean=mean_of_parts(columns), observed=observed_weight(columns))
    assert by_group.to_list() == [mean(pairs)]
    assert wide_row["mean"].to_list() == [mean(pairs)]
    assert wide_row["observed"].to_list() == [sum(part for value, part in pairs if value is not None)]
    assert by_group.dtype == wide_row["mean"].dtype == pl.Int64


def test_a_missing_part_is_reweighted_and_not_counted_as_zero() -> None:
    rows = pl.DataFrame({"a": [80_000_000], "b": [None]}, schema={"a": pl.Int64, "b": pl.Int64})
    assert rows.select(mean_of_parts({"a": 1, "b": 99})).item() == 80_000_000


def test_points_become_decimals_without_loss() -> None:
    units = [0, 1, 999_999, 75_000_001, 105_000_000, -7, None, 999_999_999_999_999_999]
    frame = pl.DataFrame({"score": units}).with_columns(points=points_decimal("score"))
    assert frame["points"].dtype == pl.Decimal(18, 6)
    assert frame["points"].to_list()[:4] == [Decimal(0), Decimal("0.000001"), Decimal("0.999999"), Decimal("75.000001")]
    assert frame.select(raw_units("points"))["points"].to_list() == units


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(Fraction(1, 2), 1), (Fraction(-1, 2), 0), (Fraction(5, 2), 3), (Fraction(7, 3), 2), (Fraction(-7, 3), -2)],
)
def test_halves_go_toward_plus_infinity(value: Fraction, rounded: int) -> None:
    assert round_half_up(value) == rounded


def test_a_share_with_more_than_six_places_is_refused() -> None:
    assert millionths(Fraction(35, 100)) == 350_000
    with pytest.raises(ValueError, match="millionths"):
        millionths(Fraction(1, 3))


def test_scores_that_are_not_whole_millionths_are_refused() -> None:
    frame = pl.DataFrame({"whole": [1], "empty": [None], "points": [80.5], "money": [Decimal("80.5")]})
    require_whole(frame, "whole", "empty")
    for name in ("points", "money"):
        with pytest.raises(TypeError, match=name):
            require_whole(frame, "whole", name)
