"""FAL-08: totals that meet the plan to the last digit (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from scoring.burden.false_data.binomial import upper_tail
from scoring.burden.false_data.pattern import (
    EXEMPT,
    INSUFFICIENT_COUNTS,
    Limits,
    PatternResult,
    groups,
    measurable,
    merged,
)


def exact_hits(
    facts: pl.DataFrame,
    limits: Limits,
    *,
    periods: Sequence[str],
    exempt: Collection[str] = (),
    without_consequence: Collection[str] = (),
) -> PatternResult:
    """FAL-08: indicator-periods in which the total over units equals the total of the targets exactly.

    Held against the rate of indicators whose targets move nothing, where at least ``limits.reference_min``
    of their indicator-periods are known, else ``limits.hit_rate``. Targets at the smallest or largest
    possible value are left out: nothing can lie beyond them.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        periods: Periods that are read; the last one is judged.
        exempt: Indicators whose equality the law demands (capacity, headcount).
        without_consequence: Indicators whose targets move neither points nor money.

    Returns:
        A test per subject (who set the target, else the register keeper) over its indicators, and an EXEMPT
        row per subject and exempt indicator.
    """
    code = "FAL-08"
    rows, unmeasured = measurable(code, facts.filter(pl.col("period_id").is_in(list(periods))), ["target_value"])
    totals = (
        rows.filter(pl.col("target_value").is_not_null() & ~pl.col("at_limit"))
        .group_by("target_subject_org_id", "indicator_id", "source_org_id", "period_id")
        .agg(hit=pl.col("value").sum() == pl.col("target_value").sum())
    )
    harmless = pl.col("indicator_id").is_in(list(without_consequence))
    excused = pl.col("indicator_id").is_in(list(exempt))
    reference = totals.filter(harmless & ~excused)
    known = reference.height >= limits.reference_min
    chance = min(max(int(reference["hit"].sum()), 1) / reference.height, 0.99) if known else limits.hit_rate
    tests = [
        {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator, "n": part.height, "state": EXEMPT}
        for (subject, indicator), part in groups(totals.filter(excused), "target_subject_org_id", "indicator_id")
    ]
    for (subject,), part in groups(totals.filter(~excused & ~harmless), "target_subject_org_id"):
        hits = int(part["hit"].sum())
        row = {"pattern_code": code, "subject_org_id": subject, "n": part.height, "n_min": limits.hits_min}
        row["n_found"] = hits
        if part.height < limits.hits_min:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
            continue
        tests.append(
            {
                **row,
                "statistic": hits / part.height,
                "expected": chance,
                "p_value": upper_tail(hits, part.height, chance),
                "evidence": f"{hits}/{part.height}",
            }
        )
    return merged(unmeasured, PatternResult.of(tests))
