"""Invariant 24: what a unit's raters say of departments is worth nothing to the unit itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.scheme import Scheme
from scoring.tables import BURDEN_TABLES
from tasks.aggregate import Sums
from tasks.score import score
from tasks.scoring.incentives import incentive_tables
from tasks.scoring.units import unit_tables
from tests.support.fast_program import PERIOD, named
from tests.support.pipeline_program import Rating, sayable, scheme_of, sums_of, with_ratings
from tests.support.random_program import Program, random_programs
from tests.support.slow_program import slow_program

PROGRAMS = 3
DEPARTMENTS = ("D1", "D2", "D3", "D4")
RATERS_PER_UNIT = 2
ABOUT_DEPARTMENTS = frozenset(
    {"department_score", "department_item", "department_composite", "frame_turnout", "anomaly_flag"}
)
"""The only tables that may tell of a ballot."""

UNRATED = frozenset({"frame_member", "department_indicator", *BURDEN_TABLES})
"""Tables about departments and burden that are made without ballots, and that the small program lacks."""

Results = Mapping[str, pl.DataFrame]
Ballots = dict[tuple[str, str], int]
"""Scores by rater and department."""


@cache
def program_of(number: int) -> tuple[Sums, Scheme, tuple[tuple[str, str], ...]]:
    """Sums without ratings, the scheme, and the raters with their units."""
    program = next(each for each in map(sayable, random_programs(number, 25)) if scored_and_paid(each))
    units = [named(program, unit.org_id) for unit in program.units]
    raters = tuple((f"P-{unit}-{place}", unit) for unit in units for place in range(RATERS_PER_UNIT))
    return sums_of(program, DEPARTMENTS, raters), scheme_of(program), raters


def scored_and_paid(program: Program) -> bool:
    units = slow_program(program).units.values()
    return sum(unit.raw_score is not None and unit.paid_fen > 0 for unit in units) >= 3


def everybody_rates(number: int) -> Ballots:
    random = Random(number)  # noqa: S311 - reproducible, no secret
    return {(rater, name): random.randint(1, 5) for rater, _ in program_of(number)[2] for name in DEPARTMENTS}


def rated(number: int, ballots: Ballots) -> Sums:
    sums, _, raters = program_of(number)
    unit_of = dict(raters)
    rows: list[Rating] = [(rater, unit_of[rater], name, value) for (rater, name), value in ballots.items()]
    return with_ratings(sums, rows)


def unit_results(number: int, ballots: Ballots) -> Results:
    """Everything about units and money; departments, which take most of the time, are left out."""
    sums, scheme = rated(number, ballots), program_of(number)[1]
    units = unit_tables(sums, scheme, PERIOD)
    return {**units.tables, **incentive_tables(units, sums, scheme, PERIOD)}


@cache
def as_rated(number: int) -> Results:
    return unit_results(number, everybody_rates(number))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(number=st.integers(0, PROGRAMS - 1), place=st.integers(0, 50), data=st.data())
def test_invariant_24_no_ballot_of_a_units_raters_moves_the_unit(number: int, place: int, data: st.DataObject) -> None:
    raters = program_of(number)[2]
    unit = raters[place % len(raters)][1]
    own = [(rater, name) for rater, of in raters if of == unit for name in DEPARTMENTS]
    rest = {key: value for key, value in everybody_rates(number).items() if key not in own}
    changed = data.draw(st.dictionaries(st.sampled_from(own), st.integers(1, 5)))
    assert moved(unit_results(number, rest | changed), as_rated(number)) == set()


def moved(after: Results, before: Results) -> set[str]:
    assert after.keys() == before.keys()
    return {name for name in after if not after[name].equals(before[name])}


def test_ballots_move_departments_and_flags_and_nothing_of_the_units() -> None:
    for number in range(PROGRAMS):
        scheme, everybody = program_of(number)[1], everybody_rates(number)
        before, turned, silent = (
            score(rated(number, ballots), scheme, PERIOD).results
            for ballots in (everybody, {key: 6 - value for key, value in everybody.items()}, {})
        )
        assert before["bonus"].filter(pl.col("paid_fen") > 0).height >= 3
        assert before["unit_score"]["raw_score"].count() >= 3
        assert {"department_score", "department_item"} <= moved(turned, before) <= ABOUT_DEPARTMENTS
        assert "frame_turnout" in moved(silent, before) <= ABOUT_DEPARTMENTS
        assert set(before) - set(as_rated(number)) == ABOUT_DEPARTMENTS | UNRATED
