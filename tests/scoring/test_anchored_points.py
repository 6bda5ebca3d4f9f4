"""The anchored scale: an oracle in fractions, its invariants, and satisfaction on the same scale."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor as floor_of

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.anchored_points import anchored_points, cms_score100, satisfaction_scores, unit_indicators, with_cases
from scoring.points import unit_points

DECIMAL = pl.Decimal(18, 6)
POINT = 1_000_000
HUNDREDTHS = (0, 50, 75, 90)
"""Minimum, floor, threshold and benchmark used where a test does not choose its own."""

Anchors = tuple[int, int, int, int]


def half_up(value: Fraction) -> int:
    return floor_of(value + Fraction(1, 2))


def oracle_level(p: Fraction, anchors: Sequence[Fraction]) -> Fraction:
    """Through the points of C3; anchors that are not increasing are raised to the one before."""
    raised = [max(anchors[: place + 1]) for place in range(4)]
    earns = (0, 60, 75, 100)
    if p >= raised[3]:
        return Fraction(100)
    for place in (2, 1, 0):
        if p >= raised[place]:
            rise = (p - raised[place]) / (raised[place + 1] - raised[place])
            return earns[place] + rise * (earns[place + 1] - earns[place])
    return Fraction(0)


def oracle_improvement(p: Fraction, b: Fraction | None, benchmark: Fraction) -> Fraction | None:
    """The wording of C3, in tenths of the gap."""
    if b is None or b >= benchmark:
        return None
    u = min(max((p - b) / (benchmark - b), Fraction(0)), Fraction(1))
    return 60 * min(Fraction(1), u / Fraction(1, 10)) + 30 * max(Fraction(0), (u - Fraction(1, 10)) / Fraction(9, 10))


def oracle(p: Decimal, b: Decimal | None, anchors: Sequence[Decimal], *, lower: bool) -> tuple[int, int | None, int]:
    sign = -1 if lower else 1
    turned = [sign * Fraction(anchor) for anchor in anchors]
    level = half_up(POINT * oracle_level(sign * Fraction(p), turned))
    own = None if b is None else sign * Fraction(b)
    gained = oracle_improvement(sign * Fraction(p), own, max(turned))
    improvement = None if gained is None else half_up(POINT * gained)
    return level, improvement, level if improvement is None else max(level, improvement)


def points(
    rows: list[tuple[Decimal, Decimal | None]],
    anchors: Sequence[Decimal | int],
    *,
    lower: bool = False,
    peer_group: str | None = "平原",
    of_group: str | None = None,
) -> pl.DataFrame:
    orgs = [f"V{number:03d}" for number in range(len(rows))]
    facts = pl.DataFrame(
        {"indicator_id": "I1", "org_id": orgs, "value": pl.Series([row[0] for row in rows], dtype=DECIMAL)}
    )
    baseline = facts.with_columns(value=pl.Series([row[1] for row in rows], dtype=DECIMAL)).drop_nulls()
    return anchored_points(
        facts, baseline, stored(anchors, of_group), indicators(lower=lower), organisations(orgs, peer_group)
    )


Case = tuple[Decimal, Decimal | None, Sequence[Decimal], bool]


def cases_as_indicators(cases: list[Case]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Facts, baseline facts, anchors and indicators of many cases at once, each an indicator of unit V1."""
    names = [f"I{number:03d}" for number in range(len(cases))]
    facts = pl.DataFrame(
        {"indicator_id": names, "org_id": "V1", "value": pl.Series([case[0] for case in cases], dtype=DECIMAL)}
    )
    past = facts.with_columns(value=pl.Series([case[1] for case in cases], dtype=DECIMAL)).drop_nulls()
    limits = [stored(case[2]).with_columns(indicator_id=pl.lit(name)) for case, name in zip(cases, names, strict=True)]
    turned = ["lower_better" if case[3] else "higher_better" for case in cases]
    return facts, past, pl.concat(limits), pl.DataFrame({"indicator_id": names, "direction": turned})


def batch(cases: list[Case]) -> pl.DataFrame:
    return anchored_points(*cases_as_indicators(cases), organisations(["V1"]))


def stored(anchors: Sequence[Decimal | int], peer_group: str | None = None) -> pl.DataFrame:
    names = ("minimum", "floor", "achievement_threshold", "benchmark")
    return pl.DataFrame(
        [("I1", peer_group, *(Decimal(anchor) for anchor in anchors))],
        schema={"indicator_id": pl.String, "peer_group": pl.String, **dict.fromkeys(names, DECIMAL)},
        orient="row",
    )


