"""Invariant 24: what a unit's raters say of departments is worth nothing to the unit itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.scheme import Scheme
from tasks.aggregate import Sums
from tasks.score import score
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
"""The only tables that may read a ballot."""

Ballots = dict[tuple[str, str], int]
"""Scores by rater and department."""


@cache
def program_of(number: int) -> tuple[Sums, Scheme, tuple[tuple[str, str], ...]]:
    """Sums without ratings, the scheme, and the raters with their units."""
    program = next(each for each in map(sayable, random_programs(number, 25)) if scored_and_paid(each))
    units = [named(program, unit.org_id) for unit in program.units]
    raters = tuple((f"P-{unit}-{place}", unit) for unit in units for place in range(RATERS_PER_UNIT))
    return sums_of(program, DEPARTMENTS, raters), scheme_of(program), raters


def without_flags(scheme: Scheme) -> Scheme:
    """The scheme without what takes long: flags of ratings, and burden and response of departments."""
    return scheme.model_copy(update={"anomalies": None, "department_composite": None})


def scored_and_paid(program: Program) -> bool:
    units = slow_program(program).units.values()
    return sum(unit.raw_score is not None and unit.paid_fen > 0 for unit in units) >= 3


def everybody_rates(number: int) -> Ballots:
    random = Random(number)  # noqa: S311 - reproducible, no secret
    return {(rater, name): random.randint(1, 5) for rater, _ in program_of(number)[2] for name in DEPARTMENTS}


def results(number: int, ballots: Ballots, *, whole: bool = False) -> Mapping[str, pl.DataFrame]:
    sums, scheme, raters = program_of(number)
    unit_of = dict(raters)
    rows: list[Rating] = [(rater, unit_of[rater], name, value) for (rater, name), value in ballots.items()]
    return score(with_ratings(sums, rows), scheme if whole else without_flags(scheme), PERIOD).results


@cache
def as_rated(number: int) -> Mapping[str, pl.DataFrame]:
    return results(number, everybody_rates(number))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(number=st.integers(0, PROGRAMS - 1), place=st.integers(0, 50), data=st.data())
def test_invariant_24_no_ballot_of_a_units_raters_moves_the_unit(number: int, place: int, data: st.DataObject) -> None:
    raters = program_of(number)[2]
    unit = raters[place % len(raters)][1]
    own = [(rater, name) for rater, of in raters if of == unit for name in DEPARTMENTS]
    rest = {key: value for key, value in everybody_rates(number).items() if key not in own}
    changed = data.draw(st.dictionaries(st.sampled_from(own), st.integers(1, 5)))
    assert moved(results(number, rest | changed), as_rated(number)) <= ABOUT_DEPARTMENTS


def moved(after: Mapping[str, pl.DataFrame], before: Mapping[str, pl.DataFrame]) -> set[str]:
    assert after.keys() == before.keys()
    return {name for name in after if not after[name].equals(before[name])}


def test_ballots_move_departments_and_flags_and_nothing_of_the_units() -> None:
    for number in range(PROGRAMS):
        before = results(number, everybody_rates(number), whole=True)
        assert before["bonus"].filter(pl.col("paid_fen") > 0).height >= 3
        assert before["unit_score"]["raw_score"].count() >= 3
        turned = {key: 6 - value for key, value in everybody_rates(number).items()}
        changed = moved(results(number, turned, whole=True), before)
        assert {"department_score", "department_item"} <= changed <= ABOUT_DEPARTMENTS
        assert "frame_turnout" in moved(results(number, {}, whole=True), before)
