"""Burden facts and indicators held against duty lists and admissions, worked by hand."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from expectations.datasets.burden_fact import BURDEN_KIND, FEATURES
from scoring.burden.duty_matching import (
    GROUNDS,
    INSTRUCTING_FEATURES,
    INSTRUCTIONS,
    MATCH_SCHEMA,
    MATCHES,
    TASK_FEATURES,
    TASK_KINDS,
    matched,
    off_list_tasks,
    on_day,
    unscorable_indicators,
)
from scoring.tables.duty_lists import OFF_LIST_TASK
from tests.support.burden_rows import at, burden_frame, burden_inputs, burden_row, organisations, records

FIRST = date(2026, 1, 1)

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""The cases are small as they are, and every try costs a query."""
DAY = date(2026, 3, 10)
"""The day of every row that says nothing else."""

COUNTY = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township"},
    {"org_id": "QY-T02", "org_kind": "township", "level": "township"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village"},
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
    item("A", "village_assist"),
    item("F", "forbidden"),
    item("N", "no_certificate"),
)


def task(**columns: Any) -> dict[str, Any]:
    """A temporary task for the township."""
    bearer = columns.get("target_org_id", "QY-T01")
    kind = "township" if bearer.startswith("QY-T") else "village"
    usual = {"burden_kind": "temp_task", "target_org_id": bearer, "bearer_kind": kind}
    return burden_row(**(usual | columns))


def in_village(**columns: Any) -> dict[str, Any]:
    return task(target_org_id="QY-V01", **columns)


def admission(admission_id: str = "ZR-1", **columns: Any) -> dict[str, Any]:
    usual = {"applicant_org_id": "QY-D01", "task_name": "核实", "target_scope": "all_townships", "decision": "approved"}
    return {"admission_id": admission_id, "valid_from": FIRST, "valid_to": date(2026, 4, 1)} | usual | columns


def judged(*rows: dict[str, Any], items: Any = ITEMS, admitted: Any = ()) -> pl.DataFrame:
    facts = burden_frame(rows)
    found = matched(facts, records("duty_item", *items), records("task_admission", *admitted)).collect()
    assert found.height == len(rows), "no row is lost or doubled"
    return found.sort("source_ref")


def match(*rows: dict[str, Any], **given: Any) -> tuple[str | None, str | None]:
    found = judged(*rows, **given)
    return found["match"][0], found["ground"][0]


def test_codes_are_those_of_the_contract() -> None:
    assert {*TASK_KINDS, *INSTRUCTIONS} <= {code.value for code in BURDEN_KIND}
    assert {*TASK_FEATURES, *INSTRUCTING_FEATURES} <= {code.value for code in FEATURES}


@pytest.mark.parametrize(
    ("duty", "features", "expected"),
    [
        ("B", "names_lead", ("duty", None)),
        ("C", None, ("duty", None)),
        ("C", "names_lead", ("wrong_role", "wrong_role")),
        ("R", None, ("reclaimed", "reclaimed")),
        ("A", None, ("not_on_list", "not_on_list")),
        ("X", None, ("not_on_list", "not_on_list")),
        (None, None, ("not_on_list", "names_nothing")),
    ],
)
def test_what_may_be_asked_of_a_township(duty: str | None, features: str | None, expected: tuple[str, str]) -> None:
    assert match(task(duty_id=duty, features=features)) == expected


@pytest.mark.parametrize(
    ("duty", "kind", "features", "expected"),
    [
        ("S", "survey_visit", None, "duty"),
        ("S", "document", "asks_photos", "duty"),
        ("S", "temp_task", None, "wrong_role"),
        ("S", "document", "sets_pledge", "wrong_role"),
        ("A", "temp_task", None, "duty"),
        ("A", "temp_task", "names_lead", "wrong_role"),
        ("F", "temp_task", None, "forbidden"),
        ("N", "certificate", None, "forbidden"),
        ("B", "temp_task", None, "not_on_list"),
    ],
)
def test_what_may_be_asked_of_a_village(duty: str, kind: str, features: str | None, expected: str) -> None:
    assert match(in_village(duty_id=duty, burden_kind=kind, features=features))[0] == expected


