"""The seventeen declarations are complete, unambiguous and refer only to what exists."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from expectations.base import CELLS_ARE_READABLE, row_expectations
from expectations.catalogue import catalogue
from expectations.checks import CHECKS
from expectations.common import COMMON_COLUMNS, ORG_ID_PATTERN, PERIOD_ID_PATTERN
from expectations.datasets import DATASETS, dataset, find_dataset
from expectations.datasets.burden_fact import BURDEN_KIND, BURDEN_UNIT, UNIT_OF_KIND
from expectations.datasets.shared import ORG_ID_LIST_PATTERN, SCOPE_PATTERN
from expectations.datasets.verification_fact import VERIFIED_DATASET
from expectations.declaration import Code, Column, ColumnType, Dataset

SEVENTEEN = [
    "adjustment",
    "burden_fact",
    "duty_item",
    "finding",
    "form_field",
    "indicator",
    "instrument_item",
    "org_unit",
    "performance_fact",
    "period",
    "rater",
    "rating_event",
    "rating_frame",
    "resource_grant",
    "survey_response",
    "task_admission",
    "verification_fact",
]

KINDS_THE_ENGINE_KNOWS = {
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_match_regex",
    "expect_column_value_lengths_to_be_between",
    "expect_column_values_to_be_between",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_compound_columns_to_be_unique",
    "expect_column_values_to_be_unique",
    "expect_table_row_count_to_be_between",
    "expect_column_values_to_not_be_in_set",
}

REFUSED_IN_HEADERS = re.compile(r"姓名|身份证|手机|电话|微信|openid|(?<![a-z])ip(?![a-z])", re.IGNORECASE)

each_dataset = pytest.mark.parametrize("declared", DATASETS.values(), ids=DATASETS)


def folded(word: str) -> str:
    """The form headers and code words are compared in: NFKC, no white space, lower case."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", word)).lower()


def words_of_column(column: Column) -> set[str]:
    return {folded(word) for word in (column.name, column.zh, column.en, *column.aliases)}


def words_of_code(code: Code) -> set[str]:
    return {folded(word) for word in (code.value, code.zh, code.en, *code.aliases)}


def arguments_of(declared: Dataset, column: str, kind: str) -> list[tuple[str, dict[str, object]]]:
    return [
        (each.code, {key: value for key, value in each.arguments.items() if key != "column"})
        for each in row_expectations(declared)
        if each.kind == kind and each.columns == (column,)
    ]


def test_the_seventeen_datasets_are_declared() -> None:
    assert sorted(DATASETS) == SEVENTEEN
    assert [declared.name for declared in DATASETS.values()] == list(DATASETS)


