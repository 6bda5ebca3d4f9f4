"""Bonus pools: whole fen, conserved per peer group, by exact water filling (method 2.8, 3.6 F3).

With ``P`` the pool of a group, ``B`` the sum of its bases, ``s`` the reserve share and ``c`` the cap multiple::

    x_i(t) = clip(t * base_i * f_i, floor_i, c * base_i * P / B),   sum_i x_i(t) = (1 - s) * P

``t`` is found at the breakpoints of the piecewise linear sum, in fractions, so there is no error to
bound. Only then is anything rounded: ``floor(x_i)`` and one fen more for the largest remainders, ties by
higher score, then by id. Neither ``(1 - s) P`` nor the caps are rounded before the fill, so all of
``x`` grows in proportion to the pool and a larger pool never lowers anybody by more than the one fen
that largest remainders can move.

The numbers of one group are Python's own integers: the products exceed 128 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any, Literal

import polars as pl

from scoring.exact import POINT, points_decimal, round_half_up
from scoring.tables import join_reasons
from scoring.tables.incentives import BONUS, BONUS_POOL

HIGHEST_POINT = 105
"""Whole points an exchange table reaches to."""


@dataclass(frozen=True)
class PoolRules:
    """How a group's pool is shared.

    ``exchange`` is ``linear`` (``f = I / 100``) or a table: f in millionths of a percent at every whole
    point from 0 to ``HIGHEST_POINT``, straight lines between (see ``logistic_exchange``).
    """

    reserve_share: Fraction = Fraction(2, 100)
    cap_multiple: Fraction = Fraction(3)
    exchange: Literal["linear"] | tuple[int, ...] = "linear"

    def __post_init__(self) -> None:
        """ValueError when a share is impossible or a table falls or is negative somewhere."""
        if not 0 <= self.reserve_share <= 1:
            raise ValueError("the reserve is a share of the pool from 0 to 1")
        if self.cap_multiple < 0:
            raise ValueError("the cap is not negative")
        if self.exchange == "linear":
            return
        table = self.exchange
        if len(table) != HIGHEST_POINT + 1:
            raise ValueError(f"an exchange table has {HIGHEST_POINT + 1} entries, for 0 to {HIGHEST_POINT} points")
        if table[0] < 0 or any(low > high for low, high in pairwise(table)):
            raise ValueError("an exchange table is not negative and never falls")


@dataclass(frozen=True)
class Claim:
    """One unit of a group: base and limits in fen, factor in millionths of a percent (may be a half).

    ``score`` (micropoints) only breaks ties of the last fen.
    """

    org_id: str
    base_fen: int
    score: Fraction
    factor: Fraction
    floor_fen: int
    cap_fen: Fraction


@dataclass(frozen=True)
class Filled:
    """``paid`` in whole fen, in the order of the claims, and the price ``t`` (None when nobody has a weight).

    ``t`` is fen per fen of base at a factor of 100 percent.
    """

    paid: tuple[int, ...]
    price: Fraction | None


@dataclass(frozen=True)
class BonusResults:
    """``units`` and ``pools`` are ``tables.BONUS`` and ``tables.BONUS_POOL`` without period and names."""

    units: pl.DataFrame
    pools: pl.DataFrame


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Shares of a whole amount in proportion to the weights; they add up to it exactly.

    Ties of remainders go to the earlier one, so give the weights in a fixed order.

    Raises:
        ValueError: The amount or a weight is negative, or there is an amount and no weight.
    """
    total = sum(weights)
    if amount < 0 or any(weight < 0 for weight in weights):
        raise ValueError("amounts and weights are not negative")
    if not total:
        if amount:
            raise ValueError("an amount cannot be shared without weights")
        return [0] * len(weights)
    shares, remainders = zip(*(divmod(amount * weight, total) for weight in weights), strict=True)
    first = sorted(range(len(weights)), key=lambda i: -remainders[i])[: amount - sum(shares)]
    extra = set(first)
    return [share + (i in extra) for i, share in enumerate(shares)]


