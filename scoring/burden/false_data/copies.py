"""FAL-03: vectors of values that are equal across units. FAL-05: such vectors entered by one hand in one burst.

No fixed share of equal answers is used: with few columns or like units honest data reach any such share. The
largest number of equal values between two units is held against a permutation null: each column is permuted
inside blocks of units of like size, and the maximum over pairs is taken in every draw (burden catalogue,
part 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.burden.false_data.pattern import (
    ENOUGH_REACHED,
    INSUFFICIENT_COUNTS,
    Integers,
    Limits,
    PatternResult,
    generator,
    groups,
    measurable,
    merged,
    of_period,
    units_of,
)

_BLOCK: Final = 8
"""Units of like size among which a column is permuted."""

_BATCH_CELLS: Final = 2_000_000
"""Cells drawn at a time, which bounds the memory."""


@dataclass(frozen=True)
class _Matrix:
    """Units in blocks of like size, and the pairs of units with equal values, column by column."""

    org_ids: list[str]
    blocks: Integers
    columns: list[tuple[Integers, Integers]]
    n_columns: int


@dataclass(frozen=True)
class _Closest:
    """Largest number of equal values of two units, its p-value, and the units that are too alike."""

    matches: int
    typical: float
    p_value: float
    org_ids: list[str]


def identical_vectors(facts: pl.DataFrame, limits: Limits, *, period_id: str) -> PatternResult:
    """FAL-03: the largest share of equal values between two units of a peer group, over the columns of a register.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        period_id: Period that is judged.

    Returns:
        A test per register keeper and peer group. Equal zeros do not count, nor columns with fewer than
        ``limits.distinct_min`` different values.
    """
    tests: list[dict[str, Any]] = []
    units: list[dict[str, str]] = []
    for (subject, group), part in groups(of_period(facts, period_id), "subject_org_id", "peer_group"):
        key = {"pattern_code": "FAL-03", "subject_org_id": subject, "compared_with": group}
        _examine(key, _matrix(part, limits), None, limits, period_id, tests, units)
    return PatternResult.of(tests, units)


def one_hand(facts: pl.DataFrame, limits: Limits, *, period_id: str) -> PatternResult:
    """FAL-05: units entered by one hand within half an hour whose values are equal beyond chance.

    One clerk entering the villages of a township within minutes is the normal case. Only the likeness of the
    values inside a burst is tested; who shares a burst stays as it is in every draw.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        period_id: Period that is judged.

    Returns:
        A test per register keeper and peer group; NOT_MEASURABLE without times and hashes of entry.
    """
    code = "FAL-05"
    rows, unmeasured = measurable(code, of_period(facts, period_id), ["entered_at", "entered_by_hash"])
    tests: list[dict[str, Any]] = []
    units: list[dict[str, str]] = []
    for (subject, group), part in groups(rows, "subject_org_id", "peer_group"):
        key = {"pattern_code": code, "subject_org_id": subject, "compared_with": group}
        matrix = _matrix(part, limits)
        bursts = _bursts(part, matrix.org_ids, limits)
        _examine(key, matrix, bursts, limits, period_id, tests, units)
    return merged(unmeasured, PatternResult.of(tests, units))


def _examine(
    key: dict[str, str],
    matrix: _Matrix,
    bursts: Integers | None,
    limits: Limits,
    period_id: str,
    tests: list[dict[str, Any]],
    units: list[dict[str, str]],
) -> None:
    row = {**key, "n": len(matrix.org_ids), "n_min": limits.copies_units}
    together = bursts is None or len(np.unique(bursts[bursts >= 0])) < (bursts >= 0).sum()
    if len(matrix.org_ids) < limits.copies_units or matrix.n_columns < limits.copies_columns or not together:
        tests.append({**row, "state": INSUFFICIENT_COUNTS})
        return
    closest = _closest_pair(matrix, bursts, limits, generator(period_id, *key.values()))
    tests.append(
        {
            **row,
            "n_found": len(closest.org_ids),
            "statistic": closest.matches / matrix.n_columns,
            "expected": closest.typical / matrix.n_columns,
            "p_value": closest.p_value,
            "evidence": f"{closest.matches}/{matrix.n_columns}",
        }
    )
    units += units_of(closest.org_ids, **key)


def _matrix(part: pl.DataFrame, limits: Limits) -> _Matrix:
    """Units sorted by size with their pairs of equal, non-zero values in every column worth comparing."""
    distinct = pl.col("value").n_unique().over("indicator_id") >= limits.distinct_min
    rows = part.filter(distinct)
    rank = pl.col("value").rank().over("indicator_id") / pl.len().over("indicator_id")
    # Size is what the organisation register says, else how large the unit's values are on average; the rank
    # is cut to whole thousandths, so that the last bits of a mean decide nothing.
    order = (
        rows.with_columns(rank=rank)
        .group_by("org_id")
        .agg(pl.col("households").first(), rank=(pl.col("rank").sum() * 1_000).round().cast(pl.Int64) // pl.len())
    )
    size = "rank" if order["households"].null_count() else "households"
    org_ids = order.sort(size, "org_id")["org_id"].to_list()
    position = pl.col("org_id").replace_strict(org_ids, range(len(org_ids)), return_dtype=pl.Int64)
    placed = rows.filter(pl.col("value") != 0).with_columns(position=position)
    columns = [_equal_pairs(column) for _, column in groups(placed, "indicator_id")]
    blocks = np.arange(len(org_ids), dtype=np.int64) // _BLOCK
    # A last block of a few units would hardly be permuted at all.
    if len(org_ids) > _BLOCK and len(org_ids) % _BLOCK:
        blocks = np.minimum(blocks, len(org_ids) // _BLOCK - 1)
    return _Matrix(org_ids, blocks, columns, rows["indicator_id"].n_unique())


def _equal_pairs(column: pl.DataFrame) -> tuple[Integers, Integers]:
    """Positions of both units of every pair with an equal value."""
    rows = column.select("value", "position")
    pairs = rows.join(rows, on="value", suffix="_other").filter(pl.col("position") < pl.col("position_other"))
    pairs = pairs.sort("position", "position_other")
    return pairs["position"].to_numpy().astype(np.int64), pairs["position_other"].to_numpy().astype(np.int64)


def _bursts(part: pl.DataFrame, org_ids: Sequence[str], limits: Limits) -> Integers:
    """The burst most of a unit's values were entered in (-1: none), in the order of ``org_ids``.

    A burst starts with the first value an account enters after the one before it is over, and lasts
    ``limits.burst_minutes``.
    """
    entries = part.filter(pl.col("entered_at").is_not_null() & pl.col("entered_by_hash").is_not_null())
    parts, first = [], 0
    for _, account in groups(entries.sort("entered_at", "org_id", "indicator_id"), "entered_by_hash"):
        times = account["entered_at"].dt.epoch("us").to_numpy()
        numbers = _burst_numbers(times, timedelta(minutes=limits.burst_minutes)) + first
        first = int(numbers[-1]) + 1
        parts.append(account.select("org_id", burst=pl.Series(numbers)))
    if not parts:
        return np.full(len(org_ids), -1, dtype=np.int64)
    main = (
        pl.concat(parts)
        .group_by("org_id", "burst")
        .len()
        .sort("len", "burst", descending=[True, False])
        .unique("org_id", keep="first", maintain_order=True)
    )
    units = pl.DataFrame({"org_id": org_ids}, schema={"org_id": pl.String})
    placed = units.join(main, on="org_id", how="left", maintain_order="left")
    return placed["burst"].fill_null(-1).to_numpy().astype(np.int64)


def _burst_numbers(times: npt.NDArray[np.int64], length: timedelta) -> Integers:
    """Number of the burst of each of the sorted times."""
    numbers = np.zeros(len(times), dtype=np.int64)
    start, number, span = 0, 0, length // timedelta(microseconds=1)
    while start < len(times):
        end = int(np.searchsorted(times, times[start] + span, side="right"))
        numbers[start:end] = number
        start, number = end, number + 1
    return numbers


def _closest_pair(matrix: _Matrix, bursts: Integers | None, limits: Limits, random: np.random.Generator) -> _Closest:
    """The observed maximum against its permutation null, and the units of every pair beyond the null."""
    columns = [pairs for pairs in matrix.columns if len(pairs[0])]
    size = len(matrix.org_ids)
    if not columns:
        return _Closest(0, 0.0, 1.0, [])
    observed = np.sort(_codes(columns, size, bursts, None))
    matches = int(_longest_runs(observed[None, :])[0])
    drawn = np.zeros(0, dtype=np.int64)
    batch = 50
    while len(drawn) < limits.draws and (drawn >= matches).sum() < ENOUGH_REACHED:
        batch = min(batch, limits.draws - len(drawn))
        drawn = np.concatenate([drawn, _drawn_maxima(matrix, columns, bursts, batch, random)])
        batch = max(50, min(4 * batch, _BATCH_CELLS // (size + observed.size)))
    p_value = float((1 + (drawn >= matches).sum()) / (len(drawn) + 1))
    return _Closest(matches, float(np.median(drawn)), p_value, _too_alike(matrix, observed, drawn, limits))


def _too_alike(matrix: _Matrix, observed: Integers, drawn: Integers, limits: Limits) -> list[str]:
    """Units of pairs with more equal values than the maximum over all pairs reaches by chance."""
    size = len(matrix.org_ids)
    pairs, found = np.unique(observed[observed >= 0], return_counts=True)
    levels = np.array(
        [(1 + (drawn >= count).sum()) / (len(drawn) + 1) for count in range(int(found.max(initial=0)) + 1)]
    )
    alike = pairs[levels[found] <= limits.alpha]
    return [matrix.org_ids[place] for place in np.unique(np.concatenate([alike // size, alike % size]))]


def _drawn_maxima(
    matrix: _Matrix,
    columns: Sequence[tuple[Integers, Integers]],
    bursts: Integers | None,
    draws: int,
    random: np.random.Generator,
) -> Integers:
    """Largest number of equal values of two units in each of a number of draws."""
    size = len(matrix.org_ids)
    codes = []
    for column in columns:
        # Keys of a block stay within it, so that sorting them permutes inside the blocks.
        keys = random.random((draws, size), dtype=np.float32) + matrix.blocks.astype(np.float32)
        codes.append(_codes([column], size, bursts, np.argsort(keys, axis=1)))
    drawn = np.concatenate(codes, axis=1)
    drawn.sort(axis=1)
    return _longest_runs(drawn)


def _codes(
    columns: Sequence[tuple[Integers, Integers]], size: int, bursts: Integers | None, places: Integers | None
) -> Integers:
    """One number per equal pair, the same for the same two units; -1 where they do not share a burst."""
    left, right = (np.concatenate(sides) for sides in zip(*columns, strict=True))
    if places is not None:
        left, right = places[:, left], places[:, right]
    code: Integers = np.minimum(left, right) * size + np.maximum(left, right)
    if bursts is not None:
        code = np.where((bursts[left] == bursts[right]) & (bursts[left] >= 0), code, -1)
    return code


def _longest_runs(ordered: Integers) -> Integers:
    """Length of the longest run of one number that is not negative, in every sorted row."""
    longest: Integers = np.asarray((ordered >= 0).any(axis=1), dtype=np.int64)
    length = 1
    while length < ordered.shape[1]:
        runs = ((ordered[:, length:] == ordered[:, :-length]) & (ordered[:, length:] >= 0)).any(axis=1)
        if not runs.any():
            break
        length += 1
        longest[runs] = length
    return longest
