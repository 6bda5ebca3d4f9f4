"""Incentive scores: adders only add, need evidence, and never make a score out of nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.exact import POINT
from scoring.incentives import (
    ADDER_COLUMNS,
    AdderRules,
    incentive_rows,
    incentive_scores,
    post_holder_scores,
    usable_adders,
)
from scoring.red_lines import apply_red_lines
from scoring.tiers import TierRules, tiers

RULES = AdderRules(listed={"innovation": 2 * POINT, "investment": 3 * POINT, "mutual_aid": 4 * POINT})
EVIDENCE = "青州考〔2026〕7 号"


def units(*scores: int | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"org_id": [f"V{number}" for number in range(len(scores))], "differentiated_score": list(scores)},
        schema_overrides={"differentiated_score": pl.Int64},
    )


def adders(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Rows of org_id, adder_id, points, evidence; numbered in order."""
    named = [(f"ADJ{number:02d}", *row) for number, row in enumerate(rows)]
    schema = dict.fromkeys(ADDER_COLUMNS, pl.String()) | {"points": pl.Int64()}
    return pl.DataFrame(named, schema=schema, orient="row")


def test_adders_are_added_and_capped() -> None:
    given_adders = adders(
        ("V0", "innovation", 2 * POINT, EVIDENCE),
        ("V0", "investment", 9 * POINT, EVIDENCE),
        ("V0", "mutual_aid", 1 * POINT, EVIDENCE),
        ("V1", "innovation", 1, EVIDENCE),
        ("V2", "mutual_aid", 4 * POINT, EVIDENCE),
        ("V2", "mutual_aid", 4 * POINT, EVIDENCE),
    )
    result = incentive_scores(units(80 * POINT, 70 * POINT, 100 * POINT, 50 * POINT), given_adders, RULES).units
    assert result["adder"].to_list() == [5 * POINT, 1, 5 * POINT, 0]
    assert result["incentive_score"].to_list() == [85 * POINT, 70 * POINT + 1, 105 * POINT, 50 * POINT]


def test_the_steps_of_a_unit_lead_to_its_incentive_score() -> None:
    given_adders = adders(
        ("V0", "innovation", 2 * POINT, EVIDENCE),
        ("V0", "investment", 9 * POINT, EVIDENCE),
        ("V0", "mutual_aid", 1 * POINT, EVIDENCE),
    )
    steps = incentive_scores(units(80 * POINT), given_adders, RULES).steps
    assert steps["before"].to_list() == [Decimal(80), Decimal(82), Decimal(85)]
    assert steps["after"].to_list() == [Decimal(82), Decimal(85), Decimal(85)]
    assert steps["what"].to_list()[1] == "incentive_score/investment"


@pytest.mark.parametrize("points", [-1, -3 * POINT, 0, None])
def test_negative_adder_is_refused(points: int | None) -> None:
    wrong = adders(("V0", "innovation", points, EVIDENCE))
    with pytest.raises(ValueError, match=r"ADJ00 \(innovation, V0\) is not positive"):
        incentive_scores(units(80 * POINT), wrong, RULES)


def test_every_wrong_adder_is_named_at_once() -> None:
    wrong = adders(
        ("V0", "night_shift", POINT, EVIDENCE), ("V0", "innovation", POINT, "  "), ("V9", "innovation", POINT, EVIDENCE)
    )
    with pytest.raises(ValueError, match=r"^adder ") as caught:
        incentive_scores(units(80 * POINT), wrong, RULES)
    assert "ADJ00 (night_shift, V0) is not on the list" in str(caught.value)
    assert "ADJ01 (innovation, V0) has no evidence" in str(caught.value)
    assert "ADJ02 (innovation, V9) is for a unit that is not assessed" in str(caught.value)
    twice = pl.concat([adders(("V0", "innovation", POINT, EVIDENCE))] * 2)
    with pytest.raises(ValueError, match="given twice"):
        incentive_scores(units(80 * POINT), twice, RULES)


def test_missing_component_never_counts_as_zero_in_an_incentive_score() -> None:
    result = incentive_scores(units(None, 0), adders(("V0", "innovation", POINT, EVIDENCE)), RULES)
    assert result.units["incentive_score"].to_list() == [None, 0]
    assert result.steps["reason_codes"].to_list() == ["NOTHING_TO_ADJUST"]
    assert result.steps["after"].to_list() == [None]