@pytest.mark.parametrize(
    ("work_mode", "kind", "expected"),
    [
        ("执法队承担；发现问题及时报告", "report_form", "duty"),
        ("执法队承担；发现问题及时报告", "temp_task", "reclaimed"),
        ("执法队承担，发现线索不得要求乡镇上报", "report_form", "reclaimed"),
        ("由执法队承担，乡镇不再填报", "report_form", "reclaimed"),
        (None, "report_form", "reclaimed"),
    ],
)
def test_a_sighting_may_be_reported_where_the_list_says_so(work_mode: str | None, kind: str, expected: str) -> None:
    listed = [item("R", "reclaimed", work_mode=work_mode)]
    assert match(task(duty_id="R", burden_kind=kind), items=listed)[0] == expected


def test_the_list_of_the_day_counts_its_last_day_excluded() -> None:
    listed = [
        item("B", "basic", valid_to=DAY),
        item("B", "reclaimed", valid_from=DAY, valid_to=date(2026, 3, 20), list_version="2026-2"),
        item("Z", "basic"),
    ]
    rows = [
        task(source_ref=f"R-{place}", start_date=day, duty_id="B")
        for place, day in enumerate((date(2025, 12, 31), FIRST, date(2026, 3, 9), DAY, date(2026, 3, 20)))
    ]
    found = judged(*rows, items=listed)
    assert found.select("match", "list_version").rows() == [
        (None, None),
        ("duty", "2026-1"),
        ("duty", "2026-1"),
        ("reclaimed", "2026-2"),
        ("not_on_list", None),
    ]


def test_a_list_of_its_own_replaces_the_list_of_the_kind_while_it_is_in_force() -> None:
    own = item("X", "basic", list_id="QY-OWN", scope_org_id="QY-T02", scope_kind=None)
    listed = [*ITEMS, own | {"valid_from": date(2026, 2, 1), "valid_to": DAY}]

    def of(unit: str, duty: str, day: date) -> str | None:
        return match(task(target_org_id=unit, duty_id=duty, start_date=day), items=listed)[0]

    assert of("QY-T02", "X", date(2026, 2, 1)) == "duty"
    assert of("QY-T02", "B", date(2026, 2, 1)) == "not_on_list"
    assert of("QY-T02", "B", date(2026, 1, 31)) == of("QY-T02", "B", DAY) == "duty"
    assert of("QY-T01", "X", date(2026, 2, 1)) == "not_on_list"


def test_a_unit_without_any_list_that_day_is_not_judged() -> None:
    community = task(bearer_kind="community", target_org_id="QY-C01", duty_id="B")
    assert match(community) == (None, None)
    assert match(community, items=()) == (None, None)
    admitted = admission(target_scope="QY-C01")
    assert match(community | {"admission_id": "ZR-1"}, admitted=[admitted]) == ("admission", None)


def test_of_two_items_of_one_number_the_more_favourable_counts() -> None:
    twice = [item("R", "reclaimed"), item("R", "basic", list_id="QY-TOWN-2")]
    assert match(task(duty_id="R"), items=twice)[0] == "duty"
    assert match(task(duty_id="R"), items=twice[::-1])[0] == "duty"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, ("admission", None)),
        ({"target_scope": "QY-T02;QY-T01"}, ("admission", None)),
        ({"decision": "exited"}, ("admission", None)),
        ({"target_scope": "QY-T02;QY-T03"}, ("not_on_list", "admission_out_of_scope")),
        ({"target_scope": "all_villages"}, ("not_on_list", "admission_out_of_scope")),
        ({"valid_from": date(2026, 3, 11)}, ("not_on_list", "admission_not_in_force")),
        ({"valid_to": DAY}, ("not_on_list", "admission_not_in_force")),
        ({"valid_to": date(2026, 3, 11)}, ("admission", None)),
        ({"valid_to": None}, ("admission", None)),
        ({"valid_to": None, "decision": "exited", "evaluated_at": DAY}, ("not_on_list", "admission_not_in_force")),
        ({"decision": "pending"}, ("not_on_list", "admission_unknown")),
        ({"admission_id": "ZR-2"}, ("not_on_list", "admission_unknown")),
    ],
)
def test_an_admission_carries_a_task_in_its_days_and_scope(columns: dict[str, Any], expected: tuple[str, str]) -> None:
    assert match(task(admission_id="ZR-1"), admitted=[admission(**columns)]) == expected


