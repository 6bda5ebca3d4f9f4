"""The unit score: an oracle in fractions, invariants 12, 13 and 19, standing, errors and effective weights."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor, sqrt
from statistics import median

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.composite import (
    UNIT_RULES,
    CompositeRules,
    RankRules,
    composite,
    data_completeness,
    effective_weights,
    list_scores,
    rank_intervals,
    standard_scores,
    standing,
    unit_score_table,
    unit_scores,
)
from scoring.tables.units import UNIT_SCORE
from scoring.tracks import TrackRules, applicable, cell_scores, process_scores, results_scores

POINT = 1_000_000
RANKS = RankRules(seed=7, draws=60)
PARTS = ("satisfaction_score", "results_score", "list_score")
DEFAULT = {"satisfaction_score": Fraction(35, 100), "results_score": Fraction(1, 2), "list_score": Fraction(15, 100)}

part = st.one_of(st.none(), st.integers(0, 100 * POINT), st.sampled_from([0, 60 * POINT, 100 * POINT]))
observed = st.integers(0, 100 * POINT)
whole_weight = st.integers(1, 9)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def frame(rows: list[dict[str, object]], names: tuple[str, ...] = PARTS) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Int64))


def named(values: list[int | None]) -> dict[str, int | None]:
    return {f"part_{number}": value for number, value in enumerate(values)}


def one(
    values: list[int | None],
    weights: list[int | Fraction],
    *,
    min_observed_weight: Fraction = Fraction(0),
    min_parts: int = 1,
) -> int | None:
    row = named(values)
    rules = CompositeRules(
        {name: Fraction(weight) for name, weight in zip(row, weights, strict=True)},
        min_observed_weight,
        min_parts,
    )
    result: int | None = composite(frame([dict(row)], tuple(row)), rules)["raw_score"].item()
    return result


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(part, part, part), min_size=1, max_size=12))
def test_the_composite_equals_the_formula_in_fractions(rows: list[tuple[int | None, int | None, int | None]]) -> None:
    def expected(values: tuple[int | None, ...]) -> tuple[int | None, Fraction]:
        there = [(weight, value) for weight, value in zip(DEFAULT.values(), values, strict=True) if value is not None]
        total = sum((weight for weight, _ in there), Fraction(0))
        enough = total >= Fraction(6, 10) and len(there) >= 2
        return (half_up(sum(weight * value for weight, value in there) / total) if enough else None), total

    found = composite(frame([dict(zip(PARTS, row, strict=True)) for row in rows]), UNIT_RULES_WITHOUT_PROCESS)
    assert found["raw_score"].to_list() == [expected(row)[0] for row in rows]
    assert found["observed_weight"].to_list() == [int(expected(row)[1] * POINT) for row in rows]


UNIT_RULES_WITHOUT_PROCESS = CompositeRules(DEFAULT)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(pairs=st.lists(st.tuples(part, whole_weight), min_size=1, max_size=6), factor=st.integers(2, 1000))
def test_invariant_12_the_composite_lies_within_its_parts_whatever_the_scale_of_the_weights(
    pairs: list[tuple[int | None, int]], factor: int
) -> None:
    values, weights = [value for value, _ in pairs], [weight for _, weight in pairs]
    score = one(values, list(weights))
    there = [value for value in values if value is not None]
    if not there:
        assert score is None
        return
    assert score is not None
    assert min(there) <= score <= max(there)
    assert one(values, [weight * factor for weight in weights]) == score
    assert one(values, [Fraction(weight, 1000) for weight in weights]) == score


@settings(max_examples=200, deadline=None, derandomize=True)
@given(pairs=st.lists(st.tuples(observed, whole_weight), min_size=1, max_size=6), extra=whole_weight)
def test_invariant_12_a_part_equal_to_the_composite_changes_nothing(pairs: list[tuple[int, int]], extra: int) -> None:
    values: list[int | None] = [value for value, _ in pairs]
    weights: list[int | Fraction] = [weight for _, weight in pairs]
    score = one(values, weights)
    assert one([*values, score], [*weights, extra]) == score
    assert one([*values, None], [*weights, extra]) == score


def test_a_missing_part_never_counts_as_zero() -> None:
    assert one([80 * POINT, None], [1, 99]) == 80 * POINT


def test_too_little_weight_or_too_few_parts_give_no_score_and_a_reason() -> None:
    rows = [
        {"satisfaction_score": None, "results_score": 80 * POINT, "list_score": 60 * POINT},
        {"satisfaction_score": 90 * POINT, "results_score": None, "list_score": 60 * POINT},
        {"satisfaction_score": None, "results_score": 80 * POINT, "list_score": None},
    ]
    found = composite(frame(rows), UNIT_RULES_WITHOUT_PROCESS)
    # .65 of the weight is enough, .50 is not.
    assert found["raw_score"].to_list() == [75_384_615, None, None]
    assert found["LOW_COVERAGE"].to_list() == [False, True, True]
    assert found["TOO_FEW_PARTS"].to_list() == [False, False, True]
    assert found["MISSING_PART"].to_list() == [True, True, True]


def test_a_part_without_weight_does_not_count_as_a_part() -> None:
    rules = CompositeRules({"a": Fraction(1), "b": Fraction(0)}, min_observed_weight=Fraction(0))
    found = composite(frame([{"a": 50, "b": 90}], ("a", "b")), rules)
    assert found.select("raw_score", "TOO_FEW_PARTS").row(0) == (None, True)


def test_weights_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        composite(frame([{"a": 1}], ("a",)), CompositeRules({"a": Fraction(0)}))
    with pytest.raises(ValueError, match="not negative"):
        composite(frame([{"a": 1}], ("a",)), CompositeRules({"a": Fraction(-1)}))


group = st.sampled_from(["平原", "山区", None])
units = st.lists(
    st.tuples(group, st.one_of(st.none(), st.integers(0, 5).map(lambda n: n * 20 * POINT), observed)),
    min_size=1,
    max_size=14,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(units)
def test_standing_equals_counting_by_hand(rows: list[tuple[str | None, int | None]]) -> None:
    found = standing(pl.DataFrame(rows, schema={"peer_group": pl.String, "score": pl.Int64}, orient="row"), "score")
    for (name, own), row in zip(rows, found.iter_rows(named=True), strict=True):
        peers = [] if name is None else [score for other, score in rows if other == name and score is not None]
        assert row["n_ranked"] == len(peers)
        if name is None or own is None:
            assert (row["rank"], row["percentile"]) == (None, None)
            continue
        above, below = sum(score > own for score in peers), sum(score < own for score in peers)
        middle = Fraction(2 * below + len(peers) - above - below, 2 * len(peers))
        assert row["rank"] == 1 + above
        assert row["percentile"] == half_up(100 * POINT * middle)
        assert row["peer_mean"] == half_up(Fraction(sum(peers), len(peers)))
        assert row["peer_median"] == half_up(Fraction(median([Fraction(score) for score in peers])))


def parts_of(rows: list[tuple[str | None, int | None, int | None, int | None]], se: float | None = 1.5) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"peer_group": pl.String, **dict.fromkeys(PARTS, pl.Int64)}, orient="row")
    null = pl.lit(None, pl.Int64)
    return frame.with_row_index("number").with_columns(
        org_id=pl.format("V{}", pl.col("number").cast(pl.String).str.zfill(3)),
        org_name=pl.lit("柳河村"),
        visible_score=null,
        latent_score=null,
        process_score=null,
        satisfaction_se=pl.when(pl.col("satisfaction_score").is_not_null()).then(pl.lit(se, pl.Float64)),
    )


grouped = st.lists(st.tuples(st.sampled_from(["平原", "山区"]), part, part, part), min_size=2, max_size=12)
OWN_FIGURES = (
    "org_id",
    "raw_score",
    "differentiated_score",
    "se",
    "observed_weight",
    "rank",
    "rank_low",
    "rank_high",
    "p_within_quota",
    "n_ranked",
    "peer_mean",
    "peer_median",
    "percentile",
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=grouped, others=st.lists(st.tuples(part, part, part), min_size=12, max_size=12))
def test_invariant_13_a_change_in_one_group_changes_nothing_in_another(
    rows: list[tuple[str, int | None, int | None, int | None]],
    others: list[tuple[int | None, int | None, int | None]],
) -> None:
    changed = [
        row if row[0] == "平原" else ("山区", *other) for row, other in zip(rows, others[: len(rows)], strict=True)
    ]
    before, after = (
        unit_scores(parts_of(list(given_rows)), UNIT_RULES, RANKS)
        .filter(pl.col("peer_group") == "平原")
        .select(OWN_FIGURES)
        for given_rows in (rows, changed)
    )
    assert before.equals(after, null_equal=True)


WEIGHTS = pl.DataFrame(
    {
        "indicator_id": ["I1", "I2", "I3", "P1"],
        "peer_group": pl.Series([None] * 4, dtype=pl.String),
        "weight": [400_000, 300_000, 200_000, 100_000],
        "achievement_kind": ["visible", "visible", "latent", "visible"],
        "track": ["quality", "quantity", "quality", "quality"],
        "nature": ["outcome", "output", "outcome", "process"],
    }
)


def program(by_group: dict[str, dict[str, list[int | None]]], process_weight: Fraction) -> pl.DataFrame:
    """From indicator scores (peer group to indicator to one score per unit) to the published table."""
    rows = [
        (f"{group}{n}", group, name, value)
        for group, scores in by_group.items()
        for name, column in scores.items()
        for n, value in enumerate(column)
    ]
    names = {"org_id": pl.String, "peer_group": pl.String, "indicator_id": pl.String, "score100": pl.Int64}
    given = pl.DataFrame(rows, schema=names, orient="row")
    orgs = given.select("org_id", "peer_group", org_name=pl.lit("柳河村")).unique()
    weights = applicable(orgs, WEIGHTS)
    parts = (
        orgs.join(results_scores(cell_scores(given, weights), TrackRules()), on="org_id", how="left")
        .join(process_scores(given, weights), on="org_id", how="left")
        .with_columns(satisfaction_score=pl.lit(75 * POINT), satisfaction_se=pl.lit(2.0), list_score=pl.lit(90 * POINT))
    )
    rules = CompositeRules({**UNIT_RULES.weights, "process_score": process_weight})
    return unit_score_table(unit_scores(parts, rules, RANKS), period_id="2026")


column = st.lists(part, min_size=4, max_size=4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(kept=st.tuples(column, column, column), process=column, other=column)
def test_invariant_19_process_indicators_without_weight_change_no_output(
    kept: tuple[list[int | None], ...], process: list[int | None], other: list[int | None]
) -> None:
    results = dict(zip(("I1", "I2", "I3"), kept, strict=True))
    # Two groups that differ in their process indicators only.
    table = program({"平原": {**results, "P1": process}, "山区": {**results, "P1": other}}, Fraction(0))
    first, second = (
        table.filter(pl.col("peer_group") == name).sort("org_id").drop("org_id", "peer_group")
        for name in ("平原", "山区")
    )
    assert first.equals(second, null_equal=True)


def test_process_indicators_with_a_weight_do_count() -> None:
    results: dict[str, list[int | None]] = {name: [80 * POINT] * 2 for name in ("I1", "I2", "I3")}
    low, high = (
        program({"平原": {**results, "P1": [value] * 2}}, Fraction(1, 10))["raw_score"][0] for value in (0, 100 * POINT)
    )
    # .35 * 75 + .50 * 80 + .15 * 90 over 1.1, and ten points more of 1.1.
    assert (low, high) == (Decimal("72.500000"), Decimal("81.590909"))


def test_the_whole_row_of_a_unit_worked_by_hand() -> None:
    rows = [
        ("平原", 70 * POINT, 80 * POINT, 100 * POINT),
        ("平原", None, 80 * POINT, 60 * POINT),
        ("平原", 90 * POINT, None, 60 * POINT),
        (None, 70 * POINT, 80 * POINT, 100 * POINT),
    ]
    table = unit_score_table(unit_scores(parts_of(rows, se=2.0), UNIT_RULES, RANKS), period_id="2026")
    assert table.schema == UNIT_SCORE.schema
    assert table["raw_score"].to_list() == [Decimal("79.5"), Decimal("75.384615"), None, Decimal("79.5")]
    # .35 * 2.0, and a unit without satisfaction has no standard error to state.
    assert table["se"].to_list() == [0.7, None, None, 0.7]
    assert table["rank"].to_list() == [1, 2, None, None]
    assert table["percentile"].to_list() == [Decimal(75), Decimal(25), None, None]
    assert table["peer_mean"].to_list()[:3] == [Decimal("77.442308")] * 3
    assert table["n_ranked"].to_list() == [2, 2, 2, 0]
    assert table["reason_codes"].to_list() == [
        None,
        "MISSING_PART;NO_SATISFACTION",
        "MISSING_PART;LOW_COVERAGE",
        "NO_PEER_GROUP",
    ]


def test_a_unit_given_twice_is_refused() -> None:
    row = parts_of([("平原", 1, 1, 1)])
    with pytest.raises(ValueError, match="twice"):
        unit_scores(pl.concat([row, row]), UNIT_RULES, RANKS)


def test_ranks_are_taken_before_rounding_for_people() -> None:
    rows = [("平原", 70 * POINT, 80 * POINT, value) for value in (60 * POINT, 60 * POINT + 10, 60 * POINT)]
    found = unit_scores(parts_of(list(rows)), UNIT_RULES, RANKS)
    # 1.5 millionths of a point more, half up 2: invisible on a page and still a rank.
    assert found["rank"].to_list() == [2, 1, 2]


def test_the_standard_error_follows_the_effective_weights() -> None:
    rows = parts_of([("平原", 70 * POINT, 80 * POINT, None)], se=3.0).with_columns(results_se=pl.lit(2.0))
    found = unit_scores(rows, UNIT_RULES, RANKS)
    expected = sqrt((0.35 / 0.85 * 3.0) ** 2 + (0.5 / 0.85 * 2.0) ** 2)
    assert found["se"].item() == pytest.approx(expected, rel=1e-14)


def scored(rows: list[tuple[str, int, float | None]]) -> pl.DataFrame:
    names = {"peer_group": pl.String, "score": pl.Int64, "se": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        org_id=pl.format("V{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(3))
    )


def test_without_error_the_rank_interval_is_the_rank() -> None:
    rows = scored([("平原", value * POINT, 0.0) for value in (90, 70, 70, 50, 40)])
    found = rank_intervals(rows, "score", RankRules(seed=1, draws=20))
    assert found.select("rank_low", "rank_high").rows() == [(1, 1), (2, 2), (2, 2), (4, 4), (5, 5)]
    assert found["p_within_quota"].to_list() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_with_error_the_chance_of_a_place_is_that_of_two_normals() -> None:
    rows = scored([("平原", 71 * POINT, 1.0), ("平原", 70 * POINT, 1.0)])
    found = rank_intervals(rows, "score", RankRules(seed=1, draws=20_000, quota=Fraction(1, 2)))
    # P(N(1, 2) > 0) = Phi(1 / sqrt 2) = .7602
    assert found["p_within_quota"].to_list() == pytest.approx([0.7602, 0.2398], abs=0.01)
    assert found.select("rank_low", "rank_high").rows() == [(1, 2), (1, 2)]


def test_a_unit_without_a_standard_error_has_no_interval_and_fixes_the_others() -> None:
    rows = scored([("平原", 90 * POINT, 0.5), ("平原", 70 * POINT, None), ("山区", 60 * POINT, None)])
    found = rank_intervals(rows, "score", RankRules(seed=1, draws=50))
    assert found.select("rank_low", "rank_high").rows() == [(1, 1), (None, None), (None, None)]


def test_standard_scores_shrink_toward_all_units_and_are_clipped() -> None:
    values = [60, 62, 70, 71, 90, 95, 20]
    names = ["平原"] * 4 + ["山区"] * 3
    rows = pl.DataFrame({"peer_group": names, "score": [value * POINT for value in values]})
    found = standard_scores(rows, "score")["z"].to_numpy()
    x, everybody = np.array(values, dtype=float), np.array(values, dtype=float)
    for name in ("平原", "山区"):
        own = np.array([other == name for other in names])
        n = own.sum()
        center = (n * x[own].mean() + 5 * everybody.mean()) / (n + 5)
        spread = np.sqrt((n * x[own].var() + 5 * everybody.var()) / (n + 5))
        assert found[own] == pytest.approx(np.clip((x[own] - center) / spread, -3, 3), abs=1e-12)
    far = standard_scores(
        pl.DataFrame({"peer_group": ["平原"] * 100, "score": [100 * POINT] + [50 * POINT] * 99}), "score"
    )
    assert far["z"][0] == 3.0


def test_without_any_spread_the_standard_score_is_zero_and_flagged() -> None:
    rows = pl.DataFrame({"peer_group": ["平原", "平原", None], "score": [70 * POINT] * 3})
    found = standard_scores(rows, "score")
    assert found["z"].to_list() == [0.0, 0.0, None]
    assert found["NO_SPREAD"].to_list() == [True, True, False]


def test_effective_weights_are_covariance_shares_and_add_up_to_one() -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    count = 40
    satisfaction = generator.integers(50 * POINT, 100 * POINT, count)
    # Results nearly at the ceiling carry half of the weight and little of the variance (Hangzhou 2005).
    results = generator.integers(98 * POINT, 100 * POINT, count)
    duty = generator.integers(80 * POINT, 100 * POINT, count)
    rows = pl.DataFrame(
        {"peer_group": "平原", "satisfaction_score": satisfaction, "results_score": results, "list_score": duty}
    )
    incomplete = rows[:1].with_columns(list_score=pl.lit(None, pl.Int64))
    found = effective_weights(pl.concat([rows, incomplete]), UNIT_RULES, period_id="2026")
    parts = np.array([satisfaction, results, duty], dtype=float)
    weights = np.array([0.35, 0.5, 0.15])
    total = weights @ parts
    expected = dict(
        zip(
            PARTS,
            [w * np.cov(row, total)[0, 1] / total.var(ddof=1) for w, row in zip(weights, parts, strict=True)],
            strict=True,
        )
    )
    got = dict(found.select("part", "effective_weight").iter_rows())
    assert got == pytest.approx(expected, abs=1e-6)
    assert sum(got.values()) == pytest.approx(1.0, abs=2e-6)
    assert got["results_score"] < 0.1
    assert found["n_units"].to_list() == [count] * 3
    assert dict(found.select("part", "weight").iter_rows())["results_score"] == Decimal("0.5")


def test_scores_that_do_not_vary_have_no_effective_weight() -> None:
    rows = frame([dict.fromkeys(PARTS, 70 * POINT)] * 3).with_columns(peer_group=pl.lit("平原"))
    assert effective_weights(rows, UNIT_RULES, period_id="2026")["effective_weight"].to_list() == [None] * 3


def test_the_list_score_is_the_share_of_verified_items_fulfilled() -> None:
    results = pl.DataFrame(
        {
            "org_id": ["V1", "V1", "V1", "V1", "V2"],
            "duty_id": ["D1", "D2", "D3", "D4", "D1"],
            "fulfilled": [True, True, False, None, None],
        }
    )
    found = list_scores(results)
    assert found.rows() == [("V1", 3, 2, 66_666_667), ("V2", 0, 0, None)]
    with pytest.raises(ValueError, match="two results"):
        list_scores(pl.concat([results, results]))


def test_the_register_answers_for_missing_values() -> None:
    applicable_indicators = pl.DataFrame(
        {
            "org_id": ["V1", "V2", "V3", "V1"],
            "indicator_id": ["I1", "I1", "I1", "I2"],
            "source_register": ["健康档案", "健康档案", "健康档案", "地籍"],
        }
    )
    facts = pl.DataFrame({"org_id": ["V1", "V2", "V1"], "indicator_id": ["I1", "I1", "I2"], "value": [1, None, 2]})
    found = data_completeness(applicable_indicators, facts)
    assert sorted(found.rows()) == [("健康档案", 3, 1, 333_333), ("地籍", 1, 1, 1_000_000)]


def test_no_float_score_enters_the_chain() -> None:
    """Points handed over as 80.5 would be read as 80 millionths of a point."""
    row = parts_of([("平原", 70 * POINT, 80 * POINT, 90 * POINT)])
    with pytest.raises(TypeError, match="results_score"):
        unit_scores(row.with_columns(results_score=pl.lit(80.5)), UNIT_RULES, RANKS)
    with pytest.raises(TypeError, match="score"):
        standing(pl.DataFrame({"peer_group": ["平原"], "score": [80.5]}), "score")
    weights = applicable(row.select("org_id", "peer_group"), WEIGHTS)
    floats = pl.DataFrame({"org_id": ["V000"], "indicator_id": ["I1"], "score100": [80.5]})
    for stage in (cell_scores, process_scores):
        with pytest.raises(TypeError, match="score100"):
            stage(floats, weights)
