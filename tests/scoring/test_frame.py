"""The frame: who is assessed, who may rate whom, what happened in the period, and its denominators."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.datasets import DATASETS
from scoring.frame import (
    Frame,
    build_frame,
    decided_exclusions,
    denominators,
    eligible_ballots,
    frame_hash,
    frame_members,
    frozen_differences,
    pair_reasons,
    turnout,
    with_denominators,
)
from scoring.months import month_position, months_between, months_weighted
from tasks.checking.ratings import target_in_frame
from tasks.checking.references import Known

START, END = date(2026, 1, 1), date(2027, 1, 1)
JULY = date(2026, 7, 1)
LONG_AGO = date(2020, 1, 1)


def table(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    schema = DATASETS[name].stored_schema
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


def org(org_id: str, kind: str = "village", parent: str | None = "T1", **more: Any) -> dict[str, Any]:
    level = {"village": "village", "township": "township"}.get(kind, "county")
    return {
        "org_id": org_id, "org_name": f"名{org_id}", "org_kind": kind, "level": level, "parent_org_id": parent,
        "peer_group": "平原" if level == "village" else None, "valid_from": LONG_AGO,
    } | more  # fmt: skip


def rater(rater_id: str, unit: str, **more: Any) -> dict[str, Any]:
    base = {"rater_id": rater_id, "rater_org_id": unit, "rater_role": "village_cadre", "valid_from": LONG_AGO}
    return base | more


COUNTY = (
    org("C1", "other", None),
    org("C2", "other", None),
    org("T1", "township", "C1"),
    org("T2", "township", "C2"),
    org("V1"),
    org("V2"),
    org("V9", parent="T2"),
    org("D1", "county_gov_dept", "C1", peer_group="政府"),
    org("D2", "county_gov_dept", "C1", peer_group="政府"),
    org("D9", "county_gov_dept", "C2", peer_group="政府"),
    org("P1", "province_dept", None, peer_group="省直"),
    org("L1", "coordinating_body", "C1"),
)
RATERS = (rater("a", "V1"), rater("b", "V1"), rater("c", "V2"), rater("d", "T1"), rater("e", "V9"))


def made(
    *rows: dict[str, Any],
    orgs: tuple[dict[str, Any], ...] = COUNTY,
    raters: tuple[dict[str, Any], ...] = RATERS,
    start: date = START,
    end: date = END,
) -> Frame:
    delivered = table("rating_frame", *rows)
    return build_frame(delivered, table("org_unit", *orgs), table("rater", *raters), period_start=start, period_end=end)


def assessed(subject: str, **more: Any) -> dict[str, Any]:
    return {"role": "assessed", "subject_org_id": subject} | more


def pair(subject: str, unit: str) -> dict[str, Any]:
    return {"role": "may_rate", "subject_org_id": subject, "rater_org_id": unit}


def excluded(subject: str, unit: str | None = None) -> dict[str, Any]:
    row = {"role": "excluded", "subject_org_id": subject, "rater_org_id": unit}
    return row | {"reason": "本期主要负责人空缺", "decided_by_org_id": "C1"}


def ids(frame: Frame, role: str) -> list[str]:
    return frame.assessed.filter(pl.col("role") == role)["org_id"].to_list()


def reason(frame: Frame, unit: str, department: str) -> str | None:
    rows = pair_reasons(pl.DataFrame({"rater_org_id": [unit], "ratee_org_id": [department]}), frame)
    found: str | None = rows["reason"][0]
    return found


def counts(frame: Frame) -> dict[str, tuple[int, int]]:
    rows = denominators(frame)
    assert not rows["ratee_org_id"].is_duplicated().any()
    return {ratee: (units, raters) for ratee, units, raters in rows.iter_rows()}


def test_without_a_frame_units_rate_their_own_line_of_parents_and_who_has_none() -> None:
    frame = made()
    assert not frame.delivered
    assert ids(frame, "assessed_department") == ["D1", "D2", "D9", "P1"]
    assert ids(frame, "assessed_unit") == ["T1", "T2", "V1", "V2", "V9"]
    assert reason(frame, "V1", "D1") is None
    assert reason(frame, "V9", "D1") == "NOT_IN_FRAME"
    assert reason(frame, "V9", "P1") is None
    assert reason(frame, "V1", "L1") == "NOT_ASSESSED"
    assert reason(frame, "T2", "D9") == "NOT_A_RATER"
    assert counts(frame) == {"D1": (3, 4), "D2": (3, 4), "D9": (1, 1), "P1": (4, 5)}


def test_a_delivered_frame_says_who_is_assessed_and_by_whom() -> None:
    rows = (assessed("D1", peer_group="一类"), assessed("D9"), pair("D9", "V1"), excluded("D1", "V2"), excluded("D9"))
    frame = made(*rows)
    assert frame.delivered
    assert ids(frame, "assessed_department") == ["D1"]
    assert ids(frame, "assessed_unit") == ["T1", "T2", "V1", "V2", "V9"]
    assert frame.assessed.filter(pl.col("org_id") == "D1")["peer_group"].item() == "一类"
    assert reason(frame, "V9", "D1") is None
    assert reason(frame, "V2", "D1") == "EXCLUDED"
    assert reason(frame, "V1", "D9") == "EXCLUDED"
    assert reason(frame, "V1", "D2") == "NOT_ASSESSED"
    assert counts(frame) == {"D1": (3, 4)}


def test_named_units_alone_rate_and_residents_count_only_by_name() -> None:
    people = (*RATERS, rater("r", "V2", rater_role="resident"), rater("s", "V9", rater_role="enterprise"))
    frame = made(assessed("D1"), assessed("D2"), pair("D1", "V2"), raters=people)
    assert reason(frame, "V1", "D1") == "NOT_IN_FRAME"
    assert counts(frame) == {"D1": (1, 2), "D2": (4, 6)}
    assert sorted(frame.raters["rater_id"]) == ["a", "b", "c", "d", "e", "r"]


def test_an_exclusion_decided_later_needs_a_document_and_does_not_make_a_frame_delivered() -> None:
    row = {
        "adj_kind": "exclusion",
        "target_table": "rating_frame",
        "target_key": "{}",
        "org_id": "D2",
        "period_id": "2026",
        "grounds": "撤并筹备",
        "decision": "upheld",
        "decision_doc_no": "云考〔2026〕3号",
        "decided_by_org_id": "C1",
    }
    pair_key = '{"period_id":"2026","role":"excluded","subject_org_id":"D1","rater_org_id":"V1"}'
    decisions = table(
        "adjustment",
        row,
        row | {"target_key": pair_key, "org_id": "C1"},
        row | {"org_id": "D9", "decision": "pending"},
        row | {"org_id": "P1", "decision_doc_no": " "},
        row | {"org_id": "V2", "target_table": "rating_event"},
        row | {"org_id": "V9", "period_id": "2025"},
    )
    found = decided_exclusions(decisions, period_id="2026")
    reason_text = "撤并筹备; 云考〔2026〕3号"
    assert found.rows() == [("D1", "V1", reason_text, "C1"), ("D2", None, reason_text, "C1")]
    plain = made()
    frame = build_frame(
        table("rating_frame"), table("org_unit", *COUNTY), table("rater", *RATERS), period_start=START, period_end=END,
        exclusions=found,
    )  # fmt: skip
    assert not frame.delivered
    assert ids(frame, "assessed_department") == ["D1", "D9", "P1"]
    assert reason(frame, "V1", "D1") == "EXCLUDED"
    assert reason(frame, "V9", "D1") == reason(plain, "V9", "D1") == "NOT_IN_FRAME"
    assert counts(frame)["D1"] == (2, 2)


def test_listing_units_leaves_the_others_out() -> None:
    frame = made(assessed("V1"), assessed("D1"))
    assert (ids(frame, "assessed_unit"), ids(frame, "assessed_department")) == (["V1"], ["D1"])
    assert ids(made(assessed("V1")), "assessed_department") == []


def test_an_assessed_organisation_must_be_in_the_register_in_the_period() -> None:
    gone = (*COUNTY, org("D7", "county_gov_dept", "C1", valid_to=date(2025, 6, 1)))
    with pytest.raises(ValueError, match="D7"):
        made(assessed("D7"), orgs=gone)
    with pytest.raises(ValueError, match="empty"):
        made(start=END)


def test_an_organisation_that_begins_after_the_period_is_not_read() -> None:
    later = (*COUNTY, org("D8", "county_gov_dept", "C1", valid_from=END), org("V8", valid_from=date(2027, 3, 1)))
    assert frame_hash(made(orgs=later)) == frame_hash(made())


MERGER = (
    *(row for row in COUNTY if row["org_id"] not in {"V1", "V2"}),
    org("V1", valid_to=JULY),
    org("V2", valid_to=JULY),
    org(
        "V3", peer_group="城区", valid_from=JULY, change_kind="merge",
        predecessor_org_ids="V1;V2", predecessor_shares="0.75;0.25",
    ),
)  # fmt: skip


def test_a_merged_unit_is_weighted_by_months_and_has_no_improvement() -> None:
    frame = made(orgs=MERGER)
    assert ids(frame, "assessed_unit") == ["T1", "T2", "V3", "V9"]
    merged = frame.assessed.filter(pl.col("org_id") == "V3").row(0, named=True)
    assert (merged["months"], merged["peer_group"]) == (6_000_000, "城区")
    assert (merged["improvement"], merged["baseline_org_id"]) == (False, None)
    parts = frame.lineage.filter(pl.col("org_id") == "V3").select("part_org_id", "share", "months").rows()
    assert parts == [("V1", 750_000, 6_000_000), ("V2", 250_000, 6_000_000), ("V3", 1_000_000, 6_000_000)]
    # (0.75 * 80 + 0.25 * 60) * 6 + 90 * 6 = 990 of 12 months: 82.5
    values = pl.DataFrame({"org_id": ["V1", "V2", "V3", "V9"], "score100": [80, 60, 90, 71]})
    rows = months_weighted(values.with_columns(pl.col("score100") * 1_000_000), frame.lineage, value="score100")
    assert rows.rows() == [("V3", 82_500_000, 1_000_000), ("V9", 71_000_000, 1_000_000)]


def test_a_missing_part_of_a_merged_unit_never_counts_as_zero() -> None:
    frame = made(orgs=MERGER)
    values = pl.DataFrame({"org_id": ["V1", "V3"], "score100": [80, None]}, schema_overrides={"score100": pl.Int64})
    assert months_weighted(values, frame.lineage, value="score100").rows() == [("V3", 80, 375_000)]


def test_a_listed_unit_that_merges_is_assessed_through_its_successor() -> None:
    frame = made(assessed("V1", peer_group="平原"), assessed("V9"), assessed("D1"), orgs=MERGER)
    assert ids(frame, "assessed_unit") == ["V3", "V9"]


def test_a_chain_of_changes_is_followed_to_the_first_day() -> None:
    orgs = (
        *COUNTY,
        org("A", valid_to=date(2026, 4, 1)),
        org(
            "B", valid_from=date(2026, 4, 1), valid_to=date(2026, 10, 1), change_kind="recode", predecessor_org_ids="A"
        ),
        org("C", valid_from=date(2026, 10, 1), change_kind="merge", predecessor_org_ids="B;V1;V2"),
        org("V7", valid_from=date(2026, 10, 1), change_kind="split", predecessor_org_ids="V9"),
    )
    frame = made(orgs=orgs)
    parts = frame.lineage.filter(pl.col("org_id") == "C").select("part_org_id", "share", "months").rows()
    third = 333_333
    assert sorted(parts) == [
        ("A", third + 1, 3_000_000),
        ("B", third + 1, 6_000_000),
        ("C", 1_000_000, 3_000_000),
        ("V1", third, 9_000_000),
        ("V2", third, 9_000_000),
    ]
    assert frame.lineage.filter(pl.col("org_id") == "V7")["months"].to_list() == [9_000_000, 3_000_000]
    # V1 and V2 did not end: they are assessed themselves as well.
    assert set(ids(frame, "assessed_unit")) == {"C", "T1", "T2", "V1", "V2", "V7", "V9"}


def test_two_halves_of_an_organisation_that_merge_again_are_that_organisation() -> None:
    april, october = date(2026, 4, 1), date(2026, 10, 1)
    orgs = (
        org("A", valid_to=april),
        org("B1", valid_from=april, valid_to=october, change_kind="split", predecessor_org_ids="A"),
        org("B2", valid_from=april, valid_to=october, change_kind="split", predecessor_org_ids="A"),
        org("C", valid_from=october, change_kind="merge", predecessor_org_ids="B1;B2"),
    )
    parts = made(orgs=orgs, raters=()).lineage.filter(pl.col("org_id") == "C").select("part_org_id", "share", "months")
    assert parts.rows() == [
        ("A", 1_000_000, 3_000_000),
        ("B1", 500_000, 6_000_000),
        ("B2", 500_000, 6_000_000),
        ("C", 1_000_000, 3_000_000),
    ]


def test_a_unit_closed_after_part_of_it_split_off_has_left_and_keeps_its_months() -> None:
    orgs = (
        org("V1", valid_to=date(2026, 9, 1)),
        org("V7", valid_from=date(2026, 3, 1), change_kind="split", predecessor_org_ids="V1"),
    )
    frame = made(orgs=orgs, raters=())
    assert frame.assessed.select("org_id", "months").rows() == [("V1", 8_000_000), ("V7", 10_000_000)]
    assert ("V1", date(2026, 9, 1), "left", None) in frame.events.rows()


def test_an_organisation_that_continues_itself_keeps_its_own_first_part() -> None:
    orgs = (
        org("C1", "other", None),
        org("V1", valid_to=JULY),
        org("V1", valid_from=JULY, change_kind="merge", predecessor_org_ids="V1;V2", predecessor_shares="0.6;0.4"),
        org("V2", valid_to=JULY),
    )
    frame = made(orgs=orgs, raters=())
    assert ids(frame, "assessed_unit") == ["V1"]
    parts = frame.lineage.select("part_org_id", "share", "months").rows()
    assert sorted(parts) == [("V1", 600_000, 6_000_000), ("V1", 1_000_000, 6_000_000), ("V2", 400_000, 6_000_000)]


def test_a_new_code_is_the_same_unit() -> None:
    orgs = (
        *(row for row in COUNTY if row["org_id"] not in {"V1", "D1"}),
        org("V1", valid_to=JULY),
        org("V1N", valid_from=JULY, change_kind="recode", predecessor_org_ids="V1"),
        org("D1", "county_gov_dept", "C1", valid_to=JULY),
        org("D1N", "county_gov_dept", "C1", valid_from=JULY, change_kind="recode", predecessor_org_ids="D1"),
    )
    frame = made(orgs=orgs)
    unit = frame.assessed.filter(pl.col("org_id") == "V1N").row(0, named=True)
    assert (unit["improvement"], unit["baseline_org_id"]) == (True, "V1")
    ballots = pl.DataFrame({
        "rater_id": ["c", "c", "d"],
        "rater_org_id": ["V2", "V2", "T1"],
        "ratee_org_id": ["D1", "D1N", "D1"],
        "value": [1, 2, 3],
    })  # fmt: skip
    judged = eligible_ballots(ballots, frame)
    assert judged.kept.rows() == [("c", "V2", "D1N", 2), ("d", "T1", "D1N", 3)]
    assert judged.refused.rows() == [("REPLACED", 1)]


def test_ratings_of_one_of_several_predecessors_stay_behind() -> None:
    orgs = (
        *(row for row in COUNTY if row["org_id"] not in {"D1", "D2"}),
        org("D1", "county_gov_dept", "C1", valid_to=JULY),
        org("D2", "county_gov_dept", "C1", valid_to=JULY),
        org("D3", "county_gov_dept", "C1", valid_from=JULY, change_kind="merge", predecessor_org_ids="D1;D2"),
    )
    frame = made(orgs=orgs)
    assert reason(frame, "V1", "D1") == "REPLACED"
    assert reason(frame, "V1", "D3") is None
    assert set(counts(frame)) == {"D3", "D9", "P1"}


def test_every_entry_exit_and_move_is_an_event_with_its_day() -> None:
    orgs = (
        org("T1", "township", None),
        org("T2", "township", None),
        org("V1", valid_to=JULY),
        org("V1", parent="T2", valid_from=JULY, change_kind="transfer"),
        org("V2", valid_to=date(2026, 3, 1), change_kind="abolish"),
        org("V3", valid_from=date(2026, 5, 1), change_kind="new"),
        org("V4", valid_to=date(2026, 9, 1)),
        org("V4", org_name="新名", valid_from=date(2026, 9, 1), change_kind="rename"),
        org("V5", valid_to=date(2026, 11, 1)),
        org("V6", valid_from=date(2026, 11, 1), change_kind="recode", predecessor_org_ids="V5"),
    )
    frame = made(orgs=orgs, raters=())
    assert frame.events.rows() == [
        ("V1", JULY, "moved", "T2"),
        ("V2", date(2026, 3, 1), "left", None),
        ("V3", date(2026, 5, 1), "entered", None),
        ("V4", date(2026, 9, 1), "renamed", None),
        ("V5", date(2026, 11, 1), "replaced", "V6"),
        ("V6", date(2026, 11, 1), "recoded", "V5"),
    ]
    months = dict(frame.assessed.select("org_id", "months").rows())
    assert months == {
        "T1": 12_000_000, "T2": 12_000_000, "V1": 12_000_000, "V2": 2_000_000, "V3": 8_000_000, "V4": 12_000_000,
        "V6": 2_000_000,
    }  # fmt: skip
    members = frame_members(frame, period_id="2026").select("org_id", "event").drop_nulls().rows()
    assert ("V6", "recoded 2026-11-01 V5") in members
    assert ("V2", "left 2026-03-01") in members


def test_shares_of_predecessors_must_sum_to_one() -> None:
    orgs = (org("V1"), org("V2"), org("V3", valid_from=JULY, predecessor_org_ids="V1;V2", predecessor_shares="0.5;0.4"))
    with pytest.raises(ValueError, match="V3"):
        made(orgs=orgs)
    earlier = tuple(row | {"valid_from": LONG_AGO} for row in orgs)
    assert ids(made(orgs=earlier), "assessed_unit") == ["V1", "V2", "V3"]


def test_a_rater_who_moves_votes_for_the_unit_of_the_day() -> None:
    people = (rater("a", "V1", valid_to=JULY), rater("a", "V2", valid_from=JULY), rater("c", "V2"))
    frame = made(raters=people)
    ballots = pl.DataFrame({
        "rater_id": ["a", "a", "a", "c"],
        "rater_org_id": ["V1", "V1", "V1", "V1"],
        "ratee_org_id": ["D1", "D2", "P1", "D1"],
        "submitted_on": [date(2026, 6, 30), JULY, None, date(2025, 12, 31)],
    })  # fmt: skip
    judged = eligible_ballots(ballots, frame)
    assert judged.kept.select("rater_id", "rater_org_id", "ratee_org_id").rows() == [
        ("a", "V1", "D1"), ("a", "V2", "D2"), ("a", "V1", "P1"),
    ]  # fmt: skip
    assert judged.refused.rows() == [("NOT_A_RATER", 1)]
    # Counted once, where the last post is.
    assert frame.units.select("rater_org_id", "n_raters").rows() == [("V1", 0), ("V2", 2)]


def test_without_dealings_there_is_no_rating() -> None:
    ballots = pl.DataFrame({"rater_id": ["a", "c"], "rater_org_id": ["V1", "V2"], "ratee_org_id": ["D1", "D1"]})
    judged = eligible_ballots(ballots, made(), dealings=ballots.filter(pl.col("rater_id") == "c"))
    assert judged.kept["rater_id"].to_list() == ["c"]
    assert judged.refused.rows() == [("NO_DEALINGS", 1)]


def test_no_organisation_rates_itself() -> None:
    people = (*RATERS, rater("z", "D1"))
    frame = made(raters=people)
    assert reason(frame, "D1", "D1") == "OWN_DEPARTMENT"
    assert counts(frame)["D1"] == (3, 4)
    assert counts(frame)["D2"] == (4, 5)


def test_every_denominator_joins_to_the_frame() -> None:
    frame = made()
    scores = pl.DataFrame({"ratee_org_id": ["P1", "D9"], "score_raw_mean": [80.0, 70.0]})
    assert with_denominators(scores, frame).rows() == [("P1", 80.0, 4, 5), ("D9", 70.0, 1, 1)]
    units = pl.DataFrame({"org_id": ["V9", "T1"]})
    assert with_denominators(units, frame).rows() == [("V9", 12_000_000, 3), ("T1", 12_000_000, 2)]
    with pytest.raises(ValueError, match="L1"):
        with_denominators(pl.DataFrame({"ratee_org_id": ["D1", "L1"]}), frame)


def test_the_members_show_every_role_with_reason_and_who_decided() -> None:
    frame = made(assessed("D1"), assessed("D9"), pair("D1", "V2"), excluded("D9"), excluded("D1", "V1"))
    rows = frame_members(frame, period_id="2026").select("role", "org_id", "other_org_id", "reason").rows()
    assert ("excluded", "D9", "*", "本期主要负责人空缺") in rows
    assert ("excluded", "D1", "V1", "本期主要负责人空缺") in rows
    assert ("may_rate", "V2", "D1", None) in rows
    assert ("may_rate", "V9", "*", None) in rows
    assert ("assessed_department", "D1", "*", None) in rows


def test_the_frozen_frame_and_todays_registers_are_compared_line_by_line() -> None:
    out = (assessed("D9"), excluded("D9"))
    frozen = made(assessed("D1", peer_group="一类"), assessed("D2"), *out)
    same = made(*out[::-1], assessed("D2"), assessed("D1", peer_group="一类"))
    assert frozen_differences(frozen, same).is_empty()
    people = (*RATERS[1:], rater("n", "V1"), rater("m", "V1"))
    now = made(assessed("D1", peer_group="二类"), assessed("D2"), excluded("D2"), *out, raters=people)
    found = frozen_differences(frozen, now).rows()
    assert found == [
        ("assessed", "D1", None, "peer_group", "一类", "二类"),
        ("assessed", "D2", None, "listed", "yes", None),
        ("excluded", "D2", None, "listed", None, "yes"),
        ("lineage", "D2", "D2", "listed", "yes", None),
        ("ratees", "D2", None, "listed", "yes", None),
        ("raters", "V1", None, "posts", "-1", "+2"),
        ("units", "V1", None, "n_raters", "2", "3"),
    ]
    assert frame_hash(frozen) != frame_hash(now)


@pytest.mark.parametrize("part", ["assessed", "ratees", "pairs", "within", "excluded", "units", "raters", "lineage"])
def test_every_part_counts_in_the_hash(part: str) -> None:
    frame = made(assessed("D1"), assessed("D2"), pair("D1", "V1"), excluded("D2", "V2"), start=START)
    if part == "within":
        frame = made()
    rows = getattr(frame, part)
    assert rows.height
    assert frame_hash(replace(frame, **{part: rows.head(rows.height - 1)})) != frame_hash(frame)


def test_the_hash_does_not_depend_on_the_order_of_rows() -> None:
    assert frame_hash(made(orgs=COUNTY[::-1], raters=RATERS[::-1])) == frame_hash(made())


# Months


def test_months_of_a_year_and_its_halves() -> None:
    days = pl.DataFrame({"first": [START, JULY, date(2026, 2, 1), date(2024, 2, 1)],
                         "end": [END, END, date(2026, 2, 15), date(2024, 2, 15)]})  # fmt: skip
    months = days.select(months_between(pl.col("first"), pl.col("end"))).to_series().to_list()
    assert months == [12_000_000, 6_000_000, 500_000, 482_759]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.dates(date(2023, 12, 1), date(2025, 2, 1)), min_size=3, max_size=6).map(sorted))
def test_months_of_parts_add_up_and_are_within_a_millionth_of_the_fraction(days: list[date]) -> None:
    frame = pl.DataFrame({"first": days[:-1], "end": days[1:]})
    parts = frame.select(months_between(pl.col("first"), pl.col("end"))).to_series()
    whole = pl.DataFrame({"first": [days[0]], "end": [days[-1]]})
    assert parts.sum() == whole.select(months_between(pl.col("first"), pl.col("end"))).item()

    def exact(day: date) -> Fraction:
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return day.year * 12 + day.month - 1 + Fraction(day.day - 1, (following - day.replace(day=1)).days)

    positions = pl.DataFrame({"day": days}).select(month_position(pl.col("day"))).to_series().to_list()
    for position, day in zip(positions, days, strict=True):
        assert abs(Fraction(position, 1_000_000) - exact(day)) <= Fraction(1, 2_000_000)


def test_two_values_for_one_part_are_refused() -> None:
    values = pl.DataFrame({"org_id": ["V1", "V1"], "score100": [1, 2]})
    with pytest.raises(ValueError, match="two values"):
        months_weighted(values, made().lineage, value="score100")


# The rule of eligibility against a slow, independent one, and against the check of arriving rows


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    roots = ["C1", "C2"]
    orgs = [org(root, "other", draw(st.sampled_from([None, "P"]))) for root in roots] + [org("P", "other", None)]
    townships = [f"T{n}" for n in range(draw(st.integers(1, 3)))]
    orgs += [org(name, "township", draw(st.sampled_from(roots))) for name in townships]
    villages = [f"V{n}" for n in range(draw(st.integers(1, 5)))]
    orgs += [org(name, "village", draw(st.sampled_from([*townships, *roots]))) for name in villages]
    departments = [f"D{n}" for n in range(draw(st.integers(1, 4)))]
    orgs += [
        org(name, "county_gov_dept", draw(st.sampled_from([None, "P", *roots, *townships]))) for name in departments
    ]
    units = st.sampled_from([*townships, *villages, *departments])
    raters = [rater(f"r{n}", draw(units)) for n in range(draw(st.integers(0, 8)))]
    rows = []
    if draw(st.booleans()):
        rows = [assessed(name) for name in departments if draw(st.booleans())]
        rows += [pair(draw(st.sampled_from(departments)), draw(units)) for _ in range(draw(st.integers(0, 5)))]
        subjects = st.sampled_from(departments)
        rows += [excluded(draw(subjects), draw(units | st.none())) for _ in range(draw(st.integers(0, 2)))]
    unique = {(row["role"], row["subject_org_id"], row.get("rater_org_id")): row for row in rows}
    return orgs, raters, list(unique.values())


def ancestors(orgs: list[dict[str, Any]], org_id: str) -> set[str]:
    parents = {row["org_id"]: row["parent_org_id"] for row in orgs}
    line = [org_id]
    while parents.get(line[-1]):
        line.append(parents[line[-1]])
    return set(line)


def may_rate(orgs: list[dict[str, Any]], rows: list[dict[str, Any]], unit: str, department: str) -> bool:
    """The rule of the input contract in its own words, row by row."""
    if unit == department:
        return False
    about = [row for row in rows if row["subject_org_id"] == department]
    listed = [row["subject_org_id"] for row in rows if row["role"] == "assessed"]
    if any(row["role"] == "excluded" and row["rater_org_id"] in {None, unit} for row in about):
        return False
    if listed and department not in listed:
        return False
    named = [row["rater_org_id"] for row in about if row["role"] == "may_rate"]
    if named:
        return unit in named
    parent = next(row["parent_org_id"] for row in orgs if row["org_id"] == department)
    return bool(rows) or parent is None or parent in ancestors(orgs, unit)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(programs())
def test_eligibility_denominators_and_the_check_of_arriving_rows_agree_with_the_rule_in_words(
    program: tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    orgs, raters, rows = program
    frame = made(*rows, orgs=tuple(orgs), raters=tuple(raters))
    departments = [row["org_id"] for row in orgs if row["org_kind"] == "county_gov_dept"]
    units = [row["org_id"] for row in orgs if row["org_id"] not in {"P", "C1", "C2"}]
    pairs = pl.DataFrame([(unit, name) for unit in units for name in departments],
                         schema=["rater_org_id", "ratee_org_id"], orient="row")  # fmt: skip
    staffed = {row["rater_org_id"] for row in raters}
    judged = pair_reasons(pairs, frame)
    for name, unit, _counted_for, why in judged.iter_rows():
        assert (why is None) == (may_rate(orgs, rows, unit, name) and unit in staffed), (unit, name, why)
    for name, (n_units, n_raters) in counts(frame).items():
        eligible = {unit for unit in staffed if may_rate(orgs, rows, unit, name)}
        assert n_units == len(eligible)
        assert n_raters == sum(row["rater_org_id"] in eligible for row in raters)
    frame_reasons = ["EXCLUDED", "NOT_ASSESSED", "NOT_IN_FRAME"]
    refused = set(judged.filter(pl.col("reason").is_in(frame_reasons)).select(pairs.columns).rows())
    arriving = pairs.rename({"ratee_org_id": "target_org_id"}).with_columns(period_id=pl.lit("2026"))
    delivered = [row | {"period_id": "2026"} for row in rows]
    known = Known({"rating_frame": table("rating_frame", *delivered), "org_unit": table("org_unit", *orgs)})
    lines = target_in_frame.problems(arriving.with_row_index("_index"), known)
    at_check = {pairs.row(index) for index in lines["_index"]}
    # Rating oneself and rating without being a rater are refused by other checks.
    compared = {(unit, name) for unit, name in pairs.iter_rows() if unit in staffed and unit != name}
    assert at_check & compared == refused & compared


# Turnout


ONE_DEPARTMENT = made(orgs=(org("D1", "county_gov_dept", None),), raters=())


def strata(sizes: dict[tuple[str, str | None], int], per_unit: int = 2) -> tuple[Frame, pl.DataFrame]:
    """A frame of as many units as each stratum says, ``per_unit`` raters in each, of whom the first voted."""
    units, raters, ballots = [], [], []
    for (kind, group), n_units in sizes.items():
        for number in range(n_units):
            unit = f"{kind[0]}{group}{number}"
            units.append((unit, unit, kind, group, per_unit))
            raters += [(f"{unit}r{person}", unit, START, END) for person in range(per_unit)]
            ballots.append((f"{unit}r0", unit, "D1"))
    given = {"units": units, "raters": raters}
    parts = {
        name: pl.DataFrame(rows, schema=getattr(ONE_DEPARTMENT, name).schema, orient="row")
        for name, rows in given.items()
    }
    rows = pl.DataFrame(ballots, schema=["rater_id", "rater_org_id", "ratee_org_id"], orient="row")
    return replace(ONE_DEPARTMENT, **parts), rows


def shown(frame: Frame, ballots: pl.DataFrame, *, closed: bool = True) -> dict[str, tuple[int, int, int, int]]:
    rows = turnout(frame, ballots, period_id="2026", closed=closed).filter(pl.col("role") == "may_rate")
    columns = ["stratum", "n_eligible_units", "n_rated_units", "n_eligible_raters", "n_raters"]
    return {row[0]: row[1:] for row in rows.select(columns).iter_rows()}


def test_turnout_is_shown_only_after_closing() -> None:
    frame, ballots = strata({("village", "平原"): 6})
    assert turnout(frame, ballots, period_id="2026", closed=False).is_empty()
    rows = turnout(frame, ballots, period_id="2026", closed=True).to_dicts()
    assert [(row["role"], row["stratum"], row["n_eligible_units"], row["n_rated_units"]) for row in rows] == [
        ("assessed_department", "*", 1, 1),
        ("may_rate", "village/平原", 6, 6),
    ]
    assert rows[1]["turnout"] == 0.5


def test_strata_below_the_minimum_cell_are_merged_until_they_are_not() -> None:
    frame, ballots = strata({("village", "平原"): 9, ("village", "山区"): 3, ("village", "城区"): 3})
    assert set(shown(frame, ballots)) == {"village/平原", "village/*"}
    # One small stratum alone takes the next smallest in, so that the rest does not give it away.
    frame, ballots = strata({("village", "平原"): 9, ("village", "山区"): 6, ("village", "城区"): 2})
    assert shown(frame, ballots) == {"village/平原": (9, 9, 18, 9), "village/*": (8, 8, 16, 8)}
    # A kind too small as a whole goes to another kind.
    frame, ballots = strata({("village", "平原"): 9, ("village", None): 7, ("township", "城区"): 2})
    assert shown(frame, ballots) == {"village/平原": (9, 9, 18, 9), "*": (9, 9, 18, 9)}


def test_units_too_few_altogether_are_suppressed() -> None:
    frame, ballots = strata({("village", "平原"): 4})
    row = turnout(frame, ballots, period_id="2026", closed=True).filter(pl.col("role") == "may_rate").to_dicts()[0]
    assert (row["n_eligible_units"], row["n_raters"], row["turnout"]) == (None, None, None)
    assert row["reason_codes"] == "SUPPRESSED_SMALL_N"
    frame, ballots = strata({("village", "平原"): 6}, per_unit=1)
    assert set(shown(frame, ballots).values()) == {(None, None, None, None)}


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["village", "township", "subdistrict"]), st.sampled_from(["甲", "乙", "丙", None])),
        st.integers(1, 9),
        min_size=1,
    )
)
def test_invariant_21_no_stratum_of_turnout_is_below_the_minimum_cell(sizes: dict[tuple[str, str | None], int]) -> None:
    frame, ballots = strata(sizes)
    rows = shown(frame, ballots)
    total = sum(sizes.values())
    if total < 5:
        assert set(rows.values()) == {(None, None, None, None)}
    else:
        assert all(units >= 5 and raters >= 10 for units, _, raters, _ in rows.values())
        assert sum(units for units, *_ in rows.values()) == total


def test_a_rater_who_moved_is_counted_once_where_they_voted() -> None:
    frame, ballots = strata({("village", "平原"): 5, ("village", "山区"): 5}, per_unit=3)
    moved = pl.DataFrame({"rater_id": ["v平原0r0"], "rater_org_id": ["v山区0"], "first": [JULY], "end": [END]})
    posts = pl.concat([frame.raters, moved]).sort("rater_id", "first")
    after = shown(replace(frame, raters=posts), ballots)
    assert after == {"village/平原": (5, 5, 15, 5), "village/山区": (5, 5, 15, 5)}
    silent = shown(replace(frame, raters=posts), ballots.filter(pl.col("rater_id") != "v平原0r0"))
    assert silent == {"village/平原": (5, 4, 14, 4), "village/山区": (5, 5, 16, 5)}


def test_ballots_of_another_frame_are_refused() -> None:
    frame, ballots = strata({("village", "平原"): 6})
    with pytest.raises(ValueError, match="not in the frame"):
        turnout(frame, ballots.with_columns(rater_id=pl.lit("stranger")), period_id="2026", closed=True)
