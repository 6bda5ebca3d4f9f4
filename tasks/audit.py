"""Audit: results against their expectations, before anything is visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from expectations.catalogue import Language, message
from expectations.results import result_expectations
from scoring.tables import RESULT_TABLES, ResultTable


@dataclass(frozen=True)
class AuditFinding:
    """One expectation that results do not meet."""

    code: str
    table: str
    detail: str

    def text(self, language: Language) -> str:
        """The finding as a sentence."""
        return message(self.code).text(language, value=self.table, detail=self.detail)


@dataclass(frozen=True)
class Audit:
    """The outcome of the gate: what was evaluated, and what failed."""

    evaluated: int
    findings: tuple[AuditFinding, ...]

    @property
    def passed(self) -> bool:
        """Whether the results may be released."""
        return not self.findings


def audit(results: Mapping[str, pl.DataFrame]) -> Audit:
    """Run the audit gate over all result tables of a period; an empty table has nothing to evaluate."""
    evaluated = 0
    findings: list[AuditFinding] = []
    for name, frame in results.items():
        declared = RESULT_TABLES[name]
        number, failed = _audit_table(declared, frame)
        evaluated += number
        findings += failed
    return Audit(evaluated, tuple(findings))


def _audit_table(declared: ResultTable, frame: pl.DataFrame) -> tuple[int, list[AuditFinding]]:
    from expectations.gate import validate

    if frame.is_empty():
        return 0, []
    filled = tuple(column.name for column in declared.columns if not column.nullable)
    expectations = result_expectations(declared.schema, declared.key, filled)
    result = validate(
        frame.lazy(), expectations, suite_name=f"result_{declared.name}", candidates=frame, positions=declared.key
    )
    failed = [outcome for outcome in result.outcomes if not outcome.success]
    return len(expectations), [
        AuditFinding(each.expectation.code, declared.name, f"{', '.join(each.expectation.columns)} ({each.unexpected})")
        for each in failed
    ]