def test_registry_is_in_wave_order() -> None:
    waves = [declared.wave for declared in DATASETS.values()]
    assert waves == sorted(waves)
    assert {name for name, declared in DATASETS.items() if declared.wave == 0} == {
        "org_unit",
        "period",
        "instrument_item",
        "indicator",
    }
    assert {name for name, declared in DATASETS.items() if declared.wave == 1} == {
        "rater",
        "duty_item",
        "rating_frame",
        "task_admission",
        "form_field",
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("org_unit", ["org_id", "valid_from"]),
        ("rater", ["rater_id", "valid_from"]),
        ("period", ["period_id"]),
        ("instrument_item", ["instrument_id", "instrument_version", "item_id"]),
        ("rating_event", ["period_id", "instrument_id", "rater_id", "target_org_id", "item_id"]),
        ("survey_response", ["source_system", "survey_id", "submission_id", "item_id", "target_org_id"]),
        ("duty_item", ["list_id", "duty_id", "valid_from"]),
        ("performance_fact", ["indicator_id", "org_id", "period_id", "source_org_id"]),
        ("indicator", ["indicator_id", "valid_from"]),
        ("burden_fact", ["burden_kind", "issuer_org_id", "source_ref", "target_org_id", "start_date"]),
        ("task_admission", ["admission_id"]),
        ("adjustment", ["adjustment_id"]),
        ("rating_frame", ["period_id", "role", "subject_org_id", "rater_org_id"]),
        ("resource_grant", ["admission_id", "kind", "receiving_org_id", "granted_at"]),
        ("verification_fact", ["verification_id"]),
        ("form_field", ["form_id", "field_name", "valid_from"]),
        ("finding", ["finding_id"]),
    ],
)
def test_natural_keys_are_those_of_the_contract(name: str, key: list[str]) -> None:
    assert list(dataset(name).natural_key) == key


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("org_unit", "org_id org_name org_kind level valid_from"),
        ("rater", "rater_id rater_org_id rater_role valid_from"),
        ("period", "period_id kind start_date end_date cutoff_at status"),
        ("instrument_item", "instrument_id instrument_version item_id item_text dimension item_kind"),
        (
            "rating_event",
            (
                "period_id instrument_id instrument_version rater_id rater_org_id target_org_id item_id status "
                "submission_id submitted_at"
            ),
        ),
        (
            "survey_response",
            "source_system survey_id submission_id item_id period_id instrument_id status submitted_at",
        ),
        ("duty_item", "list_id duty_id duty_kind duty_name list_version valid_from"),
        ("performance_fact", "indicator_id org_id period_id source_org_id value unit as_of"),
        ("indicator", "indicator_id valid_from name unit direction"),
        ("burden_fact", "burden_kind measure issuer_org_id source_ref start_date unit title"),
        ("task_admission", "admission_id task_name applicant_org_id target_scope requested_at decision"),
        (
            "adjustment",
            "adjustment_id adj_kind target_table target_key org_id period_id filed_by_org_id filed_at grounds",
        ),
        ("rating_frame", "period_id role subject_org_id"),
        ("resource_grant", "admission_id kind receiving_org_id granted_at quantity"),
        ("verification_fact", "verification_id draw_id dataset fact_key outcome verifier_org_id verified_at"),
        ("form_field", "form_id form_name issuer_org_id field_name target_scope frequency valid_from"),
        ("finding", "finding_id org_id found_at category"),
    ],
)
def test_required_columns_are_those_of_the_contract(name: str, required: str) -> None:
    assert {column.stored_name for column in dataset(name).all_columns if column.required} == set(required.split())


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        (
            "burden_fact",
            (
                "issued_at due_at origin_org_id parent_source_ref plan_no matter draft_id words similarity days "
                "escort_persons amount_yuan channel features burden_subkind reported_by items_n points_total depth "
                "step_min frequency"
            ),
        ),
        ("performance_fact", "target_set_by entered_at entered_by_hash"),
        (
            "task_admission",
            (
                "review_at review_doc_no justification_doc_no heard_units approval_form training_days equipment "
                "evaluated_at evaluation_result lead_org_id"
            ),
        ),
        ("org_unit", "host_org_id"),
    ],
)
def test_columns_for_the_burden_rules_are_optional(name: str, columns: str) -> None:
    assert [dataset(name).column(column).required for column in columns.split()] == [False] * len(columns.split())


