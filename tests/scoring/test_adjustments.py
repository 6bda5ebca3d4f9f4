"""Adjustments are visible steps: exemptions only lift, appeals change only the appellant, refusals say why."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.adjustments import (
    GROUNDS,
    AppealRules,
    ExemptionRules,
    applied,
    apply_exemptions,
    correct_facts,
    exclusion_steps,
    only_appellants,
    select_adders,
    select_adjustments,
    within_range,
)
from scoring.exact import POINT
from scoring.incentives import AdderRules, incentive_scores

DECIMAL = pl.Decimal(18, 6)
SCHEMA: Mapping[str, Any] = {
    "adjustment_id": pl.String,
    "adj_kind": pl.String,
    "target_table": pl.String,
    "target_key": pl.String,
    "org_id": pl.String,
    "period_id": pl.String,
    "filed_at": pl.Date,
    "grounds": pl.String,
    "decision": pl.String,
    "decided_value": DECIMAL,
    "decided_at": pl.Date,
    "decision_doc_no": pl.String,
}
FILED = dt.date(2027, 1, 10)


def adjustment(number: int, kind: str, key: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    row = {
        "adjustment_id": f"ADJ{number:02d}",
        "adj_kind": kind,
        "target_table": "performance_fact",
        "target_key": json.dumps(key, ensure_ascii=False),
        "org_id": "V0",
        "period_id": "2026",
        "filed_at": FILED,
        "grounds": "见附件",
        "decision": "upheld",
        "decided_value": None,
        "decided_at": FILED + dt.timedelta(days=5),
        "decision_doc_no": f"青考〔2027〕{number} 号",
    }
    return row | changes


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(SCHEMA))


def selected(*rows: dict[str, Any]) -> pl.DataFrame:
    return select_adjustments(frame(*rows), AppealRules(), period_id="2026").rows


def scores(*rows: tuple[str, str, int | None, int]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={"org_id": pl.String, "indicator_id": pl.String, "score100": pl.Int64, "weight": pl.Int64},
        orient="row",
    )


def exemption(number: int, indicator: str, **changes: Any) -> dict[str, Any]:
    return adjustment(number, "exemption", {"indicator_id": indicator}, **changes)


def test_only_decided_adjustments_of_the_period_are_selected() -> None:
    key = {"indicator_id": "WATER", "period_id": "2026", "ground": "wrong_fact"}
    rows = [
        adjustment(1, "appeal", key, decision="pending"),
        adjustment(2, "appeal", key, decision="rejected"),
        adjustment(3, "appeal", key, decision="withdrawn"),
        adjustment(4, "appeal", key, period_id="2025"),
        adjustment(5, "appeal", key),
        adjustment(6, "appeal", key, decision="partly"),
    ]
    result = select_adjustments(frame(*rows), AppealRules(), period_id="2026")
    assert result.rows["adjustment_id"].to_list() == ["ADJ05", "ADJ06"]
    assert result.rows.select("indicator_id", "fact_period_id", "ground").row(0) == ("WATER", "2026", "wrong_fact")
    assert result.steps.height == 0


def test_refused_adjustments_are_steps_with_a_reason() -> None:
    preview = FILED - dt.timedelta(days=31)
    rows = [
        adjustment(1, "appeal", {"indicator_id": "WATER", "ground": "unfair"}),
        adjustment(2, "appeal", {"ground": "wrong_fact"}),
        exemption(3, "WATER", decision_doc_no=" "),
        adjustment(4, "appeal", {}, grounds=" wrong_baseline ", filed_at=preview + dt.timedelta(days=30)),
        adjustment(5, "appeal", {}, filed_at=preview),
        exemption(6, "WATER"),
        adjustment(7, "appeal", {}, filed_at=preview, grounds=None),
    ]
    result = select_adjustments(frame(*rows), AppealRules(preview_on=preview), period_id="2026")
    assert result.rows["adjustment_id"].to_list() == ["ADJ04", "ADJ06"]
    assert result.steps.select("adjustment_id", "reason_codes").rows() == [
        ("ADJ01", "GROUND_NOT_LISTED;FILED_TOO_LATE"),
        ("ADJ02", "FILED_TOO_LATE"),
        ("ADJ03", "NO_DECISION_DOCUMENT"),
        ("ADJ05", "GROUND_NOT_LISTED"),
        ("ADJ07", "GROUND_NOT_LISTED"),
    ]


def test_an_adjustment_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        selected(exemption(1, "WATER"), exemption(1, "WATER"))


def test_every_ground_of_the_closed_list_is_accepted() -> None:
    assert len(GROUNDS) == len(set(GROUNDS)) == 9
    rows = [adjustment(number, "appeal", {"ground": ground}) for number, ground in enumerate(GROUNDS)]
    assert selected(*rows)["ground"].to_list() == list(GROUNDS)


def facts(*rows: tuple[str, str, str, str | None]) -> pl.DataFrame:
    named = [(a, b, c, None if d is None else Decimal(d), number) for number, (a, b, c, d) in enumerate(rows)]
    schema = {"indicator_id": pl.String, "org_id": pl.String, "period_id": pl.String, "value": DECIMAL, "row": pl.Int64}
    return pl.DataFrame(named, schema=schema, orient="row")


def test_a_decided_value_takes_the_place_of_the_fact_and_of_no_other() -> None:
    before = facts(
        ("WATER", "V0", "2026", "80"),
        ("WATER", "V1", "2026", "70"),
        ("ROADS", "V0", "2026", "60"),
        ("WATER", "V0", "2025", "50"),
        ("FOREST", "V0", "2026", None),
    )
    key = {"indicator_id": "WATER", "period_id": "2026", "ground": "wrong_fact"}
    baseline = {**key, "period_id": "2025", "ground": "wrong_baseline"}
    rows = selected(
        adjustment(1, "appeal", key, decided_value=Decimal("88.5")),
        adjustment(2, "correction", baseline, decided_value=Decimal(45)),
        adjustment(3, "correction", {**key, "indicator_id": "FOREST"}, decided_value=Decimal(9)),
        adjustment(4, "correction", {**key, "indicator_id": "BRIDGES"}, decided_value=Decimal(1)),
        adjustment(5, "exemption", key, decided_value=Decimal(75)),
        adjustment(6, "appeal", key),
    )
    result = correct_facts(before, rows)
    assert result.facts["value"].to_list() == [Decimal("88.5"), Decimal(70), Decimal(60), Decimal(45), Decimal(9)]
    assert result.facts.columns == before.columns
    assert result.steps.sort("adjustment_id").select("what", "before", "after", "reason_codes").rows() == [
        ("performance_fact/WATER/2026", Decimal(80), Decimal("88.5"), None),
        ("performance_fact/WATER/2025", Decimal(50), Decimal(45), None),
        ("performance_fact/FOREST/2026", None, Decimal(9), None),
        ("performance_fact/BRIDGES/2026", None, None, "NOTHING_TO_ADJUST"),
    ]


def test_the_last_of_two_decisions_on_one_fact_counts_and_both_are_shown() -> None:
    key = {"indicator_id": "WATER", "period_id": "2026", "ground": "wrong_fact"}
    later = FILED + dt.timedelta(days=20)
    rows = selected(
        adjustment(1, "appeal", key, decided_value=Decimal(90), decided_at=later),
        adjustment(2, "correction", key, decided_value=Decimal(85)),
    )
    result = correct_facts(facts(("WATER", "V0", "2026", "80")), rows)
    assert result.facts["value"].to_list() == [Decimal(90)]
    assert result.steps.select("adjustment_id", "before", "after").rows() == [
        ("ADJ02", Decimal(80), Decimal(85)),
        ("ADJ01", Decimal(85), Decimal(90)),
    ]


def test_an_exemption_is_a_floor_and_a_reduction_a_lower_one() -> None:
    before = scores(
        ("V0", "WATER", 40 * POINT, 0),
        ("V0", "ROADS", 40 * POINT, 0),
        ("V0", "FOREST", 90 * POINT, 0),
        ("V1", "WATER", 40 * POINT, 0),
    )
    rows = selected(exemption(1, "WATER"), exemption(2, "ROADS", decision="partly"), exemption(3, "FOREST"))
    result = apply_exemptions(before, rows, ExemptionRules())
    assert result.scores["score100"].to_list() == [75 * POINT, 60 * POINT, 90 * POINT, 40 * POINT]
    assert result.scores.columns == before.columns
    assert result.steps.select("what", "before", "after", "reason_codes").rows() == [
        ("score100/WATER", Decimal(40), Decimal(75), None),
        ("score100/ROADS", Decimal(40), Decimal(60), None),
        ("score100/FOREST", Decimal(90), Decimal(90), "ALREADY_HIGHER"),
    ]


def test_a_decided_floor_must_be_one_of_the_scheme() -> None:
    before = scores(("V0", "WATER", 40 * POINT, 1), ("V0", "ROADS", 40 * POINT, 1))
    rows = selected(exemption(1, "WATER", decided_value=Decimal(60)), exemption(2, "ROADS", decided_value=Decimal(95)))
    result = apply_exemptions(before, rows, ExemptionRules())
    assert result.scores["score100"].to_list() == [60 * POINT, 40 * POINT]
    assert result.steps["reason_codes"].to_list() == [None, "EXEMPTION_LEVEL_UNKNOWN"]


def test_of_two_exemptions_the_higher_counts_and_the_steps_join() -> None:
    rows = selected(exemption(1, "WATER", decision="partly"), exemption(2, "WATER"), exemption(3, "WATER"))
    result = apply_exemptions(scores(("V0", "WATER", 10 * POINT, 1)), rows, ExemptionRules())
    assert result.scores["score100"].to_list() == [75 * POINT]
    assert result.steps["before"].to_list() == [Decimal(10), Decimal(60), Decimal(75)]
    assert result.steps["after"].to_list() == [Decimal(60), Decimal(75), Decimal(75)]


def test_red_lines_and_falsified_data_cannot_be_exempted() -> None:
    before = scores(("V0", "SAFETY", 0, 1), ("V0", "WATER", 0, 1), ("V0", "ROADS", 0, 1))
    false_data = pl.DataFrame({"org_id": ["V0"], "indicator_id": ["WATER"]})
    rules = ExemptionRules(red_lines=("SAFETY",), falsified=false_data)
    rows = selected(exemption(1, "SAFETY"), exemption(2, "WATER"), exemption(3, "ROADS", target_table="red_line"))
    result = apply_exemptions(before, rows, rules)
    assert result.scores.equals(before)
    assert result.steps["reason_codes"].to_list() == [
        "EXEMPTION_ON_RED_LINE",
        "EXEMPTION_ON_FALSIFIED_DATA",
        "EXEMPTION_ON_RED_LINE",
    ]
    assert result.review.height == 0


def test_missing_component_never_counts_as_zero_in_an_exemption() -> None:
    result = apply_exemptions(scores(("V0", "WATER", None, 1)), selected(exemption(1, "WATER")), ExemptionRules())
    assert result.scores["score100"].to_list() == [None]
    assert result.steps.select("before", "after", "reason_codes").row(0) == (None, None, "NOTHING_TO_ADJUST")
    nowhere = apply_exemptions(scores(("V1", "WATER", 1, 1)), selected(exemption(1, "WATER")), ExemptionRules())
    assert nowhere.steps["reason_codes"].to_list() == ["NOTHING_TO_ADJUST"]


def test_more_than_a_fifth_of_the_weight_exempted_is_reviewed() -> None:
    rows = [exemption(1, "WATER"), exemption(2, "WATER", org_id="V1")]
    before = scores(
        ("V0", "WATER", 40 * POINT, 200_000),
        ("V0", "ROADS", 40 * POINT, 800_000),
        ("V1", "WATER", 40 * POINT, 200_001),
        ("V1", "ROADS", 40 * POINT, 799_999),
        ("V2", "WATER", 40 * POINT, 1_000_000),
    )
    result = apply_exemptions(before, selected(*rows), ExemptionRules())
    assert result.review.rows() == [("V0", 200_000, False), ("V1", 200_001, True)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 100 * POINT)), min_size=1, max_size=6),
    exempted=st.lists(
        st.tuples(st.integers(0, 7), st.sampled_from(["upheld", "partly"]), st.sampled_from([None, 60, 75, 80])),
        max_size=6,
    ),
    floors=st.tuples(st.integers(0, 100 * POINT), st.integers(0, 100 * POINT)),
)
def test_invariant_17_an_exemption_never_lowers_a_score(
    values: list[int | None], exempted: list[tuple[int, str, int | None]], floors: tuple[int, int]
) -> None:
    before = scores(*(("V0", f"I{number}", value, 1) for number, value in enumerate(values)))
    rows = [
        exemption(number, f"I{indicator}", decision=decision, decided_value=None if given_ is None else Decimal(given_))
        for number, (indicator, decision, given_) in enumerate(exempted)
    ]
    rules = ExemptionRules(neutral=max(floors), reduced=min(floors))
    result = apply_exemptions(before, selected(*rows), rules)
    for old, new in zip(values, result.scores["score100"].to_list(), strict=True):
        assert (old is None) == (new is None)
        if old is not None:
            assert new in {old, *floors}
            assert new >= old
    steps = result.steps.drop_nulls("before")
    assert (steps["after"] >= steps["before"]).all()


def test_adders_come_with_their_decision_as_evidence() -> None:
    rows = selected(
        adjustment(1, "adder", {"adder_id": "innovation"}, decided_value=Decimal("1.5")),
        adjustment(2, "appeal", {"ground": "wrong_fact"}, decided_value=Decimal(3)),
    )
    chosen = select_adders(rows)
    assert chosen.rows() == [("ADJ01", "V0", "innovation", 1_500_000, "青考〔2027〕1 号")]
    units = pl.DataFrame({"org_id": ["V0"], "differentiated_score": [80 * POINT]})
    scored = incentive_scores(units, chosen, AdderRules(listed={"innovation": 2 * POINT}))
    assert scored.units["incentive_score"].to_list() == [81_500_000]
    negative = selected(adjustment(1, "adder", {"adder_id": "innovation"}, decided_value=Decimal(-1)))
    with pytest.raises(ValueError, match="not positive"):
        incentive_scores(units, select_adders(negative), AdderRules(listed={"innovation": 2 * POINT}))


def test_an_appeal_replaces_only_the_row_of_the_appellant() -> None:
    published = pl.DataFrame(
        {"org_id": ["V2", "V0", "V1"], "incentive_score": [3, 1, 2], "rank": [1, 3, 2], "tier": ["A", "C", "B"]}
    )
    recomputed = pl.DataFrame(
        {"org_id": ["V0", "V1", "V2"], "incentive_score": [9, 2, 3], "rank": [1, 3, 2], "tier": ["A", "B", None]}
    )
    rows = selected(adjustment(1, "appeal", {"ground": "maximum_misapplied"}), exemption(2, "WATER", org_id="V1"))
    result = only_appellants(published, recomputed, rows, score="incentive_score")
    assert result.rows.rows() == [("V2", 3, 1, "A"), ("V0", 9, 1, "A"), ("V1", 2, 2, "B")]
    assert result.steps.select("adjustment_id", "before", "after").rows() == [
        ("ADJ01", Decimal("0.000001"), Decimal("0.000009"))
    ]


def test_an_appeal_that_moves_somebody_else_is_refused() -> None:
    published = pl.DataFrame({"org_id": ["V0", "V1"], "incentive_score": [1, 2]})
    rows = selected(adjustment(1, "appeal", {"ground": "wrong_fact"}))
    with pytest.raises(ValueError, match="without an appeal: V1"):
        only_appellants(
            published, pl.DataFrame({"org_id": ["V0", "V1"], "incentive_score": [5, 3]}), rows, score="incentive_score"
        )
    with pytest.raises(ValueError, match="units that were published"):
        only_appellants(published, published[:1], rows, score="incentive_score")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    old=st.lists(st.one_of(st.none(), st.integers(0, 105 * POINT)), min_size=2, max_size=8),
    subject=st.integers(0, 7),
    corrected=st.one_of(st.none(), st.integers(0, 105 * POINT)),
)
def test_invariant_20_an_appeal_changes_only_the_appellants_row(
    old: list[int | None], subject: int, corrected: int | None
) -> None:
    subject %= len(old)
    new = [corrected if number == subject else value for number, value in enumerate(old)]

    def table(values: list[int | None]) -> pl.DataFrame:
        ids = [f"V{number}" for number in range(len(values))]
        units = pl.DataFrame({"org_id": ids, "incentive_score": pl.Series(values, dtype=pl.Int64())})
        return units.with_columns(rank=pl.col("incentive_score").rank("min", descending=True))

    rows = selected(adjustment(1, "appeal", {"ground": "wrong_fact"}, org_id=f"V{subject}"))
    before, after = table(old), table(new)
    result = only_appellants(before, after, rows, score="incentive_score").rows
    for number in range(len(old)):
        assert result.row(number) == (after if number == subject else before).row(number)


def test_all_steps_of_a_period_are_one_table() -> None:
    rows = select_adjustments(
        frame(
            exemption(1, "WATER"),
            adjustment(2, "exclusion", {"rater_org_id": "V0"}, target_table="rating_frame"),
            exemption(3, "ROADS", decision_doc_no=None),
        ),
        AppealRules(),
        period_id="2026",
    )
    exempted = apply_exemptions(scores(("V0", "WATER", 40 * POINT, 1)), rows.rows, ExemptionRules())
    organisations = pl.DataFrame({"org_id": ["V0"], "org_name": ["柳河村"], "peer_group": ["山区"]})
    steps = [exempted.steps, exclusion_steps(rows.rows), rows.steps]
    table = applied(steps, organisations, period_id="2026")
    assert table.select("adjustment_id", "adj_kind", "org_name", "what", "before", "after", "reason_codes").rows() == [
        ("ADJ01", "exemption", "柳河村", "score100/WATER", Decimal(40), Decimal(75), None),
        ("ADJ02", "exclusion", "柳河村", "rating_frame", None, None, None),
        ("ADJ03", "exemption", "柳河村", "performance_fact/ROADS", None, None, "NO_DECISION_DOCUMENT"),
    ]
    assert applied([], organisations, period_id="2026").height == 0


def test_scores_that_are_not_whole_numbers_are_refused() -> None:
    wrong = scores(("V0", "WATER", 1, 1)).with_columns(pl.col("score100").cast(pl.Float64))
    with pytest.raises(TypeError, match="micropoints"):
        apply_exemptions(wrong, selected(), ExemptionRules())


def test_a_review_share_is_compared_exactly() -> None:
    before = scores(("V0", "WATER", 1, 1), ("V0", "ROADS", 1, 2))
    rules = ExemptionRules(review_share=Fraction(1, 3))
    assert apply_exemptions(before, selected(exemption(1, "WATER")), rules).review["needs_review"].to_list() == [False]


def test_a_key_that_names_another_organisation_adjusts_nobody() -> None:
    key = {"indicator_id": "WATER", "ground": "wrong_fact"}
    given = frame(
        adjustment(1, "appeal", key | {"org_id": "V9"}, decided_value=Decimal(1)),
        adjustment(2, "appeal", key | {"org_id": "V0"}, decided_value=Decimal(1)),
    )
    found = select_adjustments(given, AppealRules(), period_id="2026")
    assert found.rows["adjustment_id"].to_list() == ["ADJ02"]
    assert found.steps.select("adjustment_id", "reason_codes").rows() == [("ADJ01", "KEY_CONTRADICTS")]


def test_a_value_the_indicator_cannot_have_is_not_used() -> None:
    key = {"indicator_id": "WATER", "ground": "wrong_fact"}
    values = (Decimal("1.5"), Decimal("-0.1"), Decimal(1), Decimal(0))
    given = frame(*(adjustment(number, "correction", key, decided_value=value) for number, value in enumerate(values)))
    free = frame(adjustment(8, "correction", {"indicator_id": "JOBS"}, decided_value=Decimal(999)))
    limits = pl.DataFrame(
        {"indicator_id": ["WATER", "JOBS"], "min": [Decimal(0), None], "max": [Decimal(1), None]},
        schema_overrides={"min": DECIMAL, "max": DECIMAL},
    )
    chosen = select_adjustments(pl.concat([given, free]), AppealRules(), period_id="2026")
    found = within_range(chosen, limits)
    assert found.rows["adjustment_id"].to_list() == ["ADJ02", "ADJ03", "ADJ08"]
    assert found.steps.select("adjustment_id", "reason_codes").rows() == [
        ("ADJ00", "VALUE_OUT_OF_RANGE"),
        ("ADJ01", "VALUE_OUT_OF_RANGE"),
    ]
