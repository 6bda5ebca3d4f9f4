"""DUT-01 to DUT-07: clean, broken and edge cases worked by hand, and what no list can make worse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules.duties import RULES, dut_01, dut_02, dut_03, dut_04, dut_05, dut_06, dut_07
from tests.support.burden_rows import burden_inputs, burden_row, found, organisations, parameters, records

FIRST = date(2026, 1, 1)

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""The cases are small as they are, and every try costs a query."""

COUNTY = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-O01", "org_kind": "coordinating_body", "host_org_id": "QY-D01"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township", "staff": 40},
    {"org_id": "QY-T02", "org_kind": "township", "level": "township", "staff": 90},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
)
NUMBERS = parameters(
    resource__ratio_min=1.0,
    resource__grace_days=30,
    delegation__bundle_min=3,
    certificate__forbidden=("亲属关系证明", "健在证明"),
    sign__allowed=("一横", "四竖"),
)


def item(duty_id: str, duty_kind: str, **columns: Any) -> dict[str, Any]:
    village = duty_kind in {"village_statutory", "village_assist", "forbidden", "no_certificate"}
    return {
        "list_id": "QY-VILLAGE" if village else "QY-TOWN",
        "scope_kind": "village" if village else "township",
        "duty_id": duty_id,
        "duty_kind": duty_kind,
        "duty_name": f"事项 {duty_id}",
        "list_version": "2026-1",
        "valid_from": FIRST,
        "lead_org_id": "QY-D01",
        "local_duty": "通知居民",
    } | columns


ITEMS = (
    item("B", "basic"),
    item("C", "cooperate"),
    item("R", "reclaimed"),
    item("S", "village_statutory"),
    item("F", "forbidden"),
    item("N", "no_certificate", duty_name="贫困证明"),
)


def row(bearer: str = "QY-T01", **columns: Any) -> dict[str, Any]:
    kind = "township" if bearer.startswith("QY-T") else "village"
    usual = {"burden_kind": "temp_task", "target_org_id": bearer, "bearer_kind": kind, "source_ref": "R-1"}
    return burden_row(**(usual | columns))


def inputs(rows: Sequence[dict[str, Any]], *, items: Sequence[dict[str, Any]] = ITEMS, **frames: Any) -> BurdenInputs:
    admitted = records("task_admission", *frames.pop("admitted", ()))
    listed = records("duty_item", *items)
    return burden_inputs(rows, organisations=COUNTY, duties=listed, admissions=admitted, **frames)


def admission(admission_id: str = "ZR-1", **columns: Any) -> dict[str, Any]:
    usual = {"applicant_org_id": "QY-D01", "task_name": "核实", "target_scope": "all_townships", "decision": "approved"}
    return {"admission_id": admission_id, "valid_from": FIRST, "requested_at": FIRST} | usual | columns


def tasks(*rows: dict[str, Any], **given: Any) -> dict[str, list[tuple[str, int, int]]]:
    """Form to subject, n and denominator of the three rules on tasks."""
    read = inputs(rows, **given)
    rules = {"DUT-01": dut_01, "DUT-02": dut_02, "DUT-03": dut_03}
    flagged = {form: found(rule(read, NUMBERS)) for form, rule in rules.items()}
    return {
        form: [(each["subject_org_id"], each["n"], each["denominator"]) for each in rows]
        for form, rows in flagged.items()
        if rows
    }


# DUT-01 to DUT-03


def test_tasks_on_the_list_or_admitted_are_no_breach() -> None:
    clean = [
        row(duty_id="B"),
        row(duty_id="C", source_ref="R-2"),
        row("QY-V01", duty_id="S", burden_kind="survey_visit", source_ref="R-3"),
        row(admission_id="ZR-1", source_ref="R-4"),
        row(duty_id="R", admission_id="ZR-1", source_ref="R-5"),
    ]
    assert tasks(*clean, admitted=[admission()]) == {}


