"""FAL-12: growth nobody in the peer group comes near (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from scoring.burden.false_data.pattern import (
    INSUFFICIENT_COUNTS,
    Floats,
    Limits,
    PatternResult,
    absent,
    generator,
    groups,
    units_of,
)

_NORMAL: Final = 1.4826
"""Makes the median absolute deviation a standard deviation where values are normal."""

_TAIL_SHARE: Final = 10
"""One in ten of the pool is its tail."""

_TAIL_LEAST: Final = 5

_POOL_MOST: Final = 500
"""Largest deviations that are resampled: more tell nothing more about a tail and cost time."""

_CLEARLY_HONEST: Final = 0.05
"""P-value before resampling from which on no resampling is needed."""

_CELLS: Final = 1_000_000


def implausible_growth(
    facts: pl.DataFrame, limits: Limits, *, periods: Sequence[str], excluded: Collection[str] = ()
) -> PatternResult:
    """FAL-12: the largest robust z of log growth in a peer group, against the heavy tail of its peers.

    ``z = (growth - median) / (1.4826 MAD)``; growth is turned round where lower is better. The tail of the
    peers' deviations, of this period and of the earlier ones, is Pareto (Hill's estimator, never lighter than
    ``limits.tail_index_min``); its uncertainty and that of the median and MAD enter by averaging over
    bootstrap samples of the peers. The p-value is that of the maximum over the group.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        periods: Periods of one grain, oldest first; growth of the last one is judged.
        excluded: Units that merged, split or changed their code; left out first.

    Returns:
        A test per register keeper, indicator and peer group with at least ``limits.growth_peers`` peers.
    """
    code = "FAL-12"
    if len(periods) < 2:
        return absent(code, facts, "earlier_periods")
    tests, units = [], []
    growths = log_growths(facts.filter(~pl.col("org_id").is_in(list(excluded))), periods)
    for (subject, indicator, group), part in groups(growths, "subject_org_id", "indicator_id", "peer_group"):
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator, "compared_with": group}
        row, found = outlier_test(part, periods[-1], limits, generator(periods[-1], *key.values()))
        tests.append({**key, **row})
        units += units_of(found, **key)
    return PatternResult.of(tests, units)


def log_growths(facts: pl.DataFrame, periods: Sequence[str]) -> pl.DataFrame:
    """Log growth of each unit from period to period, turned round where lower is better.

    Returns:
        subject_org_id, source_org_id, indicator_id, peer_group, org_id, period_id, growth; where both values
        are positive and the period before is there; sorted.
    """
    order = {period: number for number, period in enumerate(periods)}
    rows = facts.filter(pl.col("period_id").is_in(list(periods)) & (pl.col("value") > 0)).with_columns(
        number=pl.col("period_id").replace_strict(order, return_dtype=pl.Int64, default=None)
    )
    key = ["source_org_id", "indicator_id", "org_id"]
    before = rows.select(*key, number=pl.col("number") + 1, before="value")
    sign = pl.when("lower_better").then(-1.0).otherwise(1.0)
    return (
        rows.join(before, on=[*key, "number"])
        .select(
            "subject_org_id",
            *key,
            "peer_group",
            "period_id",
            growth=sign * (pl.col("value") / pl.col("before")).log(),
        )
        .sort(*key, "period_id")
    )


def outlier_test(
    part: pl.DataFrame, period_id: str, limits: Limits, random: np.random.Generator
) -> tuple[dict[str, Any], list[str]]:
    """Test of the largest value of the last period of a group (``growth``) and the units beyond the limit."""
    now = part.filter(pl.col("period_id") == period_id).sort("org_id", "source_org_id")
    values = now["growth"].to_numpy()
    row: dict[str, Any] = {"n": len(values), "n_min": limits.growth_peers + 1}
    if len(values) <= limits.growth_peers or _spread(values)[1] <= 0:
        return {**row, "state": INSUFFICIENT_COUNTS}, []
    history = _earlier_deviations(part.filter(pl.col("period_id") != period_id), limits)
    center, scale = _spread(values)
    z = (values - center) / scale
    largest = int(np.argmax(z))
    p_value = _largest_p_value(np.delete(values, largest), float(values[largest]), history, limits, random)
    found = _beyond(z, now["org_id"].to_list(), history, limits) if p_value <= limits.alpha else []
    row |= {"n_found": len(found), "statistic": float(z[largest]), "expected": 0.0, "p_value": p_value}
    return row, found


def _spread(values: Floats) -> tuple[float, float]:
    center = float(np.median(values))
    return center, _NORMAL * float(np.median(np.abs(values - center)))


def _earlier_deviations(earlier: pl.DataFrame, limits: Limits) -> Floats:
    """Absolute robust z of every period with enough units to judge its spread, smallest first."""
    growth = pl.col("growth")
    off = (growth - growth.median().over("period_id")).abs()
    rows = earlier.filter(pl.len().over("period_id") > limits.growth_peers).with_columns(off=off)
    rows = rows.with_columns(scale=_NORMAL * pl.col("off").median().over("period_id")).filter(pl.col("scale") > 0)
    return rows.select((pl.col("off") / pl.col("scale")).sort())["off"].to_numpy()


def _beyond(z: Floats, org_ids: Sequence[str], history: Floats, limits: Limits) -> list[str]:
    """Units whose own z the largest of the group would hardly reach."""
    levels = [_tail(float(one), np.abs(np.delete(z, place)), history, len(z), limits) for place, one in enumerate(z)]
    return [org_id for org_id, level in zip(org_ids, levels, strict=True) if level <= limits.alpha]


def _tail(z: float, peers: Floats, history: Floats, n: int, limits: Limits) -> float:
    """Chance that the largest of ``n`` deviations reaches ``z``, by the tail of the pool as it stands."""
    pool = np.concatenate([peers, history])
    return float(_maximum_chance(np.array([z]), pool[None, :], n, limits)[0])


def _maximum_chance(z: Floats, pools: Floats, n: int, limits: Limits) -> Floats:
    """The same for many pools (k, size) and deviations (k)."""
    size = pools.shape[1]
    tail = min(max(_TAIL_LEAST, size // _TAIL_SHARE), size - 1)
    largest = np.sort(np.partition(pools, size - tail - 1, axis=1)[:, size - tail - 1 :], axis=1)
    start = np.maximum(largest[:, 0], np.finfo(np.float64).tiny)
    index = np.maximum(np.log(largest[:, 1:] / start[:, None]).mean(axis=1), limits.tail_index_min)
    with np.errstate(over="ignore"):
        chance = tail / size * np.maximum(z / start, 1.0) ** (-1.0 / index)
    result: Floats = -np.expm1(n * np.log1p(-np.minimum(chance, 0.999_999)))
    return result


def _largest_p_value(
    peers: Floats, value: float, history: Floats, limits: Limits, random: np.random.Generator
) -> float:
    """P-value of the largest growth, averaged over bootstrap samples of the peers."""
    n = len(peers) + 1
    center, scale = _spread(peers)
    if scale <= 0:
        return 1.0
    past = history
    if len(past) > _POOL_MOST:
        # Every k-th of them, which are sorted, so that the shape of the pool stays.
        past = past[np.linspace(0, len(past) - 1, _POOL_MOST).round().astype(np.int64)]
    plain = _tail((value - center) / scale, np.abs(peers - center) / scale, past, n, limits)
    if plain > _CLEARLY_HONEST:
        return plain
    chances, drawn = 0.0, 0
    batch = max(1, _CELLS // (len(peers) + len(past)))
    while drawn < limits.draws:
        size = min(batch, limits.draws - drawn)
        sample = peers[random.integers(0, len(peers), (size, len(peers)))]
        centers = np.median(sample, axis=1)
        scales = _NORMAL * np.median(np.abs(sample - centers[:, None]), axis=1)
        usable = scales > 0
        safe = np.where(usable, scales, 1.0)
        pools = np.abs(sample - centers[:, None]) / safe[:, None]
        if len(past):
            pools = np.concatenate([pools, past[random.integers(0, len(past), (size, len(past)))]], axis=1)
        reached = _maximum_chance((value - centers) / safe, pools, n, limits)
        chances += float(np.where(usable, reached, 1.0).sum())
        drawn += size
    return min(1.0, (1 + chances) / (drawn + 1))
