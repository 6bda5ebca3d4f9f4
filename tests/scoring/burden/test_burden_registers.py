"""Two registers held against each other."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from scoring.burden.registers import RECEIVING, chapman, one_truth, register_completeness, register_gaps, wilson
from tests.support.burden_rows import MARCH, burden_frame, burden_row, found, parameters

PARAMETERS = parameters(
    register__match_days=3, register__completeness_min=0.8, register__matched_min=10, register__floor_units=5
)
DAY = date(2026, 3, 10)
ANSWERING = pl.DataFrame({"org_id": ["QY-D01", "QY-LSB"], "answers": ["QY-D01", "QY-D02"]})


def _kept(*rows: dict[str, Any]) -> list[tuple[str, str | None]]:
    kept = one_truth(burden_frame([burden_row(**row) for row in rows])).collect(engine="streaming")
    return sorted(kept.select("source_ref", "reported_by").rows())


@pytest.mark.parametrize(
    ("double", "is_double"),
    [
        ({"source_ref": "R-1"}, True),
        ({"source_ref": "J-1", "doc_no": "清农〔2026〕12号"}, True),
        ({"source_ref": "清农〔2026〕12号"}, True),  # the bearer wrote the document number as its reference
        ({"source_ref": "J-1"}, False),
        ({"start_date": DAY + timedelta(days=3)}, True),
        ({"start_date": DAY - timedelta(days=3)}, True),
        ({"start_date": DAY + timedelta(days=4)}, False),
        ({"target_org_id": "QY-V02"}, False),
        ({"issuer_org_id": "QY-D02"}, False),
        ({"burden_kind": "meeting"}, False),
    ],
)
def test_the_issuers_row_is_kept_where_both_recorded_it(double: dict[str, Any], *, is_double: bool) -> None:
    told = {"source_ref": "R-1", "reported_by": RECEIVING} | double
    kept = _kept({"doc_no": "清农〔2026〕12号"}, told)
    expected = [("R-1", "issuer_register")] + ([] if is_double else [(told["source_ref"], RECEIVING)])
    assert kept == sorted(expected)


def test_who_stands_first_is_kept() -> None:
    everyone = ["hotline", "monitoring_unit", RECEIVING, "platform_log"]
    assert _kept(*({"reported_by": each} for each in everyone)) == [("R-1", "platform_log")]
    assert _kept(*({"reported_by": each} for each in everyone[:3])) == [("R-1", RECEIVING)]
    assert _kept(*({"reported_by": each} for each in everyone[:2])) == [("R-1", "monitoring_unit")]
    assert _kept({"reported_by": None}, {"reported_by": "hotline"}) == [("R-1", None)]
    assert _kept({"reported_by": "platform_log"}, {"reported_by": None, "source_ref": "R-2"}) == [
        ("R-1", "platform_log"),
        ("R-2", None),
    ]


def _registers(n_issuer: int, n_receiving: int, n_both: int, units: int = 10) -> list[dict[str, Any]]:
    """An issuer's register and a receiving one that share the first ``n_both`` imposition."""
    own = [{"source_ref": f"R-{number}", "target_org_id": f"V-{number % units}"} for number in range(n_issuer)]
    told = [
        {"source_ref": f"{'R' if number < n_both else 'J'}-{number}", "target_org_id": f"V-{number % units}"}
        for number in range(n_receiving)
    ]
    return [burden_row(**row) for row in own] + [burden_row(**row, reported_by=RECEIVING) for row in told]