def indicators(*, lower: bool = False, min_cases: int | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {"indicator_id": ["I1"], "direction": ["lower_better" if lower else "higher_better"], "min_cases": [min_cases]},
        schema_overrides={"min_cases": pl.Int64},
    )


def organisations(orgs: list[str], peer_group: str | None = "平原") -> pl.DataFrame:
    return pl.DataFrame(
        {"org_id": orgs, "org_name": [f"{org}村" for org in orgs], "peer_group": peer_group},
        schema_overrides={"peer_group": pl.String},
    )


millionth = st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-6))
coarse = st.integers(-20, 20).map(lambda n: Decimal(n) / 4)
value = st.one_of(millionth, coarse)
four = st.lists(value, min_size=4, max_size=4)
increasing = st.lists(value, min_size=4, max_size=4, unique=True).map(sorted)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.tuples(value, st.one_of(st.none(), value)), min_size=1, max_size=15),
    anchors=four,
    lower=st.booleans(),
)
def test_points_equal_the_formula_in_fractions(
    rows: list[tuple[Decimal, Decimal | None]], anchors: list[Decimal], lower: bool
) -> None:
    result = points(rows, anchors, lower=lower)
    assert result.select("level", "improvement", "score100").rows() == [
        oracle(p, b, anchors, lower=lower) for p, b in rows
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(values=st.lists(value, min_size=2, max_size=15), baseline=st.one_of(st.none(), value), anchors=four)
def test_invariant_09_points_are_bounded_and_nondecreasing_in_the_value(
    values: list[Decimal], baseline: Decimal | None, anchors: list[Decimal]
) -> None:
    result = points([(p, baseline) for p in sorted(values)], anchors)
    scores = result["score100"].to_list()
    assert scores == sorted(scores)
    assert 0 <= scores[0] <= scores[-1] <= 100 * POINT
    assert result.filter(pl.col("score100") < pl.col("improvement")).height == 0
    assert result.filter(pl.col("score100") < pl.col("level")).height == 0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    p=value,
    baseline=st.one_of(st.none(), value),
    anchors=four,
    place=st.integers(1, 3),
    raised=st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-6)),
)
def test_invariant_09_points_never_rise_with_an_anchor(
    p: Decimal, baseline: Decimal | None, anchors: list[Decimal], place: int, raised: Decimal
) -> None:
    stricter = [anchor + raised if place == number else anchor for number, anchor in enumerate(anchors)]
    before, after = batch([(p, baseline, anchors, False), (p, baseline, stricter, False)])["score100"]
    assert after <= before


@settings(max_examples=200, deadline=None, derandomize=True)
@given(p=value, baseline=st.one_of(st.none(), value), anchors=increasing)
def test_invariant_09_the_anchored_scale_has_no_cliff(
    p: Decimal, baseline: Decimal | None, anchors: list[Decimal]
) -> None:
    """One millionth more of the value earns no more than the steepest slope allows."""
    step = Decimal("0.000001")
    gaps = [high - low for low, high in pairwise(anchors)]
    slopes = [Fraction(60) / Fraction(gaps[0]), Fraction(15) / Fraction(gaps[1]), Fraction(25) / Fraction(gaps[2])]
    if baseline is not None and baseline < anchors[3]:
        slopes.append(Fraction(600) / Fraction(anchors[3] - baseline))
    here, there = points([(p, baseline), (p + step, baseline)], anchors)["score100"].to_list()
    assert there - here <= max(slopes) + 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=st.lists(st.tuples(value, st.one_of(st.none(), value)), min_size=1, max_size=6), anchors=four)
def test_invariant_09_points_are_symmetric_under_a_flip_of_direction(
    rows: list[tuple[Decimal, Decimal | None]], anchors: list[Decimal]
) -> None:
    flipped: list[Case] = [(-p, None if b is None else -b, [-anchor for anchor in anchors], True) for p, b in rows]
    result = batch([(p, b, anchors, False) for p, b in rows] + flipped)
    columns = ["level", "improvement", "score100", "reason_codes"]
    straight, turned = result.select(columns)[: len(rows)], result.select(columns)[len(rows) :]
    assert straight.equals(turned, null_equal=True)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    p=value,
    higher=st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-6)),
    baseline=st.one_of(st.none(), value),
    threshold=value,
    benchmark=value,
    lower=st.booleans(),
)
def test_invariant_09_cms_points_are_bounded_monotone_and_symmetric(
    p: Decimal, higher: Decimal, baseline: Decimal | None, threshold: Decimal, benchmark: Decimal, lower: bool
) -> None:
    def case(value: Decimal, stricter: tuple[Decimal, Decimal], sign: int) -> Case:
        limits = [Decimal(0), Decimal(0), sign * (threshold + stricter[0]), sign * (benchmark + stricter[1])]
        return sign * value, None if baseline is None else sign * baseline, limits, sign < 0

    sign, none = (-1 if lower else 1), Decimal(0)
    asked = [
        case(p, (none, none), sign),
        case(p + higher, (none, none), sign),
        case(p, (higher, none), sign),
        case(p, (none, higher), sign),
        case(p, (none, none), -sign),
    ]
    rows = unit_points(*cases_as_indicators(asked), organisations(["V1"]), period_id="2026", baseline_period="2025")
    given, better, stricter_threshold, stricter_benchmark, turned = rows["points"]
    assert 0 <= given <= better <= 10
    assert max(stricter_threshold, stricter_benchmark) <= given
    assert turned == given


