"""FAL-04: values carried forward from the period before (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.burden.false_data.pattern import (
    EXEMPT,
    INSUFFICIENT_COUNTS,
    Floats,
    Integers,
    Limits,
    PatternResult,
    groups,
    units_of,
)

_NEIGHBOURS: Final = 10
"""Units with the next smaller and the next larger values, whose repeats say how often small counts repeat."""


def run_p_value(run: int, changes: int, repeat_rate: float) -> float:
    """Bound of the chance of a run of ``run`` repeats or more in ``changes`` steps from period to period.

    ``(changes - run + 1) q^run``: the expected number of places where such a run can begin. It is never below
    the exact probability and needs no independence of overlapping runs.
    """
    if run <= 0:
        return 1.0
    return float(min(1.0, max(changes - run + 1, 0) * repeat_rate**run))


def run_needed(periods: int, repeat_rate: float, alpha: float) -> int | None:
    """The shortest run of repeats in so many periods whose p-value is at most ``alpha``; None when none is."""
    changes = periods - 1
    return next((run for run in range(1, changes + 1) if run_p_value(run, changes, repeat_rate) <= alpha), None)


def carried_forward(
    facts: pl.DataFrame, limits: Limits, *, periods: Sequence[str], exempt: Collection[str] = ()
) -> PatternResult:
    """FAL-04: the longest run of exact repeats of a unit, against how often its peers repeat a value.

    The repeat rate is that of the other units of the peer group, of the units with values of like size, or of
    the unit's own values outside the run, whichever is largest: small counts repeat by themselves. A zero that
    stays zero is no repeat. The p-value of a register is that of its least likely unit times the number of
    units.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        periods: Periods of one grain, oldest first; the last one is judged.
        exempt: Indicators that are structural constants, from the data dictionary.

    Returns:
        A test per register keeper, indicator and peer group.
    """
    code = "FAL-04"
    tests, units = [], []
    order = {period: place for place, period in enumerate(periods)}
    rows = facts.filter(pl.col("period_id").is_in(list(periods))).with_columns(
        place=pl.col("period_id").replace_strict(order, return_dtype=pl.Int64, default=None)
    )
    for (subject, indicator, group), part in groups(rows, "subject_org_id", "indicator_id", "peer_group"):
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator, "compared_with": group}
        row = {**key, "n": len(periods), "n_min": limits.repeats_periods}
        if indicator in exempt:
            tests.append({**row, "state": EXEMPT})
            continue
        series = _series(part, len(periods))
        org_ids = series.org_ids
        if len(periods) < limits.repeats_periods or len(org_ids) < limits.growth_peers:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
            continue
        runs, p_values, rate = _runs(series)
        found = p_values * len(org_ids) <= limits.alpha
        tests.append(
            {
                **row,
                "n_found": int(found.sum()),
                "statistic": float(runs.max()),
                "expected": rate,
                "p_value": float(min(1.0, p_values.min() * len(org_ids))),
                "evidence": f"{int(found.sum())}/{len(org_ids)}",
            }
        )
        units += units_of([org_ids[place] for place in np.flatnonzero(found)], **key)
    return PatternResult.of(tests, units)


@dataclass(frozen=True)
class _Series:
    """Values by unit and period: amounts, one number per distinct entry (0: a zero or unknown), what is known."""

    org_ids: list[str]
    values: Integers
    entries: Integers
    known: npt.NDArray[np.bool_]


def _series(part: pl.DataFrame, n_periods: int) -> _Series:
    """The series of a group; the first register of a unit counts.

    Two entries are the same when value, numerator and denominator are: a rate may come out alike from other
    cases, and such a rate was not carried forward.
    """
    rows = part.sort("org_id", "source_org_id").unique(["org_id", "place"], keep="first", maintain_order=True)
    unit, place = rows["org_id"].rle_id().to_numpy(), rows["place"].to_numpy()
    org_ids = rows["org_id"].unique(maintain_order=True).to_list()
    amounts = rows.select("value", pl.col("numerator", "denominator").fill_null(-1)).to_numpy()
    numbers = np.unique(amounts, axis=0, return_inverse=True)[1].reshape(-1) + 1
    values, entries = (np.zeros((len(org_ids), n_periods), dtype=np.int64) for _ in range(2))
    known = np.zeros(values.shape, dtype=np.bool_)
    values[unit, place] = amounts[:, 0]
    entries[unit, place] = np.where(amounts[:, 0] != 0, numbers, 0)
    known[unit, place] = True
    return _Series(org_ids, values, entries, known)


def _runs(series: _Series) -> tuple[Integers, Floats, float]:
    """Longest run of repeats of each unit, its p-value, and the repeat rate of the whole group."""
    entries, known = series.entries, series.known
    steps = known[:, 1:] & known[:, :-1]
    repeats = steps & (entries[:, 1:] == entries[:, :-1]) & (entries[:, 1:] != 0)
    current = np.zeros(len(entries), dtype=np.int64)
    longest, last = current.copy(), current.copy()
    for place, step in enumerate(repeats.T, start=1):
        current = np.where(step, current + 1, 0)
        last = np.where(current > longest, place, last)
        longest = np.maximum(longest, current)
    repeated, changes = repeats.sum(axis=1), steps.sum(axis=1)
    rate = np.maximum(_others(repeated, changes), _alike(series, repeated, changes))
    rate = np.maximum(rate, _own(series, last - longest, last))
    p_values = [run_p_value(int(run), int(m), float(q)) for run, m, q in zip(longest, changes, rate, strict=True)]
    return longest, np.array(p_values), float(repeated.sum() / max(int(changes.sum()), 1))


def _own(series: _Series, first: Integers, last: Integers) -> Floats:
    """Share of equal entries among the pairs of a unit's entries that do not both lie in its longest run.

    A small count has few possible values, and repeats them without anybody's doing.
    """
    entries, known = series.entries, series.known
    place = np.arange(entries.shape[1])
    in_run = (place >= first[:, None]) & (place <= last[:, None])
    counted = known[:, :, None] & known[:, None, :] & ~(in_run[:, :, None] & in_run[:, None, :])
    counted &= place[:, None] < place
    equal = counted & (entries[:, :, None] == entries[:, None, :]) & (entries != 0)[:, :, None]
    share: Floats = equal.sum(axis=(1, 2)) / np.maximum(counted.sum(axis=(1, 2)), 1)
    return share


def _others(repeated: Integers, changes: Integers) -> Floats:
    """Repeat rate of all other units, one repeat added so that it is never zero."""
    rate: Floats = (repeated.sum() - repeated + 1) / (changes.sum() - changes + 1)
    return rate


def _alike(series: _Series, repeated: Integers, changes: Integers) -> Floats:
    """Repeat rate of the units next in size, the unit itself left out.

    Nothing is added here: the rate of all others is never zero, and the larger of the two counts.
    """
    level = series.values.sum(axis=1) // np.maximum(series.known.sum(axis=1), 1)
    order = np.argsort(level, kind="stable")
    place = np.arange(len(order))
    first, last = np.maximum(place - _NEIGHBOURS, 0), np.minimum(place + _NEIGHBOURS + 1, len(order))
    near = []
    for amounts in (repeated[order], changes[order]):
        upto = np.concatenate([[0], np.cumsum(amounts)])
        near.append(upto[last] - upto[first] - amounts)
    rate = np.zeros(len(order))
    rate[order] = near[0] / np.maximum(near[1], 1)
    return rate
