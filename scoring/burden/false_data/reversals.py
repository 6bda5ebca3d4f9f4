"""FAL-07: growth before the count that is undone after it (burden catalogue, part 8)."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl

from scoring.burden.false_data.pattern import (
    INSUFFICIENT_COUNTS,
    Floats,
    Integers,
    Limits,
    PatternResult,
    absent,
    drawn_p_value,
    generator,
    groups,
    measurable,
    merged,
    units_of,
)

_BILLION: Final = 1_000_000_000


def spike_and_undo(
    facts: pl.DataFrame, limits: Limits, *, months: tuple[str, str, str] | None, period_id: str
) -> PatternResult:
    """FAL-07: log growth in the last month of the period minus log growth in the first month of the next.

    Units with a target are held against units of their peer group without one, by permuting which units have
    the target inside the peer groups.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        months: The month before the last of the period, the last one, and the first of the next period;
            None: the next period is not in yet.
        period_id: Period that is judged; it seeds the draws.

    Returns:
        A test per subject (who set the target, else the register keeper) and indicator, with at least
        ``limits.reversals_min`` units with a target and as many without.
    """
    code = "FAL-07"
    if months is None:
        return absent(code, facts, "next_period")
    rows = facts.filter(pl.col("period_id").is_in(months))
    _, unmeasured = measurable(code, rows, ["target_value"])
    tests, units = [], []
    changes = _changes(rows, months)
    targeted = changes.filter("targeted")
    for (subject, indicator), part in groups(targeted, "target_subject_org_id", "indicator_id"):
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator}
        peers = changes.filter(~pl.col("targeted") & (pl.col("indicator_id") == indicator))
        blocks = _blocks(part, peers)
        n_targeted = sum(k for _, k in blocks)
        n_peers = sum(len(values) for values, _ in blocks) - n_targeted
        row: dict[str, Any] = {**key, "n": n_targeted, "n_min": limits.reversals_min}
        relabelings = math.prod(math.comb(len(values), k) for values, k in blocks)
        enough = min(n_targeted, n_peers) >= limits.reversals_min and relabelings * limits.alpha >= 1
        if not enough:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
            continue
        observed = sum(int(values[:k].sum()) for values, k in blocks)
        draw = partial(_drawn, blocks, generator(period_id, *key.values()))
        total = sum(int(values.sum()) for values, _ in blocks)
        tests.append(
            {
                **row,
                "n_found": int((part["undone"] > 0).sum()),
                "statistic": observed / n_targeted / _BILLION,
                "expected": (total - observed) / n_peers / _BILLION,
                "p_value": drawn_p_value(draw, observed, limits)[0],
            }
        )
        units += units_of(part.filter(pl.col("undone") > 0)["org_id"].to_list(), **key)
    return merged(unmeasured, PatternResult.of(tests, units))


def _changes(facts: pl.DataFrame, months: tuple[str, str, str]) -> pl.DataFrame:
    """Units with a positive value in all three months, and how much of their growth was undone, in billionths."""
    key = ["source_org_id", "indicator_id", "org_id"]
    positive = facts.filter(pl.col("value") > 0)
    before, last, after = (positive.filter(pl.col("period_id") == month) for month in months)
    rows = last.join(before.select(*key, before="value"), on=key).join(after.select(*key, after="value"), on=key)
    undone = _undone(*(rows[name].to_numpy().astype(np.float64) for name in ("before", "value", "after")))
    sign = pl.when("lower_better").then(-1).otherwise(1)
    return (
        rows.with_columns(undone=pl.Series(undone, dtype=pl.Int64))
        .with_columns(undone=sign * pl.col("undone"), targeted=pl.col("target_value").is_not_null())
        .sort("indicator_id", "org_id", "source_org_id")
    )


def _undone(before: Floats, last: Floats, after: Floats) -> Integers:
    """Growth into the last month minus growth out of it, as whole billionths so that sums have no order."""
    change = np.log(last / before) - np.log(after / last)
    whole: Integers = np.rint(change * _BILLION).astype(np.int64)
    return whole


def _blocks(targeted: pl.DataFrame, peers: pl.DataFrame) -> list[tuple[Integers, int]]:
    """Per peer group with both: the values, those with a target first, and how many have one."""
    blocks = []
    for (group,), part in groups(targeted, "peer_group"):
        others = peers.filter(pl.col("peer_group") == group)
        if others.height:
            values = np.concatenate([part["undone"].to_numpy(), others["undone"].to_numpy()])
            blocks.append((values.astype(np.int64), part.height))
    return blocks


def _drawn(blocks: list[tuple[Integers, int]], random: np.random.Generator, draws: int) -> Integers:
    """Sum over the units that would have the target, in every draw."""
    sums = np.zeros(draws, dtype=np.int64)
    for values, k in blocks:
        chosen = np.argsort(random.random((draws, len(values)), dtype=np.float32), axis=1)[:, :k]
        sums += values[chosen].sum(axis=1)
    return sums
