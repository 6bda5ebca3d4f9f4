"""Resources follow tasks: what was granted in time against what was promised; and the staffing norm."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.inputs import Window
from scoring.burden.resources import promises, resource_ratios, staffing_norm
from tests.support.burden_rows import burden_inputs, organisations, parameters, records

NUMBERS = parameters(resource__ratio_min=0.9, resource__grace_days=30, staffing__community_workers_per_10000=18)
APRIL = Window("2026M04", date(2026, 4, 1), date(2026, 5, 1))
TOWN = {"org_kind": "township", "level": "township"}
VILLAGE = {"org_kind": "village", "level": "village"}
PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-T01", **TOWN},
    {"org_id": "QY-T02", **TOWN},
    {"org_id": "QY-V01", "parent_org_id": "QY-T01", **VILLAGE},
    {"org_id": "QY-V02", "parent_org_id": "QY-T01", **VILLAGE},
)
TASK: dict[str, Any] = {
    "admission_id": "A1",
    "applicant_org_id": "QY-D01",
    "target_scope": "all_villages",
    "decision": "approved",
    "valid_from": date(2026, 3, 5),
    "funding_yuan": 1000,
}


def grant(quantity: Any, **columns: Any) -> dict[str, Any]:
    given = {"admission_id": "A1", "kind": "funding_yuan", "receiving_org_id": "QY-V01", "quantity": quantity}
    return {**given, "granted_at": date(2026, 3, 20), **columns}


def ratios(*grants: dict[str, Any], window: Window = APRIL, **task: Any) -> pl.DataFrame:
    inputs = burden_inputs(
        window=window,
        organisations=PLACES,
        admissions=records("task_admission", TASK | task),
        grants=records("resource_grant", *grants),
    )
    return resource_ratios(inputs, NUMBERS)


def total(rows: pl.DataFrame, kind: str = "funding_yuan") -> dict[str, Any]:
    return rows.filter((pl.col("receiving_org_id") == "*") & (pl.col("kind") == kind)).row(0, named=True)


def test_what_is_empty_or_zero_is_no_promise_and_words_promise_one_item() -> None:
    row = {"admission_id": "A1", "funding_yuan": 0, "staff_fte": "1.5", "authority_granted": "处罚权", "equipment": " "}
    assert promises(records("task_admission", row)).rows() == [
        ("A1", "authority", 1_000_000),
        ("A1", "staff_fte", 1_500_000),
    ]


@pytest.mark.parametrize(
    ("quantity", "state", "ratio"),
    [(1000, "met", 1.0), (900, "met", 0.9), ("899.999999", "short", 0.9), (0, "short", 0.0), (3000, "met", 3.0)],
)
def test_the_least_ratio_is_held_exactly(quantity: Any, state: str, ratio: float) -> None:
    row = total(ratios(grant(quantity)))
    assert (row["state"], row["ratio"]) == (state, pytest.approx(ratio, abs=1e-6))
    assert (row["promised"], row["granted"]) == (Decimal(1000), Decimal(quantity))
    assert (row["subject_org_id"], row["due_on"]) == ("QY-D01", "2026-04-04")


@pytest.mark.parametrize(
    ("granted_at", "in_time", "later"),
    [(date(2026, 4, 4), 1000, 0), (date(2026, 4, 5), 0, 1000), (date(2026, 5, 1), 0, 0)],
)
def test_only_what_came_within_the_grace_counts(granted_at: date, in_time: int, later: int) -> None:
    row = total(ratios(grant(1000, granted_at=granted_at), grant(0)))
    assert (row["granted"], row["granted_later"]) == (Decimal(in_time), Decimal(later))
    assert row["state"] == ("met" if in_time else "short")


def test_a_promise_is_judged_when_it_is_due_and_not_before() -> None:
    march = Window("2026M03", date(2026, 3, 1), date(2026, 4, 1))
    assert total(ratios(grant(0), window=march))["state"] == "not_due"
    until_the_day = Window("C-1", date(2026, 4, 1), date(2026, 4, 5))
    assert total(ratios(grant(0), window=until_the_day))["state"] == "short"
    before = Window("2026M02", date(2026, 2, 1), date(2026, 3, 1))
    assert ratios(grant(0), window=before).is_empty()
    assert ratios(
        grant(0), valid_to=date(2026, 3, 20), window=Window("C-2", date(2026, 6, 1), date(2026, 7, 1))
    ).is_empty()


def test_what_a_department_grants_itself_keeps_no_promise() -> None:
    assert total(ratios(grant(1000, receiving_org_id="QY-D01")))["granted"] == 0
    assert total(ratios(grant(1000, receiving_org_id="QY-T02")))["granted"] == 0
    # The township above the villages hands it on.
    assert total(ratios(grant(1000, receiving_org_id="QY-T01")))["granted"] == 1000


def test_receivers_stand_beside_an_equal_share() -> None:
    rows = ratios(grant(600), grant(400, receiving_org_id="QY-T01"), staff_fte=1)
    of_money = rows.filter(pl.col("kind") == "funding_yuan").select("receiving_org_id", "promised", "granted", "ratio")
    assert of_money.rows() == [
        ("*", Decimal(1000), Decimal(1000), 1.0),
        ("QY-T01", None, Decimal(400), None),
        ("QY-V01", Decimal(500), Decimal(600), 1.2),
        ("QY-V02", Decimal(500), Decimal(0), 0.0),
    ]
    assert total(rows, "staff_fte")["state"] == "short"


def test_granted_without_a_promise_is_shown_and_without_a_register_nothing_is_measured() -> None:
    assert total(ratios(grant(3, kind="training_days")), "training_days")["state"] == "not_promised"
    row = total(ratios())
    assert (row["state"], row["granted"], row["ratio"]) == ("not_measurable", None, None)
    assert row["reason_codes"] == "NOT_MEASURABLE"


@pytest.mark.parametrize("decision", ["pending", "rejected", "withdrawn"])
def test_what_was_not_approved_promised_nothing(decision: str) -> None:
    assert ratios(grant(1), decision=decision).is_empty()


@settings(max_examples=30, deadline=None)
@given(
    grants=st.lists(st.tuples(st.integers(0, 800), st.dates(date(2026, 3, 1), date(2026, 5, 10))), max_size=4),
    more=st.integers(1, 500),
)
def test_granting_more_never_lowers_a_ratio(grants: list[tuple[int, date]], more: int) -> None:
    given_before = [grant(quantity, granted_at=day) for quantity, day in grants] + [
        grant(0, granted_at=date(2026, 1, 1))
    ]
    before = ratios(*given_before)
    after = ratios(*given_before, grant(more, granted_at=date(2026, 3, 2)))
    key = ["admission_id", "receiving_org_id", "kind"]
    both = before.join(after, on=key, suffix="_after")
    assert both.height == before.height
    assert (both["ratio_after"].fill_null(0) >= both["ratio"].fill_null(0)).all()


# The staffing norm


def community(number: int, **columns: Any) -> dict[str, Any]:
    place = {"org_kind": "community", "level": "village", "parent_org_id": "QY-S01"}
    return {"org_id": f"QY-C{number:02}", **place, **columns}


def norm(*units: dict[str, Any], **subdistrict: Any) -> dict[str, dict[str, Any]]:
    above = {"org_id": "QY-S01", "org_kind": "subdistrict", "level": "township", "staff": 99, **subdistrict}
    rows = staffing_norm(burden_inputs(organisations=organisations(above, *units)), NUMBERS)
    return {row["org_id"]: row for row in rows.to_dicts()}


def test_eighteen_workers_per_ten_thousand_urban_residents() -> None:
    rows = norm(
        community(1, staff=9, urban_population=5000),
        community(2, staff=9, urban_population=5001),
        community(3, staff=20, urban_population=10_000),
    )
    assert {name: row["per_10000"] for name, row in rows.items() if name != "QY-C02"} == {
        "QY-C01": 18.0, "QY-C03": 20.0, "QY-S01": pytest.approx(38 * 10_000 / 20_001, abs=1e-6),
    }  # fmt: skip
    # 5,001 residents need 9.0018 workers, which is ten people.
    assert [(rows[name]["needed"], rows[name]["missing"]) for name in ("QY-C01", "QY-C02", "QY-C03")] == [
        (9, 0), (10, 1), (18, 0),
    ]  # fmt: skip
    # All communities: 38 workers of 37 (36.0018 rounded up), so nobody is missing.
    assert (rows["QY-S01"]["staff"], rows["QY-S01"]["needed"], rows["QY-S01"]["missing"]) == (38, 37, 0)


def test_the_townships_own_population_comes_first() -> None:
    rows = norm(community(1, staff=9, urban_population=5000), urban_population=8000)
    assert rows["QY-S01"]["urban_population"] == 8000


def test_a_missing_denominator_is_null_and_never_zero() -> None:
    rows = norm(community(1, staff=9), community(2, urban_population=5000), community(3, staff=0, urban_population=0))
    assert [rows[f"QY-C0{n}"]["per_10000"] for n in (1, 2, 3)] == [None, None, None]
    assert [rows[f"QY-C0{n}"]["missing"] for n in (1, 2, 3)] == [None, None, None]
    assert rows["QY-C01"]["reason_codes"] == "NO_URBAN_POPULATION"
    assert rows["QY-C02"]["reason_codes"] == "NO_STAFF_FIGURE"
    assert rows["QY-C03"]["reason_codes"] == "NO_URBAN_POPULATION"
    above = rows["QY-S01"]
    assert (above["staff"], above["urban_population"], above["per_10000"]) == (None, None, None)
    assert above["reason_codes"] == "NO_STAFF_FIGURE;NO_URBAN_POPULATION"


def test_nobody_at_work_is_zero_workers() -> None:
    row = norm(community(1, staff=0, urban_population=5000))["QY-C01"]
    assert (row["per_10000"], row["missing"]) == (0.0, 9)