def test_the_anchors_earn_what_the_method_says() -> None:
    rows = [(Decimal(anchor), None) for anchor in (-1, *HUNDREDTHS, 95)]
    assert points(rows, HUNDREDTHS)["score100"].to_list() == [0, 0, 60 * POINT, 75 * POINT, 100 * POINT, 100 * POINT]


def test_closing_a_tenth_of_the_gap_earns_the_pass_mark_and_all_of_it_ninety() -> None:
    rows = [
        (Decimal(44), Decimal(40)),
        (Decimal(49), Decimal(40)),
        (Decimal("44.5"), Decimal(40)),
        (Decimal(90), Decimal(40)),
    ]
    result = points(rows, [0, 85, 88, 90])
    # A tenth of the 50 to go is 5: 4 of them earn 48, and 9 earn 60 + 30 * .08 / .9.
    assert result["improvement"].to_list() == [48_000_000, 62_666_667, 54_000_000, 90_000_000]


def test_a_unit_already_at_the_top_has_no_improvement_and_keeps_full_points() -> None:
    rows = points([(Decimal(95), Decimal(90)), (Decimal(80), Decimal(95))], HUNDREDTHS)
    assert rows["improvement"].to_list() == [None, None]
    assert rows["score100"].to_list() == [100 * POINT, 83_333_333]
    assert rows["reason_codes"].to_list() == [None, None]


def test_anchors_without_spread_are_merged_at_the_higher_value_and_flagged() -> None:
    merged = points([(Decimal("74.999999"), None), (Decimal(75), None)], [0, 50, 75, 75])
    assert merged["score100"].to_list() == [74_999_999, 100 * POINT]
    assert merged["reason_codes"].to_list() == ["NO_BASELINE;ZERO_SPREAD"] * 2
    crossed = points([(Decimal(74), None), (Decimal(75), None)], [0, 75, 50, 90])
    assert crossed["score100"].to_list() == [59_200_000, 75 * POINT]


def test_missing_anchors_are_named_and_earn_nothing() -> None:
    row = points([(Decimal(80), Decimal(70))], HUNDREDTHS, of_group="山区").row(0, named=True)
    assert (row["level"], row["improvement"], row["score100"], row["reason_codes"]) == (None, None, None, "NO_ANCHORS")
    partial = stored(HUNDREDTHS).with_columns(minimum=pl.lit(None, DECIMAL))
    facts = pl.DataFrame({"indicator_id": "I1", "org_id": ["V1"], "value": pl.Series([Decimal(80)], dtype=DECIMAL)})
    result = anchored_points(facts, facts.clear(), partial, indicators(), organisations(["V1"]))
    assert result["reason_codes"].to_list() == ["NO_ANCHORS;NO_BASELINE"]


def test_anchors_of_the_own_peer_group_come_before_the_general_ones() -> None:
    both = pl.concat([stored([0, 10, 20, 30]), stored(HUNDREDTHS, "山区")])
    facts = pl.DataFrame(
        {"indicator_id": "I1", "org_id": ["V1", "V2"], "value": pl.Series([Decimal(50)] * 2, dtype=DECIMAL)}
    )
    units = organisations(["V1", "V2"]).with_columns(peer_group=pl.Series(["山区", None]))
    result = anchored_points(facts, facts.clear(), both, indicators(), units)
    assert result["score100"].to_list() == [60 * POINT, 100 * POINT]
    assert result["benchmark"].to_list() == [Decimal(90), Decimal(30)]