def water_fill(claims: Sequence[Claim], amount: Fraction) -> tuple[list[Fraction], Fraction | None]:
    """``x_i = clip(t base_i f_i, floor_i, cap_i)`` with the smallest ``t`` for which they add up to the amount.

    Args:
        claims: The units of a group.
        amount: Fen to be shared, not negative.

    Returns:
        The exact amounts and ``t``. They add up to less than ``amount`` where all caps bind; ``t`` is
        then where the last cap begins to bind, and None when no unit has a weight.

    Raises:
        ValueError: A floor is above its cap, or the floors add up to more than the amount.
    """
    weights = [claim.base_fen * claim.factor / (100 * POINT) for claim in claims]
    if any(claim.floor_fen > claim.cap_fen for claim in claims):
        raise ValueError("a floor is above its cap")
    total = Fraction(sum(claim.floor_fen for claim in claims))
    if total > amount:
        raise ValueError("the floors add up to more than there is to share")
    price = _price(claims, weights, amount - total)
    at = price or Fraction(0)
    return [
        min(max(at * weight, Fraction(claim.floor_fen)), claim.cap_fen)
        for claim, weight in zip(claims, weights, strict=True)
    ], price


def _price(claims: Sequence[Claim], weights: Sequence[Fraction], rest: Fraction) -> Fraction | None:
    """Walks the breakpoints upward until what the units take above their floors is ``rest``."""
    changes = [
        change
        for claim, weight in zip(claims, weights, strict=True)
        if weight
        for change in ((claim.floor_fen / weight, weight), (claim.cap_fen / weight, -weight))
    ]
    if not changes:
        return None
    here, slope = Fraction(0), Fraction(0)
    for breakpoint_, group in groupby(sorted(changes), key=lambda change: change[0]):
        step = slope * (breakpoint_ - here)
        if step >= rest:
            return here + (rest / slope if slope else 0)
        rest, here = rest - step, breakpoint_
        slope += sum(change for _, change in group)
    return here


def fill(claims: Sequence[Claim], amount: Fraction) -> Filled:
    """Water filling in whole fen: at most ``floor(amount)``, never above a cap (method 2.8).

    Args:
        claims: The units of a group.
        amount: Fen to be shared; may be a fraction of a fen.

    Returns:
        Payments that differ from the exact ``x_i`` by less than a fen. Where units at a fractional cap
        cannot take their last fen, a few fen stay unpaid.

    Raises:
        ValueError: See ``water_fill``.
    """
    exact, price = water_fill(claims, amount)
    paid = [int(x) for x in exact]
    remainder = [x - whole for x, whole in zip(exact, paid, strict=True)]
    open_to_one_more = [i for i, claim in enumerate(claims) if remainder[i] and paid[i] + 1 <= claim.cap_fen]
    open_to_one_more.sort(key=lambda i: (-remainder[i], -claims[i].score, claims[i].org_id))
    for i in open_to_one_more[: int(amount) - sum(paid)]:
        paid[i] += 1
    return Filled(tuple(paid), price)


def group_pools(bases: pl.DataFrame, total_fen: int) -> pl.DataFrame:
    """Splits a total over the peer groups by their sums of base, largest remainder, ties by group id.

    Args:
        bases: peer_group, base_fen; rows of one group are added up.
        total_fen: Appropriation of the period plus the reserve that rolled over.

    Returns:
        peer_group, base_fen, pool_fen; sorted. Scores play no part, so no group subsidises another.

    Raises:
        TypeError: The total is not an int.
        ValueError: The total is negative, or there is a total and no base.
    """
    _check_money(total_fen)
    groups = bases.group_by("peer_group").agg(pl.col("base_fen").sum()).sort("peer_group")
    shares = largest_remainder(total_fen, groups["base_fen"].to_list())
    return groups.with_columns(pool_fen=pl.Series(shares, dtype=pl.Int64()))


