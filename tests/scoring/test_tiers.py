"""Ranks, quota ties and caps of tiers against a plain re-reading of the rules."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import floor

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.exact import POINT
from scoring.tiers import TierRules, capped, small_units, tiers

Row = tuple[str | None, int | None, float | None, bool]


def frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"V{number:03d}", *row, False) for number, row in enumerate(rows)],
        schema={
            "org_id": pl.String,
            "peer_group": pl.String,
            "incentive_score": pl.Int64,
            "p_within_quota": pl.Float64,
            "has_satisfaction": pl.Boolean,
            "pooled_periods": pl.Boolean,
        },
        orient="row",
    )


def scored(*scores: int | None) -> pl.DataFrame:
    """One group of units that are certain of their rank."""
    return frame([("山区", score, 1.0, True) for score in scores])


def oracle(rows: list[Row], rules: TierRules) -> list[tuple[int | None, str | None, str | None]]:
    """Rank, tier before caps and tier, by counting."""
    groups: dict[str, list[int]] = defaultdict(list)
    for group, score, _, _ in rows:
        if group is not None and score is not None:
            groups[group].append(score)
    result: list[tuple[int | None, str | None, str | None]] = []
    for group, score, probability, satisfied in rows:
        if group is None or score is None:
            result.append((None, None, None))
            continue
        others = groups[group]
        places = floor(rules.quota * len(others))
        ahead = sum(other > score for other in others)
        tied = others.count(score)
        excess = ahead + tied - places
        inside = ahead < places and excess <= 1
        sure = probability is None or Fraction(probability) >= rules.min_probability
        if score >= rules.cut_off_a and inside and sure:
            tier = "A"
        else:
            tier = "B" if score >= rules.cut_off_b else "C" if score >= rules.cut_off_c else "D"
        result.append((ahead + 1, tier, tier if satisfied else max(tier, rules.without_satisfaction)))
    return result


some_score = st.one_of(
    st.none(), st.integers(0, 105 * POINT), st.sampled_from([59, 60, 75, 84, 85, 86, 90]).map(lambda p: p * POINT)
)
row = st.tuples(
    st.sampled_from(["山区", "平原", None]), some_score, st.sampled_from([None, 0.0, 0.49, 0.5, 1.0]), st.booleans()
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=st.lists(row, max_size=25), quota=st.sampled_from([Fraction(1, 5), Fraction(1, 3), Fraction(0), Fraction(1)])
)
def test_tiers_follow_the_rules(rows: list[Row], quota: Fraction) -> None:
    rules = TierRules(quota=quota)
    result = tiers(frame(rows), rules)
    assert result.select("rank", "tier_uncapped", "tier").rows() == oracle(rows, rules)


def test_ranks_are_taken_before_rounding() -> None:
    # All five are 90.0 on a page; a millionth of a point decides.
    result = tiers(scored(90 * POINT, 90 * POINT + 1, 90 * POINT - 1, 90 * POINT + 3, 90 * POINT + 2), TierRules())
    assert result["rank"].to_list() == [4, 3, 5, 1, 2]
    assert result["tier"].to_list() == ["B", "B", "B", "A", "B"]


def test_a_cut_off_is_not_reached_by_rounding() -> None:
    result = tiers(scored(85 * POINT - 1, 75 * POINT - 1, 75 * POINT, 60 * POINT - 1, 60 * POINT), TierRules())
    assert result["tier"].to_list() == ["B", "C", "B", "D", "C"]


def test_tied_units_share_the_better_tier_when_one_too_many() -> None:
    # Ten units, two places: ranks 1, 2, 2 are three units for two places.
    low = [70 * POINT] * 7
    assert tiers(scored(95 * POINT, 90 * POINT, 90 * POINT, *low), TierRules())["tier"].to_list()[:3] == ["A"] * 3
    # Ranks 1, 2, 2, 2 are four units: all tied ones share the lower tier.
    low = [70 * POINT] * 6
    four = tiers(scored(95 * POINT, *[90 * POINT] * 3, *low), TierRules())
    assert four["tier"].to_list()[:4] == ["A", "B", "B", "B"]
    assert four["OUTSIDE_QUOTA"].to_list()[:4] == [False, True, True, True]


def test_an_uncertain_rank_is_not_tier_a_and_an_unknown_one_says_so() -> None:
    rows: list[Row] = [("山区", 95 * POINT, 0.49, True), ("山区", 94 * POINT, None, True)]
    result = tiers(frame(rows + [("山区", 70 * POINT, 0.0, True)] * 8), TierRules())
    assert result["tier"].to_list()[:2] == ["B", "A"]
    assert result["RANK_NOT_CERTAIN"].to_list()[:2] == [True, False]
    assert result["RANK_PROBABILITY_UNKNOWN"].to_list()[:3] == [False, True, False]


def test_without_satisfaction_the_tier_is_at_most_b() -> None:
    rows: list[Row] = [("山区", 95 * POINT, 1.0, False), ("山区", 50 * POINT, 1.0, False)]
    result = tiers(frame(rows + [("山区", 70 * POINT, 1.0, True)] * 8), TierRules())
    assert result["tier_uncapped"].to_list()[:2] == ["A", "D"]
    assert result["tier"].to_list()[:2] == ["B", "D"]
    assert result["CAPPED_NO_SATISFACTION"].to_list()[:2] == [True, False]


def test_missing_component_never_counts_as_zero_in_a_tier() -> None:
    result = tiers(scored(None, 0, 70 * POINT), TierRules())
    assert result["tier"].to_list() == [None, "D", "C"]
    assert result["rank"].to_list() == [None, 2, 1]
    assert result["NO_SCORE"].to_list() == [True, False, False]


def test_a_unit_without_a_peer_group_is_not_ranked_with_anybody() -> None:
    result = tiers(frame([(None, 99 * POINT, 1.0, True), ("山区", 70 * POINT, 1.0, True)]), TierRules())
    assert result.select("rank", "tier", "NO_PEER_GROUP").rows() == [(None, None, True), (1, "C", False)]


def test_units_are_kept_in_the_order_given() -> None:
    mixed = frame([("乙", 1, 1.0, True), ("甲", 2, 1.0, True), ("乙", 3, 1.0, True)])
    assert tiers(mixed, TierRules())["org_id"].to_list() == mixed["org_id"].to_list()


@pytest.mark.parametrize(
    "rules",
    [
        {"cut_off_a": 70 * POINT},
        {"cut_off_b": 50 * POINT},
        {"quota": Fraction(11, 10)},
        {"min_probability": Fraction(-1, 2)},
    ],
)
def test_impossible_rules_are_refused(rules: dict[str, int | Fraction]) -> None:
    with pytest.raises(ValueError, match=r"tiers|shares"):
        TierRules(**rules)  # type: ignore[arg-type]


def test_wrong_units_are_refused() -> None:
    good = scored(1, 2)
    with pytest.raises(TypeError, match="micropoints"):
        tiers(good.with_columns(pl.col("incentive_score").cast(pl.Float64)), TierRules())
    with pytest.raises(ValueError, match="twice"):
        tiers(pl.concat([good, good]), TierRules())
    with pytest.raises(ValueError, match="between 0 and 1"):
        tiers(good.with_columns(p_within_quota=pl.lit(1.5)), TierRules())


def test_a_cap_only_lowers() -> None:
    given_tiers = pl.DataFrame({"tier": ["A", "B", "C", "D", None]})
    assert given_tiers.select(capped("tier", "C")).to_series().to_list() == ["C", "C", "C", "D", None]


def test_small_units_are_those_below_the_lower_quartile_of_their_group() -> None:
    counts = [10, 20, 30, 40, 50, 60, 70, 80]
    units = pl.DataFrame(
        {
            "org_id": [f"V{number}" for number in range(10)],
            "peer_group": ["山区"] * 8 + ["平原"] * 2,
            "n_respondents": [*counts, 5, None],
        }
    )
    # A quarter of eight is two, so the quartile is 20 and only the unit with 10 is below it.
    assert small_units(units)["pooled_periods"].to_list() == [True] + [False] * 9


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    scores=st.lists(st.integers(50, 95).map(lambda p: p * POINT), min_size=1, max_size=15),
    raised_by=st.integers(1, 40 * POINT),
    quota=st.sampled_from([Fraction(1, 5), Fraction(2, 5)]),
)
def test_invariant_17_a_higher_own_score_never_lowers_the_own_tier(
    scores: list[int], raised_by: int, quota: Fraction
) -> None:
    rules = TierRules(quota=quota)
    before = tiers(scored(*scores), rules).row(0, named=True)
    after = tiers(scored(scores[0] + raised_by, *scores[1:]), rules).row(0, named=True)
    assert after["tier"] <= before["tier"], "A sorts before B"
    assert after["rank"] <= before["rank"]
