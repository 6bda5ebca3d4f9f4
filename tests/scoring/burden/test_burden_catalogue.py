"""The catalogue as data: whole, cited, in both languages, and refused with every mistake at once."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from expectations.datasets.burden_fact import BURDEN_FACT, BURDEN_KIND
from scoring.burden.catalogue import (
    SHIPPED_CATALOGUE,
    CatalogueError,
    Form,
    contract_problems,
    default_parameters,
    load_catalogue,
    read_catalogue,
    with_overrides,
)
from scoring.burden.catalogue_page import catalogue_page
from scoring.burden.false_data.pattern import Limits
from scoring.burden.parameters import Parameter, Parameters
from scoring.burden.rules import RULES
from scoring.scheme.burden import BurdenRules
from tests.support.burden_rows import burden_inputs, burden_row

KINDS = [code.value for code in BURDEN_KIND]
COLUMNS = [column.name for column in BURDEN_FACT.columns]
READ_BY_CODE = re.compile(r'parameters\.(?:number|whole|words|text)\(\s*"([a-z_.0-9]+)"\s*\)')
OF_THE_CALENDAR = ("working_calendar.holidays", "working_calendar.extra_workdays")


@dataclass(frozen=True)
class Given:
    """A value a scheme puts in place of a default."""

    value: Decimal | float | str | tuple[str, ...]
    unit: str
    reference: str = "清溪县文件"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue that a test may break."""
    shutil.copytree(SHIPPED_CATALOGUE / "forms", tmp_path / "forms")
    for name in ("parameters.yaml", "sources.yaml"):
        shutil.copy(SHIPPED_CATALOGUE / name, tmp_path / name)
    return tmp_path


def altered(folder: Path, file: str, old: str, new: str, times: int = 1) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, times), encoding="utf-8")


def problems(folder: Path) -> tuple[str, ...]:
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(folder)
    return caught.value.problems


def test_all_recognised_forms_are_there() -> None:
    counts = Counter(form.group for form in load_catalogue().forms)
    assert counts == {
        "DOC": 11, "MTG": 5, "INS": 6, "ASM": 9, "SEC": 3, "APP": 5, "FRM": 4, "DUT": 7, "CRE": 4, "APN": 2,
    }  # fmt: skip
    assert sum(counts.values()) == 56
    # Codes of a group run from 01 without a gap.
    for group, n in counts.items():
        codes = [form.code for form in load_catalogue().forms if form.group == group]
        assert codes == [f"{group}-{place:02}" for place in range(1, n + 1)]


def test_every_form_has_exactly_one_rule() -> None:
    assert sorted(RULES) == sorted(form.code for form in load_catalogue().forms)


def test_kinds_and_columns_are_those_of_the_contract() -> None:
    assert contract_problems(load_catalogue(), KINDS, COLUMNS) == ()


def test_a_kind_or_column_the_contract_lacks_is_named() -> None:
    kinds = [kind for kind in KINDS if kind != "sign"]
    columns = [name for name in COLUMNS if name != "words"]
    found = contract_problems(load_catalogue(), [*kinds, "banquet"], columns)
    assert found == (
        "DOC-03: unknown column words",
        "DUT-06: unknown burden kind sign",
        "minutes.sign: unknown burden kind",
        "minutes.banquet: the tariff lacks this kind",
    )


def test_every_parameter_the_code_reads_has_a_default() -> None:
    names = {
        name
        for path in SHIPPED_CATALOGUE.rglob("*.py")
        for name in READ_BY_CODE.findall(path.read_text(encoding="utf-8"))
    }
    assert names
    assert names - set(load_catalogue().definitions) - set(OF_THE_CALENDAR) == set()


def test_the_limits_of_the_data_tests_are_the_catalogues() -> None:
    limits = asdict(Limits())
    assert {name: default_parameters()[f"false_data.{name}"].value for name in limits} == limits