@pytest.mark.parametrize(
    ("name", "column", "codes"),
    [
        ("rating_event", "status", "answered dont_know not_applicable no_contact skipped refused"),
        ("survey_response", "status", "answered dont_know not_applicable no_contact skipped refused"),
        ("rating_event", "contact_freq", "none yearly quarterly monthly weekly"),
        ("period", "status", "open frozen published reopened"),
        ("performance_fact", "status", "reported verified estimated"),
        (
            "burden_fact",
            "burden_kind",
            (
                "meeting video_conf document reforwarded_document work_reminder consultation report_form inspection "
                "survey_visit assessment mechanism responsibility_letter campaign usage_ranking work_group app "
                "check_in sign certificate secondment apportionment temp_task"
            ),
        ),
        (
            "burden_fact",
            "features",
            (
                "asks_ledger asks_photos asks_presentation asks_study_notes full_coverage issues_rectification "
                "scores_or_ranks requires_principal widens_attendance sets_assessment sets_pledge sets_veto "
                "demands_supporting_doc directive_to_party_committee names_lead check_in points_rank online_time "
                "track_upload usage_target fee security_or_emergency"
            ),
        ),
        ("burden_fact", "channel", "form_platform app chat_group email paper phone onsite"),
        (
            "burden_fact",
            "reported_by",
            "issuer_register receiving_register platform_log monitoring_unit hotline",
        ),
        ("task_admission", "decision", "pending approved rejected returned withdrawn exited"),
        ("adjustment", "adj_kind", "appeal correction adder exemption exclusion"),
        (
            "org_unit",
            "org_kind",
            (
                "village community township subdistrict county_gov_dept county_party_dept mass_org vertical_agency "
                "public_institution prefecture_dept province_dept coordinating_body other"
            ),
        ),
        (
            "duty_item",
            "duty_kind",
            "basic cooperate reclaimed village_statutory village_assist forbidden no_certificate",
        ),
    ],
)
def test_code_lists_are_those_of_the_contract(name: str, column: str, codes: str) -> None:
    assert [code.value for code in dataset(name).column(column).codes] == codes.split()


@each_dataset
def test_columns_are_unique_and_key_and_partition_exist(declared: Dataset) -> None:
    stored = [column.stored_name for column in declared.all_columns]
    delivered = [column.name for column in declared.all_columns]
    assert len(set(stored)) == len(stored)
    assert len(set(delivered)) == len(delivered)
    assert set(declared.natural_key) <= set(stored)
    assert {column.name for column in COMMON_COLUMNS} <= set(delivered)
    if declared.partition_by is not None:
        assert declared.column(declared.partition_by).required


def test_only_datasets_with_a_required_period_are_partitioned() -> None:
    assert {
        name: declared.partition_by for name, declared in DATASETS.items() if declared.partition_by
    } == dict.fromkeys(
        ("rating_frame", "rating_event", "survey_response", "performance_fact", "adjustment"), "period_id"
    )


@each_dataset
def test_labels_are_given_in_both_languages(declared: Dataset) -> None:
    has_chinese = re.compile("[一-鿿]")
    everything: tuple[Dataset | Column, ...] = (declared, *declared.all_columns)
    for named in everything:
        for text in (named.zh, named.description_zh):
            assert has_chinese.search(text), (declared.name, named.name, text)
        for text in (named.en, named.description_en):
            assert re.search("[a-z]", text), (declared.name, named.name, text)
            assert text.isascii() or "〔" in text, (declared.name, named.name, text)
    for column in declared.all_columns:
        for code in column.codes:
            assert has_chinese.search(code.zh), code
            assert code.en.strip(), code


@each_dataset
def test_a_header_word_means_one_column(declared: Dataset) -> None:
    """Otherwise a header would silently be read as the first of the columns it could mean."""
    counted = Counter(word for column in declared.all_columns for word in words_of_column(column))
    assert {word: times for word, times in counted.items() if times > 1} == {}


@each_dataset
def test_a_code_word_means_one_code(declared: Dataset) -> None:
    for column in declared.all_columns:
        counted = Counter(word for code in column.codes for word in words_of_code(code))
        assert {word: times for word, times in counted.items() if times > 1} == {}, column.name


@each_dataset
def test_no_header_is_one_the_reader_refuses_as_personal(declared: Dataset) -> None:
    headers = [word for column in declared.all_columns for word in (column.name, column.zh, column.en, *column.aliases)]
    assert [header for header in headers if REFUSED_IN_HEADERS.search(header)] == []


