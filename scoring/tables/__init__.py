"""The tables the method puts out, declared once."""

from __future__ import annotations

from collections.abc import Mapping

from scoring.tables.anomalies import ANOMALY
from scoring.tables.declaration import STORED_DECIMALS, ResultColumn, ResultTable
from scoring.tables.departments import DEPARTMENT_ITEM, DEPARTMENT_SCORE
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
    )
}
"""Every result table by name."""

__all__ = [
    "ADJUSTMENT_APPLIED",
    "ANOMALY",
    "BONUS",
    "BONUS_POOL",
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