class Noting(Parameters):
    """Parameters that remember which of them were asked for."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Parameter:
        self.asked.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("form", load_catalogue().forms, ids=lambda form: form.code)
def test_a_rule_reads_the_parameters_its_form_names(form: Form) -> None:
    noting = Noting(default_parameters())
    RULES[form.code](burden_inputs([burden_row()]), noting).collect()
    assert noting.asked - set(OF_THE_CALENDAR) == set(form.params)


# Bulletins for which a second page was found; everything else is a single copy.
CONFIRMED = {"C01", "C02", "C03", "C05", "C08", "C09", "C10", "C11", "P-HI-20250821"}


def test_only_bulletins_with_a_second_page_are_confirmed() -> None:
    sources = load_catalogue().sources
    bulletins = {name for name, source in sources.items() if source.kind == "bulletin"}
    assert {name for name in bulletins if sources[name].confirmed} == CONFIRMED
    cited = {each.id: each.confirmed for form in load_catalogue().forms for each in form.precedent}
    assert cited["C05#3"] is True
    assert cited["P-GD-20251022#2"] is False
    assert {name.partition("#")[0] for name, confirmed in cited.items() if confirmed} <= CONFIRMED


def test_the_page_names_no_unconfirmed_bulletin() -> None:
    page = catalogue_page()
    sources = load_catalogue().sources
    hidden = [name for name, source in sources.items() if source.kind == "bulletin" and not source.confirmed]
    assert len(hidden) > 20
    assert [name for name in hidden if re.search(rf"\b{re.escape(name)}\b", page)] == []
    assert "C05#3 (office of the central mechanism against formalism, 2024-08-21)" in page


def test_the_page_has_every_form_with_rule_and_threshold() -> None:
    page = catalogue_page()
    for form in load_catalogue().forms:
        assert f"### {form.code} {form.name.zh} · {form.name.en}\n" in page
        assert form.rule.zh in page
        assert form.rule.en in page
    assert "- `meeting.minutes_max`: 240 minutes [S01d]\n" in page
    assert "- `assessment.organiser`: empty until the scheme fills it (level:organisation id)" in page


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("document.words_general", 5000, "S01"),
        ("document.words_task", 4000, "S01"),
        ("document.similarity_max", 0.9, "P-GD-20251226"),
        ("meeting.minutes_max", 240, "S01d"),
        ("assessment.points_max", 1000, "C02"),
        ("ranking.per_year", 3, "P-HE-20260331"),
        ("target.cascade_max", 1.0, "P-SH-20250315"),
        ("app.developer_level", "county", "S08"),
        ("secondment.forbidden_levels", ("county", "township", "village"), "P-YN-20240701"),
        ("campaign.issuer_levels", ("central", "province"), "P-HI-20250605"),
        ("admission.request_lead_workdays", 30, "A1"),
        ("staffing.community_workers_per_10000", 18, "E1"),
        ("resource.ratio_min", 1.0, "E3"),
        ("shift.share_min", 0.3, "J"),
        ("false_data.draws", 9999, "J"),
    ],
)
def test_defaults_are_those_of_the_catalogue(name: str, value: object, source: str) -> None:
    parameter = default_parameters()[name]
    assert (parameter.value, parameter.source) == (value, source)


def test_the_first_national_batch_has_twenty_certificates() -> None:
    names = default_parameters().words("certificate.forbidden")
    assert len(set(names)) == 20


# -- broken catalogues ------------------------------------------------------------------------------------


def test_all_problems_of_all_files_come_at_once(folder: Path) -> None:
    altered(folder, "forms/meetings.yaml", "slug: meeting_overload", "slug: Meeting overload")
    altered(folder, "forms/apps.yaml", "params: [group.per_unit]", "params: [group.per_unti]")
    altered(folder, "parameters.yaml", "{value: 10, unit: groups,", "{value: 10, units: groups,")
    altered(folder, "sources.yaml", "\nS07:", "\nS07x:")
    found = problems(folder)
    assert any(text.startswith("meetings.yaml MTG-01: slug:") for text in found)
    assert "APP-04: unknown parameter group.per_unti" in found
    assert any(text.startswith("parameters.yaml group.per_unit: units:") for text in found)
    assert "APP-02: unknown source S07" in found
    assert "source S07x is never cited" in found


def test_a_file_that_is_no_yaml_is_named(folder: Path) -> None:
    (folder / "forms/duties.yaml").write_text("- code: [", encoding="utf-8")
    (folder / "forms/forms.yaml").unlink()
    found = problems(folder)
    assert any(text.startswith("duties.yaml: cannot be read") for text in found)
    assert any(text.startswith("forms.yaml: cannot be read") for text in found)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("documents", "code: DOC-02", "code: DOC-01", "the code DOC-01 is given 2 times"),
        ("documents", "slug: unplanned_document", "slug: document_growth", "the slug document_growth is given 2 times"),
        ("documents", "code: DOC-02", "code: MTG-02", "documents.yaml MTG-02: does not belong into this file"),
        (
            "documents",
            "en: Unplanned document}",
            "en: 计划外发文}",
            "DOC-02 name: en is not English: 计划外发文",
        ),
        ("documents", "zh: 计划外发文,", "zh: Unplanned,", "DOC-02 name: zh is not Chinese: Unplanned"),
        ("documents", "name: {zh: 计划外发文, en", "name: {en", "documents.yaml DOC-02: name.zh: Field required"),
        (
            "apps",
            "provision: [{id: S08, basis: rule}]\n",
            "provision: []\n",
            "APP-03: gives a breach, but cites no provision",
        ),
        (
            "forms",
            'precedent: [{id: "P-SH-20260307#3", confirmed: false}]',
            "precedent: []",
            "FRM-04: has neither a precedent nor a provision",
        ),
        (
            "meetings",
            '{id: "C05#3", confirmed: true}',
            '{id: "C05#3", confirmed: false}',
            "MTG-01: C05#3 says confirmed False, its bulletin True",
        ),
        ("meetings", '{id: "C05#3",', '{id: "S01#3",', "MTG-01: the precedent S01#3 is no bulletin"),
        ("meetings", '{id: "C05#3",', '{id: "C99#3",', "MTG-01: unknown source C99#3"),
        (
            "meetings",
            "params: [meeting.minutes_max, meeting.discussion_days, meeting.discussion_subkinds]",
            "params: [meeting.minutes_max, meeting.discussion_subkinds]",
            "parameter meeting.discussion_days is never used",
        ),
        (
            "campaigns",
            "  filled: [campaign.allowed]",
            "  filled: [pledge.allowed]",
            "CRE-01: pledge.allowed must be filled, but is no parameter of the form",
        ),
        (
            "duties",
            "datasets: [admissions, grants]",
            "datasets: []",
            "DUT-04: reads neither a kind of burden nor a dataset",
        ),
    ],
)
def test_a_broken_form_is_refused(folder: Path, file: str, old: str, new: str, said: str) -> None:
    altered(folder, f"forms/{file}.yaml", old, new)
    assert said in problems(folder)


def test_a_parameter_from_an_unknown_source_is_refused(folder: Path) -> None:
    altered(folder, "parameters.yaml", "unit: groups, source: J", "unit: groups, source: Q")
    assert "parameter group.per_unit: unknown source Q" in problems(folder)


def test_a_result_or_subject_that_does_not_exist_is_refused(folder: Path) -> None:
    altered(folder, "forms/meetings.yaml", "result: [breach, watch]", "result: [breach, score]")
    altered(folder, "forms/secondments.yaml", "subject: issuer", "subject: village")
    found = problems(folder)
    assert any(text.startswith("meetings.yaml MTG-04: result.1:") for text in found)
    assert any(text.startswith("secondments.yaml SEC-01: subject:") for text in found)


# -- values of a scheme -----------------------------------------------------------------------------------


def test_a_replaced_value_keeps_its_kind_and_says_where_it_comes_from() -> None:
    replaced = with_overrides(
        default_parameters(),
        {
            "meeting.minutes_max": Given(Decimal(180), "minutes"),
            "document.similarity_max": Given(Decimal("0.85"), "share of the text"),
            "pledge.allowed": Given("清农〔2026〕3号", "numbers of authorised pledges"),
        },
    )
    assert (replaced["meeting.minutes_max"].value, replaced["meeting.minutes_max"].source) == (180, "清溪县文件")
    assert isinstance(replaced["meeting.minutes_max"].value, int)
    assert replaced.number("document.similarity_max") == 0.85
    assert replaced.words("pledge.allowed") == ("清农〔2026〕3号",)
    assert replaced["meeting.levels_max"] == default_parameters()["meeting.levels_max"]
    assert default_parameters().whole("meeting.minutes_max") == 240


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("meeting.minuts_max", Given(180, "minutes"), "meeting.minuts_max: there is no such parameter"),
        ("meeting.minutes_max", Given(3, "hours"), "meeting.minutes_max: is counted in minutes, not in hours"),
        ("meeting.minutes_max", Given("180", "minutes"), "meeting.minutes_max: must be a number"),
        ("meeting.minutes_max", Given(True, "minutes"), "meeting.minutes_max: must be a number"),
        ("meeting.minutes_max", Given(Decimal("179.5"), "minutes"), "meeting.minutes_max: must be a whole number"),
        ("meeting.minutes_max", Given(-1, "minutes"), "meeting.minutes_max: must not be below 0"),
        ("meeting.minutes_max", Given(float("nan"), "minutes"), "meeting.minutes_max: must not be below 0"),
        (
            "document.similarity_max",
            Given(90, "share of the text"),
            "document.similarity_max: is a share and must not be above 1",
        ),
        ("app.developer_level", Given(3, "level"), "app.developer_level: must be one word"),
        ("campaign.issuer_levels", Given(5, "levels"), "campaign.issuer_levels: must be a list of words"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, given: Given, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        with_overrides(default_parameters(), {name: given})


def test_every_wrong_value_is_named() -> None:
    with pytest.raises(ValueError, match=r"app.developer_level: .*; meeting.minuts_max: "):
        with_overrides(
            default_parameters(),
            {"meeting.minuts_max": Given(180, "minutes"), "app.developer_level": Given(3, "level")},
        )


SECTION = """
parameters:
  consultation.min_workdays:
    {value: 7, unit: working days, date: 2026-01-01, reference: 清溪县公文处理办法 第28条}
  assessment.organiser:
    {value: ["county:QY-D01"], unit: "level:organisation id", date: 2026-01-01, reference: 清溪县考核办法}
  minutes.meeting:
    {value: 95, unit: minutes, date: 2026-03-31, reference: "监测点工作日志, n = 412"}
