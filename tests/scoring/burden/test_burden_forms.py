"""Report forms: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules import forms
from tests.support.burden_rows import (
    at,
    bearing_units,
    burden_inputs,
    burden_row,
    found,
    organisations,
    parameters,
    records,
)

NUMBERS: dict[str, Any] = {
    "form__min_workdays": 2.0,
    "form__go_live": ("QY-T01:2026-02-01", "*:2026-03-15"),
    "minutes__field": 2,
}
PARAMETERS = parameters(**NUMBERS)
PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-B01", "org_kind": "coordinating_body", "host_org_id": "QY-D01"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village", "parent_org_id": "QY-T01"},
    {"org_id": "QY-V02", "org_kind": "village", "level": "village"},
)
UNITS = bearing_units(QY_V01=1, QY_V02=1)


def _form(reference: str = "B-1", **columns: Any) -> dict[str, Any]:
    return burden_row(burden_kind="report_form", source_ref=reference, **columns)


def _field(form_id: str, field_name: str, **columns: Any) -> dict[str, Any]:
    given = {
        "form_name": f"{form_id} 表",
        "issuer_org_id": "QY-D01",
        "target_scope": "all_villages",
        "frequency": "monthly",
        "valid_from": date(2025, 1, 1),
    }
    return {"form_id": form_id, "field_name": field_name, **(given | columns)}


def _places(*rows: dict[str, Any], fields: tuple[dict[str, Any], ...] = (), **frames: Any) -> BurdenInputs:
    given = {"organisations": PLACES, "bearers": UNITS, "form_fields": records("form_field", *fields)}
    return burden_inputs(rows, **(given | frames))


def _one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


# FRM-01


def test_frm_01_the_younger_form_carries_the_hours() -> None:
    old = _field("F1", "户籍人口", issuer_org_id="QY-D01")
    young = _field("F2", "户籍 人口", issuer_org_id="QY-D02", frequency="quarterly", valid_from=date(2025, 6, 1))
    other = _field("F2", "耕地面积", issuer_org_id="QY-D02", frequency="quarterly", valid_from=date(2025, 6, 1))
    first, second = found(forms.frm_01(_places(fields=(old, young, other)), PARAMETERS))
    # 12 asks of 2 villages, none surplus; 4 + 4 asks of 2 villages, half of them asked monthly already.
    assert (first["subject_org_id"], first["n"], first["denominator"], first["value"]) == ("QY-D01", 0, 24, 0.0)
    assert (second["subject_org_id"], second["n"], second["denominator"]) == ("QY-D02", 8, 16)
    assert (second["result_type"], second["value"], second["n_bearers"]) == ("load", 8 * 2 / 60, 2)
    assert (first["evidence_refs"], second["evidence_refs"]) == (None, "F2")


def test_frm_01_a_coordinating_body_answers_through_its_host() -> None:
    flag = _one(found(forms.frm_01(_places(fields=(_field("F1", "人口", issuer_org_id="QY-B01"),)), PARAMETERS)))
    assert flag["subject_org_id"] == "QY-D01"
    village = _field("F1", "人口", issuer_org_id="QY-V01")
    assert found(forms.frm_01(_places(fields=(village,)), PARAMETERS)) == []


# FRM-02


@pytest.mark.parametrize(
    ("unit", "day", "channel", "broken"),
    [
        ("QY-V01", date(2026, 3, 1), "email", True),  # its township is live since February
        ("QY-V02", date(2026, 3, 14), "email", False),  # everywhere else from 15 March
        ("QY-V02", date(2026, 3, 15), "paper", True),
        ("QY-V02", date(2026, 3, 15), "form_platform", False),
        ("QY-V02", date(2026, 3, 15), None, False),
        ("QY-V99", date(2026, 3, 15), "app", True),
    ],
)
def test_frm_02_after_go_live_the_platform_is_the_only_way(unit: str, day: date, channel: str, broken: bool) -> None:
    row = _form(target_org_id=unit, start_date=day, channel=channel)
    assert bool(found(forms.frm_02(_places(row), PARAMETERS))) == broken
    assert found(forms.frm_02(_places({**row, "is_exempt": True}), PARAMETERS)) == []


def test_frm_02_a_form_on_paper_and_on_the_platform_is_a_breach_of_one_event() -> None:
    days = {"start_date": date(2026, 3, 20)}
    rows = [_form(channel="paper", **days), _form(target_org_id="QY-V02", channel="form_platform", **days)]
    flag = _one(found(forms.frm_02(_places(*rows), PARAMETERS)))
    assert (flag["n"], flag["denominator"], flag["n_bearers"], flag["param_id"]) == (1, 1, 1, "form.go_live")


def test_frm_02_places_without_a_date_are_not_judged() -> None:
    only_one = parameters(**(NUMBERS | {"form__go_live": ("QY-T01:2026-02-01",)}))
    row = _form(target_org_id="QY-V02", start_date=date(2026, 3, 20), channel="email")
    assert found(forms.frm_02(_places(row), only_one)) == []
    assert found(forms.frm_02(_places({**row, "target_org_id": "QY-V01"}), only_one))
    none = parameters(**(NUMBERS | {"form__go_live": ()}))
    assert found(forms.frm_02(_places(row), none)) == []


@pytest.mark.parametrize("entry", ["QY-T01", "QY-T01:soon", "QY-T01:"])
def test_frm_02_a_list_that_is_not_place_and_day_is_refused(entry: str) -> None:
    wrong = parameters(**(NUMBERS | {"form__go_live": (entry,)}))
    with pytest.raises(ValueError, match=r"form\.go_live.*organisation id:date.*write it as"):
        forms.frm_02(_places(_form()), wrong)


# FRM-03


@pytest.mark.parametrize(
    ("issued", "due", "workdays"),
    [
        ("2026-03-10 09:00", "2026-03-10 18:00", 1.0),
        ("2026-03-10 09:00", "2026-03-11 17:00", 1.875),  # 8 + 7 hours
        ("2026-03-10 09:00", "2026-03-11 18:00", None),  # two days exactly
        ("2026-03-13 09:00", "2026-03-16 09:00", 1.0),  # Friday to Monday
        ("2026-03-10 09:00", None, None),
    ],
)
def test_frm_03_two_working_days_are_the_least(issued: str, due: str | None, workdays: float | None) -> None:
    row = _form(issued_at=at(issued), due_at=at(due) if due else None)
    flags = found(forms.frm_03(_places(row), PARAMETERS))
    assert [flag["value"] for flag in flags] == ([] if workdays is None else [workdays])
    assert found(forms.frm_03(_places({**row, "is_exempt": True}), PARAMETERS)) == []


def test_frm_03_holidays_of_the_place_are_no_working_days() -> None:
    row = _form(issued_at=at("2026-03-10 09:00"), due_at=at("2026-03-11 18:00"))
    closed = parameters(**NUMBERS, working_calendar__holidays=("2026-03-11",))
    assert _one(found(forms.frm_03(_places(row), closed)))["value"] == 1.0


def test_frm_03_counts_events_and_gives_the_fewest_days() -> None:
    rush = _form(issued_at=at("2026-03-10 09:00"), due_at=at("2026-03-10 11:00"))
    rows = [rush, {**rush, "target_org_id": "QY-V02"}, {**rush, "source_ref": "B-2", "due_at": at("2026-04-10 09:00")}]
    flag = _one(found(forms.frm_03(_places(*rows), PARAMETERS)))
    assert (flag["n"], flag["denominator"], flag["value"], flag["threshold"]) == (1, 2, 0.25, 2.0)


# FRM-04


def _indicators(**columns: Any) -> dict[str, Any]:
    given = {"indicator_id": "I1", "name": "户籍人口", "source_register": "人口台账"}
    return {"indicators": records("indicator", given | columns)}


def test_frm_04_what_appears_in_no_output_is_a_watch() -> None:
    used, unused = _field("F1", "户籍人口"), _field("F1", "门前三包承诺数")
    flag = _one(found(forms.frm_04(_places(fields=(used, unused), **_indicators()), PARAMETERS)))
    assert (flag["result_type"], flag["subject_org_id"], flag["evidence_refs"]) == (
        "watch",
        "QY-D01",
        "F1/门前三包承诺数",
    )
    assert (flag["n"], flag["denominator"], flag["value"], flag["n_bearers"]) == (1, 2, 0.5, 2)
    assert found(forms.frm_04(_places(fields=(used,), **_indicators()), PARAMETERS)) == []


def test_frm_04_declared_uses_are_uses() -> None:
    unused = _field("F1", "门前三包承诺数")
    for name in ("F1", "F1/门前三包承诺数"):
        declared = parameters(**NUMBERS, form__declared_uses=(name,))
        assert found(forms.frm_04(_places(fields=(unused,), **_indicators()), declared)) == []


def test_every_rule_gives_the_flag_schema_from_empty_registers() -> None:
    for code, rule in forms.RULES.items():
        flags = rule(burden_inputs(), PARAMETERS).collect()
        assert (code, dict(flags.schema), flags.height) == (code, dict(FLAG_SCHEMA), 0)