def test_off_list_tasks_count_once_per_event_with_their_share_and_evidence() -> None:
    rows = [
        row(duty_id="X"),
        row("QY-T02", duty_id="X"),
        row(source_ref="R-2"),
        row(duty_id="B", source_ref="R-3"),
        row("QY-V01", duty_id="F", source_ref="R-4", reported_by="hotline"),
        row(duty_id="X", source_ref="R-5", subject_org_id="QY-D02"),
        row(duty_id="B", source_ref="R-6", burden_kind="meeting"),
    ]
    flagged = found(dut_01(inputs(rows), NUMBERS))
    assert flagged == [
        {
            "result_type": "breach", "subject_org_id": "QY-D01", "param_id": None, "n": 3, "denominator": 4,
            "value": 0.75, "threshold": None, "n_bearers": 3, "evidence_refs": "R-1;R-2",
        },
        {
            "result_type": "breach", "subject_org_id": "QY-D02", "param_id": None, "n": 1, "denominator": 1,
            "value": 1.0, "threshold": None, "n_bearers": 1, "evidence_refs": "R-5",
        },
    ]  # fmt: skip


def test_an_admission_that_is_over_or_for_others_carries_nothing() -> None:
    over = [admission(valid_to=date(2026, 3, 10)), admission("ZR-2", target_scope="QY-T02")]
    rows = [row(admission_id="ZR-1"), row(admission_id="ZR-2", source_ref="R-2")]
    assert tasks(*rows, admitted=over) == {"DUT-01": [("QY-D01", 2, 2)]}
    assert tasks(*rows, admitted=[admission(valid_to=date(2026, 3, 11)), admission("ZR-2")]) == {}


def test_what_a_department_took_back_and_asks_for_again_is_graver() -> None:
    assert tasks(row(duty_id="R")) == {"DUT-02": [("QY-D01", 1, 1)]}
    hosted = [item("R", "reclaimed", lead_org_id="QY-O01")]
    assert tasks(row(duty_id="R"), items=hosted) == {"DUT-02": [("QY-D01", 1, 1)]}, "the host answers"


def test_a_reclaimed_item_asked_for_by_another_department_is_its_off_list_task() -> None:
    assert tasks(row(duty_id="R", subject_org_id="QY-D02")) == {"DUT-01": [("QY-D02", 1, 1)]}


@pytest.mark.parametrize(("kind", "form"), [("temp_task", "DUT-03"), ("document", "DUT-03"), ("inspection", "DUT-01")])
def test_a_cooperating_unit_named_as_lead_is_a_flipped_role(kind: str, form: str) -> None:
    assert tasks(row(duty_id="C", features="names_lead;asks_photos", burden_kind=kind)) == {form: [("QY-D01", 1, 1)]}
    assert tasks(row(duty_id="B", features="names_lead", burden_kind=kind)) == {}


def test_one_event_counts_under_its_gravest_fault_only() -> None:
    rows = [row(duty_id="R"), row("QY-V01", duty_id="R")]
    assert tasks(*rows) == {"DUT-02": [("QY-D01", 1, 1)]}
    mixed = [row(duty_id="C", features="names_lead"), row("QY-V01", duty_id="C", features="names_lead")]
    assert tasks(*mixed) == {"DUT-01": [("QY-D01", 1, 1)]}


def test_units_concerned_are_those_with_the_fault() -> None:
    own = item("X", "basic", list_id="QY-OWN", scope_kind=None, scope_org_id="QY-T02")
    read = inputs([row(duty_id="X"), row("QY-T02", duty_id="X")], items=[*ITEMS, own])
    assert [each["n_bearers"] for each in found(dut_01(read, NUMBERS))] == [1]