working_calendar:
  holidays: [2026-10-02, 2026-10-01]
  extra_workdays: [2026-10-10]
forms_off:
  - {code: DUT-06, reason: 挂牌由市级统一清理}
"""


def test_the_section_of_a_scheme_replaces_what_it_names() -> None:
    section = BurdenRules.model_validate(yaml.safe_load(SECTION))
    values = section.values
    assert values.number("consultation.min_workdays") == 7
    assert values.words("assessment.organiser") == ("county:QY-D01",)
    assert values.whole("minutes.meeting") == 95
    assert values.whole("minutes.video_conf") == default_parameters().whole("minutes.video_conf")
    assert values.words("working_calendar.holidays") == ("2026-10-01", "2026-10-02")
    assert values.words("working_calendar.extra_workdays") == ("2026-10-10",)
    codes = [form.code for form in section.forms]
    assert len(codes) == 55
    assert "DUT-06" not in codes


def test_a_section_without_entries_is_the_catalogue() -> None:
    section = BurdenRules()
    assert section.forms == load_catalogue().forms
    assert {name: section.values[name] for name in default_parameters()} == dict(default_parameters())


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            {"parameters": {"meeting.x": {"value": 1, "unit": "x", "date": "2026-01-01", "reference": "x"}}},
            "meeting.x：没有这个参数|meeting.x: there is no such parameter",
        ),
        (
            {"forms_off": [{"code": "DOC-99", "reason": "不适用"}]},
            "没有这个形式：DOC-99|the catalogue has no form DOC-99",
        ),
        (
            {"forms_off": [{"code": "DOC-01", "reason": "甲"}, {"code": "DOC-01", "reason": "乙"}]},
            "形式重复：DOC-01|the form DOC-01 is given twice",
        ),
        (
            {"working_calendar": {"holidays": ["2026-10-01"], "extra_workdays": ["2026-10-01"]}},
            "既是假日又是调休上班日：2026-10-01|is both a holiday and a working day: 2026-10-01",
        ),
        (
            {"working_calendar": {"holidays": ["2026-10-01", "2026-10-01"]}},
            "日期重复：2026-10-01|days given twice: 2026-10-01",
        ),
    ],
)
def test_a_wrong_section_is_told_in_both_languages(section: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BurdenRules.model_validate(section)
    assert said in str(caught.value)


def test_values_of_a_scheme_are_exact() -> None:
    given = {"value": 0.1, "unit": "share of the staff", "date": "2026-01-01", "reference": "x"}
    section = BurdenRules.model_validate({"parameters": {"secondment.share_max": given}})
    assert section.parameters["secondment.share_max"].value == Decimal("0.1")


def test_the_page_of_the_catalogue_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "burden-catalogue.md"
    assert page.read_text(encoding="utf-8") == catalogue_page(), (
        "docs/burden-catalogue.md is not what the forms say; regenerate it with: make docs"
    )
