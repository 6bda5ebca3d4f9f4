"""The 22 questions, what the registers answer, coverage per department and blind re-scoring."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from scoring.burden.consistency_review import (
    BOLD,
    COLUMNS,
    QUESTIONS,
    admission_answers,
    consistency_coverage,
    draw_for_rescoring,
    event_answers,
)
from scoring.burden.inputs import BurdenInputs
from scoring.burden.verification import exact_interval
from tests.support.burden_rows import at, burden_inputs, burden_row, organisations, parameters, records

NUMBERS: dict[str, Any] = {
    "document__words_general": 5000,
    "document__words_task": 4000,
    "document__comprehensive_subkinds": ("综合",),
    "document__similarity_max": 0.9,
    "meeting__minutes_max": 240,
    "consultation__min_workdays": 3.0,
    "campaign__allowed": ("C-1",),
    "secondment__forbidden_levels": ("county", "township", "village"),
    "admission__level_duty_change": "province",
    "admission__level_other": "county",
    "admission__heard_units_min": 3,
    "admission__professional_task_kinds": ("inspection",),
    "resource__ratio_min": 1.0,
    "resource__grace_days": 30,
    "review__recheck_share": 0.05,
}
PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-GATE"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village"},
)
ADMITTED: dict[str, Any] = {
    "admission_id": "A1",
    "applicant_org_id": "QY-D01",
    "target_scope": "QY-V01",
    "requested_at": date(2026, 1, 5),
    "task_kind": "temp_task",
    "review": "consistency_passed",
    "review_at": date(2026, 3, 10),
    "heard_units": 3,
    "decision": "approved",
    "decided_by_org_id": "QY-GATE",
    "approval_level": "county",
    "legal_basis": "森林防火条例",
    "valid_from": date(2026, 3, 2),
    "valid_to": date(2026, 6, 1),
}
BASIC = {
    "list_id": "L", "duty_id": "D1", "duty_kind": "basic", "scope_kind": "village", "valid_from": date(2026, 1, 1),
}  # fmt: skip
# One row with features, so that the register is seen to use the column.
OTHER = burden_row(source_ref="R-9", issuer_org_id="QY-D02", feature_list=["full_coverage"], plan_no="P-1")


def notice(**columns: Any) -> dict[str, Any]:
    """A document that sets a task under the admission, planned, of usual length."""
    given = {"doc_no": "清农〔2026〕1号", "admission_id": "A1", "words": 3000, "due_at": at("2026-03-20 12:00")}
    return burden_row(**{**given, **columns})


def world(
    *rows: dict[str, Any], duties: tuple[dict[str, Any], ...] = (BASIC,), grants: Any = (), **admission: Any
) -> BurdenInputs:
    return burden_inputs(
        [*rows, OTHER],
        organisations=PLACES,
        admissions=records("task_admission", ADMITTED | admission),
        duties=records("duty_item", *duties),
        grants=records("resource_grant", *grants),
    )


def answers(inputs: BurdenInputs, kind: str = "document") -> dict[str, Any]:
    rows = event_answers(inputs, parameters(**NUMBERS)).filter(
        (pl.col("subject_org_id") == "QY-D01") & (pl.col("burden_kind") == kind)
    )
    collected = rows.collect(engine="streaming")
    assert collected.height == 1
    return collected.row(0, named=True)


def test_the_questions_are_those_of_the_catalogue() -> None:
    assert [question.number for question in QUESTIONS] == list(range(1, 23))
    assert [question.number for question in QUESTIONS if not question.is_bold] == [2, 18, 20, 21, 22]
    assert [question.number for question in QUESTIONS if question.good == "no"] == [2]
    assert all(question.zh.endswith("？") and question.en.endswith("?") for question in QUESTIONS)
    assert all(question.follows and question.checked_against for question in QUESTIONS)
    assert len(set(COLUMNS)) == 22


def test_a_clean_admitted_notice() -> None:
    found = answers(world(notice()))
    assert {name: found[name] for name in COLUMNS} == {
        "q01": "yes", "q02": "not_checkable", "q03": "yes", "q04": "yes", "q05": "not_applicable", "q06": "yes",
        "q07": "yes", "q08": "not_applicable", "q09": "yes", "q10": "not_applicable", "q11": "not_applicable",
        "q12": "yes", "q13": "yes", "q14": "yes", "q15": "yes", "q16": "yes", "q17": "yes", "q18": "not_applicable",
        "q19": "yes", "q20": "yes", "q21": "yes", "q22": "yes",
    }  # fmt: skip
    assert found["verdict"] == "consistency_passed"
    assert (found["needs_review"], found["is_reviewed"]) == (True, True)


@pytest.mark.parametrize(
    ("question", "answer", "columns", "admission"),
    [
        ("q01", "no", {}, {"legal_basis": None}),
        ("q01", "yes", {"plan_no": "P-2"}, {"legal_basis": None}),
        ("q02", "yes", {"similarity": "0.90"}, {}),
        ("q02", "no", {"similarity": "0.89"}, {}),
        ("q03", "yes", {"words": 5000}, {}),
        ("q03", "no", {"words": 5001}, {}),
        ("q03", "no", {"words": 4001, "burden_subkind": "专项"}, {}),
        ("q03", "no", {"similarity": "0.90"}, {}),
        ("q03", "not_checkable", {"words": None}, {}),
        ("q04", "no", {"feature_list": ["demands_supporting_doc"]}, {}),
        ("q05", "yes", {"duty_id": "D1"}, {}),
        ("q05", "no", {"admission_id": None}, {}),
        ("q06", "not_applicable", {"duty_id": "D1"}, {}),
        ("q06", "no", {"admission_id": "A9"}, {}),
        ("q06", "no", {}, {"requested_at": date(2026, 3, 11)}),
        ("q06", "no", {}, {"task_kind": "duty_change"}),
        ("q08", "yes", {}, {"staff_fte": 1}),
        ("q08", "no", {}, {"task_kind": "inspection"}),
        ("q09", "no", {"feature_list": ["sets_pledge"]}, {}),
        ("q09", "yes", {"feature_list": ["sets_pledge"], "plan_no": "P-2"}, {}),
        ("q12", "no", {"feature_list": ["usage_target"]}, {}),
        ("q13", "no", {"feature_list": ["asks_photos"]}, {}),
        ("q15", "no", {"feature_list": ["fee"]}, {}),
        ("q16", "no", {"amount_yuan": 5}, {}),
        ("q14", "not_checkable", {"doc_no": None}, {}),
        ("q19", "no", {}, {"heard_units": 2}),
        ("q20", "not_checkable", {"minutes": None}, {}),
        ("q21", "no", {}, {"valid_to": None}),
        ("q22", "no", {}, {"target_scope": "all_villages"}),
    ],
)
def test_each_question_by_what_answers_it(
    question: str, answer: str, columns: dict[str, Any], admission: dict[str, Any]
) -> None:
    found = answers(world(notice(**columns), **admission))
    assert found[question] == answer
    if answer == "no" and question in BOLD:
        assert found["verdict"] == "consistency_failed"


@pytest.mark.parametrize("duty_kind", ["reclaimed", "forbidden", "no_certificate"])
def test_pushed_back_duties_fail_the_review(duty_kind: str) -> None:
    found = answers(world(notice(duty_id="D1", admission_id=None), duties=(BASIC | {"duty_kind": duty_kind},)))
    assert (found["q05"], found["q07"], found["verdict"]) == ("no", "no", "consistency_failed")


@pytest.mark.parametrize(
    ("kind", "question"),
    [("app", "q12"), ("sign", "q14"), ("campaign", "q15"), ("apportionment", "q16"), ("secondment", "q17")],
)
def test_what_stands_under_the_same_document_number_answers_for_the_notice(kind: str, question: str) -> None:
    brought = burden_row(burden_kind=kind, source_ref="R-2", doc_no="清农〔2026〕1号")
    assert answers(world(notice(), brought))[question] == "no"
    assert answers(world(notice(), brought | {"doc_no": "另文"}))[question] == "yes"


def test_a_promise_that_was_not_kept_answers_question_8() -> None:
    nothing = {"admission_id": "A1", "kind": "staff_fte", "receiving_org_id": "QY-V01", "quantity": 0}
    late = world(
        notice(), grants=(nothing | {"granted_at": date(2026, 2, 1)},), staff_fte=1, valid_from=date(2026, 2, 2)
    )
    assert answers(late)["q08"] == "no"


def test_meetings_forms_assessments_and_consultations() -> None:
    meeting = {"burden_kind": "meeting", "due_at": None}
    assert answers(world(notice(**meeting, duration_min=240)), "meeting")["q18"] == "yes"
    assert answers(world(notice(**meeting, duration_min=241)), "meeting")["q18"] == "no"
    widened = notice(**meeting, duration_min=60, feature_list=["widens_attendance"])
    assert answers(world(widened), "meeting")["q18"] == "no"
    assert answers(world(notice(**meeting)), "meeting")["q18"] == "not_checkable"
    assert answers(world(notice(**meeting)), "meeting")["q03"] == "not_applicable"

    above = burden_row(burden_kind="assessment", source_ref="R-0", issuer_org_id="QY-D02", items_n=40, measure="flow")
    below = {"burden_kind": "assessment", "parent_source_ref": "R-0", "measure": "flow"}
    assert answers(world(above, notice(**below, items_n=40)), "assessment")["q10"] == "yes"
    assert answers(world(above, notice(**below, items_n=41)), "assessment")["q10"] == "no"
    assert answers(world(above, notice(**below)), "assessment")["q10"] == "not_checkable"

    # Monday 9:00 to Thursday 9:00 are three working days.
    draft = {"burden_kind": "consultation", "issued_at": at("2026-03-16 09:00")}
    assert answers(world(notice(**draft, due_at=at("2026-03-19 09:00"))), "consultation")["q19"] == "yes"
    assert answers(world(notice(**draft, due_at=at("2026-03-18 18:00"))), "consultation")["q19"] == "yes"
    assert answers(world(notice(**draft, due_at=at("2026-03-18 17:59"))), "consultation")["q19"] == "no"


def test_a_form_that_asks_again_answers_question_11() -> None:
    common = {"form_name": "表", "issuer_org_id": "QY-D01", "field_name": "户数", "data_element_id": "HH"}
    first = {**common, "form_id": "F-1", "valid_from": date(2025, 1, 1)}
    second = {**common, "form_id": "F-2", "valid_from": date(2025, 6, 1)}
    ended = first | {"valid_to": date(2026, 1, 1)}

    def asked(form: str, *fields: dict[str, Any]) -> str:
        inputs = world(notice(burden_kind="report_form", source_ref=form))
        held = BurdenInputs(**{**vars(inputs), "form_fields": records("form_field", *fields)})
        return str(answers(held, "report_form")["q11"])

    assert asked("F-2", first, second) == "no"
    assert asked("F-1", first, second) == "yes"
    assert asked("F-2", ended, second) == "yes"
    assert asked("F-2", first, second | {"data_element_id": None}) == "not_checkable"
    assert asked("F-3", first, second) == "not_checkable"


def test_what_the_register_never_records_is_not_checkable_and_never_yes() -> None:
    bare = burden_inputs([notice(admission_id=None)], organisations=PLACES)
    found = answers(bare)
    assert [found[name] for name in ("q01", "q04", "q05", "q06", "q08", "q09", "q13", "q19")] == ["not_checkable"] * 8
    assert found["verdict"] == "undecided"


def test_the_worst_row_of_an_event_and_the_worst_event_of_an_admission_count() -> None:
    rows = (notice(), notice(target_org_id="QY-V02", feature_list=["asks_photos"]))
    assert answers(world(*rows))["q13"] == "no"
    inputs = world(notice(source_ref="R-2"), *rows)
    table = admission_answers(inputs, parameters(**NUMBERS)).row(0, named=True)
    assert (table["admission_id"], table["n_events"]) == ("A1", 2)
    assert (table["q13"], table["q04"], table["verdict"]) == ("no", "yes", "consistency_failed")
    unused = admission_answers(world(), parameters(**NUMBERS)).row(0, named=True)
    assert {unused[name] for name in COLUMNS} == {"not_checkable"}


# Coverage


def coverage(inputs: BurdenInputs, **changes: Any) -> dict[str, dict[str, Any]]:
    rows = consistency_coverage(inputs, parameters(**(NUMBERS | changes)), seed=7)
    return {row["subject_org_id"]: row for row in rows.to_dicts()}


def test_coverage_counts_events_with_a_passed_review_dated_before_issue() -> None:
    inputs = world(
        notice(),
        notice(target_org_id="QY-V02"),
        notice(source_ref="R-2", start_date=date(2026, 3, 9)),
        notice(source_ref="R-3", issued_at=at("2026-03-11 08:00"), start_date=date(2026, 3, 9)),
        notice(source_ref="R-4", admission_id=None),
        burden_row(source_ref="R-5", burden_kind="meeting"),
        burden_row(source_ref="R-6"),
        notice(source_ref="R-7", counted_class="exempt_emergency"),
        notice(source_ref="R-8", dup_of="R-1"),
    )
    row = coverage(inputs)["QY-D01"]
    # are covered; R-2 came before the review, R-4 and R-5 have none; R-6 sets nothing.
    assert (row["n_events"], row["n_reviewed"], row["coverage"], row["n_contradicted"]) == (5, 2, 0.4, 0)
    failed = coverage(world(notice(), review="consistency_failed"))["QY-D01"]
    assert (failed["n_events"], failed["n_reviewed"]) == (1, 0)
    contradicted = coverage(world(notice(feature_list=["asks_photos"])))["QY-D01"]
    assert (contradicted["n_reviewed"], contradicted["n_contradicted"]) == (1, 1)


def reviews(n: int, applicant: str = "QY-D01") -> list[dict[str, Any]]:
    return [
        ADMITTED
        | {"admission_id": f"{applicant}-{k:03}", "applicant_org_id": applicant, "review_at": date(2026, 3, 10)}
        for k in range(n)
    ]


def drawn(*admissions: dict[str, Any], seed: int = 7) -> list[tuple[str, str]]:
    inputs = burden_inputs(organisations=PLACES, admissions=records("task_admission", *admissions))
    return list(draw_for_rescoring(inputs, parameters(**NUMBERS), seed).iter_rows())


def test_five_per_cent_of_each_departments_passed_reviews_are_drawn_and_at_least_one() -> None:
    found = drawn(*reviews(41), *reviews(1, "QY-D02"))
    departments = [department for _, department in found]
    # 5 % of 41 are 2.05, rounded up; of one review the one.
    assert (departments.count("QY-D01"), departments.count("QY-D02")) == (3, 1)
    assert drawn(*reversed(reviews(41)), *reviews(1, "QY-D02")) == found
    assert drawn(*reviews(41), seed=8) != drawn(*reviews(41))
    assert len(drawn(*reviews(40))) == 2
    assert drawn(ADMITTED | {"review": "consistency_failed"}) == []
    assert drawn(ADMITTED | {"review_at": date(2026, 4, 1)}) == []


def test_the_share_overturned_has_an_exact_interval_and_leaves_out_the_undecided() -> None:
    ids = [admission for admission, _ in drawn(*reviews(100))]
    outcomes = ("differs", "confirmed", "confirmed", "not_verifiable")
    results = [
        {
            "verification_id": f"K{place}",
            "draw_id": "REVIEW-2026M03",
            "dataset": "task_admission",
            "fact_key": f'{{"admission_id":"{admission}"}}',
            "outcome": outcome,
            "verified_at": date(2026, 4, 10),
        }
        for place, (admission, outcome) in enumerate(zip(ids, outcomes, strict=False))
    ]
    stranger = results[0] | {"verification_id": "K9", "fact_key": '{"admission_id":"QY-D01-none"}'}
    inputs = burden_inputs(
        organisations=PLACES,
        admissions=records("task_admission", *reviews(100)),
        verifications=records("verification_fact", *results, stranger),
    )
    row = coverage(inputs)["QY-D01"]
    assert [row[f"n_{name}"] for name in ("passed", "drawn", "rescored", "overturned")] == [100, 5, 3, 1]
    low, high = exact_interval(1, 3)
    assert (row["overturned_share"], row["overturned_low"], row["overturned_high"]) == pytest.approx(
        (1 / 3, low, high), abs=1e-6
    )
    assert (row["n_events"], row["coverage"], row["reason_codes"]) == (0, None, "NO_EVENTS_TO_REVIEW")
    unscored = coverage(burden_inputs(organisations=PLACES, admissions=records("task_admission", *reviews(3))))
    assert unscored["QY-D01"]["overturned_share"] is None
