"""Anchors of the peer groups, computed once from a baseline period and then stored (method 3.3 C2).

Scoring never calls this: it reads the stored rows. Published standards cannot be recomputed from a
later file, because units enter, leave and correct their values; so the anchors are dated and hashed,
and ``verified_anchors`` refuses rows that are not the ones that were stored.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from scoring.anchored_points import ANCHORS, with_cases
from scoring.exact import points_decimal, round_half_up
from scoring.sums import raw_units

ANCHOR_SCHEMA: Mapping[str, pl.DataType] = {
    "indicator_id": pl.String(),
    "peer_group": pl.String(),
    "minimum": pl.Decimal(18, 6),
    "floor": pl.Decimal(18, 6),
    "achievement_threshold": pl.Decimal(18, 6),
    "benchmark": pl.Decimal(18, 6),
    "source_group": pl.String(),
    "n_units": pl.Int64(),
    "n_removed": pl.Int64(),
    "small_group": pl.Boolean(),
    "movement_limited": pl.Boolean(),
    "report_only": pl.Boolean(),
    "baseline_period": pl.String(),
    "decided_on": pl.Date(),
    "anchors_sha256": pl.String(),
}
"""Columns of stored anchors, one row per indicator and peer group."""

_KEY = ("indicator_id", "peer_group")
_FLOOR_SHARE = Fraction(1, 20)
_OUTER_FENCE = 3


@dataclass(frozen=True)
class AnchorRules:
    """What the anchors of a group need and how fast they may move.

    A group with a value of fewer than ``min_members`` units takes its parent's anchors. Threshold and
    benchmark of an established indicator move at most ``max_movement`` of its scale in a year; the scale
    runs from the indicator's smallest to its largest possible value or, where one is not declared, over
    the values the anchors are taken from (after 42 CFR 422.166).
    """

    min_members: int = 10
    max_movement: Fraction = Fraction(5, 100)


def percentile(ordered: Sequence[int], share: Fraction) -> Fraction:
    """Linear interpolation between order statistics at ``1 + (n - 1) share`` (Hyndman and Fan, type 7).

    Args:
        ordered: At least one whole number, ascending.
        share: From 0 to 1.
    """
    position = (len(ordered) - 1) * share
    below = position.numerator // position.denominator
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def within_outer_fences(ordered: Sequence[int]) -> Sequence[int]:
    """The values from ``Q1 - 3 (Q3 - Q1)`` to ``Q3 + 3 (Q3 - Q1)`` (Tukey), quartiles by ``percentile``."""
    low, high = percentile(ordered, Fraction(1, 4)), percentile(ordered, Fraction(3, 4))
    reach = _OUTER_FENCE * (high - low)
    return ordered[bisect_left(ordered, low - reach) : bisect_right(ordered, high + reach)]


def group_anchors(
    baseline_facts: pl.DataFrame,
    indicators: pl.DataFrame,
    organisations: pl.DataFrame,
    *,
    baseline_period: str,
    decided_on: dt.date,
    parents: Mapping[str, str] | None = None,
    previous: pl.DataFrame | None = None,
    rules: AnchorRules | None = None,
) -> pl.DataFrame:
    """Anchors of every indicator and peer group from the values of a baseline period.

    Over the values inside Tukey's outer fences, worst first (signs turned where lower is better):
    minimum = the worst possible value of the indicator or, where none is declared, the worst value;
    floor = the statutory floor or, where there is none, the 5th percentile; threshold = median;
    benchmark = mean of the best tenth (``ceil(n / 10)`` units). Each is rounded once to a millionth.
    Threshold and benchmark of an indicator with earlier anchors stay within ``rules.max_movement`` of
    them; an indicator without any is ``report_only``.

    Args:
        baseline_facts: indicator_id, org_id, value Decimal(18,6), and optionally denominator.
        indicators: indicator_id, direction, and optionally min, max and statutory_floor (Decimal(18,6))
            and min_cases.
        organisations: org_id, peer_group in the period the anchors are for.
        baseline_period: Period of the facts.
        decided_on: Day the anchors were fixed.
        parents: Peer group to its parent group, which holds the units of all its children.
        previous: Anchors stored a year before; None when nothing was ever stored.
        rules: See ``AnchorRules``.

    Returns:
        A frame of ``ANCHOR_SCHEMA``, sorted. ``small_group`` marks a group for which no ancestor has
        enough members; its anchors are those of the last ancestor. Groups without any value have no row.

    Raises:
        ValueError: Parents form a circle, or a fact names an indicator that is not in ``indicators``.
    """
    rules = rules or AnchorRules()
    before = _previous(previous)
    known = {indicator for indicator, _ in before}
    about = {str(row["indicator_id"]): row for row in _indicator_rows(indicators)}
    groups = sorted(organisations["peer_group"].drop_nulls().unique().to_list())
    chains = {group: _chain(group, parents or {}) for group in groups}
    rows = []
    for indicator, by_group in sorted(_values(baseline_facts, indicators, about, organisations, chains).items()):
        for group in groups:
            source, small = _source(chains[group], by_group, rules.min_members)
            if source is None:
                continue
            row = _row(by_group[source], about[indicator], before.get((indicator, group)), rules)
            place = {"indicator_id": indicator, "peer_group": group, "source_group": source, "small_group": small}
            rows.append({**row, **place, "report_only": indicator not in known})
    dated = {"baseline_period": baseline_period, "decided_on": decided_on, "anchors_sha256": None}
    return _stored([{**row, **dated} for row in rows])


def anchors_sha256(anchors: pl.DataFrame) -> str:
    """SHA-256 over every column of ``ANCHOR_SCHEMA`` but the hash itself, rows sorted by indicator and group."""
    columns = [name for name in ANCHOR_SCHEMA if name != "anchors_sha256"]
    canonical = anchors.select(pl.col(name).cast(ANCHOR_SCHEMA[name]) for name in columns).sort(_KEY)
    return hashlib.sha256(canonical.write_csv(null_value="\\N").encode()).hexdigest()


def verified_anchors(anchors: pl.DataFrame) -> pl.DataFrame:
    """The stored anchors, sorted.

    Raises:
        ValueError: They are not the rows the hash was taken from.
    """
    stated = anchors["anchors_sha256"].unique().to_list()
    if anchors.height and stated != [anchors_sha256(anchors)]:
        raise ValueError("the anchors are not the ones that were stored: their SHA-256 differs")
    return anchors.sort(_KEY)


def _chain(group: str, parents: Mapping[str, str]) -> list[str]:
    chain = [group]
    while chain[-1] in parents:
        parent = parents[chain[-1]]
        if parent in chain:
            raise ValueError(f"the parents of peer group {group} form a circle")
        chain.append(parent)
    return chain


def _indicator_rows(indicators: pl.DataFrame) -> list[dict[str, object]]:
    """Per indicator: sign (-1 where lower is better), worst and best possible value and statutory floor, oriented."""
    optional = [name for name in ("min", "max", "statutory_floor") if name not in indicators.columns]
    whole = indicators.with_columns(pl.lit(None, pl.Decimal(18, 6)).alias(name) for name in optional).select(
        "indicator_id",
        sign=pl.when(pl.col("direction") == "lower_better").then(-1).otherwise(1),
        low=raw_units("min"),
        high=raw_units("max"),
        statutory=raw_units("statutory_floor"),
    )
    lower = pl.col("sign") < 0
    return whole.select(
        "indicator_id",
        "sign",
        worst=pl.when(lower).then(-pl.col("high")).otherwise("low"),
        best=pl.when(lower).then(-pl.col("low")).otherwise("high"),
        statutory=pl.col("sign") * pl.col("statutory"),
    ).to_dicts()


def _values(
    facts: pl.DataFrame,
    indicators: pl.DataFrame,
    about: Mapping[str, dict[str, object]],
    organisations: pl.DataFrame,
    chains: Mapping[str, list[str]],
) -> dict[str, dict[str, list[int]]]:
    """Indicator to group to its oriented values, ascending; a group holds the units of all its children."""
    unknown = sorted(set(facts["indicator_id"].to_list()) - set(about))
    if unknown:
        raise ValueError(f"facts name indicators without a direction: {', '.join(unknown)}")
    usable = (
        with_cases(facts.drop_nulls("value"), indicators)
        .join(organisations.select("org_id", "peer_group").drop_nulls(), on="org_id")
        .select("indicator_id", "peer_group", value=raw_units("value"))
    )
    values: dict[str, dict[str, list[int]]] = {}
    for (indicator, group), part in usable.partition_by("indicator_id", "peer_group", as_dict=True).items():
        sign = _whole(about[str(indicator)]["sign"]) or 1
        for member in chains[str(group)]:
            found = values.setdefault(str(indicator), {}).setdefault(member, [])
            found.extend(sign * value for value in part["value"])
    return {
        indicator: {group: sorted(members) for group, members in by_group.items()}
        for indicator, by_group in values.items()
    }


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _source(chain: Sequence[str], by_group: Mapping[str, list[int]], least: int) -> tuple[str | None, bool]:
    """The first group of the chain with enough values, else the last that has any (marked small)."""
    with_values = [group for group in chain if by_group.get(group)]
    for group in with_values:
        if len(by_group[group]) >= least:
            return group, False
    return (with_values[-1], True) if with_values else (None, True)


def _row(
    values: list[int], about: Mapping[str, object], before: tuple[int, int] | None, rules: AnchorRules
) -> dict[str, object]:
    """The anchors of one group in the indicator's own sign, and how they came about."""
    kept = within_outer_fences(values)
    best = kept[len(kept) - -(-len(kept) // 10) :]
    worst, statutory, sign = _whole(about["worst"]), _whole(about["statutory"]), _whole(about["sign"]) or 1
    floor = statutory if statutory is not None else round_half_up(percentile(kept, _FLOOR_SHARE))
    free = (round_half_up(percentile(kept, Fraction(1, 2))), round_half_up(Fraction(sum(best), len(best))))
    moved = free if before is None else _limited(free, before, sign, _reach(kept, about, rules))
    found = (kept[0] if worst is None else worst, floor, *moved)
    return {
        **{name: sign * value for name, value in zip(ANCHORS, found, strict=True)},
        "n_units": len(values),
        "n_removed": len(values) - len(kept),
        "movement_limited": moved != free,
    }


def _reach(kept: Sequence[int], about: Mapping[str, object], rules: AnchorRules) -> int:
    """How far threshold and benchmark may move, in millionths of the unit."""
    worst, best = _whole(about["worst"]), _whole(about["best"])
    width = kept[-1] - kept[0] if worst is None or best is None else best - worst
    return round_half_up(rules.max_movement * width)


def _limited(free: tuple[int, int], before: tuple[int, int], sign: int, reach: int) -> tuple[int, int]:
    threshold, benchmark = (
        min(max(new, sign * old - reach), sign * old + reach) for new, old in zip(free, before, strict=True)
    )
    return threshold, benchmark


def _previous(anchors: pl.DataFrame | None) -> dict[tuple[str, str], tuple[int, int]]:
    """Indicator and group to the earlier threshold and benchmark, in the indicator's own sign."""
    if anchors is None:
        return {}
    rows = verified_anchors(anchors).select(*_KEY, raw_units("achievement_threshold"), raw_units("benchmark"))
    return {(indicator, group): (threshold, benchmark) for indicator, group, threshold, benchmark in rows.iter_rows()}


def _stored(rows: list[dict[str, object]]) -> pl.DataFrame:
    whole = {name: pl.Int64() if name in ANCHORS else dtype for name, dtype in ANCHOR_SCHEMA.items()}
    anchors = pl.DataFrame(rows, schema=whole).with_columns(points_decimal(name) for name in ANCHORS).sort(_KEY)
    return anchors.with_columns(anchors_sha256=pl.lit(anchors_sha256(anchors)))
