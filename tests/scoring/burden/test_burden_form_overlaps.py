"""Report once: duplicate data, largest pairs and unused fields, worked by hand and against a slow count."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.form_overlaps import FormOverlaps, fields, form_overlaps
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules import forms
from scoring.tables.form_overlaps import DUPLICATE_DATUM, OVERLAP_PAIR, UNUSED_FIELD
from tests.support.burden_rows import (
    bearing_units,
    burden_inputs,
    burden_row,
    organisations,
    parameters,
    records,
)

PLACES = organisations(
    {"org_id": "QY-D01"},
    {"org_id": "QY-D02"},
    {"org_id": "QY-D03"},
    {"org_id": "QY-T01", "org_kind": "township", "level": "township"},
    {"org_id": "QY-V01", "org_kind": "village", "level": "village"},
    {"org_id": "QY-C01", "org_kind": "community", "level": "village"},
    {"org_id": "QY-V99", "org_kind": "village", "level": "village"},
)
UNITS = bearing_units(QY_T01=1, QY_V01=1, QY_C01=1)


def _field(form_id: str, field_name: str = "户籍人口", **columns: Any) -> dict[str, Any]:
    given = {
        "form_name": f"{form_id} 表",
        "issuer_org_id": f"QY-D0{form_id[-1]}",
        "target_scope": "all_villages",
        "frequency": "monthly",
        "unit": "人",
        "grain": "村",
        "valid_from": date(2025, 1, 1),
    }
    return {"form_id": form_id, "field_name": field_name, **(given | columns)}


def _inputs(*rows: dict[str, Any], **frames: Any) -> BurdenInputs:
    given = {"organisations": PLACES, "bearers": UNITS, "form_fields": records("form_field", *rows)}
    return burden_inputs(**({"rows": ()} | given | frames))


def _overlaps(*rows: dict[str, Any], declared_uses: tuple[str, ...] = (), **frames: Any) -> FormOverlaps:
    return form_overlaps(_inputs(*rows, **frames), minutes_per_field=3, declared_uses=declared_uses)


def _one(table: pl.DataFrame) -> dict[str, Any]:
    rows = table.to_dicts()
    assert len(rows) == 1, rows
    return rows[0]


def test_two_forms_that_ask_two_villages_for_one_datum() -> None:
    found = _one(_overlaps(_field("F1"), _field("F2", frequency="quarterly", valid_from=date(2025, 6, 1))).duplicates)
    assert (found["n_forms"], found["n_issuers"], found["n_units"]) == (2, 2, 2)
    # 12 + 4 asks of each of two villages; the four of the quarter are surplus: 8 asks of 3 minutes.
    assert (found["n_asks"], found["n_surplus"], found["hours"]) == (32, 8, 0.4)
    assert (found["first_form_id"], found["form_ids"], found["held_in"]) == ("F1", "F1;F2", None)
    assert (found["period_id"], found["field_name"], found["unit"], found["grain"]) == (
        "2026M03",
        "户籍人口",
        "人",
        "村",
    )


@pytest.mark.parametrize(
    "second",
    [
        {"field_name": "户籍人口"},
        {"field_name": "户籍 人口："},
        {"field_name": "户籍人口", "data_element_id": "DE1"},
        {"field_name": "户籍人口", "target_scope": "QY-V01;QY-D09"},
        {"field_name": "户籍人口", "valid_from": date(2026, 3, 31)},
        {"field_name": "户籍人口", "valid_to": date(2026, 3, 2)},
    ],
)
def test_the_same_datum_is_found(second: dict[str, Any]) -> None:
    assert _overlaps(_field("F1"), _field("F2", **second)).duplicates.height == 1


@pytest.mark.parametrize(
    "second",
    [
        {"field_name": "常住人口"},
        {"unit": "户"},
        {"unit": None},
        {"grain": "户"},
        {"target_scope": "all_townships"},
        {"target_scope": "QY-V02"},
        {"valid_from": date(2026, 4, 1)},
        {"valid_to": date(2026, 3, 1)},
        {"form_id": "F1", "field_name": "户籍 人口"},
    ],
)
def test_what_is_no_duplicate(second: dict[str, Any]) -> None:
    assert _overlaps(_field("F1"), {**_field("F2"), **second}).duplicates.is_empty()


def test_data_elements_join_names_and_names_never_join_data_elements() -> None:
    joined = _overlaps(_field("F1", data_element_id="DE1"), _field("F2", "常住人口", data_element_id="DE1", unit=None))
    assert _one(joined.duplicates)["datum_id"] == "DE1"
    apart = _overlaps(_field("F1", data_element_id="DE1"), _field("F2", data_element_id="DE2"))
    assert apart.duplicates.is_empty()


def test_forms_that_follow_one_another_in_the_window_are_no_duplicate() -> None:
    first = _field("F1", valid_to=date(2026, 3, 15))
    assert _overlaps(first, _field("F2", valid_from=date(2026, 3, 15))).duplicates.is_empty()
    assert _overlaps(first, _field("F2", valid_from=date(2026, 3, 14))).duplicates.height == 1


def test_the_oldest_is_who_asked_first_in_any_version() -> None:
    old_version = _field("F2", valid_from=date(2024, 1, 1), valid_to=date(2025, 6, 1))
    rows = [_field("F1"), old_version, _field("F2", valid_from=date(2025, 6, 1), frequency="yearly")]
    found = _one(_overlaps(*rows).duplicates)
    assert (found["first_form_id"], found["n_surplus"]) == ("F2", 2)  # once a year of two villages


def test_villages_outside_the_frame_are_not_asked_by_a_scope_word() -> None:
    assert _one(_overlaps(_field("F1"), _field("F2")).duplicates)["n_units"] == 2
    every = bearing_units(QY_V01=1, QY_C01=1, QY_V99=1)
    assert _one(_overlaps(_field("F1"), _field("F2"), bearers=every).duplicates)["n_units"] == 3


def test_of_a_datum_that_a_register_holds_every_ask_is_surplus() -> None:
    held = records("indicator", {"indicator_id": "I1", "name": "户籍人口", "unit": "人", "source_register": "人口台账"})
    found = _one(_overlaps(_field("F1", frequency="yearly"), indicators=held).duplicates)
    assert (found["n_forms"], found["held_in"], found["n_asks"], found["n_surplus"]) == (1, "人口台账", 2, 2)
    other_unit = held.with_columns(unit=pl.lit("户"))
    assert _overlaps(_field("F1"), indicators=other_unit).duplicates.is_empty()


def test_a_register_that_is_the_form_itself_does_not_hold_the_datum() -> None:
    for register in ("F1", "F1 表"):
        own = records(
            "indicator", {"indicator_id": "I1", "name": "户籍人口", "unit": "人", "source_register": register}
        )
        assert _overlaps(_field("F1"), indicators=own).duplicates.is_empty()


def test_an_unknown_frequency_is_refused() -> None:
    with pytest.raises(ValueError, match=r"form_field\.frequency: hourly .*correct it"):
        fields(_inputs(_field("F1", frequency="hourly")))


TIMES = {"once": 1, "daily": 250, "weekly": 52, "monthly": 12, "quarterly": 4, "yearly": 1, "on_demand": 1}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["户籍人口", "耕地面积", "车辆数"]),
            st.sampled_from(sorted(TIMES)),
            st.sampled_from(["all_villages", "QY-V01", "QY-C01;QY-V01", "all_townships"]),
            st.dates(date(2025, 1, 1), date(2025, 12, 31)),
        ),
        max_size=8,
    )
)
def test_surplus_is_all_asks_less_the_most_frequent_form(given_fields: list[tuple[str, str, str, date]]) -> None:
    rows = [
        _field(
            f"F{n}", name, frequency=frequency, target_scope=scope, valid_from=day, issuer_org_id=f"QY-D0{n % 3 + 1}"
        )
        for n, (name, frequency, scope, day) in enumerate(given_fields)
    ]
    units = {"all_villages": ["QY-V01", "QY-C01"], "all_townships": ["QY-T01"]}
    asked: dict[tuple[str, str], list[int]] = {}
    for name, frequency, scope, _ in given_fields:
        for unit in units.get(scope) or scope.split(";"):
            asked.setdefault((name, unit), []).append(TIMES[frequency])
    slow = {name: sum(sum(t) - max(t) for (n, _), t in asked.items() if n == name) for name, _ in asked}
    expected = {name: surplus for name, surplus in slow.items() if surplus}
    duplicates = _overlaps(*rows).duplicates
    assert dict(duplicates.select("field_name", "n_surplus").iter_rows()) == expected
    # What departments answer for adds up to the same, and the order of the rows changes nothing.
    loads = forms.frm_01(_inputs(*rows), parameters(minutes__field=3)).collect()
    assert loads["n"].sum() == sum(expected.values())
    assert loads["denominator"].sum() == sum(sum(times) for times in asked.values())
    assert duplicates.equals(_overlaps(*reversed(rows)).duplicates)


def test_pairs_are_told_by_what_a_merger_of_the_two_would_save() -> None:
    rows = [
        _field("F1", "甲"), _field("F1", "乙"), _field("F1", "丙"),
        _field("F2", "甲"), _field("F2", "乙", frequency="yearly"),
        _field("F3", "丙", frequency="yearly", target_scope="QY-V01"),
    ]  # fmt: skip
    pairs = _overlaps(*rows).pairs
    assert pairs.select("pair_kind", "left_id", "right_id", "n_left", "n_right", "n_shared", "n_units").rows() == [
        ("form", "F1", "F2", 3, 2, 2, 2),
        ("form", "F1", "F3", 3, 1, 1, 1),
    ]
    # F1 and F2: 12 and 1 asks of two villages, of 3 minutes each; F1 and F3: one ask of one village.
    assert pairs.select("share", "n_surplus", "hours").rows() == [(1.0, 26, 1.3), (1.0, 1, 0.05)]
    assert pairs["left_org_id"].to_list() == ["QY-D01", "QY-D01"]


def test_only_the_largest_pairs_are_kept() -> None:
    rows = [_field("F1"), _field("F2", frequency="yearly"), _field("F3")]
    kept = form_overlaps(_inputs(*rows), minutes_per_field=3, pairs_at_most=1).pairs
    assert kept.select("left_id", "right_id").rows() == [("F1", "F3")]


def _assessed(reference: str, unit: str = "QY-V01", **columns: Any) -> dict[str, Any]:
    given = {"matter": "平安建设", "title": reference, "source_ref": reference, "target_org_id": unit}
    return burden_row(burden_kind="assessment", **(given | columns))


def _assessment_pairs(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    pairs = form_overlaps(burden_inputs(rows, organisations=PLACES, bearers=UNITS), minutes_per_field=3).pairs
    return pairs.select("pair_kind", "left_id", "right_id", "n_shared", "n_units", "hours").rows()


def test_assessments_of_one_matter_in_the_same_units_are_a_pair() -> None:
    rows = [
        _assessed("K-1"), _assessed("K-1", "QY-C01"), _assessed("K-2"), _assessed("K-2", "QY-C01"),
        _assessed("K-3", matter="生态"), _assessed("K-4", "QY-T01"),
    ]  # fmt: skip
    assert _assessment_pairs(*rows) == [("assessment", "QY-D01:K-1", "QY-D01:K-2", 1, 2, None)]


def test_rounds_of_one_assessment_are_no_pair_and_a_duty_stands_before_a_matter() -> None:
    assert _assessment_pairs(_assessed("K-1", title="甲"), _assessed("K-2", title="甲")) == []
    named = [_assessed("K-1", duty_id="D1", matter="甲"), _assessed("K-2", duty_id="D1", matter="乙")]
    assert len(_assessment_pairs(*named)) == 1
    assert _assessment_pairs(named[0], {**named[1], "duty_id": "D2"}) == []


def _indicators(**columns: Any) -> pl.DataFrame:
    return records("indicator", {"indicator_id": "I1", "name": "森林覆盖率", **columns})


def test_a_field_in_no_output_is_unused() -> None:
    found = _one(_overlaps(_field("F1", "宣传照片数"), indicators=_indicators()).unused)
    assert (found["form_id"], found["field_name"], found["issuer_org_id"]) == ("F1", "宣传照片数", "QY-D01")
    assert (found["n_units"], found["n_asks"], found["hours"]) == (2, 24, 1.2)


@pytest.mark.parametrize(
    ("field", "indicator"),
    [
        ({"field_name": "森林 覆盖率"}, {}),
        ({"data_element_id": "I1"}, {}),
        ({}, {"source_register": "F1"}),
        ({}, {"source_register": "F1 表"}),
        ({"valid_from": date(2025, 4, 2)}, {}),
        ({"valid_to": date(2026, 3, 1)}, {}),
    ],
)
def test_what_an_indicator_uses_or_is_too_young_or_over_is_not_listed(
    field: dict[str, Any], indicator: dict[str, Any]
) -> None:
    row = {**_field("F1", "宣传照片数"), **field}
    assert _overlaps(row, indicators=_indicators(**indicator)).unused.is_empty()


def test_twelve_months_to_the_day_are_enough_whatever_the_versions() -> None:
    assert _overlaps(_field("F1", valid_from=date(2025, 4, 1)), indicators=_indicators()).unused.height == 1
    versions = [_field("F1", valid_to=date(2026, 1, 1)), _field("F1", valid_from=date(2026, 1, 1), frequency="yearly")]
    assert _one(_overlaps(*versions, indicators=_indicators()).unused)["n_asks"] == 2


def test_without_any_indicator_nothing_is_said_about_use() -> None:
    assert _overlaps(_field("F1", "宣传照片数")).unused.is_empty()


@pytest.mark.parametrize("declared", ["F1", "DE1", "F1/宣传照片数"])
def test_a_declared_use_is_a_use(declared: str) -> None:
    row = _field("F1", "宣传照片数", data_element_id="DE1")
    assert _overlaps(row, indicators=_indicators(), declared_uses=(declared,)).unused.is_empty()


def test_empty_registers_give_empty_tables() -> None:
    found = _overlaps()
    assert dict(found.duplicates.schema) == DUPLICATE_DATUM.schema
    assert dict(found.pairs.schema) == OVERLAP_PAIR.schema
    assert dict(found.unused.schema) == UNUSED_FIELD.schema
    assert found.duplicates.height + found.pairs.height + found.unused.height == 0
