"""Figures an official can check by head: fewer meetings, fewer documents, plaques taken down.

The first two are published year-on-year figures of one county, the third what one county took down; the rows
here are the smallest registers that hold them.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl

from scoring.burden.account import burden_account
from tests.support.burden_rows import YEAR, bearing_units, burden_inputs, burden_row

TOWNS = [f"QY-T{number:02d}" for number in range(1, 6)]


def _year(rows: list[dict[str, Any]]) -> pl.DataFrame:
    built = [burden_row(**row) for row in rows]
    inputs = burden_inputs(built, window=YEAR, bearers=bearing_units(QY_T01=12, QY_T02=12))
    return burden_account(inputs)


def _notices(kind: str, year: int, events: int) -> list[dict[str, Any]]:
    """So many notices of a year, each sent to five townships: rows are five times as many, events are not."""
    return [
        {
            "burden_kind": kind,
            "source_ref": f"{year}-{number}",
            "target_org_id": town,
            "start_date": date(year, 1, 4) + timedelta(days=number % 360),
        }
        for number in range(events)
        for town in TOWNS
    ]


def _events(account: pl.DataFrame, kind: str) -> dict[str, Any]:
    return account.filter(by="department_kind", burden_kind=kind, counted_class="streamlined").row(0, named=True)


def test_documents_fell_from_316_to_226() -> None:
    cell = _events(_year(_notices("document", 2025, 316) + _notices("document", 2026, 226)), "document")
    assert (cell["n_events_before"], cell["n_events"], cell["n_rows"]) == (316, 226, 1_130)
    assert f"{cell['n_events_change']:.2%}" == "-28.48%"


def test_meetings_fell_by_43_point_5_percent() -> None:
    cell = _events(_year(_notices("meeting", 2025, 200) + _notices("meeting", 2026, 113)), "meeting")
    assert f"{cell['n_events_change']:.1%}" == "-43.5%"


def test_987_plaques_came_down_and_the_five_counts_of_the_year_are_not_added_up() -> None:
    # Sort of plaque: how many hung a year ago, how many were taken down.
    sorts = {"机构": (60, 37), "功能": (700, 613), "荣誉": (300, 219), "其他": (150, 118)}
    rows = []
    for sort, (hung, removed) in sorts.items():
        plaque = {"burden_kind": "sign", "burden_subkind": sort, "target_org_id": "QY-T01"}
        rows.append({**plaque, "source_ref": f"{sort}-2025", "quantity": hung, "start_date": date(2025, 12, 31)})
        for step, day in enumerate((date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30), date(2026, 12, 31)), 1):
            left = hung - removed * step // 4
            rows.append({**plaque, "source_ref": f"{sort}-{day}", "quantity": left, "start_date": day})
    cell = _year(rows).filter(by="kind", burden_kind="sign").row(0, named=True)
    assert cell["quantity_before"] == 60 + 700 + 300 + 150
    assert cell["quantity_before"] - cell["quantity"] == 37 + 613 + 219 + 118 == 987
