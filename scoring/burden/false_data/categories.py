"""FAL-10: cases moved into the favourable category (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import scipy.stats

from scoring.burden.false_data.pattern import (
    INSUFFICIENT_COUNTS,
    NOT_APPLICABLE,
    Floats,
    Limits,
    PatternResult,
    absent,
    counts,
    groups,
    measurable,
    merged,
)


def category_drift(
    facts: pl.DataFrame,
    limits: Limits,
    *,
    periods: Sequence[str],
    earlier_periods: Sequence[str],
) -> PatternResult:
    """FAL-10: rise of the favourable share against the other departments, with the total about constant.

    ``z = (change - change of the others) / sqrt(phi (variance of both))`` with binomial variances; ``phi`` is
    the dispersion of the others' changes (at least 1), so the p-value is Student's with their number less one
    degrees of freedom.

    Args:
        facts: See ``pattern.prepared_facts``; numerator and denominator are the favourable (where lower is
            better: the unfavourable) and all cases.
        limits: Numbers of the tests.
        periods: Periods that are judged.
        earlier_periods: The same calendar months a year before.

    Returns:
        A test per register keeper and indicator; NOT_APPLICABLE where the total moved by more than
        ``limits.total_change_max``, because then other cases may simply have come.
    """
    code = "FAL-10"
    if not earlier_periods:
        return absent(code, facts, "earlier_periods")
    read = facts.filter(pl.col("period_id").is_in([*periods, *earlier_periods]))
    rows, unmeasured = measurable(code, read, ["numerator", "denominator"])
    tests = []
    for (indicator,), part in groups(_cases(rows, periods), "indicator_id"):
        subjects = part["subject_org_id"].to_list()
        table = np.column_stack([counts(part[name]) for name in ("good_before", "all_before", "good", "all")])
        for place, subject in enumerate(subjects):
            key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator}
            tests.append({**key, **_drift(table[place], np.delete(table, place, axis=0), limits)})
    return merged(unmeasured, PatternResult.of(tests))


def _cases(rows: pl.DataFrame, periods: Sequence[str]) -> pl.DataFrame:
    """Favourable and all cases of each register and indicator, before and now."""
    now = pl.col("period_id").is_in(list(periods))
    good = pl.when("lower_better").then(pl.col("denominator") - pl.col("numerator")).otherwise("numerator")
    return (
        rows.filter(pl.col("numerator").is_not_null() & pl.col("denominator").is_not_null())
        .with_columns(favourable=good)
        .group_by("indicator_id", "subject_org_id")
        .agg(
            good=pl.col("favourable").filter(now).sum(),
            all=pl.col("denominator").filter(now).sum(),
            good_before=pl.col("favourable").filter(~now).sum(),
            all_before=pl.col("denominator").filter(~now).sum(),
        )
        .sort("indicator_id", "subject_org_id")
    )


def _drift(own: Floats, others: Floats, limits: Limits) -> dict[str, Any]:
    """The test of one register; rows are favourable and all cases before, favourable and all cases now."""
    good_before, all_before, good, total = (float(number) for number in own)
    row: dict[str, Any] = {"n": int(min(total, all_before)), "n_min": limits.categories_min}
    row["n_found"] = int(good)
    others = others[(others[:, 1] > 0) & (others[:, 3] > 0)]
    pooled = others.sum(axis=0)
    few = min(total, all_before) < limits.categories_min or len(others) < limits.categories_peers
    if few or min(pooled[1], pooled[3]) < limits.categories_min:
        return {**row, "state": INSUFFICIENT_COUNTS}
    if abs(total - all_before) > limits.total_change_max * all_before:
        return {**row, "state": NOT_APPLICABLE, "evidence": f"total {all_before:.0f} -> {total:.0f}"}
    change, change_others = good / total - good_before / all_before, pooled[2] / pooled[3] - pooled[0] / pooled[1]
    deviations = (others[:, 2] / others[:, 3] - others[:, 0] / others[:, 1] - change_others) ** 2
    variances = np.array([_variance(other) for other in others])
    spread = np.divide(deviations, variances, out=np.zeros_like(deviations), where=variances > 0)
    phi = max(1.0, float(spread.sum()) / (len(others) - 1))
    variance = phi * (_variance(own) + _variance(pooled))
    rise = change - change_others
    z = rise / variance**0.5 if variance > 0 else 0.0
    return {
        **row,
        "statistic": z,
        "expected": 0.0,
        "size": rise,
        "p_value": float(scipy.stats.t.sf(z, len(others) - 1)),
        "evidence": f"{good_before:.0f}/{all_before:.0f} -> {good:.0f}/{total:.0f}; phi {phi:.2f}",
    }


def _variance(cases: Floats) -> float:
    """Variance of the change of a share, with one share for both times."""
    share = (cases[0] + cases[2]) / (cases[1] + cases[3])
    return float(share * (1 - share) * (1 / cases[1] + 1 / cases[3]))
