"""All patterns of one period together: states, false discovery control, and who may be asked to explain."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from scoring.burden.false_data import (
    PATTERN_CODES,
    PATTERN_FAMILIES,
    FalseDataInputs,
    Limits,
    PatternResult,
    false_data_results,
)
from scoring.burden.false_data.report import decided, measured_first, not_measurable
from scoring.burden.parameters import Parameter, Parameters
from scoring.tables.false_data import FALSE_DATA_WATCH

LIMITS = Limits()
MONTHS = tuple(f"2026-{month:02d}" for month in range(1, 13))
NOW = MONTHS[-1]
ORGANISATIONS = pl.DataFrame(
    [{"org_id": f"V{k:03d}", "org_kind": "village", "peer_group": "plain", "households": 300 + k} for k in range(120)]
    + [
        {"org_id": o, "org_kind": "county_gov_dept", "peer_group": "dept", "households": None}
        for o in ("KEEPER", "SETTER")
    ]
)
INDICATORS = pl.DataFrame([{"indicator_id": "I", "direction": "higher_better", "unit": "户"}])


def fact(unit: int, value: float, **row: Any) -> dict[str, Any]:
    return {
        "indicator_id": "I",
        "org_id": f"V{unit:03d}",
        "period_id": NOW,
        "source_org_id": "KEEPER",
        "value": Decimal(str(value)),
        **row,
    }


def heaped() -> list[dict[str, Any]]:
    """FAL-02: 60 of 120 counts end in 0 or 5."""
    return [fact(k, 1000 + 5 * k + (0 if k % 2 else 1 + k % 3)) for k in range(120)]


def inputs_of(rows: list[dict[str, Any]], **more: Any) -> FalseDataInputs:
    return FalseDataInputs(NOW, MONTHS, pl.DataFrame(rows), INDICATORS, ORGANISATIONS, **more)


def flagged(inputs: FalseDataInputs) -> pl.DataFrame:
    return false_data_results(inputs, LIMITS).table.filter(pl.col("state") == "FLAGGED")


def overstated() -> pl.DataFrame:
    """FAL-09: every unit lies above the survey."""
    return pl.DataFrame(
        [
            {"indicator_id": "I", "org_id": f"V{k:03d}", "period_id": NOW, "independent_register": "S", "value": 900}
            for k in range(40)
        ]
    )


def check(unit: int, outcome: str = "differs", **key: str) -> dict[str, str]:
    fact_key = {"indicator_id": "I", "org_id": f"V{unit:03d}", "period_id": NOW, **key}
    return {"dataset": "performance_fact", "outcome": outcome, "fact_key": json.dumps(fact_key)}


def test_one_pattern_alone_only_sends_units_to_the_draw() -> None:
    result = false_data_results(inputs_of(heaped()), LIMITS)
    row = result.table.filter(pl.col("state") == "FLAGGED").row(0, named=True)
    assert (row["pattern_code"], row["subject_org_id"], row["next_step"]) == ("FAL-02", "KEEPER", "verify")
    assert (row["n_patterns"], row["n_failed_checks"], row["alpha"]) == (1, 0, 0.001)
    assert result.units["org_id"].to_list() == [f"V{k:03d}" for k in range(120) if k % 2]
    assert set(result.units["pattern_code"]) == {"FAL-02"}


def test_two_independent_patterns_are_enough_to_ask() -> None:
    rows = flagged(inputs_of(heaped(), independent=overstated()))
    assert rows["pattern_code"].to_list() == ["FAL-02", "FAL-09"]
    assert rows["next_step"].to_list() == ["explain", "explain"]
    assert rows["n_patterns"].to_list() == [2, 2]


def test_two_patterns_of_one_family_are_one() -> None:
    assert PATTERN_FAMILIES["FAL-01"] == PATTERN_FAMILIES["FAL-08"]
    assert PATTERN_FAMILIES["FAL-03"] == PATTERN_FAMILIES["FAL-05"]
    rows = [
        fact(k, 1000, target_value=Decimal(1000), target_set_by="SETTER", period_id=month)
        for month in MONTHS
        for k in range(60)
    ]
    both = flagged(inputs_of(rows)).filter(pl.col("subject_org_id") == "SETTER")
    assert both["pattern_code"].to_list() == ["FAL-01", "FAL-08"]
    assert both["n_patterns"].to_list() == [1, 1]
    assert both["next_step"].to_list() == ["verify", "verify"]


@pytest.mark.parametrize(
    ("checks", "step"),
    [
        ([check(1)], "explain"),
        ([check(1, source_org_id="KEEPER")], "explain"),
        ([check(1, "confirmed"), check(2, "not_verifiable")], "verify"),
        ([check(1, source_org_id="SETTER")], "verify"),
        ([check(1, period_id=MONTHS[0])], "verify"),
        ([check(1, indicator_id="OTHER")], "verify"),
        ([{**check(1), "dataset": "burden_fact"}], "verify"),
    ],
)
def test_one_pattern_and_a_failed_check_of_what_it_is_about(checks: list[dict[str, str]], step: str) -> None:
    row = flagged(inputs_of(heaped(), verifications=pl.DataFrame(checks))).row(0, named=True)
    assert row["next_step"] == step
    assert row["n_failed_checks"] == (1 if step == "explain" else 0)


def test_a_failed_check_without_a_pattern_asks_nobody() -> None:
    sound = [fact(k, 1000 + 7 * k) for k in range(120)]
    table = false_data_results(inputs_of(sound, verifications=pl.DataFrame([check(1)])), LIMITS).table
    assert set(table["next_step"]) == {"none"}


def test_what_was_not_delivered_is_said_for_every_pattern_and_is_never_a_zero() -> None:
    missing = not_measurable(false_data_results(inputs_of(heaped()), LIMITS).table)
    assert dict(missing.select("pattern_code", "missing_columns").iter_rows()) == {
        "FAL-01": "target_value",
        "FAL-05": "entered_at;entered_by_hash",
        "FAL-06": "visits",
        "FAL-07": "next_period",
        "FAL-08": "target_value",
        "FAL-09": "independent_register",
        "FAL-10": "earlier_periods",
        "FAL-11": "cases",
        "FAL-13": "linked_registers",
    }
    table = false_data_results(inputs_of(heaped()), LIMITS).table
    said = table.filter(pl.col("state").is_in(["NOT_MEASURABLE", "INSUFFICIENT_COUNTS", "EXEMPT"]))
    assert said["p_value"].null_count() == said.height
    assert set(table["pattern_code"]) >= set(PATTERN_CODES) - {"FAL-12"}, "a first period has no growth"


def test_without_any_fact_of_the_period_nothing_is_measurable() -> None:
    rows = [{**row, "period_id": MONTHS[0]} for row in heaped()]
    table = false_data_results(inputs_of(rows), LIMITS).table
    assert table["pattern_code"].to_list() == list(PATTERN_CODES)
    assert set(table.select("subject_org_id", "state", "missing_columns").rows()) == {
        ("*", "NOT_MEASURABLE", "performance_fact")
    }


def test_the_period_has_to_be_the_last_one() -> None:
    with pytest.raises(ValueError, match="the last of the periods must be the one that is judged"):
        false_data_results(replace(inputs_of(heaped()), period_id=MONTHS[0]), LIMITS)


def carried_out(p_values: list[float | None], code: str = "FAL-02") -> pl.DataFrame:
    rows = [
        {"pattern_code": code, "subject_org_id": "KEEPER", "indicator_id": f"I{k}", "p_value": p, "state": None}
        for k, p in enumerate(p_values)
    ]
    return PatternResult.of(rows).tests


def test_alpha_and_the_false_discovery_rate_have_both_to_be_met() -> None:
    """Among 100 tests .0004 has q = .04; .0006 as the second has .03, and so both; alone .0009 has .09."""
    both = decided(carried_out([0.0004, 0.0006, *[0.5] * 98]), LIMITS)
    assert both["state"].to_list()[:3] == ["FLAGGED", "FLAGGED", "NO_EVIDENCE"]
    assert both["q_value"][0] == pytest.approx(0.03)
    crowded = decided(carried_out([0.0009, *[0.5] * 99]), LIMITS)
    assert (crowded["state"][0], crowded["q_value"][0]) == ("NO_EVIDENCE", pytest.approx(0.09))
    few = decided(carried_out([0.002, 0.9]), LIMITS)
    assert (few["state"][0], few["q_value"][0]) == ("NO_EVIDENCE", pytest.approx(0.004))


def test_the_rate_is_controlled_inside_one_code_and_over_tests_that_were_carried_out() -> None:
    other = carried_out([0.5] * 99, "FAL-03")
    alone = decided(pl.concat([carried_out([0.0009, None]), other]), LIMITS).filter(pl.col("pattern_code") == "FAL-02")
    assert alone["q_value"].to_list() == [pytest.approx(0.0009), None]
    assert alone["state"][0] == "FLAGGED"


def test_results_depend_on_no_order_and_name_no_village() -> None:
    inputs = inputs_of(heaped(), independent=overstated())
    first = false_data_results(inputs, LIMITS)
    mixed = inputs.performance.sample(fraction=1.0, shuffle=True, seed=3)
    again = false_data_results(replace(inputs, performance=mixed), LIMITS)
    assert_frame_equal(first.table, again.table)
    assert_frame_equal(first.units, again.units)
    assert not first.table["subject_org_id"].str.starts_with("V").any()
    assert not first.table["evidence"].str.contains("V").any()


def test_a_village_that_closes_its_own_cases_is_no_subject() -> None:
    utc = pl.Datetime("us", "UTC")
    times = dict.fromkeys(("opened_at", "due_at", "closed_at", "reopened_at"), np.datetime64("2026-12-01", "us"))
    cases = pl.DataFrame([{"source_org_id": "V001"}]).with_columns(
        *(pl.lit(value).cast(utc).alias(name) for name, value in times.items())
    )
    table = false_data_results(inputs_of(heaped(), cases=cases), LIMITS).table
    assert "V001" not in table["subject_org_id"].to_list()


def test_limits_come_from_the_parameters_where_they_are_given() -> None:
    given = {"false_data.draws": 99, "false_data.hit_rate": 0.1, "false_data.unknown": 3}
    parameters = Parameters({name: Parameter(name, value, "", "J") for name, value in given.items()})
    limits = Limits.of(parameters)
    assert (limits.draws, limits.hit_rate, limits.alpha) == (99, 0.1, 0.001)
    assert isinstance(limits.draws, int)
    half = Parameters({"false_data.draws": Parameter("false_data.draws", 99.5, "draws", "J")})
    with pytest.raises(TypeError, match="not a whole number"):
        Limits.of(half)


def test_the_table_is_complete() -> None:
    names = [column.name for column in FALSE_DATA_WATCH.columns]
    assert len(names) == len(set(names))
    assert set(FALSE_DATA_WATCH.key) <= set(names)
    for column in FALSE_DATA_WATCH.columns:
        assert all((column.zh, column.en, column.description_zh, column.description_en)), column.name
        assert (column.decimals is not None) == (column.dtype == pl.Float64()), column.name


def test_who_is_measured_under_a_key_is_not_called_unmeasured_as_well() -> None:
    key = {"pattern_code": "FAL-08", "subject_org_id": "QY-D01", "indicator_id": "*", "compared_with": "*"}
    rows = [
        {**key, "state": "NOT_MEASURABLE"},
        {**key, "state": None},
        {**key, "subject_org_id": "QY-D02", "state": "NOT_MEASURABLE"},
    ]
    kept = measured_first(pl.DataFrame(rows))
    assert kept.select("subject_org_id", "state").rows() == [("QY-D01", None), ("QY-D02", "NOT_MEASURABLE")]
