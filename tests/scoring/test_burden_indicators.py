"""Burden per bearing unit, worked by hand."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from scoring.burden_indicators import BURDEN_INDICATORS, burden_indicators

SCHEMA = {
    "burden_kind": pl.String,
    "issuer_org_id": pl.String,
    "quantity": pl.Int64,
    "duty_id": pl.String,
    "admission_id": pl.String,
    "dup_of": pl.String,
}
ISSUERS = pl.DataFrame({"org_id": ["D1", "D2"]})


def _rows(*rows: tuple[object, ...]) -> pl.LazyFrame:
    return pl.LazyFrame(list(rows), schema=SCHEMA, orient="row")


def _found(rows: pl.LazyFrame, n_bearers: int = 3) -> dict[tuple[str, str], Decimal]:
    frame = burden_indicators(rows, ISSUERS, n_bearers=n_bearers)
    return {(row["indicator_id"], row["org_id"]): row["value"] for row in frame.iter_rows(named=True)}


def test_quantities_are_per_unit_and_a_kept_register_has_zeros() -> None:
    found = _found(
        _rows(
            ("document", "D1", 4, None, None, None),
            ("work_reminder", "D1", None, None, None, None),
            ("document", "D1", 9, None, None, "HY-1"),
            ("meeting", "D1", 2, "T-B01", None, None),
            ("secondment", "D1", 7, None, None, None),
        )
    )
    assert found["BURDEN-DOCUMENT", "D1"] == Decimal("1.666667"), "4 and 1 over 3 units; the duplicate counts once"
    assert found["BURDEN-MEETING", "D1"] == Decimal("0.666667"), "a duty does not take a meeting off the account"
    assert {value for (_, org_id), value in found.items() if org_id == "D2"} == {Decimal(0)}
    assert len(found) == 2 * len(BURDEN_INDICATORS)


def test_only_tasks_on_no_list_and_not_admitted_are_off_list() -> None:
    found = _found(
        _rows(
            ("temp_task", "D2", 1, "T-B01", None, None),
            ("temp_task", "D2", 1, None, "A-1", None),
            ("temp_task", "D2", 6, None, None, None),
        )
    )
    assert found["BURDEN-OFF-LIST-TASK", "D2"] == Decimal(2)


def test_no_register_and_no_bearers_give_no_figures() -> None:
    assert _found(_rows()) == {}
    assert _found(_rows(("document", "D1", 4, None, None, None)), n_bearers=0) == {}
