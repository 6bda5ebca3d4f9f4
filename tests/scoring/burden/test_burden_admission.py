"""The gate for new tasks: a clean admission breaks nothing, and each broken step is told under its own letter."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scoring.burden.admission import BREACHES, admission_breaches
from scoring.burden.inputs import BurdenInputs, Window
from scoring.burden.parameters import Parameters
from tests.support.burden_rows import MARCH, YEAR, burden_inputs, burden_row, organisations, parameters, records

NUMBERS: dict[str, Any] = {
    "admission__request_lead_workdays": 30,
    "admission__heard_units_min": 3,
    "admission__decision_workdays": 15,
    "admission__level_duty_change": "province",
    "admission__level_other": "county",
    "admission__publicity_workdays": 5,
    "admission__evaluation_months": 12,
    "admission__exit_days": 30,
    "admission__emergency_workdays": 10,
    "admission__professional_task_kinds": ("duty_change", "inspection"),
    "resource__ratio_min": 1.0,
    "resource__grace_days": 30,
}
PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-OFFICE", "org_kind": "coordinating_body", "host_org_id": "QY-D01"},
    {"org_id": "QY-GATE"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
    {"org_id": "QY-V02", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
)

# Monday 5 January to Monday 2 March 2026 are 40 working days; the publicity runs over seven, the decision took eleven.
CLEAN: dict[str, Any] = {
    "admission_id": "A1",
    "task_name": "春季防火巡查",
    "applicant_org_id": "QY-D01",
    "target_scope": "QY-V01",
    "requested_at": date(2026, 1, 5),
    "task_kind": "temp_task",
    "review": "consistency_passed",
    "review_at": date(2026, 1, 12),
    "justification_doc_no": "论证1",
    "heard_units": 3,
    "decision": "approved",
    "decided_at": date(2026, 1, 20),
    "decided_by_org_id": "QY-GATE",
    "approval_level": "county",
    "approval_form": "joint_decision",
    "funding_yuan": 1000,
    "publicised_from": date(2026, 1, 21),
    "publicised_to": date(2026, 1, 30),
    "valid_from": date(2026, 3, 2),
    "valid_to": date(2026, 6, 1),
}
GRANT = {
    "admission_id": "A1",
    "kind": "funding_yuan",
    "receiving_org_id": "QY-V01",
    "granted_at": date(2026, 4, 1),
    "quantity": 1000,
}
# Every village has a list, on which the task of the tests is not.
ITEM = {"list_id": "L", "duty_id": "D0", "duty_kind": "basic", "scope_kind": "village", "valid_from": date(2025, 1, 1)}
FEBRUARY = Window("2027M02", date(2027, 2, 1), date(2027, 3, 1))
Told = set[tuple[str, str, str]]


def row(**columns: Any) -> dict[str, Any]:
    """A task of the clean admission on the village, on a day it is in force."""
    return burden_row(**{"burden_kind": "temp_task", "admission_id": "A1"} | columns)


def case(*rows: dict[str, Any], window: Window = YEAR, **changes: Any) -> BurdenInputs:
    return burden_inputs(
        rows or [row()],
        window=window,
        organisations=PLACES,
        admissions=records("task_admission", CLEAN | changes),
        grants=records("resource_grant", GRANT),
        duties=records("duty_item", ITEM),
    )


def told(inputs: BurdenInputs, **changes: Any) -> pl.DataFrame:
    numbers: Parameters = parameters(**(NUMBERS | changes))
    return admission_breaches(inputs, numbers).filter(pl.col("result_type") == "breach")


def codes(inputs: BurdenInputs) -> Told:
    return set(told(inputs).select("breach", "detail", "subject_org_id").iter_rows())


def of_applicant(*breaches: str) -> Told:
    return {(breach, "-", "QY-D01") for breach in breaches}


def test_a_clean_admission_breaks_nothing() -> None:
    assert codes(case()) == set()
    assert codes(case(window=MARCH)) == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"requested_at": date(2026, 1, 20)}, of_applicant("1b") | {("order", "requested_at<=review_at", "QY-D01")}),
        ({"review": None, "review_at": None}, of_applicant("2a") | {("2c", "-", "QY-GATE")}),
        ({"review": "consistency_failed"}, of_applicant("2a") | {("2c", "-", "QY-GATE")}),
        ({"review_at": date(2026, 1, 21)}, of_applicant("2b") | {("2c", "-", "QY-GATE")}),
        ({"review_at": date(2026, 1, 20)}, set()),
        ({"justification_doc_no": None}, of_applicant("3a")),
        ({"heard_units": 2}, of_applicant("3b")),
        ({"heard_units": None}, of_applicant("3b")),
        ({"task_kind": "duty_change"}, of_applicant("4a")),
        ({"task_kind": "duty_change", "approval_level": "province"}, set()),
        ({"decided_by_org_id": "QY-D01"}, of_applicant("4b")),
        ({"applicant_org_id": "QY-OFFICE", "decided_by_org_id": "QY-D01"}, of_applicant("4b")),
        ({"approval_form": "leader_note"}, of_applicant("4c")),
        ({"approval_form": "registry_decision"}, set()),
        ({"decided_at": date(2026, 1, 26), "publicised_from": date(2026, 1, 26), "publicised_to": date(2026, 2, 2)},
         set()),
        ({"decided_at": date(2026, 1, 27), "publicised_from": date(2026, 1, 27), "publicised_to": date(2026, 2, 9)},
         {("4d", "-", "QY-GATE")}),
        ({"publicised_from": None, "publicised_to": None}, of_applicant("5a")),
        ({"publicised_to": date(2026, 1, 28)}, set()),
        ({"publicised_to": date(2026, 1, 27)}, of_applicant("5b")),
        ({"publicised_to": date(2026, 3, 3)}, of_applicant("5c")),
        ({"publicised_to": date(2026, 3, 2)}, set()),
        ({"funding_yuan": 1001}, {("6a", "funding_yuan", "QY-D01")}),
        ({"training_days": 2}, {("6a", "training_days", "QY-D01")}),
        ({"task_kind": "inspection", "funding_yuan": None}, of_applicant("6b")),
        ({"task_kind": "report_form", "funding_yuan": None}, set()),
        ({"valid_to": None, "task_kind": "report_form", "window": FEBRUARY}, set()),
        ({"valid_to": None}, of_applicant("7c")),
        ({"publicised_from": date(2026, 1, 19)}, {("order", "decided_at<=publicised_from", "QY-D01")}),
        ({"valid_from": date(2026, 6, 1), "funding_yuan": None}, {("order", "valid_from<valid_to", "QY-D01"),
                                                                 ("7a", "before", "QY-D01")}),
    ],
)  # fmt: skip
def test_each_broken_step_is_told_once(changes: dict[str, Any], expected: Told) -> None:
    assert codes(case(**changes)) == expected


def test_values_thresholds_and_days_of_the_register_rules() -> None:
    # Monday 19 January to Monday 2 March: six weeks of five working days.
    assert codes(case(requested_at=date(2026, 1, 19), review_at=date(2026, 1, 19))) == set()
    found = told(case(requested_at=date(2026, 1, 20), review_at=date(2026, 1, 20))).row(0, named=True)
    assert (found["breach"], found["value"], found["threshold"], found["days"]) == ("1b", 29.0, 30.0, 1)
    assert found["breach_on"] == "2026-03-02"
    assert found["evidence_refs"] == "requested_at=2026-01-20;valid_from=2026-03-02"
    short = told(case(publicised_to=date(2026, 1, 27))).row(0, named=True)
    assert (short["value"], short["threshold"], short["days"]) == (4.0, 5.0, 1)
    granted = told(case(funding_yuan=4000)).row(0, named=True)
    assert (granted["value"], granted["threshold"], granted["breach_on"]) == (0.25, 1.0, "2026-04-01")


def test_holidays_are_no_working_days() -> None:
    spring = ("2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20", "2026-02-23")
    week = [(date(2026, 2, 2) + timedelta(days=n)).isoformat() for n in range(5)]
    holidays = (*spring, *week)
    numbers = parameters(**NUMBERS, working_calendar__holidays=holidays)
    found = admission_breaches(case(), numbers).filter(pl.col("result_type") == "breach")
    assert found.select("breach", "value").rows() == [("1b", 29.0)]


def test_a_decision_that_never_came_counts_against_whoever_had_to_decide() -> None:
    # Fifteen working days after 5 January end on 26 January.
    waiting = case(
        burden_row(duty_id="D"),
        decision="pending",
        decided_at=None,
        decided_by_org_id=None,
        valid_from=None,
        valid_to=None,
    )
    assert told(waiting).select("breach", "subject_org_id", "subject_role", "breach_on").rows() == [
        ("4d", "*", "approver", "2026-01-27")
    ]
    january = Window("2026M01", date(2026, 1, 1), date(2026, 1, 27))
    assert codes(BurdenInputs(**{**vars(waiting), "window": january})) == set()


# Burden rows


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"start_date": date(2026, 3, 2)}, set()),
        ({"start_date": date(2026, 3, 1)}, {("7a", "before", "QY-D01")}),
        ({"start_date": date(2026, 5, 31)}, set()),
        ({"start_date": date(2026, 6, 1)}, {("7a", "after", "QY-D01")}),
        ({"start_date": date(2026, 6, 1), "counted_class": "exempt_emergency"}, set()),
        ({"start_date": date(2026, 6, 1), "quantity": 0}, set()),
        ({"target_org_id": "QY-V02"}, {("7b", "-", "QY-D01")}),
        ({"subject_org_id": "QY-D02", "target_org_id": "QY-V02"}, {("7b", "-", "QY-D02")}),
        ({"subject_org_id": None, "target_org_id": "QY-V02"}, set()),
        ({"burden_kind": "assessment"}, {("7d", "-", "QY-D01")}),
        ({"feature_list": ["sets_assessment"]}, {("7d", "-", "QY-D01")}),
        ({"admission_id": "A9"}, {("1a", "-", "QY-D01")}),
        ({"admission_id": None}, {("1a", "-", "QY-D01")}),
        ({"admission_id": None, "burden_kind": "document"}, set()),
        ({"admission_id": None, "burden_kind": "document", "feature_list": ["asks_ledger"]}, {("1a", "-", "QY-D01")}),
    ],
)
def test_rows_that_their_admission_does_not_cover(columns: dict[str, Any], expected: Told) -> None:
    assert codes(case(row(source_ref="R-0"), row(**columns))) == expected


def test_rows_under_a_request_that_was_not_approved() -> None:
    refused = case(row(), row(source_ref="R-2"), row(target_org_id="QY-V02"), decision="rejected")
    found = told(refused).row(0, named=True)
    assert (found["breach"], found["detail"], found["subject_role"]) == ("7a", "not_approved", "applicant")
    assert (found["n"], found["n_bearers"], found["evidence_refs"]) == (2, 2, "R-1;R-2")


def test_days_outside_the_validity_are_counted_from_the_nearest_valid_day() -> None:
    late = told(case(row(start_date=date(2026, 6, 1)), row(start_date=date(2026, 6, 4), source_ref="R-2")))
    assert late.select("days", "n", "breach_on").rows() == [(4, 2, "2026-06-01")]
    early = told(case(row(start_date=date(2026, 2, 27))))
    assert early["days"].to_list() == [3]


def test_after_an_exit_rows_are_told_as_9a() -> None:
    gone = {"decision": "exited", "valid_to": date(2026, 4, 1), "exit_reason": "无实效"}
    assert codes(case(row(start_date=date(2026, 3, 31)), **gone)) == set()
    assert codes(case(row(start_date=date(2026, 4, 1)), **gone)) == of_applicant("9a")
    # A decision dated after the start of what has exited is the exit: no late decision, no wrong order.
    assert codes(case(**gone, decided_at=date(2026, 4, 1))) == set()


def with_duties(inputs: BurdenInputs, *items: dict[str, Any]) -> BurdenInputs:
    return BurdenInputs(**{**vars(inputs), "duties": records("duty_item", *items)})


def test_a_duty_on_the_units_list_covers_what_the_admission_does_not() -> None:
    alone = case(
        row(start_date=date(2026, 7, 1), duty_id="D1", target_org_id="QY-V02"),
        row(admission_id=None, duty_id="D1", source_ref="R-2"),
    )
    all_three = {("1a", "-", "QY-D01"), ("7a", "after", "QY-D01"), ("7b", "-", "QY-D01")}
    item = ITEM | {"duty_id": "D1"}
    assert codes(alone) == all_three
    assert codes(with_duties(alone, ITEM, item)) == set()
    assert codes(with_duties(alone, ITEM, item | {"duty_kind": "reclaimed"})) == all_three
    # The village with a list of its own does not go by the list of all villages.
    own = ITEM | {"list_id": "M", "scope_kind": None, "scope_org_id": "QY-V01"}
    assert codes(with_duties(alone, ITEM, item, own)) == {("1a", "-", "QY-D01")}


def test_without_a_list_only_an_admission_that_does_not_exist_is_1a() -> None:
    bare = with_duties(case(row(), row(admission_id=None, source_ref="R-2")))
    assert codes(bare) == set()
    assert codes(with_duties(case(row(), row(admission_id="A9", source_ref="R-2")))) == of_applicant("1a")


def test_rows_that_bearers_reported_are_counted_and_never_listed() -> None:
    found = told(case(row(admission_id="A9", reported_by="hotline"), row(source_ref="R-2")))
    assert found.select("breach", "n", "evidence_refs").rows() == [("1a", 1, None)]


# Emergencies

FLOOD: dict[str, Any] = {
    "requested_at": date(2026, 3, 12),
    "review_at": date(2026, 3, 16),
    "decided_at": date(2026, 3, 24),
    "publicised_from": date(2026, 3, 24),
    "publicised_to": date(2026, 4, 1),
    "valid_from": date(2026, 3, 10),
}
BURST = row(counted_class="exempt_emergency", start_date=date(2026, 3, 10))


def test_in_an_emergency_the_steps_may_follow_within_ten_working_days() -> None:
    # Ten working days after Tuesday 10 March end on Tuesday 24 March.
    assert codes(case(BURST, **FLOOD)) == set()
    late = case(BURST, **(FLOOD | {"publicised_from": date(2026, 3, 25)}))
    assert codes(late) == of_applicant("5c")
    unreviewed = FLOOD | {"review": None, "review_at": None}
    assert codes(case(BURST, **unreviewed)) == of_applicant("2a") | {("2c", "-", "QY-GATE")}
    until_friday = Window("C-flood", date(2026, 3, 1), date(2026, 3, 21))
    assert codes(case(BURST, window=until_friday, **unreviewed)) == set()


def test_what_did_not_begin_as_an_emergency_is_none() -> None:
    ordinary = row(start_date=date(2026, 3, 10), source_ref="R-2")
    earlier = row(start_date=date(2026, 3, 10), counted_class="other", source_ref="R-0")
    assert codes(case(BURST, ordinary, **FLOOD)) == set()
    calm = codes(case(earlier | {"start_date": date(2026, 3, 9)}, BURST, **(FLOOD | {"valid_from": date(2026, 3, 9)})))
    assert calm == of_applicant("1b", "5c")


# Evaluation and exit

LONG: dict[str, Any] = {"task_kind": "report_form", "valid_to": None}
NEXT_YEAR = Window("2027", date(2027, 1, 1), date(2028, 1, 1))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, of_applicant("8a")),
        ({"evaluated_at": date(2027, 3, 2)}, set()),
        ({"evaluated_at": date(2027, 3, 3)}, of_applicant("8a")),
        ({"valid_to": date(2027, 3, 2)}, set()),
        ({"evaluated_at": date(2026, 9, 1)}, of_applicant("8a")),
        ({"evaluated_at": date(2027, 2, 1), "evaluation_result": "exit"}, of_applicant("9b")),
        ({"evaluated_at": date(2027, 2, 1), "evaluation_result": "exit", "valid_to": date(2027, 3, 3)}, set()),
        ({"evaluated_at": date(2027, 2, 1), "evaluation_result": "exit", "valid_to": date(2027, 3, 4)},
         of_applicant("9b")),
        ({"evaluated_at": date(2027, 2, 1), "exit_reason": "阶段任务完成"}, of_applicant("9c")),
    ],
)  # fmt: skip
def test_evaluation_and_exit(changes: dict[str, Any], expected: Told) -> None:
    fact = row(start_date=date(2027, 1, 10))
    assert codes(case(fact, window=NEXT_YEAR, **(LONG | changes))) == expected


# What cannot be looked at


def test_missing_data_are_named_and_never_zero() -> None:
    bare = burden_inputs([burden_row(burden_kind="temp_task")], window=YEAR, organisations=PLACES)
    found = admission_breaches(bare, parameters(**NUMBERS))
    assert set(found["result_type"]) == {"not_measurable"}
    missing = dict(found.select("breach", "missing_columns").iter_rows())
    assert set(missing) == set(BREACHES)
    assert (missing["1a"], missing["7a"], missing["2a"], missing["6a"]) == (
        "duty_id", "admission_id", "task_admission", "task_admission",
    )  # fmt: skip
    assert found["value"].null_count() == found.height
    admitted = BurdenInputs(**{**vars(case()), "grants": records("resource_grant")})
    assert [
        (found["breach"], found["missing_columns"], found["reason_codes"])
        for found in admission_breaches(admitted, parameters(**NUMBERS)).to_dicts()
    ] == [("6a", "resource_grant", "NOT_MEASURABLE")]
    empty = admission_breaches(burden_inputs(window=YEAR, organisations=PLACES), parameters(**NUMBERS))
    assert dict(empty.select("breach", "missing_columns").iter_rows())["7a"] == "burden_fact"


def test_a_village_is_never_the_subject() -> None:
    assert codes(case(applicant_org_id="QY-V01", review=None, heard_units=0)) == {("2c", "-", "QY-GATE")}


# Invariants

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))
MAYBE_DAY = st.none() | DAYS
ADMISSIONS = st.fixed_dictionaries(
    {
        "requested_at": DAYS,
        "review_at": MAYBE_DAY,
        "review": st.sampled_from([None, "not_reviewed", "consistency_failed", "consistency_passed"]),
        "decision": st.sampled_from(["approved", "exited", "pending", "rejected"]),
        "decided_at": MAYBE_DAY,
        "publicised_from": MAYBE_DAY,
        "publicised_to": MAYBE_DAY,
        "valid_from": MAYBE_DAY,
        "valid_to": MAYBE_DAY,
        "evaluated_at": MAYBE_DAY,
        "funding_yuan": st.none() | st.integers(0, 5000),
    }
)
ROWS = st.lists(
    st.builds(
        lambda day, ref, emergency: row(
            start_date=day, source_ref=ref, duty_id="D1", counted_class="exempt_emergency" if emergency else "other"
        ),
        DAYS,
        st.sampled_from(["R-1", "R-2", "R-3"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda fact: (fact["source_ref"], fact["start_date"]),
)


def per_subject(inputs: BurdenInputs) -> dict[str, int]:
    return dict(told(inputs).group_by("subject_org_id").agg(pl.len().cast(pl.Int64)).iter_rows())


def never_more(before: BurdenInputs, after: BurdenInputs) -> None:
    was, became = per_subject(before), per_subject(after)
    assert all(count <= was.get(subject, 0) for subject, count in became.items()), (was, became)


@settings(max_examples=12, deadline=None, phases=UNSHRUNK)
@given(admission=ADMISSIONS, rows=ROWS, reviewed_on=DAYS, passed=st.booleans())
def test_adding_a_review_never_adds_a_breach(
    admission: dict[str, Any], rows: list[dict[str, Any]], reviewed_on: date, passed: bool
) -> None:
    before = admission | {"review": None, "review_at": None}
    review = {"review": "consistency_passed" if passed else "consistency_failed", "review_at": reviewed_on}
    never_more(case(*rows, **before), case(*rows, **(before | review)))


@settings(max_examples=8, deadline=None, phases=UNSHRUNK)
@given(admission=ADMISSIONS, rows=ROWS, granted_at=DAYS, quantity=st.integers(1, 5000))
def test_granting_more_never_adds_a_breach(
    admission: dict[str, Any], rows: list[dict[str, Any]], granted_at: date, quantity: int
) -> None:
    before = case(*rows, **admission)
    more = {**GRANT, "granted_at": granted_at, "quantity": quantity, "kind": "funding_yuan"}
    never_more(before, BurdenInputs(**{**vars(before), "grants": records("resource_grant", GRANT, more)}))


@settings(max_examples=8, deadline=None, phases=UNSHRUNK)
@given(admission=ADMISSIONS, rows=ROWS, since=DAYS, kind=st.sampled_from(["basic", "village_assist"]))
def test_putting_a_task_on_a_list_never_adds_a_breach(
    admission: dict[str, Any], rows: list[dict[str, Any]], since: date, kind: str
) -> None:
    before = case(*rows, **admission)
    never_more(before, with_duties(before, ITEM, ITEM | {"duty_id": "D1", "duty_kind": kind, "valid_from": since}))


@settings(max_examples=8, deadline=None, phases=UNSHRUNK)
@given(admission=ADMISSIONS, rows=ROWS, order=st.randoms(use_true_random=False))
def test_exempt_rows_raise_nothing_and_row_order_changes_nothing(
    admission: dict[str, Any], rows: list[dict[str, Any]], order: Any
) -> None:
    base = case(*rows, **admission)
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert told(case(*shuffled, **admission)).equals(told(base))
    kept = [fact for fact in rows if not fact["is_exempt"]]
    by_rows = {"1a", "7a", "7b", "7d", "9a"}
    only_exempt = case(*(fact for fact in rows if fact["is_exempt"]), **admission) if len(kept) < len(rows) else None
    if only_exempt is not None:
        assert not by_rows & {breach for breach, _, _ in codes(only_exempt)}


def test_two_rows_of_one_event_are_one_event() -> None:
    split = told(case(row(admission_id="A9"), row(admission_id="A9", target_org_id="QY-V02"), row(source_ref="R-2")))
    assert split.select("n", "n_bearers").rows() == [(1, 2)]
