"""The whole unit chain again, slowly, in plain Python fractions: from facts to money (method 3.3-3.8).

An independent answer to what ``scoring`` computes with frames: written from the method and sharing no
code with it. Only whole numbers leave a stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.random_program import Program, Unit
from tests.support.slow_money import PoolResult, group_pools, incentive_score, pay_group, rank, tier
from tests.support.slow_points import (
    cell_score,
    indicator_score,
    process_score,
    raw_score,
    results_score,
    satisfaction_score,
    track_score,
)


@dataclass(frozen=True)
class UnitResult:
    """What one unit gets: micropoints, place, tier and fen."""

    visible_score: int | None
    latent_score: int | None
    results_score: int | None
    satisfaction_score: int | None
    raw_score: int | None
    incentive_score: int | None
    rank: int | None
    tier: str | None
    paid_fen: int


@dataclass(frozen=True)
class ProgramResult:
    """Scores of facts by indicator and organisation, of units by id, and pools by peer group."""

    score100: dict[tuple[str, str], int | None]
    units: dict[str, UnitResult]
    pools: dict[str, PoolResult]


def slow_program(program: Program) -> ProgramResult:
    """Everything the programme publishes, stage by stage."""
    score100 = indicator_scores(program)
    parts = {unit.org_id: unit_parts(program, unit, score100) for unit in program.units}
    policy = program.scheme.policy
    scores = {
        unit.org_id: incentive_score(raw_score(parts[unit.org_id], policy), unit, policy) for unit in program.units
    }
    pools: dict[str, PoolResult] = {}
    units: dict[str, UnitResult] = {}
    for group, pool_fen in group_pools(program.units, program.total_fen + program.carried_fen).items():
        members = [unit for unit in program.units if unit.peer_group == group]
        pools[group] = pay_group(members, scores, pool_fen, policy)
        everybody = [scores[unit.org_id] for unit in members]
        for unit in members:
            part, score = parts[unit.org_id], scores[unit.org_id]
            units[unit.org_id] = UnitResult(
                visible_score=part["visible_score"],
                latent_score=part["latent_score"],
                results_score=part["results_score"],
                satisfaction_score=part["satisfaction_score"],
                raw_score=raw_score(part, policy),
                incentive_score=score,
                rank=rank(score, everybody),
                tier=tier(unit, score, everybody, policy, satisfied=part["satisfaction_score"] is not None),
                paid_fen=pools[group].paid[unit.org_id],
            )
    return ProgramResult(score100, units, pools)


def indicator_scores(program: Program) -> dict[tuple[str, str], int | None]:
    """Scores of all indicators and units."""
    return {
        (indicator.indicator_id, unit.org_id): indicator_score(program, indicator, unit)
        for indicator in program.scheme.indicators
        for unit in program.units
    }


def unit_parts(program: Program, unit: Unit, score100: dict[tuple[str, str], int | None]) -> dict[str, int | None]:
    """The parts of the unit score, and the visible and latent score they come from (D1-D4)."""
    kinds = {
        kind: track_score(
            cell_score(program, unit, score100, kind, "quality"),
            cell_score(program, unit, score100, kind, "quantity"),
            program.scheme.policy,
        )
        for kind in ("visible", "latent")
    }
    return {
        "visible_score": kinds["visible"],
        "latent_score": kinds["latent"],
        "satisfaction_score": satisfaction_score(program, unit),
        "results_score": results_score(kinds["visible"], kinds["latent"], program.scheme.policy),
        "list_score": unit.list_score,
        "process_score": process_score(program, unit, score100),
    }
