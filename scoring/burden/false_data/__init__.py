"""Too-good data: thirteen patterns that honest reporting rarely makes (burden catalogue, part 8).

Signs for people to check. A pattern counts against whoever keeps the register or set the target, never a
village; its units go to the verification draw; nothing changes a score.
"""

from __future__ import annotations

from scoring.burden.false_data.pattern import Limits, PatternResult, prepared_facts
from scoring.burden.false_data.report import (
    PATTERN_CODES,
    PATTERN_FAMILIES,
    FalseDataInputs,
    FalseDataResults,
    false_data_results,
)

__all__ = [
    "PATTERN_CODES",
    "PATTERN_FAMILIES",
    "FalseDataInputs",
    "FalseDataResults",
    "Limits",
    "PatternResult",
    "false_data_results",
    "prepared_facts",
]
