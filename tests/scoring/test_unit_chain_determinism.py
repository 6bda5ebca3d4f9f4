"""Invariant 23: the same programme gives the same bytes, whatever the order of rows, the threads and the hash seed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import fields
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fast_program import Inputs, inputs_of, published, run_programs
from tests.support.random_program import Program, random_programs

RANK_SEED = 20_260_101
PROGRAMS = 2


@cache
def programs_of(scheme_seed: int) -> list[Program]:
    return random_programs(scheme_seed, PROGRAMS)


@cache
def as_given(scheme_seed: int) -> str:
    return published(run_programs(programs_of(scheme_seed), rank_seed=RANK_SEED))


def shuffled(inputs: Inputs, seed: int) -> Inputs:
    """The same rows of every frame in another order."""
    frames = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    return Inputs(**{name: rows.sample(fraction=1, shuffle=True, seed=seed) for name, rows in frames.items()})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 11), st.integers(0, 2**31))
def test_invariant_23_row_order_changes_no_byte(scheme_seed: int, order: int) -> None:
    programs = programs_of(scheme_seed)
    again = run_programs(programs, shuffled(inputs_of(programs), order), rank_seed=RANK_SEED)
    assert published(again) == as_given(scheme_seed)


def signature() -> str:
    """Hash over the results of 200 programmes."""
    texts = (published(run_programs(random_programs(seed, 25), rank_seed=RANK_SEED)) for seed in range(8))
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def test_invariant_23_threads_and_hash_seed_change_no_byte() -> None:
    command = "from tests.scoring.test_unit_chain_determinism import signature; print(signature())"
    signatures = {
        subprocess.run(
            [sys.executable, "-c", command],
            env=os.environ | {"POLARS_MAX_THREADS": str(threads), "PYTHONHASHSEED": str(threads)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for threads in (1, 3)
    }
    assert len(signatures) == 1
    assert len(signatures.pop()) == 64
