"""Assessments and rankings: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules import assessments
from tests.support.burden_rows import YEAR, burden_inputs, burden_row, found, organisations, parameters, records

NUMBERS: dict[str, Any] = {
    "assessment__points_max": 1000,
    "assessment__depth_max": 2,
    "assessment__step_min": 0.5,
    "assessment__items_max": 60,
    "assessment__organiser": ("county:QY-D09",),
    "ranking__per_year": 3,
    "target__cascade_max": 1.0,
    "target__tolerance": 0.02,
    "pledge__allowed": ("ZR-1", ""),
    "veto__allowed": ("ZR-2",),
    "verify__share_min": 0.05,
}
PARAMETERS = parameters(**NUMBERS)

PLACES = organisations(
    {"org_id": "QY-D01", "parent_org_id": "QY"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-D09"},
    {"org_id": "QY-B01", "org_kind": "coordinating_body", "host_org_id": "QY-D01"},
    {"org_id": "QY", "org_kind": "other"},
    {"org_id": "HB", "org_kind": "prefecture_dept", "level": "prefecture"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township"},
    {"org_id": "QY-T02", "org_kind": "township", "level": "township"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village"},
    {"org_id": "QY-V02", "org_kind": "village", "level": "village"},
)


def _assessment(reference: str = "K-1", **columns: Any) -> dict[str, Any]:
    return burden_row(burden_kind="assessment", source_ref=reference, **columns)


def _places(*rows: dict[str, Any], **frames: Any) -> BurdenInputs:
    return burden_inputs(rows, **{"organisations": PLACES, **frames})


def _one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


def _params(rows: pl.LazyFrame) -> list[tuple[str, str]]:
    return [(row["result_type"], row["param_id"]) for row in found(rows)]


# ASM-01


def test_asm_01_a_small_assessment_is_clean() -> None:
    rows = [_assessment(points_total=999, depth=2, step_min=0.5, items_n=60)]
    assert found(assessments.asm_01(_places(*rows), PARAMETERS)) == []


def test_asm_01_a_thousand_points_exactly_are_a_breach() -> None:
    rows = [_assessment("K-1", points_total=1000), _assessment("K-2", points_total=100, target_org_id="QY-V02")]
    flag = _one(found(assessments.asm_01(_places(*rows), PARAMETERS)))
    assert (flag["result_type"], flag["subject_org_id"], flag["param_id"]) == (
        "breach",
        "QY-D01",
        "assessment.points_max",
    )
    assert (flag["n"], flag["denominator"], flag["value"], flag["threshold"]) == (1, 2, 1000.0, 1000.0)
    assert (flag["n_bearers"], flag["evidence_refs"]) == (1, "K-1")


def test_asm_01_assessments_of_one_unit_add_up_and_rounds_of_one_do_not() -> None:
    split = [
        _assessment("K-1", title="平安建设考核", points_total=600),
        _assessment("K-2", title="生态建设考核", points_total=400),
    ]
    flag = _one(found(assessments.asm_01(_places(*split), PARAMETERS)))
    assert (flag["n"], flag["value"], flag["evidence_refs"]) == (2, 1000.0, "K-1;K-2")
    rounds = [{**row, "title": "平安建设考核"} for row in split]
    assert found(assessments.asm_01(_places(*rounds), PARAMETERS)) == []
    apart = [split[0], {**split[1], "target_org_id": "QY-V02"}]
    assert found(assessments.asm_01(_places(*apart), PARAMETERS)) == []


def test_asm_01_depth_step_and_items_are_results_of_their_own() -> None:
    rows = [_assessment("K-1", depth=3), _assessment("K-2", step_min=0.05), _assessment("K-3", items_n=61)]
    assert [
        (row["result_type"], row["param_id"], row["value"])
        for row in found(assessments.asm_01(_places(*rows), PARAMETERS))
    ] == [
        ("breach", "assessment.depth_max", 3.0),
        ("breach", "assessment.step_min", 0.05),
        ("watch", "assessment.items_max", 61.0),
    ]


def test_asm_01_exempt_rows_neither_break_nor_add_up() -> None:
    rows = [
        _assessment("K-1", title="甲", points_total=600),
        _assessment("K-2", title="乙", points_total=2000, depth=9, counted_class="exempt_legal"),
    ]
    assert found(assessments.asm_01(_places(*rows), PARAMETERS)) == []


def test_asm_01_of_a_stock_only_the_last_count_day_is_judged() -> None:
    before = _assessment("K-1", measure="stock", start_date=date(2026, 3, 1), points_total=1200)
    after = _assessment("K-1", measure="stock", start_date=date(2026, 3, 31), points_total=100)
    assert found(assessments.asm_01(_places(before, after), PARAMETERS)) == []
    assert _params(
        assessments.asm_01(_places({**after, "points_total": 1200}, {**before, "points_total": 1}), PARAMETERS)
    )


# ASM-02


def test_asm_02_only_the_organiser_of_the_level_may_assess() -> None:
    rows = [
        _assessment("K-1", issuer_org_id="QY-D09"),
        _assessment("K-2"),
        _assessment("K-3", issuer_org_id="QY-B01", subject_org_id="QY-D01"),
    ]
    flag = _one(found(assessments.asm_02(_places(*rows), PARAMETERS)))
    assert (flag["subject_org_id"], flag["n"], flag["denominator"], flag["evidence_refs"]) == (
        "QY-D01",
        2,
        2,
        "K-2;K-3",
    )


def test_asm_02_an_inspection_is_an_assessment_only_when_it_scores() -> None:
    plain = burden_row(burden_kind="inspection", features="asks_ledger")
    assert found(assessments.asm_02(_places(plain), PARAMETERS)) == []
    scoring = burden_row(burden_kind="inspection", features="asks_ledger;scores_or_ranks")
    assert _one(found(assessments.asm_02(_places(scoring), PARAMETERS)))["n"] == 1
    exempt = {**scoring, "is_exempt": True}
    assert found(assessments.asm_02(_places(exempt), PARAMETERS)) == []


def test_asm_02_a_level_without_an_organiser_is_not_judged() -> None:
    township = _assessment(issuer_org_id="QY-T01", issuer_level_rank=2)
    assert found(assessments.asm_02(_places(township), PARAMETERS)) == []
    none = parameters(**{**NUMBERS, "assessment__organiser": ()})
    assert found(assessments.asm_02(_places(_assessment()), none)) == []


@pytest.mark.parametrize("entry", ["QY-D09", "shire:QY-D09", "county:"])
def test_asm_02_a_list_that_is_not_level_and_organisation_is_refused(entry: str) -> None:
    wrong = parameters(**{**NUMBERS, "assessment__organiser": (entry,)})
    with pytest.raises(ValueError, match=r"assessment\.organiser.*level:org_id.*correct it"):
        assessments.asm_02(_places(_assessment()), wrong)


# ASM-03


def _ranking(reference: str, day: date, **columns: Any) -> dict[str, Any]:
    given = {"matter": "平台使用率", **columns}
    return burden_row(burden_kind="usage_ranking", source_ref=reference, start_date=day, **given)


def test_asm_03_three_rankings_in_twelve_months_are_allowed_and_the_fourth_is_not() -> None:
    earlier = [_ranking(f"P-{month}", date(2025, month, 10)) for month in (4, 8, 12)]
    now = _ranking("P-now", date(2026, 3, 10))
    load, breach = (found(assessments.asm_03(_places(*earlier, now), PARAMETERS), kind) for kind in ("load", "breach"))
    assert (_one(breach)["n"], _one(breach)["value"], _one(breach)["evidence_refs"]) == (1, 4.0, "P-now")
    assert (_one(load)["n"], _one(load)["value"]) == (1, 1.0)
    assert found(assessments.asm_03(_places(*earlier[1:], now), PARAMETERS), "breach") == []


def test_asm_03_twelve_months_ago_to_the_day_is_outside() -> None:
    rows = [_ranking(f"P-{n}", day) for n, day in enumerate([date(2025, 3, 10), date(2025, 8, 1), date(2025, 9, 1)])]
    assert found(assessments.asm_03(_places(*rows, _ranking("P-now", date(2026, 3, 10))), PARAMETERS), "breach") == []
    rows[0] = _ranking("P-0", date(2025, 3, 11))
    assert found(assessments.asm_03(_places(*rows, _ranking("P-now", date(2026, 3, 10))), PARAMETERS), "breach")


def test_asm_03_matters_are_counted_apart_and_exempt_ones_not_at_all() -> None:
    rows = [_ranking(f"P-{n}", date(2026, 3, n + 1), matter=f"事项{n % 2}") for n in range(6)]
    assert found(assessments.asm_03(_places(*rows), PARAMETERS), "breach") == []
    rows = [_ranking(f"P-{n}", date(2026, 3, n + 1), counted_class="exempt_emergency") for n in range(6)]
    flag = _one(found(assessments.asm_03(_places(*rows), PARAMETERS)))
    assert (flag["result_type"], flag["n"], flag["denominator"]) == ("load", 0, 6)


def test_asm_03_without_a_matter_the_sub_kind_tells_and_without_both_nothing_does() -> None:
    days = [date(2026, 3, day) for day in (1, 2, 3, 4)]
    named = [_ranking(f"P-{day}", day, matter=None, burden_subkind="应用使用率") for day in days]
    assert found(assessments.asm_03(_places(*named), PARAMETERS), "breach")
    unnamed = [_ranking(f"P-{day}", day, matter=None) for day in days]
    assert found(assessments.asm_03(_places(*unnamed), PARAMETERS), "breach") == []


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=1, max_value=6), st.integers(min_value=1, max_value=4))
def test_asm_03_splitting_one_notice_into_rows_changes_nothing(n_events: int, n_rows: int) -> None:
    rows = [_ranking(f"P-{n}", date(2026, 3, n + 1)) for n in range(n_events)]
    split = [{**row, "target_org_id": f"QY-V{bearer:02}"} for row in rows for bearer in range(n_rows)]
    flags = found(assessments.asm_03(_places(*split), PARAMETERS), "breach")
    assert [flag["n"] for flag in flags] == ([n_events - 3] if n_events > 3 else [])


# ASM-04


def _fact(org_id: str, target: float | None = None, setter: str | None = None, **columns: Any) -> dict[str, Any]:
    return {
        "indicator_id": "INVEST",
        "org_id": org_id,
        "period_id": "2026M03",
        "source_org_id": "QY-D02",
        "value": 1,
        "as_of": date(2026, 3, 31),
        "target_value": target,
        "target_set_by": setter,
        **columns,
    }


def _measured(*facts: dict[str, Any], verifications: pl.DataFrame | None = None, **indicator: Any) -> dict[str, Any]:
    rows = records(
        "indicator",
        {"indicator_id": "INVEST", "name": "招商引资到位资金", "agg": "sum", "direction": "higher_better", **indicator},
    )
    frames: dict[str, Any] = {"indicators": rows, "performance": records("performance_fact", *facts).lazy()}
    return frames if verifications is None else {**frames, "verifications": verifications}


def test_asm_04_targets_that_add_up_to_what_was_received_are_clean() -> None:
    facts = [_fact("QY-D01", 100, "HB"), _fact("QY-T01", 61, "QY-D01"), _fact("QY-T02", 41, "QY-D01")]
    assert found(assessments.asm_04(_places(**_measured(*facts)), PARAMETERS)) == []


def test_asm_04_a_hundred_that_became_a_hundred_and_sixty() -> None:
    facts = [_fact("QY-D01", 100, "HB"), _fact("QY-T01", 90, "QY-D01"), _fact("QY-T02", 70, "QY-D01")]
    flag = _one(found(assessments.asm_04(_places(**_measured(*facts)), PARAMETERS)))
    assert (flag["subject_org_id"], flag["value"], flag["threshold"]) == ("QY-D01", 1.6, 1.0)
    assert (flag["n"], flag["n_bearers"], flag["evidence_refs"]) == (1, 2, "INVEST")


def test_asm_04_levels_are_added_up_apart() -> None:
    facts = [_fact("QY-D01", 100, "HB"), _fact("QY-T01", 100, "QY-D01"), _fact("QY-V01", 100, "QY-D01")]
    assert found(assessments.asm_04(_places(**_measured(*facts)), PARAMETERS)) == []


def test_asm_04_a_department_without_a_target_divides_that_of_its_county() -> None:
    facts = [_fact("QY", 100, "HB"), _fact("QY-T01", 103, "QY-D01")]
    assert _one(found(assessments.asm_04(_places(**_measured(*facts)), PARAMETERS)))["subject_org_id"] == "QY-D01"


def test_asm_04_rates_are_averaged_and_unclear_indicators_left_alone() -> None:
    facts = [_fact("QY-D01", 95, "HB"), _fact("QY-T01", 95, "QY-D01"), _fact("QY-T02", 95, "QY-D01")]
    assert found(assessments.asm_04(_places(**_measured(*facts, agg="ratio")), PARAMETERS)) == []
    facts[1]["target_value"] = 100
    assert found(assessments.asm_04(_places(**_measured(*facts, agg="ratio")), PARAMETERS))
    assert found(assessments.asm_04(_places(**_measured(*facts, agg="last")), PARAMETERS)) == []


def test_asm_04_where_lower_is_better_less_is_more() -> None:
    facts = [_fact("QY-D01", 10, "HB"), _fact("QY-T01", 5, "QY-D01")]
    flag = _one(found(assessments.asm_04(_places(**_measured(*facts, direction="lower_better")), PARAMETERS)))
    assert flag["value"] == 2.0
    facts[1]["target_value"] = 20
    assert found(assessments.asm_04(_places(**_measured(*facts, direction="lower_better")), PARAMETERS)) == []


def test_asm_04_items_and_frequency_added_on_the_way_count_against_the_relay() -> None:
    above = burden_row(
        burden_kind="campaign", source_ref="HB-1", issuer_org_id="HB", issuer_level_rank=4,
        target_org_id="QY-D01", items_n=98, frequency="yearly",
    )  # fmt: skip
    relay = burden_row(
        burden_kind="campaign", source_ref="QY-1", parent_source_ref="HB-1", items_n=179, frequency="yearly",
        subject_org_id="HB",
    )  # fmt: skip
    flag = _one(found(assessments.asm_04(_places(above, relay), PARAMETERS)))
    assert (flag["subject_org_id"], flag["value"], flag["evidence_refs"]) == ("QY-D01", 179 / 98, "QY-1")
    assert found(assessments.asm_04(_places(above, {**relay, "items_n": 98}), PARAMETERS)) == []
    oftener = {**relay, "items_n": 98, "frequency": "quarterly"}
    assert _one(found(assessments.asm_04(_places(above, oftener), PARAMETERS)))["value"] == 4.0
    assert found(assessments.asm_04(_places(above, {**oftener, "is_exempt": True}), PARAMETERS)) == []


def test_asm_04_a_village_never_answers_for_a_target() -> None:
    facts = [_fact("QY-V01", 10, "QY-T01"), _fact("QY-V02", 99, "QY-V01")]
    assert found(assessments.asm_04(_places(**_measured(*facts)), PARAMETERS)) == []


def test_asm_04_a_target_for_an_equal_or_higher_organisation_is_none_handed_down() -> None:
    facts = [_fact("QY-D01", 100, "HB"), _fact("QY-D02", 160, "QY-D01"), _fact("HB", 160, "QY-D01")]
    assert found(assessments.asm_04(_places(**_measured(*facts)), PARAMETERS)) == []


# ASM-05


def test_asm_05_what_a_township_records_of_itself_counts_against_nobody() -> None:
    own = _fact("QY-T01", 3, "QY-T01", source_org_id="QY-T01")
    assert found(assessments.asm_05(_places(**_measured(own, nature="process")), PARAMETERS)) == []


def test_asm_05_a_process_indicator_counts_against_who_set_it() -> None:
    facts = [_fact("QY-V01", 3, "QY-T01"), _fact("QY-V02", 3, "QY-T01")]
    flag = _one(found(assessments.asm_05(_places(**_measured(*facts, nature="process")), PARAMETERS)))
    assert (flag["subject_org_id"], flag["n"], flag["n_bearers"]) == ("QY-T01", 1, 2)
    assert found(assessments.asm_05(_places(**_measured(*facts, nature="outcome")), PARAMETERS)) == []


def test_asm_05_a_name_that_counts_evidence_is_found_whatever_its_nature() -> None:
    inputs = _places(**_measured(_fact("QY-V01"), nature="output", name="召开会议次数"))
    assert _one(found(assessments.asm_05(inputs, PARAMETERS)))["subject_org_id"] == "QY-D02"


def test_asm_05_what_is_not_scored_or_not_of_the_grassroots_is_left_alone() -> None:
    other = parameters(**NUMBERS, assessment__scored_indicators=("OTHER",))
    assert found(assessments.asm_05(_places(**_measured(_fact("QY-V01"), nature="process")), other)) == []
    every = parameters(**NUMBERS, assessment__scored_indicators=("*",))
    assert found(assessments.asm_05(_places(**_measured(_fact("QY-V01"), nature="process")), every))
    assert found(assessments.asm_05(_places(**_measured(_fact("QY-D01"), nature="process")), PARAMETERS)) == []


def test_asm_05_an_assessment_that_asks_for_photos_is_a_breach() -> None:
    asked = _assessment(features="asks_photos")
    assert _one(found(assessments.asm_05(_places(asked), PARAMETERS)))["evidence_refs"] == "K-1"
    assert found(assessments.asm_05(_places(_assessment(features="scores_or_ranks")), PARAMETERS)) == []
    assert found(assessments.asm_05(_places({**asked, "is_exempt": True}), PARAMETERS)) == []


# ASM-06


def test_asm_06_a_register_that_is_an_assessment_is_a_breach() -> None:
    named = _places(**_measured(_fact("QY-V01"), source_register="全市营商环境排名"))
    assert _one(found(assessments.asm_06(named, PARAMETERS)))["subject_org_id"] == "QY-D02"
    plain = _measured(_fact("QY-V01"), source_register="企业登记台账")
    assert found(assessments.asm_06(_places(**plain), PARAMETERS)) == []
    held = _assessment(title="企业登记台账", start_date=date(2025, 6, 1))
    assert _one(found(assessments.asm_06(_places(held, **plain), PARAMETERS)))["n"] == 1


def _surveys(**other: Any) -> dict[str, Any]:
    survey = {"name": "满意度", "nature": "satisfaction", "domain": "民生"}
    return {
        "indicators": records(
            "indicator",
            {"indicator_id": "OWN", "source_register": "居民问卷", **survey},
            {"indicator_id": "BOUGHT", "source_register": "委托第三方测评", **survey, **other},
        ),
        "performance": records(
            "performance_fact", *[_fact("QY-V01", indicator_id=name) for name in ("OWN", "BOUGHT")]
        ).lazy(),
    }


def test_asm_06_a_bought_survey_that_asks_the_same_again_is_a_watch() -> None:
    flag = _one(found(assessments.asm_06(_places(**_surveys()), PARAMETERS)))
    assert (flag["result_type"], flag["evidence_refs"]) == ("watch", "BOUGHT")
    assert found(assessments.asm_06(_places(**_surveys(domain="生态")), PARAMETERS)) == []


# ASM-07


def _duties(*duties: dict[str, Any]) -> dict[str, Any]:
    rows = [{"list_id": "L1", "duty_kind": "basic", "valid_from": date(2025, 1, 1), **duty} for duty in duties]
    return {"duties": records("duty_item", *rows)}


@pytest.mark.parametrize(
    ("duty_id", "kind", "broken"),
    [
        ("D1", "village_assist", False),
        ("D1", "forbidden", True),
        ("D1", "no_certificate", True),
        ("D1", "reclaimed", True),
        ("D2", "village_assist", True),
        (None, "village_assist", True),
    ],
)
def test_asm_07_an_indicator_needs_a_duty_of_the_unit(duty_id: str | None, kind: str, broken: bool) -> None:
    frames = _measured(_fact("QY-V01", 1, "QY-D01"), duty_id=duty_id)
    duties = _duties({"duty_id": "D1", "duty_kind": kind, "scope_kind": "village"})
    flags = found(assessments.asm_07(_places(**frames, **duties), PARAMETERS))
    assert [flag["subject_org_id"] for flag in flags] == (["QY-D01"] if broken else [])


def test_asm_07_a_list_of_ones_own_stands_before_the_list_of_ones_kind() -> None:
    frames = _measured(_fact("QY-V01"), _fact("QY-V02"), duty_id="D1")
    duties = _duties({"duty_id": "D1", "scope_kind": "village"}, {"duty_id": "D9", "scope_org_id": "QY-V01"})
    flag = _one(found(assessments.asm_07(_places(**frames, **duties), PARAMETERS)))
    assert (flag["n"], flag["n_bearers"]) == (1, 1)


def test_asm_07_without_a_list_in_force_that_day_nothing_is_judged() -> None:
    frames = _measured(_fact("QY-V01"), duty_id="D1")
    assert found(assessments.asm_07(_places(**frames), PARAMETERS)) == []
    ended = _duties({"duty_id": "D9", "scope_kind": "village", "valid_to": date(2026, 3, 31)})
    assert found(assessments.asm_07(_places(**frames, **ended), PARAMETERS)) == []
    in_force = _duties({"duty_id": "D9", "scope_kind": "village", "valid_to": date(2026, 4, 1)})
    assert found(assessments.asm_07(_places(**frames, **in_force), PARAMETERS))


def test_asm_07_an_assessment_is_judged_by_the_duty_it_names() -> None:
    duties = _duties({"duty_id": "D1", "scope_kind": "village", "duty_kind": "reclaimed"})
    named = _assessment(duty_id="D1")
    assert _one(found(assessments.asm_07(_places(named, **duties), PARAMETERS)))["evidence_refs"] == "K-1"
    for harmless in (_assessment(), {**named, "admission_id": "A1"}, {**named, "is_exempt": True}):
        assert found(assessments.asm_07(_places(harmless, **duties), PARAMETERS)) == []


# ASM-08


def _letter(**columns: Any) -> dict[str, Any]:
    return burden_row(burden_kind="responsibility_letter", **{"source_ref": "ZR-9", **columns})


def test_asm_08_letters_and_vetoes_have_to_be_on_their_lists() -> None:
    assert found(assessments.asm_08(_places(_letter(source_ref="ZR-1")), PARAMETERS)) == []
    assert found(assessments.asm_08(_places(_letter(plan_no="ZR-1")), PARAMETERS)) == []
    assert _params(assessments.asm_08(_places(_letter()), PARAMETERS)) == [("breach", "pledge.allowed")]
    veto = _letter(source_ref="ZR-1", features="sets_veto")
    assert _params(assessments.asm_08(_places(veto), PARAMETERS)) == [("breach", "veto.allowed")]
    assert found(assessments.asm_08(_places({**veto, "doc_no": "ZR-2"}), PARAMETERS)) == []
    assert found(assessments.asm_08(_places(_letter(counted_class="exempt_emergency")), PARAMETERS)) == []


# ASM-09


def _checked(outcome: str, **key: str) -> dict[str, Any]:
    parts = {"indicator_id": "INVEST", **key}
    text = ", ".join(f'"{name}": "{value}"' for name, value in parts.items())
    return {"dataset": "performance_fact", "fact_key": "{" + text + "}", "outcome": outcome}


def _verified(n_facts: int, *checks: dict[str, Any]) -> BurdenInputs:
    facts = [_fact(f"QY-V{n:02}", source_org_id="QY-D02") for n in range(1, n_facts + 1)]
    return _places(**_measured(*facts, verifications=records("verification_fact", *checks)))


def test_asm_09_one_of_twenty_is_enough_and_one_of_twenty_one_is_not() -> None:
    check = _checked("differs", org_id="QY-V01")
    assert found(assessments.asm_09(_verified(20, check), PARAMETERS)) == []
    flag = _one(found(assessments.asm_09(_verified(21, check), PARAMETERS)))
    assert (flag["subject_org_id"], flag["n"], flag["denominator"], flag["n_bearers"]) == ("QY-D02", 20, 21, 20)
    assert (flag["value"], flag["threshold"]) == (1 / 21, 0.05)


def test_asm_09_what_could_not_be_verified_is_in_neither_count() -> None:
    check, vain = _checked("confirmed", org_id="QY-V01"), _checked("not_verifiable", org_id="QY-V02")
    assert found(assessments.asm_09(_verified(21, check, vain), PARAMETERS)) == []
    assert _one(found(assessments.asm_09(_verified(2, vain), PARAMETERS)))["denominator"] == 1


@pytest.mark.parametrize("key", [{"period_id": "2025M03"}, {"source_org_id": "QY-D01"}, {"indicator_id": "OTHER"}])
def test_asm_09_a_check_of_another_fact_is_none(key: dict[str, str]) -> None:
    same = _checked("confirmed", org_id="QY-V01", period_id="2026M03", source_org_id="QY-D02")
    assert found(assessments.asm_09(_verified(1, same), PARAMETERS)) == []
    other = _checked("confirmed", **{"org_id": "QY-V01", **key})
    assert found(assessments.asm_09(_verified(1, other), PARAMETERS))


def test_asm_09_a_village_that_keeps_a_register_is_no_subject() -> None:
    facts = [_fact("QY-V02", source_org_id="QY-V01")]
    assert found(assessments.asm_09(_places(**_measured(*facts)), PARAMETERS)) == []


# all


def test_every_rule_gives_the_flag_schema_from_empty_registers() -> None:
    for code, rule in assessments.RULES.items():
        flags = rule(burden_inputs(window=YEAR), PARAMETERS).collect()
        assert (code, dict(flags.schema), flags.height) == (code, dict(FLAG_SCHEMA), 0)


def test_a_repeated_row_and_a_count_of_none_are_not_judged() -> None:
    for row in (_assessment(points_total=1200, dup_of="K-0"), _assessment(points_total=1200, quantity=0)):
        assert found(assessments.asm_01(_places(row), PARAMETERS)) == []


def test_a_row_of_a_village_counts_against_nobody() -> None:
    row = _assessment(points_total=1200, subject_org_id=None, issuer_org_id="QY-V01")
    assert found(assessments.asm_01(_places(row), PARAMETERS)) == []


def test_what_a_village_reported_is_counted_and_not_listed() -> None:
    flag = _one(found(assessments.asm_01(_places(_assessment(points_total=1200, reported_by="hotline")), PARAMETERS)))
    assert (flag["n"], flag["evidence_refs"]) == (1, "")
