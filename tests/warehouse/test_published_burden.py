"""Views of burden: nothing hidden or added up, rows that rest on few bearers marked, periods compared whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from scoring.tables import RESULT_TABLES
from tests.support.burden_release import (
    EARLIER,
    FARMS,
    NAMES,
    OPEN,
    PERIOD,
    ROADS,
    account_row,
    publish_quarters,
    table_of,
)
from warehouse.database import Engine, migrate, reading_engine, writing_engine
from warehouse.explained import explain
from warehouse.published import (
    BURDEN_WHATS,
    STATE,
    BurdenWhat,
    NothingPublishedError,
    Ranking,
    UnknownOrganisationError,
    burden_ranking,
)
from warehouse.published.burden import against


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine on a warehouse with the quarters published; nobody changes it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('burden') / 'warehouse.sqlite'}"
    migrate(url)
    writing = writing_engine(url)
    publish_quarters(writing)
    writing.dispose()
    found = reading_engine(url)
    yield found
    found.dispose()


def _rows(engine: Engine, what: BurdenWhat, **asked: Any) -> list[dict[str, Any]]:
    return burden_ranking(engine, PERIOD, what, **asked).rows.to_dicts()


@pytest.mark.parametrize("what", BURDEN_WHATS)
def test_every_view_names_its_columns_once_and_gives_each_number_a_state(engine: Engine, what: BurdenWhat) -> None:
    found = burden_ranking(engine, PERIOD, what)
    assert found.rows.height > 0
    assert not found.by_group
    names = [column.name for column in found.columns]
    numbers = [column.name for column in found.columns if column.is_number]
    assert found.rows.columns == [*names, *(f"{name}{STATE}" for name in numbers)]
    for language in ("zh", "en"):
        labels = [column.shown_label(language).lower() for column in found.columns]
        assert len(set(labels)) == len(labels)
        assert all(column.about(language) for column in found.columns)
    assert {row[f"{name}{STATE}"] for row in found.rows.to_dicts() for name in numbers} <= {
        "shown",
        "missing",
        "not_applicable",
    }


def test_the_account_shows_departments_units_and_kinds_with_the_same_total(engine: Engine) -> None:
    departments, kinds = _rows(engine, "burden_department"), _rows(engine, "burden_kind")
    assert sum(row["quantity"] for row in departments) == sum(row["quantity"] for row in kinds) == 235
    roads = next(row for row in departments if row["subject_org_id"] == ROADS)
    assert (roads["subject_name"], roads["quantity_change"]) == (NAMES[ROADS], -0.2848)
    assert roads["hours_per_unit_month"] == 9.42
    units = _rows(engine, "burden_unit")
    assert [(row["bearer_name"], row["quantity"]) for row in units] == [("石桥村", 120)]


def test_nothing_is_divided_by_a_year_before_that_was_zero_or_unknown(engine: Engine) -> None:
    notes = {row["subject_org_id"]: row for row in _rows(engine, "burden_department")}
    assert (notes[ROADS]["change_note"], notes[FARMS]["change_note"]) == (None, "zero_before")
    assert (notes[FARMS]["quantity_change"], notes[FARMS]["quantity_change_state"]) == (None, "not_applicable")
    plaques = next(
        row for row in _rows(engine, "burden_department", organisation=("", ROADS)) if row["measure"] == "stock"
    )
    assert (plaques["change_note"], plaques["minutes"], plaques["quantity"]) == ("no_before", None, 12)
    assert (plaques["minutes_state"], plaques["quantity_before_state"]) == ("not_applicable", "missing")


def test_one_organisation_is_shown_kind_by_kind_by_id_or_name(engine: Engine) -> None:
    by_id = _rows(engine, "burden_department", organisation=("", ROADS))
    assert [(row["burden_kind"], row["burden_unit"]) for row in by_id] == [
        ("*", None), ("document", "件"), ("sign", "块"),
    ]  # fmt: skip
    assert by_id == _rows(engine, "burden_department", organisation=("", NAMES[ROADS]))
    assert {row["bearer_org_id"] for row in _rows(engine, "burden_unit", organisation=("", "石桥村"))} == {"V1"}
    with pytest.raises(UnknownOrganisationError) as error:
        _rows(engine, "burden_department", organisation=("", "交通局"))
    assert error.value.similar == (NAMES[ROADS],)


def test_another_period_takes_the_place_of_the_year_before(engine: Engine) -> None:
    rows = {row["subject_org_id"]: row for row in _rows(engine, "burden_department", compare=EARLIER)}
    assert {row["compare_period_id"] for row in rows.values()} == {EARLIER}
    assert (rows[ROADS]["quantity_before"], rows[ROADS]["quantity_change"]) == (200, 0.13)
    assert (rows[FARMS]["quantity_before"], rows[FARMS]["quantity_change"]) == (4, 1.25)
    assert rows[ROADS]["minutes_before"] == 200 * 60
    kinds = {row["burden_kind"]: row for row in _rows(engine, "burden_kind", compare=EARLIER)}
    gone = kinds["campaign"]
    assert (gone["quantity"], gone["minutes"], gone["hours_per_unit_month"]) == (0, 0, 0.0)
    assert (gone["quantity_before"], gone["quantity_change"]) == (4, -1.0)
    assert (kinds["meeting"]["quantity_before"], kinds["meeting"]["change_note"]) == (0, "zero_before")
    with pytest.raises(NothingPublishedError):
        _rows(engine, "burden_kind", compare=OPEN)


def test_an_account_nobody_kept_is_no_zero() -> None:
    now = table_of("burden_account", [account_row("kind", n=5, burden_kind="meeting")], PERIOD)
    row = against(now, RESULT_TABLES["burden_account"].empty(), EARLIER).row(0, named=True)
    assert {row[f"{name}_before"] for name in ("n_rows", "n_events", "quantity", "minutes")} == {None}
    assert row["quantity_change"] is None
    assert row["quantity"] == 5


def test_a_cell_hidden_in_either_period_stays_hidden() -> None:
    shown = table_of("burden_account", [account_row("kind", n=5)], PERIOD)
    hidden = table_of("burden_account", [account_row("kind", n=5, shown_to_department=False)], EARLIER)
    assert against(shown, hidden, EARLIER)["shown_to_department"].to_list() == [False]
    assert against(hidden, shown, EARLIER)["shown_to_department"].to_list() == [False]
    assert against(shown, shown, EARLIER)["shown_to_department"].to_list() == [True]


def test_rows_of_few_bearers_are_marked_and_what_is_not_measurable_is_empty(engine: Engine) -> None:
    forms = {row["form_code"]: row for row in _rows(engine, "burden_form")}
    assert {code: row["shown_to_department"] for code, row in forms.items()} == {
        "DOC-01": True, "DOC-02": True, "DOC-03": True, "DOC-04": True, "DOC-05": False,
    }  # fmt: skip
    assert forms["DOC-01"]["threshold_state"] == "not_applicable", "a load is held against nothing"
    absent = forms["DOC-02"]
    assert (absent["value"], absent["value_state"], absent["missing_columns"]) == (None, "missing", "plan_no")
    assert [row["form_code"] for row in _rows(engine, "burden_form", form_code="DOC-03")] == ["DOC-03"]
    of_farms = _rows(engine, "burden_form", organisation=("subject_org_id", FARMS))
    assert {row["form_code"] for row in of_farms} == {"DOC-02"}, "what is measurable for nobody is not for it either"
    breaches = {row["breach"]: row["shown_to_department"] for row in _rows(engine, "admission_breaches")}
    assert breaches == {"1a": False, "2b": True}, "four bearing units are fewer than five"
    assert {row["shown_to_department"] for row in _rows(engine, "off_list_tasks")} == {False}


def test_watches_stand_in_their_own_states_signs_first(engine: Engine) -> None:
    rows = _rows(engine, "watch")
    assert [(row["watch"], row["code"], row["state"]) for row in rows] == [
        ("false_data", "FAL-01", "FLAGGED"),
        ("shift", "SP-1", "SHIFT"),
        ("false_data", "FAL-05", "NOT_MEASURABLE"),
        ("shift", "SP-1", "INSUFFICIENT_COUNTS"),
        ("slack", "slack", "NO_EVIDENCE"),
    ]
    shift = rows[1]
    assert (shift["size"], shift["size_low"], shift["shown_to_department"]) == (0.8, 0.5, False)
    assert rows[3]["shown_to_department"] is True
    assert (rows[0]["official_now_state"], shift["n_found_state"], shift["size_high_state"]) == (
        "not_applicable", "not_applicable", "missing",
    )  # fmt: skip


def test_the_worst_problems_come_first(engine: Engine) -> None:
    assert [row["rule"] for row in _rows(engine, "duty_problems")] == ["DL-09", "DL-12"]


def _burden(engine: Engine, subject: str) -> dict[str, Any]:
    found: dict[str, Any] = explain(engine, PERIOD, subject)["burden"]
    return found


def test_a_department_is_explained_with_rule_source_and_confirmed_cases_only(engine: Engine) -> None:
    forms = {form["code"]: form for form in _burden(engine, ROADS)["forms"]}
    assert set(forms) == {"DOC-01", "DOC-03", "DOC-04", "DOC-05"}
    overlong = forms["DOC-03"]
    assert overlong["name"] == {"zh": "文件超长", "en": "Overlong document"}
    assert "上限" in overlong["rule"]["zh"]
    result = overlong["results"][0]
    assert (result["result_type"], result["value"], result["threshold"]) == ("breach", 6200.0, 5000.0)
    assert result["evidence"] == ["清交〔2026〕7号", "清交〔2026〕9号"]
    parameter = result["parameter"]
    assert (parameter["value"], parameter["unit"], parameter["mark"]) == (5000, "characters", "S01")
    assert "若干规定" in parameter["source"]["zh"]
    assert forms["DOC-03"]["precedent"] == [], "its notice is not confirmed"
    assert [case["id"] for case in forms["DOC-05"]["precedent"]] == ["P-HI-20250821#2"]
    assert forms["DOC-04"]["results"][0]["parameter"]["mark"] == "J"


def test_no_explanation_leads_to_one_of_few_bearers(engine: Engine) -> None:
    few = next(form for form in _burden(engine, ROADS)["forms"] if form["code"] == "DOC-05")["results"][0]
    assert (few["n_bearers"], few["evidence"], few["is_few_bearers"]) == (None, [], True)
    imposed = _burden(engine, FARMS)["admission"][0]
    assert (imposed["breach"], imposed["n"], imposed["n_bearers"], imposed["evidence"]) == ("1a", 4, None, [])
    for subject in (ROADS, FARMS):
        told = str(explain(engine, PERIOD, subject))
        assert "SECRET" not in told
        assert "石桥村" not in told


def test_watches_and_missing_data_are_told_apart_from_breaches(engine: Engine) -> None:
    burden = _burden(engine, FARMS)
    assert [(row["pair"], row["state"]) for row in burden["shifts"]] == [("SP-1", "INSUFFICIENT_COUNTS")]
    assert [row["state"] for row in burden["false_data"]] == ["FLAGGED", "NOT_MEASURABLE"]
    absent = burden["not_measurable"]
    assert [(row["code"], row["is_whole_register"], row["missing"]) for row in absent] == [
        ("DOC-02", True, ["plan_no"])
    ]
    assert "burden" not in str(explain(engine, PERIOD, FARMS).get("composite"))


def test_decimals_are_the_published_ones(engine: Engine) -> None:
    found: Ranking = burden_ranking(engine, PERIOD, "burden_department")
    changes = found.rows["quantity_change"].drop_nulls()
    assert changes.to_list() == [round(each, 4) for each in changes]
    assert found.rows.schema["quantity"] == pl.Int64()
