"""Attacks planted on real ratings: the flags find them and leave clean subjects alone (small, seeded).

The bounds lie below the figures of ``benchmarks.planted_attacks`` over twenty seeds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import planted_attacks
from benchmarks.planted_attacks import Rate

SEED = 3


@pytest.fixture(scope="module")
def program(reference: Path) -> planted_attacks.Program:
    return planted_attacks.honest(reference, SEED)


def by_flag(rates: list[Rate]) -> dict[str, Rate]:
    return {rate.flag: rate for rate in rates}


def test_untouched_ratings_raise_no_flag_of_units(program: planted_attacks.Program) -> None:
    rates = planted_attacks.unit_rates("none", program, [], planted_attacks.roster_of(program))
    found = {rate.flag: (rate.clean, rate.false_flag_rate) for rate in rates}
    assert min(clean for clean, _ in found.values()) > 100
    assert max(false for _, false in found.values()) <= 0.02
    assert found["ballots_over_roster"][1] == 0


def test_stuffed_ballots_are_found(program: planted_attacks.Program) -> None:
    attacked, chosen = planted_attacks.stuffed(program, SEED)
    added = attacked.rows.height / program.rows.height - 1
    assert added == pytest.approx(0.1, abs=0.03)
    rates = by_flag(
        [
            *planted_attacks.unit_rates("stuffing", attacked, chosen, planted_attacks.roster_of(program)),
            *planted_attacks.rater_rates("stuffing", attacked, lambda rater: rater.str.starts_with("x")),
        ]
    )
    least = {
        "ballots_over_roster": 1.0,
        "arrival_burst": 0.9,
        "straight_line": 0.95,
        "long_run": 0.6,
        "misfit": 0.5,
        "identical_ballots": 0.4,
    }
    assert {flag: rates[flag].power >= power for flag, power in least.items()} == dict.fromkeys(least, True)
    assert max(rate.false_flag_rate for rate in rates.values()) <= 0.03


@pytest.mark.parametrize(
    ("value", "flags"), [(5, ("identical_ballots", "agreement")), (4, ("identical_ballots",)), (1, ("agreement",))]
)
def test_a_command_unit_is_found(program: planted_attacks.Program, value: int, flags: tuple[str, ...]) -> None:
    attacked, chosen = planted_attacks.commanded(program, SEED, value)
    rates = by_flag(list(planted_attacks.unit_rates("command", attacked, chosen, planted_attacks.roster_of(program))))
    assert [rates[flag].power for flag in flags] == [1.0] * len(flags)
    assert max(rate.false_flag_rate for rate in rates.values()) <= 0.02


def test_half_a_unit_in_one_hour_is_found(program: planted_attacks.Program) -> None:
    attacked, chosen = planted_attacks.burst(program, SEED, together=0.5)
    rates = by_flag(list(planted_attacks.unit_rates("burst", attacked, chosen, planted_attacks.roster_of(program))))
    assert rates["arrival_burst"].power == 1.0
    assert rates["arrival_burst"].false_flag_rate <= 0.02


def test_retaliation_is_found_where_several_raters_took_part(program: planted_attacks.Program) -> None:
    attacked, logged = planted_attacks.retaliating(program, SEED)
    rates = {rate.subject: rate for rate in planted_attacks.pair_rates(attacked, logged, levels=("persons",))}
    assert rates["pairs of 10 raters and more, persons vote"].power >= 0.8
    assert rates["pairs of 5-9 raters, persons vote"].power >= 0.5
    assert max(rate.false_flag_rate for rate in rates.values()) <= 0.03