def _completeness(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return register_completeness(burden_frame(rows), MARCH, PARAMETERS)


def test_completeness_and_the_hidden_total() -> None:
    row = _completeness(_registers(120, 90, 60)).row(0, named=True)
    assert (row["n_issuer"], row["n_receiving"], row["n_matched"], row["n_bearers"]) == (120, 90, 60, 10)
    assert row["completeness"] == pytest.approx(2 / 3, abs=1e-6)
    # Wilson by hand: (2/3 + z^2/180) / (1 + z^2/90) = 0.659844,
    # half width z sqrt(p q / 90 + z^2 / 32400) / (1 + z^2/90) = 0.095621.
    assert row["completeness_low"] == pytest.approx(0.564223, abs=2e-6)
    assert row["completeness_high"] == pytest.approx(0.755465, abs=2e-6)
    # 121 x 91 / 61 - 1 = 179.508; variance 121 x 91 x 60 x 30 / (61^2 x 62) = 85.911.
    assert (row["hidden_total"], row["hidden_low"], row["hidden_high"]) == (180, 161, 198)
    assert row["scored_register"] == RECEIVING


def test_no_total_from_few_rows() -> None:
    assert _completeness(_registers(12, 12, 9))["hidden_total"].to_list() == [None]
    assert _completeness(_registers(12, 12, 10))["hidden_total"].to_list() == [14]  # 169/11 - 1 = 14.36


def test_the_total_is_never_below_what_the_registers_hold_together() -> None:
    frame = pl.DataFrame({"a": [100], "b": [10], "m": [10]})
    assert frame.select(*(each.alias(str(i)) for i, each in enumerate(chapman("a", "b", "m", 10)))).row(0) == (100,) * 3


def test_eight_of_ten_is_enough_and_seven_is_not() -> None:
    assert _completeness(_registers(10, 10, 8))["scored_register"].to_list() == ["issuer_register"]
    assert _completeness(_registers(10, 10, 7))["scored_register"].to_list() == [RECEIVING]


def test_an_issuer_no_bearer_wrote_about_has_no_completeness() -> None:
    row = _completeness(_registers(10, 0, 0)).row(0, named=True)
    assert row["completeness"] is None
    assert row["completeness_low"] is None
    assert row["scored_register"] == "issuer_register"
    assert not row["shown_to_department"]


def test_a_double_just_outside_the_window_matches() -> None:
    told = burden_row(reported_by=RECEIVING, start_date=date(2026, 3, 1))
    assert _completeness([burden_row(start_date=date(2026, 2, 27)), told])["n_matched"].to_list() == [1]
    assert _completeness([burden_row(start_date=date(2026, 2, 25)), told])["n_matched"].to_list() == [0]


def test_two_bearers_notes_of_one_row_are_not_two_matches_of_the_total() -> None:
    rows = _registers(10, 10, 10)
    twice = [row | {"start_date": DAY + timedelta(days=1)} for row in rows if row["reported_by"] == RECEIVING]
    row = _completeness(rows + twice).row(0, named=True)
    assert (row["n_issuer"], row["n_receiving"], row["n_matched"]) == (10, 20, 20)
    assert row["hidden_total"] == 20  # 11 x 21 / 11 - 1


def test_the_gap_counts_against_the_keeper_and_names_nobody() -> None:
    rows = [row | {"issuer_org_id": "QY-LSB"} for row in _registers(10, 10, 7)]
    gaps = found(register_gaps(_completeness(rows), ANSWERING, PARAMETERS))
    assert gaps == [
        {
            "result_type": "breach",
            "subject_org_id": "QY-D02",
            "param_id": "register.completeness_min",
            "n": 3,
            "denominator": 10,
            "value": 0.7,
            "threshold": 0.8,
            "n_bearers": 10,
            "evidence_refs": None,
        }
    ]


def test_a_gap_seen_by_four_units_is_not_told() -> None:
    assert found(register_gaps(_completeness(_registers(10, 10, 7, units=4)), ANSWERING, PARAMETERS)) == []
    assert len(found(register_gaps(_completeness(_registers(10, 10, 7, units=5)), ANSWERING, PARAMETERS))) == 1


def test_a_register_of_a_village_is_no_breach() -> None:
    village = pl.DataFrame(
        {"org_id": ["QY-D01"], "answers": [None]}, schema={"org_id": pl.String, "answers": pl.String}
    )
    assert found(register_gaps(_completeness(_registers(10, 10, 7)), village, PARAMETERS)) == []


def test_wilson_at_the_ends() -> None:
    frame = pl.DataFrame({"x": [0, 10, 0], "n": [10, 10, 0]})
    low, high = (frame.select(each.alias("y"))["y"].to_list() for each in wilson("x", "n"))
    # z^2 = 3.841459; none of ten reaches up to z^2 / (10 + z^2).
    assert low == [0.0, pytest.approx(0.722467, abs=1e-6), None]
    assert high == [pytest.approx(0.277533, abs=1e-6), pytest.approx(1.0), None]
