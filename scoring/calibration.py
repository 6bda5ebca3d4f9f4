"""Weights that make a sample agree with known population margins (method 2.2).

Post-stratification scales the weights of each cell to its population total. Raking does so for one
margin after another until all of them hold at once; it stops at a relative difference of
``TOLERANCE`` or fails, and never hands back weights that miss a margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.sums import RAW_SCALE, raw_units

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-10
"""Largest relative difference from a margin that counts as agreement."""

_AGREEMENT_OF_TOTALS = 1e-9
"""Margins whose grand totals differ by more than this, relatively, cannot hold together."""


class CalibrationError(ValueError):
    """Margins that the weights cannot be made to agree with."""


@dataclass(frozen=True)
class Margin:
    """Population totals of the categories of one column.

    ``collapse`` says, in order, which category an empty one (no respondents) is joined to; an empty
    category without an entry is an error.
    """

    column: str
    totals: Mapping[str, float]
    collapse: Sequence[tuple[str, str]] = field(default=())


@dataclass(frozen=True)
class Calibrated:
    """``weights`` (n), the ``margin_columns`` they agree with (n x r of zeros and ones), passes needed."""

    weights: Floats
    margin_columns: Floats
    passes: int


def post_stratify(sample: pl.DataFrame, weights: Floats, margin: Margin) -> Calibrated:
    """Weights scaled in every cell of one margin to its population total.

    Args:
        sample: One row per respondent with the margin's column.
        weights: Base weights (n), positive.
        margin: The cells.

    Raises:
        CalibrationError: See ``rake``.
    """
    return rake(sample, weights, [margin], max_passes=1)


def rake(
    sample: pl.DataFrame,
    weights: Floats,
    margins: Sequence[Margin],
    *,
    tolerance: float = TOLERANCE,
    max_passes: int = 10_000,
) -> Calibrated:
    """Weights that agree with every margin at once, by iterative proportional fitting.

    Weights that agree already come back unchanged, to the last bit.

    Args:
        sample: One row per respondent with a column per margin.
        weights: Base weights (n), positive.
        margins: At least one.
        tolerance: Largest relative difference from a total.
        max_passes: Passes over all margins before giving up.

    Raises:
        CalibrationError: A base weight is not positive; a respondent has no category, or one without a
            population total; a total is not positive; a category without respondents has nowhere
            to be joined to; the margins have different grand totals; or the weights do not converge.
    """
    if not margins:
        raise CalibrationError("there is no margin to rake to")
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise CalibrationError("base weights must be present and positive")
    cells = [_cells(sample, margin) for margin in margins]
    _refuse_unequal(margins, [totals for _, totals in cells])
    raked = weights.astype(np.float64)
    for passes in range(max_passes + 1):
        if max(_miss(raked, codes, totals) for codes, totals in cells) <= tolerance:
            columns = [np.eye(len(totals))[codes] for codes, totals in cells]
            return Calibrated(raked, np.hstack(columns), passes)
        for codes, totals in cells:
            raked = raked * (totals / np.bincount(codes, raked, len(totals)))[codes]
    names = ", ".join(margin.column for margin in margins)
    raise CalibrationError(f"raking to {names} has not converged after {max_passes} passes")


def _cells(sample: pl.DataFrame, margin: Margin) -> tuple[npt.NDArray[np.int64], Floats]:
    """Category number of every row, and the population total of every category."""
    rows = sample[margin.column].cast(pl.String)
    sampled = set(rows.drop_nulls().unique())
    unknown = sorted(sampled - set(margin.totals))
    if rows.null_count() or unknown:
        names = ", ".join([*unknown, *(["(none)"] if rows.null_count() else [])])
        raise CalibrationError(f"{margin.column}: no population total for {names}")
    totals = _collapsed(margin, sampled)
    bad = sorted(name for name, size in totals.items() if not size > 0)
    if bad:
        raise CalibrationError(f"{margin.column}: the population total is not positive for {', '.join(bad)}")
    categories = sorted(totals)
    codes = rows.replace_strict(categories, list(range(len(categories))), return_dtype=pl.Int64)
    return np.asarray(codes.to_numpy()), np.array([totals[name] for name in categories], dtype=np.float64)


def _collapsed(margin: Margin, sampled: set[str]) -> dict[str, float]:
    """Totals with every empty category joined to another by the declared order."""
    totals = {name: float(size) for name, size in margin.totals.items()}
    for empty, neighbour in margin.collapse:
        if empty in totals and empty not in sampled and neighbour in totals and neighbour != empty:
            totals[neighbour] += totals.pop(empty)
    left = sorted(name for name, size in totals.items() if name not in sampled and size != 0)
    if left:
        raise CalibrationError(f"{margin.column}: no respondents in {', '.join(left)} and nothing to join it to")
    return {name: size for name, size in totals.items() if name in sampled}


def _refuse_unequal(margins: Sequence[Margin], totals: Sequence[Floats]) -> None:
    sizes = [float(part.sum()) for part in totals]
    for margin, size in zip(margins, sizes, strict=True):
        if abs(size - sizes[0]) > _AGREEMENT_OF_TOTALS * sizes[0]:
            raise CalibrationError(
                f"{margins[0].column} adds up to {sizes[0]:g} and {margin.column} to {size:g}: they cannot both hold"
            )


def _miss(weights: Floats, codes: npt.NDArray[np.int64], totals: Floats) -> float:
    return float(np.abs(np.bincount(codes, weights, len(totals)) / totals - 1).max())


def trim(weights: Floats, *, low: float = 0.3, high: float = 5.0) -> Floats:
    """Weights held between ``low`` and ``high`` times their median.

    Raises:
        CalibrationError: The bounds do not lie around 1.
    """
    if not 0 < low <= 1 <= high:
        raise CalibrationError("trimming bounds must lie around 1, the median")
    median = float(np.median(weights))
    return np.asarray(np.clip(weights, low * median, high * median))


def rake_and_trim(
    sample: pl.DataFrame, weights: Floats, margins: Sequence[Margin], *, low: float = 0.3, high: float = 5.0
) -> Calibrated:
    """Raked, trimmed and raked again, so that the margins hold in the end (method 2.2).

    The second raking may move a weight a little beyond the bounds; the margins are what must hold.

    Raises:
        CalibrationError: See ``rake`` and ``trim``.
    """
    first = rake(sample, weights, margins)
    second = rake(sample, trim(first.weights, low=low, high=high), margins)
    return Calibrated(second.weights, second.margin_columns, first.passes + second.passes)


def raked_respondents(
    responses: pl.LazyFrame,
    key: Sequence[str],
    margins: Sequence[Margin],
    *,
    low: float = 0.3,
    high: float = 5.0,
) -> pl.DataFrame:
    """Weights of respondents, raked and trimmed, for sums of whole numbers.

    Args:
        responses: Rows of answers with the key, weight Decimal(18,6) (null counts as 1) and a column per
            margin; a respondent whose rows differ counts with the greatest.
        key: Columns that identify a respondent.
        margins: Population totals.
        low: Least weight, in medians.
        high: Greatest weight, in medians.

    Returns:
        The key and weight Decimal(18,6), rounded half to even, sorted by the key.

    Raises:
        CalibrationError: See ``rake`` and ``trim``.
    """
    columns = list(dict.fromkeys(margin.column for margin in margins if margin.column not in key))
    respondents = (
        responses.group_by(key)
        .agg(pl.col(columns).max(), weight=raw_units("weight").fill_null(RAW_SCALE).max())
        .sort(key)
        .collect(engine="streaming")
    )
    base = respondents["weight"].to_numpy() / RAW_SCALE
    raked = rake_and_trim(respondents, base, margins, low=low, high=high)
    return respondents.select(key).with_columns(weight=pl.Series(np.round(raked.weights, 6)).cast(pl.Decimal(18, 6)))