def test_a_score_with_a_fraction_of_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="micropoints"):
        incentive_scores(units(1).with_columns(pl.col("differentiated_score").cast(pl.Float64)), adders(), RULES)


def test_no_limit_can_take_points_away() -> None:
    with pytest.raises(ValueError, match="never negative"):
        AdderRules(max_adder=-1)
    with pytest.raises(ValueError, match="never negative"):
        AdderRules(listed={"lateness": -POINT})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    score=st.integers(0, 100 * POINT),
    points=st.lists(st.integers(1, 6 * POINT), max_size=6),
    more=st.integers(1, 6 * POINT),
)
def test_invariant_17_an_adder_never_lowers_a_score(score: int, points: list[int], more: int) -> None:
    names = sorted(RULES.listed)

    def total(each: list[int]) -> int:
        rows = [("V0", names[number % 3], point, EVIDENCE) for number, point in enumerate(each)]
        return int(incentive_scores(units(score), adders(*rows), RULES).units["incentive_score"][0])

    counted = sum(min(point, RULES.listed[names[number % 3]]) for number, point in enumerate(points))
    assert total(points) == min(105 * POINT, score + min(5 * POINT, counted))
    assert score <= total(points) <= total([*points, more]) <= score + 5 * POINT


def test_the_published_table_holds_points_without_loss() -> None:
    scored = incentive_scores(units(80 * POINT + 1, None), adders(("V0", "innovation", POINT, EVIDENCE)), RULES).units
    ranked = tiers(
        scored.with_columns(
            peer_group=pl.lit("山区"),
            p_within_quota=pl.lit(None, pl.Float64()),
            has_satisfaction=pl.lit(value=True),
            pooled_periods=pl.lit(value=False),
        ),
        TierRules(),
    )
    nothing = pl.DataFrame(schema=dict.fromkeys(("org_id", "red_line_id", "decision_doc_no"), pl.String()))
    authorised = pl.DataFrame(schema=dict.fromkeys(("red_line_id", "legal_basis"), pl.String()))
    names = pl.DataFrame({"org_id": ["V0", "V1"], "org_name": ["柳河村", "石桥村"]})
    table = incentive_rows(apply_red_lines(ranked, nothing, authorised), names, period_id="2026")
    assert table["incentive_score"].to_list() == [Decimal("81.000001"), None]
    assert table["adder"].to_list() == [Decimal(1), Decimal(0)]
    assert table["tier"].to_list() == ["B", None]
    assert table["reason_codes"].to_list() == [None, "NO_SCORE"]
    assert table["org_name"].to_list() == ["柳河村", "石桥村"]


def test_a_post_holder_has_the_mean_of_the_units_by_months() -> None:
    posts = pl.DataFrame(
        [("P1", "V0", 9), ("P1", "V1", 3), ("P2", "V2", 6), ("P2", "V0", 1), ("P3", "V2", 12)],
        schema={"post_holder_id": pl.String, "org_id": pl.String, "months": pl.Int64},
        orient="row",
    )
    scores = units(80 * POINT, 60 * POINT, None).rename({"differentiated_score": "incentive_score"})
    result = post_holder_scores(posts, scores)
    # P1: (9 x 80 + 3 x 60) / 12 = 75; the six months of P2 in a unit without a score do not count as zero.
    assert result.rows() == [("P1", 12, 75 * POINT), ("P2", 1, 80 * POINT), ("P3", 0, None)]
    with pytest.raises(ValueError, match="positive"):
        post_holder_scores(posts.with_columns(months=pl.lit(0, pl.Int64())), scores)


def test_an_adder_that_may_not_be_added_is_refused_alone() -> None:
    good = ("V0", "innovation", 2 * POINT, EVIDENCE)
    given_adders = adders(
        good, ("V0", "night_shift", POINT, EVIDENCE), ("V0", "innovation", None, EVIDENCE),
        ("V0", "innovation", POINT, "  "), ("V9", "innovation", POINT, EVIDENCE), ("V0", None, POINT, EVIDENCE),
    )  # fmt: skip
    usable, refused = usable_adders(given_adders, units(80 * POINT), RULES)
    assert usable["adjustment_id"].to_list() == ["ADJ00"]
    assert refused["adjustment_id"].to_list() == ["ADJ01", "ADJ02", "ADJ03", "ADJ04", "ADJ05"]
    assert set(refused["reason_codes"]) == {"ADDER_REFUSED"}
    assert incentive_scores(units(80 * POINT), usable, RULES).units["adder"].to_list() == [2 * POINT]