def test_an_admission_carries_what_the_list_does_not_but_nothing_forbidden() -> None:
    covering = [admission(target_scope="QY-T01;QY-V01")]
    assert match(task(duty_id="R", admission_id="ZR-1"), admitted=covering)[0] == "admission"
    assert match(task(duty_id="C", features="names_lead", admission_id="ZR-1"), admitted=covering)[0] == "admission"
    assert match(task(duty_id="B", admission_id="ZR-1"), admitted=covering)[0] == "duty"
    assert match(in_village(duty_id="F", admission_id="ZR-1"), admitted=covering)[0] == "forbidden"


def test_of_1808_raw_tasks_209_may_be_asked_and_93_were_taken_back() -> None:
    """The town of the essay sorted 1,808 tasks into 97 basic, 112 cooperating and 93 reclaimed items."""
    kinds = ["basic"] * 97 + ["cooperate"] * 112 + ["reclaimed"] * 93
    listed = [item(f"Q{place}", kind) for place, kind in enumerate(kinds)]
    rows = [task(source_ref=f"R-{place}", duty_id=f"Q{place}") for place in range(1808)]
    found = Counter(judged(*rows, items=listed)["match"])
    assert found == {"duty": 209, "reclaimed": 93, "not_on_list": 1506}


def test_versions_may_be_many_and_touch() -> None:
    dated = pl.DataFrame(
        {
            "unit": ["U"] * 4 + ["V"],
            "valid_from": [date(2026, month, 1) for month in (1, 2, 4, 5)] + [FIRST],
            "valid_to": [date(2026, 2, 1), date(2026, 3, 1), date(2026, 5, 1), None, None],
            "worth": [1, 2, 4, 5, 9],
        }
    )
    days = [date(2025, 12, 31), FIRST, date(2026, 2, 28), date(2026, 3, 15), date(2026, 4, 30), date(2027, 1, 1)]
    rows = pl.LazyFrame({"unit": ["U"] * 6 + ["V", "W"], "start_date": [*days, FIRST, FIRST]})
    found = on_day(rows, dated, ["unit"], value="worth", name="of_day").collect()
    by_day = {(unit, day): worth for unit, day, worth in found.iter_rows()}
    assert [by_day["U", day] for day in days] == [None, 1, 2, None, 4, 5]
    assert (by_day["V", FIRST], by_day["W", FIRST]) == (9, None)


