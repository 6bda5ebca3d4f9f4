"""Bonus pools against a search over all intervals, and what must hold of every pool."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.bonus_pool import (
    BonusResults,
    Claim,
    PoolRules,
    appeal_payments,
    bonus_payments,
    bonus_rows,
    carried_reserve,
    fill,
    group_pools,
    largest_remainder,
    logistic_exchange,
    water_fill,
)
from scoring.exact import POINT

Row = tuple[str, int, int | None, bool]


def frame(rows: list[Row]) -> pl.DataFrame:
    """Rows of peer_group, base_fen, incentive_score, bonus_allowed; numbered in order."""
    return pl.DataFrame(
        [(f"V{number:03d}", *row) for number, row in enumerate(rows)],
        schema={
            "org_id": pl.String,
            "peer_group": pl.String,
            "base_fen": pl.Int64,
            "incentive_score": pl.Int64,
            "bonus_allowed": pl.Boolean,
        },
        orient="row",
    )


def paid(results: BonusResults) -> list[int]:
    return results.units["paid_fen"].to_list()


score = st.one_of(
    st.none(), st.integers(0, 105 * POINT), st.sampled_from([0, 60, 75, 100]).map(lambda points: points * POINT)
)
base = st.one_of(st.sampled_from([0, 300_000]), st.integers(1, 10**6))
row = st.tuples(st.sampled_from(["甲", "乙", "丙"]), base, score, st.sampled_from([True, True, True, False]))
rows_with_base = st.lists(row, min_size=1, max_size=10).filter(lambda rows: any(each[1] for each in rows))
total = st.one_of(st.integers(0, 60), st.integers(0, 10**9))
rules = st.builds(
    PoolRules,
    reserve_share=st.sampled_from([Fraction(0), Fraction(2, 100), Fraction(1, 3)]),
    cap_multiple=st.sampled_from([Fraction(3), Fraction(5, 4), Fraction(1), Fraction(0)]),
    exchange=st.sampled_from(["linear", logistic_exchange()]),
)

LINEAR = PoolRules()


def filled_by_search(claims: list[Claim], amount: Fraction) -> list[Fraction]:
    """Tries every interval between two breakpoints and solves it by a straight line."""
    weights = [Fraction(claim.base_fen) * claim.factor for claim in claims]

    def at(price: Fraction) -> list[Fraction]:
        return [
            sorted((Fraction(claim.floor_fen), price * weight, Fraction(claim.cap_fen)))[1]
            for claim, weight in zip(claims, weights, strict=True)
        ]

    points = {Fraction(0)}
    for claim, weight in zip(claims, weights, strict=True):
        if weight:
            points |= {claim.floor_fen / weight, claim.cap_fen / weight}
    ordered = sorted(points)
    if sum(at(ordered[-1])) <= amount:
        return at(ordered[-1])
    for low, high in pairwise(ordered):
        lower, upper = sum(at(low)), sum(at(high))
        if lower <= amount <= upper:
            share = Fraction(0) if upper == lower else (amount - lower) / (upper - lower)
            return at(low + share * (high - low))
    raise AssertionError("no interval holds the amount")


@st.composite
def claims_and_amount(draw: st.DrawFn) -> tuple[list[Claim], Fraction]:
    claims = []
    for number in range(draw(st.integers(1, 7))):
        points = draw(st.sampled_from([0, 1, 2, 60, 75, 100])) * POINT
        floor = draw(st.sampled_from([0, 0, 0, 5, 40]))
        cap = floor + draw(st.fractions(0, 300, max_denominator=7))
        claims.append(
            Claim(f"V{number}", draw(st.integers(0, 90)), Fraction(points), Fraction(points), floor, Fraction(cap))
        )
    return claims, sum(claim.floor_fen for claim in claims) + draw(st.fractions(0, 900, max_denominator=9))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(case=claims_and_amount())
def test_water_filling_equals_a_search_over_all_intervals(case: tuple[list[Claim], Fraction]) -> None:
    claims, amount = case
    exact, _ = water_fill(claims, amount)
    assert exact == filled_by_search(claims, amount)
    whole = fill(claims, amount).paid
    assert sum(whole) <= amount
    for claim, x, fen in zip(claims, exact, whole, strict=True):
        assert fen in {math.floor(x), math.ceil(x)}
        assert fen <= claim.cap_fen


def test_a_pool_worked_out_by_hand() -> None:
    # Pool 1,000, reserve 2 %: 980 to pay. Bases 10, 10, 10, 70; factors 100, 50, none, 20: median 50.
    # Weights 10, 5, 5, 14. Caps 3 x 1,000 / 100 x base = 300, 300, 300, 2,100.
    # Without caps t = 980 / 34 = 28.82: 288.2, 144.1, 144.1, 403.5; floors 979, one fen to the largest remainder.
    rows: list[Row] = [
        ("甲", 10, 100 * POINT, True),
        ("甲", 10, 50 * POINT, True),
        ("甲", 10, None, True),
        ("甲", 70, 20 * POINT, True),
    ]
    result = bonus_payments(frame(rows), LINEAR, total_fen=1_000)
    assert paid(result) == [288, 144, 144, 404]
    assert result.units["reason_codes"].to_list() == [None, None, "MEDIAN_FACTOR", None]
    assert result.units["factor"].to_list() == [Decimal(100), Decimal(50), Decimal(50), Decimal(20)]
    pool = result.pools.row(0, named=True)
    assert (pool["paid_fen"], pool["reserve_fen"], pool["unspent_fen"]) == (980, 20, 0)
    assert Fraction(pool["unit_price"]) == Fraction(980, 34)


def test_what_a_cap_leaves_goes_to_the_others() -> None:
    # Caps 1,000 / 100 x base x 3/2: 150 for the first, which alone would take 980 x 10 / 19 = 515.
    rows: list[Row] = [("甲", 10, 100 * POINT, True), ("甲", 90, 10 * POINT, True)]
    result = bonus_payments(frame(rows), PoolRules(cap_multiple=Fraction(3, 2)), total_fen=1_000)
    assert paid(result) == [150, 830]
    assert result.units["reason_codes"].to_list() == ["CAP_BINDS", None]


def test_the_last_fen_goes_to_the_higher_score_and_then_to_the_smaller_id() -> None:
    rows: list[Row] = [("甲", 1, 50 * POINT, True), ("甲", 1, 50 * POINT, True), ("甲", 2, 25 * POINT, True)]
    no_reserve = PoolRules(reserve_share=Fraction(0))
    assert paid(bonus_payments(frame(rows), no_reserve, total_fen=4)) == [2, 1, 1]
    assert paid(bonus_payments(frame(rows), no_reserve, total_fen=5)) == [2, 2, 1]


def test_where_the_exchange_is_flat_the_score_still_decides_the_last_fen() -> None:
    flat = tuple(POINT if point >= 50 else 0 for point in range(106))
    one_fen = PoolRules(reserve_share=Fraction(0), exchange=flat)
    rows: list[Row] = [("甲", 100, 50 * POINT, True), ("甲", 100, 60 * POINT, True)]
    assert paid(bonus_payments(frame(rows), one_fen, total_fen=1)) == [0, 1]


def test_pools_follow_base_alone() -> None:
    bases = pl.DataFrame({"peer_group": ["乙", "甲", "乙", "丙"], "base_fen": [1, 1, 0, 1]})
    pools = group_pools(bases, 100)
    # Three equal shares of 100: the odd fen goes to the group that comes first in the order of ids.
    assert dict(pools.select("peer_group", "pool_fen").iter_rows()) == {"丙": 34, "乙": 33, "甲": 33}
    assert sorted(["丙", "乙", "甲"])[0] == "丙"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(amount=st.integers(0, 10**12), weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=12))
def test_largest_remainder_is_exact_and_within_one(amount: int, weights: list[int]) -> None:
    if not sum(weights):
        weights = [*weights, 1]
    shares = largest_remainder(amount, weights)
    assert sum(shares) == amount
    assert all(abs(share - Fraction(amount * w, sum(weights))) < 1 for share, w in zip(shares, weights, strict=True))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=rows_with_base, total_fen=total, rules=rules)
def test_invariant_15_pool_is_conserved(rows: list[Row], total_fen: int, rules: PoolRules) -> None:
    result = bonus_payments(frame(rows), rules, total_fen=total_fen)
    spent: Counter[str] = Counter()
    for group, fen in result.units.select("peer_group", "paid_fen").iter_rows():
        spent[group] += fen
    pools = {pool["peer_group"]: pool for pool in result.pools.iter_rows(named=True)}
    assert sum(pool["pool_fen"] for pool in pools.values()) == total_fen
    for group, pool in pools.items():
        assert spent[group] + pool["reserve_fen"] == pool["pool_fen"]
        assert pool["reserve_fen"] >= rules.reserve_share * pool["pool_fen"]
        assert pool["unspent_fen"] >= 0
    for unit, (group, own_base, _, allowed) in zip(result.units.iter_rows(named=True), rows, strict=True):
        cap = rules.cap_multiple * pools[group]["pool_fen"] * own_base / max(1, pools[group]["base_fen"])
        assert 0 <= unit["paid_fen"] <= unit["cap_fen"] <= cap
        assert allowed or unit["paid_fen"] == 0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=rows_with_base, total_fen=total, rules=rules)
def test_invariant_15_payments_follow_scores_at_equal_base(rows: list[Row], total_fen: int, rules: PoolRules) -> None:
    payments = paid(bonus_payments(frame(rows), rules, total_fen=total_fen))
    for (group, own_base, own, allowed), fen in zip(rows, payments, strict=True):
        for (group_2, other_base, other, allowed_2), other_fen in zip(rows, payments, strict=True):
            if not (group == group_2 and own_base == other_base and allowed and allowed_2):
                continue
            if own is not None and other is not None and own > other:
                assert fen >= other_fen
            if own == other:
                assert abs(fen - other_fen) <= 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=rows_with_base, total_fen=total, more=st.one_of(st.integers(1, 5), st.integers(1, 10**7)), rules=rules)
def test_invariant_16_a_larger_pool_lowers_nobody_by_more_than_a_fen(
    rows: list[Row], total_fen: int, more: int, rules: PoolRules
) -> None:
    units = frame(rows)
    before = paid(bonus_payments(units, rules, total_fen=total_fen))
    after = paid(bonus_payments(units, rules, total_fen=total_fen, carried_fen=more))
    assert all(new >= old - 1 for old, new in zip(before, after, strict=True))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=rows_with_base,
    total_fen=total,
    raised_by=st.one_of(st.integers(1, 3), st.integers(1, 50 * POINT)),
    rules=rules,
    data=st.data(),
)
def test_invariant_17_a_higher_own_score_never_lowers_the_own_payment(
    rows: list[Row], total_fen: int, raised_by: int, rules: PoolRules, data: st.DataObject
) -> None:
    subject = data.draw(st.sampled_from(range(len(rows))))
    group, own_base, own, allowed = rows[subject]
    if own is None:
        return
    raised = [*rows]
    raised[subject] = (group, own_base, min(105 * POINT, own + raised_by), allowed)
    before = paid(bonus_payments(frame(rows), rules, total_fen=total_fen))[subject]
    after = paid(bonus_payments(frame(raised), rules, total_fen=total_fen))[subject]
    # Units without a score follow the median and may take the odd fen with it.
    follows_median = any(each[0] == group and each[2] is None for each in rows)
    assert after >= before - follows_median


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=rows_with_base, total_fen=total, data=st.data())
def test_invariant_13_no_group_subsidises_another(rows: list[Row], total_fen: int, data: st.DataObject) -> None:
    changed = [
        (group, own_base, data.draw(score), allowed) if group == "甲" else (group, own_base, own, allowed)
        for group, own_base, own, allowed in rows
    ]
    others = pl.col("peer_group") != "甲"
    before, after = (bonus_payments(frame(each), LINEAR, total_fen=total_fen) for each in (rows, changed))
    assert before.units.filter(others).equals(after.units.filter(others))
    assert before.pools.filter(others).equals(after.pools.filter(others))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=rows_with_base, total_fen=total, rules=rules, data=st.data())
def test_invariant_20_an_appeal_is_paid_from_the_reserve_alone(
    rows: list[Row], total_fen: int, rules: PoolRules, data: st.DataObject
) -> None:
    units = frame(rows)
    before = bonus_payments(units, rules, total_fen=total_fen)
    subject = data.draw(st.sampled_from(units["org_id"].to_list()))
    corrected = units.filter(pl.col("org_id") == subject).with_columns(
        incentive_score=pl.lit(data.draw(st.integers(0, 105 * POINT)), pl.Int64())
    )
    after = appeal_payments(before.units, before.pools, corrected, rules)
    others = pl.col("org_id") != subject
    assert after.units.filter(others).equals(before.units.filter(others))
    gain = int(after.units["paid_fen"].sum()) - int(before.units["paid_fen"].sum())
    assert gain >= 0, "nobody is clawed back"
    group = corrected["peer_group"][0]
    for old, new in zip(before.pools.iter_rows(named=True), after.pools.iter_rows(named=True), strict=True):
        if old["peer_group"] != group:
            assert old == new
            continue
        assert new["paid_fen"] == old["paid_fen"] + gain
        assert new["reserve_fen"] == old["reserve_fen"] - gain >= 0
        assert (new["pool_fen"], new["unit_price"]) == (old["pool_fen"], old["unit_price"])
    row_after = after.units.filter(~others).row(0, named=True)
    assert row_after["paid_fen"] <= max(row_after["cap_fen"], before.units.filter(~others)["paid_fen"][0])


def test_an_appeal_is_paid_at_the_published_price_or_what_the_reserve_holds() -> None:
    rows: list[Row] = [("甲", 10, 50 * POINT, True), ("甲", 10, 50 * POINT, True), ("乙", 20, 80 * POINT, True)]
    units = frame(rows)
    published = bonus_payments(units, PoolRules(reserve_share=Fraction(1, 10)), total_fen=2_000)
    # Group 甲: pool 1,000, 900 paid, price 900 / 10 = 90 fen per fen of base at 100 percent.
    assert paid(published) == [450, 450, 900]
    corrected = units[:1].with_columns(incentive_score=pl.lit(55 * POINT, pl.Int64()))
    upheld = appeal_payments(published.units, published.pools, corrected, PoolRules(reserve_share=Fraction(1, 10)))
    assert paid(upheld) == [495, 450, 900]
    both = units[:2].with_columns(incentive_score=pl.lit(100 * POINT, pl.Int64()))
    short = appeal_payments(published.units, published.pools, both, PoolRules(reserve_share=Fraction(1, 10)))
    assert paid(short) == [500, 500, 900]
    assert short.units["reason_codes"].to_list() == ["RESERVE_EXHAUSTED", "RESERVE_EXHAUSTED", None]
    assert short.pools.filter(pl.col("peer_group") == "甲")["reserve_fen"].to_list() == [0]
    assert carried_reserve(short.pools) == 100


def test_an_appeal_of_the_only_unit_with_a_score_is_paid_to_its_cap() -> None:
    rows: list[Row] = [("甲", 10, 0, True), ("甲", 90, 0, True)]
    published = bonus_payments(frame(rows), LINEAR, total_fen=1_000)
    assert (paid(published), published.pools["unit_price"].to_list()) == ([0, 0], [None])
    corrected = frame(rows)[:1].with_columns(incentive_score=pl.lit(POINT, pl.Int64()))
    assert paid(appeal_payments(published.units, published.pools, corrected, LINEAR)) == [300, 0]


def test_an_appeal_of_nobody_published_or_without_a_score_is_refused() -> None:
    units = frame([("甲", 10, 50 * POINT, True)])
    published = bonus_payments(units, LINEAR, total_fen=1_000)
    for wrong in (
        units.with_columns(org_id=pl.lit("V9")),
        units.with_columns(incentive_score=pl.lit(None, pl.Int64())),
    ):
        with pytest.raises(ValueError, match="appellants without"):
            appeal_payments(published.units, published.pools, wrong, LINEAR)


@pytest.mark.parametrize("rows", [[("甲", 5, 0, True)] * 2, [("甲", 5, None, True)] * 2, [("甲", 5, 9 * POINT, False)]])
def test_a_pool_nobody_can_take_stays_in_reserve(rows: list[Row]) -> None:
    result = bonus_payments(frame(rows), LINEAR, total_fen=1_000)
    assert set(paid(result)) == {0}
    assert result.pools["reserve_fen"].to_list() == [1_000]
    assert result.pools["unspent_fen"].to_list() == [980]


def test_unspent_reserve_rolls_into_the_next_pool() -> None:
    units = frame([("甲", 10, 50 * POINT, True)])
    first = bonus_payments(units, LINEAR, total_fen=1_000)
    assert carried_reserve(first.pools) == 20
    second = bonus_payments(units, LINEAR, total_fen=1_000, carried_fen=carried_reserve(first.pools))
    assert second.pools["pool_fen"].to_list() == [1_020]


def test_missing_component_never_counts_as_zero_in_a_payment() -> None:
    rows: list[Row] = [("甲", 10, 90 * POINT, True), ("甲", 10, 60 * POINT, True), ("甲", 10, None, True)]
    # The median of 90 and 60 is 75; 980 in proportion 90 : 60 : 75.
    assert paid(bonus_payments(frame(rows), LINEAR, total_fen=1_000)) == [392, 261, 327]


def test_a_unit_without_a_group_has_no_payment_rather_than_zero() -> None:
    rows = frame([("甲", 10, 90 * POINT, True), ("甲", 10, 60 * POINT, True)])
    rows = rows.with_columns(peer_group=pl.when(pl.col("org_id") == "V001").then(None).otherwise("peer_group"))
    result = bonus_payments(rows, LINEAR, total_fen=1_000)
    assert paid(result) == [980, None]
    assert result.units["reason_codes"].to_list() == [None, "NO_PEER_GROUP"]


def test_a_floor_is_paid_whatever_the_score() -> None:
    rows: list[Row] = [("甲", 10, 0, True), ("甲", 10, 100 * POINT, True), ("甲", 10, 50 * POINT, False)]
    units = frame(rows).with_columns(floor_fen=pl.lit(100, pl.Int64()))
    assert paid(bonus_payments(units, LINEAR, total_fen=1_000)) == [100, 880, 0]
    with pytest.raises(ValueError, match="floors add up"):
        bonus_payments(units.with_columns(floor_fen=pl.lit(600, pl.Int64())), LINEAR, total_fen=1_000)
    with pytest.raises(ValueError, match="above its cap"):
        bonus_payments(units.with_columns(floor_fen=pl.lit(1_600, pl.Int64())), LINEAR, total_fen=1_000)


def test_no_float_money_reaches_a_payment() -> None:
    units = frame([("甲", 10, 50 * POINT, True)])
    for column in ("base_fen", "incentive_score"):
        for dtype in (pl.Float64(), pl.Decimal(18, 2), pl.Int32()):
            with pytest.raises(TypeError, match=column):
                bonus_payments(units.with_columns(pl.col(column).cast(dtype)), LINEAR, total_fen=1_000)
    for money in (1_000.0, Decimal(1_000), True):
        with pytest.raises(TypeError, match="whole number of fen"):
            bonus_payments(units, LINEAR, total_fen=money)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="whole number of fen"):
            bonus_payments(units, LINEAR, total_fen=1_000, carried_fen=money)  # type: ignore[arg-type]
    result = bonus_payments(units, LINEAR, total_fen=1_000)
    names = pl.DataFrame({"org_id": ["V000"], "org_name": ["柳河村"]})
    for table in (result.units, result.pools, *bonus_rows(result, names, period_id="2026")):
        assert not any(dtype.is_float() for dtype in table.dtypes)


def test_amounts_beyond_a_double_are_exact() -> None:
    # 2^53 + 1 fen and bases of the same size: a float would lose the odd fen.
    big = 2**53 + 1
    rows: list[Row] = [("甲", big, 100 * POINT, True), ("甲", big, 100 * POINT, True), ("甲", big, 100 * POINT, True)]
    result = bonus_payments(frame(rows), PoolRules(reserve_share=Fraction(0)), total_fen=big)
    assert sum(paid(result)) == big
    assert max(paid(result)) - min(paid(result)) <= 1


@pytest.mark.parametrize("wrong", [{"base_fen": -1}, {"base_fen": None}, {"incentive_score": -1}])
def test_negative_money_is_refused(wrong: dict[str, int | None]) -> None:
    units = frame([("甲", 10, 50 * POINT, True), ("甲", 10, 50 * POINT, True)])
    bad = units.with_columns(pl.lit(value, pl.Int64()).alias(name) for name, value in wrong.items())
    with pytest.raises(ValueError, match="V000, V001"):
        bonus_payments(bad, LINEAR, total_fen=1_000)
    with pytest.raises(ValueError, match="not negative"):
        bonus_payments(units, LINEAR, total_fen=-1)
    with pytest.raises(ValueError, match="without weights"):
        bonus_payments(units.with_columns(base_fen=pl.lit(0, pl.Int64())), LINEAR, total_fen=1)
    with pytest.raises(ValueError, match="twice"):
        bonus_payments(pl.concat([units, units]), LINEAR, total_fen=1)


def test_impossible_rules_are_refused() -> None:
    table = logistic_exchange()
    with pytest.raises(ValueError, match="reserve"):
        PoolRules(reserve_share=Fraction(-1, 100))
    with pytest.raises(ValueError, match="cap"):
        PoolRules(cap_multiple=Fraction(-1))
    with pytest.raises(ValueError, match="106 entries"):
        PoolRules(exchange=table[:-1])
    with pytest.raises(ValueError, match="never falls"):
        PoolRules(exchange=(*table[:-1], table[-2] - 1))


def test_the_logistic_table_has_the_values_of_its_formula() -> None:
    table = logistic_exchange()
    assert table[50] == 50 * POINT
    for point in range(106):
        assert table[point] / POINT == pytest.approx(100 / (1 + math.exp(-0.1 * (point - 50))), abs=1e-6)


def test_a_table_is_read_on_a_straight_line_between_whole_points() -> None:
    table = tuple(0 if point < 60 else (point - 59) * POINT for point in range(106))
    points = (59 * POINT, 59 * POINT + POINT // 4, 60 * POINT, 105 * POINT)
    rows: list[Row] = [("甲", 10, each, True) for each in points]
    factors = bonus_payments(frame(rows), PoolRules(exchange=table), total_fen=10).units["factor"].to_list()
    assert factors == [Decimal(0), Decimal("0.25"), Decimal(1), Decimal(46)]
