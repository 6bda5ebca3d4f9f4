"""Preparation of burden facts: bearers, subjects, exemptions, minutes and events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.datasets import DATASETS
from scoring.burden import facts
from tests.support.burden_rows import at, bearing_units, burden_frame, burden_row, organisations, parameters, records

STORED = list(DATASETS["burden_fact"].stored_schema)
ORGANISATIONS = organisations(
    {"org_id": "QY", "org_kind": "other"},
    {"org_id": "QY-D01", "parent_org_id": "QY"},
    {"org_id": "QY-D02", "parent_org_id": "QY"},
    {"org_id": "SZ-D01", "org_kind": "prefecture_dept", "level": "prefecture"},
    {"org_id": "SN-D01", "org_kind": "province_dept", "level": "province"},
    {"org_id": "QY-LSB", "org_kind": "coordinating_body", "host_org_id": "QY-D02", "parent_org_id": "QY"},
    {"org_id": "QY-XH", "org_kind": "other", "host_org_id": "QY-LSB"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township", "parent_org_id": "QY"},
    {"org_id": "QY-T02", "org_kind": "subdistrict", "level": "township", "parent_org_id": "QY"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
    {"org_id": "QY-V02", "org_kind": "community", "level": "village", "parent_org_id": "QY-T02"},
    {"org_id": "LH", "org_kind": "other"},
    {"org_id": "LH-D01", "parent_org_id": "LH"},
    {"org_id": "LH-T01", "org_kind": "township", "level": "township", "parent_org_id": "LH"},
    {"org_id": "LH-V01", "org_kind": "village", "level": "village", "parent_org_id": "LH-T01"},
)
BEARERS = bearing_units(QY_T01=1, QY_T02=1, QY_V01=1, QY_V02=1, LH_T01=1, LH_V01=1)
PARAMETERS = parameters(register__match_days=3, minutes__document=10.5, minutes__report_form=40)


def _prepared(*rows: Mapping[str, Any], **registers: pl.DataFrame) -> pl.DataFrame:
    given = {"duties": records("duty_item"), "admissions": records("task_admission")} | registers
    burden = burden_frame([burden_row(**row) for row in rows]).select(STORED)
    lazy = facts.prepare(burden, ORGANISATIONS, bearers=BEARERS, parameters=PARAMETERS, **given)
    return lazy.collect(engine="streaming").sort("source_ref", "target_org_id")


def _subjects(*rows: Mapping[str, Any]) -> dict[str, str | None]:
    found = _prepared(*rows)
    return dict(zip(found["source_ref"], found["subject_org_id"], strict=True))


def test_a_scope_reaches_the_units_of_the_issuers_area() -> None:
    county = {"target_org_id": None, "source_ref": "A"}
    assert _prepared({**county, "target_scope": "all_villages"})["target_org_id"].to_list() == ["QY-V01", "QY-V02"]
    assert _prepared({**county, "target_scope": "all_townships"})["target_org_id"].to_list() == ["QY-T01", "QY-T02"]
    township = _prepared({**county, "issuer_org_id": "QY-T01", "target_scope": "all_villages"})
    assert township["target_org_id"].to_list() == ["QY-V01"]
    province = _prepared({**county, "issuer_org_id": "SN-D01", "target_scope": "all_villages"})
    assert province["target_org_id"].to_list() == ["LH-V01", "QY-V01", "QY-V02"], "no area on record: the whole frame"


def test_a_unit_with_a_row_of_its_own_is_not_reached_twice() -> None:
    found = _prepared(
        {"target_org_id": None, "target_scope": "all_villages", "persons": 1},
        {"target_org_id": "QY-V02", "persons": 7},
    )
    assert found.select("target_org_id", "persons").rows() == [("QY-V01", 1), ("QY-V02", 7)]
    assert found["bearer_kind"].to_list() == ["village", "community"]


def test_a_scope_without_units_keeps_its_event() -> None:
    lone = _prepared({"issuer_org_id": "LH-V01", "target_org_id": None, "target_scope": "all_townships"})
    assert lone.height == 1
    assert lone["target_org_id"].to_list() == [None]


def test_hosts_answer_for_bodies_and_fronts_and_villages_never() -> None:
    assert _subjects(
        {"source_ref": "department"},
        {"source_ref": "body", "issuer_org_id": "QY-LSB"},
        {"source_ref": "front", "issuer_org_id": "QY-XH"},
        {"source_ref": "township", "issuer_org_id": "QY-T01"},
        {"source_ref": "village", "issuer_org_id": "QY-V01"},
        {"source_ref": "community", "issuer_org_id": "QY-V02"},
        {"source_ref": "unknown", "issuer_org_id": "XX-D09"},
    ) == {
        "department": "QY-D01",
        "body": "QY-D02",
        "front": "QY-D02",
        "township": "QY-T01",
        "village": None,
        "community": None,
        "unknown": "XX-D09",
    }


def test_hosts_in_a_circle_are_refused() -> None:
    circle = organisations({"org_id": "A", "host_org_id": "B"}, {"org_id": "B", "host_org_id": "A"})
    with pytest.raises(ValueError, match="host_org_id of A, B leads in a circle"):
        facts.answering(circle)


ORIGINAL = {
    "source_ref": "1",
    "issuer_org_id": "SZ-D01",
    "target_org_id": "QY-T01",
    "matter": "防汛排查",
    "due_at": at("2026-03-20 18:00"),
    "features": "asks_ledger",
}
RELAY = ORIGINAL | {"source_ref": "2", "issuer_org_id": "QY-D01", "origin_org_id": "SZ-D01", "parent_source_ref": "1"}


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({}, "SZ-D01"),
        ({"features": None}, "SZ-D01"),
        ({"features": "asks_ledger;asks_photos"}, "QY-D01"),
        ({"features": "widens_attendance"}, "QY-D01"),
        ({"due_at": at("2026-03-18 18:00")}, "QY-D01"),
        ({"matter": "防汛和春耕"}, "QY-D01"),
        ({"items_n": 60}, "QY-D01"),
        ({"frequency": "monthly"}, "QY-D01"),
        ({"parent_source_ref": "9"}, "QY-D01"),
        ({"origin_org_id": None}, "QY-D01"),
        ({"burden_kind": "reforwarded_document"}, "SZ-D01"),
    ],
)
def test_the_origin_answers_for_what_was_passed_on_unchanged(change: dict[str, Any], subject: str) -> None:
    assert _subjects(ORIGINAL, RELAY | change) == {"1": "SZ-D01", "2": subject}


def test_a_second_relay_leaves_the_charge_where_the_first_addition_was_made() -> None:
    third = RELAY | {"source_ref": "3", "issuer_org_id": "QY-T01", "target_org_id": "QY-V01", "parent_source_ref": "2"}
    assert _subjects(ORIGINAL, RELAY, third)["3"] == "SZ-D01"
    added = {"features": "asks_ledger;asks_photos"}
    assert _subjects(ORIGINAL, RELAY | added, third | added)["3"] == "QY-D01"
    assert _subjects(ORIGINAL, RELAY, third | added)["3"] == "QY-T01"


def test_an_origin_outside_the_record_takes_no_charge_off_the_relays() -> None:
    # Both relays keep the reference of a document nobody here has seen; neither is the other's parent.
    shared = RELAY | {"source_ref": "1", "parent_source_ref": "1"}
    found = _prepared(shared, shared | {"issuer_org_id": "QY-D02"})
    assert sorted(found["subject_org_id"].to_list()) == ["QY-D01", "QY-D02"]


def test_only_a_legal_basis_on_record_exempts_by_law() -> None:
    law = {"legal_basis": "《防洪法》第四十二条"}
    duty = {"duty_id": "T-1", "list_id": "L", "valid_from": date(2026, 1, 1), **law}
    duties = records(
        "duty_item",
        duty,
        duty | {"duty_id": "T-2", "legal_basis": "  "},
        duty | {"duty_id": "T-3", "valid_to": date(2026, 2, 1)},
    )
    admissions = records(
        "task_admission",
        {"admission_id": "A-1", "decision": "approved", **law},
        {"admission_id": "A-2", "decision": "rejected", **law},
    )
    legal = {"counted_class": "exempt_legal"}
    found = _prepared(
        {"source_ref": "1 emergency", "counted_class": "exempt_emergency"},
        {"source_ref": "2 class alone", **legal},
        {"source_ref": "3 duty", **legal, "duty_id": "T-1"},
        {"source_ref": "4 duty without basis", **legal, "duty_id": "T-2"},
        {"source_ref": "5 duty no longer in force", **legal, "duty_id": "T-3"},
        {"source_ref": "6 admission", **legal, "admission_id": "A-1"},
        {"source_ref": "7 admission rejected", **legal, "admission_id": "A-2"},
        {"source_ref": "8 no class", "counted_class": None, "duty_id": "T-1"},
        duties=duties,
        admissions=admissions,
    )
    assert found["is_exempt"].to_list() == [True, False, True, False, False, True, False, False]


def test_minutes_are_recorded_time_of_all_persons_or_the_tariff() -> None:
    found = _prepared(
        {"source_ref": "1", "duration_min": 90, "persons": 3},
        {"source_ref": "2", "duration_min": 90, "persons": 0},
        {"source_ref": "3", "duration_min": 90, "persons": None},
        {"source_ref": "4", "quantity": 3},
        {"source_ref": "5", "quantity": None, "burden_kind": "report_form"},
        {"source_ref": "6", "burden_kind": "campaign"},
        {"source_ref": "7", "duration_min": 0, "quantity": 5},
    )
    # 3 documents at 10.5 minutes are 31.5, rounded half up.
    assert found["minutes"].to_list() == [270, 90, 90, 32, 40, None, 0]


def test_features_and_duplicates() -> None:
    found = _prepared(
        {"features": "asks_ledger;fee", "dup_of": "9"}, {"source_ref": "R-2"}, {"source_ref": "R-3", "features": ""}
    )
    assert found["feature_list"].to_list() == [["asks_ledger", "fee"], [], []]
    assert found["is_duplicate"].to_list() == [True, False, False]
    assert found["issuer_level_rank"].to_list() == [3, 3, 3]


def test_the_double_of_another_register_is_left_out() -> None:
    found = _prepared(
        {"source_ref": "R-1", "doc_no": "清农〔2026〕12号"},
        {
            "source_ref": "J-7",
            "doc_no": "清农〔2026〕12号",
            "reported_by": "receiving_register",
            "start_date": date(2026, 3, 12),
        },
        {"source_ref": "J-8", "doc_no": "清农〔2026〕13号", "reported_by": "receiving_register"},
    )
    assert found["source_ref"].to_list() == ["J-8", "R-1"]


def test_one_notice_to_many_is_one_event_whatever_the_order_of_rows() -> None:
    rows = [burden_row(target_org_id=f"QY-V{number:02d}", persons=number) for number in (3, 1, 2)]
    rows.append(burden_row(source_ref="R-2", target_org_id=None))
    for order in (rows, rows[::-1]):
        found = facts.events(burden_frame(order)).sort("source_ref").collect(engine="streaming")
        assert found.select("source_ref", "n_rows", "n_bearers", "persons").rows() == [
            ("R-1", 3, 3, 1),
            ("R-2", 1, 0, None),
        ]
    assert set(found.columns) == {*burden_frame([]).collect_schema(), "n_rows", "n_bearers"}


ISSUERS = st.sampled_from(ORGANISATIONS["org_id"].to_list())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(ISSUERS, st.none() | ISSUERS, st.integers(0, 4)), min_size=1, max_size=8), st.randoms())
def test_no_row_is_lost_no_village_is_subject_and_order_is_nothing(
    drawn: list[tuple[str, str | None, int]], random: Any
) -> None:
    rows = [
        {"source_ref": str(number), "issuer_org_id": issuer, "origin_org_id": origin, "parent_source_ref": str(parent)}
        for number, (issuer, origin, parent) in enumerate(drawn)
    ]
    found = _prepared(*rows)
    assert found.height == len(rows)
    assert not set(found["subject_org_id"]) & {"QY-V01", "QY-V02", "LH-V01", "QY-LSB", "QY-XH"}
    random.shuffle(rows)
    assert _prepared(*rows).equals(found)
