"""Burden: the account, the breaches, the lists, the gate, and what people should look at (docs/burden.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import polars as pl

from scoring.burden.account import burden_account
from scoring.burden.admission import admission_breaches
from scoring.burden.consistency_review import consistency_coverage
from scoring.burden.duty_list_problems import DutyRegister, duty_list_problems, duty_references
from scoring.burden.duty_matching import off_list_tasks
from scoring.burden.false_data import FalseDataInputs, Limits, false_data_results
from scoring.burden.findings import finding_counts, monitoring_points
from scoring.burden.form_overlaps import form_overlaps
from scoring.burden.inputs import BurdenInputs, Window
from scoring.burden.parameters import Parameters
from scoring.burden.registers import register_completeness
from scoring.burden.resources import resource_ratios, staffing_norm
from scoring.burden.rules import RULES
from scoring.burden.runner import burden_flags
from scoring.burden.shifted import UnitMonths, shifted_burden
from scoring.scheme import Scheme
from scoring.tables import BURDEN_TABLES
from tasks.burden_inputs import BurdenData


def burden_tables(data: BurdenData | None, scheme: Scheme, period_id: str) -> dict[str, pl.DataFrame]:
    """Every result about burden of one period; empty tables without the section or without a register."""
    empty = {name: table.empty() for name, table in BURDEN_TABLES.items()}
    if data is None or scheme.burden is None:
        return empty
    inputs, parameters = data.inputs, scheme.burden.values
    overlaps = form_overlaps(
        inputs,
        minutes_per_field=parameters.number("minutes.field"),
        declared_uses=parameters.words("form.declared_uses"),
    )
    return {
        **empty,
        "burden_account": burden_account(inputs, floor_units=parameters.whole("register.floor_units")),
        "register_completeness": register_completeness(data.delivered, inputs.window, parameters),
        "burden_flag": burden_flags(
            inputs, parameters, RULES, scheme.burden.forms, bearers_floor=parameters.whole("register.floor_units")
        ),
        "duty_list_problem": duty_list_problems(_duty_register(inputs, parameters), period_id),
        "off_list_task": off_list_tasks(inputs),
        "admission_breach": admission_breaches(inputs, parameters),
        "consistency_coverage": consistency_coverage(inputs, parameters, _seed(period_id)),
        "resource_ratio": resource_ratios(inputs, parameters),
        "staffing_norm": staffing_norm(inputs, parameters),
        "duplicate_datum": overlaps.duplicates,
        "overlap_pair": overlaps.pairs,
        "unused_field": overlaps.unused,
        "finding_count": finding_counts(inputs, parameters),
        "monitoring_point": monitoring_points(inputs, data.delivered, parameters),
        "burden_shift": _shifted(inputs, parameters),
        "false_data_watch": _false_data(data, parameters),
    }


def _seed(period_id: str) -> int:
    """The seed of a period's draws: the same for everybody who works the period out again."""
    return int.from_bytes(sha256(period_id.encode()).digest()[:4])


def _duty_register(inputs: BurdenInputs, parameters: Parameters) -> DutyRegister:
    day = inputs.window.end - timedelta(days=1)
    return DutyRegister(
        inputs.duties, inputs.organisations, inputs.admissions, day, parameters.words("certificate.forbidden"),
        duty_references(inputs.indicators, inputs.facts, day),
    )  # fmt: skip


def _shifted(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """The shifted-burden watch, beside the run of the month before, which it has to repeat."""
    months = 12 * inputs.bearers.height
    if not months:
        return BURDEN_TABLES["burden_shift"].empty()
    exposure = UnitMonths(months, months)
    earlier = replace(inputs, window=_month_earlier(inputs.window))
    return shifted_burden(inputs, parameters, exposure, shifted_burden(earlier, parameters, exposure))


def _month_earlier(window: Window) -> Window:
    end = (window.end.replace(day=1) - timedelta(days=1)).replace(day=1)
    start = (window.start.replace(day=1) - timedelta(days=1)).replace(day=1)
    return Window(f"{window.period_id}-1M", start, end)


def _false_data(data: BurdenData, parameters: Parameters) -> pl.DataFrame:
    """Patterns of too-good data over the period and the history of its kind."""
    inputs = data.inputs
    judged = FalseDataInputs(
        period_id=inputs.window.period_id,
        periods=data.history,
        performance=inputs.performance.collect(),
        indicators=inputs.indicators,
        organisations=inputs.organisations,
        verifications=inputs.verifications,
        visits=_visits(inputs),
    )
    return false_data_results(judged, Limits.of(parameters)).table


def _visits(inputs: BurdenInputs) -> pl.DataFrame:
    """Units and days of inspections and visits."""
    kinds = pl.col("burden_kind").is_in(["inspection", "survey_visit"])
    rows = inputs.facts.filter(kinds).select(org_id="target_org_id", day="start_date").drop_nulls().unique()
    return rows.sort("org_id", "day").collect(engine="streaming")
