"""The unit chain against an independent slow computation in fractions: 1,000 random small programmes, equal to the fen.

A failure names the seed of the programme: ``random_programs(seed // 1000, 25)[seed % 1000]`` makes it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from fractions import Fraction
from functools import cache
from typing import Any

import polars as pl
import pytest

from tests.support.fast_program import Stages, named, run_program, run_programs
from tests.support.random_program import MILLION, Anchors, Program, random_programs
from tests.support.slow_money import in_quota, price_of
from tests.support.slow_points import anchored_score, cms_score, half_up, rounded_root, window_values
from tests.support.slow_program import ProgramResult, slow_program

SCHEMES = 40
PROGRAMS_PER_SCHEME = 25


@cache
def slow_results(scheme_seed: int) -> list[tuple[Program, ProgramResult]]:
    return [(program, slow_program(program)) for program in random_programs(scheme_seed, PROGRAMS_PER_SCHEME)]


def keyed(rows: pl.DataFrame, *key: str) -> dict[Any, dict[str, Any]]:
    return {tuple(row[name] for name in key): row for row in rows.iter_rows(named=True)}


def disagreements(program: Program, slow: ProgramResult, fast: Stages) -> Iterator[str]:
    """What the frames publish beside what the fractions say, where they differ."""
    points = keyed(fast.points, "indicator_id", "org_id")
    for (indicator_id, org_id), expected in slow.score100.items():
        # A fact of an indicator that does not apply to the unit's group has no row.
        row = points.get((indicator_id, named(program, org_id)))
        if row is not None and row["score100"] != expected:
            yield f"{program.seed}: {indicator_id} of {org_id}: {row['score100']}, not {expected}"
    scores, payments = keyed(fast.incentives, "org_id"), keyed(fast.payments, "org_id")
    for org_id, unit in slow.units.items():
        row = scores[(named(program, org_id),)] | payments[(named(program, org_id),)]
        for field in fields(unit):
            if row[field.name] != getattr(unit, field.name):
                yield f"{program.seed}: {field.name} of {org_id}: {row[field.name]}, not {getattr(unit, field.name)}"
    pools = keyed(fast.pools, "peer_group")
    for group, pool in slow.pools.items():
        row = pools[(named(program, group),)]
        expected_price = None if pool.price is None else str(pool.price)
        found = (row["pool_fen"], row["reserve_fen"], row["paid_fen"], row["unit_price"])
        expected_pool = (pool.pool_fen, pool.reserve_fen, pool.pool_fen - pool.reserve_fen, expected_price)
        if found != expected_pool:
            yield f"{program.seed}: pool of {group}: {found}, not {expected_pool}"


@pytest.mark.parametrize("scheme_seed", range(SCHEMES))
def test_scores_tiers_and_money_equal_those_of_the_slow_program(scheme_seed: int) -> None:
    cases = slow_results(scheme_seed)
    fast = run_programs([program for program, _ in cases])
    found = [line for program, slow in cases for line in disagreements(program, slow, fast)]
    assert not found, "\n".join(found[:10])


@pytest.mark.parametrize("scheme_seed", [0, 17])
def test_a_programme_alone_has_the_same_result_as_among_others(scheme_seed: int) -> None:
    program, slow = slow_results(scheme_seed)[3]
    assert not list(disagreements(program, slow, run_program(program)))


def hard_cases(program: Program, slow: ProgramResult) -> Counter[str]:
    """How often a programme reaches what is easily computed wrongly."""
    policy = program.scheme.policy
    units = {unit.org_id: (unit, slow.units[unit.org_id]) for unit in program.units}
    found = Counter(f"tier {result.tier}" for _, result in units.values())
    found["empty pool"] = sum(pool.pool_fen == 0 for pool in slow.pools.values())
    found["group without a score"] = sum(pool.price is None for pool in slow.pools.values())
    found["score missing beside scores"] = sum(
        result.raw_score is None and slow.pools[unit.peer_group].price is not None for unit, result in units.values()
    )
    found["score of an indicator missing"] = sum(score is None for score in slow.score100.values())
    found["exemption"] = sum(slow.score100[key] in {60 * MILLION, 75 * MILLION} for key in program.exemptions)
    for unit, result in units.values():
        members = [other for neighbour, other in units.values() if neighbour.peer_group == unit.peer_group]
        scores = [other.incentive_score for other in members]
        score = result.incentive_score
        if score is None:
            continue
        places = int(policy.quota * sum(other is not None for other in scores))
        above = sum(other is not None and other > score for other in scores)
        straddles = above < places < above + scores.count(score) and score >= policy.cut_offs[0]
        found["red line that costs a tier"] += unit.red_line and score >= policy.cut_offs[1]
        found["adder"] += score > (result.raw_score or 0)
        found["adders capped"] += score - (result.raw_score or 0) == policy.max_adder
        found["tie"] += scores.count(score) > 1
        found["tie at the quota shared upward"] += straddles and in_quota(score, scores, policy.quota)
        found["tie at the quota shared downward"] += straddles and not in_quota(score, scores, policy.quota)
        found["cap of a payment binds"] += binds(unit.base_fen, result.paid_fen, program, slow, unit.peer_group)
    return found


def binds(base_fen: int, paid_fen: int, program: Program, slow: ProgramResult, group: str) -> bool:
    """Whether one more fen would be above the cap of a unit that is paid."""
    whole = sum(unit.base_fen for unit in program.units if unit.peer_group == group)
    cap = program.scheme.policy.cap_multiple * slow.pools[group].pool_fen * Fraction(base_fen, whole or 1)
    return 0 < paid_fen <= cap < paid_fen + 1


def test_the_programmes_reach_every_hard_case_many_times() -> None:
    found: Counter[str] = Counter()
    for scheme_seed in range(SCHEMES):
        for program, slow in slow_results(scheme_seed):
            found.update(hard_cases(program, slow))
    rare = {name: count for name, count in found.items() if count < 20}
    assert not rare


def test_the_slow_points_are_those_worked_out_by_hand() -> None:
    anchors = Anchors(10, 20, 30, 50)
    # Level: half way from 60 to 75. Improvement from 24: 1 of 26, u < .1, so 600/26.
    assert anchored_score(25, 24, anchors, "higher_better") == 67_500_000
    # Level: 0.4 * 60. Improvement from 8: 6 of 42, u = 1/7, so 60 + 30 (1/7 - 1/10)/.9 = 60 + 10/7.
    assert anchored_score(14, 8, anchors, "higher_better") == 61_428_571
    falling = Anchors(-10, -20, -30, -50)
    assert anchored_score(-14, -8, falling, "lower_better") == 61_428_571
    # At the benchmark at the start: no improvement, the level alone.
    assert anchored_score(30, 50, anchors, "higher_better") == 75_000_000
    # Floor and threshold in one place: the threshold's points there, the way to the floor's below.
    assert anchored_score(20, None, Anchors(10, 20, 20, 50), "higher_better") == 75_000_000
    assert anchored_score(15, None, Anchors(10, 20, 20, 50), "higher_better") == 30_000_000
    # Achievement 1 + floor(9 * 10/30) = 4; improvement floor(10 * 20/40) = 5.
    assert cms_score(40, 20, Anchors(0, 0, 30, 60), "higher_better") == 50_000_000
    assert window_values([0, None, 60]) == (45, 0)
    assert window_values([10, 40, None]) == (30, 10)
    assert window_values([10, None, None]) == (None, 10)


def test_the_slow_root_and_price_are_those_worked_out_by_hand() -> None:
    assert half_up(Fraction(5, 2)) == 3
    assert half_up(Fraction(-5, 2)) == -2
    assert rounded_root([(64 * MILLION, 1), (36 * MILLION, 1)], 2) == 48 * MILLION
    assert rounded_root([(32, 3), (1, 2)], 5) == 8
    # sqrt(6) = 2.449, sqrt(6.25) = 2.5: only the half goes up.
    assert (rounded_root([(2, 1), (3, 1)], 2), rounded_root([(25, 1), (25, 1)], 2)) == (2, 25)
    weights = {"V1": Fraction(1), "V2": Fraction(1), "V3": Fraction(2)}
    caps = {"V1": Fraction(5), "V2": Fraction(30), "V3": Fraction(20)}
    # t = 10: 5 + 10 + 20; t = 20: 5 + 20 + 20; beyond 55 nothing is left to grow.
    assert price_of(weights, caps, Fraction(35)) == 10
    assert price_of(weights, caps, Fraction(45)) == 20
    assert price_of(weights, caps, Fraction(99)) == 30
    assert price_of(dict.fromkeys(weights, Fraction(0)), caps, Fraction(99)) is None
    # Two of ten places: three tied at the top exceed them by one, four by two; a missing score takes no place.
    top = 90 * MILLION
    assert in_quota(top, [top] * 3 + [1] * 7, Fraction(1, 5))
    assert not in_quota(top, [top] * 4 + [1] * 6, Fraction(1, 5))
    assert not in_quota(top, [top, 1, 2, 3, None], Fraction(1, 5))
