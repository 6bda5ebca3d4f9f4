"""Apps, groups and forced use: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs, Window
from scoring.burden.rules import apps
from tests.support.burden_rows import burden_inputs, burden_row, found, organisations, parameters, records

PARAMETERS = parameters(
    app__per_department=1,
    app__developer_level="county",
    app__shared_elements_max=0.5,
    app__idle_share=0.05,
    app__idle_months=6,
    group__per_unit=10,
)
PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township", "staff": 40},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "staff": 6},
    {"org_id": "QY-V02", "org_kind": "village", "level": "village", "staff": 14},
    {"org_id": "QY-V03", "org_kind": "village", "level": "village"},
)


def _app(reference: str = "APP-1", **columns: Any) -> dict[str, Any]:
    return burden_row(burden_kind="app", source_ref=reference, **columns)


def _places(*rows: dict[str, Any], **frames: Any) -> BurdenInputs:
    return burden_inputs(rows, **{"organisations": PLACES, **frames})


def _one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


# APP-01


def test_app_01_one_app_in_many_units_is_one() -> None:
    rows = [_app(target_org_id=unit) for unit in ("QY-V01", "QY-V02")]
    assert found(apps.app_01(_places(*rows), PARAMETERS)) == []


def test_app_01_two_apps_or_a_row_that_stands_for_two_are_a_breach() -> None:
    two = [_app("APP-1"), _app("APP-2", target_org_id="QY-V02")]
    flag = _one(found(apps.app_01(_places(*two), PARAMETERS)))
    assert (flag["param_id"], flag["n"], flag["value"], flag["threshold"]) == ("app.per_department", 2, 2.0, 1.0)
    assert (flag["n_bearers"], flag["evidence_refs"]) == (2, "APP-1;APP-2")
    assert _one(found(apps.app_01(_places(_app(quantity=5)), PARAMETERS)))["value"] == 5.0
    assert found(apps.app_01(_places(two[0], {**two[1], "is_exempt": True}), PARAMETERS)) == []


def test_app_01_an_app_given_up_before_the_last_count_day_does_not_count() -> None:
    early, late = date(2026, 3, 1), date(2026, 3, 31)
    given_up = [_app("APP-1", start_date=early), _app("APP-2", start_date=early), _app("APP-1", start_date=late)]
    assert found(apps.app_01(_places(*given_up), PARAMETERS)) == []
    none_left = [_app("APP-1", start_date=late), _app("APP-2", start_date=late, quantity=0)]
    assert found(apps.app_01(_places(*none_left), PARAMETERS)) == []


def test_app_01_a_township_develops_none() -> None:
    own = _app(issuer_org_id="QY-T01", issuer_level_rank=2)
    flag = _one(found(apps.app_01(_places(own), PARAMETERS)))
    assert (flag["subject_org_id"], flag["param_id"]) == ("QY-T01", "app.developer_level")


def _elements(form_id: str, *elements: str) -> list[dict[str, Any]]:
    return [
        {"form_id": form_id, "field_name": name, "data_element_id": name, "valid_from": date(2025, 1, 1)}
        for name in elements
    ]


def test_app_01_two_apps_that_ask_for_mostly_the_same_are_a_watch() -> None:
    rows = [_app("APP-1", quantity=1), _app("APP-2", quantity=1)]
    half = records("form_field", *_elements("APP-1", "A", "B"), *_elements("APP-2", "B", "C", "D"))
    assert found(apps.app_01(_places(*rows, form_fields=half), PARAMETERS), "watch") == []
    more = records("form_field", *_elements("APP-1", "A", "B", "C"), *_elements("APP-2", "B", "C", "D", "E"))
    flag = _one(found(apps.app_01(_places(*rows, form_fields=more), PARAMETERS), "watch"))
    assert (flag["n"], flag["value"], flag["evidence_refs"]) == (2, 2 / 3, "APP-1;APP-2")
    other = {**rows[1], "issuer_org_id": "QY-D02", "subject_org_id": "QY-D02"}
    assert found(apps.app_01(_places(rows[0], other, form_fields=more), PARAMETERS)) == []


# APP-02


def test_app_02_each_demand_counts_and_security_excuses() -> None:
    rows = [
        burden_row(burden_kind="check_in", source_ref="C-1", features="check_in;track_upload", quantity=30, minutes=90),
        burden_row(burden_kind="check_in", source_ref="C-2", features="check_in;security_or_emergency", minutes=3),
        _app(features="points_rank"),
    ]
    breach = _one(found(apps.app_02(_places(*rows), PARAMETERS), "breach"))
    assert (breach["n"], breach["denominator"], breach["evidence_refs"]) == (3, 3, "APP-1;C-1")
    load = _one(found(apps.app_02(_places(*rows), PARAMETERS), "load"))
    assert (load["n"], load["value"], load["denominator"]) == (31, 93.0, 2)


def test_app_02_rows_of_one_event_are_one_demand() -> None:
    rows = [
        burden_row(burden_kind="check_in", source_ref="C-1", target_org_id=unit, features="check_in", minutes=3)
        for unit in ("QY-V01", "QY-V02")
    ]
    breach = _one(found(apps.app_02(_places(*rows), PARAMETERS), "breach"))
    assert (breach["n"], breach["denominator"], breach["n_bearers"]) == (1, 1, 2)


def test_app_02_what_demands_nothing_or_is_exempt_is_load_only() -> None:
    rows = [
        burden_row(burden_kind="check_in", source_ref="C-1", minutes=3),
        burden_row(burden_kind="check_in", source_ref="C-2", features="check_in", is_exempt=True, minutes=3),
    ]
    flag = _one(found(apps.app_02(_places(*rows), PARAMETERS)))
    assert (flag["result_type"], flag["n"], flag["value"], flag["denominator"]) == ("load", 1, 3.0, 2)


def test_app_02_minutes_of_a_stock_are_never_added_up() -> None:
    assert found(apps.app_02(_places(_app(minutes=999)), PARAMETERS)) == []


# APP-03


def test_app_03_a_target_for_use_is_a_breach_per_event() -> None:
    ranking = burden_row(burden_kind="usage_ranking", source_ref="P-1", features="usage_target")
    rows = [ranking, {**ranking, "target_org_id": "QY-V02"}, _app(features="usage_target"), _app("APP-2")]
    flag = _one(found(apps.app_03(_places(*rows), PARAMETERS)))
    assert (flag["n"], flag["denominator"], flag["evidence_refs"]) == (2, 3, "APP-1;P-1")
    assert found(apps.app_03(_places({**ranking, "is_exempt": True}, _app("APP-2")), PARAMETERS)) == []


# APP-04


def _groups(n: int, unit: str = "QY-V01", **columns: Any) -> list[dict[str, Any]]:
    return [
        burden_row(burden_kind="work_group", source_ref=f"G-{i:02}", target_org_id=unit, **columns) for i in range(n)
    ]


def test_app_04_ten_groups_are_allowed_and_eleven_shared_by_those_who_keep_them() -> None:
    other = {"issuer_org_id": "QY-D02"}
    assert found(apps.app_04(_places(*_groups(7), *_groups(3, **other)), PARAMETERS)) == []
    flags = found(apps.app_04(_places(*_groups(8), *_groups(3, **other), *_groups(1, "QY-V02", **other)), PARAMETERS))
    assert [(flag["result_type"], flag["subject_org_id"], flag["n"], flag["value"]) for flag in flags] == [
        ("watch", "QY-D01", 8, 11.0),
        ("watch", "QY-D02", 3, 11.0),
    ]


def test_app_04_counts_of_two_days_are_not_added() -> None:
    rows = [row for day in (1, 31) for row in _groups(8, start_date=date(2026, 3, day))]
    assert found(apps.app_04(_places(*rows), PARAMETERS)) == []
    assert found(apps.app_04(_places(*_groups(1, quantity=11)), PARAMETERS))
    assert found(apps.app_04(_places(*_groups(11, is_exempt=True)), PARAMETERS)) == []


def _chat(**columns: Any) -> dict[str, Any]:
    given = {"burden_kind": "temp_task", "source_ref": "T-1", "channel": "chat_group", "features": "asks_photos"}
    return burden_row(**(given | columns))


def test_app_04_a_task_set_in_a_group_needs_a_document_or_an_admission() -> None:
    flag = _one(found(apps.app_04(_places(_chat(), _chat(source_ref="T-2", features=None)), PARAMETERS)))
    assert (flag["result_type"], flag["n"], flag["denominator"], flag["param_id"]) == ("breach", 1, 2, None)


@pytest.mark.parametrize(
    "harmless",
    [
        {"doc_no": "QY-1"},
        {"admission_id": "A1"},
        {"features": "full_coverage"},
        {"channel": "paper"},
        {"channel": None},
        {"burden_kind": "work_reminder"},
        {"counted_class": "exempt_emergency"},
        {"start_date": date(2026, 4, 1)},
    ],
)
def test_app_04_what_is_no_task_of_a_group(harmless: dict[str, Any]) -> None:
    assert found(apps.app_04(_places(_chat(**harmless)), PARAMETERS)) == []


# APP-05


def _use(day: date, persons: int | None = 0, **columns: Any) -> dict[str, Any]:
    return _app(start_date=day, persons=persons, **{"target_org_id": "QY-T01", **columns})


QUARTERS = (date(2025, 9, 30), date(2025, 12, 31), date(2026, 3, 31))


def test_app_05_below_a_twentieth_for_six_months_is_a_watch() -> None:
    flag = _one(found(apps.app_05(_places(*[_use(day, 1) for day in QUARTERS]), PARAMETERS)))
    assert (flag["result_type"], flag["value"], flag["threshold"]) == ("watch", 1 / 40, 0.05)
    assert (flag["n"], flag["evidence_refs"]) == (1, "APP-1")


def test_app_05_a_twentieth_exactly_or_one_used_count_is_clean() -> None:
    assert found(apps.app_05(_places(*[_use(day, 2) for day in QUARTERS]), PARAMETERS)) == []
    used_once = [_use(QUARTERS[0], 0), _use(QUARTERS[1], 9), _use(QUARTERS[2], 0)]
    assert found(apps.app_05(_places(*used_once), PARAMETERS)) == []


def test_app_05_users_are_taken_over_the_staff_of_the_units_that_are_known() -> None:
    rows = [_use(day, 1, target_org_id=unit) for day in QUARTERS for unit in ("QY-V01", "QY-V03")]
    assert found(apps.app_05(_places(*rows), PARAMETERS)) == []  # 1 of 6; the staff of V03 is not known
    more = [_use(day, 0, target_org_id="QY-V02") for day in QUARTERS]  # 1 of 20: a twentieth
    assert found(apps.app_05(_places(*rows, *more), PARAMETERS)) == []


def test_app_05_a_new_app_an_uncounted_one_and_an_exempt_one_are_not_judged() -> None:
    new = [_use(date(2025, 11, 1)), _use(date(2026, 3, 31))]
    assert found(apps.app_05(_places(*new), PARAMETERS)) == []
    assert found(apps.app_05(_places(_use(date(2025, 10, 31)), new[1]), PARAMETERS))
    assert found(apps.app_05(_places(*[_use(day, None) for day in QUARTERS]), PARAMETERS)) == []
    assert found(apps.app_05(_places(*[_use(day, is_exempt=True) for day in QUARTERS]), PARAMETERS)) == []
    gone = [_use(date(2025, 10, 31)), _use(date(2026, 2, 28))]
    assert found(apps.app_05(_places(*gone), PARAMETERS)) == []


def test_app_05_months_are_calendar_months_over_the_turn_of_the_year() -> None:
    window = Window("2026M08", date(2026, 8, 1), date(2026, 8, 31))
    rows = [_use(date(2026, 2, 28)), _use(date(2026, 8, 30))]
    assert found(apps.app_05(_places(*rows, window=window), PARAMETERS))


def test_every_rule_gives_the_flag_schema_from_empty_registers() -> None:
    for code, rule in apps.RULES.items():
        flags = rule(burden_inputs(), PARAMETERS).collect()
        assert (code, dict(flags.schema), flags.height) == (code, dict(FLAG_SCHEMA), 0)
