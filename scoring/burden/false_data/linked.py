"""FAL-13: figures that jump while everything that should move with them stands still (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import polars as pl

from scoring.burden.false_data.growth import log_growths, outlier_test
from scoring.burden.false_data.pattern import (
    INSUFFICIENT_COUNTS,
    NOT_APPLICABLE,
    Floats,
    Limits,
    PatternResult,
    absent,
    generator,
    groups,
    units_of,
)
from scoring.sums import raw_units

_LINKED_LEAST: Final = 2
_KEPT: Final = 0.8
_STEPS: Final = 20


def unlinked_jumps(
    facts: pl.DataFrame,
    linked: pl.DataFrame | None,
    limits: Limits,
    *,
    periods: Sequence[str],
    excluded: Collection[str] = (),
) -> PatternResult:
    """FAL-13: the largest cross-validated residual of growth on the growth of linked registers.

    Growth is regressed on the growth of the linked registers by trimmed least squares, each unit is foretold
    by a fit without it, and the largest residual is tested as in FAL-12.

    Args:
        facts: See ``pattern.prepared_facts``.
        linked: indicator_id, linked_register (power, tax, staff), org_id, period_id, value; None: not
            delivered.
        limits: Numbers of the tests.
        periods: Periods of one grain, oldest first; the jump into the last one is judged.
        excluded: Units that merged, split or changed their code; left out first.

    Returns:
        A test per register keeper, indicator and peer group. NOT_MEASURABLE with fewer than two linked
        registers; NOT_APPLICABLE where they foretell growth hardly better than the median does.
    """
    code = "FAL-13"
    if linked is None or linked.is_empty():
        return absent(code, facts, "linked_registers")
    if len(periods) < 2:
        return absent(code, facts, "earlier_periods")
    last_two = periods[-2:]
    growths = log_growths(facts.filter(~pl.col("org_id").is_in(list(excluded))), last_two)
    registers = _linked_growths(linked, last_two)
    enough = registers.group_by("indicator_id").agg(n=pl.col("linked_register").n_unique())
    enough = enough.filter(pl.col("n") >= _LINKED_LEAST)
    results = []
    unlinked = growths.join(enough, on="indicator_id", how="anti")
    without = set(unlinked["subject_org_id"]) - set(growths.join(enough, on="indicator_id")["subject_org_id"])
    if without:
        results.append(absent(code, unlinked.filter(pl.col("subject_org_id").is_in(list(without))), "linked_registers"))
    tests, units = [], []
    judged = growths.join(enough, on="indicator_id", how="semi", maintain_order="left")
    for (subject, indicator, group), part in groups(judged, "subject_org_id", "indicator_id", "peer_group"):
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator, "compared_with": group}
        wide = _with_linked(part, registers.filter(pl.col("indicator_id") == indicator))
        columns = [name for name in wide.columns if name.startswith("linked ")]
        if wide.height <= limits.growth_peers + len(columns) + 1:
            tests.append({**key, "n": wide.height, "n_min": limits.growth_peers + 1, "state": INSUFFICIENT_COUNTS})
            continue
        values = wide["growth"].to_numpy()
        residuals = cross_validated_residuals(values, wide.select(columns).to_numpy())
        deviations = np.abs(values - np.median(values))
        if np.median(np.abs(residuals)) > limits.residual_share_max * np.median(deviations):
            tests.append({**key, "n": wide.height, "n_min": limits.growth_peers + 1, "state": NOT_APPLICABLE})
            continue
        rows = wide.with_columns(growth=pl.Series(residuals))
        row, found = outlier_test(rows, periods[-1], limits, generator(periods[-1], *key.values()))
        tests.append({**key, **row})
        units += units_of(found, **key)
    results.append(PatternResult.of(tests, units))
    return PatternResult(pl.concat([one.tests for one in results]), pl.concat([one.units for one in results]))


def _linked_growths(linked: pl.DataFrame, periods: Sequence[str]) -> pl.DataFrame:
    """Log growth of every linked register: indicator_id, linked_register, org_id, linked_growth."""
    before, now = (
        linked.with_columns(value=raw_units("value")).filter((pl.col("period_id") == period) & (pl.col("value") > 0))
        for period in periods
    )
    key = ["indicator_id", "linked_register", "org_id"]
    return now.join(before.select(*key, before="value"), on=key).select(
        *key, linked_growth=(pl.col("value") / pl.col("before")).log()
    )


def _with_linked(part: pl.DataFrame, registers: pl.DataFrame) -> pl.DataFrame:
    """Growth with a column per linked register, of the units every one of them knows."""
    wide = registers.sort("linked_register", "org_id").pivot(
        "linked_register", index="org_id", values="linked_growth", maintain_order=True
    )
    wide = wide.rename({name: f"linked {name}" for name in wide.columns if name != "org_id"})
    return part.join(wide, on="org_id").drop_nulls().sort("org_id", "source_org_id")


def cross_validated_residuals(values: Floats, predictors: Floats) -> Floats:
    """Residual of each value from a trimmed least-squares fit that does not contain it.

    The fit keeps the four fifths with the smallest residuals until they no longer change. A value it keeps is
    foretold by the same fit without it (``e / (1 - h)``); one it left out needs no correction.

    Args:
        values: What is foretold (n).
        predictors: Linked growths (n x k).
    """
    design = np.column_stack([np.ones(len(values)), predictors])
    kept = np.arange(len(values))
    size = max(int(_KEPT * len(values)), design.shape[1] + 1)
    for _ in range(_STEPS):
        coefficients = np.linalg.lstsq(design[kept], values[kept], rcond=None)[0]
        residuals: Floats = values - design @ coefficients
        smallest = np.sort(np.argsort(np.abs(residuals).round(12), kind="stable")[:size])
        if np.array_equal(smallest, kept):
            break
        kept = smallest
    rows = design[kept]
    leverage = np.einsum("ij,jk,ik->i", rows, np.linalg.pinv(rows.T @ rows), rows)
    residuals[kept] /= np.maximum(1 - leverage, 1e-6)
    return residuals
