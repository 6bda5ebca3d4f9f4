"""From scores to tiers and fen, slowly, in plain Python fractions (method 2.8, 3.6).

Shares no code with ``scoring``. The price of the water-filling is found by trying every interval
between two breakpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor

from tests.support.random_program import LISTED_ADDERS, MILLION, Policy, Unit


def incentive_score(differentiated: int | None, unit: Unit, policy: Policy) -> int | None:
    """Differentiated score plus capped adders (F1)."""
    if differentiated is None:
        return None
    added = sum(min(points, LISTED_ADDERS[adder]) for adder, points in unit.adders)
    return min(policy.score_cap, differentiated + min(policy.max_adder, added))


def rank(score: int | None, scores: Sequence[int | None]) -> int | None:
    """One more than the number of members with a higher score."""
    if score is None:
        return None
    return 1 + sum(1 for other in scores if other is not None and other > score)


def in_quota(score: int, scores: Sequence[int | None], quota: Fraction) -> bool:
    """Whether a score holds one of the places of tier A: tied units together or not at all (F2).

    Only units with a score fill places, and only they are counted for their number.
    """
    places = floor(quota * sum(1 for other in scores if other is not None))
    higher = sum(1 for other in scores if other is not None and other > score)
    tied = sum(1 for other in scores if other == score)
    if higher >= places:
        return False
    return higher + tied - places <= 1


def tier(unit: Unit, score: int | None, scores: Sequence[int | None], policy: Policy, *, satisfied: bool) -> str | None:
    """Tier by cut-offs and quota, capped without satisfaction at B and by a red line at C (F2, F4)."""
    if score is None:
        return None
    best, good, enough = policy.cut_offs
    certain = unit.p_within_quota is None or Fraction(unit.p_within_quota) >= policy.min_probability
    if score >= best and certain and in_quota(score, scores, policy.quota):
        earned = "A"
    else:
        earned = "B" if score >= good else "C" if score >= enough else "D"
    if not satisfied:
        earned = max(earned, "B")
    return max(earned, "C") if unit.red_line else earned


@dataclass(frozen=True)
class PoolResult:
    """Money of one group in fen; ``price`` is fen per fen of base at 100 percent, None without any weight."""

    pool_fen: int
    reserve_fen: int
    price: Fraction | None
    paid: Mapping[str, int]


def group_pools(units: Sequence[Unit], total: int) -> dict[str, int]:
    """The total and what was carried over, split by base over the groups, ties of remainders by id (F3)."""
    bases = dict.fromkeys(sorted({unit.peer_group for unit in units}), 0)
    for unit in units:
        bases[unit.peer_group] += unit.base_fen
    everything = sum(bases.values())
    shares = {group: Fraction(total * base, everything) if everything else Fraction(0) for group, base in bases.items()}
    pools = {group: floor(share) for group, share in shares.items()}
    for _ in range(total - sum(pools.values()) if everything else 0):
        furthest = min(pools, key=lambda group: (pools[group] - shares[group], group))
        pools[furthest] += 1
    return pools


def exchanged(score: int, policy: Policy) -> int:
    """What a score counts for in millionths of a percent, rounded once half up (2.8)."""
    if policy.exchange is None:
        return score
    point = min(score // MILLION, 104)
    low, high = policy.exchange[point], policy.exchange[point + 1]
    return floor(low + (high - low) * Fraction(score - point * MILLION, MILLION) + Fraction(1, 2))


def middle(numbers: Sequence[int]) -> Fraction:
    """The median, of an even number the mean of the two middle ones."""
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return Fraction(ordered[half]) if len(ordered) % 2 else Fraction(ordered[half - 1] + ordered[half], 2)


def standing_of(members: Sequence[Unit], scores: Mapping[str, int | None]) -> dict[str, Fraction]:
    """The score that decides who gets the last fen; a unit without one stands at the median (2.8)."""
    own = {unit.org_id: scores[unit.org_id] for unit in members}
    median = middle([score for score in own.values() if score is not None] or [0])
    return {name: median if score is None else Fraction(score) for name, score in own.items()}


def factors(members: Sequence[Unit], scores: Mapping[str, int | None], policy: Policy) -> dict[str, Fraction]:
    """What every unit's score counts for, or the median of the group where it has no score (F3)."""
    own = {unit.org_id: scores[unit.org_id] for unit in members}
    median = middle([exchanged(score, policy) for score in own.values() if score is not None] or [0])
    return {name: median if score is None else Fraction(exchanged(score, policy)) for name, score in own.items()}


def price_of(weights: Mapping[str, Fraction], caps: Mapping[str, Fraction], amount: Fraction) -> Fraction | None:
    """The least t for which ``sum min(t w, cap)`` is the amount, or where the last cap binds (2.8)."""
    reached = sorted({Fraction(0), *(caps[name] / weight for name, weight in weights.items() if weight)})
    if not any(weights.values()):
        return None
    for low, high in pairwise(reached):
        full = sum(caps[name] for name, weight in weights.items() if weight and caps[name] / weight <= low)
        free = sum(weight for name, weight in weights.items() if weight and caps[name] / weight > low)
        solution = (amount - full) / free
        if low <= solution <= high:
            return solution
    return reached[-1]


def pay_group(members: Sequence[Unit], scores: Mapping[str, int | None], pool_fen: int, policy: Policy) -> PoolResult:
    """Payments of one group: water filling below caps, then whole fen by largest remainder (2.8, F3, F4)."""
    base = sum(unit.base_fen for unit in members)
    worth = factors(members, scores, policy)
    weights = {unit.org_id: unit.base_fen * worth[unit.org_id] / 10**8 for unit in members}
    caps = {
        unit.org_id: Fraction(0) if unit.red_line or not base else policy.cap_multiple * pool_fen * unit.base_fen / base
        for unit in members
    }
    amount = (1 - policy.reserve_share) * pool_fen
    price = price_of(weights, caps, amount)
    exact = {name: min(caps[name], weight * (price or 0)) for name, weight in weights.items()}
    paid = {name: floor(x) for name, x in exact.items()}
    places = standing_of(members, scores)
    queue = sorted(exact, key=lambda name: (paid[name] - exact[name], -places[name], name))
    open_to_more = [name for name in queue if paid[name] < exact[name] and paid[name] + 1 <= caps[name]]
    for name in open_to_more[: floor(amount) - sum(paid.values())]:
        paid[name] += 1
    return PoolResult(pool_fen, pool_fen - sum(paid.values()), price, paid)
