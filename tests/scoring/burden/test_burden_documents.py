"""Documents: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules import documents
from tests.support.burden_rows import (
    YEAR,
    at,
    burden_frame,
    burden_inputs,
    burden_row,
    found,
    organisations,
    parameters,
    records,
)

PARAMETERS = parameters(
    document__growth_max=0.0,
    document__words_general=5000,
    document__words_task=4000,
    document__comprehensive_subkinds=("综合",),
    document__similarity_max=0.9,
    document__similarity_watch=0.7,
    document__duplicate_share_max=0.05,
    consultation__min_workdays=3.0,
    consultation__rounds_max=2,
    consultation__rounds_days=30,
    pledge__allowed=("ZR-1",),
    veto__allowed=(),
)


def _only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


def _events(n: int, prefix: str = "R", **columns: Any) -> list[dict[str, Any]]:
    return [burden_row(source_ref=f"{prefix}-{index:03}", **columns) for index in range(n)]


def _years(before: int, now: int, **frames: Any) -> BurdenInputs:
    rows = [
        *_events(before, "A", start_date=date(2025, 5, 1)),
        *_events(now, "B", start_date=date(2026, 5, 1)),
    ]
    return burden_inputs(rows, **{"window": YEAR, "history_start": date(2024, 1, 1), **frames})


# DOC-01


def test_doc_01_the_county_of_the_essay_fell_by_28_48_per_cent() -> None:
    load = _only(found(documents.doc_01(_years(316, 226), PARAMETERS)))
    assert (load["result_type"], load["n"], load["denominator"]) == ("load", 226, 316)
    assert round(100 * load["value"], 2) == -28.48


def test_doc_01_one_more_than_last_year_is_a_breach_and_as_many_are_not() -> None:
    assert found(documents.doc_01(_years(10, 10), PARAMETERS), "breach") == []
    breach = _only(found(documents.doc_01(_years(10, 11), PARAMETERS), "breach"))
    assert (breach["n"], breach["denominator"], breach["value"], breach["threshold"]) == (11, 10, 0.1, 0.0)
    assert breach["evidence_refs"].startswith("B-000;B-001")
    assert breach["n_bearers"] == 1


def test_doc_01_exactly_at_an_allowed_growth_of_15_per_cent_is_no_breach() -> None:
    allowed = parameters(document__growth_max=0.15)
    assert found(documents.doc_01(_years(100, 115), allowed), "breach") == []
    assert len(found(documents.doc_01(_years(100, 116), allowed), "breach")) == 1


def test_doc_01_counts_only_what_is_under_the_quota() -> None:
    rows = [
        burden_row(source_ref="A-1", start_date=date(2025, 3, 2)),
        burden_row(source_ref="B-1"),
        burden_row(source_ref="B-2", counted_class="exempt_emergency"),
        burden_row(source_ref="B-3", counted_class="other"),
        burden_row(source_ref="B-4", counted_class=None),
        burden_row(source_ref="B-5", quantity=0),
        burden_row(source_ref="B-6", dup_of="B-1"),
        burden_row(source_ref="B-7", start_date=date(2026, 4, 1)),
    ]
    years = burden_inputs(rows, history_start=date(2025, 1, 1))
    assert [row["n"] for row in found(documents.doc_01(years, PARAMETERS))] == [1]
    unfounded = burden_row(source_ref="B-8", counted_class="exempt_legal", is_exempt=False)
    years = burden_inputs([*rows, unfounded], history_start=date(2025, 1, 1))
    assert _only(found(documents.doc_01(years, PARAMETERS), "breach"))["n"] == 2, "no basis, no exemption"


def test_doc_01_one_notice_to_many_units_is_one_document() -> None:
    rows = [burden_row(target_org_id=f"QY-V{unit:02}") for unit in range(1, 8)]
    load = _only(found(documents.doc_01(burden_inputs(rows), PARAMETERS)))
    assert (load["n"], load["n_bearers"]) == (1, 7)


def test_doc_01_years_are_not_compared_without_complete_facts_of_both() -> None:
    for unknown in (None, date(2025, 1, 2)):
        load = _only(found(documents.doc_01(_years(1, 5, history_start=unknown), PARAMETERS)))
        assert (load["result_type"], load["denominator"], load["value"]) == ("load", None, None)
    newcomer = _only(found(documents.doc_01(_years(0, 5), PARAMETERS)))
    assert (newcomer["result_type"], newcomer["denominator"]) == ("load", None), "nothing known of it a year ago"


def test_doc_01_a_register_kept_last_year_without_documents_is_compared() -> None:
    meeting = burden_row(burden_kind="meeting", source_ref="M-1", start_date=date(2025, 5, 1))
    rows = [meeting, *_events(2, start_date=date(2026, 5, 1))]
    years = burden_inputs(rows, window=YEAR, history_start=date(2025, 1, 1))
    breach = _only(found(documents.doc_01(years, PARAMETERS), "breach"))
    assert (breach["n"], breach["denominator"], breach["value"]) == (2, 0, None)


def test_doc_01_documents_that_ended_still_give_a_load() -> None:
    load = _only(found(documents.doc_01(_years(4, 0), PARAMETERS)))
    assert (load["n"], load["denominator"], load["value"], load["n_bearers"]) == (0, 4, -1.0, 0)


# DOC-02


def test_doc_02_each_document_outside_the_plan_is_a_breach() -> None:
    rows = [
        burden_row(source_ref="R-1", plan_no="P-1"),
        burden_row(source_ref="R-2"),
        burden_row(source_ref="R-3", counted_class="exempt_emergency"),
        burden_row(source_ref="R-4", counted_class="other"),
    ]
    breach = _only(found(documents.doc_02(burden_inputs(rows), PARAMETERS)))
    assert (breach["n"], breach["denominator"], breach["value"], breach["evidence_refs"]) == (1, 2, 0.5, "R-2")


def test_doc_02_a_plan_number_on_one_row_plans_the_event() -> None:
    rows = [burden_row(plan_no="P-1"), burden_row(target_org_id="QY-V02")]
    assert found(documents.doc_02(burden_inputs(rows), PARAMETERS)) == []


# DOC-03


@pytest.mark.parametrize(
    ("subkind", "words", "broken"),
    [
        ("综合", 5000, None),
        ("综合", 5001, "document.words_general"),
        ("专项", 4000, None),
        ("专项", 4001, "document.words_task"),
        (None, 5000, None),
        (None, 5001, "document.words_general"),
        ("专项", None, None),
    ],
)
def test_doc_03_each_sort_of_document_has_its_length(
    subkind: str | None, words: int | None, broken: str | None
) -> None:
    row = burden_row(burden_subkind=subkind, words=words)
    breaches = found(documents.doc_03(burden_inputs([row]), PARAMETERS))
    assert [each["param_id"] for each in breaches] == ([broken] if broken else [])
    assert [each["value"] for each in breaches] == ([float(words or 0)] if broken else [])


def test_doc_03_an_emergency_may_be_long() -> None:
    row = burden_row(words=9000, counted_class="exempt_emergency")
    assert found(documents.doc_03(burden_inputs([row]), PARAMETERS)) == []


# DOC-04


@pytest.mark.parametrize(
    ("similarity", "result"),
    [(None, []), (0.699999, []), (0.7, ["watch"]), (0.899999, ["watch"]), (0.9, ["breach"]), (1, ["breach"])],
)
def test_doc_04_likeness_is_watched_and_then_a_breach(similarity: float | None, result: list[str]) -> None:
    row = burden_row(similarity=similarity, parent_source_ref="S-1")
    rows = found(documents.doc_04(burden_inputs([row]), PARAMETERS))
    assert [each["result_type"] for each in rows] == result
    assert [each["value"] for each in rows] == [similarity] * len(result)


def test_doc_04_the_copier_answers_for_the_copy_and_a_body_through_its_host() -> None:
    orgs = organisations(
        {"org_id": "QY-D01"}, {"org_id": "QY-B01", "org_kind": "coordinating_body", "host_org_id": "QY-D01"}
    )
    copy = {"similarity": 0.95, "origin_org_id": "SZ-D01", "subject_org_id": "SZ-D01"}
    rows = [
        burden_row(**copy, issuer_org_id="QY-T01", issuer_kind="township"),
        burden_row(**copy, issuer_org_id="QY-B01", issuer_kind="coordinating_body"),
        burden_row(**copy, issuer_org_id="QY-V01", issuer_kind="village"),
        burden_row(**copy, issuer_org_id="QY-T02", issuer_kind="township", counted_class="exempt_emergency"),
    ]
    breaches = found(documents.doc_04(burden_inputs(rows, organisations=orgs), PARAMETERS))
    assert [each["subject_org_id"] for each in breaches] == ["QY-D01", "QY-T01"]


# DOC-05

FORWARDED = {"burden_kind": "reforwarded_document", "issuer_org_id": "QY-T01", "issuer_kind": "township"}
ORIGINAL = burden_row(source_ref="D-1", doc_no="清农〔2026〕3号", start_date=date(2026, 3, 2))


def _forwarded(source_ref: str, parent: str | None, **columns: Any) -> dict[str, Any]:
    defaults = {"start_date": date(2026, 3, 4), "issuer_level_rank": 2}
    return burden_row(**{**FORWARDED, **defaults, "source_ref": source_ref, "parent_source_ref": parent, **columns})


def test_doc_05_one_document_received_once_from_each_is_clean() -> None:
    rows = [ORIGINAL, _forwarded("T-1", None), _forwarded("T-2", "D-9")]
    results = found(documents.doc_05(burden_inputs(rows), PARAMETERS))
    assert [(row["result_type"], row["n"], row["denominator"]) for row in results] == [("load", 0, 1), ("load", 0, 2)]


@pytest.mark.parametrize("parent", ["D-1", "清农〔2026〕3号"])
def test_doc_05_a_forwarding_of_what_the_unit_has_counts_against_the_forwarder(parent: str) -> None:
    rows = [ORIGINAL, _forwarded("T-1", parent), _forwarded("T-2", None)]
    breach = _only(found(documents.doc_05(burden_inputs(rows), PARAMETERS), "breach"))
    assert (breach["subject_org_id"], breach["n"], breach["denominator"]) == ("QY-T01", 1, 2)
    assert (breach["value"], breach["threshold"], breach["evidence_refs"]) == (0.5, 0.05, "T-1")


def test_doc_05_a_chain_leads_back_to_one_root() -> None:
    rows = [
        burden_row(source_ref="D-1", start_date=date(2026, 3, 2)),
        burden_row(source_ref="E-1", issuer_org_id="QY-D02", parent_source_ref="D-1", start_date=date(2026, 3, 3)),
        _forwarded("T-1", "E-1"),
    ]
    shares = {
        row["subject_org_id"]: row["n"] for row in found(documents.doc_05(burden_inputs(rows), PARAMETERS), "load")
    }
    assert shares == {"QY-D01": 0, "QY-D02": 1, "QY-T01": 1}


def test_doc_05_of_one_day_the_higher_level_is_the_first() -> None:
    rows = [{**ORIGINAL, "start_date": date(2026, 3, 4)}, _forwarded("T-1", "D-1", issuer_org_id="AA-T01")]
    breach = _only(found(documents.doc_05(burden_inputs(rows), PARAMETERS), "breach"))
    assert breach["subject_org_id"] == "AA-T01"


def test_doc_05_a_number_that_strangers_share_joins_nothing() -> None:
    rows = [
        burden_row(source_ref="1", issuer_org_id="QY-D01"),
        burden_row(source_ref="1", issuer_org_id="QY-D02"),
        _forwarded("T-1", "1"),
    ]
    assert found(documents.doc_05(burden_inputs(rows), PARAMETERS), "breach") == []


def test_doc_05_a_row_marked_as_a_repetition_is_surplus() -> None:
    rows = [ORIGINAL, _forwarded("T-1", None, dup_of="D-1")]
    assert _only(found(documents.doc_05(burden_inputs(rows), PARAMETERS), "breach"))["n"] == 1


def test_doc_05_exempt_rows_and_other_units_make_nothing_surplus() -> None:
    rows = [
        ORIGINAL,
        _forwarded("T-1", "D-1", counted_class="exempt_emergency"),
        _forwarded("T-2", "D-1", target_org_id="QY-V02"),
    ]
    assert found(documents.doc_05(burden_inputs(rows), PARAMETERS), "breach") == []


def test_doc_05_a_share_exactly_at_the_limit_is_no_breach_and_a_quarter_is_looked_at() -> None:
    others = [_forwarded(f"U-{index}", None, start_date=date(2026, 1, 1)) for index in range(19)]
    rows = [ORIGINAL, _forwarded("T-1", "D-1"), *others]
    load = found(documents.doc_05(burden_inputs(rows), PARAMETERS))
    assert [(row["result_type"], row["value"]) for row in load] == [("load", 0.0), ("load", 0.05)]
    assert len(found(documents.doc_05(burden_inputs(rows[:-1]), PARAMETERS), "breach")) == 1
    too_old = [_forwarded("T-1", "D-1", start_date=date(2025, 12, 31))]
    assert found(documents.doc_05(burden_inputs([ORIGINAL, *too_old]), PARAMETERS), "breach") == []


# DOC-06


def test_doc_06_a_plain_paper_may_inform_but_not_task() -> None:
    rows = [
        burden_row(source_ref="R-1", burden_kind="work_reminder"),
        burden_row(source_ref="R-2", burden_kind="work_reminder", due_at=at("2026-03-12 18:00")),
        burden_row(source_ref="R-3", features="asks_ledger"),
        burden_row(source_ref="R-4", features="asks_ledger", doc_no="清农〔2026〕4号"),
        burden_row(source_ref="R-5", features="names_lead"),
        burden_row(source_ref="R-6", features="sets_pledge", counted_class="exempt_emergency"),
    ]
    breach, load = found(documents.doc_06(burden_inputs(rows), PARAMETERS))
    assert (breach["n"], breach["denominator"], breach["evidence_refs"]) == (2, 5, "R-2;R-3")
    assert (load["n"], load["denominator"], load["value"]) == (4, 5, 0.8)


# DOC-07, DOC-08


def test_doc_07_asking_for_implementing_papers_is_a_breach_unless_exempt() -> None:
    rows = [
        burden_row(source_ref="R-1", features="demands_supporting_doc;asks_ledger"),
        burden_row(source_ref="R-2", features="demands_supporting_doc", counted_class="exempt_legal"),
        burden_row(source_ref="R-3", features="asks_ledger"),
    ]
    breach = _only(found(documents.doc_07(burden_inputs(rows), PARAMETERS)))
    assert (breach["n"], breach["denominator"], breach["evidence_refs"]) == (1, 2, "R-1")


@pytest.mark.parametrize(
    ("issuer_kind", "bearer_kind", "bearer_level_rank", "is_broken"),
    [
        ("county_gov_dept", "township", 2, True),
        ("coordinating_body", "subdistrict", 2, True),
        ("province_dept", "other", 3, True),
        ("county_gov_dept", "village", 1, False),
        ("county_gov_dept", "county_gov_dept", 3, False),
        ("other", "township", 2, False),
    ],
)
def test_doc_08_departments_do_not_direct_committees(
    issuer_kind: str, bearer_kind: str, bearer_level_rank: int, is_broken: bool
) -> None:
    kinds = {"issuer_kind": issuer_kind, "bearer_kind": bearer_kind, "bearer_level_rank": bearer_level_rank}
    row = burden_row(features="directive_to_party_committee", **kinds)
    assert bool(found(documents.doc_08(burden_inputs([row]), PARAMETERS))) is is_broken
    for harmless in (
        burden_row(**kinds),
        burden_row(features="directive_to_party_committee", counted_class="exempt_emergency", **kinds),
    ):
        assert found(documents.doc_08(burden_inputs([harmless]), PARAMETERS)) == []


# DOC-09

ADMISSION = {"admission_id": "Z-1", "decision": "approved", "valid_from": date(2026, 3, 10)}


def test_doc_09_each_embedded_demand_is_its_own_breach() -> None:
    rows = [
        burden_row(source_ref="R-1", features="sets_assessment;sets_veto"),
        burden_row(source_ref="R-2", features="sets_assessment;sets_pledge"),
        burden_row(source_ref="R-3"),
    ]
    breaches = found(documents.doc_09(burden_inputs(rows), PARAMETERS))
    assert {row["param_id"]: (row["n"], row["denominator"]) for row in breaches} == {
        None: (2, 3),
        "pledge.allowed": (1, 3),
        "veto.allowed": (1, 3),
    }


@pytest.mark.parametrize(
    "columns",
    [
        {"plan_no": "P-1"},
        {"counted_class": "exempt_emergency"},
        {"admission_id": "Z-1"},
        {"source_ref": "ZR-1"},
        {"doc_no": "ZR-1"},
    ],
)
def test_doc_09_plan_list_and_admission_authorise_a_pledge(columns: dict[str, Any]) -> None:
    row = burden_row(**{"features": "sets_pledge", **columns})
    given_frames = burden_inputs([row], admissions=records("task_admission", ADMISSION))
    assert found(documents.doc_09(given_frames, PARAMETERS)) == []


@pytest.mark.parametrize(
    ("change", "is_broken"),
    [
        ({}, False),
        ({"valid_from": date(2026, 3, 11)}, True),
        ({"valid_to": date(2026, 3, 10)}, True),
        ({"valid_to": date(2026, 3, 11)}, False),
        ({"decision": "rejected"}, True),
        ({"decision": "exited", "valid_to": date(2026, 3, 31)}, False),
    ],
)
def test_doc_09_an_admission_must_be_in_force(change: dict[str, Any], is_broken: bool) -> None:
    row = burden_row(features="sets_veto", admission_id="Z-1")
    admissions = records("task_admission", {**ADMISSION, **change})
    assert bool(found(documents.doc_09(burden_inputs([row], admissions=admissions), PARAMETERS))) is is_broken


# DOC-10


def _consultation(issued: str, due: str, **columns: Any) -> dict[str, Any]:
    row = {"burden_kind": "consultation", "issued_at": at(issued), "due_at": at(due), "draft_id": "C-1"}
    return burden_row(**{**row, "start_date": date.fromisoformat(issued[:10]), **columns})


def test_doc_10_three_working_days_are_enough_and_an_hour_less_is_not() -> None:
    # Tuesday 3 March 2026 to Friday 6 March 2026, both 10:00: three working days of 8 hours.
    clean = _consultation("2026-03-03 10:00", "2026-03-06 10:00")
    assert found(documents.doc_10(burden_inputs([clean]), PARAMETERS)) == []
    short = _consultation("2026-03-03 10:00", "2026-03-06 09:00")
    breach = _only(found(documents.doc_10(burden_inputs([short]), PARAMETERS)))
    assert (breach["param_id"], breach["value"], breach["threshold"]) == ("consultation.min_workdays", 2.875, 3.0)


def test_doc_10_friday_for_saturday_and_overnight_take_time_off() -> None:
    relaxed = parameters(consultation__min_workdays=0.0, consultation__rounds_max=2, consultation__rounds_days=30)
    saturday = _consultation("2026-03-06 10:00", "2026-03-07 10:00", source_ref="R-1")
    overnight = _consultation("2026-03-04 18:00", "2026-03-05 18:00", source_ref="R-2", draft_id="C-2")
    in_hours = _consultation("2026-03-04 17:59", "2026-03-05 18:00", source_ref="R-3", draft_id="C-3")
    with_a_day = _consultation("2026-03-04 18:00", "2026-03-06 09:00", source_ref="R-4", draft_id="C-4")
    breach = _only(found(documents.doc_10(burden_inputs([saturday, overnight, in_hours, with_a_day]), relaxed)))
    assert (breach["param_id"], breach["n"], breach["denominator"]) == (None, 2, 4)
    assert breach["evidence_refs"] == "R-1;R-2"


def test_doc_10_the_calendar_of_the_place_decides_what_is_worked() -> None:
    relaxed = {"consultation__min_workdays": 0.0, "consultation__rounds_max": 2, "consultation__rounds_days": 30}
    saturday = _consultation("2026-03-06 10:00", "2026-03-07 10:00")
    made_up = parameters(**relaxed, working_calendar__extra_workdays=("2026-03-07",))
    assert found(documents.doc_10(burden_inputs([saturday]), made_up)) == []
    thursday = _consultation("2026-03-03 10:00", "2026-03-05 10:00")
    holiday = parameters(**relaxed, working_calendar__holidays=("2026-03-05",))
    assert len(found(documents.doc_10(burden_inputs([thursday]), holiday))) == 1


def _rounds(*days: date, **columns: Any) -> list[dict[str, Any]]:
    return [
        burden_row(
            **{
                "burden_kind": "consultation",
                "draft_id": "C-1",
                "source_ref": f"R-{index}",
                "start_date": day,
                **columns,
            }
        )
        for index, day in enumerate(days)
    ]


def test_doc_10_a_third_round_within_thirty_days_is_one_too_many() -> None:
    third = _rounds(date(2026, 2, 20), date(2026, 3, 1), date(2026, 3, 21))
    breach = _only(found(documents.doc_10(burden_inputs(third), PARAMETERS)))
    assert (breach["param_id"], breach["n"], breach["value"], breach["threshold"]) == (
        "consultation.rounds_max",
        1,
        3.0,
        2.0,
    )
    assert breach["evidence_refs"] == "R-2"
    later = _rounds(date(2026, 2, 20), date(2026, 3, 1), date(2026, 3, 22))
    assert found(documents.doc_10(burden_inputs(later), PARAMETERS)) == [], "the thirty-first day"


def test_doc_10_rounds_of_other_drafts_of_no_draft_and_of_emergencies_do_not_add_up() -> None:
    days = (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4))
    drafts = [{**row, "draft_id": f"C-{index}"} for index, row in enumerate(_rounds(*days))]
    for rows in (drafts, _rounds(*days, draft_id=None), _rounds(*days, counted_class="exempt_emergency")):
        assert found(documents.doc_10(burden_inputs(rows), PARAMETERS)) == []


# DOC-11


def test_doc_11_what_sets_a_task_needs_a_passed_review_before_it() -> None:
    admissions = records(
        "task_admission",
        {"admission_id": "Z-1", "review": "consistency_passed", "review_at": date(2026, 3, 10)},
        {"admission_id": "Z-2", "review": "consistency_passed", "review_at": date(2026, 3, 11)},
        {"admission_id": "Z-3", "review": "consistency_failed", "review_at": date(2026, 3, 1)},
        {"admission_id": "Z-4", "review": "consistency_passed"},
    )
    rows = [
        burden_row(source_ref="R-0", features="security_or_emergency"),
        *[
            burden_row(burden_kind="temp_task", source_ref=f"R-{each}", admission_id=f"Z-{each}")
            for each in range(1, 5)
        ],
        burden_row(burden_kind="report_form", source_ref="R-5"),
        burden_row(source_ref="R-6", features="asks_ledger", admission_id="Z-1"),
        burden_row(source_ref="R-7", burden_kind="assessment", counted_class="exempt_emergency"),
    ]
    breach, load = found(documents.doc_11(burden_inputs(rows, admissions=admissions), PARAMETERS))
    assert (load["n"], load["denominator"]) == (2, 6)
    assert (breach["n"], breach["denominator"], breach["evidence_refs"]) == (4, 6, "R-2;R-3;R-4;R-5")


def test_doc_11_a_document_that_sets_nothing_needs_no_review() -> None:
    assert found(documents.doc_11(burden_inputs([burden_row()]), PARAMETERS)) == []
    due = burden_row(due_at=at("2026-03-20 10:00"))
    assert len(found(documents.doc_11(burden_inputs([due]), PARAMETERS), "breach")) == 1


# All of them

BROKEN = {
    "features": "sets_assessment;sets_pledge;sets_veto;demands_supporting_doc;directive_to_party_committee",
    "similarity": 1,
    "words": 9000,
    "bearer_kind": "township",
    "bearer_level_rank": 2,
}
EVENT_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "burden_kind": st.sampled_from(["document", "work_reminder", "consultation", "temp_task"]),
            "source_ref": st.sampled_from(["R-1", "R-2", "R-3"]),
            "target_org_id": st.sampled_from(["QY-T01", "QY-T02"]),
            "counted_class": st.sampled_from(["streamlined", "exempt_emergency", "exempt_legal"]),
            "start_date": st.dates(date(2026, 3, 1), date(2026, 3, 31)),
            "draft_id": st.just("C-1"),
        }
    ),
    max_size=8,
)


def _all_rules(rows: list[dict[str, Any]]) -> pl.DataFrame:
    inputs = burden_inputs(rows, history_start=date(2025, 1, 1))
    frames = [rule(inputs, PARAMETERS).with_columns(form=pl.lit(code)) for code, rule in documents.RULES.items()]
    return pl.concat(frames).collect().sort("form", "result_type", "subject_org_id", "param_id")


@settings(max_examples=15, deadline=None)
@given(EVENT_ROWS)
def test_exempt_rows_never_raise_a_breach(rows: list[dict[str, Any]]) -> None:
    prepared = [burden_row(**BROKEN, **row) for row in rows]
    with_exempt = _all_rules(prepared).filter(pl.col("result_type") != "load")
    without = _all_rules([row for row in prepared if not row["is_exempt"]]).filter(pl.col("result_type") != "load")
    assert with_exempt.equals(without)


@settings(max_examples=10, deadline=None)
@given(EVENT_ROWS)
def test_splitting_a_notice_into_two_rows_of_one_event_changes_no_result(rows: list[dict[str, Any]]) -> None:
    prepared = [burden_row(**BROKEN, **row) for row in rows]
    again = [{**row, "note": "the second row of the same event and unit"} for row in prepared]
    assert _all_rules(prepared).equals(_all_rules([*prepared, *again]))


@settings(max_examples=10, deadline=None)
@given(EVENT_ROWS, st.sampled_from(["Z-1", "Z-2"]))
def test_an_admission_or_review_never_hurts_its_sender(rows: list[dict[str, Any]], admission_id: str) -> None:
    admissions = records(
        "task_admission",
        {**ADMISSION, "valid_from": date(2026, 1, 1), "review": "consistency_passed", "review_at": date(2026, 1, 1)},
        {"admission_id": "Z-2", "decision": "rejected", "review": "consistency_failed"},
    )
    for rule in (documents.doc_09, documents.doc_11):
        before, after = (
            {
                (row["subject_org_id"], row["param_id"]): row["n"]
                for row in found(rule(burden_inputs(given_rows, admissions=admissions), PARAMETERS), "breach")
            }
            for given_rows in (
                [burden_row(**BROKEN, **row) for row in rows],
                [burden_row(**BROKEN, **row, admission_id=admission_id) for row in rows],
            )
        )
        assert all(number <= before[key] for key, number in after.items())


def test_row_order_and_thread_count_change_nothing_and_the_schema_holds() -> None:
    rows = [
        burden_row(
            **BROKEN,
            source_ref=f"R-{index % 7}",
            target_org_id=f"QY-T{index % 5:02}",
            start_date=date(2026, 3, 1) + timedelta(days=index % 7),
        )
        for index in range(35)
    ]
    forward = _all_rules(rows)
    assert forward.equals(_all_rules(rows[::-1]))
    assert forward.drop("form").schema == pl.Schema(dict(FLAG_SCHEMA))
    streamed = [
        rule(burden_inputs(burden_frame(rows), history_start=date(2025, 1, 1)), PARAMETERS)
        for rule in documents.RULES.values()
    ]
    assert sum(len(each) for each in pl.collect_all(streamed, engine="streaming")) == len(forward)


def test_a_village_is_never_a_subject() -> None:
    village = {"issuer_org_id": "QY-V09", "issuer_kind": "village", "subject_org_id": None}
    rows = [burden_row(**BROKEN, **village, source_ref=f"R-{index}") for index in range(3)]
    assert _all_rules(rows).is_empty()


def test_what_only_bearers_reported_is_counted_and_not_listed() -> None:
    rows = [
        burden_row(source_ref="R-1", words=9000, reported_by="receiving_register"),
        burden_row(source_ref="R-2", words=9000, reported_by="hotline"),
        burden_row(source_ref="R-3", words=9000),
    ]
    breach = _only(found(documents.doc_03(burden_inputs(rows), PARAMETERS)))
    assert (breach["n"], breach["evidence_refs"]) == (3, "R-3")
