"""Inspections, visits and traces: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.rules import inspections
from tests.support.burden_rows import burden_inputs, burden_row, found, organisations, parameters

PARAMETERS = parameters(
    inspection__unfiled=0,
    inspection__split_gap_days=3,
    inspection__same_matter_60d=1,
    inspection__same_matter_year=2,
    inspection__sameday_issuers=1,
    inspection__disguise_features=2,
    inspection__rectification_days=30,
    visit__per_15d=2,
    visit__escort_ratio=1.0,
)


def _only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


def _inspection(source_ref: str = "I-1", day: date = date(2026, 3, 10), **columns: Any) -> dict[str, Any]:
    return burden_row(**{"burden_kind": "inspection", "source_ref": source_ref, "start_date": day, **columns})


def _visit(source_ref: str = "V-1", day: date = date(2026, 3, 10), **columns: Any) -> dict[str, Any]:
    return burden_row(**{"burden_kind": "survey_visit", "source_ref": source_ref, "start_date": day, **columns})


# INS-01


def test_ins_01_an_inspection_is_in_the_plan_or_filed_by_itself() -> None:
    rows = [
        _inspection("I-1", plan_no="P-1"),
        _inspection("I-2", admission_id="Z-1"),
        _inspection("I-3"),
        _inspection("I-3", target_org_id="QY-V02"),
        _inspection("I-4", counted_class="exempt_emergency"),
    ]
    breach = _only(found(inspections.ins_01(burden_inputs(rows), PARAMETERS)))
    assert (breach["n"], breach["denominator"], breach["evidence_refs"], breach["n_bearers"]) == (1, 3, "I-3", 2)
    assert (round(breach["value"], 6), breach["threshold"]) == (0.333333, 0.0)
    assert found(inspections.ins_01(burden_inputs(rows[:2]), PARAMETERS)) == []
    assert found(inspections.ins_01(burden_inputs(rows), parameters(inspection__unfiled=1))) == []


# INS-02


def _plan(*days: date, **columns: Any) -> list[dict[str, Any]]:
    return [_inspection(f"I-{index}", day, **{"plan_no": "P-1", **columns}) for index, day in enumerate(days)]


def test_ins_02_visits_more_than_three_days_apart_are_not_one_inspection() -> None:
    three = _plan(date(2026, 3, 2), date(2026, 3, 6), date(2026, 3, 20))
    breach = _only(found(inspections.ins_02(burden_inputs(three), PARAMETERS)))
    assert (breach["n"], breach["denominator"], breach["value"], breach["threshold"]) == (2, 3, 14.0, 3.0)
    assert breach["evidence_refs"] == "I-1;I-2"
    close = _plan(date(2026, 3, 2), date(2026, 3, 5), date(2026, 3, 8))
    assert found(inspections.ins_02(burden_inputs(close), PARAMETERS)) == []


def test_ins_02_the_gap_begins_where_the_longest_visit_ended() -> None:
    rows = _plan(date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 12))
    rows[0]["end_date"] = date(2026, 3, 9)
    assert found(inspections.ins_02(burden_inputs(rows), PARAMETERS)) == []
    rows[0]["end_date"] = date(2026, 3, 8)
    assert _only(found(inspections.ins_02(burden_inputs(rows), PARAMETERS)))["value"] == 4.0


def test_ins_02_earlier_visits_count_but_only_those_of_the_window_are_breaches() -> None:
    rows = _plan(date(2025, 11, 2), date(2026, 2, 2), date(2026, 3, 2))
    assert _only(found(inspections.ins_02(burden_inputs(rows), PARAMETERS)))["n"] == 1


def test_ins_02_other_plans_other_units_and_emergencies_are_not_split() -> None:
    days = (date(2026, 3, 2), date(2026, 3, 20))
    for change in ({"plan_no": "P-2"}, {"plan_no": None}, {"target_org_id": "QY-V02"}, {"subject_org_id": "QY-D02"}):
        rows = _plan(*days)
        assert found(inspections.ins_02(burden_inputs([{**rows[0], **change}, rows[1]]), PARAMETERS)) == []
    assert found(inspections.ins_02(burden_inputs(_plan(*days, counted_class="exempt_legal")), PARAMETERS)) == []


# INS-03


def _repeated(*days: date, **columns: Any) -> list[dict[str, Any]]:
    rows = [_inspection(f"I-{index}", day, **{"matter": "森林防火", **columns}) for index, day in enumerate(days)]
    return found(inspections.ins_03(burden_inputs(rows), PARAMETERS))


def test_ins_03_a_second_inspection_within_sixty_days_is_a_breach() -> None:
    breach = _only(_repeated(date(2026, 1, 5), date(2026, 3, 5)))
    assert (breach["param_id"], breach["n"], breach["value"]) == ("inspection.same_matter_60d", 1, 2.0)
    assert (breach["threshold"], breach["evidence_refs"], breach["denominator"]) == (1.0, "I-1", 1)
    assert _repeated(date(2026, 1, 4), date(2026, 3, 5)) == [], "the sixty-first day"


def test_ins_03_the_sixty_first_day_does_not_count_toward_the_most() -> None:
    short, year = _repeated(date(2026, 1, 4), date(2026, 1, 10), date(2026, 3, 5))
    assert (short["param_id"], short["n"], short["value"]) == ("inspection.same_matter_60d", 1, 2.0)
    assert (year["param_id"], year["value"]) == ("inspection.same_matter_year", 3.0)


def test_ins_03_a_third_inspection_within_a_year_is_a_breach() -> None:
    breach = _only(_repeated(date(2025, 3, 6), date(2025, 9, 1), date(2026, 3, 5)))
    assert (breach["param_id"], breach["n"], breach["value"]) == ("inspection.same_matter_year", 1, 3.0)
    assert _repeated(date(2025, 3, 5), date(2025, 9, 1), date(2026, 3, 5)) == [], "the day of the year before is out"


def test_ins_03_the_duty_item_stands_in_for_the_matter_and_without_both_nothing_is_the_same() -> None:
    days = (date(2026, 3, 2), date(2026, 3, 20))
    assert len(_repeated(*days, matter=None, duty_id="T-B01")) == 1
    assert _repeated(*days, matter=None) == []
    assert _repeated(*days, counted_class="exempt_emergency") == []
    rows = [_inspection("I-0", days[0], matter="防火"), _inspection("I-1", days[1], matter="防汛")]
    assert found(inspections.ins_03(burden_inputs(rows), PARAMETERS)) == []


def test_ins_03_two_inspections_on_one_day_are_one_too_many_once() -> None:
    day = date(2026, 3, 10)
    breach = _only(_repeated(day, day))
    assert (breach["n"], breach["denominator"], breach["value"], breach["evidence_refs"]) == (1, 2, 2.0, "I-1")


def test_ins_03_several_issuers_at_one_unit_on_one_day_are_watched() -> None:
    rows = [_inspection("I-1"), _inspection("I-1", issuer_org_id="QY-D02"), _inspection("I-2", day=date(2026, 3, 11))]
    watches = found(inspections.ins_03(burden_inputs(rows), PARAMETERS))
    assert [(row["result_type"], row["subject_org_id"], row["n"], row["value"]) for row in watches] == [
        ("watch", "QY-D01", 1, 2.0),
        ("watch", "QY-D02", 1, 2.0),
    ]
    same = [_inspection("I-1"), _inspection("I-2")]
    assert found(inspections.ins_03(burden_inputs(same), PARAMETERS)) == []
    emergency = [_inspection("I-1"), _inspection("I-1", issuer_org_id="QY-D02", counted_class="exempt_emergency")]
    assert found(inspections.ins_03(burden_inputs(emergency), PARAMETERS)) == []


# INS-04


@pytest.mark.parametrize(
    ("columns", "is_broken"),
    [
        ({"features": "asks_ledger;scores_or_ranks"}, True),
        ({"features": "asks_ledger"}, False),
        ({"features": "asks_ledger;asks_photos"}, False),
        ({"features": "full_coverage;issues_rectification", "burden_kind": "temp_task"}, True),
        ({"features": "full_coverage;issues_rectification", "burden_kind": "inspection"}, False),
        ({"features": "asks_ledger;full_coverage", "counted_class": "exempt_emergency"}, False),
        ({"features": None}, False),
    ],
)
def test_ins_04_two_features_of_an_inspection_make_one(columns: dict[str, Any], is_broken: bool) -> None:
    rows = found(inspections.ins_04(burden_inputs([_visit(**columns)]), PARAMETERS))
    assert [(row["param_id"], row["value"]) for row in rows] == [("inspection.disguise_features", 2.0)] * is_broken


def _order(day: date, **columns: Any) -> dict[str, Any]:
    defaults = {"source_ref": "D-1", "start_date": day, "matter": "护林", "features": "issues_rectification"}
    return burden_row(**{**defaults, **columns})


@pytest.mark.parametrize(
    ("visited", "order", "days"),
    [
        (date(2026, 3, 10), _order(date(2026, 3, 10)), 0.0),
        (date(2026, 2, 1), _order(date(2026, 3, 3)), 30.0),
        (date(2026, 2, 1), _order(date(2026, 3, 4)), None),
        (date(2026, 3, 10), _order(date(2026, 3, 9)), None),
        (date(2026, 3, 10), _order(date(2026, 3, 12), matter="防汛"), None),
        (date(2026, 3, 10), _order(date(2026, 3, 12), target_org_id="QY-V02"), None),
        (date(2026, 3, 10), _order(date(2026, 3, 12), subject_org_id="QY-D02"), None),
        (date(2026, 3, 10), _order(date(2026, 3, 12), features="asks_ledger"), None),
        (date(2026, 3, 10), _order(date(2026, 3, 12), counted_class="exempt_emergency"), None),
    ],
)
def test_ins_04_a_rectification_order_within_thirty_days_makes_the_visit_an_inspection(
    visited: date, order: dict[str, Any], days: float | None
) -> None:
    rows = [_visit("V-1", visited, matter="护林"), order]
    breaches = found(inspections.ins_04(burden_inputs(rows), PARAMETERS))
    assert [(row["param_id"], row["value"], row["evidence_refs"]) for row in breaches] == (
        [] if days is None else [("inspection.rectification_days", days, "V-1")]
    )


# INS-05

ORGS = organisations(
    {"org_id": "QY-COUNTY", "org_kind": "other"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township", "parent_org_id": "QY-COUNTY"},
    {"org_id": "QY-T02", "org_kind": "township", "level": "township", "parent_org_id": "QY-COUNTY"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
    {"org_id": "QY-V02", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
    {"org_id": "QY-V03", "org_kind": "village", "level": "village", "parent_org_id": "QY-T02"},
    {"org_id": "QY-D01", "parent_org_id": "QY-COUNTY"},
    {"org_id": "QY-S01", "org_kind": "public_institution", "parent_org_id": "QY-D01"},
    {"org_id": "SZ-D01", "org_kind": "prefecture_dept", "level": "prefecture"},
)


def _visits(*days: int, **columns: Any) -> list[dict[str, Any]]:
    return [
        _visit(f"V-{index}", date(2026, 3, 1) + timedelta(days=day - 1), **columns) for index, day in enumerate(days)
    ]


def _crowd(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return found(inspections.ins_05(burden_inputs(rows, organisations=ORGS), PARAMETERS))


def test_ins_05_a_third_visit_to_one_township_within_fifteen_days_is_a_breach() -> None:
    rows = _visits(2, 5, 16)
    rows[1]["target_org_id"] = "QY-V02"
    rows[2]["target_org_id"] = "QY-T01"
    breach = _only(_crowd(rows))
    assert (breach["param_id"], breach["n"], breach["value"], breach["threshold"]) == ("visit.per_15d", 1, 3.0, 2.0)
    assert (breach["denominator"], breach["evidence_refs"], breach["n_bearers"]) == (3, "V-2", 1)
    assert _crowd(_visits(2, 5, 17)) == [], "the sixteenth day"
    assert _crowd(_visits(2, 5)) == []
    assert _crowd(_visits(2, 5, 16, counted_class="exempt_emergency")) == []


def test_ins_05_days_before_the_window_count_and_one_tour_of_villages_is_one_visit() -> None:
    before = [_visit("V-8", date(2026, 2, 20)), _visit("V-9", date(2026, 2, 25))]
    assert _only(_crowd([*before, *_visits(2)]))["n"] == 1
    tour = [_visit("V-1", target_org_id=unit) for unit in ("QY-V01", "QY-V02", "QY-T01")]
    assert _crowd(tour) == []


def test_ins_05_a_county_department_is_at_home_in_its_county_and_one_from_above_is_not() -> None:
    rows = _visits(2, 5, 16)
    rows[2]["target_org_id"] = "QY-V03"
    assert _crowd(rows) == []
    above = [{**row, "issuer_org_id": "SZ-D01", "subject_org_id": "SZ-D01", "issuer_level_rank": 4} for row in rows]
    assert _only(_crowd(above))["subject_org_id"] == "SZ-D01"


def test_ins_05_an_institution_visits_for_its_department() -> None:
    rows = _visits(2, 5, 9)
    rows[2] |= {"issuer_org_id": "QY-S01", "subject_org_id": "QY-S01"}
    assert _only(_crowd(rows))["subject_org_id"] == "QY-S01"
    rows[2] |= {"issuer_org_id": "SZ-D01", "subject_org_id": "SZ-D01"}
    assert _crowd(rows) == [], "another system"


@pytest.mark.parametrize(
    ("escorts", "visitors", "value"),
    [(3, 3, None), (4, 3, 4 / 3), (6, 3, 2.0), (6, 0, None), (6, None, None), (None, 3, None)],
)
def test_ins_05_more_escorts_than_visitors_are_watched(
    escorts: int | None, visitors: int | None, value: float | None
) -> None:
    rows = _crowd([_visit(escort_persons=escorts, persons=visitors)])
    assert [(row["result_type"], row["param_id"], row["value"]) for row in rows] == (
        [] if value is None else [("watch", "visit.escort_ratio", value)]
    )
    assert _crowd([_visit(escort_persons=escorts, persons=visitors, counted_class="exempt_legal")]) == []


# INS-06


def test_ins_06_traces_are_counted_as_criteria_and_as_load() -> None:
    rows = [
        _inspection("I-1", features="asks_photos;asks_ledger;full_coverage"),
        _inspection("I-2"),
        burden_row(burden_kind="assessment", source_ref="A-1", features="asks_study_notes"),
        burden_row(burden_kind="temp_task", source_ref="T-1", features="asks_photos"),
        burden_row(burden_kind="temp_task", source_ref="T-2", features="asks_photos;scores_or_ranks"),
        _inspection("I-3", features="asks_ledger", counted_class="exempt_emergency"),
        burden_row(source_ref="D-1", features="asks_ledger"),
    ]
    breach, load = found(inspections.ins_06(burden_inputs(rows), PARAMETERS))
    assert (breach["n"], breach["denominator"], breach["value"], breach["evidence_refs"]) == (4, 5, 0.8, "A-1;I-1;T-2")
    assert (load["n"], load["denominator"], load["value"], load["evidence_refs"]) == (5, 5, 1.0, "A-1;I-1;T-1;T-2")


def test_ins_06_an_inspection_that_asks_for_nothing_is_a_load_of_zero() -> None:
    load = _only(found(inspections.ins_06(burden_inputs([_inspection()]), PARAMETERS)))
    assert (load["result_type"], load["n"], load["value"], load["n_bearers"]) == ("load", 0, 0.0, 0)


def test_ins_06_two_rows_of_one_event_ask_once() -> None:
    rows = [_inspection(features="asks_photos", target_org_id=unit) for unit in ("QY-V01", "QY-V02")]
    assert {row["n"] for row in found(inspections.ins_06(burden_inputs(rows), PARAMETERS))} == {1}


# All of them


def test_row_order_changes_nothing_the_schema_holds_and_no_village_answers() -> None:
    rows = [
        *[
            _inspection(
                f"I-{index}", day=date(2026, 3, 1 + 2 * index), matter="护林", plan_no="P-1" if index % 2 else None
            )
            for index in range(9)
        ],
        *_visits(2, 5, 9, 12, escort_persons=9, persons=3, matter="护林", features="asks_ledger;full_coverage"),
        _order(date(2026, 3, 20)),
        _inspection("I-99", issuer_org_id="QY-V09", issuer_kind="village", subject_org_id=None),
    ]

    def results(given: list[dict[str, Any]]) -> pl.DataFrame:
        inputs = burden_inputs(given, organisations=ORGS)
        frames = [rule(inputs, PARAMETERS).with_columns(form=pl.lit(code)) for code, rule in inspections.RULES.items()]
        return pl.concat(pl.collect_all(frames, engine="streaming")).sort(pl.all())

    forward = results(rows)
    assert forward["form"].unique().sort().to_list() == sorted(inspections.RULES)
    assert forward.equals(results(rows[::-1]))
    assert forward.drop("form").schema == pl.Schema(dict(FLAG_SCHEMA))
    assert forward["subject_org_id"].unique().to_list() == ["QY-D01"]
    key = ["form", "subject_org_id", "result_type", "param_id"]
    assert forward.select(key).is_duplicated().sum() == 0
