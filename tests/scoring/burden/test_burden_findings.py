"""Findings and their re-checks, and which units' registers can be trusted."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from scoring.burden.findings import finding_counts, findings_on, monitoring_points
from scoring.burden.inputs import BurdenInputs
from tests.support.burden_rows import MARCH, burden_inputs, burden_row, organisations, parameters, records

NUMBERS = parameters(
    finding__recheck_days=180, monitoring__matched_share=0.6, register__match_days=3, monitoring__rows_min=5
)
PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-OFFICE", "org_kind": "coordinating_body", "host_org_id": "QY-D01"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
    {"org_id": "QY-V02", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
)


def finding(number: str, **columns: Any) -> dict[str, Any]:
    given = {"finding_id": number, "org_id": "QY-D01", "found_at": date(2026, 3, 5), "category": "过度留痕"}
    return {**given, "followup": "open", **columns}


def found(*rows: dict[str, Any]) -> BurdenInputs:
    return burden_inputs(window=MARCH, organisations=PLACES, findings=records("finding", *rows))


@pytest.mark.parametrize(
    ("columns", "state", "overdue"),
    [
        ({}, "open", None),
        ({"followup": None}, "open", None),
        # 180 days after 2 October 2025 are 31 March 2026, the last day of the window.
        ({"found_at": date(2025, 10, 2)}, "open", None),
        ({"found_at": date(2025, 10, 1)}, "open", 1),
        ({"found_at": date(2025, 9, 1), "followup": "mended"}, "mended", 31),
        ({"found_at": date(2025, 9, 1), "followup": "rechecked", "rechecked_at": date(2026, 2, 1)}, "rechecked", None),
        ({"found_at": date(2025, 9, 1), "followup": "rechecked", "rechecked_at": date(2026, 4, 1)}, "mended", 31),
        ({"found_at": date(2025, 1, 1), "followup": "relapsed", "rechecked_at": date(2026, 2, 1)}, "relapsed", None),
        ({"found_at": date(2025, 1, 1), "followup": "relapsed", "rechecked_at": date(2025, 9, 1)}, "relapsed", 31),
    ],
)
def test_states_and_overdue_rechecks(columns: dict[str, Any], state: str, overdue: int | None) -> None:
    row = findings_on(found(finding("F1", **columns)), NUMBERS).row(0, named=True)
    assert (row["state"], row["days_overdue"]) == (state, overdue)


def test_counts_by_who_answers() -> None:
    rows = finding_counts(
        found(
            finding("F1"),
            finding("F2", org_id="QY-OFFICE", found_at=date(2025, 1, 1)),
            finding("F3", found_at=date(2025, 6, 1), followup="mended"),
            finding("F4", found_at=date(2026, 4, 1)),
            finding("F5", org_id="QY-V01", followup="relapsed", rechecked_at=date(2026, 3, 20)),
            finding("F6", org_id="QY-GONE", followup="rechecked", rechecked_at=date(2026, 3, 20)),
        ),
        NUMBERS,
    )
    assert rows["subject_org_id"].to_list() == ["*", "QY-D01", "QY-GONE"]
    department = rows.row(1, named=True)
    counts = [department[f"n_{state}"] for state in ("found", "open", "mended", "rechecked", "relapsed", "overdue")]
    assert counts == [1, 2, 1, 0, 0, 2]
    # 180 days after 1 January 2025 are 30 June; from there to 31 March 2026 are 274.
    assert (department["most_days_overdue"], department["overdue_findings"]) == (274, "F2;F3")
    assert rows.row(2, named=True)["overdue_findings"] is None


def test_an_unknown_state_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="finding F1 has the follow-up forgotten; give one of open, mended"):
        finding_counts(found(finding("F1", followup="forgotten")), NUMBERS)


def register(own: list[int], issued: list[int], unit: str = "QY-V01", reported_by: str = "receiving_register") -> Any:
    """Rows of both registers by the number of the document."""
    common = {"target_org_id": unit}
    return [
        *(burden_row(source_ref=f"S{n}", doc_no=f"D{n}", reported_by="issuer_register", **common) for n in issued),
        *(burden_row(source_ref=f"R{n}", doc_no=f"D{n}", reported_by=reported_by, **common) for n in own),
    ]


def points(*rows: dict[str, Any], findings: tuple[dict[str, Any], ...] = ()) -> pl.DataFrame:
    inputs = burden_inputs(list(rows), organisations=PLACES, findings=records("finding", *findings))
    return monitoring_points(inputs, inputs.facts, NUMBERS)


@pytest.mark.parametrize(
    ("own", "issued", "share", "state"),
    [
        ([1, 2, 3], [1, 2, 3, 4, 5], 0.6, "trusted"),
        ([1, 2, 8, 9], [1, 2, 3, 4, 5], 0.4, "not_trusted"),
        ([1, 2, 3, 4], [1, 2, 3, 4], None, "unknown"),
        ([7, 8], [], None, "unknown"),
    ],
)
def test_a_register_is_trusted_when_it_knows_what_issuers_recorded(
    own: list[int], issued: list[int], share: float | None, state: str
) -> None:
    row = points(*register(own, issued)).row(0, named=True)
    assert (row["n_own_rows"], row["n_issuer_rows"]) == (len(own), len(issued))
    assert row["n_matched"] == len(set(own) & set(issued))
    assert (row["matched_share"], row["state"]) == (share, state)
    assert row["reason_codes"] == ("TOO_FEW_ROWS_TO_MATCH" if share is None else None)


def test_reports_of_a_monitoring_unit_are_its_register_and_the_hotline_is_not() -> None:
    monitored = points(*register([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], reported_by="monitoring_unit"))
    assert monitored["state"].to_list() == ["trusted"]
    assert points(*register([1, 2], [1, 2, 3, 4, 5], reported_by="hotline")).is_empty()
    assert points(*register([], [1, 2, 3, 4, 5])).is_empty()


def test_findings_about_the_township_above_are_shown_with_their_rechecks() -> None:
    about = (
        finding("F1", org_id="QY-T01"),
        finding("F2", org_id="QY-T01", followup="rechecked", rechecked_at=date(2026, 3, 20)),
        finding("F3", org_id="QY-T01", followup="rechecked", rechecked_at=date(2026, 4, 20)),
        finding("F4", org_id="QY-D01"),
    )
    rows = points(*register([1], [1]), *register([2], [2], unit="QY-V02"), findings=about)
    assert rows.select("org_id", "n_findings", "n_rechecked").rows() == [("QY-V01", 3, 1), ("QY-V02", 3, 1)]
