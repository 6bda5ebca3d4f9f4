"""The composition that runs at night against the slow computation in fractions, equal to the fen.

The same random programmes as those of ``tests.scoring.test_slow_oracle``, but as a scheme in YAML's own form and
the sums of a period, through ``tasks.scoring``: what a scheme's number is taken for is compared too.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from tests.scoring.test_slow_oracle import SCHEMES, disagreements, hard_cases
from tests.support.pipeline_program import run_night, sayable
from tests.support.random_program import Program, random_programs
from tests.support.slow_program import ProgramResult, slow_program

PROGRAMS_PER_SCHEME = 5


@cache
def cases(scheme_seed: int) -> list[tuple[Program, ProgramResult]]:
    programs = [sayable(program) for program in random_programs(scheme_seed, PROGRAMS_PER_SCHEME)]
    return [(program, slow_program(program)) for program in programs]


@pytest.mark.parametrize("scheme_seed", range(SCHEMES))
def test_a_night_scores_ranks_and_pays_what_the_slow_program_does(scheme_seed: int) -> None:
    found = [line for program, slow in cases(scheme_seed) for line in disagreements(program, slow, run_night(program))]
    assert not found, "\n".join(found[:10])


def test_the_nights_reach_every_hard_case() -> None:
    found: Counter[str] = Counter()
    for scheme_seed in range(SCHEMES):
        for program, slow in cases(scheme_seed):
            found.update(hard_cases(program, slow))
    assert sum(len(cases(scheme_seed)) for scheme_seed in range(SCHEMES)) >= 200
    assert not {name: count for name, count in found.items() if count < 3}
