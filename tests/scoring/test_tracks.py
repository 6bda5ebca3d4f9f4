"""Cells, the dual track and the results score: whole-number oracles, invariant 11 and what is missing."""

from __future__ import annotations

from fractions import Fraction
from math import floor, isqrt, sqrt

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.tracks import (
    TrackRules,
    applicable,
    cell_scores,
    dual_track,
    process_scores,
    results_scores,
    rounded_root,
    unit_cells,
)

POINT = 1_000_000
RULES = TrackRules()

cell = st.one_of(st.integers(0, 100 * POINT), st.sampled_from([0, 1, POINT, 60 * POINT, 100 * POINT]))
share = st.sampled_from([Fraction(3, 5), Fraction(1, 2), Fraction(13, 20), Fraction(2, 3)])


def track(quality: list[int | None], quantity: list[int | None], rules: TrackRules = RULES) -> list[int | None]:
    columns = (pl.Series(values, dtype=pl.Int64) for values in (quality, quantity))
    return dual_track(*columns, rules).to_list()


def whole_root(product: int, degree: int) -> int:
    """Greatest whole number whose power does not exceed the product, by bisection."""
    low, high = 0, 1
    while high**degree <= product:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= product else (low, middle)
    return low


def rounded(quality: int, quantity: int, alpha: Fraction) -> int:
    """Half up: twice the root, plus one, halved, all in whole numbers."""
    p, q = alpha.numerator, alpha.denominator
    return (whole_root(2**q * quality**p * quantity ** (q - p), q) + 1) // 2


@settings(max_examples=200, deadline=None, derandomize=True)
@given(pairs=st.lists(st.tuples(cell, cell), min_size=1, max_size=20), alpha=share)
@example(pairs=[(100 * POINT, 100 * POINT), (0, 0), (3 * POINT, 5 * POINT)], alpha=Fraction(3, 5))
def test_the_track_score_is_the_correctly_rounded_root(pairs: list[tuple[int, int]], alpha: Fraction) -> None:
    found = track([a for a, _ in pairs], [b for _, b in pairs], TrackRules(quality_share=alpha))
    assert found == [rounded(max(a, POINT), max(b, POINT), alpha) for a, b in pairs]


def test_roots_on_either_side_of_a_half_are_told_apart() -> None:
    """Twice a root is never an odd whole number, so a half itself cannot occur."""
    for below in (10, 999, 99_999_999):
        just_under = below * (below + 1)  # (below + 1/2)^2 - 1/4
        assert rounded_root(just_under, 1, Fraction(1, 2), below) == below == isqrt(just_under)
        assert rounded_root(just_under + 1, 1, Fraction(1, 2), below) == below + 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 1000), st.integers(1, 1000), share)
def test_a_doubtful_root_is_decided_with_each_track_at_its_own_power(a: int, b: int, alpha: Fraction) -> None:
    below = whole_root(a**alpha.numerator * b ** (alpha.denominator - alpha.numerator), alpha.denominator)
    assert rounded_root(a, b, alpha, below) == rounded(a, b, alpha)


def test_roots_within_a_millionth_of_a_half_are_decided_by_whole_numbers() -> None:
    """The root of ``k (k + 1)`` is ``k + 1/2`` less about ``1 / (8 k)``, here 3e-9: below what a float resolves."""
    rules = TrackRules(quality_share=Fraction(1, 2), cell_floor=Fraction(1, 1_000_000))
    ks = list(range(40_000_000, 40_000_200))
    under = track(ks, [k + 1 for k in ks], rules)
    assert under == ks


@settings(max_examples=200, deadline=None, derandomize=True)
@given(a=cell, b=cell, more=st.integers(0, 10 * POINT), alpha=share)
def test_invariant_11_the_dual_track_is_below_the_mean_and_nondecreasing(
    a: int, b: int, more: int, alpha: Fraction
) -> None:
    rules = TrackRules(quality_share=alpha)
    both, more_quality, more_quantity, equal = track([a, a + more, a, a], [b, b, b + more, a], rules)
    floored = max(a, POINT), max(b, POINT)
    mean = alpha * floored[0] + (1 - alpha) * floored[1]
    assert both is not None
    assert more_quality is not None
    assert more_quantity is not None
    assert both <= floor(mean + Fraction(1, 2))
    assert both <= min(more_quality, more_quantity)
    assert equal == floored[0]
    if abs(floored[0] - floored[1]) > POINT // 10:
        assert both < mean


