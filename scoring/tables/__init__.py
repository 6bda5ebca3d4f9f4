"""The tables the method puts out, declared once."""

from __future__ import annotations

from collections.abc import Mapping

from scoring.tables.admission import (
    ADMISSION_BREACH,
    CONSISTENCY_COVERAGE,
    FINDING_COUNT,
    MONITORING_POINT,
    RESOURCE_RATIO,
    STAFFING_NORM,
    VERIFICATION_RATE,
)
from scoring.tables.anomalies import ANOMALY
from scoring.tables.burden_account import BURDEN_ACCOUNT, REGISTER_COMPLETENESS
from scoring.tables.burden_flags import BURDEN_FLAG
from scoring.tables.burden_watch import BURDEN_SHIFT, SLACK_WATCH
from scoring.tables.declaration import STORED_DECIMALS, ResultColumn, ResultTable
from scoring.tables.departments import DEPARTMENT_ITEM, DEPARTMENT_SCORE
from scoring.tables.duty_lists import DUTY_LIST_PROBLEM, OFF_LIST_TASK
from scoring.tables.false_data import FALSE_DATA_WATCH
from scoring.tables.form_overlaps import DUPLICATE_DATUM, OVERLAP_PAIR, UNUSED_FIELD
from scoring.tables.frame import FRAME_MEMBER, FRAME_TURNOUT
from scoring.tables.incentives import ADJUSTMENT_APPLIED, BONUS, BONUS_POOL, INCENTIVE_SCORE
from scoring.tables.reasons import REASONS, Reason, join_reasons, merged_reasons
from scoring.tables.satisfaction import SATISFACTION_MEAN, UNIT_SATISFACTION
from scoring.tables.units import (
    DEPARTMENT_COMPOSITE,
    DEPARTMENT_INDICATOR,
    EFFECTIVE_WEIGHT,
    UNIT_CELL,
    UNIT_INDICATOR,
    UNIT_POINTS,
    UNIT_SCORE,
)

BURDEN_TABLES: Mapping[str, ResultTable] = {
    table.name: table
    for table in (
        BURDEN_ACCOUNT,
        REGISTER_COMPLETENESS,
        BURDEN_FLAG,
        DUTY_LIST_PROBLEM,
        OFF_LIST_TASK,
        ADMISSION_BREACH,
        CONSISTENCY_COVERAGE,
        RESOURCE_RATIO,
        STAFFING_NORM,
        DUPLICATE_DATUM,
        OVERLAP_PAIR,
        UNUSED_FIELD,
        FINDING_COUNT,
        MONITORING_POINT,
        VERIFICATION_RATE,
        BURDEN_SHIFT,
        SLACK_WATCH,
        FALSE_DATA_WATCH,
    )
}
"""The result tables about burden, of the same releases."""

RESULT_TABLES: Mapping[str, ResultTable] = {
    table.name: table
    for table in (
        DEPARTMENT_SCORE,
        DEPARTMENT_ITEM,
        DEPARTMENT_COMPOSITE,
        DEPARTMENT_INDICATOR,
        UNIT_POINTS,
        UNIT_INDICATOR,
        UNIT_CELL,
        SATISFACTION_MEAN,
        UNIT_SATISFACTION,
        UNIT_SCORE,
        EFFECTIVE_WEIGHT,
        INCENTIVE_SCORE,
        BONUS,
        BONUS_POOL,
        ADJUSTMENT_APPLIED,
        FRAME_MEMBER,
        FRAME_TURNOUT,
        ANOMALY,
        *BURDEN_TABLES.values(),
    )
}
"""Every result table by name."""

__all__ = [
    "ADJUSTMENT_APPLIED",
    "ANOMALY",
    "BONUS",
    "BONUS_POOL",
    "BURDEN_TABLES",
    "DEPARTMENT_COMPOSITE",
    "DEPARTMENT_INDICATOR",
    "DEPARTMENT_ITEM",
    "DEPARTMENT_SCORE",
    "EFFECTIVE_WEIGHT",
    "FRAME_MEMBER",
    "FRAME_TURNOUT",
    "INCENTIVE_SCORE",
    "REASONS",
    "RESULT_TABLES",
    "SATISFACTION_MEAN",
    "STORED_DECIMALS",
    "UNIT_CELL",
    "UNIT_INDICATOR",
    "UNIT_POINTS",
    "UNIT_SATISFACTION",
    "UNIT_SCORE",
    "Reason",
    "ResultColumn",
    "ResultTable",
    "join_reasons",
    "merged_reasons",
]