def bonus_payments(units: pl.DataFrame, rules: PoolRules, *, total_fen: int, carried_fen: int = 0) -> BonusResults:
    """Pools of all peer groups and what every unit is paid (method 3.6 F3).

    Args:
        units: org_id, peer_group, base_fen and incentive_score (Int64; fen, and micropoints or null),
            bonus_allowed (Boolean, false after a red line) and, where the scheme grants one, floor_fen
            (Int64). Each unit once.
        rules: Reserve, caps and the exchange of score into money.
        total_fen: Appropriation of the period.
        carried_fen: Reserve that was left of the period before.

    Returns:
        ``units``: org_id, peer_group, base_fen, factor, cap_fen, paid_fen, reason_codes, sorted by
        org_id. A unit without a score has the median factor of its group; one without a peer group has
        no payment (null). ``pools``: peer_group, pool_fen, base_fen, reserve_fen, paid_fen,
        unspent_fen, unit_price, sorted; in every group paid and reserve add up to the pool.

    Raises:
        TypeError: Money or scores are not whole numbers.
        ValueError: Money is negative, a unit occurs twice, or see ``group_pools`` and ``water_fill``.
    """
    _check_money(total_fen, carried_fen)
    _check_units(units)
    prepared = units.with_columns(
        floor_fen=pl.col("floor_fen") if _floor_column(units) else pl.lit(0, pl.Int64())
    ).sort("peer_group", "org_id")
    grouped = prepared.filter(pl.col("peer_group").is_not_null())
    pools = group_pools(grouped, total_fen + carried_fen)
    members = grouped.group_by("peer_group", maintain_order=True)
    shared = [
        _shared(rows, rules, pool_fen=pool, group_base=base)
        for (_, rows), (base, pool) in zip(members, pools.select("base_fen", "pool_fen").iter_rows(), strict=True)
    ]
    paid = grouped.with_columns(
        pl.Series(name, [value for group in shared for value in getattr(group, name)], dtype=pl.Int64())
        for name in ("factor", "cap_fen", "paid_fen")
    )
    unpaid = prepared.filter(pl.col("peer_group").is_null()).with_columns(
        pl.lit(None, pl.Int64()).alias(name) for name in ("factor", "cap_fen", "paid_fen")
    )
    return BonusResults(_unit_rows(pl.concat([paid, unpaid])).sort("org_id"), _pool_rows(pools, shared))


@dataclass(frozen=True)
class _Shared:
    """One group's results in the order of its units; ``spendable`` is what could be paid at most."""

    factor: tuple[int | None, ...]
    cap_fen: tuple[int, ...]
    paid_fen: tuple[int, ...]
    spendable: int
    price: Fraction | None


def _pool_rows(pools: pl.DataFrame, shared: Sequence[_Shared]) -> pl.DataFrame:
    return (
        pools.with_columns(
            pl.Series("paid_fen", [sum(group.paid_fen) for group in shared], dtype=pl.Int64()),
            pl.Series("spendable", [group.spendable for group in shared], dtype=pl.Int64()),
            pl.Series(
                "unit_price", [None if group.price is None else str(group.price) for group in shared], dtype=pl.String()
            ),
        )
        .with_columns(
            reserve_fen=pl.col("pool_fen") - pl.col("paid_fen"), unspent_fen=pl.col("spendable") - pl.col("paid_fen")
        )
        .select("peer_group", "pool_fen", "base_fen", "reserve_fen", "paid_fen", "unspent_fen", "unit_price")
    )


def _check_money(*amounts: int) -> None:
    for amount in amounts:
        if not isinstance(amount, int) or isinstance(amount, bool):
            raise TypeError(f"money is a whole number of fen, not {type(amount).__name__}")
        if amount < 0:
            raise ValueError("money is not negative")


def _floor_column(units: pl.DataFrame) -> tuple[str, ...]:
    """The optional column of guaranteed payments, where it is given."""
    return ("floor_fen",) if "floor_fen" in units.columns else ()


def _check_units(units: pl.DataFrame) -> None:
    names = ("base_fen", "incentive_score", *_floor_column(units))
    for column in names:
        if units.schema[column] != pl.Int64():
            raise TypeError(f"{column} must be whole numbers in Int64, not {units.schema[column]}")
    if units["org_id"].is_duplicated().any():
        raise ValueError("a unit occurs twice")
    for column in names:
        required = column != "incentive_score"
        wrong = units.filter((pl.col(column) < 0).fill_null(value=required))["org_id"].sort().to_list()
        if wrong:
            raise ValueError(f"{column} is missing or negative: {', '.join(wrong)}")


def _shared(members: pl.DataFrame, rules: PoolRules, *, pool_fen: int, group_base: int) -> _Shared:
    """Shares the pool of one group."""
    scores: list[int | None] = members["incentive_score"].to_list()
    known_scores = _median_filled(scores)
    factors = _median_filled([None if score is None else _exchanged(score, rules.exchange) for score in scores])
    per_base = rules.cap_multiple * pool_fen / group_base if group_base else Fraction(0)
    claims = [
        Claim(
            org_id,
            base,
            score or Fraction(0),
            factor or Fraction(0),
            floor if allowed else 0,
            per_base * base if allowed else Fraction(0),
        )
        for (org_id, base, floor, allowed), score, factor in zip(
            members.select("org_id", "base_fen", "floor_fen", "bonus_allowed").iter_rows(),
            known_scores,
            factors,
            strict=True,
        )
    ]
    amount = (1 - rules.reserve_share) * pool_fen
    filled = fill(claims, amount)
    return _Shared(
        tuple(None if factor is None else round_half_up(factor) for factor in factors),
        tuple(int(claim.cap_fen) for claim in claims),
        filled.paid,
        int(amount),
        filled.price,
    )