def test_a_word_names_one_dataset() -> None:
    counted = Counter(
        word
        for declared in DATASETS.values()
        for word in {folded(text) for text in (declared.name, declared.zh, *declared.aliases)}
    )
    assert {word: times for word, times in counted.items() if times > 1} == {}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("burden_fact", "burden_fact"),
        ("会议文件负担", "burden_fact"),
        ("ＢＵＲＤＥＮ＿ＦＡＣＴ", "burden_fact"),
        ("Rating-Event", "rating_event"),
        (" 参评 名册 ", "rating_frame"),
        ("一表通", "form_field"),
    ],
)
def test_find_dataset_knows_names_and_aliases(word: str, name: str) -> None:
    found = find_dataset(word)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("word", ["", "通知", "burden", "文件"])
def test_find_dataset_guesses_nothing(word: str) -> None:
    assert find_dataset(word) is None


@each_dataset
def test_references_point_to_earlier_waves_and_existing_columns(declared: Dataset) -> None:
    for reference in declared.references:
        target = dataset(reference.dataset)
        assert target.wave < declared.wave or target is declared, reference
        assert len(reference.columns) == len(reference.target_columns)
        for here, there in zip(reference.columns, reference.target_columns, strict=True):
            assert declared.column(here).polars_type == target.column(there).polars_type
        assert reference.code in catalogue()
        assert (reference.valid_on is None) == (reference.not_in_force_code is None)
        if reference.valid_on is not None:
            assert declared.column(reference.valid_on).type in (ColumnType.DATE, ColumnType.TIMESTAMP)
            assert {"valid_from", "valid_to"} <= {column.name for column in target.all_columns}
            assert reference.not_in_force_code in catalogue()
        expected = "reject" if reference.severity == "critical" else "warning"
        assert catalogue()[reference.code].severity == expected


@each_dataset
def test_every_organisation_column_is_checked_against_the_register(declared: Dataset) -> None:
    own_key = {"org_id"} if declared.name == "org_unit" else set()
    organisations = {column.name for column in declared.all_columns if column.pattern == ORG_ID_PATTERN} - own_key
    referred = {reference.columns[0] for reference in declared.references if reference.dataset == "org_unit"}
    assert organisations == referred


@each_dataset
@pytest.mark.parametrize("void", [False, True])
def test_expectations_name_stored_columns_and_catalogue_codes(declared: Dataset, void: bool) -> None:
    expectations = row_expectations(declared, void=void)
    stored = {column.stored_name for column in declared.all_columns}
    assert expectations[0] == CELLS_ARE_READABLE
    for expectation in expectations[1:]:
        assert expectation.columns, expectation
        assert set(expectation.columns) <= stored, expectation
        expected = "reject" if expectation.severity == "critical" else "warning"
        assert catalogue()[expectation.code].severity == expected, expectation
    assert {expectation.kind for expectation in expectations} <= KINDS_THE_ENGINE_KNOWS
    assert all(expectations.count(expectation) == 1 for expectation in expectations)


@each_dataset
def test_every_required_column_has_exactly_one_not_null_expectation(declared: Dataset) -> None:
    not_null = [
        each.columns[0] for each in row_expectations(declared) if each.kind == "expect_column_values_to_not_be_null"
    ]
    assert sorted(not_null) == sorted(column.stored_name for column in declared.all_columns if column.required)


@each_dataset
def test_pairs_compare_columns_of_one_type(declared: Dataset) -> None:
    for each in row_expectations(declared):
        if len(each.columns) == 2:
            first, second = (declared.column(name) for name in each.columns)
            assert first.polars_type == second.polars_type, each


def test_base_expectations_follow_the_columns() -> None:
    rating = dataset("rating_event")
    not_null, in_set = "expect_column_values_to_not_be_null", "expect_column_values_to_be_in_set"
    assert arguments_of(rating, "rater_id", not_null) == [("E201", {})]
    assert arguments_of(rating, "rater_token", not_null) == []
    assert arguments_of(rating, "comment", "expect_column_value_lengths_to_be_between") == [
        ("E213", {"max_value": 2_000})
    ]
    assert arguments_of(rating, "target_kind", in_set) == [("E210", {"value_set": ["department", "vignette"]})]
    assert arguments_of(rating, "target_org_id", "expect_column_values_to_match_regex") == [
        ("E214", {"regex": ORG_ID_PATTERN})
    ]
    assert arguments_of(rating, "revision", "expect_column_values_to_be_between") == [
        ("E215", {"min_value": 1, "max_value": 1_000_000})
    ]


