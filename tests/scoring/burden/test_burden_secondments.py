"""Secondments: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules import secondments
from tests.support.burden_rows import burden_inputs, burden_row, found, organisations, parameters, records

PARAMETERS = parameters(
    secondment__forbidden_levels=("county", "township", "village"),
    secondment__days_max=180,
    secondment__extension_days=180,
    secondment__share_max=0.1,
)
PLACES = organisations(
    {"org_id": "QY-D01", "staff": 10},
    {"org_id": "HB", "org_kind": "prefecture_dept", "level": "prefecture", "staff": 50},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township", "staff": 40},
)
ADMITTED = records(
    "task_admission",
    {
        "admission_id": "A1",
        "applicant_org_id": "QY-D01",
        "decided_by_org_id": "QY",
        "approval_level": "county",
        "decision": "approved",
        "valid_from": date(2026, 1, 1),
        "valid_to": date(2026, 7, 1),
    },
)


def _loan(reference: str = "J-1", **columns: Any) -> dict[str, Any]:
    """A person of a township lent to a department of the county for the 10 days from 10 March."""
    given = {
        "target_org_id": "QY-T01",
        "bearer_kind": "township",
        "bearer_level_rank": 2,
        "start_date": date(2026, 3, 10),
        "end_date": date(2026, 3, 19),
        "quantity": 10,
        "persons": 1,
    }
    return burden_row(burden_kind="secondment", source_ref=reference, **(given | columns))


def _places(*rows: dict[str, Any], **frames: Any) -> BurdenInputs:
    return burden_inputs(rows, **{"organisations": PLACES, "admissions": ADMITTED, **frames})


def _one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


COMMUNITY: dict[str, Any] = {"target_org_id": "QY-C01", "bearer_kind": "community", "bearer_level_rank": 1}
TOWNSHIP: dict[str, Any] = {"issuer_org_id": "QY-T01", "issuer_level_rank": 2, "issuer_kind": "township"}


# SEC-01


def test_sec_01_a_loan_from_below_needs_an_admission() -> None:
    rows = [_loan("J-1"), _loan("J-2", admission_id="A1")]
    flag = _one(found(secondments.sec_01(_places(*rows), PARAMETERS)))
    assert (flag["result_type"], flag["subject_org_id"], flag["param_id"]) == (
        "breach", "QY-D01", "secondment.forbidden_levels",
    )  # fmt: skip
    assert (flag["n"], flag["denominator"], flag["value"], flag["evidence_refs"]) == (1, 2, 0.5, "J-1")


@pytest.mark.parametrize(("day", "broken"), [(date(2025, 12, 31), True), (date(2026, 1, 1), False)])
def test_sec_01_the_admission_has_to_be_in_force_on_the_first_day(day: date, broken: bool) -> None:
    rows = [_loan(start_date=day, admission_id="A1")]
    assert bool(found(secondments.sec_01(_places(*rows), PARAMETERS))) == broken


def test_sec_01_a_refused_or_unknown_admission_is_none() -> None:
    refused = ADMITTED.with_columns(decision=ADMITTED["decision"].replace("approved", "rejected"))
    assert found(secondments.sec_01(_places(_loan(admission_id="A1"), admissions=refused), PARAMETERS))
    assert found(secondments.sec_01(_places(_loan(admission_id="A9")), PARAMETERS))


def test_sec_01_a_loan_among_equals_or_from_above_is_clean() -> None:
    among = _loan(target_org_id="QY-D02", bearer_kind="county_gov_dept", bearer_level_rank=3)
    from_above = _loan(target_org_id="HB", bearer_kind="prefecture_dept", bearer_level_rank=4)
    assert found(secondments.sec_01(_places(among, from_above), PARAMETERS)) == []
    upward = {**among, "issuer_org_id": "HB", "subject_org_id": "HB", "issuer_level_rank": 4}
    assert _one(found(secondments.sec_01(_places(upward), PARAMETERS)))["subject_org_id"] == "HB"


def test_sec_01_a_spell_that_began_earlier_still_runs() -> None:
    running = _loan(start_date=date(2024, 2, 1), end_date=date(2026, 3, 1))
    assert found(secondments.sec_01(_places(running), PARAMETERS))
    over = _loan(start_date=date(2024, 2, 1), end_date=date(2026, 2, 28))
    assert found(secondments.sec_01(_places(over), PARAMETERS)) == []


def test_sec_01_exempt_loans_and_community_workers_are_left_out() -> None:
    rows = [_loan("J-1", counted_class="exempt_emergency"), _loan("J-2", **COMMUNITY)]
    assert found(secondments.sec_01(_places(*rows), PARAMETERS)) == []


# SEC-02


@pytest.mark.parametrize(("end", "broken"), [(date(2026, 4, 29), False), (date(2026, 4, 30), True)])
def test_sec_02_a_hundred_and_eighty_days_are_allowed(end: date, broken: bool) -> None:
    rows = [_loan(start_date=date(2025, 11, 1), end_date=end)]  # 30 + 31 + 31 + 28 + 31 + 29 = 180 days
    flags = found(secondments.sec_02(_places(*rows), PARAMETERS), "breach")
    assert [(flag["value"], flag["threshold"]) for flag in flags] == ([(181.0, 180.0)] if broken else [])


@pytest.mark.parametrize(("end", "broken"), [(date(2026, 12, 26), False), (date(2026, 12, 27), True)])
def test_sec_02_an_admitted_spell_may_last_twice_as_long(end: date, broken: bool) -> None:
    rows = [_loan(start_date=date(2026, 1, 1), end_date=end, admission_id="A1")]  # 26 December is the 360th day
    assert bool(found(secondments.sec_02(_places(*rows), PARAMETERS), "breach")) == broken


def test_sec_02_an_extension_entered_as_a_second_row_makes_one_spell() -> None:
    first = _loan(start_date=date(2025, 9, 1), end_date=date(2026, 2, 20))
    second = _loan(start_date=date(2026, 2, 21), end_date=date(2026, 4, 30))
    flag = _one(found(secondments.sec_02(_places(first, second), PARAMETERS), "breach"))
    assert flag["value"] == 242.0  # 30 + 31 + 30 + 31 + 31 + 28 + 31 + 30
    admitted = {**second, "admission_id": "A1"}
    assert found(secondments.sec_02(_places(first, admitted), PARAMETERS), "breach") == []


def test_sec_02_without_an_end_or_when_exempt_nothing_is_judged() -> None:
    for row in (_loan(end_date=None), _loan(start_date=date(2024, 1, 1), counted_class="exempt_emergency")):
        assert found(secondments.sec_02(_places(row), PARAMETERS), "breach") == []


def test_sec_02_more_than_a_tenth_of_the_office_is_a_watch() -> None:
    month = {"start_date": date(2026, 1, 1), "end_date": date(2026, 6, 29)}
    one = _loan("J-1", **month)  # 31 of 10 x 31 person-days: a tenth exactly
    assert found(secondments.sec_02(_places(one), PARAMETERS)) == []
    half_more = _loan("J-2", start_date=date(2026, 3, 17), end_date=date(2026, 6, 29))  # 15 days more
    flag = _one(found(secondments.sec_02(_places(one, half_more), PARAMETERS)))
    assert (flag["result_type"], flag["param_id"], flag["value"]) == ("watch", "secondment.share_max", 46 / 310)
    assert found(secondments.sec_02(_places({**one, "persons": 2}), PARAMETERS), "watch")
    assert found(secondments.sec_02(_places({**one, "persons": 2, "is_exempt": True}), PARAMETERS)) == []
    unknown = organisations({"org_id": "QY-D01"})
    assert found(secondments.sec_02(_places(one, half_more, organisations=unknown), PARAMETERS)) == []


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=1, max_value=9))
def test_sec_02_splitting_a_spell_into_rows_changes_no_breach(cut: int) -> None:
    whole = _loan(start_date=date(2025, 9, 1), end_date=date(2026, 3, 31))
    split = [{**whole, "end_date": date(2026, 3, cut)}, {**whole, "start_date": date(2026, 3, cut + 1)}]
    flags = found(secondments.sec_02(_places(*split), PARAMETERS), "breach")
    assert flags == found(secondments.sec_02(_places(whole), PARAMETERS), "breach")
    assert _one(flags)["value"] == 212.0  # 30 + 31 + 30 + 31 + 31 + 28 + 31


# SEC-03


def test_sec_03_the_county_never_borrows_community_workers() -> None:
    flag = _one(found(secondments.sec_03(_places(_loan(**COMMUNITY, admission_id="A1")), PARAMETERS)))
    assert (flag["subject_org_id"], flag["n"], flag["param_id"]) == ("QY-D01", 1, None)
    assert found(secondments.sec_03(_places(_loan()), PARAMETERS)) == []


def test_sec_03_a_township_needs_the_countys_admission() -> None:
    loan = _loan(**COMMUNITY, **TOWNSHIP)
    assert _one(found(secondments.sec_03(_places(loan), PARAMETERS)))["subject_org_id"] == "QY-T01"
    assert found(secondments.sec_03(_places({**loan, "admission_id": "A1"}), PARAMETERS)) == []
    own = ADMITTED.with_columns(decided_by_org_id="applicant_org_id")
    assert found(secondments.sec_03(_places({**loan, "admission_id": "A1"}, admissions=own), PARAMETERS))
    assert found(secondments.sec_03(_places({**loan, "is_exempt": True}), PARAMETERS)) == []


def test_every_rule_gives_the_flag_schema_from_empty_registers() -> None:
    for code, rule in secondments.RULES.items():
        flags = rule(burden_inputs(), PARAMETERS).collect()
        assert (code, dict(flags.schema), flags.height) == (code, dict(FLAG_SCHEMA), 0)