def test_quantity_cannot_buy_quality() -> None:
    score = track([20 * POINT], [100 * POINT])[0]
    assert score is not None
    # The mean would be 52.
    assert 38 * POINT < score < 39 * POINT


def test_a_missing_track_counts_the_other_up_to_the_cap_and_never_zero() -> None:
    assert track([90 * POINT, None, 70 * POINT, None], [None, 95 * POINT, None, None]) == [
        80 * POINT,
        80 * POINT,
        70 * POINT,
        None,
    ]


def test_shares_and_floors_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="quality share"):
        track([1], [1], TrackRules(quality_share=Fraction(1)))
    with pytest.raises(ValueError, match="floor"):
        track([1], [1], TrackRules(cell_floor=Fraction(0)))


WEIGHTS = pl.DataFrame(
    [
        ("I1", None, 300_000, "visible", "quality", "outcome"),
        ("I2", None, 100_000, "visible", "quality", "output"),
        ("I3", None, 100_000, "visible", "quantity", "output"),
        ("I4", None, 100_000, "latent", "quality", "outcome"),
        ("I5", None, 900_000, "visible", "quality", "process"),
        ("I1", "山区", 100_000, "visible", "quality", "outcome"),
    ],
    schema={
        "indicator_id": pl.String,
        "peer_group": pl.String,
        "weight": pl.Int64,
        "achievement_kind": pl.String,
        "track": pl.String,
        "nature": pl.String,
    },
    orient="row",
)
UNITS = pl.DataFrame({"org_id": ["V1", "V2", "V3"], "org_name": ["a", "b", "c"], "peer_group": ["平原", "山区", None]})


