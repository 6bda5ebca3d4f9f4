"""Consistency points, domain and total scores and the exchange slope: worked by hand and in fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.hospital_value import (
    DOMAIN_UNITS,
    PRINTED_UNITS,
    adjustment_factor,
    consistency_points,
    domain_scores,
    exchange_slope,
    patient_domain,
    printed_score,
    total_scores,
)

DECIMAL = pl.Decimal(18, 6)
DOMAINS = ("clinical", "patient", "safety", "efficiency")
QUARTERS = dict.fromkeys(DOMAINS, Fraction(1, 4))


def dimensions(rows: list[tuple[str, str | None, str, str]]) -> pl.DataFrame:
    names = ["org_id", "value", "floor", "achievement_threshold"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").with_columns(
        pl.col(names[1:]).cast(DECIMAL)
    )


def test_the_lowest_dimension_decides_the_consistency_points() -> None:
    rows = [
        # Half of the way and all of it: floor(20 * .5).
        ("H1", "60", "50", "70"),
        ("H1", "95", "50", "70"),
        # Every dimension at its threshold.
        ("H2", "70", "50", "70"),
        # Below a floor.
        ("H3", "49.9", "50", "70"),
        ("H3", "70", "50", "70"),
        # 20 * .999 = 19.98, so 19.
        ("H4", "69.98", "50", "70"),
        ("H5", None, "50", "70"),
    ]
    assert consistency_points(dimensions(rows)).rows() == [("H1", 10), ("H2", 20), ("H3", 0), ("H4", 19), ("H5", None)]


def test_a_threshold_at_its_floor_is_refused() -> None:
    with pytest.raises(ValueError, match="not above its floor"):
        consistency_points(dimensions([("H1", "1", "50", "50")]))


def test_the_patient_domain_is_base_plus_consistency() -> None:
    rows = dimensions([("H1", "60", "50", "70"), ("H1", "70", "50", "70"), ("H2", "70", "50", "70")])
    points = pl.DataFrame({"org_id": ["H1", "H1", "H2"], "points": [4, 9, None]})
    found = patient_domain(rows, points)
    assert found.rows() == [("H1", 13, 10, 23 * DOMAIN_UNITS), ("H2", None, 20, None)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.integers(0, 10)), min_size=1, max_size=12))
def test_a_domain_score_is_the_exact_share_of_the_points(points: list[int | None]) -> None:
    rows = pl.DataFrame({"org_id": "H1", "domain": "clinical", "points": pl.Series(points, dtype=pl.Int64)})
    found = domain_scores(rows, {"clinical": 2}).row(0, named=True)
    there = [value for value in points if value is not None]
    assert found["n_measures"] == len(there)
    if len(there) < 2:
        assert found["domain_score"] is None
    else:
        assert Fraction(found["domain_score"], DOMAIN_UNITS) == Fraction(100 * sum(there), 10 * len(there))


def test_a_domain_without_a_minimum_or_with_too_many_measures_is_refused() -> None:
    rows = pl.DataFrame({"org_id": "H1", "domain": "clinical", "points": [1] * 13})
    with pytest.raises(ValueError, match="no minimum"):
        domain_scores(rows, {"safety": 1})
    with pytest.raises(ValueError, match="more than 12"):
        domain_scores(rows, {"clinical": 1})


def domains(scores: list[Fraction | None]) -> pl.DataFrame:
    units = [None if score is None else int(score * DOMAIN_UNITS) for score in scores]
    return pl.DataFrame(
        {"org_id": "H1", "domain": DOMAINS, "domain_score": units}, schema_overrides={"domain_score": pl.Int64}
    )


def test_a_missing_domain_is_reweighted_and_two_are_too_few() -> None:
    three = total_scores(domains([Fraction(10), Fraction(20), None, Fraction(60)]), QUARTERS)
    assert three.row(0) == ("H1", 3, 30 * PRINTED_UNITS)
    two = total_scores(domains([Fraction(10), Fraction(20), None, None]), QUARTERS)
    assert two.row(0) == ("H1", 2, None)


def test_the_published_example_of_reweighting() -> None:
    """Weights 10, 25 and 40 of 75 become 13.3, 33.3 and 53.3 per cent (qualitynet.org)."""
    weights = dict(
        zip(DOMAINS, (Fraction(10, 100), Fraction(25, 100), Fraction(40, 100), Fraction(25, 100)), strict=True)
    )
    for place, share in enumerate((13.3, 33.3, 53.3)):
        scores: list[Fraction | None] = [Fraction(100 * (number == place)) for number in range(3)]
        found = total_scores(domains([*scores, None]), weights)["total_score"].item()
        assert found / PRINTED_UNITS == pytest.approx(share, abs=0.05)


def test_totals_are_rounded_once_from_exact_domains() -> None:
    """The sum of 20/3, 0 and 200/3 over three is 24.444..., though the printed domains add up to a half more."""
    rows = domains([Fraction(20, 3), Fraction(0), Fraction(200, 3), None])
    assert total_scores(rows, QUARTERS)["total_score"].item() == 24_444_444_444_444
    assert rows.select(printed_score("domain_score"))["domain_score"].to_list() == [
        6_666_666_666_667,
        0,
        66_666_666_666_667,
        None,
    ]


def test_the_slope_spends_the_pool_exactly() -> None:
    scores = pl.DataFrame({"base": [100, 300], "total_score": [50 * PRINTED_UNITS, 10 * PRINTED_UNITS]})
    slope = exchange_slope(scores)
    # 400 over 100 * .5 + 300 * .1.
    assert slope == 5
    paid = [base * Fraction(2, 100) * Fraction(score, 100 * PRINTED_UNITS) * slope for base, score in scores.rows()]
    assert sum(paid) == 400 * Fraction(2, 100)
    assert adjustment_factor(50 * PRINTED_UNITS, slope, Fraction(2, 100)) == 1_030_000_000_000
    assert adjustment_factor(0, slope, Fraction(2, 100)) == 980_000_000_000
    with pytest.raises(ValueError, match="all scores are 0"):
        exchange_slope(scores.with_columns(total_score=pl.lit(0, pl.Int64)))


def test_the_consistency_points_take_the_decimals_as_they_are() -> None:
    # 20 (62.41 - 50) / (63.05 - 50) = 19.0191...; a float would do, a share of exactly 1 must not miss by a bit.
    rows = dimensions([("H1", "0.3", "0.1", "0.3")])
    assert consistency_points(rows)["consistency_points"].item() == 20
    assert Decimal("0.3") - Decimal("0.1") == Decimal("0.2")