@pytest.mark.parametrize(
    "columns",
    [
        {"is_exempt": True},
        {"is_duplicate": True},
        {"subject_org_id": None},
        {"subject_org_id": "QY-V01"},
        {"target_org_id": None},
        {"start_date": date(2026, 2, 28)},
        {"bearer_kind": "community"},
    ],
)
def test_rows_that_are_no_breach_of_a_task_rule(columns: dict[str, Any]) -> None:
    for broken in ({"duty_id": "X"}, {"duty_id": "R"}, {"duty_id": "C", "features": "names_lead"}):
        assert tasks(row(**broken)) != {}
        assert tasks(row(**(broken | columns))) == {}


# DUT-04


def short(*grants: dict[str, Any], **columns: Any) -> list[dict[str, Any]]:
    promised = admission(funding_yuan=100, valid_from=date(2026, 2, 1), **columns)
    given = [{"admission_id": "ZR-1", "kind": "funding_yuan", "receiving_org_id": "QY-T01"} | grant for grant in grants]
    return found(dut_04(inputs([], admitted=[promised], grants=records("resource_grant", *given)), NUMBERS), "breach")


def test_less_granted_than_promised_after_grace_is_a_breach() -> None:
    assert short({"granted_at": date(2026, 3, 3), "quantity": 100}) == []
    (flag,) = short({"granted_at": date(2026, 3, 3), "quantity": 40})
    assert (flag["subject_org_id"], flag["n"], flag["denominator"], flag["value"]) == ("QY-D01", 1, 1, 0.4)
    assert (flag["threshold"], flag["param_id"], flag["evidence_refs"]) == (1.0, "resource.ratio_min", "ZR-1")
    (late,) = short({"granted_at": date(2026, 3, 4), "quantity": 100})
    assert late["value"] == 0.0, "one day after the grace of 30 days"


def bundle(
    n: int, *, scope: str = "all_townships", organisations: pl.DataFrame = COUNTY
) -> list[tuple[str, int, float]]:
    admitted = [admission(f"ZR-{each}", valid_from=date(2026, 3, 1), target_scope=scope) for each in range(n)]
    read = burden_inputs([], organisations=organisations, admissions=records("task_admission", *admitted))
    return [(each["subject_org_id"], each["n"], each["threshold"]) for each in found(dut_04(read, NUMBERS), "watch")]


def test_one_large_bundle_for_townships_great_and_small_is_watched() -> None:
    assert bundle(2) == []
    assert bundle(3) == [("QY-D01", 3, 3.0)]
    assert bundle(3, scope="QY-T01") == []
    alike = COUNTY.with_columns(staff=pl.when(pl.col("staff").is_not_null()).then(40))
    assert bundle(3, organisations=alike.with_columns(staff=pl.lit(40, pl.Int64))) == [], "equal capacity"


# DUT-05


def certificates(**columns: Any) -> list[int]:
    asked = row("QY-V01", burden_kind="certificate", title="办理补贴所需材料") | columns
    return [each["n"] for each in found(dut_05(inputs([asked]), NUMBERS))]


@pytest.mark.parametrize(
    ("columns", "n"),
    [
        ({}, []),
        ({"duty_id": "N"}, [1]),
        ({"duty_id": "N", "is_exempt": True}, []),
        ({"matter": "贫困 证明"}, [1]),
        ({"matter": "亲属关系证明"}, [1]),
        ({"title": "办理补贴需提供“健在证明”"}, [1]),
        ({"burden_subkind": "健在证明"}, [1]),
        ({"title": "健在证明", "target_org_id": "QY-T01", "bearer_kind": "township"}, []),
        ({"title": "健在证明", "burden_kind": "document"}, []),
        ({"title": "健在证明", "subject_org_id": "QY-V01"}, []),
    ],
)
def test_a_certificate_nobody_may_ask_for(columns: dict[str, Any], n: list[int]) -> None:
    assert certificates(**columns) == n


def test_the_list_of_another_kind_of_unit_forbids_no_certificate() -> None:
    asked = row(burden_kind="certificate", matter="贫困证明")
    assert found(dut_05(inputs([asked]), NUMBERS)) == []


# DUT-06


