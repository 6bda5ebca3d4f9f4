"""The tables the method puts out, declared once."""

from __future__ import annotations

from collections.abc import Mapping

from scoring.tables.declaration import STORED_DECIMALS, ResultColumn, ResultTable
from scoring.tables.departments import DEPARTMENT_ITEM, DEPARTMENT_SCORE
from scoring.tables.reasons import REASONS, Reason, join_reasons
from scoring.tables.satisfaction import SATISFACTION_MEAN
from scoring.tables.units import UNIT_POINTS

RESULT_TABLES: Mapping[str, ResultTable] = {
    table.name: table for table in (DEPARTMENT_SCORE, DEPARTMENT_ITEM, UNIT_POINTS, SATISFACTION_MEAN)
}
"""Every result table by name."""

__all__ = [
    "DEPARTMENT_ITEM",
    "DEPARTMENT_SCORE",
    "REASONS",
    "RESULT_TABLES",
    "SATISFACTION_MEAN",
    "STORED_DECIMALS",
    "UNIT_POINTS",
    "Reason",
    "ResultColumn",
    "ResultTable",
    "join_reasons",
]
