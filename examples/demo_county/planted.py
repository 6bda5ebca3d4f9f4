"""What the county's offices did against the rules, on purpose, and beside each case one that only looks like it.

Every planted case stands on a bearing unit of its own, so that no two of them make a third. Rows are as the contract
stores them; the ledger says what must be found, and nothing else may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import polars as pl

from examples.demo_county import vocabulary as words
from expectations.datasets.burden_fact import UNIT_OF_KIND

STOCKS: Final = ("app", "work_group", "sign", "mechanism")
PERIODS: Final = ("2026M07", "2026M08", "2026M09")

FORM_CATALOGUE_ID: Final = "ZR-2025-101"
"""Admission of the forms and tasks that come every year, reviewed as a whole."""
ASSESSMENT_ID: Final = "ZR-2025-102"
SECONDMENT_ID: Final = "ZR-2025-103"
VILLAGE_ASSESSMENT_ID: Final = "ZR-2025-104"
COMMUNITY_WORKERS_ID: Final = "ZR-2025-105"

ALLOWED_CAMPAIGN: Final = "保留-2026-01"
ALLOWED_PLEDGE: Final = "责任状清单-2026-01"
ORGANISER_ID: Final = "JC-ZZB"
"""The office that runs the merged assessment of the county."""
GO_LIVE: Final = "2026-07-01"

BURDEN_COLUMNS: Final = (
    "burden_kind", "burden_subkind", "measure", "issuer_org_id", "target_org_id", "source_ref", "start_date",
    "end_date", "quantity", "unit", "duration_min", "persons", "words", "escort_persons", "amount_yuan",
    "issued_at", "due_at", "title", "matter", "doc_no", "plan_no", "draft_id", "parent_source_ref", "similarity",
    "channel", "features", "reported_by", "counted_class", "duty_id", "admission_id", "items_n", "points_total",
    "depth", "step_min", "frequency",
)  # fmt: skip

PLANTED_COLUMNS: Final = ("code", "result_type", "subject_org_id", "period_id", "what")

Cell = str | int | float | None


@dataclass
class Ledger:
    """Rows of burden facts that were planted, and what has to be found in them."""

    rows: list[Mapping[str, Cell]] = field(default_factory=list)
    planted: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    numbers: count[int] = field(default_factory=lambda: count(1))

    def expect(self, codes: str, subject: str, periods: str | Sequence[str], what: str) -> None:
        """Write down what has to be found: ``codes`` are separated by blanks, ``code/watch`` for a watch."""
        for period in [periods] if isinstance(periods, str) else periods:
            for each in codes.split():
                code, _, result = each.partition("/")
                self.planted.append((code, result or "breach", subject, period, what))

    def row(self, kind: str, issuer: str, bearer: str, day: str, title: str, **cells: Cell) -> str:
        """Add one row and return its reference."""
        reference = str(cells.pop("source_ref", None) or f"ZC-{day[:4]}-{next(self.numbers):05d}")
        self.rows.append(
            {
                "burden_kind": kind,
                "measure": "stock" if kind in STOCKS else "flow",
                "issuer_org_id": issuer,
                "target_org_id": bearer,
                "source_ref": reference,
                "start_date": day,
                "quantity": 1,
                "unit": UNIT_OF_KIND[kind],
                "title": title,
                "reported_by": "issuer_register",
                **cells,
            }
        )
        return reference

    def burden(self) -> pl.DataFrame:
        """The rows as dataset ``burden_fact``, in the order of days."""
        rows = pl.DataFrame([{name: row.get(name) for name in BURDEN_COLUMNS} for row in self.rows],
                            infer_schema_length=None)  # fmt: skip
        given = [name for name in BURDEN_COLUMNS if rows[name].null_count() < rows.height]
        return rows.select(given).sort("start_date", "issuer_org_id", "source_ref", "target_org_id")

    def table(self) -> pl.DataFrame:
        """What has to be found, once each, sorted."""
        rows = pl.DataFrame(self.planted, schema=dict.fromkeys(PLANTED_COLUMNS, pl.String), orient="row")
        key = list(PLANTED_COLUMNS[:-1])
        return rows.unique(key, keep="first", maintain_order=True).sort(key)


def at(day: str, clock: str = "09:00") -> str:
    """A clock time of the county."""
    return f"{day}T{clock}:00+08:00"


def village(number: int) -> str:
    """The ``number``-th village of the seven southern townships; 98 of them, none a community."""
    township, place = divmod(number, 14)
    return f"JC-T{11 + township:02d}-V{place + 1:02d}"


def department(sign: str) -> str:
    """Id of the department with a sign."""
    return next(each.org_id for each in words.DEPARTMENTS if each.sign == sign)
