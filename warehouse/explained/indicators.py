"""An indicator in an explanation: its anchors, what was counted, and the points it earned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from warehouse.explained.node import contributions, node, plain, used_weights

ANCHORS = ("minimum", "floor", "achievement_threshold", "benchmark")
_COUNTED = ("value", "numerator", "denominator", "baseline_value", "baseline_period")


def weighed(
    made: Mapping[str, Any], value: Decimal | None, weight: Fraction, used: Fraction | None, part: Decimal | None,
    effective: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A node with its place among its siblings."""
    return {
        **made, "value": plain(value), "weight": plain(weight), "used_weight": plain(used),
        "effective_weight": effective, "contribution": plain(part),
    }  # fmt: skip


def indicator_nodes(
    rows: Iterable[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]], mean: Decimal | None, decimals: int = 6
) -> list[dict[str, Any]]:
    """The indicators a weighted mean is made of.

    Args:
        rows: Each row of ``unit_indicator`` or ``department_indicator`` with the adjustments that changed it.
        mean: The weighted mean, with ``decimals`` decimal places; the contributions add up to it exactly.
        decimals: Decimal places of the contributions.
    """
    found = list(rows)
    given = [(row["score100"], Fraction(row["weight"] or 0)) for row, _ in found]
    return [
        weighed(_indicator(row, adjustments), value, weight, used, part)
        for (row, adjustments), (value, weight), used, part in zip(
            found, given, used_weights(given), contributions(mean, given, decimals), strict=True
        )
    ]


def _indicator(row: Mapping[str, Any], adjustments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return node(
        "indicator",
        row["score100"],
        subject=row["indicator_id"],
        rule={"name": "better_of", **{name: plain(row[name]) for name in ANCHORS}},
        figures={name: row[name] for name in _COUNTED},
        reasons=row["reason_codes"],
        adjustments=adjustments,
        parts=[node(name, row[name]) for name in ("level", "improvement")],
    )