def test_a_burden_fact_without_source_reference_has_its_own_code() -> None:
    assert arguments_of(dataset("burden_fact"), "source_ref", "expect_column_values_to_not_be_null") == [("E220", {})]


def test_void_rows_need_only_their_key() -> None:
    burden = row_expectations(dataset("burden_fact"), void=True)
    not_null = {each.columns[0]: each.code for each in burden if each.kind == "expect_column_values_to_not_be_null"}
    assert not_null == {
        "burden_kind": "E201",
        "issuer_org_id": "E201",
        "start_date": "E201",
        "record_op": "E201",
        "source_ref": "E220",
    }
    looked_at = {each.columns[0] for each in burden} - {"_cell_problems"}
    assert looked_at == {*not_null, "target_org_id"}


def test_list_columns_with_codes_allow_their_codes_only() -> None:
    [(code, arguments)] = arguments_of(dataset("burden_fact"), "features", "expect_column_values_to_match_regex")
    pattern = re.compile(str(arguments["regex"]))
    assert code == "E210"
    assert pattern.match("asks_ledger")
    assert pattern.match("asks_ledger;fee;check_in")
    assert not pattern.match("asks_ledger;")
    assert not pattern.match("asks_ledgers")
    assert not pattern.match("asks_ledger,fee")


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (ORG_ID_PATTERN, ["010001", "S00001", "KC-D1", "A0", "V" * 32], ["A", "-A1", "a01", "V" * 33, "A_1", ""]),
        (
            PERIOD_ID_PATTERN,
            ["2026", "2026H1", "2026Q4", "2026M03", "2026M12", "C-防汛专项"],
            ["26", "2026H3", "2026Q5", "2026M13", "2026M00", "C-", "2026-03"],
        ),
        (ORG_ID_LIST_PATTERN, ["V001", "V001;V002"], ["V001;", ";V001", "V001,V002", "V001; V002"]),
        (SCOPE_PATTERN, ["all_townships", "all_villages", "V001;V002"], ["all", "全部乡镇", "all_villages;V001"]),
    ],
)
def test_patterns_accept_and_refuse(pattern: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not re.match(pattern, text)] == []
    assert [text for text in bad if re.match(pattern, text)] == []


@each_dataset
def test_patterns_mean_the_same_in_python_and_in_polars(declared: Dataset) -> None:
    """Anchored, without look-around or back-references, and agreeing on texts near the edge."""
    samples = [
        *("010001", "KC-D1", "a", "A", "2026", "2026Q1", "2026M13", "C-x", "V001;V002", "511602001201", "NBS-2023"),
        *("MCA-20251231", "LOCAL-QX-20260101", "91350100M000100Y43", "0.5;0.5", "1", "1.5;2", "performance_fact", ""),
        *("all_villages", "asks_ledger;fee", "fee;", "Ⅷ", "清溪", "ſ", "K", " 010001", "010001 "),
    ]
    for each in row_expectations(declared):
        regex = each.arguments.get("regex")
        if regex is None:
            continue
        assert regex.startswith("^"), regex
        assert regex.endswith("$"), regex
        assert not re.search(r"\(\?|\\[1-9bBwWsSAZz]", regex), regex
        by_python = [re.match(regex, sample) is not None for sample in samples]
        assert pl.Series(samples).str.contains(regex).to_list() == by_python