def plaques(n: int, day: date, ref: str, **columns: Any) -> dict[str, Any]:
    usual = {"burden_kind": "sign", "quantity": n, "start_date": day, "source_ref": ref, "title": "标识牌"}
    return row("QY-V01", **(usual | columns))


def test_plaques_outside_the_allowed_ones_on_the_last_count_day() -> None:
    rows = [
        plaques(9, date(2026, 3, 5), "S-0", burden_subkind="honour"),
        plaques(6, date(2026, 3, 25), "S-1", burden_subkind="一横"),
        plaques(2, date(2026, 3, 25), "S-2", burden_subkind="honour"),
        plaques(1, date(2026, 3, 25), "S-3", burden_subkind="function", title="四竖"),
        plaques(4, date(2026, 3, 25), "S-4"),
        plaques(5, date(2026, 3, 25), "S-5", burden_subkind="honour", is_exempt=True),
    ]
    flagged = found(dut_06(inputs(rows), NUMBERS))
    breach = [
        (each["n"], each["denominator"], each["evidence_refs"]) for each in flagged if each["result_type"] == "breach"
    ]
    assert breach == [(2, 9, "S-2")]
    loads = {each["param_id"]: (each["n"], each["value"]) for each in flagged if each["result_type"] == "load"}
    assert loads["stock"] == (13, 13.0), "the exempt ones stand apart"
    assert loads["removed"] == (2, 2.0), "9 plaques of honour on the 5th, 7 on the 25th"


def test_the_essays_town_removed_987_plaques() -> None:
    removed = {"organisation": 37, "function": 613, "honour": 219, "other": 118}
    rows = [
        plaques(n, day, f"S-{day}-{sort}", burden_subkind=sort)
        for sort, gone in removed.items()
        for day, n in ((date(2026, 2, 1), gone + 2), (date(2026, 3, 31), 2))
    ]
    (load,) = [each for each in found(dut_06(inputs(rows), NUMBERS)) if each["param_id"] == "removed"]
    assert (load["n"], load["denominator"], load["n_bearers"]) == (987, 995, 1)


def test_more_of_one_sort_is_no_removal_of_another() -> None:
    rows = [
        plaques(5, date(2026, 2, 1), "S-1", burden_subkind="honour"),
        plaques(9, date(2026, 3, 1), "S-2", burden_subkind="function"),
    ]
    (load,) = [each for each in found(dut_06(inputs(rows), NUMBERS)) if each["param_id"] == "removed"]
    assert load["n"] == 5


def test_one_count_shows_no_removal() -> None:
    flagged = found(dut_06(inputs([plaques(5, date(2026, 3, 1), "S-1", burden_subkind="一横")]), NUMBERS))
    assert [each["param_id"] for each in flagged] == ["stock"]


# DUT-07


def mechanisms(*rows: dict[str, Any], **given: Any) -> dict[str, tuple[int, int]]:
    usual = {"burden_kind": "mechanism", "measure": "stock"}
    flagged = found(dut_07(inputs([each | usual for each in rows], **given), NUMBERS))
    return {each["result_type"]: (each["n"], each["denominator"]) for each in flagged}


def test_a_task_force_needs_an_admission() -> None:
    admitted = [admission(target_scope="QY-T01")]
    assert mechanisms(row(admission_id="ZR-1"), admitted=admitted) == {"load": (1, 1)}
    assert mechanisms(row(duty_id="B")) == {"load": (1, 1)}, "a basic duty carries it as well"
    assert mechanisms(row(admission_id="ZR-1"), row(source_ref="R-2"), admitted=admitted) == {
        "load": (2, 2),
        "breach": (1, 2),
    }
    assert mechanisms(row("QY-T02", admission_id="ZR-1"), admitted=admitted)["breach"] == (1, 1)


def test_a_task_force_without_a_list_needs_an_admission_too_and_an_exempt_one_does_not() -> None:
    assert mechanisms(row(), items=())["breach"] == (1, 1)
    assert "breach" not in mechanisms(row(is_exempt=True))