def scores(rows: list[tuple[str, str, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"org_id": pl.String, "indicator_id": pl.String, "score100": pl.Int64}, orient="row"
    )


def test_a_weight_of_the_own_peer_group_replaces_the_general_one() -> None:
    found = applicable(UNITS, WEIGHTS).filter(pl.col("indicator_id") == "I1").sort("org_id")
    assert found.select("org_id", "weight").rows() == [("V1", 300_000), ("V2", 100_000), ("V3", 300_000)]


def test_an_indicator_of_one_group_does_not_apply_to_another() -> None:
    own = WEIGHTS.filter(pl.col("peer_group") == "山区")
    assert applicable(UNITS, own)["org_id"].to_list() == ["V2"]


def test_two_weights_or_a_negative_one_are_refused() -> None:
    with pytest.raises(ValueError, match="two weights"):
        applicable(UNITS, pl.concat([WEIGHTS, WEIGHTS[:1]]))
    with pytest.raises(ValueError, match="negative"):
        applicable(UNITS, WEIGHTS.with_columns(weight=pl.lit(-1, pl.Int64)))


def test_cells_are_weighted_means_and_missing_scores_are_reweighted() -> None:
    weights = applicable(UNITS, WEIGHTS)
    rows = [("V1", "I1", 80 * POINT), ("V1", "I2", 60 * POINT), ("V2", "I1", 80 * POINT), ("V2", "I2", 60 * POINT)]
    rows += [("V3", "I1", None), ("V3", "I2", 60 * POINT), ("V3", "I4", None), ("V1", "I5", 1)]
    cells = cell_scores(scores(rows), weights)
    quality = cells.filter((pl.col("achievement_kind") == "visible") & (pl.col("track") == "quality"))
    assert quality.select("org_id", "cell_score", "observed_weight", "n_indicators", "n_scored").rows() == [
        ("V1", 75 * POINT, 1_000_000, 2, 2),
        ("V2", 70 * POINT, 1_000_000, 2, 2),
        ("V3", 60 * POINT, 250_000, 2, 1),
    ]
    missing = cells.filter(pl.col("track") == "quantity")
    assert missing["cell_score"].to_list() == [None] * 3
    assert missing["observed_weight"].to_list() == [0] * 3


def test_process_indicators_have_a_part_of_their_own() -> None:
    weights = applicable(UNITS, WEIGHTS)
    found = process_scores(scores([("V1", "I5", 40 * POINT)]), weights)
    assert found.rows() == [("V1", 40 * POINT), ("V2", None), ("V3", None)]


def test_two_scores_of_an_indicator_are_refused() -> None:
    with pytest.raises(ValueError, match="two scores"):
        cell_scores(scores([("V1", "I1", 1), ("V1", "I1", 2)]), applicable(UNITS, WEIGHTS))


def cells_of(visible: tuple[int | None, int | None], latent: tuple[int | None, int | None]) -> pl.DataFrame:
    rows = [
        ("V1", kind, name, value)
        for kind, pair in (("visible", visible), ("latent", latent))
        for name, value in zip(("quality", "quantity"), pair, strict=True)
    ]
    names = {"org_id": pl.String, "achievement_kind": pl.String, "track": pl.String, "cell_score": pl.Int64}
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.mark.parametrize(
    ("visible", "latent", "expected"),
    [
        # .65 * 80 + .35 * 60
        ((80, 80), (60, 60), (80, 60, 73, False, False, False)),
        ((80, 80), (60, None), (80, 60, 73, True, False, False)),
        # Visible carries .65, enough alone; latent carries .35, not enough.
        ((80, 80), (None, None), (80, None, 80, False, False, True)),
        ((None, None), (60, 60), (None, 60, None, False, True, False)),
        ((None, None), (None, None), (None, None, None, False, True, True)),
        ((90, None), (100, 100), (80, 100, 87, True, False, False)),
    ],
)
def test_results_mix_visible_and_latent(
    visible: tuple[int | None, int | None],
    latent: tuple[int | None, int | None],
    expected: tuple[int | None, int | None, int | None, bool, bool, bool],
) -> None:
    def units(pair: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
        first, second = (None if value is None else value * POINT for value in pair)
        return first, second

    row = results_scores(cells_of(units(visible), units(latent)), RULES).row(0)
    points = tuple(None if value is None else value * POINT for value in expected[:3])
    assert row == ("V1", *points, *expected[3:], None)


def test_standard_errors_of_scores_reach_the_results_by_the_delta_method() -> None:
    weights = applicable(UNITS[:1], WEIGHTS)
    rows = [("I1", 80, 4), ("I2", 60, 8), ("I3", 50, None), ("I4", 90, 6)]
    given_scores = scores([("V1", name, value * POINT) for name, value, _ in rows]).with_columns(
        score100_se=pl.Series([None if error is None else error * POINT for _, _, error in rows])
    )
    cells = cell_scores(given_scores, weights)
    quality = sqrt((0.3 * 4) ** 2 + (0.1 * 8) ** 2) / 0.4
    by_cell = {(row["achievement_kind"], row["track"]): row["cell_se"] for row in cells.iter_rows(named=True)}
    assert by_cell["visible", "quality"] == pytest.approx(quality, rel=1e-12)
    assert by_cell["visible", "quantity"] is None
    found = results_scores(cells, RULES).row(0, named=True)
    visible = (75**0.6 * 50**0.4) * 0.6 * quality / 75
    # Latent has one track, above the cap of 80, where an error no longer moves the score.
    assert found["results_se"] == pytest.approx(0.65 * visible, rel=1e-6)


def test_the_delta_method_agrees_with_a_small_step() -> None:
    cells = cells_of((70 * POINT, 55 * POINT), (65 * POINT, 40 * POINT)).with_columns(
        cell_se=pl.Series([1.0, None, None, None])
    )
    step = 0.01
    only_visible = [
        float(
            results_scores(cells_of((int((70 + sign * step) * POINT), 55 * POINT), (65 * POINT, 40 * POINT)), RULES)[
                "results_score"
            ].item()
        )
        / POINT
        for sign in (-1, 1)
    ]
    slope = (only_visible[1] - only_visible[0]) / (2 * step)
    assert results_scores(cells, RULES)["results_se"].item() == pytest.approx(slope, rel=1e-3)


def test_the_table_of_cells_holds_decimal_points() -> None:
    cells = cell_scores(scores([("V1", "I1", 80 * POINT)]), applicable(UNITS, WEIGHTS))
    table = unit_cells(cells, UNITS, period_id="2026")
    first = table.filter((pl.col("org_id") == "V1") & (pl.col("track") == "quality") & (pl.col("n_scored") == 1))
    assert first.select(pl.col("cell_score", "observed_weight").cast(pl.String)).rows() == [("80.000000", "0.750000")]