def _median_filled(values: Sequence[int | None]) -> list[Fraction | None]:
    """The values with the median of the known ones where there is none; all None when none is known.

    The median of an even number is the mean of the two middle ones, kept exact: rounding it could let a
    unit's own higher score lower its share.
    """
    known = sorted(value for value in values if value is not None)
    if not known:
        return [None] * len(values)
    median = Fraction(known[(len(known) - 1) // 2] + known[len(known) // 2], 2)
    return [median if value is None else Fraction(value) for value in values]


def _exchanged(score: int, exchange: Literal["linear"] | tuple[int, ...]) -> int:
    if exchange == "linear":
        return score
    point, rest = divmod(score, POINT)
    if point >= HIGHEST_POINT:
        return exchange[HIGHEST_POINT]
    return round_half_up(exchange[point] + Fraction((exchange[point + 1] - exchange[point]) * rest, POINT))


def _unit_rows(members: pl.DataFrame) -> pl.DataFrame:
    scored, allowed = pl.col("incentive_score").is_not_null(), pl.col("bonus_allowed")
    reasons = {
        "NO_PEER_GROUP": pl.col("peer_group").is_null(),
        "MEDIAN_FACTOR": ~scored & pl.col("factor").is_not_null(),
        "NO_MEDIAN": ~scored & pl.col("factor").is_null() & pl.col("peer_group").is_not_null(),
        "CAP_BINDS": allowed & (pl.col("paid_fen") == pl.col("cap_fen")) & (pl.col("cap_fen") > 0),
        "NO_BONUS_RED_LINE": ~allowed,
    }
    return members.select(
        "org_id",
        "peer_group",
        "base_fen",
        points_decimal("factor"),
        "cap_fen",
        "paid_fen",
        join_reasons(reasons),
    )


def bonus_rows(
    results: BonusResults, organisations: pl.DataFrame, *, period_id: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Payments and pools as the published tables.

    Args:
        results: Of ``bonus_payments`` or ``appeal_payments``.
        organisations: org_id, org_name.
        period_id: Period of the payments.

    Returns:
        ``tables.incentives.BONUS`` and ``tables.incentives.BONUS_POOL``.
    """
    period = pl.lit(period_id)
    names = organisations.select("org_id", "org_name")
    return (
        BONUS.conform(results.units.join(names, on="org_id", how="left").with_columns(period_id=period)),
        BONUS_POOL.conform(results.pools.with_columns(period_id=period)),
    )


def carried_reserve(pools: pl.DataFrame) -> int:
    """Fen that roll into the next pool: the reserve of all groups that no appeal has used."""
    return int(pools["reserve_fen"].sum())


def logistic_exchange(*, midpoint: int = 50, steepness: Fraction = Fraction(1, 10)) -> tuple[int, ...]:
    """The table of ``f = 100 / (1 + exp(-steepness (I - midpoint)))`` percent, to be stored with a scheme.

    Evaluated to 40 digits, so that every machine has the same table.

    Returns:
        Millionths of a percent at 0, 1, ... ``HIGHEST_POINT`` points.
    """
    with localcontext() as context:
        context.prec = 40
        rate = Decimal(steepness.numerator) / steepness.denominator
        values = [100 * POINT / (1 + (-rate * (point - midpoint)).exp()) for point in range(HIGHEST_POINT + 1)]
        return tuple(int((value + Decimal("0.5")).to_integral_value("ROUND_FLOOR")) for value in values)


def appeal_payments(
    units: pl.DataFrame, pools: pl.DataFrame, corrected: pl.DataFrame, rules: PoolRules
) -> BonusResults:
    """What upheld appeals pay on top, from the reserve of the group (method 3.7 G2).

    The price, the pools and everybody else's payment stay as published. An appellant has
    ``clip(t base f, floor, cap)`` at the published price with the corrected score, rounded half up to the
    fen; the part above its published payment comes out of the reserve, and a lower result takes
    nothing back. Where the reserve of a group is too small, its extra payments share it by largest
    remainder.

    Args:
        units: ``BonusResults.units`` as published.
        pools: ``BonusResults.pools`` as published.
        corrected: org_id, base_fen, incentive_score (Int64, not null), bonus_allowed (Boolean) and, where
            the scheme grants one, floor_fen of the appellants.
        rules: The rules the pools were shared by.

    Returns:
        Both tables, in the order given, with only the appellants' rows and their groups' paid_fen,
        reserve_fen and unspent_fen changed.

    Raises:
        TypeError: Money or scores are not whole numbers.
        ValueError: An appellant is not among the published units, has no pool or no score, or occurs twice.
    """
    _check_units(corrected)
    claims = _appeal_claims(units, pools, corrected, rules)
    spent = claims.group_by("peer_group").agg(extra=pl.col("extra").sum())
    reserve = pl.col("reserve_fen") - pl.col("extra")
    new_pools = (
        pools.join(spent, on="peer_group", how="left", maintain_order="left")
        .with_columns(pl.col("extra").fill_null(0))
        .with_columns(
            paid_fen=pl.col("paid_fen") + pl.col("extra"),
            reserve_fen=reserve,
            unspent_fen=pl.min_horizontal("unspent_fen", reserve),
        )
        .select(pools.columns)
    )
    changed = _unit_rows(claims).with_columns(
        reason_codes=pl.when(claims["extra"] < claims["wanted"])
        .then(pl.concat_str(pl.col("reason_codes"), pl.lit("RESERVE_EXHAUSTED"), separator=";", ignore_nulls=True))
        .otherwise("reason_codes")
    )
    return BonusResults(units.update(changed, on="org_id", include_nulls=True), new_pools)


def _appeal_claims(units: pl.DataFrame, pools: pl.DataFrame, corrected: pl.DataFrame, rules: PoolRules) -> pl.DataFrame:
    """The appellants with new factor, cap and payment, the extra they want and the extra they get."""
    given = ["org_id", "base_fen", "incentive_score", "bonus_allowed", *_floor_column(corrected)]
    joined = (
        corrected.select(given)
        .join(units.select("org_id", "peer_group", "paid_fen"), on="org_id", how="left")
        .join(
            pools.select("peer_group", "pool_fen", "reserve_fen", "unit_price", group_base="base_fen"),
            on="peer_group",
            how="left",
        )
        .sort("peer_group", "org_id")
    )
    wrong = joined.filter(pl.col("pool_fen").is_null() | pl.col("incentive_score").is_null())["org_id"].sort()
    if len(wrong):
        raise ValueError(f"appellants without a published payment or a corrected score: {', '.join(wrong)}")
    rows = [_appeal_claim(row, rules) for row in joined.iter_rows(named=True)]
    claims = joined.with_columns(
        pl.Series("factor", [factor for factor, _, _ in rows], dtype=pl.Int64()),
        pl.Series("cap_fen", [cap for _, cap, _ in rows], dtype=pl.Int64()),
        pl.Series("wanted", [wanted for _, _, wanted in rows], dtype=pl.Int64()),
    )
    granted = [
        extra
        for (_,), group in claims.group_by("peer_group", maintain_order=True)
        for extra in _from_reserve(group["wanted"].to_list(), int(group["reserve_fen"][0]))
    ]
    extra = pl.Series("extra", granted, dtype=pl.Int64())
    return claims.with_columns(extra).with_columns(paid_fen=pl.col("paid_fen") + pl.col("extra"))


def _appeal_claim(row: dict[str, Any], rules: PoolRules) -> tuple[int, int, int]:
    """Factor, cap and the fen wanted above what was paid."""
    factor = _exchanged(row["incentive_score"], rules.exchange)
    if not row["bonus_allowed"]:
        return factor, 0, 0
    base, group_base = row["base_fen"], row["group_base"]
    cap = rules.cap_multiple * base * row["pool_fen"] / group_base if group_base else Fraction(0)
    if row["unit_price"] is None:
        # Nobody had a score: alone with one, the appellant would have filled up to its cap.
        due = cap if factor and base else Fraction(0)
    else:
        due = min(max(Fraction(row["unit_price"]) * base * factor / (100 * POINT), row.get("floor_fen") or 0), cap)
    return factor, int(cap), max(0, min(round_half_up(Fraction(due)), int(cap)) - row["paid_fen"])


def _from_reserve(wanted: list[int], reserve: int) -> list[int]:
    return wanted if sum(wanted) <= reserve else largest_remainder(reserve, wanted)
