"""FAL-06: values that rise into an inspection and fall after it (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from scoring.burden.false_data.pattern import (
    INSUFFICIENT_COUNTS,
    Integers,
    Limits,
    PatternResult,
    absent,
    drawn_p_value,
    generator,
    groups,
    units_of,
)
from scoring.sums import RAW_SCALE


def inspection_bump(
    readings: pl.DataFrame, visits: pl.DataFrame | None, limits: Limits, *, period_id: str
) -> PatternResult:
    """FAL-06: change into a visit minus change after it, against placebo days of the same unit and weekday.

    The bump of a day is ``(y - before) - (after - y)`` with the readings next to it, turned round where lower
    is better. Placebo days are days of the same unit and weekday that neither are a visit nor touch one.

    Args:
        readings: subject_org_id, indicator_id, org_id, lower_better, as_of, value (whole millionths): one per
            unit and day, such as prepared facts of daily periods.
        visits: org_id, day of the inspections; None: not delivered.
        limits: Numbers of the tests.
        period_id: Period that is judged; it seeds the draws.

    Returns:
        A test per register keeper and indicator with at least ``limits.visits_min`` visits that have a
        reading and ``limits.placebo_min`` placebo days.
    """
    code = "FAL-06"
    if visits is None:
        return absent(code, readings, "visits")
    dated = readings.filter(pl.col("as_of").is_not_null())
    if dated.is_empty():
        return absent(code, readings, "as_of")
    tests, units = [], []
    for (subject, indicator), part in groups(_bumps(dated, visits), "subject_org_id", "indicator_id"):
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator}
        observed, placebos, org_ids = _visits_with_placebos(part, limits)
        row: dict[str, Any] = {**key, "n": len(observed), "n_min": limits.visits_min}
        if len(observed) < limits.visits_min:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
            continue
        random = generator(period_id, *key.values())
        total = sum(observed)
        p_value, mean = drawn_p_value(partial(_drawn, placebos, random), total, limits)
        tests.append(
            {
                **row,
                "n_found": sum(bump > 0 for bump in observed),
                "statistic": total / len(observed) / RAW_SCALE,
                "expected": mean / len(observed) / RAW_SCALE,
                "p_value": p_value,
            }
        )
        units += units_of([org for org, bump in zip(org_ids, observed, strict=True) if bump > 0], **key)
    return PatternResult.of(tests, units)


def _drawn(placebos: Sequence[Integers], random: np.random.Generator, draws: int) -> Integers:
    """Sums of one placebo day per visit."""
    sums = np.zeros(draws, dtype=np.int64)
    for days in placebos:
        sums += days[random.integers(0, len(days), draws)]
    return sums


def _bumps(readings: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Readings with their bump, whether a visit was that day, and whether one was on a neighbouring reading."""
    series = ["subject_org_id", "indicator_id", "org_id"]
    marked = readings.sort(*series, "as_of").join(
        visits.select("org_id", as_of="day", visited=pl.lit(value=True)).unique(),
        on=["org_id", "as_of"],
        how="left",
        maintain_order="left",
    )
    value, visited = pl.col("value"), pl.col("visited")
    sign = pl.when("lower_better").then(-1).otherwise(1)
    marked = marked.with_columns(visited.fill_null(value=False))
    touched = visited.shift(1, fill_value=False) | visited.shift(-1, fill_value=False)
    return marked.with_columns(
        bump=(sign * (2 * value - value.shift(1) - value.shift(-1))).over(series),
        touched=touched.over(series),
    ).filter(pl.col("bump").is_not_null())


def _visits_with_placebos(part: pl.DataFrame, limits: Limits) -> tuple[list[int], list[Integers], list[str]]:
    """Bumps of the visits that have placebo days, those days' bumps, and the units."""
    part = part.with_columns(weekday=pl.col("as_of").dt.weekday()).sort("org_id", "as_of")
    same = ["org_id", "weekday"]
    visits = part.filter("visited")
    free = part.filter(~pl.col("visited") & ~pl.col("touched")).join(visits, on=same, how="semi", maintain_order="left")
    free = free.filter(pl.len().over(same) >= limits.placebo_min)
    days = {key: rows["bump"].to_numpy() for key, rows in free.partition_by("org_id", "weekday", as_dict=True).items()}
    observed, placebos, org_ids = [], [], []
    for org_id, weekday, bump in visits.select(*same, "bump").iter_rows():
        found = days.get((org_id, weekday))
        if found is not None:
            observed.append(bump)
            placebos.append(found.astype(np.int64))
            org_ids.append(org_id)
    return observed, placebos, org_ids
