"""Anchors from a baseline: percentiles against published definitions, fences, parents, movement and the hash."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.anchors import (
    ANCHOR_SCHEMA,
    AnchorRules,
    anchors_sha256,
    group_anchors,
    percentile,
    verified_anchors,
    within_outer_fences,
)

DECIMAL = pl.Decimal(18, 6)
TODAY = dt.date(2025, 11, 1)
Values = dict[str, list[int | Decimal]]


def anchors(
    values: Values,
    *,
    lower: bool = False,
    parents: dict[str, str] | None = None,
    previous: pl.DataFrame | None = None,
    limits: tuple[int, int] | None = None,
    statutory: int | None = None,
    rules: AnchorRules | None = None,
) -> pl.DataFrame:
    rows = [(f"{group}{number}", group, value) for group, found in values.items() for number, value in enumerate(found)]
    facts = pl.DataFrame(
        {
            "indicator_id": "I1",
            "org_id": [row[0] for row in rows],
            "value": pl.Series([Decimal(row[2]) for row in rows], dtype=DECIMAL),
        }
    )
    low, high = limits or (None, None)
    indicators = pl.DataFrame(
        {
            "indicator_id": ["I1"],
            "direction": ["lower_better" if lower else "higher_better"],
            "min": [low],
            "max": [high],
            "statutory_floor": [statutory],
        },
    ).with_columns(pl.col("min", "max", "statutory_floor").cast(DECIMAL))
    organisations = pl.DataFrame({"org_id": [row[0] for row in rows], "peer_group": [row[1] for row in rows]})
    return group_anchors(
        facts,
        indicators,
        organisations,
        baseline_period="2024",
        decided_on=TODAY,
        parents=parents,
        previous=previous,
        rules=rules,
    )


def four(row: dict[str, object]) -> tuple[object, ...]:
    return row["minimum"], row["floor"], row["achievement_threshold"], row["benchmark"]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=40), st.integers(0, 20))
def test_percentiles_are_those_of_numpys_default(values: list[int], twentieths: int) -> None:
    found = percentile(sorted(values), Fraction(twentieths, 20))
    assert float(found) == pytest.approx(float(np.quantile(values, twentieths / 20)), rel=1e-12, abs=1e-3)


def test_percentiles_of_the_definition_worked_by_hand() -> None:
    # Position 1 + (n - 1) q: for n = 5 and q = .05 it is 1.2, a fifth of the way from the first to the second.
    assert percentile([10, 20, 30, 40, 50], Fraction(1, 20)) == 12
    assert percentile([10, 20], Fraction(1, 2)) == 15
    assert percentile([7], Fraction(1, 20)) == 7


def test_outer_fences_remove_only_what_lies_beyond_three_interquartile_ranges() -> None:
    # Of nine values the third and the seventh are the quartiles: 3 and 7, so the fences stand at -9 and 19.
    assert list(within_outer_fences([1, 2, 3, 4, 5, 6, 7, 8, 19])) == [1, 2, 3, 4, 5, 6, 7, 8, 19]
    assert list(within_outer_fences([1, 2, 3, 4, 5, 6, 7, 8, 20])) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert list(within_outer_fences([-9, 2, 3, 4, 5, 6, 7, 8, 9])) == [-9, 2, 3, 4, 5, 6, 7, 8, 9]
    assert list(within_outer_fences([-10, 2, 3, 4, 5, 6, 7, 8, 9])) == [2, 3, 4, 5, 6, 7, 8, 9]


def test_the_anchors_of_a_group_worked_by_hand() -> None:
    values: Values = {"平原": list(range(1, 21))}
    row = anchors(values, limits=(0, 100)).row(0, named=True)
    # 1..20: 5th percentile at 1 + 19/20 = 1.95, median 10.5, best tenth 19 and 20.
    assert four(row) == (Decimal(0), Decimal("1.95"), Decimal("10.5"), Decimal("19.5"))
    assert (row["n_units"], row["n_removed"], row["small_group"], row["report_only"]) == (20, 0, False, True)
    assert (row["baseline_period"], row["decided_on"]) == ("2024", TODAY)


def test_where_lower_is_better_the_anchors_mirror() -> None:
    row = anchors({"平原": list(range(1, 21))}, lower=True, limits=(0, 100)).row(0, named=True)
    assert four(row) == (Decimal(100), Decimal("19.05"), Decimal("10.5"), Decimal("1.5"))


def test_without_a_declared_scale_the_minimum_is_the_worst_value_kept() -> None:
    row = anchors({"平原": [*range(1, 21), 10_000, -10_000]}).row(0, named=True)
    assert four(row) == (Decimal(1), Decimal("1.95"), Decimal("10.5"), Decimal("19.5"))
    assert (row["n_units"], row["n_removed"]) == (22, 2)


def test_a_statutory_floor_replaces_the_percentile() -> None:
    assert anchors({"平原": list(range(1, 21))}, statutory=5)["floor"].item() == Decimal(5)


def test_the_best_tenth_is_rounded_up_to_whole_units() -> None:
    assert anchors({"平原": list(range(1, 12))})["benchmark"].item() == Decimal("10.5")
    assert anchors({"平原": list(range(1, 11))})["benchmark"].item() == Decimal(10)


def test_a_group_of_fewer_than_ten_takes_its_parents_anchors() -> None:
    values: Values = {"平原": list(range(1, 21)), "山区": [5, 6, 7], "湖区": [100] * 9}
    found = anchors(values, parents={"山区": "农村", "平原": "农村", "湖区": "水网"}).sort("peer_group")
    by_group = {row["peer_group"]: row for row in found.iter_rows(named=True)}
    assert (by_group["平原"]["source_group"], by_group["平原"]["n_units"]) == ("平原", 20)
    assert (by_group["山区"]["source_group"], by_group["山区"]["n_units"], by_group["山区"]["small_group"]) == (
        "农村",
        23,
        False,
    )
    # 1..20 with 5, 6, 7 again: the 12th of 23 values.
    assert by_group["山区"]["achievement_threshold"] == Decimal(9)
    assert (by_group["湖区"]["source_group"], by_group["湖区"]["n_units"], by_group["湖区"]["small_group"]) == (
        "水网",
        9,
        True,
    )


def test_parents_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        anchors({"平原": [1]}, parents={"平原": "农村", "农村": "平原"})


def test_an_established_indicator_moves_at_most_five_points_of_its_scale() -> None:
    first = anchors({"平原": list(range(1, 21))}, limits=(0, 100))
    higher = anchors({"平原": list(range(41, 61))}, limits=(0, 100), previous=first).row(0, named=True)
    assert (higher["achievement_threshold"], higher["benchmark"]) == (Decimal("15.5"), Decimal("24.5"))
    assert (higher["movement_limited"], higher["report_only"]) == (True, False)
    near = anchors({"平原": list(range(4, 24))}, limits=(0, 100), previous=first).row(0, named=True)
    assert (near["achievement_threshold"], near["movement_limited"]) == (Decimal("13.5"), False)
    lower = anchors({"平原": list(range(41, 61))}, limits=(0, 100), lower=True, previous=first).row(0, named=True)
    assert lower["achievement_threshold"] == Decimal("15.5")
    # Without a declared scale the limit is a twentieth of the range of the values, 19.
    free = anchors({"平原": list(range(41, 61))}, previous=first).row(0, named=True)
    assert free["achievement_threshold"] == Decimal("11.45")
    assert anchors(
        {"平原": list(range(41, 61))}, limits=(0, 100), previous=first, rules=AnchorRules(max_movement=Fraction(1))
    )["movement_limited"].to_list() == [False]


def test_stored_anchors_that_were_changed_are_refused() -> None:
    stored = anchors({"平原": list(range(1, 21)), "山区": list(range(11, 31))})
    assert stored.schema == dict(ANCHOR_SCHEMA)
    shuffled = stored.sort("peer_group", descending=True)
    assert verified_anchors(shuffled).equals(verified_anchors(stored))
    assert stored["anchors_sha256"].unique().to_list() == [anchors_sha256(shuffled)]
    for change in (
        {"benchmark": pl.lit(Decimal("19.500001"), DECIMAL)},
        {"decided_on": pl.lit(dt.date(2025, 11, 2))},
        {"report_only": pl.lit(value=False)},
        {"anchors_sha256": pl.lit("0" * 64)},
    ):
        with pytest.raises(ValueError, match="not the ones"):
            verified_anchors(stored.with_columns(**change))
    with pytest.raises(ValueError, match="not the ones"):
        verified_anchors(stored[:1])


def test_a_fact_of_an_unknown_indicator_is_refused() -> None:
    facts = pl.DataFrame({"indicator_id": "I9", "org_id": ["V1"], "value": pl.Series([Decimal(1)], dtype=DECIMAL)})
    known = pl.DataFrame({"indicator_id": ["I1"], "direction": ["higher_better"]})
    units = pl.DataFrame({"org_id": ["V1"], "peer_group": ["平原"]})
    with pytest.raises(ValueError, match="I9"):
        group_anchors(facts, known, units, baseline_period="2024", decided_on=TODAY)


def test_units_with_too_few_cases_set_no_anchor() -> None:
    count = 20
    facts = pl.DataFrame(
        {
            "indicator_id": "I1",
            "org_id": [f"V{number:02d}" for number in range(count)],
            "value": pl.Series([Decimal(number) for number in range(1, count + 1)], dtype=DECIMAL),
            "denominator": pl.Series([Decimal(9 if number >= 10 else 10) for number in range(count)], dtype=DECIMAL),
        }
    )
    indicators = pl.DataFrame({"indicator_id": ["I1"], "direction": ["higher_better"], "min_cases": [10]})
    units = pl.DataFrame({"org_id": facts["org_id"], "peer_group": "平原"})
    found = group_anchors(facts, indicators, units, baseline_period="2024", decided_on=TODAY)
    assert found.select("n_units", "benchmark").rows() == [(10, Decimal(10))]
