"""Defects that public assessment systems have shipped, kept out from facts to money.

Each test is named after its defect and runs the chain of pure functions, not one of them alone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from scoring.adjustments import ExemptionRules, apply_exemptions
from scoring.bonus_pool import PoolRules, bonus_payments
from scoring.incentives import ADDER_COLUMNS, AdderRules, incentive_scores
from scoring.scheme import SHIPPED_SCHEMES, SchemeError, load_schemes, scheme_as_of
from scoring.tiers import TierRules, tiers
from tasks.snapshot import in_force
from tests.support.fast_program import Stages, named, published, run_program, run_programs
from tests.support.random_program import CELLS, MILLION, Anchors, Fact, Indicator, Program, Unit, random_programs

EXACT = (
    "score100",
    "visible_score",
    "latent_score",
    "results_score",
    "satisfaction_score",
    "list_score",
    "process_score",
    "raw_score",
    "differentiated_score",
    "adder",
    "incentive_score",
    "base_fen",
    "cap_fen",
    "paid_fen",
    "pool_fen",
    "reserve_fen",
    "unspent_fen",
    "rank",
)
"""Columns that are whole numbers wherever they are."""

UNIT = Unit("V1", "G1", 80 * MILLION, None, 80 * MILLION, (), False, None, 1_000, False)


def simple(units: tuple[Unit, ...], **changes: Any) -> Program:
    """A programme with one indicator in every cell, all of weight 1, where the value is the score."""
    model = random_programs(0, 1)[0]
    indicators = tuple(
        Indicator(f"I{number}", kind, track, "outcome", "higher_better", {None: MILLION}, None)
        for number, (kind, track) in enumerate(CELLS)
    )
    straight = Anchors(0, 60 * MILLION, 75 * MILLION, 100 * MILLION)
    weights = {"satisfaction_score": 350_000, "results_score": 500_000, "list_score": 150_000, "process_score": 0}
    policy = replace(
        model.scheme.policy,
        scale="anchored",
        quality_share=Fraction(3, 5),
        latent_share=Fraction(7, 20),
        part_weights=weights,
        reserve_share=Fraction(1, 50),
        cap_multiple=Fraction(3),
        quota=Fraction(1, 5),
        exchange=None,
        min_observed_weight=Fraction(3, 5),
    )
    scheme = replace(
        model.scheme,
        policy=policy,
        groups=("G1",),
        indicators=indicators,
        anchors={(indicator.indicator_id, None): straight for indicator in indicators},
        satisfaction_anchors={None: straight},
    )
    program = Program(
        seed=1,
        scheme=scheme,
        units=units,
        facts={(f"I{n}", unit.org_id): Fact(80 * MILLION) for n in (0, 1) for unit in units},
        baseline={},
        window={(f"I{n}", unit.org_id): (Fact(80 * MILLION),) * 3 for n in (2, 3) for unit in units},
        exemptions={},
        total_fen=10_000,
        carried_fen=0,
    )
    return replace(program, **changes)


def unit_row(stages: Stages, program: Program, org_id: str = "V1") -> dict[str, Any]:
    return stages.incentives.row(by_predicate=pl.col("org_id") == named(program, org_id), named=True)


def paid(stages: Stages, program: Program) -> dict[str, int]:
    prefix = named(program, "")
    return {
        org_id.removeprefix(prefix): fen for org_id, fen in stages.payments.select("org_id", "paid_fen").iter_rows()
    }


@pytest.mark.parametrize("scheme_seed", range(4))
def test_no_float_feeds_a_payment(scheme_seed: int) -> None:
    stages = run_programs(random_programs(scheme_seed, 25))
    frames = (stages.points, stages.units, stages.incentives, stages.payments, stages.pools)
    found = {name: dtype for rows in frames for name, dtype in rows.schema.items() if name in EXACT}
    assert set(found) == set(EXACT)
    assert set(found.values()) == {pl.Int64()}
    read = ["org_id", "peer_group", "base_fen", "incentive_score", "bonus_allowed"]
    assert not any(dtype.is_float() for dtype in stages.incentives.select(read).schema.values())
    # Payments read nothing else: without every other column they are the same.
    program = random_programs(scheme_seed, 25)[0]
    members = stages.incentives.select(read).filter(pl.col("org_id").str.starts_with(named(program, "")))
    policy = program.scheme.policy
    rules = PoolRules(policy.reserve_share, policy.cap_multiple, policy.exchange or "linear")
    again = bonus_payments(members, rules, total_fen=program.total_fen, carried_fen=program.carried_fen)
    same = stages.payments.filter(pl.col("org_id").str.starts_with(named(program, "")))
    assert again.units.equals(same)


@pytest.mark.parametrize("column", ["base_fen", "incentive_score"])
def test_float_money_and_float_scores_are_refused(column: str) -> None:
    units = pl.DataFrame(
        {"org_id": ["V1"], "peer_group": ["G1"], "base_fen": [100], "incentive_score": [80 * MILLION]}
    ).with_columns(bonus_allowed=True)
    with pytest.raises(TypeError, match=column):
        bonus_payments(units.with_columns(pl.col(column).cast(pl.Float64)), PoolRules(), total_fen=100)
    with pytest.raises(TypeError, match="fen"):
        bonus_payments(units, PoolRules(), total_fen=100.0)  # type: ignore[arg-type]


def test_float_scores_are_refused_where_they_become_consequences() -> None:
    scores = pl.DataFrame({"org_id": ["V1"], "indicator_id": ["I0"], "score100": [80.0], "weight": [MILLION]})
    rows = pl.DataFrame(schema={"adj_kind": pl.String, "org_id": pl.String})
    with pytest.raises(TypeError, match="score100"):
        apply_exemptions(scores, rows, ExemptionRules())
    adders = pl.DataFrame(schema=dict.fromkeys(ADDER_COLUMNS, pl.String) | {"points": pl.Int64})
    with pytest.raises(TypeError, match="differentiated_score"):
        incentive_scores(pl.DataFrame({"org_id": ["V1"], "differentiated_score": [80.0]}), adders, AdderRules())
    units = pl.DataFrame({"org_id": ["V1"], "peer_group": ["G1"], "incentive_score": [80.0], "p_within_quota": [0.5]})
    with pytest.raises(TypeError, match="incentive_score"):
        tiers(units.with_columns(has_satisfaction=True, pooled_periods=False), TierRules())


def test_no_random_number_reaches_a_payment() -> None:
    """Drawn probabilities decide on tier A; money is equal to the fen whatever is drawn."""
    programs = random_programs(4, 25)
    one, other = (run_programs(programs, rank_seed=seed) for seed in (1, 2))
    assert not one.units["p_within_quota"].equals(other.units["p_within_quota"])
    assert not one.incentives["tier"].equals(other.incentives["tier"])
    assert one.payments.equals(other.payments)
    assert one.pools.equals(other.pools)
    exact = [name for name in EXACT if name in one.incentives.columns]
    assert one.incentives.select(exact).equals(other.incentives.select(exact))


def test_running_twice_gives_equal_bytes() -> None:
    programs = random_programs(5, 10)
    assert published(run_programs(programs, rank_seed=4)) == published(run_programs(programs, rank_seed=4))


def test_ranks_and_tiers_are_taken_before_rounding() -> None:
    """A list score 7 millionths higher makes a raw score one millionth higher: on every page it is the same."""
    units = tuple(
        replace(UNIT, org_id=org_id, satisfaction_mean=85 * MILLION, list_score=85 * MILLION + more)
        for org_id, more in (("V1", 0), ("V2", 7), ("V3", -7), ("V4", -7))
    )
    at_85 = {(f"I{n}", unit.org_id): Fact(85 * MILLION) for n in (0, 1) for unit in units}
    window = {(f"I{n}", unit.org_id): (Fact(85 * MILLION),) * 3 for n in (2, 3) for unit in units}
    program = simple(units, facts=at_85, window=window)
    policy = replace(program.scheme.policy, quota=Fraction(1, 2))
    program = replace(program, scheme=replace(program.scheme, policy=policy))
    stages = run_program(program)
    found = {unit.org_id: unit_row(stages, program, unit.org_id) for unit in units}
    assert {name: row["incentive_score"] - 85 * MILLION for name, row in found.items()} == {
        "V1": 0,
        "V2": 1,
        "V3": -1,
        "V4": -1,
    }
    assert {name: row["rank"] for name, row in found.items()} == {"V1": 2, "V2": 1, "V3": 3, "V4": 3}
    assert {name: row["tier"] for name, row in found.items()} == {"V1": "A", "V2": "A", "V3": "B", "V4": "B"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 80),
        ({"satisfaction_mean": None}, 80),
        ({"list_score": None}, 80),
        ({"list_score": 0}, 68),
    ],
)
def test_a_missing_part_never_counts_as_zero(changes: dict[str, Any], expected: int) -> None:
    program = simple((replace(UNIT, **changes),))
    assert unit_row(run_program(program), program)["raw_score"] == expected * MILLION


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param({"facts": {("I0", "V1"): Fact(80 * MILLION)}}, id="a track"),
        pytest.param({"window": {("I3", "V1"): (Fact(80 * MILLION),) * 3}}, id="a latent track"),
        pytest.param({"window": {}}, id="latent achievement"),
        pytest.param({"facts": {("I0", "V1"): Fact(80 * MILLION), ("I1", "V1"): Fact(None)}}, id="a value"),
        pytest.param(
            {"facts": {("I0", "V1"): Fact(80 * MILLION), ("I1", "V1"): Fact(0, denominator=0)}}, id="a denominator of 0"
        ),
        pytest.param(
            {"window": {(f"I{n}", "V1"): (Fact(None), Fact(None), Fact(80 * MILLION)) for n in (2, 3)}}, id="years"
        ),
    ],
)
def test_a_missing_component_never_counts_as_zero(lost: dict[str, Any]) -> None:
    program = simple((UNIT,), **lost)
    assert unit_row(run_program(program), program)["raw_score"] == 80 * MILLION


def test_too_much_missing_is_no_score_and_the_median_of_the_group_in_money() -> None:
    units = tuple(replace(UNIT, org_id=f"V{n}") for n in range(1, 5))
    nothing_of_v4 = {key: fact for key, fact in simple(units).facts.items() if key[1] != "V4"}
    no_window = {key: facts for key, facts in simple(units).window.items() if key[1] != "V4"}
    program = simple(units, facts=nothing_of_v4, window=no_window)
    stages = run_program(program)
    row = unit_row(stages, program, "V4")
    assert [row[name] for name in ("results_score", "raw_score", "incentive_score", "rank", "tier")] == [None] * 5
    # 98% of 10,000 fen over four equal bases at equal factors.
    assert paid(stages, program) == dict.fromkeys(("V1", "V2", "V3", "V4"), 2_450)


def test_an_indicator_without_a_fact_has_no_row_of_points_instead_of_zero() -> None:
    program = simple((UNIT,), facts={("I0", "V1"): Fact(80 * MILLION)})
    points = run_program(program).points.filter(pl.col("indicator_id") == "I1")
    assert points["score100"].to_list() == [None]


def test_an_exemption_in_place_of_a_missing_score_stays_missing() -> None:
    """75 points in the place of a missing score would pull this unit's 80 down."""
    program = simple((UNIT,), facts={("I0", "V1"): Fact(80 * MILLION)}, exemptions={("I1", "V1"): "exempt"})
    assert unit_row(run_program(program), program)["raw_score"] == 80 * MILLION


def test_no_draft_scheme_reaches_a_score() -> None:
    day = dt.date(2026, 12, 31)
    adopted = scheme_as_of(load_schemes(SHIPPED_SCHEMES), day)
    draft = adopted.model_copy(update={"scheme_id": "draft-2026", "status": "draft"})
    assert scheme_as_of([draft, adopted], day) is adopted
    with pytest.raises(SchemeError, match="draft"):
        scheme_as_of([draft], day)


def test_no_future_organisation_tree_is_read() -> None:
    """Versions from the day after the period on, its exclusive end included, are not there yet."""
    end = dt.date(2027, 1, 1)
    versions = pl.DataFrame(
        {
            "org_id": ["V1", "V1", "V1", "V2", "V3"],
            "peer_group": ["plain", "hill", "town", "town", "hill"],
            "valid_from": [dt.date(2020, 1, 1), dt.date(2026, 6, 1), end, dt.date(2027, 5, 1), dt.date(2026, 12, 31)],
        }
    )
    for order in (versions, versions.reverse(), versions.sort("peer_group")):
        read = in_force(order, ["org_id"], end)
        assert read.select("org_id", "peer_group").rows() == [("V1", "hill"), ("V3", "hill")]