def with_denominators(denominators: list[Decimal | None], min_cases: int | None) -> pl.DataFrame:
    orgs = [f"V{number}" for number in range(len(denominators))]
    facts = pl.DataFrame(
        {
            "indicator_id": "I1",
            "org_id": orgs,
            "value": pl.Series([Decimal(75)] * len(orgs), dtype=DECIMAL),
            "denominator": pl.Series(denominators, dtype=DECIMAL),
        }
    )
    return anchored_points(facts, facts, stored(HUNDREDTHS), indicators(min_cases=min_cases), organisations(orgs))


def test_too_few_cases_are_missing_and_never_zero() -> None:
    result = with_denominators([Decimal(0), Decimal("9.999999"), Decimal(10), None], 10)
    assert result["score100"].to_list() == [None, None, 75 * POINT, 75 * POINT]
    assert result["reason_codes"].to_list()[:2] == ["NO_BASELINE;TOO_FEW_CASES"] * 2
    assert with_denominators([Decimal(0), Decimal(1)], None)["score100"].to_list() == [None, 75 * POINT]


def test_a_baseline_of_too_few_cases_counts_as_none() -> None:
    facts = pl.DataFrame(
        {
            "indicator_id": "I1",
            "org_id": ["V1"],
            "value": pl.Series([Decimal(60)], dtype=DECIMAL),
            "denominator": pl.Series([Decimal(50)], dtype=DECIMAL),
        }
    )
    past = facts.with_columns(value=pl.lit(Decimal(20), DECIMAL), denominator=pl.lit(Decimal(3), DECIMAL))
    row = anchored_points(facts, past, stored(HUNDREDTHS), indicators(min_cases=10), organisations(["V1"])).row(
        0, named=True
    )
    assert (row["improvement"], row["baseline_value"], row["reason_codes"]) == (None, None, "NO_BASELINE")


def test_a_fact_without_a_value_is_named() -> None:
    facts = pl.DataFrame({"indicator_id": "I1", "org_id": ["V1"], "value": pl.Series([None], dtype=DECIMAL)})
    result = anchored_points(facts, facts.clear(), stored(HUNDREDTHS), indicators(), organisations(["V1"]))
    assert result["score100"].to_list() == [None]
    assert result["reason_codes"].item().startswith("NO")
    assert "NO_VALUE" in result["reason_codes"].item()


def test_a_new_indicator_is_reported_and_not_scored() -> None:
    facts = pl.DataFrame({"indicator_id": "I1", "org_id": ["V1"], "value": pl.Series([Decimal(80)], dtype=DECIMAL)})
    anchors = stored(HUNDREDTHS).with_columns(report_only=True)
    row = anchored_points(facts, facts, anchors, indicators(), organisations(["V1"])).row(0, named=True)
    assert (row["level"], row["score100"], row["reason_codes"]) == (83_333_333, None, "REPORT_ONLY")


def test_a_merged_unit_has_no_improvement() -> None:
    facts = pl.DataFrame({"indicator_id": "I1", "org_id": ["V1"], "value": pl.Series([Decimal(60)], dtype=DECIMAL)})
    past = facts.with_columns(value=pl.lit(Decimal(0), DECIMAL))
    units = organisations(["V1"]).with_columns(changed=True)
    row = anchored_points(facts, past, stored(HUNDREDTHS), indicators(), units).row(0, named=True)
    assert (row["improvement"], row["score100"], row["reason_codes"]) == (None, 66 * POINT, "UNIT_CHANGED")


def test_an_indicator_at_the_ceiling_for_the_whole_group_is_flagged() -> None:
    top = points([(Decimal(95), None), (Decimal(90), None)], HUNDREDTHS)
    assert top["reason_codes"].to_list() == ["NO_BASELINE;NO_DISCRIMINATION"] * 2
    assert "NO_DISCRIMINATION" not in points([(Decimal(95), None), (Decimal(89), None)], HUNDREDTHS)["reason_codes"][0]
    assert "NO_DISCRIMINATION" not in points([(Decimal(95), None)], HUNDREDTHS)["reason_codes"][0]


def test_the_largest_storable_values_do_not_overflow() -> None:
    top = Decimal("999999999999.999999")
    anchors = [-top, -top / 2, top / 2, top]
    result = points([(top / 3, -top)], anchors)
    assert result.select("level", "improvement", "score100").row(0) == oracle(top / 3, -top, anchors, lower=False)


def test_two_values_or_an_unknown_indicator_are_refused() -> None:
    facts = pl.DataFrame(
        {"indicator_id": "I1", "org_id": ["V1", "V1"], "value": pl.Series([Decimal(1)] * 2, dtype=DECIMAL)}
    )
    units = organisations(["V1"])
    with pytest.raises(ValueError, match="two values"):
        anchored_points(facts, facts.clear(), stored(HUNDREDTHS), indicators(), units)
    with pytest.raises(ValueError, match="without a direction: I1"):
        anchored_points(facts[:1], facts.clear(), stored(HUNDREDTHS), indicators().clear(), units)
    with pytest.raises(ValueError, match="two sets of anchors"):
        anchored_points(facts[:1], facts.clear(), pl.concat([stored(HUNDREDTHS)] * 2), indicators(), units)


