"""Campaigns, awards and levies: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules import campaigns
from tests.support.burden_rows import burden_inputs, burden_row, found, organisations, parameters

PARAMETERS = parameters(
    campaign__allowed=("CJ-2026-01", ""),
    campaign__issuer_levels=("central", "province"),
    campaign__title_overlap=0.6,
)
PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "HB-P", "org_kind": "province_dept", "level": "province"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "staff": 5},
    {"org_id": "QY-V02", "org_kind": "village", "level": "village", "staff": 3},
    {"org_id": "QY-V03", "org_kind": "village", "level": "village"},
)


def _campaign(reference: str = "CJ-9", **columns: Any) -> dict[str, Any]:
    return burden_row(burden_kind="campaign", source_ref=reference, **({"title": "文明示范村创建"} | columns))


def _levy(reference: str = "TP-1", **columns: Any) -> dict[str, Any]:
    return burden_row(burden_kind="apportionment", source_ref=reference, **({"title": "龙舟赛经费"} | columns))


def _places(*rows: dict[str, Any], **frames: Any) -> BurdenInputs:
    return burden_inputs(rows, **{"organisations": PLACES, **frames})


def _one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


PROVINCE = {"issuer_org_id": "HB-P", "issuer_level_rank": 5, "issuer_kind": "province_dept"}

# CRE-01


def test_cre_01_a_campaign_has_to_be_on_the_reserved_list() -> None:
    rows = [_campaign("CJ-2026-01"), _campaign("CJ-8", plan_no="CJ-2026-01"), _campaign("CJ-9")]
    flag = _one(found(campaigns.cre_01(_places(*rows), PARAMETERS)))
    assert (flag["result_type"], flag["subject_org_id"], flag["param_id"]) == ("breach", "QY-D01", "campaign.allowed")
    assert (flag["n"], flag["denominator"], flag["evidence_refs"]) == (1, 3, "CJ-9")
    assert found(campaigns.cre_01(_places(*rows[:2]), PARAMETERS)) == []
    assert found(campaigns.cre_01(_places(_campaign(counted_class="exempt_legal")), PARAMETERS)) == []


def test_cre_01_an_empty_entry_of_the_list_allows_nothing() -> None:
    assert _one(found(campaigns.cre_01(_places(_campaign(doc_no="")), PARAMETERS)))["n"] == 1


# CRE-02


def test_cre_02_only_the_province_and_the_centre_may_run_one() -> None:
    rows = [_campaign(), _campaign("CJ-10", **PROVINCE)]
    flag = _one(found(campaigns.cre_02(_places(*rows), PARAMETERS)))
    assert (flag["subject_org_id"], flag["n"], flag["evidence_refs"]) == ("QY-D01", 1, "CJ-9")
    assert found(campaigns.cre_02(_places({**rows[0], "is_exempt": True}), PARAMETERS)) == []


def test_cre_02_what_a_township_passes_on_unchanged_is_the_provinces() -> None:
    relayed = _campaign(issuer_org_id="QY-T01", issuer_level_rank=2, subject_org_id="HB-P")
    assert found(campaigns.cre_02(_places(relayed), PARAMETERS)) == []


def test_cre_02_standards_for_villages_are_a_breach_at_every_level() -> None:
    standards = _campaign(title="卫生村达标活动", **PROVINCE)
    assert _one(found(campaigns.cre_02(_places(standards), PARAMETERS)))["subject_org_id"] == "HB-P"
    to_county = {**standards, "bearer_kind": "county_gov_dept", "bearer_level_rank": 3}
    assert found(campaigns.cre_02(_places(to_county), PARAMETERS)) == []


# CRE-03


@pytest.mark.parametrize(
    ("row", "yuan"),
    [
        (_campaign(amount_yuan=0), None),
        (_campaign(), None),
        (_campaign(amount_yuan="0.01"), 0.01),
        (_campaign(features="fee"), 0.0),
        (_campaign(features="fee", amount_yuan=0), None),
        (_levy(features="fee", amount_yuan=200), 200.0),
        (_levy(amount_yuan=200), None),
        (_campaign(amount_yuan=5, is_exempt=True), None),
    ],
)
def test_cre_03_a_fee_in_any_form_is_a_breach(row: dict[str, Any], yuan: float | None) -> None:
    flags = found(campaigns.cre_03(_places(row), PARAMETERS))
    assert [flag["value"] for flag in flags] == ([] if yuan is None else [yuan])


# CRE-04


def _again(title: str, **columns: Any) -> list[dict[str, Any]]:
    return [_campaign("CJ-8", start_date=date(2025, 3, 1)), _campaign("CJ-9", title=title, **columns)]


def test_cre_04_the_same_campaign_under_a_like_name_is_a_watch() -> None:
    # 文明示范村创建 and 文明领跑村创建 share 5 of 7 and 7 characters: 10 / 14.
    flag = _one(found(campaigns.cre_04(_places(*_again("文明领跑村创建")), PARAMETERS)))
    assert (flag["result_type"], flag["subject_org_id"], flag["evidence_refs"]) == ("watch", "QY-D01", "CJ-9")
    assert (flag["n"], flag["value"], flag["threshold"]) == (1, 10 / 14, 0.6)


def test_cre_04_six_tenths_exactly_are_alike() -> None:
    old = _campaign("CJ-8", start_date=date(2025, 3, 1), title="甲乙丙丁戊")
    assert found(campaigns.cre_04(_places(old, _campaign(title="甲乙丙己庚")), PARAMETERS))
    assert found(campaigns.cre_04(_places(old, _campaign(title="甲乙丙己庚辛")), PARAMETERS)) == []


@pytest.mark.parametrize("title", ["文明示范村创建", "2026年文明示范村创建", "第3届文明示范村创建", "平安医院评选"])
def test_cre_04_the_next_round_or_another_campaign_is_no_new_name(title: str) -> None:
    assert found(campaigns.cre_04(_places(*_again(title)), PARAMETERS)) == []


@pytest.mark.parametrize(
    "columns",
    [
        {"issuer_org_id": "QY-D02"},
        {"target_org_id": "QY-V02"},
        {"plan_no": "CJ-2026-01"},
        {"counted_class": "exempt_legal"},
        {"start_date": date(2025, 2, 1)},
    ],
)
def test_cre_04_others_listed_ones_and_earlier_ones_are_left_alone(columns: dict[str, Any]) -> None:
    assert found(campaigns.cre_04(_places(*_again("文明领跑村创建", **columns)), PARAMETERS)) == []


def test_cre_04_like_campaigns_that_run_side_by_side_are_no_renaming() -> None:
    days = (date(2026, 3, 1), date(2026, 3, 20))
    rows = [
        _campaign(f"CJ-{title}-{day.day}", title=title, start_date=day)
        for title in ("文明示范村创建", "文明领跑村创建")
        for day in days
    ]
    assert found(campaigns.cre_04(_places(*rows), PARAMETERS)) == []


def test_cre_04_a_campaign_that_is_still_on_the_list_has_not_left_it() -> None:
    old, new = _again("文明领跑村创建")
    assert found(campaigns.cre_04(_places({**old, "plan_no": "CJ-2026-01"}, new), PARAMETERS)) == []


# APN-01, APN-02


def test_apn_01_a_quota_to_buy_is_a_breach_and_a_load_per_unit_and_head() -> None:
    rows = [
        _levy("TP-1", title="党报党刊征订任务", amount_yuan="800.50", target_org_id=unit)
        for unit in ("QY-V01", "QY-V02", "QY-V03")
    ]
    breach = _one(found(campaigns.apn_01(_places(*rows), PARAMETERS), "breach"))
    assert (breach["n"], breach["value"], breach["n_bearers"]) == (1, 2401.5, 3)
    per_head, per_unit = found(campaigns.apn_01(_places(*rows), PARAMETERS), "load")
    assert (per_unit["param_id"], per_unit["value"]) == ("apportionment.yuan_per_unit", 800.5)
    # The staff of V03 is not known: 1601 yuan over 8 heads.
    assert (per_head["param_id"], per_head["value"]) == ("apportionment.yuan_per_head", 1601 / 8)


def test_apn_two_events_of_one_unit_count_its_heads_once() -> None:
    rows = [_levy(f"TP-{n}", title="投保任务", amount_yuan=100) for n in (1, 2)]
    per_head, per_unit = found(campaigns.apn_01(_places(*rows), PARAMETERS), "load")
    assert (per_head["value"], per_unit["value"], per_unit["n"]) == (200 / 5, 200.0, 2)


def test_apn_each_levy_is_judged_by_one_rule() -> None:
    rows = [
        _levy("TP-1", amount_yuan=100),
        _levy("TP-2", amount_yuan=100, matter="订阅报刊"),
        _levy("TP-3", amount_yuan=100, features="fee"),
    ]
    inputs = _places(*rows)
    broken = {code: found(rule(inputs, PARAMETERS), "breach") for code, rule in campaigns.RULES.items()}
    assert {code: [flag["evidence_refs"] for flag in flags] for code, flags in broken.items() if flags} == {
        "CRE-03": ["TP-3"],
        "APN-01": ["TP-2"],
        "APN-02": ["TP-1"],
    }


@pytest.mark.parametrize(
    ("columns", "broken"),
    [({}, True), ({"amount_yuan": 0}, False), ({"amount_yuan": 5, "is_exempt": True}, False), ({"quantity": 0}, False)],
)
def test_apn_an_amount_left_out_does_not_excuse_and_none_does(columns: dict[str, Any], broken: bool) -> None:
    assert bool(found(campaigns.apn_02(_places(_levy(**columns)), PARAMETERS))) == broken
    purchase = _levy(title="purchase of insurance", **columns)
    assert bool(found(campaigns.apn_01(_places(purchase), PARAMETERS), "breach")) == broken


def test_every_rule_gives_the_flag_schema_from_empty_registers() -> None:
    for code, rule in campaigns.RULES.items():
        flags = rule(burden_inputs(), PARAMETERS).collect()
        assert (code, dict(flags.schema), flags.height) == (code, dict(FLAG_SCHEMA), 0)
