"""All rules in one pass: who is charged, what is refused, and what could not be measured."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from scoring.burden.catalogue import Form, default_parameters, load_catalogue, with_overrides
from scoring.burden.flags import Rule, evidence, flags, no_flags
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameter, Parameters
from scoring.burden.runner import burden_flags
from scoring.tables.burden_flags import BURDEN_FLAG
from tests.support.burden_rows import burden_frame, burden_inputs, burden_row, organisations, records

WORDS = {"zh": "试", "en": "trial"}
NO_PARAMETERS = Parameters({})
TOWNS = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village"},
    {"org_id": "QY-C01", "org_kind": "community", "level": "village"},
)


def form(code: str = "DOC-01", **fields: Any) -> Form:
    """A form about documents that gives breaches and needs nothing."""
    defaults = {
        "code": code,
        "slug": "trial",
        "name": WORDS,
        "kinds": ["document"],
        "result": ["breach"],
        "params": [],
        "rule": WORDS,
        "provision": [],
        "precedent": [],
        "subject": "issuer",
    }
    return Form.model_validate(defaults | fields)


def per_subject(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """A rule: one breach per subject of a document in the window."""
    rows = inputs.facts.filter(pl.col("burden_kind") == "document", within(inputs.window))
    found = rows.group_by("subject_org_id").agg(
        n=pl.len(), n_bearers=pl.col("target_org_id").n_unique(), evidence_refs=evidence()
    )
    return flags(found, result_type="breach", value=pl.col("n"))


def giving(*rows: Mapping[str, Any]) -> Rule:
    """A rule that gives fixed rows."""

    def rule(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
        defaults: dict[str, Any] = {"result_type": "breach", "subject_org_id": "QY-D01", "param_id": None}
        return flags(pl.LazyFrame([{**defaults, **row} for row in rows]))

    return rule


def silent(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """A rule that finds nothing."""
    return no_flags()


def run(
    inputs: BurdenInputs, forms: Sequence[Form], rule: Rule = per_subject, parameters: Parameters = NO_PARAMETERS
) -> list[dict[str, Any]]:
    found = burden_flags(inputs, parameters, {each.code: rule for each in forms}, forms)
    return found.to_dicts()


def not_measurable(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """What is missing, by form and subject."""
    chosen = [row for row in rows if row["result_type"] == "not_measurable"]
    assert all(
        row["value"] is None and row["n"] is None and row["threshold"] is None and row["evidence_refs"] is None
        for row in chosen
    )
    assert all(row["reason_codes"] == "NOT_MEASURABLE" and row["param_id"] == "*" for row in chosen)
    return {(row["form_code"], row["subject_org_id"]): row["missing_columns"] for row in chosen}


def documents(n: int, **columns: Any) -> list[dict[str, Any]]:
    """So many documents, each to a village of its own."""
    return [burden_row(source_ref=f"R-{k}", target_org_id=f"QY-V{k:02}", **columns) for k in range(1, n + 1)]


# -- measured ---------------------------------------------------------------------------------------------


def test_the_row_of_a_rule_gets_form_period_and_key() -> None:
    rows = run(burden_inputs(documents(5), organisations=TOWNS), [form("DOC-02")])
    assert rows == [
        {
            "period_id": "2026M03",
            "form_code": "DOC-02",
            "subject_org_id": "QY-D01",
            "result_type": "breach",
            "param_id": "*",
            "n": 5,
            "denominator": None,
            "value": 5.0,
            "threshold": None,
            "n_bearers": 5,
            "evidence_refs": "R-1;R-2;R-3;R-4;R-5",
            "missing_columns": None,
            "reason_codes": None,
        }
    ]


@pytest.mark.parametrize(
    ("n_bearers", "reason"), [(None, None), (0, None), (1, "FEW_BEARERS"), (4, "FEW_BEARERS"), (5, None)]
)
def test_below_five_bearing_units_a_row_goes_to_the_program_office(n_bearers: int | None, reason: str | None) -> None:
    rule = giving({"n_bearers": n_bearers})
    (row,) = run(burden_inputs(documents(1)), [form()], rule)
    assert row["reason_codes"] == reason


def test_the_floor_is_the_callers() -> None:
    inputs = burden_inputs(documents(5))
    found = burden_flags(inputs, NO_PARAMETERS, {"DOC-01": per_subject}, [form()], bearers_floor=6)
    assert found["reason_codes"].to_list() == ["FEW_BEARERS"]


def test_rows_are_sorted_by_their_key_whatever_order_rules_and_facts_have() -> None:
    rows = [*documents(6), *documents(6, issuer_org_id="QY-D02", subject_org_id="QY-D02")]
    forms = [form("DOC-02", slug="b"), form("DOC-01")]
    found = burden_flags(burden_inputs(rows), NO_PARAMETERS, dict.fromkeys(["DOC-02", "DOC-01"], per_subject), forms)
    again = burden_flags(
        burden_inputs(rows[::-1]), NO_PARAMETERS, dict.fromkeys(["DOC-01", "DOC-02"], per_subject), forms[::-1]
    )
    assert found.select("form_code", "subject_org_id").rows() == [
        ("DOC-01", "QY-D01"),
        ("DOC-01", "QY-D02"),
        ("DOC-02", "QY-D01"),
        ("DOC-02", "QY-D02"),
    ]
    assert_frame_equal(found, again)
    assert found.schema == pl.Schema(BURDEN_FLAG.schema)


def test_a_form_that_finds_nothing_gives_no_row() -> None:
    assert run(burden_inputs(documents(5)), [form()], silent) == []


def test_no_forms_give_no_rows() -> None:
    assert run(burden_inputs(documents(5)), []) == []


def test_what_a_village_sent_on_counts_against_nobody() -> None:
    rows = [*documents(5), burden_row(source_ref="V", issuer_org_id="QY-V01", subject_org_id=None)]
    assert {row["subject_org_id"] for row in run(burden_inputs(rows, organisations=TOWNS), [form()])} == {"QY-D01"}


# -- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["QY-V01", "QY-C01"])
def test_a_village_or_community_is_refused_as_subject(subject: str) -> None:
    rule = giving({"subject_org_id": subject})
    with pytest.raises(RuntimeError, match=f"village or community as subject: DOC-01 {subject} breach"):
        run(burden_inputs(documents(1), organisations=TOWNS), [form()], rule)


def test_a_result_the_form_does_not_declare_is_refused() -> None:
    with pytest.raises(RuntimeError, match="a result its form does not declare: DOC-01 QY-D01 watch"):
        run(burden_inputs(documents(1)), [form(result=["load", "breach"])], giving({"result_type": "watch"}))


def test_a_row_without_result_type_is_refused() -> None:
    with pytest.raises(RuntimeError, match="a result its form does not declare"):
        run(burden_inputs(documents(1)), [form()], giving({"result_type": None}))


def test_two_rows_of_one_key_are_refused() -> None:
    with pytest.raises(RuntimeError, match="two rows of one key: DOC-01 QY-D01 breach"):
        run(burden_inputs(documents(1)), [form()], giving({"n": 1}, {"n": 2}))
    # Held against two parameters they are two results.
    two = giving({"param_id": "meeting.minutes_max"}, {"param_id": None})
    assert [row["param_id"] for row in run(burden_inputs(documents(1)), [form()], two)] == ["*", "meeting.minutes_max"]


def test_a_form_without_a_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule for DOC-02, DOC-03; give one or switch the form off"):
        burden_flags(
            burden_inputs(documents(1)),
            NO_PARAMETERS,
            {"DOC-01": per_subject},
            [form("DOC-01"), form("DOC-02"), form("DOC-03")],
        )


def test_a_rule_of_a_form_that_is_switched_off_does_not_run() -> None:
    rules = {"DOC-01": per_subject, "DOC-02": giving({"subject_org_id": "QY-V01"})}
    found = burden_flags(burden_inputs(documents(5), organisations=TOWNS), NO_PARAMETERS, rules, [form("DOC-01")])
    assert found["form_code"].to_list() == ["DOC-01"]


# -- not measurable for a subject -------------------------------------------------------------------------


def test_a_subject_whose_rows_all_lack_a_needed_column_is_not_measurable() -> None:
    rows = [
        *documents(5, words=100),
        *documents(5, issuer_org_id="QY-D02", subject_org_id="QY-D02"),
    ]
    found = run(burden_inputs(rows), [form(needs=["words"])])
    assert not_measurable(found) == {("DOC-01", "QY-D02"): "words"}
    # What the rule gave for it is gone.
    assert [(row["subject_org_id"], row["result_type"]) for row in found] == [
        ("QY-D01", "breach"),
        ("QY-D02", "not_measurable"),
    ]


def test_one_row_that_has_the_column_is_enough() -> None:
    rows = [*documents(4), burden_row(source_ref="W", words=100)]
    assert not_measurable(run(burden_inputs(rows), [form(needs=["words"])])) == {}


def test_all_missing_columns_are_named() -> None:
    found = run(burden_inputs(documents(5, words=1)), [form(needs=["words", "similarity", "pages"])])
    assert not_measurable(found) == {("DOC-01", "QY-D01"): "pages;similarity"}


def test_of_alternatives_one_is_enough() -> None:
    needs = form(needs=[["matter", "duty_id"]])
    assert not_measurable(run(burden_inputs(documents(5, duty_id="B-01")), [needs])) == {}
    assert not_measurable(run(burden_inputs(documents(5)), [needs])) == {("DOC-01", "QY-D01"): "matter|duty_id"}


def test_rows_of_other_kinds_and_other_periods_do_not_help() -> None:
    rows = [
        *documents(5),
        burden_row(source_ref="M", burden_kind="meeting", words=100),
        burden_row(source_ref="OLD", words=100, start_date=dt.date(2026, 2, 28)),
        burden_row(source_ref="NEXT", words=100, start_date=dt.date(2026, 4, 1)),
    ]
    assert not_measurable(run(burden_inputs(rows), [form(needs=["words"])])) == {("DOC-01", "QY-D01"): "words"}


def test_several_kinds_are_looked_at_together() -> None:
    rows = [*documents(5), burden_row(source_ref="N", burden_kind="work_reminder", words=100)]
    assert not_measurable(run(burden_inputs(rows), [form(kinds=["document", "work_reminder"], needs=["words"])])) == {}


def test_a_subject_without_rows_of_the_kinds_is_clean() -> None:
    rows = [burden_row(burden_kind="meeting"), burden_row(source_ref="D", subject_org_id="QY-D02", words=9)]
    assert not_measurable(run(burden_inputs(rows), [form(needs=["words"])], silent)) == {}


def test_the_unknown_subject_of_a_village_is_never_listed() -> None:
    rows = [*documents(5, words=1), burden_row(source_ref="V", subject_org_id=None)]
    assert not_measurable(run(burden_inputs(rows), [form(needs=["words"])], silent)) == {}


def test_each_form_is_judged_for_itself() -> None:
    forms = [form("DOC-03", needs=["words"]), form("DOC-04", needs=["similarity"]), form("DOC-05")]
    found = run(burden_inputs(documents(5, words=1)), forms)
    assert not_measurable(found) == {("DOC-04", "QY-D01"): "similarity"}
    assert [row["form_code"] for row in found if row["result_type"] == "breach"] == ["DOC-03", "DOC-05"]


# -- not measurable for anybody ---------------------------------------------------------------------------


def test_an_empty_register_measures_nothing() -> None:
    old = documents(5, start_date=dt.date(2025, 3, 10))
    for rows in ([], old):
        assert not_measurable(run(burden_inputs(rows), [form()], silent)) == {("DOC-01", "*"): "burden_fact"}


def test_a_register_with_other_kinds_only_is_clean() -> None:
    assert run(burden_inputs([burden_row(burden_kind="meeting")]), [form(register_needs=["plan_no"])], silent) == []


def test_a_column_whose_null_counts_against_the_issuer_has_to_be_used() -> None:
    unplanned = form(register_needs=["plan_no"])
    found = run(burden_inputs(documents(5)), [unplanned])
    assert not_measurable(found) == {("DOC-01", "*"): "plan_no"}
    assert len(found) == 1
    # One planned document of another department shows that the register keeps the plan number.
    planned = burden_row(source_ref="P", subject_org_id="QY-D02", plan_no="2026-07")
    assert not_measurable(run(burden_inputs([*documents(5), planned]), [unplanned])) == {}
    # A planned meeting does not: who registers meetings need not register documents.
    meeting = burden_row(source_ref="P", burden_kind="meeting", plan_no="2026-07")
    assert not_measurable(run(burden_inputs([*documents(5), meeting]), [unplanned])) == {("DOC-01", "*"): "plan_no"}


def test_a_column_whose_null_means_nothing_may_be_used_by_any_kind() -> None:
    marked = form(register_marks=["features"])
    assert not_measurable(run(burden_inputs(documents(5)), [marked])) == {("DOC-01", "*"): "features"}
    meeting = burden_row(source_ref="P", burden_kind="meeting", features="requires_principal")
    assert not_measurable(run(burden_inputs([*documents(5), meeting]), [marked])) == {}


def test_use_in_another_period_does_not_count() -> None:
    old = burden_row(source_ref="P", plan_no="2025-07", start_date=dt.date(2026, 2, 1))
    found = run(burden_inputs([*documents(5), old]), [form(register_needs=["plan_no"])])
    assert not_measurable(found) == {("DOC-01", "*"): "plan_no"}


@pytest.mark.parametrize(
    ("name", "dataset", "key"),
    [
        ("duties", "duty_item", "duty_id"),
        ("admissions", "task_admission", "admission_id"),
        ("grants", "resource_grant", "admission_id"),
        ("form_fields", "form_field", "form_id"),
        ("indicators", "indicator", "indicator_id"),
        ("performance", "performance_fact", "indicator_id"),
        ("verifications", "verification_fact", "verification_id"),
        ("findings", "finding", "finding_id"),
    ],
)
def test_an_empty_dataset_is_named_and_one_row_is_enough(name: str, dataset: str, key: str) -> None:
    needing = form(datasets=[name])
    assert not_measurable(run(burden_inputs(documents(5)), [needing])) == {("DOC-01", "*"): name}
    given_rows: Any = records(dataset, {key: "X-1"})
    given_rows = given_rows.lazy() if name == "performance" else given_rows
    assert not_measurable(run(burden_inputs(documents(5), **{name: given_rows}), [needing])) == {}


def test_a_list_the_place_has_to_give_is_named_while_empty() -> None:
    off_list = form(params=["campaign.allowed"], filled=["campaign.allowed"])

    def allowed(*values: str) -> Parameters:
        return Parameters({"campaign.allowed": Parameter("campaign.allowed", values, "list numbers", "S05")})

    inputs = burden_inputs(documents(5))
    assert not_measurable(run(inputs, [off_list], parameters=allowed())) == {("DOC-01", "*"): "campaign.allowed"}
    assert not_measurable(run(inputs, [off_list], parameters=allowed("C-1"))) == {}


def test_a_form_about_other_datasets_does_not_need_the_register() -> None:
    grants = records("resource_grant", {"admission_id": "A-1"})
    only = form(kinds=[], datasets=["grants"])
    assert not_measurable(run(burden_inputs([], grants=grants), [only], silent)) == {}
    partly = form(optional=["grants"])
    assert not_measurable(run(burden_inputs([], grants=grants), [partly], silent)) == {}
    assert not_measurable(run(burden_inputs([]), [partly], silent)) == {("DOC-01", "*"): "burden_fact"}


def test_where_nobody_can_be_measured_subjects_are_not_listed_one_by_one() -> None:
    found = run(burden_inputs(documents(5)), [form(needs=["words"], datasets=["duties"])])
    assert not_measurable(found) == {("DOC-01", "*"): "duties"}


# -- the shipped catalogue --------------------------------------------------------------------------------


def test_an_empty_county_measures_no_form_of_the_catalogue() -> None:
    forms = load_catalogue().forms
    found = burden_flags(burden_inputs([]), default_parameters(), {each.code: silent for each in forms}, forms)
    assert found.height == 56
    assert set(found["result_type"]) == {"not_measurable"}
    assert set(found["subject_org_id"]) == {"*"}
    assert found["missing_columns"].null_count() == 0


def test_an_open_register_of_documents_alone_says_what_it_lacks() -> None:
    forms = load_catalogue().forms
    found = burden_flags(
        burden_inputs(documents(6, words=900)), default_parameters(), {each.code: silent for each in forms}, forms
    )
    missing = {row[0]: row[1] for row in found.select("form_code", "missing_columns").rows()}
    # Measured although nothing was found: length and growth of documents.
    assert {"DOC-01", "DOC-03"}.isdisjoint(missing)
    assert missing["DOC-02"] == "plan_no"
    assert missing["DOC-07"] == "features"
    assert missing["DUT-01"] == "duties;duty_id|admission_id"
    assert missing["CRE-01"] == "campaign.allowed"


@given(
    st.lists(
        st.tuples(st.sampled_from(["QY-D01", "QY-D02", "QY-D03"]), st.one_of(st.none(), st.integers(1, 9))),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=30)
def test_a_subject_is_either_measured_or_not_measurable(given_rows: list[tuple[str, int | None]]) -> None:
    rows = [
        burden_row(source_ref=f"R-{place}", subject_org_id=subject, words=words)
        for place, (subject, words) in enumerate(given_rows)
    ]
    found = run(burden_inputs(rows), [form(needs=["words"])])
    # By hand: measured where any row has words.
    measured = {subject for subject, words in given_rows if words is not None}
    asked = {subject for subject, _ in given_rows}
    assert {row["subject_org_id"] for row in found if row["result_type"] == "breach"} == measured
    expected = asked - measured if asked else {"*"}
    assert {row["subject_org_id"] for row in found if row["result_type"] == "not_measurable"} == expected


def test_facts_are_read_lazily() -> None:
    calls = []

    def noted(frame: pl.DataFrame) -> pl.DataFrame:
        calls.append(frame.height)
        return frame

    facts = burden_frame(documents(5)).map_batches(noted, streamable=True)
    per_subject(burden_inputs(facts), NO_PARAMETERS)
    assert calls == []
    burden_flags(burden_inputs(facts), NO_PARAMETERS, {"DOC-01": per_subject}, [form()])
    assert calls


def test_parameters_of_a_scheme_reach_the_rule() -> None:
    class Longer:
        value, unit, reference = 300, "minutes", "清溪县会议规定"

    def rule(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
        return giving({"threshold": parameters.number("meeting.minutes_max")})(inputs, parameters)

    replaced = with_overrides(default_parameters(), {"meeting.minutes_max": Longer()})
    (row,) = run(burden_inputs(documents(1)), [form()], rule, replaced)
    assert row["threshold"] == 300.0
