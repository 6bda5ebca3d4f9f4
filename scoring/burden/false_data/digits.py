"""FAL-02: more last digits 0 and 5 than counting gives (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import polars as pl

from scoring.burden.false_data.binomial import upper_tail
from scoring.burden.false_data.pattern import (
    EXEMPT,
    INSUFFICIENT_COUNTS,
    Limits,
    PatternResult,
    groups,
    of_period,
    units_of,
)
from scoring.sums import RAW_SCALE

_CHANCE: Final = 0.2
"""Two of ten digits."""


def digit_heaping(
    facts: pl.DataFrame, limits: Limits, *, period_id: str, exempt: Collection[str] = ()
) -> PatternResult:
    """FAL-02: share of last digits 0 and 5 among whole counts of at least ``limits.digits_from``.

    Held against two in ten, or against the share in indicators of the same unit of measure without targets,
    whichever is larger.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        period_id: Period that is judged.
        exempt: Indicators rounded by instruction, from the data dictionary.

    Returns:
        A test per register keeper and indicator with whole counts.
    """
    code = "FAL-02"
    whole = (pl.col("value") % RAW_SCALE == 0) & (pl.col("value") >= limits.digits_from * RAW_SCALE)
    rows = of_period(facts, period_id).filter(whole)
    rows = rows.with_columns(heaped=(pl.col("value") // RAW_SCALE) % 5 == 0)
    harmless = _harmless_shares(rows.filter(~pl.col("indicator_id").is_in(list(exempt))), limits)
    tests, units = [], []
    for (subject, indicator), part in groups(rows, "subject_org_id", "indicator_id"):
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator}
        found = int(part["heaped"].sum())
        row = {**key, "n": part.height, "n_min": limits.digits_min, "n_found": found}
        if indicator in exempt:
            tests.append({**row, "state": EXEMPT})
        elif part.height < limits.digits_min or part["value"].n_unique() < limits.distinct_min:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
        else:
            targeted = part["target_value"].is_not_null().any()
            chance = harmless.get(part["kind"][0], _CHANCE) if targeted else _CHANCE
            p_value = upper_tail(found, part.height, chance)
            tests.append({**row, "statistic": found / part.height, "expected": chance, "p_value": p_value})
            units += units_of(part.filter("heaped")["org_id"].to_list(), **key)
    return PatternResult.of(tests, units)


def _harmless_shares(rows: pl.DataFrame, limits: Limits) -> dict[str, float]:
    """Share of last digits 0 and 5 by unit of measure in indicators without any target, where it is known."""
    without = rows.filter(pl.col("target_value").is_null().all().over("indicator_id") & pl.col("kind").is_not_null())
    shares = (
        without.group_by("kind")
        .agg(n=pl.len(), found=pl.col("heaped").sum())
        .filter(pl.col("n") >= limits.digits_min)
        .select("kind", share=(pl.col("found") / pl.col("n")).clip(_CHANCE, 0.99))
    )
    return dict(shares.iter_rows())