def test_task_forces_are_those_of_the_last_count() -> None:
    rows = [row(start_date=date(2026, 3, 1)), row(start_date=date(2026, 3, 20), source_ref="R-2")]
    assert mechanisms(*rows) == {"load": (1, 1), "breach": (1, 1)}


# What holds for every rule


def test_every_rule_is_there_and_gives_the_declared_rows() -> None:
    assert list(RULES) == [f"DUT-0{number}" for number in range(1, 8)]
    empty = inputs([])
    assert {name: rule(empty, NUMBERS).collect().schema for name, rule in RULES.items()} == dict.fromkeys(
        RULES, pl.Schema(dict(FLAG_SCHEMA))
    )


DUTIES = ["B", "C", "R", "S", "F", "N", "X", "Y"]
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "bearer": st.sampled_from(["QY-T01", "QY-T02", "QY-V01"]),
            "source_ref": st.sampled_from([f"R-{each}" for each in range(6)]),
            "duty_id": st.sampled_from([None, *DUTIES]),
            "admission_id": st.sampled_from([None, None, "ZR-1"]),
            "burden_kind": st.sampled_from(
                ["temp_task", "document", "report_form", "certificate", "mechanism", "sign"]
            ),
            "features": st.sampled_from([None, "names_lead", "asks_photos", "sets_veto"]),
            "subject_org_id": st.sampled_from(["QY-D01", "QY-D02", "QY-V01", None]),
            "is_exempt": st.booleans(),
            "burden_subkind": st.sampled_from([None, "honour"]),
        }
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda each: (each["bearer"], each["source_ref"], each["burden_kind"]),
)


def breaks(rows: Sequence[dict[str, Any]], **given: Any) -> dict[str, int]:
    """Breaches of the rules on facts by subject."""
    read = inputs([row(**each) for each in rows], admitted=[admission()], **given)
    rules = [rule for form, rule in RULES.items() if form != "DUT-04"]
    flagged = pl.concat([rule(read, NUMBERS) for rule in rules]).filter(result_type="breach").collect()
    return dict(flagged.group_by("subject_org_id").agg(pl.col("n").sum()).iter_rows())


@settings(max_examples=12, deadline=None, phases=NO_SHRINKING)
@given(ROWS, st.sampled_from(DUTIES), st.sampled_from(["basic", "cooperate"]), st.booleans())
def test_moving_a_task_onto_the_list_never_adds_to_what_its_sender_broke(
    rows: list[dict[str, Any]], duty: str, kind: str, village: bool
) -> None:
    # A list with all that stands on the other, so that a list of its own takes nothing off.
    own = [item(each["duty_id"], each["duty_kind"], list_id="QY-OWN", scope_kind=None, scope_org_id="QY-T02")
           for each in ITEMS[:3]]  # fmt: skip
    new = item(duty, "village_assist" if village else kind)
    before = breaks(rows, items=[*ITEMS, *own])
    for added in (new, new | {"list_id": "QY-OWN", "scope_kind": None, "scope_org_id": "QY-T02"}):
        after = breaks(rows, items=[*ITEMS, *own, added])
        assert all(after.get(subject, 0) <= before.get(subject, 0) for subject in {*before, *after})


@settings(max_examples=8, deadline=None, phases=NO_SHRINKING)
@given(ROWS, st.data())
def test_exempt_rows_never_raise_a_breach_and_no_village_is_a_subject(rows: list[dict[str, Any]], data: Any) -> None:
    before = breaks(rows)
    assert not set(before) & {"QY-V01", None}
    kept = [each for each in rows if not each["is_exempt"] or each["burden_kind"] in {"mechanism", "sign"}]
    assume(kept)
    assert breaks(kept) == before
    one = data.draw(st.sampled_from(rows))
    after = breaks([each | {"is_exempt": True} if each is one else each for each in rows])
    assert all(n <= before.get(subject, 0) for subject, n in after.items())
