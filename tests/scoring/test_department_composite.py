"""Department composites: worked by hand, missing parts, and invariant 18."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.anchored_points import anchored_points
from scoring.composite import UNIT_RULES, CompositeRules, RankRules, unit_scores
from scoring.department_composite import DEPARTMENT_RULES, department_composites, fact_part_scores
from scoring.exact import points_decimal
from scoring.tables.units import DEPARTMENT_COMPOSITE

POINT = 1_000_000
DECIMAL = pl.Decimal(18, 6)
WEIGHTS = pl.DataFrame(
    {
        "indicator_id": ["off_list_tasks", "meetings", "on_time", "confirmed"],
        "part": ["burden", "burden", "response", "response"],
        "weight": [600_000, 400_000, 500_000, 500_000],
    }
)


def scores(rows: list[tuple[str, str, int | None]]) -> pl.DataFrame:
    names = {"org_id": pl.String, "indicator_id": pl.String, "score100": pl.Int64}
    return pl.DataFrame(rows, schema=names, orient="row")


def parts(rows: list[tuple[str, int | None, int | None, int | None]]) -> pl.DataFrame:
    names = ("reverse_rating_score", "burden_score", "response_score")
    frame = pl.DataFrame(rows, schema={"ratee_org_id": pl.String, **dict.fromkeys(names, pl.Int64)}, orient="row")
    return frame.with_columns(
        pl.when(pl.col(name).is_not_null()).then(pl.col(name) * POINT).alias(name) for name in names
    ).with_columns(org_name=pl.lit("农业农村局"), peer_group=pl.lit("政府"))


def test_fact_parts_are_weighted_means_and_missing_scores_are_reweighted() -> None:
    given_scores = scores(
        [
            ("D1", "off_list_tasks", 50 * POINT),
            ("D1", "meetings", 100 * POINT),
            ("D1", "on_time", None),
            ("D1", "confirmed", 80 * POINT),
            ("D2", "meetings", 90 * POINT),
            ("D2", "unlisted", 1),
        ]
    )
    assert fact_part_scores(given_scores, WEIGHTS).rows() == [
        ("D1", 70 * POINT, 80 * POINT),
        ("D2", 90 * POINT, None),
    ]


def test_the_composite_worked_by_hand() -> None:
    rows = parts([("D1", 80, 70, 60), ("D2", 80, None, 60), ("D3", None, 100, 100), ("D4", 90, 90, None)])
    table = department_composites(rows.with_columns(reverse_rating_se=pl.lit(3.0)), DEPARTMENT_RULES, period_id="2026")
    assert table.schema == DEPARTMENT_COMPOSITE.schema
    # .5 * 80 + .25 * 70 + .25 * 60; (40 + 15) / .75; without the reverse rating only half of the weight is left.
    assert table["composite_score"].to_list() == [Decimal("72.5"), Decimal("73.333333"), None, Decimal(90)]
    assert table["se"].to_list() == [1.5, 2.0, None, 2.0]
    assert table["rank"].to_list() == [3, 2, None, 1]
    assert table["n_ranked"].to_list() == [3] * 4
    assert table["observed_weight"].to_list() == [Decimal(1), Decimal("0.75"), Decimal("0.5"), Decimal("0.75")]
    assert table["reason_codes"].to_list() == [None, "MISSING_PART", "MISSING_PART;LOW_COVERAGE", "MISSING_PART"]


def test_a_missing_part_of_a_department_never_counts_as_zero() -> None:
    table = department_composites(parts([("D1", 80, None, 80)]), DEPARTMENT_RULES, period_id="2026")
    assert table["composite_score"].to_list() == [Decimal(80)]
    assert table["se"].to_list() == [None]


def test_scores_and_weights_given_twice_are_refused() -> None:
    row = scores([("D1", "meetings", 1)])
    with pytest.raises(ValueError, match="two scores"):
        fact_part_scores(pl.concat([row, row]), WEIGHTS)
    with pytest.raises(ValueError, match="one weight"):
        fact_part_scores(row, pl.concat([WEIGHTS, WEIGHTS]))


UNITS_SERVED = 20
ANCHORS = pl.DataFrame(
    {
        "indicator_id": ["off_list_tasks"],
        "peer_group": pl.Series([None], dtype=pl.String),
        "minimum": pl.Series([Decimal(10)], dtype=DECIMAL),
        "floor": pl.Series([Decimal(3)], dtype=DECIMAL),
        "achievement_threshold": pl.Series([Decimal(1)], dtype=DECIMAL),
        "benchmark": pl.Series([Decimal(0)], dtype=DECIMAL),
    }
)
LOWER = pl.DataFrame({"indicator_id": ["off_list_tasks"], "direction": ["lower_better"]})


def off_list_facts(counts: list[int]) -> pl.DataFrame:
    """Off-list tasks per unit served, of departments D00, D01, ..."""
    per_unit = [(POINT * count) // UNITS_SERVED for count in counts]
    return pl.DataFrame(
        {"indicator_id": "off_list_tasks", "org_id": [f"D{n:02d}" for n in range(len(counts))], "value": per_unit}
    ).with_columns(points_decimal("value"))


def composites(counts: list[int], baseline: list[int], rated: list[int]) -> pl.DataFrame:
    departments = [f"D{n:02d}" for n in range(len(counts))]
    organisations = pl.DataFrame({"org_id": departments, "org_name": "农业农村局", "peer_group": "政府"})
    points = anchored_points(off_list_facts(counts), off_list_facts(baseline), ANCHORS, LOWER, organisations)
    given_parts = (
        organisations.select("org_name", "peer_group", ratee_org_id="org_id")
        .join(fact_part_scores(points, WEIGHTS), on="ratee_org_id", how="left")
        .with_columns(reverse_rating_score=pl.Series(rated) * POINT)
    )
    return department_composites(given_parts, DEPARTMENT_RULES, period_id="2026")


def test_off_list_tasks_cost_the_sender_its_burden_score() -> None:
    """Twenty units: none, one, three and ten tasks for each of them."""
    table = composites([0, 20, 60, 200], [400, 400, 400, 200], [50, 50, 50, 50])
    # Coming from twenty each, three each is 17/20 of the way to none: 60 + 30 * .75 / .9 = 85 for the improvement.
    assert table["burden_score"].to_list() == [Decimal(100), Decimal("88.333333"), Decimal(85), Decimal(0)]


tasks = st.integers(0, 300)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(tasks, tasks, st.integers(0, 100)), min_size=1, max_size=6), st.integers(1, 40), st.data())
def test_invariant_18_one_more_off_list_task_never_raises_the_sender(
    rows: list[tuple[int, int, int]], more: int, data: st.DataObject
) -> None:
    counts, baseline, rated = (list(column) for column in zip(*rows, strict=True))
    sender = data.draw(st.integers(0, len(rows) - 1))
    heavier = [count + more * (place == sender) for place, count in enumerate(counts)]
    before, after = composites(counts, baseline, rated), composites(heavier, baseline, rated)
    assert after["composite_score"][sender] <= before["composite_score"][sender]
    assert after["burden_score"][sender] <= before["burden_score"][sender]
    assert after["rank"][sender] >= before["rank"][sender]
    others = pl.col("ratee_org_id") != f"D{sender:02d}"
    columns = ["burden_score", "composite_score", "observed_weight"]
    assert after.filter(others).select(columns).equals(before.filter(others).select(columns))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    values=st.lists(st.integers(0, 100 * POINT), min_size=3, max_size=3),
    received=st.lists(st.integers(0, 50), min_size=3, max_size=3),
    more=st.integers(1, 20),
)
def test_invariant_18_one_more_off_list_task_never_lowers_the_receiving_unit(
    values: list[int], received: list[int], more: int
) -> None:
    """The burden a unit bears is no part of its score, even where a register lists it beside the unit."""

    def scored(tasks_received: list[int]) -> pl.DataFrame:
        null = pl.lit(None, pl.Int64)
        given_parts = pl.DataFrame(
            {
                "org_id": ["V1", "V2", "V3"],
                "org_name": "柳河村",
                "peer_group": "平原",
                "satisfaction_score": values,
                "results_score": values[::-1],
                "off_list_tasks": tasks_received,
            }
        ).with_columns(
            satisfaction_se=pl.lit(None, pl.Float64),
            list_score=null,
            process_score=null,
            visible_score=null,
            latent_score=null,
        )
        return unit_scores(given_parts, CompositeRules(UNIT_RULES.weights), RankRules(seed=1, draws=10))

    before, after = scored(received), scored([received[0] + more, *received[1:]])
    assert after["differentiated_score"][0] >= before["differentiated_score"][0]
    assert after.drop("off_list_tasks").equals(before.drop("off_list_tasks"), null_equal=True)


def test_the_defaults_are_those_of_the_method() -> None:
    assert sum(DEPARTMENT_RULES.weights.values(), Fraction(0)) == 1
    assert DEPARTMENT_RULES.weights["reverse_rating_score"] >= Fraction(3, 10)
