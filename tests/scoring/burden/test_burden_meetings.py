"""Meetings: every rule with a clean, a broken, an exempt and an edge case, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from scoring.burden.flags import FLAG_SCHEMA
from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules import meetings
from tests.support.burden_rows import (
    YEAR,
    bearing_units,
    burden_inputs,
    burden_row,
    found,
    organisations,
    parameters,
)

PARAMETERS = parameters(
    meeting__general_per_year=1,
    meeting__comprehensive_subkinds=("综合",),
    meeting__discussion_subkinds=("分组讨论",),
    meeting__peer_percentile=0.9,
    meeting__peers_min=10,
    meeting__levels_max=1,
    meeting__cascade_days=60,
    meeting__sameday_max=1,
    meeting__minutes_max=240,
    meeting__discussion_days=1.5,
)


def _meeting(source_ref: str = "M-1", **columns: Any) -> dict[str, Any]:
    return burden_row(**{"burden_kind": "meeting", "source_ref": source_ref, **columns})


def _only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


# MTG-01: the load


def test_mtg_01_the_county_of_the_essay_held_43_5_per_cent_fewer_meetings() -> None:
    rows = [
        *[_meeting(f"A-{index}", start_date=date(2025, 6, 2)) for index in range(200)],
        *[
            _meeting(f"B-{index}", burden_kind=kind, start_date=date(2026, 6, 2))
            for kind, number in (("meeting", 100), ("video_conf", 13))
            for index in range(number)
        ],
    ]
    years = burden_inputs(rows, window=YEAR, history_start=date(2025, 1, 1))
    load = _only(found(meetings.mtg_01(years, PARAMETERS)))
    assert (load["result_type"], load["n"], load["denominator"], load["param_id"]) == ("load", 113, 200, None)
    assert round(100 * load["value"], 1) == -43.5


def test_mtg_01_minutes_are_per_unit_month_and_emergencies_stay_out() -> None:
    rows = [
        _meeting(duration_min=60, persons=2),
        _meeting(duration_min=60, persons=1, target_org_id="QY-V02"),
        _meeting("M-2", duration_min=500, persons=9, counted_class="exempt_emergency"),
    ]
    inputs = burden_inputs(rows, bearers=bearing_units(QY_V01=1, QY_V02=1))
    _, load = found(meetings.mtg_01(inputs, PARAMETERS))
    assert load["param_id"] == "meeting.peer_percentile"
    assert (load["n"], load["denominator"], load["value"], load["threshold"]) == (1, 2, 90.0, None)


# MTG-01: the watch


def _departments(minutes: list[list[int]], **columns: Any) -> BurdenInputs:
    """One department per list, one meeting of the village per number."""
    rows = [
        _meeting(f"M-{place}", issuer_org_id=f"QY-D{index:02}", duration_min=each, **columns)
        for index, department in enumerate(minutes)
        for place, each in enumerate(department)
    ]
    silent = [burden_row(issuer_org_id=f"QY-D{index:02}") for index, department in enumerate(minutes) if not department]
    orgs = organisations(*({"org_id": f"QY-D{index:02}"} for index in range(len(minutes))))
    return burden_inputs([*rows, *silent], organisations=orgs, bearers=bearing_units(QY_V01=1))


PEERS = [[60] * number for number in (1, 2, 3, 4, 5, 6, 7, 8, 9)]


def test_mtg_01_minutes_are_watched_once_the_interval_is_clear_of_the_other_peers() -> None:
    # Nine peers, so the 90th percentile is the largest: 540 minutes. n meetings of 60 minutes are clear of it
    # where n - 1.96 sqrt(n) > 9, and that is 8.92 for 17 and 9.68 for 18.
    clear = _only(found(meetings.mtg_01(_departments([*PEERS, [60] * 18]), PARAMETERS), "watch"))
    assert (clear["subject_org_id"], clear["n"], clear["value"], clear["threshold"]) == ("QY-D09", 18, 1080.0, 540.0)
    assert found(meetings.mtg_01(_departments([*PEERS, [60] * 17]), PARAMETERS), "watch") == []


def test_mtg_01_one_long_meeting_is_no_pattern_and_a_flood_month_is_exempt() -> None:
    assert found(meetings.mtg_01(_departments([*PEERS, [10_000]]), PARAMETERS), "watch") == []
    flood = _departments([*PEERS, [60] * 2])
    emergencies = [
        _meeting(f"E-{index}", issuer_org_id="QY-D09", duration_min=60, counted_class="exempt_emergency")
        for index in range(40)
    ]
    rows = pl.concat([flood.facts, burden_inputs(emergencies).facts])
    inputs = burden_inputs(rows, organisations=flood.organisations, bearers=flood.bearers)
    assert found(meetings.mtg_01(inputs, PARAMETERS), "watch") == []


def test_mtg_01_nine_departments_are_too_few_and_one_without_a_register_is_no_peer() -> None:
    assert found(meetings.mtg_01(_departments([*PEERS[1:], [60] * 40]), PARAMETERS), "watch") == []
    ten = _departments([*PEERS[1:], [60] * 40, []])
    assert len(found(meetings.mtg_01(ten, PARAMETERS), "watch")) == 1, "a register without meetings is a peer of 0"
    unheard = ten.facts.filter(pl.col("issuer_org_id") != "QY-D09")
    inputs = burden_inputs(unheard, organisations=ten.organisations, bearers=ten.bearers)
    assert found(meetings.mtg_01(inputs, PARAMETERS), "watch") == []


def test_mtg_01_the_percentile_of_the_others_leaves_oneself_out() -> None:
    # Twenty-one peers of 1 to 21 hours: of the other twenty the 18th counts.
    inputs = _departments([[60] * number for number in range(1, 22)])
    loads = found(meetings.mtg_01(inputs, PARAMETERS), "load")
    limits = {row["n"]: row["threshold"] for row in loads if row["param_id"]}
    assert limits[1] == 19 * 60
    assert limits[18] == 19 * 60
    assert limits[19] == limits[21] == 18 * 60


# MTG-01: comprehensive meetings


def test_mtg_01_a_second_comprehensive_meeting_of_a_year_is_a_breach_in_its_month() -> None:
    january = _meeting("M-1", burden_subkind="综合", start_date=date(2026, 1, 5))
    march = _meeting("M-2", burden_subkind="综合", start_date=date(2026, 3, 5))
    breach = _only(found(meetings.mtg_01(burden_inputs([january, march]), PARAMETERS), "breach"))
    assert (breach["param_id"], breach["n"], breach["value"]) == ("meeting.general_per_year", 1, 2.0)
    assert (breach["threshold"], breach["evidence_refs"]) == (1.0, "M-2")
    for clean in (
        [march],
        [january, {**march, "burden_subkind": "专项"}],
        [{**january, "start_date": date(2025, 12, 30)}, march],
        [_meeting("M-1", burden_subkind="综合", counted_class="exempt_legal", start_date=date(2026, 1, 5)), march],
        [january, {**january, "source_ref": "M-3"}],
    ):
        assert found(meetings.mtg_01(burden_inputs(clean), PARAMETERS), "breach") == []


# MTG-02

NATIONAL = {"issuer_org_id": "GJ-D01", "issuer_kind": "other", "issuer_level_rank": 6, "start_date": date(2026, 3, 2)}
PREFECTURE = {
    "issuer_org_id": "SZ-D01",
    "issuer_kind": "prefecture_dept",
    "issuer_level_rank": 4,
    "start_date": date(2026, 3, 3),
    "origin_org_id": "GJ-D01",
    "subject_org_id": "GJ-D01",
}
TOWNSHIP = {"target_org_id": "QY-T01", "bearer_kind": "township", "bearer_level_rank": 2}


def _cascade(**changes: Any) -> list[dict[str, Any]]:
    return [
        _meeting("G-1", **NATIONAL, **TOWNSHIP),
        _meeting("S-1", parent_source_ref="G-1", **{**PREFECTURE, **TOWNSHIP, **changes}),
        _meeting("X-1", parent_source_ref="S-1", **{**TOWNSHIP, **changes}),
    ]


def test_mtg_02_every_level_that_added_a_meeting_answers_for_it() -> None:
    breaches = found(meetings.mtg_02(burden_inputs(_cascade()), PARAMETERS))
    assert [(row["subject_org_id"], row["n"], row["value"], row["evidence_refs"]) for row in breaches] == [
        ("QY-D01", 1, 3.0, "X-1"),
        ("SZ-D01", 1, 3.0, "S-1"),
    ]
    assert {row["param_id"] for row in breaches} == {"meeting.levels_max"}


def test_mtg_02_a_relay_to_those_who_were_not_there_is_no_breach() -> None:
    rows = [
        _meeting("G-1", **NATIONAL, target_org_id="SZ-D01"),
        _meeting("S-1", parent_source_ref="G-1", **{**PREFECTURE, "target_org_id": "QY-D01"}),
        _meeting("X-1", parent_source_ref="S-1", **TOWNSHIP),
    ]
    assert found(meetings.mtg_02(burden_inputs(rows), PARAMETERS)) == []


def test_mtg_02_exempt_far_apart_unrelated_and_same_level_meetings_do_not_cascade() -> None:
    exempt = _cascade(counted_class="exempt_emergency")
    old = [{**row, "start_date": date(2025, 12, 30)} for row in _cascade()[:2]] + _cascade()[2:]
    unrelated = [{**row, "parent_source_ref": None} for row in _cascade()]
    siblings = [
        _meeting("X-1", parent_source_ref="G-9", **TOWNSHIP),
        _meeting("X-2", parent_source_ref="G-9", issuer_org_id="QY-D02", **TOWNSHIP),
    ]
    for rows in (exempt, old, unrelated, siblings):
        assert found(meetings.mtg_02(burden_inputs([burden_row(**row) for row in rows]), PARAMETERS)) == []


def test_mtg_02_more_levels_may_be_allowed() -> None:
    three = parameters(meeting__levels_max=3, meeting__cascade_days=60)
    assert found(meetings.mtg_02(burden_inputs(_cascade()), three)) == []


def test_mtg_02_a_widened_meeting_counts_against_the_widener() -> None:
    rows = [
        _meeting("S-1", features="widens_attendance", **{**PREFECTURE, **TOWNSHIP}),
        _meeting("X-1", parent_source_ref="S-1", **TOWNSHIP),
    ]
    breaches = found(meetings.mtg_02(burden_inputs(rows), PARAMETERS))
    assert [(row["subject_org_id"], row["param_id"], row["evidence_refs"]) for row in breaches] == [
        ("QY-D01", "meeting.levels_max", "X-1"),
        ("SZ-D01", None, "S-1"),
        ("SZ-D01", "meeting.levels_max", "S-1"),
    ]
    emergency = _meeting(features="widens_attendance", counted_class="exempt_emergency")
    assert found(meetings.mtg_02(burden_inputs([emergency]), PARAMETERS)) == []


# MTG-03


@pytest.mark.parametrize(
    ("change", "is_broken"),
    [
        ({}, True),
        ({"issuer_kind": "coordinating_body"}, True),
        ({"plan_no": "P-1"}, False),
        ({"admission_id": "Z-1"}, False),
        ({"features": None}, False),
        ({"counted_class": "exempt_emergency"}, False),
        ({"issuer_kind": "other"}, False),
        ({"bearer_kind": "village", "bearer_level_rank": 1}, False),
        ({"bearer_kind": "other", "bearer_level_rank": 3}, False),
        ({"bearer_kind": "other", "bearer_level_rank": 3, "issuer_level_rank": 4}, True),
    ],
)
def test_mtg_03_heads_are_called_only_with_an_approval(change: dict[str, Any], is_broken: bool) -> None:
    row = _meeting(**{**TOWNSHIP, "features": "requires_principal", **change})
    assert bool(found(meetings.mtg_03(burden_inputs([row]), PARAMETERS))) is is_broken


# MTG-04

ORGS = organisations(
    {"org_id": "QY-COUNTY", "org_kind": "other"},
    {"org_id": "QY-D01", "parent_org_id": "QY-COUNTY"},
    {"org_id": "QY-D02", "parent_org_id": "QY-COUNTY"},
    {"org_id": "QY-S01", "org_kind": "public_institution", "parent_org_id": "QY-D01"},
    {"org_id": "QY-B01", "org_kind": "coordinating_body", "parent_org_id": "QY-COUNTY", "host_org_id": "QY-S01"},
)


def _clashes(*issuers: str, **columns: Any) -> list[dict[str, Any]]:
    rows = [_meeting(f"M-{index}", issuer_org_id=issuer, **columns) for index, issuer in enumerate(issuers)]
    return found(meetings.mtg_04(burden_inputs(rows, organisations=ORGS), PARAMETERS))


def test_mtg_04_one_system_on_one_day_is_a_breach_of_all_its_issuers() -> None:
    rows = _clashes("QY-D01", "QY-S01", "QY-B01")
    assert [(row["result_type"], row["subject_org_id"], row["value"]) for row in rows] == [
        ("breach", "QY-B01", 3.0),
        ("breach", "QY-D01", 3.0),
        ("breach", "QY-S01", 3.0),
    ]
    assert rows[0]["threshold"] == 1.0


def test_mtg_04_departments_of_one_county_are_not_one_system_and_only_watched() -> None:
    rows = _clashes("QY-D01", "QY-D02")
    assert [(row["result_type"], row["subject_org_id"]) for row in rows] == [("watch", "QY-D01"), ("watch", "QY-D02")]


def test_mtg_04_breach_and_watch_of_one_day_go_to_those_they_concern() -> None:
    rows = _clashes("QY-D01", "QY-D01", "QY-D02")
    assert [(row["result_type"], row["subject_org_id"], row["n"], row["value"]) for row in rows] == [
        ("breach", "QY-D01", 2, 2.0),
        ("watch", "QY-D02", 1, 3.0),
    ]


def test_mtg_04_other_days_other_units_and_emergencies_do_not_clash() -> None:
    assert _clashes("QY-D01") == []
    assert _clashes("QY-D01", "QY-D01", counted_class="exempt_emergency") == []
    apart = [_meeting("M-1"), _meeting("M-2", start_date=date(2026, 3, 11)), _meeting("M-3", target_org_id="QY-V02")]
    assert found(meetings.mtg_04(burden_inputs(apart, organisations=ORGS), PARAMETERS)) == []
    twice = [_meeting("M-1"), _meeting("M-1", start_date=date(2026, 3, 10), note="a second row of the event")]
    assert found(meetings.mtg_04(burden_inputs(twice, organisations=ORGS), PARAMETERS)) == []


# MTG-05


@pytest.mark.parametrize(
    ("columns", "param_id", "value"),
    [
        ({"duration_min": 240}, None, None),
        ({"duration_min": 241}, "meeting.minutes_max", 241.0),
        ({"duration_min": None}, None, None),
        ({"duration_min": 241, "counted_class": "exempt_emergency"}, None, None),
        ({"duration_min": 720, "burden_subkind": "分组讨论"}, None, None),
        ({"duration_min": 721, "burden_subkind": "分组讨论"}, "meeting.discussion_days", 721 / 480),
        ({"days": 1.5, "burden_subkind": "分组讨论"}, None, None),
        ({"days": 2, "duration_min": 60, "burden_subkind": "分组讨论"}, "meeting.discussion_days", 2.0),
        ({"duration_min": 300, "burden_kind": "video_conf"}, None, None),
    ],
)
def test_mtg_05_half_a_day_and_a_day_and_a_half_for_discussions(
    columns: dict[str, Any], param_id: str | None, value: float | None
) -> None:
    breaches = found(meetings.mtg_05(burden_inputs([_meeting(**columns)]), PARAMETERS))
    assert [(row["param_id"], row["value"]) for row in breaches] == ([(param_id, value)] if param_id else [])


# All of them


def test_row_order_changes_nothing_the_schema_holds_and_no_village_answers() -> None:
    rows = [
        *_cascade(),
        _meeting("M-2", duration_min=300, features="requires_principal", **TOWNSHIP),
        _meeting("M-3", issuer_org_id="QY-V09", issuer_kind="village", subject_org_id=None, duration_min=900),
    ]
    orgs = organisations({"org_id": "QY-D01"})

    def results(given: list[dict[str, Any]]) -> pl.DataFrame:
        inputs = burden_inputs(given, organisations=orgs, bearers=bearing_units(QY_T01=1))
        frames = [rule(inputs, PARAMETERS) for rule in meetings.RULES.values()]
        return pl.concat(pl.collect_all(frames, engine="streaming")).sort(pl.all())

    forward = results(rows)
    assert forward.equals(results(rows[::-1]))
    assert forward.schema == pl.Schema(dict(FLAG_SCHEMA))
    assert "QY-V09" not in forward["subject_org_id"].to_list()
    assert forward["subject_org_id"].null_count() == 0