@each_dataset
def test_types_fit_their_rules(declared: Dataset) -> None:
    numbers = {ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.RATIO}
    for column in declared.all_columns:
        where = (declared.name, column.name)
        assert bool(column.codes) == (column.type is ColumnType.CODE) or column.type is ColumnType.LIST, where
        if column.type not in numbers:
            assert (column.minimum, column.maximum, dict(column.unit_suffixes)) == (None, None, {}), where
            assert not column.is_count, where
        if column.is_count:
            assert column.minimum == 0, where
        if column.type is ColumnType.RATIO:
            assert (column.minimum, column.maximum) == (0, 1), where
        if column.pattern is not None:
            assert column.type in (ColumnType.IDENTIFIER, ColumnType.LIST), where
        if column.default is not None and column.codes:
            assert column.default in {code.value for code in column.codes}, where
        if column.default is not None:
            assert not column.required, where


@each_dataset
def test_free_text_and_identifiers_have_a_limit(declared: Dataset) -> None:
    """Without one, a single cell could carry a whole document into the lake."""
    unlimited = {
        column.name
        for column in declared.all_columns
        if column.type in (ColumnType.NAME, ColumnType.IDENTIFIER, ColumnType.LIST)
        and column.max_length is None
        and column.pattern is None
    }
    assert unlimited <= {"rater_token"}


def test_raters_are_stored_under_their_pseudonym_only() -> None:
    for name in ("rater", "rating_event"):
        assert "rater_id" in dataset(name).stored_schema
        assert "rater_token" not in dataset(name).stored_schema
    assert [name for name, declared in DATASETS.items() for column in declared.columns if column.pseudonymised_as] == [
        "rater",
        "rating_event",
    ]


def test_every_declared_check_is_described_and_every_description_is_used() -> None:
    declared = {name for each in DATASETS.values() for name in each.check_functions}
    assert declared == set(CHECKS)
    assert {code for check in CHECKS.values() for code in check.codes} <= set(catalogue())
    for each in DATASETS.values():
        for name in each.check_functions:
            assert each.column(CHECKS[name].column)


def test_every_burden_kind_has_one_known_unit() -> None:
    assert list(UNIT_OF_KIND) == [code.value for code in BURDEN_KIND]
    assert set(UNIT_OF_KIND.values()) == {code.value for code in BURDEN_UNIT}


def test_verified_datasets_carry_the_labels_of_the_registry() -> None:
    for code in VERIFIED_DATASET:
        assert (code.zh, code.en) == (dataset(code.value).zh, dataset(code.value).en)


REALCASES = Path(os.environ.get("REALCASES", "../shared/data/realcases"))


def realcase_files() -> list[Path]:
    return sorted(REALCASES.glob("*/*__*.csv"))


@pytest.mark.skipif(not realcase_files(), reason=f"no real cases under {REALCASES} (set REALCASES to their folder)")
@pytest.mark.parametrize("path", realcase_files(), ids=lambda path: path.name)
def test_real_cases_have_accepted_headers_and_codes(path: Path) -> None:
    declared = find_dataset(path.name.split("__")[0])
    assert declared is not None, path.name
    words = {word: column for column in declared.all_columns for word in words_of_column(column)}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        header = rows.fieldnames or []
        assert [title for title in header if folded(title) not in words] == []
        given = {words[folded(title)].name for title in header}
        assert {column.name for column in declared.all_columns if column.required} <= given
        seen: dict[str, set[str]] = {title: set() for title in header}
        for row in rows:
            for title, value in row.items():
                seen[title].add(value)
    for title, values in seen.items():
        column = words[folded(title)]
        filled = values - {""}
        if column.required:
            assert "" not in values, title
        if column.codes:
            accepted = {word for code in column.codes for word in words_of_code(code)}
            assert {value for value in filled if folded(value) not in accepted} == set(), title
        if column.pattern is not None:
            assert {value for value in filled if not re.match(column.pattern, value)} == set(), title
        if column.max_length is not None:
            assert {value for value in filled if len(value) > column.max_length} == set(), title
