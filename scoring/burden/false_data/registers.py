"""FAL-09: a register that lies above an independent source (burden catalogue, part 8)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import scipy.stats

from scoring.burden.false_data.binomial import upper_tail
from scoring.burden.false_data.pattern import (
    INSUFFICIENT_COUNTS,
    Floats,
    Limits,
    PatternResult,
    absent,
    groups,
    of_period,
    units_of,
)
from scoring.sums import raw_units


def overstatement(
    facts: pl.DataFrame, independent: pl.DataFrame | None, limits: Limits, *, period_id: str
) -> PatternResult:
    """FAL-09: sign test of reported against independent values over units; the size is the median ratio.

    Args:
        facts: See ``pattern.prepared_facts``.
        independent: indicator_id, org_id, period_id, independent_register (name of the other register, survey
            or remote count), value; None: not delivered.
        limits: Numbers of the tests.
        period_id: Period that is judged.

    Returns:
        A test per register keeper, indicator and independent register. ``statistic``: share of units reported
        on the good side of the independent value, equal ones left out; ``size``: median of reported over
        independent values, with its exact 95 % interval where the units are enough for one.
    """
    code = "FAL-09"
    if independent is None or independent.is_empty():
        return absent(code, facts, "independent_register")
    others = independent.select("indicator_id", "org_id", "period_id", "independent_register", other=raw_units("value"))
    pairs = of_period(facts, period_id).join(
        others, on=["indicator_id", "org_id", "period_id"], how="inner", maintain_order="left"
    )
    sign = pl.when("lower_better").then(-1).otherwise(1)
    pairs = pairs.filter(pl.col("independent_register") != pl.col("source_org_id"))
    pairs = pairs.with_columns(better=(sign * (pl.col("value") - pl.col("other"))).sign())
    tests, units = [], []
    for (subject, indicator, register), part in groups(pairs, "subject_org_id", "indicator_id", "independent_register"):
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator, "compared_with": register}
        n, found = int((part["better"] != 0).sum()), int((part["better"] > 0).sum())
        row: dict[str, Any] = {**key, "n": n, "n_min": limits.registers_min, "n_found": found}
        if n < limits.registers_min:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
            continue
        size, low, high = _median_ratio(part)
        row |= {"size": size, "size_low": low, "size_high": high, "statistic": found / n, "expected": 0.5}
        tests.append({**row, "p_value": upper_tail(found, n, 0.5), "evidence": f"{found}/{n}"})
        units += units_of(part.filter(pl.col("better") > 0)["org_id"].to_list(), **key)
    return PatternResult.of(tests, units)


def _median_ratio(part: pl.DataFrame) -> tuple[float | None, float | None, float | None]:
    """Median of reported over independent values and its interval."""
    positive = part.filter((pl.col("value") > 0) & (pl.col("other") > 0))
    if positive.is_empty():
        return None, None, None
    logs = np.log(positive["value"].to_numpy() / positive["other"].to_numpy())
    low, high = median_interval(logs)
    return (
        math.exp(float(np.median(logs))),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
    )


def median_interval(values: Floats, confidence: float = 0.95) -> tuple[float | None, float | None]:
    """Interval of a median from order statistics, of at least the given confidence; None with too few values."""
    ordered = np.sort(values)
    rank = int(scipy.stats.binom.ppf((1 - confidence) / 2, len(ordered), 0.5))
    # The rank-th smallest and largest value, counted from 1, leave at most half of what is left out each.
    if rank < 1 or scipy.stats.binom.cdf(rank - 1, len(ordered), 0.5) > (1 - confidence) / 2:
        return None, None
    return float(ordered[rank - 1]), float(ordered[-rank])
