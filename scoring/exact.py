"""Whole-number arithmetic of the unit chain: from points to money nothing is a float.

A score is an Int64 of millionths of a point (``POINT`` of them make one point), a weight or share an
Int64 of millionths. Products are taken in 128 bits and a quotient is rounded once, half up, by
``sums.divide_half_up``; a slow implementation in fractions that rounds at the same stages therefore
agrees exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce

import polars as pl

from scoring.sums import RAW_SCALE, divide_half_up

POINT = 1_000_000
"""Millionths in one point: a score of 75 points is 75 * POINT."""

FULL_SCORE = 100 * POINT
"""The top of the 0-100 scale."""


def wide(column: str | pl.Expr) -> pl.Expr:
    """A whole number in 128 bits, so that products of values, weights and points do not overflow."""
    expression = pl.col(column) if isinstance(column, str) else column
    return expression.cast(pl.Int128)


def points_decimal(column: str | pl.Expr) -> pl.Expr:
    """Millionths of a point (Int64) as Decimal(18,6) points, without loss; the name is kept.

    The inverse is ``sums.raw_units``.
    """
    expression = pl.col(column) if isinstance(column, str) else column
    # Six decimal places before the division: a division of Decimal(38,0) would round to whole points.
    return (expression.cast(pl.Decimal(38, 6)) / POINT).cast(pl.Decimal(18, 6))


def require_whole(frame: pl.DataFrame, *columns: str) -> None:
    """Refuses scores that are not whole millionths of a point: points as floats would be cut to next to nothing.

    Args:
        frame: The frame a stage of the chain is given.
        columns: Columns to look at; a column with nothing but nulls may have no type yet.

    Raises:
        TypeError: A column is neither of whole numbers nor empty.
    """
    for name in columns:
        if not (frame.schema[name].is_integer() or frame.schema[name] == pl.Null()):
            raise TypeError(f"{name} must be whole millionths, not {frame.schema[name]}")


def millionths(share: Fraction) -> int:
    """A share or weight as a whole number of millionths.

    Raises:
        ValueError: The share has more than six decimal places.
    """
    scaled = share * RAW_SCALE
    if scaled.denominator != 1:
        raise ValueError(f"{share} is not a whole number of millionths")
    return scaled.numerator


def round_half_up(value: Fraction) -> int:
    """The nearest whole number, halves toward plus infinity: ``divide_half_up`` for one number."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def weighted_mean(value: str, weight: str) -> pl.Expr:
    """Weighted mean of the observed values of a group, rounded once half up; null where none has weight.

    Use inside ``agg``. ``mean = sum_obs w x / sum_obs w`` (method 2.6); ``value`` and ``weight`` are
    whole numbers, weights are not negative, a null value carries no weight.
    """
    observed = pl.when(pl.col(value).is_not_null()).then(wide(weight))
    total = observed.sum()
    mean = divide_half_up((observed * wide(value)).sum(), pl.when(total > 0).then(total))
    return mean.cast(pl.Int64)


def mean_of_parts(weights: Mapping[str, int]) -> pl.Expr:
    """Weighted mean of the observed ones of several columns, row by row, rounded once half up.

    Args:
        weights: Column name (whole numbers) to its weight, a whole number that is not negative.

    Returns:
        Int64; null where no column with a weight is observed.
    """
    total = observed_weight(weights).cast(pl.Int128)
    weighted = _added([(wide(name) * weight).fill_null(0) for name, weight in weights.items()])
    return divide_half_up(weighted, pl.when(total > 0).then(total)).cast(pl.Int64)


def observed_weight(weights: Mapping[str, int]) -> pl.Expr:
    """Sum of the weights of the columns that are not null, row by row (Int64)."""
    return _added([pl.when(pl.col(name).is_not_null()).then(weight).otherwise(0) for name, weight in weights.items()])


def _added(parts: list[pl.Expr]) -> pl.Expr:
    return reduce(lambda left, right: left + right, parts, pl.lit(0, pl.Int64))