FACTS = st.lists(
    st.fixed_dictionaries(
        {
            "duty_id": st.sampled_from([None, "B", "C", "R", "S", "F", "X"]),
            "admission_id": st.sampled_from([None, "ZR-1", "ZR-2"]),
            "target_org_id": st.sampled_from(["QY-T01", "QY-T02", "QY-V01"]),
            "burden_kind": st.sampled_from(["temp_task", "report_form", "document"]),
            "features": st.sampled_from([None, "names_lead", "sets_veto"]),
            "start_date": st.dates(date(2025, 12, 1), date(2026, 6, 30)),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None, phases=NO_SHRINKING)
@given(FACTS, st.permutations(range(len(ITEMS))), st.randoms(use_true_random=False))
def test_every_row_has_one_match_and_one_ground_whatever_the_order(rows: Any, order: list[int], random: Any) -> None:
    made = [task(source_ref=f"R-{place}", **row) for place, row in enumerate(rows)]
    admitted = [admission(), admission("ZR-2", target_scope="QY-V01", valid_to=None)]
    found = judged(*made, admitted=admitted)
    carried = found["match"].is_in(["duty", "admission"])
    assert set(found["match"].drop_nulls()) <= set(MATCHES)
    assert found["ground"].is_null().to_list() == (carried | found["match"].is_null()).to_list()
    assert set(found["ground"].drop_nulls()) <= set(GROUNDS)
    shuffled = random.sample(made, len(made))
    again = judged(*shuffled, items=[ITEMS[place] for place in order], admitted=admitted)
    assert found.select(*MATCH_SCHEMA).equals(again.select(*MATCH_SCHEMA))


# What the unit may decline


def listed_tasks(*rows: dict[str, Any], **given: Any) -> list[dict[str, Any]]:
    inputs = burden_inputs(rows, organisations=COUNTY, duties=records("duty_item", *ITEMS), **given)
    found = off_list_tasks(inputs)
    assert found.schema == pl.Schema(OFF_LIST_TASK.schema)
    return found.to_dicts()


def test_off_list_tasks_are_listed_by_unit_sender_item_and_ground() -> None:
    found = listed_tasks(
        task(source_ref="R-1", duty_id="X", start_date=date(2026, 3, 2)),
        task(source_ref="R-2", duty_id="X", burden_kind="report_form", start_date=date(2026, 3, 31)),
        task(source_ref="R-3", duty_id="B"),
        task(source_ref="R-4"),
        task(source_ref="R-5", duty_id="X", target_org_id="QY-T02"),
        task(source_ref="R-6", duty_id="X", subject_org_id="QY-D02"),
        in_village(source_ref="R-7", duty_id="F"),
    )
    columns = ("org_id", "subject_org_id", "duty_id", "why", "lead_org_id", "n_rows", "evidence_refs")
    assert [tuple(row[name] for name in columns) for row in found] == [
        ("QY-T01", "QY-D01", "*", "names_nothing", None, 1, "R-4"),
        ("QY-T01", "QY-D01", "X", "not_on_list", None, 2, "R-1;R-2"),
        ("QY-T01", "QY-D02", "X", "not_on_list", None, 1, "R-6"),
        ("QY-T02", "QY-D01", "X", "not_on_list", None, 1, "R-5"),
        ("QY-V01", "QY-D01", "F", "forbidden", "QY-D01", 1, "R-7"),
    ]
    first = found[1]
    assert (first["burden_kinds"], first["first_day"], first["last_day"]) == (
        "report_form;temp_task", "2026-03-02", "2026-03-31",
    )  # fmt: skip


def test_the_lead_department_is_named_where_it_took_the_item_back() -> None:
    found = listed_tasks(task(duty_id="R", subject_org_id="QY-D02"))
    assert (found[0]["why"], found[0]["subject_org_id"], found[0]["lead_org_id"]) == ("reclaimed", "QY-D02", "QY-D01")


@pytest.mark.parametrize(
    "columns",
    [
        {"is_exempt": True},
        {"is_duplicate": True},
        {"quantity": 0},
        {"subject_org_id": None},
        {"subject_org_id": "QY-V01"},
        {"start_date": date(2026, 4, 1)},
        {"burden_kind": "meeting"},
        {"burden_kind": "document"},
        {"duty_id": "C"},
    ],
)
def test_what_no_ground_is_given_for(columns: dict[str, Any]) -> None:
    assert len(listed_tasks(task(duty_id="X"))) == 1
    assert listed_tasks(task(**({"duty_id": "X"} | columns))) == []


@pytest.mark.parametrize("columns", [{"features": "asks_ledger"}, {"due_at": at("2026-03-12 18:00")}])
def test_a_document_that_sets_a_task_is_one(columns: dict[str, Any]) -> None:
    assert len(listed_tasks(task(burden_kind="document", duty_id="X", **columns))) == 1


def test_what_a_bearer_reported_is_counted_and_not_quoted() -> None:
    found = listed_tasks(
        task(source_ref="R-1", duty_id="X"),
        task(source_ref="S-1", duty_id="X", reported_by="receiving_register"),
        task(source_ref="S-2", duty_id="Y", reported_by="hotline"),
    )
    assert [(row["duty_id"], row["n_rows"], row["evidence_refs"]) for row in found] == [
        ("X", 2, "R-1"),
        ("Y", 1, None),
    ]


# What may not be scored


def unscorable(
    *indicators: tuple[str | None, str], admitted: Any = (), items: Any = ITEMS
) -> dict[tuple[str, str], str]:
    rows = [
        {"indicator_id": f"I-{place}", "duty_id": duty, "nature": nature}
        for place, (duty, nature) in enumerate(indicators)
    ]
    units = COUNTY.filter(pl.col("org_id").is_in(["QY-T01", "QY-T02", "QY-V01"]))
    found = unscorable_indicators(
        records("indicator", *rows), units, records("duty_item", *items), records("task_admission", *admitted), DAY
    )
    return {(row["org_id"], row["duty_id"]): row["why"] for row in found.to_dicts()}


def test_an_indicator_off_the_list_is_never_scored_on_the_unit() -> None:
    found = unscorable(("B", "outcome"), ("C", "outcome"), ("R", "outcome"), (None, "outcome"), ("X", "outcome"))
    assert {duty: why for (unit, duty), why in found.items() if unit == "QY-T01"} == {
        "R": "reclaimed", None: "no_duty", "X": "not_on_list",
    }  # fmt: skip
    assert found["QY-V01", "B"] == found["QY-V01", "C"] == "not_on_list", "a township's duty is not the village's"


def test_a_village_is_scored_on_its_part_and_by_its_residents_only() -> None:
    found = unscorable(("S", "outcome"), ("A", "outcome"), ("F", "satisfaction"), ("N", "satisfaction"))
    assert {duty: why for (unit, duty), why in found.items() if unit == "QY-V01"} == {
        "S": "wrong_role", "F": "forbidden", "N": "forbidden",
    }  # fmt: skip
    assert ("QY-V01", "S") not in unscorable(("S", "satisfaction"))
    silent = [item("A", "village_assist", local_duty=" "), item("C", "cooperate", local_duty=None)]
    assert unscorable(("A", "outcome"), ("C", "outcome"), items=silent) == {
        ("QY-T01", "A"): "not_on_list",
        ("QY-T01", "C"): "wrong_role",
        ("QY-T02", "A"): "not_on_list",
        ("QY-T02", "C"): "wrong_role",
        ("QY-V01", "A"): "wrong_role",
        ("QY-V01", "C"): "not_on_list",
    }


def test_an_admission_in_force_makes_its_own_item_scorable_where_it_reaches() -> None:
    admitted = [admission(duty_id="X", target_scope="QY-T01"), admission("ZR-2", duty_id="R")]
    found = unscorable(("X", "outcome"), ("R", "outcome"), admitted=admitted)
    assert ("QY-T01", "X") not in found
    assert found["QY-T02", "X"] == "not_on_list"
    assert found["QY-T01", "R"] == "reclaimed", "no admission lets a reclaimed item be scored"
    ended = [admission(duty_id="X", target_scope="QY-T01", valid_to=DAY)]
    assert unscorable(("X", "outcome"), admitted=ended)["QY-T01", "X"] == "not_on_list"


def test_without_any_list_nothing_is_scored() -> None:
    assert unscorable(("B", "outcome"), items=()) == {
        ("QY-T01", "B"): "not_on_list", ("QY-T02", "B"): "not_on_list", ("QY-V01", "B"): "not_on_list",
    }  # fmt: skip
