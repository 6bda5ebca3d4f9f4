"""The burden account, worked by hand, and its totals that agree however they are summed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.account import burden_account, windows_within
from scoring.burden.inputs import Window
from scoring.tables.burden_account import BURDEN_ACCOUNT
from tests.support.burden_rows import MARCH, YEAR, bearing_units, burden_inputs, burden_row

BEARERS = bearing_units(QY_V01=1, QY_V02=1)
SUMS = ("n_rows", "n_duplicates", "quantity", "minutes", "n_untimed", "persons", "pages", "amount_fen")
LAST_MARCH = {"start_date": date(2025, 3, 10)}


def _account(*rows: dict[str, Any], **frames: Any) -> pl.DataFrame:
    return burden_account(burden_inputs([burden_row(**row) for row in rows], **({"bearers": BEARERS} | frames)))


def _cell(account: pl.DataFrame, by: str, **key: str) -> dict[str, Any]:
    found = account.filter(by=by, **key)
    assert found.height == 1, found
    return found.row(0, named=True)


def test_rows_events_and_sums_of_a_month_beside_the_year_before() -> None:
    account = _account(
        {"persons": 2, "pages": 3, "minutes": 30, "amount_yuan": "10.005"},
        {"target_org_id": "QY-V02", "persons": None, "quantity": None, "minutes": None},
        {"source_ref": "R-2", "quantity": 4, "minutes": 90},
        {"source_ref": "R-3", "dup_of": "R-2", "quantity": 50, "minutes": 500},
        {"source_ref": "R-4", "start_date": date(2026, 4, 1), "quantity": 900},
        *({"source_ref": f"B-{number}", "minutes": 10, **LAST_MARCH} for number in range(4)),
    )
    cell = _cell(account, "department_kind")
    assert {name: cell[name] for name in SUMS} == {
        "n_rows": 3,
        "n_duplicates": 1,
        "quantity": 6,
        "minutes": 120,
        "n_untimed": 1,
        "persons": 2,
        "pages": 3,
        "amount_fen": 1001,
    }
    assert (cell["n_events"], cell["n_bearers"]) == (2, 2)
    assert cell["hours_per_unit_month"] == 1.0, "two hours over two unit-months"
    before = [cell[f"{name}_before"] for name in ("n_events", "n_rows", "quantity", "minutes")]
    assert before == [4, 4, 4, 40]
    assert (cell["n_events_change"], cell["quantity_change"], cell["minutes_change"]) == (-0.5, 0.5, 2.0)
    assert _cell(account, "unit", bearer_org_id="QY-V02")["n_events"] == 1
    assert _cell(account, "unit", bearer_org_id="QY-V01")["hours_per_unit_month"] == 2.0
    assert account.schema == BURDEN_ACCOUNT.schema


def test_a_stock_is_its_last_count_and_never_a_sum_over_time() -> None:
    plaques = {"burden_kind": "sign"}
    account = _account(
        {**plaques, "source_ref": "1", "quantity": 12, "start_date": date(2026, 3, 1)},
        {**plaques, "source_ref": "2", "quantity": 5, "start_date": date(2026, 3, 31), "minutes": 60},
        {**plaques, "source_ref": "3", "quantity": 2, "start_date": date(2026, 3, 31)},
        {**plaques, "source_ref": "4", "quantity": 9, "start_date": date(2026, 3, 15), "target_org_id": "QY-V02"},
        {**plaques, "source_ref": "5", "quantity": 40, "start_date": date(2025, 3, 20)},
        {**plaques, "source_ref": "6", "quantity": 99, "start_date": date(2026, 3, 31), "dup_of": "2"},
    )
    cell = _cell(account, "kind", measure="stock")
    assert cell["quantity"] == 5 + 2 + 9
    assert cell["n_duplicates"] == 1
    assert cell["quantity_before"] == 40
    assert cell["quantity_change"] == -0.6
    assert cell["minutes"] is None, "a stock takes no time of its own"
    assert cell["hours_per_unit_month"] is None


def test_a_year_of_counts_is_the_last_one() -> None:
    counts = [
        {"burden_kind": "work_group", "source_ref": str(month), "start_date": date(2026, month, 28), "quantity": month}
        for month in range(1, 13)
    ]
    assert _cell(_account(*counts, window=YEAR), "unit_kind")["quantity"] == 12


def test_classes_stand_apart_and_an_event_is_in_one_of_them() -> None:
    account = _account(
        {"source_ref": "1"},
        {"source_ref": "1", "target_org_id": "QY-V02", "counted_class": "exempt_emergency"},
        {"source_ref": "2", "counted_class": "exempt_legal"},
        {"source_ref": "3", "counted_class": None},
    )
    rows = account.filter(by="department").select("counted_class", "n_rows", "n_events").rows()
    assert rows == [("exempt_emergency", 1, 0), ("exempt_legal", 1, 1), ("other", 1, 1), ("streamlined", 1, 1)]


def test_what_nobody_answers_for_stays_in_the_totals() -> None:
    account = _account({}, {"issuer_org_id": "QY-V02", "source_ref": "2", "subject_org_id": None})
    assert account.filter(by="department").select("subject_org_id", "n_rows").rows() == [("-", 1), ("QY-D01", 1)]
    assert _cell(account, "kind")["n_rows"] == 2


def test_incomplete_history_gives_no_figures_before() -> None:
    late = _account({}, {"source_ref": "2", **LAST_MARCH}, history_start=date(2025, 3, 2))
    assert _cell(late, "kind")["n_events_before"] is None
    assert _cell(late, "kind")["n_events_change"] is None
    enough = _account({}, {"source_ref": "2", **LAST_MARCH}, history_start=date(2025, 3, 1))
    assert _cell(enough, "kind")["n_events_change"] == 0.0


def test_another_window_to_compare_with_may_overlap() -> None:
    inputs = burden_inputs([burden_row()], bearers=BEARERS)
    quarter = Window("2026Q1", date(2026, 1, 1), date(2026, 4, 1))
    cell = _cell(burden_account(inputs, quarter), "kind")
    assert (cell["n_rows"], cell["n_rows_before"], cell["compare_period_id"]) == (1, 1, "2026Q1")


def _told(count: int, **columns: Any) -> list[dict[str, Any]]:
    """Rows that so many bearers recorded themselves."""
    told = {"reported_by": "receiving_register", **columns}
    return [told | {"target_org_id": f"QY-V{number:02d}", "source_ref": f"J-{number}"} for number in range(count)]


def test_a_department_sees_what_bearers_told_from_five_units_on() -> None:
    assert not _cell(_account({}, *_told(4)), "department")["shown_to_department"]
    assert _cell(_account({}, *_told(5)), "department")["shown_to_department"]
    assert not any(_account(*_told(5)).filter(by="unit")["shown_to_department"]), "one unit is always too few"
    assert all(_account({}, {"source_ref": "2"})["shown_to_department"])


def test_a_total_is_hidden_with_its_smallest_part() -> None:
    account = _account(*_told(6), *_told(2, burden_kind="meeting", issuer_org_id="QY-D01"))
    assert _cell(account, "department_kind", burden_kind="document")["shown_to_department"]
    assert not _cell(account, "department_kind", burden_kind="meeting")["shown_to_department"]
    assert not _cell(account, "department")["shown_to_department"], "the total less the documents would tell"


def test_windows_are_made_of_whole_months() -> None:
    names = [each.period_id for each in windows_within(YEAR)]
    assert names[0] == "2026M01"
    assert names[-1] == "2026M12"
    quarters = windows_within(YEAR, months=3)
    assert [each.period_id for each in quarters] == ["2026Q1", "2026Q2", "2026Q3", "2026Q4"]
    assert quarters[3] == Window("2026Q4", date(2026, 10, 1), date(2027, 1, 1))
    with pytest.raises(ValueError, match="C-1 runs from 2026-01-05"):
        windows_within(Window("C-1", date(2026, 1, 5), date(2026, 4, 1)))
    with pytest.raises(ValueError, match="not a whole number of parts"):
        windows_within(MARCH, months=3)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="2026M03 has no days"):
        _account(window=Window("2026M03", date(2026, 3, 1), date(2026, 3, 1)))


ROW = st.fixed_dictionaries(
    {
        "burden_kind": st.sampled_from(["document", "meeting", "sign", "app"]),
        "issuer_org_id": st.sampled_from(["QY-D01", "QY-D02", "QY-V02"]),
        "target_org_id": st.sampled_from(["QY-V01", "QY-V02", None]),
        "source_ref": st.sampled_from(["1", "2", "3"]),
        "start_date": st.integers(0, 40).map(lambda days: date(2026, 2, 25) + timedelta(days=days)),
        "quantity": st.none() | st.integers(0, 9),
        "persons": st.none() | st.integers(0, 9),
        "duration_min": st.none() | st.integers(0, 90),
        "counted_class": st.sampled_from(["streamlined", "exempt_emergency", "exempt_legal", "other", None]),
        "dup_of": st.sampled_from([None, None, "9"]),
        "amount_yuan": st.sampled_from([None, "0.005", "1.234567"]),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROW, max_size=15), st.randoms())
def test_totals_by_department_unit_and_kind_agree(rows: list[dict[str, Any]], random: Any) -> None:
    rows = [
        row | {"subject_org_id": None if row["issuer_org_id"] == "QY-V02" else row["issuer_org_id"]} for row in rows
    ]
    account = _account(*rows)
    totals = {
        by: account.filter(by=by).group_by("measure").agg(pl.col(SUMS).sum()).sort("measure").rows()
        for by in ("department", "unit", "kind", "department_kind", "unit_kind")
    }
    assert all(total == totals["department"] for total in totals.values())
    flows = [row for row in rows if row["burden_kind"] in {"document", "meeting"} and row["start_date"].month == 3]
    assert account.filter(by="kind", measure="flow")["n_rows"].sum() == sum(row["dup_of"] is None for row in flows)
    events = {(row["issuer_org_id"], row["burden_kind"], row["source_ref"]) for row in flows if row["dup_of"] is None}
    for by in ("department", "kind", "department_kind"):
        assert account.filter(by=by, measure="flow")["n_events"].sum() == len(events)
    random.shuffle(rows)
    assert _account(*rows).equals(account)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 9), st.integers(0, 9))
def test_splitting_a_notice_into_more_rows_changes_no_event(first: int, second: int) -> None:
    rows = [{"target_org_id": f"QY-V{number:02d}"} for number in range(first)]
    more = [{"target_org_id": f"QY-V{number:02d}"} for number in range(first, first + second)]
    assert _cell(_account(*rows, *more), "kind")["n_events"] == _cell(_account(*rows), "kind")["n_events"] == 1