def test_the_table_holds_decimal_points() -> None:
    table = unit_indicators(points([(Decimal(76), Decimal(70))], HUNDREDTHS), period_id="2026", baseline_period="2025")
    row = table.row(0, named=True)
    assert (row["score100"], row["level"], row["baseline_period"]) == (Decimal("76.666667"),) * 2 + ("2025",)
    assert table["score100"].dtype == DECIMAL


def test_cms_points_count_tenfold() -> None:
    frame = pl.DataFrame({"points": [0, 7, None, 10]})
    assert frame.select(cms_score100())["score100"].to_list() == [0, 70 * POINT, None, 100 * POINT]


def test_only_facts_with_enough_cases_are_kept_and_in_order() -> None:
    facts = pl.DataFrame(
        {
            "indicator_id": "I1",
            "org_id": ["V3", "V1", "V2"],
            "denominator": pl.Series([Decimal(5), Decimal(4), None], dtype=DECIMAL),
        }
    )
    assert with_cases(facts, indicators(min_cases=5))["org_id"].to_list() == ["V3", "V2"]
    assert with_cases(facts.drop("denominator"), indicators(min_cases=5)).height == 3


def error_of(p: int, baseline: int | None, se: float | None = 2.0) -> float | None:
    facts = pl.DataFrame(
        {"indicator_id": "I1", "org_id": ["V1"], "value": pl.Series([Decimal(p)], dtype=DECIMAL), "se": se},
        schema_overrides={"se": pl.Float64},
    )
    past = facts.with_columns(value=pl.lit(None if baseline is None else Decimal(baseline), DECIMAL)).drop_nulls(
        "value"
    )
    row = anchored_points(facts, past, stored([0, 60, 80, 90]), indicators(), organisations(["V1"])).row(0, named=True)
    return None if row["score100_se"] is None else row["score100_se"] / POINT


def test_the_error_of_a_value_follows_the_slope_of_what_counts() -> None:
    assert error_of(70, None) == 1.5
    assert error_of(95, None) == 0.0
    assert error_of(70, None, None) is None
    # From 10 the gap is 80: 14 of it is improvement 60 + 30 * .075 / .9, worth more than a level of 24.
    assert error_of(24, 10) == pytest.approx(2 * 100 / 3 / 80, abs=1e-6)
    assert error_of(15, 10) == pytest.approx(2 * 600 / 80, abs=1e-6)


def satisfaction(means: list[int | None], se: float | None = 2.0, group: str | None = "平原") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "org_id": [f"V{number}" for number in range(len(means))],
            "peer_group": group,
            "satisfaction_mean": means,
            "eb_se": se,
        },
        schema_overrides={"peer_group": pl.String, "satisfaction_mean": pl.Int64, "eb_se": pl.Float64},
    )


def test_satisfaction_goes_through_the_same_scale() -> None:
    anchors = stored([0, 60, 80, 90]).drop("indicator_id")
    result = satisfaction_scores(satisfaction([70 * POINT, 85 * POINT, 95 * POINT, None, 30 * POINT]), anchors)
    assert result["satisfaction_score"].to_list() == [67_500_000, 87_500_000, 100 * POINT, None, 30 * POINT]
    # Slopes 15/20, 25/10, 0 beyond the benchmark, and 60/60.
    assert result["satisfaction_se"].to_list() == [1.5, 5.0, 0.0, None, 2.0]


def test_at_an_anchor_the_steeper_side_is_the_slope() -> None:
    anchors = stored([0, 60, 80, 90]).drop("indicator_id")
    result = satisfaction_scores(satisfaction([60 * POINT, 80 * POINT, 90 * POINT]), anchors)
    assert result["satisfaction_se"].to_list() == [2.0, 5.0, 5.0]


def test_satisfaction_without_anchors_is_missing_and_named() -> None:
    anchors = stored([0, 60, 80, 80], "山区").drop("indicator_id")
    result = satisfaction_scores(satisfaction([70 * POINT]), anchors)
    assert result.rows() == [("V0", None, None, True, False)]
    flat = satisfaction_scores(satisfaction([70 * POINT], group="山区"), anchors)
    assert flat["ZERO_SPREAD"].to_list() == [True]
