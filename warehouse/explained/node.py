"""One figure of an explanation, and how the figures below it make it up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from scoring.bonus_pool import largest_remainder
from scoring.tables import REASONS

NUMBERS = (int, float, Decimal)


def node(
    name: str,
    value: Decimal | float | int | None,
    *,
    subject: str | None = None,
    unit: str = "points",
    weight: Fraction | None = None,
    used_weight: Fraction | None = None,
    effective_weight: float | None = None,
    contribution: Decimal | None = None,
    rule: Mapping[str, Any] | None = None,
    figures: Mapping[str, Any] | None = None,
    reasons: str | None = None,
    adjustments: Sequence[Mapping[str, Any]] = (),
    parts: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A figure as JSON-able data.

    Args:
        name: What it is: a key of ``explain.node.<name>`` in the words of the command line.
        value: The figure; None when missing, which the reasons explain.
        subject: Of several of one name, which one (an indicator, an item).
        unit: ``points``, ``fen``, or the unit of a fact.
        weight: Nominal weight of the scheme among its siblings.
        used_weight: The weight after reweighting for missing siblings.
        effective_weight: Share of the variance it really carries in the peer group.
        contribution: Its part of the figure above; contributions of siblings add up to that exactly.
        rule: ``name`` of the rule that made it of its parts, and the numbers the rule used.
        figures: What else was counted or measured.
        reasons: Reason codes joined by semicolons.
        adjustments: Adjustments that changed it.
        parts: The figures it is made of.
    """
    return {
        "name": name,
        "subject": subject,
        "value": plain(value),
        "unit": unit,
        "weight": plain(weight),
        "used_weight": plain(used_weight),
        "effective_weight": plain(effective_weight),
        "contribution": plain(contribution),
        "rule": dict(rule) if rule else None,
        "figures": {key: plain(each) for key, each in (figures or {}).items()},
        "reasons": told_reasons(reasons),
        "adjustments": [dict(each) for each in adjustments],
        "parts": [dict(part) for part in parts],
    }


def plain(value: Any) -> Any:
    """A number JSON can hold: decimals and fractions as the nearest float, everything else as it is."""
    if isinstance(value, Fraction):
        return round(float(value), 6)
    return float(value) if isinstance(value, Decimal) else value


def told_reasons(codes: str | None) -> list[dict[str, str]]:
    """Reason codes with their sentences in both languages."""
    known = [REASONS[code] for code in (codes or "").split(";") if code]
    return [{"code": each.code, "zh": each.zh, "en": each.en} for each in known]


def contributions(
    total: Decimal | None, parts: Iterable[tuple[Decimal | None, Fraction]], decimals: int = 6
) -> list[Decimal | None]:
    """What each part of a weighted mean contributes: exact decimals that add up to the mean.

    A part that is missing contributes nothing and has None. The mean was rounded once, so the shares
    are the whole millionths of ``w x / sum w`` and what is left goes to the largest remainders.

    Args:
        total: The weighted mean, with ``decimals`` decimal places.
        parts: Value and weight of every part.
        decimals: Decimal places of the contributions.
    """
    given = list(parts)
    observed = [(value, weight) for value, weight in given if value is not None and weight > 0]
    if total is None or not observed:
        return [None for _ in given]
    scale = 10**12
    weighed = [int(Fraction(value) * weight * scale) for value, weight in observed]
    whole = int(total.scaleb(decimals))
    shares = largest_remainder(whole, weighed) if sum(weighed) > 0 else [0] * len(weighed)
    left = iter(shares)
    return [
        Decimal(next(left)).scaleb(-decimals) if value is not None and weight > 0 else None for value, weight in given
    ]


def used_weights(parts: Iterable[tuple[Decimal | None, Fraction]]) -> list[Fraction | None]:
    """Weights of the parts that are there, divided by their sum; None for the missing."""
    given = list(parts)
    total = sum((weight for value, weight in given if value is not None), Fraction(0))
    return [weight / total if value is not None and total > 0 else None for value, weight in given]
